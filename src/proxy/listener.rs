//! The listener of the proxy: accepts clients and connects to the server for each of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{ForwardOptions, forward};
use crate::impairment::Emulator;
use crate::net::acceptor::{Accepted, Acceptor, ConnectionAttempt};
use crate::net::limits::{AddressGroup, Limits, Places};
use crate::net::peer_log::PeerLog;
use crate::net::runtime_thread::start_runtime_thread;

/// Options of a proxy.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Host name or IP address of the server, and its port.
    pub server: (String, u16),
    /// Emulated network for packets from the server.
    pub emulator: Emulator,
    /// Limits on connections, streams over UDP, requests and log lines.
    pub limits: Limits,
}

/// Event of a proxy; its text is a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyEvent {
    /// A client has connected.
    Connected {
        /// Address of the client.
        client: SocketAddr,
    },
    /// A connection was refused, because of the limits of the proxy.
    Refused {
        /// Address of the client.
        client: SocketAddr,
        /// Explanation in the response.
        reason: String,
    },
    /// Events about a client were left out, because there were too many of them.
    EventsLeftOut {
        /// Address of the client.
        address: AddressGroup,
        /// Number of events that were left out.
        count: u64,
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
            Self::Refused { client, reason } => write!(f, "{client} refused: {reason}"),
            Self::EventsLeftOut { address, count } => write!(f, "{address}: {count} lines are left out here"),
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

/// Timeout of the connection to the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running proxy. Dropping it closes all connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Proxy {
    /// Starts to listen, and serves clients in the background of the current tokio runtime. UDP packets are forwarded
    /// on a thread of their own.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound, for example because the port is in use, or if the system cannot
    /// create the thread.
    pub async fn start(options: ProxyOptions, observer: ProxyObserver) -> io::Result<Self> {
        let limits = options.limits;
        let acceptor = Acceptor::bind(options.listen, &limits)?;
        let (address, shutdown) = (acceptor.address(), CancellationToken::new());
        // New connections, however many, do not delay the packets of others.
        let media_runtime = start_runtime_thread("media", &shutdown, &TaskTracker::new())?;
        let context = Context {
            forward_options: ForwardOptions {
                media_runtime,
                emulator: options.emulator,
                stream_places: Places::new(
                    "UDP streams",
                    limits.max_sessions,
                    limits.max_sessions_per_address,
                ),
                request_timeout: limits.request_timeout,
                debug_log: PeerLog::new(limits.max_log_lines),
            },
            server: options.server,
            observer,
            log: PeerLog::new(limits.max_log_lines),
        };
        tokio::spawn(accept_clients(acceptor, context, shutdown.clone()));
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

/// State that all connections share.
#[derive(Clone)]
struct Context {
    server: (String, u16),
    forward_options: ForwardOptions,
    observer: ProxyObserver,
    log: PeerLog,
}

impl Context {
    /// Emits an event about a client, unless there have been too many of this client; those are counted.
    fn emit(&self, client: SocketAddr, event: ProxyEvent) {
        let observer = self.observer.clone();
        let report = move |address, count| observer(ProxyEvent::EventsLeftOut { address, count });
        if self.log.admit(client.ip(), report) {
            (self.observer)(event);
        }
    }
}

async fn accept_clients(acceptor: Acceptor, context: Context, shutdown: CancellationToken) {
    loop {
        let arrival = tokio::select! {
            arrival = acceptor.accept() => arrival,
            () = shutdown.cancelled() => return,
        };
        let Accepted { stream, peer, place } = match arrival {
            ConnectionAttempt::Accepted(accepted) => accepted,
            ConnectionAttempt::Refused { peer, reason } => {
                context.emit(peer, ProxyEvent::Refused { client: peer, reason });
                continue;
            }
        };
        let (context, shutdown) = (context.clone(), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve_client(stream, peer, context) => {}
                () = shutdown.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn serve_client(stream: TcpStream, peer: SocketAddr, context: Context) {
    context.emit(peer, ProxyEvent::Connected { client: peer });
    let connecting = TcpStream::connect((context.server.0.as_str(), context.server.1));
    let server = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            return context
                .emit(peer, ProxyEvent::ServerUnreachable { client: peer, error: error.to_string() });
        }
        Err(_) => {
            let error = "connection timed out".to_owned();
            return context.emit(peer, ProxyEvent::ServerUnreachable { client: peer, error });
        }
    };
    let result = forward(stream, server, context.forward_options.clone()).await;
    let error = result.err().map(|error| error.to_string());
    context.emit(peer, ProxyEvent::Closed { client: peer, error });
}
