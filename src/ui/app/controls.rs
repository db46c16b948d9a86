//! Bar below the video: time line, buttons, and the number of the frame.

use iced::mouse::ScrollDelta;
use iced::widget::text::Wrapping;
use iced::widget::{Row, column, container, mouse_area, responsive, row, text};
use iced::{Center, Element, Fill, Right};

use super::playback::{Button, Playback, PlaybackPosition};
use super::recording_state::RecordingState;
use super::transport::{self, Entry, entries};
use crate::proto::rtsp::Npt;
use crate::session::RtspState;
use crate::settings::Controls;
use crate::ui::shortcuts::{Shortcut, with_key};
use crate::ui::text_format;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::{button, slider};
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::icon::{Icon, icon, icon_sized};

/// Request of the bar to the application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Click on a button.
    Press(Button),
    /// Drag of the time line to a position that is not final.
    Drag(Npt),
    /// Release of the time line.
    Release,
    /// Movement of the wheel over the time line.
    Scroll(ScrollDelta),
    /// Click on an icon.
    Transport(transport::Action),
    /// Click on the icon of the menu.
    ShowMenu,
}

/// Returns the bar. `drag_position` is the position that the time line is being dragged to, and `played_s` the playing
/// time of the session in seconds, which a live stream shows.
pub fn view(
    playback: &Playback,
    controls: Controls,
    drag_position: Option<Npt>,
    played_s: f64,
    state: transport::State<'_>,
) -> Element<'static, Action> {
    let position = playback.position();
    let position = PlaybackPosition { elapsed: drag_position.or(position.elapsed), ..position };
    let label = match playback.pending_position(drag_position) {
        Some(pending) => {
            Label { text: format!("Play resumes at {}", text_format::time(pending)), is_muted: false }
        }
        None => Label { text: frame_label(position), is_muted: true },
    };
    let line = match position.is_live {
        true => live_line(playback.state() == RtspState::Playing, played_s),
        false => seek_bar(position),
    };
    // Four buttons leave no space for it in a small window.
    let (beside_line, beside_buttons) = match playback.controls(controls) {
        Controls::Three => (RecordingState::Off, state.recording),
        Controls::Four => (state.recording, RecordingState::Off),
    };
    let line =
        Row::new().push(line).push(recording_label(beside_line)).spacing(distance::NORMAL).align_y(Center);
    let bar = column![line, button_row(playback, controls, label, beside_buttons, entries(state))]
        .spacing(distance::SMALL);
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
    // The arrow keys seek, whatever control has the focus.
    let line = line.id(TIME_LINE_ID).enabled(position.can_seek);
    let line = match position.can_seek {
        true => line.on_release(Action::Release).style(theme::slider_style),
        // iced has no disabled slider: this one has a muted style, and the application ignores its messages.
        false => line.style(theme::disabled_slider_style),
    };
    let length = match (position.duration, position.is_growing) {
        (Some(length), false) => text_format::time(length),
        // The index is still growing.
        (Some(length), true) => format!("{} …", text_format::time(length)),
        (None, _) => String::new(),
    };
    // The time of the frame on the screen. The handle is where the user drags it to, or where playback has arrived.
    let shown = match (position.shown, position.duration) {
        (None, None) => String::new(),
        (shown, _) => text_format::time(shown.unwrap_or_default()),
    };
    let label =
        |content: String| text(content).size(size::SMALL).width(time_width(end)).wrapping(Wrapping::None);
    let line = mouse_area(line.step(1.0).width(Fill)).on_scroll(Action::Scroll);
    row![label(shown), line, label(length).align_x(Right).style(theme::muted)]
        .spacing(distance::SMALL)
        .align_y(Center)
        .into()
}

/// Id of the time line.
const TIME_LINE_ID: &str = "time-line";

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

/// Text at the right of the buttons.
#[derive(Clone)]
struct Label {
    text: String,
    is_muted: bool,
}

/// Width from which the text beside the buttons is shown, in logical pixels.
const MIN_LABEL_WIDTH: f32 = 120.0;

/// Width from which it is shown together with the state of the recording, in logical pixels.
const MIN_WIDTH_OF_BOTH: f32 = 320.0;

/// Height of the text, in logical pixels.
const LABEL_HEIGHT: f32 = size::SMALL * 1.3;

/// Width of the bar from which the icons are in it, in logical pixels. In a narrower one they are in a menu.
const MIN_WIDTH_OF_ICONS: f32 = 900.0 - 2.0 * distance::WIDE;

/// Height of the row of buttons, in logical pixels.
const ROW_HEIGHT: f32 = 39.0;

/// Id of the icon of the menu, for tests.
const MENU_ID: &str = "more";

fn button_row(
    playback: &Playback,
    controls: Controls,
    label: Label,
    recording: RecordingState,
    icons: Vec<Entry>,
) -> Element<'static, Action> {
    let buttons: &[Button] = match playback.controls(controls) {
        Controls::Three => &[Button::Play, Button::Pause, Button::Stop],
        Controls::Four => &[Button::Setup, Button::Play, Button::Pause, Button::Teardown],
    };
    let buttons: Vec<_> =
        buttons.iter().map(|&button| (button, playback.is_enabled(button, controls))).collect();
    let row = responsive(move |available| {
        let icons = match available.width < MIN_WIDTH_OF_ICONS {
            true => menu_icon(),
            false => Row::with_children(icons.iter().map(transport_icon)).spacing(distance::TIGHT).into(),
        };
        let buttons = buttons.iter().map(|&(button, is_enabled)| control_button(button, is_enabled));
        let buttons = Row::with_children(buttons).spacing(distance::SMALL);
        row![buttons, labels(label.clone(), recording), icons].spacing(distance::SMALL).align_y(Center).into()
    });
    row.height(ROW_HEIGHT).into()
}

fn transport_icon<'a>(entry: &Entry) -> Element<'a, Action> {
    let style = match (entry.action, entry.is_on) {
        (transport::Action::ToggleRecording, true) => theme::recording,
        (_, true) => theme::switched,
        (_, false) => theme::secondary,
    };
    let pressed = button(icon(entry.icon))
        .padding(10)
        .style(style)
        .on_press_maybe(entry.is_enabled.then_some(Action::Transport(entry.action)));
    hint(container(pressed).id(entry.action.id()), entry.tooltip.clone(), Position::Top)
}

fn menu_icon<'a>() -> Element<'a, Action> {
    let pressed = button(icon(Icon::More)).padding(10).style(theme::secondary).on_press(Action::ShowMenu);
    hint(container(pressed).id(MENU_ID), "More", Position::Top)
}

/// Returns the state of the recording and the text, as far as the space between the buttons suffices.
fn labels<'a>(label: Label, recording: RecordingState) -> Element<'a, Action> {
    let shown = responsive(move |available| {
        let content = |content: String| text(content).size(size::SMALL).wrapping(Wrapping::None);
        let recording = recording_label(recording);
        let min_width = if recording.is_some() { MIN_WIDTH_OF_BOTH } else { MIN_LABEL_WIDTH };
        let label = (available.width >= min_width).then(|| match label.is_muted {
            true => content(label.text.clone()).style(theme::muted),
            false => content(label.text.clone()),
        });
        let line = Row::new().push(recording).push(label).spacing(distance::WIDE).align_y(Center);
        container(line).align_right(Fill).center_y(Fill).clip(true).into()
    });
    shown.height(LABEL_HEIGHT).into()
}

/// Returns the red mark with time and size of the recording; `None` if nothing is recorded.
fn recording_label<'a>(recording: RecordingState) -> Option<Element<'a, Action>> {
    let state = recording.label()?;
    let mark = container(icon_sized(Icon::Record, 10.0)).style(theme::recording_mark);
    let state = text(state).size(size::SMALL).wrapping(Wrapping::None);
    Some(row![mark, state].spacing(distance::TIGHT).align_y(Center).into())
}

fn control_button<'a>(kind: Button, is_enabled: bool) -> Element<'a, Action> {
    let symbol = match kind {
        Button::Setup => Icon::Setup,
        Button::Play => Icon::Play,
        Button::Pause => Icon::Pause,
        Button::Stop => Icon::Stop,
        Button::Teardown => Icon::Teardown,
    };
    // The buttons of the next step towards playing stand out.
    let style = match kind {
        Button::Setup | Button::Play => theme::primary,
        _ => theme::secondary,
    };
    let content =
        row![icon(symbol), text(kind.name()).size(size::LARGE)].spacing(distance::SMALL).align_y(Center);
    let pressed = button(container(content).center_x(Fill))
        .width(116)
        .padding([9, 10])
        .style(style)
        .on_press_maybe(is_enabled.then_some(Action::Press(kind)));
    let shortcut = match kind {
        Button::Setup | Button::Play | Button::Pause => Shortcut::PlayOrPause,
        Button::Stop | Button::Teardown => Shortcut::Stop,
    };
    hint(pressed, with_key(kind.name(), shortcut), Position::Top)
}
