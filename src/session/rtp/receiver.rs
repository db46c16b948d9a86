//! PURE. From datagrams to pictures: parse, count, put in order, put together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::reorder::Reorder;
use super::rtp_info::FirstPacket;
use super::ssrc_filter::{Arrived, Heard, Source};
use crate::media::jpeg::Dimensions;
use crate::media::payload::{Assembled, AssembledFrame, Depacketizer, begins_frame};
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{Packet, extend_timestamp};
use crate::session::pipeline::FrameReceiver;
use crate::session::present::frame::Frame;
use crate::stats::{Arrival, Fate, Intake, Reception, Sent, Snapshot, Strip};

/// What may come yet of the PLAY before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Former {
    /// Nothing, as far as is known.
    None,
    /// Packets that belong to no frame any more: the film goes on elsewhere, with the packet of this number, extended.
    Left { first: i64 },
    /// Packets whose frames are shown: the film goes on with the packet of this number. A frame that PAUSE has cut ends
    /// before it.
    Continued { at: u16 },
}

/// Packets without progress that are kept. Among those that count anew there may be some that were of use.
const MOST_ASTRAY: usize = 256;

/// When so many pictures cannot be shown and none can, it is no accident.
pub const ENOUGH_TO_JUDGE: u64 = 25;

/// The receiving end of one RTP stream.
#[derive(Debug)]
pub struct Receiver {
    payload_type: u8,
    source: Source,
    /// What was announced, until a packet has come that can be held against it.
    announced: Option<FirstPacket>,
    reception: Reception,
    /// The last packets that were no progress: they may be the first of a new count. Of those that were of use
    /// nevertheless, only the place.
    astray: VecDeque<Option<Arrived>>,
    reorder: Reorder,
    depacketizer: Depacketizer,
    /// The last timestamp of a whole frame, extended.
    frame_timestamp: Option<i64>,
    /// The highest timestamp of any packet, extended.
    highest_timestamp: Option<i64>,
    last_packet: Option<Instant>,
    former: Former,
    /// A packet of use has come since the PLAY.
    has_begun: bool,
    frames: VecDeque<Frame>,
    intake: Intake,
    strip: Strip,
    frames_unusable: u64,
    headers_reduced: u64,
    /// What is wrong with the last picture that cannot be understood.
    flaw: Option<&'static str>,
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
            source: Source::new(ssrc),
            announced: None,
            reception: Reception::default(),
            astray: VecDeque::new(),
            reorder: Reorder::new(patience),
            depacketizer: Depacketizer::new(dimensions),
            frame_timestamp: None,
            highest_timestamp: None,
            last_packet: None,
            former: Former::None,
            has_begun: false,
            frames: VecDeque::new(),
            intake: Intake::new(headers),
            strip: Strip::default(),
            frames_unusable: 0,
            headers_reduced: 0,
            flaw: None,
        }
    }

    /// A PLAY was answered that goes on where PAUSE left it: what was sent before it comes before it.
    pub fn go_on(&mut self, announced: FirstPacket) {
        let last = announced.rtptime.zip(self.highest_timestamp);
        // One whose timestamps begin anew cannot be told from one that begins elsewhere.
        let goes_back = last.is_some_and(|(rtptime, highest)| extend_timestamp(highest, rtptime) < highest);
        let Some(sequence) = announced.sequence.filter(|_| self.has_begun && !goes_back) else {
            return self.start(announced);
        };
        self.source.begin();
        let before = self.reception.highest();
        let first = self.reception.expect(announced.at, sequence);
        // A server that counts anew has begun something new.
        if before.is_none_or(|before| first <= before) {
            self.reorder.restart_at(Some(first));
            self.strip.clear();
        }
        self.former = Former::Continued { at: sequence };
        self.announced = Some(announced);
        self.last_packet = None;
        self.intake.interrupt();
    }

    /// A PLAY was answered: packets come from now on.
    pub fn start(&mut self, announced: FirstPacket) {
        self.source.begin();
        self.stop();
        // What was sent before, and comes only now, is counted but belongs to no frame any more.
        let before = self.reception.highest();
        let first = announced.sequence.map(|sequence| self.reception.expect(announced.at, sequence));
        self.reorder.restart_at(first);
        self.former = match (first, before) {
            (Some(first), Some(_)) => Former::Left { first },
            _ => Former::None,
        };
        if first.zip(before).is_some_and(|(first, before)| first <= before) {
            self.strip.clear();
        }
        self.announced = Some(announced);
    }

    /// The stream has ended by itself: of a frame that has begun, the rest is lost.
    pub fn finish(&mut self) {
        self.depacketizer.finish();
        while let Some(assembled) = self.depacketizer.next_assembled() {
            if let Assembled::Frame(frame) = assembled
                && !frame.is_complete()
            {
                self.intake.frame_incomplete();
            }
        }
        self.stop();
    }

    /// A datagram, or the content of an interleaved frame, has come; its timestamp, extended. There is none if it is of no
    /// use.
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
            Heard::Ours(arrived) => self.take_arrived(arrived),
            Heard::Strange => {
                tracing::debug!(?header, "a packet of another source is passed over");
                None
            }
            Heard::Instead(packets) => {
                if let (Some(_), Some(first)) = (heard_before, packets.first()) {
                    self.begin_count_with(first.at, first.packet.header.sequence);
                }
                self.take_all(packets, Self::take_arrived)
            }
        }
    }

    /// All of them are taken, and the first tells where they are.
    fn take_all(
        &mut self,
        packets: impl IntoIterator<Item = Arrived>,
        take: impl Fn(&mut Self, Arrived) -> Option<i64>,
    ) -> Option<i64> {
        packets.into_iter().filter_map(|arrived| take(self, arrived)).reduce(|first, _| first)
    }

    /// The numbers that were counted mean nothing any more (RFC 3550 §8.2, appendix A.1).
    fn begin_count_with(&mut self, now: Instant, sequence: u16) {
        self.depacketizer.abandon_frame();
        let first = self.reception.begin_at(now, sequence);
        self.reorder.restart_at(Some(first));
        self.astray.clear();
        self.former = Former::None;
        self.strip.clear();
    }

    fn take_arrived(&mut self, arrived: Arrived) -> Option<i64> {
        self.last_packet = Some(arrived.at);
        self.intake.packet(arrived.at, arrived.octets);
        self.doubt_announcement(&arrived);
        self.count(arrived)
    }

    /// Nothing was lost before a first packet that is none of those that were announced.
    fn doubt_announcement(&mut self, Arrived { at: now, packet, .. }: &Arrived) {
        let header = packet.header;
        let Some((announced, first)) = self.announced.and_then(|first| Some((first, first.sequence?))) else {
            return;
        };
        let is_behind = header.sequence.wrapping_sub(first) >= 1 << 15;
        // What comes late from the PLAY before says nothing.
        if is_behind && self.former != Former::None {
            return;
        }
        self.announced = None;
        let is_believed = header.sequence == first || !is_behind && announced.is_near(*now, header.timestamp);
        if !is_believed {
            tracing::debug!(?header, "RTP-Info speaks of other packets");
            self.begin_count_with(*now, header.sequence);
        }
    }

    fn count(&mut self, arrived: Arrived) -> Option<i64> {
        let (now, header) = (arrived.at, arrived.packet.header);
        let timestamp = match self.reception.packet(now, &header) {
            Arrival::New(sequence) => {
                self.astray.clear();
                self.accept(now, sequence, arrived.packet, Fate::Received)
            }
            Arrival::Reordered(sequence) => {
                self.keep_astray(None);
                self.accept(now, sequence, arrived.packet, Fate::Reordered)
            }
            Arrival::Duplicate(sequence) => {
                self.strip.duplicated(sequence);
                self.keep_astray(Some(arrived));
                None
            }
            Arrival::Stray => {
                self.keep_astray(Some(arrived));
                None
            }
            Arrival::Restarted { row } => self.restart(row, arrived),
        };
        self.release(now);
        timestamp
    }

    fn keep_astray(&mut self, arrived: Option<Arrived>) {
        if self.astray.len() >= MOST_ASTRAY {
            self.astray.pop_front();
        }
        self.astray.push_back(arrived);
    }

    /// The source counts anew, with so many packets in a row that end with this one.
    fn restart(&mut self, row: usize, last: Arrived) -> Option<i64> {
        let before = self.astray.split_off(self.astray.len().saturating_sub(row - 1));
        let packets: Vec<_> = before.into_iter().flatten().chain([last]).collect();
        if let Some(first) = packets.first() {
            self.begin_count_with(first.at, first.packet.header.sequence);
        }
        self.take_all(packets, Self::count)
    }

    /// A packet was missing. Returns its timestamp, extended, if it is of use.
    fn accept(&mut self, now: Instant, sequence: i64, packet: Packet, fate: Fate) -> Option<i64> {
        if matches!(self.former, Former::Left { first } if sequence < first) {
            // Sent before the film went on elsewhere, it belongs to no frame any more.
            self.intake.payload(now, packet.payload.len());
            self.strip.received(sequence, i64::from(packet.header.timestamp), packet.header.marker, fate);
            return None;
        }
        let reference = self.highest_timestamp.unwrap_or(i64::from(packet.header.timestamp));
        let timestamp = extend_timestamp(reference, packet.header.timestamp);
        // A server may begin its timestamps anew at each PLAY.
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        self.highest_timestamp = Some(if is_first { timestamp } else { timestamp.max(reference) });
        self.put_in_order(now, sequence, timestamp, packet, fate);
        Some(timestamp)
    }

    fn put_in_order(&mut self, now: Instant, sequence: i64, timestamp: i64, packet: Packet, fate: Fate) {
        let header = packet.header;
        self.intake.payload(now, packet.payload.len());
        self.intake.timed(now, timestamp, begins_frame(&packet));
        let is_in_time = self.reorder.push(now, sequence, packet);
        if !is_in_time {
            self.intake.packet_late();
        }
        let fate = if is_in_time { fate } else { Fate::Late };
        self.strip.received(sequence, timestamp, header.marker, fate);
    }

    fn release(&mut self, now: Instant) {
        while let Some(packet) = self.reorder.pop(now) {
            if matches!(self.former, Former::Continued { at } if packet.header.sequence.wrapping_sub(at) < 1 << 15)
            {
                self.former = Former::None;
                self.depacketizer.abandon_frame();
            }
            self.depacketizer.push(&packet);
            while let Some(assembled) = self.depacketizer.next_assembled() {
                self.take(now, assembled);
            }
        }
    }

    fn take(&mut self, now: Instant, assembled: Assembled) {
        match assembled {
            Assembled::Frame(frame) => self.take_frame(now, frame),
            Assembled::Unusable(why) => {
                tracing::debug!(why, "a frame cannot be understood");
                self.frames_unusable += 1;
                self.flaw = Some(why);
            }
        }
    }

    fn take_frame(&mut self, now: Instant, frame: AssembledFrame) {
        let is_complete = frame.is_complete();
        let AssembledFrame { jpeg, missing, timestamp, headers_reduced, .. } = frame;
        let reference = self.frame_timestamp.or(self.highest_timestamp).unwrap_or_default();
        let timestamp = extend_timestamp(reference, timestamp);
        if is_complete {
            self.frame_timestamp = Some(timestamp);
            self.intake.frame_complete(now);
            self.headers_reduced += u64::from(headers_reduced);
        } else {
            self.intake.frame_incomplete();
        }
        self.frames.push_back(Frame { jpeg, missing, timestamp, arrival: now });
    }

    /// Why not one picture can be understood, once that is certain.
    pub fn flaw(&self) -> Option<&'static str> {
        self.flaw.filter(|_| self.intake.frames_complete() == 0 && self.frames_unusable >= ENOUGH_TO_JUDGE)
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
        self.intake.add_to(now, snapshot);
        snapshot.frames_unusable = self.frames_unusable;
        snapshot.headers_reduced = self.headers_reduced;
    }

    /// Packets that are known to have been sent, by their sequence numbers.
    pub fn expected(&self) -> u64 {
        self.reception.expected()
    }
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
        self.depacketizer.abandon_frame();
        self.reorder.restart_at(None);
        self.astray.clear();
        self.former = Former::None;
        self.frames.clear();
        self.last_packet = None;
        self.has_begun = false;
        self.intake.interrupt();
    }

    fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }

    fn packet_log(&self) -> &Strip {
        &self.strip
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::{Form, PacketizedFrame, packetize};
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    const FRAMES: usize = 60;

    fn picture() -> PacketizedFrame {
        let pixels: Vec<u8> =
            (0..160 * 160 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 90);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&pixels, 160, 160, ColorType::Rgb).unwrap();
        packetize(&jpeg, Form::OriginalHeader).unwrap()
    }

    /// Packets of a film in order, with these sequence numbers: of each, its frame and its place among all.
    fn film(sequence: impl Fn(usize, usize) -> u16) -> Vec<Bytes> {
        let picture = picture();
        assert!(picture.packets().len() > 3, "{} packets", picture.packets().len());
        let mut packets = Vec::new();
        for frame in 0..FRAMES {
            for index in 0..picture.packets().len() {
                let (mut packet, timestamp) = (Vec::new(), 3_000_000_000 + frame as u32 * 4_500);
                picture.write_packet(index, sequence(frame, packets.len()), timestamp, 7, &mut packet);
                packets.push(Bytes::from(packet));
            }
        }
        packets
    }

    /// Receives a film of which this is announced: what is known of it, and its pictures.
    fn receive(sequence: Option<u16>, rtptime: Option<u32>, packets: &[Bytes]) -> (Snapshot, usize) {
        let now = Instant::now();
        let mut receiver = Receiver::new(26, None, None, 28, Duration::from_millis(50));
        receiver.start(FirstPacket { sequence, rtptime, at: now });
        packets.iter().for_each(|packet| {
            receiver.packet(now, packet.clone());
        });
        // No gap is waited for any longer.
        receiver.handle_timeout(now + Duration::from_secs(1));
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, None, &mut snapshot);
        (snapshot, std::iter::from_fn(|| receiver.poll_frame()).filter(Frame::is_complete).count())
    }

    #[track_caller]
    fn assert_whole((snapshot, frames): (Snapshot, usize), packets: usize) {
        let Snapshot { packets_expected, packets_received, packets_lost, frames_incomplete, .. } = snapshot;
        let packets = packets as u64;
        assert_eq!((packets_expected, packets_received, packets_lost), (packets, packets, 0));
        assert_eq!((frames, frames_incomplete), (FRAMES, 0));
    }

    #[test]
    fn a_packet_from_far_away_costs_nothing() {
        let mut packets = film(|_, place| 1_000 + place as u16);
        let all = packets.len();
        let mut stray = packets[all / 2].to_vec();
        stray[2..4].copy_from_slice(&20_000u16.to_be_bytes());
        packets.insert(all / 2, stray.into());
        assert_whole(receive(Some(1_000), Some(3_000_000_000), &packets), all);
    }

    #[test]
    fn a_sender_that_counts_anew_loses_nothing() {
        for anew in [20, 30_000, 50_000] {
            let begins = FRAMES / 2 * picture().packets().len();
            let packets = film(|_, place| match place.checked_sub(begins) {
                None => 1_000 + place as u16,
                Some(behind) => anew + behind as u16,
            });
            assert_whole(receive(Some(1_000), Some(3_000_000_000), &packets), packets.len());
        }
    }

    #[test]
    fn what_is_announced_without_a_thought_is_no_loss() {
        let packets = film(|_, place| 1_000 + place as u16);
        for (sequence, rtptime) in [
            (0, Some(0)),
            (31_000, Some(3_000_000_000)),
            (31_000, None),
            (60_000, None),
            (1_003, Some(3_000_000_000)),
            (1_020, None),
        ] {
            assert_whole(receive(Some(sequence), rtptime, &packets), packets.len());
        }
        let (snapshot, _) = receive(Some(990), Some(3_000_000_000), &packets);
        assert_eq!(snapshot.packets_lost, 10, "and what is announced with one is");
    }
}
