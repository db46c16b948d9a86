//! Reordering of packets by sequence number. Sans-I/O.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::proto::rtp::Packet;

/// Buffer that holds the packets after a gap until the gap fills or times out.
#[derive(Debug)]
pub struct ReorderBuffer {
    /// Time that a packet waits for a gap before it to fill.
    timeout: Duration,
    /// Extended sequence number of the next packet in order; `None` before the first packet.
    next_sequence: Option<i64>,
    packets: BTreeMap<i64, BufferedPacket>,
    bytes: usize,
}

#[derive(Debug)]
struct BufferedPacket {
    packet: Packet,
    arrival: Instant,
}

/// Maximum number of buffered bytes. In a fast stream, a gap reaches this limit before its timeout.
const MAX_BYTES: usize = 32 * 1024 * 1024;

impl ReorderBuffer {
    /// Creates an empty buffer.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, next_sequence: None, packets: BTreeMap::new(), bytes: 0 }
    }

    /// Sets the time that a packet waits for a gap before it to fill.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Returns the time that a packet waits for a gap before it to fill.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns the extended sequence number of the next packet in order; `None` before the first packet.
    pub fn next_sequence(&self) -> Option<i64> {
        self.next_sequence
    }

    /// Discards all packets and continues with this extended sequence number, or with that of the next packet if it is
    /// `None`.
    pub fn restart_at(&mut self, sequence: Option<i64>) {
        self.next_sequence = sequence;
        self.packets.clear();
        self.bytes = 0;
    }

    /// Returns true if no packet is buffered.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Inserts a packet. Returns false, and drops the packet, if it precedes the next one in order.
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

    /// Returns the next packet if it is in order, or if the gap before it has timed out at `now`.
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

    /// Returns timestamp and arrival time of the first packet, which waits for a gap; `None` if the buffer is empty.
    pub fn first_waiting(&self) -> Option<(u32, Instant)> {
        let (_, first) = self.packets.first_key_value()?;
        Some((first.packet.header.timestamp, first.arrival))
    }

    /// Returns the first packet, whatever is missing before it.
    pub fn flush(&mut self) -> Option<Packet> {
        let (sequence, buffered) = self.packets.pop_first()?;
        self.next_sequence = Some(sequence + 1);
        self.bytes -= buffered_size(&buffered.packet);
        Some(buffered.packet)
    }

    /// Returns the time at which the gap before the first buffered packet times out; `None` if the buffer is empty.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.packets.first_key_value().map(|(_, buffered)| buffered.arrival + self.timeout)
    }
}

/// Memory in bytes that a packet takes. It counts the entry and the header extension, so that packets without a payload
/// are bounded too.
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
    fn replaced_packet_takes_no_memory() {
        let (now, mut buffer) = (Instant::now(), ReorderBuffer::new(Duration::MAX));
        buffer.restart_at(Some(0));
        for sequence in [1, 1, 2, 2, 2] {
            assert!(buffer.push(now, sequence, packet(sequence)));
        }
        assert_eq!(buffer.bytes, 2 * buffered_size(&packet(1)));
        assert_eq!([buffer.flush(), buffer.flush()].map(|packet| packet.is_some()), [true; 2]);
        assert_eq!(buffer.bytes, 0);
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
        // Packet 12 arrives too late.
        let later = now + Duration::from_millis(5);
        buffer.push(later, 13, packet(13));
        buffer.push(later + timeout / 2, 15, packet(15));
        assert_eq!(buffer.poll_timeout(), Some(later + timeout));
        assert_eq!(pop_all(&mut buffer, later + timeout), [13]);
        assert!(!buffer.push(later + timeout, 12, packet(12)), "a later packet was released");
        assert!(buffer.push(later + timeout, 14, packet(14)));
        assert_eq!(pop_all(&mut buffer, later + timeout), [14, 15]);
        assert!(buffer.is_empty() && buffer.poll_timeout().is_none());
    }
}
