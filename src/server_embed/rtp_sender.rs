//! Sending the packets of a session, as datagrams or interleaved on a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::connection_writer::Outgoing;
use crate::impairment::{PacketKind, RawPacket};
use crate::net::udp_ports::AsyncSocketPair;
use crate::proto::rtsp::{ChannelPair, encode_interleaved};

/// Destination of the packets of one session.
#[derive(Debug)]
pub enum RtpSender {
    /// UDP datagrams, from the sockets that all sessions share.
    Udp {
        /// Sockets of the server, for RTP and RTCP.
        sockets: Arc<AsyncSocketPair>,
        /// Address of the client for RTP.
        rtp_address: SocketAddr,
        /// Address of the client for RTCP.
        rtcp_address: SocketAddr,
    },
    /// Interleaved on the connection on which the session was set up (RFC 2326 §10.12).
    Interleaved {
        /// Queue of the writer of the connection.
        writer: mpsc::Sender<Outgoing>,
        /// Channels of the session.
        channels: ChannelPair,
    },
}

impl RtpSender {
    /// Returns true if a packet can be sent without waiting. The queue of a connection is full if the client does not
    /// read.
    pub fn has_capacity(&self) -> bool {
        match self {
            Self::Udp { .. } => true,
            Self::Interleaved { writer, .. } => writer.capacity() > 0 || writer.is_closed(),
        }
    }

    /// Waits until [`has_capacity`](Self::has_capacity) returns true.
    pub async fn wait_for_capacity(&self) {
        if let Self::Interleaved { writer, .. } = self {
            // Fails at once if the connection is closed; then there is nothing to wait for.
            let _ = writer.reserve().await;
        }
    }

    /// Sends a packet. The session task is notified of a closed connection separately.
    ///
    /// # Errors
    /// Returns an error if it was not sent; then it counts as lost.
    pub async fn send(&self, RawPacket { kind, bytes }: &RawPacket) -> io::Result<()> {
        match self {
            Self::Udp { sockets, rtp_address, rtcp_address } => {
                let (socket, to) = match kind {
                    PacketKind::Rtp | PacketKind::Retransmission | PacketKind::Parity => {
                        (&sockets.rtp, rtp_address)
                    }
                    PacketKind::Rtcp => (&sockets.rtcp, rtcp_address),
                };
                socket.send_to(bytes, to).await.map(drop)
            }
            Self::Interleaved { writer, channels } => {
                let channel = match kind {
                    PacketKind::Rtp | PacketKind::Retransmission | PacketKind::Parity => channels.rtp,
                    PacketKind::Rtcp => channels.rtcp,
                };
                let outgoing = Outgoing { bytes: encode_interleaved(channel, bytes), written: None };
                writer.try_send(outgoing).map_err(|_| {
                    io::Error::new(io::ErrorKind::WouldBlock, "the connection is full or closed")
                })
            }
        }
    }
}
