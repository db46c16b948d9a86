//! Text field that publishes a message when it loses the focus, by a key, a click elsewhere, or another field.

use crate::ui::renderer::{Element, Renderer, TextInput};
use iced::advanced::widget::{Operation, Tree, Widget, tree};
use iced::advanced::{Clipboard, Layout, Shell, layout, mouse, renderer, text};
use iced::widget::text_input;
use iced::{Event, Length, Rectangle, Size, Theme};

/// Wraps a text field; `on_blur` is published when it loses the focus.
pub fn blur_input<'a, Message: Clone + 'a>(
    field: TextInput<'a, Message>,
    on_blur: Message,
) -> Element<'a, Message> {
    Element::new(BlurInput { field, on_blur })
}

struct BlurInput<'a, Message> {
    field: TextInput<'a, Message>,
    on_blur: Message,
}

/// Widget state: true if the field had the focus after the previous event.
#[derive(Debug, Default)]
struct WasFocused(bool);

type FieldState = text_input::State<<Renderer as text::Renderer>::Paragraph>;

impl<'a, Message: Clone + 'a> BlurInput<'a, Message> {
    fn widget(&self) -> &dyn Widget<Message, Theme, Renderer> {
        &self.field
    }

    fn widget_mut(&mut self) -> &mut (dyn Widget<Message, Theme, Renderer> + 'a) {
        &mut self.field
    }
}

impl<'a, Message: Clone + 'a> Widget<Message, Theme, Renderer> for BlurInput<'a, Message> {
    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        renderer: &Renderer,
        clipboard: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        viewport: &Rectangle,
    ) {
        let field = &mut tree.children[0];
        self.widget_mut().update(field, event, layout, cursor, renderer, clipboard, shell, viewport);
        let is_focused = field.state.downcast_ref::<FieldState>().is_focused();
        let was_focused = std::mem::replace(&mut tree.state.downcast_mut::<WasFocused>().0, is_focused);
        if was_focused && !is_focused {
            shell.publish(self.on_blur.clone());
        }
    }

    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<WasFocused>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(WasFocused::default())
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(self.widget())]
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(&[self.widget()]);
    }

    fn size(&self) -> Size<Length> {
        self.widget().size()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        self.widget_mut().layout(&mut tree.children[0], renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &Renderer,
        operation: &mut dyn Operation,
    ) {
        self.widget_mut().operate(&mut tree.children[0], layout, renderer, operation);
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &Renderer,
    ) -> mouse::Interaction {
        self.widget().mouse_interaction(&tree.children[0], layout, cursor, viewport, renderer)
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut Renderer,
        theme: &Theme,
        style: &renderer::Style,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        self.widget().draw(&tree.children[0], renderer, theme, style, layout, cursor, viewport);
    }
}
