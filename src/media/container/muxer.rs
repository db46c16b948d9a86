//! Interface of the muxers.
//!
//! A muxer does not write the file: it returns bytes to append, and bytes that replace earlier ones. So the same muxer
//! serves conversion and recording, and is tested without a disk.

use std::fmt;

use bytes::Bytes;

use crate::media::jpeg::Dimensions;
use crate::proto::rtsp::Npt;

/// Bytes that a muxer wants to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MuxerWrite {
    /// Bytes at the end of the file.
    Append(Bytes),
    /// Bytes that replace those written at a position.
    Patch {
        /// Position in bytes from the start of the file. All of the bytes replaced have been written.
        offset: u64,
        /// New bytes.
        bytes: Bytes,
    },
}

impl MuxerWrite {
    /// Returns the number of bytes by which the write makes the file longer.
    pub fn appended_length(&self) -> u64 {
        match self {
            Self::Append(bytes) => bytes.len() as u64,
            Self::Patch { .. } => 0,
        }
    }
}

/// Reason why a frame cannot be written. Completes the sentence "frame 7 cannot be written: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MuxerError {
    /// The frame is too long for the length field of the format.
    #[error("it has {length} bytes, and the format holds at most {max}")]
    FrameTooLong {
        /// Length of the frame, in bytes.
        length: usize,
        /// Maximum length, in bytes.
        max: usize,
    },
    /// The format describes each size of frames, and this frame has one more.
    #[error("the format holds frames of at most {max} different sizes")]
    TooManySizes {
        /// Maximum number of sizes.
        max: usize,
    },
    /// The format has one size for all frames, and this frame has another.
    #[error("it has {found} pixels and not {first} as the ones before it, and the format holds one size")]
    OtherSize {
        /// Size of this frame.
        found: Dimensions,
        /// Size of the first frame.
        first: Dimensions,
    },
    /// The frame has two fields, which other programs would take for two frames.
    #[error("it has two fields, which only AVI and JPEG files keep together")]
    TwoFields,
    /// Other data follows the JPEG of the frame, in a format whose frames end with it.
    #[error("it has other data behind its JPEG, which only AVI, MOV and JPEG files keep in the frame")]
    Appendix,
    /// The index of the file is full.
    #[error("the film is too long for its format")]
    FileTooLong,
}

/// Part of a film that was removed from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedSample {
    /// Length of the file without it, in bytes.
    pub start: u64,
    /// False for a tick without a frame.
    pub is_frame: bool,
}

/// Writes the frames of one film in one file format.
///
/// Call [`write_frame`](Self::write_frame) for each frame in the order of their times, then [`finish`](Self::finish).
/// After each call, write what it returned. If a call fails, nothing of that frame was returned, and `finish` can still
/// be called.
pub trait Muxer: fmt::Debug + Send {
    /// Adds a frame, whose bytes are written unchanged, and appends what is to be written. `time` is relative to the
    /// start of the film; formats without times ignore it.
    ///
    /// # Errors
    /// Returns the reason if the format cannot hold the frame.
    fn write_frame(&mut self, jpeg: Bytes, time: Npt, writes: &mut Vec<MuxerWrite>)
    -> Result<(), MuxerError>;

    /// Completes the file, and appends what is to be written. `end` is the end of the last frame.
    fn finish(&mut self, end: Npt, writes: &mut Vec<MuxerWrite>);

    /// Returns the largest number of bytes that [`finish`](Self::finish) appends now.
    fn finish_length(&self) -> u64 {
        0
    }

    /// Removes what was appended last, because it could not be written or its space is needed; also after `finish`.
    /// `None`, and nothing changes, if nothing can be removed.
    fn remove_last(&mut self) -> Option<RemovedSample> {
        None
    }

    /// Returns the largest difference between the time of a frame and the time that was written for it.
    fn max_time_error(&self) -> Npt {
        Npt::ZERO
    }
}
