//! Limit on the number of packets sent at once. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Maximum number of packets in one burst. The default receive buffer of a Linux socket (208 KiB) holds 90 packets of
/// our size, including the overhead that the kernel adds to each, and the receiver needs time to wake up and read
/// them.
pub const MAX_BURST_PACKETS: usize = 48;

/// Time that the receiver is granted to read a burst.
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// Splits the packets of a stream into bursts that fit into a default socket buffer, also those that are due at the
/// same time, because they are not spread or a timer was late. No more than 48 packets are sent within 1 ms.
#[derive(Debug, Clone, Default)]
pub struct BurstLimiter {
    /// Packets of the last millisecond, the oldest first: when they were sent together, and their number.
    sent: VecDeque<(Instant, usize)>,
}

impl BurstLimiter {
    /// Instant at which the next `packets` packets may be sent together; `None` if that is now. After a complete burst
    /// it is the start of the next one, not the time of a single packet.
    pub fn wait_until(&self, now: Instant, packets: usize) -> Option<Instant> {
        let (newest, _) = self.sent.back()?;
        let recent: usize =
            self.sent.iter().filter(|(at, _)| is_recent(*at, now)).map(|(_, count)| count).sum();
        (recent > 0 && recent.saturating_add(packets) > MAX_BURST_PACKETS).then(|| *newest + BURST_INTERVAL)
    }

    /// Counts packets that were sent together.
    pub fn record_packets(&mut self, now: Instant, packets: usize) {
        // Counted from the actual time of sending: timers are late, and a late burst must not join the next one.
        while self.sent.len() >= MAX_BURST_PACKETS
            || self.sent.front().is_some_and(|(at, _)| !is_recent(*at, now))
        {
            self.sent.pop_front();
        }
        self.sent.push_back((now, packets));
    }
}

fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < BURST_INTERVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_first_frame_is_sent_in_bursts_of_48_packets() {
        let start = Instant::now();
        let send = |packets: usize| {
            let mut limiter = BurstLimiter::default();
            let (mut now, mut burst, mut longest_burst) = (start, 0, 0);
            for _ in 0..packets {
                burst += 1;
                while let Some(resume) = limiter.wait_until(now, 1) {
                    // The timer is late.
                    now = resume + BURST_INTERVAL;
                    burst = 1;
                }
                limiter.record_packets(now, 1);
                longest_burst = longest_burst.max(burst);
            }
            ((now - start).as_millis(), longest_burst)
        };
        assert_eq!(send(48), (0, 48));
        assert_eq!(send(190), (6, 48));
        assert_eq!(send(12_000), (498, 48), "no end of the frame's time lifts the limit");
    }

    #[test]
    fn packets_before_a_burst_are_part_of_it() {
        let start = Instant::now();
        let mut limiter = BurstLimiter::default();
        let at = |micros| start + Duration::from_micros(micros);
        limiter.record_packets(start, 1);
        (0..47).for_each(|_| limiter.record_packets(at(990), 1));
        // The first packet was sent before the last millisecond.
        assert_eq!(limiter.wait_until(at(1_000), 1), None);
        limiter.record_packets(at(1_000), 1);
        assert!(
            limiter.wait_until(at(1_000), 1).is_some_and(|until| until > at(1_900)),
            "the last 48 packets are recent"
        );
        assert_eq!(limiter.wait_until(at(2_000), 1), None);
    }

    #[test]
    fn packets_that_are_sent_together_wait_until_all_fit() {
        let start = Instant::now();
        let mut limiter = BurstLimiter::default();
        let at = |micros| start + Duration::from_micros(micros);
        assert_eq!(limiter.wait_until(start, 48), None);
        limiter.record_packets(start, 16);
        limiter.record_packets(at(400), 16);
        assert_eq!(
            (limiter.wait_until(at(500), 16), limiter.wait_until(at(500), 17)),
            (None, Some(at(1_400)))
        );
        assert_eq!(limiter.wait_until(at(1_000), 32), None, "the first are no longer recent");
        assert_eq!(limiter.wait_until(at(1_400), 5_000), None, "no burst waits for ever");
    }

    /// A sender that needs time for each packet sends no more in a millisecond than one that does not.
    #[test]
    fn slow_sending_does_not_join_bursts() {
        let (mut limiter, mut now, mut sent) = (BurstLimiter::default(), Instant::now(), Vec::new());
        for _ in 0..1_000 {
            now = limiter.wait_until(now, 1).unwrap_or(now);
            limiter.record_packets(now, 1);
            sent.push(now);
            now += Duration::from_micros(12);
        }
        assert!(sent.windows(49).all(|window| window[48] - window[0] >= BURST_INTERVAL));
    }
}
