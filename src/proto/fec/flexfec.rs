//! Payload of FlexFEC packets for one stream (RFC 8627 §4.2.2): FEC header and parity.
//!
//! The SSRC of the protected packets is the CSRC of the RTP header (RFC 8627 §4.2.1).

use super::format::FecFormat;
use super::parity::{Parity, XorFields};
use super::protected::{Protected, bit};

/// Number of consecutive sequence numbers that the longest mask covers.
const MAX_SPAN: usize = FecFormat::Flexfec.max_span();

/// Bits of the first two parts of the mask, each after a bit (k) that is set if the part is the last.
const MARKED_PARTS: [usize; 2] = [15, 31];

/// Bits of the third part.
const LAST_PART: usize = 64;

/// Length of the FEC header before the sequence number, in bytes.
const FIXED_LENGTH: usize = 8;

/// Bit of the first byte (R) for a packet that is sent again instead of parity.
const RETRANSMISSION_BIT: u8 = 0x80;

/// Bit of the first byte (F) for a row or column of stated size instead of a mask.
const FIXED_BIT: u8 = 0x40;

/// Returns the payload of a parity packet, with the shortest mask.
pub(super) fn encode(parity: &Parity) -> Vec<u8> {
    let XorFields { first, timestamp, length } = parity.fields;
    let mut bytes = Vec::with_capacity(FIXED_LENGTH + 16 + parity.body.len());
    bytes.extend_from_slice(&first);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&timestamp);
    bytes.extend_from_slice(&parity.protected.base.to_be_bytes());
    encode_mask(parity.protected, &mut bytes);
    bytes.extend_from_slice(&parity.body);
    bytes
}

fn encode_mask(mut protected: Protected, bytes: &mut Vec<u8>) {
    for bits in MARKED_PARTS {
        let is_last = protected.fits(bits);
        let part = (protected.mask >> (u128::BITS as usize - bits)) as u32 | u32::from(is_last) << bits;
        bytes.extend_from_slice(&part.to_be_bytes()[4 - (bits + 1) / 8..]);
        if is_last {
            return;
        }
        protected.mask <<= bits;
    }
    bytes.extend_from_slice(&protected.mask.to_be_bytes()[..LAST_PART / 8]);
}

/// Parses the payload of a parity packet. `None` if it is too short, protects no packet or too many, or is a packet
/// that is sent again, as this format allows, too.
pub(super) fn parse(payload: &[u8]) -> Option<Parity> {
    let (&[b0, b1, l1, l0, t3, t2, t1, t0], rest) = payload.split_first_chunk::<FIXED_LENGTH>()?;
    let (base, rest) = rest.split_first_chunk::<2>()?;
    let (mask, body) = if b0 & FIXED_BIT == 0 { parse_mask(rest)? } else { parse_arrangement(rest)? };
    (b0 & RETRANSMISSION_BIT == 0 && mask != 0).then(|| Parity {
        format: FecFormat::Flexfec,
        fields: XorFields::new([b0, b1], [t3, t2, t1, t0], u16::from_be_bytes([l1, l0])),
        body: body.to_vec(),
        protected: Protected { base: u16::from_be_bytes(*base), mask },
    })
}

/// Parses a mask (RFC 8627 §4.2.2.1). Returns it with the bytes after it; `None` if it is too short.
fn parse_mask(mut bytes: &[u8]) -> Option<(u128, &[u8])> {
    let (mut mask, mut offset) = (0, 0);
    for bits in MARKED_PARTS {
        let (part, rest) = bytes.split_at_checked((bits + 1) / 8)?;
        bytes = rest;
        let part = part.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        offset += bits;
        mask |= (part & ((1 << bits) - 1)) << (u128::BITS as usize - offset);
        if part >> bits == 1 {
            return Some((mask, bytes));
        }
    }
    let (part, body) = bytes.split_first_chunk::<{ LAST_PART / 8 }>()?;
    let part = u128::from(u64::from_be_bytes(*part));
    Some((mask | part << (u128::BITS as usize - MAX_SPAN), body))
}

/// Parses the numbers of columns and rows of a fixed arrangement (RFC 8627 §4.2.2.2). Without rows, or with one, the
/// packet protects one row; with more it protects one column. Returns the mask with the bytes after them; `None` if
/// there are no columns, or more packets than a mask can name.
fn parse_arrangement(bytes: &[u8]) -> Option<(u128, &[u8])> {
    let (&[columns, rows], body) = bytes.split_first_chunk::<2>()?;
    let (step, count) = if rows > 1 { (columns, rows) } else { (1, columns) };
    let (step, count) = (usize::from(step), usize::from(count));
    let last = count.checked_sub(1)? * step;
    (columns > 0 && last < MAX_SPAN)
        .then(|| ((0..count).fold(0, |mask, index| mask | bit(index * step)), body))
}

#[cfg(test)]
mod tests {
    use super::super::parity::tests::{example, numbered, parity};
    use super::*;

    /// The packets of RFC 5109 §10, with the header of RFC 8627 §4.2.2.1; computed by hand.
    #[test]
    fn header_has_the_fields_in_the_order_of_the_rfc() {
        let expected = parity(FecFormat::Flexfec, &example());
        let bytes = encode(&expected);
        assert_eq!(bytes[..12], [0, 0, 0x01, 0x74, 0, 0, 0, 8, 0, 8, 0xF8, 0x00]);
        assert_eq!(bytes.len(), 12 + 340);
        assert_eq!((bytes[12], bytes[351]), (0x0F, 0xD8));
        assert_eq!(parse(&bytes), Some(expected));
    }

    #[test]
    fn mask_is_as_long_as_it_has_to_be() {
        for (last, mask) in [
            (14, &[0b1100_0000, 0b0000_0001][..]),
            (15, &[0b0100_0000, 0, 0b1100_0000, 0, 0, 0]),
            (45, &[0b0100_0000, 0, 0b1000_0000, 0, 0, 1]),
            (46, &[0b0100_0000, 0, 0, 0, 0, 0, 0b1000_0000, 0, 0, 0, 0, 0, 0, 0]),
            (109, &[0b0100_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ] {
            let packets = numbered(&[65_500, 65_500u16.wrapping_add(last)]);
            let bytes = encode(&parity(FecFormat::Flexfec, &packets));
            assert_eq!(bytes[10..bytes.len() - 10], *mask, "{last}");
            let parsed = parse(&bytes).unwrap();
            assert_eq!(parsed.sequences().collect::<Vec<_>>(), [65_500, 65_500u16.wrapping_add(last)]);
            assert_eq!(parsed.recover(65_500, 2, [&packets[1][..]]), Some(packets[0].clone()));
        }
    }

    #[test]
    fn rows_and_columns_of_a_fixed_arrangement_are_read() {
        let arrangement = |columns: u8, rows: u8| {
            let bytes = [0x40, 0, 0, 0, 0, 0, 0, 0, 0, 100, columns, rows, 0xAB];
            parse(&bytes).map(|parity| parity.sequences().collect::<Vec<_>>())
        };
        assert_eq!(arrangement(3, 0), Some(vec![100, 101, 102]), "a row without columns");
        assert_eq!(arrangement(3, 1), Some(vec![100, 101, 102]), "a row of a grid");
        assert_eq!(arrangement(3, 4), Some(vec![100, 103, 106, 109]), "a column");
        assert_eq!(arrangement(110, 0).map(|row| row.len()), Some(110));
        for (columns, rows) in [(0, 0), (0, 5), (111, 1), (55, 3), (255, 255)] {
            assert_eq!(arrangement(columns, rows), None, "{columns} columns, {rows} rows");
        }
    }

    #[test]
    fn payloads_that_are_no_parity_are_rejected() {
        let bytes = encode(&parity(FecFormat::Flexfec, &numbered(&[1, 100])));
        for length in 0..24 {
            assert_eq!(parse(&bytes[..length]), None, "{length}");
        }
        assert!(parse(&bytes).is_some());
        assert_eq!(parse(&[&[RETRANSMISSION_BIT], &bytes[1..]].concat()), None, "a retransmission");
        assert_eq!(parse(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0]), None, "no packet is protected");
    }
}
