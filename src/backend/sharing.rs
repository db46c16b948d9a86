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
    state: State,
    /// Generation of the media that are served, also before they are open.
    generation: u64,
}

#[derive(Default)]
enum State {
    #[default]
    Off,
    /// There is no server, for the reason in a sentence, which is not reported yet.
    Failed(String),
    Listening(ListeningServer),
}

struct ListeningServer {
    server: Server,
    session_count: watch::Receiver<usize>,
    /// Film and its URL; `None` before it is open.
    film: Option<(Arc<MediaFile>, String)>,
}

impl ListeningServer {
    /// Serves a film in place of the one before.
    fn serve(&mut self, media_file: &Arc<MediaFile>) -> Option<Sharing> {
        self.server.library().clear();
        let name = self.server.serve(media_file.clone());
        let address = connectable_address(self.server.address());
        let url = RtspUrl::for_path(address.ip().to_string(), address.port(), &name).to_string();
        self.film = Some((media_file.clone(), url));
        self.sharing()
    }

    /// Returns the state with the number of viewers; `None` while no film is served.
    fn sharing(&self) -> Option<Sharing> {
        let (film, url) = self.film.as_ref()?;
        Some(Sharing::At { url: url.clone(), viewers: self.server.session_count_of(film) })
    }
}

impl SharedServer {
    /// Starts to listen on all interfaces, for the media of this generation. If the system refuses, [`Self::serve`]
    /// says so.
    pub async fn start(&mut self, generation: u64) {
        self.start_at(PORT, generation).await;
    }

    async fn start_at(&mut self, port: u16, generation: u64) {
        self.generation = generation;
        if let State::Listening(_) = self.state {
            return;
        }
        let started = match listen(port).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => listen(0).await,
            result => result,
        };
        self.state = match started {
            Ok(server) => {
                let session_count = server.watch_session_count();
                State::Listening(ListeningServer { server, session_count, film: None })
            }
            Err(error) => State::Failed(format!(
                "The film cannot be served to other players ({error}); try again, or use reelay serve."
            )),
        };
    }

    /// Serves a film in place of the one before, and returns its URL, or the reason why it is not served; `None` if
    /// that was not requested for this generation. Must be called on a tokio runtime.
    pub fn serve(&mut self, generation: u64, media_file: &Arc<MediaFile>) -> Option<Sharing> {
        if generation != self.generation {
            return None;
        }
        match &mut self.state {
            State::Off => None,
            State::Failed(sentence) => {
                let sentence = std::mem::take(sentence);
                self.state = State::Off;
                Some(Sharing::Failed(sentence))
            }
            State::Listening(listening) => listening.serve(media_file),
        }
    }

    /// Waits until the number of viewers may have changed. Never returns while no film is served.
    pub async fn viewers_changed(&mut self) -> Sharing {
        let State::Listening(listening) = &mut self.state else { return std::future::pending().await };
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

    /// Continues to serve the media of this generation, because those that were to follow cannot be opened. Stops the
    /// server if it has served none.
    pub fn stay_with(&mut self, generation: u64) {
        if generation != self.generation {
            match matches!(&self.state, State::Listening(listening) if listening.film.is_some()) {
                true => self.generation = generation,
                false => self.stop(),
            }
        }
    }

    /// Stops the server, and ends its sessions. Must be called on a tokio runtime.
    pub fn stop(&mut self) {
        if let State::Listening(listening) = std::mem::take(&mut self.state) {
            tokio::spawn(listening.server.stop());
        }
    }

    /// Stops the server, and waits until its sessions have ended.
    pub async fn finish(self) {
        if let State::Listening(listening) = self.state {
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
    use crate::backend::source::{SAMPLE, SAMPLE_NAME};
    use crate::media::FrameRate;

    #[tokio::test]
    async fn another_port_is_used_if_the_known_one_is_not_free() {
        let holder = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        let mut shared = SharedServer::default();
        shared.start_at(port, 1).await;
        let State::Listening(listening) = &shared.state else { panic!("nothing listens") };
        assert_ne!(listening.server.address().port(), port);
        shared.finish().await;
    }

    #[tokio::test]
    async fn failure_is_forgotten_once_the_server_listens() {
        let film = MediaFile::from_memory(SAMPLE, SAMPLE_NAME, FrameRate::CLASSROOM).unwrap();
        let failed = || State::Failed("The port is taken.".to_owned());
        let mut shared = SharedServer { state: failed(), generation: 2 };
        assert_eq!(shared.serve(1, &film), None, "it was not requested for this film");
        assert_eq!(shared.serve(2, &film), Some(Sharing::Failed("The port is taken.".to_owned())));
        assert_eq!(shared.serve(2, &film), None, "it is reported once");
        shared.state = failed();
        shared.start_at(0, 3).await;
        assert!(matches!(shared.serve(3, &film), Some(Sharing::At { viewers: 0, .. })));
        shared.finish().await;
    }
}
