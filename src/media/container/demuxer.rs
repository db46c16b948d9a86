//! Interface of the demuxers.
//!
//! A demuxer does not read the file: it requests a range, and the caller passes the bytes in. An index at the end of a
//! large file costs two reads; a format without an index is read from beginning to end, in pieces.

use std::fmt;

use super::unsupported::UnsupportedFile;
use crate::media::frame_rate::FrameRate;
use crate::media::jpeg::Dimensions;
use crate::media::time_base::TimeBase;
use crate::proto::rtsp::Npt;

/// A frame in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEntry {
    /// Position of SOI in the file, in bytes.
    pub offset: u64,
    /// Length in bytes, EOI included; at most [`MAX_FRAME_SIZE`](crate::media::jpeg::MAX_FRAME_SIZE).
    pub length: u32,
    /// Presentation time, relative to the start of the file.
    pub time: Npt,
}

/// The part of a file that a demuxer needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadRequest {
    /// Up to `length` bytes from `offset` on; fewer only at the end of the file.
    Range {
        /// Position in the file, in bytes.
        offset: u64,
        /// Number of bytes; not zero.
        length: usize,
    },
    /// No further bytes are needed: all frames are known.
    Done,
}

/// Length and assumed frame rate of a file, known before it is read.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile {
    /// Length of the file, in bytes.
    pub length: u64,
    /// Frame rate to assume if the file states no times.
    pub assumed_rate: FrameRate,
}

/// Statements of a file about its film, besides the frames. They are known when the first frame is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FilmProperties {
    /// Frame rate that the file states, or for frames of different lengths its mean; `None` if the file states no
    /// times, and its frames have those of the assumed rate.
    pub rate: Option<FrameRate>,
    /// Clock of which all times are ticks; `None` if there is none.
    pub time_base: Option<TimeBase>,
    /// Size of the frames in pixels; `None` if it is not stated.
    pub dimensions: Option<Dimensions>,
    /// Streams that are not played, for a message: `PCM sound`.
    pub other_streams: Vec<String>,
}

/// Defects found in a file besides its complete frames. The frames counted here have no [`FrameEntry`], except the
/// [`unmarked`](Self::unmarked) ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileDefects {
    /// Number of frames that are incomplete or malformed, without a truncated last frame.
    pub damaged: u64,
    /// Number of frames longer than [`MAX_FRAME_SIZE`](crate::media::jpeg::MAX_FRAME_SIZE).
    pub oversized: u64,
    /// The file ends in its last frame.
    pub is_truncated: bool,
    /// Number of further frames of which nothing is found: those that the header of a truncated file states, or as many
    /// as fit between two frames.
    pub missing: u64,
    /// Number of frames without EOI, which may be incomplete. They have a [`FrameEntry`].
    pub unmarked: u64,
    /// Number of files in a folder of images that are no JPEG, or that cannot be read.
    pub skipped_files: u64,
}

/// Finds the frames of one file format.
///
/// Call [`poll_read`](Self::poll_read), read the requested range, pass it to [`handle_bytes`](Self::handle_bytes), and
/// repeat until [`ReadRequest::Done`].
pub trait Demuxer: fmt::Debug + Send {
    /// Returns the part of the file to read next.
    fn poll_read(&mut self) -> ReadRequest;

    /// Handles bytes read at `offset`; an empty slice marks the end of the file. Appends an entry for each frame that
    /// became known, in presentation order.
    fn handle_bytes(&mut self, offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>);

    /// Returns the defects found so far.
    fn defects(&self) -> FileDefects;

    /// Returns the end of the last frame found so far.
    fn end(&self) -> Npt;

    /// Returns what the file states about its film.
    fn properties(&self) -> FilmProperties {
        FilmProperties::default()
    }

    /// Returns the reason why the file is not Motion JPEG, if that was found only after
    /// [`identify`](super::identify()). No frame is found in such a file.
    fn refusal(&self) -> Option<UnsupportedFile> {
        None
    }
}
