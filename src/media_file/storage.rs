//! Where the bytes of a film are.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use bytes::Bytes;

/// Bytes that can be read at any position, from several threads at once.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Reads bytes at a position, in bytes from the start; returns how many, 0 at the end. Blocks.
    ///
    /// # Errors
    /// When the medium cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Where the bytes of a film are.
#[derive(Debug)]
pub enum Storage {
    /// A file.
    File {
        /// Its path when it was opened.
        path: PathBuf,
        /// The open file.
        file: File,
    },
    /// The program itself.
    Memory(&'static [u8]),
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
    /// Reads exactly `length` bytes at a position. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read any more, or has been cut.
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
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "its file has been cut")),
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                read => read?,
            };
        }
        Ok(bytes.into())
    }

    /// Tells whether a file still stands where it was and has at least this length in bytes. Blocks.
    pub fn is_there(&self, length: u64) -> bool {
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
