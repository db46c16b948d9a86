//! The client of standard RTSP: requests, reception, reports, and the end of a stream, joined.

mod data_timeout;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::machine::{self, Machine};
use super::play_range::Ending;
use super::play_response::Start;
use crate::impairment::{Datagram, Kind};
use crate::proto::rtcp::{self, Rtcp};
use crate::proto::rtp;
use crate::proto::rtsp::{
    ChannelPair, Frame, Framer, Limits, Lower, Method, Npt, PortPair, RtspUrl, Transport, interleave,
};
use crate::session::events::{Event, Output, Path};
use crate::session::message_log::Speaker;
use crate::session::options::{PlayerOptions, SILENCE};
use crate::session::pipeline::Pipeline;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol;
use crate::session::reconnect::Interruption;
use crate::session::rtp::receiver::Receiver;
use crate::session::rtp::receiver_reports::Reports;
use crate::session::rtp::rtp_info::FirstPacket;
use crate::session::state::{Goal, Status};
use crate::stats::Snapshot;

/// A client of standard RTSP.
#[derive(Debug)]
pub struct Player {
    machine: Machine,
    framer: Framer,
    pipeline: Pipeline<Receiver>,
    presentation: Option<Presentation>,
    transport: Option<Transport>,
    path: Path,
    ending: Option<Ending>,
    /// Position of the frame that was shown last.
    position: Option<Npt>,
    /// Packets have arrived since SETUP.
    has_received: bool,
    /// RTP packets that overtook the response to PLAY.
    early: EarlyPackets,
    reports: Reports,
    /// What the user has been told about data that does not come.
    notified: Notified,
}

/// RTP packets that overtook the response to PLAY, bounded in number and bytes: more do not overtake, they flood.
#[derive(Debug, Default)]
struct EarlyPackets {
    packets: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl EarlyPackets {
    const MAX_PACKETS: usize = 16 * 1024;
    const MAX_BYTES: usize = 32 * 1024 * 1024;

    fn push(&mut self, arrival: Instant, packet: Bytes) {
        let room = Self::MAX_BYTES.saturating_sub(self.bytes);
        if self.packets.len() < Self::MAX_PACKETS && packet.len() <= room {
            self.bytes += packet.len();
            self.packets.push_back((arrival, packet));
        }
    }
}

/// What was done or said about data that does not come; each happens once in a PLAY.
#[derive(Debug, Default)]
struct Notified {
    /// Falling back to TCP was considered.
    fall_back: bool,
    /// No data for long was reported as an error.
    no_data: bool,
    /// Frames that cannot be used were reported as an error.
    unusable: bool,
}

impl Player {
    /// A client without a session.
    pub fn new(url: RtspUrl, options: PlayerOptions) -> Self {
        Self {
            pipeline: Pipeline::new(&options),
            machine: Machine::new(url, options.machine),
            framer: Framer::new(Limits::CLIENT),
            presentation: None,
            transport: None,
            path: Path::default(),
            ending: None,
            position: None,
            has_received: false,
            early: EarlyPackets::default(),
            reports: Reports::new(options.reporter, options.epoch),
            notified: Notified::default(),
        }
    }
}

impl Protocol for Player {
    type Receiver = Receiver;

    const HAS_RTCP: bool = true;

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
        let source = self.pipeline.receiver.as_ref().and_then(Receiver::ssrc);
        // While packets come, the next one tells what was lost; behind the last one nothing does.
        let is_still = self.ending.is_none() || self.is_silent(now);
        let Some(receiver) = &mut self.pipeline.receiver else { return snapshot };
        let sent = is_still.then(|| self.pipeline.emulator.sent(source)).flatten();
        receiver.add_to(now, sent, &mut snapshot);
        self.pipeline.presenter.add_to(now, &mut snapshot);
        snapshot.is_one_clock = self.path.is_local;
        snapshot.round_trip_ms = self.reports.round_trip().map(|span| span.as_secs_f64() * 1_000.0);
        snapshot.emulated = self.pipeline.emulator.emulated(source);
        snapshot
    }

    fn set_goal(&mut self, now: Instant, goal: Goal) {
        if goal == Goal::Stopped {
            self.send_goodbye(now);
        }
        self.machine.set_goal(now, goal);
    }

    fn seek(&mut self, now: Instant, position: Npt) {
        self.machine.seek(now, position);
    }

    fn handle_connected(&mut self, now: Instant, path: Path) {
        self.path = path;
        self.machine.connected(now);
    }

    /// Servers may close the connection as soon as all of the film is on its way: that is its end, and no failure.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        match self.has_all() {
            true => self.pipeline.is_hung_up = true,
            false => self.machine.connection_lost(now, reason, self.framer.unfinished()),
        }
    }

    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes) {
        self.framer.push(bytes);
        loop {
            match self.framer.next_frame() {
                Ok(None) => return,
                Ok(Some(message)) => self.handle_message(now, message),
                Err(error) => return self.machine.unreadable(error),
            }
            // What a response changes must be known before the packets behind it are read.
            self.perform_actions(now);
        }
    }

    fn handle_ports(&mut self, now: Instant, ports: Result<PortPair, String>) {
        match ports {
            Ok(ports) => self.machine.ports_open(now, ports),
            Err(reason) => self.machine.ports_failed(reason),
        }
    }

    fn handle_packet(&mut self, now: Instant, Datagram { kind, octets }: Datagram) {
        match kind {
            // The response says which packets belong to this PLAY; until then they wait.
            Kind::Rtp if self.machine.status().in_flight == Some(Method::Play) => {
                self.early.push(now, octets)
            }
            Kind::Rtp => self.receive_rtp(now, octets),
            Kind::Rtcp => self.receive_rtcp(now, &octets),
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        self.machine.timeout(now, self.framer.unfinished());
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        let timeouts = [self.machine.deadline(), self.reports.due(), self.silence_due(), self.goodbye_due()];
        timeouts.into_iter().flatten().min()
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
        let position = self.ending.as_ref().and_then(|ending| ending.position(timestamp));
        self.position = position.or(self.position);
        position
    }

    fn check(&mut self, now: Instant) {
        self.look_for_the_end(now);
        self.look_for_silence(now);
        self.look_for_flaw();
        self.report_if_due(now);
    }

    fn end(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.finish();
        }
        // The last picture has stood long enough when the range is over, however late that is found out.
        let over = self.ending.as_ref().and_then(Ending::end_timestamp);
        let presenter = &self.pipeline.presenter;
        let over = over.and_then(|timestamp| presenter.playout.expected_arrival(timestamp));
        let shown = over.map_or(now, |over| now.min(over + presenter.delay()));
        self.stop(shown);
        let reached =
            self.ending.take().filter(|ending| !ending.is_cut_short()).and_then(|ending| ending.end());
        match std::mem::take(&mut self.pipeline.is_hung_up) {
            true => self.machine.all_over(),
            false => self.machine.stream_ended(now),
        }
        // That there is no session any more is told first, as the end is what matters.
        self.perform_actions(now);
        if let Some(end) = reached {
            self.pipeline.outputs.tell(Event::Reached(end));
        }
        self.pipeline.outputs.tell(Event::Ended);
    }
}

/// Messages and packets that arrive.
impl Player {
    fn handle_message(&mut self, now: Instant, message: Frame) {
        match message {
            Frame::Response(response) => {
                self.machine.response(now, &response);
                self.tell_message(now, Speaker::Server, &response.encode());
            }
            Frame::Request(request) => {
                self.tell_message(now, Speaker::Server, &request.encode());
                self.machine.server_request(now, &request);
            }
            // No server sends requests of that dialect.
            Frame::Classroom(_) => {}
            Frame::Interleaved { channel, packet } => self.receive_interleaved(now, channel, packet),
        }
    }

    fn receive_interleaved(&mut self, now: Instant, channel: u8, packet: Bytes) {
        match self.transport.as_ref().and_then(|transport| transport.interleaved) {
            Some(ChannelPair { rtp, .. }) if channel == rtp => self.admit(now, Datagram::rtp(packet)),
            Some(ChannelPair { rtcp, .. }) if channel == rtcp => self.admit(now, Datagram::rtcp(packet)),
            _ => tracing::debug!(channel, "a packet on a channel that was not agreed on"),
        }
    }

    fn receive_rtp(&mut self, now: Instant, packet: Bytes) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        let before = receiver.highest_timestamp();
        let Some(timestamp) = receiver.packet(now, packet) else { return };
        self.has_received = true;
        if Some(timestamp) > before {
            self.pipeline.presenter.showing.begun(now, timestamp as u32);
        }
        if let Some(ending) = &mut self.ending {
            ending.packet(now, timestamp);
        }
    }

    fn receive_rtcp(&mut self, now: Instant, packet: &[u8]) {
        let packets = match rtcp::parse(packet) {
            Ok(packets) => packets,
            Err(error) => return tracing::debug!(%error, "an RTCP packet is passed over"),
        };
        let receiver = self.pipeline.receiver.as_ref();
        let source = receiver.and_then(Receiver::ssrc);
        let known = receiver.map(Receiver::expected).filter(|known| *known > 0);
        let is_goodbye = packets.iter().any(|packet| matches!(packet, Rtcp::Bye { .. }));
        let (mut sent, mut said_at) = (None, None);
        for packet in packets {
            match packet {
                Rtcp::SenderReport { ssrc, info, .. } if source.is_none_or(|source| source == ssrc) => {
                    (sent, said_at) = (Some(info.packets), Some(info.rtp_timestamp));
                    if let Some(known) = known.filter(|_| !is_goodbye) {
                        self.pipeline.emulator.report(info.packets, known);
                    }
                    self.reports.sender_report(now, &info);
                    self.pipeline.presenter.showing.sender_report(info);
                }
                Rtcp::Extended { ssrc, block } if source.is_none_or(|source| source == ssrc) => {
                    self.reports.extended_report(now, block);
                }
                Rtcp::Bye { ssrcs } if source.is_some_and(|source| ssrcs.contains(&source)) => {
                    self.receive_goodbye(now, sent, said_at);
                }
                _ => {}
            }
        }
    }

    /// The server has nothing more to send, as it says after so many packets, when its clock of timestamps showed this.
    fn receive_goodbye(&mut self, now: Instant, sent: Option<u32>, said_at: Option<u32>) {
        let Some(ending) = &mut self.ending else { return };
        if said_at.is_some_and(|timestamp| ending.is_before(timestamp)) {
            return tracing::debug!("a goodbye of the PLAY before has come late");
        }
        self.pipeline.emulator.goodbye(sent);
        ending.goodbye(now);
    }
}

/// Actions that the state machine asks for.
impl Player {
    fn perform(&mut self, now: Instant, action: machine::Output) {
        use machine::Output as Wanted;
        match action {
            Wanted::Connect(url) => {
                self.framer = Framer::new(Limits::CLIENT);
                let (host, port) = (url.host().to_owned(), url.port());
                self.pipeline.outputs.push(Output::Connect { host, port });
            }
            Wanted::Disconnect => self.pipeline.outputs.push(Output::Disconnect),
            Wanted::OpenPorts(port) => self.pipeline.outputs.push(Output::OpenPorts(port)),
            Wanted::Send(request) => {
                if request.method == Method::Play {
                    self.pipeline.presenter.showing.ask(now);
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
                self.early = EarlyPackets::default();
                self.pipeline.outputs.tell(Event::Failed(failure));
            }
        }
    }

    fn write(&mut self, now: Instant, bytes: Bytes) {
        self.tell_message(now, Speaker::Player, &bytes);
        self.pipeline.outputs.push(Output::Write(bytes));
    }

    fn tell_message(&mut self, now: Instant, speaker: Speaker, bytes: &[u8]) {
        let state = self.machine.status().state;
        self.pipeline.outputs.tell_message(now, speaker, bytes, state);
    }

    fn described(&mut self, presentation: Presentation) {
        if let Some(ending) = &mut self.ending {
            ending.set_end(presentation.range.and_then(|range| range.end));
        }
        self.presentation = Some(presentation.clone());
        self.pipeline.outputs.tell(Event::Described(presentation));
    }

    fn set_up(&mut self, transport: Transport) {
        let Some(presentation) = &self.presentation else { return };
        let lower = transport.lower;
        let receiver = Receiver::new(
            presentation.payload_type,
            transport.ssrc,
            presentation.dimensions,
            self.path.headers(lower),
            self.pipeline.presenter.reorder_wait(),
        );
        self.reports.begin(presentation.measures_round_trip);
        self.pipeline.set_up(receiver, transport.ssrc);
        self.has_received = false;
        self.transport = Some(transport.clone());
        self.pipeline.outputs.push(Output::Route(transport));
        self.pipeline.outputs.tell(Event::SetUp(lower));
    }

    fn started(&mut self, now: Instant, start: &Start) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        let first = FirstPacket { sequence: start.sequence, rtptime: start.rtptime, at: now };
        match start.goes_on {
            true => {
                receiver.go_on(first);
                self.pipeline.presenter.playout.go_on();
            }
            false => {
                receiver.start(first);
                self.pipeline.presenter.playout.clear();
            }
        }
        let frame_rate = self.presentation.as_ref().and_then(|presentation| presentation.frame_rate);
        let former = self.ending.replace(Ending::new(start, first, frame_rate)).filter(|_| start.goes_on);
        if let (Some(ending), Some(former)) = (&mut self.ending, former) {
            ending.goes_on_from(&former);
        }
        self.notified = Notified::default();
        self.pipeline.start(now);
        self.reports.start(now);
        self.open_path(now);
        self.pipeline.outputs.tell(Event::Started(start.range));
        for (arrival, packet) in std::mem::take(&mut self.early).packets {
            self.receive_rtp(arrival, packet);
        }
    }

    /// If all of the film was on its way already, the server stands at its beginning again; then what has not been
    /// shown yet is asked for anew when it goes on.
    fn paused(&mut self, now: Instant, seeks: bool) {
        self.stop(now);
        let Some(ending) = self.ending.as_ref().filter(|_| !seeks) else { return };
        if !ending.has_reached_last_frame() && ending.goodbye_at().is_none() {
            return;
        }
        let next = self.pipeline.presenter.playout.next_timestamp();
        match next.map(|timestamp| ending.position(timestamp)) {
            Some(Some(next)) => {
                self.pipeline.presenter.playout.clear();
                self.machine.seek(now, next);
            }
            Some(None) => {}
            None => self.end(now),
        }
    }

    /// Data is no longer expected; the picture on the screen has stood long enough at `now`.
    fn stop(&mut self, now: Instant) {
        self.notified = Notified::default();
        self.pipeline.stop(now);
    }

    fn closed(&mut self, now: Instant) {
        self.forget_session(now);
        self.position = None;
        self.pipeline.outputs.tell(Event::Closed);
    }

    /// The next session goes on where this one was.
    fn interrupted(&mut self, now: Instant, interruption: Interruption) {
        self.forget_session(now);
        if let Some(position) = self.position {
            self.machine.go_on_at(position);
        }
        self.pipeline.outputs.tell(Event::Interrupted(interruption));
    }

    fn forget_session(&mut self, now: Instant) {
        self.pipeline.close(now);
        self.notified = Notified::default();
        self.early = EarlyPackets::default();
        self.ending = None;
        self.transport = None;
        self.reports.stop();
    }
}

/// RTCP that is sent, and the packets that open a firewall.
impl Player {
    /// Sends something from each port, so that a firewall on the way lets the stream in; and the first report, which
    /// asks how long a round trip takes.
    fn open_path(&mut self, now: Instant) {
        let Some(Transport { lower, server_port, .. }) = &self.transport else { return };
        match (lower, server_port) {
            (Lower::Udp, None) => return,
            (Lower::Udp, Some(_)) => self.send_empty_rtp(),
            (Lower::Tcp, _) => {}
        }
        let report = self.reports.report(now, None);
        self.send_rtcp(report);
    }

    /// An RTP packet without a payload, which every server ignores.
    fn send_empty_rtp(&mut self) {
        let header = rtp::Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 };
        let packet = Bytes::copy_from_slice(&header.octets(false));
        self.pipeline.outputs.push(Output::Send(Datagram::rtp(packet)));
    }

    fn send_rtcp(&mut self, packet: Vec<u8>) {
        match self.transport.as_ref().map(|transport| (transport.lower, transport.interleaved)) {
            Some((Lower::Tcp, Some(channels))) => {
                self.pipeline.outputs.push(Output::Write(interleave(channels.rtcp, &packet)));
            }
            Some((Lower::Udp, _)) => self.pipeline.outputs.push(Output::Send(Datagram::rtcp(packet))),
            _ => {}
        }
    }

    fn send_goodbye(&mut self, now: Instant) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        if self.reports.due().is_some() {
            let block = receiver.report();
            let goodbye = self.reports.goodbye(now, block);
            self.reports.stop();
            self.send_rtcp(goodbye);
        }
    }

    fn report_if_due(&mut self, now: Instant) {
        if self.reports.due().is_some_and(|due| now >= due) {
            let block = self.pipeline.receiver.as_mut().and_then(Receiver::report);
            let report = self.reports.report(now, block);
            self.send_rtcp(report);
        }
    }
}

/// The end of the stream.
impl Player {
    fn look_for_the_end(&mut self, now: Instant) {
        if !self.is_started() || !self.pipeline.presenter.playout.is_empty() {
            return;
        }
        let is_told = self.goodbye_due().is_some_and(|due| now >= due);
        if self.pipeline.is_hung_up || self.has_last_frame() || is_told {
            self.end(now);
        }
    }

    fn is_started(&self) -> bool {
        self.pipeline.data_timeout.started().is_some()
    }

    /// The last frame of the range is here.
    fn has_last_frame(&self) -> bool {
        let (Some(receiver), Some(ending)) = (&self.pipeline.receiver, &self.ending) else { return false };
        ending.has_reached_last_frame() && receiver.is_idle()
    }

    /// Nothing more comes of what is played: the last frame is here, or the server has said goodbye, and not in the
    /// middle as one does that is stopped.
    fn has_all(&self) -> bool {
        let ending = self.ending.as_ref().filter(|ending| !ending.is_cut_short());
        let has_goodbye = ending.is_some_and(|ending| ending.goodbye_at().is_some());
        self.is_started() && (self.has_last_frame() || has_goodbye)
    }

    /// When a goodbye is believed, if everything else is done: packets that were sent before it may still be on
    /// their way.
    fn goodbye_due(&self) -> Option<Instant> {
        let (receiver, ending) = (self.pipeline.receiver.as_ref()?, self.ending.as_ref()?);
        let presenter = &self.pipeline.presenter;
        let is_done = self.is_started() && presenter.playout.is_empty() && receiver.is_in_order();
        ending.goodbye_at().filter(|_| is_done).map(|at| at + presenter.reorder_wait())
    }

    fn is_over_by_the_clock(&self, now: Instant) -> bool {
        let Some(ending) = &self.ending else { return false };
        let playout = &self.pipeline.presenter.playout;
        let end = ending.end_timestamp().and_then(|timestamp| playout.expected_arrival(timestamp));
        // Of a stream that was never received, only the clock tells, and nothing tells how late it would have come.
        let is_unheard = self.pipeline.receiver.is_some() && self.pipeline.last_packet().is_none();
        let started = self.pipeline.data_timeout.started().filter(|_| is_unheard);
        let unheard = started.zip(ending.length()).map(|(started, length)| started + length + SILENCE);
        playout.is_empty() && ending.is_over_by_the_clock(now, end.or(unheard))
    }
}
