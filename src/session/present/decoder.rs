//! Pictures into pixels, on a thread of its own; the newest one waits in a slot for the screen.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use tokio::sync::watch;

use crate::media::decode::decode;
use crate::proto::rtsp::Npt;

/// A picture for the screen.
#[derive(Debug, Clone)]
pub struct Picture {
    /// RGBA, row by row, scaled to fit the area that was asked for.
    pub pixels: Bytes,
    /// Width of `pixels`.
    pub width: u32,
    /// Height of `pixels`.
    pub height: u32,
    /// Width before scaling.
    pub source_width: u32,
    /// Height before scaling.
    pub source_height: u32,
    /// Its place in the film, if that is known.
    pub position: Option<Npt>,
    /// The session or film that it belongs to; the caller's number.
    pub generation: u64,
}

/// Where the newest picture waits. One that was not taken is replaced by the next, and counts as dropped.
#[derive(Debug, Clone)]
pub struct PictureSlot {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
}

impl PictureSlot {
    /// Waits for a picture; `false` when there will be no more.
    pub async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }

    /// The newest picture, for the screen.
    pub fn take(&self) -> Option<Arc<Picture>> {
        let mut work = self.shared.lock();
        work.is_unseen = false;
        work.picture.clone()
    }
}

/// The decoding thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Decoder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    changes: watch::Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    waiting: VecDeque<Job>,
    /// The area to fit, in physical pixels; `None` leaves pictures as they are.
    area: Option<(u32, u32)>,
    /// The picture on the screen no longer fits the area.
    must_refit: bool,
    must_end: bool,
    /// The newest picture, and whether it still waits to be taken.
    picture: Option<Arc<Picture>>,
    is_unseen: bool,
    counts: DecodeCounts,
}

#[derive(Debug)]
struct Job {
    jpeg: Bytes,
    position: Option<Npt>,
    generation: u64,
}

/// What the decoder has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeCounts {
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures that came faster than they could be decoded, or than the screen took them.
    pub dropped: u64,
    /// Pictures that cannot be decoded.
    pub failed: u64,
    /// Time spent on decoding and scaling.
    pub busy: Duration,
    /// The longest that one picture took since [`Decoder::begin`].
    pub longest: Duration,
}

impl DecodeCounts {
    /// What has been done since these earlier counts.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            decoded: self.decoded - earlier.decoded,
            dropped: self.dropped - earlier.dropped,
            failed: self.failed - earlier.failed,
            busy: self.busy - earlier.busy,
            longest: self.longest,
        }
    }
}

/// Pictures that may wait to be decoded. A hiccup of the machine must not cost a picture; more would be late anyway.
const MOST_WAITING: usize = 3;

/// Pixels of the largest picture that is made for the screen.
const MOST_PIXELS: u64 = 64 * 1024 * 1024;

impl Decoder {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (changed, changes) = watch::channel(());
        let worker = Worker::new(shared.clone(), changed);
        let thread = thread::Builder::new().name("decode".to_owned()).spawn(move || worker.run())?;
        Ok(Self { shared, thread: Some(thread), changes })
    }

    /// Where the newest picture waits.
    pub fn slot(&self) -> PictureSlot {
        PictureSlot { shared: self.shared.clone(), changes: self.changes.clone() }
    }

    /// A picture to be shown as soon as it is decoded.
    pub fn decode(&self, jpeg: Bytes, position: Option<Npt>, generation: u64) {
        let mut work = self.shared.lock();
        if work.waiting.len() == MOST_WAITING {
            work.waiting.pop_front();
            work.counts.dropped += 1;
        }
        work.waiting.push_back(Job { jpeg, position, generation });
        self.shared.changed.notify_one();
    }

    /// Forgets pictures that wait.
    pub fn clear(&self) {
        self.shared.lock().waiting.clear();
    }

    /// The area that pictures are to fit, in physical pixels; `None` leaves them as they are. The picture on the
    /// screen is fitted anew.
    pub fn set_area(&self, area: Option<(u32, u32)>) {
        let mut work = self.shared.lock();
        if work.area != area {
            work.area = area;
            work.must_refit = true;
            self.shared.changed.notify_one();
        }
    }

    /// What the decoder has done.
    pub fn counts(&self) -> DecodeCounts {
        self.shared.lock().counts
    }

    /// A session begins: what the decoder has done before it. The longest time is measured anew.
    pub fn begin(&self) -> DecodeCounts {
        let counts = &mut self.shared.lock().counts;
        counts.longest = Duration::ZERO;
        *counts
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.shared.lock().must_end = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do; `None` at the end.
    fn next(&self) -> Option<(Task, Option<(u32, u32)>)> {
        let mut work = self.lock();
        loop {
            if work.must_end {
                return None;
            }
            let area = work.area;
            if let Some(job) = work.waiting.pop_front() {
                work.must_refit = false;
                return Some((Task::Decode(job), area));
            }
            if std::mem::take(&mut work.must_refit) {
                return Some((Task::Refit, area));
            }
            work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

enum Task {
    Decode(Job),
    Refit,
}

struct Worker {
    shared: Arc<Shared>,
    changed: watch::Sender<()>,
    resizer: Resizer,
    /// The last picture before scaling, kept to be fitted anew.
    source: Vec<u8>,
    source_size: (u32, u32),
    job: Option<Job>,
}

impl Worker {
    fn new(shared: Arc<Shared>, changed: watch::Sender<()>) -> Self {
        Self { shared, changed, resizer: Resizer::new(), source: Vec::new(), source_size: (0, 0), job: None }
    }

    fn run(mut self) {
        while let Some((task, area)) = self.shared.next() {
            let began = Instant::now();
            let is_new = match task {
                Task::Decode(job) => self.decode(job),
                Task::Refit => false,
            };
            let Some(picture) = self.picture(area) else { continue };
            let mut work = self.shared.lock();
            if is_new {
                let took = began.elapsed();
                work.counts.decoded += 1;
                work.counts.busy += took;
                work.counts.longest = work.counts.longest.max(took);
            }
            work.counts.dropped += u64::from(is_new && work.is_unseen);
            work.picture = Some(Arc::new(picture));
            work.is_unseen |= is_new;
            drop(work);
            self.changed.send_replace(());
        }
    }

    /// Whether there is a new picture.
    fn decode(&mut self, job: Job) -> bool {
        match decode(&job.jpeg, &mut self.source) {
            Ok(size) => {
                self.source_size = size;
                self.job = Some(job);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "a picture cannot be decoded");
                self.shared.lock().counts.failed += 1;
                self.job = None;
                false
            }
        }
    }

    /// The last picture that was decoded, scaled to fit.
    fn picture(&mut self, area: Option<(u32, u32)>) -> Option<Picture> {
        let job = self.job.as_ref()?;
        let (source_width, source_height) = self.source_size;
        let (width, height) = area.map_or(self.source_size, |area| fit(self.source_size, area));
        let (position, generation) = (job.position, job.generation);
        let pixels = if (width, height) == self.source_size {
            self.source.clone()
        } else {
            match self.scale(width, height) {
                Ok(pixels) => pixels,
                Err(error) => {
                    tracing::warn!(error, "a picture cannot be scaled");
                    return None;
                }
            }
        };
        let pixels = Bytes::from(pixels);
        Some(Picture { pixels, width, height, source_width, source_height, position, generation })
    }

    fn scale(&mut self, width: u32, height: u32) -> Result<Vec<u8>, String> {
        let (source_width, source_height) = self.source_size;
        let source = ImageRef::new(source_width, source_height, &self.source, PixelType::U8x4)
            .map_err(|error| error.to_string())?;
        let mut scaled = Image::new(width, height, PixelType::U8x4);
        // Pictures are opaque, so there is no alpha to multiply with. Enlarging needs no filter beyond two pixels.
        let enlarges = width >= source_width && height >= source_height;
        let algorithm = match enlarges {
            true => ResizeAlg::Interpolation(FilterType::Bilinear),
            false => ResizeAlg::Convolution(FilterType::Bilinear),
        };
        let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
        self.resizer.resize(&source, &mut scaled, &options).map_err(|error| error.to_string())?;
        Ok(scaled.into_vec())
    }
}

/// The largest size of the picture's shape that fits an area; whole pixels, at least one.
pub fn fit((width, height): (u32, u32), (most_width, most_height): (u32, u32)) -> (u32, u32) {
    let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (mw, mh) = (u64::from(most_width.max(1)), u64::from(most_height.max(1)));
    let (fitted_width, fitted_height) =
        if w * mh > h * mw { (mw, (h * mw / w).max(1)) } else { ((w * mh / h).max(1), mh) };
    if fitted_width * fitted_height > MOST_PIXELS {
        return (width, height);
    }
    // Both are at most the area's sides.
    (fitted_width as u32, fitted_height as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_fit_the_area_and_keep_their_shape() {
        assert_eq!(fit((640, 360), (1_280, 800)), (1_280, 720));
        assert_eq!(fit((384, 288), (900, 480)), (640, 480));
        assert_eq!(fit((1_920, 1_080), (100, 1_000)), (100, 56));
        assert_eq!(fit((10_000, 1), (100, 100)), (100, 1));
        assert_eq!(fit((0, 0), (0, 0)), (1, 1));
    }
}
