//! First packet of a PLAY as RTP-Info announces it (RFC 2326 §12.33), and a plausibility check. Sans-I/O.

use std::time::{Duration, Instant};

use crate::proto::rtp::CLOCK_RATE;

/// First packet of a PLAY, as RTP-Info announces it.
#[derive(Debug, Clone, Copy)]
pub struct AnnouncedPacket {
    /// Sequence number of the first packet (`seq`), if stated.
    pub sequence: Option<u16>,
    /// RTP timestamp at the start of the range (`rtptime`), in ticks of 90 kHz, if stated.
    pub rtptime: Option<u32>,
    /// Arrival time of the response to PLAY.
    pub announced_at: Instant,
}

/// Maximum distance between the announced timestamp and that of the first packet received, besides the time since the
/// announcement. Some servers always announce 0.
const TIMESTAMP_TOLERANCE: Duration = Duration::from_secs(10);

impl AnnouncedPacket {
    /// Returns true if a packet received at `now` with this timestamp can be one of those announced.
    pub fn matches_timestamp(&self, now: Instant, timestamp: u32) -> bool {
        let Some(rtptime) = self.rtptime else { return true };
        let distance = timestamp.wrapping_sub(rtptime).cast_signed().unsigned_abs();
        let max_distance =
            now.saturating_duration_since(self.announced_at).saturating_add(TIMESTAMP_TOLERANCE);
        f64::from(distance) <= max_distance.as_secs_f64() * f64::from(CLOCK_RATE)
    }
}

impl AnnouncedPacket {
    /// Time in which packets between the announced one and one received at `now` with this timestamp can have been
    /// sent, in ticks of 90 kHz: the distance of the timestamps, but not more than has passed since the response to
    /// PLAY.
    pub fn ticks_before(&self, now: Instant, timestamp: u32) -> u32 {
        let elapsed = now.saturating_duration_since(self.announced_at).as_secs_f64();
        let elapsed = (elapsed * f64::from(CLOCK_RATE)) as u32;
        match self.rtptime {
            Some(rtptime) => {
                let distance = timestamp.wrapping_sub(rtptime).cast_signed().unsigned_abs();
                distance.min(elapsed.saturating_add(MAX_TICKS_BEFORE_RESPONSE))
            }
            None => elapsed,
        }
    }
}

/// Time for which packets may have been sent before the response to PLAY arrived, in ticks of 90 kHz: 200 ms.
const MAX_TICKS_BEFORE_RESPONSE: u32 = CLOCK_RATE / 5;

/// Maximum number of packets that can be lost before the first one received, `ticks` ticks of 90 kHz after the
/// announced one, while the rate of the stream is unknown. If the first packet of the announced frame has arrived, few
/// can be lost before it.
pub fn max_announced_gap(ticks: u32, starts_frame: bool) -> i64 {
    if ticks == 0 && starts_frame {
        return MAX_GAP_BEFORE_FIRST_FRAME;
    }
    MAX_GAP_IN_FRAME + i64::from(ticks) * MAX_PACKETS_PER_SECOND / i64::from(CLOCK_RATE)
}

/// Maximum number of packets that a server sends before the frame that it announces.
const MAX_GAP_BEFORE_FIRST_FRAME: i64 = 16;

/// Maximum number of packets of a frame before the first one received.
const MAX_GAP_IN_FRAME: i64 = 256;

/// Maximum packet rate that is assumed while the rate is unknown.
const MAX_PACKETS_PER_SECOND: i64 = 2_000;

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
            "packets of 20 s may have been lost in 11 s"
        );
        assert!(announced(None).matches_timestamp(at, 77));
    }
}
