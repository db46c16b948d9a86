//! Options of a server.

use std::net::SocketAddr;
use std::time::Duration;

use super::auth::Authenticator;
use super::frame_cache::DEFAULT_CACHE_CAPACITY;
use super::session::DEFAULT_SESSION_TIMEOUT;
use crate::impairment::Emulator;
use crate::media::reencode::Quality;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where it listens; port 0 leaves the choice to the system.
    pub listen: SocketAddr,
    /// Bytes of frames kept ready for sessions near each other.
    pub cache_capacity: u64,
    /// Who may play; everyone if there is none.
    pub auth: Option<Authenticator>,
    /// How long a session lives without a sign of life.
    pub session_timeout: Duration,
    /// Of pictures that have to be drawn anew, because RFC 2435 cannot carry them as they are.
    pub quality: Quality,
    /// The emulated network, past which every packet of RTP and RTCP leaves.
    pub emulator: Emulator,
}

impl Default for ServerOptions {
    /// On this machine alone, on a port of the system's choice.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            cache_capacity: DEFAULT_CACHE_CAPACITY,
            auth: None,
            session_timeout: DEFAULT_SESSION_TIMEOUT,
            quality: Quality::default(),
            emulator: Emulator::default(),
        }
    }
}
