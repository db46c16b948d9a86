//! From a JPEG to pixels.

use std::fmt;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::jpeg;

/// Why a picture could not be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(String);

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
/// When the octets are no JPEG that can be decoded.
pub fn decode(jpeg: &[u8], pixels: &mut Vec<u8>) -> Result<(u32, u32), DecodeError> {
    let jpeg = jpeg::with_huffman_tables(jpeg);
    let options = DecoderOptions::new_fast()
        .jpeg_set_out_colorspace(ColorSpace::RGBA)
        .set_max_width(LARGEST_SIDE)
        .set_max_height(LARGEST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&jpeg[..]), options);
    let fault = |error: zune_jpeg::errors::DecodeErrors| DecodeError(format!("{error:?}"));
    decoder.decode_headers().map_err(fault)?;
    let size =
        decoder.output_buffer_size().ok_or_else(|| DecodeError("a picture without a size".to_owned()))?;
    let (width, height) =
        decoder.dimensions().ok_or_else(|| DecodeError("a picture without a size".to_owned()))?;
    pixels.resize(size, 0);
    decoder.decode_into(pixels).map_err(fault)?;
    // Sides are bounded by LARGEST_SIDE, so they fit.
    Ok((width as u32, height as u32))
}
