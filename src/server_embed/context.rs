//! What all connections and sessions of a server share.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::auth::Authenticator;
use super::event::{Observer, ServerEvent};
use super::frame_cache::FrameCache;
use super::options::ServerOptions;
use super::session_table::SessionTable;
use crate::impairment::Emulator;
use crate::media_file::{IndexProgress, Library, MediaFile, MediaFileError};
use crate::net::udp_ports::{self, AsyncSocketPair, SocketPair};

/// A server's common ground.
#[derive(Debug)]
pub struct Context {
    /// What is served.
    pub library: Library,
    /// What has been read of it.
    pub frame_cache: FrameCache,
    /// Who may play it.
    pub auth: Option<Authenticator>,
    /// How long a session lives without a sign of life.
    pub session_timeout: Duration,
    /// Who plays it.
    pub sessions: SessionTable,
    /// The emulated network, past which every packet leaves.
    pub emulator: Emulator,
    /// Who is told.
    pub observer: Observer,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// The ports from which RTP leaves, one pair for each address of this machine that connections come to.
    socket_pairs: Mutex<HashMap<IpAddr, Arc<AsyncSocketPair>>>,
}

impl Context {
    /// The common ground of a new server.
    pub fn new(options: ServerOptions, observer: Observer) -> Arc<Self> {
        Arc::new(Self {
            library: Library::default(),
            frame_cache: FrameCache::new(options.cache_capacity, options.quality),
            auth: options.auth,
            session_timeout: options.session_timeout,
            sessions: SessionTable::default(),
            emulator: options.emulator,
            observer,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            socket_pairs: Mutex::default(),
        })
    }

    /// The film of this name, opened if it has not been yet. May block; to be called on a runtime.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_media(self: &Arc<Self>, name: &str) -> Result<Option<Arc<MediaFile>>, MediaFileError> {
        self.library.media_file(name, |opened| self.watch_index(opened))
    }

    /// Tells what is wrong with a film once that is known.
    pub fn watch_index(self: &Arc<Self>, media_file: &MediaFile) {
        let (context, name, mut progress) =
            (self.clone(), media_file.name().to_owned(), media_file.progress());
        // The film itself is not held: one that nobody wants any more is not read to its end.
        self.tasks.spawn(async move {
            let finished =
                async { progress.wait_for(IndexProgress::is_finished).await.ok().map(|progress| *progress) };
            let finished = tokio::select! {
                finished = finished => finished,
                () = context.shutdown.cancelled() => None,
            };
            if let Some(flaw) = finished.and_then(|progress| progress.warning(&name)) {
                context.observer.emit(ServerEvent::MediaFileWarning { warning: flaw });
            }
        });
    }

    /// The ports on an address of this machine, bound when they are first asked for. All sessions share them: the
    /// clients' addresses tell their RTCP apart.
    ///
    /// # Errors
    /// When no pair is free.
    pub fn sockets_for(self: &Arc<Self>, host: IpAddr) -> io::Result<Arc<AsyncSocketPair>> {
        let mut sockets = self.socket_pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = sockets.get(&host) {
            return Ok(pair.clone());
        }
        let pair = Arc::new(SocketPair::bind(host, None, udp_ports::SOCKET_BUFFER_SIZE)?.into_async()?);
        sockets.insert(host, pair.clone());
        let (rtp_pair, context) = (pair.clone(), self.clone());
        self.tasks.spawn(async move { context.discard_rtp(&rtp_pair.rtp).await });
        let (rtcp_pair, context) = (pair.clone(), self.clone());
        self.tasks.spawn(async move { context.receive_rtcp(&rtcp_pair.rtcp).await });
        Ok(pair)
    }

    /// What players send to the RTP port only opens a path through a firewall.
    async fn discard_rtp(&self, socket: &UdpSocket) {
        self.receive_datagrams(socket, |_, _| {}).await;
    }

    async fn receive_rtcp(&self, socket: &UdpSocket) {
        self.receive_datagrams(socket, |from, packet| self.sessions.handle_rtcp(from, packet)).await;
    }

    async fn receive_datagrams(&self, socket: &UdpSocket, handle: impl Fn(SocketAddr, &[u8])) {
        let mut buffer = [0; 2_048];
        loop {
            let received = tokio::select! {
                received = socket.recv_from(&mut buffer) => received,
                () = self.shutdown.cancelled() => return,
            };
            match received {
                Ok((length, from)) => handle(from, &buffer[..length]),
                // Reports of unreachable ports arrive as errors; the socket goes on.
                Err(error) => tracing::debug!(%error, "a datagram could not be received"),
            }
        }
    }
}
