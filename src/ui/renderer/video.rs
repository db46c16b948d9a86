//! Drawing of the picture of the video.

use iced::Rectangle;
use iced::advanced::image::Image;

use super::software::SoftwareRenderer;
use super::whole_picture::WholePicture;
use crate::session::Scaler;

/// Renderer that draws the pictures of the video.
pub trait VideoRenderer {
    /// Returns the part of the program that scales and rotates the pictures.
    fn scaler(&self) -> Scaler;

    /// Draws a picture whose pixels are those of the screen at these bounds, and completely opaque.
    fn draw_exact_picture(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle);

    /// Draws a picture with the pixels of the film. Does nothing if the renderer does not scale.
    fn draw_whole_picture(&mut self, picture: WholePicture, bounds: Rectangle);
}

impl VideoRenderer for SoftwareRenderer {
    fn scaler(&self) -> Scaler {
        Scaler::Decoder
    }

    fn draw_exact_picture(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle) {
        Self::draw_exact_picture(self, image, bounds, clip_bounds);
    }

    fn draw_whole_picture(&mut self, _: WholePicture, _: Rectangle) {}
}

#[cfg(feature = "gpu")]
impl VideoRenderer for super::elements::Renderer {
    fn scaler(&self) -> Scaler {
        match self {
            Self::Primary(_) => Scaler::Renderer,
            Self::Secondary(software) => software.scaler(),
        }
    }

    fn draw_exact_picture(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle) {
        match self {
            Self::Primary(gpu) => {
                iced::advanced::image::Renderer::draw_image(gpu, image, bounds, clip_bounds)
            }
            Self::Secondary(software) => software.draw_exact_picture(image, bounds, clip_bounds),
        }
    }

    fn draw_whole_picture(&mut self, picture: WholePicture, bounds: Rectangle) {
        let Self::Primary(gpu) = self else { return };
        if let Some(picture) = super::gpu_picture::GpuPicture::new(picture) {
            gpu.draw_picture(picture, bounds);
        }
    }
}
