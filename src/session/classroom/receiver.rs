//! PURE. From a classroom server's datagrams to numbered pictures: read, count, put in order, put together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::media::FrameRate;
use crate::media::payload::{AssembledFrame, ClassroomDatagram, ClassroomDepacketizer, ClassroomVariant};
use crate::proto::rtp::{CLOCK_RATE, Header, Packet, extend_sequence};
use crate::session::pipeline::FrameReceiver;
use crate::session::present::frame::Frame;
use crate::session::rtp::reorder_buffer::ReorderBuffer;
use crate::stats::{Arrival, Fate, PacketLog, ReceiveStats, RtpReceiver, Snapshot};

/// The receiving end of a classroom server's stream.
#[derive(Debug)]
pub struct ClassroomFrameReceiver {
    depacketizer: ClassroomDepacketizer,
    /// Counts sequence numbers, whatever they number.
    rtp_receiver: RtpReceiver,
    reorder_buffer: ReorderBuffer,
    /// The sequence number that was counted last, and the same so that it never wraps.
    last_counted: Option<(u16, i64)>,
    /// The sequence number of the film's first frame, where sequence numbers are those of frames.
    first_sequence: Option<i64>,
    last_datagram: Option<Instant>,
    last_frame_number: Option<u64>,
    frames: VecDeque<Frame>,
    /// Frames per second, for timestamps.
    frame_rate: FrameRate,
    /// What is timed are pictures, against the times at which they are to be sent.
    receive_stats: ReceiveStats,
    packet_log: PacketLog,
}

/// The headers of UDP and IPv4, which is all that these servers know.
const IP_UDP_HEADER_LENGTH: usize = 8 + 20;

/// Frames that may be lost before the first one that comes; a higher number is where a server begins to count.
const MAX_INITIAL_LOSS: i64 = 100;

impl ClassroomFrameReceiver {
    /// A receiver that waits for a gap as long as `patience`.
    pub fn new(reorder_timeout: Duration, frame_rate: FrameRate) -> Self {
        Self {
            depacketizer: ClassroomDepacketizer::default(),
            rtp_receiver: RtpReceiver::default(),
            reorder_buffer: ReorderBuffer::new(reorder_timeout),
            last_counted: None,
            first_sequence: None,
            last_datagram: None,
            last_frame_number: None,
            frames: VecDeque::new(),
            frame_rate,
            receive_stats: ReceiveStats::new(IP_UDP_HEADER_LENGTH),
            packet_log: PacketLog::default(),
        }
    }

    /// Sets the frame rate that the server states, for frames that come from now on.
    pub fn set_frame_rate(&mut self, frame_rate: FrameRate) {
        self.frame_rate = frame_rate;
    }

    /// It goes on after a pause, which is not on the clock of the stream.
    pub fn resume(&mut self) {
        self.receive_stats.mark_discontinuity();
    }

    /// The film is over: of a picture that has begun, the rest is lost.
    pub fn finish(&mut self, now: Instant) {
        self.depacketizer.finish();
        self.collect_frames(now);
        self.stop();
    }

    /// A datagram has come. Where it was sent from does not matter: after a pause it is another port.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &Bytes) {
        let Some(datagram) = self.depacketizer.classify(bytes) else {
            return tracing::debug!(
                bytes = bytes.len(),
                "a datagram that belongs to no picture is passed over"
            );
        };
        self.last_datagram = Some(now);
        self.receive_stats.record_packet(now, bytes.len());
        match datagram {
            ClassroomDatagram::Packet { header, payload } if !self.is_counted(&header, &payload) => {
                self.count_packet(now, header, payload);
            }
            ClassroomDatagram::Packet { ref payload, .. } | ClassroomDatagram::Slice(ref payload) => {
                self.receive_stats.payload(now, payload.len());
                self.depacketizer.push(&datagram);
                self.collect_frames(now);
            }
        }
        self.release(now);
    }

    /// Whether a packet is one more of a frame whose number has been counted.
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
        let (sequence, fate) = match self.rtp_receiver.handle_packet(now, &header) {
            Arrival::New(sequence) => (sequence, Fate::Received),
            Arrival::Reordered(sequence) => (sequence, Fate::Reordered),
            Arrival::Restarted { .. } => return self.restart_count(now, header, payload),
            Arrival::Duplicate(sequence) => return self.packet_log.record_duplicate(sequence),
            Arrival::OutOfRange => return,
        };
        self.receive_stats.payload(now, payload.len());
        if self.last_counted.is_none_or(|(_, highest)| highest < sequence) {
            self.last_counted = Some((header.sequence, sequence));
        }
        self.first_sequence.get_or_insert(if (0..=MAX_INITIAL_LOSS).contains(&sequence) {
            sequence.min(1)
        } else {
            sequence
        });
        let numbers_packets = matches!(
            self.depacketizer.variant(),
            Some(ClassroomVariant::WholeFrame | ClassroomVariant::ChunksByPacket)
        );
        let (timestamp, ends_frame) = match self.depacketizer.variant() {
            Some(ClassroomVariant::ChunksByPacket) => (i64::from(header.timestamp), header.marker),
            // The numbers are those of frames.
            _ => (sequence, true),
        };
        if numbers_packets {
            let is_in_time =
                self.reorder_buffer.push(now, sequence, Packet { header, extension: None, payload });
            if !is_in_time {
                self.receive_stats.record_late_packet();
            }
            let fate = if is_in_time { fate } else { Fate::Late };
            self.packet_log.record_received(sequence, timestamp, ends_frame, fate);
        } else {
            self.packet_log.record_received(sequence, timestamp, ends_frame, fate);
            self.depacketizer.push(&ClassroomDatagram::Packet { header, payload });
            self.collect_frames(now);
            self.reorder_buffer.restart_at(Some(sequence + 1));
        }
    }

    /// What came of the new count before it was recognised belongs to pictures that have begun without it.
    fn restart_count(&mut self, now: Instant, header: Header, payload: Bytes) {
        let sequence = self.rtp_receiver.init_seq(now, header.sequence);
        self.reorder_buffer.restart_at(Some(sequence));
        self.packet_log.clear();
        self.first_sequence = None;
        self.count_packet(now, header, payload);
    }

    fn release(&mut self, now: Instant) {
        while let Some(Packet { header, payload, .. }) = self.reorder_buffer.pop(now) {
            self.depacketizer.push(&ClassroomDatagram::Packet { header, payload });
            self.collect_frames(now);
        }
    }

    fn collect_frames(&mut self, now: Instant) {
        while let Some(assembled) = self.depacketizer.poll_frame() {
            let AssembledFrame { jpeg, missing, sequence, .. } = assembled;
            let frame_number = match missing.is_empty() {
                true => self.count_complete_frame(now, sequence),
                false => {
                    self.receive_stats.record_incomplete_frame();
                    self.frame_number(sequence)
                }
            };
            let timestamp = frame_timestamp(self.frame_rate, frame_number);
            self.frames.push_back(Frame { jpeg, missing, timestamp, arrival: now });
        }
    }

    /// Counts a complete frame; returns its number. Timestamps of these servers are no clock, but those that are made
    /// from frame numbers are one, so jitter is measured against them.
    fn count_complete_frame(&mut self, now: Instant, sequence: u16) -> u64 {
        self.receive_stats.record_complete_frame(now);
        let frame_number = self.frame_number(sequence);
        self.last_frame_number = Some(frame_number);
        self.receive_stats.record_timestamp(now, frame_timestamp(self.frame_rate, frame_number), true);
        frame_number
    }

    /// The number of the frame whose first packet has this sequence number.
    fn frame_number(&self, sequence: u16) -> u64 {
        let frames_seen = self.receive_stats.frames_total();
        if self.depacketizer.variant() == Some(ClassroomVariant::ChunksByPacket) {
            return frames_seen;
        }
        let (Some((_, highest)), Some(first)) = (self.last_counted, self.first_sequence) else {
            return frames_seen;
        };
        u64::try_from(extend_sequence(highest, sequence) - first).map_or(frames_seen, |index| index + 1)
    }

    /// The number of the last picture that was whole.
    pub fn last_frame_number(&self) -> Option<u64> {
        self.last_frame_number
    }

    /// Adds what is known here to the figures. There is no jitter of packets to tell.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.rtp_receiver.add_to(snapshot, None);
        (snapshot.jitter_ms, snapshot.jitter_mean_ms, snapshot.jitter_max_ms) = (None, None, None);
        self.receive_stats.add_to(now, snapshot);
    }
}

/// Timestamp of a frame in ticks of 90 kHz. Numbers count from 1, timestamps from 0.
fn frame_timestamp(frame_rate: FrameRate, frame_number: u64) -> i64 {
    let micros = frame_rate.npt_of(frame_number.saturating_sub(1)).as_micros();
    i64::try_from(u128::from(micros) * u128::from(CLOCK_RATE) / 1_000_000).unwrap_or(i64::MAX)
}

impl FrameReceiver for ClassroomFrameReceiver {
    fn handle_timeout(&mut self, now: Instant) {
        self.release(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.reorder_buffer.poll_timeout()
    }

    fn poll_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    fn set_reorder_timeout(&mut self, wait: Duration) {
        self.reorder_buffer.set_timeout(wait);
    }

    fn stop(&mut self) {
        self.depacketizer.discard_frame();
        self.reorder_buffer.restart_at(None);
        self.frames.clear();
        self.receive_stats.mark_discontinuity();
    }

    fn last_packet(&self) -> Option<Instant> {
        self.last_datagram
    }

    fn packet_log(&self) -> &PacketLog {
        &self.packet_log
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
        // 20 frames a second are 4,500 ticks apart.
        frames.map(|frame| frame.timestamp as u64 / 4_500 + 1).collect()
    }

    #[test]
    fn single_datagram_frames_are_reordered_and_counted() {
        let (now, timeout) = (Instant::now(), Duration::from_millis(50));
        let mut receiver = ClassroomFrameReceiver::new(timeout, FrameRate::CLASSROOM);
        let datagrams = [1, 2, 4, 3, 3, 6].map(|number| packet(number, &jpeg(100)));
        assert_eq!(receive(&mut receiver, now, &datagrams), [1, 2, 3, 4]);
        receiver.handle_timeout(now + timeout);
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
        assert_eq!(receive(&mut receiver, now, &[packet(3, &jpeg(100))]), [3], "two were lost");
        let mut receiver = ClassroomFrameReceiver::new(Duration::ZERO, FrameRate::CLASSROOM);
        assert_eq!(receive(&mut receiver, now, &[packet(30_000, &jpeg(100))]), [1]);
    }
}
