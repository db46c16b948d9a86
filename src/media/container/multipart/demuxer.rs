//! Demuxer for saved HTTP streams.

use super::capture_times::CaptureTimes;
use super::head::media_type;
use crate::media::container::demuxer::{Demuxer, FileDefects, FilmProperties, FrameEntry, ReadRequest};
use crate::media::frame_rate::FrameRate;
use crate::media::multipart::{MultipartReader, PartEvent, UnusablePart};
use crate::proto::http::HeadReader;
use crate::proto::rtsp::Npt;

/// Demuxer for a saved HTTP stream, with or without the head of the response.
#[derive(Debug)]
pub struct MultipartDemuxer {
    stage: Stage,
    /// Position of the next byte to read, in bytes from the start of the file.
    position: u64,
    times: CaptureTimes,
    defects: FileDefects,
}

#[derive(Debug)]
enum Stage {
    /// The head of the response, if there is one.
    Head(HeadReader),
    Body {
        reader: Box<MultipartReader>,
        /// Position of the body in the file, in bytes.
        start: u64,
    },
    Done,
}

/// Number of bytes to read at once.
const READ_LENGTH: usize = 256 * 1024;

/// Number of bytes from the start of the file after which the first frame does not wait for the second one any longer.
const MAX_WAIT: u64 = 4 * 1024 * 1024;

impl MultipartDemuxer {
    /// Creates a demuxer. `assumed_rate` is the rate of a stream that states no times.
    pub fn new(assumed_rate: FrameRate) -> Self {
        Self {
            stage: Stage::Head(HeadReader::default()),
            position: 0,
            times: CaptureTimes::new(assumed_rate),
            defects: FileDefects::default(),
        }
    }

    /// Reads the head of the response, and the bytes after it. `is_end` is true at the end of the file.
    fn read_head(&mut self, bytes: &[u8], is_end: bool) {
        let Stage::Head(head) = &mut self.stage else { return };
        head.push(bytes);
        let (boundary, is_multipart) = loop {
            match head.poll() {
                Ok(None) if !is_end => return,
                // The head of a redirection, or of a response that asks for a password: another one may follow.
                Ok(Some((response, _))) if !(200..300).contains(&response.status) => {}
                Ok(Some((response, _))) => {
                    let media_type = media_type(&response);
                    let is_multipart = media_type.is_multipart();
                    break (media_type.boundary, is_multipart);
                }
                Ok(None) | Err(_) => break (None, true),
            }
        };
        let rest = head.take_rest();
        let reader = Box::new(MultipartReader::new(boundary.as_deref(), is_multipart));
        self.stage = Stage::Body { reader, start: self.position - rest.len() as u64 };
        self.read_body(&rest);
    }

    fn read_body(&mut self, bytes: &[u8]) {
        if let Stage::Body { reader, .. } = &mut self.stage {
            reader.push(bytes);
        }
    }

    /// Handles what the reader has found. `is_cut` is true if the file has ended inside a part.
    fn handle_events(&mut self, is_cut: bool, entries: &mut Vec<FrameEntry>) {
        let Stage::Body { reader, start } = &mut self.stage else { return };
        while let Some(event) = reader.poll_event() {
            match event {
                PartEvent::Frame(frame) => {
                    let length = u32::try_from(frame.jpeg.len()).unwrap_or(u32::MAX);
                    let entry = FrameEntry { offset: *start + frame.offset, length, time: Npt::ZERO };
                    self.times.add(entry, frame.time, entries);
                }
                PartEvent::Unusable(UnusablePart::TooLarge) => self.defects.oversized += 1,
                PartEvent::Unusable(UnusablePart::Damaged) if is_cut => self.defects.is_truncated = true,
                PartEvent::Unusable(UnusablePart::Damaged | UnusablePart::HeaderTooLong) => {
                    self.defects.damaged += 1;
                }
                // A part of another type, such as text, is no frame.
                PartEvent::Unusable(UnusablePart::OtherType(_))
                | PartEvent::Header(_)
                | PartEvent::Mistake(..) => {}
            }
        }
    }

    fn finish(&mut self, entries: &mut Vec<FrameEntry>) {
        self.read_head(&[], true);
        self.handle_events(false, entries);
        if let Stage::Body { reader, .. } = &mut self.stage {
            let is_in_part = reader.is_in_part();
            reader.finish();
            self.handle_events(is_in_part, entries);
        }
        self.times.flush(true, entries);
        self.stage = Stage::Done;
    }
}

impl Demuxer for MultipartDemuxer {
    fn poll_read(&mut self) -> ReadRequest {
        match self.stage {
            Stage::Done => ReadRequest::Done,
            Stage::Head(_) | Stage::Body { .. } => {
                ReadRequest::Range { offset: self.position, length: READ_LENGTH }
            }
        }
    }

    fn handle_bytes(&mut self, offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        debug_assert_eq!(offset, self.position, "the file is read in order");
        if bytes.is_empty() {
            return self.finish(entries);
        }
        self.position += bytes.len() as u64;
        match self.stage {
            Stage::Head(_) => self.read_head(bytes, false),
            Stage::Body { .. } | Stage::Done => self.read_body(bytes),
        }
        self.handle_events(false, entries);
        if self.position > MAX_WAIT {
            self.times.flush(false, entries);
        }
    }

    fn defects(&self) -> FileDefects {
        self.defects
    }

    fn end(&self) -> Npt {
        self.times.end()
    }

    fn properties(&self) -> FilmProperties {
        FilmProperties { rate: self.times.stated_rate(), ..FilmProperties::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of frames of a saved stream, and its defects.
    fn demux(file: &[u8]) -> (usize, FileDefects) {
        let mut demuxer = MultipartDemuxer::new(FrameRate::CLASSROOM);
        let mut entries = Vec::new();
        // A head that ends in a later read is waited for.
        let ends = (0..file.len()).step_by(100).skip(1).chain([file.len(), file.len()]);
        for end in ends {
            let ReadRequest::Range { offset, .. } = demuxer.poll_read() else {
                panic!("the file has not ended")
            };
            demuxer.handle_bytes(offset, &file[offset as usize..end], &mut entries);
        }
        assert_eq!(demuxer.poll_read(), ReadRequest::Done);
        (entries.len(), demuxer.defects())
    }

    fn part(jpeg: &[u8]) -> Vec<u8> {
        let head = format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        [head.as_bytes(), jpeg, b"\r\n"].concat()
    }

    fn jpeg() -> Vec<u8> {
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
        encoder.encode(&[90; 16 * 16], 16, 16, jpeg_encoder::ColorType::Luma).unwrap();
        jpeg
    }

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";

    #[test]
    fn stream_begins_after_a_response_that_asks_for_a_password() {
        let refusal = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Type: text/html\r\n\r\n";
        let parts = part(&jpeg()).repeat(3);
        assert_eq!(demux(&[refusal, HEAD, &parts].concat()), (3, FileDefects::default()));
        assert_eq!(demux(&[HEAD, &parts].concat()), (3, FileDefects::default()));
    }

    #[test]
    fn damaged_parts_are_counted() {
        let (jpeg, half) = (jpeg(), jpeg()[..100].to_vec());
        let file = [HEAD, &part(&jpeg), &part(&half), &part(&jpeg), &part(&half), &part(&jpeg)].concat();
        let (frames, defects) = demux(&file);
        assert_eq!((frames, defects.damaged, defects.is_truncated), (3, 2, false));
    }
}
