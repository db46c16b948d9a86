//! Ladder diagram of the Messages panel: one arrow for each message, between the lifelines of player and server.

use std::time::{Duration, Instant};

use iced::widget::canvas::{LineCap, Path, Stroke, Text};
use iced::widget::{row, space, text};
use iced::{Color, Fill, Pixels, Point, Rectangle, Size, Theme};

use crate::format::milliseconds;
use crate::session::{Direction, LoggedMessage, RtspState};
use crate::ui::renderer::{Element, Frame};
use crate::ui::text_format::state_name;
use crate::ui::theme::{self, Colours, size};
use crate::ui::widget::drawing::drawing;

/// Height of a row in logical pixels.
const LADDER_ROW_HEIGHT: f32 = 44.0;

/// Distance from the edge to a lifeline in logical pixels, wide enough for half of the name of a state.
pub const LIFELINE_MARGIN: f32 = 34.0;

/// Returns the row of a message. `response_time` is that of a response, `start` the time of the first message.
pub fn ladder_row<'a, M: 'a>(
    message: &'a LoggedMessage,
    response_time: Option<Duration>,
    start: Instant,
) -> Element<'a, M> {
    let ladder_row = LadderRow { message, response_time, start };
    drawing(None, move |frame, theme| ladder_row.draw(frame, theme))
        .width(Fill)
        .height(LADDER_ROW_HEIGHT)
        .into()
}

/// Returns the labels of the two lifelines.
pub fn lifeline_labels<'a, M: 'a>() -> Element<'a, M> {
    let end = |label| text(label).size(size::SMALL).font(theme::STRONG);
    row![end("Player"), space::horizontal(), end("Server")].padding([0.0, LIFELINE_MARGIN - 22.0]).into()
}

struct LadderRow<'a> {
    message: &'a LoggedMessage,
    response_time: Option<Duration>,
    start: Instant,
}

/// Distance of the arrow from the top of its row, in logical pixels.
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

    /// Returns true if the message is a response with a status of 300 or more.
    fn is_error(&self) -> bool {
        self.message.is_response() && !self.message.label().starts_with(['1', '2'])
    }

    /// Returns the time of the message and that of the response, as far as there is space between the names of states.
    fn times(&self, width: f32) -> String {
        let elapsed = format_elapsed(self.message.at, self.start);
        let Some(response_time) = self.response_time.map(format_response_time) else { return elapsed };
        let is_short = |text: &String| text.chars().count() as f32 * CHARACTER_WIDTH * size::TINY <= width;
        let both = [format!("{elapsed}, after {response_time}"), format!("{elapsed} + {response_time}")];
        both.into_iter().find(is_short).unwrap_or(elapsed)
    }

    fn draw_labels(&self, frame: &mut Frame, colours: &Colours, colour: Color) {
        let middle = frame.width() / 2.0;
        let mut above = self.message.label().to_owned();
        if let Some(cseq) = self.message.cseq {
            above += &format!("   CSeq {cseq}");
        }
        let below = self.times(frame.width() - 2.0 * LIFELINE_MARGIN - STATE_WIDTH);
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

/// Width of the name of a state, in logical pixels.
const STATE_WIDTH: f32 = 62.0;

/// Mean width of a character of the times, as a part of the size of the text.
const CHARACTER_WIDTH: f32 = 0.56;

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

/// Draws the name of a state on a lifeline.
fn draw_state(frame: &mut Frame, x: f32, state: RtspState, theme: &Theme) {
    let colours = theme::colours(theme);
    let bounds =
        Rectangle::new(Point::new(x - STATE_WIDTH / 2.0, ARROW_Y + 4.0), Size::new(STATE_WIDTH, 17.0));
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

/// Formats the time since `start` in seconds, with milliseconds.
pub fn format_elapsed(at: Instant, start: Instant) -> String {
    format!("{:.3} s", at.saturating_duration_since(start).as_secs_f64())
}

/// Formats a response time in milliseconds.
pub fn format_response_time(response_time: Duration) -> String {
    milliseconds(response_time.as_secs_f64() * 1_000.0)
}
