//! Time since the last data of a stream that plays.

use std::time::{Duration, Instant};

/// Tells for how long no data has come while a stream plays.
#[derive(Debug, Default)]
pub struct DataTimeout {
    /// When PLAY was answered; none while nothing plays.
    playing_since: Option<Instant>,
    is_waiting: bool,
}

/// Number of frame intervals without data that are no silence: between frames nothing is sent.
const MIN_FRAME_INTERVALS: u32 = 3;

/// Longest frame interval that is believed.
const MAX_FRAME_INTERVAL: Duration = Duration::from_secs(10);

impl DataTimeout {
    /// Starts at the response to PLAY.
    pub fn start(&mut self, now: Instant) {
        *self = Self { playing_since: Some(now), is_waiting: false };
    }

    /// Stops. Returns whether data was waited for.
    pub fn stop(&mut self) -> bool {
        std::mem::take(self).is_waiting
    }

    /// When PLAY was answered; none while nothing plays.
    pub fn playing_since(&self) -> Option<Instant> {
        self.playing_since
    }

    /// Tells whether data is waited for.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Sets whether data is waited for. Returns whether that is a change.
    pub fn set_waiting(&mut self, is_waiting: bool) -> bool {
        std::mem::replace(&mut self.is_waiting, is_waiting) != is_waiting
    }

    /// When data last came, the response to PLAY included; none while nothing plays.
    pub fn last_data(&self, last_packet: Option<Instant>) -> Option<Instant> {
        let started = self.playing_since?;
        Some(last_packet.map_or(started, |packet| packet.max(started)))
    }
}

/// A timeout that is no shorter than a few frame intervals.
pub fn extend_timeout(timeout: Duration, frame_interval: Duration) -> Duration {
    timeout.max(frame_interval.min(MAX_FRAME_INTERVAL) * MIN_FRAME_INTERVALS)
}
