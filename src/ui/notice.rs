//! Words over the picture, or under the start screen: what went wrong, what is waited for, that the film is over.

use iced::widget::text::Wrapping;
use iced::widget::{Button, button, container, row, text};
use iced::{Center, Element, Fill};

use super::icon::{Icon, sized};
use super::playback::{Notice, Playback};
use super::theme::{self, size, space};

/// What the words ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The user has read them.
    Dismiss,
    /// The user does not want to wait any longer.
    Cancel,
    /// Tell the whole session.
    Summarize,
}

/// The words, if there are any. `has_played` says whether there is a session to tell of.
pub fn view(playback: &Playback, has_played: bool) -> Option<Element<'_, Action>> {
    if let Some(notice) = playback.notice() {
        let end = match notice {
            Notice::Reconnecting(_) => cancel(),
            _ => button(sized(Icon::Close, 12.0)).padding(6).style(theme::quiet).on_press(Action::Dismiss),
        };
        let words = text(notice.text()).size(size::NORMAL).width(Fill).wrapping(Wrapping::WordOrGlyph);
        let is_trouble = !matches!(notice, Notice::Hint(_));
        return Some(banner(row![words, end].spacing(space::NORMAL).align_y(Center).into(), is_trouble));
    }
    if let Some(host) = playback.connecting_to() {
        let words = text(format!("Connecting to {host}…")).size(size::NORMAL);
        let line = row![words.wrapping(Wrapping::WordOrGlyph), cancel()].spacing(space::WIDE).align_y(Center);
        return Some(banner(line.into(), false));
    }
    let words = if playback.has_ended() {
        "The film is over. Play starts it again."
    } else if playback.is_waiting() {
        return Some(banner(text("Waiting for data…").size(size::NORMAL).into(), false));
    } else if playback.has_stopped() && has_played {
        "The session is over."
    } else {
        return None;
    };
    let summary = button(text("Summary…").size(size::NORMAL))
        .padding([6, 14])
        .style(theme::secondary)
        .on_press_maybe(has_played.then_some(Action::Summarize));
    let line = row![text(words).size(size::NORMAL), summary].spacing(space::WIDE).align_y(Center).wrap();
    Some(banner(line.into(), false))
}

fn cancel<'a>() -> Button<'a, Action> {
    button(text("Cancel").size(size::NORMAL))
        .padding([6, 14])
        .style(theme::secondary)
        .on_press(Action::Cancel)
}

fn banner(content: Element<'_, Action>, is_error: bool) -> Element<'_, Action> {
    let ground =
        container(content).padding([space::SMALL, space::WIDE]).max_width(760).style(theme::banner(is_error));
    container(ground).width(Fill).align_x(Center).padding(space::WIDE).into()
}
