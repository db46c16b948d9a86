//! Search for frames in the `movi` lists of an AVI file, for files without a usable index.

use super::index::{VideoChunk, is_jpeg, is_video_chunk};
use super::riff::ChunkHeader;
use crate::media::container::demuxer::FileDefects;

/// Scanner of chunks, from a position in a `movi` list to the end of the file.
///
/// Chunks of other streams are stepped over by their lengths. Where no chunk begins, the scanner searches for the next
/// frame. Sizes of lists are not used, because a writer that was stopped leaves them 0.
#[derive(Debug)]
pub struct Scanner {
    stream: u8,
    file_length: u64,
    /// End of the chunk before the next one, without its padding, in bytes from the start of the file.
    position: u64,
    /// The chunk before the next one has an odd length, so a byte of padding should follow.
    is_odd: bool,
    /// The chunk before the next one was longer than [`LARGE_CHUNK`].
    was_large: bool,
    /// Search for the next frame; `None` while chunks follow each other.
    search: Option<Search>,
    is_done: bool,
}

/// Search for the next frame.
#[derive(Debug)]
struct Search {
    /// Position at which the last chunk should have begun.
    from: u64,
    /// A frame that does not fit into the file begins there: it is truncated if no other follows.
    is_in_frame: bool,
}

/// Kind of a chunk that begins at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A list whose chunks follow.
    List,
    /// A chunk of frames with this length.
    Frame(u32),
    /// A chunk of this length that is stepped over.
    Other(u32),
    /// A frame that does not fit into the file.
    CutFrame,
    /// No chunk.
    Nothing,
}

/// Length from which only the header of the next chunk is read, in bytes.
const LARGE_CHUNK: u32 = 32 * 1024;

/// Number of bytes read for the next header after a large chunk.
const SHORT_READ: usize = 4 * 1024;

/// Number of bytes read after a small chunk.
const LONG_READ: usize = 64 * 1024;

/// Number of bytes read at a time while the next frame is searched for.
const SEARCH_READ: usize = 1024 * 1024;

/// Number of bytes that show what begins at a position: padding, header, and type of a list or SOI.
const NEEDED: usize = 1 + 8 + 4;

/// Length of a chunk header and SOI.
const FRAME_START: usize = 10;

/// Distance from which the bytes between two frames count as a damaged frame.
const MAX_STRAY_BYTES: u64 = 64;

impl Scanner {
    /// Creates a scanner that begins at the end of a chunk, which has an odd length or not.
    pub fn new(stream: u8, file_length: u64, position: u64, is_odd: bool) -> Self {
        Self { stream, file_length, position, is_odd, was_large: false, search: None, is_done: false }
    }

    /// Returns position and number of the bytes to read next; `None` at the end of the file.
    pub fn next_read(&self) -> Option<(u64, usize)> {
        let length = match (&self.search, self.was_large) {
            (Some(_), _) => SEARCH_READ,
            (None, true) => SHORT_READ,
            (None, false) => LONG_READ,
        };
        (!self.is_done && self.position < self.file_length).then_some((self.position, length))
    }

    /// Handles the bytes at the position, fewer than requested at the end of the file. Appends the chunks of the
    /// stream.
    pub fn handle_bytes(&mut self, bytes: &[u8], chunks: &mut Vec<VideoChunk>, defects: &mut FileDefects) {
        let start = self.position;
        let is_end = start.saturating_add(bytes.len() as u64) >= self.file_length;
        if bytes.is_empty() {
            self.is_done = true;
        } else if self.search.is_some() {
            self.search_frame(bytes, is_end, chunks, defects);
        } else {
            self.step(bytes, is_end, chunks, defects);
        }
        let is_at_end = self.is_done || self.position >= self.file_length;
        if is_at_end && let Some(Search { is_in_frame: true, .. }) = self.search.take() {
            defects.is_truncated = true;
        }
        debug_assert!(
            self.is_done || self.position > start || self.search.is_some(),
            "no progress at {start}"
        );
    }

    /// Steps from chunk to chunk as far as the bytes reach.
    fn step(&mut self, bytes: &[u8], is_end: bool, chunks: &mut Vec<VideoChunk>, defects: &mut FileDefects) {
        let start = self.position;
        loop {
            let at = usize::try_from(self.position - start).unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.len() < NEEDED && (!is_end || rest.len() < ChunkHeader::LENGTH as usize) {
                // What is left of the file is shorter than a chunk.
                self.is_done |= is_end && at < bytes.len();
                return;
            }
            let padding = [self.is_odd, !self.is_odd].map(usize::from);
            let found = padding
                .map(|skipped| (skipped, self.identify(rest.get(skipped..).unwrap_or_default(), skipped)));
            let chunk =
                found.into_iter().find(|(_, found)| !matches!(found, Found::Nothing | Found::CutFrame));
            let Some((skipped, found)) = chunk else {
                let is_in_frame = found.iter().any(|(_, found)| *found == Found::CutFrame);
                self.search = Some(Search { from: self.position, is_in_frame });
                if is_in_frame {
                    // The header that does not fit is not found again.
                    self.position += ChunkHeader::LENGTH;
                }
                return;
            };
            let header = self.position + skipped as u64;
            match found {
                Found::Frame(size) => self.add_chunk(header, size, &rest[skipped + 8..], chunks, defects),
                Found::Other(size) => self.skip_chunk(header, size),
                _ => (self.position, self.is_odd) = (header + ChunkHeader::LENGTH + 4, false),
            }
        }
    }

    /// Returns what begins with these bytes, `skipped` bytes after the position.
    fn identify(&self, bytes: &[u8], skipped: usize) -> Found {
        let Some(header) = ChunkHeader::parse(bytes) else { return Found::Nothing };
        let data = &bytes[ChunkHeader::LENGTH as usize..];
        if header.is_list() && matches!(data.get(..4), Some(b"movi" | b"rec " | b"AVI " | b"AVIX")) {
            return Found::List;
        }
        let end = self.position.saturating_add(skipped as u64 + ChunkHeader::LENGTH + u64::from(header.size));
        let is_frame = is_video_chunk(header.id, self.stream);
        let is_id = header.id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_'));
        match end <= self.file_length {
            true if is_frame => Found::Frame(header.size),
            true if is_id => Found::Other(header.size),
            false if is_frame && is_jpeg(data) => Found::CutFrame,
            _ => Found::Nothing,
        }
    }

    fn skip_chunk(&mut self, header: u64, size: u32) {
        self.position = header + ChunkHeader::LENGTH + u64::from(size);
        (self.is_odd, self.was_large) = (size % 2 == 1, size > LARGE_CHUNK);
    }

    /// Adds a chunk of the stream. A frame that is no JPEG is counted, and its tick passes.
    fn add_chunk(
        &mut self,
        header: u64,
        size: u32,
        data: &[u8],
        chunks: &mut Vec<VideoChunk>,
        defects: &mut FileDefects,
    ) {
        self.skip_chunk(header, size);
        let offset = header + ChunkHeader::LENGTH;
        let is_damaged = size > 0 && !is_jpeg(data);
        defects.damaged += u64::from(is_damaged);
        chunks.push(VideoChunk { offset, size: if is_damaged { 0 } else { size } });
    }

    /// Searches for the header of a frame, followed by SOI.
    fn search_frame(
        &mut self,
        bytes: &[u8],
        is_end: bool,
        chunks: &mut Vec<VideoChunk>,
        defects: &mut FileDefects,
    ) {
        let number = [b'0' + self.stream / 10, b'0' + self.stream % 10];
        let starts = memchr::memmem::find_iter(bytes, &number)
            .filter_map(|at| Some((at, bytes.get(at..at + FRAME_START)?)));
        let found = starts
            .filter(|(_, start)| is_jpeg(&start[8..]))
            .find(|(at, start)| matches!(self.identify(start, *at), Found::Frame(_)));
        let Some((at, _)) = found else {
            // A header may begin in the last bytes.
            let searched = bytes.len().saturating_sub(FRAME_START - 1).max(1);
            self.position += if is_end { bytes.len() } else { searched } as u64;
            return;
        };
        self.position += at as u64;
        let Some(Search { from, is_in_frame }) = self.search.take() else { return };
        if is_in_frame || self.position - from > MAX_STRAY_BYTES {
            defects.damaged += 1;
            // The tick of the frame that is lost.
            chunks.push(VideoChunk { offset: from, size: 0 });
        }
        (self.is_odd, self.was_large) = (false, false);
    }
}
