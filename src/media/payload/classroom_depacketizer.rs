//! From datagrams of classroom servers to pictures.
//!
//! Classroom servers put raw JPEG behind an RTP header, without the payload header of RFC 2435, and no two programs
//! cut it alike. How a server does it is told apart by what arrives: a picture begins where `FF D8` stands right
//! behind the header, or behind eight octets of offset and length; it ends where its markers say so.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::assembled::{AssembledFrame, Gaps, UNKNOWN_END};
use crate::media::jpeg::{LARGEST, Step, Walker, marker};
use crate::proto::rtp::{HEADER_LENGTH, Header};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;

/// How a server cuts pictures, as far as it has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassroomVariant {
    /// A datagram for each picture; the sequence number counts pictures.
    Whole,
    /// Several packets for each picture, all of them with its number.
    ChunksByFrame,
    /// Several packets for each picture, and each has a number of its own.
    ChunksByPacket,
    /// As `ChunksByFrame`, with offset and length of the picture before each payload.
    Framed,
    /// One RTP packet for each picture, cut into datagrams of which only the first has the RTP header.
    Sliced,
}

/// A datagram, as far as it can be understood by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassroomPiece {
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
    /// The first octet of the server's RTP headers, and its SSRC: what tells a header from the middle of a picture.
    source: Option<(u8, u32)>,
    assembly: Option<Assembly>,
    done: VecDeque<AssembledFrame>,
}

/// Octets of offset and length before each payload of [`ClassroomVariant::Framed`].
const FRAMING: usize = 8;

/// Pieces of one picture that may wait for one before them.
const MOST_PIECES: usize = 4_096;

#[derive(Debug)]
enum Assembly {
    /// Pieces one behind the other, in the order in which they come.
    Chunks(Chunks),
    /// Pieces that say where they belong.
    Framed(Framed),
    /// Nothing more is wanted of this picture: it is done, or it can no longer be.
    PassedOver { place: Place, is_whole: bool },
}

/// Where in the sequence of packets an assembly stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    first: u16,
    last: u16,
    /// The last packet had the marker.
    is_marked: bool,
    /// Of the last packet.
    timestamp: u32,
}

impl Place {
    fn of(header: &Header) -> Self {
        Self {
            first: header.sequence,
            last: header.sequence,
            is_marked: header.marker,
            timestamp: header.timestamp,
        }
    }
}

#[derive(Debug)]
struct Chunks {
    place: Place,
    jpeg: BytesMut,
    walker: Walker,
    /// Octets of the first datagram and of the last one: slices are as long as the first, but for the last.
    datagrams: (usize, usize),
}

#[derive(Debug)]
struct Framed {
    place: Place,
    total: usize,
    jpeg: BytesMut,
    /// What stands further behind, by its offset.
    waiting: BTreeMap<usize, Bytes>,
    waiting_octets: usize,
}

/// How a packet's payload begins, if a picture begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Plain,
    Framed,
}

fn opening(payload: &[u8]) -> Option<Opening> {
    const SOI: [u8; 2] = [0xFF, marker::SOI];
    if payload.starts_with(&SOI) {
        return Some(Opening::Plain);
    }
    let (offset, total) = framing(payload)?;
    let data = &payload[FRAMING..];
    (offset == 0 && data.starts_with(&SOI) && (data.len()..=LARGEST).contains(&total))
        .then_some(Opening::Framed)
}

/// Offset and length, both big-endian.
fn framing(payload: &[u8]) -> Option<(usize, usize)> {
    let [o0, o1, o2, o3, t0, t1, t2, t3] = *payload.first_chunk::<FRAMING>()?;
    let number = |octets| usize::try_from(u32::from_be_bytes(octets)).ok();
    Some((number([o0, o1, o2, o3])?, number([t0, t1, t2, t3])?))
}

/// How far `sequence` is ahead of `reference`; negative behind it.
fn distance(reference: u16, sequence: u16) -> i16 {
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
        self.done.pop_front()
    }

    /// Whether a picture begins with this payload.
    pub fn begins(payload: &[u8]) -> bool {
        opening(payload).is_some()
    }

    /// Looks at a datagram; `None` if it is nothing of the stream. Versions other than 2 are common, and no harm.
    pub fn read(&mut self, datagram: &Bytes) -> Option<ClassroomPiece> {
        if let Some((first, header, payload)) = split_header(datagram) {
            let source = Some((first, header.ssrc));
            if self.source == source || opening(&payload).is_some() {
                self.source = source;
                return Some(ClassroomPiece::Packet { header, payload });
            }
        }
        let Some(Assembly::Chunks(Chunks { datagrams: (first, last), .. })) = &self.assembly else {
            return None;
        };
        (first == last && datagram.len() <= *first).then(|| ClassroomPiece::Slice(datagram.clone()))
    }

    /// Takes the next piece. Packets that have numbers of their own are pushed in the order of these.
    pub fn push(&mut self, piece: &ClassroomPiece) {
        match piece {
            ClassroomPiece::Slice(octets) => self.push_slice(octets),
            ClassroomPiece::Packet { header, payload } => match opening(payload) {
                Some(Opening::Framed) => self.push_framed(header, payload),
                None if self.variant == Some(ClassroomVariant::Framed) => self.push_framed(header, payload),
                Some(Opening::Plain) if !self.is_inside(header) => self.begin(header, payload),
                _ => self.push_following(header, payload),
            },
        }
    }

    /// Nothing more comes: a picture that has begun stays incomplete.
    pub fn finish(&mut self) {
        match self.assembly.take() {
            Some(Assembly::Chunks(chunks)) => self.emit_cut(chunks.place, chunks.jpeg.freeze()),
            Some(Assembly::Framed(framed)) => self.emit_framed(framed),
            Some(Assembly::PassedOver { .. }) | None => {}
        }
    }

    /// Forgets the picture that has begun: the stream was stopped.
    pub fn abandon_picture(&mut self) {
        self.assembly = None;
    }
}

fn split_header(datagram: &Bytes) -> Option<(u8, Header, Bytes)> {
    let fixed = datagram.first_chunk::<HEADER_LENGTH>()?;
    let header = Header::read(fixed);
    let is_version = matches!(fixed[0] >> 6, 0 | 2);
    (is_version && header.payload_type == JPEG_PAYLOAD_TYPE && datagram.len() > HEADER_LENGTH)
        .then(|| (fixed[0], header, datagram.slice(HEADER_LENGTH..)))
}

/// Pieces one behind the other.
impl ClassroomDepacketizer {
    /// Whether a packet goes on with the picture that has begun, although it begins like one itself: a thumbnail may
    /// stand where the picture was cut.
    fn is_inside(&self, header: &Header) -> bool {
        let Some(Assembly::Chunks(Chunks { place, .. })) = &self.assembly else { return false };
        match self.variant {
            Some(ClassroomVariant::ChunksByFrame) => header.sequence == place.last,
            Some(ClassroomVariant::ChunksByPacket) => {
                !place.is_marked && distance(place.last, header.sequence) == 1
            }
            _ => false,
        }
    }

    fn begin(&mut self, header: &Header, payload: &Bytes) {
        self.finish();
        let place = Place::of(header);
        let mut walker = Walker::default();
        match walker.advance(payload) {
            Step::End { consumed } => {
                self.variant.get_or_insert(ClassroomVariant::Whole);
                self.hand_out(place, payload.slice(..consumed));
            }
            Step::Broken { .. } => self.give_up(place, payload.clone()),
            Step::More => {
                let length = HEADER_LENGTH + payload.len();
                let jpeg = BytesMut::from(&payload[..]);
                let chunks = Chunks { place, jpeg, walker, datagrams: (length, length) };
                self.assembly = Some(Assembly::Chunks(chunks));
            }
        }
    }

    fn push_following(&mut self, header: &Header, payload: &Bytes) {
        let now = Place::of(header);
        let passed_over = match self.assembly.take() {
            Some(Assembly::Chunks(chunks)) if self.goes_on(chunks.place, header) => {
                let place = Place { first: chunks.place.first, ..now };
                return self.join(Chunks { place, ..chunks }, payload, HEADER_LENGTH + payload.len());
            }
            Some(Assembly::Chunks(chunks)) => {
                let place = chunks.place;
                self.give_up(place, chunks.jpeg.freeze());
                Some((place, false))
            }
            Some(Assembly::PassedOver { place, is_whole }) => Some((place, is_whole)),
            _ => None,
        };
        match passed_over.filter(|(place, is_whole)| self.belongs_to(*place, *is_whole, now)) {
            Some((Place { first, .. }, is_whole)) => {
                self.assembly = Some(Assembly::PassedOver { place: Place { first, ..now }, is_whole });
            }
            // The beginning of this picture has not come.
            None => self.give_up(now, Bytes::new()),
        }
    }

    /// Whether a packet is the next one of a picture; which it is shows how packets are numbered.
    fn goes_on(&mut self, place: Place, header: &Header) -> bool {
        let shown = match distance(place.last, header.sequence) {
            0 => ClassroomVariant::ChunksByFrame,
            1 => ClassroomVariant::ChunksByPacket,
            _ => return false,
        };
        if matches!(self.variant, None | Some(ClassroomVariant::Whole)) {
            self.variant = Some(shown);
        }
        self.variant == Some(shown)
    }

    /// Whether a packet is one more of a picture that is passed over. Where packets have numbers of their own, those
    /// that are missing are taken for others of it, unless timestamps tell pictures apart; but nothing is missing of one
    /// that is whole.
    fn belongs_to(&self, place: Place, is_whole: bool, now: Place) -> bool {
        match distance(place.last, now.last) {
            0 => true,
            1.. if self.variant != Some(ClassroomVariant::ChunksByPacket) || place.is_marked => false,
            1 => true,
            2.. => !is_whole && place.timestamp == now.timestamp,
            _ => false,
        }
    }

    fn push_slice(&mut self, octets: &Bytes) {
        match self.assembly.take() {
            Some(Assembly::Chunks(chunks)) => {
                self.variant = Some(ClassroomVariant::Sliced);
                self.join(chunks, octets, octets.len());
            }
            other => self.assembly = other,
        }
    }

    fn join(&mut self, mut chunks: Chunks, octets: &Bytes, datagram: usize) {
        if chunks.jpeg.len() + octets.len() > LARGEST {
            return self.give_up(chunks.place, chunks.jpeg.freeze());
        }
        chunks.datagrams.1 = datagram;
        match chunks.walker.advance(octets) {
            Step::More => {
                chunks.jpeg.extend_from_slice(octets);
                self.assembly = Some(Assembly::Chunks(chunks));
            }
            Step::End { consumed } => {
                chunks.jpeg.extend_from_slice(&octets[..consumed]);
                self.hand_out(chunks.place, chunks.jpeg.freeze());
            }
            Step::Broken { .. } => self.give_up(chunks.place, chunks.jpeg.freeze()),
        }
    }

    fn hand_out(&mut self, place: Place, jpeg: Bytes) {
        self.emit(place, jpeg, Vec::new());
        self.assembly = Some(Assembly::PassedOver { place, is_whole: true });
    }

    /// Gives up a frame of which these bytes have come, from its start.
    fn give_up(&mut self, place: Place, jpeg: Bytes) {
        self.emit_cut(place, jpeg);
        self.assembly = Some(Assembly::PassedOver { place, is_whole: false });
    }

    fn emit_cut(&mut self, place: Place, jpeg: Bytes) {
        let rest = jpeg.len()..UNKNOWN_END;
        self.emit(place, jpeg, vec![rest]);
    }

    fn emit(&mut self, place: Place, jpeg: Bytes, missing: Vec<Range<usize>>) {
        let Place { first: sequence, timestamp, .. } = place;
        self.done.push_back(AssembledFrame { jpeg, missing, timestamp, sequence, headers_reduced: false });
    }
}

/// Pieces that say where they belong.
impl ClassroomDepacketizer {
    fn push_framed(&mut self, header: &Header, payload: &Bytes) {
        self.variant = Some(ClassroomVariant::Framed);
        let place = Place::of(header);
        let known = match &self.assembly {
            Some(Assembly::Chunks(Chunks { place, .. }) | Assembly::Framed(Framed { place, .. })) => {
                Some(*place)
            }
            Some(Assembly::PassedOver { place, .. }) => Some(*place),
            None => None,
        };
        match known.map(|known| distance(known.first, header.sequence)) {
            // Of a picture that is done with.
            Some(..0) => return,
            Some(0) if matches!(self.assembly, Some(Assembly::PassedOver { .. })) => return,
            Some(0) => {}
            Some(1..) | None => self.finish(),
        }
        let piece = framing(payload).zip(payload.get(FRAMING..).map(|data| payload.slice_ref(data)));
        let Some(((offset, total), data)) = piece.filter(|((offset, total), data)| {
            *total <= LARGEST && offset.checked_add(data.len()).is_some_and(|end| end <= *total)
        }) else {
            return self.give_up(place, Bytes::new());
        };
        let mut framed = match self.assembly.take() {
            Some(Assembly::Framed(framed)) if framed.total == total => framed,
            None => {
                Framed { place, total, jpeg: BytesMut::new(), waiting: BTreeMap::new(), waiting_octets: 0 }
            }
            _ => return self.give_up(place, Bytes::new()),
        };
        framed.put(offset, data);
        self.settle_framed(framed);
    }

    fn settle_framed(&mut self, framed: Framed) {
        // More waits than the picture has: the pieces lie upon each other.
        if framed.waiting.len() > MOST_PIECES || framed.waiting_octets > framed.total {
            let place = framed.place;
            self.emit_framed(framed);
            self.assembly = Some(Assembly::PassedOver { place, is_whole: false });
            return;
        }
        if framed.jpeg.len() < framed.total {
            self.assembly = Some(Assembly::Framed(framed));
            return;
        }
        match Walker::default().advance(&framed.jpeg) {
            Step::End { consumed } => self.hand_out(framed.place, framed.jpeg.freeze().slice(..consumed)),
            _ => self.give_up(framed.place, framed.jpeg.freeze()),
        }
    }

    /// Emits a frame as far as its pieces have come.
    fn emit_framed(&mut self, framed: Framed) {
        let Framed { place, total, mut jpeg, waiting, .. } = framed;
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

impl Framed {
    /// Puts a piece where it belongs; what is there already is kept.
    fn put(&mut self, offset: usize, data: Bytes) {
        let longest = self.waiting.entry(offset).or_default();
        if data.len() > longest.len() {
            self.waiting_octets += data.len() - longest.len();
            *longest = data;
        }
        while let Some(first) = self.waiting.first_entry() {
            let Some(skipped) = self.jpeg.len().checked_sub(*first.key()) else { return };
            let data = first.remove();
            self.waiting_octets -= data.len();
            self.jpeg.extend_from_slice(data.get(skipped..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As small as a picture can be: SOI, SOF0, SOS, some data, EOI.
    fn picture(number: u8, length: usize) -> Vec<u8> {
        let head = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2, number];
        [&head[..], &vec![number; length], &[0xFF, 0xD9]].concat()
    }

    fn packet(sequence: u16, is_marked: bool, payload: &[u8]) -> Bytes {
        let marker = if is_marked { 0x80 } else { 0 };
        let [high, low] = sequence.to_be_bytes();
        [&[0x80, 26 | marker, high, low, 0, 0, 0, 0, 0, 0, 0, 0], payload].concat().into()
    }

    fn framed(sequence: u16, offset: usize, total: usize, data: &[u8]) -> Bytes {
        let framing = [(offset as u32).to_be_bytes(), (total as u32).to_be_bytes()].concat();
        packet(sequence, false, &[&framing, data].concat())
    }

    /// What comes of datagrams: the sequence numbers of whole pictures, and `None` for what is incomplete.
    fn assemble(depacketizer: &mut ClassroomDepacketizer, datagrams: &[Bytes]) -> Vec<Option<u16>> {
        for datagram in datagrams {
            if let Some(piece) = depacketizer.read(datagram) {
                depacketizer.push(&piece);
            }
        }
        let frames = std::iter::from_fn(|| depacketizer.poll_frame());
        frames.map(|frame| frame.is_complete().then_some(frame.sequence)).collect()
    }

    fn chunks_by_frame(number: u16) -> Vec<Bytes> {
        let jpeg = picture(number as u8, 3_000);
        let chunks: Vec<_> = jpeg.chunks(1_400).collect();
        let last = chunks.len() - 1;
        chunks.iter().enumerate().map(|(index, chunk)| packet(number, index == last, chunk)).collect()
    }

    fn chunks_by_packet(number: u16) -> Vec<Bytes> {
        let jpeg = picture(number as u8, 3_000);
        let chunks: Vec<_> = jpeg.chunks(1_400).map(<[u8]>::to_vec).collect();
        let (first, last) = (number * 3, chunks.len() - 1);
        let chunks = (0u16..).zip(&chunks);
        chunks.map(|(index, chunk)| packet(first + index, usize::from(index) == last, chunk)).collect()
    }

    #[test]
    fn a_whole_picture_in_a_datagram_of_any_version() {
        let jpeg = picture(7, 100);
        for version in [0x80, 0x00] {
            let mut datagram = packet(1, false, &jpeg).to_vec();
            datagram[0] = version;
            let mut depacketizer = ClassroomDepacketizer::default();
            let piece = depacketizer.read(&datagram.into()).unwrap();
            depacketizer.push(&piece);
            let frame = depacketizer.poll_frame().unwrap();
            assert!(frame.is_complete());
            assert_eq!((frame.jpeg, frame.sequence), (Bytes::from(jpeg.clone()), 1));
            assert_eq!(depacketizer.variant(), Some(ClassroomVariant::Whole));
        }
    }

    #[test]
    fn chunks_with_the_number_of_their_frame() {
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
    fn chunks_with_numbers_of_their_own() {
        let mut depacketizer = ClassroomDepacketizer::default();
        let mut datagrams = [1, 2, 3, 4].map(chunks_by_packet).concat();
        // The middle of 2 and the beginning of 3.
        datagrams.remove(6);
        datagrams.remove(4);
        assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(3), None, None, Some(12)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
    }

    #[test]
    fn one_picture_of_which_packets_are_missing_is_one_that_is_incomplete() {
        let chunked = |first: u16, timestamp: u8| {
            let jpeg = picture(first as u8, 8_000);
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
    fn a_picture_without_its_beginning_is_not_part_of_the_whole_one_before_it() {
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
    fn pieces_that_lie_upon_each_other_do_not_gather() {
        let mut depacketizer = ClassroomDepacketizer::default();
        let begins = framed(1, 0, 50_000, &picture(1, 100));
        let piles = (0..2_000).map(|offset| framed(1, 200 + offset, 50_000, &[1; 40_000]));
        let datagrams: Vec<_> = [begins].into_iter().chain(piles).collect();
        assert_eq!(assemble(&mut depacketizer, &datagrams), [None]);
    }

    #[test]
    fn small_pictures_first_do_not_hide_how_large_ones_are_cut() {
        let small = packet(1, true, &picture(1, 10));
        let mut by_frame = vec![small.clone()];
        by_frame.extend(chunks_by_frame(2));
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &by_frame), [Some(1), Some(2)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
        let mut by_packet = vec![packet(2, true, &picture(1, 10))];
        by_packet.extend(chunks_by_packet(1));
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &by_packet), [Some(2), Some(3)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
    }

    #[test]
    fn a_thumbnail_where_a_picture_is_cut_is_not_taken_for_a_picture() {
        // The body of APP1 is a picture, and the second packet begins with it.
        let thumbnail = picture(9, 50);
        let head = [0xFF, 0xD8, 0xFF, 0xE1, 0, thumbnail.len() as u8 + 2];
        let rest = [&thumbnail, &picture(8, 100)[2..]].concat();
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &chunks_by_packet(1)), [Some(3)]);
        let datagrams = [packet(6, false, &head), packet(7, true, &rest)];
        assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(6)]);
    }

    #[test]
    fn framed_pieces_come_in_any_order_and_twice() {
        let jpeg = picture(3, 3_000);
        let pieces = |sequence| {
            let mut offset = 0;
            let cut = jpeg.chunks(1_000).map(move |data| {
                let piece = framed(sequence, offset, 3_014, data);
                offset += data.len();
                piece
            });
            cut.collect::<Vec<_>>()
        };
        let mut depacketizer = ClassroomDepacketizer::default();
        assert_eq!(assemble(&mut depacketizer, &pieces(1)), [Some(1)]);
        let mut mixed = pieces(2);
        mixed.swap(0, 2);
        mixed.insert(1, mixed[0].clone());
        assert_eq!(assemble(&mut depacketizer, &mixed), [Some(2)]);
        let mut cut = pieces(3);
        cut.remove(1);
        cut.extend(pieces(4));
        assert_eq!(assemble(&mut depacketizer, &cut), [None, Some(4)]);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::Framed));
    }

    #[test]
    fn slices_without_headers_join_the_packet_before_them() {
        let mut depacketizer = ClassroomDepacketizer::default();
        for number in 1..4 {
            let whole = packet(number, true, &picture(number as u8, 10_000));
            let slices: Vec<_> = whole.chunks(4_096).map(Bytes::copy_from_slice).collect();
            assert_eq!(assemble(&mut depacketizer, &slices), [Some(number)]);
        }
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::Sliced));
        let whole = packet(4, true, &picture(4, 10_000));
        let headless: Vec<_> = whole.chunks(4_096).skip(1).map(Bytes::copy_from_slice).collect();
        assert_eq!(assemble(&mut depacketizer, &headless), []);
    }

    #[test]
    fn what_is_no_picture_is_passed_over_or_incomplete_and_never_too_much() {
        let mut depacketizer = ClassroomDepacketizer::default();
        for junk in [&b""[..], b"hello", &[0x80, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[0xFF; 2_000]] {
            assert_eq!(depacketizer.read(&Bytes::copy_from_slice(junk)), None);
        }
        // A length of 4 GiB is believed by nobody.
        assert_eq!(assemble(&mut depacketizer, &[framed(1, 0, u32::MAX as usize, &picture(1, 50))]), []);
        assert_eq!(assemble(&mut depacketizer, &[framed(1, 0, 64, &picture(1, 50))]), [Some(1)]);
        let beyond = framed(2, 60, 64, &[0; 50]);
        assert_eq!(assemble(&mut depacketizer, &[beyond]), [None]);

        // A picture without an end is given up at 16 MiB.
        let mut depacketizer = ClassroomDepacketizer::default();
        let head = &picture(1, 60_000)[..60_000];
        assert_eq!(assemble(&mut depacketizer, &[packet(1, false, head)]), []);
        let endless: Vec<_> = (0..300).map(|_| packet(1, false, &[1; 60_000])).collect();
        assert_eq!(assemble(&mut depacketizer, &endless), [None]);
    }
}
