//! Line chart of the last minute.

use iced::widget::canvas::{Cache, Frame, LineCap, LineJoin, Path, Stroke};
use iced::{Color, Element, Fill, Point, Size};

use super::drawing::drawing;
use crate::ui::theme;

/// Width of a chart in seconds, one value each.
pub const SECONDS_SHOWN: usize = 60;

/// Values of a chart, one each second, the newest last.
#[derive(Debug, Clone)]
pub struct Series {
    /// Values in any unit; `None` for a second without a measurement leaves a gap in the line.
    pub values: Vec<Option<f64>>,
    /// Smallest value for the top of the scale, in the unit of the values.
    pub min_top: f64,
    /// Colour of the line.
    pub colour: fn(&theme::Colours) -> Color,
}

/// Returns a chart that is redrawn only after its cache has been cleared.
pub fn chart<'a, Message: 'a>(cache: &'a Cache, series: Series) -> Element<'a, Message> {
    drawing(Some(cache), move |frame, theme| series.draw(frame, theme::colours(theme)))
        .width(Fill)
        .height(HEIGHT)
        .into()
}

/// Height of a chart in logical pixels.
const HEIGHT: f32 = 46.0;

impl Series {
    fn draw(&self, frame: &mut Frame, colours: &theme::Colours) {
        let (width, height) = (frame.width(), frame.height());
        let top = self.top();
        frame.fill_rectangle(Point::ORIGIN, Size::new(width, height), colours.raised);
        for part in [0.0, 0.5] {
            let y = (height * part).round() + 0.5;
            let line = Path::line(Point::new(0.0, y), Point::new(width, y));
            frame.stroke(&line, Stroke::default().with_color(colours.line).with_width(1.0));
        }
        let colour = (self.colour)(colours);
        for segment in self.segments(width, height, top) {
            draw_segment(frame, &segment, colour);
        }
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
        let step = width / (SECONDS_SHOWN - 1) as f32;
        let first = SECONDS_SHOWN - shown.len();
        let mut runs = vec![Vec::new()];
        for (index, value) in shown.iter().enumerate() {
            match value {
                Some(value) => {
                    let part = (value / top).clamp(0.0, 1.0) as f32;
                    let point =
                        Point::new((first + index) as f32 * step, 1.5 + (height - 3.0) * (1.0 - part));
                    runs.last_mut().expect("there is at least one run").push(point);
                }
                None => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
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
        Series { values: values.to_vec(), min_top: 1.0, colour: |colours| colours.accent }
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
}
