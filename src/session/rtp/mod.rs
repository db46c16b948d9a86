//! Reception of one RTP stream, and the reports on it.

pub mod receiver;
pub mod receiver_reports;
pub mod reorder_buffer;
pub mod rtp_info;
mod ssrc_filter;
