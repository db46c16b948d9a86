//! Banner over the video or below the start screen: errors, connecting, waiting for data, end of the stream.

use std::borrow::Cow;
use std::time::Instant;

use iced::widget::text::Wrapping;
use iced::widget::{container, row, text};
use iced::{Center, Fill};

use super::playback::{Notice, Playback};
use super::session_record::SessionRecord;
use crate::session::{RtspState, incomplete_reason};
use crate::stats::Snapshot;
use crate::ui::renderer::{Column, Element};
use crate::ui::text_format::with_options_kept;
use crate::ui::theme::{self, size, space};
use crate::ui::widget::control::{Button, button};
use crate::ui::widget::icon::{Icon, icon_sized};

/// Request of the banner to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Close the banner with the notice.
    Dismiss,
    /// Remove the film that cannot be opened from the start screen.
    ForgetFilm,
    /// Copy the command line in the notice to the clipboard.
    CopyCommand,
    /// Stop connecting or reconnecting.
    Cancel,
    /// Reconnect at once instead of after the wait.
    RetryNow,
    /// Show the session summary.
    ShowSummary,
    /// Open the file that was saved.
    OpenSaved,
    /// Show the folder of the file that was saved.
    ShowFolder,
}

/// Id of the close button, which has no text for tests to find it by.
const DISMISS_ID: &str = "dismiss";

/// Returns the banner: the notice, else one that follows from the state, else the hint. `None` if there is nothing to
/// show. While reconnecting, that banner is shown together with any notice.
pub fn view<'a>(
    playback: &'a Playback,
    session_record: &SessionRecord,
    hint: Option<&'a str>,
    now: Instant,
) -> Option<Element<'a, Action>> {
    let notice = playback.notice().map(notice_banner);
    if let Some(message) = playback.reconnect_message(now) {
        let reconnect = reconnect_banner(message, playback.is_counting_down(now));
        return Some(centred(
            Column::with_children(notice).push(reconnect).spacing(space::SMALL).align_x(Center).into(),
        ));
    }
    notice
        .or_else(|| state_banner(playback, session_record, now).or_else(|| hint.map(text_banner)))
        .map(centred)
}

fn notice_banner(notice: &Notice) -> Element<'_, Action> {
    let sentence = match notice.command() {
        Some(command) => Cow::Owned(with_options_kept(notice.text(), command)),
        None => Cow::Borrowed(notice.text()),
    };
    let message = text(sentence).size(size::NORMAL).width(Fill).wrapping(Wrapping::WordOrGlyph);
    let is_error = notice.is_error();
    let copy = notice.command().map(|_| action_button("Copy", Some(Action::CopyCommand)));
    let forget =
        notice.failed_recent().map(|_| action_button("Remove from Recent", Some(Action::ForgetFilm)));
    let saved = notice.saved_path().map(|_| {
        let folder = action_button("Show folder", Some(Action::ShowFolder));
        row![action_button("Open file", Some(Action::OpenSaved)), folder].spacing(space::SMALL)
    });
    let line = row![message]
        .push(copy)
        .push(forget)
        .push(saved)
        .push(close_button())
        .spacing(space::NORMAL)
        .align_y(Center);
    banner(line.into(), is_error)
}

fn reconnect_banner<'a>(message: String, is_counting_down: bool) -> Element<'a, Action> {
    let message = text(message).size(size::NORMAL).width(Fill).wrapping(Wrapping::WordOrGlyph);
    let retry = action_button("Try now", is_counting_down.then_some(Action::RetryNow));
    let buttons = row![retry, action_button("Cancel", Some(Action::Cancel))].spacing(space::SMALL);
    banner(row![message, buttons].spacing(space::NORMAL).align_y(Center).into(), true)
}

/// Returns the banner that follows from the state of playback.
fn state_banner<'a>(
    playback: &'a Playback,
    session_record: &SessionRecord,
    now: Instant,
) -> Option<Element<'a, Action>> {
    if let Some(name) = playback.slow_opening(now) {
        return Some(banner(
            text(format!("Opening {name}…")).size(size::NORMAL).wrapping(Wrapping::WordOrGlyph).into(),
            false,
        ));
    }
    if let Some(host) = playback.connecting_host() {
        return Some(connecting_banner(host));
    }
    if playback.has_ended() {
        return Some(ended_banner("Playback has ended. Press Play to start again.", session_record));
    }
    if playback.has_waited(now) {
        return Some(text_banner("Waiting for data…"));
    }
    if playback.state() == RtspState::Playing && session_record.has_no_complete_frames() {
        return Some(incomplete_banner(&session_record.figures().snapshot));
    }
    if playback.has_stopped() && session_record.has_played() {
        return Some(ended_banner("The session has ended.", session_record));
    }
    None
}

/// Returns the banner for packets that make no complete frame, with the reason that the figures show.
fn incomplete_banner<'a>(snapshot: &Snapshot) -> Element<'a, Action> {
    let reason = match (snapshot.emulated, snapshot.packets_lost) {
        (Some(_), _) => "the emulated network loses too many packets".to_owned(),
        (None, 0) => incomplete_reason(snapshot),
        (None, _) => "too many packets are lost".to_owned(),
    };
    let what = if snapshot.lacks_packets { "Data arrives" } else { "Packets arrive" };
    let sentence = text(format!("{what}, but no frame is complete: {reason}."));
    banner(sentence.size(size::NORMAL).wrapping(Wrapping::WordOrGlyph).into(), false)
}

fn connecting_banner<'a>(host: &str) -> Element<'a, Action> {
    let message = text(format!("Connecting to {host}…")).size(size::NORMAL);
    let cancel = action_button("Cancel", Some(Action::Cancel));
    let line = row![message.wrapping(Wrapping::WordOrGlyph), cancel].spacing(space::WIDE).align_y(Center);
    banner(line.into(), false)
}

/// Returns a banner with a button for the session summary, which is disabled if nothing has been played.
fn ended_banner<'a>(message: &'a str, session_record: &SessionRecord) -> Element<'a, Action> {
    let has_played = session_record.has_played();
    let summary = action_button("Summary…", has_played.then_some(Action::ShowSummary));
    let line = row![text(message).size(size::NORMAL), summary, close_button()];
    let line = line.spacing(space::WIDE).align_y(Center).wrap();
    banner(line.into(), false)
}

fn close_button<'a>() -> Element<'a, Action> {
    let close =
        button(icon_sized(Icon::Close, 12.0)).padding(6).style(theme::quiet).on_press(Action::Dismiss);
    container(close).id(DISMISS_ID).into()
}

fn text_banner(message: &str) -> Element<'_, Action> {
    banner(text(message).size(size::NORMAL).into(), false)
}

fn action_button(label: &str, action: Option<Action>) -> Button<'_, Action> {
    button(text(label).size(size::NORMAL)).padding([6, 14]).style(theme::secondary).on_press_maybe(action)
}

fn banner(content: Element<'_, Action>, is_error: bool) -> Element<'_, Action> {
    container(content)
        .padding([space::SMALL, space::WIDE])
        .max_width(760)
        .style(theme::banner(is_error))
        .into()
}

/// Centres a banner, with a distance to the edges.
fn centred(content: Element<'_, Action>) -> Element<'_, Action> {
    container(content).width(Fill).align_x(Center).padding(space::WIDE).into()
}
