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
use crate::ui::renderer::{Element, Row, Text};
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
    let is_playing = playback.state() == RtspState::Playing;
    let (buttons, icons, recording) = (buttons(playback, controls), entries(state), state.recording);
    let bar = responsive(move |available| {
        let line = match position.is_live {
            true => time_line::live_line(is_playing, played_s),
            false => time_line::view(position, time_line.clone()),
        };
        let has_speed = changed_speed(&icons).is_some();
        let layout = Layout::new(available.width, buttons.len(), icons.len(), has_speed);
        let line = Row::new()
            .push(line.map(Action::TimeLine))
            .push(recording_label(recording).filter(|_| !layout.recording_beside_buttons))
            .push(label_beside_line(&label, position).filter(|_| !layout.label_beside_buttons))
            .spacing(distance::NORMAL)
            .align_y(Center);
        let line = container(line).center_y(time_line::HEIGHT);
        column![line, button_row(&buttons, &label, recording, &icons, layout)].spacing(distance::SMALL).into()
    });
    let bar = bar.height(time_line::HEIGHT + distance::SMALL + ROW_HEIGHT);
    container(bar).padding([distance::NORMAL, distance::WIDE]).width(Fill).style(theme::bar).into()
}

/// Returns the worded buttons, and which of them a click can press.
fn buttons(playback: &Playback, controls: Controls) -> Vec<(Button, bool)> {
    let buttons: &[Button] = match playback.controls(controls) {
        Controls::Three => &[Button::Play, Button::Pause, Button::Stop],
        Controls::Four => &[Button::Setup, Button::Play, Button::Pause, Button::Teardown],
    };
    buttons.iter().map(|&button| (button, playback.is_enabled(button, controls))).collect()
}

fn frame_label(position: PlaybackPosition) -> String {
    match (position.frame_number, position.frame_count) {
        (Some(frame), Some(frames)) => format!("Frame {frame} of {frames}"),
        (Some(frame), None) => format!("Frame {frame}"),
        (None, Some(frames)) => format!("{frames} frames"),
        (None, None) => String::new(),
    }
}

/// Number of the frame, or where playback resumes.
#[derive(Clone)]
struct Label {
    text: String,
    is_muted: bool,
}

/// Places of the parts of the bar, which depend on its width and on the number of buttons and icons only.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// The icons are in the bar, and not in a menu.
    has_icons: bool,
    /// The number of the frame is between buttons and icons, and not beside the time line.
    label_beside_buttons: bool,
    /// So is the state of the recording.
    recording_beside_buttons: bool,
}

impl Layout {
    /// `has_speed` is true if the speed is to be visible also where there is no space for icons.
    fn new(available: f32, buttons: usize, icons: usize, has_speed: bool) -> Self {
        let buttons_width = buttons as f32 * (BUTTON_WIDTH + distance::SMALL) + distance::SMALL;
        let width_of = |icons: usize| icons as f32 * (ICON_BUTTON_SIZE + distance::TIGHT) - distance::TIGHT;
        let speed_width = SPEED_WIDTH + 2.0 * SPEED_PADDING;
        let icons_width = width_of(icons) + speed_width - ICON_BUTTON_SIZE;
        let has_icons = available >= MIN_WIDTH_OF_ICONS && available >= buttons_width + icons_width;
        let menu_width = width_of(1) + if has_speed { speed_width + distance::TIGHT } else { 0.0 };
        let gap = available - buttons_width - if has_icons { icons_width } else { menu_width };
        Self {
            has_icons,
            label_beside_buttons: gap >= LABEL_WIDTH,
            recording_beside_buttons: gap >= LABEL_WIDTH + distance::WIDE + RECORDING_WIDTH,
        }
    }
}

/// Space of the number of the frame and of the state of the recording, in logical pixels.
const LABEL_WIDTH: f32 = 150.0;
const RECORDING_WIDTH: f32 = 150.0;

/// Height of the text, in logical pixels.
const LABEL_HEIGHT: f32 = size::SMALL * 1.3;

/// Width of the bar from which the icons are in it, in logical pixels. In a narrower one they are in a menu.
const MIN_WIDTH_OF_ICONS: f32 = 900.0 - 2.0 * distance::WIDE;

/// Width of a worded button, in logical pixels.
const BUTTON_WIDTH: f32 = 116.0;

/// Width and height of the button of an icon, in logical pixels.
const ICON_BUTTON_SIZE: f32 = ICON_SIZE + 20.0;

/// Height of the row of buttons, in logical pixels.
const ROW_HEIGHT: f32 = 39.0;

/// Width of the speed, in logical pixels: that of "1.25×".
const SPEED_WIDTH: f32 = 38.0;

/// Space at the left and at the right of the speed, in logical pixels.
const SPEED_PADDING: f32 = 4.0;

/// Height of an icon, in logical pixels.
const ICON_SIZE: f32 = 16.0;

/// Id of the icon of the menu, for tests.
const MENU_ID: &str = "more";

fn button_row(
    buttons: &[(Button, bool)],
    label: &Label,
    recording: RecordingState,
    icons: &[Entry],
    layout: Layout,
) -> Element<'static, Action> {
    let buttons = buttons.iter().map(|&(button, is_enabled)| control_button(button, is_enabled));
    let buttons = Row::with_children(buttons).spacing(distance::SMALL);
    let recording = recording_label(recording).filter(|_| layout.recording_beside_buttons);
    let label = layout.label_beside_buttons.then(|| label_text(label));
    let labels = Row::new().push(recording).push(label).spacing(distance::WIDE).align_y(Center);
    let labels = container(labels).align_right(Fill).center_y(LABEL_HEIGHT).clip(true);
    let icons = match layout.has_icons {
        true => Row::with_children(icons.iter().map(transport_icon)).spacing(distance::TIGHT),
        false => Row::new()
            .push(changed_speed(icons).map(transport_icon))
            .push(menu_icon())
            .spacing(distance::TIGHT),
    };
    row![buttons, labels, icons].spacing(distance::SMALL).align_y(Center).height(ROW_HEIGHT).into()
}

/// Returns the entry of the speed; `None` at the usual one.
fn changed_speed(icons: &[Entry]) -> Option<&Entry> {
    icons.iter().find(|entry| entry.action == transport::Action::ShowSpeeds && entry.is_on)
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
            (container(label).center_x(SPEED_WIDTH).center_y(ICON_SIZE).into(), [10.0, SPEED_PADDING])
        }
        None => (icon(entry.icon), [10.0, 10.0]),
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

fn label_text<'a>(label: &Label) -> Text<'a> {
    let content = text(label.text.clone()).size(size::SMALL).wrapping(Wrapping::None);
    if label.is_muted { content.style(theme::muted) } else { content }
}

/// Returns the text beside the time line; `None` if there is none. Its width depends on the number of frames only, so
/// that the line keeps its length during playback.
fn label_beside_line<'a>(label: &Label, position: PlaybackPosition) -> Option<Element<'a, Action>> {
    let digits = position.frame_count.map_or(0, |frames| frames.to_string().len());
    let content = label_text(label).align_x(Right);
    let shown = match label.is_muted {
        true => content.width(FRAME_WIDTH + 2.0 * DIGIT_WIDTH * digits as f32),
        false => content,
    };
    (!label.text.is_empty()).then(|| shown.into())
}

/// Width of "Frame of" with the spaces, and of a digit, in logical pixels.
const FRAME_WIDTH: f32 = 66.0;
const DIGIT_WIDTH: f32 = 7.8;

/// Returns the red mark with time and size of the recording; `None` if nothing is recorded.
pub fn recording_label<'a, M: 'a>(recording: RecordingState) -> Option<Element<'a, M>> {
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
        .width(BUTTON_WIDTH)
        .padding([9, 10])
        .style(style)
        .on_press_maybe(is_enabled.then_some(Action::Press(kind)));
    let shortcut = match kind {
        Button::Setup | Button::Play | Button::Pause => Shortcut::PlayOrPause,
        Button::Stop | Button::Teardown => Shortcut::Stop,
    };
    hint(pressed, with_key(kind.name(), shortcut), Position::Top)
}
