//! The sessions of a server: finding the one that a request or an RTCP packet belongs to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::handlers::Resource;
use crate::proto::rtcp::{self, RtcpPacket};
use crate::proto::rtsp::{Request, Response};

/// Something for a session.
#[derive(Debug)]
pub enum SessionMessage {
    /// A request, and where its answer goes.
    Request {
        /// What is asked.
        request: Request,
        /// What its URL names.
        resource: Resource,
        /// Where the answer goes.
        response_sender: oneshot::Sender<SessionResponse>,
    },
    /// Its player has sent RTCP, and when it arrived: a sign of life.
    Rtcp(Instant, Vec<RtcpPacket>),
    /// A request has named it that somebody else answers, and when it arrived: a sign of life (RFC 2326 §12.37).
    KeepAlive(Instant),
    /// A connection is gone.
    ConnectionClosed(u64),
}

/// A session's answer.
#[derive(Debug)]
pub struct SessionResponse {
    /// What to write.
    pub response: Response,
    /// To be dropped when it has been written: no packet leaves before.
    pub written: oneshot::Sender<()>,
}

/// How many things may wait for a session. A request beyond them waits on its connection; reports are lost.
pub const INBOX_CAPACITY: usize = 32;

/// The most sessions at a time.
const MAX_SESSIONS: usize = 256;

/// All sessions.
#[derive(Debug, Default)]
pub struct SessionTable(Mutex<TableEntries>);

#[derive(Debug, Default)]
struct TableEntries {
    by_id: HashMap<String, mpsc::Sender<SessionMessage>>,
    /// Several of one player may share its port.
    by_rtcp_address: HashMap<SocketAddr, Vec<String>>,
}

impl SessionTable {
    fn lock(&self) -> MutexGuard<'_, TableEntries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a session; `false` if there are too many. Its RTCP comes from `rtcp_from`, if it comes by datagrams.
    pub fn insert(
        &self,
        id: &str,
        inbox: mpsc::Sender<SessionMessage>,
        rtcp_address: Option<SocketAddr>,
    ) -> bool {
        let mut table = self.lock();
        if table.by_id.len() >= MAX_SESSIONS {
            return false;
        }
        table.by_id.insert(id.to_owned(), inbox);
        if let Some(address) = rtcp_address {
            table.by_rtcp_address.entry(address).or_default().push(id.to_owned());
        }
        true
    }

    /// Takes a session out.
    pub fn remove(&self, id: &str) {
        let mut table = self.lock();
        table.by_id.remove(id);
        table.by_rtcp_address.retain(|_, sessions| {
            sessions.retain(|session| session != id);
            !sessions.is_empty()
        });
    }

    /// The session of this identifier.
    pub fn get(&self, id: &str) -> Option<mpsc::Sender<SessionMessage>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Tells the sessions whose player sends RTCP from there. What comes from elsewhere, or is junk, is dropped.
    pub fn handle_rtcp(&self, from: SocketAddr, packet: &[u8]) {
        let table = self.lock();
        let (Some(sessions), Ok(packets)) = (table.by_rtcp_address.get(&from), rtcp::parse(packet)) else {
            return;
        };
        for inbox in sessions.iter().filter_map(|id| table.by_id.get(id)) {
            // A session that does not keep up loses reports, which repeat.
            let _ = inbox.try_send(SessionMessage::Rtcp(Instant::now(), packets.clone()));
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(sessions: &SessionTable, id: &str, address: SocketAddr) -> mpsc::Receiver<SessionMessage> {
        let (inbox, messages) = mpsc::channel(INBOX_CAPACITY);
        assert!(sessions.insert(id, inbox, Some(address)));
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
