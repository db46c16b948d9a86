//! Concealment: the parts of a picture that did not arrive are taken from the picture before. Sans-I/O.

use super::pixel_pool::{PixelPool, SharedPixels};
use crate::media::decode::{DecodeError, decode};
use crate::media::jpeg::{Dimensions, FreshArea, McuRectangle};

/// Pixels of the last picture, over which the parts of damaged frames are drawn.
#[derive(Debug, Default)]
pub struct Canvas {
    /// RGBA pixels, 4 bytes each, row by row.
    pixels: SharedPixels,
    pool: PixelPool,
    /// Width and height in pixels.
    size: (u32, u32),
    /// Number of the session or film of the last picture; `None` before the first.
    generation: Option<u64>,
    /// Parts of the last picture that come from its frame; `None` if it is complete.
    fresh_area: Option<FreshArea>,
    /// Pixels of the damaged frame that is being drawn, kept to avoid an allocation for each.
    decoded: Vec<u8>,
}

/// Colour of an area that has never been received: neutral grey, opaque.
const GREY: [u8; 4] = [128, 128, 128, u8::MAX];

/// Colour that is mixed with concealed areas.
const TINT: [u8; 3] = [255, 0, 128];

impl Canvas {
    /// Returns width and height in pixels; 0 before the first picture.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Draws a frame. Of a damaged one, only the parts in `fresh_area` are drawn; the others keep the pixels of the
    /// picture before, or are grey if that has another size or generation.
    ///
    /// # Errors
    /// Returns a [`DecodeError`] if the frame cannot be decoded. The picture before remains.
    pub fn draw(
        &mut self,
        jpeg: &[u8],
        fresh_area: Option<&FreshArea>,
        generation: u64,
    ) -> Result<(), DecodeError> {
        let Some(area) = fresh_area else {
            (self.pixels, self.size) = self.pool.fill(|pixels| decode(jpeg, pixels))?;
            (self.generation, self.fresh_area) = (Some(generation), None);
            return Ok(());
        };
        let size = decode(jpeg, &mut self.decoded)?;
        let Dimensions { width, height } = area.dimensions();
        if size != (u32::from(width), u32::from(height)) {
            return Err(DecodeError::Invalid("the repaired frame has another size".to_owned()));
        }
        let is_same_film = self.size == size && self.generation == Some(generation);
        let (before, decoded) = (&self.pixels, &self.decoded);
        self.pixels = self.pool.write(|pixels| {
            pixels.clear();
            match is_same_film {
                true => pixels.extend_from_slice(before.as_ref()),
                false => pixels.extend(GREY.iter().cycle().take(decoded.len())),
            }
            for row in area.fresh().flat_map(|rectangle| rows(rectangle, size)) {
                pixels[row.clone()].copy_from_slice(&decoded[row]);
            }
        });
        (self.size, self.generation) = (size, Some(generation));
        self.fresh_area = Some(area.clone());
        Ok(())
    }

    /// Returns the pixels of the last picture. `is_tinted` tints the parts that are not from its own frame.
    pub fn pixels(&mut self, is_tinted: bool) -> SharedPixels {
        let Some(area) = self.fresh_area.as_ref().filter(|_| is_tinted) else { return self.pixels.clone() };
        self.pool.write(|tinted| {
            tinted.clear();
            tinted.extend_from_slice(self.pixels.as_ref());
            for row in area.concealed().flat_map(|rectangle| rows(rectangle, self.size)) {
                for pixel in tinted[row].as_chunks_mut::<4>().0 {
                    for (component, tint) in pixel.iter_mut().zip(TINT) {
                        *component = component.midpoint(tint);
                    }
                }
            }
        })
    }
}

/// Returns the rows of a rectangle inside a picture of this size, as ranges of bytes.
fn rows(
    rectangle: McuRectangle,
    (width, height): (u32, u32),
) -> impl Iterator<Item = std::ops::Range<usize>> {
    let (width, height) = (width as usize, height as usize);
    let (left, right) = (rectangle.left.min(width), (rectangle.left + rectangle.width).min(width));
    let rows = rectangle.top.min(height)..(rectangle.top + rectangle.height).min(height);
    rows.map(move |row| (row * width + left) * 4..(row * width + right) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::jpeg::{ReceivedParts, repair};

    /// Encodes a JPEG of 64×64 pixels of one colour, with noise that makes it long.
    fn jpeg(value: u8) -> Vec<u8> {
        let pixels: Vec<u8> = (0..64u32 * 64).map(|index| value + (index * 37 % 23) as u8).collect();
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        encoder.encode(&pixels, 64, 64, jpeg_encoder::ColorType::Luma).unwrap();
        jpeg
    }

    fn damaged(value: u8) -> (Vec<u8>, FreshArea) {
        let jpeg = jpeg(value);
        let end = jpeg.len() / 2 + 200;
        let missing = end..usize::MAX;
        let missing = std::slice::from_ref(&missing);
        repair(ReceivedParts { jpeg: &jpeg[..end], missing, restarts: &[] }).unwrap()
    }

    /// Mean of the red component in the upper and in the lower eighth.
    fn brightness(pixels: &[u8]) -> [u32; 2] {
        let eighth = 64 * 8 * 4;
        [&pixels[..eighth], &pixels[pixels.len() - eighth..]].map(|part| {
            part.as_chunks::<4>().0.iter().map(|pixel| u32::from(pixel[0])).sum::<u32>() / (64 * 8)
        })
    }

    #[test]
    fn missing_parts_keep_the_picture_before() {
        let mut canvas = Canvas::default();
        canvas.draw(&jpeg(40), None, 1).unwrap();
        let (repaired, area) = damaged(200);
        canvas.draw(&repaired, Some(&area), 1).unwrap();
        let [top, bottom] = brightness(canvas.pixels(false).as_ref());
        assert!(top.abs_diff(211) < 3 && bottom.abs_diff(51) < 3, "{top} {bottom}");
        let [tinted_top, tinted_bottom] = brightness(canvas.pixels(true).as_ref());
        assert_eq!(tinted_top, top);
        assert!(tinted_bottom.abs_diff(153) < 3, "{tinted_bottom}");
        // The tint is not a part of the picture.
        assert_eq!(brightness(canvas.pixels(false).as_ref()), [top, bottom]);
        canvas.draw(&jpeg(100), None, 1).unwrap();
        assert_eq!(canvas.pixels(true).as_ref(), canvas.pixels(false).as_ref());
    }

    #[test]
    fn missing_parts_are_grey_without_a_picture_of_the_same_film() {
        let mut canvas = Canvas::default();
        let (repaired, area) = damaged(200);
        for generation in [1, 2] {
            canvas.draw(&repaired, Some(&area), generation).unwrap();
            let [top, bottom] = brightness(canvas.pixels(false).as_ref());
            assert!(top.abs_diff(211) < 3 && bottom == 128, "{top} {bottom}");
            canvas.draw(&jpeg(40), None, generation).unwrap();
        }
        assert!(canvas.draw(&[0; 50], None, 2).is_err());
        canvas.draw(&repaired, Some(&area), 2).unwrap();
        assert!(brightness(canvas.pixels(false).as_ref())[1].abs_diff(51) < 3);
    }

    #[test]
    fn rows_of_a_rectangle_end_at_the_picture() {
        let rectangle = |left, top| McuRectangle { left, top, width: 2, height: 2 };
        let ranges = |rectangle| rows(rectangle, (4, 5)).collect::<Vec<_>>();
        assert_eq!(ranges(rectangle(1, 2)), [36..44, 52..60]);
        assert_eq!(ranges(rectangle(3, 3)), [60..64, 76..80]);
        assert!(ranges(rectangle(4, 5)).is_empty());
    }
}
