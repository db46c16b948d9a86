//! Frames that are not decoded: kinds of JPEG that the decoder does not know, and frames that cost too much.

use super::header::{Dimensions, JpegHeader};
use super::limits::{MAX_BLOCKS_PER_BYTE, MAX_SCANNED_PIXELS, MAX_SCANS};
use super::marker;

/// Returns the kind of a frame that the decoder does not know, for a message ("arithmetic-coded JPEG"); `None` if it
/// may be able to decode the frame.
pub fn undecodable_kind(header: &JpegHeader<'_>) -> Option<&'static str> {
    let frame = header.frame_header();
    let is_hierarchical = header.segments().iter().any(|segment| segment.code == marker::DHP);
    match frame.sof_marker {
        _ if is_hierarchical => Some("hierarchical JPEG"),
        0xC3 => Some("lossless JPEG"),
        0xC5..=0xC7 | 0xCD..=0xCF => Some("hierarchical JPEG"),
        0xC9..=0xCB => Some("arithmetic-coded JPEG"),
        _ if frame.precision == 12 => Some("JPEG with 12 bits per sample"),
        _ if frame.precision != 8 => Some("JPEG with an unknown number of bits per sample"),
        _ if header.dimensions().height == 0 => Some("JPEG without a height"),
        _ => None,
    }
}

/// Checks that the luminance, the first component, has the largest sampling factors if the components are in scans of
/// their own. The decoder fails with others.
///
/// # Errors
/// Returns the reason if the frame is not to be decoded.
pub fn check_sampling(header: &JpegHeader<'_>) -> Result<(), &'static str> {
    let components = &header.frame_header().components;
    let Some(first) = components.first() else { return Ok(()) };
    let is_largest = components.iter().all(|component| {
        component.horizontal_sampling <= first.horizontal_sampling
            && component.vertical_sampling <= first.vertical_sampling
    });
    match is_largest || header.scan_components().len() == components.len() {
        true => Ok(()),
        false => Err("the frame has subsampled luminance in a scan of its own"),
    }
}

/// Checks that the cost of decoding is in proportion to the length of the frame: a header of a few bytes can state a
/// size for which a decoder needs a gigabyte, and each progressive scan costs a pass over all pixels.
///
/// # Errors
/// Returns the reason if the frame is not to be decoded.
pub fn check_decoding_cost(header: &JpegHeader<'_>) -> Result<(), &'static str> {
    let Dimensions { width, height } = header.dimensions();
    let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8));
    if blocks > header.jpeg().len().saturating_mul(MAX_BLOCKS_PER_BYTE) {
        return Err("the frame is far too short for its size in pixels");
    }
    let further_scans = header.scan_markers().filter(|marker| marker.code == marker::SOS);
    let scans = 1 + further_scans.take(MAX_SCANS).count();
    if scans > MAX_SCANS || scans * usize::from(width) * usize::from(height) > MAX_SCANNED_PIXELS {
        return Err("the frame has too many scans");
    }
    Ok(())
}
