//! Common times at which the frames of many sessions are due. Sans-I/O.

use std::time::{Duration, Instant};

use crate::media::FrameRate;
use crate::proto::rtsp::Factor;

/// Grid of the instants at which a PLAY begins while the server has many sessions.
///
/// The grid divides the frame interval. If all intervals of the film are the same, every frame of the PLAY is due on
/// the grid, together with frames of other sessions, and the server wakes up once for all of them. The PLAY is delayed
/// by less than one step, and nothing is added to the jitter that the viewer measures. Frames of a film whose intervals
/// differ leave the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseGrid {
    /// Instant from which all steps are counted.
    origin: Instant,
    /// Number of steps in a frame interval; a power of two, so that a fine grid contains a coarse one.
    steps: u32,
}

/// Minimum number of steps in a frame interval: a PLAY is delayed by less than an eighth of it.
const MIN_STEPS: u32 = 8;

/// Maximum number of steps in a frame interval. A finer grid would need as many wake-ups as none.
const MAX_STEPS: u32 = 32;

/// Interval from which on frames are so rare that a PLAY begins at once.
const LONG_INTERVAL: Duration = Duration::from_millis(250);

/// Number of sessions on one step: few enough that the last of their frames is hardly late.
const SESSIONS_PER_STEP: usize = 16;

impl PhaseGrid {
    /// Creates the grid for this number of sessions. `origin` is the same for all sessions of a server.
    pub fn new(origin: Instant, sessions: usize) -> Self {
        let steps = sessions.div_ceil(SESSIONS_PER_STEP).min(MAX_STEPS as usize) as u32;
        Self { origin, steps: steps.next_power_of_two().clamp(MIN_STEPS, MAX_STEPS) }
    }

    /// Returns the first instant of the grid from `now` on, to the microsecond, for frames sent at `send_rate`.
    pub(super) fn next_step(&self, now: Instant, send_rate: FrameRate) -> Instant {
        if send_rate.interval() >= LONG_INTERVAL {
            return now;
        }
        let step_rate = send_rate.scaled_by(Factor::from_thousandths(self.steps * 1_000));
        let elapsed = now.saturating_duration_since(self.origin);
        self.origin + step_rate.time_of(step_rate.first_frame_from(elapsed.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_sessions_have_a_finer_grid() {
        let origin = Instant::now();
        let steps = [16, 100, 128, 129, 256, 257, 1_000, 4_096]
            .map(|sessions| PhaseGrid::new(origin, sessions).steps);
        assert_eq!(steps, [8, 8, 8, 16, 16, 32, 32, 32]);
    }

    #[test]
    fn start_is_delayed_by_less_than_one_step() {
        let (origin, rate) = (Instant::now(), FrameRate::per_second(25));
        let grid = PhaseGrid::new(origin, 16);
        let start =
            |micros| (grid.next_step(origin + Duration::from_micros(micros), rate) - origin).as_micros();
        assert_eq!([0, 1, 4_999, 5_000, 5_001, 40_000].map(start), [0, 5_000, 5_000, 5_000, 10_000, 40_000]);
        let now = origin + Duration::from_micros(1);
        assert_eq!(grid.next_step(now, FrameRate::per_second(4)), now, "a slow film begins at once");
    }

    /// Plays that begin at different times have frames at the same instants, days later too.
    #[test]
    fn frames_of_all_plays_are_on_the_grid() {
        let origin = Instant::now();
        for rate in [FrameRate::per_second(20), FrameRate::new(30_000, 1_001).unwrap()] {
            let grid = PhaseGrid::new(origin, 40);
            for start_after in [0, 7_777, 12_345_678, 200_000_000_000].map(Duration::from_micros) {
                let start = grid.next_step(origin + start_after, rate);
                let since_origin = start - origin;
                for frame in [0, 1, 29, 100_000] {
                    let due = since_origin + rate.time_of(frame);
                    let steps = due.as_secs_f64() * rate.as_f64() * 8.0;
                    let nearest = FrameRate::scaled_by(rate, Factor::from_thousandths(8_000))
                        .time_of(steps.round() as u64);
                    let distance = due.abs_diff(nearest);
                    assert!(
                        distance < Duration::from_micros(2),
                        "{rate} {start_after:?} {frame}: {distance:?}"
                    );
                }
            }
        }
    }
}
