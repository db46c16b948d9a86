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

    /// Returns true if a frame begins with this payload.
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

    /// Returns true if a datagram is a packet of the same sender with another payload type, such as the parity packets
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
    /// Returns true if a packet that begins with SOI continues the current frame. A chunk can begin with the SOI of a
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

    /// Returns true if a packet is the next one of the current frame. The first such packet shows whether sequence
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

    /// Returns true if a packet belongs to a frame whose packets are ignored.
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
mod tests;
