//! The application: messages in, parts told, parts put together.

pub mod backend_events;
pub mod banner;
pub mod controls;
pub mod header;
pub mod playback;
pub mod session_record;
pub mod shortcuts;
pub mod start_screen;
pub mod status_bar;
pub mod text_format;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use iced::theme::Mode;
use iced::widget::{center, column, container, image, mouse_area, opaque, row, stack, text};
use iced::{Element, Fill, Size, Subscription, Task, Theme, clipboard, event, keyboard, system, window};

use self::backend_events::{BackendSubscription, BackendUpdate};
use self::playback::{Button, Playback, SignInRequest, Source};
use self::session_record::SessionRecord;
use self::shortcuts::Shortcut;
use super::dialog::file_dialog::{self, PickResult, SaveResult};
use super::dialog::{connect, preferences, sign_in, summary};
use super::panel::{self, PanelKind, messages, network, statistics};
use super::theme::{self, size, space};
use super::widget::video::{self, PictureHandle};
use super::widget::{click_position, focus};
use crate::backend::{BackendEventKind, BackendHandle, Command, MediaSource, ShutdownSignal};
use crate::media::FrameRate;
use crate::proto::rtsp::Npt;
use crate::session::{Decoder, Goal, Picture, RtspOptions, RtspState, SessionError, SessionEvent, SourceUrl};
use crate::settings::{Controls, Settings, SettingsProblem, ThemePreference};
use crate::stats::SessionReport;

/// Everything that can happen to the window.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Backend(BackendUpdate),
    Header(header::Action),
    Start(start_screen::Action),
    Controls(controls::Action),
    Connect(connect::Message),
    Preferences(preferences::Message),
    SignIn(sign_in::Message),
    Banner(banner::Action),
    Network(network::Message),
    Statistics(statistics::Action),
    Messages(messages::Message),
    Summary(summary::Message),
    FilePicked(PickResult),
    FileSaved(SaveResult),
    Shortcut(Shortcut),
    VideoResized(Size),
    VideoDoubleClicked,
    /// Over the film that takes the whole screen.
    PointerMoved,
    ScaleFactor(f32),
    SystemTheme(Mode),
    WindowOpened(window::Id),
    FileHovered,
    FileHoverLeft,
    FileDropped(PathBuf),
    SettingsSaved(Result<(), String>),
    /// Time has passed that is shown.
    Tick(Instant),
    ShutdownRequested,
}

/// What lies in front of the window.
#[derive(Debug)]
enum Dialog {
    Connect(connect::Form),
    Preferences(preferences::Form, PreviousTheme),
    SignIn(Box<SignInRequest>, sign_in::Form),
    Summary(Box<SessionReport>, Option<summary::ExportStatus>),
}

/// The theme when the dialog was opened: what is chosen there is seen at once, and can be taken back.
#[derive(Debug, Clone, Copy)]
struct PreviousTheme {
    theme_override: Option<ThemePreference>,
    saved: ThemePreference,
}

/// The application.
#[derive(Debug)]
pub struct App {
    playback: Playback,
    backend: BackendHandle,
    settings: Settings,
    /// The theme that the command line asked for, which is not remembered.
    theme_override: Option<ThemePreference>,
    system_theme: Mode,
    /// What is remembered, or what the command line asked for.
    frame_rate: FrameRate,
    backend_subscription: Option<BackendSubscription>,
    decoder: Option<Arc<Decoder>>,
    picture: Option<PictureHandle>,
    session_record: SessionRecord,
    /// What was typed last, for the next time.
    connect_form: connect::Form,
    dialog: Option<Dialog>,
    /// What stands at the right of the picture.
    panel: Option<PanelKind>,
    network: network::Panel,
    statistics: statistics::Panel,
    messages: messages::Panel,
    drag_position: Option<Npt>,
    /// When something happened last: what is seen is how it was then.
    now: Instant,
    video_area: Size,
    scale_factor: f32,
    window: Option<window::Id>,
    is_fullscreen: bool,
    /// When the pointer moved last over the film that takes the whole screen.
    pointer_moved_at: Option<Instant>,
    is_file_hovering: bool,
    logo: image::Handle,
}

/// How the application begins.
#[derive(Debug, Default)]
pub struct AppOptions {
    /// What was remembered.
    pub settings: Settings,
    /// A theme for this time.
    pub theme: Option<ThemePreference>,
    /// Frames a second of films that state no rate, for this time.
    pub frame_rate: Option<FrameRate>,
}

impl App {
    /// An application that shows the start screen.
    pub fn new(backend: BackendHandle, options: AppOptions) -> Self {
        Self {
            playback: Playback::new(backend.clone()),
            backend,
            frame_rate: options.frame_rate.unwrap_or(options.settings.frame_rate),
            settings: options.settings,
            theme_override: options.theme,
            system_theme: Mode::None,
            backend_subscription: None,
            decoder: None,
            picture: None,
            session_record: SessionRecord::default(),
            connect_form: connect::Form::default(),
            dialog: None,
            panel: None,
            network: network::Panel::default(),
            statistics: statistics::Panel::default(),
            messages: messages::Panel::default(),
            drag_position: None,
            now: Instant::now(),
            video_area: Size::ZERO,
            scale_factor: 1.0,
            window: None,
            is_fullscreen: false,
            pointer_moved_at: None,
            is_file_hovering: false,
            logo: logo(),
        }
    }

    /// Listens to a backend, and tells its decoder how large the screen is.
    pub fn attach(&mut self, backend_subscription: BackendSubscription, decoder: Arc<Decoder>) {
        self.backend_subscription = Some(backend_subscription);
        self.decoder = Some(decoder);
    }

    /// Opens a film, as far as the buttons go by themselves.
    pub fn open(&mut self, source: MediaSource, play: bool) {
        let goal = self.initial_goal(play);
        self.playback.open(source, goal);
    }

    /// Connects to a stream, as far as the buttons go by themselves.
    pub fn connect(&mut self, url: SourceUrl, options: RtspOptions, play: bool) {
        let goal = self.initial_goal(play);
        self.picture = None;
        self.session_record.reset();
        self.playback.connect(url, options, goal);
    }

    /// With three buttons, opening sets up by itself; with four, nothing is sent unasked.
    fn initial_goal(&self, play: bool) -> Goal {
        match (play, self.settings.controls) {
            (true, _) => Goal::Playing,
            (false, Controls::Three) => Goal::Ready,
            (false, Controls::Four) => Goal::Stopped,
        }
    }

    /// Shows that the settings file has a problem, until it is dismissed or replaced by a later message.
    pub fn show_settings_problem(&mut self, problem: &SettingsProblem) {
        self.playback.show_error_while_opening(problem.to_string());
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
            (ThemePreference::Light, _) | (ThemePreference::System, Mode::Light) => theme::light(),
            (ThemePreference::Dark, _) | (ThemePreference::System, Mode::Dark | Mode::None) => theme::dark(),
        }
    }
}

/// What happens.
impl App {
    /// Takes a message.
    pub fn update(&mut self, message: Message) -> Task<Message> {
        self.now = if let Message::Tick(now) = message { now } else { Instant::now() };
        match message {
            Message::Backend(news) => return self.handle_backend_update(news),
            Message::Header(action) => return self.handle_header(action),
            Message::Start(action) => return self.handle_start(action),
            Message::Controls(action) => self.handle_controls(action),
            Message::Connect(message) => return self.handle_connect(message),
            Message::Preferences(message) => return self.handle_preferences(message),
            Message::SignIn(message) => return self.handle_sign_in(message),
            Message::Banner(action) => self.handle_banner(action),
            Message::Statistics(statistics::Action::ShowSummary) => self.show_summary(),
            Message::Messages(message) => return self.handle_messages(message),
            Message::Summary(message) => return self.handle_summary(message),
            Message::Network(message) => return self.handle_network(message),
            Message::FilePicked(choice) => self.handle_file_picked(choice),
            Message::FileSaved(saving) => self.handle_file_saved(saving),
            Message::Shortcut(shortcut) => return self.handle_shortcut(shortcut),
            Message::VideoResized(area) => self.set_video_area(area, self.scale_factor),
            Message::VideoDoubleClicked => return self.toggle_fullscreen(),
            Message::PointerMoved => self.pointer_moved_at = Some(self.now),
            Message::ScaleFactor(scale_factor) => self.set_video_area(self.video_area, scale_factor),
            Message::SystemTheme(mode) => self.system_theme = mode,
            Message::WindowOpened(id) => {
                self.window = Some(id);
                return window::scale_factor(id).map(Message::ScaleFactor);
            }
            Message::FileHovered => self.is_file_hovering = true,
            Message::FileHoverLeft => self.is_file_hovering = false,
            Message::FileDropped(path) => {
                self.is_file_hovering = false;
                self.close_dialog();
                self.open(MediaSource::File(path), false);
            }
            Message::SettingsSaved(Ok(())) | Message::Tick(_) => {}
            Message::SettingsSaved(Err(error)) => {
                self.playback.show_error(format!("The settings cannot be remembered: {error}."));
            }
            Message::ShutdownRequested => return iced::exit(),
        }
        Task::none()
    }

    fn handle_backend_update(&mut self, update: BackendUpdate) -> Task<Message> {
        match update {
            BackendUpdate::Event(mut event) => {
                self.mark_emulated_loss(&mut event.kind);
                let previous_generation = self.playback.generation();
                if let (BackendEventKind::Session(event), true) =
                    (&event.kind, event.generation == previous_generation)
                {
                    self.session_record.handle_event(event);
                }
                self.playback.handle_event(event);
                if self.playback.generation() != previous_generation {
                    self.session_record.reset();
                    self.drag_position = None;
                }
                return self.show_sign_in();
            }
            BackendUpdate::Figures(figures) => {
                self.session_record.handle_figures(*figures, self.network.conditions());
                self.statistics.refresh();
            }
            BackendUpdate::PictureReady => {
                let picture = self.backend_subscription.as_ref().and_then(|feed| feed.pictures().latest());
                if let Some(picture) = picture {
                    self.show_picture(picture);
                }
            }
        }
        Task::none()
    }

    /// The session of a film does not see that the network in front of it is a bad one; there is no other.
    fn mark_emulated_loss(&self, event: &mut BackendEventKind) {
        if let BackendEventKind::Session(SessionEvent::Failed(SessionError::NoData { is_emulated, .. })) =
            event
        {
            *is_emulated |= self.playback.host().is_none() && self.network.conditions().is_on;
        }
    }

    fn show_sign_in(&mut self) -> Task<Message> {
        let Some(request) = self.playback.take_sign_in_request() else { return Task::none() };
        let form = sign_in::Form::new(&request.url, request.was_refused);
        let field = form.first_field();
        self.dialog = Some(Dialog::SignIn(Box::new(request), form));
        focus::select_all(field)
    }

    fn handle_sign_in(&mut self, message: sign_in::Message) -> Task<Message> {
        let Some(Dialog::SignIn(request, form)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            sign_in::Action::None => {}
            sign_in::Action::Focus(field) => return focus::select_all(field),
            sign_in::Action::Close => self.close_dialog(),
            sign_in::Action::SignIn { user, password } => {
                let SignInRequest { url, options, play, .. } = *request.clone();
                self.dialog = None;
                self.connect(url.with_credentials(&user, &password), options, play);
            }
        }
        Task::none()
    }

    /// Shows a picture, unless it belongs to something older.
    pub fn show_picture(&mut self, picture: Arc<Picture>) {
        if picture.generation >= self.playback.generation() {
            self.playback.set_picture_position(picture.position);
            self.picture = Some(PictureHandle::new(picture));
        }
    }

    fn handle_header(&mut self, action: header::Action) -> Task<Message> {
        match action {
            header::Action::Open => file_dialog::pick_file(self.window).map(Message::FilePicked),
            header::Action::Connect => self.show_connect_dialog(),
            header::Action::SetControls(controls) => {
                self.settings.controls = controls;
                self.save_settings()
            }
            header::Action::TogglePanel(panel) => {
                self.panel = (self.panel != Some(panel)).then_some(panel);
                Task::none()
            }
            header::Action::Preferences => {
                let delay = self.settings.playout_delay();
                let theme = self.theme_override.unwrap_or(self.settings.theme);
                let previous_theme =
                    PreviousTheme { theme_override: self.theme_override, saved: self.settings.theme };
                let form = preferences::Form::new(theme, self.frame_rate, delay);
                self.dialog = Some(Dialog::Preferences(form, previous_theme));
                focus::select_all(preferences::FRAME_RATE_INPUT_ID)
            }
        }
    }

    fn handle_start(&mut self, action: start_screen::Action) -> Task<Message> {
        match action {
            start_screen::Action::Open => file_dialog::pick_file(self.window).map(Message::FilePicked),
            start_screen::Action::Connect => self.show_connect_dialog(),
            start_screen::Action::PlaySample => {
                self.open(MediaSource::Sample, true);
                Task::none()
            }
        }
    }

    fn handle_banner(&mut self, action: banner::Action) {
        match action {
            banner::Action::Dismiss => self.playback.dismiss_notice(),
            banner::Action::Cancel => self.playback.cancel(),
            banner::Action::RetryNow => self.playback.retry_now(),
            banner::Action::ShowSummary => self.show_summary(),
        }
    }

    fn show_summary(&mut self) {
        let report = self.session_record.report(&self.playback, self.settings.playout_delay_ms);
        self.dialog = Some(Dialog::Summary(Box::new(report), None));
    }

    fn handle_summary(&mut self, message: summary::Message) -> Task<Message> {
        let Some(Dialog::Summary(report, status)) = &mut self.dialog else { return Task::none() };
        let (name, bytes) = match message {
            summary::Message::Close => {
                self.dialog = None;
                return Task::none();
            }
            summary::Message::Copy => {
                *status = Some(summary::ExportStatus::Done("The summary is on the clipboard.".to_owned()));
                return clipboard::write(report.to_text());
            }
            summary::Message::SaveCsv => {
                ("reelay session.csv", report.to_csv().map_err(|error| error.to_string()))
            }
            summary::Message::SaveJson => {
                ("reelay session.json", report.to_json().map_err(|error| error.to_string()))
            }
        };
        match bytes {
            Ok(bytes) => file_dialog::save_file(self.window, name, bytes).map(Message::FileSaved),
            Err(error) => {
                *status =
                    Some(summary::ExportStatus::Failed(format!("The summary cannot be written: {error}.")));
                Task::none()
            }
        }
    }

    fn handle_messages(&mut self, message: messages::Message) -> Task<Message> {
        match self.messages.update(message, self.session_record.message_log(), self.now) {
            messages::Action::None => Task::none(),
            messages::Action::Copy(text) => clipboard::write(text),
            messages::Action::Save(text) => {
                file_dialog::save_file(self.window, "reelay messages.txt", text.into_bytes())
                    .map(Message::FileSaved)
            }
            messages::Action::Clear => {
                self.session_record.clear_message_log();
                Task::none()
            }
        }
    }

    /// It is said where one looks: in the summary if that is in front.
    fn handle_file_saved(&mut self, result: SaveResult) {
        let export_status = match result {
            SaveResult::Saved(path) => summary::ExportStatus::Done(format!("Saved as {}.", path.display())),
            SaveResult::Cancelled => return,
            SaveResult::Failed(sentence) => summary::ExportStatus::Failed(sentence),
        };
        match (&mut self.dialog, export_status) {
            (Some(Dialog::Summary(_, status)), export_status) => *status = Some(export_status),
            (_, summary::ExportStatus::Done(sentence)) => self.playback.show_info(sentence),
            (_, summary::ExportStatus::Failed(sentence)) => self.playback.show_error(sentence),
        }
    }

    fn show_connect_dialog(&mut self) -> Task<Message> {
        let mut form = self.connect_form.clone();
        form.open(self.settings.servers.clone());
        let field = form.first_field();
        self.dialog = Some(Dialog::Connect(form));
        focus::select_all(field.id())
    }

    fn handle_controls(&mut self, action: controls::Action) {
        match action {
            controls::Action::Press(button) => self.playback.press(button, self.settings.controls),
            controls::Action::Drag(position) => {
                if self.playback.position().can_seek {
                    self.drag_position = Some(position);
                    if self.playback.goal() != Goal::Playing {
                        self.playback.preview(position);
                    }
                }
            }
            controls::Action::Release => {
                if let Some(position) = self.drag_position.take() {
                    self.playback.seek(self.clamp_to_last_frame(position));
                }
            }
        }
    }

    /// The end of the film is no frame any more.
    fn clamp_to_last_frame(&self, position: Npt) -> Npt {
        let place = self.playback.position();
        match (self.playback.frame_rate(), place.frame_count) {
            (Some(rate), Some(frames)) => position.min(rate.npt_of(frames.saturating_sub(1))),
            _ => position,
        }
    }

    fn handle_connect(&mut self, message: connect::Message) -> Task<Message> {
        let Some(Dialog::Connect(form)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            connect::Action::None => Task::none(),
            connect::Action::Focus(field) => focus::move_to_end(field.id()),
            connect::Action::Close => {
                self.dialog = None;
                Task::none()
            }
            connect::Action::Open(path) => {
                self.connect_form = form.clone();
                self.dialog = None;
                self.open(MediaSource::File(path), false);
                Task::none()
            }
            connect::Action::Connect(url, options) => {
                self.connect_form = form.clone();
                self.dialog = None;
                self.settings.remember_server(url.host_and_port(), url.dialect());
                self.connect(url, options, false);
                self.save_settings()
            }
        }
    }

    fn handle_preferences(&mut self, message: preferences::Message) -> Task<Message> {
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
            preferences::Action::Apply { frame_rate: rate, playout_delay: delay } => {
                self.dialog = None;
                self.apply_preferences(rate, delay)
            }
        }
    }

    fn apply_preferences(&mut self, frame_rate: FrameRate, playout_delay: Duration) -> Task<Message> {
        if frame_rate != self.frame_rate {
            self.frame_rate = frame_rate;
            self.settings.frame_rate = frame_rate;
            self.backend.send(Command::SetFrameRate(frame_rate));
            self.playback.reopen();
        }
        self.settings.playout_delay_ms = u32::try_from(playout_delay.as_millis()).unwrap_or(u32::MAX);
        self.backend.send(Command::SetPlayoutDelay(playout_delay));
        self.save_settings()
    }

    fn save_settings(&self) -> Task<Message> {
        let settings = self.settings.clone();
        Task::future(async move {
            let saving =
                tokio::task::spawn_blocking(move || settings.save().map_err(|error| error.to_string()));
            Message::SettingsSaved(saving.await.unwrap_or_else(|error| Err(error.to_string())))
        })
    }

    fn handle_file_picked(&mut self, result: PickResult) {
        match result {
            PickResult::File(path) => self.open(MediaSource::File(path), false),
            PickResult::Cancelled => {}
            PickResult::NoDialog => self.playback.show_error(
                "The system has no file dialog; type the film's path into Connect…, drop the film on this window, \
                 or install xdg-desktop-portal or zenity.",
            ),
        }
    }

    fn handle_network(&mut self, message: network::Message) -> Task<Message> {
        let is_submitted = matches!(message, network::Message::Submit(_));
        if let Some(conditions) = self.network.update(message) {
            self.backend.send(Command::SetNetworkConditions(conditions));
        }
        // Keys are for the film again.
        if is_submitted { focus::clear() } else { Task::none() }
    }

    fn handle_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        if self.dialog.is_some() {
            return self.handle_dialog_shortcut(shortcut);
        }
        match shortcut {
            Shortcut::PlayOrPause if self.playback.is_empty() => {
                return self.handle_start(start_screen::Action::PlaySample);
            }
            Shortcut::PlayOrPause => {
                let button = self.playback.next_button(self.settings.controls);
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Stop => {
                let button = match self.settings.controls {
                    Controls::Three => Button::Stop,
                    Controls::Four => Button::Teardown,
                };
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Open => return self.handle_header(header::Action::Open),
            Shortcut::Connect => return self.show_connect_dialog(),
            Shortcut::Preferences => return self.handle_header(header::Action::Preferences),
            // There is no room for it where the film takes the whole screen.
            Shortcut::Panel(panel) if !self.is_fullscreen => {
                return self.handle_header(header::Action::TogglePanel(panel));
            }
            Shortcut::Panel(_) => {}
            Shortcut::Fullscreen => return self.toggle_fullscreen(),
            Shortcut::Escape => return self.handle_escape(),
            Shortcut::Skip(seconds) => self.skip(seconds),
            Shortcut::MoveFocus(step) => return focus::advance(step, focus::PANEL_ID),
            Shortcut::EscapeFromField | Shortcut::Confirm => {}
        }
        Task::none()
    }

    fn handle_dialog_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        match shortcut {
            Shortcut::MoveFocus(step) => return focus::advance(step, focus::DIALOG_ID),
            Shortcut::Escape | Shortcut::EscapeFromField => self.close_dialog(),
            Shortcut::Confirm => return self.confirm_dialog(),
            _ => {}
        }
        Task::none()
    }

    /// Enter, where no field has taken it.
    fn confirm_dialog(&mut self) -> Task<Message> {
        match self.dialog {
            Some(Dialog::Connect(_)) => self.handle_connect(connect::Message::Submit),
            Some(Dialog::Preferences(..)) => self.handle_preferences(preferences::Message::Submit),
            Some(Dialog::SignIn(..)) => self.handle_sign_in(sign_in::Message::Submit),
            Some(Dialog::Summary(..)) => self.handle_summary(summary::Message::Close),
            None => Task::none(),
        }
    }

    fn handle_escape(&mut self) -> Task<Message> {
        if self.is_fullscreen {
            return self.toggle_fullscreen();
        }
        match self.playback.notice() {
            None if self.playback.is_reconnecting() => self.playback.cancel(),
            _ => self.playback.dismiss_notice(),
        }
        Task::none()
    }

    /// The user wants nothing of what the dialog offers.
    fn close_dialog(&mut self) {
        match self.dialog.take() {
            Some(Dialog::SignIn(request, _)) => self.playback.cancel_sign_in(format!(
                "{} wants a user name and a password; connect again to give them.",
                request.url.host()
            )),
            Some(Dialog::Preferences(_, previous)) => {
                self.theme_override = previous.theme_override;
                self.settings.theme = previous.saved;
            }
            Some(Dialog::Connect(_) | Dialog::Summary(..)) | None => {}
        }
    }

    fn skip(&mut self, seconds: i8) {
        let position = self.playback.position();
        if let (Some(elapsed), true) = (position.elapsed, position.can_seek) {
            let step = u64::from(seconds.unsigned_abs()) * 1_000_000;
            let micros = elapsed.as_micros();
            let to = if seconds < 0 { micros.saturating_sub(step) } else { micros.saturating_add(step) };
            // There is nothing behind the end.
            if seconds > 0
                && self.playback.has_ended()
                && position.duration.is_some_and(|end| to >= end.as_micros())
            {
                return;
            }
            self.playback.seek(self.clamp_to_last_frame(Npt::from_micros(to)));
        }
    }

    fn toggle_fullscreen(&mut self) -> Task<Message> {
        let Some(id) = self.window.filter(|_| self.playback.source().is_some()) else { return Task::none() };
        self.is_fullscreen = !self.is_fullscreen;
        self.pointer_moved_at = None;
        let mode = if self.is_fullscreen { window::Mode::Fullscreen } else { window::Mode::Windowed };
        window::set_mode(id, mode)
    }

    fn set_video_area(&mut self, area: Size, scale_factor: f32) {
        self.video_area = area;
        self.scale_factor = scale_factor;
        if let Some(decoder) = &self.decoder {
            // Before the window has been laid out there is nothing to fit.
            let is_known = area.width >= 1.0 && area.height >= 1.0;
            decoder.set_area(is_known.then(|| video::physical_size(area, scale_factor)));
        }
    }

    /// What is listened to.
    pub fn subscription(&self) -> Subscription<Message> {
        let backend_subscription = self
            .backend_subscription
            .as_ref()
            .map_or_else(Subscription::none, BackendSubscription::subscription);
        Subscription::batch([
            backend_subscription.map(Message::Backend),
            self.tick_subscription(),
            event::listen_with(map_event),
            window::open_events().map(Message::WindowOpened),
            system::theme_changes().map(Message::SystemTheme),
            Subscription::run(|| {
                iced::stream::channel(1, async |mut messages| {
                    ShutdownSignal::listen().recv().await;
                    // The window may be gone already.
                    let _ = iced::futures::SinkExt::send(&mut messages, Message::ShutdownRequested).await;
                })
            }),
        ])
    }

    /// Only while what is seen depends on the time.
    fn tick_subscription(&self) -> Subscription<Message> {
        let needs_ticks = self.playback.is_counting_down(self.now)
            || self.messages.has_just_copied(self.now)
            || self.has_overlay_controls();
        match needs_ticks {
            true => iced::time::every(TICK_INTERVAL).map(Message::Tick),
            false => Subscription::none(),
        }
    }
}

/// For how long the controls stay in front of a film that takes the whole screen.
const CONTROLS_TIMEOUT: Duration = Duration::from_secs(3);

/// How often what is seen keeps up with the time.
const TICK_INTERVAL: Duration = Duration::from_millis(200);

/// Keys that nothing else wanted, and what is dragged over the window.
fn map_event(event: iced::Event, status: event::Status, _: window::Id) -> Option<Message> {
    match event {
        iced::Event::Keyboard(event) if status == event::Status::Ignored => {
            shortcuts::from_event(&event).map(Message::Shortcut)
        }
        iced::Event::Keyboard(event) => {
            is_escape(&event).then_some(Message::Shortcut(Shortcut::EscapeFromField))
        }
        iced::Event::Window(window::Event::FileHovered(_)) => Some(Message::FileHovered),
        iced::Event::Window(window::Event::FilesHoveredLeft) => Some(Message::FileHoverLeft),
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
            true => mouse_area(self.view_screen()).on_move(|_| Message::PointerMoved).into(),
            false => self.view_windowed(),
        };
        match &self.dialog {
            None => click_position::click_position(content),
            Some(dialog) => click_position::click_position(stack![content, view_dialog(dialog)]),
        }
    }

    fn view_windowed(&self) -> Element<'_, Message> {
        column![
            header::view(self.settings.controls, self.panel).map(Message::Header),
            row![self.view_screen()].extend(self.view_panel()).height(Fill),
            self.view_controls(),
            status_bar::view(
                &self.playback,
                self.picture.as_ref().map(PictureHandle::picture),
                &self.session_record.figures().snapshot
            ),
        ]
        .into()
    }

    fn view_controls(&self) -> Element<'_, Message> {
        controls::view(&self.playback, self.settings.controls, self.drag_position).map(Message::Controls)
    }

    /// While the hand is at the mouse.
    fn has_overlay_controls(&self) -> bool {
        let idle = self.pointer_moved_at.map(|moved| self.now.saturating_duration_since(moved));
        let is_pointer_active =
            self.drag_position.is_some() || idle.is_some_and(|rest| rest < CONTROLS_TIMEOUT);
        self.is_fullscreen && is_pointer_active
    }

    /// The panel at the right of the picture, if one is open.
    pub fn view_panel(&self) -> Option<Element<'_, Message>> {
        self.panel.map(|panel| self.panel(panel))
    }

    fn panel(&self, panel: PanelKind) -> Element<'_, Message> {
        let (session_record, figures) = (&self.session_record, self.session_record.figures());
        let (toolbar, content) = match panel {
            PanelKind::Network => {
                let content = self.network.view(self.playback.host(), figures.snapshot.emulated);
                (None, content.map(Message::Network))
            }
            PanelKind::Statistics => {
                let is_dark = theme::is_dark(&self.theme());
                let is_playing = self.playback.state() == RtspState::Playing;
                let content = self.statistics.view(figures, session_record.record(), is_playing, is_dark);
                let toolbar = statistics::Panel::toolbar(figures);
                (Some(toolbar.map(Message::Statistics)), content.map(Message::Statistics))
            }
            PanelKind::Messages => {
                let toolbar = self.messages.toolbar(session_record.message_log(), self.now);
                let content = self.messages.view(session_record.message_log(), Instant::now());
                (Some(toolbar.map(Message::Messages)), content.map(Message::Messages))
            }
        };
        panel::view(panel, toolbar, content, Message::Header(header::Action::TogglePanel(panel)))
    }

    fn view_screen(&self) -> Element<'_, Message> {
        let banner = banner::view(&self.playback, &self.session_record, self.start_hint(), self.now)
            .map(|banner| banner.map(Message::Banner));
        let main = match self.playback.source() {
            // Nothing that can be pressed may lie under the words.
            None => {
                let banner = banner.map(|banner| container(banner).style(theme::page));
                column![start_screen::view(&self.logo).map(Message::Start)]
                    .extend(banner.map(Element::from))
                    .into()
            }
            Some(_) => self.view_picture(banner),
        };
        match self.is_file_hovering {
            true => stack![main, view_drop_area()].into(),
            false => main,
        }
    }

    /// What to press where there is nothing to be seen yet.
    fn start_hint(&self) -> Option<&'static str> {
        let is_idle = self.playback.state() != RtspState::Playing && !self.playback.is_busy();
        if self.picture.is_some() || !is_idle {
            return None;
        }
        match (self.playback.source()?, self.playback.next_button(self.settings.controls)) {
            (_, Button::Setup) => Some("Press Setup to begin."),
            // A film's first picture is on its way.
            (Source::Stream(..), Button::Play) => Some("Press Play to begin."),
            _ => None,
        }
    }

    /// The picture, and what lies over its lower edge: words, and the controls if they have no place of their own.
    fn view_picture<'a>(&'a self, banner: Option<Element<'a, Message>>) -> Element<'a, Message> {
        let picture =
            mouse_area(video::video(self.picture.as_ref(), self.scale_factor, Message::VideoResized))
                .on_double_click(Message::VideoDoubleClicked);
        let controls = self.has_overlay_controls().then(|| opaque(self.view_controls()));
        let overlay: Vec<_> = banner.into_iter().chain(controls).collect();
        match overlay.is_empty() {
            true => picture.into(),
            false => stack![picture, container(column(overlay)).align_bottom(Fill)].into(),
        }
    }
}

fn view_dialog(dialog: &Dialog) -> Element<'_, Message> {
    let content = match dialog {
        Dialog::Connect(form) => form.view().map(Message::Connect),
        Dialog::Preferences(form, _) => form.view().map(Message::Preferences),
        Dialog::SignIn(_, form) => form.view().map(Message::SignIn),
        Dialog::Summary(report, status) => summary::view(report, status.as_ref()).map(Message::Summary),
    };
    let (max_width, max_height) = match dialog {
        Dialog::Summary(..) => (760.0, 640.0),
        _ => (520.0, f32::INFINITY),
    };
    let dialog = container(content)
        .id(focus::DIALOG_ID)
        .max_width(max_width)
        .max_height(max_height)
        .padding(space::HUGE - space::TIGHT)
        .style(theme::dialog);
    opaque(center(opaque(dialog)).padding(space::HUGE).style(theme::backdrop))
}

fn view_drop_area<'a>() -> Element<'a, Message> {
    let label =
        text("Drop the film to open it").size(size::LARGE).font(theme::STRONG).color(iced::Color::WHITE);
    container(center(label)).width(Fill).height(Fill).style(theme::drop_area).into()
}

/// The program's sign.
fn logo() -> image::Handle {
    let (width, height, pixels) = logo_pixels();
    image::Handle::from_rgba(width, height, pixels)
}

/// The pixels of the program's sign: width, height, RGBA. A single clear one should it be unreadable.
pub fn logo_pixels() -> (u32, u32, Vec<u8>) {
    let png = include_bytes!("../../../assets/icon.png");
    match ::image::load_from_memory_with_format(png, ::image::ImageFormat::Png) {
        Ok(icon) => (icon.width(), icon.height(), icon.into_rgba8().into_raw()),
        Err(error) => {
            tracing::warn!(%error, "the icon cannot be read");
            (1, 1, vec![0; 4])
        }
    }
}
