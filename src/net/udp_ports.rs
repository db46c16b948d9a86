//! UDP port pairs: RTP on an even port, RTCP on the next (RFC 3550 §11).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as PlainUdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket as AsyncUdpSocket;

use crate::proto::rtsp::PortPair;

/// Two bound UDP sockets, for RTP and RTCP.
#[derive(Debug)]
pub struct SocketPair<S> {
    /// Socket of the RTP port.
    pub rtp: S,
    /// Socket of the RTCP port, the one after the RTP port.
    pub rtcp: S,
    ports: PortPair,
}

/// A socket pair for use on a tokio runtime.
pub type AsyncSocketPair = SocketPair<AsyncUdpSocket>;

/// Kernel buffer size that is usually requested for each socket, in bytes. A single 720p frame can be larger than the
/// default of Linux (208 KiB).
pub const SOCKET_BUFFER_SIZE: usize = 2 * 1024 * 1024;

/// Maximum number of ports requested from the system in search of a free pair.
const MAX_ATTEMPTS: usize = 64;

impl SocketPair<PlainUdpSocket> {
    /// Binds `rtp_port` and the port after it, or a free pair if `rtp_port` is `None`, and requests kernel buffers of
    /// `buffer` bytes. The sockets are non-blocking.
    ///
    /// # Errors
    /// Returns an error if one of the given ports is in use, or if no free pair is found.
    pub fn bind(host: IpAddr, rtp_port: Option<u16>, buffer: usize) -> io::Result<Self> {
        let (rtp, rtcp) = match rtp_port {
            Some(port) => bind_pair(host, port, buffer)?,
            None => find_pair(host, buffer)?,
        };
        let ports = PortPair { rtp: port_of(&rtp)?, rtcp: port_of(&rtcp)? };
        Ok(Self { rtp: rtp.into(), rtcp: rtcp.into(), ports })
    }

    /// Registers the sockets with the current tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the runtime cannot register them.
    pub fn into_async(self) -> io::Result<AsyncSocketPair> {
        Ok(SocketPair {
            rtp: AsyncUdpSocket::from_std(self.rtp)?,
            rtcp: AsyncUdpSocket::from_std(self.rtcp)?,
            ports: self.ports,
        })
    }
}

impl<S> SocketPair<S> {
    /// Local port numbers of RTP and RTCP.
    pub fn ports(&self) -> PortPair {
        self.ports
    }
}

/// Requests ports from the system until one is even and the next one is free.
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
        // Kept bound until a pair is found, so that the system does not choose the same port again.
        rejected.push(candidate);
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no even UDP port with a free port after it was found"))
}

fn bind_pair(host: IpAddr, rtp_port: u16, buffer: usize) -> io::Result<(Socket, Socket)> {
    let rtcp_port = rtp_port.checked_add(1).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "RTCP needs the port after the RTP port, and 65535 is the last",
        )
    })?;
    Ok((
        bind_socket(SocketAddr::new(host, rtp_port), buffer)?,
        bind_socket(SocketAddr::new(host, rtcp_port), buffer)?,
    ))
}

fn bind_socket(address: SocketAddr, buffer: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel clamps the sizes to its limits; a smaller buffer is not an error.
    socket.set_recv_buffer_size(buffer)?;
    socket.set_send_buffer_size(buffer)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let granted = socket.recv_buffer_size()?;
    tracing::debug!(%address, requested = buffer, granted, "bound UDP socket, read SO_RCVBUF back");
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
