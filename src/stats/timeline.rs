//! How a session went, second by second.

use std::collections::VecDeque;

use serde::Serialize;

use super::Snapshot;

/// One second of playing. Where the name says "per second" it is a rate; other counts are those of this second alone,
/// and spans are as they stood at its end. Empty where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[allow(missing_docs)]
pub struct Second {
    /// Seconds of playing at its end.
    pub time_s: f64,
    /// How long it really was; the last one of a session is shorter.
    pub span_s: f64,
    pub packets_expected: u64,
    pub packets_received: u64,
    /// Below zero where packets arrived that had been given up in the second before.
    pub packets_lost: i64,
    pub packets_duplicated: u64,
    pub packets_reordered: u64,
    pub packets_late: u64,
    pub payload_bits_per_second: f64,
    pub wire_bits_per_second: f64,
    pub jitter_ms: Option<f64>,
    pub frame_jitter_ms: Option<f64>,
    pub frames_per_second_sent: Option<f64>,
    pub frames_complete_per_second: f64,
    pub frames_shown_per_second: f64,
    pub frames_incomplete: u64,
    pub frames_dropped_late: u64,
    pub network_delay_ms: Option<f64>,
    pub buffered_ms: Option<f64>,
    pub playout_delay_ms: Option<f64>,
    pub end_to_end_ms: Option<f64>,
    pub round_trip_ms: Option<f64>,
    pub stalled_ms: f64,
    pub emulated_lost_random: Option<u64>,
    pub emulated_lost_queue: Option<u64>,
}

impl Second {
    fn between(earlier: &Snapshot, later: &Snapshot) -> Self {
        let span_s = later.playing_s - earlier.playing_s;
        let count = |field: fn(&Snapshot) -> u64| field(later).saturating_sub(field(earlier));
        let rate = |amount: u64| if span_s > 0.0 { amount as f64 / span_s } else { 0.0 };
        let emulated = |field: fn(&crate::impairment::EmulatorStats) -> u64| {
            later.emulated.map(|now| {
                field(&now).saturating_sub(earlier.emulated.map_or(0, |previous| field(&previous)))
            })
        };
        Self {
            time_s: later.playing_s,
            span_s,
            packets_expected: count(|s| s.packets_expected),
            packets_received: count(|s| s.packets_received),
            packets_lost: later.packets_lost as i64 - earlier.packets_lost as i64,
            packets_duplicated: count(|s| s.packets_duplicated),
            packets_reordered: count(|s| s.packets_reordered),
            packets_late: count(|s| s.packets_late),
            payload_bits_per_second: rate(count(|s| s.payload_octets) * 8),
            wire_bits_per_second: rate(count(|s| s.wire_octets) * 8),
            jitter_ms: later.jitter_ms,
            frame_jitter_ms: later.frame_jitter_ms,
            frames_per_second_sent: later.frames_per_second_sent,
            frames_complete_per_second: rate(count(|s| s.frames_complete)),
            frames_shown_per_second: rate(count(|s| s.frames_shown)),
            frames_incomplete: count(|s| s.frames_incomplete),
            frames_dropped_late: count(|s| s.frames_dropped_late),
            network_delay_ms: later.network_delay_ms,
            buffered_ms: later.buffered_ms,
            playout_delay_ms: later.playout_delay_ms,
            end_to_end_ms: later.end_to_end_ms,
            round_trip_ms: later.round_trip_ms,
            stalled_ms: later.stalled_ms - earlier.stalled_ms,
            emulated_lost_random: emulated(|e| e.lost_random),
            emulated_lost_queue: emulated(|e| e.lost_queue),
        }
    }
}

/// The seconds of a session. A pause takes no time on it.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    seconds: VecDeque<Second>,
    /// The figures when the last seconds ended, the newest last.
    end_snapshots: VecDeque<Snapshot>,
    /// Seconds that have ended, forgotten ones among them.
    total_seconds: u64,
}

/// Seconds that are remembered: a day of them.
const MAX_SECONDS: usize = 24 * 60 * 60;

/// Seconds that can be taken back: three frames of the slowest film, after which silence is known for its end, and more.
const MAX_REMOVABLE_SECONDS: usize = 64;

/// What is shorter than this at the end of a session tells no rate, and belongs to the second before it.
const MIN_LAST_SECOND: f64 = 0.1;

impl Timeline {
    /// New figures have come. Figures of a session that has just begun begin anew. Whether a second has ended.
    pub fn update(&mut self, snapshot: &Snapshot) -> bool {
        if snapshot.is_new_session(&self.last_end()) {
            *self = Self::default();
        }
        // It was found out late that a film had ended, and the silence behind it was no part of it.
        while snapshot.playing_s < self.last_end().playing_s {
            self.remove_last_second();
        }
        let has_ended = snapshot.playing_s.floor() > self.last_end().playing_s.floor();
        if has_ended {
            self.push_second(snapshot);
        }
        has_ended
    }

    /// The session is over, with these figures. Its film may have been over for seconds.
    pub fn finish(&mut self, snapshot: &Snapshot) {
        self.update(snapshot);
        if *snapshot == self.last_end() {
            return;
        }
        if snapshot.playing_s - self.last_end().playing_s < MIN_LAST_SECOND {
            self.remove_last_second();
        }
        self.push_second(snapshot);
    }

    /// The last second has not ended yet.
    fn remove_last_second(&mut self) {
        if self.end_snapshots.pop_back().is_some() {
            self.seconds.pop_back();
            self.total_seconds -= 1;
        }
    }

    /// The figures when the last second ended; nothing before there was one.
    fn last_end(&self) -> Snapshot {
        self.end_snapshots.back().copied().unwrap_or_default()
    }

    fn push_second(&mut self, snapshot: &Snapshot) {
        if self.seconds.len() == MAX_SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Second::between(&self.last_end(), snapshot));
        if self.end_snapshots.len() == MAX_REMOVABLE_SECONDS {
            self.end_snapshots.pop_front();
        }
        self.end_snapshots.push_back(*snapshot);
        self.total_seconds += 1;
    }

    /// The seconds that are remembered, the oldest first.
    pub fn seconds(&self) -> &VecDeque<Second> {
        &self.seconds
    }

    /// How many seconds have ended. Another number means that there is something new to draw.
    pub fn total_seconds(&self) -> u64 {
        self.total_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(playing_s: f64, packets_received: u64, packets_lost: u64) -> Snapshot {
        Snapshot {
            playing_s,
            packets_received,
            packets_lost,
            packets_expected: packets_received + packets_lost,
            payload_octets: packets_received * 1_000,
            ..Snapshot::default()
        }
    }

    #[test]
    fn each_second_counts_its_own_packets() {
        let mut timeline = Timeline::default();
        let ended: Vec<_> = [(0.3, 30, 0), (0.9, 90, 1), (1.25, 125, 5), (2.0, 200, 4), (2.4, 240, 4)]
            .map(|(time, received, lost)| timeline.update(&snapshot(time, received, lost)))
            .into();
        assert_eq!(ended, [false, false, true, true, false]);
        timeline.finish(&snapshot(2.5, 250, 4));
        let seconds: Vec<_> = timeline
            .seconds()
            .iter()
            .map(|second| (second.packets_received, second.packets_lost, second.span_s))
            .collect();
        assert_eq!(seconds, [(125, 5, 1.25), (75, -1, 0.75), (50, 0, 0.5)]);
        let rates: Vec<_> = timeline.seconds().iter().map(|second| second.payload_bits_per_second).collect();
        assert_eq!(rates, [800_000.0; 3]);
        timeline.finish(&snapshot(2.5, 250, 4));
        assert_eq!(timeline.total_seconds(), 3, "nothing is counted twice");
        timeline.finish(&snapshot(2.55, 255, 4));
        let last = timeline.seconds().back().unwrap();
        assert_eq!(
            (timeline.total_seconds(), last.packets_received),
            (3, 55),
            "a moment belongs to the second before it"
        );
        timeline.finish(&snapshot(2.55, 256, 3));
        let last = timeline.seconds().back().unwrap();
        assert_eq!((last.packets_received, last.packets_lost), (56, -1), "as does what comes behind the end");
    }

    #[test]
    fn timeline_is_bounded_and_reset_by_new_session() {
        let mut timeline = Timeline::default();
        for second in 1..=MAX_SECONDS + 10 {
            timeline.update(&snapshot(second as f64, second as u64, 0));
        }
        assert_eq!(
            (timeline.seconds().len(), timeline.total_seconds()),
            (MAX_SECONDS, MAX_SECONDS as u64 + 10)
        );
        timeline.update(&snapshot(0.1, 7, 0));
        assert_eq!(timeline.seconds().len(), 0);
    }

    #[test]
    fn silence_before_detected_end_is_removed() {
        let mut timeline = Timeline::default();
        for second in 1..=12u8 {
            timeline.update(&snapshot(f64::from(second), 100 * u64::from(second.min(10)), 0));
        }
        let end = snapshot(10.0, 1_000, 0);
        timeline.update(&end);
        // It is played again, and once more to the end.
        for second in 11..=20u8 {
            timeline.update(&snapshot(f64::from(second), 100 * u64::from(second), 0));
        }
        timeline.update(&snapshot(21.0, 2_000, 0));
        timeline.finish(&snapshot(20.0, 2_000, 0));
        let seconds: Vec<_> =
            timeline.seconds().iter().map(|second| (second.time_s, second.span_s)).collect();
        assert_eq!(seconds, (1..=20).map(|second| (f64::from(second), 1.0)).collect::<Vec<_>>());
        assert!(timeline.seconds().iter().all(|second| second.packets_received == 100));
    }
}
