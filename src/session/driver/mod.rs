//! Sockets, threads and clocks around a client.
//!
//! One task per session carries bytes and datagrams between the client and the network and calls it when its next
//! timeout has come. RTP is received on a thread of its own.

mod connection;
mod frame_sinks;
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
pub use self::frame_sinks::{FrameSinks, Screen};
use self::udp::UdpPorts;
use super::classroom::ClassroomClient;
use super::client::Client;
use super::error::SessionError;
use super::events::{ClientInput, ClientOutput, SessionCommand, SessionEvent};
use super::options::{ClientOptions, RtcpIdentity, SessionOptions};
use super::present::decoder::DecodeStats;
use super::rtp::receiver::MIN_UNUSABLE_FRAMES;
use super::rtsp::client::RtspClient;
use super::source_url::SourceUrl;
use super::state::Goal;
use crate::impairment::RawPacket;
use crate::net::clock;
use crate::net::deadline::wait_for_deadline;
use crate::proto::rtsp::{Method, Transport};
use crate::stats::{Figures, PacketLogRow};

/// A session that runs in the background. Dropping it ends it without TEARDOWN.
#[derive(Debug)]
pub struct Session {
    messages: mpsc::Sender<DriverMessage>,
    figures: watch::Receiver<Figures>,
    _task: AbortOnDropHandle<()>,
}

/// Something that the owner of a session wants.
#[derive(Debug)]
enum DriverMessage {
    Command(SessionCommand),
    Finish(oneshot::Sender<()>),
}

/// Clicks that may wait; people are slower than this.
const MESSAGE_QUEUE_CAPACITY: usize = 64;

/// Frames whose packets are told one by one.
const MAX_PACKET_LOG_ROWS: usize = 32;

/// Between two looks at the figures.
const FIGURES_INTERVAL: Duration = Duration::from_millis(250);

impl Session {
    /// Starts a session without a goal, on the runtime that it is called on. What happens goes to `events`.
    pub fn start(
        source: impl Into<SourceUrl>,
        options: SessionOptions,
        sinks: FrameSinks,
        events: mpsc::Sender<SessionEvent>,
    ) -> Self {
        let (messages, message_receiver) = mpsc::channel(MESSAGE_QUEUE_CAPACITY);
        let (figures_sender, figures) = watch::channel(Figures::default());
        let driver = Driver {
            receive_buffer_size: options.receive_buffer_size,
            client: new_client(source.into(), options),
            sinks,
            events,
            figures: figures_sender,
            decode_stats_at_start: DecodeStats::default(),
            has_reported_undecodable: false,
            connection: None,
            connecting: None,
            ports: None,
            transport: None,
            finished_sender: None,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(driver.run(message_receiver)));
        Self { messages, figures, _task: task }
    }

    /// Passes a wish of the user to the client.
    pub fn send_command(&self, command: SessionCommand) {
        self.send(DriverMessage::Command(command));
    }

    fn send(&self, message: DriverMessage) {
        if let Err(error) = self.messages.try_send(message) {
            tracing::warn!(%error, "a command is lost");
        }
    }

    /// The figures, a few times a second.
    pub fn figures(&self) -> watch::Receiver<Figures> {
        self.figures.clone()
    }

    /// Sends TEARDOWN and waits for the response, for so long at the most.
    pub async fn finish(self, max_wait: Duration) {
        let (done, finished) = oneshot::channel();
        self.send(DriverMessage::Finish(done));
        // Answered, or out of patience; the session ends either way.
        let _ = timeout(max_wait, finished).await;
    }
}

/// A client for the protocol of a source.
fn new_client(source: SourceUrl, options: SessionOptions) -> Box<dyn Client> {
    let rtcp_identity =
        RtcpIdentity { ssrc: rand::random(), cname: format!("{:024x}", rand::random::<u128>() >> 32) };
    let options = ClientOptions {
        rtsp: options.rtsp,
        playout_delay: options.playout_delay,
        rtcp_identity,
        emulator: options.emulator,
        epoch: clock::epoch(),
    };
    match source {
        SourceUrl::Rtsp(url) => Box::new(RtspClient::new(url, options)),
        SourceUrl::Classroom(url) => Box::new(ClassroomClient::new(url, options)),
    }
}

struct Driver {
    receive_buffer_size: usize,
    client: Box<dyn Client>,
    sinks: FrameSinks,
    events: mpsc::Sender<SessionEvent>,
    figures: watch::Sender<Figures>,
    /// What the decoder had done before the session was set up.
    decode_stats_at_start: DecodeStats,
    /// It was told that no picture can be decoded.
    has_reported_undecodable: bool,
    connection: Option<Connection>,
    connecting: Option<AbortOnDropHandle<io::Result<TcpStream>>>,
    ports: Option<UdpPorts>,
    transport: Option<Transport>,
    finished_sender: Option<oneshot::Sender<()>>,
}

/// What came from the network, or from the user.
enum DriverEvent {
    Message(DriverMessage),
    Input(Instant, ClientInput),
    Connected(io::Result<TcpStream>),
    /// Time to look at the deadlines.
    Timeout,
    /// Time to look at the figures.
    FiguresTick,
    /// Nobody holds the session any more.
    SessionDropped,
}

impl Driver {
    async fn run(mut self, mut message_receiver: mpsc::Receiver<DriverMessage>) {
        let mut figures_clock = interval(FIGURES_INTERVAL);
        figures_clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let deadline = self.client.poll_timeout();
            let event = tokio::select! {
                message = message_receiver.recv() => message.map_or(DriverEvent::SessionDropped, DriverEvent::Message),
                connected = wait_for_connection(&mut self.connecting) => DriverEvent::Connected(connected),
                input = connection::receive(&mut self.connection) => DriverEvent::Input(Instant::now(), input),
                (at, input) = udp::receive(&mut self.ports) => DriverEvent::Input(at, input),
                () = wait_for_deadline(deadline) => DriverEvent::Timeout,
                _ = figures_clock.tick() => DriverEvent::FiguresTick,
            };
            match event {
                DriverEvent::Message(message) => self.handle_message(message),
                DriverEvent::Input(at, input) => self.handle_input(at, input),
                DriverEvent::Connected(result) => self.handle_connect_result(result),
                DriverEvent::Timeout => self.client.handle_timeout(Instant::now()),
                DriverEvent::FiguresTick => {
                    self.publish_figures();
                    self.check_undecodable_frames().await;
                }
                DriverEvent::SessionDropped => return,
            }
            if self.perform_outputs().await {
                return;
            }
        }
    }

    /// The answer to TEARDOWN is the last word of a server, and so is the end of the connection: all of its packets lie
    /// before it, and are counted before it is heard.
    fn handle_input(&mut self, at: Instant, input: ClientInput) {
        match input {
            ClientInput::Received(_) if self.client.status().in_flight == Some(Method::Teardown) => {
                self.finish_rtp()
            }
            ClientInput::ConnectionLost(_) => {
                self.finish_rtp();
                self.connection = None;
            }
            _ => {}
        }
        self.client.handle_input(at, input);
    }

    /// Handles what has come to the RTP port, which is of no more use then.
    fn finish_rtp(&mut self) {
        let packets = self.ports.as_mut().map(UdpPorts::finish_rtp).unwrap_or_default();
        for (at, packet) in packets {
            self.client.handle_input(at, ClientInput::Packet(packet));
        }
    }

    fn handle_message(&mut self, message: DriverMessage) {
        let command = match message {
            DriverMessage::Command(command) => command,
            DriverMessage::Finish(done) => {
                self.finished_sender = Some(done);
                SessionCommand::SetGoal(Goal::Stopped)
            }
        };
        self.client.handle_input(Instant::now(), ClientInput::Command(command));
    }

    fn publish_figures(&mut self) {
        let mut snapshot = self.client.snapshot(Instant::now());
        let mut packet_rows: Arc<[PacketLogRow]> = Arc::default();
        if let Some(screen) = &self.sinks.screen {
            let decode_stats = screen.decoder.stats().since(self.decode_stats_at_start);
            snapshot.frames_dropped_late += decode_stats.dropped;
            snapshot.frames_undecodable = decode_stats.failed;
            snapshot.frames_shown =
                snapshot.frames_shown.saturating_sub(decode_stats.dropped + decode_stats.failed);
            let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
            snapshot.decode_ms = (decode_stats.decoded > 0)
                .then(|| milliseconds(decode_stats.total_time) / decode_stats.decoded as f64);
            snapshot.decode_max_ms = (decode_stats.decoded > 0).then(|| milliseconds(decode_stats.max_time));
            packet_rows = self
                .client
                .packet_log()
                .map(|packet_log| packet_log.rows(MAX_PACKET_LOG_ROWS))
                .unwrap_or_default()
                .into();
        }
        let figures = Figures { snapshot, packet_rows };
        self.figures.send_if_modified(|last| std::mem::replace(last, figures.clone()) != figures);
    }

    /// Tells once that not one picture can be decoded.
    async fn check_undecodable_frames(&mut self) {
        let Some(screen) = &self.sinks.screen else { return };
        let decode_stats = screen.decoder.stats().since(self.decode_stats_at_start);
        let is_certain = decode_stats.decoded == 0 && decode_stats.failed >= MIN_UNUSABLE_FRAMES;
        if is_certain && !std::mem::replace(&mut self.has_reported_undecodable, true) {
            let reason = "they are damaged, or of a kind that cannot be decoded".to_owned();
            self.emit(SessionEvent::Failed(SessionError::UnusableFrames { reason })).await;
        }
    }

    /// Does what the player wants; whether the session is finished.
    async fn perform_outputs(&mut self) -> bool {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Connect { host, port } => self.connect(host, port),
                ClientOutput::Disconnect => self.disconnect(),
                ClientOutput::OpenPorts(port) => self.open_ports(port),
                ClientOutput::SetTransport(transport) => self.transport = Some(transport),
                ClientOutput::Write(bytes) => self.write(bytes),
                ClientOutput::SendPacket(datagram) => self.send_packet(&datagram),
                ClientOutput::Frame(frame) => self.sinks.send_to_taps(frame).await,
                ClientOutput::Show { frame, position } => self.sinks.show(frame, position),
                ClientOutput::Event(event) => self.emit(event).await,
            }
        }
        let is_disconnected = self.connection.is_none() && self.connecting.is_none();
        if is_disconnected && let Some(done) = self.finished_sender.take() {
            // Who finished it may have lost patience.
            let _ = done.send(());
            return true;
        }
        false
    }

    async fn emit(&mut self, event: SessionEvent) {
        match (&event, &self.sinks.screen) {
            (SessionEvent::SetUp(_), Some(screen)) => {
                self.decode_stats_at_start = screen.decoder.start_session();
                self.has_reported_undecodable = false;
            }
            (SessionEvent::Ended | SessionEvent::Closed, _) => {
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

    fn handle_connect_result(&mut self, result: io::Result<TcpStream>) {
        let now = Instant::now();
        match result.and_then(Connection::new) {
            Ok(connection) => {
                let network_path = connection.network_path();
                self.connection = Some(connection);
                self.client.handle_input(now, ClientInput::Connected(network_path));
            }
            Err(error) => {
                let reason = Some(connection::error_reason(&error));
                self.client.handle_input(now, ClientInput::ConnectionLost(reason));
            }
        }
    }

    fn disconnect(&mut self) {
        self.connecting = None;
        self.connection = None;
        self.ports = None;
        self.transport = None;
    }

    fn open_ports(&mut self, port: Option<u16>) {
        let Some(connection) = &self.connection else { return };
        let ports = UdpPorts::open(connection.local(), connection.peer(), port, self.receive_buffer_size);
        let opened = match ports {
            Ok(ports) => Ok(self.ports.insert(ports).port_pair()),
            Err(error) => Err(connection::error_reason(&error)),
        };
        self.client.handle_input(Instant::now(), ClientInput::Ports(opened));
    }

    fn write(&mut self, bytes: Bytes) {
        let Some(connection) = &self.connection else { return };
        if !connection.write(bytes) {
            self.client.handle_input(Instant::now(), ClientInput::ConnectionLost(None));
        }
    }

    fn send_packet(&self, packet: &RawPacket) {
        let (Some(ports), Some(connection)) = (&self.ports, &self.connection) else { return };
        let Some(server_ports) = self.transport.as_ref().and_then(|transport| transport.server_port) else {
            return;
        };
        if let Err(error) = ports.send(packet, connection.peer(), server_ports) {
            // Reports repeat.
            tracing::debug!(kind = ?packet.kind, %error, "a datagram could not be sent");
        }
    }
}

async fn wait_for_connection(
    connecting: &mut Option<AbortOnDropHandle<io::Result<TcpStream>>>,
) -> io::Result<TcpStream> {
    let Some(task) = connecting else { return std::future::pending().await };
    let result = task.await.unwrap_or_else(|cancelled| Err(io::Error::other(cancelled)));
    *connecting = None;
    result
}
