//! JPEG (ITU-T T.81) as far as it must be understood to be cut, carried and put together again.

mod bits;
mod blocks;
mod header;
mod huffman;
pub mod marker;
pub mod tables;
mod transcode;
mod walker;

pub use header::{
    Component, Dimensions, FrameHeader, JpegError, JpegHeader, ScanComponent, Segment, standard_header,
};
pub use transcode::with_standard_huffman;
pub use walker::{Step, Walker};

use std::borrow::Cow;

/// The largest picture that Reelay handles: a fragment offset has 24 bits (RFC 2435 §3.1.2).
pub const LARGEST: usize = 16 * 1024 * 1024;

/// The most pixels of a picture that is worked on as a whole: decoded to be encoded again, or coded otherwise.
pub const MOST_PIXELS: usize = 1 << 26;

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
