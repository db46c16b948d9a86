//! The scan of a media file that fills its index.

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::disk_file::fill_from;
use super::folder_scan::FolderScan;
use super::storage::ReadAt;
use crate::media::container::{
    Demuxer, FileDefects, FilmProperties, FrameEntry, ReadRequest, UnsupportedFile,
};
use crate::proto::rtsp::Npt;

/// A scan in progress: of a file by a demuxer, or of a folder.
///
/// Call [`read_next`](Self::read_next) until it returns `false`, and drain the frames found from
/// [`entries`](Self::entries) in between.
#[derive(Debug)]
pub struct IndexScan {
    source: ScanSource,
    /// Frames found and not yet published.
    entries: Vec<FrameEntry>,
}

#[derive(Debug)]
enum ScanSource {
    File { reader: Arc<dyn ReadAt>, demuxer: Box<dyn Demuxer>, buffer: Vec<u8> },
    Folder(FolderScan),
}

impl IndexScan {
    /// Creates a scan of a file that has read nothing yet.
    pub fn of_file(reader: Arc<dyn ReadAt>, demuxer: Box<dyn Demuxer>) -> Self {
        let source = ScanSource::File { reader, demuxer, buffer: Vec::new() };
        Self { source, entries: Vec::new() }
    }

    /// Creates a scan of a folder.
    pub fn of_folder(scan: FolderScan) -> Self {
        Self { source: ScanSource::Folder(scan), entries: Vec::new() }
    }

    /// Reads until frame number `frame` (from 0) is known; returns `None` if the file has fewer complete frames. Call
    /// it before entries are drained. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, and [`io::ErrorKind::Interrupted`] once `cancelled` is.
    pub fn frame(&mut self, frame: usize, cancelled: &CancellationToken) -> io::Result<Option<FrameEntry>> {
        while self.entries.len() <= frame {
            if cancelled.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if !self.read_next()? {
                break;
            }
        }
        Ok(self.entries.get(frame).copied())
    }

    /// Reads the next part of the file; returns `false` if the index is complete. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn read_next(&mut self) -> io::Result<bool> {
        match &mut self.source {
            ScanSource::Folder(scan) => Ok(scan.read_next(&mut self.entries)),
            ScanSource::File { reader, demuxer, buffer } => {
                let ReadRequest::Range { offset, length } = demuxer.poll_read() else { return Ok(false) };
                buffer.resize(length, 0);
                let length = read_up_to(&**reader, offset, buffer)?;
                demuxer.handle_bytes(offset, &buffer[..length], &mut self.entries);
                Ok(true)
            }
        }
    }

    /// Frames found and not yet drained by the caller.
    pub fn entries(&mut self) -> &mut Vec<FrameEntry> {
        &mut self.entries
    }

    /// Returns the defects found so far.
    pub fn defects(&self) -> FileDefects {
        match &self.source {
            ScanSource::File { demuxer, .. } => demuxer.defects(),
            ScanSource::Folder(scan) => scan.defects(),
        }
    }

    /// Returns the end of the last frame found so far.
    pub fn end(&self) -> Npt {
        match &self.source {
            ScanSource::File { demuxer, .. } => demuxer.end(),
            ScanSource::Folder(scan) => scan.end(),
        }
    }

    /// Returns what the file states about its film. A folder states nothing.
    pub fn properties(&self) -> FilmProperties {
        match &self.source {
            ScanSource::File { demuxer, .. } => demuxer.properties(),
            ScanSource::Folder(_) => FilmProperties::default(),
        }
    }

    /// Returns the reason why the file is not Motion JPEG, if that was found only while it was read.
    pub fn refusal(&self) -> Option<UnsupportedFile> {
        match &self.source {
            ScanSource::File { demuxer, .. } => demuxer.refusal(),
            ScanSource::Folder(_) => None,
        }
    }
}

/// Fills `buffer` from `offset` (bytes from the start of the file); returns the number of bytes read, which is less
/// than the length of the buffer only at the end of the file. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn read_up_to(reader: &dyn ReadAt, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    fill_from(offset, buffer, |offset, buffer| reader.read_at(offset, buffer))
}
