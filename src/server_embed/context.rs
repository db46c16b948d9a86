//! What all connections and sessions of a server share.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::event::{Observer, ServerEvent};
use super::frames::Frames;
use super::guard::Guard;
use super::options::ServerOptions;
use super::sessions::Sessions;
use crate::impairment::Network;
use crate::media_file::{Film, FilmError, Library, Progress};
use crate::net::udp_ports::{self, AsyncSocketPair, SocketPair};

/// A server's common ground.
#[derive(Debug)]
pub struct Context {
    /// What is served.
    pub library: Library,
    /// What has been read of it.
    pub frames: Frames,
    /// Who may play it.
    pub guard: Option<Guard>,
    /// How long a session lives without a sign of life.
    pub session_timeout: Duration,
    /// Who plays it.
    pub sessions: Sessions,
    /// The emulated network, past which every packet leaves.
    pub network: Network,
    /// Who is told.
    pub observer: Observer,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// The ports from which RTP leaves, one pair for each address of this machine that connections come to.
    sockets: Mutex<HashMap<IpAddr, Arc<AsyncSocketPair>>>,
}

impl Context {
    /// The common ground of a new server.
    pub fn new(options: ServerOptions, observer: Observer) -> Arc<Self> {
        Arc::new(Self {
            library: Library::default(),
            frames: Frames::new(options.cache, options.quality),
            guard: options.guard,
            session_timeout: options.session_timeout,
            sessions: Sessions::default(),
            network: options.network,
            observer,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            sockets: Mutex::default(),
        })
    }

    /// The film of this name, opened if it has not been yet. May block; to be called on a runtime.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn film(self: &Arc<Self>, name: &str) -> Result<Option<Arc<Film>>, FilmError> {
        self.library.film(name, |opened| self.follow(opened))
    }

    /// Tells what is wrong with a film once that is known.
    pub fn follow(self: &Arc<Self>, film: &Film) {
        let (context, name, mut progress) = (self.clone(), film.name().to_owned(), film.progress());
        // The film itself is not held: one that nobody wants any more is not read to its end.
        self.tasks.spawn(async move {
            let over = async { progress.wait_for(Progress::is_over).await.ok().map(|progress| *progress) };
            let over = tokio::select! {
                over = over => over,
                () = context.shutdown.cancelled() => None,
            };
            if let Some(flaw) = over.and_then(|progress| progress.flaw(&name)) {
                context.observer.tell(ServerEvent::FilmFlawed { flaw });
            }
        });
    }

    /// The ports on an address of this machine, bound when they are first asked for. All sessions share them: the
    /// clients' addresses tell their RTCP apart.
    ///
    /// # Errors
    /// When no pair is free.
    pub fn sockets_on(self: &Arc<Self>, host: IpAddr) -> io::Result<Arc<AsyncSocketPair>> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = sockets.get(&host) {
            return Ok(pair.clone());
        }
        let pair = Arc::new(SocketPair::bind(host, None, udp_ports::BUFFER)?.on_runtime()?);
        sockets.insert(host, pair.clone());
        let (drained, context) = (pair.clone(), self.clone());
        self.tasks.spawn(async move { context.drain_rtp(&drained.rtp).await });
        let (heard, context) = (pair.clone(), self.clone());
        self.tasks.spawn(async move { context.hear_rtcp(&heard.rtcp).await });
        Ok(pair)
    }

    /// What players send to the RTP port only opens a path through a firewall.
    async fn drain_rtp(&self, socket: &UdpSocket) {
        self.receive(socket, |_, _| {}).await;
    }

    async fn hear_rtcp(&self, socket: &UdpSocket) {
        self.receive(socket, |from, packet| self.sessions.take_rtcp(from, packet)).await;
    }

    async fn receive(&self, socket: &UdpSocket, take: impl Fn(SocketAddr, &[u8])) {
        let mut buffer = [0; 2_048];
        loop {
            let received = tokio::select! {
                received = socket.recv_from(&mut buffer) => received,
                () = self.shutdown.cancelled() => return,
            };
            match received {
                Ok((length, from)) => take(from, &buffer[..length]),
                // Reports of unreachable ports arrive as errors; the socket goes on.
                Err(error) => tracing::debug!(%error, "a datagram could not be received"),
            }
        }
    }
}
