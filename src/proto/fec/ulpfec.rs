//! Payload of ULPFEC packets (RFC 5109 §7.3, §7.4): FEC header, header of level 0, and parity.

use super::format::FecFormat;
use super::parity::{Parity, XorFields};
use super::protected::Protected;

/// Number of consecutive sequence numbers that the long mask covers (RFC 5109 §7.4).
const MAX_SPAN: usize = FecFormat::Ulpfec.max_span();

/// Number of consecutive sequence numbers that the short mask covers.
const SHORT_SPAN: usize = 16;

/// Length of the FEC header (RFC 5109 §7.3), in bytes.
const FEC_HEADER_LENGTH: usize = 10;

/// Bit of the first byte that is reserved for an extension of the header.
const EXTENSION_BIT: u8 = 0x80;

/// Bit of the first byte for the long mask.
const LONG_MASK_BIT: u8 = 0x40;

/// Returns the payload of a parity packet.
pub(super) fn encode(parity: &Parity) -> Vec<u8> {
    let Protected { base, mask } = parity.protected;
    let is_long = !parity.protected.fits(SHORT_SPAN);
    let XorFields { first, timestamp, length } = parity.fields;
    let mut bytes = Vec::with_capacity(FEC_HEADER_LENGTH + 8 + parity.body.len());
    bytes.push(first[0] | if is_long { LONG_MASK_BIT } else { 0 });
    bytes.push(first[1]);
    bytes.extend_from_slice(&base.to_be_bytes());
    bytes.extend_from_slice(&timestamp);
    bytes.extend_from_slice(&length.to_be_bytes());
    // The body is at most as long as the longest packet, whose length fits.
    bytes.extend_from_slice(&(parity.body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&mask.to_be_bytes()[..if is_long { MAX_SPAN / 8 } else { SHORT_SPAN / 8 }]);
    bytes.extend_from_slice(&parity.body);
    bytes
}

/// Parses the payload of a parity packet. Levels after the first are ignored. `None` if it is too short, protects no
/// packet, or has an extension, which this specification does not define.
pub(super) fn parse(payload: &[u8]) -> Option<Parity> {
    let (fixed, rest) = payload.split_first_chunk::<FEC_HEADER_LENGTH>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let is_long = fixed[0] & LONG_MASK_BIT != 0;
    let (mask, rest) = rest.split_at_checked(if is_long { MAX_SPAN / 8 } else { SHORT_SPAN / 8 })?;
    let mut wide = [0; 16];
    wide[..mask.len()].copy_from_slice(mask);
    let mask = u128::from_be_bytes(wide);
    let body = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    let &[b0, b1, s1, s0, t3, t2, t1, t0, l1, l0] = fixed;
    (b0 & EXTENSION_BIT == 0 && mask != 0).then(|| Parity {
        format: FecFormat::Ulpfec,
        fields: XorFields::new([b0, b1], [t3, t2, t1, t0], u16::from_be_bytes([l1, l0])),
        body: body.to_vec(),
        protected: Protected { base: u16::from_be_bytes([s1, s0]), mask },
    })
}

#[cfg(test)]
mod tests {
    use super::super::parity::tests::{example, numbered, parity};
    use super::*;

    /// The values are those of RFC 5109 §10.1; the bytes after the headers were computed by hand.
    #[test]
    fn example_of_the_rfc_is_encoded() {
        let expected = parity(FecFormat::Ulpfec, &example());
        let bytes = encode(&expected);
        let header = [0, 0, 0, 8, 0, 0, 0, 8, 0x01, 0x74];
        let level = [0x01, 0x54, 0xF0, 0x00];
        assert_eq!((&bytes[..10], &bytes[10..14]), (&header[..], &level[..]));
        let body = &bytes[14..];
        assert_eq!(body.len(), 340);
        let sums = [(0..100, 0x0F), (100..140, 0xCB), (140..200, 0x79), (200..340, 0xD8)];
        for (range, sum) in sums {
            assert!(body[range.clone()].iter().all(|byte| *byte == sum), "{range:?}");
        }
        assert_eq!(parse(&bytes), Some(expected));
    }

    #[test]
    fn long_mask_states_packets_across_wrap() {
        let packets = numbered(&[65_530, 65_535, 4, 41]);
        let bytes = encode(&parity(FecFormat::Ulpfec, &packets));
        assert_eq!(bytes[0], LONG_MASK_BIT);
        assert_eq!(bytes[12..18], [0b1000_0100, 0b0010_0000, 0, 0, 0, 1]);
        let parsed = parse(&bytes).unwrap();
        assert_eq!(parsed.sequences().collect::<Vec<_>>(), [65_530, 65_535, 4, 41]);
        let others = packets[..3].iter().map(|packet| &packet[..]);
        assert_eq!(parsed.recover(41, 2, others), Some(packets[3].clone()));
    }

    #[test]
    fn payloads_that_are_no_parity_are_rejected() {
        let bytes = encode(&parity(FecFormat::Ulpfec, &example()));
        let with = |index: usize, value: u8| {
            let mut changed = bytes.clone();
            changed[index] = value;
            changed
        };
        assert!(parse(&bytes).is_some());
        assert_eq!(parse(&with(0, EXTENSION_BIT)), None, "an extension");
        assert_eq!(parse(&with(12, 0)), None, "no packet is protected");
        assert_eq!(parse(&with(11, 0x55)), None, "the parity is too short");
        for length in 0..14 {
            assert_eq!(parse(&bytes[..length]), None, "{length}");
        }
    }
}
