//! Retransmission of packets that the receiver lacks: history, requests, and limits (RFC 4585, RFC 4588). Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::proto::rtx::{self, RtxFields};

/// Payload type of retransmissions, a dynamic one (RFC 3551 §6).
pub const RTX_PAYLOAD_TYPE: u8 = 97;

/// Time for which packets are kept (`rtx-time`): no receiver waits longer for a packet of a film.
pub const HISTORY_TIME: Duration = Duration::from_secs(1);

/// Maximum number of bytes that are kept for one session; the oldest packets are dropped first.
const MAX_HISTORY_BYTES: usize = 8 * 1024 * 1024;

/// Maximum number of packets that are kept for one session.
const MAX_HISTORY_PACKETS: usize = 16 * 1024;

/// Maximum number of requests that wait.
const MAX_PENDING: usize = 1_024;

/// Minimum interval between two retransmissions of a packet: a copy of the request has arrived, not another one.
const MIN_RESEND_INTERVAL: Duration = Duration::from_millis(4);

/// Each byte of the stream allows this fraction of a byte of retransmissions.
const SHARE_DIVISOR: usize = 4;

/// Bytes of retransmissions that are allowed at first, and those that are saved up at most.
const INITIAL_ALLOWANCE: usize = 32 * 1024;
const MAX_ALLOWANCE: usize = 128 * 1024;

/// Packets that were sent last, and those of them that are to be sent again.
#[derive(Debug)]
pub struct Retransmissions {
    ssrc: u32,
    next_sequence: u16,
    /// Packets with consecutive sequence numbers, the oldest first.
    history: VecDeque<SentPacket>,
    history_bytes: usize,
    /// Sequence numbers of the packets to send again, in the order of the requests.
    pending: VecDeque<u16>,
    /// Bytes that may be sent again.
    allowance: usize,
}

/// Packet that was sent.
#[derive(Debug)]
struct SentPacket {
    sequence: u16,
    sent_at: Instant,
    /// Time of its last retransmission; `None` before the first.
    resent_at: Option<Instant>,
    /// True while a request for it waits.
    is_pending: bool,
    bytes: Vec<u8>,
}

/// Retransmission to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Retransmission {
    /// Complete RTP packet, header included.
    pub bytes: Vec<u8>,
    /// Length without the RTP header, in bytes. A header extension of the original counts.
    pub payload_bytes: usize,
}

impl Retransmissions {
    /// Creates an empty history. Retransmissions have this SSRC, and sequence numbers from `first_sequence` on.
    pub fn new(ssrc: u32, first_sequence: u16) -> Self {
        Self {
            ssrc,
            next_sequence: first_sequence,
            history: VecDeque::new(),
            history_bytes: 0,
            pending: VecDeque::new(),
            allowance: INITIAL_ALLOWANCE,
        }
    }

    /// SSRC of the retransmissions.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Keeps a packet that was sent.
    pub fn record_packet(&mut self, now: Instant, sequence: u16, bytes: Vec<u8>) {
        let is_next = self.history.back().is_none_or(|last| last.sequence.wrapping_add(1) == sequence);
        if !is_next {
            self.clear();
        }
        self.allowance = (self.allowance + bytes.len() / SHARE_DIVISOR).min(MAX_ALLOWANCE);
        self.history_bytes += bytes.len();
        let sent_at = now;
        self.history.push_back(SentPacket { sequence, sent_at, resent_at: None, is_pending: false, bytes });
        while self.history.front().is_some_and(|first| {
            now.saturating_duration_since(first.sent_at) > HISTORY_TIME
                || self.history_bytes > MAX_HISTORY_BYTES
                || self.history.len() > MAX_HISTORY_PACKETS
        }) {
            if let Some(dropped) = self.history.pop_front() {
                self.history_bytes -= dropped.bytes.len();
            }
        }
    }

    /// Drops all packets and requests, because the stream continues at another position.
    pub fn clear(&mut self) {
        self.history.clear();
        self.history_bytes = 0;
        self.pending.clear();
    }

    /// Handles a request for these packets. Those that are not kept any more, because they could not come in time, and
    /// those that were sent again a moment ago are ignored.
    pub fn handle_nack(&mut self, now: Instant, lost: &[u16]) {
        for &sequence in lost {
            if self.pending.len() >= MAX_PENDING {
                return;
            }
            let Some(packet) = self.packet_mut(sequence) else { continue };
            let since = packet.resent_at.map(|at| now.saturating_duration_since(at));
            if !packet.is_pending && since.is_none_or(|since| since >= MIN_RESEND_INTERVAL) {
                packet.is_pending = true;
                self.pending.push_back(sequence);
            }
        }
    }

    /// Returns true if a request waits.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the next retransmission; `None` if no request waits. What is beyond the share of the rate is dropped:
    /// the receiver requests it again as long as it can use it.
    pub fn next_packet(&mut self, now: Instant) -> Option<Retransmission> {
        while let Some(sequence) = self.pending.pop_front() {
            let (allowance, ssrc, next_sequence) = (self.allowance, self.ssrc, self.next_sequence);
            let Some(packet) = self.packet_mut(sequence) else { continue };
            packet.is_pending = false;
            if packet.bytes.len() > allowance || now.saturating_duration_since(packet.sent_at) > HISTORY_TIME
            {
                continue;
            }
            let fields = RtxFields { payload_type: RTX_PAYLOAD_TYPE, ssrc, sequence: next_sequence };
            let Some(bytes) = rtx::encode(&packet.bytes, fields) else { continue };
            packet.resent_at = Some(now);
            self.allowance -= packet.bytes.len();
            self.next_sequence = next_sequence.wrapping_add(1);
            let payload_bytes = bytes.len().saturating_sub(crate::proto::rtp::HEADER_LENGTH);
            return Some(Retransmission { bytes, payload_bytes });
        }
        None
    }

    fn packet_mut(&mut self, sequence: u16) -> Option<&mut SentPacket> {
        let first = self.history.front()?.sequence;
        self.history.get_mut(usize::from(sequence.wrapping_sub(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::{Header, Packet};

    const MS: Duration = Duration::from_millis(1);

    fn packet(sequence: u16, length: usize) -> Vec<u8> {
        let header = Header { marker: false, payload_type: 26, sequence, timestamp: 5, ssrc: 1 };
        [&header.encode(false)[..], &vec![7; length]].concat()
    }

    fn original_sequences(sent: &mut Retransmissions, now: Instant) -> Vec<u16> {
        let parse = |retransmission: Retransmission| Packet::parse(retransmission.bytes.into()).unwrap();
        std::iter::from_fn(|| sent.next_packet(now).map(parse))
            .map(|packet| rtx::restore(packet, 26, 1).unwrap().header.sequence)
            .collect()
    }

    #[test]
    fn requested_packets_are_sent_again_on_their_own_stream() {
        let now = Instant::now();
        let mut sent = Retransmissions::new(9, 65_535);
        (65_530..=65_535)
            .chain(0..10)
            .for_each(|sequence| sent.record_packet(now, sequence, packet(sequence, 100)));
        sent.handle_nack(now, &[65_535, 3, 65_535, 40]);
        let first = Packet::parse(sent.next_packet(now).unwrap().bytes.into()).unwrap();
        assert_eq!((first.header.ssrc, first.header.payload_type, first.header.sequence), (9, 97, 65_535));
        assert_eq!(rtx::restore(first, 26, 1).unwrap(), Packet::parse(packet(65_535, 100).into()).unwrap());
        assert_eq!(original_sequences(&mut sent, now), [3]);
        sent.handle_nack(now + MIN_RESEND_INTERVAL / 2, &[3, 4]);
        assert_eq!(original_sequences(&mut sent, now + 2 * MS), [4], "a copy of the request changes nothing");
        sent.handle_nack(now + 20 * MS, &[3]);
        assert_eq!(original_sequences(&mut sent, now + 20 * MS), [3]);
    }

    #[test]
    fn history_is_bounded_in_time_bytes_and_packets() {
        let start = Instant::now();
        let mut sent = Retransmissions::new(9, 0);
        for sequence in 0..60_000u16 {
            let now = start + Duration::from_micros(10) * u32::from(sequence);
            sent.record_packet(now, sequence, packet(sequence, if sequence < 20_000 { 1_400 } else { 0 }));
            assert!(sent.history_bytes <= MAX_HISTORY_BYTES && sent.history.len() <= MAX_HISTORY_PACKETS);
        }
        let later = start + 2 * HISTORY_TIME;
        sent.handle_nack(later, &[59_999]);
        assert!(original_sequences(&mut sent, later).is_empty(), "the packet could not come in time");
        sent.record_packet(later, 60_000, packet(60_000, 0));
        assert_eq!(sent.history.len(), 1);
        sent.handle_nack(later, &(0..=u16::MAX).collect::<Vec<_>>());
        assert_eq!(original_sequences(&mut sent, later), [60_000]);
    }

    #[test]
    fn retransmissions_are_a_share_of_the_rate() {
        let now = Instant::now();
        let mut sent = Retransmissions::new(9, 0);
        let (count, length) = (2_000u16, 1_400);
        let mut resent = 0;
        for sequence in 0..count {
            sent.record_packet(now, sequence, packet(sequence, length));
            sent.handle_nack(now, &[sequence]);
            resent += original_sequences(&mut sent, now).len();
        }
        let share = resent as f64 / f64::from(count);
        assert!((0.25..0.27).contains(&share), "{share}");
    }
}
