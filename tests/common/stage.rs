//! The window without a screen: messages in, commands and pictures of it out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use iced::{Size, Theme};
use iced_test::Simulator;
use reelay::backend::{Command, Event, EventKind, Handle};
use reelay::impairment::{Emulated, PRESETS};
use reelay::media::container::Layout;
use reelay::media::jpeg::Dimensions;
use reelay::media::{FrameRate, decode};
use reelay::media_file::MediaInfo;
use reelay::media_file::{Film, Progress};
use reelay::proto::rtsp::{Lower, Npt, Response, RtspUrl, Status as RtspStatus};
use reelay::session::{
    Command as SessionCommand, Event as SessionEvent, Goal, MachineOptions, Message as Said, Picture,
    Presentation, RtspState, SourceUrl, Speaker, Status,
};
use reelay::settings::{Controls, Settings, ThemeChoice};
use reelay::stats::{Fate, Figures, Row, Snapshot};
use reelay::ui::{self, App, AppOptions, Message, News};
use tokio::sync::mpsc::UnboundedReceiver;

/// The size at which the window opens.
pub const USUAL: Size = Size::new(900.0, 640.0);

/// A larger one.
pub const LARGE: Size = Size::new(1280.0, 800.0);

/// The smallest that it can be made.
pub const SMALLEST: Size = Size::new(640.0, 420.0);

/// An application whose backend is the test.
pub struct Stage {
    pub app: App,
    commands: UnboundedReceiver<Command>,
    /// What the window calls the film.
    generation: u64,
    /// Wishes that have come out.
    wishes: u64,
    /// When the test began.
    begin: Instant,
    /// Quarters of a second that have been measured.
    quarters: u64,
}

impl Stage {
    /// The start screen.
    pub fn new(controls: Controls, theme: ThemeChoice) -> Self {
        Self::remembering(Settings { controls, theme, ..Settings::default() })
    }

    /// The start screen, with what is remembered.
    pub fn remembering(settings: Settings) -> Self {
        Self::started(AppOptions { settings, ..AppOptions::default() })
    }

    /// The start screen, started with these.
    pub fn started(options: AppOptions) -> Self {
        let (backend, commands) = Handle::detached();
        let app = App::new(backend, options);
        Self { app, commands, generation: 0, wishes: 0, begin: Instant::now(), quarters: 0 }
    }

    /// With the sample film open, set up and showing its first frame.
    pub fn with_film(controls: Controls, theme: ThemeChoice) -> Self {
        let mut stage = Self::new(controls, theme);
        let goal = if controls == Controls::Three { Goal::Ready } else { Goal::Stopped };
        stage.app.open(reelay::backend::FilmSource::Sample, false);
        let Some(Command::Open { generation, goal: asked, .. }) = stage.command() else {
            panic!("nothing is opened")
        };
        assert_eq!(asked, goal, "three buttons set up by themselves, four do not");
        stage.generation = generation;
        stage.wishes = u64::from(goal != Goal::Stopped);
        stage.tell(EventKind::Opened(film(200)));
        stage.show_frame(0);
        if controls == Controls::Three {
            stage.reach(RtspState::Ready, Goal::Ready);
        }
        stage
    }

    /// Connected to a camera, playing.
    pub fn with_stream(theme: ThemeChoice) -> Self {
        Self::connected(theme, RtspUrl::parse("rtsp://camera.example:8554/live").unwrap())
    }

    /// The same, as this user.
    pub fn with_stream_as(user: &str, password: &str) -> Self {
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        Self::connected(ThemeChoice::Dark, url.with_credentials(user, password))
    }

    /// Connecting to a camera, of which nothing has been heard yet.
    pub fn connecting() -> Self {
        Self::asking(ThemeChoice::Dark, RtspUrl::parse("rtsp://camera.example:8554/live").unwrap())
    }

    fn connected(theme: ThemeChoice, url: RtspUrl) -> Self {
        let mut stage = Self::asking(theme, url);
        stage.play();
        stage
    }

    fn asking(theme: ThemeChoice, url: RtspUrl) -> Self {
        let mut stage = Self::new(Controls::Three, theme);
        let url = SourceUrl::from(url);
        let options = MachineOptions::for_source(&url);
        stage.app.connect(url, options, true);
        let Some(Command::Connect { generation, .. }) = stage.command() else { panic!("not connected") };
        (stage.generation, stage.wishes) = (generation, 1);
        stage
    }

    /// Tells the window something about its film.
    pub fn tell(&mut self, kind: EventKind) {
        self.send(self.news(kind));
    }

    /// What the window hears then.
    pub fn news(&self, kind: EventKind) -> Message {
        Message::News(News::Event(Event { generation: self.generation, kind }))
    }

    /// The same of its session.
    pub fn tell_session(&mut self, event: SessionEvent) {
        self.tell(EventKind::Session(event));
    }

    /// The stream is known: a film of this many seconds.
    pub fn describe(&mut self, length: u64) {
        let sdp = format!("v=0\na=range:npt=0-{length}\nm=video 0 RTP/AVP 26\na=framerate:20\n");
        let response = Response::new(RtspStatus::OK).with_body("application/sdp", sdp);
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        self.tell_session(SessionEvent::Described(Presentation::read(&response, &url).unwrap()));
    }

    /// A reply has come, and nothing is under way.
    pub fn reach(&mut self, state: RtspState, goal: Goal) {
        self.status(state, goal, false);
    }

    /// Something is under way.
    pub fn busy(&mut self, state: RtspState, goal: Goal) {
        self.status(state, goal, true);
    }

    fn status(&mut self, state: RtspState, goal: Goal, is_busy: bool) {
        let status = Status { state, goal, in_flight: None, is_busy, wishes: self.wishes };
        self.tell_session(SessionEvent::Status(status));
    }

    /// Playing, with figures.
    pub fn play(&mut self) {
        self.reach(RtspState::Playing, Goal::Playing);
        let snapshot = Snapshot {
            frames_per_second: 20.0,
            bits_per_second: 3_125_000.0,
            loss_ratio: Some(0.0),
            ..Snapshot::default()
        };
        self.send(Message::News(News::Figures(Box::new(Figures { snapshot, ..Figures::default() }))));
        self.show_frame(73);
    }

    /// A minute and more of figures of a lossy session, as they come: four times a second.
    pub fn measure(&mut self) {
        for _ in 0..300 {
            let figures = self.next_figures();
            self.send(Message::News(News::Figures(Box::new(figures))));
        }
    }

    /// The same, while the network is set to something else every two seconds.
    pub fn measure_a_network_that_changes(&mut self) {
        for preset in PRESETS.iter().cycle().take(40) {
            self.send(Message::Network(ui::network::Message::Preset(preset)));
            for _ in 0..8 {
                let figures = self.next_figures();
                self.send(Message::News(News::Figures(Box::new(figures))));
            }
        }
    }

    /// The figures of the next quarter of a second.
    pub fn next_figures(&mut self) -> Figures {
        self.quarters += 1;
        let quarters = 1..=self.quarters;
        let is_busy = |quarter: &u64| (120..200).contains(quarter);
        let busy = quarters.clone().filter(is_busy).count() as u64;
        let lost = quarters.filter(|quarter| quarter % 4 == 3).count() as u64 + 9 * busy;
        let wave = (self.quarters as f64 / 17.0).sin();
        let snapshot = figures(self.quarters, 70 * self.quarters - 12 * busy, lost, wave);
        Figures { snapshot, rows: fates() }
    }

    /// Another film is opened.
    pub fn open_another(&mut self) {
        self.app.open(reelay::backend::FilmSource::Sample, false);
        let opened = std::iter::from_fn(|| self.command())
            .find_map(|command| match command {
                Command::Open { generation, .. } => Some(generation),
                _ => None,
            })
            .expect("it is opened");
        self.generation = opened;
        self.tell(EventKind::Opened(film(200)));
    }

    /// Something is said.
    pub fn say(&mut self, milliseconds: u64, speaker: Speaker, text: &str, state: RtspState) {
        let at = self.begin + Duration::from_millis(milliseconds);
        let octets = text.trim_start().replace('\n', "\r\n");
        self.tell_session(SessionEvent::Said(Said::new(at, speaker, octets.as_bytes(), state)));
    }

    /// From OPTIONS to TEARDOWN, with packets between.
    pub fn converse(&mut self) {
        use RtspState::{Init, Playing, Ready};
        use Speaker::{Player, Server};
        let url = "rtsp://127.0.0.1:8554/movie.Mjpeg";
        let ok = |cseq, rest: &str| format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nServer: Reelay/0.1.0\n{rest}\n");
        let ask = |method: &str, cseq, rest: &str| {
            format!("{method} {url} RTSP/1.0\nCSeq: {cseq}\nUser-Agent: Reelay/0.1.0\n{rest}\n")
        };
        self.say(0, Player, &ask("OPTIONS", 1, ""), Init);
        self.say(1, Server, &ok(1, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN\n"), Init);
        self.say(2, Player, &ask("DESCRIBE", 2, "Accept: application/sdp\n"), Init);
        self.say(4, Server, &ok(2, "Content-Type: application/sdp\n"), Init);
        self.say(5, Player, &ask("SETUP", 3, "Transport: RTP/AVP;unicast;client_port=25000-25001\n"), Init);
        self.say(7, Server, &ok(3, "Session: 8A51F27C;timeout=60\n"), Ready);
        self.tell_session(SessionEvent::SetUp(Lower::Udp));
        self.say(900, Player, &ask("PLAY", 4, "Session: 8A51F27C\nRange: npt=0-\n"), Ready);
        self.say(903, Server, &ok(4, "Session: 8A51F27C\nRange: npt=0-25\n"), Playing);
        let snapshot = Snapshot { packets_received: 1_234, packets_lost: 61, ..Snapshot::default() };
        self.send(Message::News(News::Figures(Box::new(Figures { snapshot, ..Figures::default() }))));
        self.say(5_400, Player, &ask("PAUSE", 5, "Session: 8A51F27C\n"), Playing);
        self.say(5_402, Server, &ok(5, "Session: 8A51F27C\n"), Ready);
        self.say(8_000, Player, &ask("PLAY", 6, "Session: 8A51F27C\n"), Ready);
        self.say(8_001, Server, "RTSP/1.0 454 Session Not Found\nCSeq: 6\n\n", Ready);
        self.say(9_000, Player, &ask("TEARDOWN", 7, "Session: 8A51F27C\n"), Ready);
        self.say(9_001, Server, &ok(7, ""), Init);
    }

    /// Shows a frame of the sample.
    pub fn show_frame(&mut self, number: u64) {
        let jpeg = sample_frame(number);
        let mut pixels = Vec::new();
        let (width, height) = decode::decode(&jpeg, &mut pixels).unwrap();
        self.app.show(Arc::new(Picture {
            pixels: Bytes::from(pixels),
            width,
            height,
            source_width: width,
            source_height: height,
            position: Some(FrameRate::CLASSROOM.npt_of(number)),
            generation: self.generation,
        }));
    }

    /// Gives the application a message; what it wants done outside is not done.
    pub fn send(&mut self, message: Message) {
        let _task = self.app.update(message);
    }

    /// Clicks on the words, and everything that follows from it.
    pub fn click(&mut self, words: &str) {
        self.act(|ui| {
            ui.click(words).unwrap_or_else(|error| panic!("{words}: {error}"));
        });
    }

    /// Does something with the window.
    pub fn act(&mut self, act: impl FnOnce(&mut Simulator<'_, Message>)) {
        let messages: Vec<_> = {
            let mut ui = Simulator::with_size(ui::settings(), USUAL, self.app.view());
            act(&mut ui);
            ui.into_messages().collect()
        };
        for message in messages {
            self.send(message);
        }
    }

    /// Whether the words stand there.
    pub fn shows(&self, words: &str) -> bool {
        Simulator::with_size(ui::settings(), USUAL, self.app.view()).find(words).is_ok()
    }

    /// How high the words are.
    pub fn height(&self, words: &str) -> f32 {
        Simulator::with_size(ui::settings(), USUAL, self.app.view()).find(words).unwrap().bounds().height
    }

    /// Whether these words stand in a window of this size, in full height.
    pub fn shows_at(&self, size: Size, words: &str) -> bool {
        let mut ui = Simulator::with_size(ui::settings(), size, self.app.view());
        let seen = ui.find(words).ok().and_then(|text| Some((text.bounds(), text.visible_bounds()?)));
        seen.is_some_and(|(whole, visible)| {
            visible.height >= whole.height && visible.y >= 0.0 && visible.y + visible.height <= size.height
        })
    }

    /// The next command that the window has sent.
    pub fn command(&mut self) -> Option<Command> {
        let command = self.commands.try_recv().ok();
        if let Some(Command::Session { command: SessionCommand::SetGoal(_), .. }) = command {
            self.wishes += 1;
        }
        command
    }

    /// What the next command wants, if it is a wish; `None` if there is none.
    pub fn wish(&mut self) -> Option<Goal> {
        match self.command() {
            Some(Command::Session { command: SessionCommand::SetGoal(goal), .. }) => Some(goal),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    /// Compares what is seen with the picture of this name.
    pub fn look(&self, name: &str, size: Size) {
        let mut ui = Simulator::with_size(ui::settings(), size, self.app.view());
        compare(&mut ui, &self.app.theme(), name);
    }
}

static SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");

fn sample_frame(number: u64) -> Bytes {
    let film = Film::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap();
    let mut progress = film.progress();
    let indexed = async { progress.wait_for(|progress| progress.frames > number).await.unwrap().frames };
    let frames = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(indexed);
    assert!(frames > number);
    film.read_frame(number).unwrap()
}

fn figures(quarter: u64, received: u64, lost: u64, wave: f64) -> Snapshot {
    let jitter = 0.8 + 0.4 * wave;
    Snapshot {
        playing_s: quarter as f64 / 4.0,
        packets_expected: received + lost,
        packets_received: received,
        packets_lost: lost,
        loss_ratio: Some(lost as f64 / (received + lost) as f64),
        cumulative_lost: lost as i64 - 3,
        loss_bursts: lost / 2,
        loss_burst_mean: Some(2.0),
        loss_burst_longest: 7,
        packets_duplicated: 3,
        packets_reordered: 12,
        reordered_farthest: 4,
        packets_late: 2,
        jitter_ms: Some(2.0 * jitter),
        jitter_mean_ms: Some(1.7),
        jitter_max_ms: Some(4.2),
        frame_jitter_ms: Some(jitter),
        frame_jitter_mean_ms: Some(0.8),
        frame_jitter_max_ms: Some(1.9),
        bits_per_second: 3.02e6 + 0.3e6 * wave,
        wire_bits_per_second: 3.11e6 + 0.3e6 * wave,
        payload_octets: received * 1_350,
        wire_octets: received * 1_390 + (wave * 9_000.0).abs() as u64,
        frames_complete: quarter * 5 - lost / 4,
        frames_incomplete: lost / 4,
        frames_dropped_late: 1,
        frames_shown: quarter * 5 - lost / 4,
        frames_per_second_sent: Some(20.0),
        frames_per_second: 19.0,
        frames_per_second_shown: 19.0,
        first_frame_ms: Some(8.4),
        playout_delay_ms: Some(48.6),
        network_delay_ms: Some(41.6 + wave),
        network_delay_mean_ms: Some(40.9),
        network_delay_max_ms: Some(55.3),
        buffered_ms: Some(42.0 + 8.0 * wave),
        end_to_end_ms: Some(91.3),
        end_to_end_mean_ms: Some(90.8),
        is_one_clock: true,
        round_trip_ms: Some(41.2),
        stalls: 2,
        stalled_ms: 612.0,
        longest_stall_ms: 390.0,
        decode_ms: Some(1.31),
        decode_max_ms: Some(4.7),
        emulated: Some(Emulated {
            offered: received + lost,
            delivered: received,
            lost_random: lost,
            duplicated: 3,
            seed: 7,
            ..Emulated::default()
        }),
        ..Snapshot::default()
    }
}

/// Thirty frames of fourteen packets, some of each fate.
fn fates() -> Arc<[Row]> {
    let fate = |number: usize| match number % 61 {
        7 | 8 => Fate::Lost,
        20 => Fate::Reordered,
        33 => Fate::Duplicated,
        47 => Fate::Late,
        _ => Fate::Received,
    };
    (0..30)
        .map(|row| Row { packets: (0..14 + row % 3).map(|cell| fate(row * 14 + cell)).collect() })
        .collect()
}

/// The sample film, as far as it has been read.
pub fn film(frames: u64) -> MediaInfo {
    MediaInfo {
        id: 1,
        name: "sample.mjpeg".to_owned(),
        layout: Layout::Classroom,
        dimensions: Dimensions { width: 640, height: 360 },
        rate: FrameRate::CLASSROOM,
        progress: Progress { frames, outcome: (frames == 200).then(Default::default), failed: false },
    }
}

/// A position in seconds.
pub fn seconds(seconds: u64) -> Npt {
    Npt::from_micros(seconds * 1_000_000)
}

/// More than this of a channel is a difference that an eye may see; decoders and text differ a little between machines.
const VISIBLE: u8 = 40;

/// This part of the pixels may be visibly different.
const TOLERATED: f64 = 0.000_5;

/// To be set, to anything, to take what is seen as what is to be seen from now on.
const UPDATE: &str = "REELAY_UPDATE_SNAPSHOTS";

fn compare(ui: &mut Simulator<'_, Message>, theme: &Theme, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshots");
    fs::create_dir_all(&folder).unwrap();
    let seen_path = folder.join(format!("{name}-tiny-skia.png"));
    // Where there is no picture, one is made.
    let _ = fs::remove_file(&seen_path);
    ui.snapshot(theme).unwrap().matches_image(folder.join(name)).unwrap();
    assert!(seen_path.exists(), "the window was not drawn by tiny-skia; is .cargo/config.toml in force?");

    let expected_path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.png"));
    if std::env::var_os(UPDATE).is_some() {
        halved(&seen_path).save(&expected_path).unwrap();
        return;
    }
    let seen = halved(&seen_path);
    let expected = image::open(&expected_path)
        .unwrap_or_else(|error| panic!("{}: {error}; run the test with {UPDATE}=1", expected_path.display()))
        .into_rgb8();
    assert_eq!(seen.dimensions(), expected.dimensions(), "{name}");
    let visible = seen
        .pixels()
        .zip(expected.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > VISIBLE))
        .count();
    let share = visible as f64 / f64::from(seen.width() * seen.height());
    assert!(
        share <= TOLERATED,
        "{name} differs in {visible} pixels; compare {} with {}",
        seen_path.display(),
        expected_path.display()
    );
}

/// Drawn at two pixels for each, kept at one.
fn halved(path: &Path) -> image::RgbImage {
    let image = image::open(path).unwrap();
    image.thumbnail_exact(image.width() / 2, image.height() / 2).into_rgb8()
}
