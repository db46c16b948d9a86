//! Storage of a media file: a file on disk, or bytes in memory.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

/// Random-access reads, from several threads at once.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Reads into `buffer` at `offset`, in bytes from the start; returns the number of bytes read, 0 at the end.
    /// Blocks.
    ///
    /// # Errors
    /// Returns an error if the storage cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Storage of a media file.
#[derive(Debug)]
pub enum Storage {
    /// A file on disk.
    File {
        /// Path from which the file was opened.
        path: PathBuf,
        /// File that frames are read from.
        file: File,
        /// Version of the file when it was opened.
        version: FileVersion,
    },
    /// Bytes compiled into the program.
    Memory(&'static [u8]),
}

/// Identity and version of a file on disk. It changes when the file is replaced, overwritten, extended or truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion {
    length: u64,
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
    fn new(metadata: &Metadata) -> Self {
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
}

impl ReadAt for Storage {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => read_file_at(file, offset, buffer),
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let length = buffer.len().min(bytes.len() - start);
                buffer[..length].copy_from_slice(&bytes[start..start + length]);
                Ok(length)
            }
        }
    }
}

impl Storage {
    /// Opens a file on disk. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let version = FileVersion::new(&file.metadata()?);
        Ok(Self::File { path: path.to_owned(), file, version })
    }

    /// Returns the length when it was opened, in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::File { version, .. } => version.length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Returns true if the file at its path is still the version that was opened. Blocks.
    pub fn is_unchanged(&self) -> bool {
        match self {
            Self::File { path, version, .. } => {
                fs::metadata(path).is_ok_and(|metadata| FileVersion::new(&metadata) == *version)
            }
            Self::Memory(_) => true,
        }
    }

    /// Reads exactly `length` bytes at `offset`. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or `UnexpectedEof` if it is shorter than when it was indexed.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        if let Self::Memory(bytes) = self {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let range = bytes.get(start..).and_then(|rest| rest.get(..length));
            return range.map(Bytes::from_static).ok_or_else(|| ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            filled += match self.read_at(offset + filled as u64, &mut bytes[filled..]) {
                Ok(0) => {
                    return Err(io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "the file is shorter than when it was opened",
                    ));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                read => read?,
            };
        }
        Ok(bytes.into())
    }

    /// Returns true if the file still exists at its path and is at least `length` bytes long. Blocks.
    pub fn is_available(&self, length: u64) -> bool {
        match self {
            Self::File { path, .. } => {
                fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() >= length)
            }
            Self::Memory(_) => true,
        }
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
