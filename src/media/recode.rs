//! Pictures as RFC 2435 can carry them: as they are, with other Huffman codes, or drawn anew.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, Resizer};
use jpeg_encoder::{
    ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr,
};

use super::decode::{DecodeError, Space, decode_samples};
use super::jpeg::{Dimensions, JpegHeader, with_standard_huffman};
use super::payload::StandardPicture;

/// How good pictures are that have to be drawn anew: 1 to 100, as JPEG encoders commonly count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality(u8);

impl Quality {
    /// From 1 to 100; `None` for anything else.
    pub fn new(quality: u8) -> Option<Self> {
        (1..=100).contains(&quality).then_some(Self(quality))
    }
}

impl Default for Quality {
    /// What an eye cannot tell from the source.
    fn default() -> Self {
        Self(90)
    }
}

/// Why a quality cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityError;

impl fmt::Display for QualityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is a whole number from 1 to 100")
    }
}

impl std::error::Error for QualityError {}

impl FromStr for Quality {
    type Err = QualityError;

    fn from_str(text: &str) -> Result<Self, QualityError> {
        text.parse().ok().and_then(Self::new).ok_or(QualityError)
    }
}

/// The most blocks of eight pixels in a row or column (RFC 2435 §3.1.5).
const MOST_BLOCKS: u32 = 255;

/// The size in which a picture of this size is carried: its own, or in proportion to the largest there is.
pub fn carriable_size(size: Dimensions) -> Dimensions {
    let (width, height) = (u32::from(size.width), u32::from(size.height));
    let largest = width.max(height);
    if largest <= MOST_BLOCKS * 8 {
        return size;
    }
    // To whole blocks: players show these, and what fills up a block would be seen as an edge.
    let scaled = |side: u32| {
        let blocks = (side * MOST_BLOCKS + largest / 2) / largest;
        (blocks.max(1) * 8) as u16
    };
    Dimensions { width: scaled(width), height: scaled(height) }
}

/// The picture in a form that RFC 2435 can carry, which costs no more than it must: nothing, other Huffman codes for
/// the same coefficients, or a decoding and an encoding.
///
/// # Errors
/// When it would have to be decoded and cannot be.
pub fn carriable(jpeg: &[u8], quality: Quality) -> Result<Cow<'_, [u8]>, DecodeError> {
    if StandardPicture::read(jpeg).is_ok() {
        return Ok(Cow::Borrowed(jpeg));
    }
    match with_standard_huffman(jpeg) {
        Ok(transcoded) if StandardPicture::read(&transcoded).is_ok() => Ok(Cow::Owned(transcoded)),
        _ => draw_anew(jpeg, quality).map(Cow::Owned),
    }
}

/// Decodes a picture and encodes it as one that RFC 2435 can carry.
///
/// # Errors
/// When it cannot be decoded.
pub fn draw_anew(jpeg: &[u8], quality: Quality) -> Result<Vec<u8>, DecodeError> {
    let picture = Picture::decode(jpeg)?.fitted()?;
    let mut drawn = Vec::with_capacity(jpeg.len());
    let mut encoder = Encoder::new(&mut drawn, quality.0);
    encoder.set_sampling_factor(sampling(jpeg));
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode_image(picture).map_err(|error| DecodeError::new(error.to_string()))?;
    Ok(drawn)
}

/// 4:2:0 where it loses no row of chrominance that the picture has; else 4:2:2, the best that can be carried.
fn sampling(jpeg: &[u8]) -> SamplingFactor {
    let Ok(header) = JpegHeader::parse(jpeg) else { return SamplingFactor::R_4_2_2 };
    match &header.frame().components[..] {
        [_] => SamplingFactor::R_4_2_0,
        [y, others @ ..] if others.iter().all(|other| y.vertical >= 2 * other.vertical) => {
            SamplingFactor::R_4_2_0
        }
        _ => SamplingFactor::R_4_2_2,
    }
}

/// A decoded picture on its way to the encoder.
struct Picture {
    space: Space,
    samples: Vec<u8>,
    width: u16,
    height: u16,
}

impl Picture {
    fn decode(jpeg: &[u8]) -> Result<Self, DecodeError> {
        let mut samples = Vec::new();
        let (space, Dimensions { width, height }) = decode_samples(jpeg, &mut samples)?;
        Ok(Self { space, samples, width, height })
    }

    /// In the size in which it is carried.
    fn fitted(self) -> Result<Self, DecodeError> {
        let Dimensions { width, height } =
            carriable_size(Dimensions { width: self.width, height: self.height });
        if (width, height) == (self.width, self.height) {
            return Ok(self);
        }
        let pixel = match self.space {
            Space::Grey => PixelType::U8,
            Space::Ycbcr | Space::Rgb => PixelType::U8x3,
        };
        let fault = |error: &dyn fmt::Display| DecodeError::new(error.to_string());
        let source = ImageRef::new(self.width.into(), self.height.into(), &self.samples, pixel)
            .map_err(|error| fault(&error))?;
        let mut scaled = Image::new(width.into(), height.into(), pixel);
        Resizer::new().resize(&source, &mut scaled, None).map_err(|error| fault(&error))?;
        Ok(Self { samples: scaled.into_vec(), width, height, ..self })
    }
}

impl ImageBuffer for Picture {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, row: u16, [y, cb, cr, _]: &mut [Vec<u8>; 4]) {
        let stride = usize::from(self.width) * self.space.samples();
        let row = &self.samples[usize::from(row) * stride..][..stride];
        match self.space {
            Space::Grey => {
                y.extend_from_slice(row);
                cb.resize(cb.len() + row.len(), 128);
                cr.resize(cr.len() + row.len(), 128);
            }
            Space::Ycbcr => {
                for (part, buffer) in [y, cb, cr].into_iter().enumerate() {
                    buffer.extend(row.iter().skip(part).step_by(3));
                }
            }
            Space::Rgb => {
                for pixel in row.chunks_exact(3) {
                    let converted = rgb_to_ycbcr(pixel[0], pixel[1], pixel[2]);
                    y.push(converted.0);
                    cb.push(converted.1);
                    cr.push(converted.2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_scaled_to_whole_blocks_and_keeps_its_shape() {
        let fitted = |width, height| {
            let size = carriable_size(Dimensions { width, height });
            (size.width, size.height)
        };
        assert_eq!(fitted(2_040, 2_040), (2_040, 2_040));
        assert_eq!(fitted(642, 478), (642, 478));
        assert_eq!(fitted(4_000, 3_000), (2_040, 1_528));
        assert_eq!(fitted(3_000, 4_000), (1_528, 2_040));
        assert_eq!(fitted(65_535, 1), (2_040, 8));
    }

    #[test]
    fn a_quality_is_a_number_from_1_to_100() {
        assert_eq!("1".parse(), Ok(Quality(1)));
        assert_eq!("100".parse(), Ok(Quality(100)));
        for text in ["0", "101", "-1", "high", ""] {
            assert_eq!(text.parse::<Quality>(), Err(QualityError), "{text}");
        }
    }
}
