//! Reception of one RTP stream, and the RTCP reports on it.

pub mod frame_receiver;
pub mod receiver;
pub mod receiver_reports;
pub mod reorder_buffer;
pub mod rtp_info;
mod ssrc_filter;
