//! The task of one RTSP connection: reads messages, and runs the writer beside it.

mod classroom;
mod requests;
mod session_setup;

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::classroom::ClassroomPeer;
use super::connection_threads::ThreadPlace;
use super::connection_writer::{Content, WriteQueue, write_outgoing};
use super::context::Context;
use super::ids::{new_classroom_session_number, new_nonce};
use super::setup::InterleavedChannels;
use super::stream::Identity;
use crate::net::limits::RequestTimer;
use crate::proto::rtsp::{ChannelPair, Message, MessageLimits, MessageReader};

/// Maximum time for pending responses and BYE packets after the connection has ended.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// Maximum time for the client to close its side after the last response.
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// Initial size of the read buffer, in bytes.
const READ_BUFFER_SIZE: usize = 16 * 1024;

/// State of one connection.
pub struct Connection {
    context: Arc<Context>,
    /// Place on the thread of the connection.
    thread_place: ThreadPlace,
    peer: SocketAddr,
    local: SocketAddr,
    writer: WriteQueue,
    /// Cancelled when the connection is closed, for the sessions that were set up on it.
    closed: CancellationToken,
    channels: InterleavedChannels,
    /// Nonce for Digest authentication.
    nonce: String,
    /// Number of wrong passwords received.
    wrong_passwords: u32,
    /// Deadlines of the requests.
    timer: RequestTimer,
    /// Identifiers of the sessions set up on this connection, and the channels of interleaved ones.
    sessions: Vec<(String, Option<ChannelPair>)>,
    /// Name of the film that was described last, and the identity of its stream that the description states; `None` if
    /// it states none.
    described: Option<(String, Identity)>,
    /// State of the classroom dialect, in case the client uses it.
    classroom: ClassroomPeer,
}

impl Connection {
    /// Serves a connection until either side closes it or the server shuts down.
    ///
    /// # Errors
    /// Returns an error if the TLS handshake fails, the connection breaks or a timeout expires.
    pub async fn serve(
        stream: TcpStream,
        peer: SocketAddr,
        context: Arc<Context>,
        thread_place: ThreadPlace,
    ) -> io::Result<()> {
        let local = stream.local_addr()?;
        configure_socket(&stream)?;
        let Some(tls) = context.tls.clone() else {
            return Self::serve_halves(stream.into_split(), [peer, local], context, thread_place).await;
        };
        let encrypted = tokio::select! {
            encrypted = timeout(context.limits.handshake_timeout, tls.accept(stream)) => encrypted??,
            () = context.shutdown.cancelled() => return Ok(()),
        };
        Self::serve_halves(tokio::io::split(encrypted), [peer, local], context, thread_place).await
    }

    /// Serves a connection of which the receiving and the sending direction are given, encrypted or not.
    async fn serve_halves(
        (mut reader, write_half): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        [peer, local]: [SocketAddr; 2],
        context: Arc<Context>,
        thread_place: ThreadPlace,
    ) -> io::Result<()> {
        let (writer, write_queue) = WriteQueue::new();
        let mut write = pin!(write_outgoing(write_half, write_queue));
        let mut connection = Self {
            closed: CancellationToken::new(),
            timer: RequestTimer::new(&context.limits, Instant::now()),
            context,
            thread_place,
            peer,
            local,
            writer,
            channels: InterleavedChannels::default(),
            described: None,
            nonce: new_nonce(),
            wrong_passwords: 0,
            sessions: Vec::new(),
            classroom: ClassroomPeer::new(new_classroom_session_number()),
        };
        let shutdown = connection.context.shutdown.clone();
        let debug_log = connection.context.debug_log.clone();
        let (result, is_writing) = tokio::select! {
            result = connection.read_messages(&mut reader) => (result, true),
            result = &mut write => (result, false),
            () = shutdown.cancelled() => (Ok(()), true),
        };
        connection.closed.cancel();
        // The client may have closed only its sending direction: flush pending responses and BYE. The writer ends
        // when the connection and its sessions have dropped their senders.
        drop(connection);
        if is_writing
            && let Err(elapsed) = timeout(FLUSH_TIMEOUT, write).await
            && debug_log.admits_debug(peer.ip())
        {
            tracing::debug!(%peer, %elapsed, "closing connection with unsent data");
        }
        tokio::select! {
            is_closed = drain(&mut reader) => if !is_closed && debug_log.admits_debug(peer.ip()) {
                tracing::debug!(%peer, "closing connection on which the client still sends");
            },
            () = shutdown.cancelled() => {}
        }
        result
    }

    /// Reads and handles messages until the connection is to be closed.
    async fn read_messages(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut message_reader = MessageReader::new(MessageLimits::SERVER);
        let mut buffer = BytesMut::with_capacity(READ_BUFFER_SIZE);
        loop {
            if self.handle_received(&mut message_reader).await.is_break() {
                return Ok(());
            }
            buffer.clear();
            let read = reader.read_buf(&mut buffer);
            let is_end = match self.read_deadline(&message_reader) {
                Some(deadline) => match timeout_at(deadline.into(), read).await {
                    Ok(count) => count? == 0,
                    Err(_) if message_reader.may_be_complete() => true,
                    Err(elapsed) => {
                        if message_reader.incomplete_message().is_some() {
                            self.send_request_timeout(message_reader.rejected_cseq()).await;
                        }
                        return Err(elapsed.into());
                    }
                },
                None => read.await? == 0,
            };
            if !is_end {
                message_reader.push(&buffer);
                continue;
            }
            let Some(last) = message_reader.finish_classroom() else { return Ok(()) };
            if self.handle_complete(last).await.is_break() {
                return Ok(());
            }
        }
    }

    /// Handles all complete messages received so far; breaks if the connection is to be closed.
    async fn handle_received(&mut self, message_reader: &mut MessageReader) -> ControlFlow<()> {
        loop {
            match message_reader.poll_message() {
                Ok(Some(message)) => self.handle_complete(message).await?,
                Ok(None) => {
                    self.timer.handle_received(Instant::now(), message_reader.is_mid_message());
                    return ControlFlow::Continue(());
                }
                Err(error) => {
                    self.send_framing_error(&error, message_reader.rejected_cseq()).await;
                    return ControlFlow::Break(());
                }
            }
        }
    }

    /// Handles a complete message; breaks if the connection is to be closed.
    async fn handle_complete(&mut self, message: Message) -> ControlFlow<()> {
        let is_request = matches!(message, Message::Request(_) | Message::Classroom(_));
        let flow = self.handle_message(message).await;
        // The time for the next request does not begin before the response to this one.
        self.timer.handle_message(Instant::now(), is_request);
        flow
    }

    /// Deadline of the next read; `None` between messages on a connection with a session, which has its own timeout.
    fn read_deadline(&mut self, message_reader: &MessageReader) -> Option<Instant> {
        let has_session = self.has_session();
        self.timer.poll_timeout(Instant::now(), message_reader.may_be_complete(), has_session)
    }

    fn has_session(&mut self) -> bool {
        self.remove_closed_sessions(|_| false);
        !self.sessions.is_empty()
    }

    /// Removes the sessions that have ended, and those for which `is_torn_down` returns true. Frees their channels.
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

    /// Queues bytes for the writer, waiting if the queue is full. `written` is dropped when they have been written.
    async fn write(&self, bytes: Bytes, written: Option<oneshot::Sender<()>>) {
        self.writer.send(Content::Bytes(bytes), written).await;
    }
}

/// Discards what the client still sends after the last response, until it closes its side, or [`DRAIN_TIME`] has
/// passed; then returns false. Closing a socket with unread bytes resets the connection, and the client may lose the
/// response.
async fn drain(reader: &mut (impl AsyncRead + Unpin)) -> bool {
    let discard = async {
        let mut buffer = vec![0; READ_BUFFER_SIZE];
        while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    };
    timeout(DRAIN_TIME, discard).await.is_ok()
}

/// TCP keep-alive: first probe after 30 s without traffic, then every 10 s.
const TCP_KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));

fn configure_socket(stream: &TcpStream) -> io::Result<()> {
    // Responses and packets are small, and the client waits for each of them: no Nagle delay.
    stream.set_nodelay(true)?;
    // An open connection keeps its sessions alive, so the connection of a client that has vanished must be detected.
    SockRef::from(stream).set_tcp_keepalive(&TCP_KEEPALIVE)
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
