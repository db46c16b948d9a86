//! State machine of an RTSP client: a goal, a stage, and the request that leads from one to the other. Sans-I/O.

mod requests;
mod responses;
mod server_requests;
mod speed;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::play_response::PlayResponse;
use super::speed_control::SpeedControl;
use crate::net::clock_check::ClockJump;
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::{
    Factor, FramingError, IncompleteMessage, Npt, NptRange, PortPair, Response, RtspUrl, SessionHeader,
    Transport,
};
use crate::session::authorization::Authorization;
use crate::session::backoff::Backoff;
use crate::session::error::SessionError;
use crate::session::machine::{Machine, MachineCore};
use crate::session::options::{StreamOptions, TransportPreference};
use crate::session::playback_speed::SpeedResponse;
use crate::session::presentation::Presentation;
use crate::session::reconnect::ReconnectReason;
use crate::session::state::{Goal, RtspState, SessionStatus};

/// Action of RTSP alone.
#[derive(Debug, Clone, PartialEq)]
pub enum RtspAction {
    /// Write this response to a request of the server.
    SendResponse(Response),
    /// DESCRIBE succeeded; the presentation has a JPEG stream.
    Described(Presentation),
    /// SETUP succeeded; packets arrive over this transport.
    SetUp(Transport),
    /// The server has responded to the speed that PLAY requested.
    SpeedSet(SpeedResponse),
    /// PLAY succeeded; packets of this range follow.
    Started(PlayResponse),
    /// PAUSE succeeded; no more packets are sent.
    Paused {
        /// True if the stream is paused only to continue at another position.
        is_seeking: bool,
    },
    /// The session is closed for now and another one follows. The client passes on the last position with
    /// [`RtspMachine::resume_at`].
    Reconnecting(ReconnectReason),
}

/// State machine of an RTSP client.
#[derive(Debug)]
pub struct RtspMachine {
    core: MachineCore<RtspAction>,
    url: RtspUrl,
    options: StreamOptions,
    /// Position at which the next PLAY is to start.
    seek: Option<Npt>,
    speed: SpeedControl,
    stage: Stage,
    in_flight: Option<InFlight>,
    cseq_check: CseqCheck,
    /// True if the server lists GET_PARAMETER in Public; it is then the keep-alive request.
    supports_get_parameter: bool,
    /// True if the server has left GET_PARAMETER without a response, so that OPTIONS takes its place.
    ignores_get_parameter: bool,
    last_request: Option<Instant>,
    last_response: Option<Instant>,
    /// True if RTP is sent over the connection because UDP was refused or is blocked.
    has_fallen_back: bool,
    /// Reason why the session is to be torn down and set up again.
    pending_reconnect: Option<PendingReconnect>,
    backoff: Backoff,
    authorization: Authorization,
    /// Number of redirects since the last frame.
    redirects: u32,
    /// Time of the last redirect of a session.
    last_redirect: Option<Instant>,
}

/// Progress of a session.
#[derive(Debug)]
enum Stage {
    Closed,
    /// The connection was lost; the next attempt is at `until`.
    WaitingToReconnect {
        until: Instant,
    },
    Connecting {
        deadline: Instant,
    },
    /// The connection is open, and no request has been sent yet.
    Connected,
    OptionsReceived,
    Described(Presentation),
    OpeningPorts(Presentation),
    /// The transport that SETUP requests is known.
    ReadyToSetUp(Presentation, Transport),
    /// SETUP or PAUSE succeeded.
    Ready(EstablishedSession),
    Playing(EstablishedSession),
}

#[derive(Debug)]
struct EstablishedSession {
    presentation: Presentation,
    /// Session header of the SETUP response; `None` if the server sent none, and requests have none either.
    session: Option<SessionHeader>,
    play_from: PlayFrom,
}

/// Change that applies when the session has been torn down and is set up again.
#[derive(Debug)]
enum PendingReconnect {
    /// RTP is sent over the RTSP connection.
    TcpFallback,
    /// The stream is on another server, or has another path.
    Redirect(RtspUrl),
    /// A clock of this computer has jumped; the server may have ended the session meanwhile.
    ClockJump(ClockJump),
}

/// Position at which the next PLAY starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlayFrom {
    Beginning,
    /// The position at which PAUSE stopped.
    PausedPosition,
}

#[derive(Debug)]
struct InFlight {
    kind: RequestKind,
    cseq: u32,
    deadline: Instant,
    /// Range that PLAY requested.
    range: Option<NptRange>,
    /// Scale that PLAY requested.
    scale: Option<Factor>,
    /// Number of times that the request was sent with an Authorization header, each with a new nonce.
    auth_attempts: u32,
}

/// Requests of this connection that were given up, so that their late responses are not taken for that to the request
/// in flight.
#[derive(Debug, Default)]
struct CseqCheck {
    /// CSeqs of the requests, the oldest first.
    given_up: VecDeque<u32>,
    /// True if the server has used a CSeq of no request; then the CSeq says nothing.
    is_unreliable: bool,
}

impl CseqCheck {
    /// Maximum number of requests that are remembered.
    const MAX_GIVEN_UP: usize = 8;

    fn give_up(&mut self, cseq: u32) {
        if self.given_up.len() == Self::MAX_GIVEN_UP {
            self.given_up.pop_front();
        }
        self.given_up.push_back(cseq);
    }

    /// Returns true if a response with this CSeq is that to a request that was given up.
    fn take_late(&mut self, cseq: u32) -> bool {
        let position = self.given_up.iter().position(|given_up| *given_up == cseq);
        let is_late = position.filter(|_| !self.is_unreliable);
        is_late.and_then(|position| self.given_up.remove(position)).is_some()
    }
}

/// Purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    Options,
    Describe,
    SetUp,
    Play,
    Pause,
    Teardown,
    KeepAlive,
    /// DESCRIBE during a session, to learn a duration that was unknown before.
    RefreshDescription,
}

/// Session timeout if the server states none (RFC 2326 §12.37).
const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum time that a session waits for a response after a jump of a clock: mostly the connection is broken, too.
const MAX_WAIT_AFTER_JUMP: Duration = Duration::from_secs(1);

impl RtspMachine {
    /// Creates a machine without a session.
    pub fn new(url: RtspUrl, options: StreamOptions) -> Self {
        Self {
            authorization: Authorization::new(url.credentials()),
            core: MachineCore::default(),
            url,
            options,
            seek: None,
            speed: SpeedControl::default(),
            stage: Stage::Closed,
            in_flight: None,
            cseq_check: CseqCheck::default(),
            supports_get_parameter: false,
            ignores_get_parameter: false,
            last_request: None,
            last_response: None,
            has_fallen_back: false,
            pending_reconnect: None,
            backoff: Backoff::default(),
            redirects: 0,
            last_redirect: None,
        }
    }

    /// Continues at another position, playing or paused as the goal says. Ignored for live streams and without a
    /// session.
    pub fn seek(&mut self, now: Instant, position: Npt) {
        let presentation = match &self.stage {
            Stage::Ready(established) | Stage::Playing(established) => &established.presentation,
            _ => return,
        };
        if !presentation.is_live() {
            self.seek = Some(position);
            self.advance(now);
        }
    }

    /// Requests the description again, because the duration may be known by now.
    pub fn refresh_description(&mut self, now: Instant) {
        if self.in_flight.is_none() && matches!(self.stage, Stage::Ready(_) | Stage::Playing(_)) {
            self.send(now, RequestKind::RefreshDescription);
        }
    }

    /// Sends a keep-alive request to a server that has been silent since `since`, unless a request has been sent since
    /// then. If it is not answered, the session is lost.
    pub fn check_server(&mut self, now: Instant, since: Instant) {
        let was_asked = self.last_request.is_some_and(|at| at > since);
        if self.in_flight.is_none() && !was_asked && matches!(self.stage, Stage::Playing(_)) {
            self.send(now, RequestKind::KeepAlive);
        }
    }

    /// Returns true if a response has arrived since this time.
    pub fn has_response_since(&self, since: Instant) -> bool {
        self.last_response.is_some_and(|at| at > since)
    }

    /// Handles a connection that could not be opened, for the given reason, or was closed. `received` is the part of a
    /// message that had arrived.
    pub fn handle_connection_lost(
        &mut self,
        now: Instant,
        reason: Option<String>,
        received: Option<IncompleteMessage>,
    ) {
        let server = self.host_and_port();
        match (&self.stage, &self.in_flight) {
            (Stage::Closed | Stage::WaitingToReconnect { .. }, _) => {}
            (Stage::Connecting { .. }, _) => {
                self.reconnect_or_fail(now, SessionError::unreachable(server, reason));
            }
            // Servers close the connection instead of responding to TEARDOWN, or before the response is read.
            (_, Some(InFlight { kind: RequestKind::Teardown, .. })) => {
                self.handle_teardown(now);
                self.advance(now);
            }
            // The server sent REDIRECT and closed the connection before the session was torn down.
            (Stage::Ready(_) | Stage::Playing(_), _) if self.pending_reconnect.is_some() => {
                self.handle_teardown(now);
                self.advance(now);
            }
            _ if self.core.goal == Goal::Stopped => self.close(),
            _ => match received {
                Some(received) => {
                    self.reconnect_or_fail(now, SessionError::ConnectionLostInMessage { server, received })
                }
                None => self.reconnect_or_fail(now, SessionError::ConnectionLost { server }),
            },
        }
    }

    /// Handles a TLS alert in response to a request that was not encrypted.
    pub fn handle_tls_alert(&mut self) {
        self.fail(SessionError::NeedsTls { server: self.host_and_port() });
    }

    /// Handles bytes on the connection that cannot be parsed.
    pub fn handle_framing_error(&mut self, error: FramingError) {
        // Bytes after the response that ended the session do not matter.
        if matches!(self.stage, Stage::Closed | Stage::WaitingToReconnect { .. }) {
            return;
        }
        let server = self.host_and_port();
        self.fail(match error {
            FramingError::Malformed(problem) => SessionError::NotRtsp { server, problem },
            error => SessionError::InvalidMessage { server, error },
        });
    }

    /// Handles the end of the stream: the server is in state READY, and the next PLAY starts at the beginning.
    pub fn handle_stream_end(&mut self, now: Instant) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Playing(established) => {
                Stage::Ready(EstablishedSession { play_from: PlayFrom::Beginning, ..established })
            }
            other => other,
        };
        if self.core.goal == Goal::Playing && self.seek.is_none() {
            self.core.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// Returns the time at which [`RtspMachine::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting = match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(*deadline),
            (Stage::WaitingToReconnect { until }, _) => Some(*until),
            (_, Some(in_flight)) => Some(in_flight.deadline),
            _ => None,
        };
        waiting.or_else(|| self.keep_alive_deadline())
    }

    /// Time of the next keep-alive request: half of the session timeout after the last request. Some servers state a
    /// timeout of 0, which is treated as not stated.
    fn keep_alive_deadline(&self) -> Option<Instant> {
        let (Stage::Ready(established) | Stage::Playing(established)) = &self.stage else { return None };
        let timeout = established
            .session
            .as_ref()
            .and_then(|session| session.timeout)
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(DEFAULT_SESSION_TIMEOUT);
        self.last_request.and_then(|last| last.checked_add(timeout / 2))
    }

    /// Checks the deadlines. `received` is the part of a message that has arrived, `last_packet` the arrival time of
    /// the last packet of the stream.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        received: Option<IncompleteMessage>,
        last_packet: Option<Instant>,
    ) {
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) if now >= *deadline => {
                self.reconnect_or_fail(now, SessionError::unreachable(self.host_and_port(), None));
            }
            (Stage::WaitingToReconnect { until }, _) if now >= *until => {
                self.stage = Stage::Closed;
                self.advance(now);
            }
            (_, Some(in_flight)) if now >= in_flight.deadline => {
                self.handle_response_timeout(now, received, last_packet)
            }
            (_, None) if self.keep_alive_deadline().is_some_and(|deadline| now >= deadline) => {
                self.send(now, RequestKind::KeepAlive)
            }
            _ => {}
        }
    }

    fn handle_response_timeout(
        &mut self,
        now: Instant,
        received: Option<IncompleteMessage>,
        last_packet: Option<Instant>,
    ) {
        let Some(in_flight) = self.in_flight.take() else { return };
        self.cseq_check.give_up(in_flight.cseq);
        match in_flight.kind {
            // The session times out on the server.
            RequestKind::Teardown => {
                self.handle_teardown(now);
                self.advance(now);
            }
            // The stream continues without a new description.
            RequestKind::RefreshDescription => self.advance(now),
            RequestKind::KeepAlive if self.handle_unanswered_keep_alive(now, last_packet) => {}
            kind => {
                let method = kind.method(self.supports_get_parameter);
                let server = self.host_and_port();
                let error = match received {
                    Some(received) => SessionError::ResponseIncomplete { server, method, received },
                    None => SessionError::TimedOut { server, method },
                };
                self.reconnect_or_fail(now, error);
            }
        }
    }

    /// Handles a keep-alive request that was not answered in time. Returns false if the session is lost.
    ///
    /// Some cameras list GET_PARAMETER in Public and never answer it. While packets arrive, the session is alive. While
    /// it is paused, OPTIONS decides, which the server has answered before; it is the keep-alive request from then on.
    fn handle_unanswered_keep_alive(&mut self, now: Instant, last_packet: Option<Instant>) -> bool {
        let is_playing = matches!(self.stage, Stage::Playing(_));
        let is_alive = is_playing && last_packet > self.last_request;
        self.ignores_get_parameter |= self.supports_get_parameter;
        if !is_alive && (is_playing || !self.supports_get_parameter) {
            return false;
        }
        let method = RequestKind::KeepAlive.method(self.supports_get_parameter);
        self.core.count_mistake(Mistake::UnansweredKeepAlive, method.as_str());
        self.supports_get_parameter = false;
        self.advance(now);
        if !is_alive && self.in_flight.is_none() {
            self.send(now, RequestKind::KeepAlive);
        }
        true
    }

    /// Allows the maximum number of redirects again, because a complete frame has arrived.
    pub fn handle_frame(&mut self) {
        self.redirects = 0;
    }

    /// Sets the session up again with RTP over the connection, because no UDP packets arrive. Returns false if the
    /// options do not allow it, or if this has been done before.
    pub fn fall_back_to_tcp(&mut self, now: Instant) -> bool {
        let is_possible = self.options.transport == TransportPreference::Auto && !self.has_fallen_back;
        if is_possible && matches!(self.stage, Stage::Playing(_)) {
            self.has_fallen_back = true;
            self.pending_reconnect = Some(PendingReconnect::TcpFallback);
            self.advance(now);
        }
        is_possible
    }

    /// Sets the position at which the next session continues, unless the user has chosen one.
    pub fn resume_at(&mut self, position: Npt) {
        self.seek.get_or_insert(position);
    }

    fn host_and_port(&self) -> String {
        self.url.host_and_port()
    }

    /// Handles a lost connection or session: connects again after a wait, if there was a session, the user still wants
    /// one and the options allow it.
    fn reconnect_or_fail(&mut self, now: Instant, error: SessionError) {
        let had_session = matches!(self.stage, Stage::Ready(_) | Stage::Playing(_));
        let is_wanted = self.core.goal != Goal::Stopped && self.options.reconnects;
        if !is_wanted || !(had_session || self.backoff.is_active()) {
            return self.fail(error);
        }
        let (attempt, wait) = self.backoff.next_attempt();
        let server = self.host_and_port();
        self.disconnect();
        self.stage = Stage::WaitingToReconnect { until: now + wait };
        self.core.push(RtspAction::Reconnecting(ReconnectReason::ServerLost { server, attempt, wait }));
    }

    /// Closes the connection and drops the request in flight.
    fn disconnect(&mut self) {
        self.core.disconnect();
        self.stage = Stage::Closed;
        self.in_flight = None;
        self.cseq_check = CseqCheck::default();
    }
}

impl Machine for RtspMachine {
    type Action = RtspAction;

    fn core(&self) -> &MachineCore<RtspAction> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut MachineCore<RtspAction> {
        &mut self.core
    }

    fn handle_goal_change(&mut self) {
        if self.core.goal == Goal::Stopped {
            self.seek = None;
        } else if let Stage::WaitingToReconnect { .. } = self.stage {
            // A click during the wait connects at once.
            self.stage = Stage::Closed;
        }
    }

    fn handle_clock_jump(&mut self, now: Instant, jump: ClockJump) -> bool {
        let has_session = matches!(self.stage, Stage::Ready(_) | Stage::Playing(_));
        let is_wanted = self.core.goal != Goal::Stopped && self.options.reconnects;
        if !has_session || !is_wanted || self.pending_reconnect.is_some() {
            return false;
        }
        self.pending_reconnect = Some(PendingReconnect::ClockJump(jump));
        self.advance(now);
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.deadline = in_flight.deadline.min(now + MAX_WAIT_AFTER_JUMP);
        }
        true
    }

    fn status(&self) -> SessionStatus {
        let state = match self.stage {
            Stage::Ready(_) => RtspState::Ready,
            Stage::Playing(_) => RtspState::Playing,
            _ => RtspState::Init,
        };
        let is_waiting = matches!(
            self.stage,
            Stage::Connecting { .. } | Stage::OpeningPorts(_) | Stage::WaitingToReconnect { .. }
        );
        let visible_request =
            self.in_flight.as_ref().filter(|in_flight| in_flight.kind != RequestKind::KeepAlive);
        let method = visible_request.map(|in_flight| in_flight.kind.method(self.supports_get_parameter));
        self.core.status(state, method, is_waiting)
    }

    fn handle_connected(&mut self, now: Instant) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Connected;
            self.authorization.reset();
            self.advance(now);
        }
    }

    fn handle_ports_opened(&mut self, now: Instant, ports: PortPair) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::OpeningPorts(presentation) => {
                let transport = Transport { client_port: Some(ports), ..Transport::udp() };
                Stage::ReadyToSetUp(presentation, transport)
            }
            other => other,
        };
        self.advance(now);
    }

    fn handle_ports_failed(&mut self, reason: String) {
        if let Stage::OpeningPorts(_) = self.stage {
            self.fail(SessionError::PortsUnavailable { port: self.options.rtp_port, reason });
        }
    }

    fn deadline_mut(&mut self) -> Option<&mut Instant> {
        match (&mut self.stage, &mut self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(deadline),
            (_, Some(in_flight)) => Some(&mut in_flight.deadline),
            _ => None,
        }
    }

    fn close(&mut self) {
        if !matches!(self.stage, Stage::Closed) {
            self.disconnect();
            self.core.report_closed();
        }
        self.core.goal = Goal::Stopped;
        self.seek = None;
        self.has_fallen_back = false;
        self.pending_reconnect = None;
        self.backoff = Backoff::default();
        self.redirects = 0;
    }

    fn advance(&mut self, now: Instant) {
        self.send_next_request(now);
    }
}
