//! The sans-I/O parts of the embedded server, without sockets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use reelay::impairment::{Emulator, RawPacket, SessionLink};
use reelay::media::FrameRate;
use reelay::media::container::{ContainerFormat, FrameTimes};
use reelay::media::jpeg::Dimensions;
use reelay::media::payload::{PacketizedFrame, PayloadFormat, packetize};
use reelay::media_file::{IndexProgress, MediaInfo};
use reelay::proto::rtcp::{self, Epoch, NtpTime};
use reelay::proto::rtsp::{
    ChannelPair, Message, MessageLimits, MessageReader, Method, PortPair, Request, Response, StatusCode,
};
use reelay::server_embed::handlers::{self, Dispatch};
use reelay::server_embed::session::{DEFAULT_SESSION_TIMEOUT, Handled, ServerSession};
use reelay::server_embed::setup::{
    Delivery, InterleavedChannels, NegotiatedTransport, SetupContext, negotiate,
};
use reelay::server_embed::stream::{Identity, RtpStream, StreamOutput};

use super::options::{ScaleSupport, WorldOptions};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Returns the wall clock that the client and the server share.
pub(super) fn epoch(start: Instant) -> Epoch {
    Epoch { instant: start, ntp: NtpTime(1 << 40) }
}

/// An embedded server with one media file and one connection.
pub struct SimulatedServer {
    reader: MessageReader,
    pub info: MediaInfo,
    frames: Vec<Arc<PacketizedFrame>>,
    /// Reading of both clocks of the server.
    pub epoch: Epoch,
    emulator: Emulator,
    link: SessionLink,
    session: Option<ServerSession>,
    session_count: u32,
    deadline: Option<Instant>,
    pub is_unresponsive: bool,
    scale: Option<&'static str>,
    scale_support: ScaleSupport,
}

impl SimulatedServer {
    pub(super) fn new(world_options: &WorldOptions, start: Instant, emulator: Emulator) -> Self {
        let frames: Vec<_> = world_options
            .frames
            .iter()
            .map(|jpeg| Arc::new(packetize(jpeg, world_options.format).unwrap()))
            .collect();
        let info = MediaInfo {
            id: 1,
            name: "film".to_owned(),
            format: ContainerFormat::Classroom,
            dimensions: Dimensions { width: 160, height: 120 },
            undecodable_kind: None,
            times: FrameTimes::Assumed(FrameRate::CLASSROOM),
            other_streams: Vec::new(),
            progress: IndexProgress {
                frames: frames.len() as u64 * world_options.repeats,
                defects: (!world_options.is_indexing).then(Default::default),
                ..IndexProgress::default()
            },
        };
        Self {
            reader: MessageReader::new(MessageLimits::SERVER),
            info,
            frames,
            epoch: epoch(start),
            link: SessionLink::new(&emulator),
            emulator,
            session: None,
            session_count: 0,
            deadline: None,
            is_unresponsive: world_options.is_unresponsive,
            scale: world_options.scale,
            scale_support: world_options.scale_support,
        }
    }

    /// Identity of the stream of the next session.
    fn next_identity(&self) -> Identity {
        Identity {
            ssrc: 78 + self.session_count,
            first_sequence: 65_000,
            first_timestamp: u32::MAX - 90_000,
            cname: "server".to_owned(),
        }
    }

    pub fn session(&mut self) -> Option<&mut ServerSession> {
        self.session.as_mut()
    }

    pub(super) fn link_mut(&mut self) -> &mut SessionLink {
        &mut self.link
    }

    /// Returns the time at which [`Self::poll_datagrams`] or the link has something to send.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.link.poll_timeout()).min()
    }

    pub(super) fn disconnect(&mut self) {
        self.reader = MessageReader::new(MessageLimits::SERVER);
        self.session = None;
        self.deadline = None;
    }

    pub(super) fn channels(&self) -> Option<ChannelPair> {
        match self.session.as_ref()?.transport().delivery {
            Delivery::Interleaved(channels) => Some(channels),
            Delivery::Udp(_) | Delivery::RtpOnly(_) => None,
        }
    }

    pub(super) fn receive(
        &mut self,
        now: Instant,
        bytes: &[u8],
        requests: &mut Vec<Request>,
    ) -> Vec<Response> {
        self.reader.push(bytes);
        let mut responses = Vec::new();
        while let Some(message) = self.reader.poll_message().unwrap() {
            match message {
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
        if self.scale_support == ScaleSupport::Ignores {
            let mut ignoring = Request::new(request.method.clone(), request.uri.clone());
            for (name, value) in request.headers.iter().filter(|(name, _)| *name != "Scale") {
                ignoring.headers.append(name.to_owned(), value);
            }
            return ignoring;
        }
        match self.scale.filter(|_| request.method == Method::Play) {
            Some(scale) => request.clone().with_header("Scale", scale),
            None => request.clone(),
        }
    }

    pub(super) fn handle_rtcp(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(session) = &mut self.session {
            session.stream().handle_rtcp(now, &rtcp::parse(bytes).unwrap());
            self.deadline = Some(now);
        }
    }

    pub fn handle_request(&mut self, now: Instant, request: &Request) -> Response {
        handlers::finalize_response(self.respond(now, request), request)
    }

    fn respond(&mut self, now: Instant, request: &Request) -> Response {
        if self.scale_support == ScaleSupport::Refuses && request.headers.get("Scale").is_some() {
            return Response::error(StatusCode::from_code(451).unwrap(), "no Scale");
        }
        match handlers::dispatch(request) {
            Dispatch::Respond(response) => response,
            Dispatch::Describe(resource) => {
                handlers::describe(request, &resource, &self.info, HOST, Some(&self.next_identity()))
            }
            Dispatch::SetUp(resource) => {
                let channels = InterleavedChannels::default();
                let server_ports = Some(PortPair { rtp: 6_000, rtcp: 6_001 });
                let context =
                    SetupContext { peer: HOST, server_ports: &|| server_ports, channels: &channels };
                match negotiate(request, &resource, context) {
                    Ok(transport) => self.start_session(request, transport),
                    Err(response) => response,
                }
            }
            Dispatch::Session { id, resource } => match &mut self.session {
                Some(session) if session.id() == id => {
                    let Handled { response, is_torn_down } =
                        session.handle_request(now, request, &resource, &self.info);
                    if is_torn_down {
                        self.session = None;
                    }
                    response
                }
                _ => handlers::session_not_found(),
            },
        }
    }

    fn start_session(&mut self, request: &Request, transport: NegotiatedTransport) -> Response {
        let identity = self.next_identity();
        self.session_count += 1;
        self.link = SessionLink::new(&self.emulator);
        let stream = RtpStream::new(self.info.times.clone(), identity, self.epoch);
        let id = format!("SESSION{}", self.session_count);
        let (session, response) =
            ServerSession::set_up(id, request, "film", transport, stream, DEFAULT_SESSION_TIMEOUT);
        self.session = Some(session);
        response
    }

    pub(super) fn poll_datagrams(&mut self, now: Instant) -> Vec<RawPacket> {
        let mut datagrams = Vec::new();
        self.deadline = None;
        let Some(session) = &mut self.session else { return datagrams };
        loop {
            match session.stream().poll_output(now) {
                StreamOutput::Fetch(frame) if frame < self.info.progress.frames => {
                    let packets = &self.frames[frame as usize % self.frames.len()];
                    session.stream().provide_frame(frame, packets.clone());
                }
                StreamOutput::Fetch(frame) => session.stream().end_at(frame),
                StreamOutput::Rtp(batch) => {
                    datagrams.extend(batch.packets().map(|packet| RawPacket::rtp(packet.to_vec())));
                }
                StreamOutput::Retransmission(bytes) => datagrams.push(RawPacket::retransmission(bytes)),
                StreamOutput::Parity(bytes) => datagrams.push(RawPacket::parity(bytes)),
                StreamOutput::Rtcp(bytes) => datagrams.push(RawPacket::rtcp(bytes)),
                StreamOutput::Ended => {
                    let progress = IndexProgress { defects: Some(Default::default()), ..self.info.progress };
                    session.handle_stream_end(&MediaInfo { progress, ..self.info.clone() });
                }
                StreamOutput::Wait(until) => {
                    self.deadline = Some(until);
                    return datagrams;
                }
                StreamOutput::Idle => return datagrams,
            }
        }
    }
}
