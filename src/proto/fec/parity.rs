//! Forward error correction by parity packets, ULPFEC (RFC 5109). One level protects complete packets.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use super::rtp::HEADER_LENGTH;

/// Number of consecutive sequence numbers that the long mask covers (RFC 5109 §7.4).
pub const MAX_SPAN: usize = 48;

/// Number of consecutive sequence numbers that the short mask covers.
const SHORT_SPAN: usize = 16;

/// Length of the FEC header (RFC 5109 §7.3), in bytes.
const FEC_HEADER_LENGTH: usize = 10;

/// Bit of the first byte that is reserved for an extension of the header.
const EXTENSION_BIT: u8 = 0x80;

/// Bit of the first byte for the long mask.
const LONG_MASK_BIT: u8 = 0x40;

/// Bits of the first byte of an RTP header without its version: padding, extension and number of CSRCs.
const FIRST_BYTE_MASK: u8 = 0x3F;

/// Maximum number of packets that a parity packet protects, 2 to 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSize(u8);

impl GroupSize {
    /// Creates a size; `None` if it is out of range.
    pub fn new(packets: u8) -> Option<Self> {
        (2..=24).contains(&packets).then_some(Self(packets))
    }

    /// Returns the number of packets.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for GroupSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of packets that a parity packet is to protect is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a parity packet protects 2 to 24 packets")]
pub struct GroupSizeError;

impl FromStr for GroupSize {
    type Err = GroupSizeError;

    fn from_str(text: &str) -> Result<Self, GroupSizeError> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number).and_then(Self::new).ok_or(GroupSizeError)
    }
}

/// Parity of packets (RFC 5109 §8): the exclusive or of their header fields, their lengths and their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parity {
    /// First two bytes of the RTP headers, without the version.
    first: [u8; 2],
    timestamp: [u8; 4],
    /// Length of what follows the fixed header.
    length: u16,
    /// Bytes after the fixed header.
    body: Vec<u8>,
    protected: Protected,
}

/// Sequence numbers of the packets that a parity packet protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Protected {
    /// Lowest sequence number (`SN base`).
    base: u16,
    /// Bit for each number from the lowest on, the first in the highest of 48 bits; 0 while there is none.
    mask: u64,
}

impl Protected {
    /// Adds a sequence number. Returns false if it precedes the first one, is too far behind it, or is there already.
    fn add(&mut self, sequence: u16) -> bool {
        if self.mask == 0 {
            self.base = sequence;
        }
        let Some(bit) = self.bit(sequence).filter(|bit| self.mask & bit == 0) else { return false };
        self.mask |= bit;
        true
    }

    fn bit(self, sequence: u16) -> Option<u64> {
        let offset = usize::from(sequence.wrapping_sub(self.base));
        (offset < MAX_SPAN).then(|| 1 << (MAX_SPAN - 1 - offset))
    }

    fn sequences(self) -> impl Iterator<Item = u16> {
        let offsets =
            (0..MAX_SPAN as u16).filter(move |offset| self.mask >> (MAX_SPAN as u16 - 1 - offset) & 1 == 1);
        offsets.map(move |offset| self.base.wrapping_add(offset))
    }

    /// Returns true if the mask needs more than 16 bits.
    fn is_long(self) -> bool {
        self.mask & ((1 << (MAX_SPAN - SHORT_SPAN)) - 1) != 0
    }
}

impl Parity {
    /// Adds an encoded RTP packet. Returns false, and changes nothing, if it is no packet, or if its sequence number does not
    /// follow the first within the span of a mask.
    pub fn add(&mut self, packet: &[u8]) -> bool {
        let Some((header, body)) = packet.split_first_chunk::<HEADER_LENGTH>() else { return false };
        let Ok(length) = u16::try_from(body.len()) else { return false };
        if !self.protected.add(u16::from_be_bytes([header[2], header[3]])) {
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
        self.first[0] ^= header[0] & FIRST_BYTE_MASK;
        self.first[1] ^= header[1];
        self.timestamp.iter_mut().zip(&header[4..8]).for_each(|(sum, byte)| *sum ^= byte);
        self.length ^= length;
        self.body.iter_mut().zip(body).for_each(|(sum, byte)| *sum ^= byte);
    }

    /// Returns true if no packet was added.
    pub fn is_empty(&self) -> bool {
        self.protected.mask == 0
    }

    /// Returns the payload of the parity packet: FEC header, header of level 0, and parity (RFC 5109 §7.3, §7.4).
    pub fn encode(&self) -> Vec<u8> {
        let Protected { base, mask } = self.protected;
        let is_long = self.protected.is_long();
        let mut bytes = Vec::with_capacity(FEC_HEADER_LENGTH + 8 + self.body.len());
        bytes.push(self.first[0] | if is_long { LONG_MASK_BIT } else { 0 });
        bytes.push(self.first[1]);
        bytes.extend_from_slice(&base.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp);
        bytes.extend_from_slice(&self.length.to_be_bytes());
        // The body is at most as long as the longest packet, whose length fits.
        bytes.extend_from_slice(&(self.body.len() as u16).to_be_bytes());
        let mask = &mask.to_be_bytes()[2..];
        bytes.extend_from_slice(if is_long { mask } else { &mask[..2] });
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Parses the payload of a parity packet. Levels after the first are ignored. `None` if it is too short, protects no
    /// packet, or has an extension, which this specification does not define.
    pub fn parse(payload: &Bytes) -> Option<Self> {
        let (fixed, rest) = payload.split_first_chunk::<FEC_HEADER_LENGTH>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let is_long = fixed[0] & LONG_MASK_BIT != 0;
        let (mask, rest) = rest.split_at_checked(if is_long { 6 } else { 2 })?;
        let mut wide = [0; 8];
        wide[2..2 + mask.len()].copy_from_slice(mask);
        let mask = u64::from_be_bytes(wide);
        let body = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        let &[b0, b1, s1, s0, t3, t2, t1, t0, l1, l0] = fixed;
        (b0 & EXTENSION_BIT == 0 && mask != 0).then(|| Self {
            first: [b0 & FIRST_BYTE_MASK, b1],
            timestamp: [t3, t2, t1, t0],
            length: u16::from_be_bytes([l1, l0]),
            body: body.to_vec(),
            protected: Protected { base: u16::from_be_bytes([s1, s0]), mask },
        })
    }

    /// Sequence numbers of the protected packets, at most 48, the lowest first.
    pub fn sequences(&self) -> impl Iterator<Item = u16> {
        self.protected.sequences()
    }

    /// Returns the protected packet with this sequence number, whose SSRC is `ssrc`, from all others (RFC 5109 §9.1).
    /// `None` if the parity does not cover all of it, or does not belong to the others.
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
        let (body, surplus) = self.body.split_at_checked(usize::from(self.length))?;
        if surplus.iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut packet = Vec::with_capacity(HEADER_LENGTH + body.len());
        packet.extend_from_slice(&[0x80 | self.first[0], self.first[1]]);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp);
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(body);
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a packet whose bytes after the header are `fill`.
    fn packet(
        marker: bool,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        length: usize,
        fill: u8,
    ) -> Vec<u8> {
        let header = super::super::rtp::Header { marker, payload_type, sequence, timestamp, ssrc: 2 };
        [&header.encode(false)[..], &vec![fill; length]].concat()
    }

    /// The four packets A to D of RFC 5109 §10.
    fn example() -> [Vec<u8>; 4] {
        [
            packet(true, 11, 8, 3, 200, 0xA1),
            packet(false, 18, 9, 5, 140, 0xB2),
            packet(true, 11, 10, 7, 100, 0xC4),
            packet(false, 18, 11, 9, 340, 0xD8),
        ]
    }

    fn parity(packets: &[Vec<u8>]) -> Parity {
        let mut parity = Parity::default();
        packets.iter().for_each(|packet| assert!(parity.add(packet)));
        parity
    }

    /// The values are those of RFC 5109 §10.1; the bytes after the headers were computed by hand.
    #[test]
    fn example_of_the_rfc_is_encoded() {
        let bytes = parity(&example()).encode();
        let header = [0, 0, 0, 8, 0, 0, 0, 8, 0x01, 0x74];
        let level = [0x01, 0x54, 0xF0, 0x00];
        assert_eq!((&bytes[..10], &bytes[10..14]), (&header[..], &level[..]));
        let body = &bytes[14..];
        assert_eq!(body.len(), 340);
        let sums = [(0..100, 0x0F), (100..140, 0xCB), (140..200, 0x79), (200..340, 0xD8)];
        for (range, sum) in sums {
            assert!(body[range.clone()].iter().all(|byte| *byte == sum), "{range:?}");
        }
        assert_eq!(Parity::parse(&bytes.into()), Some(parity(&example())));
    }

    #[test]
    fn each_packet_is_recovered_from_the_others() {
        let packets = example();
        for lost in 0..4 {
            let parity = Parity::parse(&parity(&packets).encode().into()).unwrap();
            assert_eq!(parity.sequences().collect::<Vec<_>>(), [8, 9, 10, 11]);
            let others = packets.iter().enumerate().filter(|(index, _)| *index != lost);
            let recovered = parity.recover(8 + lost as u16, 2, others.map(|(_, packet)| &packet[..]));
            assert_eq!(recovered.as_ref(), Some(&packets[lost]));
        }
    }

    #[test]
    fn long_mask_states_packets_across_wrap() {
        let packets: Vec<_> = [65_530u16, 65_535, 4, 41]
            .map(|sequence| packet(false, 26, sequence, 5, 10, sequence as u8))
            .into();
        let bytes = parity(&packets).encode();
        assert_eq!(bytes[0], LONG_MASK_BIT);
        assert_eq!(bytes[12..18], [0b1000_0100, 0b0010_0000, 0, 0, 0, 1]);
        let parsed = Parity::parse(&bytes.into()).unwrap();
        assert_eq!(parsed.sequences().collect::<Vec<_>>(), [65_530, 65_535, 4, 41]);
        let others = packets[..3].iter().map(|packet| &packet[..]);
        assert_eq!(parsed.recover(41, 2, others), Some(packets[3].clone()));
    }

    #[test]
    fn packets_that_a_mask_cannot_state_are_not_added() {
        let mut parity = parity(&[packet(false, 26, 65_530, 5, 10, 1)]);
        let before = parity.clone();
        for sequence in [65_530, 65_529, 42] {
            assert!(!parity.add(&packet(false, 26, sequence, 5, 10, 1)), "{sequence}");
        }
        assert!(!parity.add(&[0x80; 11]));
        assert_eq!(parity, before);
        assert!(parity.add(&packet(false, 26, 41, 5, 10, 1)));
    }

    #[test]
    fn payloads_that_are_no_parity_are_rejected() {
        let bytes = parity(&example()).encode();
        let with = |index: usize, value: u8| {
            let mut changed = bytes.clone();
            changed[index] = value;
            Bytes::from(changed)
        };
        assert!(Parity::parse(&bytes.clone().into()).is_some());
        assert_eq!(Parity::parse(&with(0, EXTENSION_BIT)), None, "an extension");
        assert_eq!(Parity::parse(&with(12, 0)), None, "no packet is protected");
        assert_eq!(Parity::parse(&with(11, 0x55)), None, "the parity is too short");
        for length in 0..14 {
            assert_eq!(Parity::parse(&bytes[..length].to_vec().into()), None, "{length}");
        }
        // The length that follows is larger than the parity, or smaller than its content.
        for length in [0xFF, 0x00] {
            let others = example();
            let parsed = Parity::parse(&with(8, length)).unwrap();
            assert_eq!(parsed.recover(11, 2, others[..3].iter().map(|packet| &packet[..])), None);
        }
    }

    #[test]
    fn group_sizes_are_whole_numbers_from_2_to_24() {
        for (text, size) in
            [("2", Some(2)), ("24", Some(24)), ("1", None), ("25", None), ("+5", None), ("", None)]
        {
            assert_eq!(text.parse().ok(), size.and_then(GroupSize::new), "{text}");
        }
    }
}
