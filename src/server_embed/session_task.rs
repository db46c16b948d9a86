//! The task of one session: handles its requests and sends its stream.

use std::future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::connection_threads::ThreadPlace;
use super::context::Context;
use super::event::ServerEvent;
use super::frame_cache::FrameError;
use super::handlers::Resource;
use super::rtp_sender::RtpSender;
use super::session::{Handled, ServerSession};
use super::session_table::{SessionMessage, SessionResponse};
use super::stream::{PacketBatch, StreamOutput};
use crate::impairment::{RawPacket, SessionLink};
use crate::media::payload::PacketizedFrame;
use crate::media_file::MediaFile;
use crate::net::clock;
use crate::net::clock_check::ClockCheck;
use crate::proto::rtsp::{Method, Request, Response, StatusCode};

/// Session with everything that its task needs.
pub struct SessionTask {
    /// State machine and stream.
    pub session: ServerSession,
    /// Media file of the session.
    pub media_file: Arc<MediaFile>,
    /// Destination of the packets.
    pub rtp_sender: RtpSender,
    /// Messages for the session, from [`SessionTable`](super::session_table::SessionTable).
    pub inbox: mpsc::Receiver<SessionMessage>,
    /// Cancelled when the connection on which the session was set up is closed.
    pub connection_closed: CancellationToken,
    /// Address of the client on that connection.
    pub peer: SocketAddr,
    /// State shared with the other tasks of the server.
    pub context: Arc<Context>,
    /// Place on the thread of the session, which can outlive its connection.
    pub _thread_place: ThreadPlace,
}

type FetchResult = (u64, Result<Arc<PacketizedFrame>, FrameError>);
type FetchFuture = Pin<Box<dyn Future<Output = FetchResult> + Send>>;

/// Mutable state of the task.
struct TaskState {
    /// Link of the session in the emulated network.
    link: SessionLink,
    /// Time of the last request or RTCP of the client, for the session timeout.
    last_activity: Instant,
    /// The connection on which the session was set up is open; the session timeout does not apply.
    is_connected: bool,
    /// The session has played; until then it ends soon after its connection.
    has_played: bool,
    /// Read of the frame that the stream has requested.
    pending_fetch: Option<FetchFuture>,
    /// Receiver that completes when the last response has been written. No packets are sent before, so that they do not
    /// overtake it.
    pending_write: Option<oneshot::Receiver<()>>,
    /// Reading the media file has failed; further PLAY requests are refused.
    has_read_failed: bool,
    skipped: SkippedFrames,
    clock_check: ClockCheck,
}

/// Frames in a row that cannot be sent.
#[derive(Debug, Default)]
struct SkippedFrames {
    count: u64,
    /// Reason for the last one; empty if there is none.
    reason: String,
    /// A frame was sent since the last PLAY ended.
    has_sent: bool,
}

/// Number of skipped frames in a row that are reported: one second of a usual film.
const MIN_REPORTED_SKIPS: u64 = 25;

/// Delay of the session timeout after which the process is taken to have been stopped.
const LATE_EXPIRY: Duration = Duration::from_secs(1);

/// Time in which the requests and RTCP that wait after the process was stopped are read.
const RESUMED_READ_TIME: Duration = Duration::from_secs(1);

/// Event that the task waits for before it can send the next packet.
enum WaitReason {
    /// The time at which the next packet is due.
    Until(Instant),
    /// The next message or frame.
    Idle,
    /// Space in the write queue of the connection, which is full.
    Blocked,
}

impl SessionTask {
    /// Runs the session until TEARDOWN, its timeout, the end of its connection if it needs that, or server shutdown.
    pub async fn run(mut self) {
        let mut state = TaskState {
            link: SessionLink::new(&self.context.emulator),
            last_activity: Instant::now(),
            is_connected: true,
            has_played: false,
            pending_fetch: None,
            pending_write: None,
            has_read_failed: false,
            skipped: SkippedFrames::default(),
            clock_check: ClockCheck::new(clock::epoch()),
        };
        // Pinned here, because a future is registered with its token, under a lock.
        let (shutdown, closed) = (self.context.shutdown.clone(), self.connection_closed.clone());
        let (mut shutdown, mut closed) = (pin!(shutdown.cancelled()), pin!(closed.cancelled()));
        loop {
            let wait = if state.pending_write.is_some() {
                WaitReason::Idle
            } else {
                self.send_due_packets(&mut state).await
            };
            let deadline = state.last_activity + self.timeout(&state);
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
                () = &mut closed, if state.is_connected => {
                    state.is_connected = false;
                    self.session.transport().ends_with_connection()
                }
                () = sleep_until(deadline.into()), if !state.is_connected => {
                    self.handle_expiry(deadline, &mut state)
                }
                () = &mut shutdown => true,
            };
            if is_over {
                break;
            }
        }
        self.report_late_frames();
        self.context.sessions.remove(self.session.id());
        if let Some(bye) = self.session.stream().bye(Instant::now()) {
            // If the emulator delays BYE, it is lost with the other packets in it: the link ends with the session.
            if let Some(bye) = state.link.send(Instant::now(), RawPacket::rtcp(bye)) {
                self.write_packet(&bye).await;
            }
        }
    }

    /// Handles the end of the session timeout; returns true if the session is over. If it comes late, the process was
    /// stopped or the computer suspended: what the client has sent meanwhile is read first.
    fn handle_expiry(&self, deadline: Instant, state: &mut TaskState) -> bool {
        let delay = deadline.elapsed();
        if delay >= LATE_EXPIRY {
            state.last_activity += delay + RESUMED_READ_TIME;
            return false;
        }
        let session = self.session.id().to_owned();
        self.context.emit_about(self.peer, || ServerEvent::SessionExpired { session });
        true
    }

    /// Time without a sign of life of the client after which the session ends if its connection is closed.
    fn timeout(&self, state: &TaskState) -> Duration {
        let Context { session_timeout, limits, .. } = &*self.context;
        match state.has_played {
            true => *session_timeout,
            false => limits.unplayed_session_timeout.min(*session_timeout),
        }
    }

    /// Sends everything that is due, and requests frames that the stream needs.
    async fn send_due_packets(&mut self, state: &mut TaskState) -> WaitReason {
        loop {
            if !self.rtp_sender.has_capacity() {
                return WaitReason::Blocked;
            }
            let epoch = clock::epoch();
            let now = epoch.instant;
            if state.clock_check.check(epoch).is_some() {
                self.session.stream().set_epoch(epoch);
            }
            if let Some((_, packet)) = state.link.poll_packet(now) {
                self.write_packet(&packet).await;
                continue;
            }
            let max_length = match state.link.is_bypassed(now) {
                true => self.rtp_sender.max_batch_length(self.context.has_many_sessions()),
                false => 1,
            };
            self.session.stream().set_max_batch_length(max_length);
            let due = match self.session.stream().poll_output(now) {
                StreamOutput::Fetch(frame) => {
                    self.fetch_frame(frame, state);
                    continue;
                }
                StreamOutput::Rtp(batch) => {
                    self.send_batch(batch, state).await;
                    continue;
                }
                StreamOutput::Retransmission(packet) => {
                    self.send_packet(RawPacket::retransmission(packet), state).await;
                    continue;
                }
                StreamOutput::Parity(packet) => {
                    self.send_packet(RawPacket::parity(packet), state).await;
                    continue;
                }
                StreamOutput::Rtcp(packet) => {
                    self.send_packet(RawPacket::rtcp(packet), state).await;
                    continue;
                }
                StreamOutput::Ended => {
                    self.report_empty_play(state);
                    self.report_late_frames();
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

    /// Sends packets of a frame, together unless they are to pass the emulated network.
    async fn send_batch(&mut self, batch: PacketBatch, state: &mut TaskState) {
        if !state.link.is_bypassed(Instant::now()) {
            for packet in batch.packets() {
                self.send_packet(RawPacket::rtp(packet.to_vec()), state).await;
            }
            return;
        }
        state.link.record_bypassed(batch.ssrc(), batch.sequences());
        let (with_segmentation, packets) = (self.context.uses_segmentation(), batch.packet_count());
        if let Err(error) = self.rtp_sender.send_batch(batch, with_segmentation).await
            && self.context.debug_log.admits_debug(self.peer.ip())
        {
            tracing::debug!(peer = %self.peer, packets, %error, "cannot send packets");
        }
    }

    /// Sends a packet through the emulated network.
    async fn send_packet(&self, packet: RawPacket, state: &mut TaskState) {
        let now = Instant::now();
        if let Some(packet) = state.link.send(now, packet) {
            self.write_packet(&packet).await;
        }
        while let Some((_, packet)) = state.link.poll_packet(now) {
            self.write_packet(&packet).await;
        }
    }

    /// Sends a packet to the client. One that cannot be sent counts as lost.
    async fn write_packet(&self, packet: &RawPacket) {
        if let Err(error) = self.rtp_sender.send(packet).await
            && self.context.debug_log.admits_debug(self.peer.ip())
        {
            tracing::debug!(peer = %self.peer, kind = ?packet.kind, %error, "cannot send packet");
        }
    }

    /// Takes a frame from the cache, or begins to read it.
    fn fetch_frame(&mut self, frame: u64, state: &mut TaskState) {
        let format = self.context.frame_format(self.session.transport().payload_format);
        if let Some(cached) = self.context.frame_cache.cached(&self.media_file, format, frame) {
            // A read that a seek has overtaken is given up.
            state.pending_fetch = None;
            return self.handle_frame((frame, Ok(cached)), state);
        }
        let (context, media_file) = (self.context.clone(), self.media_file.clone());
        let fetch = async move { (frame, context.frame_cache.get(&media_file, format, frame).await) };
        state.pending_fetch = Some(Box::pin(fetch));
    }

    fn handle_frame(&mut self, (frame, result): FetchResult, state: &mut TaskState) {
        let stream = self.session.stream();
        match result {
            Ok(packets) => {
                state.skipped = SkippedFrames { has_sent: true, ..SkippedFrames::default() };
                stream.provide_frame(frame, packets);
            }
            Err(FrameError::PastEnd) => stream.end_at(frame),
            Err(FrameError::Packetize(error)) => self.skip_frame(frame, error.to_string(), state),
            Err(FrameError::Decode(error)) => self.skip_frame(frame, error.to_string(), state),
            Err(FrameError::Missing(reason)) => self.skip_frame(frame, reason, state),
            Err(FrameError::Io(error)) => {
                // The stream ends here and sends BYE, so that the client does not wait for more.
                stream.end_at(frame);
                state.has_read_failed = true;
                let name = self.media_file.name().to_owned();
                let event = ServerEvent::MediaFileFailed { name, error: error.to_string() };
                self.context.emit_about(self.peer, || event);
            }
        }
    }

    /// Skips a frame that cannot be sent. Reports once that a run of them is long.
    fn skip_frame(&mut self, frame: u64, reason: String, state: &mut TaskState) {
        if self.context.debug_log.admits_debug(self.peer.ip()) {
            tracing::debug!(peer = %self.peer, frame, reason, "skipping frame");
        }
        self.session.stream().skip_frame(frame);
        state.skipped.count += 1;
        state.skipped.reason = reason;
        if state.skipped.count == MIN_REPORTED_SKIPS {
            self.report_skipped(&state.skipped);
        }
    }

    /// Reports at the end of a PLAY that all of its frames were skipped, if they were too few for an earlier report.
    fn report_empty_play(&self, state: &mut TaskState) {
        let skipped = std::mem::take(&mut state.skipped);
        if !skipped.has_sent && (1..MIN_REPORTED_SKIPS).contains(&skipped.count) {
            self.report_skipped(&skipped);
        }
    }

    /// Reports the frames that were skipped because the client, or this machine, was too slow for them.
    fn report_late_frames(&mut self) {
        let count = self.session.stream().take_late_frames();
        if count > 0 {
            let session = self.session.id().to_owned();
            self.context.emit_about(self.peer, || ServerEvent::LateFramesSkipped { session, count });
        }
    }

    fn report_skipped(&self, skipped: &SkippedFrames) {
        self.context.observer.emit(ServerEvent::FramesSkipped {
            name: self.media_file.name().to_owned(),
            count: skipped.count,
            reason: skipped.reason.clone(),
        });
    }

    /// Handles a message from the inbox; returns true if the session is over.
    fn handle_message(&mut self, message: SessionMessage, state: &mut TaskState) -> bool {
        match message {
            SessionMessage::Request { request, resource, response_sender } => {
                state.last_activity = Instant::now();
                let Handled { response, is_torn_down } = self.handle_request(&request, &resource, state);
                let (written, written_receiver) = oneshot::channel();
                state.pending_write = Some(written_receiver);
                // Fails if the connection has ended: nothing is left to write to.
                let _ = response_sender.send(SessionResponse { response, written });
                is_torn_down
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
        }
    }

    fn handle_request(&mut self, request: &Request, resource: &Resource, state: &mut TaskState) -> Handled {
        if request.method == Method::Play && state.has_read_failed {
            return Response::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the file of this film can no longer be read",
            )
            .into();
        }
        self.session.stream().set_phase_grid(self.context.phase_grid());
        let handled = self.session.handle_request(Instant::now(), request, resource, &self.media_file.info());
        match self.session.stream().is_playing() {
            true => state.has_played = true,
            false => state.pending_fetch = None,
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

/// Waits for the frame that is being read; forever if there is none.
async fn wait_for_frame(pending_fetch: &mut Option<FetchFuture>) -> FetchResult {
    let result = match pending_fetch {
        Some(future) => future.await,
        None => future::pending().await,
    };
    *pending_fetch = None;
    result
}

/// Waits until the response has been written or its connection has ended; forever if no response is pending.
async fn wait_for_write(pending_write: &mut Option<oneshot::Receiver<()>>) {
    match pending_write {
        // Nothing is ever sent; the sender is dropped.
        Some(receiver) => drop(receiver.await),
        None => future::pending().await,
    }
    *pending_write = None;
}
