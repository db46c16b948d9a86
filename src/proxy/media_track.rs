//! UDP forwarding of one stream: a port pair towards the server, one towards the client, and the emulator between
//! them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::impairment::{Emulator, PacketKind, RawPacket, SessionLink};
use crate::net::deadline::wait_for_deadline;
use crate::net::limits::Place;
use crate::net::peer_log::PeerLog;
use crate::net::udp_ports::{self, SocketPair};
use crate::proto::rtsp::PortPair;

/// Addresses of both peers, and of the proxy as each of them sees it.
#[derive(Debug, Clone, Copy)]
pub struct Hosts {
    /// Address of the client.
    pub client: IpAddr,
    /// Local address of the connection to the client.
    pub client_side: IpAddr,
    /// Address of the server.
    pub server: IpAddr,
    /// Local address of the connection to the server.
    pub server_side: IpAddr,
}

/// Ports of the server, shared with the forwarding task; `None` until its SETUP response names them.
#[derive(Debug, Clone, Default)]
struct SharedServerPorts(Arc<Mutex<Option<PortPair>>>);

impl SharedServerPorts {
    fn get(&self) -> Option<PortPair> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, ports: PortPair) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ports);
    }
}

/// Request to forward the packets that have arrived from the server; dropped when that is done.
pub type FlushRequest = oneshot::Sender<()>;

/// A stream over UDP. Dropping it closes its ports.
#[derive(Debug)]
pub struct MediaTrack {
    /// Ports on which the client receives (`client_port` of its SETUP request).
    pub client_ports: PortPair,
    /// Ports on which the proxy receives from the server (`client_port` of the forwarded request).
    pub server_side_ports: PortPair,
    /// Ports from which the proxy sends to the client, and on which it receives from it (`server_port` of the
    /// forwarded response).
    pub client_side_ports: PortPair,
    server_ports: SharedServerPorts,
    flush_sender: mpsc::Sender<FlushRequest>,
    _forwarding: AbortOnDropHandle<()>,
    /// Place of the stream within the limits of the proxy.
    _place: Place,
}

impl MediaTrack {
    /// Opens two port pairs and starts a task on `runtime` that forwards between them. Dropping the track frees its
    /// place. `debug_log` limits the debug lines about each host.
    ///
    /// # Errors
    /// Returns an error if no ports are free.
    pub fn open(
        hosts: Hosts,
        client_ports: PortPair,
        runtime: &Handle,
        emulator: &Emulator,
        place: Place,
        debug_log: PeerLog,
    ) -> io::Result<Self> {
        // The runtime that reads from the sockets is the one on which they are created.
        let _entered = runtime.enter();
        let server_side =
            SocketPair::bind(hosts.server_side, None, udp_ports::SOCKET_BUFFER_SIZE)?.into_async()?;
        let client_side =
            SocketPair::bind(hosts.client_side, None, udp_ports::SOCKET_BUFFER_SIZE)?.into_async()?;
        let server_ports = SharedServerPorts::default();
        let (server_side_ports, client_side_ports) = (server_side.ports(), client_side.ports());
        let (flush_sender, flush_requests) = mpsc::channel(1);
        let forwarder = Forwarder {
            hosts,
            client_ports,
            server_side,
            client_side,
            server_ports: server_ports.clone(),
            link: SessionLink::new(emulator),
            flush_requests,
            debug_log,
        };
        let forwarding = AbortOnDropHandle::new(runtime.spawn(forwarder.run()));
        Ok(Self {
            client_ports,
            server_side_ports,
            client_side_ports,
            server_ports,
            flush_sender,
            _forwarding: forwarding,
            _place: place,
        })
    }

    /// Returns the queue of requests to forward the packets that have arrived from the server, so that a response that
    /// follows them does not overtake them.
    pub fn flush_sender(&self) -> mpsc::Sender<FlushRequest> {
        self.flush_sender.clone()
    }

    /// Sets the ports on which the server receives. Later values replace earlier ones: the client can use its ports
    /// for another session after the first.
    pub fn set_server_ports(&self, ports: PortPair) {
        self.server_ports.set(ports);
    }
}

struct Forwarder {
    hosts: Hosts,
    client_ports: PortPair,
    server_side: SocketPair<UdpSocket>,
    client_side: SocketPair<UdpSocket>,
    server_ports: SharedServerPorts,
    link: SessionLink,
    flush_requests: mpsc::Receiver<FlushRequest>,
    debug_log: PeerLog,
}

/// Result of one attempt to receive a datagram.
enum Received {
    /// Datagram of this length.
    Packet(usize),
    /// Datagram of another host, or an error.
    Nothing,
    /// No datagram was waiting.
    Empty,
}

/// Receive buffer, in bytes; UDP payloads are at most 65,507.
const MAX_DATAGRAM_SIZE: usize = 64 * 1024;

/// Maximum number of datagrams received from one port before the other ports are polled.
const MAX_BATCH: usize = 64;

/// Maximum number of batches that are received from one port before a response is forwarded.
const MAX_FLUSHED_BATCHES: usize = 64;

impl Forwarder {
    async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_SIZE];
        loop {
            let deadline = self.link.poll_timeout();
            tokio::select! {
                _ = self.server_side.rtp.readable() => {
                    self.receive_from_server(PacketKind::Rtp, &mut buffer).await;
                }
                _ = self.server_side.rtcp.readable() => {
                    self.receive_from_server(PacketKind::Rtcp, &mut buffer).await;
                }
                _ = self.client_side.rtp.readable() => self.receive_from_client(PacketKind::Rtp, &mut buffer).await,
                _ = self.client_side.rtcp.readable() => self.receive_from_client(PacketKind::Rtcp, &mut buffer).await,
                Some(done) = self.flush_requests.recv() => {
                    self.flush(&mut buffer).await;
                    drop(done);
                }
                () = wait_for_deadline(deadline) => {}
            }
            while let Some((_, packet)) = self.link.poll_packet(Instant::now()) {
                self.send_to_client(&packet).await;
            }
        }
    }

    /// Forwards everything that has arrived from the server, at most 4,096 datagrams of each port.
    async fn flush(&mut self, buffer: &mut [u8]) {
        // Lets the runtime look for new events: until then, a socket that was empty seems to be so.
        tokio::task::yield_now().await;
        for kind in [PacketKind::Rtp, PacketKind::Rtcp] {
            let mut batches = 0;
            while batches < MAX_FLUSHED_BATCHES && !self.receive_from_server(kind, buffer).await {
                batches += 1;
            }
        }
    }

    /// Forwards a batch of packets from the server; returns true if no more were waiting.
    async fn receive_from_server(&mut self, kind: PacketKind, buffer: &mut [u8]) -> bool {
        for _ in 0..MAX_BATCH {
            let length = match self.try_receive(&self.server_side, kind, self.hosts.server, buffer) {
                Received::Packet(length) => length,
                Received::Nothing => continue,
                Received::Empty => return true,
            };
            let packet = RawPacket { kind, bytes: Bytes::copy_from_slice(&buffer[..length]) };
            if let Some(packet) = self.link.send(Instant::now(), packet) {
                self.send_to_client(&packet).await;
            }
        }
        false
    }

    async fn send_to_client(&self, packet: &RawPacket) {
        let port = port_of(self.client_ports, packet.kind);
        let to = SocketAddr::new(self.hosts.client, port);
        self.send(socket_of(&self.client_side, packet.kind), to, &packet.bytes).await;
    }

    async fn receive_from_client(&mut self, kind: PacketKind, buffer: &mut [u8]) {
        for _ in 0..MAX_BATCH {
            let length = match self.try_receive(&self.client_side, kind, self.hosts.client, buffer) {
                Received::Packet(length) => length,
                Received::Nothing => continue,
                Received::Empty => return,
            };
            // Dropped until the SETUP response names the ports of the server.
            let Some(server) = self.server_ports.get() else { continue };
            let to = SocketAddr::new(self.hosts.server, port_of(server, kind));
            self.send(socket_of(&self.server_side, kind), to, &buffer[..length]).await;
        }
    }

    /// Receives the next datagram that is waiting. One that does not come from `host` is ignored.
    fn try_receive(
        &self,
        pair: &SocketPair<UdpSocket>,
        kind: PacketKind,
        host: IpAddr,
        buffer: &mut [u8],
    ) -> Received {
        match socket_of(pair, kind).try_recv_from(buffer) {
            Ok((length, from)) if from.ip().to_canonical() == host => Received::Packet(length),
            Ok((_, from)) => {
                if self.debug_log.admits_debug(from.ip()) {
                    tracing::debug!(%from, "ignoring datagram from unknown host");
                }
                Received::Nothing
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Empty,
            // ICMP port unreachable is reported as an error of the next receive; the socket stays usable.
            Err(error) => {
                if self.debug_log.admits_debug(host) {
                    tracing::debug!(%host, %error, "cannot receive datagram");
                }
                Received::Nothing
            }
        }
    }

    async fn send(&self, socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = socket.send_to(bytes, to).await
            && self.debug_log.admits_debug(to.ip())
        {
            tracing::debug!(%to, %error, "cannot send datagram");
        }
    }
}

fn socket_of(pair: &SocketPair<UdpSocket>, kind: PacketKind) -> &UdpSocket {
    if kind.is_rtp() { &pair.rtp } else { &pair.rtcp }
}

fn port_of(pair: PortPair, kind: PacketKind) -> u16 {
    if kind.is_rtp() { pair.rtp } else { pair.rtcp }
}
