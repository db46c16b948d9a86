//! Rewriting of frames that decoders reject or decode incorrectly.

use std::borrow::Cow;

use super::header::JpegHeader;
use super::transcode::with_standard_huffman;
use super::{marker, tables};

/// Returns the frame in a form that decoders accept, unchanged if possible.
///
/// - Webcams and AVI files leave out the standard Huffman tables; decoders reject a baseline frame without tables.
/// - zune-jpeg decodes a sequential frame with a separate scan for each component incorrectly if chrominance is
///   subsampled.
/// - Encoders of cameras and phones write SOI twice, bytes between header segments, reserved markers after the last
///   block, a DNL segment, or no EOI. Each of them stops some decoder.
pub fn normalize_for_decoder(jpeg: &[u8]) -> Cow<'_, [u8]> {
    let Ok(header) = JpegHeader::parse(jpeg) else { return Cow::Borrowed(jpeg) };
    let has_separate_scans =
        header.frame_header().components.len() == 3 && header.scan_components().len() < 3;
    // If the frame cannot be rewritten, the decoder may still decode a part of it.
    if has_separate_scans && let Ok(interleaved) = with_standard_huffman(jpeg) {
        return Cow::Owned(interleaved);
    }
    let lacks_tables = header.is_baseline() && !header.has_huffman_tables();
    let (mut has_obstacles, mut lacks_eoi) = (lacks_tables || !header.is_contiguous(), true);
    for marker in header.scan_markers() {
        has_obstacles |= is_obstacle(marker.code);
        lacks_eoi &= marker.code != marker::EOI;
    }
    match (has_obstacles, lacks_eoi) {
        (false, false) => Cow::Borrowed(jpeg),
        (false, true) => Cow::Owned([jpeg, &EOI].concat()),
        (true, _) => Cow::Owned(rewrite(&header, lacks_tables, lacks_eoi)),
    }
}

/// Returns a frame as a complete JPEG for other programs: with the standard Huffman tables, which webcams leave out,
/// and with EOI, which some encoders leave out. Otherwise it is unchanged.
pub fn standalone(jpeg: &[u8]) -> Cow<'_, [u8]> {
    let Ok(header) = JpegHeader::parse(jpeg) else {
        return if jpeg.ends_with(&EOI) { Cow::Borrowed(jpeg) } else { Cow::Owned([jpeg, &EOI].concat()) };
    };
    let lacks_tables = header.is_baseline() && !header.has_huffman_tables();
    let lacks_eoi = !header.scan_markers().any(|marker| marker.code == marker::EOI);
    if !lacks_tables && !lacks_eoi {
        return Cow::Borrowed(jpeg);
    }
    let (before, after) = jpeg.split_at(header.sos_segment().range.start);
    let tables = if lacks_tables { tables::standard_dht_segment() } else { Vec::new() };
    Cow::Owned([before, &tables, after, if lacks_eoi { &EOI } else { &[] }].concat())
}

const EOI: [u8; 2] = [0xFF, marker::EOI];

/// Returns true if decoders stop at a marker in entropy-coded data that they do not need.
fn is_obstacle(code: u8) -> bool {
    code == marker::DNL || marker::is_reserved(code)
}

/// Rewrites a frame with the segments that decoders need, and with the height of DNL in the frame header.
fn rewrite(header: &JpegHeader<'_>, lacks_tables: bool, lacks_eoi: bool) -> Vec<u8> {
    let jpeg = header.jpeg();
    let mut rewritten = Vec::with_capacity(jpeg.len() + 512);
    rewritten.extend_from_slice(&[0xFF, marker::SOI]);
    for segment in header.segments() {
        if segment.code == marker::SOS && lacks_tables {
            rewritten.extend_from_slice(&tables::standard_dht_segment());
        }
        let start = rewritten.len();
        rewritten.extend_from_slice(&jpeg[segment.range.clone()]);
        if marker::is_start_of_frame(segment.code) {
            // Marker, length and precision precede the height (T.81 §B.2.2).
            rewritten[start + 5..start + 7].copy_from_slice(&header.dimensions().height.to_be_bytes());
        }
    }
    let mut position = header.scan_data_start();
    for obstacle in header.scan_markers().filter(|marker| is_obstacle(marker.code)) {
        rewritten.extend_from_slice(&jpeg[position..obstacle.range.start]);
        position = obstacle.range.end;
    }
    rewritten.extend_from_slice(&jpeg[position..]);
    if lacks_eoi {
        rewritten.extend_from_slice(&EOI);
    }
    rewritten
}
