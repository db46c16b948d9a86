//! PURE. Coming back to a server that was lost.

use std::time::Duration;

/// How often it was tried, and how long to wait before the next try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
}

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(30);

impl Retry {
    /// Whether the server was lost and has not been found again.
    pub fn is_under_way(self) -> bool {
        self.attempts > 0
    }

    /// One try more: which it is, and how long to wait before it. 1, 2, 4… seconds.
    pub fn next(&mut self) -> (u32, Duration) {
        let wait = Duration::from_secs(1 << self.attempts.min(5)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        (self.attempts, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_up_to_half_a_minute() {
        let mut retry = Retry::default();
        assert!(!retry.is_under_way());
        let waits: Vec<_> = (0..8).map(|_| retry.next().1.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert!(retry.is_under_way());
    }
}
