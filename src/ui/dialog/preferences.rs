//! The dialog with what can be set.

use std::time::Duration;

use iced::widget::{Row, button, column, container, row, text, text_input};
use iced::{Center, Element, Fill};

use crate::media::FrameRate;
use crate::settings::{MAX_PLAYOUT_DELAY_MS, ThemePreference};
use crate::ui::dialog;
use crate::ui::theme::{self, size, space as distance};

/// What has been chosen and typed so far.
#[derive(Debug, Clone)]
pub struct Form {
    theme: ThemePreference,
    frame_rate: String,
    playout_delay: String,
    /// What is wrong with the rate and with the delay, in sentences.
    errors: FieldErrors,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FieldErrors {
    frame_rate: Option<String>,
    playout_delay: Option<String>,
}

/// What happens in the dialog.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Theme(ThemePreference),
    FrameRate(String),
    PlayoutDelay(String),
    Submit,
    Cancel,
}

/// What the dialog wants.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Nothing yet.
    None,
    /// This theme, at once.
    SetTheme(ThemePreference),
    /// These, and to go away.
    Apply {
        /// Frames a second of films that state no rate.
        frame_rate: FrameRate,
        /// How long pictures wait.
        playout_delay: Duration,
    },
    /// Go away.
    Close,
}

/// The field that is typed into first.
pub const FRAME_RATE_INPUT_ID: &str = "preferences-rate";

/// The other one.
const PLAYOUT_DELAY_INPUT_ID: &str = "preferences-delay";

impl Form {
    /// A dialog that shows what is set now.
    pub fn new(theme: ThemePreference, frame_rate: FrameRate, playout_delay: Duration) -> Self {
        Self {
            theme,
            frame_rate: frame_rate.to_string(),
            playout_delay: playout_delay.as_millis().to_string(),
            errors: FieldErrors::default(),
        }
    }

    /// Takes what happened.
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
            Message::Cancel => return Action::Close,
            Message::Submit => match self.parse() {
                Ok(action) => return action,
                Err(faults) => self.errors = faults,
            },
        }
        Action::None
    }

    fn parse(&self) -> Result<Action, FieldErrors> {
        match (self.parse_frame_rate(), self.parse_playout_delay()) {
            (Ok(rate), Ok(delay)) => Ok(Action::Apply { frame_rate: rate, playout_delay: delay }),
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
            format!("A playout delay is a whole number of milliseconds up to {MAX_PLAYOUT_DELAY_MS}.")
        })?;
        Ok(Duration::from_millis(u64::from(delay)))
    }

    /// The dialog.
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
        let buttons = dialog::buttons(Message::Cancel, "Apply", Some(Message::Submit));
        let mut content = column![
            text("Preferences").size(size::LARGE + 2.0).font(theme::STRONG),
            setting_row("Theme", choices(themes, self.theme, Message::Theme)),
            setting_row("Frames a second of films that state no rate", rate),
            setting_row("Playout delay in milliseconds", delay),
        ]
        .spacing(distance::NORMAL);
        for sentence in self.errors.frame_rate.iter().chain(&self.errors.playout_delay) {
            content = content.push(text(sentence.as_str()).size(size::NORMAL).style(theme::danger));
        }
        content.push(buttons).width(Fill).into()
    }
}

/// What an error says, as a sentence.
fn error_sentence(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let (first, rest) = words.split_at(words.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}

/// A line of a dialog: what can be set, and the means to set it.
pub fn setting_row<'a, M: 'a>(label: &'a str, control: impl Into<Element<'a, M>>) -> Element<'a, M> {
    row![text(label).size(size::NORMAL).width(Fill), control.into()]
        .spacing(distance::NORMAL)
        .align_y(Center)
        .into()
}

/// Several choices of which one holds.
pub fn choices<'a, T, M, const N: usize>(
    options: [(&'a str, T); N],
    selected: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M>
where
    T: Copy + PartialEq,
    M: Clone + 'a,
{
    let choices = options.map(|(label, choice)| {
        button(text(label).size(size::SMALL))
            .padding([5, 12])
            .style(theme::choice(choice == selected))
            .on_press(on_choice(choice))
            .into()
    });
    container(Row::with_children(choices).spacing(2)).padding(3).style(theme::choices).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_applied_or_rejected_with_reason() {
        let mut form = Form::new(ThemePreference::System, FrameRate::CLASSROOM, Duration::from_millis(50));
        form.update(Message::FrameRate("29.97".to_owned()));
        form.update(Message::PlayoutDelay("200".to_owned()));
        let frame_rate = FrameRate::new(30_000, 1_001).unwrap();
        assert_eq!(
            form.update(Message::Submit),
            Action::Apply { frame_rate, playout_delay: Duration::from_millis(200) }
        );
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
        assert!(form.errors.frame_rate.is_some() && form.errors.playout_delay.is_some(), "both are told");
    }
}
