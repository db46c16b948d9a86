//! Interlaced frames: two JPEGs, each with every second line of the picture.
//!
//! Capture boards write both fields of a frame into one chunk of an AVI file, each as a complete JPEG of half the
//! height. An APP0 segment that begins with "AVI1" marks them (OpenDML AVI File Format Extensions 1.02, Motion JPEG).

use super::frame_parser::{FrameParser, ParseStatus};
use super::header::{Dimensions, JpegHeader};
use super::marker;

/// The two fields of an interlaced frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// JPEG with lines 0, 2, 4 and so on.
    pub top: &'a [u8],
    /// JPEG with the other lines.
    pub bottom: &'a [u8],
    /// Size of the frame, in pixels.
    pub dimensions: Dimensions,
}

/// Maximum number of segments before APP0 that are considered.
const MAX_PRECEDING_SEGMENTS: usize = 4;

/// Marker code of APP0.
const APP0: u8 = 0xE0;

/// Polarity of a field with the even lines, counted from 1, which are the bottom ones.
const EVEN_FIELD: u8 = 2;

/// Returns the fields of a frame; `None` if it is not interlaced.
pub fn split_fields(jpeg: &[u8]) -> Option<Fields<'_>> {
    let polarity = avi1_polarity(jpeg)?;
    let ParseStatus::Complete { consumed } = FrameParser::default().advance(jpeg) else { return None };
    let (first, rest) = jpeg.split_at(consumed);
    // A field can be padded.
    let second = &rest[memchr::memmem::find(rest, &[0xFF, marker::SOI, 0xFF])?..];
    let [first_size, second_size] =
        [first, second].map(|field| JpegHeader::parse(field).ok().map(|header| header.dimensions()));
    let (first_size, second_size) = (first_size?, second_size?);
    let (top, bottom) = if polarity == EVEN_FIELD { (second, first) } else { (first, second) };
    let is_pair = first_size.width == second_size.width
        && first_size.height.abs_diff(second_size.height) <= 1
        && first_size.height.min(second_size.height) > 0;
    let height = first_size.height.checked_add(second_size.height).filter(|_| is_pair)?;
    Some(Fields { top, bottom, dimensions: Dimensions { width: first_size.width, height } })
}

/// Returns the size of a frame in pixels, with both of its fields; `None` if its header is invalid.
pub fn frame_dimensions(jpeg: &[u8]) -> Option<Dimensions> {
    let header = JpegHeader::parse(jpeg).ok()?;
    Some(split_fields(jpeg).map_or_else(|| header.dimensions(), |fields| fields.dimensions))
}

/// Returns true if a frame states that it is a field, or begins with one.
pub(super) fn is_field(jpeg: &[u8]) -> bool {
    avi1_polarity(jpeg).is_some_and(|polarity| polarity != 0)
}

/// Returns the polarity in the "AVI1" segment: 0 for a frame that is not interlaced or states none, 1 for a field with
/// the odd lines, counted from 1, and 2 for one with the even lines. `None` without that segment.
fn avi1_polarity(jpeg: &[u8]) -> Option<u8> {
    let mut rest = jpeg.strip_prefix(&[0xFF, marker::SOI])?;
    for _ in 0..=MAX_PRECEDING_SEGMENTS {
        let &[0xFF, code, high, low, ..] = rest else { return None };
        let end = 2 + usize::from(u16::from_be_bytes([high, low]));
        let body = rest.get(4..end)?;
        match code {
            APP0 if body.starts_with(b"AVI1") => return body.get(4).copied(),
            marker::SOS => return None,
            _ => rest = &rest[end..],
        }
    }
    None
}

/// Joins the lines of two fields, each of `line` bytes, starting with the first one of `top`.
pub fn weave(top: &[u8], bottom: &[u8], line: usize) -> Vec<u8> {
    let mut woven = Vec::with_capacity(top.len() + bottom.len());
    let (mut top, mut bottom) = (top.chunks(line.max(1)), bottom.chunks(line.max(1)));
    loop {
        let lines = [top.next(), bottom.next()];
        if lines == [None, None] {
            return woven;
        }
        lines.into_iter().flatten().for_each(|line| woven.extend_from_slice(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with this polarity and height, without scan data.
    fn field(polarity: u8, height: u8) -> Vec<u8> {
        let app0 = [0xFF, APP0, 0, 16, b'A', b'V', b'I', b'1', polarity, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let frame = [0xFF, 0xC0, 0, 11, 8, 0, height, 0, 16, 1, 1, 0x11, 0];
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x55, 0xFF, 0xD9];
        [&[0xFF, 0xD8][..], &app0, &frame, &scan].concat()
    }

    #[test]
    fn polarity_decides_which_field_is_on_top() {
        let (odd, even) = (field(1, 8), field(2, 8));
        let frame = [&odd[..], &[0; 5], &even, &[0]].concat();
        let fields = split_fields(&frame).unwrap();
        assert!(fields.top == odd && fields.bottom.starts_with(&even));
        assert_eq!((fields.dimensions.width, fields.dimensions.height), (16, 16));
        let frame = [&even[..], &odd].concat();
        let fields = split_fields(&frame).unwrap();
        assert!(fields.top == odd && fields.bottom == even);
        let frame = [&field(0, 8)[..], &field(0, 8)].concat();
        assert!(split_fields(&frame).is_some(), "fields without a stated polarity");
    }

    #[test]
    fn other_frames_have_no_fields() {
        assert_eq!(split_fields(&field(1, 8)), None, "a single field");
        assert_eq!(split_fields(&[field(1, 8), field(2, 12)].concat()), None, "another size");
        let mut plain = field(1, 8);
        plain[6] = b'J';
        assert_eq!(split_fields(&[&plain[..], &plain].concat()), None, "a frame before a thumbnail");
        for cut in 0..field(1, 8).len() + 30 {
            assert_eq!(split_fields(&[field(1, 8), field(2, 8)].concat()[..cut]), None, "{cut}");
        }
        assert_eq!(frame_dimensions(&field(1, 8)).map(|size| size.height), Some(8));
    }

    #[test]
    fn lines_are_woven_from_the_top() {
        assert_eq!(weave(b"aabbcc", b"AABB", 2), b"aaAAbbBBcc");
    }
}
