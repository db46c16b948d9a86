//! The window without a screen: messages in, commands and pictures of it out.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use iced::{Size, Theme};
use iced_test::Simulator;
use reelay::backend::{Command, Event, EventKind, FilmInfo, Handle};
use reelay::media::FrameRate;
use reelay::media::container::Layout;
use reelay::media::decode;
use reelay::media::jpeg::Dimensions;
use reelay::proto::rtsp::{Npt, RtspUrl};
use reelay::server_embed::{Film, Progress};
use reelay::session::{Event as SessionEvent, Goal, MachineOptions, Picture, RtspState, Status};
use reelay::settings::{Controls, Settings, ThemeChoice};
use reelay::stats::{Figures, Snapshot};
use reelay::ui::{self, App, AppOptions, Message, News};
use tokio::sync::mpsc::Receiver;

/// The size at which the window opens.
pub const USUAL: Size = Size::new(900.0, 640.0);

/// A larger one.
pub const LARGE: Size = Size::new(1280.0, 800.0);

/// The smallest that it can be made.
pub const SMALLEST: Size = Size::new(640.0, 420.0);

/// An application whose backend is the test.
pub struct Stage {
    pub app: App,
    commands: Receiver<Command>,
    /// What the window calls the film.
    generation: u64,
    /// Wishes that have come out.
    wishes: u64,
}

impl Stage {
    /// The start screen.
    pub fn new(controls: Controls, theme: ThemeChoice) -> Self {
        Self::remembering(Settings { controls, theme, ..Settings::default() })
    }

    /// The start screen, with what is remembered.
    pub fn remembering(settings: Settings) -> Self {
        let (backend, commands) = Handle::detached();
        let app = App::new(backend, AppOptions { settings, ..AppOptions::default() });
        Self { app, commands, generation: 0, wishes: 0 }
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
        let mut stage = Self::new(Controls::Three, theme);
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        stage.app.connect(url, MachineOptions::for_streams(), true);
        let Some(Command::Connect { generation, .. }) = stage.command() else { panic!("not connected") };
        (stage.generation, stage.wishes) = (generation, 1);
        stage.play();
        stage
    }

    /// Tells the window something about its film.
    pub fn tell(&mut self, kind: EventKind) {
        let event = Event { generation: self.generation, kind };
        self.send(Message::News(News::Event(event)));
    }

    /// The same of its session.
    pub fn tell_session(&mut self, event: SessionEvent) {
        self.tell(EventKind::Session(event));
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
        self.send(Message::News(News::Figures(Figures { snapshot, ..Figures::default() })));
        self.show_frame(73);
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

    /// The next command that the window has sent.
    pub fn command(&mut self) -> Option<Command> {
        let command = self.commands.try_recv().ok();
        if let Some(Command::SetGoal(_)) = command {
            self.wishes += 1;
        }
        command
    }

    /// What the next command wants, if it is a wish; `None` if there is none.
    pub fn wish(&mut self) -> Option<Goal> {
        match self.command() {
            Some(Command::SetGoal(goal)) => Some(goal),
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

/// The sample film, as far as it has been read.
pub fn film(frames: u64) -> FilmInfo {
    FilmInfo {
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
