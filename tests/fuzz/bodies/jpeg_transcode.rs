//! Transcoding and re-encoding: the result is a frame of RFC 2435, and transcoding keeps every pixel.

use reelay::media::decode::decode;
use reelay::media::jpeg::{JpegHeader, with_standard_huffman};
use reelay::media::payload::Rfc2435Frame;
use reelay::media::reencode::{Quality, rfc2435_size, to_rfc2435};

use super::jpeg_walk::jpegs;

/// Largest side of a frame that RFC 2435 carries, in pixels (RFC 2435 §3.1.5).
const MAX_SIDE: u16 = 2_040;

fn check_transcoded(jpeg: &[u8], transcoded: &[u8]) {
    let size = JpegHeader::parse(transcoded).expect("a written header is valid").dimensions();
    if size.width.max(size.height) <= MAX_SIDE {
        Rfc2435Frame::parse(transcoded).expect("a transcoded frame is one of RFC 2435");
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    if let Ok(size) = decode(jpeg, &mut before) {
        assert_eq!(decode(transcoded, &mut after), Ok(size));
        assert!(before == after, "the pixels have changed");
    }
}

pub fn body(data: &[u8]) {
    if let Ok(transcoded) = with_standard_huffman(data) {
        check_transcoded(data, &transcoded);
    }
    if let Ok(frame) = to_rfc2435(data, Quality::default()) {
        Rfc2435Frame::parse(&frame).expect("the frame is one of RFC 2435");
        // The decoder reads some headers that are malformed.
        let Ok(before) = JpegHeader::parse(data).map(|header| header.dimensions()) else { return };
        let after = JpegHeader::parse(&frame).expect("a frame of RFC 2435").dimensions();
        assert_eq!(after, rfc2435_size(before));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    jpegs()
}
