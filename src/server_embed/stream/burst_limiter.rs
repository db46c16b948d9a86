//! Limit on the number of packets sent at once. Sans-I/O.

use std::time::{Duration, Instant};

/// Maximum number of packets in one burst. The default receive buffer of a Linux socket (208 KiB) holds 90 packets of
/// our size, including the overhead that the kernel adds to each, and the receiver needs time to wake up and read
/// them.
const MAX_BURST_PACKETS: usize = 48;

/// Time from the start of one burst to the start of the next.
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// Splits packets that are due at the same time, because they are not spread or a timer was late, into bursts that
/// fit into a default socket buffer. A frame of up to 48 packets is one burst.
#[derive(Debug, Clone, Copy)]
pub struct BurstLimiter {
    /// Start of the current burst.
    started_at: Instant,
    /// Packets of the current burst.
    packets: usize,
    /// End of the time allowed for the frame, after which bursts are not limited.
    deadline: Instant,
}

impl BurstLimiter {
    /// Creates a limiter for a frame that is sent from `now` on, within about `span`.
    pub fn new(now: Instant, span: Duration) -> Self {
        Self { started_at: now, packets: 0, deadline: now + span }
    }

    /// Instant at which the next packet may be sent; `None` if that is now.
    pub fn wait_until(&self, now: Instant) -> Option<Instant> {
        let next = (self.started_at + BURST_INTERVAL).min(self.deadline);
        (self.packets >= MAX_BURST_PACKETS && now < next).then_some(next)
    }

    /// Counts a packet that was sent.
    pub fn record_packet(&mut self, now: Instant) {
        // Counted from the actual start of the burst: timers are late, and a late burst must not join the next one.
        if now >= self.started_at + BURST_INTERVAL {
            (self.started_at, self.packets) = (now, 0);
        }
        self.packets += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::pacer::MAX_SPREAD;
    use super::*;

    #[test]
    fn large_first_frame_is_sent_in_bursts_for_at_most_8_ms() {
        let start = Instant::now();
        let send = |packets: usize| {
            let mut limiter = BurstLimiter::new(start, MAX_SPREAD);
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
            (now - start, longest_burst)
        };
        assert_eq!(send(48), (Duration::ZERO, 48));
        assert_eq!(send(190), (6 * BURST_INTERVAL, 48));
        assert!(send(12_000).0 <= MAX_SPREAD + 2 * BURST_INTERVAL);
    }
}
