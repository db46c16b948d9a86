//! Words over the picture: what went wrong, what is waited for, that the film is over.

use iced::widget::{button, container, row, text};
use iced::{Center, Element, Fill};

use super::icon::{Icon, sized};
use super::playback::Playback;
use super::theme::{self, size, space};

/// The user has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dismissed;

/// The words, if there are any.
pub fn view(playback: &Playback) -> Option<Element<'_, Dismissed>> {
    if let Some(notice) = playback.notice() {
        let close = button(sized(Icon::Close, 12.0)).padding(6).style(theme::quiet).on_press(Dismissed);
        let words = text(notice.text()).size(size::NORMAL).width(Fill);
        return Some(banner(row![words, close].spacing(space::NORMAL).align_y(Center).into(), true));
    }
    let words = if playback.has_ended() {
        "The film is over. Play starts it again."
    } else if playback.is_waiting() {
        "Waiting for data…"
    } else {
        return None;
    };
    Some(banner(text(words).size(size::NORMAL).into(), false))
}

fn banner(content: Element<'_, Dismissed>, is_error: bool) -> Element<'_, Dismissed> {
    let ground =
        container(content).padding([space::SMALL, space::WIDE]).max_width(760).style(theme::banner(is_error));
    container(ground).width(Fill).height(Fill).align_x(Center).align_bottom(Fill).padding(space::WIDE).into()
}
