//! From datagrams of classroom servers to pictures.
//!
//! Classroom servers put raw JPEG behind an RTP header, without the payload header of RFC 2435, and no two programs
//! cut it alike. How a server does it is told apart by what arrives: a picture begins where `FF D8` stands right
//! behind the header, or behind eight bytes of offset and length; it ends where its markers say so.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::assembled::{AssembledFrame, Gaps, UNKNOWN_END};
use crate::media::jpeg::{FrameParser, MAX_FRAME_SIZE, ParseStatus, marker};
use crate::proto::rtp::{HEADER_LENGTH, Header};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;

/// How a server cuts pictures, as far as it has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassroomVariant {
    /// A datagram for each picture; the sequence number counts pictures.
    WholeFrame,
    /// Several packets for each picture, all of them with its number.
    ChunksByFrame,
    /// Several packets for each picture, and each has a number of its own.
    ChunksByPacket,
    /// As `ChunksByFrame`, with offset and length of the picture before each payload.
    OffsetHeader,
    /// One RTP packet for each picture, cut into datagrams of which only the first has the RTP header.
    Sliced,
}

/// A datagram, as far as it can be understood by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassroomDatagram {
    /// With an RTP header.
    Packet {
        /// The header.
        header: Header,
        /// What stands behind it.
        payload: Bytes,
    },
    /// More of the picture that has begun, without a header.
    Slice(Bytes),
}

/// Puts pictures together.
#[derive(Debug, Default)]
pub struct ClassroomDepacketizer {
    variant: Option<ClassroomVariant>,
    /// The first byte of the server's RTP headers, and its SSRC: what tells a header from the middle of a picture.
    stream_id: Option<(u8, u32)>,
    assembly: Option<ClassroomAssembly>,
    completed: VecDeque<AssembledFrame>,
}

/// Bytes of offset and length before each payload of [`ClassroomVariant::Framed`].
const OFFSET_HEADER_LENGTH: usize = 8;

/// Pieces of one picture that may wait for one before them.
const MAX_PENDING_CHUNKS: usize = 4_096;

#[derive(Debug)]
enum ClassroomAssembly {
    /// Pieces one behind the other, in the order in which they come.
    Chunks(ChunkAssembly),
    /// Pieces that say where they belong.
    Offset(OffsetAssembly),
    /// Nothing more is wanted of this picture: it is done, or it can no longer be.
    Skipped { range: PacketRange, is_complete: bool },
}

/// Where in the sequence of packets an assembly stands.
#[derive(Debug, Clone, Copy)]
struct PacketRange {
    first: u16,
    last: u16,
    /// The last packet had the marker.
    has_marker: bool,
    /// Of the last packet.
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
    /// Bytes of the first datagram and of the last one: slices are as long as the first, but for the last.
    datagram_sizes: (usize, usize),
}

#[derive(Debug)]
struct OffsetAssembly {
    range: PacketRange,
    frame_length: usize,
    jpeg: BytesMut,
    /// What stands further behind, by its offset.
    pending: BTreeMap<usize, Bytes>,
    pending_bytes: usize,
}

/// How a packet's payload begins, if a picture begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameStart {
    Plain,
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

/// Offset and length, both big-endian.
fn parse_offset_header(payload: &[u8]) -> Option<(usize, usize)> {
    let [o0, o1, o2, o3, t0, t1, t2, t3] = *payload.first_chunk::<OFFSET_HEADER_LENGTH>()?;
    let number = |bytes| usize::try_from(u32::from_be_bytes(bytes)).ok();
    Some((number([o0, o1, o2, o3])?, number([t0, t1, t2, t3])?))
}

/// How far `sequence` is ahead of `reference`; negative behind it.
fn sequence_distance(reference: u16, sequence: u16) -> i16 {
    sequence.wrapping_sub(reference) as i16
}

/// What comes in.
impl ClassroomDepacketizer {
    /// How the server cuts pictures; `None` before it has shown.
    pub fn variant(&self) -> Option<ClassroomVariant> {
        self.variant
    }

    /// Returns the next frame; complete as far as markers, offsets and sequence numbers tell.
    pub fn poll_frame(&mut self) -> Option<AssembledFrame> {
        self.completed.pop_front()
    }

    /// Whether a picture begins with this payload.
    pub fn starts_frame(payload: &[u8]) -> bool {
        detect_frame_start(payload).is_some()
    }

    /// Looks at a datagram; `None` if it is nothing of the stream. Versions other than 2 are common, and no harm.
    pub fn classify(&mut self, datagram: &Bytes) -> Option<ClassroomDatagram> {
        if let Some((first, header, payload)) = parse_header(datagram) {
            let stream_id = Some((first, header.ssrc));
            if self.stream_id == stream_id || detect_frame_start(&payload).is_some() {
                self.stream_id = stream_id;
                return Some(ClassroomDatagram::Packet { header, payload });
            }
        }
        let Some(ClassroomAssembly::Chunks(ChunkAssembly { datagram_sizes: (first, last), .. })) =
            &self.assembly
        else {
            return None;
        };
        (first == last && datagram.len() <= *first).then(|| ClassroomDatagram::Slice(datagram.clone()))
    }

    /// Takes the next piece. Packets that have numbers of their own are pushed in the order of these.
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

    /// Nothing more comes: a picture that has begun stays incomplete.
    pub fn finish(&mut self) {
        match self.assembly.take() {
            Some(ClassroomAssembly::Chunks(chunks)) => self.emit_cut(chunks.range, chunks.jpeg.freeze()),
            Some(ClassroomAssembly::Offset(framed)) => self.emit_framed(framed),
            Some(ClassroomAssembly::Skipped { .. }) | None => {}
        }
    }

    /// Forgets the picture that has begun: the stream was stopped.
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

/// Pieces one behind the other.
impl ClassroomDepacketizer {
    /// Whether a packet goes on with the picture that has begun, although it begins like one itself: a thumbnail may
    /// stand where the picture was cut.
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
                let chunks = ChunkAssembly { range, jpeg, parser, datagram_sizes: (length, length) };
                self.assembly = Some(ClassroomAssembly::Chunks(chunks));
            }
        }
    }

    fn push_continuation(&mut self, header: &Header, payload: &Bytes) {
        let current = PacketRange::from_header(header);
        let skipped = match self.assembly.take() {
            Some(ClassroomAssembly::Chunks(chunks)) if self.is_next_packet(chunks.range, header) => {
                let place = PacketRange { first: chunks.range.first, ..current };
                return self.append(
                    ChunkAssembly { range: place, ..chunks },
                    payload,
                    HEADER_LENGTH + payload.len(),
                );
            }
            Some(ClassroomAssembly::Chunks(chunks)) => {
                let place = chunks.range;
                self.skip_frame(place, chunks.jpeg.freeze());
                Some((place, false))
            }
            Some(ClassroomAssembly::Skipped { range: place, is_complete: is_whole }) => {
                Some((place, is_whole))
            }
            _ => None,
        };
        match skipped.filter(|(place, is_whole)| self.belongs_to_skipped(*place, *is_whole, current)) {
            Some((PacketRange { first, .. }, is_whole)) => {
                self.assembly = Some(ClassroomAssembly::Skipped {
                    range: PacketRange { first, ..current },
                    is_complete: is_whole,
                });
            }
            // The beginning of this picture has not come.
            None => self.skip_frame(current, Bytes::new()),
        }
    }

    /// Whether a packet is the next one of a picture; which it is shows how packets are numbered.
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

    /// Whether a packet is one more of a picture that is passed over. Where packets have numbers of their own, those
    /// that are missing are taken for others of it, unless timestamps tell pictures apart; but nothing is missing of one
    /// that is whole.
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

    fn append(&mut self, mut chunks: ChunkAssembly, bytes: &Bytes, datagram_size: usize) {
        if chunks.jpeg.len() + bytes.len() > MAX_FRAME_SIZE {
            return self.skip_frame(chunks.range, chunks.jpeg.freeze());
        }
        chunks.datagram_sizes.1 = datagram_size;
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
        self.emit(range, jpeg, Vec::new());
        self.assembly = Some(ClassroomAssembly::Skipped { range, is_complete: true });
    }

    /// Gives up a frame of which these bytes have come, from its start.
    fn skip_frame(&mut self, range: PacketRange, jpeg: Bytes) {
        self.emit_cut(range, jpeg);
        self.assembly = Some(ClassroomAssembly::Skipped { range, is_complete: false });
    }

    fn emit_cut(&mut self, place: PacketRange, jpeg: Bytes) {
        let rest = jpeg.len()..UNKNOWN_END;
        self.emit(place, jpeg, vec![rest]);
    }

    fn emit(&mut self, place: PacketRange, jpeg: Bytes, missing: Vec<Range<usize>>) {
        let PacketRange { first: sequence, timestamp, .. } = place;
        self.completed.push_back(AssembledFrame {
            jpeg,
            missing,
            timestamp,
            sequence,
            headers_reduced: false,
        });
    }
}

/// Pieces that say where they belong.
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
            // Of a picture that is done with.
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
        // More waits than the picture has: the pieces lie upon each other.
        if assembly.pending.len() > MAX_PENDING_CHUNKS || assembly.pending_bytes > assembly.frame_length {
            let place = assembly.range;
            self.emit_framed(assembly);
            self.assembly = Some(ClassroomAssembly::Skipped { range: place, is_complete: false });
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

    /// Emits a frame as far as its pieces have come.
    fn emit_framed(&mut self, framed: OffsetAssembly) {
        let OffsetAssembly { range: place, frame_length: total, mut jpeg, pending: waiting, .. } = framed;
        let mut gaps = Gaps::default();
        gaps.append(jpeg.len());
        for (offset, data) in waiting {
            if gaps.insert(offset, data.len()) {
                jpeg.extend_from_slice(&data);
            }
        }
        // The end is known: it is as far away as the frame says.
        gaps.insert(total, 0);
        self.emit(place, jpeg.freeze(), gaps.into_missing());
    }
}

impl OffsetAssembly {
    /// Puts a piece where it belongs; what is there already is kept.
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

    /// As small as a picture can be: SOI, SOF0, SOS, some data, EOI.
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

    /// What comes of datagrams: the sequence numbers of whole pictures, and `None` for what is incomplete.
    fn assemble(depacketizer: &mut ClassroomDepacketizer, datagrams: &[Bytes]) -> Vec<Option<u16>> {
        for datagram in datagrams {
            if let Some(piece) = depacketizer.classify(datagram) {
                depacketizer.push(&piece);
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
            let piece = depacketizer.classify(&datagram.into()).unwrap();
            depacketizer.push(&piece);
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
        // The last chunk of 4 and the first of 5 are lost.
        let mut datagrams = [4, 5, 6].map(chunks_by_frame).concat();
        datagrams.drain(2..4);
        assert_eq!(assemble(&mut depacketizer, &datagrams), [None, None, Some(6)]);
    }

    #[test]
    fn chunks_with_own_sequence_are_joined() {
        let mut depacketizer = ClassroomDepacketizer::default();
        let mut datagrams = [1, 2, 3, 4].map(chunks_by_packet).concat();
        // The middle of 2 and the beginning of 3.
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
            // The last of one picture and the first of the next, which only timestamps tell apart.
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
        let begins = offset_packet(1, 0, 50_000, &jpeg_frame(1, 100));
        let piles = (0..2_000).map(|offset| offset_packet(1, 200 + offset, 50_000, &[1; 40_000]));
        let datagrams: Vec<_> = [begins].into_iter().chain(piles).collect();
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
        // The body of APP1 is a picture, and the second packet begins with it.
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
            let cut = jpeg.chunks(1_000).map(move |data| {
                let piece = offset_packet(sequence, offset, 3_014, data);
                offset += data.len();
                piece
            });
            cut.collect::<Vec<_>>()
        };
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &chunks(1)), [Some(1)]);
        let mut mixed = chunks(2);
        mixed.swap(0, 2);
        mixed.insert(1, mixed[0].clone());
        assert_eq!(assemble(&mut depacketizer, &mixed), [Some(2)]);
        let mut cut = chunks(3);
        cut.remove(1);
        cut.extend(chunks(4));
        assert_eq!(assemble(&mut depacketizer, &cut), [None, Some(4)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::OffsetHeader));
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
        let headless: Vec<_> = whole.chunks(4_096).skip(1).map(Bytes::copy_from_slice).collect();
        assert_eq!(assemble(&mut depacketizer, &headless), []);
    }

    #[test]
    fn junk_is_ignored_and_endless_frames_are_bounded() {
        let mut depacketizer = ClassroomDepacketizer::default();
        for junk in [&b""[..], b"hello", &[0x80, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[0xFF; 2_000]] {
            assert_eq!(depacketizer.classify(&Bytes::copy_from_slice(junk)), None);
        }
        // A length of 4 GiB is believed by nobody.
        assert_eq!(
            assemble(&mut depacketizer, &[offset_packet(1, 0, u32::MAX as usize, &jpeg_frame(1, 50))]),
            []
        );
        assert_eq!(assemble(&mut depacketizer, &[offset_packet(1, 0, 64, &jpeg_frame(1, 50))]), [Some(1)]);
        let beyond = offset_packet(2, 60, 64, &[0; 50]);
        assert_eq!(assemble(&mut depacketizer, &[beyond]), [None]);

        // A picture without an end is given up at 16 MiB.
        let mut depacketizer = ClassroomDepacketizer::default();
        let head = &jpeg_frame(1, 60_000)[..60_000];
        assert_eq!(assemble(&mut depacketizer, &[packet(1, false, head)]), []);
        let endless: Vec<_> = (0..300).map(|_| packet(1, false, &[1; 60_000])).collect();
        assert_eq!(assemble(&mut depacketizer, &endless), [None]);
    }
}
