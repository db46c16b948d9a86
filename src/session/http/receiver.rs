//! Receiver of the frames of a stream over HTTP, behind the emulated network. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

use super::frame_clock::HttpFrameClock;
use crate::impairment::RawPacket;
use crate::media::multipart::{PartFrame, UnusablePart};
use crate::proto::rtp::HEADER_LENGTH;
use crate::proto::rtp::Header;
use crate::session::frame::Frame;
use crate::session::rtp::frame_receiver::{FrameReceiver, StreamBuffers};
use crate::stats::{MissingPart, Snapshot};

/// Receiver of the frames of one stream.
///
/// HTTP has no packets. For the emulated network, each frame is cut into packets of the size of TCP segments, which are
/// put together again behind it; a frame of which one is lost is incomplete.
#[derive(Debug)]
pub struct HttpFrameReceiver {
    buffers: StreamBuffers,
    clock: HttpFrameClock,
    /// SSRC of the packets in the emulated network.
    ssrc: u32,
    next_sequence: u16,
    /// Frames in the emulated network, the oldest first.
    in_flight: VecDeque<FrameInFlight>,
    next_number: u32,
    frames_unusable: u64,
    /// Number of unusable parts since the last frame.
    unusable_in_a_row: u32,
    last_unusable: Option<UnusablePart>,
    /// Arrival of the last frame; `None` before the first one after a pause.
    last_arrival: Option<Instant>,
    /// Last two intervals between frames, the last one first.
    intervals: [Duration; 2],
}

/// Frame in the emulated network.
#[derive(Debug)]
struct FrameInFlight {
    number: u32,
    offset: u64,
    time: Option<u64>,
    /// Payloads that have left the network; `None` where one has not.
    payloads: Vec<Option<Bytes>>,
}

/// Maximum number of bytes of a frame in one packet, the size of a TCP segment over Ethernet.
const SEGMENT_SIZE: usize = 1_448;

/// Maximum number of frames in the emulated network; beyond it, the oldest are given up.
const MAX_IN_FLIGHT: usize = 1_024;

/// Number of frames by which a packet can be overtaken in the emulated network before it is taken to be lost.
const MAX_REORDERED_FRAMES: u32 = 4;

/// Number of unusable parts, with no frame between them, from which on they are reported as an error.
const MIN_UNUSABLE_PARTS: u32 = 10;

impl HttpFrameReceiver {
    /// Creates a receiver. `ssrc` identifies it in the counters of the emulated network.
    pub fn new(ssrc: u32) -> Self {
        Self {
            buffers: StreamBuffers::new(Duration::ZERO, 0),
            clock: HttpFrameClock::default(),
            ssrc,
            next_sequence: 0,
            in_flight: VecDeque::new(),
            next_number: 0,
            frames_unusable: 0,
            unusable_in_a_row: 0,
            last_unusable: None,
            last_arrival: None,
            intervals: [Duration::ZERO; 2],
        }
    }

    /// Records bytes that arrived on the connection.
    pub fn record_bytes(&mut self, now: Instant, bytes: usize) {
        self.buffers.record_packet(now, bytes);
    }

    /// Receives a complete frame. Returns its timestamp in ticks of 90 kHz, if that is a time of the sender.
    pub fn receive(&mut self, now: Instant, frame: PartFrame) -> Option<i64> {
        let PartFrame { jpeg, time, .. } = frame;
        let timestamp = self.clock.timestamp(now, time);
        self.unusable_in_a_row = 0;
        if let Some(last) = self.last_arrival.replace(now) {
            self.intervals = [now.saturating_duration_since(last), self.intervals[0]];
        }
        self.buffers.stats.record_payload(now, jpeg.len());
        self.buffers.stats.record_complete_frame(now);
        let sender_timestamp = self.clock.is_senders().then_some(timestamp);
        if let Some(timestamp) = sender_timestamp {
            self.buffers.stats.record_timestamp(now, timestamp, true);
        }
        self.buffers.record_arrival(now, timestamp);
        self.buffers.frames.push_back(Frame::complete(jpeg, timestamp, now));
        sender_timestamp
    }

    /// Cuts a frame into packets, for the emulated network.
    pub fn packetize(&mut self, frame: &PartFrame) -> Vec<RawPacket> {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        let count = frame.jpeg.len().div_ceil(SEGMENT_SIZE);
        let packets = (0..count).map(|index| {
            let payload = &frame.jpeg[index * SEGMENT_SIZE..frame.jpeg.len().min((index + 1) * SEGMENT_SIZE)];
            let header = Header {
                marker: index + 1 == count,
                payload_type: 0,
                sequence: self.next_sequence,
                timestamp: number,
                ssrc: self.ssrc,
            };
            self.next_sequence = self.next_sequence.wrapping_add(1);
            let mut bytes = BytesMut::with_capacity(HEADER_LENGTH + INDEX_LENGTH + payload.len());
            bytes.extend_from_slice(&header.encode(false));
            bytes.put_u32(u32::try_from(index).unwrap_or(u32::MAX));
            bytes.extend_from_slice(payload);
            RawPacket::rtp(bytes.freeze())
        });
        let packets = packets.collect();
        let &PartFrame { offset, time, .. } = frame;
        self.in_flight.push_back(FrameInFlight { number, offset, time, payloads: vec![None; count] });
        if self.in_flight.len() > MAX_IN_FLIGHT {
            self.give_up_first();
        }
        packets
    }

    /// Handles a packet that has left the emulated network. Returns the frame that it completes. Frames before that
    /// one of which packets are missing are incomplete: a connection delivers bytes in order.
    pub fn handle_packet(&mut self, packet: &Bytes) -> Option<PartFrame> {
        let number = u32::from_be_bytes(*packet.get(4..)?.first_chunk()?);
        let index = u32::from_be_bytes(*packet.get(HEADER_LENGTH..)?.first_chunk()?);
        while self.in_flight.front().is_some_and(|first| is_given_up(first.number, number)) {
            self.give_up_first();
        }
        let position = self.in_flight.iter().position(|frame| frame.number == number)?;
        let frame = &mut self.in_flight[position];
        let slot = frame.payloads.get_mut(usize::try_from(index).ok()?)?;
        slot.get_or_insert_with(|| packet.slice(HEADER_LENGTH + INDEX_LENGTH..));
        if frame.payloads.iter().any(Option::is_none) {
            return None;
        }
        for _ in 0..position {
            self.give_up_first();
        }
        let frame = self.in_flight.pop_front()?;
        let jpeg = frame.payloads.into_iter().flatten().fold(BytesMut::new(), |mut jpeg, payload| {
            jpeg.extend_from_slice(&payload);
            jpeg
        });
        Some(PartFrame { jpeg: jpeg.freeze(), offset: frame.offset, time: frame.time })
    }

    fn give_up_first(&mut self) {
        if self.in_flight.pop_front().is_some() {
            self.buffers.stats.record_incomplete_frame(MissingPart::Unknown);
        }
    }

    /// Returns true if frames are in the emulated network.
    pub fn has_frames_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Records a part that is no frame.
    pub fn record_unusable(&mut self, reason: UnusablePart) {
        self.frames_unusable += 1;
        self.unusable_in_a_row = self.unusable_in_a_row.saturating_add(1);
        self.last_unusable = Some(reason);
    }

    /// Returns why no frame can be shown, once enough parts in a row were no frames.
    pub fn unusable_reason(&self) -> Option<&UnusablePart> {
        self.last_unusable.as_ref().filter(|_| self.unusable_in_a_row >= MIN_UNUSABLE_PARTS)
    }

    /// Returns true if the times of the sender are not used because they were not plausible.
    pub fn has_given_up_sender_times(&self) -> bool {
        self.clock.has_given_up_sender()
    }

    /// Returns the shorter of the last two intervals between frames, which contains no pause of the sender; `None`
    /// before the third frame.
    pub fn frame_interval(&self) -> Option<Duration> {
        self.intervals.into_iter().min().filter(|interval| !interval.is_zero())
    }

    /// Number of complete frames.
    pub fn frames_complete(&self) -> u64 {
        self.buffers.stats.frames_complete()
    }

    /// Adds the figures of the receiver.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.buffers.stats.add_to(now, snapshot);
        snapshot.frames_unusable = self.frames_unusable;
        snapshot.lacks_packets = true;
    }
}

/// Returns true if the packets of frame `first` that have not arrived are lost, because one of frame `number` has
/// arrived.
fn is_given_up(first: u32, number: u32) -> bool {
    (MAX_REORDERED_FRAMES..u32::MAX / 2).contains(&number.wrapping_sub(first))
}

/// Length in bytes of the index of a packet in its frame, after the RTP header.
const INDEX_LENGTH: usize = 4;

impl FrameReceiver for HttpFrameReceiver {
    fn buffers(&self) -> &StreamBuffers {
        &self.buffers
    }

    fn buffers_mut(&mut self) -> &mut StreamBuffers {
        &mut self.buffers
    }

    /// Does nothing: a connection delivers bytes in order, so no packet waits for another.
    fn release(&mut self, _now: Instant) {}

    fn stop(&mut self) {
        self.in_flight.clear();
        self.last_arrival = None;
        self.clock.mark_discontinuity();
        self.buffers.discard();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(length: usize) -> PartFrame {
        PartFrame {
            jpeg: (0..length).map(|at| at as u8).collect::<Vec<_>>().into(),
            offset: 7,
            time: Some(5),
        }
    }

    #[test]
    fn frame_is_the_same_behind_the_emulated_network() {
        for length in [1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 10_000] {
            let (mut receiver, frame) = (HttpFrameReceiver::new(7), part(length));
            let packets = receiver.packetize(&frame);
            assert_eq!(packets.len(), length.div_ceil(SEGMENT_SIZE));
            let mut out: Vec<_> =
                packets.iter().rev().map(|packet| receiver.handle_packet(&packet.bytes)).collect();
            assert_eq!(out.pop(), Some(Some(frame)), "{length}");
            assert!(out.iter().all(Option::is_none) && !receiver.has_frames_in_flight());
        }
    }

    #[test]
    fn lost_packet_makes_only_its_frame_incomplete() {
        let (now, mut receiver) = (Instant::now(), HttpFrameReceiver::new(7));
        let lossy = receiver.packetize(&part(5_000));
        let whole = receiver.packetize(&part(2_000));
        assert!(lossy[1..].iter().all(|packet| receiver.handle_packet(&packet.bytes).is_none()));
        let complete: Vec<_> =
            whole.iter().filter_map(|packet| receiver.handle_packet(&packet.bytes)).collect();
        assert_eq!(complete, [part(2_000)]);
        assert_eq!(receiver.handle_packet(&lossy[0].bytes), None, "the frame was given up");
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, &mut snapshot);
        assert_eq!(snapshot.frames_incomplete, 1);
    }

    #[test]
    fn foreign_packets_are_ignored() {
        let mut receiver = HttpFrameReceiver::new(7);
        receiver.packetize(&part(10));
        for length in 0..20 {
            assert_eq!(receiver.handle_packet(&vec![0xFF; length].into()), None);
        }
    }

    #[test]
    fn unusable_parts_in_a_row_are_reported() {
        let (now, mut receiver) = (Instant::now(), HttpFrameReceiver::new(7));
        for _ in 1..MIN_UNUSABLE_PARTS {
            receiver.record_unusable(UnusablePart::Damaged);
        }
        assert_eq!(receiver.unusable_reason(), None);
        receiver.record_unusable(UnusablePart::Damaged);
        assert_eq!(receiver.unusable_reason(), Some(&UnusablePart::Damaged));
        receiver.receive(now, part(10));
        assert_eq!(receiver.unusable_reason(), None);
    }
}
