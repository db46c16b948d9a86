//! Pictures for classroom programs: each whole in one datagram, and made smaller where their buffer is too small.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::rfc2435::UnsupportedJpeg;
use crate::media::decode::decode;
use crate::media::jpeg::{Dimensions, JpegHeader, MAX_PIXELS, normalize_for_decoder};

/// Bytes of a picture at the most: the programs take 20,480 from their socket, and RTP's header is among them.
pub const MAX_CLASSROOM_FRAME_SIZE: usize = 20_468;

/// The quality of a picture that is drawn anew, the one below which it becomes smaller instead, and the steps between.
const QUALITY_RANGE: std::ops::RangeInclusive<u8> = 40..=80;
const QUALITY_STEP: u8 = 20;

/// A picture this many times too large is not saved by quality alone.
const MAX_QUALITY_REDUCTION: f64 = 2.0;

/// With more pixels than this, not even a third of a bit is left for each, which is too little at any quality; a larger
/// picture is not even tried, as each try takes its time.
const MAX_CLASSROOM_PIXELS: f64 = 480_000.0;

/// The picture as it stands in the film if it fits, made whole where decoders would miss something; or drawn anew, with
/// less quality first, then smaller, until it fits.
///
/// # Errors
/// When it does not fit and cannot be decoded, or has too many pixels.
pub(super) fn fit_to_datagram(jpeg: &[u8]) -> Result<Cow<'_, [u8]>, UnsupportedJpeg> {
    let normalized = normalize_for_decoder(jpeg);
    if normalized.len() <= MAX_CLASSROOM_FRAME_SIZE {
        return Ok(normalized);
    }
    let Dimensions { width, height } = JpegHeader::parse(&normalized)
        .map_err(|_| UnsupportedJpeg::MalformedHeader)?
        .frame_header()
        .dimensions;
    if usize::from(width) * usize::from(height) > MAX_PIXELS {
        return Err(UnsupportedJpeg::TooLarge);
    }
    let mut pixels = Vec::new();
    let size = decode(&normalized, &mut pixels).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
    let original = Pixels { rgba: pixels, size };
    shrink(&original).map(Cow::Owned).ok_or(UnsupportedJpeg::MalformedHeader)
}

struct Pixels {
    rgba: Vec<u8>,
    /// Width and height, each of 16 bits at the most, as a JPEG's are.
    size: (u32, u32),
}

fn shrink(original: &Pixels) -> Option<Vec<u8>> {
    let pixels = f64::from(original.size.0) * f64::from(original.size.1);
    let (mut scale, mut quality) = ((MAX_CLASSROOM_PIXELS / pixels).sqrt().min(1.0), *QUALITY_RANGE.end());
    let mut scaled = if scale < 1.0 { Some(resize(original, scale)?) } else { None };
    loop {
        let jpeg = encode(scaled.as_ref().unwrap_or(original), quality)?;
        if jpeg.len() <= MAX_CLASSROOM_FRAME_SIZE {
            return Some(jpeg);
        }
        let excess = jpeg.len() as f64 / MAX_CLASSROOM_FRAME_SIZE as f64;
        if quality > *QUALITY_RANGE.start() && excess < MAX_QUALITY_REDUCTION {
            quality -= QUALITY_STEP;
            continue;
        }
        // Bytes shrink a little less than pixels do; at worst the next round takes another tenth.
        let quality_reduction = if quality > *QUALITY_RANGE.start() { MAX_QUALITY_REDUCTION } else { 1.0 };
        scale *= (0.9 * (quality_reduction / excess).sqrt()).min(0.9);
        // One pixel has no smaller picture, and fits.
        scaled = Some(resize(original, scale)?);
    }
}

fn encode(pixels: &Pixels, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(pixels.size.0).ok()?, u16::try_from(pixels.size.1).ok()?);
    let mut jpeg = Vec::with_capacity(2 * MAX_CLASSROOM_FRAME_SIZE);
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(&pixels.rgba, width, height, ColorType::Rgba).ok()?;
    Some(jpeg)
}

fn resize(original: &Pixels, scale: f64) -> Option<Pixels> {
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let size = (side(original.size.0), side(original.size.1));
    let source = ImageRef::new(original.size.0, original.size.1, &original.rgba, PixelType::U8x4).ok()?;
    let mut target = Image::new(size.0, size.1, PixelType::U8x4);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some(Pixels { rgba: target.into_vec(), size })
}
