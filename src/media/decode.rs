//! From a JPEG to pixels.

use std::fmt;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::jpeg::{self, Dimensions, MOST_PIXELS};

/// Why a picture could not be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(String);

impl DecodeError {
    pub(super) fn new(why: String) -> Self {
        Self(why)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Width or height of the largest picture that is decoded.
const LARGEST_SIDE: usize = 16_384;

/// Decodes into `pixels` as RGBA, row by row; returns width and height.
///
/// The buffer is reused: it grows to the largest picture and stays.
///
/// # Errors
/// When the octets are no JPEG that can be decoded, or too many pixels.
pub fn decode(jpeg: &[u8], pixels: &mut Vec<u8>) -> Result<(u32, u32), DecodeError> {
    let jpeg = jpeg::as_decoders_expect(jpeg);
    let mut decoder = open(&jpeg, ColorSpace::RGBA)?;
    let size = match decoder.input_colorspace() {
        Some(ColorSpace::Luma | ColorSpace::YCbCr) => decode_into(&mut decoder, pixels)?,
        // Of RGB, CMYK and YCCK the decoder makes three octets well, and four not at all or wrongly.
        _ => {
            let size = decode_into(&mut open(&jpeg, ColorSpace::RGB)?, pixels)?;
            widen(pixels);
            size
        }
    };
    Ok((size.width.into(), size.height.into()))
}

/// From RGB to RGBA, in place.
fn widen(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 3;
    pixels.resize(count * 4, 0);
    for pixel in (0..count).rev() {
        pixels.copy_within(pixel * 3..pixel * 3 + 3, pixel * 4);
        pixels[pixel * 4 + 3] = u8::MAX;
    }
}

/// What the octets of a decoded pixel stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// One, of luminance.
    Grey,
    /// Three, as they stand in most pictures.
    Ycbcr,
    /// Three.
    Rgb,
}

impl Space {
    /// Octets of a pixel.
    pub(super) fn samples(self) -> usize {
        if self == Self::Grey { 1 } else { 3 }
    }
}

/// Decodes without converting colours, where there is no need to.
///
/// # Errors
/// When the octets are no JPEG that can be decoded, or too many pixels.
pub(super) fn decode_samples(jpeg: &[u8], samples: &mut Vec<u8>) -> Result<(Space, Dimensions), DecodeError> {
    let jpeg = jpeg::as_decoders_expect(jpeg);
    let mut decoder = open(&jpeg, ColorSpace::RGB)?;
    let (space, out) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (Space::Grey, ColorSpace::Luma),
        Some(ColorSpace::YCbCr) => (Space::Ycbcr, ColorSpace::YCbCr),
        _ => (Space::Rgb, ColorSpace::RGB),
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(out));
    Ok((space, decode_into(&mut decoder, samples)?))
}

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// A decoder that has read the header. Its pixels are counted before there is room for them: a header of a few octets
/// can ask for a gigabyte.
fn open(jpeg: &[u8], out: ColorSpace) -> Result<Decoder<'_>, DecodeError> {
    let options = DecoderOptions::new_fast()
        .jpeg_set_out_colorspace(out)
        .set_max_width(LARGEST_SIDE)
        .set_max_height(LARGEST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(fault)?;
    if decoder.dimensions().is_none_or(|(width, height)| width * height > MOST_PIXELS) {
        return Err(DecodeError(format!("a picture of more than {MOST_PIXELS} pixels")));
    }
    Ok(decoder)
}

fn decode_into(decoder: &mut Decoder<'_>, octets: &mut Vec<u8>) -> Result<Dimensions, DecodeError> {
    let without_size = || DecodeError("a picture without a size".to_owned());
    let size = decoder.output_buffer_size().ok_or_else(without_size)?;
    let (width, height) = decoder.dimensions().ok_or_else(without_size)?;
    octets.resize(size, 0);
    decoder.decode_into(octets).map_err(fault)?;
    // Sides are bounded by LARGEST_SIDE, so they fit.
    Ok(Dimensions { width: width as u16, height: height as u16 })
}

fn fault(error: zune_jpeg::errors::DecodeErrors) -> DecodeError {
    DecodeError(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;

    /// What decoders read before they make room for the pixels.
    fn header(width: u16, height: u16) -> Vec<u8> {
        let [w0, w1] = width.to_be_bytes();
        let [h0, h1] = height.to_be_bytes();
        let frame = [0xFF, 0xC0, 0, 11, 8, h0, h1, w0, w1, 1, 1, 0x11, 0];
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0xFF, 0xD9];
        [&[0xFF, 0xD8][..], &frame, &scan].concat()
    }

    #[test]
    fn a_few_octets_do_not_ask_for_a_gigabyte() {
        let mut pixels = Vec::new();
        let error = decode(&header(16_000, 16_000), &mut pixels).unwrap_err().to_string();
        assert_eq!(error, "a picture of more than 67108864 pixels");
        assert_eq!(pixels.capacity(), 0);
        let error = decode(&header(16, 16), &mut pixels).unwrap_err().to_string();
        assert!(!error.contains("pixels"), "{error}");
    }

    /// Two halves, side by side, of these samples.
    fn halves(
        colours: ColorType,
        left: &[u8],
        right: &[u8],
        mark: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Vec<u8> {
        let row: Vec<u8> =
            (0..32).flat_map(|column| if column < 16 { left } else { right }).copied().collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 100);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder.encode(&row.repeat(16), 32, 16, colours).unwrap();
        mark(jpeg)
    }

    /// The colours of both halves.
    #[track_caller]
    fn seen(jpeg: &[u8]) -> [[u8; 4]; 2] {
        let mut pixels = Vec::new();
        assert_eq!(decode(jpeg, &mut pixels), Ok((32, 16)));
        let rows: Vec<_> = pixels.chunks_exact(32 * 4).collect();
        assert_eq!(rows.len(), 16);
        [4, 28].map(|column: usize| {
            let at = |row: usize| rows[row][column * 4..][..4].try_into().unwrap();
            assert_eq!(at(3), at(12));
            at(3)
        })
    }

    #[track_caller]
    fn assert_near(seen: [[u8; 4]; 2], expected: [[u8; 3]; 2]) {
        for (seen, expected) in seen.iter().zip(expected) {
            let is_near = seen.iter().zip(expected).all(|(seen, expected)| seen.abs_diff(expected) <= 3);
            assert!(is_near && seen[3] == u8::MAX, "{seen:?} instead of {expected:?}");
        }
    }

    #[test]
    fn pictures_that_are_no_luminance_and_chrominance_have_their_colours() {
        let same = |jpeg| jpeg;
        let halves_of_ink = |colours| halves(colours, &[0, 255, 0, 0], &[255, 255, 0, 128], same);
        assert_near(seen(&halves_of_ink(ColorType::Cmyk)), [[255, 0, 255], [0, 0, 127]]);
        assert_near(seen(&halves_of_ink(ColorType::CmykAsYcck)), [[255, 0, 255], [0, 0, 127]]);
        // What stands in the file is red, green and blue if its components are named so.
        let named = |mut jpeg: Vec<u8>| {
            for marker in [[0xFF, 0xC0], [0xFF, 0xDA]] {
                let at = jpeg.windows(2).position(|pair| pair == marker).unwrap();
                let (first, step) = if marker[1] == 0xC0 { (at + 10, 3) } else { (at + 5, 2) };
                for (component, name) in b"RGB".iter().enumerate() {
                    jpeg[first + component * step] = *name;
                }
            }
            jpeg
        };
        let jpeg = halves(ColorType::Ycbcr, &[200, 40, 80], &[10, 250, 130], named);
        assert_near(seen(&jpeg), [[200, 40, 80], [10, 250, 130]]);
        // Or if the mark of Adobe says that nothing was transformed.
        let marked = |mut jpeg: Vec<u8>| {
            jpeg.splice(2..2, *b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00\x00");
            jpeg
        };
        let jpeg = halves(ColorType::Ycbcr, &[200, 40, 80], &[10, 250, 130], marked);
        assert_near(seen(&jpeg), [[200, 40, 80], [10, 250, 130]]);
    }
}
