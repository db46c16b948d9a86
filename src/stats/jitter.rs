//! Interarrival jitter (RFC 3550 §6.4.1, appendix A.8).

use std::time::Instant;

use crate::proto::rtp::{CLOCK_RATE, extend_timestamp};

/// Estimator of interarrival jitter, in ticks of 90 kHz.
#[derive(Debug, Clone, Default)]
pub struct InterarrivalJitter {
    /// Current estimate J, in ticks.
    jitter: f64,
    is_known: bool,
    /// Time of the first arrival, from which arrivals are counted.
    first_arrival: Option<Instant>,
    /// Extended timestamp of the last packet.
    last_timestamp: Option<i64>,
    /// Arrival time − timestamp of the last packet, in ticks.
    transit: Option<f64>,
    /// Number of packets so far.
    packet_count: u64,
    /// Statistics over packets without the marker bit.
    mid_frame: JitterHistory,
    /// Statistics over all packets.
    all_packets: JitterHistory,
}

/// Mean and maximum of the estimate.
#[derive(Debug, Clone, Copy, Default)]
struct JitterHistory {
    mean: f64,
    max: f64,
    is_known: bool,
}

/// Interarrival jitter in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JitterFigures {
    /// Estimate after the last packet.
    pub current: f64,
    /// Mean of the estimates after each packet.
    pub mean: f64,
    /// Maximum of the estimates after each packet.
    pub max: f64,
}

impl InterarrivalJitter {
    /// Updates the estimate with a packet that arrived at `now`. `ends_frame` is true for the last packet of a frame,
    /// which has the marker bit.
    pub fn update(&mut self, now: Instant, timestamp: u32, ends_frame: bool) {
        let first_arrival = *self.first_arrival.get_or_insert(now);
        let timestamp =
            self.last_timestamp.map_or(i64::from(timestamp), |last| extend_timestamp(last, timestamp));
        let arrival = now.saturating_duration_since(first_arrival).as_secs_f64() * f64::from(CLOCK_RATE);
        let transit = arrival - timestamp as f64;
        if let Some(last) = self.transit {
            self.jitter += ((transit - last).abs() - self.jitter) / 16.0;
            self.is_known = true;
            self.all_packets.add(self.jitter, self.packet_count);
            if !ends_frame {
                self.mid_frame.add(self.jitter, self.packet_count);
            }
        }
        self.packet_count += 1;
        self.last_timestamp = Some(timestamp);
        self.transit = Some(transit);
    }

    /// Skips the interval to the next packet, which is not on the clock of the stream, for example after a pause.
    pub fn mark_discontinuity(&mut self) {
        self.transit = None;
    }

    /// Current estimate in ticks of 90 kHz, as a receiver report states it.
    pub fn jitter(&self) -> u32 {
        self.jitter as u32
    }

    /// Returns the figures; `None` before the second packet.
    ///
    /// Mean and maximum are computed as in Wireshark's RTP stream analysis: packets with the marker bit are left out,
    /// because they arrive last of the packets that share a timestamp. If all packets have the marker bit, none are
    /// left out.
    pub fn figures(&self) -> Option<JitterFigures> {
        let history = if self.mid_frame.is_known { self.mid_frame } else { self.all_packets };
        let milliseconds = |ticks: f64| ticks * 1_000.0 / f64::from(CLOCK_RATE);
        self.is_known.then(|| JitterFigures {
            current: milliseconds(self.jitter),
            mean: milliseconds(history.mean),
            max: milliseconds(history.max),
        })
    }
}

impl JitterHistory {
    /// Adds an estimate after `packet_count` packets. Each packet that was left out counts as the mean.
    fn add(&mut self, jitter: f64, packet_count: u64) {
        self.mean += (jitter - self.mean) / packet_count as f64;
        self.max = self.max.max(jitter);
        self.is_known = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn update_all(jitter: &mut InterarrivalJitter, packets: &[(u64, u32, bool)]) {
        let begin = Instant::now();
        for &(millisecond, timestamp, ends_frame) in packets {
            jitter.update(begin + Duration::from_millis(millisecond), timestamp, ends_frame);
        }
    }

    /// Transit times of 0, 10, 10 and 4 ms: differences of 10, 0 and 6 ms.
    #[test]
    fn jitter_matches_rfc_3550_a8_across_wrap() {
        let mut jitter = InterarrivalJitter::default();
        assert_eq!(jitter.figures(), None);
        let packets = [(0u64, 0), (1, 10), (2, 10), (3, 4)].map(|(frame, delay)| {
            (frame * 50 + delay, (u32::MAX - 5_000).wrapping_add(frame as u32 * 4_500), true)
        });
        update_all(&mut jitter, &packets);
        let first = 10.0 / 16.0;
        let second = first - first / 16.0;
        let third = second + (6.0 - second) / 16.0;
        let figures = jitter.figures().unwrap();
        assert!((figures.current - third).abs() < 1e-6);
        assert!((figures.max - third.max(first)).abs() < 1e-6);
        assert!(
            (figures.mean - (first + second + third) / 3.0).abs() < 1e-6,
            "all packets have the marker bit, so all count"
        );
    }

    #[test]
    fn mean_and_maximum_exclude_marker_packets() {
        let mut jitter = InterarrivalJitter::default();
        update_all(&mut jitter, &[(0, 0, false), (16, 0, false), (48, 0, true)]);
        let (first, last) = (1.0, 1.0 + (32.0 - 1.0) / 16.0);
        let figures = jitter.figures().unwrap();
        assert!((figures.current - last).abs() < 1e-6);
        assert!((figures.mean - first).abs() < 1e-6 && (figures.max - first).abs() < 1e-6);
    }
}
