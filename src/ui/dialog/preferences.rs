//! Preferences dialog: theme, frame rate of files that state none, playout delay.

use std::time::Duration;

use iced::widget::{column, scrollable, text, text_input};
use iced::{Element, Fill};

use crate::about::VERSION_AND_NOTICES;
use crate::backend::Concealment;
use crate::media::FrameRate;
use crate::recording::{RecordingFormat, SnapshotFormat};
use crate::settings::{MAX_PLAYOUT_DELAY_MS, Settings, ThemePreference};
use crate::ui::dialog::layout::{buttons, setting_row};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::choices::choices;

/// Input of the dialog.
#[derive(Debug, Clone)]
pub struct Form {
    theme: ThemePreference,
    frame_rate: String,
    playout_delay: String,
    recording_format: RecordingFormat,
    snapshot_format: SnapshotFormat,
    concealment: Concealment,
    /// Errors found when the input was submitted.
    errors: FieldErrors,
}

/// Error of each field, as a sentence for the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FieldErrors {
    frame_rate: Option<String>,
    playout_delay: Option<String>,
}

/// Message of the dialog.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Theme(ThemePreference),
    FrameRate(String),
    PlayoutDelay(String),
    Recordings(RecordingFormat),
    Snapshots(SnapshotFormat),
    ShowDamaged(bool),
    TintMissing(bool),
    Submit,
    Cancel,
}

/// Request of the dialog to the application.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// No request to the application.
    None,
    /// Show this theme at once, as a preview.
    SetTheme(ThemePreference),
    /// Save the preferences, use these values, and close the dialog.
    Apply {
        /// Frame rate of films that state none.
        frame_rate: FrameRate,
        /// Playout delay of the current and of later sessions.
        playout_delay: Duration,
        /// Format of later recordings.
        recording_format: RecordingFormat,
        /// Format of later snapshots.
        snapshot_format: SnapshotFormat,
        /// Display of damaged frames of the current and of later sessions.
        concealment: Concealment,
    },
    /// Close the dialog and discard the input.
    Close,
}

/// Id of the frame rate field, which has the focus when the dialog opens.
pub const FRAME_RATE_INPUT_ID: &str = "preferences-rate";

const PLAYOUT_DELAY_INPUT_ID: &str = "preferences-delay";

impl Form {
    /// Creates a dialog with the current settings.
    pub fn new(theme: ThemePreference, frame_rate: FrameRate, settings: &Settings) -> Self {
        Self {
            theme,
            frame_rate: frame_rate.exact_text(),
            playout_delay: settings.playout_delay().as_millis().to_string(),
            recording_format: settings.recording_format,
            snapshot_format: settings.snapshot_format,
            concealment: Concealment {
                shows_damaged: settings.show_damaged_frames,
                tints_concealed: settings.tint_missing_parts,
            },
            errors: FieldErrors::default(),
        }
    }

    /// Applies a message to the input.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::Theme(theme) => {
                self.theme = theme;
                return Action::SetTheme(theme);
            }
            Message::FrameRate(rate) => {
                self.frame_rate = rate;
                self.errors.frame_rate = None;
            }
            Message::PlayoutDelay(delay) => {
                self.playout_delay = delay;
                self.errors.playout_delay = None;
            }
            Message::Recordings(format) => self.recording_format = format,
            Message::Snapshots(format) => self.snapshot_format = format,
            Message::ShowDamaged(shows_damaged) => self.concealment.shows_damaged = shows_damaged,
            Message::TintMissing(tints_concealed) => self.concealment.tints_concealed = tints_concealed,
            Message::Cancel => return Action::Close,
            Message::Submit => match self.parse() {
                Ok(action) => return action,
                Err(errors) => self.errors = errors,
            },
        }
        Action::None
    }

    fn parse(&self) -> Result<Action, FieldErrors> {
        match (self.parse_frame_rate(), self.parse_playout_delay()) {
            (Ok(rate), Ok(delay)) => Ok(Action::Apply {
                frame_rate: rate,
                playout_delay: delay,
                recording_format: self.recording_format,
                snapshot_format: self.snapshot_format,
                concealment: self.concealment,
            }),
            (rate, delay) => Err(FieldErrors { frame_rate: rate.err(), playout_delay: delay.err() }),
        }
    }

    fn parse_frame_rate(&self) -> Result<FrameRate, String> {
        self.frame_rate.parse().map_err(|error| error_sentence(&error))
    }

    fn parse_playout_delay(&self) -> Result<Duration, String> {
        let parsed =
            self.playout_delay.trim().parse().ok().filter(|delay: &u32| *delay <= MAX_PLAYOUT_DELAY_MS);
        let delay = parsed.ok_or_else(|| {
            format!("The playout delay is a whole number of milliseconds from 0 to {MAX_PLAYOUT_DELAY_MS}.")
        })?;
        Ok(Duration::from_millis(u64::from(delay)))
    }

    /// Returns the rows about frames of which a part is missing.
    fn damaged_frame_rows(&self) -> [Element<'_, Message>; 2] {
        let Concealment { shows_damaged, tints_concealed } = self.concealment;
        [
            switch_row("Show damaged frames", shows_damaged, Message::ShowDamaged),
            switch_row("Tint their missing parts", tints_concealed, Message::TintMissing),
        ]
    }

    /// Returns the content of the dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let themes = [
            ("System", ThemePreference::System),
            ("Dark", ThemePreference::Dark),
            ("Light", ThemePreference::Light),
        ];
        let field = |id, value, on_input: fn(String) -> Message, is_invalid| {
            text_input("", value)
                .id(id)
                .on_input(on_input)
                .on_submit(Message::Submit)
                .padding(8)
                .size(size::NORMAL)
                .width(110)
                .style(theme::field(is_invalid))
        };
        let rate = field(
            FRAME_RATE_INPUT_ID,
            &self.frame_rate,
            Message::FrameRate,
            self.errors.frame_rate.is_some(),
        );
        let delay = field(
            PLAYOUT_DELAY_INPUT_ID,
            &self.playout_delay,
            Message::PlayoutDelay,
            self.errors.playout_delay.is_some(),
        );
        let recordings = [
            ("MOV", RecordingFormat::Mov),
            ("AVI", RecordingFormat::Avi),
            ("Classroom", RecordingFormat::Classroom),
        ];
        let snapshots = [("JPEG", SnapshotFormat::Jpeg), ("PNG", SnapshotFormat::Png)];
        let buttons = buttons(Message::Cancel, "Apply", Some(Message::Submit));
        let mut content = column![
            text("Preferences").size(size::LARGE + 2.0).font(theme::STRONG),
            setting_row("Theme", choices(themes, self.theme, Message::Theme)),
            setting_row("Frame rate of films that state none (frames/s)", rate),
            setting_row("Playout delay (ms)", delay),
            setting_row("Recordings", choices(recordings, self.recording_format, Message::Recordings)),
            setting_row("Snapshots", choices(snapshots, self.snapshot_format, Message::Snapshots)),
        ]
        .spacing(distance::NORMAL)
        .extend(self.damaged_frame_rows());
        if let Some(warning) = self.recording_format.warning() {
            content = content.push(text(warning).size(size::SMALL).style(theme::muted));
        }
        for sentence in self.errors.frame_rate.iter().chain(&self.errors.playout_delay) {
            content = content.push(text(sentence.as_str()).size(size::NORMAL).style(theme::danger));
        }
        // A small window has no space for all of it.
        scrollable(content.push(about()).push(buttons).width(Fill)).style(theme::scroll_bar).into()
    }
}

/// Returns a row with a switch.
fn switch_row<'a>(label: &'a str, is_on: bool, on_choice: fn(bool) -> Message) -> Element<'a, Message> {
    setting_row(label, choices([("On", true), ("Off", false)], is_on, on_choice))
}

/// Returns the program's version and notices.
fn about<'a>() -> Element<'a, Message> {
    column![
        text("About").size(size::NORMAL).font(theme::STRONG),
        text(format!("Reelay {VERSION_AND_NOTICES}")).size(size::SMALL).style(theme::muted),
    ]
    .spacing(distance::SMALL)
    .into()
}

/// Formats an error as a sentence: first letter in upper case, full stop at the end.
fn error_sentence(error: &impl std::fmt::Display) -> String {
    let message = error.to_string();
    let (first, rest) = message.split_at(message.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_applied_or_rejected_with_reason() {
        let mut form = Form::new(ThemePreference::System, FrameRate::CLASSROOM, &Settings::default());
        form.update(Message::FrameRate("29.97".to_owned()));
        form.update(Message::PlayoutDelay("200".to_owned()));
        form.update(Message::Recordings(RecordingFormat::Avi));
        form.update(Message::Snapshots(SnapshotFormat::Png));
        form.update(Message::ShowDamaged(false));
        form.update(Message::TintMissing(true));
        let applied = Action::Apply {
            frame_rate: FrameRate::new(30_000, 1_001).unwrap(),
            playout_delay: Duration::from_millis(200),
            recording_format: RecordingFormat::Avi,
            snapshot_format: SnapshotFormat::Png,
            concealment: Concealment { shows_damaged: false, tints_concealed: true },
        };
        assert_eq!(form.update(Message::Submit), applied);
        form.update(Message::FrameRate("fast".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        let rule = "A frame rate is a number from 0.1 to 240, like 25, 29.97 or 30000/1001.";
        assert_eq!(form.errors, FieldErrors { frame_rate: Some(rule.to_owned()), playout_delay: None });
        form.update(Message::FrameRate("25".to_owned()));
        form.update(Message::PlayoutDelay("a while".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        assert!(form.errors.frame_rate.is_none() && form.errors.playout_delay.is_some());
        form.update(Message::FrameRate("0".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        assert!(
            form.errors.frame_rate.is_some() && form.errors.playout_delay.is_some(),
            "both errors are shown"
        );
    }
}
