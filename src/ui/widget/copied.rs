//! Time for which a button reads "Copied" after a copy to the clipboard. Sans-I/O.

use std::time::{Duration, Instant};

/// Last copy to the clipboard by a button.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copied {
    at: Option<Instant>,
}

/// Time for which the button reads "Copied".
const TIMEOUT: Duration = Duration::from_secs(2);

impl Copied {
    /// Records a copy to the clipboard at `now`.
    pub fn record(&mut self, now: Instant) {
        self.at = Some(now);
    }

    /// Returns true if the button still reads "Copied".
    pub fn is_recent(self, now: Instant) -> bool {
        self.at.is_some_and(|at| now.saturating_duration_since(at) < TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn button_reads_copied_for_two_seconds() {
        let (now, mut copied) = (Instant::now(), Copied::default());
        assert!(!copied.is_recent(now));
        copied.record(now);
        let after = |ms| now + Duration::from_millis(ms);
        assert!(copied.is_recent(now) && copied.is_recent(after(1_999)) && !copied.is_recent(after(2_000)));
        copied.record(after(3_000));
        assert!(copied.is_recent(after(4_000)));
    }
}
