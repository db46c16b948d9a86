//! Line chart of the last minute, with a read-out under the pointer.

use iced::widget::canvas::{self, Canvas, LineCap, LineJoin, Path, Stroke, Text};
use iced::{Color, Event, Fill, Pixels, Point, Rectangle, Size, Theme, Vector, mouse};

use crate::ui::renderer::{Cache, Element, Frame, Geometry, Renderer};
use crate::ui::text_format::truncated;
use crate::ui::theme::{self, size};

/// Width of a chart in seconds, one value each.
pub const SECONDS_SHOWN: usize = 60;

/// Values of a chart, one each second, the newest last.
#[derive(Debug, Clone)]
pub struct Series {
    /// Values in any unit; `None` for a second without a measurement leaves a gap in the line.
    pub values: Vec<Option<f64>>,
    /// Smallest value for the top of the scale, in the unit of the values.
    pub min_top: f64,
    /// Formats a value with its unit.
    pub format: fn(f64) -> String,
    /// Colour of the line.
    pub colour: fn(&theme::Colours) -> Color,
    /// Events to mark with a vertical line.
    pub marks: Vec<Mark>,
}

/// Event during the time of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Time from the event to the newest value, in seconds.
    pub seconds_ago: f64,
    /// Description for the read-out.
    pub label: String,
}

/// Returns a chart that is redrawn only after its cache has been cleared, except for the read-out.
pub fn chart<'a, Message: 'a>(cache: &'a Cache, series: Series) -> Element<'a, Message> {
    Canvas::new(Chart { cache, series }).width(Fill).height(HEIGHT).into()
}

/// Height of a chart in logical pixels.
const HEIGHT: f32 = 92.0;

/// Distance of a text from the line or the edge beside it, in logical pixels.
const TEXT_MARGIN: f32 = 4.0;

/// Height of a line of text, in logical pixels.
const LINE_HEIGHT: f32 = 1.3 * size::TINY;

/// Width of a character, wide enough for any digit, in logical pixels.
const CHARACTER_WIDTH: f32 = 0.56 * size::TINY;

struct Chart<'a> {
    cache: &'a Cache,
    series: Series,
}

/// True while the pointer is over the chart.
#[derive(Debug, Default)]
struct IsHovered(bool);

impl<Message> canvas::Program<Message, Theme, Renderer> for Chart<'_> {
    type State = IsHovered;

    fn update(
        &self,
        state: &mut IsHovered,
        event: &Event,
        bounds: Rectangle,
        cursor: mouse::Cursor,
    ) -> Option<canvas::Action<Message>> {
        let Event::Mouse(mouse::Event::CursorMoved { .. } | mouse::Event::CursorLeft) = event else {
            return None;
        };
        let was_hovered = std::mem::replace(&mut state.0, cursor.is_over(bounds));
        (was_hovered || state.0).then(canvas::Action::request_redraw)
    }

    fn draw(
        &self,
        _: &IsHovered,
        renderer: &Renderer,
        theme: &Theme,
        bounds: Rectangle,
        cursor: mouse::Cursor,
    ) -> Vec<Geometry> {
        let colours = theme::colours(theme);
        let chart = self.cache.draw(renderer, bounds.size(), |frame| self.series.draw(frame, colours));
        let read_out = cursor.position_in(bounds).and_then(|position| {
            let mut frame = Frame::new(renderer, bounds.size());
            self.series.draw_read_out(&mut frame, position.x, colours)?;
            Some(frame.into_geometry())
        });
        [chart].into_iter().chain(read_out).collect()
    }
}

impl Series {
    fn draw(&self, frame: &mut Frame, colours: &theme::Colours) {
        let (width, height) = (frame.width(), frame.height());
        let top = self.top();
        frame.fill_rectangle(Point::ORIGIN, Size::new(width, height), colours.raised);
        let colour = (self.colour)(colours);
        for segment in self.segments(width, height, top) {
            draw_segment(frame, &segment, colour);
        }
        for mark in self.marks.iter().filter(|mark| mark.seconds_ago < SECONDS_SHOWN as f64) {
            draw_vertical(frame, mark_x(mark, width), colours.control, 1.5);
        }
        for part in [0.0, 0.5] {
            let y = (height * part).round() + 0.5;
            let line = Path::line(Point::new(0.0, y), Point::new(width, y));
            frame.stroke(&line, Stroke::default().with_color(colours.line).with_width(1.0));
            let label = (self.format)(top * f64::from(1.0 - part));
            draw_label(frame, label, Point::new(0.0, y + 0.5), colours.raised, colours.muted);
        }
    }

    /// Draws the value of the second at this x coordinate, and its event; `None` if there is neither.
    fn draw_read_out(&self, frame: &mut Frame, x: f32, colours: &theme::Colours) -> Option<()> {
        let (width, height) = (frame.width(), frame.height());
        let (seconds_ago, value) = self.value_at(x, width)?;
        let x = width - seconds_ago as f32 * step(width);
        draw_vertical(frame, x, colours.text, 1.0);
        let y = y_of(value, self.top(), height);
        frame.fill(&Path::circle(Point::new(x, y), 3.5), colours.text);
        let most_characters = ((width - 2.0 * TEXT_MARGIN) / CHARACTER_WIDTH).max(1.0) as usize;
        let text = truncated(&self.read_out(seconds_ago, value), most_characters);
        // At the side with more space.
        let left = match x > width / 2.0 {
            true => (x - label_width(&text) - TEXT_MARGIN).max(0.0),
            false => x + TEXT_MARGIN,
        };
        let position = Point::new(left, height - LINE_HEIGHT - TEXT_MARGIN);
        draw_label(frame, text, position, colours.surface, colours.text);
        Some(())
    }

    /// Returns the second at this x coordinate of a chart of this width, counted back from the newest value, and its
    /// value; `None` if it was not measured.
    fn value_at(&self, x: f32, width: f32) -> Option<(usize, f64)> {
        let seconds_ago = ((width - x) / step(width)).round().max(0.0) as usize;
        let index = self.values.len().checked_sub(seconds_ago + 1)?;
        self.values[index].map(|value| (seconds_ago, value))
    }

    /// Returns the text of the read-out: the time, the value, and the last event of that second.
    fn read_out(&self, seconds_ago: usize, value: f64) -> String {
        let time = if seconds_ago == 0 { "latest".to_owned() } else { format!("{seconds_ago} s ago") };
        let is_near = |mark: &&Mark| (mark.seconds_ago - seconds_ago as f64).abs() <= 0.5;
        let event = self.marks.iter().rev().find(is_near);
        let event = event.map_or_else(String::new, |mark| format!(", {}", mark.label));
        format!("{time}: {}{event}", (self.format)(value))
    }

    /// Returns the value at the top of the scale: 1, 2, 2.5 or 5 times a power of ten that no value exceeds.
    pub fn top(&self) -> f64 {
        let max = self.values.iter().flatten().copied().fold(self.min_top, f64::max);
        let magnitude = 10f64.powf(max.max(1e-9).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
        steps.iter().map(|step| step * magnitude).find(|top| *top >= max * 0.999).unwrap_or(max)
    }

    /// Returns the points of the line, in pieces that are separated by gaps.
    fn segments(&self, width: f32, height: f32, top: f64) -> Vec<Vec<Point>> {
        let shown = &self.values[self.values.len().saturating_sub(SECONDS_SHOWN)..];
        let first = SECONDS_SHOWN - shown.len();
        let mut runs = vec![Vec::new()];
        for (index, value) in shown.iter().enumerate() {
            match value {
                Some(value) => {
                    let point = Point::new((first + index) as f32 * step(width), y_of(*value, top, height));
                    runs.last_mut().expect("there is at least one run").push(point);
                }
                None => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}

/// Returns the distance of two seconds in a chart of this width.
fn step(width: f32) -> f32 {
    width / (SECONDS_SHOWN - 1) as f32
}

fn y_of(value: f64, top: f64, height: f32) -> f32 {
    let part = (value / top).clamp(0.0, 1.0) as f32;
    1.5 + (height - 3.0) * (1.0 - part)
}

fn mark_x(mark: &Mark, width: f32) -> f32 {
    (width - mark.seconds_ago as f32 * step(width)).clamp(1.0, width - 1.0)
}

fn draw_vertical(frame: &mut Frame, x: f32, colour: Color, width: f32) {
    let line = Path::line(Point::new(x, 0.0), Point::new(x, frame.height()));
    frame.stroke(&line, Stroke::default().with_color(colour).with_width(width));
}

/// Draws a text at the upper left corner of its background, which hides the line behind it.
fn draw_label(frame: &mut Frame, content: String, position: Point, background: Color, color: Color) {
    let bounds = Size::new(label_width(&content), LINE_HEIGHT);
    frame.fill(&Path::rounded_rectangle(position, bounds, 4.0.into()), background);
    let (position, size) = (position + Vector::new(TEXT_MARGIN, 0.0), Pixels(size::TINY));
    frame.fill_text(Text { content, position, color, size, font: theme::FONT, ..Text::default() });
}

/// Returns the width of a text with its background, in logical pixels.
fn label_width(content: &str) -> f32 {
    content.chars().count() as f32 * CHARACTER_WIDTH + 2.0 * TEXT_MARGIN
}

fn draw_segment(frame: &mut Frame, segment: &[Point], colour: Color) {
    let (Some(first), Some(last)) = (segment.first(), segment.last()) else { return };
    let line = Path::new(|path| {
        path.move_to(*first);
        segment[1..].iter().for_each(|point| path.line_to(*point));
    });
    let height = frame.height();
    let area = Path::new(|path| {
        path.move_to(Point::new(first.x, height));
        segment.iter().for_each(|point| path.line_to(*point));
        path.line_to(Point::new(last.x, height));
        path.close();
    });
    frame.fill(&area, Color { a: 0.16, ..colour });
    if segment.len() == 1 {
        frame.fill(&Path::circle(*first, 1.5), colour);
    }
    let stroke = Stroke::default().with_color(colour).with_width(2.0);
    frame.stroke(&line, stroke.with_line_cap(LineCap::Round).with_line_join(LineJoin::Round));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[Option<f64>]) -> Series {
        let colour = |colours: &theme::Colours| colours.accent;
        let format = |value| format!("{value:.1} /s");
        Series { values: values.to_vec(), min_top: 1.0, format, colour, marks: Vec::new() }
    }

    #[test]
    fn top_is_a_round_number() {
        let top = |value: f64| series(&[Some(value), None]).top();
        assert_eq!(
            [0.3, 1.0, 1.1, 2.2, 4.9, 7.0, 3_100_000.0].map(top),
            [1.0, 1.0, 2.0, 2.5, 5.0, 10.0, 5_000_000.0]
        );
    }

    #[test]
    fn newest_second_is_rightmost_and_gap_breaks_line() {
        let segments = series(&[Some(0.0), None, Some(1.0), Some(0.5)]).segments(59.0, 103.0, 1.0);
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0], [Point::new(56.0, 101.5)]);
        assert_eq!(segments[1], [Point::new(58.0, 1.5), Point::new(59.0, 51.5)]);
        let long = series(&[Some(1.0); 100]).segments(59.0, 103.0, 1.0);
        assert_eq!((long[0].len(), long[0][0].x), (60, 0.0));
    }

    #[test]
    fn read_out_is_of_the_second_under_the_pointer() {
        let series = series(&[Some(4.0), None, Some(5.0), Some(6.0)]);
        let at = |x| series.value_at(x, 590.0);
        assert_eq!([at(590.0), at(584.0), at(556.0)], [Some((0, 6.0)), Some((1, 5.0)), Some((3, 4.0))]);
        assert_eq!([at(570.0), at(540.0), at(0.0)], [None; 3], "not measured");
        let marks = vec![Mark { seconds_ago: 1.3, label: "network: 5 % loss".to_owned() }];
        let series = Series { marks, ..series };
        assert_eq!(series.read_out(0, 6.0), "latest: 6.0 /s");
        assert_eq!(series.read_out(1, 5.0), "1 s ago: 5.0 /s, network: 5 % loss");
    }

    #[test]
    fn mark_is_at_its_time() {
        let x = |seconds_ago| mark_x(&Mark { seconds_ago, label: String::new() }, 590.0);
        assert_eq!([x(0.0), x(1.5), x(59.0), x(-3.0)], [589.0, 575.0, 1.0, 589.0]);
    }
}
