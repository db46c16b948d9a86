//! A client without sockets, and the server's side of its requests.

use std::time::{Duration, Instant};

use reelay::impairment::RawPacket;
use reelay::proto::rtcp::{Epoch, NtpTime};
use reelay::proto::rtsp::{
    Message, MessageLimits, MessageReader, Method, PortPair, Request, RtspUrl, encode_interleaved,
};
use reelay::session::{
    Client, ClientInput, ClientOptions, ClientOutput, Goal, NetworkPath, RtcpIdentity, RtspClient,
    SessionCommand, StreamOptions, TransportPreference,
};

/// A client without sockets, and the time.
pub struct Player {
    pub client: RtspClient,
    start: Instant,
    pub now: Instant,
    reader: MessageReader,
}

impl Player {
    /// Returns a client that plays a live stream. `play_headers` are those of the response to PLAY.
    pub fn playing(is_tcp: bool, play_headers: &str) -> Self {
        let mut player = Self::new(is_tcp);
        player.set_up(is_tcp, "now-");
        player.respond("PLAY", &format!("Session: 1\r\n{play_headers}"), "");
        player
    }

    pub fn new(is_tcp: bool) -> Self {
        let start = Instant::now();
        let transport = if is_tcp { TransportPreference::Tcp } else { TransportPreference::Udp };
        let options = ClientOptions {
            stream: StreamOptions { transport, ..StreamOptions::default() },
            playout_delay: Duration::from_millis(20).into(),
            rtcp_identity: RtcpIdentity { ssrc: 1, cname: "player".to_owned() },
            emulator: Default::default(),
            epoch: Epoch { instant: start, ntp: NtpTime(1 << 40) },
        };
        let client = RtspClient::new(RtspUrl::parse("rtsp://127.0.0.1:8554/test").unwrap(), options);
        Self { client, start, now: start, reader: MessageReader::new(MessageLimits::SERVER) }
    }

    /// Starts a session up to PLAY, whose response is the caller's. `range` is that of the film.
    pub fn set_up(&mut self, is_tcp: bool, range: &str) {
        self.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        self.respond("OPTIONS", "", "");
        let sdp = format!("v=0\r\na=range:npt={range}\r\nm=video 0 RTP/AVP 26\r\na=framerate:25\r\n");
        self.respond("DESCRIBE", "Content-Type: application/sdp\r\n", &sdp);
        let transport = match is_tcp {
            true => "RTP/AVP/TCP;unicast;interleaved=0-1",
            false => "RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001",
        };
        self.respond("SETUP", &format!("Session: 1\r\nTransport: {transport}\r\n"), "");
    }

    pub fn handle_input(&mut self, input: ClientInput) {
        self.client.handle_input(self.now, input);
        self.perform_outputs();
    }

    fn perform_outputs(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Connect { .. } => {
                    self.handle_input(ClientInput::Connected(NetworkPath::default()))
                }
                ClientOutput::OpenPorts(_) => {
                    self.handle_input(ClientInput::Ports(Ok(PortPair { rtp: 19_456, rtcp: 19_457 })))
                }
                ClientOutput::Write(bytes) => self.reader.push(&bytes),
                _ => {}
            }
        }
    }

    fn next_request(&mut self) -> Request {
        loop {
            match self.reader.poll_message().unwrap() {
                Some(Message::Request(request)) => return request,
                Some(_) => {}
                None => panic!("the client sends no request"),
            }
        }
    }

    pub fn respond(&mut self, method: &str, headers: &str, body: &str) {
        let request = self.next_request();
        assert_eq!(request.method.as_str(), method);
        self.respond_to(&request, headers, body);
    }

    fn respond_to(&mut self, request: &Request, headers: &str, body: &str) {
        let (cseq, length) = (request.headers.cseq().unwrap(), body.len());
        let response =
            format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.handle_input(ClientInput::Received(response.into()));
    }

    pub fn advance_to(&mut self, at: Duration) {
        let until = self.start + at;
        while let Some(deadline) = self.client.poll_timeout().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.perform_outputs();
        }
        self.now = self.now.max(until);
    }

    pub fn receive(&mut self, is_tcp: bool, bytes: &[u8]) {
        self.handle_input(match is_tcp {
            true => ClientInput::Received(encode_interleaved(0, bytes)),
            false => ClientInput::Packet(RawPacket::rtp(bytes.to_vec())),
        });
    }

    /// Responds to the keep-alive requests that wait.
    pub fn respond_to_keep_alives(&mut self) {
        while let Some(message) = self.reader.poll_message().expect("our requests are valid") {
            if let Message::Request(request) = message {
                assert!(matches!(request.method, Method::GetParameter | Method::Options), "{request:?}");
                self.respond_to(&request, "Session: 1\r\n", "");
            }
        }
    }
}
