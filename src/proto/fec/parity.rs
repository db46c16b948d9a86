//! Exclusive or of packets, and the recovery of one of them (RFC 5109 §8, §9; RFC 8627 §6).

use super::format::FecFormat;
use super::protected::Protected;
use crate::proto::rtp::HEADER_LENGTH;

/// Bits of the first byte of an RTP header without its version: padding, extension and number of CSRCs.
const FIRST_BYTE_MASK: u8 = 0x3F;

/// Exclusive or of the header fields and the lengths of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct XorFields {
    /// First two bytes of the RTP headers, without the version.
    pub first: [u8; 2],
    pub timestamp: [u8; 4],
    /// Length of what follows the fixed header.
    pub length: u16,
}

impl XorFields {
    /// Returns the fields of a received packet, whose first byte has other flags instead of the version.
    pub fn new(first: [u8; 2], timestamp: [u8; 4], length: u16) -> Self {
        Self { first: [first[0] & FIRST_BYTE_MASK, first[1]], timestamp, length }
    }
}

/// Parity of packets: the exclusive or of their header fields, their lengths and their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parity {
    pub(super) format: FecFormat,
    pub(super) fields: XorFields,
    /// Bytes after the fixed header.
    pub(super) body: Vec<u8>,
    pub(super) protected: Protected,
}

impl Parity {
    /// Creates the parity of no packets.
    pub fn new(format: FecFormat) -> Self {
        Self { format, fields: XorFields::default(), body: Vec::new(), protected: Protected::default() }
    }

    /// Adds an encoded RTP packet. Returns false, and changes nothing, if it is no packet, or if its sequence number
    /// does not follow the first within the span of the format.
    pub fn add(&mut self, packet: &[u8]) -> bool {
        let Some((header, body)) = packet.split_first_chunk::<HEADER_LENGTH>() else { return false };
        let Ok(length) = u16::try_from(body.len()) else { return false };
        if !self.protected.add(u16::from_be_bytes([header[2], header[3]]), self.format.max_span()) {
            return false;
        }
        if self.body.len() < body.len() {
            self.body.resize(body.len(), 0);
        }
        self.combine(header, length, body);
        true
    }

    /// Combines a packet. What exceeds the protected bytes is ignored.
    fn combine(&mut self, header: &[u8; HEADER_LENGTH], length: u16, body: &[u8]) {
        let XorFields { first, timestamp, length: lengths } = &mut self.fields;
        first[0] ^= header[0] & FIRST_BYTE_MASK;
        first[1] ^= header[1];
        timestamp.iter_mut().zip(&header[4..8]).for_each(|(sum, byte)| *sum ^= byte);
        *lengths ^= length;
        self.body.iter_mut().zip(body).for_each(|(sum, byte)| *sum ^= byte);
    }

    /// Number of packets that it protects, at most 110.
    pub fn packet_count(&self) -> usize {
        self.protected.len()
    }

    /// Sequence numbers of the protected packets, at most 110, the lowest first.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + use<> {
        self.protected.sequences()
    }

    /// Returns the protected packet with this sequence number, whose SSRC is `ssrc`, from all others (RFC 5109 §9.1,
    /// RFC 8627 §6.3). `None` if the parity does not cover all of it, or does not belong to the others.
    pub fn recover<'a>(
        mut self,
        sequence: u16,
        ssrc: u32,
        others: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<u8>> {
        for other in others {
            let (header, body) = other.split_first_chunk::<HEADER_LENGTH>()?;
            self.combine(header, u16::try_from(body.len()).ok()?, body);
        }
        let XorFields { first, timestamp, length } = self.fields;
        let (body, surplus) = self.body.split_at_checked(usize::from(length))?;
        if surplus.iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut packet = Vec::with_capacity(HEADER_LENGTH + body.len());
        packet.extend_from_slice(&[0x80 | first[0], first[1]]);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp);
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(body);
        Some(packet)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a packet whose bytes after the header are `fill`.
    pub fn packet(
        marker: bool,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        length: usize,
        fill: u8,
    ) -> Vec<u8> {
        let header = crate::proto::rtp::Header { marker, payload_type, sequence, timestamp, ssrc: 2 };
        [&header.encode(false)[..], &vec![fill; length]].concat()
    }

    /// The four packets A to D of RFC 5109 §10.
    pub fn example() -> [Vec<u8>; 4] {
        [
            packet(true, 11, 8, 3, 200, 0xA1),
            packet(false, 18, 9, 5, 140, 0xB2),
            packet(true, 11, 10, 7, 100, 0xC4),
            packet(false, 18, 11, 9, 340, 0xD8),
        ]
    }

    /// Returns packets with these sequence numbers, which also fill them.
    pub fn numbered(sequences: &[u16]) -> Vec<Vec<u8>> {
        sequences.iter().map(|sequence| packet(false, 26, *sequence, 5, 10, *sequence as u8)).collect()
    }

    pub fn parity(format: FecFormat, packets: &[Vec<u8>]) -> Parity {
        let mut parity = Parity::new(format);
        packets.iter().for_each(|packet| assert!(parity.add(packet)));
        parity
    }

    #[test]
    fn packets_that_a_mask_cannot_state_are_not_added() {
        for format in FecFormat::ALL {
            let mut parity = parity(format, &numbered(&[65_530]));
            let (before, span) = (parity.clone(), format.max_span() as u16);
            for sequence in [65_530, 65_529, 65_530u16.wrapping_add(span)] {
                assert!(!parity.add(&packet(false, 26, sequence, 5, 10, 1)), "{sequence}");
            }
            assert!(!parity.add(&[0x80; 11]));
            assert_eq!(parity, before);
            assert!(parity.add(&packet(false, 26, 65_529u16.wrapping_add(span), 5, 10, 1)));
            assert_eq!(parity.packet_count(), 2);
        }
    }

    /// The parity is shorter than the lost packet, or longer than the packets that are said to be all others.
    #[test]
    fn parity_that_does_not_belong_to_the_packets_recovers_nothing() {
        let others = example();
        for format in FecFormat::ALL {
            for length in [0xFFFF, 0] {
                let mut parity = parity(format, &example());
                parity.fields.length = length;
                assert_eq!(parity.recover(11, 2, others[..3].iter().map(|packet| &packet[..])), None);
            }
        }
    }
}
