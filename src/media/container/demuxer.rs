//! Interface of the demuxers.
//!
//! A demuxer does not read the file: it requests a range, and the caller passes the bytes in. An index at the end of a
//! large file costs two reads; a format without an index is read from beginning to end, in pieces.

use std::fmt;

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

/// Defects found in a file besides its complete frames. The frames counted here have no [`FrameEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileDefects {
    /// Number of frames that are incomplete or malformed, without a truncated last frame.
    pub damaged: u64,
    /// Number of frames longer than [`MAX_FRAME_SIZE`](crate::media::jpeg::MAX_FRAME_SIZE).
    pub oversized: u64,
    /// The file ends in its last frame.
    pub is_truncated: bool,
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
}
