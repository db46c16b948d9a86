//! Where the cursor is: which field of a dialog is typed into.

use iced::advanced::widget::operation::scrollable::AbsoluteOffset;
use iced::advanced::widget::operation::{self, Focusable, Operation, Outcome, Scrollable, TextInput};
use iced::advanced::widget::{Id, operate};
use iced::{Rectangle, Task, Vector};

/// The dialog in front. What lies behind it is not to be typed into.
pub const DIALOG_ID: &str = "dialog";

/// The panel at the right of the picture.
pub const PANEL_ID: &str = "panel";

/// Which way it goes from field to field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FocusStep {
    Next,
    Previous,
}

/// Puts the cursor into the next field within this part of the window, or the one before, and around. What stands there
/// is selected, as wherever Tab is pressed.
pub fn advance<M: Send + 'static>(step: FocusStep, within: &'static str) -> Task<M> {
    let traversal = FocusTraversal {
        step,
        pass: Pass::Count { focused: None },
        visited: 0,
        target_bounds: Rectangle::default(),
    };
    operate::<()>(operation::scope(Id::new(within), traversal)).discard()
}

/// Puts the cursor into a field, behind what stands there.
pub fn move_to_end<M: Send + 'static>(field: &'static str) -> Task<M> {
    iced::widget::operation::focus(field).chain(iced::widget::operation::move_cursor_to_end(field))
}

/// Puts the cursor into a field, so that what is typed replaces what stands there.
pub fn select_all<M: Send + 'static>(field: &'static str) -> Task<M> {
    iced::widget::operation::focus(field).chain(iced::widget::operation::select_all(field))
}

/// Takes the cursor out of whatever field it is in.
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

/// Passes the fields three times: a field that has the cursor can only then be told to select what stands there, and
/// only then is it known whether it can be seen.
struct FocusTraversal {
    step: FocusStep,
    pass: Pass,
    /// Fields that were passed this time.
    visited: usize,
    /// Where the field is that got the cursor.
    target_bounds: Rectangle,
}

#[derive(Clone, Copy)]
enum Pass {
    Count { focused: Option<usize> },
    Focus { field: usize },
    Select { field: usize },
}

/// Around a field that is brought into view.
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

    // A field is first told that it holds text, and then that it can have the cursor.
    fn text_input(&mut self, _: Option<&Id>, _: Rectangle, state: &mut dyn TextInput) {
        if let Pass::Select { field } = self.pass
            && field == self.visited
        {
            state.select_all();
        }
    }

    // What is typed into is to be seen.
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
