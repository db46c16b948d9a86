//! Refused connections, which wait for their 503 response.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::limits::{Limits, RequestTimer};
use super::peer_log::PeerLog;
use super::refusal::encode_refusal;
use super::server_tls::ServerTls;
use crate::proto::rtsp::{Message, MessageLimits, MessageReader};

/// Minimum time for the client to close its side after the response. Received bytes are discarded: closing a socket
/// with unread bytes resets the connection, and the client would lose the response.
const MIN_DRAIN_TIME: Duration = Duration::from_millis(500);

/// Size of the read buffer, in bytes.
const READ_BUFFER_SIZE: usize = 4_096;

/// A limited number of refused connections. Dropping the lane closes them.
#[derive(Debug)]
pub struct RefusalLane {
    places: Arc<Semaphore>,
    timeout: Duration,
    /// Certificate of a server with TLS.
    tls: Option<ServerTls>,
    debug_log: PeerLog,
    shutdown: CancellationToken,
    _shutdown_guard: DropGuard,
}

impl RefusalLane {
    /// Creates an empty lane.
    pub fn new(limits: &Limits) -> Self {
        let shutdown = CancellationToken::new();
        Self {
            places: Arc::new(Semaphore::new(limits.max_refusals)),
            timeout: limits.refusal_timeout,
            tls: None,
            debug_log: PeerLog::new(limits.max_log_lines),
            _shutdown_guard: shutdown.clone().drop_guard(),
            shutdown,
        }
    }

    /// Encrypts the responses, if a certificate is given.
    pub fn with_tls(self, tls: Option<ServerTls>) -> Self {
        Self { tls, ..self }
    }

    /// Responds to the first request of a connection with 503 and `reason`, and closes it. A client that sends nothing
    /// gets the response at the end of the timeout. If the lane is full, the connection is closed at once.
    pub fn refuse(&self, stream: TcpStream, reason: String) {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        let (deadline, shutdown) = (Instant::now() + self.timeout, self.shutdown.clone());
        let (tls, debug_log) = (self.tls.clone(), self.debug_log.clone());
        let peer = stream.peer_addr();
        tokio::spawn(async move {
            tokio::select! {
                result = respond_with(tls, stream, &reason, deadline) => {
                    if let (Err(error), Ok(peer)) = (result, peer) && debug_log.admits_debug(peer.ip()) {
                        tracing::debug!(%peer, %error, "cannot send a refusal");
                    }
                }
                () = shutdown.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn respond_with(
    tls: Option<ServerTls>,
    stream: TcpStream,
    reason: &str,
    deadline: Instant,
) -> io::Result<()> {
    match tls {
        None => respond(stream, reason, deadline).await,
        Some(tls) => {
            let stream = timeout_at(deadline, tls.accept(stream)).await??;
            respond(stream, reason, deadline).await
        }
    }
}

async fn respond(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reason: &str,
    deadline: Instant,
) -> io::Result<()> {
    let first = timeout_at(deadline, read_first_message(&mut stream)).await.unwrap_or(Ok(None))?;
    let drain_deadline = deadline.max(Instant::now() + MIN_DRAIN_TIME);
    let end = async {
        stream.write_all(&encode_refusal(first.as_ref(), reason)).await?;
        stream.shutdown().await?;
        let mut discarded = [0; READ_BUFFER_SIZE];
        while stream.read(&mut discarded).await? > 0 {}
        Ok(())
    };
    // At the deadline, the connection is closed whatever the client does.
    timeout_at(drain_deadline, end).await.unwrap_or(Ok(()))
}

/// Reads until the first message is complete; returns `None` if the bytes are not RTSP, or at the end of the stream.
async fn read_first_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    let mut buffer = BytesMut::with_capacity(READ_BUFFER_SIZE);
    loop {
        match reader.poll_message() {
            Ok(None) => {}
            Ok(Some(message)) => return Ok(Some(message)),
            Err(_) => return Ok(None),
        }
        buffer.clear();
        let read = stream.read_buf(&mut buffer);
        let count = match reader.may_be_complete() {
            false => read.await?,
            true => match timeout(RequestTimer::REQUEST_END_TIMEOUT, read).await {
                Ok(count) => count?,
                Err(_) => return Ok(reader.finish_classroom()),
            },
        };
        if count == 0 {
            return Ok(reader.finish_classroom());
        }
        reader.push(&buffer);
    }
}
