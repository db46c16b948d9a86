//! PURE. The whole player without a socket and a clock: RTSP, reception, playout, reports, and the end, joined.

mod data_timeout;
mod watch;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::watch::Watch;
use super::machine;
use super::machine::Machine;
use super::play_range::Ending;
use super::play_response::Start;
use crate::impairment::{Datagram, Kind};
use crate::proto::rtcp;
use crate::proto::rtcp::Rtcp;
use crate::proto::rtp;
use crate::proto::rtsp::{
    ChannelPair, Frame, Framer, Limits, Lower, Method, Npt, RtspUrl, Transport, interleave,
};
use crate::session::emulator_tap::WayIn;
use crate::session::events::{Event, Input, Output, Outputs, Path};
use crate::session::message_log::Speaker;
use crate::session::options::{PlayerOptions, SILENCE};
use crate::session::present::presenter::Projector;
use crate::session::presentation::Presentation;
use crate::session::reconnect::Interruption;
use crate::session::rtp::receiver::Receiver;
use crate::session::rtp::receiver_reports::Reports;
use crate::session::rtp::rtp_info::FirstPacket;
use crate::session::state::{Goal, Status};
use crate::stats::{Snapshot, Strip};

/// The player.
#[derive(Debug)]
pub struct Player {
    machine: Machine,
    framer: Framer,
    way_in: WayIn,
    presentation: Option<Presentation>,
    transport: Option<Transport>,
    receiver: Option<Receiver>,
    projector: Projector,
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
    outputs: Outputs,
}

/// Packets that may overtake an answer, and their octets; more do not overtake, they flood.
const MOST_EARLY: usize = 16 * 1024;
const MOST_EARLY_OCTETS: usize = 32 * 1024 * 1024;

impl Player {
    /// A player that stands still.
    pub fn new(url: RtspUrl, options: PlayerOptions) -> Self {
        Self {
            machine: Machine::new(url, options.machine),
            framer: Framer::new(Limits::CLIENT),
            way_in: WayIn::new(options.emulation),
            presentation: None,
            transport: None,
            receiver: None,
            projector: Projector::new(options.playout_delay, options.epoch),
            path: Path::default(),
            ending: None,
            position: None,
            has_heard: false,
            early: VecDeque::new(),
            early_octets: 0,
            reports: Reports::new(options.reporter, options.epoch),
            watch: Watch::default(),
            is_hung_up: false,
            outputs: Outputs::default(),
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
            self.projector.playout.next_due(),
            self.reports.due(),
            self.silence_due(),
            self.way_in.deadline(),
            self.goodbye_due(),
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
        let source = self.receiver.as_ref().and_then(Receiver::ssrc);
        // While packets come, the next one tells what was lost; behind the last one nothing does.
        let is_still = self.ending.is_none() || self.is_silent(now);
        let Some(receiver) = &mut self.receiver else { return snapshot };
        let sent = is_still.then(|| self.way_in.sent(source)).flatten();
        receiver.add_to(now, sent, &mut snapshot);
        self.projector.add_to(now, &mut snapshot);
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
            self.projector.playout.clear();
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
        self.projector.set_delay(delay);
        if let Some(receiver) = &mut self.receiver {
            receiver.set_patience(self.projector.patience());
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
            self.projector.showing.begun(now, timestamp as u32);
        }
        if let Some(ending) = &mut self.ending {
            ending.packet(now, timestamp);
        }
    }

    fn rtcp(&mut self, now: Instant, octets: &[u8]) {
        let packets = match rtcp::parse(octets) {
            Ok(packets) => packets,
            Err(error) => return tracing::debug!(%error, "an RTCP packet is passed over"),
        };
        let source = self.receiver.as_ref().and_then(Receiver::ssrc);
        let known = self.receiver.as_ref().map(Receiver::expected).filter(|known| *known > 0);
        let is_goodbye = packets.iter().any(|packet| matches!(packet, Rtcp::Bye { .. }));
        let (mut sent, mut said_at) = (None, None);
        for packet in packets {
            match packet {
                Rtcp::SenderReport { ssrc, info, .. } if source.is_none_or(|source| source == ssrc) => {
                    (sent, said_at) = (Some(info.packets), Some(info.rtp_timestamp));
                    if let Some(known) = known.filter(|_| !is_goodbye) {
                        self.way_in.report(info.packets, known);
                    }
                    self.reports.sender_report(now, &info);
                    self.projector.showing.sender_report(info);
                }
                Rtcp::Extended { ssrc, block } if source.is_none_or(|source| source == ssrc) => {
                    self.reports.extended_report(now, block);
                }
                Rtcp::Bye { ssrcs } if source.is_some_and(|source| ssrcs.contains(&source)) => {
                    self.goodbye(now, sent, said_at);
                }
                _ => {}
            }
        }
    }

    /// The server has nothing more to send, as it says after so many packets, when its clock of timestamps showed this.
    fn goodbye(&mut self, now: Instant, sent: Option<u32>, said_at: Option<u32>) {
        let Some(ending) = &mut self.ending else { return };
        if said_at.is_some_and(|timestamp| ending.is_before(timestamp)) {
            return tracing::debug!("a goodbye of the PLAY before has come late");
        }
        self.way_in.goodbye(sent);
        ending.goodbye(now);
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
        self.outputs.tell_status(self.machine.status());
    }

    fn carry_out(&mut self, now: Instant) {
        while let Some(output) = self.machine.poll() {
            self.carry_out_one(now, output);
        }
        self.projector.follow(now, &self.machine.status());
    }

    fn carry_out_one(&mut self, now: Instant, output: machine::Output) {
        use machine::Output as Wanted;
        match output {
            Wanted::Connect(url) => {
                self.framer = Framer::new(Limits::CLIENT);
                self.outputs.push(Output::Connect(url));
            }
            Wanted::Disconnect => self.outputs.push(Output::Disconnect),
            Wanted::OpenPorts(port) => self.outputs.push(Output::OpenPorts(port)),
            Wanted::Send(request) => {
                if request.method == Method::Play {
                    self.projector.showing.ask(now);
                }
                self.write(now, request.encode());
            }
            Wanted::Reply(response) => self.write(now, response.encode()),
            Wanted::Described(presentation) => self.described(presentation),
            Wanted::SetUp(transport) => self.set_up(transport),
            Wanted::Started(start) => self.started(now, &start),
            Wanted::Paused { seeks } => self.paused(now, seeks),
            Wanted::Interrupted(interruption) => self.interrupted(now, interruption),
            Wanted::Closed => self.closed(now),
            Wanted::Failed(failure) => {
                self.take_early();
                self.outputs.tell(Event::Failed(failure));
            }
        }
    }

    fn write(&mut self, now: Instant, octets: Bytes) {
        self.tell_message(now, Speaker::Player, &octets);
        self.outputs.push(Output::Write(octets));
    }

    fn tell_message(&mut self, now: Instant, speaker: Speaker, octets: &[u8]) {
        let state = self.machine.status().state;
        self.outputs.tell_message(now, speaker, octets, state);
    }

    fn described(&mut self, presentation: Presentation) {
        if let Some(ending) = &mut self.ending {
            ending.set_end(presentation.range.and_then(|range| range.end));
        }
        self.presentation = Some(presentation.clone());
        self.outputs.tell(Event::Described(presentation));
    }

    fn set_up(&mut self, transport: Transport) {
        let Some(presentation) = &self.presentation else { return };
        let lower = transport.lower;
        self.receiver = Some(Receiver::new(
            presentation.payload_type,
            transport.ssrc,
            presentation.dimensions,
            self.path.headers(lower),
            self.projector.patience(),
        ));
        self.reports.begin(presentation.measures_round_trip);
        self.projector.begin();
        self.has_heard = false;
        self.way_in.begin(transport.ssrc);
        self.transport = Some(transport.clone());
        self.outputs.push(Output::Route(transport));
        self.outputs.tell(Event::SetUp(lower));
    }

    fn started(&mut self, now: Instant, start: &Start) {
        let Some(receiver) = &mut self.receiver else { return };
        let first = FirstPacket { sequence: start.sequence, rtptime: start.rtptime, at: now };
        match start.goes_on {
            true => {
                receiver.go_on(first);
                self.projector.playout.go_on();
            }
            false => {
                receiver.start(first);
                self.projector.playout.clear();
            }
        }
        let frame_rate = self.presentation.as_ref().and_then(|presentation| presentation.frame_rate);
        let former = self.ending.replace(Ending::new(start, first, frame_rate)).filter(|_| start.goes_on);
        if let (Some(ending), Some(former)) = (&mut self.ending, former) {
            ending.goes_on_from(&former);
        }
        self.watch = Watch::since(now);
        self.projector.showing.start(now);
        self.reports.start(now);
        self.open_path(now);
        self.outputs.tell(Event::Started(start.range));
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
    fn paused(&mut self, now: Instant, seeks: bool) {
        if std::mem::take(&mut self.watch).is_waiting {
            self.outputs.tell(Event::Waiting(false));
        }
        self.projector.showing.stop(now);
        let Some(ending) = self.ending.as_ref().filter(|_| !seeks) else { return };
        if !ending.has_reached_last_frame() && ending.goodbye_at().is_none() {
            return;
        }
        match self.projector.playout.next_timestamp().map(|timestamp| ending.position(timestamp)) {
            Some(Some(next)) => {
                self.projector.playout.clear();
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
        self.outputs.push(Output::Rtp(Bytes::copy_from_slice(&header.octets(false))));
    }

    fn send_rtcp(&mut self, packet: Vec<u8>) {
        match self.transport.as_ref().map(|transport| (transport.lower, transport.interleaved)) {
            Some((Lower::Tcp, Some(channels))) => {
                self.outputs.push(Output::Write(interleave(channels.rtcp, &packet)));
            }
            Some((Lower::Udp, _)) => self.outputs.push(Output::Rtcp(packet.into())),
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
        self.outputs.tell(Event::Closed);
    }

    /// The next session goes on where this one was.
    fn interrupted(&mut self, now: Instant, interruption: Interruption) {
        self.forget_session(now);
        if let Some(position) = self.position {
            self.machine.go_on_at(position);
        }
        self.outputs.tell(Event::Interrupted(interruption));
    }

    fn forget_session(&mut self, now: Instant) {
        self.projector.showing.stop(now);
        // The receiver stays: its figures are those of the session that is over.
        if let Some(receiver) = &mut self.receiver {
            receiver.stop();
        }
        self.way_in.end();
        self.projector.playout.clear();
        self.take_early();
        self.ending = None;
        self.transport = None;
        self.is_hung_up = false;
        if self.watch.is_waiting {
            self.outputs.tell(Event::Waiting(false));
        }
        self.watch = Watch::default();
        self.reports.stop();
    }

    fn move_frames(&mut self, now: Instant) {
        let Some(receiver) = &mut self.receiver else { return };
        while let Some(frame) = receiver.next_frame() {
            self.outputs.push(Output::Arrived(frame.clone()));
            self.projector.arrived(frame);
        }
        if let Some(frame) = self.projector.show(now) {
            let position = self.ending.as_ref().and_then(|ending| ending.position(frame.timestamp));
            self.position = position.or(self.position);
            self.outputs.push(Output::Show { frame, position });
        }
    }

    fn look_for_the_end(&mut self, now: Instant) {
        if self.watch.started.is_none() || !self.projector.playout.is_empty() {
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
        let is_done =
            self.watch.started.is_some() && self.projector.playout.is_empty() && receiver.is_in_order();
        ending.goodbye_at().filter(|_| is_done).map(|at| at + self.projector.patience())
    }

    fn end(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.receiver {
            receiver.finish();
        }
        // The last picture has stood long enough when the range is over, however late that is found out.
        let over = self.ending.as_ref().and_then(Ending::end_timestamp);
        let over = over.and_then(|timestamp| self.projector.playout.expected_arrival(timestamp));
        self.projector.showing.stop(over.map_or(now, |over| now.min(over + self.projector.delay())));
        let reached =
            self.ending.take().filter(|ending| !ending.is_cut_short()).and_then(|ending| ending.end());
        if self.watch.is_waiting {
            self.outputs.tell(Event::Waiting(false));
        }
        self.watch = Watch::default();
        match std::mem::take(&mut self.is_hung_up) {
            true => self.machine.all_over(),
            false => self.machine.stream_ended(now),
        }
        // That there is no session any more is told first, as the end is what matters.
        self.carry_out(now);
        if let Some(end) = reached {
            self.outputs.tell(Event::Reached(end));
        }
        self.outputs.tell(Event::Ended);
    }

    fn is_over_by_the_clock(&self, now: Instant) -> bool {
        let Some(ending) = &self.ending else { return false };
        let end =
            ending.end_timestamp().and_then(|timestamp| self.projector.playout.expected_arrival(timestamp));
        // Of a stream that was never heard, only the clock tells, and nothing tells how late it would have come.
        let is_unheard = self.receiver.as_ref().is_some_and(|receiver| receiver.last_packet().is_none());
        let unheard = is_unheard.then_some(self.watch.started.zip(ending.length())).flatten();
        let end = end.or(unheard.map(|(started, length)| started + length + SILENCE));
        self.projector.playout.is_empty() && ending.is_over_by_the_clock(now, end)
    }

    fn report_if_due(&mut self, now: Instant) {
        if self.reports.due().is_some_and(|due| now >= due) {
            let block = self.receiver.as_mut().and_then(Receiver::report);
            let report = self.reports.report(now, block);
            self.send_rtcp(report);
        }
    }
}
