//! The two clocks of this machine.

use std::time::{Instant, SystemTime};

use crate::proto::rtcp::Epoch;

/// Reads the monotonic clock and the wall clock, one right after the other.
pub fn epoch() -> Epoch {
    Epoch::new(Instant::now(), SystemTime::now())
}
