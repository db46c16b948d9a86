//! What is told of a session while it goes on.

use std::sync::Arc;

use super::snapshot::Snapshot;
use super::strip::Row;

/// The figures of a session at one instant, and the fates of its last packets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// The figures.
    pub snapshot: Snapshot,
    /// The last frames, packet by packet, the oldest first.
    pub rows: Arc<[Row]>,
}
