//! Stalls: frames that stayed on the screen too long.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Counter of stalls.
///
/// A stall is a freeze in terms of the W3C's "Identifiers for WebRTC's Statistics API": a frame that stayed on the
/// screen for at least three times the mean duration of the last 30 frames, and at least 150 ms longer than this mean.
#[derive(Debug, Clone, Default)]
pub struct Stalls {
    /// Display durations of the last frames.
    frame_durations: VecDeque<Duration>,
    last_shown: Option<Instant>,
    figures: StallFigures,
}

/// Number and duration of stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StallFigures {
    /// Number of stalls, including one that has not ended.
    pub count: u64,
    /// Total duration of all stalls.
    pub total: Duration,
    /// Duration of the longest stall.
    pub longest: Duration,
}

/// Number of frames that the mean duration is taken from.
const MAX_FRAME_DURATIONS: usize = 30;

/// Minimum time by which a stall exceeds the mean duration.
const MIN_EXCESS: Duration = Duration::from_millis(150);

impl Stalls {
    /// Records that a frame is shown at `now`.
    pub fn record_frame_shown(&mut self, now: Instant) {
        let Some(last) = self.last_shown.replace(now) else { return };
        let duration = now.saturating_duration_since(last);
        self.figures = self.with_frame_duration(duration);
        if self.frame_durations.len() == MAX_FRAME_DURATIONS {
            self.frame_durations.pop_front();
        }
        self.frame_durations.push_back(duration);
    }

    fn threshold(&self) -> Option<Duration> {
        let frames = u32::try_from(self.frame_durations.len()).ok().filter(|frames| *frames > 0)?;
        let average = self.frame_durations.iter().sum::<Duration>() / frames;
        Some((average * 3).max(average + MIN_EXCESS))
    }

    /// Returns the figures including a frame that stayed for `duration`.
    fn with_frame_duration(&self, duration: Duration) -> StallFigures {
        let StallFigures { count, total, longest } = self.figures;
        match self.threshold().is_some_and(|threshold| duration >= threshold) {
            true => {
                StallFigures { count: count + 1, total: total + duration, longest: longest.max(duration) }
            }
            false => self.figures,
        }
    }

    /// Ends the display duration of the last frame: the screen is paused, or shows another stream.
    pub fn mark_discontinuity(&mut self, now: Instant) {
        self.figures = self.figures(now);
        self.last_shown = None;
    }

    /// Returns the figures at `now`, including the frame on the screen if it is a stall by then.
    pub fn figures(&self, now: Instant) -> StallFigures {
        match self.last_shown {
            Some(last) => self.with_frame_duration(now.saturating_duration_since(last)),
            None => self.figures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn stall_needs_three_times_and_150_ms_more_than_average() {
        let (mut now, mut stalls) = (Instant::now(), Stalls::default());
        let mut show_after = |milliseconds: u32| {
            now += MS * milliseconds;
            stalls.record_frame_shown(now);
            stalls.figures(now).count
        };
        show_after(0);
        for _ in 0..40 {
            assert_eq!(show_after(50), 0);
        }
        assert_eq!(show_after(199), 0, "the threshold is a mean of 50 ms and 150 ms more");
        for _ in 0..40 {
            show_after(50);
        }
        assert_eq!(show_after(200), 1);
        assert_eq!(show_after(50), 1);
        assert_eq!(show_after(1_000), 2);
        let expected = StallFigures { count: 2, total: 1_200 * MS, longest: 1_000 * MS };
        assert_eq!(stalls.figures(now), expected);
    }

    #[test]
    fn frozen_frame_counts_as_stall_while_it_lasts() {
        let (begin, mut stalls) = (Instant::now(), Stalls::default());
        for frame in 0..=20 {
            stalls.record_frame_shown(begin + 50 * MS * frame);
        }
        assert_eq!(stalls.figures(begin + 1_199 * MS).count, 0);
        let stalled = StallFigures { count: 1, total: 3_000 * MS, longest: 3_000 * MS };
        assert_eq!(stalls.figures(begin + 4_000 * MS), stalled);
        assert_eq!(stalls.figures(begin + 1_100 * MS).count, 0, "reading the figures does not change them");
        stalls.mark_discontinuity(begin + 4_000 * MS);
        assert_eq!(stalls.figures(begin + 9_000 * MS), stalled, "the stall ended with the discontinuity");
    }

    #[test]
    fn pause_is_not_a_stall() {
        let (now, mut stalls) = (Instant::now(), Stalls::default());
        for frame in 0..5 {
            stalls.record_frame_shown(now + 50 * MS * frame);
        }
        stalls.mark_discontinuity(now + 200 * MS);
        stalls.record_frame_shown(now + 9_000 * MS);
        assert_eq!(stalls.figures(now + 9_000 * MS), StallFigures::default());
    }
}
