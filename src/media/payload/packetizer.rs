//! Conversion of frames to RTP packets.

use bytes::{BufMut, Bytes, BytesMut};

use super::classroom;
use super::intervals::Intervals;
use super::main_header::{
    FIRST_EXTENSION_PROFILE, FOLLOWING_EXTENSION_PROFILE, IDENTITY_LENGTH, INTERVAL_INDEX_MASK, MainHeader,
    QUALITY_IN_BAND, QUALITY_OUT_OF_BAND, TYPE_ORIGINAL_HEADER, TYPE_ORIGINAL_WITH_RESTARTS,
    TYPE_RESTART_BIT, ZERO_PADDING_BIT, header_identity,
};
use super::payload_format::PayloadFormat;
use super::rfc2435::{Rfc2435Frame, UnsupportedJpeg};
use crate::media::jpeg::{
    JpegHeader, MAX_FRAME_SIZE, MarkedScan, RESTART_SEGMENT_LENGTH, insert_restarts, remove_restarts, tables,
    with_restart_interval,
};
use crate::proto::rtp;
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;

/// Maximum length of an RTP packet, in bytes of UDP payload, except for classroom programs and parity packets, which
/// are up to 28 bytes longer. With UDP and IPv6 headers it has 1,460 bytes, which leaves space for a tunnel header in
/// an Ethernet frame of 1,500 bytes.
pub const MAX_PACKET_SIZE: usize = 1_412;

/// The packets of one frame, without the fields that differ between sessions.
#[derive(Debug, Clone)]
pub struct PacketizedFrame {
    packets: Vec<Bytes>,
    /// Length of each packet without RTP header and extension, in bytes.
    payload_lengths: Vec<usize>,
    /// Quantization tables in the first packet; `None` if the format has none.
    quantization_tables: Option<Bytes>,
    restart_error: Option<&'static str>,
}

impl PacketizedFrame {
    fn new(packets: Vec<Bytes>) -> Self {
        let payload_length =
            |packet: &Bytes| rtp::Packet::parse(packet.clone()).map_or(0, |packet| packet.payload.len());
        let payload_lengths = packets.iter().map(payload_length).collect();
        Self { packets, payload_lengths, quantization_tables: None, restart_error: None }
    }

    /// Returns the packets in order, with sequence number, timestamp and SSRC set to zero.
    pub fn packets(&self) -> &[Bytes] {
        &self.packets
    }

    /// Returns a packet as its fixed header, with the fields of a session, and everything after it. `timestamp` is in
    /// RTP ticks.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of packets.
    pub fn packet(
        &self,
        index: usize,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
    ) -> ([u8; rtp::HEADER_LENGTH], &[u8]) {
        let (template, rest) = self.packets[index].split_at(rtp::HEADER_LENGTH);
        let mut header = [0; rtp::HEADER_LENGTH];
        header.copy_from_slice(template);
        header[2..4].copy_from_slice(&sequence.to_be_bytes());
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&ssrc.to_be_bytes());
        (header, rest)
    }

    /// Writes a packet with the fields of a session to `buffer`, which is cleared first. `timestamp` is in RTP ticks.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of packets.
    pub fn write_packet(&self, index: usize, sequence: u16, timestamp: u32, ssrc: u32, buffer: &mut Vec<u8>) {
        let (header, rest) = self.packet(index, sequence, timestamp, ssrc);
        buffer.clear();
        buffer.extend_from_slice(&header);
        buffer.extend_from_slice(rest);
    }

    /// Returns the two quantization tables of a frame in a format of RFC 2435, luminance first; `None` in other
    /// formats.
    pub fn quantization_tables(&self) -> Option<&[u8]> {
        self.quantization_tables.as_deref()
    }

    /// Changes the Q field of a packet of this frame, which names its quantization tables (RFC 2435 §3.1.4). No effect
    /// if the format has none.
    pub fn set_quality(&self, quality: u8, packet: &mut [u8]) {
        let field = packet.get_mut(rtp::HEADER_LENGTH + MainHeader::QUALITY_POSITION);
        if let (Some(field), Some(_)) = (field, &self.quantization_tables) {
            *field = quality;
        }
    }

    /// Returns the length of a packet without RTP header and extension, in bytes.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of packets.
    pub fn payload_length(&self, index: usize) -> usize {
        self.payload_lengths[index]
    }

    /// Returns the reason why no restart markers were inserted although the format asks for them; `None` if they were,
    /// or it does not.
    pub fn restart_error(&self) -> Option<&'static str> {
        self.restart_error
    }

    /// Returns the total length of all packets, in bytes of UDP payload.
    pub fn bytes(&self) -> usize {
        self.packets.iter().map(Bytes::len).sum()
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
        PayloadFormat::Rfc2435 => Ok(packetize_rfc2435(&Rfc2435Frame::parse(jpeg)?, &[])),
        PayloadFormat::Rfc2435WithRestarts => packetize_rfc2435_with_restarts(jpeg),
        PayloadFormat::OriginalHeader => packetize_original_header(jpeg, Markers::NotNegotiated),
        PayloadFormat::OriginalWithRestarts => packetize_original_header(jpeg, Markers::Inserted),
        PayloadFormat::OriginalWithoutRestarts => packetize_original_header(jpeg, Markers::LeftOut),
        PayloadFormat::Classroom => packetize_classroom(jpeg, classroom::MAX_CLASSROOM_FRAME_SIZE),
        PayloadFormat::SmallClassroom => packetize_classroom(jpeg, classroom::MAX_SMALL_CLASSROOM_FRAME_SIZE),
    }
}

fn packetize_classroom(jpeg: &[u8], max_size: usize) -> Result<PacketizedFrame, UnsupportedJpeg> {
    let fitted = classroom::fit_to_datagram(jpeg, max_size)?;
    let header =
        rtp::Header { marker: true, payload_type: JPEG_PAYLOAD_TYPE, sequence: 0, timestamp: 0, ssrc: 0 };
    let packet = Bytes::from([&header.encode(false), &fitted[..]].concat());
    Ok(PacketizedFrame::new(vec![packet]))
}

/// Packetizes a frame with restart markers inserted, or unchanged if that is not possible.
fn packetize_rfc2435_with_restarts(jpeg: &[u8]) -> Result<PacketizedFrame, UnsupportedJpeg> {
    let frame = Rfc2435Frame::parse(jpeg)?;
    let header = JpegHeader::parse(jpeg).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
    let marked = insert_restarts(&header, INTERVAL_LENGTH).map_err(|error| error.message());
    match marked.and_then(|marked| Ok((marked_frame(&header, &marked)?, marked.interval_starts))) {
        Ok((jpeg, starts)) => Ok(packetize_rfc2435(&Rfc2435Frame::parse(&jpeg)?, &starts)),
        Err(reason) => Ok(PacketizedFrame { restart_error: Some(reason), ..packetize_rfc2435(&frame, &[]) }),
    }
}

/// Packetizes a frame. `starts` are the positions of its restart intervals in the scan data, in bytes, or empty if
/// packets are not aligned with intervals.
fn packetize_rfc2435(frame: &Rfc2435Frame<'_>, starts: &[usize]) -> PacketizedFrame {
    let has_restarts = frame.restart_interval != 0;
    let main = MainHeader {
        type_specific: 0,
        fragment_offset: 0,
        jpeg_type: frame.jpeg_type | if has_restarts { TYPE_RESTART_BIT } else { 0 },
        quality: QUALITY_IN_BAND,
        width: frame.width,
        height: frame.height,
    };
    let tables =
        [&[0, 0, 0, 128], &frame.quantization_tables[0][..], &frame.quantization_tables[1][..]].concat();
    let headers = FragmentHeaders {
        segments: None,
        repeats_segments: false,
        has_empty_extensions: true,
        main,
        intervals: has_restarts.then_some(Intervals { interval: frame.restart_interval, starts }),
        identity: None,
        offset_zero: &tables,
    };
    let fragments = fragment(&headers, frame.scan_data);
    let start = rtp::HEADER_LENGTH + headers.every_packet_length() + QUANTIZATION_TABLE_HEADER_LENGTH;
    let quantization_tables = Some(fragments.packets[0].slice(start..start + 128));
    PacketizedFrame { quantization_tables, ..fragments }
}

/// Restart markers of a stream in the format with the original header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Markers {
    /// The receiver does not know them.
    NotNegotiated,
    /// Inserted, if that can be reversed.
    Inserted,
    /// The receiver knows them, and does without.
    LeftOut,
}

fn packetize_original_header(jpeg: &[u8], markers: Markers) -> Result<PacketizedFrame, UnsupportedJpeg> {
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
    if markers != Markers::NotNegotiated {
        return Ok(packetize_with_restarts(&header, main, &segments, markers == Markers::Inserted));
    }
    let headers = FragmentHeaders {
        segments: Some(&segments),
        repeats_segments: false,
        has_empty_extensions: true,
        main,
        intervals: None,
        identity: None,
        offset_zero: EMPTY_TABLE_HEADER,
    };
    Ok(fragment(&headers, &jpeg[header.scan_data_start()..]))
}

/// Packetizes a frame with restart markers inserted, or unchanged if that cannot be reversed, or if they are not
/// wanted. `main` and `segments` are those of the frame without restart markers.
fn packetize_with_restarts(
    header: &JpegHeader<'_>,
    main: MainHeader,
    segments: &[u8],
    has_markers: bool,
) -> PacketizedFrame {
    let scan = header.scan_data();
    let main = MainHeader { jpeg_type: TYPE_ORIGINAL_WITH_RESTARTS, ..main };
    let headers = FragmentHeaders {
        segments: Some(segments),
        repeats_segments: false,
        has_empty_extensions: false,
        main,
        intervals: Some(Intervals { interval: 0, starts: &[] }),
        identity: Some(header_identity(segments)),
        offset_zero: EMPTY_TABLE_HEADER,
    };
    if !has_markers {
        return fragment(&headers, scan);
    }
    match reversible_restarts(header) {
        Ok(marked) => {
            let padding = if marked.has_zero_padding { ZERO_PADDING_BIT } else { 0 };
            let main = MainHeader { type_specific: main.type_specific | padding, ..main };
            let intervals = Intervals { interval: marked.interval, starts: &marked.interval_starts };
            let repeats_segments = segments.len() <= MAX_REPEATED_SEGMENTS && has_own_huffman_tables(header);
            let headers = FragmentHeaders { repeats_segments, main, intervals: Some(intervals), ..headers };
            fragment(&headers, &marked.data)
        }
        Err(reason) => PacketizedFrame { restart_error: Some(reason), ..fragment(&headers, scan) },
    }
}

/// Maximum length of header segments that are sent twice, in bytes: both packets have space for them.
const MAX_REPEATED_SEGMENTS: usize = 1_200;

/// Returns true if a frame has Huffman tables of its own. Encoders that compute them do so for every frame, so that its
/// header is not known from an earlier one.
fn has_own_huffman_tables(header: &JpegHeader<'_>) -> bool {
    let is_own = |key| {
        let table = header.huffman_table(key);
        table.is_some_and(|table| tables::STANDARD_HUFFMAN.iter().all(|(_, standard)| *standard != table))
    };
    let mut keys = header.scan_components().iter().flat_map(|scan| [scan.dc_table, 0x10 | scan.ac_table]);
    keys.any(is_own)
}

/// Mean length of a restart interval, in bytes. A packet holds whole intervals, so shorter ones fill it better; each
/// costs about five bytes.
const INTERVAL_LENGTH: usize = 256;

/// Inserts restart markers into the scan of a frame, and checks that the receiver restores its bytes.
fn reversible_restarts(header: &JpegHeader<'_>) -> Result<MarkedScan, &'static str> {
    let marked = insert_restarts(header, INTERVAL_LENGTH).map_err(|error| error.message())?;
    let frame = marked_frame(header, &marked)?;
    let restored = remove_restarts(&frame, marked.has_zero_padding);
    match restored.is_ok_and(|restored| restored == header.jpeg()) {
        true => Ok(marked),
        false => Err("frame that would not be restored"),
    }
}

/// Returns a frame with restart markers as a JPEG.
fn marked_frame(header: &JpegHeader<'_>, marked: &MarkedScan) -> Result<Vec<u8>, &'static str> {
    let header_bytes = &header.jpeg()[..header.scan_data_start()];
    if header_bytes.len() + RESTART_SEGMENT_LENGTH + marked.data.len() > MAX_FRAME_SIZE {
        return Err("frame that would be too long");
    }
    let header = with_restart_interval(header_bytes, header.sos_segment().range.start, marked.interval);
    Ok([&header[..], &marked.data].concat())
}

/// Length of a quantization table header without tables, in bytes (RFC 2435 §3.1.8).
const QUANTIZATION_TABLE_HEADER_LENGTH: usize = 4;

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
    /// The last packet or the one before it has the header segments as well, so that a lost first packet is not the
    /// only one that has them.
    repeats_segments: bool,
    /// Packets without header segments have an empty extension.
    has_empty_extensions: bool,
    /// Main header; the fragment offset is set for each packet.
    main: MainHeader,
    /// Restart intervals for the restart header; `None` if packets have none.
    intervals: Option<Intervals<'a>>,
    /// Identity of the header, in every packet; `None` if packets have none.
    identity: Option<u32>,
    /// Bytes after these in the packets whose fragment offset is 0.
    offset_zero: &'a [u8],
}

impl FragmentHeaders<'_> {
    /// Length of the headers in every packet, in bytes.
    fn every_packet_length(&self) -> usize {
        let restart_header = if self.intervals.is_some() { 4 } else { 0 };
        MainHeader::LENGTH + restart_header + self.identity.map_or(0, |_| IDENTITY_LENGTH)
    }

    /// Length of the payload headers of a packet whose data is at `offset`, in bytes.
    fn length_at(&self, offset: usize) -> usize {
        self.every_packet_length() + self.offset_zero_at(offset).len()
    }

    /// Bytes between the other headers and the data at `offset`.
    fn offset_zero_at(&self, offset: usize) -> &[u8] {
        if offset == 0 { self.offset_zero } else { &[] }
    }
}

/// Divides a frame into packets. Header segments that are longer than a packet continue in the extensions of the next
/// packets, which have no data before the last segment.
fn fragment(headers: &FragmentHeaders<'_>, data: &[u8]) -> PacketizedFrame {
    // All packets are slices of one allocation.
    let length = data.len() + 2 * headers.segments.map_or(0, <[u8]>::len);
    // Restart intervals leave space at the end of packets: on average less than half of it.
    let share = if headers.intervals.is_some_and(|intervals| !intervals.starts.is_empty()) { 2 } else { 1 };
    let max_packets = share * length / (MAX_PACKET_SIZE - 64) + 3;
    let mut buffer = BytesMut::with_capacity(length + max_packets * 64 + MAX_PACKET_SIZE);
    let mut packets = Vec::with_capacity(max_packets);
    let (mut segments, mut offset) = (headers.segments, 0);
    let mut repeated_segments = headers.segments.filter(|_| headers.repeats_segments);
    loop {
        let is_first = packets.is_empty();
        let capacity = MAX_PACKET_SIZE - rtp::HEADER_LENGTH - headers.length_at(offset);
        let has_extension =
            |segments: &&[u8]| is_first || headers.has_empty_extensions || !segments.is_empty();
        let (extension, rest) = segments.filter(has_extension).map_or((None, &[][..]), |segments| {
            // One byte of data fits beside the last segment, so only packets of the header have a fragment offset of 0.
            let max_length = (capacity - EXTENSION_HEADER_LENGTH - 1) / 4 * 4;
            let (part, rest) = segments.split_at(segments.len().min(max_length));
            let profile = if is_first { FIRST_EXTENSION_PROFILE } else { FOLLOWING_EXTENSION_PROFILE };
            (Some((profile, part)), rest)
        });
        segments = segments.map(|_| rest);
        let extension_length = extension.map_or(0, |(_, part)| EXTENSION_HEADER_LENGTH + part.len());
        let space = if rest.is_empty() { capacity - extension_length } else { 0 };
        let chunk = headers.intervals.map(|intervals| intervals.chunk(offset, data.len(), space));
        let part = &data[offset..][..chunk.map_or(space.min(data.len() - offset), |chunk| chunk.length)];
        let mut fragment = Fragment {
            is_last: rest.is_empty() && offset + part.len() == data.len(),
            extension,
            offset,
            restart_count: chunk.map(|chunk| chunk.restart_count),
            data: part,
        };
        if !is_first
            && fragment.is_last
            && let Some(segments) = repeated_segments.take()
        {
            fragment.repeat_segments(segments, space - part.len());
        }
        fragment.put(headers, &mut buffer);
        packets.push(buffer.split().freeze());
        offset += fragment.data.len();
        if fragment.is_last {
            return PacketizedFrame::new(packets);
        }
    }
}

/// Content of one packet.
struct Fragment<'a> {
    is_last: bool,
    /// Profile and content of the RTP header extension.
    extension: Option<(u16, &'a [u8])>,
    /// Position of the data in the scan, in bytes.
    offset: usize,
    restart_count: Option<u16>,
    data: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Adds header segments to the last packet, or if they do not fit into `space` bytes, makes this a packet without
    /// data that precedes it. A frame is complete without such a packet.
    fn repeat_segments(&mut self, segments: &'a [u8], space: usize) {
        self.extension = Some((FIRST_EXTENSION_PROFILE, segments));
        if EXTENSION_HEADER_LENGTH + segments.len() > space {
            self.is_last = false;
            self.data = &[];
            self.restart_count = self.restart_count.map(|count| count & INTERVAL_INDEX_MASK);
        }
    }

    /// Appends the packet.
    fn put(&self, headers: &FragmentHeaders<'_>, buffer: &mut BytesMut) {
        let header = rtp::Header {
            marker: self.is_last,
            payload_type: JPEG_PAYLOAD_TYPE,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
        };
        buffer.put_slice(&header.encode(self.extension.is_some()));
        if let Some((profile, segments)) = self.extension {
            buffer.put_u16(profile);
            buffer.put_u16((segments.len() / 4) as u16);
            buffer.put_slice(segments);
        }
        buffer.put_slice(&MainHeader { fragment_offset: self.offset as u32, ..headers.main }.encode());
        if let (Some(intervals), Some(restart_count)) = (headers.intervals, self.restart_count) {
            buffer.put_u16(intervals.interval);
            buffer.put_u16(restart_count);
        }
        if let Some(identity) = headers.identity {
            buffer.put_u32(identity);
        }
        buffer.put_slice(headers.offset_zero_at(self.offset));
        buffer.put_slice(self.data);
    }
}

/// Length of the profile and length fields of an RTP header extension, in bytes (RFC 3550 §5.3.1).
const EXTENSION_HEADER_LENGTH: usize = 4;
