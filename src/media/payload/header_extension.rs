//! The JPEG header extension of ONVIF: header segments in RTP header extensions, complete or not.
//!
//! A header may continue in the extensions of the next packets. Cameras send only those segments that RFC 2435 cannot
//! express; the others are taken from the payload header (ONVIF Streaming Specification, JPEG over RTP).

use bytes::{Bytes, BytesMut};

use super::main_header::{
    FILL_MASK, FIRST_EXTENSION_PROFILE, FOLLOWING_EXTENSION_PROFILE, MainHeader, TYPE_RESTART_BIT,
};
use crate::media::jpeg::{
    Dimensions, JpegHeader, frame_header_segment, marker, quantization_segments, restart_segment,
    scan_header_segment, tables,
};
use crate::proto::rtp::Packet;

/// The part of a JPEG header in the header extension of one packet.
#[derive(Debug)]
pub(super) struct HeaderPart {
    /// The header begins in this packet; otherwise it continues.
    pub is_first: bool,
    /// Bytes of header segments.
    pub segments: Bytes,
}

/// Profile of ONVIF's replay extension. The JPEG header extension may follow its three words (ONVIF Streaming
/// Specification, RTP header extension for replay).
const REPLAY_PROFILE: u16 = 0xABAC;

/// Length of the content of the replay extension, in bytes.
const REPLAY_LENGTH: usize = 12;

impl HeaderPart {
    /// Returns the part in a packet; `None` if it has none, or an empty one.
    pub fn from_packet(packet: &Packet) -> Option<Self> {
        let extension = packet.extension.as_ref()?;
        let (profile, segments) = match extension.profile {
            REPLAY_PROFILE => nested_extension(&extension.body)?,
            profile => (profile, extension.body.clone()),
        };
        let is_first = match profile {
            FIRST_EXTENSION_PROFILE => true,
            FOLLOWING_EXTENSION_PROFILE if !segments.is_empty() => false,
            _ => return None,
        };
        Some(Self { is_first, segments })
    }
}

/// Returns profile and content of the extension after the replay extension.
fn nested_extension(body: &Bytes) -> Option<(u16, Bytes)> {
    let &[p1, p0, l1, l0] = body.get(REPLAY_LENGTH..)?.first_chunk()?;
    let start = REPLAY_LENGTH + 4;
    let end = start + 4 * usize::from(u16::from_be_bytes([l1, l0]));
    (end <= body.len()).then(|| (u16::from_be_bytes([p1, p0]), body.slice(start..end)))
}

/// Header fields of RFC 2435 in the first packet of a frame.
#[derive(Debug)]
pub(super) struct PayloadHeaders {
    /// Main header.
    pub main: MainHeader,
    /// Luminance and chrominance tables; `None` if the packet neither contains nor names any.
    pub tables: Option<[u8; 128]>,
    /// Number of minimum coded units between restart markers; `None` without a restart header.
    pub restart_interval: Option<u16>,
    /// Frame size in the session description, for frames larger than the main header can state.
    pub dimensions: Option<Dimensions>,
}

impl PayloadHeaders {
    /// Builds the JPEG header, from SOI to SOS, from the header segments of the extension. What they lack is taken from
    /// the fields of RFC 2435.
    ///
    /// # Errors
    /// Returns the reason, for a message, if something is in neither.
    pub fn build_header(&self, segments: &[u8]) -> Result<Vec<u8>, &'static str> {
        if self.main.is_original() {
            return original_header(segments, self.main.type_specific)
                .ok_or("the JPEG header in the RTP header extension is invalid");
        }
        let segments = parse_segments(segments);
        let find = |code| segments.iter().find(|segment| segment[1] == code).copied();
        let frame_header = segments.iter().find(|segment| marker::is_start_of_frame(segment[1])).copied();
        let mut header = vec![0xFF, marker::SOI];
        header.extend_from_slice(&self.missing_tables(&segments)?);
        for segment in segments.iter().filter(|segment| segment[1] != marker::SOS) {
            header.extend_from_slice(segment);
        }
        if let Some(interval) = self.restart_interval.filter(|_| find(marker::DRI).is_none()) {
            header.extend_from_slice(&restart_segment(interval));
        }
        if frame_header.is_none() {
            header.extend_from_slice(&frame_header_segment(self.dimensions()?, self.vertical_sampling()?));
        }
        if find(marker::DHT).is_none() {
            header.extend_from_slice(&tables::standard_dht_segment());
        }
        match find(marker::SOS) {
            Some(scan_header) => header.extend_from_slice(scan_header),
            None => header.extend_from_slice(&scan_header_segment(&component_ids(frame_header))),
        }
        Ok(header)
    }

    /// Returns DQT segments unless the header segments define two tables. They precede those segments, which may define
    /// one of the tables again.
    fn missing_tables(&self, segments: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
        let definitions = segments.iter().filter(|segment| segment[1] == marker::DQT);
        let length: usize = definitions.map(|segment| segment.len() - 4).sum();
        match &self.tables {
            // Each table has 64 elements after its destination.
            _ if length >= 2 * 65 => Ok(Vec::new()),
            Some(tables) => {
                let (luminance, chrominance) = tables.split_at(64);
                Ok(quantization_segments([luminance, chrominance]))
            }
            None if length > 0 => Ok(Vec::new()),
            None => Err("the quantization tables are missing"),
        }
    }

    fn dimensions(&self) -> Result<Dimensions, &'static str> {
        match (self.main.width, self.main.height) {
            (0, _) | (_, 0) => self.dimensions.ok_or("the stream does not state the size of its frames"),
            (width, height) => Ok(Dimensions { width: u16::from(width) * 8, height: u16::from(height) * 8 }),
        }
    }

    /// Returns the vertical sampling factor of luminance.
    fn vertical_sampling(&self) -> Result<u8, &'static str> {
        match self.main.jpeg_type & !TYPE_RESTART_BIT {
            0 => Ok(1),
            1 => Ok(2),
            _ => Err("the type of the JPEG payload is unknown"),
        }
    }
}

/// Returns true if header segments end with a scan header, so that none follow.
pub(super) fn has_scan_header(segments: &[u8]) -> bool {
    parse_segments(segments).last().is_some_and(|segment| segment[1] == marker::SOS)
}

/// Returns SOI and header segments without the fill bytes that the packetizer has inserted before SOS; `None` if they
/// are not a complete header.
fn original_header(segments: &[u8], type_specific: u8) -> Option<Vec<u8>> {
    let mut header = [&[0xFF, marker::SOI], segments].concat();
    let parsed = JpegHeader::parse(&header).ok()?;
    let (scan_header, end) = (parsed.sos_segment().range.start, parsed.scan_data_start());
    header.truncate(end);
    let fill = usize::from(type_specific & FILL_MASK);
    let fill_start = scan_header.checked_sub(fill).filter(|&start| start >= 2)?;
    if header[fill_start..scan_header].iter().any(|&byte| byte != 0xFF) {
        return None;
    }
    header.drain(fill_start..scan_header);
    Some(header)
}

/// Maximum number of segments in the extensions of a frame.
const MAX_SEGMENTS: usize = 1_024;

/// Returns the complete segments up to SOS, each from its marker on. SOI and fill bytes are left out, and what cannot
/// be parsed ends the list.
fn parse_segments(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut segments = Vec::new();
    while let Some(fill) = bytes.iter().position(|&byte| byte != 0xFF).filter(|&fill| fill > 0) {
        bytes = &bytes[fill - 1..];
        if bytes[1] == marker::SOI {
            bytes = &bytes[2..];
            continue;
        }
        let &[_, code, high, low, ..] = bytes else { break };
        let end = 2 + usize::from(u16::from_be_bytes([high, low]));
        if !marker::has_segment(code) || end < 4 || end > bytes.len() || segments.len() == MAX_SEGMENTS {
            break;
        }
        let (segment, rest) = bytes.split_at(end);
        segments.push(segment);
        if code == marker::SOS {
            break;
        }
        bytes = rest;
    }
    segments
}

/// Returns the component identifiers in a frame header; those of RFC 2435 appendix B without one.
fn component_ids(frame_header: Option<&[u8]>) -> Vec<u8> {
    let components = frame_header.and_then(|segment| segment.get(10..));
    match components.map(|components| components.chunks_exact(3).map(|component| component[0]).collect()) {
        Some(ids) => ids,
        None => vec![1, 2, 3],
    }
}

/// A JPEG header that may continue in the next packets.
#[derive(Debug)]
pub(super) struct PendingHeader {
    payload_headers: PayloadHeaders,
    segments: BytesMut,
    /// Sequence number of the next packet.
    next_sequence: u16,
    /// A packet is missing, and with it possibly a part of the header.
    has_gap: bool,
    /// A packet without a part of the header has arrived, so none follow.
    has_ended: bool,
}

impl PendingHeader {
    /// Creates a header that begins in the packet with this sequence number.
    pub fn new(payload_headers: PayloadHeaders, segments: &[u8], sequence: u16) -> Self {
        Self {
            payload_headers,
            segments: segments.into(),
            next_sequence: sequence.wrapping_add(1),
            has_gap: false,
            has_ended: false,
        }
    }

    /// Adds the next packet of the frame.
    pub fn append(&mut self, packet: &Packet) {
        if self.has_ended {
            return;
        }
        self.has_gap |= packet.header.sequence != self.next_sequence;
        self.next_sequence = packet.header.sequence.wrapping_add(1);
        match HeaderPart::from_packet(packet) {
            Some(part) => self.segments.extend_from_slice(&part.segments),
            None => self.has_ended = true,
        }
    }

    /// Returns the segments received.
    pub fn segments(&self) -> &[u8] {
        &self.segments
    }

    /// Builds the header from all packets of the frame; `Ok(None)` if a packet is missing.
    ///
    /// # Errors
    /// Returns the reason, for a message, if the header is invalid.
    pub fn build(&self) -> Result<Option<Vec<u8>>, &'static str> {
        match self.has_gap {
            true => Ok(None),
            false => self.payload_headers.build_header(&self.segments).map(Some),
        }
    }
}
