//! Estimate of the clock of the sender by the arrival of its frames. Sans-I/O.

use std::time::{Duration, Instant};

use crate::proto::rtp::CLOCK_RATE;
use crate::session::frame::Frame;

/// Estimate of the sender's clock against the local one.
#[derive(Debug)]
pub struct SenderClock {
    /// Timestamp and arrival time of the frame that offsets are measured against.
    origin: (i64, Instant),
    /// Smallest offset against the origin in the current window and in the previous one, in nanoseconds, without that
    /// of the origin.
    min_offsets: [Option<i64>; 2],
    window_start: Instant,
    /// Offset that expected arrivals are computed with, in nanoseconds: it approaches the smallest one.
    offset: i64,
    updated_at: Instant,
}

/// Length of the window for the smallest offset. An offset counts in its window and in the next one.
const OFFSET_WINDOW: Duration = Duration::from_secs(5);

/// Time for which the first frame counts. It often arrives earlier than all others: servers send it at once, and spread
/// the packets of the following frames over time.
const ORIGIN_TIME: Duration = Duration::from_secs(1);

/// Rate at which what frames wait for changes, in microseconds per second: frames follow each other 2 % faster or
/// slower, which is not visible.
pub const SLEW_MICROS_PER_SECOND: u32 = 20_000;

impl SenderClock {
    /// Starts the estimate with a frame.
    pub fn new(frame: &Frame) -> Self {
        let Frame { timestamp, arrival, .. } = *frame;
        Self {
            origin: (timestamp, arrival),
            min_offsets: [None, None],
            window_start: arrival,
            offset: 0,
            updated_at: arrival,
        }
    }

    /// Delay of a frame against the origin, in nanoseconds.
    pub fn offset(&self, frame: &Frame) -> i64 {
        let (timestamp, arrival) = self.origin;
        let arrived = signed_nanos_between(arrival, frame.arrival);
        let sent = ticks_to_nanos(frame.timestamp.saturating_sub(timestamp));
        arrived.saturating_sub(sent)
    }

    /// Adds the arrival of a frame to the estimate. `delay` is the time that frames wait after their expected arrival.
    ///
    /// The estimate changes slowly, so that no frame is seen to move, except where that has a price: a first frame that
    /// was late would delay all others, and a change beyond `delay` would make all frames late.
    pub fn update(&mut self, frame: &Frame, delay: Duration) {
        let offset = self.offset(frame);
        if frame.arrival.saturating_duration_since(self.window_start) >= OFFSET_WINDOW {
            self.min_offsets = [None, self.min_offsets[0]];
            self.window_start = frame.arrival;
        }
        if frame.timestamp != self.origin.0 {
            self.min_offsets[0] = Some(self.min_offsets[0].map_or(offset, |least| least.min(offset)));
        }
        let elapsed = frame.arrival.saturating_duration_since(self.updated_at).min(OFFSET_WINDOW);
        self.updated_at = self.updated_at.max(frame.arrival);
        let slew =
            i64::try_from((elapsed * SLEW_MICROS_PER_SECOND / 1_000_000).as_nanos()).unwrap_or(i64::MAX);
        let Some(least) = self.least_offset(frame.arrival) else { return };
        let distance = least.saturating_sub(self.offset);
        let is_starting = frame.arrival.saturating_duration_since(self.origin.1) < OFFSET_WINDOW;
        let are_all_late = distance > i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
        self.offset = match is_starting && distance < 0 || are_all_late {
            true => least,
            false => self.offset.saturating_add(distance.clamp(-slew, slew)),
        };
    }

    /// Smallest offset of the last seconds, in nanoseconds; `None` if only the first frame has arrived, and it no
    /// longer counts.
    fn least_offset(&self, now: Instant) -> Option<i64> {
        let is_origin_counted = now.saturating_duration_since(self.origin.1) < ORIGIN_TIME;
        self.min_offsets.into_iter().flatten().chain(is_origin_counted.then_some(0)).min()
    }

    /// Returns the earliest time at which a frame with this extended timestamp would arrive.
    pub fn expected_arrival(&self, timestamp: i64) -> Instant {
        let (origin, arrival) = self.origin;
        let nanos = ticks_to_nanos(timestamp.saturating_sub(origin)).saturating_add(self.offset);
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        let expected = if nanos >= 0 { arrival.checked_add(distance) } else { arrival.checked_sub(distance) };
        expected.unwrap_or(arrival)
    }
}

/// Converts ticks of 90 kHz to nanoseconds. Saturates.
pub fn ticks_to_nanos(ticks: i64) -> i64 {
    (i128::from(ticks) * 1_000_000_000 / i128::from(CLOCK_RATE)).clamp(i64::MIN.into(), i64::MAX.into())
        as i64
}

/// Nanoseconds from one instant to another; negative if the other is earlier. Saturates.
pub fn signed_nanos_between(from: Instant, to: Instant) -> i64 {
    let (forward, backward) = (to.saturating_duration_since(from), from.saturating_duration_since(to));
    let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    nanos(forward) - nanos(backward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const MS: Duration = Duration::from_millis(1);

    /// Adds frames, 20 per second, that arrive `late` after they were sent. Returns by how much each is expected later
    /// than it was sent.
    fn expected(
        clock: &mut SenderClock,
        begin: Instant,
        numbers: std::ops::Range<u32>,
        late: Duration,
        delay: Duration,
    ) -> Vec<Duration> {
        let expected = numbers.map(|number| {
            let (sent, timestamp) = (begin + 50 * MS * number, i64::from(number) * 4_500);
            let frame = Frame::complete(Bytes::new(), timestamp, sent + late);
            clock.update(&frame, delay);
            clock.expected_arrival(timestamp) - sent
        });
        expected.collect()
    }

    #[test]
    fn estimate_moves_slowly_except_at_the_start() {
        let begin = Instant::now();
        let mut clock = SenderClock::new(&Frame::complete(Bytes::new(), 0, begin + 100 * MS));
        let first = expected(&mut clock, begin, 1..200, 60 * MS, 50 * MS);
        assert!(first.iter().all(|expected| *expected == 60 * MS), "the first frame was late");
        let later = expected(&mut clock, begin, 200..600, 95 * MS, 50 * MS);
        assert_eq!((later[0], *later.last().unwrap()), (60 * MS, 95 * MS));
        let earlier = expected(&mut clock, begin, 600..800, 60 * MS, 50 * MS);
        assert_eq!(*earlier.last().unwrap(), 60 * MS);
        for pair in [later, earlier].concat().windows(2) {
            assert!(pair[0].abs_diff(pair[1]) <= MS, "{pair:?}");
        }
    }

    #[test]
    fn first_frame_that_is_early_holds_the_estimate_for_a_second() {
        let begin = Instant::now();
        let first = Frame::complete(Bytes::new(), 0, begin);
        let mut clock = SenderClock::new(&first);
        clock.update(&first, 50 * MS);
        let shown = expected(&mut clock, begin, 1..200, 6 * MS, 50 * MS);
        assert!(shown[..19].iter().all(Duration::is_zero), "{shown:?}");
        assert!(shown[25..].iter().all(|expected| *expected == 6 * MS), "{shown:?}");
    }

    #[test]
    fn estimate_moves_at_once_if_all_frames_would_be_late() {
        let begin = Instant::now();
        let mut clock = SenderClock::new(&Frame::complete(Bytes::new(), 0, begin));
        expected(&mut clock, begin, 1..200, Duration::ZERO, 50 * MS);
        let later = expected(&mut clock, begin, 200..500, 300 * MS, 50 * MS);
        assert_eq!((later[0], *later.last().unwrap()), (Duration::ZERO, 300 * MS));
        let steps = later.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(steps, 1, "{later:?}");
    }
}
