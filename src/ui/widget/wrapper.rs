//! Base of the widgets that add a behaviour to their content, and leave its size and place as they are.

use crate::ui::renderer::{Element, Renderer};
use iced::advanced::widget::{Operation, Tree, Widget, tree};
use iced::advanced::{Clipboard, Layout, Shell, layout, mouse, overlay, renderer};
use iced::{Event, Length, Rectangle, Size, Theme, Vector};

/// Behaviour that a [`Wrapper`] adds to its content.
pub trait Behaviour<Message> {
    /// State that is kept between two views.
    type State: Default + 'static;

    /// Handles an event before the content does; returns true if the content receives it.
    fn before(
        &mut self,
        state: &mut Self::State,
        event: &Event,
        content: &mut Content<'_, '_, Message>,
        shell: &mut Shell<'_, Message>,
    ) -> bool;

    /// Handles an event after the content has received it.
    fn after(
        &mut self,
        _state: &mut Self::State,
        _event: &Event,
        _content: &mut Content<'_, '_, Message>,
        _shell: &mut Shell<'_, Message>,
    ) {
    }

    /// Runs an operation on the content.
    fn operate(
        &mut self,
        _state: &mut Self::State,
        content: &mut Content<'_, '_, Message>,
        operation: &mut dyn Operation,
    ) {
        content.operate(operation);
    }

    /// Draws over the content, which has these bounds; `visible` is the part of the window that is not clipped.
    fn draw(&self, _: &Self::State, _: &mut Renderer, _: &Theme, _bounds: Rectangle, _visible: Rectangle) {}
}

/// Content of a [`Wrapper`].
pub struct Content<'a, 'b, Message> {
    element: &'a mut Element<'b, Message>,
    tree: &'a mut Tree,
    layout: Layout<'a>,
    renderer: &'a Renderer,
}

impl<Message> Content<'_, '_, Message> {
    /// Returns the bounds of the content.
    pub fn bounds(&self) -> Rectangle {
        self.layout.bounds()
    }

    /// Runs an operation on the content.
    pub fn operate(&mut self, operation: &mut dyn Operation) {
        self.element.as_widget_mut().operate(self.tree, self.layout, self.renderer, operation);
    }
}

/// Widget with a behaviour that its content does not have.
pub struct Wrapper<'a, Message, B> {
    content: Element<'a, Message>,
    behaviour: B,
}

impl<'a, Message: 'a, B: Behaviour<Message> + 'a> Wrapper<'a, Message, B> {
    /// Adds a behaviour to a content.
    pub fn element(content: impl Into<Element<'a, Message>>, behaviour: B) -> Element<'a, Message> {
        Element::new(Self { content: content.into(), behaviour })
    }
}

impl<Message, B: Behaviour<Message>> Widget<Message, Theme, Renderer> for Wrapper<'_, Message, B> {
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
        let state = tree.state.downcast_mut();
        let child = &mut tree.children[0];
        let mut content = Content { element: &mut self.content, tree: child, layout, renderer };
        if !self.behaviour.before(state, event, &mut content, shell) {
            return;
        }
        let widget = content.element.as_widget_mut();
        widget.update(content.tree, event, layout, cursor, renderer, clipboard, shell, viewport);
        self.behaviour.after(state, event, &mut content, shell);
    }

    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<B::State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(B::State::default())
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.content)]
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(std::slice::from_ref(&self.content));
    }

    fn size(&self) -> Size<Length> {
        self.content.as_widget().size()
    }

    fn size_hint(&self) -> Size<Length> {
        self.content.as_widget().size_hint()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        self.content.as_widget_mut().layout(&mut tree.children[0], renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &Renderer,
        operation: &mut dyn Operation,
    ) {
        let (state, child) = (tree.state.downcast_mut(), &mut tree.children[0]);
        let mut content = Content { element: &mut self.content, tree: child, layout, renderer };
        self.behaviour.operate(state, &mut content, operation);
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &Renderer,
    ) -> mouse::Interaction {
        self.content.as_widget().mouse_interaction(&tree.children[0], layout, cursor, viewport, renderer)
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
        self.content.as_widget().draw(&tree.children[0], renderer, theme, style, layout, cursor, viewport);
        self.behaviour.draw(tree.state.downcast_ref(), renderer, theme, layout.bounds(), *viewport);
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, Renderer>> {
        let content = self.content.as_widget_mut();
        content.overlay(&mut tree.children[0], layout, renderer, viewport, translation)
    }
}
