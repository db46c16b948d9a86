//! Pairs of UDP ports: RTP on an even one, RTCP on the next (RFC 3550 §11).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as PlainUdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket as AsyncUdpSocket;

use crate::proto::rtsp::PortPair;

/// Two bound sockets.
#[derive(Debug)]
pub struct SocketPair<S> {
    /// For RTP.
    pub rtp: S,
    /// For RTCP.
    pub rtcp: S,
    ports: PortPair,
}

/// Sockets of the runtime.
pub type AsyncSocketPair = SocketPair<AsyncUdpSocket>;

/// Bytes that are usually asked for as the kernel's buffer of each socket. A 720p picture alone can be larger than
/// what the system gives without being asked.
pub const SOCKET_BUFFER_SIZE: usize = 2 * 1024 * 1024;

/// How often a pair of the system's choice is tried before giving up.
const MAX_ATTEMPTS: usize = 64;

impl SocketPair<PlainUdpSocket> {
    /// Binds a pair: the one that begins at `rtp_port`, or one of the system's choice, and asks for kernel buffers of
    /// `buffer` bytes. The sockets do not block.
    ///
    /// # Errors
    /// When the given pair is in use, or no free pair can be found.
    pub fn bind(host: IpAddr, rtp_port: Option<u16>, buffer: usize) -> io::Result<Self> {
        let (rtp, rtcp) = match rtp_port {
            Some(port) => bind_pair(host, port, buffer)?,
            None => find_pair(host, buffer)?,
        };
        let ports = PortPair { rtp: port_of(&rtp)?, rtcp: port_of(&rtcp)? };
        Ok(Self { rtp: rtp.into(), rtcp: rtcp.into(), ports })
    }

    /// The same sockets on the runtime that this is called on.
    ///
    /// # Errors
    /// When the runtime cannot take them.
    pub fn into_async(self) -> io::Result<AsyncSocketPair> {
        Ok(SocketPair {
            rtp: AsyncUdpSocket::from_std(self.rtp)?,
            rtcp: AsyncUdpSocket::from_std(self.rtcp)?,
            ports: self.ports,
        })
    }
}

impl<S> SocketPair<S> {
    /// The numbers.
    pub fn ports(&self) -> PortPair {
        self.ports
    }
}

/// The system gives a port; it serves if it is even and the next one is free.
fn find_pair(host: IpAddr, buffer: usize) -> io::Result<(Socket, Socket)> {
    let mut rejected = Vec::new();
    for _ in 0..MAX_ATTEMPTS {
        let candidate = bind_socket(SocketAddr::new(host, 0), buffer)?;
        let port = port_of(&candidate)?;
        if port.is_multiple_of(2) {
            match bind_socket(SocketAddr::new(host, port + 1), buffer) {
                Ok(next) => return Ok((candidate, next)),
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error),
                Err(_) => {}
            }
        }
        // Held until a pair is found, so that the system does not offer the same port again.
        rejected.push(candidate);
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no two neighbouring UDP ports are free"))
}

fn bind_pair(host: IpAddr, rtp_port: u16, buffer: usize) -> io::Result<(Socket, Socket)> {
    let rtcp_port = rtp_port.checked_add(1).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "there is no port behind 65535 for RTCP")
    })?;
    Ok((
        bind_socket(SocketAddr::new(host, rtp_port), buffer)?,
        bind_socket(SocketAddr::new(host, rtcp_port), buffer)?,
    ))
}

fn bind_socket(address: SocketAddr, buffer: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel gives what its limits allow; less than was asked is no error.
    socket.set_recv_buffer_size(buffer)?;
    socket.set_send_buffer_size(buffer)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let granted = socket.recv_buffer_size()?;
    tracing::debug!(%address, asked = buffer, granted, "UDP socket bound, SO_RCVBUF read back");
    Ok(socket)
}

fn port_of(socket: &Socket) -> io::Result<u16> {
    let address = socket.local_addr()?.as_socket();
    address.map(|address| address.port()).ok_or_else(|| io::Error::other("the socket has no IP address"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn rtp_port_is_even_and_rtcp_port_is_next() {
        let pairs: Vec<_> =
            (0..20).map(|_| SocketPair::bind(LOOPBACK, None, SOCKET_BUFFER_SIZE).unwrap()).collect();
        for pair in &pairs {
            let PortPair { rtp, rtcp } = pair.ports();
            assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
        }
    }

    #[test]
    fn bind_fails_if_given_pair_is_in_use() {
        let taken = SocketPair::bind(LOOPBACK, None, SOCKET_BUFFER_SIZE).unwrap();
        let error = SocketPair::bind(LOOPBACK, Some(taken.ports().rtp), SOCKET_BUFFER_SIZE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(SocketPair::bind(LOOPBACK, Some(65_535), SOCKET_BUFFER_SIZE).is_err());
    }
}
