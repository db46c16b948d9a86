//! Frame rate of the sender, from RTP timestamps.

use std::collections::VecDeque;

use crate::proto::rtp::CLOCK_RATE;

/// Intervals between the timestamps of consecutive frames.
///
/// The median is used, because a lost frame makes an interval twice as long.
#[derive(Debug, Clone, Default)]
pub struct FrameInterval {
    last_timestamp: Option<i64>,
    intervals: VecDeque<i64>,
}

/// Number of intervals that the median is taken from.
const MAX_INTERVALS: usize = 31;

impl FrameInterval {
    /// Records the extended timestamp of a packet. Packets of the same or an earlier frame are ignored.
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

    /// Skips the interval to the next packet, which does not continue the stream.
    pub fn mark_discontinuity(&mut self) {
        self.last_timestamp = None;
    }

    /// Returns the frame rate in frames per second; `None` before the second frame.
    pub fn frames_per_second(&self) -> Option<f64> {
        self.median().map(|interval| f64::from(CLOCK_RATE) / interval as f64)
    }

    /// Returns the number of frame intervals in a distance of timestamps, rounded; 0 before the second frame, and if
    /// the distance is negative.
    pub fn intervals_in(&self, ticks: i64) -> u64 {
        let intervals = self.median().map_or(0, |interval| ticks.saturating_add(interval / 2) / interval);
        u64::try_from(intervals).unwrap_or_default()
    }

    /// Returns the median interval in ticks, which is positive.
    fn median(&self) -> Option<i64> {
        let mut intervals: Vec<_> = self.intervals.iter().copied().collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() / 2).copied()
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
        assert_eq!(
            [-1, 0, 2_000, 4_500, 9_100].map(|ticks| frame_interval.intervals_in(ticks)),
            [0, 0, 0, 1, 2]
        );
        frame_interval.mark_discontinuity();
        for frame in 0..60 {
            frame_interval.record_timestamp(1_000_000 + frame * 3_000);
        }
        assert_eq!(frame_interval.frames_per_second(), Some(30.0));
        assert_eq!(frame_interval.intervals.len(), MAX_INTERVALS);
    }
}
