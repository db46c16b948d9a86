//! Inputs, outputs and events of a client. Sans-I/O.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::certificate::UntrustedCertificate;
use super::classroom::PortSpelling;
use super::error::SessionError;
use super::frame::Frame;
use super::logged_message::{Direction, LoggedMessage};
use super::options::PlayoutDelay;
use super::peer_mistakes::PeerMistake;
use super::playback_speed::SpeedResponse;
use super::presentation::Presentation;
use super::reconnect::ReconnectReason;
use super::state::{Goal, RtspState, SessionStatus};
use crate::impairment::RawPacket;
use crate::net::certificate_check::UnusableCertificate;
use crate::net::clock_check::ClockJump;
use crate::proto::rtcp::Epoch;
use crate::proto::rtsp::{Factor, LowerTransport, Npt, NptRange, PortPair, Transport};

/// Command of the user. The window, the backend, the driver and the client pass on the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCommand {
    /// Reach this state; the last goal replaces those before.
    SetGoal(Goal),
    /// Continue at this position. Ignored for live streams and classroom servers.
    Seek(Npt),
    /// Play at this speed, now and after reconnecting. Ignored for live streams, classroom servers and HTTP.
    SetSpeed(Factor),
    /// Set the playout delay for frames that arrive from now on.
    SetPlayoutDelay(PlayoutDelay),
    /// Show damaged frames that arrive from now on as far as they can be decoded, or not at all.
    SetShowsDamaged(bool),
}

/// Reason why a connection could not be encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    /// The certificate of the server is not trusted.
    Untrusted(Box<UntrustedCertificate>),
    /// The TLS library cannot use the certificate, even if it is trusted.
    Unusable {
        /// Host and port of the server.
        server: String,
        /// Property of the certificate that makes it unusable.
        reason: UnusableCertificate,
    },
    /// The server does not speak TLS.
    NotTls {
        /// Host and port of the server.
        server: String,
    },
}

/// Input of a client.
#[derive(Debug, Clone)]
pub enum ClientInput {
    /// Command of the user.
    Command(SessionCommand),
    /// The connection that [`ClientOutput::Connect`] asked for is open.
    Connected(NetworkPath),
    /// The connection could not be opened, for this reason of the operating system, or was closed.
    ConnectionLost(Option<String>),
    /// The connection could not be encrypted, and was closed before anything else was sent.
    TlsFailed(TlsProblem),
    /// Bytes received on the connection.
    Received(Bytes),
    /// The UDP ports that [`ClientOutput::OpenPorts`] asked for are open, or the reason why not.
    Ports(Result<PortPair, String>),
    /// Datagram received on one of the UDP ports.
    Packet(RawPacket),
    /// The process did not run for a while, so that data may be waiting to be read: silence counts from now on.
    Resumed,
    /// A clock of this computer has jumped, mostly because it was suspended. The server may have ended the session
    /// meanwhile, and times on the wall clock count from this new reading.
    ClockJumped {
        /// Direction and length of the jump.
        jump: ClockJump,
        /// Reading of both clocks after the jump.
        epoch: Epoch,
    },
}

/// Network path to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkPath {
    /// True if the server is on this machine.
    pub is_local: bool,
    /// True if it is reached by IPv6.
    pub is_ipv6: bool,
}

impl NetworkPath {
    /// Returns the number of header bytes around each RTP packet: UDP and IP, or the interleaved header of RFC 2326
    /// §10.12. TCP segments are not visible to the client, so their headers are not counted.
    pub fn packet_overhead(self, lower_transport: LowerTransport) -> usize {
        match (lower_transport, self.is_ipv6) {
            (LowerTransport::Udp, false) => 8 + 20,
            (LowerTransport::Udp, true) => 8 + 40,
            (LowerTransport::Tcp, _) => 4,
        }
    }
}

/// Output of a client, for its driver to perform.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientOutput {
    /// Connect to a server, and report the result as an input.
    Connect {
        /// Host name or address; an IPv6 address without brackets.
        host: String,
        /// TCP port of the server.
        port: u16,
        /// True if the connection is to be encrypted (TLS), with a certificate for this host.
        is_tls: bool,
    },
    /// Close the connection and the UDP ports.
    Disconnect,
    /// Bind UDP ports: this one and the next, or a pair that the system chooses. Report the result as an input.
    OpenPorts(Option<u16>),
    /// Send datagrams to the server ports of this transport from now on.
    SetTransport(Transport),
    /// Write these bytes on the connection.
    Write(Bytes),
    /// Send this datagram from the UDP port of its kind.
    SendPacket(RawPacket),
    /// Pass a complete frame to the taps. It is shown later, or dropped.
    Frame(Frame),
    /// Show a frame now.
    Show {
        /// Frame that can be decoded: complete, or repaired.
        frame: Frame,
        /// Position in the film, if known.
        position: Option<Npt>,
    },
    /// Report an event to the user.
    Event(SessionEvent),
}

/// Event of a session, for the user.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// State, goal or the request in flight has changed.
    Status(SessionStatus),
    /// A request or response was sent or received.
    Message(LoggedMessage),
    /// The server made a mistake that was tolerated, for the first time or again: the count of its kind has grown.
    PeerMistake(PeerMistake),
    /// The stream was described.
    Described(Presentation),
    /// SETUP succeeded; packets arrive over this transport.
    SetUp(LowerTransport),
    /// PLAY succeeded; this range is played.
    Started(NptRange),
    /// PLAY has requested a speed, and the server has responded.
    SpeedSet(SpeedResponse),
    /// Data is missing (true), or arrives again (false).
    Waiting(bool),
    /// The stream was played to its end, which is at this position.
    EndReached(Npt),
    /// The stream has ended, and its last frame is on the screen.
    Ended,
    /// The session failed or cannot show frames; see [`SessionError::is_transient`].
    Failed(SessionError),
    /// The session was closed, and the client sets it up again by itself.
    Reconnecting(ReconnectReason),
    /// A classroom server reads another spelling of the RTP port than the one in the options; to be remembered.
    PortSpelling(PortSpelling),
    /// The session is closed.
    Closed,
}

/// Queue of outputs, oldest first.
#[derive(Debug, Default)]
pub struct OutputQueue {
    queue: VecDeque<ClientOutput>,
    /// Status that was reported last.
    last_status: Option<SessionStatus>,
}

impl OutputQueue {
    /// Appends an output for the driver.
    pub fn push(&mut self, output: ClientOutput) {
        self.queue.push_back(output);
    }

    /// Appends an event as an output.
    pub fn emit(&mut self, event: SessionEvent) {
        self.push(ClientOutput::Event(event));
    }

    /// Appends a message that was sent or received, with the state of the session after it.
    pub fn emit_message(&mut self, now: Instant, direction: Direction, bytes: &[u8], state: RtspState) {
        self.emit(SessionEvent::Message(LoggedMessage::new(now, direction, bytes, state)));
    }

    /// Appends the status, if it has changed.
    pub fn emit_status(&mut self, status: SessionStatus) {
        if self.last_status.as_ref() != Some(&status) {
            self.last_status = Some(status.clone());
            self.emit(SessionEvent::Status(status));
        }
    }

    /// Removes and returns the first output.
    pub fn pop(&mut self) -> Option<ClientOutput> {
        self.queue.pop_front()
    }
}
