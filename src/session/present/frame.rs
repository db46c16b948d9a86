//! A frame on its way from the receiver to the taps and the screen.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;

/// One compressed JPEG, complete or not.
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
    /// When its last packet arrived.
    pub arrival: Instant,
}

impl Frame {
    /// Tells whether every byte arrived.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}
