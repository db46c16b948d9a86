//! The rate at which pictures are sent, by their timestamps.

use std::collections::VecDeque;

use crate::proto::rtp::CLOCK_RATE;

/// The steps from one picture's timestamp to the next.
///
/// A picture that is lost as a whole makes a step of two; so it is the median that tells.
#[derive(Debug, Clone, Default)]
pub struct FrameInterval {
    last_timestamp: Option<i64>,
    intervals: VecDeque<i64>,
}

/// Steps that are looked at.
const MAX_INTERVALS: usize = 31;

impl FrameInterval {
    /// A packet has come; its timestamp is extended.
    pub fn record_timestamp(&mut self, timestamp: i64) {
        let interval = self.last_timestamp.map(|last| timestamp - last);
        if interval.is_some_and(|interval| interval <= 0) {
            return;
        }
        self.last_timestamp = Some(timestamp);
        if let Some(interval) = interval {
            if self.intervals.len() == MAX_INTERVALS {
                self.intervals.pop_front();
            }
            self.intervals.push_back(interval);
        }
    }

    /// What comes next does not follow on what came.
    pub fn mark_discontinuity(&mut self) {
        self.last_timestamp = None;
    }

    /// Pictures a second; `None` before two have come.
    pub fn frames_per_second(&self) -> Option<f64> {
        let mut intervals: Vec<_> = self.intervals.iter().copied().collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() / 2).map(|interval| f64::from(CLOCK_RATE) / *interval as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_frames_and_pauses_do_not_change_frame_rate() {
        let mut frame_interval = FrameInterval::default();
        assert_eq!(frame_interval.frames_per_second(), None);
        for frame in [0, 0, 1, 2, 2, 4, 5, 9, 8, 10, 11] {
            frame_interval.record_timestamp(frame * 4_500);
        }
        assert_eq!(frame_interval.frames_per_second(), Some(20.0));
        frame_interval.mark_discontinuity();
        for frame in 0..60 {
            frame_interval.record_timestamp(1_000_000 + frame * 3_000);
        }
        assert_eq!(frame_interval.frames_per_second(), Some(30.0));
        assert_eq!(frame_interval.intervals.len(), MAX_INTERVALS);
    }
}
