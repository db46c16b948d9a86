//! Limit on the number of packets sent at once. Sans-I/O.

use std::time::{Duration, Instant};

/// Maximum number of packets in one burst. The default receive buffer of a Linux socket (208 KiB) holds 90 packets of
/// our size, including the overhead that the kernel adds to each, and the receiver needs time to wake up and read
/// them.
pub const MAX_BURST_PACKETS: u32 = 48;

/// Time from the start of one burst to the start of the next.
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// Splits the packets of a stream into bursts that fit into a default socket buffer, also those that are due at the same
/// time, because they are not spread or a timer was late. 48 packets after a pause are one burst.
#[derive(Debug, Clone, Copy, Default)]
pub struct BurstLimiter {
    /// Time that the receiver is granted to read the packets sent by `updated_at`: a 48th of [`BURST_INTERVAL`] for each.
    backlog: Duration,
    /// Instant at which the last packet was sent; `None` before the first.
    updated_at: Option<Instant>,
}

impl BurstLimiter {
    /// Instant at which the next `packets` packets may be sent together; `None` if that is now. After a complete burst it
    /// is the start of the next one, not the time of a single packet.
    pub fn wait_until(&self, now: Instant, packets: usize) -> Option<Instant> {
        let backlog = self.backlog_at(now);
        (backlog > BURST_INTERVAL.saturating_sub(time_of(packets))).then(|| now + backlog)
    }

    /// Counts packets that were sent together.
    pub fn record_packets(&mut self, now: Instant, packets: usize) {
        // Counted from the actual time of sending: timers are late, and a late burst must not join the next one.
        self.backlog = self.backlog_at(now) + time_of(packets);
        self.updated_at = Some(now);
    }

    fn backlog_at(&self, now: Instant) -> Duration {
        let elapsed = self.updated_at.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        self.backlog.saturating_sub(elapsed)
    }
}

/// Time that the receiver is granted to read one packet; 48 of them are not longer than [`BURST_INTERVAL`].
const PACKET_TIME: Duration =
    Duration::from_nanos(BURST_INTERVAL.as_nanos() as u64 / MAX_BURST_PACKETS as u64);

/// Time that the receiver is granted to read these packets. [`MAX_BURST_PACKETS`] are the most that are sent together.
fn time_of(packets: usize) -> Duration {
    let packets = u32::try_from(packets).unwrap_or(u32::MAX).min(MAX_BURST_PACKETS);
    PACKET_TIME.saturating_mul(packets)
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
        assert_eq!(send(190), (5, 48));
        assert_eq!(send(12_000), (497, 48), "no end of the frame's time lifts the limit");
    }

    #[test]
    fn packets_before_a_burst_are_part_of_it() {
        let start = Instant::now();
        let mut limiter = BurstLimiter::default();
        let at = |micros| start + Duration::from_micros(micros);
        limiter.record_packets(start, 1);
        (0..47).for_each(|_| limiter.record_packets(at(990), 1));
        // The time of one packet has passed since the first.
        assert_eq!(limiter.wait_until(at(1_000), 1), None);
        limiter.record_packets(at(1_000), 1);
        assert!(
            limiter.wait_until(at(1_000), 1).is_some_and(|until| until > at(1_900)),
            "the last 48 packets are recent"
        );
        assert_eq!(limiter.wait_until(at(2_000), 1), None);
    }

    #[test]
    fn packets_that_are_sent_together_wait_for_the_time_of_all() {
        let start = Instant::now();
        let mut limiter = BurstLimiter::default();
        let at = |micros| start + Duration::from_micros(micros);
        assert_eq!(limiter.wait_until(start, 48), None);
        limiter.record_packets(start, 16);
        assert_eq!(
            (limiter.wait_until(start, 32), limiter.wait_until(at(10), 33)),
            (None, Some(at(334) - Duration::from_nanos(672)))
        );
        assert_eq!(limiter.wait_until(at(334), 48), None);
        assert_eq!(limiter.wait_until(at(334), 5_000), None, "no burst waits for ever");
    }
}
