//! The sessions of a server: finding the one that a request or an RTCP packet belongs to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::desk::Resource;
use crate::proto::rtcp::{self, Rtcp};
use crate::proto::rtsp::{Request, Response};

/// Something for a session.
#[derive(Debug)]
pub enum ToSession {
    /// A request, and where its answer goes.
    Request {
        /// What is asked.
        request: Request,
        /// What its URL names.
        resource: Resource,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer>,
    },
    /// Its player has sent RTCP, and when it arrived: a sign of life.
    Reported(Instant, Vec<Rtcp>),
    /// A request has named it that somebody else answers, and when it arrived: a sign of life (RFC 2326 §12.37).
    Named(Instant),
    /// A connection is gone.
    ConnectionClosed(u64),
}

/// A session's answer.
#[derive(Debug)]
pub struct Answer {
    /// What to write.
    pub response: Response,
    /// To be dropped when it has been written: no packet leaves before.
    pub written: oneshot::Sender<()>,
}

/// How many things may wait for a session. A request beyond them waits on its connection; reports are lost.
pub const INBOX: usize = 32;

/// The most sessions at a time.
const MOST: usize = 256;

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<String, mpsc::Sender<ToSession>>,
    /// Several of one player may share its port.
    by_rtcp_address: HashMap<SocketAddr, Vec<String>>,
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a session; `false` if there are too many. Its RTCP comes from `rtcp_from`, if it comes by datagrams.
    pub fn enter(&self, id: &str, inbox: mpsc::Sender<ToSession>, rtcp_from: Option<SocketAddr>) -> bool {
        let mut table = self.table();
        if table.by_id.len() >= MOST {
            return false;
        }
        table.by_id.insert(id.to_owned(), inbox);
        if let Some(address) = rtcp_from {
            table.by_rtcp_address.entry(address).or_default().push(id.to_owned());
        }
        true
    }

    /// Takes a session out.
    pub fn leave(&self, id: &str) {
        let mut table = self.table();
        table.by_id.remove(id);
        table.by_rtcp_address.retain(|_, sessions| {
            sessions.retain(|session| session != id);
            !sessions.is_empty()
        });
    }

    /// The session of this identifier.
    pub fn find(&self, id: &str) -> Option<mpsc::Sender<ToSession>> {
        self.table().by_id.get(id).cloned()
    }

    /// Tells the sessions whose player sends RTCP from there. What comes from elsewhere, or is junk, is dropped.
    pub fn take_rtcp(&self, from: SocketAddr, packet: &[u8]) {
        let table = self.table();
        let (Some(sessions), Ok(packets)) = (table.by_rtcp_address.get(&from), rtcp::parse(packet)) else {
            return;
        };
        for inbox in sessions.iter().filter_map(|id| table.by_id.get(id)) {
            // A session that does not keep up loses reports, which repeat.
            let _ = inbox.try_send(ToSession::Reported(Instant::now(), packets.clone()));
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.table().by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(sessions: &Sessions, id: &str, address: SocketAddr) -> mpsc::Receiver<ToSession> {
        let (inbox, messages) = mpsc::channel(INBOX);
        assert!(sessions.enter(id, inbox, Some(address)));
        messages
    }

    #[test]
    fn who_shares_a_port_with_another_session_is_heard_when_that_is_gone() {
        let (sessions, port) = (Sessions::default(), SocketAddr::from(([127, 0, 0, 1], 5_001)));
        let (mut first, mut second) = (enter(&sessions, "1", port), enter(&sessions, "2", port));
        let report = rtcp::write(&[Rtcp::ReceiverReport { ssrc: 5, blocks: Vec::new() }]);
        sessions.take_rtcp(port, &report);
        assert!(matches!(first.try_recv(), Ok(ToSession::Reported(..))));
        assert!(matches!(second.try_recv(), Ok(ToSession::Reported(..))));
        sessions.leave("2");
        sessions.take_rtcp(port, &report);
        assert!(matches!(first.try_recv(), Ok(ToSession::Reported(..))));
        sessions.leave("1");
        assert!(sessions.table().by_rtcp_address.is_empty());
    }
}
