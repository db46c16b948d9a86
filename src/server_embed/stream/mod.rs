//! The RTP stream of one session: which packet is sent when. Sans-I/O.
//!
//! [`RtpStream::play`] starts a PLAY. Then call [`RtpStream::poll_output`] in a loop: send the packets that it
//! returns, answer each [`StreamOutput::Fetch`] with [`RtpStream::provide_frame`], [`RtpStream::skip_frame`] or
//! [`RtpStream::end_at`], and call it again at the instant of a [`StreamOutput::Wait`] and after any other input.
//!
//! `pacer` computes when frames are due, `packet_batch` has the packets that are sent together, and `burst_limiter`
//! limits how many leave at once; `active_play` combines them for one PLAY. `phase_grid` makes frames of many sessions
//! due at the same times. `sequence` and `rtp_clock` number and time the packets, `table_qualities` numbers their
//! quantization tables, and `sender_reports` is the stream's RTCP.

mod active_play;
mod burst_limiter;
mod identity;
mod pacer;
mod packet_batch;
mod parity;
mod phase_grid;
mod retransmission;
mod rtp_clock;
mod rtp_stream;
mod sender_reports;
mod sequence;
mod table_qualities;
#[cfg(test)]
mod tests;

pub use burst_limiter::MAX_BURST_PACKETS;
pub use identity::{Identity, parity_ssrc, retransmission_ssrc};
pub use packet_batch::{MAX_HEAD_LENGTH, PacketBatch, SplitPacket};
pub use parity::FEC_PAYLOAD_TYPE;
pub use phase_grid::PhaseGrid;
pub use retransmission::{HISTORY_TIME, RTX_PAYLOAD_TYPE};
pub use rtp_stream::{PlayStart, RtpStream, StreamOutput};
