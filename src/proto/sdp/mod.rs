//! Session descriptions (RFC 4566), limited to the lines that RTSP uses (RFC 2326 appendix C).

mod feedback;
mod media;
mod parity;
mod session;
mod source_group;
#[cfg(test)]
mod tests;
mod text;

pub use feedback::{Feedback, FeedbackSources, RTX_ENCODING, RetransmissionFormat};
pub use media::{FRAME_RATE_RANGE, JPEG_PAYLOAD_TYPE, MediaDescription};
pub use parity::{ParitySources, RepairWindow};
pub use session::{SdpError, SessionDescription};
