//! Motion JPEG: JPEG frames, the file formats that store them, and the RTP payload formats that carry them.
//!
//! [`container`] finds the frames of a file, [`reencode`] makes a frame fit for RFC 2435, [`payload`] converts between
//! frames and RTP packets, and [`decode`] converts frames to pixels. There are no files, no sockets and no clock here:
//! callers read the bytes and pass them in.

pub mod container;
pub mod decode;
mod frame_rate;
pub mod jpeg;
pub mod payload;
pub mod reencode;

pub use frame_rate::FrameRate;
