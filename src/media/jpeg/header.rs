//! The header segments of a picture: everything from SOI to the first entropy-coded octet.

use std::fmt;
use std::ops::Range;

use super::marker;
use super::tables::{self, HuffmanTable};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Dimensions {
    pub width: u16,
    pub height: u16,
}

impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// One marker with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The marker code.
    pub code: u8,
    /// Where it stands in the picture, from the 0xFF of its marker to its last octet.
    pub range: Range<usize>,
}

/// One component of a frame header (T.81 §B.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Its identifier; 1, 2, 3 by custom, 0, 1, 2 in some films.
    pub id: u8,
    /// Samples across, relative to the other components.
    pub horizontal: u8,
    /// Samples down, relative to the other components.
    pub vertical: u8,
    /// The quantization table that it uses.
    pub quantization: u8,
}

/// One component of a scan header (T.81 §B.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanComponent {
    /// Which component.
    pub id: u8,
    /// The DC table that it uses.
    pub dc_table: u8,
    /// The AC table that it uses.
    pub ac_table: u8,
}

/// The frame header (T.81 §B.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameHeader {
    /// The marker, which names the coding process.
    pub code: u8,
    /// Bits a sample.
    pub precision: u8,
    /// Size in pixels.
    pub dimensions: Dimensions,
    /// What the picture is made of.
    pub components: Vec<Component>,
}

/// Why octets are no picture, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JpegError {
    pub(super) what: &'static str,
    pub(super) at: usize,
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.what, self.at)
    }
}

impl std::error::Error for JpegError {}

/// The header segments of one picture, found and read as far as packets need them.
#[derive(Debug, Clone)]
pub struct JpegHeader<'a> {
    jpeg: &'a [u8],
    segments: Vec<Segment>,
    frame: FrameHeader,
    parts: Parts<'a>,
}

/// A picture has a few dozen header segments; one with more is not meant well.
const MOST_SEGMENTS: usize = 1_024;

impl<'a> JpegHeader<'a> {
    /// Reads the header of a picture that begins with SOI.
    ///
    /// # Errors
    /// When it does not reach the first scan, or a segment that is needed cannot be read.
    pub fn parse(jpeg: &'a [u8]) -> Result<Self, JpegError> {
        if !jpeg.starts_with(&[0xFF, marker::SOI]) {
            return Err(JpegError { what: "no SOI marker", at: 0 });
        }
        let segments = find_segments(jpeg, 2)?;
        let mut parts = Parts::default();
        parts.read_all(jpeg, &segments)?;
        let end = segments.last().map_or(0, |sos| sos.range.end);
        let frame = parts.frame.take().ok_or(JpegError { what: "a scan without a frame header", at: end })?;
        Ok(Self { jpeg, segments, frame, parts })
    }

    /// The header of the scan behind this one, whose data ends at an octet of the picture.
    ///
    /// # Errors
    /// When no other scan follows, or one that changes what all scans have in common.
    pub(super) fn next_scan(mut self, end: usize) -> Result<Self, JpegError> {
        let segments = find_segments(self.jpeg, end)?;
        let is_common = |code| code == marker::DQT || marker::is_start_of_frame(code);
        if let Some(change) = segments.iter().find(|segment| is_common(segment.code)) {
            return Err(JpegError { what: "a scan that changes the frame", at: change.range.start });
        }
        self.parts.read_all(self.jpeg, &segments)?;
        Ok(Self { segments, ..self })
    }

    /// The whole picture.
    pub(super) fn jpeg(&self) -> &'a [u8] {
        self.jpeg
    }

    /// Every segment from the one behind SOI to the first SOS, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The first scan header.
    pub fn start_of_scan(&self) -> &Segment {
        // `find_segments` ends only behind an SOS.
        &self.segments[self.segments.len() - 1]
    }

    /// Everything between SOI and the first entropy-coded octet, fill octets included.
    pub fn octets(&self) -> &'a [u8] {
        &self.jpeg[2..self.scan_start()]
    }

    /// Where the entropy-coded data of the first scan begins.
    pub fn scan_start(&self) -> usize {
        self.start_of_scan().range.end
    }

    /// The frame header.
    pub fn frame(&self) -> &FrameHeader {
        &self.frame
    }

    /// The components of the first scan.
    pub fn scan(&self) -> &[ScanComponent] {
        &self.parts.scan
    }

    /// Minimum coded units between restart markers; 0 for none.
    pub fn restart_interval(&self) -> u16 {
        self.parts.restart_interval
    }

    /// A quantization table of 64 octets in zigzag order; `None` if it is missing or of 16 bits.
    pub fn quantization(&self, destination: u8) -> Option<&'a [u8; 64]> {
        self.parts.quantization.get(usize::from(destination)).copied().flatten()?.try_into().ok()
    }

    /// The Huffman table that was last defined for a class and destination.
    pub fn huffman(&self, class_and_destination: u8) -> Option<HuffmanTable<'a>> {
        self.parts
            .huffman
            .iter()
            .rev()
            .find(|(key, _)| *key == class_and_destination)
            .map(|(_, table)| *table)
    }

    /// Whether the picture brings any Huffman table.
    pub fn has_huffman_tables(&self) -> bool {
        !self.parts.huffman.is_empty()
    }

    /// Whether the picture is coded by the baseline sequential process.
    pub fn is_baseline(&self) -> bool {
        self.frame.code == marker::SOF0
    }
}

/// The segments from an octet on, up to and with SOS.
fn find_segments(jpeg: &[u8], mut at: usize) -> Result<Vec<Segment>, JpegError> {
    let mut segments = Vec::new();
    loop {
        if jpeg.get(at) != Some(&0xFF) {
            return Err(JpegError { what: "no marker where one is due", at });
        }
        let fill = jpeg[at..].iter().take_while(|&&octet| octet == 0xFF).count();
        let start = at + fill - 1;
        let (Some(&code), Some(&high), Some(&low)) =
            (jpeg.get(start + 1), jpeg.get(start + 2), jpeg.get(start + 3))
        else {
            return Err(JpegError { what: "the end in the middle of the header", at: jpeg.len() });
        };
        let end = start + 2 + usize::from(u16::from_be_bytes([high, low]));
        if !marker::has_segment(code) || end < start + 4 || segments.len() == MOST_SEGMENTS {
            return Err(JpegError { what: "a marker that no header has", at: start });
        }
        if end > jpeg.len() {
            return Err(JpegError { what: "a segment that is cut", at: start });
        }
        segments.push(Segment { code, range: start..end });
        if code == marker::SOS {
            return Ok(segments);
        }
        at = end;
    }
}

/// The octets behind a segment's length.
fn body_of<'a>(jpeg: &'a [u8], segment: &Segment) -> &'a [u8] {
    &jpeg[segment.range.start + 4..segment.range.end]
}

/// What the segments define, gathered one by one.
#[derive(Debug, Clone, Default)]
struct Parts<'a> {
    frame: Option<FrameHeader>,
    scan: Vec<ScanComponent>,
    restart_interval: u16,
    quantization: [Option<&'a [u8]>; 4],
    huffman: Vec<(u8, HuffmanTable<'a>)>,
}

impl<'a> Parts<'a> {
    fn read_all(&mut self, jpeg: &'a [u8], segments: &[Segment]) -> Result<(), JpegError> {
        for segment in segments {
            let body = body_of(jpeg, segment);
            let (read, what) = match segment.code {
                marker::DQT => (self.read_quantization(body), "a DQT segment that is cut"),
                marker::DHT => (self.read_huffman(body), "a DHT segment that is cut"),
                marker::DRI => (self.read_restart_interval(body), "a DRI segment that is cut"),
                marker::SOS => (self.read_scan(body), "a scan header that is cut"),
                code if marker::is_start_of_frame(code) => {
                    self.frame = read_frame(code, body);
                    (self.frame.as_ref().map(|_| ()), "a frame header that cannot be")
                }
                _ => continue,
            };
            read.ok_or(JpegError { what, at: segment.range.start })?;
        }
        Ok(())
    }

    fn read_quantization(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((&key, rest)) = body.split_first() {
            let length = if key >> 4 == 0 { 64 } else { 128 };
            let (table, rest) = rest.split_at_checked(length)?;
            *self.quantization.get_mut(usize::from(key & 0x0F))? = Some(table);
            body = rest;
        }
        Some(())
    }

    fn read_huffman(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((&key, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            self.huffman.push((key, HuffmanTable { counts, symbols }));
            body = rest;
        }
        Some(())
    }

    fn read_restart_interval(&mut self, body: &[u8]) -> Option<()> {
        self.restart_interval = u16::from_be_bytes(*body.first_chunk()?);
        Some(())
    }

    fn read_scan(&mut self, body: &[u8]) -> Option<()> {
        let (&count, rest) = body.split_first()?;
        let components = rest.get(..2 * usize::from(count))?;
        self.scan = components
            .chunks_exact(2)
            .map(|pair| ScanComponent { id: pair[0], dc_table: pair[1] >> 4, ac_table: pair[1] & 0x0F })
            .collect();
        Some(())
    }
}

fn read_frame(code: u8, body: &[u8]) -> Option<FrameHeader> {
    let (&[precision, h0, h1, w0, w1, count], rest) = body.split_first_chunk::<6>()?;
    let components = rest.get(..3 * usize::from(count))?;
    let dimensions = Dimensions { width: u16::from_be_bytes([w0, w1]), height: u16::from_be_bytes([h0, h1]) };
    if dimensions.width == 0 || count == 0 {
        return None;
    }
    let components = components
        .chunks_exact(3)
        .map(|c| Component { id: c[0], horizontal: c[1] >> 4, vertical: c[1] & 0x0F, quantization: c[2] })
        .collect();
    Some(FrameHeader { code, precision, dimensions, components })
}

/// The header of a picture with the standard Huffman tables: SOI to SOS, as RFC 2435 appendix B rebuilds it.
///
/// `vertical` is the luminance's factor: 1 for 4:2:2, 2 for 4:2:0.
pub fn standard_header(
    dimensions: Dimensions,
    vertical: u8,
    tables: [&[u8]; 2],
    restarts: Option<u16>,
) -> Vec<u8> {
    let mut header = vec![0xFF, marker::SOI];
    for (destination, table) in (0u8..).zip(tables) {
        header.extend_from_slice(&[0xFF, marker::DQT, 0, 67, destination]);
        header.extend_from_slice(table);
    }
    if let Some(interval) = restarts {
        let [high, low] = interval.to_be_bytes();
        header.extend_from_slice(&[0xFF, marker::DRI, 0, 4, high, low]);
    }
    let ([h1, h0], [w1, w0]) = (dimensions.height.to_be_bytes(), dimensions.width.to_be_bytes());
    header.extend_from_slice(&[0xFF, marker::SOF0, 0, 17, 8, h1, h0, w1, w0, 3]);
    header.extend_from_slice(&[1, 0x20 | vertical, 0, 2, 0x11, 1, 3, 0x11, 1]);
    header.extend_from_slice(&tables::standard_dht_segment());
    header.extend_from_slice(&[0xFF, marker::SOS, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    header
}
