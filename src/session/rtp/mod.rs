//! Reception of one RTP stream, and the RTCP reports on it.
//!
//! `RtpFrameReceiver::handle_packet` filters by SSRC, counts, reorders and assembles; then `poll_frame` returns the
//! frames. Call `release` at the time of `poll_timeout`, so that a gap in the sequence numbers does not hold back the
//! packets after it. `ReceiverReports` schedules and encodes the reports.

pub mod frame_receiver;
pub mod parity;
pub mod receiver;
pub mod receiver_reports;
pub mod reorder_buffer;
pub mod retransmission;
pub mod rtp_info;
mod ssrc_filter;
