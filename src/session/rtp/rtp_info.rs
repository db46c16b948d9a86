//! PURE. What the answer to PLAY says of the first packet (RFC 2326 §12.33), and whether it can be believed.

use std::time::{Duration, Instant};

use crate::proto::rtp::CLOCK_RATE;

/// The first packet, as RTP-Info names it.
#[derive(Debug, Clone, Copy)]
pub struct FirstPacket {
    /// Its sequence number, if that was said.
    pub sequence: Option<u16>,
    /// Its timestamp, if that was said.
    pub rtptime: Option<u32>,
    /// When it was said.
    pub at: Instant,
}

/// How far the timestamp of the first packet that arrives may be from the one that was named, besides what has been
/// lost meanwhile. Servers without a thought say 0.
const TOLERANCE: Duration = Duration::from_secs(10);

impl FirstPacket {
    /// Whether a packet of this timestamp can be one of those that were announced.
    pub fn is_near(&self, now: Instant, timestamp: u32) -> bool {
        let Some(rtptime) = self.rtptime else { return true };
        let distance = timestamp.wrapping_sub(rtptime).cast_signed().unsigned_abs();
        let meanwhile = now.saturating_duration_since(self.at).saturating_add(TOLERANCE);
        f64::from(distance) <= meanwhile.as_secs_f64() * f64::from(CLOCK_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_near_what_comes() {
        let at = Instant::now();
        let first = |rtptime| FirstPacket { sequence: Some(1), rtptime, at };
        assert!(first(Some(u32::MAX - 5)).is_near(at, 4_500));
        assert!(!first(Some(0)).is_near(at, 3_000_000_000));
        assert!(!first(Some(0)).is_near(at, 20 * 90_000));
        assert!(first(Some(0)).is_near(at + Duration::from_secs(11), 20 * 90_000), "so much was lost");
        assert!(first(None).is_near(at, 77));
    }
}
