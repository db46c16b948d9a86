//! Connections as they are accepted, no more of them at a time than there is room for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// Listens on an address.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    room: Arc<Semaphore>,
}

/// A connection that has been accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// Who is at its other end.
    pub peer: SocketAddr,
    /// Its place, to be kept for as long as it lasts.
    pub place: OwnedSemaphorePermit,
}

impl Acceptor {
    /// Listens, for so many connections at a time.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr, most: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, room: Arc::new(Semaphore::new(most)) })
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
                    if let Ok(place) = self.room.clone().try_acquire_owned() {
                        return Accepted { stream, peer, place };
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
