//! Rows that several dialogs use.

use iced::widget::{row, space, text};
use iced::{Center, Fill};

use crate::ui::renderer::{Element, Row, Text};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::button;

/// Returns the title of a dialog.
pub fn title(title: &str) -> Text<'_> {
    text(title).size(size::HEADING).font(theme::STRONG)
}

/// Returns the last row of a dialog: Cancel, and the main button with this label, disabled while `confirm` is `None`.
pub fn buttons<'a, Message: Clone + 'a>(
    cancel: Message,
    label: &'a str,
    confirm: Option<Message>,
) -> Row<'a, Message> {
    let large = |label| button(text(label).size(size::NORMAL)).padding([9, 18]);
    Row::new()
        .push(space::horizontal())
        .push(large("Cancel").style(theme::secondary).on_press(cancel))
        .push(large(label).style(theme::primary).on_press_maybe(confirm))
        .spacing(distance::SMALL)
}

/// Returns a row with a label at the left and a control at the right.
pub fn setting_row<'a, M: 'a>(
    label: impl text::IntoFragment<'a>,
    control: impl Into<Element<'a, M>>,
) -> Element<'a, M> {
    row![text(label).size(size::NORMAL).width(Fill), control.into()]
        .spacing(distance::NORMAL)
        .align_y(Center)
        .into()
}
