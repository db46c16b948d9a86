//! Schedule of the frames and packets of one PLAY. Sans-I/O.

use std::time::{Duration, Instant};

use super::rtp_clock::duration_to_ticks;
use crate::media::FrameRate;
use crate::proto::rtsp::Factor;
use crate::server_embed::playback_speed::PlaybackSpeed;

/// Schedule of one PLAY: the due time and RTP timestamp of each frame, and the spread of its packets.
///
/// Each due time is computed from the start of the PLAY, not from the previous frame, so rounding errors do not add
/// up.
///
/// A Scale above 1 skips frames evenly; those that are sent keep the interval of the media, because Scale should not
/// change the data rate (RFC 2326 §12.34, appendix B). A Scale below 1 lengthens the interval. Only Speed raises the
/// number of frames sent per second, and it does not change timestamps.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    origin: Instant,
    first_frame: u64,
    /// Distance between frames sent, in frames of the file; at least 1.
    stride: Factor,
    /// Rate of the frames sent, on the RTP clock.
    media_rate: FrameRate,
    /// Rate of the frames sent, on the wall clock.
    send_rate: FrameRate,
    /// Speed of the RTP clock relative to the wall clock.
    speed: Factor,
}

/// The packets of a frame are spread over this fraction of the frame interval.
const SPREAD_DIVISOR: u32 = 4;

/// Maximum time over which the packets of a frame are spread.
pub(super) const MAX_SPREAD: Duration = Duration::from_millis(8);

impl Pacer {
    /// Creates a schedule in which frame `first_frame` is due at `origin`.
    pub fn new(
        rate: FrameRate,
        origin: Instant,
        first_frame: u64,
        PlaybackSpeed { scale, speed }: PlaybackSpeed,
    ) -> Self {
        let media_rate = rate.scaled_by(scale.min(Factor::ONE));
        Self {
            origin,
            first_frame,
            stride: scale.max(Factor::ONE),
            media_rate,
            send_rate: media_rate.scaled_by(speed),
            speed,
        }
    }

    /// Number of frames sent before this one. A skipped frame counts as the next frame that is sent.
    fn send_index(&self, frame: u64) -> u64 {
        let frames = frame.saturating_sub(self.first_frame);
        frames.saturating_mul(1_000).div_ceil(self.stride.as_thousandths().into())
    }

    /// Frame that is sent after this number of others.
    fn frame_at_index(&self, index: u64) -> u64 {
        self.first_frame + index.saturating_mul(self.stride.as_thousandths().into()) / 1_000
    }

    /// Frame that is sent after this one.
    pub fn next_frame(&self, frame: u64) -> u64 {
        self.frame_at_index(self.send_index(frame) + 1)
    }

    /// Due time of a frame. Frames before the first one are due at the start.
    pub fn due(&self, frame: u64) -> Instant {
        self.origin + self.send_rate.time_of(self.send_index(frame))
    }

    /// Distance of a frame from the first one, in ticks of the RTP clock.
    pub fn ticks(&self, frame: u64) -> u64 {
        self.media_rate.ticks_of(self.send_index(frame))
    }

    /// Interval of the frames sent, in ticks of the RTP clock.
    pub fn interval_ticks(&self) -> u64 {
        self.media_rate.ticks_of(1)
    }

    /// Distance of an instant from the first frame, in ticks of the RTP clock.
    pub fn ticks_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        duration_to_ticks(elapsed.saturating_mul(self.speed.as_thousandths())) / 1_000
    }

    /// Delay of a packet after the first packet of its frame. Packets are spread because a large frame sent at once
    /// overflows queues in the network; those of the first frame are not, to show it as early as possible.
    pub fn packet_offset(&self, frame: u64, packet: usize, packets: usize) -> Duration {
        match frame == self.first_frame {
            true => Duration::ZERO,
            false => self.max_spread().mul_f64(packet as f64 / packets.max(1) as f64),
        }
    }

    /// Maximum delay of the last packet of a frame after the first.
    pub fn max_spread(&self) -> Duration {
        (self.send_rate.interval() / SPREAD_DIVISOR).min(MAX_SPREAD)
    }

    /// Latest frame that is due at `now`.
    pub fn frame_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        self.frame_at_index(self.send_rate.frame_at(elapsed.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(rate: FrameRate, origin: Instant, first: u64) -> Pacer {
        Pacer::new(rate, origin, first, PlaybackSpeed::default())
    }

    fn playback_speed(scale: u32, speed: u32) -> PlaybackSpeed {
        PlaybackSpeed { scale: Factor::from_thousandths(scale), speed: Factor::from_thousandths(speed) }
    }

    #[test]
    fn schedule_does_not_drift_over_ten_minutes() {
        let origin = Instant::now();
        let rate = FrameRate::new(30_000, 1_001).unwrap();
        let pacer = pacer(rate, origin, 0);
        assert_eq!(pacer.due(17_982) - origin, Duration::from_nanos(17_982 * 1_001 * 1_000_000 / 30));
        assert_eq!(pacer.ticks(17_982), 17_982 * 3_003);
    }

    #[test]
    fn packet_spread_is_quarter_of_interval_and_at_most_8_ms() {
        let origin = Instant::now();
        for (rate, max_micros) in [(FrameRate::per_second(20), 8_000), (FrameRate::per_second(100), 2_500)] {
            let pacer = pacer(rate, origin, 10);
            assert_eq!(pacer.packet_offset(10, 99, 100), Duration::ZERO, "the first frame is not spread");
            let last = pacer.packet_offset(11, 99, 100);
            assert!(
                last < Duration::from_micros(max_micros) && last > Duration::from_micros(max_micros * 9 / 10),
                "{last:?}"
            );
        }
    }

    #[test]
    fn frame_at_inverts_due() {
        let origin = Instant::now();
        let pacer = pacer(FrameRate::per_second(30), origin, 100);
        for frame in 100..400 {
            assert_eq!(pacer.frame_at(pacer.due(frame) + Duration::from_micros(1)), frame);
        }
    }

    /// Frames sent from frame 100 on: number, milliseconds after the first, and ticks after the first.
    fn schedule(playback_speed: PlaybackSpeed, count: usize) -> Vec<(u64, u128, u64)> {
        let origin = Instant::now();
        let pacer = Pacer::new(FrameRate::per_second(30), origin, 100, playback_speed);
        let frames = std::iter::successors(Some(100), |frame| Some(pacer.next_frame(*frame)));
        frames
            .take(count)
            .map(|frame| (frame, (pacer.due(frame) - origin).as_millis(), pacer.ticks(frame)))
            .collect()
    }

    /// Example of RFC 2326 appendix B, and combinations of Scale and Speed.
    #[test]
    fn scale_skips_or_slows_frames_and_speed_raises_send_rate() {
        assert_eq!(
            schedule(playback_speed(2_000, 1_000), 3),
            [(100, 0, 0), (102, 33, 3_000), (104, 66, 6_000)]
        );
        assert_eq!(
            schedule(playback_speed(500, 1_000), 3),
            [(100, 0, 0), (101, 66, 6_000), (102, 133, 12_000)]
        );
        assert_eq!(
            schedule(playback_speed(1_000, 2_000), 3),
            [(100, 0, 0), (101, 16, 3_000), (102, 33, 6_000)]
        );
        assert_eq!(
            schedule(playback_speed(8_000, 4_000), 3),
            [(100, 0, 0), (108, 8, 3_000), (116, 16, 6_000)]
        );
        let frames: Vec<_> =
            schedule(playback_speed(1_500, 1_000), 7).iter().map(|(frame, ..)| *frame).collect();
        assert_eq!(frames, [100, 101, 103, 104, 106, 107, 109], "frames are skipped evenly");
    }

    #[test]
    fn schedule_does_not_drift_over_an_hour_at_any_speed() {
        let (origin, hour) = (Instant::now(), Duration::from_secs(3_600));
        for (scale, speed) in [(250, 250), (333, 1_000), (1_001, 1_000), (2_000, 2_500), (8_000, 8_000)] {
            let pacer =
                Pacer::new(FrameRate::new(30_000, 1_001).unwrap(), origin, 7, playback_speed(scale, speed));
            let frame = pacer.frame_at(origin + hour);
            let media_time = FrameRate::new(30_000, 1_001).unwrap().time_of(frame - 7).as_secs_f64();
            let expected = 3_600.0 * f64::from(scale) * f64::from(speed) / 1e6;
            assert!(
                (media_time - expected).abs() < 0.3,
                "{scale} {speed}: {media_time}, expected {expected}"
            );
            let age = hour - (pacer.due(frame) - origin);
            assert!(age <= Duration::from_millis(600), "{scale} {speed}: {age:?}");
            assert!(pacer.ticks(frame).abs_diff(pacer.ticks_at(pacer.due(frame))) <= 1, "{scale} {speed}");
            assert_eq!(
                pacer.next_frame(frame),
                pacer.frame_at(pacer.due(pacer.next_frame(frame)) + Duration::from_micros(1))
            );
        }
    }

    #[test]
    fn skipped_frame_maps_to_next_sent_frame() {
        let pacer = Pacer::new(FrameRate::per_second(20), Instant::now(), 0, playback_speed(4_000, 1_000));
        assert_eq!([4, 5, 7, 8].map(|frame| pacer.ticks(frame)), [4_500, 9_000, 9_000, 9_000]);
        assert_eq!([4, 5, 8].map(|frame| pacer.next_frame(frame)), [8, 12, 12]);
    }
}
