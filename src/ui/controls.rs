//! The bar under the picture: the time line and the buttons.

use iced::widget::text::Wrapping;
use iced::widget::{Row, Text, button, column, container, row, slider, text};
use iced::{Center, Element, Fill, Right, Theme};

use super::format;
use super::icon::{Icon, icon};
use super::playback::{Button, Place, Playback};
use super::theme::{self, size, space as distance};
use crate::proto::rtsp::Npt;
use crate::settings::Controls;

/// What the bar asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// A button was pressed.
    Press(Button),
    /// The time line is being moved; the position is not final.
    Moving(Npt),
    /// The time line was let go.
    Moved,
}

/// The bar. `moving` is where the time line is being moved to.
pub fn view(playback: &Playback, controls: Controls, moving: Option<Npt>) -> Element<'_, Action> {
    let place = match moving {
        Some(position) => playback.place().moved_to(position, playback.rate()),
        None => playback.place(),
    };
    let words = match playback.goes_on_at(moving) {
        Some(position) => text(format!("Play goes on at {}", format::time(position))),
        None => text(frame(place)).style(theme::muted),
    };
    let bar =
        column![time_line(place), buttons_and_words(playback, controls, words)].spacing(distance::SMALL);
    container(bar).padding([distance::NORMAL, distance::WIDE]).width(Fill).style(theme::bar).into()
}

/// Microseconds as the slider counts them; a position is far below where this rounds.
fn on_slider(position: Npt) -> f64 {
    position.as_micros() as f64
}

fn time_line<'a>(place: Place) -> Element<'a, Action> {
    let elapsed = place.elapsed.unwrap_or_default();
    let end = place.length.unwrap_or_default();
    let line = slider(0.0..=on_slider(end).max(1.0), on_slider(elapsed.min(end)), |to| {
        Action::Moving(Npt::from_micros(to as u64))
    });
    let line = match place.can_seek {
        true => line
            .on_release(Action::Moved)
            .style(theme::time_line as fn(&Theme, slider::Status) -> slider::Style),
        // A slider cannot be disabled; this one looks still, and what it says is not listened to.
        false => line.style(theme::still_time_line),
    };
    let length = match (place.length, place.is_growing) {
        (Some(length), false) => format::time(length),
        // More of the film is being read.
        (Some(length), true) => format!("{} …", format::time(length)),
        (None, _) => String::new(),
    };
    let elapsed = match (place.elapsed, place.length) {
        (None, None) => String::new(),
        _ => format::time(elapsed),
    };
    let label = |words: String| text(words).size(size::SMALL).width(room(end)).wrapping(Wrapping::None);
    row![label(elapsed), line.step(1.0).width(Fill), label(length).align_x(Right).style(theme::muted)]
        .spacing(distance::SMALL)
        .align_y(Center)
        .into()
}

/// How wide a time may be: always the same, so that the line keeps still, and more where there are hours.
fn room(length: Npt) -> f32 {
    if length.as_micros() < 3_600_000_000 { 64.0 } else { 92.0 }
}

fn frame(place: Place) -> String {
    match (place.frame, place.frames) {
        (Some(frame), Some(frames)) => format!("Frame {frame} of {frames}"),
        (Some(frame), None) => format!("Frame {frame}"),
        (None, Some(frames)) => format!("{frames} frames"),
        (None, None) => String::new(),
    }
}

fn buttons_and_words<'a>(playback: &Playback, controls: Controls, words: Text<'a>) -> Element<'a, Action> {
    let buttons: &[Button] = match controls {
        Controls::Three => &[Button::Play, Button::Pause, Button::Stop],
        Controls::Four => &[Button::Setup, Button::Play, Button::Pause, Button::Teardown],
    };
    let buttons = buttons.iter().map(|&button| transport(button, playback.is_enabled(button, controls)));
    row![
        Row::with_children(buttons).spacing(distance::SMALL),
        words.size(size::SMALL).width(Fill).align_x(Right)
    ]
    .spacing(distance::SMALL)
    .align_y(Center)
    .into()
}

fn transport<'a>(which: Button, is_enabled: bool) -> Element<'a, Action> {
    let (sign, label) = match which {
        Button::Setup => (Icon::Setup, "Setup"),
        Button::Play => (Icon::Play, "Play"),
        Button::Pause => (Icon::Pause, "Pause"),
        Button::Stop => (Icon::Stop, "Stop"),
        Button::Teardown => (Icon::Teardown, "Teardown"),
    };
    // What leads on where everything begins.
    let style = match which {
        Button::Setup | Button::Play => theme::primary,
        _ => theme::secondary,
    };
    let content = row![icon(sign), text(label).size(size::LARGE)].spacing(distance::SMALL).align_y(Center);
    button(container(content).center_x(Fill))
        .width(116)
        .padding([9, 10])
        .style(style)
        .on_press_maybe(is_enabled.then_some(Action::Press(which)))
        .into()
}
