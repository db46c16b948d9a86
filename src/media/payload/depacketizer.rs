//! Assembly of frames from RTP packets in sequence order.

use std::collections::VecDeque;
use std::iter;

use bytes::{BufMut, Bytes, BytesMut};

use super::assembled::{Assembled, AssembledFrame, Gaps, UNKNOWN_END};
use super::header_extension::{HeaderPart, PayloadHeaders, PendingHeader, has_scan_header};
use super::known_headers::KnownHeaders;
use super::main_header::{
    FIRST_OF_INTERVAL, HEADER_REDUCED_BIT, IDENTITY_LENGTH, INTERVAL_INDEX_MASK, MainHeader, QUALITY_IN_BAND,
    WHOLE_FRAME_RESTART_COUNT, ZERO_PADDING_BIT, header_identity,
};
use crate::media::jpeg::{
    Dimensions, InsertedRestarts, JpegHeader, MAX_FRAME_SIZE, marker, tables, with_restart_interval,
};
use crate::proto::rtp::Packet;

/// Assembles frames from packets of RFC 2435, with or without the original header.
///
/// Call [`push`](Self::push) with packets in the order of their sequence numbers, gaps allowed, and
/// [`poll_frame`](Self::poll_frame) until it returns `None`. A frame is complete if each fragment begins at the end of
/// the previous one and the last packet has the marker. Later stages cannot detect missing bytes: decoders accept
/// truncated data without an error.
#[derive(Debug, Default)]
pub struct Depacketizer {
    /// The current frame; `None` between frames.
    assembly: Option<Assembly>,
    /// Frame size in the session description, for frames larger than the main header can state.
    dimensions: Option<Dimensions>,
    /// Quantization tables by quality. Tables of qualities 128 to 254 can be sent only once (RFC 2435 §3.1.8).
    cached_tables: Vec<(u8, [u8; 128])>,
    /// Headers that packets of later frames may name.
    known_headers: KnownHeaders,
    /// The fields of RFC 2435 describe the last frame whose first packet was received completely.
    fields_suffice: bool,
    completed: VecDeque<Assembled>,
}

#[derive(Debug)]
struct Assembly {
    timestamp: u32,
    /// Sequence number of the first packet received.
    sequence: u16,
    /// Sequence number of the last packet received.
    last_sequence: u16,
    state: AssemblyState,
}

#[derive(Debug)]
enum AssemblyState {
    /// The bytes received so far.
    Assembling(PartialFrame),
    /// The frame is invalid for this reason, and its other packets are ignored.
    Unusable(&'static str),
}

#[derive(Debug)]
struct PartialFrame {
    /// The header, if it is complete, and the scan data received.
    jpeg: BytesMut,
    header: HeaderState,
    gaps: Gaps,
    /// Positions at which restart intervals begin, as `gaps` counts them, with their indices.
    restarts: Vec<(usize, u16)>,
    /// Restart markers that the sender has inserted, and the number of minimum coded units between them; `None` without
    /// any.
    inserted_restarts: Option<InsertedRestarts>,
    inserted_interval: Option<u16>,
    /// Identity of a header that is not complete yet.
    identity: Option<u32>,
    /// Header of an earlier frame with this identity.
    known_header: Option<Bytes>,
    /// Header in a later packet, of a frame whose first packet is lost.
    repeated_header: Option<NewHeader>,
    headers_reduced: bool,
    /// EOI may be missing in the data, because RFC 2435 does not carry it.
    lacks_eoi: bool,
}

#[derive(Debug)]
enum HeaderState {
    /// The bytes begin with the header, of this length in bytes; 0 if the first packet is missing.
    Complete(usize),
    /// The header may continue in the next packets. The bytes are scan data only.
    Pending(Box<PendingHeader>),
    /// A part of the header is missing, and the scan data is dropped.
    Lost,
}

/// Returns true if a packet is the first of its frame.
pub fn starts_frame(packet: &Packet) -> bool {
    let continues_header = HeaderPart::from_packet(packet).is_some_and(|part| !part.is_first);
    !continues_header && MainHeader::parse(&packet.payload).is_some_and(|main| main.fragment_offset == 0)
}

impl Depacketizer {
    /// Creates a depacketizer. `dimensions` is the frame size in the session description, if it states one.
    pub fn new(dimensions: Option<Dimensions>) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// Returns the next frame whose last packet was received or is missing.
    pub fn poll_frame(&mut self) -> Option<Assembled> {
        self.completed.pop_front()
    }

    /// Returns true if a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        self.assembly.is_some()
    }

    /// Returns the RTP timestamp of the frame that has begun; `None` between frames.
    pub fn current_timestamp(&self) -> Option<u32> {
        self.assembly.as_ref().map(|assembly| assembly.timestamp)
    }

    /// Ends the current frame as incomplete, at the end of the stream.
    pub fn finish(&mut self) {
        self.finish_frame(false);
    }

    /// Discards the current frame, after a pause or a seek.
    pub fn discard_frame(&mut self) {
        self.assembly = None;
    }

    /// Adds the next packet.
    pub fn push(&mut self, packet: &Packet) {
        let timestamp = packet.header.timestamp;
        if self.assembly.as_ref().is_some_and(|assembly| assembly.timestamp != timestamp) {
            self.finish_frame(false);
        }
        if let Some(assembly) = &mut self.assembly {
            assembly.state.append(packet);
            assembly.last_sequence = packet.header.sequence;
        } else {
            let (state, sequence) = (self.start_frame(packet), packet.header.sequence);
            self.assembly = Some(Assembly { timestamp, sequence, last_sequence: sequence, state });
        }
        if packet.header.marker {
            self.finish_frame(true);
        }
    }

    fn finish_frame(&mut self, has_marker: bool) {
        let Some(Assembly { timestamp, sequence, last_sequence, state }) = self.assembly.take() else {
            return;
        };
        let finished = match state {
            AssemblyState::Unusable(reason) => Err(reason),
            AssemblyState::Assembling(frame) => frame.finish(has_marker),
        };
        self.completed.push_back(match finished {
            Err(reason) => Assembled::Unusable(reason),
            Ok(finished) => {
                if let Some(NewHeader { identity, segments, header }) = finished.new_header {
                    self.known_headers.insert(identity, &segments, &header);
                }
                let lacks_marker = !has_marker;
                Assembled::Frame(AssembledFrame {
                    timestamp,
                    sequence,
                    last_sequence,
                    lacks_marker,
                    ..finished.frame
                })
            }
        });
    }

    fn start_frame(&mut self, packet: &Packet) -> AssemblyState {
        let Some(main) = MainHeader::parse(&packet.payload) else {
            return AssemblyState::Unusable(TOO_SHORT);
        };
        if !starts_frame(packet) {
            let mut state = AssemblyState::Assembling(self.start_without_header(packet, main));
            state.append(packet);
            return state;
        }
        match self.parse_first(packet, main) {
            Ok(frame) => AssemblyState::Assembling(frame),
            Err(reason) => AssemblyState::Unusable(reason),
        }
    }

    /// Starts a frame whose first packet is lost, with the header that the packet names if that is known.
    fn start_without_header(&self, packet: &Packet, main: MainHeader) -> PartialFrame {
        let following = parse_following(packet);
        let identity = following.as_ref().and_then(|following| following.identity);
        let known = identity.and_then(|identity| self.known_headers.get(identity));
        if let (Some(following), Some(header)) = (following, known) {
            let header = marked_header(&header, following.restart_interval);
            let mut frame = PartialFrame::new(HeaderState::Complete(header.len()), main);
            frame.set_restarts(&main, following.restart_interval);
            frame.jpeg.put_slice(&header);
            frame.gaps.append(header.len());
            return frame;
        }
        if let Some(header) = self.header_from_fields(packet, main) {
            let mut frame = PartialFrame::new(HeaderState::Complete(header.len()), main);
            frame.jpeg.put_slice(&header);
            frame.gaps.append(header.len());
            return frame;
        }
        let is_header_lost = main.fragment_offset == 0;
        PartialFrame::new(if is_header_lost { HeaderState::Lost } else { HeaderState::Complete(0) }, main)
    }

    /// Builds the header of a frame whose first packet is lost from the fields of another packet. `None` if its tables
    /// are not known, if earlier frames had more than these fields, or if the frame cannot be decoded without its
    /// beginning.
    fn header_from_fields(&self, packet: &Packet, main: MainHeader) -> Option<Vec<u8>> {
        let restart_interval = parse_following(packet)?.restart_interval.filter(|&interval| interval > 0);
        if !self.fields_suffice || main.is_original() || restart_interval.is_none() {
            return None;
        }
        let tables = match main.quality {
            1..100 => Some(computed_tables(main.quality)),
            _ => self.cached_tables(main.quality),
        };
        let tables = Some(tables?);
        PayloadHeaders { main, tables, restart_interval, dimensions: self.dimensions }.build_header(&[]).ok()
    }

    /// Returns the quantization tables that an earlier frame had with this quality.
    fn cached_tables(&self, quality: u8) -> Option<[u8; 128]> {
        self.cached_tables.iter().find(|(cached, _)| *cached == quality).map(|(_, tables)| *tables)
    }

    /// Parses the first packet of a frame.
    fn parse_first(&mut self, packet: &Packet, main: MainHeader) -> Result<PartialFrame, &'static str> {
        let mut rest = packet.payload.slice(MainHeader::LENGTH..);
        // Between two Reelays, nothing but scan data follows the headers, damaged or not.
        let may_be_jpeg = !main.is_original();
        self.fields_suffice = false;
        if may_be_jpeg && is_jpeg(&rest) {
            return Ok(PartialFrame::start(packet, main, HeaderState::Complete(0), &[], &rest));
        }
        let restart_interval = match main.has_restart_header() {
            true => Some(parse_restart_interval(&mut rest)?),
            false => None,
        };
        let identity = match main.has_header_identity() {
            true => Some(parse_identity(&mut rest)?),
            false => None,
        };
        let tables = self.parse_tables(main.quality, &mut rest)?;
        if may_be_jpeg && is_jpeg(&rest) {
            return Ok(PartialFrame::start(packet, main, HeaderState::Complete(0), &[], &rest));
        }
        let payload_headers = PayloadHeaders { main, tables, restart_interval, dimensions: self.dimensions };
        let part = HeaderPart::from_packet(packet);
        let segments = part.as_ref().map(|part| part.segments.clone()).unwrap_or_default();
        if part.is_some() && !has_scan_header(&segments) {
            let pending = PendingHeader::new(payload_headers, &segments, packet.header.sequence);
            let state = HeaderState::Pending(Box::new(pending));
            let mut frame = PartialFrame::start(packet, main, state, &[], &rest);
            frame.set_restarts(&main, restart_interval);
            frame.identity = identity;
            frame.known_header = identity.and_then(|identity| self.known_headers.get(identity));
            return Ok(frame);
        }
        let mut header = payload_headers.build_header(&segments)?;
        self.fields_suffice = part.is_none() && !main.is_original();
        if let Some(identity) = identity {
            self.known_headers.insert(identity, &segments, &header);
            header = marked_header(&header, restart_interval);
        }
        let state = HeaderState::Complete(header.len());
        let mut frame = PartialFrame::start(packet, main, state, &header, &rest);
        frame.set_restarts(&main, restart_interval);
        Ok(frame)
    }

    /// Returns the quantization tables of a quality: computed, from the packet, or cached (RFC 2435 §3.1.8). `None` if
    /// they are in neither the packet nor the cache.
    fn parse_tables(&mut self, quality: u8, rest: &mut Bytes) -> Result<Option<[u8; 128]>, &'static str> {
        if quality < 128 {
            return match quality {
                1..100 => Ok(Some(computed_tables(quality))),
                _ => Err("the quality of the JPEG payload is reserved"),
            };
        }
        let &[_, precision, high, low] =
            rest.first_chunk().ok_or("a quantization table header is truncated")?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if rest.len() < 4 + length {
            return Err("the quantization tables are truncated");
        }
        let bytes = rest.split_to(4 + length).slice(4..);
        if precision != 0 {
            return Err("the quantization tables have 16-bit elements");
        }
        let mut both = [0; 128];
        match bytes.len() {
            0 => {
                return Ok(self.cached_tables(quality));
            }
            // A single table is used for luminance and chrominance.
            64 => both.chunks_exact_mut(64).for_each(|half| half.copy_from_slice(&bytes)),
            128.. => both.copy_from_slice(&bytes[..128]),
            _ => return Err("the quantization tables have an invalid length"),
        }
        if quality != QUALITY_IN_BAND {
            self.cached_tables.retain(|(q, _)| *q != quality);
            self.cached_tables.push((quality, both));
        }
        Ok(Some(both))
    }
}

const TOO_SHORT: &str = "a packet is shorter than the JPEG payload header";

fn computed_tables(quality: u8) -> [u8; 128] {
    let (luminance, chrominance) = tables::quantization_for_quality(quality);
    let mut both = [0; 128];
    both[..64].copy_from_slice(&luminance);
    both[64..].copy_from_slice(&chrominance);
    both
}

/// Returns true if bytes are the beginning of a JPEG instead of scan data, which cannot contain SOI. Servers of small
/// cameras (ESP32) send the complete JPEG after the payload header.
pub(super) fn is_jpeg(data: &[u8]) -> bool {
    let segment = |code: u8| marker::has_segment(code) && code != marker::SOS;
    matches!(data, [0xFF, marker::SOI, 0xFF, code, ..] if segment(*code))
}

impl AssemblyState {
    /// Adds a packet that is not the first of a frame.
    fn append(&mut self, packet: &Packet) {
        let Self::Assembling(frame) = self else { return };
        let Err(reason) = frame.append(packet) else { return };
        if frame.gaps.is_empty() {
            *self = Self::Unusable(reason);
        } else {
            // A frame that already has gaps is reported as incomplete instead.
            frame.gaps.truncate();
        }
    }
}

impl PartialFrame {
    /// Creates a frame without any bytes. `main` is the main header of its first packet received.
    fn new(header: HeaderState, main: MainHeader) -> Self {
        let is_original = main.is_original();
        Self {
            jpeg: BytesMut::new(),
            header,
            gaps: Gaps::default(),
            restarts: Vec::new(),
            inserted_restarts: None,
            inserted_interval: None,
            identity: None,
            known_header: None,
            repeated_header: None,
            headers_reduced: is_original && main.type_specific & HEADER_REDUCED_BIT != 0,
            lacks_eoi: !is_original,
        }
    }

    /// Creates a frame that begins with `header`, if it is complete, and the data of its first packet.
    fn start(packet: &Packet, main: MainHeader, state: HeaderState, header: &[u8], data: &[u8]) -> Self {
        let mut frame = Self::new(state, main);
        // Most frames have a few packets. A frame of a single packet needs space for EOI only.
        let packets = if packet.header.marker { 1 } else { 4 };
        frame.jpeg.reserve((header.len() + data.len()) * packets + 2);
        frame.jpeg.put_slice(header);
        frame.jpeg.put_slice(data);
        frame.gaps.append(frame.jpeg.len());
        frame
    }

    /// Stores that the sender has inserted restart markers, if it has. `interval` is from the restart header.
    fn set_restarts(&mut self, main: &MainHeader, interval: Option<u16>) {
        self.inserted_interval = interval.filter(|&interval| interval > 0 && main.has_header_identity());
        let has_zero_padding = main.type_specific & ZERO_PADDING_BIT != 0;
        self.inserted_restarts = self.inserted_interval.map(|_| InsertedRestarts { has_zero_padding });
    }

    fn append(&mut self, packet: &Packet) -> Result<(), &'static str> {
        let following = parse_following(packet).ok_or(TOO_SHORT)?;
        self.take_repeated_header(packet, &following);
        let FollowingPacket { main, starts_interval, data, .. } = following;
        let (header_length, pending_length) = match &mut self.header {
            HeaderState::Complete(length) => (*length, 0),
            HeaderState::Pending(pending) => {
                pending.append(packet);
                (0, pending.segments().len())
            }
            HeaderState::Lost => return Ok(()),
        };
        if self.jpeg.len() + pending_length + data.len() > MAX_FRAME_SIZE {
            return Err("a frame is larger than 16 MiB");
        }
        let position = header_length + main.fragment_offset as usize;
        if self.gaps.insert(position, data.len()) {
            self.jpeg.put_slice(data);
            let can_keep = !data.is_empty() && self.restarts.len() < MAX_RESTARTS;
            if let Some(index) = starts_interval.filter(|_| can_keep) {
                self.restarts.push((position, index));
            }
        }
        Ok(())
    }

    /// Takes the header from a packet that repeats it, if the first packet is lost.
    fn take_repeated_header(&mut self, packet: &Packet, following: &FollowingPacket<'_>) {
        let Some(identity) = following.identity else { return };
        if !matches!(self.header, HeaderState::Complete(0)) || self.repeated_header.is_some() {
            return;
        }
        let Some(part) = HeaderPart::from_packet(packet).filter(|part| part.is_first) else { return };
        let main = following.main;
        let fields = PayloadHeaders { main, tables: None, restart_interval: None, dimensions: None };
        let header = fields.build_header(&part.segments).ok();
        if let Some(header) = header.filter(|_| header_identity(&part.segments) == identity) {
            self.set_restarts(&main, following.restart_interval);
            self.repeated_header = Some(NewHeader { identity, segments: part.segments.to_vec(), header });
        }
    }

    /// Ends the frame.
    fn finish(mut self, has_marker: bool) -> Result<FinishedFrame, &'static str> {
        if !has_marker {
            self.gaps.truncate();
        }
        let mut new_header = None;
        let header = match &self.header {
            HeaderState::Complete(_) => {
                new_header = self.repeated_header.take();
                Some(new_header.as_ref().map(|repeated| repeated.header.clone()).unwrap_or_default())
            }
            HeaderState::Pending(pending) => match pending.build() {
                Err(reason) if self.gaps.is_empty() => return Err(reason),
                Ok(Some(header)) => {
                    new_header = self.identity.map(|identity| NewHeader {
                        identity,
                        segments: pending.segments().to_vec(),
                        header: header.clone(),
                    });
                    Some(header)
                }
                _ => self.known_header.as_deref().map(<[u8]>::to_vec),
            },
            HeaderState::Lost => None,
        };
        let Some(mut header) = header else { return Ok(FinishedFrame::lost()) };
        if self.inserted_interval.is_some() && !header.is_empty() {
            header = marked_header(&header, self.inserted_interval);
        }
        let mut jpeg = self.jpeg;
        if !header.is_empty() {
            self.gaps.shift(header.len());
            self.restarts.iter_mut().for_each(|(position, _)| *position += header.len());
            let mut joined = BytesMut::with_capacity(header.len() + jpeg.len() + 2);
            joined.put_slice(&header);
            joined.put_slice(&jpeg);
            jpeg = joined;
        }
        // Some senders include EOI in the data and some do not; RFC 2435 §3.1.9 does not specify it.
        if self.gaps.is_empty() && self.lacks_eoi && !jpeg.ends_with(&[0xFF, marker::EOI]) {
            jpeg.put_slice(&[0xFF, marker::EOI]);
        }
        let frame = AssembledFrame {
            restarts: self.restarts,
            inserted_restarts: self.inserted_restarts,
            headers_reduced: self.headers_reduced,
            ..AssembledFrame::new(jpeg.freeze(), self.gaps.into_missing())
        };
        Ok(FinishedFrame { frame, new_header })
    }
}

/// A frame without the fields of its packets' RTP headers.
struct FinishedFrame {
    frame: AssembledFrame,
    /// Header that was sent in several packets; `None` if it is known already, or has no identity.
    new_header: Option<NewHeader>,
}

/// Header that later frames may name.
#[derive(Debug)]
struct NewHeader {
    identity: u32,
    /// Header segments in the extensions.
    segments: Vec<u8>,
    /// Header from SOI to SOS.
    header: Vec<u8>,
}

impl FinishedFrame {
    /// Returns a frame of which no byte can be used.
    fn lost() -> Self {
        let missing = iter::once(0..UNKNOWN_END).collect();
        Self { frame: AssembledFrame::new(Bytes::new(), missing), new_header: None }
    }
}

/// Maximum number of restart intervals whose positions are kept: the index of an interval has 14 bits.
const MAX_RESTARTS: usize = 1 << 14;

/// A packet that is not the first of a frame.
struct FollowingPacket<'a> {
    main: MainHeader,
    /// Index of the restart interval that begins with the data; `None` if none does, or the packet does not state it.
    starts_interval: Option<u16>,
    /// Interval in the restart header; `None` without one.
    restart_interval: Option<u16>,
    /// Identity of the JPEG header; `None` if the packet does not state it.
    identity: Option<u32>,
    data: &'a [u8],
}

/// Parses a packet that is not the first of a frame; `None` if it is too short.
fn parse_following(packet: &Packet) -> Option<FollowingPacket<'_>> {
    let main = MainHeader::parse(&packet.payload)?;
    let mut headers_length = MainHeader::LENGTH;
    let (mut starts_interval, mut restart_interval, mut identity) = (None, None, None);
    if main.has_restart_header() {
        let &[i1, i0, c1, c0] = packet.payload.get(headers_length..)?.first_chunk()?;
        restart_interval = Some(u16::from_be_bytes([i1, i0]));
        starts_interval = first_interval(u16::from_be_bytes([c1, c0]));
        headers_length += 4;
    }
    if main.has_header_identity() {
        identity = Some(u32::from_be_bytes(*packet.payload.get(headers_length..)?.first_chunk()?));
        headers_length += IDENTITY_LENGTH;
    }
    // Until data begins, a packet that continues the header has a quantization table header (RFC 2435 §3.1.8).
    if main.fragment_offset == 0 && main.quality >= 128 && HeaderPart::from_packet(packet).is_some() {
        let length = packet.payload.get(headers_length + 2..)?.first_chunk()?;
        headers_length += 4 + usize::from(u16::from_be_bytes(*length));
    }
    let data = packet.payload.get(headers_length..)?;
    Some(FollowingPacket { main, starts_interval, restart_interval, identity, data })
}

/// Returns the index of the restart interval with which the data of a packet begins, from its restart count (RFC 2435
/// §3.1.7); `None` if intervals are not aligned with packets, or the interval continues from the packet before.
fn first_interval(restart_count: u16) -> Option<u16> {
    let is_first = restart_count & FIRST_OF_INTERVAL != 0;
    (restart_count != WHOLE_FRAME_RESTART_COUNT && is_first).then_some(restart_count & INTERVAL_INDEX_MASK)
}

/// Returns a header, from SOI to SOS, with a DRI segment if restart markers are inserted. `interval` is from the
/// restart header, 0 if there are none.
fn marked_header(header: &[u8], interval: Option<u16>) -> Vec<u8> {
    let interval = interval.filter(|&interval| interval > 0);
    match interval.zip(JpegHeader::parse(header).ok()) {
        Some((interval, parsed)) => with_restart_interval(header, parsed.sos_segment().range.start, interval),
        None => header.to_vec(),
    }
}

fn parse_identity(rest: &mut Bytes) -> Result<u32, &'static str> {
    let identity = *rest.first_chunk().ok_or("a header identity is truncated")?;
    let _ = rest.split_to(IDENTITY_LENGTH);
    Ok(u32::from_be_bytes(identity))
}

fn parse_restart_interval(rest: &mut Bytes) -> Result<u16, &'static str> {
    let &[high, low, _, _] = rest.first_chunk().ok_or("a restart header is truncated")?;
    let _ = rest.split_to(4);
    Ok(u16::from_be_bytes([high, low]))
}
