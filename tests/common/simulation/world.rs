//! The client, the server and the link between them, stepped from one deadline to the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use reelay::impairment::{Emulator, EmulatorSettings, EmulatorStats, Impairments, PacketKind, RawPacket};
use reelay::media::jpeg::FreshArea;
use reelay::proto::rtcp::{Epoch, NtpTime};
use reelay::proto::rtsp::{ChannelPair, PortPair, Request, Response, RtspUrl, encode_interleaved};
use reelay::session::{
    Client as _, ClientInput, ClientOptions, ClientOutput, EmulatorOptions, EmulatorPlacement, Frame, Goal,
    NetworkPath, RtcpIdentity, RtspClient, RtspState, SessionCommand, SessionEvent,
};
use reelay::stats::{PacketLogRow, Snapshot};

use super::options::WorldOptions;
use super::server::{SimulatedServer, epoch};

/// Maximum number of steps in which virtual time stands still; more than this is an endless loop.
const MAX_STEPS_PER_INSTANT: u32 = 1_000;

/// Bytes in flight on a reliable connection, with the time at which each write arrives.
#[derive(Debug, Default)]
struct Pipe(VecDeque<(Instant, Vec<u8>)>);

impl Pipe {
    fn pop_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.0.pop_front_if(|(at, _)| *at <= now).map(|(_, bytes)| bytes)
    }
}

/// A frame that was shown.
#[derive(Debug, Clone)]
pub struct ShownFrame {
    /// Virtual time at which the frame was shown, since the start of the world.
    pub at: Duration,
    pub position_ms: Option<u64>,
    pub jpeg: Bytes,
    /// Parts of the picture that are from the frame itself; `None` if it is complete.
    pub fresh_area: Option<Arc<FreshArea>>,
}

/// The client, the server and the network between them.
pub struct World {
    start: Instant,
    now: Instant,
    /// Time for which the monotonic clock of the client has stood still.
    client_stopped_for: Duration,
    client: RtspClient,
    server: SimulatedServer,
    pub emulator: Emulator,
    latency: Duration,
    upstream_loss: f64,
    upstream_delay: Duration,
    upstream_rng: SmallRng,
    drops_rtcp: bool,
    drops_udp: bool,
    is_server_down: bool,
    to_server: Pipe,
    to_client: Pipe,
    rtcp_to_server: Pipe,
    pub requests: Vec<Request>,
    pub responses: Vec<Response>,
    pub events: Vec<(Duration, SessionEvent)>,
    pub received: Vec<Frame>,
    pub shown: Vec<ShownFrame>,
    /// Bytes of the packets on the RTP port that the server has sent, with the headers of IP and UDP.
    pub sent_octets: u64,
    connect_at: Option<Instant>,
    /// Packets that have arrived while the client was stopped.
    backlog: Vec<RawPacket>,
}

impl World {
    pub fn new(world_options: WorldOptions) -> Self {
        let start = Instant::now();
        let url = RtspUrl::parse("rtsp://127.0.0.1:8554/film").unwrap();
        let rtcp_identity = RtcpIdentity { ssrc: 5, cname: "player".to_owned() };
        let impairments = world_options.impairments;
        let is_on = impairments != Impairments::default();
        let emulator = Emulator::new(EmulatorSettings { is_on, seed: world_options.seed, impairments });
        let options = ClientOptions {
            stream: world_options.stream,
            playout_delay: world_options.playout_delay,
            rtcp_identity,
            emulator: EmulatorOptions { emulator: emulator.clone(), placement: world_options.placement },
            epoch: epoch(start),
        };
        let server_emulator = if world_options.placement == EmulatorPlacement::AtServer {
            emulator.clone()
        } else {
            Emulator::default()
        };
        Self {
            emulator,
            start,
            now: start,
            client_stopped_for: Duration::ZERO,
            client: RtspClient::new(url, options),
            server: SimulatedServer::new(&world_options, start, server_emulator),
            latency: world_options.latency,
            upstream_loss: world_options.upstream_loss,
            upstream_delay: world_options.upstream_delay.unwrap_or(world_options.latency),
            upstream_rng: SmallRng::seed_from_u64(world_options.seed),
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
            sent_octets: 0,
            connect_at: None,
            backlog: Vec::new(),
        }
    }

    pub fn set_goal(&mut self, goal: Goal) {
        self.client.handle_input(self.client_now(), ClientInput::Command(SessionCommand::SetGoal(goal)));
        self.process_outputs();
    }

    pub fn handle_input(&mut self, input: ClientInput) {
        self.client.handle_input(self.client_now(), input);
        self.process_outputs();
    }

    pub fn state(&self) -> RtspState {
        self.client.status().state
    }

    /// Stops the server, which loses its session and all bytes in flight.
    pub fn stop_server(&mut self) {
        self.is_server_down = true;
        self.to_client.0.clear();
        self.to_server.0.clear();
        self.server.disconnect();
        self.handle_input(ClientInput::ConnectionLost(None));
    }

    /// Starts the server again.
    pub fn start_server(&mut self) {
        self.is_server_down = false;
    }

    /// Suspends the client while the server goes on; its packets are lost. The monotonic clock of the client stands
    /// still if `stops_clock` is true, as on Linux.
    pub fn suspend_client(&mut self, duration: Duration, stops_clock: bool) {
        self.stop_client(duration);
        self.backlog.clear();
        if stops_clock {
            self.client_stopped_for += duration;
        }
    }

    /// Stops the client while the server goes on. Returns the number of packets that wait to be read.
    pub fn stop_client(&mut self, duration: Duration) -> usize {
        let until = self.now + duration;
        while let Some(next) = self.server.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            let sent = self.server.poll_datagrams(self.now);
            let link = self.server.link_mut();
            self.backlog.extend(sent.into_iter().filter_map(|packet| link.send(self.now, packet)));
            self.backlog.extend(std::iter::from_fn(|| Some(link.poll_packet(self.now)?.1)));
        }
        self.now = until;
        self.backlog.retain(|packet| packet.kind == PacketKind::Rtp);
        self.backlog.len()
    }

    /// Delivers the first packets that arrived while the client was stopped; the others are lost.
    pub fn deliver_backlog(&mut self, packets: usize) {
        for packet in std::mem::take(&mut self.backlog).into_iter().take(packets) {
            self.deliver(packet);
        }
    }

    /// Number of messages and RTCP packets in flight between client and server.
    pub fn queued(&self) -> usize {
        self.to_server.0.len() + self.to_client.0.len() + self.rtcp_to_server.0.len()
    }

    /// Reading of the client's monotonic clock.
    fn client_now(&self) -> Instant {
        self.now - self.client_stopped_for
    }

    fn client_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout().map(|deadline| deadline + self.client_stopped_for)
    }

    /// Reading of both clocks of the client, whose wall clock is `offset` seconds ahead of that of the server.
    pub fn client_epoch(&self, offset: i64) -> Epoch {
        let ntp = epoch(self.start).ntp_at(self.now).0.wrapping_add_signed(offset << 32);
        Epoch { instant: self.client_now(), ntp: NtpTime(ntp) }
    }

    /// Ends the session and the connection at the server, without a message to the client.
    pub fn lose_session(&mut self) {
        self.server.disconnect();
    }

    pub fn server_mut(&mut self) -> &mut SimulatedServer {
        &mut self.server
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn snapshot(&mut self) -> Snapshot {
        self.client.snapshot(self.client_now())
    }

    /// Returns the fate of each packet of the last 32 frames.
    pub fn packet_rows(&self) -> Vec<PacketLogRow> {
        self.client.packet_log().expect("a session").rows(32)
    }

    /// Returns the emulator's own counts of the session's RTP packets.
    pub fn emulated(&mut self) -> EmulatorStats {
        self.snapshot().emulated.expect("the emulator was on the path")
    }

    /// Returns the methods of all requests, in order.
    pub fn methods(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.method.as_str()).collect()
    }

    pub fn event_count(&self, predicate: impl Fn(&SessionEvent) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| predicate(event)).count()
    }

    /// Advances virtual time by `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.run(until, |_| false);
        self.now = until;
    }

    /// Advances virtual time until `condition` holds.
    ///
    /// # Panics
    /// Panics if the condition does not hold within an hour of virtual time.
    pub fn run_until(&mut self, description: &str, condition: impl Fn(&Self) -> bool) {
        let until = self.now + Duration::from_secs(3_600);
        self.run(until, &condition);
        assert!(
            condition(self),
            "timeout while waiting: {description}; events {:?}",
            self.events.iter().rev().take(5).collect::<Vec<_>>()
        );
    }

    fn run(&mut self, until: Instant, condition: impl Fn(&Self) -> bool) {
        let mut steps_without_progress = 0;
        while !condition(self) {
            let pipes = [&self.to_server, &self.to_client, &self.rtcp_to_server]
                .map(|pipe| pipe.0.front().map(|(at, _)| *at));
            let deadlines = [self.client_timeout(), self.server.poll_timeout(), self.connect_at];
            let next = pipes.into_iter().chain(deadlines).flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { return };
            steps_without_progress = if next > self.now { 0 } else { steps_without_progress + 1 };
            assert!(
                steps_without_progress < MAX_STEPS_PER_INSTANT,
                "virtual time does not advance: {:?}",
                self.events.last()
            );
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn step(&mut self) {
        self.finish_connecting();
        self.deliver_pipes();
        for datagram in self.server.poll_datagrams(self.now) {
            self.sent_octets += if datagram.kind.is_rtp() { datagram.bytes.len() as u64 + 28 } else { 0 };
            let is_lost = datagram.kind == PacketKind::Rtcp && self.drops_rtcp
                || self.drops_udp && self.server.channels().is_none();
            if !is_lost && let Some(datagram) = self.server.link_mut().send(self.now, datagram) {
                self.deliver(datagram);
            }
        }
        while let Some((_, datagram)) = self.server.link_mut().poll_packet(self.now) {
            self.deliver(datagram);
        }
        if self.client_timeout().is_some_and(|deadline| deadline <= self.now) {
            self.client.handle_timeout(self.client_now());
        }
        self.process_outputs();
    }

    fn finish_connecting(&mut self) {
        if self.connect_at.take_if(|at| *at <= self.now).is_some() {
            let refused = ClientInput::ConnectionLost(Some("connection refused".to_owned()));
            let path = NetworkPath { is_local: true, is_ipv6: false };
            let input = if self.is_server_down { refused } else { ClientInput::Connected(path) };
            self.client.handle_input(self.client_now(), input);
        }
    }

    fn deliver_pipes(&mut self) {
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
            self.client.handle_input(self.client_now(), ClientInput::Received(bytes.into()));
            self.process_outputs();
        }
    }

    fn deliver(&mut self, datagram: RawPacket) {
        let input = match self.server.channels() {
            Some(ChannelPair { rtp, rtcp }) => {
                let channel = if datagram.kind == PacketKind::Rtcp { rtcp } else { rtp };
                ClientInput::Received(encode_interleaved(channel, &datagram.bytes))
            }
            None => ClientInput::Packet(datagram),
        };
        self.client.handle_input(self.client_now(), input);
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
                    self.client.handle_input(
                        self.client_now(),
                        ClientInput::Ports(Ok(PortPair { rtp, rtcp: rtp + 1 })),
                    );
                }
                ClientOutput::Write(bytes) => {
                    self.to_server.0.push_back((self.now + self.latency, bytes.to_vec()))
                }
                ClientOutput::Frame(frame) => self.received.push(frame),
                ClientOutput::Show { frame, position } => self.shown.push(ShownFrame {
                    at: self.now - self.start,
                    position_ms: position.map(|position| position.as_micros() / 1_000),
                    jpeg: frame.jpeg,
                    fresh_area: frame.fresh_area,
                }),
                ClientOutput::Event(event) => self.events.push((self.now - self.start, event)),
                ClientOutput::SendPacket(RawPacket { kind: PacketKind::Rtcp, bytes }) => {
                    if self.upstream_loss == 0.0 || !self.upstream_rng.random_bool(self.upstream_loss) {
                        self.rtcp_to_server.0.push_back((self.now + self.upstream_delay, bytes.to_vec()))
                    }
                }
                ClientOutput::SetTransport(_) | ClientOutput::SendPacket(_) => {}
            }
        }
    }
}
