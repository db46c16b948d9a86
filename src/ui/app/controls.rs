//! Bar below the video: buttons, and the number of the frame, below the time line.

use iced::widget::text::Wrapping;
use iced::widget::{column, container, responsive, row, text};
use iced::{Center, Fill, Right};

use super::playback::{Button, Playback, PlaybackPosition};
use super::recording_state::RecordingState;
use super::time_line::{self, TimeLine};
use super::transport::{self, Entry, entries};
use crate::session::RtspState;
use crate::settings::Controls;
use crate::ui::renderer::{Element, Row};
use crate::ui::shortcuts::{Shortcut, with_key};
use crate::ui::text_format;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::button;
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::icon::{Icon, icon, icon_sized};

/// Request of the bar to the application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Click on a button.
    Press(Button),
    /// Action of the time line.
    TimeLine(time_line::Action),
    /// Click on an icon.
    Transport(transport::Action),
    /// Click on the icon of the menu.
    ShowMenu,
}

/// Returns the bar. `played_s` is the playing time of the session in seconds, which a live stream shows.
pub fn view(
    playback: &Playback,
    controls: Controls,
    time_line: TimeLine,
    played_s: f64,
    state: transport::State<'_>,
) -> Element<'static, Action> {
    let position = playback.position();
    let position = PlaybackPosition { elapsed: time_line.drag.or(position.elapsed), ..position };
    let label = match playback.pending_position(time_line.drag) {
        Some(pending) => {
            Label { text: format!("Play resumes at {}", text_format::time(pending)), is_muted: false }
        }
        None => Label { text: frame_label(position), is_muted: true },
    };
    let line = match position.is_live {
        true => time_line::live_line(playback.state() == RtspState::Playing, played_s),
        false => time_line::view(position, time_line),
    };
    let line = line.map(Action::TimeLine);
    // Four buttons leave no space for them in a small window.
    let nothing = (RecordingState::Off, Label { text: String::new(), is_muted: true });
    let (beside_line, beside_buttons) = match playback.controls(controls) {
        Controls::Three => (nothing, (state.recording, label)),
        Controls::Four => ((state.recording, label), nothing),
    };
    let (recording, label) = beside_line;
    let line = Row::new()
        .push(line)
        .push(recording_label(recording))
        .push(label_beside_line(label, position))
        .spacing(distance::NORMAL)
        .align_y(Center);
    let bar = column![line, button_row(playback, controls, beside_buttons, entries(state))]
        .spacing(distance::SMALL);
    container(bar).padding([distance::NORMAL, distance::WIDE]).width(Fill).style(theme::bar).into()
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

/// Width of the speed, in logical pixels: that of "1.25×".
const SPEED_WIDTH: f32 = 38.0;

/// Height of an icon, in logical pixels.
const ICON_SIZE: f32 = 16.0;

/// Id of the icon of the menu, for tests.
const MENU_ID: &str = "more";

fn button_row(
    playback: &Playback,
    controls: Controls,
    (recording, label): (RecordingState, Label),
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
    let (content, padding) = match &entry.label {
        Some(label) => {
            let label = text(label.clone()).size(size::SMALL).wrapping(Wrapping::None);
            (container(label).center_x(SPEED_WIDTH).center_y(ICON_SIZE).into(), [10, 4])
        }
        None => (icon(entry.icon), [10, 10]),
    };
    let pressed = button(content)
        .padding(padding)
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

/// Returns the text beside the time line; `None` if there is none. Its width depends on the number of frames only, so that
/// the line keeps its length during playback.
fn label_beside_line<'a>(label: Label, position: PlaybackPosition) -> Option<Element<'a, Action>> {
    let digits = position.frame_count.map_or(0, |frames| frames.to_string().len());
    let content = text(label.text.clone()).size(size::SMALL).wrapping(Wrapping::None).align_x(Right);
    let shown = match label.is_muted {
        true => content.width(FRAME_WIDTH + 2.0 * DIGIT_WIDTH * digits as f32).style(theme::muted),
        false => content,
    };
    (!label.text.is_empty()).then(|| shown.into())
}

/// Width of "Frame of" with the spaces, and of a digit, in logical pixels.
const FRAME_WIDTH: f32 = 66.0;
const DIGIT_WIDTH: f32 = 7.8;

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
