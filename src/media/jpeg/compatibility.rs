//! Rewrites of frames that decoders refuse or show wrongly.

use std::borrow::Cow;

use super::header::JpegHeader;
use super::tables;
use super::transcode::with_standard_huffman;

/// The picture as decoders understand it.
///
/// Webcams and AVI files leave the standard Huffman tables out, and a decoder refuses a baseline picture without any.
/// A baseline picture with a scan for each component is put together wrongly where chrominance has fewer samples.
pub fn normalize_for_decoder(jpeg: &[u8]) -> Cow<'_, [u8]> {
    let Ok(header) = JpegHeader::parse(jpeg) else { return Cow::Borrowed(jpeg) };
    if !header.is_baseline() {
        return Cow::Borrowed(jpeg);
    }
    if header.frame_header().components.len() == 3 && header.scan_components().len() < 3 {
        // Where it cannot be, the decoder may do better than nothing.
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
