//! A frame as its packets have made it, complete or not.

use std::ops::Range;

use bytes::Bytes;

/// End of a missing range where the length of the frame is not known.
pub const UNKNOWN_END: usize = usize::MAX;

/// Maximum number of gaps that are kept apart in a frame; what follows them counts as missing.
const MAX_GAPS: usize = 1_024;

/// The outcome of a frame's packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// The bytes that arrived. They may not be all of them.
    Frame(AssembledFrame),
    /// The packets arrived and cannot be understood; the text says why.
    Unusable(&'static str),
}

/// The bytes of one frame, and what of it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    /// Bytes that arrived, in order. A complete frame is a JPEG from SOI to EOI.
    pub jpeg: Bytes,
    /// Ranges of the frame that did not arrive, in order; empty if the frame is complete.
    ///
    /// Positions count from SOI. If the first packet is missing the header is unknown: then the first range begins
    /// at 0 and positions count from the start of the scan data. The end of the last range is [`UNKNOWN_END`] where
    /// nothing tells how long the frame is.
    pub missing: Vec<Range<usize>>,
    /// RTP timestamp of the frame.
    pub timestamp: u32,
    /// Sequence number of the first packet that arrived.
    pub sequence: u16,
    /// The sender left out APPn and COM segments because the header did not fit.
    pub headers_reduced: bool,
}

impl AssembledFrame {
    /// Tells whether every byte arrived.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Ranges of a frame that are missing so far, and the position up to which the frame is accounted for.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    missing: Vec<Range<usize>>,
    position: usize,
    is_cut: bool,
}

impl Gaps {
    /// Accounts for `length` bytes that arrived at the current position.
    pub fn append(&mut self, length: usize) {
        self.position = self.position.saturating_add(length);
    }

    /// Accounts for bytes that arrived at `start`. Returns whether they are to be kept: not where they overlap what is
    /// there, nor behind [`MAX_GAPS`] gaps. From there on the frame counts as missing.
    pub fn insert(&mut self, start: usize, length: usize) -> bool {
        if self.is_cut || start < self.position || start > self.position && self.missing.len() >= MAX_GAPS {
            self.cut();
            return false;
        }
        if start > self.position {
            self.missing.push(self.position..start);
        }
        self.position = start.saturating_add(length);
        true
    }

    /// Counts everything from the current position on as missing.
    pub fn cut(&mut self) {
        if !std::mem::replace(&mut self.is_cut, true) {
            self.missing.push(self.position..UNKNOWN_END);
        }
    }

    /// Tells whether nothing is missing up to the current position.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// The missing ranges.
    pub fn into_missing(self) -> Vec<Range<usize>> {
        self.missing
    }
}
