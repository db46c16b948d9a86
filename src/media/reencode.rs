//! Conversion of frames to a form that RFC 2435 can carry.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, Resizer};
use jpeg_encoder::{
    ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr,
};

use super::decode::{DecodeError, SampleFormat, decode_samples};
use super::jpeg::{Dimensions, JpegHeader, split_fields, with_standard_huffman};
use super::payload::Rfc2435Frame;

/// JPEG quality of re-encoded frames, 1 to 100 on the usual scale of the IJG encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality(u8);

impl Quality {
    /// Creates a quality from 1 to 100; `None` outside this range.
    pub fn new(quality: u8) -> Option<Self> {
        (1..=100).contains(&quality).then_some(Self(quality))
    }
}

impl Default for Quality {
    /// Returns 90, at which no difference from the source is visible.
    fn default() -> Self {
        Self(90)
    }
}

/// Error for a text that is not a quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quality is a whole number from 1 to 100")]
pub struct QualityError;

impl FromStr for Quality {
    type Err = QualityError;

    fn from_str(text: &str) -> Result<Self, QualityError> {
        text.parse().ok().and_then(Self::new).ok_or(QualityError)
    }
}

/// Maximum number of blocks of eight pixels in a row or column (RFC 2435 §3.1.5).
const MAX_BLOCKS: u32 = 255;

/// Returns the size in which RFC 2435 carries a frame: unchanged, or scaled down in proportion to 2,040 pixels.
pub fn rfc2435_size(size: Dimensions) -> Dimensions {
    let (width, height) = (u32::from(size.width), u32::from(size.height));
    let largest = width.max(height);
    if largest <= MAX_BLOCKS * 8 {
        return size;
    }
    // Players show complete blocks of eight pixels, so padding of a partial block would be visible as an edge.
    let scaled = |side: u32| {
        let blocks = (side * MAX_BLOCKS + largest / 2) / largest;
        (blocks.max(1) * 8) as u16
    };
    Dimensions { width: scaled(width), height: scaled(height) }
}

/// Converts a frame to a form that RFC 2435 can carry, at the lowest possible cost: unchanged, with the standard
/// Huffman tables for the same coefficients, or decoded and encoded again with `quality`. The fields of an interlaced
/// frame are woven and encoded as one picture.
///
/// # Errors
/// Returns a [`DecodeError`] if the frame has to be re-encoded and cannot be decoded.
pub fn to_rfc2435(jpeg: &[u8], quality: Quality) -> Result<Cow<'_, [u8]>, DecodeError> {
    // RFC 2435 can carry fields (§3.1.1), but a player would have to weave them.
    if split_fields(jpeg).is_some() {
        return reencode(jpeg, quality).map(Cow::Owned);
    }
    if Rfc2435Frame::parse(jpeg).is_ok() {
        return Ok(Cow::Borrowed(jpeg));
    }
    match with_standard_huffman(jpeg) {
        Ok(transcoded) if Rfc2435Frame::parse(&transcoded).is_ok() => Ok(Cow::Owned(transcoded)),
        _ => reencode(jpeg, quality).map(Cow::Owned),
    }
}

/// Decodes a frame and encodes it in a form that RFC 2435 can carry, scaled down if necessary.
///
/// # Errors
/// Returns a [`DecodeError`] if the frame cannot be decoded.
pub fn reencode(jpeg: &[u8], quality: Quality) -> Result<Vec<u8>, DecodeError> {
    let image = DecodedImage::decode(jpeg)?.scaled_to_fit()?;
    let mut encoded = Vec::with_capacity(jpeg.len());
    let mut encoder = Encoder::new(&mut encoded, quality.0);
    encoder.set_sampling_factor(chroma_sampling(jpeg));
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode_image(image).map_err(|error| DecodeError::new(error.to_string()))?;
    Ok(encoded)
}

/// Returns 4:2:0 if the frame is grey or has at most one row of chrominance for two of luminance, otherwise 4:2:2, the
/// highest chrominance resolution of RFC 2435.
fn chroma_sampling(jpeg: &[u8]) -> SamplingFactor {
    let Ok(header) = JpegHeader::parse(jpeg) else { return SamplingFactor::R_4_2_2 };
    match &header.frame_header().components[..] {
        [y, others @ ..] if others.iter().all(|other| y.vertical_sampling >= 2 * other.vertical_sampling) => {
            SamplingFactor::R_4_2_0
        }
        _ => SamplingFactor::R_4_2_2,
    }
}

/// A decoded frame, as input of the encoder.
struct DecodedImage {
    format: SampleFormat,
    samples: Vec<u8>,
    width: u16,
    height: u16,
}

impl DecodedImage {
    fn decode(jpeg: &[u8]) -> Result<Self, DecodeError> {
        let mut samples = Vec::new();
        let (format, Dimensions { width, height }) = decode_samples(jpeg, &mut samples)?;
        Ok(Self { format, samples, width, height })
    }

    /// Scales the picture to [`rfc2435_size`].
    fn scaled_to_fit(self) -> Result<Self, DecodeError> {
        let Dimensions { width, height } =
            rfc2435_size(Dimensions { width: self.width, height: self.height });
        if (width, height) == (self.width, self.height) {
            return Ok(self);
        }
        let pixel_type = match self.format {
            SampleFormat::Luma => PixelType::U8,
            SampleFormat::YCbCr | SampleFormat::Rgb => PixelType::U8x3,
        };
        let scale_error = |error: &dyn fmt::Display| DecodeError::new(error.to_string());
        let source = ImageRef::new(self.width.into(), self.height.into(), &self.samples, pixel_type)
            .map_err(|error| scale_error(&error))?;
        let mut scaled = Image::new(width.into(), height.into(), pixel_type);
        Resizer::new().resize(&source, &mut scaled, None).map_err(|error| scale_error(&error))?;
        Ok(Self { samples: scaled.into_vec(), width, height, ..self })
    }
}

impl ImageBuffer for DecodedImage {
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
        let stride = usize::from(self.width) * self.format.bytes_per_pixel();
        let row = &self.samples[usize::from(row) * stride..][..stride];
        match self.format {
            SampleFormat::Luma => {
                y.extend_from_slice(row);
                cb.resize(cb.len() + row.len(), 128);
                cr.resize(cr.len() + row.len(), 128);
            }
            SampleFormat::YCbCr => {
                for (part, buffer) in [y, cb, cr].into_iter().enumerate() {
                    buffer.extend(row.iter().skip(part).step_by(3));
                }
            }
            SampleFormat::Rgb => {
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
    fn oversized_image_scales_to_whole_blocks_and_keeps_aspect_ratio() {
        let fitted = |width, height| {
            let size = rfc2435_size(Dimensions { width, height });
            (size.width, size.height)
        };
        assert_eq!(fitted(2_040, 2_040), (2_040, 2_040));
        assert_eq!(fitted(642, 478), (642, 478));
        assert_eq!(fitted(4_000, 3_000), (2_040, 1_528));
        assert_eq!(fitted(3_000, 4_000), (1_528, 2_040));
        assert_eq!(fitted(65_535, 1), (2_040, 8));
    }

    #[test]
    fn quality_is_between_1_and_100() {
        assert_eq!("1".parse(), Ok(Quality(1)));
        assert_eq!("100".parse(), Ok(Quality(100)));
        for text in ["0", "101", "-1", "high", ""] {
            assert_eq!(text.parse::<Quality>(), Err(QualityError), "{text}");
        }
    }
}
