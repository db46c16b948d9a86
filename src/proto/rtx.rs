//! Retransmission payload format, RTX (RFC 4588 §4): packets that are sent again, on a stream of their own.

use super::rtp::{HEADER_LENGTH, Header, Packet};

/// Fields in which a retransmission differs from the original packet (RFC 4588 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtxFields {
    /// Payload type of retransmissions.
    pub payload_type: u8,
    /// SSRC of the stream of retransmissions.
    pub ssrc: u32,
    /// Sequence number in that stream.
    pub sequence: u16,
}

/// Length of the original sequence number, OSN, before the payload, in bytes.
const OSN_LENGTH: usize = 2;

/// Returns the retransmission of an encoded packet; `None` if that is shorter than its header states. Timestamp,
/// marker, CSRCs and header extension are those of the original.
pub fn encode(original: &[u8], RtxFields { payload_type, ssrc, sequence }: RtxFields) -> Option<Vec<u8>> {
    let fixed: &[u8; HEADER_LENGTH] = original.first_chunk()?;
    let header_length = header_length(original)?;
    let (head, payload) = original.split_at_checked(header_length)?;
    let header = Header { payload_type, ssrc, sequence, ..Header::parse(fixed) };
    let mut bytes = Vec::with_capacity(original.len() + OSN_LENGTH);
    bytes.extend_from_slice(&header.encode(false));
    // Version, padding, extension bit and number of CSRCs.
    bytes[0] = fixed[0];
    bytes.extend_from_slice(&head[HEADER_LENGTH..]);
    bytes.extend_from_slice(&fixed[2..4]);
    bytes.extend_from_slice(payload);
    Some(bytes)
}

/// Returns the original of a retransmission, with its payload type and SSRC; `None` if the retransmission is too short
/// for a sequence number. A payload without bytes after it is no packet, but keeps an address translator open (RFC 4588
/// §4).
pub fn restore(retransmission: Packet, payload_type: u8, ssrc: u32) -> Option<Packet> {
    let Packet { header, extension, mut payload } = retransmission;
    let sequence = u16::from_be_bytes(*payload.first_chunk::<OSN_LENGTH>()?);
    let payload = payload.split_off(OSN_LENGTH);
    Some(Packet { header: Header { payload_type, ssrc, sequence, ..header }, extension, payload })
}

/// Length of the fixed header, the CSRCs and the extension; `None` if the packet is too short to tell.
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = HEADER_LENGTH + 4 * usize::from(first & 0x0F);
    match first & 0x10 {
        0 => Some(fixed),
        _ => {
            let words = u16::from_be_bytes(*packet.get(fixed + 2..)?.first_chunk()?);
            Some(fixed + 4 + 4 * usize::from(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Extension;
    use bytes::Bytes;

    #[test]
    fn original_is_restored_with_extension_and_marker() {
        let header = Header { marker: true, payload_type: 26, sequence: 65_535, timestamp: 90, ssrc: 7 };
        let rtx = RtxFields { payload_type: 97, ssrc: 8, sequence: 3 };
        for extension in [None, Some(Extension { profile: 0xFFD8, body: Bytes::from_static(b"segments") })] {
            let mut original = header.encode(extension.is_some()).to_vec();
            if extension.is_some() {
                original.extend_from_slice(b"\xFF\xD8\0\x02segments");
            }
            original.extend_from_slice(b"payload");
            let bytes = encode(&original, rtx).unwrap();
            assert_eq!(bytes.len(), original.len() + 2);
            let packet = Packet::parse(bytes.into()).unwrap();
            let expected = Header { payload_type: 97, ssrc: 8, sequence: 3, ..header };
            assert_eq!((packet.header, &packet.payload[..]), (expected, &b"\xFF\xFFpayload"[..]));
            let restored = restore(packet, 26, 7).unwrap();
            assert_eq!(restored, Packet { header, extension, payload: Bytes::from_static(b"payload") });
        }
    }

    #[test]
    fn short_packets_are_rejected() {
        let rtx = RtxFields { payload_type: 97, ssrc: 8, sequence: 3 };
        for short in [
            &b""[..],
            b"\x80\x1a",
            b"\x9f\x1a\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\x90\x1a\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff",
        ] {
            assert_eq!(encode(short, rtx), None);
        }
        let header = Header { marker: false, payload_type: 97, sequence: 3, timestamp: 0, ssrc: 8 };
        let packet = Packet { header, extension: None, payload: Bytes::from_static(b"x") };
        assert_eq!(restore(packet, 26, 7), None);
    }
}
