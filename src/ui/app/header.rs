//! Bar at the top: opening and connecting, panels, three or four buttons, preferences.

use std::time::Duration;

use iced::widget::{Row, container, row, space, text, tooltip};
use iced::{Center, Element, Fill};

use crate::settings::Controls;
use crate::ui::panel::PanelKind;
use crate::ui::shortcuts::{Shortcut, with_key};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::choices::choices_with_tooltips;
use crate::ui::widget::control::button;
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
    /// Open this panel, or close it if it is open.
    TogglePanel(PanelKind),
    /// Show the Preferences dialog.
    Preferences,
}

/// Time that the pointer must rest on a button before its tooltip appears.
const TOOLTIP_DELAY: Duration = Duration::from_millis(600);

/// Id of the preferences button, which has no text for tests to find it by.
const PREFERENCES_ID: &str = "preferences";

/// Returns the header; `open` is the panel that is open.
pub fn view<'a>(controls: Controls, open: Option<PanelKind>) -> Element<'a, Action> {
    let left = row![
        toolbar_button(Icon::Open, "Open…", with_key("Open a film", Shortcut::Open), Action::Open),
        toolbar_button(
            Icon::Connect,
            "Connect…",
            with_key("Connect to a stream", Shortcut::Connect),
            Action::Connect
        ),
    ]
    .spacing(distance::SMALL);
    let preferences =
        button(icon(Icon::Settings)).padding(9).style(theme::quiet).on_press(Action::Preferences);
    let right = row![
        text("Buttons").size(size::SMALL).style(theme::muted),
        controls_choice(controls),
        with_tooltip(
            container(preferences).id(PREFERENCES_ID),
            with_key("Preferences", Shortcut::Preferences)
        ),
    ]
    .spacing(distance::SMALL)
    .align_y(Center);
    let content =
        row![left, space::horizontal(), panel_buttons(open), right].spacing(distance::NORMAL).align_y(Center);
    container(content).padding([distance::SMALL, distance::NORMAL]).width(Fill).style(theme::bar).into()
}

fn toolbar_button<'a>(symbol: Icon, label: &'a str, tooltip: String, action: Action) -> Element<'a, Action> {
    let content = row![icon(symbol), text(label).size(size::NORMAL)].spacing(distance::SMALL).align_y(Center);
    with_tooltip(button(content).padding([8, 12]).style(theme::secondary).on_press(action), tooltip)
}

fn panel_buttons<'a>(open: Option<PanelKind>) -> Element<'a, Action> {
    let panels = PanelKind::ALL.map(|panel| {
        let name = button(text(panel.name()).size(size::SMALL))
            .padding([4, 8])
            .style(theme::choice(open == Some(panel)))
            .on_press(Action::TogglePanel(panel));
        with_tooltip(name, with_key(panel.tooltip(), Shortcut::Panel(panel)))
    });
    container(Row::with_children(panels).spacing(2)).padding(3).style(theme::choices).into()
}

fn controls_choice<'a>(controls: Controls) -> Element<'a, Action> {
    let options =
        [("3", "Play, Pause, Stop", Controls::Three), ("4", "Setup, Play, Pause, Teardown", Controls::Four)];
    choices_with_tooltips(options, controls, Action::SetControls, |button, about| {
        with_tooltip(button, about.to_owned())
    })
}

fn with_tooltip<'a>(content: impl Into<Element<'a, Action>>, label: String) -> Element<'a, Action> {
    let label = container(text(label).size(size::SMALL)).padding([4, 8]).style(theme::tooltip);
    tooltip(content, label, tooltip::Position::Bottom).gap(4).delay(TOOLTIP_DELAY).into()
}
