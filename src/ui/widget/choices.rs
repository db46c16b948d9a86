//! Row of options of which exactly one is selected.

use iced::Element;
use iced::widget::{Row, button, container, text};

use crate::ui::theme::{self, size};

/// Returns a row with a button for each option; the selected one is highlighted. A click publishes `on_choice` of that
/// option.
pub fn choices<'a, T, M, const N: usize>(
    options: [(&'a str, T); N],
    selected: T,
    on_choice: fn(T) -> M,
) -> Element<'a, M>
where
    T: Copy + PartialEq,
    M: Clone + 'a,
{
    let choices = options.map(|(label, choice)| {
        button(text(label).size(size::SMALL))
            .padding([5, 12])
            .style(theme::choice(choice == selected))
            .on_press(on_choice(choice))
            .into()
    });
    container(Row::with_children(choices).spacing(2)).padding(3).style(theme::choices).into()
}
