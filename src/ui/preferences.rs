//! The dialog with what can be set.

use std::time::Duration;

use iced::widget::{Row, button, column, container, row, text, text_input};
use iced::{Center, Element, Fill};

use super::dialog;
use super::theme::{self, size, space as distance};
use crate::media::FrameRate;
use crate::settings::{LONGEST_DELAY_MS, ThemeChoice};

/// What has been chosen and typed so far.
#[derive(Debug, Clone)]
pub struct Form {
    theme: ThemeChoice,
    rate: String,
    delay: String,
    /// What is wrong with the rate and with the delay, in sentences.
    faults: Faults,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Faults {
    rate: Option<String>,
    delay: Option<String>,
}

/// What happens in the dialog.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Theme(ThemeChoice),
    Rate(String),
    Delay(String),
    Submit,
    Cancel,
}

/// What the dialog wants.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Nothing yet.
    None,
    /// This theme, at once.
    SetTheme(ThemeChoice),
    /// These, and to go away.
    Apply {
        /// Frames a second of films that state no rate.
        rate: FrameRate,
        /// How long pictures wait.
        delay: Duration,
    },
    /// Go away.
    Close,
}

/// The field that is typed into first.
pub const RATE_FIELD: &str = "preferences-rate";

/// The other one.
const DELAY_FIELD: &str = "preferences-delay";

impl Form {
    /// A dialog that shows what is set now.
    pub fn new(theme: ThemeChoice, rate: FrameRate, delay: Duration) -> Self {
        Self {
            theme,
            rate: rate.to_string(),
            delay: delay.as_millis().to_string(),
            faults: Faults::default(),
        }
    }

    /// Takes what happened.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::Theme(theme) => {
                self.theme = theme;
                return Action::SetTheme(theme);
            }
            Message::Rate(rate) => {
                self.rate = rate;
                self.faults.rate = None;
            }
            Message::Delay(delay) => {
                self.delay = delay;
                self.faults.delay = None;
            }
            Message::Cancel => return Action::Close,
            Message::Submit => match self.read() {
                Ok(action) => return action,
                Err(faults) => self.faults = faults,
            },
        }
        Action::None
    }

    fn read(&self) -> Result<Action, Faults> {
        match (self.read_rate(), self.read_delay()) {
            (Ok(rate), Ok(delay)) => Ok(Action::Apply { rate, delay }),
            (rate, delay) => Err(Faults { rate: rate.err(), delay: delay.err() }),
        }
    }

    fn read_rate(&self) -> Result<FrameRate, String> {
        self.rate.parse().map_err(|error| sentence(&error))
    }

    fn read_delay(&self) -> Result<Duration, String> {
        let read = self.delay.trim().parse().ok().filter(|delay: &u32| *delay <= LONGEST_DELAY_MS);
        let delay = read.ok_or_else(|| {
            format!("A playout delay is a whole number of milliseconds up to {LONGEST_DELAY_MS}.")
        })?;
        Ok(Duration::from_millis(u64::from(delay)))
    }

    /// The dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let themes =
            [("System", ThemeChoice::System), ("Dark", ThemeChoice::Dark), ("Light", ThemeChoice::Light)];
        let field = |id, value, on_input: fn(String) -> Message, is_wrong| {
            text_input("", value)
                .id(id)
                .on_input(on_input)
                .on_submit(Message::Submit)
                .padding(8)
                .size(size::NORMAL)
                .width(110)
                .style(theme::field(is_wrong))
        };
        let rate = field(RATE_FIELD, &self.rate, Message::Rate, self.faults.rate.is_some());
        let delay = field(DELAY_FIELD, &self.delay, Message::Delay, self.faults.delay.is_some());
        let buttons = dialog::buttons(Message::Cancel, "Apply", Some(Message::Submit));
        let mut content = column![
            text("Preferences").size(size::LARGE + 2.0).font(theme::STRONG),
            setting("Theme", choices(themes, self.theme, Message::Theme)),
            setting("Frames a second of films that state no rate", rate),
            setting("Playout delay in milliseconds", delay),
        ]
        .spacing(distance::NORMAL);
        for sentence in self.faults.rate.iter().chain(&self.faults.delay) {
            content = content.push(text(sentence.as_str()).size(size::NORMAL).style(theme::danger));
        }
        content.push(buttons).width(Fill).into()
    }
}

/// What an error says, as a sentence.
fn sentence(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let (first, rest) = words.split_at(words.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}

/// A line of a dialog: what can be set, and the means to set it.
pub fn setting<'a, M: 'a>(label: &'a str, means: impl Into<Element<'a, M>>) -> Element<'a, M> {
    row![text(label).size(size::NORMAL).width(Fill), means.into()]
        .spacing(distance::NORMAL)
        .align_y(Center)
        .into()
}

/// Several choices of which one holds.
pub fn choices<'a, T, M, const N: usize>(
    all: [(&'a str, T); N],
    chosen: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M>
where
    T: Copy + PartialEq,
    M: Clone + 'a,
{
    let choices = all.map(|(label, choice)| {
        button(text(label).size(size::SMALL))
            .padding([5, 12])
            .style(theme::choice(choice == chosen))
            .on_press(on_choice(choice))
            .into()
    });
    container(Row::with_children(choices).spacing(2)).padding(3).style(theme::choices).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_applied_or_explained() {
        let mut form = Form::new(ThemeChoice::System, FrameRate::CLASSROOM, Duration::from_millis(50));
        form.update(Message::Rate("29.97".to_owned()));
        form.update(Message::Delay("200".to_owned()));
        let rate = FrameRate::new(30_000, 1_001).unwrap();
        assert_eq!(form.update(Message::Submit), Action::Apply { rate, delay: Duration::from_millis(200) });
        form.update(Message::Rate("fast".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        let rule = "A frame rate is a number from 0.1 to 240, like 25, 29.97 or 30000/1001.";
        assert_eq!(form.faults, Faults { rate: Some(rule.to_owned()), delay: None });
        form.update(Message::Rate("25".to_owned()));
        form.update(Message::Delay("a while".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        assert!(form.faults.rate.is_none() && form.faults.delay.is_some());
        form.update(Message::Rate("0".to_owned()));
        assert_eq!(form.update(Message::Submit), Action::None);
        assert!(form.faults.rate.is_some() && form.faults.delay.is_some(), "both are told");
    }
}
