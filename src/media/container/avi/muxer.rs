//! Muxer for AVI files.

use bytes::Bytes;

use super::riff::{ChunkHeader, FourCc};
use crate::media::container::muxer::{Muxer, MuxerError, MuxerWrite, RemovedSample};
use crate::media::jpeg::{Dimensions, MAX_FRAME_SIZE};
use crate::media::time_base::TimeBase;
use crate::proto::rtsp::Npt;

/// Writes an AVI file with the extensions of OpenDML, so that it can be larger than 2 GiB.
///
/// The times of the frames are rounded to ticks of a clock. Ticks without a frame are chunks of length 0. The first
/// RIFF chunk also has `idx1`, for programs that do not know OpenDML. Until the file is complete, the sizes of its
/// lists are 0: players and [`AviDemuxer`](super::AviDemuxer) read such a file by its chunks.
#[derive(Debug)]
pub struct AviMuxer {
    dimensions: Dimensions,
    time_base: TimeBase,
    /// Number of bytes written or returned to be written.
    position: u64,
    /// Number of ticks written.
    ticks: u64,
    max_time_error: Npt,
    /// Current RIFF chunk; `None` before the first frame.
    segment: Option<Segment>,
    /// Index chunks that were written.
    index: Vec<IndexEntry>,
    /// Number of ticks in the first RIFF chunk.
    first_segment_ticks: u32,
    /// Last RIFF chunk after the end of the film, to continue if its index could not be written.
    finished: Option<Segment>,
}

/// A RIFF chunk that is being written.
#[derive(Debug, Clone)]
struct Segment {
    /// Position of its header.
    riff: u64,
    /// Position of the header of its `movi` list.
    movi: u64,
    /// Chunks in it: position of the header from the type of the list, and length of the data.
    chunks: Vec<(u32, u32)>,
}

/// Entry of the super index.
#[derive(Debug)]
struct IndexEntry {
    offset: u64,
    length: u32,
    ticks: u32,
}

/// Length from which the next RIFF chunk begins, in bytes: 1 GiB, as OpenDML recommends.
const MAX_SEGMENT_LENGTH: u64 = 1 << 30;

/// Maximum number of chunks in a RIFF chunk; its index takes 8 bytes for each.
const MAX_SEGMENT_CHUNKS: usize = 1_000_000;

/// Number of RIFF chunks for which the super index has space.
const MAX_SEGMENTS: usize = 1_024;

/// Maximum number of ticks without a frame that are written. A longer gap is shortened to it.
const MAX_EMPTY_TICKS: u64 = 1_000_000;

/// Identifier of the frames.
const FRAME: FourCc = *b"00dc";

/// Value of `dwFlags` in the main header: there is an index, and it is complete (AVIF_HASINDEX, AVIF_TRUSTCKTYPE).
const MAIN_FLAGS: u32 = 0x10 | 0x800;

/// Positions of fields that are set when the file is complete, in bytes from the start of the file.
mod position {
    /// Data of the main header (`avih`): RIFF and `hdrl` headers with their types, and its own header.
    pub const MAIN_HEADER: u64 = 12 + 12 + 8;
    /// Number of frames in the first RIFF chunk.
    pub const TOTAL_FRAMES: u64 = MAIN_HEADER + 16;
    /// Data of the stream header (`strh`).
    pub const STREAM_HEADER: u64 = MAIN_HEADER + 56 + 12 + 8;
    /// Length of the stream, in ticks.
    pub const STREAM_LENGTH: u64 = STREAM_HEADER + 32;
    /// Data of the super index (`indx`), after the format (`strf`).
    pub const SUPER_INDEX: u64 = STREAM_HEADER + 56 + 8 + 40 + 8;
}

/// Length of the index chunks of a RIFF chunk without their entries, and of the last frame's header, in bytes.
const INDEX_OVERHEAD: u64 = 64;

/// Number of bytes in the index chunks for each chunk: 8 in `ix00`, 16 in `idx1`.
const INDEX_BYTES_PER_CHUNK: u64 = 24;

impl AviMuxer {
    /// Creates a muxer for frames of this size in pixels, whose times are ticks of `time_base`.
    pub fn new(dimensions: Dimensions, time_base: TimeBase) -> Self {
        Self {
            dimensions,
            time_base,
            position: 0,
            ticks: 0,
            max_time_error: Npt::ZERO,
            segment: None,
            index: Vec::new(),
            first_segment_ticks: 0,
            finished: None,
        }
    }

    /// Returns bytes to be appended.
    fn append(&mut self, bytes: impl Into<Bytes>, writes: &mut Vec<MuxerWrite>) {
        let bytes = bytes.into();
        self.position += bytes.len() as u64;
        writes.push(MuxerWrite::Append(bytes));
    }

    /// Begins a RIFF chunk and its `movi` list.
    fn start_segment(&mut self, writes: &mut Vec<MuxerWrite>) {
        let riff = self.position;
        let header = if riff == 0 { self.file_header() } else { list_header(b"RIFF", b"AVIX") };
        self.append(header, writes);
        let movi = self.position;
        self.append(list_header(b"LIST", b"movi"), writes);
        self.segment = Some(Segment { riff, movi, chunks: Vec::new() });
    }

    /// Encodes the start of the file, up to the `movi` list.
    fn file_header(&self) -> Vec<u8> {
        let (ticks, seconds) = self.time_base.fraction();
        let (width, height) = (u32::from(self.dimensions.width), u32::from(self.dimensions.height));
        let micros = u32::try_from(self.time_base.npt_of(1).as_micros()).unwrap_or(u32::MAX);
        let avih = words(&[micros, 0, 0, MAIN_FLAGS, 0, 0, 1, 0, width, height, 0, 0, 0, 0]);
        let mut strh = [&b"vids"[..], b"MJPG"].concat();
        strh.extend(words(&[0, 0, 0, seconds, ticks, 0, 0, 0, u32::MAX, 0, 0]));
        strh.extend([self.dimensions.width.to_le_bytes(), self.dimensions.height.to_le_bytes()].concat());
        let mut strf = words(&[40, width, height]);
        // One plane of 24 bits.
        strf.extend([1, 0, 24, 0]);
        strf.extend(b"MJPG");
        strf.extend(words(&[width.saturating_mul(height).saturating_mul(3), 0, 0, 0, 0]));
        let indx = self.super_index();
        let strl = [chunk(b"strh", &strh), chunk(b"strf", &strf), chunk(b"indx", &indx)].concat();
        let odml = list(b"odml", &chunk(b"dmlh", &words(&[0; 62])));
        let hdrl = list(b"hdrl", &[chunk(b"avih", &avih), list(b"strl", &strl), odml].concat());
        [list_header(b"RIFF", b"AVI "), hdrl].concat()
    }

    /// Encodes the super index, with space for all entries.
    fn super_index(&self) -> Vec<u8> {
        // Four words for each entry, an index of indexes, and the number of entries.
        let mut index = [&[4, 0, 0, 0][..], &words(&[self.index.len() as u32])].concat();
        index.extend(FRAME);
        index.extend([0; 12]);
        for IndexEntry { offset, length, ticks } in &self.index {
            index.extend(offset.to_le_bytes());
            index.extend(words(&[*length, *ticks]));
        }
        index.resize(SUPER_INDEX_HEADER + MAX_SEGMENTS * 16, 0);
        index
    }

    /// Position of the number of frames in the extended header (`dmlh`), which follows the super index.
    fn extended_total_frames() -> u64 {
        position::SUPER_INDEX + (SUPER_INDEX_HEADER + MAX_SEGMENTS * 16) as u64 + 12 + 8
    }

    /// Appends a chunk of the stream, of length 0 for a tick without a frame.
    fn append_chunk(&mut self, jpeg: Bytes, writes: &mut Vec<MuxerWrite>) -> Result<(), MuxerError> {
        self.make_space(jpeg.len(), writes)?;
        let Some(segment) = &mut self.segment else { return Err(MuxerError::FileTooLong) };
        // The lengths are limited by `make_space` and by the largest frame.
        let (offset, length) = ((self.position - segment.movi - 8) as u32, jpeg.len() as u32);
        segment.chunks.push((offset, length));
        self.ticks += 1;
        self.append(chunk_header(FRAME, length), writes);
        if length > 0 {
            self.append(jpeg, writes);
        }
        if length % 2 == 1 {
            self.append(&[0][..], writes);
        }
        Ok(())
    }

    /// Begins a RIFF chunk if there is none, or if the current one has no space for a frame of this length.
    fn make_space(&mut self, length: usize, writes: &mut Vec<MuxerWrite>) -> Result<(), MuxerError> {
        match &self.segment {
            None => self.start_segment(writes),
            Some(segment) => {
                let end = self.position - segment.riff + length as u64;
                if end > MAX_SEGMENT_LENGTH || segment.chunks.len() == MAX_SEGMENT_CHUNKS {
                    // One entry is kept for the RIFF chunk that begins.
                    if self.index.len() + 2 > MAX_SEGMENTS {
                        return Err(MuxerError::FileTooLong);
                    }
                    self.finish_segment(writes);
                    self.start_segment(writes);
                }
            }
        }
        Ok(())
    }

    /// Ends the RIFF chunk: its index chunk, for the first one `idx1`, and the sizes.
    fn finish_segment(&mut self, writes: &mut Vec<MuxerWrite>) {
        let Some(Segment { riff, movi, chunks }) = self.segment.take() else { return };
        let offset = self.position;
        let index = standard_index(movi + 8, &chunks);
        self.index.push(IndexEntry { offset, length: index.len() as u32, ticks: chunks.len() as u32 });
        self.append(index, writes);
        let movi_size = (self.position - movi - ChunkHeader::LENGTH) as u32;
        if riff == 0 {
            self.first_segment_ticks = chunks.len() as u32;
            self.append(idx1(&chunks), writes);
        }
        let riff_size = (self.position - riff - ChunkHeader::LENGTH) as u32;
        patch(riff + 4, &riff_size.to_le_bytes(), writes);
        patch(movi + 4, &movi_size.to_le_bytes(), writes);
        patch(position::SUPER_INDEX, &self.super_index(), writes);
        self.patch_lengths(writes);
    }

    /// Sets the numbers of ticks in the headers.
    fn patch_lengths(&self, writes: &mut Vec<MuxerWrite>) {
        let ticks = u32::try_from(self.ticks).unwrap_or(u32::MAX).to_le_bytes();
        patch(position::TOTAL_FRAMES, &self.first_segment_ticks.to_le_bytes(), writes);
        patch(position::STREAM_LENGTH, &ticks, writes);
        patch(Self::extended_total_frames(), &ticks, writes);
    }

    /// Appends ticks without a frame up to this one, but not more than [`MAX_EMPTY_TICKS`].
    fn append_empty_ticks(&mut self, tick: u64, writes: &mut Vec<MuxerWrite>) -> Result<(), MuxerError> {
        let count = tick.saturating_sub(self.ticks).min(MAX_EMPTY_TICKS);
        (0..count).try_for_each(|_| self.append_chunk(Bytes::new(), writes))
    }
}

impl Muxer for AviMuxer {
    fn write_frame(
        &mut self,
        jpeg: Bytes,
        time: Npt,
        writes: &mut Vec<MuxerWrite>,
    ) -> Result<(), MuxerError> {
        if jpeg.len() > MAX_FRAME_SIZE {
            return Err(MuxerError::FrameTooLong { length: jpeg.len(), max: MAX_FRAME_SIZE });
        }
        self.append_empty_ticks(self.time_base.nearest_tick(time), writes)?;
        let written = self.time_base.npt_of(self.ticks).as_micros();
        let error = Npt::from_micros(written.abs_diff(time.as_micros()));
        self.append_chunk(jpeg, writes)?;
        self.max_time_error = self.max_time_error.max(error);
        Ok(())
    }

    fn finish(&mut self, end: Npt, writes: &mut Vec<MuxerWrite>) {
        if self.segment.is_some() {
            // The file is complete without the rest of the last interval.
            let _ = self.append_empty_ticks(self.time_base.nearest_tick(end), writes);
            self.finished = self.segment.clone();
            self.finish_segment(writes);
        }
    }

    fn finish_length(&self) -> u64 {
        let segment = self.segment.as_ref().or(self.finished.as_ref());
        INDEX_OVERHEAD + segment.map_or(0, |segment| segment.chunks.len() as u64) * INDEX_BYTES_PER_CHUNK
    }

    fn remove_last(&mut self) -> Option<RemovedSample> {
        if let Some(finished) = self.finished.take() {
            self.index.pop();
            self.segment = Some(finished);
        }
        let segment = self.segment.as_mut()?;
        // Frames of earlier RIFF chunks stay, because their index is written already.
        let (offset, length) = segment.chunks.pop()?;
        self.ticks -= 1;
        self.position = segment.movi + ChunkHeader::LENGTH + u64::from(offset);
        Some(RemovedSample { start: self.position, is_frame: length > 0 })
    }

    fn max_time_error(&self) -> Npt {
        self.max_time_error
    }
}

/// Length of the fields of `indx` before its entries, in bytes.
const SUPER_INDEX_HEADER: usize = 24;

fn patch(offset: u64, bytes: &[u8], writes: &mut Vec<MuxerWrite>) {
    writes.push(MuxerWrite::Patch { offset, bytes: Bytes::copy_from_slice(bytes) });
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn chunk_header(id: FourCc, length: u32) -> Vec<u8> {
    [&id[..], &length.to_le_bytes()].concat()
}

/// Encodes a chunk of even length.
fn chunk(id: &FourCc, data: &[u8]) -> Vec<u8> {
    [&chunk_header(*id, data.len() as u32), data].concat()
}

/// Encodes a list.
fn list(kind: &FourCc, data: &[u8]) -> Vec<u8> {
    chunk(b"LIST", &[&kind[..], data].concat())
}

/// Encodes the header of a list whose size is not known yet.
fn list_header(id: &FourCc, kind: &FourCc) -> Vec<u8> {
    [&chunk_header(*id, 0)[..], kind].concat()
}

/// Encodes an index chunk (`ix00`) for chunks whose positions count from `base`.
fn standard_index(base: u64, chunks: &[(u32, u32)]) -> Vec<u8> {
    // Two words for each entry, an index of chunks.
    let mut index = vec![2, 0, 0, 1];
    index.extend((chunks.len() as u32).to_le_bytes());
    index.extend(FRAME);
    index.extend(base.to_le_bytes());
    index.extend([0; 4]);
    for (offset, length) in chunks {
        index.extend(words(&[offset + ChunkHeader::LENGTH as u32, *length]));
    }
    chunk(b"ix00", &index)
}

/// Encodes `idx1`, in which every frame is a key frame (AVIIF_KEYFRAME).
fn idx1(chunks: &[(u32, u32)]) -> Vec<u8> {
    let mut index = Vec::with_capacity(chunks.len() * 16);
    for (offset, length) in chunks {
        index.extend(FRAME);
        index.extend(words(&[0x10, *offset, *length]));
    }
    chunk(b"idx1", &index)
}
