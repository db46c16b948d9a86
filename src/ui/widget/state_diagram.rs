//! Diagram of the states of an RTSP session, in which one state is lit.

use iced::alignment::Vertical;
use iced::widget::canvas::{self, LineJoin, Path, Stroke};
use iced::widget::text::Alignment;
use iced::{Color, Fill, Point, Size, Theme};

use super::drawing::drawing;
use crate::session::RtspState;
use crate::ui::renderer::{Element, Frame};
use crate::ui::text_format::state_name;
use crate::ui::theme::{self, size};

/// Returns the diagram of INIT, READY and PLAYING with the requests between them (RFC 2326 appendix A.1).
pub fn state_diagram<'a, Message: 'a>(current: RtspState) -> Element<'a, Message> {
    drawing(None, move |frame, theme| draw(frame, theme, current)).width(Fill).height(HEIGHT).into()
}

// Lengths in logical pixels.
const HEIGHT: f32 = 118.0;
const BOX_SIZE: Size = Size::new(104.0, 46.0);
const BOX_TOP: f32 = 18.0;

/// Height of the upper and of the lower arrow between two states.
const ARROW_TOP: f32 = BOX_TOP + 13.0;
const ARROW_BOTTOM: f32 = BOX_TOP + 33.0;

/// Height of the arrow from PLAYING to INIT below the states.
const LOW_ARROW: f32 = BOX_TOP + 66.0;

/// Distance between an arrow and a state, or an arrow and its label.
const GAP: f32 = 5.0;

/// Length of the sides of an arrow's head.
const HEAD: f32 = 5.0;

fn draw(frame: &mut Frame, theme: &Theme, current: RtspState) {
    let colours = theme::colours(theme);
    let step = (frame.width() - BOX_SIZE.width) / 2.0;
    for (state, column) in [(RtspState::Init, 0.0), (RtspState::Ready, 1.0), (RtspState::Playing, 2.0)] {
        let corner = Point::new(column * step, BOX_TOP);
        let outline = Path::rounded_rectangle(corner, BOX_SIZE, theme::RADIUS.into());
        let (fill, name) = match state == current {
            true => (theme::state_colour(theme, state), colours.background),
            false => (colours.raised, colours.text),
        };
        frame.fill(&outline, fill);
        frame.stroke(&outline, Stroke::default().with_color(colours.line).with_width(1.0));
        let centre = corner + iced::Vector::new(BOX_SIZE.width / 2.0, BOX_SIZE.height / 2.0);
        write(frame, state_name(state), centre, name, Vertical::Center);
    }
    for (column, forward, backward) in [(0.0, "SETUP", "TEARDOWN"), (1.0, "PLAY", "PAUSE")] {
        let (left, right) = (column * step + BOX_SIZE.width + GAP, (column + 1.0) * step - GAP);
        let middle = f32::midpoint(left, right);
        arrow(frame, &[Point::new(left, ARROW_TOP), Point::new(right, ARROW_TOP)], colours.muted);
        write(frame, forward, Point::new(middle, ARROW_TOP - GAP), colours.text, Vertical::Bottom);
        arrow(frame, &[Point::new(right, ARROW_BOTTOM), Point::new(left, ARROW_BOTTOM)], colours.muted);
        write(frame, backward, Point::new(middle, ARROW_BOTTOM + GAP), colours.text, Vertical::Top);
    }
    let (init, playing) = (BOX_SIZE.width / 2.0, 2.0 * step + BOX_SIZE.width / 2.0);
    let bottom = BOX_TOP + BOX_SIZE.height + GAP;
    let way = [(playing, bottom), (playing, LOW_ARROW), (init, LOW_ARROW), (init, bottom)];
    arrow(frame, &way.map(|(x, y)| Point::new(x, y)), colours.muted);
    let label = Point::new(f32::midpoint(init, playing), LOW_ARROW + GAP);
    write(frame, "TEARDOWN", label, colours.text, Vertical::Top);
}

fn write(frame: &mut Frame, content: &str, position: Point, color: Color, align_y: Vertical) {
    frame.fill_text(canvas::Text {
        content: content.to_owned(),
        position,
        color,
        size: size::SMALL.into(),
        font: theme::STRONG,
        align_x: Alignment::Center,
        align_y,
        ..canvas::Text::default()
    });
}

/// Draws a line through these points, of which there are at least two, with a head at the last.
fn arrow(frame: &mut Frame, points: &[Point], colour: Color) {
    let [first, .., before, end] = *[&points[..1], points].concat() else { return };
    let line = Path::new(|path| {
        path.move_to(first);
        points.iter().for_each(|point| path.line_to(*point));
    });
    let stroke = Stroke::default().with_color(colour).with_width(1.5).with_line_join(LineJoin::Round);
    frame.stroke(&line, stroke);
    let length = end.distance(before).max(1.0);
    let (along_x, along_y) = ((end.x - before.x) / length * HEAD, (end.y - before.y) / length * HEAD);
    let head = Path::new(|path| {
        path.move_to(Point::new(end.x - along_x - along_y, end.y - along_y + along_x));
        path.line_to(end);
        path.line_to(Point::new(end.x - along_x + along_y, end.y - along_y - along_x));
    });
    frame.stroke(&head, stroke);
}
