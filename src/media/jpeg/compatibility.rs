//! Rewriting of frames that decoders reject or decode incorrectly.

use std::borrow::Cow;

use super::header::JpegHeader;
use super::tables;
use super::transcode::with_standard_huffman;

/// Returns the frame in a form that decoders accept, unchanged if possible.
///
/// Webcams and AVI files leave out the standard Huffman tables, and decoders reject a baseline frame without tables.
/// zune-jpeg decodes a baseline frame with a separate scan for each component incorrectly if chrominance is subsampled.
pub fn normalize_for_decoder(jpeg: &[u8]) -> Cow<'_, [u8]> {
    let Ok(header) = JpegHeader::parse(jpeg) else { return Cow::Borrowed(jpeg) };
    if !header.is_baseline() {
        return Cow::Borrowed(jpeg);
    }
    if header.frame_header().components.len() == 3 && header.scan_components().len() < 3 {
        // If the frame cannot be rewritten, the decoder may still decode a part of it.
        return with_standard_huffman(jpeg).map_or(Cow::Borrowed(jpeg), Cow::Owned);
    }
    if header.has_huffman_tables() {
        return Cow::Borrowed(jpeg);
    }
    let sos = header.sos_segment().range.start;
    let mut completed = Vec::with_capacity(jpeg.len() + 512);
    completed.extend_from_slice(&jpeg[..sos]);
    completed.extend_from_slice(&tables::standard_dht_segment());
    completed.extend_from_slice(&jpeg[sos..]);
    Cow::Owned(completed)
}
