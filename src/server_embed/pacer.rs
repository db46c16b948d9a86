//! PURE. When each frame of a PLAY is due.

use std::time::{Duration, Instant};

use crate::media::FrameRate;

/// The schedule of one PLAY: frame by frame on the media clock, from the instant at which it began.
///
/// Every due time is computed from the beginning, never from the frame before, so nothing adds up over a long film.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    rate: FrameRate,
    origin: Instant,
    first: u64,
}

/// A frame's packets are spread over this part of the frame interval.
const SPREAD_DIVISOR: u32 = 4;

/// … and over no more than this.
const LONGEST_SPREAD: Duration = Duration::from_millis(8);

/// Packets that leave at once and no more. The usual 208 KiB of a socket hold ninety packets of our size, with what the
/// kernel adds to each, and whoever reads it needs a moment to wake up.
const BURST: usize = 48;

/// Between two bursts.
const BREATH: Duration = Duration::from_millis(1);

/// Breaks what leaves at once, unspread or behind a late timer, into bursts that a usual socket can hold. A frame of up
/// to 48 packets is one burst.
#[derive(Debug, Clone, Copy)]
pub struct Bursts {
    /// The burst that is leaving, or left last: when it began, and its packets.
    began: Instant,
    packets: usize,
    /// After this there are no more breaths: the frame has taken its time.
    hurry: Instant,
}

impl Bursts {
    /// Bursts of a frame that begins now and should be gone within `span`.
    pub fn new(now: Instant, span: Duration) -> Self {
        Self { began: now, packets: 0, hurry: now + span }
    }

    /// When the next packet may leave, if not now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let next = (self.began + BREATH).min(self.hurry);
        (self.packets >= BURST && now < next).then_some(next)
    }

    /// A packet has left.
    pub fn sent(&mut self, now: Instant) {
        // From now, and not from when it was due: timers are late, and a late burst must not join the next.
        if now >= self.began + BREATH {
            (self.began, self.packets) = (now, 0);
        }
        self.packets += 1;
    }
}

impl Pacer {
    /// Frame `first` is due at `origin`.
    pub fn new(rate: FrameRate, origin: Instant, first: u64) -> Self {
        Self { rate, origin, first }
    }

    /// When the first frame is due.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// When a frame is due. Frames before the first one were due at once.
    pub fn due(&self, frame: u64) -> Instant {
        self.origin + self.rate.time_of(frame).saturating_sub(self.rate.time_of(self.first))
    }

    /// How far a frame is from the first one, on the RTP clock.
    pub fn ticks(&self, frame: u64) -> u32 {
        self.rate.ticks_of(frame).wrapping_sub(self.rate.ticks_of(self.first))
    }

    /// How much later than the first of a frame's packets another one leaves. A large frame sent in one burst overruns
    /// the queues on its way, so its packets are spread; those of the first frame are not, as someone is waiting for a
    /// picture.
    pub fn packet_offset(&self, frame: u64, packet: usize, packets: usize) -> Duration {
        match frame == self.first {
            true => Duration::ZERO,
            false => self.longest_spread().mul_f64(packet as f64 / packets.max(1) as f64),
        }
    }

    /// From the first of a frame's packets to its last, at the most.
    pub fn longest_spread(&self) -> Duration {
        (self.rate.interval() / SPREAD_DIVISOR).min(LONGEST_SPREAD)
    }

    /// The frame that is due at `now`.
    pub fn frame_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin) + self.rate.time_of(self.first);
        self.rate.frame_at(elapsed.into()).max(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_drift_by_nothing() {
        let origin = Instant::now();
        let rate = FrameRate::new(30_000, 1_001).unwrap();
        let pacer = Pacer::new(rate, origin, 0);
        assert_eq!(pacer.due(17_982) - origin, Duration::from_nanos(17_982 * 1_001 * 1_000_000 / 30));
        assert_eq!(pacer.ticks(17_982), 17_982 * 3_003);
    }

    #[test]
    fn packets_keep_to_a_quarter_of_the_interval_and_to_8_ms() {
        let origin = Instant::now();
        for (rate, longest) in [(FrameRate::whole(20), 8_000), (FrameRate::whole(100), 2_500)] {
            let pacer = Pacer::new(rate, origin, 10);
            assert_eq!(pacer.packet_offset(10, 99, 100), Duration::ZERO, "the first frame is not spread");
            let last = pacer.packet_offset(11, 99, 100);
            assert!(
                last < Duration::from_micros(longest) && last > Duration::from_micros(longest * 9 / 10),
                "{last:?}"
            );
        }
    }

    #[test]
    fn a_first_frame_that_no_socket_holds_breathes_but_not_for_long() {
        let begin = Instant::now();
        let leave = |packets: usize| {
            let (mut now, mut bursts, mut longest, mut row) =
                (begin, Bursts::new(begin, LONGEST_SPREAD), 0, 0);
            for _ in 0..packets {
                row += 1;
                while let Some(resume) = bursts.wait(now) {
                    // A late timer.
                    now = resume + BREATH;
                    row = 1;
                }
                bursts.sent(now);
                longest = longest.max(row);
            }
            (now - begin, longest)
        };
        assert_eq!(leave(48), (Duration::ZERO, 48));
        let (span, longest) = leave(190);
        assert_eq!((span, longest), (6 * BREATH, 48));
        assert!(leave(12_000).0 <= LONGEST_SPREAD + 2 * BREATH);
    }

    #[test]
    fn the_frame_that_is_due_is_found_again() {
        let origin = Instant::now();
        let pacer = Pacer::new(FrameRate::whole(30), origin, 100);
        for frame in 100..400 {
            assert_eq!(pacer.frame_at(pacer.due(frame) + Duration::from_micros(1)), frame);
        }
    }
}
