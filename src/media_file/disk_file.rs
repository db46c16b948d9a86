//! Files and folders on disk: their versions, and reads at a position.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

/// Identity and version of a file or folder on disk. That of a file changes when it is replaced, overwritten, extended
/// or truncated, and that of a folder when a file is added, removed or renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion {
    /// Length in bytes.
    pub length: u64,
    /// Time of the last change; `None` if the system has none.
    modified: Option<SystemTime>,
    /// Numbers of the device and the file.
    #[cfg(unix)]
    id: (u64, u64),
    /// Time of the last change of content or attributes, in s and ns since 1970. Programs cannot set it.
    #[cfg(unix)]
    changed: (i64, i64),
}

impl FileVersion {
    /// Returns the version of an open file, or of what a path names.
    pub fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            id: (metadata.dev(), metadata.ino()),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns the version of what is at a path now. Blocks.
    ///
    /// # Errors
    /// Returns an error if nothing is there.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::new(&metadata))
    }
}

/// Reads at an offset in bytes, and returns the number of bytes read. Blocks.
#[cfg(unix)]
pub fn read_file_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads at an offset in bytes, and returns the number of bytes read. Blocks.
#[cfg(windows)]
pub fn read_file_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Fills a buffer by calls of `read` with a position in bytes and the rest of the buffer, from `offset` on. Returns the
/// number of bytes read, which is less than the length of the buffer only at the end of the file. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn fill_from(
    offset: u64,
    buffer: &mut [u8],
    mut read: impl FnMut(u64, &mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(offset.saturating_add(filled as u64), &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
