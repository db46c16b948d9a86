//! Messages panel: the RTSP or HTTP messages of the session, as a ladder diagram or as a list.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use iced::widget::{column, container, mouse_area, row, text, text_input};
use iced::{Center, Fill, mouse};

use super::message_filter;
use super::message_ladder::{
    LIFELINE_MARGIN, format_elapsed, format_response_time, ladder_row, lifeline_labels,
};
use crate::format::count;
use crate::session::{Direction, LogEntry, LoggedMessage, MediaPeriod, MessageLog};
use crate::ui::renderer::{Column, Element, Row};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::choices::choices;
use crate::ui::widget::control::{Button, button};
use crate::ui::widget::copied::Copied;
use crate::ui::widget::focusable::focusable_row;

/// State of the panel.
#[derive(Debug, Default)]
pub struct Panel {
    view_mode: ViewMode,
    filter: String,
    /// Numbers of the messages whose headers are shown, counted from the first entry of the log.
    expanded: BTreeSet<u64>,
    /// Number of entries shown in addition to [`PAGE_SIZE`].
    earlier_shown: usize,
    copied: Copied,
}

/// Form in which messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum ViewMode {
    #[default]
    Ladder,
    List,
}

/// Message of the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    ViewMode(ViewMode),
    Filter(String),
    /// Show or hide the headers of the message with this number.
    Toggle(u64),
    ShowEarlier,
    Copy,
    Save,
    Clear,
}

/// Request of the panel to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// No request to the application.
    None,
    /// Copy this text to the clipboard.
    Copy(String),
    /// Write this text to a file.
    Save(String),
    /// Clear the message log.
    Clear,
}

/// Number of entries shown at first, and added by each click on "Show … earlier".
const PAGE_SIZE: usize = 80;

/// Id of the filter field, for tests.
const FILTER_INPUT_ID: &str = "messages-filter";

impl Panel {
    /// Applies a message of the panel. `now` is the time of the click, for the label of the Copy button.
    pub fn update(&mut self, message: Message, message_log: &MessageLog, now: Instant) -> Action {
        match message {
            Message::ViewMode(view_mode) => self.view_mode = view_mode,
            Message::Filter(filter) => self.filter = filter,
            Message::Toggle(number) => self.toggle(number, message_log),
            Message::ShowEarlier => self.earlier_shown += PAGE_SIZE,
            Message::Copy => {
                self.copied.record(now);
                return Action::Copy(message_filter::filtered_text(message_log, &self.filter));
            }
            Message::Save => return Action::Save(message_filter::filtered_text(message_log, &self.filter)),
            Message::Clear => {
                self.expanded.clear();
                self.earlier_shown = 0;
                return Action::Clear;
            }
        }
        Action::None
    }

    fn toggle(&mut self, number: u64, message_log: &MessageLog) {
        if !self.expanded.remove(&number) {
            self.expanded.insert(number);
        }
        // Forgets the numbers of entries that the log has dropped.
        self.expanded.retain(|number| message_log.ids().contains(number));
    }

    /// Returns true if the Copy button still reads "Copied".
    pub fn has_just_copied(&self, now: Instant) -> bool {
        self.copied.is_recent(now)
    }

    /// Returns the buttons above the messages.
    pub fn toolbar(&self, message_log: &MessageLog, now: Instant) -> Element<'_, Message> {
        let has_any = !message_log.entries().is_empty();
        let clear = action_button("Clear", Message::Clear, has_any);
        // In a narrow panel.
        self.buttons(message_log, now).push(clear).wrap().into()
    }

    /// Returns the buttons for the space of the title.
    pub fn short_toolbar(&self, message_log: &MessageLog, now: Instant) -> Element<'_, Message> {
        self.buttons(message_log, now).into()
    }

    /// Returns the buttons of both toolbars.
    fn buttons(&self, message_log: &MessageLog, now: Instant) -> Row<'_, Message> {
        let has_matches = message_filter::matching(message_log.entries(), &self.filter).contains(&true);
        let view_modes = [("Ladder", ViewMode::Ladder), ("List", ViewMode::List)];
        let copy_label = if self.copied.is_recent(now) { "Copied" } else { "Copy" };
        row![
            choices(view_modes, self.view_mode, Message::ViewMode),
            action_button(copy_label, Message::Copy, has_matches),
            action_button("Save…", Message::Save, has_matches),
        ]
        .spacing(distance::SMALL)
        .align_y(Center)
    }

    /// Returns the rows above the messages that are never scrolled: the filter, and the names of both sides.
    pub fn fixed_rows(&self, message_log: &MessageLog) -> Element<'_, Message> {
        let filter = text_input("Filter by method, header or other text", &self.filter)
            .on_input(Message::Filter)
            .padding([5, 8])
            .size(size::SMALL)
            .style(theme::field(false))
            .id(FILTER_INPUT_ID);
        let rows = column![filter].spacing(distance::SMALL);
        match self.view_mode {
            ViewMode::Ladder if !message_log.entries().is_empty() => rows.push(lifeline_labels()).into(),
            ViewMode::Ladder | ViewMode::List => rows.into(),
        }
    }

    /// Returns the matching messages, the newest at the bottom.
    pub fn view<'a>(&'a self, message_log: &'a MessageLog, now: Instant) -> Element<'a, Message> {
        let entries = message_log.entries();
        let matches = message_filter::matching(entries, &self.filter);
        let ids = message_log.ids().iter().copied();
        let matching: Vec<_> =
            ids.zip(entries).zip(matches).filter_map(|(entry, matches)| matches.then_some(entry)).collect();
        let hidden = matching.len().saturating_sub(PAGE_SIZE + self.earlier_shown);
        let Some(start) = message_log.start_time() else { return placeholder(NO_MESSAGES) };
        if matching.is_empty() {
            return placeholder("No messages match the filter.");
        }
        let earlier = (hidden > 0).then(|| {
            button(text(format!("Show {hidden} earlier")).size(size::SMALL))
                .padding([5, 10])
                .style(theme::quiet)
                .on_press(Message::ShowEarlier)
                .into()
        });
        let shown =
            matching[hidden..].iter().map(|(number, entry)| self.view_entry(*number, entry, start, now));
        Column::with_children(earlier).extend(shown).width(Fill).into()
    }

    fn view_entry<'a>(
        &'a self,
        number: u64,
        entry: &'a LogEntry,
        start: Instant,
        now: Instant,
    ) -> Element<'a, Message> {
        match (entry, self.view_mode) {
            (LogEntry::Media(media), _) => media_row(media, now),
            (LogEntry::Mistake(mistake), _) => sentence_row(mistake.sentence()),
            (LogEntry::Note { text, .. }, _) => sentence_row(text.clone()),
            (LogEntry::StreamEnded(_), _) => end_row(),
            (LogEntry::Message { message, response_time }, view_mode) => {
                let line = match view_mode {
                    ViewMode::Ladder => ladder_row(message, *response_time, start),
                    ViewMode::List => list_row(message, *response_time, start),
                };
                let line = mouse_area(line)
                    .on_press(Message::Toggle(number))
                    .interaction(mouse::Interaction::Pointer);
                let line = focusable_row(line, Message::Toggle(number));
                // The same widgets in both cases, so that the row keeps the focus when it is pressed.
                let details = self.expanded.contains(&number).then(|| details(message));
                column![line].extend(details).into()
            }
        }
    }
}

fn action_button(label: &str, message: Message, is_enabled: bool) -> Button<'_, Message> {
    button(text(label).size(size::SMALL))
        .padding([5, 10])
        .style(theme::secondary)
        .on_press_maybe(is_enabled.then_some(message))
}

const NO_MESSAGES: &str = "No messages yet. The requests of the player (OPTIONS, DESCRIBE, SETUP, PLAY, … over \
                            RTSP, GET over HTTP) and the server's responses appear here.";

fn placeholder(message: &str) -> Element<'_, Message> {
    let message = text(message).size(size::SMALL).style(theme::muted).width(Fill);
    // Glyphs at the very edge of the scrolled area are cut off.
    container(message).padding([distance::SMALL, 1.0]).into()
}

/// Returns the complete message, to be shown below its row.
fn details(message: &LoggedMessage) -> Element<'_, Message> {
    let wrapped = |content| text(content).size(size::SMALL).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    let start_line = wrapped(&message.start_line).font(theme::STRONG);
    let rest = wrapped(&message.headers_and_body);
    let content = column![start_line, rest].spacing(2).width(Fill);
    container(
        container(content).padding([distance::SMALL, distance::NORMAL]).width(Fill).style(theme::choices),
    )
    .padding([distance::TIGHT, 0.0])
    .into()
}

/// Returns a message as a row of the list.
fn list_row<'a>(
    message: &'a LoggedMessage,
    response_time: Option<Duration>,
    start: Instant,
) -> Element<'a, Message> {
    let direction = match message.direction {
        Direction::ClientToServer => "→",
        Direction::ServerToClient => "←",
    };
    let small =
        |content: String| text(content).size(size::SMALL).style(theme::muted).wrapping(text::Wrapping::None);
    let cseq = message.cseq.map(|cseq| format!("CSeq {cseq}")).unwrap_or_default();
    let start_line =
        text(&message.start_line).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    let line = row![
        small(format_elapsed(message.at, start)).width(58),
        text(direction).size(size::NORMAL).width(16),
        start_line,
        column![small(cseq), small(response_time.map(format_response_time).unwrap_or_default())]
            .align_x(iced::Right),
    ]
    .spacing(distance::SMALL);
    container(line).padding([4, 0]).into()
}

/// Returns the row for the end of the stream, at which the state changes without a message.
fn end_row<'a>() -> Element<'a, Message> {
    let label = text("End of the stream: READY").size(size::TINY).style(theme::muted);
    container(label).center_x(Fill).padding([distance::TIGHT, 0.0]).into()
}

/// Returns the row for a sentence about the server or the stream.
fn sentence_row<'a>(sentence: String) -> Element<'a, Message> {
    let sentence =
        text(sentence).size(size::TINY).style(theme::muted).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    container(sentence).padding([distance::TIGHT, 0.0]).into()
}

/// Returns the row for the RTP packets between PLAY and PAUSE, or the frames over HTTP.
fn media_row<'a>(media: &MediaPeriod, now: Instant) -> Element<'a, Message> {
    let length = media.end.unwrap_or(now).saturating_duration_since(media.start);
    let (unit, lost) = match media.counts_frames {
        true => ("frames", "incomplete"),
        false => ("packets received", "lost"),
    };
    let lost = if media.lost > 0 { format!(", {} {lost}", count(media.lost)) } else { String::new() };
    let protocol = if media.counts_frames { "HTTP" } else { "RTP" };
    let packets = format!("{protocol}  {} {unit}{lost}", count(media.received));
    let time = match media.end {
        Some(_) => format!("{:.1} s", length.as_secs_f64()),
        None => format!("{} s so far", length.as_secs()),
    };
    let label = column![
        text(packets).size(size::SMALL).font(theme::STRONG).align_x(Center),
        text(time).size(size::TINY).style(theme::muted)
    ]
    .align_x(Center);
    let band = container(label).center_x(Fill).padding([distance::SMALL, 0.0]).style(theme::media_band);
    container(band).padding([distance::TIGHT, LIFELINE_MARGIN]).into()
}
