//! Packet counts of one source (RFC 3550 §6.4, appendices A.1, A.3 and A.8).

mod source_state;

use std::time::Instant;

pub use self::source_state::MAX_HOLD_TIME;
use self::source_state::{
    BadSequence, MAX_AGE, MAX_DROPOUT, MAX_NEIGHBOUR_DISTANCE, MAX_RESTART_SPAN, SourceState,
};
use super::jitter::{InterarrivalJitter, JitterFigures};
use super::loss_bursts::LossBursts;
use super::loss_doubt::LossDoubt;
use super::packet_rate::PacketRate;
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
    /// This packet and one that was held are neighbours in a count that has restarted. After [`RtpReceiver::init_seq`],
    /// the caller passes in again the packets before them, and all held packets for which [`is_near`] is true.
    RestartProven {
        /// Lowest sequence number of the restarted count.
        first: u16,
        /// Number of consecutive packets before the held ones that were taken for duplicates or stray ones. The caller
        /// passes them in again before the held ones.
        packets_before: usize,
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

/// Number of consecutive redundant packets behind the highest one that prove a restart if timestamps do not: fewer may
/// be duplicates that the network delivered late.
const MIN_SEQUENTIAL_BEHIND: usize = 64;

/// Maximum number of packets that are held.
pub const MAX_HELD_PACKETS: usize = 32;

/// Maximum backward step of RTP-Info, in packets, that is not a restart: a server may announce a packet that has
/// overtaken the response. With a larger step it has restarted at its first sequence number.
const MAX_ANNOUNCED_STEP_BACK: i64 = 16;

/// Returns true if two packets that were held can belong to the same restarted count, which begins with `first`.
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

    /// Ends the count before the last restart: none of its packets can arrive, because they are of another source.
    pub fn end_previous_count(&mut self) {
        if let Some((previous, _)) = self.previous.take() {
            self.earlier.add(&previous);
        }
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
        if is_missing {
            source.bad_seq.push(header.sequence, true);
            self.interarrival_jitter.update(now, header.timestamp, header.marker);
            self.reordered += 1;
            self.reordered_farthest =
                self.reordered_farthest.max((source.extended_max - sequence).unsigned_abs());
            return Arrival::Reordered(sequence);
        }
        if !is_counted && let Some(arrival) = self.count_before_base(now, sequence, header) {
            self.interarrival_jitter.update(now, header.timestamp, header.marker);
            return arrival;
        }
        let Some(source) = &mut self.source else { return Arrival::OutOfRange };
        source.bad_seq.push(header.sequence, false);
        if source.bad_seq.redundant >= MIN_SEQUENTIAL_BEHIND {
            self.duplicates -= source.bad_seq.duplicates;
            return Arrival::Restarted { packets: source.bad_seq.length };
        }
        self.interarrival_jitter.update(now, header.timestamp, header.marker);
        if !is_counted {
            return Arrival::OutOfRange;
        }
        source.bad_seq.duplicates += 1;
        self.duplicates += 1;
        Arrival::Duplicate(sequence)
    }

    /// Counts a packet before the first one of the count: of the count before it, or sent before the first one
    /// received. `None` if it is neither.
    fn count_before_base(&mut self, now: Instant, sequence: i64, header: &Header) -> Option<Arrival> {
        if let Some(arrival) = self.count_in_previous(now, header) {
            return Some(arrival);
        }
        let source = self.source.as_mut()?;
        if !source.extend_back(now, sequence) {
            return None;
        }
        // The caller keeps a place for it among the candidates of a restart.
        source.bad_seq.push(header.sequence, true);
        self.reordered += 1;
        Some(Arrival::Reordered(sequence))
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

    /// Returns true if a packet is one of the count before the last PLAY that arrives late. Nothing is counted.
    pub fn is_of_previous_count(&self, now: Instant, header: &Header) -> bool {
        let previous = self.previous.as_ref().filter(|_| self.precedes_count(now, header));
        previous.is_some_and(|(previous, _)| previous.late_sequence(now, header).is_some())
    }

    /// Returns true if a packet arrives soon after a restart, and was sent before those of the restarted count.
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
        let first_held = near.min_by_key(|held| distance(*held)).unwrap_or(sequence);
        let Some((first, bad_seq)) = self.run_before(first_held) else {
            return Arrival::RestartProven { first: first_held, packets_before: 0 };
        };
        self.duplicates -= bad_seq.duplicates;
        Arrival::RestartProven { first, packets_before: bad_seq.length }
    }

    /// Returns the run of redundant packets that the restarted count begins with, and its first sequence number: the
    /// rest of a frame whose timestamp did not show the restart. `None` if no run ends just before `first_held`.
    fn run_before(&self, first_held: u16) -> Option<(u16, BadSequence)> {
        let bad_seq = self.source.as_ref()?.bad_seq;
        let is_redundant = bad_seq.length > 0 && bad_seq.redundant == bad_seq.length;
        let distance = first_held.wrapping_sub(bad_seq.last);
        let follows = (1..=MAX_NEIGHBOUR_DISTANCE).contains(&distance);
        let length = u16::try_from(bad_seq.length).ok().filter(|_| is_redundant && follows)?;
        Some((bad_seq.last.wrapping_sub(length - 1), bad_seq))
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

#[cfg(test)]
mod tests;
