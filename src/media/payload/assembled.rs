//! Frames assembled from packets, complete or not.

use std::ops::Range;

use bytes::Bytes;

use crate::media::jpeg::InsertedRestarts;

/// End of a missing range where the length of the frame is not known.
pub const UNKNOWN_END: usize = usize::MAX;

/// Maximum number of gaps in a frame. Bytes after further gaps are dropped and count as missing.
const MAX_GAPS: usize = 1_024;

/// Result of the packets of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// The bytes received, possibly with gaps.
    Frame(AssembledFrame),
    /// The packets were received but are invalid. The text states the reason, for a message.
    Unusable(&'static str),
}

/// The received bytes of a frame, and the ranges that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    /// Received bytes, in order. A complete frame is a JPEG from SOI to EOI; with the original header, it has EOI only
    /// if the sender's frame has one.
    pub jpeg: Bytes,
    /// Ranges of the frame that were not received, in order; empty if the frame is complete.
    ///
    /// Positions are in bytes from SOI. If the first packet is missing, the length of the header is unknown: the first
    /// range begins at 0, and positions are in bytes from the start of the scan data. If another part of the header is
    /// missing, the complete frame counts as missing. The end of the last range is [`UNKNOWN_END`] if the length of the
    /// frame is unknown.
    pub missing: Vec<Range<usize>>,
    /// Positions at which restart intervals are known to begin, as `missing` counts them, each with the index of the
    /// interval; in order. Only frames whose packets state it have any (RFC 2435 §3.1.7).
    pub restarts: Vec<(usize, u16)>,
    /// Restart markers that the sender has inserted, and that are to be removed before the bytes are saved; `None` if
    /// there are none.
    pub inserted_restarts: Option<InsertedRestarts>,
    /// RTP timestamp of the frame, in ticks.
    pub timestamp: u32,
    /// Sequence number of the first packet received.
    pub sequence: u16,
    /// Sequence number of the last packet received.
    pub last_sequence: u16,
    /// The last packet, which has the marker, was not received. False if the payload format has no marker.
    pub lacks_marker: bool,
    /// The sender left out APPn and COM segments because the header was longer than a packet.
    pub headers_reduced: bool,
}

impl AssembledFrame {
    /// Creates a frame whose other fields are zero, or those of a payload format that does not have them.
    pub(super) fn new(jpeg: Bytes, missing: Vec<Range<usize>>) -> Self {
        Self {
            jpeg,
            missing,
            restarts: Vec::new(),
            inserted_restarts: None,
            timestamp: 0,
            sequence: 0,
            last_sequence: 0,
            lacks_marker: false,
            headers_reduced: false,
        }
    }

    /// Returns true if no byte is missing.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Missing ranges of a frame, and the position up to which bytes are known to be received or missing.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    missing: Vec<Range<usize>>,
    position: usize,
    is_truncated: bool,
}

impl Gaps {
    /// Adds `length` bytes received at the current position.
    pub fn append(&mut self, length: usize) {
        self.position = self.position.saturating_add(length);
    }

    /// Adds `length` bytes received at `start` and returns true if to keep them. Bytes that overlap earlier ones, or
    /// that follow more than [`MAX_GAPS`] gaps, are not kept, and the rest of the frame counts as missing.
    pub fn insert(&mut self, start: usize, length: usize) -> bool {
        if self.is_truncated
            || start < self.position
            || start > self.position && self.missing.len() >= MAX_GAPS
        {
            self.truncate();
            return false;
        }
        if start > self.position {
            self.missing.push(self.position..start);
        }
        self.position = start.saturating_add(length);
        true
    }

    /// Marks all bytes from the current position on as missing.
    pub fn truncate(&mut self) {
        if !std::mem::replace(&mut self.is_truncated, true) {
            self.missing.push(self.position..UNKNOWN_END);
        }
    }

    /// Moves all positions by the length of a header, in bytes, that precedes them.
    pub fn shift(&mut self, length: usize) {
        for range in &mut self.missing {
            *range = range.start.saturating_add(length)..range.end.saturating_add(length);
        }
    }

    /// Returns true if nothing is missing up to the current position.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns the missing ranges, in order.
    pub fn into_missing(self) -> Vec<Range<usize>> {
        self.missing
    }
}
