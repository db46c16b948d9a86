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
    updates: watch::Receiver<()>,
}

impl PictureSlot {
    /// Waits for a picture; `false` when there will be no more.
    pub async fn changed(&mut self) -> bool {
        self.updates.changed().await.is_ok()
    }

    /// The newest picture, for the screen.
    pub fn latest(&self) -> Option<Arc<Picture>> {
        let mut state = self.shared.lock();
        state.is_unseen = false;
        state.picture.clone()
    }
}

/// The decoding thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Decoder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    updates: watch::Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<DecoderState>,
    condvar: Condvar,
}

#[derive(Debug, Default)]
struct DecoderState {
    jobs: VecDeque<Job>,
    /// The area to fit, in physical pixels; `None` leaves pictures as they are.
    area: Option<(u32, u32)>,
    /// The picture on the screen no longer fits the area.
    needs_rescale: bool,
    should_stop: bool,
    /// The newest picture, and whether it still waits to be taken.
    picture: Option<Arc<Picture>>,
    is_unseen: bool,
    stats: DecodeStats,
}

#[derive(Debug)]
struct Job {
    jpeg: Bytes,
    position: Option<Npt>,
    generation: u64,
}

/// What the decoder has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeStats {
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures that came faster than they could be decoded, or than the screen took them.
    pub dropped: u64,
    /// Pictures that cannot be decoded.
    pub failed: u64,
    /// Time spent on decoding and scaling.
    pub total_time: Duration,
    /// The longest that one picture took since [`Decoder::begin`].
    pub max_time: Duration,
}

impl DecodeStats {
    /// What has been done since these earlier counts.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            decoded: self.decoded - earlier.decoded,
            dropped: self.dropped - earlier.dropped,
            failed: self.failed - earlier.failed,
            total_time: self.total_time - earlier.total_time,
            max_time: self.max_time,
        }
    }
}

/// Pictures that may wait to be decoded. A hiccup of the machine must not cost a picture; more would be late anyway.
const MAX_QUEUED_JOBS: usize = 3;

/// Pixels of the largest picture that is made for the screen.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;

impl Decoder {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (update_sender, updates) = watch::channel(());
        let worker = Worker::new(shared.clone(), update_sender);
        let thread = thread::Builder::new().name("decode".to_owned()).spawn(move || worker.run())?;
        Ok(Self { shared, thread: Some(thread), updates })
    }

    /// Where the newest picture waits.
    pub fn slot(&self) -> PictureSlot {
        PictureSlot { shared: self.shared.clone(), updates: self.updates.clone() }
    }

    /// A picture to be shown as soon as it is decoded.
    pub fn decode(&self, jpeg: Bytes, position: Option<Npt>, generation: u64) {
        let mut state = self.shared.lock();
        if state.jobs.len() == MAX_QUEUED_JOBS {
            state.jobs.pop_front();
            state.stats.dropped += 1;
        }
        state.jobs.push_back(Job { jpeg, position, generation });
        self.shared.condvar.notify_one();
    }

    /// Forgets pictures that wait.
    pub fn clear(&self) {
        self.shared.lock().jobs.clear();
    }

    /// The area that pictures are to fit, in physical pixels; `None` leaves them as they are. The picture on the
    /// screen is fitted anew.
    pub fn set_area(&self, area: Option<(u32, u32)>) {
        let mut state = self.shared.lock();
        if state.area != area {
            state.area = area;
            state.needs_rescale = true;
            self.shared.condvar.notify_one();
        }
    }

    /// What the decoder has done.
    pub fn stats(&self) -> DecodeStats {
        self.shared.lock().stats
    }

    /// A session begins: what the decoder has done before it. The longest time is measured anew.
    pub fn start_session(&self) -> DecodeStats {
        let stats = &mut self.shared.lock().stats;
        stats.max_time = Duration::ZERO;
        *stats
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.shared.lock().should_stop = true;
        self.shared.condvar.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, DecoderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do; `None` at the end.
    fn next_task(&self) -> Option<(Task, Option<(u32, u32)>)> {
        let mut state = self.lock();
        loop {
            if state.should_stop {
                return None;
            }
            let area = state.area;
            if let Some(job) = state.jobs.pop_front() {
                state.needs_rescale = false;
                return Some((Task::Decode(job), area));
            }
            if std::mem::take(&mut state.needs_rescale) {
                return Some((Task::Rescale, area));
            }
            state = self.condvar.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

enum Task {
    Decode(Job),
    Rescale,
}

struct Worker {
    shared: Arc<Shared>,
    update_sender: watch::Sender<()>,
    resizer: Resizer,
    /// The last picture before scaling, kept to be fitted anew.
    decoded: Vec<u8>,
    decoded_size: (u32, u32),
    last_job: Option<Job>,
}

impl Worker {
    fn new(shared: Arc<Shared>, update_sender: watch::Sender<()>) -> Self {
        Self {
            shared,
            update_sender,
            resizer: Resizer::new(),
            decoded: Vec::new(),
            decoded_size: (0, 0),
            last_job: None,
        }
    }

    fn run(mut self) {
        while let Some((task, area)) = self.shared.next_task() {
            let started = Instant::now();
            let is_new = match task {
                Task::Decode(job) => self.decode(job),
                Task::Rescale => false,
            };
            let Some(picture) = self.scaled_picture(area) else { continue };
            let mut state = self.shared.lock();
            if is_new {
                let duration = started.elapsed();
                state.stats.decoded += 1;
                state.stats.total_time += duration;
                state.stats.max_time = state.stats.max_time.max(duration);
            }
            state.stats.dropped += u64::from(is_new && state.is_unseen);
            state.picture = Some(Arc::new(picture));
            state.is_unseen |= is_new;
            drop(state);
            self.update_sender.send_replace(());
        }
    }

    /// Whether there is a new picture.
    fn decode(&mut self, job: Job) -> bool {
        match decode(&job.jpeg, &mut self.decoded) {
            Ok(size) => {
                self.decoded_size = size;
                self.last_job = Some(job);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "a picture cannot be decoded");
                self.shared.lock().stats.failed += 1;
                self.last_job = None;
                false
            }
        }
    }

    /// The last picture that was decoded, scaled to fit.
    fn scaled_picture(&mut self, area: Option<(u32, u32)>) -> Option<Picture> {
        let job = self.last_job.as_ref()?;
        let (source_width, source_height) = self.decoded_size;
        let (width, height) = area.map_or(self.decoded_size, |area| fit_size(self.decoded_size, area));
        let (position, generation) = (job.position, job.generation);
        let pixels = if (width, height) == self.decoded_size {
            self.decoded.clone()
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
        let (source_width, source_height) = self.decoded_size;
        let source = ImageRef::new(source_width, source_height, &self.decoded, PixelType::U8x4)
            .map_err(|error| error.to_string())?;
        let mut scaled = Image::new(width, height, PixelType::U8x4);
        // Pictures are opaque, so there is no alpha to multiply with. Enlarging needs no filter beyond two pixels.
        let is_upscaling = width >= source_width && height >= source_height;
        let algorithm = match is_upscaling {
            true => ResizeAlg::Interpolation(FilterType::Bilinear),
            false => ResizeAlg::Convolution(FilterType::Bilinear),
        };
        let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
        self.resizer.resize(&source, &mut scaled, &options).map_err(|error| error.to_string())?;
        Ok(scaled.into_vec())
    }
}

/// The largest size of the picture's shape that fits an area; whole pixels, at least one.
pub fn fit_size((width, height): (u32, u32), (max_width, max_height): (u32, u32)) -> (u32, u32) {
    let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (mw, mh) = (u64::from(max_width.max(1)), u64::from(max_height.max(1)));
    let (fitted_width, fitted_height) =
        if w * mh > h * mw { (mw, (h * mw / w).max(1)) } else { ((w * mh / h).max(1), mh) };
    if fitted_width * fitted_height > MAX_PIXELS {
        return (width, height);
    }
    // Both are at most the area's sides.
    (fitted_width as u32, fitted_height as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_size_keeps_aspect_ratio() {
        assert_eq!(fit_size((640, 360), (1_280, 800)), (1_280, 720));
        assert_eq!(fit_size((384, 288), (900, 480)), (640, 480));
        assert_eq!(fit_size((1_920, 1_080), (100, 1_000)), (100, 56));
        assert_eq!(fit_size((10_000, 1), (100, 100)), (100, 1));
        assert_eq!(fit_size((0, 0), (0, 0)), (1, 1));
    }
}
