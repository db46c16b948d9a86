//! Packet counts since the sequence numbers were last restarted.

use std::time::{Duration, Instant};

use crate::proto::rtp::{Header, extend_sequence};
use crate::stats::loss_bursts::LossBursts;
use crate::stats::packet_rate::PacketRate;
use crate::stats::sequence_window::SequenceWindow;

/// State since the sequence numbers were last restarted. All sequence numbers are extended.
#[derive(Debug, Clone)]
pub(super) struct SourceState {
    /// First expected sequence number.
    pub(super) base_seq: i64,
    /// Highest sequence number received; `base_seq` − 1 before the first packet.
    pub(super) extended_max: i64,
    /// Number of distinct packets received.
    pub(super) received: u64,
    pub(super) window: SequenceWindow,
    /// Loss bursts before `burst_cursor`.
    pub(super) bursts: LossBursts,
    pub(super) burst_cursor: i64,
    /// Time at which `extended_max` last advanced.
    pub(super) last_advance: Instant,
    pub(super) bad_seq: BadSequence,
    /// Time at which the count was started, if RTP-Info did not announce its first packet: packets that were sent
    /// before the first one received may still arrive.
    pub(super) open_since: Option<Instant>,
    /// Timestamp of the first packet.
    pub(super) first_timestamp: Option<u32>,
    /// Timestamp that RTP-Info announced for the first packet; `None` if it stated none.
    pub(super) announced_timestamp: Option<u32>,
    /// Timestamp of the packet with the highest sequence number; `None` before the first packet.
    pub(super) last_timestamp: Option<u32>,
    pub(super) newest: Option<NewestFrame>,
    /// First packet since the last response to PLAY, and the time of the response. Packets before it may be on another
    /// clock.
    pub(super) play_start: Option<(i64, Instant)>,
}

/// Frame with the highest sequence number.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewestFrame {
    pub(super) timestamp: u32,
    /// Highest sequence number of the frames before it, and the timestamp of that packet; `None` in the first frame.
    pub(super) previous: Option<(i64, u32)>,
    /// True if its last packet has arrived.
    pub(super) has_ended: bool,
}

/// Run of consecutive packets by which `extended_max` does not advance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BadSequence {
    /// Number of packets in the run.
    pub(super) length: usize,
    /// Sequence number of the last packet in the run.
    pub(super) last: u16,
    /// Number of packets in the run that were not missing.
    pub(super) redundant: usize,
    /// Number of packets in the run that were counted as duplicates.
    pub(super) duplicates: u64,
}

/// Maximum distance of two packets that prove a restart together. RFC 3550 appendix A.1 demands two in a row
/// (MIN_SEQUENTIAL); the network may have reordered them.
pub(super) const MAX_NEIGHBOUR_DISTANCE: u16 = 16;

/// Maximum distance between the packets of a restarted count that arrived before it was proven.
pub(super) const MAX_RESTART_SPAN: u16 = 64;

/// Time for which packets are held, and for which packets of the count before a restart may arrive.
pub const MAX_HOLD_TIME: Duration = Duration::from_secs(1);

/// Maximum age of a packet against the newest frame, in ticks of 90 kHz: 30 s. An older timestamp is of another clock.
pub(super) const MAX_AGE: i32 = 30 * 90_000;

/// Maximum forward jump, in packets, that is not a restart, announced by RTP-Info or not (MAX_DROPOUT, RFC 3550
/// appendix A.1).
pub(super) const MAX_DROPOUT: i64 = 3_000;

/// Time after a response to PLAY for which packets of the PLAY before may arrive.
const MAX_DELAY_AFTER_PLAY: Duration = Duration::from_secs(5);

/// Maximum distance behind the highest sequence number, in packets, of one that was sent before the first one received.
/// It is smaller than the window of loss bursts.
const MAX_STEP_BACK: i64 = 256;

/// Distance behind the highest sequence number, in packets, beyond which a missing packet finally counts as lost in
/// loss bursts.
const BURST_WINDOW: i64 = 1_024;

/// Time without progress after which a larger jump is taken as loss, if the rate of the stream is unknown.
const MIN_OUTAGE: Duration = Duration::from_millis(250);

/// Maximum packet rate that is assumed for such a jump: 220 Mbit/s in packets of 1,400 bytes.
const MAX_PACKETS_PER_SECOND: i64 = 20_000;

impl SourceState {
    pub(super) fn new(now: Instant, base_seq: i64, is_announced: bool) -> Self {
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

    pub(super) fn expected(&self) -> u64 {
        (self.extended_max - self.base_seq + 1) as u64
    }

    /// Returns true if the packets before `sequence` that have not arrived can be lost. Otherwise the sender has
    /// restarted its count, or the packet is a stray one.
    pub(super) fn can_be_loss(
        &self,
        now: Instant,
        sequence: i64,
        header: &Header,
        rate: &PacketRate,
    ) -> bool {
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
        let ticks = elapsed_ticks.max(step);
        let max_loss =
            rate.max_loss(ticks).unwrap_or_else(|| MAX_DROPOUT.max(ticks * MAX_PACKETS_PER_SECOND / 90_000));
        jump - 1 <= max_loss
    }

    /// Returns true if the gap before `sequence` may be a jump of the sender: it is within one frame and larger than
    /// the frames before it, or no frame is known.
    pub(super) fn is_doubtful_gap(&self, sequence: i64, timestamp: u32, rate: &PacketRate) -> bool {
        let lost = sequence - self.extended_max - 1;
        match rate.max_loss(0) {
            Some(max_loss) => {
                lost > max_loss && self.newest.is_some_and(|newest| newest.timestamp == timestamp)
            }
            None => lost > PacketRate::MIN_MAX_LOSS && self.received > 0,
        }
    }

    /// Returns true if a packet behind the highest one can belong to the count: its timestamp is not newer than that of
    /// the newest frame, not of that frame if it precedes it, and not too old.
    pub(super) fn matches_clock(&self, now: Instant, sequence: i64, timestamp: u32) -> bool {
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

    pub(super) fn advance(&mut self, now: Instant, sequence: i64, header: &Header, rate: &mut PacketRate) {
        // The bursts are updated before the window moves past the packets.
        self.update_bursts(sequence - BURST_WINDOW);
        self.window.advance(self.extended_max, sequence);
        self.update_newest(sequence, header, rate);
        self.extended_max = sequence;
        self.received += 1;
        self.last_advance = now;
        self.bad_seq = BadSequence::default();
    }

    pub(super) fn update_newest(&mut self, sequence: i64, header: &Header, rate: &mut PacketRate) {
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

    /// Counts a packet that arrived after the count was restarted. Returns true if it was missing; `None` if it does
    /// not belong to the count.
    pub(super) fn count_late(
        &mut self,
        now: Instant,
        header: &Header,
        rate: &mut PacketRate,
    ) -> Option<bool> {
        let sequence = self.late_sequence(now, header)?;
        if sequence > self.extended_max {
            self.advance(now, sequence, header, rate);
            return Some(true);
        }
        Some(self.mark_received(sequence))
    }

    /// Returns the extended sequence number of a packet that arrived after the count was restarted; `None` if it does
    /// not belong to the count.
    pub(super) fn late_sequence(&self, now: Instant, header: &Header) -> Option<i64> {
        let sequence = extend_sequence(self.extended_max, header.sequence);
        let belongs_to_count = match sequence - self.extended_max {
            ahead if ahead > 0 => ahead <= i64::from(MAX_RESTART_SPAN),
            _ => sequence >= self.base_seq && self.matches_clock(now, sequence, header.timestamp),
        };
        belongs_to_count.then_some(sequence)
    }

    /// Counts a packet that was sent shortly before the first one received, if that one was not announced. Returns
    /// false if it cannot be.
    pub(super) fn extend_back(&mut self, now: Instant, sequence: i64) -> bool {
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
    pub(super) fn move_base(&mut self, packets: i64) {
        self.base_seq += packets;
        // Few packets have arrived since, so none is beyond the window.
        (self.bursts, self.burst_cursor) = (LossBursts::default(), self.base_seq);
    }

    /// Adds all sequence numbers below `before` to the loss bursts.
    pub(super) fn update_bursts(&mut self, before: i64) {
        for sequence in self.burst_cursor..before.min(self.extended_max + 1) {
            self.bursts.push(self.window.contains(sequence));
            self.burst_cursor = sequence + 1;
        }
    }

    /// Returns the loss bursts up to the highest sequence number.
    pub(super) fn bursts(&self) -> LossBursts {
        let mut bursts = self.bursts;
        (self.burst_cursor..=self.extended_max)
            .for_each(|sequence| bursts.push(self.window.contains(sequence)));
        bursts
    }

    /// Marks a packet behind the highest one as received. Returns false if it was received already.
    pub(super) fn mark_received(&mut self, sequence: i64) -> bool {
        let is_new = self.window.insert(sequence);
        self.received += u64::from(is_new);
        is_new
    }
}

impl BadSequence {
    /// Adds a packet to the run, or starts another run with it.
    pub(super) fn push(&mut self, sequence: u16, fills_gap: bool) {
        if self.length > 0 && sequence != self.last.wrapping_add(1) {
            *self = Self::default();
        }
        self.length += 1;
        self.last = sequence;
        self.redundant += usize::from(!fills_gap);
    }
}
