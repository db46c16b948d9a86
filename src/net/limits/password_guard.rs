//! Delays of the responses to wrong passwords. Sans-I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::address_group::AddressGroup;

/// Time without a wrong password after which those of an address are forgotten.
const MEMORY: Duration = Duration::from_secs(60);

/// Maximum number of addresses that are remembered. Beyond it, new ones get the first delay each time.
const MAX_ADDRESSES: usize = 1_024;

/// Number of wrong passwords after which the delay doubles.
const WRONG_PER_STEP: u32 = 5;

/// Maximum number of times that the delay doubles.
const MAX_STEPS: u32 = 4;

/// Wrong passwords of each client address. A response that is delayed keeps the place of its connection, so the number
/// of connections of an address and the delay bound the passwords that it can try.
#[derive(Debug)]
pub struct PasswordGuard {
    first_delay: Duration,
    by_address: HashMap<AddressGroup, WrongPasswords>,
}

#[derive(Debug, Clone, Copy)]
struct WrongPasswords {
    count: u32,
    last: Instant,
}

impl PasswordGuard {
    /// Creates a guard without any wrong passwords.
    pub fn new(first_delay: Duration) -> Self {
        Self { first_delay, by_address: HashMap::new() }
    }

    /// Handles a wrong password; returns the delay of the response.
    pub fn handle_wrong_password(&mut self, now: Instant, address: AddressGroup) -> Duration {
        if self.by_address.len() >= MAX_ADDRESSES {
            self.by_address.retain(|_, wrong| now.saturating_duration_since(wrong.last) < MEMORY);
        }
        let is_known = self.by_address.contains_key(&address);
        if !is_known && self.by_address.len() >= MAX_ADDRESSES {
            return self.first_delay;
        }
        let wrong = self.by_address.entry(address).or_insert(WrongPasswords { count: 0, last: now });
        if now.saturating_duration_since(wrong.last) >= MEMORY {
            wrong.count = 0;
        }
        *wrong = WrongPasswords { count: wrong.count.saturating_add(1), last: now };
        self.first_delay * 2_u32.pow(((wrong.count - 1) / WRONG_PER_STEP).min(MAX_STEPS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const DELAY: Duration = Duration::from_millis(500);

    fn address(number: u32) -> AddressGroup {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn delay_grows_with_the_wrong_passwords_of_an_address() {
        let (mut guard, now) = (PasswordGuard::new(DELAY), Instant::now());
        let delays: Vec<_> = (0..30).map(|_| guard.handle_wrong_password(now, address(1)) / 500).collect();
        let expected: Vec<_> =
            [1, 2, 4, 8, 16, 16].iter().flat_map(|&ms| [Duration::from_millis(ms); 5]).collect();
        assert_eq!(delays, expected);
        assert_eq!(guard.handle_wrong_password(now, address(2)), DELAY, "other addresses are not affected");
        assert_eq!(guard.handle_wrong_password(now + MEMORY, address(1)), DELAY);
    }

    #[test]
    fn number_of_remembered_addresses_is_bounded() {
        let (mut guard, now) = (PasswordGuard::new(DELAY), Instant::now());
        for number in 0..5_000 {
            assert_eq!(guard.handle_wrong_password(now, address(number)), DELAY);
        }
        assert_eq!(guard.by_address.len(), MAX_ADDRESSES);
        guard.handle_wrong_password(now + MEMORY, address(9_999));
        assert_eq!(guard.by_address.len(), 1);
    }
}
