//! UDP sockets of the server, which the sessions at one local address share.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::net::UdpSocket;
use tokio_util::sync::DropGuard;

use super::context::Context;
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

impl SocketTable {
    /// Returns the sockets of a local address, bound unless a session uses them already. All sessions share them; received
    /// RTCP is assigned to sessions by the address of the client.
    ///
    /// # Errors
    /// Returns an error if no port pair is free.
    pub fn sockets_at(&self, host: IpAddr, context: &Arc<Context>) -> io::Result<Arc<SharedSockets>> {
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sockets) = by_host.get(&host).and_then(Weak::upgrade) {
            return Ok(sockets);
        }
        by_host.retain(|_, sockets| sockets.strong_count() > 0);
        let sockets = Arc::new(bind(host, context)?);
        by_host.insert(host, Arc::downgrade(&sockets));
        Ok(sockets)
    }
}

/// Binds sockets, and starts the tasks that receive.
fn bind(host: IpAddr, context: &Arc<Context>) -> io::Result<SharedSockets> {
    let pair = Arc::new(SocketPair::bind(host, None, udp_ports::SOCKET_BUFFER_SIZE)?.into_async()?);
    let ended = context.shutdown.child_token();
    let (rtp_pair, rtp_context) = (pair.clone(), context.clone());
    context.tasks.spawn(ended.clone().run_until_cancelled_owned(async move {
        // Clients send datagrams to the RTP port only to open a firewall or NAT.
        receive(&rtp_context, &rtp_pair.rtp, |_, _| {}).await;
    }));
    let (rtcp_pair, rtcp_context) = (pair.clone(), context.clone());
    context.tasks.spawn(ended.clone().run_until_cancelled_owned(async move {
        let handle = |from, packet: &[u8]| rtcp_context.sessions.handle_rtcp(from, packet);
        receive(&rtcp_context, &rtcp_pair.rtcp, handle).await;
    }));
    Ok(SharedSockets { pair, _receiving: ended.drop_guard() })
}

/// Passes on received datagrams with the addresses of their senders.
async fn receive(context: &Context, socket: &UdpSocket, handle: impl Fn(SocketAddr, &[u8])) {
    let mut buffer = [0; RECEIVE_BUFFER_SIZE];
    let host = socket.local_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => handle(from, &buffer[..length]),
            // ICMP port unreachable is reported as an error of the next receive; the socket stays usable.
            // The client is not known: all count for the socket.
            Err(error) => {
                if context.debug_log.admits_debug(host) {
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
    use crate::server_embed::{Observer, ServerOptions};

    #[tokio::test]
    async fn sockets_are_shared_until_the_last_session_ends() {
        let context = Context::new(ServerOptions::default(), Observer::none());
        let table = &context.socket_table;
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = table.sockets_at(host, &context).unwrap();
        let second = table.sockets_at(host, &context).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let port = first.pair.ports().rtcp;
        drop(first);
        assert!(UdpSocket::bind((host, port)).is_err(), "a session still uses it");
        drop(second);
        context.tasks.close();
        context.tasks.wait().await;
        UdpSocket::bind((host, port)).unwrap();
    }

    #[tokio::test]
    async fn addresses_without_sessions_are_forgotten() {
        let context = Context::new(ServerOptions::default(), Observer::none());
        for last in 1..20 {
            context.socket_table.sockets_at(Ipv4Addr::new(127, 0, 0, last).into(), &context).unwrap();
        }
        assert_eq!(context.socket_table.by_host.lock().unwrap().len(), 1);
    }
}
