//! Backoff between attempts to reconnect. Sans-I/O.

use std::time::Duration;

/// Counter of attempts to reconnect, with an exponential wait before each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    attempts: u32,
}

/// Maximum wait before an attempt.
const MAX_WAIT: Duration = Duration::from_secs(30);

impl Backoff {
    /// Returns true if the connection was lost and has not been restored.
    pub fn is_active(self) -> bool {
        self.attempts > 0
    }

    /// Counts an attempt. Returns its number, from 1, and the wait before it: 1, 2, 4, 8, 16, then 30 seconds.
    pub fn next_attempt(&mut self) -> (u32, Duration) {
        let wait = Duration::from_secs(1 << self.attempts.min(5)).min(MAX_WAIT);
        self.attempts = self.attempts.saturating_add(1);
        (self.attempts, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_30_seconds() {
        let mut backoff = Backoff::default();
        assert!(!backoff.is_active());
        let waits: Vec<_> = (0..8).map(|_| backoff.next_attempt().1.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert!(backoff.is_active());
    }
}
