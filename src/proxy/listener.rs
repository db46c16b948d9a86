//! Accepting players, and connecting to the server for each.

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

/// How a relay is set up.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Where players connect; port 0 leaves the choice to the system.
    pub listen: SocketAddr,
    /// The server: its host and its port.
    pub server: (String, u16),
    /// The emulated network.
    pub emulator: Emulator,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyEvent {
    /// A player has connected.
    Connected {
        /// Which.
        client: SocketAddr,
    },
    /// The server does not take the player's connection.
    ServerUnreachable {
        /// Which player.
        client: SocketAddr,
        /// What the system says.
        error: String,
    },
    /// The player or the server has closed.
    Closed {
        /// Which player.
        client: SocketAddr,
        /// What the system says, if it was not meant to be.
        error: Option<String>,
    },
}

impl fmt::Display for ProxyEvent {
    /// A line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { client: player } => write!(f, "{player} connected"),
            Self::ServerUnreachable { client: player, error } => {
                write!(f, "{player} the server cannot be reached: {error}")
            }
            Self::Closed { client: player, error: None } => write!(f, "{player} closed"),
            Self::Closed { client: player, error: Some(error) } => write!(f, "{player} broke off: {error}"),
        }
    }
}

/// Who is told. Called on the runtime's threads, so it must not block.
pub type ProxyObserver = Arc<dyn Fn(ProxyEvent) + Send + Sync>;

/// The most players at a time.
const MAX_CONNECTIONS: usize = 64;

/// How long the server may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A relay that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Proxy {
    /// Listens, and relays in the background of the runtime it is called on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(options: ProxyOptions, observer: ProxyObserver) -> io::Result<Self> {
        let acceptor = Acceptor::bind(options.listen, MAX_CONNECTIONS)?;
        let (address, shutdown) = (acceptor.address(), CancellationToken::new());
        tokio::spawn(accept_clients(acceptor, options, observer, shutdown.clone()));
        Ok(Self { address, shutdown })
    }

    /// Where players connect.
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
            let error = "it does not answer".to_owned();
            return observer(ProxyEvent::ServerUnreachable { client: peer, error });
        }
    };
    let error = forward(stream, server, options.emulator).await.err().map(|error| error.to_string());
    observer(ProxyEvent::Closed { client: peer, error });
}
