//! The scan of a media file that fills its index.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::storage::ReadAt;
use crate::media::container::{Demuxer, FrameEntry, ReadRequest};

/// A scan in progress: a demuxer and the file that it reads.
///
/// Call [`read_next`](Self::read_next) until it returns `false`, and drain the frames found from
/// [`entries`](Self::entries) in between.
#[derive(Debug)]
pub struct IndexScan {
    reader: Arc<dyn ReadAt>,
    demuxer: Box<dyn Demuxer>,
    buffer: Vec<u8>,
    /// Frames found and not yet published.
    entries: Vec<FrameEntry>,
}

impl IndexScan {
    /// Creates a scan that has read nothing yet.
    pub fn new(reader: Arc<dyn ReadAt>, demuxer: Box<dyn Demuxer>) -> Self {
        Self { reader, demuxer, buffer: Vec::new(), entries: Vec::new() }
    }

    /// Reads until frame number `frame` (from 0) is known; returns `None` if the file has fewer complete frames. Call it
    /// before entries are drained. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn frame(&mut self, frame: usize) -> io::Result<Option<FrameEntry>> {
        while self.entries.len() <= frame && self.read_next()? {}
        Ok(self.entries.get(frame).copied())
    }

    /// Reads the next part of the file; returns `false` if the index is complete. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn read_next(&mut self) -> io::Result<bool> {
        let ReadRequest::Range { offset, length } = self.demuxer.poll_read() else { return Ok(false) };
        self.buffer.resize(length, 0);
        let length = read_up_to(&*self.reader, offset, &mut self.buffer)?;
        self.demuxer.handle_bytes(offset, &self.buffer[..length], &mut self.entries);
        Ok(true)
    }

    /// Frames found and not yet drained by the caller.
    pub fn entries(&mut self) -> &mut Vec<FrameEntry> {
        &mut self.entries
    }

    /// Demuxer, for what it knows about the file so far.
    pub fn demuxer(&self) -> &dyn Demuxer {
        &*self.demuxer
    }
}

/// Fills `buffer` from `offset` (bytes from the start of the file); returns the number of bytes read, which is less
/// than the length of the buffer only at the end of the file. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn read_up_to(reader: &dyn ReadAt, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read_at(offset.saturating_add(filled as u64), &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
