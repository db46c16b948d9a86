//! The pass over a file that fills its index.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::storage::ReadAt;
use crate::media::container::{Demuxer, FileDefects, FrameEntry, ReadRequest};

/// A demuxer and the file that it reads.
#[derive(Debug)]
pub struct IndexScan {
    reader: Arc<dyn ReadAt>,
    demuxer: Box<dyn Demuxer>,
    buffer: Vec<u8>,
    /// Frames that were found and not published.
    entries: Vec<FrameEntry>,
}

impl IndexScan {
    /// A pass that has read nothing yet.
    pub fn new(reader: Arc<dyn ReadAt>, demuxer: Box<dyn Demuxer>) -> Self {
        Self { reader, demuxer, buffer: Vec::new(), entries: Vec::new() }
    }

    /// Reads on until the first frame is known; `None` if the file has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn first_frame(&mut self) -> io::Result<Option<FrameEntry>> {
        while self.entries.is_empty() && self.read_on()? {}
        Ok(self.entries.first().copied())
    }

    /// Reads the next part of the file; `false` if the index is complete.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_on(&mut self) -> io::Result<bool> {
        let ReadRequest::Range { offset, length } = self.demuxer.poll_read() else { return Ok(false) };
        self.buffer.resize(length, 0);
        let length = read_up_to(&*self.reader, offset, &mut self.buffer)?;
        self.demuxer.handle_bytes(offset, &self.buffer[..length], &mut self.entries);
        Ok(true)
    }

    /// Frames that were found since they were last taken out.
    pub fn entries(&mut self) -> &mut Vec<FrameEntry> {
        &mut self.entries
    }

    /// What was met so far besides complete frames.
    pub fn defects(&self) -> FileDefects {
        self.demuxer.defects()
    }
}

/// Fills a buffer from a position on, as far as there are bytes; returns how many.
///
/// # Errors
/// When the file cannot be read.
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
