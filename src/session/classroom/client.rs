//! The client of the classroom dialect: requests, reception, and the end of a film, joined.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::machine::{self, Length, Machine};
use super::receiver::Receiver;
use super::url::ClassroomUrl;
use crate::impairment::{Datagram, Emulated};
use crate::media::FrameRate;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::{Lower, Method, Npt, NptRange, PortPair};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;
use crate::session::data_timeout::at_least_frames;
use crate::session::events::{Event, Output, Path};
use crate::session::message_log::Speaker;
use crate::session::options::{PlayerOptions, SILENCE};
use crate::session::pipeline::Pipeline;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol;
use crate::session::state::{Goal, Status};
use crate::stats::Snapshot;

/// A client of the classroom dialect.
#[derive(Debug)]
pub struct ClassroomPlayer {
    machine: Machine,
    pipeline: Pipeline<Receiver>,
    /// What the emulated network did in the session that is over.
    emulated: Option<Emulated>,
    presentation: Presentation,
    rate: FrameRate,
    /// Number of frames of the film, if the server states it.
    frames: Option<u64>,
    /// The port on which datagrams are received.
    port: u16,
}

/// A film that has begun is over after so much silence, as nothing else tells its end.
const END_SILENCE: Duration = Duration::from_secs(3);

/// A film that has not begun by then does not exist.
const BEGIN_SILENCE: Duration = Duration::from_secs(5);

impl ClassroomPlayer {
    /// A client without a session.
    pub fn new(url: ClassroomUrl, options: PlayerOptions) -> Self {
        Self {
            presentation: describe(url.file(), FrameRate::CLASSROOM, None),
            pipeline: Pipeline::new(&options),
            machine: Machine::new(url, options.machine),
            emulated: None,
            rate: FrameRate::CLASSROOM,
            frames: None,
            port: 0,
        }
    }
}

impl Protocol for ClassroomPlayer {
    type Receiver = Receiver;

    const HAS_RTCP: bool = false;

    fn pipeline(&self) -> &Pipeline<Receiver> {
        &self.pipeline
    }

    fn pipeline_mut(&mut self) -> &mut Pipeline<Receiver> {
        &mut self.pipeline
    }

    fn session_status(&self) -> Status {
        self.machine.status()
    }

    fn session_snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let Some(receiver) = &mut self.pipeline.receiver else { return snapshot };
        receiver.add_to(now, &mut snapshot);
        self.pipeline.presenter.add_to(now, &mut snapshot);
        snapshot.emulated = self.pipeline.emulator.emulated_of_all().or(self.emulated);
        snapshot
    }

    fn set_goal(&mut self, now: Instant, goal: Goal) {
        self.machine.set_goal(now, goal);
    }

    /// There are no positions to ask for.
    fn seek(&mut self, _: Instant, _: Npt) {}

    fn handle_connected(&mut self, now: Instant, _: Path) {
        self.machine.connected(now);
    }

    /// Some servers exit at the end of the film.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        self.machine.hear_out(now);
        self.perform_actions(now);
        match self.has_last_frame() {
            true => self.pipeline.is_hung_up = true,
            false => self.machine.connection_lost(now, reason, self.last_frame()),
        }
    }

    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes) {
        self.machine.received(now, bytes);
    }

    fn handle_ports(&mut self, now: Instant, ports: Result<PortPair, String>) {
        match ports {
            Ok(ports) => {
                self.port = ports.rtp;
                self.machine.port_open(now, ports.rtp);
            }
            Err(reason) => self.machine.ports_failed(reason),
        }
    }

    /// A packet that overtakes the response to PLAY is like any other: no sequence number is announced.
    fn handle_packet(&mut self, now: Instant, Datagram { octets, .. }: Datagram) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.datagram(now, &octets);
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        self.machine.timeout(now);
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        self.machine.deadline().into_iter().chain(self.silence_due()).min()
    }

    fn perform_next_action(&mut self, now: Instant) -> bool {
        let action = self.machine.poll();
        let is_some = action.is_some();
        if let Some(action) = action {
            self.perform(now, action);
        }
        is_some
    }

    fn handle_shown(&mut self, timestamp: i64) -> Option<Npt> {
        position(timestamp)
    }

    fn check(&mut self, now: Instant) {
        if self.has_last_frame() && self.pipeline.presenter.playout.is_empty() {
            self.end(now);
        }
        self.look_for_silence(now);
    }

    fn end(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.finish(now);
        }
        // The silence by which the end is recognised is no part of the film.
        let last = self.pipeline.last_packet();
        let delay = self.pipeline.presenter.delay();
        self.pipeline.stop(last.map_or(now, |last| now.min(last + delay)));
        self.machine.film_over(now);
        if std::mem::take(&mut self.pipeline.is_hung_up) {
            self.machine.connection_lost(now, None, None);
        }
        // That there is no session any more is told first, as the end is what matters.
        self.perform_actions(now);
        self.pipeline.outputs.tell(Event::Ended);
    }
}

/// Actions that the state machine asks for.
impl ClassroomPlayer {
    fn perform(&mut self, now: Instant, action: machine::Output) {
        use machine::Output as Wanted;
        match action {
            Wanted::Connect(url) => {
                let (host, port) = (url.host().to_owned(), url.port());
                self.pipeline.outputs.push(Output::Connect { host, port });
            }
            Wanted::Disconnect => self.pipeline.outputs.push(Output::Disconnect),
            Wanted::OpenPorts(port) => self.pipeline.outputs.push(Output::OpenPorts(port)),
            Wanted::Write(bytes) => {
                if self.machine.status().in_flight == Some(Method::Play) {
                    self.pipeline.presenter.showing.ask(now);
                }
                self.tell_message(now, Speaker::Player, &bytes);
                self.pipeline.outputs.push(Output::Write(bytes));
            }
            Wanted::Heard(text) => self.tell_message(now, Speaker::Server, text.as_bytes()),
            Wanted::Length(length) => self.set_length(length),
            Wanted::SetUp => self.set_up(),
            Wanted::Started => self.started(now),
            Wanted::Paused => self.pipeline.stop(now),
            Wanted::Closed => self.closed(now),
            Wanted::Failed(failure) => self.pipeline.outputs.tell(Event::Failed(failure)),
        }
    }

    fn tell_message(&mut self, now: Instant, speaker: Speaker, bytes: &[u8]) {
        let state = self.machine.status().state;
        self.pipeline.outputs.tell_message(now, speaker, bytes, state);
    }

    fn set_length(&mut self, Length { frames, seconds }: Length) {
        let stated = seconds.map(|seconds| (frames as f64 / seconds).to_string());
        self.rate = stated.and_then(|rate| rate.parse().ok()).unwrap_or(FrameRate::CLASSROOM);
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.set_rate(self.rate);
        }
        self.frames = Some(frames);
        self.presentation = describe(self.machine.file(), self.rate, Some(frames));
        self.pipeline.outputs.tell(Event::Described(self.presentation.clone()));
    }

    fn set_up(&mut self) {
        let receiver = Receiver::new(self.pipeline.presenter.reorder_wait(), self.rate);
        self.pipeline.set_up(receiver, None);
        self.emulated = None;
        self.pipeline.outputs.tell(Event::Described(self.presentation.clone()));
        self.pipeline.outputs.tell(Event::SetUp(Lower::Udp));
    }

    fn started(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.go_on();
        }
        self.pipeline.start(now);
        self.pipeline.outputs.tell(Event::Started(self.presentation.range.unwrap_or_default()));
    }

    fn closed(&mut self, now: Instant) {
        self.emulated = self.pipeline.emulator.emulated_of_all().or(self.emulated);
        self.pipeline.close(now);
        self.pipeline.outputs.tell(Event::Closed);
    }
}

/// The description that a server would send if it could. The range has no beginning, because nothing can be asked to
/// begin elsewhere.
fn describe(file: &str, rate: FrameRate, frames: Option<u64>) -> Presentation {
    Presentation {
        name: file.to_owned(),
        server: None,
        aggregate_url: file.to_owned(),
        stream_url: file.to_owned(),
        range: Some(NptRange { start: None, end: frames.map(|frames| rate.npt_of(frames)) }),
        frame_rate: Some(rate.as_f64()),
        dimensions: None,
        payload_type: JPEG_PAYLOAD_TYPE,
        offers_jpeg_header: false,
        measures_round_trip: false,
        others: Vec::new(),
    }
}

/// The end of the film, and silence.
impl ClassroomPlayer {
    /// Number of the last frame that was complete.
    fn last_frame(&self) -> Option<u64> {
        self.pipeline.receiver.as_ref().and_then(Receiver::last_number)
    }

    fn has_last_frame(&self) -> bool {
        let is_started = self.pipeline.data_timeout.started().is_some();
        is_started && self.frames.zip(self.last_frame()).is_some_and(|(frames, last)| last >= frames)
    }

    fn at_least(&self, timeout: Duration) -> Duration {
        at_least_frames(timeout, Duration::from_micros(self.rate.npt_of(1).as_micros()))
    }

    /// When silence is next to be looked at. The end waits for the last frame to be shown, which has a time of its own.
    fn silence_due(&self) -> Option<Instant> {
        let last = self.pipeline.last_data().filter(|_| !self.has_last_frame())?;
        match (self.pipeline.data_timeout.is_waiting(), self.pipeline.last_packet()) {
            (false, _) => Some(last + self.at_least(SILENCE)),
            (true, None) => Some(last + BEGIN_SILENCE),
            (true, Some(_)) => {
                let is_shown = self.pipeline.presenter.playout.is_empty();
                is_shown.then(|| last + self.at_least(END_SILENCE))
            }
        }
    }

    fn look_for_silence(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        let silence = now.saturating_duration_since(last);
        // Nothing is missing behind the last frame, which may wait to be shown for a while.
        self.pipeline.set_waiting(silence >= self.at_least(SILENCE) && !self.has_last_frame());
        let is_shown = self.pipeline.presenter.playout.is_empty();
        match self.pipeline.last_packet() {
            Some(_) if silence >= self.at_least(END_SILENCE) && is_shown => self.end(now),
            None if silence >= BEGIN_SILENCE => {
                self.pipeline.stop(now);
                self.machine.no_pictures(now, self.port);
            }
            _ => {}
        }
    }
}

/// Rounded up, so that the frame at this position is this frame and not the one before.
fn position(timestamp: i64) -> Option<Npt> {
    let micros = (u128::from(timestamp.unsigned_abs()) * 1_000_000).div_ceil(u128::from(CLOCK_RATE));
    u64::try_from(micros).ok().map(Npt::from_micros)
}
