//! PURE. What goes into a player of either dialect, and what comes out of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::Failure;
use super::message_log::{Message, Speaker};
use super::present::frame::Frame;
use super::presentation::Presentation;
use super::reconnect::Interruption;
use super::state::{Goal, RtspState, Status};
use crate::impairment::Datagram;
use crate::proto::rtsp::{Lower, Npt, NptRange, PortPair, Transport};

/// A wish of the user. The window, the backend, the driver and the client pass on the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Reach this state.
    SetGoal(Goal),
    /// Play on from here.
    Seek(Npt),
    /// Let frames wait this long before they are shown.
    SetPlayoutDelay(Duration),
}

/// Something that has happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The user wants something.
    Command(Command),
    /// The connection is open.
    Connected(Path),
    /// The connection could not be opened, for this reason; or it was closed.
    ConnectionLost(Option<String>),
    /// Bytes from the connection.
    Received(Bytes),
    /// The UDP ports are open, or cannot be had for this reason.
    Ports(Result<PortPair, String>),
    /// A datagram on one of the UDP ports.
    Datagram(Datagram),
}

/// The way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Path {
    /// The server is on this machine.
    pub is_local: bool,
    /// It is reached by IPv6.
    pub is_ipv6: bool,
}

impl Path {
    /// Octets around each RTP packet: the headers of UDP and IP; or of an interleaved frame (RFC 2326 §10.12), as
    /// nothing is known of the segments of TCP.
    pub fn headers(self, lower: Lower) -> usize {
        match (lower, self.is_ipv6) {
            (Lower::Udp, false) => 8 + 20,
            (Lower::Udp, true) => 8 + 40,
            (Lower::Tcp, _) => 4,
        }
    }
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
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
    Route(Transport),
    /// Write this on the connection.
    Write(Bytes),
    /// Send this from one of the UDP ports.
    Send(Datagram),
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
    Event(Event),
}

/// Something that the user is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// State, goal or request have changed.
    Status(Status),
    /// A request or a reply was written, or has arrived.
    Said(Message),
    /// The stream is known.
    Described(Presentation),
    /// SETUP has succeeded; packets come this way.
    SetUp(Lower),
    /// PLAY has succeeded.
    Started(NptRange),
    /// No data comes, or it comes again.
    Waiting(bool),
    /// The film is at its end, whichever of its pictures was the last to arrive.
    Reached(Npt),
    /// The film is over, and its last picture is on the screen.
    Ended,
    /// Something went wrong.
    Failed(Failure),
    /// There is no session for the moment; the player sets one up again by itself.
    Interrupted(Interruption),
    /// There is no session any more.
    Closed,
}

/// What is to be done, in the order in which it became known.
#[derive(Debug, Default)]
pub struct Outputs {
    waiting: VecDeque<Output>,
    /// The status that the user knows.
    told: Option<Status>,
}

impl Outputs {
    /// Something is to be done.
    pub fn push(&mut self, output: Output) {
        self.waiting.push_back(output);
    }

    /// The user is to be told.
    pub fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    /// The user is told what was said, and in which state.
    pub fn tell_message(&mut self, now: Instant, speaker: Speaker, octets: &[u8], state: RtspState) {
        self.tell(Event::Said(Message::new(now, speaker, octets, state)));
    }

    /// The user is told, if it is news.
    pub fn tell_status(&mut self, status: Status) {
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            self.tell(Event::Status(status));
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.waiting.pop_front()
    }
}
