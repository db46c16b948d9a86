//! Motion JPEG: the pictures, the files that hold them, the packets that carry them.
//!
//! Everything here is pure: no files, no sockets, no clock.

pub mod container;
pub mod decode;
pub mod jpeg;
pub mod payload;
mod rate;
pub mod recode;

pub use rate::FrameRate;
