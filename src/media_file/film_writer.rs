//! Writing of films to disk.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::side_index::SideIndex;
use crate::media::container::{FrameEntry, Muxer, MuxerError, MuxerWrite};
use crate::proto::rtsp::Npt;

/// Film that is being written.
///
/// It is written aside and renamed by [`finish`](Self::finish), so that a film with its name is always complete.
/// Dropping it before removes what was written. A device or a pipe is written directly. A recording
/// ([`record`](Self::record)) stays where it is written, even if it is not completed.
#[derive(Debug)]
pub struct FilmWriter {
    path: PathBuf,
    /// Path at which the film is written; `None` once it has its name.
    aside: Option<PathBuf>,
    file: BufWriter<File>,
    /// Length of the file, in bytes.
    length: u64,
    /// Length of the file if nothing had failed, in bytes.
    expected_length: u64,
    /// Length of the file without the last frame, in bytes.
    frame_start: u64,
    /// Index for a program that is killed before the film is complete; `None` if none is kept.
    side_index: Option<SideIndex>,
    /// Each frame is passed to the system at once.
    is_recording: bool,
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

/// Place of a recording while it is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingPlace {
    /// At its own path, at which there must be no file.
    Direct,
    /// Beside its path. It replaces a file at its path when it is complete.
    Aside {
        /// Replaces the files of frames in a folder at its path, too.
        replaces_frames: bool,
    },
}

/// Number of bytes that are collected before they are written.
const BUFFER_LENGTH: usize = 256 * 1024;

/// Number of bytes more than the index needs that are freed on a full disk: systems allocate blocks.
const FREED_RESERVE: u64 = 64 * 1024;

impl FilmWriter {
    /// Creates the file beside `path`. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be created.
    pub fn create(path: &Path, muxer: Box<dyn Muxer>) -> io::Result<Self> {
        let aside = aside_path(path);
        let file = File::create(aside.as_deref().unwrap_or(path))?;
        Ok(Self::new(path, aside, file, None, false, muxer))
    }

    /// Creates the file of a recording. Each frame is passed to the system at once, so that it stays if the program is
    /// killed. If `has_index`, its position and time are written to an index beside the file until the film is
    /// complete. Blocks.
    ///
    /// # Errors
    /// Returns an error if the files cannot be created.
    pub fn record(
        path: &Path,
        place: RecordingPlace,
        has_index: bool,
        muxer: Box<dyn Muxer>,
    ) -> io::Result<Self> {
        let aside = aside_path(path);
        let is_file = aside.is_some();
        let (aside, file) = match (place, aside) {
            (RecordingPlace::Aside { .. }, Some(aside)) => (Some(aside.clone()), File::create(&aside)?),
            (RecordingPlace::Direct, Some(_)) => {
                (None, OpenOptions::new().write(true).create_new(true).open(path)?)
            }
            // A device or a pipe.
            (_, None) => (None, File::create(path)?),
        };
        let written = aside.as_deref().unwrap_or(path);
        let side_index = (has_index && is_file).then(|| SideIndex::create(written)).transpose()?;
        Ok(Self::new(path, aside, file, side_index, true, muxer))
    }

    fn new(
        path: &Path,
        aside: Option<PathBuf>,
        file: File,
        side_index: Option<SideIndex>,
        is_recording: bool,
        muxer: Box<dyn Muxer>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            aside,
            file: BufWriter::with_capacity(BUFFER_LENGTH, file),
            length: 0,
            expected_length: 0,
            frame_start: 0,
            side_index,
            is_recording,
            muxer,
            writes: Vec::new(),
        }
    }

    /// Writes a frame; `time` is relative to the start of the film. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or if the format cannot hold the frame.
    pub fn write_frame(&mut self, jpeg: Bytes, time: Npt) -> Result<(), FilmWriteError> {
        let length = jpeg.len();
        self.muxer.write_frame(jpeg, time, &mut self.writes)?;
        self.frame_start = self.length;
        if let Some(index) = &mut self.side_index {
            let end = self.length + self.writes.iter().map(MuxerWrite::appended_length).sum::<u64>();
            // The record first: the film ends with the last complete frame or in it, and never has a frame more.
            if let (Some(offset), Ok(length)) = (end.checked_sub(length as u64), u32::try_from(length)) {
                self.expected_length = end;
                index.append(FrameEntry { offset, length, time })?;
            }
        }
        self.write()?;
        if self.is_recording {
            self.file.flush()?;
        }
        Ok(())
    }

    /// Completes the film and gives it its name. `end` is the end of the last frame. Returns its length in bytes.
    /// Blocks until it is on the disk.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written or renamed. Nothing of it stays, unless it is a recording.
    pub fn finish(mut self, end: Npt) -> io::Result<u64> {
        self.try_finish(end)
    }

    /// Does what [`finish`](Self::finish) does, and can be called again after [`shorten`](Self::shorten).
    ///
    /// # Errors
    /// Returns an error if the file cannot be written or renamed.
    pub fn try_finish(&mut self, end: Npt) -> io::Result<u64> {
        self.muxer.finish(end, &mut self.writes);
        self.write()?;
        self.file.flush()?;
        let is_pipe = self.aside.is_none() && !self.is_recording;
        if !is_pipe {
            self.sync()?;
        }
        if let Some(aside) = &self.aside {
            fs::rename(aside, &self.path)?;
            self.aside = None;
        }
        if let Some(index) = self.side_index.take() {
            index.remove();
        }
        Ok(self.length)
    }

    /// Waits until the file is on the disk, where it is on one.
    fn sync(&self) -> io::Result<()> {
        match self.file.get_ref().metadata()?.is_file() {
            true => self.file.get_ref().sync_all(),
            false => Ok(()),
        }
    }

    /// Removes frames at the end of the film after a write has failed, until the disk has space to complete it. Returns
    /// the number of frames removed, with that of the failed write. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be shortened.
    pub fn shorten(&mut self) -> io::Result<u64> {
        self.writes.clear();
        // What is buffered is counted in the length, but may not have been written.
        let on_disk = self.length.min(self.file.get_ref().metadata()?.len());
        let mut length = self.expected_length;
        let mut removed = 0;
        while length > on_disk || on_disk - length < self.muxer.finish_length() + FREED_RESERVE {
            let Some(sample) = self.muxer.remove_last() else { break };
            removed += u64::from(sample.is_frame);
            length = sample.start;
        }
        if length > on_disk {
            // A format without an index: only the frame that was being written is removed.
            (length, removed) = (self.frame_start, 1);
        }
        // What is buffered was not written, and is not needed.
        let file = self.file.get_ref().try_clone()?;
        let buffered = std::mem::replace(&mut self.file, BufWriter::with_capacity(BUFFER_LENGTH, file));
        let _ = buffered.into_parts();
        self.file.get_ref().set_len(length)?;
        self.file.seek(SeekFrom::Start(length))?;
        (self.length, self.expected_length) = (length, length);
        Ok(removed)
    }

    /// Removes the file, and the index beside it. Blocks.
    pub fn discard(mut self) {
        // Dropping it removes an aside file; a recording at its own path has the same end.
        let is_file = self.file.get_ref().metadata().is_ok_and(|metadata| metadata.is_file());
        if self.aside.is_none() && self.is_recording && is_file {
            self.aside = Some(self.path.clone());
        }
    }

    /// Gives a recording its name although it is not complete; the index stays beside it. Returns its path. Blocks.
    pub fn keep(mut self) -> PathBuf {
        let Some(aside) = self.aside.take() else { return self.path.clone() };
        if fs::rename(&aside, &self.path).is_err() {
            return aside;
        }
        if let Some(index) = self.side_index.take() {
            index.rename(&self.path);
        }
        self.path.clone()
    }

    /// Returns the path at which the film is written now.
    pub fn written_path(&self) -> &Path {
        self.aside.as_deref().unwrap_or(&self.path)
    }

    /// Returns the length of the file, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the largest difference between the time of a frame and the one that was written.
    pub fn max_time_error(&self) -> Npt {
        self.muxer.max_time_error()
    }

    /// Writes what the muxer has returned.
    fn write(&mut self) -> io::Result<()> {
        self.expected_length = self.length + self.writes.iter().map(MuxerWrite::appended_length).sum::<u64>();
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
            if let Some(index) = self.side_index.take() {
                index.remove();
            }
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
    use crate::media::container::{AviMuxer, MovMuxer, SequentialMuxer};
    use crate::media::jpeg::Dimensions;
    use crate::media::{FrameRate, TimeBase};
    use crate::media_file::MediaFile;

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

    /// Frame of the sample film.
    fn frame(number: u8) -> Bytes {
        const SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");
        let film = MediaFile::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let entry = runtime.block_on(film.wait_for_frame(number.into())).expect("the film has the frame");
        film.read(entry).unwrap()
    }

    fn mov() -> Box<dyn Muxer> {
        let dimensions = Dimensions { width: 96, height: 64 };
        Box::new(MovMuxer::new(dimensions, TimeBase::new(90_000, 1).unwrap()))
    }

    fn ms(milliseconds: u64) -> Npt {
        Npt::from_micros(milliseconds * 1_000)
    }

    /// Returns the frames of a film and their times in ms.
    fn read(path: &Path) -> (Vec<Bytes>, Vec<u64>) {
        let film = MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap();
        let frames = (0..).map_while(|number| film.read_frame(number).ok()).collect::<Vec<_>>();
        let times = (0..frames.len() as u64).map(|number| film.times().npt_of(number).as_micros() / 1_000);
        let times = times.collect();
        (frames, times)
    }

    #[test]
    fn recording_that_is_not_completed_has_every_frame_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.mov");
        let mut writer = FilmWriter::record(&path, RecordingPlace::Direct, true, mov()).unwrap();
        for (number, time) in [0, 40, 95, 300].into_iter().enumerate() {
            writer.write_frame(frame(number as u8), ms(time)).unwrap();
            // What a program leaves that is killed after any frame.
            let (frames, times) = read(&path);
            assert_eq!(times, [0, 40, 95, 300][..=number]);
            assert!(frames.iter().zip(0..).all(|(read, number)| *read == frame(number)));
        }
        // Only a part of the last frame was written.
        let length = writer.length();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        assert_eq!(read(&path).1, [0, 40, 95]);
        // Without the index, the frames are searched for, and have the assumed rate.
        fs::remove_file(folder.path().join("camera.mov.index")).unwrap();
        assert_eq!(read(&path).1, [0, 50, 100]);
    }

    #[test]
    fn index_is_removed_when_the_recording_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.mov");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let mut writer = FilmWriter::record(&path, RecordingPlace::Direct, true, mov()).unwrap();
        writer.write_frame(frame(0), ms(0)).unwrap();
        writer.write_frame(frame(1), ms(70)).unwrap();
        assert_eq!(names(), 2);
        writer.finish(ms(140)).unwrap();
        assert_eq!((names(), read(&path).1), (1, vec![0, 70]));
        let again = FilmWriter::record(&path, RecordingPlace::Direct, true, mov());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists, "a film is never replaced");
    }

    #[test]
    fn shortened_recording_is_complete_and_leaves_space_for_its_index() {
        let size = Dimensions { width: 96, height: 64 };
        let avi = AviMuxer::new(size, TimeBase::new(1_000, 1).unwrap());
        let muxers: [(&str, Box<dyn Muxer>); 3] = [
            ("film.mov", mov()),
            ("film.avi", Box::new(avi)),
            ("film.mjpeg", Box::new(SequentialMuxer::classroom())),
        ];
        for (name, muxer) in muxers {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            let mut writer = FilmWriter::record(&path, RecordingPlace::Direct, false, muxer).unwrap();
            for number in 0..10 {
                writer.write_frame(frame(number), ms(u64::from(number) * 10)).unwrap();
            }
            let full = writer.length();
            let removed = writer.shorten().unwrap();
            let length = writer.try_finish(ms(100)).unwrap();
            assert!(length <= full, "{name}: {length} of {full} bytes");
            let (frames, _) = read(&path);
            assert_eq!(frames.len() as u64, 10 - removed, "{name}");
            assert!(frames.iter().zip(0..).all(|(read, number)| *read == frame(number)), "{name}");
        }
    }
}
