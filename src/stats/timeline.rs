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
    fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let span_s = after.playing_s - before.playing_s;
        let count = |of: fn(&Snapshot) -> u64| of(after).saturating_sub(of(before));
        let rate = |amount: u64| if span_s > 0.0 { amount as f64 / span_s } else { 0.0 };
        let emulated = |of: fn(&crate::impairment::Emulated) -> u64| {
            after.emulated.map(|now| of(&now).saturating_sub(before.emulated.map_or(0, |then| of(&then))))
        };
        Self {
            time_s: after.playing_s,
            span_s,
            packets_expected: count(|s| s.packets_expected),
            packets_received: count(|s| s.packets_received),
            packets_lost: after.packets_lost as i64 - before.packets_lost as i64,
            packets_duplicated: count(|s| s.packets_duplicated),
            packets_reordered: count(|s| s.packets_reordered),
            packets_late: count(|s| s.packets_late),
            payload_bits_per_second: rate(count(|s| s.payload_octets) * 8),
            wire_bits_per_second: rate(count(|s| s.wire_octets) * 8),
            jitter_ms: after.jitter_ms,
            frame_jitter_ms: after.frame_jitter_ms,
            frames_per_second_sent: after.frames_per_second_sent,
            frames_complete_per_second: rate(count(|s| s.frames_complete)),
            frames_shown_per_second: rate(count(|s| s.frames_shown)),
            frames_incomplete: count(|s| s.frames_incomplete),
            frames_dropped_late: count(|s| s.frames_dropped_late),
            network_delay_ms: after.network_delay_ms,
            buffered_ms: after.buffered_ms,
            playout_delay_ms: after.playout_delay_ms,
            end_to_end_ms: after.end_to_end_ms,
            round_trip_ms: after.round_trip_ms,
            stalled_ms: after.stalled_ms - before.stalled_ms,
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
    ends: VecDeque<Snapshot>,
    /// Seconds that have ended, forgotten ones among them.
    count: u64,
}

/// Seconds that are remembered: a day of them.
const MOST_SECONDS: usize = 24 * 60 * 60;

/// Seconds that can be taken back: three frames of the slowest film, after which silence is known for its end, and more.
const MOST_TAKEN_BACK: usize = 64;

/// What is shorter than this at the end of a session tells no rate, and belongs to the second before it.
const SHORTEST: f64 = 0.1;

impl Timeline {
    /// New figures have come. Figures of a session that has just begun begin anew. Whether a second has ended.
    pub fn observe(&mut self, snapshot: &Snapshot) -> bool {
        if snapshot.is_of_another_session(&self.ended()) {
            *self = Self::default();
        }
        // It was found out late that a film had ended, and the silence behind it was no part of it.
        while snapshot.playing_s < self.ended().playing_s {
            self.take_back();
        }
        let has_ended = snapshot.playing_s.floor() > self.ended().playing_s.floor();
        if has_ended {
            self.end_second(snapshot);
        }
        has_ended
    }

    /// The session is over, with these figures. Its film may have been over for seconds.
    pub fn finish(&mut self, snapshot: &Snapshot) {
        self.observe(snapshot);
        if *snapshot == self.ended() {
            return;
        }
        if snapshot.playing_s - self.ended().playing_s < SHORTEST {
            self.take_back();
        }
        self.end_second(snapshot);
    }

    /// The last second has not ended yet.
    fn take_back(&mut self) {
        if self.ends.pop_back().is_some() {
            self.seconds.pop_back();
            self.count -= 1;
        }
    }

    /// The figures when the last second ended; nothing before there was one.
    fn ended(&self) -> Snapshot {
        self.ends.back().copied().unwrap_or_default()
    }

    fn end_second(&mut self, snapshot: &Snapshot) {
        if self.seconds.len() == MOST_SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Second::between(&self.ended(), snapshot));
        if self.ends.len() == MOST_TAKEN_BACK {
            self.ends.pop_front();
        }
        self.ends.push_back(*snapshot);
        self.count += 1;
    }

    /// The seconds that are remembered, the oldest first.
    pub fn seconds(&self) -> &VecDeque<Second> {
        &self.seconds
    }

    /// How many seconds have ended. Another number means that there is something new to draw.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(playing_s: f64, packets_received: u64, packets_lost: u64) -> Snapshot {
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
    fn each_second_has_what_came_in_it() {
        let mut timeline = Timeline::default();
        let ended: Vec<_> = [(0.3, 30, 0), (0.9, 90, 1), (1.25, 125, 5), (2.0, 200, 4), (2.4, 240, 4)]
            .map(|(time, received, lost)| timeline.observe(&figures(time, received, lost)))
            .into();
        assert_eq!(ended, [false, false, true, true, false]);
        timeline.finish(&figures(2.5, 250, 4));
        let seconds: Vec<_> = timeline
            .seconds()
            .iter()
            .map(|second| (second.packets_received, second.packets_lost, second.span_s))
            .collect();
        assert_eq!(seconds, [(125, 5, 1.25), (75, -1, 0.75), (50, 0, 0.5)]);
        let rates: Vec<_> = timeline.seconds().iter().map(|second| second.payload_bits_per_second).collect();
        assert_eq!(rates, [800_000.0; 3]);
        timeline.finish(&figures(2.5, 250, 4));
        assert_eq!(timeline.count(), 3, "nothing is counted twice");
        timeline.finish(&figures(2.55, 255, 4));
        let last = timeline.seconds().back().unwrap();
        assert_eq!(
            (timeline.count(), last.packets_received),
            (3, 55),
            "a moment belongs to the second before it"
        );
        timeline.finish(&figures(2.55, 256, 3));
        let last = timeline.seconds().back().unwrap();
        assert_eq!((last.packets_received, last.packets_lost), (56, -1), "as does what comes behind the end");
    }

    #[test]
    fn another_session_begins_anew_and_what_is_remembered_is_bounded() {
        let mut timeline = Timeline::default();
        for second in 1..=MOST_SECONDS + 10 {
            timeline.observe(&figures(second as f64, second as u64, 0));
        }
        assert_eq!((timeline.seconds().len(), timeline.count()), (MOST_SECONDS, MOST_SECONDS as u64 + 10));
        timeline.observe(&figures(0.1, 7, 0));
        assert_eq!(timeline.seconds().len(), 0);
    }

    #[test]
    fn the_silence_by_which_an_end_was_found_takes_no_seconds() {
        let mut timeline = Timeline::default();
        for second in 1..=12u8 {
            timeline.observe(&figures(f64::from(second), 100 * u64::from(second.min(10)), 0));
        }
        let end = figures(10.0, 1_000, 0);
        timeline.observe(&end);
        // It is played again, and once more to the end.
        for second in 11..=20u8 {
            timeline.observe(&figures(f64::from(second), 100 * u64::from(second), 0));
        }
        timeline.observe(&figures(21.0, 2_000, 0));
        timeline.finish(&figures(20.0, 2_000, 0));
        let seconds: Vec<_> =
            timeline.seconds().iter().map(|second| (second.time_s, second.span_s)).collect();
        assert_eq!(seconds, (1..=20).map(|second| (f64::from(second), 1.0)).collect::<Vec<_>>());
        assert!(timeline.seconds().iter().all(|second| second.packets_received == 100));
    }
}
