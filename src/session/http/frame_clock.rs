//! Timestamps of frames: from the times that the sender states, or from their arrival. Sans-I/O.

use std::time::{Duration, Instant};

/// Clock that gives each frame a timestamp.
///
/// The times of the sender are used as long as each frame has one and they run forward like the arrivals. Otherwise,
/// and from then on, a frame has the time of its arrival.
#[derive(Debug, Default)]
pub struct HttpFrameClock {
    source: ClockSource,
    /// Timestamp and arrival of the last frame.
    last: Option<(i64, Instant)>,
    /// Time of the sender at the last frame, in µs.
    last_sender_time: Option<u64>,
    /// Number of times of the sender that were not plausible.
    implausible: u32,
}

/// Origin of the timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ClockSource {
    /// No frame has arrived yet.
    #[default]
    Unknown,
    Sender,
    Arrival,
}

/// Maximum difference between the interval of two times of the sender and that of the arrivals.
const MAX_DIFFERENCE: Duration = Duration::from_secs(10);

/// Number of implausible times after which the times of the sender are not used any more.
const MAX_IMPLAUSIBLE: u32 = 3;

impl HttpFrameClock {
    /// Returns the timestamp of a frame, in ticks of 90 kHz, that arrived at `arrival`. `sender_time` is the time that
    /// the sender states, in µs.
    pub fn timestamp(&mut self, arrival: Instant, sender_time: Option<u64>) -> i64 {
        if self.source == ClockSource::Unknown {
            self.source = if sender_time.is_some() { ClockSource::Sender } else { ClockSource::Arrival };
        }
        let from_sender =
            sender_time.filter(|_| self.source == ClockSource::Sender).map(|time| self.check(arrival, time));
        let timestamp = match from_sender {
            Some(Some(timestamp)) => timestamp,
            Some(None) if self.implausible < MAX_IMPLAUSIBLE => self.continued(arrival),
            _ => {
                self.source = ClockSource::Arrival;
                self.continued(arrival)
            }
        };
        self.last_sender_time = sender_time.or(self.last_sender_time);
        self.last = Some((timestamp, arrival));
        timestamp
    }

    /// Returns true if the timestamps are times of the sender.
    pub fn is_senders(&self) -> bool {
        self.source == ClockSource::Sender
    }

    /// Returns true if the times of the sender are not used because they were not plausible.
    pub fn has_given_up_sender(&self) -> bool {
        self.implausible >= MAX_IMPLAUSIBLE
    }

    /// Forgets the last frame: the next one does not continue the stream.
    pub fn mark_discontinuity(&mut self) {
        self.last_sender_time = None;
    }

    /// Returns the timestamp for a time of the sender; `None` if it runs backwards or jumps.
    fn check(&mut self, arrival: Instant, time: u64) -> Option<i64> {
        let is_plausible = match (self.last_sender_time, self.last) {
            (Some(last_time), Some((_, last_arrival))) => {
                time.checked_sub(last_time).is_some_and(|interval| {
                    let arrived = arrival.saturating_duration_since(last_arrival);
                    Duration::from_micros(interval).saturating_sub(arrived) <= MAX_DIFFERENCE
                })
            }
            _ => true,
        };
        self.implausible += u32::from(!is_plausible);
        is_plausible.then(|| ticks(u128::from(time)))
    }

    /// Returns the timestamp of a frame that follows the last one by the time between their arrivals.
    fn continued(&self, arrival: Instant) -> i64 {
        let Some((timestamp, last_arrival)) = self.last else { return 0 };
        timestamp.saturating_add(ticks(arrival.saturating_duration_since(last_arrival).as_micros()))
    }
}

/// Converts µs to ticks of 90 kHz.
fn ticks(micros: u128) -> i64 {
    i64::try_from(micros * 9 / 100).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn times_of_the_sender_are_used() {
        let (now, mut clock) = (Instant::now(), HttpFrameClock::default());
        assert_eq!(clock.timestamp(now, Some(1_000_000)), 90_000);
        assert_eq!(clock.timestamp(now + 90 * MS, Some(1_050_000)), 94_500);
        assert!(clock.is_senders() && !clock.has_given_up_sender());
    }

    #[test]
    fn arrivals_are_used_if_a_frame_has_no_time() {
        let (now, mut clock) = (Instant::now(), HttpFrameClock::default());
        clock.timestamp(now, Some(1_000_000));
        assert_eq!(clock.timestamp(now + 50 * MS, None), 94_500);
        assert_eq!(clock.timestamp(now + 100 * MS, Some(9_000_000)), 99_000);
        assert!(!clock.is_senders() && !clock.has_given_up_sender());
    }

    #[test]
    fn times_that_jump_or_run_backwards_are_given_up() {
        for time in
            [|number: u32| 60_000_000 - u64::from(number), |number: u32| u64::from(number) * 60_000_000]
        {
            let (now, mut clock) = (Instant::now(), HttpFrameClock::default());
            let timestamps: Vec<_> =
                (0..10).map(|number| clock.timestamp(now + 50 * MS * number, Some(time(number)))).collect();
            assert!(timestamps.windows(2).all(|pair| pair[1] - pair[0] == 4_500), "{timestamps:?}");
            assert!(!clock.is_senders() && clock.has_given_up_sender());
        }
    }

    #[test]
    fn late_arrivals_are_no_jump() {
        let (now, mut clock) = (Instant::now(), HttpFrameClock::default());
        clock.timestamp(now, Some(1_000_000));
        assert_eq!(clock.timestamp(now + 60_000 * MS, Some(1_050_000)), 94_500, "a backlog after an outage");
    }

    #[test]
    fn third_implausible_time_ends_the_use_of_the_times() {
        let (now, mut clock) = (Instant::now(), HttpFrameClock::default());
        clock.timestamp(now, Some(60_000_000));
        for number in 1..=MAX_IMPLAUSIBLE {
            assert!(clock.is_senders() && !clock.has_given_up_sender());
            clock.timestamp(now + 50 * MS * number, Some(60_000_000 - u64::from(number)));
        }
        assert!(!clock.is_senders() && clock.has_given_up_sender());
    }
}
