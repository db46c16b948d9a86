//! State machine of the classroom dialect: a goal, a stage, and the request that leads from one to the other. Sans-I/O.
//!
//! Two things differ from RTSP. A request is not sent before the response to the previous one is complete. And a film
//! that has ended is torn down and set up on a new connection before it plays again, because most servers ignore a
//! second PLAY, and a second SETUP on the same connection.

use std::time::Instant;

use super::error::{ClassroomError, ClassroomErrorKind};
use super::messages::{ClassroomResponse, ClassroomResponseReader, RequestHeader, encode_request};
use super::port_spelling::PortSpelling;
use super::url::ClassroomUrl;
use crate::proto::rtsp::{Method, PortPair, StatusCode as Code};
use crate::session::error::SessionError;
use crate::session::machine::{Machine, MachineCore};
use crate::session::options::StreamOptions;
use crate::session::state::{Goal, RtspState, SessionStatus};

/// Action of the classroom dialect alone.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassroomAction {
    /// A response was received; its complete text is to be logged.
    ResponseReceived(String),
    /// A response states the length of the film.
    Length(MediaLength),
    /// The response to SETUP was received; the session is ready.
    SetUp,
    /// The response to PLAY was received; frames follow.
    Started,
    /// The response to PAUSE was received; no more frames are sent.
    Paused,
    /// The session was closed and is set up again with another spelling of the port.
    Respelled(PortSpelling),
    /// The server reads a spelling of the port that the options do not name.
    SpellingFound(PortSpelling),
}

/// Length of the film, which few servers state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MediaLength {
    /// Number of frames, at least 1; `None` if only the duration is stated.
    pub frame_count: Option<u64>,
    /// Duration in seconds, above 0; `None` if only the number of frames is stated.
    pub duration_seconds: Option<f64>,
}

/// State machine of the classroom dialect.
#[derive(Debug)]
pub struct ClassroomMachine {
    core: MachineCore<ClassroomAction>,
    url: ClassroomUrl,
    options: StreamOptions,
    stage: Stage,
    /// UDP port on which frames are received.
    rtp_port: u16,
    session_id: Option<String>,
    in_flight: Option<InFlight>,
    response_reader: ClassroomResponseReader,
    /// Spelling of the port in SETUP.
    spelling: PortSpelling,
    /// Spellings with which no packet arrived, since the user opened the session.
    failed_spellings: Vec<PortSpelling>,
    /// Error of the first spelling, which is reported if all others fail too.
    first_failure: Option<SessionError>,
    /// A packet has arrived, so the server understands the spelling.
    has_received: bool,
}

/// Progress of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Connecting {
        deadline: Instant,
    },
    /// The connection is open; no UDP port has been requested yet.
    Connected,
    OpeningPorts,
    /// The port that SETUP states is open.
    ReadyToSetUp,
    /// SETUP or PAUSE succeeded.
    Ready,
    Playing,
    /// The film has ended for the client; the server is still in state PLAYING.
    Ended,
}

#[derive(Debug)]
struct InFlight {
    method: Method,
    cseq: u32,
    deadline: Instant,
}

impl ClassroomMachine {
    /// Creates a machine without a session.
    pub fn new(url: ClassroomUrl, options: StreamOptions) -> Self {
        Self {
            core: MachineCore::default(),
            url,
            options,
            stage: Stage::Closed,
            rtp_port: 0,
            session_id: None,
            in_flight: None,
            response_reader: ClassroomResponseReader::default(),
            spelling: options.port_spelling,
            failed_spellings: Vec::new(),
            first_failure: None,
            has_received: false,
        }
    }

    /// UDP port on which frames are received.
    pub fn rtp_port(&self) -> u16 {
        self.rtp_port
    }

    /// Name of the requested file.
    pub fn file(&self) -> &str {
        self.url.file()
    }

    /// Handles the end of the film.
    pub fn handle_stream_end(&mut self, now: Instant) {
        if self.stage == Stage::Playing {
            self.stage = Stage::Ended;
        }
        if self.core.goal == Goal::Playing {
            self.core.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// Returns true if SETUP spells the port in another way than it was spelled at first.
    pub fn is_respelled(&self) -> bool {
        self.first_failure.is_some()
    }

    /// Handles the first packet of the stream: the server has understood the port.
    pub fn handle_first_packet(&mut self) {
        if std::mem::replace(&mut self.has_received, true) {
            return;
        }
        self.first_failure = None;
        self.failed_spellings.clear();
        if self.spelling != self.options.port_spelling {
            self.options.port_spelling = self.spelling;
            self.core.push(ClassroomAction::SpellingFound(self.spelling));
        }
    }

    /// Handles a PLAY that succeeded but cannot be shown: reports the reason and ends the session.
    pub fn handle_unplayable(&mut self, now: Instant, kind: ClassroomErrorKind) {
        let error = self.classroom_error(kind.clone());
        if matches!(kind, ClassroomErrorKind::NoFrames { .. }) && self.respell(now, &error) {
            return;
        }
        self.core.report_error(self.first_failure.take().unwrap_or(error));
        self.core.goal = Goal::Stopped;
        self.advance(now);
    }

    /// Completes the response that was being received: the connection is closed, so nothing more follows.
    pub fn finish_response(&mut self, now: Instant) {
        if let Some(response) = self.response_reader.finish() {
            self.handle_response(now, response);
        }
    }

    /// Handles a connection that could not be opened or was closed. `last_frame` is the number of the last complete
    /// frame, if any arrived.
    pub fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>, last_frame: Option<u64>) {
        self.finish_response(now);
        let method = self.in_flight.as_ref().map(|in_flight| in_flight.method.clone());
        match (&self.stage, method) {
            (Stage::Closed, _) => {}
            (Stage::Connecting { .. }, _) => {
                self.fail(SessionError::unreachable(self.host_and_port(), reason));
            }
            // Most servers close the connection instead of responding to TEARDOWN, or directly after the response.
            (_, Some(Method::Teardown)) => self.handle_teardown(now),
            _ if self.core.goal == Goal::Stopped => self.close(),
            (Stage::Ended, _) => self.close(),
            (_, Some(method @ (Method::Setup | Method::Play))) => {
                self.fail_or_respell(now, self.classroom_error(ClassroomErrorKind::ClosedDuring(method)));
            }
            (Stage::Playing, _) => match last_frame {
                Some(frame_number) => {
                    self.fail(self.classroom_error(ClassroomErrorKind::ClosedAfterFrame { frame_number }));
                }
                None => {
                    let kind = ClassroomErrorKind::ClosedDuring(Method::Play);
                    self.fail_or_respell(now, self.classroom_error(kind));
                }
            },
            _ => self.fail(SessionError::ConnectionLost { server: self.host_and_port() }),
        }
    }

    /// Returns the time at which [`ClassroomMachine::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(*deadline),
            (_, Some(in_flight)) => {
                self.response_reader.poll_timeout().into_iter().chain([in_flight.deadline]).min()
            }
            _ => None,
        }
    }

    /// Reads a response that is complete by now, and checks the deadlines.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.read_response(now);
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) if now >= *deadline => {
                self.fail(SessionError::unreachable(self.host_and_port(), None));
            }
            (_, Some(in_flight)) if now >= in_flight.deadline => self.handle_response_timeout(now),
            _ => {}
        }
    }

    fn handle_response_timeout(&mut self, now: Instant) {
        match self.in_flight.take().map(|in_flight| in_flight.method) {
            // Whether the server received TEARDOWN or not, the session is over.
            Some(Method::Teardown) => self.handle_teardown(now),
            Some(method) => self.fail(self.classroom_error(ClassroomErrorKind::NoResponse(method))),
            None => {}
        }
    }

    /// Fails, unless the server may only not have understood the port.
    fn fail_or_respell(&mut self, now: Instant, error: SessionError) {
        if !self.respell(now, &error) {
            self.fail(error);
        }
    }

    /// Sets up again on a new connection with the next spelling of the port. Returns false if each was tried, or one is
    /// known to be understood.
    fn respell(&mut self, now: Instant, error: &SessionError) -> bool {
        self.failed_spellings.push(self.spelling);
        let untried = PortSpelling::ALL.into_iter().find(|next| !self.failed_spellings.contains(next));
        let Some(next) = untried.filter(|_| !self.has_received && self.core.goal != Goal::Stopped) else {
            return false;
        };
        self.first_failure.get_or_insert_with(|| error.clone());
        self.spelling = next;
        self.core.disconnect();
        self.clear_session();
        self.core.push(ClassroomAction::Respelled(next));
        self.advance(now);
        true
    }

    fn clear_session(&mut self) {
        self.stage = Stage::Closed;
        self.session_id = None;
        self.in_flight = None;
        self.response_reader.clear();
    }

    /// Host and port of the server.
    pub fn host_and_port(&self) -> String {
        self.url.host_and_port()
    }

    fn classroom_error(&self, kind: ClassroomErrorKind) -> SessionError {
        SessionError::Classroom(ClassroomError {
            server: self.host_and_port(),
            file: self.file().to_owned(),
            kind,
        })
    }

    fn send(&mut self, now: Instant, method: Method) {
        let header = match self.stage {
            Stage::ReadyToSetUp => RequestHeader::ClientPort(self.rtp_port, self.spelling),
            _ => RequestHeader::SessionId(self.session_id.as_deref()),
        };
        let cseq = self.core.take_cseq();
        let request = encode_request(&method, self.url.file(), cseq, header);
        self.core.send_request(method.clone(), request);
        self.response_reader.clear();
        self.in_flight = Some(InFlight { method, cseq, deadline: now + self.options.response_timeout });
    }
}

impl Machine for ClassroomMachine {
    type Action = ClassroomAction;

    fn status(&self) -> SessionStatus {
        let state = match self.stage {
            Stage::Ready | Stage::Ended => RtspState::Ready,
            Stage::Playing => RtspState::Playing,
            _ => RtspState::Init,
        };
        let is_waiting = matches!(self.stage, Stage::Connecting { .. } | Stage::OpeningPorts);
        let in_flight = self.in_flight.as_ref().map(|in_flight| in_flight.method.clone());
        self.core.status(state, in_flight, is_waiting)
    }

    fn core(&self) -> &MachineCore<ClassroomAction> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut MachineCore<ClassroomAction> {
        &mut self.core
    }

    fn advance(&mut self, now: Instant) {
        if self.in_flight.is_some() {
            return;
        }
        match (self.stage, self.core.goal) {
            (Stage::Ready | Stage::Playing | Stage::Ended, Goal::Stopped) => self.send(now, Method::Teardown),
            (_, Goal::Stopped) => self.close(),
            (Stage::Closed, _) => {
                self.stage = Stage::Connecting { deadline: now + self.options.response_timeout };
                self.core.connect(self.url.host(), self.url.port(), false);
            }
            (Stage::Connecting { .. } | Stage::OpeningPorts, _) => {}
            (Stage::Connected, _) => {
                self.stage = Stage::OpeningPorts;
                self.core.open_ports(self.options.rtp_port);
            }
            (Stage::ReadyToSetUp, _) => self.send(now, Method::Setup),
            (Stage::Ready | Stage::Ended, Goal::Ready) | (Stage::Playing, Goal::Playing) => {}
            (Stage::Ready, Goal::Playing) => self.send(now, Method::Play),
            (Stage::Playing, Goal::Ready) => self.send(now, Method::Pause),
            (Stage::Ended, Goal::Playing) => self.send(now, Method::Teardown),
        }
    }

    fn deadline_mut(&mut self) -> Option<&mut Instant> {
        if let Stage::Connecting { deadline } = &mut self.stage {
            return Some(deadline);
        }
        Some(&mut self.in_flight.as_mut()?.deadline)
    }

    fn close(&mut self) {
        if self.stage != Stage::Closed {
            self.core.disconnect();
            self.core.report_closed();
        }
        self.clear_session();
        self.core.goal = Goal::Stopped;
        self.spelling = self.options.port_spelling;
        self.failed_spellings.clear();
        self.first_failure = None;
    }

    fn fail(&mut self, error: SessionError) {
        let error = self.first_failure.take().unwrap_or(error);
        self.core.report_error(error);
        self.close();
    }

    fn handle_connected(&mut self, now: Instant) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Connected;
            self.advance(now);
        }
    }

    fn handle_ports_opened(&mut self, now: Instant, ports: PortPair) {
        if self.stage == Stage::OpeningPorts {
            self.stage = Stage::ReadyToSetUp;
            self.rtp_port = ports.rtp;
            self.advance(now);
        }
    }

    fn handle_ports_failed(&mut self, reason: String) {
        if self.stage == Stage::OpeningPorts {
            self.fail(SessionError::PortsUnavailable { port: self.options.rtp_port, reason });
        }
    }
}

/// Responses of the server.
impl ClassroomMachine {
    /// Handles bytes from the connection. Bytes that no request waits for are ignored.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        if self.in_flight.is_some() {
            self.response_reader.push(now, bytes);
            self.read_response(now);
        }
    }

    fn read_response(&mut self, now: Instant) {
        match self.response_reader.poll_response(now) {
            Ok(Some(response)) => self.handle_response(now, response),
            Ok(None) => {}
            Err(error) => {
                self.fail(SessionError::NotRtsp { server: self.host_and_port(), problem: error.to_string() })
            }
        }
    }

    fn handle_response(&mut self, now: Instant, mut response: ClassroomResponse) {
        self.core.push(ClassroomAction::ResponseReceived(std::mem::take(&mut response.text)));
        // A smaller CSeq belongs to an earlier request. Some servers send larger ones, or none.
        let is_expected = |in_flight: &mut InFlight| response.cseq.is_none_or(|cseq| cseq >= in_flight.cseq);
        let Some(InFlight { method, .. }) = self.in_flight.take_if(is_expected) else { return };
        if method == Method::Teardown {
            return self.handle_teardown(now);
        }
        if !response.status.is_success() {
            return self.handle_refusal(now, method, response);
        }
        if response.session_id.is_some() {
            self.session_id = response.session_id;
        }
        let length =
            MediaLength { frame_count: response.frame_count, duration_seconds: response.duration_seconds };
        if length != MediaLength::default() {
            self.core.push(ClassroomAction::Length(length));
        }
        match (method, self.stage) {
            (Method::Setup, _) => self.enter_stage(Stage::Ready, ClassroomAction::SetUp),
            (Method::Play, _) => self.enter_stage(Stage::Playing, ClassroomAction::Started),
            // PAUSE: in any other stage the film has ended meanwhile.
            (_, Stage::Playing) => self.enter_stage(Stage::Ready, ClassroomAction::Paused),
            _ => {}
        }
        self.advance(now);
    }

    fn enter_stage(&mut self, stage: Stage, action: ClassroomAction) {
        self.stage = stage;
        self.core.push(action);
    }

    fn handle_refusal(&mut self, now: Instant, method: Method, response: ClassroomResponse) {
        let ClassroomResponse { status, reason_phrase, .. } = response;
        let may_be_port = status.code() >= 500 && matches!(method, Method::Setup | Method::Play);
        let error = match status {
            Code::NOT_FOUND => self.classroom_error(ClassroomErrorKind::NotFound),
            status => SessionError::Refused { method, status, reason_phrase },
        };
        match may_be_port {
            true => self.fail_or_respell(now, error),
            false => self.fail(error),
        }
    }

    /// Ends the session, whatever the status of the TEARDOWN response.
    fn handle_teardown(&mut self, now: Instant) {
        self.close_keeping_goal();
        self.advance(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::machine::Action;
    use std::time::Duration;

    struct ScriptedSession {
        machine: ClassroomMachine,
        now: Instant,
        written: Vec<String>,
        errors: Vec<String>,
        is_unreachable: bool,
        has_no_ports: bool,
    }

    impl ScriptedSession {
        fn new() -> Self {
            let url = ClassroomUrl::new("lab.example", 1025, "movie.Mjpeg").unwrap();
            let machine = ClassroomMachine::new(url, StreamOptions::default());
            Self {
                machine,
                now: Instant::now(),
                written: Vec::new(),
                errors: Vec::new(),
                is_unreachable: false,
                has_no_ports: false,
            }
        }

        fn perform_actions(&mut self) {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Connect { .. } if self.is_unreachable => self.lose_connection(None),
                    Action::Connect { .. } => self.machine.handle_connected(self.now),
                    Action::OpenPorts(_) if self.has_no_ports => {
                        self.machine.handle_ports_failed("in use".to_owned());
                    }
                    Action::OpenPorts(_) => {
                        self.machine.handle_ports_opened(self.now, PortPair { rtp: 25_000, rtcp: 25_001 });
                    }
                    Action::SendRequest { bytes, .. } => {
                        self.written.push(String::from_utf8(bytes.to_vec()).unwrap());
                    }
                    Action::Failed(error) => self.errors.push(error.to_string()),
                    _ => {}
                }
            }
        }

        fn set_goal(&mut self, goal: Goal) {
            self.machine.set_goal(self.now, goal);
            self.perform_actions();
        }

        /// Responds, and waits until the response is complete.
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
    fn server_or_ports_that_cannot_be_reached_are_reported() {
        let failure = |is_unreachable, has_no_ports| {
            let mut session = ScriptedSession { is_unreachable, has_no_ports, ..ScriptedSession::new() };
            session.set_goal(Goal::Playing);
            assert_eq!((session.machine.status().state, session.written.len()), (RtspState::Init, 0));
            session.errors.join(" ")
        };
        let unreachable = SessionError::unreachable("lab.example:1025".to_owned(), None);
        assert_eq!(failure(true, false), unreachable.to_string());
        let no_ports = SessionError::PortsUnavailable { port: None, reason: "in use".to_owned() };
        assert_eq!(failure(false, true), no_ports.to_string());
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
        assert!(silent.contains("did not respond to SETUP"), "{silent}");
        // These may come from the spelling of the port, so SETUP is sent with each of them.
        let dropped = errors_after(|session| {
            PortSpelling::ALL.iter().for_each(|_| session.lose_connection(None));
        });
        assert!(dropped.contains("closed the connection during SETUP"), "{dropped}");
        let silent = errors_after(|session| {
            session.respond("RTSP/1.0 200 OK\nCSeq: 1\nSession: 1");
            session.advance_time(Duration::from_secs(5));
        });
        assert!(silent.contains("did not respond to PLAY"), "{silent}");
        let busy = errors_after(|session| {
            let refusal = "RTSP/1.0 500 CON ERR\nCSeq: 1\nSession: 1";
            PortSpelling::ALL.iter().for_each(|_| session.respond(refusal));
        });
        assert!(busy.contains("refused SETUP: 500 CON ERR"), "{busy}");
        let other = errors_after(|session| session.respond("220 mail.example ready\r\n"));
        assert!(other.contains("does not speak RTSP"), "{other}");
    }

    #[test]
    fn port_is_not_respelled_once_a_packet_has_arrived_or_the_session_is_stopped() {
        let mut session = ScriptedSession::playing();
        session.machine.handle_first_packet();
        session.lose_connection(None);
        assert_eq!((session.errors.len(), session.methods().as_slice()), (1, &["SETUP", "PLAY"][..]));
        let mut session = ScriptedSession::new();
        session.set_goal(Goal::Playing);
        session.set_goal(Goal::Stopped);
        session.lose_connection(None);
        assert_eq!((session.errors.len(), session.methods().as_slice()), (0, &["SETUP"][..]));
    }

    #[test]
    fn refusal_with_another_status_does_not_respell_the_port() {
        for refusal in ["404 NOT FOUND", "461 Unsupported", "400 Bad"] {
            let mut session = ScriptedSession::new();
            session.set_goal(Goal::Playing);
            session.respond(&format!("RTSP/1.0 {refusal}\nCSeq: 1\nSession: 1"));
            assert_eq!((session.errors.len(), session.methods().len()), (1, 1), "{refusal}");
        }
    }

    #[test]
    fn remembered_spelling_is_used_first() {
        let url = ClassroomUrl::new("lab.example", 1025, "movie.Mjpeg").unwrap();
        let options = StreamOptions { port_spelling: PortSpelling::Bare, ..StreamOptions::default() };
        let machine = ClassroomMachine::new(url, options);
        let mut session = ScriptedSession { machine, ..ScriptedSession::new() };
        session.set_goal(Goal::Ready);
        session.lose_connection(None);
        let transports: Vec<_> =
            session.written.iter().filter_map(|request| request.lines().nth(2)).collect();
        assert_eq!(transports, ["Transport: RTP/UDP 25000", "Transport: RTP/UDP; client_port= 25000"]);
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

    #[test]
    fn second_loss_of_a_connection_changes_nothing() {
        let mut session = ScriptedSession::playing();
        session.lose_connection(Some(77));
        session.lose_connection(Some(77));
        assert_eq!((session.errors.len(), session.machine.status().goal), (1, Goal::Stopped));
    }

    /// Play is pressed again before the server has closed the connection in place of a response to TEARDOWN.
    #[test]
    fn connection_that_is_closed_for_teardown_is_not_reported_as_lost() {
        let mut session = ScriptedSession::playing();
        session.set_goal(Goal::Stopped);
        session.set_goal(Goal::Playing);
        session.lose_connection(Some(3));
        assert_eq!(session.errors, [""; 0]);
        assert_eq!(session.methods(), ["SETUP", "PLAY", "TEARDOWN", "SETUP"]);
    }

    /// Input that has arrived while the process was stopped is read first.
    #[test]
    fn deadline_of_a_connection_attempt_or_a_response_can_be_extended() {
        let mut session = ScriptedSession::new();
        assert_eq!(session.machine.deadline_mut(), None);
        session.machine.set_goal(session.now, Goal::Ready);
        for _ in ["connection", "response to SETUP"] {
            let extended = session.now + Duration::from_secs(60);
            *session.machine.deadline_mut().unwrap() = extended;
            session.machine.handle_timeout(extended - Duration::from_millis(1));
            assert_eq!(session.machine.poll_timeout(), Some(extended));
            session.perform_actions();
        }
        session.advance_time(Duration::from_secs(60));
        assert_eq!(session.errors.len(), 1);
    }
}
