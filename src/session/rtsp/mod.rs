//! Client of standard RTSP (RFC 2326).

mod authorization;
mod backoff;
pub mod client;
mod machine;
mod play_range;
mod play_response;
