//! A client on virtual time, whose server is the test itself.

use std::time::{Duration, Instant};

use reelay::impairment::{Emulator, EmulatorSettings, Impairments};
use reelay::proto::http::HttpUrl;
use reelay::proto::rtcp::{Epoch, NtpTime};
use reelay::session::{
    Client, ClientInput, ClientOptions, ClientOutput, EmulatorOptions, Frame, Goal, HttpClient,
    LoggedMessage, NetworkPath, ReconnectReason, RtcpIdentity, RtspState, SessionCommand, SessionEvent,
    StreamOptions,
};
use reelay::stats::Snapshot;

pub const MS: Duration = Duration::from_millis(1);

/// Time of 1970 at the start of a test, in seconds.
pub const START_S: u64 = 1_700_000_000;

/// Returns a JPEG whose entropy-coded data is `data`.
pub fn jpeg(data: &[u8]) -> Vec<u8> {
    [&[0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2][..], data, &[0xFF, 0xD9]].concat()
}

/// Returns a part with a frame.
pub fn part(jpeg: &[u8]) -> Vec<u8> {
    timed_part(jpeg, "")
}

/// Returns a part with a frame, and with these header lines beside Content-Length.
pub fn timed_part(jpeg: &[u8], headers: &str) -> Vec<u8> {
    let head =
        format!("--frame\r\nContent-Type: image/jpeg\r\n{headers}Content-Length: {}\r\n\r\n", jpeg.len());
    [head.as_bytes(), jpeg, b"\r\n"].concat()
}

/// Head of a response with an endless multipart body.
pub const MULTIPART: &str =
    "HTTP/1.0 200 OK\r\nServer: cam\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n";

/// A client on virtual time, and everything that it has asked for.
pub struct Player {
    pub client: Box<dyn Client>,
    pub now: Instant,
    start: Instant,
    /// Host, port and TLS of all connections.
    pub connects: Vec<(String, u16, bool)>,
    /// All requests.
    pub requests: Vec<String>,
    pub is_connected: bool,
    pub events: Vec<SessionEvent>,
    pub shown: Vec<(Duration, Frame)>,
    pub received: usize,
    is_connecting: bool,
}

impl Player {
    pub fn new(url: &str, reconnects: bool) -> Self {
        Self::with_network(url, reconnects, Impairments::default())
    }

    pub fn with_network(url: &str, reconnects: bool, impairments: Impairments) -> Self {
        let start = Instant::now();
        let options = Self::options(start, reconnects, impairments);
        Self::with_client(Box::new(HttpClient::new(HttpUrl::parse(url).unwrap(), options)), start)
    }

    /// Returns options of a client, for a clock that shows [`START_S`] at `start`.
    pub fn options(start: Instant, reconnects: bool, impairments: Impairments) -> ClientOptions {
        let is_on = impairments != Impairments::default();
        let emulator = Emulator::new(EmulatorSettings { is_on, seed: 3, impairments });
        ClientOptions {
            stream: StreamOptions { reconnects, ..StreamOptions::default() },
            playout_delay: (50 * MS).into(),
            rtcp_identity: RtcpIdentity { ssrc: 5, cname: "player".to_owned() },
            emulator: EmulatorOptions { emulator, ..EmulatorOptions::default() },
            epoch: Epoch { instant: start, ntp: NtpTime((START_S + 2_208_988_800) << 32) },
        }
    }

    pub fn with_client(client: Box<dyn Client>, start: Instant) -> Self {
        Self {
            client,
            now: start,
            start,
            connects: Vec::new(),
            requests: Vec::new(),
            is_connected: false,
            events: Vec::new(),
            shown: Vec::new(),
            received: 0,
            is_connecting: false,
        }
    }

    /// Returns a player that plays a multipart stream.
    pub fn playing() -> Self {
        let mut player = Self::new("http://camera/video", true);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(MULTIPART.as_bytes());
        player
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn set_goal(&mut self, goal: Goal) {
        self.input(ClientInput::Command(SessionCommand::SetGoal(goal)));
    }

    /// Opens the connection that the client has asked for.
    pub fn accept(&mut self) {
        assert!(std::mem::take(&mut self.is_connecting), "the client does not connect");
        self.is_connected = true;
        self.input(ClientInput::Connected(NetworkPath { is_local: true, is_ipv6: false }));
    }

    pub fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.is_connected, "the client has closed the connection");
        self.input(ClientInput::Received(bytes.as_ref().to_vec().into()));
    }

    /// Closes the connection, or refuses to open it.
    pub fn lose(&mut self, reason: Option<&str>) {
        assert!(self.is_connected || self.is_connecting, "there is no connection to lose");
        (self.is_connected, self.is_connecting) = (false, false);
        self.input(ClientInput::ConnectionLost(reason.map(str::to_owned)));
    }

    pub fn input(&mut self, input: ClientInput) {
        self.client.handle_input(self.now, input);
        self.perform_outputs();
    }

    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        let mut steps = 0;
        while let Some(deadline) = self.client.poll_timeout().filter(|deadline| *deadline <= until) {
            steps = if deadline > self.now { 0 } else { steps + 1 };
            assert!(steps < 100, "virtual time does not advance");
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.perform_outputs();
        }
        self.now = until;
    }

    fn perform_outputs(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Connect { host, port, is_tls } => {
                    self.connects.push((host, port, is_tls));
                    self.is_connecting = true;
                }
                ClientOutput::Disconnect => (self.is_connected, self.is_connecting) = (false, false),
                ClientOutput::Write(bytes) => {
                    assert!(self.is_connected, "a request without a connection");
                    self.requests.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                ClientOutput::Frame(_) => self.received += 1,
                ClientOutput::Show { frame, .. } => self.shown.push((self.elapsed(), frame)),
                ClientOutput::Event(event) => self.events.push(event),
                ClientOutput::OpenPorts(_) | ClientOutput::SetTransport(_) | ClientOutput::SendPacket(_) => {}
            }
        }
    }

    pub fn is_connecting(&self) -> bool {
        self.is_connecting
    }

    pub fn state(&self) -> RtspState {
        self.client.status().state
    }

    pub fn goal(&self) -> Goal {
        self.client.status().goal
    }

    pub fn snapshot(&mut self) -> Snapshot {
        self.client.snapshot(self.now)
    }

    /// Sentences of all errors.
    pub fn errors(&self) -> Vec<String> {
        let sentences = self.events.iter().filter_map(|event| match event {
            SessionEvent::Failed(error) => Some(error.to_string()),
            _ => None,
        });
        sentences.collect()
    }

    pub fn messages(&self) -> Vec<&LoggedMessage> {
        let messages = self.events.iter().filter_map(|event| match event {
            SessionEvent::Message(message) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    pub fn reconnects(&self) -> Vec<&ReconnectReason> {
        let reasons = self.events.iter().filter_map(|event| match event {
            SessionEvent::Reconnecting(reason) => Some(reason),
            _ => None,
        });
        reasons.collect()
    }

    pub fn count(&self, expected: &SessionEvent) -> usize {
        self.events.iter().filter(|event| *event == expected).count()
    }
}
