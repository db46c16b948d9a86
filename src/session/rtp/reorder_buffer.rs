//! PURE. Packets into the order in which they were sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::proto::rtp::Packet;

/// Holds packets behind a gap until the gap fills, or has been waited for long enough.
#[derive(Debug)]
pub struct ReorderBuffer {
    /// How long a gap is waited for.
    timeout: Duration,
    /// The sequence number that is released next.
    next_sequence: Option<i64>,
    packets: BTreeMap<i64, BufferedPacket>,
    bytes: usize,
}

#[derive(Debug)]
struct BufferedPacket {
    packet: Packet,
    arrival: Instant,
}

/// Bytes held at the most; behind a gap in a fast stream this is reached before patience ends.
const MAX_BYTES: usize = 32 * 1024 * 1024;

impl ReorderBuffer {
    /// An empty buffer.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, next_sequence: None, packets: BTreeMap::new(), bytes: 0 }
    }

    /// Sets how long a gap is waited for.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The stream begins, or goes on, with this sequence number. What is held from before is forgotten.
    pub fn restart_at(&mut self, sequence: Option<i64>) {
        self.next_sequence = sequence;
        self.packets.clear();
        self.bytes = 0;
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Takes a packet; `false` if its turn has passed.
    pub fn push(&mut self, arrival: Instant, sequence: i64, packet: Packet) -> bool {
        if sequence < *self.next_sequence.get_or_insert(sequence) {
            return false;
        }
        self.bytes += buffered_size(&packet);
        if let Some(replaced) = self.packets.insert(sequence, BufferedPacket { packet, arrival }) {
            self.bytes -= buffered_size(&replaced.packet);
        }
        true
    }

    /// The next packet in order, if it is here or no longer waited for.
    pub fn pop(&mut self, now: Instant) -> Option<Packet> {
        let first = self.packets.first_entry()?;
        let is_next = self.next_sequence.is_none_or(|next| *first.key() == next);
        let is_due = now.saturating_duration_since(first.get().arrival) >= self.timeout;
        if !is_next && !is_due && self.bytes <= MAX_BYTES {
            return None;
        }
        let (sequence, buffered) = first.remove_entry();
        self.next_sequence = Some(sequence + 1);
        self.bytes -= buffered_size(&buffered.packet);
        Some(buffered.packet)
    }

    /// When the gap that is waited for now is given up.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.packets.first_key_value().map(|(_, buffered)| buffered.arrival + self.timeout)
    }
}

/// What holding a packet costs: a source may send packets that carry nothing, or carry it in their extension.
fn buffered_size(packet: &Packet) -> usize {
    let extension = packet.extension.as_ref().map_or(0, |extension| extension.body.len());
    size_of::<BufferedPacket>() + extension + packet.payload.len()
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

    fn pop_all(buffer: &mut ReorderBuffer, now: Instant) -> Vec<u16> {
        std::iter::from_fn(|| buffer.pop(now)).map(|packet| packet.header.sequence).collect()
    }

    #[test]
    fn empty_packets_are_bounded() {
        let (now, mut buffer) = (Instant::now(), ReorderBuffer::new(Duration::MAX));
        buffer.restart_at(Some(0));
        let empty = Packet { payload: Bytes::new(), ..packet(0) };
        for sequence in 1..1_000_000 {
            assert!(buffer.push(now, sequence, empty.clone()));
            while buffer.pop(now).is_some() {}
        }
        assert!(buffer.packets.len() * size_of::<BufferedPacket>() <= MAX_BYTES);
    }

    #[test]
    fn packets_are_reordered_and_gaps_time_out() {
        let (now, timeout) = (Instant::now(), Duration::from_millis(50));
        let mut buffer = ReorderBuffer::new(timeout);
        buffer.restart_at(Some(10));
        assert!(buffer.push(now, 11, packet(11)));
        assert_eq!(pop_all(&mut buffer, now), [] as [u16; 0]);
        assert!(buffer.push(now, 10, packet(10)));
        assert_eq!(pop_all(&mut buffer, now), [10, 11]);
        // 12 never comes.
        let later = now + Duration::from_millis(5);
        buffer.push(later, 13, packet(13));
        buffer.push(later + timeout / 2, 15, packet(15));
        assert_eq!(buffer.poll_timeout(), Some(later + timeout));
        assert_eq!(pop_all(&mut buffer, later + timeout), [13]);
        assert!(!buffer.push(later + timeout, 12, packet(12)), "its turn has passed");
        assert!(buffer.push(later + timeout, 14, packet(14)));
        assert_eq!(pop_all(&mut buffer, later + timeout), [14, 15]);
        assert!(buffer.is_empty() && buffer.poll_timeout().is_none());
    }
}
