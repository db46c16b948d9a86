//! PURE. The client's side of RTSP: a goal, a stage, and the request that leads from one to the other.
//!
//! The three buttons and the four are the same goals. A click only moves the goal; what is asked next is derived from
//! goal and stage when nothing is in flight, so the last click decides where it ends and no request is sent twice.

mod requests;
mod responses;
mod server_requests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::authorization::Authorization;
use super::backoff::Backoff;
use super::play_response::PlayResponse;
use crate::proto::rtsp::{
    FramingError, IncompleteMessage, Npt, NptRange, PortPair, Request, Response, RtspUrl, SessionHeader,
    Transport,
};
use crate::session::error::SessionError;
use crate::session::options::{RtspOptions, TransportPreference};
use crate::session::presentation::Presentation;
use crate::session::reconnect::ReconnectReason;
use crate::session::state::{Goal, RtspState, SessionStatus};

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Connect to the server of this URL, and answer with [`Machine::connected`] or [`Machine::connection_lost`].
    Connect(RtspUrl),
    /// Close the connection and the ports.
    Disconnect,
    /// Bind a pair of UDP ports, and answer with [`Machine::ports_open`] or [`Machine::ports_failed`].
    OpenPorts(Option<u16>),
    /// Write this.
    SendRequest(Request),
    /// Write this answer to a request of the server's.
    SendResponse(Response),
    /// DESCRIBE was answered.
    Described(Presentation),
    /// SETUP was answered: packets will come this way.
    SetUp(Transport),
    /// PLAY was answered.
    Started(PlayResponse),
    /// PAUSE was answered.
    Paused {
        /// Because the user wants to go on elsewhere.
        is_seeking: bool,
    },
    /// There is no session any more.
    Closed,
    /// There is no session for the moment; there will be another one. Answer with [`Machine::go_on_at`].
    Reconnecting(ReconnectReason),
    /// Something went wrong.
    Failed(SessionError),
}

/// The machine.
#[derive(Debug)]
pub struct RtspMachine {
    url: RtspUrl,
    options: RtspOptions,
    goal: Goal,
    goal_revision: u64,
    /// Where the user wants to go on.
    seek: Option<Npt>,
    stage: Stage,
    in_flight: Option<InFlight>,
    next_cseq: u32,
    /// The server answers GET_PARAMETER, which is the politest sign of life.
    supports_get_parameter: bool,
    last_request: Option<Instant>,
    /// Datagrams were refused or do not come through, and the connection carries RTP.
    has_fallen_back: bool,
    /// The session is to be torn down and set up again.
    pending_reconnect: Option<PendingReconnect>,
    backoff: Backoff,
    authorization: Authorization,
    redirects: u32,
    actions: VecDeque<Action>,
}

/// How far a session has come.
#[derive(Debug)]
enum Stage {
    Closed,
    /// The server was lost and is left alone for a while.
    WaitingToReconnect {
        until: Instant,
    },
    Connecting {
        deadline: Instant,
    },
    /// Nothing asked yet.
    Connected,
    /// OPTIONS answered.
    OptionsReceived,
    /// DESCRIBE answered.
    Described(Presentation),
    /// Ports asked for.
    OpeningPorts(Presentation),
    /// Everything is there that SETUP states.
    ReadyToSetUp(Presentation, Transport),
    /// SETUP answered, or PAUSE.
    Ready(EstablishedSession),
    /// PLAY answered.
    Playing(EstablishedSession),
}

#[derive(Debug)]
struct EstablishedSession {
    presentation: Presentation,
    session: SessionHeader,
    play_from: PlayFrom,
}

/// How a session goes on that is torn down by itself.
#[derive(Debug)]
enum PendingReconnect {
    /// With RTP on the RTSP connection.
    TcpFallback,
    /// By another server, or under another path.
    Redirect(RtspUrl),
}

/// Where the next PLAY begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlayFrom {
    Beginning,
    /// Where PAUSE left it.
    PausedPosition,
}

#[derive(Debug)]
struct InFlight {
    kind: RequestKind,
    cseq: u32,
    deadline: Instant,
    /// What a PLAY asked for.
    range: Option<NptRange>,
    /// How often it has said who asks, a new nonce each time.
    auth_attempts: u32,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    Options,
    Describe,
    SetUp,
    Play,
    Pause,
    Teardown,
    KeepAlive,
    /// DESCRIBE once more: the film's length was not known before.
    RefreshDescription,
}

/// How long a session lives without a sign of life if the server does not say (RFC 2326 §12.37).
const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// What the player calls itself.
const USER_AGENT: &str = concat!("Reelay/", env!("CARGO_PKG_VERSION"));

impl RtspMachine {
    /// A machine that stands still.
    pub fn new(url: RtspUrl, options: RtspOptions) -> Self {
        Self {
            authorization: Authorization::from_url(&url),
            url,
            options,
            goal: Goal::Stopped,
            goal_revision: 0,
            seek: None,
            stage: Stage::Closed,
            in_flight: None,
            next_cseq: 1,
            supports_get_parameter: false,
            last_request: None,
            has_fallen_back: false,
            pending_reconnect: None,
            backoff: Backoff::default(),
            redirects: 0,
            actions: VecDeque::new(),
        }
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> SessionStatus {
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
        SessionStatus {
            state,
            goal: self.goal,
            in_flight: visible_request.map(|in_flight| in_flight.kind.method(self.supports_get_parameter)),
            is_busy: visible_request.is_some() || is_waiting,
            goal_revision: self.goal_revision,
        }
    }

    /// What is to be done; call until there is nothing.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The user wants something.
    pub fn set_goal(&mut self, now: Instant, goal: Goal) {
        self.goal = goal;
        self.goal_revision += 1;
        if goal == Goal::Stopped {
            self.seek = None;
        } else if let Stage::WaitingToReconnect { .. } = self.stage {
            // Whoever asks again does not want to wait.
            self.stage = Stage::Closed;
        }
        self.advance(now);
    }

    /// The user wants to go on elsewhere. Whether it plays there or stands still is the goal's to say.
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

    /// The film's length may be known by now: asks for it.
    pub fn refresh_description(&mut self, now: Instant) {
        if self.in_flight.is_none() && matches!(self.stage, Stage::Ready(_) | Stage::Playing(_)) {
            self.send(now, RequestKind::RefreshDescription);
        }
    }

    /// The connection stands.
    pub fn handle_connected(&mut self, now: Instant) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Connected;
            self.authorization.reset();
            self.advance(now);
        }
    }

    /// The connection could not be made, or is gone, in the middle of a message perhaps.
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
                let reason = reason.unwrap_or_else(|| "no answer".to_owned());
                self.reconnect_or_fail(now, SessionError::Unreachable { server, reason });
            }
            // Servers close the connection instead of answering TEARDOWN, or before the answer is read.
            (_, Some(InFlight { kind: RequestKind::Teardown, .. })) => {
                self.handle_teardown();
                self.advance(now);
            }
            // It sends us elsewhere and does not wait until we go.
            (Stage::Ready(_) | Stage::Playing(_), _) if self.pending_reconnect.is_some() => {
                self.handle_teardown();
                self.advance(now);
            }
            _ if self.goal == Goal::Stopped => self.close(),
            _ => match received {
                Some(received) => {
                    self.reconnect_or_fail(now, SessionError::ConnectionLostInMessage { server, received })
                }
                None => self.reconnect_or_fail(now, SessionError::ConnectionLost { server }),
            },
        }
    }

    /// What came on the connection cannot be read.
    pub fn handle_framing_error(&mut self, error: FramingError) {
        // What stands behind an answer with which it was over is of no interest.
        if matches!(self.stage, Stage::Closed | Stage::WaitingToReconnect { .. }) {
            return;
        }
        let server = self.host_and_port();
        self.fail(match error {
            FramingError::Malformed(problem) => SessionError::NotRtsp { server, problem },
            error => SessionError::InvalidMessage { server, error },
        });
    }

    /// The ports that were asked for are open.
    pub fn handle_ports_opened(&mut self, now: Instant, ports: PortPair) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::OpeningPorts(presentation) => {
                let transport = Transport { client_port: Some(ports), ..Transport::udp() };
                Stage::ReadyToSetUp(presentation, transport)
            }
            other => other,
        };
        self.advance(now);
    }

    /// The ports that were asked for are not to be had.
    pub fn handle_ports_failed(&mut self, reason: String) {
        if let Stage::OpeningPorts(_) = self.stage {
            self.fail(SessionError::PortsUnavailable { port: self.options.rtp_port, reason });
        }
    }

    /// The stream has come to its end by itself: the server is READY, and the next PLAY begins anew.
    pub fn handle_stream_end(&mut self, now: Instant) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Playing(established) => {
                Stage::Ready(EstablishedSession { play_from: PlayFrom::Beginning, ..established })
            }
            other => other,
        };
        if self.goal == Goal::Playing && self.seek.is_none() {
            self.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// The stream has come to its end, and the server has hung up behind it.
    pub fn close_after_end(&mut self) {
        self.close();
    }

    /// When [`Machine::timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting = match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(*deadline),
            (Stage::WaitingToReconnect { until }, _) => Some(*until),
            (_, Some(in_flight)) => Some(in_flight.deadline),
            _ => None,
        };
        waiting.or_else(|| self.keep_alive_deadline())
    }

    /// Half of the session's time-out after the last request. One of no time at all is meant to be none.
    fn keep_alive_deadline(&self) -> Option<Instant> {
        let (Stage::Ready(established) | Stage::Playing(established)) = &self.stage else { return None };
        let timeout = established
            .session
            .timeout
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(DEFAULT_SESSION_TIMEOUT);
        self.last_request.and_then(|last| last.checked_add(timeout / 2))
    }

    /// Time has passed. This has come of a message.
    pub fn handle_timeout(&mut self, now: Instant, received: Option<IncompleteMessage>) {
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) if now >= *deadline => {
                self.reconnect_or_fail(
                    now,
                    SessionError::Unreachable {
                        server: self.host_and_port(),
                        reason: "no answer".to_owned(),
                    },
                );
            }
            (Stage::WaitingToReconnect { until }, _) if now >= *until => {
                self.stage = Stage::Closed;
                self.advance(now);
            }
            (_, Some(in_flight)) if now >= in_flight.deadline => self.handle_response_timeout(now, received),
            (_, None) if self.keep_alive_deadline().is_some_and(|deadline| now >= deadline) => {
                self.send(now, RequestKind::KeepAlive)
            }
            _ => {}
        }
    }

    fn handle_response_timeout(&mut self, now: Instant, received: Option<IncompleteMessage>) {
        let Some(in_flight) = self.in_flight.take() else { return };
        match in_flight.kind {
            // The server will forget the session by itself.
            RequestKind::Teardown => {
                self.handle_teardown();
                self.advance(now);
            }
            // It was only a question, and the stream goes on without its answer.
            RequestKind::RefreshDescription => self.advance(now),
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

    /// Nothing comes by datagrams: sets the session up again, with RTP on the connection. `false` if the user has
    /// chosen otherwise.
    pub fn fall_back_to_tcp(&mut self, now: Instant) -> bool {
        let is_possible = self.options.transport == TransportPreference::Auto && !self.has_fallen_back;
        if is_possible && matches!(self.stage, Stage::Playing(_)) {
            self.has_fallen_back = true;
            self.pending_reconnect = Some(PendingReconnect::TcpFallback);
            self.advance(now);
        }
        is_possible
    }

    /// Where the session goes on that was interrupted, if there is anything to seek in.
    pub fn resume_at(&mut self, position: Npt) {
        self.seek.get_or_insert(position);
    }

    fn host_and_port(&self) -> String {
        self.url.host_and_port()
    }

    /// The server is gone, or has forgotten us. If there was a session, and the user wants it still, it is looked for again.
    fn reconnect_or_fail(&mut self, now: Instant, error: SessionError) {
        let had_session = matches!(self.stage, Stage::Ready(_) | Stage::Playing(_));
        let is_wanted = self.goal != Goal::Stopped && self.options.reconnects;
        if !is_wanted || !(had_session || self.backoff.is_active()) {
            return self.fail(error);
        }
        let (attempt, wait) = self.backoff.next_attempt();
        let server = self.host_and_port();
        self.disconnect();
        self.stage = Stage::WaitingToReconnect { until: now + wait };
        self.actions.push_back(Action::Reconnecting(ReconnectReason::ServerLost { server, attempt, wait }));
    }

    fn fail(&mut self, error: SessionError) {
        // Before the word that all is over, so that who hears of the end knows why.
        self.actions.push_back(Action::Failed(error));
        self.close();
    }

    /// Back to where it began.
    fn close(&mut self) {
        if !matches!(self.stage, Stage::Closed) {
            self.disconnect();
            self.actions.push_back(Action::Closed);
        }
        self.goal = Goal::Stopped;
        self.seek = None;
        self.has_fallen_back = false;
        self.pending_reconnect = None;
        self.backoff = Backoff::default();
        self.redirects = 0;
    }

    /// Away from the server, whatever comes next.
    fn disconnect(&mut self) {
        self.actions.push_back(Action::Disconnect);
        self.stage = Stage::Closed;
        self.in_flight = None;
        // A new connection counts anew.
        self.next_cseq = 1;
    }
}
