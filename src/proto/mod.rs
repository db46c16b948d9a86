//! Wire formats: RTSP, SDP, RTP and RTCP.
//!
//! Everything here is pure: bytes in, values out, and back. No sockets, no clock.

pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
