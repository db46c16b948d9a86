//! Connection of a session, encrypted or not.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::tls::{self, TlsFailure};
use crate::session::certificate::TrustedCertificates;
use crate::session::events::{ClientInput, NetworkPath, TlsProblem};

/// Open connection. Its writer outlives it until the queued bytes are written.
pub struct Connection {
    peer: SocketAddr,
    local: SocketAddr,
    reader: ReadHalf<Box<dyn ByteStream>>,
    writer: mpsc::Sender<Bytes>,
    buffer: BytesMut,
}

/// Stream of bytes in both directions.
trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Capacity of the queue of writes, in messages and packets.
const WRITE_QUEUE_CAPACITY: usize = 64;

/// Time within which the server must accept a write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Size of the read buffer in bytes.
const READ_BUFFER_SIZE: usize = 64 * 1024;

impl Connection {
    /// Connects to a server, and starts the writer on the current Tokio runtime. The connection is encrypted if
    /// `trusted` is not `None`; it holds the certificates that the user trusts.
    ///
    /// # Errors
    /// Returns the input for the client, with the reason, if the server cannot be reached or its certificate is not
    /// trusted.
    pub async fn open(
        host: String,
        port: u16,
        trusted: Option<Arc<TrustedCertificates>>,
    ) -> Result<Self, ClientInput> {
        let (stream, [peer, local]) = connect(&host, port).await.map_err(|error| lost(&error))?;
        let stream: Box<dyn ByteStream> = match trusted {
            Some(trusted) => {
                let address = address_of(&host, port);
                let encrypted = tls::connect(stream, &host, &address, trusted).await;
                Box::new(encrypted.map_err(|failure| tls_failed(failure, address))?)
            }
            None => Box::new(stream),
        };
        let (reader, mut write_half) = tokio::io::split(stream);
        let (writer, mut queue) = mpsc::channel::<Bytes>(WRITE_QUEUE_CAPACITY);
        tokio::spawn(async move {
            while let Some(bytes) = queue.recv().await {
                // The reader reports a broken connection.
                let written = async {
                    write_half.write_all(&bytes).await?;
                    write_half.flush().await
                };
                let Ok(Ok(())) = timeout(WRITE_TIMEOUT, written).await else { return };
            }
        });
        Ok(Self { peer, local, reader, writer, buffer: BytesMut::new() })
    }

    /// Address of the server.
    pub fn peer(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }

    /// Address of this machine, as the server sees it.
    pub fn local(&self) -> IpAddr {
        self.local.ip().to_canonical()
    }

    /// Network path to the server.
    pub fn network_path(&self) -> NetworkPath {
        let (local, peer) = (self.local(), self.peer());
        NetworkPath { is_local: local == peer || peer.is_loopback(), is_ipv6: peer.is_ipv6() }
    }

    /// Queues bytes to be written. Returns false if the connection is broken or the queue is full.
    pub fn write(&self, bytes: Bytes) -> bool {
        self.writer.try_send(bytes).is_ok()
    }
}

/// Opens a TCP connection. Returns it with the addresses of both sides, that of the server first.
async fn connect(host: &str, port: u16) -> io::Result<(TcpStream, [SocketAddr; 2])> {
    let found = lookup_host((host, port)).await.map_err(|error| {
        tracing::debug!(%error, host, "cannot resolve the name");
        io::Error::new(io::ErrorKind::NotFound, "no host of this name is found")
    })?;
    let addresses: Vec<_> = found.collect();
    let stream = TcpStream::connect(&addresses[..]).await?;
    stream.set_nodelay(true)?;
    let addresses = [stream.peer_addr()?, stream.local_addr()?];
    Ok((stream, addresses))
}

/// Returns host and port as in a URL.
fn address_of(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

fn lost(error: &io::Error) -> ClientInput {
    ClientInput::ConnectionLost(Some(error_reason(error)))
}

fn tls_failed(failure: TlsFailure, server: String) -> ClientInput {
    match failure {
        TlsFailure::Untrusted(certificate) => ClientInput::TlsFailed(TlsProblem::Untrusted(certificate)),
        TlsFailure::Unusable(reason) => ClientInput::TlsFailed(TlsProblem::Unusable { server, reason }),
        TlsFailure::NotTls => ClientInput::TlsFailed(TlsProblem::NotTls { server }),
        TlsFailure::Handshake(reason) => ClientInput::ConnectionLost(Some(reason)),
        TlsFailure::Io(error) => lost(&error),
    }
}

/// Waits for bytes or the end of the connection. Never returns if there is no connection.
pub async fn receive(connection: &mut Option<Connection>) -> ClientInput {
    let Some(connection) = connection else { return std::future::pending().await };
    if connection.buffer.capacity() < 4 * 1024 {
        connection.buffer = BytesMut::with_capacity(READ_BUFFER_SIZE);
    }
    match connection.reader.read_buf(&mut connection.buffer).await {
        Ok(0) => ClientInput::ConnectionLost(None),
        Ok(_) => ClientInput::Received(connection.buffer.split().freeze()),
        Err(error) => ClientInput::ConnectionLost(Some(error_reason(&error))),
    }
}

/// Returns the message of an operating system error in lower case, without its number.
pub fn error_reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
