//! Picture for a renderer that scales.

use iced::advanced::image::Handle;

use crate::session::{Orientation, Placement};

/// Picture with the pixels of the film, for a renderer that scales.
#[derive(Debug, Clone)]
pub struct WholePicture {
    /// RGBA pixels.
    pub handle: Handle,
    /// Part that is shown, and its size on the screen before the rotation.
    pub placement: Placement,
    /// Rotation and reflection.
    pub orientation: Orientation,
}
