//! Dialogs: opening, closing, and the effects of their actions.

use std::time::Duration;

use iced::{Task, clipboard};

use super::message::Message;
use super::playback::{SignInRequest, Source, TrustRequest};
use super::state::{App, Dialog, PreviousTheme};
use crate::backend::{Command, MediaSource};
use crate::media::FrameRate;
use crate::session::SessionError;
use crate::ui::dialog::file_dialog::{self, SaveResult};
use crate::ui::dialog::summary::ExportStatus;
use crate::ui::dialog::{connect, help, preferences, sign_in, summary, trust};
use crate::ui::widget::focus;

impl App {
    /// Closes the dialog without applying its input.
    pub(super) fn close_dialog(&mut self) {
        match self.dialog.take() {
            Some(Dialog::Trust(request)) => {
                let error = SessionError::UntrustedCertificate(Box::new(request.certificate));
                self.playback.cancel_connecting(error.to_string());
            }
            Some(Dialog::SignIn(request, _)) => self.playback.cancel_connecting(format!(
                "{} needs a user name and password; connect again to enter them.",
                request.url.host()
            )),
            Some(Dialog::Preferences(_, previous)) => {
                self.theme_override = previous.theme_override;
                self.settings.theme = previous.saved;
            }
            Some(Dialog::Connect(_) | Dialog::Summary(..) | Dialog::Help(_)) | None => {}
        }
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
            Some(Dialog::Summary(..) | Dialog::Help(_)) => {
                self.close_dialog();
                Task::none()
            }
            None => Task::none(),
        }
    }

    pub(super) fn show_connect_dialog(&mut self) -> Task<Message> {
        let mut form = self.connect_form.clone();
        form.open(self.settings.servers.clone());
        let field = form.first_field();
        self.dialog = Some(Dialog::Connect(form));
        focus::select_all(field.id())
    }

    pub(super) fn handle_connect(&mut self, message: connect::Message) -> Task<Message> {
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

    pub(super) fn show_preferences_dialog(&mut self) -> Task<Message> {
        let theme = self.theme_override.unwrap_or(self.settings.theme);
        let previous_theme =
            PreviousTheme { theme_override: self.theme_override, saved: self.settings.theme };
        let form = preferences::Form::new(theme, self.frame_rates.default_rate(), &self.settings);
        self.dialog = Some(Dialog::Preferences(form, previous_theme));
        focus::select_all(preferences::FRAME_RATE_INPUT_ID)
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
            preferences::Action::Apply { frame_rate, playout_delay, recording_format, snapshot_format } => {
                self.dialog = None;
                self.settings.recording_format = recording_format;
                self.settings.snapshot_format = snapshot_format;
                self.apply_preferences(frame_rate, playout_delay)
            }
        }
    }

    fn apply_preferences(&mut self, frame_rate: FrameRate, playout_delay: Duration) -> Task<Message> {
        // An unchanged frame rate of the command line is not saved.
        if frame_rate != self.frame_rates.default_rate() {
            self.frame_rates.set_default_rate(frame_rate);
            self.settings.frame_rate = frame_rate;
            self.backend.send(Command::SetFrameRates(self.frame_rates.clone()));
            if self.needs_reopening() {
                self.playback.reopen();
            }
        }
        self.settings.playout_delay_ms = u32::try_from(playout_delay.as_millis()).unwrap_or(u32::MAX);
        self.backend.send(Command::SetPlayoutDelay(playout_delay));
        self.save_settings()
    }

    /// Returns whether the film is played at another rate than it should be, or is just being opened.
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
                self.connect(url.with_credentials(&user, &password), options, play);
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
                self.connect(url, options, play);
                self.save_settings()
            }
        }
    }

    pub(super) fn show_help(&mut self) {
        self.dialog = Some(Dialog::Help(help::Page::default()));
    }

    pub(super) fn handle_help(&mut self, message: help::Message) {
        match (message, &mut self.dialog) {
            (help::Message::Page(page), Some(Dialog::Help(shown))) => *shown = page,
            (help::Message::Close, Some(Dialog::Help(_))) => self.close_dialog(),
            _ => {}
        }
    }

    pub(super) fn show_summary(&mut self) {
        let report = self.session_record.report(&self.playback, self.settings.playout_delay_ms);
        self.dialog = Some(Dialog::Summary(Box::new(report), None));
    }

    pub(super) fn handle_summary(&mut self, message: summary::Message) -> Task<Message> {
        let Some(Dialog::Summary(report, status)) = &mut self.dialog else { return Task::none() };
        let (name, bytes) = match message {
            summary::Message::Close => {
                self.dialog = None;
                return Task::none();
            }
            summary::Message::Copy => {
                *status = Some(ExportStatus::Done("The summary was copied to the clipboard.".to_owned()));
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
                *status = Some(ExportStatus::Failed(format!("The summary cannot be exported: {error}.")));
                Task::none()
            }
        }
    }

    /// Shows the result of saving a file: in the summary if that is open, else as a notice.
    pub(super) fn handle_file_saved(&mut self, result: SaveResult) {
        let export_status = match result {
            SaveResult::Saved(path) => ExportStatus::Done(format!("Saved as {}.", path.display())),
            SaveResult::Cancelled => return,
            SaveResult::Failed(message) => ExportStatus::Failed(message),
        };
        match (&mut self.dialog, export_status) {
            (Some(Dialog::Summary(_, status)), export_status) => *status = Some(export_status),
            (_, ExportStatus::Done(message)) => self.playback.show_info(message),
            (_, ExportStatus::Failed(message)) => self.playback.show_error(message),
        }
    }
}
