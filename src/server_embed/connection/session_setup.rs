//! SETUP on a connection: from the negotiated transport to a running session task.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Connection;
use crate::media_file::MediaFile;
use crate::net::clock;
use crate::net::udp_batch::BatchMethod;
use crate::proto::rtsp::{Request, Response, StatusCode};
use crate::server_embed::handlers::Resource;
use crate::server_embed::ids::{new_session_id, new_stream_identity};
use crate::server_embed::rtp_sender::RtpSender;
use crate::server_embed::session::ServerSession;
use crate::server_embed::session_table::INBOX_CAPACITY;
use crate::server_embed::session_task::SessionTask;
use crate::server_embed::setup::{Delivery, NegotiatedTransport, SetupContext, negotiate};
use crate::server_embed::socket_table::SharedSockets;
use crate::server_embed::stream::RtpStream;

impl Connection {
    /// Handles a SETUP of a new session.
    pub(super) async fn set_up(&mut self, request: &Request, resource: &Resource) -> Response {
        self.remove_closed_sessions(|_| false);
        let (name, media_file) = match self.find_media(resource).await {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let sockets = OnceCell::new();
        let server_ports =
            || sockets.get_or_init(|| self.udp_sockets()).as_ref().map(|sockets| sockets.pair.ports());
        let setup_context = SetupContext {
            peer: self.peer.ip().to_canonical(),
            server_ports: &server_ports,
            channels: &self.channels,
        };
        let negotiated = negotiate(request, resource, setup_context);
        let sockets = sockets.into_inner().flatten();
        match negotiated {
            Ok(transport) => {
                let described = self.described.take_if(|(described, _)| *described == name);
                let identity = described.map_or_else(new_stream_identity, |(_, identity)| identity);
                let stream = RtpStream::new(media_file.times(), identity, clock::epoch());
                let (id, timeout) = (new_session_id(), self.context.session_timeout);
                let (session, response) =
                    ServerSession::set_up(id, request, &name, transport, stream, timeout);
                self.start_session(session, media_file, sockets, response)
            }
            Err(refusal) if refusal.status == StatusCode::UNSUPPORTED_TRANSPORT && self.is_tls() => {
                let reason = "over TLS, only unicast RTP/AVP/TCP is supported, interleaved";
                Response::error(StatusCode::UNSUPPORTED_TRANSPORT, reason)
            }
            Err(refusal) => refusal,
        }
    }

    /// Returns the sockets for RTP over UDP; `None` if there are no free ports, and over TLS, where packets would not
    /// be encrypted.
    fn udp_sockets(&self) -> Option<Arc<SharedSockets>> {
        if self.is_tls() {
            return None;
        }
        let sockets = self.context.sockets_at(self.local.ip().to_canonical());
        sockets.inspect_err(|error| tracing::warn!(%error, "no UDP ports to send from")).ok()
    }

    /// Returns true if the connection is encrypted.
    pub(super) fn is_tls(&self) -> bool {
        self.context.tls.is_some()
    }

    /// Registers a session and starts its task. Returns `response`, or a refusal if the session cannot be started.
    pub(super) fn start_session(
        &mut self,
        session: ServerSession,
        media_file: Arc<MediaFile>,
        sockets: Option<Arc<SharedSockets>>,
        response: Response,
    ) -> Response {
        if self.sessions.len() >= self.context.limits.max_sessions_per_connection {
            return Response::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "this connection has the maximum number of sessions",
            );
        }
        let id = session.id().to_owned();
        let Some(rtp_sender) = self.rtp_sender_for(session.transport(), sockets) else {
            return Response::error(StatusCode::INTERNAL_SERVER_ERROR, "this server has no free UDP ports");
        };
        let (rtcp_address, channels) = match session.transport().delivery {
            Delivery::Udp(ports) => (Some(self.peer_address(ports.rtcp)), None),
            Delivery::Interleaved(channels) => (None, Some(channels)),
            Delivery::RtpOnly(_) => (None, None),
        };
        let place = match self.context.session_places.take(self.peer.ip().into()) {
            Ok(place) => place,
            Err(full) => return Response::error(StatusCode::SERVICE_UNAVAILABLE, full),
        };
        let (inbox, messages) = mpsc::channel(INBOX_CAPACITY);
        self.context.sessions.insert(&id, inbox, media_file.clone(), rtcp_address, place);
        if let Some(pair) = channels {
            self.channels.set_in_use(pair, true);
        }
        self.sessions.push((id, channels));
        let (context, connection_closed, peer) = (self.context.clone(), self.closed.clone(), self.peer);
        let task = SessionTask {
            session,
            media_file,
            rtp_sender,
            inbox: messages,
            connection_closed,
            peer,
            context,
            _thread_place: self.thread_place.clone(),
        };
        self.context.tasks.spawn(task.run());
        response
    }

    /// Creates the sender for a transport; `None` if it needs UDP sockets and there are none.
    fn rtp_sender_for(
        &self,
        transport: &NegotiatedTransport,
        sockets: Option<Arc<SharedSockets>>,
    ) -> Option<RtpSender> {
        Some(match transport.delivery {
            Delivery::Udp(ports) => RtpSender::Udp {
                sockets: sockets?,
                rtp_address: self.peer_address(ports.rtp),
                rtcp_address: self.peer_address(ports.rtcp),
                batch_method: BatchMethod::BEST,
            },
            // The stream of a classroom program sends no RTCP, so its RTCP address is never used.
            Delivery::RtpOnly(port) => RtpSender::Udp {
                sockets: sockets?,
                rtp_address: self.peer_address(port),
                rtcp_address: self.peer_address(port),
                batch_method: BatchMethod::BEST,
            },
            Delivery::Interleaved(channels) => {
                RtpSender::Interleaved { writer: self.writer.clone(), channels }
            }
        })
    }

    /// Address of a port of the client's host. Datagrams are sent to no other host.
    fn peer_address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.peer.ip().to_canonical(), port)
    }
}
