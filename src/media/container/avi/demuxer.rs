//! Demuxer for AVI files.

use super::header::AviHeader;
use super::index::{IndexReader, IndexStatus, VideoChunk};
use super::riff::ChunkHeader;
use super::scan::Scanner;
use crate::media::container::demuxer::{
    Demuxer, FileDefects, FilmProperties, FrameEntry, ReadRequest, SourceFile,
};
use crate::media::container::unsupported::UnsupportedFile;
use crate::media::jpeg::MAX_FRAME_SIZE;
use crate::media::time_base::TimeBase;
use crate::proto::rtsp::Npt;

/// Finds the frames of an AVI file, with the extensions of OpenDML.
///
/// The headers are read up to the `movi` list. The index is read if there is one: the index chunks of OpenDML (`indx`,
/// `ix##`), else `idx1` after the list. From the last frame of the index on, the chunks are scanned, which finds the
/// frames that an index lacks: all of a file without one or with one that does not fit, and those of a file whose
/// writer was stopped.
///
/// Each chunk of the video stream is a tick of its clock. A chunk of length 0 repeats the former frame, so the next one
/// is a tick later.
#[derive(Debug)]
pub struct AviDemuxer {
    source: SourceFile,
    header: Option<AviHeader>,
    refusal: Option<UnsupportedFile>,
    state: State,
    /// The `movi` list of the first RIFF chunk.
    movi: Movi,
    /// The index chunk `idx1` was searched for.
    has_tried_idx1: bool,
    /// Last chunk with a position.
    last_chunk: Option<VideoChunk>,
    /// Number of chunks of the stream so far, those of length 0 included.
    ticks: u64,
    frames: u64,
    defects: FileDefects,
}

/// A `movi` list.
#[derive(Debug, Clone, Copy, Default)]
struct Movi {
    /// Position of its type, in bytes from the start of the file.
    start: u64,
    /// End of its data; `None` if its size is 0 or larger than the file.
    end: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// Chunks before the `movi` list are read from this position on.
    Headers { position: u64, length: usize },
    /// The chunk at this position after the `movi` list is read, to find `idx1`; at most this number of chunks more.
    FindIdx1 { position: u64, chunks_left: u8 },
    /// The index is read.
    Index(IndexReader),
    /// Chunks are scanned.
    Scan(Scanner),
    /// All frames are known.
    Done,
}

/// Number of bytes read at a time before the `movi` list.
const HEADER_READ: usize = 64 * 1024;

/// Maximum length of the header list, in bytes. Its indexes take most of it.
const MAX_HEADER_LENGTH: usize = 4 * 1024 * 1024;

/// Maximum number of chunks between the `movi` list and `idx1`.
const MAX_CHUNKS_BEFORE_IDX1: u8 = 16;

/// Maximum number of frames that is believed. Programs that cannot know it yet write a much larger one.
const MAX_STATED_FRAMES: u64 = 10_000_000;

/// Length of the header and the type of a list, in bytes.
const LIST_HEADER: usize = 12;

impl Demuxer for AviDemuxer {
    fn poll_read(&mut self) -> ReadRequest {
        let read = match &self.state {
            State::Headers { position, length } => Some((*position, *length)),
            State::FindIdx1 { position, .. } => Some((*position, LIST_HEADER)),
            State::Index(reader) => reader.next_read(),
            State::Scan(scanner) => scanner.next_read(),
            State::Done => None,
        };
        match read {
            Some((offset, length)) => ReadRequest::Range { offset, length },
            None => ReadRequest::Done,
        }
    }

    fn handle_bytes(&mut self, _offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        let mut chunks = Vec::new();
        match &mut self.state {
            State::Headers { position, length } => {
                let (position, length) = (*position, *length);
                self.handle_headers(position, length, bytes);
            }
            State::FindIdx1 { position, chunks_left } => {
                let (position, chunks_left) = (*position, *chunks_left);
                self.find_idx1(position, chunks_left, bytes);
            }
            State::Index(reader) => {
                reader.handle_bytes(bytes, &mut chunks);
                let status = reader.status();
                self.add_chunks(&chunks, entries);
                if status != IndexStatus::Incomplete {
                    self.finish_index();
                }
            }
            State::Scan(scanner) => {
                scanner.handle_bytes(bytes, &mut chunks, &mut self.defects);
                self.add_chunks(&chunks, entries);
            }
            State::Done => {}
        }
    }

    fn defects(&self) -> FileDefects {
        // The incomplete frame is counted already.
        let stated = self.header.as_ref().map_or(0, |header| u64::from(header.video.length));
        let stated = if stated <= MAX_STATED_FRAMES { stated } else { 0 };
        let missing = stated.saturating_sub(self.ticks + 1);
        FileDefects { missing: if self.defects.is_truncated { missing } else { 0 }, ..self.defects }
    }

    fn end(&self) -> Npt {
        match self.time_base() {
            Some(_) => self.time_of(self.ticks),
            None => self.source.assumed_rate.npt_of(self.frames),
        }
    }

    fn properties(&self) -> FilmProperties {
        let Some(header) = &self.header else { return FilmProperties::default() };
        let time_base = header.video.time_base;
        FilmProperties {
            // The rate of a clock that is too fast for frames is that of its frames, which the index computes.
            rate: time_base.map(|base| base.frame_rate().unwrap_or(self.source.assumed_rate)),
            time_base,
            dimensions: header.video.dimensions,
            other_streams: header.other_streams.clone(),
        }
    }

    fn refusal(&self) -> Option<UnsupportedFile> {
        self.refusal
    }
}

impl AviDemuxer {
    /// Creates a demuxer for a file.
    pub fn new(source: SourceFile) -> Self {
        Self {
            source,
            header: None,
            refusal: None,
            state: State::Headers { position: 0, length: HEADER_READ },
            movi: Movi::default(),
            has_tried_idx1: false,
            last_chunk: None,
            ticks: 0,
            frames: 0,
            defects: FileDefects::default(),
        }
    }

    fn time_base(&self) -> Option<TimeBase> {
        self.header.as_ref()?.video.time_base
    }

    /// Returns the time of a chunk of the stream, by its number.
    fn time_of(&self, tick: u64) -> Npt {
        match (&self.header, self.time_base()) {
            (Some(header), Some(base)) => base.npt_of(tick.saturating_add(header.video.start.into())),
            _ => self.source.assumed_rate.npt_of(self.frames),
        }
    }

    /// Adds chunks of the stream.
    fn add_chunks(&mut self, chunks: &[VideoChunk], entries: &mut Vec<FrameEntry>) {
        for chunk in chunks {
            let is_oversized = chunk.size as usize > MAX_FRAME_SIZE;
            self.defects.oversized += u64::from(is_oversized);
            if chunk.size > 0 && !is_oversized {
                let time = self.time_of(self.ticks);
                entries.push(FrameEntry { offset: chunk.offset, length: chunk.size, time });
                self.frames += 1;
            }
            self.ticks += 1;
            if self.last_chunk.is_none_or(|last| chunk.offset >= last.end())
                && chunk.end() <= self.source.length
            {
                self.last_chunk = Some(*chunk);
            }
        }
    }

    /// Handles the chunks before the `movi` list, which were read at `position` with a request of `length` bytes.
    fn handle_headers(&mut self, position: u64, length: usize, bytes: &[u8]) {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let position = position.saturating_add(at as u64);
            if rest.len() < LIST_HEADER {
                // The end of the file, or the next read.
                let is_end = bytes.len() < length;
                self.state =
                    if is_end { State::Done } else { State::Headers { position, length: HEADER_READ } };
                return;
            }
            let Some(header) = ChunkHeader::parse(rest) else { return };
            let size = usize::try_from(header.size).unwrap_or(usize::MAX);
            let whole = size.saturating_add(ChunkHeader::LENGTH as usize);
            match (&header.id, &rest[8..LIST_HEADER]) {
                (b"RIFF", _) => {
                    at += LIST_HEADER;
                    continue;
                }
                (b"LIST", b"hdrl") if self.header.is_none() => {
                    if whole > rest.len() && bytes.len() == length && length < MAX_HEADER_LENGTH {
                        let length = whole.clamp(HEADER_READ, MAX_HEADER_LENGTH);
                        self.state = State::Headers { position, length };
                        return;
                    }
                    let data = rest.get(LIST_HEADER..whole.min(rest.len())).unwrap_or_default();
                    if !self.parse_header(data) {
                        return;
                    }
                }
                (b"LIST", b"movi") => return self.start_movi(position, header.size),
                _ => {}
            }
            at = at.saturating_add(whole).saturating_add(size & 1);
            if at >= bytes.len() {
                let position = position.saturating_add(whole as u64 + (size & 1) as u64);
                self.state = State::Headers { position, length: HEADER_READ };
                return;
            }
        }
    }

    /// Parses the header list. Returns false if the file is not Motion JPEG.
    fn parse_header(&mut self, data: &[u8]) -> bool {
        match AviHeader::parse(data) {
            Ok(header) => {
                self.header = Some(header);
                true
            }
            Err(refusal) => {
                (self.refusal, self.state) = (Some(refusal), State::Done);
                false
            }
        }
    }

    /// Starts with the index, or with the scan, at a `movi` list whose header is at `position`.
    fn start_movi(&mut self, position: u64, size: u32) {
        let Some(header) = &mut self.header else {
            // Without a header list nothing is known about the streams.
            self.state = State::Done;
            return;
        };
        let end = position.saturating_add(ChunkHeader::LENGTH + u64::from(size));
        let start = position + ChunkHeader::LENGTH;
        self.movi = Movi { start, end: Some(end).filter(|end| size > 4 && *end <= self.source.length) };
        match header.video.index.take() {
            Some(index) => {
                let reader = IndexReader::open_dml(header.video.number, self.source.length, index);
                self.start_index(reader);
            }
            None => self.start_idx1(),
        }
    }

    /// Starts to search for `idx1`, or to scan if there can be none.
    fn start_idx1(&mut self) {
        self.has_tried_idx1 = true;
        match self.movi.end {
            Some(position) => {
                self.state = State::FindIdx1 { position, chunks_left: MAX_CHUNKS_BEFORE_IDX1 };
            }
            None => self.start_scan(),
        }
    }

    /// Starts to read an index.
    fn start_index(&mut self, reader: IndexReader) {
        let is_finished = reader.next_read().is_none();
        self.state = State::Index(reader);
        if is_finished {
            self.finish_index();
        }
    }

    /// Continues after an index, complete or not.
    fn finish_index(&mut self) {
        match self.frames == 0 && !self.has_tried_idx1 {
            true => self.start_idx1(),
            false => self.start_scan(),
        }
    }

    /// Starts to scan after the last chunk that is known.
    fn start_scan(&mut self) {
        let stream = self.header.as_ref().map_or(0, |header| header.video.number);
        let (position, is_odd) = match self.last_chunk {
            Some(last) => (last.end(), last.size % 2 == 1),
            None => (self.movi.start + 4, false),
        };
        self.state = State::Scan(Scanner::new(stream, self.source.length, position, is_odd));
    }

    /// Handles the start of a chunk after the `movi` list. The list may have an odd length, with padding or without.
    fn find_idx1(&mut self, position: u64, chunks_left: u8, bytes: &[u8]) {
        let header_at = |skipped: usize| {
            let header = ChunkHeader::parse(bytes.get(skipped..)?)?;
            Some((position + skipped as u64 + ChunkHeader::LENGTH, header))
        };
        let idx1 = [0, 1].into_iter().filter_map(header_at).find(|(_, header)| &header.id == b"idx1");
        if let (Some((data, header)), Some(avi)) = (idx1, &self.header) {
            let (stream, length) = (avi.video.number, self.source.length);
            let reader = IndexReader::idx1(stream, length, self.movi.start, data, header.size);
            self.start_index(reader);
            return;
        }
        let next = header_at(0).filter(|(_, header)| {
            matches!(&header.id, b"JUNK" | b"LIST") || header.id.is_ascii() && &header.id != b"RIFF"
        });
        match next {
            Some((data, header)) if chunks_left > 0 => {
                let size = u64::from(header.size);
                let position = data.saturating_add(size + size % 2);
                self.state = State::FindIdx1 { position, chunks_left: chunks_left - 1 };
            }
            _ => self.start_scan(),
        }
    }
}
