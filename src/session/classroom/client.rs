//! PURE. The whole player of the classroom dialect without a socket and a clock: requests, reception, playout, and
//! the end, joined.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::machine;
use super::machine::{Length, Machine};
use super::receiver::Receiver;
use crate::impairment::{Datagram, Emulated};
use crate::media::FrameRate;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::{Lower, Method, Npt, NptRange, RtspUrl};
use crate::proto::sdp::JPEG_PAYLOAD_TYPE;
use crate::session::emulator_tap::WayIn;
use crate::session::events::{Event, Input, Output, Outputs};
use crate::session::message_log::Speaker;
use crate::session::options::PlayerOptions;
use crate::session::options::SILENCE;
use crate::session::present::frame::ReceivedFrame;
use crate::session::present::presenter::Projector;
use crate::session::presentation::Presentation;
use crate::session::state::{Goal, Status};
use crate::stats::{Snapshot, Strip};

/// The player.
#[derive(Debug)]
pub struct ClassroomPlayer {
    machine: Machine,
    way_in: WayIn,
    /// What the emulated network did in the session that is over.
    emulated: Option<Emulated>,
    presentation: Presentation,
    rate: FrameRate,
    /// Frames of the film, if the server says it.
    frames: Option<u64>,
    receiver: Option<Receiver>,
    projector: Projector,
    port: u16,
    watch: Watch,
    /// The server has hung up behind the last frame, which waits to be shown.
    is_hung_up: bool,
    outputs: Outputs,
}

/// Looks whether data comes.
#[derive(Debug, Default)]
struct Watch {
    started: Option<Instant>,
    is_waiting: bool,
}

/// A film that has begun is over after so much silence, as the end is told by nothing else.
const END_SILENCE: Duration = Duration::from_secs(3);

/// A film that has not begun by then is not there.
const BEGIN_SILENCE: Duration = Duration::from_secs(5);

impl ClassroomPlayer {
    /// A player that stands still.
    pub fn new(url: RtspUrl, options: PlayerOptions) -> Self {
        let machine = Machine::new(url, options.machine);
        Self {
            presentation: describe(machine.file(), FrameRate::CLASSROOM, None),
            machine,
            way_in: WayIn::new(options.emulation),
            emulated: None,
            rate: FrameRate::CLASSROOM,
            frames: None,
            receiver: None,
            projector: Projector::new(options.playout_delay, options.epoch),
            port: 0,
            watch: Watch::default(),
            is_hung_up: false,
            outputs: Outputs::default(),
        }
    }

    /// Takes what has happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Goal(goal) => self.set_goal(now, goal),
            Input::PlayoutDelay(delay) => self.set_playout_delay(delay),
            Input::Connected(_) => self.machine.connected(now),
            Input::ConnectionLost(why) => self.connection_lost(now, why),
            Input::Received(octets) => self.machine.received(now, &octets),
            Input::PortsOpen(ports) => {
                self.port = ports.rtp;
                self.machine.port_open(now, ports.rtp);
            }
            Input::PortsFailed(why) => self.machine.ports_failed(why),
            Input::Rtp(octets) => self.arrive(now, octets),
            // There are no positions to ask for, and there is no RTCP.
            Input::Seek(_) | Input::Rtcp(_) => {}
        }
        self.settle(now);
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Instant) {
        self.machine.timeout(now);
        self.let_in(now);
        if let Some(receiver) = &mut self.receiver {
            receiver.timeout(now);
        }
        self.settle(now);
    }

    /// When [`ClassroomPlayer::timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let receiver = self.receiver.as_ref().and_then(Receiver::deadline);
        let deadlines = [
            self.machine.deadline(),
            receiver,
            self.projector.playout.next_due(),
            self.silence_due(),
            self.way_in.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What is to be done; call until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.poll()
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> Status {
        self.machine.status()
    }

    /// The figures.
    pub fn snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let Some(receiver) = &mut self.receiver else { return snapshot };
        receiver.add_to(now, &mut snapshot);
        self.projector.add_to(now, &mut snapshot);
        snapshot.emulated = self.way_in.emulated_of_all().or(self.emulated);
        snapshot
    }

    /// The last packets, each by its fate.
    pub fn strip(&self) -> Option<&Strip> {
        self.receiver.as_ref().map(Receiver::strip)
    }

    fn set_goal(&mut self, now: Instant, goal: Goal) {
        // There is nobody to ask any more, and nothing to wait for.
        if self.is_hung_up {
            self.end(now);
        }
        if goal == Goal::Stopped {
            // The screen answers before the server does.
            self.projector.playout.clear();
        }
        self.machine.set_goal(now, goal);
    }

    fn set_playout_delay(&mut self, delay: Duration) {
        self.projector.set_delay(delay);
        if let Some(receiver) = &mut self.receiver {
            receiver.set_patience(self.projector.patience());
        }
    }

    fn connection_lost(&mut self, now: Instant, why: Option<String>) {
        self.machine.hear_out(now);
        self.carry_out(now);
        // Some servers end themselves with the film.
        if self.has_last_frame() {
            self.is_hung_up = true;
            return;
        }
        let frame = self.receiver.as_ref().and_then(Receiver::last_number);
        self.machine.connection_lost(now, why, frame);
    }

    /// A datagram is here; the emulated network may stand before us yet.
    fn arrive(&mut self, now: Instant, octets: Bytes) {
        if let Some(datagram) = self.way_in.admit(now, Datagram::rtp(octets)) {
            self.rtp(now, &datagram.octets);
        }
        self.let_in(now);
    }

    fn let_in(&mut self, now: Instant) {
        while let Some((at, datagram)) = self.way_in.poll(now) {
            self.rtp(at, &datagram.octets);
        }
    }

    /// Packets that overtake the answer to PLAY belong to it like any other: there are no numbers to wait for.
    fn rtp(&mut self, now: Instant, octets: &Bytes) {
        if let Some(receiver) = &mut self.receiver {
            receiver.datagram(now, octets);
        }
    }

    /// Does everything that follows from what has just happened.
    fn settle(&mut self, now: Instant) {
        self.carry_out(now);
        self.move_frames(now);
        self.look_for_the_end(now);
        self.look_for_silence(now);
        self.carry_out(now);
        self.outputs.tell_status(self.status());
    }

    fn carry_out(&mut self, now: Instant) {
        while let Some(output) = self.machine.poll() {
            self.carry_out_one(now, output);
        }
        self.projector.follow(now, &self.status());
    }

    fn carry_out_one(&mut self, now: Instant, output: machine::Output) {
        use machine::Output as Wanted;
        match output {
            Wanted::Connect(url) => self.outputs.push(Output::Connect(url)),
            Wanted::Disconnect => self.outputs.push(Output::Disconnect),
            Wanted::OpenPorts(port) => self.outputs.push(Output::OpenPorts(port)),
            Wanted::Write(octets) => {
                if self.machine.status().in_flight == Some(Method::Play) {
                    self.projector.showing.ask(now);
                }
                self.tell_message(now, Speaker::Player, &octets);
                self.outputs.push(Output::Write(octets));
            }
            Wanted::Heard(text) => self.tell_message(now, Speaker::Server, text.as_bytes()),
            Wanted::Length(length) => self.take_length(length),
            Wanted::SetUp => self.set_up(),
            Wanted::Started => {
                self.watch = Watch { started: Some(now), is_waiting: false };
                if let Some(receiver) = &mut self.receiver {
                    receiver.go_on();
                }
                self.projector.showing.start(now);
                self.outputs.tell(Event::Started(self.presentation.range.unwrap_or_default()));
            }
            Wanted::Paused => self.stop_watching(now),
            Wanted::Closed => self.closed(now),
            Wanted::Failed(failure) => self.outputs.tell(Event::Failed(failure)),
        }
    }

    fn tell_message(&mut self, now: Instant, speaker: Speaker, octets: &[u8]) {
        let state = self.machine.status().state;
        self.outputs.tell_message(now, speaker, octets, state);
    }

    fn take_length(&mut self, Length { frames, seconds }: Length) {
        let stated = seconds.map(|seconds| (frames as f64 / seconds).to_string());
        self.rate = stated.and_then(|rate| rate.parse().ok()).unwrap_or(FrameRate::CLASSROOM);
        self.frames = Some(frames);
        self.presentation = describe(self.machine.file(), self.rate, Some(frames));
        self.outputs.tell(Event::Described(self.presentation.clone()));
    }

    fn set_up(&mut self) {
        self.receiver = Some(Receiver::new(self.projector.patience()));
        self.projector.begin();
        self.way_in.begin(None);
        self.emulated = None;
        self.outputs.tell(Event::Described(self.presentation.clone()));
        self.outputs.tell(Event::SetUp(Lower::Udp));
    }

    fn stop_watching(&mut self, now: Instant) {
        self.projector.showing.stop(now);
        let Watch { is_waiting, .. } = std::mem::take(&mut self.watch);
        if is_waiting {
            self.outputs.tell(Event::Waiting(false));
        }
    }

    fn closed(&mut self, now: Instant) {
        self.projector.showing.stop(now);
        // The receiver stays: its figures are those of the session that is over.
        if let Some(receiver) = &mut self.receiver {
            receiver.stop();
        }
        self.emulated = self.way_in.emulated_of_all().or(self.emulated);
        self.way_in.end();
        self.projector.playout.clear();
        self.watch = Watch::default();
        self.is_hung_up = false;
        self.outputs.tell(Event::Closed);
    }
}

/// What a server would say if it could. The range has no beginning, because nothing can be asked to begin elsewhere.
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

/// Pictures, and silence.
impl ClassroomPlayer {
    /// Pictures are given timestamps from their numbers, because those that they come with are no clock.
    fn move_frames(&mut self, now: Instant) {
        let Some(receiver) = &mut self.receiver else { return };
        while let Some(picture) = receiver.next_picture() {
            let timestamp = ticks(self.rate, picture.number);
            receiver.time(picture.arrival, timestamp);
            let frame = ReceivedFrame { jpeg: picture.jpeg, timestamp, arrival: picture.arrival };
            self.outputs.push(Output::Arrived(frame.clone()));
            self.projector.arrived(frame);
        }
        if let Some(frame) = self.projector.show(now) {
            let position = position(frame.timestamp);
            self.outputs.push(Output::Show { frame, position });
        }
    }

    fn has_last_frame(&self) -> bool {
        let last = self.receiver.as_ref().and_then(Receiver::last_number);
        self.watch.started.is_some() && self.frames.zip(last).is_some_and(|(frames, last)| last >= frames)
    }

    fn look_for_the_end(&mut self, now: Instant) {
        if self.has_last_frame() && self.projector.playout.is_empty() {
            self.end(now);
        }
    }

    fn end(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.receiver {
            receiver.finish(now);
        }
        // The silence by which the end is recognised is no part of the film.
        let last = self.receiver.as_ref().and_then(Receiver::last_datagram);
        self.stop_watching(last.map_or(now, |last| now.min(last + self.projector.delay())));
        self.machine.film_over(now);
        if std::mem::take(&mut self.is_hung_up) {
            self.machine.connection_lost(now, None, None);
        }
        // That there is no session any more is told first, as the end is what matters.
        self.carry_out(now);
        self.outputs.tell(Event::Ended);
    }

    /// How long nothing has come, and whether anything has come before.
    fn silence(&self, now: Instant) -> Option<(Duration, bool)> {
        let started = self.watch.started?;
        let datagram = self.receiver.as_ref().and_then(Receiver::last_datagram);
        let heard = datagram.map_or(started, |datagram| datagram.max(started));
        Some((now.saturating_duration_since(heard), datagram.is_some()))
    }

    /// So long, or as long as three frames take if that is longer: between frames there is silence.
    fn at_least(&self, silence: Duration) -> Duration {
        silence.max(Duration::from_micros(self.rate.npt_of(3).as_micros()))
    }

    /// When silence is next to be judged. The end waits for the last picture to be shown, which has a time of its own.
    fn silence_due(&self) -> Option<Instant> {
        let started = self.watch.started.filter(|_| !self.has_last_frame())?;
        let datagram = self.receiver.as_ref().and_then(Receiver::last_datagram);
        let heard = datagram.map_or(started, |datagram| datagram.max(started));
        match (self.watch.is_waiting, datagram) {
            (false, _) => Some(heard + self.at_least(SILENCE)),
            (true, None) => Some(heard + BEGIN_SILENCE),
            (true, Some(_)) => {
                self.projector.playout.is_empty().then_some(heard + self.at_least(END_SILENCE))
            }
        }
    }

    fn look_for_silence(&mut self, now: Instant) {
        let Some((silence, has_begun)) = self.silence(now) else { return };
        // Nothing is missing behind the last frame, which may wait for its turn for a while.
        let is_waiting = silence >= self.at_least(SILENCE) && !self.has_last_frame();
        if std::mem::replace(&mut self.watch.is_waiting, is_waiting) != is_waiting {
            self.outputs.tell(Event::Waiting(is_waiting));
        }
        match has_begun {
            true if silence >= self.at_least(END_SILENCE) && self.projector.playout.is_empty() => {
                self.end(now)
            }
            false if silence >= BEGIN_SILENCE => {
                self.stop_watching(now);
                self.machine.no_pictures(now, self.port);
            }
            _ => {}
        }
    }
}

/// Numbers count from 1, timestamps from 0.
fn ticks(rate: FrameRate, number: u64) -> i64 {
    let micros = rate.npt_of(number.saturating_sub(1)).as_micros();
    i64::try_from(u128::from(micros) * u128::from(CLOCK_RATE) / 1_000_000).unwrap_or(i64::MAX)
}

/// Rounded up, so that the frame at this position is this frame and not the one before.
fn position(timestamp: i64) -> Option<Npt> {
    let micros = (u128::from(timestamp.unsigned_abs()) * 1_000_000).div_ceil(u128::from(CLOCK_RATE));
    u64::try_from(micros).ok().map(Npt::from_micros)
}
