//! A folder of JPEG files, each of which is a frame of one film.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use super::disk_file::{FileVersion, fill_from, read_file_at};
use super::natural_order::compare_names;
use crate::media::container::FrameEntry;
use crate::media::jpeg::MAX_FRAME_SIZE;

/// JPEG files of a folder, in the order of their frames. The offset in the entry of a frame is the place of its file.
#[derive(Debug)]
pub struct ImageFolder {
    path: PathBuf,
    /// Path without links, in which the targets of links must be.
    canonical: PathBuf,
    version: FileVersion,
    /// Name that is the first in natural order.
    first: Box<OsStr>,
    /// Number of names.
    count: usize,
    /// Names in the order of the system, until they are sorted.
    unsorted: Mutex<Vec<Box<OsStr>>>,
    /// Names in natural order; sorted when a file other than the first is needed.
    names: OnceLock<Vec<Box<OsStr>>>,
    /// A file is not as it was when it was indexed.
    has_changed: AtomicBool,
}

impl ImageFolder {
    /// Creates the film of these files of a folder, in any order. Only the first one is searched for, so that its frame
    /// need not wait until a large folder is sorted. Blocks.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read, or `NotFound` if there are no files.
    pub fn new(path: &Path, version: FileVersion, names: Vec<Box<OsStr>>) -> io::Result<Self> {
        let first =
            names.iter().min_by(|first, second| compare_names(first, second)).ok_or(ErrorKind::NotFound)?;
        Ok(Self {
            path: path.to_owned(),
            canonical: fs::canonicalize(path)?,
            version,
            first: first.clone(),
            count: names.len(),
            unsorted: Mutex::new(names),
            names: OnceLock::new(),
            has_changed: AtomicBool::new(false),
        })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of files that were found in the folder.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns the name of the file at a place. Sorts the names on the first call for another file than the first.
    fn name(&self, place: usize) -> Option<&OsStr> {
        if place == 0 {
            return Some(&self.first);
        }
        let names = self.names.get_or_init(|| {
            let mut names =
                std::mem::take(&mut *self.unsorted.lock().unwrap_or_else(PoisonError::into_inner));
            names.sort_unstable_by(|first, second| compare_names(first, second));
            names
        });
        names.get(place).map(|name| &**name)
    }

    /// Returns true if no file was added, removed or renamed, and if no file that was read has changed. Blocks.
    pub fn is_unchanged(&self) -> bool {
        !self.has_changed.load(Ordering::Relaxed)
            && FileVersion::of(&self.path).is_ok_and(|version| version == self.version)
    }

    /// Returns true if the folder still exists. Blocks.
    pub fn is_available(&self) -> bool {
        self.path.is_dir()
    }

    /// Opens the file at a place, and returns it with its length in bytes. A link is followed only to a file inside the
    /// folder. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened, is no file, or is a link out of the folder.
    pub fn open(&self, place: usize) -> io::Result<(File, u64)> {
        let name = self.name(place).ok_or(ErrorKind::NotFound)?;
        let mut path = self.path.join(name);
        if fs::symlink_metadata(&path)?.is_symlink() {
            path = fs::canonicalize(&path)?;
            if !path.starts_with(&self.canonical) {
                return Err(io::Error::new(ErrorKind::PermissionDenied, "it is a link out of the folder"));
            }
        }
        // Checked before opening, because opening a named pipe blocks until it has a writer.
        let metadata = fs::symlink_metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let file = File::open(&path)?;
        let version = FileVersion::new(&file.metadata()?);
        // Another file, or the target of a link, may have taken its place in between.
        match version == FileVersion::new(&metadata) {
            true => Ok((file, version.length)),
            false => Err(io::Error::new(ErrorKind::InvalidData, "it is being changed")),
        }
    }

    /// Reads up to `max_length` bytes of a frame. Blocks.
    ///
    /// # Errors
    /// Returns `InvalidData` with a reason if the file was removed or changed after it was indexed, and another kind if
    /// the folder cannot be read any more.
    pub fn read(&self, entry: FrameEntry, max_length: usize) -> io::Result<Bytes> {
        let place = usize::try_from(entry.offset).unwrap_or(usize::MAX);
        self.read_unchanged(place, entry.length, max_length).map_err(|error| {
            let kind = match self.concerns_one_file(&error) {
                true => ErrorKind::InvalidData,
                false => error.kind(),
            };
            self.has_changed.fetch_or(kind == ErrorKind::InvalidData, Ordering::Relaxed);
            let name = self.name(place).map(OsStr::to_string_lossy).unwrap_or_default();
            io::Error::new(kind, format!("{name} cannot be read: {error}"))
        })
    }

    /// Returns true if the other files may still be read, unlike after an error of the disk. Blocks.
    fn concerns_one_file(&self, error: &io::Error) -> bool {
        match error.kind() {
            ErrorKind::NotFound => self.is_available(),
            ErrorKind::PermissionDenied
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof => true,
            _ => false,
        }
    }

    fn read_unchanged(&self, place: usize, length: u32, max_length: usize) -> io::Result<Bytes> {
        let (file, found) = self.open(place)?;
        // The frame of a file that is longer than a frame is a part of it.
        if found != u64::from(length) && found <= MAX_FRAME_SIZE as u64 {
            return Err(io::Error::new(ErrorKind::InvalidData, "it was changed after the film was opened"));
        }
        let mut bytes = vec![0; max_length.min(length as usize)];
        let read = fill_from(0, &mut bytes, |offset, buffer| read_file_at(&file, offset, buffer))?;
        match read == bytes.len() {
            true => Ok(bytes.into()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}
