//! Text on one line, whose end is replaced by an ellipsis if it is too wide for its place.

use iced::advanced::text::{Paragraph as _, Shaping, Text, Wrapping};
use iced::advanced::widget::{Operation, Tree, Widget, text, tree};
use iced::advanced::{Layout, layout, mouse, renderer};
use iced::{Font, Length, Rectangle, Size, Theme};

use crate::ui::renderer::{Element, Renderer};
use crate::ui::theme;

/// Returns the text of this size in logical pixels, in the font of the window. Control characters become spaces.
pub fn one_line<'a>(content: impl Into<String>, size: f32) -> OneLine<'a> {
    let content = content.into().replace(char::is_control, " ");
    OneLine { content, size, font: theme::FONT, class: Box::new(|_| text::Style::default()) }
}

/// Text of [`one_line`].
pub struct OneLine<'a> {
    content: String,
    size: f32,
    font: Font,
    class: text::StyleFn<'a, Theme>,
}

impl<'a> OneLine<'a> {
    /// Sets the font.
    pub fn font(self, font: Font) -> Self {
        Self { font, ..self }
    }

    /// Sets the style.
    pub fn style(self, style: impl Fn(&Theme) -> text::Style + 'a) -> Self {
        Self { class: Box::new(style), ..self }
    }

    fn paragraph(&self, content: &str) -> Paragraph {
        Paragraph::with_text(Text {
            content,
            bounds: Size::INFINITE,
            size: self.size.into(),
            line_height: Default::default(),
            font: self.font,
            align_x: Default::default(),
            align_y: iced::alignment::Vertical::Top,
            shaping: Shaping::default(),
            wrapping: Wrapping::None,
        })
    }

    /// Returns the beginning of the text with an ellipsis, as much as fits into `max_width`.
    fn shortened(&self, max_width: f32) -> Paragraph {
        let ends: Vec<_> = self.content.char_indices().map(|(offset, _)| offset).collect();
        let shorten = |length: usize| {
            let beginning = ends.get(length).map_or(&*self.content, |end| &self.content[..*end]);
            self.paragraph(&format!("{}…", beginning.trim_end()))
        };
        let (mut fits, mut too_long) = (0, ends.len());
        while fits + 1 < too_long {
            let length = fits.midpoint(too_long);
            match shorten(length).min_width() <= max_width {
                true => fits = length,
                false => too_long = length,
            }
        }
        shorten(fits)
    }
}

type Paragraph = <Renderer as iced::advanced::text::Renderer>::Paragraph;

/// Text as it is drawn, and from what it was made.
#[derive(Default)]
struct Shown {
    paragraph: Paragraph,
    content: String,
    max_width: f32,
    size: f32,
    font: Font,
}

impl Shown {
    fn update(&mut self, line: &OneLine<'_>, max_width: f32) {
        let is_same = self.content == line.content && self.max_width == max_width;
        if is_same && self.size == line.size && self.font == line.font {
            return;
        }
        let whole = line.paragraph(&line.content);
        let paragraph = if whole.min_width() <= max_width { whole } else { line.shortened(max_width) };
        let content = line.content.clone();
        *self = Self { paragraph, content, max_width, size: line.size, font: line.font };
    }
}

impl<Message> Widget<Message, Theme, Renderer> for OneLine<'_> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<Shown>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(Shown::default())
    }

    fn size(&self) -> Size<Length> {
        Size::new(Length::Shrink, Length::Shrink)
    }

    fn layout(&mut self, tree: &mut Tree, _: &Renderer, limits: &layout::Limits) -> layout::Node {
        let shown = tree.state.downcast_mut::<Shown>();
        shown.update(self, limits.max().width);
        layout::sized(limits, Length::Shrink, Length::Shrink, |_| shown.paragraph.min_bounds())
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut Renderer,
        theme: &Theme,
        style: &renderer::Style,
        layout: Layout<'_>,
        _: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        let shown = tree.state.downcast_ref::<Shown>();
        let bounds = layout.bounds();
        // The ellipsis may be wider than the place.
        let Some(visible) = bounds.intersection(viewport) else { return };
        text::draw(renderer, style, bounds, &shown.paragraph, (self.class)(theme), &visible);
    }

    fn operate(&mut self, _: &mut Tree, layout: Layout<'_>, _: &Renderer, operation: &mut dyn Operation) {
        operation.text(None, layout.bounds(), &self.content);
    }
}

impl<'a, Message: 'a> From<OneLine<'a>> for Element<'a, Message> {
    fn from(line: OneLine<'a>) -> Self {
        Element::new(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_too_wide_ends_with_an_ellipsis() {
        let line = one_line("über den\nWolken.mjpeg", 14.0);
        let width = |content: &str| line.paragraph(content).min_width();
        let mut shown = Shown::default();
        for (max_width, expected) in [
            (width(&line.content), "über den Wolken.mjpeg"),
            (width(&line.content) - 1.0, "über den Wolken.mjp…"),
            // Without a space before the ellipsis.
            (width("über den …"), "über den…"),
            (width("ü…"), "ü…"),
            (0.0, "…"),
        ] {
            shown.update(&line, max_width);
            let widths = (shown.paragraph.min_width(), width(expected));
            assert!((widths.0 - widths.1).abs() < 0.01, "{max_width}: {widths:?} for {expected}");
        }
    }
}
