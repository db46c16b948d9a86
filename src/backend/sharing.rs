//! Server for players on other machines, which serves the film that is open in the window.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::media_file::MediaFile;
use crate::net::connectable::connectable_address;
use crate::proto::rtsp::RtspUrl;
use crate::server_embed::{Observer, Server, ServerOptions};

/// Port to listen on, unless another program does: that of `reelay serve`.
const PORT: u16 = 8_554;

/// State of the server for other players.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sharing {
    /// The film is not served.
    #[default]
    Off,
    /// The film is served at this URL.
    At(String),
    /// The film cannot be served, for the reason in a sentence.
    Failed(String),
}

/// Server for other players, while there is one.
#[derive(Default)]
pub struct SharedServer {
    server: Option<Server>,
    /// Generation of the media that are served, also before they are open.
    generation: u64,
}

impl SharedServer {
    /// Starts to listen on all interfaces, for the media of this generation.
    ///
    /// # Errors
    /// Returns a sentence if the system does not permit to listen.
    pub async fn start(&mut self, generation: u64) -> Result<(), String> {
        self.generation = generation;
        if self.server.is_none() {
            let started = match listen(PORT).await {
                Err(error) if error.kind() == ErrorKind::AddrInUse => listen(0).await,
                result => result,
            };
            let server = started.map_err(|error| {
                format!("The film cannot be served ({error}); look whether a firewall forbids it.")
            })?;
            self.server = Some(server);
        }
        Ok(())
    }

    /// Serves a film in place of the one before, and returns its URL; `None` if no server has been started for this
    /// generation. Must be called on a tokio runtime.
    pub fn serve(&mut self, generation: u64, media_file: &Arc<MediaFile>) -> Option<String> {
        let server = self.server.as_ref().filter(|_| generation == self.generation)?;
        server.library().clear();
        let name = server.serve(media_file.clone());
        let address = connectable_address(server.address());
        Some(RtspUrl::for_path(address.ip().to_string(), address.port(), &name).to_string())
    }

    /// Stops the server, and ends its sessions, unless it is for this generation.
    pub fn stop_unless(&mut self, generation: u64) {
        if generation != self.generation {
            self.stop();
        }
    }

    /// Stops the server, and ends its sessions. Must be called on a tokio runtime.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            tokio::spawn(server.stop());
        }
    }
}

async fn listen(port: u16) -> io::Result<Server> {
    let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    Server::start(ServerOptions { listen, ..ServerOptions::default() }, Observer::none()).await
}
