//! Reader of the JPEG frames in a multipart/x-mixed-replace body, as cameras send it.
//!
//! The end of a frame is found by its markers, not by Content-Length, which many cameras state wrongly or not at all.
//! The length and the boundary are used where the markers do not suffice: for frames without EOI, and to pass over
//! other parts. A body without any boundary is read as JPEG frames one after the other, and a single JPEG as one frame.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::boundary::{Boundary, Follows, LineKind};
use super::gap::{Gap, GapStep, SOI};
use super::part_header::PartHeader;
use crate::media::jpeg::{FrameParser, MAX_FRAME_SIZE, ParseStatus};
use crate::proto::mistake::Mistake;

/// Reader of one body. [`MultipartReader::push`] takes bytes in pieces of any size; then
/// [`MultipartReader::poll_event`] is called until it returns `None`.
#[derive(Debug)]
pub struct MultipartReader {
    buffer: BytesMut,
    state: State,
    boundary: Boundary,
    /// Header of the current part.
    header: PartHeader,
    events: VecDeque<PartEvent>,
    /// True once a frame with EOI was read. From then on, one without EOI is damaged.
    has_seen_end_marker: bool,
    /// True if the header of the response states that the body is multipart.
    is_multipart: bool,
    /// Time of a frame without a part header, in µs; `None` if it is not known.
    time: Option<u64>,
    /// Number of bytes of the body that were read.
    received: u64,
    /// The delimiter after the last part was received, and no part since.
    is_closed: bool,
}

/// Event of the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartEvent {
    /// The header of a part is complete: its delimiter line and its header lines, each followed by `\n`.
    Header(String),
    /// A frame is complete.
    Frame(PartFrame),
    /// A part is not a complete JPEG.
    Unusable(UnusablePart),
    /// A mistake of the sender was tolerated; with its place.
    Mistake(Mistake, String),
}

/// Frame of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFrame {
    /// Bytes from SOI to EOI.
    pub jpeg: Bytes,
    /// Position of SOI in the body, in bytes.
    pub offset: u64,
    /// Time that the sender states, in µs since an origin of its own; `None` if it states none.
    pub time: Option<u64>,
}

/// Reason why a part has no frame, as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusablePart {
    /// The part has another media type, which is no text.
    #[error("they are {0}")]
    OtherType(String),
    /// The bytes are no JPEG, or end too early.
    #[error("they are damaged or no JPEG")]
    Damaged,
    /// The part is larger than a frame may be.
    #[error("they are larger than {} MB", MAX_FRAME_SIZE / 1_000_000)]
    TooLarge,
    /// The header of the part is too long.
    #[error("their headers are longer than {MAX_HEADER} bytes")]
    HeaderTooLong,
}

/// Position of the next byte.
#[derive(Debug)]
enum State {
    /// In the lines before the first part, between two parts, or after the last one.
    Between(Gap),
    /// In the lines of the header of a part.
    Header {
        /// Delimiter line in front of the header; empty if it is missing.
        delimiter: String,
        /// Number of bytes of the header so far.
        length: usize,
    },
    /// At the first byte of the data of a part.
    DataStart,
    /// In a JPEG, which begins at the start of the buffer.
    Jpeg(JpegPart),
    /// In a part that is no JPEG, with this number of bytes left.
    Skip { remaining: usize },
}

/// JPEG that has begun.
#[derive(Debug, Default)]
struct JpegPart {
    parser: FrameParser,
    /// Number of bytes of the buffer that the parser has seen.
    parsed: usize,
    /// Number of bytes in which no delimiter was found.
    searched: usize,
    /// Content-Length, as long as it is not known to be wrong, in bytes.
    length: Option<usize>,
}

/// Maximum length of the header of a part, in bytes.
const MAX_HEADER: usize = 16 * 1024;

/// Maximum number of line ends between the header and the data of a part that are passed over.
const MAX_EXTRA_LINE_ENDS: usize = 4;

impl MultipartReader {
    /// Creates a reader. `boundary` is that of Content-Type. `is_multipart` is false for a body that is a JPEG, or of
    /// unknown type.
    pub fn new(boundary: Option<&str>, is_multipart: bool) -> Self {
        let mut events = VecDeque::new();
        if is_multipart && boundary.is_none() {
            events.push_back(PartEvent::Mistake(Mistake::MissingBoundary, String::new()));
        }
        Self {
            buffer: BytesMut::new(),
            state: State::Between(Gap::preamble()),
            boundary: Boundary::new(boundary),
            header: PartHeader::default(),
            events,
            has_seen_end_marker: false,
            is_multipart,
            time: None,
            received: 0,
            is_closed: false,
        }
    }

    /// Gives a frame without a part header the time in the header of the response, in µs.
    pub fn with_time(self, time: Option<u64>) -> Self {
        Self { time, ..self }
    }

    /// Reads the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
        while self.step() {}
    }

    /// Handles the end of the body: a frame without EOI is complete if it is not known to be cut.
    pub fn finish(&mut self) {
        if let State::Jpeg(part) = &self.state {
            let end = part.length.unwrap_or(self.buffer.len());
            match self.buffer.get(end..).is_some_and(|rest| rest.trim_ascii().is_empty()) {
                true => self.end_without_marker(end),
                false => drop(self.reject(UnusablePart::Damaged, self.buffer.len())),
            }
        }
        while self.step() {}
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<PartEvent> {
        self.events.pop_front()
    }

    /// Returns true if the last thing received is the delimiter after the last part (RFC 2046 §5.1.1).
    pub fn is_closed(&self) -> bool {
        let is_between = matches!(self.state, State::Between(_));
        is_between && (self.is_closed || self.boundary.classify(&self.buffer) == LineKind::Closing)
    }

    /// Returns true if a part has begun and is not complete.
    pub fn is_in_part(&self) -> bool {
        matches!(self.state, State::Header { .. } | State::Jpeg(_) | State::Skip { .. })
    }

    /// Handles bytes of the buffer. Returns false if more are needed.
    fn step(&mut self) -> bool {
        match &self.state {
            _ if self.buffer.is_empty() => false,
            State::Between(_) => self.read_gap(),
            State::Header { .. } => self.read_header(),
            State::DataStart => self.start_data(),
            State::Jpeg(_) => self.read_jpeg(),
            State::Skip { remaining } => {
                let skipped = (*remaining).min(self.buffer.len());
                let remaining = remaining - skipped;
                self.buffer.advance(skipped);
                self.state = match remaining {
                    0 => between(Some(0)),
                    remaining => State::Skip { remaining },
                };
                true
            }
        }
    }
}

/// Returns the state after a part whose data ends in `expected` bytes by its Content-Length.
fn between(expected: Option<i64>) -> State {
    State::Between(Gap::after_frame(expected))
}

/// Lines between parts.
impl MultipartReader {
    fn read_gap(&mut self) -> bool {
        let State::Between(gap) = &mut self.state else { return false };
        match gap.read(&self.buffer, &self.boundary) {
            GapStep::NeedsMore => return false,
            GapStep::Skip(length) => self.buffer.advance(length),
            GapStep::Closing(length) => {
                self.check_length();
                self.buffer.advance(length);
                self.is_closed = true;
            }
            GapStep::Frame => {
                self.is_closed = false;
                self.header = PartHeader { time: self.time, ..PartHeader::default() };
                self.state = State::Jpeg(JpegPart::default());
            }
            GapStep::Header { delimiter, length, is_other } => {
                self.is_closed = false;
                self.check_length();
                self.start_header(&delimiter, is_other);
                self.buffer.advance(length);
            }
        }
        true
    }

    fn check_length(&mut self) {
        let State::Between(gap) = &mut self.state else { return };
        if let Some(difference) = gap.take_length_error() {
            let place = format!("{difference} bytes");
            self.events.push_back(PartEvent::Mistake(Mistake::WrongPartLength, place));
        }
    }

    /// Starts the header of a part. `is_other` is true if the response states another boundary.
    fn start_header(&mut self, delimiter: &[u8], is_other: bool) {
        let text = String::from_utf8_lossy(delimiter).into_owned();
        if is_other {
            self.events.push_back(PartEvent::Mistake(Mistake::OtherBoundary, text.clone()));
        }
        if !delimiter.is_empty() {
            self.boundary.adopt(delimiter);
        }
        self.header = PartHeader::default();
        self.state = State::Header { delimiter: text, length: 0 };
    }
}

/// Headers of parts.
impl MultipartReader {
    fn read_header(&mut self) -> bool {
        let State::Header { delimiter, length } = &mut self.state else { return false };
        let beginning = &self.buffer[..self.buffer.len().min(SOI.len())];
        // Some cameras write no empty line after the header.
        if beginning == SOI {
            return self.end_header();
        }
        if SOI.starts_with(beginning) {
            return false;
        }
        let available = MAX_HEADER - *length;
        let window = self.buffer.len().min(available);
        let Some(end) = memchr::memchr(b'\n', &self.buffer[..window]) else {
            return window == available && self.reject(UnusablePart::HeaderTooLong, window);
        };
        *length += end + 1;
        let line = self.buffer.split_to(end + 1);
        let line = line.trim_ascii_end();
        match self.boundary.classify(line) {
            // The delimiter stands twice, or the part before it has no header and no data.
            LineKind::Delimiter => {
                *delimiter = String::from_utf8_lossy(line).into_owned();
                self.header = PartHeader::default();
            }
            _ if line.is_empty() => return self.end_header(),
            _ => self.header.push_line(line),
        }
        true
    }

    fn end_header(&mut self) -> bool {
        let State::Header { delimiter, .. } = &self.state else { return false };
        let text = format!("{delimiter}\n{}", self.header.text);
        self.events.push_back(PartEvent::Header(text));
        self.state = match self.header.length {
            Some(0) => {
                self.events.push_back(PartEvent::Mistake(Mistake::EmptyPart, String::new()));
                between(None)
            }
            _ => State::DataStart,
        };
        true
    }

    /// Decides by the first bytes of a part what it is: cameras state wrong types, or none.
    fn start_data(&mut self) -> bool {
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let blank = blank.min(MAX_EXTRA_LINE_ENDS);
        let rest = &self.buffer[blank..];
        let beginning = &rest[..rest.len().min(2)];
        if SOI.starts_with(beginning) && beginning.len() < 2 {
            return false;
        }
        if beginning == &SOI[..2] {
            self.buffer.advance(blank);
            // A length that no frame has is wrong: some cameras state that of the complete stream. The markers show the
            // end.
            let length = self.header.length.filter(|length| *length <= MAX_FRAME_SIZE);
            if let Some(stated) = self.header.length.filter(|_| length.is_none()) {
                let place = format!("{stated} bytes are too many");
                self.events.push_back(PartEvent::Mistake(Mistake::WrongPartLength, place));
            }
            self.state = State::Jpeg(JpegPart { length, ..JpegPart::default() });
            return true;
        }
        self.skip_part()
    }

    /// Passes over a part that is no JPEG. Text is nothing unusual; some cameras send it between frames.
    fn skip_part(&mut self) -> bool {
        let is_empty = self.boundary.is_seen() && self.boundary.follows(&self.buffer) != Follows::No;
        if is_empty && self.boundary.follows(&self.buffer) == Follows::NeedsMore {
            return false;
        }
        let content_type = self.header.content_type.clone();
        match content_type {
            _ if is_empty => self.events.push_back(PartEvent::Mistake(Mistake::EmptyPart, String::new())),
            Some(content_type) if !is_text(&content_type) && !is_jpeg(&content_type) => {
                self.events.push_back(PartEvent::Unusable(UnusablePart::OtherType(content_type)));
            }
            Some(content_type) if is_text(&content_type) => {}
            Some(_) => self.events.push_back(PartEvent::Unusable(UnusablePart::Damaged)),
            None => {}
        }
        let length = self.header.length.filter(|length| !is_empty && *length <= MAX_FRAME_SIZE);
        self.state = match length {
            Some(remaining) => State::Skip { remaining },
            // Lines of the text may have any form, so only a delimiter ends it.
            None => State::Between(Gap::up_to_delimiter()),
        };
        true
    }
}

fn is_text(content_type: &str) -> bool {
    ["text/", "application/json", "application/xml"].iter().any(|text| content_type.starts_with(text))
}

fn is_jpeg(content_type: &str) -> bool {
    ["image/jpeg", "image/jpg", "image/pjpeg", "application/octet-stream", "video/jpeg", "image/"]
        .contains(&content_type)
}

/// JPEG data.
impl MultipartReader {
    fn read_jpeg(&mut self) -> bool {
        let State::Jpeg(part) = &mut self.state else { return false };
        if part.length == Some(part.parsed) {
            return self.decide_about_length();
        }
        let end = part.length.map_or(self.buffer.len(), |length| length.min(self.buffer.len()));
        if part.parsed >= end {
            return false;
        }
        let start = part.parsed;
        match part.parser.advance(&self.buffer[start..end]) {
            ParseStatus::Complete { consumed } => self.handle_end_marker(start + consumed),
            ParseStatus::Invalid { consumed, after_ff } => self.handle_invalid(start + consumed, after_ff),
            ParseStatus::Incomplete => {
                part.parsed = end;
                self.search_delimiter()
            }
        }
    }

    /// Searches the data of a part without a usable Content-Length for a delimiter.
    fn search_delimiter(&mut self) -> bool {
        let State::Jpeg(part) = &mut self.state else { return false };
        let has_boundary = self.boundary.is_seen() || self.boundary.is_stated();
        if part.length.is_none() && has_boundary {
            if let Some(end) = self.boundary.find(&self.buffer[..part.parsed], part.searched) {
                self.end_without_marker(end);
                return true;
            }
            part.searched = part.parsed.saturating_sub(self.boundary.overlap());
        }
        if self.buffer.len() > MAX_FRAME_SIZE {
            return self.reject(UnusablePart::TooLarge, self.buffer.len());
        }
        true
    }

    /// Decides at the end of the Content-Length, where the frame has not ended: if a delimiter follows, the frame ends
    /// there all the same; otherwise the length is wrong.
    fn decide_about_length(&mut self) -> bool {
        let State::Jpeg(part) = &mut self.state else { return false };
        let end = part.parsed;
        match self.boundary.follows(&self.buffer[end..]) {
            Follows::NeedsMore => return false,
            Follows::Yes => self.end_without_marker(end),
            Follows::No => {
                part.length = None;
                let place = format!("{end} bytes are too few");
                self.events.push_back(PartEvent::Mistake(Mistake::WrongPartLength, place));
            }
        }
        true
    }

    /// Handles EOI at `end`, unless a delimiter before it shows that a segment of this frame is cut.
    fn handle_end_marker(&mut self, end: usize) -> bool {
        let State::Jpeg(part) = &self.state else { return false };
        let delimiter = match part.length {
            Some(_) => None,
            None => self.boundary.find(&self.buffer[..end], part.searched).filter(|_| self.has_boundary()),
        };
        match delimiter {
            Some(delimiter) => {
                self.end_without_marker(delimiter);
                true
            }
            None => self.end_frame(end),
        }
    }

    fn has_boundary(&self) -> bool {
        self.boundary.is_seen() || self.boundary.is_stated()
    }

    /// Ends the frame with EOI, of `end` bytes.
    fn end_frame(&mut self, end: usize) -> bool {
        let State::Jpeg(part) = &self.state else { return false };
        let expected = part.length.map(|length| length as i64 - end as i64);
        self.has_seen_end_marker = true;
        self.emit_frame(end);
        self.state = between(expected);
        true
    }

    /// Ends the frame before EOI. If the sender writes EOI in other frames, this one is cut.
    fn end_without_marker(&mut self, end: usize) {
        let mut parser = FrameParser::default();
        let is_in_scan =
            parser.advance(&self.buffer[..end]) == ParseStatus::Incomplete && parser.is_in_scan();
        match is_in_scan && !self.has_seen_end_marker {
            true => self.emit_frame(end),
            false => {
                self.events.push_back(PartEvent::Unusable(UnusablePart::Damaged));
                self.buffer.advance(end);
            }
        }
        self.state = between(None);
    }

    fn emit_frame(&mut self, end: usize) {
        let offset = self.received - self.buffer.len() as u64;
        let jpeg = self.buffer.split_to(end).freeze();
        let frame = PartFrame { jpeg, offset, time: self.header.time };
        self.events.push_back(match frame.jpeg.len() <= MAX_FRAME_SIZE {
            true => PartEvent::Frame(frame),
            false => PartEvent::Unusable(UnusablePart::TooLarge),
        });
    }

    /// Handles a byte at `position` that cannot be there. If it is the SOI of the next frame, this one has no EOI;
    /// otherwise it is damaged, and reading goes on at the next delimiter.
    fn handle_invalid(&mut self, position: usize, after_ff: bool) -> bool {
        let State::Jpeg(part) = &self.state else { return false };
        let is_soi = after_ff && self.buffer.get(position) == Some(&SOI[1]);
        let delimiter = self.boundary.find(&self.buffer[..=position], 0).filter(|_| self.has_boundary());
        match (delimiter, is_soi && part.parser.is_in_scan()) {
            (Some(end), _) => self.end_without_marker(end),
            (None, true) if !self.is_multipart => self.end_without_marker(position - 1),
            (None, _) => return self.reject(UnusablePart::Damaged, position.max(1)),
        }
        true
    }

    /// Reports that the part has no frame, and drops `length` bytes of it.
    fn reject(&mut self, reason: UnusablePart, length: usize) -> bool {
        self.events.push_back(PartEvent::Unusable(reason));
        self.buffer.advance(length);
        // A frame that begins in the rest of a damaged one is a thumbnail, or lacks its header; but without delimiters
        // there is nothing else to go by.
        let has_delimiters = self.boundary.is_seen();
        self.state =
            State::Between(if has_delimiters { Gap::up_to_delimiter() } else { Gap::after_frame(None) });
        true
    }
}

#[cfg(test)]
mod tests;
