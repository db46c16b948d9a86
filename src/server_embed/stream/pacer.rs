//! Schedule of the frames and packets of one PLAY. Sans-I/O.

use std::time::{Duration, Instant};

use super::rtp_clock::duration_to_ticks;
use crate::media::FrameRate;
use crate::media::container::FrameTimes;
use crate::proto::rtsp::{Factor, Npt};
use crate::server_embed::playback_speed::PlaybackSpeed;

/// Schedule of one PLAY: the due time and RTP timestamp of each frame, and the spread of its packets.
///
/// Each due time is computed from the start of the PLAY, not from the previous frame, so rounding errors do not add
/// up. If the file states the times of its frames, they are those of the schedule.
///
/// A Scale above 1 skips frames evenly; those that are sent keep the interval of the media, because Scale should not
/// change the data rate (RFC 2326 §12.34, appendix B). The last frame is sent too, at its own time between two
/// intervals. A Scale below 1 lengthens the interval. Only Speed raises the number of frames sent per second, and it
/// does not change timestamps.
#[derive(Debug, Clone)]
pub struct Pacer {
    origin: Instant,
    first_frame: u64,
    /// Distance between frames sent, in frames of the file; at least 1.
    stride: Factor,
    clock: PacerClock,
    /// Speed of the RTP clock relative to the wall clock.
    speed: Factor,
}

/// Times of the frames sent, from the first one on.
#[derive(Debug, Clone)]
enum PacerClock {
    /// All intervals are the same.
    Constant {
        /// Rate of the frames sent, on the RTP clock.
        media_rate: FrameRate,
        /// Rate of the frames sent, on the wall clock.
        send_rate: FrameRate,
    },
    /// The file states the times.
    Stated {
        times: FrameTimes,
        /// Time of the first frame in the file.
        start: Npt,
        /// Seconds of media per second of the RTP clock.
        scale: Factor,
    },
}

/// The packets of a frame are spread over this fraction of the frame interval.
const SPREAD_DIVISOR: u32 = 4;

/// Maximum time over which the packets of a frame are spread, unless it is large.
const MAX_SPREAD: Duration = Duration::from_millis(8);

/// Number of packets above which a frame is large: it does not fit into the default receive buffer of a socket.
const LARGE_FRAME_PACKETS: usize = 100;

/// Interval between the packets of a large frame, unless it would then take longer than the time for large frames.
const LARGE_FRAME_PACKET_INTERVAL: Duration = Duration::from_nanos(83_333);

/// The packets of a large frame are spread over at most this many quarters of the frame interval.
const LARGE_FRAME_QUARTERS: u32 = 3;

impl Pacer {
    /// Creates a schedule in which frame `first_frame` is due at `origin`.
    pub fn new(times: FrameTimes, origin: Instant, first_frame: u64, playback_speed: PlaybackSpeed) -> Self {
        let PlaybackSpeed { scale, speed } = playback_speed;
        let clock = match times {
            FrameTimes::Assumed(rate) => {
                let media_rate = rate.scaled_by(scale.min(Factor::ONE));
                PacerClock::Constant { media_rate, send_rate: playback_speed.send_rate(rate) }
            }
            FrameTimes::Stated(_) => PacerClock::Stated { start: times.npt_of(first_frame), times, scale },
        };
        Self { origin, first_frame, stride: scale.max(Factor::ONE), clock, speed }
    }

    /// Number of frames sent before this one. A skipped frame counts as the next frame that is sent.
    pub fn send_index(&self, frame: u64) -> u64 {
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

    /// Time from the first frame to the one that is sent after this number of others, in ns of the
    /// RTP clock, by the times of the file. With a Scale that is not a whole number, it lies between two frames.
    fn stated_time(&self, times: &FrameTimes, start: Npt, scale: Factor, index: u64) -> u64 {
        let thousandths = index.saturating_mul(self.stride.as_thousandths().into());
        let frame = self.first_frame.saturating_add(thousandths / 1_000);
        let (time, next) = (times.npt_of(frame), times.npt_of(frame.saturating_add(1)));
        let since_start = u128::from(time.as_micros().saturating_sub(start.as_micros())) * 1_000;
        let interval = u128::from(next.as_micros().saturating_sub(time.as_micros()));
        let media_time = since_start + interval * u128::from(thousandths % 1_000);
        let scaled = media_time * 1_000 / u128::from(scale.as_thousandths().max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Time from the first frame to the one that is sent after this number of others, on the wall clock.
    fn time_of_index(&self, index: u64) -> Duration {
        match &self.clock {
            PacerClock::Constant { send_rate, .. } => send_rate.time_of(index),
            PacerClock::Stated { times, start, scale } => {
                let nanos = u128::from(self.stated_time(times, *start, *scale, index));
                let nanos = nanos * 1_000 / u128::from(self.speed.as_thousandths().max(1));
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(MAX_FILM_LENGTH)
            }
        }
    }

    /// Time from the first frame to the one that is sent after this number of others, in ticks of the RTP clock.
    fn ticks_of_index(&self, index: u64) -> u64 {
        match &self.clock {
            PacerClock::Constant { media_rate, .. } => media_rate.ticks_of(index),
            PacerClock::Stated { times, start, scale } => {
                // The times are rounded to microseconds, so a tick is the nearest one.
                let nanos = Duration::from_nanos(self.stated_time(times, *start, *scale, index));
                duration_to_ticks(nanos.saturating_add(HALF_TICK))
            }
        }
    }

    /// Due time of a frame. Frames before the first one are due at the start, and skipped ones between those that are
    /// sent.
    pub fn due(&self, frame: u64) -> Instant {
        let nanos = |index| u64::try_from(self.time_of_index(index).as_nanos()).unwrap_or(u64::MAX);
        self.origin + Duration::from_nanos(self.interpolate(frame, nanos))
    }

    /// Time at which a PLAY ends that stops before this frame.
    pub fn end_before(&self, frame: u64) -> Instant {
        self.origin + self.time_of_index(self.send_index(frame))
    }

    /// Distance of a frame from the first one, in ticks of the RTP clock.
    pub fn ticks(&self, frame: u64) -> u64 {
        self.interpolate(frame, |index| self.ticks_of_index(index))
    }

    /// Value for a frame of a function that is known for the frames that are sent.
    fn interpolate(&self, frame: u64, value: impl Fn(u64) -> u64) -> u64 {
        let index = self.send_index(frame);
        let next = value(index);
        if index == 0 || self.frame_at_index(index) == frame {
            return next;
        }
        let (previous, stride) = (value(index - 1), u64::from(self.stride.as_thousandths()));
        let since_previous = frame
            .saturating_sub(self.first_frame)
            .saturating_mul(1_000)
            .saturating_sub((index - 1).saturating_mul(stride));
        let difference = u128::from(next.saturating_sub(previous)) * u128::from(since_previous);
        previous.saturating_add(u64::try_from(difference / u128::from(stride)).unwrap_or(u64::MAX))
    }

    /// Interval from a frame to the one that is sent after it, in ticks of the RTP clock.
    pub fn interval_ticks(&self, frame: u64) -> u64 {
        let index = self.send_index(frame);
        self.ticks_of_index(index + 1).saturating_sub(self.ticks_of_index(index)).max(1)
    }

    /// Distance of an instant from the first frame, in ticks of the RTP clock.
    pub fn ticks_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        duration_to_ticks(elapsed.saturating_mul(self.speed.as_thousandths())) / 1_000
    }

    /// Distance of an instant before the first frame from it, in ticks of the RTP clock; 0 afterwards.
    pub fn ticks_until_start(&self, now: Instant) -> u64 {
        let remaining = self.origin.saturating_duration_since(now);
        duration_to_ticks(remaining.saturating_mul(self.speed.as_thousandths())) / 1_000
    }

    /// Delay of a packet after the first packet of its frame. Packets are spread because a large frame sent at once
    /// overflows queues in the network; those of the first frame are not, to show it as early as possible.
    pub fn packet_offset(&self, frame: u64, packet: usize, packets: usize) -> Duration {
        match frame == self.first_frame {
            true => Duration::ZERO,
            false => self.spread(frame, packets).mul_f64(packet as f64 / packets.max(1) as f64),
        }
    }

    /// Maximum delay of the last packet of a frame after the first.
    fn spread(&self, frame: u64, packets: usize) -> Duration {
        let interval = match &self.clock {
            PacerClock::Constant { send_rate, .. } => send_rate.interval(),
            PacerClock::Stated { .. } => {
                let index = self.send_index(frame);
                self.time_of_index(index + 1).saturating_sub(self.time_of_index(index))
            }
        };
        let spread = (interval / SPREAD_DIVISOR).min(MAX_SPREAD);
        if packets <= LARGE_FRAME_PACKETS {
            return spread;
        }
        let packets = u32::try_from(packets).unwrap_or(u32::MAX);
        let large = LARGE_FRAME_PACKET_INTERVAL.saturating_mul(packets);
        large.min(interval / 4 * LARGE_FRAME_QUARTERS).max(spread)
    }

    /// Latest frame that is due at `now`.
    pub fn frame_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        let index = match &self.clock {
            PacerClock::Constant { send_rate, .. } => send_rate.frame_at(elapsed.into()),
            PacerClock::Stated { times, start, scale } => {
                let factors = u128::from(scale.as_thousandths()) * u128::from(self.speed.as_thousandths());
                let micros = elapsed.as_micros() * factors / 1_000_000;
                let micros = u64::try_from(micros).unwrap_or(u64::MAX);
                let position = Npt::from_micros(start.as_micros().saturating_add(micros));
                let frames = times.frame_at(position).saturating_sub(self.first_frame);
                frames.saturating_mul(1_000) / u64::from(self.stride.as_thousandths())
            }
        };
        self.frame_at_index(index)
    }
}

/// Maximum length of a film on the wall clock: a hostile file can state any time, and an `Instant` cannot express it.
const MAX_FILM_LENGTH: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Half the length of an RTP tick.
const HALF_TICK: Duration = Duration::from_nanos(5_555);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::container::{FrameEntry, FrameIndex};

    fn pacer(rate: FrameRate, origin: Instant, first: u64) -> Pacer {
        Pacer::new(FrameTimes::Assumed(rate), origin, first, PlaybackSpeed::default())
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
    fn large_frames_are_spread_longer_up_to_three_quarters_of_the_interval() {
        let origin = Instant::now();
        for (packets, max_micros) in
            [(100, 8_000), (101, 8_500), (200, 17_000), (290, 24_500), (5_000, 30_000)]
        {
            let last = pacer(FrameRate::per_second(25), origin, 10).packet_offset(11, packets - 1, packets);
            assert!(
                last < Duration::from_micros(max_micros) && last > Duration::from_micros(max_micros * 9 / 10),
                "{packets} packets: {last:?}"
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
        let times = FrameTimes::Assumed(FrameRate::per_second(30));
        let pacer = Pacer::new(times, origin, 100, playback_speed);
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
            let times = FrameTimes::Assumed(FrameRate::new(30_000, 1_001).unwrap());
            let pacer = Pacer::new(times, origin, 7, playback_speed(scale, speed));
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
    fn skipped_frame_lies_between_those_that_are_sent() {
        let times = FrameTimes::Assumed(FrameRate::per_second(20));
        let pacer = Pacer::new(times, Instant::now(), 0, playback_speed(4_000, 1_000));
        assert_eq!([4, 5, 7, 8].map(|frame| pacer.ticks(frame)), [4_500, 5_625, 7_875, 9_000]);
        assert_eq!([5, 7, 8].map(|frame| pacer.end_before(frame)), [pacer.due(8); 3]);
        assert_eq!([4, 5, 8].map(|frame| pacer.next_frame(frame)), [8, 12, 12]);
    }

    /// Times of a file with frames at these times, in ms.
    fn stated(times: &[u64], end: u64) -> FrameTimes {
        let index = FrameIndex::new(FrameRate::per_second(25));
        let entry = |ms: &u64| FrameEntry { offset: 0, length: 4, time: Npt::from_micros(ms * 1_000) };
        index.append(&mut times.iter().map(entry).collect(), Npt::from_micros(end * 1_000));
        FrameTimes::Stated(Arc::new(index))
    }

    #[test]
    fn stated_times_are_those_of_the_schedule() {
        let (origin, times) = (Instant::now(), stated(&[100, 140, 1_180, 1_220, 1_340], 1_380));
        let schedule = |scale, speed, first: u64| {
            let pacer = Pacer::new(times.clone(), origin, first, playback_speed(scale, speed));
            let frames = std::iter::successors(Some(first), |frame| Some(pacer.next_frame(*frame)));
            frames
                .take_while(|frame| *frame < 5)
                .map(|frame| (frame, (pacer.due(frame) - origin).as_millis(), pacer.ticks(frame)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            schedule(1_000, 1_000, 0),
            [(0, 0, 0), (1, 40, 3_600), (2, 1_080, 97_200), (3, 1_120, 100_800), (4, 1_240, 111_600)]
        );
        assert_eq!(schedule(1_000, 2_000, 2), [(2, 0, 0), (3, 20, 3_600), (4, 80, 14_400)]);
        assert_eq!(schedule(500, 1_000, 3), [(3, 0, 0), (4, 240, 21_600)]);
        assert_eq!(schedule(2_000, 1_000, 0), [(0, 0, 0), (2, 540, 48_600), (4, 620, 55_800)]);

        let pacer = Pacer::new(times.clone(), origin, 1, PlaybackSpeed::default());
        let at = |ms| pacer.frame_at(origin + Duration::from_millis(ms));
        assert_eq!([0, 1_039, 1_040, 1_199, 1_200].map(at), [1, 1, 2, 3, 4]);
        assert_eq!((pacer.interval_ticks(1), pacer.interval_ticks(4)), (93_600, 3_600));
        assert_eq!(pacer.due(5) - origin, Duration::from_millis(1_240), "the end of the film");
    }

    #[test]
    fn stated_times_in_microseconds_give_exact_ticks() {
        let (origin, rate) = (Instant::now(), FrameRate::new(30_000, 1_001).unwrap());
        let index = FrameIndex::new(rate);
        let entry = |frame| FrameEntry { offset: 0, length: 4, time: rate.npt_of(frame) };
        index.append(&mut (0..2_000).map(entry).collect(), rate.npt_of(2_000));
        let times = FrameTimes::Stated(Arc::new(index));
        for first in [0, 1, 2, 7] {
            let pacer = Pacer::new(times.clone(), origin, first, PlaybackSpeed::default());
            for frame in first..2_000 {
                assert_eq!(pacer.ticks(frame), (frame - first) * 3_003, "{first} {frame}");
            }
        }
    }
}
