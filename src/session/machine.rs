//! Goal, pending actions and closing of a session: what the state machines of all protocols have in common. Sans-I/O.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::error::SessionError;
use super::state::{Goal, RtspState, SessionStatus};
use crate::net::clock_check::ClockJump;
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::{Method, PortPair};

/// Action that a state machine asks its client for. `P` holds the actions of one protocol alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Action<P> {
    /// Connect to a server. The client reports the result with [`Machine::handle_connected`], or as a lost connection.
    Connect {
        /// Host name or address; an IPv6 address without brackets.
        host: String,
        /// TCP port of the server.
        port: u16,
        /// True if the connection is to be encrypted.
        is_tls: bool,
    },
    /// Close the connection and the UDP ports.
    Disconnect,
    /// Bind UDP ports: this one and the next, or a pair that the system chooses. The client passes on the result with
    /// [`Machine::handle_ports_opened`] or [`Machine::handle_ports_failed`].
    OpenPorts(Option<u16>),
    /// Write an encoded request.
    SendRequest {
        /// Method of the request.
        method: Method,
        /// Request as it is written on the connection.
        bytes: Bytes,
    },
    /// The session is closed; report it.
    Closed,
    /// Report an error to the user.
    Failed(SessionError),
    /// Count a mistake of the server, which was found at this place.
    CountMistake(Mistake, String),
    /// Perform an action of this protocol.
    Protocol(P),
}

/// Part of a state machine that does not depend on the protocol.
#[derive(Debug)]
pub struct MachineCore<P> {
    /// State that the user wants. Set directly where the machine changes it; [`Machine::set_goal`] also counts it.
    pub goal: Goal,
    goal_revision: u64,
    next_cseq: u32,
    actions: VecDeque<Action<P>>,
}

impl<P> Default for MachineCore<P> {
    fn default() -> Self {
        Self { goal: Goal::Stopped, goal_revision: 0, next_cseq: 1, actions: VecDeque::new() }
    }
}

impl<P> MachineCore<P> {
    /// Queues an action of this protocol.
    pub fn push(&mut self, action: P) {
        self.actions.push_back(Action::Protocol(action));
    }

    /// Queues opening a connection, which is encrypted if `is_tls` is true.
    pub fn connect(&mut self, host: &str, port: u16, is_tls: bool) {
        self.actions.push_back(Action::Connect { host: host.to_owned(), port, is_tls });
    }

    /// Queues closing the connection; CSeq starts at 1 on the next one.
    pub fn disconnect(&mut self) {
        self.actions.push_back(Action::Disconnect);
        self.next_cseq = 1;
    }

    /// Queues binding UDP ports: this one and the next, or a pair that the system chooses.
    pub fn open_ports(&mut self, port: Option<u16>) {
        self.actions.push_back(Action::OpenPorts(port));
    }

    /// Queues writing a request.
    pub fn send_request(&mut self, method: Method, bytes: Bytes) {
        self.actions.push_back(Action::SendRequest { method, bytes });
    }

    /// Queues reporting that the session is closed.
    pub fn report_closed(&mut self) {
        self.actions.push_back(Action::Closed);
    }

    /// Queues reporting an error.
    pub fn report_error(&mut self, error: SessionError) {
        self.actions.push_back(Action::Failed(error));
    }

    /// Queues counting a mistake of the server, which was found at `place`.
    pub fn count_mistake(&mut self, mistake: Mistake, place: impl Into<String>) {
        self.actions.push_back(Action::CountMistake(mistake, place.into()));
    }

    /// Returns the CSeq of the next request, counted from 1 on each connection.
    pub fn take_cseq(&mut self) -> u32 {
        let cseq = self.next_cseq;
        self.next_cseq += 1;
        cseq
    }

    /// Builds the status. `is_waiting` is true while a connection or the UDP ports are being opened, or a reconnect is
    /// pending.
    pub fn status(&self, state: RtspState, in_flight: Option<Method>, is_waiting: bool) -> SessionStatus {
        SessionStatus {
            state,
            goal: self.goal,
            is_busy: in_flight.is_some() || is_waiting,
            in_flight,
            goal_revision: self.goal_revision,
        }
    }
}

/// State machine of a protocol: a goal, the stage that the session has reached, and at most one request in flight.
///
/// A click only changes the goal. The next request is derived from goal and stage when nothing is in flight, so the
/// last click decides and no request is sent twice. After each call the client drains [`Machine::poll_action`].
pub trait Machine: fmt::Debug + Send {
    /// Actions of this protocol alone.
    type Action;

    /// Returns the part that all machines share.
    fn core(&self) -> &MachineCore<Self::Action>;

    /// Returns the part that all machines share.
    fn core_mut(&mut self) -> &mut MachineCore<Self::Action>;

    /// Returns state, goal and the request in flight.
    fn status(&self) -> SessionStatus;

    /// Takes the next step from the stage towards the goal, unless a request is in flight.
    fn advance(&mut self, now: Instant);

    /// Closes the session and sets the goal to [`Goal::Stopped`].
    fn close(&mut self);

    /// Handles the opened connection.
    fn handle_connected(&mut self, now: Instant);

    /// Handles the opened UDP ports.
    fn handle_ports_opened(&mut self, now: Instant, ports: PortPair);

    /// Handles UDP ports that could not be opened, with the reason of the operating system.
    fn handle_ports_failed(&mut self, reason: String);

    /// Returns the next action; to be called until it returns `None`.
    fn poll_action(&mut self) -> Option<Action<Self::Action>> {
        self.core_mut().actions.pop_front()
    }

    /// Sets the goal that the user has chosen and counts it in [`SessionStatus::goal_revision`].
    fn set_goal(&mut self, now: Instant, goal: Goal) {
        let core = self.core_mut();
        core.goal = goal;
        core.goal_revision += 1;
        self.handle_goal_change();
        self.advance(now);
    }

    /// Returns the deadline of the connection attempt or of the response that is awaited, if there is one.
    fn deadline_mut(&mut self) -> Option<&mut Instant>;

    /// Sets an established session up again because a clock of this computer has jumped. Returns false if that is not
    /// possible.
    fn handle_clock_jump(&mut self, _now: Instant, _jump: ClockJump) -> bool {
        false
    }

    /// Drops what the new goal of the user makes obsolete.
    fn handle_goal_change(&mut self) {}

    /// Reports an error and closes the session. The error precedes [`Action::Closed`], for callers that stop reading at
    /// the latter.
    fn fail(&mut self, error: SessionError) {
        self.core_mut().report_error(error);
        self.close();
    }

    /// Closes the session after TEARDOWN and keeps the goal: the user may have pressed Play since.
    fn close_keeping_goal(&mut self) {
        let goal = self.core().goal;
        self.close();
        self.core_mut().goal = goal;
    }
}
