//! Encoding of header segments that RFC 2435 does not transmit.

use super::header::Dimensions;
use super::{marker, tables};

/// Encodes a header with the standard Huffman tables, from SOI to SOS, as in RFC 2435 appendix B.
///
/// `vertical_sampling` is the factor of luminance: 1 for 4:2:2, 2 for 4:2:0. `quantization_tables` are those of
/// luminance and chrominance, in zigzag order. `restart_interval` is in minimum coded units; with `None` there is no
/// DRI segment.
pub fn standard_header(
    dimensions: Dimensions,
    vertical_sampling: u8,
    quantization_tables: [&[u8]; 2],
    restart_interval: Option<u16>,
) -> Vec<u8> {
    let mut header = vec![0xFF, marker::SOI];
    header.extend_from_slice(&quantization_segments(quantization_tables));
    if let Some(interval) = restart_interval {
        header.extend_from_slice(&restart_segment(interval));
    }
    header.extend_from_slice(&frame_header_segment(dimensions, vertical_sampling));
    header.extend_from_slice(&tables::standard_dht_segment());
    header.extend_from_slice(&scan_header_segment(&[1, 2, 3]));
    header
}

/// Encodes a DQT segment for each table; the first has destination 0. The tables have 64 elements in zigzag order.
pub fn quantization_segments(quantization_tables: [&[u8]; 2]) -> Vec<u8> {
    let mut segments = Vec::with_capacity(2 * 69);
    for (destination, table) in (0u8..).zip(quantization_tables) {
        segments.extend_from_slice(&[0xFF, marker::DQT, 0, 67, destination]);
        segments.extend_from_slice(table);
    }
    segments
}

/// Length of a DRI segment, in bytes.
pub const RESTART_SEGMENT_LENGTH: usize = 6;

/// Encodes a DRI segment. `interval` is in minimum coded units.
pub fn restart_segment(interval: u16) -> [u8; RESTART_SEGMENT_LENGTH] {
    let [high, low] = interval.to_be_bytes();
    [0xFF, marker::DRI, 0, 4, high, low]
}

/// Encodes the frame header of a baseline frame (SOF0) with components 1, 2 and 3. `vertical_sampling` is the factor of
/// luminance.
pub fn frame_header_segment(dimensions: Dimensions, vertical_sampling: u8) -> [u8; 19] {
    let ([h1, h0], [w1, w0]) = (dimensions.height.to_be_bytes(), dimensions.width.to_be_bytes());
    let sampling = 0x20 | vertical_sampling;
    [0xFF, marker::SOF0, 0, 17, 8, h1, h0, w1, w0, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]
}

/// Encodes the scan header (SOS) of a sequential frame. The first component uses the Huffman tables of destination 0,
/// the others those of destination 1. There are at most four components (T.81 §B.2.3).
pub fn scan_header_segment(component_ids: &[u8]) -> Vec<u8> {
    let count = component_ids.len().min(4) as u8;
    let mut segment = vec![0xFF, marker::SOS, 0, 6 + 2 * count, count];
    for (index, id) in component_ids.iter().take(4).enumerate() {
        segment.extend_from_slice(&[*id, if index == 0 { 0x00 } else { 0x11 }]);
    }
    segment.extend_from_slice(&[0, 63, 0]);
    segment
}
