//! PURE. The classroom dialect's side of RTSP: a goal, a stage, and the request that leads from one to the other.
//!
//! As in the standard dialect a click only moves the goal. Two things differ: a request waits until the reply before
//! it is whole, and a film that is over is torn down and set up on a new connection before it plays again, because
//! most servers ignore another PLAY, and another SETUP on the same connection.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::error::{Trouble, TroubleKind};
use super::messages::{Reply, ReplyReader, ThirdLine, request};
use super::url::ClassroomUrl;
use crate::proto::rtsp::{Method, Status as Code};
use crate::session::error::Failure;
use crate::session::options::MachineOptions;
use crate::session::state::{Goal, RtspState, Status};

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Connect to the server of this URL, and answer with [`Machine::connected`] or [`Machine::connection_lost`].
    Connect(ClassroomUrl),
    /// Close the connection and the port.
    Disconnect,
    /// Bind the RTP port, and answer with [`Machine::port_open`] or [`Machine::ports_failed`].
    OpenPorts(Option<u16>),
    /// Write this at once.
    Write(Bytes),
    /// This reply has come.
    Heard(String),
    /// A reply says this of the film.
    Length(Length),
    /// SETUP was answered.
    SetUp,
    /// PLAY was answered.
    Started,
    /// PAUSE was answered.
    Paused,
    /// There is no session any more.
    Closed,
    /// Something went wrong.
    Failed(Failure),
}

/// What few servers say of a film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// Frames of it.
    pub frames: u64,
    /// Seconds of it.
    pub seconds: Option<f64>,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    url: ClassroomUrl,
    options: MachineOptions,
    goal: Goal,
    wishes: u64,
    stage: Stage,
    session: Option<String>,
    in_flight: Option<InFlight>,
    reader: ReplyReader,
    next_cseq: u32,
    outputs: VecDeque<Output>,
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
    Addressed(u16),
    /// SETUP answered, or PAUSE.
    Ready,
    /// PLAY answered.
    Playing,
    /// The film is over. The server thinks that it is still playing it.
    Over,
}

#[derive(Debug)]
struct InFlight {
    method: Method,
    cseq: u32,
    deadline: Instant,
}

impl Machine {
    /// A machine that stands still.
    pub fn new(url: ClassroomUrl, options: MachineOptions) -> Self {
        Self {
            url,
            options,
            goal: Goal::Stopped,
            wishes: 0,
            stage: Stage::Closed,
            session: None,
            in_flight: None,
            reader: ReplyReader::default(),
            next_cseq: 1,
            outputs: VecDeque::new(),
        }
    }

    /// The file that is asked for.
    pub fn file(&self) -> &str {
        self.url.file()
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> Status {
        let state = match self.stage {
            Stage::Ready | Stage::Over => RtspState::Ready,
            Stage::Playing => RtspState::Playing,
            _ => RtspState::Init,
        };
        let is_waiting = matches!(self.stage, Stage::Connecting { .. } | Stage::OpeningPorts);
        Status {
            state,
            goal: self.goal,
            in_flight: self.in_flight.as_ref().map(|in_flight| in_flight.method.clone()),
            is_busy: self.in_flight.is_some() || is_waiting,
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
        self.advance(now);
    }

    /// The connection stands.
    pub fn connected(&mut self, now: Instant) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Connected;
            self.advance(now);
        }
    }

    /// The port that was asked for is open.
    pub fn port_open(&mut self, now: Instant, port: u16) {
        if self.stage == Stage::OpeningPorts {
            self.stage = Stage::Addressed(port);
            self.advance(now);
        }
    }

    /// The port that was asked for is not to be had.
    pub fn ports_failed(&mut self, why: String) {
        if self.stage == Stage::OpeningPorts {
            self.fail(Failure::NoPorts { port: self.options.rtp_port, why });
        }
    }

    /// The film has come to its end by itself.
    pub fn film_over(&mut self, now: Instant) {
        if self.stage == Stage::Playing {
            self.stage = Stage::Over;
        }
        if self.goal == Goal::Playing {
            self.goal = Goal::Ready;
        }
        self.advance(now);
    }

    /// PLAY was answered, and nothing has come of it: there is no use in going on.
    pub fn no_pictures(&mut self, now: Instant, port: u16) {
        let trouble = self.trouble(TroubleKind::NoPictures { port });
        self.outputs.push_back(Output::Failed(trouble));
        self.goal = Goal::Stopped;
        self.advance(now);
    }

    /// The connection is gone: what has come of a reply is all of it.
    pub fn hear_out(&mut self, now: Instant) {
        if let Some(reply) = self.reader.take_last() {
            self.reply(now, reply);
        }
    }

    /// The connection could not be made, or is gone; so many frames have come by then.
    pub fn connection_lost(&mut self, now: Instant, why: Option<String>, frame: Option<u64>) {
        self.hear_out(now);
        let method = self.in_flight.as_ref().map(|in_flight| in_flight.method.clone());
        match (&self.stage, method) {
            (Stage::Closed, _) => {}
            (Stage::Connecting { .. }, _) => {
                let why = why.unwrap_or_else(|| "no answer".to_owned());
                self.fail(Failure::Unreachable { server: self.server(), why });
            }
            // Most servers close the connection instead of answering TEARDOWN, or right behind the answer.
            (_, Some(Method::Teardown)) => self.torn_down(now),
            _ if self.goal == Goal::Stopped => self.close(),
            (Stage::Over, _) => self.close(),
            (_, Some(method @ (Method::Setup | Method::Play))) => {
                self.fail(self.trouble(TroubleKind::ClosedAt(method)));
            }
            (Stage::Playing, _) if frame.is_some() => {
                let kind = TroubleKind::ClosedAfter { frame: frame.unwrap_or_default() };
                self.fail(self.trouble(kind));
            }
            (Stage::Playing, _) => self.fail(self.trouble(TroubleKind::ClosedAt(Method::Play))),
            _ => self.fail(Failure::ConnectionLost { server: self.server() }),
        }
    }

    /// When [`Machine::timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) => Some(*deadline),
            (_, Some(in_flight)) => self.reader.deadline().into_iter().chain([in_flight.deadline]).min(),
            _ => None,
        }
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Instant) {
        self.take_reply(now);
        match (&self.stage, &self.in_flight) {
            (Stage::Connecting { deadline }, _) if now >= *deadline => {
                self.fail(Failure::Unreachable { server: self.server(), why: "no answer".to_owned() });
            }
            (_, Some(in_flight)) if now >= in_flight.deadline => self.give_up_waiting(now),
            _ => {}
        }
    }

    fn give_up_waiting(&mut self, now: Instant) {
        match self.in_flight.take().map(|in_flight| in_flight.method) {
            // The server has understood, or never will.
            Some(Method::Teardown) => self.torn_down(now),
            Some(method) => self.fail(self.trouble(TroubleKind::NoAnswer(method))),
            None => {}
        }
    }

    fn server(&self) -> String {
        self.url.server()
    }

    fn trouble(&self, kind: TroubleKind) -> Failure {
        Failure::Classroom(Trouble { server: self.server(), file: self.file().to_owned(), kind })
    }

    /// The reason comes before the end, for whoever listens no longer than to the end.
    fn fail(&mut self, failure: Failure) {
        self.outputs.push_back(Output::Failed(failure));
        self.close();
    }

    /// Back to where it began.
    fn close(&mut self) {
        if self.stage != Stage::Closed {
            self.outputs.push_back(Output::Disconnect);
            self.outputs.push_back(Output::Closed);
        }
        self.stage = Stage::Closed;
        self.goal = Goal::Stopped;
        self.session = None;
        self.in_flight = None;
        self.reader.clear();
        self.next_cseq = 1;
    }
}

/// What comes next.
impl Machine {
    fn advance(&mut self, now: Instant) {
        if self.in_flight.is_some() {
            return;
        }
        match (self.stage, self.goal) {
            (Stage::Ready | Stage::Playing | Stage::Over, Goal::Stopped) => self.send(now, Method::Teardown),
            (_, Goal::Stopped) => self.close(),
            (Stage::Closed, _) => {
                self.stage = Stage::Connecting { deadline: now + self.options.patience };
                self.outputs.push_back(Output::Connect(self.url.clone()));
            }
            (Stage::Connecting { .. } | Stage::OpeningPorts, _) => {}
            (Stage::Connected, _) => {
                self.stage = Stage::OpeningPorts;
                self.outputs.push_back(Output::OpenPorts(self.options.rtp_port));
            }
            (Stage::Addressed(_), _) => self.send(now, Method::Setup),
            (Stage::Ready | Stage::Over, Goal::Ready) | (Stage::Playing, Goal::Playing) => {}
            (Stage::Ready, Goal::Playing) => self.send(now, Method::Play),
            (Stage::Playing, Goal::Ready) => self.send(now, Method::Pause),
            (Stage::Over, Goal::Playing) => self.send(now, Method::Teardown),
        }
    }

    fn send(&mut self, now: Instant, method: Method) {
        let third = match self.stage {
            Stage::Addressed(port) => ThirdLine::Port(port),
            _ => ThirdLine::Session(self.session.as_deref()),
        };
        let cseq = self.next_cseq;
        self.next_cseq += 1;
        self.outputs.push_back(Output::Write(request(&method, self.url.file(), cseq, third)));
        self.reader.clear();
        self.in_flight = Some(InFlight { method, cseq, deadline: now + self.options.patience });
    }
}

/// What the replies mean.
impl Machine {
    /// Octets have come on the connection.
    pub fn received(&mut self, now: Instant, octets: &[u8]) {
        if self.in_flight.is_some() {
            self.reader.push(now, octets);
            self.take_reply(now);
        }
    }

    fn take_reply(&mut self, now: Instant) {
        match self.reader.take(now) {
            Ok(Some(reply)) => self.reply(now, reply),
            Ok(None) => {}
            Err(error) => self.fail(Failure::NotRtsp { server: self.server(), what: error.0 }),
        }
    }

    fn reply(&mut self, now: Instant, mut reply: Reply) {
        self.outputs.push_back(Output::Heard(std::mem::take(&mut reply.text)));
        // One with a smaller number is late. Larger ones, and none at all, are a habit of some servers.
        let is_ours = |in_flight: &mut InFlight| reply.cseq.is_none_or(|cseq| cseq >= in_flight.cseq);
        let Some(InFlight { method, .. }) = self.in_flight.take_if(is_ours) else { return };
        if method == Method::Teardown {
            return self.torn_down(now);
        }
        if !reply.status.is_success() {
            return self.refused(method, reply);
        }
        if reply.session.is_some() {
            self.session = reply.session;
        }
        if let Some(frames) = reply.frames {
            self.outputs.push_back(Output::Length(Length { frames, seconds: reply.seconds }));
        }
        match (method, self.stage) {
            (Method::Setup, _) => self.reach(Stage::Ready, Output::SetUp),
            (Method::Play, _) => self.reach(Stage::Playing, Output::Started),
            // The film may have ended meanwhile.
            (_, Stage::Playing) => self.reach(Stage::Ready, Output::Paused),
            _ => {}
        }
        self.advance(now);
    }

    fn reach(&mut self, stage: Stage, output: Output) {
        self.stage = stage;
        self.outputs.push_back(output);
    }

    fn refused(&mut self, method: Method, reply: Reply) {
        self.fail(match reply.status {
            Code::NOT_FOUND => self.trouble(TroubleKind::NotFound),
            status => Failure::Refused { method, status, reason: reply.reason },
        });
    }

    /// Whatever the server says to TEARDOWN, the session is over.
    fn torn_down(&mut self, now: Instant) {
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

    struct Scripted {
        machine: Machine,
        now: Instant,
        written: Vec<String>,
        failures: Vec<String>,
    }

    impl Scripted {
        fn new() -> Self {
            let url = ClassroomUrl::new("lab.example", 1025, "movie.Mjpeg").unwrap();
            let machine = Machine::new(url, MachineOptions::default());
            Self { machine, now: Instant::now(), written: Vec::new(), failures: Vec::new() }
        }

        fn carry_out(&mut self) {
            while let Some(output) = self.machine.poll() {
                match output {
                    Output::Connect(_) => self.machine.connected(self.now),
                    Output::OpenPorts(_) => self.machine.port_open(self.now, 25_000),
                    Output::Write(octets) => self.written.push(String::from_utf8(octets.to_vec()).unwrap()),
                    Output::Failed(failure) => self.failures.push(failure.to_string()),
                    _ => {}
                }
            }
        }

        fn want(&mut self, goal: Goal) {
            self.machine.set_goal(self.now, goal);
            self.carry_out();
        }

        /// Answers, and lets the quiet pass that ends the answer.
        fn answer(&mut self, words: &str) {
            self.machine.received(self.now, words.as_bytes());
            self.pass(Duration::from_millis(50));
        }

        fn pass(&mut self, span: Duration) {
            self.now += span;
            self.machine.timeout(self.now);
            self.carry_out();
        }

        fn lose(&mut self, frame: Option<u64>) {
            self.machine.connection_lost(self.now, None, frame);
            self.carry_out();
        }

        fn playing() -> Self {
            let mut script = Self::new();
            script.want(Goal::Playing);
            script.answer("RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456");
            script.answer("RTSP/1.0 200 OK\nCSeq: CSeq: 2");
            assert_eq!(script.machine.status().state, RtspState::Playing);
            script
        }

        fn methods(&self) -> Vec<&str> {
            self.written.iter().map(|request| request.split(' ').next().unwrap()).collect()
        }
    }

    #[test]
    fn one_request_at_a_time_and_the_last_click_decides() {
        let mut script = Scripted::new();
        script.want(Goal::Playing);
        script.want(Goal::Ready);
        script.want(Goal::Playing);
        assert_eq!(
            script.written,
            ["SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n"]
        );
        script.answer("RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456");
        script.want(Goal::Ready);
        script.want(Goal::Playing);
        script.want(Goal::Ready);
        script.answer("RTSP/1.0 200 OK\nCSeq: 2\nSession: 123456");
        assert_eq!(script.methods(), ["SETUP", "PLAY", "PAUSE"]);
        assert_eq!(script.written[2], "PAUSE movie.Mjpeg RTSP/1.0\r\nCSeq: 3\r\nSession: 123456\r\n");
    }

    #[test]
    fn a_film_that_is_over_is_set_up_anew() {
        let mut script = Scripted::playing();
        script.machine.film_over(script.now);
        script.carry_out();
        let Status { state, goal, is_busy, .. } = script.machine.status();
        assert_eq!((state, goal, is_busy), (RtspState::Ready, Goal::Ready, false));
        script.want(Goal::Playing);
        script.answer("RTSP/1.0 200 OK\nCSeq: 3\nSession: 123456");
        script.answer("RTSP/1.0 200 OK\nCSeq: 1\nSession: 654321");
        assert_eq!(script.methods(), ["SETUP", "PLAY", "TEARDOWN", "SETUP", "PLAY"]);
        assert_eq!(script.written[4], "PLAY movie.Mjpeg RTSP/1.0\r\nCSeq: 2\r\nSession: 654321\r\n");
    }

    #[test]
    fn each_way_of_failing_has_its_sentence() {
        let failure = |act: fn(&mut Scripted)| {
            let mut script = Scripted::new();
            script.want(Goal::Playing);
            act(&mut script);
            assert_eq!(script.machine.status().state, RtspState::Init);
            assert!(!script.machine.status().is_busy);
            script.failures.join(" ")
        };
        let missing = failure(|script| script.answer("RTSP/1.0 404 NOT FOUND\nCSeq: 1\nSession: 0"));
        assert!(missing.contains("has no file \"movie.Mjpeg\""), "{missing}");
        let mute = failure(|script| script.pass(Duration::from_secs(5)));
        assert!(mute.contains("did not answer SETUP"), "{mute}");
        let dropped = failure(|script| script.lose(None));
        assert!(dropped.contains("closed the connection at SETUP"), "{dropped}");
        let mute = failure(|script| {
            script.answer("RTSP/1.0 200 OK\nCSeq: 1\nSession: 1");
            script.pass(Duration::from_secs(5));
        });
        assert!(mute.contains("did not answer PLAY"), "{mute}");
        let busy = failure(|script| script.answer("RTSP/1.0 500 CON ERR\nCSeq: 1\nSession: 1"));
        assert!(busy.contains("refused SETUP: 500 CON ERR"), "{busy}");
        let other = failure(|script| script.answer("220 mail.example ready\r\n"));
        assert!(other.contains("does not speak RTSP"), "{other}");
    }

    #[test]
    fn a_connection_that_goes_is_trouble_only_while_something_is_wanted_of_it() {
        let mut script = Scripted::playing();
        script.lose(Some(77));
        assert!(script.failures[0].contains("after frame 77 of \"movie.Mjpeg\""), "{:?}", script.failures);
        let mut script = Scripted::playing();
        script.machine.film_over(script.now);
        script.lose(Some(500));
        assert!(script.failures.is_empty() && script.machine.status().state == RtspState::Init);
        let mut script = Scripted::playing();
        script.want(Goal::Stopped);
        script.lose(Some(3));
        assert!(script.failures.is_empty() && script.methods().last() == Some(&"TEARDOWN"));
    }
}
