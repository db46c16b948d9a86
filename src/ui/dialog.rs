//! What dialogs have in common.

use iced::widget::{Row, button, space, text};

use super::theme::{self, size, space as distance};

/// The last line of a dialog: the way out of it, and what it is for. `confirm` is `None` while that cannot be done.
pub fn buttons<'a, Message: Clone + 'a>(
    cancel: Message,
    words: &'a str,
    confirm: Option<Message>,
) -> Row<'a, Message> {
    let large = |words| button(text(words).size(size::NORMAL)).padding([9, 18]);
    Row::new()
        .push(space::horizontal())
        .push(large("Cancel").style(theme::secondary).on_press(cancel))
        .push(large(words).style(theme::primary).on_press_maybe(confirm))
        .spacing(distance::SMALL)
}
