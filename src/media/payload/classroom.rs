//! Fitting of frames into the receive buffer of classroom programs, which expect each frame in one datagram.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::rfc2435::UnsupportedJpeg;
use crate::media::decode::decode;
use crate::media::jpeg::{Dimensions, JpegHeader, MAX_PIXELS, normalize_for_decoder, split_fields};

/// Maximum length of a frame, in bytes. Classroom programs receive datagrams of up to 20,480 bytes, of which 12 are the
/// RTP header.
pub const MAX_CLASSROOM_FRAME_SIZE: usize = 20_468;

/// Maximum length of a frame for the Java programs, in bytes. They receive datagrams of up to 15,000 bytes, of which 12
/// are the RTP header.
pub const MAX_SMALL_CLASSROOM_FRAME_SIZE: usize = 14_988;

/// JPEG qualities of re-encoded frames, tried from highest to lowest before the frame is scaled down.
const QUALITY_RANGE: std::ops::RangeInclusive<u8> = 40..=80;
/// Difference between the JPEG qualities tried.
const QUALITY_STEP: u8 = 20;

/// Maximum ratio of the encoded to the maximum length at which a lower quality is tried before scaling.
const MAX_QUALITY_REDUCTION: f64 = 2.0;

/// Maximum number of pixels to encode. Above it, less than 0.35 bits per pixel are left, too few at any quality, and
/// each attempt takes time.
const MAX_CLASSROOM_PIXELS: f64 = 480_000.0;

/// Returns the frame, normalized for decoders (see [`normalize_for_decoder`]), if it has at most `max_size` bytes, so
/// that it fits into one datagram. Otherwise re-encodes it with lower quality first, then scaled down, until it fits.
///
/// # Errors
/// Returns an [`UnsupportedJpeg`] if the frame does not fit and cannot be decoded, or has too many pixels.
pub(super) fn fit_to_datagram(jpeg: &[u8], max_size: usize) -> Result<Cow<'_, [u8]>, UnsupportedJpeg> {
    let fields = split_fields(jpeg);
    // Classroom programs would show only the first field.
    let normalized = if fields.is_some() { Cow::Borrowed(jpeg) } else { normalize_for_decoder(jpeg) };
    if normalized.len() <= max_size && fields.is_none() {
        return Ok(normalized);
    }
    let header = JpegHeader::parse(&normalized).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
    let Dimensions { width, height } =
        fields.map_or(header.frame_header().dimensions, |fields| fields.dimensions);
    if usize::from(width) * usize::from(height) > MAX_PIXELS {
        return Err(UnsupportedJpeg::TooLarge);
    }
    let mut pixels = Vec::new();
    let size = decode(&normalized, &mut pixels).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
    let original = Picture { rgba: pixels, size };
    shrink(&original, max_size).map(Cow::Owned).ok_or(UnsupportedJpeg::MalformedHeader)
}

struct Picture {
    rgba: Vec<u8>,
    /// Width and height in pixels, each at most 65,535.
    size: (u32, u32),
}

fn shrink(original: &Picture, max_size: usize) -> Option<Vec<u8>> {
    let pixels = f64::from(original.size.0) * f64::from(original.size.1);
    let (mut scale, mut quality) = ((MAX_CLASSROOM_PIXELS / pixels).sqrt().min(1.0), *QUALITY_RANGE.end());
    let mut scaled = if scale < 1.0 { Some(resize(original, scale)?) } else { None };
    loop {
        let jpeg = encode(scaled.as_ref().unwrap_or(original), quality)?;
        if jpeg.len() <= max_size {
            return Some(jpeg);
        }
        let excess = jpeg.len() as f64 / max_size as f64;
        if quality > *QUALITY_RANGE.start() && excess < MAX_QUALITY_REDUCTION {
            quality -= QUALITY_STEP;
            continue;
        }
        // The encoded length decreases less than the number of pixels, hence the factor of 0.9.
        let quality_reduction = if quality > *QUALITY_RANGE.start() { MAX_QUALITY_REDUCTION } else { 1.0 };
        scale *= (0.9 * (quality_reduction / excess).sqrt()).min(0.9);
        // The loop ends at the latest with a single pixel, which fits.
        scaled = Some(resize(original, scale)?);
    }
}

fn encode(picture: &Picture, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(picture.size.0).ok()?, u16::try_from(picture.size.1).ok()?);
    let mut jpeg = Vec::with_capacity(2 * MAX_CLASSROOM_FRAME_SIZE);
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(&picture.rgba, width, height, ColorType::Rgba).ok()?;
    Some(jpeg)
}

fn resize(original: &Picture, scale: f64) -> Option<Picture> {
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let size = (side(original.size.0), side(original.size.1));
    let source = ImageRef::new(original.size.0, original.size.1, &original.rgba, PixelType::U8x4).ok()?;
    let mut target = Image::new(size.0, size.1, PixelType::U8x4);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some(Picture { rgba: target.into_vec(), size })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a picture of noise, which takes about two bits a pixel at the highest quality.
    fn noise(width: u16, height: u16) -> Vec<u8> {
        let pixels = u32::from(width) * u32::from(height);
        let rgba = (0..pixels).flat_map(|index| {
            let value = 96 + (index.wrapping_mul(2_654_435_761) >> 27) as u8;
            [value, value, value, u8::MAX]
        });
        let picture = Picture { rgba: rgba.collect(), size: (width.into(), height.into()) };
        encode(&picture, *QUALITY_RANGE.end()).unwrap()
    }

    /// Returns the length and the size of the frame that is sent.
    fn fitted(jpeg: &[u8], max_size: usize) -> (usize, (u16, u16)) {
        let fitted = fit_to_datagram(jpeg, max_size).unwrap();
        let Dimensions { width, height } = JpegHeader::parse(&fitted).unwrap().frame_header().dimensions;
        (fitted.len(), (width, height))
    }

    #[test]
    fn frame_that_fits_is_not_changed() {
        let jpeg = noise(64, 48);
        assert!(matches!(fit_to_datagram(&jpeg, jpeg.len()), Ok(Cow::Borrowed(same)) if same == jpeg));
        assert!(matches!(fit_to_datagram(&jpeg, jpeg.len() - 1), Ok(Cow::Owned(_))));
    }

    /// A frame that is up to twice as long as it may be loses quality, and no pixels.
    #[test]
    fn quality_is_reduced_before_the_size() {
        let jpeg = noise(320, 240);
        for part in [0.95, 0.8, 0.6] {
            let max_size = (jpeg.len() as f64 * part) as usize;
            let (length, size) = fitted(&jpeg, max_size);
            assert_eq!((length <= max_size, size), (true, (320, 240)), "{part}");
        }
    }

    #[test]
    fn size_is_reduced_as_far_as_necessary() {
        let jpeg = noise(320, 240);
        for part in [3, 6, 12] {
            let max_size = jpeg.len() / part;
            let (length, (width, height)) = fitted(&jpeg, max_size);
            assert!(length <= max_size && length * 2 > max_size, "{part}: {length} of {max_size}");
            assert!(width < 320 && width.abs_diff(height * 4 / 3) <= 2, "{part}: {width}×{height}");
        }
    }

    /// A large frame is not encoded in full size first, and keeps as many pixels as are allowed.
    #[test]
    fn number_of_pixels_is_limited() {
        let flat = Picture { rgba: vec![128; 1_600 * 1_200 * 4], size: (1_600, 1_200) };
        let jpeg = encode(&flat, *QUALITY_RANGE.end()).unwrap();
        let (_, (width, height)) = fitted(&jpeg, jpeg.len() - 1);
        assert_eq!((width, height), (800, 600));
    }
}
