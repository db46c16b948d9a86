//! Task of a session: a loop around a client, with the sockets and the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::connection::{self, Connection};
use super::frame_sinks::FrameSinks;
use super::source_filter::SharedSourceFilter;
use super::udp::{self, UdpPorts};
use crate::impairment::RawPacket;
use crate::net::clock;
use crate::net::clock_check::ClockCheck;
use crate::net::deadline::wait_for_deadline;
use crate::proto::rtsp::{LowerTransport, Method, Transport};
use crate::session::certificate::TrustedCertificates;
use crate::session::client::Client;
use crate::session::error::SessionError;
use crate::session::events::{ClientInput, ClientOutput, SessionCommand, SessionEvent};
use crate::session::present::decoder::DecodeStats;
use crate::session::rtp::receiver::MIN_UNUSABLE_FRAMES;
use crate::session::state::Goal;
use crate::stats::{Figures, FrameTimeAreas, PacketLogRow, Snapshot};

/// Message from the session handle.
#[derive(Debug)]
pub enum DriverMessage {
    /// Command of the user.
    Command(SessionCommand),
    /// Stop the session, and report when it is closed.
    Finish(oneshot::Sender<()>),
}

/// Maximum number of frames in the published packet log.
const MAX_PACKET_LOG_ROWS: usize = 32;

/// Delay of a deadline after which the process is taken to have been stopped: its input is read before silence is
/// judged.
const RESUMED_AFTER: Duration = Duration::from_millis(500);

/// Interval at which the figures are published.
const FIGURES_INTERVAL: Duration = Duration::from_millis(250);

/// Driver of a client: the task that performs its outputs and passes inputs to it.
pub struct Driver {
    receive_buffer_size: usize,
    trusted: Arc<TrustedCertificates>,
    client: Box<dyn Client>,
    sinks: FrameSinks,
    events: mpsc::Sender<SessionEvent>,
    figures: watch::Sender<Figures>,
    /// Figures of the decoder when the session was set up.
    decode_stats_at_start: DecodeStats,
    /// True once it was reported that no frame can be decoded.
    has_reported_undecodable: bool,
    connection: Option<Connection>,
    connecting: Option<AbortOnDropHandle<ConnectResult>>,
    ports: Option<UdpPorts>,
    transport: Option<Transport>,
    /// Filter of the UDP ports that were opened last; `None` if packets arrive on the connection.
    source_filter: Option<SharedSourceFilter>,
    /// Payload type of the SDP.
    payload_type: Option<u8>,
    clock_check: ClockCheck,
    finished_sender: Option<oneshot::Sender<()>>,
}

/// Open connection, or the input for the client if it could not be opened.
type ConnectResult = Result<Connection, ClientInput>;

/// Event that the driver handles next.
enum DriverEvent {
    Message(DriverMessage),
    Input(Instant, ClientInput),
    Connected(ConnectResult),
    /// A deadline of the client has passed.
    Timeout,
    /// The figures are to be published.
    FiguresTick,
    /// The session handle was dropped.
    SessionDropped,
}

impl Driver {
    /// Creates a driver without a connection. `receive_buffer_size` is the size in bytes requested for the receive
    /// buffers of the UDP sockets, and `trusted` holds the certificates that the user trusts.
    pub fn new(
        client: Box<dyn Client>,
        receive_buffer_size: usize,
        trusted: Arc<TrustedCertificates>,
        sinks: FrameSinks,
        events: mpsc::Sender<SessionEvent>,
        figures: watch::Sender<Figures>,
    ) -> Self {
        Self {
            receive_buffer_size,
            trusted,
            client,
            sinks,
            events,
            figures,
            decode_stats_at_start: DecodeStats::default(),
            has_reported_undecodable: false,
            connection: None,
            connecting: None,
            ports: None,
            transport: None,
            source_filter: None,
            payload_type: None,
            clock_check: ClockCheck::new(clock::epoch()),
            finished_sender: None,
        }
    }

    /// Runs until the session is finished or its handle is dropped.
    pub async fn run(mut self, mut message_receiver: mpsc::Receiver<DriverMessage>) {
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
            self.check_clocks();
            self.check_resumed(deadline);
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

    /// Tells the client that a clock of this computer has jumped, if one has.
    fn check_clocks(&mut self) {
        let epoch = clock::epoch();
        if let Some(jump) = self.clock_check.check_often(epoch) {
            tracing::debug!(?jump, "a clock has jumped");
            self.client.handle_input(epoch.instant, ClientInput::ClockJumped { jump, epoch });
        }
    }

    /// Tells the client that the process was stopped, if `deadline` has passed long ago.
    fn check_resumed(&mut self, deadline: Option<Instant>) {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now.saturating_duration_since(deadline) >= RESUMED_AFTER) {
            self.client.handle_input(now, ClientInput::Resumed);
        }
    }

    /// Handles an input. The response to TEARDOWN or the end of the connection follows all packets of the server, so
    /// the packets waiting at the RTP port are handled before it.
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

    /// Handles the packets waiting at the RTP port, and stops receiving there.
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
        snapshot.packets_foreign +=
            self.source_filter.as_ref().map_or(0, |source_filter| source_filter.lock().ignored());
        let mut packet_rows: Arc<[PacketLogRow]> = Arc::default();
        if let Some(decode_stats) = self.decode_stats() {
            add_decode_stats(&mut snapshot, &decode_stats);
            let packet_log = self.client.packet_log();
            packet_rows =
                packet_log.map(|packet_log| packet_log.rows(MAX_PACKET_LOG_ROWS)).unwrap_or_default().into();
        }
        let figures = Figures { snapshot, packet_rows };
        self.figures.send_if_modified(|last| std::mem::replace(last, figures.clone()) != figures);
    }

    /// Figures of the decoder since SETUP; `None` without a screen.
    fn decode_stats(&self) -> Option<DecodeStats> {
        let screen = self.sinks.screen.as_ref()?;
        Some(screen.decoder.stats().since(self.decode_stats_at_start))
    }

    /// Reports once that no frame can be decoded: with the first frame if the decoder does not know its kind, otherwise
    /// after several, because single frames may be damaged.
    async fn check_undecodable_frames(&mut self) {
        let Some(decode_stats) = self.decode_stats() else { return };
        let kind = decode_stats.unknown_kind;
        let is_certain =
            decode_stats.decoded == 0 && (kind.is_some() || decode_stats.failed >= MIN_UNUSABLE_FRAMES);
        if is_certain && !std::mem::replace(&mut self.has_reported_undecodable, true) {
            let reason = match kind {
                Some(kind) => format!("they are {kind}"),
                None => "they are damaged or in an unsupported JPEG format".to_owned(),
            };
            self.emit(SessionEvent::Failed(SessionError::UnusableFrames { reason })).await;
        }
    }

    /// Performs the outputs of the client. Consecutive messages are written at once, because a server can send more
    /// requests in one read than the queue of writes has places. Returns true if the session is finished.
    async fn perform_outputs(&mut self) -> bool {
        let mut writes = BytesMut::new();
        loop {
            match self.client.poll_output() {
                Some(ClientOutput::Write(bytes)) => writes.extend_from_slice(&bytes),
                Some(ClientOutput::Event(event @ SessionEvent::Message(_))) => self.emit(event).await,
                // A write that fails is an input, which may have outputs.
                output if !writes.is_empty() => {
                    self.write(writes.split().freeze());
                    self.perform(output).await;
                }
                None => break,
                output => self.perform(output).await,
            }
        }
        let is_disconnected = self.connection.is_none() && self.connecting.is_none();
        if is_disconnected && let Some(done) = self.finished_sender.take() {
            // The caller may have stopped waiting.
            let _ = done.send(());
            return true;
        }
        false
    }

    /// Performs an output, except a message that is written.
    async fn perform(&mut self, output: Option<ClientOutput>) {
        match output {
            Some(ClientOutput::Connect { host, port, is_tls }) => self.connect(host, port, is_tls),
            Some(ClientOutput::Disconnect) => self.disconnect(),
            Some(ClientOutput::OpenPorts(port)) => self.open_ports(port),
            Some(ClientOutput::SetTransport(transport)) => self.set_transport(transport),
            Some(ClientOutput::SendPacket(datagram)) => self.send_packet(&datagram),
            Some(ClientOutput::Frame(frame)) => {
                // Packets on the connection can wait, while UDP packets would be lost.
                let can_wait = self.ports.is_none();
                self.sinks.send_to_taps(frame, can_wait).await;
            }
            Some(ClientOutput::Show { frame, position }) => self.sinks.show(frame, position),
            Some(ClientOutput::Event(event)) => self.emit(event).await,
            Some(ClientOutput::Write(_)) | None => {}
        }
    }

    async fn emit(&mut self, event: SessionEvent) {
        if let SessionEvent::Described(presentation) = &event {
            self.payload_type = Some(presentation.payload_type);
        }
        match (&event, &self.sinks.screen) {
            (SessionEvent::SetUp(_), Some(screen)) => {
                self.decode_stats_at_start = screen.decoder.start_session();
                self.has_reported_undecodable = false;
            }
            (SessionEvent::Ended | SessionEvent::Closed, _) => {
                self.publish_figures();
                tracing::debug!(figures = ?self.figures.borrow().snapshot, "session figures");
            }
            _ => {}
        }
        // The receiver is dropped only shortly before the session.
        let _ = self.events.send(event).await;
    }

    fn connect(&mut self, host: String, port: u16, is_tls: bool) {
        // A client that connects again has given up its connection.
        self.connection = None;
        let trusted = is_tls.then(|| self.trusted.clone());
        let connecting = tokio::spawn(Connection::open(host, port, trusted));
        self.connecting = Some(AbortOnDropHandle::new(connecting));
    }

    fn handle_connect_result(&mut self, result: ConnectResult) {
        let now = Instant::now();
        match result {
            Ok(connection) => {
                let network_path = connection.network_path();
                self.connection = Some(connection);
                self.client.handle_input(now, ClientInput::Connected(network_path));
            }
            Err(failure) => self.client.handle_input(now, failure),
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
        let source_filter = self.source_filter.insert(SharedSourceFilter::new(connection.peer()));
        let ports = UdpPorts::open(connection.local(), source_filter, port, self.receive_buffer_size);
        let opened = match ports {
            Ok(ports) => Ok(self.ports.insert(ports).port_pair()),
            Err(error) => Err(connection::error_reason(&error)),
        };
        self.client.handle_input(Instant::now(), ClientInput::Ports(opened));
    }

    fn set_transport(&mut self, transport: Transport) {
        match (transport.lower_transport, &self.source_filter) {
            (LowerTransport::Udp, Some(source_filter)) => {
                source_filter.lock().set_transport(&transport, self.payload_type);
            }
            _ => self.source_filter = None,
        }
        self.transport = Some(transport);
    }

    fn write(&mut self, bytes: Bytes) {
        let Some(connection) = &self.connection else { return };
        if !connection.write(bytes) {
            self.handle_input(Instant::now(), ClientInput::ConnectionLost(None));
        }
    }

    fn send_packet(&self, packet: &RawPacket) {
        let (Some(ports), Some(source_filter)) = (&self.ports, &self.source_filter) else { return };
        let Some(server_ports) = self.transport.as_ref().and_then(|transport| transport.server_port) else {
            return;
        };
        let destinations = source_filter.lock().destinations();
        for destination in destinations {
            if let Err(error) = ports.send(packet, destination, server_ports) {
                // Reports are sent again.
                tracing::debug!(kind = ?packet.kind, %error, "cannot send datagram");
            }
        }
    }
}

/// Adds what the decoder measured. Frames that it dropped or could not decode were not shown.
fn add_decode_stats(snapshot: &mut Snapshot, stats: &DecodeStats) {
    let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
    snapshot.frames_dropped_late += stats.dropped;
    snapshot.frames_undecodable = stats.failed;
    snapshot.frames_shown = snapshot.frames_shown.saturating_sub(stats.dropped + stats.failed);
    // The rate of the first second is extrapolated from what has been played of it.
    let unshown_rate = stats.unshown_last_second as f64 / snapshot.playing_s.clamp(0.2, 1.0);
    snapshot.frames_per_second_shown = (snapshot.frames_per_second_shown - unshown_rate).max(0.0);
    snapshot.frame_times.fresh = (snapshot.frame_times.fresh - stats.unshown_area).max(0.0);
    snapshot.fresh_area = snapshot.frame_times.fresh_area_since(FrameTimeAreas::default());
    if stats.decoded > 0 {
        snapshot.decode_ms = Some(milliseconds(stats.total_time) / stats.decoded as f64);
        snapshot.decode_max_ms = Some(milliseconds(stats.max_time));
    }
}

async fn wait_for_connection(connecting: &mut Option<AbortOnDropHandle<ConnectResult>>) -> ConnectResult {
    let Some(task) = connecting else { return std::future::pending().await };
    let cancelled = |_| Err(ClientInput::ConnectionLost(Some("the attempt was cancelled".to_owned())));
    let result = task.await.unwrap_or_else(cancelled);
    *connecting = None;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_the_screen_dropped_are_not_shown() {
        let frame_times = FrameTimeAreas { count: 100, fresh: 90.0 };
        let mut snapshot = Snapshot {
            frames_shown: 100,
            frames_dropped_late: 2,
            frames_per_second_shown: 25.0,
            frame_times,
            playing_s: 4.0,
            ..Snapshot::default()
        };
        let mut begun = Snapshot { playing_s: 0.5, frames_per_second_shown: 24.0, ..snapshot };
        let stats = DecodeStats {
            dropped: 40,
            failed: 10,
            unshown_last_second: 15,
            unshown_area: 45.0,
            ..DecodeStats::default()
        };
        add_decode_stats(&mut snapshot, &stats);
        assert_eq!((snapshot.frames_shown, snapshot.frames_dropped_late), (50, 42));
        assert_eq!((snapshot.frames_per_second_shown, snapshot.fresh_area), (10.0, Some(0.45)));
        add_decode_stats(&mut begun, &DecodeStats { unshown_last_second: 6, ..stats });
        assert_eq!(begun.frames_per_second_shown, 12.0, "6 of 12 frames in half a second");
    }
}
