//! The UDP ports of a session.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::rtp_thread::RtpThread;
use crate::impairment::{PacketKind, RawPacket};
use crate::net::udp_ports::SocketPair;
use crate::proto::rtsp::PortPair;
use crate::session::events::ClientInput;

/// A pair of open ports, and the datagrams that they receive.
pub struct UdpPorts {
    port_pair: PortPair,
    rtp_thread: RtpThread,
    rtcp_socket: Arc<UdpSocket>,
    packets: mpsc::Receiver<(Instant, RawPacket)>,
    _rtcp_task: AbortOnDropHandle<()>,
}

/// Packets that may wait between the sockets and the client; their bytes are bounded, too.
const PACKET_QUEUE_CAPACITY: usize = 16 * 1024;

impl UdpPorts {
    /// Opens a pair of ports at a local address: this one and the next, or a pair of the system's choice. Only datagrams
    /// of the server are received. `buffer` is the size in bytes asked for as the kernel's receive buffer.
    pub fn open(
        host: IpAddr,
        server: IpAddr,
        port: Option<u16>,
        receive_buffer_size: usize,
    ) -> io::Result<Self> {
        let pair = SocketPair::bind(host, port, receive_buffer_size)?;
        let (port_pair, rtcp_socket) = (pair.ports(), Arc::new(UdpSocket::from_std(pair.rtcp)?));
        let (queue, packets) = mpsc::channel(PACKET_QUEUE_CAPACITY);
        let rtp_thread = RtpThread::start(pair.rtp, server, queue.clone())?;
        let socket = rtcp_socket.clone();
        let rtcp_task = tokio::spawn(async move { receive_rtcp(&socket, server, &queue).await });
        Ok(Self {
            port_pair,
            rtp_thread,
            rtcp_socket,
            packets,
            _rtcp_task: AbortOnDropHandle::new(rtcp_task),
        })
    }

    /// The numbers of the ports.
    pub fn port_pair(&self) -> PortPair {
        self.port_pair
    }

    /// Sends a datagram to the server, from the port of its kind.
    pub fn send(
        &self,
        RawPacket { kind, bytes }: &RawPacket,
        host: IpAddr,
        to: PortPair,
    ) -> io::Result<usize> {
        match kind {
            PacketKind::Rtp => self.rtp_thread.socket().send_to(bytes, (host, to.rtp)),
            PacketKind::Rtcp => self.rtcp_socket.try_send_to(bytes, SocketAddr::new(host, to.rtcp)),
        }
    }

    /// Stops receiving RTP, and returns the packets that had arrived by then.
    pub fn finish_rtp(&mut self) -> Vec<(Instant, RawPacket)> {
        self.rtp_thread.finish();
        let packets = std::iter::from_fn(|| self.packets.try_recv().ok());
        packets.inspect(|(_, datagram)| self.rtp_thread.free_queue_space(datagram)).collect()
    }
}

/// Waits for the next datagram; for ever if no ports are open.
pub async fn receive(ports: &mut Option<UdpPorts>) -> (Instant, ClientInput) {
    let Some(ports) = ports else { return std::future::pending().await };
    match ports.packets.recv().await {
        Some((at, datagram)) => {
            ports.rtp_thread.free_queue_space(&datagram);
            (at, ClientInput::Packet(datagram))
        }
        None => std::future::pending().await,
    }
}

/// Receives the server's RTCP. It is rare, so the runtime's own threads do.
async fn receive_rtcp(socket: &UdpSocket, server: IpAddr, queue: &mpsc::Sender<(Instant, RawPacket)>) {
    let mut buffer = [0; 2_048];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) if from.ip().to_canonical() == server => {
                let datagram = RawPacket::rtcp(Bytes::copy_from_slice(&buffer[..length]));
                // Without room the report is lost; reports repeat.
                let _ = queue.try_send((Instant::now(), datagram));
            }
            Ok((_, from)) => tracing::debug!(%from, "a datagram from a stranger is passed over"),
            // Reports of unreachable ports arrive as errors; the socket goes on.
            Err(error) => tracing::debug!(%error, "a datagram could not be received"),
        }
    }
}
