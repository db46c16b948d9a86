//! What dialogs have in common.

pub mod connect;
pub mod file_dialog;
pub mod preferences;
pub mod sign_in;
pub mod summary;

use iced::widget::{Row, button, space, text};

use super::theme::{self, size, space as distance};

/// The last line of a dialog: the way out of it, and what it is for. `confirm` is `None` while that cannot be done.
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
