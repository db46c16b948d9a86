//! Assembly of frames from datagrams of classroom servers.
//!
//! Classroom servers send raw JPEG after the RTP header, without the payload header of RFC 2435, and fragment it in
//! different ways. The variant is detected from the datagrams: a frame begins with SOI (`FF D8`) after the RTP header,
//! after eight bytes of offset and length, or after a header of the server's own, and ends at its EOI. A header of the
//! server's own has the same length in every packet and is not read: one server writes fragment, count and size of 16
//! bits each, another the frame of 32 bits and a byte that marks the last packet.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::assembled::{AssembledFrame, Gaps, UNKNOWN_END};
use crate::media::jpeg::{FrameParser, MAX_FRAME_SIZE, ParseStatus, marker};
use crate::proto::rtp::{HEADER_LENGTH, Header};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;

/// Fragmentation of frames by a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassroomVariant {
    /// A packet for each frame. Sequence numbers count frames.
    WholeFrame,
    /// Several packets for each frame, all with the same sequence number.
    ChunksByFrame,
    /// Several packets for each frame, each with its own sequence number.
    ChunksByPacket,
    /// Same as `ChunksByFrame`, with offset and length of the frame before each payload.
    OffsetHeader,
    /// An RTP packet for each frame, split into several datagrams. Only the first one has the RTP header.
    Sliced,
}

/// A datagram of a classroom stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassroomDatagram {
    /// A datagram with RTP header.
    Packet {
        /// Fixed RTP header (RFC 3550 §5.1).
        header: Header,
        /// Bytes after the RTP header and the server's own header.
        payload: Bytes,
    },
    /// A datagram without RTP header, which continues the current frame.
    Slice(Bytes),
}

/// Assembles frames from datagrams of a classroom server.
///
/// Call [`classify`](Self::classify) with each datagram, [`push`](Self::push) with the result, and
/// [`poll_frame`](Self::poll_frame) until it returns `None`. Between the first two, packets of
/// [`ClassroomVariant::ChunksByPacket`] can be put in the order of their sequence numbers.
#[derive(Debug, Default)]
pub struct ClassroomDepacketizer {
    variant: Option<ClassroomVariant>,
    /// First byte of the RTP headers, and SSRC. Other datagrams have no RTP header.
    stream_id: Option<(u8, u32)>,
    /// Length of the server's own header before each payload, in bytes; 0 if there is none.
    own_header_length: usize,
    /// A frame was complete, so `own_header_length` is right.
    has_complete_frame: bool,
    assembly: Option<ClassroomAssembly>,
    completed: VecDeque<AssembledFrame>,
}

/// Maximum length of a server's own header before each payload, in bytes.
const MAX_OWN_HEADER_LENGTH: usize = 16;

/// Length of offset and frame length before each payload of [`ClassroomVariant::OffsetHeader`], in bytes.
const OFFSET_HEADER_LENGTH: usize = 8;

/// Maximum number of chunks of a frame that wait for a missing chunk before them.
const MAX_PENDING_CHUNKS: usize = 4_096;

#[derive(Debug)]
enum ClassroomAssembly {
    /// Chunks without offsets, joined in order of arrival.
    Chunks(ChunkAssembly),
    /// Chunks with offsets, joined in order of their offsets.
    Offset(OffsetAssembly),
    /// A frame whose further packets are ignored, since it is complete or cannot become complete.
    Skipped { range: PacketRange, is_complete: bool },
}

/// Packets of a frame received so far.
#[derive(Debug, Clone, Copy)]
struct PacketRange {
    /// Sequence number of the first packet.
    first: u16,
    /// Sequence number of the last packet.
    last: u16,
    /// Marker bit of the last packet.
    has_marker: bool,
    /// RTP timestamp of the last packet.
    timestamp: u32,
}

impl PacketRange {
    fn from_header(header: &Header) -> Self {
        Self {
            first: header.sequence,
            last: header.sequence,
            has_marker: header.marker,
            timestamp: header.timestamp,
        }
    }
}

#[derive(Debug)]
struct ChunkAssembly {
    range: PacketRange,
    jpeg: BytesMut,
    parser: FrameParser,
    /// Length of the first and of the last datagram, in bytes. Only the last slice of a frame is shorter than the first
    /// datagram.
    datagram_lengths: (usize, usize),
}

#[derive(Debug)]
struct OffsetAssembly {
    range: PacketRange,
    frame_length: usize,
    jpeg: BytesMut,
    /// Chunks after a gap, by offset.
    pending: BTreeMap<usize, Bytes>,
    /// Total length of the pending chunks, in bytes.
    pending_bytes: usize,
}

/// First bytes of the payload of a frame's first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameStart {
    /// SOI directly after the RTP header.
    Plain,
    /// Offset and length, then SOI.
    WithOffsetHeader,
}

fn detect_frame_start(payload: &[u8]) -> Option<FrameStart> {
    const SOI: [u8; 2] = [0xFF, marker::SOI];
    if payload.starts_with(&SOI) {
        return Some(FrameStart::Plain);
    }
    let (offset, frame_length) = parse_offset_header(payload)?;
    let data = &payload[OFFSET_HEADER_LENGTH..];
    (offset == 0 && data.starts_with(&SOI) && (data.len()..=MAX_FRAME_SIZE).contains(&frame_length))
        .then_some(FrameStart::WithOffsetHeader)
}

/// Returns the length of the server's own header before the first payload of a frame, in bytes; `None` if no frame
/// begins in the payload. SOI is followed by the 0xFF of the next marker.
fn find_own_header(payload: &[u8]) -> Option<usize> {
    const START: [u8; 3] = [0xFF, marker::SOI, 0xFF];
    if detect_frame_start(payload).is_some() {
        return Some(0);
    }
    // An offset of 0 whose frame length is impossible.
    let is_offset_header = |length| length == OFFSET_HEADER_LENGTH && payload.starts_with(&[0; 4]);
    (1..=MAX_OWN_HEADER_LENGTH)
        .find(|&length| payload.get(length..).is_some_and(|jpeg| jpeg.starts_with(&START)))
        .filter(|&length| !is_offset_header(length))
}

/// Parses the offset of a chunk and the length of its frame, both in bytes, 32 bits, big-endian.
fn parse_offset_header(payload: &[u8]) -> Option<(usize, usize)> {
    let [o0, o1, o2, o3, t0, t1, t2, t3] = *payload.first_chunk::<OFFSET_HEADER_LENGTH>()?;
    let number = |bytes| usize::try_from(u32::from_be_bytes(bytes)).ok();
    Some((number([o0, o1, o2, o3])?, number([t0, t1, t2, t3])?))
}

/// Returns the distance from `reference` to `sequence` modulo 2¹⁶; negative if `sequence` is earlier.
fn sequence_distance(reference: u16, sequence: u16) -> i16 {
    sequence.wrapping_sub(reference) as i16
}

impl ClassroomDepacketizer {
    /// Returns the detected variant; `None` before the first frame shows it.
    pub fn variant(&self) -> Option<ClassroomVariant> {
        self.variant
    }

    /// SSRC of the stream; `None` before the first packet.
    pub fn ssrc(&self) -> Option<u32> {
        self.stream_id.map(|(_, ssrc)| ssrc)
    }

    /// Returns the next frame. JPEG markers, offsets and sequence numbers decide whether it is complete.
    pub fn poll_frame(&mut self) -> Option<AssembledFrame> {
        self.completed.pop_front()
    }

    /// Returns whether a frame begins with this payload.
    pub fn starts_frame(payload: &[u8]) -> bool {
        detect_frame_start(payload).is_some()
    }

    /// Parses a datagram; `None` if it is not part of the stream. RTP version 0 is accepted, since many classroom
    /// servers send it.
    pub fn classify(&mut self, datagram: &Bytes) -> Option<ClassroomDatagram> {
        if let Some((first, header, payload)) = parse_header(datagram) {
            let payload = self.strip_own_header(payload);
            let stream_id = Some((first, header.ssrc));
            if self.stream_id == stream_id || detect_frame_start(&payload).is_some() {
                self.stream_id = stream_id;
                return Some(ClassroomDatagram::Packet { header, payload });
            }
        }
        let is_slice = self.may_be_sliced() && !self.has_other_payload_type(datagram);
        let Some(ClassroomAssembly::Chunks(ChunkAssembly { datagram_lengths: (first, last), .. })) =
            self.assembly.as_ref().filter(|_| is_slice)
        else {
            return None;
        };
        (first == last && datagram.len() <= *first).then(|| ClassroomDatagram::Slice(datagram.clone()))
    }

    fn may_be_sliced(&self) -> bool {
        use ClassroomVariant::{Sliced, WholeFrame};
        matches!(self.variant, None | Some(WholeFrame | Sliced)) && self.own_header_length == 0
    }

    /// Returns whether a datagram is a packet of the same sender with another payload type, such as the parity packets
    /// of payload type 127 that some servers send between frames.
    fn has_other_payload_type(&self, datagram: &[u8]) -> bool {
        let fixed = datagram.first_chunk::<HEADER_LENGTH>();
        fixed.is_some_and(|fixed| {
            let header = Header::parse(fixed);
            header.payload_type != JPEG_PAYLOAD_TYPE && self.stream_id == Some((fixed[0], header.ssrc))
        })
    }

    /// Removes the server's own header. Its length is found where a frame begins, and does not change once a frame was
    /// complete: later SOI markers may be those of thumbnails.
    fn strip_own_header(&mut self, payload: Bytes) -> Bytes {
        let is_in_frame =
            matches!(self.assembly, Some(ClassroomAssembly::Chunks(_) | ClassroomAssembly::Offset(_)));
        if !is_in_frame
            && !self.has_complete_frame
            && let Some(length) = find_own_header(&payload)
        {
            self.own_header_length = length;
        }
        payload.slice(self.own_header_length.min(payload.len())..)
    }

    /// Adds the next datagram. Packets of [`ClassroomVariant::ChunksByPacket`] are pushed in sequence order.
    pub fn push(&mut self, datagram: &ClassroomDatagram) {
        match datagram {
            ClassroomDatagram::Slice(bytes) => self.push_slice(bytes),
            ClassroomDatagram::Packet { header, payload } => match detect_frame_start(payload) {
                Some(FrameStart::WithOffsetHeader) => self.push_offset(header, payload),
                None if self.variant == Some(ClassroomVariant::OffsetHeader) => {
                    self.push_offset(header, payload)
                }
                Some(FrameStart::Plain) if !self.is_continuation(header) => self.start_frame(header, payload),
                _ => self.push_continuation(header, payload),
            },
        }
    }

    /// Ends the current frame as incomplete, at the end of the stream.
    pub fn finish(&mut self) {
        match self.assembly.take() {
            Some(ClassroomAssembly::Chunks(chunks)) => {
                self.emit_truncated(chunks.range, chunks.jpeg.freeze());
            }
            Some(ClassroomAssembly::Offset(assembly)) => self.emit_with_gaps(assembly),
            Some(ClassroomAssembly::Skipped { .. }) | None => {}
        }
    }

    /// Discards the current frame, after a pause.
    pub fn discard_frame(&mut self) {
        self.assembly = None;
    }
}

fn parse_header(datagram: &Bytes) -> Option<(u8, Header, Bytes)> {
    let fixed = datagram.first_chunk::<HEADER_LENGTH>()?;
    let header = Header::parse(fixed);
    let is_known_version = matches!(fixed[0] >> 6, 0 | 2);
    (is_known_version && header.payload_type == JPEG_PAYLOAD_TYPE && datagram.len() > HEADER_LENGTH)
        .then(|| (fixed[0], header, datagram.slice(HEADER_LENGTH..)))
}

/// Assembly of chunks without offsets.
impl ClassroomDepacketizer {
    /// Returns whether a packet that begins with SOI continues the current frame. A chunk can begin with the SOI of a
    /// thumbnail.
    fn is_continuation(&self, header: &Header) -> bool {
        let Some(ClassroomAssembly::Chunks(ChunkAssembly { range, .. })) = &self.assembly else {
            return false;
        };
        match self.variant {
            Some(ClassroomVariant::ChunksByFrame) => header.sequence == range.last,
            Some(ClassroomVariant::ChunksByPacket) => {
                !range.has_marker && sequence_distance(range.last, header.sequence) == 1
            }
            _ => false,
        }
    }

    fn start_frame(&mut self, header: &Header, payload: &Bytes) {
        self.finish();
        let range = PacketRange::from_header(header);
        let mut parser = FrameParser::default();
        match parser.advance(payload) {
            ParseStatus::Complete { consumed } => {
                self.variant.get_or_insert(ClassroomVariant::WholeFrame);
                self.emit_frame(range, payload.slice(..consumed));
            }
            ParseStatus::Invalid { .. } => self.skip_frame(range, payload.clone()),
            ParseStatus::Incomplete => {
                let length = HEADER_LENGTH + payload.len();
                let jpeg = BytesMut::from(&payload[..]);
                let chunks = ChunkAssembly { range, jpeg, parser, datagram_lengths: (length, length) };
                self.assembly = Some(ClassroomAssembly::Chunks(chunks));
            }
        }
    }

    fn push_continuation(&mut self, header: &Header, payload: &Bytes) {
        let current = PacketRange::from_header(header);
        let skipped = match self.assembly.take() {
            Some(ClassroomAssembly::Chunks(chunks)) if self.is_next_packet(chunks.range, header) => {
                let range = PacketRange { first: chunks.range.first, ..current };
                let datagram_length = HEADER_LENGTH + payload.len();
                return self.append(ChunkAssembly { range, ..chunks }, payload, datagram_length);
            }
            Some(ClassroomAssembly::Chunks(chunks)) => {
                let range = chunks.range;
                self.skip_frame(range, chunks.jpeg.freeze());
                Some((range, false))
            }
            Some(ClassroomAssembly::Skipped { range, is_complete }) => Some((range, is_complete)),
            _ => None,
        };
        match skipped.filter(|(range, is_complete)| self.belongs_to_skipped(*range, *is_complete, current)) {
            Some((PacketRange { first, .. }, is_complete)) => {
                let range = PacketRange { first, ..current };
                self.assembly = Some(ClassroomAssembly::Skipped { range, is_complete });
            }
            // The first packet of the frame is missing.
            None => self.skip_frame(current, Bytes::new()),
        }
    }

    /// Returns whether a packet is the next one of the current frame. The first such packet shows whether sequence
    /// numbers count frames or packets.
    fn is_next_packet(&mut self, range: PacketRange, header: &Header) -> bool {
        let detected = match sequence_distance(range.last, header.sequence) {
            0 => ClassroomVariant::ChunksByFrame,
            1 => ClassroomVariant::ChunksByPacket,
            _ => return false,
        };
        if matches!(self.variant, None | Some(ClassroomVariant::WholeFrame)) {
            self.variant = Some(detected);
        }
        self.variant == Some(detected)
    }

    /// Returns whether a packet belongs to a frame whose packets are ignored.
    ///
    /// If each packet has its own sequence number, missing packets are assumed to belong to the ignored frame too,
    /// unless the timestamp differs. No packets are missing if the ignored frame is complete.
    fn belongs_to_skipped(&self, range: PacketRange, is_complete: bool, current: PacketRange) -> bool {
        match sequence_distance(range.last, current.last) {
            0 => true,
            1.. if self.variant != Some(ClassroomVariant::ChunksByPacket) || range.has_marker => false,
            1 => true,
            2.. => !is_complete && range.timestamp == current.timestamp,
            _ => false,
        }
    }

    fn push_slice(&mut self, bytes: &Bytes) {
        match self.assembly.take() {
            Some(ClassroomAssembly::Chunks(chunks)) => {
                self.variant = Some(ClassroomVariant::Sliced);
                self.append(chunks, bytes, bytes.len());
            }
            other => self.assembly = other,
        }
    }

    fn append(&mut self, mut chunks: ChunkAssembly, bytes: &Bytes, datagram_length: usize) {
        if chunks.jpeg.len() + bytes.len() > MAX_FRAME_SIZE {
            return self.skip_frame(chunks.range, chunks.jpeg.freeze());
        }
        chunks.datagram_lengths.1 = datagram_length;
        match chunks.parser.advance(bytes) {
            ParseStatus::Incomplete => {
                chunks.jpeg.extend_from_slice(bytes);
                self.assembly = Some(ClassroomAssembly::Chunks(chunks));
            }
            ParseStatus::Complete { consumed } => {
                chunks.jpeg.extend_from_slice(&bytes[..consumed]);
                self.emit_frame(chunks.range, chunks.jpeg.freeze());
            }
            ParseStatus::Invalid { .. } => self.skip_frame(chunks.range, chunks.jpeg.freeze()),
        }
    }

    fn emit_frame(&mut self, range: PacketRange, jpeg: Bytes) {
        self.has_complete_frame = true;
        self.emit(range, jpeg, Vec::new());
        self.assembly = Some(ClassroomAssembly::Skipped { range, is_complete: true });
    }

    /// Emits the first bytes of an incomplete frame and ignores its further packets.
    fn skip_frame(&mut self, range: PacketRange, jpeg: Bytes) {
        self.emit_truncated(range, jpeg);
        self.assembly = Some(ClassroomAssembly::Skipped { range, is_complete: false });
    }

    fn emit_truncated(&mut self, range: PacketRange, jpeg: Bytes) {
        let rest = jpeg.len()..UNKNOWN_END;
        self.emit(range, jpeg, vec![rest]);
    }

    fn emit(&mut self, range: PacketRange, jpeg: Bytes, missing: Vec<Range<usize>>) {
        let PacketRange { first: sequence, last: last_sequence, timestamp, .. } = range;
        let frame =
            AssembledFrame { timestamp, sequence, last_sequence, ..AssembledFrame::new(jpeg, missing) };
        self.completed.push_back(frame);
    }
}

/// Assembly of chunks with offsets.
impl ClassroomDepacketizer {
    fn push_offset(&mut self, header: &Header, payload: &Bytes) {
        self.variant = Some(ClassroomVariant::OffsetHeader);
        let range = PacketRange::from_header(header);
        let known = match &self.assembly {
            Some(
                ClassroomAssembly::Chunks(ChunkAssembly { range, .. })
                | ClassroomAssembly::Offset(OffsetAssembly { range, .. }),
            ) => Some(*range),
            Some(ClassroomAssembly::Skipped { range, .. }) => Some(*range),
            None => None,
        };
        match known.map(|known| sequence_distance(known.first, header.sequence)) {
            // A late packet of an earlier frame.
            Some(..0) => return,
            Some(0) if matches!(self.assembly, Some(ClassroomAssembly::Skipped { .. })) => return,
            Some(0) => {}
            Some(1..) | None => self.finish(),
        }
        let chunk = parse_offset_header(payload)
            .zip(payload.get(OFFSET_HEADER_LENGTH..).map(|data| payload.slice_ref(data)));
        let Some(((offset, frame_length), data)) = chunk.filter(|((offset, frame_length), data)| {
            *frame_length <= MAX_FRAME_SIZE
                && offset.checked_add(data.len()).is_some_and(|end| end <= *frame_length)
        }) else {
            return self.skip_frame(range, Bytes::new());
        };
        let mut assembly = match self.assembly.take() {
            Some(ClassroomAssembly::Offset(assembly)) if assembly.frame_length == frame_length => assembly,
            None => OffsetAssembly {
                range,
                frame_length,
                jpeg: BytesMut::new(),
                pending: BTreeMap::new(),
                pending_bytes: 0,
            },
            _ => return self.skip_frame(range, Bytes::new()),
        };
        assembly.insert(offset, data);
        self.check_complete(assembly);
    }

    fn check_complete(&mut self, assembly: OffsetAssembly) {
        // If more bytes are pending than the frame has, chunks overlap.
        if assembly.pending.len() > MAX_PENDING_CHUNKS || assembly.pending_bytes > assembly.frame_length {
            let range = assembly.range;
            self.emit_with_gaps(assembly);
            self.assembly = Some(ClassroomAssembly::Skipped { range, is_complete: false });
            return;
        }
        if assembly.jpeg.len() < assembly.frame_length {
            self.assembly = Some(ClassroomAssembly::Offset(assembly));
            return;
        }
        match FrameParser::default().advance(&assembly.jpeg) {
            ParseStatus::Complete { consumed } => {
                self.emit_frame(assembly.range, assembly.jpeg.freeze().slice(..consumed))
            }
            _ => self.skip_frame(assembly.range, assembly.jpeg.freeze()),
        }
    }

    /// Emits the received chunks of an incomplete frame with the gaps between them.
    fn emit_with_gaps(&mut self, assembly: OffsetAssembly) {
        let OffsetAssembly { range, frame_length, mut jpeg, pending, .. } = assembly;
        let mut gaps = Gaps::default();
        gaps.append(jpeg.len());
        for (offset, data) in pending {
            if gaps.insert(offset, data.len()) {
                jpeg.extend_from_slice(&data);
            }
        }
        // The last gap ends at the end of the frame, which is known here.
        gaps.insert(frame_length, 0);
        self.emit(range, jpeg.freeze(), gaps.into_missing());
    }
}

impl OffsetAssembly {
    /// Adds a chunk. Bytes that were received before are kept.
    fn insert(&mut self, offset: usize, data: Bytes) {
        let longest = self.pending.entry(offset).or_default();
        if data.len() > longest.len() {
            self.pending_bytes += data.len() - longest.len();
            *longest = data;
        }
        while let Some(first) = self.pending.first_entry() {
            let Some(skipped) = self.jpeg.len().checked_sub(*first.key()) else { return };
            let data = first.remove();
            self.pending_bytes -= data.len();
            self.jpeg.extend_from_slice(data.get(skipped..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal frame: SOI, SOF0, SOS, `length + 1` bytes of data, EOI.
    fn jpeg_frame(number: u8, length: usize) -> Vec<u8> {
        let head = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2, number];
        [&head[..], &vec![number; length], &[0xFF, 0xD9]].concat()
    }

    fn packet(sequence: u16, has_marker: bool, payload: &[u8]) -> Bytes {
        let marker = if has_marker { 0x80 } else { 0 };
        let [high, low] = sequence.to_be_bytes();
        [&[0x80, 26 | marker, high, low, 0, 0, 0, 0, 0, 0, 0, 0], payload].concat().into()
    }

    fn offset_packet(sequence: u16, offset: usize, total: usize, data: &[u8]) -> Bytes {
        let framing = [(offset as u32).to_be_bytes(), (total as u32).to_be_bytes()].concat();
        packet(sequence, false, &[&framing, data].concat())
    }

    /// Returns the sequence numbers of complete frames, and `None` for incomplete ones.
    fn assemble(depacketizer: &mut ClassroomDepacketizer, datagrams: &[Bytes]) -> Vec<Option<u16>> {
        for datagram in datagrams {
            if let Some(datagram) = depacketizer.classify(datagram) {
                depacketizer.push(&datagram);
            }
        }
        let frames = std::iter::from_fn(|| depacketizer.poll_frame());
        frames.map(|frame| frame.is_complete().then_some(frame.sequence)).collect()
    }

    fn chunks_by_frame(number: u16) -> Vec<Bytes> {
        let jpeg = jpeg_frame(number as u8, 3_000);
        let chunks: Vec<_> = jpeg.chunks(1_400).collect();
        let last = chunks.len() - 1;
        chunks.iter().enumerate().map(|(index, chunk)| packet(number, index == last, chunk)).collect()
    }

    fn chunks_by_packet(number: u16) -> Vec<Bytes> {
        let jpeg = jpeg_frame(number as u8, 3_000);
        let chunks: Vec<_> = jpeg.chunks(1_400).map(<[u8]>::to_vec).collect();
        let (first, last) = (number * 3, chunks.len() - 1);
        let chunks = (0u16..).zip(&chunks);
        chunks.map(|(index, chunk)| packet(first + index, usize::from(index) == last, chunk)).collect()
    }

    #[test]
    fn whole_frame_in_a_datagram_of_any_version_is_emitted() {
        let jpeg = jpeg_frame(7, 100);
        for version in [0x80, 0x00] {
            let mut datagram = packet(1, false, &jpeg).to_vec();
            datagram[0] = version;
            let mut depacketizer = ClassroomDepacketizer::default();
            let datagram = depacketizer.classify(&datagram.into()).unwrap();
            depacketizer.push(&datagram);
            let frame = depacketizer.poll_frame().unwrap();
            assert!(frame.is_complete());
            assert_eq!((frame.jpeg, frame.sequence), (Bytes::from(jpeg.clone()), 1));
            assert_eq!(depacketizer.variant(), Some(ClassroomVariant::WholeFrame));
        }
    }

    #[test]
    fn chunks_sharing_a_frame_sequence_are_joined() {
        let mut depacketizer = ClassroomDepacketizer::default();
        let datagrams = [1, 2, 3].map(chunks_by_frame).concat();
        assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(1), Some(2), Some(3)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
        // The last chunk of frame 4 and the first chunk of frame 5 are lost.
        let mut datagrams = [4, 5, 6].map(chunks_by_frame).concat();
        datagrams.drain(2..4);
        assert_eq!(assemble(&mut depacketizer, &datagrams), [None, None, Some(6)]);
    }

    #[test]
    fn chunks_with_own_sequence_are_joined() {
        let mut depacketizer = ClassroomDepacketizer::default();
        let mut datagrams = [1, 2, 3, 4].map(chunks_by_packet).concat();
        // The middle of frame 2 and the first packet of frame 3 are lost.
        datagrams.remove(6);
        datagrams.remove(4);
        assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(3), None, None, Some(12)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
    }

    #[test]
    fn missing_packets_make_one_incomplete_frame() {
        let chunked = |first: u16, timestamp: u8| {
            let jpeg = jpeg_frame(first as u8, 8_000);
            let chunks = jpeg.chunks(1_000).enumerate();
            let packets = chunks.map(|(index, chunk)| {
                let mut packet = packet(first + index as u16, index == 8, chunk).to_vec();
                packet[7] = timestamp;
                Bytes::from(packet)
            });
            packets.collect::<Vec<_>>()
        };
        for (missing, timestamps, expected) in [
            (&[10][..], [0, 0], &[Some(0), None, Some(18)][..]),
            (&[10, 12, 13, 16], [0, 0], &[Some(0), None, Some(18)]),
            // The last packet of one frame and the first ones of the next are lost: only timestamps separate them.
            (&[16, 17, 18], [1, 2], &[Some(0), None, None]),
            (&[17, 18, 20], [0, 0], &[Some(0), None]),
        ] {
            let datagrams = [chunked(0, 0), chunked(9, timestamps[0]), chunked(18, timestamps[1])].concat();
            let arrives = |packet: &Bytes| !missing.contains(&packet[3]);
            let datagrams: Vec<_> = datagrams.into_iter().filter(arrives).collect();
            assert_eq!(assemble(&mut ClassroomDepacketizer::default(), &datagrams), expected, "{missing:?}");
        }
    }

    #[test]
    fn frame_without_start_is_not_part_of_the_previous_frame() {
        let unmarked = |number: u16| {
            let packets = chunks_by_packet(number).into_iter();
            packets.map(|packet| {
                let mut packet = packet.to_vec();
                packet[1] = 26;
                Bytes::from(packet)
            })
        };
        let datagrams: Vec<_> = unmarked(0).chain(unmarked(1).skip(1)).chain(unmarked(2)).collect();
        assert_eq!(assemble(&mut ClassroomDepacketizer::default(), &datagrams), [Some(0), None, Some(6)]);
    }

    #[test]
    fn overlapping_chunks_are_bounded() {
        let mut depacketizer = ClassroomDepacketizer::default();
        let first = offset_packet(1, 0, 50_000, &jpeg_frame(1, 100));
        let overlapping = (0..2_000).map(|offset| offset_packet(1, 200 + offset, 50_000, &[1; 40_000]));
        let datagrams: Vec<_> = [first].into_iter().chain(overlapping).collect();
        assert_eq!(assemble(&mut depacketizer, &datagrams), [None]);
    }

    #[test]
    fn variant_is_detected_after_small_frames() {
        let small = packet(1, true, &jpeg_frame(1, 10));
        let mut by_frame = vec![small.clone()];
        by_frame.extend(chunks_by_frame(2));
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &by_frame), [Some(1), Some(2)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
        let mut by_packet = vec![packet(2, true, &jpeg_frame(1, 10))];
        by_packet.extend(chunks_by_packet(1));
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &by_packet), [Some(2), Some(3)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
    }

    #[test]
    fn thumbnail_at_packet_start_is_not_a_frame() {
        // The body of APP1 is a JPEG, and the second packet begins with it.
        let thumbnail = jpeg_frame(9, 50);
        let head = [0xFF, 0xD8, 0xFF, 0xE1, 0, thumbnail.len() as u8 + 2];
        let rest = [&thumbnail, &jpeg_frame(8, 100)[2..]].concat();
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &chunks_by_packet(1)), [Some(3)]);
        let datagrams = [packet(6, false, &head), packet(7, true, &rest)];
        assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(6)]);
    }

    #[test]
    fn offset_chunks_are_reordered_and_deduplicated() {
        let jpeg = jpeg_frame(3, 3_000);
        let chunks = |sequence| {
            let mut offset = 0;
            let packets = jpeg.chunks(1_000).map(move |data| {
                let packet = offset_packet(sequence, offset, 3_014, data);
                offset += data.len();
                packet
            });
            packets.collect::<Vec<_>>()
        };
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &chunks(1)), [Some(1)]);
        let mut mixed = chunks(2);
        mixed.swap(0, 2);
        mixed.insert(1, mixed[0].clone());
        assert_eq!(assemble(&mut depacketizer, &mixed), [Some(2)]);
        let mut with_gap = chunks(3);
        with_gap.remove(1);
        with_gap.extend(chunks(4));
        assert_eq!(assemble(&mut depacketizer, &with_gap), [None, Some(4)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::OffsetHeader));
    }

    /// Returns the packets of a frame, each payload after the header that `own_header` returns for its index.
    fn packets_with_own_header(
        jpeg: &[u8],
        chunk_length: usize,
        sequence: impl Fn(usize) -> u16,
        own_header: impl Fn(usize, bool) -> Vec<u8>,
        has_marker: bool,
    ) -> Vec<Bytes> {
        let chunks: Vec<_> = jpeg.chunks(chunk_length).collect();
        let packets = chunks.iter().enumerate().map(|(index, chunk)| {
            let is_last = index + 1 == chunks.len();
            packet(sequence(index), has_marker && is_last, &[&own_header(index, is_last), *chunk].concat())
        });
        packets.collect()
    }

    fn complete_frames(depacketizer: &mut ClassroomDepacketizer, datagrams: &[Bytes]) -> Vec<Bytes> {
        let mut frames = Vec::new();
        for datagram in datagrams {
            if let Some(datagram) = depacketizer.classify(datagram) {
                depacketizer.push(&datagram);
            }
            let polled = std::iter::from_fn(|| depacketizer.poll_frame());
            frames.extend(polled.filter(AssembledFrame::is_complete).map(|frame| frame.jpeg));
        }
        frames
    }

    #[test]
    fn header_of_fragment_count_and_size_is_stripped() {
        let jpegs: Vec<_> = (1..6).map(|number| jpeg_frame(number, 6_000)).collect();
        let mut datagrams = Vec::new();
        // Sequence numbers are frame numbers with jumps, and a parity packet follows each frame.
        for (jpeg, number) in jpegs.iter().zip([1u16, 2, 5, 6, 9]) {
            let own_header = |index: usize, _: bool| {
                let numbers = [index as u16, jpeg.len().div_ceil(2_000) as u16, jpeg.len() as u16];
                numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
            };
            datagrams.extend(packets_with_own_header(jpeg, 2_000, |_| number, own_header, true));
            let mut parity = packet(number, false, &[0x55; 1_000]).to_vec();
            parity[1] = 127;
            // In the middle of a frame too.
            datagrams.insert(datagrams.len() - 2, parity.clone().into());
            datagrams.push(parity.into());
        }
        let mut depacketizer = ClassroomDepacketizer::default();
        assert!(complete_frames(&mut depacketizer, &datagrams) == jpegs);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
    }

    #[test]
    fn header_of_frame_and_last_flag_is_stripped() {
        let jpegs: Vec<_> = (0..5).map(|number| jpeg_frame(number, 3_000)).collect();
        let mut datagrams = Vec::new();
        for (number, jpeg) in (0u32..).zip(&jpegs) {
            let own_header =
                |_: usize, is_last: bool| [&number.to_be_bytes()[..], &[u8::from(is_last)]].concat();
            let sequence = |index: usize| 70 + number as u16 * 3 + index as u16;
            datagrams.extend(packets_with_own_header(jpeg, 1_400, sequence, own_header, false));
        }
        let mut version0: Vec<_> = datagrams.iter().map(|datagram| datagram.to_vec()).collect();
        version0.iter_mut().for_each(|datagram| datagram[0] = 0);
        for datagrams in [datagrams, version0.into_iter().map(Bytes::from).collect()] {
            let mut depacketizer = ClassroomDepacketizer::default();
            assert!(complete_frames(&mut depacketizer, &datagrams) == jpegs);
            assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
        }
    }

    #[test]
    fn own_header_of_any_length_up_to_16_bytes_is_stripped() {
        let jpegs: Vec<_> = (1..4).map(|number| jpeg_frame(number, 3_000)).collect();
        for length in 0..=MAX_OWN_HEADER_LENGTH + 1 {
            let datagrams: Vec<_> = (1u16..)
                .zip(&jpegs)
                .flat_map(|(number, jpeg)| {
                    let own_header = |_: usize, _: bool| vec![0xA5; length];
                    packets_with_own_header(jpeg, 1_400, |_| number, own_header, true)
                })
                .collect();
            let frames = complete_frames(&mut ClassroomDepacketizer::default(), &datagrams);
            match length {
                0..=MAX_OWN_HEADER_LENGTH => assert!(frames == jpegs, "{length}"),
                _ => assert!(frames.is_empty(), "{length}"),
            }
        }
    }

    #[test]
    fn thumbnail_near_packet_start_does_not_change_the_own_header() {
        let thumbnail = jpeg_frame(9, 50);
        let app1 = [&[0xFF, 0xE1, 0, thumbnail.len() as u8 + 6, 1, 2, 3, 4], &thumbnail[..]].concat();
        let jpeg = [&[0xFF, 0xD8], &app1[..], &jpeg_frame(8, 100)[2..]].concat();
        // The second payload begins with two bytes of APP1, and the thumbnail follows.
        for own_header in [&[][..], &[7, 7, 7]] {
            let payloads = [[own_header, &jpeg[..8]].concat(), [own_header, &jpeg[8..]].concat()];
            let datagrams: Vec<_> = (0..3u16)
                .flat_map(|number| {
                    let sequence = number * 2;
                    [packet(sequence, false, &payloads[0]), packet(sequence + 1, true, &payloads[1])]
                })
                .collect();
            let frames = complete_frames(&mut ClassroomDepacketizer::default(), &datagrams);
            assert!(frames == [&jpeg[..]; 3], "{}", frames.len());
        }
    }

    #[test]
    fn headerless_slices_join_the_previous_packet() {
        let mut depacketizer = ClassroomDepacketizer::default();
        for number in 1..4 {
            let whole = packet(number, true, &jpeg_frame(number as u8, 10_000));
            let slices: Vec<_> = whole.chunks(4_096).map(Bytes::copy_from_slice).collect();
            assert_eq!(assemble(&mut depacketizer, &slices), [Some(number)]);
        }
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::Sliced));
        let whole = packet(4, true, &jpeg_frame(4, 10_000));
        let without_header: Vec<_> = whole.chunks(4_096).skip(1).map(Bytes::copy_from_slice).collect();
        assert_eq!(assemble(&mut depacketizer, &without_header), []);
    }

    #[test]
    fn junk_is_ignored_and_endless_frames_are_bounded() {
        let mut depacketizer = ClassroomDepacketizer::default();
        for junk in [&b""[..], b"hello", &[0x80, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[0xFF; 2_000]] {
            assert_eq!(depacketizer.classify(&Bytes::copy_from_slice(junk)), None);
        }
        // A frame length of 4 GiB is rejected.
        assert_eq!(
            assemble(&mut depacketizer, &[offset_packet(1, 0, u32::MAX as usize, &jpeg_frame(1, 50))]),
            []
        );
        assert_eq!(assemble(&mut depacketizer, &[offset_packet(1, 0, 64, &jpeg_frame(1, 50))]), [Some(1)]);
        let beyond = offset_packet(2, 60, 64, &[0; 50]);
        assert_eq!(assemble(&mut depacketizer, &[beyond]), [None]);

        // A frame without EOI ends at 16 MiB.
        let mut depacketizer = ClassroomDepacketizer::default();
        let head = &jpeg_frame(1, 60_000)[..60_000];
        assert_eq!(assemble(&mut depacketizer, &[packet(1, false, head)]), []);
        let endless: Vec<_> = (0..300).map(|_| packet(1, false, &[1; 60_000])).collect();
        assert_eq!(assemble(&mut depacketizer, &endless), [None]);
    }
}
