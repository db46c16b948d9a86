//! Maximum sizes of frames that are decoded, transcoded or sent.

/// Maximum size of a frame, in bytes: a fragment offset has 24 bits (RFC 2435 §3.1.2).
pub const MAX_FRAME_SIZE: usize = 16 * 1024 * 1024;

/// Maximum number of pixels of a frame that is decoded or transcoded.
pub const MAX_PIXELS: usize = 1 << 26;

/// Maximum number of bytes between header segments that belong to no segment, in all. Some encoders pad segments; other
/// decoders skip these bytes.
pub(super) const MAX_HEADER_JUNK: usize = 1_024;

/// Maximum number of scans of a frame that is decoded. Encoders write about ten; each one costs a pass over all pixels.
pub const MAX_SCANS: usize = 32;

/// Maximum number of pixels of a frame times its number of scans, if it is decoded.
pub const MAX_SCANNED_PIXELS: usize = 1 << 30;

/// Maximum number of blocks of 64 samples for each byte of a frame that is decoded. A block takes at least one bit, so
/// complete frames have at most 8; the rest is for frames of which a part is missing.
pub const MAX_BLOCKS_PER_BYTE: usize = 32;
