//! PURE. What goes into a player of either dialect, and what comes out of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::Failure;
use super::message_log::{Message, Speaker};
use super::present::frame::ReceivedFrame;
use super::presentation::Presentation;
use super::reconnect::Interruption;
use super::state::{Goal, RtspState, Status};
use crate::proto::rtsp::{Lower, Npt, NptRange, PortPair, RtspUrl, Transport};

/// Something that has happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The user wants this.
    Goal(Goal),
    /// The user wants to go on here.
    Seek(Npt),
    /// The user wants pictures to wait this long.
    PlayoutDelay(Duration),
    /// The connection stands.
    Connected(Path),
    /// The connection could not be made, for this reason; or is gone.
    ConnectionLost(Option<String>),
    /// Octets from the connection.
    Received(Bytes),
    /// The ports are open.
    PortsOpen(PortPair),
    /// The ports are not to be had, for this reason.
    PortsFailed(String),
    /// A datagram on the RTP port.
    Rtp(Bytes),
    /// A datagram on the RTCP port.
    Rtcp(Bytes),
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
    /// Connect to the server of this URL.
    Connect(RtspUrl),
    /// Close the connection and the ports.
    Disconnect,
    /// Bind UDP ports: this one and the next, or a pair of the system's choice.
    OpenPorts(Option<u16>),
    /// The server's end of the transport.
    Route(Transport),
    /// Write this on the connection.
    Write(Bytes),
    /// Send this from the RTP port.
    Rtp(Bytes),
    /// Send this from the RTCP port.
    Rtcp(Bytes),
    /// A picture has arrived. It will be shown later, or never.
    Arrived(ReceivedFrame),
    /// Show this picture now.
    Show {
        /// The picture.
        frame: ReceivedFrame,
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
