//! JPEG (ITU-T T.81) as far as it must be understood to be cut, carried and put together again.

mod header;
pub mod marker;
pub mod tables;
mod walker;

pub use header::{Component, Dimensions, FrameHeader, JpegError, JpegHeader, ScanComponent, Segment};
pub use walker::{Step, Walker};

use std::borrow::Cow;

/// The largest picture that Reelay handles: a fragment offset has 24 bits (RFC 2435 §3.1.2).
pub const LARGEST: usize = 16 * 1024 * 1024;

/// The picture with the Huffman tables that a decoder needs.
///
/// Webcams and AVI files leave the standard tables out, and a decoder refuses a baseline picture without any.
pub fn with_huffman_tables(jpeg: &[u8]) -> Cow<'_, [u8]> {
    match JpegHeader::parse(jpeg) {
        Ok(header) if header.is_baseline() && !header.has_huffman_tables() => {
            let sos = header.start_of_scan().range.start;
            let mut whole = Vec::with_capacity(jpeg.len() + 512);
            whole.extend_from_slice(&jpeg[..sos]);
            whole.extend_from_slice(&tables::standard_dht_segment());
            whole.extend_from_slice(&jpeg[sos..]);
            Cow::Owned(whole)
        }
        _ => Cow::Borrowed(jpeg),
    }
}
