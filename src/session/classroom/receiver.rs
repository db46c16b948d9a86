//! Receiver of a classroom server's stream, from datagrams to numbered frames. Sans-I/O.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::arrived::ArrivedDatagrams;
use crate::media::FrameRate;
use crate::media::payload::{AssembledFrame, ClassroomDatagram, ClassroomDepacketizer, ClassroomVariant};
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{CLOCK_RATE, Header, Packet, extend_sequence};
use crate::session::frame::Frame;
use crate::session::rtp::frame_receiver::{FrameReceiver, StreamBuffers};
use crate::stats::{Arrival, Fate, LossDoubt, MissingPart, Snapshot};

/// Receiver of a classroom server's stream.
#[derive(Debug)]
pub struct ClassroomFrameReceiver {
    depacketizer: ClassroomDepacketizer,
    /// Buffers and counters. Sequence numbers count packets or frames, depending on the variant of the dialect.
    buffers: StreamBuffers,
    /// Sequence number that was counted last, as sent and extended.
    last_counted: Option<(u16, i64)>,
    /// Extended sequence number of the first frame of the film, where sequence numbers count frames.
    first_sequence: Option<i64>,
    last_frame_number: Option<u64>,
    complete_frames: u64,
    /// Datagrams that arrived before the first complete frame; `None` before the first datagram.
    arrived: Option<ArrivedDatagrams>,
    /// Frame rate from which timestamps are derived.
    frame_rate: FrameRate,
}

/// Length of the UDP and IPv4 headers in bytes; these servers use no other protocol.
const IP_UDP_HEADER_LENGTH: usize = 8 + 20;

/// Maximum number of frames that may be lost before the first one arrives. A higher first number is taken as the start
/// of the server's count.
const MAX_INITIAL_LOSS: i64 = 100;

impl ClassroomFrameReceiver {
    /// Creates a receiver in which packets wait at most `reorder_timeout` for a gap before them to fill.
    pub fn new(reorder_timeout: Duration, frame_rate: FrameRate) -> Self {
        Self {
            depacketizer: ClassroomDepacketizer::default(),
            buffers: StreamBuffers::new(reorder_timeout, IP_UDP_HEADER_LENGTH),
            last_counted: None,
            first_sequence: None,
            last_frame_number: None,
            complete_frames: 0,
            arrived: None,
            frame_rate,
        }
    }

    /// Sets the frame rate that the server states, for frames that arrive from now on.
    pub fn set_frame_rate(&mut self, frame_rate: FrameRate) {
        self.frame_rate = frame_rate;
    }

    /// Continues after a pause, whose time is not on the clock of the stream.
    pub fn resume(&mut self) {
        self.buffers.stats.mark_discontinuity();
    }

    /// Ends the stream: packets that the last frame still lacks are lost.
    pub fn finish(&mut self, now: Instant) {
        self.depacketizer.finish();
        self.collect_frames(now);
        self.stop();
    }

    /// Handles a datagram. Its source port is not checked: some servers send from another port after a pause.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &Bytes) {
        if self.last_frame_number.is_none() {
            self.record_arrival(bytes);
        }
        let Some(datagram) = self.depacketizer.classify(bytes) else {
            return tracing::debug!(bytes = bytes.len(), "ignoring datagram that belongs to no frame");
        };
        self.buffers.record_packet(now, bytes.len());
        match datagram {
            ClassroomDatagram::Packet { header, payload } if !self.is_counted(&header, &payload) => {
                self.count_packet(now, header, payload);
            }
            ClassroomDatagram::Packet { ref payload, .. } | ClassroomDatagram::Slice(ref payload) => {
                self.buffers.stats.record_payload(now, payload.len());
                self.depacketizer.push(&datagram);
                self.collect_frames(now);
            }
        }
        self.release(now);
    }

    fn record_arrival(&mut self, datagram: &[u8]) {
        match &mut self.arrived {
            Some(arrived) => arrived.add(datagram),
            None => self.arrived = Some(ArrivedDatagrams::new(datagram)),
        }
    }

    /// Datagrams that arrived before the first complete frame, whether they belong to the stream or not; `None` if
    /// there were none.
    pub fn arrived(&self) -> Option<ArrivedDatagrams> {
        self.arrived
    }

    /// Returns true if a packet continues a frame whose sequence number has been counted.
    fn is_counted(&self, header: &Header, payload: &[u8]) -> bool {
        let Some((last_counted, _)) =
            self.last_counted.filter(|_| !ClassroomDepacketizer::starts_frame(payload))
        else {
            return false;
        };
        match self.depacketizer.variant() {
            Some(ClassroomVariant::ChunksByFrame | ClassroomVariant::OffsetHeader) => {
                last_counted.wrapping_sub(header.sequence) as i16 >= 0
            }
            Some(ClassroomVariant::ChunksByPacket | ClassroomVariant::Sliced) => false,
            Some(ClassroomVariant::WholeFrame) | None => last_counted == header.sequence,
        }
    }

    fn count_packet(&mut self, now: Instant, header: Header, payload: Bytes) {
        let (sequence, fate) = match self.buffers.rtp_receiver.handle_packet(now, &header) {
            Arrival::New(sequence) => (sequence, Fate::Received),
            Arrival::Reordered(sequence) => (sequence, Fate::Reordered),
            Arrival::Restarted { .. } => return self.restart_count(now, header, payload),
            Arrival::Duplicate(sequence) => return self.buffers.packet_log.record_duplicate(sequence),
            Arrival::RestartProven { .. } => return self.restart_count(now, header, payload),
            Arrival::OutOfRange | Arrival::EarlierCount | Arrival::EarlierDuplicate | Arrival::Held => return,
        };
        self.buffers.stats.record_payload(now, payload.len());
        if self.last_counted.is_none_or(|(_, highest)| highest < sequence) {
            self.last_counted = Some((header.sequence, sequence));
        }
        let may_follow_loss = (0..=MAX_INITIAL_LOSS).contains(&sequence);
        self.first_sequence.get_or_insert(if may_follow_loss { sequence.min(1) } else { sequence });
        self.push_packet(now, sequence, fate, header, payload);
    }

    /// Passes a counted packet on: to the reorder buffer where each packet has a number, or directly to the
    /// depacketizer.
    fn push_packet(&mut self, now: Instant, sequence: i64, fate: Fate, header: Header, payload: Bytes) {
        let variant = self.depacketizer.variant();
        let (timestamp, ends_frame) = match variant {
            Some(ClassroomVariant::ChunksByPacket) => (i64::from(header.timestamp), header.marker),
            // Sequence numbers count frames, so the reorder buffer is not used.
            _ => (sequence, true),
        };
        if let Some(ClassroomVariant::WholeFrame | ClassroomVariant::ChunksByPacket) = variant {
            let packet = Packet { header, extension: None, payload };
            self.buffers.push_packet(now, sequence, timestamp, ends_frame, packet, fate);
        } else {
            self.buffers.packet_log.record_received(sequence, timestamp, ends_frame, fate);
            self.depacketizer.push(&ClassroomDatagram::Packet { header, payload });
            self.collect_frames(now);
            self.buffers.reorder_buffer.restart_at(Some(sequence + 1));
        }
    }

    /// Restarts the count at this packet, after the server has restarted its sequence numbers. The packets by which the
    /// restart was detected belong to frames whose beginning is lost, so they are not counted again.
    fn restart_count(&mut self, now: Instant, header: Header, payload: Bytes) {
        self.buffers.restart_count(now, header.sequence);
        self.buffers.rtp_receiver.record_restart();
        self.buffers.rtp_receiver.add_doubt(LossDoubt::Restart);
        self.first_sequence = None;
        self.count_packet(now, header, payload);
    }

    fn collect_frames(&mut self, now: Instant) {
        while let Some(assembled) = self.depacketizer.poll_frame() {
            let AssembledFrame { jpeg, missing, sequence, .. } = assembled;
            let frame_number = match missing.is_empty() {
                true => self.count_complete_frame(now, sequence),
                false => {
                    self.buffers.stats.record_incomplete_frame(MissingPart::Unknown);
                    self.frame_number(sequence)
                }
            };
            let timestamp = frame_timestamp(self.frame_rate, frame_number);
            self.buffers.frames.push_back(Frame { missing, ..Frame::complete(jpeg, timestamp, now) });
        }
    }

    /// Counts a complete frame and returns its number. The timestamps of these servers are not a clock; those derived
    /// from frame numbers are, so jitter is measured against them.
    fn count_complete_frame(&mut self, now: Instant, sequence: u16) -> u64 {
        self.buffers.stats.record_complete_frame(now);
        let frame_number = self.frame_number(sequence);
        self.last_frame_number = Some(frame_number);
        self.complete_frames += 1;
        self.buffers.stats.record_timestamp(now, frame_timestamp(self.frame_rate, frame_number), true);
        frame_number
    }

    /// Returns the number of the frame whose first packet has this sequence number, counted from 1.
    fn frame_number(&self, sequence: u16) -> u64 {
        let frames_seen = self.buffers.stats.frames_total();
        if self.depacketizer.variant() == Some(ClassroomVariant::ChunksByPacket) {
            return frames_seen;
        }
        let (Some((_, highest)), Some(first)) = (self.last_counted, self.first_sequence) else {
            return frames_seen;
        };
        u64::try_from(extend_sequence(highest, sequence) - first).map_or(frames_seen, |index| index + 1)
    }

    /// Number of the last complete frame, counted from 1; `None` before the first.
    pub fn last_frame_number(&self) -> Option<u64> {
        self.last_frame_number
    }

    /// Number of complete frames, and of all frames, since SETUP.
    pub fn frame_counts(&self) -> (u64, u64) {
        (self.complete_frames, self.buffers.stats.frames_total())
    }

    /// Returns the block of a receiver report (RFC 3550 §6.4.1).
    pub fn report_block(&mut self) -> ReportBlock {
        let ssrc = self.depacketizer.ssrc().unwrap_or_default();
        self.buffers.rtp_receiver.report_block(ssrc)
    }

    /// Adds the figures of the receiver. Packet jitter is not measured, because timestamps are not a clock.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.buffers.rtp_receiver.add_to(snapshot, None);
        (snapshot.jitter_ms, snapshot.jitter_mean_ms, snapshot.jitter_max_ms) = (None, None, None);
        self.buffers.stats.add_to(now, snapshot);
    }
}

/// Timestamp of a frame in ticks of 90 kHz. Frame 1 has timestamp 0.
fn frame_timestamp(frame_rate: FrameRate, frame_number: u64) -> i64 {
    let micros = frame_rate.npt_of(frame_number.saturating_sub(1)).as_micros();
    i64::try_from(u128::from(micros) * u128::from(CLOCK_RATE) / 1_000_000).unwrap_or(i64::MAX)
}

impl FrameReceiver for ClassroomFrameReceiver {
    fn buffers(&self) -> &StreamBuffers {
        &self.buffers
    }

    fn buffers_mut(&mut self) -> &mut StreamBuffers {
        &mut self.buffers
    }

    fn release(&mut self, now: Instant) {
        while let Some(Packet { header, payload, .. }) = self.buffers.reorder_buffer.pop(now) {
            self.depacketizer.push(&ClassroomDatagram::Packet { header, payload });
            self.collect_frames(now);
        }
    }

    fn stop(&mut self) {
        self.depacketizer.discard_frame();
        self.buffers.discard();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(length: usize) -> Vec<u8> {
        let header = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2];
        [&header[..], &vec![5; length], &[0xFF, 0xD9]].concat()
    }

    fn packet(sequence: u16, payload: &[u8]) -> Bytes {
        let [high, low] = sequence.to_be_bytes();
        [&[0x80, 26, high, low, 0, 0, 0, 0, 0, 0, 0, 0], payload].concat().into()
    }

    fn snapshot(receiver: &mut ClassroomFrameReceiver, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, &mut snapshot);
        snapshot
    }

    fn receive(receiver: &mut ClassroomFrameReceiver, now: Instant, datagrams: &[Bytes]) -> Vec<u64> {
        datagrams.iter().for_each(|datagram| receiver.handle_datagram(now, datagram));
        let frames = std::iter::from_fn(|| receiver.poll_frame()).filter(Frame::is_complete);
        // Frames at 20 per second are 4,500 ticks apart.
        frames.map(|frame| frame.timestamp as u64 / 4_500 + 1).collect()
    }

    #[test]
    fn single_datagram_frames_are_reordered_and_counted() {
        let (now, timeout) = (Instant::now(), Duration::from_millis(50));
        let mut receiver = ClassroomFrameReceiver::new(timeout, FrameRate::CLASSROOM);
        let datagrams = [1, 2, 4, 3, 3, 6].map(|number| packet(number, &jpeg(100)));
        assert_eq!(receive(&mut receiver, now, &datagrams), [1, 2, 3, 4]);
        receiver.release(now + timeout);
        assert_eq!(receive(&mut receiver, now + timeout, &[packet(7, &jpeg(100))]), [6, 7]);
        let snapshot = snapshot(&mut receiver, now);
        assert_eq!((snapshot.packets_expected, snapshot.packets_lost), (7, 1));
        assert_eq!((snapshot.packets_duplicated, snapshot.packets_reordered), (1, 1));
        assert_eq!((snapshot.frames_complete, snapshot.jitter_ms), (6, None));
    }

    #[test]
    fn chunks_sharing_a_sequence_number_are_not_duplicates() {
        let (now, mut receiver) =
            (Instant::now(), ClassroomFrameReceiver::new(Duration::ZERO, FrameRate::CLASSROOM));
        for number in [1, 2, 4, 5] {
            let jpeg = jpeg(5_000);
            let chunks: Vec<_> = jpeg.chunks(1_400).map(|chunk| packet(number, chunk)).collect();
            assert_eq!(receive(&mut receiver, now, &chunks), [u64::from(number)]);
        }
        let snapshot = snapshot(&mut receiver, now);
        assert_eq!((snapshot.packets_expected, snapshot.packets_received), (5, 4));
        assert_eq!((snapshot.packets_lost, snapshot.packets_duplicated), (1, 0));
        assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (4, 0));
    }

    #[test]
    fn chunks_with_own_sequence_numbers_are_reordered() {
        let (now, mut receiver) =
            (Instant::now(), ClassroomFrameReceiver::new(Duration::from_millis(50), FrameRate::CLASSROOM));
        let jpeg = jpeg(4_000);
        let mut datagrams: Vec<_> = (0..20)
            .map(|index| {
                packet(65_530u16.wrapping_add(index), jpeg.chunks(1_400).nth(usize::from(index) % 3).unwrap())
            })
            .collect();
        datagrams.truncate(18);
        datagrams.swap(7, 8);
        datagrams.swap(11, 13);
        assert_eq!(receive(&mut receiver, now, &datagrams), [1, 2, 3, 4, 5, 6]);
        let snapshot = snapshot(&mut receiver, now);
        assert_eq!((snapshot.packets_expected, snapshot.packets_lost), (18, 0));
        assert_eq!(snapshot.packets_duplicated, 0);
    }

    #[test]
    fn frame_numbers_start_at_one() {
        let (now, mut receiver) =
            (Instant::now(), ClassroomFrameReceiver::new(Duration::ZERO, FrameRate::CLASSROOM));
        let from_zero = [0, 1].map(|number| packet(number, &jpeg(100)));
        assert_eq!(receive(&mut receiver, now, &from_zero), [1, 2]);
        let mut receiver = ClassroomFrameReceiver::new(Duration::ZERO, FrameRate::CLASSROOM);
        assert_eq!(receive(&mut receiver, now, &[packet(3, &jpeg(100))]), [3], "frames 1 and 2 were lost");
        let mut receiver = ClassroomFrameReceiver::new(Duration::ZERO, FrameRate::CLASSROOM);
        assert_eq!(receive(&mut receiver, now, &[packet(30_000, &jpeg(100))]), [1]);
    }
}
