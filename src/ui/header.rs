//! The bar at the top: what to play, which panel, which buttons, preferences.

use std::time::Duration;

use iced::widget::{Row, button, container, row, space, text, tooltip};
use iced::{Center, Element, Fill};

use super::icon::{Icon, icon};
use super::panel::Panel;
use super::theme::{self, size, space as distance};
use crate::settings::Controls;

/// What the header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Choose a film.
    Open,
    /// Enter a URL.
    Connect,
    /// Show these buttons.
    SetControls(Controls),
    /// Open this panel, or close it.
    Toggle(Panel),
    /// Show the preferences.
    Preferences,
}

/// Who knows a button and presses it does not want to read about it.
const HESITATION: Duration = Duration::from_millis(600);

/// A button without words needs a name.
const PREFERENCES: &str = "preferences";

/// The header.
pub fn view<'a>(controls: Controls, open: Option<Panel>) -> Element<'a, Action> {
    let left = row![
        labelled(Icon::Open, "Open…", "Ctrl+O", Action::Open),
        labelled(Icon::Connect, "Connect…", "Ctrl+L", Action::Connect),
    ]
    .spacing(distance::SMALL);
    let preferences =
        button(icon(Icon::Settings)).padding(9).style(theme::quiet).on_press(Action::Preferences);
    let right = row![
        text("Buttons").size(size::SMALL).style(theme::muted),
        choices(controls),
        hint(container(preferences).id(PREFERENCES), "Preferences (Ctrl+,)"),
    ]
    .spacing(distance::SMALL)
    .align_y(Center);
    let content =
        row![left, space::horizontal(), panels(open), right].spacing(distance::NORMAL).align_y(Center);
    container(content).padding([distance::SMALL, distance::NORMAL]).width(Fill).style(theme::bar).into()
}

fn labelled<'a>(sign: Icon, label: &'a str, keys: &'a str, action: Action) -> Element<'a, Action> {
    let content = row![icon(sign), text(label).size(size::NORMAL)].spacing(distance::SMALL).align_y(Center);
    hint(button(content).padding([8, 12]).style(theme::secondary).on_press(action), keys)
}

fn panels<'a>(open: Option<Panel>) -> Element<'a, Action> {
    let panels = Panel::ALL.map(|panel| {
        let name = button(text(panel.name()).size(size::SMALL))
            .padding([4, 8])
            .style(theme::choice(open == Some(panel)))
            .on_press(Action::Toggle(panel));
        hint(name, panel.about())
    });
    container(Row::with_children(panels).spacing(2)).padding(3).style(theme::choices).into()
}

fn choices<'a>(controls: Controls) -> Element<'a, Action> {
    let choice = |label, about, choice| {
        let pressed = button(text(label).size(size::SMALL))
            .padding([4, 12])
            .style(theme::choice(choice == controls))
            .on_press(Action::SetControls(choice));
        hint(pressed, about)
    };
    let both: Row<'_, _> = row![
        choice("3", "Play, Pause, Stop", Controls::Three),
        choice("4", "Setup, Play, Pause, Teardown", Controls::Four)
    ];
    container(both.spacing(2)).padding(3).style(theme::choices).into()
}

fn hint<'a>(content: impl Into<Element<'a, Action>>, words: &'a str) -> Element<'a, Action> {
    let words = container(text(words).size(size::SMALL)).padding([4, 8]).style(theme::hint);
    tooltip(content, words, tooltip::Position::Bottom).gap(4).delay(HESITATION).into()
}
