//! From a picture to the packets that carry it.

use bytes::{BufMut, Bytes, BytesMut};

use super::classroom;
use super::fields::{
    EXTENSION_FIRST, EXTENSION_OTHER, MainHeader, QUALITY_IN_BAND, QUALITY_OUT_OF_BAND, REDUCED_BIT,
    RESTART_BIT, TYPE_ORIGINAL_HEADER, WHOLE_FRAME_RESTART_COUNT,
};
use super::form::Form;
use super::standard::{StandardPicture, Uncarriable};
use crate::media::jpeg::{JpegHeader, LARGEST, marker};
use crate::proto::rtp;
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;

/// Octets of a whole RTP packet at most: with the headers of UDP and IPv6, and a little to spare for tunnels, it
/// still fits into an Ethernet frame.
pub const LARGEST_PACKET: usize = 1_412;

/// The packets of one picture, complete but for what differs from session to session.
#[derive(Debug, Clone)]
pub struct PacketizedFrame {
    packets: Vec<Bytes>,
    octets: usize,
    headers_reduced: bool,
}

impl PacketizedFrame {
    /// The packets in order; sequence number, timestamp and SSRC are zero.
    pub fn packets(&self) -> &[Bytes] {
        &self.packets
    }

    /// One packet with the fields of a session, written into `buffer`.
    ///
    /// # Panics
    /// When there is no packet of this index.
    pub fn write_packet(&self, index: usize, sequence: u16, timestamp: u32, ssrc: u32, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.packets[index]);
        buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }

    /// Octets of one packet's payload: without the header, of which the extension is a part.
    ///
    /// # Panics
    /// When there is no packet of this index.
    pub fn payload_octets(&self, index: usize) -> usize {
        rtp::Packet::parse(self.packets[index].clone()).map_or(0, |packet| packet.payload.len())
    }

    /// Octets of all packets together.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// The header was longer than a packet and lost its APPn and COM segments.
    pub fn headers_reduced(&self) -> bool {
        self.headers_reduced
    }
}

/// Cuts a picture into packets.
///
/// # Errors
/// Why the form cannot carry it.
pub fn packetize(jpeg: &[u8], form: Form) -> Result<PacketizedFrame, Uncarriable> {
    if jpeg.len() > LARGEST {
        return Err(Uncarriable::Size);
    }
    match form {
        Form::Standard => packetize_standard(&StandardPicture::read(jpeg)?),
        Form::OriginalHeader => packetize_original(jpeg),
        Form::Classroom => classroom::fit(jpeg).map(|picture| in_one_packet(&picture)),
    }
}

fn in_one_packet(picture: &[u8]) -> PacketizedFrame {
    let header =
        rtp::Header { marker: true, payload_type: JPEG_PAYLOAD_TYPE, sequence: 0, timestamp: 0, ssrc: 0 };
    let packet = Bytes::from([&header.octets(false), picture].concat());
    PacketizedFrame { octets: packet.len(), packets: vec![packet], headers_reduced: false }
}

fn packetize_standard(picture: &StandardPicture<'_>) -> Result<PacketizedFrame, Uncarriable> {
    let restarts = picture.restart_interval != 0;
    let main = MainHeader {
        type_specific: 0,
        fragment_offset: 0,
        kind: picture.kind | if restarts { RESTART_BIT } else { 0 },
        quality: QUALITY_IN_BAND,
        width: picture.width,
        height: picture.height,
    };
    let restart_header =
        [picture.restart_interval.to_be_bytes(), WHOLE_FRAME_RESTART_COUNT.to_be_bytes()].concat();
    let tables = [&[0, 0, 0, 128], &picture.tables[0][..], &picture.tables[1][..]].concat();
    let lead = Lead {
        first_extension: None,
        other_extension: None,
        main,
        each: if restarts { &restart_header } else { &[] },
        first: &tables,
    };
    Ok(fragment(&lead, picture.scan, false))
}

fn packetize_original(jpeg: &[u8]) -> Result<PacketizedFrame, Uncarriable> {
    let header = JpegHeader::parse(jpeg).map_err(|_| Uncarriable::Unreadable)?;
    let before_scan_header = &jpeg[2..header.start_of_scan().range.start];
    let room = LARGEST_PACKET - rtp::HEADER_LENGTH - 4 - MainHeader::LENGTH - NO_TABLES.len() - 1;
    let mut reduced = false;
    let mut body = before_scan_header.to_vec();
    if header.octets().len().next_multiple_of(4) > room {
        reduced = true;
        body = without_descriptions(jpeg, &header);
    }
    let scan_header = &jpeg[header.start_of_scan().range.clone()];
    let fill = (body.len() + scan_header.len()).next_multiple_of(4) - body.len() - scan_header.len();
    body.resize(body.len() + fill, 0xFF);
    body.extend_from_slice(scan_header);
    if body.len() > room {
        return Err(Uncarriable::LongHeader);
    }
    let main = MainHeader {
        type_specific: fill as u8 | if reduced { REDUCED_BIT } else { 0 },
        fragment_offset: 0,
        kind: TYPE_ORIGINAL_HEADER,
        quality: QUALITY_OUT_OF_BAND,
        width: blocks(header.frame().dimensions.width),
        height: blocks(header.frame().dimensions.height),
    };
    let lead = Lead {
        first_extension: Some((EXTENSION_FIRST, &body)),
        other_extension: Some((EXTENSION_OTHER, &[])),
        main,
        each: &[],
        first: NO_TABLES,
    };
    Ok(fragment(&lead, &jpeg[header.scan_start()..], reduced))
}

/// A quantization table header without tables (RFC 2435 §3.1.8).
const NO_TABLES: &[u8] = &[0, 0, 0, 0];

/// In blocks of eight pixels, 0 where there is no room for it.
fn blocks(pixels: u16) -> u8 {
    u8::try_from(pixels.div_ceil(8)).unwrap_or(0)
}

/// The header segments up to the scan header, without APPn and COM.
fn without_descriptions(jpeg: &[u8], header: &JpegHeader<'_>) -> Vec<u8> {
    let needed =
        header.segments().iter().filter(|s| !marker::is_descriptive(s.code) && s.code != marker::SOS);
    needed.flat_map(|segment| &jpeg[segment.range.clone()]).copied().collect()
}

/// What stands before the data in the packets of one frame.
struct Lead<'a> {
    first_extension: Option<(u16, &'a [u8])>,
    other_extension: Option<(u16, &'a [u8])>,
    main: MainHeader,
    /// Behind the main header of every packet.
    each: &'a [u8],
    /// Behind that, in the first packet alone.
    first: &'a [u8],
}

fn fragment(lead: &Lead<'_>, data: &[u8], headers_reduced: bool) -> PacketizedFrame {
    // One allocation for the whole frame, of which each packet is a part.
    let count_at_most = data.len() / (LARGEST_PACKET - 64) + 2;
    let mut buffer = BytesMut::with_capacity(data.len() + count_at_most * 64 + LARGEST_PACKET);
    let mut packets = Vec::with_capacity(count_at_most);
    let mut offset = 0;
    loop {
        let is_first = offset == 0;
        let extension = if is_first { lead.first_extension } else { lead.other_extension };
        let first = if is_first { lead.first } else { &[] };
        let before = rtp::HEADER_LENGTH
            + extension.map_or(0, |(_, body)| 4 + body.len())
            + MainHeader::LENGTH
            + lead.each.len()
            + first.len();
        let length = (data.len() - offset).min(LARGEST_PACKET - before);
        let is_last = offset + length == data.len();
        let header = rtp::Header {
            marker: is_last,
            payload_type: JPEG_PAYLOAD_TYPE,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
        };
        buffer.put_slice(&header.octets(extension.is_some()));
        if let Some((profile, body)) = extension {
            buffer.put_u16(profile);
            buffer.put_u16((body.len() / 4) as u16);
            buffer.put_slice(body);
        }
        buffer.put_slice(&MainHeader { fragment_offset: offset as u32, ..lead.main }.octets());
        buffer.put_slice(lead.each);
        buffer.put_slice(first);
        buffer.put_slice(&data[offset..offset + length]);
        packets.push(buffer.split().freeze());
        offset += length;
        if is_last {
            let octets = packets.iter().map(Bytes::len).sum();
            return PacketizedFrame { packets, octets, headers_reduced };
        }
    }
}
