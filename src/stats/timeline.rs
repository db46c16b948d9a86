//! Timeline of a session, second by second.

use std::collections::VecDeque;

use serde::Serialize;

use super::Snapshot;

/// Second of playing time. Fields named "per second" are rates over the second, other counts are those of the second,
/// and durations are as measured at its end. `None` where a value is unknown; numbers of packets are unknown over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Second {
    /// Playing time at its end, in seconds.
    pub time_s: f64,
    /// Actual length in seconds; that of the last one of a session is shorter.
    pub span_s: f64,
    /// Number of packets expected.
    pub packets_expected: Option<u64>,
    /// Packets received, duplicates not counted.
    pub packets_received: Option<u64>,
    /// Packets lost; negative if packets arrived that had counted as lost in the second before.
    pub packets_lost: Option<i64>,
    /// Further copies of packets already received.
    pub packets_duplicated: Option<u64>,
    /// Packets received after one with a higher sequence number.
    pub packets_reordered: Option<u64>,
    /// Packets received too late for playout.
    pub packets_late: Option<u64>,
    /// Bits of RTP payload per second.
    pub payload_bits_per_second: f64,
    /// Bits received per second, headers included.
    pub wire_bits_per_second: f64,
    /// Interarrival jitter in milliseconds.
    pub jitter_ms: Option<f64>,
    /// Frame jitter in milliseconds.
    pub frame_jitter_ms: Option<f64>,
    /// Frames per second by the timestamps of the sender.
    pub frames_per_second_sent: Option<f64>,
    /// Complete frames per second.
    pub frames_complete_per_second: f64,
    /// Frames shown per second.
    pub frames_shown_per_second: f64,
    /// Number of incomplete frames.
    pub frames_incomplete: u64,
    /// Complete frames dropped because they were late.
    pub frames_dropped_late: u64,
    /// Network delay in milliseconds.
    pub network_delay_ms: Option<f64>,
    /// Playing time of the jitter buffer in milliseconds.
    pub buffered_ms: Option<f64>,
    /// Time between completion and display of a frame, in milliseconds.
    pub playout_delay_ms: Option<f64>,
    /// End-to-end delay in milliseconds.
    pub end_to_end_ms: Option<f64>,
    /// Round-trip time in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Duration of stalls in milliseconds.
    pub stalled_ms: f64,
    /// Packets that the emulated network dropped at random; `None` if no network was emulated.
    pub emulated_lost_random: Option<u64>,
    /// Packets that the emulated network dropped because its queue was full; `None` if no network was emulated.
    pub emulated_lost_queue: Option<u64>,
    /// Mean share of the area of all frame times that came from its own frame, 0 to 1; `None` without a frame time.
    pub fresh_area: Option<f64>,
    /// Lost packets that a retransmission repaired.
    pub repaired_rtx: Option<u64>,
    /// Lost packets that a parity packet repaired.
    pub repaired_fec: Option<u64>,
    /// Number of frames shown with missing parts.
    pub frames_damaged: u64,
}

impl Second {
    fn between(earlier: &Snapshot, later: &Snapshot) -> Self {
        let span_s = later.playing_s - earlier.playing_s;
        let count = |field: fn(&Snapshot) -> u64| field(later).saturating_sub(field(earlier));
        let has_packets = !later.lacks_packets;
        let packets = |field: fn(&Snapshot) -> u64| has_packets.then(|| count(field));
        let rate = |amount: u64| if span_s > 0.0 { amount as f64 / span_s } else { 0.0 };
        let emulated = |field: fn(&crate::impairment::EmulatorStats) -> u64| {
            later.emulated.map(|now| {
                field(&now).saturating_sub(earlier.emulated.map_or(0, |previous| field(&previous)))
            })
        };
        Self {
            time_s: later.playing_s,
            span_s,
            packets_expected: packets(|s| s.packets_expected),
            packets_received: packets(|s| s.packets_received),
            packets_lost: has_packets.then(|| later.packets_lost as i64 - earlier.packets_lost as i64),
            packets_duplicated: packets(|s| s.packets_duplicated),
            packets_reordered: packets(|s| s.packets_reordered),
            packets_late: packets(|s| s.packets_late),
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
            fresh_area: later.frame_times.fresh_area_since(earlier.frame_times),
            repaired_rtx: packets(|s| s.repaired_rtx),
            repaired_fec: packets(|s| s.repaired_fec),
            frames_damaged: count(|s| s.frames_damaged),
        }
    }
}

/// Timeline of a session. It counts playing time, so pauses take no time. At most 24 hours are kept.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    seconds: VecDeque<Second>,
    /// Figures at the ends of the last seconds, the newest last.
    end_snapshots: VecDeque<Snapshot>,
    total_seconds: u64,
}

/// Maximum number of seconds that are kept: one day.
const MAX_SECONDS: usize = 24 * 60 * 60;

/// Maximum number of seconds that can be removed at the end. The end of a film is detected after at most three frame
/// intervals of 10 s, so this is more than enough.
const MAX_REMOVABLE_SECONDS: usize = 64;

/// Minimum length in seconds of the last second. A shorter one would give no meaningful rate, and is added to the
/// second before it.
const MIN_LAST_SECOND: f64 = 0.1;

impl Timeline {
    /// Adds figures; those of a new session restart the timeline. Returns true if a second has ended.
    pub fn update(&mut self, snapshot: &Snapshot) -> bool {
        if snapshot.is_new_session(&self.last_end()) {
            *self = Self::default();
        }
        // The end of a film is detected late, and the time without data after it is not playing time.
        while snapshot.playing_s < self.last_end().playing_s {
            self.remove_last_second();
        }
        let has_ended = snapshot.playing_s.floor() > self.last_end().playing_s.floor();
        if has_ended {
            self.push_second(snapshot);
        }
        has_ended
    }

    /// Ends the session with these figures. The film may have ended some seconds before.
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

    /// Removes the last second, so that it can be added again with later figures.
    fn remove_last_second(&mut self) {
        if self.end_snapshots.pop_back().is_some() {
            self.seconds.pop_back();
            self.total_seconds -= 1;
        }
    }

    /// Figures at the end of the last second; all zero before the first.
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

    /// Seconds, the oldest first.
    pub fn seconds(&self) -> &VecDeque<Second> {
        &self.seconds
    }

    /// Number of seconds that have ended, including those no longer kept. It changes whenever there is a new one.
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
    fn fresh_area_is_that_of_the_frame_times_of_the_second() {
        use crate::stats::FrameTimeAreas;
        let at = |playing_s, count, fresh| Snapshot {
            frame_times: FrameTimeAreas { count, fresh },
            ..snapshot(playing_s, 0, 0)
        };
        let mut timeline = Timeline::default();
        for figures in [at(1.0, 20, 19.0), at(2.0, 40, 34.0), at(3.0, 40, 34.0), at(4.0, 44, 38.0)] {
            timeline.update(&figures);
        }
        let areas: Vec<_> = timeline.seconds().iter().map(|second| second.fresh_area).collect();
        assert_eq!(areas, [Some(0.95), Some(0.75), None, Some(1.0)]);
    }

    #[test]
    fn repairs_are_those_of_the_second() {
        let at = |playing_s, repaired_rtx, repaired_fec, frames_damaged| Snapshot {
            repaired_rtx,
            repaired_fec,
            frames_damaged,
            ..snapshot(playing_s, 0, 0)
        };
        let mut timeline = Timeline::default();
        for figures in [at(1.0, 3, 0, 1), at(2.0, 5, 4, 1), at(3.0, 5, 4, 3)] {
            timeline.update(&figures);
        }
        let repairs = timeline.seconds().iter().map(|s| (s.repaired_rtx, s.repaired_fec, s.frames_damaged));
        assert_eq!(
            repairs.collect::<Vec<_>>(),
            [(Some(3), Some(0), 1), (Some(2), Some(4), 0), (Some(0), Some(0), 2)]
        );
        timeline.update(&Snapshot { lacks_packets: true, ..at(4.0, 5, 4, 3) });
        assert_eq!(timeline.seconds().back().unwrap().repaired_rtx, None, "there are no packets over HTTP");
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
        assert_eq!(
            seconds,
            [(Some(125), Some(5), 1.25), (Some(75), Some(-1), 0.75), (Some(50), Some(0), 0.5)]
        );
        let rates: Vec<_> = timeline.seconds().iter().map(|second| second.payload_bits_per_second).collect();
        assert_eq!(rates, [800_000.0; 3]);
        timeline.finish(&snapshot(2.5, 250, 4));
        assert_eq!(timeline.total_seconds(), 3, "the last second is not counted twice");
        timeline.finish(&snapshot(2.55, 255, 4));
        let last = timeline.seconds().back().unwrap();
        assert_eq!(
            (timeline.total_seconds(), last.packets_received),
            (3, Some(55)),
            "a short rest is added to the second before it"
        );
        timeline.finish(&snapshot(2.55, 256, 3));
        let last = timeline.seconds().back().unwrap();
        assert_eq!(
            (last.packets_received, last.packets_lost),
            (Some(56), Some(-1)),
            "packets after the end are added to the last second"
        );
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
        // The film is played again to its end.
        for second in 11..=20u8 {
            timeline.update(&snapshot(f64::from(second), 100 * u64::from(second), 0));
        }
        timeline.update(&snapshot(21.0, 2_000, 0));
        timeline.finish(&snapshot(20.0, 2_000, 0));
        let seconds: Vec<_> =
            timeline.seconds().iter().map(|second| (second.time_s, second.span_s)).collect();
        assert_eq!(seconds, (1..=20).map(|second| (f64::from(second), 1.0)).collect::<Vec<_>>());
        assert!(timeline.seconds().iter().all(|second| second.packets_received == Some(100)));
    }
}
