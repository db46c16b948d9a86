//! Frame between the receiver and the taps or the screen. Sans-I/O.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::media::jpeg::FreshArea;

/// Compressed JPEG, complete or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Bytes that arrived, in order: from SOI to EOI if nothing is missing.
    pub jpeg: Bytes,
    /// Ranges of the JPEG that did not arrive, as [`AssembledFrame::missing`] counts them.
    ///
    /// [`AssembledFrame::missing`]: crate::media::payload::AssembledFrame::missing
    pub missing: Vec<Range<usize>>,
    /// Positions at which restart intervals begin, as [`AssembledFrame::restarts`] counts them.
    ///
    /// [`AssembledFrame::restarts`]: crate::media::payload::AssembledFrame::restarts
    pub restarts: Vec<(usize, u16)>,
    /// Parts of the picture that come from this frame, if it is damaged and `jpeg` was repaired; `None` for a complete frame,
    /// and for a damaged one before its repair.
    pub fresh_area: Option<Arc<FreshArea>>,
    /// RTP timestamp in ticks of 90 kHz, extended so that it never wraps.
    pub timestamp: i64,
    /// Time at which it was assembled, which is the arrival time of its last packet unless a gap was waited for.
    pub arrival: Instant,
}

impl Frame {
    /// Creates a complete frame.
    pub fn complete(jpeg: Bytes, timestamp: i64, arrival: Instant) -> Self {
        Self { jpeg, missing: Vec::new(), restarts: Vec::new(), fresh_area: None, timestamp, arrival }
    }

    /// Returns true if every byte arrived.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}
