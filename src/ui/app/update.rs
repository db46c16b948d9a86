//! Handling of messages of the window, the backend and the system.

use std::path::PathBuf;
use std::time::Instant;

use iced::{Task, clipboard, window};

use super::banner_timeout::PassingBanner;
use super::menu::{self, Menu};
use super::message::Message;
use super::playback::{Notice, Source};
use super::state::{App, Dialog};
use super::{banner, controls, frame_rate, header, start_screen, transport};
use crate::backend::{Command, MediaSource};
use crate::media::FrameRate;
use crate::settings::{Controls, PendingSave};
use crate::ui::dialog::file_dialog::{self, PickKind, PickResult};
use crate::ui::panel::{messages, network, statistics};
use crate::ui::widget::focus;

impl App {
    /// Handles a message. The returned task is run by iced and may lead to further messages.
    pub fn update(&mut self, message: Message) -> Task<Message> {
        self.now = if let Message::Tick(now) = message { now } else { Instant::now() };
        let task = self.handle_message(message);
        self.restore_before_stream();
        self.update_banner();
        self.update_screen_saver();
        match self.read_next_poster() {
            Some(poster) => Task::batch([task, poster]),
            None => task,
        }
    }

    fn handle_message(&mut self, message: Message) -> Task<Message> {
        match message {
            Message::Backend(update) => return self.handle_backend_update(update),
            Message::Header(action) => return self.handle_header(action),
            Message::Start(action) => return self.handle_start(action),
            Message::Controls(action) => return self.handle_controls(action),
            Message::Menu(action) => return self.handle_menu(action),
            Message::ShowMenu(menu) => self.menu = Some(menu),
            Message::Connect(message) => return self.handle_connect(message),
            Message::Preferences(message) => return self.handle_preferences(message),
            Message::SignIn(message) => return self.handle_sign_in(message),
            Message::PlayList(message) => return self.handle_play_list(message),
            Message::Trust(message) => return self.handle_trust(message),
            Message::FrameRate(message) => return self.handle_frame_rate(message),
            Message::Banner(action) => return self.handle_banner(action),
            Message::Statistics(statistics::Action::ShowSummary) => self.show_summary(),
            Message::Messages(message) => return self.handle_messages(message),
            Message::Summary(message) => return self.handle_summary(message),
            Message::PanelEdge(action) => return self.handle_panel_edge(action),
            Message::Help(message) => return self.handle_help(message),
            Message::Network(message) => return self.handle_network(message),
            Message::PosterRead(film, poster) => self.handle_poster(film, poster),
            Message::Sharing(action) => return self.handle_sharing_action(action),
            Message::FilePicked(result) => return self.handle_file_picked(result),
            Message::FileSaved(result) => return self.handle_file_saved(result),
            Message::Shortcut(shortcut) => return self.handle_shortcut(shortcut),
            Message::VideoResized(area, scaler) => {
                self.scaler = scaler;
                self.set_video_area(area);
            }
            Message::VideoDoubleClicked => return self.toggle_fullscreen(),
            Message::CheckMinimized => return self.check_minimized(),
            Message::Minimized(is_minimized) => self.set_minimized(is_minimized.unwrap_or_default()),
            Message::PointerMoved => self.window.pointer_moved_at = Some(self.now),
            Message::ScaleFactor(scale_factor) => {
                self.window.scale_factor = scale_factor;
                self.set_video_area(self.video_area);
            }
            Message::SystemTheme(mode) => self.system_theme = mode,
            Message::WindowOpened(id) => return self.handle_window_opened(id),
            Message::MonitorSize(monitor) => return self.fit_on_monitor(monitor),
            Message::WindowChanged => self.handle_window_changed(),
            Message::CheckPlace => return self.check_place(),
            Message::PlaceFound(place) => return self.handle_place(place),
            Message::FileHovered => self.is_file_hovering = true,
            Message::FileHoverLeft => self.is_file_hovering = false,
            Message::FileDropped(path) => self.handle_file_dropped(path),
            Message::HandedOver(arguments) => return self.handle_handed_over(*arguments),
            Message::SettingsSaved(Ok(())) | Message::OpenedWithSystem(Ok(())) | Message::Tick(_) => {}
            Message::OpenedWithSystem(Err(sentence)) => self.playback.show_error(sentence),
            Message::SettingsSaved(Err(error)) => {
                self.playback.show_error(format!("The settings cannot be saved: {error}."));
            }
            Message::CloseRequested | Message::ShutdownRequested => return self.quit(),
        }
        Task::none()
    }

    fn handle_window_opened(&mut self, id: window::Id) -> Task<Message> {
        self.window.id = Some(id);
        let level = match self.settings.keep_on_top {
            true => self.apply_window_level(),
            false => Task::none(),
        };
        let scale_factor = window::scale_factor(id).map(Message::ScaleFactor);
        Task::batch([scale_factor, window::monitor_size(id).map(Message::MonitorSize), level])
    }

    /// Hides a banner that has been shown for its time, and removes its notice.
    fn update_banner(&mut self) {
        let banner = PassingBanner::current(&self.playback, &self.session_record);
        // On the start screen a banner covers nothing; without it, everything above would move away from the pointer.
        // Behind a dialog nobody can read it.
        if self.playback.source().is_none() || self.dialog.is_some() {
            self.banner_timeout.restart(self.now);
        }
        self.banner_timeout.handle_banner(banner, self.now);
        if self.banner_timeout.is_over() && self.playback.notice().is_some() {
            self.playback.dismiss_notice();
            let banner = PassingBanner::current(&self.playback, &self.session_record);
            self.banner_timeout.handle_banner(banner, self.now);
        }
    }

    /// Opens a dropped film, and adds further ones of the same drop, of which the system sends a message each, to the
    /// list.
    fn handle_file_dropped(&mut self, path: PathBuf) {
        match std::mem::take(&mut self.is_file_hovering) {
            true => {
                self.close_dialog();
                self.open(MediaSource::File(path), false);
            }
            false => self.append(MediaSource::File(path)),
        }
    }

    /// Stops connecting or reconnecting.
    pub(super) fn cancel(&mut self) {
        self.playback.cancel();
        self.leave_failed_stream();
    }

    pub(super) fn handle_header(&mut self, action: header::Action) -> Task<Message> {
        match action {
            header::Action::Open => self.pick(PickKind::File),
            header::Action::Connect => self.show_connect_dialog(),
            header::Action::SetControls(controls) => {
                self.settings.controls = controls;
                self.save_settings()
            }
            header::Action::TogglePanel(panel) => self.toggle_panel(panel),
            header::Action::ToggleLesson => self.toggle_lesson(),
            header::Action::CloseMedia => self.close_media(),
            header::Action::Preferences => self.show_preferences_dialog(),
        }
    }

    pub(super) fn handle_start(&mut self, action: start_screen::Action) -> Task<Message> {
        match action {
            start_screen::Action::Open => self.pick(PickKind::File),
            start_screen::Action::OpenFolder => self.pick(PickKind::Folder),
            start_screen::Action::Connect => self.show_connect_dialog(),
            start_screen::Action::PlaySample => {
                self.open(MediaSource::Sample, true);
                Task::none()
            }
            start_screen::Action::Lesson(lesson) => self.start_lesson(lesson),
            start_screen::Action::Recent(action) => self.handle_recents(action),
        }
    }

    /// Shows the dialog to choose a film or a folder, unless one of the system is open.
    pub(super) fn pick(&mut self, kind: PickKind) -> Task<Message> {
        if !self.may_open_file_dialog() {
            return Task::none();
        }
        file_dialog::pick(self.window.id, kind, self.settings.film_folder.clone()).map(Message::FilePicked)
    }

    /// Returns true if no file dialog of the system is open; otherwise a notice says so, since it may be behind the
    /// window.
    pub(super) fn may_open_file_dialog(&mut self) -> bool {
        let is_open = std::mem::replace(&mut self.is_file_dialog_open, true);
        if is_open {
            self.playback.show_error("A file dialog is open already, perhaps behind this window.");
        }
        !is_open
    }

    fn handle_controls(&mut self, action: controls::Action) -> Task<Message> {
        match action {
            controls::Action::Press(button) => return self.press(button),
            controls::Action::TimeLine(action) => self.handle_time_line(action),
            controls::Action::Transport(action) => return self.handle_transport(action),
            controls::Action::ShowMenu => self.menu = Some(Menu::More),
        }
        Task::none()
    }

    /// Changes what is repeated, where anything is: with four buttons, no request is sent without a click.
    pub(super) fn cycle_repeat(&mut self) {
        if self.playback.controls(self.settings.controls) == Controls::Three {
            self.play_list.cycle_repeat();
        }
    }

    pub(super) fn handle_transport(&mut self, action: transport::Action) -> Task<Message> {
        match action {
            transport::Action::OpenPrevious => self.open_previous(),
            transport::Action::OpenNext => self.open_next(),
            transport::Action::StepBack => self.step(false),
            transport::Action::StepForward => self.step(true),
            transport::Action::ShowSpeeds => self.menu = Some(Menu::Speed(None)),
            transport::Action::CycleRepeat => self.cycle_repeat(),
            transport::Action::ShowList => {
                self.dialog = Some(Dialog::PlayList);
                return self.focus_entry(self.play_list.current());
            }
            transport::Action::ToggleRecording => self.toggle_recording(),
            transport::Action::SaveSnapshot => self.save_snapshot(),
            transport::Action::ToggleFullscreen => return self.toggle_fullscreen(),
        }
        Task::none()
    }

    fn handle_menu(&mut self, action: menu::Action) -> Task<Message> {
        let position = self.menu.take().and_then(Menu::position);
        match action {
            menu::Action::Dismiss => {}
            menu::Action::Press(button) => return self.press(button),
            menu::Action::Transport(transport::Action::ShowSpeeds) => self.menu = Some(Menu::Speed(position)),
            menu::Action::SetSpeed(speed) => self.playback.set_speed(speed),
            menu::Action::Transport(action) => return self.handle_transport(action),
            menu::Action::Show(menu) => self.menu = Some(menu),
            menu::Action::ToggleOption(option) => return self.toggle_option(option),
            menu::Action::Picture(action) => return self.handle_picture_action(action),
            menu::Action::ToggleSharing => self.toggle_sharing(),
            menu::Action::Close => return self.close_media(),
        }
        Task::none()
    }

    fn handle_banner(&mut self, action: banner::Action) -> Task<Message> {
        match action {
            banner::Action::CopyCommand => {
                let command = self.playback.notice().and_then(Notice::command);
                return command.map_or_else(Task::none, |command| clipboard::write(command.to_owned()));
            }
            banner::Action::Dismiss => {
                self.banner_timeout.close();
                self.playback.dismiss_notice();
            }
            banner::Action::ForgetFilm => self.forget_failed_film(),
            banner::Action::Cancel => self.cancel(),
            banner::Action::RetryNow => self.playback.retry_now(),
            banner::Action::ShowSummary => self.show_summary(),
            banner::Action::OpenSaved => return self.open_saved(),
            banner::Action::ShowFolder => return self.show_saved_folder(),
        }
        Task::none()
    }

    pub(super) fn handle_network(&mut self, message: network::Message) -> Task<Message> {
        let is_submitted = matches!(message, network::Message::Submit(_));
        if let Some(settings) = self.network.update(message) {
            self.backend.send(Command::SetEmulatorSettings(settings));
        }
        // After Enter the keys are shortcuts again.
        if is_submitted { focus::clear() } else { Task::none() }
    }

    fn handle_frame_rate(&mut self, message: frame_rate::Message) -> Task<Message> {
        let is_submitted = message == frame_rate::Message::Submit;
        let entered = self.frame_rate_field.update(message);
        let applied = match entered.filter(|&rate| self.playback.assumed_rate().is_some_and(|it| it != rate))
        {
            Some(rate) => self.set_frame_rate(rate),
            None => Task::none(),
        };
        // After Enter the keys are shortcuts again.
        if is_submitted { Task::batch([applied, focus::clear()]) } else { applied }
    }

    /// Plays the open film at this rate, now and when it is opened again.
    fn set_frame_rate(&mut self, rate: FrameRate) -> Task<Message> {
        let Some(Source::Local(film)) = self.playback.source().cloned() else { return Task::none() };
        let film = film.absolute();
        if let MediaSource::File(path) = &film {
            self.settings.remember_frame_rate(path.clone(), rate);
        }
        self.frame_rates.set_rate_of(film, rate);
        self.backend.send(Command::SetFrameRates(self.frame_rates.clone()));
        self.reopen();
        self.save_settings()
    }

    /// Opens the film again at another frame rate. It is served to other players if it was.
    pub(super) fn reopen(&mut self) {
        let is_shared = self.is_newest_shared();
        self.playback.reopen();
        self.share_opening(is_shared);
    }

    /// Returns true if the user has chosen the rate of the open film.
    pub(super) fn has_chosen_rate(&self) -> bool {
        match self.playback.source() {
            Some(Source::Local(film)) => self.frame_rates.own_rate_of(film).is_some(),
            Some(Source::Stream(..)) | None => false,
        }
    }

    fn handle_messages(&mut self, message: messages::Message) -> Task<Message> {
        match self.messages.update(message, self.session_record.message_log(), self.now) {
            messages::Action::None => Task::none(),
            messages::Action::Copy(text) => clipboard::write(text),
            messages::Action::Save(text) => self.save_file("messages.txt", text.into_bytes()),
            messages::Action::Clear => {
                self.session_record.clear_message_log();
                Task::none()
            }
        }
    }

    fn handle_file_picked(&mut self, result: PickResult) -> Task<Message> {
        self.is_file_dialog_open = false;
        match result {
            PickResult::Paths(paths) => {
                let first = paths.first().cloned().unwrap_or_default();
                let saving = self.remember_folder(&first, |settings| &mut settings.film_folder);
                match self.dialog {
                    Some(Dialog::PlayList) => {
                        paths.into_iter().for_each(|path| self.append(MediaSource::File(path)));
                    }
                    _ => {
                        let sources = paths.into_iter().map(|path| Source::Local(MediaSource::File(path)));
                        self.open_all(sources, false);
                    }
                }
                return saving;
            }
            PickResult::Cancelled => {}
            PickResult::NoDialog => {
                let drop = if self.lacks_drops { "" } else { " drop the film on this window," };
                self.playback.show_error(format!(
                    "The system has no file dialog; enter the path of the film in Connect…,{drop} or install \
                     xdg-desktop-portal or zenity."
                ));
            }
        }
        Task::none()
    }

    /// Returns a save of the settings. A theme that the Preferences dialog only previews is not part of it.
    pub(super) fn pending_save(&self) -> PendingSave {
        let mut settings = self.settings.clone();
        if let Some(Dialog::Preferences(_, previous)) = &self.dialog {
            settings.theme = previous.saved;
        }
        self.save_order.next(settings)
    }

    pub(super) fn save_settings(&self) -> Task<Message> {
        let pending = self.pending_save();
        Task::future(async move {
            let saving =
                tokio::task::spawn_blocking(move || pending.save().map_err(|error| error.to_string()));
            Message::SettingsSaved(saving.await.unwrap_or_else(|error| Err(error.to_string())))
        })
    }
}
