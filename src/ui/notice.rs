//! Words over the picture, or under the start screen: what went wrong, what is waited for, that the film is over.

use std::time::Instant;

use iced::widget::text::Wrapping;
use iced::widget::{Button, Column, button, container, row, text};
use iced::{Center, Element, Fill};

use super::icon::{Icon, sized};
use super::logbook::Logbook;
use super::playback::{Notice, Playback};
use super::theme::{self, size, space};
use crate::session::RtspState;

/// What the words ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The user has read them.
    Dismiss,
    /// The user does not want to wait any longer.
    Cancel,
    /// The user does not want to wait before the server is tried again.
    TryNow,
    /// Tell the whole session.
    Summarize,
}

/// The words, if there are any. The hint stands where nothing else is to be said.
pub fn view<'a>(
    playback: &'a Playback,
    logbook: &Logbook,
    hint: Option<&'a str>,
    now: Instant,
) -> Option<Element<'a, Action>> {
    let notice = playback.notice().map(told);
    // It is so until the server is there again, whatever else there is to read.
    if let Some(words) = playback.on_absence(now) {
        let away = absence(words, playback.is_counting_down(now));
        return Some(placed(
            Column::with_children(notice).push(away).spacing(space::SMALL).align_x(Center).into(),
        ));
    }
    notice.or_else(|| state(playback, logbook).or_else(|| hint.map(said))).map(placed)
}

fn told(notice: &Notice) -> Element<'_, Action> {
    let close = button(sized(Icon::Close, 12.0)).padding(6).style(theme::quiet).on_press(Action::Dismiss);
    let words = text(notice.text()).size(size::NORMAL).width(Fill).wrapping(Wrapping::WordOrGlyph);
    let is_trouble = !matches!(notice, Notice::Hint(_));
    banner(row![words, close].spacing(space::NORMAL).align_y(Center).into(), is_trouble)
}

fn absence<'a>(words: String, is_counting_down: bool) -> Element<'a, Action> {
    let words = text(words).size(size::NORMAL).width(Fill).wrapping(Wrapping::WordOrGlyph);
    let now = act("Try now", is_counting_down.then_some(Action::TryNow));
    let buttons = row![now, act("Cancel", Some(Action::Cancel))].spacing(space::SMALL);
    banner(row![words, buttons].spacing(space::NORMAL).align_y(Center).into(), true)
}

/// What follows from how it stands.
fn state<'a>(playback: &'a Playback, logbook: &Logbook) -> Option<Element<'a, Action>> {
    let has_played = logbook.has_played();
    if let Some(host) = playback.connecting_to() {
        let words = text(format!("Connecting to {host}…")).size(size::NORMAL);
        let cancel = act("Cancel", Some(Action::Cancel));
        let line = row![words.wrapping(Wrapping::WordOrGlyph), cancel].spacing(space::WIDE).align_y(Center);
        return Some(banner(line.into(), false));
    }
    let words = if playback.has_ended() {
        "The film is over. Play starts it again."
    } else if playback.is_waiting() {
        return Some(said("Waiting for data…"));
    } else if playback.state() == RtspState::Playing && logbook.lacks_pictures() {
        let words = match logbook.figures().snapshot.emulated {
            Some(_) => "Packets arrive, but no picture is whole: the emulated network loses too much.",
            None => "Packets arrive, but no picture is whole: too much is lost on the way.",
        };
        return Some(said(words));
    } else if playback.has_stopped() && has_played {
        "The session is over."
    } else {
        return None;
    };
    let summary = act("Summary…", has_played.then_some(Action::Summarize));
    let line = row![text(words).size(size::NORMAL), summary].spacing(space::WIDE).align_y(Center).wrap();
    Some(banner(line.into(), false))
}

fn said(words: &str) -> Element<'_, Action> {
    banner(text(words).size(size::NORMAL).into(), false)
}

fn act(words: &str, action: Option<Action>) -> Button<'_, Action> {
    button(text(words).size(size::NORMAL)).padding([6, 14]).style(theme::secondary).on_press_maybe(action)
}

fn banner(content: Element<'_, Action>, is_error: bool) -> Element<'_, Action> {
    container(content)
        .padding([space::SMALL, space::WIDE])
        .max_width(760)
        .style(theme::banner(is_error))
        .into()
}

/// In the middle, away from the edges.
fn placed(words: Element<'_, Action>) -> Element<'_, Action> {
    container(words).width(Fill).align_x(Center).padding(space::WIDE).into()
}
