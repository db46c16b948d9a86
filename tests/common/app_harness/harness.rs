//! The application, its constructors, and the actions of a user in the window.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use iced::keyboard::Key;
use iced::keyboard::key::Named;
use iced::{Size, Theme};
use iced_test::Simulator;
use iced_test::selector::Candidate;
use reelay::backend::{BackendEventKind, BackendHandle, BackendOutputs, Command, MediaSource};
use reelay::proto::http::HttpUrl;
use reelay::proto::rtsp::{LowerTransport, RtspUrl};
use reelay::session::{
    Decoder, Goal, Presentation, RtspState, SessionCommand, SessionEvent, SourceUrl, StreamOptions,
};
use reelay::settings::{Controls, Settings, ThemePreference};
use reelay::stats::Figures;
use reelay::ui::{self, App, AppOptions, BackendSubscription, Message, Renderer};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;

use super::sample_data::media_info;
use super::snapshot::compare_snapshot;

/// Initial size of the window.
pub const DEFAULT_SIZE: Size = Size::new(900.0, 640.0);

/// A larger size of the window.
pub const LARGE_SIZE: Size = Size::new(1280.0, 800.0);

/// Minimum size of the window.
pub const MIN_SIZE: Size = Size::new(640.0, 420.0);

/// Maximum rounding error of a length, in logical pixels.
const ROUNDING_ERROR: f32 = 0.01;

/// The application, with the test in place of the backend.
pub struct AppHarness {
    pub app: App,
    commands: UnboundedReceiver<Command>,
    /// Generation that the window has given to the open file or stream.
    pub(super) generation: u64,
    /// Number of goals that the window has sent.
    pub(super) goal_revision: u64,
    /// Start of the test, to which the times of logged messages are relative.
    pub(super) start_time: Instant,
    /// Number of figures sent so far, one for each quarter of a second.
    pub(super) updates: u64,
}

impl AppHarness {
    /// Returns an application at the start screen.
    pub fn new(controls: Controls, theme: ThemePreference) -> Self {
        Self::with_settings(Settings { controls, theme, ..Settings::default() })
    }

    /// Returns an application at the start screen, with these settings.
    pub fn with_settings(settings: Settings) -> Self {
        Self::with_options(AppOptions { settings, ..AppOptions::default() })
    }

    /// Returns an application at the start screen, with these options.
    pub fn with_options(options: AppOptions) -> Self {
        let (backend, commands) = BackendHandle::detached();
        let app = App::new(backend, options);
        Self { app, commands, generation: 0, goal_revision: 0, start_time: Instant::now(), updates: 0 }
    }

    /// Returns an application with the sample film open and its first frame shown; with three buttons it is also set
    /// up.
    pub fn with_sample(controls: Controls, theme: ThemePreference) -> Self {
        let mut harness = Self::new(controls, theme);
        let expected_goal = if controls == Controls::Three { Goal::Ready } else { Goal::Stopped };
        harness.app.open(MediaSource::Sample, false);
        let Some(Command::Open { generation, goal, .. }) = harness.next_command() else {
            panic!("no file is opened")
        };
        assert_eq!(goal, expected_goal, "SETUP is automatic with three buttons and manual with four");
        harness.generation = generation;
        harness.goal_revision = u64::from(goal != Goal::Stopped);
        harness.emit_event(BackendEventKind::Opened(media_info(200)));
        harness.show_frame(0);
        if controls == Controls::Three {
            harness.set_idle(RtspState::Ready, Goal::Ready);
        }
        harness
    }

    /// Returns an application that plays a stream from a camera.
    pub fn with_stream(theme: ThemePreference) -> Self {
        Self::connected(theme, RtspUrl::parse("rtsp://camera.example:8554/live").unwrap())
    }

    /// Returns an application that plays a stream from a camera, with this user name and password.
    pub fn with_stream_as(user: &str, password: &str) -> Self {
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        Self::connected(ThemePreference::Dark, url.with_credentials(user, password))
    }

    /// Returns an application that connects to a camera and has no event from the session yet.
    pub fn connecting() -> Self {
        Self::connecting_to(ThemePreference::Dark, RtspUrl::parse("rtsp://camera.example:8554/live").unwrap())
    }

    fn connected(theme: ThemePreference, url: RtspUrl) -> Self {
        let mut harness = Self::connecting_to(theme, url);
        harness.play();
        harness
    }

    /// Returns an application that has played a camera over HTTP for 83 seconds.
    pub fn with_http_camera(controls: Controls, theme: ThemePreference) -> Self {
        let url = HttpUrl::parse("http://ann:secret@camera.example/video.cgi?fps=20").unwrap();
        let mut harness = Self::connecting_with(controls, theme, url);
        let presentation = Presentation::live("video.cgi".to_owned(), Some("camera 1.0"));
        harness.emit_session_event(SessionEvent::Described(presentation));
        harness.emit_session_event(SessionEvent::SetUp(LowerTransport::Tcp));
        harness.play_over_http();
        harness
    }

    fn connecting_to(theme: ThemePreference, url: RtspUrl) -> Self {
        Self::connecting_with(Controls::Three, theme, url)
    }

    fn connecting_with(controls: Controls, theme: ThemePreference, url: impl Into<SourceUrl>) -> Self {
        let mut harness = Self::new(controls, theme);
        let url = url.into();
        let options = StreamOptions::for_source(&url);
        harness.app.connect(url, options, true);
        // The settings, which remember the stream, are not saved in tests.
        harness.send(Message::Tick(Instant::now()));
        let Some(Command::Connect { generation, .. }) = harness.next_command() else {
            panic!("not connected")
        };
        (harness.generation, harness.goal_revision) = (generation, 1);
        harness
    }

    /// Lets the window tell this decoder how to draw.
    pub fn attach_decoder(&mut self, decoder: Arc<Decoder>) {
        let outputs = BackendOutputs {
            events: mpsc::channel(1).1,
            figures: watch::channel(Figures::default()).1,
            pictures: decoder.slot(),
            decoder: decoder.clone(),
        };
        self.app.attach(BackendSubscription::new(outputs), decoder);
    }

    /// Sends a message to the application; the task that it returns is not run.
    pub fn send(&mut self, message: Message) {
        let _task = self.app.update(message);
    }

    /// Clicks on this text and handles the resulting messages.
    pub fn click(&mut self, label: &str) {
        self.interact(|ui| {
            ui.click(label).unwrap_or_else(|error| panic!("{label}: {error}"));
        });
    }

    /// Runs an interaction with the window and handles the resulting messages.
    pub fn interact(&mut self, act: impl FnOnce(&mut Simulator<'_, Message, Theme, Renderer>)) {
        self.interact_at(DEFAULT_SIZE, act);
    }

    /// Runs an interaction with a window of this size and handles the resulting messages.
    pub fn interact_at(
        &mut self,
        size: Size,
        act: impl FnOnce(&mut Simulator<'_, Message, Theme, Renderer>),
    ) {
        let messages: Vec<_> = {
            let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
            act(&mut ui);
            ui.into_messages().collect()
        };
        for message in messages {
            self.send(message);
        }
    }

    /// Returns true if the window contains this text.
    pub fn shows(&self, text: &str) -> bool {
        Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, self.app.view()).find(text).is_ok()
    }

    /// Returns the height of this text in logical pixels.
    pub fn text_height(&self, text: &str) -> f32 {
        self.text_height_at(DEFAULT_SIZE, text)
    }

    /// Returns the height of this text in a window of this size, in logical pixels.
    pub fn text_height_at(&self, size: Size, text: &str) -> f32 {
        Simulator::with_size(ui::iced_settings(), size, self.app.view()).find(text).unwrap().bounds().height
    }

    /// Returns true if a window of this size shows this text at its full height.
    pub fn shows_at(&self, size: Size, label: &str) -> bool {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        let found = ui.find(label).ok().and_then(|text| Some((text.bounds(), text.visible_bounds()?)));
        found.is_some_and(|(bounds, visible)| {
            let is_complete = visible.height >= bounds.height - ROUNDING_ERROR;
            is_complete && visible.y >= 0.0 && visible.y + visible.height <= size.height
        })
    }

    /// Returns true if there is a widget with this id in a window of this size.
    pub fn has_id_at(&self, size: Size, id: &'static str) -> bool {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        ui.find(iced_test::selector::id(iced::widget::Id::new(id))).is_ok()
    }

    /// Returns how many texts of a window of this size match, whether they are scrolled out of view or not.
    pub fn count_texts(&self, size: Size, matches: impl Fn(&str) -> bool + Sync) -> usize {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        let count = AtomicUsize::new(0);
        // A selector that selects nothing sees every widget.
        let _ = ui.find(|candidate: Candidate<'_>| -> Option<()> {
            if let Candidate::Text { content, .. } = candidate {
                count.fetch_add(usize::from(matches(content)), Ordering::Relaxed);
            }
            None
        });
        count.into_inner()
    }

    /// Returns the next command from the window; `None` if there is none.
    pub fn next_command(&mut self) -> Option<Command> {
        let command = self.commands.try_recv().ok();
        if let Some(Command::Session { command: SessionCommand::SetGoal(_), .. }) = command {
            self.goal_revision += 1;
        }
        command
    }

    /// Returns the goal in the next command; `None` if there is no command.
    ///
    /// # Panics
    /// Panics if the next command does not set a goal.
    pub fn next_goal(&mut self) -> Option<Goal> {
        match self.next_command() {
            Some(Command::Session { command: SessionCommand::SetGoal(goal), .. }) => Some(goal),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    /// Compares a screenshot of this size, after Tab was pressed this many times, with an image.
    pub fn assert_snapshot_with_focus(&self, name: &str, size: Size, tabs: usize) {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        for _ in 0..tabs {
            ui.tap_key(Key::Named(Named::Tab));
        }
        compare_snapshot(&mut ui, &self.app.theme(), name);
    }

    /// Compares a screenshot of this size with the image `tests/snapshots/<name>.png`.
    pub fn assert_snapshot(&self, name: &str, size: Size) {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, self.app.view());
        compare_snapshot(&mut ui, &self.app.theme(), name);
    }
}
