//! A film: its file, and the index of its pictures that grows behind it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::error::{FilmError, Why};
use super::index_progress::Progress;
use super::info::FilmFacts;
use crate::media::FrameRate;
use crate::media::container::{HEAD_LENGTH, Indexer, Layout, Span, identify};
use crate::media::jpeg::{Dimensions, JpegHeader};

/// An open film.
#[derive(Debug)]
pub struct Film {
    /// Different for each film that was ever opened.
    id: u64,
    name: String,
    storage: Storage,
    layout: Layout,
    dimensions: Dimensions,
    rate: FrameRate,
    index: RwLock<Vec<Span>>,
    progress: watch::Sender<Progress>,
}

/// Where a film's octets are.
#[derive(Debug)]
enum Storage {
    File {
        path: PathBuf,
        file: File,
    },
    /// In the program itself.
    Memory(&'static [u8]),
}

/// Octets read at a time while indexing.
const CHUNK: usize = 1024 * 1024;

/// Frames known at the most: an index of 160 MB, or 92 hours at thirty frames a second.
const MOST_FRAMES: usize = 10_000_000;

/// How long opening waits for the end of the index, so that a film of usual size has its length at once.
const PATIENCE: Duration = Duration::from_millis(50);

impl Film {
    /// Opens a film: blocks until its first picture is known, and a moment longer for the others. The rest of the
    /// index grows on a thread of its own.
    ///
    /// # Errors
    /// When the file cannot be read, or is no Motion JPEG. The error is a sentence for people.
    pub fn open(path: &Path, name: &str, rate: FrameRate) -> Result<Arc<Self>, FilmError> {
        let fail = |why| FilmError::new(name, path, why);
        let file = open_file(path).map_err(fail)?;
        // A handle of its own: on Windows, reading at an offset moves the position that clones share.
        let reader = File::open(path).map_err(|error| fail(Why::Io(error)))?;
        let storage = Storage::File { path: path.to_owned(), file };
        Self::begin(storage, Box::new(reader), name, rate).map_err(fail)
    }

    /// Looks at the beginning of a file, which tells most of what is no film. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened as a film, as far as can be seen.
    pub fn look_at(path: &Path, name: &str) -> Result<(), FilmError> {
        let seen = open_file(path).and_then(|mut file| read_head(&mut file)).map(|_| ());
        seen.map_err(|why| FilmError::new(name, path, why))
    }

    /// Opens a film that is part of the program.
    ///
    /// # Errors
    /// When it is no Motion JPEG.
    pub fn from_memory(octets: &'static [u8], name: &str, rate: FrameRate) -> Result<Arc<Self>, FilmError> {
        let fail = |why| FilmError::new(name, Path::new(name), why);
        Self::begin(Storage::Memory(octets), Box::new(octets), name, rate).map_err(fail)
    }

    fn begin(storage: Storage, mut reader: Reader, name: &str, rate: FrameRate) -> Result<Arc<Self>, Why> {
        let (head, layout) = read_head(&mut reader)?;
        let mut scan = Scan { reader, indexer: Indexer::default(), pending: head, spans: Vec::new() };
        let Some(first) = scan.first_picture().map_err(Why::Io)? else {
            let outcome = scan.indexer.finish(&mut Vec::new());
            return Err(match outcome.oversized {
                0 if outcome.cut => Why::Cut,
                0 => Why::NoPicture,
                _ => Why::TooLarge,
            });
        };
        let picture = storage.read(first).map_err(Why::Io)?;
        let dimensions = JpegHeader::parse(&picture).map_err(|_| Why::BadHeader)?.frame().dimensions;
        let film = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            storage,
            layout,
            dimensions,
            rate,
            index: RwLock::new(Vec::new()),
            progress: watch::Sender::new(Progress::default()),
        });
        // However long the rest takes, nobody hears of a film without a picture.
        film.publish(&mut scan.spans);
        film.grow_in_background(scan).map_err(Why::Io)?;
        Ok(film)
    }

    fn grow_in_background(self: &Arc<Self>, scan: Scan) -> io::Result<()> {
        let film = Arc::downgrade(self);
        let (finished, wait) = std::sync::mpsc::channel();
        thread::Builder::new().name("index".to_owned()).spawn(move || {
            scan.run(&film);
            // Nobody waits any more if it took longer than PATIENCE.
            let _ = finished.send(());
        })?;
        // Out of patience, or done: both are fine.
        let _ = wait.recv_timeout(PATIENCE);
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
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Follows the index as it grows.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// What is known of it now.
    pub fn facts(&self) -> FilmFacts {
        let progress = *self.progress.borrow();
        FilmFacts {
            name: self.name.clone(),
            origin: (self.id, 1),
            dimensions: self.dimensions,
            rate: self.rate,
            frames: progress.frames,
            whole: progress.is_over(),
        }
    }

    /// Whether all that is known of the film still stands where it was. Blocks.
    pub fn is_there(&self) -> bool {
        match &self.storage {
            Storage::File { path, .. } => {
                path.metadata().is_ok_and(|file| file.is_file() && file.len() >= self.known_octets())
            }
            Storage::Memory(_) => true,
        }
    }

    /// Octets of the file up to the end of the last picture that is known.
    fn known_octets(&self) -> u64 {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.last().map_or(0, |last| last.offset + u64::from(last.length))
    }

    /// Waits until a frame is known; `None` if the film ends before it.
    pub async fn locate(&self, frame: u64) -> Option<Span> {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let known = progress.wait_for(|p| p.frames > frame || p.is_over()).await.ok()?.frames;
        (frame < known).then(|| self.span(frame)).flatten()
    }

    fn span(&self, frame: u64) -> Option<Span> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.get(usize::try_from(frame).ok()?).copied()
    }

    /// Reads a picture from the file. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read any more, or was cut since it was indexed.
    pub fn read(&self, span: Span) -> io::Result<Bytes> {
        self.storage.read(span)
    }

    /// Reads a frame that is known already. Blocks.
    ///
    /// # Errors
    /// When the frame is not known, or the file cannot be read any more.
    pub fn read_frame(&self, frame: u64) -> io::Result<Bytes> {
        let span = self.span(frame).ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        self.read(span)
    }
}

type Reader = Box<dyn Read + Send>;

fn open_file(path: &Path) -> Result<File, Why> {
    // Before it is opened: opening a pipe waits for who writes it.
    match fs::metadata(path).map_err(Why::Io)?.is_file() {
        true => File::open(path).map_err(Why::Io),
        false => Err(Why::NotAFile),
    }
}

/// The first octets of a film, and what they tell of it.
fn read_head(reader: &mut impl Read) -> Result<(Vec<u8>, Layout), Why> {
    let mut head = Vec::new();
    reader.take(HEAD_LENGTH as u64).read_to_end(&mut head).map_err(Why::Io)?;
    let layout = identify(&head).map_err(Why::Foreign)?;
    Ok((head, layout))
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The pass over a file that fills the index.
struct Scan {
    reader: Reader,
    indexer: Indexer,
    /// Octets that were read and not indexed.
    pending: Vec<u8>,
    /// Pictures that were found and not published.
    spans: Vec<Span>,
}

impl Scan {
    /// Reads on until the first picture is known; `None` if the file ends before.
    fn first_picture(&mut self) -> io::Result<Option<Span>> {
        loop {
            self.indexer.push(&self.pending, &mut self.spans);
            if let Some(first) = self.spans.first() {
                self.pending.clear();
                return Ok(Some(*first));
            }
            if self.read_chunk(HEAD_LENGTH)? == 0 {
                return Ok(None);
            }
        }
    }

    fn read_chunk(&mut self, length: usize) -> io::Result<usize> {
        self.pending.resize(length, 0);
        let read = loop {
            match self.reader.read(&mut self.pending) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.pending.truncate(read);
        Ok(read)
    }

    /// Indexes the rest, as long as someone holds the film.
    fn run(mut self, film: &Weak<Film>) {
        loop {
            let Some(film) = film.upgrade() else { return };
            let known = film.publish(&mut self.spans);
            match self.read_chunk(CHUNK) {
                Ok(read) if read > 0 && known < MOST_FRAMES => {
                    self.indexer.push(&self.pending, &mut self.spans)
                }
                Ok(_) => {
                    let outcome = self.indexer.finish(&mut self.spans);
                    film.publish(&mut self.spans);
                    film.progress.send_modify(|progress| progress.outcome = Some(outcome));
                    return;
                }
                Err(error) => {
                    tracing::warn!(film = film.name, %error, "reading stopped");
                    film.progress.send_modify(|progress| progress.failed = true);
                    return;
                }
            }
        }
    }
}

impl Film {
    /// Adds pictures to the index; returns how many there are now.
    fn publish(&self, spans: &mut Vec<Span>) -> usize {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.append(spans);
        let frames = index.len();
        drop(index);
        self.progress.send_modify(|progress| progress.frames = frames as u64);
        frames
    }
}

impl Storage {
    fn read(&self, span: Span) -> io::Result<Bytes> {
        match self {
            Self::File { file, .. } => {
                let mut octets = vec![0; span.length as usize];
                read_exact_at(file, &mut octets, span.offset).map_err(|error| match error.kind() {
                    ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "its file has been cut"),
                    _ => error,
                })?;
                Ok(octets.into())
            }
            Self::Memory(octets) => {
                let start = usize::try_from(span.offset).unwrap_or(usize::MAX);
                let picture = octets.get(start..).and_then(|rest| rest.get(..span.length as usize));
                picture.map(Bytes::from_static).ok_or_else(|| ErrorKind::UnexpectedEof.into())
            }
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, octets: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, octets, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut octets: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !octets.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, octets, offset)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => {
                octets = &mut octets[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// A file whose rest comes from a disk that does not answer before it is told to.
    struct Slow {
        head: &'static [u8],
        answers: Receiver<()>,
    }

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.head.is_empty() {
                // The end of the test is the end of the file.
                let _ = self.answers.recv();
            }
            self.head.read(buffer)
        }
    }

    #[test]
    fn however_slow_its_disk_is_an_open_film_has_a_picture() {
        const SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");
        let (disk, answers) = channel();
        let reader = Box::new(Slow { head: SAMPLE, answers });
        let film = Film::begin(Storage::Memory(SAMPLE), reader, "slow", FrameRate::CLASSROOM).unwrap();
        let facts = film.facts();
        assert!(facts.frames > 0 && !facts.whole, "{facts:?}");
        drop(disk);
    }
}
