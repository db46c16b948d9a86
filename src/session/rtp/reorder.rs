//! PURE. Packets into the order in which they were sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::proto::rtp::Packet;

/// Holds packets behind a gap until the gap fills, or has been waited for long enough.
#[derive(Debug)]
pub struct Reorder {
    /// How long a gap is waited for.
    patience: Duration,
    /// The sequence number that is released next.
    next: Option<i64>,
    held: BTreeMap<i64, Held>,
    octets: usize,
}

#[derive(Debug)]
struct Held {
    packet: Packet,
    arrival: Instant,
}

/// Octets held at the most; behind a gap in a fast stream this is reached before patience ends.
const MOST_OCTETS: usize = 32 * 1024 * 1024;

impl Reorder {
    /// An empty buffer.
    pub fn new(patience: Duration) -> Self {
        Self { patience, next: None, held: BTreeMap::new(), octets: 0 }
    }

    /// Sets how long a gap is waited for.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The stream begins, or goes on, with this sequence number. What is held from before is forgotten.
    pub fn restart_at(&mut self, sequence: Option<i64>) {
        self.next = sequence;
        self.held.clear();
        self.octets = 0;
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes a packet; `false` if its turn has passed.
    pub fn push(&mut self, arrival: Instant, sequence: i64, packet: Packet) -> bool {
        if sequence < *self.next.get_or_insert(sequence) {
            return false;
        }
        self.octets += octets_of(&packet);
        if let Some(replaced) = self.held.insert(sequence, Held { packet, arrival }) {
            self.octets -= octets_of(&replaced.packet);
        }
        true
    }

    /// The next packet in order, if it is here or no longer waited for.
    pub fn pop(&mut self, now: Instant) -> Option<Packet> {
        let first = self.held.first_entry()?;
        let is_next = self.next.is_none_or(|next| *first.key() == next);
        let is_due = now.saturating_duration_since(first.get().arrival) >= self.patience;
        if !is_next && !is_due && self.octets <= MOST_OCTETS {
            return None;
        }
        let (sequence, held) = first.remove_entry();
        self.next = Some(sequence + 1);
        self.octets -= octets_of(&held.packet);
        Some(held.packet)
    }

    /// When the gap that is waited for now is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.held.first_key_value().map(|(_, held)| held.arrival + self.patience)
    }
}

/// What holding a packet costs: a source may send packets that carry nothing, or carry it in their extension.
fn octets_of(packet: &Packet) -> usize {
    let extension = packet.extension.as_ref().map_or(0, |extension| extension.body.len());
    size_of::<Held>() + extension + packet.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Header;
    use bytes::Bytes;

    fn packet(sequence: i64) -> Packet {
        let header =
            Header { marker: false, payload_type: 26, sequence: sequence as u16, timestamp: 0, ssrc: 1 };
        Packet { header, extension: None, payload: Bytes::from_static(b"x") }
    }

    fn released(reorder: &mut Reorder, now: Instant) -> Vec<u16> {
        std::iter::from_fn(|| reorder.pop(now)).map(|packet| packet.header.sequence).collect()
    }

    #[test]
    fn packets_that_carry_nothing_are_not_held_without_end() {
        let (now, mut reorder) = (Instant::now(), Reorder::new(Duration::MAX));
        reorder.restart_at(Some(0));
        let empty = Packet { payload: Bytes::new(), ..packet(0) };
        for sequence in 1..1_000_000 {
            assert!(reorder.push(now, sequence, empty.clone()));
            while reorder.pop(now).is_some() {}
        }
        assert!(reorder.held.len() * size_of::<Held>() <= MOST_OCTETS);
    }

    #[test]
    fn order_is_restored_and_gaps_are_given_up_in_time() {
        let (now, patience) = (Instant::now(), Duration::from_millis(50));
        let mut reorder = Reorder::new(patience);
        reorder.restart_at(Some(10));
        assert!(reorder.push(now, 11, packet(11)));
        assert_eq!(released(&mut reorder, now), [] as [u16; 0]);
        assert!(reorder.push(now, 10, packet(10)));
        assert_eq!(released(&mut reorder, now), [10, 11]);
        // 12 never comes.
        let later = now + Duration::from_millis(5);
        reorder.push(later, 13, packet(13));
        reorder.push(later + patience / 2, 15, packet(15));
        assert_eq!(reorder.deadline(), Some(later + patience));
        assert_eq!(released(&mut reorder, later + patience), [13]);
        assert!(!reorder.push(later + patience, 12, packet(12)), "its turn has passed");
        assert!(reorder.push(later + patience, 14, packet(14)));
        assert_eq!(released(&mut reorder, later + patience), [14, 15]);
        assert!(reorder.is_empty() && reorder.deadline().is_none());
    }
}
