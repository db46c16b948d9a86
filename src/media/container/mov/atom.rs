//! Atoms of QuickTime and MP4 files (boxes in ISO 14496-12 §4.2), and big-endian numbers in them.

/// Code of an atom or a codec.
pub type Code = [u8; 4];

/// Header of an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomHeader {
    /// Type.
    pub kind: Code,
    /// Length of the header, in bytes: 8, or 16 with a length of 64 bits.
    pub header_length: u64,
    /// Length of header and data, in bytes; `None` if the atom ends with what contains it.
    pub length: Option<u64>,
}

impl AtomHeader {
    /// Maximum length of a header, in bytes.
    pub const MAX_LENGTH: usize = 16;

    /// Parses the header at the start of bytes; `None` if they are too short, or the length is shorter than the header.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let kind = code_at(bytes, 4)?;
        let (header_length, length) = match u32_at(bytes, 0)? {
            0 => (8, None),
            1 => (16, Some(u64_at(bytes, 8)?)),
            length => (8, Some(u64::from(length))),
        };
        let is_valid = length.is_none_or(|length| length >= header_length);
        is_valid.then_some(Self { kind, header_length, length })
    }
}

/// Iterator over the atoms in bytes; ends at the first one whose header is not valid. The last one may be truncated.
#[derive(Debug, Clone)]
pub struct Atoms<'a>(pub &'a [u8]);

impl<'a> Iterator for Atoms<'a> {
    type Item = (Code, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = AtomHeader::parse(self.0)?;
        let length =
            header.length.map_or(self.0.len(), |length| usize::try_from(length).unwrap_or(usize::MAX));
        let (atom, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Some((header.kind, atom.get(header.header_length as usize..).unwrap_or_default()))
    }
}

/// Returns the data of the first atom of a type in bytes.
pub fn find(bytes: &[u8], kind: Code) -> Option<&[u8]> {
    Atoms(bytes).find(|(found, _)| *found == kind).map(|(_, data)| data)
}

/// Returns the data of an atom that is reached through these types.
pub fn find_path<'a>(bytes: &'a [u8], path: &[Code]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| find(bytes, *kind))
}

/// Returns the number of 2 bytes at an offset; `None` if the bytes are too short.
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Returns the number of 4 bytes at an offset; `None` if the bytes are too short.
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Returns the number of 8 bytes at an offset; `None` if the bytes are too short.
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Returns the code at an offset; `None` if the bytes are too short.
pub fn code_at(bytes: &[u8], offset: usize) -> Option<Code> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_of_every_length_form_are_read() {
        let short = b"\0\0\0\x0AaaaaXY";
        let long = b"\0\0\0\x01bbbb\0\0\0\0\0\0\0\x11Z";
        let last = b"\0\0\0\0ccccrest";
        let bytes = [&short[..], long, last].concat();
        let atoms: Vec<_> = Atoms(&bytes).collect();
        assert_eq!(atoms, [(*b"aaaa", &b"XY"[..]), (*b"bbbb", &b"Z"[..]), (*b"cccc", &b"rest"[..])]);
        assert_eq!(find_path(&bytes, &[*b"bbbb"]), Some(&b"Z"[..]));
    }

    #[test]
    fn atoms_end_at_an_invalid_length() {
        assert_eq!(Atoms(b"\0\0\0\x07aaaa").count(), 0, "shorter than the header");
        assert_eq!(Atoms(b"\0\0\0\x01aaaa\0\0\0\0\0\0\0\x0F").count(), 0, "shorter than the long header");
        let truncated: Vec<_> = Atoms(b"\0\0\xFF\xFFaaaaX").collect();
        assert_eq!(truncated, [(*b"aaaa", &b"X"[..])]);
    }
}
