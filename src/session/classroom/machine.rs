//! PURE. The classroom dialect's side of RTSP: a goal, a stage, and the request that leads from one to the other.
//!
//! As in the standard dialect a click only moves the goal. Two things differ: a request waits until the reply before
//! it is whole, and a film that is over is torn down and set up on a new connection before it plays again, because
//! most servers ignore another PLAY, and another SETUP on the same connection.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::error::{ClassroomError, ClassroomErrorKind};
use super::messages::{ClassroomResponse, ClassroomResponseReader, RequestHeader, encode_request};
use super::url::ClassroomUrl;
use crate::proto::rtsp::{Method, StatusCode as Code};
use crate::session::error::SessionError;
use crate::session::options::RtspOptions;
use crate::session::state::{Goal, RtspState, SessionStatus};

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Connect to the server of this URL, and answer with [`Machine::connected`] or [`Machine::connection_lost`].
    Connect(ClassroomUrl),
    /// Close the connection and the port.
    Disconnect,
    /// Bind the RTP port, and answer with [`Machine::port_open`] or [`Machine::ports_failed`].
    OpenPorts(Option<u16>),
    /// Write this at once.
    Write(Bytes),
    /// This reply has come.
    ResponseReceived(String),
    /// A reply says this of the film.
    Length(MediaLength),
    /// SETUP was answered.
    SetUp,
    /// PLAY was answered.
    Started,
    /// PAUSE was answered.
    Paused,
    /// There is no session any more.
    Closed,
    /// Something went wrong.
    Failed(SessionError),
}

/// What few servers say of a film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MediaLength {
    /// Frames of it.
    pub frame_count: u64,
    /// Seconds of it.
    pub duration_seconds: Option<f64>,
}

/// The machine.
#[derive(Debug)]
pub struct ClassroomMachine {
    url: ClassroomUrl,
    options: RtspOptions,
    goal: Goal,
    goal_revision: u64,
    stage: Stage,
    session_id: Option<String>,
    in_flight: Option<InFlight>,
    response_reader: ClassroomResponseReader,
    next_cseq: u32,
    actions: VecDeque<Action>,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Connecting {
        deadline: Instant,
    },
    /// Nothing asked yet.
    Connected,
    /// The port asked for.
    OpeningPorts,
    /// Everything is there that SETUP states.
    ReadyToSetUp(u16),
    /// SETUP answered, or PAUSE.
    Ready,
    /// PLAY answered.
    Playing,
    /// The film is over. The server thinks that it is still playing it.
    Ended,
}

#[derive(Debug)]
struct InFlight {
    method: Method,
    cseq: u32,
    deadline: Instant,
}

impl ClassroomMachine {
    /// A machine that stands still.
    pub fn new(url: ClassroomUrl, options: RtspOptions) -> Self {
        Self {
            url,
            options,
            goal: Goal::Stopped,
            goal_revision: 0,
            stage: Stage::Closed,
            session_id: None,
            in_flight: None,
            response_reader: ClassroomResponseReader::default(),
            next_cseq: 1,
            actions: VecDeque::new(),
        }
    }

    /// The file that is asked for.
    pub fn file(&self) -> &str {
        self.url.file()
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> SessionStatus {
        let state = match self.stage {
            Stage::Ready | Stage::Ended => RtspState::Ready,
            Stage::Playing => RtspState::Playing,
            _ => RtspState::Init,
        };
        let is_waiting = matches!(self.stage, Stage::Connecting { .. } | Stage::OpeningPorts);
        SessionStatus {
            state,
            goal: self.goal,
            in_flight: self.in_flight.as_ref().map(|in_flight| in_flight.method.clone()),
            is_busy: self.in_flight.is_some() || is_waiting,
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
        self.advance(now);
    }

    /// The connection stands.
    pub fn handle_connected(&mut self, now: Instant) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Connected;
            self.advance(now);
        }
    }

    /// The port that was asked for is open.
    pub fn handle_port_opened(&mut self, now: Instant, port: u16) {
        if self.stage == Stage::OpeningPorts {
            self.stage = Stage::ReadyToSetUp(port);
            self.advance(now);
        }
    }

    /// The port that was asked for is not to be had.
    pub fn handle_ports_failed(&mut self, reason: String) {
        if self.stage == Stage::OpeningPorts {
            self.fail(SessionError::PortsUnavailable { port: self.options.rtp_port, reason });
        }
    }

    /// The film has come to its end by itself.
    pub fn handle_stream_end(&mut self, now: Instant) {
        if self.stage == Stage::Playing {
            self.stage = Stage::Ended;
        }
        if self.goal == Goal::Playing {
            self.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// PLAY was answered, and nothing has come of it: there is no use in going on.
    pub fn handle_no_frames(&mut self, now: Instant, port: u16) {
        let error = self.classroom_error(ClassroomErrorKind::NoFrames { port });
        self.actions.push_back(Action::Failed(error));
        self.goal = Goal::Stopped;
        self.advance(now);
    }

    /// The connection is gone: what has come of a reply is all of it.
    pub fn finish_response(&mut self, now: Instant) {
        if let Some(response) = self.response_reader.finish() {
            self.response(now, response);
        }
    }

    /// The connection could not be made, or is gone; so many frames have come by then.
    pub fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>, last_frame: Option<u64>) {
        self.finish_response(now);
        let method = self.in_flight.as_ref().map(|in_flight| in_flight.method.clone());
        match (&self.stage, method) {
            (Stage::Closed, _) => {}
            (Stage::Connecting { .. }, _) => {
                let reason = reason.unwrap_or_else(|| "no answer".to_owned());
                self.fail(SessionError::Unreachable { server: self.host_and_port(), reason });
            }
            // Most servers close the connection instead of answering TEARDOWN, or right behind the answer.
            (_, Some(Method::Teardown)) => self.handle_teardown(now),
            _ if self.goal == Goal::Stopped => self.close(),
            (Stage::Ended, _) => self.close(),
            (_, Some(method @ (Method::Setup | Method::Play))) => {
                self.fail(self.classroom_error(ClassroomErrorKind::ClosedDuring(method)));
            }
            (Stage::Playing, _) if last_frame.is_some() => {
                let kind =
                    ClassroomErrorKind::ClosedAfterFrame { frame_number: last_frame.unwrap_or_default() };
                self.fail(self.classroom_error(kind));
            }
            (Stage::Playing, _) => {
                self.fail(self.classroom_error(ClassroomErrorKind::ClosedDuring(Method::Play)))
            }
            _ => self.fail(SessionError::ConnectionLost { server: self.host_and_port() }),
        }
    }

    /// When [`Machine::timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(*deadline),
            (_, Some(in_flight)) => {
                self.response_reader.poll_timeout().into_iter().chain([in_flight.deadline]).min()
            }
            _ => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.read_response(now);
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) if now >= *deadline => {
                self.fail(SessionError::Unreachable {
                    server: self.host_and_port(),
                    reason: "no answer".to_owned(),
                });
            }
            (_, Some(in_flight)) if now >= in_flight.deadline => self.handle_response_timeout(now),
            _ => {}
        }
    }

    fn handle_response_timeout(&mut self, now: Instant) {
        match self.in_flight.take().map(|in_flight| in_flight.method) {
            // The server has understood, or never will.
            Some(Method::Teardown) => self.handle_teardown(now),
            Some(method) => self.fail(self.classroom_error(ClassroomErrorKind::NoResponse(method))),
            None => {}
        }
    }

    fn host_and_port(&self) -> String {
        self.url.host_and_port()
    }

    fn classroom_error(&self, kind: ClassroomErrorKind) -> SessionError {
        SessionError::Classroom(ClassroomError {
            server: self.host_and_port(),
            file: self.file().to_owned(),
            kind,
        })
    }

    /// The reason comes before the end, for whoever listens no longer than to the end.
    fn fail(&mut self, error: SessionError) {
        self.actions.push_back(Action::Failed(error));
        self.close();
    }

    /// Back to where it began.
    fn close(&mut self) {
        if self.stage != Stage::Closed {
            self.actions.push_back(Action::Disconnect);
            self.actions.push_back(Action::Closed);
        }
        self.stage = Stage::Closed;
        self.goal = Goal::Stopped;
        self.session_id = None;
        self.in_flight = None;
        self.response_reader.clear();
        self.next_cseq = 1;
    }
}

/// What comes next.
impl ClassroomMachine {
    fn advance(&mut self, now: Instant) {
        if self.in_flight.is_some() {
            return;
        }
        match (self.stage, self.goal) {
            (Stage::Ready | Stage::Playing | Stage::Ended, Goal::Stopped) => self.send(now, Method::Teardown),
            (_, Goal::Stopped) => self.close(),
            (Stage::Closed, _) => {
                self.stage = Stage::Connecting { deadline: now + self.options.response_timeout };
                self.actions.push_back(Action::Connect(self.url.clone()));
            }
            (Stage::Connecting { .. } | Stage::OpeningPorts, _) => {}
            (Stage::Connected, _) => {
                self.stage = Stage::OpeningPorts;
                self.actions.push_back(Action::OpenPorts(self.options.rtp_port));
            }
            (Stage::ReadyToSetUp(_), _) => self.send(now, Method::Setup),
            (Stage::Ready | Stage::Ended, Goal::Ready) | (Stage::Playing, Goal::Playing) => {}
            (Stage::Ready, Goal::Playing) => self.send(now, Method::Play),
            (Stage::Playing, Goal::Ready) => self.send(now, Method::Pause),
            (Stage::Ended, Goal::Playing) => self.send(now, Method::Teardown),
        }
    }

    fn send(&mut self, now: Instant, method: Method) {
        let header = match self.stage {
            Stage::ReadyToSetUp(port) => RequestHeader::ClientPort(port),
            _ => RequestHeader::SessionId(self.session_id.as_deref()),
        };
        let cseq = self.next_cseq;
        self.next_cseq += 1;
        self.actions.push_back(Action::Write(encode_request(&method, self.url.file(), cseq, header)));
        self.response_reader.clear();
        self.in_flight = Some(InFlight { method, cseq, deadline: now + self.options.response_timeout });
    }
}

/// What the replies mean.
impl ClassroomMachine {
    /// Bytes have come on the connection.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        if self.in_flight.is_some() {
            self.response_reader.push(now, bytes);
            self.read_response(now);
        }
    }

    fn read_response(&mut self, now: Instant) {
        match self.response_reader.poll_response(now) {
            Ok(Some(response)) => self.response(now, response),
            Ok(None) => {}
            Err(error) => self.fail(SessionError::NotRtsp { server: self.host_and_port(), problem: error.0 }),
        }
    }

    fn response(&mut self, now: Instant, mut reply: ClassroomResponse) {
        self.actions.push_back(Action::ResponseReceived(std::mem::take(&mut reply.text)));
        // One with a smaller number is late. Larger ones, and none at all, are a habit of some servers.
        let is_ours = |in_flight: &mut InFlight| reply.cseq.is_none_or(|cseq| cseq >= in_flight.cseq);
        let Some(InFlight { method, .. }) = self.in_flight.take_if(is_ours) else { return };
        if method == Method::Teardown {
            return self.handle_teardown(now);
        }
        if !reply.status.is_success() {
            return self.handle_refusal(method, reply);
        }
        if reply.session_id.is_some() {
            self.session_id = reply.session_id;
        }
        if let Some(frames) = reply.frame_count {
            self.actions.push_back(Action::Length(MediaLength {
                frame_count: frames,
                duration_seconds: reply.duration_seconds,
            }));
        }
        match (method, self.stage) {
            (Method::Setup, _) => self.enter_stage(Stage::Ready, Action::SetUp),
            (Method::Play, _) => self.enter_stage(Stage::Playing, Action::Started),
            // The film may have ended meanwhile.
            (_, Stage::Playing) => self.enter_stage(Stage::Ready, Action::Paused),
            _ => {}
        }
        self.advance(now);
    }

    fn enter_stage(&mut self, stage: Stage, action: Action) {
        self.stage = stage;
        self.actions.push_back(action);
    }

    fn handle_refusal(&mut self, method: Method, response: ClassroomResponse) {
        self.fail(match response.status {
            Code::NOT_FOUND => self.classroom_error(ClassroomErrorKind::NotFound),
            status => SessionError::Refused { method, status, reason_phrase: response.reason_phrase },
        });
    }

    /// Whatever the server says to TEARDOWN, the session is over.
    fn handle_teardown(&mut self, now: Instant) {
        let goal = self.goal;
        self.close();
        // The user may want to see the film again.
        self.goal = goal;
        self.advance(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct ScriptedSession {
        machine: ClassroomMachine,
        now: Instant,
        written: Vec<String>,
        errors: Vec<String>,
    }

    impl ScriptedSession {
        fn new() -> Self {
            let url = ClassroomUrl::new("lab.example", 1025, "movie.Mjpeg").unwrap();
            let machine = ClassroomMachine::new(url, RtspOptions::default());
            Self { machine, now: Instant::now(), written: Vec::new(), errors: Vec::new() }
        }

        fn perform_actions(&mut self) {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Connect(_) => self.machine.handle_connected(self.now),
                    Action::OpenPorts(_) => self.machine.handle_port_opened(self.now, 25_000),
                    Action::Write(bytes) => self.written.push(String::from_utf8(bytes.to_vec()).unwrap()),
                    Action::Failed(error) => self.errors.push(error.to_string()),
                    _ => {}
                }
            }
        }

        fn set_goal(&mut self, goal: Goal) {
            self.machine.set_goal(self.now, goal);
            self.perform_actions();
        }

        /// Answers, and lets the quiet pass that ends the answer.
        fn respond(&mut self, response: &str) {
            self.machine.handle_bytes(self.now, response.as_bytes());
            self.advance_time(Duration::from_millis(50));
        }

        fn advance_time(&mut self, duration: Duration) {
            self.now += duration;
            self.machine.handle_timeout(self.now);
            self.perform_actions();
        }

        fn lose_connection(&mut self, last_frame: Option<u64>) {
            self.machine.handle_connection_lost(self.now, None, last_frame);
            self.perform_actions();
        }

        fn playing() -> Self {
            let mut session = Self::new();
            session.set_goal(Goal::Playing);
            session.respond("RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456");
            session.respond("RTSP/1.0 200 OK\nCSeq: CSeq: 2");
            assert_eq!(session.machine.status().state, RtspState::Playing);
            session
        }

        fn methods(&self) -> Vec<&str> {
            self.written.iter().map(|request| request.split(' ').next().unwrap()).collect()
        }
    }

    #[test]
    fn requests_are_sequential_and_last_goal_wins() {
        let mut session = ScriptedSession::new();
        session.set_goal(Goal::Playing);
        session.set_goal(Goal::Ready);
        session.set_goal(Goal::Playing);
        assert_eq!(
            session.written,
            ["SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n"]
        );
        session.respond("RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456");
        session.set_goal(Goal::Ready);
        session.set_goal(Goal::Playing);
        session.set_goal(Goal::Ready);
        session.respond("RTSP/1.0 200 OK\nCSeq: 2\nSession: 123456");
        assert_eq!(session.methods(), ["SETUP", "PLAY", "PAUSE"]);
        assert_eq!(session.written[2], "PAUSE movie.Mjpeg RTSP/1.0\r\nCSeq: 3\r\nSession: 123456\r\n");
    }

    #[test]
    fn play_after_end_sets_up_again() {
        let mut session = ScriptedSession::playing();
        session.machine.handle_stream_end(session.now);
        session.perform_actions();
        let SessionStatus { state, goal, is_busy, .. } = session.machine.status();
        assert_eq!((state, goal, is_busy), (RtspState::Ready, Goal::Ready, false));
        session.set_goal(Goal::Playing);
        session.respond("RTSP/1.0 200 OK\nCSeq: 3\nSession: 123456");
        session.respond("RTSP/1.0 200 OK\nCSeq: 1\nSession: 654321");
        assert_eq!(session.methods(), ["SETUP", "PLAY", "TEARDOWN", "SETUP", "PLAY"]);
        assert_eq!(session.written[4], "PLAY movie.Mjpeg RTSP/1.0\r\nCSeq: 2\r\nSession: 654321\r\n");
    }

    #[test]
    fn each_failure_has_its_own_message() {
        let errors_after = |act: fn(&mut ScriptedSession)| {
            let mut session = ScriptedSession::new();
            session.set_goal(Goal::Playing);
            act(&mut session);
            assert_eq!(session.machine.status().state, RtspState::Init);
            assert!(!session.machine.status().is_busy);
            session.errors.join(" ")
        };
        let missing = errors_after(|session| session.respond("RTSP/1.0 404 NOT FOUND\nCSeq: 1\nSession: 0"));
        assert!(missing.contains("has no file \"movie.Mjpeg\""), "{missing}");
        let silent = errors_after(|session| session.advance_time(Duration::from_secs(5)));
        assert!(silent.contains("did not answer SETUP"), "{silent}");
        let dropped = errors_after(|session| session.lose_connection(None));
        assert!(dropped.contains("closed the connection at SETUP"), "{dropped}");
        let silent = errors_after(|session| {
            session.respond("RTSP/1.0 200 OK\nCSeq: 1\nSession: 1");
            session.advance_time(Duration::from_secs(5));
        });
        assert!(silent.contains("did not answer PLAY"), "{silent}");
        let busy = errors_after(|session| session.respond("RTSP/1.0 500 CON ERR\nCSeq: 1\nSession: 1"));
        assert!(busy.contains("refused SETUP: 500 CON ERR"), "{busy}");
        let other = errors_after(|session| session.respond("220 mail.example ready\r\n"));
        assert!(other.contains("does not speak RTSP"), "{other}");
    }

    #[test]
    fn lost_connection_is_error_only_while_playing() {
        let mut session = ScriptedSession::playing();
        session.lose_connection(Some(77));
        assert!(session.errors[0].contains("after frame 77 of \"movie.Mjpeg\""), "{:?}", session.errors);
        let mut session = ScriptedSession::playing();
        session.machine.handle_stream_end(session.now);
        session.lose_connection(Some(500));
        assert!(session.errors.is_empty() && session.machine.status().state == RtspState::Init);
        let mut session = ScriptedSession::playing();
        session.set_goal(Goal::Stopped);
        session.lose_connection(Some(3));
        assert!(session.errors.is_empty() && session.methods().last() == Some(&"TEARDOWN"));
    }
}
