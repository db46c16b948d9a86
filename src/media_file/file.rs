//! An open media file, and the index of its frames that a background thread fills.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::disk_file::FileVersion;
use super::error::{MediaFileError, MediaFileErrorKind};
use super::folder_listing::FolderListing;
use super::folder_scan::FolderScan;
use super::image_folder::ImageFolder;
use super::index_progress::{IndexProgress, parts_per_million};
use super::index_scan::IndexScan;
use super::info::MediaInfo;
use super::open_file::{check_file, identify_head, open_file};
use super::side_index;
use super::storage::{ReadAt, Storage};
use crate::media::FrameRate;
use crate::media::container::{
    self, ContainerFormat, Demuxer, FilmProperties, FrameEntry, FrameIndex, FrameTimes, MovDemuxer,
    SourceFile,
};
use crate::media::jpeg::{Dimensions, JpegHeader, marker, split_fields, undecodable_kind};

/// An open media file.
///
/// The index grows on a background thread: [`wait_for_frame`](Self::wait_for_frame) waits for one frame,
/// [`progress`](Self::progress) follows all of them. The thread stops when the file is dropped.
#[derive(Debug)]
pub struct MediaFile {
    id: u64,
    name: String,
    storage: Arc<Storage>,
    format: ContainerFormat,
    frame_properties: FrameProperties,
    film_properties: FilmProperties,
    /// Rate that is assumed if the file states no times.
    assumed_rate: FrameRate,
    index: Arc<FrameIndex>,
    progress: watch::Sender<IndexProgress>,
}

/// Properties of the first valid frame.
#[derive(Debug, Clone, Copy)]
struct FrameProperties {
    dimensions: Dimensions,
    undecodable_kind: Option<&'static str>,
}

/// Maximum number of frames with an invalid header before the first valid one.
const MAX_INVALID_FRAMES: usize = 100;

/// Maximum number of frames: an index of 240 MB, or 92 hours at 30 frames/s. Later frames are not indexed.
const MAX_FRAMES: usize = 10_000_000;

/// Maximum time that [`MediaFile::open`] waits for the complete index, so that the length of most files is known at
/// once.
const INDEX_TIMEOUT: Duration = Duration::from_millis(50);

impl MediaFile {
    /// Opens a file, or a folder of JPEG files, and starts to index it. Blocks until the first frame is known, and up
    /// to 50 ms more for the complete index; the rest is indexed on a background thread. `rate` is the frame rate if
    /// the file states none.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not Motion JPEG, or if the folder has no JPEG files, or films.
    pub fn open(path: &Path, name: &str, rate: FrameRate) -> Result<Arc<Self>, MediaFileError> {
        Self::open_unless_cancelled(path, name, rate, &CancellationToken::new())
    }

    /// Opens a file as [`open`](Self::open) does, and gives up soon after `cancelled` is: a large file without a frame
    /// is read to its end. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not Motion JPEG, or if that was not known when it was
    /// cancelled.
    pub fn open_unless_cancelled(
        path: &Path,
        name: &str,
        rate: FrameRate,
        cancelled: &CancellationToken,
    ) -> Result<Arc<Self>, MediaFileError> {
        let fail = |kind| MediaFileError::new(name, path, kind);
        let opened = if path.is_dir() { open_folder(path) } else { open_file(path) };
        let storage = Arc::new(opened.map_err(fail)?);
        Self::open_storage(storage.clone(), storage, name, rate, cancelled).map_err(fail)
    }

    /// Checks the format of a file by its first bytes, and of a MOV or MP4 film its codec. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not Motion JPEG. [`open`](Self::open) may
    /// still fail for a file that passes.
    pub fn check(path: &Path, name: &str) -> Result<(), MediaFileError> {
        check_file(path).map_err(|kind| MediaFileError::new(name, path, kind))
    }

    /// Opens a file that is compiled into the program.
    ///
    /// # Errors
    /// Returns an error if the bytes are not Motion JPEG.
    pub fn from_memory(
        bytes: &'static [u8],
        name: &str,
        rate: FrameRate,
    ) -> Result<Arc<Self>, MediaFileError> {
        let storage = Arc::new(Storage::Memory(bytes));
        let never = CancellationToken::new();
        let media_file = Self::open_storage(storage.clone(), storage, name, rate, &never);
        media_file.map_err(|kind| MediaFileError::new(name, Path::new(name), kind))
    }

    /// Opens a file: frames are read from `storage`, the index through `reader`.
    fn open_storage(
        storage: Arc<Storage>,
        reader: Arc<dyn ReadAt>,
        name: &str,
        rate: FrameRate,
        cancelled: &CancellationToken,
    ) -> Result<Arc<Self>, MediaFileErrorKind> {
        let (format, mut scan) = start_scan(&storage, reader, rate)?;
        let frame_properties = frame_properties(&mut scan, &storage, cancelled)?;
        let film_properties = scan.properties();
        let media_file = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            storage,
            format,
            frame_properties,
            assumed_rate: rate,
            index: Arc::new(FrameIndex::new(film_properties.rate.unwrap_or(rate))),
            film_properties,
            progress: watch::Sender::new(IndexProgress::default()),
        });
        // An open file has at least one frame, however long the rest takes.
        media_file.publish(&mut scan);
        media_file.index_in_background(scan).map_err(MediaFileErrorKind::Io)?;
        Ok(media_file)
    }

    fn index_in_background(self: &Arc<Self>, scan: IndexScan) -> io::Result<()> {
        let media_file = Arc::downgrade(self);
        let (finished, wait) = std::sync::mpsc::channel();
        thread::Builder::new().name("index".to_owned()).spawn(move || {
            run_index(&media_file, scan);
            // The receiver is gone if indexing took longer than INDEX_TIMEOUT.
            let _ = finished.send(());
        })?;
        // A timeout is not an error: the thread continues in the background.
        let _ = wait.recv_timeout(INDEX_TIMEOUT);
        Ok(())
    }

    /// Number of the open file, unique within the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Display name given to [`open`](Self::open).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Path of the file or folder; `None` for bytes in memory.
    pub(super) fn path(&self) -> Option<&Path> {
        match &*self.storage {
            Storage::File { path, .. } => Some(path),
            Storage::Folder(folder) => Some(folder.path()),
            Storage::Memory(_) => None,
        }
    }

    /// Container format, detected from the first bytes of the file.
    pub fn format(&self) -> ContainerFormat {
        self.format
    }

    /// Times of the frames, stated or assumed.
    pub fn times(&self) -> FrameTimes {
        match self.film_properties.rate {
            Some(_) => FrameTimes::Stated(self.index.clone()),
            None => FrameTimes::Assumed(self.assumed_rate),
        }
    }

    /// Statements of the file about its film.
    pub fn film_properties(&self) -> &FilmProperties {
        &self.film_properties
    }

    /// Subscribes to the progress of the index.
    pub fn progress(&self) -> watch::Receiver<IndexProgress> {
        self.progress.subscribe()
    }

    /// Snapshot of the file's properties known so far.
    pub fn info(&self) -> MediaInfo {
        MediaInfo {
            id: self.id,
            name: self.name.clone(),
            format: self.format,
            dimensions: self.frame_properties.dimensions,
            undecodable_kind: self.frame_properties.undecodable_kind,
            times: self.times(),
            other_streams: self.film_properties.other_streams.clone(),
            progress: *self.progress.borrow(),
        }
    }

    /// Opens the file at the same path again, with the same name and frame rate. Blocks as [`open`](Self::open) does.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not Motion JPEG.
    pub fn reopen(&self) -> Result<Arc<Self>, MediaFileError> {
        match &*self.storage {
            Storage::File { path, .. } => Self::open(path, &self.name, self.assumed_rate),
            Storage::Folder(folder) => Self::open(folder.path(), &self.name, self.assumed_rate),
            Storage::Memory(bytes) => Self::from_memory(bytes, &self.name, self.assumed_rate),
        }
    }

    /// Returns true if the file at its path is the one that was opened, with the same length and time of change. Of a
    /// folder, only changes of the list of files are noticed, and those of files that were read. Blocks.
    pub fn is_unchanged(&self) -> bool {
        self.storage.is_unchanged()
    }

    /// Returns true if the file still exists at its path and contains every indexed frame. Blocks.
    pub fn is_available(&self) -> bool {
        self.storage.is_available(self.index.end_offset())
    }

    /// Waits until frame number `frame` (from 0) is indexed; returns `None` if the file has no such frame.
    pub async fn wait_for_frame(&self, frame: u64) -> Option<FrameEntry> {
        let mut progress = self.progress.subscribe();
        // `self` owns the sender, so `wait_for` cannot fail.
        let known = progress.wait_for(|p| p.frames > frame || p.is_finished()).await.ok()?.frames;
        (frame < known).then(|| self.entry(frame)).flatten()
    }

    /// Index entry of frame number `frame` (from 0): its offset, length and time; `None` if it is not indexed.
    pub fn entry(&self, frame: u64) -> Option<FrameEntry> {
        self.index.entry(frame)
    }

    /// Reads frame number `frame` (from 0). Blocks.
    ///
    /// # Errors
    /// Returns `NotFound` if the frame is not indexed, or an error if the file cannot be read.
    pub fn read_frame(&self, frame: u64) -> io::Result<Bytes> {
        let entry = self.entry(frame).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.read(entry)
    }

    /// Reads the frame of an index entry. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, `UnexpectedEof` if it is shorter than when it was indexed or was
    /// overwritten, or `InvalidData` if no frame is there although the index of the file says so, or if the frame's
    /// file in a folder was removed or changed.
    pub fn read(&self, entry: FrameEntry) -> io::Result<Bytes> {
        self.read_start(entry, usize::MAX)
    }

    /// Reads up to `max_length` bytes of the frame of an index entry. Blocks.
    ///
    /// # Errors
    /// Returns an error as [`read`](Self::read) does.
    pub fn read_start(&self, entry: FrameEntry, max_length: usize) -> io::Result<Bytes> {
        let jpeg = self.storage.read(entry, max_length)?;
        match jpeg.starts_with(&[0xFF, marker::SOI]) {
            true => Ok(jpeg),
            false if self.format == ContainerFormat::Folder || self.is_unchanged() => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "no frame is where the index of the film says",
            )),
            false => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file was overwritten after it was opened",
            )),
        }
    }

    /// Moves the frames that were found into the index; returns the number of indexed frames.
    fn publish(&self, scan: &mut IndexScan) -> usize {
        let end = scan.end();
        let frames = self.index.append(scan.entries(), end);
        let (part, whole) = self.storage.extent(self.index.last_entry());
        self.progress.send_modify(|progress| {
            progress.frames = frames as u64;
            progress.covered_ppm = parts_per_million(part, whole);
        });
        frames
    }
}

/// Opens a folder whose JPEG files are the frames of a film.
fn open_folder(path: &Path) -> Result<Storage, MediaFileErrorKind> {
    // Before the files are listed, so that one that is added meanwhile is noticed.
    let version = FileVersion::of(path).map_err(MediaFileErrorKind::Io)?;
    let FolderListing { images, film } = FolderListing::read(path)?;
    match film {
        Some(film) => Err(MediaFileErrorKind::FolderOfFilms { film, has_images: !images.is_empty() }),
        None if images.is_empty() => Err(MediaFileErrorKind::EmptyFolder),
        None => {
            let folder = ImageFolder::new(path, version, images).map_err(MediaFileErrorKind::Io)?;
            Ok(Storage::Folder(Arc::new(folder)))
        }
    }
}

/// Identifies the format, and creates the scan that reads the index through `reader`.
fn start_scan(
    storage: &Storage,
    reader: Arc<dyn ReadAt>,
    rate: FrameRate,
) -> Result<(ContainerFormat, IndexScan), MediaFileErrorKind> {
    let path = match storage {
        Storage::Folder(folder) => {
            let scan = FolderScan::new(folder.clone(), rate);
            return Ok((ContainerFormat::Folder, IndexScan::of_folder(scan)));
        }
        Storage::File { path, .. } => path.as_path(),
        Storage::Memory(_) => Path::new(""),
    };
    let format = identify_head(&*reader, path)?;
    let source = SourceFile { length: storage.length(), assumed_rate: rate };
    Ok((format, IndexScan::of_file(reader, open_demuxer(format, source, storage))))
}

/// Reads the properties of the first frame whose header is valid.
fn frame_properties(
    scan: &mut IndexScan,
    storage: &Storage,
    cancelled: &CancellationToken,
) -> Result<FrameProperties, MediaFileErrorKind> {
    for frame in 0..MAX_INVALID_FRAMES {
        let Some(entry) = scan.frame(frame, cancelled).map_err(MediaFileErrorKind::Io)? else {
            if let Some(refusal) = scan.refusal() {
                return Err(MediaFileErrorKind::NotMotionJpeg(refusal));
            }
            let defects = scan.defects();
            return Err(match defects.oversized {
                _ if frame > 0 => MediaFileErrorKind::InvalidHeader,
                0 if defects.skipped_files > 0 => MediaFileErrorKind::FolderWithoutFrame,
                0 if defects.is_truncated => MediaFileErrorKind::Truncated,
                0 => MediaFileErrorKind::NoCompleteFrame,
                _ => MediaFileErrorKind::FrameTooLarge,
            });
        };
        let jpeg = match storage.read(entry, usize::MAX) {
            // The file of a folder was removed after it was found.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
            jpeg => jpeg.map_err(MediaFileErrorKind::Io)?,
        };
        if let Ok(header) = JpegHeader::parse(&jpeg) {
            let undecodable_kind = undecodable_kind(&header);
            let dimensions =
                split_fields(&jpeg).map_or_else(|| header.dimensions(), |fields| fields.dimensions);
            return Ok(FrameProperties { dimensions, undecodable_kind });
        }
    }
    Err(MediaFileErrorKind::InvalidHeader)
}

/// Creates the demuxer of a file. A recording that was not completed may have an index beside it.
fn open_demuxer(format: ContainerFormat, source: SourceFile, storage: &Storage) -> Box<dyn Demuxer> {
    match (format, storage) {
        (ContainerFormat::Mov, Storage::File { path, .. }) => {
            Box::new(MovDemuxer::with_recorded(source, side_index::read(path, source.length)))
        }
        _ => container::open(format, source),
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Runs a scan to the end of the file, or until the media file is dropped.
fn run_index(media_file: &Weak<MediaFile>, mut scan: IndexScan) {
    loop {
        let Some(media_file) = media_file.upgrade() else { return };
        let indexed = media_file.publish(&mut scan);
        match scan.read_next() {
            Ok(true) if indexed < MAX_FRAMES => {}
            Ok(_) => {
                media_file.publish(&mut scan);
                let defects = scan.defects();
                media_file.progress.send_modify(|progress| progress.defects = Some(defects));
                return;
            }
            Err(error) => {
                tracing::warn!(file = media_file.name, %error, "indexing stopped");
                media_file.progress.send_modify(|progress| progress.has_failed = true);
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

    /// A file on a disk that blocks reads after `head` until released.
    #[derive(Debug)]
    struct SlowReader {
        head: &'static [u8],
        released: Mutex<Receiver<()>>,
    }

    impl ReadAt for SlowReader {
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            if offset >= self.head.len() as u64 {
                // The receiver fails when the test drops the sender: end of file.
                let _ = self.released.lock().unwrap().recv();
            }
            Storage::Memory(self.head).read_at(offset, buffer)
        }
    }

    #[test]
    fn open_finds_first_frame_while_disk_is_slow() {
        const SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");
        let (release, released) = channel();
        let reader = Arc::new(SlowReader { head: SAMPLE, released: Mutex::new(released) });
        let storage = Arc::new(Storage::Memory(SAMPLE));
        let never = CancellationToken::new();
        let media_file =
            MediaFile::open_storage(storage, reader, "slow", FrameRate::CLASSROOM, &never).unwrap();
        let info = media_file.info();
        assert!(info.frames() > 0 && !info.is_complete(), "{info:?}");
        drop(release);
    }

    /// Endless file without a frame, whose opening is cancelled while it is read.
    #[derive(Debug)]
    struct EndlessReader(CancellationToken);

    impl ReadAt for EndlessReader {
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(0);
            if offset == 0 {
                let head = [0xFF, 0xD8, 0xFF, 0xDB];
                buffer[..head.len()].copy_from_slice(&head);
            } else {
                self.0.cancel();
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn opening_that_is_cancelled_ends() {
        let cancelled = CancellationToken::new();
        let reader = Arc::new(EndlessReader(cancelled.clone()));
        let storage = Arc::new(Storage::Memory(&[]));
        let opened = MediaFile::open_storage(storage, reader, "endless", FrameRate::CLASSROOM, &cancelled);
        let error = opened.unwrap_err();
        assert!(
            matches!(&error, MediaFileErrorKind::Io(error) if error.kind() == io::ErrorKind::Interrupted)
        );
    }
}
