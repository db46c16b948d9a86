//! PURE. From datagrams to pictures: parse, count, put in order, put together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::reorder_buffer::ReorderBuffer;
use super::rtp_info::AnnouncedPacket;
use super::ssrc_filter::{FilterResult, ReceivedPacket, SsrcFilter};
use crate::media::jpeg::Dimensions;
use crate::media::payload::{Assembled, AssembledFrame, Depacketizer, starts_frame};
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{Packet, extend_timestamp};
use crate::session::pipeline::FrameReceiver;
use crate::session::present::frame::Frame;
use crate::stats::{Arrival, Fate, PacketLog, ReceiveStats, RtpReceiver, SenderCounts, Snapshot};

/// What may come yet of the PLAY before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PreviousPlay {
    /// Nothing, as far as is known.
    None,
    /// Packets that belong to no frame any more: the film goes on elsewhere, with the packet of this number, extended.
    Abandoned { first: i64 },
    /// Packets whose frames are shown: the film goes on with the packet of this number. A frame that PAUSE has cut ends
    /// before it.
    Continued { first: u16 },
}

/// Packets without progress that are kept. Among those that count anew there may be some that were of use.
const MAX_RESTART_CANDIDATES: usize = 256;

/// When so many pictures cannot be shown and none can, it is no accident.
pub const MIN_UNUSABLE_FRAMES: u64 = 25;

/// The receiving end of one RTP stream.
#[derive(Debug)]
pub struct RtpFrameReceiver {
    payload_type: u8,
    ssrc_filter: SsrcFilter,
    /// What was announced, until a packet has come that can be held against it.
    announced: Option<AnnouncedPacket>,
    rtp_receiver: RtpReceiver,
    /// The last packets that were no progress: they may be the first of a new count. Of those that were of use
    /// nevertheless, only the place.
    restart_candidates: VecDeque<Option<ReceivedPacket>>,
    reorder_buffer: ReorderBuffer,
    depacketizer: Depacketizer,
    /// The last timestamp of a whole frame, extended.
    last_frame_timestamp: Option<i64>,
    /// The highest timestamp of any packet, extended.
    highest_timestamp: Option<i64>,
    last_packet: Option<Instant>,
    previous_play: PreviousPlay,
    /// A packet of use has come since the PLAY.
    has_started: bool,
    frames: VecDeque<Frame>,
    receive_stats: ReceiveStats,
    packet_log: PacketLog,
    frames_unusable: u64,
    headers_reduced: u64,
    /// What is wrong with the last picture that cannot be understood.
    unusable_reason: Option<&'static str>,
}

impl RtpFrameReceiver {
    /// A receiver of a stream with this payload type, from this source and of this size, if they were said. Each packet
    /// has come with so many bytes of headers around it. A gap is waited for as long as `patience`.
    pub fn new(
        payload_type: u8,
        ssrc: Option<u32>,
        dimensions: Option<Dimensions>,
        packet_overhead: usize,
        reorder_timeout: Duration,
    ) -> Self {
        Self {
            payload_type,
            ssrc_filter: SsrcFilter::new(ssrc),
            announced: None,
            rtp_receiver: RtpReceiver::default(),
            restart_candidates: VecDeque::new(),
            reorder_buffer: ReorderBuffer::new(reorder_timeout),
            depacketizer: Depacketizer::new(dimensions),
            last_frame_timestamp: None,
            highest_timestamp: None,
            last_packet: None,
            previous_play: PreviousPlay::None,
            has_started: false,
            frames: VecDeque::new(),
            receive_stats: ReceiveStats::new(packet_overhead),
            packet_log: PacketLog::default(),
            frames_unusable: 0,
            headers_reduced: 0,
            unusable_reason: None,
        }
    }

    /// A PLAY was answered that goes on where PAUSE left it: what was sent before it comes before it.
    pub fn resume(&mut self, announced: AnnouncedPacket) {
        let rtptime_and_highest = announced.rtptime.zip(self.highest_timestamp);
        // One whose timestamps begin anew cannot be told from one that begins elsewhere.
        let goes_back = rtptime_and_highest
            .is_some_and(|(rtptime, highest)| extend_timestamp(highest, rtptime) < highest);
        let Some(sequence) = announced.sequence.filter(|_| self.has_started && !goes_back) else {
            return self.start(announced);
        };
        self.ssrc_filter.reset();
        let previous_highest = self.rtp_receiver.extended_max();
        let first = self.rtp_receiver.expect_seq(announced.announced_at, sequence);
        // A server that counts anew has begun something new.
        if previous_highest.is_none_or(|previous_highest| first <= previous_highest) {
            self.reorder_buffer.restart_at(Some(first));
            self.packet_log.clear();
        }
        self.previous_play = PreviousPlay::Continued { first: sequence };
        self.announced = Some(announced);
        self.last_packet = None;
        self.receive_stats.mark_discontinuity();
    }

    /// A PLAY was answered: packets come from now on.
    pub fn start(&mut self, announced: AnnouncedPacket) {
        self.ssrc_filter.reset();
        self.stop();
        // What was sent before, and comes only now, is counted but belongs to no frame any more.
        let previous_highest = self.rtp_receiver.extended_max();
        let first =
            announced.sequence.map(|sequence| self.rtp_receiver.expect_seq(announced.announced_at, sequence));
        self.reorder_buffer.restart_at(first);
        self.previous_play = match (first, previous_highest) {
            (Some(first), Some(_)) => PreviousPlay::Abandoned { first },
            _ => PreviousPlay::None,
        };
        if first.zip(previous_highest).is_some_and(|(first, previous_highest)| first <= previous_highest) {
            self.packet_log.clear();
        }
        self.announced = Some(announced);
    }

    /// The stream has ended by itself: of a frame that has begun, the rest is lost.
    pub fn finish(&mut self) {
        self.depacketizer.finish();
        while let Some(assembled) = self.depacketizer.poll_frame() {
            if let Assembled::Frame(frame) = assembled
                && !frame.is_complete()
            {
                self.receive_stats.record_incomplete_frame();
            }
        }
        self.stop();
    }

    /// A datagram, or the content of an interleaved frame, has come; its timestamp, extended. There is none if it is of no
    /// use.
    pub fn handle_packet(&mut self, now: Instant, bytes: Bytes) -> Option<i64> {
        let length = bytes.len();
        let packet = match Packet::parse(bytes) {
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
        let previous_ssrc = self.ssrc_filter.current_ssrc();
        match self.ssrc_filter.filter(ReceivedPacket { at: now, size: length, packet }) {
            FilterResult::Accepted(received) => self.handle_received(received),
            FilterResult::Rejected => {
                tracing::debug!(?header, "a packet of another source is passed over");
                None
            }
            FilterResult::Switched(packets) => {
                if let (Some(_), Some(first)) = (previous_ssrc, packets.first()) {
                    self.restart_count(first.at, first.packet.header.sequence);
                }
                self.handle_all(packets, Self::handle_received)
            }
        }
    }

    /// All of them are taken, and the first tells where they are.
    fn handle_all(
        &mut self,
        packets: impl IntoIterator<Item = ReceivedPacket>,
        handle: impl Fn(&mut Self, ReceivedPacket) -> Option<i64>,
    ) -> Option<i64> {
        packets.into_iter().filter_map(|received| handle(self, received)).reduce(|first, _| first)
    }

    /// The numbers that were counted mean nothing any more (RFC 3550 §8.2, appendix A.1).
    fn restart_count(&mut self, now: Instant, sequence: u16) {
        self.depacketizer.discard_frame();
        let first = self.rtp_receiver.init_seq(now, sequence);
        self.reorder_buffer.restart_at(Some(first));
        self.restart_candidates.clear();
        self.previous_play = PreviousPlay::None;
        self.packet_log.clear();
    }

    fn handle_received(&mut self, received: ReceivedPacket) -> Option<i64> {
        self.last_packet = Some(received.at);
        self.receive_stats.record_packet(received.at, received.size);
        self.check_announcement(&received);
        self.count_packet(received)
    }

    /// Nothing was lost before a first packet that is none of those that were announced.
    fn check_announcement(&mut self, ReceivedPacket { at: now, packet, .. }: &ReceivedPacket) {
        let header = packet.header;
        let Some((announced, first)) = self.announced.and_then(|first| Some((first, first.sequence?))) else {
            return;
        };
        let is_behind = header.sequence.wrapping_sub(first) >= 1 << 15;
        // What comes late from the PLAY before says nothing.
        if is_behind && self.previous_play != PreviousPlay::None {
            return;
        }
        self.announced = None;
        let is_plausible =
            header.sequence == first || !is_behind && announced.matches_timestamp(*now, header.timestamp);
        if !is_plausible {
            tracing::debug!(?header, "RTP-Info speaks of other packets");
            self.restart_count(*now, header.sequence);
        }
    }

    fn count_packet(&mut self, received: ReceivedPacket) -> Option<i64> {
        let (now, header) = (received.at, received.packet.header);
        let timestamp = match self.rtp_receiver.handle_packet(now, &header) {
            Arrival::New(sequence) => {
                self.restart_candidates.clear();
                self.accept_packet(now, sequence, received.packet, Fate::Received)
            }
            Arrival::Reordered(sequence) => {
                self.push_restart_candidate(None);
                self.accept_packet(now, sequence, received.packet, Fate::Reordered)
            }
            Arrival::Duplicate(sequence) => {
                self.packet_log.record_duplicate(sequence);
                self.push_restart_candidate(Some(received));
                None
            }
            Arrival::OutOfRange => {
                self.push_restart_candidate(Some(received));
                None
            }
            Arrival::Restarted { packets } => self.handle_restart(packets, received),
        };
        self.release(now);
        timestamp
    }

    fn push_restart_candidate(&mut self, candidate: Option<ReceivedPacket>) {
        if self.restart_candidates.len() >= MAX_RESTART_CANDIDATES {
            self.restart_candidates.pop_front();
        }
        self.restart_candidates.push_back(candidate);
    }

    /// The source counts anew, with so many packets in a row that end with this one.
    fn handle_restart(&mut self, packet_count: usize, last: ReceivedPacket) -> Option<i64> {
        let candidates =
            self.restart_candidates.split_off(self.restart_candidates.len().saturating_sub(packet_count - 1));
        let packets: Vec<_> = candidates.into_iter().flatten().chain([last]).collect();
        if let Some(first) = packets.first() {
            self.restart_count(first.at, first.packet.header.sequence);
        }
        self.handle_all(packets, Self::count_packet)
    }

    /// A packet was missing. Returns its timestamp, extended, if it is of use.
    fn accept_packet(&mut self, now: Instant, sequence: i64, packet: Packet, fate: Fate) -> Option<i64> {
        if matches!(self.previous_play, PreviousPlay::Abandoned { first } if sequence < first) {
            // Sent before the film went on elsewhere, it belongs to no frame any more.
            self.receive_stats.payload(now, packet.payload.len());
            self.packet_log.record_received(
                sequence,
                i64::from(packet.header.timestamp),
                packet.header.marker,
                fate,
            );
            return None;
        }
        let reference = self.highest_timestamp.unwrap_or(i64::from(packet.header.timestamp));
        let timestamp = extend_timestamp(reference, packet.header.timestamp);
        // A server may begin its timestamps anew at each PLAY.
        let is_first = !std::mem::replace(&mut self.has_started, true);
        self.highest_timestamp = Some(if is_first { timestamp } else { timestamp.max(reference) });
        self.push_to_reorder_buffer(now, sequence, timestamp, packet, fate);
        Some(timestamp)
    }

    fn push_to_reorder_buffer(
        &mut self,
        now: Instant,
        sequence: i64,
        timestamp: i64,
        packet: Packet,
        fate: Fate,
    ) {
        let header = packet.header;
        self.receive_stats.payload(now, packet.payload.len());
        self.receive_stats.record_timestamp(now, timestamp, starts_frame(&packet));
        let is_in_time = self.reorder_buffer.push(now, sequence, packet);
        if !is_in_time {
            self.receive_stats.record_late_packet();
        }
        let fate = if is_in_time { fate } else { Fate::Late };
        self.packet_log.record_received(sequence, timestamp, header.marker, fate);
    }

    fn release(&mut self, now: Instant) {
        while let Some(packet) = self.reorder_buffer.pop(now) {
            if matches!(self.previous_play, PreviousPlay::Continued { first } if packet.header.sequence.wrapping_sub(first) < 1 << 15)
            {
                self.previous_play = PreviousPlay::None;
                self.depacketizer.discard_frame();
            }
            self.depacketizer.push(&packet);
            while let Some(assembled) = self.depacketizer.poll_frame() {
                self.handle_assembled(now, assembled);
            }
        }
    }

    fn handle_assembled(&mut self, now: Instant, assembled: Assembled) {
        match assembled {
            Assembled::Frame(frame) => self.handle_frame(now, frame),
            Assembled::Unusable(reason) => {
                tracing::debug!(reason, "a frame cannot be understood");
                self.frames_unusable += 1;
                self.unusable_reason = Some(reason);
            }
        }
    }

    fn handle_frame(&mut self, now: Instant, frame: AssembledFrame) {
        let is_complete = frame.is_complete();
        let AssembledFrame { jpeg, missing, timestamp, headers_reduced, .. } = frame;
        let reference = self.last_frame_timestamp.or(self.highest_timestamp).unwrap_or_default();
        let timestamp = extend_timestamp(reference, timestamp);
        if is_complete {
            self.last_frame_timestamp = Some(timestamp);
            self.receive_stats.record_complete_frame(now);
            self.headers_reduced += u64::from(headers_reduced);
        } else {
            self.receive_stats.record_incomplete_frame();
        }
        self.frames.push_back(Frame { jpeg, missing, timestamp, arrival: now });
    }

    /// Why not one picture can be understood, once that is certain.
    pub fn unusable_reason(&self) -> Option<&'static str> {
        self.unusable_reason.filter(|_| {
            self.receive_stats.frames_complete() == 0 && self.frames_unusable >= MIN_UNUSABLE_FRAMES
        })
    }

    /// Whether no packet waits for one before it.
    pub fn is_in_order(&self) -> bool {
        self.reorder_buffer.is_empty()
    }

    /// Whether all that came has been dealt with.
    pub fn is_idle(&self) -> bool {
        self.reorder_buffer.is_empty() && !self.depacketizer.is_mid_frame()
    }

    /// The highest timestamp of any packet since the PLAY, extended.
    pub fn highest_timestamp(&self) -> Option<i64> {
        self.highest_timestamp
    }

    /// The source that is listened to.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc_filter.current_ssrc()
    }

    /// What a receiver report says of the source; `None` before anything was heard of it.
    pub fn report_block(&mut self) -> Option<ReportBlock> {
        let ssrc = self.ssrc_filter.current_ssrc()?;
        Some(self.rtp_receiver.report_block(ssrc))
    }

    /// Adds what is known here to the figures; of all that was sent, if that is known.
    pub fn add_to(&mut self, now: Instant, sender_counts: Option<SenderCounts>, snapshot: &mut Snapshot) {
        self.rtp_receiver.add_to(snapshot, sender_counts);
        self.receive_stats.add_to(now, snapshot);
        snapshot.frames_unusable = self.frames_unusable;
        snapshot.headers_reduced = self.headers_reduced;
    }

    /// Packets that are known to have been sent, by their sequence numbers.
    pub fn expected_packets(&self) -> u64 {
        self.rtp_receiver.expected()
    }
}

impl FrameReceiver for RtpFrameReceiver {
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
        self.restart_candidates.clear();
        self.previous_play = PreviousPlay::None;
        self.frames.clear();
        self.last_packet = None;
        self.has_started = false;
        self.receive_stats.mark_discontinuity();
    }

    fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }

    fn packet_log(&self) -> &PacketLog {
        &self.packet_log
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::{PacketizedFrame, PayloadFormat, packetize};
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    const FRAMES: usize = 60;

    fn packetized_frame() -> PacketizedFrame {
        let pixels: Vec<u8> =
            (0..160 * 160 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 90);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&pixels, 160, 160, ColorType::Rgb).unwrap();
        packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap()
    }

    /// Packets of a film in order, with these sequence numbers: of each, its frame and its place among all.
    fn stream_packets(sequence: impl Fn(usize, usize) -> u16) -> Vec<Bytes> {
        let packetized = packetized_frame();
        assert!(packetized.packets().len() > 3, "{} packets", packetized.packets().len());
        let mut packets = Vec::new();
        for frame in 0..FRAMES {
            for index in 0..packetized.packets().len() {
                let (mut packet, timestamp) = (Vec::new(), 3_000_000_000 + frame as u32 * 4_500);
                packetized.write_packet(index, sequence(frame, packets.len()), timestamp, 7, &mut packet);
                packets.push(Bytes::from(packet));
            }
        }
        packets
    }

    /// Receives a film of which this is announced: what is known of it, and its pictures.
    fn receive_stream(sequence: Option<u16>, rtptime: Option<u32>, packets: &[Bytes]) -> (Snapshot, usize) {
        let now = Instant::now();
        let mut receiver = RtpFrameReceiver::new(26, None, None, 28, Duration::from_millis(50));
        receiver.start(AnnouncedPacket { sequence, rtptime, announced_at: now });
        packets.iter().for_each(|packet| {
            receiver.handle_packet(now, packet.clone());
        });
        // No gap is waited for any longer.
        receiver.handle_timeout(now + Duration::from_secs(1));
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, None, &mut snapshot);
        (snapshot, std::iter::from_fn(|| receiver.poll_frame()).filter(Frame::is_complete).count())
    }

    #[track_caller]
    fn assert_no_loss((snapshot, frames): (Snapshot, usize), packets: usize) {
        let Snapshot { packets_expected, packets_received, packets_lost, frames_incomplete, .. } = snapshot;
        let packets = packets as u64;
        assert_eq!((packets_expected, packets_received, packets_lost), (packets, packets, 0));
        assert_eq!((frames, frames_incomplete), (FRAMES, 0));
    }

    #[test]
    fn stray_packet_is_ignored() {
        let mut packets = stream_packets(|_, index| 1_000 + index as u16);
        let all = packets.len();
        let mut stray = packets[all / 2].to_vec();
        stray[2..4].copy_from_slice(&20_000u16.to_be_bytes());
        packets.insert(all / 2, stray.into());
        assert_no_loss(receive_stream(Some(1_000), Some(3_000_000_000), &packets), all);
    }

    #[test]
    fn sequence_restart_is_not_loss() {
        for restart in [20, 30_000, 50_000] {
            let restart_index = FRAMES / 2 * packetized_frame().packets().len();
            let packets = stream_packets(|_, index| match index.checked_sub(restart_index) {
                None => 1_000 + index as u16,
                Some(offset) => restart + offset as u16,
            });
            assert_no_loss(receive_stream(Some(1_000), Some(3_000_000_000), &packets), packets.len());
        }
    }

    #[test]
    fn wrong_rtp_info_is_not_loss() {
        let packets = stream_packets(|_, index| 1_000 + index as u16);
        for (sequence, rtptime) in [
            (0, Some(0)),
            (31_000, Some(3_000_000_000)),
            (31_000, None),
            (60_000, None),
            (1_003, Some(3_000_000_000)),
            (1_020, None),
        ] {
            assert_no_loss(receive_stream(Some(sequence), rtptime, &packets), packets.len());
        }
        let (snapshot, _) = receive_stream(Some(990), Some(3_000_000_000), &packets);
        assert_eq!(snapshot.packets_lost, 10, "and what is announced with one is");
    }
}
