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
    stays: VecDeque<Duration>,
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
const REMEMBERED: usize = 30;

/// A stall is at least so much longer than a picture stays on average.
const LONGER: Duration = Duration::from_millis(150);

impl Stalls {
    /// A picture is on the screen.
    pub fn shown(&mut self, now: Instant) {
        let Some(last) = self.last_shown.replace(now) else { return };
        let stay = now.saturating_duration_since(last);
        self.figures = self.with(stay);
        if self.stays.len() == REMEMBERED {
            self.stays.pop_front();
        }
        self.stays.push_back(stay);
    }

    fn threshold(&self) -> Option<Duration> {
        let pictures = u32::try_from(self.stays.len()).ok().filter(|pictures| *pictures > 0)?;
        let average = self.stays.iter().sum::<Duration>() / pictures;
        Some((average * 3).max(average + LONGER))
    }

    /// The figures, and a picture that has stayed this long.
    fn with(&self, stay: Duration) -> StallFigures {
        let StallFigures { count, total, longest } = self.figures;
        match self.threshold().is_some_and(|threshold| stay >= threshold) {
            true => StallFigures { count: count + 1, total: total + stay, longest: longest.max(stay) },
            false => self.figures,
        }
    }

    /// The picture is meant to stand still from now on, or is another one.
    pub fn interrupt(&mut self, now: Instant) {
        self.figures = self.figures(now);
        self.last_shown = None;
    }

    /// How often, and for how long; the picture that stands now may be one that does not move again.
    pub fn figures(&self, now: Instant) -> StallFigures {
        match self.last_shown {
            Some(last) => self.with(now.saturating_duration_since(last)),
            None => self.figures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_stall_is_three_times_and_150_ms_longer_than_usual() {
        let (mut now, mut stalls) = (Instant::now(), Stalls::default());
        let mut show_after = |milliseconds: u32| {
            now += MS * milliseconds;
            stalls.shown(now);
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
    fn a_picture_that_does_not_move_again_stalls_while_it_stands() {
        let (begin, mut stalls) = (Instant::now(), Stalls::default());
        for frame in 0..=20 {
            stalls.shown(begin + 50 * MS * frame);
        }
        assert_eq!(stalls.figures(begin + 1_199 * MS).count, 0);
        let standing = StallFigures { count: 1, total: 3_000 * MS, longest: 3_000 * MS };
        assert_eq!(stalls.figures(begin + 4_000 * MS), standing);
        assert_eq!(stalls.figures(begin + 1_100 * MS).count, 0, "looking changes nothing");
        stalls.interrupt(begin + 4_000 * MS);
        assert_eq!(stalls.figures(begin + 9_000 * MS), standing, "as long as it should have moved");
    }

    #[test]
    fn a_pause_is_no_stall() {
        let (now, mut stalls) = (Instant::now(), Stalls::default());
        for frame in 0..5 {
            stalls.shown(now + 50 * MS * frame);
        }
        stalls.interrupt(now + 200 * MS);
        stalls.shown(now + 9_000 * MS);
        assert_eq!(stalls.figures(now + 9_000 * MS), StallFigures::default());
    }
}
