//! Files that `reelay probe` writes: saved frames and the report. Each is written aside and renamed when it is
//! complete, so that a full disk leaves no part of one behind.

use std::path::Path;
use std::{fs, io};

use crate::command_line::error::CommandError;
use crate::command_line::values::{ReportFile, ReportFormat};
use crate::media::jpeg::standalone;
use crate::media_file::aside_path;
use crate::stats::SessionReport;

/// Number of bytes that must fit on the disk before the session starts.
const MIN_FREE_BYTES: usize = 64 * 1024;

/// Name of the file with which the folder for saved frames is checked.
const CHECK_NAME: &str = "000000.jpg";

/// Creates the folder for saved frames, and checks that files can be written there.
pub fn prepare_folder(folder: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(folder).map_err(|error| {
        CommandError::new(format!("{} cannot be created ({error}); choose another folder.", folder.display()))
    })?;
    check_writable(&folder.join(CHECK_NAME)).map_err(|error| frame_error(folder, &error))
}

/// Saves a frame as a file named after its number, counted from 1: `000001.jpg`. Huffman tables and
/// EOI are added if the frame has none.
pub fn save_frame(folder: &Path, number: u64, jpeg: &[u8]) -> Result<(), CommandError> {
    let path = folder.join(format!("{number:06}.jpg"));
    write_aside(&path, &standalone(jpeg)).map_err(|error| frame_error(&path, &error))
}

fn frame_error(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("{} cannot be written ({error}); choose another folder.", path.display()))
}

/// Checks, before the session, that the report can be written.
pub fn check_report(file: &ReportFile) -> Result<(), CommandError> {
    check_writable(&file.path).map_err(|error| report_error(file, &error))
}

/// Writes the report in the format of the file.
pub fn write_report(file: &ReportFile, report: &SessionReport) -> Result<(), CommandError> {
    let bytes = match file.format {
        ReportFormat::Csv => report.to_csv().map_err(io::Error::from),
        ReportFormat::Json => report.to_json().map_err(io::Error::from),
    };
    bytes
        .and_then(|bytes| write_aside(&file.path, bytes.as_ref()))
        .map_err(|error| report_error(file, &error))
}

fn report_error(file: &ReportFile, error: &io::Error) -> CommandError {
    CommandError::new(format!("{} cannot be written ({error}); choose another file.", file.path.display()))
}

/// Checks that a file of [`MIN_FREE_BYTES`] can be written beside `path`. A device or a pipe is only opened.
fn check_writable(path: &Path) -> io::Result<()> {
    let Some(aside) = aside_path(path) else {
        return fs::OpenOptions::new().write(true).open(path).map(drop);
    };
    let written = write_and_sync(&aside, &[0; MIN_FREE_BYTES]);
    let removed = fs::remove_file(&aside);
    written.and(removed)
}

/// Writes a file aside and renames it. If that fails, a file of an earlier session is still complete.
fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(aside) = aside_path(path) else { return fs::write(path, bytes) };
    fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path)).inspect_err(|_| {
        // What was written of it must not stay; the error of the write is reported.
        let _ = fs::remove_file(&aside);
    })
}

/// Writes a file to the disk, not only to the cache, whose contents may not fit on the disk.
fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_appears_complete_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        prepare_folder(&folder.path().join("frames")).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("frames")).unwrap().count(), 0);
        save_frame(folder.path(), 7, b"jpeg\xFF\xD9").unwrap();
        assert_eq!(fs::read(folder.path().join("000007.jpg")).unwrap(), b"jpeg\xFF\xD9");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "the folder and the frame");
    }

    #[test]
    fn file_that_cannot_be_replaced_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("000001.jpg"), b"old").unwrap();
        // The place of the aside file is taken by a folder, so the frame cannot be written.
        fs::create_dir(folder.path().join(".000001.jpg.part")).unwrap();
        let error = save_frame(folder.path(), 1, b"new").unwrap_err();
        assert!(error.to_string().contains("000001.jpg cannot be written ("), "{error}");
        assert_eq!(fs::read(folder.path().join("000001.jpg")).unwrap(), b"old");
    }
}
