//! Maximum sizes of frames that are decoded, transcoded or sent.

/// Maximum size of a frame, in bytes: a fragment offset has 24 bits (RFC 2435 §3.1.2).
pub const MAX_FRAME_SIZE: usize = 16 * 1024 * 1024;

/// Maximum number of pixels of a frame that is decoded or transcoded.
pub const MAX_PIXELS: usize = 1 << 26;
