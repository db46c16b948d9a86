//! Pictures that stood still.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Counts the times at which the picture stood still although it should have moved.
///
/// It is what the W3C's "Identifiers for WebRTC's Statistics API" calls a freeze: a picture that stayed for three
/// times as long as the last thirty did on average, and at least 150 ms longer.
#[derive(Debug, Clone, Default)]
pub struct Stalls {
    /// How long the last pictures stayed.
    frame_durations: VecDeque<Duration>,
    last_shown: Option<Instant>,
    figures: StallFigures,
}

/// How often, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StallFigures {
    /// How often.
    pub count: u64,
    /// For how long in all.
    pub total: Duration,
    /// The longest one.
    pub longest: Duration,
}

/// Pictures that an average is taken of.
const MAX_FRAME_DURATIONS: usize = 30;

/// A stall is at least so much longer than a picture stays on average.
const MIN_EXCESS: Duration = Duration::from_millis(150);

impl Stalls {
    /// A picture is on the screen.
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

    /// The figures, and a picture that has stayed this long.
    fn with_frame_duration(&self, duration: Duration) -> StallFigures {
        let StallFigures { count, total, longest } = self.figures;
        match self.threshold().is_some_and(|threshold| duration >= threshold) {
            true => {
                StallFigures { count: count + 1, total: total + duration, longest: longest.max(duration) }
            }
            false => self.figures,
        }
    }

    /// The picture is meant to stand still from now on, or is another one.
    pub fn mark_discontinuity(&mut self, now: Instant) {
        self.figures = self.figures(now);
        self.last_shown = None;
    }

    /// How often, and for how long; the picture that stands now may be one that does not move again.
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
        assert_eq!(show_after(199), 0, "an average of 50 ms, and 150 ms more");
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
    fn frozen_picture_counts_as_stall_while_it_lasts() {
        let (begin, mut stalls) = (Instant::now(), Stalls::default());
        for frame in 0..=20 {
            stalls.record_frame_shown(begin + 50 * MS * frame);
        }
        assert_eq!(stalls.figures(begin + 1_199 * MS).count, 0);
        let stalled = StallFigures { count: 1, total: 3_000 * MS, longest: 3_000 * MS };
        assert_eq!(stalls.figures(begin + 4_000 * MS), stalled);
        assert_eq!(stalls.figures(begin + 1_100 * MS).count, 0, "looking changes nothing");
        stalls.mark_discontinuity(begin + 4_000 * MS);
        assert_eq!(stalls.figures(begin + 9_000 * MS), stalled, "as long as it should have moved");
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
