//! The indexes of an AVI file: `idx1`, and the index chunks of OpenDML (`ix##`).

use super::header::{IndexSegment, StreamIndex};
use super::riff::{ChunkHeader, FourCc, u16_at, u32_at, u64_at};

/// A chunk of the video stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoChunk {
    /// Position of the data, in bytes from the start of the file.
    pub offset: u64,
    /// Length of the data, in bytes. 0 for a tick in which the former frame is repeated.
    pub size: u32,
}

impl VideoChunk {
    /// Returns the end of the data, in bytes from the start of the file.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size.into())
    }
}

/// Returns true if an identifier is that of the frames of a stream: `00dc`, or `00db`.
pub fn is_video_chunk(id: FourCc, stream: u8) -> bool {
    let number = [b'0' + stream / 10, b'0' + stream % 10];
    id[..2] == number && matches!(&id[2..].to_ascii_lowercase()[..], b"dc" | b"db")
}

/// Returns true if bytes begin with SOI.
pub fn is_jpeg(data: &[u8]) -> bool {
    data.starts_with(&[0xFF, 0xD8])
}

/// Progress of an [`IndexReader`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexStatus {
    /// Further reads are needed.
    Incomplete,
    /// The index has been read to its end.
    Complete,
    /// The rest of the index cannot be used: it is truncated, or does not fit to the file.
    Broken,
}

/// Reader of an index, in pieces.
///
/// Each piece is compared with the file at up to [`MAX_SAMPLES`] chunks before its chunks are returned. Chunks are
/// returned in the order of the file, each once; an index in which they are not is broken.
#[derive(Debug)]
pub struct IndexReader {
    stream: u8,
    file_length: u64,
    layout: Layout,
    /// Index chunks that have not been read, the next one last.
    segments: Vec<IndexSegment>,
    state: State,
    /// End of the last chunk that was returned.
    last_end: u64,
    /// Position of the last index chunk that was read.
    last_segment: u64,
}

/// Arrangement of the entries.
#[derive(Debug, Clone)]
enum Layout {
    /// Entries of `idx1`: identifier, flags, position of the header, and length.
    Idx1 {
        /// Position from which positions count; `None` while it is unknown.
        base: Option<u64>,
        /// Positions that it can be.
        candidates: Vec<u64>,
    },
    /// Entries of an index chunk: position of the data, length, and in a field index the position of the second field.
    Standard { base: u64, entry_length: usize },
}

#[derive(Debug)]
enum State {
    /// The header of the next index chunk is read.
    NextSegment,
    /// Entries are read at this position, of which this number of bytes are left.
    Entries {
        position: u64,
        remaining: u64,
    },
    /// One of the chunks of a piece is compared with the file.
    Check(Check),
    Finished(IndexStatus),
}

/// Chunks of a piece, and those that are still to be compared with the file.
#[derive(Debug)]
struct Check {
    chunks: Vec<VideoChunk>,
    /// Numbers of the chunks to compare, the next one last.
    samples: Vec<usize>,
    /// The piece is not the last one, or complete.
    next: Next,
}

/// Next step after a piece of the index.
#[derive(Debug, Clone, Copy)]
enum Next {
    Entries { position: u64, remaining: u64 },
    Segment,
    Broken,
}

/// Maximum number of bytes of entries that are read at a time; a multiple of each length of an entry.
const PIECE_LENGTH: u64 = 16_384 * 48;

/// Maximum number of chunks of a piece that are compared with the file.
const MAX_SAMPLES: usize = 8;

/// Length of the fields before the entries of an index chunk, in bytes.
const STANDARD_HEADER_LENGTH: usize = 24;

/// Length of an entry of `idx1`, in bytes.
const IDX1_ENTRY_LENGTH: usize = 16;

impl IndexReader {
    /// Creates a reader of `idx1`, whose data of `size` bytes begins at `position`. `movi` is the position of the type
    /// of the `movi` list.
    pub fn idx1(stream: u8, file_length: u64, movi: u64, position: u64, size: u32) -> Self {
        // Positions count from the type of the list, from the start of the file, from the first chunk, or from the
        // list.
        let candidates = vec![movi, 0, movi + 4, movi.saturating_sub(8)];
        let remaining = u64::from(size) / IDX1_ENTRY_LENGTH as u64 * IDX1_ENTRY_LENGTH as u64;
        let layout = Layout::Idx1 { base: None, candidates };
        let mut reader = Self {
            stream,
            file_length,
            layout,
            segments: Vec::new(),
            state: State::NextSegment,
            last_end: 0,
            last_segment: 0,
        };
        reader.state = reader.entries_state(position, remaining);
        reader.settle();
        reader
    }

    /// Creates a reader of the index in the header of a stream.
    pub fn open_dml(stream: u8, file_length: u64, index: StreamIndex) -> Self {
        let mut reader = Self {
            stream,
            file_length,
            layout: Layout::Standard { base: 0, entry_length: 8 },
            segments: Vec::new(),
            state: State::NextSegment,
            last_end: 0,
            last_segment: 0,
        };
        match index {
            StreamIndex::Super(segments) => reader.segments = segments.into_iter().rev().collect(),
            StreamIndex::Standard(bytes) => match reader.parse_standard_header(&bytes) {
                Some(length) => {
                    let entries = &bytes[STANDARD_HEADER_LENGTH..];
                    let length = usize::try_from(length).unwrap_or(usize::MAX).min(entries.len());
                    let chunks = reader.parse_entries(&entries[..length]);
                    // Without a frame to compare there is nothing to return either.
                    if chunks.iter().any(|chunk| chunk.size > 0) {
                        reader.start_check(chunks, Next::Segment);
                    }
                }
                None => reader.state = State::Finished(IndexStatus::Broken),
            },
        }
        reader.settle();
        reader
    }

    /// Returns the status.
    pub fn status(&self) -> IndexStatus {
        match self.state {
            State::Finished(status) => status,
            _ => IndexStatus::Incomplete,
        }
    }

    /// Returns position and number of the bytes to read next; `None` if the reader is finished.
    pub fn next_read(&self) -> Option<(u64, usize)> {
        let length = |bytes: u64| usize::try_from(bytes.min(PIECE_LENGTH)).unwrap_or(usize::MAX);
        Some(match &self.state {
            State::NextSegment => {
                (self.segments.last()?.offset, ChunkHeader::LENGTH as usize + STANDARD_HEADER_LENGTH)
            }
            State::Entries { position, remaining } => (*position, length(*remaining)),
            State::Check(check) => {
                let chunk = check.chunks[*check.samples.last()?];
                let base = self.candidate_base().unwrap_or(0);
                (chunk.offset.saturating_add(base).saturating_sub(ChunkHeader::LENGTH), 10)
            }
            State::Finished(_) => return None,
        })
    }

    /// Returns the base of `idx1` that is known or tried; `None` for an index chunk, and after the last candidate.
    fn candidate_base(&self) -> Option<u64> {
        match &self.layout {
            Layout::Idx1 { base: None, candidates } => candidates.first().copied(),
            // Chunks have positions in the file once the base is known.
            Layout::Idx1 { base: Some(_), .. } | Layout::Standard { .. } => None,
        }
    }

    /// Handles the bytes that were read, fewer than requested at the end of the file. Appends the chunks of a piece
    /// that was compared with the file.
    pub fn handle_bytes(&mut self, bytes: &[u8], chunks: &mut Vec<VideoChunk>) {
        match std::mem::replace(&mut self.state, State::Finished(IndexStatus::Broken)) {
            State::NextSegment => self.handle_segment(bytes),
            State::Entries { position, remaining } => self.handle_entries(position, remaining, bytes),
            State::Check(check) => self.handle_sample(check, bytes),
            finished @ State::Finished(_) => self.state = finished,
        }
        if let State::Check(Check { samples, .. }) = &self.state
            && samples.is_empty()
            && let State::Check(check) = std::mem::replace(&mut self.state, State::NextSegment)
        {
            self.finish_piece(check, chunks);
        }
        self.settle();
    }

    /// Returns the length of an entry, in bytes.
    fn entry_length(&self) -> usize {
        match self.layout {
            Layout::Idx1 { .. } => IDX1_ENTRY_LENGTH,
            Layout::Standard { entry_length, .. } => entry_length,
        }
    }

    /// Returns the state in which `remaining` bytes of entries are read, unless that is less than an entry.
    fn entries_state(&self, position: u64, remaining: u64) -> State {
        match remaining < self.entry_length() as u64 {
            true => State::NextSegment,
            false => State::Entries { position, remaining },
        }
    }

    /// Finishes after the last index chunk.
    fn settle(&mut self) {
        if matches!(self.state, State::NextSegment) && self.segments.is_empty() {
            self.state = State::Finished(IndexStatus::Complete);
        }
    }

    /// Handles an index chunk: its header, and its first entries. The state is that of a broken index before.
    fn handle_segment(&mut self, bytes: &[u8]) {
        let Some(segment) = self.segments.pop() else { return };
        let Some(header) = ChunkHeader::parse(bytes) else { return };
        // "ix00", or "00ix".
        let is_index = &header.id[..2] == b"ix" || &header.id[2..] == b"ix";
        if !is_index || segment.offset <= self.last_segment {
            return;
        }
        self.last_segment = segment.offset;
        let data = &bytes[ChunkHeader::LENGTH as usize..];
        let Some(length) = self.parse_standard_header(data) else { return };
        let in_chunk = u64::from(header.size).saturating_sub(STANDARD_HEADER_LENGTH as u64);
        let position = segment.offset + ChunkHeader::LENGTH + STANDARD_HEADER_LENGTH as u64;
        self.state = self.entries_state(position, length.min(in_chunk));
    }

    /// Parses the fields before the entries of an index chunk, and returns the length of the entries in bytes.
    fn parse_standard_header(&mut self, data: &[u8]) -> Option<u64> {
        let (words, count, base) = (u16_at(data, 0)?, u32_at(data, 4)?, u64_at(data, 12)?);
        let entry_length = usize::from(words) * 4;
        if data.len() < STANDARD_HEADER_LENGTH || !matches!(entry_length, 8 | 12) {
            return None;
        }
        self.layout = Layout::Standard { base, entry_length };
        Some(u64::from(count) * entry_length as u64)
    }

    /// Handles entries that were read at `position`, of which `remaining` bytes are left in the index.
    fn handle_entries(&mut self, position: u64, remaining: u64, bytes: &[u8]) {
        let entry_length = self.entry_length();
        let wanted = usize::try_from(remaining.min(PIECE_LENGTH)).unwrap_or(usize::MAX);
        let available = bytes.len().min(wanted) / entry_length * entry_length;
        let chunks = self.parse_entries(&bytes[..available]);
        let rest = remaining.saturating_sub(available as u64);
        let next = match () {
            () if available < wanted / entry_length * entry_length => Next::Broken,
            () if rest < entry_length as u64 => Next::Segment,
            () => Next::Entries { position: position.saturating_add(available as u64), remaining: rest },
        };
        self.start_check(chunks, next);
    }

    /// Returns the chunks of the video stream among entries. Their positions have no base while that of `idx1` is
    /// unknown.
    fn parse_entries(&self, entries: &[u8]) -> Vec<VideoChunk> {
        match &self.layout {
            Layout::Idx1 { base, .. } => {
                let entries = entries.chunks_exact(IDX1_ENTRY_LENGTH);
                let own = entries
                    .filter(|entry| entry.first_chunk().is_some_and(|id| is_video_chunk(*id, self.stream)));
                let chunk = |entry: &[u8]| {
                    let offset = u64::from(u32_at(entry, 8)?) + ChunkHeader::LENGTH;
                    let offset = offset.saturating_add(base.unwrap_or(0));
                    Some(VideoChunk { offset, size: u32_at(entry, 12)? })
                };
                own.filter_map(chunk).collect()
            }
            Layout::Standard { base, entry_length } => {
                let chunk = |entry: &[u8]| {
                    // The highest bit of the length marks frames that are not key frames.
                    let (offset, size) = (u32_at(entry, 0)?, u32_at(entry, 4)? & 0x7FFF_FFFF);
                    Some(VideoChunk { offset: base.saturating_add(offset.into()), size })
                };
                entries.chunks_exact(*entry_length).filter_map(chunk).collect()
            }
        }
    }

    /// Chooses the chunks of a piece that are compared with the file.
    fn start_check(&mut self, chunks: Vec<VideoChunk>, next: Next) {
        let frames: Vec<usize> = (0..chunks.len()).filter(|number| chunks[*number].size > 0).collect();
        let count = frames.len().min(MAX_SAMPLES);
        let sample = |number: usize| frames[number * (frames.len() - 1) / (count - 1).max(1)];
        let samples = (0..count).rev().map(sample).collect();
        self.state = State::Check(Check { chunks, samples, next });
    }

    /// Compares a chunk with the bytes at its position. The first one of `idx1` shows from where positions count.
    fn handle_sample(&mut self, mut check: Check, bytes: &[u8]) {
        let Some(&number) = check.samples.last() else { return };
        let chunk = check.chunks[number];
        let header = ChunkHeader::parse(bytes);
        let is_chunk = header.is_some_and(|header| {
            is_video_chunk(header.id, self.stream) && header.size == chunk.size && is_jpeg(&bytes[8..])
        });
        match &mut self.layout {
            Layout::Idx1 { base: base @ None, candidates } => {
                if is_chunk {
                    let found = candidates.first().copied().unwrap_or(0);
                    *base = Some(found);
                    for chunk in &mut check.chunks {
                        chunk.offset = chunk.offset.saturating_add(found);
                    }
                } else {
                    candidates.remove(0);
                    if !candidates.is_empty() {
                        self.state = State::Check(check);
                    }
                    return;
                }
            }
            _ if !is_chunk => return,
            _ => {}
        }
        check.samples.pop();
        self.state = State::Check(check);
    }

    /// Appends the chunks of a piece, up to the first one that does not fit to the file or to the ones before it.
    fn finish_piece(&mut self, check: Check, chunks: &mut Vec<VideoChunk>) {
        for chunk in check.chunks {
            let is_in_order = chunk.offset >= self.last_end && chunk.end() <= self.file_length;
            if chunk.size > 0 && !is_in_order {
                self.state = State::Finished(IndexStatus::Broken);
                return;
            }
            self.last_end = self.last_end.max(chunk.end().min(self.file_length));
            chunks.push(chunk);
        }
        self.state = match check.next {
            Next::Entries { position, remaining } => State::Entries { position, remaining },
            Next::Segment => State::NextSegment,
            Next::Broken => State::Finished(IndexStatus::Broken),
        };
    }
}
