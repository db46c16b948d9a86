//! Packet counts of one source (RFC 3550 §6.4, appendices A.1, A.3 and A.8).

use std::time::{Duration, Instant};

use super::jitter::{InterarrivalJitter, JitterFigures};
use super::loss_bursts::LossBursts;
use super::loss_doubt::LossDoubt;
use super::packet_rate::PacketRate;
use super::sequence_window::SequenceWindow;
use super::snapshot::Snapshot;
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{Header, extend_sequence, extend_timestamp};

/// Classification of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The packet has the highest sequence number so far, which is extended so that it never wraps.
    New(i64),
    /// The packet was missing, and one with a higher sequence number has arrived already. Extended sequence number.
    Reordered(i64),
    /// The packet has arrived before. Extended sequence number.
    Duplicate(i64),
    /// The packet is older than all that are expected. It is a stray packet or the first of a restarted count, and is
    /// not counted.
    OutOfRange,
    /// The packet was missing in the count before the last restart, and is counted there.
    EarlierCount,
    /// The packet has arrived before, in the count before the last restart.
    EarlierDuplicate,
    /// Sequence number and timestamp do not belong to the count. The packet is a stray one or the first of a restarted
    /// count; the caller keeps it.
    Held,
    /// This packet and one that was held are neighbours in a count that has restarted. The caller passes in both again,
    /// with all held packets for which [`is_near`] is true, after [`RtpReceiver::init_seq`].
    RestartProven {
        /// Lowest sequence number of the restarted count.
        first: u16,
    },
    /// The source has restarted its sequence numbers, as consecutive packets up to this one show. The caller passes in
    /// these packets again after [`RtpReceiver::init_seq`].
    Restarted {
        /// Number of consecutive packets, this one included.
        packets: usize,
    },
}

/// Packet counts of the sender, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderCounts {
    /// Number of packets that entered the emulated network, and the sequence number of the last one.
    pub emulator: Option<(u64, u16)>,
    /// Number of packets that the sender has sent, by its report with BYE.
    pub reported: Option<u64>,
    /// Number of counted packets that are still in flight.
    pub in_flight: u64,
}

/// Counter of the packets of one source.
///
/// Packets are passed in with [`RtpReceiver::handle_packet`]; the names are those of RFC 3550 appendix A.1.
#[derive(Debug, Clone, Default)]
pub struct RtpReceiver {
    source: Option<SourceState>,
    /// State before the last restart, whose missing packets may still arrive, and the time of the restart.
    previous: Option<(SourceState, Instant)>,
    /// Totals of the counts before `previous`.
    earlier: Totals,
    duplicates: u64,
    reordered: u64,
    /// Largest distance of a reordered packet behind the highest sequence number, in packets.
    reordered_farthest: u64,
    interarrival_jitter: InterarrivalJitter,
    /// Expected and received packets at the last receiver report.
    expected_and_received_prior: (u64, u64),
    rate: PacketRate,
    /// Packets that do not belong to the count, with their arrival times.
    held: Vec<(Instant, u16)>,
    /// Gap between the announced packet and the first one received, until the rate shows whether it can be loss.
    announced_gap: Option<AnnouncedGap>,
    restarts: u64,
    doubt: Option<LossDoubt>,
}

/// Packet counts of a number of restarts.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    expected: u64,
    received: u64,
    bursts: LossBursts,
}

/// Gap between the announced packet and the first one received.
#[derive(Debug, Clone, Copy)]
struct AnnouncedGap {
    /// Length of the gap in packets.
    packets: i64,
    /// Ticks of 90 kHz in which they were sent.
    ticks: u32,
}

/// State since the sequence numbers were last restarted. All sequence numbers are extended.
#[derive(Debug, Clone)]
struct SourceState {
    /// First expected sequence number.
    base_seq: i64,
    /// Highest sequence number received; `base_seq` − 1 before the first packet.
    extended_max: i64,
    /// Number of distinct packets received.
    received: u64,
    window: SequenceWindow,
    /// Loss bursts before `burst_cursor`.
    bursts: LossBursts,
    burst_cursor: i64,
    /// Time at which `extended_max` last advanced.
    last_advance: Instant,
    bad_seq: BadSequence,
    /// Time at which the count was started, if RTP-Info did not announce its first packet: packets that were sent before
    /// the first one received may still arrive.
    open_since: Option<Instant>,
    /// Timestamp of the first packet.
    first_timestamp: Option<u32>,
    /// Timestamp that RTP-Info announced for the first packet; `None` if it stated none.
    announced_timestamp: Option<u32>,
    /// Timestamp of the packet with the highest sequence number; `None` before the first packet.
    last_timestamp: Option<u32>,
    newest: Option<NewestFrame>,
    /// First packet since the last response to PLAY, and the time of the response. Packets before it may be on another
    /// clock.
    play_start: Option<(i64, Instant)>,
}

/// Frame with the highest sequence number.
#[derive(Debug, Clone, Copy)]
struct NewestFrame {
    timestamp: u32,
    /// Highest sequence number of the frames before it, and the timestamp of that packet; `None` in the first frame.
    previous: Option<(i64, u32)>,
    /// True if its last packet has arrived.
    has_ended: bool,
}

/// Run of consecutive packets by which `extended_max` does not advance.
#[derive(Debug, Clone, Copy, Default)]
struct BadSequence {
    /// Number of packets in the run.
    length: usize,
    /// Sequence number of the last packet in the run.
    last: u16,
    /// Number of packets in the run that were not missing.
    redundant: usize,
    /// Number of packets in the run that were counted as duplicates.
    duplicates: u64,
}

/// Number of consecutive redundant packets behind the highest one that prove a restart if timestamps do not: fewer may
/// be duplicates that the network delivered late.
const MIN_SEQUENTIAL_BEHIND: usize = 64;

/// Maximum distance of two packets that prove a restart together. RFC 3550 appendix A.1 demands two in a row
/// (MIN_SEQUENTIAL); the network may have reordered them.
const MAX_NEIGHBOUR_DISTANCE: u16 = 16;

/// Maximum distance between the packets of a restarted count that arrived before it was proven.
const MAX_RESTART_SPAN: u16 = 64;

/// Maximum number of packets that are held.
pub const MAX_HELD_PACKETS: usize = 32;

/// Time for which packets are held, and for which packets of the count before a restart may arrive.
pub const MAX_HOLD_TIME: Duration = Duration::from_secs(1);

/// Maximum age of a packet against the newest frame, in ticks of 90 kHz: 30 s. An older timestamp is of another clock.
const MAX_AGE: i32 = 30 * 90_000;

/// Time after a response to PLAY for which packets of the PLAY before may arrive.
const MAX_DELAY_AFTER_PLAY: Duration = Duration::from_secs(5);

/// Maximum distance behind the highest sequence number, in packets, of one that was sent before the first one received.
/// It is smaller than the window of loss bursts.
const MAX_STEP_BACK: i64 = 256;

/// Distance behind the highest sequence number, in packets, beyond which a missing packet finally counts as lost in
/// loss bursts.
const BURST_WINDOW: i64 = 1_024;

/// Maximum forward jump, in packets, that is not a restart, announced by RTP-Info or not (MAX_DROPOUT, RFC 3550
/// appendix A.1).
const MAX_DROPOUT: i64 = 3_000;

/// Time without progress after which a larger jump is taken as loss, if the rate of the stream is unknown.
const MIN_OUTAGE: Duration = Duration::from_millis(250);

/// Maximum backward step of RTP-Info, in packets, that is not a restart: a server may announce a packet that has
/// overtaken the response. With a larger step it has restarted at its first sequence number.
const MAX_ANNOUNCED_STEP_BACK: i64 = 16;

/// Returns whether two packets that were held can belong to the same restarted count, which begins with `first`.
pub fn is_near(first: u16, sequence: u16) -> bool {
    sequence.wrapping_sub(first) <= 2 * MAX_RESTART_SPAN
}

impl RtpReceiver {
    /// Expects this sequence number and timestamp next, as RTP-Info announces. Returns the sequence number extended.
    pub fn expect_seq(&mut self, now: Instant, sequence: u16, timestamp: Option<u32>) -> i64 {
        self.mark_discontinuity(now);
        let announced = self
            .source
            .as_ref()
            .map(|source| (source.extended_max, extend_sequence(source.extended_max, sequence)));
        match announced {
            Some((extended_max, announced))
                if (-MAX_ANNOUNCED_STEP_BACK..=MAX_DROPOUT).contains(&(announced - extended_max)) =>
            {
                if let Some(source) = &mut self.source {
                    source.play_start = Some((announced, now));
                }
                announced
            }
            _ => {
                self.start_source(now, i64::from(sequence), true);
                if let Some(source) = &mut self.source {
                    source.announced_timestamp = timestamp;
                    source.play_start = self.previous.is_some().then_some((source.base_seq, now));
                }
                i64::from(sequence)
            }
        }
    }

    /// Skips the time to the next packet, which is not on the clock of the stream: a response to PLAY has arrived.
    pub fn mark_discontinuity(&mut self, now: Instant) {
        self.interarrival_jitter.mark_discontinuity();
        self.held.clear();
        self.announced_gap = None;
        if let Some(source) = &mut self.source {
            source.last_advance = now;
            source.newest = None;
            source.play_start = Some((source.extended_max + 1, now));
        }
    }

    /// Leaves the time before the next packet out of the jitter.
    pub fn mark_arrival_gap(&mut self) {
        self.interarrival_jitter.mark_discontinuity();
    }

    /// Restarts the count with this sequence number, for another source or a restarted one. Returns it extended.
    pub fn init_seq(&mut self, now: Instant, sequence: u16) -> i64 {
        self.interarrival_jitter.mark_discontinuity();
        self.start_source(now, i64::from(sequence), false);
        i64::from(sequence)
    }

    /// Records that the sender restarted its count or was replaced.
    pub fn record_restart(&mut self) {
        self.restarts += 1;
    }

    /// Records why the number of lost packets may not be exact.
    pub fn add_doubt(&mut self, doubt: LossDoubt) {
        self.doubt = self.doubt.max(Some(doubt));
    }

    /// Records that the first packet is `packets` after the announced one, and that these were sent in `ticks` ticks of
    /// 90 kHz. If the rate of the stream shows that this cannot be, they are not lost.
    pub fn set_announced_gap(&mut self, packets: u16, ticks: u32) {
        self.announced_gap = (packets > 0).then(|| AnnouncedGap { packets: i64::from(packets), ticks });
    }

    /// Maximum number of packets that can be lost in `ticks` ticks of 90 kHz; `None` while the rate is unknown.
    pub fn max_loss(&self, ticks: u32) -> Option<i64> {
        self.rate.max_loss(i64::from(ticks))
    }

    fn start_source(&mut self, now: Instant, base_seq: i64, is_announced: bool) {
        self.held.clear();
        self.announced_gap = None;
        let source = SourceState::new(now, base_seq, is_announced);
        let Some(ended) = self.source.replace(source).filter(|ended| ended.expected() > 0) else { return };
        if let Some((before, _)) = self.previous.replace((ended, now)) {
            self.earlier.add(&before);
        }
    }

    /// Counts a packet that arrived at `now`.
    pub fn handle_packet(&mut self, now: Instant, header: &Header) -> Arrival {
        if self.source.is_none() {
            self.start_source(now, i64::from(header.sequence), false);
        }
        let Some(source) = &mut self.source else { return Arrival::OutOfRange };
        let sequence = extend_sequence(source.extended_max, header.sequence);
        let is_ahead = sequence > source.extended_max;
        let belongs_to_count = if is_ahead {
            source.can_be_loss(now, sequence, header, &self.rate)
        } else {
            source.matches_clock(now, sequence, header.timestamp)
        };
        // A packet of the count before the last restart may seem to follow a gap within the first frame.
        let is_far_ahead = sequence - source.extended_max > i64::from(MAX_NEIGHBOUR_DISTANCE);
        if !belongs_to_count || is_far_ahead {
            match self.count_in_previous(now, header) {
                Some(arrival) => return arrival,
                None if !belongs_to_count => return self.hold(now, header.sequence),
                None => {}
            }
        }
        match is_ahead {
            true => self.count_new(now, sequence, header),
            false => self.count_behind(now, sequence, header),
        }
    }

    fn count_new(&mut self, now: Instant, sequence: i64, header: &Header) -> Arrival {
        let Some(source) = &mut self.source else { return Arrival::OutOfRange };
        if source.is_doubtful_gap(sequence, header.timestamp, &self.rate) {
            self.doubt = self.doubt.max(Some(LossDoubt::LargeGap));
        }
        self.interarrival_jitter.update(now, header.timestamp, header.marker);
        source.advance(now, sequence, header, &mut self.rate);
        self.check_announced_gap();
        Arrival::New(sequence)
    }

    /// Counts a packet that does not advance the highest sequence number.
    fn count_behind(&mut self, now: Instant, sequence: i64, header: &Header) -> Arrival {
        let Some(source) = &mut self.source else { return Arrival::OutOfRange };
        let is_counted = sequence >= source.base_seq;
        let is_missing = is_counted && source.mark_received(sequence);
        source.bad_seq.push(header.sequence, is_missing);
        if is_missing {
            self.interarrival_jitter.update(now, header.timestamp, header.marker);
            self.reordered += 1;
            self.reordered_farthest =
                self.reordered_farthest.max((source.extended_max - sequence).unsigned_abs());
            return Arrival::Reordered(sequence);
        }
        if source.bad_seq.redundant >= MIN_SEQUENTIAL_BEHIND {
            self.duplicates -= source.bad_seq.duplicates;
            return Arrival::Restarted { packets: source.bad_seq.length };
        }
        self.interarrival_jitter.update(now, header.timestamp, header.marker);
        if !is_counted {
            return self.count_before_base(now, sequence, header);
        }
        source.bad_seq.duplicates += 1;
        self.duplicates += 1;
        Arrival::Duplicate(sequence)
    }

    /// Counts a packet before the first one of the count: of the count before it, or sent before the first one received.
    fn count_before_base(&mut self, now: Instant, sequence: i64, header: &Header) -> Arrival {
        if let Some(arrival) = self.count_in_previous(now, header) {
            return arrival;
        }
        let is_counted = self.source.as_mut().is_some_and(|source| source.extend_back(now, sequence));
        self.reordered += u64::from(is_counted);
        if is_counted { Arrival::Reordered(sequence) } else { Arrival::OutOfRange }
    }

    /// Counts a packet of the count before the last restart; `None` if it is none.
    fn count_in_previous(&mut self, now: Instant, header: &Header) -> Option<Arrival> {
        let precedes_count = self.precedes_count(now, header);
        let (previous, _) = self.previous.as_mut().filter(|_| precedes_count)?;
        if previous.count_late(now, header, &mut self.rate)? {
            self.reordered += 1;
            return Some(Arrival::EarlierCount);
        }
        self.duplicates += 1;
        Some(Arrival::EarlierDuplicate)
    }

    /// Returns whether a packet is one of the count before the last PLAY that arrives late. Nothing is counted.
    pub fn is_of_previous_count(&self, now: Instant, header: &Header) -> bool {
        let previous = self.previous.as_ref().filter(|_| self.precedes_count(now, header));
        previous.is_some_and(|(previous, _)| previous.late_sequence(now, header).is_some())
    }

    /// Returns whether a packet arrives soon after a restart, and was sent before those of the restarted count.
    fn precedes_count(&self, now: Instant, header: &Header) -> bool {
        let (Some((previous, ended_at)), Some(source)) = (&self.previous, &self.source) else { return false };
        let age = |reference: u32| reference.wrapping_sub(header.timestamp) as i32;
        let is_older = match (source.first_timestamp, source.announced_timestamp, previous.last_timestamp) {
            (Some(first), ..) => (0..=MAX_AGE).contains(&age(first)),
            (None, Some(announced), _) => (1..=MAX_AGE).contains(&age(announced)),
            (None, None, Some(last)) => (0..=MAX_AGE).contains(&age(last)),
            (None, None, None) => false,
        };
        is_older && now.saturating_duration_since(*ended_at) <= MAX_HOLD_TIME
    }

    /// Holds a packet that does not belong to the count, unless it proves a restart with one that is held.
    fn hold(&mut self, now: Instant, sequence: u16) -> Arrival {
        self.held.retain(|(at, _)| now.saturating_duration_since(*at) <= MAX_HOLD_TIME);
        let distance = |held: u16| held.wrapping_sub(sequence) as i16;
        let is_proven = self
            .held
            .iter()
            .any(|(_, held)| (1..=MAX_NEIGHBOUR_DISTANCE).contains(&distance(*held).unsigned_abs()));
        if self.held.len() >= MAX_HELD_PACKETS {
            self.held.remove(0);
        }
        self.held.push((now, sequence));
        if !is_proven {
            return Arrival::Held;
        }
        let near = self.held.iter().map(|(_, held)| *held);
        let near = near.filter(|held| distance(*held).unsigned_abs() <= MAX_RESTART_SPAN);
        Arrival::RestartProven { first: near.min_by_key(|held| distance(*held)).unwrap_or(sequence) }
    }

    /// Moves the start of the count to the first packet if the announced gap before it cannot be loss.
    fn check_announced_gap(&mut self) {
        let (Some(gap), Some(max_loss)) =
            (self.announced_gap, self.announced_gap.and_then(|gap| self.max_loss(gap.ticks)))
        else {
            return;
        };
        self.announced_gap = None;
        if gap.packets > max_loss
            && let Some(source) = &mut self.source
        {
            source.move_base(gap.packets);
            self.add_doubt(LossDoubt::WrongAnnouncement);
        }
    }

    /// Highest extended sequence number since the last restart; `None` before the first packet.
    pub fn extended_max(&self) -> Option<i64> {
        self.source.as_ref().map(|source| source.extended_max)
    }

    /// Totals of all counts before the last restart.
    fn totals_before(&self) -> Totals {
        let mut totals = self.earlier;
        if let Some((previous, _)) = &self.previous {
            totals.add(previous);
        }
        totals
    }

    /// Number of packets from the first one announced to the last one received.
    pub fn expected(&self) -> u64 {
        self.totals_before().expected + self.source.as_ref().map_or(0, SourceState::expected)
    }

    /// Number of packets from the first one announced to the last one sent, without those in flight. A reported count
    /// is used only if it is near the known one, because the sender may have counted packets before this session.
    pub fn expected_with(&self, sender_counts: Option<SenderCounts>) -> u64 {
        let (Some(sender_counts), Some(source)) = (sender_counts, &self.source) else {
            return self.expected();
        };
        let expected_before = self.totals_before().expected;
        let since_base =
            |packets: u64| i64::try_from(packets.saturating_sub(expected_before)).unwrap_or(i64::MAX);
        let emulator_last = sender_counts.emulator.map(|(packets, last)| {
            extend_sequence(source.base_seq.saturating_add(since_base(packets) - 1), last)
        });
        let expected_in_source = source.extended_max - source.base_seq + 1;
        let reported = sender_counts
            .reported
            // Sender reports count modulo 2³² (RFC 3550 §6.4.1).
            .map(|packets| extend_timestamp(self.expected() as i64, packets as u32))
            .map(|packets| since_base(packets.unsigned_abs()))
            .filter(|reported| (0..=MAX_DROPOUT).contains(&(reported - expected_in_source)));
        let reported = reported.map(|reported| source.base_seq + reported - 1);
        let last = emulator_last.max(reported).unwrap_or(source.extended_max);
        let expected = self.expected() + (last - source.extended_max).max(0) as u64;
        expected.saturating_sub(sender_counts.in_flight).max(self.received())
    }

    /// Number of distinct packets received.
    pub fn received(&self) -> u64 {
        self.totals_before().received + self.source.as_ref().map_or(0, |source| source.received)
    }

    /// Number of expected packets that have not arrived.
    pub fn lost(&self) -> u64 {
        self.expected() - self.received()
    }

    /// Returns the loss bursts, with `lost_at_end` more losses after the highest sequence number.
    fn loss_bursts(&self, lost_at_end: u64) -> LossBursts {
        let mut totals = self.totals_before();
        if let Some(source) = &self.source {
            totals.add(source);
        }
        totals.bursts.push_lost(lost_at_end);
        totals.bursts
    }

    /// Cumulative number of packets lost: expected − received, duplicates counted as received (RFC 3550 appendix A.3).
    pub fn cumulative_lost(&self) -> i64 {
        self.lost() as i64 - self.duplicates as i64
    }

    /// Adds the packet counts and the jitter. `sender_counts` reveals losses after the last packet received.
    pub fn add_to(&self, snapshot: &mut Snapshot, sender_counts: Option<SenderCounts>) {
        let (expected, received) = (self.expected_with(sender_counts), self.received());
        let lost = expected - received;
        snapshot.packets_expected = expected;
        snapshot.packets_received = received;
        snapshot.packets_lost = lost;
        snapshot.loss_ratio = (expected > 0).then(|| lost as f64 / expected as f64);
        // Retransmissions are counted apart.
        snapshot.packets_unrepaired = lost;
        snapshot.unrepaired_ratio = snapshot.loss_ratio;
        snapshot.loss_doubt = self.doubt;
        snapshot.sequence_restarts = self.restarts;
        snapshot.cumulative_lost = self.cumulative_lost();
        let bursts = self.loss_bursts(expected.saturating_sub(self.expected()));
        snapshot.loss_bursts = bursts.count;
        snapshot.loss_burst_mean = bursts.mean_length();
        snapshot.loss_burst_longest = bursts.max_length;
        snapshot.packets_duplicated = self.duplicates;
        snapshot.packets_reordered = self.reordered;
        snapshot.reordered_farthest = self.reordered_farthest;
        if let Some(JitterFigures { current, mean, max }) = self.interarrival_jitter.figures() {
            snapshot.jitter_ms = Some(current);
            snapshot.jitter_mean_ms = Some(mean);
            snapshot.jitter_max_ms = Some(max);
        }
    }

    /// Returns the block of a receiver report. The fraction lost covers the time since the last call (RFC 3550 appendix
    /// A.3). The fields about sender reports are 0.
    pub fn report_block(&mut self, ssrc: u32) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received() + self.duplicates);
        let expected_interval = expected.saturating_sub(self.expected_and_received_prior.0);
        let received_interval = received.saturating_sub(self.expected_and_received_prior.1);
        self.expected_and_received_prior = (expected, received);
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval * 256).checked_div(expected_interval).unwrap_or(0);
        let extended_max = self.source.as_ref().map_or(0, |source| source.extended_max);
        ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: self.cumulative_lost().clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            highest_sequence: extended_max as u32,
            jitter: self.interarrival_jitter.jitter(),
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        }
    }
}

impl Totals {
    fn add(&mut self, source: &SourceState) {
        self.expected += source.expected();
        self.received += source.received;
        self.bursts.append(&source.bursts());
    }
}

impl SourceState {
    fn new(now: Instant, base_seq: i64, is_announced: bool) -> Self {
        Self {
            base_seq,
            extended_max: base_seq - 1,
            received: 0,
            open_since: (!is_announced).then_some(now),
            play_start: None,
            window: SequenceWindow::default(),
            bursts: LossBursts::default(),
            burst_cursor: base_seq,
            last_advance: now,
            bad_seq: BadSequence::default(),
            first_timestamp: None,
            announced_timestamp: None,
            last_timestamp: None,
            newest: None,
        }
    }

    fn expected(&self) -> u64 {
        (self.extended_max - self.base_seq + 1) as u64
    }

    /// Returns whether the packets before `sequence` that have not arrived can be lost. Otherwise the sender has
    /// restarted its count, or the packet is a stray one.
    fn can_be_loss(&self, now: Instant, sequence: i64, header: &Header, rate: &PacketRate) -> bool {
        let jump = sequence - self.extended_max;
        let elapsed = now.saturating_duration_since(self.last_advance);
        if jump > MAX_DROPOUT && elapsed < MIN_OUTAGE {
            return false;
        }
        let step = self.newest.map(|newest| header.timestamp.wrapping_sub(newest.timestamp) as i32);
        // The rest of a large frame may be lost, whatever the size of the frames before it.
        if step == Some(0) && jump <= MAX_DROPOUT && self.newest.is_some_and(|newest| !newest.has_ended) {
            return true;
        }
        let elapsed_ticks = (elapsed.as_secs_f64() * 90_000.0) as i64;
        // A larger step is not time that has passed at the sender, but the start of another clock.
        let step = step.map_or(0, i64::from);
        let step = if (0..=elapsed_ticks + i64::from(MAX_AGE)).contains(&step) { step } else { 0 };
        rate.max_loss(elapsed_ticks.max(step)).is_none_or(|max_loss| jump - 1 <= max_loss)
    }

    /// Returns whether the gap before `sequence` may be a jump of the sender: it is within one frame and larger than
    /// the frames before it, or no frame is known.
    fn is_doubtful_gap(&self, sequence: i64, timestamp: u32, rate: &PacketRate) -> bool {
        let lost = sequence - self.extended_max - 1;
        match rate.max_loss(0) {
            Some(max_loss) => {
                lost > max_loss && self.newest.is_some_and(|newest| newest.timestamp == timestamp)
            }
            None => lost > PacketRate::MIN_MAX_LOSS && self.received > 0,
        }
    }

    /// Returns whether a packet behind the highest one can belong to the count: its timestamp is not newer than that of
    /// the newest frame, not of that frame if it precedes it, and not too old.
    fn matches_clock(&self, now: Instant, sequence: i64, timestamp: u32) -> bool {
        let is_before_play = self.play_start.is_some_and(|(first, at)| {
            sequence < first && now.saturating_duration_since(at) <= MAX_DELAY_AFTER_PLAY
        });
        // After a response to PLAY that announces nothing, packets far behind may be the first of another count.
        let is_far = self.received > 0 && self.extended_max - sequence > BURST_WINDOW;
        let Some(newest) = self.newest.filter(|_| !is_before_play || is_far) else { return !is_far };
        let age = |reference: u32| reference.wrapping_sub(timestamp) as i32;
        match newest.previous {
            // A server may restart its timestamps, but not its sequence numbers, at the end of the film.
            Some((end, previous)) if sequence <= end => {
                (1..=MAX_AGE).contains(&age(newest.timestamp)) || (0..=MAX_AGE).contains(&age(previous))
            }
            _ => (0..=MAX_AGE).contains(&age(newest.timestamp)),
        }
    }

    fn advance(&mut self, now: Instant, sequence: i64, header: &Header, rate: &mut PacketRate) {
        // The bursts are updated before the window moves past the packets.
        self.update_bursts(sequence - BURST_WINDOW);
        self.window.advance(self.extended_max, sequence);
        self.update_newest(sequence, header, rate);
        self.extended_max = sequence;
        self.received += 1;
        self.last_advance = now;
        self.bad_seq = BadSequence::default();
    }

    fn update_newest(&mut self, sequence: i64, header: &Header, rate: &mut PacketRate) {
        self.first_timestamp.get_or_insert(header.timestamp);
        self.last_timestamp = Some(header.timestamp);
        let previous = match self.newest {
            Some(newest) if newest.timestamp == header.timestamp => {
                rate.record_packet();
                newest.previous
            }
            Some(newest) => {
                let ticks = header.timestamp.wrapping_sub(newest.timestamp) as i32;
                rate.record_frame(sequence - self.extended_max, ticks);
                Some((self.extended_max, newest.timestamp))
            }
            None => {
                rate.record_start();
                None
            }
        };
        self.newest = Some(NewestFrame { timestamp: header.timestamp, previous, has_ended: header.marker });
    }

    /// Counts a packet that arrived after the count was restarted. Returns whether it was missing; `None` if it does not
    /// belong to the count.
    fn count_late(&mut self, now: Instant, header: &Header, rate: &mut PacketRate) -> Option<bool> {
        let sequence = self.late_sequence(now, header)?;
        if sequence > self.extended_max {
            self.advance(now, sequence, header, rate);
            return Some(true);
        }
        Some(self.mark_received(sequence))
    }

    /// Returns the extended sequence number of a packet that arrived after the count was restarted; `None` if it does not
    /// belong to the count.
    fn late_sequence(&self, now: Instant, header: &Header) -> Option<i64> {
        let sequence = extend_sequence(self.extended_max, header.sequence);
        let belongs_to_count = match sequence - self.extended_max {
            ahead if ahead > 0 => ahead <= i64::from(MAX_RESTART_SPAN),
            _ => sequence >= self.base_seq && self.matches_clock(now, sequence, header.timestamp),
        };
        belongs_to_count.then_some(sequence)
    }

    /// Counts a packet that was sent shortly before the first one received, if that one was not announced. Returns false
    /// if it cannot be.
    fn extend_back(&mut self, now: Instant, sequence: i64) -> bool {
        let is_open =
            self.open_since.is_some_and(|since| now.saturating_duration_since(since) <= MAX_HOLD_TIME);
        let is_near = self.base_seq - sequence <= i64::from(MAX_NEIGHBOUR_DISTANCE);
        if !is_open || !is_near || self.extended_max - sequence > MAX_STEP_BACK {
            return false;
        }
        self.base_seq = sequence;
        (self.bursts, self.burst_cursor) = (LossBursts::default(), sequence);
        self.mark_received(sequence)
    }

    /// Removes the first `packets` packets from the count, none of which has arrived.
    fn move_base(&mut self, packets: i64) {
        self.base_seq += packets;
        // Few packets have arrived since, so none is beyond the window.
        (self.bursts, self.burst_cursor) = (LossBursts::default(), self.base_seq);
    }

    /// Adds all sequence numbers below `before` to the loss bursts.
    fn update_bursts(&mut self, before: i64) {
        for sequence in self.burst_cursor..before.min(self.extended_max + 1) {
            self.bursts.push(self.window.contains(sequence));
            self.burst_cursor = sequence + 1;
        }
    }

    /// Returns the loss bursts up to the highest sequence number.
    fn bursts(&self) -> LossBursts {
        let mut bursts = self.bursts;
        (self.burst_cursor..=self.extended_max)
            .for_each(|sequence| bursts.push(self.window.contains(sequence)));
        bursts
    }

    /// Marks a packet behind the highest one as received. Returns false if it was received already.
    fn mark_received(&mut self, sequence: i64) -> bool {
        let is_new = self.window.insert(sequence);
        self.received += u64::from(is_new);
        is_new
    }
}

impl BadSequence {
    /// Adds a packet to the run, or starts another run with it.
    fn push(&mut self, sequence: u16, fills_gap: bool) {
        if self.length > 0 && sequence != self.last.wrapping_add(1) {
            *self = Self::default();
        }
        self.length += 1;
        self.last = sequence;
        self.redundant += usize::from(!fills_gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 26, sequence, timestamp, ssrc: 1 }
    }

    fn snapshot(receiver: &RtpReceiver, sender_counts: Option<SenderCounts>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        receiver.add_to(&mut snapshot, sender_counts);
        snapshot
    }

    fn receive(receiver: &mut RtpReceiver, sequences: &[u16]) -> Vec<Arrival> {
        let now = Instant::now();
        sequences.iter().map(|&sequence| receiver.handle_packet(now, &header(sequence, 0))).collect()
    }

    #[test]
    fn loss_duplication_and_reordering_are_counted_across_wrap() {
        let mut receiver = RtpReceiver::default();
        receiver.expect_seq(Instant::now(), 65_533, None);
        let arrivals = receive(&mut receiver, &[65_534, 65_535, 1, 0, 0, 4, 65_532]);
        use Arrival::{Duplicate, New, OutOfRange, Reordered};
        let expected = [
            New(65_534),
            New(65_535),
            New(65_537),
            Reordered(65_536),
            Duplicate(65_536),
            New(65_540),
            OutOfRange,
        ];
        assert_eq!(arrivals, expected);
        // 65,533, 65,538 and 65,539 are missing.
        assert_eq!((receiver.expected(), receiver.received(), receiver.lost()), (8, 5, 3));
        let snapshot = snapshot(&receiver, None);
        assert_eq!(
            (snapshot.packets_duplicated, snapshot.packets_reordered, snapshot.cumulative_lost),
            (1, 1, 2)
        );
        assert_eq!(snapshot.reordered_farthest, 1);
        assert_eq!((snapshot.loss_bursts, snapshot.loss_burst_longest), (2, 2));
    }

    #[test]
    fn another_count_after_play_without_announcement_is_proven_by_two_packets() {
        let mut receiver = RtpReceiver::default();
        receive(&mut receiver, &(40_000..40_100).collect::<Vec<_>>());
        receiver.mark_discontinuity(Instant::now());
        let arrivals = receive(&mut receiver, &[40_098, 9_002, 9_000]);
        assert_eq!(
            arrivals,
            [Arrival::Duplicate(40_098), Arrival::Held, Arrival::RestartProven { first: 9_000 }]
        );
    }

    #[test]
    fn loss_bursts_are_current_and_survive_restarts() {
        let mut receiver = RtpReceiver::default();
        receive(&mut receiver, &[0, 4, 5]);
        let bursts = |receiver: &RtpReceiver, sent| {
            let snapshot = snapshot(receiver, sent);
            (snapshot.loss_bursts, snapshot.loss_burst_longest, snapshot.loss_burst_mean)
        };
        assert_eq!(bursts(&receiver, None), (1, 3, Some(3.0)));
        receive(&mut receiver, &[2]);
        assert_eq!(bursts(&receiver, None), (2, 1, Some(1.0)), "a reordered packet splits the burst");
        // Beyond the burst window, across a jump that clears the window, and into a restarted count.
        receive(&mut receiver, &(6..3_000).collect::<Vec<_>>());
        receive(&mut receiver, &[3_002]);
        assert_eq!(bursts(&receiver, None), (3, 2, Some(4.0 / 3.0)));
        receiver.handle_packet(Instant::now() + MIN_OUTAGE, &header(3_002 + 32_000, 0));
        assert_eq!(bursts(&receiver, None), (4, 31_999, Some(32_003.0 / 4.0)));
        receiver.expect_seq(Instant::now(), 100, None);
        receive(&mut receiver, &[101]);
        assert_eq!(bursts(&receiver, None).0, 5);
        // The last three packets sent have not arrived.
        let packets = receiver.expected() + 3;
        let sent = SenderCounts { emulator: Some((packets, 104)), reported: None, in_flight: 0 };
        assert_eq!(bursts(&receiver, Some(sent)).0, 6);
    }

    #[test]
    fn fraction_lost_covers_interval_since_last_report() {
        let mut receiver = RtpReceiver::default();
        receive(&mut receiver, &[0, 1, 3]);
        let block = receiver.report_block(9);
        assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (64, 1, 3));
        receive(&mut receiver, &[4, 5, 6, 7]);
        let block = receiver.report_block(9);
        assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (0, 1, 7));
        assert_eq!(receiver.report_block(9).fraction_lost, 0);
    }

    #[test]
    fn near_announced_sequence_continues_and_far_one_restarts() {
        let mut receiver = RtpReceiver::default();
        receiver.expect_seq(Instant::now(), 100, None);
        receive(&mut receiver, &[100, 101]);
        receiver.expect_seq(Instant::now(), 103, None);
        receive(&mut receiver, &[103]);
        assert_eq!((receiver.expected(), receiver.lost()), (4, 1));
        receiver.expect_seq(Instant::now(), 40_000, None);
        receive(&mut receiver, &[40_000, 40_001]);
        assert_eq!((receiver.expected(), receiver.lost()), (6, 1));
    }

    #[test]
    fn replay_from_same_sequence_number_is_counted_again() {
        let mut receiver = RtpReceiver::default();
        for _ in 0..2 {
            receiver.expect_seq(Instant::now(), 7, None);
            let arrivals = receive(&mut receiver, &(7..47).collect::<Vec<_>>());
            assert!(arrivals.iter().all(|arrival| matches!(arrival, Arrival::New(_))), "{arrivals:?}");
        }
        assert_eq!((receiver.expected(), receiver.received(), receiver.lost()), (80, 80, 0));
        receiver.expect_seq(Instant::now(), 45, None);
        assert_eq!(
            receive(&mut receiver, &[45]),
            [Arrival::Duplicate(45)],
            "a late announcement does not restart the count"
        );
    }

    /// Receives packets as a frame receiver does, which keeps the candidates of a restart.
    fn receive_with_restarts(receiver: &mut RtpReceiver, sequences: impl IntoIterator<Item = u16>) {
        let (now, mut candidates) = (Instant::now(), Vec::new());
        for sequence in sequences {
            match receiver.handle_packet(now, &header(sequence, 0)) {
                Arrival::New(_) => candidates.clear(),
                Arrival::RestartProven { first } => {
                    let again: Vec<_> = std::mem::take(&mut candidates);
                    receiver.init_seq(now, first);
                    let near = again.into_iter().filter(|held| is_near(first, *held));
                    receive(receiver, &near.chain([sequence]).collect::<Vec<_>>());
                }
                Arrival::Restarted { packets } => {
                    let again = candidates.split_off(candidates.len() - (packets - 1));
                    receiver.init_seq(now, again[0]);
                    receive(receiver, &again);
                    assert!(matches!(receive(receiver, &[sequence])[0], Arrival::New(_)));
                }
                _ => candidates.push(sequence),
            }
        }
    }

    #[test]
    fn sequence_restart_is_not_loss() {
        for restart in [10, 990, 1_500, 30_000, 50_000] {
            let mut receiver = RtpReceiver::default();
            receive_with_restarts(&mut receiver, (1_000..2_000).chain(restart..restart + 100));
            let snapshot = snapshot(&receiver, None);
            assert_eq!(
                (snapshot.packets_expected, snapshot.packets_received, snapshot.packets_lost),
                (1_100, 1_100, 0),
                "{restart}"
            );
            assert_eq!((snapshot.packets_duplicated, snapshot.packets_reordered), (0, 0), "{restart}");
        }
    }

    #[test]
    fn long_reordered_run_is_not_a_restart() {
        let mut receiver = RtpReceiver::default();
        receive_with_restarts(&mut receiver, (0..100).chain(400..500).chain(100..400));
        let snapshot = snapshot(&receiver, None);
        assert_eq!(
            (snapshot.packets_received, snapshot.packets_lost, snapshot.packets_reordered),
            (500, 0, 300)
        );
    }

    #[test]
    fn stray_packet_is_not_counted() {
        let mut receiver = RtpReceiver::default();
        receive_with_restarts(
            &mut receiver,
            (1_000..1_300).chain([20_000]).chain(1_300..1_600).chain([50_000]),
        );
        assert_eq!((receiver.expected(), receiver.received()), (600, 600));
    }

    #[test]
    fn wrong_announced_sequence_is_not_loss() {
        for announced in [31_000, 60_000] {
            let mut receiver = RtpReceiver::default();
            receiver.expect_seq(Instant::now(), announced, None);
            receive_with_restarts(&mut receiver, 1_000..1_668);
            assert_eq!((receiver.expected(), receiver.received()), (668, 668), "{announced}");
        }
    }

    #[test]
    fn sender_count_reveals_loss_at_end() {
        let mut receiver = RtpReceiver::default();
        receiver.expect_seq(Instant::now(), 1_000, None);
        receive(&mut receiver, &(1_000..1_665).collect::<Vec<_>>());
        let sender_counts = |reported| SenderCounts { emulator: Some((665, 1_664)), reported, in_flight: 0 };
        assert_eq!(receiver.expected_with(Some(sender_counts(Some(668)))), 668);
        assert_eq!(receiver.expected_with(Some(sender_counts(None))), 665);
        assert_eq!(
            receiver.expected_with(Some(sender_counts(Some(9_000)))),
            665,
            "the sender counted packets before this session"
        );
        // The count of the emulated network reveals losses at the end without the report.
        let sender_counts =
            SenderCounts { emulator: Some((667, 1_666)), reported: Some(9_000), in_flight: 0 };
        assert_eq!(receiver.expected_with(Some(sender_counts)), 667);
    }
}
