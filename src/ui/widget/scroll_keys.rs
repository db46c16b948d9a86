//! Scrolling by the keyboard: Up and Down, Page Up and Page Down, and in a dialog Home and End.
//!
//! The innermost scrolled area around the focus is moved, or the first one of which a part is hidden.

use std::any::Any;

use iced::advanced::widget::Id;
use iced::advanced::widget::operation::{Focusable, Operation, Scrollable};
use iced::keyboard::key::Named;
use iced::{Rectangle, Vector};

use super::focus::Operate;
use super::focusable::ControlFocus;
use super::scroll_direction::downwards;

/// Movement of a scrolled area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrollStep {
    /// By a line, down if this is true.
    Line(bool),
    /// By the visible height less a line, down if this is true.
    Page(bool),
    /// To the beginning, or to the end if this is true.
    End(bool),
}

impl ScrollStep {
    /// Returns the movement by a key; `None` for any other key. Without a dialog, Home and End are for the film.
    pub fn of_key(key: Named, in_dialog: bool) -> Option<Self> {
        Some(match key {
            Named::ArrowUp => Self::Line(false),
            Named::ArrowDown => Self::Line(true),
            Named::PageUp => Self::Page(false),
            Named::PageDown => Self::Page(true),
            Named::Home if in_dialog => Self::End(false),
            Named::End if in_dialog => Self::End(true),
            _ => return None,
        })
    }

    /// Returns the distance in logical pixels, negative for up.
    fn distance(self, visible_height: f32, content_height: f32) -> f32 {
        let (distance, is_down) = match self {
            Self::Line(is_down) => (LINE, is_down),
            Self::Page(is_down) => ((visible_height - LINE).max(LINE), is_down),
            Self::End(is_down) => (content_height, is_down),
        };
        if is_down { distance } else { -distance }
    }
}

/// Distance of a line, in logical pixels.
const LINE: f32 = 40.0;

/// Scrolls; returns true if there is an area that can be scrolled.
pub fn scroll(step: ScrollStep, operate: &mut Operate<'_>) -> bool {
    let mut finding = Finding::default();
    operate(&mut finding);
    let Some(target) = finding.target() else { return false };
    operate(&mut Scrolling { step, target, visited: 0 });
    true
}

/// Operation that lists the scrolled areas, and finds what has the focus.
#[derive(Default)]
struct Finding {
    /// Content of each area, and whether a part of it is hidden.
    areas: Vec<(Rectangle, bool)>,
    focused: Option<Rectangle>,
}

impl Finding {
    /// Returns the index of the area to scroll.
    fn target(&self) -> Option<usize> {
        let around_focus = self.focused.and_then(|focused| {
            self.areas.iter().rposition(|(content, is_hidden)| *is_hidden && focused.is_within(content))
        });
        around_focus.or_else(|| self.areas.iter().position(|(_, is_hidden)| *is_hidden))
    }
}

impl Operation for Finding {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, bounds: Rectangle, state: &mut dyn Focusable) {
        if state.is_focused() {
            self.focused = Some(bounds);
        }
    }

    fn custom(&mut self, _: Option<&Id>, bounds: Rectangle, state: &mut dyn Any) {
        if state.downcast_ref::<ControlFocus>().is_some_and(ControlFocus::is_focused) {
            self.focused = Some(bounds);
        }
    }

    fn scrollable(
        &mut self,
        _: Option<&Id>,
        window: Rectangle,
        content: Rectangle,
        _: Vector,
        _: &mut dyn Scrollable,
    ) {
        self.areas.push((content, content.height > window.height + 0.5));
    }
}

/// Operation that scrolls one area.
struct Scrolling {
    step: ScrollStep,
    target: usize,
    visited: usize,
}

impl Operation for Scrolling {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn scrollable(
        &mut self,
        id: Option<&Id>,
        window: Rectangle,
        content: Rectangle,
        _: Vector,
        state: &mut dyn Scrollable,
    ) {
        if self.visited == self.target {
            let distance = self.step.distance(window.height, content.height);
            state.scroll_by(downwards(distance, id), window, content);
        }
        self.visited += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(y: f32, height: f32) -> Rectangle {
        Rectangle { x: 0.0, y, width: 100.0, height }
    }

    #[test]
    fn area_around_the_focus_is_scrolled_before_others() {
        let areas = vec![(area(0.0, 100.0), false), (area(100.0, 900.0), true), (area(200.0, 300.0), true)];
        let target = |focused| Finding { areas: areas.clone(), focused }.target();
        assert_eq!(target(None), Some(1), "the first of which a part is hidden");
        assert_eq!(target(Some(area(250.0, 10.0))), Some(2), "the innermost");
        assert_eq!(target(Some(area(150.0, 10.0))), Some(1));
        assert_eq!(target(Some(area(10.0, 10.0))), Some(1), "that around the focus needs no scrolling");
        assert_eq!(Finding::default().target(), None);
    }

    #[test]
    fn home_and_end_scroll_in_a_dialog_only() {
        assert_eq!(ScrollStep::of_key(Named::Home, true), Some(ScrollStep::End(false)));
        assert_eq!(ScrollStep::of_key(Named::End, false), None);
        assert_eq!(ScrollStep::of_key(Named::PageDown, false), Some(ScrollStep::Page(true)));
        assert_eq!(ScrollStep::of_key(Named::Enter, true), None);
    }

    #[test]
    fn page_is_the_visible_height_less_a_line() {
        assert_eq!(ScrollStep::Page(true).distance(500.0, 2_000.0), 460.0);
        assert_eq!(ScrollStep::Page(false).distance(20.0, 2_000.0), -40.0);
        assert_eq!(ScrollStep::End(true).distance(500.0, 2_000.0), 2_000.0);
    }
}
