//! Renderer of the window.
//!
//! [`Renderer`] draws the widgets of iced, and the picture of the video as [`VideoRenderer`] says. It uses the graphics
//! card if [`choose_renderer`] has chosen that.

mod choice;
mod delegate;
mod elements;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod gpu_picture;
mod known_card;
mod software;
mod software_compositor;
mod video;
mod whole_picture;

pub use choice::drawn_by;
pub use elements::{
    Button, Cache, Column, Element, Frame, Geometry, Renderer, Row, Text, TextInput, Toggler,
};
pub use known_card::choose as choose_renderer;
pub use video::VideoRenderer;
pub use whole_picture::WholePicture;

/// Returns the name of the best graphics card that the window can use; `None` if there is none. Loads the drivers,
/// which takes from a tenth of a second to seconds.
pub fn find_graphics_card() -> Option<String> {
    #[cfg(feature = "gpu")]
    return gpu::find_card();
    #[cfg(not(feature = "gpu"))]
    None
}
