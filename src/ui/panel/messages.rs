//! The Messages panel: what player and server say to each other, as a list and as a ladder.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use iced::widget::canvas::{Frame, LineCap, Path, Stroke, Text};
use iced::widget::{Column, button, column, container, mouse_area, row, space, text, text_input};
use iced::{Center, Color, Element, Fill, Pixels, Point, Rectangle, Size, Theme, mouse};

use super::message_filter;
use crate::format::{count, milliseconds};
use crate::session::{Direction, LogEntry, LoggedMessage as Said, MediaPeriod, MessageLog, RtspState};
use crate::ui::app::status_bar::state_name;
use crate::ui::dialog::preferences::choices;
use crate::ui::theme::{self, Colours, size, space as distance};
use crate::ui::widget::drawing::drawing;

/// How the panel is.
#[derive(Debug, Default)]
pub struct Panel {
    view_mode: ViewMode,
    filter: String,
    /// The messages whose headers are shown, by the order in which they were said.
    expanded: BTreeSet<u64>,
    /// How many more entries than usual are shown.
    earlier_shown: usize,
    copied_at: Option<Instant>,
}

/// How messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum ViewMode {
    #[default]
    Ladder,
    List,
}

/// What happens in the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    ViewMode(ViewMode),
    Filter(String),
    /// Show or hide the headers of this one.
    Toggle(u64),
    ShowEarlier,
    Copy,
    Save,
    Clear,
}

/// What the panel asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Put this on the clipboard.
    Copy(String),
    /// Write this to a file.
    Save(String),
    /// Forget what was said.
    Clear,
}

/// For how long a button says what it has done.
const COPIED_TIMEOUT: Duration = Duration::from_secs(2);

/// Entries that are shown unless more are asked for.
const PAGE_SIZE: usize = 80;

/// The field has no words of its own when something is typed.
const FILTER_INPUT_ID: &str = "messages-filter";

impl Panel {
    /// Takes what happened.
    pub fn update(&mut self, message: Message, message_log: &MessageLog, now: Instant) -> Action {
        match message {
            Message::ViewMode(shape) => self.view_mode = shape,
            Message::Filter(words) => self.filter = words,
            Message::Toggle(number) => {
                if !self.expanded.remove(&number) {
                    self.expanded.insert(number);
                }
                // What is no longer kept cannot be open.
                let first = message_log.total_entries() - message_log.entries().len() as u64;
                self.expanded = self.expanded.split_off(&first);
            }
            Message::ShowEarlier => self.earlier_shown += PAGE_SIZE,
            Message::Copy => {
                self.copied_at = Some(now);
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

    /// What was copied was copied just now, and the button says so.
    pub fn has_just_copied(&self, now: Instant) -> bool {
        self.copied_at.is_some_and(|copied| now.saturating_duration_since(copied) < COPIED_TIMEOUT)
    }

    /// What stands above the messages and does not move with them.
    pub fn toolbar(&self, message_log: &MessageLog, now: Instant) -> Element<'_, Message> {
        let has_any = !message_log.entries().is_empty();
        let has_matches = message_filter::matching(message_log.entries(), &self.filter).contains(&true);
        let action_button = |words, message: Message, is_possible: bool| {
            button(text(words).size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press_maybe(is_possible.then_some(message))
        };
        let view_modes = [("Ladder", ViewMode::Ladder), ("List", ViewMode::List)];
        let filter = text_input("Filter: a method, a header, a number", &self.filter)
            .on_input(Message::Filter)
            .padding([5, 8])
            .size(size::SMALL)
            .style(theme::field(false))
            .id(FILTER_INPUT_ID);
        let buttons = row![
            choices(view_modes, self.view_mode, Message::ViewMode),
            space::horizontal(),
            action_button(
                if self.has_just_copied(now) { "Copied" } else { "Copy" },
                Message::Copy,
                has_matches
            ),
            action_button("Save…", Message::Save, has_matches),
            action_button("Clear", Message::Clear, has_any),
        ]
        .spacing(distance::SMALL)
        .align_y(Center);
        let head = column![buttons, filter].spacing(distance::SMALL);
        match self.view_mode {
            ViewMode::Ladder if has_any => head.push(lifeline_labels()).into(),
            ViewMode::Ladder | ViewMode::List => head.into(),
        }
    }

    /// The messages.
    pub fn view<'a>(&'a self, message_log: &'a MessageLog, now: Instant) -> Element<'a, Message> {
        let entries = message_log.entries();
        let first = message_log.total_entries() - entries.len() as u64;
        let matches = message_filter::matching(entries, &self.filter);
        let chosen: Vec<_> = (first..)
            .zip(entries)
            .zip(matches)
            .filter_map(|(entry, matches)| matches.then_some(entry))
            .collect();
        let hidden = chosen.len().saturating_sub(PAGE_SIZE + self.earlier_shown);
        let Some(begin) = message_log.start_time() else { return placeholder(NO_MESSAGES) };
        if chosen.is_empty() {
            return placeholder("Nothing of what was said fits the filter.");
        }
        let earlier = (hidden > 0).then(|| {
            button(text(format!("{hidden} earlier ones")).size(size::SMALL))
                .padding([5, 10])
                .style(theme::quiet)
                .on_press(Message::ShowEarlier)
                .into()
        });
        let shown =
            chosen[hidden..].iter().map(|(number, entry)| self.view_entry(*number, entry, begin, now));
        Column::with_children(earlier).extend(shown).width(Fill).into()
    }

    fn view_entry<'a>(
        &'a self,
        number: u64,
        entry: &'a LogEntry,
        begin: Instant,
        now: Instant,
    ) -> Element<'a, Message> {
        match (entry, self.view_mode) {
            (LogEntry::Media(media), _) => media_row(media, now),
            (LogEntry::StreamEnded(_), _) => end_row(),
            (LogEntry::Message { message, response_time: took }, shape) => {
                let line = match shape {
                    ViewMode::Ladder => ladder_row(message, *took, begin),
                    ViewMode::List => list_row(message, *took, begin),
                };
                let line = mouse_area(line)
                    .on_press(Message::Toggle(number))
                    .interaction(mouse::Interaction::Pointer);
                match self.expanded.contains(&number) {
                    true => column![line, details(message)].into(),
                    false => line.into(),
                }
            }
        }
    }
}

const NO_MESSAGES: &str = "Nothing has been said yet. What player and server say to each other appears here: OPTIONS, \
                            DESCRIBE, SETUP, PLAY and so on, each with its reply.";

fn placeholder(message: &str) -> Element<'_, Message> {
    text(message).size(size::SMALL).style(theme::muted).width(Fill).into()
}

/// The whole message.
fn details(message: &Said) -> Element<'_, Message> {
    let wrapped = |words| text(words).size(size::SMALL).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    let first = wrapped(&message.start_line).font(theme::STRONG);
    let rest = wrapped(&message.headers_and_body);
    let whole = column![first, rest].spacing(2).width(Fill);
    container(container(whole).padding([distance::SMALL, distance::NORMAL]).width(Fill).style(theme::choices))
        .padding([distance::TIGHT, 0.0])
        .into()
}

fn format_elapsed(at: Instant, start: Instant) -> String {
    format!("{:.3} s", at.saturating_duration_since(start).as_secs_f64())
}

fn format_response_time(response_time: Duration) -> String {
    milliseconds(response_time.as_secs_f64() * 1_000.0)
}

/// A message as a line of a list.
fn list_row<'a>(message: &'a Said, response_time: Option<Duration>, begin: Instant) -> Element<'a, Message> {
    let direction = match message.direction {
        Direction::ClientToServer => "→",
        Direction::ServerToClient => "←",
    };
    let small =
        |words: String| text(words).size(size::SMALL).style(theme::muted).wrapping(text::Wrapping::None);
    let cseq = message.cseq.map(|cseq| format!("CSeq {cseq}")).unwrap_or_default();
    let first =
        text(&message.start_line).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    let line = row![
        small(format_elapsed(message.at, begin)).width(58),
        text(direction).size(size::NORMAL).width(16),
        first,
        column![small(cseq), small(response_time.map(format_response_time).unwrap_or_default())]
            .align_x(iced::Right),
    ]
    .spacing(distance::SMALL);
    container(line).padding([4, 0]).into()
}

/// How high a rung of the ladder is.
const LADDER_ROW_HEIGHT: f32 = 44.0;

/// From the edge to a lifeline: a state's name fits in half of it at each side.
const LIFELINE_MARGIN: f32 = 34.0;

fn ladder_row<'a>(message: &'a Said, took: Option<Duration>, begin: Instant) -> Element<'a, Message> {
    let rung = LadderRow { message, response_time: took, start: begin };
    drawing(None, move |frame, theme| rung.draw(frame, theme)).width(Fill).height(LADDER_ROW_HEIGHT).into()
}

fn lifeline_labels<'a>() -> Element<'a, Message> {
    let end = |words| text(words).size(size::SMALL).font(theme::STRONG);
    row![end("Player"), space::horizontal(), end("Server")].padding([0.0, LIFELINE_MARGIN - 22.0]).into()
}

struct LadderRow<'a> {
    message: &'a Said,
    response_time: Option<Duration>,
    start: Instant,
}

/// Where an arrow is on its rung.
const ARROW_Y: f32 = 22.0;

impl LadderRow<'_> {
    fn draw(&self, frame: &mut Frame, theme: &Theme) {
        let colours = theme::colours(theme);
        draw_lifelines(frame, colours);
        let (left, right) = (LIFELINE_MARGIN, frame.width() - LIFELINE_MARGIN);
        let (from, to) = match self.message.direction {
            Direction::ClientToServer => (left, right),
            Direction::ServerToClient => (right, left),
        };
        let colour = if self.is_error() { colours.danger } else { colours.text };
        draw_arrow(frame, from, to, colour);
        self.draw_labels(frame, colours, colour);
        if self.message.is_response() {
            for x in [left, right] {
                draw_state(frame, x, self.message.state, theme);
            }
        }
    }

    fn is_error(&self) -> bool {
        self.message.is_response() && !self.message.label().starts_with(['1', '2'])
    }

    fn draw_labels(&self, frame: &mut Frame, colours: &Colours, colour: Color) {
        let middle = frame.width() / 2.0;
        let mut above = self.message.label().to_owned();
        if let Some(cseq) = self.message.cseq {
            above += &format!("   CSeq {cseq}");
        }
        let mut below = format_elapsed(self.message.at, self.start);
        if let Some(took) = self.response_time {
            below += &format!(",  after {}", format_response_time(took));
        }
        let text = |content, y, color, size, font| Text {
            content,
            position: Point::new(middle, y),
            color,
            size: Pixels(size),
            font,
            align_x: iced::advanced::text::Alignment::Center,
            ..Text::default()
        };
        frame.fill_text(text(above, ARROW_Y - 18.0, colour, size::SMALL, theme::STRONG));
        frame.fill_text(text(below, ARROW_Y + 3.0, colours.muted, size::TINY, theme::FONT));
    }
}

fn draw_lifelines(frame: &mut Frame, colours: &Colours) {
    for x in [LIFELINE_MARGIN, frame.width() - LIFELINE_MARGIN] {
        frame.fill_rectangle(Point::new(x - 1.0, 0.0), Size::new(2.0, frame.height()), colours.line);
    }
}

fn draw_arrow(frame: &mut Frame, from: f32, to: f32, colour: Color) {
    let forward = (to - from).signum();
    let tip = to - 2.0 * forward;
    let stroke = Stroke::default().with_color(colour).with_width(1.5).with_line_cap(LineCap::Round);
    frame.stroke(
        &Path::line(Point::new(from + 2.0 * forward, ARROW_Y), Point::new(tip - 6.0 * forward, ARROW_Y)),
        stroke,
    );
    let head = Path::new(|path| {
        path.move_to(Point::new(tip, ARROW_Y));
        path.line_to(Point::new(tip - 9.0 * forward, ARROW_Y - 4.5));
        path.line_to(Point::new(tip - 9.0 * forward, ARROW_Y + 4.5));
        path.close();
    });
    frame.fill(&head, colour);
}

/// A state, on a lifeline.
fn draw_state(frame: &mut Frame, x: f32, state: RtspState, theme: &Theme) {
    let colours = theme::colours(theme);
    let bounds = Rectangle::new(Point::new(x - 31.0, ARROW_Y + 4.0), Size::new(62.0, 17.0));
    let background = Path::rounded_rectangle(bounds.position(), bounds.size(), 4.0.into());
    frame.fill(&background, colours.raised);
    frame.fill_text(Text {
        content: state_name(state).to_owned(),
        position: Point::new(x, ARROW_Y + 5.0),
        color: theme::state_colour(theme, state),
        size: Pixels(size::TINY),
        font: theme::STRONG,
        align_x: iced::advanced::text::Alignment::Center,
        ..Text::default()
    });
}

/// The state changes although nothing is said.
fn end_row<'a>() -> Element<'a, Message> {
    let words = text("The film is over: READY").size(size::TINY).style(theme::muted);
    container(words).center_x(Fill).padding([distance::TIGHT, 0.0]).into()
}

/// The packets between PLAY and PAUSE.
fn media_row<'a>(media: &MediaPeriod, now: Instant) -> Element<'a, Message> {
    let length = media.end.unwrap_or(now).saturating_duration_since(media.start);
    let lost = if media.lost > 0 { format!(", {} lost", count(media.lost)) } else { String::new() };
    let words = format!("RTP  {} packets{lost}", count(media.received));
    let time = match media.end {
        Some(_) => format!("{:.1} s", length.as_secs_f64()),
        None => format!("{:.0} s so far", length.as_secs_f64()),
    };
    let words = column![
        text(words).size(size::SMALL).font(theme::STRONG),
        text(time).size(size::TINY).style(theme::muted)
    ]
    .align_x(Center);
    let band = container(words).center_x(Fill).padding([distance::SMALL, 0.0]).style(theme::media_band);
    container(band).padding([distance::TIGHT, LIFELINE_MARGIN]).into()
}
