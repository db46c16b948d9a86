//! The scan of a folder of JPEG files that fills the index of its film.

use std::io;
use std::sync::Arc;

use super::disk_file::{fill_from, read_file_at};
use super::image_folder::ImageFolder;
use crate::media::FrameRate;
use crate::media::container::{Demuxer as _, FileDefects, FrameEntry, ImageDemuxer, ReadRequest, SourceFile};
use crate::proto::rtsp::Npt;

/// Scan in progress. Only the headers and the ends of files are read, where these suffice.
#[derive(Debug)]
pub struct FolderScan {
    folder: Arc<ImageFolder>,
    /// Rate of the film, since files of a folder have no times.
    rate: FrameRate,
    /// Place of the next file.
    next: usize,
    /// Number of frames found.
    frames: u64,
    defects: FileDefects,
    buffer: Vec<u8>,
}

/// Number of files that are read at once after the first frame.
const BATCH: usize = 64;

impl FolderScan {
    /// Creates a scan that has read nothing yet.
    pub fn new(folder: Arc<ImageFolder>, rate: FrameRate) -> Self {
        Self { folder, rate, next: 0, frames: 0, defects: FileDefects::default(), buffer: Vec::new() }
    }

    /// Reads the next files, and appends their frames; returns `false` if there are none. A file without a frame is
    /// counted. Blocks.
    pub fn read_next(&mut self, entries: &mut Vec<FrameEntry>) -> bool {
        let count = if self.frames == 0 { 1 } else { BATCH };
        let end = self.next.saturating_add(count).min(self.folder.len());
        for place in self.next..end {
            match self.read_file(place) {
                Ok(Some(length)) => {
                    entries.push(FrameEntry { offset: place as u64, length, time: self.end() });
                    self.frames += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(folder = %self.folder.path().display(), place, %error, "file skipped");
                    self.defects.skipped_files += 1;
                }
            }
        }
        let has_read = self.next < end;
        self.next = end;
        has_read
    }

    /// Returns the length of the frame of a file, in bytes; `None` if it has none.
    fn read_file(&mut self, place: usize) -> io::Result<Option<u32>> {
        let (file, length) = self.folder.open(place)?;
        let mut demuxer = ImageDemuxer::new(SourceFile { length, assumed_rate: self.rate });
        let mut frames = Vec::new();
        while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
            self.buffer.resize(length, 0);
            let read_at = |offset, buffer: &mut [u8]| read_file_at(&file, offset, buffer);
            let read = fill_from(offset, &mut self.buffer, read_at)?;
            demuxer.handle_bytes(offset, &self.buffer[..read], &mut frames);
        }
        let FileDefects { damaged, oversized, is_truncated, unmarked, .. } = demuxer.defects();
        self.defects.oversized += oversized;
        self.defects.unmarked += unmarked;
        self.defects.skipped_files += damaged + u64::from(is_truncated);
        Ok(frames.first().map(|frame| frame.length))
    }

    /// Returns the defects found so far. If no file has EOI, the encoder writes none, and nothing is missing.
    pub fn defects(&self) -> FileDefects {
        let has_eoi = self.defects.unmarked < self.frames;
        FileDefects { unmarked: if has_eoi { self.defects.unmarked } else { 0 }, ..self.defects }
    }

    /// Returns the end of the last frame found so far.
    pub fn end(&self) -> Npt {
        self.rate.npt_of(self.frames)
    }
}
