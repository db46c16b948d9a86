//! File beside a recording with the position and time of each frame, until the recording is complete.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::media::container::FrameEntry;
use crate::media::container::recording_index::{self, MAGIC};

/// Index file that is being written.
#[derive(Debug)]
pub struct SideIndex {
    path: PathBuf,
    file: File,
}

/// Maximum number of bytes of an index that are read: more frames than a recording holds.
const MAX_LENGTH: u64 = 128 * 1024 * 1024;

impl SideIndex {
    /// Creates the index of the recording at this path. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn create(recording: &Path) -> io::Result<Self> {
        let path = index_path(recording);
        let mut file = File::create(&path)?;
        file.write_all(MAGIC)?;
        Ok(Self { path, file })
    }

    /// Appends the record of a frame. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn append(&mut self, entry: FrameEntry) -> io::Result<()> {
        self.file.write_all(&recording_index::encode_record(entry))
    }

    /// Moves the file beside a recording that was renamed. Blocks.
    pub fn rename(self, recording: &Path) {
        // An error leaves a recording without an index.
        let _ = fs::rename(&self.path, index_path(recording));
    }

    /// Removes the file. Blocks.
    pub fn remove(self) {
        // An index that stays is ignored, because the recording is complete.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns the frames of the index beside a recording of `film_length` bytes; none if there is no index. Blocks.
pub fn read(recording: &Path, film_length: u64) -> Vec<FrameEntry> {
    let mut bytes = Vec::new();
    let opened = File::open(index_path(recording));
    match opened.and_then(|file| file.take(MAX_LENGTH).read_to_end(&mut bytes)) {
        Ok(_) => recording_index::parse(&bytes, film_length),
        Err(_) => Vec::new(),
    }
}

/// Returns the path of the index: that of the recording with `.index` at its end.
fn index_path(recording: &Path) -> PathBuf {
    let mut path = OsString::from(recording);
    path.push(".index");
    path.into()
}
