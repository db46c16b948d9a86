//! Keyboard focus: moving it from field to field, and the ids of the areas that Tab stays within.

use iced::advanced::widget::operation::scrollable::AbsoluteOffset;
use iced::advanced::widget::operation::{self, Focusable, Operation, Outcome, Scrollable, TextInput};
use iced::advanced::widget::{Id, operate};
use iced::{Rectangle, Task, Vector};

/// Id of the open dialog. While one is open, Tab stays within it.
pub const DIALOG_ID: &str = "dialog";

/// Id of the panel to the right of the video.
pub const PANEL_ID: &str = "panel";

/// Direction in which the focus moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FocusStep {
    Next,
    Previous,
}

/// Moves the focus to the next or previous field within the area with this id, around at both ends, and selects the
/// text of that field.
pub fn advance<M: Send + 'static>(step: FocusStep, within: &'static str) -> Task<M> {
    let traversal = FocusTraversal {
        step,
        pass: Pass::Count { focused: None },
        visited: 0,
        target_bounds: Rectangle::default(),
    };
    operate::<()>(operation::scope(Id::new(within), traversal)).discard()
}

/// Focuses a field, with the cursor at the end of its text.
pub fn move_to_end<M: Send + 'static>(field: &'static str) -> Task<M> {
    iced::widget::operation::focus(field).chain(iced::widget::operation::move_cursor_to_end(field))
}

/// Focuses a field and selects its text, so that typing replaces it.
pub fn select_all<M: Send + 'static>(field: &'static str) -> Task<M> {
    iced::widget::operation::focus(field).chain(iced::widget::operation::select_all(field))
}

/// Removes the focus from all fields.
pub fn clear<M: Send + 'static>() -> Task<M> {
    operate::<()>(ClearFocus).discard()
}

struct ClearFocus;

impl Operation for ClearFocus {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn Focusable) {
        state.unfocus();
    }
}

/// Operation that visits the fields in three passes: the first counts them and finds the focused one, the second moves
/// the focus, and the third selects the text of the focused field and scrolls to it. iced selects text only in a field
/// that has the focus, and the bounds to scroll to are known only after the second pass.
struct FocusTraversal {
    step: FocusStep,
    pass: Pass,
    /// Number of fields visited in this pass.
    visited: usize,
    /// Bounds of the field that received the focus.
    target_bounds: Rectangle,
}

#[derive(Clone, Copy)]
enum Pass {
    Count { focused: Option<usize> },
    Focus { field: usize },
    Select { field: usize },
}

/// Distance between a field that was scrolled into view and the edge, in logical pixels.
const SCROLL_MARGIN: f32 = 24.0;

impl FocusTraversal {
    fn next_pass(&self) -> Option<Pass> {
        match self.pass {
            Pass::Count { .. } if self.visited == 0 => None,
            Pass::Count { focused } => Some(Pass::Focus { field: self.target_field(focused) }),
            Pass::Focus { field } => Some(Pass::Select { field }),
            Pass::Select { .. } => None,
        }
    }

    fn target_field(&self, focused: Option<usize>) -> usize {
        let last_field = self.visited - 1;
        match (self.step, focused) {
            (FocusStep::Next, None) => 0,
            (FocusStep::Next, Some(focused)) => (focused + 1) % self.visited,
            (FocusStep::Previous, None | Some(0)) => last_field,
            (FocusStep::Previous, Some(focused)) => focused - 1,
        }
    }
}

impl Operation for FocusTraversal {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn focusable(&mut self, _: Option<&Id>, bounds: Rectangle, state: &mut dyn Focusable) {
        match &mut self.pass {
            Pass::Count { focused } if state.is_focused() => *focused = Some(self.visited),
            Pass::Focus { field } if *field == self.visited => {
                state.focus();
                self.target_bounds = bounds;
            }
            Pass::Focus { .. } => state.unfocus(),
            Pass::Count { .. } | Pass::Select { .. } => {}
        }
        self.visited += 1;
    }

    // iced calls `text_input` before `focusable` for each field, so `visited` is still the index of this field.
    fn text_input(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn TextInput) {
        if let Pass::Select { field } = self.pass
            && field == self.visited
        {
            state.select_all();
        }
    }

    // Scrolls the focused field into view.
    fn scrollable(
        &mut self,
        _: Option<&Id>,
        window: Rectangle,
        content: Rectangle,
        translation: Vector,
        state: &mut dyn Scrollable,
    ) {
        if !matches!(self.pass, Pass::Select { .. }) || !self.target_bounds.is_within(&content) {
            return;
        }
        let visible_bounds = self.target_bounds - translation;
        let above = (window.y + SCROLL_MARGIN - visible_bounds.y).max(0.0);
        let below =
            (visible_bounds.y + visible_bounds.height + SCROLL_MARGIN - window.y - window.height).max(0.0);
        let offset = AbsoluteOffset { x: 0.0, y: if above > 0.0 { -above } else { below } };
        state.scroll_by(offset, window, content);
    }

    fn finish(&self) -> Outcome<()> {
        match self.next_pass() {
            Some(pass) => Outcome::Chain(Box::new(Self { pass, visited: 0, ..*self })),
            None => Outcome::None,
        }
    }
}
