//! PURE. A frame on its way from the receiver to the screen.

use std::time::Instant;

use bytes::Bytes;

/// A picture that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// From SOI to EOI.
    pub jpeg: Bytes,
    /// Its timestamp, extended so that it never wraps.
    pub timestamp: i64,
    /// When it was whole.
    pub arrival: Instant,
}
