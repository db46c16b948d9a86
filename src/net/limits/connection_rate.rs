//! The number of new connections of each client in a second. Sans-I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::address_group::AddressGroup;

/// Time for which new connections are counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// Maximum number of addresses that are counted at a time. Beyond it, the connections of new ones are not limited.
const MAX_ADDRESSES: usize = 1_024;

/// Maximum number of refused connections of an address in a second that get a response.
const MAX_RESPONSES: usize = 16;

/// Limits the new connections of each client address in each second, so that a client which opens and closes them
/// without a pause keeps no core busy. [`Places`](super::Places) limits those that are open at a time.
#[derive(Debug)]
pub struct ConnectionRate {
    max_connections: usize,
    windows: HashMap<AddressGroup, Window>,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    connections: usize,
}

/// Decision about a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The connection is within the limit.
    Accept,
    /// The connection is beyond the limit, and is to get a response with the reason.
    Refuse(TooFast),
    /// The connection is far beyond the limit, and is to be closed at once.
    Close(TooFast),
}

/// Reason for a refusal; the text explains a 503 response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("your address has opened more than {maximum} connections in a second; try again later")]
pub struct TooFast {
    /// Maximum number of new connections of an address in a second.
    maximum: usize,
}

impl ConnectionRate {
    /// Creates a limit of `max_connections` for each second and address.
    pub fn new(max_connections: usize) -> Self {
        Self { max_connections, windows: HashMap::new() }
    }

    /// Counts a new connection and returns what is to be done with it.
    pub fn handle_connection(&mut self, now: Instant, address: AddressGroup) -> Admission {
        if self.windows.len() >= MAX_ADDRESSES && !self.windows.contains_key(&address) {
            self.windows.retain(|_, window| now < window.start + WINDOW);
            if self.windows.len() >= MAX_ADDRESSES {
                return Admission::Accept;
            }
        }
        let window = self.windows.entry(address).or_insert(Window { start: now, connections: 0 });
        if now >= window.start + WINDOW {
            *window = Window { start: now, connections: 0 };
        }
        window.connections = window.connections.saturating_add(1);
        let reason = TooFast { maximum: self.max_connections };
        match window.connections.saturating_sub(self.max_connections) {
            0 => Admission::Accept,
            1..=MAX_RESPONSES => Admission::Refuse(reason),
            _ => Admission::Close(reason),
        }
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
    fn connections_beyond_the_limit_are_refused_until_the_second_is_over() {
        let (mut rate, now) = (ConnectionRate::new(3), Instant::now());
        let mut connect = |after: Duration, number| rate.handle_connection(now + after, address(number));
        let reason = TooFast { maximum: 3 };
        let first: Vec<_> = (0..20).map(|_| connect(Duration::ZERO, 1)).collect();
        assert!(first[..3].iter().all(|admission| *admission == Admission::Accept));
        assert!(first[3..19].iter().all(|admission| *admission == Admission::Refuse(reason)));
        assert_eq!(first[19], Admission::Close(reason));
        assert_eq!(connect(Duration::ZERO, 2), Admission::Accept, "other addresses are not affected");
        assert_eq!(connect(Duration::from_millis(999), 1), Admission::Close(reason));
        assert_eq!(connect(WINDOW, 1), Admission::Accept);
        assert_eq!(
            reason.to_string(),
            "your address has opened more than 3 connections in a second; try again later"
        );
    }

    #[test]
    fn number_of_counted_addresses_is_bounded() {
        let (mut rate, now) = (ConnectionRate::new(1), Instant::now());
        let accepted =
            (0..5_000).filter(|&number| rate.handle_connection(now, address(number)) == Admission::Accept);
        assert_eq!(accepted.count(), 5_000);
        assert_eq!(rate.windows.len(), MAX_ADDRESSES);
        assert_ne!(
            rate.handle_connection(now, address(7)),
            Admission::Accept,
            "a counted address stays limited"
        );
        assert_eq!(rate.handle_connection(now + WINDOW, address(9_999)), Admission::Accept);
        assert_eq!(rate.windows.len(), 1);
    }
}
