//! A film: its file, and the index of its pictures that grows behind it.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use tokio::sync::watch;

use super::error::{MediaFileError, MediaFileErrorKind};
use super::index_progress::IndexProgress;
use super::index_scan::{IndexScan, read_up_to};
use super::info::MediaInfo;
use super::storage::{ReadAt, Storage};
use crate::media::FrameRate;
use crate::media::container::{self, ContainerFormat, FrameEntry, HEAD_LENGTH, identify};
use crate::media::jpeg::{Dimensions, JpegHeader};

/// An open film.
#[derive(Debug)]
pub struct MediaFile {
    /// Different for each film that was ever opened.
    id: u64,
    name: String,
    storage: Arc<Storage>,
    layout: ContainerFormat,
    dimensions: Dimensions,
    rate: FrameRate,
    index: RwLock<Vec<FrameEntry>>,
    progress: watch::Sender<IndexProgress>,
}

/// Maximum number of frames: an index of 240 MB, or 92 hours at thirty frames a second.
const MAX_FRAMES: usize = 10_000_000;

/// How long opening waits for the end of the index, so that a film of usual size has its length at once.
const INDEX_TIMEOUT: Duration = Duration::from_millis(50);

impl MediaFile {
    /// Opens a film: blocks until its first picture is known, and a moment longer for the others. The rest of the
    /// index grows on a thread of its own. Frames of a film that states no rate follow each other at `rate`.
    ///
    /// # Errors
    /// When the file cannot be read, or is no Motion JPEG. The error is a sentence for people.
    pub fn open(path: &Path, name: &str, rate: FrameRate) -> Result<Arc<Self>, MediaFileError> {
        let fail = |why| MediaFileError::new(name, path, why);
        let file = open_file(path).map_err(fail)?;
        let storage = Arc::new(Storage::File { path: path.to_owned(), file });
        Self::open_storage(storage.clone(), storage, name, rate).map_err(fail)
    }

    /// Looks at the beginning of a file, which tells most of what is no film. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened as a film, as far as can be seen.
    pub fn check(path: &Path, name: &str) -> Result<(), MediaFileError> {
        let identified = open_file(path).and_then(|file| {
            let storage = Storage::File { path: path.to_owned(), file };
            identify_head(&storage).map(|_| ())
        });
        identified.map_err(|why| MediaFileError::new(name, path, why))
    }

    /// Opens a film that is part of the program.
    ///
    /// # Errors
    /// When it is no Motion JPEG.
    pub fn from_memory(
        bytes: &'static [u8],
        name: &str,
        rate: FrameRate,
    ) -> Result<Arc<Self>, MediaFileError> {
        let storage = Arc::new(Storage::Memory(bytes));
        let film = Self::open_storage(storage.clone(), storage, name, rate);
        film.map_err(|why| MediaFileError::new(name, Path::new(name), why))
    }

    /// Opens a film whose index is read through `reader`.
    fn open_storage(
        storage: Arc<Storage>,
        reader: Arc<dyn ReadAt>,
        name: &str,
        rate: FrameRate,
    ) -> Result<Arc<Self>, MediaFileErrorKind> {
        let layout = identify_head(&*reader)?;
        let mut scan = IndexScan::new(reader, container::open(layout, rate));
        let Some(first) = scan.first_frame().map_err(MediaFileErrorKind::Io)? else {
            let defects = scan.defects();
            return Err(match defects.oversized {
                0 if defects.is_truncated => MediaFileErrorKind::Truncated,
                0 => MediaFileErrorKind::NoCompleteFrame,
                _ => MediaFileErrorKind::FrameTooLarge,
            });
        };
        let jpeg = storage.read(first.offset, first.length as usize).map_err(MediaFileErrorKind::Io)?;
        let dimensions = JpegHeader::parse(&jpeg)
            .map_err(|_| MediaFileErrorKind::InvalidHeader)?
            .frame_header()
            .dimensions;
        let media_file = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            storage,
            layout,
            dimensions,
            rate,
            index: RwLock::new(Vec::new()),
            progress: watch::Sender::new(IndexProgress::default()),
        });
        // However long the rest takes, an open film has a frame.
        media_file.publish(scan.entries());
        media_file.index_in_background(scan).map_err(MediaFileErrorKind::Io)?;
        Ok(media_file)
    }

    fn index_in_background(self: &Arc<Self>, scan: IndexScan) -> io::Result<()> {
        let media_file = Arc::downgrade(self);
        let (finished, wait) = std::sync::mpsc::channel();
        thread::Builder::new().name("index".to_owned()).spawn(move || {
            grow(&media_file, scan);
            // The other end is gone if it took longer than PATIENCE.
            let _ = finished.send(());
        })?;
        // Out of patience, or done: both are fine.
        let _ = wait.recv_timeout(INDEX_TIMEOUT);
        Ok(())
    }

    /// Different for each film that was ever opened.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its pictures stand in the file.
    pub fn layout(&self) -> ContainerFormat {
        self.layout
    }

    /// Follows the index as it grows.
    pub fn progress(&self) -> watch::Receiver<IndexProgress> {
        self.progress.subscribe()
    }

    /// Everything that is known of it now, without its frames.
    pub fn info(&self) -> MediaInfo {
        MediaInfo {
            id: self.id,
            name: self.name.clone(),
            layout: self.layout,
            dimensions: self.dimensions,
            rate: self.rate,
            progress: *self.progress.borrow(),
        }
    }

    /// Whether all that is known of the film still stands where it was. Blocks.
    pub fn is_available(&self) -> bool {
        self.storage.is_there(self.indexed_bytes())
    }

    /// Bytes of the file up to the end of the last picture that is known.
    fn indexed_bytes(&self) -> u64 {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.last().map_or(0, |last| last.offset + u64::from(last.length))
    }

    /// Waits until a frame is known; `None` if the film ends before it.
    pub async fn wait_for_frame(&self, frame: u64) -> Option<FrameEntry> {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let known = progress.wait_for(|p| p.frames > frame || p.is_finished()).await.ok()?.frames;
        (frame < known).then(|| self.entry(frame)).flatten()
    }

    /// Where a frame is and when it is shown; `None` if it is not known.
    pub fn entry(&self, frame: u64) -> Option<FrameEntry> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.get(usize::try_from(frame).ok()?).copied()
    }

    /// Reads the frame of this number, from 0. Blocks.
    ///
    /// # Errors
    /// When the frame is not known, or the file cannot be read any more.
    pub fn read_frame(&self, frame: u64) -> io::Result<Bytes> {
        let entry = self.entry(frame).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.read(entry)
    }

    /// Reads a frame. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read any more, or was cut since it was indexed.
    pub fn read(&self, entry: FrameEntry) -> io::Result<Bytes> {
        self.storage.read(entry.offset, entry.length as usize)
    }

    /// Adds frames to the index; returns how many there are now.
    fn publish(&self, entries: &mut Vec<FrameEntry>) -> usize {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.append(entries);
        let frames = index.len();
        drop(index);
        self.progress.send_modify(|progress| progress.frames = frames as u64);
        frames
    }
}

fn open_file(path: &Path) -> Result<File, MediaFileErrorKind> {
    // Before it is opened: opening a pipe waits for its writer.
    match fs::metadata(path).map_err(MediaFileErrorKind::Io)?.is_file() {
        true => File::open(path).map_err(MediaFileErrorKind::Io),
        false => Err(MediaFileErrorKind::NotAFile),
    }
}

/// The format of a film, by its first bytes.
fn identify_head(reader: &dyn ReadAt) -> Result<ContainerFormat, MediaFileErrorKind> {
    let mut head = vec![0; HEAD_LENGTH];
    let length = read_up_to(reader, 0, &mut head).map_err(MediaFileErrorKind::Io)?;
    identify(&head[..length]).map_err(MediaFileErrorKind::NotMotionJpeg)
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Reads the index to its end, as long as the film is held by anything else.
fn grow(film: &Weak<MediaFile>, mut scan: IndexScan) {
    loop {
        let Some(film) = film.upgrade() else { return };
        let known = film.publish(scan.entries());
        match scan.read_on() {
            Ok(true) if known < MAX_FRAMES => {}
            Ok(_) => {
                film.publish(scan.entries());
                film.progress.send_modify(|progress| progress.defects = Some(scan.defects()));
                return;
            }
            Err(error) => {
                tracing::warn!(film = film.name, %error, "reading stopped");
                film.progress.send_modify(|progress| progress.has_failed = true);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    /// A file whose rest comes from a disk that does not answer before it is told to.
    #[derive(Debug)]
    struct SlowReader {
        head: &'static [u8],
        released: Mutex<Receiver<()>>,
    }

    impl ReadAt for SlowReader {
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            if offset >= self.head.len() as u64 {
                // The end of the test is the end of the file.
                let _ = self.released.lock().unwrap().recv();
            }
            Storage::Memory(self.head).read_at(offset, buffer)
        }
    }

    #[test]
    fn open_finds_first_frame_while_disk_is_slow() {
        const SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");
        let (disk, answers) = channel();
        let reader = Arc::new(SlowReader { head: SAMPLE, released: Mutex::new(answers) });
        let storage = Arc::new(Storage::Memory(SAMPLE));
        let film = MediaFile::open_storage(storage, reader, "slow", FrameRate::CLASSROOM).unwrap();
        let info = film.info();
        assert!(info.frames() > 0 && !info.is_complete(), "{info:?}");
        drop(disk);
    }
}
