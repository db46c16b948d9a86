//! Lines before, between and after the parts of a multipart body.

use super::boundary::{Boundary, LineKind};
use super::part_header::PartHeader;

/// Lines between two parts, before the first one, or after the last one.
#[derive(Debug, Default)]
pub struct Gap {
    /// True if a frame may begin here without a delimiter.
    accepts_frame: bool,
    /// True before the first part, where a header may begin without a delimiter.
    is_preamble: bool,
    /// Line of dashes that is a delimiter if a header or an empty line follows.
    candidate: Option<Vec<u8>>,
    /// Number of bytes up to the end of the part by its Content-Length; negative if the frame ended after that. `None`
    /// without Content-Length.
    expected: Option<i64>,
    /// Number of bytes consumed in this state.
    consumed: i64,
    /// Number of bytes of line ends at the end of the bytes consumed.
    line_ends: i64,
    /// True inside a line whose beginning was dropped because it is too long.
    is_in_long_line: bool,
}

/// Result of [`Gap::read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapStep {
    /// More bytes are needed.
    NeedsMore,
    /// Number of bytes that belong to no part.
    Skip(usize),
    /// The line of this number of bytes is the delimiter after the last part.
    Closing(usize),
    /// A frame begins here, without a header.
    Frame,
    /// The header of a part begins.
    Header {
        /// Delimiter line in front of it; empty if it is missing.
        delimiter: Vec<u8>,
        /// Number of bytes before the header.
        length: usize,
        /// True if the delimiter is not the boundary that the response states.
        is_other: bool,
    },
}

/// First bytes of a JPEG: SOI, and the first byte of the marker after it.
pub const SOI: &[u8] = &[0xFF, 0xD8, 0xFF];

/// Maximum length of a line that is kept, in bytes.
pub const MAX_LINE: usize = 1_024;

impl Gap {
    /// Creates the lines before the first part.
    pub fn preamble() -> Self {
        Self { accepts_frame: true, is_preamble: true, ..Self::default() }
    }

    /// Creates the lines after a part whose data ends in `expected` bytes by its Content-Length.
    pub fn after_frame(expected: Option<i64>) -> Self {
        Self { accepts_frame: true, expected, ..Self::default() }
    }

    /// Creates lines that only a delimiter ends: those of a text, or of a damaged frame.
    pub fn up_to_delimiter() -> Self {
        Self::default()
    }

    /// Reads the next line at the beginning of `buffer`.
    pub fn read(&mut self, buffer: &[u8], boundary: &Boundary) -> GapStep {
        if self.accepts_frame && !self.is_in_long_line {
            let beginning = &buffer[..buffer.len().min(SOI.len())];
            if beginning == SOI {
                return GapStep::Frame;
            }
            if SOI.starts_with(beginning) {
                return GapStep::NeedsMore;
            }
        }
        let window = buffer.len().min(MAX_LINE);
        match memchr::memchr(b'\n', &buffer[..window]) {
            Some(end) if self.is_in_long_line => {
                self.is_in_long_line = false;
                self.skip(&buffer[..=end])
            }
            Some(end) => self.read_line(&buffer[..=end], boundary),
            None if window == MAX_LINE || self.is_in_long_line => {
                self.is_in_long_line = true;
                self.skip_part_of_line(&buffer[..window])
            }
            None => GapStep::NeedsMore,
        }
    }

    /// Handles a complete line, with its line end.
    fn read_line(&mut self, bytes: &[u8], boundary: &Boundary) -> GapStep {
        let line = bytes.trim_ascii_end();
        let is_header = PartHeader::is_header(line);
        match (boundary.classify(line), self.candidate.take()) {
            (LineKind::Delimiter, _) => {
                GapStep::Header { delimiter: line.to_vec(), length: bytes.len(), is_other: false }
            }
            (LineKind::Closing, _) => GapStep::Closing(bytes.len()),
            (LineKind::Dashes, _) if !boundary.is_seen() => {
                self.candidate = Some(line.to_vec());
                self.skip(bytes)
            }
            // The line of dashes was the delimiter, although another is stated, or none.
            (LineKind::Other, Some(delimiter)) if line.is_empty() || is_header => {
                GapStep::Header { delimiter, length: 0, is_other: boundary.is_stated() }
            }
            (LineKind::Other, None) if self.is_preamble && PartHeader::is_part_header(line) => {
                GapStep::Header { delimiter: Vec::new(), length: 0, is_other: false }
            }
            (LineKind::Dashes | LineKind::Other, _) => self.skip(bytes),
        }
    }

    /// Skips bytes of a long line, without the last ones: they may be the beginning of a frame.
    fn skip_part_of_line(&mut self, bytes: &[u8]) -> GapStep {
        let soi = memchr::memmem::find(bytes, SOI).filter(|_| self.accepts_frame);
        match soi.map_or(bytes.len().saturating_sub(SOI.len() - 1), |soi| soi + SOI.len()) {
            0 => GapStep::NeedsMore,
            length => self.skip(&bytes[..length]),
        }
    }

    /// Skips bytes that belong to no part, up to a frame that begins in them.
    pub fn skip(&mut self, bytes: &[u8]) -> GapStep {
        let soi = memchr::memmem::find(bytes, SOI).filter(|_| self.accepts_frame);
        let skipped = &bytes[..soi.unwrap_or(bytes.len())];
        let is_blank = skipped.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        let line_ends = if skipped.ends_with(b"\r\n") { 2 } else { 1 };
        self.consumed += skipped.len() as i64;
        self.line_ends = if is_blank { self.line_ends + skipped.len() as i64 } else { line_ends };
        self.is_in_long_line &= soi.is_none();
        GapStep::Skip(skipped.len())
    }

    /// Compares the Content-Length of the last part with the bytes up to the delimiter that follows. Returns the number
    /// of bytes by which it is wrong. One line end belongs to the delimiter, but some senders count it, and some write
    /// more.
    pub fn take_length_error(&mut self) -> Option<i64> {
        let (end, expected) = (self.consumed - self.line_ends, self.expected.take()?);
        (!(end..=self.consumed).contains(&expected)).then(|| expected - end)
    }
}
