//! The task behind the window: server, film and session.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::messages::{BackendEvent, BackendEventKind, BackendOptions, Command};
use super::preview::{Preview, PreviewQueue};
use super::source::MediaSource;
use crate::impairment::Emulator;
use crate::media_file::{IndexProgress, MediaFile, MediaFileError};
use crate::proto::rtsp::Npt;
use crate::server_embed::{Server, ServerEvent};
use crate::session::{
    Decoder, EmulatorOptions, EmulatorPlacement, FrameSinks, Goal, RtspOptions, RtspState, Screen, Session,
    SessionCommand, SessionEvent, SessionOptions, SourceUrl,
};
use crate::stats::Figures;

/// Events that may wait for the window.
pub(super) const EVENT_CAPACITY: usize = 256;

/// How long TEARDOWN may take when the window closes.
pub(super) const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);
/// The backend's one task.
pub(super) struct Engine {
    server: Server,
    emulator: Emulator,
    decoder: Arc<Decoder>,
    events: mpsc::Sender<BackendEvent>,
    figures: watch::Sender<Figures>,
    session_events: mpsc::Sender<(u64, SessionEvent)>,
    options: BackendOptions,
    generation: u64,
    /// What is being opened. A large film that is damaged may be read for long before a picture is found.
    opening: Option<OpenTask>,
    previews: PreviewQueue,
    media_file: Option<Arc<MediaFile>>,
    /// How the film's index grows.
    progress: Option<watch::Receiver<IndexProgress>>,
    session: Option<RunningSession>,
    /// Sessions that are being torn down.
    teardowns: TaskTracker,
}

/// A film that is being opened, and what for.
struct OpenTask {
    generation: u64,
    goal: Goal,
    task: JoinHandle<Result<Arc<MediaFile>, MediaFileError>>,
}

struct RunningSession {
    session: Session,
    figures: watch::Receiver<Figures>,
    first_frame: Arc<OnceLock<Bytes>>,
}

/// Where the engine sends what it has to tell.
pub(super) struct EngineOutputs {
    pub events: mpsc::Sender<BackendEvent>,
    pub figures: watch::Sender<Figures>,
    pub session_events: mpsc::Sender<(u64, SessionEvent)>,
}

impl Engine {
    /// An engine without a film and a session.
    pub fn new(
        server: Server,
        network: Emulator,
        decoder: Arc<Decoder>,
        options: BackendOptions,
        outputs: EngineOutputs,
    ) -> Self {
        let EngineOutputs { events, figures, session_events } = outputs;
        Self {
            server,
            emulator: network,
            decoder,
            events,
            figures,
            session_events,
            options,
            generation: 0,
            opening: None,
            previews: PreviewQueue::default(),
            media_file: None,
            progress: None,
            session: None,
            teardowns: TaskTracker::new(),
        }
    }

    /// Runs until `finishing` asks it to end; what comes in on the channels is handled in the order in which it comes.
    pub async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut session_events: mpsc::Receiver<(u64, SessionEvent)>,
        mut server_events: mpsc::Receiver<ServerEvent>,
        mut shutdown: oneshot::Receiver<oneshot::Sender<()>>,
    ) {
        loop {
            tokio::select! {
                Some(command) = commands.recv() => self.handle_command(command),
                Some((generation, event)) = session_events.recv() => self.handle_session_event(generation, event).await,
                Some(event) = server_events.recv() => self.handle_server_event(event).await,
                film = wait_for_open(&mut self.opening) => self.finish_opening(film).await,
                preview = self.previews.finished() => self.show_preview(preview),
                () = wait_for_progress(&mut self.progress) => self.emit_progress().await,
                figures = wait_for_figures(&mut self.session) => {
                    self.figures.send_replace(figures);
                }
                done = &mut shutdown => {
                    self.close_session();
                    self.teardowns.close();
                    self.teardowns.wait().await;
                    self.server.stop().await;
                    if let Ok(done) = done {
                        // The window may have lost patience.
                        let _ = done.send(());
                    }
                    return;
                }
            }
        }
    }

    /// Never waits: nothing else would be obeyed meanwhile.
    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Open { generation, source, goal } => self.open(generation, source, goal),
            Command::Connect { generation, url, options, goal } => {
                self.opening = None;
                self.close_session();
                self.server.library().clear();
                self.media_file = None;
                self.progress = None;
                self.start_session(generation, url, options, goal);
            }
            Command::Session { generation, command } => {
                if let Some(session) = self.current_session(generation) {
                    session.send_command(command);
                }
            }
            Command::SetNetworkConditions(conditions) => self.emulator.configure(conditions),
            Command::Preview(frame) => self.start_preview(frame),
            Command::SetFrameRate(rate) => self.options.frame_rate = rate,
            Command::SetPlayoutDelay(delay) => {
                self.options.playout_delay = delay;
                if let Some(running) = &self.session {
                    running.session.send_command(SessionCommand::SetPlayoutDelay(delay));
                }
            }
        }
    }

    /// What was meant for something older has come too late.
    fn current_session(&self, generation: u64) -> Option<&Session> {
        let running = self.session.as_ref().filter(|_| generation == self.generation);
        running.map(|running| &running.session)
    }

    fn open(&mut self, generation: u64, source: MediaSource, goal: Goal) {
        let rate = self.options.frame_rate;
        let film = tokio::task::spawn_blocking(move || source.open(rate));
        self.opening = Some(OpenTask { generation, goal, task: film });
    }

    async fn finish_opening(&mut self, film: Result<Arc<MediaFile>, String>) {
        let Some(OpenTask { generation, goal, .. }) = self.opening.take() else { return };
        match film {
            Ok(film) => self.serve_media_file(generation, goal, film).await,
            Err(sentence) => self.emit(generation, BackendEventKind::OpenFailed(sentence)).await,
        }
    }

    async fn serve_media_file(&mut self, generation: u64, goal: Goal, film: Arc<MediaFile>) {
        self.close_session();
        // Only what is open is served.
        self.server.library().clear();
        let name = self.server.serve(film.clone());
        self.progress = Some(film.progress());
        self.emit(generation, BackendEventKind::Opened(film.info())).await;
        self.media_file = Some(film);
        let url = self.server.url_of(&name);
        self.start_session(generation, url.into(), RtspOptions::default(), goal);
        self.show_first_frame();
    }

    fn start_session(&mut self, generation: u64, url: SourceUrl, machine: RtspOptions, goal: Goal) {
        self.generation = generation;
        let first = Arc::new(OnceLock::new());
        let screen = Screen { decoder: self.decoder.clone(), generation, first_frame: first.clone() };
        // What comes from the embedded server has passed the network there.
        let place =
            if self.media_file.is_some() { EmulatorPlacement::AtServer } else { EmulatorPlacement::AtClient };
        let emulation = EmulatorOptions { emulator: self.emulator.clone(), placement: place };
        let options = SessionOptions {
            rtsp: machine,
            emulator: emulation,
            playout_delay: self.options.playout_delay,
            ..SessionOptions::default()
        };
        let (events, mut event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let all_events = self.session_events.clone();
        tokio::spawn(async move {
            while let Some(event) = event_receiver.recv().await {
                if all_events.send((generation, event)).await.is_err() {
                    return;
                }
            }
        });
        let session = Session::start(url, options, FrameSinks::screen(screen), events);
        if goal != Goal::Stopped {
            session.send_command(SessionCommand::SetGoal(goal));
        }
        let figures = session.figures();
        self.figures.send_replace(Figures::default());
        self.session = Some(RunningSession { session, figures, first_frame: first });
    }

    /// TEARDOWN goes out in the background; what comes next need not wait for it.
    fn close_session(&mut self) {
        self.decoder.clear();
        self.previews = PreviewQueue::default();
        if let Some(running) = self.session.take() {
            self.teardowns.spawn(running.session.finish(TEARDOWN_TIMEOUT));
        }
    }

    async fn emit(&self, generation: u64, kind: BackendEventKind) {
        // A window that is gone need not be told.
        let _ = self.events.send(BackendEvent { generation, kind }).await;
    }

    async fn handle_session_event(&mut self, generation: u64, event: SessionEvent) {
        // The screen answers to Stop before the server does.
        let is_stopped = match &event {
            SessionEvent::Closed => true,
            SessionEvent::Status(status) => status.goal == Goal::Stopped && status.state != RtspState::Init,
            _ => false,
        };
        if is_stopped && generation == self.generation {
            self.show_first_frame();
        }
        self.emit(generation, BackendEventKind::Session(event)).await;
    }

    async fn handle_server_event(&mut self, event: ServerEvent) {
        if let ServerEvent::MediaFileFailed { name: film, error } = event {
            let sentence = format!("{film} can no longer be read ({error}); open it again.");
            self.emit(self.generation, BackendEventKind::ReadFailed(sentence)).await;
        }
    }

    async fn emit_progress(&mut self) {
        if let Some(film) = &self.media_file {
            let progress = *film.progress().borrow();
            self.emit(self.generation, BackendEventKind::IndexProgress(progress)).await;
        }
    }

    fn start_preview(&mut self, frame: u64) {
        if let Some(film) = &self.media_file {
            self.previews.read(film, frame);
        }
    }

    fn show_preview(&mut self, preview: io::Result<Preview>) {
        match preview {
            Ok(Preview { jpeg, position }) => {
                self.decoder.clear();
                self.decoder.decode(jpeg, Some(position), self.generation);
            }
            Err(error) => tracing::warn!(%error, "a frame cannot be shown"),
        }
        if let Some(frame) = self.previews.take_next() {
            self.start_preview(frame);
        }
    }

    /// The first frame: of the film, or of what was seen of the stream.
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

/// The film, or a sentence that says why there is none.
async fn wait_for_open(opening: &mut Option<OpenTask>) -> Result<Arc<MediaFile>, String> {
    let Some(OpenTask { task: film, .. }) = opening else { return std::future::pending().await };
    match film.await {
        Ok(film) => film.map_err(|error| error.to_string()),
        Err(error) => Err(format!("The film cannot be opened: {error}.")),
    }
}

async fn wait_for_progress(progress: &mut Option<watch::Receiver<IndexProgress>>) {
    let changed = match progress {
        Some(progress) => progress.changed().await,
        None => std::future::pending().await,
    };
    // The film is gone; its index grows no more.
    if changed.is_err() {
        *progress = None;
    }
}

async fn wait_for_figures(running: &mut Option<RunningSession>) -> Figures {
    let Some(RunningSession { figures, .. }) = running else { return std::future::pending().await };
    match figures.changed().await {
        Ok(()) => figures.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}
