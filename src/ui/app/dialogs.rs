//! Dialogs: opening, closing, and the effects of their actions.

use std::path::{Path, PathBuf};

use iced::widget::operation::{self, AbsoluteOffset};
use iced::{Task, clipboard};
use jiff::Zoned;

use super::message::Message;
use super::playback::{SignInRequest, Source, TrustRequest};
use super::state::{App, Dialog, PreviousTheme};
use crate::backend::{Command, Concealment, MediaSource};
use crate::recording::file_stem;
use crate::session::{RtspState, SessionError};
use crate::settings::Settings;
use crate::ui::dialog::file_dialog::{self, PickKind, SaveRequest, SaveResult};
use crate::ui::dialog::preferences::Preferences;
use crate::ui::dialog::summary::ExportStatus;
use crate::ui::dialog::{connect, help, play_list, preferences, sign_in, summary, trust};
use crate::ui::widget::focus;

impl App {
    /// Closes the dialog without applying its input.
    pub(super) fn close_dialog(&mut self) {
        match self.dialog.take() {
            Some(Dialog::Trust(request)) => {
                let error = SessionError::UntrustedCertificate(Box::new(request.certificate));
                self.cancel_connecting(error.to_string());
            }
            Some(Dialog::SignIn(request, _)) => self.cancel_connecting(format!(
                "{} needs a user name and password; connect again to enter them.",
                request.url.host()
            )),
            Some(Dialog::Preferences(_, previous)) => {
                self.theme_override = previous.theme_override;
                self.settings.theme = previous.saved;
            }
            Some(Dialog::Connect(_) | Dialog::Summary(..) | Dialog::PlayList | Dialog::Help(_)) | None => {}
        }
    }

    fn cancel_connecting(&mut self, reason: String) {
        self.playback.cancel_connecting(reason);
        self.leave_failed_stream();
    }

    /// Presses the main button of the dialog.
    pub(super) fn confirm_dialog(&mut self) -> Task<Message> {
        match self.dialog {
            Some(Dialog::Connect(_)) => self.handle_connect(connect::Message::Submit),
            Some(Dialog::Preferences(..)) => self.handle_preferences(preferences::Message::Submit),
            Some(Dialog::SignIn(..)) => self.handle_sign_in(sign_in::Message::Submit),
            // A certificate that has changed is not trusted by a key that was pressed for something else.
            Some(Dialog::Trust(ref request)) if request.certificate.is_changed => Task::none(),
            Some(Dialog::Trust(_)) => self.handle_trust(trust::Message::Trust),
            Some(Dialog::Summary(..) | Dialog::PlayList | Dialog::Help(_)) => {
                self.close_dialog();
                Task::none()
            }
            None => Task::none(),
        }
    }

    pub(super) fn show_connect_dialog(&mut self) -> Task<Message> {
        let mut form = self.connect_form.clone();
        form.open(self.settings.known_servers());
        let field = form.first_field();
        self.dialog = Some(Dialog::Connect(form));
        focus::select_all(field.id())
    }

    pub(super) fn handle_connect(&mut self, message: connect::Message) -> Task<Message> {
        let Some(Dialog::Connect(form)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            connect::Action::None => Task::none(),
            connect::Action::Focus(field) => focus::move_to_end(field.id()),
            connect::Action::FocusUnlessControl(field) => focus::move_to_end_unless_control(field.id()),
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
                self.connect(url, options, false);
                Task::none()
            }
        }
    }

    pub(super) fn show_preferences_dialog(&mut self) -> Task<Message> {
        let theme = self.theme_override.unwrap_or(self.settings.theme);
        let previous_theme =
            PreviousTheme { theme_override: self.theme_override, saved: self.settings.theme };
        let form = preferences::Form::new(theme, self.frame_rates.default_rate(), &self.settings);
        self.dialog = Some(Dialog::Preferences(form, previous_theme));
        Task::none()
    }

    pub(super) fn handle_preferences(&mut self, message: preferences::Message) -> Task<Message> {
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
            preferences::Action::Focus(field) => focus::select_all(field),
            preferences::Action::Apply(preferences) => {
                self.dialog = None;
                self.apply_preferences(preferences)
            }
        }
    }

    fn apply_preferences(&mut self, preferences: Preferences) -> Task<Message> {
        let Preferences { frame_rate, playout_delay, choices } = preferences;
        // An unchanged frame rate of the command line is not saved.
        if frame_rate != self.frame_rates.default_rate() {
            self.frame_rates.set_default_rate(frame_rate);
            self.settings.frame_rate = frame_rate;
            self.backend.send(Command::SetFrameRates(self.frame_rates.clone()));
            if self.needs_reopening() {
                self.reopen();
            }
        }
        self.settings.playout_delay_ms = u32::try_from(playout_delay.as_millis()).unwrap_or(u32::MAX);
        self.settings.show_damaged_frames = choices.concealment.shows_damaged;
        self.settings.tint_missing_parts = choices.concealment.tints_concealed;
        self.settings.recording_format = choices.recording_format;
        self.settings.snapshot_format = choices.snapshot_format;
        self.settings.automatic_playout_delay = choices.is_delay_automatic;
        self.settings.retransmission = choices.retransmission;
        self.settings.error_correction = choices.error_correction;
        self.settings.keep_recents = choices.keep_recents;
        let level_has_changed = choices.keep_on_top != self.settings.keep_on_top;
        self.settings.keep_on_top = choices.keep_on_top;
        self.settings.play_when_opened = choices.play_when_opened;
        self.settings.resume_films = choices.resume_films;
        if !choices.keep_recents {
            self.settings.clear_recents();
        }
        let mut fitting = Task::none();
        if let Some(percent) =
            choices.interface_scale.filter(|percent| *percent != self.settings.interface_scale)
        {
            self.settings.interface_scale = percent;
            self.set_video_area(self.video_area);
            fitting = self.fit_to_scale();
        }
        self.configure_backend();
        let level = if level_has_changed { self.apply_window_level() } else { Task::none() };
        Task::batch([level, fitting, self.save_settings()])
    }

    /// Sends the settings of sessions to the backend, for the current and for later ones.
    pub fn configure_backend(&self) {
        let concealment = Concealment {
            shows_damaged: self.settings.show_damaged_frames,
            tints_concealed: self.settings.tint_missing_parts,
        };
        self.backend.send(Command::SetConcealment(concealment));
        self.backend.send(Command::SetPlayoutDelay(self.settings.playout()));
        self.backend.send(Command::SetRetransmission(self.settings.retransmission));
        self.backend.send(Command::SetErrorCorrection(self.settings.error_correction));
    }

    /// Returns true if the film is played at another rate than it should be, or is just being opened.
    fn needs_reopening(&self) -> bool {
        let expected = match self.playback.source() {
            Some(Source::Local(film)) => Some(self.frame_rates.rate_of(film)),
            _ => None,
        };
        let has_other_rate = self.playback.assumed_rate().zip(expected).is_some_and(|(rate, it)| rate != it);
        self.playback.is_opening() || has_other_rate
    }

    /// Shows the Sign-in dialog if the server has just asked for credentials.
    pub(super) fn show_sign_in(&mut self) -> Task<Message> {
        let Some(request) = self.playback.take_sign_in_request() else { return Task::none() };
        let form = sign_in::Form::new(&request.url, request.was_refused);
        let field = form.first_field();
        self.dialog = Some(Dialog::SignIn(Box::new(request), form));
        focus::select_all(field)
    }

    pub(super) fn handle_sign_in(&mut self, message: sign_in::Message) -> Task<Message> {
        let Some(Dialog::SignIn(request, form)) = &mut self.dialog else { return Task::none() };
        match form.update(message) {
            sign_in::Action::None => {}
            sign_in::Action::Focus(field) => return focus::select_all(field),
            sign_in::Action::Close => self.close_dialog(),
            sign_in::Action::SignIn { user, password } => {
                let SignInRequest { url, options, play, .. } = *request.clone();
                self.dialog = None;
                self.start_stream(url.with_credentials(&user, &password), options, play);
            }
        }
        Task::none()
    }

    /// Shows the certificate of the server, if it is not trusted.
    pub(super) fn show_trust(&mut self) {
        if let Some(request) = self.playback.take_trust_request() {
            self.dialog = Some(Dialog::Trust(Box::new(request)));
        }
    }

    pub(super) fn handle_play_list(&mut self, message: play_list::Message) -> Task<Message> {
        match message {
            // It is open already.
            play_list::Message::Open(entry) if entry == self.play_list.current() => self.dialog = None,
            play_list::Message::Open(entry) => self.open_entry(entry),
            play_list::Message::Move { entry, towards_end } => {
                self.play_list.move_entry(entry, towards_end);
                let count = self.play_list.entries().len();
                return focus::follow(play_list::next_move_button_id(entry, towards_end, count));
            }
            play_list::Message::MoveFocused { entry, towards_end } => {
                self.play_list.move_entry(entry, towards_end);
                let moved = if towards_end { entry.saturating_add(1) } else { entry.saturating_sub(1) };
                return self.focus_entry(moved);
            }
            play_list::Message::Remove(entry) => self.play_list.remove(entry),
            play_list::Message::RemoveFocused(entry) => {
                self.play_list.remove(entry);
                return self.focus_entry(entry);
            }
            play_list::Message::Focus(entry) => return self.focus_entry(entry),
            play_list::Message::CycleRepeat => self.cycle_repeat(),
            play_list::Message::Add => return self.pick(PickKind::File),
            play_list::Message::Close => self.dialog = None,
        }
        Task::none()
    }

    /// Moves the focus to this entry of the play list, or to the last one.
    pub(super) fn focus_entry(&self, entry: usize) -> Task<Message> {
        let last = self.play_list.entries().len().saturating_sub(1);
        // An entry that is not shown, in a long list, leaves no control with the focus.
        focus::clear().chain(focus::control(play_list::entry_id(entry.min(last))))
    }

    pub(super) fn handle_trust(&mut self, message: trust::Message) -> Task<Message> {
        let Some(Dialog::Trust(request)) = &self.dialog else { return Task::none() };
        match message {
            trust::Message::Cancel => {
                self.close_dialog();
                Task::none()
            }
            trust::Message::Trust => {
                let TrustRequest { url, options, play, certificate } = *request.clone();
                self.dialog = None;
                self.settings.trust_certificate(certificate.address, certificate.fingerprint);
                self.backend.send(Command::SetTrustedCertificates(self.settings.certificates.clone()));
                self.start_stream(url, options, play);
                self.save_settings()
            }
        }
    }

    pub(super) fn show_help(&mut self) {
        self.dialog = Some(Dialog::Help(help::Page::default()));
    }

    pub(super) fn handle_help(&mut self, message: help::Message) -> Task<Message> {
        match (message, &mut self.dialog) {
            (help::Message::Page(page), Some(Dialog::Help(shown))) => {
                *shown = page;
                return operation::scroll_to(help::SCROLL_ID, AbsoluteOffset { x: 0.0, y: 0.0 });
            }
            (help::Message::Close, Some(Dialog::Help(_))) => self.close_dialog(),
            _ => {}
        }
        Task::none()
    }

    pub(super) fn show_summary(&mut self) {
        let report = self.session_record.report(&self.playback, self.settings.playout().initial());
        let mut summary = summary::Summary::new(report);
        if self.playback.state() == RtspState::Playing {
            let sentence = "This summary was made during playback; later packets are not included.";
            summary.status = Some(ExportStatus::Done(sentence.to_owned()));
        }
        self.dialog = Some(Dialog::Summary(Box::new(summary)));
    }

    pub(super) fn handle_summary(&mut self, message: summary::Message) -> Task<Message> {
        let Some(Dialog::Summary(summary)) = &mut self.dialog else { return Task::none() };
        let (name, bytes) = match message {
            summary::Message::Close => {
                self.dialog = None;
                return Task::none();
            }
            summary::Message::Describe(description) => {
                summary.describe(description);
                return Task::none();
            }
            summary::Message::Copy => {
                let status = ExportStatus::Done("The summary was copied to the clipboard.".to_owned());
                summary.status = Some(status);
                return clipboard::write(summary.report.to_text());
            }
            summary::Message::SaveCsv => {
                ("seconds.csv", summary.report.to_csv().map_err(|error| error.to_string()))
            }
            summary::Message::SaveJson => {
                ("summary.json", summary.report.to_json().map_err(|error| error.to_string()))
            }
        };
        match bytes {
            Ok(bytes) => self.save_file(name, bytes),
            Err(error) => {
                summary.status =
                    Some(ExportStatus::Failed(format!("The summary cannot be exported: {error}.")));
                Task::none()
            }
        }
    }

    /// Shows the dialog to save a file, unless one of the system is open. The suggested name is that of the film with
    /// date and time, and `ending`, such as `seconds.csv`.
    pub(super) fn save_file(&mut self, ending: &str, bytes: Vec<u8>) -> Task<Message> {
        if !self.may_open_file_dialog() {
            return Task::none();
        }
        let film = self.playback.name().unwrap_or_else(|| "reelay".to_owned());
        let name = format!("{} {ending}", file_stem(&film, &Zoned::now()));
        let folder = self.settings.save_folder.clone().or_else(|| self.film_folder());
        file_dialog::save_file(self.window.id, SaveRequest { name, folder, bytes }).map(Message::FileSaved)
    }

    /// Returns the folder of the open film; `None` for the sample and for streams.
    fn film_folder(&self) -> Option<PathBuf> {
        let film = self.playback.source()?.file_path()?;
        film.parent().map(Path::to_owned)
    }

    /// Shows the result of saving a file: in the summary if that is open, else as a notice.
    pub(super) fn handle_file_saved(&mut self, result: SaveResult) -> Task<Message> {
        self.is_file_dialog_open = false;
        let (export_status, saving) = match result {
            SaveResult::Saved(path) => {
                let status = ExportStatus::Done(format!("Saved as {}.", path.display()));
                (status, self.remember_folder(&path, |settings| &mut settings.save_folder))
            }
            SaveResult::Cancelled => return Task::none(),
            SaveResult::Failed(message) => (ExportStatus::Failed(message), Task::none()),
        };
        match (&mut self.dialog, export_status) {
            (Some(Dialog::Summary(summary)), export_status) => summary.status = Some(export_status),
            (_, ExportStatus::Done(message)) => self.playback.show_info(message),
            (_, ExportStatus::Failed(message)) => self.playback.show_error(message),
        }
        saving
    }

    /// Stores the folder of a path that the user has chosen, for the next dialog. A path that is not Unicode cannot be
    /// written to the settings file, and is not remembered.
    pub(super) fn remember_folder(
        &mut self,
        path: &Path,
        folder: fn(&mut Settings) -> &mut Option<PathBuf>,
    ) -> Task<Message> {
        let chosen = path.parent().filter(|parent| parent.to_str().is_some()).map(Path::to_owned);
        let folder = folder(&mut self.settings);
        if chosen.is_none() || *folder == chosen {
            return Task::none();
        }
        *folder = chosen;
        self.save_settings()
    }
}
