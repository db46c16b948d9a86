//! Decoder thread, and the slot from which the screen takes the newest picture.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fast_image_resize::Resizer;
use tokio::sync::watch;

use super::conceal::Canvas;
use super::picture_view::{PictureView, Scaler};
use super::pixel_pool::PixelPool;
use crate::media::decode::DecodeError;
use crate::media::jpeg::{FreshArea, InsertedRestarts};
use crate::proto::rtsp::Npt;
use crate::session::frame::{Frame, original_jpeg};
use crate::stats::RateMeter;

/// Decoded picture for the screen.
#[derive(Debug, Clone)]
pub struct Picture {
    /// RGBA pixels, 4 bytes each, row by row; scaled for the area set with [`Decoder::set_area`], and rotated, unless
    /// the renderer does so.
    pub pixels: Bytes,
    /// Width of `pixels`, in pixels.
    pub width: u32,
    /// Height of `pixels`, in pixels.
    pub height: u32,
    /// Width of the film, in pixels.
    pub source_width: u32,
    /// Height of the film, in pixels.
    pub source_height: u32,
    /// Size and orientation with which it was drawn, or with which the renderer draws it.
    pub view: PictureView,
    /// Part of the program that scales and rotates it.
    pub scaler: Scaler,
    /// JPEG from which it was decoded, as it arrived. If the frame is damaged, that of the last complete frame, or its
    /// repaired one if there is none.
    pub jpeg: Bytes,
    /// Restart markers that the sender has inserted into `jpeg`; `None` if there are none.
    pub inserted_restarts: Option<InsertedRestarts>,
    /// Position in the film, if known.
    pub position: Option<Npt>,
    /// Number of the session or film that the picture belongs to, chosen by the caller.
    pub generation: u64,
}

impl Picture {
    /// Returns `jpeg` with the bytes of the film.
    pub fn original_jpeg(&self) -> Bytes {
        original_jpeg(self.jpeg.clone(), self.inserted_restarts)
    }
}

/// Slot that holds the newest picture. A picture that is replaced before it was read counts as dropped.
#[derive(Debug, Clone)]
pub struct PictureSlot {
    shared: Arc<Shared>,
    updates: watch::Receiver<()>,
}

impl PictureSlot {
    /// Waits for a new picture. Returns false if the decoder was dropped.
    pub async fn changed(&mut self) -> bool {
        self.updates.changed().await.is_ok()
    }

    /// Returns the newest picture and marks it as read; `None` before the first.
    pub fn latest(&self) -> Option<Arc<Picture>> {
        let mut state = self.shared.lock();
        let newest = state.newest.as_mut()?;
        newest.is_unseen = false;
        Some(newest.picture.clone())
    }
}

/// Decoder thread. Dropping it stops the thread.
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
    look: Look,
    /// True if the look has changed since the last picture was scaled.
    needs_rescale: bool,
    /// True while frames of the session are not shown.
    is_held: bool,
    /// True while the screen cannot be seen: frames are not decoded.
    is_hidden: bool,
    should_stop: bool,
    newest: Option<NewestPicture>,
    stats: DecodeStats,
    /// Frames of the session that were dropped or could not be decoded.
    unshown: RateMeter,
}

/// Settings with which a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Look {
    /// Area to fit, in physical pixels; `None` keeps the original size.
    area: Option<(u32, u32)>,
    /// Size and orientation in the area.
    view: PictureView,
    scaler: Scaler,
    /// Parts that are not from their own frame are tinted.
    tints_concealed: bool,
}

#[derive(Debug)]
struct NewestPicture {
    picture: Arc<Picture>,
    /// Share of its area that comes from the frame, as in [`Job::session_area`].
    area: Option<f64>,
    /// True until the picture is read.
    is_unseen: bool,
}

impl DecoderState {
    /// Replaces the newest picture by that of a frame, which took `duration`; `area` is that of [`Job::session_area`].
    fn handle_decoded(&mut self, picture: Picture, area: Option<f64>, duration: Duration) {
        if area.is_some() {
            self.stats.decoded += 1;
            self.stats.total_time += duration;
            self.stats.max_time = self.stats.max_time.max(duration);
        }
        let newest = NewestPicture { picture: Arc::new(picture), area, is_unseen: true };
        if let Some(replaced) = self.newest.replace(newest).filter(|replaced| replaced.is_unseen) {
            self.count_dropped(replaced.area);
        }
    }

    /// Replaces the newest picture by the same one with another look.
    fn handle_redrawn(&mut self, picture: Picture) {
        if let Some(newest) = &mut self.newest {
            newest.picture = Arc::new(picture);
        }
    }

    /// Counts a frame as dropped; `area` is that of [`Job::session_area`].
    fn count_dropped(&mut self, area: Option<f64>) {
        self.stats.dropped += u64::from(area.is_some());
        self.count_unshown(area);
    }

    fn count_unshown(&mut self, area: Option<f64>) {
        if let Some(area) = area {
            self.stats.unshown_area += area;
            self.unshown.add(Instant::now(), 1);
        }
    }

    /// Counts a frame that cannot be decoded, unless it is a preview.
    fn count_failed(&mut self, job: &Job, error: &DecodeError) {
        if !job.is_of_session {
            return;
        }
        self.stats.failed += 1;
        self.count_unshown(job.session_area());
        self.stats.unknown_kind = match error {
            DecodeError::UnknownKind(kind) => Some(kind),
            DecodeError::Invalid(_) => None,
        };
    }
}

#[derive(Debug)]
struct Job {
    jpeg: Bytes,
    inserted_restarts: Option<InsertedRestarts>,
    /// Parts of the picture that come from the frame; `None` if it is complete.
    fresh_area: Option<Arc<FreshArea>>,
    position: Option<Npt>,
    generation: u64,
    /// False for a preview.
    is_of_session: bool,
}

impl Job {
    /// Returns the share of its area that comes from the frame, from 0 to 1; `None` if it is not one of the session.
    fn session_area(&self) -> Option<f64> {
        self.is_of_session.then(|| self.fresh_area.as_ref().map_or(1.0, |area| area.share()))
    }
}

/// Figures of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DecodeStats {
    /// Number of frames of the session decoded.
    pub decoded: u64,
    /// Number of frames of the session dropped because the decoder or the screen did not keep up.
    pub dropped: u64,
    /// Number of frames of the session that could not be decoded.
    pub failed: u64,
    /// Number of frames of the session and of the last second that were dropped or could not be decoded.
    pub unshown_last_second: u64,
    /// Sum of the shares of the area of all such frames that came from the frame, each from 0 to 1.
    pub unshown_area: f64,
    /// Kind of JPEG of the last frame of the session that could not be decoded since [`Decoder::start_session`], if the
    /// decoder does not know it.
    pub unknown_kind: Option<&'static str>,
    /// Total time spent on decoding and scaling frames of the session.
    pub total_time: Duration,
    /// Longest time that one of them took since [`Decoder::start_session`].
    pub max_time: Duration,
}

impl DecodeStats {
    /// Returns the difference to earlier figures. `max_time`, `unknown_kind` and `unshown_last_second` are those of
    /// `self`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            decoded: self.decoded - earlier.decoded,
            dropped: self.dropped - earlier.dropped,
            failed: self.failed - earlier.failed,
            unshown_last_second: self.unshown_last_second,
            unshown_area: self.unshown_area - earlier.unshown_area,
            unknown_kind: self.unknown_kind,
            total_time: self.total_time - earlier.total_time,
            max_time: self.max_time,
        }
    }
}

/// Maximum number of frames that wait to be decoded. A few absorb short delays of the machine; more would be shown
/// late.
const MAX_QUEUED_JOBS: usize = 3;

impl Decoder {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns an error if the operating system cannot create a thread.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (update_sender, updates) = watch::channel(());
        let worker = Worker::new(shared.clone(), update_sender);
        let thread = thread::Builder::new().name("decode".to_owned()).spawn(move || worker.run())?;
        Ok(Self { shared, thread: Some(thread), updates })
    }

    /// Returns the slot that holds the newest picture.
    pub fn slot(&self) -> PictureSlot {
        PictureSlot { shared: self.shared.clone(), updates: self.updates.clone() }
    }

    /// Queues a frame, which replaces the picture in the slot as soon as it is decoded. If the queue is full, its
    /// oldest frame is dropped.
    pub fn decode(&self, jpeg: Bytes, position: Option<Npt>, generation: u64) {
        let (inserted_restarts, fresh_area, is_of_session) = (None, None, false);
        self.push(Job { jpeg, inserted_restarts, fresh_area, position, generation, is_of_session });
    }

    /// Queues a frame of a session, unless those are held back. If it is damaged and was repaired, what is not in its
    /// fresh area is taken from the picture before.
    pub fn decode_frame(&self, frame: Frame, position: Option<Npt>, generation: u64) {
        let Frame { jpeg, inserted_restarts, fresh_area, .. } = frame;
        let is_of_session = true;
        self.push(Job { jpeg, inserted_restarts, fresh_area, position, generation, is_of_session });
    }

    fn push(&self, job: Job) {
        let mut state = self.shared.lock();
        if state.is_held && job.is_of_session {
            return;
        }
        if state.is_hidden {
            // Only the newest one is needed when the screen is visible again.
            state.jobs.clear();
        } else if state.jobs.len() == MAX_QUEUED_JOBS {
            let dropped = state.jobs.pop_front();
            state.count_dropped(dropped.and_then(|job| job.session_area()));
        }
        state.jobs.push_back(job);
        self.shared.condvar.notify_one();
    }

    /// Removes all queued frames.
    pub fn clear(&self) {
        self.shared.lock().jobs.clear();
    }

    /// Sets the area that pictures are to fit, in physical pixels; `None` keeps their original size. The last picture
    /// is scaled again.
    pub fn set_area(&self, area: Option<(u32, u32)>) {
        self.change_look(|look| look.area = area);
    }

    /// Sets the part of the program that scales and rotates pictures. The last picture is drawn again.
    pub fn set_scaler(&self, scaler: Scaler) {
        self.change_look(|look| look.scaler = scaler);
    }

    /// Sets size and orientation of pictures in the area. The last picture is drawn again.
    pub fn set_view(&self, view: PictureView) {
        self.change_look(|look| look.view = view);
    }

    /// Sets whether the parts of a picture that are not from its own frame are tinted. The last picture is drawn again.
    pub fn set_tints_concealed(&self, tints_concealed: bool) {
        self.change_look(|look| look.tints_concealed = tints_concealed);
    }

    fn change_look(&self, change: impl FnOnce(&mut Look)) {
        let mut state = self.shared.lock();
        let before = state.look;
        change(&mut state.look);
        if state.look != before {
            state.needs_rescale = true;
            self.shared.condvar.notify_one();
        }
    }

    /// Sets whether frames of the session are held back, because others are shown. They do not count as dropped.
    pub fn set_held(&self, is_held: bool) {
        self.shared.lock().is_held = is_held;
    }

    /// Stops decoding while the screen cannot be seen, as in a minimized window. Frames that arrive meanwhile do not
    /// count as dropped; the newest one is decoded when the screen is visible again.
    pub fn set_hidden(&self, is_hidden: bool) {
        self.shared.lock().is_hidden = is_hidden;
        self.shared.condvar.notify_one();
    }

    /// Returns the figures since the decoder was started.
    pub fn stats(&self) -> DecodeStats {
        let mut state = self.shared.lock();
        let unshown_last_second = state.unshown.in_last_second(Instant::now());
        DecodeStats { unshown_last_second, ..state.stats }
    }

    /// Returns the figures at the start of a session, and resets the longest time, the unknown kind and the last
    /// second.
    pub fn start_session(&self) -> DecodeStats {
        let mut state = self.shared.lock();
        state.unshown = RateMeter::default();
        let stats = &mut state.stats;
        stats.max_time = Duration::ZERO;
        stats.unknown_kind = None;
        *stats
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.shared.lock().should_stop = true;
        self.shared.condvar.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, DecoderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a task, and returns it with the settings to draw with; `None` if the thread is to stop.
    fn next_task(&self) -> Option<(Task, Look)> {
        let mut state = self.lock();
        loop {
            if state.should_stop {
                return None;
            }
            if !state.is_hidden {
                let look = state.look;
                if let Some(job) = state.jobs.pop_front() {
                    state.needs_rescale = false;
                    return Some((Task::Decode(job), look));
                }
                if std::mem::take(&mut state.needs_rescale) {
                    return Some((Task::Rescale, look));
                }
            }
            state = self.condvar.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

enum Task {
    Decode(Job),
    Rescale,
}

type MarkedJpeg = (Bytes, Option<InsertedRestarts>);

struct Worker {
    shared: Arc<Shared>,
    update_sender: watch::Sender<()>,
    resizer: Resizer,
    scaled: PixelPool,
    /// Pixels of the last picture before scaling, kept to be scaled again.
    canvas: Canvas,
    last_job: Option<Job>,
    /// Last complete JPEG with the restart markers inserted into it, and its generation.
    last_complete: Option<(MarkedJpeg, u64)>,
}

impl Worker {
    fn new(shared: Arc<Shared>, update_sender: watch::Sender<()>) -> Self {
        Self {
            shared,
            update_sender,
            resizer: Resizer::new(),
            scaled: PixelPool::default(),
            canvas: Canvas::default(),
            last_job: None,
            last_complete: None,
        }
    }

    fn run(mut self) {
        while let Some((task, look)) = self.shared.next_task() {
            let started = Instant::now();
            let is_new = match task {
                Task::Decode(job) => self.decode(job),
                Task::Rescale => false,
            };
            let Some(picture) = self.scaled_picture(look) else { continue };
            let area = self.last_job.as_ref().and_then(Job::session_area);
            match is_new {
                true => self.shared.lock().handle_decoded(picture, area, started.elapsed()),
                false => self.shared.lock().handle_redrawn(picture),
            }
            self.update_sender.send_replace(());
        }
    }

    /// Decodes a frame. Returns true if there is a new picture.
    fn decode(&mut self, job: Job) -> bool {
        match self.canvas.draw(&job.jpeg, job.fresh_area.as_deref(), job.generation) {
            Ok(()) => {
                if job.fresh_area.is_none() {
                    self.last_complete = Some(((job.jpeg.clone(), job.inserted_restarts), job.generation));
                }
                self.last_job = Some(job);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "cannot decode frame");
                self.shared.lock().count_failed(&job, &error);
                false
            }
        }
    }

    /// Draws the last decoded picture for the area; `None` if there is none.
    fn scaled_picture(&mut self, Look { area, view, scaler, tints_concealed }: Look) -> Option<Picture> {
        let job = self.last_job.as_ref()?;
        let (position, generation) = (job.position, job.generation);
        let complete = self.last_complete.as_ref().filter(|complete| complete.1 == generation);
        let (jpeg, inserted_restarts) = match complete {
            Some((complete, _)) => complete.clone(),
            None => (job.jpeg.clone(), None),
        };
        let size = self.canvas.size();
        let (source_width, source_height) = size;
        let source = self.canvas.pixels(tints_concealed);
        let drawn = match scaler {
            Scaler::Decoder if !view.keeps_pixels(size, area) => {
                self.scaled.fill(|scaled| view.draw(&mut self.resizer, source.as_ref(), size, area, scaled))
            }
            Scaler::Decoder | Scaler::Renderer => Ok((source, size)),
        };
        let (pixels, (width, height)) = match drawn {
            Ok(drawn) => drawn,
            Err(error) => {
                tracing::warn!(error, "cannot scale picture");
                return None;
            }
        };
        Some(Picture {
            pixels: pixels.into_bytes(),
            width,
            height,
            source_width,
            source_height,
            view,
            scaler,
            jpeg,
            inserted_restarts,
            position,
            generation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::jpeg::{ReceivedParts, repair};
    use crate::session::present::picture_view::Scaling;

    /// Returns a complete frame of a session.
    fn frame(jpeg: Bytes) -> Frame {
        Frame::complete(jpeg, 0, Instant::now())
    }

    /// Encodes a grey JPEG of 16×16 pixels.
    fn grey_jpeg(value: u8) -> Bytes {
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        encoder.encode(&[value; 16 * 16], 16, 16, jpeg_encoder::ColorType::Luma).unwrap();
        jpeg.into()
    }

    #[tokio::test]
    async fn hidden_screen_costs_no_decoding_and_shows_the_newest_frame_afterwards() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        decoder.set_hidden(true);
        for value in 0..20 {
            decoder.decode_frame(frame(grey_jpeg(value * 10)), Some(Npt::from_micros(value.into())), 1);
        }
        assert!(slot.latest().is_none());
        assert_eq!(decoder.stats(), DecodeStats::default());
        decoder.set_hidden(false);
        assert!(slot.changed().await);
        assert_eq!(slot.latest().unwrap().position, Some(Npt::from_micros(19)));
        assert_eq!((decoder.stats().decoded, decoder.stats().dropped), (1, 0));
    }

    #[tokio::test]
    async fn pictures_that_nobody_reads_count_as_not_shown() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        for value in 0..3 {
            decoder.decode(grey_jpeg(value), None, 1);
            assert!(slot.changed().await);
        }
        assert_eq!(decoder.stats().dropped, 0, "previews are not of the session");
        for value in 0..3 {
            decoder.decode_frame(frame(grey_jpeg(value)), None, 1);
            assert!(slot.changed().await);
        }
        assert!(slot.latest().is_some());
        decoder.decode_frame(frame(Bytes::from_static(b"no JPEG")), None, 1);
        while decoder.stats().failed == 0 {
            tokio::task::yield_now().await;
        }
        let stats = decoder.stats();
        assert_eq!((stats.decoded, stats.dropped, stats.failed), (3, 2, 1));
        assert_eq!((stats.unshown_last_second, stats.unshown_area), (3, 3.0));
        decoder.start_session();
        assert_eq!(decoder.stats().unshown_last_second, 0, "they are not of the new session");
    }

    #[tokio::test]
    async fn undecodable_preview_changes_no_figures() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        decoder.decode(Bytes::from_static(b"no JPEG"), None, 1);
        decoder.decode(grey_jpeg(1), None, 1);
        assert!(slot.changed().await);
        assert_eq!(decoder.stats(), DecodeStats::default());
    }

    #[tokio::test]
    async fn view_change_after_an_undecodable_frame_redraws_the_picture_before() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        decoder.decode_frame(frame(grey_jpeg(100)), Some(Npt::from_micros(1)), 1);
        assert!(slot.changed().await);
        decoder.decode_frame(frame(Bytes::from_static(b"no JPEG")), Some(Npt::from_micros(2)), 1);
        decoder.set_area(Some((8, 8)));
        while slot.latest().unwrap().width != 8 {
            assert!(slot.changed().await);
        }
        assert_eq!(slot.latest().unwrap().position, Some(Npt::from_micros(1)));
    }

    #[tokio::test]
    async fn held_frames_of_the_session_do_not_replace_another_one() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        decoder.set_held(true);
        decoder.decode_frame(frame(grey_jpeg(10)), Some(Npt::from_micros(1)), 1);
        decoder.decode(grey_jpeg(20), Some(Npt::from_micros(2)), 1);
        decoder.decode_frame(frame(grey_jpeg(30)), Some(Npt::from_micros(3)), 1);
        assert!(slot.changed().await);
        assert_eq!(slot.latest().unwrap().position, Some(Npt::from_micros(2)));
        decoder.set_held(false);
        decoder.decode_frame(frame(grey_jpeg(40)), Some(Npt::from_micros(4)), 1);
        assert!(slot.changed().await);
        assert_eq!(slot.latest().unwrap().position, Some(Npt::from_micros(4)));
        assert_eq!((decoder.stats().decoded, decoder.stats().dropped), (1, 0), "the other one is a preview");
    }

    #[tokio::test]
    async fn parts_of_the_picture_before_are_tinted_on_request() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        let black = noise_jpeg(0, 1);
        decoder.decode_frame(frame(black), None, 1);
        assert!(slot.changed().await);
        let whole = noise_jpeg(200, 40);
        let end = whole.len() / 2;
        let gap = end..usize::MAX;
        let missing = std::slice::from_ref(&gap);
        let parts = ReceivedParts { jpeg: &whole[..end], missing, restarts: &[] };
        let (jpeg, fresh_area) = repair(parts).unwrap();
        let damaged = Frame { fresh_area: Some(Arc::new(fresh_area)), ..frame(jpeg.into()) };
        decoder.decode_frame(damaged, None, 1);
        assert!(slot.changed().await);
        let ends = |picture: &Picture| {
            let pixel = |at: usize| [picture.pixels[at], picture.pixels[at + 1], picture.pixels[at + 2]];
            (pixel(0), pixel(picture.pixels.len() - 4))
        };
        let (first, last) = ends(&slot.latest().unwrap());
        assert!(first[0] > 150 && last == [0; 3], "{first:?} {last:?}: the upper part is of the new frame");
        decoder.set_tints_concealed(true);
        assert!(slot.changed().await);
        let (same, tinted) = ends(&slot.latest().unwrap());
        assert!(same == first && tinted != last, "{same:?} {tinted:?}");
        decoder.set_tints_concealed(false);
        assert!(slot.changed().await);
        assert_eq!(ends(&slot.latest().unwrap()), (first, last));
        assert_eq!(decoder.stats().decoded, 2, "the frame is not decoded again");
    }

    /// Encodes a JPEG of 64×64 pixels, from `value` to `value + range` - 1.
    fn noise_jpeg(value: u8, range: u32) -> Bytes {
        let pixels: Vec<u8> = (0..64 * 64u32).map(|at| value + (at * 7_919 % range) as u8).collect();
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        encoder.encode(&pixels, 64, 64, jpeg_encoder::ColorType::Luma).unwrap();
        jpeg.into()
    }

    #[tokio::test]
    async fn changed_view_draws_the_last_picture_again() {
        let decoder = Decoder::start().unwrap();
        let mut slot = decoder.slot();
        decoder.set_area(Some((40, 20)));
        decoder.decode_frame(frame(grey_jpeg(100)), None, 1);
        assert!(slot.changed().await);
        let size = |picture: &Picture| (picture.width, picture.height);
        assert_eq!(size(&slot.latest().unwrap()), (20, 20));
        let view = PictureView { scaling: Scaling::Fill, ..PictureView::default() };
        decoder.set_view(view);
        assert!(slot.changed().await);
        let picture = slot.latest().unwrap();
        assert_eq!((size(&picture), picture.view), ((40, 20), view));
        assert_eq!(decoder.stats().decoded, 1, "the frame is not decoded again");
        assert_eq!(picture.original_jpeg(), grey_jpeg(100), "a snapshot is not affected");
    }
}
