//! The main JPEG header, and the field values that packetizer and depacketizer share.

/// The main JPEG header (RFC 2435 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MainHeader {
    /// Type-specific field (RFC 2435 §3.1.1); 0 in types 0 and 1.
    pub type_specific: u8,
    /// Position of the packet's data in the scan data of the frame, in bytes, 24 bits.
    pub fragment_offset: u32,
    /// Type field: 0 for 4:2:2, 1 for 4:2:0, plus [`TYPE_RESTART_BIT`], or [`TYPE_ORIGINAL_HEADER`].
    pub jpeg_type: u8,
    /// Q field: below 128 the quantization tables are computed from it, otherwise they are sent in the stream.
    pub quality: u8,
    /// Width in blocks of eight pixels; 0 if it is larger than 2,040 pixels.
    pub width: u8,
    /// Height in blocks of eight pixels; 0 if it is larger than 2,040 pixels.
    pub height: u8,
}

impl MainHeader {
    /// Length of the header, in bytes.
    pub const LENGTH: usize = 8;

    /// Position of the Q field in the header, in bytes.
    pub const QUALITY_POSITION: usize = 5;

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[type_specific, o2, o1, o0, jpeg_type, quality, width, height] = bytes.first_chunk()?;
        let fragment_offset = u32::from_be_bytes([0, o2, o1, o0]);
        Some(Self { type_specific, fragment_offset, jpeg_type, quality, width, height })
    }

    /// Returns true if a restart marker header follows (RFC 2435 §3.1.7).
    pub fn has_restart_header(&self) -> bool {
        match self.jpeg_type {
            TYPE_ORIGINAL_WITH_RESTARTS => true,
            jpeg_type => jpeg_type & TYPE_RESTART_BIT != 0 && jpeg_type < TYPE_ORIGINAL_HEADER,
        }
    }

    /// Returns true if the header extension alone describes the frame.
    pub fn is_original(&self) -> bool {
        matches!(self.jpeg_type, TYPE_ORIGINAL_HEADER | TYPE_ORIGINAL_WITH_RESTARTS)
    }

    /// Returns true if the identity of the header follows the restart header.
    pub fn has_header_identity(&self) -> bool {
        self.jpeg_type == TYPE_ORIGINAL_WITH_RESTARTS
    }

    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let [_, o2, o1, o0] = self.fragment_offset.to_be_bytes();
        [self.type_specific, o2, o1, o0, self.jpeg_type, self.quality, self.width, self.height]
    }
}

/// Bit in the type of frames with restart markers (RFC 2435 §3.1.3).
pub(super) const TYPE_RESTART_BIT: u8 = 64;

/// Restart count of frames whose restart intervals are not aligned with packets: F and L bits set, count all ones
/// (RFC 2435 §3.1.7).
pub(super) const WHOLE_FRAME_RESTART_COUNT: u16 = 0xFFFF;

/// Type of frames as [`TYPE_ORIGINAL_HEADER`] describes, into whose scan restart markers are inserted. Defined by
/// `x-jpeg-restart=1` in the Transport header. In every packet, a restart header (RFC 2435 §3.1.7), whose interval is 0
/// if none are inserted, and the identity of the header follow the main header.
pub(super) const TYPE_ORIGINAL_WITH_RESTARTS: u8 = 129;

/// Bit in the type-specific field of [`TYPE_ORIGINAL_WITH_RESTARTS`]: the scan of the original frame is padded with
/// zeros.
pub(super) const ZERO_PADDING_BIT: u8 = 0x04;

/// Length of the identity of a header, in bytes.
pub(super) const IDENTITY_LENGTH: usize = 4;

/// Returns the identity of the header segments in the header extension of a frame (FNV-1a).
pub(super) fn header_identity(segments: &[u8]) -> u32 {
    segments.iter().fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Bit in the restart count: the last restart interval in the packet ends with its data.
pub(super) const LAST_OF_INTERVAL: u16 = 0x4000;

/// Bit in the restart count: the first restart interval in the packet begins with its data.
pub(super) const FIRST_OF_INTERVAL: u16 = 0x8000;

/// Bits in the restart count: the index of the first restart interval in the packet.
pub(super) const INTERVAL_INDEX_MASK: u16 = 0x3FFF;

/// Quality of frames that all contain their quantization tables (RFC 2435 §3.1.8).
pub(super) const QUALITY_IN_BAND: u8 = 255;

/// Type of frames described by the header extension alone. Types from 128 on are defined by the session setup
/// (RFC 2435 §3.1.3); this one is defined by `x-jpeg-header=1` in the Transport header.
pub(super) const TYPE_ORIGINAL_HEADER: u8 = 128;

/// Quality of frames with [`TYPE_ORIGINAL_HEADER`]. Packets can omit the quantization tables of this quality (RFC 2435
/// §3.1.8); they are in the header extension.
pub(super) const QUALITY_OUT_OF_BAND: u8 = 128;

/// Bits in the type-specific field of [`TYPE_ORIGINAL_HEADER`]: the number of fill bytes inserted before SOS.
pub(super) const FILL_MASK: u8 = 0x03;

/// Bit in the type-specific field of [`TYPE_ORIGINAL_HEADER`]: the header was longer than a packet, and its APPn and
/// COM segments were left out. Earlier versions of Reelay's server send it.
pub(super) const HEADER_REDUCED_BIT: u8 = 0x80;

/// Profile of the header extension in the first packet of a frame, which contains the header segments.
pub(super) const FIRST_EXTENSION_PROFILE: u16 = 0xFFD8;

/// Profile of the header extension in the other packets of a frame, which continues the header segments or is empty.
pub(super) const FOLLOWING_EXTENSION_PROFILE: u16 = 0xFFFF;
