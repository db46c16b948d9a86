//! A TCP listener with a limit on the number of open connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// A TCP listener that accepts at most a fixed number of connections at a time.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    permits: Arc<Semaphore>,
}

/// An accepted connection, which counts towards the limit.
#[derive(Debug)]
pub struct Accepted {
    /// Stream of the connection.
    pub stream: TcpStream,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Slot of the connection limit; drop it when the connection ends.
    pub permit: OwnedSemaphorePermit,
}

impl Acceptor {
    /// Binds `address` and listens, for at most `max_connections` open connections. `[::]` accepts IPv4 connections
    /// as well. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound, for example because the port is in use.
    pub fn bind(address: SocketAddr, max_connections: usize) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, permits: Arc::new(Semaphore::new(max_connections)) })
    }

    /// Local address, with the port that the system chose if port 0 was requested.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection. Connections over the limit are closed at once. Cancel safe.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Ok(permit) = self.permits.clone().try_acquire_owned() {
                        return Accepted { stream, peer, permit };
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Most likely EMFILE: an immediate retry would fail again and keep a core busy.
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
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
        let Ok(acceptor) = Acceptor::bind("[::]:0".parse().unwrap(), 2) else { return };
        for host in ["127.0.0.1", "[::1]"] {
            let address = format!("{host}:{}", acceptor.address().port());
            let (stream, accepted) = tokio::join!(TcpStream::connect(&address), acceptor.accept());
            assert_eq!(stream.unwrap().local_addr().unwrap().port(), accepted.peer.port(), "{host}");
        }
    }
}
