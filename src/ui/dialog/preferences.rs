//! Preferences dialog, in sections: appearance, playing, network, privacy, and about the program.

use std::time::Duration;

use iced::Fill;
use iced::widget::{column, container, scrollable, text, text_input};

use super::about;
use crate::backend::Concealment;
use crate::media::FrameRate;
use crate::proto::fec::ParityLayout;
use crate::recording::{RecordingFormat, SnapshotFormat};
use crate::settings::{MAX_PLAYOUT_DELAY_MS, Settings, ThemePreference};
use crate::ui::dialog::layout::{buttons, setting_row, title};
use crate::ui::renderer::{Column, Element, TextInput};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::choices::choices;

/// Section of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Section {
    #[default]
    Appearance,
    Playing,
    Network,
    Privacy,
    About,
}

/// Values that the dialog changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferences {
    /// Frame rate of films that state none.
    pub frame_rate: FrameRate,
    /// Playout delay of the current and of later sessions, unless it is automatic.
    pub playout_delay: Duration,
    /// Values that are chosen and not typed.
    pub choices: Choices,
}

/// Values that are chosen and not typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// Size of text and controls, in percent; `None` if none was chosen, since keys can change it meanwhile.
    pub interface_scale: Option<u8>,
    /// The playout delay of the current and of later sessions follows the network.
    pub is_delay_automatic: bool,
    /// Lost packets of later sessions are requested again.
    pub retransmission: bool,
    /// Arrangement of the packets that parity packets protect in later sessions; `None` for no parity packets.
    pub error_correction: Option<ParityLayout>,
    /// Format of later recordings.
    pub recording_format: RecordingFormat,
    /// Format of later snapshots.
    pub snapshot_format: SnapshotFormat,
    /// Display of damaged frames of the current and of later sessions.
    pub concealment: Concealment,
    /// Films and streams that are opened are remembered.
    pub keep_recents: bool,
    /// The window stays above all others.
    pub keep_on_top: bool,
    /// With three buttons, films play as soon as they are opened.
    pub play_when_opened: bool,
    /// Films continue where they were left.
    pub resume_films: bool,
}

/// Input of the dialog.
#[derive(Debug, Clone)]
pub struct Form {
    section: Section,
    theme: ThemePreference,
    /// Size of text and controls when the dialog was opened, in percent.
    interface_scale: u8,
    frame_rate: String,
    playout_delay: String,
    choices: Choices,
    /// Arrangement of parity packets in the settings that is none of the usual ones, and its name.
    other_layout: Option<(String, ParityLayout)>,
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
    Section(Section),
    Theme(ThemePreference),
    Scale(u8),
    FrameRate(String),
    PlayoutDelay(String),
    AutomaticDelay(bool),
    Retransmission(bool),
    ErrorCorrection(Option<ParityLayout>),
    Recordings(RecordingFormat),
    Snapshots(SnapshotFormat),
    ShowDamaged(bool),
    TintMissing(bool),
    KeepRecents(bool),
    KeepOnTop(bool),
    PlayWhenOpened(bool),
    ResumeFilms(bool),
    Submit,
    Cancel,
}

/// Request of the dialog to the application.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// No request to the application.
    None,
    /// Move the keyboard focus to the field with this id.
    Focus(&'static str),
    /// Show this theme at once, as a preview.
    SetTheme(ThemePreference),
    /// Save the preferences, use these values, and close the dialog.
    Apply(Preferences),
    /// Close the dialog and discard the input.
    Close,
}

const FRAME_RATE_INPUT_ID: &str = "preferences-rate";
const PLAYOUT_DELAY_INPUT_ID: &str = "preferences-delay";

/// Sizes of text and controls that can be chosen, in percent.
const SCALES: [(&str, u8); 4] = [("100 %", 100), ("125 %", 125), ("150 %", 150), ("200 %", 200)];

/// Arrangements of the packets that parity packets protect that can be chosen, as text.
const ERROR_CORRECTIONS: [(&str, Option<&str>); 5] =
    [("Off", None), ("1:10", Some("10")), ("1:5", Some("5")), ("1:3", Some("3")), ("10 × 10", Some("10x10"))];

/// Returns the label of the sizes, with the current one if it is none of them but was reached with a key.
fn scale_label(scale: u8) -> String {
    match SCALES.iter().any(|(_, listed)| *listed == scale) {
        true => "Size of text and controls".to_owned(),
        false => format!("Size of text and controls: {scale} %"),
    }
}

impl Form {
    /// Creates a dialog with the current settings.
    pub fn new(theme: ThemePreference, frame_rate: FrameRate, settings: &Settings) -> Self {
        Self {
            section: Section::default(),
            theme,
            interface_scale: settings.interface_scale,
            frame_rate: frame_rate.exact_text(),
            playout_delay: settings.playout_delay().as_millis().to_string(),
            choices: Choices {
                interface_scale: None,
                is_delay_automatic: settings.automatic_playout_delay,
                retransmission: settings.retransmission,
                error_correction: settings.error_correction,
                recording_format: settings.recording_format,
                snapshot_format: settings.snapshot_format,
                concealment: Concealment {
                    shows_damaged: settings.show_damaged_frames,
                    tints_concealed: settings.tint_missing_parts,
                },
                keep_recents: settings.keep_recents,
                keep_on_top: settings.keep_on_top,
                play_when_opened: settings.play_when_opened,
                resume_films: settings.resume_films,
            },
            other_layout: settings
                .error_correction
                .map(|layout| (layout.to_string(), layout))
                .filter(|(name, _)| ERROR_CORRECTIONS.iter().all(|(_, usual)| *usual != Some(name.as_str()))),
            errors: FieldErrors::default(),
        }
    }

    /// Applies a message to the input.
    pub fn update(&mut self, message: Message) -> Action {
        let choices = &mut self.choices;
        match message {
            // The focus stays on the tabs, so that the arrow keys go through them.
            Message::Section(section) => self.section = section,
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
            Message::Scale(percent) => choices.interface_scale = Some(percent),
            Message::AutomaticDelay(is_automatic) => choices.is_delay_automatic = is_automatic,
            Message::Retransmission(retransmission) => choices.retransmission = retransmission,
            Message::ErrorCorrection(layout) => choices.error_correction = layout,
            Message::Recordings(format) => choices.recording_format = format,
            Message::Snapshots(format) => choices.snapshot_format = format,
            Message::ShowDamaged(shows_damaged) => choices.concealment.shows_damaged = shows_damaged,
            Message::TintMissing(tints) => choices.concealment.tints_concealed = tints,
            Message::KeepRecents(keep_recents) => choices.keep_recents = keep_recents,
            Message::KeepOnTop(keep_on_top) => choices.keep_on_top = keep_on_top,
            Message::PlayWhenOpened(play_when_opened) => choices.play_when_opened = play_when_opened,
            Message::ResumeFilms(resume_films) => choices.resume_films = resume_films,
            Message::Cancel => return Action::Close,
            Message::Submit => return self.submit(),
        }
        Action::None
    }

    fn show(&mut self, section: Section) -> Action {
        self.section = section;
        match section {
            Section::Playing => Action::Focus(FRAME_RATE_INPUT_ID),
            Section::Network if !self.choices.is_delay_automatic => Action::Focus(PLAYOUT_DELAY_INPUT_ID),
            _ => Action::None,
        }
    }

    /// Returns the values, or shows the section with the first error.
    fn submit(&mut self) -> Action {
        match (self.parse_frame_rate(), self.parse_playout_delay()) {
            (Ok(frame_rate), Ok(playout_delay)) => {
                Action::Apply(Preferences { frame_rate, playout_delay, choices: self.choices })
            }
            (rate, delay) => {
                let section = if rate.is_err() { Section::Playing } else { Section::Network };
                self.errors = FieldErrors { frame_rate: rate.err(), playout_delay: delay.err() };
                self.show(section)
            }
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

    /// Returns the content of the dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let sections = [
            ("Appearance", Section::Appearance),
            ("Playing", Section::Playing),
            ("Network", Section::Network),
            ("Privacy", Section::Privacy),
            ("About", Section::About),
        ];
        let content = match self.section {
            Section::Appearance => self.appearance(),
            Section::Playing => self.playing(),
            Section::Network => self.network(),
            Section::Privacy => self.privacy(),
            Section::About => about::view(),
        };
        let content = container(content).padding(iced::Padding::ZERO.right(distance::WIDE));
        column![
            title("Preferences"),
            iced::widget::row![choices(sections, self.section, Message::Section)],
            scrollable(content).width(Fill).height(Fill).style(theme::scroll_bar),
            container(buttons(Message::Cancel, "Apply", Some(Message::Submit)))
                .padding(iced::Padding::ZERO.right(distance::WIDE)),
        ]
        .spacing(distance::WIDE)
        .into()
    }

    fn appearance(&self) -> Column<'_, Message> {
        let scale = self.choices.interface_scale.unwrap_or(self.interface_scale);
        let themes = [
            ("System", ThemePreference::System),
            ("Dark", ThemePreference::Dark),
            ("Light", ThemePreference::Light),
        ];
        rows([
            setting_row("Theme", choices(themes, self.theme, Message::Theme)),
            setting_row(scale_label(scale), choices(SCALES, scale, Message::Scale)),
            switch_row("Keep on top", self.choices.keep_on_top, Message::KeepOnTop),
        ])
    }

    fn playing(&self) -> Column<'_, Message> {
        let error = self.errors.frame_rate.as_deref();
        let rate = field(FRAME_RATE_INPUT_ID, &self.frame_rate, Message::FrameRate, error.is_some());
        let recordings = [
            ("MOV", RecordingFormat::Mov),
            ("AVI", RecordingFormat::Avi),
            ("Classroom", RecordingFormat::Classroom),
        ];
        let snapshots = [("JPEG", SnapshotFormat::Jpeg), ("PNG", SnapshotFormat::Png)];
        let Choices {
            recording_format, snapshot_format, concealment, play_when_opened, resume_films, ..
        } = self.choices;
        rows([setting_row("Frame rate of films that state none (frames/s)", rate)])
            .extend(error.map(error_line))
            .push(switch_row("Play when opened (three buttons)", play_when_opened, Message::PlayWhenOpened))
            .push(switch_row("Resume from the last position", resume_films, Message::ResumeFilms))
            .push(switch_row("Show damaged frames", concealment.shows_damaged, Message::ShowDamaged))
            .push(switch_row("Tint their missing parts", concealment.tints_concealed, Message::TintMissing))
            .push(setting_row("Recordings", choices(recordings, recording_format, Message::Recordings)))
            .extend(recording_format.warning().map(note))
            .push(setting_row("Snapshots", choices(snapshots, snapshot_format, Message::Snapshots)))
    }

    fn network(&self) -> Column<'_, Message> {
        let error = self.errors.playout_delay.as_deref();
        let delay =
            field(PLAYOUT_DELAY_INPUT_ID, &self.playout_delay, Message::PlayoutDelay, error.is_some());
        let Choices { is_delay_automatic, retransmission, error_correction, .. } = self.choices;
        let delays = [("Fixed", false), ("Automatic", true)];
        let delays = choices(delays, is_delay_automatic, Message::AutomaticDelay);
        let content = rows([setting_row("Playout delay", delays)]);
        let content = match is_delay_automatic {
            true => content.push(note("It follows the jitter of the network, from 50 ms up.")),
            false => {
                content.push(setting_row("Fixed playout delay (ms)", delay)).extend(error.map(error_line))
            }
        };
        content
            .push(switch_row("Request lost packets again", retransmission, Message::Retransmission))
            .push(note(
                "Over UDP, where the server can send them again (RFC 4588), as Reelay's does; from the next film or \
                 stream that is opened.",
            ))
            .push(setting_row("Error correction", self.error_corrections(error_correction)))
            .push(note(
                "Parity packets over UDP, from which lost packets are recovered without a request, where the server offers \
                 them, as Reelay's does: one for 10, 5 or 3 packets (RFC 5109), or one for each row and column of a grid \
                 (RFC 8627). They add to the data rate. The setting takes effect with the next film or stream that is opened.",
            ))
    }

    fn error_corrections(&self, selected: Option<ParityLayout>) -> Element<'_, Message> {
        let usual = |(label, layout): (_, Option<&str>)| (label, layout.and_then(|text| text.parse().ok()));
        let [off, tenth, fifth, third, grid] = ERROR_CORRECTIONS.map(usual);
        match &self.other_layout {
            Some((name, layout)) => {
                let other = (name.as_str(), Some(*layout));
                choices([off, tenth, fifth, third, grid, other], selected, Message::ErrorCorrection)
            }
            None => choices([off, tenth, fifth, third, grid], selected, Message::ErrorCorrection),
        }
    }

    fn privacy(&self) -> Column<'_, Message> {
        let keep_recents = self.choices.keep_recents;
        rows([switch_row("Remember what was opened", keep_recents, Message::KeepRecents)]).push(note(
            "The start screen lists the last 20 films and streams, without passwords. They stay on this machine, in \
             settings.toml. Off also clears the list, and where films were left. Rotation and frame rate of films are kept.",
        ))
    }
}

fn rows<const N: usize>(rows: [Element<'_, Message>; N]) -> Column<'_, Message> {
    Column::with_children(rows).spacing(distance::NORMAL).width(Fill)
}

/// Returns a row with a switch.
fn switch_row<'a>(label: &'a str, is_on: bool, on_choice: fn(bool) -> Message) -> Element<'a, Message> {
    setting_row(label, choices([("On", true), ("Off", false)], is_on, on_choice))
}

fn field<'a>(
    id: &'static str,
    value: &str,
    on_input: fn(String) -> Message,
    is_invalid: bool,
) -> TextInput<'a, Message> {
    text_input("", value)
        .id(id)
        .on_input(on_input)
        .on_submit(Message::Submit)
        .padding(8)
        .size(size::NORMAL)
        .width(110)
        .style(theme::field(is_invalid))
}

fn note(sentence: &str) -> Element<'_, Message> {
    text(sentence).size(size::SMALL).style(theme::muted).into()
}

fn error_line(sentence: &str) -> Element<'_, Message> {
    text(sentence).size(size::NORMAL).style(theme::danger).into()
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
        form.update(Message::Scale(125));
        form.update(Message::AutomaticDelay(true));
        form.update(Message::Retransmission(true));
        form.update(Message::ErrorCorrection("10x10".parse().ok()));
        form.update(Message::KeepRecents(false));
        let applied = Action::Apply(Preferences {
            frame_rate: FrameRate::new(30_000, 1_001).unwrap(),
            playout_delay: Duration::from_millis(200),
            choices: Choices {
                interface_scale: Some(125),
                is_delay_automatic: true,
                retransmission: true,
                error_correction: "10x10".parse().ok(),
                recording_format: RecordingFormat::Avi,
                snapshot_format: SnapshotFormat::Png,
                concealment: Concealment { shows_damaged: false, tints_concealed: true },
                keep_recents: false,
                keep_on_top: false,
                play_when_opened: false,
                resume_films: false,
            },
        });
        assert_eq!(form.update(Message::Submit), applied);
        form.update(Message::FrameRate("fast".to_owned()));
        form.update(Message::Section(Section::About));
        assert_eq!(form.update(Message::Submit), Action::Focus(FRAME_RATE_INPUT_ID));
        assert_eq!(form.section, Section::Playing, "the section with the error");
        let rule = "A frame rate is a number from 0.1 to 240, like 25, 29.97 or 30000/1001.";
        assert_eq!(form.errors, FieldErrors { frame_rate: Some(rule.to_owned()), playout_delay: None });
        form.update(Message::FrameRate("25".to_owned()));
        form.update(Message::AutomaticDelay(false));
        form.update(Message::PlayoutDelay("a while".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::Focus(PLAYOUT_DELAY_INPUT_ID));
        assert!(form.errors.frame_rate.is_none() && form.errors.playout_delay.is_some());
        form.update(Message::FrameRate("0".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::Focus(FRAME_RATE_INPUT_ID));
        assert!(
            form.errors.frame_rate.is_some() && form.errors.playout_delay.is_some(),
            "both errors are shown"
        );
    }
}
