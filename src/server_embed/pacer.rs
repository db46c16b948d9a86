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

    /// When one of a frame's packets is due.
    ///
    /// A large frame sent in one burst overruns the queues on its way, so its packets are spread. Those of the first
    /// frame are not: someone is waiting for a picture.
    pub fn packet_due(&self, frame: u64, packet: usize, packets: usize) -> Instant {
        let due = self.due(frame);
        if frame == self.first || packets == 0 {
            return due;
        }
        let spread = (self.rate.interval() / SPREAD_DIVISOR).min(LONGEST_SPREAD);
        due + spread.mul_f64(packet as f64 / packets as f64)
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
            assert_eq!(pacer.packet_due(10, 99, 100), origin, "the first frame is not spread");
            let last = pacer.packet_due(11, 99, 100) - pacer.due(11);
            assert!(
                last < Duration::from_micros(longest) && last > Duration::from_micros(longest * 9 / 10),
                "{last:?}"
            );
            assert!(pacer.packet_due(11, 99, 100) < pacer.due(12));
        }
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
