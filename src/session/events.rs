//! PURE. What goes into a player of either dialect, and what comes out of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::SessionError;
use super::message_log::{Direction, LoggedMessage};
use super::present::frame::Frame;
use super::presentation::Presentation;
use super::reconnect::ReconnectReason;
use super::state::{Goal, RtspState, SessionStatus};
use crate::impairment::RawPacket;
use crate::proto::rtsp::{LowerTransport, Npt, NptRange, PortPair, Transport};

/// A wish of the user. The window, the backend, the driver and the client pass on the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCommand {
    /// Reach this state.
    SetGoal(Goal),
    /// Play on from here.
    Seek(Npt),
    /// Let frames wait this long before they are shown.
    SetPlayoutDelay(Duration),
}

/// Something that has happened.
#[derive(Debug, Clone)]
pub enum ClientInput {
    /// The user wants something.
    Command(SessionCommand),
    /// The connection is open.
    Connected(NetworkPath),
    /// The connection could not be opened, for this reason; or it was closed.
    ConnectionLost(Option<String>),
    /// Bytes from the connection.
    Received(Bytes),
    /// The UDP ports are open, or cannot be had for this reason.
    Ports(Result<PortPair, String>),
    /// A datagram on one of the UDP ports.
    Packet(RawPacket),
}

/// The way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkPath {
    /// The server is on this machine.
    pub is_local: bool,
    /// It is reached by IPv6.
    pub is_ipv6: bool,
}

impl NetworkPath {
    /// Bytes around each RTP packet: the headers of UDP and IP; or of an interleaved frame (RFC 2326 §10.12), as
    /// nothing is known of the segments of TCP.
    pub fn packet_overhead(self, lower_transport: LowerTransport) -> usize {
        match (lower_transport, self.is_ipv6) {
            (LowerTransport::Udp, false) => 8 + 20,
            (LowerTransport::Udp, true) => 8 + 40,
            (LowerTransport::Tcp, _) => 4,
        }
    }
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientOutput {
    /// Connect to a server.
    Connect {
        /// Its host, an IPv6 address without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// Close the connection and the ports.
    Disconnect,
    /// Bind UDP ports: this one and the next, or a pair of the system's choice.
    OpenPorts(Option<u16>),
    /// The server's end of the transport.
    SetTransport(Transport),
    /// Write this on the connection.
    Write(Bytes),
    /// Send this from one of the UDP ports.
    SendPacket(RawPacket),
    /// A frame has arrived, for the taps. It is shown later, or never.
    Frame(Frame),
    /// Show this frame now.
    Show {
        /// The frame.
        frame: Frame,
        /// Its position in the film, if that is known.
        position: Option<Npt>,
    },
    /// Tell the user.
    Event(SessionEvent),
}

/// Something that the user is told.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// State, goal or request have changed.
    Status(SessionStatus),
    /// A request or a reply was written, or has arrived.
    Message(LoggedMessage),
    /// The stream is known.
    Described(Presentation),
    /// SETUP has succeeded; packets come this way.
    SetUp(LowerTransport),
    /// PLAY has succeeded.
    Started(NptRange),
    /// No data comes, or it comes again.
    Waiting(bool),
    /// The film is at its end, whichever of its pictures was the last to arrive.
    EndReached(Npt),
    /// The film is over, and its last picture is on the screen.
    Ended,
    /// Something went wrong.
    Failed(SessionError),
    /// There is no session for the moment; the player sets one up again by itself.
    Reconnecting(ReconnectReason),
    /// There is no session any more.
    Closed,
}

/// What is to be done, in the order in which it became known.
#[derive(Debug, Default)]
pub struct OutputQueue {
    queue: VecDeque<ClientOutput>,
    /// The status that the user knows.
    last_status: Option<SessionStatus>,
}

impl OutputQueue {
    /// Something is to be done.
    pub fn push(&mut self, output: ClientOutput) {
        self.queue.push_back(output);
    }

    /// The user is to be told.
    pub fn emit(&mut self, event: SessionEvent) {
        self.push(ClientOutput::Event(event));
    }

    /// The user is told what was said, and in which state.
    pub fn emit_message(&mut self, now: Instant, direction: Direction, bytes: &[u8], state: RtspState) {
        self.emit(SessionEvent::Message(LoggedMessage::new(now, direction, bytes, state)));
    }

    /// The user is told, if it is news.
    pub fn emit_status(&mut self, status: SessionStatus) {
        if self.last_status.as_ref() != Some(&status) {
            self.last_status = Some(status.clone());
            self.emit(SessionEvent::Status(status));
        }
    }

    /// The next thing to do.
    pub fn pop(&mut self) -> Option<ClientOutput> {
        self.queue.pop_front()
    }
}
