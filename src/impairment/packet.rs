//! Packets on an emulated link.

use bytes::Bytes;

use crate::proto::rtp::HEADER_LENGTH;

/// Kind of a packet, for which it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// RTP packet of a stream.
    Rtp,
    /// RTP packet that is sent again, on a stream of its own (RFC 4588). It is no packet of the stream that it repairs,
    /// so the loss of that stream does not depend on it.
    Retransmission,
    /// RTP packet with parity of others, on a stream of its own (RFC 5109, RFC 8627). Like a retransmission, it is no
    /// packet of the stream that it repairs.
    Parity,
    /// RTCP packet.
    Rtcp,
}

impl PacketKind {
    /// Returns true for packets that are sent to the port or channel of RTP.
    pub fn is_rtp(self) -> bool {
        self != Self::Rtcp
    }
}

/// A packet that can be sent through a [`Link`](super::Link).
pub trait LinkPacket: Clone {
    /// Returns the kind of the packet, for which it is counted.
    fn kind(&self) -> PacketKind;

    /// Returns the length in bytes of UDP payload.
    fn size(&self) -> usize;

    /// Inverts one bit. `bit` can be any number; the packet reduces it modulo the number of bits that may be inverted.
    fn flip_bit(&mut self, bit: u64);
}

/// An unparsed packet, sent or received in a datagram or interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPacket {
    /// Kind of the packet.
    pub kind: PacketKind,
    /// Bytes of the complete packet, as in a UDP payload.
    pub bytes: Bytes,
}

impl RawPacket {
    /// Creates an RTP packet.
    pub fn rtp(bytes: impl Into<Bytes>) -> Self {
        Self { kind: PacketKind::Rtp, bytes: bytes.into() }
    }

    /// Creates an RTP packet that is sent again.
    pub fn retransmission(bytes: impl Into<Bytes>) -> Self {
        Self { kind: PacketKind::Retransmission, bytes: bytes.into() }
    }

    /// Creates an RTP packet with parity of others.
    pub fn parity(bytes: impl Into<Bytes>) -> Self {
        Self { kind: PacketKind::Parity, bytes: bytes.into() }
    }

    /// Creates an RTCP packet.
    pub fn rtcp(bytes: impl Into<Bytes>) -> Self {
        Self { kind: PacketKind::Rtcp, bytes: bytes.into() }
    }

    /// Returns SSRC and sequence number of an RTP packet of a stream; `None` for others, and if the packet is shorter
    /// than the header.
    pub fn ssrc_and_sequence(&self) -> Option<(u32, u16)> {
        let [_, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = *self.bytes.first_chunk::<HEADER_LENGTH>()?;
        (self.kind == PacketKind::Rtp)
            .then(|| (u32::from_be_bytes([c0, c1, c2, c3]), u16::from_be_bytes([s0, s1])))
    }

    /// Returns the number of bytes at the beginning in which no bit is inverted.
    ///
    /// This corresponds to the checksum coverage of UDP-Lite (RFC 3828 §3.1): an error in the covered bytes loses the
    /// packet, which the loss model emulates, and an error after them is delivered. RTP is covered up to the end of the
    /// header extension, RTCP up to the SSRC of the first packet.
    fn protected_length(&self) -> usize {
        let first = self.bytes.first().copied().unwrap_or_default();
        let (has_extension, csrc_count) = (first & 0x10 != 0, usize::from(first & 0x0F));
        match self.kind {
            PacketKind::Rtcp => 8,
            PacketKind::Rtp | PacketKind::Retransmission | PacketKind::Parity => {
                let fixed = HEADER_LENGTH + 4 * csrc_count;
                let words = match self.bytes.get(fixed + 2..fixed + 4) {
                    Some(&[high, low]) if has_extension => 1 + usize::from(u16::from_be_bytes([high, low])),
                    _ => 0,
                };
                fixed + 4 * words
            }
        }
    }
}

impl LinkPacket for RawPacket {
    fn kind(&self) -> PacketKind {
        self.kind
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn flip_bit(&mut self, bit: u64) {
        let protected = self.protected_length();
        let bits = self.bytes.len().saturating_sub(protected) as u64 * 8;
        if let Some(bit) = bit.checked_rem(bits) {
            let mut bytes = self.bytes.to_vec();
            bytes[protected + (bit / 8) as usize] ^= 1 << (bit % 8);
            self.bytes = bytes.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flipped_positions(packet: &RawPacket) -> Vec<usize> {
        let flipped = (0..4_000).map(|bit| {
            let mut copy = packet.clone();
            copy.flip_bit(bit);
            let differing: Vec<_> = (0..packet.bytes.len())
                .filter(|&at| copy.bytes[at] != packet.bytes[at])
                .inspect(|&at| assert_eq!((copy.bytes[at] ^ packet.bytes[at]).count_ones(), 1))
                .collect();
            assert!(differing.len() <= 1);
            differing
        });
        let mut all: Vec<_> = flipped.flatten().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn bit_errors_do_not_affect_headers() {
        let mut plain = vec![0x80, 26];
        plain.resize(40, 0);
        assert_eq!(flipped_positions(&RawPacket::rtp(plain.clone())), (12..40).collect::<Vec<_>>());
        // One CSRC, and a header extension of two words.
        plain[0] = 0x91;
        plain[19] = 2;
        assert_eq!(flipped_positions(&RawPacket::rtp(plain.clone())), (28..40).collect::<Vec<_>>());
        assert_eq!(flipped_positions(&RawPacket::rtcp(plain)), (8..40).collect::<Vec<_>>());
        for short in [&b""[..], b"\x9f", b"\x90\x1a\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff"] {
            assert!(flipped_positions(&RawPacket::rtp(short)).is_empty());
            assert!(flipped_positions(&RawPacket::rtcp(&short[..short.len().min(8)])).is_empty());
        }
    }
}
