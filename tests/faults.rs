//! Servers that fail in every way a connection lets them: scripted, over real sockets.

mod common;

use std::time::Duration;

use reelay::proto::rtsp::{Frame, Framer, Limits, Request, RtspUrl};
use reelay::session::{
    Event, FrameSink, Goal, MachineOptions, ReceivedFrame, Session, SessionOptions, TransportChoice,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing on loopback takes this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server without a connection yet.
struct Peer(TcpListener);

/// A connection to it.
struct Line {
    stream: TcpStream,
    framer: Framer,
}

impl Peer {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn url(&self) -> RtspUrl {
        RtspUrl::parse(&format!("rtsp://{}/film", self.0.local_addr().unwrap())).unwrap()
    }

    async fn accept(&self) -> Line {
        let (stream, _) = timeout(PATIENCE, self.0.accept()).await.expect("the player connects").unwrap();
        Line { stream, framer: Framer::new(Limits::SERVER) }
    }
}

/// The description of ten seconds.
const TEN_SECONDS: &str = "v=0\r\na=range:npt=0-10\r\nm=video 0 RTP/AVP 26\r\na=framerate:20\r\n";

impl Line {
    /// What the player says next; `None` if it hangs up.
    async fn next(&mut self) -> Option<Frame> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                return Some(frame);
            }
            match timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("a word of the player") {
                Ok(count) if count > 0 => self.framer.push(&buffer[..count]),
                _ => return None,
            }
        }
    }

    /// The next request, which is this one.
    async fn asked(&mut self, method: &str) -> Request {
        loop {
            match self.next().await {
                Some(Frame::Request(request)) => {
                    assert_eq!(request.method.as_str(), method);
                    return request;
                }
                // Its reports.
                Some(Frame::Interleaved { .. }) => {}
                other => panic!("{other:?} instead of {method}"),
            }
        }
    }

    async fn write(&mut self, octets: impl AsRef<[u8]>) {
        // A player that has had enough may have hung up.
        let _ = self.stream.write_all(octets.as_ref()).await;
    }

    /// Answers the next request, which is this one.
    async fn answer(&mut self, method: &str, headers: &str, body: &str) -> Request {
        let request = self.asked(method).await;
        let cseq = request.headers.cseq().unwrap();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.write(format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}{length}\r\n{body}")).await;
        request
    }

    /// Answers all that comes before PLAY.
    async fn set_up(&mut self) {
        self.answer("OPTIONS", "Public: GET_PARAMETER\r\n", "").await;
        self.answer("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECONDS).await;
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n";
        self.answer("SETUP", transport, "").await;
    }

    /// … and PLAY, which it returns.
    async fn play(&mut self) -> Request {
        self.set_up().await;
        self.answer("PLAY", "Session: 12345678\r\n", "").await
    }
}

/// A session, and what comes out of it.
struct Playing {
    _session: Session,
    _frames: mpsc::Receiver<ReceivedFrame>,
    events: mpsc::Receiver<Event>,
}

impl Playing {
    /// Over the RTSP connection.
    fn start(peer: &Peer, machine: MachineOptions) -> Self {
        let machine = MachineOptions { transport: TransportChoice::Tcp, ..machine };
        let options = SessionOptions { machine, ..SessionOptions::default() };
        let (frame_sender, frames) = mpsc::channel(64);
        let (event_sender, events) = mpsc::channel(1_024);
        let session =
            Session::start(peer.url(), options, FrameSink::AsTheyArrive(frame_sender), event_sender);
        session.set_goal(Goal::Playing);
        Self { _session: session, _frames: frames, events }
    }

    /// The first event of which this makes something.
    async fn event<T>(&mut self, what: &str, wanted: impl Fn(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never: {what}"))
    }

    /// What went wrong, as the user reads it; then there is no session any more.
    async fn failure(&mut self) -> String {
        let failed = |event| match event {
            Event::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        let failure = self.event("a failure", failed).await;
        self.event("INIT", |event| (event == Event::Closed).then_some(())).await;
        failure
    }
}

#[tokio::test]
async fn a_server_that_ends_the_session_hears_that_it_was_understood() {
    let peer = Peer::start().await;
    let mut playing = Playing::start(&peer, MachineOptions::default());
    let mut line = peer.accept().await;
    line.play().await;
    line.write("TEARDOWN * RTSP/1.0\r\nCSeq: 9\r\nSession: 12345678\r\n\r\n").await;
    loop {
        match line.next().await {
            Some(Frame::Response(reply)) => {
                assert_eq!((reply.status.code(), reply.headers.cseq()), (200, Some(9)));
                break;
            }
            Some(Frame::Interleaved { .. }) => {}
            other => panic!("{other:?} instead of an answer"),
        }
    }
    assert!(line.next().await.is_none(), "and it hangs up");
    assert!(playing.failure().await.contains("has ended the session"));
}
