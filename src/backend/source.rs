//! Films on this machine: files, and the sample.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::media::FrameRate;
use crate::media_file::{MediaFile, MediaFileError};

/// Where a film comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// A file.
    File(PathBuf),
    /// The film that the program brings along.
    Sample,
}

impl MediaSource {
    /// Its name: that of the file.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => file_name(path),
            Self::Sample => SAMPLE_NAME.to_owned(),
        }
    }

    /// Opens it. Blocks until the first frame is known.
    ///
    /// # Errors
    /// When the file cannot be read, or is no Motion JPEG.
    pub fn open(&self, rate: FrameRate) -> Result<Arc<MediaFile>, MediaFileError> {
        match self {
            Self::File(path) => MediaFile::open(path, &file_name(path), rate),
            Self::Sample => MediaFile::from_memory(SAMPLE, SAMPLE_NAME, rate),
        }
    }
}

/// The film that the program brings along.
pub(super) static SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");

/// What the sample film is called.
pub const SAMPLE_NAME: &str = "sample.mjpeg";

/// What a film is called: its file's name.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
