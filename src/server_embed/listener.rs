//! The server itself: starts, accepts connections, and stops.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::Connection;
use super::connection_threads::{ConnectionThreads, ThreadPlace};
use super::context::Context;
use super::event::{Observer, ServerEvent};
use super::options::ServerOptions;
use crate::media_file::{Library, MediaFile};
use crate::net::acceptor::{Accepted, Acceptor, ConnectionAttempt};
use crate::net::limits::Place;
use crate::net::open_files;
use crate::net::runtime_thread::STOP_TIMEOUT;
use crate::proto::rtsp::RtspUrl;

/// A running server.
///
/// Dropping it shuts it down without waiting; [`stop`](Self::stop) waits until BYE has been sent to all sessions.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    context: Arc<Context>,
}

impl Server {
    /// Starts to listen, and serves connections in the background of the current tokio runtime, or on threads of their
    /// own. Raises the limit of open files of this process; where the system allows too few, fewer connections are
    /// admitted.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound, for example because the port is in use, or if the system cannot
    /// create the threads for connections.
    pub async fn start(mut options: ServerOptions, observer: Observer) -> io::Result<Self> {
        if let Some(open_files) = open_files::raise_limit(options.limits.open_files()) {
            let limits = options.limits.within_open_files(open_files);
            let connections = limits.max_connections;
            if connections < options.limits.max_connections {
                observer.emit(ServerEvent::ConnectionsLowered { connections, open_files });
            }
            options.limits = limits;
        }
        let acceptor = Acceptor::bind(options.listen, &options.limits)?.with_tls(options.tls.clone());
        let (address, thread_options) = (acceptor.address(), options.threads);
        let context = Context::new(options, observer);
        // Ends the threads that have started if another one cannot be created.
        let started_threads = context.shutdown.clone().drop_guard();
        let threads = ConnectionThreads::start(thread_options, &context.shutdown, &context.tasks)?;
        started_threads.disarm();
        context.tasks.spawn(accept_connections(acceptor, threads, context.clone()));
        Ok(Self { address, context })
    }

    /// Local address, with the port that the system chose if port 0 was requested.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a media file; returns the name under which it is served. Emits [`ServerEvent::MediaFileWarning`] if the
    /// file turns out to be damaged. Must be called on a tokio runtime.
    ///
    /// [`ServerEvent::MediaFileWarning`]: super::ServerEvent::MediaFileWarning
    pub fn serve(&self, media_file: Arc<MediaFile>) -> String {
        self.context.watch_index(&media_file);
        self.context.library.add(media_file)
    }

    /// Media files that are served.
    pub fn library(&self) -> &Library {
        &self.context.library
    }

    /// RTSP URL of a media file, by its name in the library.
    pub fn url_of(&self, name: &str) -> RtspUrl {
        RtspUrl::for_path(self.address.ip().to_string(), self.address.port(), name).with_tls(self.is_tls())
    }

    /// Returns true if connections are encrypted.
    pub fn is_tls(&self) -> bool {
        self.context.tls.is_some()
    }

    /// Number of current sessions.
    pub fn session_count(&self) -> usize {
        self.context.sessions.count()
    }

    /// Number of current sessions of a film.
    pub fn session_count_of(&self, media_file: &Arc<MediaFile>) -> usize {
        self.context.sessions.count_of(media_file)
    }

    /// Returns the changes of the number of current sessions.
    pub fn watch_session_count(&self) -> watch::Receiver<usize> {
        self.context.sessions.watch_count()
    }

    /// Size of the cached frames, in bytes.
    pub fn cached_bytes(&self) -> u64 {
        self.context.frame_cache.bytes()
    }

    /// Returns the numbers of frames that were packetized without the restart markers that their players asked for, by
    /// the reason.
    pub fn frames_without_restarts(&self) -> BTreeMap<&'static str, u64> {
        self.context.frame_cache.frames_without_restarts()
    }

    /// Shuts down: sends BYE to all sessions, and waits up to 1 s until all connections are closed.
    pub async fn stop(self) {
        self.context.shutdown.cancel();
        self.context.tasks.close();
        if timeout(STOP_TIMEOUT, self.context.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not close within 1 s");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

async fn accept_connections(acceptor: Acceptor, threads: ConnectionThreads, context: Arc<Context>) {
    loop {
        let arrival = tokio::select! {
            arrival = acceptor.accept() => arrival,
            () = context.shutdown.cancelled() => return,
        };
        let Accepted { stream, peer, place } = match arrival {
            ConnectionAttempt::Accepted(accepted) => accepted,
            ConnectionAttempt::Refused { peer, reason } => {
                context.emit_about(peer, || ServerEvent::ConnectionRefused { peer, reason });
                continue;
            }
        };
        match threads.assign() {
            Some((runtime, thread_place)) => {
                let serving = serve_elsewhere(stream, peer, context.clone(), thread_place, place);
                context.tasks.spawn_on(serving, &runtime);
            }
            None => {
                let serving = serve(stream, peer, context.clone(), ThreadPlace::default(), place);
                context.tasks.spawn(serving);
            }
        }
    }
}

/// Serves a connection on another runtime than the one that has accepted it.
async fn serve_elsewhere(
    stream: TcpStream,
    peer: SocketAddr,
    context: Arc<Context>,
    thread_place: ThreadPlace,
    place: Place,
) {
    // The runtime that reads from the connection is the one on which the stream is created.
    match stream.into_std().and_then(TcpStream::from_std) {
        Ok(stream) => serve(stream, peer, context, thread_place, place).await,
        Err(error) if context.debug_log.admits_debug(peer.ip()) => {
            tracing::debug!(%peer, %error, "connection cannot be served");
        }
        Err(_) => {}
    }
}

/// Serves a connection, which keeps its place until it ends.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    context: Arc<Context>,
    thread_place: ThreadPlace,
    place: Place,
) {
    let debug_log = context.debug_log.clone();
    if let Err(error) = Connection::serve(stream, peer, context, thread_place).await
        && debug_log.admits_debug(peer.ip())
    {
        tracing::debug!(%peer, %error, "connection failed");
    }
    drop(place);
}
