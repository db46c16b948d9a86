//! Opening of files on disk, and detection of their format.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::error::MediaFileErrorKind;
use super::index_scan::{IndexScan, read_up_to};
use super::storage::{ReadAt, Storage};
use crate::media::FrameRate;
use crate::media::container::{self, ContainerFormat, HEAD_LENGTH, SourceFile, identify_named};

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

/// Checks the format of a file by its first bytes, and its codec where that is in an index. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read or is not Motion JPEG.
pub fn check_file(path: &Path) -> Result<(), MediaFileErrorKind> {
    let storage = open_file(path)?;
    let format = identify_head(&storage, path)?;
    match format {
        ContainerFormat::Mov => check_codec(storage),
        _ => Ok(()),
    }
}

/// Reads the index of a MOV or MP4 file until its codec is known.
fn check_codec(storage: Storage) -> Result<(), MediaFileErrorKind> {
    let source = SourceFile { length: storage.length(), assumed_rate: FrameRate::CLASSROOM };
    let mut scan = IndexScan::of_file(Arc::new(storage), container::open(ContainerFormat::Mov, source));
    for _ in 0..MAX_CHECK_READS {
        if !scan.entries().is_empty() {
            return Ok(());
        }
        if !scan.read_next().map_err(MediaFileErrorKind::Io)? {
            return scan.refusal().map_or(Ok(()), |refusal| Err(MediaFileErrorKind::NotMotionJpeg(refusal)));
        }
    }
    // The frames of a recording without an index are searched for when it is opened.
    Ok(())
}

/// Maximum number of reads to find the codec: atoms before the index take one each.
const MAX_CHECK_READS: usize = 32;

/// Returns true if a file is a Motion JPEG film, as far as [`check_file`] checks it. Blocks.
pub fn is_film(path: &Path) -> bool {
    check_file(path).is_ok()
}
