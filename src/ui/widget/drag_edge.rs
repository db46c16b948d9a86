//! Edge between two areas that can be dragged to change their widths.

use iced::advanced::widget::{Tree, Widget, tree};
use iced::advanced::{Clipboard, Layout, Renderer as _, Shell, layout, mouse, renderer};
use iced::{Event, Length, Rectangle, Size, Theme, touch};

use crate::ui::renderer::{Element, Renderer};
use crate::ui::theme;

/// Width of the edge, all of which can be grabbed, in logical pixels.
pub const EDGE_WIDTH: f32 = 7.0;

/// Width of the line in the middle of the edge, in logical pixels.
const LINE_WIDTH: f32 = 1.0;

/// Width of that line while the pointer is over the edge, in logical pixels.
const ACTIVE_LINE_WIDTH: f32 = 3.0;

/// Returns a vertical edge. While it is dragged, `on_drag` is published with the x coordinate of its left side in the
/// window, in logical pixels, and at the end `on_release`.
pub fn drag_edge<'a, Message: Clone + 'a>(
    on_drag: impl Fn(f32) -> Message + 'a,
    on_release: Message,
) -> Element<'a, Message> {
    Element::new(DragEdge { on_drag: Box::new(on_drag), on_release })
}

struct DragEdge<'a, Message> {
    on_drag: Box<dyn Fn(f32) -> Message + 'a>,
    on_release: Message,
}

#[derive(Debug, Default)]
struct State {
    /// Distance from the pointer to the left side of the edge while it is dragged, in logical pixels.
    grabbed: Option<f32>,
    is_hovered: bool,
}

impl<Message: Clone> Widget<Message, Theme, Renderer> for DragEdge<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn size(&self) -> Size<Length> {
        Size::new(Length::Fixed(EDGE_WIDTH), Length::Fill)
    }

    fn layout(&mut self, _: &mut Tree, _: &Renderer, limits: &layout::Limits) -> layout::Node {
        layout::atomic(limits, EDGE_WIDTH, Length::Fill)
    }

    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        _: &Renderer,
        _: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        _: &Rectangle,
    ) {
        let state = tree.state.downcast_mut::<State>();
        let bounds = layout.bounds();
        match event {
            Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left))
            | Event::Touch(touch::Event::FingerPressed { .. }) => {
                if let Some(position) = cursor.position_over(bounds) {
                    state.grabbed = Some(bounds.x - position.x);
                    shell.capture_event();
                }
            }
            Event::Mouse(mouse::Event::CursorMoved { .. })
            | Event::Touch(touch::Event::FingerMoved { .. }) => {
                if let (Some(distance), Some(position)) = (state.grabbed, cursor.position()) {
                    shell.publish((self.on_drag)(position.x + distance));
                    shell.capture_event();
                }
            }
            Event::Mouse(mouse::Event::ButtonReleased(mouse::Button::Left))
            | Event::Touch(touch::Event::FingerLifted { .. } | touch::Event::FingerLost { .. })
                if state.grabbed.take().is_some() =>
            {
                shell.publish(self.on_release.clone());
            }
            _ => {}
        }
        let is_hovered = state.grabbed.is_some() || cursor.is_over(bounds);
        if state.is_hovered != is_hovered {
            state.is_hovered = is_hovered;
            shell.request_redraw();
        }
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut Renderer,
        theme: &Theme,
        _: &renderer::Style,
        layout: Layout<'_>,
        _: mouse::Cursor,
        _: &Rectangle,
    ) {
        let (colours, bounds) = (theme::colours(theme), layout.bounds());
        let (width, colour) = match tree.state.downcast_ref::<State>().is_hovered {
            true => (ACTIVE_LINE_WIDTH, colours.control),
            false => (LINE_WIDTH, colours.line),
        };
        let line = Rectangle { x: bounds.x + (bounds.width - width) / 2.0, width, ..bounds };
        for (bounds, colour) in [(bounds, colours.surface), (line, colour)] {
            renderer.fill_quad(renderer::Quad { bounds, ..renderer::Quad::default() }, colour);
        }
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        _: &Rectangle,
        _: &Renderer,
    ) -> mouse::Interaction {
        let is_active =
            tree.state.downcast_ref::<State>().grabbed.is_some() || cursor.is_over(layout.bounds());
        if is_active { mouse::Interaction::ResizingHorizontally } else { mouse::Interaction::default() }
    }
}
