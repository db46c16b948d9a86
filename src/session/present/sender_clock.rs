//! Estimate of the clock of the sender by the arrival of its frames. Sans-I/O.

use std::time::{Duration, Instant};

use crate::proto::rtp::CLOCK_RATE;
use crate::session::frame::Frame;

/// Estimate of the sender's clock against the local one.
#[derive(Debug)]
pub struct SenderClock {
    /// Timestamp and arrival time of the frame that offsets are measured against.
    origin: (i64, Instant),
    /// Smallest offset against the origin in the current window and in the previous one, in nanoseconds.
    min_offsets: [i64; 2],
    window_start: Instant,
}

/// Length of the window for the smallest offset. An offset counts in its window and in the next one.
const OFFSET_WINDOW: Duration = Duration::from_secs(5);

impl SenderClock {
    /// Starts the estimate with a frame.
    pub fn new(frame: &Frame) -> Self {
        Self { origin: (frame.timestamp, frame.arrival), min_offsets: [0, 0], window_start: frame.arrival }
    }

    /// Delay of a frame against the origin, in nanoseconds.
    pub fn offset(&self, frame: &Frame) -> i64 {
        let (timestamp, arrival) = self.origin;
        let arrived = signed_nanos_between(arrival, frame.arrival);
        let sent = ticks_to_nanos(frame.timestamp.saturating_sub(timestamp));
        arrived.saturating_sub(sent)
    }

    /// Adds the arrival of a frame to the estimate.
    pub fn update(&mut self, frame: &Frame) {
        let offset = self.offset(frame);
        if frame.arrival.saturating_duration_since(self.window_start) >= OFFSET_WINDOW {
            self.min_offsets = [offset, self.min_offsets[0]];
            self.window_start = frame.arrival;
        }
        self.min_offsets[0] = self.min_offsets[0].min(offset);
    }

    /// Returns the earliest time at which a frame with this extended timestamp would arrive.
    pub fn expected_arrival(&self, timestamp: i64) -> Instant {
        let (origin, arrival) = self.origin;
        let min_offset = self.min_offsets[0].min(self.min_offsets[1]);
        let nanos = ticks_to_nanos(timestamp.saturating_sub(origin)).saturating_add(min_offset);
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
