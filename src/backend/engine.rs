//! The backend's task, which connects the embedded server, the open file and the session.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::messages::{BackendEvent, BackendEventKind, BackendOptions, Command, Concealment};
use super::preview::{Preview, PreviewQueue};
use super::recording::{self, RecordingUpdate, SnapshotRequest, WindowRecording};
use super::sharing::{SharedServer, Sharing};
use super::source::{MediaSource, OpenedSource};
use super::thumbnail::{Thumbnail, ThumbnailQueue, ThumbnailRequest};
use crate::impairment::Emulator;
use crate::media_file::{IndexProgress, MediaFile, MediaFileError};
use crate::proto::fec::ParityLayout;
use crate::proto::rtsp::{Factor, Npt};
use crate::server_embed::{Server, ServerEvent};
use crate::session::{
    Decoder, EmulatorOptions, EmulatorPlacement, FrameSinks, Goal, PlayoutDelay, RtspState, Screen, Session,
    SessionCommand, SessionEvent, SessionOptions, SourceUrl, StreamOptions, TrustedCertificates,
};
use crate::stats::Figures;

/// Capacity of the event channels, in events.
pub(super) const EVENT_CAPACITY: usize = 256;

/// Time that a session may take to send TEARDOWN and receive its response.
pub(super) const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of snapshots that are saved at the same time; a slow disk gets no more.
const MAX_SNAPSHOTS: usize = 8;

/// State of the backend's task.
pub(super) struct Engine {
    server: Server,
    emulator: Emulator,
    decoder: Arc<Decoder>,
    events: mpsc::Sender<BackendEvent>,
    figures: watch::Sender<Figures>,
    session_events: mpsc::Sender<(u64, SessionEvent)>,
    options: BackendOptions,
    concealment: Concealment,
    playout_delay: PlayoutDelay,
    /// Lost packets of the open film are requested again.
    retransmission: bool,
    error_correction: Option<ParityLayout>,
    speed: Factor,
    trusted: Arc<TrustedCertificates>,
    generation: u64,
    /// File that is being opened. A large damaged file may be read for a long time before a frame is found.
    opening: Option<OpenTask>,
    previews: PreviewQueue,
    thumbnails: ThumbnailQueue,
    media_file: Option<Arc<MediaFile>>,
    /// Index progress of `media_file`; `None` without a file.
    progress: Option<watch::Receiver<IndexProgress>>,
    session: Option<RunningSession>,
    recording: WindowRecording,
    /// True while a recording is not complete, for the shutdown.
    is_recording: watch::Sender<bool>,
    snapshots: JoinSet<Result<PathBuf, String>>,
    shared: SharedServer,
    /// Closed sessions whose TEARDOWN is still in flight.
    teardowns: TaskTracker,
}

/// File that is being opened, and the session to start with it.
struct OpenTask {
    generation: u64,
    goal: Goal,
    task: JoinHandle<Result<OpenedSource, MediaFileError>>,
    /// Ends the search for a first frame, which may take long, once another source is opened.
    _cancelled: DropGuard,
}

struct RunningSession {
    session: Session,
    figures: watch::Receiver<Figures>,
    first_frame: Arc<OnceLock<Bytes>>,
}

/// Sending ends of the channels that the engine writes to.
pub(super) struct EngineOutputs {
    pub events: mpsc::Sender<BackendEvent>,
    pub figures: watch::Sender<Figures>,
    pub session_events: mpsc::Sender<(u64, SessionEvent)>,
    pub is_recording: watch::Sender<bool>,
}

impl Engine {
    /// Creates an engine without a file and without a session.
    pub fn new(
        server: Server,
        emulator: Emulator,
        decoder: Arc<Decoder>,
        options: BackendOptions,
        outputs: EngineOutputs,
    ) -> Self {
        let EngineOutputs { events, figures, session_events, is_recording } = outputs;
        Self {
            server,
            emulator,
            decoder,
            events,
            figures,
            session_events,
            playout_delay: options.playout_delay.into(),
            retransmission: false,
            error_correction: None,
            options,
            concealment: Concealment::default(),
            speed: Factor::ONE,
            trusted: Arc::default(),
            generation: 0,
            opening: None,
            previews: PreviewQueue::default(),
            thumbnails: ThumbnailQueue::default(),
            media_file: None,
            progress: None,
            session: None,
            recording: WindowRecording::default(),
            is_recording,
            snapshots: JoinSet::new(),
            shared: SharedServer::default(),
            teardowns: TaskTracker::new(),
        }
    }

    /// Runs until a message on `shutdown`, which is sent back after all sessions are torn down and the server has
    /// stopped. Each channel is handled in order.
    pub async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut session_events: mpsc::Receiver<(u64, SessionEvent)>,
        mut server_events: mpsc::Receiver<ServerEvent>,
        mut shutdown: oneshot::Receiver<oneshot::Sender<()>>,
    ) {
        loop {
            tokio::select! {
                Some(command) = commands.recv() => self.handle_command(command).await,
                Some((generation, event)) = session_events.recv() => self.handle_session_event(generation, event).await,
                Some(event) = server_events.recv() => self.handle_server_event(event).await,
                result = wait_for_open(&mut self.opening) => self.finish_opening(result).await,
                preview = self.previews.finished() => self.show_preview(preview),
                thumbnail = self.thumbnails.finished() => self.emit_thumbnail(thumbnail).await,
                () = wait_for_progress(&mut self.progress) => self.emit_progress().await,
                figures = wait_for_figures(&mut self.session) => {
                    self.figures.send_replace(figures);
                }
                sharing = self.shared.viewers_changed() => self.emit_sharing(sharing).await,
                update = self.recording.next_update() => self.emit_recording(update).await,
                Some(saved) = self.snapshots.join_next() => self.emit_snapshot(saved).await,
                done = &mut shutdown => {
                    self.close_session();
                    self.recording.finish().await;
                    self.is_recording.send_replace(false);
                    while self.snapshots.join_next().await.is_some() {}
                    self.teardowns.close();
                    self.teardowns.wait().await;
                    tokio::join!(self.server.stop(), self.shared.finish());
                    if let Ok(done) = done {
                        // The window may have stopped waiting.
                        let _ = done.send(());
                    }
                    return;
                }
            }
        }
    }

    /// Handles a command of the window. The next one is read when it is done.
    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Open { generation, source, goal } => self.open(generation, source, goal),
            Command::Connect { generation, url, options, goal } => {
                self.connect(generation, url, options, goal);
            }
            Command::Session { generation, command } => {
                if let Some(session) = self.current_session(generation) {
                    session.send_command(command);
                }
            }
            Command::Close { generation } => self.close(generation),
            Command::Share { generation } => self.share(generation).await,
            Command::StopSharing => self.shared.stop(),
            Command::SetEmulatorSettings(settings) => self.emulator.configure(settings),
            Command::SetTrustedCertificates(at_servers) => {
                self.trusted = Arc::new(TrustedCertificates { at_servers, anywhere: None });
            }
            Command::Preview(frame) => self.start_preview(frame),
            Command::Scrub(frame) => {
                self.decoder.set_held(true);
                self.start_preview(frame);
            }
            Command::Thumbnail(request) => self.start_thumbnail(request),
            Command::StartRecording(request) => {
                if self.session.is_some() {
                    self.is_recording.send_replace(true);
                    self.recording.start(request);
                }
            }
            Command::StopRecording => self.recording.stop(),
            Command::SaveSnapshot(request) => self.save_snapshot(request),
            Command::SetFrameRates(rates) => self.options.frame_rates = rates,
            Command::SetRetransmission(retransmission) => self.retransmission = retransmission,
            Command::SetErrorCorrection(layout) => self.error_correction = layout,
            Command::SetConcealment(concealment) => self.set_concealment(concealment),
            Command::SetSpeed(speed) => self.set_speed(speed),
            Command::SetPlayoutDelay(delay) => {
                self.playout_delay = delay;
                if let Some(running) = &self.session {
                    running.session.send_command(SessionCommand::SetPlayoutDelay(delay));
                }
            }
        }
    }

    fn set_concealment(&mut self, concealment: Concealment) {
        self.concealment = concealment;
        self.decoder.set_tints_concealed(concealment.tints_concealed);
        if let Some(running) = &self.session {
            running.session.send_command(SessionCommand::SetShowsDamaged(concealment.shows_damaged));
        }
    }

    fn set_speed(&mut self, speed: Factor) {
        self.speed = speed;
        if let Some(running) = &self.session {
            running.session.send_command(SessionCommand::SetSpeed(speed));
        }
    }

    /// Saves a snapshot on a thread, unless too many are being saved.
    fn save_snapshot(&mut self, request: SnapshotRequest) {
        if self.snapshots.len() < MAX_SNAPSHOTS {
            self.snapshots.spawn_blocking(move || recording::save(&request));
        }
    }

    async fn emit_snapshot(&self, saved: Result<Result<PathBuf, String>, JoinError>) {
        let saved = saved.unwrap_or_else(|error| Err(format!("The snapshot cannot be saved: {error}.")));
        self.emit(self.generation, BackendEventKind::SnapshotSaved(saved)).await;
    }

    async fn emit_recording(&self, update: RecordingUpdate) {
        if let RecordingUpdate::Ended(_) = update {
            self.is_recording.send_replace(false);
        }
        self.emit(self.generation, BackendEventKind::Recording(update)).await;
    }

    /// Passes pauses to the recording, and ends it with the session.
    fn record_session_event(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Status(status) if status.goal == Goal::Stopped => self.recording.stop(),
            SessionEvent::Status(status) => self.recording.handle_status(status),
            SessionEvent::Ended => self.recording.stop(),
            _ => {}
        }
    }

    /// Returns the session if it is of this generation.
    fn current_session(&self, generation: u64) -> Option<&Session> {
        let running = self.session.as_ref().filter(|_| generation == self.generation);
        running.map(|running| &running.session)
    }

    fn open(&mut self, generation: u64, source: MediaSource, goal: Goal) {
        let rate = self.options.frame_rates.rate_of(&source);
        let cancelled = CancellationToken::new();
        let guard = cancelled.clone().drop_guard();
        let task = tokio::task::spawn_blocking(move || source.open(rate, &cancelled));
        self.opening = Some(OpenTask { generation, goal, task, _cancelled: guard });
    }

    fn connect(&mut self, generation: u64, url: SourceUrl, options: StreamOptions, goal: Goal) {
        self.close(generation);
        self.start_session(generation, url, options, goal);
    }

    /// Closes the current media, whether file or stream.
    fn close(&mut self, generation: u64) {
        self.opening = None;
        self.close_session();
        self.server.library().clear();
        self.shared.stop();
        self.media_file = None;
        self.progress = None;
        self.generation = generation;
    }

    async fn finish_opening(&mut self, result: Result<OpenedSource, String>) {
        let Some(OpenTask { generation, goal, .. }) = self.opening.take() else { return };
        match result {
            Ok(OpenedSource::Film(media_file)) => self.serve_media_file(generation, goal, media_file).await,
            Ok(OpenedSource::List(list)) => {
                self.shared.stay_with(self.generation);
                self.emit(generation, BackendEventKind::ListFound(list)).await
            }
            Err(sentence) => {
                self.shared.stay_with(self.generation);
                self.emit(generation, BackendEventKind::OpenFailed(sentence)).await
            }
        }
    }

    async fn serve_media_file(&mut self, generation: u64, goal: Goal, media_file: Arc<MediaFile>) {
        self.close_session();
        // The embedded server serves the open file only.
        self.server.library().clear();
        let name = self.server.serve(media_file.clone());
        self.progress = Some(media_file.progress());
        self.emit(generation, BackendEventKind::Opened(media_file.info())).await;
        self.media_file = Some(media_file);
        let url = self.server.url_of(&name);
        let (retransmission, fec) = (self.retransmission, self.error_correction);
        let stream = StreamOptions { retransmission, fec, ..StreamOptions::default() };
        self.start_session(generation, url.into(), stream, goal);
        self.show_first_frame();
        self.shared.stop_unless(generation);
        self.share_film().await;
    }

    /// Starts to serve the media of a generation to other players.
    async fn share(&mut self, generation: u64) {
        // Other media have been opened or closed since.
        if generation < self.generation {
            return;
        }
        self.shared.start(generation).await;
        // Otherwise once they are open.
        if generation == self.generation {
            self.share_film().await;
        }
    }

    /// Serves the open film to other players, if that was requested.
    async fn share_film(&mut self) {
        let film = self.media_file.as_ref();
        let sharing = film.and_then(|film| self.shared.serve(self.generation, film));
        if let Some(sharing) = sharing {
            self.emit_sharing(sharing).await;
        }
    }

    async fn emit_sharing(&self, sharing: Sharing) {
        self.emit(self.generation, BackendEventKind::Sharing(sharing)).await;
    }

    fn start_session(&mut self, generation: u64, url: SourceUrl, stream: StreamOptions, goal: Goal) {
        self.generation = generation;
        let first_frame = Arc::new(OnceLock::new());
        let screen = Screen { decoder: self.decoder.clone(), generation, first_frame: first_frame.clone() };
        // Packets of the embedded server already pass the emulator there.
        let placement =
            if self.media_file.is_some() { EmulatorPlacement::AtServer } else { EmulatorPlacement::AtClient };
        let options = SessionOptions {
            stream,
            emulator: EmulatorOptions { emulator: self.emulator.clone(), placement },
            playout_delay: self.playout_delay,
            trusted: self.trusted.clone(),
            ..SessionOptions::default()
        };
        let events = self.generation_events(generation);
        let sinks = FrameSinks { recorder: self.recording.slot(), ..FrameSinks::screen(screen) };
        let session = Session::start(url, options, sinks, events);
        session.send_command(SessionCommand::SetShowsDamaged(self.concealment.shows_damaged));
        session.send_command(SessionCommand::SetSpeed(self.speed));
        if goal != Goal::Stopped {
            session.send_command(SessionCommand::SetGoal(goal));
        }
        let figures = session.figures();
        self.figures.send_replace(Figures::default());
        self.session = Some(RunningSession { session, figures, first_frame });
    }

    /// Returns a sender whose events reach the engine together with their generation.
    fn generation_events(&self, generation: u64) -> mpsc::Sender<SessionEvent> {
        let (events, mut event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let session_events = self.session_events.clone();
        tokio::spawn(async move {
            while let Some(event) = event_receiver.recv().await {
                if session_events.send((generation, event)).await.is_err() {
                    return;
                }
            }
        });
        events
    }

    /// Closes the session. TEARDOWN is sent in a task of its own and does not delay the next session.
    fn close_session(&mut self) {
        self.decoder.set_held(false);
        self.decoder.clear();
        self.previews = PreviewQueue::default();
        self.thumbnails = ThumbnailQueue::default();
        self.recording.stop();
        if let Some(running) = self.session.take() {
            self.teardowns.spawn(running.session.finish(TEARDOWN_TIMEOUT));
        }
    }

    async fn emit(&self, generation: u64, kind: BackendEventKind) {
        // The receiver is gone only after the window has closed.
        let _ = self.events.send(BackendEvent { generation, kind }).await;
    }

    async fn handle_session_event(&mut self, generation: u64, event: SessionEvent) {
        // Stop shows the first frame at once, before the server has responded to TEARDOWN.
        let is_stopped = match &event {
            SessionEvent::Closed => true,
            SessionEvent::Status(status) => status.goal == Goal::Stopped && status.state != RtspState::Init,
            _ => false,
        };
        if generation == self.generation {
            self.record_session_event(&event);
            self.end_scrubbing(&event);
            if is_stopped {
                self.show_first_frame();
            }
        }
        self.emit(generation, BackendEventKind::Session(event)).await;
    }

    async fn handle_server_event(&mut self, event: ServerEvent) {
        let sentence = match event {
            ServerEvent::MediaFileFailed { name, error } => {
                format!("{name} can no longer be read ({error}); open it again.")
            }
            ServerEvent::FramesSkipped { name, count, reason } => {
                let frames = if count == 1 { "frame" } else { "frames in a row" };
                format!("{count} {frames} of {name} cannot be played ({reason}); copy or download it again.")
            }
            _ => return,
        };
        self.emit(self.generation, BackendEventKind::ReadFailed(sentence)).await;
    }

    async fn emit_progress(&mut self) {
        if let Some(media_file) = &self.media_file {
            let progress = *media_file.progress().borrow();
            self.emit(self.generation, BackendEventKind::IndexProgress(progress)).await;
        }
    }

    fn start_preview(&mut self, frame: u64) {
        if let Some(media_file) = &self.media_file {
            self.previews.read(media_file, frame);
        }
    }

    fn show_preview(&mut self, preview: io::Result<Preview>) {
        match preview {
            Ok(Preview { jpeg, position }) => {
                self.decoder.clear();
                self.decoder.decode(jpeg, Some(position), self.generation);
            }
            Err(error) => tracing::warn!(%error, "cannot read frame for preview"),
        }
        if let Some(frame) = self.previews.take_next() {
            self.start_preview(frame);
        }
    }

    fn start_thumbnail(&mut self, request: ThumbnailRequest) {
        if let Some(media_file) = &self.media_file {
            self.thumbnails.request(media_file, request);
        }
    }

    async fn emit_thumbnail(&mut self, thumbnail: Result<Thumbnail, String>) {
        if let Some(next) = self.thumbnails.take_next() {
            self.start_thumbnail(next);
        }
        match thumbnail {
            Ok(thumbnail) => {
                let ready = BackendEventKind::ThumbnailReady(Arc::new(thumbnail));
                self.emit(self.generation, ready).await;
            }
            Err(error) => tracing::debug!(error, "cannot decode thumbnail"),
        }
    }

    /// Shows the frames of the session again, which were held back while the time line was dragged, once they are those
    /// of the new position.
    fn end_scrubbing(&self, event: &SessionEvent) {
        let is_over = match event {
            SessionEvent::Status(status) => status.goal != Goal::Playing,
            SessionEvent::Started(_)
            | SessionEvent::Ended
            | SessionEvent::Closed
            | SessionEvent::Failed(_)
            | SessionEvent::Reconnecting(_) => true,
            _ => false,
        };
        if is_over {
            self.decoder.set_held(false);
        }
    }

    /// Shows the first frame of the file, or the first frame that was received from the stream.
    fn show_first_frame(&mut self) {
        match &self.media_file {
            Some(_) => self.start_preview(0),
            None => {
                self.decoder.clear();
                let first_frame =
                    self.session.as_ref().and_then(|running| running.first_frame.get().cloned());
                if let Some(jpeg) = first_frame {
                    self.decoder.decode(jpeg, Some(Npt::ZERO), self.generation);
                }
            }
        }
    }
}

/// Waits until the file is open; an error is a sentence for the user. Never returns if nothing is being opened.
async fn wait_for_open(opening: &mut Option<OpenTask>) -> Result<OpenedSource, String> {
    let Some(OpenTask { task, .. }) = opening else { return std::future::pending().await };
    match task.await {
        Ok(opened) => opened.map_err(|error| error.to_string()),
        Err(error) => Err(format!("The film cannot be opened: {error}.")),
    }
}

/// Waits until the index progress changes; never returns without a file.
async fn wait_for_progress(progress: &mut Option<watch::Receiver<IndexProgress>>) {
    let changed = match progress {
        Some(progress) => progress.changed().await,
        None => std::future::pending().await,
    };
    // The sender is dropped together with the file.
    if changed.is_err() {
        *progress = None;
    }
}

/// Waits for new statistics; never returns without a session.
async fn wait_for_figures(running: &mut Option<RunningSession>) -> Figures {
    let Some(RunningSession { figures, .. }) = running else { return std::future::pending().await };
    match figures.changed().await {
        Ok(()) => figures.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}
