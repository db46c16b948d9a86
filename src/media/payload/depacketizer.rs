//! From packets, in order, to pictures.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::assembled::{Assembled, AssembledFrame, Gaps};
use super::main_header::{
    FILL_MASK, FIRST_EXTENSION_PROFILE, HEADER_REDUCED_BIT, MainHeader, QUALITY_IN_BAND,
    TYPE_ORIGINAL_HEADER, TYPE_RESTART_BIT,
};
use crate::media::jpeg::{Dimensions, JpegHeader, MAX_FRAME_SIZE, marker, standard_header, tables};
use crate::proto::rtp::Packet;

/// Puts pictures together. Packets are pushed in the order of their sequence numbers; gaps are allowed.
///
/// Whether a frame is whole is known here and nowhere else: decoders take cut data without a word. So every
/// fragment must begin where the one before it ended, and the last must have its marker.
#[derive(Debug, Default)]
pub struct Depacketizer {
    /// The frame that is being put together.
    assembly: Option<Assembly>,
    /// The session description's size, for pictures too large for the main header.
    dimensions: Option<Dimensions>,
    /// Quantization tables by quality, as 128 to 254 may be sent only once (RFC 2435 §3.1.8).
    cached_tables: Vec<(u8, [u8; 128])>,
    completed: VecDeque<Assembled>,
}

#[derive(Debug)]
struct Assembly {
    timestamp: u32,
    sequence: u16,
    state: AssemblyState,
}

#[derive(Debug)]
enum AssemblyState {
    /// The bytes so far.
    Assembling(Joining),
    /// The frame cannot be understood; its other packets are passed over.
    Unusable(&'static str),
}

#[derive(Debug, Default)]
struct Joining {
    jpeg: BytesMut,
    /// Bytes in front of the scan data; 0 if the first packet is missing.
    header_length: usize,
    gaps: Gaps,
    headers_reduced: bool,
}

/// Whether a packet is the first of its frame.
pub fn starts_frame(packet: &Packet) -> bool {
    MainHeader::parse(&packet.payload).is_some_and(|main| main.fragment_offset == 0)
}

impl Depacketizer {
    /// A depacketizer for a stream whose description may state its size.
    pub fn new(dimensions: Option<Dimensions>) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// The next thing that came out.
    pub fn poll_frame(&mut self) -> Option<Assembled> {
        self.completed.pop_front()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        self.assembly.is_some()
    }

    /// Nothing more comes: a frame that has begun stays incomplete.
    pub fn finish(&mut self) {
        self.finish_frame(false);
    }

    /// Forgets the frame that has begun: the stream was stopped or goes on elsewhere.
    pub fn discard_frame(&mut self) {
        self.assembly = None;
    }

    /// Takes the next packet.
    pub fn push(&mut self, packet: &Packet) {
        let timestamp = packet.header.timestamp;
        if self.assembly.as_ref().is_some_and(|assembly| assembly.timestamp != timestamp) {
            self.finish_frame(false);
        }
        let (sequence, state) = match self.assembly.take() {
            Some(Assembly { sequence, state, .. }) => (sequence, join(state, packet)),
            None => (packet.header.sequence, self.start_frame(packet)),
        };
        self.assembly = Some(Assembly { timestamp, sequence, state });
        if packet.header.marker {
            self.finish_frame(true);
        }
    }

    fn finish_frame(&mut self, has_marker: bool) {
        let Some(Assembly { timestamp, sequence, state }) = self.assembly.take() else { return };
        self.completed.push_back(match state {
            AssemblyState::Unusable(why) => Assembled::Unusable(why),
            AssemblyState::Assembling(Joining { mut jpeg, mut gaps, headers_reduced, .. }) => {
                if !has_marker {
                    gaps.cut();
                }
                // EOI may be left out of the data (RFC 2435 §3.1.9 says nothing of it; senders do both).
                if gaps.is_empty() && !jpeg.ends_with(&[0xFF, marker::EOI]) {
                    jpeg.put_slice(&[0xFF, marker::EOI]);
                }
                let (jpeg, missing) = (jpeg.freeze(), gaps.into_missing());
                Assembled::Frame(AssembledFrame { jpeg, missing, timestamp, sequence, headers_reduced })
            }
        });
    }

    fn start_frame(&mut self, packet: &Packet) -> AssemblyState {
        let Some(main) = MainHeader::parse(&packet.payload) else {
            return AssemblyState::Unusable(TOO_SHORT);
        };
        if main.fragment_offset != 0 {
            return join(AssemblyState::Assembling(Joining::default()), packet);
        }
        match self.parse_first(packet, main) {
            Ok((header, data, headers_reduced)) => {
                // Most pictures are a few packets; one that is a single packet holds no more than itself,
                // and EOI.
                let packets = if packet.header.marker { 1 } else { 4 };
                let mut jpeg = BytesMut::with_capacity((header.len() + data.len()) * packets + 2);
                jpeg.put_slice(&header);
                jpeg.put_slice(&data);
                let mut gaps = Gaps::default();
                gaps.append(jpeg.len());
                AssemblyState::Assembling(Joining {
                    jpeg,
                    header_length: header.len(),
                    gaps,
                    headers_reduced,
                })
            }
            Err(reason) => AssemblyState::Unusable(reason),
        }
    }

    /// The picture's header, the first data, and whether the header was reduced.
    fn parse_first(
        &mut self,
        packet: &Packet,
        main: MainHeader,
    ) -> Result<(Vec<u8>, Bytes, bool), &'static str> {
        let mut rest = packet.payload.slice(MainHeader::LENGTH..);
        let restart_interval =
            match main.jpeg_type & TYPE_RESTART_BIT != 0 && main.jpeg_type < TYPE_ORIGINAL_HEADER {
                true => Some(parse_restart_interval(&mut rest)?),
                false => None,
            };
        let tables = self.parse_tables(main.quality, &mut rest)?;
        let segments =
            packet.extension.as_ref().filter(|extension| extension.profile == FIRST_EXTENSION_PROFILE);
        if let Some(header) = segments.and_then(|extension| original_header(&extension.body, main)) {
            return Ok((
                header,
                rest,
                main.jpeg_type == TYPE_ORIGINAL_HEADER && main.type_specific & HEADER_REDUCED_BIT != 0,
            ));
        }
        let dimensions = match (main.width, main.height) {
            (0, _) | (_, 0) => self.dimensions.ok_or("the stream does not say how large its pictures are")?,
            (width, height) => Dimensions { width: u16::from(width) * 8, height: u16::from(height) * 8 },
        };
        let tables = tables.ok_or("the quantization tables have not come")?;
        let vertical = match main.jpeg_type & !TYPE_RESTART_BIT {
            0 => 1,
            1 => 2,
            _ => return Err("a kind of JPEG payload that RFC 2435 does not define"),
        };
        let (luminance, chrominance) = tables.split_at(64);
        Ok((standard_header(dimensions, vertical, [luminance, chrominance], restart_interval), rest, false))
    }

    /// The quantization tables that the quality names, from the packet or from memory (RFC 2435 §3.1.8).
    fn parse_tables(&mut self, quality: u8, rest: &mut Bytes) -> Result<Option<[u8; 128]>, &'static str> {
        if quality < 128 {
            let (luminance, chrominance) = tables::quantization_for_quality(quality);
            let mut both = [0; 128];
            both[..64].copy_from_slice(&luminance);
            both[64..].copy_from_slice(&chrominance);
            return if (1..100).contains(&quality) {
                Ok(Some(both))
            } else {
                Err("a quality that RFC 2435 reserves")
            };
        }
        let &[_, precision, high, low] =
            rest.first_chunk().ok_or("a quantization table header that is cut")?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if rest.len() < 4 + length {
            return Err("quantization tables that are cut");
        }
        let bytes = rest.split_to(4 + length).slice(4..);
        if precision != 0 {
            return Err("quantization tables of 16 bits");
        }
        let mut both = [0; 128];
        match bytes.len() {
            0 => {
                return Ok(self.cached_tables.iter().find(|(q, _)| *q == quality).map(|(_, tables)| *tables));
            }
            // One table serves both.
            64 => both.chunks_exact_mut(64).for_each(|half| half.copy_from_slice(&bytes)),
            128.. => both.copy_from_slice(&bytes[..128]),
            _ => return Err("quantization tables of an odd length"),
        }
        if quality != QUALITY_IN_BAND {
            self.cached_tables.retain(|(q, _)| *q != quality);
            self.cached_tables.push((quality, both));
        }
        Ok(Some(both))
    }
}

const TOO_SHORT: &str = "a packet is shorter than the JPEG payload header";

/// Adds a packet that is not a frame's first. A frame with gaps stays incomplete whatever else is wrong with it.
fn join(state: AssemblyState, packet: &Packet) -> AssemblyState {
    let AssemblyState::Assembling(mut joining) = state else { return state };
    let Some((main, data)) = parse_following(&packet.payload) else {
        return joining.fail(TOO_SHORT);
    };
    if joining.jpeg.len() + data.len() > MAX_FRAME_SIZE {
        return joining.fail("a picture is larger than 16 MiB");
    }
    if joining.gaps.insert(joining.header_length + main.fragment_offset as usize, data.len()) {
        joining.jpeg.put_slice(&data);
    }
    AssemblyState::Assembling(joining)
}

impl Joining {
    fn fail(mut self, why: &'static str) -> AssemblyState {
        if self.gaps.is_empty() {
            return AssemblyState::Unusable(why);
        }
        self.gaps.cut();
        AssemblyState::Assembling(self)
    }
}

/// The main header and the data of a packet that is not a frame's first.
fn parse_following(payload: &Bytes) -> Option<(MainHeader, Bytes)> {
    let main = MainHeader::parse(payload)?;
    let has_restarts = main.jpeg_type & TYPE_RESTART_BIT != 0 && main.jpeg_type < TYPE_ORIGINAL_HEADER;
    let skipped = MainHeader::LENGTH + if has_restarts { 4 } else { 0 };
    (payload.len() >= skipped).then(|| (main, payload.slice(skipped..)))
}

fn parse_restart_interval(rest: &mut Bytes) -> Result<u16, &'static str> {
    let &[high, low, _, _] = rest.first_chunk().ok_or("a restart header that is cut")?;
    let _ = rest.split_to(4);
    Ok(u16::from_be_bytes([high, low]))
}

/// SOI and the header segments of an extension; `None` when they do not make a whole header.
fn original_header(body: &[u8], main: MainHeader) -> Option<Vec<u8>> {
    let mut header = [&[0xFF, marker::SOI], body].concat();
    let parsed = JpegHeader::parse(&header).ok()?;
    let (scan_header, end) = (parsed.sos_segment().range.start, parsed.scan_data_start());
    header.truncate(end);
    if main.jpeg_type == TYPE_ORIGINAL_HEADER {
        let fill = usize::from(main.type_specific & FILL_MASK);
        let fill_start = scan_header.checked_sub(fill).filter(|&start| start >= 2)?;
        if header[fill_start..scan_header].iter().any(|&byte| byte != 0xFF) {
            return None;
        }
        header.drain(fill_start..scan_header);
    }
    Some(header)
}
