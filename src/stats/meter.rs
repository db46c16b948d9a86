//! Rates and means over the last second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Length of the sliding window.
const WINDOW: Duration = Duration::from_secs(1);

/// Resolution of the window.
const BUCKET_DURATION: Duration = Duration::from_millis(20);

/// Meter of amounts per second, over a sliding second. Its memory is bounded: amounts are added up in buckets of 20 ms.
#[derive(Debug, Clone, Default)]
pub struct RateMeter {
    buckets: VecDeque<(Instant, u64)>,
    first: Option<Instant>,
}

impl RateMeter {
    /// Adds an amount at `now`.
    pub fn add(&mut self, now: Instant, amount: u64) {
        self.remove_expired(now);
        self.first.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((begin, sum)) if now.saturating_duration_since(*begin) < BUCKET_DURATION => {
                *sum = sum.saturating_add(amount);
            }
            _ => self.buckets.push_back((now, amount)),
        }
    }

    /// Returns the amount per second over the last second. During the first second, the amount so far is extrapolated.
    pub fn per_second(&mut self, now: Instant) -> f64 {
        let sum = self.in_last_second(now);
        let since_first = self.first.map_or(WINDOW, |first| now.saturating_duration_since(first));
        // Extrapolating from less than 200 ms would overstate the rate.
        let duration = since_first.clamp(WINDOW / 5, WINDOW);
        sum as f64 / duration.as_secs_f64()
    }

    /// Returns the sum of the amounts of the last second.
    pub fn in_last_second(&mut self, now: Instant) -> u64 {
        self.remove_expired(now);
        self.buckets.iter().map(|(_, sum)| sum).sum()
    }

    fn remove_expired(&mut self, now: Instant) {
        while self.buckets.front().is_some_and(|(begin, _)| now.saturating_duration_since(*begin) >= WINDOW) {
            self.buckets.pop_front();
        }
        if self.buckets.is_empty() {
            self.first = None;
        }
    }
}

/// Mean of the durations measured in the last second.
#[derive(Debug, Clone, Default)]
pub struct RollingAverage {
    micros: RateMeter,
    samples: RateMeter,
}

impl RollingAverage {
    /// Adds a duration measured at `now`.
    pub fn add(&mut self, now: Instant, duration: Duration) {
        self.micros.add(now, u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        self.samples.add(now, 1);
    }

    /// Returns the mean in milliseconds; `None` if nothing was measured in the last second.
    pub fn mean_ms(&mut self, now: Instant) -> Option<f64> {
        let (micros, samples) = (self.micros.in_last_second(now), self.samples.in_last_second(now));
        (samples > 0).then(|| micros as f64 / samples as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_rate_is_measured_from_the_start() {
        let (begin, mut meter) = (Instant::now(), RateMeter::default());
        for step in 0..300u32 {
            let now = begin + Duration::from_millis(10) * step;
            meter.add(now, 50);
            if step > 40 {
                let rate = meter.per_second(now);
                assert!((4_850.0..=5_150.0).contains(&rate), "{rate} after {step} steps");
            }
        }
        assert!(meter.buckets.len() <= 51);
        assert_eq!(meter.per_second(begin + Duration::from_secs(9)), 0.0);
    }

    #[test]
    fn mean_covers_last_second() {
        let (begin, mut average) = (Instant::now(), RollingAverage::default());
        assert_eq!(average.mean_ms(begin), None);
        average.add(begin, Duration::from_millis(10));
        average.add(begin, Duration::from_millis(20));
        assert_eq!(average.mean_ms(begin), Some(15.0));
        let later = begin + WINDOW;
        average.add(later, Duration::from_millis(40));
        assert_eq!(average.mean_ms(later), Some(40.0));
        assert_eq!(average.mean_ms(later + WINDOW), None);
    }
}
