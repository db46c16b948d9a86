//! Motion JPEG: JPEG frames, the file formats that store them, and the RTP payload formats that carry them.
//!
//! [`container`] finds the frames of a file, [`reencode`] converts a frame to a form that RFC 2435 can carry,
//! [`payload`] converts between frames and RTP packets, and [`decode`] converts frames to pixels. Nothing in this
//! module reads files, sockets or clocks: callers pass the bytes in.

pub mod container;
pub mod decode;
mod frame_rate;
pub mod jpeg;
pub mod multipart;
pub mod payload;
pub mod reencode;
mod time_base;

pub use frame_rate::FrameRate;
pub use time_base::TimeBase;
