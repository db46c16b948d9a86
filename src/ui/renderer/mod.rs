//! Renderer of the window.
//!
//! [`Renderer`] is a renderer of iced that draws the picture of the video as well, see [`VideoRenderer`].

mod software;
mod software_compositor;

use iced::advanced::image::Image;
use iced::widget::{self, canvas};
use iced::{Rectangle, Theme};

pub use software::SoftwareRenderer;

/// Renderer of all widgets.
pub type Renderer = SoftwareRenderer;

/// Widget of iced, drawn by [`Renderer`].
pub type Element<'a, Message> = iced::Element<'a, Message, Theme, Renderer>;
/// Row of iced, drawn by [`Renderer`].
pub type Row<'a, Message> = widget::Row<'a, Message, Theme, Renderer>;
/// Column of iced, drawn by [`Renderer`].
pub type Column<'a, Message> = widget::Column<'a, Message, Theme, Renderer>;
/// Text of iced, drawn by [`Renderer`].
pub type Text<'a> = widget::Text<'a, Theme, Renderer>;
/// Button of iced, drawn by [`Renderer`].
pub type Button<'a, Message> = widget::Button<'a, Message, Theme, Renderer>;
/// Text field of iced, drawn by [`Renderer`].
pub type TextInput<'a, Message> = widget::TextInput<'a, Message, Theme, Renderer>;
/// Switch of iced, drawn by [`Renderer`].
pub type Toggler<'a, Message> = widget::Toggler<'a, Message, Theme, Renderer>;
/// Drawing of a canvas of iced, for [`Renderer`].
pub type Frame = canvas::Frame<Renderer>;
/// Kept drawing of a canvas of iced, for [`Renderer`].
pub type Cache = canvas::Cache<Renderer>;
/// Finished drawing of a canvas of iced, for [`Renderer`].
pub type Geometry = canvas::Geometry<Renderer>;

/// Renderer that draws the pictures of the video.
pub trait VideoRenderer {
    /// Draws a picture whose pixels are those of the screen at these bounds, and completely opaque.
    fn draw_exact_picture(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle);
}

impl VideoRenderer for SoftwareRenderer {
    fn draw_exact_picture(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle) {
        Self::draw_exact_picture(self, image, bounds, clip_bounds);
    }
}
