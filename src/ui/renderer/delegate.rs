//! Renderers that wrap one of iced.

/// Implements the traits of a renderer for a struct, by those of its field `inner` of the type `$inner`.
macro_rules! delegate_renderer {
    ($outer:ty, $inner:ty) => {
        impl iced::advanced::Renderer for $outer {
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

        impl text::Renderer for $outer {
            type Font = Font;
            type Paragraph = <$inner as text::Renderer>::Paragraph;
            type Editor = <$inner as text::Renderer>::Editor;

            const ICON_FONT: Font = <$inner>::ICON_FONT;
            const CHECKMARK_ICON: char = <$inner>::CHECKMARK_ICON;
            const ARROW_DOWN_ICON: char = <$inner>::ARROW_DOWN_ICON;
            const SCROLL_UP_ICON: char = <$inner>::SCROLL_UP_ICON;
            const SCROLL_DOWN_ICON: char = <$inner>::SCROLL_DOWN_ICON;
            const SCROLL_LEFT_ICON: char = <$inner>::SCROLL_LEFT_ICON;
            const SCROLL_RIGHT_ICON: char = <$inner>::SCROLL_RIGHT_ICON;
            const ICED_LOGO: char = <$inner>::ICED_LOGO;

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

            fn fill_editor(
                &mut self,
                editor: &Self::Editor,
                position: Point,
                color: Color,
                clip_bounds: Rectangle,
            ) {
                self.inner.fill_editor(editor, position, color, clip_bounds);
            }

            fn fill_text(&mut self, text: Text, position: Point, color: Color, clip_bounds: Rectangle) {
                self.inner.fill_text(text, position, color, clip_bounds);
            }
        }

        impl image::Renderer for $outer {
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

        impl graphics::geometry::Renderer for $outer {
            type Geometry = <$inner as graphics::geometry::Renderer>::Geometry;
            type Frame = <$inner as graphics::geometry::Renderer>::Frame;

            fn new_frame(&self, bounds: Rectangle) -> Self::Frame {
                self.inner.new_frame(bounds)
            }

            fn draw_geometry(&mut self, geometry: Self::Geometry) {
                self.inner.draw_geometry(geometry);
            }
        }
    };
}

pub(super) use delegate_renderer;
