//! Rewrites of frames that decoders refuse or show wrongly.

use std::borrow::Cow;

use super::header::JpegHeader;
use super::tables;
use super::transcode::with_standard_huffman;

/// The picture as decoders understand it.
///
/// Webcams and AVI files leave the standard Huffman tables out, and a decoder refuses a baseline picture without any.
/// A baseline picture with a scan for each component is put together wrongly where chrominance has fewer samples.
pub fn as_decoders_expect(jpeg: &[u8]) -> Cow<'_, [u8]> {
    let Ok(header) = JpegHeader::parse(jpeg) else { return Cow::Borrowed(jpeg) };
    if !header.is_baseline() {
        return Cow::Borrowed(jpeg);
    }
    if header.frame().components.len() == 3 && header.scan().len() < 3 {
        // Where it cannot be, the decoder may do better than nothing.
        return with_standard_huffman(jpeg).map_or(Cow::Borrowed(jpeg), Cow::Owned);
    }
    if header.has_huffman_tables() {
        return Cow::Borrowed(jpeg);
    }
    let sos = header.start_of_scan().range.start;
    let mut whole = Vec::with_capacity(jpeg.len() + 512);
    whole.extend_from_slice(&jpeg[..sos]);
    whole.extend_from_slice(&tables::standard_dht_segment());
    whole.extend_from_slice(&jpeg[sos..]);
    Cow::Owned(whole)
}
