//! Beginnings of frames and of records of the classroom format.

/// SOI and the 0xFF of the next marker.
pub const SOI: &[u8] = &[0xFF, 0xD8, 0xFF];

/// Maximum length of a length field, in bytes.
pub const MAX_LENGTH_FIELD: usize = 10;

/// Returns true if bytes begin with a record: digits, padded with zeros or spaces, then SOI.
pub fn starts_with_record(bytes: &[u8]) -> bool {
    let field = bytes.iter().take(MAX_LENGTH_FIELD).take_while(|byte| is_length_byte(**byte)).count();
    bytes[..field].iter().any(u8::is_ascii_digit) && bytes[field..].starts_with(&SOI[..2])
}

pub fn is_length_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' '
}
