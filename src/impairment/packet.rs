//! What travels over a link: one packet of RTP or RTCP.

use bytes::Bytes;

use crate::proto::rtp::HEADER_LENGTH;

/// The two kinds of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PacketKind {
    Rtp,
    Rtcp,
}

/// Something that travels over a link.
pub trait LinkPacket: Clone {
    /// Whether it is counted with the packets of the stream or with those of its control.
    fn kind(&self) -> PacketKind;

    /// Its bytes as a datagram's payload.
    fn size(&self) -> usize;

    /// Makes one of its bits wrong.
    fn flip_bit(&mut self, bit: u64);
}

/// A packet as it leaves or arrives, whether as a datagram or interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPacket {
    /// What it is.
    pub kind: PacketKind,
    /// The whole packet.
    pub bytes: Bytes,
}

impl RawPacket {
    /// A packet of RTP.
    pub fn rtp(bytes: impl Into<Bytes>) -> Self {
        Self { kind: PacketKind::Rtp, bytes: bytes.into() }
    }

    /// A packet of RTCP.
    pub fn rtcp(bytes: impl Into<Bytes>) -> Self {
        Self { kind: PacketKind::Rtcp, bytes: bytes.into() }
    }

    /// Of RTP: its source and its sequence number.
    pub fn ssrc_and_sequence(&self) -> Option<(u32, u16)> {
        let [_, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = *self.bytes.first_chunk::<HEADER_LENGTH>()?;
        (self.kind == PacketKind::Rtp)
            .then(|| (u32::from_be_bytes([c0, c1, c2, c3]), u16::from_be_bytes([s0, s1])))
    }

    /// The bytes that no bit error reaches.
    ///
    /// It is the coverage that UDP-Lite (RFC 3828 §3.1) lets a sender choose: an error in what is covered costs the
    /// packet, which is loss and is emulated as such; an error behind it is delivered. RTP is covered to the end of
    /// its headers, RTCP to the source of its first packet.
    fn protected_length(&self) -> usize {
        let first = self.bytes.first().copied().unwrap_or_default();
        let (has_extension, csrc_count) = (first & 0x10 != 0, usize::from(first & 0x0F));
        match self.kind {
            PacketKind::Rtcp => 8,
            PacketKind::Rtp => {
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
    fn bit_errors_spare_the_headers() {
        let mut plain = vec![0x80, 26];
        plain.resize(40, 0);
        assert_eq!(flipped_positions(&RawPacket::rtp(plain.clone())), (12..40).collect::<Vec<_>>());
        // One contributing source, and an extension of two words.
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
