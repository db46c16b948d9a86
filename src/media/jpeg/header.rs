//! The header segments of a picture: everything from SOI to the first entropy-coded byte.

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
    /// Where it stands in the picture, from the 0xFF of its marker to its last byte.
    pub range: Range<usize>,
}

/// One component of a frame header (T.81 §B.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Its identifier; 1, 2, 3 by custom, 0, 1, 2 in some films.
    pub id: u8,
    /// Samples across, relative to the other components.
    pub horizontal_sampling: u8,
    /// Samples down, relative to the other components.
    pub vertical_sampling: u8,
    /// The quantization table that it uses.
    pub quantization_table: u8,
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
    pub sof_marker: u8,
    /// Bits a sample.
    pub precision: u8,
    /// Size in pixels.
    pub dimensions: Dimensions,
    /// What the picture is made of.
    pub components: Vec<Component>,
}

/// Why bytes are no picture, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JpegError {
    pub(super) message: &'static str,
    pub(super) offset: usize,
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for JpegError {}

/// The header segments of one picture, found and read as far as packets need them.
#[derive(Debug, Clone)]
pub struct JpegHeader<'a> {
    jpeg: &'a [u8],
    segments: Vec<Segment>,
    frame_header: FrameHeader,
    segment_data: SegmentData<'a>,
}

/// A picture has a few dozen header segments; one with more is not meant well.
const MAX_SEGMENTS: usize = 1_024;

impl<'a> JpegHeader<'a> {
    /// Reads the header of a picture that begins with SOI.
    ///
    /// # Errors
    /// When it does not reach the first scan, or a segment that is needed cannot be read.
    pub fn parse(jpeg: &'a [u8]) -> Result<Self, JpegError> {
        if !jpeg.starts_with(&[0xFF, marker::SOI]) {
            return Err(JpegError { message: "no SOI marker", offset: 0 });
        }
        let segments = find_segments(jpeg, 2)?;
        let mut segment_data = SegmentData::default();
        segment_data.parse_segments(jpeg, &segments)?;
        let end = segments.last().map_or(0, |sos| sos.range.end);
        let frame_header = segment_data
            .frame_header
            .take()
            .ok_or(JpegError { message: "a scan without a frame header", offset: end })?;
        Ok(Self { jpeg, segments, frame_header, segment_data })
    }

    /// The header of the scan behind this one, whose data ends at an byte of the picture.
    ///
    /// # Errors
    /// When no other scan follows, or one that changes what all scans have in common.
    pub(super) fn next_scan(mut self, end: usize) -> Result<Self, JpegError> {
        let segments = find_segments(self.jpeg, end)?;
        let is_common = |code| code == marker::DQT || marker::is_start_of_frame(code);
        if let Some(change) = segments.iter().find(|segment| is_common(segment.code)) {
            return Err(JpegError { message: "a scan that changes the frame", offset: change.range.start });
        }
        self.segment_data.parse_segments(self.jpeg, &segments)?;
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
    pub fn sos_segment(&self) -> &Segment {
        // `find_segments` ends only behind an SOS.
        &self.segments[self.segments.len() - 1]
    }

    /// Everything between SOI and the first entropy-coded byte, fill bytes included.
    pub fn header_bytes(&self) -> &'a [u8] {
        &self.jpeg[2..self.scan_data_start()]
    }

    /// Where the entropy-coded data of the first scan begins.
    pub fn scan_data_start(&self) -> usize {
        self.sos_segment().range.end
    }

    /// The frame header.
    pub fn frame_header(&self) -> &FrameHeader {
        &self.frame_header
    }

    /// The components of the first scan.
    pub fn scan_components(&self) -> &[ScanComponent] {
        &self.segment_data.scan_components
    }

    /// Minimum coded units between restart markers; 0 for none.
    pub fn restart_interval(&self) -> u16 {
        self.segment_data.restart_interval
    }

    /// A quantization table of 64 bytes in zigzag order; `None` if it is missing or of 16 bits.
    pub fn quantization_table(&self, destination: u8) -> Option<&'a [u8; 64]> {
        self.segment_data
            .quantization_tables
            .get(usize::from(destination))
            .copied()
            .flatten()?
            .try_into()
            .ok()
    }

    /// The Huffman table that was last defined for a class and destination.
    pub fn huffman_table(&self, class_and_destination: u8) -> Option<HuffmanTable<'a>> {
        self.segment_data
            .huffman_tables
            .iter()
            .rev()
            .find(|(key, _)| *key == class_and_destination)
            .map(|(_, table)| *table)
    }

    /// Whether the picture brings any Huffman table.
    pub fn has_huffman_tables(&self) -> bool {
        !self.segment_data.huffman_tables.is_empty()
    }

    /// Whether the picture is coded by the baseline sequential process.
    pub fn is_baseline(&self) -> bool {
        self.frame_header.sof_marker == marker::SOF0
    }
}

/// The segments from an byte on, up to and with SOS.
fn find_segments(jpeg: &[u8], mut offset: usize) -> Result<Vec<Segment>, JpegError> {
    let mut segments = Vec::new();
    loop {
        if jpeg.get(offset) != Some(&0xFF) {
            return Err(JpegError { message: "no marker where one is due", offset });
        }
        let fill = jpeg[offset..].iter().take_while(|&&byte| byte == 0xFF).count();
        let start = offset + fill - 1;
        let (Some(&code), Some(&high), Some(&low)) =
            (jpeg.get(start + 1), jpeg.get(start + 2), jpeg.get(start + 3))
        else {
            return Err(JpegError { message: "the end in the middle of the header", offset: jpeg.len() });
        };
        let end = start + 2 + usize::from(u16::from_be_bytes([high, low]));
        if !marker::has_segment(code) || end < start + 4 || segments.len() == MAX_SEGMENTS {
            return Err(JpegError { message: "a marker that no header has", offset: start });
        }
        if end > jpeg.len() {
            return Err(JpegError { message: "a segment that is cut", offset: start });
        }
        segments.push(Segment { code, range: start..end });
        if code == marker::SOS {
            return Ok(segments);
        }
        offset = end;
    }
}

/// The bytes behind a segment's length.
fn segment_body<'a>(jpeg: &'a [u8], segment: &Segment) -> &'a [u8] {
    &jpeg[segment.range.start + 4..segment.range.end]
}

/// What the segments define, gathered one by one.
#[derive(Debug, Clone, Default)]
struct SegmentData<'a> {
    frame_header: Option<FrameHeader>,
    scan_components: Vec<ScanComponent>,
    restart_interval: u16,
    quantization_tables: [Option<&'a [u8]>; 4],
    huffman_tables: Vec<(u8, HuffmanTable<'a>)>,
}

impl<'a> SegmentData<'a> {
    fn parse_segments(&mut self, jpeg: &'a [u8], segments: &[Segment]) -> Result<(), JpegError> {
        for segment in segments {
            let body = segment_body(jpeg, segment);
            let (parsed, message) = match segment.code {
                marker::DQT => (self.parse_dqt(body), "a DQT segment that is cut"),
                marker::DHT => (self.parse_dht(body), "a DHT segment that is cut"),
                marker::DRI => (self.parse_dri(body), "a DRI segment that is cut"),
                marker::SOS => (self.parse_sos(body), "a scan header that is cut"),
                code if marker::is_start_of_frame(code) => {
                    self.frame_header = parse_sof(code, body);
                    (self.frame_header.as_ref().map(|_| ()), "a frame header that cannot be")
                }
                _ => continue,
            };
            parsed.ok_or(JpegError { message, offset: segment.range.start })?;
        }
        Ok(())
    }

    fn parse_dqt(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((&key, rest)) = body.split_first() {
            let length = if key >> 4 == 0 { 64 } else { 128 };
            let (table, rest) = rest.split_at_checked(length)?;
            *self.quantization_tables.get_mut(usize::from(key & 0x0F))? = Some(table);
            body = rest;
        }
        Some(())
    }

    fn parse_dht(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((&key, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            self.huffman_tables.push((key, HuffmanTable { counts, symbols }));
            body = rest;
        }
        Some(())
    }

    fn parse_dri(&mut self, body: &[u8]) -> Option<()> {
        self.restart_interval = u16::from_be_bytes(*body.first_chunk()?);
        Some(())
    }

    fn parse_sos(&mut self, body: &[u8]) -> Option<()> {
        let (&count, rest) = body.split_first()?;
        let components = rest.get(..2 * usize::from(count))?;
        self.scan_components = components
            .chunks_exact(2)
            .map(|pair| ScanComponent { id: pair[0], dc_table: pair[1] >> 4, ac_table: pair[1] & 0x0F })
            .collect();
        Some(())
    }
}

fn parse_sof(sof_marker: u8, body: &[u8]) -> Option<FrameHeader> {
    let (&[precision, h0, h1, w0, w1, count], rest) = body.split_first_chunk::<6>()?;
    let components = rest.get(..3 * usize::from(count))?;
    let dimensions = Dimensions { width: u16::from_be_bytes([w0, w1]), height: u16::from_be_bytes([h0, h1]) };
    if dimensions.width == 0 || count == 0 {
        return None;
    }
    let components = components
        .chunks_exact(3)
        .map(|c| Component {
            id: c[0],
            horizontal_sampling: c[1] >> 4,
            vertical_sampling: c[1] & 0x0F,
            quantization_table: c[2],
        })
        .collect();
    Some(FrameHeader { sof_marker, precision, dimensions, components })
}

/// The header of a picture with the standard Huffman tables: SOI to SOS, as RFC 2435 appendix B rebuilds it.
///
/// `vertical` is the luminance's factor: 1 for 4:2:2, 2 for 4:2:0.
pub fn standard_header(
    dimensions: Dimensions,
    vertical_sampling: u8,
    quantization_tables: [&[u8]; 2],
    restart_interval: Option<u16>,
) -> Vec<u8> {
    let mut header = vec![0xFF, marker::SOI];
    for (destination, table) in (0u8..).zip(quantization_tables) {
        header.extend_from_slice(&[0xFF, marker::DQT, 0, 67, destination]);
        header.extend_from_slice(table);
    }
    if let Some(interval) = restart_interval {
        let [high, low] = interval.to_be_bytes();
        header.extend_from_slice(&[0xFF, marker::DRI, 0, 4, high, low]);
    }
    let ([h1, h0], [w1, w0]) = (dimensions.height.to_be_bytes(), dimensions.width.to_be_bytes());
    header.extend_from_slice(&[0xFF, marker::SOF0, 0, 17, 8, h1, h0, w1, w0, 3]);
    header.extend_from_slice(&[1, 0x20 | vertical_sampling, 0, 2, 0x11, 1, 3, 0x11, 1]);
    header.extend_from_slice(&tables::standard_dht_segment());
    header.extend_from_slice(&[0xFF, marker::SOS, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    header
}
