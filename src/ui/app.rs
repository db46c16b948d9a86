//! The application: messages in, parts told, parts put together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use iced::theme::Mode;
use iced::widget::{center, column, container, image, mouse_area, opaque, row, stack, text};
use iced::{Element, Fill, Size, Subscription, Task, Theme, clipboard, event, keyboard, system, window};

use super::choose::{self, Choice, Saving};
use super::connect;
use super::controls;
use super::feed::{Feed, News};
use super::focus;
use super::header;
use super::logbook::Logbook;
use super::messages;
use super::network;
use super::notice;
use super::panel::{self, Panel};
use super::playback::{Button, Playback, SignIn, Source};
use super::pointer;
use super::preferences;
use super::shortcuts::{self, Shortcut};
use super::sign_in;
use super::start;
use super::statistics;
use super::status_bar;
use super::summary;
use super::theme::{self, size, space};
use super::video::{self, Frame};
use crate::backend::{Command, EndSignal, EventKind, FilmSource, Handle};
use crate::media::FrameRate;
use crate::proto::rtsp::Npt;
use crate::session::{
    Decoder, Event as SessionEvent, Failure, Goal, MachineOptions, Picture, RtspState, SourceUrl,
};
use crate::settings::{Controls, Settings, ThemeChoice};
use crate::stats::Report;

/// Everything that can happen to the window.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    News(News),
    Header(header::Action),
    Start(start::Action),
    Controls(controls::Action),
    Connect(connect::Message),
    Preferences(preferences::Message),
    SignIn(sign_in::Message),
    Notice(notice::Action),
    Network(network::Message),
    Statistics(statistics::Action),
    Messages(messages::Message),
    Summary(summary::Message),
    Chosen(Choice),
    SavedFile(Saving),
    Shortcut(Shortcut),
    VideoArea(Size),
    VideoDoubleClicked,
    /// Over the film that takes the whole screen.
    PointerMoved,
    ScaleFactor(f32),
    SystemTheme(Mode),
    WindowOpened(window::Id),
    FileHovered,
    FileLeft,
    FileDropped(PathBuf),
    Saved(Result<(), String>),
    /// Time has passed that is shown.
    Tick(Instant),
    Interrupted,
}

/// What lies in front of the window.
#[derive(Debug)]
enum Dialog {
    Connect(connect::Form),
    Preferences(preferences::Form, ThemeBefore),
    SignIn(Box<SignIn>, sign_in::Form),
    Summary(Box<Report>, Option<summary::Kept>),
}

/// The theme when the dialog was opened: what is chosen there is seen at once, and can be taken back.
#[derive(Debug, Clone, Copy)]
struct ThemeBefore {
    for_this_time: Option<ThemeChoice>,
    remembered: ThemeChoice,
}

/// The application.
#[derive(Debug)]
pub struct App {
    playback: Playback,
    backend: Handle,
    settings: Settings,
    /// The theme that the command line asked for, which is not remembered.
    theme_override: Option<ThemeChoice>,
    system_theme: Mode,
    /// What is remembered, or what the command line asked for.
    rate: FrameRate,
    feed: Option<Feed>,
    decoder: Option<Arc<Decoder>>,
    frame: Option<Frame>,
    logbook: Logbook,
    /// What was typed last, for the next time.
    connect_form: connect::Form,
    dialog: Option<Dialog>,
    /// What stands at the right of the picture.
    panel: Option<Panel>,
    network: network::Panel,
    statistics: statistics::Panel,
    messages: messages::Panel,
    moving: Option<Npt>,
    /// When something happened last: what is seen is how it was then.
    now: Instant,
    video_area: Size,
    scale_factor: f32,
    window: Option<window::Id>,
    is_fullscreen: bool,
    /// When the pointer moved last over the film that takes the whole screen.
    pointer_moved: Option<Instant>,
    is_file_hovering: bool,
    logo: image::Handle,
}

/// How the application begins.
#[derive(Debug, Default)]
pub struct AppOptions {
    /// What was remembered.
    pub settings: Settings,
    /// A theme for this time.
    pub theme: Option<ThemeChoice>,
    /// Frames a second of films that state no rate, for this time.
    pub rate: Option<FrameRate>,
}

impl App {
    /// An application that shows the start screen.
    pub fn new(backend: Handle, options: AppOptions) -> Self {
        Self {
            playback: Playback::new(backend.clone()),
            backend,
            rate: options.rate.unwrap_or(options.settings.frame_rate),
            settings: options.settings,
            theme_override: options.theme,
            system_theme: Mode::None,
            feed: None,
            decoder: None,
            frame: None,
            logbook: Logbook::default(),
            connect_form: connect::Form::default(),
            dialog: None,
            panel: None,
            network: network::Panel::default(),
            statistics: statistics::Panel::default(),
            messages: messages::Panel::default(),
            moving: None,
            now: Instant::now(),
            video_area: Size::ZERO,
            scale_factor: 1.0,
            window: None,
            is_fullscreen: false,
            pointer_moved: None,
            is_file_hovering: false,
            logo: logo(),
        }
    }

    /// Listens to a backend, and tells its decoder how large the screen is.
    pub fn attach(&mut self, feed: Feed, decoder: Arc<Decoder>) {
        self.feed = Some(feed);
        self.decoder = Some(decoder);
    }

    /// Opens a film, as far as the buttons go by themselves.
    pub fn open(&mut self, source: FilmSource, play: bool) {
        let goal = self.first_goal(play);
        self.playback.open(source, goal);
    }

    /// Connects to a stream, as far as the buttons go by themselves.
    pub fn connect(&mut self, url: SourceUrl, options: MachineOptions, play: bool) {
        let goal = self.first_goal(play);
        self.frame = None;
        self.logbook.turn_over();
        self.playback.connect(url, options, goal);
    }

    /// With three buttons, opening sets up by itself; with four, nothing is sent unasked.
    fn first_goal(&self, play: bool) -> Goal {
        match (play, self.settings.controls) {
            (true, _) => Goal::Playing,
            (false, Controls::Three) => Goal::Ready,
            (false, Controls::Four) => Goal::Stopped,
        }
    }

    /// What is to be remembered.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The title of the window: film, state, program.
    pub fn title(&self) -> String {
        match self.playback.name() {
            Some(name) => format!("{name} – {} – Reelay", status_bar::state_name(self.playback.state())),
            None => "Reelay".to_owned(),
        }
    }

    /// Dark or light.
    pub fn theme(&self) -> Theme {
        match (self.theme_override.unwrap_or(self.settings.theme), self.system_theme) {
            (ThemeChoice::Light, _) | (ThemeChoice::System, Mode::Light) => theme::light(),
            (ThemeChoice::Dark, _) | (ThemeChoice::System, Mode::Dark | Mode::None) => theme::dark(),
        }
    }
}

/// What happens.
impl App {
    /// Takes a message.
    pub fn update(&mut self, message: Message) -> Task<Message> {
        self.now = if let Message::Tick(now) = message { now } else { Instant::now() };
        match message {
            Message::News(news) => return self.take_news(news),
            Message::Header(action) => return self.take_header(action),
            Message::Start(action) => return self.take_start(action),
            Message::Controls(action) => self.take_controls(action),
            Message::Connect(message) => return self.take_connect(message),
            Message::Preferences(message) => return self.take_preferences(message),
            Message::SignIn(message) => return self.take_sign_in(message),
            Message::Notice(action) => self.take_notice(action),
            Message::Statistics(statistics::Action::Summarize) => self.summarize(),
            Message::Messages(message) => return self.take_messages(message),
            Message::Summary(message) => return self.take_summary(message),
            Message::Network(message) => return self.take_network(message),
            Message::Chosen(choice) => self.take_choice(choice),
            Message::SavedFile(saving) => self.take_saving(saving),
            Message::Shortcut(shortcut) => return self.take_shortcut(shortcut),
            Message::VideoArea(area) => self.set_video_area(area, self.scale_factor),
            Message::VideoDoubleClicked => return self.toggle_fullscreen(),
            Message::PointerMoved => self.pointer_moved = Some(self.now),
            Message::ScaleFactor(scale_factor) => self.set_video_area(self.video_area, scale_factor),
            Message::SystemTheme(mode) => self.system_theme = mode,
            Message::WindowOpened(id) => {
                self.window = Some(id);
                return window::scale_factor(id).map(Message::ScaleFactor);
            }
            Message::FileHovered => self.is_file_hovering = true,
            Message::FileLeft => self.is_file_hovering = false,
            Message::FileDropped(path) => {
                self.is_file_hovering = false;
                self.close_dialog();
                self.open(FilmSource::File(path), false);
            }
            Message::Saved(Ok(())) | Message::Tick(_) => {}
            Message::Saved(Err(error)) => {
                self.playback.complain(format!("The settings cannot be remembered: {error}."));
            }
            Message::Interrupted => return iced::exit(),
        }
        Task::none()
    }

    fn take_news(&mut self, news: News) -> Task<Message> {
        match news {
            News::Event(mut event) => {
                self.blame_emulation(&mut event.kind);
                let before = self.playback.generation();
                if let (EventKind::Session(event), true) = (&event.kind, event.generation == before) {
                    self.logbook.take_event(event);
                }
                self.playback.take(event);
                if self.playback.generation() != before {
                    self.logbook.turn_over();
                    self.moving = None;
                }
                return self.ask_for_sign_in();
            }
            News::Figures(figures) => {
                self.logbook.take_figures(*figures, self.network.conditions());
                self.statistics.refresh();
            }
            News::PictureReady => {
                let picture = self.feed.as_ref().and_then(|feed| feed.pictures().take());
                if let Some(picture) = picture {
                    self.show(picture);
                }
            }
        }
        Task::none()
    }

    /// The session of a film does not see that the network in front of it is a bad one; there is no other.
    fn blame_emulation(&self, event: &mut EventKind) {
        if let EventKind::Session(SessionEvent::Failed(Failure::NoData { is_emulated, .. })) = event {
            *is_emulated |= self.playback.host().is_none() && self.network.conditions().is_on;
        }
    }

    fn ask_for_sign_in(&mut self) -> Task<Message> {
        let Some(wanted) = self.playback.take_sign_in() else { return Task::none() };
        let form = sign_in::Form::new(&wanted.url, wanted.was_refused);
        let field = form.first_field();
        self.dialog = Some(Dialog::SignIn(Box::new(wanted), form));
        focus::on_all(field)
    }

    fn take_sign_in(&mut self, message: sign_in::Message) -> Task<Message> {
        let Some(Dialog::SignIn(wanted, form)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            sign_in::Action::None => {}
            sign_in::Action::Focus(field) => return focus::on_all(field),
            sign_in::Action::Close => self.close_dialog(),
            sign_in::Action::SignIn { user, password } => {
                let SignIn { url, options, play, .. } = *wanted.clone();
                self.dialog = None;
                self.connect(url.with_credentials(&user, &password), options, play);
            }
        }
        Task::none()
    }

    /// Shows a picture, unless it belongs to something older.
    pub fn show(&mut self, picture: Arc<Picture>) {
        if picture.generation >= self.playback.generation() {
            self.playback.shown(picture.position);
            self.frame = Some(Frame::new(picture));
        }
    }

    fn take_header(&mut self, action: header::Action) -> Task<Message> {
        match action {
            header::Action::Open => choose::choose(self.window).map(Message::Chosen),
            header::Action::Connect => self.show_connect(),
            header::Action::SetControls(controls) => {
                self.settings.controls = controls;
                self.remember()
            }
            header::Action::Toggle(panel) => {
                self.panel = (self.panel != Some(panel)).then_some(panel);
                Task::none()
            }
            header::Action::Preferences => {
                let delay = self.settings.playout_delay();
                let theme = self.theme_override.unwrap_or(self.settings.theme);
                let before =
                    ThemeBefore { for_this_time: self.theme_override, remembered: self.settings.theme };
                let form = preferences::Form::new(theme, self.rate, delay);
                self.dialog = Some(Dialog::Preferences(form, before));
                focus::on_all(preferences::RATE_FIELD)
            }
        }
    }

    fn take_start(&mut self, action: start::Action) -> Task<Message> {
        match action {
            start::Action::Open => choose::choose(self.window).map(Message::Chosen),
            start::Action::Connect => self.show_connect(),
            start::Action::PlaySample => {
                self.open(FilmSource::Sample, true);
                Task::none()
            }
        }
    }

    fn take_notice(&mut self, action: notice::Action) {
        match action {
            notice::Action::Dismiss => self.playback.dismiss_notice(),
            notice::Action::Cancel => self.playback.give_up(),
            notice::Action::TryNow => self.playback.try_now(),
            notice::Action::Summarize => self.summarize(),
        }
    }

    fn summarize(&mut self) {
        let report = self.logbook.report(&self.playback, self.settings.playout_delay_ms);
        self.dialog = Some(Dialog::Summary(Box::new(report), None));
    }

    fn take_summary(&mut self, message: summary::Message) -> Task<Message> {
        let Some(Dialog::Summary(report, kept)) = &mut self.dialog else { return Task::none() };
        let (name, octets) = match message {
            summary::Message::Close => {
                self.dialog = None;
                return Task::none();
            }
            summary::Message::Copy => {
                *kept = Some(summary::Kept::Yes("The summary is on the clipboard.".to_owned()));
                return clipboard::write(report.text());
            }
            summary::Message::SaveCsv => {
                ("reelay session.csv", report.csv().map_err(|error| error.to_string()))
            }
            summary::Message::SaveJson => {
                ("reelay session.json", report.json().map_err(|error| error.to_string()))
            }
        };
        match octets {
            Ok(octets) => choose::save(self.window, name, octets).map(Message::SavedFile),
            Err(error) => {
                *kept = Some(summary::Kept::No(format!("The summary cannot be written: {error}.")));
                Task::none()
            }
        }
    }

    fn take_messages(&mut self, message: messages::Message) -> Task<Message> {
        match self.messages.update(message, self.logbook.conversation(), self.now) {
            messages::Action::None => Task::none(),
            messages::Action::Copy(text) => clipboard::write(text),
            messages::Action::Save(text) => {
                choose::save(self.window, "reelay messages.txt", text.into_bytes()).map(Message::SavedFile)
            }
            messages::Action::Clear => {
                self.logbook.clear_conversation();
                Task::none()
            }
        }
    }

    /// It is said where one looks: in the summary if that is in front.
    fn take_saving(&mut self, saving: Saving) {
        let told = match saving {
            Saving::Saved(path) => summary::Kept::Yes(format!("Saved as {}.", path.display())),
            Saving::Cancelled => return,
            Saving::Failed(sentence) => summary::Kept::No(sentence),
        };
        match (&mut self.dialog, told) {
            (Some(Dialog::Summary(_, kept)), told) => *kept = Some(told),
            (_, summary::Kept::Yes(sentence)) => self.playback.inform(sentence),
            (_, summary::Kept::No(sentence)) => self.playback.complain(sentence),
        }
    }

    fn show_connect(&mut self) -> Task<Message> {
        let mut form = self.connect_form.clone();
        form.open(self.settings.servers.clone());
        let field = form.first_field();
        self.dialog = Some(Dialog::Connect(form));
        focus::on_all(field.id())
    }

    fn take_controls(&mut self, action: controls::Action) {
        match action {
            controls::Action::Press(button) => self.playback.press(button, self.settings.controls),
            controls::Action::Moving(position) => {
                if self.playback.place().can_seek {
                    self.moving = Some(position);
                    if self.playback.goal() != Goal::Playing {
                        self.playback.preview(position);
                    }
                }
            }
            controls::Action::Moved => {
                if let Some(position) = self.moving.take() {
                    self.playback.seek(self.within_film(position));
                }
            }
        }
    }

    /// The end of the film is no frame any more.
    fn within_film(&self, position: Npt) -> Npt {
        let place = self.playback.place();
        match (self.playback.rate(), place.frames) {
            (Some(rate), Some(frames)) => position.min(rate.npt_of(frames.saturating_sub(1))),
            _ => position,
        }
    }

    fn take_connect(&mut self, message: connect::Message) -> Task<Message> {
        let Some(Dialog::Connect(form)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            connect::Action::None => Task::none(),
            connect::Action::Focus(field) => focus::at_end(field.id()),
            connect::Action::Close => {
                self.dialog = None;
                Task::none()
            }
            connect::Action::Open(path) => {
                self.connect_form = form.clone();
                self.dialog = None;
                self.open(FilmSource::File(path), false);
                Task::none()
            }
            connect::Action::Connect(url, options) => {
                self.connect_form = form.clone();
                self.dialog = None;
                self.settings.know_server(url.server(), url.dialect());
                self.connect(url, options, false);
                self.remember()
            }
        }
    }

    fn take_preferences(&mut self, message: preferences::Message) -> Task<Message> {
        let Some(Dialog::Preferences(form, _)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            preferences::Action::None => Task::none(),
            preferences::Action::Close => {
                self.close_dialog();
                Task::none()
            }
            preferences::Action::SetTheme(theme) => {
                self.theme_override = None;
                self.settings.theme = theme;
                Task::none()
            }
            preferences::Action::Apply { rate, delay } => {
                self.dialog = None;
                self.apply(rate, delay)
            }
        }
    }

    fn apply(&mut self, rate: FrameRate, delay: Duration) -> Task<Message> {
        if rate != self.rate {
            self.rate = rate;
            self.settings.frame_rate = rate;
            self.backend.send(Command::SetRate(rate));
            self.playback.reopen();
        }
        self.settings.playout_delay_ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
        self.backend.send(Command::SetPlayoutDelay(delay));
        self.remember()
    }

    fn remember(&self) -> Task<Message> {
        let settings = self.settings.clone();
        Task::future(async move {
            let saving =
                tokio::task::spawn_blocking(move || settings.save().map_err(|error| error.to_string()));
            Message::Saved(saving.await.unwrap_or_else(|error| Err(error.to_string())))
        })
    }

    fn take_choice(&mut self, choice: Choice) {
        match choice {
            Choice::File(path) => self.open(FilmSource::File(path), false),
            Choice::Cancelled => {}
            Choice::NoDialog => self.playback.complain(
                "The system has no file dialog; type the film's path into Connect…, drop the film on this window, \
                 or install xdg-desktop-portal or zenity.",
            ),
        }
    }

    fn take_network(&mut self, message: network::Message) -> Task<Message> {
        let is_typed = matches!(message, network::Message::Enter(_));
        if let Some(conditions) = self.network.update(message) {
            self.backend.send(Command::SetNetwork(conditions));
        }
        // Keys are for the film again.
        if is_typed { focus::leave() } else { Task::none() }
    }

    fn take_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        if self.dialog.is_some() {
            return self.take_shortcut_in_dialog(shortcut);
        }
        match shortcut {
            Shortcut::PlayOrPause if self.playback.has_nothing() => {
                return self.take_start(start::Action::PlaySample);
            }
            Shortcut::PlayOrPause => {
                let button = self.playback.next_step(self.settings.controls);
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Stop => {
                let button = match self.settings.controls {
                    Controls::Three => Button::Stop,
                    Controls::Four => Button::Teardown,
                };
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Open => return self.take_header(header::Action::Open),
            Shortcut::Connect => return self.show_connect(),
            Shortcut::Preferences => return self.take_header(header::Action::Preferences),
            // There is no room for it where the film takes the whole screen.
            Shortcut::Panel(panel) if !self.is_fullscreen => {
                return self.take_header(header::Action::Toggle(panel));
            }
            Shortcut::Panel(_) => {}
            Shortcut::Fullscreen => return self.toggle_fullscreen(),
            Shortcut::Escape => return self.escape(),
            Shortcut::Skip(seconds) => self.skip(seconds),
            Shortcut::Field(step) => return focus::step(step, focus::PANEL),
            Shortcut::EscapeFromField | Shortcut::Confirm => {}
        }
        Task::none()
    }

    fn take_shortcut_in_dialog(&mut self, shortcut: Shortcut) -> Task<Message> {
        match shortcut {
            Shortcut::Field(step) => return focus::step(step, focus::DIALOG),
            Shortcut::Escape | Shortcut::EscapeFromField => self.close_dialog(),
            Shortcut::Confirm => return self.confirm(),
            _ => {}
        }
        Task::none()
    }

    /// Enter, where no field has taken it.
    fn confirm(&mut self) -> Task<Message> {
        match self.dialog {
            Some(Dialog::Connect(_)) => self.take_connect(connect::Message::Submit),
            Some(Dialog::Preferences(..)) => self.take_preferences(preferences::Message::Submit),
            Some(Dialog::SignIn(..)) => self.take_sign_in(sign_in::Message::Submit),
            Some(Dialog::Summary(..)) => self.take_summary(summary::Message::Close),
            None => Task::none(),
        }
    }

    fn escape(&mut self) -> Task<Message> {
        if self.is_fullscreen {
            return self.toggle_fullscreen();
        }
        match self.playback.notice() {
            None if self.playback.is_away() => self.playback.give_up(),
            _ => self.playback.dismiss_notice(),
        }
        Task::none()
    }

    /// The user wants nothing of what the dialog offers.
    fn close_dialog(&mut self) {
        match self.dialog.take() {
            Some(Dialog::SignIn(wanted, _)) => self.playback.turn_away(format!(
                "{} wants a user name and a password; connect again to give them.",
                wanted.url.host()
            )),
            Some(Dialog::Preferences(_, before)) => {
                self.theme_override = before.for_this_time;
                self.settings.theme = before.remembered;
            }
            Some(Dialog::Connect(_) | Dialog::Summary(..)) | None => {}
        }
    }

    fn skip(&mut self, seconds: i8) {
        let place = self.playback.place();
        if let (Some(elapsed), true) = (place.elapsed, place.can_seek) {
            let step = u64::from(seconds.unsigned_abs()) * 1_000_000;
            let micros = elapsed.as_micros();
            let to = if seconds < 0 { micros.saturating_sub(step) } else { micros.saturating_add(step) };
            // There is nothing behind the end.
            if seconds > 0
                && self.playback.has_ended()
                && place.length.is_some_and(|end| to >= end.as_micros())
            {
                return;
            }
            self.playback.seek(self.within_film(Npt::from_micros(to)));
        }
    }

    fn toggle_fullscreen(&mut self) -> Task<Message> {
        let Some(id) = self.window.filter(|_| self.playback.source().is_some()) else { return Task::none() };
        self.is_fullscreen = !self.is_fullscreen;
        self.pointer_moved = None;
        let mode = if self.is_fullscreen { window::Mode::Fullscreen } else { window::Mode::Windowed };
        window::set_mode(id, mode)
    }

    fn set_video_area(&mut self, area: Size, scale_factor: f32) {
        self.video_area = area;
        self.scale_factor = scale_factor;
        if let Some(decoder) = &self.decoder {
            // Before the window has been laid out there is nothing to fit.
            let is_known = area.width >= 1.0 && area.height >= 1.0;
            decoder.set_area(is_known.then(|| video::physical(area, scale_factor)));
        }
    }

    /// What is listened to.
    pub fn subscription(&self) -> Subscription<Message> {
        let feed = self.feed.as_ref().map_or_else(Subscription::none, Feed::subscription);
        Subscription::batch([
            feed.map(Message::News),
            self.ticks(),
            event::listen_with(take_event),
            window::open_events().map(Message::WindowOpened),
            system::theme_changes().map(Message::SystemTheme),
            Subscription::run(|| {
                iced::stream::channel(1, async |mut messages| {
                    EndSignal::listen().arrives().await;
                    // The window may be gone already.
                    let _ = iced::futures::SinkExt::send(&mut messages, Message::Interrupted).await;
                })
            }),
        ])
    }

    /// Only while what is seen depends on the time.
    fn ticks(&self) -> Subscription<Message> {
        let is_of_time = self.playback.is_counting_down(self.now)
            || self.messages.has_just_copied(self.now)
            || self.shows_controls_over_the_film();
        match is_of_time {
            true => iced::time::every(TICK).map(Message::Tick),
            false => Subscription::none(),
        }
    }
}

/// For how long the controls stay in front of a film that takes the whole screen.
const HAND_AT_REST: Duration = Duration::from_secs(3);

/// How often what is seen keeps up with the time.
const TICK: Duration = Duration::from_millis(200);

/// Keys that nothing else wanted, and what is dragged over the window.
fn take_event(event: iced::Event, status: event::Status, _: window::Id) -> Option<Message> {
    match event {
        iced::Event::Keyboard(event) if status == event::Status::Ignored => {
            shortcuts::of(&event).map(Message::Shortcut)
        }
        iced::Event::Keyboard(event) => {
            is_escape(&event).then_some(Message::Shortcut(Shortcut::EscapeFromField))
        }
        iced::Event::Window(window::Event::FileHovered(_)) => Some(Message::FileHovered),
        iced::Event::Window(window::Event::FilesHoveredLeft) => Some(Message::FileLeft),
        iced::Event::Window(window::Event::FileDropped(path)) => Some(Message::FileDropped(path)),
        iced::Event::Window(window::Event::Rescaled(factor)) => Some(Message::ScaleFactor(factor)),
        _ => None,
    }
}

/// A field that is typed into takes Escape as a wish to be left; the dialog around it wants to hear it, too.
fn is_escape(event: &keyboard::Event) -> bool {
    matches!(
        event,
        keyboard::Event::KeyPressed { key: keyboard::Key::Named(keyboard::key::Named::Escape), .. }
    )
}

/// What is seen.
impl App {
    /// The window's content.
    pub fn view(&self) -> Element<'_, Message> {
        let content = match self.is_fullscreen {
            true => mouse_area(self.screen()).on_move(|_| Message::PointerMoved).into(),
            false => self.around_the_screen(),
        };
        match &self.dialog {
            None => pointer::where_it_was(content),
            Some(dialog) => pointer::where_it_was(stack![content, in_front(dialog)]),
        }
    }

    fn around_the_screen(&self) -> Element<'_, Message> {
        column![
            header::view(self.settings.controls, self.panel).map(Message::Header),
            row![self.screen()].extend(self.view_panel()).height(Fill),
            self.controls(),
            status_bar::view(
                &self.playback,
                self.frame.as_ref().map(Frame::picture),
                &self.logbook.figures().snapshot
            ),
        ]
        .into()
    }

    fn controls(&self) -> Element<'_, Message> {
        controls::view(&self.playback, self.settings.controls, self.moving).map(Message::Controls)
    }

    /// While the hand is at the mouse.
    fn shows_controls_over_the_film(&self) -> bool {
        let at_rest = self.pointer_moved.map(|moved| self.now.saturating_duration_since(moved));
        let is_at_mouse = self.moving.is_some() || at_rest.is_some_and(|rest| rest < HAND_AT_REST);
        self.is_fullscreen && is_at_mouse
    }

    /// The panel at the right of the picture, if one is open.
    pub fn view_panel(&self) -> Option<Element<'_, Message>> {
        self.panel.map(|panel| self.panel(panel))
    }

    fn panel(&self, panel: Panel) -> Element<'_, Message> {
        let (logbook, figures) = (&self.logbook, self.logbook.figures());
        let (head, content) = match panel {
            Panel::Network => {
                let content = self.network.view(self.playback.host(), figures.snapshot.emulated);
                (None, content.map(Message::Network))
            }
            Panel::Statistics => {
                let is_dark = theme::is_dark(&self.theme());
                let is_playing = self.playback.state() == RtspState::Playing;
                let content = self.statistics.view(figures, logbook.record(), is_playing, is_dark);
                let head = statistics::Panel::head(figures);
                (Some(head.map(Message::Statistics)), content.map(Message::Statistics))
            }
            Panel::Messages => {
                let head = self.messages.head(logbook.conversation(), self.now);
                let content = self.messages.view(logbook.conversation(), Instant::now());
                (Some(head.map(Message::Messages)), content.map(Message::Messages))
            }
        };
        panel::view(panel, head, content, Message::Header(header::Action::Toggle(panel)))
    }

    fn screen(&self) -> Element<'_, Message> {
        let words = notice::view(&self.playback, &self.logbook, self.hint(), self.now)
            .map(|words| words.map(Message::Notice));
        let main = match self.playback.source() {
            // Nothing that can be pressed may lie under the words.
            None => {
                let words = words.map(|words| container(words).style(theme::page));
                column![start::view(&self.logo).map(Message::Start)].extend(words.map(Element::from)).into()
            }
            Some(_) => self.picture(words),
        };
        match self.is_file_hovering {
            true => stack![main, drop_area()].into(),
            false => main,
        }
    }

    /// What to press where there is nothing to be seen yet.
    fn hint(&self) -> Option<&'static str> {
        let is_still = self.playback.state() != RtspState::Playing && !self.playback.is_busy();
        if self.frame.is_some() || !is_still {
            return None;
        }
        match (self.playback.source()?, self.playback.next_step(self.settings.controls)) {
            (_, Button::Setup) => Some("Press Setup to begin."),
            // A film's first picture is on its way.
            (Source::Stream(..), Button::Play) => Some("Press Play to begin."),
            _ => None,
        }
    }

    /// The picture, and what lies over its lower edge: words, and the controls if they have no place of their own.
    fn picture<'a>(&'a self, words: Option<Element<'a, Message>>) -> Element<'a, Message> {
        let picture = mouse_area(video::video(self.frame.as_ref(), self.scale_factor, Message::VideoArea))
            .on_double_click(Message::VideoDoubleClicked);
        let controls = self.shows_controls_over_the_film().then(|| opaque(self.controls()));
        let over: Vec<_> = words.into_iter().chain(controls).collect();
        match over.is_empty() {
            true => picture.into(),
            false => stack![picture, container(column(over)).align_bottom(Fill)].into(),
        }
    }
}

fn in_front(dialog: &Dialog) -> Element<'_, Message> {
    let content = match dialog {
        Dialog::Connect(form) => form.view().map(Message::Connect),
        Dialog::Preferences(form, _) => form.view().map(Message::Preferences),
        Dialog::SignIn(_, form) => form.view().map(Message::SignIn),
        Dialog::Summary(report, kept) => summary::view(report, kept.as_ref()).map(Message::Summary),
    };
    let (widest, tallest) = match dialog {
        Dialog::Summary(..) => (760.0, 640.0),
        _ => (520.0, f32::INFINITY),
    };
    let dialog = container(content)
        .id(focus::DIALOG)
        .max_width(widest)
        .max_height(tallest)
        .padding(space::HUGE - space::TIGHT)
        .style(theme::dialog);
    opaque(center(opaque(dialog)).padding(space::HUGE).style(theme::shade))
}

fn drop_area<'a>() -> Element<'a, Message> {
    let words =
        text("Drop the film to open it").size(size::LARGE).font(theme::STRONG).color(iced::Color::WHITE);
    container(center(words)).width(Fill).height(Fill).style(theme::drop_area).into()
}

/// The program's sign.
fn logo() -> image::Handle {
    let (width, height, pixels) = logo_pixels();
    image::Handle::from_rgba(width, height, pixels)
}

/// The pixels of the program's sign: width, height, RGBA. A single clear one should it be unreadable.
pub fn logo_pixels() -> (u32, u32, Vec<u8>) {
    let png = include_bytes!("../../assets/icon.png");
    match ::image::load_from_memory_with_format(png, ::image::ImageFormat::Png) {
        Ok(icon) => (icon.width(), icon.height(), icon.into_rgba8().into_raw()),
        Err(error) => {
            tracing::warn!(%error, "the icon cannot be read");
            (1, 1, vec![0; 4])
        }
    }
}
