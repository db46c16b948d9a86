//! Clocks of file formats, in ticks of a fraction of a second.

use std::num::NonZeroU32;

use super::frame_rate::FrameRate;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::Npt;

/// Clock whose ticks are a fraction of a second, as in the stream header of AVI and the media header of MOV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBase {
    ticks: NonZeroU32,
    seconds: NonZeroU32,
}

impl TimeBase {
    /// Clock of milliseconds.
    pub const MILLISECONDS: Self = Self::per_second(1_000);

    /// Clock of microseconds.
    pub const MICROSECONDS: Self = Self::per_second(1_000_000);

    /// Clock of RTP timestamps of video (RFC 3551 §5).
    pub const RTP_VIDEO: Self = Self::per_second(CLOCK_RATE);

    /// Creates a clock that has this number of ticks in a second. Used in constants only, where zero does not compile.
    const fn per_second(ticks: u32) -> Self {
        Self { ticks: NonZeroU32::new(ticks).expect("a constant above zero"), seconds: NonZeroU32::MIN }
    }

    /// Creates a clock that has `ticks` in `seconds`; `None` if one of them is zero.
    pub fn new(ticks: u32, seconds: u32) -> Option<Self> {
        Some(Self { ticks: NonZeroU32::new(ticks)?, seconds: NonZeroU32::new(seconds)? })
    }

    /// Creates the clock that has a tick for each frame of a rate; `None` if its numbers are too large.
    pub fn from_rate(rate: FrameRate) -> Option<Self> {
        let (frames, seconds) = rate.fraction();
        Self::new(u32::try_from(frames).ok()?, u32::try_from(seconds).ok()?)
    }

    /// Returns the number of ticks and the number of seconds that they take.
    pub fn fraction(self) -> (u32, u32) {
        (self.ticks.get(), self.seconds.get())
    }

    /// Returns the ticks per second, rounded to the precision of an `f64`.
    pub fn as_f64(self) -> f64 {
        f64::from(self.ticks.get()) / f64::from(self.seconds.get())
    }

    /// Returns the rate of one frame a tick; `None` outside the range of frame rates.
    pub fn frame_rate(self) -> Option<FrameRate> {
        FrameRate::new(self.ticks.get(), self.seconds.get())
    }

    /// Returns the time of a tick, rounded up to microseconds, as [`FrameRate::npt_of`] does.
    pub fn npt_of(self, tick: u64) -> Npt {
        let micros = (u128::from(tick) * u128::from(self.seconds.get()) * 1_000_000)
            .div_ceil(u128::from(self.ticks.get()));
        Npt::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Returns the tick that is nearest to a time.
    pub fn nearest_tick(self, time: Npt) -> u64 {
        let (ticks, seconds) = (u128::from(self.ticks.get()), u128::from(self.seconds.get()) * 1_000_000);
        let tick = (u128::from(time.as_micros()) * ticks + seconds / 2) / seconds;
        u64::try_from(tick).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_times_round_trip_without_drift() {
        let ntsc = TimeBase::new(30_000, 1_001).unwrap();
        for tick in [0, 1, 2, 3, 107_892, 10_000_000] {
            assert_eq!(ntsc.nearest_tick(ntsc.npt_of(tick)), tick);
        }
        assert_eq!(ntsc.npt_of(107_892).as_micros(), 3_599_996_400);
        assert_eq!(TimeBase::new(0, 1), None);
        assert_eq!(ntsc.frame_rate(), FrameRate::new(30_000, 1_001));
    }
}
