//! Timer of missing data while a stream plays. Sans-I/O.

use std::time::{Duration, Instant};

/// Timer of missing data while a stream plays.
#[derive(Debug, Default)]
pub struct DataTimeout {
    /// Time of the response to PLAY; `None` while nothing plays.
    playing_since: Option<Instant>,
    /// Time at which the process ran again after it was stopped; `None` if it was not.
    resumed_at: Option<Instant>,
    /// Time of the last sender report, if all packets that the server had sent until then have arrived.
    quiet_at: Option<Instant>,
    is_waiting: bool,
}

/// Minimum number of frame intervals before data counts as missing: nothing is sent between frames.
const MIN_FRAME_INTERVALS: u32 = 3;

/// Time in which the input that waits after the process was stopped is read.
pub const RESUMED_READ_TIME: Duration = Duration::from_secs(1);

/// Maximum frame interval; longer ones are reduced to it.
const MAX_FRAME_INTERVAL: Duration = Duration::from_secs(10);

impl DataTimeout {
    /// Starts at the response to PLAY.
    pub fn start(&mut self, now: Instant) {
        *self = Self { playing_since: Some(now), ..Self::default() };
    }

    /// Counts silence from `now`, because the process was stopped and data may be waiting to be read.
    pub fn resume(&mut self, now: Instant) {
        self.resumed_at = Some(now);
    }

    /// Returns true if packets that arrived while the process was stopped may still be read, so that the times at which
    /// they are read say nothing about the network.
    pub fn has_just_resumed(&self, now: Instant) -> bool {
        self.resumed_at.is_some_and(|at| now.saturating_duration_since(at) < RESUMED_READ_TIME)
    }

    /// Handles a sender report that shows that all packets sent so far have arrived: the server sends nothing, and the
    /// network is not the reason.
    pub fn handle_quiet_server(&mut self, now: Instant) {
        self.quiet_at = Some(now);
    }

    /// Returns true if the server has sent nothing since the last packet and said so.
    pub fn is_server_quiet(&self, last_packet: Option<Instant>) -> bool {
        self.quiet_at.is_some_and(|at| last_packet.is_none_or(|last| at >= last))
    }

    /// Stops the timer. Returns true if data was missing.
    pub fn stop(&mut self) -> bool {
        std::mem::take(self).is_waiting
    }

    /// Time of the response to PLAY; `None` while nothing plays.
    pub fn playing_since(&self) -> Option<Instant> {
        self.playing_since
    }

    /// Returns true if data is missing.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Sets whether data is missing. Returns true if that has changed.
    pub fn set_waiting(&mut self, is_waiting: bool) -> bool {
        std::mem::replace(&mut self.is_waiting, is_waiting) != is_waiting
    }

    /// Returns the time from which silence counts: that of the last packet, of a report of a quiet server, of the
    /// response to PLAY, or at which the process ran again, whichever is latest; `None` while nothing plays.
    pub fn last_data(&self, last_packet: Option<Instant>) -> Option<Instant> {
        let started = self.playing_since?;
        [last_packet, self.quiet_at, self.resumed_at, Some(started)].into_iter().max().flatten()
    }
}

/// Extends a timeout to at least three frame intervals, so that slow films do not time out between frames.
pub fn extend_timeout(timeout: Duration, frame_interval: Duration) -> Duration {
    timeout.max(frame_interval.min(MAX_FRAME_INTERVAL) * MIN_FRAME_INTERVALS)
}
