//! Thread that writes a recording.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::clock::RecordingClock;
use super::format::RecordingFormat;
use super::target::{FinishError, RecordingTarget, advice};
use crate::format;
use crate::media::FrameRate;
use crate::media_file::{FilmWriteError, RecordingPlace};
use crate::proto::rtsp::Npt;
use crate::session::{Frame, FrameQueue, Goal, QueuedFrame, RtspState, SessionStatus};

/// Options of a recording.
#[derive(Debug, Clone)]
pub struct RecordingOptions {
    /// File or folder to write.
    pub path: PathBuf,
    /// Place of the file until it is complete. A folder is always written aside.
    pub place: RecordingPlace,
    /// Format of the file.
    pub format: RecordingFormat,
    /// Rate that the stream states; `None` if it states none.
    pub stated_rate: Option<FrameRate>,
    /// Rate of the film instead of the times of the stream.
    pub rate: Option<FrameRate>,
    /// Length after which the recording ends; `None` if it has no limit.
    pub max_length: Option<Npt>,
    /// The session waits for the disk if packets arrive on its connection.
    pub waits_over_tcp: bool,
}

/// Progress of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingProgress {
    /// Number of frames.
    pub frames: u64,
    /// Length of the film.
    pub length: Npt,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// Number of frames that were left out because the disk was too slow.
    pub left_out: u64,
}

impl RecordingProgress {
    /// Returns time and size, and the number of frames that were left out, if there are any: `1:01, 15.00 MB`.
    pub fn summary(&self) -> String {
        let left_out = match self.left_out {
            0 => String::new(),
            left_out => format!(", {} left out", format::count(left_out)),
        };
        let time = format::clock(self.length.as_duration());
        format!("{time}, {}{left_out}", format::byte_size(self.bytes))
    }
}

/// Recording that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingResult {
    /// File that was written.
    pub path: PathBuf,
    /// Frames and length of the file. Without frames there is no file.
    pub recorded: RecordingProgress,
    /// Reason why the recording has ended before it was stopped, as a sentence; the file is complete up to there.
    pub error: Option<String>,
    /// Largest difference between the time of a frame and the one in the file.
    pub max_time_error: Npt,
}

impl RecordingResult {
    /// Returns the recording in a line: `camera.mov: 200 frames, 10.000 s, 3.42 MB`.
    pub fn summary(&self) -> String {
        let RecordingProgress { frames, length, bytes, .. } = self.recorded;
        let (name, frames) = (self.path.display(), format::counted(frames, "frame"));
        format!("{name}: {frames}, {:.3} s, {}", length.as_secs_f64(), format::byte_size(bytes))
    }

    /// Returns what the file does not contain as it arrived, as sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.recorded.left_out > 0 {
            let frames = format::counted(self.recorded.left_out, "frame");
            notes.push(format!("{frames} left out, because the disk was too slow; record to another disk."));
        }
        if self.max_time_error.as_micros() > MAX_ROUNDING {
            let error = self.max_time_error.as_micros() as f64 / 1_000.0;
            notes.push(format!(
                "The times of the frames are rounded, by at most {error:.2} ms; MOV keeps them."
            ));
        }
        notes
    }
}

/// Recording in progress. Dropping it completes the film, without waiting for that.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<FrameQueue>,
    progress: watch::Receiver<RecordingProgress>,
    finished: oneshot::Receiver<RecordingResult>,
    /// Path at which the film is written until it is complete; not set before it is created.
    written_path: Arc<OnceLock<PathBuf>>,
}

/// Difference between the time of a frame and the one in the file, in µs, that is rounding to the clock of RTP.
const MAX_ROUNDING: u64 = 12;

/// Minimum interval at which the progress is published.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

impl Recorder {
    /// Starts the thread, which creates the file at once. A file that cannot be created is an error of the result.
    ///
    /// # Errors
    /// Returns an error if the system cannot create a thread.
    pub fn start(options: RecordingOptions) -> io::Result<Self> {
        let queue = Arc::new(FrameQueue::new(options.waits_over_tcp));
        let (progress_sender, progress) = watch::channel(RecordingProgress::default());
        let (result_sender, finished) = oneshot::channel();
        let (frames, written_path) = (queue.clone(), Arc::new(OnceLock::new()));
        let created_path = written_path.clone();
        thread::Builder::new().name("recording".to_owned()).spawn(move || {
            let result = record(&options, &frames, &progress_sender, &created_path);
            // Nothing that arrives later can be recorded.
            frames.close();
            // The receiver is gone if nobody waits for the result.
            let _ = result_sender.send(result);
        })?;
        Ok(Self { queue, progress, finished, written_path })
    }

    /// Returns the queue of the frames to record.
    pub fn queue(&self) -> Arc<FrameQueue> {
        self.queue.clone()
    }

    /// Returns the path at which the film is written until it is complete; `None` before it is created.
    pub fn written_path(&self) -> Option<&Path> {
        self.written_path.get().map(PathBuf::as_path)
    }

    /// Returns what has been recorded so far, updated five times per second.
    pub fn progress(&self) -> watch::Receiver<RecordingProgress> {
        self.progress.clone()
    }

    /// Returns what has been recorded so far. The frames that were left out are counted also while the disk writes
    /// nothing.
    pub fn recorded(&self) -> RecordingProgress {
        RecordingProgress { left_out: self.queue.left_out(), ..*self.progress.borrow() }
    }

    /// Closes the gap in the film while the user has paused the session with this status. The gap of a lost connection
    /// stays.
    pub fn handle_status(&self, status: &SessionStatus) {
        if status.goal == Goal::Ready && status.state == RtspState::Ready {
            self.queue.push_pause();
        }
    }

    /// Ends the recording: what has arrived is written, and the film is completed.
    pub fn stop(&self) {
        self.queue.close();
    }

    /// Waits until the film is complete. Not to be called again after it has returned.
    pub async fn finished(&mut self) -> RecordingResult {
        match (&mut self.finished).await {
            Ok(result) => result,
            Err(_) => RecordingResult {
                path: PathBuf::new(),
                recorded: *self.progress.borrow(),
                error: Some("The recording has ended because of an internal error.".to_owned()),
                max_time_error: Npt::ZERO,
            },
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// State of the thread.
struct Writing<'a> {
    options: &'a RecordingOptions,
    queue: &'a FrameQueue,
    progress: &'a watch::Sender<RecordingProgress>,
    target: RecordingTarget,
    clock: RecordingClock,
    /// Frames that were passed to the writer.
    frames: u64,
    published: Option<Instant>,
}

/// Reason why frames are no longer written.
enum End {
    /// The recording was stopped.
    Stopped,
    /// The maximum length was reached.
    Complete,
    /// The format cannot hold a frame.
    Refused(String),
    /// The file cannot be written.
    Failed(io::Error),
}

/// Writes a film until the queue is closed or an error occurs.
fn record(
    options: &RecordingOptions,
    queue: &FrameQueue,
    progress: &watch::Sender<RecordingProgress>,
    created_path: &OnceLock<PathBuf>,
) -> RecordingResult {
    let RecordingOptions { path, place, format, stated_rate, .. } = options;
    let target = match RecordingTarget::create(path, *place, *format, *stated_rate) {
        Ok(target) => target,
        Err(sentence) => return failed(options, sentence),
    };
    // It is set once.
    let _ = created_path.set(target.written_path().to_owned());
    let clock = RecordingClock::default();
    let mut writing = Writing { options, queue, progress, target, clock, frames: 0, published: None };
    let end = writing.write_frames();
    writing.complete(end)
}

impl Writing<'_> {
    fn write_frames(&mut self) -> End {
        while let Some(input) = self.queue.pop() {
            let written = match input {
                QueuedFrame::Pause => {
                    self.clock.pause();
                    Ok(())
                }
                QueuedFrame::Frame(frame) => self.write_frame(frame),
            };
            if let Err(end) = written {
                return end;
            }
        }
        End::Stopped
    }

    fn write_frame(&mut self, frame: Frame) -> Result<(), End> {
        let arrived = self.clock.time_of(frame.timestamp, frame.arrival);
        let time = self.options.rate.map_or(arrived, |rate| rate.npt_of(self.frames));
        if self.options.max_length.is_some_and(|max_length| arrived >= max_length) {
            return Err(End::Complete);
        }
        match self.target.write_frame(frame.jpeg, time) {
            Ok(()) => {
                self.frames += 1;
                self.publish();
                // One image is a film of one frame.
                if self.options.format == RecordingFormat::Image { Err(End::Complete) } else { Ok(()) }
            }
            Err(FilmWriteError::Muxer(error)) => Err(End::Refused(error.to_string())),
            Err(FilmWriteError::Io(error)) => {
                self.frames += 1;
                Err(End::Failed(error))
            }
        }
    }

    /// Publishes the progress, if the last time is long enough ago.
    fn publish(&mut self) {
        if self.published.is_none_or(|published| published.elapsed() >= PROGRESS_INTERVAL) {
            self.published = Some(Instant::now());
            self.progress.send_replace(self.recorded());
        }
    }

    fn recorded(&self) -> RecordingProgress {
        RecordingProgress {
            frames: self.frames,
            length: self.end(),
            bytes: self.target.length(),
            left_out: self.queue.left_out(),
        }
    }

    /// End of the last frame.
    fn end(&self) -> Npt {
        let end = self.options.rate.map_or_else(|| self.clock.end(), |rate| rate.npt_of(self.frames));
        self.options.max_length.filter(|_| self.options.rate.is_none()).map_or(end, |max| end.min(max))
    }

    /// Completes the film. If the disk is full, the last frames give their space to the index.
    fn complete(mut self, end: End) -> RecordingResult {
        let mut error = match end {
            End::Stopped | End::Complete => None,
            End::Refused(reason) => Some(self.refusal(&reason)),
            End::Failed(error) => Some(self.shorten(&error, true)),
        };
        if self.frames == 0 {
            return self.discard(error);
        }
        let mut finished = self.target.try_finish(self.end());
        if let Err(FinishError::Io(failure)) = &finished {
            let sentence = self.shorten(failure, false);
            error.get_or_insert(sentence);
            finished = self.target.try_finish(self.end());
        }
        let (path, recorded) = (self.options.path.clone(), self.recorded());
        let max_time_error = self.target.max_time_error();
        // Does nothing to a film that is complete.
        let kept = self.target.keep();
        let error = finished.err().map(|failure| failure.sentence(&path, &kept)).or(error);
        RecordingResult { path, recorded, error, max_time_error }
    }

    /// Removes the last frames after a failed write. Returns the failure as a sentence.
    fn shorten(&mut self, error: &io::Error, has_write_failed: bool) -> String {
        match self.target.shorten(has_write_failed) {
            Ok(removed) => self.frames = self.frames.saturating_sub(removed),
            Err(error) => tracing::warn!(%error, "cannot shorten the recording"),
        }
        let name = self.options.path.display();
        format!("The recording has ended, because {name} cannot be written ({error}); {}.", advice(error))
    }

    fn refusal(&self, reason: &str) -> String {
        let (name, frame) = (self.options.path.display(), format::count(self.frames + 1));
        format!("The recording {name} has ended at frame {frame}: {reason}; record again to continue.")
    }

    /// Removes a film without frames.
    fn discard(self, error: Option<String>) -> RecordingResult {
        let options = self.options;
        self.target.discard();
        failed(options, error.unwrap_or_else(|| "No frame has arrived; nothing was recorded.".to_owned()))
    }
}

fn failed(options: &RecordingOptions, sentence: String) -> RecordingResult {
    RecordingResult {
        path: options.path.clone(),
        recorded: RecordingProgress::default(),
        error: Some(sentence),
        max_time_error: Npt::ZERO,
    }
}
