//! State that all connections and sessions of a server share.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::auth::Authenticator;
use super::event::{Observer, ServerEvent};
use super::frame_cache::FrameCache;
use super::options::{MANY_SESSIONS, RestartMarkers, Segmentation, ServerOptions};
use super::session_table::SessionTable;
use super::socket_table::{Reception, SharedSockets, SocketTable};
use super::stream::PhaseGrid;
use crate::impairment::Emulator;
use crate::media::payload::PayloadFormat;
use crate::media_file::{IndexProgress, Library, MediaFile, MediaFileError};
use crate::net::limits::{Limits, PasswordGuard, Places};
use crate::net::peer_log::PeerLog;
use crate::net::server_tls::ServerTls;

/// State that all tasks of a server share.
#[derive(Debug)]
pub struct Context {
    /// Media files that are served.
    pub library: Library,
    /// Frames that have been read and packetized.
    pub frame_cache: FrameCache,
    /// User name and password that requests need; `None` if the server is open.
    pub auth: Option<Authenticator>,
    /// Certificate and key; `None` without TLS.
    pub tls: Option<ServerTls>,
    /// Session timeout (RFC 2326 §12.37).
    pub session_timeout: Duration,
    /// Sessions that are set up, by identifier.
    pub sessions: SessionTable,
    /// Emulated network through which all packets are sent.
    pub emulator: Emulator,
    /// Callback for the events of the server.
    pub observer: Observer,
    /// Limits of the server.
    pub limits: Limits,
    segmentation: Segmentation,
    restart_markers: RestartMarkers,
    /// Places of the sessions.
    pub session_places: Places,
    /// Limit on the events about each client.
    peer_log: PeerLog,
    /// Limit on the debug lines about each client.
    pub debug_log: PeerLog,
    /// Wrong passwords of each client.
    password_guard: Mutex<PasswordGuard>,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// All tasks of the server, so that shutdown can wait for them.
    pub tasks: TaskTracker,
    /// UDP sockets of the sessions.
    socket_table: SocketTable,
    /// Instant from which the steps of the grid for many sessions are counted.
    phase_origin: Instant,
}

impl Context {
    /// Creates the state of a new server.
    pub fn new(options: ServerOptions, observer: Observer) -> Arc<Self> {
        let limits = options.limits;
        Arc::new(Self {
            library: Library::default(),
            frame_cache: FrameCache::new(options.cache_capacity, options.quality),
            auth: options.auth,
            tls: options.tls,
            session_timeout: options.session_timeout,
            sessions: SessionTable::default(),
            emulator: options.emulator,
            observer,
            limits,
            segmentation: options.segmentation,
            restart_markers: options.restart_markers,
            session_places: Places::new("sessions", limits.max_sessions, limits.max_sessions_per_address),
            peer_log: PeerLog::new(limits.max_log_lines),
            debug_log: PeerLog::new(limits.max_log_lines),
            password_guard: Mutex::new(PasswordGuard::new(limits.wrong_password_delay)),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            socket_table: SocketTable::default(),
            phase_origin: Instant::now(),
        })
    }

    /// Emits an event about a client, unless there have been too many of this client; those are counted.
    pub fn emit_about(&self, peer: SocketAddr, event: impl FnOnce() -> ServerEvent) {
        let observer = self.observer.clone();
        let report = move |address, count| observer.emit(ServerEvent::EventsLeftOut { address, count });
        if self.peer_log.admit(peer.ip(), report) {
            self.observer.emit(event());
        }
    }

    /// Returns the grid on which a PLAY begins; `None` while there are few sessions, whose wake-ups cost little.
    pub fn phase_grid(&self) -> Option<PhaseGrid> {
        self.has_many_sessions().then(|| PhaseGrid::new(self.phase_origin, self.sessions.count()))
    }

    /// Returns true if there are so many sessions that it matters what each of them costs.
    pub fn has_many_sessions(&self) -> bool {
        self.sessions.count() >= MANY_SESSIONS
    }

    /// Returns true if packets over UDP are to be sent with segmentation offload.
    pub fn uses_segmentation(&self) -> bool {
        self.segmentation.is_used(self.sessions.count())
    }

    /// Returns the format of the next frame of a session whose stream has this format.
    pub fn frame_format(&self, stream_format: PayloadFormat) -> PayloadFormat {
        let has_markers = self.restart_markers == RestartMarkers::Always || self.emulator.is_on();
        match stream_format {
            PayloadFormat::OriginalWithRestarts if !has_markers => PayloadFormat::OriginalWithoutRestarts,
            format => format,
        }
    }

    /// Handles a wrong password of a client; returns the delay of the response.
    pub fn handle_wrong_password(&self, peer: SocketAddr) -> Duration {
        let mut guard = self.password_guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.handle_wrong_password(Instant::now(), peer.ip().into())
    }

    /// Returns the UDP sockets of a local address, which all sessions share.
    ///
    /// # Errors
    /// Returns an error if no port pair is free.
    pub fn sockets_at(self: &Arc<Self>, host: IpAddr) -> io::Result<Arc<SharedSockets>> {
        self.socket_table.sockets_at(host, || {
            let (tasks, shutdown) = (self.tasks.clone(), self.shutdown.clone());
            let (debug_log, context) = (self.debug_log.clone(), self.clone());
            let handle_rtcp = Box::new(move |from, packet: &[u8]| context.sessions.handle_rtcp(from, packet));
            Reception { tasks, shutdown, debug_log, handle_rtcp }
        })
    }

    /// Returns the media file of this name, opening it if necessary; `None` if there is none. May block. Must be
    /// called on a tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened.
    pub fn open_media(self: &Arc<Self>, name: &str) -> Result<Option<Arc<MediaFile>>, MediaFileError> {
        self.library.media_file(name, |opened| self.watch_index(opened))
    }

    /// Emits [`ServerEvent::MediaFileWarning`] about streams that are not played, and if the file turns out to be
    /// damaged when its index is complete.
    pub fn watch_index(self: &Arc<Self>, media_file: &MediaFile) {
        if let Some(warning) = media_file.info().other_streams_note() {
            self.observer.emit(ServerEvent::MediaFileWarning { warning });
        }
        let (context, name, mut progress) =
            (self.clone(), media_file.name().to_owned(), media_file.progress());
        // Holds no reference to the file: indexing stops when the file is dropped.
        self.tasks.spawn(async move {
            let finished =
                async { progress.wait_for(IndexProgress::is_finished).await.ok().map(|progress| *progress) };
            let finished = tokio::select! {
                finished = finished => finished,
                () = context.shutdown.cancelled() => None,
            };
            if let Some(warning) = finished.and_then(|progress| progress.warning(&name)) {
                context.observer.emit(ServerEvent::MediaFileWarning { warning });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impairment::EmulatorSettings;

    #[test]
    fn restart_markers_are_inserted_where_packets_can_be_lost() {
        use PayloadFormat::{OriginalWithRestarts, OriginalWithoutRestarts, Rfc2435WithRestarts};
        let emulator = Emulator::default();
        let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
        let open = Context::new(options.clone(), Observer::none());
        assert_eq!(open.frame_format(OriginalWithRestarts), OriginalWithRestarts);
        let options = ServerOptions { restart_markers: RestartMarkers::WhenEmulated, ..options };
        let private = Context::new(options, Observer::none());
        assert_eq!(private.frame_format(OriginalWithRestarts), OriginalWithoutRestarts);
        assert_eq!(private.frame_format(Rfc2435WithRestarts), Rfc2435WithRestarts);
        emulator.configure(EmulatorSettings { is_on: true, ..EmulatorSettings::default() });
        assert_eq!(private.frame_format(OriginalWithRestarts), OriginalWithRestarts);
    }
}
