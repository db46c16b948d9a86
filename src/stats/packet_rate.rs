//! Packet rate of a sender on the clock of its timestamps, and the loss that is possible at this rate.

/// Estimate of the number of packets that a sender sends in a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct PacketRate {
    /// Number of packets sent, lost ones included.
    packets: i64,
    /// Ticks of 90 kHz in which they were sent.
    ticks: i64,
    /// Number of packets received of the current frame.
    frame_packets: i64,
    /// Largest number of packets received of one frame.
    max_frame_packets: i64,
    /// Number of frames.
    frames: u32,
}

/// Factor by which frames may be larger than those before them.
const TOLERANCE: i64 = 4;

/// Number of frames after which the rate is known.
const MIN_FRAMES: u32 = 2;

/// Maximum interval between frames in ticks of 90 kHz: ten seconds. A larger one is the start of another clock.
const MAX_INTERVAL: i32 = 10 * 90_000;

impl PacketRate {
    /// Smallest result of [`PacketRate::max_loss`], in packets.
    pub const MIN_MAX_LOSS: i64 = 64;

    /// Records the first packet of a count. The frames before it stay known.
    pub fn record_start(&mut self) {
        self.frame_packets = 1;
    }

    /// Records a further packet of a frame.
    pub fn record_packet(&mut self) {
        self.frame_packets += 1;
        self.max_frame_packets = self.max_frame_packets.max(self.frame_packets);
    }

    /// Records the first packet of another frame: the sequence number has advanced by `packets` and the timestamp by
    /// `ticks`.
    pub fn record_frame(&mut self, packets: i64, ticks: i32) {
        if (1..=MAX_INTERVAL).contains(&ticks) {
            self.ticks += i64::from(ticks);
            self.packets += self.frame_packets.max(1) + packets - 1;
            self.frames = self.frames.saturating_add(1);
        }
        self.max_frame_packets = self.max_frame_packets.max(self.frame_packets);
        self.frame_packets = 1;
    }

    /// Maximum number of packets that can be lost in a row in this time; `None` while the rate is unknown.
    pub fn max_loss(&self, ticks: i64) -> Option<i64> {
        if self.frames < MIN_FRAMES || self.ticks <= 0 {
            return None;
        }
        let sent = i128::from(self.packets) * i128::from(ticks.max(0)) / i128::from(self.ticks);
        let sent = i64::try_from(sent).unwrap_or(i64::MAX);
        let possible = sent.saturating_add(self.max_frame_packets).saturating_mul(TOLERANCE);
        Some(possible.saturating_add(Self::MIN_MAX_LOSS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possible_loss_grows_with_time_and_frame_size() {
        let mut rate = PacketRate::default();
        assert_eq!(rate.max_loss(0), None);
        rate.record_start();
        for _ in 0..10 {
            for _ in 0..5 {
                rate.record_packet();
            }
            rate.record_frame(1, 3_600);
        }
        // Six packets a frame, 25 frames a second.
        assert_eq!(rate.max_loss(0), Some(64 + 4 * 6));
        assert_eq!(rate.max_loss(90_000), Some(64 + 4 * (150 + 6)));
        rate.record_frame(1, i32::MIN);
        assert_eq!(rate.max_loss(90_000), Some(64 + 4 * (150 + 6)), "another clock has started");
        assert!(rate.max_loss(i64::MAX) > rate.max_loss(90_000), "no overflow");
    }
}
