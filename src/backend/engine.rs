//! The task behind the window: server, film and session.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::messages::{BackendOptions, Command, Event, EventKind};
use super::preview::{Preview, Previewing};
use super::source::FilmSource;
use crate::impairment::Network;
use crate::media_file::{Film, FilmError, Progress};
use crate::proto::rtsp::Npt;
use crate::server_embed::{Server, ServerEvent};
use crate::session::{
    Command as SessionCommand, Decoder, Emulation, Event as SessionEvent, FrameOutlets, Goal, MachineOptions,
    Place, RtspState, Screen, Session, SessionOptions, SourceUrl,
};
use crate::stats::Figures;

/// Events that may wait for the window.
pub(super) const EVENTS: usize = 256;

/// How long TEARDOWN may take when the window closes.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);
/// The backend's one task.
pub(super) struct Engine {
    server: Server,
    network: Network,
    decoder: Arc<Decoder>,
    events: mpsc::Sender<Event>,
    figures: watch::Sender<Figures>,
    session_events: mpsc::Sender<(u64, SessionEvent)>,
    options: BackendOptions,
    generation: u64,
    /// What is being opened. A large film that is damaged may be read for long before a picture is found.
    opening: Option<Opening>,
    previewing: Previewing,
    film: Option<Arc<Film>>,
    /// How the film's index grows.
    progress: Option<watch::Receiver<Progress>>,
    session: Option<Running>,
    /// Sessions that are being torn down.
    farewells: TaskTracker,
}

/// A film that is being opened, and what for.
struct Opening {
    generation: u64,
    goal: Goal,
    film: JoinHandle<Result<Arc<Film>, FilmError>>,
}

struct Running {
    session: Session,
    figures: watch::Receiver<Figures>,
    first: Arc<OnceLock<Bytes>>,
}

/// Where the engine sends what it has to tell.
pub(super) struct EngineOutputs {
    pub events: mpsc::Sender<Event>,
    pub figures: watch::Sender<Figures>,
    pub session_events: mpsc::Sender<(u64, SessionEvent)>,
}

impl Engine {
    /// An engine without a film and a session.
    pub fn new(
        server: Server,
        network: Network,
        decoder: Arc<Decoder>,
        options: BackendOptions,
        outputs: EngineOutputs,
    ) -> Self {
        let EngineOutputs { events, figures, session_events } = outputs;
        Self {
            server,
            network,
            decoder,
            events,
            figures,
            session_events,
            options,
            generation: 0,
            opening: None,
            previewing: Previewing::default(),
            film: None,
            progress: None,
            session: None,
            farewells: TaskTracker::new(),
        }
    }

    /// Runs until `finishing` asks it to end; what comes in on the channels is handled in the order in which it comes.
    pub async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut from_session: mpsc::Receiver<(u64, SessionEvent)>,
        mut from_server: mpsc::Receiver<ServerEvent>,
        mut finishing: oneshot::Receiver<oneshot::Sender<()>>,
    ) {
        loop {
            tokio::select! {
                Some(command) = commands.recv() => self.obey(command),
                Some((generation, event)) = from_session.recv() => self.relay(generation, event).await,
                Some(event) = from_server.recv() => self.relay_server(event).await,
                film = opened(&mut self.opening) => self.finish_opening(film).await,
                preview = self.previewing.finished() => self.show_preview(preview),
                () = changed(&mut self.progress) => self.relay_progress().await,
                figures = new_figures(&mut self.session) => {
                    self.figures.send_replace(figures);
                }
                done = &mut finishing => {
                    self.leave_session();
                    self.farewells.close();
                    self.farewells.wait().await;
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
    fn obey(&mut self, command: Command) {
        match command {
            Command::Open { generation, source, goal } => self.open(generation, source, goal),
            Command::Connect { generation, url, options, goal } => {
                self.opening = None;
                self.leave_session();
                self.server.library().clear();
                self.film = None;
                self.progress = None;
                self.start_session(generation, url, options, goal);
            }
            Command::Session { generation, command } => {
                if let Some(session) = self.session_of(generation) {
                    session.command(command);
                }
            }
            Command::SetNetwork(conditions) => self.network.set(conditions),
            Command::Preview(frame) => self.preview(frame),
            Command::SetRate(rate) => self.options.rate = rate,
            Command::SetPlayoutDelay(delay) => {
                self.options.playout_delay = delay;
                if let Some(running) = &self.session {
                    running.session.command(SessionCommand::SetPlayoutDelay(delay));
                }
            }
        }
    }

    /// What was meant for something older has come too late.
    fn session_of(&self, generation: u64) -> Option<&Session> {
        let running = self.session.as_ref().filter(|_| generation == self.generation);
        running.map(|running| &running.session)
    }

    fn open(&mut self, generation: u64, source: FilmSource, goal: Goal) {
        let rate = self.options.rate;
        let film = tokio::task::spawn_blocking(move || source.open(rate));
        self.opening = Some(Opening { generation, goal, film });
    }

    async fn finish_opening(&mut self, film: Result<Arc<Film>, String>) {
        let Some(Opening { generation, goal, .. }) = self.opening.take() else { return };
        match film {
            Ok(film) => self.take_film(generation, goal, film).await,
            Err(sentence) => self.tell(generation, EventKind::OpenFailed(sentence)).await,
        }
    }

    async fn take_film(&mut self, generation: u64, goal: Goal, film: Arc<Film>) {
        self.leave_session();
        // Only what is open is served.
        self.server.library().clear();
        let name = self.server.serve(film.clone());
        self.progress = Some(film.progress());
        self.tell(generation, EventKind::Opened(film.info())).await;
        self.film = Some(film);
        let url = self.server.url_of(&name);
        self.start_session(generation, url.into(), MachineOptions::default(), goal);
        self.show_poster();
    }

    fn start_session(&mut self, generation: u64, url: SourceUrl, machine: MachineOptions, goal: Goal) {
        self.generation = generation;
        let first = Arc::new(OnceLock::new());
        let screen = Screen { decoder: self.decoder.clone(), generation, first: first.clone() };
        // What comes from the embedded server has passed the network there.
        let place = if self.film.is_some() { Place::AtServer } else { Place::WayIn };
        let emulation = Emulation { network: self.network.clone(), place };
        let options = SessionOptions {
            machine,
            emulation,
            playout_delay: self.options.playout_delay,
            ..SessionOptions::default()
        };
        let (events, mut from_session) = mpsc::channel(EVENTS);
        let all_events = self.session_events.clone();
        tokio::spawn(async move {
            while let Some(event) = from_session.recv().await {
                if all_events.send((generation, event)).await.is_err() {
                    return;
                }
            }
        });
        let session = Session::start(url, options, FrameOutlets::screen(screen), events);
        if goal != Goal::Stopped {
            session.command(SessionCommand::SetGoal(goal));
        }
        let figures = session.figures();
        self.figures.send_replace(Figures::default());
        self.session = Some(Running { session, figures, first });
    }

    /// TEARDOWN goes out in the background; what comes next need not wait for it.
    fn leave_session(&mut self) {
        self.decoder.clear();
        self.previewing = Previewing::default();
        if let Some(running) = self.session.take() {
            self.farewells.spawn(running.session.finish(GOODBYE));
        }
    }

    async fn tell(&self, generation: u64, kind: EventKind) {
        // A window that is gone need not be told.
        let _ = self.events.send(Event { generation, kind }).await;
    }

    async fn relay(&mut self, generation: u64, event: SessionEvent) {
        // The screen answers to Stop before the server does.
        let stands_still = match &event {
            SessionEvent::Closed => true,
            SessionEvent::Status(status) => status.goal == Goal::Stopped && status.state != RtspState::Init,
            _ => false,
        };
        if stands_still && generation == self.generation {
            self.show_poster();
        }
        self.tell(generation, EventKind::Session(event)).await;
    }

    async fn relay_server(&mut self, event: ServerEvent) {
        if let ServerEvent::FilmFailed { film, error } = event {
            let sentence = format!("{film} can no longer be read ({error}); open it again.");
            self.tell(self.generation, EventKind::FilmFailed(sentence)).await;
        }
    }

    async fn relay_progress(&mut self) {
        if let Some(film) = &self.film {
            let progress = *film.progress().borrow();
            self.tell(self.generation, EventKind::Progressed(progress)).await;
        }
    }

    fn preview(&mut self, frame: u64) {
        if let Some(film) = &self.film {
            self.previewing.read(film, frame);
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
        if let Some(frame) = self.previewing.take_next() {
            self.preview(frame);
        }
    }

    /// The first frame: of the film, or of what was seen of the stream.
    fn show_poster(&mut self) {
        match &self.film {
            Some(_) => self.preview(0),
            None => {
                self.decoder.clear();
                let first = self.session.as_ref().and_then(|running| running.first.get().cloned());
                if let Some(jpeg) = first {
                    self.decoder.decode(jpeg, Some(Npt::ZERO), self.generation);
                }
            }
        }
    }
}

/// The film, or a sentence that says why there is none.
async fn opened(opening: &mut Option<Opening>) -> Result<Arc<Film>, String> {
    let Some(Opening { film, .. }) = opening else { return std::future::pending().await };
    match film.await {
        Ok(film) => film.map_err(|error| error.to_string()),
        Err(error) => Err(format!("The film cannot be opened: {error}.")),
    }
}

async fn changed(progress: &mut Option<watch::Receiver<Progress>>) {
    let changed = match progress {
        Some(progress) => progress.changed().await,
        None => std::future::pending().await,
    };
    // The film is gone; its index grows no more.
    if changed.is_err() {
        *progress = None;
    }
}

async fn new_figures(running: &mut Option<Running>) -> Figures {
    let Some(Running { figures, .. }) = running else { return std::future::pending().await };
    match figures.changed().await {
        Ok(()) => figures.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}
