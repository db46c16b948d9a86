//! Target of a recording: a file, or a folder of JPEG files.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::format::RecordingFormat;
use super::muxer::RecordingMuxer;
use crate::media::FrameRate;
use crate::media::container::MuxerError;
use crate::media_file::{FilmWriteError, FilmWriter, FolderWriteError, FolderWriter, RecordingPlace};
use crate::proto::rtsp::Npt;

/// Target that is being written. Dropping it removes a part that is beside its path.
#[derive(Debug)]
pub enum RecordingTarget {
    /// A file in a format that a muxer writes, or a single JPEG.
    Film(Box<FilmWriter>),
    /// A folder with a JPEG file of each frame.
    Folder(FolderWriter),
}

impl RecordingTarget {
    /// Creates the file or folder. Blocks.
    ///
    /// # Errors
    /// Returns a sentence if it cannot be created.
    pub fn create(
        path: &Path,
        place: RecordingPlace,
        format: RecordingFormat,
        stated_rate: Option<FrameRate>,
    ) -> Result<Self, String> {
        if format == RecordingFormat::Folder {
            let replaces = place == RecordingPlace::Aside { replaces_frames: true };
            return FolderWriter::record(path, replaces)
                .map(Self::Folder)
                .map_err(|error| folder_error(path, &error));
        }
        let muxer = Box::new(RecordingMuxer::new(format, stated_rate));
        let has_index = format == RecordingFormat::Mov;
        FilmWriter::record(path, place, has_index, muxer)
            .map(|writer| Self::Film(Box::new(writer)))
            .map_err(|error| create_error(path, &error))
    }

    /// Writes a frame; `time` is relative to the start of the film. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be written, or if the format cannot hold the frame.
    pub fn write_frame(&mut self, jpeg: Bytes, time: Npt) -> Result<(), FilmWriteError> {
        match self {
            Self::Film(writer) => writer.write_frame(jpeg, time),
            Self::Folder(writer) if writer.is_full() => Err(MuxerError::FileTooLong.into()),
            Self::Folder(writer) => Ok(writer.write_frame(&jpeg)?),
        }
    }

    /// Removes frames at the end after a write has failed, or after the film could not be completed. Returns the number
    /// of frames removed, with that of the failed write. Blocks.
    ///
    /// # Errors
    /// Returns an error if nothing can be removed.
    pub fn shorten(&mut self, has_write_failed: bool) -> io::Result<u64> {
        match self {
            Self::Film(writer) => writer.shorten(),
            // The file whose write has failed is not there.
            Self::Folder(_) if has_write_failed => Ok(1),
            Self::Folder(writer) => writer.remove_last().map(u64::from),
        }
    }

    /// Completes the film at its path, and can be called again after [`shorten`](Self::shorten). `end` is the end of
    /// the last frame. Blocks until it is on the disk.
    ///
    /// # Errors
    /// Returns an error of the system, or a sentence about a folder that is not as it was.
    pub fn try_finish(&mut self, end: Npt) -> Result<(), FinishError> {
        match self {
            Self::Film(writer) => writer.try_finish(end).map(drop).map_err(FinishError::Io),
            Self::Folder(writer) => match writer.try_finish() {
                Ok(_) => Ok(()),
                Err(FolderWriteError::Io(error)) => Err(FinishError::Io(error)),
                Err(error) => Err(FinishError::Folder(error)),
            },
        }
    }

    /// Leaves what was written, although it may not be complete. Returns its path. Blocks.
    pub fn keep(self) -> PathBuf {
        match self {
            Self::Film(writer) => writer.keep(),
            Self::Folder(writer) => writer.keep(),
        }
    }

    /// Removes what was written. Blocks.
    pub fn discard(self) {
        match self {
            Self::Film(writer) => writer.discard(),
            Self::Folder(writer) => drop(writer),
        }
    }

    /// Returns the path at which the film is written now.
    pub fn written_path(&self) -> &Path {
        match self {
            Self::Film(writer) => writer.written_path(),
            Self::Folder(writer) => writer.part(),
        }
    }

    /// Returns the length of what was written, in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Film(writer) => writer.length(),
            Self::Folder(writer) => writer.length(),
        }
    }

    /// Returns the largest difference between the time of a frame and the one that was written; zero in formats without
    /// times.
    pub fn max_time_error(&self) -> Npt {
        match self {
            Self::Film(writer) => writer.max_time_error(),
            Self::Folder(_) => Npt::ZERO,
        }
    }
}

/// Reason why a film cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The system cannot write or rename.
    #[error("{0}")]
    Io(io::Error),
    /// The folder has other files, or has got some meanwhile.
    #[error("{0}")]
    Folder(FolderWriteError),
}

impl FinishError {
    /// Returns the error as a sentence about the film with this path, which was left at `kept`.
    pub fn sentence(&self, path: &Path, kept: &Path) -> String {
        if let Self::Folder(error @ FolderWriteError::OthersLeft(_)) = self {
            return error.sentence(path).unwrap_or_default();
        }
        let name = path.display();
        let place = if kept == path { "it".to_owned() } else { kept.display().to_string() };
        format!("{name} cannot be completed ({self}); open {place} with Reelay, which finds its frames.")
    }
}

fn folder_error(path: &Path, error: &FolderWriteError) -> String {
    match error {
        FolderWriteError::Io(error) => create_error(path, error),
        error => error.sentence(path).unwrap_or_default(),
    }
}

fn create_error(path: &Path, error: &io::Error) -> String {
    let name = path.display();
    match error.kind() {
        ErrorKind::AlreadyExists => format!("{name} exists already; choose another name."),
        _ => format!("{name} cannot be written ({error}); {}.", advice(error)),
    }
}

/// Returns what to try after an error of the system.
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free some space, or record to another disk"
        }
        _ => "choose another folder",
    }
}
