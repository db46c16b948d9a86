//! Counts of connections or sessions, in all and for each client address. Sans-I/O.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::address_group::AddressGroup;

/// Places that connections or sessions take, up to a maximum in all and for each client address.
#[derive(Debug, Clone)]
pub struct Places {
    /// Plural noun for refusals, for example "connections".
    noun: &'static str,
    max_in_all: usize,
    max_per_address: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    in_all: usize,
    by_address: HashMap<AddressGroup, usize>,
}

/// A taken place; dropping it frees it.
#[derive(Debug)]
pub struct Place {
    address: AddressGroup,
    counts: Arc<Mutex<Counts>>,
}

/// Reason why no place is free; the text explains a 503 response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The client address has the maximum number of places.
    #[error("your address has the maximum of {maximum} {noun}; close one and try again")]
    Address {
        /// Maximum number of places for each address.
        maximum: usize,
        /// Plural of what takes the places.
        noun: &'static str,
    },
    /// All places are taken.
    #[error("this server has the maximum of {maximum} {noun}; try again later")]
    All {
        /// Maximum number of places in all.
        maximum: usize,
        /// Plural of what takes the places.
        noun: &'static str,
    },
}

impl Places {
    /// Creates free places. `noun` is the plural of what takes them, for example "connections".
    pub fn new(noun: &'static str, max_in_all: usize, max_per_address: usize) -> Self {
        Self { noun, max_in_all, max_per_address, counts: Arc::default() }
    }

    /// Takes a place for a client address.
    ///
    /// # Errors
    /// Returns [`Full`] if the address has the maximum number of places, or all are taken.
    pub fn take(&self, address: AddressGroup) -> Result<Place, Full> {
        let noun = self.noun;
        let mut counts = lock(&self.counts);
        if counts.by_address.get(&address).is_some_and(|&count| count >= self.max_per_address) {
            return Err(Full::Address { maximum: self.max_per_address, noun });
        }
        if counts.in_all >= self.max_in_all {
            return Err(Full::All { maximum: self.max_in_all, noun });
        }
        counts.in_all += 1;
        *counts.by_address.entry(address).or_default() += 1;
        Ok(Place { address, counts: self.counts.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.in_all = counts.in_all.saturating_sub(1);
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn address(last: u8) -> AddressGroup {
        IpAddr::from([10, 0, 0, last]).into()
    }

    #[test]
    fn places_are_limited_per_address_and_in_all() {
        let places = Places::new("sessions", 3, 2);
        let first = [places.take(address(1)).unwrap(), places.take(address(1)).unwrap()];
        let refusal = places.take(address(1)).unwrap_err().to_string();
        assert_eq!(refusal, "your address has the maximum of 2 sessions; close one and try again");
        let _other = places.take(address(2)).unwrap();
        let refusal = places.take(address(3)).unwrap_err().to_string();
        assert_eq!(refusal, "this server has the maximum of 3 sessions; try again later");
        drop(first);
        assert_eq!(lock(&places.counts).by_address.len(), 1, "an address without places is forgotten");
        let _again = places.take(address(1)).unwrap();
    }
}
