//! Accepting players, and connecting to the server for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::relay;
use crate::impairment::Network;
use crate::net::acceptor::{Accepted, Acceptor};

/// How a relay is set up.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Where players connect; port 0 leaves the choice to the system.
    pub listen: SocketAddr,
    /// The server: its host and its port.
    pub server: (String, u16),
    /// The emulated network.
    pub network: Network,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayEvent {
    /// A player has connected.
    Connected {
        /// Which.
        player: SocketAddr,
    },
    /// The server does not take the player's connection.
    Unreachable {
        /// Which player.
        player: SocketAddr,
        /// What the system says.
        error: String,
    },
    /// The player or the server has closed.
    Closed {
        /// Which player.
        player: SocketAddr,
        /// What the system says, if it was not meant to be.
        error: Option<String>,
    },
}

impl fmt::Display for RelayEvent {
    /// A line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { player } => write!(f, "{player} connected"),
            Self::Unreachable { player, error } => {
                write!(f, "{player} the server cannot be reached: {error}")
            }
            Self::Closed { player, error: None } => write!(f, "{player} closed"),
            Self::Closed { player, error: Some(error) } => write!(f, "{player} broke off: {error}"),
        }
    }
}

/// Who is told. Called on the runtime's threads, so it must not block.
pub type RelayObserver = Arc<dyn Fn(RelayEvent) + Send + Sync>;

/// The most players at a time.
const MOST_CONNECTIONS: usize = 64;

/// How long the server may take to accept.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// A relay that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Relay {
    /// Listens, and relays in the background of the runtime it is called on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(options: RelayOptions, observer: RelayObserver) -> io::Result<Self> {
        let acceptor = Acceptor::bind(options.listen, MOST_CONNECTIONS)?;
        let (address, shutdown) = (acceptor.address(), CancellationToken::new());
        tokio::spawn(accept(acceptor, options, observer, shutdown.clone()));
        Ok(Self { address, shutdown })
    }

    /// Where players connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn accept(
    acceptor: Acceptor,
    options: RelayOptions,
    observer: RelayObserver,
    shutdown: CancellationToken,
) {
    loop {
        let Accepted { stream, peer, place } = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        let (options, observer, shutdown) = (options.clone(), observer.clone(), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve(stream, peer, options, observer) => {}
                () = shutdown.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn serve(client: TcpStream, player: SocketAddr, options: RelayOptions, observer: RelayObserver) {
    observer(RelayEvent::Connected { player });
    let connecting = TcpStream::connect((options.server.0.as_str(), options.server.1));
    let server = match timeout(CONNECT_PATIENCE, connecting).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => return observer(RelayEvent::Unreachable { player, error: error.to_string() }),
        Err(_) => {
            let error = "it does not answer".to_owned();
            return observer(RelayEvent::Unreachable { player, error });
        }
    };
    let error = relay(client, server, options.network).await.err().map(|error| error.to_string());
    observer(RelayEvent::Closed { player, error });
}
