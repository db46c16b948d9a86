//! Motion JPEG: the pictures, the files that hold them, the packets that carry them.
//!
//! Everything here is pure: no files, no sockets, no clock.

pub mod container;
pub mod decode;
mod frame_rate;
pub mod jpeg;
pub mod payload;
pub mod reencode;

pub use frame_rate::FrameRate;
