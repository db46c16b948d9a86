//! Playout delay that follows the variation of the network delay. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::sender_clock::{SLEW_MICROS_PER_SECOND, signed_nanos_between, ticks_to_nanos};
use crate::stats::DelayReason;

/// Minimum delay. It is the fixed one that is used by default, so an adaptive delay costs nothing on a calm network.
pub const MIN_ADAPTIVE_DELAY: Duration = Duration::from_millis(50);

/// Maximum delay; the reorder buffer waits no longer either.
pub const MAX_ADAPTIVE_DELAY: Duration = Duration::from_secs(1);

/// Time for which the delay of a frame is remembered.
const WINDOW: Duration = Duration::from_secs(10);

/// Maximum number of frames that are remembered; the oldest are dropped first.
const MAX_FRAMES: usize = 600;

/// Share of the remembered frames that must not be late.
const QUANTILE: f64 = 0.995;

/// Reserve beyond that quantile: a fraction of it, and a time that the scheduling of the operating system takes.
const RESERVE_DIVISOR: u32 = 10;
const RESERVE: Duration = Duration::from_millis(5);

/// Estimator of the delay that a jitter buffer needs.
///
/// Each frame is measured by the arrival of its last packet against its timestamp, compared with the smallest delay of
/// the last ten seconds. The playout delay is a high quantile of these deviations, with a reserve. It grows to the
/// deviation at once, because frames are late already. It grows further, and shrinks, slowly.
#[derive(Debug)]
pub struct AdaptiveDelay {
    delay: Duration,
    /// Delay that must remain for the retransmission of lost packets, however calm the network is.
    floor: Duration,
    /// Timestamp and arrival that offsets are measured against; `None` before the first packet.
    origin: Option<(i64, Instant)>,
    /// Timestamp of the frame whose packets are arriving, and the arrival of the last of them.
    current: Option<(i64, Instant)>,
    /// Offset of each frame in nanoseconds, with the time of its arrival, the oldest first.
    offsets: VecDeque<(Instant, i64)>,
    updated_at: Option<Instant>,
}

impl Default for AdaptiveDelay {
    fn default() -> Self {
        Self {
            delay: MIN_ADAPTIVE_DELAY,
            floor: MIN_ADAPTIVE_DELAY,
            origin: None,
            current: None,
            offsets: VecDeque::new(),
            updated_at: None,
        }
    }
}

impl AdaptiveDelay {
    /// Delay of frames that arrive from now on.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Sets the delay that must remain, within the limits of the delay.
    pub fn set_floor(&mut self, floor: Duration) {
        self.floor = floor.clamp(MIN_ADAPTIVE_DELAY, MAX_ADAPTIVE_DELAY);
        self.delay = self.delay.max(self.floor);
    }

    /// Forgets the arrivals, because the next packet is not on the clock of those before it. The delay remains.
    pub fn restart(&mut self) {
        self.origin = None;
        self.current = None;
        self.offsets.clear();
        self.updated_at = None;
    }

    /// Records the arrival of a packet of the frame with this extended timestamp, also if the packet is too late.
    pub fn record_packet(&mut self, arrival: Instant, timestamp: i64) {
        let previous = self.current;
        match previous {
            Some((current, last)) if current == timestamp => {
                self.current = Some((current, last.max(arrival)))
            }
            // A late packet of an earlier frame is a measurement of its own.
            Some((current, _)) if timestamp < current => self.add_frame(arrival, timestamp),
            _ => {
                self.current = Some((timestamp, arrival));
                if let Some((ended, last)) = previous {
                    self.add_frame(last, ended);
                }
            }
        }
    }

    fn add_frame(&mut self, arrival: Instant, timestamp: i64) {
        let (origin_timestamp, origin_arrival) = *self.origin.get_or_insert((timestamp, arrival));
        let sent = ticks_to_nanos(timestamp.saturating_sub(origin_timestamp));
        let offset = signed_nanos_between(origin_arrival, arrival).saturating_sub(sent);
        if offset.unsigned_abs() > MAX_OFFSET.as_nanos() as u64 {
            // The sender has set its clock.
            return self.restart();
        }
        self.offsets.push_back((arrival, offset));
        let is_old = |at: Instant| arrival.saturating_duration_since(at) > WINDOW;
        while self.offsets.len() > MAX_FRAMES || self.offsets.front().is_some_and(|(at, _)| is_old(*at)) {
            self.offsets.pop_front();
        }
        self.update(arrival);
    }

    fn update(&mut self, now: Instant) {
        let elapsed = self.updated_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.updated_at = Some(now);
        let slew = elapsed.min(WINDOW) * SLEW_MICROS_PER_SECOND / 1_000_000;
        let deviation = self.deviation();
        let limit = |delay: Duration| delay.clamp(self.floor, MAX_ADAPTIVE_DELAY);
        let target = limit(deviation + deviation / RESERVE_DIVISOR + RESERVE);
        let slow = target.clamp(self.delay.saturating_sub(slew), self.delay + slew);
        self.delay = slow.max(limit(deviation));
    }

    /// Reason for the delay.
    pub fn reason(&self) -> DelayReason {
        if self.delay >= MAX_ADAPTIVE_DELAY {
            DelayReason::Maximum
        } else if self.delay > self.floor {
            DelayReason::Jitter
        } else if self.delay > MIN_ADAPTIVE_DELAY {
            DelayReason::Retransmission
        } else {
            DelayReason::Minimum
        }
    }

    /// Delay with which the remembered frames would just have been in time, except for the slowest.
    fn deviation(&self) -> Duration {
        let mut offsets: Vec<i64> = self.offsets.iter().map(|(_, offset)| *offset).collect();
        let Some(least) = offsets.iter().min().copied() else { return Duration::ZERO };
        let index = ((offsets.len() as f64 * QUANTILE).ceil() as usize).clamp(1, offsets.len()) - 1;
        let (_, high, _) = offsets.select_nth_unstable(index);
        Duration::from_nanos(high.saturating_sub(least).unsigned_abs())
    }
}

/// Maximum offset of a frame against the first one; a larger one is a jump of the sender's clock.
const MAX_OFFSET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Records frames of two packets, 20 per second, each delayed by up to `jitter`. Returns the delay after each.
    fn record(
        delay: &mut AdaptiveDelay,
        begin: Instant,
        frames: std::ops::Range<i64>,
        jitter: u32,
    ) -> Vec<Duration> {
        let mut delays = Vec::new();
        for frame in frames {
            let sent = begin + 50 * MS * frame as u32;
            let late = MS * (frame.unsigned_abs() as u32 * 7 % (jitter + 1));
            delay.record_packet(sent, frame * 4_500);
            delay.record_packet(sent + late, frame * 4_500);
            delays.push(delay.delay());
        }
        delays
    }

    #[test]
    fn delay_grows_at_once_and_shrinks_slowly() {
        let (begin, mut delay) = (Instant::now(), AdaptiveDelay::default());
        let calm = record(&mut delay, begin, 0..200, 5);
        assert!(calm.iter().all(|delay| *delay == MIN_ADAPTIVE_DELAY));
        let rough = record(&mut delay, begin, 200..400, 120);
        assert!(rough[30] > 100 * MS, "{:?}", rough[30]);
        let largest = *rough.last().unwrap();
        assert!((130 * MS..=137 * MS).contains(&largest), "{largest:?}");
        let after = record(&mut delay, begin, 400..1_000, 5);
        assert!(after[100] > 100 * MS, "the window still has the rough time");
        let largest_step = after.windows(2).map(|pair| pair[0] - pair[1]).max().unwrap();
        assert!(largest_step <= 1_100 * MS / 1_000, "{largest_step:?} in 50 ms");
        assert_eq!(*after.last().unwrap(), MIN_ADAPTIVE_DELAY);
    }

    #[test]
    fn delay_stays_between_its_floor_and_the_limit() {
        let (begin, mut delay) = (Instant::now(), AdaptiveDelay::default());
        delay.set_floor(120 * MS);
        assert_eq!(*record(&mut delay, begin, 0..100, 5).last().unwrap(), 120 * MS);
        assert_eq!(delay.reason(), DelayReason::Retransmission);
        record(&mut delay, begin, 100..300, 3_000);
        assert_eq!((delay.delay(), delay.reason()), (MAX_ADAPTIVE_DELAY, DelayReason::Maximum));
        delay.set_floor(Duration::MAX);
        assert_eq!(delay.delay(), MAX_ADAPTIVE_DELAY);
    }

    #[test]
    fn memory_is_bounded_and_jumps_of_the_clock_are_no_jitter() {
        let (begin, mut delay) = (Instant::now(), AdaptiveDelay::default());
        for frame in 0..100_000 {
            delay.record_packet(begin + Duration::from_micros(10) * frame as u32, frame);
        }
        assert!(delay.offsets.len() <= MAX_FRAMES);
        let mut delay = AdaptiveDelay::default();
        record(&mut delay, begin, 0..100, 5);
        record(&mut delay, begin + Duration::from_secs(3_600), 100..200, 5);
        assert_eq!(delay.delay(), MIN_ADAPTIVE_DELAY);
    }
}
