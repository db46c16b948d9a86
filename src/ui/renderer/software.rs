//! Renderer without a graphics card: iced's, based on tiny-skia, and the picture of the video, which is copied to the
//! window as it is.

use iced::advanced::graphics;
use iced::advanced::image::{self, Handle, Image};
use iced::advanced::renderer::Quad;
use iced::advanced::{Text, text};
use iced::{Background, Color, Font, Pixels, Point, Rectangle, Size, Transformation};

use super::delegate::delegate_renderer;

/// Renderer of iced, which remembers where the picture of the video is.
///
/// tiny-skia draws a picture in five passes over its pixels. Where nothing lies over it, `SoftwareCompositor` keeps
/// tiny-skia from drawing it, and copies it instead.
#[derive(Debug)]
pub struct SoftwareRenderer {
    inner: iced_tiny_skia::Renderer,
    copied_picture: Option<CopiedPicture>,
}

/// Picture that can be copied to the window, since its pixels are those of the screen.
#[derive(Debug)]
pub(super) struct CopiedPicture {
    /// RGBA pixels, which are opaque.
    pub(super) handle: Handle,
    /// Place in the window, in logical pixels. Its edges are at full physical pixels.
    pub(super) bounds: Rectangle,
}

impl SoftwareRenderer {
    pub(super) fn new(default_font: Font, default_text_size: Pixels) -> Self {
        let inner = iced_tiny_skia::Renderer::new(default_font, default_text_size);
        Self { inner, copied_picture: None }
    }

    /// Draws a picture whose pixels are those of the screen at these bounds, and completely opaque.
    pub(super) fn draw_exact_picture(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle) {
        self.copied_picture = Some(CopiedPicture { handle: image.handle.clone(), bounds });
        image::Renderer::draw_image(&mut self.inner, image, bounds, clip_bounds);
    }

    /// Removes and returns the picture that was drawn last by [`draw_exact_picture`](Self::draw_exact_picture).
    pub(super) fn take_copied_picture(&mut self) -> Option<CopiedPicture> {
        self.copied_picture.take()
    }

    pub(super) fn inner(&mut self) -> &mut iced_tiny_skia::Renderer {
        &mut self.inner
    }
}

delegate_renderer!(SoftwareRenderer, iced_tiny_skia::Renderer);
