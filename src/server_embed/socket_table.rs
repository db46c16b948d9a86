//! UDP sockets of the server, which the sessions at one local address share.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::net::peer_log::PeerLog;
use crate::net::udp_ports::{self, AsyncSocketPair, SocketPair};

/// Receive buffer for RTCP, in bytes; more than an Ethernet MTU.
const RECEIVE_BUFFER_SIZE: usize = 2_048;

/// Sockets of one local address, closed when the last session that uses them has ended.
#[derive(Debug)]
pub struct SharedSockets {
    /// Sockets for RTP and RTCP.
    pub pair: Arc<AsyncSocketPair>,
    /// Ends the tasks that receive.
    _receiving: DropGuard,
}

/// Sockets that are in use, by their local address.
#[derive(Debug, Default)]
pub struct SocketTable {
    by_host: Mutex<HashMap<IpAddr, Weak<SharedSockets>>>,
}

/// Callback for a datagram and the address of its sender.
type HandleRtcp = Box<dyn Fn(SocketAddr, &[u8]) + Send + Sync>;

/// Reception at sockets, until the last session that uses them has ended.
pub struct Reception {
    /// Tasks of the server.
    pub tasks: TaskTracker,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// Limit on the debug lines about each client.
    pub debug_log: PeerLog,
    /// Handles a datagram to the RTCP port, with the address of its sender.
    pub handle_rtcp: HandleRtcp,
}

impl SocketTable {
    /// Returns the sockets of a local address, bound unless a session uses them already. All sessions share them;
    /// received RTCP is assigned to sessions by the address of the client.
    ///
    /// # Errors
    /// Returns an error if no port pair is free.
    pub fn sockets_at(
        &self,
        host: IpAddr,
        reception: impl FnOnce() -> Reception,
    ) -> io::Result<Arc<SharedSockets>> {
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sockets) = by_host.get(&host).and_then(Weak::upgrade) {
            return Ok(sockets);
        }
        by_host.retain(|_, sockets| sockets.strong_count() > 0);
        let pair = Arc::new(SocketPair::bind(host, None, udp_ports::SOCKET_BUFFER_SIZE)?.into_async()?);
        let sockets = Arc::new(SharedSockets { pair: pair.clone(), _receiving: reception().start(&pair) });
        by_host.insert(host, Arc::downgrade(&sockets));
        Ok(sockets)
    }
}

impl Reception {
    /// Starts the tasks that receive; they end when the guard is dropped.
    fn start(self, pair: &Arc<AsyncSocketPair>) -> DropGuard {
        let Self { tasks, shutdown, debug_log, handle_rtcp } = self;
        let ended = shutdown.child_token();
        let (rtp_pair, rtp_log) = (pair.clone(), debug_log.clone());
        tasks.spawn(ended.clone().run_until_cancelled_owned(async move {
            // Clients send datagrams to the RTP port only to open a firewall or NAT.
            receive(&rtp_pair.rtp, &rtp_log, |_, _| {}).await;
        }));
        let rtcp_pair = pair.clone();
        tasks.spawn(ended.clone().run_until_cancelled_owned(async move {
            receive(&rtcp_pair.rtcp, &debug_log, handle_rtcp).await;
        }));
        ended.drop_guard()
    }
}

/// Passes on received datagrams with the addresses of their senders.
async fn receive(socket: &UdpSocket, debug_log: &PeerLog, handle: impl Fn(SocketAddr, &[u8])) {
    let mut buffer = [0; RECEIVE_BUFFER_SIZE];
    let host = socket.local_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => handle(from, &buffer[..length]),
            // ICMP port unreachable is reported as an error of the next receive; the socket stays usable.
            // The client is not known: all count for the socket.
            Err(error) => {
                if debug_log.admits_debug(host) {
                    tracing::debug!(%error, "cannot receive datagram");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn reception(tasks: &TaskTracker) -> Reception {
        let (shutdown, debug_log) = (CancellationToken::new(), PeerLog::new(1));
        Reception { tasks: tasks.clone(), shutdown, debug_log, handle_rtcp: Box::new(|_, _| {}) }
    }

    #[tokio::test]
    async fn sockets_are_shared_until_the_last_session_ends() {
        let (table, tasks) = (SocketTable::default(), TaskTracker::new());
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = table.sockets_at(host, || reception(&tasks)).unwrap();
        let second = table.sockets_at(host, || reception(&tasks)).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let port = first.pair.ports().rtcp;
        drop(first);
        assert!(UdpSocket::bind((host, port)).is_err(), "a session still uses it");
        drop(second);
        tasks.close();
        tasks.wait().await;
        UdpSocket::bind((host, port)).unwrap();
    }

    #[tokio::test]
    async fn addresses_without_sessions_are_forgotten() {
        let (table, tasks) = (SocketTable::default(), TaskTracker::new());
        for last in 1..20 {
            table.sockets_at(Ipv4Addr::new(127, 0, 0, last).into(), || reception(&tasks)).unwrap();
        }
        assert_eq!(table.by_host.lock().unwrap().len(), 1);
    }
}
