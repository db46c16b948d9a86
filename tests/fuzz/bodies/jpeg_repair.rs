//! Damaged frames and inserted restart markers: a repaired frame has the size of the original, and the bytes of a
//! marked frame come back.

use std::ops::Range;

use reelay::media::decode::decode;
use reelay::media::jpeg::{
    JpegHeader, ReceivedParts, insert_restarts, remove_restarts, repair, with_restart_interval,
};

use super::input::Input;
use super::jpeg_walk::jpegs;

/// Removes the missing ranges, and repairs the rest.
fn check_repair(jpeg: &[u8], missing: &[Range<usize>], restarts: &[(usize, u16)]) {
    let mut received = Vec::new();
    let mut position = 0;
    for range in missing {
        received.extend_from_slice(jpeg.get(position..range.start.min(jpeg.len())).unwrap_or_default());
        position = range.end;
    }
    received.extend_from_slice(jpeg.get(position..).unwrap_or_default());
    let parts = ReceivedParts { jpeg: &received, missing, restarts };
    let Some((repaired, area)) = repair(parts) else { return };
    assert!(area.share() > 0.0 && area.share() <= 1.0);
    let pixels = |rectangle: reelay::media::jpeg::McuRectangle| rectangle.width * rectangle.height;
    let covered: usize = area.fresh().chain(area.concealed()).map(pixels).sum();
    let size = area.dimensions();
    assert!(covered >= usize::from(size.width) * usize::from(size.height));
    let mut decoded = Vec::new();
    if let Ok(decoded_size) = decode(&repaired, &mut decoded) {
        assert_eq!(decoded_size, (size.width.into(), size.height.into()));
    }
}

/// A frame, and the positions of its restart intervals with their indices.
type MarkedFrame = (Vec<u8>, Vec<(usize, u16)>);

/// Returns a frame with restart markers, from which the frame is restored, and the positions of its intervals.
fn marked(jpeg: &[u8], interval_length: usize) -> Option<MarkedFrame> {
    let header = JpegHeader::parse(jpeg).ok()?;
    let scan = insert_restarts(&header, interval_length).ok()?;
    let header_bytes = &jpeg[..header.scan_data_start()];
    let mut marked = with_restart_interval(header_bytes, header.sos_segment().range.start, scan.interval);
    let restarts = scan.interval_starts.iter().map(|start| marked.len() + start).zip(0..).collect();
    marked.extend_from_slice(&scan.data);
    // Several codes of one symbol, or a coefficient that wraps, do not come back; the sender compares.
    if let Ok(restored) = remove_restarts(&marked, scan.has_zero_padding)
        && restored == jpeg
    {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if let Ok(size) = decode(jpeg, &mut before) {
            assert_eq!(decode(&marked, &mut after), Ok(size));
            assert!(before == after, "the pixels have changed");
        }
    }
    Some((marked, restarts))
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let (interval_length, gaps) = (usize::from(input.byte()) * 4, usize::from(input.byte()) % 4);
    let (mut missing, mut position) = (Vec::new(), 0);
    for _ in 0..gaps {
        let start = position + usize::from(input.u16() % 1_500);
        let length = usize::from(input.byte());
        position = if length == 255 { usize::MAX } else { start + length + 1 };
        missing.push(start..position);
        if position == usize::MAX {
            break;
        }
    }
    let jpeg = input.rest();
    check_repair(jpeg, &missing, &[(700, 3), (900, 60_000)]);
    if let Some((marked, restarts)) = marked(jpeg, interval_length) {
        check_repair(&marked, &missing, &restarts);
        check_repair(&marked, &missing, &[]);
    }
    let _ = remove_restarts(jpeg, gaps > 1);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let heads: [&[u8]; 3] = [&[10, 1, 2, 240, 20], &[1, 2, 2, 230, 5, 0, 40, 255], &[40, 1, 3, 0, 100]];
    let with_heads = |jpeg: Vec<u8>| heads.map(|head| [head, &jpeg[..]].concat());
    jpegs().into_iter().flat_map(with_heads).collect()
}
