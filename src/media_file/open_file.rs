//! Opening of files on disk, and detection of their format.

use std::fs;
use std::path::Path;

use super::error::MediaFileErrorKind;
use super::index_scan::read_up_to;
use super::storage::{ReadAt, Storage};
use crate::media::container::{ContainerFormat, HEAD_LENGTH, identify_named};

/// Opens a file. Blocks.
///
/// # Errors
/// Returns an error if it cannot be opened, or is no file.
pub fn open_file(path: &Path) -> Result<Storage, MediaFileErrorKind> {
    // Checked before opening, because opening a named pipe blocks until it has a writer.
    match fs::metadata(path).map_err(MediaFileErrorKind::Io)?.is_file() {
        true => Storage::open(path).map_err(MediaFileErrorKind::Io),
        false => Err(MediaFileErrorKind::NotAFile),
    }
}

/// Identifies the container format of a file by its first bytes and its name. Blocks.
///
/// # Errors
/// Returns an error if it cannot be read or is not Motion JPEG.
pub fn identify_head(reader: &dyn ReadAt, name: &Path) -> Result<ContainerFormat, MediaFileErrorKind> {
    let mut head = vec![0; HEAD_LENGTH];
    let length = read_up_to(reader, 0, &mut head).map_err(MediaFileErrorKind::Io)?;
    identify_named(&head[..length], name).map_err(MediaFileErrorKind::NotMotionJpeg)
}

/// Returns whether the first bytes of a file are those of a Motion JPEG film. Blocks.
pub fn is_film(path: &Path) -> bool {
    open_file(path).and_then(|storage| identify_head(&storage, path)).is_ok()
}
