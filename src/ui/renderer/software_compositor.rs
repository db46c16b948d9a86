//! Drawing of a window without a graphics card: what has changed is drawn by tiny-skia, and the picture of the video is
//! copied.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use iced::advanced::graphics::compositor::{self, Display, Information, SurfaceError, Window};
use iced::advanced::graphics::error::Reason;
use iced::advanced::graphics::{self, Compositor, Image, Shell, Text, Viewport, damage};
use iced::advanced::image::{Handle, Id};
use iced::advanced::renderer::Headless;
use iced::{Color, Font, Pixels, Rectangle, Size};
use iced_tiny_skia::Layer;
use tiny_skia::{Mask, PixmapMut};

use super::known_card;
use super::software::{CopiedPicture, SoftwareRenderer};

/// Compositor of [`SoftwareRenderer`].
pub struct SoftwareCompositor {
    context: softbuffer::Context<Box<dyn Display>>,
    default_font: Font,
    default_text_size: Pixels,
}

/// Pixels of a window.
pub struct SoftwareSurface {
    window: softbuffer::Surface<Box<dyn Display>, Box<dyn Window>>,
    buffers: Buffers,
}

/// Content of a window.
struct Drawing {
    /// Colour below the layers.
    background: Color,
    /// Layers that tiny-skia draws.
    layers: Vec<Layer>,
    /// Identity and place of the picture that is copied; the layers are without it.
    picture: Option<(Id, Rectangle)>,
}

impl compositor::Default for SoftwareRenderer {
    type Compositor = SoftwareCompositor;
}

impl Headless for SoftwareRenderer {
    async fn new(default_font: Font, default_text_size: Pixels, backend: Option<&str>) -> Option<Self> {
        is_tiny_skia(backend).then(|| Self::new(default_font, default_text_size))
    }

    fn name(&self) -> String {
        "tiny-skia".to_owned()
    }

    fn screenshot(&mut self, size: Size<u32>, scale_factor: f32, background_color: Color) -> Vec<u8> {
        screenshot(self, &Viewport::with_physical_size(size, scale_factor), background_color)
    }
}

/// Returns true if the renderer has this name, or any will do.
fn is_tiny_skia(backend: Option<&str>) -> bool {
    backend.is_none_or(|backend| matches!(backend, "tiny-skia" | "tiny_skia"))
}

impl Compositor for SoftwareCompositor {
    type Renderer = SoftwareRenderer;
    type Surface = SoftwareSurface;

    async fn with_backend(
        settings: graphics::Settings,
        display: impl Display + Clone,
        _: impl Window + Clone,
        _: Shell,
        backend: Option<&str>,
    ) -> Result<Self, graphics::Error> {
        let refused = |reason| graphics::Error::GraphicsAdapterNotFound { backend: "tiny-skia", reason };
        if let Some(backend) = backend.filter(|backend| !is_tiny_skia(Some(backend))) {
            return Err(refused(Reason::DidNotMatch { preferred_backend: backend.to_owned() }));
        }
        let display: Box<dyn Display> = Box::new(display);
        let context = softbuffer::Context::new(display);
        Ok(Self {
            context: context.map_err(|error| refused(Reason::RequestFailed(error.to_string())))?,
            default_font: settings.default_font,
            default_text_size: settings.default_text_size,
        })
    }

    fn create_renderer(&self) -> SoftwareRenderer {
        SoftwareRenderer::new(self.default_font, self.default_text_size)
    }

    fn create_surface<W: Window + Clone>(&mut self, window: W, width: u32, height: u32) -> SoftwareSurface {
        let window: Box<dyn Window> = Box::new(window);
        // The trait has no errors here, and iced's own compositors panic as well. ui/window/panic_guard.rs reports it.
        let window = softbuffer::Surface::new(&self.context, window).expect("window has a surface");
        let mut surface = SoftwareSurface { window, buffers: Buffers::new(1, 1) };
        if width > 0 && height > 0 {
            self.configure_surface(&mut surface, width, height);
        }
        surface
    }

    fn configure_surface(&mut self, surface: &mut SoftwareSurface, width: u32, height: u32) {
        let (Some(buffer_width), Some(buffer_height)) = (NonZeroU32::new(width), NonZeroU32::new(height))
        else {
            return;
        };
        // As above; a window that the display cannot hold does not exist.
        surface.window.resize(buffer_width, buffer_height).expect("surface can be resized");
        surface.buffers = Buffers::new(width, height);
    }

    fn information(&self) -> Information {
        Information { adapter: "CPU".to_owned(), backend: "tiny-skia".to_owned() }
    }

    fn present(
        &mut self,
        renderer: &mut SoftwareRenderer,
        surface: &mut SoftwareSurface,
        viewport: &Viewport,
        background: Color,
        on_pre_present: impl FnOnce(),
    ) -> Result<(), SurfaceError> {
        let mut buffer = surface.window.buffer_mut().map_err(|_| SurfaceError::Lost)?;
        let age = usize::from(buffer.age());
        let has_picture = surface.buffers.draw(renderer, &mut buffer, age, viewport, background);
        on_pre_present();
        buffer.present().map_err(|_| SurfaceError::Lost)?;
        known_card::handle_software_frame(has_picture);
        Ok(())
    }

    fn screenshot(
        &mut self,
        renderer: &mut SoftwareRenderer,
        viewport: &Viewport,
        background: Color,
    ) -> Vec<u8> {
        screenshot(renderer, viewport, background)
    }
}

/// Draws the window into memory, and returns its RGBA pixels.
fn screenshot(renderer: &mut SoftwareRenderer, viewport: &Viewport, background: Color) -> Vec<u8> {
    let Size { width, height } = viewport.physical_size();
    let mut pixels = vec![0; width as usize * height as usize];
    Buffers::new(width, height).draw(renderer, &mut pixels, 0, viewport, background);
    pixels.into_iter().flat_map(|pixel| swap_red_and_blue(pixel).to_le_bytes()).collect()
}

/// Content of the buffers of a window, which are shown in turn.
struct Buffers {
    clip_mask: Mask,
    /// Content of the buffers that were presented last, the newest first.
    drawn: VecDeque<Drawing>,
    /// Largest number of presentations after which a buffer was used again.
    max_age: usize,
}

impl Buffers {
    fn new(width: u32, height: u32) -> Self {
        // Fails for a side of 0, which no caller has, and for sizes beyond i32.
        let clip_mask = Mask::new(width, height).expect("size is valid");
        Self { clip_mask, drawn: VecDeque::new(), max_age: 0 }
    }

    /// Draws into a buffer what differs from its content. `pixels` are those of the window, row by row, each as 0RGB in
    /// 32 bits. `age` is the number of presentations since the buffer was presented, 0 if its content is unknown.
    /// Returns true if a picture of the video was copied.
    fn draw(
        &mut self,
        renderer: &mut SoftwareRenderer,
        pixels: &mut [u32],
        age: usize,
        viewport: &Viewport,
        background: Color,
    ) -> bool {
        self.max_age = self.max_age.max(age);
        self.drawn.truncate(self.max_age);
        let previous = age.checked_sub(1).and_then(|index| self.drawn.get(index));
        let (drawing, picture) = Drawing::new(renderer, viewport, background);
        let change = drawing.change(previous, viewport);
        drawing.draw(&change, renderer, pixels, &mut self.clip_mask, viewport);
        if let Some(picture) = picture.filter(|_| change.has_picture) {
            let Size { width, height } = viewport.physical_size();
            picture.copy(pixels, (width, height), viewport.scale_factor());
        }
        self.drawn.push_front(drawing);
        change.has_picture
    }
}

/// Distance by which what is drawn exceeds its bounds, in logical pixels.
const STROKE_MARGIN: f32 = 2.0;

/// Difference between the content of a buffer and what it is to contain.
struct Change {
    /// Areas that tiny-skia draws, in logical pixels.
    areas: Vec<Rectangle>,
    /// True if the picture is copied.
    has_picture: bool,
}

impl Drawing {
    /// Returns what a renderer has drawn, and the picture that is to be copied.
    fn new(
        renderer: &mut SoftwareRenderer,
        viewport: &Viewport,
        background: Color,
    ) -> (Self, Option<CopiedPicture>) {
        let picture = renderer.take_copied_picture();
        let picture = picture.filter(|picture| picture.has_pixels_of_screen(viewport.scale_factor()));
        let mut layers = renderer.inner().layers().to_vec();
        let picture = picture.filter(|picture| is_on_top(picture, &layers));
        if let Some(picture) = &picture {
            layers.iter_mut().for_each(|layer| layer.images.retain(|image| !picture.is_drawn_by(image)));
        }
        let place = picture.as_ref().map(|picture| (picture.handle.id(), picture.bounds));
        (Self { background, layers, picture: place }, picture)
    }

    /// Returns the difference to a buffer; `previous` is its content, if that is known.
    fn change(&self, previous: Option<&Self>, viewport: &Viewport) -> Change {
        let areas = self.changed_areas(previous, viewport);
        let Some((_, bounds)) = self.picture else { return Change { areas, has_picture: false } };
        let is_there = previous.is_some_and(|previous| previous.picture == self.picture);
        let is_touched = areas.iter().any(|area| area.intersects(&bounds));
        let areas = areas.into_iter().flat_map(|area| without(area, bounds)).collect();
        Change { areas, has_picture: is_touched || !is_there }
    }

    /// Returns the areas of the window in which something other than the picture differs.
    fn changed_areas(&self, previous: Option<&Self>, viewport: &Viewport) -> Vec<Rectangle> {
        let window = Rectangle::with_size(viewport.logical_size());
        let Some(previous) = previous.filter(|previous| previous.background == self.background) else {
            return vec![window];
        };
        let bounds = |layer: &Layer| vec![layer.bounds];
        let mut changed = damage::diff(&previous.layers, &self.layers, bounds, layer_damage);
        let place = |drawing: &Self| drawing.picture.map(|(_, bounds)| bounds);
        if place(previous) != place(self) {
            changed.extend(place(previous));
        }
        // Smoothed edges and the strokes of icons reach beyond the bounds that iced knows.
        damage::group(changed.into_iter().map(|area| area.expand(STROKE_MARGIN)).collect(), window)
    }

    /// Draws a change into the pixels of the window.
    fn draw(
        &self,
        change: &Change,
        renderer: &mut SoftwareRenderer,
        pixels: &mut [u32],
        clip_mask: &mut Mask,
        viewport: &Viewport,
    ) {
        let Size { width, height } = viewport.physical_size();
        if !change.areas.is_empty() {
            let bytes = bytemuck::cast_slice_mut(pixels);
            // softbuffer's buffer, and that of a screenshot, have a pixel for each of the window.
            let mut pixmap =
                PixmapMut::from_bytes(bytes, width, height).expect("buffer has the size of the window");
            renderer.inner().draw(&mut pixmap, clip_mask, viewport, &change.areas, self.background);
        }
    }
}

/// Returns the areas in which two layers differ. iced compares the texts of a canvas without their transformation, so
/// that those that are scrolled would stay where they were.
fn layer_damage(previous: &Layer, current: &Layer) -> Vec<Rectangle> {
    let mut changed = Layer::damage(previous, current);
    for (before, now) in previous.text.iter().zip(&current.text) {
        if before.transformation() != now.transformation() {
            for item in [before, now] {
                let bounds = item.as_slice().iter().filter_map(Text::visible_bounds);
                changed.extend(bounds.map(|bounds| bounds * item.transformation()));
            }
        }
    }
    changed
}

/// Returns true if nothing is drawn over the picture, and nothing of it is cut off.
fn is_on_top(picture: &CopiedPicture, layers: &[Layer]) -> bool {
    let is_picture = |image: &Image| picture.is_drawn_by(image);
    let Some(index) = layers.iter().position(|layer| layer.images.iter().any(is_picture)) else {
        return false;
    };
    let (layer, later) = (&layers[index], &layers[index + 1..]);
    // Within a layer, images are above everything but text.
    let above = Layer {
        bounds: layer.bounds,
        images: layer.images.iter().filter(|image| !is_picture(image)).cloned().collect(),
        text: layer.text.clone(),
        ..Layer::default()
    };
    let is_clear = |layer: &Layer| {
        let nothing = Layer { bounds: layer.bounds, ..Layer::default() };
        let drawn = Layer::damage(&nothing, layer);
        // Damage is a pixel wider than what is drawn.
        let inner = picture.bounds.shrink(1.0);
        !drawn.iter().filter_map(|area| area.intersection(&layer.bounds)).any(|area| area.intersects(&inner))
    };
    picture.bounds.is_within(&layer.bounds.expand(1.0)) && is_clear(&above) && later.iter().all(is_clear)
}

/// Returns the parts of an area that are outside of a rectangle.
fn without(area: Rectangle, hole: Rectangle) -> impl Iterator<Item = Rectangle> {
    // A rounding error at an edge would make tiny-skia draw the picture; a hundredth of a pixel contains no other
    // pixel.
    let hole = hole.expand(0.01);
    let (right, bottom) = (area.x + area.width, area.y + area.height);
    let between =
        |x0: f32, y0: f32, x1: f32, y1: f32| Rectangle { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    let parts = match area.intersection(&hole) {
        Some(hole) => {
            let (hole_right, hole_bottom) = (hole.x + hole.width, hole.y + hole.height);
            [
                between(area.x, area.y, right, hole.y),
                between(area.x, hole_bottom, right, bottom),
                between(area.x, hole.y, hole.x, hole_bottom),
                between(hole_right, hole.y, right, hole_bottom),
            ]
        }
        None => [area, Rectangle::default(), Rectangle::default(), Rectangle::default()],
    };
    parts.into_iter().filter(|part| part.width > 0.0 && part.height > 0.0)
}

impl CopiedPicture {
    /// Returns true if the picture has one pixel for each of the screen.
    fn has_pixels_of_screen(&self, scale_factor: f32) -> bool {
        let on_screen = |length: f32| (length * scale_factor).round() as u32;
        match self.handle {
            Handle::Rgba { width, height, .. } => {
                (width, height) == (on_screen(self.bounds.width), on_screen(self.bounds.height))
            }
            _ => false,
        }
    }

    fn is_drawn_by(&self, image: &Image) -> bool {
        match image {
            Image::Raster { image, .. } => image.handle.id() == self.handle.id(),
            Image::Vector { .. } => false,
        }
    }

    /// Copies the pixels that are inside of the window, whose size is given in physical pixels.
    fn copy(&self, window: &mut [u32], (width, height): (u32, u32), scale_factor: f32) {
        let Handle::Rgba { width: picture_width, height: picture_height, pixels, .. } = &self.handle else {
            return;
        };
        let columns = overlap(self.bounds.x * scale_factor, *picture_width, width);
        let rows = overlap(self.bounds.y * scale_factor, *picture_height, height);
        let (Some(columns), Some(rows)) = (columns, rows) else { return };
        let source_rows = pixels.as_chunks::<4>().0.chunks_exact((*picture_width as usize).max(1));
        let target_rows = window.chunks_exact_mut((width as usize).max(1)).skip(rows.target);
        for (source, target) in source_rows.skip(rows.source).take(rows.length).zip(target_rows) {
            let source = &source[columns.source..][..columns.length];
            let target = &mut target[columns.target..][..columns.length];
            for (source, target) in source.iter().zip(target) {
                *target = swap_red_and_blue(u32::from_le_bytes(*source));
            }
        }
    }
}

/// Part of a row or a column that is in the picture and in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Overlap {
    /// First pixel in the picture.
    source: usize,
    /// First pixel in the window.
    target: usize,
    /// Number of pixels.
    length: usize,
}

/// Returns the common part of a picture that begins at `start` and of a window that begins at 0, for lengths in pixels;
/// `None` if there is none.
fn overlap(start: f32, picture: u32, window: u32) -> Option<Overlap> {
    let start = start.round() as i64;
    let (first, end) = (start.max(0), start.saturating_add(picture.into()).min(window.into()));
    // The differences are between 0 and a length.
    (first < end).then(|| Overlap {
        source: (first - start) as usize,
        target: first as usize,
        length: (end - first) as usize,
    })
}

/// Converts between RGBA bytes, read as little-endian, and ARGB in 32 bits.
fn swap_red_and_blue(pixel: u32) -> u32 {
    (pixel & 0xFF00_FF00) | (pixel & 0xFF) << 16 | (pixel >> 16) & 0xFF
}

#[cfg(test)]
mod tests {
    use iced::advanced::Renderer as _;
    use iced::advanced::graphics::geometry::Renderer as _;
    use iced::advanced::image::Image;
    use iced::advanced::renderer::Quad;
    use iced::advanced::text::{self, Renderer as _};
    use iced::alignment::Vertical;
    use iced::widget::canvas::{self, Frame};
    use iced::{Border, Point, Vector};

    use super::*;

    const SIZE: Size<u32> = Size::new(160, 120);

    /// Content of a window for a test.
    #[derive(Clone)]
    struct Scene {
        /// Picture of 64×48 pixels; its place.
        picture: Option<(Handle, Point)>,
        /// Square in the layer below the picture, and in one above it.
        squares: [Option<Point>; 2],
        label: Option<(&'static str, Point)>,
        /// Distance of the text of a canvas from the left, which is scrolled.
        canvas: Option<f32>,
    }

    impl Scene {
        fn draw(&self, renderer: &mut SoftwareRenderer) {
            let window = Rectangle::with_size(Size::new(160.0, 120.0));
            renderer.reset(window);
            let square = |renderer: &mut SoftwareRenderer, position: Option<Point>, color| {
                if let Some(position) = position {
                    let bounds = Rectangle::new(position, Size::new(12.0, 12.0));
                    let border = Border::default().rounded(3.0);
                    renderer.fill_quad(Quad { bounds, border, ..Quad::default() }, color);
                }
            };
            square(renderer, self.squares[0], Color::from_rgb8(200, 40, 40));
            if let Some((handle, position)) = &self.picture {
                let bounds = Rectangle::new(*position, Size::new(64.0, 48.0));
                renderer.draw_exact_picture(Image::new(handle.clone()).snap(true), bounds, window);
            }
            if let Some((content, position)) = self.label {
                let label = text::Text {
                    content: content.to_owned(),
                    bounds: Size::new(100.0, 20.0),
                    size: Pixels(12.0),
                    line_height: text::LineHeight::default(),
                    font: renderer.default_font(),
                    align_x: text::Alignment::Left,
                    align_y: Vertical::Top,
                    shaping: text::Shaping::Basic,
                    wrapping: text::Wrapping::None,
                };
                renderer.fill_text(label, position, Color::WHITE, window);
            }
            if let Some(x) = self.canvas {
                let mut frame = Frame::new(renderer, Size::new(60.0, 20.0));
                frame.fill_text(canvas::Text { color: Color::WHITE, ..canvas::Text::from("Frame") });
                let geometry = frame.into_geometry();
                renderer.with_translation(Vector::new(x, 95.0), |renderer| renderer.draw_geometry(geometry));
            }
            renderer.with_layer(window, |renderer| {
                square(renderer, self.squares[1], Color::from_rgb8(40, 200, 40))
            });
        }
    }

    fn picture(brightness: u8) -> Handle {
        let pixels: Vec<_> =
            (0..64 * 48u32).flat_map(|index| [brightness, index as u8, 90, u8::MAX]).collect();
        Handle::from_rgba(64, 48, pixels)
    }

    fn renderer() -> SoftwareRenderer {
        SoftwareRenderer::new(Font::DEFAULT, Pixels(12.0))
    }

    /// Draws a scene as tiny-skia alone does.
    fn drawn_by_tiny_skia(scene: &Scene) -> Vec<u8> {
        let mut renderer = renderer();
        scene.draw(&mut renderer);
        renderer.inner().screenshot(SIZE, 1.0, Color::BLACK)
    }

    #[test]
    fn each_change_leaves_the_window_as_if_it_was_drawn_anew() {
        let above_picture = Point::new(50.0, 40.0);
        let first = Scene { picture: None, squares: [None; 2], label: None, canvas: None };
        let with_picture = Scene { picture: Some((picture(10), Point::new(20.0, 30.0))), ..first.clone() };
        let next_picture = Scene { picture: Some((picture(200), Point::new(20.0, 30.0))), ..first.clone() };
        let with_label = Scene { label: Some(("Frame 7", Point::new(90.0, 2.0))), ..next_picture.clone() };
        let label_on_picture = Scene { label: Some(("Frame 8", above_picture)), ..next_picture.clone() };
        let below = Scene { squares: [Some(above_picture), None], ..next_picture.clone() };
        let above = Scene { squares: [None, Some(above_picture)], ..next_picture.clone() };
        let at_the_edge = Scene { squares: [None, Some(Point::new(78.0, 70.0))], ..next_picture.clone() };
        let with_text = Scene { canvas: Some(4.0), ..first.clone() };
        let scrolled_text = Scene { canvas: Some(50.0), ..first.clone() };
        let moved = Scene { picture: Some((picture(90), Point::new(110.0, -20.0))), ..with_label.clone() };
        let scenes = [
            &with_text,
            &scrolled_text,
            &first,
            &with_picture,
            &next_picture,
            &with_label,
            &below,
            &above,
            &next_picture,
            &label_on_picture,
            &moved,
            &at_the_edge,
            &above,
            &above,
            &with_picture,
            &moved,
            &first,
        ];
        for buffer_count in [1, 2] {
            let mut renderer = renderer();
            let mut buffers = Buffers::new(SIZE.width, SIZE.height);
            let mut contents = vec![vec![0x12_34_56; 160 * 120]; buffer_count];
            let viewport = Viewport::with_physical_size(SIZE, 1.0);
            for (index, scene) in scenes.into_iter().enumerate() {
                scene.draw(&mut renderer);
                let age = if index < buffer_count { 0 } else { buffer_count };
                let content = &mut contents[index % buffer_count];
                buffers.draw(&mut renderer, content, age, &viewport, Color::BLACK);
                let shown: Vec<u8> =
                    content.iter().flat_map(|pixel| swap_red_and_blue(*pixel).to_le_bytes()).collect();
                assert!(shown == drawn_by_tiny_skia(scene), "scene {index} with {buffer_count} buffers");
            }
            assert!(buffers.drawn.len() <= buffer_count + 1);
        }
    }

    #[test]
    fn only_a_picture_with_nothing_over_it_is_copied() {
        let copied = |scene: &Scene| {
            let mut renderer = renderer();
            scene.draw(&mut renderer);
            let viewport = Viewport::with_physical_size(SIZE, 1.0);
            Drawing::new(&mut renderer, &viewport, Color::BLACK).1.is_some()
        };
        let clear = Scene {
            picture: Some((picture(10), Point::new(20.0, 30.0))),
            squares: [Some(Point::new(40.0, 40.0)), Some(Point::new(84.0, 40.0))],
            label: Some(("Frame 7", Point::new(20.0, 2.0))),
            canvas: None,
        };
        assert!(copied(&clear));
        let square_above = Some(Point::new(40.0, 40.0));
        assert!(!copied(&Scene { squares: [None, square_above], ..clear.clone() }));
        assert!(!copied(&Scene { label: Some(("Frame 7", Point::new(30.0, 50.0))), ..clear.clone() }));
        assert!(!copied(&Scene { picture: None, ..clear }));
    }

    #[test]
    fn picture_that_is_partly_outside_of_the_window_is_cut_off() {
        assert_eq!(overlap(10.2, 5, 100), Some(Overlap { source: 0, target: 10, length: 5 }));
        assert_eq!(overlap(-3.0, 5, 100), Some(Overlap { source: 3, target: 0, length: 2 }));
        assert_eq!(overlap(98.0, 5, 100), Some(Overlap { source: 0, target: 98, length: 2 }));
        assert_eq!(overlap(-3.0, 500, 100), Some(Overlap { source: 3, target: 0, length: 100 }));
        assert_eq!([overlap(-5.0, 5, 100), overlap(100.0, 5, 100), overlap(f32::MAX, 5, 100)], [None; 3]);
    }

    #[test]
    fn rest_of_an_area_surrounds_the_hole() {
        let area = Rectangle { x: 0.0, y: 0.0, width: 100.0, height: 80.0 };
        let hole = Rectangle { x: 10.0, y: 20.0, width: 30.0, height: 40.0 };
        let rest: Vec<_> = without(area, hole).collect();
        assert_eq!(rest.len(), 4);
        assert!(rest.iter().all(|part| !part.intersects(&hole)));
        let covered = rest.iter().map(Rectangle::area).sum::<f32>() + hole.area();
        assert!((covered - area.area()).abs() < 5.0, "{covered}");
        assert_eq!(without(hole, area).count(), 0);
        assert_eq!(without(area, Rectangle { x: 200.0, ..hole }).collect::<Vec<_>>(), [area]);
    }
}
