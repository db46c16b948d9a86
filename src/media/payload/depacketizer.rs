//! Assembly of frames from RTP packets in sequence order.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::assembled::{Assembled, AssembledFrame, Gaps};
use super::main_header::{
    FILL_MASK, FIRST_EXTENSION_PROFILE, HEADER_REDUCED_BIT, MainHeader, QUALITY_IN_BAND,
    TYPE_ORIGINAL_HEADER, TYPE_RESTART_BIT,
};
use crate::media::jpeg::{Dimensions, JpegHeader, MAX_FRAME_SIZE, marker, standard_header, tables};
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
    completed: VecDeque<Assembled>,
}

#[derive(Debug)]
struct Assembly {
    timestamp: u32,
    /// Sequence number of the first packet received.
    sequence: u16,
    state: AssemblyState,
}

#[derive(Debug)]
enum AssemblyState {
    /// The bytes received so far.
    Assembling(PartialFrame),
    /// The frame is invalid for this reason, and its other packets are ignored.
    Unusable(&'static str),
}

#[derive(Debug, Default)]
struct PartialFrame {
    jpeg: BytesMut,
    /// Length of the header before the scan data, in bytes; 0 if the first packet is missing.
    header_length: usize,
    gaps: Gaps,
    headers_reduced: bool,
}

/// Returns whether a packet is the first of its frame.
pub fn starts_frame(packet: &Packet) -> bool {
    MainHeader::parse(&packet.payload).is_some_and(|main| main.fragment_offset == 0)
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

    /// Returns whether a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        self.assembly.is_some()
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
            assembly.state.append(&packet.payload);
        } else {
            let state = self.start_frame(packet);
            self.assembly = Some(Assembly { timestamp, sequence: packet.header.sequence, state });
        }
        if packet.header.marker {
            self.finish_frame(true);
        }
    }

    fn finish_frame(&mut self, has_marker: bool) {
        let Some(Assembly { timestamp, sequence, state }) = self.assembly.take() else { return };
        self.completed.push_back(match state {
            AssemblyState::Unusable(reason) => Assembled::Unusable(reason),
            AssemblyState::Assembling(PartialFrame { mut jpeg, mut gaps, headers_reduced, .. }) => {
                if !has_marker {
                    gaps.truncate();
                }
                // Some senders include EOI in the data and some do not; RFC 2435 §3.1.9 does not specify it.
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
            let mut state = AssemblyState::Assembling(PartialFrame::default());
            state.append(&packet.payload);
            return state;
        }
        match self.parse_first(packet, main) {
            Ok((header, data, headers_reduced)) => {
                // Most frames have a few packets. A frame of a single packet needs space for EOI only.
                let packets = if packet.header.marker { 1 } else { 4 };
                let mut jpeg = BytesMut::with_capacity((header.len() + data.len()) * packets + 2);
                jpeg.put_slice(&header);
                jpeg.put_slice(&data);
                let mut gaps = Gaps::default();
                gaps.append(jpeg.len());
                let header_length = header.len();
                AssemblyState::Assembling(PartialFrame { jpeg, header_length, gaps, headers_reduced })
            }
            Err(reason) => AssemblyState::Unusable(reason),
        }
    }

    /// Parses the first packet of a frame. Returns the JPEG header, the scan data, and whether the header was reduced.
    fn parse_first(
        &mut self,
        packet: &Packet,
        main: MainHeader,
    ) -> Result<(Vec<u8>, Bytes, bool), &'static str> {
        let mut rest = packet.payload.slice(MainHeader::LENGTH..);
        let restart_interval = match main.has_restart_header() {
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
            (0, _) | (_, 0) => self.dimensions.ok_or("the stream does not state the size of its frames")?,
            (width, height) => Dimensions { width: u16::from(width) * 8, height: u16::from(height) * 8 },
        };
        let tables = tables.ok_or("the quantization tables are missing")?;
        let vertical_sampling = match main.jpeg_type & !TYPE_RESTART_BIT {
            0 => 1,
            1 => 2,
            _ => return Err("the type of the JPEG payload is unknown"),
        };
        let (luminance, chrominance) = tables.split_at(64);
        let header =
            standard_header(dimensions, vertical_sampling, [luminance, chrominance], restart_interval);
        Ok((header, rest, false))
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
                return Ok(self.cached_tables.iter().find(|(q, _)| *q == quality).map(|(_, tables)| *tables));
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

impl AssemblyState {
    /// Adds the payload of a packet that is not the first of a frame.
    fn append(&mut self, payload: &[u8]) {
        let Self::Assembling(frame) = self else { return };
        let Err(reason) = frame.append(payload) else { return };
        if frame.gaps.is_empty() {
            *self = Self::Unusable(reason);
        } else {
            // A frame that already has gaps is reported as incomplete instead.
            frame.gaps.truncate();
        }
    }
}

impl PartialFrame {
    fn append(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        let (main, data) = parse_following(payload).ok_or(TOO_SHORT)?;
        if self.jpeg.len() + data.len() > MAX_FRAME_SIZE {
            return Err("a frame is larger than 16 MiB");
        }
        if self.gaps.insert(self.header_length + main.fragment_offset as usize, data.len()) {
            self.jpeg.put_slice(data);
        }
        Ok(())
    }
}

/// Parses the main header and the data of a packet that is not the first of a frame; `None` if it is too short.
fn parse_following(payload: &[u8]) -> Option<(MainHeader, &[u8])> {
    let main = MainHeader::parse(payload)?;
    let headers_length = MainHeader::LENGTH + if main.has_restart_header() { 4 } else { 0 };
    Some((main, payload.get(headers_length..)?))
}

fn parse_restart_interval(rest: &mut Bytes) -> Result<u16, &'static str> {
    let &[high, low, _, _] = rest.first_chunk().ok_or("a restart header is truncated")?;
    let _ = rest.split_to(4);
    Ok(u16::from_be_bytes([high, low]))
}

/// Returns SOI and the header segments of a header extension; `None` if they are not a complete header.
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
