//! Client of standard RTSP (RFC 2326).
//!
//! `RtspClient` is driven as a [`Client`](super::client::Client). `RtspMachine` decides which request is next and
//! handles the responses, and `PlayRange` maps timestamps to positions and detects the end.

pub mod client;
mod machine;
mod play_range;
mod play_response;
mod speed_control;
