//! PURE. When each frame of a PLAY is due.

use std::time::{Duration, Instant};

use super::playback_speed::PlaybackSpeed;
use crate::media::FrameRate;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::Factor;

/// The schedule of one PLAY: frame by frame on the media clock, from the instant at which it began.
///
/// Every due time is computed from the beginning, never from the frame before, so nothing adds up over a long film.
///
/// A film that is seen faster leaves no faster: frames are left out, evenly, and those that leave keep the distance of
/// the film's own (RFC 2326 appendix B; §12.34 does not want the data rate changed). One that is seen slower leaves
/// slower. Only Speed makes more of them leave in a second, and it leaves timestamps as they are.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    origin: Instant,
    first_frame: u64,
    /// From a frame that leaves to the next, in frames of the film; one at least.
    stride: Factor,
    /// How fast frames follow each other on the RTP clock.
    media_rate: FrameRate,
    /// How fast they follow each other on their way out.
    send_rate: FrameRate,
    /// From the one clock to the other.
    speed: Factor,
}

/// A frame's packets are spread over this part of the frame interval.
const SPREAD_DIVISOR: u32 = 4;

/// … and over no more than this.
const MAX_SPREAD: Duration = Duration::from_millis(8);

/// Packets that leave at once and no more. The usual 208 KiB of a socket hold ninety packets of our size, with what the
/// kernel adds to each, and whoever reads it needs a moment to wake up.
const MAX_BURST_PACKETS: usize = 48;

/// Between two bursts.
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// Breaks what leaves at once, unspread or behind a late timer, into bursts that a usual socket can hold. A frame of up
/// to 48 packets is one burst.
#[derive(Debug, Clone, Copy)]
pub struct BurstLimiter {
    /// The burst that is leaving, or left last: when it began, and its packets.
    started_at: Instant,
    packets: usize,
    /// After this there are no more breaths: the frame has taken its time.
    deadline: Instant,
}

impl BurstLimiter {
    /// Bursts of a frame that begins now and should be gone within `span`.
    pub fn new(now: Instant, span: Duration) -> Self {
        Self { started_at: now, packets: 0, deadline: now + span }
    }

    /// When the next packet may leave, if not now.
    pub fn wait_until(&self, now: Instant) -> Option<Instant> {
        let next = (self.started_at + BURST_INTERVAL).min(self.deadline);
        (self.packets >= MAX_BURST_PACKETS && now < next).then_some(next)
    }

    /// A packet has left.
    pub fn record_packet(&mut self, now: Instant) {
        // From now, and not from when it was due: timers are late, and a late burst must not join the next.
        if now >= self.started_at + BURST_INTERVAL {
            (self.started_at, self.packets) = (now, 0);
        }
        self.packets += 1;
    }
}

impl Pacer {
    /// Frame `first` is due at `origin`.
    pub fn new(
        rate: FrameRate,
        origin: Instant,
        first_frame: u64,
        PlaybackSpeed { scale, speed }: PlaybackSpeed,
    ) -> Self {
        let shown = rate.scaled_by(scale.min(Factor::ONE));
        let leaving = shown.scaled_by(speed);
        Self {
            origin,
            first_frame,
            stride: scale.max(Factor::ONE),
            media_rate: shown,
            send_rate: leaving,
            speed,
        }
    }

    /// How many frames leave before this one. One that is left out counts as the one behind it.
    fn send_index(&self, frame: u64) -> u64 {
        let frames = frame.saturating_sub(self.first_frame);
        frames.saturating_mul(1_000).div_ceil(self.stride.as_thousandths().into())
    }

    /// The frame that leaves behind so many others.
    fn frame_at_index(&self, index: u64) -> u64 {
        self.first_frame + index.saturating_mul(self.stride.as_thousandths().into()) / 1_000
    }

    /// The frame that leaves behind this one.
    pub fn next_frame(&self, frame: u64) -> u64 {
        self.frame_at_index(self.send_index(frame) + 1)
    }

    /// When a frame is due. Frames before the first one were due at once.
    pub fn due(&self, frame: u64) -> Instant {
        self.origin + self.send_rate.time_of(self.send_index(frame))
    }

    /// How far a frame is from the first one, on the RTP clock.
    pub fn ticks(&self, frame: u64) -> u64 {
        self.media_rate.ticks_of(self.send_index(frame))
    }

    /// From one frame that leaves to the next, on the RTP clock.
    pub fn interval_ticks(&self) -> u64 {
        self.media_rate.ticks_of(1)
    }

    /// How far the RTP clock has come since the first frame.
    pub fn ticks_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        duration_to_ticks(elapsed.saturating_mul(self.speed.as_thousandths())) / 1_000
    }

    /// How much later than the first of a frame's packets another one leaves. A large frame sent in one burst overruns
    /// the queues on its way, so its packets are spread; those of the first frame are not, as someone is waiting for a
    /// picture.
    pub fn packet_offset(&self, frame: u64, packet: usize, packets: usize) -> Duration {
        match frame == self.first_frame {
            true => Duration::ZERO,
            false => self.max_spread().mul_f64(packet as f64 / packets.max(1) as f64),
        }
    }

    /// From the first of a frame's packets to its last, at the most.
    pub fn max_spread(&self) -> Duration {
        (self.send_rate.interval() / SPREAD_DIVISOR).min(MAX_SPREAD)
    }

    /// The frame that is due at `now`.
    pub fn frame_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        self.frame_at_index(self.send_rate.frame_at(elapsed.into()))
    }
}

/// A span on the RTP clock.
pub fn duration_to_ticks(duration: Duration) -> u64 {
    let ticks = duration.as_nanos() * u128::from(CLOCK_RATE) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
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
        for (rate, longest) in [(FrameRate::per_second(20), 8_000), (FrameRate::per_second(100), 2_500)] {
            let pacer = pacer(rate, origin, 10);
            assert_eq!(pacer.packet_offset(10, 99, 100), Duration::ZERO, "the first frame is not spread");
            let last = pacer.packet_offset(11, 99, 100);
            assert!(
                last < Duration::from_micros(longest) && last > Duration::from_micros(longest * 9 / 10),
                "{last:?}"
            );
        }
    }

    #[test]
    fn large_first_frame_is_sent_in_bursts_for_at_most_8_ms() {
        let begin = Instant::now();
        let leave = |packets: usize| {
            let (mut now, mut bursts, mut longest, mut row) =
                (begin, BurstLimiter::new(begin, MAX_SPREAD), 0, 0);
            for _ in 0..packets {
                row += 1;
                while let Some(resume) = bursts.wait_until(now) {
                    // A late timer.
                    now = resume + BURST_INTERVAL;
                    row = 1;
                }
                bursts.record_packet(now);
                longest = longest.max(row);
            }
            (now - begin, longest)
        };
        assert_eq!(leave(48), (Duration::ZERO, 48));
        let (span, longest) = leave(190);
        assert_eq!((span, longest), (6 * BURST_INTERVAL, 48));
        assert!(leave(12_000).0 <= MAX_SPREAD + 2 * BURST_INTERVAL);
    }

    #[test]
    fn frame_at_inverts_due() {
        let origin = Instant::now();
        let pacer = pacer(FrameRate::per_second(30), origin, 100);
        for frame in 100..400 {
            assert_eq!(pacer.frame_at(pacer.due(frame) + Duration::from_micros(1)), frame);
        }
    }

    /// The frames that leave from frame 100 on: which, how long after the first, and its distance on the RTP clock.
    fn schedule(playback_speed: PlaybackSpeed, count: usize) -> Vec<(u64, u128, u64)> {
        let origin = Instant::now();
        let pacer = Pacer::new(FrameRate::per_second(30), origin, 100, playback_speed);
        let frames = std::iter::successors(Some(100), |frame| Some(pacer.next_frame(*frame)));
        frames
            .take(count)
            .map(|frame| (frame, (pacer.due(frame) - origin).as_millis(), pacer.ticks(frame)))
            .collect()
    }

    /// The example of RFC 2326 appendix B, and its neighbours.
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
        assert_eq!(frames, [100, 101, 103, 104, 106, 107, 109], "evenly");
    }

    #[test]
    fn schedule_does_not_drift_over_an_hour_at_any_speed() {
        let (origin, hour) = (Instant::now(), Duration::from_secs(3_600));
        for (scale, speed) in [(250, 250), (333, 1_000), (1_001, 1_000), (2_000, 2_500), (8_000, 8_000)] {
            let pacer =
                Pacer::new(FrameRate::new(30_000, 1_001).unwrap(), origin, 7, playback_speed(scale, speed));
            let frame = pacer.frame_at(origin + hour);
            let film = FrameRate::new(30_000, 1_001).unwrap().time_of(frame - 7).as_secs_f64();
            let expected = 3_600.0 * f64::from(scale) * f64::from(speed) / 1e6;
            assert!((film - expected).abs() < 0.3, "{scale} {speed}: {film} instead of {expected}");
            let late = hour - (pacer.due(frame) - origin);
            assert!(late <= Duration::from_millis(600), "{scale} {speed}: {late:?}");
            assert!(pacer.ticks(frame).abs_diff(pacer.ticks_at(pacer.due(frame))) <= 1, "{scale} {speed}");
            assert_eq!(
                pacer.next_frame(frame),
                pacer.frame_at(pacer.due(pacer.next_frame(frame)) + BURST_INTERVAL / 1_000)
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
