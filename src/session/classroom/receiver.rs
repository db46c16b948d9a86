//! PURE. From a classroom server's datagrams to numbered pictures: read, count, put in order, put together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::media::FrameRate;
use crate::media::payload::{AssembledFrame, ClassroomDepacketizer, ClassroomPiece, ClassroomVariant};
use crate::proto::rtp::{CLOCK_RATE, Header, Packet, extend_sequence};
use crate::session::pipeline::FrameReceiver;
use crate::session::present::frame::Frame;
use crate::session::rtp::reorder::Reorder;
use crate::stats::{Arrival, Fate, Intake, Reception, Snapshot, Strip};

/// The receiving end of a classroom server's stream.
#[derive(Debug)]
pub struct Receiver {
    depacketizer: ClassroomDepacketizer,
    /// Counts sequence numbers, whatever they number.
    reception: Reception,
    reorder: Reorder,
    /// The sequence number that was counted last, and the same so that it never wraps.
    counted: Option<(u16, i64)>,
    /// The sequence number of the film's first frame, where sequence numbers are those of frames.
    first: Option<i64>,
    last_datagram: Option<Instant>,
    last_number: Option<u64>,
    frames: VecDeque<Frame>,
    /// Frames per second, for timestamps.
    rate: FrameRate,
    /// What is timed are pictures, against the times at which they are to be sent.
    intake: Intake,
    strip: Strip,
}

/// The headers of UDP and IPv4, which is all that these servers know.
const HEADERS: usize = 8 + 20;

/// Frames that may be lost before the first one that comes; a higher number is where a server begins to count.
const MOST_LOST_AT_FIRST: i64 = 100;

impl Receiver {
    /// A receiver that waits for a gap as long as `patience`.
    pub fn new(patience: Duration, rate: FrameRate) -> Self {
        Self {
            depacketizer: ClassroomDepacketizer::default(),
            reception: Reception::default(),
            reorder: Reorder::new(patience),
            counted: None,
            first: None,
            last_datagram: None,
            last_number: None,
            frames: VecDeque::new(),
            rate,
            intake: Intake::new(HEADERS),
            strip: Strip::default(),
        }
    }

    /// Sets the frame rate that the server states, for frames that come from now on.
    pub fn set_rate(&mut self, rate: FrameRate) {
        self.rate = rate;
    }

    /// It goes on after a pause, which is not on the clock of the stream.
    pub fn go_on(&mut self) {
        self.intake.interrupt();
    }

    /// The film is over: of a picture that has begun, the rest is lost.
    pub fn finish(&mut self, now: Instant) {
        self.depacketizer.finish();
        self.collect(now);
        self.stop();
    }

    /// A datagram has come. Where it was sent from does not matter: after a pause it is another port.
    pub fn datagram(&mut self, now: Instant, octets: &Bytes) {
        let Some(piece) = self.depacketizer.read(octets) else {
            return tracing::debug!(
                octets = octets.len(),
                "a datagram that belongs to no picture is passed over"
            );
        };
        self.last_datagram = Some(now);
        self.intake.packet(now, octets.len());
        match piece {
            ClassroomPiece::Packet { header, payload } if !self.is_counted(&header, &payload) => {
                self.count_packet(now, header, payload);
            }
            ClassroomPiece::Packet { ref payload, .. } | ClassroomPiece::Slice(ref payload) => {
                self.intake.payload(now, payload.len());
                self.depacketizer.push(&piece);
                self.collect(now);
            }
        }
        self.release(now);
    }

    /// Whether a packet is one more of a frame whose number has been counted.
    fn is_counted(&self, header: &Header, payload: &[u8]) -> bool {
        let Some((counted, _)) = self.counted.filter(|_| !ClassroomDepacketizer::begins(payload)) else {
            return false;
        };
        match self.depacketizer.variant() {
            Some(ClassroomVariant::ChunksByFrame | ClassroomVariant::Framed) => {
                counted.wrapping_sub(header.sequence) as i16 >= 0
            }
            Some(ClassroomVariant::ChunksByPacket | ClassroomVariant::Sliced) => false,
            Some(ClassroomVariant::Whole) | None => counted == header.sequence,
        }
    }

    fn count_packet(&mut self, now: Instant, header: Header, payload: Bytes) {
        let (sequence, fate) = match self.reception.packet(now, &header) {
            Arrival::New(sequence) => (sequence, Fate::Received),
            Arrival::Reordered(sequence) => (sequence, Fate::Reordered),
            Arrival::Restarted { .. } => return self.begin_count_with(now, header, payload),
            Arrival::Duplicate(sequence) => return self.strip.duplicated(sequence),
            Arrival::Stray => return,
        };
        self.intake.payload(now, payload.len());
        if self.counted.is_none_or(|(_, highest)| highest < sequence) {
            self.counted = Some((header.sequence, sequence));
        }
        self.first.get_or_insert(if (0..=MOST_LOST_AT_FIRST).contains(&sequence) {
            sequence.min(1)
        } else {
            sequence
        });
        let numbers_packets = matches!(
            self.depacketizer.variant(),
            Some(ClassroomVariant::Whole | ClassroomVariant::ChunksByPacket)
        );
        let (timestamp, ends_frame) = match self.depacketizer.variant() {
            Some(ClassroomVariant::ChunksByPacket) => (i64::from(header.timestamp), header.marker),
            // The numbers are those of frames.
            _ => (sequence, true),
        };
        if numbers_packets {
            let is_in_time = self.reorder.push(now, sequence, Packet { header, extension: None, payload });
            if !is_in_time {
                self.intake.packet_late();
            }
            let fate = if is_in_time { fate } else { Fate::Late };
            self.strip.received(sequence, timestamp, ends_frame, fate);
        } else {
            self.strip.received(sequence, timestamp, ends_frame, fate);
            self.depacketizer.push(&ClassroomPiece::Packet { header, payload });
            self.collect(now);
            self.reorder.restart_at(Some(sequence + 1));
        }
    }

    /// What came of the new count before it was recognised belongs to pictures that have begun without it.
    fn begin_count_with(&mut self, now: Instant, header: Header, payload: Bytes) {
        let sequence = self.reception.begin_at(now, header.sequence);
        self.reorder.restart_at(Some(sequence));
        self.strip.clear();
        self.first = None;
        self.count_packet(now, header, payload);
    }

    fn release(&mut self, now: Instant) {
        while let Some(Packet { header, payload, .. }) = self.reorder.pop(now) {
            self.depacketizer.push(&ClassroomPiece::Packet { header, payload });
            self.collect(now);
        }
    }

    fn collect(&mut self, now: Instant) {
        while let Some(assembled) = self.depacketizer.poll_frame() {
            let AssembledFrame { jpeg, missing, sequence, .. } = assembled;
            let number = match missing.is_empty() {
                true => self.count_complete(now, sequence),
                false => {
                    self.intake.frame_incomplete();
                    self.number(sequence)
                }
            };
            let timestamp = ticks(self.rate, number);
            self.frames.push_back(Frame { jpeg, missing, timestamp, arrival: now });
        }
    }

    /// Counts a complete frame; returns its number. Timestamps of these servers are no clock, but those that are made
    /// from frame numbers are one, so jitter is measured against them.
    fn count_complete(&mut self, now: Instant, sequence: u16) -> u64 {
        self.intake.frame_complete(now);
        let number = self.number(sequence);
        self.last_number = Some(number);
        self.intake.timed(now, ticks(self.rate, number), true);
        number
    }

    /// The number of the frame whose first packet has this sequence number.
    fn number(&self, sequence: u16) -> u64 {
        let seen = self.intake.frames_seen();
        if self.depacketizer.variant() == Some(ClassroomVariant::ChunksByPacket) {
            return seen;
        }
        let (Some((_, highest)), Some(first)) = (self.counted, self.first) else { return seen };
        u64::try_from(extend_sequence(highest, sequence) - first).map_or(seen, |index| index + 1)
    }

    /// The number of the last picture that was whole.
    pub fn last_number(&self) -> Option<u64> {
        self.last_number
    }

    /// Adds what is known here to the figures. There is no jitter of packets to tell.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.reception.add_to(snapshot, None);
        (snapshot.jitter_ms, snapshot.jitter_mean_ms, snapshot.jitter_max_ms) = (None, None, None);
        self.intake.add_to(now, snapshot);
    }
}

/// Timestamp of a frame in ticks of 90 kHz. Numbers count from 1, timestamps from 0.
fn ticks(rate: FrameRate, number: u64) -> i64 {
    let micros = rate.npt_of(number.saturating_sub(1)).as_micros();
    i64::try_from(u128::from(micros) * u128::from(CLOCK_RATE) / 1_000_000).unwrap_or(i64::MAX)
}

impl FrameReceiver for Receiver {
    fn handle_timeout(&mut self, now: Instant) {
        self.release(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.reorder.deadline()
    }

    fn poll_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    fn set_reorder_wait(&mut self, wait: Duration) {
        self.reorder.set_patience(wait);
    }

    fn stop(&mut self) {
        self.depacketizer.abandon_picture();
        self.reorder.restart_at(None);
        self.frames.clear();
        self.intake.interrupt();
    }

    fn last_packet(&self) -> Option<Instant> {
        self.last_datagram
    }

    fn packet_log(&self) -> &Strip {
        &self.strip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(length: usize) -> Vec<u8> {
        let head = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2];
        [&head[..], &vec![5; length], &[0xFF, 0xD9]].concat()
    }

    fn packet(sequence: u16, payload: &[u8]) -> Bytes {
        let [high, low] = sequence.to_be_bytes();
        [&[0x80, 26, high, low, 0, 0, 0, 0, 0, 0, 0, 0], payload].concat().into()
    }

    fn figures(receiver: &mut Receiver, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, &mut snapshot);
        snapshot
    }

    fn receive(receiver: &mut Receiver, now: Instant, datagrams: &[Bytes]) -> Vec<u64> {
        datagrams.iter().for_each(|datagram| receiver.datagram(now, datagram));
        let frames = std::iter::from_fn(|| receiver.poll_frame()).filter(Frame::is_complete);
        // 20 frames a second are 4,500 ticks apart.
        frames.map(|frame| frame.timestamp as u64 / 4_500 + 1).collect()
    }

    #[test]
    fn a_picture_a_datagram_is_put_in_order_and_counted() {
        let (now, patience) = (Instant::now(), Duration::from_millis(50));
        let mut receiver = Receiver::new(patience, FrameRate::CLASSROOM);
        let datagrams = [1, 2, 4, 3, 3, 6].map(|number| packet(number, &picture(100)));
        assert_eq!(receive(&mut receiver, now, &datagrams), [1, 2, 3, 4]);
        receiver.handle_timeout(now + patience);
        assert_eq!(receive(&mut receiver, now + patience, &[packet(7, &picture(100))]), [6, 7]);
        let snapshot = figures(&mut receiver, now);
        assert_eq!((snapshot.packets_expected, snapshot.packets_lost), (7, 1));
        assert_eq!((snapshot.packets_duplicated, snapshot.packets_reordered), (1, 1));
        assert_eq!((snapshot.frames_complete, snapshot.jitter_ms), (6, None));
    }

    #[test]
    fn chunks_that_share_a_number_are_no_duplicates() {
        let (now, mut receiver) = (Instant::now(), Receiver::new(Duration::ZERO, FrameRate::CLASSROOM));
        for number in [1, 2, 4, 5] {
            let jpeg = picture(5_000);
            let chunks: Vec<_> = jpeg.chunks(1_400).map(|chunk| packet(number, chunk)).collect();
            assert_eq!(receive(&mut receiver, now, &chunks), [u64::from(number)]);
        }
        let snapshot = figures(&mut receiver, now);
        assert_eq!((snapshot.packets_expected, snapshot.packets_received), (5, 4));
        assert_eq!((snapshot.packets_lost, snapshot.packets_duplicated), (1, 0));
        assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (4, 0));
    }

    #[test]
    fn chunks_with_numbers_of_their_own_are_put_in_order() {
        let (now, mut receiver) =
            (Instant::now(), Receiver::new(Duration::from_millis(50), FrameRate::CLASSROOM));
        let jpeg = picture(4_000);
        let mut datagrams: Vec<_> = (0..20)
            .map(|index| {
                packet(65_530u16.wrapping_add(index), jpeg.chunks(1_400).nth(usize::from(index) % 3).unwrap())
            })
            .collect();
        datagrams.truncate(18);
        datagrams.swap(7, 8);
        datagrams.swap(11, 13);
        assert_eq!(receive(&mut receiver, now, &datagrams), [1, 2, 3, 4, 5, 6]);
        let snapshot = figures(&mut receiver, now);
        assert_eq!((snapshot.packets_expected, snapshot.packets_lost), (18, 0));
        assert_eq!(snapshot.packets_duplicated, 0);
    }

    #[test]
    fn frames_that_are_counted_from_zero_begin_at_one() {
        let (now, mut receiver) = (Instant::now(), Receiver::new(Duration::ZERO, FrameRate::CLASSROOM));
        let from_zero = [0, 1].map(|number| packet(number, &picture(100)));
        assert_eq!(receive(&mut receiver, now, &from_zero), [1, 2]);
        let mut receiver = Receiver::new(Duration::ZERO, FrameRate::CLASSROOM);
        assert_eq!(receive(&mut receiver, now, &[packet(3, &picture(100))]), [3], "two were lost");
        let mut receiver = Receiver::new(Duration::ZERO, FrameRate::CLASSROOM);
        assert_eq!(receive(&mut receiver, now, &[packet(30_000, &picture(100))]), [1]);
    }
}
