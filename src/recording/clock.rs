//! Times of the frames of a recording, from the timestamps of the stream. Sans-I/O.

use std::time::{Duration, Instant};

use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::Npt;

/// Clock of a recording: the first frame is at 0, and every later one follows by its timestamp.
///
/// A timestamp that does not follow, because the server began a new session or its clock jumped, counts by its arrival:
/// so the gap of a lost connection stays in the film. After [`pause`](Self::pause), the gap is closed: the next frame
/// follows after the last interval.
#[derive(Debug, Default)]
pub struct RecordingClock {
    /// Frame from which times are counted; `None` before the first.
    origin: Option<Origin>,
    last: Option<LastFrame>,
    is_paused: bool,
}

#[derive(Debug, Clone, Copy)]
struct Origin {
    timestamp: i64,
    /// Time in the recording, in µs.
    micros: u64,
}

#[derive(Debug, Clone, Copy)]
struct LastFrame {
    timestamp: i64,
    arrival: Instant,
    micros: u64,
    /// Time to the next frame, as far as it is known, in µs.
    interval: u64,
}

/// Maximum step forward, in ticks of 90 kHz, that is believed whatever the arrival: the distance from the sender's
/// clock at which the jitter buffer begins again, 10 s.
const MAX_STEP: i64 = 10 * CLOCK_RATE as i64;

/// Interval that is assumed for the first frame, in µs: that of 20 frames per second.
const FIRST_INTERVAL: u64 = 50_000;

/// Maximum interval that is kept for the frame after a pause and for the last frame, in µs.
const MAX_INTERVAL: u64 = 1_000_000;

/// Minimum time between two frames, in µs: an RTP tick, rounded up.
const MIN_INTERVAL: u64 = 12;

impl RecordingClock {
    /// Closes the gap before the next frame.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Returns the time of the next frame. `timestamp` is in ticks of 90 kHz and does not wrap.
    pub fn time_of(&mut self, timestamp: i64, arrival: Instant) -> Npt {
        let was_paused = std::mem::take(&mut self.is_paused);
        let (Some(origin), Some(last)) = (self.origin, self.last) else {
            self.origin = Some(Origin { timestamp, micros: 0 });
            self.last = Some(LastFrame { timestamp, arrival, micros: 0, interval: FIRST_INTERVAL });
            return Npt::ZERO;
        };
        let waited = arrival.saturating_duration_since(last.arrival);
        let follows = !was_paused && is_step(timestamp.saturating_sub(last.timestamp), waited);
        let micros = match follows {
            true => origin.micros.saturating_add(ticks_to_micros(timestamp.saturating_sub(origin.timestamp))),
            false if was_paused => last.micros.saturating_add(last.interval),
            false => {
                let waited = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
                last.micros.saturating_add(waited.max(MIN_INTERVAL))
            }
        };
        let micros = micros.max(last.micros.saturating_add(MIN_INTERVAL));
        if !follows {
            self.origin = Some(Origin { timestamp, micros });
        }
        let interval = if follows { (micros - last.micros).min(MAX_INTERVAL) } else { last.interval };
        self.last = Some(LastFrame { timestamp, arrival, micros, interval });
        Npt::from_micros(micros)
    }

    /// Returns the end of the last frame.
    pub fn end(&self) -> Npt {
        Npt::from_micros(self.last.map_or(0, |last| last.micros.saturating_add(last.interval)))
    }
}

/// Returns true if a step between timestamps is one of the same clock: short and forward, or as long as the time that
/// has passed.
fn is_step(ticks: i64, waited: Duration) -> bool {
    let waited =
        i64::try_from(waited.as_micros()).unwrap_or(i64::MAX) / 1_000 * (i64::from(CLOCK_RATE) / 1_000);
    ticks > 0 && (ticks <= MAX_STEP || ticks.abs_diff(waited) <= MAX_STEP as u64)
}

/// Converts a difference of timestamps that is not negative.
fn ticks_to_micros(ticks: i64) -> u64 {
    let micros = (i128::from(ticks.max(0)) * 1_000_000 + i128::from(CLOCK_RATE) / 2) / i128::from(CLOCK_RATE);
    u64::try_from(micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the times in µs of frames with these timestamps, which arrive at these ms. A timestamp of -1 is a pause.
    fn times(frames: &[(i64, u64)]) -> Vec<u64> {
        let (start, mut clock) = (Instant::now(), RecordingClock::default());
        let mut times = Vec::new();
        for (timestamp, arrival) in frames {
            match timestamp {
                -1 => clock.pause(),
                _ => {
                    times.push(clock.time_of(*timestamp, start + Duration::from_millis(*arrival)).as_micros())
                }
            }
        }
        times
    }

    #[test]
    fn times_are_those_of_the_sender_whenever_frames_arrive() {
        let start = (1 << 40) + 77;
        let frames: Vec<_> = [0, 3_003, 6_006, 9_009].iter().map(|ticks| start + ticks).collect();
        let jittered: Vec<_> = frames.iter().copied().zip([0, 900, 900, 901]).collect();
        assert_eq!(times(&jittered), [0, 33_367, 66_733, 100_100]);
        let hours: Vec<_> = (0..200_000).map(|number| (number * 3_003, number as u64 * 33)).collect();
        assert_eq!(times(&hours).last(), Some(&((199_999 * 3_003 * 100 + 4) / 9)), "without drift");
    }

    #[test]
    fn connection_that_was_stalled_adds_no_time() {
        assert_eq!(times(&[(0, 0), (4_500, 30_000), (9_000, 30_000)]), [0, 50_000, 100_000]);
    }

    #[test]
    fn pause_is_closed_whether_the_clock_of_the_sender_runs_on_or_not() {
        let runs_on = [(0, 0), (4_500, 50), (-1, 60), (904_500, 10_050), (909_000, 10_100)];
        let stands = [(0, 0), (4_500, 50), (-1, 60), (9_000, 10_050), (13_500, 10_100)];
        let begins_again = [(0, 0), (4_500, 50), (-1, 60), (77, 10_050), (4_577, 10_100)];
        for frames in [runs_on, stands, begins_again] {
            assert_eq!(times(&frames), [0, 50_000, 100_000, 150_000]);
        }
    }

    #[test]
    fn gap_of_a_lost_connection_stays() {
        let new_session = [(900_000_000, 0), (900_004_500, 50), (33, 7_050), (4_533, 7_100)];
        assert_eq!(times(&new_session), [0, 50_000, 7_050_000, 7_100_000]);
        let same_clock = [(0, 0), (4_500, 50), (5_404_500, 60_050), (5_409_000, 60_100)];
        assert_eq!(times(&same_clock), [0, 50_000, 60_050_000, 60_100_000]);
    }

    #[test]
    fn equal_timestamps_follow_their_arrival() {
        assert_eq!(times(&[(0, 0), (0, 40), (0, 40), (3_600, 80)]), [0, 40_000, 40_012, 80_012]);
    }

    #[test]
    fn end_is_one_interval_after_the_last_frame() {
        let (now, mut clock) = (Instant::now(), RecordingClock::default());
        assert_eq!(clock.end(), Npt::ZERO);
        clock.time_of(7, now);
        assert_eq!(clock.end().as_micros(), 50_000);
        clock.time_of(3_607, now);
        assert_eq!(clock.end().as_micros(), 80_000);
    }
}
