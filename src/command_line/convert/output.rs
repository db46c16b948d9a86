//! Target of a conversion: a file, or a folder of JPEG files.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use bytes::Bytes;

use super::plan::Plan;
use crate::command_line::arguments::ConvertArguments;
use crate::command_line::error::CommandError;
use crate::command_line::values::OutputFormat;
use crate::media_file::{FilmWriteError, FilmWriter, FolderWriteError, FolderWriter};
use crate::proto::rtsp::Npt;

/// Target that is being written. Dropping it removes what was written.
pub enum Output {
    /// A file in a format that a muxer writes, or a single JPEG.
    File(Box<FilmWriter>),
    /// A folder with a JPEG file of each frame.
    Folder(FolderWriter),
}

/// Checks, before the film is read, that the target may be written.
pub fn check(input: Option<&Path>, arguments: &ConvertArguments) -> Result<(), CommandError> {
    let output = &arguments.output;
    let input = input.and_then(|input| fs::canonicalize(input).ok());
    let is_same = input.is_some() && input == fs::canonicalize(output).ok();
    let name = output.display();
    if is_same {
        return Err(CommandError::new(format!(
            "{name} is the film itself; choose another name for the target."
        )));
    }
    if let Some(folder) = input.filter(|input| input.is_dir() && is_inside(output, input)) {
        return Err(CommandError::new(format!(
            "{name} would be a part of the film {}; choose a path outside of that folder.",
            folder.display()
        )));
    }
    let is_folder = arguments.format == OutputFormat::Folder;
    match fs::metadata(output) {
        Ok(metadata) if metadata.is_dir() && is_folder => {
            FolderWriter::check_empty(output, arguments.force).map_err(|error| folder_error(output, &error))
        }
        found if is_folder && is_file(&found) => {
            Err(CommandError::new(format!("{name} is a file; choose another name for the folder.")))
        }
        Ok(metadata) if metadata.is_file() && !arguments.force => Err(CommandError::new(format!(
            "{name} exists already; choose another name, or replace it with --force."
        ))),
        _ => Ok(()),
    }
}

/// Returns true if the parent of a path is a folder, which is given without links, or below it.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::canonicalize(parent).is_ok_and(|parent| parent.starts_with(folder))
}

/// Returns true if a path that may have a separator at its end is that of a file.
fn is_file(found: &io::Result<fs::Metadata>) -> bool {
    match found {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::NotADirectory,
    }
}

impl Output {
    /// Creates the file or folder.
    pub fn create(plan: &Plan, arguments: &ConvertArguments) -> Result<Self, CommandError> {
        let path = &arguments.output;
        if arguments.format == OutputFormat::Folder {
            let frames = plan.frames();
            return FolderWriter::create(path, frames.end - frames.start, arguments.force)
                .map(Self::Folder)
                .map_err(|error| folder_error(path, &error));
        }
        let muxer = plan.muxer().map_err(CommandError::new)?;
        let writer = FilmWriter::create(path, muxer).map_err(|error| write_error(path, &error))?;
        Ok(Self::File(Box::new(writer)))
    }

    /// Writes a frame. `time` is relative to the start of the film.
    pub fn write_frame(&mut self, jpeg: Bytes, time: Npt) -> Result<(), FilmWriteError> {
        match self {
            Self::File(writer) => writer.write_frame(jpeg, time),
            Self::Folder(writer) => writer.write_frame(&jpeg).map_err(FilmWriteError::Io),
        }
    }

    /// Completes the target at its path, and returns its length in bytes. `end` is the end of the last frame.
    pub fn finish(self, end: Npt, path: &Path) -> Result<u64, CommandError> {
        match self {
            Self::File(writer) => writer.finish(end).map_err(|error| write_error(path, &error)),
            Self::Folder(writer) => writer.finish().map_err(|error| folder_error(path, &error)),
        }
    }
}

/// Error of the system while a target is written.
pub fn write_error(path: &Path, error: &io::Error) -> CommandError {
    let name = path.display();
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on the disk",
        _ => "choose another folder",
    };
    CommandError::new(format!("{name} cannot be written ({error}); {advice}."))
}

fn folder_error(path: &Path, error: &FolderWriteError) -> CommandError {
    match error {
        FolderWriteError::Io(error) => write_error(path, error),
        error => CommandError::new(error.sentence(path).unwrap_or_default()),
    }
}
