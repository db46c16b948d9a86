//! Writing of films to disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::media::container::{Muxer, MuxerError, MuxerWrite};
use crate::proto::rtsp::Npt;

/// Film that is being written.
///
/// It is written aside and renamed by [`finish`](Self::finish), so that a film with its name is always complete. Dropping
/// it before removes what was written. A device or a pipe is written directly.
#[derive(Debug)]
pub struct FilmWriter {
    path: PathBuf,
    /// Path at which the film is written; `None` once it has its name.
    aside: Option<PathBuf>,
    file: BufWriter<File>,
    /// Length of the file, in bytes.
    length: u64,
    muxer: Box<dyn Muxer>,
    writes: Vec<MuxerWrite>,
}

/// Reason why a film cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FilmWriteError {
    /// The system cannot write, for example because the disk is full.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The format cannot hold a frame.
    #[error("{0}")]
    Muxer(#[from] MuxerError),
}

/// Number of bytes that are collected before they are written.
const BUFFER_LENGTH: usize = 256 * 1024;

impl FilmWriter {
    /// Creates the file beside `path`. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be created.
    pub fn create(path: &Path, muxer: Box<dyn Muxer>) -> io::Result<Self> {
        let aside = aside_path(path);
        let file = File::create(aside.as_deref().unwrap_or(path))?;
        let file = BufWriter::with_capacity(BUFFER_LENGTH, file);
        Ok(Self { path: path.to_owned(), aside, file, length: 0, muxer, writes: Vec::new() })
    }

    /// Writes a frame; `time` is relative to the start of the film. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or if the format cannot hold the frame.
    pub fn write_frame(&mut self, jpeg: Bytes, time: Npt) -> Result<(), FilmWriteError> {
        self.muxer.write_frame(jpeg, time, &mut self.writes)?;
        Ok(self.write()?)
    }

    /// Completes the film and gives it its name. `end` is the end of the last frame. Returns its length in bytes. Blocks
    /// until it is on the disk.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written or renamed. Nothing of it stays.
    pub fn finish(mut self, end: Npt) -> io::Result<u64> {
        self.muxer.finish(end, &mut self.writes);
        self.write()?;
        self.file.flush()?;
        if let Some(aside) = &self.aside {
            self.file.get_ref().sync_all()?;
            fs::rename(aside, &self.path)?;
            self.aside = None;
        }
        Ok(self.length)
    }

    /// Returns the largest difference between the time of a frame and the one that was written.
    pub fn max_time_error(&self) -> Npt {
        self.muxer.max_time_error()
    }

    /// Writes what the muxer has returned.
    fn write(&mut self) -> io::Result<()> {
        for write in self.writes.drain(..) {
            match write {
                MuxerWrite::Append(bytes) => {
                    self.file.write_all(&bytes)?;
                    self.length += bytes.len() as u64;
                }
                MuxerWrite::Patch { offset, bytes } => {
                    self.file.seek(SeekFrom::Start(offset))?;
                    self.file.write_all(&bytes)?;
                    self.file.seek(SeekFrom::Start(self.length))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for FilmWriter {
    fn drop(&mut self) {
        if let Some(aside) = &self.aside {
            // An error leaves a file whose name shows that it is a part.
            let _ = fs::remove_file(aside);
        }
    }
}

/// Returns the path at which a file is written until it is complete; `None` for a device or a pipe, which is written
/// directly.
pub fn aside_path(path: &Path) -> Option<PathBuf> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return None;
    }
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".part");
    Some(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::container::SequentialMuxer;

    #[test]
    fn film_has_its_name_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mjpeg");
        fs::write(&path, b"old").unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let mut writer = FilmWriter::create(&path, Box::new(SequentialMuxer::classroom())).unwrap();
        writer.write_frame(Bytes::from_static(b"jpeg"), Npt::ZERO).unwrap();
        assert_eq!((fs::read(&path).unwrap(), names()), (b"old".to_vec(), 2));
        drop(writer);
        assert_eq!((fs::read(&path).unwrap(), names()), (b"old".to_vec(), 1), "nothing half stays");

        let mut writer = FilmWriter::create(&path, Box::new(SequentialMuxer::classroom())).unwrap();
        writer.write_frame(Bytes::from_static(b"jpeg"), Npt::ZERO).unwrap();
        assert_eq!(writer.finish(Npt::ZERO).unwrap(), 9);
        assert_eq!((fs::read(&path).unwrap(), names()), (b"00004jpeg".to_vec(), 1));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn full_disk_is_an_error() {
        // Every write to this device fails as on a full disk.
        let mut writer =
            FilmWriter::create(Path::new("/dev/full"), Box::new(SequentialMuxer::raw())).unwrap();
        let written = writer.write_frame(Bytes::from(vec![1; BUFFER_LENGTH + 1]), Npt::ZERO);
        assert!(
            matches!(written, Err(FilmWriteError::Io(error)) if error.kind() == io::ErrorKind::StorageFull)
        );
        assert!(Path::new("/dev/full").exists());
    }
}
