//! Media on this machine: files and the built-in sample.

use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use crate::media::FrameRate;
use crate::media_file::{MediaFile, MediaFileError};

/// Source of a local video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// File, or folder of JPEG files, with this path.
    File(PathBuf),
    /// Sample video that is part of the program.
    Sample,
}

impl MediaSource {
    /// Returns the file name, or [`SAMPLE_NAME`].
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => file_name(path),
            Self::Sample => SAMPLE_NAME.to_owned(),
        }
    }

    /// Returns the source with an absolute path, which is the same for every current folder.
    pub fn absolute(self) -> Self {
        match self {
            Self::File(path) => Self::File(path::absolute(&path).unwrap_or(path)),
            Self::Sample => self,
        }
    }

    /// Opens the source; `rate` is used if the file states no frame rate. Blocks until the first frame is found.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or is not Motion JPEG.
    pub fn open(&self, rate: FrameRate) -> Result<Arc<MediaFile>, MediaFileError> {
        match self {
            Self::File(path) => MediaFile::open(path, &file_name(path), rate),
            Self::Sample => MediaFile::from_memory(SAMPLE, SAMPLE_NAME, rate),
        }
    }
}

/// Bytes of the sample video.
pub(super) static SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");

/// File name under which the sample is shown and served.
pub const SAMPLE_NAME: &str = "sample.mjpeg";

/// Returns the last component of a path, or the complete path if it has none. "." and ".." stand for the folder that they
/// name.
pub fn file_name(path: &Path) -> String {
    let resolved = if path.file_name().is_none() { path.canonicalize().ok() } else { None };
    let path = resolved.as_deref().unwrap_or(path);
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
