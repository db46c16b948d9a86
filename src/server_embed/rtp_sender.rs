//! Where a session's packets leave: by datagrams, or interleaved on a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::impairment::{PacketKind, RawPacket};
use crate::net::udp_ports::AsyncSocketPair;
use crate::proto::rtsp::{ChannelPair, encode_interleaved};

/// Something for a connection's writer.
#[derive(Debug)]
pub struct Outgoing {
    /// What to write.
    pub bytes: Bytes,
    /// To be dropped when it has been written.
    pub written: Option<oneshot::Sender<()>>,
}

/// The way out of one session.
#[derive(Debug)]
pub enum RtpSender {
    /// Datagrams.
    Udp {
        /// Where they leave from.
        sockets: Arc<AsyncSocketPair>,
        /// Where RTP goes.
        rtp_address: SocketAddr,
        /// Where RTCP goes.
        rtcp_address: SocketAddr,
    },
    /// The connection that the session was set up on.
    Interleaved {
        /// Its writer.
        writer: mpsc::Sender<Outgoing>,
        /// Its channels.
        channels: ChannelPair,
    },
}

impl RtpSender {
    /// Whether a packet can leave without waiting. A connection that is not read fills up.
    pub fn has_capacity(&self) -> bool {
        match self {
            Self::Udp { .. } => true,
            Self::Interleaved { writer, .. } => writer.capacity() > 0 || writer.is_closed(),
        }
    }

    /// Waits for [`Route::has_room`].
    pub async fn wait_for_capacity(&self) {
        if let Self::Interleaved { writer, .. } = self {
            // A closed connection has room for nothing, but nothing is waited for either.
            let _ = writer.reserve().await;
        }
    }

    /// Sends a packet. What cannot be sent is lost, as on any network; a lost connection ends the session elsewhere.
    pub async fn send(&self, RawPacket { kind, bytes }: &RawPacket) {
        match self {
            Self::Udp { sockets, rtp_address: rtp, rtcp_address: rtcp } => {
                let (socket, to) = match kind {
                    PacketKind::Rtp => (&sockets.rtp, rtp),
                    PacketKind::Rtcp => (&sockets.rtcp, rtcp),
                };
                if let Err(error) = socket.send_to(bytes, to).await {
                    tracing::debug!(%to, %error, "a datagram could not be sent");
                }
            }
            Self::Interleaved { writer, channels } => {
                let channel = match kind {
                    PacketKind::Rtp => channels.rtp,
                    PacketKind::Rtcp => channels.rtcp,
                };
                let outgoing = Outgoing { bytes: encode_interleaved(channel, bytes), written: None };
                if writer.try_send(outgoing).is_err() {
                    tracing::debug!(channel, "the connection is full or closed; a packet is lost");
                }
            }
        }
    }
}
