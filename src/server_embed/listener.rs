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
use crate::media_file::{Film, Library};
use crate::net::acceptor::{Accepted, Acceptor};
use crate::proto::rtsp::RtspUrl;

/// The most connections at a time.
const MOST_CONNECTIONS: usize = 256;

/// How long a stop waits for goodbyes.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

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
        let acceptor = Acceptor::bind(options.listen, MOST_CONNECTIONS)?;
        let (address, context) = (acceptor.address(), Context::new(options, observer));
        context.tasks.spawn(accept(acceptor, context.clone()));
        Ok(Self { address, context })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a film; returns the name that it got. What is wrong with the film is told once it is known. To be called
    /// on a runtime.
    pub fn serve(&self, film: Arc<Film>) -> String {
        self.context.follow(&film);
        self.context.library.add(film)
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
    pub fn sessions(&self) -> usize {
        self.context.sessions.count()
    }

    /// Octets of frames that are kept ready now.
    pub fn cached_octets(&self) -> u64 {
        self.context.frames.octets()
    }

    /// Says goodbye to everyone and waits until all is closed, a second at the most.
    pub async fn stop(self) {
        self.context.shutdown.cancel();
        self.context.tasks.close();
        if timeout(STOP_PATIENCE, self.context.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

async fn accept(acceptor: Acceptor, context: Arc<Context>) {
    for id in 0.. {
        let Accepted { stream, peer, place } = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = context.shutdown.cancelled() => return,
        };
        let served = context.clone();
        context.tasks.spawn(async move {
            if let Err(error) = Connection::serve(id, stream, peer, served).await {
                tracing::debug!(%peer, %error, "a connection broke");
            }
            drop(place);
        });
    }
}
