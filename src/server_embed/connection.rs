//! One RTSP connection: requests in, answers out, and packets between them.

mod classroom;

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::classroom::{ClassroomPeer, REQUEST_END_TIMEOUT};
use super::context::Context;
use super::event::ServerEvent;
use super::handlers::{self, Dispatch, Resource};
use super::ids::{new_classroom_session_number, new_nonce, new_session_id, new_stream_identity};
use super::rtp_sender::{Outgoing, RtpSender};
use super::session::ServerSession;
use super::session_table::{INBOX_CAPACITY, SessionMessage, SessionResponse};
use super::session_task::SessionTask;
use super::setup::{Delivery, InterleavedChannels, NegotiatedTransport, SetupContext, negotiate};
use super::stream::RtpStream;
use crate::media_file::MediaFile;
use crate::net::clock;
use crate::net::udp_ports::AsyncSocketPair;
use crate::proto::rtcp;
use crate::proto::rtsp::{
    ChannelPair, FramingError, Message, MessageLimits, MessageReader, Method, Request, Response,
    SessionHeader, StatusCode, header,
};

/// Packets and answers that may wait for a slow connection.
const OUTBOX_CAPACITY: usize = 256;

/// How long a connection may take none of what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last words may take that a connection is written.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a connection may be silent in the middle of a message.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may be silent that has no session. Classroom programs connect when their window opens, and
/// say nothing before a button is pressed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// The most sessions of one connection. They live for as long as it is open, and others want some, too.
const MAX_SESSIONS_PER_CONNECTION: usize = 16;

/// A connection's task.
pub struct Connection {
    id: u64,
    context: Arc<Context>,
    peer: SocketAddr,
    local: SocketAddr,
    writer: mpsc::Sender<Outgoing>,
    channels: InterleavedChannels,
    /// For Digest authentication.
    nonce: String,
    /// The sessions that were set up here, and the channels of those that are interleaved.
    sessions: Vec<(String, Option<ChannelPair>)>,
    /// The classroom program that may be at the other end.
    classroom: ClassroomPeer,
}

/// An answer, and what waits for it to be written.
type PendingResponse = (Response, Option<oneshot::Sender<()>>);

impl Connection {
    /// Serves a connection until it closes, or the server stops.
    pub async fn serve(
        id: u64,
        stream: TcpStream,
        peer: SocketAddr,
        context: Arc<Context>,
    ) -> io::Result<()> {
        let local = stream.local_addr()?;
        configure_socket(&stream)?;
        let (reader, write_half) = stream.into_split();
        let (writer, outbox) = mpsc::channel(OUTBOX_CAPACITY);
        let mut write = pin!(write_outgoing(write_half, outbox));
        let mut connection = Self {
            id,
            context,
            peer,
            local,
            writer,
            channels: InterleavedChannels::default(),
            nonce: new_nonce(),
            sessions: Vec::new(),
            classroom: ClassroomPeer::new(new_classroom_session_number()),
        };
        let shutdown = connection.context.shutdown.clone();
        let (result, is_writing) = tokio::select! {
            result = connection.read_messages(reader) => (result, true),
            result = &mut write => (result, false),
            () = shutdown.cancelled() => (Ok(()), true),
        };
        connection.notify_sessions_closed().await;
        // Who says nothing more may listen still: to the last answers, and to the goodbyes of the sessions, which give
        // their writers up behind them.
        drop(connection);
        if is_writing && let Err(elapsed) = timeout(FLUSH_TIMEOUT, write).await {
            tracing::debug!(%peer, %elapsed, "last words are left unsaid");
        }
        result
    }

    /// Tells the sessions that the connection is gone.
    async fn notify_sessions_closed(&self) {
        for (session, _) in &self.sessions {
            if let Some(inbox) = self.context.sessions.get(session) {
                // A session that is already gone needs no telling.
                let _ = inbox.send(SessionMessage::ConnectionClosed(self.id)).await;
            }
        }
    }

    async fn read_messages(&mut self, mut reader: OwnedReadHalf) -> io::Result<()> {
        let mut message_reader = MessageReader::new(MessageLimits::SERVER);
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        loop {
            loop {
                match message_reader.poll_message() {
                    Ok(Some(frame)) => {
                        if self.handle_message(frame).await.is_break() {
                            return Ok(());
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.send_framing_error(&error, message_reader.rejected_cseq()).await;
                        return Ok(());
                    }
                }
            }
            buffer.clear();
            let read = reader.read_buf(&mut buffer);
            let is_end = match self.read_timeout(&message_reader) {
                Some(patience) => match timeout(patience, read).await {
                    Ok(count) => count? == 0,
                    Err(_) if message_reader.may_be_complete() => true,
                    Err(elapsed) => return Err(elapsed.into()),
                },
                None => read.await? == 0,
            };
            if !is_end {
                message_reader.push(&buffer);
                continue;
            }
            let Some(last) = message_reader.finish_classroom() else { return Ok(()) };
            if self.handle_message(last).await.is_break() {
                return Ok(());
            }
        }
    }

    /// How long the connection may be silent now.
    fn read_timeout(&mut self, message_reader: &MessageReader) -> Option<Duration> {
        if message_reader.may_be_complete() {
            Some(REQUEST_END_TIMEOUT)
        } else if message_reader.is_mid_message() {
            Some(READ_TIMEOUT)
        } else {
            (!self.has_session()).then_some(IDLE_TIMEOUT)
        }
    }

    fn has_session(&mut self) -> bool {
        self.remove_closed_sessions(|_| false);
        !self.sessions.is_empty()
    }

    /// Forgets the sessions that are gone, and others; their channels are free again.
    fn remove_closed_sessions(&mut self, is_torn_down: impl Fn(&str) -> bool) {
        let (sessions, channels) = (&self.context.sessions, &mut self.channels);
        self.sessions.retain(|(id, pair)| {
            let is_open = !is_torn_down(id) && sessions.get(id).is_some();
            if let (false, Some(pair)) = (is_open, pair) {
                channels.set_in_use(*pair, false);
            }
            is_open
        });
    }

    /// Breaks where nothing more is to come.
    async fn handle_message(&mut self, message: Message) -> ControlFlow<()> {
        match message {
            Message::Request(request) => return self.handle_request(&request).await,
            Message::Interleaved { channel, packet } => self.handle_interleaved(channel, &packet),
            Message::Classroom(request) => self.handle_classroom(&request).await,
            // This server asks nothing, so nothing is answered.
            Message::Response(_) => {}
        }
        ControlFlow::Continue(())
    }

    async fn handle_request(&mut self, request: &Request) -> ControlFlow<()> {
        let (response, written) = self.respond(request).await;
        let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        self.emit_request_handled(Some(request.method.clone()), session, &response);
        self.write(handlers::finalize_response(response, request).encode(), written).await;
        match handlers::wants_close(request) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn handle_interleaved(&self, channel: u8, packet: &[u8]) {
        let owner = self.sessions.iter().find(|(_, pair)| pair.is_some_and(|pair| pair.rtcp == channel));
        if let Some(inbox) = owner.and_then(|(id, _)| self.context.sessions.get(id))
            && let Ok(packets) = rtcp::parse(packet)
        {
            // A session that does not keep up loses reports, which repeat.
            let _ = inbox.try_send(SessionMessage::Rtcp(Instant::now(), packets));
        }
    }

    async fn send_framing_error(&self, error: &FramingError, cseq: Option<u32>) {
        let response = Response::error(error.status_code(), error)
            .with_header(header::CONNECTION, handlers::CONNECTION_CLOSE);
        let response = handlers::add_common_headers(response, cseq.map(|cseq| cseq.to_string()).as_deref());
        self.emit_request_handled(None, None, &response);
        let (written, done) = oneshot::channel();
        self.write(response.encode(), Some(written)).await;
        // Written, or given up.
        let _ = done.await;
    }

    /// Tells of an answer to a request of this session; of the one that the answer names, if the request names none.
    fn emit_request_handled(
        &self,
        method: Option<Method>,
        session: Option<SessionHeader>,
        response: &Response,
    ) {
        let session = session.or_else(|| SessionHeader::parse(response.headers.get(header::SESSION)?));
        self.context.observer.emit(ServerEvent::RequestHandled {
            peer: self.peer,
            method,
            session: session.map(|session| session.id),
            status: response.status,
            reason: response.reason_phrase.clone(),
        });
    }

    /// Hands bytes to the writer; `written` is dropped when they are on their way.
    async fn write(&self, bytes: Bytes, written: Option<oneshot::Sender<()>>) {
        // A closed writer ends the connection elsewhere.
        let _ = self.writer.send(Outgoing { bytes, written }).await;
    }

    async fn respond(&mut self, request: &Request) -> PendingResponse {
        if let Some(Err(refusal)) =
            self.context.auth.as_ref().map(|auth| auth.authenticate(request, &self.nonce))
        {
            return (refusal, None);
        }
        let dispatch = handlers::dispatch(request);
        if let Dispatch::Respond(_) | Dispatch::Describe(_) = dispatch {
            self.keep_session_alive(request);
        }
        match dispatch {
            Dispatch::Respond(response) => (response, None),
            Dispatch::Describe(resource) => (self.describe(request, &resource).await, None),
            Dispatch::SetUp(resource) => (self.set_up(request, &resource).await, None),
            Dispatch::Session { id, resource } => self.forward_to_session(&id, request, resource).await,
        }
    }

    /// A session hears of requests that name it and that it does not answer, such as OPTIONS.
    fn keep_session_alive(&self, request: &Request) {
        let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        if let Some(inbox) = session.and_then(|session| self.context.sessions.get(&session.id)) {
            // A session that does not keep up has other signs of life.
            let _ = inbox.try_send(SessionMessage::KeepAlive(Instant::now()));
        }
    }

    async fn forward_to_session(
        &mut self,
        id: &str,
        request: &Request,
        resource: Resource,
    ) -> PendingResponse {
        let (response_sender, response_receiver) = oneshot::channel();
        let media_name = resource.media_name().map(str::to_owned);
        let message = SessionMessage::Request { request: request.clone(), resource, response_sender };
        let Some(inbox) = self.context.sessions.get(id) else { return (handlers::session_not_found(), None) };
        if inbox.send(message).await.is_err() {
            return (handlers::session_not_found(), None);
        }
        let result = response_receiver.await;
        let is_success =
            result.as_ref().is_ok_and(|response_receiver| response_receiver.response.status.is_success());
        if request.method == Method::Teardown && is_success {
            self.remove_closed_sessions(|session| session == id);
        }
        match result {
            // It plays another film; that there is none of the name is the nearer truth.
            Ok(SessionResponse { response, written }) if response.status == StatusCode::SESSION_NOT_FOUND => {
                let unknown = media_name.filter(|name| !self.context.library.contains(name));
                (unknown.map_or(response, |name| handlers::media_not_found(&name)), Some(written))
            }
            Ok(SessionResponse { response, written }) => (response, Some(written)),
            Err(_) => (handlers::session_not_found(), None),
        }
    }

    async fn describe(&self, request: &Request, resource: &Resource) -> Response {
        match self.find_media(resource).await {
            Ok((_, film)) => {
                handlers::describe(request, resource, &film.info(), self.local.ip().to_canonical())
            }
            Err(refusal) => refusal,
        }
    }

    /// The film that a URL names, and its name.
    async fn find_media(&self, resource: &Resource) -> Result<(String, Arc<MediaFile>), Response> {
        let Some(name) = resource.media_name() else {
            return Err(Response::error(StatusCode::NOT_FOUND, "the URL names no film"));
        };
        let (context, requested) = (self.context.clone(), name.to_owned());
        let find =
            move || context.open_media(&requested).map(|film| film.map(|film| (film.is_available(), film)));
        match tokio::task::spawn_blocking(find).await {
            Ok(Ok(Some((true, film)))) => Ok((name.to_owned(), film)),
            Ok(Ok(Some((false, _)))) => {
                Err(Response::error(StatusCode::NOT_FOUND, "the file of this film is gone, or was cut"))
            }
            Ok(Ok(None)) => Err(handlers::media_not_found(name)),
            Ok(Err(error)) => Err(Response::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)),
            Err(error) => Err(Response::error(StatusCode::INTERNAL_SERVER_ERROR, error)),
        }
    }

    async fn set_up(&mut self, request: &Request, resource: &Resource) -> Response {
        self.remove_closed_sessions(|_| false);
        let (name, media_file) = match self.find_media(resource).await {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let info = media_file.info();
        let sockets = self.context.sockets_for(self.local.ip().to_canonical());
        if let Err(error) = &sockets {
            tracing::warn!(%error, "no UDP ports to send from");
        }
        let setup_context = SetupContext {
            peer: self.peer.ip().to_canonical(),
            server_ports: sockets.as_ref().ok().map(|sockets| sockets.ports()),
            channels: &self.channels,
        };
        match negotiate(request, resource, setup_context) {
            Ok(transport) => {
                let stream = RtpStream::new(info.rate, new_stream_identity(), clock::epoch());
                let (id, timeout) = (new_session_id(), self.context.session_timeout);
                let (session, response) =
                    ServerSession::set_up(id, request, &name, transport, stream, timeout);
                self.start_session(session, media_file, sockets.ok(), response)
            }
            Err(refusal) => refusal,
        }
    }

    fn start_session(
        &mut self,
        session: ServerSession,
        media_file: Arc<MediaFile>,
        sockets: Option<Arc<AsyncSocketPair>>,
        response: Response,
    ) -> Response {
        if self.sessions.len() >= MAX_SESSIONS_PER_CONNECTION {
            return Response::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "this connection has as many sessions as it may have",
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
        let (inbox, messages) = mpsc::channel(INBOX_CAPACITY);
        if !self.context.sessions.insert(&id, inbox, rtcp_address) {
            return Response::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "this server has no room for another session",
            );
        }
        if let Some(pair) = channels {
            self.channels.set_in_use(pair, true);
        }
        self.sessions.push((id, channels));
        let context = self.context.clone();
        let task =
            SessionTask { session, media_file, rtp_sender, inbox: messages, connection_id: self.id, context };
        self.context.tasks.spawn(task.run());
        response
    }

    fn rtp_sender_for(
        &self,
        transport: &NegotiatedTransport,
        sockets: Option<Arc<AsyncSocketPair>>,
    ) -> Option<RtpSender> {
        Some(match transport.delivery {
            Delivery::Udp(ports) => RtpSender::Udp {
                sockets: sockets?,
                rtp_address: self.peer_address(ports.rtp),
                rtcp_address: self.peer_address(ports.rtcp),
            },
            // Its stream has no RTCP to send.
            Delivery::RtpOnly(port) => RtpSender::Udp {
                sockets: sockets?,
                rtp_address: self.peer_address(port),
                rtcp_address: self.peer_address(port),
            },
            Delivery::Interleaved(channels) => {
                RtpSender::Interleaved { writer: self.writer.clone(), channels }
            }
        })
    }

    /// A port of the host at the other end, which is the only one that is sent anything.
    fn peer_address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.peer.ip().to_canonical(), port)
    }
}

/// From the last word of a connection to the first question whether anybody is there, and from one question to the next.
const TCP_KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));

fn configure_socket(stream: &TcpStream) -> io::Result<()> {
    // Answers and packets are small and each of them is awaited.
    stream.set_nodelay(true)?;
    // An open connection is a sign of life of its sessions: one whose other end has vanished must not stay open.
    SockRef::from(stream).set_tcp_keepalive(&TCP_KEEPALIVE)
}

/// Writes what comes, several things at once if they have gathered.
async fn write_outgoing(half: OwnedWriteHalf, mut outbox: mpsc::Receiver<Outgoing>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(64 * 1024, half);
    let mut written = Vec::new();
    while let Some(first) = outbox.recv().await {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            timeout(WRITE_TIMEOUT, writer.write_all(&outgoing.bytes)).await??;
            written.extend(outgoing.written);
            next = outbox.try_recv().ok();
        }
        timeout(WRITE_TIMEOUT, writer.flush()).await??;
        written.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn configured_socket_has_tcp_keepalive() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_stream, (accepted, _)) = (stream.unwrap(), accepted.unwrap());
        assert!(!SockRef::from(&accepted).keepalive().unwrap());
        configure_socket(&accepted).unwrap();
        assert!(SockRef::from(&accepted).keepalive().unwrap());
    }
}
