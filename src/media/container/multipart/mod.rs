//! Saved HTTP streams: multipart bodies, which programs such as curl write to a file (RFC 2046 §5.1).
//!
//! [`MultipartDemuxer`] reads them as the client of cameras reads a live stream. [`MultipartMuxer`] writes them.

mod capture_times;
mod demuxer;
mod head;
mod muxer;

pub use demuxer::MultipartDemuxer;
pub use head::{is_chunked, is_multipart};
pub use muxer::MultipartMuxer;
