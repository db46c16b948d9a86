//! Lines before, between and after the parts of a multipart body. Sans-I/O.

use bytes::Buf as _;

use super::{JpegPart, MultipartReader, PartEvent, SOI, State};
use crate::proto::mistake::Mistake;
use crate::session::http::boundary::LineKind;
use crate::session::http::part_header::PartHeader;

/// Lines between parts.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// True if a frame may begin here without a delimiter.
    pub(super) accepts_frame: bool,
    /// True before the first part, where a header may begin without a delimiter.
    pub(super) is_preamble: bool,
    /// Line of dashes that is a delimiter if a header or an empty line follows.
    pub(super) candidate: Option<Vec<u8>>,
    /// Number of bytes up to the end of the part by its Content-Length; negative if the frame ended after that. `None`
    /// without Content-Length.
    pub(super) expected: Option<i64>,
    /// Number of bytes consumed in this state.
    pub(super) consumed: i64,
    /// Number of bytes of line ends at the end of the bytes consumed.
    pub(super) line_ends: i64,
    /// True inside a line whose beginning was dropped because it is too long.
    pub(super) is_in_long_line: bool,
}

/// Maximum length of a line between parts that is kept, in bytes.
pub(super) const MAX_LINE: usize = 1_024;

/// Lines before, between and after the parts.
impl MultipartReader {
    pub(super) fn read_gap(&mut self) -> bool {
        let State::Between(gap) = &mut self.state else { return false };
        if gap.accepts_frame && !gap.is_in_long_line {
            let beginning = &self.buffer[..self.buffer.len().min(SOI.len())];
            if beginning == SOI {
                return self.start_frame_without_header();
            }
            if SOI.starts_with(beginning) {
                return false;
            }
        }
        let window = self.buffer.len().min(MAX_LINE);
        match memchr::memchr(b'\n', &self.buffer[..window]) {
            Some(end) if gap.is_in_long_line => {
                gap.is_in_long_line = false;
                self.drop_line(end + 1)
            }
            Some(end) => self.read_gap_line(end + 1),
            None if window == MAX_LINE || gap.is_in_long_line => {
                gap.is_in_long_line = true;
                // The last bytes may be the beginning of a frame.
                let dropped = window.saturating_sub(SOI.len());
                dropped > 0 && self.drop_line(dropped)
            }
            None => false,
        }
    }

    /// Handles a complete line of `length` bytes, line end included.
    pub(super) fn read_gap_line(&mut self, length: usize) -> bool {
        let State::Between(gap) = &mut self.state else { return false };
        let line = self.buffer[..length].trim_ascii_end().to_vec();
        let kind = self.boundary.classify(&line);
        let is_header = PartHeader::is_header(&line);
        match (kind, gap.candidate.take()) {
            (LineKind::Delimiter, _) => self.start_header(&line, length),
            (LineKind::Closing, _) => {
                self.check_length();
                self.drop_line(length)
            }
            (LineKind::Dashes, _) if !self.boundary.is_seen() => {
                gap.candidate = Some(line);
                self.drop_line(length)
            }
            // The line of dashes was the delimiter, although another is stated, or none.
            (LineKind::Other, Some(candidate)) if line.is_empty() || is_header => {
                if self.boundary.is_stated() && !self.boundary.is_seen() {
                    let place = String::from_utf8_lossy(&candidate).into_owned();
                    self.events.push_back(PartEvent::Mistake(Mistake::OtherBoundary, place));
                }
                self.start_header(&candidate, 0)
            }
            (LineKind::Other, None) if gap.is_preamble && PartHeader::is_part_header(&line) => {
                self.start_header(b"", 0)
            }
            (LineKind::Dashes | LineKind::Other, _) => self.drop_line(length),
        }
    }

    /// Drops bytes between parts, but not a frame that begins in them.
    pub(super) fn drop_line(&mut self, length: usize) -> bool {
        let State::Between(gap) = &mut self.state else { return false };
        let dropped = &self.buffer[..length];
        let soi = memchr::memmem::find(dropped, SOI).filter(|_| gap.accepts_frame);
        let length = soi.unwrap_or(length);
        let is_blank = dropped[..length].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        let line_ends = if dropped[..length].ends_with(b"\r\n") { 2 } else { 1 };
        gap.consumed += length as i64;
        gap.line_ends = if is_blank { gap.line_ends + length as i64 } else { line_ends };
        gap.is_in_long_line &= soi.is_none();
        self.buffer.advance(length);
        true
    }

    /// Compares the Content-Length of the last part with the bytes up to the delimiter. One line end belongs to the
    /// delimiter, but some senders count it, and some write more.
    pub(super) fn check_length(&mut self) {
        let State::Between(Gap { expected: Some(expected), consumed, line_ends, .. }) = self.state else {
            return;
        };
        if !(consumed - line_ends..=consumed).contains(&expected) {
            let place = format!("{} bytes", expected - (consumed - line_ends));
            self.events.push_back(PartEvent::Mistake(Mistake::WrongPartLength, place));
        }
        if let State::Between(gap) = &mut self.state {
            gap.expected = None;
        }
    }

    /// Starts the header of a part after its delimiter, of which `length` bytes are still in the buffer.
    pub(super) fn start_header(&mut self, delimiter: &[u8], length: usize) -> bool {
        self.check_length();
        if !delimiter.is_empty() {
            self.boundary.adopt(delimiter);
        }
        self.buffer.advance(length);
        self.header = PartHeader::default();
        self.state = State::Header { delimiter: String::from_utf8_lossy(delimiter).into_owned(), length: 0 };
        true
    }

    pub(super) fn start_frame_without_header(&mut self) -> bool {
        self.header = PartHeader::default();
        self.state = State::Jpeg(JpegPart::default());
        true
    }
}
