//! Canvas with a drawing function and an optional cache.

use crate::ui::renderer::{Cache, Frame, Geometry, Renderer};
use iced::widget::canvas::{self, Canvas};
use iced::{Rectangle, Theme, mouse};

/// Program of a canvas. With a cache it is redrawn only after the cache has been cleared.
pub struct Drawing<'a, Draw> {
    cache: Option<&'a Cache>,
    draw: Draw,
}

/// Returns a canvas that `draw` fills.
pub fn drawing<'a, Message, Draw>(
    cache: Option<&'a Cache>,
    draw: Draw,
) -> Canvas<Drawing<'a, Draw>, Message, Theme, Renderer>
where
    Draw: Fn(&mut Frame, &Theme) + 'a,
{
    Canvas::new(Drawing { cache, draw })
}

impl<Message, Draw: Fn(&mut Frame, &Theme)> canvas::Program<Message, Theme, Renderer> for Drawing<'_, Draw> {
    type State = ();

    fn draw(
        &self,
        (): &(),
        renderer: &Renderer,
        theme: &Theme,
        bounds: Rectangle,
        _: mouse::Cursor,
    ) -> Vec<Geometry> {
        let geometry = match self.cache {
            Some(cache) => cache.draw(renderer, bounds.size(), |frame| (self.draw)(frame, theme)),
            None => {
                let mut frame = Frame::new(renderer, bounds.size());
                (self.draw)(&mut frame, theme);
                frame.into_geometry()
            }
        };
        vec![geometry]
    }
}
