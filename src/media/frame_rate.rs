//! Frame rates as exact fractions.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::{Factor, Npt};
use crate::proto::sdp::FRAME_RATE_RANGE;

/// A frame rate in frames per second, stored as a fraction so that frame times do not drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    frames: NonZeroU64,
    seconds: NonZeroU64,
}

/// Error for a text that is not a frame rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a frame rate is a number from 0.1 to 240, like 25, 29.97 or 30000/1001")]
pub struct FrameRateError;

impl FrameRate {
    /// Rate of the classroom format, which does not state one: 20 frames per second, an interval of 50 ms.
    pub const CLASSROOM: Self = Self::per_second(20);

    /// Creates a rate from a whole number of frames per second.
    ///
    /// # Panics
    /// Panics if `frames` is zero; in a constant this is an error at compile time.
    pub const fn per_second(frames: u32) -> Self {
        match NonZeroU64::new(frames as u64) {
            Some(frames) => Self { frames, seconds: NonZeroU64::MIN },
            None => panic!("a frame rate is not zero"),
        }
    }

    /// Creates the rate of `frames` in `seconds`; `None` outside 0.1 to 240 frames per second.
    pub fn new(frames: u32, seconds: u32) -> Option<Self> {
        let rate =
            Self { frames: NonZeroU64::new(frames.into())?, seconds: NonZeroU64::new(seconds.into())? };
        FRAME_RATE_RANGE.contains(&rate.as_f64()).then(|| rate.reduced())
    }

    /// Returns the frames per second, rounded to the precision of an `f64`.
    pub fn as_f64(self) -> f64 {
        self.frames.get() as f64 / self.seconds.get() as f64
    }

    /// Returns a number of frames and the number of seconds that they take.
    pub fn fraction(self) -> (u64, u64) {
        (self.frames.get(), self.seconds.get())
    }

    /// Returns the rate multiplied by a playback factor; exact for up to two factors in succession. The result can be
    /// outside 0.1 to 240 frames per second.
    pub fn scaled_by(self, factor: Factor) -> Self {
        let frames = self.frames.saturating_mul(factor.into());
        Self { frames, seconds: self.seconds.saturating_mul(Factor::ONE.into()) }.reduced()
    }

    /// Returns the shortest text that parses to this rate: a number with at most two decimals, or else a fraction.
    pub fn exact_text(self) -> String {
        let rounded = self.to_string();
        if rounded.parse() == Ok(self) { rounded } else { format!("{}/{}", self.frames, self.seconds) }
    }

    /// Returns the time from one frame to the next.
    pub fn interval(self) -> Duration {
        self.time_of(1)
    }

    /// Returns the time of a frame relative to frame 0.
    pub fn time_of(self, frame: u64) -> Duration {
        let nanos = u128::from(frame) * u128::from(self.seconds.get()) * 1_000_000_000
            / u128::from(self.frames.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the position of a frame, rounded up to microseconds.
    pub fn npt_of(self, frame: u64) -> Npt {
        // Rounded down, `frame_at` would return the previous frame for this position.
        let micros = (u128::from(frame) * u128::from(self.seconds.get()) * 1_000_000)
            .div_ceil(u128::from(self.frames.get()));
        Npt::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Returns the number of the frame shown at a position.
    pub fn frame_at(self, npt: Npt) -> u64 {
        let frames = u128::from(npt.as_micros()) * u128::from(self.frames.get());
        u64::try_from(frames / (u128::from(self.seconds.get()) * 1_000_000)).unwrap_or(u64::MAX)
    }

    /// Returns the number of the first frame that begins at or after a position.
    pub fn first_frame_from(self, npt: Npt) -> u64 {
        let frame = self.frame_at(npt);
        if self.npt_of(frame) < npt { frame + 1 } else { frame }
    }

    /// Returns the time of a frame relative to frame 0, in RTP ticks of 1/90,000 s.
    pub fn ticks_of(self, frame: u64) -> u64 {
        let ticks = u128::from(frame) * u128::from(CLOCK_RATE) * u128::from(self.seconds.get())
            / u128::from(self.frames.get());
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.as_f64() * 100.0).round() / 100.0;
        write!(f, "{hundredths}")
    }
}

impl FromStr for FrameRate {
    type Err = FrameRateError;

    fn from_str(text: &str) -> Result<Self, FrameRateError> {
        let text = text.trim();
        if let Some((frames, seconds)) = text.split_once('/') {
            let (frames, seconds) = (frames.trim().parse().ok(), seconds.trim().parse().ok());
            return frames.zip(seconds).and_then(|(f, s)| Self::new(f, s)).ok_or(FrameRateError);
        }
        let rate: f64 = text.parse().map_err(|_| FrameRateError)?;
        if !FRAME_RATE_RANGE.contains(&rate) {
            return Err(FrameRateError);
        }
        // 23.976, 29.97 and 59.94 are rounded forms of n·1000/1001, the exact rates of NTSC video.
        let nominal = (rate * 1_001.0 / 1_000.0).round();
        if rate.fract() != 0.0 && (nominal * 1_000.0 / 1_001.0 - rate).abs() < 0.005 {
            return Self::new(nominal as u32 * 1_000, 1_001).ok_or(FrameRateError);
        }
        Self::new((rate * 1_000.0).round() as u32, 1_000).ok_or(FrameRateError)
    }
}

impl FrameRate {
    fn reduced(self) -> Self {
        let divisor = greatest_common_divisor(self.frames.get(), self.seconds.get());
        let divided = |whole: NonZeroU64| NonZeroU64::new(whole.get() / divisor).unwrap_or(whole);
        Self { frames: divided(self.frames), seconds: divided(self.seconds) }
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates_are_parsed_from_text() {
        assert_eq!("25".parse(), Ok(FrameRate::per_second(25)));
        assert_eq!("12.5".parse(), Ok(FrameRate::new(25, 2).unwrap()));
        assert_eq!("29.97".parse(), Ok(FrameRate::new(30_000, 1_001).unwrap()));
        assert_eq!(" 30000 / 1001 ".parse(), Ok(FrameRate::new(30_000, 1_001).unwrap()));
        for (text, exact) in
            [("25", "25"), ("23.976", "23.98"), ("30001/1001", "30001/1001"), ("100/8", "12.5")]
        {
            let rate: FrameRate = text.parse().unwrap();
            assert_eq!(rate.exact_text(), exact);
            assert_eq!(exact.parse(), Ok(rate));
        }
        assert_eq!("23.976".parse::<FrameRate>().unwrap().to_string(), "23.98");
        for text in ["", "0", "-5", "1000", "abc", "nan", "1/0", "inf"] {
            assert_eq!(text.parse::<FrameRate>(), Err(FrameRateError), "{text}");
        }
    }

    #[test]
    fn frame_index_and_position_round_trip() {
        for rate in [
            FrameRate::CLASSROOM,
            FrameRate::per_second(30),
            FrameRate::new(30_000, 1_001).unwrap(),
            FrameRate::per_second(7),
        ] {
            for frame in [0, 1, 2, 3, 29, 30, 499, 17_999, 1_000_000] {
                assert_eq!(rate.frame_at(rate.npt_of(frame)), frame, "{rate:?}");
            }
        }
    }

    #[test]
    fn frame_times_do_not_drift_over_hours() {
        let rate = FrameRate::new(30_000, 1_001).unwrap();
        let hours = 107_892;
        assert_eq!(rate.time_of(hours), Duration::from_nanos(107_892 * 1_001 * 1_000_000_000 / 30_000));
        assert_eq!(rate.ticks_of(hours), 107_892 * 3_003);
        assert_eq!(FrameRate::CLASSROOM.ticks_of(1), 4_500);
    }

    #[test]
    fn scaled_rate_stays_exact() {
        let rate = FrameRate::new(30_000, 1_001).unwrap();
        let (half, eight) = (Factor::from_thousandths(500), Factor::from_thousandths(8_000));
        assert_eq!(rate.scaled_by(half), FrameRate::new(15_000, 1_001).unwrap());
        assert_eq!(rate.scaled_by(half).ticks_of(17_982), 17_982 * 6_006);
        assert_eq!(rate.scaled_by(eight).scaled_by(eight).as_f64(), 64.0 * rate.as_f64());
        assert_eq!(rate.scaled_by(Factor::ONE), rate);
        let (highest, lowest) = (FrameRate::per_second(240), FrameRate::new(429_496_730, u32::MAX).unwrap());
        assert!(highest.scaled_by(Factor::from_thousandths(u32::MAX)).interval() < lowest.interval());
        assert!(
            lowest.scaled_by(Factor::from_thousandths(1)).time_of(1_000_000)
                > Duration::from_secs(9_000_000_000)
        );
    }
}
