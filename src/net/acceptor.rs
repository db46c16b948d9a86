//! A TCP listener with limits on the number of open connections.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::limits::{Admission, ConnectionRate, Limits, Place, Places};
use super::refusal_lane::RefusalLane;
use super::server_tls::ServerTls;

/// A TCP listener that accepts a limited number of connections at a time, in all and from each client address.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    places: Places,
    rate: Mutex<ConnectionRate>,
    refusals: RefusalLane,
}

/// A connection that a client has opened.
#[derive(Debug)]
pub enum ConnectionAttempt {
    /// Connection within the limits.
    Accepted(Accepted),
    /// Connection over the limits. It gets a 503 response in the background, or is closed if there are too many.
    Refused {
        /// Address of the client.
        peer: SocketAddr,
        /// Explanation in the response.
        reason: String,
    },
}

/// An accepted connection, which counts towards the limits.
#[derive(Debug)]
pub struct Accepted {
    /// Stream of the connection.
    pub stream: TcpStream,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Place within the limits; drop it when the connection ends.
    pub place: Place,
}

impl Acceptor {
    /// Binds `address` and listens. `[::]` accepts IPv4 connections as well. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound, for example because the port is in use.
    pub fn bind(address: SocketAddr, limits: &Limits) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let places = Places::new("connections", limits.max_connections, limits.max_connections_per_address);
        let rate = Mutex::new(ConnectionRate::new(limits.max_new_connections));
        Ok(Self { listener, address, places, rate, refusals: RefusalLane::new(limits) })
    }

    /// Encrypts the responses to refused connections. Accepted ones are encrypted by the caller.
    #[must_use]
    pub fn with_tls(self, tls: Option<ServerTls>) -> Self {
        Self { refusals: self.refusals.with_tls(tls), ..self }
    }

    /// Local address, with the port that the system chose if port 0 was requested.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection. Connections over the limits are refused. Cancel safe.
    pub async fn accept(&self) -> ConnectionAttempt {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return self.admit(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Most likely EMFILE: an immediate retry would fail again and keep a core busy.
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Accepts a new connection if it is within the limits.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> ConnectionAttempt {
        let address = peer.ip().into();
        let rate = self
            .rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .handle_connection(Instant::now(), address);
        let reason = match rate {
            Admission::Accept => match self.places.take(address) {
                Ok(place) => return ConnectionAttempt::Accepted(Accepted { stream, peer, place }),
                Err(full) => full.to_string(),
            },
            Admission::Refuse(too_fast) => too_fast.to_string(),
            Admission::Close(too_fast) => {
                return ConnectionAttempt::Refused { peer, reason: too_fast.to_string() };
            }
        };
        self.refusals.refuse(stream, reason.clone());
        ConnectionAttempt::Refused { peer, reason }
    }
}

/// Maximum number of connections in the kernel's queue that have not been accepted yet.
const BACKLOG: i32 = 128;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // The default differs: Linux accepts IPv4 on [::], Windows and OpenBSD do not.
        socket.set_only_v6(false)?;
    }
    // Unix only: on Windows, SO_REUSEADDR lets two programs listen on the same port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ipv6_wildcard_also_accepts_ipv4() {
        // The test machine may have no IPv6.
        let Ok(acceptor) = Acceptor::bind("[::]:0".parse().unwrap(), &Limits::default()) else { return };
        for host in ["127.0.0.1", "[::1]"] {
            let address = format!("{host}:{}", acceptor.address().port());
            let (stream, accepted) = tokio::join!(TcpStream::connect(&address), acceptor.accept());
            let ConnectionAttempt::Accepted(accepted) = accepted else { panic!("{accepted:?}") };
            assert_eq!(stream.unwrap().local_addr().unwrap().port(), accepted.peer.port(), "{host}");
        }
    }
}
