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

use super::agreement::{Agreement, Channels, Delivery, Facilities, agree};
use super::classroom::{Classroom, REQUEST_SILENCE};
use super::context::Context;
use super::desk::{self, Destination, Resource};
use super::event::ServerEvent;
use super::identity::{new_classroom_number, new_identity, new_nonce, new_session_id};
use super::route::{Outgoing, Route};
use super::sender::Sender;
use super::session::Session;
use super::sessions::{Answer, INBOX, ToSession};
use super::stream::Stream;
use crate::media_file::Film;
use crate::net::clock;
use crate::net::udp_ports::AsyncSocketPair;
use crate::proto::rtcp;
use crate::proto::rtsp::{
    ChannelPair, Frame, Framer, FramingError, Limits, Method, Request, Response, SessionHeader, Status,
    header,
};

/// Packets and answers that may wait for a slow connection.
const OUTBOX: usize = 256;

/// How long a connection may take none of what is written to it.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long the last words may take that a connection is written.
const LAST_WORDS_PATIENCE: Duration = Duration::from_millis(500);

/// How long a connection may be silent in the middle of a message.
const READ_PATIENCE: Duration = Duration::from_secs(60);

/// How long a connection may be silent that has no session. Classroom programs connect when their window opens, and
/// say nothing before a button is pressed.
const IDLE_PATIENCE: Duration = Duration::from_secs(600);

/// The most sessions of one connection. They live for as long as it is open, and others want some, too.
const MOST_SESSIONS: usize = 16;

/// A connection's task.
pub struct Connection {
    id: u64,
    context: Arc<Context>,
    peer: SocketAddr,
    local: SocketAddr,
    writer: mpsc::Sender<Outgoing>,
    channels: Channels,
    /// For Digest authentication.
    nonce: String,
    /// The sessions that were set up here, and the channels of those that are interleaved.
    sessions: Vec<(String, Option<ChannelPair>)>,
    /// The classroom program that may be at the other end.
    classroom: Classroom,
}

/// An answer, and what waits for it to be written.
type Written = (Response, Option<oneshot::Sender<()>>);

impl Connection {
    /// Serves a connection until it closes, or the server stops.
    pub async fn serve(
        id: u64,
        stream: TcpStream,
        peer: SocketAddr,
        context: Arc<Context>,
    ) -> io::Result<()> {
        let local = stream.local_addr()?;
        prepare(&stream)?;
        let (reader, write_half) = stream.into_split();
        let (writer, outbox) = mpsc::channel(OUTBOX);
        let mut write = pin!(write_all(write_half, outbox));
        let mut connection = Self {
            id,
            context,
            peer,
            local,
            writer,
            channels: Channels::default(),
            nonce: new_nonce(),
            sessions: Vec::new(),
            classroom: Classroom::new(new_classroom_number()),
        };
        let shutdown = connection.context.shutdown.clone();
        let (result, is_writing) = tokio::select! {
            result = connection.read(reader) => (result, true),
            result = &mut write => (result, false),
            () = shutdown.cancelled() => (Ok(()), true),
        };
        connection.leave().await;
        // Who says nothing more may listen still: to the last answers, and to the goodbyes of the sessions, which give
        // their writers up behind them.
        drop(connection);
        if is_writing && let Err(elapsed) = timeout(LAST_WORDS_PATIENCE, write).await {
            tracing::debug!(%peer, %elapsed, "last words are left unsaid");
        }
        result
    }

    /// Tells the sessions that the connection is gone.
    async fn leave(&self) {
        for (session, _) in &self.sessions {
            if let Some(inbox) = self.context.sessions.find(session) {
                // A session that is already gone needs no telling.
                let _ = inbox.send(ToSession::ConnectionClosed(self.id)).await;
            }
        }
    }

    async fn read(&mut self, mut reader: OwnedReadHalf) -> io::Result<()> {
        let mut framer = Framer::new(Limits::SERVER);
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        loop {
            loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => {
                        if self.take(frame).await.is_break() {
                            return Ok(());
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.refuse_framing(&error, framer.refused_cseq()).await;
                        return Ok(());
                    }
                }
            }
            buffer.clear();
            let read = reader.read_buf(&mut buffer);
            let is_silent = match self.patience(&framer) {
                Some(patience) => match timeout(patience, read).await {
                    Ok(count) => count? == 0,
                    Err(_) if framer.may_be_whole() => true,
                    Err(elapsed) => return Err(elapsed.into()),
                },
                None => read.await? == 0,
            };
            if !is_silent {
                framer.push(&buffer);
                continue;
            }
            let Some(last) = framer.finish() else { return Ok(()) };
            if self.take(last).await.is_break() {
                return Ok(());
            }
        }
    }

    /// How long the connection may be silent now.
    fn patience(&mut self, framer: &Framer) -> Option<Duration> {
        if framer.may_be_whole() {
            Some(REQUEST_SILENCE)
        } else if framer.is_mid_message() {
            Some(READ_PATIENCE)
        } else {
            (!self.has_session()).then_some(IDLE_PATIENCE)
        }
    }

    fn has_session(&mut self) -> bool {
        self.forget_sessions(|_| false);
        !self.sessions.is_empty()
    }

    /// Forgets the sessions that are gone, and others; their channels are free again.
    fn forget_sessions(&mut self, is_torn_down: impl Fn(&str) -> bool) {
        let (sessions, channels) = (&self.context.sessions, &mut self.channels);
        self.sessions.retain(|(id, pair)| {
            let lives = !is_torn_down(id) && sessions.find(id).is_some();
            if let (false, Some(pair)) = (lives, pair) {
                channels.mark(*pair, false);
            }
            lives
        });
    }

    /// Breaks where nothing more is to come.
    async fn take(&mut self, frame: Frame) -> ControlFlow<()> {
        match frame {
            Frame::Request(request) => return self.take_request(&request).await,
            Frame::Interleaved { channel, packet } => self.take_interleaved(channel, &packet),
            Frame::Classroom(request) => self.take_classroom(&request).await,
            // This server asks nothing, so nothing is answered.
            Frame::Response(_) => {}
        }
        ControlFlow::Continue(())
    }

    async fn take_request(&mut self, request: &Request) -> ControlFlow<()> {
        let (response, written) = self.answer(request).await;
        let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        self.tell(Some(request.method.clone()), session, &response);
        self.write(desk::answer(response, request).encode(), written).await;
        match desk::wants_to_close(request) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn take_interleaved(&self, channel: u8, packet: &[u8]) {
        let owner = self.sessions.iter().find(|(_, pair)| pair.is_some_and(|pair| pair.rtcp == channel));
        if let Some(inbox) = owner.and_then(|(id, _)| self.context.sessions.find(id))
            && let Ok(packets) = rtcp::parse(packet)
        {
            // A session that does not keep up loses reports, which repeat.
            let _ = inbox.try_send(ToSession::Reported(Instant::now(), packets));
        }
    }

    async fn refuse_framing(&self, error: &FramingError, cseq: Option<u32>) {
        let response = Response::refusal(error.status(), error).with(header::CONNECTION, desk::CLOSE);
        let response = desk::sign(response, cseq.map(|cseq| cseq.to_string()).as_deref());
        self.tell(None, None, &response);
        let (written, done) = oneshot::channel();
        self.write(response.encode(), Some(written)).await;
        // Written, or given up.
        let _ = done.await;
    }

    /// Tells of an answer to a request of this session; of the one that the answer names, if the request names none.
    fn tell(&self, method: Option<Method>, session: Option<SessionHeader>, response: &Response) {
        let session = session.or_else(|| SessionHeader::parse(response.headers.get(header::SESSION)?));
        self.context.observer.tell(ServerEvent::Answered {
            peer: self.peer,
            method,
            session: session.map(|session| session.id),
            status: response.status,
            reason: response.reason.clone(),
        });
    }

    /// Hands octets to the writer; `written` is dropped when they are on their way.
    async fn write(&self, octets: Bytes, written: Option<oneshot::Sender<()>>) {
        // A closed writer ends the connection elsewhere.
        let _ = self.writer.send(Outgoing { octets, written }).await;
    }

    async fn answer(&mut self, request: &Request) -> Written {
        if let Some(Err(refusal)) = self.context.guard.as_ref().map(|guard| guard.admit(request, &self.nonce))
        {
            return (refusal, None);
        }
        let destination = desk::route(request);
        if let Destination::Answered(_) | Destination::Describe(_) = destination {
            self.tell_named_session(request);
        }
        match destination {
            Destination::Answered(response) => (response, None),
            Destination::Describe(resource) => (self.describe(request, &resource).await, None),
            Destination::SetUp(resource) => (self.set_up(request, &resource).await, None),
            Destination::Session { id, resource } => self.ask_session(&id, request, resource).await,
        }
    }

    /// A session hears of requests that name it and that it does not answer, such as OPTIONS.
    fn tell_named_session(&self, request: &Request) {
        let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        if let Some(inbox) = session.and_then(|session| self.context.sessions.find(&session.id)) {
            // A session that does not keep up has other signs of life.
            let _ = inbox.try_send(ToSession::Named(Instant::now()));
        }
    }

    async fn ask_session(&mut self, id: &str, request: &Request, resource: Resource) -> Written {
        let (reply, answer) = oneshot::channel();
        let film = resource.film().map(str::to_owned);
        let message = ToSession::Request { request: request.clone(), resource, reply };
        let Some(inbox) = self.context.sessions.find(id) else { return (desk::no_such_session(), None) };
        if inbox.send(message).await.is_err() {
            return (desk::no_such_session(), None);
        }
        let answered = answer.await;
        let is_success = answered.as_ref().is_ok_and(|answer| answer.response.status.is_success());
        if request.method == Method::Teardown && is_success {
            self.forget_sessions(|session| session == id);
        }
        match answered {
            // It plays another film; that there is none of the name is the nearer truth.
            Ok(Answer { response, written }) if response.status == Status::SESSION_NOT_FOUND => {
                let unknown = film.filter(|name| !self.context.library.serves(name));
                (unknown.map_or(response, |name| desk::no_such_film(&name)), Some(written))
            }
            Ok(Answer { response, written }) => (response, Some(written)),
            Err(_) => (desk::no_such_session(), None),
        }
    }

    async fn describe(&self, request: &Request, resource: &Resource) -> Response {
        match self.film(resource).await {
            Ok((_, film)) => desk::describe(request, resource, &film.info(), self.local.ip().to_canonical()),
            Err(refusal) => refusal,
        }
    }

    /// The film that a URL names, and its name.
    async fn film(&self, resource: &Resource) -> Result<(String, Arc<Film>), Response> {
        let Some(name) = resource.film() else {
            return Err(Response::refusal(Status::NOT_FOUND, "the URL names no film"));
        };
        let (context, wanted) = (self.context.clone(), name.to_owned());
        let find = move || context.film(&wanted).map(|film| film.map(|film| (film.is_there(), film)));
        match tokio::task::spawn_blocking(find).await {
            Ok(Ok(Some((true, film)))) => Ok((name.to_owned(), film)),
            Ok(Ok(Some((false, _)))) => {
                Err(Response::refusal(Status::NOT_FOUND, "the file of this film is gone, or was cut"))
            }
            Ok(Ok(None)) => Err(desk::no_such_film(name)),
            Ok(Err(error)) => Err(Response::refusal(Status::UNSUPPORTED_MEDIA_TYPE, error)),
            Err(error) => Err(Response::refusal(Status::INTERNAL_ERROR, error)),
        }
    }

    async fn set_up(&mut self, request: &Request, resource: &Resource) -> Response {
        self.forget_sessions(|_| false);
        let (name, film) = match self.film(resource).await {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let info = film.info();
        let sockets = self.context.sockets_on(self.local.ip().to_canonical());
        if let Err(error) = &sockets {
            tracing::warn!(%error, "no UDP ports to send from");
        }
        let facilities = Facilities {
            peer: self.peer.ip().to_canonical(),
            server_ports: sockets.as_ref().ok().map(|sockets| sockets.ports()),
            channels: &self.channels,
        };
        match agree(request, resource, facilities) {
            Ok(agreement) => {
                let stream = Stream::new(info.rate, new_identity(), clock::epoch());
                let (id, timeout) = (new_session_id(), self.context.session_timeout);
                let (session, response) = Session::set_up(id, request, &name, agreement, stream, timeout);
                self.begin_session(session, film, sockets.ok(), response)
            }
            Err(refusal) => refusal,
        }
    }

    fn begin_session(
        &mut self,
        session: Session,
        film: Arc<Film>,
        sockets: Option<Arc<AsyncSocketPair>>,
        response: Response,
    ) -> Response {
        if self.sessions.len() >= MOST_SESSIONS {
            return Response::refusal(
                Status::UNAVAILABLE,
                "this connection has as many sessions as it may have",
            );
        }
        let id = session.id().to_owned();
        let Some(route) = self.route_for(session.agreement(), sockets) else {
            return Response::refusal(Status::INTERNAL_ERROR, "this server has no free UDP ports");
        };
        let (rtcp_from, channels) = match session.agreement().delivery {
            Delivery::Udp(ports) => (Some(self.at_peer(ports.rtcp)), None),
            Delivery::Interleaved(channels) => (None, Some(channels)),
            Delivery::RtpAlone(_) => (None, None),
        };
        let (inbox, messages) = mpsc::channel(INBOX);
        if !self.context.sessions.enter(&id, inbox, rtcp_from) {
            return Response::refusal(Status::UNAVAILABLE, "this server has no room for another session");
        }
        if let Some(pair) = channels {
            self.channels.mark(pair, true);
        }
        self.sessions.push((id, channels));
        let context = self.context.clone();
        let sender = Sender { session, film, route, inbox: messages, connection: self.id, context };
        self.context.tasks.spawn(sender.run());
        response
    }

    fn route_for(&self, agreement: &Agreement, sockets: Option<Arc<AsyncSocketPair>>) -> Option<Route> {
        Some(match agreement.delivery {
            Delivery::Udp(ports) => {
                Route::Udp { sockets: sockets?, rtp: self.at_peer(ports.rtp), rtcp: self.at_peer(ports.rtcp) }
            }
            // Its stream has no RTCP to send.
            Delivery::RtpAlone(port) => {
                Route::Udp { sockets: sockets?, rtp: self.at_peer(port), rtcp: self.at_peer(port) }
            }
            Delivery::Interleaved(channels) => Route::Interleaved { writer: self.writer.clone(), channels },
        })
    }

    /// A port of the host at the other end, which is the only one that is sent anything.
    fn at_peer(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.peer.ip().to_canonical(), port)
    }
}

/// From the last word of a connection to the first question whether anybody is there, and from one question to the next.
const KEEP_ALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Answers and packets are small and each of them is awaited.
    stream.set_nodelay(true)?;
    // An open connection is a sign of life of its sessions: one whose other end has vanished must not stay open.
    SockRef::from(stream).set_tcp_keepalive(&KEEP_ALIVE)
}

/// Writes what comes, several things at once if they have gathered.
async fn write_all(half: OwnedWriteHalf, mut outbox: mpsc::Receiver<Outgoing>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(64 * 1024, half);
    let mut written = Vec::new();
    while let Some(first) = outbox.recv().await {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            timeout(WRITE_PATIENCE, writer.write_all(&outgoing.octets)).await??;
            written.extend(outgoing.written);
            next = outbox.try_recv().ok();
        }
        timeout(WRITE_PATIENCE, writer.flush()).await??;
        written.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_connection_notices_that_nobody_is_there_any_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_stream, (accepted, _)) = (stream.unwrap(), accepted.unwrap());
        assert!(!SockRef::from(&accepted).keepalive().unwrap());
        prepare(&accepted).unwrap();
        assert!(SockRef::from(&accepted).keepalive().unwrap());
    }
}
