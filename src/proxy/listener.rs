//! The listener of the proxy: accepts clients and connects to the server for each of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::forward;
use crate::impairment::Emulator;
use crate::net::acceptor::{Accepted, Acceptor};

/// Options of a proxy.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Host name or IP address of the server, and its port.
    pub server: (String, u16),
    /// Emulated network for packets from the server.
    pub emulator: Emulator,
}

/// Event of a proxy; its text is a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyEvent {
    /// A client has connected.
    Connected {
        /// Address of the client.
        client: SocketAddr,
    },
    /// The connection to the server failed; the client is disconnected.
    ServerUnreachable {
        /// Address of the client.
        client: SocketAddr,
        /// Cause of the failure.
        error: String,
    },
    /// The client or the server has closed its connection.
    Closed {
        /// Address of the client.
        client: SocketAddr,
        /// Error that ended the connection; `None` if it was closed normally.
        error: Option<String>,
    },
}

impl fmt::Display for ProxyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { client } => write!(f, "{client} connected"),
            Self::ServerUnreachable { client, error } => {
                write!(f, "{client} disconnected: the server cannot be reached: {error}")
            }
            Self::Closed { client, error: None } => write!(f, "{client} closed"),
            Self::Closed { client, error: Some(error) } => write!(f, "{client} disconnected: {error}"),
        }
    }
}

/// Callback for events. Called on the threads of the runtime, so it must not block.
pub type ProxyObserver = Arc<dyn Fn(ProxyEvent) + Send + Sync>;

/// Maximum number of connected clients.
const MAX_CONNECTIONS: usize = 64;

/// Timeout of the connection to the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running proxy. Dropping it closes all connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Proxy {
    /// Starts to listen, and serves clients in the background of the current tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound, for example because the port is in use.
    pub async fn start(options: ProxyOptions, observer: ProxyObserver) -> io::Result<Self> {
        let acceptor = Acceptor::bind(options.listen, MAX_CONNECTIONS)?;
        let (address, shutdown) = (acceptor.address(), CancellationToken::new());
        tokio::spawn(accept_clients(acceptor, options, observer, shutdown.clone()));
        Ok(Self { address, shutdown })
    }

    /// Address that clients connect to, with the port that the system chose if port 0 was requested.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn accept_clients(
    acceptor: Acceptor,
    options: ProxyOptions,
    observer: ProxyObserver,
    shutdown: CancellationToken,
) {
    loop {
        let Accepted { stream, peer, permit } = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        let (options, observer, shutdown) = (options.clone(), observer.clone(), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve_client(stream, peer, options, observer) => {}
                () = shutdown.cancelled() => {}
            }
            drop(permit);
        });
    }
}

async fn serve_client(stream: TcpStream, peer: SocketAddr, options: ProxyOptions, observer: ProxyObserver) {
    observer(ProxyEvent::Connected { client: peer });
    let connecting = TcpStream::connect((options.server.0.as_str(), options.server.1));
    let server = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            return observer(ProxyEvent::ServerUnreachable { client: peer, error: error.to_string() });
        }
        Err(_) => {
            let error = "connection timed out".to_owned();
            return observer(ProxyEvent::ServerUnreachable { client: peer, error });
        }
    };
    let error = forward(stream, server, options.emulator).await.err().map(|error| error.to_string());
    observer(ProxyEvent::Closed { client: peer, error });
}
