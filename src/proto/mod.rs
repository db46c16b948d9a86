//! Wire formats: RTSP (RFC 2326), SDP (RFC 4566), RTP and RTCP (RFC 3550), retransmission (RFC 4585,
//! RFC 4588), forward error correction (RFC 5109, RFC 8627), HTTP (RFC 9112).
//!
//! Parsers turn bytes into values and encoders turn values into bytes. There are no sockets, no clock and no state
//! beyond the bytes that [`rtsp::MessageReader`] and [`http::HeadReader`] buffer. Input is untrusted: lengths are
//! bounded, arithmetic is checked, and malformed bytes are an error, never a panic.

pub(crate) mod decimal;
pub mod fec;
pub mod http;
pub mod mistake;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod rtx;
pub mod sdp;
