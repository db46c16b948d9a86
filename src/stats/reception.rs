//! What a receiver knows of one source (RFC 3550 §6.4, appendices A.1, A.3 and A.8).

use std::time::{Duration, Instant};

use super::bursts::Bursts;
use super::jitter::{Jitter, JitterFigures};
use super::snapshot::Snapshot;
use crate::proto::rtcp::ReportBlock;
use crate::proto::rtp::{Header, extend_sequence};

/// What a packet turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It was missing; its sequence number, extended so that it never wraps.
    New(i64),
    /// It was missing, and one with a higher sequence number is here already.
    Reordered(i64),
    /// It is here already.
    Duplicate(i64),
    /// It is older than everything that is expected, or far ahead of it: one that went astray, or the first of a new
    /// count. It is not counted.
    Stray,
    /// The source has begun to count anew: so many packets in a row, this one the last of them, say so. They are to be
    /// given again behind [`Reception::begin_at`].
    Restarted {
        /// How many.
        row: usize,
    },
}

/// What is known of the packets that a source has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// How many have come to the emulated network, and the sequence number of the last of them.
    pub counted: Option<(u64, u16)>,
    /// How many the source says at its end that it has sent.
    pub said: Option<u64>,
    /// How many of those that were counted have not had the time to arrive.
    pub under_way: u64,
}

/// Counts the packets of one source.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    count: Option<Count>,
    /// Of counts that the source has given up.
    expected_before: u64,
    received_before: u64,
    bursts_before: Bursts,
    duplicated: u64,
    reordered: u64,
    /// How far behind the highest the farthest packet came.
    farthest: u64,
    jitter: Jitter,
    /// Expected and received when the last report was made.
    reported: (u64, u64),
}

/// One run of sequence numbers.
#[derive(Debug, Clone)]
struct Count {
    /// The first that is expected.
    first: i64,
    /// The highest that arrived; one below `first` before any has.
    highest: i64,
    /// Different packets that arrived.
    received: u64,
    seen: Window,
    /// Losses in a row, up to the sequence number that is looked at next.
    bursts: Bursts,
    judged: i64,
    /// When it last made progress.
    progress: Instant,
    astray: Row,
}

/// Packets that count up one by one, and are no progress.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    length: usize,
    /// The sequence number of the last of them.
    last: u16,
    /// How many of them were not missing.
    useless: usize,
    /// How many of these were taken for duplicates.
    duplicates: u64,
}

/// So many useless ones in a row mean that the source has begun anew, where a network may have brought them late.
const RESTART: usize = 64;

/// So many do if they are far ahead, where nothing can be that is not new (RFC 3550 appendix A.1).
const RESTART_AHEAD: usize = 2;

/// How far behind the highest a packet must be that is missing for good. It only says when a row of losses is counted
/// for the last time.
const JUDGED_BEHIND: i64 = 1_024;

/// A jump ahead of more than this is a new count, be it announced or not (RFC 3550 appendix A.1, MAX_DROPOUT).
const LARGEST_JUMP: i64 = 3_000;

/// Unless nothing had come for so long: then so much may be lost.
const GAP: Duration = Duration::from_millis(250);

/// So is a step back of more than this: a server that does not go on where it was has begun at its first number again.
/// Less is the word of one that names a packet which has overtaken it.
const LARGEST_STEP_BACK: i64 = 16;

impl Reception {
    /// The next packet will have this sequence number: RTP-Info says so. Returns it extended.
    pub fn expect(&mut self, now: Instant, sequence: u16) -> i64 {
        self.jitter.interrupt();
        let announced =
            self.count.as_ref().map(|count| (count.highest, extend_sequence(count.highest, sequence)));
        match announced {
            Some((highest, announced))
                if (-LARGEST_STEP_BACK..=LARGEST_JUMP).contains(&(announced - highest)) =>
            {
                announced
            }
            _ => {
                self.begin_count(now, i64::from(sequence));
                i64::from(sequence)
            }
        }
    }

    /// Another source is listened to, or the same one counts anew, and this is the first packet. Returns its sequence
    /// number.
    pub fn begin_at(&mut self, now: Instant, sequence: u16) -> i64 {
        self.jitter.interrupt();
        self.begin_count(now, i64::from(sequence));
        i64::from(sequence)
    }

    fn begin_count(&mut self, now: Instant, first: i64) {
        self.expected_before = self.expected();
        self.received_before = self.received();
        self.bursts_before = self.bursts(0);
        self.bursts_before.interrupt();
        let count = Count::new(now, first, self.bursts_before);
        self.count = Some(count);
    }

    /// A packet has arrived.
    pub fn packet(&mut self, now: Instant, header: &Header) -> Arrival {
        if self.count.is_none() {
            self.begin_count(now, i64::from(header.sequence));
        }
        let Some(count) = &mut self.count else { return Arrival::Stray };
        let sequence = extend_sequence(count.highest, header.sequence);
        let is_ahead = sequence > count.highest;
        if is_ahead && !count.is_far_ahead(now, sequence) {
            self.jitter.packet(now, header.timestamp, header.marker);
            count.advance(now, sequence);
            return Arrival::New(sequence);
        }
        let is_counted = !is_ahead && sequence >= count.first;
        let is_missing = is_counted && count.fill(sequence);
        count.astray.next(header.sequence, is_missing);
        if is_missing {
            self.jitter.packet(now, header.timestamp, header.marker);
            self.reordered += 1;
            self.farthest = self.farthest.max((count.highest - sequence).unsigned_abs());
            return Arrival::Reordered(sequence);
        }
        if count.astray.useless >= if is_ahead { RESTART_AHEAD } else { RESTART } {
            self.duplicated -= count.astray.duplicates;
            return Arrival::Restarted { row: count.astray.length };
        }
        if is_ahead {
            return Arrival::Stray;
        }
        self.jitter.packet(now, header.timestamp, header.marker);
        if !is_counted {
            return Arrival::Stray;
        }
        self.duplicated += 1;
        count.astray.duplicates += 1;
        Arrival::Duplicate(sequence)
    }

    /// The highest sequence number of the count, extended.
    pub fn highest(&self) -> Option<i64> {
        self.count.as_ref().map(|count| count.highest)
    }

    /// Packets from the first that was announced to the last that arrived.
    pub fn expected(&self) -> u64 {
        self.expected_before + self.count.as_ref().map_or(0, |count| (count.highest - count.first + 1) as u64)
    }

    /// Packets from the first that was announced to the last that was sent, without what is still under way. What a
    /// source says must be near what is known without it: it may have been counting before we came.
    pub fn expected_of(&self, sent: Option<Sent>) -> u64 {
        let (Some(sent), Some(count)) = (sent, &self.count) else { return self.expected() };
        let of_count =
            |packets: u64| i64::try_from(packets.saturating_sub(self.expected_before)).unwrap_or(i64::MAX);
        let counted = sent
            .counted
            .map(|(packets, last)| extend_sequence(count.first.saturating_add(of_count(packets) - 1), last));
        let arrived = count.highest - count.first + 1;
        let said = sent.said.map(of_count).filter(|said| (0..=LARGEST_JUMP).contains(&(said - arrived)));
        let said = said.map(|said| count.first + said - 1);
        let last = counted.max(said).unwrap_or(count.highest);
        let expected = self.expected() + (last - count.highest).max(0) as u64;
        expected.saturating_sub(sent.under_way).max(self.received())
    }

    /// Different packets among these that arrived.
    pub fn received(&self) -> u64 {
        self.received_before + self.count.as_ref().map_or(0, |count| count.received)
    }

    /// Packets among these that did not arrive.
    pub fn lost(&self) -> u64 {
        self.expected() - self.received()
    }

    /// Rows of losses; `behind` more packets are missing behind the highest that arrived.
    fn bursts(&self, behind: u64) -> Bursts {
        let mut bursts = self.count.as_ref().map_or(self.bursts_before, Count::bursts);
        bursts.lose(behind);
        bursts
    }

    /// "Cumulative number of packets lost": expected less received, duplicates counted as received (appendix A.3).
    pub fn cumulative_lost(&self) -> i64 {
        self.lost() as i64 - self.duplicated as i64
    }

    /// Adds what is known here to the figures; of all that was sent, if that is known.
    pub fn add_to(&self, snapshot: &mut Snapshot, sent: Option<Sent>) {
        let (expected, received) = (self.expected_of(sent), self.received());
        let lost = expected - received;
        snapshot.packets_expected = expected;
        snapshot.packets_received = received;
        snapshot.packets_lost = lost;
        snapshot.loss_ratio = (expected > 0).then(|| lost as f64 / expected as f64);
        snapshot.cumulative_lost = self.cumulative_lost();
        let bursts = self.bursts(expected.saturating_sub(self.expected()));
        snapshot.loss_bursts = bursts.count;
        snapshot.loss_burst_mean = bursts.mean();
        snapshot.loss_burst_longest = bursts.longest;
        snapshot.packets_duplicated = self.duplicated;
        snapshot.packets_reordered = self.reordered;
        snapshot.reordered_farthest = self.farthest;
        if let Some(JitterFigures { now, mean, max }) = self.jitter.figures() {
            snapshot.jitter_ms = Some(now);
            snapshot.jitter_mean_ms = Some(mean);
            snapshot.jitter_max_ms = Some(max);
        }
    }

    /// The block of a receiver report; the fraction lost is since the last one (appendix A.3). The fields about
    /// sender reports are left empty.
    pub fn report(&mut self, ssrc: u32) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received() + self.duplicated);
        let expected_since = expected.saturating_sub(self.reported.0);
        let received_since = received.saturating_sub(self.reported.1);
        self.reported = (expected, received);
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction = (lost_since * 256).checked_div(expected_since).unwrap_or(0);
        let highest = self.count.as_ref().map_or(0, |count| count.highest);
        ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: self.cumulative_lost().clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            highest_sequence: highest as u32,
            jitter: self.jitter.ticks(),
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        }
    }
}

impl Count {
    fn new(now: Instant, first: i64, bursts: Bursts) -> Self {
        Self {
            first,
            highest: first - 1,
            received: 0,
            seen: Window::default(),
            bursts,
            judged: first,
            progress: now,
            astray: Row::default(),
        }
    }

    /// Whether so much can neither be lost nor overtaken.
    fn is_far_ahead(&self, now: Instant, sequence: i64) -> bool {
        sequence - self.highest > LARGEST_JUMP && now.saturating_duration_since(self.progress) < GAP
    }

    fn advance(&mut self, now: Instant, sequence: i64) {
        // What is about to be forgotten is judged before, and what a long jump leaves out behind it.
        self.judge(sequence - JUDGED_BEHIND);
        self.seen.advance(self.highest, sequence);
        self.highest = sequence;
        self.received += 1;
        self.progress = now;
        self.astray = Row::default();
    }

    /// Looks at every packet that has arrived or not before this one.
    fn judge(&mut self, before: i64) {
        for sequence in self.judged..before.min(self.highest + 1) {
            self.bursts.next(self.seen.has(sequence));
            self.judged = sequence + 1;
        }
    }

    /// Rows of losses up to the highest.
    fn bursts(&self) -> Bursts {
        let mut bursts = self.bursts;
        (self.judged..=self.highest).for_each(|sequence| bursts.next(self.seen.has(sequence)));
        bursts
    }

    /// Marks a packet behind the highest; `false` if it was there.
    fn fill(&mut self, sequence: i64) -> bool {
        let is_new = self.seen.mark(sequence);
        self.received += u64::from(is_new);
        is_new
    }
}

impl Row {
    /// One more packet, be it the first of another row.
    fn next(&mut self, sequence: u16, is_missing: bool) {
        if self.length > 0 && sequence != self.last.wrapping_add(1) {
            *self = Self::default();
        }
        self.length += 1;
        self.last = sequence;
        self.useless += usize::from(!is_missing);
    }
}

/// Which of the last 32,768 sequence numbers have been seen, a bit each.
#[derive(Debug, Clone)]
struct Window(Box<[u64; WORDS]>);

const WORDS: usize = 512;

impl Default for Window {
    fn default() -> Self {
        Self(Box::new([0; WORDS]))
    }
}

impl Window {
    fn place(sequence: i64) -> (usize, u64) {
        let bit = sequence.rem_euclid(WORDS as i64 * 64) as usize;
        (bit / 64, 1 << (bit % 64))
    }

    /// Forgets what lies between and marks the new highest.
    fn advance(&mut self, highest: i64, sequence: i64) {
        for skipped in highest + 1..sequence {
            let (word, bit) = Self::place(skipped);
            self.0[word] &= !bit;
        }
        let (word, bit) = Self::place(sequence);
        self.0[word] |= bit;
    }

    fn has(&self, sequence: i64) -> bool {
        let (word, bit) = Self::place(sequence);
        self.0[word] & bit != 0
    }

    /// `false` if it was marked already.
    fn mark(&mut self, sequence: i64) -> bool {
        let (word, bit) = Self::place(sequence);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 26, sequence, timestamp, ssrc: 1 }
    }

    fn figures(reception: &Reception, sent: Option<Sent>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        reception.add_to(&mut snapshot, sent);
        snapshot
    }

    fn receive(reception: &mut Reception, sequences: &[u16]) -> Vec<Arrival> {
        let now = Instant::now();
        sequences.iter().map(|&sequence| reception.packet(now, &header(sequence, 0))).collect()
    }

    #[test]
    fn losses_duplicates_and_reordering_are_told_apart_over_the_wrap() {
        let mut reception = Reception::default();
        reception.expect(Instant::now(), 65_533);
        let arrivals = receive(&mut reception, &[65_534, 65_535, 1, 0, 0, 4, 65_532]);
        use Arrival::{Duplicate, New, Reordered, Stray};
        let expected =
            [New(65_534), New(65_535), New(65_537), Reordered(65_536), Duplicate(65_536), New(65_540), Stray];
        assert_eq!(arrivals, expected);
        // 65533, 65538 and 65539 are missing.
        assert_eq!((reception.expected(), reception.received(), reception.lost()), (8, 5, 3));
        let figures = figures(&reception, None);
        assert_eq!(
            (figures.packets_duplicated, figures.packets_reordered, figures.cumulative_lost),
            (1, 1, 2)
        );
        assert_eq!(figures.reordered_farthest, 1);
        assert_eq!((figures.loss_bursts, figures.loss_burst_longest), (2, 2));
    }

    #[test]
    fn rows_of_losses_are_known_at_once_and_remembered_for_good() {
        let mut reception = Reception::default();
        receive(&mut reception, &[0, 4, 5]);
        let rows = |reception: &Reception, sent| {
            let figures = figures(reception, sent);
            (figures.loss_bursts, figures.loss_burst_longest, figures.loss_burst_mean)
        };
        assert_eq!(rows(&reception, None), (1, 3, Some(3.0)));
        receive(&mut reception, &[2]);
        assert_eq!(rows(&reception, None), (2, 1, Some(1.0)), "it was only late");
        // Past what is judged, over a jump that forgets everything, and into a new count.
        receive(&mut reception, &(6..3_000).collect::<Vec<_>>());
        receive(&mut reception, &[3_002]);
        assert_eq!(rows(&reception, None), (3, 2, Some(4.0 / 3.0)));
        reception.packet(Instant::now() + GAP, &header(3_002 + 32_000, 0));
        assert_eq!(rows(&reception, None), (4, 31_999, Some(32_003.0 / 4.0)));
        reception.expect(Instant::now(), 100);
        receive(&mut reception, &[101]);
        assert_eq!(rows(&reception, None).0, 5);
        // The last three were sent and have not come.
        let packets = reception.expected() + 3;
        let sent = Sent { counted: Some((packets, 104)), said: None, under_way: 0 };
        assert_eq!(rows(&reception, Some(sent)).0, 6);
    }

    #[test]
    fn a_report_tells_what_was_lost_since_the_one_before() {
        let mut reception = Reception::default();
        receive(&mut reception, &[0, 1, 3]);
        let block = reception.report(9);
        assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (64, 1, 3));
        receive(&mut reception, &[4, 5, 6, 7]);
        let block = reception.report(9);
        assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (0, 1, 7));
        assert_eq!(reception.report(9).fraction_lost, 0);
    }

    #[test]
    fn a_play_that_goes_on_keeps_the_count_and_one_that_jumps_begins_anew() {
        let mut reception = Reception::default();
        reception.expect(Instant::now(), 100);
        receive(&mut reception, &[100, 101]);
        reception.expect(Instant::now(), 103);
        receive(&mut reception, &[103]);
        assert_eq!((reception.expected(), reception.lost()), (4, 1));
        reception.expect(Instant::now(), 40_000);
        receive(&mut reception, &[40_000, 40_001]);
        assert_eq!((reception.expected(), reception.lost()), (6, 1));
    }

    #[test]
    fn a_film_that_is_played_again_from_the_same_number_is_counted_again() {
        let mut reception = Reception::default();
        for _ in 0..2 {
            reception.expect(Instant::now(), 7);
            let arrivals = receive(&mut reception, &(7..47).collect::<Vec<_>>());
            assert!(arrivals.iter().all(|arrival| matches!(arrival, Arrival::New(_))), "{arrivals:?}");
        }
        assert_eq!((reception.expected(), reception.received(), reception.lost()), (80, 80, 0));
        reception.expect(Instant::now(), 45);
        assert_eq!(
            receive(&mut reception, &[45]),
            [Arrival::Duplicate(45)],
            "announced late, and no new count"
        );
    }

    /// Receives as a receiver does, which keeps what is no progress.
    fn follow(reception: &mut Reception, sequences: impl IntoIterator<Item = u16>) {
        let (now, mut astray) = (Instant::now(), Vec::new());
        for sequence in sequences {
            match reception.packet(now, &header(sequence, 0)) {
                Arrival::New(_) => astray.clear(),
                Arrival::Restarted { row } => {
                    let again = astray.split_off(astray.len() - (row - 1));
                    reception.begin_at(now, again[0]);
                    receive(reception, &again);
                    assert!(matches!(receive(reception, &[sequence])[0], Arrival::New(_)));
                }
                _ => astray.push(sequence),
            }
        }
    }

    #[test]
    fn a_source_that_begins_to_count_anew_is_followed_and_nothing_of_it_is_lost() {
        for anew in [10, 990, 1_500, 30_000, 50_000] {
            let mut reception = Reception::default();
            follow(&mut reception, (1_000..2_000).chain(anew..anew + 100));
            let figures = figures(&reception, None);
            assert_eq!(
                (figures.packets_expected, figures.packets_received, figures.packets_lost),
                (1_100, 1_100, 0),
                "{anew}"
            );
            assert_eq!((figures.packets_duplicated, figures.packets_reordered), (0, 0), "{anew}");
        }
    }

    #[test]
    fn a_long_row_that_was_only_late_is_no_new_count() {
        let mut reception = Reception::default();
        follow(&mut reception, (0..100).chain(400..500).chain(100..400));
        let figures = figures(&reception, None);
        assert_eq!(
            (figures.packets_received, figures.packets_lost, figures.packets_reordered),
            (500, 0, 300)
        );
    }

    #[test]
    fn a_packet_that_went_astray_changes_nothing() {
        let mut reception = Reception::default();
        follow(&mut reception, (1_000..1_300).chain([20_000]).chain(1_300..1_600).chain([50_000]));
        assert_eq!((reception.expected(), reception.received()), (600, 600));
    }

    #[test]
    fn what_was_announced_and_is_far_from_what_comes_is_not_believed() {
        for announced in [31_000, 60_000] {
            let mut reception = Reception::default();
            reception.expect(Instant::now(), announced);
            follow(&mut reception, 1_000..1_668);
            assert_eq!((reception.expected(), reception.received()), (668, 668), "{announced}");
        }
    }

    #[test]
    fn the_sources_own_count_tells_what_is_missing_at_the_end_though_fewer_came_to_the_network() {
        let mut reception = Reception::default();
        reception.expect(Instant::now(), 1_000);
        receive(&mut reception, &(1_000..1_665).collect::<Vec<_>>());
        let sent = |said| Sent { counted: Some((665, 1_664)), said, under_way: 0 };
        assert_eq!(reception.expected_of(Some(sent(Some(668)))), 668);
        assert_eq!(reception.expected_of(Some(sent(None))), 665);
        assert_eq!(reception.expected_of(Some(sent(Some(9_000)))), 665, "it has counted since long before");
        // And what the network took behind the last that came is known without it.
        let sent = Sent { counted: Some((667, 1_666)), said: Some(9_000), under_way: 0 };
        assert_eq!(reception.expected_of(Some(sent)), 667);
    }
}
