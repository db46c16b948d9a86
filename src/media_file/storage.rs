//! Storage of a media file: a file on disk, bytes in memory, or a folder of JPEG files.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::disk_file::{FileVersion, fill_from, read_file_at};
use super::image_folder::ImageFolder;
use crate::media::container::FrameEntry;

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
    /// A folder, each file of which is a frame.
    Folder(Arc<ImageFolder>),
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
            // The files of a folder are read one by one.
            Self::Folder(_) => Err(ErrorKind::Unsupported.into()),
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

    /// Returns the length when it was opened, in bytes; 0 for a folder.
    pub fn length(&self) -> u64 {
        match self {
            Self::File { version, .. } => version.length,
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Folder(_) => 0,
        }
    }

    /// Returns the end of a frame in the file and the length of the file, in bytes; of a folder, in files.
    pub fn extent(&self, entry: Option<FrameEntry>) -> (u64, u64) {
        let (part, whole) = match self {
            Self::Folder(folder) => (entry.map(|entry| entry.offset + 1), folder.len() as u64),
            Self::File { .. } | Self::Memory(_) => {
                (entry.map(|entry| entry.offset.saturating_add(u64::from(entry.length))), self.length())
            }
        };
        (part.unwrap_or_default(), whole)
    }

    /// Returns true if the file at its path is still the version that was opened. Blocks.
    pub fn is_unchanged(&self) -> bool {
        match self {
            Self::File { path, version, .. } => FileVersion::of(path).is_ok_and(|found| found == *version),
            Self::Memory(_) => true,
            Self::Folder(folder) => folder.is_unchanged(),
        }
    }

    /// Reads up to `max_length` bytes of a frame. Blocks.
    ///
    /// # Errors
    /// Returns an error if the frame cannot be read, `UnexpectedEof` if the file is shorter than when it was indexed,
    /// or `InvalidData` if the file of a folder was removed or changed.
    pub fn read(&self, entry: FrameEntry, max_length: usize) -> io::Result<Bytes> {
        let length = max_length.min(entry.length as usize);
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
                let range = bytes.get(start..).and_then(|rest| rest.get(..length));
                range.map(Bytes::from_static).ok_or_else(|| ErrorKind::UnexpectedEof.into())
            }
            Self::File { file, .. } => {
                let mut bytes = vec![0; length];
                let read_at = |offset, buffer: &mut [u8]| read_file_at(file, offset, buffer);
                match fill_from(entry.offset, &mut bytes, read_at)? == length {
                    true => Ok(bytes.into()),
                    false => Err(io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "the file is shorter than when it was opened",
                    )),
                }
            }
            Self::Folder(folder) => folder.read(entry, max_length),
        }
    }

    /// Returns true if the file still exists at its path and is at least `length` bytes long, or if the folder exists.
    /// Blocks.
    pub fn is_available(&self, length: u64) -> bool {
        match self {
            Self::File { path, .. } => {
                fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() >= length)
            }
            Self::Memory(_) => true,
            Self::Folder(folder) => folder.is_available(),
        }
    }
}
