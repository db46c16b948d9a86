//! The window without a screen: messages in, commands and pictures of it out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use iced::{Size, Theme};
use iced_test::Simulator;
use reelay::backend::{BackendEvent, BackendEventKind, BackendHandle, Command};
use reelay::impairment::{EmulatorStats, PRESETS};
use reelay::media::container::ContainerFormat;
use reelay::media::jpeg::Dimensions;
use reelay::media::{FrameRate, decode};
use reelay::media_file::{IndexProgress, MediaFile, MediaInfo};
use reelay::proto::rtsp::{LowerTransport, Npt, Response, RtspUrl, StatusCode as RtspStatus};
use reelay::session::{
    Direction, Goal, LoggedMessage as Said, Picture, Presentation, RtspOptions, RtspState, SessionCommand,
    SessionEvent, SessionStatus, SourceUrl,
};
use reelay::settings::{Controls, Settings, ThemePreference};
use reelay::stats::{Fate, Figures, PacketLogRow, Snapshot};
use reelay::ui::{self, App, AppOptions, BackendUpdate, Message};
use tokio::sync::mpsc::UnboundedReceiver;

/// The size at which the window opens.
pub const DEFAULT_SIZE: Size = Size::new(900.0, 640.0);

/// A larger one.
pub const LARGE_SIZE: Size = Size::new(1280.0, 800.0);

/// The smallest that it can be made.
pub const MIN_SIZE: Size = Size::new(640.0, 420.0);

/// An application whose backend is the test.
pub struct AppHarness {
    pub app: App,
    commands: UnboundedReceiver<Command>,
    /// What the window calls the film.
    generation: u64,
    /// Wishes that have come out.
    goal_revision: u64,
    /// When the test began.
    start_time: Instant,
    /// Quarters of a second that have been measured.
    updates: u64,
}

impl AppHarness {
    /// The start screen.
    pub fn new(controls: Controls, theme: ThemePreference) -> Self {
        Self::with_settings(Settings { controls, theme, ..Settings::default() })
    }

    /// The start screen, with what is remembered.
    pub fn with_settings(settings: Settings) -> Self {
        Self::with_options(AppOptions { settings, ..AppOptions::default() })
    }

    /// The start screen, started with these.
    pub fn with_options(options: AppOptions) -> Self {
        let (backend, commands) = BackendHandle::detached();
        let app = App::new(backend, options);
        Self { app, commands, generation: 0, goal_revision: 0, start_time: Instant::now(), updates: 0 }
    }

    /// With the sample film open, set up and showing its first frame.
    pub fn with_sample(controls: Controls, theme: ThemePreference) -> Self {
        let mut stage = Self::new(controls, theme);
        let goal = if controls == Controls::Three { Goal::Ready } else { Goal::Stopped };
        stage.app.open(reelay::backend::MediaSource::Sample, false);
        let Some(Command::Open { generation, goal: asked, .. }) = stage.next_command() else {
            panic!("nothing is opened")
        };
        assert_eq!(asked, goal, "three buttons set up by themselves, four do not");
        stage.generation = generation;
        stage.goal_revision = u64::from(goal != Goal::Stopped);
        stage.emit_event(BackendEventKind::Opened(media_info(200)));
        stage.show_frame(0);
        if controls == Controls::Three {
            stage.set_idle(RtspState::Ready, Goal::Ready);
        }
        stage
    }

    /// Connected to a camera, playing.
    pub fn with_stream(theme: ThemePreference) -> Self {
        Self::connected(theme, RtspUrl::parse("rtsp://camera.example:8554/live").unwrap())
    }

    /// The same, as this user.
    pub fn with_stream_as(user: &str, password: &str) -> Self {
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        Self::connected(ThemePreference::Dark, url.with_credentials(user, password))
    }

    /// Connecting to a camera, of which nothing has been heard yet.
    pub fn connecting() -> Self {
        Self::connecting_to(ThemePreference::Dark, RtspUrl::parse("rtsp://camera.example:8554/live").unwrap())
    }

    fn connected(theme: ThemePreference, url: RtspUrl) -> Self {
        let mut stage = Self::connecting_to(theme, url);
        stage.play();
        stage
    }

    fn connecting_to(theme: ThemePreference, url: RtspUrl) -> Self {
        let mut stage = Self::new(Controls::Three, theme);
        let url = SourceUrl::from(url);
        let options = RtspOptions::for_source(&url);
        stage.app.connect(url, options, true);
        let Some(Command::Connect { generation, .. }) = stage.next_command() else { panic!("not connected") };
        (stage.generation, stage.goal_revision) = (generation, 1);
        stage
    }

    /// Tells the window something about its film.
    pub fn emit_event(&mut self, kind: BackendEventKind) {
        self.send(self.event_message(kind));
    }

    /// What the window hears then.
    pub fn event_message(&self, kind: BackendEventKind) -> Message {
        Message::Backend(BackendUpdate::Event(BackendEvent { generation: self.generation, kind }))
    }

    /// The same of its session.
    pub fn emit_session_event(&mut self, event: SessionEvent) {
        self.emit_event(BackendEventKind::Session(event));
    }

    /// The stream is known: a film of this many seconds.
    pub fn describe(&mut self, seconds: u64) {
        let sdp = format!("v=0\na=range:npt=0-{seconds}\nm=video 0 RTP/AVP 26\na=framerate:20\n");
        let response = Response::new(RtspStatus::OK).with_body("application/sdp", sdp);
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        self.emit_session_event(SessionEvent::Described(Presentation::parse(&response, &url).unwrap()));
    }

    /// A reply has come, and nothing is under way.
    pub fn set_idle(&mut self, state: RtspState, goal: Goal) {
        self.emit_status(state, goal, false);
    }

    /// Something is under way.
    pub fn set_busy(&mut self, state: RtspState, goal: Goal) {
        self.emit_status(state, goal, true);
    }

    fn emit_status(&mut self, state: RtspState, goal: Goal, is_busy: bool) {
        let status =
            SessionStatus { state, goal, in_flight: None, is_busy, goal_revision: self.goal_revision };
        self.emit_session_event(SessionEvent::Status(status));
    }

    /// Playing, with figures.
    pub fn play(&mut self) {
        self.set_idle(RtspState::Playing, Goal::Playing);
        let snapshot = Snapshot {
            frames_per_second: 20.0,
            bits_per_second: 3_125_000.0,
            loss_ratio: Some(0.0),
            ..Snapshot::default()
        };
        self.send(Message::Backend(BackendUpdate::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
        self.show_frame(73);
    }

    /// A minute and more of figures of a lossy session, as they come: four times a second.
    pub fn emit_figures(&mut self) {
        for _ in 0..300 {
            let figures = self.next_figures();
            self.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
        }
    }

    /// The same, while the network is set to something else every two seconds.
    pub fn emit_figures_with_changing_network(&mut self) {
        for preset in PRESETS.iter().cycle().take(40) {
            self.send(Message::Network(ui::network::Message::Preset(preset)));
            for _ in 0..8 {
                let figures = self.next_figures();
                self.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
            }
        }
    }

    /// The figures of the next quarter of a second.
    pub fn next_figures(&mut self) -> Figures {
        self.updates += 1;
        let quarters = 1..=self.updates;
        let is_busy = |quarter: &u64| (120..200).contains(quarter);
        let busy = quarters.clone().filter(is_busy).count() as u64;
        let lost = quarters.filter(|quarter| quarter % 4 == 3).count() as u64 + 9 * busy;
        let wave = (self.updates as f64 / 17.0).sin();
        let snapshot = lossy_snapshot(self.updates, 70 * self.updates - 12 * busy, lost, wave);
        Figures { snapshot, packet_rows: packet_rows() }
    }

    /// Another film is opened.
    pub fn open_another_file(&mut self) {
        self.app.open(reelay::backend::MediaSource::Sample, false);
        let opened = std::iter::from_fn(|| self.next_command())
            .find_map(|command| match command {
                Command::Open { generation, .. } => Some(generation),
                _ => None,
            })
            .expect("it is opened");
        self.generation = opened;
        self.emit_event(BackendEventKind::Opened(media_info(200)));
    }

    /// Something is said.
    pub fn log_message(&mut self, milliseconds: u64, direction: Direction, text: &str, state: RtspState) {
        let at = self.start_time + Duration::from_millis(milliseconds);
        let bytes = text.trim_start().replace('\n', "\r\n");
        self.emit_session_event(SessionEvent::Message(Said::new(at, direction, bytes.as_bytes(), state)));
    }

    /// From OPTIONS to TEARDOWN, with packets between.
    pub fn log_whole_session(&mut self) {
        use Direction::{ClientToServer, ServerToClient};
        use RtspState::{Init, Playing, Ready};
        let url = "rtsp://127.0.0.1:8554/movie.Mjpeg";
        let ok = |cseq, rest: &str| format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nServer: Reelay/0.1.0\n{rest}\n");
        let ask = |method: &str, cseq, rest: &str| {
            format!("{method} {url} RTSP/1.0\nCSeq: {cseq}\nUser-Agent: Reelay/0.1.0\n{rest}\n")
        };
        self.log_message(0, ClientToServer, &ask("OPTIONS", 1, ""), Init);
        self.log_message(
            1,
            ServerToClient,
            &ok(1, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN\n"),
            Init,
        );
        self.log_message(2, ClientToServer, &ask("DESCRIBE", 2, "Accept: application/sdp\n"), Init);
        self.log_message(4, ServerToClient, &ok(2, "Content-Type: application/sdp\n"), Init);
        self.log_message(
            5,
            ClientToServer,
            &ask("SETUP", 3, "Transport: RTP/AVP;unicast;client_port=25000-25001\n"),
            Init,
        );
        self.log_message(7, ServerToClient, &ok(3, "Session: 8A51F27C;timeout=60\n"), Ready);
        self.emit_session_event(SessionEvent::SetUp(LowerTransport::Udp));
        self.log_message(900, ClientToServer, &ask("PLAY", 4, "Session: 8A51F27C\nRange: npt=0-\n"), Ready);
        self.log_message(903, ServerToClient, &ok(4, "Session: 8A51F27C\nRange: npt=0-25\n"), Playing);
        let snapshot = Snapshot { packets_received: 1_234, packets_lost: 61, ..Snapshot::default() };
        self.send(Message::Backend(BackendUpdate::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
        self.log_message(5_400, ClientToServer, &ask("PAUSE", 5, "Session: 8A51F27C\n"), Playing);
        self.log_message(5_402, ServerToClient, &ok(5, "Session: 8A51F27C\n"), Ready);
        self.log_message(8_000, ClientToServer, &ask("PLAY", 6, "Session: 8A51F27C\n"), Ready);
        self.log_message(8_001, ServerToClient, "RTSP/1.0 454 Session Not Found\nCSeq: 6\n\n", Ready);
        self.log_message(9_000, ClientToServer, &ask("TEARDOWN", 7, "Session: 8A51F27C\n"), Ready);
        self.log_message(9_001, ServerToClient, &ok(7, ""), Init);
    }

    /// Shows a frame of the sample.
    pub fn show_frame(&mut self, number: u64) {
        let jpeg = sample_frame(number);
        let mut pixels = Vec::new();
        let (width, height) = decode::decode(&jpeg, &mut pixels).unwrap();
        self.app.show_picture(Arc::new(Picture {
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
    pub fn click(&mut self, label: &str) {
        self.interact(|ui| {
            ui.click(label).unwrap_or_else(|error| panic!("{label}: {error}"));
        });
    }

    /// Does something with the window.
    pub fn interact(&mut self, act: impl FnOnce(&mut Simulator<'_, Message>)) {
        let messages: Vec<_> = {
            let mut ui = Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, self.app.view());
            act(&mut ui);
            ui.into_messages().collect()
        };
        for message in messages {
            self.send(message);
        }
    }

    /// Whether the words stand there.
    pub fn shows(&self, text: &str) -> bool {
        Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, self.app.view()).find(text).is_ok()
    }

    /// How high the words are.
    pub fn text_height(&self, text: &str) -> f32 {
        Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, self.app.view())
            .find(text)
            .unwrap()
            .bounds()
            .height
    }

    /// Whether these words stand in a window of this size, in full height.
    pub fn shows_at(&self, size: Size, label: &str) -> bool {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        let seen = ui.find(label).ok().and_then(|text| Some((text.bounds(), text.visible_bounds()?)));
        seen.is_some_and(|(whole, visible)| {
            visible.height >= whole.height && visible.y >= 0.0 && visible.y + visible.height <= size.height
        })
    }

    /// The next command that the window has sent.
    pub fn next_command(&mut self) -> Option<Command> {
        let command = self.commands.try_recv().ok();
        if let Some(Command::Session { command: SessionCommand::SetGoal(_), .. }) = command {
            self.goal_revision += 1;
        }
        command
    }

    /// What the next command wants, if it is a wish; `None` if there is none.
    pub fn next_goal(&mut self) -> Option<Goal> {
        match self.next_command() {
            Some(Command::Session { command: SessionCommand::SetGoal(goal), .. }) => Some(goal),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    /// Compares what is seen with the picture of this name.
    pub fn assert_snapshot(&self, name: &str, size: Size) {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        compare_snapshot(&mut ui, &self.app.theme(), name);
    }
}

static SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");

fn sample_frame(number: u64) -> Bytes {
    let film = MediaFile::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap();
    let mut progress = film.progress();
    let indexed = async { progress.wait_for(|progress| progress.frames > number).await.unwrap().frames };
    let frames = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(indexed);
    assert!(frames > number);
    film.read_frame(number).unwrap()
}

fn lossy_snapshot(update: u64, received: u64, lost: u64, wave: f64) -> Snapshot {
    let jitter = 0.8 + 0.4 * wave;
    Snapshot {
        playing_s: update as f64 / 4.0,
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
        frames_complete: update * 5 - lost / 4,
        frames_incomplete: lost / 4,
        frames_dropped_late: 1,
        frames_shown: update * 5 - lost / 4,
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
        emulated: Some(EmulatorStats {
            offered: received + lost,
            delivered: received,
            lost_random: lost,
            duplicated: 3,
            seed: 7,
            ..EmulatorStats::default()
        }),
        ..Snapshot::default()
    }
}

/// Thirty frames of fourteen packets, some of each fate.
fn packet_rows() -> Arc<[PacketLogRow]> {
    let fate = |number: usize| match number % 61 {
        7 | 8 => Fate::Lost,
        20 => Fate::Reordered,
        33 => Fate::Duplicated,
        47 => Fate::Late,
        _ => Fate::Received,
    };
    (0..30)
        .map(|row| PacketLogRow { packets: (0..14 + row % 3).map(|cell| fate(row * 14 + cell)).collect() })
        .collect()
}

/// The sample film, as far as it has been read.
pub fn media_info(frames: u64) -> MediaInfo {
    MediaInfo {
        id: 1,
        name: "sample.mjpeg".to_owned(),
        layout: ContainerFormat::Classroom,
        dimensions: Dimensions { width: 640, height: 360 },
        rate: FrameRate::CLASSROOM,
        progress: IndexProgress {
            frames,
            defects: (frames == 200).then(Default::default),
            has_failed: false,
        },
    }
}

/// A position in seconds.
pub fn npt_seconds(seconds: u64) -> Npt {
    Npt::from_micros(seconds * 1_000_000)
}

/// More than this of a channel is a difference that an eye may see; decoders and text differ a little between machines.
const MAX_CHANNEL_DIFFERENCE: u8 = 40;

/// This part of the pixels may be visibly different.
const MAX_DIFFERENT_RATIO: f64 = 0.000_5;

/// To be set, to anything, to take what is seen as what is to be seen from now on.
const UPDATE_VARIABLE: &str = "REELAY_UPDATE_SNAPSHOTS";

fn compare_snapshot(ui: &mut Simulator<'_, Message>, theme: &Theme, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshots");
    fs::create_dir_all(&folder).unwrap();
    let seen_path = folder.join(format!("{name}-tiny-skia.png"));
    // Where there is no picture, one is made.
    let _ = fs::remove_file(&seen_path);
    ui.snapshot(theme).unwrap().matches_image(folder.join(name)).unwrap();
    assert!(seen_path.exists(), "the window was not drawn by tiny-skia; is .cargo/config.toml in force?");

    let expected_path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.png"));
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        load_half_size(&seen_path).save(&expected_path).unwrap();
        return;
    }
    let seen = load_half_size(&seen_path);
    let expected = image::open(&expected_path)
        .unwrap_or_else(|error| {
            panic!("{}: {error}; run the test with {UPDATE_VARIABLE}=1", expected_path.display())
        })
        .into_rgb8();
    assert_eq!(seen.dimensions(), expected.dimensions(), "{name}");
    let visible = seen
        .pixels()
        .zip(expected.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > MAX_CHANNEL_DIFFERENCE))
        .count();
    let share = visible as f64 / f64::from(seen.width() * seen.height());
    assert!(
        share <= MAX_DIFFERENT_RATIO,
        "{name} differs in {visible} pixels; compare {} with {}",
        seen_path.display(),
        expected_path.display()
    );
}

/// Drawn at two pixels for each, kept at one.
fn load_half_size(path: &Path) -> image::RgbImage {
    let image = image::open(path).unwrap();
    image.thumbnail_exact(image.width() / 2, image.height() / 2).into_rgb8()
}
