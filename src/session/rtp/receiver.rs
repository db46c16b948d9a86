//! Receiver of one RTP stream, from packets to frames: parse, count, reorder, assemble. Sans-I/O.

mod due_frames;
mod repair;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame_receiver::{FrameReceiver, StreamBuffers};
use super::parity::ParityDecoder;
use super::retransmission::Retransmission;
use super::rtp_info::{AnnouncedPacket, max_announced_gap};
use super::ssrc_filter::{FilterResult, ReceivedPacket, SsrcFilter};
use crate::impairment::PacketKind;
use crate::media::jpeg::Dimensions;
use crate::media::payload::{Assembled, AssembledFrame, Depacketizer, starts_frame};
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{Packet, extend_timestamp};
use crate::session::frame::Frame;
use crate::stats::{
    Arrival, Fate, LossDoubt, MAX_HELD_PACKETS, MAX_HOLD_TIME, MissingPart, SenderCounts, Snapshot, is_near,
};

/// Packets of the previous PLAY that may still arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PreviousPlay {
    /// No packets of an earlier PLAY are expected.
    None,
    /// Packets whose frames are not shown: the stream continues at another position, with the packet of this extended
    /// sequence number.
    Abandoned { first: i64 },
    /// Packets whose frames are shown: the stream continues after PAUSE with the packet of this sequence number. A
    /// frame that PAUSE interrupted ends before it.
    Continued { first: u16 },
}

/// Maximum number of packets kept since the sequence number last advanced. While a source restarts its count, packets
/// of the old count may arrive between them.
const MAX_RESTART_CANDIDATES: usize = 256;

/// Number of unusable frames, without a usable one, after which the stream is reported as unusable.
pub const MIN_UNUSABLE_FRAMES: u64 = 25;

/// Time that packets wait for a gap at least, even if the frame that lacks the others is due: most reordered packets
/// arrive within it, and recordings need complete frames.
pub const MIN_GAP_WAIT: Duration = Duration::from_millis(10);

/// Receiver of one RTP stream.
#[derive(Debug)]
pub struct RtpFrameReceiver {
    payload_type: u8,
    ssrc_filter: SsrcFilter,
    /// Packet announced by RTP-Info, until a packet has arrived that can be compared with it.
    announced: Option<AnnouncedPacket>,
    /// Packets since the sequence number last advanced, which may be the first of a restarted count. `None` takes the
    /// place of a packet that was used.
    restart_candidates: VecDeque<Option<ReceivedPacket>>,
    /// Packets that do not belong to the count, which may be the first of a restarted one.
    held: VecDeque<ReceivedPacket>,
    /// True if packets can be lost on the way: over UDP, but not interleaved on the RTSP connection.
    can_lose_packets: bool,
    /// Number of packets that are not part of the stream.
    foreign: u64,
    /// Requests for missing packets; `None` unless they are negotiated.
    retransmission: Option<Retransmission>,
    /// Parity packets; `None` unless they are negotiated.
    parity: Option<ParityDecoder>,
    buffers: StreamBuffers,
    depacketizer: Depacketizer,
    /// Extended timestamp of the last complete frame.
    last_frame_timestamp: Option<i64>,
    /// Extended timestamp of the last frame, complete or not, and the sequence number of its last packet; `None` before
    /// the first frame since PLAY.
    last_frame: Option<(i64, u16)>,
    /// Highest extended timestamp of any packet.
    highest_timestamp: Option<i64>,
    /// Extended timestamp of the last frame that was finished without the packets that it lacked, because it was due:
    /// those that arrive after all are late. `None` before the first.
    finished_timestamp: Option<i64>,
    previous_play: PreviousPlay,
    /// True once a packet was used since PLAY.
    has_started: bool,
    frames_unusable: u64,
    headers_reduced: u64,
    /// Reason why the last unusable frame is unusable.
    unusable_reason: Option<&'static str>,
}

impl RtpFrameReceiver {
    /// Creates a receiver of a stream with this payload type. `ssrc` is from the Transport header of SETUP and
    /// `dimensions` from the SDP, where they are stated. `packet_overhead` is the number of header bytes around each
    /// packet, and `reorder_timeout` the time that packets wait for a gap before them to fill.
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
            restart_candidates: VecDeque::new(),
            held: VecDeque::new(),
            can_lose_packets: true,
            foreign: 0,
            retransmission: None,
            parity: None,
            buffers: StreamBuffers::new(reorder_timeout, packet_overhead),
            depacketizer: Depacketizer::new(dimensions),
            last_frame_timestamp: None,
            last_frame: None,
            highest_timestamp: None,
            finished_timestamp: None,
            previous_play: PreviousPlay::None,
            has_started: false,
            frames_unusable: 0,
            headers_reduced: 0,
            unusable_reason: None,
        }
    }

    /// Returns the receiver for packets that arrive over a reliable connection, where none is lost before the first.
    pub fn over_reliable_connection(self) -> Self {
        Self { can_lose_packets: false, ..self }
    }

    /// Handles the response to a PLAY that continues after PAUSE: frames sent before PAUSE are shown first.
    pub fn resume(&mut self, announced: AnnouncedPacket) {
        let rtptime_and_highest = announced.rtptime.zip(self.highest_timestamp);
        // A server that restarts its timestamps cannot be distinguished from one that plays from another position.
        let goes_back = rtptime_and_highest
            .is_some_and(|(rtptime, highest)| extend_timestamp(highest, rtptime) < highest);
        let Some(sequence) = announced.sequence.filter(|_| self.has_started && !goes_back) else {
            return self.start(announced);
        };
        self.ssrc_filter.reset();
        self.held.clear();
        let previous_highest = self.buffers.rtp_receiver.extended_max();
        let first = self.buffers.rtp_receiver.expect_seq(announced.announced_at, sequence, announced.rtptime);
        // A server that restarts its sequence numbers has started a new stream.
        if previous_highest.is_none_or(|previous_highest| first <= previous_highest) {
            self.buffers.reorder_buffer.restart_at(Some(first));
            self.buffers.packet_log.clear();
            self.restart_repair(Some(first));
        }
        self.previous_play = PreviousPlay::Continued { first: sequence };
        self.announced = Some(announced);
        self.buffers.last_packet = None;
        self.buffers.stats.mark_discontinuity();
    }

    /// Handles the response to a PLAY from a position: what was received before is discarded.
    pub fn start(&mut self, announced: AnnouncedPacket) {
        self.ssrc_filter.reset();
        self.stop();
        // Packets of the previous PLAY that still arrive are counted, but belong to no frame.
        let previous_highest = self.buffers.rtp_receiver.extended_max();
        let first = announced.sequence.map(|sequence| {
            self.buffers.rtp_receiver.expect_seq(announced.announced_at, sequence, announced.rtptime)
        });
        if first.is_none() {
            self.buffers.rtp_receiver.mark_discontinuity(announced.announced_at);
            self.add_doubt(LossDoubt::NoAnnouncement);
        }
        self.buffers.reorder_buffer.restart_at(first);
        self.restart_repair(first);
        self.previous_play = match (first, previous_highest) {
            (Some(first), Some(_)) => PreviousPlay::Abandoned { first },
            _ => PreviousPlay::None,
        };
        if first.zip(previous_highest).is_some_and(|(first, previous_highest)| first <= previous_highest) {
            self.buffers.packet_log.clear();
        }
        self.announced = Some(announced);
    }

    /// Ends the stream: packets that the last frame still lacks are lost.
    pub fn finish(&mut self) {
        self.depacketizer.finish();
        while let Some(assembled) = self.depacketizer.poll_frame() {
            if let Assembled::Frame(frame) = assembled
                && !frame.is_complete()
            {
                self.buffers.stats.record_incomplete_frame(missing_part(&frame));
            }
        }
        self.stop();
    }

    /// Handles a UDP datagram or the content of an interleaved frame. Returns its extended timestamp, or `None` if it
    /// is not used.
    pub fn handle_packet(&mut self, now: Instant, bytes: Bytes) -> Option<i64> {
        let length = bytes.len();
        let packet = match Packet::parse(bytes.clone()) {
            Ok(packet) => packet,
            Err(error) => {
                tracing::debug!(%error, "ignoring invalid RTP packet");
                self.foreign += 1;
                return None;
            }
        };
        let header = packet.header;
        if let Some(kind) = self.repair_kind(header.payload_type) {
            if kind == PacketKind::Parity && !self.is_parity_of_stream(&bytes) {
                tracing::debug!(?header, "ignoring parity packet of other streams");
                self.foreign += 1;
                return None;
            }
            self.handle_repair(now, kind, length, packet);
            return None;
        }
        if header.payload_type != self.payload_type {
            tracing::debug!(?header, "ignoring packet with unknown payload type");
            self.foreign += 1;
            return None;
        }
        let previous_ssrc = self.ssrc_filter.current_ssrc();
        match self.ssrc_filter.filter(ReceivedPacket { at: now, bytes, packet }) {
            FilterResult::Accepted(received) => self.handle_received(received),
            FilterResult::Rejected => {
                tracing::debug!(?header, "ignoring packet with unknown SSRC");
                self.foreign += 1;
                None
            }
            FilterResult::Switched(packets) => self.switch_source(previous_ssrc.is_some(), packets),
        }
    }

    /// Handles all packets, and returns the timestamp of the first that is used.
    fn handle_all(
        &mut self,
        packets: impl IntoIterator<Item = ReceivedPacket>,
        handle: impl Fn(&mut Self, ReceivedPacket) -> Option<i64>,
    ) -> Option<i64> {
        packets.into_iter().filter_map(|received| handle(self, received)).reduce(|first, _| first)
    }

    /// Continues with another source, of which these packets have arrived. `replaces` is true if packets of the former
    /// one were used.
    fn switch_source(&mut self, replaces: bool, packets: Vec<ReceivedPacket>) -> Option<i64> {
        // All but the last were counted as foreign.
        self.foreign = self.foreign.saturating_sub(packets.len().saturating_sub(1) as u64);
        let last = packets.last().map(|last| last.packet.header.sequence).filter(|_| replaces);
        if let Some(last) = last {
            let distance =
                |received: &ReceivedPacket| received.packet.header.sequence.wrapping_sub(last) as i16;
            let first = packets.iter().min_by_key(|received| distance(received));
            let at = packets.first().map(|received| received.at);
            if let (Some(first), Some(at)) = (first, at) {
                self.restart_count(at, first.packet.header.sequence);
                self.buffers.rtp_receiver.end_previous_count();
                self.record_restart();
                self.depacketizer.discard_frame();
            }
        }
        self.handle_all(packets, Self::handle_received)
    }

    /// Starts a new count of sequence numbers (RFC 3550 §8.2, appendix A.1). Packets that wait for a gap of the old
    /// count are used first; a frame that has begun continues.
    fn restart_count(&mut self, now: Instant, sequence: u16) {
        while let Some(packet) = self.buffers.reorder_buffer.flush() {
            self.assemble(now, &packet);
        }
        let first = self.buffers.restart_count(now, sequence);
        self.restart_repair(Some(first));
        self.restart_candidates.clear();
        self.previous_play = PreviousPlay::None;
        self.last_frame = None;
        self.finished_timestamp = None;
    }

    fn record_restart(&mut self) {
        self.buffers.rtp_receiver.record_restart();
        self.add_doubt(LossDoubt::Restart);
    }

    fn add_doubt(&mut self, doubt: LossDoubt) {
        if self.can_lose_packets {
            self.buffers.rtp_receiver.add_doubt(doubt);
        }
    }

    fn handle_received(&mut self, received: ReceivedPacket) -> Option<i64> {
        self.buffers.record_packet(received.at, received.bytes.len());
        self.check_announcement(&received);
        self.count_packet(received)
    }

    /// Compares the first packet after PLAY with RTP-Info. If they do not match, the count starts at the packet, and no
    /// packets before it are lost.
    fn check_announcement(&mut self, ReceivedPacket { at: now, packet, .. }: &ReceivedPacket) {
        let header = packet.header;
        let Some((announced, first)) = self.announced.and_then(|first| Some((first, first.sequence?))) else {
            return;
        };
        let is_behind = header.sequence.wrapping_sub(first) >= 1 << 15;
        // A late packet of the previous PLAY neither confirms nor disproves the announcement.
        let is_late = is_behind || self.buffers.rtp_receiver.is_of_previous_count(*now, &header);
        if is_late && self.previous_play != PreviousPlay::None {
            return;
        }
        self.announced = None;
        let ticks = announced.ticks_before(*now, header.timestamp);
        let gap = header.sequence.wrapping_sub(first);
        let max_gap = self.buffers.rtp_receiver.max_loss(ticks);
        let max_gap = max_gap.unwrap_or_else(|| max_announced_gap(ticks, starts_frame(packet)));
        let is_plausible = gap == 0
            || self.can_lose_packets
                && !is_behind
                && announced.matches_timestamp(*now, header.timestamp)
                && i64::from(gap) <= max_gap;
        if is_plausible {
            self.buffers.rtp_receiver.set_announced_gap(gap, ticks);
        } else {
            tracing::debug!(?header, "ignoring RTP-Info that does not match the packets");
            self.restart_count(*now, header.sequence);
            self.add_doubt(LossDoubt::WrongAnnouncement);
        }
    }

    fn count_packet(&mut self, received: ReceivedPacket) -> Option<i64> {
        let (now, header) = (received.at, received.packet.header);
        let timestamp = match self.buffers.rtp_receiver.handle_packet(now, &header) {
            Arrival::New(sequence) => {
                self.restart_candidates.clear();
                self.accept_packet(sequence, received, Fate::Received)
            }
            Arrival::Reordered(sequence) => {
                self.push_restart_candidate(None);
                self.accept_packet(sequence, received, Fate::Reordered)
            }
            Arrival::Duplicate(sequence) => {
                self.buffers.packet_log.record_duplicate(sequence);
                self.push_restart_candidate(Some(received));
                None
            }
            Arrival::OutOfRange => {
                self.push_restart_candidate(Some(received));
                None
            }
            Arrival::EarlierCount => {
                self.buffers.stats.record_payload(now, received.packet.payload.len());
                self.buffers.stats.record_late_packet();
                None
            }
            Arrival::EarlierDuplicate => None,
            Arrival::Held => {
                self.hold(received);
                None
            }
            Arrival::RestartProven { first, packets_before } => {
                self.hold(received);
                self.handle_proven_restart(first, packets_before)
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

    /// Keeps a packet that may be the first of a restarted count.
    fn hold(&mut self, received: ReceivedPacket) {
        let now = received.at;
        self.held.retain(|held| now.saturating_duration_since(held.at) <= MAX_HOLD_TIME);
        if self.held.len() >= MAX_HELD_PACKETS {
            self.held.pop_front();
        }
        self.held.push_back(received);
    }

    /// Handles a restart of the sequence numbers to `first`, of which the last `candidate_count` candidates and the
    /// held packets near `first` are part.
    fn handle_proven_restart(&mut self, first: u16, candidate_count: usize) -> Option<i64> {
        let held = std::mem::take(&mut self.held);
        let packets = self.take_last_candidates(candidate_count).chain(held);
        let packets = packets.filter(|received| is_near(first, received.packet.header.sequence)).collect();
        self.restart_with(first, packets)
    }

    /// Handles a restart of the sequence numbers, detected by `packet_count` consecutive packets that end with `last`.
    fn handle_restart(&mut self, packet_count: usize, last: ReceivedPacket) -> Option<i64> {
        let packets: Vec<_> = self.take_last_candidates(packet_count - 1).chain([last]).collect();
        let first = packets.first().map(|first| first.packet.header.sequence)?;
        self.restart_with(first, packets)
    }

    fn take_last_candidates(&mut self, count: usize) -> impl Iterator<Item = ReceivedPacket> + use<> {
        let at = self.restart_candidates.len().saturating_sub(count);
        self.restart_candidates.split_off(at).into_iter().flatten()
    }

    /// Starts a new count at `first`, and counts these packets in it, in the order of their arrival.
    fn restart_with(&mut self, first: u16, packets: Vec<ReceivedPacket>) -> Option<i64> {
        if let Some(earliest) = packets.first() {
            self.restart_count(earliest.at, first);
            self.record_restart();
        }
        self.handle_all(packets, Self::count_packet)
    }

    /// Accepts a packet that was missing. Returns its extended timestamp, or `None` if it belongs to an abandoned PLAY.
    fn accept_packet(&mut self, sequence: i64, received: ReceivedPacket, fate: Fate) -> Option<i64> {
        let ReceivedPacket { at: now, bytes, packet } = received;
        let header = packet.header;
        let is_abandoned =
            matches!(self.previous_play, PreviousPlay::Abandoned { first } if sequence < first);
        let was_repaired = !is_abandoned && self.record_arrival(now, sequence, bytes);
        if !was_repaired {
            self.buffers.stats.record_payload(now, packet.payload.len());
        }
        if is_abandoned {
            let timestamp = i64::from(header.timestamp);
            self.buffers.packet_log.record_received(sequence, timestamp, header.marker, fate);
            return None;
        }
        let reference = self.highest_timestamp.unwrap_or(i64::from(header.timestamp));
        let timestamp = extend_timestamp(reference, header.timestamp);
        // A server may restart its timestamps at each PLAY.
        let is_first = !std::mem::replace(&mut self.has_started, true);
        self.highest_timestamp = Some(if is_first { timestamp } else { timestamp.max(reference) });
        self.buffers.stats.record_timestamp(now, timestamp, starts_frame(&packet));
        if was_repaired {
            self.buffers.packet_log.record_received(sequence, timestamp, header.marker, fate);
        } else if self.is_finished(timestamp) {
            self.buffers.push_late_packet(now, sequence, timestamp, packet);
        } else {
            self.buffers.record_arrival(now, timestamp);
            self.buffers.push_packet(now, sequence, timestamp, header.marker, packet, fate);
        }
        Some(timestamp)
    }

    /// Passes a packet to the depacketizer, and handles the frames that this completes.
    fn assemble(&mut self, now: Instant, packet: &Packet) {
        if self.is_finished(self.extend(packet.header.timestamp)) {
            return;
        }
        let sequence = packet.header.sequence;
        if matches!(self.previous_play, PreviousPlay::Continued { first } if sequence.wrapping_sub(first) < 1 << 15)
        {
            self.previous_play = PreviousPlay::None;
            self.depacketizer.discard_frame();
        }
        self.depacketizer.push(packet);
        while let Some(assembled) = self.depacketizer.poll_frame() {
            self.handle_assembled(now, assembled);
        }
    }

    fn handle_assembled(&mut self, now: Instant, assembled: Assembled) {
        match assembled {
            Assembled::Frame(frame) => self.handle_frame(now, frame),
            Assembled::Unusable(reason) => {
                tracing::debug!(reason, "frame is unusable");
                self.frames_unusable += 1;
                self.unusable_reason = Some(reason);
            }
        }
    }

    fn handle_frame(&mut self, now: Instant, frame: AssembledFrame) {
        let is_complete = frame.is_complete();
        let (sequence, last_sequence) = (frame.sequence, frame.last_sequence);
        let missing_part = missing_part(&frame);
        let AssembledFrame { jpeg, missing, restarts, inserted_restarts, timestamp, headers_reduced, .. } =
            frame;
        let reference = self.last_frame_timestamp.or(self.highest_timestamp).unwrap_or_default();
        let timestamp = extend_timestamp(reference, timestamp);
        if let Some((previous, previous_sequence)) = self.last_frame.replace((timestamp, last_sequence)) {
            let lost_packets = sequence.wrapping_sub(previous_sequence).wrapping_sub(1);
            self.buffers.stats.record_lost_frames(timestamp.saturating_sub(previous), lost_packets);
        }
        if is_complete {
            self.last_frame_timestamp = Some(timestamp);
            self.buffers.stats.record_complete_frame(now);
            self.headers_reduced += u64::from(headers_reduced);
        } else {
            self.buffers.stats.record_incomplete_frame(missing_part);
        }
        self.buffers.frames.push_back(Frame {
            missing,
            restarts,
            inserted_restarts: inserted_restarts.filter(|_| is_complete),
            ..Frame::complete(jpeg, timestamp, now)
        });
    }

    /// Returns the reason why no frame can be used, after [`MIN_UNUSABLE_FRAMES`] unusable frames and no complete one.
    pub fn unusable_reason(&self) -> Option<&'static str> {
        self.unusable_reason.filter(|_| {
            self.buffers.stats.frames_complete() == 0 && self.frames_unusable >= MIN_UNUSABLE_FRAMES
        })
    }

    /// Returns true if no packet waits for one before it.
    pub fn is_in_order(&self) -> bool {
        self.buffers.reorder_buffer.is_empty()
    }

    /// Returns true if no packet waits for one before it, and no frame has begun.
    pub fn is_idle(&self) -> bool {
        self.is_in_order() && !self.depacketizer.is_mid_frame()
    }

    /// Highest extended timestamp of any packet since PLAY; `None` before the first.
    pub fn highest_timestamp(&self) -> Option<i64> {
        self.highest_timestamp
    }

    /// SSRC of the source that is received; `None` before its first packet since PLAY.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc_filter.current_ssrc()
    }

    /// Returns the block of a receiver report about the source; `None` before its first packet since PLAY.
    pub fn report_block(&mut self) -> Option<ReportBlock> {
        let ssrc = self.ssrc_filter.current_ssrc()?;
        Some(self.buffers.rtp_receiver.report_block(ssrc))
    }

    /// Adds the figures of the receiver. `sender_counts` is what is known of the packets that the source has sent.
    pub fn add_to(&mut self, now: Instant, sender_counts: Option<SenderCounts>, snapshot: &mut Snapshot) {
        self.buffers.rtp_receiver.add_to(snapshot, sender_counts);
        self.buffers.stats.add_to(now, snapshot);
        snapshot.frames_unusable = self.frames_unusable;
        snapshot.headers_reduced = self.headers_reduced;
        snapshot.packets_foreign = self.foreign;
        if let Some(state) = &self.retransmission {
            state.add_to(snapshot);
        }
        if let Some(state) = &self.parity {
            state.add_to(snapshot);
        }
    }

    /// Number of packets known to have been sent, by their sequence numbers.
    pub fn expected_packets(&self) -> u64 {
        self.buffers.rtp_receiver.expected()
    }
}

impl FrameReceiver for RtpFrameReceiver {
    fn release(&mut self, now: Instant) {
        while let Some(packet) = self.buffers.reorder_buffer.pop(now) {
            self.assemble(now, &packet);
        }
        if let (Some(state), Some(next)) =
            (&mut self.retransmission, self.buffers.reorder_buffer.next_sequence())
        {
            state.skip_before(next);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let request = self.retransmission.as_ref().and_then(Retransmission::poll_timeout);
        request.into_iter().chain(self.buffers.reorder_buffer.poll_timeout()).min()
    }

    fn waiting_frame(&self) -> Option<(i64, Instant)> {
        let (timestamp, arrival) = self.buffers.reorder_buffer.first_waiting()?;
        let timestamp = self.depacketizer.current_timestamp().unwrap_or(timestamp);
        Some((self.extend(timestamp), arrival + MIN_GAP_WAIT))
    }

    fn skip_gap(&mut self, now: Instant) {
        if self.retransmission.is_some() || self.parity.is_some() {
            return self.finish_waiting_frame(now);
        }
        if let Some(packet) = self.buffers.reorder_buffer.flush() {
            self.assemble(now, &packet);
        }
        self.release(now);
    }

    fn buffers(&self) -> &StreamBuffers {
        &self.buffers
    }

    fn buffers_mut(&mut self) -> &mut StreamBuffers {
        &mut self.buffers
    }

    fn stop(&mut self) {
        self.depacketizer.discard_frame();
        self.buffers.discard();
        self.restart_repair(None);
        self.buffers.last_packet = None;
        self.restart_candidates.clear();
        self.held.clear();
        self.previous_play = PreviousPlay::None;
        self.has_started = false;
        self.last_frame = None;
        self.finished_timestamp = None;
    }
}

fn missing_part(frame: &AssembledFrame) -> MissingPart {
    match frame.lacks_marker {
        true => MissingPart::Marker,
        false => MissingPart::Fragments,
    }
}

#[cfg(test)]
mod tests;
