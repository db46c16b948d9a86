//! The task of one session: it answers the session's requests and sends its stream.

use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::context::Context;
use super::event::ServerEvent;
use super::frame_cache::FrameError;
use super::handlers::Resource;
use super::rtp_sender::RtpSender;
use super::session::{Handled, ServerSession};
use super::session_table::{SessionMessage, SessionResponse};
use super::stream::StreamOutput;
use crate::impairment::{RawPacket, SessionLink};
use crate::media::payload::PacketizedFrame;
use crate::media_file::MediaFile;
use crate::proto::rtsp::{Method, Request, Response, StatusCode};

/// Everything that a session's task owns.
pub struct SessionTask {
    /// The state machine, and the stream.
    pub session: ServerSession,
    /// What is played.
    pub media_file: Arc<MediaFile>,
    /// Where the packets leave.
    pub rtp_sender: RtpSender,
    /// What comes for the session.
    pub inbox: mpsc::Receiver<SessionMessage>,
    /// The connection that it was set up on.
    pub connection_id: u64,
    /// The server.
    pub context: Arc<Context>,
}

type FetchResult = (u64, Result<Arc<PacketizedFrame>, FrameError>);
type FetchFuture = Pin<Box<dyn Future<Output = FetchResult> + Send>>;

/// What changes while a session lives.
struct TaskState {
    /// Past the emulated network.
    link: SessionLink,
    /// The last sign of it.
    last_activity: Instant,
    /// The connection that it was set up on is open, which is a sign of life in itself.
    is_connected: bool,
    /// A frame is being read.
    pending_fetch: Option<FetchFuture>,
    /// A reply is being written, and nothing is sent before it is.
    pending_write: Option<oneshot::Receiver<()>>,
    /// The film could not be read.
    has_read_failed: bool,
}

/// What the task waits for besides its inbox.
enum WaitReason {
    /// The stream has nothing to send before this, and nothing comes out of the emulated network.
    Until(Instant),
    /// There is nothing to send.
    Idle,
    /// The route is full.
    Blocked,
}

impl SessionTask {
    /// Runs until TEARDOWN, until nothing is heard any more, or until the server shuts down.
    pub async fn run(mut self) {
        let mut state = TaskState {
            link: SessionLink::new(&self.context.emulator),
            last_activity: Instant::now(),
            is_connected: true,
            pending_fetch: None,
            pending_write: None,
            has_read_failed: false,
        };
        let shutdown = self.context.shutdown.clone();
        loop {
            let wait = if state.pending_write.is_some() {
                WaitReason::Idle
            } else {
                self.send_due_packets(&mut state).await
            };
            let is_over = tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.handle_message(message, &mut state),
                    None => true,
                },
                () = wait_for(&wait) => false,
                () = self.rtp_sender.wait_for_capacity(), if matches!(wait, WaitReason::Blocked) => false,
                fetched = wait_for_frame(&mut state.pending_fetch) => {
                    self.handle_frame(fetched, &mut state);
                    false
                }
                () = wait_for_write(&mut state.pending_write) => false,
                () = sleep_until((state.last_activity + self.context.session_timeout).into()), if !state.is_connected => {
                    self.context.observer.emit(ServerEvent::SessionExpired { session: self.session.id().to_owned() });
                    true
                }
                () = shutdown.cancelled() => true,
            };
            if is_over {
                break;
            }
        }
        self.context.sessions.remove(self.session.id());
        if let Some(bye) = self.session.stream().bye(Instant::now()) {
            // In the emulated network it ends with the session, as does all that is under way there.
            if let Some(bye) = state.link.send(Instant::now(), RawPacket::rtcp(bye)) {
                self.rtp_sender.send(&bye).await;
            }
        }
    }

    async fn send_due_packets(&mut self, state: &mut TaskState) -> WaitReason {
        loop {
            if !self.rtp_sender.has_capacity() {
                return WaitReason::Blocked;
            }
            let now = Instant::now();
            if let Some((_, packet)) = state.link.poll_packet(now) {
                self.rtp_sender.send(&packet).await;
                continue;
            }
            let due = match self.session.stream().poll_output(now) {
                StreamOutput::Fetch(frame) => {
                    state.pending_fetch = Some(self.fetch_frame(frame));
                    continue;
                }
                StreamOutput::Rtp(packet) => {
                    self.send_packet(RawPacket::rtp(packet), state).await;
                    continue;
                }
                StreamOutput::Rtcp(packet) => {
                    self.send_packet(RawPacket::rtcp(packet), state).await;
                    continue;
                }
                StreamOutput::Ended => {
                    self.session.handle_stream_end(&self.media_file.info());
                    continue;
                }
                StreamOutput::Wait(until) => Some(until),
                StreamOutput::Idle => None,
            };
            let next = due.into_iter().chain(state.link.poll_timeout()).min();
            return next.map_or(WaitReason::Idle, WaitReason::Until);
        }
    }

    /// Sends a packet past the emulated network.
    async fn send_packet(&self, packet: RawPacket, state: &mut TaskState) {
        let now = Instant::now();
        if let Some(packet) = state.link.send(now, packet) {
            self.rtp_sender.send(&packet).await;
        }
        while let Some((_, packet)) = state.link.poll_packet(now) {
            self.rtp_sender.send(&packet).await;
        }
    }

    fn fetch_frame(&self, frame: u64) -> FetchFuture {
        let (context, film, form) =
            (self.context.clone(), self.media_file.clone(), self.session.transport().form);
        Box::pin(async move { (frame, context.frame_cache.get(&film, form, frame).await) })
    }

    fn handle_frame(&mut self, (frame, result): FetchResult, state: &mut TaskState) {
        let stream = self.session.stream();
        match result {
            Ok(packets) => stream.provide_frame(frame, packets),
            Err(FrameError::PastEnd) => stream.end_at(frame),
            Err(FrameError::Packetize(why)) => {
                tracing::debug!(frame, %why, "a frame is passed over");
                stream.skip_frame(frame);
            }
            Err(FrameError::Decode(why)) => {
                tracing::debug!(frame, %why, "a frame is passed over");
                stream.skip_frame(frame);
            }
            Err(FrameError::Io(error)) => {
                // The stream ends here, and says so; what plays it need not wait for more.
                stream.end_at(frame);
                state.has_read_failed = true;
                let film = self.media_file.name().to_owned();
                self.context
                    .observer
                    .emit(ServerEvent::MediaFileFailed { name: film, error: error.to_string() });
            }
        }
    }

    /// Takes something from the inbox; whether the session is over.
    fn handle_message(&mut self, message: SessionMessage, state: &mut TaskState) -> bool {
        match message {
            SessionMessage::Request { request, resource, response_sender } => {
                state.last_activity = Instant::now();
                let Handled { response, is_torn_down: torn_down } =
                    self.handle_request(&request, &resource, state);
                let (written, written_receiver) = oneshot::channel();
                state.pending_write = Some(written_receiver);
                // A connection that is gone does not wait for its answer.
                let _ = response_sender.send(SessionResponse { response, written });
                torn_down
            }
            SessionMessage::Rtcp(arrival, packets) => {
                state.last_activity = arrival;
                self.session.stream().handle_rtcp(arrival, &packets);
                false
            }
            SessionMessage::KeepAlive(arrival) => {
                state.last_activity = arrival;
                false
            }
            SessionMessage::ConnectionClosed(connection) if connection == self.connection_id => {
                state.is_connected = false;
                self.session.transport().ends_with_connection()
            }
            SessionMessage::ConnectionClosed(_) => false,
        }
    }

    fn handle_request(&mut self, request: &Request, resource: &Resource, state: &mut TaskState) -> Handled {
        if request.method == Method::Play && state.has_read_failed {
            return Response::error(StatusCode::INTERNAL_SERVER_ERROR, "the film can no longer be read")
                .into();
        }
        let handled = self.session.handle_request(Instant::now(), request, resource, &self.media_file.info());
        if !self.session.stream().is_playing() {
            state.pending_fetch = None;
        }
        handled
    }
}

async fn wait_for(reason: &WaitReason) {
    match reason {
        WaitReason::Until(instant) => sleep_until((*instant).into()).await,
        WaitReason::Idle | WaitReason::Blocked => future::pending().await,
    }
}

/// The frame that is being read, once it is there.
async fn wait_for_frame(pending_fetch: &mut Option<FetchFuture>) -> FetchResult {
    let result = match pending_fetch {
        Some(future) => future.await,
        None => future::pending().await,
    };
    *pending_fetch = None;
    result
}

/// Waits until the reply is written, or its connection gone.
async fn wait_for_write(pending_write: &mut Option<oneshot::Receiver<()>>) {
    match pending_write {
        // The sender is only ever dropped.
        Some(receiver) => drop(receiver.await),
        None => future::pending().await,
    }
    *pending_write = None;
}
