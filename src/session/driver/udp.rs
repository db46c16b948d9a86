//! UDP ports of a session.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::rtp_thread::RtpThread;
use super::source_filter::SharedSourceFilter;
use crate::impairment::{PacketKind, RawPacket};
use crate::net::udp_ports::SocketPair;
use crate::proto::rtsp::PortPair;
use crate::session::events::ClientInput;

/// Pair of open ports, and the datagrams received on them.
pub struct UdpPorts {
    port_pair: PortPair,
    rtp_thread: RtpThread,
    rtcp_socket: Arc<UdpSocket>,
    packets: mpsc::Receiver<(Instant, RawPacket)>,
    _rtcp_task: AbortOnDropHandle<()>,
}

/// Capacity of the packet queue between the sockets and the client, in packets. Its bytes are limited by [`RtpThread`].
const PACKET_QUEUE_CAPACITY: usize = 16 * 1024;

impl UdpPorts {
    /// Opens a pair of ports at a local address: this one and the next, or a pair that the system chooses. Only
    /// datagrams that pass the filter are received. `receive_buffer_size` is the size in bytes requested for the
    /// kernel's receive buffers.
    ///
    /// # Errors
    /// Returns an error if no such pair can be bound, or the RTP thread cannot be started.
    pub fn open(
        host: IpAddr,
        source_filter: &SharedSourceFilter,
        port: Option<u16>,
        receive_buffer_size: usize,
    ) -> io::Result<Self> {
        let pair = SocketPair::bind(host, port, receive_buffer_size)?;
        let (port_pair, rtcp_socket) = (pair.ports(), Arc::new(UdpSocket::from_std(pair.rtcp)?));
        let (queue, packets) = mpsc::channel(PACKET_QUEUE_CAPACITY);
        let rtp_thread = RtpThread::start(pair.rtp, source_filter.clone(), queue.clone())?;
        let (socket, source_filter) = (rtcp_socket.clone(), source_filter.clone());
        let rtcp_task = tokio::spawn(async move { receive_rtcp(&socket, &source_filter, &queue).await });
        Ok(Self {
            port_pair,
            rtp_thread,
            rtcp_socket,
            packets,
            _rtcp_task: AbortOnDropHandle::new(rtcp_task),
        })
    }

    /// Local port numbers of RTP and RTCP.
    pub fn port_pair(&self) -> PortPair {
        self.port_pair
    }

    /// Sends a datagram to the server from the port of its kind. Returns the number of bytes sent.
    ///
    /// # Errors
    /// Returns the error of the operating system, for example if the socket buffer is full.
    pub fn send(
        &self,
        RawPacket { kind, bytes }: &RawPacket,
        host: IpAddr,
        to: PortPair,
    ) -> io::Result<usize> {
        match kind.is_rtp() {
            true => self.rtp_thread.socket().send_to(bytes, (host, to.rtp)),
            false => self.rtcp_socket.try_send_to(bytes, SocketAddr::new(host, to.rtcp)),
        }
    }

    /// Stops receiving RTP, and returns the packets that have arrived already.
    pub fn finish_rtp(&mut self) -> Vec<(Instant, RawPacket)> {
        self.rtp_thread.finish();
        let packets = std::iter::from_fn(|| self.packets.try_recv().ok());
        packets.inspect(|(_, datagram)| self.rtp_thread.free_queue_space(datagram)).collect()
    }
}

/// Waits for the next datagram. Never returns if no ports are open.
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

/// Receives RTCP from the server. RTCP is rare, so it needs no thread of its own.
async fn receive_rtcp(
    socket: &UdpSocket,
    source_filter: &SharedSourceFilter,
    queue: &mpsc::Sender<(Instant, RawPacket)>,
) {
    let mut buffer = [0; 2_048];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let (now, datagram) = (Instant::now(), &buffer[..length]);
                if !source_filter.lock().accepts(now, PacketKind::Rtcp, from, datagram) {
                    tracing::debug!(%from, "ignoring datagram from another sender");
                    continue;
                }
                // If the queue is full the report is dropped; reports are sent again.
                let _ = queue.try_send((now, RawPacket::rtcp(Bytes::copy_from_slice(datagram))));
            }
            // ICMP errors are reported by recv; the socket remains usable.
            Err(error) => tracing::debug!(%error, "cannot receive datagram"),
        }
    }
}
