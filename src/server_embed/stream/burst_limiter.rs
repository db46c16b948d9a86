//! Limit on the number of packets sent at once. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Maximum number of packets in one burst. The default receive buffer of a Linux socket (208 KiB) holds 90 packets of
/// our size, including the overhead that the kernel adds to each, and the receiver needs time to wake up and read
/// them.
const MAX_BURST_PACKETS: usize = 48;

/// Time that the receiver is granted to read a burst.
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// Splits the packets of a stream into bursts that fit into a default socket buffer, also those that are due at the same
/// time, because they are not spread or a timer was late. No more than 48 packets are sent within 1 ms.
#[derive(Debug, Clone, Default)]
pub struct BurstLimiter {
    /// Instants at which the last packets were sent, 48 at most, the oldest first.
    sent: VecDeque<Instant>,
}

impl BurstLimiter {
    /// Instant at which the next packet may be sent; `None` if that is now. After a complete burst it is the start of the
    /// next one, not the time of a single packet.
    pub fn wait_until(&self, now: Instant) -> Option<Instant> {
        let (oldest, newest) = (self.sent.front()?, self.sent.back()?);
        let is_full = self.sent.len() == MAX_BURST_PACKETS;
        let is_recent = now.saturating_duration_since(*oldest) < BURST_INTERVAL;
        (is_full && is_recent).then(|| *newest + BURST_INTERVAL)
    }

    /// Counts a packet that was sent.
    pub fn record_packet(&mut self, now: Instant) {
        // Counted from the actual time of sending: timers are late, and a late burst must not join the next one.
        if self.sent.len() == MAX_BURST_PACKETS {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }
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
                while let Some(resume) = limiter.wait_until(now) {
                    // The timer is late.
                    now = resume + BURST_INTERVAL;
                    burst = 1;
                }
                limiter.record_packet(now);
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
        limiter.record_packet(start);
        (0..47).for_each(|_| limiter.record_packet(at(990)));
        // The first packet was sent before the last millisecond.
        assert_eq!(limiter.wait_until(at(1_000)), None);
        limiter.record_packet(at(1_000));
        assert!(
            limiter.wait_until(at(1_000)).is_some_and(|until| until > at(1_900)),
            "the last 48 packets are recent"
        );
        assert_eq!(limiter.wait_until(at(2_000)), None);
    }

    /// A sender that needs time for each packet sends no more in a millisecond than one that does not.
    #[test]
    fn slow_sending_does_not_join_bursts() {
        let (mut limiter, mut now, mut sent) = (BurstLimiter::default(), Instant::now(), Vec::new());
        for _ in 0..1_000 {
            now = limiter.wait_until(now).unwrap_or(now);
            limiter.record_packet(now);
            sent.push(now);
            now += Duration::from_micros(12);
        }
        assert!(sent.windows(49).all(|window| window[48] - window[0] >= BURST_INTERVAL));
    }
}
