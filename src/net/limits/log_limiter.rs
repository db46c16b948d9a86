//! The number of log lines of each client. Sans-I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::address_group::AddressGroup;

/// Time for which lines are counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// Maximum number of addresses that are counted at a time. Beyond it, the lines of new ones are left out.
const MAX_ADDRESSES: usize = 1_024;

/// Limits the log lines of each client address in each second, and counts those that are left out.
#[derive(Debug)]
pub struct LogLimiter {
    max_lines: u32,
    windows: HashMap<AddressGroup, Window>,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    lines: u32,
    left_out: u64,
}

impl LogLimiter {
    /// Creates a limiter for `max_lines` lines for each second and address.
    pub fn new(max_lines: u32) -> Self {
        Self { max_lines, windows: HashMap::new() }
    }

    /// Returns true if a line about this address may be logged; counts it if not.
    pub fn admit(&mut self, now: Instant, address: AddressGroup) -> bool {
        if self.windows.len() >= MAX_ADDRESSES {
            self.windows.retain(|_, window| window.left_out > 0 || now < window.start + WINDOW);
        }
        let is_known = self.windows.contains_key(&address);
        if !is_known && self.windows.len() >= MAX_ADDRESSES {
            return false;
        }
        let window = self.windows.entry(address).or_insert(Window { start: now, lines: 0, left_out: 0 });
        // Lines that were left out are reported before others are logged.
        if window.left_out == 0 && now >= window.start + WINDOW {
            (window.start, window.lines) = (now, 0);
        }
        let is_admitted = window.lines < self.max_lines;
        match is_admitted {
            true => window.lines += 1,
            false => window.left_out += 1,
        }
        is_admitted
    }

    /// Returns an address and the number of its lines that were left out, if its second is over. Call until `None`.
    pub fn poll_left_out(&mut self, now: Instant) -> Option<(AddressGroup, u64)> {
        let is_due = |window: &Window| window.left_out > 0 && now >= window.start + WINDOW;
        let address = self.windows.iter().find_map(|(&address, window)| is_due(window).then_some(address))?;
        self.windows.remove(&address).map(|window| (address, window.left_out))
    }

    /// Returns the time at which [`poll_left_out`](Self::poll_left_out) returns the next number.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.windows.values().filter(|window| window.left_out > 0).map(|window| window.start + WINDOW).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn address(number: u32) -> AddressGroup {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn lines_beyond_the_limit_are_counted_and_reported_after_a_second() {
        let (mut limiter, now) = (LogLimiter::new(3), Instant::now());
        let admitted = (0..10).filter(|_| limiter.admit(now, address(1))).count();
        assert_eq!(admitted, 3);
        assert!(limiter.admit(now, address(2)), "other addresses are not affected");
        assert_eq!((limiter.poll_timeout(), limiter.poll_left_out(now)), (Some(now + WINDOW), None));
        assert!(!limiter.admit(now + WINDOW, address(1)), "the report comes first");
        assert_eq!(limiter.poll_left_out(now + WINDOW), Some((address(1), 8)));
        assert_eq!((limiter.poll_left_out(now + WINDOW), limiter.poll_timeout()), (None, None));
        assert!(limiter.admit(now + WINDOW, address(1)));
        let later = now + WINDOW * 3;
        assert_eq!((0..10).filter(|_| limiter.admit(later, address(1))).count(), 3);
    }

    #[test]
    fn number_of_counted_addresses_is_bounded() {
        let (mut limiter, now) = (LogLimiter::new(3), Instant::now());
        assert_eq!((0..5_000).filter(|&number| limiter.admit(now, address(number))).count(), MAX_ADDRESSES);
        assert_eq!(limiter.windows.len(), MAX_ADDRESSES);
        assert!(limiter.admit(now + WINDOW, address(9_999)));
        assert_eq!(limiter.windows.len(), 1);
    }
}
