//! Frame between the receiver and the taps or the screen. Sans-I/O.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;

/// Compressed JPEG, complete or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Bytes that arrived, in order: from SOI to EOI if nothing is missing.
    pub jpeg: Bytes,
    /// Ranges of the JPEG that did not arrive, as [`AssembledFrame::missing`] counts them.
    ///
    /// [`AssembledFrame::missing`]: crate::media::payload::AssembledFrame::missing
    pub missing: Vec<Range<usize>>,
    /// RTP timestamp in ticks of 90 kHz, extended so that it never wraps.
    pub timestamp: i64,
    /// Time at which it was assembled, which is the arrival time of its last packet unless a gap was waited for.
    pub arrival: Instant,
}

impl Frame {
    /// Returns true if every byte arrived.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}
