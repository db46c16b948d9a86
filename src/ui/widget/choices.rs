//! Row of options of which exactly one is selected.

use iced::widget::{button, container, text};

use super::focusable::{ControlKey, KeyEffect, focusable};
use crate::ui::renderer::{Element, Row};
use crate::ui::theme::{self, size};

/// Returns a row with a button for each option; the selected one is highlighted. A click publishes `on_choice` of that
/// option. For the Tab key the row is one control, in which the arrow keys select an option.
pub fn choices<'a, T, M, const N: usize>(
    options: [(&'a str, T); N],
    selected: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M>
where
    T: Copy + PartialEq + 'a,
    M: Clone + 'a,
{
    let buttons = options.map(|(label, choice)| choice_button(label, choice, selected, on_choice, 5));
    choices_of(buttons, options.map(|(_, choice)| choice), selected, on_choice)
}

/// Returns a row as [`choices`] does, a little lower, with a tooltip for each option.
pub fn choices_with_tooltips<'a, T, M, const N: usize>(
    options: [(&'a str, &'a str, T); N],
    selected: T,
    on_choice: fn(T) -> M,
    with_tooltip: fn(Element<'a, M>, &'a str) -> Element<'a, M>,
) -> Element<'a, M>
where
    T: Copy + PartialEq + 'a,
    M: Clone + 'a,
{
    let buttons = options.map(|(label, about, choice)| {
        with_tooltip(choice_button(label, choice, selected, on_choice, 4), about)
    });
    choices_of(buttons, options.map(|(_, _, choice)| choice), selected, on_choice)
}

/// Returns a row as [`choices`] does, as low as a line of text and without a frame.
pub fn choices_in_line<'a, T, M, const N: usize>(
    options: [(&'a str, T); N],
    selected: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M>
where
    T: Copy + PartialEq + 'a,
    M: Clone + 'a,
{
    let buttons = options.map(|(label, choice)| {
        button(text(label).size(size::SMALL))
            .padding([1, 5])
            .style(theme::choice(choice == selected))
            .on_press(on_choice(choice))
            .into()
    });
    with_keys(Row::with_children(buttons).spacing(2), options.map(|(_, choice)| choice), selected, on_choice)
}

fn choice_button<'a, T: Copy + PartialEq, M: Clone + 'a>(
    label: &'a str,
    choice: T,
    selected: T,
    on_choice: fn(T) -> M,
    vertical_padding: u16,
) -> Element<'a, M> {
    button(text(label).size(size::SMALL))
        .padding([vertical_padding, 12])
        .style(theme::choice(choice == selected))
        .on_press(on_choice(choice))
        .into()
}

fn choices_of<'a, T: Copy + PartialEq + 'a, M: Clone + 'a, const N: usize>(
    buttons: [Element<'a, M>; N],
    options: [T; N],
    selected: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M> {
    let row = container(Row::with_children(buttons).spacing(2)).padding(3).style(theme::choices);
    with_keys(row, options, selected, on_choice)
}

/// Makes a row one control for the Tab key.
fn with_keys<'a, T: Copy + PartialEq + 'a, M: Clone + 'a, const N: usize>(
    row: impl Into<Element<'a, M>>,
    options: [T; N],
    selected: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M> {
    focusable(row, true, move |key| {
        let last = N.saturating_sub(1);
        let at = options.iter().position(|option| *option == selected);
        let target = match (key, at) {
            (ControlKey::Horizontal(steps), Some(at)) if steps < 0 => at.saturating_sub(1),
            (ControlKey::Horizontal(_), Some(at)) => (at + 1).min(last),
            (ControlKey::First, _) => 0,
            (ControlKey::Last, _) => last,
            _ => return KeyEffect::Ignored,
        };
        match options.get(target).filter(|_| at != Some(target)) {
            Some(option) => KeyEffect::Publish(on_choice(*option)),
            None => KeyEffect::Nothing,
        }
    })
}
