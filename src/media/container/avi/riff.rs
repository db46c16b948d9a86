//! Chunks of RIFF, and little-endian numbers in them.

/// Identifier of a chunk, a list or a codec.
pub type FourCc = [u8; 4];

/// Header of a chunk: identifier, and length of the data after the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHeader {
    /// Identifier.
    pub id: FourCc,
    /// Length of the data, in bytes, without header and padding.
    pub size: u32,
}

impl ChunkHeader {
    /// Length of the header, in bytes.
    pub const LENGTH: u64 = 8;

    /// Parses the header at the start of bytes; `None` if they are too short.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self { id: *bytes.first_chunk()?, size: u32_at(bytes, 4)? })
    }

    /// Returns true if the chunk is a list, whose data begins with its type.
    pub fn is_list(&self) -> bool {
        matches!(&self.id, b"LIST" | b"RIFF")
    }
}

/// Iterator over the chunks in bytes; ends at the first one whose header is incomplete. The last one may be truncated.
#[derive(Debug)]
pub struct Chunks<'a>(pub &'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (FourCc, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ChunkHeader { id, size } = ChunkHeader::parse(self.0)?;
        let rest = &self.0[ChunkHeader::LENGTH as usize..];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let data = &rest[..size.min(rest.len())];
        self.0 = rest.get(size.saturating_add(size & 1)..).unwrap_or_default();
        Some((id, data))
    }
}

/// Returns the number of 2 bytes at an offset; `None` if the bytes are too short.
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Returns the number of 4 bytes at an offset; `None` if the bytes are too short.
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Returns the number of 8 bytes at an offset; `None` if the bytes are too short.
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Returns the code at an offset; `None` if the bytes are too short.
pub fn four_cc_at(bytes: &[u8], offset: usize) -> Option<FourCc> {
    bytes.get(offset..)?.first_chunk().copied()
}
