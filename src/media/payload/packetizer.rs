//! Conversion of frames to RTP packets.

use bytes::{BufMut, Bytes, BytesMut};

use super::classroom;
use super::main_header::{
    FIRST_EXTENSION_PROFILE, FOLLOWING_EXTENSION_PROFILE, HEADER_REDUCED_BIT, MainHeader, QUALITY_IN_BAND,
    QUALITY_OUT_OF_BAND, TYPE_ORIGINAL_HEADER, TYPE_RESTART_BIT, WHOLE_FRAME_RESTART_COUNT,
};
use super::payload_format::PayloadFormat;
use super::rfc2435::{Rfc2435Frame, UnsupportedJpeg};
use crate::media::jpeg::{JpegHeader, MAX_FRAME_SIZE, marker};
use crate::proto::rtp;
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;

/// Maximum length of an RTP packet, in bytes of UDP payload, except for classroom programs. With UDP and IPv6
/// headers it has 1,460 bytes, which leaves space for a tunnel header in an Ethernet frame of 1,500 bytes.
pub const MAX_PACKET_SIZE: usize = 1_412;

/// The packets of one frame, without the fields that differ between sessions.
#[derive(Debug, Clone)]
pub struct PacketizedFrame {
    packets: Vec<Bytes>,
    bytes: usize,
    headers_reduced: bool,
}

impl PacketizedFrame {
    /// Returns the packets in order, with sequence number, timestamp and SSRC set to zero.
    pub fn packets(&self) -> &[Bytes] {
        &self.packets
    }

    /// Writes a packet with the fields of a session to `buffer`, which is cleared first. `timestamp` is in RTP ticks.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of packets.
    pub fn write_packet(&self, index: usize, sequence: u16, timestamp: u32, ssrc: u32, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.packets[index]);
        buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }

    /// Returns the length of a packet without RTP header and extension, in bytes.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of packets.
    pub fn payload_length(&self, index: usize) -> usize {
        rtp::Packet::parse(self.packets[index].clone()).map_or(0, |packet| packet.payload.len())
    }

    /// Returns the total length of all packets, in bytes of UDP payload.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether APPn and COM segments were left out because the header was longer than a packet.
    pub fn headers_reduced(&self) -> bool {
        self.headers_reduced
    }
}

/// Converts a frame to packets of a payload format.
///
/// # Errors
/// Returns the reason if the format cannot carry the frame.
pub fn packetize(jpeg: &[u8], format: PayloadFormat) -> Result<PacketizedFrame, UnsupportedJpeg> {
    if jpeg.len() > MAX_FRAME_SIZE {
        return Err(UnsupportedJpeg::TooLarge);
    }
    match format {
        PayloadFormat::Rfc2435 => packetize_rfc2435(&Rfc2435Frame::parse(jpeg)?),
        PayloadFormat::OriginalHeader => packetize_original_header(jpeg),
        PayloadFormat::Classroom => packetize_classroom(jpeg, classroom::MAX_CLASSROOM_FRAME_SIZE),
        PayloadFormat::SmallClassroom => packetize_classroom(jpeg, classroom::MAX_SMALL_CLASSROOM_FRAME_SIZE),
    }
}

fn packetize_classroom(jpeg: &[u8], max_size: usize) -> Result<PacketizedFrame, UnsupportedJpeg> {
    let fitted = classroom::fit_to_datagram(jpeg, max_size)?;
    let header =
        rtp::Header { marker: true, payload_type: JPEG_PAYLOAD_TYPE, sequence: 0, timestamp: 0, ssrc: 0 };
    let packet = Bytes::from([&header.encode(false), &fitted[..]].concat());
    Ok(PacketizedFrame { bytes: packet.len(), packets: vec![packet], headers_reduced: false })
}

fn packetize_rfc2435(frame: &Rfc2435Frame<'_>) -> Result<PacketizedFrame, UnsupportedJpeg> {
    let has_restarts = frame.restart_interval != 0;
    let main = MainHeader {
        type_specific: 0,
        fragment_offset: 0,
        jpeg_type: frame.jpeg_type | if has_restarts { TYPE_RESTART_BIT } else { 0 },
        quality: QUALITY_IN_BAND,
        width: frame.width,
        height: frame.height,
    };
    let restart_header =
        [frame.restart_interval.to_be_bytes(), WHOLE_FRAME_RESTART_COUNT.to_be_bytes()].concat();
    let tables =
        [&[0, 0, 0, 128], &frame.quantization_tables[0][..], &frame.quantization_tables[1][..]].concat();
    let headers = FragmentHeaders {
        first_extension: None,
        following_extension: None,
        main,
        every_packet: if has_restarts { &restart_header } else { &[] },
        first_packet: &tables,
    };
    Ok(fragment(&headers, frame.scan_data, false))
}

fn packetize_original_header(jpeg: &[u8]) -> Result<PacketizedFrame, UnsupportedJpeg> {
    let header = JpegHeader::parse(jpeg).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
    let before_scan_header = &jpeg[2..header.sos_segment().range.start];
    let max_length =
        MAX_PACKET_SIZE - rtp::HEADER_LENGTH - 4 - MainHeader::LENGTH - EMPTY_TABLE_HEADER.len() - 1;
    let mut is_reduced = false;
    let mut body = before_scan_header.to_vec();
    if header.header_bytes().len().next_multiple_of(4) > max_length {
        is_reduced = true;
        body = strip_metadata(jpeg, &header);
    }
    let scan_header = &jpeg[header.sos_segment().range.clone()];
    let fill = (body.len() + scan_header.len()).next_multiple_of(4) - body.len() - scan_header.len();
    body.resize(body.len() + fill, 0xFF);
    body.extend_from_slice(scan_header);
    if body.len() > max_length {
        return Err(UnsupportedJpeg::HeaderTooLong);
    }
    let main = MainHeader {
        type_specific: fill as u8 | if is_reduced { HEADER_REDUCED_BIT } else { 0 },
        fragment_offset: 0,
        jpeg_type: TYPE_ORIGINAL_HEADER,
        quality: QUALITY_OUT_OF_BAND,
        width: to_blocks(header.frame_header().dimensions.width),
        height: to_blocks(header.frame_header().dimensions.height),
    };
    let headers = FragmentHeaders {
        first_extension: Some((FIRST_EXTENSION_PROFILE, &body)),
        following_extension: Some((FOLLOWING_EXTENSION_PROFILE, &[])),
        main,
        every_packet: &[],
        first_packet: EMPTY_TABLE_HEADER,
    };
    Ok(fragment(&headers, &jpeg[header.scan_data_start()..], is_reduced))
}

/// A quantization table header without tables (RFC 2435 §3.1.8).
const EMPTY_TABLE_HEADER: &[u8] = &[0, 0, 0, 0];

/// Converts a width or height to blocks of eight pixels; 0 if it is larger than 2,040 pixels.
fn to_blocks(pixels: u16) -> u8 {
    u8::try_from(pixels.div_ceil(8)).unwrap_or(0)
}

/// Returns the header segments before SOS without APPn and COM.
fn strip_metadata(jpeg: &[u8], header: &JpegHeader<'_>) -> Vec<u8> {
    let needed = header.segments().iter().filter(|s| !marker::is_metadata(s.code) && s.code != marker::SOS);
    needed.flat_map(|segment| &jpeg[segment.range.clone()]).copied().collect()
}

/// Headers of the packets of one frame.
struct FragmentHeaders<'a> {
    /// Profile and body of the RTP header extension in the first packet.
    first_extension: Option<(u16, &'a [u8])>,
    /// Profile and body of the RTP header extension in the other packets.
    following_extension: Option<(u16, &'a [u8])>,
    /// Main header; the fragment offset is set for each packet.
    main: MainHeader,
    /// Bytes after the main header in every packet.
    every_packet: &'a [u8],
    /// Bytes after `every_packet` in the first packet only.
    first_packet: &'a [u8],
}

fn fragment(headers: &FragmentHeaders<'_>, data: &[u8], headers_reduced: bool) -> PacketizedFrame {
    // All packets are slices of one allocation.
    let max_packets = data.len() / (MAX_PACKET_SIZE - 64) + 2;
    let mut buffer = BytesMut::with_capacity(data.len() + max_packets * 64 + MAX_PACKET_SIZE);
    let mut packets = Vec::with_capacity(max_packets);
    let mut offset = 0;
    loop {
        let is_first = offset == 0;
        let extension = if is_first { headers.first_extension } else { headers.following_extension };
        let first_packet = if is_first { headers.first_packet } else { &[] };
        let headers_length = rtp::HEADER_LENGTH
            + extension.map_or(0, |(_, body)| 4 + body.len())
            + MainHeader::LENGTH
            + headers.every_packet.len()
            + first_packet.len();
        let length = (data.len() - offset).min(MAX_PACKET_SIZE - headers_length);
        let is_last = offset + length == data.len();
        let header = rtp::Header {
            marker: is_last,
            payload_type: JPEG_PAYLOAD_TYPE,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
        };
        buffer.put_slice(&header.encode(extension.is_some()));
        if let Some((profile, body)) = extension {
            buffer.put_u16(profile);
            buffer.put_u16((body.len() / 4) as u16);
            buffer.put_slice(body);
        }
        buffer.put_slice(&MainHeader { fragment_offset: offset as u32, ..headers.main }.encode());
        buffer.put_slice(headers.every_packet);
        buffer.put_slice(first_packet);
        buffer.put_slice(&data[offset..offset + length]);
        packets.push(buffer.split().freeze());
        offset += length;
        if is_last {
            let bytes = packets.iter().map(Bytes::len).sum();
            return PacketizedFrame { packets, bytes, headers_reduced };
        }
    }
}
