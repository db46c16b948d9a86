//! A connection of the server without sockets: every request has one response, and every packet is one of its stream.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use reelay::media::FrameRate;
use reelay::media::container::{ContainerFormat, FrameTimes};
use reelay::media::jpeg::Dimensions;
use reelay::media::payload::{PacketizedFrame, PayloadFormat, packetize};
use reelay::media_file::{IndexProgress, MediaInfo};
use reelay::proto::rtcp::{self, Epoch, NtpTime, RtcpPacket};
use reelay::proto::rtp::Packet;
use reelay::proto::rtsp::{
    ClassroomRequest, Message, MessageLimits, MessageReader, Method, PortPair, Request, Response, StatusCode,
};
use reelay::server_embed::Authenticator;
use reelay::server_embed::classroom::{self, ClassroomDispatch, ClassroomPeer, SessionRequest};
use reelay::server_embed::handlers::{self, Dispatch};
use reelay::server_embed::session::{DEFAULT_SESSION_TIMEOUT, ServerSession};
use reelay::server_embed::setup::{
    Delivery, InterleavedChannels, NegotiatedTransport, SetupContext, negotiate,
};
use reelay::server_embed::stream::{Identity, RtpStream, StreamOutput};

use super::input::{Input, put_block};
use super::jpegs::{JpegKind, test_jpeg};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORTS: PortPair = PortPair { rtp: 6_000, rtcp: 6_001 };

/// Number of frames of the film.
const FRAMES: u64 = 30;

/// Maximum number of sessions of a connection.
const MAX_SESSIONS: usize = 16;

/// Maximum number of outputs of a stream at one instant: the packets of a frame, and a report.
const MAX_OUTPUTS: usize = 200;

static FRAME: LazyLock<Arc<PacketizedFrame>> = LazyLock::new(|| {
    let jpeg = test_jpeg(JpegKind::Standard420, (64, 48), 1, 40);
    Arc::new(packetize(&jpeg, PayloadFormat::Rfc2435).expect("a frame of RFC 2435"))
});

struct Session {
    session: ServerSession,
    next_sequence: Option<u16>,
    max_batch_length: usize,
}

struct Server {
    reader: MessageReader,
    authenticator: Option<Authenticator>,
    info: MediaInfo,
    start: Instant,
    now: Instant,
    sessions: Vec<Session>,
    session_count: u32,
    channels: InterleavedChannels,
    classroom: ClassroomPeer,
}

impl Server {
    fn new(has_password: bool, is_indexing: bool) -> Self {
        let start = Instant::now();
        let defects = (!is_indexing).then(Default::default);
        Self {
            reader: MessageReader::new(MessageLimits::SERVER),
            authenticator: has_password.then(|| Authenticator::new("user", "secret")),
            info: MediaInfo {
                id: 1,
                name: "film".to_owned(),
                format: ContainerFormat::Classroom,
                dimensions: Dimensions { width: 64, height: 48 },
                undecodable_kind: None,
                times: FrameTimes::Assumed(FrameRate::CLASSROOM),
                other_streams: Vec::new(),
                progress: IndexProgress { frames: FRAMES, defects, ..IndexProgress::default() },
            },
            start,
            now: start,
            sessions: Vec::new(),
            session_count: 0,
            channels: InterleavedChannels::default(),
            classroom: ClassroomPeer::new(123_456),
        }
    }

    /// Receives bytes; returns false if the connection is to be closed.
    fn receive(&mut self, bytes: &[u8]) -> bool {
        self.reader.push(bytes);
        loop {
            match self.reader.poll_message() {
                Ok(Some(message)) => self.handle_message(message),
                Ok(None) => return true,
                Err(error) => {
                    check_response(&Response::error(error.status_code(), &error));
                    return false;
                }
            }
        }
    }

    fn handle_message(&mut self, message: Message) {
        match message {
            Message::Request(request) => {
                let response = handlers::finalize_response(self.respond(&request), &request);
                assert_eq!(
                    response.headers.cseq(),
                    request.headers.cseq().filter(|_| response.headers.cseq().is_some())
                );
                check_response(&response);
            }
            Message::Classroom(request) => {
                let response = self.respond_classroom(&request);
                let response = self.classroom.finalize_response(&request, response);
                let text =
                    String::from_utf8(classroom::encode(&response).to_vec()).expect("a response is text");
                assert!(text.lines().count() == 3 && text.starts_with("RTSP/1.0 "), "{text:?}");
            }
            Message::Interleaved { packet, .. } => self.handle_rtcp(&packet),
            Message::Response(_) => {}
        }
    }

    fn respond(&mut self, request: &Request) -> Response {
        if let Some(Err(refusal)) = self.authenticator.as_ref().map(|auth| auth.authenticate(request, "0123"))
        {
            assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
            Authenticator::attempts_password(request, "0123");
            return refusal;
        }
        match handlers::dispatch(request).resolve_track_alias(|name| name == "film") {
            Dispatch::Respond(response) => response,
            Dispatch::Describe(resource) => handlers::describe(request, &resource, &self.info, HOST, None),
            Dispatch::SetUp(resource) => {
                let context =
                    SetupContext { peer: HOST, server_ports: &|| Some(PORTS), channels: &self.channels };
                match negotiate(request, &resource, context) {
                    Ok(transport) => self.start_session(request, transport).1,
                    Err(refusal) => refusal,
                }
            }
            Dispatch::Session { id, resource } => {
                self.forward(&SessionRequest { id, request: request.clone(), resource })
            }
        }
    }

    fn respond_classroom(&mut self, request: &ClassroomRequest) -> Response {
        let response = match self.classroom.dispatch(request) {
            ClassroomDispatch::Respond(response) => response,
            ClassroomDispatch::Session(request) => self.forward(&request),
            ClassroomDispatch::SetUp { port, has_small_buffer, .. } => {
                if let Some(teardown) = self.classroom.teardown_request() {
                    self.forward(&teardown);
                    self.classroom.clear_session();
                }
                let transport = NegotiatedTransport::classroom(port, has_small_buffer, PORTS);
                let (id, response) = self.start_session(&Request::new(Method::Setup, "film"), transport);
                if let Some(id) = id {
                    self.classroom.set_session(id, "film".to_owned());
                }
                response
            }
        };
        if request.method == Method::Teardown && response.status.is_success() {
            self.classroom.clear_session();
        }
        response
    }

    fn start_session(
        &mut self,
        request: &Request,
        transport: NegotiatedTransport,
    ) -> (Option<String>, Response) {
        if self.sessions.len() == MAX_SESSIONS {
            return (None, Response::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        if let Delivery::Interleaved(pair) = transport.delivery {
            self.channels.set_in_use(pair, true);
        }
        self.session_count += 1;
        let identity = Identity {
            ssrc: self.session_count,
            first_sequence: 65_530,
            first_timestamp: u32::MAX - 9_000,
            cname: "server".to_owned(),
        };
        let epoch = Epoch { instant: self.start, ntp: NtpTime(1 << 40) };
        let stream = match transport.payload_format.is_classroom() {
            true => RtpStream::classroom(self.info.times.clone(), identity, epoch),
            false => RtpStream::new(self.info.times.clone(), identity, epoch),
        };
        let id = format!("SESSION{}", self.session_count);
        let (session, response) =
            ServerSession::set_up(id.clone(), request, "film", transport, stream, DEFAULT_SESSION_TIMEOUT);
        let max_batch_length = if self.sessions.len().is_multiple_of(2) { 16 } else { 1 };
        self.sessions.push(Session { session, next_sequence: None, max_batch_length });
        (Some(id), response)
    }

    fn forward(&mut self, SessionRequest { id, request, resource }: &SessionRequest) -> Response {
        let Some(at) = self.sessions.iter().position(|session| session.session.id() == id) else {
            return handlers::session_not_found();
        };
        let handled = self.sessions[at].session.handle_request(self.now, request, resource, &self.info);
        if handled.is_torn_down {
            let mut ended = self.sessions.remove(at).session;
            if let Delivery::Interleaved(pair) = ended.transport().delivery {
                self.channels.set_in_use(pair, false);
            }
            if let Some(bye) = ended.stream().bye(self.now) {
                rtcp::parse(&bye).expect("our RTCP is valid");
            }
        }
        handled.response
    }

    fn handle_rtcp(&mut self, packet: &[u8]) {
        if let Ok(packets) = rtcp::parse(packet) {
            let now = self.now;
            self.sessions.iter_mut().for_each(|session| session.session.stream().handle_rtcp(now, &packets));
        }
    }

    /// Sends what is due, and returns the time at which more is.
    fn poll(&mut self) -> Option<Instant> {
        let (now, info) = (self.now, self.info.clone());
        self.sessions.iter_mut().filter_map(|session| session.poll(now, &info)).min()
    }

    fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(next) = self.poll().filter(|next| *next <= until) {
            assert!(next > self.now, "a stream waits for the past");
            self.now = next;
        }
        self.now = until;
        self.poll();
    }
}

impl Session {
    fn poll(&mut self, now: Instant, info: &MediaInfo) -> Option<Instant> {
        let ssrc = self.session.stream().ssrc();
        let counts_packets = !self.session.transport().payload_format.is_classroom();
        for _ in 0..MAX_OUTPUTS {
            let stream = self.session.stream();
            stream.set_max_batch_length(self.max_batch_length);
            match stream.poll_output(now) {
                StreamOutput::Fetch(frame) if frame < FRAMES => stream.provide_frame(frame, FRAME.clone()),
                StreamOutput::Fetch(frame) => stream.end_at(frame),
                StreamOutput::Rtp(batch) => {
                    assert!(batch.packet_count() > 0, "no empty batch");
                    for packet in batch.packets() {
                        let header =
                            Packet::parse(packet.to_vec().into()).expect("our packets are valid").header;
                        let is_next = self.next_sequence.is_none_or(|next| next == header.sequence);
                        assert!(header.ssrc == ssrc && is_next);
                        self.next_sequence = counts_packets.then(|| header.sequence.wrapping_add(1));
                    }
                }
                StreamOutput::Retransmission(bytes) | StreamOutput::Parity(bytes) => {
                    let header = Packet::parse(bytes.into()).expect("our packets are valid").header;
                    assert_ne!(header.ssrc, ssrc);
                }
                StreamOutput::Rtcp(bytes) => {
                    rtcp::parse(&bytes).expect("our RTCP is valid");
                }
                StreamOutput::Ended => self.session.handle_stream_end(info),
                StreamOutput::Wait(until) => return Some(until),
                StreamOutput::Idle => return None,
            }
        }
        panic!("a stream sends without end");
    }
}

/// Checks that a client reads the response as it was meant.
fn check_response(response: &Response) {
    let mut reader = MessageReader::new(MessageLimits::CLIENT);
    reader.push(&response.encode());
    let Ok(Some(Message::Response(read))) = reader.poll_message() else { panic!("{response:?}") };
    assert_eq!((read.status, &read.body), (response.status, &response.body));
    assert_eq!(read.headers.iter().count(), {
        let has_length = response.headers.get("Content-Length").is_some() || response.body.is_empty();
        response.headers.iter().count() + usize::from(!has_length)
    });
    assert!(!reader.is_mid_message(), "bytes follow the response {response:?}");
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let options = input.byte();
    let mut server = Server::new(options & 1 != 0, options & 2 != 0);
    while !input.is_empty() {
        match input.byte() % 8 {
            0 => server.advance(Duration::from_millis(input.u16().into())),
            1 => server.advance(Duration::from_millis(50)),
            2 => server.handle_rtcp(input.block()),
            3 => {
                if let Some(message) = server.reader.finish_classroom() {
                    server.handle_message(message);
                }
            }
            _ => {
                if !server.receive(input.block()) {
                    return;
                }
            }
        }
    }
    server.advance(Duration::from_secs(5));
}

/// Returns a seed with these requests, and 120 ms after each.
fn seed(options: u8, requests: &[&str]) -> Vec<u8> {
    let mut seed = vec![options];
    for request in requests {
        seed.push(7);
        put_block(&mut seed, request.as_bytes());
        seed.extend([3, 0, 0, 120]);
    }
    seed
}

pub fn seeds() -> Vec<Vec<u8>> {
    const SETUP: &str = "SETUP rtsp://h/film/track1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n";
    let play = |headers: &str| {
        format!("PLAY rtsp://h/film RTSP/1.0\r\nCSeq: 4\r\nSession: SESSION1\r\n{headers}\r\n")
    };
    let other = |method: &str, headers: &str| {
        format!("{method} rtsp://h/film RTSP/1.0\r\nCSeq: 5\r\nSession: SESSION1\r\n{headers}\r\n")
    };
    let describe = "DESCRIBE rtsp://h/film RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n";
    let mut report = seed(0, &[SETUP, &play(""), &other("PAUSE", "Range: npt=0.5-\r\n")]);
    report.push(2);
    put_block(&mut report, &super::rtcp_packet::seeds()[2]);
    let mut nack = seed(0, &[&SETUP.replace("RTP/AVP", "RTP/AVPF"), &play("")]);
    nack.push(2);
    let request = RtcpPacket::GenericNack { ssrc: 8, media_ssrc: 1, lost: vec![65_530, 65_531, 0] };
    put_block(&mut nack, &rtcp::encode(&[request]));
    nack.extend([3, 0, 0, 120]);
    vec![
        seed(
            0,
            &[
                "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
                describe,
                SETUP,
                &play("Range: npt=0-\r\n"),
                &other("TEARDOWN", ""),
            ],
        ),
        seed(
            0,
            &[
                SETUP,
                &play("Range: npt=0.25-1.0\r\nScale: 2.0\r\n"),
                &other("PAUSE", ""),
                &play("Speed: 4\r\n"),
                &play("Range: npt=1.4-\r\n"),
            ],
        ),
        seed(
            2,
            &[
                SETUP,
                &play(""),
                &other("GET_PARAMETER", "Content-Length: 10\r\n\r\nposition"),
                &other("SET_PARAMETER", ""),
            ],
        ),
        seed(
            0,
            &[
                "SETUP rtsp://h/film/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;interleaved=0-1;x-jpeg-header=1;x-jpeg-restart=1\r\n\r\n",
                &play(""),
                "$\x01\0\x08\u{0}",
            ],
        ),
        seed(
            1,
            &[
                describe,
                "DESCRIBE rtsp://h/film RTSP/1.0\r\nCSeq: 2\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n",
                "SETUP rtsp://h/film/track1 RTSP/1.0\r\nCSeq: 3\r\nAuthorization: Digest username=\"user\", realm=\"Reelay\", nonce=\"0123\", uri=\"/film\", response=\"00\"\r\n\r\n",
            ],
        ),
        seed(
            0,
            &[
                "SETUP film RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000",
                "PLAY film RTSP/1.0\nCSeq: 2\nSession: 123456",
                "PAUSE film RTSP/1.0\nCSeq: 3\nSession: 123456",
                "TEARDOWN film RTSP/1.0\nCSeq: 4\nSession: 123456",
            ],
        ),
        report,
        nack,
    ]
}
