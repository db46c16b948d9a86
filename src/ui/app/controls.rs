//! Bar below the video: time line, buttons, and the number of the frame.

use iced::widget::text::Wrapping;
use iced::widget::{Row, Text, button, column, container, row, slider, text};
use iced::{Center, Element, Fill, Right, Theme};

use super::playback::{Button, Playback, PlaybackPosition};
use crate::proto::rtsp::Npt;
use crate::session::RtspState;
use crate::settings::Controls;
use crate::ui::text_format;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::icon::{Icon, icon};

/// Request of the bar to the application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Click on a button.
    Press(Button),
    /// Drag of the time line to a position that is not final.
    Drag(Npt),
    /// Release of the time line.
    Release,
}

/// Returns the bar. `drag_position` is the position that the time line is being dragged to, and `played_s` the playing
/// time of the session in seconds, which a live stream shows.
pub fn view(
    playback: &Playback,
    controls: Controls,
    drag_position: Option<Npt>,
    played_s: f64,
) -> Element<'_, Action> {
    let position = match drag_position {
        Some(position) => playback.position().at(position, playback.frame_times().as_ref()),
        None => playback.position(),
    };
    let label = match playback.pending_position(drag_position) {
        Some(pending) => text(format!("Play resumes at {}", text_format::time(pending))),
        None => text(frame_label(position)).style(theme::muted),
    };
    let line = match position.is_live {
        true => live_line(playback.state() == RtspState::Playing, played_s),
        false => seek_bar(position),
    };
    let bar = column![line, button_row(playback, controls, label)].spacing(distance::SMALL);
    container(bar).padding([distance::NORMAL, distance::WIDE]).width(Fill).style(theme::bar).into()
}

/// Converts a position to the value of the slider, in µs. Exact up to 2⁵³ µs, which is 285 years.
fn slider_value(position: Npt) -> f64 {
    position.as_micros() as f64
}

/// Returns the line of a live stream, which has no length: the playing time, and a mark.
fn live_line<'a>(is_playing: bool, played_s: f64) -> Element<'a, Action> {
    let played = Npt::from_micros((played_s.max(0.0) * 1e6) as u64);
    let label = container(text("Live").size(size::SMALL).font(theme::STRONG))
        .padding([1, 8])
        .style(theme::live_mark(is_playing));
    row![text(text_format::time(played)).size(size::SMALL).width(Fill).wrapping(Wrapping::None), label]
        .spacing(distance::SMALL)
        .align_y(Center)
        .height(LIVE_LINE_HEIGHT)
        .into()
}

/// Height of the line of a live stream in logical pixels, that of the time line of a film.
const LIVE_LINE_HEIGHT: f32 = 22.0;

fn seek_bar<'a>(position: PlaybackPosition) -> Element<'a, Action> {
    let elapsed = position.elapsed.unwrap_or_default();
    let end = position.duration.unwrap_or_default();
    let line = slider(0.0..=slider_value(end).max(1.0), slider_value(elapsed.min(end)), |to| {
        Action::Drag(Npt::from_micros(to as u64))
    });
    let line = match position.can_seek {
        true => line
            .on_release(Action::Release)
            .style(theme::slider_style as fn(&Theme, slider::Status) -> slider::Style),
        // iced has no disabled slider: this one has a muted style, and the application ignores its messages.
        false => line.style(theme::disabled_slider_style),
    };
    let length = match (position.duration, position.is_growing) {
        (Some(length), false) => text_format::time(length),
        // The index is still growing.
        (Some(length), true) => format!("{} …", text_format::time(length)),
        (None, _) => String::new(),
    };
    let elapsed = match (position.elapsed, position.duration) {
        (None, None) => String::new(),
        _ => text_format::time(elapsed),
    };
    let label =
        |content: String| text(content).size(size::SMALL).width(time_width(end)).wrapping(Wrapping::None);
    row![label(elapsed), line.step(1.0).width(Fill), label(length).align_x(Right).style(theme::muted)]
        .spacing(distance::SMALL)
        .align_y(Center)
        .into()
}

/// Returns the width of a time in logical pixels. It depends on the duration only, so that the time line keeps its
/// length during playback.
fn time_width(duration: Npt) -> f32 {
    if duration.as_micros() < 3_600_000_000 { 64.0 } else { 92.0 }
}

fn frame_label(position: PlaybackPosition) -> String {
    match (position.frame_number, position.frame_count) {
        (Some(frame), Some(frames)) => format!("Frame {frame} of {frames}"),
        (Some(frame), None) => format!("Frame {frame}"),
        (None, Some(frames)) => format!("{frames} frames"),
        (None, None) => String::new(),
    }
}

fn button_row<'a>(playback: &Playback, controls: Controls, label: Text<'a>) -> Element<'a, Action> {
    let buttons: &[Button] = match playback.controls(controls) {
        Controls::Three => &[Button::Play, Button::Pause, Button::Stop],
        Controls::Four => &[Button::Setup, Button::Play, Button::Pause, Button::Teardown],
    };
    let buttons = buttons.iter().map(|&button| control_button(button, playback.is_enabled(button, controls)));
    row![
        Row::with_children(buttons).spacing(distance::SMALL),
        label.size(size::SMALL).width(Fill).align_x(Right)
    ]
    .spacing(distance::SMALL)
    .align_y(Center)
    .into()
}

fn control_button<'a>(kind: Button, is_enabled: bool) -> Element<'a, Action> {
    let (symbol, label) = match kind {
        Button::Setup => (Icon::Setup, "Setup"),
        Button::Play => (Icon::Play, "Play"),
        Button::Pause => (Icon::Pause, "Pause"),
        Button::Stop => (Icon::Stop, "Stop"),
        Button::Teardown => (Icon::Teardown, "Teardown"),
    };
    // The buttons of the next step towards playing stand out.
    let style = match kind {
        Button::Setup | Button::Play => theme::primary,
        _ => theme::secondary,
    };
    let content = row![icon(symbol), text(label).size(size::LARGE)].spacing(distance::SMALL).align_y(Center);
    button(container(content).center_x(Fill))
        .width(116)
        .padding([9, 10])
        .style(style)
        .on_press_maybe(is_enabled.then_some(Action::Press(kind)))
        .into()
}
