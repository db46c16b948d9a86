//! Where a session's packets leave: by datagrams, or interleaved on a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::impairment::{Datagram, Kind};
use crate::net::udp_ports::AsyncSocketPair;
use crate::proto::rtsp::{ChannelPair, interleave};

/// Something for a connection's writer.
#[derive(Debug)]
pub struct Outgoing {
    /// What to write.
    pub octets: Bytes,
    /// To be dropped when it has been written.
    pub written: Option<oneshot::Sender<()>>,
}

/// The way out of one session.
#[derive(Debug)]
pub enum Route {
    /// Datagrams.
    Udp {
        /// Where they leave from.
        sockets: Arc<AsyncSocketPair>,
        /// Where RTP goes.
        rtp: SocketAddr,
        /// Where RTCP goes.
        rtcp: SocketAddr,
    },
    /// The connection that the session was set up on.
    Interleaved {
        /// Its writer.
        writer: mpsc::Sender<Outgoing>,
        /// Its channels.
        channels: ChannelPair,
    },
}

impl Route {
    /// Whether a packet can leave without waiting. A connection that is not read fills up.
    pub fn has_room(&self) -> bool {
        match self {
            Self::Udp { .. } => true,
            Self::Interleaved { writer, .. } => writer.capacity() > 0 || writer.is_closed(),
        }
    }

    /// Waits for [`Route::has_room`].
    pub async fn room(&self) {
        if let Self::Interleaved { writer, .. } = self {
            // A closed connection has room for nothing, but nothing is waited for either.
            let _ = writer.reserve().await;
        }
    }

    /// Sends a packet. What cannot be sent is lost, as on any network; a lost connection ends the session elsewhere.
    pub async fn send(&self, Datagram { kind, octets }: &Datagram) {
        match self {
            Self::Udp { sockets, rtp, rtcp } => {
                let (socket, to) = match kind {
                    Kind::Rtp => (&sockets.rtp, rtp),
                    Kind::Rtcp => (&sockets.rtcp, rtcp),
                };
                if let Err(error) = socket.send_to(octets, to).await {
                    tracing::debug!(%to, %error, "a datagram could not be sent");
                }
            }
            Self::Interleaved { writer, channels } => {
                let channel = match kind {
                    Kind::Rtp => channels.rtp,
                    Kind::Rtcp => channels.rtcp,
                };
                let outgoing = Outgoing { octets: interleave(channel, octets), written: None };
                if writer.try_send(outgoing).is_err() {
                    tracing::debug!(channel, "the connection is full or closed; a packet is lost");
                }
            }
        }
    }
}
