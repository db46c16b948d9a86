//! The monotonic clock and the wall clock.

use std::time::{Instant, SystemTime};

use crate::proto::rtcp::Epoch;

/// Reads the monotonic clock and the wall clock, one immediately after the other.
pub fn epoch() -> Epoch {
    Epoch::new(Instant::now(), SystemTime::now())
}
