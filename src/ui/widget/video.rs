//! Video area: the picture as the decoding thread has drawn it, with letterbox bars around it.

use std::sync::Arc;

use iced::advanced::image::{FilterMethod, Handle, Image, Renderer as _};
use iced::advanced::widget::{Tree, Widget, tree};
use iced::advanced::{Clipboard, Layout, Renderer as _, Shell, layout, mouse, renderer};
use iced::{Event, Length, Point, Rectangle, Size, Theme, window};

use crate::session::{Picture, Placement, Scaler, Scaling, cover_size, fit_size};
use crate::ui::renderer::{Element, Renderer, VideoRenderer as _, WholePicture};
use crate::ui::theme::LETTERBOX;

/// Picture with its image handle. Each new handle costs the renderer a copy of the pixels, so one is created for each
/// picture and reused for every redraw.
#[derive(Debug, Clone)]
pub struct PictureHandle {
    picture: Arc<Picture>,
    handle: Handle,
}

impl PictureHandle {
    /// Creates the handle of a picture.
    pub fn new(picture: Arc<Picture>) -> Self {
        let handle = Handle::from_rgba(picture.width, picture.height, picture.pixels.clone());
        Self { picture, handle }
    }

    /// Returns the picture of the handle.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }
}

/// Widget that fills the available area with a picture.
pub struct Video<'a, Message> {
    picture: Option<&'a PictureHandle>,
    scale_factor: f32,
    on_resize: Box<dyn Fn(Size, Scaler) -> Message + 'a>,
    on_right_press: Option<Box<dyn Fn(Point) -> Message + 'a>>,
}

impl<'a, Message: 'a> Video<'a, Message> {
    /// Sets the message of a click with the right button, which is given the position in the window, in logical pixels.
    pub fn on_right_press(mut self, on_right_press: impl Fn(Point) -> Message + 'a) -> Self {
        self.on_right_press = Some(Box::new(on_right_press));
        self
    }
}

impl<'a, Message: 'a> From<Video<'a, Message>> for Element<'a, Message> {
    fn from(video: Video<'a, Message>) -> Self {
        Element::new(video)
    }
}

/// Returns the video area with this picture, or empty. `on_resize` is published with the size of the area, in logical
/// pixels, and the part of the program that scales the pictures, at the first redraw and after each change.
pub fn video<'a, Message: 'a>(
    picture: Option<&'a PictureHandle>,
    scale_factor: f32,
    on_resize: impl Fn(Size, Scaler) -> Message + 'a,
) -> Video<'a, Message> {
    Video { picture, scale_factor, on_resize: Box::new(on_resize), on_right_press: None }
}

/// Widget state: the size that was published last.
#[derive(Debug, Default)]
struct LastSize(Option<Size>);

impl<Message> Widget<Message, Theme, Renderer> for Video<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<LastSize>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(LastSize::default())
    }

    fn size(&self) -> Size<Length> {
        Size::new(Length::Fill, Length::Fill)
    }

    fn layout(&mut self, _: &mut Tree, _: &Renderer, limits: &layout::Limits) -> layout::Node {
        layout::Node::new(limits.max())
    }

    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        renderer: &Renderer,
        _: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        _: &Rectangle,
    ) {
        if let (Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Right)), Some(on_right_press)) =
            (event, &self.on_right_press)
            && let Some(position) = cursor.position().filter(|_| cursor.is_over(layout.bounds()))
        {
            shell.publish(on_right_press(position));
            shell.capture_event();
        }
        if let Event::Window(window::Event::RedrawRequested(_)) = event {
            let last_size = tree.state.downcast_mut::<LastSize>();
            let size = layout.bounds().size();
            if last_size.0 != Some(size) {
                last_size.0 = Some(size);
                shell.publish((self.on_resize)(size, renderer.scaler()));
            }
        }
    }

    fn draw(
        &self,
        _: &Tree,
        renderer: &mut Renderer,
        _: &Theme,
        _: &renderer::Style,
        layout: Layout<'_>,
        _: mouse::Cursor,
        _: &Rectangle,
    ) {
        let bounds = layout.bounds();
        let Some(picture) = self.picture else { return fill_letterbox(renderer, bounds) };
        if let Some(position) = picture.picture.position {
            // Read by tests/long/frame-pacing.
            tracing::trace!(position_us = position.as_micros(), "frame drawn");
        }
        let picture_bounds = picture_bounds(bounds, picture.picture(), self.scale_factor);
        if picture.picture.scaler == Scaler::Renderer && renderer.scaler() == Scaler::Renderer {
            return self.draw_whole_picture(renderer, picture, picture_bounds, bounds);
        }
        // Only the bars are filled: a background under the picture would cost as much as the picture.
        let visible = picture_bounds.intersection(&bounds).unwrap_or_default();
        for bar in letterbox_bars(bounds, visible) {
            fill_letterbox(renderer, bar);
        }
        let image = Image::new(picture.handle.clone()).snap(true);
        let shown_at = |length: f32| (length * self.scale_factor).round() as u32;
        let is_exact = shown_at(picture_bounds.width) == picture.picture.width
            && shown_at(picture_bounds.height) == picture.picture.height;
        // Edges at full pixels may be a part of a pixel outside.
        if is_exact && picture_bounds.is_within(&bounds.expand(1.0)) {
            renderer.draw_exact_picture(image.filter_method(FilterMethod::Nearest), picture_bounds, bounds);
        } else {
            // The picture was scaled for another area. tiny-skia places it at its own full pixels, so up to one of them
            // is missing at the bottom and the right, and too much at the top and the left. It clips a picture only if
            // that is larger than the layer.
            fill_letterbox(renderer, visible);
            let image = image.filter_method(FilterMethod::Linear);
            let larger = picture_bounds.expand(1.0);
            let clip = whole_pixels(visible, self.scale_factor);
            renderer.with_layer(clip, |renderer| renderer.draw_image(image, larger, bounds));
        }
    }
}

impl<Message> Video<'_, Message> {
    fn draw_whole_picture(
        &self,
        renderer: &mut Renderer,
        PictureHandle { picture, handle }: &PictureHandle,
        picture_bounds: Rectangle,
        bounds: Rectangle,
    ) {
        for bar in letterbox_bars(bounds, picture_bounds) {
            fill_letterbox(renderer, bar);
        }
        let area = physical_size(bounds.size(), self.scale_factor);
        let placement = picture.view.placement((picture.width, picture.height), Some(area));
        let orientation = picture.view.orientation;
        let picture = WholePicture { handle: handle.clone(), placement, orientation };
        renderer.draw_whole_picture(picture, picture_bounds);
    }
}

fn fill_letterbox(renderer: &mut Renderer, bounds: Rectangle) {
    if bounds.width > 0.0 && bounds.height > 0.0 {
        renderer.fill_quad(renderer::Quad { bounds, ..renderer::Quad::default() }, LETTERBOX);
    }
}

/// Returns the bounds of the picture in logical pixels: centred, with edges at full physical pixels.
fn picture_bounds(bounds: Rectangle, picture: &Picture, scale_factor: f32) -> Rectangle {
    let area = physical_size(bounds.size(), scale_factor);
    let drawn = match picture.scaler {
        Scaler::Decoder => (picture.width, picture.height),
        Scaler::Renderer => {
            let Placement { size, .. } = picture.view.placement((picture.width, picture.height), Some(area));
            picture.view.orientation.turned_size(size)
        }
    };
    let source = picture.view.orientation.turned_size((picture.source_width, picture.source_height));
    let (width, height) = match picture.view.scaling {
        Scaling::Fit => fit_size(source, area),
        Scaling::Fill => cover_size(drawn, area),
        Scaling::Actual => drawn,
    };
    // One that was drawn for a larger area begins outside of the bounds.
    let centred = |start: f32, space: u32, used: u32| {
        let distance = (i64::from(space) - i64::from(used)).div_euclid(2);
        ((start * scale_factor).round() + distance as f32) / scale_factor
    };
    Rectangle::new(
        Point::new(centred(bounds.x, area.0, width), centred(bounds.y, area.1, height)),
        Size::new(width as f32 / scale_factor, height as f32 / scale_factor),
    )
}

/// Converts a size from logical to physical pixels, rounded down.
pub fn physical_size(size: Size, scale_factor: f32) -> (u32, u32) {
    ((size.width * scale_factor).floor() as u32, (size.height * scale_factor).floor() as u32)
}

/// Returns the bars around the picture: top, bottom, left, right.
fn letterbox_bars(outer: Rectangle, inner: Rectangle) -> [Rectangle; 4] {
    let (right, bottom) = (outer.x + outer.width, outer.y + outer.height);
    let (inner_right, inner_bottom) = (inner.x + inner.width, inner.y + inner.height);
    let from_to =
        |x0: f32, y0: f32, x1: f32, y1: f32| Rectangle { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    [
        from_to(outer.x, outer.y, right, inner.y),
        from_to(outer.x, inner_bottom, right, bottom),
        from_to(outer.x, inner.y, inner.x, inner_bottom),
        from_to(inner_right, inner.y, right, inner_bottom),
    ]
}

/// Returns the physical pixels that are completely within an area, as an area in logical pixels. tiny-skia clips to all
/// pixels that an area touches.
fn whole_pixels(area: Rectangle, scale_factor: f32) -> Rectangle {
    let first = |start: f32| (start * scale_factor).ceil() / scale_factor;
    let end = |end: f32| (end * scale_factor).floor() / scale_factor;
    let (x, y) = (first(area.x), first(area.y));
    let (width, height) = (end(area.x + area.width) - x, end(area.y + area.height) - y);
    Rectangle { x, y, width: width.max(0.0), height: height.max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Orientation, PictureView, Scaler};
    use bytes::Bytes;

    fn picture(scaling: Scaling, orientation: Orientation, (width, height): (u32, u32)) -> Picture {
        Picture {
            pixels: Bytes::new(),
            width,
            height,
            source_width: 384,
            source_height: 288,
            view: PictureView { scaling, orientation },
            scaler: Scaler::Decoder,
            jpeg: Bytes::new(),
            inserted_restarts: None,
            position: None,
            generation: 0,
        }
    }

    #[test]
    fn picture_is_where_its_view_places_it() {
        let upright = Orientation::default();
        let bounds = Rectangle { x: 0.0, y: 50.0, width: 800.0, height: 400.0 };
        let placed = |picture: &Picture, scale_factor| {
            let Rectangle { x, y, width, height } = picture_bounds(bounds, picture, scale_factor);
            [x, y, width, height]
        };
        let actual = picture(Scaling::Actual, upright, (384, 288));
        assert_eq!(placed(&actual, 1.0), [208.0, 106.0, 384.0, 288.0]);
        assert_eq!(
            placed(&actual, 2.0),
            [304.0, 178.0, 192.0, 144.0],
            "a pixel of the film is one of the screen"
        );
        let rotated = picture(Scaling::Fit, upright.rotated(), (300, 400));
        assert_eq!(placed(&rotated, 1.0), [250.0, 50.0, 300.0, 400.0]);
        let filled = picture(Scaling::Fill, upright, (800, 400));
        assert_eq!(placed(&filled, 1.0), [0.0, 50.0, 800.0, 400.0]);
        // Until it is drawn again for the new area, the middle of the old one is shown.
        let narrower = picture(Scaling::Fill, upright, (400, 400));
        assert_eq!(placed(&narrower, 1.0), [0.0, -150.0, 800.0, 800.0]);
        let larger = picture(Scaling::Actual, upright, (900, 400));
        assert_eq!(placed(&larger, 1.0), [-50.0, 50.0, 900.0, 400.0]);
    }

    #[test]
    fn picture_is_pixel_aligned_and_bars_fill_rest() {
        let picture = picture(Scaling::Fit, Orientation::default(), (0, 0));
        for scale_factor in [1.0, 1.25, 1.5, 2.0] {
            let bounds = Rectangle { x: 0.0, y: 52.0, width: 900.0, height: 431.0 };
            let picture_bounds = picture_bounds(bounds, &picture, scale_factor);
            for edge in [picture_bounds.x, picture_bounds.y, picture_bounds.width, picture_bounds.height] {
                let physical = edge * scale_factor;
                assert!((physical - physical.round()).abs() < 1e-3, "{edge} at {scale_factor}");
            }
            let covered = picture_bounds.area()
                + letterbox_bars(bounds, picture_bounds).iter().map(Rectangle::area).sum::<f32>();
            assert!((covered - bounds.area()).abs() < 1.0);
        }
    }
}
