//! PURE. From datagrams to pictures: parse, count, put in order, put together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::reorder::Reorder;
use super::source::{Arrived, Heard, Source};
use crate::media::jpeg::Dimensions;
use crate::media::payload::{Assembled, Depacketizer, Frame, begins_frame};
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{Packet, extend_timestamp};
use crate::stats::{Arrival, Fate, Jitter, Meter, Reception, Sent, Snapshot, Steps, Strip};

/// A picture that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// From SOI to EOI.
    pub jpeg: Bytes,
    /// Its timestamp, extended so that it never wraps.
    pub timestamp: i64,
    /// When it was whole.
    pub arrival: Instant,
}

/// When so many pictures cannot be shown and none can, it is no accident.
pub(super) const ENOUGH_TO_JUDGE: u64 = 25;

/// The receiving end of one RTP stream.
#[derive(Debug)]
pub struct Receiver {
    payload_type: u8,
    /// Octets of headers around each RTP packet.
    headers: usize,
    source: Source,
    reception: Reception,
    reorder: Reorder,
    depacketizer: Depacketizer,
    /// The last timestamp of a whole frame, extended.
    frame_timestamp: Option<i64>,
    /// The highest timestamp of any packet, extended.
    highest_timestamp: Option<i64>,
    last_packet: Option<Instant>,
    frames: VecDeque<ReceivedFrame>,
    payload: Meter,
    wire: Meter,
    frame_meter: Meter,
    /// Of the first packets of frames.
    frame_jitter: Jitter,
    steps: Steps,
    strip: Strip,
    counts: Counts,
    /// What is wrong with the last picture that cannot be understood.
    flaw: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    payload_octets: u64,
    wire_octets: u64,
    late: u64,
    complete: u64,
    incomplete: u64,
    unusable: u64,
    headers_reduced: u64,
}

impl Receiver {
    /// A receiver of a stream with this payload type, from this source and of this size, if they were said. Each packet
    /// has come with so many octets of headers around it. A gap is waited for as long as `patience`.
    pub fn new(
        payload_type: u8,
        ssrc: Option<u32>,
        dimensions: Option<Dimensions>,
        headers: usize,
        patience: Duration,
    ) -> Self {
        Self {
            payload_type,
            headers,
            source: Source::new(ssrc),
            reception: Reception::default(),
            reorder: Reorder::new(patience),
            depacketizer: Depacketizer::new(dimensions),
            frame_timestamp: None,
            highest_timestamp: None,
            last_packet: None,
            frames: VecDeque::new(),
            payload: Meter::default(),
            wire: Meter::default(),
            frame_meter: Meter::default(),
            frame_jitter: Jitter::default(),
            steps: Steps::default(),
            strip: Strip::default(),
            counts: Counts::default(),
            flaw: None,
        }
    }

    /// A PLAY was answered: packets come from now on, the first with this sequence number if that was said.
    pub fn start(&mut self, sequence: Option<u16>) {
        self.source.begin();
        self.stop();
        // What was sent before, and comes only now, is counted but belongs to no frame any more.
        let before = self.reception.highest();
        let first = sequence.map(|sequence| self.reception.expect(sequence));
        self.reorder.restart_at(first);
        if first.zip(before).is_some_and(|(first, before)| first <= before) {
            self.strip.clear();
        }
    }

    /// Nothing is to come any more. A frame that has begun is forgotten, and is not incomplete.
    pub fn stop(&mut self) {
        self.depacketizer.abandon_frame();
        self.reorder.restart_at(None);
        self.frames.clear();
        self.last_packet = None;
        self.frame_jitter.interrupt();
        self.steps.interrupt();
    }

    /// The stream has ended by itself: of a frame that has begun, the rest is lost.
    pub fn finish(&mut self) {
        self.depacketizer.finish();
        while let Some(assembled) = self.depacketizer.next_assembled() {
            self.counts.incomplete += u64::from(assembled == Assembled::Incomplete);
        }
        self.stop();
    }

    /// Sets how long a gap is waited for.
    pub fn set_patience(&mut self, patience: Duration) {
        self.reorder.set_patience(patience);
    }

    /// A datagram, or the content of an interleaved frame, has come; its timestamp, extended. There is none if it is not
    /// of this stream, and passed over.
    pub fn packet(&mut self, now: Instant, octets: Bytes) -> Option<i64> {
        let length = octets.len();
        let packet = match Packet::parse(octets) {
            Ok(packet) => packet,
            Err(error) => {
                tracing::debug!(%error, "a packet is passed over");
                return None;
            }
        };
        let header = packet.header;
        if header.payload_type != self.payload_type {
            tracing::debug!(?header, "a packet of another stream is passed over");
            return None;
        }
        let heard_before = self.source.current();
        match self.source.hear(Arrived { at: now, octets: length, packet }) {
            Heard::Ours(arrived) => Some(self.take_arrived(arrived)),
            Heard::Strange => {
                tracing::debug!(?header, "a packet of another source is passed over");
                None
            }
            Heard::Instead(packets) => {
                if let (Some(_), Some(first)) = (heard_before, packets.first()) {
                    self.begin_count_at(first.packet.header.sequence);
                }
                // All of them are taken, and the first tells where they are.
                packets.into_iter().map(|arrived| self.take_arrived(arrived)).reduce(|first, _| first)
            }
        }
    }

    /// The numbers of the source that was listened to mean nothing any more (RFC 3550 §8.2).
    fn begin_count_at(&mut self, sequence: u16) {
        self.depacketizer.abandon_frame();
        let first = self.reception.begin_at(sequence);
        self.reorder.restart_at(Some(first));
        self.strip.clear();
    }

    fn take_arrived(&mut self, Arrived { at: now, octets, packet }: Arrived) -> i64 {
        let header = packet.header;
        let reference = self.highest_timestamp.unwrap_or(i64::from(header.timestamp));
        let timestamp = extend_timestamp(reference, header.timestamp);
        // A server may begin its timestamps anew at each PLAY.
        let is_first = self.last_packet.replace(now).is_none();
        self.highest_timestamp = Some(if is_first { timestamp } else { timestamp.max(reference) });
        self.count_wire(now, octets);
        match self.reception.packet(now, &header) {
            Arrival::New(sequence) => self.put_in_order(now, sequence, timestamp, packet, Fate::Received),
            Arrival::Reordered(sequence) => {
                self.put_in_order(now, sequence, timestamp, packet, Fate::Reordered);
            }
            Arrival::Restarted(sequence) => {
                self.reorder.restart_at(Some(sequence));
                self.strip.clear();
                self.put_in_order(now, sequence, timestamp, packet, Fate::Received);
            }
            Arrival::Duplicate(sequence) => self.strip.duplicated(sequence),
            Arrival::Stale => {}
        }
        self.release(now);
        timestamp
    }

    fn put_in_order(&mut self, now: Instant, sequence: i64, timestamp: i64, packet: Packet, fate: Fate) {
        let header = packet.header;
        self.count_payload(now, packet.payload.len());
        if begins_frame(&packet) {
            self.frame_jitter.packet(now, header.timestamp, true);
        }
        self.steps.packet(timestamp);
        let is_in_time = self.reorder.push(now, sequence, packet);
        self.counts.late += u64::from(!is_in_time);
        let fate = if is_in_time { fate } else { Fate::Late };
        self.strip.received(sequence, timestamp, header.marker, fate);
    }

    /// Everything that comes is carried, whether it is of use or not.
    fn count_wire(&mut self, now: Instant, packet: usize) {
        let octets = (packet + self.headers) as u64;
        self.wire.add(now, octets);
        self.counts.wire_octets += octets;
    }

    fn count_payload(&mut self, now: Instant, octets: usize) {
        self.payload.add(now, octets as u64);
        self.counts.payload_octets += octets as u64;
    }

    /// Time has passed: gaps may have been waited for long enough.
    pub fn timeout(&mut self, now: Instant) {
        self.release(now);
    }

    /// When [`Receiver::timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.reorder.deadline()
    }

    fn release(&mut self, now: Instant) {
        while let Some(packet) = self.reorder.pop(now) {
            self.depacketizer.push(&packet);
            while let Some(assembled) = self.depacketizer.next_assembled() {
                self.take(now, assembled);
            }
        }
    }

    fn take(&mut self, now: Instant, assembled: Assembled) {
        match assembled {
            Assembled::Whole(Frame { jpeg, timestamp, headers_reduced }) => {
                let timestamp = self.frame_timestamp.map_or(
                    extend_timestamp(self.highest_timestamp.unwrap_or_default(), timestamp),
                    |last| extend_timestamp(last, timestamp),
                );
                self.frame_timestamp = Some(timestamp);
                self.counts.complete += 1;
                self.counts.headers_reduced += u64::from(headers_reduced);
                self.frame_meter.add(now, 1);
                self.frames.push_back(ReceivedFrame { jpeg, timestamp, arrival: now });
            }
            Assembled::Incomplete => self.counts.incomplete += 1,
            Assembled::Unusable(why) => {
                tracing::debug!(why, "a picture cannot be understood");
                self.counts.unusable += 1;
                self.flaw = Some(why);
            }
        }
    }

    /// The next picture.
    pub fn next_frame(&mut self) -> Option<ReceivedFrame> {
        self.frames.pop_front()
    }

    /// Why not one picture can be understood, once that is certain.
    pub fn flaw(&self) -> Option<&'static str> {
        self.flaw.filter(|_| self.counts.complete == 0 && self.counts.unusable >= ENOUGH_TO_JUDGE)
    }

    /// Whether no packet waits for one before it.
    pub fn is_in_order(&self) -> bool {
        self.reorder.is_empty()
    }

    /// Whether all that came has been dealt with.
    pub fn is_idle(&self) -> bool {
        self.reorder.is_empty() && !self.depacketizer.is_mid_frame()
    }

    /// The highest timestamp of any packet since the PLAY, extended.
    pub fn highest_timestamp(&self) -> Option<i64> {
        self.highest_timestamp
    }

    /// When the last packet came since the PLAY.
    pub fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }

    /// The source that is listened to.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.current()
    }

    /// What a receiver report says of the source; `None` before anything was heard of it.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let ssrc = self.source.current()?;
        Some(self.reception.report(ssrc))
    }

    /// Adds what is known here to the figures; of all that was sent, if that is known.
    pub fn add_to(&mut self, now: Instant, sent: Option<Sent>, snapshot: &mut Snapshot) {
        self.reception.add_to(snapshot, sent);
        if let Some(figures) = self.frame_jitter.figures() {
            snapshot.frame_jitter_ms = Some(figures.now);
            snapshot.frame_jitter_mean_ms = Some(figures.mean);
            snapshot.frame_jitter_max_ms = Some(figures.max);
        }
        snapshot.packets_late = self.counts.late;
        snapshot.bits_per_second = self.payload.per_second(now) * 8.0;
        snapshot.wire_bits_per_second = self.wire.per_second(now) * 8.0;
        snapshot.payload_octets = self.counts.payload_octets;
        snapshot.wire_octets = self.counts.wire_octets;
        snapshot.frames_complete = self.counts.complete;
        snapshot.frames_incomplete = self.counts.incomplete;
        snapshot.frames_unusable = self.counts.unusable;
        snapshot.headers_reduced = self.counts.headers_reduced;
        snapshot.frames_per_second_sent = self.steps.per_second();
        snapshot.frames_per_second = self.frame_meter.per_second(now);
    }

    /// The last packets, each by its fate.
    pub fn strip(&self) -> &Strip {
        &self.strip
    }
}
