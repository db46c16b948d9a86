//! Client of the classroom dialect: requests, reception and the end of the film. Sans-I/O.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::ClassroomErrorKind;
use super::feedback::{self, Feedback};
use super::machine::{ClassroomAction, ClassroomMachine, MediaLength};
use super::port_spelling::PortSpelling;
use super::receiver::ClassroomFrameReceiver;
use super::url::ClassroomUrl;
use crate::impairment::{EmulatorStats, RawPacket};
use crate::media::FrameRate;
use crate::proto::mistake::Mistake;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::{LowerTransport, Npt, NptRange};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;
use crate::session::data_timeout::extend_timeout;
use crate::session::events::{ClientOutput, SessionEvent};
use crate::session::logged_message::Direction;
use crate::session::options::{ClientOptions, RtcpIdentity, WAITING_TIMEOUT};
use crate::session::pipeline::Pipeline;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol;
use crate::session::reconnect::ReconnectReason;
use crate::session::rtp::frame_receiver::FrameReceiver as _;
use crate::stats::Snapshot;

/// Client of the classroom dialect.
#[derive(Debug)]
pub struct ClassroomClient {
    machine: ClassroomMachine,
    pipeline: Pipeline<ClassroomFrameReceiver>,
    /// Figures of the emulated network in the last session that was closed.
    last_emulator_stats: Option<EmulatorStats>,
    presentation: Presentation,
    frame_rate: FrameRate,
    /// Number of frames in the film; `None` unless the server states it.
    frame_count: Option<u64>,
    rtcp_identity: RtcpIdentity,
    feedback: Feedback,
}

/// Time without data after which a film that has begun is over: nothing else marks its end.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// Time without data after which a film that has not begun is reported as missing.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// Minimum number of datagrams without a frame that are reported although more arrive.
const MIN_UNUSABLE_DATAGRAMS: u64 = 50;

/// The same after a SETUP that spells the port in another way.
const RESPELLED_START_TIMEOUT: Duration = Duration::from_secs(2);

impl ClassroomClient {
    /// Creates a client without a session.
    pub fn new(url: ClassroomUrl, options: ClientOptions) -> Self {
        Self {
            presentation: build_presentation(url.file(), FrameRate::CLASSROOM, None),
            pipeline: Pipeline::new(&options),
            machine: ClassroomMachine::new(url, options.stream),
            last_emulator_stats: None,
            frame_rate: FrameRate::CLASSROOM,
            frame_count: None,
            rtcp_identity: options.rtcp_identity,
            feedback: Feedback::default(),
        }
    }
}

impl Protocol for ClassroomClient {
    type Machine = ClassroomMachine;
    type Receiver = ClassroomFrameReceiver;

    fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.add_to(now, snapshot);
        }
        snapshot.emulated = self.pipeline.emulator.link_stats().or(self.last_emulator_stats);
    }

    fn parts(&self) -> (&ClassroomMachine, &Pipeline<ClassroomFrameReceiver>) {
        (&self.machine, &self.pipeline)
    }

    fn parts_mut(&mut self) -> (&mut ClassroomMachine, &mut Pipeline<ClassroomFrameReceiver>) {
        (&mut self.machine, &mut self.pipeline)
    }

    /// Handles a lost connection. Some servers exit at the end of the film, which is not an error.
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

    /// Handles a packet. Packets that overtake the response to PLAY are received like all others, because these servers
    /// announce no sequence number.
    fn handle_packet(&mut self, now: Instant, RawPacket { bytes, .. }: RawPacket) {
        let is_backlog = self.pipeline.data_timeout.has_just_resumed(now);
        if let Some(receiver) = &mut self.pipeline.receiver {
            if is_backlog {
                receiver.mark_arrival_gap();
            }
            receiver.handle_datagram(now, &bytes);
            self.machine.handle_first_packet();
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        let timeouts = [self.machine.poll_timeout(), self.poll_data_timeout(), self.poll_feedback()];
        timeouts.into_iter().flatten().min()
    }

    fn perform(&mut self, now: Instant, action: ClassroomAction) {
        match action {
            ClassroomAction::ResponseReceived(text) => {
                self.emit_message(now, Direction::ServerToClient, text.as_bytes())
            }
            ClassroomAction::Length(length) => self.handle_length(length),
            ClassroomAction::SetUp => self.handle_set_up(),
            ClassroomAction::Started => self.handle_started(now),
            ClassroomAction::Paused => self.pipeline.stop(now),
            ClassroomAction::Respelled(spelling) => self.handle_respelled(now, spelling),
            ClassroomAction::SpellingFound(spelling) => {
                self.pipeline.outputs.emit(SessionEvent::PortSpelling(spelling));
            }
        }
    }

    fn handle_closed(&mut self, now: Instant) {
        self.last_emulator_stats = self.pipeline.emulator.link_stats().or(self.last_emulator_stats);
        self.pipeline.close(now);
    }

    fn handle_frame_shown(&mut self, timestamp: i64) -> Option<Npt> {
        frame_position(timestamp)
    }

    fn check_stream(&mut self, now: Instant) {
        if self.has_last_frame() && self.pipeline.presenter.jitter_buffer.is_empty() {
            self.end_stream(now);
        }
        self.send_feedback(now);
        self.check_data_timeout(now);
    }

    fn finish_stream(&mut self, now: Instant) -> Option<Npt> {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.finish(now);
        }
        // The time without data by which the end is detected is not part of the film.
        let last = self.pipeline.last_packet();
        let delay = self.pipeline.presenter.delay();
        self.pipeline.stop(last.map_or(now, |last| now.min(last + delay)));
        self.machine.handle_stream_end(now);
        if std::mem::take(&mut self.pipeline.is_closed_by_server) {
            self.machine.handle_connection_lost(now, None, None);
        }
        None
    }
}

/// Effects of the actions that the state machine asks for.
impl ClassroomClient {
    fn handle_length(&mut self, MediaLength { frame_count, duration_seconds }: MediaLength) {
        let frame_rate = frame_count.zip(duration_seconds).map(|(frames, seconds)| frames as f64 / seconds);
        self.frame_rate =
            frame_rate.and_then(|rate| rate.to_string().parse().ok()).unwrap_or(FrameRate::CLASSROOM);
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.set_frame_rate(self.frame_rate);
        }
        self.frame_count = frame_count;
        let end = match (frame_count, duration_seconds) {
            (Some(frame_count), _) => Some(self.frame_rate.npt_of(frame_count)),
            (None, Some(seconds)) => Some(Npt::from_micros((seconds * 1e6) as u64)),
            (None, None) => None,
        };
        self.presentation = build_presentation(self.machine.file(), self.frame_rate, end);
        self.pipeline.outputs.emit(SessionEvent::Described(self.presentation.clone()));
    }

    fn handle_respelled(&mut self, now: Instant, spelling: PortSpelling) {
        self.pipeline.mistakes.record(now, Mistake::PortSpelling, &format!("now {spelling}"));
        self.handle_closed(now);
        let reason = ReconnectReason::PortRespelled { server: self.machine.host_and_port(), spelling };
        self.pipeline.outputs.emit(SessionEvent::Reconnecting(reason));
    }

    fn handle_set_up(&mut self) {
        let receiver =
            ClassroomFrameReceiver::new(self.pipeline.presenter.reorder_timeout(), self.frame_rate);
        self.pipeline.set_up(receiver, None);
        self.feedback = Feedback::default();
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
}

/// Builds the presentation that DESCRIBE would return. The range has no start, because the dialect cannot seek.
fn build_presentation(file: &str, frame_rate: FrameRate, end: Option<Npt>) -> Presentation {
    Presentation {
        name: file.to_owned(),
        server: None,
        aggregate_url: file.to_owned(),
        stream_url: file.to_owned(),
        range: Some(NptRange { start: None, end }),
        frame_rate: Some(frame_rate.as_f64()),
        dimensions: None,
        payload_type: JPEG_PAYLOAD_TYPE,
        offers_jpeg_header: false,
        has_receiver_rtt: false,
        repair: None,
        other_streams: Vec::new(),
    }
}

/// Detection of the end of the film, and of missing data.
impl ClassroomClient {
    /// Number of the last complete frame.
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

    /// Next deadline for missing data. `None` once the last frame has arrived: it ends the film when it is due.
    fn poll_data_timeout(&self) -> Option<Instant> {
        let last = self.pipeline.last_data().filter(|_| !self.has_last_frame())?;
        match (self.pipeline.data_timeout.is_waiting(), self.pipeline.last_packet()) {
            (false, _) => Some(last + self.extend_timeout(WAITING_TIMEOUT)),
            (true, None) => Some(last + self.start_timeout()),
            (true, Some(_)) => {
                let is_shown = self.pipeline.presenter.jitter_buffer.is_empty();
                is_shown.then(|| last + self.extend_timeout(END_TIMEOUT))
            }
        }
    }

    fn check_data_timeout(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        if self.has_only_unusable_datagrams(now) {
            return self.handle_no_frames(now);
        }
        let idle_time = now.saturating_duration_since(last);
        // After the last frame no data is missing, even if it is still waiting to be shown.
        self.pipeline
            .set_waiting(idle_time >= self.extend_timeout(WAITING_TIMEOUT) && !self.has_last_frame());
        let is_shown = self.pipeline.presenter.jitter_buffer.is_empty();
        match self.pipeline.last_packet() {
            Some(_) if idle_time >= self.extend_timeout(END_TIMEOUT) && is_shown => self.handle_silence(now),
            None if idle_time >= self.start_timeout() => self.handle_no_frames(now),
            _ => {}
        }
    }

    /// Handles silence after packets: the end of the film, unless there was no frame or only the first one.
    fn handle_silence(&mut self, now: Instant) {
        match self.frame_counts() {
            (0, _) => self.handle_no_frames(now),
            (1, 1) => self.handle_unplayable(now, ClassroomErrorKind::SilentAfterFirstFrame),
            _ => self.end_stream(now),
        }
    }

    /// Returns true if the datagrams of 5 s were not a single frame. Losses of an emulated network are not judged.
    fn has_only_unusable_datagrams(&self, now: Instant) -> bool {
        let playing_time =
            self.pipeline.data_timeout.playing_since().map(|at| now.saturating_duration_since(at));
        let arrived = self.pipeline.receiver.as_ref().and_then(ClassroomFrameReceiver::arrived);
        self.frame_counts().0 == 0
            && playing_time.is_some_and(|time| time >= START_TIMEOUT)
            && arrived.is_some_and(|arrived| arrived.count() >= MIN_UNUSABLE_DATAGRAMS)
            && !self.pipeline.emulator.is_on()
    }

    fn start_timeout(&self) -> Duration {
        if self.machine.is_respelled() { RESPELLED_START_TIMEOUT } else { START_TIMEOUT }
    }

    fn handle_no_frames(&mut self, now: Instant) {
        let arrived = self.pipeline.receiver.as_ref().and_then(ClassroomFrameReceiver::arrived);
        let kind = match arrived {
            Some(arrived) => ClassroomErrorKind::NotAssembled(arrived),
            None => ClassroomErrorKind::NoFrames { port: self.machine.rtp_port() },
        };
        self.handle_unplayable(now, kind);
    }

    fn handle_unplayable(&mut self, now: Instant, kind: ClassroomErrorKind) {
        self.pipeline.stop(now);
        self.machine.handle_unplayable(now, kind);
    }

    /// Number of complete frames, and of all frames, since SETUP.
    fn frame_counts(&self) -> (u64, u64) {
        self.pipeline.receiver.as_ref().map_or((0, 0), ClassroomFrameReceiver::frame_counts)
    }
}

/// Reports to a server that waits for them.
impl ClassroomClient {
    /// Next deadline of a report; `None` while nothing plays. Whether the server is silent is checked when data counts
    /// as missing.
    fn poll_feedback(&self) -> Option<Instant> {
        self.pipeline.data_timeout.playing_since()?;
        self.feedback.next_report_at()
    }

    fn send_feedback(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        let is_silent = now.saturating_duration_since(last) >= self.extend_timeout(WAITING_TIMEOUT);
        if is_silent && self.frame_counts() == (1, 1) && !self.has_last_frame() && !self.feedback.is_on() {
            self.feedback.start(now);
            self.pipeline.outputs.push(ClientOutput::SetTransport(feedback::feedback_transport()));
        }
        if let Some(receiver) = &mut self.pipeline.receiver
            && self.feedback.take_due(now)
        {
            let report = feedback::encode_report(&self.rtcp_identity, receiver.report_block());
            self.pipeline.outputs.push(ClientOutput::SendPacket(RawPacket::rtcp(report)));
        }
    }
}

/// Position of a frame, rounded up: a position rounded down would belong to the frame before.
fn frame_position(timestamp: i64) -> Option<Npt> {
    let micros = (u128::from(timestamp.unsigned_abs()) * 1_000_000).div_ceil(u128::from(CLOCK_RATE));
    u64::try_from(micros).ok().map(Npt::from_micros)
}
