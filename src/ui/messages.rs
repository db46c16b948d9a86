//! The Messages panel: what player and server say to each other, as a list and as a ladder.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use iced::widget::canvas::{Frame, LineCap, Path, Stroke, Text};
use iced::widget::{Column, button, column, container, mouse_area, row, space, text, text_input};
use iced::{Center, Color, Element, Fill, Pixels, Point, Rectangle, Size, Theme, mouse};

use super::drawing::drawing;
use super::filter;
use super::preferences::choices;
use super::status_bar::state_name;
use super::theme::{self, Colours, size, space as distance};
use crate::format::{count, milliseconds};
use crate::session::{Conversation, Entry, Media, Message as Said, RtspState, Speaker};

/// How the panel is.
#[derive(Debug, Default)]
pub struct Panel {
    shape: Shape,
    filter: String,
    /// The messages whose headers are shown, by the order in which they were said.
    opened: BTreeSet<u64>,
    /// How many more entries than usual are shown.
    earlier: usize,
    copied: Option<Instant>,
}

/// How messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Shape {
    #[default]
    Ladder,
    List,
}

/// What happens in the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    Shape(Shape),
    Filter(String),
    /// Show or hide the headers of this one.
    Toggle(u64),
    Earlier,
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
const A_MOMENT: Duration = Duration::from_secs(2);

/// Entries that are shown unless more are asked for.
const SHOWN: usize = 80;

/// The field has no words of its own when something is typed.
const FILTER: &str = "messages-filter";

impl Panel {
    /// Takes what happened.
    pub fn update(&mut self, message: Message, conversation: &Conversation, now: Instant) -> Action {
        match message {
            Message::Shape(shape) => self.shape = shape,
            Message::Filter(words) => self.filter = words,
            Message::Toggle(number) => {
                if !self.opened.remove(&number) {
                    self.opened.insert(number);
                }
                // What is no longer kept cannot be open.
                let first = conversation.count() - conversation.entries().len() as u64;
                self.opened = self.opened.split_off(&first);
            }
            Message::Earlier => self.earlier += SHOWN,
            Message::Copy => {
                self.copied = Some(now);
                return Action::Copy(filter::text(conversation, &self.filter));
            }
            Message::Save => return Action::Save(filter::text(conversation, &self.filter)),
            Message::Clear => {
                self.opened.clear();
                self.earlier = 0;
                return Action::Clear;
            }
        }
        Action::None
    }

    /// What was copied was copied just now, and the button says so.
    pub fn has_just_copied(&self, now: Instant) -> bool {
        self.copied.is_some_and(|copied| now.saturating_duration_since(copied) < A_MOMENT)
    }

    /// What stands above the messages and does not move with them.
    pub fn head(&self, conversation: &Conversation, now: Instant) -> Element<'_, Message> {
        let has_any = !conversation.entries().is_empty();
        let fits_any = filter::fitting(conversation.entries(), &self.filter).contains(&true);
        let act = |words, message: Message, is_possible: bool| {
            button(text(words).size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press_maybe(is_possible.then_some(message))
        };
        let shapes = [("Ladder", Shape::Ladder), ("List", Shape::List)];
        let filter = text_input("Filter: a method, a header, a number", &self.filter)
            .on_input(Message::Filter)
            .padding([5, 8])
            .size(size::SMALL)
            .style(theme::field(false))
            .id(FILTER);
        let buttons = row![
            choices(shapes, self.shape, Message::Shape),
            space::horizontal(),
            act(if self.has_just_copied(now) { "Copied" } else { "Copy" }, Message::Copy, fits_any),
            act("Save…", Message::Save, fits_any),
            act("Clear", Message::Clear, has_any),
        ]
        .spacing(distance::SMALL)
        .align_y(Center);
        let head = column![buttons, filter].spacing(distance::SMALL);
        match self.shape {
            Shape::Ladder if has_any => head.push(lifelines()).into(),
            Shape::Ladder | Shape::List => head.into(),
        }
    }

    /// The messages.
    pub fn view<'a>(&'a self, conversation: &'a Conversation, now: Instant) -> Element<'a, Message> {
        let entries = conversation.entries();
        let first = conversation.count() - entries.len() as u64;
        let fits = filter::fitting(entries, &self.filter);
        let chosen: Vec<_> =
            (first..).zip(entries).zip(fits).filter_map(|(entry, fits)| fits.then_some(entry)).collect();
        let hidden = chosen.len().saturating_sub(SHOWN + self.earlier);
        let Some(begin) = conversation.begin() else { return nothing(NOTHING_SAID) };
        if chosen.is_empty() {
            return nothing("Nothing of what was said fits the filter.");
        }
        let earlier = (hidden > 0).then(|| {
            button(text(format!("{hidden} earlier ones")).size(size::SMALL))
                .padding([5, 10])
                .style(theme::quiet)
                .on_press(Message::Earlier)
                .into()
        });
        let shown = chosen[hidden..].iter().map(|(number, entry)| self.entry(*number, entry, begin, now));
        Column::with_children(earlier).extend(shown).width(Fill).into()
    }

    fn entry<'a>(
        &'a self,
        number: u64,
        entry: &'a Entry,
        begin: Instant,
        now: Instant,
    ) -> Element<'a, Message> {
        match (entry, self.shape) {
            (Entry::Media(media), _) => band(media, now),
            (Entry::Over(_), _) => over(),
            (Entry::Said { message, took }, shape) => {
                let line = match shape {
                    Shape::Ladder => rung(message, *took, begin),
                    Shape::List => listed(message, *took, begin),
                };
                let line = mouse_area(line)
                    .on_press(Message::Toggle(number))
                    .interaction(mouse::Interaction::Pointer);
                match self.opened.contains(&number) {
                    true => column![line, details(message)].into(),
                    false => line.into(),
                }
            }
        }
    }
}

const NOTHING_SAID: &str = "Nothing has been said yet. What player and server say to each other appears here: OPTIONS, \
                            DESCRIBE, SETUP, PLAY and so on, each with its reply.";

fn nothing(words: &str) -> Element<'_, Message> {
    text(words).size(size::SMALL).style(theme::muted).width(Fill).into()
}

/// The whole message.
fn details(message: &Said) -> Element<'_, Message> {
    let wrapped = |words| text(words).size(size::SMALL).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    let first = wrapped(&message.first_line).font(theme::STRONG);
    let rest = wrapped(&message.rest);
    let whole = column![first, rest].spacing(2).width(Fill);
    container(container(whole).padding([distance::SMALL, distance::NORMAL]).width(Fill).style(theme::choices))
        .padding([distance::TIGHT, 0.0])
        .into()
}

fn since(at: Instant, begin: Instant) -> String {
    format!("{:.3} s", at.saturating_duration_since(begin).as_secs_f64())
}

fn in_words(took: Duration) -> String {
    milliseconds(took.as_secs_f64() * 1_000.0)
}

/// A message as a line of a list.
fn listed<'a>(message: &'a Said, took: Option<Duration>, begin: Instant) -> Element<'a, Message> {
    let direction = match message.speaker {
        Speaker::Player => "→",
        Speaker::Server => "←",
    };
    let small =
        |words: String| text(words).size(size::SMALL).style(theme::muted).wrapping(text::Wrapping::None);
    let cseq = message.cseq.map(|cseq| format!("CSeq {cseq}")).unwrap_or_default();
    let first =
        text(&message.first_line).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph).width(Fill);
    let line = row![
        small(since(message.at, begin)).width(58),
        text(direction).size(size::NORMAL).width(16),
        first,
        column![small(cseq), small(took.map(in_words).unwrap_or_default())].align_x(iced::Right),
    ]
    .spacing(distance::SMALL);
    container(line).padding([4, 0]).into()
}

/// How high a rung of the ladder is.
const RUNG: f32 = 44.0;

/// From the edge to a lifeline: a state's name fits in half of it at each side.
const MARGIN: f32 = 34.0;

fn rung<'a>(message: &'a Said, took: Option<Duration>, begin: Instant) -> Element<'a, Message> {
    let rung = Rung { message, took, begin };
    drawing(None, move |frame, theme| rung.draw(frame, theme)).width(Fill).height(RUNG).into()
}

fn lifelines<'a>() -> Element<'a, Message> {
    let end = |words| text(words).size(size::SMALL).font(theme::STRONG);
    row![end("Player"), space::horizontal(), end("Server")].padding([0.0, MARGIN - 22.0]).into()
}

struct Rung<'a> {
    message: &'a Said,
    took: Option<Duration>,
    begin: Instant,
}

/// Where an arrow is on its rung.
const ARROW: f32 = 22.0;

impl Rung<'_> {
    fn draw(&self, frame: &mut Frame, theme: &Theme) {
        let colours = theme::colours(theme);
        draw_lifelines(frame, colours);
        let (left, right) = (MARGIN, frame.width() - MARGIN);
        let (from, to) = match self.message.speaker {
            Speaker::Player => (left, right),
            Speaker::Server => (right, left),
        };
        let colour = if self.is_refusal() { colours.danger } else { colours.text };
        draw_arrow(frame, from, to, colour);
        self.write_labels(frame, colours, colour);
        if self.message.is_reply() {
            for x in [left, right] {
                write_state(frame, x, self.message.state, theme);
            }
        }
    }

    fn is_refusal(&self) -> bool {
        self.message.is_reply() && !self.message.label().starts_with(['1', '2'])
    }

    fn write_labels(&self, frame: &mut Frame, colours: &Colours, colour: Color) {
        let middle = frame.width() / 2.0;
        let mut above = self.message.label().to_owned();
        if let Some(cseq) = self.message.cseq {
            above += &format!("   CSeq {cseq}");
        }
        let mut below = since(self.message.at, self.begin);
        if let Some(took) = self.took {
            below += &format!(",  after {}", in_words(took));
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
        frame.fill_text(text(above, ARROW - 18.0, colour, size::SMALL, theme::STRONG));
        frame.fill_text(text(below, ARROW + 3.0, colours.muted, size::TINY, theme::FONT));
    }
}

fn draw_lifelines(frame: &mut Frame, colours: &Colours) {
    for x in [MARGIN, frame.width() - MARGIN] {
        frame.fill_rectangle(Point::new(x - 1.0, 0.0), Size::new(2.0, frame.height()), colours.line);
    }
}

fn draw_arrow(frame: &mut Frame, from: f32, to: f32, colour: Color) {
    let forward = (to - from).signum();
    let tip = to - 2.0 * forward;
    let stroke = Stroke::default().with_color(colour).with_width(1.5).with_line_cap(LineCap::Round);
    frame.stroke(
        &Path::line(Point::new(from + 2.0 * forward, ARROW), Point::new(tip - 6.0 * forward, ARROW)),
        stroke,
    );
    let head = Path::new(|path| {
        path.move_to(Point::new(tip, ARROW));
        path.line_to(Point::new(tip - 9.0 * forward, ARROW - 4.5));
        path.line_to(Point::new(tip - 9.0 * forward, ARROW + 4.5));
        path.close();
    });
    frame.fill(&head, colour);
}

/// A state, on a lifeline.
fn write_state(frame: &mut Frame, x: f32, state: RtspState, theme: &Theme) {
    let colours = theme::colours(theme);
    let place = Rectangle::new(Point::new(x - 31.0, ARROW + 4.0), Size::new(62.0, 17.0));
    let ground = Path::rounded_rectangle(place.position(), place.size(), 4.0.into());
    frame.fill(&ground, colours.raised);
    frame.fill_text(Text {
        content: state_name(state).to_owned(),
        position: Point::new(x, ARROW + 5.0),
        color: theme::state_colour(theme, state),
        size: Pixels(size::TINY),
        font: theme::STRONG,
        align_x: iced::advanced::text::Alignment::Center,
        ..Text::default()
    });
}

/// The state changes although nothing is said.
fn over<'a>() -> Element<'a, Message> {
    let words = text("The film is over: READY").size(size::TINY).style(theme::muted);
    container(words).center_x(Fill).padding([distance::TIGHT, 0.0]).into()
}

/// The packets between PLAY and PAUSE.
fn band<'a>(media: &Media, now: Instant) -> Element<'a, Message> {
    let length = media.until.unwrap_or(now).saturating_duration_since(media.since);
    let lost = if media.lost > 0 { format!(", {} lost", count(media.lost)) } else { String::new() };
    let words = format!("RTP  {} packets{lost}", count(media.received));
    let time = match media.until {
        Some(_) => format!("{:.1} s", length.as_secs_f64()),
        None => format!("{:.0} s so far", length.as_secs_f64()),
    };
    let words = column![
        text(words).size(size::SMALL).font(theme::STRONG),
        text(time).size(size::TINY).style(theme::muted)
    ]
    .align_x(Center);
    let band = container(words).center_x(Fill).padding([distance::SMALL, 0.0]).style(theme::media_band);
    container(band).padding([distance::TIGHT, MARGIN]).into()
}
