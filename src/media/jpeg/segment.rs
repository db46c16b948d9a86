//! Marker segments, and the search for those after the first scan header.

use std::ops::Range;

use super::marker;

/// A marker segment: marker, length and body (T.81 §B.1.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Marker code, the byte after 0xFF.
    pub code: u8,
    /// Position in the frame, in bytes from SOI, from the 0xFF of the marker to the last byte of the body.
    pub range: Range<usize>,
}

/// Iterator over the markers in entropy-coded data and between scans, each with its segment if it has one. Stuffed
/// zero bytes and restart markers are left out. EOI is the last marker.
#[derive(Debug)]
pub(super) struct ScanMarkers<'a> {
    jpeg: &'a [u8],
    position: usize,
}

impl<'a> ScanMarkers<'a> {
    /// Creates an iterator that begins at `position`, in bytes from SOI.
    pub fn new(jpeg: &'a [u8], position: usize) -> Self {
        Self { jpeg, position }
    }

    /// Returns the end of the segment whose length field is at `position`, or `position` if it has no valid length.
    fn segment_end(&self, position: usize) -> usize {
        let length = self.jpeg.get(position..).and_then(|rest| rest.first_chunk());
        let length = length.map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
        if length < 2 { position } else { (position + length).min(self.jpeg.len()) }
    }
}

impl Iterator for ScanMarkers<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        loop {
            let start = self.position + memchr::memchr(0xFF, self.jpeg.get(self.position..)?)?;
            let code = *self.jpeg.get(start + 1)?;
            let after_code = start + 2;
            self.position = match code {
                // The first of several fill bytes.
                0xFF => start + 1,
                0x00 | marker::RST0..=marker::RST7 => after_code,
                marker::EOI => self.jpeg.len(),
                code if marker::has_segment(code) => self.segment_end(after_code),
                _ => after_code,
            };
            if !matches!(code, 0x00 | 0xFF | marker::RST0..=marker::RST7) {
                let end = if code == marker::EOI { after_code } else { self.position };
                return Some(Segment { code, range: start..end });
            }
        }
    }
}
