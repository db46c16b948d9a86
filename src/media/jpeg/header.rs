//! The header segments of a frame: everything from SOI to the first entropy-coded byte.

use std::fmt;

use super::limits::MAX_HEADER_JUNK;
use super::marker;
use super::segment::{ScanMarkers, Segment};
use super::tables::HuffmanTable;

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

/// A component in a frame header (T.81 §B.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Component identifier; usually 1, 2, 3, in some files 0, 1, 2.
    pub id: u8,
    /// Horizontal sampling factor, 1 to 4 in valid frames.
    pub horizontal_sampling: u8,
    /// Vertical sampling factor, 1 to 4 in valid frames.
    pub vertical_sampling: u8,
    /// Destination of the quantization table, 0 to 3 in valid frames.
    pub quantization_table: u8,
}

/// A component in a scan header (T.81 §B.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanComponent {
    /// Component identifier, as in the frame header.
    pub id: u8,
    /// Destination of the DC Huffman table, 0 to 3 in valid frames.
    pub dc_table: u8,
    /// Destination of the AC Huffman table, 0 to 3 in valid frames.
    pub ac_table: u8,
}

/// Frame header (T.81 §B.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameHeader {
    /// SOF marker code, which states the coding process.
    pub sof_marker: u8,
    /// Sample precision in bits; 8 in baseline frames.
    pub precision: u8,
    /// Size in pixels. The height is 0 if it follows the first scan (DNL, T.81 §B.2.5).
    pub dimensions: Dimensions,
    /// Components in the order of the frame header; never empty.
    pub components: Vec<Component>,
}

/// Reason why bytes are not a JPEG, with the position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct JpegError {
    pub(super) message: &'static str,
    pub(super) offset: usize,
}

impl JpegError {
    /// Returns the reason without the position.
    pub fn message(&self) -> &'static str {
        self.message
    }
}

/// The parsed header segments of a frame.
#[derive(Debug, Clone)]
pub struct JpegHeader<'a> {
    jpeg: &'a [u8],
    segments: Vec<Segment>,
    frame_header: FrameHeader,
    segment_data: SegmentData<'a>,
}

/// Maximum number of header segments. Real frames have a few dozen; the limit bounds memory for hostile frames.
const MAX_SEGMENTS: usize = 1_024;

impl<'a> JpegHeader<'a> {
    /// Parses the header of a frame that begins with SOI, up to and including the first scan header.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if the header is incomplete, or a DQT, DHT, DRI, SOF or SOS segment is malformed.
    pub fn parse(jpeg: &'a [u8]) -> Result<Self, JpegError> {
        if !jpeg.starts_with(&[0xFF, marker::SOI]) {
            return Err(JpegError { message: "missing SOI marker", offset: 0 });
        }
        let segments = find_segments(jpeg, 2)?;
        let mut segment_data = SegmentData::default();
        segment_data.parse_segments(jpeg, &segments)?;
        let end = segments.last().map_or(0, |sos| sos.range.end);
        let frame_header = segment_data
            .frame_header
            .take()
            .ok_or(JpegError { message: "scan without a frame header", offset: end })?;
        Ok(Self { jpeg, segments, frame_header, segment_data })
    }

    /// Parses the header of the next scan. `end` is the end of the current scan's data, in bytes from SOI.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if no scan follows, or if a frame header or quantization table precedes it.
    pub(super) fn next_scan(mut self, end: usize) -> Result<Self, JpegError> {
        let segments = find_segments(self.jpeg, end)?;
        let is_common = |code| code == marker::DQT || marker::is_start_of_frame(code);
        if let Some(change) = segments.iter().find(|segment| is_common(segment.code)) {
            return Err(JpegError { message: "scan that redefines the frame", offset: change.range.start });
        }
        self.segment_data.parse_segments(self.jpeg, &segments)?;
        Ok(Self { segments, ..self })
    }

    /// Checks that the frame ends where its last scan does. `end` is the end of that scan's data, in bytes from SOI.
    /// EOI may be missing.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if another marker follows. Decoders disagree on the scan before it: some take the rest
    /// of the data for its continuation.
    pub(super) fn check_end(&self, end: usize) -> Result<(), JpegError> {
        match self.jpeg.get(end + 1) {
            None | Some(&marker::EOI) => Ok(()),
            Some(_) => Err(JpegError { message: "marker after the last scan", offset: end }),
        }
    }

    /// Returns the position of EOI, in bytes from SOI; `None` if there is none.
    pub fn end_of_scans(&self) -> Option<usize> {
        let eoi = self.scan_markers().find(|segment| segment.code == marker::EOI)?;
        Some(eoi.range.start)
    }

    /// Returns the entropy-coded data and everything after it.
    pub fn scan_data(&self) -> &'a [u8] {
        &self.jpeg[self.scan_data_start()..]
    }

    /// Returns the bytes of the frame that was parsed.
    pub fn jpeg(&self) -> &'a [u8] {
        self.jpeg
    }

    /// Returns the segments from the one after SOI to the first SOS, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the segment of the first scan header (SOS).
    pub fn sos_segment(&self) -> &Segment {
        // `find_segments` succeeds only with SOS as last segment.
        &self.segments[self.segments.len() - 1]
    }

    /// Returns all bytes between SOI and the first entropy-coded byte, fill bytes included.
    pub fn header_bytes(&self) -> &'a [u8] {
        &self.jpeg[2..self.scan_data_start()]
    }

    /// Returns the position of the first entropy-coded byte, in bytes from SOI.
    pub fn scan_data_start(&self) -> usize {
        self.sos_segment().range.end
    }

    /// Returns the markers after the first scan header, without restart markers.
    pub(super) fn scan_markers(&self) -> ScanMarkers<'a> {
        ScanMarkers::new(self.jpeg, self.scan_data_start())
    }

    /// Returns the size in pixels. If the frame header states no height, it is that of the DNL segment (T.81 §B.2.5),
    /// and 0 without one.
    pub fn dimensions(&self) -> Dimensions {
        let Dimensions { width, height } = self.frame_header.dimensions;
        match height {
            0 => Dimensions { width, height: self.height_after_scan().unwrap_or(0) },
            _ => self.frame_header.dimensions,
        }
    }

    /// Returns the height in a DNL segment; `None` without one.
    pub(super) fn height_after_scan(&self) -> Option<u16> {
        let dnl = self.scan_markers().find(|segment| segment.code == marker::DNL)?;
        Some(u16::from_be_bytes(*self.jpeg[dnl.range].get(4..)?.first_chunk()?))
    }

    /// Returns the frame header (SOF).
    pub fn frame_header(&self) -> &FrameHeader {
        &self.frame_header
    }

    /// Returns the components of the scan.
    pub fn scan_components(&self) -> &[ScanComponent] {
        &self.segment_data.scan_components
    }

    /// Returns the number of minimum coded units between restart markers; 0 without restart markers (T.81 §B.2.4.4).
    pub fn restart_interval(&self) -> u16 {
        self.segment_data.restart_interval
    }

    /// Returns a quantization table in zigzag order; `None` if it is missing or has 16-bit elements.
    pub fn quantization_table(&self, destination: u8) -> Option<&'a [u8; 64]> {
        self.segment_data
            .quantization_tables
            .get(usize::from(destination))
            .copied()
            .flatten()?
            .try_into()
            .ok()
    }

    /// Returns the last Huffman table defined for a class (upper four bits) and destination; `None` if there is none.
    pub fn huffman_table(&self, class_and_destination: u8) -> Option<HuffmanTable<'a>> {
        self.segment_data
            .huffman_tables
            .iter()
            .rev()
            .find(|(key, _)| *key == class_and_destination)
            .map(|(_, table)| *table)
    }

    /// Returns true if the frame defines any Huffman table.
    pub fn has_huffman_tables(&self) -> bool {
        !self.segment_data.huffman_tables.is_empty()
    }

    /// Returns true if only fill bytes separate the markers and segments of the header.
    pub(super) fn is_contiguous(&self) -> bool {
        let ends = std::iter::once(2).chain(self.segments.iter().map(|segment| segment.range.end));
        ends.zip(&self.segments)
            .all(|(end, next)| self.jpeg[end..next.range.start].iter().all(|byte| *byte == 0xFF))
    }

    /// Returns true if the frame uses the baseline sequential process (SOF0).
    pub fn is_baseline(&self) -> bool {
        self.frame_header.sof_marker == marker::SOF0
    }
}

/// Returns the segments from `start_offset` to the next SOS, which is included. A repeated SOI and bytes between
/// segments that belong to none are skipped.
fn find_segments(jpeg: &[u8], start_offset: usize) -> Result<Vec<Segment>, JpegError> {
    let (mut segments, mut offset, mut junk) = (Vec::new(), start_offset, 0);
    loop {
        let skipped = jpeg[offset..].iter().take_while(|&&byte| byte != 0xFF).count();
        junk += skipped;
        if junk > 0 && (segments.is_empty() || junk > MAX_HEADER_JUNK) {
            return Err(JpegError { message: "missing marker", offset });
        }
        offset += skipped;
        let fill = jpeg[offset..].iter().take_while(|&&byte| byte == 0xFF).count();
        let start = (offset + fill).saturating_sub(1);
        let (Some(&code), Some(&high), Some(&low)) =
            (jpeg.get(start + 1), jpeg.get(start + 2), jpeg.get(start + 3))
        else {
            return Err(JpegError { message: "end of data in the header", offset: jpeg.len() });
        };
        match code {
            marker::SOI if start_offset == 2 && segments.is_empty() => {
                offset = start + 2;
                continue;
            }
            0x00 => {
                junk += 2;
                offset = start + 2;
                continue;
            }
            _ => {}
        }
        let end = start + 2 + usize::from(u16::from_be_bytes([high, low]));
        if !marker::has_segment(code) || end < start + 4 || segments.len() == MAX_SEGMENTS {
            return Err(JpegError { message: "unexpected marker in the header", offset: start });
        }
        if end > jpeg.len() {
            return Err(JpegError { message: "truncated segment", offset: start });
        }
        segments.push(Segment { code, range: start..end });
        if code == marker::SOS {
            return Ok(segments);
        }
        offset = end;
    }
}

/// Returns the bytes after the length field of a segment.
fn segment_body<'a>(jpeg: &'a [u8], segment: &Segment) -> &'a [u8] {
    &jpeg[segment.range.start + 4..segment.range.end]
}

/// Definitions collected from the segments.
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
                marker::DQT => (self.parse_dqt(body), "invalid DQT segment"),
                marker::DHT => (self.parse_dht(body), "invalid DHT segment"),
                marker::DRI => (self.parse_dri(body), "invalid DRI segment"),
                marker::SOS => (self.parse_sos(body), "invalid scan header"),
                code if marker::is_start_of_frame(code) => {
                    self.frame_header = parse_sof(code, body);
                    (self.frame_header.as_ref().map(|_| ()), "invalid frame header")
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
