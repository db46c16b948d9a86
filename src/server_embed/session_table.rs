//! The sessions of a server, by identifier and by the address of their RTCP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};

use super::handlers::Resource;
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
    /// The connection of this number is closed.
    ConnectionClosed(u64),
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
        rtcp_address: Option<SocketAddr>,
        place: Place,
    ) {
        let mut table = self.lock();
        table.by_id.insert(id.to_owned(), Entry { inbox, _place: place });
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

    /// Returns the changes of this number.
    pub fn watch_count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::limits::Places;

    fn insert(sessions: &SessionTable, id: &str, address: SocketAddr) -> mpsc::Receiver<SessionMessage> {
        let (inbox, messages) = mpsc::channel(INBOX_CAPACITY);
        let place = Places::new("sessions", 1, 1).take(address.ip().into()).unwrap();
        sessions.insert(id, inbox, Some(address), place);
        messages
    }

    #[test]
    fn session_on_shared_port_receives_rtcp_after_other_is_removed() {
        let (sessions, port) = (SessionTable::default(), SocketAddr::from(([127, 0, 0, 1], 5_001)));
        let (mut first, mut second) = (insert(&sessions, "1", port), insert(&sessions, "2", port));
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
