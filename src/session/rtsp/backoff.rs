//! PURE. Coming back to a server that was lost.

use std::time::Duration;

/// How often it was tried, and how long to wait before the next try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    attempts: u32,
}

/// The longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(30);

impl Backoff {
    /// Whether the server was lost and has not been found again.
    pub fn is_active(self) -> bool {
        self.attempts > 0
    }

    /// One try more: which it is, and how long to wait before it. 1, 2, 4… seconds.
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
