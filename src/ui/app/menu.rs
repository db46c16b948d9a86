//! Menus over the window: that of the icons without space in the bar, and that of the right mouse button.

use iced::widget::{column, container, mouse_area, opaque, pin, responsive, scrollable, space, stack, text};
use iced::{Center, Fill, Point, Size};

use super::picture_action::PictureAction;
use super::playback::Button;
use super::transport::{self, Entry};
use crate::proto::rtsp::Factor;
use crate::ui::renderer::{Column, Element, Row};
use crate::ui::shortcuts::{Shortcut, key_of};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::button;
use crate::ui::widget::icon::{Icon, icon_sized};

/// Menu that is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Menu {
    /// Menu above the right end of the bar.
    More,
    /// Menu at the position of a click, in logical pixels of the window.
    Context(Point),
    /// Speeds of playback, at the place of the menu from which it was opened.
    Speed(Option<Point>),
    /// Options of opening and of the window, at the place of the menu from which it was opened.
    Options(Option<Point>),
    /// Size and rotation of the picture, at the place of the menu from which it was opened.
    Picture(Option<Point>),
}

impl Menu {
    /// Returns the position of its upper left corner in logical pixels; `None` for one above the bar.
    pub fn position(self) -> Option<Point> {
        match self {
            Self::More => None,
            Self::Context(at) => Some(at),
            Self::Speed(at) | Self::Options(at) | Self::Picture(at) => at,
        }
    }
}

/// Option in a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewingOption {
    /// Play what is opened at once, with three buttons.
    PlayWhenOpened,
    /// Keep the window above all others.
    KeepOnTop,
    /// Continue films where they were left.
    ResumeFilms,
}

/// Request of a menu to the application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Close the menu.
    Dismiss,
    /// Press a button of the bar.
    Press(Button),
    /// Act as the icon of the bar.
    Transport(transport::Action),
    /// Show this menu in place of the one that is open.
    Show(Menu),
    /// Play at this speed.
    SetSpeed(Factor),
    /// Change how the picture is shown.
    Picture(PictureAction),
    /// Switch an option on or off.
    ToggleOption(ViewingOption),
    /// Serve the film to other players, or no longer.
    ToggleSharing,
    /// Close the film or stream.
    Close,
}

/// Line of a menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Label of the line.
    pub name: &'static str,
    /// Key with the same effect; `None` if there is none.
    pub shortcut: Option<Shortcut>,
    /// Request of a click; `None` if it would have no effect.
    pub action: Option<Action>,
    /// True if the action of the line is in effect, which a mark shows.
    pub is_on: bool,
}

impl From<Entry> for Line {
    fn from(entry: Entry) -> Self {
        let action = entry.is_enabled.then_some(Action::Transport(entry.action));
        // Its key changes the speed, and does not show the menu.
        let shortcut = Some(entry.shortcut).filter(|_| entry.action != transport::Action::ShowSpeeds);
        Self { name: entry.name, shortcut, action, is_on: false }
    }
}

/// Width of a menu, in logical pixels.
const WIDTH: f32 = 232.0;

/// Width of the space for the scroll bar of a menu that is higher than the window, in logical pixels.
const SCROLL_BAR_WIDTH: f32 = 12.0;

/// Height of a line, in logical pixels.
const LINE_HEIGHT: f32 = 30.0;

/// Width of the column of marks, in logical pixels.
const MARK_WIDTH: f32 = 14.0;

/// Distance of the menu of the bar from the lower edge of the window, in logical pixels: status bar and bar.
const ABOVE_BAR: f32 = 92.0;

/// Returns the menu in an area that covers the window: a click beside the menu closes it. A menu that is higher than
/// the window can be scrolled.
pub fn view<'a>(menu: Menu, lines: Vec<Line>) -> Element<'a, Action> {
    let area = responsive(move |available| {
        let needed = lines.len() as f32 * LINE_HEIGHT + 2.0 * distance::TIGHT;
        let height = needed.min(available.height);
        let for_scroll_bar = if needed > height { SCROLL_BAR_WIDTH } else { 0.0 };
        let place = place(menu, Size::new(WIDTH, height), available);
        let has_marks = lines.iter().any(|line| line.is_on);
        let lines = Column::with_children(lines.iter().map(|it| line(it, has_marks)));
        let lines = container(lines).padding(iced::Padding::ZERO.right(for_scroll_bar));
        let lines = scrollable(lines).style(theme::scroll_bar);
        let content = container(lines).padding(distance::TIGHT).width(WIDTH).height(height);
        pin(opaque(content.style(theme::menu))).position(place).into()
    });
    let behind = mouse_area(space().width(Fill).height(Fill))
        .on_press(Action::Dismiss)
        .on_right_press(Action::Dismiss);
    opaque(stack![behind, area])
}

/// Returns the upper left corner of a menu, so that it is inside of the window.
fn place(menu: Menu, size: Size, available: Size) -> Point {
    let above_bar =
        Point::new(available.width - size.width - distance::WIDE, available.height - size.height - ABOVE_BAR);
    let wanted = menu.position().unwrap_or(above_bar);
    let fit = |wanted: f32, size: f32, available: f32| wanted.min(available - size).max(0.0);
    Point::new(fit(wanted.x, size.width, available.width), fit(wanted.y, size.height, available.height))
}

fn line<'a>(line: &Line, has_marks: bool) -> Element<'a, Action> {
    let key = line.shortcut.and_then(key_of).map_or_else(String::new, |key| key.to_string());
    let key = text(key).size(size::SMALL).style(theme::muted);
    let mark = has_marks.then(|| match line.is_on {
        true => container(icon_sized(Icon::Check, MARK_WIDTH)).into(),
        false => space().width(MARK_WIDTH).into(),
    });
    let name = text(line.name).size(size::NORMAL).width(Fill);
    let content = Row::new().extend(mark).push(name).push(key).align_y(Center);
    let pressed = button(content.spacing(distance::NORMAL).height(Fill))
        .padding([0, 10])
        .width(Fill)
        .height(LINE_HEIGHT)
        .style(theme::menu_line)
        .on_press_maybe(line.action);
    column![pressed].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn menu_is_inside_of_the_window() {
        let (menu, window) = (Size::new(200.0, 300.0), Size::new(640.0, 420.0));
        assert_eq!(place(Menu::Context(Point::new(10.0, 20.0)), menu, window), Point::new(10.0, 20.0));
        assert_eq!(place(Menu::Context(Point::new(600.0, 400.0)), menu, window), Point::new(440.0, 120.0));
        assert_eq!(place(Menu::More, menu, window), Point::new(424.0, 28.0));
        assert_eq!(place(Menu::More, menu, Size::new(640.0, 200.0)).y, 0.0);
    }
}
