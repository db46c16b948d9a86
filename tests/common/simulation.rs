//! A player and a server on a clock of our own, joined by an emulated link: hours in moments, repeated by a seed.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reelay::impairment::{
    Emulator, EmulatorSettings, EmulatorStats, Impairments, PacketKind, RawPacket, SessionLink,
};
use reelay::media::FrameRate;
use reelay::media::container::ContainerFormat;
use reelay::media::jpeg::Dimensions;
use reelay::media::payload::{PacketizedFrame, PayloadFormat, packetize};
use reelay::media_file::{IndexProgress, MediaInfo};
use reelay::proto::rtcp::{self, Epoch, NtpTime};
use reelay::proto::rtsp::{
    ChannelPair, Message, MessageLimits, MessageReader, Method, PortPair, Request, Response, RtspUrl,
    encode_interleaved,
};
use reelay::server_embed::handlers::{self, Dispatch};
use reelay::server_embed::session::{DEFAULT_SESSION_TIMEOUT, Handled, ServerSession};
use reelay::server_embed::setup::{Delivery, InterleavedChannels, SetupContext, negotiate};
use reelay::server_embed::stream::{Identity, RtpStream, StreamOutput as Wanted};
use reelay::session::{
    Client as _, ClientInput, ClientOptions, ClientOutput, EmulatorOptions, EmulatorPlacement,
    Frame as ArrivedFrame, Goal, NetworkPath, RtcpIdentity, RtspClient, RtspOptions, RtspState,
    SessionCommand, SessionEvent,
};

pub const MS: Duration = Duration::from_millis(1);
/// Steps that may be taken without time passing: what is due at one instant is done, and is due no more.
const MAX_STEPS_PER_INSTANT: u32 = 1_000;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Both ends read the same clock on the wall.
fn epoch(start: Instant) -> Epoch {
    Epoch { instant: start, ntp: NtpTime(1 << 40) }
}

/// Bytes on a connection that loses nothing, each with its arrival.
#[derive(Debug, Default)]
struct Pipe(VecDeque<(Instant, Vec<u8>)>);

impl Pipe {
    fn pop_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.0.pop_front_if(|(at, _)| *at <= now).map(|(_, bytes)| bytes)
    }
}

/// How a world is made.
pub struct WorldOptions {
    pub frames: Vec<Vec<u8>>,
    pub rtsp: RtspOptions,
    pub playout_delay: Duration,
    /// What happens to RTP and RTCP from the server.
    pub impairments: Impairments,
    pub seed: u64,
    /// Where it happens.
    pub placement: EmulatorPlacement,
    /// One way on the connection.
    pub latency: Duration,
    /// No word of RTCP arrives at the player.
    pub drops_rtcp: bool,
    /// No datagram arrives at the player.
    pub drops_udp: bool,
    /// The server does not know yet how long the film is.
    pub is_indexing: bool,
    /// The server answers nothing.
    pub is_unresponsive: bool,
    /// The server plays at this Scale by itself.
    pub scale: Option<&'static str>,
}

impl WorldOptions {
    pub fn new(frames: Vec<Vec<u8>>) -> Self {
        Self {
            frames,
            rtsp: RtspOptions::default(),
            playout_delay: 50 * MS,
            impairments: Impairments::default(),
            seed: 1,
            placement: EmulatorPlacement::AtServer,
            latency: MS,
            drops_rtcp: false,
            drops_udp: false,
            is_indexing: false,
            is_unresponsive: false,
            scale: None,
        }
    }
}

/// A picture that was shown.
#[derive(Debug, Clone)]
pub struct ShownFrame {
    pub at: Duration,
    pub position_ms: Option<u64>,
    pub jpeg: Bytes,
}

/// The player, the server, and everything between them.
pub struct World {
    start: Instant,
    now: Instant,
    client: RtspClient,
    server: SimulatedServer,
    /// The emulated network.
    pub emulator: Emulator,
    latency: Duration,
    drops_rtcp: bool,
    drops_udp: bool,
    /// The server is switched off.
    is_server_down: bool,
    to_server: Pipe,
    to_client: Pipe,
    /// RTCP on its way to the server.
    rtcp_to_server: Pipe,
    pub requests: Vec<Request>,
    pub responses: Vec<Response>,
    pub events: Vec<(Duration, SessionEvent)>,
    pub received: Vec<ArrivedFrame>,
    pub shown: Vec<ShownFrame>,
    connect_at: Option<Instant>,
}

impl World {
    pub fn new(world_options: WorldOptions) -> Self {
        let start = Instant::now();
        let url = RtspUrl::parse("rtsp://127.0.0.1:8554/film").unwrap();
        let reporter = RtcpIdentity { ssrc: 5, cname: "player".to_owned() };
        let impairments = world_options.impairments;
        let is_on = impairments != Impairments::default();
        let conditions = EmulatorSettings { is_on, seed: world_options.seed, impairments };
        let emulator = Emulator::new(conditions);
        let options = ClientOptions {
            rtsp: world_options.rtsp,
            playout_delay: world_options.playout_delay,
            rtcp_identity: reporter,
            emulator: EmulatorOptions { emulator: emulator.clone(), placement: world_options.placement },
            epoch: epoch(start),
        };
        let at_server = if world_options.placement == EmulatorPlacement::AtServer {
            emulator.clone()
        } else {
            Emulator::default()
        };
        Self {
            emulator,
            start,
            now: start,
            client: RtspClient::new(url, options),
            server: SimulatedServer::new(&world_options, start, at_server),
            latency: world_options.latency,
            drops_rtcp: world_options.drops_rtcp,
            drops_udp: world_options.drops_udp,
            is_server_down: false,
            to_server: Pipe::default(),
            to_client: Pipe::default(),
            rtcp_to_server: Pipe::default(),
            requests: Vec::new(),
            responses: Vec::new(),
            events: Vec::new(),
            received: Vec::new(),
            shown: Vec::new(),
            connect_at: None,
        }
    }

    pub fn set_goal(&mut self, goal: Goal) {
        self.client.handle_input(self.now, ClientInput::Command(SessionCommand::SetGoal(goal)));
        self.process_outputs();
    }

    pub fn handle_input(&mut self, input: ClientInput) {
        self.client.handle_input(self.now, input);
        self.process_outputs();
    }

    pub fn state(&self) -> RtspState {
        self.client.status().state
    }

    /// Switches the server off: everything that it knew is forgotten.
    pub fn stop_server(&mut self) {
        self.is_server_down = true;
        self.to_client.0.clear();
        self.to_server.0.clear();
        self.server.disconnect();
        self.handle_input(ClientInput::ConnectionLost(None));
    }

    /// Switches the server on again.
    pub fn start_server(&mut self) {
        self.is_server_down = false;
    }

    pub fn server_mut(&mut self) -> &mut SimulatedServer {
        &mut self.server
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn snapshot(&mut self) -> reelay::stats::Snapshot {
        self.client.snapshot(self.now)
    }

    /// The last packets, each by its fate.
    pub fn packet_rows(&self) -> Vec<reelay::stats::PacketLogRow> {
        self.client.packet_log().expect("a session").rows(32)
    }

    /// What the network has done to the RTP packets of the session.
    pub fn emulated(&mut self) -> EmulatorStats {
        self.snapshot().emulated.expect("the network was in the way")
    }

    /// The methods that were asked, in order.
    pub fn methods(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.method.as_str()).collect()
    }

    pub fn event_count(&self, predicate: impl Fn(&SessionEvent) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| predicate(event)).count()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.run(until, |_| false);
        self.now = until;
    }

    /// Lets time pass until something holds; panics if it never does.
    pub fn run_until(&mut self, description: &str, condition: impl Fn(&Self) -> bool) {
        let until = self.now + Duration::from_secs(3_600);
        self.run(until, &condition);
        assert!(
            condition(self),
            "never: {description}; events {:?}",
            self.events.iter().rev().take(5).collect::<Vec<_>>()
        );
    }

    fn run(&mut self, until: Instant, condition: impl Fn(&Self) -> bool) {
        let mut steps_without_progress = 0;
        while !condition(self) {
            let pipes = [&self.to_server, &self.to_client, &self.rtcp_to_server]
                .map(|pipe| pipe.0.front().map(|(at, _)| *at));
            let deadlines = [
                self.client.poll_timeout(),
                self.server.deadline,
                self.server.link.poll_timeout(),
                self.connect_at,
            ];
            let next = pipes.into_iter().chain(deadlines).flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { return };
            steps_without_progress = if next > self.now { 0 } else { steps_without_progress + 1 };
            assert!(
                steps_without_progress < MAX_STEPS_PER_INSTANT,
                "the world turns without getting on: {:?}",
                self.events.last()
            );
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn step(&mut self) {
        if self.connect_at.take_if(|at| *at <= self.now).is_some() {
            let refused = ClientInput::ConnectionLost(Some("connection refused".to_owned()));
            let path = NetworkPath { is_local: true, is_ipv6: false };
            let input = if self.is_server_down { refused } else { ClientInput::Connected(path) };
            self.client.handle_input(self.now, input);
        }
        while let Some(bytes) = self.to_server.pop_due(self.now) {
            let responses = self.server.receive(self.now, &bytes, &mut self.requests);
            for response in responses {
                self.to_client.0.push_back((self.now + self.latency, response.encode().to_vec()));
                self.responses.push(response);
            }
        }
        while let Some(bytes) = self.rtcp_to_server.pop_due(self.now) {
            self.server.handle_rtcp(self.now, &bytes);
        }
        while let Some(bytes) = self.to_client.pop_due(self.now) {
            self.client.handle_input(self.now, ClientInput::Received(bytes.into()));
            self.process_outputs();
        }
        for datagram in self.server.poll_datagrams(self.now) {
            let is_lost = datagram.kind == PacketKind::Rtcp && self.drops_rtcp
                || self.drops_udp && self.server.channels().is_none();
            if !is_lost && let Some(datagram) = self.server.link.send(self.now, datagram) {
                self.deliver(datagram);
            }
        }
        while let Some((_, datagram)) = self.server.link.poll_packet(self.now) {
            self.deliver(datagram);
        }
        if self.client.poll_timeout().is_some_and(|deadline| deadline <= self.now) {
            self.client.handle_timeout(self.now);
        }
        self.process_outputs();
    }

    fn deliver(&mut self, datagram: RawPacket) {
        let input = match self.server.channels() {
            Some(ChannelPair { rtp, rtcp }) => {
                let channel = if datagram.kind == PacketKind::Rtcp { rtcp } else { rtp };
                ClientInput::Received(encode_interleaved(channel, &datagram.bytes))
            }
            None => ClientInput::Packet(datagram),
        };
        self.client.handle_input(self.now, input);
        self.process_outputs();
    }

    fn process_outputs(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Connect { .. } => self.connect_at = Some(self.now + self.latency),
                ClientOutput::Disconnect => {
                    self.connect_at = None;
                    self.to_client.0.clear();
                    self.server.disconnect();
                }
                ClientOutput::OpenPorts(port) => {
                    let rtp = port.unwrap_or(5_000);
                    self.client
                        .handle_input(self.now, ClientInput::Ports(Ok(PortPair { rtp, rtcp: rtp + 1 })));
                }
                ClientOutput::Write(bytes) => {
                    self.to_server.0.push_back((self.now + self.latency, bytes.to_vec()))
                }
                ClientOutput::Frame(frame) => self.received.push(frame),
                ClientOutput::Show { frame, position } => self.shown.push(ShownFrame {
                    at: self.now - self.start,
                    position_ms: position.map(|position| position.as_micros() / 1_000),
                    jpeg: frame.jpeg,
                }),
                ClientOutput::Event(event) => self.events.push((self.now - self.start, event)),
                ClientOutput::SendPacket(RawPacket { kind: PacketKind::Rtcp, bytes }) => {
                    self.rtcp_to_server.0.push_back((self.now + self.latency, bytes.to_vec()))
                }
                ClientOutput::SetTransport(_) | ClientOutput::SendPacket(_) => {}
            }
        }
    }
}

/// The pure parts of the embedded server, for one film and one connection.
pub struct SimulatedServer {
    reader: MessageReader,
    pub info: MediaInfo,
    frames: Vec<Arc<PacketizedFrame>>,
    start: Instant,
    emulator: Emulator,
    link: SessionLink,
    session: Option<ServerSession>,
    session_count: u32,
    deadline: Option<Instant>,
    is_unresponsive: bool,
    scale: Option<&'static str>,
}

impl SimulatedServer {
    fn new(world_options: &WorldOptions, start: Instant, emulator: Emulator) -> Self {
        let frames: Vec<_> = world_options
            .frames
            .iter()
            .map(|jpeg| Arc::new(packetize(jpeg, PayloadFormat::OriginalHeader).unwrap()))
            .collect();
        let info = MediaInfo {
            id: 1,
            name: "film".to_owned(),
            layout: ContainerFormat::Classroom,
            dimensions: Dimensions { width: 160, height: 120 },
            rate: FrameRate::CLASSROOM,
            progress: IndexProgress {
                frames: frames.len() as u64,
                defects: (!world_options.is_indexing).then(Default::default),
                has_failed: false,
            },
        };
        Self {
            reader: MessageReader::new(MessageLimits::SERVER),
            info,
            frames,
            start,
            link: SessionLink::new(&emulator),
            emulator,
            session: None,
            session_count: 0,
            deadline: None,
            is_unresponsive: world_options.is_unresponsive,
            scale: world_options.scale,
        }
    }

    pub fn session(&mut self) -> Option<&mut ServerSession> {
        self.session.as_mut()
    }

    fn disconnect(&mut self) {
        self.reader = MessageReader::new(MessageLimits::SERVER);
        self.session = None;
        self.deadline = None;
    }

    fn channels(&self) -> Option<ChannelPair> {
        match self.session.as_ref()?.transport().delivery {
            Delivery::Interleaved(channels) => Some(channels),
            Delivery::Udp(_) | Delivery::RtpOnly(_) => None,
        }
    }

    fn receive(&mut self, now: Instant, bytes: &[u8], requests: &mut Vec<Request>) -> Vec<Response> {
        self.reader.push(bytes);
        let mut responses = Vec::new();
        while let Some(frame) = self.reader.poll_message().unwrap() {
            match frame {
                Message::Request(request) => {
                    if !self.is_unresponsive {
                        responses.push(self.handle_request(now, &self.override_scale(&request)));
                    }
                    requests.push(request);
                }
                Message::Interleaved { packet, .. } => self.handle_rtcp(now, &packet),
                Message::Response(_) | Message::Classroom(_) => {}
            }
        }
        self.deadline = Some(now);
        responses
    }

    fn override_scale(&self, request: &Request) -> Request {
        match self.scale.filter(|_| request.method == Method::Play) {
            Some(scale) => request.clone().with_header("Scale", scale),
            None => request.clone(),
        }
    }

    fn handle_rtcp(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(session) = &mut self.session {
            session.stream().handle_rtcp(now, &rtcp::parse(bytes).unwrap());
            self.deadline = Some(now);
        }
    }

    pub fn handle_request(&mut self, now: Instant, request: &Request) -> Response {
        handlers::finalize_response(self.respond(now, request), request)
    }

    fn respond(&mut self, now: Instant, request: &Request) -> Response {
        match handlers::dispatch(request) {
            Dispatch::Respond(response) => response,
            Dispatch::Describe(resource) => handlers::describe(request, &resource, &self.info, HOST),
            Dispatch::SetUp(resource) => {
                let channels = InterleavedChannels::default();
                let server_ports = Some(PortPair { rtp: 6_000, rtcp: 6_001 });
                let facilities = SetupContext { peer: HOST, server_ports, channels: &channels };
                match negotiate(request, &resource, facilities) {
                    Ok(agreement) => self.start_session(request, agreement),
                    Err(refusal) => refusal,
                }
            }
            Dispatch::Session { id, resource } => match &mut self.session {
                Some(session) if session.id() == id => {
                    let Handled { response, is_torn_down: torn_down } =
                        session.handle_request(now, request, &resource, &self.info);
                    if torn_down {
                        self.session = None;
                    }
                    response
                }
                _ => handlers::session_not_found(),
            },
        }
    }

    fn start_session(
        &mut self,
        request: &Request,
        setup: reelay::server_embed::setup::NegotiatedTransport,
    ) -> Response {
        self.session_count += 1;
        self.link = SessionLink::new(&self.emulator);
        let identity = Identity {
            ssrc: 77 + self.session_count,
            first_sequence: 65_000,
            first_timestamp: u32::MAX - 90_000,
            cname: "server".to_owned(),
        };
        let stream = RtpStream::new(self.info.rate, identity, epoch(self.start));
        let id = format!("SESSION{}", self.session_count);
        let (session, response) =
            ServerSession::set_up(id, request, "film", setup, stream, DEFAULT_SESSION_TIMEOUT);
        self.session = Some(session);
        response
    }

    fn poll_datagrams(&mut self, now: Instant) -> Vec<RawPacket> {
        let mut datagrams = Vec::new();
        self.deadline = None;
        let Some(session) = &mut self.session else { return datagrams };
        loop {
            match session.stream().poll_output(now) {
                Wanted::Fetch(frame) => match self.frames.get(frame as usize) {
                    Some(packets) => session.stream().provide_frame(frame, packets.clone()),
                    None => session.stream().end_at(frame),
                },
                Wanted::Rtp(bytes) => datagrams.push(RawPacket::rtp(bytes)),
                Wanted::Rtcp(bytes) => datagrams.push(RawPacket::rtcp(bytes)),
                Wanted::Ended => {
                    let progress = IndexProgress { defects: Some(Default::default()), ..self.info.progress };
                    session.handle_stream_end(&MediaInfo { progress, ..self.info.clone() });
                }
                Wanted::Wait(until) => {
                    self.deadline = Some(until);
                    return datagrams;
                }
                Wanted::Idle => return datagrams,
            }
        }
    }
}
