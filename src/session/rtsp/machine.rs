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
use super::play_response::Start;
use super::retry::Retry;
use crate::proto::rtsp::{
    FramingError, Npt, NptRange, PortPair, Request, Response, RtspUrl, SessionHeader, Transport, Unfinished,
};
use crate::session::error::Failure;
use crate::session::options::{MachineOptions, TransportChoice};
use crate::session::presentation::Presentation;
use crate::session::reconnect::Interruption;
use crate::session::state::{Goal, RtspState, Status};

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Connect to the server of this URL, and answer with [`Machine::connected`] or [`Machine::connection_lost`].
    Connect(RtspUrl),
    /// Close the connection and the ports.
    Disconnect,
    /// Bind a pair of UDP ports, and answer with [`Machine::ports_open`] or [`Machine::ports_failed`].
    OpenPorts(Option<u16>),
    /// Write this.
    Send(Request),
    /// Write this answer to a request of the server's.
    Reply(Response),
    /// DESCRIBE was answered.
    Described(Presentation),
    /// SETUP was answered: packets will come this way.
    SetUp(Transport),
    /// PLAY was answered.
    Started(Start),
    /// PAUSE was answered.
    Paused {
        /// Because the user wants to go on elsewhere.
        seeks: bool,
    },
    /// There is no session any more.
    Closed,
    /// There is no session for the moment; there will be another one. Answer with [`Machine::go_on_at`].
    Interrupted(Interruption),
    /// Something went wrong.
    Failed(Failure),
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    url: RtspUrl,
    options: MachineOptions,
    goal: Goal,
    wishes: u64,
    /// Where the user wants to go on.
    seek: Option<Npt>,
    stage: Stage,
    in_flight: Option<InFlight>,
    next_cseq: u32,
    /// The server answers GET_PARAMETER, which is the politest sign of life.
    knows_get_parameter: bool,
    last_request: Option<Instant>,
    /// Datagrams were refused or do not come through, and the connection carries RTP.
    fell_back: bool,
    /// The session is to be torn down and set up again.
    restart: Option<Restart>,
    retry: Retry,
    authorization: Authorization,
    redirections: u32,
    outputs: VecDeque<Output>,
}

/// How far a session has come.
#[derive(Debug)]
enum Stage {
    Closed,
    /// The server was lost and is left alone for a while.
    Away {
        until: Instant,
    },
    Connecting {
        deadline: Instant,
    },
    /// Nothing asked yet.
    Connected,
    /// OPTIONS answered.
    Greeted,
    /// DESCRIBE answered.
    Described(Presentation),
    /// Ports asked for.
    OpeningPorts(Presentation),
    /// Everything is there that SETUP states.
    Addressed(Presentation, Transport),
    /// SETUP answered, or PAUSE.
    Ready(Established),
    /// PLAY answered.
    Playing(Established),
}

#[derive(Debug)]
struct Established {
    presentation: Presentation,
    session: SessionHeader,
    from: Whence,
}

/// How a session goes on that is torn down by itself.
#[derive(Debug)]
enum Restart {
    /// With RTP on the RTSP connection.
    OnTheConnection,
    /// By another server, or under another path.
    Elsewhere(RtspUrl),
}

/// Where the next PLAY begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whence {
    Beginning,
    /// Where PAUSE left it.
    Here,
}

#[derive(Debug)]
struct InFlight {
    step: Step,
    cseq: u32,
    deadline: Instant,
    /// What a PLAY asked for.
    range: Option<NptRange>,
    /// How often it has said who asks, a new nonce each time.
    answers: u32,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Options,
    Describe,
    SetUp,
    Play,
    Pause,
    Teardown,
    SignOfLife,
    /// DESCRIBE once more: the film's length was not known before.
    Refresh,
}

/// How long a session lives without a sign of life if the server does not say (RFC 2326 §12.37).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What the player calls itself.
const USER_AGENT: &str = concat!("Reelay/", env!("CARGO_PKG_VERSION"));

impl Machine {
    /// A machine that stands still.
    pub fn new(url: RtspUrl, options: MachineOptions) -> Self {
        Self {
            authorization: Authorization::of(&url),
            url,
            options,
            goal: Goal::Stopped,
            wishes: 0,
            seek: None,
            stage: Stage::Closed,
            in_flight: None,
            next_cseq: 1,
            knows_get_parameter: false,
            last_request: None,
            fell_back: false,
            restart: None,
            retry: Retry::default(),
            redirections: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> Status {
        let state = match self.stage {
            Stage::Ready(_) => RtspState::Ready,
            Stage::Playing(_) => RtspState::Playing,
            _ => RtspState::Init,
        };
        let is_waiting =
            matches!(self.stage, Stage::Connecting { .. } | Stage::OpeningPorts(_) | Stage::Away { .. });
        let visible = self.in_flight.as_ref().filter(|in_flight| in_flight.step != Step::SignOfLife);
        Status {
            state,
            goal: self.goal,
            in_flight: visible.map(|in_flight| in_flight.step.method(self.knows_get_parameter)),
            is_busy: visible.is_some() || is_waiting,
            wishes: self.wishes,
        }
    }

    /// What is to be done; call until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The user wants something.
    pub fn set_goal(&mut self, now: Instant, goal: Goal) {
        self.goal = goal;
        self.wishes += 1;
        if goal == Goal::Stopped {
            self.seek = None;
        } else if let Stage::Away { .. } = self.stage {
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
    pub fn refresh(&mut self, now: Instant) {
        if self.in_flight.is_none() && matches!(self.stage, Stage::Ready(_) | Stage::Playing(_)) {
            self.send(now, Step::Refresh);
        }
    }

    /// The connection stands.
    pub fn connected(&mut self, now: Instant) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Connected;
            self.authorization.wait_for_challenge();
            self.advance(now);
        }
    }

    /// The connection could not be made, or is gone, in the middle of a message perhaps.
    pub fn connection_lost(&mut self, now: Instant, why: Option<String>, part: Option<Unfinished>) {
        let server = self.server();
        match (&self.stage, &self.in_flight) {
            (Stage::Closed | Stage::Away { .. }, _) => {}
            (Stage::Connecting { .. }, _) => {
                let why = why.unwrap_or_else(|| "no answer".to_owned());
                self.lose(now, Failure::Unreachable { server, why });
            }
            // Servers close the connection instead of answering TEARDOWN, or before the answer is read.
            (_, Some(InFlight { step: Step::Teardown, .. })) => {
                self.torn_down();
                self.advance(now);
            }
            // It sends us elsewhere and does not wait until we go.
            (Stage::Ready(_) | Stage::Playing(_), _) if self.restart.is_some() => {
                self.torn_down();
                self.advance(now);
            }
            _ if self.goal == Goal::Stopped => self.close(),
            _ => match part {
                Some(part) => self.lose(now, Failure::CutShort { server, part }),
                None => self.lose(now, Failure::ConnectionLost { server }),
            },
        }
    }

    /// What came on the connection cannot be read.
    pub fn unreadable(&mut self, error: FramingError) {
        // What stands behind an answer with which it was over is of no interest.
        if matches!(self.stage, Stage::Closed | Stage::Away { .. }) {
            return;
        }
        let server = self.server();
        self.fail(match error {
            FramingError::Malformed(what) => Failure::NotRtsp { server, what },
            error => Failure::Unreadable { server, error },
        });
    }

    /// The ports that were asked for are open.
    pub fn ports_open(&mut self, now: Instant, ports: PortPair) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::OpeningPorts(presentation) => {
                let transport = Transport { client_port: Some(ports), ..Transport::udp() };
                Stage::Addressed(presentation, transport)
            }
            other => other,
        };
        self.advance(now);
    }

    /// The ports that were asked for are not to be had.
    pub fn ports_failed(&mut self, why: String) {
        if let Stage::OpeningPorts(_) = self.stage {
            self.fail(Failure::NoPorts { port: self.options.rtp_port, why });
        }
    }

    /// The stream has come to its end by itself: the server is READY, and the next PLAY begins anew.
    pub fn stream_ended(&mut self, now: Instant) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Playing(established) => {
                Stage::Ready(Established { from: Whence::Beginning, ..established })
            }
            other => other,
        };
        if self.goal == Goal::Playing && self.seek.is_none() {
            self.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// The stream has come to its end, and the server has hung up behind it.
    pub fn all_over(&mut self) {
        self.close();
    }

    /// When [`Machine::timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(*deadline),
            (Stage::Away { until }, _) => Some(*until),
            (_, Some(in_flight)) => Some(in_flight.deadline),
            _ => None,
        };
        waiting.or_else(|| self.sign_of_life_due())
    }

    /// Half of the session's time-out after the last request. One of no time at all is meant to be none.
    fn sign_of_life_due(&self) -> Option<Instant> {
        let (Stage::Ready(established) | Stage::Playing(established)) = &self.stage else { return None };
        let timeout =
            established.session.timeout.filter(|stated| !stated.is_zero()).unwrap_or(DEFAULT_TIMEOUT);
        self.last_request.and_then(|last| last.checked_add(timeout / 2))
    }

    /// Time has passed. This has come of a message.
    pub fn timeout(&mut self, now: Instant, part: Option<Unfinished>) {
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) if now >= *deadline => {
                self.lose(now, Failure::Unreachable { server: self.server(), why: "no answer".to_owned() });
            }
            (Stage::Away { until }, _) if now >= *until => {
                self.stage = Stage::Closed;
                self.advance(now);
            }
            (_, Some(in_flight)) if now >= in_flight.deadline => self.give_up_waiting(now, part),
            (_, None) if self.sign_of_life_due().is_some_and(|due| now >= due) => {
                self.send(now, Step::SignOfLife)
            }
            _ => {}
        }
    }

    fn give_up_waiting(&mut self, now: Instant, part: Option<Unfinished>) {
        let Some(in_flight) = self.in_flight.take() else { return };
        match in_flight.step {
            // The server will forget the session by itself.
            Step::Teardown => {
                self.torn_down();
                self.advance(now);
            }
            // It was only a question, and the stream goes on without its answer.
            Step::Refresh => self.advance(now),
            step => {
                let method = step.method(self.knows_get_parameter);
                let server = self.server();
                let failure = match part {
                    Some(part) => Failure::Unfinished { server, method, part },
                    None => Failure::TimedOut { server, method },
                };
                self.lose(now, failure);
            }
        }
    }

    /// Nothing comes by datagrams: sets the session up again, with RTP on the connection. `false` if the user has
    /// chosen otherwise.
    pub fn fall_back(&mut self, now: Instant) -> bool {
        let is_possible = self.options.transport == TransportChoice::Auto && !self.fell_back;
        if is_possible && matches!(self.stage, Stage::Playing(_)) {
            self.fell_back = true;
            self.restart = Some(Restart::OnTheConnection);
            self.advance(now);
        }
        is_possible
    }

    /// Where the session goes on that was interrupted, if there is anything to seek in.
    pub fn go_on_at(&mut self, position: Npt) {
        self.seek.get_or_insert(position);
    }

    fn server(&self) -> String {
        self.url.server()
    }

    /// The server is gone, or has forgotten us. If there was a session, and the user wants it still, it is looked for again.
    fn lose(&mut self, now: Instant, failure: Failure) {
        let had_session = matches!(self.stage, Stage::Ready(_) | Stage::Playing(_));
        let is_wanted = self.goal != Goal::Stopped && self.options.reconnects;
        if !is_wanted || !(had_session || self.retry.is_under_way()) {
            return self.fail(failure);
        }
        let (attempt, wait) = self.retry.next();
        let server = self.server();
        self.leave();
        self.stage = Stage::Away { until: now + wait };
        self.outputs.push_back(Output::Interrupted(Interruption::Lost { server, attempt, wait }));
    }

    fn fail(&mut self, failure: Failure) {
        // Before the word that all is over, so that who hears of the end knows why.
        self.outputs.push_back(Output::Failed(failure));
        self.close();
    }

    /// Back to where it began.
    fn close(&mut self) {
        if !matches!(self.stage, Stage::Closed) {
            self.leave();
            self.outputs.push_back(Output::Closed);
        }
        self.goal = Goal::Stopped;
        self.seek = None;
        self.fell_back = false;
        self.restart = None;
        self.retry = Retry::default();
        self.redirections = 0;
    }

    /// Away from the server, whatever comes next.
    fn leave(&mut self) {
        self.outputs.push_back(Output::Disconnect);
        self.stage = Stage::Closed;
        self.in_flight = None;
        // A new connection counts anew.
        self.next_cseq = 1;
    }
}
