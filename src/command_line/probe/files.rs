//! Files that `reelay probe` writes: saved frames and the report.

use std::path::Path;
use std::{fs, io};

use crate::command_line::error::CommandError;
use crate::command_line::values::{ReportFile, ReportFormat};
use crate::media::jpeg::with_eoi;
use crate::stats::SessionReport;

/// Creates the folder for saved frames.
pub fn create_folder(folder: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(folder).map_err(|error| {
        CommandError::new(format!("{} cannot be created ({error}); choose another folder.", folder.display()))
    })
}

/// Saves a frame as a file named after its number, counted from 1: `000001.jpg`. EOI is added if the frame has none.
pub fn save_frame(folder: &Path, number: u64, jpeg: &[u8]) -> Result<(), CommandError> {
    let path = folder.join(format!("{number:06}.jpg"));
    fs::write(&path, with_eoi(jpeg)).map_err(|error| {
        CommandError::new(format!("{} cannot be written ({error}); choose another folder.", path.display()))
    })
}

/// Writes the report in the format of the file.
pub fn write_report(file: &ReportFile, report: &SessionReport) -> Result<(), CommandError> {
    let bytes = match file.format {
        ReportFormat::Csv => report.to_csv().map_err(io::Error::from),
        ReportFormat::Json => report.to_json().map_err(io::Error::from),
    };
    bytes.and_then(|bytes| fs::write(&file.path, bytes)).map_err(|error| {
        CommandError::new(format!(
            "{} cannot be written ({error}); choose another file.",
            file.path.display()
        ))
    })
}
