//! Renderer without a graphics card: iced's, based on tiny-skia, and the picture of the video, which is copied to the window
//! as it is.

use iced::advanced::graphics::{self, compositor};
use iced::advanced::image::{self, Handle, Image};
use iced::advanced::renderer::{Headless, Quad};
use iced::advanced::{Text, text};
use iced::{Background, Color, Font, Pixels, Point, Rectangle, Size, Transformation};

use super::software_compositor::SoftwareCompositor;

/// Renderer of iced, which remembers where the picture of the video is.
///
/// tiny-skia draws a picture in five passes over its pixels. Where nothing lies over it, [`SoftwareCompositor`] keeps
/// tiny-skia from drawing it, and copies it instead.
#[derive(Debug)]
pub struct SoftwareRenderer {
    inner: iced_tiny_skia::Renderer,
    copied_picture: Option<CopiedPicture>,
}

/// Picture that can be copied to the window, since its pixels are those of the screen.
#[derive(Debug, Clone, PartialEq)]
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

impl iced::advanced::Renderer for SoftwareRenderer {
    fn start_layer(&mut self, bounds: Rectangle) {
        self.inner.start_layer(bounds);
    }

    fn end_layer(&mut self) {
        self.inner.end_layer();
    }

    fn start_transformation(&mut self, transformation: Transformation) {
        self.inner.start_transformation(transformation);
    }

    fn end_transformation(&mut self) {
        self.inner.end_transformation();
    }

    fn fill_quad(&mut self, quad: Quad, background: impl Into<Background>) {
        self.inner.fill_quad(quad, background);
    }

    fn reset(&mut self, new_bounds: Rectangle) {
        self.copied_picture = None;
        self.inner.reset(new_bounds);
    }

    fn allocate_image(
        &mut self,
        handle: &Handle,
        callback: impl FnOnce(Result<image::Allocation, image::Error>) + Send + 'static,
    ) {
        self.inner.allocate_image(handle, callback);
    }
}

impl text::Renderer for SoftwareRenderer {
    type Font = Font;
    type Paragraph = <iced_tiny_skia::Renderer as text::Renderer>::Paragraph;
    type Editor = <iced_tiny_skia::Renderer as text::Renderer>::Editor;

    const ICON_FONT: Font = iced_tiny_skia::Renderer::ICON_FONT;
    const CHECKMARK_ICON: char = iced_tiny_skia::Renderer::CHECKMARK_ICON;
    const ARROW_DOWN_ICON: char = iced_tiny_skia::Renderer::ARROW_DOWN_ICON;
    const SCROLL_UP_ICON: char = iced_tiny_skia::Renderer::SCROLL_UP_ICON;
    const SCROLL_DOWN_ICON: char = iced_tiny_skia::Renderer::SCROLL_DOWN_ICON;
    const SCROLL_LEFT_ICON: char = iced_tiny_skia::Renderer::SCROLL_LEFT_ICON;
    const SCROLL_RIGHT_ICON: char = iced_tiny_skia::Renderer::SCROLL_RIGHT_ICON;
    const ICED_LOGO: char = iced_tiny_skia::Renderer::ICED_LOGO;

    fn default_font(&self) -> Font {
        self.inner.default_font()
    }

    fn default_size(&self) -> Pixels {
        self.inner.default_size()
    }

    fn fill_paragraph(
        &mut self,
        paragraph: &Self::Paragraph,
        position: Point,
        color: Color,
        clip_bounds: Rectangle,
    ) {
        self.inner.fill_paragraph(paragraph, position, color, clip_bounds);
    }

    fn fill_editor(&mut self, editor: &Self::Editor, position: Point, color: Color, clip_bounds: Rectangle) {
        self.inner.fill_editor(editor, position, color, clip_bounds);
    }

    fn fill_text(&mut self, text: Text, position: Point, color: Color, clip_bounds: Rectangle) {
        self.inner.fill_text(text, position, color, clip_bounds);
    }
}

impl image::Renderer for SoftwareRenderer {
    type Handle = Handle;

    fn load_image(&self, handle: &Handle) -> Result<image::Allocation, image::Error> {
        self.inner.load_image(handle)
    }

    fn measure_image(&self, handle: &Handle) -> Option<Size<u32>> {
        self.inner.measure_image(handle)
    }

    fn draw_image(&mut self, image: Image, bounds: Rectangle, clip_bounds: Rectangle) {
        self.inner.draw_image(image, bounds, clip_bounds);
    }
}

impl graphics::geometry::Renderer for SoftwareRenderer {
    type Geometry = <iced_tiny_skia::Renderer as graphics::geometry::Renderer>::Geometry;
    type Frame = <iced_tiny_skia::Renderer as graphics::geometry::Renderer>::Frame;

    fn new_frame(&self, bounds: Rectangle) -> Self::Frame {
        self.inner.new_frame(bounds)
    }

    fn draw_geometry(&mut self, geometry: Self::Geometry) {
        self.inner.draw_geometry(geometry);
    }
}

impl compositor::Default for SoftwareRenderer {
    type Compositor = SoftwareCompositor;
}

impl Headless for SoftwareRenderer {
    async fn new(default_font: Font, default_text_size: Pixels, backend: Option<&str>) -> Option<Self> {
        let inner =
            <iced_tiny_skia::Renderer as Headless>::new(default_font, default_text_size, backend).await?;
        Some(Self { inner, copied_picture: None })
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    fn screenshot(&mut self, size: Size<u32>, scale_factor: f32, background_color: Color) -> Vec<u8> {
        let viewport = graphics::Viewport::with_physical_size(size, scale_factor);
        super::software_compositor::screenshot(self, &viewport, background_color)
    }
}
