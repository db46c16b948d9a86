//! Renderer of the window.
//!
//! [`Renderer`] draws the widgets of iced, and the picture of the video as [`VideoRenderer`] says. It uses the graphics card
//! if [`choose_renderer`] has chosen that. [`Element`] and the other types here are those of iced for this renderer, and are
//! used instead of them everywhere.

mod choice;
mod delegate;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod gpu_picture;
mod known_card;
mod software;
mod software_compositor;
mod video;

use iced::Theme;
use iced::widget::{self, canvas};

pub use choice::drawn_by;
pub use known_card::choose as choose_renderer;
use software::SoftwareRenderer;
pub use video::{VideoRenderer, WholePicture};

/// Renderer of all widgets.
#[cfg(feature = "gpu")]
pub type Renderer = iced_renderer::fallback::Renderer<gpu::GpuRenderer, SoftwareRenderer>;
/// Renderer of all widgets.
#[cfg(not(feature = "gpu"))]
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

/// Returns the name of the best graphics card that the window can use; `None` if there is none. Loads the drivers, which takes
/// from a tenth of a second to seconds.
pub fn find_graphics_card() -> Option<String> {
    #[cfg(feature = "gpu")]
    return gpu::find_card();
    #[cfg(not(feature = "gpu"))]
    None
}
