//! The sessions of a server, by identifier and by the address of their RTCP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};

use super::handlers::Resource;
use crate::media_file::MediaFile;
use crate::net::limits::Place;
use crate::proto::rtcp::{self, RtcpPacket};
use crate::proto::rtsp::{Request, Response};

/// Message to the task of a session.
#[derive(Debug)]
pub enum SessionMessage {
    /// Request that names the session.
    Request {
        /// Request as received from the client.
        request: Request,
        /// Target of its URL.
        resource: Resource,
        /// Channel for the response.
        response_sender: oneshot::Sender<SessionResponse>,
    },
    /// RTCP of the client and its arrival time. Resets the session timeout.
    Rtcp(Instant, Vec<RtcpPacket>),
    /// Arrival time of a request that names the session but is handled without it. Resets the session timeout
    /// (RFC 2326 §12.37).
    KeepAlive(Instant),
}

/// Response of a session task to a [`SessionMessage::Request`].
#[derive(Debug)]
pub struct SessionResponse {
    /// Response to write on the connection of the request.
    pub response: Response,
    /// Sender to drop when the response has been written. The session sends no packets before that.
    pub written: oneshot::Sender<()>,
}

/// Maximum number of messages queued for a session. Further requests wait; further RTCP and keep-alives are dropped.
pub const INBOX_CAPACITY: usize = 32;

/// All sessions of a server.
#[derive(Debug, Default)]
pub struct SessionTable {
    entries: Mutex<TableEntries>,
    /// Number of sessions that are set up.
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct TableEntries {
    by_id: HashMap<String, Entry>,
    /// Several sessions of one client may share a port.
    by_rtcp_address: HashMap<SocketAddr, Vec<String>>,
}

#[derive(Debug)]
struct Entry {
    inbox: mpsc::Sender<SessionMessage>,
    media_file: Arc<MediaFile>,
    /// Place of the session within the limits of the server.
    _place: Place,
}

impl SessionTable {
    fn lock(&self) -> MutexGuard<'_, TableEntries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inserts a session and its place, which is free again when the session is removed. `rtcp_address` is the address
    /// from which the client sends RTCP over UDP; `None` for interleaved sessions and classroom programs.
    pub fn insert(
        &self,
        id: &str,
        inbox: mpsc::Sender<SessionMessage>,
        media_file: Arc<MediaFile>,
        rtcp_address: Option<SocketAddr>,
        place: Place,
    ) {
        let mut table = self.lock();
        table.by_id.insert(id.to_owned(), Entry { inbox, media_file, _place: place });
        self.count.send_replace(table.by_id.len());
        if let Some(address) = rtcp_address {
            table.by_rtcp_address.entry(address).or_default().push(id.to_owned());
        }
    }

    /// Removes the session with this identifier, if there is one.
    pub fn remove(&self, id: &str) {
        let mut table = self.lock();
        table.by_id.remove(id);
        self.count.send_replace(table.by_id.len());
        table.by_rtcp_address.retain(|_, sessions| {
            sessions.retain(|session| session != id);
            !sessions.is_empty()
        });
    }

    /// Inbox of the session with this identifier; `None` if there is none.
    pub fn get(&self, id: &str) -> Option<mpsc::Sender<SessionMessage>> {
        self.lock().by_id.get(id).map(|entry| entry.inbox.clone())
    }

    /// Passes a received RTCP packet to the sessions whose client sends from this address. Packets from unknown
    /// addresses, and packets that cannot be parsed, are ignored.
    pub fn handle_rtcp(&self, from: SocketAddr, packet: &[u8]) {
        let table = self.lock();
        let (Some(sessions), Ok(packets)) = (table.by_rtcp_address.get(&from), rtcp::parse(packet)) else {
            return;
        };
        for Entry { inbox, .. } in sessions.iter().filter_map(|id| table.by_id.get(id)) {
            // Reports are dropped if the inbox is full; the client sends them repeatedly.
            let _ = inbox.try_send(SessionMessage::Rtcp(Instant::now(), packets.clone()));
        }
    }

    /// Number of sessions that are set up.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Number of sessions of this film.
    pub fn count_of(&self, media_file: &Arc<MediaFile>) -> usize {
        let table = self.lock();
        table.by_id.values().filter(|entry| Arc::ptr_eq(&entry.media_file, media_file)).count()
    }

    /// Returns the changes of the number of sessions.
    pub fn watch_count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::FrameRate;
    use crate::net::limits::Places;

    fn film() -> Arc<MediaFile> {
        let film = include_bytes!("../../assets/sample.mjpeg");
        MediaFile::from_memory(film, "sample.mjpeg", FrameRate::CLASSROOM).unwrap()
    }

    fn insert(
        sessions: &SessionTable,
        id: &str,
        film: &Arc<MediaFile>,
        address: SocketAddr,
    ) -> mpsc::Receiver<SessionMessage> {
        let (inbox, messages) = mpsc::channel(INBOX_CAPACITY);
        let place = Places::new("sessions", 1, 1).take(address.ip().into()).unwrap();
        sessions.insert(id, inbox, film.clone(), Some(address), place);
        messages
    }

    #[test]
    fn sessions_are_counted_together_and_by_film() {
        let (sessions, port) = (SessionTable::default(), SocketAddr::from(([127, 0, 0, 1], 5_001)));
        let mut changes = sessions.watch_count();
        let films = [film(), film()];
        for (id, film) in [("1", &films[0]), ("2", &films[0]), ("3", &films[1])] {
            insert(&sessions, id, film, port);
        }
        assert!(changes.has_changed().unwrap());
        assert_eq!((*changes.borrow_and_update(), sessions.count()), (3, 3));
        assert_eq!(films.each_ref().map(|film| sessions.count_of(film)), [2, 1]);
        sessions.remove("1");
        assert!(changes.has_changed().unwrap());
        assert_eq!((sessions.count(), sessions.count_of(&films[0])), (2, 1));
    }

    #[test]
    fn session_on_shared_port_receives_rtcp_after_other_is_removed() {
        let (sessions, port) = (SessionTable::default(), SocketAddr::from(([127, 0, 0, 1], 5_001)));
        let (mut first, mut second) =
            (insert(&sessions, "1", &film(), port), insert(&sessions, "2", &film(), port));
        let report = rtcp::encode(&[RtcpPacket::ReceiverReport { ssrc: 5, blocks: Vec::new() }]);
        sessions.handle_rtcp(port, &report);
        assert!(matches!(first.try_recv(), Ok(SessionMessage::Rtcp(..))));
        assert!(matches!(second.try_recv(), Ok(SessionMessage::Rtcp(..))));
        sessions.remove("2");
        sessions.handle_rtcp(port, &report);
        assert!(matches!(first.try_recv(), Ok(SessionMessage::Rtcp(..))));
        sessions.remove("1");
        assert!(sessions.lock().by_rtcp_address.is_empty());
    }
}
