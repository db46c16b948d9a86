//! Field of the status bar with the frame rate of a film that states none, and common rates beside it.

use iced::Center;
use iced::widget::text::Wrapping;
use iced::widget::{text, text_input};

use crate::media::FrameRate;
use crate::ui::renderer::{Element, Row};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::blur_input::blur_input;
use crate::ui::widget::choices::choices_in_line;

/// Input of the field.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Text that was typed.
    Input(String),
    /// Enter, which applies the text.
    Submit,
    /// Loss of the focus, which discards the text.
    Blur,
    /// Click on a common rate.
    Choose(FrameRate),
}

/// Field with the frame rate of a film.
#[derive(Debug, Default)]
pub struct Field {
    /// Text that was typed and not applied; `None` while the field is not edited.
    input: Option<String>,
}

/// Id of the field.
pub const ID: &str = "frame-rate";

/// Width of the field in logical pixels, enough for "29.97"; a longer text scrolls.
const FIELD_WIDTH: f32 = 46.0;

/// Width of the text beside it in logical pixels, so that nothing moves while the field is edited.
const LABEL_WIDTH: f32 = 90.0;

/// Rates of most films without one: the classroom's, cinema, and television.
fn common_rates() -> [(&'static str, FrameRate); 4] {
    [("20", 20), ("24", 24), ("25", 25), ("30", 30)].map(|(name, rate)| (name, FrameRate::per_second(rate)))
}

impl Field {
    /// Handles an input; returns a rate that was entered.
    pub fn update(&mut self, message: Message) -> Option<FrameRate> {
        match message {
            Message::Input(input) => {
                self.input = Some(input);
                None
            }
            Message::Submit => self.input.take()?.trim().parse().ok(),
            Message::Blur => {
                self.input = None;
                None
            }
            Message::Choose(rate) => {
                self.input = None;
                Some(rate)
            }
        }
    }

    /// Returns the field, with common rates beside it if there is space; `rate` is the rate in use.
    pub fn view<'a>(&self, rate: FrameRate, is_chosen: bool, has_space: bool) -> Element<'a, Message> {
        let value = self.input.clone().unwrap_or_else(|| rate.exact_text());
        let is_invalid = value.trim().parse::<FrameRate>().is_err();
        let label = match (&self.input, is_invalid) {
            (None, _) if is_chosen => text("fps (chosen)").style(theme::muted),
            (None, _) => text("fps (assumed)").style(theme::muted),
            (Some(_), false) => text("fps: press Enter").style(theme::muted),
            (Some(_), true) => text("0.1 to 240 fps").style(theme::danger),
        };
        let field = text_input("", &value)
            .id(ID)
            .on_input(Message::Input)
            .on_submit(Message::Submit)
            .padding([1, 6])
            .size(size::SMALL)
            .width(FIELD_WIDTH)
            .style(theme::field(is_invalid));
        let label = label.size(size::SMALL).width(LABEL_WIDTH).wrapping(Wrapping::None);
        let common = has_space.then(|| choices_in_line(common_rates(), rate, Message::Choose));
        Row::new()
            .extend(common)
            .push(blur_input(field, Message::Blur))
            .push(label)
            .spacing(distance::SMALL)
            .align_y(Center)
            .into()
    }
}
