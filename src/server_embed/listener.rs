//! Starting, accepting, stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::connection::Connection;
use super::context::Context;
use super::event::Observer;
use super::options::ServerOptions;
use crate::media_file::{Library, MediaFile};
use crate::net::acceptor::{Accepted, Acceptor};
use crate::proto::rtsp::RtspUrl;

/// The most connections at a time.
const MAX_CONNECTIONS: usize = 256;

/// How long a stop waits for goodbyes.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A server that runs. Dropping it stops it without goodbyes.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    context: Arc<Context>,
}

impl Server {
    /// Listens, and serves in the background of the runtime it is called on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(options: ServerOptions, observer: Observer) -> io::Result<Self> {
        let acceptor = Acceptor::bind(options.listen, MAX_CONNECTIONS)?;
        let (address, context) = (acceptor.address(), Context::new(options, observer));
        context.tasks.spawn(accept_connections(acceptor, context.clone()));
        Ok(Self { address, context })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a film; returns the name that it got. What is wrong with the film is told once it is known. To be called
    /// on a runtime.
    pub fn serve(&self, media_file: Arc<MediaFile>) -> String {
        self.context.watch_index(&media_file);
        self.context.library.add(media_file)
    }

    /// What it serves.
    pub fn library(&self) -> &Library {
        &self.context.library
    }

    /// The URL of what it serves under a name.
    pub fn url_of(&self, name: &str) -> RtspUrl {
        RtspUrl::for_path(self.address.ip().to_string(), self.address.port(), name)
    }

    /// Sessions that are set up now.
    pub fn session_count(&self) -> usize {
        self.context.sessions.count()
    }

    /// Bytes of frames that are kept ready now.
    pub fn cached_bytes(&self) -> u64 {
        self.context.frame_cache.bytes()
    }

    /// Says goodbye to everyone and waits until all is closed, a second at the most.
    pub async fn stop(self) {
        self.context.shutdown.cancel();
        self.context.tasks.close();
        if timeout(STOP_TIMEOUT, self.context.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

async fn accept_connections(acceptor: Acceptor, context: Arc<Context>) {
    for id in 0.. {
        let Accepted { stream, peer, permit } = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = context.shutdown.cancelled() => return,
        };
        let connection_context = context.clone();
        context.tasks.spawn(async move {
            if let Err(error) = Connection::serve(id, stream, peer, connection_context).await {
                tracing::debug!(%peer, %error, "a connection broke");
            }
            drop(permit);
        });
    }
}
