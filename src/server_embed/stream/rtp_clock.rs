//! The RTP clock of a stream. Sans-I/O.

use std::time::{Duration, Instant};

use crate::proto::rtcp::{Epoch, NtpTime};
use crate::proto::rtp::CLOCK_RATE;

/// RTP clock of a stream, which follows the wall clock and never returns a tick twice.
///
/// A tick is 1/90,000 s, counted from the first timestamp of the stream.
#[derive(Debug)]
pub struct RtpClock {
    first_timestamp: u32,
    /// Instant from which ticks are counted.
    start: Instant,
    /// Reading of both clocks from which NTP times count.
    epoch: Epoch,
    earliest_tick: u64,
}

impl RtpClock {
    /// Creates a clock that shows `first_timestamp` at `epoch`.
    pub fn new(first_timestamp: u32, epoch: Epoch) -> Self {
        Self { first_timestamp, start: epoch.instant, epoch, earliest_tick: 0 }
    }

    /// Sets the reading of both clocks from which NTP times count, after one of them has jumped. Ticks are not
    /// affected.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Tick of an instant, or [`earliest_tick`](Self::earliest_tick) if that is later.
    pub fn tick_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start);
        duration_to_ticks(elapsed).max(self.earliest_tick)
    }

    /// First tick after the frames sent so far. Later than the wall clock after a PLAY with a Speed above 1.
    pub fn earliest_tick(&self) -> u64 {
        self.earliest_tick
    }

    /// Sets the first tick that the next frame may have.
    pub fn set_earliest_tick(&mut self, tick: u64) {
        self.earliest_tick = tick;
    }

    /// RTP timestamp of a tick, modulo 2^32.
    pub fn timestamp(&self, tick: u64) -> u32 {
        self.first_timestamp.wrapping_add(tick as u32)
    }

    /// NTP time of an instant.
    pub fn ntp_at(&self, now: Instant) -> NtpTime {
        self.epoch.ntp_at(now)
    }
}

/// Converts a duration to ticks of the RTP clock, rounded down.
pub fn duration_to_ticks(duration: Duration) -> u64 {
    let ticks = duration.as_nanos() * u128::from(CLOCK_RATE) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}
