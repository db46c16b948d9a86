//! Scrolled area whose content grows at its end: it follows the end while that is shown, and otherwise stays where it
//! is.

use iced::advanced::Shell;
use iced::advanced::widget::Id;
use iced::advanced::widget::operation::{Operation, Scrollable};
use iced::{Event, Rectangle, Vector, window};

use super::scroll_direction::downwards;
use super::wrapper::{Behaviour, Content, Wrapper};
use crate::ui::renderer::Element;

/// Distance to the end up to which it counts as shown, in logical pixels.
const TOLERANCE: f32 = 1.0;

/// Wraps a scrolled area that is anchored at the bottom, and keeps its place at the top while the end is not shown.
pub fn hold_scroll<'a, Message: 'a>(scrolled: impl Into<Element<'a, Message>>) -> Element<'a, Message> {
    Wrapper::element(scrolled, HoldScroll)
}

struct HoldScroll;

/// Height of the content when it was drawn last, in logical pixels; `None` before.
#[derive(Default)]
struct DrawnHeight(Option<f32>);

impl<Message> Behaviour<Message> for HoldScroll {
    type State = DrawnHeight;

    fn before(
        &mut self,
        drawn: &mut DrawnHeight,
        event: &Event,
        content: &mut Content<'_, '_, Message>,
        _: &mut Shell<'_, Message>,
    ) -> bool {
        if matches!(event, Event::Window(window::Event::RedrawRequested(_))) {
            content.operate(&mut Holding { drawn });
        }
        true
    }
}

/// Operation that scrolls up by what the content has grown, as its offset is counted from the end.
struct Holding<'a> {
    drawn: &'a mut DrawnHeight,
}

impl Operation for Holding<'_> {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn scrollable(
        &mut self,
        id: Option<&Id>,
        bounds: Rectangle,
        content_bounds: Rectangle,
        translation: Vector,
        state: &mut dyn Scrollable,
    ) {
        let height = content_bounds.height;
        let growth = self.drawn.0.replace(height).map_or(0.0, |before| height - before);
        let below = height - bounds.height - translation.y;
        if growth > 0.0 && below > TOLERANCE {
            state.scroll_by(downwards(-growth, id), bounds, content_bounds);
        }
    }
}
