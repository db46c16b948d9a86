//! Icons of the buttons, drawn in the current text colour.

use std::f32::consts::PI;

use crate::ui::renderer::{Element, Frame, Renderer};
use iced::advanced::widget::{Tree, Widget};
use iced::advanced::{Layout, Renderer as _, layout, mouse, renderer};
use iced::widget::canvas::path::{Arc, Builder};
use iced::widget::canvas::{LineCap, LineJoin, Path, Stroke};
use iced::{Color, Length, Point, Radians, Rectangle, Size, Theme, Vector};

/// Icon of a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Icon {
    Play,
    Pause,
    Stop,
    Setup,
    Teardown,
    Open,
    Connect,
    Settings,
    Close,
    Record,
    Snapshot,
    Previous,
    Next,
    StepBack,
    StepForward,
    Repeat,
    RepeatOne,
    Fullscreen,
    List,
    Up,
    Down,
    More,
    Network,
    Statistics,
    Messages,
    Lesson,
    Check,
}

/// Returns an icon of 16 by 16 logical pixels.
pub fn icon<'a, Message: 'a>(icon: Icon) -> Element<'a, Message> {
    icon_sized(icon, 16.0)
}

/// Returns an icon with sides of `size` logical pixels.
pub fn icon_sized<'a, Message: 'a>(icon: Icon, size: f32) -> Element<'a, Message> {
    Element::new(IconWidget { icon, size })
}

/// Side of the square in whose coordinates all icons are drawn.
const GRID_SIZE: f32 = 16.0;

struct IconWidget {
    icon: Icon,
    size: f32,
}

impl<Message> Widget<Message, Theme, Renderer> for IconWidget {
    fn size(&self) -> Size<Length> {
        Size::new(Length::Fixed(self.size), Length::Fixed(self.size))
    }

    fn layout(&mut self, _: &mut Tree, _: &Renderer, _: &layout::Limits) -> layout::Node {
        layout::Node::new(Size::new(self.size, self.size))
    }

    fn draw(
        &self,
        _: &Tree,
        renderer: &mut Renderer,
        _: &Theme,
        style: &renderer::Style,
        layout: Layout<'_>,
        _: mouse::Cursor,
        _: &Rectangle,
    ) {
        use iced::advanced::graphics::geometry::Renderer as _;
        let bounds = layout.bounds();
        let mut frame = Frame::new(renderer, bounds.size());
        frame.scale(self.size / GRID_SIZE);
        self.icon.draw(&mut frame, style.text_color);
        let geometry = frame.into_geometry();
        renderer
            .with_translation(Vector::new(bounds.x, bounds.y), |renderer| renderer.draw_geometry(geometry));
    }
}

impl Icon {
    fn draw(self, frame: &mut Frame, colour: Color) {
        match self {
            Self::Play => frame.fill(&polygon(&[(4.0, 2.0), (14.0, 8.0), (4.0, 14.0)]), colour),
            Self::Pause => {
                frame.fill_rectangle(Point::new(3.5, 2.5), Size::new(3.0, 11.0), colour);
                frame.fill_rectangle(Point::new(9.5, 2.5), Size::new(3.0, 11.0), colour);
            }
            Self::Stop => frame.fill_rectangle(Point::new(3.0, 3.0), Size::new(10.0, 10.0), colour),
            Self::Setup => draw_plug(frame, colour),
            Self::Teardown => draw_eject(frame, colour),
            Self::Open => draw_folder(frame, colour),
            Self::Connect => draw_waves(frame, colour),
            Self::Record => frame.fill(&Path::circle(Point::new(8.0, 8.0), 5.5), colour),
            Self::Snapshot => draw_camera(frame, colour),
            Self::Previous => {
                frame.fill(&polygon(&[(13.5, 2.5), (13.5, 13.5), (5.0, 8.0)]), colour);
                frame.fill_rectangle(Point::new(2.5, 2.5), Size::new(2.2, 11.0), colour);
            }
            Self::Next => {
                frame.fill(&polygon(&[(2.5, 2.5), (11.0, 8.0), (2.5, 13.5)]), colour);
                frame.fill_rectangle(Point::new(11.3, 2.5), Size::new(2.2, 11.0), colour);
            }
            Self::StepBack => {
                frame.fill(&polygon(&[(9.0, 3.5), (9.0, 12.5), (2.5, 8.0)]), colour);
                frame.fill_rectangle(Point::new(11.0, 3.5), Size::new(2.4, 9.0), colour);
            }
            Self::StepForward => {
                frame.fill_rectangle(Point::new(2.6, 3.5), Size::new(2.4, 9.0), colour);
                frame.fill(&polygon(&[(7.0, 3.5), (13.5, 8.0), (7.0, 12.5)]), colour);
            }
            Self::Repeat => draw_loop(frame, colour),
            Self::RepeatOne => {
                draw_loop(frame, colour);
                frame.fill_rectangle(Point::new(7.2, 6.0), Size::new(1.6, 4.0), colour);
            }
            Self::Fullscreen => draw_corners(frame, colour),
            Self::List => {
                for y in [3.5, 8.0, 12.5] {
                    frame.fill(&Path::circle(Point::new(2.8, y), 1.3), colour);
                    frame.stroke(&Path::line(Point::new(6.2, y), Point::new(14.0, y)), line_stroke(colour));
                }
            }
            Self::Up => frame.fill(&polygon(&[(8.0, 4.0), (14.0, 11.5), (2.0, 11.5)]), colour),
            Self::Down => frame.fill(&polygon(&[(2.0, 4.5), (14.0, 4.5), (8.0, 12.0)]), colour),
            Self::More => {
                for x in [3.0, 8.0, 13.0] {
                    frame.fill(&Path::circle(Point::new(x, 8.0), 1.5), colour);
                }
            }
            Self::Settings => draw_sliders(frame, colour),
            Self::Network => draw_network(frame, colour),
            Self::Statistics => draw_bars(frame, colour),
            Self::Messages => draw_messages(frame, colour),
            Self::Lesson => draw_lesson(frame, colour),
            Self::Check => draw_check(frame, colour),
            Self::Close => draw_cross(frame, colour),
        }
    }
}

fn draw_cross(frame: &mut Frame, colour: Color) {
    frame.stroke(&Path::line(Point::new(3.5, 3.5), Point::new(12.5, 12.5)), line_stroke(colour));
    frame.stroke(&Path::line(Point::new(12.5, 3.5), Point::new(3.5, 12.5)), line_stroke(colour));
}

fn line_stroke(colour: Color) -> Stroke<'static> {
    Stroke::default()
        .with_color(colour)
        .with_width(1.6)
        .with_line_cap(LineCap::Round)
        .with_line_join(LineJoin::Round)
}

fn polygon(corners: &[(f32, f32)]) -> Path {
    Path::new(|path| {
        for (index, &(x, y)) in corners.iter().enumerate() {
            match index {
                0 => path.move_to(Point::new(x, y)),
                _ => path.line_to(Point::new(x, y)),
            }
        }
        path.close();
    })
}

/// Adds an arc to the path, not connected to what is there; angles are in radians.
fn arc(path: &mut Builder, centre: (f32, f32), radius: f32, from: f32, to: f32) {
    let centre = Point::new(centre.0, centre.1);
    path.move_to(Point::new(centre.x + radius * from.cos(), centre.y + radius * from.sin()));
    path.arc(Arc { center: centre, radius, start_angle: Radians(from), end_angle: Radians(to) });
}

/// Draws a plug with two prongs, a body and a cord.
fn draw_plug(frame: &mut Frame, colour: Color) {
    frame.stroke(&Path::line(Point::new(5.5, 1.5), Point::new(5.5, 4.5)), line_stroke(colour));
    frame.stroke(&Path::line(Point::new(10.5, 1.5), Point::new(10.5, 4.5)), line_stroke(colour));
    let body = Path::new(|path| {
        path.move_to(Point::new(3.0, 5.0));
        path.line_to(Point::new(13.0, 5.0));
        path.line_to(Point::new(13.0, 7.0));
        path.arc(Arc {
            center: Point::new(8.0, 7.0),
            radius: 5.0,
            start_angle: Radians(0.0),
            end_angle: Radians(PI),
        });
        path.close();
    });
    frame.fill(&body, colour);
    frame.stroke(&Path::line(Point::new(8.0, 12.0), Point::new(8.0, 14.5)), line_stroke(colour));
}

/// Draws a triangle above a bar.
fn draw_eject(frame: &mut Frame, colour: Color) {
    frame.fill(&polygon(&[(8.0, 2.5), (14.0, 9.5), (2.0, 9.5)]), colour);
    frame.fill_rectangle(Point::new(2.5, 11.5), Size::new(11.0, 2.2), colour);
}

fn draw_folder(frame: &mut Frame, colour: Color) {
    let outline = polygon(&[(1.8, 3.2), (6.2, 3.2), (7.8, 5.0), (14.2, 5.0), (14.2, 12.8), (1.8, 12.8)]);
    frame.stroke(&outline, line_stroke(colour));
}

/// Draws a transmitter with two waves to each side.
fn draw_waves(frame: &mut Frame, colour: Color) {
    frame.fill(&Path::circle(Point::new(8.0, 8.0), 1.8), colour);
    let waves = Path::new(|path| {
        for radius in [4.2, 6.8] {
            arc(path, (8.0, 8.0), radius, -0.85, 0.85);
            arc(path, (8.0, 8.0), radius, PI - 0.85, PI + 0.85);
        }
    });
    frame.stroke(&waves, line_stroke(colour));
}

fn draw_sliders(frame: &mut Frame, colour: Color) {
    for (y, x) in [(3.5, 10.5), (8.0, 5.5), (12.5, 9.5)] {
        frame.stroke(&Path::line(Point::new(1.8, y), Point::new(14.2, y)), line_stroke(colour));
        frame.fill(&Path::circle(Point::new(x, y), 2.2), colour);
    }
}

/// Draws two arrows that follow each other in a ring.
fn draw_loop(frame: &mut Frame, colour: Color) {
    let upper = Path::new(|path| {
        path.move_to(Point::new(2.2, 7.0));
        path.line_to(Point::new(2.2, 4.5));
        path.line_to(Point::new(11.5, 4.5));
    });
    let lower = Path::new(|path| {
        path.move_to(Point::new(13.8, 9.0));
        path.line_to(Point::new(13.8, 11.5));
        path.line_to(Point::new(4.5, 11.5));
    });
    frame.stroke(&upper, line_stroke(colour));
    frame.stroke(&lower, line_stroke(colour));
    frame.fill(&polygon(&[(11.0, 1.8), (14.4, 4.5), (11.0, 7.2)]), colour);
    frame.fill(&polygon(&[(5.0, 8.8), (1.6, 11.5), (5.0, 14.2)]), colour);
}

/// Draws the corners of a rectangle.
fn draw_corners(frame: &mut Frame, colour: Color) {
    for (x, y) in [(2.5, 2.5), (13.5, 2.5), (2.5, 13.5), (13.5, 13.5)] {
        let towards_middle = |from: f32| if from < 8.0 { from + 3.5 } else { from - 3.5 };
        let corner = Path::new(|path| {
            path.move_to(Point::new(towards_middle(x), y));
            path.line_to(Point::new(x, y));
            path.line_to(Point::new(x, towards_middle(y)));
        });
        frame.stroke(&corner, line_stroke(colour));
    }
}

/// Draws the outline of a photo camera, and its lens.
fn draw_camera(frame: &mut Frame, colour: Color) {
    let outline = polygon(&[
        (1.8, 4.8),
        (4.8, 4.8),
        (6.0, 2.8),
        (10.0, 2.8),
        (11.2, 4.8),
        (14.2, 4.8),
        (14.2, 13.2),
        (1.8, 13.2),
    ]);
    frame.stroke(&outline, line_stroke(colour));
    frame.stroke(&Path::circle(Point::new(8.0, 8.8), 2.4), line_stroke(colour));
}

/// Draws three hosts that are connected.
fn draw_network(frame: &mut Frame, colour: Color) {
    for (x, y) in [(3.0, 12.5), (13.0, 12.5)] {
        frame.stroke(&Path::line(Point::new(8.0, 3.5), Point::new(x, y)), line_stroke(colour));
    }
    for (x, y) in [(8.0, 3.5), (3.0, 12.5), (13.0, 12.5)] {
        frame.fill(&Path::circle(Point::new(x, y), 2.4), colour);
    }
}

/// Draws the bars of a chart.
fn draw_bars(frame: &mut Frame, colour: Color) {
    for (x, height) in [(1.8, 5.0), (6.5, 12.0), (11.2, 8.5)] {
        frame.fill_rectangle(Point::new(x, 14.0 - height), Size::new(3.0, height), colour);
    }
}

/// Draws a request and a response: an arrow to the right above one to the left.
fn draw_messages(frame: &mut Frame, colour: Color) {
    for (y, from, tip, back) in [(4.8, 1.8, 14.2, 11.0), (11.2, 14.2, 1.8, 5.0)] {
        frame.stroke(&Path::line(Point::new(from, y), Point::new(tip, y)), line_stroke(colour));
        let head = Path::new(|path| {
            path.move_to(Point::new(back, y - 3.0));
            path.line_to(Point::new(tip, y));
            path.line_to(Point::new(back, y + 3.0));
        });
        frame.stroke(&head, line_stroke(colour));
    }
}

/// Draws a small picture above three panels.
fn draw_lesson(frame: &mut Frame, colour: Color) {
    let picture = polygon(&[(4.2, 1.8), (11.8, 1.8), (11.8, 7.0), (4.2, 7.0)]);
    frame.stroke(&picture, line_stroke(colour));
    for x in [1.2, 6.2, 11.2] {
        frame.fill_rectangle(Point::new(x, 9.5), Size::new(3.6, 5.0), colour);
    }
}

fn draw_check(frame: &mut Frame, colour: Color) {
    let mark = Path::new(|path| {
        path.move_to(Point::new(2.5, 8.5));
        path.line_to(Point::new(6.5, 12.5));
        path.line_to(Point::new(13.5, 4.0));
    });
    frame.stroke(&mark, line_stroke(colour).with_width(2.0));
}
