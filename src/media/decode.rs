//! JPEG decoding to RGBA pixels, and to samples for re-encoding.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::jpeg::{self, Dimensions, Fields, JpegHeader, MAX_PIXELS};

/// Reason why a frame cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame is of a kind that the decoder does not know, named for a message ("arithmetic-coded JPEG").
    #[error("the frame is {0}")]
    UnknownKind(&'static str),
    /// The frame is damaged or too large.
    #[error("{0}")]
    Invalid(String),
}

impl DecodeError {
    pub(super) fn new(message: String) -> Self {
        Self::Invalid(message)
    }
}

/// Maximum width and height of a frame that is decoded, in pixels.
const MAX_DIMENSION: usize = 16_384;

/// Decodes a frame into `pixels` as RGBA, row by row, and returns width and height in pixels.
///
/// The fields of an interlaced frame are woven into one picture. The buffer is resized to the picture. Pass the same
/// buffer again to avoid an allocation for each frame.
///
/// # Errors
/// Returns a [`DecodeError`] if the bytes are not a decodable JPEG, or the frame has more than [`MAX_PIXELS`] pixels.
pub fn decode(jpeg: &[u8], pixels: &mut Vec<u8>) -> Result<(u32, u32), DecodeError> {
    let Some(fields) = jpeg::split_fields(jpeg) else { return decode_rgba(jpeg, pixels) };
    let Dimensions { width, height } = checked_size(&fields)?;
    let (mut top, mut bottom) = (Vec::new(), Vec::new());
    decode_rgba(fields.top, &mut top)?;
    decode_rgba(fields.bottom, &mut bottom)?;
    *pixels = jpeg::weave(&top, &bottom, usize::from(width) * 4);
    Ok((width.into(), height.into()))
}

/// Returns the size of an interlaced frame, if it has at most [`MAX_PIXELS`] pixels.
fn checked_size(fields: &Fields<'_>) -> Result<Dimensions, DecodeError> {
    let Dimensions { width, height } = fields.dimensions;
    match usize::from(width) * usize::from(height) <= MAX_PIXELS {
        true => Ok(fields.dimensions),
        false => Err(DecodeError::new(format!("the frame has more than {MAX_PIXELS} pixels"))),
    }
}

/// Decodes a frame that is not interlaced, or a field.
fn decode_rgba(jpeg: &[u8], pixels: &mut Vec<u8>) -> Result<(u32, u32), DecodeError> {
    let jpeg = jpeg::normalize_for_decoder(jpeg);
    let mut decoder = open_decoder(&jpeg, ColorSpace::RGBA)?;
    let size = match decoder.input_colorspace() {
        Some(ColorSpace::Luma | ColorSpace::YCbCr) => {
            let size = decode_into(&mut decoder, pixels)?;
            make_opaque(pixels, size.width.into());
            size
        }
        // zune-jpeg converts RGB, CMYK and YCCK to RGB correctly; its conversions to RGBA are missing or incorrect.
        _ => {
            let size = decode_into(&mut open_decoder(&jpeg, ColorSpace::RGB)?, pixels)?;
            rgb_to_rgba(pixels);
            size
        }
    };
    Ok((size.width.into(), size.height.into()))
}

/// Makes all pixels opaque. Where a damaged frame has no data, zune-jpeg writes 128 into all four components, from a
/// row on to the end. So every fourth pixel, and the last row, show whether there is such a place.
fn make_opaque(rgba: &mut [u8], width: usize) {
    let pixels = rgba.as_chunks_mut::<4>().0;
    let is_opaque = |row: &[[u8; 4]]| row.iter().step_by(4).all(|pixel| pixel[3] == u8::MAX);
    let mut rows = pixels.chunks_exact(width.max(1));
    let is_last_row_opaque = rows.clone().next_back().is_none_or(is_opaque);
    if !is_last_row_opaque || !rows.by_ref().step_by(4).all(is_opaque) {
        pixels.iter_mut().for_each(|pixel| pixel[3] = u8::MAX);
    }
}

/// Converts RGB to RGBA in place.
fn rgb_to_rgba(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 3;
    pixels.resize(count * 4, 0);
    for pixel in (0..count).rev() {
        pixels.copy_within(pixel * 3..pixel * 3 + 3, pixel * 4);
        pixels[pixel * 4 + 3] = u8::MAX;
    }
}

/// Components of a decoded pixel, 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleFormat {
    /// Luminance only, one component.
    Luma,
    /// YCbCr, three components, as stored in most JPEGs.
    YCbCr,
    /// RGB, three components.
    Rgb,
}

impl SampleFormat {
    /// Returns the number of bytes per pixel: 1 or 3.
    pub(super) fn bytes_per_pixel(self) -> usize {
        if self == Self::Luma { 1 } else { 3 }
    }
}

/// Decodes a frame into `samples` without colour conversion if it is stored as luminance or YCbCr, otherwise as RGB.
///
/// # Errors
/// Returns a [`DecodeError`] in the same cases as [`decode`].
pub(super) fn decode_samples(
    jpeg: &[u8],
    samples: &mut Vec<u8>,
) -> Result<(SampleFormat, Dimensions), DecodeError> {
    let Some(fields) = jpeg::split_fields(jpeg) else { return decode_stored(jpeg, samples) };
    let dimensions = checked_size(&fields)?;
    let (mut top, mut bottom) = (Vec::new(), Vec::new());
    let (format, _) = decode_stored(fields.top, &mut top)?;
    if decode_stored(fields.bottom, &mut bottom)?.0 != format {
        return Err(DecodeError::new("the fields of the frame have different components".to_owned()));
    }
    *samples = jpeg::weave(&top, &bottom, usize::from(dimensions.width) * format.bytes_per_pixel());
    Ok((format, dimensions))
}

/// Decodes a frame that is not interlaced, or a field, without colour conversion if possible.
fn decode_stored(jpeg: &[u8], samples: &mut Vec<u8>) -> Result<(SampleFormat, Dimensions), DecodeError> {
    let jpeg = jpeg::normalize_for_decoder(jpeg);
    let mut decoder = open_decoder(&jpeg, ColorSpace::RGB)?;
    let (format, output) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (SampleFormat::Luma, ColorSpace::Luma),
        Some(ColorSpace::YCbCr) => (SampleFormat::YCbCr, ColorSpace::YCbCr),
        _ => (SampleFormat::Rgb, ColorSpace::RGB),
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(output));
    Ok((format, decode_into(&mut decoder, samples)?))
}

type ZuneDecoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// Creates a decoder and parses the header. The number of pixels is checked before memory is allocated, since a header
/// of a few bytes can request a gigabyte.
fn open_decoder(jpeg: &[u8], output: ColorSpace) -> Result<ZuneDecoder<'_>, DecodeError> {
    let header = JpegHeader::parse(jpeg).ok();
    if let Some(kind) = header.as_ref().and_then(jpeg::undecodable_kind) {
        return Err(DecodeError::UnknownKind(kind));
    }
    let options = DecoderOptions::new_fast()
        .jpeg_set_out_colorspace(output)
        .set_max_width(MAX_DIMENSION)
        .set_max_height(MAX_DIMENSION);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(decode_error)?;
    if decoder.dimensions().is_none_or(|(width, height)| width * height > MAX_PIXELS) {
        return Err(DecodeError::new(format!("the frame has more than {MAX_PIXELS} pixels")));
    }
    if let Some(header) = &header {
        let checked = jpeg::check_sampling(header).and_then(|()| jpeg::check_decoding_cost(header));
        checked.map_err(|reason| DecodeError::new(reason.to_owned()))?;
    }
    Ok(decoder)
}

fn decode_into(decoder: &mut ZuneDecoder<'_>, bytes: &mut Vec<u8>) -> Result<Dimensions, DecodeError> {
    let no_size = || DecodeError::new("the frame has no width or height".to_owned());
    let size = decoder.output_buffer_size().ok_or_else(no_size)?;
    let (width, height) = decoder.dimensions().ok_or_else(no_size)?;
    bytes.resize(size, 0);
    decoder.decode_into(bytes).map_err(decode_error)?;
    // Both are at most MAX_DIMENSION.
    Ok(Dimensions { width: width as u16, height: height as u16 })
}

fn decode_error(error: zune_jpeg::errors::DecodeErrors) -> DecodeError {
    DecodeError::new(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;

    /// A JPEG whose header is complete and whose scan has no data.
    fn header_bytes(width: u16, height: u16) -> Vec<u8> {
        let [w0, w1] = width.to_be_bytes();
        let [h0, h1] = height.to_be_bytes();
        let frame = [0xFF, 0xC0, 0, 11, 8, h0, h1, w0, w1, 1, 1, 0x11, 0];
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0xFF, 0xD9];
        [&[0xFF, 0xD8][..], &frame, &scan].concat()
    }

    #[test]
    fn small_header_cannot_request_a_huge_allocation() {
        let mut pixels = Vec::new();
        let error = decode(&header_bytes(16_000, 16_000), &mut pixels).unwrap_err().to_string();
        assert_eq!(error, "the frame has more than 67108864 pixels");
        assert_eq!(pixels.capacity(), 0);
        let error = decode(&header_bytes(16, 16), &mut pixels).unwrap_err().to_string();
        assert!(!error.contains("pixels"), "{error}");
    }

    #[test]
    fn frames_without_their_end_are_opaque() {
        let (width, height) = (75, 53);
        let rgb: Vec<u8> =
            (0..u32::from(width) * u32::from(height) * 3).map(|i| (i * 37 % 251) as u8).collect();
        for sampling in [SamplingFactor::R_4_2_0, SamplingFactor::R_4_2_2, SamplingFactor::R_4_4_4] {
            let mut jpeg = Vec::new();
            let mut encoder = Encoder::new(&mut jpeg, 80);
            encoder.set_sampling_factor(sampling);
            encoder.encode(&rgb, width, height, ColorType::Rgb).unwrap();
            let mut incomplete = 0;
            for length in (700..jpeg.len()).step_by(41) {
                let mut pixels = Vec::new();
                if decode(&jpeg[..length], &mut pixels).is_ok() {
                    incomplete += 1;
                    assert!(pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == u8::MAX), "{length}");
                }
            }
            assert!(incomplete > 50, "{incomplete}");
        }
    }

    #[test]
    fn subsampled_luminance_is_decoded_only_with_the_other_components() {
        let frame = |factors: [u8; 3], is_interleaved: bool| {
            let components = factors.into_iter().zip(1..).flat_map(|(factor, id)| [id, factor, 0]);
            let header: Vec<_> =
                [0xFF, 0xC0, 0, 17, 8, 0, 16, 0, 16, 3].into_iter().chain(components).collect();
            let scan: &[u8] = match is_interleaved {
                true => &[0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0],
                false => &[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0],
            };
            let jpeg = [&[0xFF, 0xD8], &header[..], scan, &[0; 64], &[0xFF, 0xD9]].concat();
            let result = decode(&jpeg, &mut Vec::new());
            result.is_err_and(|error| error.to_string().contains("subsampled luminance"))
        };
        assert!(frame([0x12, 0x21, 0x11], false) && frame([0x22, 0x42, 0x11], false));
        assert!(!frame([0x12, 0x21, 0x11], true) && !frame([0x22, 0x11, 0x11], false));
    }

    #[test]
    fn cost_of_decoding_is_in_proportion_to_the_length() {
        let mut pixels = Vec::new();
        let error = decode(&header_bytes(8_192, 8_192), &mut pixels).unwrap_err().to_string();
        assert_eq!(error, "the frame is far too short for its size in pixels");
        assert_eq!(pixels.capacity(), 0);

        // A progressive frame of 16 pixels with this number of scans.
        let scans = |count: usize| {
            let mut jpeg = header_bytes(16, 16);
            jpeg[3] = 0xC2;
            let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 0x55];
            jpeg.truncate(jpeg.len() - 2);
            [&jpeg[..], &scan.repeat(count - 1), &[0xFF, 0xD9]].concat()
        };
        let reason = |count: usize| decode(&scans(count), &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(reason(99), "the frame has too many scans");
        assert_ne!(reason(32), "the frame has too many scans");
    }

    #[test]
    fn damaged_frame_is_opaque_where_it_has_no_data() {
        let samples: Vec<u8> = (0..64 * 64 * 3u32).map(|index| (index * 37 % 251) as u8).collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 90);
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        encoder.encode(&samples, 64, 64, ColorType::Rgb).unwrap();
        // No code has only ones.
        jpeg.truncate(jpeg.len() * 6 / 10);
        jpeg.extend([0xFF, 0].repeat(64));
        let mut pixels = Vec::new();
        assert_eq!(decode(&jpeg, &mut pixels), Ok((64, 64)));
        assert!(pixels.ends_with(&[128, 128, 128, 255]), "{:?}", pixels.last_chunk::<4>());
        assert!(pixels.chunks_exact(4).all(|pixel| pixel[3] == 255));
    }

    /// A JPEG whose left and right halves have these samples, changed by `edit`.
    fn two_colour_jpeg(
        colours: ColorType,
        left: &[u8],
        right: &[u8],
        edit: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Vec<u8> {
        let row: Vec<u8> =
            (0..32).flat_map(|column| if column < 16 { left } else { right }).copied().collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 100);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder.encode(&row.repeat(16), 32, 16, colours).unwrap();
        edit(jpeg)
    }

    /// The decoded colours of both halves, as RGBA.
    #[track_caller]
    fn decoded_colours(jpeg: &[u8]) -> [[u8; 4]; 2] {
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
    fn assert_near(decoded: [[u8; 4]; 2], expected: [[u8; 3]; 2]) {
        for (decoded, expected) in decoded.iter().zip(expected) {
            let is_near =
                decoded.iter().zip(expected).all(|(decoded, expected)| decoded.abs_diff(expected) <= 3);
            assert!(is_near && decoded[3] == u8::MAX, "{decoded:?} instead of {expected:?}");
        }
    }

    #[test]
    fn rgb_and_cmyk_jpegs_decode_to_their_colours() {
        let same = |jpeg| jpeg;
        let halves_of_ink = |colours| two_colour_jpeg(colours, &[0, 255, 0, 0], &[255, 255, 0, 128], same);
        assert_near(decoded_colours(&halves_of_ink(ColorType::Cmyk)), [[255, 0, 255], [0, 0, 127]]);
        assert_near(decoded_colours(&halves_of_ink(ColorType::CmykAsYcck)), [[255, 0, 255], [0, 0, 127]]);
        // The components are red, green and blue if their identifiers are R, G and B.
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
        let jpeg = two_colour_jpeg(ColorType::Ycbcr, &[200, 40, 80], &[10, 250, 130], named);
        assert_near(decoded_colours(&jpeg), [[200, 40, 80], [10, 250, 130]]);
        // The same if the Adobe APP14 segment has the transform value 0.
        let marked = |mut jpeg: Vec<u8>| {
            jpeg.splice(2..2, *b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00\x00");
            jpeg
        };
        let jpeg = two_colour_jpeg(ColorType::Ycbcr, &[200, 40, 80], &[10, 250, 130], marked);
        assert_near(decoded_colours(&jpeg), [[200, 40, 80], [10, 250, 130]]);
    }
}
