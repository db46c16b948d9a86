//! One stream's datagrams: two ports towards the server, two towards the player, and the emulated network between.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use crate::impairment::{Datagram, Kind, Network, Passage};
use crate::net::deadline::until;
use crate::net::udp_ports::{self, SocketPair};
use crate::proto::rtsp::PortPair;

/// The two hosts, and our addresses as each of them sees us.
#[derive(Debug, Clone, Copy)]
pub struct Hosts {
    /// The player.
    pub client: IpAddr,
    /// We, to the player.
    pub towards_client: IpAddr,
    /// The server.
    pub server: IpAddr,
    /// We, to the server.
    pub towards_server: IpAddr,
}

/// Where the server hears the player, once it has said so.
#[derive(Debug, Clone, Default)]
struct ServerPorts(Arc<Mutex<Option<PortPair>>>);

impl ServerPorts {
    fn get(&self) -> Option<PortPair> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, ports: PortPair) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ports);
    }
}

/// One stream. Dropping it closes its ports.
#[derive(Debug)]
pub struct Track {
    /// Where the player wants to receive.
    pub client: PortPair,
    /// Where we receive instead.
    pub inner: PortPair,
    /// Where we send from, and hear the player.
    pub outer: PortPair,
    server: ServerPorts,
    _carrying: AbortOnDropHandle<()>,
}

impl Track {
    /// Opens ports for a player that wants to receive there.
    ///
    /// # Errors
    /// When no ports are free.
    pub fn open(hosts: Hosts, client: PortPair, network: &Network) -> io::Result<Self> {
        let inner = SocketPair::bind(hosts.towards_server, None, udp_ports::BUFFER)?.on_runtime()?;
        let outer = SocketPair::bind(hosts.towards_client, None, udp_ports::BUFFER)?.on_runtime()?;
        let server = ServerPorts::default();
        let (inner_ports, outer_ports) = (inner.ports(), outer.ports());
        let carrier =
            Carrier { hosts, client, inner, outer, server: server.clone(), passage: Passage::new(network) };
        let carrying = AbortOnDropHandle::new(tokio::spawn(carrier.run()));
        Ok(Self { client, inner: inner_ports, outer: outer_ports, server, _carrying: carrying })
    }

    /// The server has said where it hears the player. What it says last holds: a session may follow another one.
    pub fn set_server(&self, ports: PortPair) {
        self.server.set(ports);
    }
}

struct Carrier {
    hosts: Hosts,
    client: PortPair,
    inner: SocketPair<UdpSocket>,
    outer: SocketPair<UdpSocket>,
    server: ServerPorts,
    passage: Passage,
}

/// Octets of the largest datagram.
const LARGEST_DATAGRAM: usize = 64 * 1024;

/// Datagrams that are taken from one port before the others have their turn.
const AT_A_TIME: usize = 64;

impl Carrier {
    async fn run(mut self) {
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        loop {
            let deadline = self.passage.deadline();
            tokio::select! {
                _ = self.inner.rtp.readable() => self.hear_server(Kind::Rtp, &mut buffer).await,
                _ = self.inner.rtcp.readable() => self.hear_server(Kind::Rtcp, &mut buffer).await,
                _ = self.outer.rtp.readable() => self.hear_client(Kind::Rtp, &mut buffer).await,
                _ = self.outer.rtcp.readable() => self.hear_client(Kind::Rtcp, &mut buffer).await,
                () = until(deadline) => {}
            }
            while let Some((_, packet)) = self.passage.poll(Instant::now()) {
                self.tell_client(&packet).await;
            }
        }
    }

    async fn hear_server(&mut self, kind: Kind, buffer: &mut [u8]) {
        for _ in 0..AT_A_TIME {
            let Some(length) = receive(of(&self.inner, kind), self.hosts.server, buffer) else { return };
            let packet = Datagram { kind, octets: Bytes::copy_from_slice(&buffer[..length]) };
            if let Some(packet) = self.passage.admit(Instant::now(), packet) {
                self.tell_client(&packet).await;
            }
        }
    }

    async fn tell_client(&self, packet: &Datagram) {
        let port = port_of(self.client, packet.kind);
        send(of(&self.outer, packet.kind), SocketAddr::new(self.hosts.client, port), &packet.octets).await;
    }

    async fn hear_client(&mut self, kind: Kind, buffer: &mut [u8]) {
        for _ in 0..AT_A_TIME {
            let Some(length) = receive(of(&self.outer, kind), self.hosts.client, buffer) else { return };
            // A server that has not said where it hears is told nothing.
            let Some(server) = self.server.get() else { continue };
            let to = SocketAddr::new(self.hosts.server, port_of(server, kind));
            send(of(&self.inner, kind), to, &buffer[..length]).await;
        }
    }
}

fn of(pair: &SocketPair<UdpSocket>, kind: Kind) -> &UdpSocket {
    match kind {
        Kind::Rtp => &pair.rtp,
        Kind::Rtcp => &pair.rtcp,
    }
}

fn port_of(pair: PortPair, kind: Kind) -> u16 {
    match kind {
        Kind::Rtp => pair.rtp,
        Kind::Rtcp => pair.rtcp,
    }
}

/// The next datagram from this host; what strangers send is passed over.
fn receive(socket: &UdpSocket, host: IpAddr, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match socket.try_recv_from(buffer) {
            Ok((length, from)) if from.ip().to_canonical() == host => return Some(length),
            Ok((_, from)) => tracing::debug!(%from, "a datagram from a stranger is passed over"),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            // Reports of unreachable ports arrive as errors; the socket goes on.
            Err(error) => tracing::debug!(%error, "a datagram could not be received"),
        }
    }
}

async fn send(socket: &UdpSocket, to: SocketAddr, octets: &[u8]) {
    if let Err(error) = socket.send_to(octets, to).await {
        tracing::debug!(%to, %error, "a datagram could not be sent");
    }
}
