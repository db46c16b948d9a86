//! What is told of a session while it goes on.

use std::sync::Arc;

use super::packet_log::PacketLogRow;
use super::snapshot::Snapshot;

/// The figures of a session at one instant, and the fates of its last packets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// The figures.
    pub snapshot: Snapshot,
    /// The last frames, packet by packet, the oldest first.
    pub packet_rows: Arc<[PacketLogRow]>,
}
