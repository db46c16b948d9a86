//! The fields that both directions share.

/// The main JPEG header (RFC 2435 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MainHeader {
    /// What the type makes of it.
    pub type_specific: u8,
    /// Where this packet's data begins in the frame's data. 24 bits.
    pub fragment_offset: u32,
    /// How the header is described.
    pub jpeg_type: u8,
    /// The quantization tables: computed, or in the packet.
    pub quality: u8,
    /// Width in blocks of eight pixels; 0 where it has no room.
    pub width: u8,
    /// Height in blocks of eight pixels; 0 where it has no room.
    pub height: u8,
}

impl MainHeader {
    pub const LENGTH: usize = 8;

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[type_specific, o2, o1, o0, kind, quality, width, height] = bytes.first_chunk()?;
        let fragment_offset = u32::from_be_bytes([0, o2, o1, o0]);
        Some(Self { type_specific, fragment_offset, jpeg_type: kind, quality, width, height })
    }

    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let [_, o2, o1, o0] = self.fragment_offset.to_be_bytes();
        [self.type_specific, o2, o1, o0, self.jpeg_type, self.quality, self.width, self.height]
    }
}

/// Set in the type of pictures with restart markers (RFC 2435 §3.1.3).
pub(super) const TYPE_RESTART_BIT: u8 = 64;

/// The restart header where intervals are not aligned with packets: first and last bit set, count all ones
/// (RFC 2435 §3.1.7).
pub(super) const WHOLE_FRAME_RESTART_COUNT: u16 = 0xFFFF;

/// The quality that says "tables in every frame" (RFC 2435 §3.1.8).
pub(super) const QUALITY_IN_BAND: u8 = 255;

/// Our own type: the header extension alone describes the picture. Types from 128 on are for a session's set-up to
/// define (RFC 2435 §3.1.3); ours is defined by `x-jpeg-header=1`.
pub(super) const TYPE_ORIGINAL_HEADER: u8 = 128;

/// A quality whose tables "are known already" when none are in the packet; with [`TYPE_ORIGINAL_HEADER`] they stand
/// in the extension.
pub(super) const QUALITY_OUT_OF_BAND: u8 = 128;

/// In the type-specific byte of [`TYPE_ORIGINAL_HEADER`]: how many fill bytes were put before SOS.
pub(super) const FILL_MASK: u8 = 0x03;

/// In the type-specific byte of [`TYPE_ORIGINAL_HEADER`]: the header was too long and lost its APPn and COM segments.
pub(super) const HEADER_REDUCED_BIT: u8 = 0x80;

/// The extension of a frame's first packet, which holds the header segments.
pub(super) const FIRST_EXTENSION_PROFILE: u16 = 0xFFD8;

/// The extension of a frame's other packets, which is empty.
pub(super) const FOLLOWING_EXTENSION_PROFILE: u16 = 0xFFFF;
