//! Everything behind the window: a runtime, the embedded server, the session, the decoding thread.
//!
//! Commands go in; events, figures and pictures come out, each on a way of its own. Pictures never travel as events:
//! a hundred queued ones would be hundreds of megabytes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
#[cfg(unix)]
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::impairment::{Conditions, Network};
use crate::media::FrameRate;
use crate::media_file::{Film, FilmError, MediaInfo, Progress};
use crate::proto::rtsp::Npt;
use crate::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use crate::session::{
    Command as SessionCommand, Decoder, Emulation, Event as SessionEvent, FrameOutlets, Goal, MachineOptions,
    PictureSlot, Place, RtspState, Screen, Session, SessionOptions, SourceUrl,
};
use crate::stats::Figures;

/// Something that the window wants.
#[derive(Debug)]
pub enum Command {
    /// Play a film on this machine.
    Open {
        /// The window's number for it; what is told of it carries the number.
        generation: u64,
        /// Which.
        source: FilmSource,
        /// How far to go without being asked.
        goal: Goal,
    },
    /// Play a stream.
    Connect {
        /// The window's number for it; what is told of it carries the number.
        generation: u64,
        /// Which.
        url: SourceUrl,
        /// How.
        options: MachineOptions,
        /// How far to go without being asked.
        goal: Goal,
    },
    /// The user wants something of the session: a button was pressed, or the time line moved.
    Session {
        /// The number of what it is meant for; one that is older is ignored.
        generation: u64,
        /// What is wanted.
        command: SessionCommand,
    },
    /// Show a frame of the film without playing it.
    Preview(u64),
    /// Play films that state no rate at this one.
    SetRate(FrameRate),
    /// Let pictures wait this long.
    SetPlayoutDelay(Duration),
    /// Let the emulated network be like this, from the next packet on.
    SetNetwork(Conditions),
}

/// Where a film comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilmSource {
    /// A file.
    File(PathBuf),
    /// The film that the program brings along.
    Sample,
}

/// Something that the window is told, with the number of what it is about.
#[derive(Debug, Clone)]
pub struct Event {
    /// The number that came with [`Command::Open`] or [`Command::Connect`].
    pub generation: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// The film is open.
    Opened(MediaInfo),
    /// The film could not be opened; a sentence says why. Everything else stays as it was.
    OpenFailed(String),
    /// More of the film is known.
    Progressed(Progress),
    /// The file can no longer be read.
    FilmFailed(String),
    /// Something in the session.
    Session(SessionEvent),
}

/// The window's end of the backend.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Without a bound: a click that is lost would be waited for in vain. Whatever takes time is done beside, so that
    /// the queue is always short.
    commands: mpsc::UnboundedSender<Command>,
}

impl Handle {
    /// A handle whose commands come out at the other end, for tests.
    pub fn detached() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        (Self { commands }, inbox)
    }

    /// Asks for something; the answer is an event.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            // This is the end of the program.
            tracing::warn!("a command comes too late");
        }
    }
}

/// What comes out of the backend.
#[derive(Debug)]
pub struct Outlets {
    /// What happened; never dropped.
    pub events: mpsc::Receiver<Event>,
    /// The figures of the session, a few times a second.
    pub figures: watch::Receiver<Figures>,
    /// The newest picture.
    pub pictures: PictureSlot,
    /// What makes pictures, to be told the size of the screen.
    pub decoder: Arc<Decoder>,
}

/// The backend itself. It lives as long as this.
#[derive(Debug)]
pub struct Backend {
    runtime: Runtime,
    finish: oneshot::Sender<oneshot::Sender<()>>,
    handle: Handle,
}

/// How the backend begins.
#[derive(Debug, Clone, Copy)]
pub struct BackendOptions {
    /// Frames a second of films that state no rate.
    pub rate: FrameRate,
    /// How long pictures wait.
    pub playout_delay: Duration,
}

/// Events that may wait for the window.
const EVENTS: usize = 256;

/// How long TEARDOWN may take when the window closes.
const GOODBYE: Duration = Duration::from_secs(1);

/// The film that the program brings along.
static SAMPLE: &[u8] = include_bytes!("../assets/sample.mjpeg");

/// What the sample film is called.
pub const SAMPLE_NAME: &str = "sample.mjpeg";

/// A runtime for the network: two threads, as the work is moving packets.
///
/// # Errors
/// When the system has no threads to give.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("network").enable_all().build()
}

/// Ctrl+C, or the system's wish that the program end: SIGTERM, or SIGHUP when its terminal is closed.
#[derive(Debug)]
pub struct EndSignal {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
}

impl EndSignal {
    /// Listens from now on, on the runtime that it is called on. Before, a signal ends the program on the spot.
    #[cfg(unix)]
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = Some(SignalKind::hangup()).filter(|_| !ignores_hangup());
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        // One that the system does not give never comes.
        Self { signals: kinds.filter_map(|kind| signal(kind).ok()).collect() }
    }

    /// Listens from now on.
    #[cfg(not(unix))]
    pub fn listen() -> Self {
        Self {}
    }

    /// Waits for one.
    #[cfg(unix)]
    pub async fn arrives(&mut self) {
        std::future::poll_fn(|context| {
            let has_come = self.signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if has_come { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits for one.
    #[cfg(not(unix))]
    pub async fn arrives(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals there is nothing to wait for.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the program was started to outlive its terminal, as `nohup` does. Only Linux tells.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit for each signal; SIGHUP is the first.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// What a film is called: its file's name.
pub fn film_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl Backend {
    /// Starts everything.
    ///
    /// # Errors
    /// When the system has no threads to give, or loopback cannot be listened on.
    pub fn start(options: BackendOptions) -> io::Result<(Self, Outlets)> {
        let runtime = runtime()?;
        let decoder = Arc::new(Decoder::start()?);
        let (commands, inbox) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::channel(EVENTS);
        let (figures, figures_receiver) = watch::channel(Figures::default());
        let (server_events, from_server) = mpsc::channel(EVENTS);
        let observer = Observer::new(move |event| {
            if let ServerEvent::FilmFailed { .. } = event {
                // The window is told once; more of the same is lost without harm.
                let _ = server_events.try_send(event);
            }
        });
        let network = Network::default();
        let server_options = ServerOptions { network: network.clone(), ..ServerOptions::default() };
        let server = runtime.block_on(Server::start(server_options, observer))?;
        let (finish, finishing) = oneshot::channel();
        let (session_events, from_session) = mpsc::channel(EVENTS);
        let engine = Engine {
            server,
            network,
            decoder: decoder.clone(),
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
        };
        runtime.spawn(engine.run(inbox, from_session, from_server, finishing));
        let pictures = decoder.slot();
        let outlets = Outlets { events: event_receiver, figures: figures_receiver, pictures, decoder };
        Ok((Self { runtime, finish, handle: Handle { commands } }, outlets))
    }

    /// The window's end.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Sends TEARDOWN, waits a second for the answer at the most, and ends everything.
    pub fn finish(self) {
        let (done, finished) = oneshot::channel();
        if self.finish.send(done).is_ok() {
            // Finished, or out of patience.
            let _ = self.runtime.block_on(async { timeout(GOODBYE * 2, finished).await });
        }
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

/// The backend's one task.
struct Engine {
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

/// Frames that are read without playing: one at a time, and of those that were asked for meanwhile the newest.
#[derive(Default)]
struct Previewing {
    reading: Option<JoinHandle<io::Result<Preview>>>,
    next: Option<u64>,
}

struct Preview {
    jpeg: Bytes,
    position: Npt,
}

struct Running {
    session: Session,
    figures: watch::Receiver<Figures>,
    first: Arc<OnceLock<Bytes>>,
}

impl Engine {
    async fn run(
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
                preview = read(&mut self.previewing.reading) => self.show_preview(preview),
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
        let film = tokio::task::spawn_blocking(move || match source {
            FilmSource::File(path) => Film::open(&path, &film_name(&path), rate),
            FilmSource::Sample => Film::from_memory(SAMPLE, SAMPLE_NAME, rate),
        });
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

    fn preview(&mut self, frame: u64) {
        match (self.film.clone(), self.previewing.reading.is_some()) {
            (None, _) => {}
            (Some(_), true) => self.previewing.next = Some(frame),
            (Some(film), false) => {
                self.previewing.reading = Some(tokio::task::spawn_blocking(move || {
                    let entry = film.entry(frame).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
                    Ok(Preview { jpeg: film.read(entry)?, position: entry.time })
                }));
            }
        }
    }

    fn show_preview(&mut self, preview: io::Result<Preview>) {
        self.previewing.reading = None;
        match preview {
            Ok(Preview { jpeg, position }) => {
                self.decoder.clear();
                self.decoder.decode(jpeg, Some(position), self.generation);
            }
            Err(error) => tracing::warn!(%error, "a frame cannot be shown"),
        }
        if let Some(frame) = self.previewing.next.take() {
            self.preview(frame);
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

async fn read(reading: &mut Option<JoinHandle<io::Result<Preview>>>) -> io::Result<Preview> {
    match reading {
        Some(reading) => reading.await.unwrap_or_else(|error| Err(error.into())),
        None => std::future::pending().await,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Until something happens, and not for longer than anybody would wait.
    fn wait_for(outlets: &mut Outlets, runtime: &Runtime, mut is_it: impl FnMut(&Event) -> bool) {
        let event = async {
            while let Some(event) = outlets.events.recv().await {
                if is_it(&event) {
                    return;
                }
            }
            panic!("the backend has ended");
        };
        runtime.block_on(async { timeout(Duration::from_secs(20), event).await }).expect("it happens");
    }

    fn has_reached(goal: Goal, wishes: u64) -> impl FnMut(&Event) -> bool {
        move |event| {
            let EventKind::Session(SessionEvent::Status(status)) = &event.kind else { return false };
            status.goal == goal && status.wishes == wishes && !status.is_busy
        }
    }

    #[test]
    fn no_click_is_lost_among_a_thousand_previews_or_while_a_film_is_searched_for_a_picture() {
        let runtime = Runtime::new().unwrap();
        let options = BackendOptions { rate: FrameRate::CLASSROOM, playout_delay: Duration::ZERO };
        let (backend, mut outlets) = Backend::start(options).unwrap();
        let handle = backend.handle();
        handle.send(Command::Open { generation: 1, source: FilmSource::Sample, goal: Goal::Ready });
        wait_for(&mut outlets, &runtime, has_reached(Goal::Ready, 1));

        // The beginning of a picture, and then nothing for four gigabytes.
        let damaged = tempfile::NamedTempFile::with_suffix(".mjpeg").unwrap();
        io::Write::write_all(&mut damaged.as_file(), SAMPLE.get(5..2_000).unwrap()).unwrap();
        damaged.as_file().set_len(1 << 32).unwrap();
        let source = FilmSource::File(damaged.path().to_owned());
        handle.send(Command::Open { generation: 2, source, goal: Goal::Playing });
        (0..1_000).for_each(|frame| handle.send(Command::Preview(frame % 200)));
        handle.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(Goal::Playing) });
        wait_for(&mut outlets, &runtime, has_reached(Goal::Playing, 2));
        backend.finish();
    }

    #[test]
    fn of_two_films_the_one_that_was_asked_for_last_is_played_and_clicks_for_the_other_come_too_late() {
        let runtime = Runtime::new().unwrap();
        let options = BackendOptions { rate: FrameRate::CLASSROOM, playout_delay: Duration::ZERO };
        let (backend, mut outlets) = Backend::start(options).unwrap();
        let handle = backend.handle();
        for generation in [1, 2] {
            handle.send(Command::Open { generation, source: FilmSource::Sample, goal: Goal::Ready });
        }
        handle.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(Goal::Playing) });
        let mut ready = has_reached(Goal::Ready, 1);
        wait_for(&mut outlets, &runtime, |event| {
            assert_eq!(event.generation, 2);
            ready(event)
        });
        backend.finish();
    }
}
