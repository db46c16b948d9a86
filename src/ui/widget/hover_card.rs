//! Card above a horizontal control, at the place to which the pointer points.

use crate::ui::renderer::{Element, Renderer};
use iced::advanced::widget::{Operation, Tree, Widget, tree};
use iced::advanced::{Clipboard, Layout, Shell, layout, mouse, overlay, renderer};
use iced::{Event, Length, Point, Rectangle, Size, Theme, Vector};

/// Distance of the card from the control, in logical pixels.
const GAP: f32 = 6.0;

/// Content of a card, and its place.
pub struct Card<'a, Message> {
    /// Part of the width of the control, from 0 to 1, above which the card is centred.
    pub at: f32,
    /// Content of the card.
    pub content: Element<'a, Message>,
}

/// Adds a card above a control, if there is one. While the pointer moves over the control, `on_hover` is published with
/// its place, from 0 at the left to 1 at the right, and `None` once when it has left and `is_hovered` is true.
pub fn hover_card<'a, Message: 'a>(
    control: impl Into<Element<'a, Message>>,
    card: Option<Card<'a, Message>>,
    is_hovered: bool,
    on_hover: impl Fn(Option<f32>) -> Message + 'a,
) -> Element<'a, Message> {
    let control = control.into();
    Element::new(HoverCard { control, card, is_hovered, on_hover: Box::new(on_hover) })
}

struct HoverCard<'a, Message> {
    control: Element<'a, Message>,
    card: Option<Card<'a, Message>>,
    is_hovered: bool,
    on_hover: Box<dyn Fn(Option<f32>) -> Message + 'a>,
}

/// Place of the pointer that was published last.
#[derive(Debug, Default)]
struct LastPlace(Option<f32>);

impl<Message> HoverCard<'_, Message> {
    fn publish_place(&self, last: &mut LastPlace, place: Option<f32>, shell: &mut Shell<'_, Message>) {
        let has_changed = match place {
            Some(_) => place != last.0,
            None => self.is_hovered,
        };
        last.0 = place;
        if has_changed {
            shell.publish((self.on_hover)(place));
        }
    }
}

impl<Message> Widget<Message, Theme, Renderer> for HoverCard<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<LastPlace>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(LastPlace::default())
    }

    fn children(&self) -> Vec<Tree> {
        let card = self.card.iter().map(|card| Tree::new(&card.content));
        std::iter::once(Tree::new(&self.control)).chain(card).collect()
    }

    fn diff(&self, tree: &mut Tree) {
        let card = self.card.as_ref().map(|card| &card.content);
        let children: Vec<_> = std::iter::once(&self.control).chain(card).collect();
        tree.diff_children(&children);
    }

    fn size(&self) -> Size<Length> {
        self.control.as_widget().size()
    }

    fn size_hint(&self) -> Size<Length> {
        self.control.as_widget().size_hint()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        self.control.as_widget_mut().layout(&mut tree.children[0], renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &Renderer,
        operation: &mut dyn Operation,
    ) {
        self.control.as_widget_mut().operate(&mut tree.children[0], layout, renderer, operation);
    }

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
        if let Event::Mouse(mouse::Event::CursorMoved { .. } | mouse::Event::CursorLeft) = event {
            let bounds = layout.bounds();
            let has_left = matches!(event, Event::Mouse(mouse::Event::CursorLeft));
            let over = cursor.position_over(bounds).filter(|_| !has_left);
            let place = over.map(|at| ((at.x - bounds.x) / bounds.width.max(1.0)).clamp(0.0, 1.0));
            self.publish_place(tree.state.downcast_mut(), place, shell);
        }
        let (control, child) = (self.control.as_widget_mut(), &mut tree.children[0]);
        control.update(child, event, layout, cursor, renderer, clipboard, shell, viewport);
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &Renderer,
    ) -> mouse::Interaction {
        self.control.as_widget().mouse_interaction(&tree.children[0], layout, cursor, viewport, renderer)
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
        self.control.as_widget().draw(&tree.children[0], renderer, theme, style, layout, cursor, viewport);
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        _: &Renderer,
        _: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, Renderer>> {
        let (card, tree) = (self.card.as_mut()?, tree.children.get_mut(1)?);
        let bounds = layout.bounds() + translation;
        let tip = Point::new(bounds.x + card.at.clamp(0.0, 1.0) * bounds.width, bounds.y - GAP);
        Some(overlay::Element::new(Box::new(CardOverlay { content: &mut card.content, tree, tip })))
    }
}

struct CardOverlay<'a, 'b, Message> {
    content: &'b mut Element<'a, Message>,
    tree: &'b mut Tree,
    /// Middle of the lower edge.
    tip: Point,
}

impl<Message> overlay::Overlay<Message, Theme, Renderer> for CardOverlay<'_, '_, Message> {
    fn layout(&mut self, renderer: &Renderer, window: Size) -> layout::Node {
        let limits = layout::Limits::new(Size::ZERO, window);
        let node = self.content.as_widget_mut().layout(self.tree, renderer, &limits);
        let size = node.size();
        let left = (self.tip.x - size.width / 2.0).min(window.width - size.width).max(0.0);
        node.move_to(Point::new(left, (self.tip.y - size.height).max(0.0)))
    }

    fn draw(
        &self,
        renderer: &mut Renderer,
        theme: &Theme,
        style: &renderer::Style,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
    ) {
        let (content, bounds) = (self.content.as_widget(), layout.bounds());
        content.draw(self.tree, renderer, theme, style, layout, cursor, &bounds);
    }

    fn operate(&mut self, layout: Layout<'_>, renderer: &Renderer, operation: &mut dyn Operation) {
        self.content.as_widget_mut().operate(self.tree, layout, renderer, operation);
    }
}
