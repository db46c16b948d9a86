//! The client of standard RTSP (RFC 2326).

mod authorization;
pub mod client;
mod machine;
mod play_range;
mod play_response;
mod retry;
