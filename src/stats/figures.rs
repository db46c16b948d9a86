//! Figures that a session publishes while it runs.

use std::sync::Arc;

use super::packet_log::PacketLogRow;
use super::snapshot::Snapshot;

/// Figures of a session at one instant, and the fates of its last packets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Figures of the session.
    pub snapshot: Snapshot,
    /// Packets of the last frames, the oldest frame first; empty without a screen.
    pub packet_rows: Arc<[PacketLogRow]>,
}
