//! Demuxer for a file that is one image: a JPEG, and what cameras and phones append to it.

use super::demuxer::{Demuxer, FileDefects, FrameEntry, ReadRequest, SourceFile};
use crate::media::jpeg::{FrameParser, MAX_FRAME_SIZE, ParseStatus, marker};
use crate::proto::rtsp::Npt;

/// Finds the only frame of a file: all of its bytes.
///
/// Data behind the JPEG belongs to the image: further JPEGs of a Multi-Picture Format file (CIPA DC-007), trailers of
/// manufacturers, and the film of a motion photo. If the file is longer than
/// [`MAX_FRAME_SIZE`], the frame is its first JPEG alone.
///
/// A JPEG that ends inside its scan is a frame too, because some encoders write no EOI. It is counted as one that may
/// be incomplete.
#[derive(Debug)]
pub struct ImageDemuxer {
    source: SourceFile,
    stage: Stage,
    parser: FrameParser,
    /// Position of the next byte to parse, in bytes from the start of the file.
    position: u64,
    has_frame: bool,
    defects: FileDefects,
}

/// The part of the file that is needed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The bytes after those that were parsed.
    Jpeg,
    /// The last two bytes: if they are EOI, the data between them and the start of the scan is not needed.
    Tail,
    /// The bytes after those that were parsed; the last ones are not EOI.
    JpegToEnd,
    Done,
}

/// Number of bytes to read first: the headers of most images.
const FIRST_READ_LENGTH: usize = 16 * 1024;

/// Number of bytes to read at once after that.
const READ_LENGTH: usize = 256 * 1024;

const EOI: [u8; 2] = [0xFF, marker::EOI];

/// Maximum number of header segments that are searched for the index of a Multi-Picture Format file.
const MAX_SEGMENTS: usize = 64;

impl ImageDemuxer {
    /// Creates a demuxer of one file.
    pub fn new(source: SourceFile) -> Self {
        Self {
            source,
            stage: Stage::Jpeg,
            parser: FrameParser::default(),
            position: 0,
            has_frame: false,
            defects: FileDefects::default(),
        }
    }

    fn parse(&mut self, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        if bytes.is_empty() {
            return self.end_without_eoi(entries);
        }
        match self.parser.advance(bytes) {
            ParseStatus::Complete { consumed } => {
                self.position += consumed as u64;
                self.add_frame(entries);
            }
            ParseStatus::Invalid { consumed, .. } => {
                self.position += consumed as u64;
                self.end_without_eoi(entries);
            }
            ParseStatus::Incomplete => {
                self.position += bytes.len() as u64;
                let is_short = self.source.length <= MAX_FRAME_SIZE as u64;
                if self.position > MAX_FRAME_SIZE as u64 {
                    self.defects.oversized = 1;
                    self.stage = Stage::Done;
                } else if self.stage == Stage::Jpeg && self.parser.is_in_scan() && is_short {
                    self.stage = Stage::Tail;
                }
            }
        }
    }

    /// Handles the end of the file, or a byte that cannot be at its position.
    fn end_without_eoi(&mut self, entries: &mut Vec<FrameEntry>) {
        if self.parser.is_in_scan() {
            self.defects.unmarked = 1;
            return self.add_frame(entries);
        }
        match self.position >= self.source.length {
            true => self.defects.is_truncated = true,
            false => self.defects.damaged = 1,
        }
        self.stage = Stage::Done;
    }

    fn add_frame(&mut self, entries: &mut Vec<FrameEntry>) {
        let fits =
            |length: u64| u32::try_from(length).ok().filter(|length| *length as usize <= MAX_FRAME_SIZE);
        match fits(self.source.length).or_else(|| fits(self.position)) {
            Some(length) => {
                entries.push(FrameEntry { offset: 0, length, time: Npt::ZERO });
                self.has_frame = true;
            }
            None => self.defects.oversized = 1,
        }
        self.stage = Stage::Done;
    }
}

impl Demuxer for ImageDemuxer {
    fn poll_read(&mut self) -> ReadRequest {
        let range = |offset, length| ReadRequest::Range { offset, length };
        match self.stage {
            Stage::Jpeg if self.position == 0 => range(0, FIRST_READ_LENGTH),
            Stage::Jpeg | Stage::JpegToEnd => range(self.position, READ_LENGTH),
            Stage::Tail => range(self.source.length.saturating_sub(EOI.len() as u64), EOI.len()),
            Stage::Done => ReadRequest::Done,
        }
    }

    fn handle_bytes(&mut self, _: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        match self.stage {
            Stage::Jpeg | Stage::JpegToEnd => self.parse(bytes, entries),
            Stage::Tail if bytes == EOI => self.add_frame(entries),
            Stage::Tail => self.stage = Stage::JpegToEnd,
            Stage::Done => {}
        }
    }

    fn defects(&self) -> FileDefects {
        self.defects
    }

    fn end(&self) -> Npt {
        self.source.assumed_rate.npt_of(u64::from(self.has_frame))
    }
}

/// Returns true if a JPEG has the index of a Multi-Picture Format file (CIPA DC-007 §5): the JPEGs after it belong to
/// the same image, such as its gain map or a preview.
pub fn has_further_pictures(head: &[u8]) -> bool {
    const APP2: u8 = 0xE2;
    let mut rest = head.get(2..).unwrap_or_default();
    for _ in 0..MAX_SEGMENTS {
        let &[0xFF, code, high, low, ..] = rest else { return false };
        let end = 2 + usize::from(u16::from_be_bytes([high, low]));
        if code == APP2 && rest[4..].starts_with(b"MPF\0") {
            return true;
        }
        match rest.get(end.max(4)..) {
            Some(following) if code != marker::SOS && marker::has_segment(code) => rest = following,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::FrameRate;

    /// A JPEG with a segment of this code and body, and this entropy-coded data.
    fn jpeg(code: u8, body: &[u8], data: &[u8]) -> Vec<u8> {
        let length = ((body.len() + 2) as u16).to_be_bytes();
        let start = [&[0xFF, 0xD8, 0xFF, code][..], &length, body].concat();
        [&start[..], &[0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2], data, &EOI].concat()
    }

    /// Returns the length of the frame and the defects that are found; the same for pieces of any size.
    fn demux(file: &[u8]) -> (Option<u32>, FileDefects) {
        let results = [usize::MAX, 1, 3, 1_000].map(|max_length| {
            let source = SourceFile { length: file.len() as u64, assumed_rate: FrameRate::CLASSROOM };
            let (mut demuxer, mut entries) = (ImageDemuxer::new(source), Vec::new());
            while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
                let rest = &file[offset as usize..];
                let length = if length == EOI.len() { length } else { length.min(max_length) };
                demuxer.handle_bytes(offset, &rest[..rest.len().min(length)], &mut entries);
            }
            assert!(entries.len() <= 1 && entries.iter().all(|entry| entry.offset == 0));
            let frames = entries.len() as u64;
            assert_eq!(demuxer.end(), FrameRate::CLASSROOM.npt_of(frames));
            (entries.first().map(|entry| entry.length), demuxer.defects())
        });
        assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
        results[0]
    }

    #[test]
    fn everything_after_the_jpeg_belongs_to_the_frame() {
        let photo = jpeg(0xE1, &[0xFF, 0xD8, 0xFF, 0xD9, 7], &[1, 0xFF, 0, 2]);
        for trailer in
            [&b""[..], &photo, b"Image_UTC_Data1700000000000SEFT", b"\0\0\0\x18ftypmp42 a film", &[0; 9_000]]
        {
            let file = [&photo, trailer].concat();
            assert_eq!(demux(&file), (Some(file.len() as u32), FileDefects::default()));
        }
        let long_header = jpeg(0xE1, &[9; 60_000], &[5; 100_000]);
        assert_eq!(demux(&long_header).0, Some(long_header.len() as u32));
    }

    #[test]
    fn first_jpeg_is_the_frame_of_a_file_that_is_too_long_for_one() {
        let photo = jpeg(0xE1, b"x", &[3; 500]);
        let file = [&photo[..], &vec![0; MAX_FRAME_SIZE]].concat();
        assert_eq!(demux(&file), (Some(photo.len() as u32), FileDefects::default()));
        let oversized = jpeg(0xE1, b"x", &vec![3; MAX_FRAME_SIZE]);
        assert_eq!(demux(&oversized), (None, FileDefects { oversized: 1, ..FileDefects::default() }));
    }

    #[test]
    fn jpeg_without_eoi_is_a_frame_that_may_be_incomplete() {
        let complete = jpeg(0xE1, b"x", &[3; 50]);
        let unmarked = FileDefects { unmarked: 1, ..FileDefects::default() };
        for cut in [2, 20, 51] {
            let file = &complete[..complete.len() - cut];
            assert_eq!(demux(file), (Some(file.len() as u32), unmarked));
        }
        let truncated = FileDefects { is_truncated: true, ..FileDefects::default() };
        assert_eq!(demux(&complete[..12]), (None, truncated));
        assert_eq!(demux(b""), (None, truncated));
        let damaged = FileDefects { damaged: 1, ..FileDefects::default() };
        assert_eq!(demux(b"\x89PNG\r\n and so on"), (None, damaged));
    }

    #[test]
    fn index_of_further_pictures_is_found_behind_other_segments() {
        assert!(has_further_pictures(&jpeg(0xE2, b"MPF\0MM\0\x2A", &[])));
        let exif = jpeg(0xE1, &[0; 300], &[]);
        let both = [&exif[..306], &jpeg(0xE2, b"MPF\0II", &[])[2..]].concat();
        assert!(has_further_pictures(&both));
        let others = [exif, jpeg(0xE2, b"ICC_PROFILE\0", &[]), jpeg(0xE1, b"MPF\0", &[])];
        for other in others {
            assert!(!has_further_pictures(&other));
        }
        for length in 0..both.len() {
            let _ = has_further_pictures(&both[..length]);
        }
    }
}
