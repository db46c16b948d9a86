//! Muxer for QuickTime files.

use bytes::Bytes;

use super::movie_writer::{MAX_SIZES, MovieWriter};
use crate::media::container::muxer::{Muxer, MuxerError, MuxerWrite, RemovedSample};
use crate::media::jpeg::{Dimensions, MAX_FRAME_SIZE, frame_dimensions};
use crate::media::time_base::TimeBase;
use crate::proto::rtsp::Npt;

/// Writes a QuickTime file: the frames, and after them the movie atom with their times.
///
/// Until the file is complete, its data atom has no length, and there is no movie atom. Then
/// [`MovDemuxer`](super::MovDemuxer) finds the frames, but not their times.
#[derive(Debug)]
pub struct MovMuxer {
    time_base: TimeBase,
    movie: MovieWriter,
    /// Size of the last frame with a valid header.
    dimensions: Dimensions,
    /// Number of bytes written or returned to be written.
    position: u64,
    max_time_error: Npt,
}

/// File type: QuickTime.
const FILE_TYPE: &[u8; 20] = b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ";

/// Header of the data atom before its length is known: space for a long length, and a length to the end of the file.
const OPEN_DATA_HEADER: &[u8; 16] = b"\0\0\0\x08wide\0\0\0\0mdat";

/// Maximum number of frames: the index has less than 40 bytes for each, and the movie atom less than 4 GiB.
const MAX_FRAMES: usize = 50_000_000;

/// Maximum length of the movie atom without its frames, in bytes: up to 100 sample descriptions of about 100 bytes.
const MAX_MOVIE_OVERHEAD: u64 = 16 * 1024;

/// Maximum number of bytes in the movie atom for each frame: time, size, position and change of the description.
const MAX_BYTES_PER_FRAME: u64 = 40;

impl MovMuxer {
    /// Creates a muxer for frames whose times are ticks of `time_base`. `dimensions` is the size of frames whose header
    /// is invalid, if no valid one precedes them.
    pub fn new(dimensions: Dimensions, time_base: TimeBase) -> Self {
        let movie = MovieWriter::new(time_base);
        Self { time_base, movie, dimensions, position: 0, max_time_error: Npt::ZERO }
    }

    fn append(&mut self, bytes: impl Into<Bytes>, writes: &mut Vec<MuxerWrite>) {
        let bytes = bytes.into();
        self.position += bytes.len() as u64;
        writes.push(MuxerWrite::Append(bytes));
    }

    fn start(&mut self, writes: &mut Vec<MuxerWrite>) {
        if self.position == 0 {
            self.append(&FILE_TYPE[..], writes);
            self.append(&OPEN_DATA_HEADER[..], writes);
        }
    }

    /// Returns the header of the complete data atom.
    fn data_header(&self) -> [u8; 16] {
        let mut header = *OPEN_DATA_HEADER;
        let length = self.position - FILE_TYPE.len() as u64;
        match u32::try_from(length - 8) {
            Ok(short) => header[8..12].copy_from_slice(&short.to_be_bytes()),
            Err(_) => {
                header[..8].copy_from_slice(b"\0\0\0\x01mdat");
                header[8..].copy_from_slice(&length.to_be_bytes());
            }
        }
        header
    }
}

impl Muxer for MovMuxer {
    fn write_frame(
        &mut self,
        jpeg: Bytes,
        time: Npt,
        writes: &mut Vec<MuxerWrite>,
    ) -> Result<(), MuxerError> {
        let length = u32::try_from(jpeg.len()).ok().filter(|_| jpeg.len() <= MAX_FRAME_SIZE);
        let Some(length) = length else {
            return Err(MuxerError::FrameTooLong { length: jpeg.len(), max: MAX_FRAME_SIZE });
        };
        if self.movie.len() >= MAX_FRAMES {
            return Err(MuxerError::FileTooLong);
        }
        let dimensions = frame_dimensions(&jpeg).unwrap_or(self.dimensions);
        let position = self.position.max((FILE_TYPE.len() + OPEN_DATA_HEADER.len()) as u64);
        if self.movie.push(position, length, time, dimensions).is_none() {
            return Err(MuxerError::TooManySizes { max: MAX_SIZES });
        }
        self.dimensions = dimensions;
        let written = self.time_base.npt_of(self.time_base.nearest_tick(time));
        let error = written.as_micros().abs_diff(time.as_micros());
        self.max_time_error = self.max_time_error.max(Npt::from_micros(error));
        self.start(writes);
        self.append(jpeg, writes);
        Ok(())
    }

    fn finish(&mut self, end: Npt, writes: &mut Vec<MuxerWrite>) {
        self.start(writes);
        let header = Bytes::copy_from_slice(&self.data_header());
        writes.push(MuxerWrite::Patch { offset: FILE_TYPE.len() as u64, bytes: header });
        self.append(self.movie.encode(end), writes);
    }

    fn finish_length(&self) -> u64 {
        MAX_MOVIE_OVERHEAD + self.movie.len() as u64 * MAX_BYTES_PER_FRAME
    }

    fn remove_last(&mut self) -> Option<RemovedSample> {
        self.position = self.movie.pop()?;
        Some(RemovedSample { start: self.position, is_frame: true })
    }

    fn max_time_error(&self) -> Npt {
        self.max_time_error
    }
}

#[cfg(test)]
mod tests {
    use super::super::MovDemuxer;
    use super::*;
    use crate::media::FrameRate;
    use crate::media::container::{Demuxer, ReadRequest, SourceFile};

    fn written(is_complete: bool) -> Vec<u8> {
        let dimensions = Dimensions { width: 96, height: 64 };
        let mut muxer = MovMuxer::new(dimensions, TimeBase::new(25, 1).unwrap());
        let mut writes = Vec::new();
        for frame in 0..3 {
            let jpeg = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2, 0xFF, 0xD9];
            muxer.write_frame(jpeg.to_vec().into(), Npt::from_micros(frame * 40_000), &mut writes).unwrap();
        }
        if is_complete {
            muxer.finish(Npt::from_micros(120_000), &mut writes);
        }
        let mut file = Vec::new();
        for write in writes {
            match write {
                MuxerWrite::Append(bytes) => file.extend_from_slice(&bytes),
                MuxerWrite::Patch { offset, bytes } => {
                    file[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
                }
            }
        }
        file
    }

    fn times(file: &[u8], assumed_rate: FrameRate) -> Vec<u64> {
        let mut demuxer = MovDemuxer::new(SourceFile { length: file.len() as u64, assumed_rate });
        let mut entries = Vec::new();
        while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
            let start = (offset as usize).min(file.len());
            demuxer.handle_bytes(offset, &file[start..(start + length).min(file.len())], &mut entries);
        }
        entries.iter().map(|entry| entry.time.as_micros()).collect()
    }

    #[test]
    fn written_file_is_read_complete_and_unfinished() {
        assert_eq!(times(&written(true), FrameRate::per_second(5)), [0, 40_000, 80_000]);
        assert_eq!(
            times(&written(false), FrameRate::per_second(5)),
            [0, 200_000, 400_000],
            "at the assumed rate"
        );
    }

    #[test]
    fn data_beyond_4_gib_has_a_long_length() {
        let dimensions = Dimensions { width: 96, height: 64 };
        let mut muxer = MovMuxer::new(dimensions, TimeBase::new(25, 1).unwrap());
        muxer.position = 1_000;
        assert_eq!(muxer.data_header(), *b"\0\0\0\x08wide\0\0\x03\xCCmdat");
        muxer.position = 1 << 33;
        assert_eq!(muxer.data_header(), *b"\0\0\0\x01mdat\0\0\0\x01\xFF\xFF\xFF\xEC");
    }
}
