//! Bar at the top: opening and connecting, panels, three or four buttons, preferences.

use iced::widget::{container, row, space, text};
use iced::{Center, Fill};

use crate::settings::{Controls, PanelKind};
use crate::ui::renderer::{Element, Row};
use crate::ui::shortcuts::{Shortcut, with_key};
use crate::ui::theme::{self, Toggle, size, space as distance};
use crate::ui::widget::choices::choices_with_tooltips;
use crate::ui::widget::control::button;
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::icon::{Icon, icon};

/// Request of the header to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the file dialog.
    Open,
    /// Show the Connect dialog.
    Connect,
    /// Show three or four buttons below the video.
    SetControls(Controls),
    /// Open this panel, or close it if it is visible.
    TogglePanel(PanelKind),
    /// Switch the lesson layout on or off.
    ToggleLesson,
    /// Close the film or stream, and show the start screen.
    CloseMedia,
    /// Show the Preferences dialog.
    Preferences,
}

/// State of the buttons for the panels.
pub struct Panels<'a> {
    /// Open panels.
    pub open: &'a [PanelKind],
    /// Open panels that fit beside the video.
    pub visible: Vec<PanelKind>,
    /// The lesson layout: on, off, or hidden because the window is too small for it.
    pub lesson: Toggle,
    /// The network is emulated.
    pub emulates: bool,
}

/// Ids of the buttons without a text for tests to find them by.
const PREFERENCES_ID: &str = "preferences";
const LESSON_ID: &str = "lesson-layout";
const CLOSE_ID: &str = "close-media";

/// Width of the window from which the buttons of the panels have labels, in logical pixels.
const MIN_WIDTH_OF_LABELS: f32 = 880.0;

/// Width of the window from which the buttons at the left have labels, in logical pixels.
const MIN_WIDTH_OF_LEFT_LABELS: f32 = 640.0;

/// Returns the header of a window of this width, in logical pixels. `is_open` is true if there is something to close.
pub fn view<'a>(controls: Controls, panels: &Panels<'_>, is_open: bool, width: f32) -> Element<'a, Action> {
    let is_compact = width < MIN_WIDTH_OF_LABELS;
    let label = |label| (width >= MIN_WIDTH_OF_LEFT_LABELS).then_some(label);
    let (open, connect) =
        (with_key("Open a film", Shortcut::Open), with_key("Connect to a stream", Shortcut::Connect));
    let left = row![
        toolbar_button(Icon::Open, label("Open…"), open, Action::Open),
        toolbar_button(Icon::Connect, label("Connect…"), connect, Action::Connect),
    ]
    .extend(is_open.then(close_button))
    .spacing(distance::SMALL)
    .align_y(Center);
    let preferences =
        button(icon(Icon::Settings)).padding(9).style(theme::quiet).on_press(Action::Preferences);
    let right = row![
        panel_buttons(panels, is_compact),
        controls_choice(controls),
        hint(
            container(preferences).id(PREFERENCES_ID),
            with_key("Preferences", Shortcut::Preferences),
            Position::Bottom
        ),
    ]
    .spacing(if is_compact { distance::SMALL } else { distance::NORMAL })
    .align_y(Center);
    let content = row![left, space::horizontal(), right].align_y(Center);
    container(content).padding([distance::SMALL, distance::NORMAL]).width(Fill).style(theme::bar).into()
}

/// Tooltip of a panel that is open and not shown.
const HIDDEN_PANEL: &str =
    "Open, but the window has no space for a further panel: a click hides another one and shows this one";

fn close_button<'a>() -> Element<'a, Action> {
    let close = button(icon(Icon::Close)).padding(9).style(theme::quiet).on_press(Action::CloseMedia);
    let about = with_key("Close, and show the start screen", Shortcut::Close);
    hint(container(close).id(CLOSE_ID), about, Position::Bottom)
}

fn toolbar_button<'a>(
    symbol: Icon,
    label: Option<&'a str>,
    tooltip: String,
    action: Action,
) -> Element<'a, Action> {
    let label = label.map(|label| text(label).size(size::NORMAL).into());
    let content = row![icon(symbol)].extend(label).spacing(distance::SMALL).align_y(Center);
    let pressed = button(content).padding([8, 12]).style(theme::secondary).on_press(action);
    hint(pressed, tooltip, Position::Bottom)
}

/// Returns the buttons of the panels and of the lesson layout, each of which is on or off by itself.
fn panel_buttons<'a>(panels: &Panels<'_>, is_compact: bool) -> Element<'a, Action> {
    let buttons = PanelKind::ALL.map(|panel| {
        let state = match (panels.visible.contains(&panel), panels.open.contains(&panel)) {
            (true, _) => Toggle::On,
            (false, true) => Toggle::Hidden,
            (false, false) => Toggle::Off,
        };
        let is_marked = panel == PanelKind::Network && panels.emulates;
        let mark = is_marked.then(|| text("●").size(size::TINY).style(theme::mark).into());
        let label = (!is_compact).then(|| text(panel.name()).size(size::SMALL).into());
        let content = row![icon(panel.icon())].extend(label).extend(mark).spacing(6).align_y(Center);
        let pressed =
            button(content).padding(8).style(theme::toggle(state)).on_press(Action::TogglePanel(panel));
        let about = match state {
            Toggle::Hidden => HIDDEN_PANEL,
            Toggle::On | Toggle::Off if is_marked => "Emulation of a network with faults: on",
            Toggle::On | Toggle::Off => panel.tooltip(),
        };
        let about = with_key(about, Shortcut::Panel(panel));
        hint(container(pressed).id(panel.as_str()), about, Position::Bottom)
    });
    let lesson = button(icon(Icon::Lesson))
        .padding(8)
        .style(theme::toggle(panels.lesson))
        .on_press(Action::ToggleLesson);
    let about = match (panels.lesson, is_compact) {
        (Toggle::Hidden, _) => "Lesson layout: on, but the window is too small for it",
        (_, true) => "Lesson layout: all panels, as far as the window has space for them",
        (_, false) => "Lesson layout: a small picture and all panels",
    };
    let lesson = hint(container(lesson).id(LESSON_ID), about, Position::Bottom);
    Row::with_children(buttons).push(lesson).spacing(2).align_y(Center).into()
}

fn controls_choice<'a>(controls: Controls) -> Element<'a, Action> {
    let options = [
        ("3 buttons", "Play, Pause, Stop", Controls::Three),
        ("4 buttons", "Setup, Play, Pause, Teardown", Controls::Four),
    ];
    choices_with_tooltips(options, controls, Action::SetControls, |button, about| {
        hint(button, about, Position::Bottom)
    })
}
