//! Server for players on other machines, which serves the film that is open in the window.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::watch;

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
    /// The film is served.
    At {
        /// Address of the film.
        url: String,
        /// Number of players that have set up a session with this film.
        viewers: usize,
    },
    /// The film cannot be served, for the reason in a sentence.
    Failed(String),
}

/// Server for other players, while there is one.
#[derive(Default)]
pub struct SharedServer {
    server: Option<ListeningServer>,
    /// Generation of the media that are served, also before they are open.
    generation: u64,
    /// Sentence with the reason why there is no server, until it is reported.
    failure: Option<String>,
}

struct ListeningServer {
    server: Server,
    session_count: watch::Receiver<usize>,
    /// Film and its URL; `None` before it is open.
    film: Option<(Arc<MediaFile>, String)>,
}

impl ListeningServer {
    /// Returns the state with the number of viewers; `None` while no film is served.
    fn sharing(&self) -> Option<Sharing> {
        let (film, url) = self.film.as_ref()?;
        Some(Sharing::At { url: url.clone(), viewers: self.server.session_count_of(film) })
    }
}

impl SharedServer {
    /// Starts to listen on all interfaces, for the media of this generation. If the system refuses, [`Self::serve`] says so.
    pub async fn start(&mut self, generation: u64) {
        self.start_at(PORT, generation).await;
    }

    async fn start_at(&mut self, port: u16, generation: u64) {
        self.generation = generation;
        if self.server.is_none() {
            let started = match listen(port).await {
                Err(error) if error.kind() == ErrorKind::AddrInUse => listen(0).await,
                result => result,
            };
            match started {
                Ok(server) => {
                    let session_count = server.watch_session_count();
                    self.server = Some(ListeningServer { server, session_count, film: None });
                }
                Err(error) => {
                    self.failure = Some(format!(
                        "The film cannot be served to other players ({error}); try again, or use reelay serve."
                    ));
                }
            }
        }
    }

    /// Serves a film in place of the one before, and returns its URL, or the reason why it is not served; `None` if that was
    /// not requested for this generation. Must be called on a tokio runtime.
    pub fn serve(&mut self, generation: u64, media_file: &Arc<MediaFile>) -> Option<Sharing> {
        if generation != self.generation {
            return None;
        }
        if let Some(sentence) = self.failure.take() {
            return Some(Sharing::Failed(sentence));
        }
        let listening = self.server.as_mut()?;
        let server = &listening.server;
        server.library().clear();
        let name = server.serve(media_file.clone());
        let address = connectable_address(server.address());
        let url = RtspUrl::for_path(address.ip().to_string(), address.port(), &name).to_string();
        listening.film = Some((media_file.clone(), url));
        listening.sharing()
    }

    /// Waits until the number of viewers may have changed. Never returns while no film is served.
    pub async fn viewers_changed(&mut self) -> Sharing {
        let Some(listening) = &mut self.server else { return std::future::pending().await };
        let sharing = match listening.session_count.changed().await {
            Ok(()) => listening.sharing(),
            Err(_) => None,
        };
        match sharing {
            Some(sharing) => sharing,
            None => std::future::pending().await,
        }
    }

    /// Stops the server, and ends its sessions, unless it is for this generation.
    pub fn stop_unless(&mut self, generation: u64) {
        if generation != self.generation {
            self.stop();
        }
    }

    /// Continues to serve the media of this generation, because those that were to follow cannot be opened. Stops the server
    /// if it has served none.
    pub fn stay_with(&mut self, generation: u64) {
        if generation != self.generation {
            match self.server.as_ref().is_some_and(|listening| listening.film.is_some()) {
                true => self.generation = generation,
                false => self.stop(),
            }
        }
    }

    /// Stops the server, and ends its sessions. Must be called on a tokio runtime.
    pub fn stop(&mut self) {
        self.failure = None;
        if let Some(listening) = self.server.take() {
            tokio::spawn(listening.server.stop());
        }
    }

    /// Stops the server, and waits until its sessions have ended.
    pub async fn finish(self) {
        if let Some(listening) = self.server {
            listening.server.stop().await;
        }
    }
}

async fn listen(port: u16) -> io::Result<Server> {
    let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    Server::start(ServerOptions { listen, ..ServerOptions::default() }, Observer::none()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_port_is_used_if_the_known_one_is_not_free() {
        let holder = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        let mut shared = SharedServer::default();
        shared.start_at(port, 1).await;
        assert_eq!(shared.failure, None);
        assert_ne!(shared.server.as_ref().unwrap().server.address().port(), port);
        shared.finish().await;
    }
}
