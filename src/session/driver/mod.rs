//! Sockets, threads and clocks around a client.
//!
//! One task per session carries bytes and datagrams between the client and the network and calls it when its next
//! timeout has come. RTP is received on a thread of its own.

mod connection;
mod outlets;
mod rtp_thread;
mod udp;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use self::connection::Connection;
pub use self::outlets::{FrameOutlets, Screen};
use self::udp::Ports;
use super::classroom::ClassroomPlayer;
use super::client::Client;
use super::error::Failure;
use super::events::{Command, Event, Input, Output};
use super::options::{PlayerOptions, Reporter, SessionOptions};
use super::present::decoder::DecodeCounts;
use super::rtp::receiver::ENOUGH_TO_JUDGE;
use super::rtsp::client::Player;
use super::source_url::SourceUrl;
use super::state::Goal;
use crate::impairment::Datagram;
use crate::net::clock;
use crate::net::deadline::until;
use crate::proto::rtsp::{Method, Transport};
use crate::stats::{Figures, Row};

/// A session that runs in the background. Dropping it ends it without TEARDOWN.
#[derive(Debug)]
pub struct Session {
    requests: mpsc::Sender<SessionRequest>,
    figures: watch::Receiver<Figures>,
    _task: AbortOnDropHandle<()>,
}

/// Something that the owner of a session wants.
#[derive(Debug)]
enum SessionRequest {
    Command(Command),
    Finish(oneshot::Sender<()>),
}

/// Clicks that may wait; people are slower than this.
const COMMANDS: usize = 64;

/// Frames whose packets are told one by one.
const ROWS: usize = 32;

/// Between two looks at the figures.
const FIGURES_INTERVAL: Duration = Duration::from_millis(250);

impl Session {
    /// Starts a session without a goal, on the runtime that it is called on. What happens goes to `events`.
    pub fn start(
        source: impl Into<SourceUrl>,
        options: SessionOptions,
        outlets: FrameOutlets,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (requests, inbox) = mpsc::channel(COMMANDS);
        let (figures_sender, figures) = watch::channel(Figures::default());
        let driver = Driver {
            receive_buffer: options.receive_buffer,
            client: new_client(source.into(), options),
            outlets,
            events,
            figures: figures_sender,
            decoded_before: DecodeCounts::default(),
            has_told_flaw: false,
            connection: None,
            connecting: None,
            ports: None,
            route: None,
            finishing: None,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(driver.run(inbox)));
        Self { requests, figures, _task: task }
    }

    /// Passes a wish of the user to the client.
    pub fn command(&self, command: Command) {
        self.send(SessionRequest::Command(command));
    }

    fn send(&self, request: SessionRequest) {
        if let Err(error) = self.requests.try_send(request) {
            tracing::warn!(%error, "a command is lost");
        }
    }

    /// The figures, a few times a second.
    pub fn figures(&self) -> watch::Receiver<Figures> {
        self.figures.clone()
    }

    /// Sends TEARDOWN and waits for the response, for so long at the most.
    pub async fn finish(self, patience: Duration) {
        let (done, finished) = oneshot::channel();
        self.send(SessionRequest::Finish(done));
        // Answered, or out of patience; the session ends either way.
        let _ = timeout(patience, finished).await;
    }
}

/// A client for the protocol of a source.
fn new_client(source: SourceUrl, options: SessionOptions) -> Box<dyn Client> {
    let reporter = Reporter { ssrc: rand::random(), cname: format!("{:024x}", rand::random::<u128>() >> 32) };
    let options = PlayerOptions {
        machine: options.machine,
        playout_delay: options.playout_delay,
        reporter,
        emulation: options.emulation,
        epoch: clock::epoch(),
    };
    match source {
        SourceUrl::Rtsp(url) => Box::new(Player::new(url, options)),
        SourceUrl::Classroom(url) => Box::new(ClassroomPlayer::new(url, options)),
    }
}

struct Driver {
    receive_buffer: usize,
    client: Box<dyn Client>,
    outlets: FrameOutlets,
    events: mpsc::Sender<Event>,
    figures: watch::Sender<Figures>,
    /// What the decoder had done before the session was set up.
    decoded_before: DecodeCounts,
    /// It was told that no picture can be decoded.
    has_told_flaw: bool,
    connection: Option<Connection>,
    connecting: Option<AbortOnDropHandle<io::Result<TcpStream>>>,
    ports: Option<Ports>,
    route: Option<Transport>,
    finishing: Option<oneshot::Sender<()>>,
}

/// What came from the network, or from the user.
enum Incoming {
    Request(SessionRequest),
    Input(Instant, Input),
    Connected(io::Result<TcpStream>),
    /// Time to look at the deadlines.
    Time,
    /// Time to look at the figures.
    Figures,
    /// Nobody holds the session any more.
    Abandoned,
}

impl Driver {
    async fn run(mut self, mut inbox: mpsc::Receiver<SessionRequest>) {
        let mut figures_clock = interval(FIGURES_INTERVAL);
        figures_clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let deadline = self.client.poll_timeout();
            let incoming = tokio::select! {
                request = inbox.recv() => request.map_or(Incoming::Abandoned, Incoming::Request),
                connected = finished(&mut self.connecting) => Incoming::Connected(connected),
                input = connection::received(&mut self.connection) => Incoming::Input(Instant::now(), input),
                (at, input) = udp::received(&mut self.ports) => Incoming::Input(at, input),
                () = until(deadline) => Incoming::Time,
                _ = figures_clock.tick() => Incoming::Figures,
            };
            match incoming {
                Incoming::Request(request) => self.handle_request(request),
                Incoming::Input(at, input) => self.handle_input(at, input),
                Incoming::Connected(result) => self.handle_connection(result),
                Incoming::Time => self.client.handle_timeout(Instant::now()),
                Incoming::Figures => {
                    self.publish_figures();
                    self.look_for_flaw().await;
                }
                Incoming::Abandoned => return,
            }
            if self.carry_out().await {
                return;
            }
        }
    }

    /// The answer to TEARDOWN is the last word of a server, and so is the end of the connection: all of its packets lie
    /// before it, and are counted before it is heard.
    fn handle_input(&mut self, at: Instant, input: Input) {
        match input {
            Input::Received(_) if self.client.status().in_flight == Some(Method::Teardown) => {
                self.drain_ports()
            }
            Input::ConnectionLost(_) => {
                self.drain_ports();
                self.connection = None;
            }
            _ => {}
        }
        self.client.handle_input(at, input);
    }

    /// Handles what has come to the RTP port, which is of no more use then.
    fn drain_ports(&mut self) {
        let packets = self.ports.as_mut().map(Ports::drain).unwrap_or_default();
        for (at, datagram) in packets {
            self.client.handle_input(at, Input::Datagram(datagram));
        }
    }

    fn handle_request(&mut self, request: SessionRequest) {
        let command = match request {
            SessionRequest::Command(command) => command,
            SessionRequest::Finish(done) => {
                self.finishing = Some(done);
                Command::SetGoal(Goal::Stopped)
            }
        };
        self.client.handle_input(Instant::now(), Input::Command(command));
    }

    fn publish_figures(&mut self) {
        let mut snapshot = self.client.snapshot(Instant::now());
        let mut rows: Arc<[Row]> = Arc::default();
        if let Some(screen) = &self.outlets.screen {
            let counts = screen.decoder.counts().since(self.decoded_before);
            snapshot.frames_dropped_late += counts.dropped;
            snapshot.frames_undecodable = counts.failed;
            snapshot.frames_shown = snapshot.frames_shown.saturating_sub(counts.dropped + counts.failed);
            let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
            snapshot.decode_ms =
                (counts.decoded > 0).then(|| milliseconds(counts.busy) / counts.decoded as f64);
            snapshot.decode_max_ms = (counts.decoded > 0).then(|| milliseconds(counts.longest));
            rows = self.client.packet_log().map(|strip| strip.rows(ROWS)).unwrap_or_default().into();
        }
        let figures = Figures { snapshot, rows };
        self.figures.send_if_modified(|last| std::mem::replace(last, figures.clone()) != figures);
    }

    /// Tells once that not one picture can be decoded.
    async fn look_for_flaw(&mut self) {
        let Some(screen) = &self.outlets.screen else { return };
        let counts = screen.decoder.counts().since(self.decoded_before);
        let is_certain = counts.decoded == 0 && counts.failed >= ENOUGH_TO_JUDGE;
        if is_certain && !std::mem::replace(&mut self.has_told_flaw, true) {
            let why = "they are damaged, or of a kind that cannot be decoded".to_owned();
            self.tell(Event::Failed(Failure::Unusable { why })).await;
        }
    }

    /// Does what the player wants; whether the session is finished.
    async fn carry_out(&mut self) -> bool {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect { host, port } => self.connect(host, port),
                Output::Disconnect => self.disconnect(),
                Output::OpenPorts(port) => self.open_ports(port),
                Output::Route(transport) => self.route = Some(transport),
                Output::Write(octets) => self.write(octets),
                Output::Send(datagram) => self.send_datagram(&datagram),
                Output::Frame(frame) => self.outlets.send_to_taps(frame).await,
                Output::Show { frame, position } => self.outlets.show(frame, position),
                Output::Event(event) => self.tell(event).await,
            }
        }
        let is_still = self.connection.is_none() && self.connecting.is_none();
        if is_still && let Some(done) = self.finishing.take() {
            // Who finished it may have lost patience.
            let _ = done.send(());
            return true;
        }
        false
    }

    async fn tell(&mut self, event: Event) {
        match (&event, &self.outlets.screen) {
            (Event::SetUp(_), Some(screen)) => {
                self.decoded_before = screen.decoder.begin();
                self.has_told_flaw = false;
            }
            (Event::Ended | Event::Closed, _) => {
                self.publish_figures();
                tracing::debug!(figures = ?self.figures.borrow().snapshot, "the figures of what was played");
            }
            _ => {}
        }
        // Nobody listens any more; the session ends soon.
        let _ = self.events.send(event).await;
    }

    fn connect(&mut self, host: String, port: u16) {
        self.connecting = Some(AbortOnDropHandle::new(tokio::spawn(TcpStream::connect((host, port)))));
    }

    fn handle_connection(&mut self, result: io::Result<TcpStream>) {
        let now = Instant::now();
        match result.and_then(Connection::new) {
            Ok(connection) => {
                let path = connection.path();
                self.connection = Some(connection);
                self.client.handle_input(now, Input::Connected(path));
            }
            Err(error) => {
                let reason = Some(connection::reason(&error));
                self.client.handle_input(now, Input::ConnectionLost(reason));
            }
        }
    }

    fn disconnect(&mut self) {
        self.connecting = None;
        self.connection = None;
        self.ports = None;
        self.route = None;
    }

    fn open_ports(&mut self, port: Option<u16>) {
        let Some(connection) = &self.connection else { return };
        let ports = Ports::open(connection.local(), connection.peer(), port, self.receive_buffer);
        let opened = match ports {
            Ok(ports) => Ok(self.ports.insert(ports).numbers()),
            Err(error) => Err(connection::reason(&error)),
        };
        self.client.handle_input(Instant::now(), Input::Ports(opened));
    }

    fn write(&mut self, bytes: Bytes) {
        let Some(connection) = &self.connection else { return };
        if !connection.write(bytes) {
            self.client.handle_input(Instant::now(), Input::ConnectionLost(None));
        }
    }

    fn send_datagram(&self, datagram: &Datagram) {
        let (Some(ports), Some(connection)) = (&self.ports, &self.connection) else { return };
        let Some(server) = self.route.as_ref().and_then(|route| route.server_port) else { return };
        if let Err(error) = ports.send(datagram, connection.peer(), server) {
            // Reports repeat.
            tracing::debug!(kind = ?datagram.kind, %error, "a datagram could not be sent");
        }
    }
}

async fn finished(
    connecting: &mut Option<AbortOnDropHandle<io::Result<TcpStream>>>,
) -> io::Result<TcpStream> {
    let Some(task) = connecting else { return std::future::pending().await };
    let result = task.await.unwrap_or_else(|cancelled| Err(io::Error::other(cancelled)));
    *connecting = None;
    result
}
