//! A player and a server on a clock of our own, joined by an emulated link: hours in moments, repeated by a seed.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reelay::impairment::{Conditions, Datagram, Emulated, Impairments, Kind, Network, Passage};
use reelay::media::FrameRate;
use reelay::media::container::Layout;
use reelay::media::jpeg::Dimensions;
use reelay::media::payload::{Form, PacketizedFrame, packetize};
use reelay::media_file::{MediaInfo, Progress};
use reelay::proto::rtcp::{self, Epoch, NtpTime};
use reelay::proto::rtsp::{
    ChannelPair, Frame, Framer, Limits, Method, PortPair, Request, Response, RtspUrl, interleave,
};
use reelay::server_embed::agreement::{Channels, Delivery, Facilities, agree};
use reelay::server_embed::desk::{self, Destination};
use reelay::server_embed::session::{DEFAULT_SESSION_TIMEOUT, Handled, Session};
use reelay::server_embed::stream::{Identity, Output as Wanted, Stream};
use reelay::session::{
    Client as _, Command, Emulation, Event, Frame as ArrivedFrame, Goal, Input, MachineOptions, Output, Path,
    Place, Player, PlayerOptions, Reporter, RtspState,
};

pub const MS: Duration = Duration::from_millis(1);
/// Steps that may be taken without time passing: what is due at one instant is done, and is due no more.
const MOST_AT_ONCE: u32 = 1_000;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Both ends read the same clock on the wall.
fn epoch(begin: Instant) -> Epoch {
    Epoch { instant: begin, ntp: NtpTime(1 << 40) }
}

/// Octets on a connection that loses nothing, each with its arrival.
#[derive(Debug, Default)]
struct Pipe(VecDeque<(Instant, Vec<u8>)>);

impl Pipe {
    fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.0.pop_front_if(|(at, _)| *at <= now).map(|(_, octets)| octets)
    }
}

/// How a world is made.
pub struct Setting {
    pub pictures: Vec<Vec<u8>>,
    pub machine: MachineOptions,
    pub playout_delay: Duration,
    /// What happens to RTP and RTCP from the server.
    pub impairments: Impairments,
    pub seed: u64,
    /// Where it happens.
    pub place: Place,
    /// One way on the connection.
    pub latency: Duration,
    /// No word of RTCP arrives at the player.
    pub loses_rtcp: bool,
    /// No datagram arrives at the player.
    pub loses_datagrams: bool,
    /// The server does not know yet how long the film is.
    pub is_growing: bool,
    /// The server answers nothing.
    pub is_mute: bool,
    /// The server plays at this Scale by itself.
    pub scale: Option<&'static str>,
}

impl Setting {
    pub fn new(pictures: Vec<Vec<u8>>) -> Self {
        Self {
            pictures,
            machine: MachineOptions::default(),
            playout_delay: 50 * MS,
            impairments: Impairments::default(),
            seed: 1,
            place: Place::AtServer,
            latency: MS,
            loses_rtcp: false,
            loses_datagrams: false,
            is_growing: false,
            is_mute: false,
            scale: None,
        }
    }
}

/// A picture that was shown.
#[derive(Debug, Clone)]
pub struct Shown {
    pub at: Duration,
    pub position_ms: Option<u64>,
    pub jpeg: Bytes,
}

/// The player, the server, and everything between them.
pub struct World {
    begin: Instant,
    now: Instant,
    player: Player,
    server: Server,
    /// The emulated network.
    pub network: Network,
    latency: Duration,
    loses_rtcp: bool,
    loses_datagrams: bool,
    /// The server is switched off.
    is_down: bool,
    to_server: Pipe,
    to_player: Pipe,
    /// RTCP on its way to the server.
    reports: Pipe,
    pub requests: Vec<Request>,
    pub responses: Vec<Response>,
    pub events: Vec<(Duration, Event)>,
    pub arrived: Vec<ArrivedFrame>,
    pub shown: Vec<Shown>,
    connecting: Option<Instant>,
}

impl World {
    pub fn new(setting: Setting) -> Self {
        let begin = Instant::now();
        let url = RtspUrl::parse("rtsp://127.0.0.1:8554/film").unwrap();
        let reporter = Reporter { ssrc: 5, cname: "player".to_owned() };
        let impairments = setting.impairments;
        let is_on = impairments != Impairments::default();
        let conditions = Conditions { is_on, seed: setting.seed, impairments };
        let network = Network::new(conditions);
        let options = PlayerOptions {
            machine: setting.machine,
            playout_delay: setting.playout_delay,
            reporter,
            emulation: Emulation { network: network.clone(), place: setting.place },
            epoch: epoch(begin),
        };
        let at_server = if setting.place == Place::AtServer { network.clone() } else { Network::default() };
        Self {
            network,
            begin,
            now: begin,
            player: Player::new(url, options),
            server: Server::new(&setting, begin, at_server),
            latency: setting.latency,
            loses_rtcp: setting.loses_rtcp,
            loses_datagrams: setting.loses_datagrams,
            is_down: false,
            to_server: Pipe::default(),
            to_player: Pipe::default(),
            reports: Pipe::default(),
            requests: Vec::new(),
            responses: Vec::new(),
            events: Vec::new(),
            arrived: Vec::new(),
            shown: Vec::new(),
            connecting: None,
        }
    }

    pub fn want(&mut self, goal: Goal) {
        self.player.handle_input(self.now, Input::Command(Command::SetGoal(goal)));
        self.carry_out();
    }

    pub fn input(&mut self, input: Input) {
        self.player.handle_input(self.now, input);
        self.carry_out();
    }

    pub fn state(&self) -> RtspState {
        self.player.status().state
    }

    /// Switches the server off: everything that it knew is forgotten.
    pub fn switch_off(&mut self) {
        self.is_down = true;
        self.to_player.0.clear();
        self.to_server.0.clear();
        self.server.disconnect();
        self.input(Input::ConnectionLost(None));
    }

    /// Switches the server on again.
    pub fn switch_on(&mut self) {
        self.is_down = false;
    }

    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.begin
    }

    pub fn snapshot(&mut self) -> reelay::stats::Snapshot {
        self.player.snapshot(self.now)
    }

    /// The last packets, each by its fate.
    pub fn rows(&self) -> Vec<reelay::stats::Row> {
        self.player.packet_log().expect("a session").rows(32)
    }

    /// What the network has done to the RTP packets of the session.
    pub fn truth(&mut self) -> Emulated {
        self.snapshot().emulated.expect("the network was in the way")
    }

    /// The methods that were asked, in order.
    pub fn methods(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.method.as_str()).collect()
    }

    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        self.run(until, |_| false);
        self.now = until;
    }

    /// Lets time pass until something holds; panics if it never does.
    pub fn run_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = self.now + Duration::from_secs(3_600);
        self.run(until, &holds);
        assert!(
            holds(self),
            "never: {what}; events {:?}",
            self.events.iter().rev().take(5).collect::<Vec<_>>()
        );
    }

    fn run(&mut self, until: Instant, holds: impl Fn(&Self) -> bool) {
        let mut standstill = 0;
        while !holds(self) {
            let pipes = [&self.to_server, &self.to_player, &self.reports]
                .map(|pipe| pipe.0.front().map(|(at, _)| *at));
            let deadlines = [
                self.player.poll_timeout(),
                self.server.deadline,
                self.server.passage.deadline(),
                self.connecting,
            ];
            let next = pipes.into_iter().chain(deadlines).flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { return };
            standstill = if next > self.now { 0 } else { standstill + 1 };
            assert!(
                standstill < MOST_AT_ONCE,
                "the world turns without getting on: {:?}",
                self.events.last()
            );
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn step(&mut self) {
        if self.connecting.take_if(|at| *at <= self.now).is_some() {
            let refused = Input::ConnectionLost(Some("connection refused".to_owned()));
            let path = Path { is_local: true, is_ipv6: false };
            let input = if self.is_down { refused } else { Input::Connected(path) };
            self.player.handle_input(self.now, input);
        }
        while let Some(octets) = self.to_server.due(self.now) {
            let answers = self.server.receive(self.now, &octets, &mut self.requests);
            for response in answers {
                self.to_player.0.push_back((self.now + self.latency, response.encode().to_vec()));
                self.responses.push(response);
            }
        }
        while let Some(octets) = self.reports.due(self.now) {
            self.server.report(self.now, &octets);
        }
        while let Some(octets) = self.to_player.due(self.now) {
            self.player.handle_input(self.now, Input::Received(octets.into()));
            self.carry_out();
        }
        for datagram in self.server.send_what_is_due(self.now) {
            let is_lost = datagram.kind == Kind::Rtcp && self.loses_rtcp
                || self.loses_datagrams && self.server.channels().is_none();
            if !is_lost && let Some(datagram) = self.server.passage.admit(self.now, datagram) {
                self.deliver(datagram);
            }
        }
        while let Some((_, datagram)) = self.server.passage.poll(self.now) {
            self.deliver(datagram);
        }
        if self.player.poll_timeout().is_some_and(|deadline| deadline <= self.now) {
            self.player.handle_timeout(self.now);
        }
        self.carry_out();
    }

    fn deliver(&mut self, datagram: Datagram) {
        let input = match self.server.channels() {
            Some(ChannelPair { rtp, rtcp }) => {
                let channel = if datagram.kind == Kind::Rtcp { rtcp } else { rtp };
                Input::Received(interleave(channel, &datagram.octets))
            }
            None => Input::Datagram(datagram),
        };
        self.player.handle_input(self.now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.player.poll_output() {
            match output {
                Output::Connect { .. } => self.connecting = Some(self.now + self.latency),
                Output::Disconnect => {
                    self.connecting = None;
                    self.to_player.0.clear();
                    self.server.disconnect();
                }
                Output::OpenPorts(port) => {
                    let rtp = port.unwrap_or(5_000);
                    self.player.handle_input(self.now, Input::Ports(Ok(PortPair { rtp, rtcp: rtp + 1 })));
                }
                Output::Write(octets) => {
                    self.to_server.0.push_back((self.now + self.latency, octets.to_vec()))
                }
                Output::Frame(frame) => self.arrived.push(frame),
                Output::Show { frame, position } => self.shown.push(Shown {
                    at: self.now - self.begin,
                    position_ms: position.map(|position| position.as_micros() / 1_000),
                    jpeg: frame.jpeg,
                }),
                Output::Event(event) => self.events.push((self.now - self.begin, event)),
                Output::Send(Datagram { kind: Kind::Rtcp, octets }) => {
                    self.reports.0.push_back((self.now + self.latency, octets.to_vec()))
                }
                Output::Route(_) | Output::Send(_) => {}
            }
        }
    }
}

/// The pure parts of the embedded server, for one film and one connection.
pub struct Server {
    framer: Framer,
    pub info: MediaInfo,
    frames: Vec<Arc<PacketizedFrame>>,
    begin: Instant,
    network: Network,
    passage: Passage,
    session: Option<Session>,
    sessions_made: u32,
    deadline: Option<Instant>,
    is_mute: bool,
    scale: Option<&'static str>,
}

impl Server {
    fn new(setting: &Setting, begin: Instant, network: Network) -> Self {
        let frames: Vec<_> = setting
            .pictures
            .iter()
            .map(|jpeg| Arc::new(packetize(jpeg, Form::OriginalHeader).unwrap()))
            .collect();
        let info = MediaInfo {
            id: 1,
            name: "film".to_owned(),
            layout: Layout::Classroom,
            dimensions: Dimensions { width: 160, height: 120 },
            rate: FrameRate::CLASSROOM,
            progress: Progress {
                frames: frames.len() as u64,
                outcome: (!setting.is_growing).then(Default::default),
                failed: false,
            },
        };
        Self {
            framer: Framer::new(Limits::SERVER),
            info,
            frames,
            begin,
            passage: Passage::new(&network),
            network,
            session: None,
            sessions_made: 0,
            deadline: None,
            is_mute: setting.is_mute,
            scale: setting.scale,
        }
    }

    pub fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn disconnect(&mut self) {
        self.framer = Framer::new(Limits::SERVER);
        self.session = None;
        self.deadline = None;
    }

    fn channels(&self) -> Option<ChannelPair> {
        match self.session.as_ref()?.agreement().delivery {
            Delivery::Interleaved(channels) => Some(channels),
            Delivery::Udp(_) | Delivery::RtpAlone(_) => None,
        }
    }

    fn receive(&mut self, now: Instant, octets: &[u8], requests: &mut Vec<Request>) -> Vec<Response> {
        self.framer.push(octets);
        let mut responses = Vec::new();
        while let Some(frame) = self.framer.next_frame().unwrap() {
            match frame {
                Frame::Request(request) => {
                    if !self.is_mute {
                        responses.push(self.ask(now, &self.with_own_scale(&request)));
                    }
                    requests.push(request);
                }
                Frame::Interleaved { packet, .. } => self.report(now, &packet),
                Frame::Response(_) | Frame::Classroom(_) => {}
            }
        }
        self.deadline = Some(now);
        responses
    }

    fn with_own_scale(&self, request: &Request) -> Request {
        match self.scale.filter(|_| request.method == Method::Play) {
            Some(scale) => request.clone().with("Scale", scale),
            None => request.clone(),
        }
    }

    fn report(&mut self, now: Instant, octets: &[u8]) {
        if let Some(session) = &mut self.session {
            session.stream().heard(now, &rtcp::parse(octets).unwrap());
            self.deadline = Some(now);
        }
    }

    pub fn ask(&mut self, now: Instant, request: &Request) -> Response {
        desk::answer(self.answer(now, request), request)
    }

    fn answer(&mut self, now: Instant, request: &Request) -> Response {
        match desk::route(request) {
            Destination::Answered(response) => response,
            Destination::Describe(resource) => desk::describe(request, &resource, &self.info, HOST),
            Destination::SetUp(resource) => {
                let channels = Channels::default();
                let server_ports = Some(PortPair { rtp: 6_000, rtcp: 6_001 });
                let facilities = Facilities { peer: HOST, server_ports, channels: &channels };
                match agree(request, &resource, facilities) {
                    Ok(agreement) => self.begin_session(request, agreement),
                    Err(refusal) => refusal,
                }
            }
            Destination::Session { id, resource } => match &mut self.session {
                Some(session) if session.id() == id => {
                    let Handled { response, torn_down } = session.handle(now, request, &resource, &self.info);
                    if torn_down {
                        self.session = None;
                    }
                    response
                }
                _ => desk::no_such_session(),
            },
        }
    }

    fn begin_session(
        &mut self,
        request: &Request,
        agreement: reelay::server_embed::agreement::Agreement,
    ) -> Response {
        self.sessions_made += 1;
        self.passage = Passage::new(&self.network);
        let identity = Identity {
            ssrc: 77 + self.sessions_made,
            first_sequence: 65_000,
            first_timestamp: u32::MAX - 90_000,
            cname: "server".to_owned(),
        };
        let stream = Stream::new(self.info.rate, identity, epoch(self.begin));
        let id = format!("SESSION{}", self.sessions_made);
        let (session, response) =
            Session::set_up(id, request, "film", agreement, stream, DEFAULT_SESSION_TIMEOUT);
        self.session = Some(session);
        response
    }

    fn send_what_is_due(&mut self, now: Instant) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        self.deadline = None;
        let Some(session) = &mut self.session else { return datagrams };
        loop {
            match session.stream().poll(now) {
                Wanted::Fetch(frame) => match self.frames.get(frame as usize) {
                    Some(packets) => session.stream().provide(frame, packets.clone()),
                    None => session.stream().end_at(frame),
                },
                Wanted::Rtp(octets) => datagrams.push(Datagram::rtp(octets)),
                Wanted::Rtcp(octets) => datagrams.push(Datagram::rtcp(octets)),
                Wanted::Ended => {
                    let progress = Progress { outcome: Some(Default::default()), ..self.info.progress };
                    session.ended(&MediaInfo { progress, ..self.info.clone() });
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
