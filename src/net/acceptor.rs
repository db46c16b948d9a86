//! Connections as they are accepted, no more of them at a time than there is room for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// Listens on an address.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    permits: Arc<Semaphore>,
}

/// A connection that has been accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// Who is at its other end.
    pub peer: SocketAddr,
    /// Its place, to be kept for as long as it lasts.
    pub permit: OwnedSemaphorePermit,
}

impl Acceptor {
    /// Listens, for so many connections at a time, on the runtime that it is called on. Every address of this machine,
    /// written as `[::]`, is every one of IPv4, too.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn bind(address: SocketAddr, max_connections: usize) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, permits: Arc::new(Semaphore::new(max_connections)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection. Those for which there is no room are closed at once. May be dropped while it waits.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Ok(permit) = self.permits.clone().try_acquire_owned() {
                        return Accepted { stream, peer, permit };
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file descriptors, most likely: trying again at once would only burn time.
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Systems differ in what they take without being asked.
        socket.set_only_v6(false)?;
    }
    // Elsewhere than on Unix it would let two programs listen on one port.
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
        // A machine may have no IPv6.
        let Ok(acceptor) = Acceptor::bind("[::]:0".parse().unwrap(), 2) else { return };
        for host in ["127.0.0.1", "[::1]"] {
            let address = format!("{host}:{}", acceptor.address().port());
            let (stream, accepted) = tokio::join!(TcpStream::connect(&address), acceptor.accept());
            assert_eq!(stream.unwrap().local_addr().unwrap().port(), accepted.peer.port(), "{host}");
        }
    }
}
