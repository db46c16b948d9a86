//! Options of a server.

use std::net::SocketAddr;
use std::time::Duration;

use super::auth::Authenticator;
use super::frame_cache::DEFAULT_CACHE_CAPACITY;
use super::session::DEFAULT_SESSION_TIMEOUT;
use crate::impairment::Emulator;
use crate::media::reencode::Quality;
use crate::net::limits::Limits;
use crate::net::server_tls::ServerTls;

/// Options of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Capacity of the frame cache, in bytes.
    pub cache_capacity: u64,
    /// User name and password that requests need; `None` serves everyone.
    pub auth: Option<Authenticator>,
    /// Session timeout (RFC 2326 §12.37).
    pub session_timeout: Duration,
    /// Quality of frames that are re-encoded because RFC 2435 cannot carry them as they are.
    pub quality: Quality,
    /// Emulated network through which all RTP and RTCP packets are sent.
    pub emulator: Emulator,
    /// Certificate and key; `None` without TLS.
    pub tls: Option<ServerTls>,
    /// Limits on connections, sessions, requests, passwords and log lines.
    pub limits: Limits,
    /// Use of segmentation offload for packets over UDP.
    pub segmentation: Segmentation,
    /// Restart markers in frames for players that remove them again.
    pub restart_markers: RestartMarkers,
    /// Threads for connections and their sessions.
    pub threads: ThreadOptions,
}

/// Insertion of restart markers, which keep a lost packet from costing more than its own part of the picture. It costs
/// about as much time as decoding the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartMarkers {
    /// Insertion into every frame.
    #[default]
    Always,
    /// Insertion while the emulated network is on, for a server whose only player is on this machine.
    WhenEmulated,
}

/// Use of segmentation offload: packets of one frame pass the network stack of this machine as one datagram, which
/// costs a fraction. On the network they are separate, but captures on this machine show them as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Segmentation {
    /// From [`MANY_SESSIONS`] sessions on; with fewer, the cost does not matter, and a capture shows each packet.
    #[default]
    Auto,
    /// For every session.
    Always,
    /// For no session.
    Never,
}

/// Threads for connections and their sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadOptions {
    /// Number of threads; with 0, connections are served on the tokio runtime that starts the server.
    pub count: usize,
    /// Number of connections and sessions of one thread from which on new connections are served by the next: few leave
    /// a core idle most of the time, and are served the cheaper the fewer threads have to wake up.
    pub shared_places: usize,
}

impl ThreadOptions {
    /// Threads for a server that does nothing else: one for each core, because more would not send more. Encryption
    /// needs more of a core for each connection.
    pub fn for_cores(cores: usize, is_encrypted: bool) -> Self {
        Self { count: cores, shared_places: if is_encrypted { 64 } else { Self::default().shared_places } }
    }
}

impl Default for ThreadOptions {
    fn default() -> Self {
        Self { count: 0, shared_places: 512 }
    }
}

/// Number of sessions from which on each sends its packets in the way that costs the least for all of them: more at
/// once, with segmentation offload unless the options say otherwise, and at the same time as others.
pub const MANY_SESSIONS: usize = 16;

impl Segmentation {
    /// Returns true if segmentation offload is to be used with this number of sessions.
    pub fn is_used(self, sessions: usize) -> bool {
        match self {
            Self::Auto => sessions >= MANY_SESSIONS,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Default for ServerOptions {
    /// Listens on the loopback interface only, on a port that the system chooses.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            cache_capacity: DEFAULT_CACHE_CAPACITY,
            auth: None,
            session_timeout: DEFAULT_SESSION_TIMEOUT,
            quality: Quality::default(),
            emulator: Emulator::default(),
            tls: None,
            limits: Limits::default(),
            segmentation: Segmentation::default(),
            restart_markers: RestartMarkers::default(),
            threads: ThreadOptions::default(),
        }
    }
}
