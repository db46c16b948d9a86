//! Placement of a picture in its area: size, rotation and reflection. Sans-I/O.

use std::str::FromStr;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use thiserror::Error;

/// Size of a picture in its area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scaling {
    /// Complete picture, as large as it fits.
    #[default]
    Fit,
    /// The area without bars, with a part of the picture cut off.
    Fill,
    /// Original size, one pixel of the film for one of the screen; of a larger picture, the middle.
    Actual,
}

/// Error of a text that names no size of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the size of the picture is fit, fill or actual")]
pub struct ParseScalingError;

impl Scaling {
    /// All sizes, in the order in which a key goes through them.
    pub const ALL: [Self; 3] = [Self::Fit, Self::Fill, Self::Actual];

    /// Returns the name in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Fill => "fill",
            Self::Actual => "actual",
        }
    }

    /// Returns the size after this one.
    pub fn next(self) -> Self {
        match self {
            Self::Fit => Self::Fill,
            Self::Fill => Self::Actual,
            Self::Actual => Self::Fit,
        }
    }
}

impl FromStr for Scaling {
    type Err = ParseScalingError;

    fn from_str(text: &str) -> Result<Self, ParseScalingError> {
        Self::ALL.into_iter().find(|scaling| scaling.as_str() == text).ok_or(ParseScalingError)
    }
}

/// Rotation and reflection of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Clockwise rotation after the reflection, in quarters of a turn, from 0 to 3.
    quarter_turns: u8,
    /// Left and right are exchanged before the rotation.
    is_flipped: bool,
}

impl Orientation {
    /// Creates an orientation: left and right are exchanged if `is_flipped` is true, and then the picture is rotated
    /// clockwise. `None` for a rotation other than by 0, 90, 180 or 270 degrees.
    pub fn new(degrees: i64, is_flipped: bool) -> Option<Self> {
        let quarter_turns = (0..4).find(|turns| i64::from(*turns) * 90 == degrees)?;
        Some(Self { quarter_turns, is_flipped })
    }

    /// Returns the clockwise rotation after the reflection, in degrees: 0, 90, 180 or 270.
    pub fn degrees(self) -> u16 {
        u16::from(self.quarter_turns) * 90
    }

    /// Returns true if left and right are exchanged before the rotation.
    pub fn is_flipped(self) -> bool {
        self.is_flipped
    }

    /// Returns the orientation rotated by 90° clockwise.
    pub fn rotated(self) -> Self {
        Self { quarter_turns: (self.quarter_turns + 1) % 4, ..self }
    }

    /// Returns the orientation with left and right of the screen exchanged.
    pub fn flipped(self) -> Self {
        // A reflection after a rotation is that before the opposite rotation.
        Self { quarter_turns: (4 - self.quarter_turns) % 4, is_flipped: !self.is_flipped }
    }

    /// Returns where a step to the right and a step downwards on the screen lead in the picture, each as (right, down).
    pub fn source_axes(self) -> [[f32; 2]; 2] {
        let axes = match self.quarter_turns {
            0 => [[1.0, 0.0], [0.0, 1.0]],
            1 => [[0.0, -1.0], [1.0, 0.0]],
            2 => [[-1.0, 0.0], [0.0, -1.0]],
            _ => [[0.0, 1.0], [-1.0, 0.0]],
        };
        axes.map(|[right, down]| [if self.is_flipped { -right } else { right }, down])
    }

    /// Returns the width and height of a picture of this width and height after the rotation, and the reverse.
    pub fn turned_size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.quarter_turns.is_multiple_of(2) { (width, height) } else { (height, width) }
    }
}

/// Size and orientation of a picture in its area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PictureView {
    /// Size in the area.
    pub scaling: Scaling,
    /// Rotation and reflection.
    pub orientation: Orientation,
}

/// Part of a picture, and the size that it is scaled to, both before the rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Left, top, width and height in pixels of the picture. A part of a pixel is interpolated.
    pub part: (f64, f64, f64, f64),
    /// Width and height in pixels of the screen.
    pub size: (u32, u32),
}

/// Part of the program that scales and rotates pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scaler {
    /// Decoding thread: pictures have the pixels of the screen.
    #[default]
    Decoder,
    /// Renderer of the window: pictures have the pixels of the film.
    Renderer,
}

/// Maximum number of pixels of a scaled picture.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;

impl PictureView {
    /// Returns true if the pixels of a picture are those of the screen in an area. `None` for the area keeps the size
    /// of the picture.
    pub fn keeps_pixels(self, size: (u32, u32), area: Option<(u32, u32)>) -> bool {
        self.orientation == Orientation::default()
            && self.placement(size, area) == Placement { part: whole(size), size }
    }

    /// Draws RGBA pixels into an area: replaces `drawn` by the pixels of the screen, and returns their width and
    /// height. Sizes are (width, height) in pixels. `None` for the area keeps the size of the picture.
    ///
    /// A rotation or a reflection is a pass over the scaled pixels; only a rotation by 90° or 270° needs a second
    /// buffer for it. Without both, the pixels are those that the scaler wrote.
    ///
    /// # Errors
    /// Returns the reason of the scaler.
    pub fn draw(
        self,
        resizer: &mut Resizer,
        pixels: &[u8],
        size: (u32, u32),
        area: Option<(u32, u32)>,
        drawn: &mut Vec<u8>,
    ) -> Result<(u32, u32), String> {
        let placement = self.placement(size, area);
        match (placement.part.2, placement.part.3) == (placement.size.0.into(), placement.size.1.into()) {
            true => cut_out(pixels, size, placement, drawn),
            false => scale(resizer, pixels, size, placement, drawn)?,
        }
        turn(drawn, placement.size, self.orientation);
        Ok(self.orientation.turned_size(placement.size))
    }

    /// Returns what of a picture is shown in an area. `None` for the area keeps the size of the picture.
    pub fn placement(self, size: (u32, u32), area: Option<(u32, u32)>) -> Placement {
        let unscaled = Placement { part: whole(size), size };
        let Some(area) = area.map(|area| self.orientation.turned_size(area)) else { return unscaled };
        let area = (area.0.max(1), area.1.max(1));
        match self.scaling {
            Scaling::Fit => Placement { size: fit_size(size, area), ..unscaled },
            Scaling::Fill if u64::from(area.0) * u64::from(area.1) > MAX_PIXELS => unscaled,
            Scaling::Fill => Placement { part: part_with_aspect(size, area), size: area },
            Scaling::Actual => {
                let visible = (size.0.min(area.0), size.1.min(area.1));
                let (left, top) = ((size.0 - visible.0) / 2, (size.1 - visible.1) / 2);
                let part = (left.into(), top.into(), visible.0.into(), visible.1.into());
                Placement { part, size: visible }
            }
        }
    }
}

fn whole((width, height): (u32, u32)) -> (f64, f64, f64, f64) {
    (0.0, 0.0, width.into(), height.into())
}

/// Returns the largest part in the middle of a picture that has the aspect ratio of an area: left, top, width, height.
fn part_with_aspect(
    (width, height): (u32, u32),
    (area_width, area_height): (u32, u32),
) -> (f64, f64, f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    let aspect = f64::from(area_width) / f64::from(area_height);
    let part_width = width.min(height * aspect);
    let part_height = height.min(width / aspect);
    ((width - part_width) / 2.0, (height - part_height) / 2.0, part_width, part_height)
}

/// Copies a part that begins at a full pixel and is not scaled.
fn cut_out(pixels: &[u8], (width, height): (u32, u32), placement: Placement, part: &mut Vec<u8>) {
    let (left, top) = (placement.part.0 as usize, placement.part.1 as usize);
    let (part_width, part_height) = (placement.size.0 as usize, placement.size.1 as usize);
    let rows = pixels.chunks_exact((width as usize * 4).max(1)).take(height as usize);
    part.clear();
    part.reserve(part_width * part_height * 4);
    for row in rows.skip(top).take(part_height) {
        part.extend_from_slice(&row[left * 4..(left + part_width) * 4]);
    }
}

/// Scales a part of a picture of RGBA pixels.
fn scale(
    resizer: &mut Resizer,
    pixels: &[u8],
    (width, height): (u32, u32),
    Placement { part, size }: Placement,
    scaled: &mut Vec<u8>,
) -> Result<(), String> {
    let source = ImageRef::new(width, height, pixels, PixelType::U8x4).map_err(|error| error.to_string())?;
    // Both sides are those of an area within MAX_PIXELS.
    scaled.resize(size.0 as usize * size.1 as usize * 4, 0);
    let target = Image::from_slice_u8(size.0, size.1, scaled, PixelType::U8x4);
    let mut target = target.map_err(|error| error.to_string())?;
    // Pictures are opaque, so premultiplied alpha is not needed. For upscaling, interpolation of two pixels is enough.
    let is_upscaling = f64::from(size.0) >= part.2 && f64::from(size.1) >= part.3;
    let algorithm = match is_upscaling {
        true => ResizeAlg::Interpolation(FilterType::Bilinear),
        false => ResizeAlg::Convolution(FilterType::Bilinear),
    };
    let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
    let options =
        if part == whole((width, height)) { options } else { options.crop(part.0, part.1, part.2, part.3) };
    resizer.resize(&source, &mut target, &options).map_err(|error| error.to_string())
}

/// Reflects and rotates RGBA pixels; `width` and `height` are those before the rotation.
fn turn(pixels: &mut Vec<u8>, (width, height): (u32, u32), orientation: Orientation) {
    let (width, height) = (width as usize, height as usize);
    let rows = pixels.as_chunks_mut::<4>().0;
    if orientation.is_flipped && width > 0 {
        rows.chunks_exact_mut(width).for_each(<[_]>::reverse);
    }
    match orientation.quarter_turns {
        0 => {}
        2 => rows.reverse(),
        turns => {
            let source = pixels.as_chunks::<4>().0;
            let mut turned = Vec::with_capacity(pixels.len());
            // A row of the rotated picture is a column of the source, from the bottom up if it is rotated clockwise.
            for column in 0..width {
                let column = if turns == 1 { column } else { width - 1 - column };
                let mut row = source.iter().skip(column).step_by(width).take(height);
                match turns {
                    1 => row.rev().for_each(|pixel| turned.extend_from_slice(pixel)),
                    _ => row.by_ref().for_each(|pixel| turned.extend_from_slice(pixel)),
                }
            }
            *pixels = turned;
        }
    }
}

/// Returns the largest size with the aspect ratio of a picture that fits an area, at least one pixel in each direction.
/// All sizes are (width, height) in pixels.
pub fn fit_size((width, height): (u32, u32), (max_width, max_height): (u32, u32)) -> (u32, u32) {
    let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (mw, mh) = (u64::from(max_width.max(1)), u64::from(max_height.max(1)));
    let (fitted_width, fitted_height) =
        if w * mh > h * mw { (mw, (h * mw / w).max(1)) } else { ((w * mh / h).max(1), mh) };
    if fitted_width * fitted_height > MAX_PIXELS {
        return (width, height);
    }
    // Neither exceeds the sides of the area, which are u32.
    (fitted_width as u32, fitted_height as u32)
}

/// Returns the smallest size with the aspect ratio of a picture that covers an area. All sizes are (width, height) in
/// pixels.
pub fn cover_size((width, height): (u32, u32), (area_width, area_height): (u32, u32)) -> (u32, u32) {
    let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (aw, ah) = (u64::from(area_width.max(1)), u64::from(area_height.max(1)));
    let (covering_width, covering_height) =
        if w * ah > h * aw { ((w * ah).div_ceil(h), ah) } else { (aw, (h * aw).div_ceil(w)) };
    let limited = |side| u32::try_from(side).unwrap_or(u32::MAX);
    (limited(covering_width), limited(covering_height))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an opaque picture of this size, whose pixels hold their column and row.
    fn picture((width, height): (u32, u32)) -> Vec<u8> {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| [x as u8, y as u8, 0, u8::MAX]));
        pixels.flatten().collect()
    }

    /// Draws a picture; returns the columns and rows of its pixels, and its size.
    fn drawn(view: PictureView, size: (u32, u32), area: (u32, u32)) -> (Vec<(u8, u8)>, (u32, u32)) {
        let source = picture(size);
        // Whatever an earlier picture has left is replaced.
        let mut pixels = vec![7; 11];
        let shown = view.draw(&mut Resizer::new(), &source, size, Some(area), &mut pixels).unwrap();
        assert!(!view.keeps_pixels(size, Some(area)) || (&pixels, shown) == (&source, size));
        let size = shown;
        assert_eq!(pixels.len(), (size.0 * size.1 * 4) as usize);
        let (pixels, rest) = pixels.as_chunks::<4>();
        assert!(rest.is_empty() && pixels.iter().all(|pixel| pixel[3] == u8::MAX));
        (pixels.iter().map(|pixel| (pixel[0], pixel[1])).collect(), size)
    }

    fn view(scaling: Scaling, orientation: Orientation) -> PictureView {
        PictureView { scaling, orientation }
    }

    #[test]
    fn fitted_size_keeps_aspect_ratio() {
        assert_eq!(fit_size((640, 360), (1_280, 800)), (1_280, 720));
        assert_eq!(fit_size((384, 288), (900, 480)), (640, 480));
        assert_eq!(fit_size((1_920, 1_080), (100, 1_000)), (100, 56));
        assert_eq!(fit_size((10_000, 1), (100, 100)), (100, 1));
        assert_eq!(fit_size((0, 0), (0, 0)), (1, 1));
        assert_eq!(fit_size((100, 50), (8_192, 8_192)), (8_192, 4_096));
        assert_eq!(fit_size((100, 100), (20_000, 20_000)), (100, 100), "too many pixels");
        assert_eq!(cover_size((640, 360), (1_280, 800)), (1_423, 800));
        assert_eq!(cover_size((360, 640), (1_280, 800)), (1_280, 2_276));
        assert_eq!(cover_size((900, 480), (900, 480)), (900, 480));
        assert_eq!(cover_size((u32::MAX, 1), (u32::MAX, u32::MAX)), (u32::MAX, u32::MAX));
    }

    #[test]
    fn axes_lead_to_the_pixels_that_are_drawn() {
        let start = Orientation::default();
        let turned = [start, start.rotated(), start.rotated().rotated(), start.rotated().rotated().rotated()];
        for orientation in turned.into_iter().flat_map(|orientation| [orientation, orientation.flipped()]) {
            let (pixels, (width, _)) = drawn(view(Scaling::Actual, orientation), (3, 2), (9, 9));
            let step_to = |index: usize| {
                let ((from_x, from_y), (x, y)) = (pixels[0], pixels[index]);
                [f32::from(x) - f32::from(from_x), f32::from(y) - f32::from(from_y)]
            };
            assert_eq!(orientation.source_axes(), [step_to(1), step_to(width as usize)], "{orientation:?}");
        }
    }

    #[test]
    fn rotation_and_reflection_move_each_pixel_to_its_place() {
        let start = Orientation::default();
        let pixels = |orientation| drawn(view(Scaling::Actual, orientation), (3, 2), (9, 9));
        let upright = vec![(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)];
        assert_eq!(pixels(start), (upright.clone(), (3, 2)));
        let clockwise = vec![(0, 1), (0, 0), (1, 1), (1, 0), (2, 1), (2, 0)];
        assert_eq!(pixels(start.rotated()), (clockwise, (2, 3)));
        let upside_down: Vec<_> = upright.iter().rev().copied().collect();
        assert_eq!(pixels(start.rotated().rotated()), (upside_down, (3, 2)));
        let anticlockwise = vec![(2, 0), (2, 1), (1, 0), (1, 1), (0, 0), (0, 1)];
        assert_eq!(pixels(start.rotated().rotated().rotated()), (anticlockwise, (2, 3)));
        let mirrored = vec![(2, 0), (1, 0), (0, 0), (2, 1), (1, 1), (0, 1)];
        assert_eq!(pixels(start.flipped()), (mirrored, (3, 2)));
        // Left and right of the screen are exchanged, whatever the rotation.
        let flipped_clockwise = vec![(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)];
        assert_eq!(pixels(start.rotated().flipped()), (flipped_clockwise, (2, 3)));
        assert_eq!(start.rotated().flipped().flipped(), start.rotated());
        assert_eq!((0..4).fold(start.flipped(), |it, _| it.rotated()), start.flipped());
    }

    #[test]
    fn actual_size_cuts_out_the_middle() {
        let cut = drawn(view(Scaling::Actual, Orientation::default()), (6, 5), (2, 3));
        assert_eq!(cut, (vec![(2, 1), (3, 1), (2, 2), (3, 2), (2, 3), (3, 3)], (2, 3)));
        // The area is that of the rotated picture.
        let (_, size) = drawn(view(Scaling::Actual, Orientation::default().rotated()), (6, 2), (9, 4));
        assert_eq!(size, (2, 4));
    }

    #[test]
    fn filling_leaves_no_bars_and_keeps_the_aspect_ratio() {
        let filled = |orientation, area| drawn(view(Scaling::Fill, orientation), (40, 20), area);
        let (pixels, size) = filled(Orientation::default(), (20, 20));
        assert_eq!(size, (20, 20));
        let (columns, rows): (Vec<_>, Vec<_>) = pixels.into_iter().unzip();
        assert_eq!((columns.iter().min(), columns.iter().max()), (Some(&10), Some(&29)));
        assert_eq!((rows.iter().min(), rows.iter().max()), (Some(&0), Some(&19)));
        let (enlarged, size) = filled(Orientation::default(), (40, 40));
        let columns = || enlarged.iter().map(|(column, _)| *column);
        assert_eq!((size, columns().min(), columns().max()), ((40, 40), Some(10), Some(29)));
        assert_eq!(filled(Orientation::default().rotated(), (10, 40)).1, (10, 40));
        assert_eq!(filled(Orientation::default(), (30, 60)).1, (30, 60));
        let placement = |area| view(Scaling::Fill, Orientation::default()).placement((200, 100), Some(area));
        assert_eq!(placement((100, 200)).part, (75.0, 0.0, 50.0, 100.0));
        assert_eq!(placement((400, 100)), Placement { part: (0.0, 25.0, 200.0, 50.0), size: (400, 100) });
        assert_eq!(
            placement((20_000, 20_000)),
            Placement { part: (0.0, 0.0, 200.0, 100.0), size: (200, 100) }
        );
        assert_eq!(placement((8_192, 4_096)).size, (8_192, 4_096));
    }

    #[test]
    fn fitting_uses_the_rotated_sides() {
        let fitted = |orientation| drawn(view(Scaling::Fit, orientation), (40, 20), (20, 20)).1;
        assert_eq!(fitted(Orientation::default()), (20, 10));
        assert_eq!(fitted(Orientation::default().rotated()), (10, 20));
    }

    #[test]
    fn names_and_degrees_are_read_again() {
        for scaling in Scaling::ALL {
            assert_eq!(scaling.as_str().parse(), Ok(scaling));
        }
        assert_eq!("wide".parse::<Scaling>(), Err(ParseScalingError));
        let turned = Orientation::default().flipped().rotated();
        assert_eq!(Orientation::new(turned.degrees().into(), turned.is_flipped()), Some(turned));
        assert_eq!([-90, 45, 360].map(|degrees| Orientation::new(degrees, false)), [None; 3]);
    }
}
