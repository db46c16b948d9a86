//! The client of the classroom dialect: requests, reception, and the end of a film, joined.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::machine::{self, ClassroomMachine, MediaLength};
use super::receiver::ClassroomFrameReceiver;
use super::url::ClassroomUrl;
use crate::impairment::{EmulatorStats, RawPacket};
use crate::media::FrameRate;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::{LowerTransport, Method, Npt, NptRange, PortPair};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;
use crate::session::data_timeout::extend_timeout;
use crate::session::events::{ClientOutput, NetworkPath, SessionEvent};
use crate::session::message_log::Direction;
use crate::session::options::{ClientOptions, WAITING_TIMEOUT};
use crate::session::pipeline::Pipeline;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol;
use crate::session::state::{Goal, SessionStatus};
use crate::stats::Snapshot;

/// A client of the classroom dialect.
#[derive(Debug)]
pub struct ClassroomClient {
    machine: ClassroomMachine,
    pipeline: Pipeline<ClassroomFrameReceiver>,
    /// What the emulated network did in the session that is over.
    last_emulator_stats: Option<EmulatorStats>,
    presentation: Presentation,
    frame_rate: FrameRate,
    /// Number of frames of the film, if the server states it.
    frame_count: Option<u64>,
    /// The port on which datagrams are received.
    rtp_port: u16,
}

/// A film that has begun is over after so much silence, as nothing else tells its end.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// A film that has not begun by then does not exist.
const START_TIMEOUT: Duration = Duration::from_secs(5);

impl ClassroomClient {
    /// A client without a session.
    pub fn new(url: ClassroomUrl, options: ClientOptions) -> Self {
        Self {
            presentation: build_presentation(url.file(), FrameRate::CLASSROOM, None),
            pipeline: Pipeline::new(&options),
            machine: ClassroomMachine::new(url, options.rtsp),
            last_emulator_stats: None,
            frame_rate: FrameRate::CLASSROOM,
            frame_count: None,
            rtp_port: 0,
        }
    }
}

impl Protocol for ClassroomClient {
    type Receiver = ClassroomFrameReceiver;

    const HAS_RTCP: bool = false;

    fn pipeline(&self) -> &Pipeline<ClassroomFrameReceiver> {
        &self.pipeline
    }

    fn pipeline_mut(&mut self) -> &mut Pipeline<ClassroomFrameReceiver> {
        &mut self.pipeline
    }

    fn session_status(&self) -> SessionStatus {
        self.machine.status()
    }

    fn session_snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let Some(receiver) = &mut self.pipeline.receiver else { return snapshot };
        receiver.add_to(now, &mut snapshot);
        self.pipeline.presenter.add_to(now, &mut snapshot);
        snapshot.emulated = self.pipeline.emulator.link_stats().or(self.last_emulator_stats);
        snapshot
    }

    fn set_goal(&mut self, now: Instant, goal: Goal) {
        self.machine.set_goal(now, goal);
    }

    /// There are no positions to ask for.
    fn seek(&mut self, _: Instant, _: Npt) {}

    fn handle_connected(&mut self, now: Instant, _: NetworkPath) {
        self.machine.handle_connected(now);
    }

    /// Some servers exit at the end of the film.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        self.machine.finish_response(now);
        self.perform_actions(now);
        match self.has_last_frame() {
            true => self.pipeline.is_closed_by_server = true,
            false => self.machine.handle_connection_lost(now, reason, self.last_frame_number()),
        }
    }

    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes) {
        self.machine.handle_bytes(now, bytes);
    }

    fn handle_ports(&mut self, now: Instant, ports: Result<PortPair, String>) {
        match ports {
            Ok(ports) => {
                self.rtp_port = ports.rtp;
                self.machine.handle_port_opened(now, ports.rtp);
            }
            Err(reason) => self.machine.handle_ports_failed(reason),
        }
    }

    /// A packet that overtakes the response to PLAY is like any other: no sequence number is announced.
    fn handle_packet(&mut self, now: Instant, RawPacket { bytes, .. }: RawPacket) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.handle_datagram(now, &bytes);
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout().into_iter().chain(self.poll_data_timeout()).min()
    }

    fn perform_next_action(&mut self, now: Instant) -> bool {
        let action = self.machine.poll_action();
        let is_some = action.is_some();
        if let Some(action) = action {
            self.perform(now, action);
        }
        is_some
    }

    fn handle_frame_shown(&mut self, timestamp: i64) -> Option<Npt> {
        frame_position(timestamp)
    }

    fn check_stream(&mut self, now: Instant) {
        if self.has_last_frame() && self.pipeline.presenter.jitter_buffer.is_empty() {
            self.end_stream(now);
        }
        self.check_data_timeout(now);
    }

    fn end_stream(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.finish(now);
        }
        // The silence by which the end is recognised is no part of the film.
        let last = self.pipeline.last_packet();
        let delay = self.pipeline.presenter.delay();
        self.pipeline.stop(last.map_or(now, |last| now.min(last + delay)));
        self.machine.handle_stream_end(now);
        if std::mem::take(&mut self.pipeline.is_closed_by_server) {
            self.machine.handle_connection_lost(now, None, None);
        }
        // That there is no session any more is told first, as the end is what matters.
        self.perform_actions(now);
        self.pipeline.outputs.emit(SessionEvent::Ended);
    }
}

/// Actions that the state machine asks for.
impl ClassroomClient {
    fn perform(&mut self, now: Instant, action: machine::Action) {
        use machine::Action as Wanted;
        match action {
            Wanted::Connect(url) => {
                let (host, port) = (url.host().to_owned(), url.port());
                self.pipeline.outputs.push(ClientOutput::Connect { host, port });
            }
            Wanted::Disconnect => self.pipeline.outputs.push(ClientOutput::Disconnect),
            Wanted::OpenPorts(port) => self.pipeline.outputs.push(ClientOutput::OpenPorts(port)),
            Wanted::Write(bytes) => {
                if self.machine.status().in_flight == Some(Method::Play) {
                    self.pipeline.presenter.stats.record_play_request(now);
                }
                self.emit_message(now, Direction::ClientToServer, &bytes);
                self.pipeline.outputs.push(ClientOutput::Write(bytes));
            }
            Wanted::ResponseReceived(text) => {
                self.emit_message(now, Direction::ServerToClient, text.as_bytes())
            }
            Wanted::Length(length) => self.handle_length(length),
            Wanted::SetUp => self.handle_set_up(),
            Wanted::Started => self.handle_started(now),
            Wanted::Paused => self.pipeline.stop(now),
            Wanted::Closed => self.handle_closed(now),
            Wanted::Failed(error) => self.pipeline.outputs.emit(SessionEvent::Failed(error)),
        }
    }

    fn emit_message(&mut self, now: Instant, direction: Direction, bytes: &[u8]) {
        let state = self.machine.status().state;
        self.pipeline.outputs.emit_message(now, direction, bytes, state);
    }

    fn handle_length(&mut self, MediaLength { frame_count, duration_seconds }: MediaLength) {
        let frame_rate =
            duration_seconds.map(|duration_seconds| (frame_count as f64 / duration_seconds).to_string());
        self.frame_rate = frame_rate.and_then(|rate| rate.parse().ok()).unwrap_or(FrameRate::CLASSROOM);
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.set_frame_rate(self.frame_rate);
        }
        self.frame_count = Some(frame_count);
        self.presentation = build_presentation(self.machine.file(), self.frame_rate, Some(frame_count));
        self.pipeline.outputs.emit(SessionEvent::Described(self.presentation.clone()));
    }

    fn handle_set_up(&mut self) {
        let receiver =
            ClassroomFrameReceiver::new(self.pipeline.presenter.reorder_timeout(), self.frame_rate);
        self.pipeline.set_up(receiver, None);
        self.last_emulator_stats = None;
        self.pipeline.outputs.emit(SessionEvent::Described(self.presentation.clone()));
        self.pipeline.outputs.emit(SessionEvent::SetUp(LowerTransport::Udp));
    }

    fn handle_started(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.resume();
        }
        self.pipeline.start(now);
        self.pipeline.outputs.emit(SessionEvent::Started(self.presentation.range.unwrap_or_default()));
    }

    fn handle_closed(&mut self, now: Instant) {
        self.last_emulator_stats = self.pipeline.emulator.link_stats().or(self.last_emulator_stats);
        self.pipeline.close(now);
        self.pipeline.outputs.emit(SessionEvent::Closed);
    }
}

/// The description that a server would send if it could. The range has no beginning, because nothing can be asked to
/// begin elsewhere.
fn build_presentation(file: &str, frame_rate: FrameRate, frame_count: Option<u64>) -> Presentation {
    Presentation {
        name: file.to_owned(),
        server: None,
        aggregate_url: file.to_owned(),
        stream_url: file.to_owned(),
        range: Some(NptRange {
            start: None,
            end: frame_count.map(|frame_count| frame_rate.npt_of(frame_count)),
        }),
        frame_rate: Some(frame_rate.as_f64()),
        dimensions: None,
        payload_type: JPEG_PAYLOAD_TYPE,
        offers_jpeg_header: false,
        has_receiver_rtt: false,
        other_streams: Vec::new(),
    }
}

/// The end of the film, and silence.
impl ClassroomClient {
    /// Number of the last frame that was complete.
    fn last_frame_number(&self) -> Option<u64> {
        self.pipeline.receiver.as_ref().and_then(ClassroomFrameReceiver::last_frame_number)
    }

    fn has_last_frame(&self) -> bool {
        let is_playing = self.pipeline.data_timeout.playing_since().is_some();
        is_playing
            && self.frame_count.zip(self.last_frame_number()).is_some_and(|(frames, last)| last >= frames)
    }

    fn extend_timeout(&self, timeout: Duration) -> Duration {
        extend_timeout(timeout, Duration::from_micros(self.frame_rate.npt_of(1).as_micros()))
    }

    /// When silence is next to be looked at. The end waits for the last frame to be shown, which has a time of its own.
    fn poll_data_timeout(&self) -> Option<Instant> {
        let last = self.pipeline.last_data().filter(|_| !self.has_last_frame())?;
        match (self.pipeline.data_timeout.is_waiting(), self.pipeline.last_packet()) {
            (false, _) => Some(last + self.extend_timeout(WAITING_TIMEOUT)),
            (true, None) => Some(last + START_TIMEOUT),
            (true, Some(_)) => {
                let is_shown = self.pipeline.presenter.jitter_buffer.is_empty();
                is_shown.then(|| last + self.extend_timeout(END_TIMEOUT))
            }
        }
    }

    fn check_data_timeout(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        let idle_time = now.saturating_duration_since(last);
        // Nothing is missing behind the last frame, which may wait to be shown for a while.
        self.pipeline
            .set_waiting(idle_time >= self.extend_timeout(WAITING_TIMEOUT) && !self.has_last_frame());
        let is_shown = self.pipeline.presenter.jitter_buffer.is_empty();
        match self.pipeline.last_packet() {
            Some(_) if idle_time >= self.extend_timeout(END_TIMEOUT) && is_shown => self.end_stream(now),
            None if idle_time >= START_TIMEOUT => {
                self.pipeline.stop(now);
                self.machine.handle_no_frames(now, self.rtp_port);
            }
            _ => {}
        }
    }
}

/// Rounded up, so that the frame at this position is this frame and not the one before.
fn frame_position(timestamp: i64) -> Option<Npt> {
    let micros = (u128::from(timestamp.unsigned_abs()) * 1_000_000).div_ceil(u128::from(CLOCK_RATE));
    u64::try_from(micros).ok().map(Npt::from_micros)
}
