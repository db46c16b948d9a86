//! RTP packets (RFC 3550 §5).
//!
//! ```
//! use reelay::proto::rtp::{Header, Packet};
//!
//! let header = Header { marker: true, payload_type: 26, sequence: 7, timestamp: 90_000, ssrc: 0x1234_5678 };
//! let datagram = [&header.encode(false)[..], b"payload"].concat();
//!
//! let packet = Packet::parse(datagram.into())?;
//! assert_eq!(packet.header, header);
//! assert_eq!(packet.payload, "payload");
//! # Ok::<(), reelay::proto::rtp::RtpError>(())
//! ```

use bytes::Bytes;

/// Length of the fixed header, in bytes (RFC 3550 §5.1).
pub const HEADER_LENGTH: usize = 12;

/// Clock rate of JPEG timestamps, in ticks per second (RFC 2435 §3, RFC 3551 §5).
pub const CLOCK_RATE: u32 = 90_000;

/// The fixed RTP header, without version, flags and CSRC list (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Marker bit: this is the last packet of a frame (RFC 2435 §3).
    pub marker: bool,
    /// Payload type, 7 bits (RFC 3551 §6).
    pub payload_type: u8,
    /// Sequence number, incremented by one for each packet, modulo 2¹⁶.
    pub sequence: u16,
    /// Sampling instant of the first byte of the payload, in ticks of the payload's clock, modulo 2³².
    pub timestamp: u32,
    /// Synchronization source: random identifier of the sender.
    pub ssrc: u32,
}

/// A header extension (RFC 3550 §5.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// First 16 bits, whose meaning is defined by a profile.
    pub profile: u16,
    /// Content after the length field, a multiple of four bytes.
    pub body: Bytes,
}

/// A received RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Fixed header (RFC 3550 §5.1).
    pub header: Header,
    /// Header extension; `None` if the X bit is not set.
    pub extension: Option<Extension>,
    /// Bytes after the header and its extension, without padding.
    pub payload: Bytes,
}

/// Reason why bytes are not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// The packet is shorter than its header, CSRC list and extension.
    #[error("the RTP packet is shorter than its header states")]
    Truncated,
    /// The version is not 2.
    #[error("the RTP version is {0} instead of 2")]
    Version(u8),
    /// The padding is longer than the payload, or its length is zero.
    #[error("the RTP packet has more padding than payload")]
    Padding,
}

impl Packet {
    /// Parses a datagram, or the content of an interleaved frame.
    ///
    /// # Errors
    /// Returns an [`RtpError`] if the bytes are not a complete RTP packet of version 2.
    pub fn parse(mut bytes: Bytes) -> Result<Self, RtpError> {
        let fixed = *bytes.first_chunk::<HEADER_LENGTH>().ok_or(RtpError::Truncated)?;
        let version = fixed[0] >> 6;
        if version != 2 {
            return Err(RtpError::Version(version));
        }
        let (has_padding, has_extension) = (fixed[0] & 0x20 != 0, fixed[0] & 0x10 != 0);
        let csrc_count = usize::from(fixed[0] & 0x0F);
        read_bytes(&mut bytes, HEADER_LENGTH + 4 * csrc_count)?;
        let extension = if has_extension { Some(read_extension(&mut bytes)?) } else { None };
        if has_padding {
            let padding = usize::from(*bytes.last().ok_or(RtpError::Padding)?);
            let unpadded =
                bytes.len().checked_sub(padding).filter(|_| padding > 0).ok_or(RtpError::Padding)?;
            bytes.truncate(unpadded);
        }
        Ok(Self { header: Header::parse(&fixed), extension, payload: bytes })
    }
}

fn read_bytes(bytes: &mut Bytes, count: usize) -> Result<Bytes, RtpError> {
    if bytes.len() < count { Err(RtpError::Truncated) } else { Ok(bytes.split_to(count)) }
}

fn read_extension(bytes: &mut Bytes) -> Result<Extension, RtpError> {
    let extension_header = read_bytes(bytes, 4)?;
    let words = u16::from_be_bytes([extension_header[2], extension_header[3]]);
    let body = read_bytes(bytes, 4 * usize::from(words))?;
    Ok(Extension { profile: u16::from_be_bytes([extension_header[0], extension_header[1]]), body })
}

impl Header {
    /// Parses the fixed header without checking its version.
    pub fn parse(fixed: &[u8; HEADER_LENGTH]) -> Self {
        let [_, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        }
    }

    /// Encodes the fixed header with version 2, no padding and no CSRCs. `has_extension` sets the X bit.
    pub fn encode(&self, has_extension: bool) -> [u8; HEADER_LENGTH] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let first = 0x80 | if has_extension { 0x10 } else { 0 };
        let second = (self.payload_type & 0x7F) | if self.marker { 0x80 } else { 0 };
        [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }

    /// Encodes the header with version 2, no padding, no extension, and one CSRC.
    pub fn encode_with_csrc(&self, csrc: u32) -> [u8; HEADER_LENGTH + 4] {
        let mut bytes = [0; HEADER_LENGTH + 4];
        bytes[..HEADER_LENGTH].copy_from_slice(&self.encode(false));
        bytes[0] |= 1;
        bytes[HEADER_LENGTH..].copy_from_slice(&csrc.to_be_bytes());
        bytes
    }
}

/// Returns the CSRCs of a complete packet (RFC 3550 §5.1).
pub fn csrcs(packet: &[u8]) -> impl Iterator<Item = u32> {
    let count = packet.first().map_or(0, |first| usize::from(first & 0x0F));
    let list = packet.get(HEADER_LENGTH..).unwrap_or_default();
    list.chunks_exact(4).take(count).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Extends a sequence number to a count that does not wrap.
///
/// The result is the count nearest to `reference` whose low 16 bits are `value`. RFC 3550 appendix A.1 does the same
/// with a count of cycles.
pub fn extend_sequence(reference: i64, value: u16) -> i64 {
    let distance = value.wrapping_sub(reference as u16) as i16;
    reference + i64::from(distance)
}

/// Extends a 32-bit timestamp to a count that does not wrap, as [`extend_sequence`] does for sequence numbers.
pub fn extend_timestamp(reference: i64, value: u32) -> i64 {
    let distance = value.wrapping_sub(reference as u32) as i32;
    reference + i64::from(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first packet of a classroom stream: version 2, payload type 26, sequence number 1.
    const CLASSROOM: &[u8] =
        &[0x80, 0x1A, 0x00, 0x01, 0x6B, 0x03, 0x11, 0xD0, 0, 0, 0, 0, 0xFF, 0xD8, 0xFF, 0xC4];

    #[test]
    fn plain_packet_is_parsed() {
        let packet = Packet::parse(Bytes::from_static(CLASSROOM)).unwrap();
        let header = Header { marker: false, payload_type: 26, sequence: 1, timestamp: 0x6B03_11D0, ssrc: 0 };
        assert_eq!(packet.header, header);
        assert_eq!(packet.payload, &[0xFF, 0xD8, 0xFF, 0xC4][..]);
        assert_eq!(header.encode(false), CLASSROOM[..12]);
    }

    #[test]
    fn csrcs_extension_and_padding_are_removed() {
        let bytes = [
            &[0xB1, 0x9A, 0xFF, 0xFF, 0, 0, 0, 9, 1, 2, 3, 4][..], // P, X, one CSRC, M
            &[0, 0, 0, 7],
            &[0xFF, 0xD8, 0, 1, 0xAA, 0xBB, 0xCC, 0xDD],
            b"payload",
            &[0, 0, 3],
        ]
        .concat();
        let packet = Packet::parse(bytes.into()).unwrap();
        assert!(packet.header.marker);
        assert_eq!(packet.header.ssrc, 0x0102_0304);
        let extension = packet.extension.unwrap();
        assert_eq!((extension.profile, &extension.body[..]), (0xFFD8, &[0xAA, 0xBB, 0xCC, 0xDD][..]));
        assert_eq!(packet.payload, "payload");
    }

    #[test]
    fn csrcs_are_those_of_the_header() {
        let header = Header { marker: false, payload_type: 98, sequence: 1, timestamp: 2, ssrc: 3 };
        let packet = [&header.encode_with_csrc(7)[..], b"parity"].concat();
        assert_eq!(csrcs(&packet).collect::<Vec<_>>(), [7]);
        assert_eq!(csrcs(&header.encode(false)).count(), 0);
        assert_eq!((csrcs(&packet[..14]).count(), csrcs(&[]).count()), (0, 0));
        assert_eq!(Packet::parse(packet.into()).unwrap().payload, "parity");
    }

    #[test]
    fn malformed_packets_are_rejected() {
        let cases: [(&[u8], RtpError); 6] = [
            (&CLASSROOM[..11], RtpError::Truncated),
            (&[0x00, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], RtpError::Version(0)),
            (&[0x82, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], RtpError::Truncated),
            (&[0x90, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xD8, 0xFF, 0xFF], RtpError::Truncated),
            (&[0xA0, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9], RtpError::Padding),
            (&[0xA0, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], RtpError::Padding),
        ];
        for (bytes, error) in cases {
            assert_eq!(Packet::parse(Bytes::from_static(bytes)), Err(error));
        }
    }

    #[test]
    fn counters_extend_across_wraparound_in_both_directions() {
        assert_eq!(extend_sequence(65_530, 3), 65_539);
        assert_eq!(extend_sequence(65_539, 65_530), 65_530);
        assert_eq!(extend_sequence(0, 65_535), -1);
        assert_eq!(extend_timestamp(0xFFFF_FFFF, 89_999), 0x1_0000_0000 + 89_999);
    }
}
