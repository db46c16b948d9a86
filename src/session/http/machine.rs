//! State machine of a client over HTTP: a goal, the state of the connection, and the request that is next. Sans-I/O.

mod responses;

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::HttpError;
use crate::about::PRODUCT;
use crate::net::clock_check::ClockJump;
use crate::proto::http::{HttpUrl, ResponseHead};
use crate::proto::rtsp::{Method, PortPair};
use crate::session::authorization::Authorization;
use crate::session::backoff::Backoff;
use crate::session::error::SessionError;
use crate::session::machine::{Machine, MachineCore};
use crate::session::options::StreamOptions;
use crate::session::presentation::Presentation;
use crate::session::reconnect::ReconnectReason;
use crate::session::state::{Goal, RtspState, SessionStatus};

/// Action of HTTP alone.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpAction {
    /// Write the request for another snapshot, which is not reported as a message.
    Poll(Bytes),
    /// The first response has arrived and describes the stream, as far as HTTP does: frames are received from now on.
    SetUp(Box<Presentation>),
    /// Frames are shown from now on.
    Started {
        /// Time at which the request was sent.
        requested_at: Instant,
    },
    /// The connection was closed because the user paused the stream, or because its first frame has arrived.
    Paused,
    /// The body has ended, and with it the stream.
    Ended,
    /// The session is closed for now and another one follows.
    Reconnecting(ReconnectReason),
}

/// Use of the body that follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyUse {
    /// The body contains frames.
    Frames,
    /// The body is of no interest; the next request follows it.
    Discard,
    /// The head was provisional (1xx): another one follows, without a body.
    None,
    /// The connection is being closed.
    Close,
}

/// State machine of a client over HTTP.
#[derive(Debug)]
pub struct HttpMachine {
    core: MachineCore<HttpAction>,
    /// URL that the user gave.
    original_url: HttpUrl,
    /// URL of the next request, after redirects.
    url: HttpUrl,
    options: StreamOptions,
    state: RtspState,
    link: Link,
    /// True once [`HttpAction::SetUp`] was queued for this session.
    is_set_up: bool,
    /// True if each response has one frame, so that requests are repeated.
    is_polled: bool,
    /// Number of frames in the current response.
    frames_in_response: u32,
    /// True if a second frame in the current response shows that it is a film.
    may_be_film: bool,
    /// True if the body has ended, and its last frame is still to be shown.
    is_ending: bool,
    /// Time of the last request.
    last_request: Option<Instant>,
    /// Number of requests on this connection.
    requests_on_connection: u32,
    /// True if the connection stays open after the current response.
    keeps_connection: bool,
    authorization: Authorization,
    /// Number of times that the request was sent with an Authorization header, each with a new nonce.
    auth_attempts: u32,
    /// True if the last challenge has not been answered successfully yet. A server that refuses an older one may only
    /// want another nonce, which not every server says.
    has_new_challenge: bool,
    backoff: Backoff,
    /// Number of redirects since the last frame.
    redirects: u32,
}

/// State of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Closed,
    /// The server was lost or busy; the next attempt is at `until`.
    WaitingToReconnect {
        until: Instant,
    },
    Connecting {
        deadline: Instant,
    },
    /// The connection is open, and no response is expected.
    Idle,
    AwaitingResponse {
        deadline: Instant,
    },
    /// A body of no interest is being received; the next request follows it.
    Discarding {
        deadline: Instant,
    },
    /// A body is being received, whose first frame is due at `deadline` unless the stream plays.
    Receiving {
        deadline: Instant,
    },
}

/// Maximum wait for a server that is busy.
const MAX_BUSY_WAIT: Duration = Duration::from_secs(60);

impl HttpMachine {
    /// Creates a machine without a connection.
    pub fn new(url: HttpUrl, options: StreamOptions) -> Self {
        Self {
            core: MachineCore::default(),
            authorization: Authorization::new(url.credentials()),
            original_url: url.clone(),
            url,
            options,
            state: RtspState::Init,
            link: Link::Closed,
            is_set_up: false,
            is_polled: false,
            frames_in_response: 0,
            may_be_film: false,
            is_ending: false,
            last_request: None,
            requests_on_connection: 0,
            keeps_connection: false,
            auth_attempts: 0,
            has_new_challenge: false,
            backoff: Backoff::default(),
            redirects: 0,
        }
    }

    /// Returns true if each response has one frame, so that requests are repeated.
    pub fn is_polled(&self) -> bool {
        self.is_polled
    }

    /// Interval between the requests for snapshots.
    pub fn snapshot_interval(&self) -> Duration {
        self.options.http.snapshot_interval
    }

    /// Host and port of the server.
    pub fn host_and_port(&self) -> String {
        self.url.host_and_port()
    }

    /// Counts a frame of the current response, which may still have to pass the emulated network. The second one shows
    /// that the response is a film.
    pub fn count_frame(&mut self) {
        self.frames_in_response = self.frames_in_response.saturating_add(1);
        if self.may_be_film && self.frames_in_response == 2 {
            self.fail(SessionError::Http(HttpError::Film));
        }
    }

    /// Handles a complete frame. If the stream is only to be set up, the connection is closed.
    pub fn handle_frame(&mut self) {
        (self.redirects, self.backoff) = (0, Backoff::default());
        if self.core.goal == Goal::Ready && self.state == RtspState::Init {
            self.pause();
        }
    }

    /// Handles the end of a body. `is_clean` is false if it may have been cut by the end of the connection.
    pub fn handle_body_end(&mut self, now: Instant, is_clean: bool) {
        let was_discarded = matches!(self.link, Link::Discarding { .. });
        if !was_discarded && !matches!(self.link, Link::Receiving { .. }) {
            return;
        }
        self.link = Link::Idle;
        // A body that is not clean ended with the connection.
        if !self.keeps_connection || !is_clean {
            self.disconnect();
        }
        match (self.state, self.is_polled) {
            _ if was_discarded => self.advance(now),
            (RtspState::Playing, false) if !is_clean && self.options.reconnects => {
                let server = self.host_and_port();
                self.reconnect_or_fail(now, SessionError::ConnectionLost { server });
            }
            (RtspState::Playing, false) => {
                self.disconnect();
                self.is_ending = true;
                self.core.push(HttpAction::Ended);
            }
            (RtspState::Init, _) => self.fail(SessionError::Http(HttpError::NoFrame)),
            _ => self.advance(now),
        }
    }

    /// Handles the end of the stream: its last frame stays on the screen.
    pub fn handle_stream_end(&mut self, now: Instant) {
        self.is_ending = false;
        self.disconnect();
        if self.state == RtspState::Playing {
            self.state = RtspState::Ready;
        }
        if self.core.goal == Goal::Playing {
            self.core.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// Handles a connection that could not be opened, for the given reason, or was closed before the end of a body.
    pub fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        let server = self.host_and_port();
        match self.link {
            Link::Closed | Link::WaitingToReconnect { .. } => {}
            Link::Connecting { .. } => {
                self.reconnect_or_fail(now, SessionError::unreachable(server, reason));
            }
            // A server may close an idle connection at any time, also when a request is on its way to it.
            Link::Idle | Link::Discarding { .. } => {
                self.disconnect();
                self.advance(now);
            }
            Link::AwaitingResponse { .. } if self.requests_on_connection > 1 => {
                self.disconnect();
                self.last_request = None;
                self.advance(now);
            }
            Link::AwaitingResponse { .. } | Link::Receiving { .. } => {
                self.reconnect_or_fail(now, SessionError::ConnectionLost { server })
            }
        }
    }

    /// Handles a stream from which nothing has arrived for so long that the connection is taken to be broken.
    pub fn handle_stall(&mut self, now: Instant) {
        if self.options.reconnects && matches!(self.link, Link::Receiving { .. }) {
            let server = self.host_and_port();
            self.reconnect_or_fail(now, SessionError::ConnectionLost { server });
        }
    }

    /// Handles a response that cannot be read.
    pub fn handle_unreadable(&mut self, error: HttpError) {
        if !matches!(self.link, Link::Closed | Link::WaitingToReconnect { .. }) {
            self.fail(SessionError::Http(error));
        }
    }

    /// Returns the time at which [`HttpMachine::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.link {
            Link::Connecting { deadline }
            | Link::AwaitingResponse { deadline }
            | Link::Discarding { deadline } => Some(deadline),
            Link::Receiving { deadline } if self.state != RtspState::Playing => Some(deadline),
            Link::WaitingToReconnect { until } => Some(until),
            Link::Idle | Link::Closed => self.next_poll(),
            Link::Receiving { .. } => None,
        }
    }

    /// Checks the deadlines.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        let server = self.host_and_port();
        match self.link {
            Link::Connecting { .. } => self.reconnect_or_fail(now, SessionError::unreachable(server, None)),
            Link::AwaitingResponse { .. } | Link::Discarding { .. } => {
                self.reconnect_or_fail(now, SessionError::Http(HttpError::TimedOut { server }));
            }
            Link::Receiving { .. } => self.reconnect_or_fail(now, SessionError::Http(HttpError::NoFrame)),
            Link::WaitingToReconnect { .. } => {
                self.link = Link::Closed;
                self.advance(now);
            }
            Link::Idle | Link::Closed => self.advance(now),
        }
    }

    /// Returns the time of the next request for a snapshot; `None` unless snapshots are being polled.
    fn next_poll(&self) -> Option<Instant> {
        let is_polling = self.is_polled && self.state == RtspState::Playing;
        self.last_request.filter(|_| is_polling)?.checked_add(self.options.http.snapshot_interval)
    }

    fn is_request_due(&self, now: Instant) -> bool {
        self.next_poll().is_none_or(|at| now >= at)
    }

    /// Closes the connection and keeps the stream set up.
    fn pause(&mut self) {
        self.disconnect();
        self.state = RtspState::Ready;
        self.core.push(HttpAction::Paused);
    }

    fn start_playing(&mut self, now: Instant) {
        self.state = RtspState::Playing;
        self.core.push(HttpAction::Started { requested_at: self.last_request.unwrap_or(now) });
    }

    /// Closes the connection.
    fn disconnect(&mut self) {
        self.core.disconnect();
        self.link = Link::Closed;
        self.requests_on_connection = 0;
    }

    fn connect(&mut self, now: Instant) {
        self.link = Link::Connecting { deadline: now + self.options.response_timeout };
        self.core.connect(self.url.host(), self.url.port(), self.url.is_tls());
    }

    fn send_get(&mut self, now: Instant) {
        let target = self.url.request_target();
        let mut request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {PRODUCT}\r\nAccept: multipart/x-mixed-replace, image/jpeg, \
             */*;q=0.1\r\nAccept-Encoding: identity\r\n",
            self.url.host_header()
        );
        if let Some(authorization) = self.authorization.value("GET", &target) {
            request += &format!("Authorization: {authorization}\r\n");
            self.auth_attempts += 1;
        }
        request += "\r\n";
        let is_poll = self.next_poll().is_some() && self.auth_attempts <= 1;
        self.link = Link::AwaitingResponse { deadline: now + self.options.response_timeout };
        self.last_request = Some(now);
        self.requests_on_connection = self.requests_on_connection.saturating_add(1);
        match is_poll {
            true => self.core.push(HttpAction::Poll(request.into())),
            false => self.core.send_request(Method::Extension("GET".to_owned()), request.into()),
        }
    }

    /// Handles a lost or busy server: connects again after a wait, if frames have arrived, the user still wants them
    /// and the options allow it.
    fn reconnect_or_fail(&mut self, now: Instant, error: SessionError) {
        let is_known = self.state != RtspState::Init || self.backoff.is_active();
        match is_known && self.options.reconnects && self.core.goal != Goal::Stopped {
            true => self.reconnect(now, None),
            false => self.fail(error),
        }
    }

    /// Connects again after a wait: that of the server if it is busy, else one that grows with each attempt.
    fn reconnect(&mut self, now: Instant, busy_wait: Option<Duration>) {
        let (attempt, backoff) = self.backoff.next_attempt();
        let server = self.host_and_port();
        let reason = match busy_wait.map(|wait| wait.min(MAX_BUSY_WAIT)) {
            Some(wait) => ReconnectReason::ServerBusy { server, attempt, wait },
            None => ReconnectReason::ServerLost { server, attempt, wait: backoff },
        };
        let wait = reason.wait().unwrap_or_default();
        self.reset();
        self.link = Link::WaitingToReconnect { until: now + wait };
        self.core.push(HttpAction::Reconnecting(reason));
    }

    /// Forgets the session, but not the goal.
    fn reset(&mut self) {
        self.disconnect();
        self.state = RtspState::Init;
        (self.is_set_up, self.is_polled, self.is_ending, self.auth_attempts) = (false, false, false, 0);
        self.last_request = None;
        if self.url != self.original_url {
            self.url = self.original_url.clone();
            self.authorization = Authorization::new(self.url.credentials());
        }
    }

    /// Describes the stream, as far as HTTP does.
    fn presentation(&self, head: &ResponseHead) -> Presentation {
        Presentation::live(self.url.display_name(), head.get("Server"))
    }
}

impl Machine for HttpMachine {
    type Action = HttpAction;

    fn core(&self) -> &MachineCore<HttpAction> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut MachineCore<HttpAction> {
        &mut self.core
    }

    fn handle_goal_change(&mut self) {
        // A click during the wait connects at once.
        if let Link::WaitingToReconnect { .. } = self.link {
            self.link = Link::Closed;
        }
    }

    fn status(&self) -> SessionStatus {
        let is_first = self.state != RtspState::Playing;
        let in_flight = matches!(self.link, Link::AwaitingResponse { .. }) && is_first;
        let is_waiting = match self.link {
            Link::WaitingToReconnect { .. } => true,
            Link::Connecting { .. } | Link::Discarding { .. } | Link::Receiving { .. } => is_first,
            Link::Closed | Link::Idle | Link::AwaitingResponse { .. } => false,
        };
        self.core.status(self.state, in_flight.then(|| Method::Extension("GET".to_owned())), is_waiting)
    }

    fn advance(&mut self, now: Instant) {
        match (self.core.goal, self.state, self.link) {
            (Goal::Stopped, ..) => self.close(),
            (Goal::Ready, RtspState::Ready, Link::Closed) => {}
            (Goal::Ready, RtspState::Ready, _) => self.disconnect(),
            (Goal::Ready, RtspState::Playing, _) => self.pause(),
            (Goal::Playing, RtspState::Init | RtspState::Ready, Link::Receiving { .. }) => {
                self.start_playing(now)
            }
            _ if self.is_ending || !self.is_request_due(now) => {}
            (_, _, Link::Closed) => self.connect(now),
            (_, _, Link::Idle) => self.send_get(now),
            _ => {}
        }
    }

    fn close(&mut self) {
        if self.link != Link::Closed || self.state != RtspState::Init {
            self.reset();
            self.core.report_closed();
        }
        self.core.goal = Goal::Stopped;
        self.backoff = Backoff::default();
        self.redirects = 0;
    }

    fn handle_connected(&mut self, now: Instant) {
        if let Link::Connecting { .. } = self.link {
            self.link = Link::Idle;
            self.advance(now);
        }
    }

    /// Does nothing: HTTP needs no UDP ports.
    fn handle_ports_opened(&mut self, _now: Instant, _ports: PortPair) {}

    /// Does nothing: HTTP needs no UDP ports.
    fn handle_ports_failed(&mut self, _reason: String) {}

    /// Requests the stream of a playing session again: after a suspension, the connection may be broken without a sign.
    fn handle_clock_jump(&mut self, now: Instant, jump: ClockJump) -> bool {
        let is_playing = (self.state, self.core.goal) == (RtspState::Playing, Goal::Playing);
        if !is_playing || !self.options.reconnects || self.is_ending {
            return false;
        }
        let server = self.host_and_port();
        self.reset();
        // An attempt that fails, because the network is not back yet, is followed by others.
        self.backoff.next_attempt();
        self.core.push(HttpAction::Reconnecting(ReconnectReason::ClockJumped { server, jump }));
        self.advance(now);
        true
    }

    fn deadline_mut(&mut self) -> Option<&mut Instant> {
        match &mut self.link {
            Link::Connecting { deadline } | Link::AwaitingResponse { deadline } => Some(deadline),
            _ => None,
        }
    }
}
