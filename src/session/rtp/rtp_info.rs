//! PURE. What the answer to PLAY says of the first packet (RFC 2326 §12.33), and whether it can be believed.

use std::time::{Duration, Instant};

use crate::proto::rtp::CLOCK_RATE;

/// The first packet, as RTP-Info names it.
#[derive(Debug, Clone, Copy)]
pub struct AnnouncedPacket {
    /// Its sequence number, if that was said.
    pub sequence: Option<u16>,
    /// Its timestamp, if that was said.
    pub rtptime: Option<u32>,
    /// When it was said.
    pub announced_at: Instant,
}

/// How far the timestamp of the first packet that arrives may be from the one that was named, besides what has been
/// lost meanwhile. Servers without a thought say 0.
const TIMESTAMP_TOLERANCE: Duration = Duration::from_secs(10);

impl AnnouncedPacket {
    /// Whether a packet of this timestamp can be one of those that were announced.
    pub fn matches_timestamp(&self, now: Instant, timestamp: u32) -> bool {
        let Some(rtptime) = self.rtptime else { return true };
        let distance = timestamp.wrapping_sub(rtptime).cast_signed().unsigned_abs();
        let max_distance =
            now.saturating_duration_since(self.announced_at).saturating_add(TIMESTAMP_TOLERANCE);
        f64::from(distance) <= max_distance.as_secs_f64() * f64::from(CLOCK_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distant_timestamps_do_not_match() {
        let at = Instant::now();
        let announced = |rtptime| AnnouncedPacket { sequence: Some(1), rtptime, announced_at: at };
        assert!(announced(Some(u32::MAX - 5)).matches_timestamp(at, 4_500));
        assert!(!announced(Some(0)).matches_timestamp(at, 3_000_000_000));
        assert!(!announced(Some(0)).matches_timestamp(at, 20 * 90_000));
        assert!(
            announced(Some(0)).matches_timestamp(at + Duration::from_secs(11), 20 * 90_000),
            "so much was lost"
        );
        assert!(announced(None).matches_timestamp(at, 77));
    }
}
