//! Keyboard focus: moving it between text fields and controls.
//!
//! Text fields announce themselves to operations as focusable. A control ([`focusable`](super::focusable)) announces
//! itself as a custom widget first, with more about it than iced's trait says, also while it is disabled.

use std::any::Any;

use iced::advanced::widget::operation::{Focusable, Operation, Outcome, Scrollable, TextInput};
use iced::advanced::widget::{Id, operate};
use iced::{Rectangle, Task, Vector};

use super::focusable::ControlFocus;
use super::scroll_direction::downwards;

/// Direction in which the focus moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FocusStep {
    /// To the next text field, control or list.
    Next,
    /// To the previous text field, control or list.
    Previous,
    /// To the next row of the list with the focus.
    NextRow,
    /// To the previous row of the list with the focus.
    PreviousRow,
    /// To the first text field or control.
    First,
    /// To the last text field or control.
    Last,
}

/// Function that runs an operation on the widgets between which the focus moves.
pub type Operate<'a> = dyn FnMut(&mut dyn Operation) + 'a;

/// Moves the focus, around at both ends except in a list, scrolls to it, and selects the text of a text field; returns
/// whether there is something in that direction.
pub fn advance(step: FocusStep, operate: &mut Operate<'_>) -> bool {
    let mut listing = Listing::default();
    operate(&mut listing);
    let Some(target) = target(&listing.stops, step) else { return false };
    let mut moving = Moving { target, visited: Visited::default(), bounds: Rectangle::default() };
    operate(&mut moving);
    operate(&mut Showing { target, visited: Visited::default(), bounds: moving.bounds });
    true
}

/// Moves the focus to the first control, unless something has it; returns true if it moved.
pub fn focus_first(operate: &mut Operate<'_>) -> bool {
    let mut listing = Listing::default();
    operate(&mut listing);
    !listing.stops.iter().any(|stop| stop.is_focused) && advance(FocusStep::Next, operate)
}

/// Takes the focus from a control; returns true if one had it. A text field keeps it.
pub fn drop_control_focus(operate: &mut Operate<'_>) -> bool {
    let mut drop = DropControlFocus { has_dropped: false };
    operate(&mut drop);
    drop.has_dropped
}

/// Focuses a field, with the cursor at the end of its text.
pub fn move_to_end<M: Send + 'static>(field: &'static str) -> Task<M> {
    iced::widget::operation::focus(field).chain(iced::widget::operation::move_cursor_to_end(field))
}

/// Focuses a field as [`move_to_end`] does, unless a control has the focus, which keeps it: a click leaves none.
pub fn move_to_end_unless_control<M: Send + 'static>(field: &'static str) -> Task<M> {
    operate(FindControlFocus::default()).then(move |has_control_focus| match has_control_focus {
        true => Task::none(),
        false => move_to_end(field),
    })
}

/// Focuses a field and selects its text, so that typing replaces it.
pub fn select_all<M: Send + 'static>(field: &'static str) -> Task<M> {
    iced::widget::operation::focus(field).chain(iced::widget::operation::select_all(field))
}

/// Removes the focus from all fields and controls.
pub fn clear<M: Send + 'static>() -> Task<M> {
    operate::<()>(ClearFocus).discard()
}

/// Moves the focus to the control with this id, such as that of a row that has moved. Nothing happens while no control
/// has the focus: a click leaves none.
pub fn follow<M: Send + 'static>(control: impl Into<Id>) -> Task<M> {
    move_to(control.into(), false)
}

/// Moves the focus to the control with this id.
pub fn control<M: Send + 'static>(control: impl Into<Id>) -> Task<M> {
    move_to(control.into(), true)
}

/// Moves the focus to the control with this id, if `has_focus` is true or a control has the focus.
fn move_to<M: Send + 'static>(id: Id, has_focus: bool) -> Task<M> {
    operate::<()>(Following { id, visited: Visited::default(), target: None, has_focus }).discard()
}

struct ClearFocus;

impl Operation for ClearFocus {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Focusable) {
        state.unfocus();
    }

    fn custom(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Any) {
        if let Some(control) = state.downcast_mut::<ControlFocus>() {
            control.unfocus();
        }
    }
}

/// Operation that finds out whether a control has the focus.
#[derive(Default)]
struct FindControlFocus {
    is_found: bool,
}

impl Operation<bool> for FindControlFocus {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation<bool>)) {
        operate(self);
    }

    fn custom(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Any) {
        self.is_found |= state.downcast_mut::<ControlFocus>().is_some_and(|control| control.is_focused());
    }

    fn finish(&self) -> Outcome<bool> {
        Outcome::Some(self.is_found)
    }
}

struct DropControlFocus {
    has_dropped: bool,
}

impl Operation for DropControlFocus {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn custom(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Any) {
        if let Some(control) = state.downcast_mut::<ControlFocus>() {
            self.has_dropped |= control.is_focused() && control.is_enabled;
            control.unfocus();
        }
    }
}

/// Text field or control, in the order in which Tab visits them.
#[derive(Debug, Clone, Copy)]
struct Stop {
    is_focused: bool,
    is_enabled: bool,
    is_row: bool,
    /// False for a row that is scrolled out of view.
    is_visible: bool,
}

/// Returns the index of the stop that receives the focus; `None` if the focus cannot move.
fn target(stops: &[Stop], step: FocusStep) -> Option<usize> {
    let focused = match step {
        FocusStep::First | FocusStep::Last => None,
        _ => stops.iter().position(|stop| stop.is_focused),
    };
    let is_forward = matches!(step, FocusStep::Next | FocusStep::NextRow | FocusStep::First);
    if matches!(step, FocusStep::NextRow | FocusStep::PreviousRow) {
        let focused = focused.filter(|&at| stops[at].is_row)?;
        let next = if is_forward { focused + 1 } else { focused.wrapping_sub(1) };
        // At the end of the list the focus stays.
        return Some(if stops.get(next).is_some_and(|stop| stop.is_row) { next } else { focused });
    }
    let count = stops.len();
    let first = match (focused, is_forward) {
        (Some(focused), true) => focused + 1,
        (Some(focused), false) => focused + count - 1,
        (None, true) => 0,
        (None, false) => count.checked_sub(1)?,
    };
    let list = focused.map_or(0..0, |focused| list_around(stops, focused));
    let visited = (0..count).map(|step| if is_forward { first + step } else { first + count - step } % count);
    let target = visited.into_iter().find(|at| stops[*at].is_enabled && !list.contains(at))?;
    let mut rows = list_around(stops, target);
    let is_visible = |row: &usize| stops[*row].is_visible;
    // A list is not scrolled to another place, apart from the distance to the edge.
    let row = if is_forward { rows.find(is_visible) } else { rows.rfind(is_visible) };
    Some(row.unwrap_or(target))
}

/// Returns the rows of the list that this stop is a row of; empty if it is none.
fn list_around(stops: &[Stop], row: usize) -> std::ops::Range<usize> {
    let before = stops[..=row].iter().rev().take_while(|stop| stop.is_row).count();
    let after = stops[row..].iter().take_while(|stop| stop.is_row).count();
    if before == 0 { 0..0 } else { row + 1 - before..row + after }
}

/// Count of the stops that an operation has visited. A control that is enabled is announced twice.
#[derive(Debug, Default)]
struct Visited {
    count: usize,
    is_announced: bool,
}

impl Visited {
    /// Returns the index of the control that is announced as custom widget; `None` for any other widget.
    fn control<'a>(&mut self, state: &'a mut dyn Any) -> Option<(usize, &'a mut ControlFocus)> {
        let control = state.downcast_mut::<ControlFocus>()?;
        self.is_announced = control.is_enabled;
        self.count += 1;
        Some((self.count - 1, control))
    }

    /// Returns the index of the text field that is announced as focusable; `None` for a control.
    fn field(&mut self) -> Option<usize> {
        if std::mem::take(&mut self.is_announced) {
            return None;
        }
        self.count += 1;
        Some(self.count - 1)
    }
}

/// Operation that lists all stops.
#[derive(Default)]
struct Listing {
    stops: Vec<Stop>,
    visited: Visited,
    /// Visible part of the scrolled area around the widgets, in the coordinates of these; `None` outside of all.
    view: Option<Rectangle>,
    /// View of the scrolled area whose content is visited next.
    next_view: Option<Rectangle>,
}

impl Operation for Listing {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        let outer = self.view;
        self.view = self.next_view.take().or(outer);
        operate(self);
        self.view = outer;
    }

    fn scrollable(
        &mut self,
        _: Option<&Id>,
        window: Rectangle,
        _: Rectangle,
        translation: Vector,
        _: &mut dyn Scrollable,
    ) {
        self.next_view = Some(window + translation);
    }

    fn focusable(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Focusable) {
        if self.visited.field().is_some() {
            let is_focused = state.is_focused();
            self.stops.push(Stop { is_focused, is_enabled: true, is_row: false, is_visible: true });
        }
    }

    fn custom(&mut self, _: Option<&Id>, bounds: Rectangle, state: &mut dyn Any) {
        if let Some((_, control)) = self.visited.control(state) {
            let (is_enabled, is_row) = (control.is_enabled, control.is_row);
            let is_visible = self
                .view
                .is_none_or(|view| bounds.y >= view.y && bounds.y + bounds.height <= view.y + view.height);
            self.stops.push(Stop { is_focused: control.is_focused(), is_enabled, is_row, is_visible });
        }
    }
}

/// Operation that finds the control with an id, and then moves the focus to it.
struct Following {
    id: Id,
    visited: Visited,
    target: Option<usize>,
    has_focus: bool,
}

impl Operation for Following {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, _: Rectangle, _: &mut dyn Focusable) {
        self.visited.field();
    }

    fn custom(&mut self, id: Option<&Id>, _: Rectangle, state: &mut dyn Any) {
        if let Some((index, control)) = self.visited.control(state) {
            self.has_focus |= control.is_focused();
            if id == Some(&self.id) {
                self.target = Some(index);
            }
        }
    }

    fn finish(&self) -> Outcome<()> {
        match self.target.filter(|_| self.has_focus) {
            Some(target) => {
                let (visited, bounds) = (Visited::default(), Rectangle::default());
                Outcome::Chain(Box::new(Moving { target, visited, bounds }))
            }
            None => Outcome::None,
        }
    }
}

/// Operation that moves the focus.
struct Moving {
    target: usize,
    visited: Visited,
    /// Bounds of the stop that has received the focus.
    bounds: Rectangle,
}

impl Moving {
    fn visit(&mut self, index: usize, bounds: Rectangle, state: &mut dyn Focusable) {
        if index == self.target {
            state.focus();
            self.bounds = bounds;
        } else {
            state.unfocus();
        }
    }
}

impl Operation for Moving {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, bounds: Rectangle, state: &mut dyn Focusable) {
        if let Some(index) = self.visited.field() {
            self.visit(index, bounds, state);
        }
    }

    fn custom(&mut self, _: Option<&Id>, bounds: Rectangle, state: &mut dyn Any) {
        if let Some((index, control)) = self.visited.control(state) {
            self.visit(index, bounds, control);
        }
    }

    fn finish(&self) -> Outcome<()> {
        Outcome::Chain(Box::new(Showing {
            target: self.target,
            visited: Visited::default(),
            bounds: self.bounds,
        }))
    }
}

/// Operation that scrolls to the stop with the focus, and selects the text of a text field. It follows [`Moving`]: iced
/// selects text only in a field that has the focus.
struct Showing {
    target: usize,
    visited: Visited,
    /// Bounds of the stop with the focus.
    bounds: Rectangle,
}

/// Distance between a stop that was scrolled into view and the edge, in logical pixels.
const SCROLL_MARGIN: f32 = 24.0;

impl Operation for Showing {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, _: Rectangle, _: &mut dyn Focusable) {
        self.visited.field();
    }

    fn custom(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Any) {
        self.visited.control(state);
    }

    // iced calls `text_input` before `focusable` for each field, so the count is still the index of this field.
    fn text_input(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn TextInput) {
        if self.visited.count == self.target {
            state.select_all();
        }
    }

    fn scrollable(
        &mut self,
        id: Option<&Id>,
        window: Rectangle,
        content: Rectangle,
        translation: Vector,
        state: &mut dyn Scrollable,
    ) {
        if !self.bounds.is_within(&content) {
            return;
        }
        let visible_bounds = self.bounds - translation;
        let above = (window.y + SCROLL_MARGIN - visible_bounds.y).max(0.0);
        let below =
            (visible_bounds.y + visible_bounds.height + SCROLL_MARGIN - window.y - window.height).max(0.0);
        let distance = if above > 0.0 { -above } else { below };
        state.scroll_by(downwards(distance, id), window, content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stops from letters: `f` is a field or control, `d` a disabled one, `r` a row, `h` one that is scrolled out of
    /// view; an upper-case one has the focus.
    fn stops(letters: &str) -> Vec<Stop> {
        let stop = |letter: char| Stop {
            is_focused: letter.is_ascii_uppercase(),
            is_enabled: !letter.eq_ignore_ascii_case(&'d'),
            is_row: matches!(letter.to_ascii_lowercase(), 'r' | 'h'),
            is_visible: !letter.eq_ignore_ascii_case(&'h'),
        };
        letters.chars().map(stop).collect()
    }

    #[test]
    fn tab_goes_around_and_passes_over_disabled_controls() {
        for (letters, next, previous) in [
            ("dfdf", Some(1), Some(3)),
            ("dFdf", Some(3), Some(3)),
            ("dfdF", Some(1), Some(1)),
            ("fDf", Some(2), Some(0)),
            ("F", Some(0), Some(0)),
            ("dd", None, None),
            ("", None, None),
        ] {
            assert_eq!(target(&stops(letters), FocusStep::Next), next, "{letters}");
            assert_eq!(target(&stops(letters), FocusStep::Previous), previous, "{letters}");
        }
    }

    #[test]
    fn list_is_one_stop_and_arrows_move_within_it() {
        for (letters, step, expected) in [
            ("Frrrf", FocusStep::Next, Some(1)),
            ("frrrF", FocusStep::Previous, Some(3)),
            ("frRrf", FocusStep::Next, Some(4)),
            ("frRrf", FocusStep::Previous, Some(0)),
            ("rR", FocusStep::Next, None),
            ("frRrf", FocusStep::NextRow, Some(3)),
            ("frrRf", FocusStep::NextRow, Some(3)),
            ("fRrrf", FocusStep::PreviousRow, Some(1)),
            ("Rr", FocusStep::PreviousRow, Some(0)),
            ("Frrrf", FocusStep::NextRow, None),
            ("frr", FocusStep::NextRow, None),
            ("Fhrrhf", FocusStep::Next, Some(2)),
            ("fhrrhF", FocusStep::Previous, Some(3)),
            ("Fhhf", FocusStep::Next, Some(1)),
            ("fhhF", FocusStep::Previous, Some(2)),
            ("fhRhf", FocusStep::NextRow, Some(3)),
            ("fHrrf", FocusStep::Next, Some(4)),
            ("ffFf", FocusStep::First, Some(0)),
            ("fFff", FocusStep::Last, Some(3)),
        ] {
            assert_eq!(target(&stops(letters), step), expected, "{letters} {step:?}");
        }
    }
}
