//! Buffer of RTP packets that arrive before the response to PLAY. Sans-I/O.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

/// Buffer of RTP packets that arrive before the response to PLAY. Number and bytes are limited, and further packets are
/// dropped: a larger number cannot have overtaken the response.
#[derive(Debug, Default)]
pub struct EarlyPackets {
    packets: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl EarlyPackets {
    const MAX_PACKETS: usize = 16 * 1024;
    const MAX_BYTES: usize = 32 * 1024 * 1024;

    /// Appends a packet with its arrival time.
    pub fn push(&mut self, arrival: Instant, packet: Bytes) {
        let available = Self::MAX_BYTES.saturating_sub(self.bytes);
        if self.packets.len() < Self::MAX_PACKETS && packet.len() <= available {
            self.bytes += packet.len();
            self.packets.push_back((arrival, packet));
        }
    }

    /// Removes and returns all packets, in the order of their arrival.
    pub fn take(&mut self) -> VecDeque<(Instant, Bytes)> {
        std::mem::take(self).packets
    }
}
