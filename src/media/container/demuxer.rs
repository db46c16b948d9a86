//! Finding the frames of a file, without reading it.
//!
//! A demuxer says which part of the file it wants to see next; the caller reads that part and passes the bytes in. An
//! index at the end of a large file costs two reads, and a format without an index is read from its beginning to its
//! end, in pieces. Each frame that is found is an entry with its place in the file and its time.

use std::fmt;

use crate::proto::rtsp::Npt;

/// One frame of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEntry {
    /// Position of its SOI in the file, in bytes.
    pub offset: u64,
    /// Length in bytes, EOI included; at most [`LARGEST`](crate::media::jpeg::LARGEST).
    pub length: u32,
    /// When it is shown, from the start of the film.
    pub time: Npt,
}

/// The part of a file that a demuxer wants to see next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadRequest {
    /// The bytes from `offset` on, as many as `length` or as there are.
    Range {
        /// Position in the file, in bytes.
        offset: u64,
        /// Number of bytes.
        length: usize,
    },
    /// Nothing more: all frames are known.
    Done,
}

/// What a demuxer has met besides complete frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Frames that begin and are not complete.
    pub damaged: u64,
    /// Frames over [`LARGEST`](crate::media::jpeg::LARGEST), which are left out.
    pub oversized: u64,
    /// The file ends in the middle of its last frame, which is left out.
    pub cut: bool,
}

/// Finds the frames of one file format.
pub trait Demuxer: fmt::Debug + Send {
    /// Returns which part of the file to read next.
    fn poll_read(&mut self) -> ReadRequest;

    /// Handles bytes read at `offset`; none mean that the file ends there. Appends the frames that became known, in the
    /// order in which they are shown.
    fn handle_bytes(&mut self, offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>);

    /// What was met so far besides complete frames.
    fn outcome(&self) -> Outcome;
}
