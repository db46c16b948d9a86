//! PURE. The whole player without a socket and a clock: RTSP, reception, playout, reports, and the end, joined.

mod silence;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::silence::Watch;
use super::conversation::{Message, Speaker};
use super::ending::Ending;
use super::failure::Failure;
use super::interruption::Interruption;
use super::machine::{self, Goal, Machine, MachineOptions, RtspState, Start, Status};
use super::playout::Playout;
use super::presentation::Presentation;
use super::receive::{ReceivedFrame, Receiver};
use super::reports::{Reporter, Reports};
use super::way_in::{Emulation, WayIn};
use crate::impairment::{Datagram, Kind};
use crate::proto::rtcp::{self, Epoch, Rtcp};
use crate::proto::rtp;
use crate::proto::rtsp::{
    ChannelPair, Frame, Framer, Limits, Lower, Method, Npt, NptRange, PortPair, RtspUrl, Transport,
    interleave,
};
use crate::stats::{Showing, Snapshot, Strip};

pub(super) use self::silence::SILENCE;

/// Something that has happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The user wants this.
    Goal(Goal),
    /// The user wants to go on here.
    Seek(Npt),
    /// The user wants pictures to wait this long.
    PlayoutDelay(Duration),
    /// The connection stands.
    Connected(Path),
    /// The connection could not be made, for this reason; or is gone.
    ConnectionLost(Option<String>),
    /// Octets from the connection.
    Received(Bytes),
    /// The ports are open.
    PortsOpen(PortPair),
    /// The ports are not to be had, for this reason.
    PortsFailed(String),
    /// A datagram on the RTP port.
    Rtp(Bytes),
    /// A datagram on the RTCP port.
    Rtcp(Bytes),
}

/// The way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Path {
    /// The server is on this machine.
    pub is_local: bool,
    /// It is reached by IPv6.
    pub is_ipv6: bool,
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Connect to the server of this URL.
    Connect(RtspUrl),
    /// Close the connection and the ports.
    Disconnect,
    /// Bind UDP ports: this one and the next, or a pair of the system's choice.
    OpenPorts(Option<u16>),
    /// The server's end of the transport.
    Route(Transport),
    /// Write this on the connection.
    Write(Bytes),
    /// Send this from the RTP port.
    Rtp(Bytes),
    /// Send this from the RTCP port.
    Rtcp(Bytes),
    /// A picture has arrived. It will be shown later, or never.
    Arrived(ReceivedFrame),
    /// Show this picture now.
    Show {
        /// The picture.
        frame: ReceivedFrame,
        /// Its position in the film, if that is known.
        position: Option<Npt>,
    },
    /// Tell the user.
    Event(Event),
}

/// Something that the user is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// State, goal or request have changed.
    Status(Status),
    /// A request or a reply was written, or has arrived.
    Said(Message),
    /// The stream is known.
    Described(Presentation),
    /// SETUP has succeeded; packets come this way.
    SetUp(Lower),
    /// PLAY has succeeded.
    Started(NptRange),
    /// No data comes, or it comes again.
    Waiting(bool),
    /// The film is over, and its last picture is on the screen.
    Ended,
    /// Something went wrong.
    Failed(Failure),
    /// There is no session for the moment; the player sets one up again by itself.
    Interrupted(Interruption),
    /// There is no session any more.
    Closed,
}

/// How a player behaves.
#[derive(Debug, Clone)]
pub struct PlayerOptions {
    /// The RTSP part.
    pub machine: MachineOptions,
    /// How much longer a picture waits than the quickest one needed.
    pub playout_delay: Duration,
    /// Who it is in RTCP.
    pub reporter: Reporter,
    /// The emulated network.
    pub emulation: Emulation,
    /// Two clocks of this machine.
    pub epoch: Epoch,
}

/// The player.
#[derive(Debug)]
pub struct Player {
    machine: Machine,
    framer: Framer,
    way_in: WayIn,
    presentation: Option<Presentation>,
    transport: Option<Transport>,
    playout_delay: Duration,
    receiver: Option<Receiver>,
    playout: Playout,
    showing: Showing,
    epoch: Epoch,
    path: Path,
    ending: Option<Ending>,
    /// What was shown last.
    position: Option<Npt>,
    /// Packets have come since SETUP.
    has_heard: bool,
    /// Packets that overtook the answer to PLAY.
    early: VecDeque<(Instant, Bytes)>,
    early_octets: usize,
    reports: Reports,
    watch: Watch,
    /// The server has hung up behind the last frame, which waits to be shown.
    is_hung_up: bool,
    told: Option<Status>,
    outputs: VecDeque<Output>,
}

/// Packets that may overtake an answer, and their octets; more do not overtake, they flood.
const MOST_EARLY: usize = 16 * 1024;
const MOST_EARLY_OCTETS: usize = 32 * 1024 * 1024;

/// Gaps are waited for as long as pictures wait, within reason.
pub(super) fn patience(playout_delay: Duration) -> Duration {
    playout_delay.clamp(Duration::from_millis(10), Duration::from_secs(1))
}

impl Path {
    /// Octets around each RTP packet: the headers of UDP and IP; or of an interleaved frame (RFC 2326 §10.12), as
    /// nothing is known of the segments of TCP.
    fn headers(self, lower: Lower) -> usize {
        match (lower, self.is_ipv6) {
            (Lower::Udp, false) => 8 + 20,
            (Lower::Udp, true) => 8 + 40,
            (Lower::Tcp, _) => 4,
        }
    }
}

impl Player {
    /// A player that stands still.
    pub fn new(url: RtspUrl, options: PlayerOptions) -> Self {
        Self {
            machine: Machine::new(url, options.machine),
            framer: Framer::new(Limits::CLIENT),
            way_in: WayIn::new(options.emulation),
            presentation: None,
            transport: None,
            playout_delay: options.playout_delay,
            receiver: None,
            playout: Playout::new(options.playout_delay),
            showing: Showing::new(options.epoch),
            epoch: options.epoch,
            path: Path::default(),
            ending: None,
            position: None,
            has_heard: false,
            early: VecDeque::new(),
            early_octets: 0,
            reports: Reports::new(options.reporter, options.epoch),
            watch: Watch::default(),
            is_hung_up: false,
            told: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what has happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Goal(goal) => self.set_goal(now, goal),
            Input::Seek(position) => self.seek(now, position),
            Input::PlayoutDelay(delay) => self.set_playout_delay(delay),
            Input::Connected(path) => {
                self.path = path;
                self.machine.connected(now);
            }
            Input::ConnectionLost(why) => self.connection_lost(now, why),
            Input::Received(octets) => self.received(now, &octets),
            Input::PortsOpen(ports) => self.machine.ports_open(now, ports),
            Input::PortsFailed(why) => self.machine.ports_failed(why),
            Input::Rtp(octets) => self.arrive(now, Datagram::rtp(octets)),
            Input::Rtcp(octets) => self.arrive(now, Datagram::rtcp(octets)),
        }
        self.settle(now);
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Instant) {
        self.machine.timeout(now, self.framer.unfinished());
        self.let_in(now);
        if let Some(receiver) = &mut self.receiver {
            receiver.timeout(now);
        }
        self.settle(now);
    }

    /// When [`Player::timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let receiver = self.receiver.as_ref().and_then(Receiver::deadline);
        let deadlines = [
            self.machine.deadline(),
            receiver,
            self.playout.next_due(),
            self.reports.due(),
            self.silence_due(),
            self.way_in.deadline(),
            self.goodbye_due(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What is to be done; call until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> Status {
        self.machine.status()
    }

    /// The figures.
    pub fn snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let source = self.receiver.as_ref().and_then(Receiver::ssrc);
        // While packets come, the next one tells what was lost; behind the last one nothing does.
        let is_still = self.ending.is_none() || self.is_silent(now);
        let Some(receiver) = &mut self.receiver else { return snapshot };
        let sent = is_still.then(|| self.way_in.sent(source)).flatten();
        receiver.add_to(now, sent, &mut snapshot);
        self.showing.add_to(now, &mut snapshot);
        self.playout.add_to(now, &mut snapshot);
        snapshot.is_one_clock = self.path.is_local;
        snapshot.round_trip_ms = self.reports.round_trip().map(|span| span.as_secs_f64() * 1_000.0);
        snapshot.emulated = self.way_in.emulated(source);
        snapshot
    }

    /// The last packets, each by its fate.
    pub fn strip(&self) -> Option<&Strip> {
        self.receiver.as_ref().map(Receiver::strip)
    }

    fn set_goal(&mut self, now: Instant, goal: Goal) {
        self.end_if_hung_up(now);
        if goal == Goal::Stopped {
            // The screen answers before the server does.
            self.playout.clear();
            self.say_goodbye(now);
        }
        self.machine.set_goal(now, goal);
    }

    fn seek(&mut self, now: Instant, position: Npt) {
        self.end_if_hung_up(now);
        self.machine.seek(now, position);
    }

    /// Servers may hang up as soon as all of the film is on its way: that is its end, and no failure.
    fn connection_lost(&mut self, now: Instant, why: Option<String>) {
        match self.has_all() {
            true => self.is_hung_up = true,
            false => self.machine.connection_lost(now, why, self.framer.unfinished()),
        }
    }

    /// There is nobody to ask any more, and nothing to wait for.
    fn end_if_hung_up(&mut self, now: Instant) {
        if self.is_hung_up {
            self.end(now);
        }
    }

    fn set_playout_delay(&mut self, delay: Duration) {
        self.playout_delay = delay;
        self.playout.set_delay(delay);
        if let Some(receiver) = &mut self.receiver {
            receiver.set_patience(patience(delay));
        }
    }

    fn received(&mut self, now: Instant, octets: &[u8]) {
        self.framer.push(octets);
        loop {
            match self.framer.next_frame() {
                Ok(None) => return,
                Ok(Some(Frame::Response(response))) => {
                    self.machine.response(now, &response);
                    self.tell_message(now, Speaker::Server, &response.encode());
                }
                Ok(Some(Frame::Request(request))) => {
                    self.tell_message(now, Speaker::Server, &request.encode());
                    self.machine.server_request(now, &request);
                }
                // No server asks a player in that dialect.
                Ok(Some(Frame::Classroom(_))) => {}
                Ok(Some(Frame::Interleaved { channel, packet })) => self.interleaved(now, channel, packet),
                Err(error) => return self.machine.unreadable(error),
            }
            // What an answer changes must be known before the packets behind it are read.
            self.carry_out(now);
        }
    }

    fn interleaved(&mut self, now: Instant, channel: u8, packet: Bytes) {
        match self.transport.as_ref().and_then(|transport| transport.interleaved) {
            Some(ChannelPair { rtp, .. }) if channel == rtp => self.arrive(now, Datagram::rtp(packet)),
            Some(ChannelPair { rtcp, .. }) if channel == rtcp => self.arrive(now, Datagram::rtcp(packet)),
            _ => tracing::debug!(channel, "a packet on a channel that was not agreed on"),
        }
    }

    /// A packet is here, as a datagram or interleaved; the emulated network may stand before us yet.
    fn arrive(&mut self, now: Instant, packet: Datagram) {
        if let Some(packet) = self.way_in.admit(now, packet) {
            self.take(now, packet);
        }
        self.let_in(now);
    }

    fn let_in(&mut self, now: Instant) {
        while let Some((at, packet)) = self.way_in.poll(now) {
            self.take(at, packet);
        }
    }

    fn take(&mut self, now: Instant, Datagram { kind, octets }: Datagram) {
        match kind {
            Kind::Rtp => self.rtp(now, octets),
            Kind::Rtcp => self.rtcp(now, &octets),
        }
    }

    fn rtp(&mut self, now: Instant, octets: Bytes) {
        // The answer says which packets belong to this PLAY; until then they wait.
        if self.machine.status().in_flight == Some(Method::Play) {
            let room = MOST_EARLY_OCTETS.saturating_sub(self.early_octets);
            if self.early.len() < MOST_EARLY && octets.len() <= room {
                self.early_octets += octets.len();
                self.early.push_back((now, octets));
            }
            return;
        }
        self.take_rtp(now, octets);
    }

    fn take_rtp(&mut self, now: Instant, octets: Bytes) {
        let Some(receiver) = &mut self.receiver else { return };
        let before = receiver.highest_timestamp();
        let Some(timestamp) = receiver.packet(now, octets) else { return };
        self.has_heard = true;
        if Some(timestamp) > before {
            self.showing.begun(now, timestamp as u32);
        }
        if let Some(ending) = &mut self.ending {
            ending.packet(timestamp);
        }
    }

    fn rtcp(&mut self, now: Instant, octets: &[u8]) {
        let packets = match rtcp::parse(octets) {
            Ok(packets) => packets,
            Err(error) => return tracing::debug!(%error, "an RTCP packet is passed over"),
        };
        let source = self.receiver.as_ref().and_then(Receiver::ssrc);
        let mut sent = None;
        for packet in packets {
            match packet {
                Rtcp::SenderReport { ssrc, info, .. } if source.is_none_or(|source| source == ssrc) => {
                    sent = Some(info.packets);
                    self.reports.sender_report(now, &info);
                    self.showing.sender_report(info);
                }
                Rtcp::Extended { ssrc, block } if source.is_none_or(|source| source == ssrc) => {
                    self.reports.extended_report(now, block);
                }
                Rtcp::Bye { ssrcs } if source.is_some_and(|source| ssrcs.contains(&source)) => {
                    self.way_in.goodbye(sent);
                    if let Some(ending) = &mut self.ending {
                        ending.goodbye(now);
                    }
                }
                _ => {}
            }
        }
    }

    /// Does everything that follows from what has just happened.
    fn settle(&mut self, now: Instant) {
        self.carry_out(now);
        self.move_frames(now);
        self.look_for_the_end(now);
        self.look_for_silence(now);
        self.look_for_flaw();
        self.report_if_due(now);
        self.carry_out(now);
        self.tell_status();
    }

    fn carry_out(&mut self, now: Instant) {
        while let Some(output) = self.machine.poll() {
            self.carry_out_one(now, output);
        }
        self.stop_or_go(now);
    }

    fn carry_out_one(&mut self, now: Instant, output: machine::Output) {
        use machine::Output as Wanted;
        match output {
            Wanted::Connect(url) => {
                self.framer = Framer::new(Limits::CLIENT);
                self.outputs.push_back(Output::Connect(url));
            }
            Wanted::Disconnect => self.outputs.push_back(Output::Disconnect),
            Wanted::OpenPorts(port) => self.outputs.push_back(Output::OpenPorts(port)),
            Wanted::Send(request) => {
                if request.method == Method::Play {
                    self.showing.ask(now);
                }
                self.write(now, request.encode());
            }
            Wanted::Reply(response) => self.write(now, response.encode()),
            Wanted::Described(presentation) => self.described(presentation),
            Wanted::SetUp(transport) => self.set_up(transport),
            Wanted::Started(start) => self.started(now, &start),
            Wanted::Paused => self.paused(now),
            Wanted::Interrupted(interruption) => self.interrupted(now, interruption),
            Wanted::Closed => self.closed(now),
            Wanted::Failed(failure) => {
                self.take_early();
                self.tell(Event::Failed(failure));
            }
        }
    }

    fn write(&mut self, now: Instant, octets: Bytes) {
        self.tell_message(now, Speaker::Player, &octets);
        self.outputs.push_back(Output::Write(octets));
    }

    fn tell_message(&mut self, now: Instant, speaker: Speaker, octets: &[u8]) {
        let message = Message::new(now, speaker, octets, self.machine.status().state);
        self.tell(Event::Said(message));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn tell_status(&mut self) {
        let status = self.machine.status();
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            self.tell(Event::Status(status));
        }
    }

    fn described(&mut self, presentation: Presentation) {
        if let Some(ending) = &mut self.ending {
            ending.set_end(presentation.range.and_then(|range| range.end));
        }
        self.presentation = Some(presentation.clone());
        self.tell(Event::Described(presentation));
    }

    fn set_up(&mut self, transport: Transport) {
        let Some(presentation) = &self.presentation else { return };
        let lower = transport.lower;
        self.receiver = Some(Receiver::new(
            presentation.payload_type,
            transport.ssrc,
            presentation.dimensions,
            self.path.headers(lower),
            patience(self.playout_delay),
        ));
        self.reports.begin(presentation.measures_round_trip);
        self.playout = Playout::new(self.playout_delay);
        self.showing = Showing::new(self.epoch);
        self.has_heard = false;
        self.way_in.begin(transport.ssrc);
        self.transport = Some(transport.clone());
        self.outputs.push_back(Output::Route(transport));
        self.tell(Event::SetUp(lower));
    }

    fn started(&mut self, now: Instant, start: &Start) {
        let Some(receiver) = &mut self.receiver else { return };
        receiver.start(start.sequence);
        if !start.goes_on {
            self.playout.clear();
        }
        let frame_rate = self.presentation.as_ref().and_then(|presentation| presentation.frame_rate);
        self.ending = Some(Ending::new(start, frame_rate));
        self.watch = Watch::since(now);
        self.showing.start(now);
        self.reports.start(now);
        self.open_path(now);
        self.tell(Event::Started(start.range));
        for (arrival, octets) in self.take_early() {
            self.take_rtp(arrival, octets);
        }
    }

    fn take_early(&mut self) -> VecDeque<(Instant, Bytes)> {
        self.early_octets = 0;
        std::mem::take(&mut self.early)
    }

    /// If all of the film was on its way already, the server stands at its beginning again; then what has not been
    /// shown yet is asked for anew when it goes on.
    fn paused(&mut self, now: Instant) {
        self.watch = Watch::default();
        self.showing.stop(now);
        let Some(ending) = &self.ending else { return };
        if !ending.has_reached_last_frame() && ending.goodbye_at().is_none() {
            return;
        }
        match self.playout.next_timestamp().map(|timestamp| ending.position(timestamp)) {
            Some(Some(next)) => {
                self.playout.clear();
                self.machine.seek(now, next);
            }
            Some(None) => {}
            None => self.end(now),
        }
    }

    /// Sends something from each port, so that a firewall on the way lets the answers in; and the first report, which
    /// asks how long a round trip takes.
    fn open_path(&mut self, now: Instant) {
        let Some(Transport { lower, server_port, .. }) = &self.transport else { return };
        match (lower, server_port) {
            (Lower::Udp, None) => return,
            (Lower::Udp, Some(_)) => self.knock(),
            (Lower::Tcp, _) => {}
        }
        let report = self.reports.report(now, None);
        self.send_rtcp(report);
    }

    fn knock(&mut self) {
        // An RTP packet without a payload, which no server takes for anything.
        let header = rtp::Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 };
        self.outputs.push_back(Output::Rtp(Bytes::copy_from_slice(&header.octets(false))));
    }

    fn send_rtcp(&mut self, packet: Vec<u8>) {
        match self.transport.as_ref().map(|transport| (transport.lower, transport.interleaved)) {
            Some((Lower::Tcp, Some(channels))) => {
                self.outputs.push_back(Output::Write(interleave(channels.rtcp, &packet)));
            }
            Some((Lower::Udp, _)) => self.outputs.push_back(Output::Rtcp(packet.into())),
            _ => {}
        }
    }

    fn say_goodbye(&mut self, now: Instant) {
        let Some(receiver) = &mut self.receiver else { return };
        if self.reports.due().is_some() {
            let block = receiver.report();
            let goodbye = self.reports.goodbye(now, block);
            self.reports.stop();
            self.send_rtcp(goodbye);
        }
    }

    fn closed(&mut self, now: Instant) {
        self.forget_session(now);
        self.position = None;
        self.tell(Event::Closed);
    }

    /// The next session goes on where this one was.
    fn interrupted(&mut self, now: Instant, interruption: Interruption) {
        self.forget_session(now);
        if let Some(position) = self.position {
            self.machine.go_on_at(position);
        }
        self.tell(Event::Interrupted(interruption));
    }

    fn forget_session(&mut self, now: Instant) {
        self.showing.stop(now);
        // The receiver stays: its figures are those of the session that is over.
        if let Some(receiver) = &mut self.receiver {
            receiver.stop();
        }
        self.way_in.end();
        self.playout.clear();
        self.take_early();
        self.ending = None;
        self.transport = None;
        self.is_hung_up = false;
        if self.watch.is_waiting {
            self.tell(Event::Waiting(false));
        }
        self.watch = Watch::default();
        self.reports.stop();
    }

    /// The picture stands still as soon as the user wants it to, and goes on only when the server agrees.
    fn stop_or_go(&mut self, now: Instant) {
        let Status { state, goal, .. } = self.machine.status();
        match (state, goal) {
            (RtspState::Playing, Goal::Playing) => self.playout.resume(now),
            _ => self.playout.pause(now),
        }
    }

    fn move_frames(&mut self, now: Instant) {
        let Some(receiver) = &mut self.receiver else { return };
        while let Some(frame) = receiver.next_frame() {
            self.showing.arrived(frame.arrival);
            self.outputs.push_back(Output::Arrived(frame.clone()));
            self.playout.push(frame);
        }
        if let Some(frame) = self.playout.pop(now) {
            let position = self.ending.as_ref().and_then(|ending| ending.position(frame.timestamp));
            self.position = position.or(self.position);
            self.showing.shown(now, frame.arrival, frame.timestamp as u32);
            self.outputs.push_back(Output::Show { frame, position });
        }
    }

    fn look_for_the_end(&mut self, now: Instant) {
        if self.watch.started.is_none() || !self.playout.is_empty() {
            return;
        }
        let is_told = self.goodbye_due().is_some_and(|due| now >= due);
        if self.is_hung_up || self.has_last_frame() || is_told {
            self.end(now);
        }
    }

    /// The last frame of the range is here.
    fn has_last_frame(&self) -> bool {
        let (Some(receiver), Some(ending)) = (&self.receiver, &self.ending) else { return false };
        ending.has_reached_last_frame() && receiver.is_idle()
    }

    /// Nothing more comes of what is played: the last frame is here, or the server has said goodbye, and not in the
    /// middle as one does that is stopped.
    fn has_all(&self) -> bool {
        let ending = self.ending.as_ref().filter(|ending| !ending.is_cut_short());
        let has_goodbye = ending.is_some_and(|ending| ending.goodbye_at().is_some());
        self.watch.started.is_some() && (self.has_last_frame() || has_goodbye)
    }

    /// When a goodbye is believed, if everything else is done: packets that were sent before it may still be on
    /// their way.
    fn goodbye_due(&self) -> Option<Instant> {
        let (receiver, ending) = (self.receiver.as_ref()?, self.ending.as_ref()?);
        let is_done = self.watch.started.is_some() && self.playout.is_empty() && receiver.is_in_order();
        ending.goodbye_at().filter(|_| is_done).map(|at| at + patience(self.playout_delay))
    }

    fn end(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.receiver {
            receiver.finish();
        }
        // The last picture has stood long enough when the range is over, however late that is found out.
        let over = self.ending.as_ref().and_then(Ending::end_timestamp);
        let over = over.and_then(|timestamp| self.playout.expected_arrival(timestamp));
        self.showing.stop(over.map_or(now, |over| now.min(over + self.playout_delay)));
        self.ending = None;
        if self.watch.is_waiting {
            self.tell(Event::Waiting(false));
        }
        self.watch = Watch::default();
        match std::mem::take(&mut self.is_hung_up) {
            true => self.machine.all_over(),
            false => self.machine.stream_ended(now),
        }
        // That there is no session any more is told first, as the end is what matters.
        self.carry_out(now);
        self.tell(Event::Ended);
    }

    fn is_over_by_the_clock(&self, now: Instant) -> bool {
        let Some(ending) = &self.ending else { return false };
        let end = ending.end_timestamp().and_then(|timestamp| self.playout.expected_arrival(timestamp));
        // Of a stream that was never heard, only the clock tells, and nothing tells how late it would have come.
        let is_unheard = self.receiver.as_ref().is_some_and(|receiver| receiver.last_packet().is_none());
        let unheard = is_unheard.then_some(self.watch.started.zip(ending.length())).flatten();
        let end = end.or(unheard.map(|(started, length)| started + length + SILENCE));
        self.playout.is_empty() && ending.is_over_by_the_clock(now, end)
    }

    fn report_if_due(&mut self, now: Instant) {
        if self.reports.due().is_some_and(|due| now >= due) {
            let block = self.receiver.as_mut().and_then(Receiver::report);
            let report = self.reports.report(now, block);
            self.send_rtcp(report);
        }
    }
}
