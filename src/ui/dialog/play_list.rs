//! Play list dialog: the films and streams that are played one after the other.

use iced::widget::{column, container, row, scrollable, space, text};
use iced::{Center, Fill, widget::Id};

use crate::ui::dialog::layout::title;
use crate::ui::renderer::{Column, Element};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::{Button, button};
use crate::ui::widget::focusable::ControlKey;
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::icon::{Icon, icon_sized};
use crate::ui::widget::one_line::one_line;

/// Message of the dialog. Entries are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Open an entry.
    Open(usize),
    /// Move an entry by one place, towards the end or towards the start.
    Move {
        /// Entry to move, counted from 0.
        entry: usize,
        /// True towards the end of the list, false towards its start.
        towards_end: bool,
    },
    /// Move the entry with the focus in the same way.
    MoveFocused {
        /// Entry to move, counted from 0.
        entry: usize,
        /// True towards the end of the list, false towards its start.
        towards_end: bool,
    },
    /// Remove an entry.
    Remove(usize),
    /// Remove the entry with the focus, which the next one receives.
    RemoveFocused(usize),
    /// Move the focus to an entry.
    Focus(usize),
    /// Go through the choices of what follows the end.
    CycleRepeat,
    /// Choose films to add.
    Add,
    /// Close the dialog.
    Close,
}

/// Entries that the dialog has at the same time. Of a longer list, those around the current one are shown.
const MAX_SHOWN: usize = 200;

/// Height of an entry, in logical pixels.
const ENTRY_HEIGHT: f32 = 34.0;

/// Entry as the dialog shows it.
#[derive(Debug)]
pub struct Line {
    /// Name of the film or stream.
    pub name: String,
    /// The last attempt to open or to play it failed.
    pub has_failed: bool,
}

/// Returns the content of the dialog. `lines` are the entries, and `repeat` describes what follows the end.
pub fn view<'a>(
    lines: impl ExactSizeIterator<Item = Line>,
    current: usize,
    repeat: &'a str,
) -> Element<'a, Message> {
    let count = lines.len();
    let first = current.saturating_sub(MAX_SHOWN / 2).min(count.saturating_sub(MAX_SHOWN));
    let shown = lines.enumerate().skip(first).take(MAX_SHOWN);
    let entries = shown.map(|(index, line)| entry(index, line, index == current, count));
    let list = scrollable(Column::with_children(entries).width(Fill)).style(theme::scroll_bar);
    let number = text(format!("{} of {count}", current + 1)).size(size::SMALL).style(theme::muted);
    let buttons = row![
        labelled_button("Add…", Message::Add),
        labelled_button(repeat, Message::CycleRepeat),
        space::horizontal(),
        labelled_button("Close", Message::Close),
    ];
    column![
        row![title("Play list"), space::horizontal(), number].align_y(Center),
        list,
        buttons.spacing(distance::SMALL)
    ]
    .spacing(distance::NORMAL)
    .width(Fill)
    .into()
}

fn entry<'a>(index: usize, line: Line, is_current: bool, count: usize) -> Element<'a, Message> {
    let mark: Element<'_, Message> = match is_current {
        true => icon_sized(Icon::Play, 12.0),
        false => text((index + 1).to_string()).size(size::SMALL).style(theme::muted).into(),
    };
    let font = if is_current { theme::STRONG } else { theme::FONT };
    let name = one_line(line.name, size::NORMAL).font(font);
    let failure = line.has_failed.then(|| text("failed").size(size::SMALL).style(theme::danger));
    let content = row![container(mark).center_x(MARK_WIDTH), container(name).width(Fill), failure];
    let open = button(content.spacing(distance::SMALL).align_y(Center).height(Fill))
        .padding([0, 6])
        .width(Fill)
        .height(ENTRY_HEIGHT)
        .style(theme::menu_line)
        .on_press(Message::Open(index))
        .id(entry_id(index))
        .on_key(move |key| key_message(key, index, is_current, count));
    let up = (index > 0).then_some(Message::Move { entry: index, towards_end: false });
    let down = (index + 1 < count).then_some(Message::Move { entry: index, towards_end: true });
    let remove = (!is_current).then_some(Message::Remove(index));
    let up = small_button(Icon::Up, up).id(move_button_id(index, false));
    let down = small_button(Icon::Down, down).id(move_button_id(index, true));
    let remove = small_button(Icon::Close, remove);
    row![
        open,
        hint(up, "Move up (Alt+Up)", Position::Left),
        hint(down, "Move down (Alt+Down)", Position::Left),
        hint(remove, "Remove from the list (Delete)", Position::Left)
    ]
    .align_y(Center)
    .into()
}

/// Returns the message of a key while the entry has the focus; `None` if it has none.
fn key_message(key: ControlKey, entry: usize, is_current: bool, count: usize) -> Option<Message> {
    match key {
        ControlKey::Move(towards_end) => Some(Message::MoveFocused { entry, towards_end }),
        ControlKey::Delete => (!is_current).then_some(Message::RemoveFocused(entry)),
        ControlKey::Vertical(steps) => {
            let moved = entry.saturating_add_signed(-isize::from(steps));
            Some(Message::Focus(moved.min(count.saturating_sub(1))))
        }
        _ => None,
    }
}

/// Returns the id of an entry.
pub fn entry_id(entry: usize) -> Id {
    Id::from(format!("play-list-entry-{entry}"))
}

/// Returns the id of the button that moves an entry in this direction.
fn move_button_id(entry: usize, towards_end: bool) -> Id {
    let direction = if towards_end { "down" } else { "up" };
    Id::from(format!("play-list-{direction}-{entry}"))
}

/// Returns the id of the button that moves an entry on, after it has been moved in this direction by one place. At the
/// end of the list it is the other button, because this one is disabled.
pub fn next_move_button_id(entry: usize, towards_end: bool, count: usize) -> Id {
    let moved_to =
        if towards_end { (entry + 1).min(count.saturating_sub(1)) } else { entry.saturating_sub(1) };
    let is_at_end = if towards_end { moved_to + 1 >= count } else { moved_to == 0 };
    move_button_id(moved_to, towards_end != is_at_end)
}

/// Width of the number of an entry, in logical pixels.
const MARK_WIDTH: f32 = 36.0;

fn small_button<'a>(symbol: Icon, message: Option<Message>) -> Button<'a, Message> {
    button(icon_sized(symbol, 12.0)).padding(9).style(theme::quiet).on_press_maybe(message)
}

fn labelled_button(label: &str, message: Message) -> Button<'_, Message> {
    button(text(label).size(size::NORMAL)).padding([9, 18]).style(theme::secondary).on_press(message)
}
