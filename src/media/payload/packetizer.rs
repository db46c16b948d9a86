//! Conversion of frames to RTP packets.

use bytes::{BufMut, Bytes, BytesMut};

use super::classroom;
use super::main_header::{
    FIRST_EXTENSION_PROFILE, FOLLOWING_EXTENSION_PROFILE, MainHeader, QUALITY_IN_BAND, QUALITY_OUT_OF_BAND,
    TYPE_ORIGINAL_HEADER, TYPE_RESTART_BIT, WHOLE_FRAME_RESTART_COUNT,
};
use super::payload_format::PayloadFormat;
use super::rfc2435::{Rfc2435Frame, UnsupportedJpeg};
use crate::media::jpeg::{JpegHeader, MAX_FRAME_SIZE};
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
        PayloadFormat::Rfc2435 => Ok(packetize_rfc2435(&Rfc2435Frame::parse(jpeg)?)),
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
    Ok(PacketizedFrame { bytes: packet.len(), packets: vec![packet] })
}

fn packetize_rfc2435(frame: &Rfc2435Frame<'_>) -> PacketizedFrame {
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
        segments: None,
        main,
        every_packet: if has_restarts { &restart_header } else { &[] },
        offset_zero: &tables,
    };
    fragment(&headers, frame.scan_data)
}

fn packetize_original_header(jpeg: &[u8]) -> Result<PacketizedFrame, UnsupportedJpeg> {
    let header = JpegHeader::parse(jpeg).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
    let scan_header = &jpeg[header.sos_segment().range.clone()];
    let mut segments = jpeg[2..header.sos_segment().range.start].to_vec();
    let length = segments.len() + scan_header.len();
    let fill = length.next_multiple_of(4) - length;
    segments.resize(segments.len() + fill, 0xFF);
    segments.extend_from_slice(scan_header);
    let dimensions = header.dimensions();
    let main = MainHeader {
        type_specific: fill as u8,
        fragment_offset: 0,
        jpeg_type: TYPE_ORIGINAL_HEADER,
        quality: QUALITY_OUT_OF_BAND,
        width: to_blocks(dimensions.width),
        height: to_blocks(dimensions.height),
    };
    let headers = FragmentHeaders {
        segments: Some(&segments),
        main,
        every_packet: &[],
        offset_zero: EMPTY_TABLE_HEADER,
    };
    Ok(fragment(&headers, &jpeg[header.scan_data_start()..]))
}

/// A quantization table header without tables (RFC 2435 §3.1.8).
const EMPTY_TABLE_HEADER: &[u8] = &[0, 0, 0, 0];

/// Converts a width or height to blocks of eight pixels; 0 if it is larger than 2,040 pixels.
fn to_blocks(pixels: u16) -> u8 {
    u8::try_from(pixels.div_ceil(8)).unwrap_or(0)
}

/// Headers of the packets of one frame.
struct FragmentHeaders<'a> {
    /// Header segments for the JPEG header extension, a multiple of four bytes; `None` if packets have no extension.
    segments: Option<&'a [u8]>,
    /// Main header; the fragment offset is set for each packet.
    main: MainHeader,
    /// Bytes after the main header in every packet.
    every_packet: &'a [u8],
    /// Bytes after `every_packet` in the packets whose fragment offset is 0.
    offset_zero: &'a [u8],
}

/// Divides a frame into packets. Header segments that are longer than a packet continue in the extensions of the next
/// packets, which have no data before the last segment.
fn fragment(headers: &FragmentHeaders<'_>, data: &[u8]) -> PacketizedFrame {
    // All packets are slices of one allocation.
    let length = data.len() + headers.segments.map_or(0, <[u8]>::len);
    let max_packets = length / (MAX_PACKET_SIZE - 64) + 3;
    let mut buffer = BytesMut::with_capacity(length + max_packets * 64 + MAX_PACKET_SIZE);
    let mut packets = Vec::with_capacity(max_packets);
    let (mut segments, mut offset) = (headers.segments, 0);
    loop {
        let is_first = packets.is_empty();
        let offset_zero = if offset == 0 { headers.offset_zero } else { &[] };
        let payload_headers_length = MainHeader::LENGTH + headers.every_packet.len() + offset_zero.len();
        let capacity = MAX_PACKET_SIZE - rtp::HEADER_LENGTH - payload_headers_length;
        let (extension, rest) = segments.map_or((None, &[][..]), |segments| {
            // One byte of data fits beside the last segment, so only packets of the header have a fragment offset of 0.
            let max_length = (capacity - EXTENSION_HEADER_LENGTH - 1) / 4 * 4;
            let (part, rest) = segments.split_at(segments.len().min(max_length));
            (Some(part), rest)
        });
        segments = segments.map(|_| rest);
        let extension_length = extension.map_or(0, |part| EXTENSION_HEADER_LENGTH + part.len());
        let space = if rest.is_empty() { capacity - extension_length } else { 0 };
        let part = &data[offset..][..space.min(data.len() - offset)];
        let is_last = rest.is_empty() && offset + part.len() == data.len();
        let header = rtp::Header {
            marker: is_last,
            payload_type: JPEG_PAYLOAD_TYPE,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
        };
        buffer.put_slice(&header.encode(extension.is_some()));
        if let Some(segments) = extension {
            buffer.put_u16(if is_first { FIRST_EXTENSION_PROFILE } else { FOLLOWING_EXTENSION_PROFILE });
            buffer.put_u16((segments.len() / 4) as u16);
            buffer.put_slice(segments);
        }
        buffer.put_slice(&MainHeader { fragment_offset: offset as u32, ..headers.main }.encode());
        buffer.put_slice(headers.every_packet);
        buffer.put_slice(offset_zero);
        buffer.put_slice(part);
        packets.push(buffer.split().freeze());
        offset += part.len();
        if is_last {
            let bytes = packets.iter().map(Bytes::len).sum();
            return PacketizedFrame { packets, bytes };
        }
    }
}

/// Length of the profile and length fields of an RTP header extension, in bytes (RFC 3550 §5.3.1).
const EXTENSION_HEADER_LENGTH: usize = 4;
