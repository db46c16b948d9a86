//! Sending the packets of a session, as datagrams or interleaved on a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::connection_writer::{Content, WriteQueue};
use super::interleaved_packets::InterleavedPackets;
use super::socket_table::SharedSockets;
use super::stream::{MAX_BURST_PACKETS, PacketBatch};
use crate::impairment::RawPacket;
use crate::net::udp_batch::{BatchMethod, send_datagrams};
use crate::proto::rtsp::{ChannelPair, encode_interleaved};

/// Destination of the packets of one session.
#[derive(Debug)]
pub enum RtpSender {
    /// UDP datagrams, from the sockets that all sessions share.
    Udp {
        /// Sockets of the server, for RTP and RTCP.
        sockets: Arc<SharedSockets>,
        /// Address of the client for RTP.
        rtp_address: SocketAddr,
        /// Address of the client for RTCP.
        rtcp_address: SocketAddr,
        /// Means by which several packets are sent to this client.
        batch_method: BatchMethod,
    },
    /// Interleaved on the connection on which the session was set up (RFC 2326 §10.12).
    Interleaved {
        /// Queue of the writer of the connection.
        writer: WriteQueue,
        /// Channels of the session.
        channels: ChannelPair,
    },
}

/// Maximum number of packets of a frame that are sent to a UDP port together, unless there are many sessions: few
/// enough for the queues of routers, and many enough that a frame of usual size needs few system calls.
const MAX_UDP_BATCH: usize = 16;

impl RtpSender {
    /// Returns the maximum number of packets that are sent together, of a server that has many sessions or few.
    pub fn max_batch_length(&self, has_many_sessions: bool) -> usize {
        match self {
            Self::Udp { .. } if !has_many_sessions => MAX_UDP_BATCH,
            Self::Udp { .. } | Self::Interleaved { .. } => MAX_BURST_PACKETS,
        }
    }

    /// Returns true if packets can be sent without waiting. The queue of a connection is full if the client does not
    /// read.
    pub fn has_capacity(&self) -> bool {
        match self {
            Self::Udp { .. } => true,
            Self::Interleaved { writer, .. } => writer.has_capacity(),
        }
    }

    /// Waits until [`has_capacity`](Self::has_capacity) returns true.
    pub async fn wait_for_capacity(&self) {
        if let Self::Interleaved { writer, .. } = self {
            writer.wait_for_capacity().await;
        }
    }

    /// Sends a packet. The session task is notified of a closed connection separately.
    ///
    /// # Errors
    /// Returns an error if it was not sent; then it counts as lost.
    pub async fn send(&self, RawPacket { kind, bytes }: &RawPacket) -> io::Result<()> {
        match self {
            Self::Udp { sockets, rtp_address, rtcp_address, .. } => {
                let (socket, to) = match kind.is_rtp() {
                    true => (&sockets.pair.rtp, rtp_address),
                    false => (&sockets.pair.rtcp, rtcp_address),
                };
                socket.send_to(bytes, to).await.map(drop)
            }
            Self::Interleaved { writer, channels } => {
                let channel = if kind.is_rtp() { channels.rtp } else { channels.rtcp };
                writer.try_send(encode_interleaved(channel, bytes))
            }
        }
    }

    /// Sends RTP packets together. `with_segmentation` allows that they pass the network stack as one datagram.
    ///
    /// # Errors
    /// Returns an error if not all were sent; the others count as lost.
    pub async fn send_batch(&mut self, batch: PacketBatch, with_segmentation: bool) -> io::Result<()> {
        match self {
            Self::Udp { sockets, rtp_address, batch_method, .. } => {
                let packets: Vec<_> = batch.packets().collect();
                let datagrams: Vec<_> = packets.iter().map(|packet| [packet.head(), packet.rest()]).collect();
                let mut method =
                    if with_segmentation { *batch_method } else { batch_method.without_segmentation() };
                let result = send_datagrams(&sockets.pair.rtp, *rtp_address, &datagrams, &mut method).await;
                if with_segmentation || method == BatchMethod::Single {
                    *batch_method = method;
                }
                result
            }
            Self::Interleaved { writer, channels } => {
                let packets = InterleavedPackets::new(channels.rtp, batch);
                // Other sessions of the connection may have taken the space since the check of the capacity.
                writer.send(Content::Packets(packets), None).await;
                Ok(())
            }
        }
    }
}
