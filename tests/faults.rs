//! Servers that fail in every way a connection lets them: scripted, over real sockets.

mod common;

use std::time::Duration;

use common::jpegs::{Kind, picture};
use reelay::media::payload::{Form, packetize};
use reelay::proto::rtsp::{Frame, Framer, Limits, Request, RtspUrl, Transport, interleave};
use reelay::session::{
    Command, Event, Frame as ArrivedFrame, FrameOutlets, Goal, MachineOptions, Session, SessionOptions,
    TransportChoice,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
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
    frames: mpsc::Receiver<ArrivedFrame>,
    events: mpsc::Receiver<Event>,
}

impl Playing {
    /// Over the RTSP connection.
    fn start(peer: &Peer, machine: MachineOptions) -> Self {
        Self::by(peer, MachineOptions { transport: TransportChoice::Tcp, ..machine })
    }

    fn by(peer: &Peer, machine: MachineOptions) -> Self {
        // What has arrived has been shown.
        let options = SessionOptions { machine, playout_delay: Duration::ZERO, ..SessionOptions::default() };
        let (frame_sender, frames) = mpsc::channel(64);
        let (event_sender, events) = mpsc::channel(1_024);
        let session = Session::start(peer.url(), options, FrameOutlets::tap(frame_sender), event_sender);
        session.command(Command::SetGoal(Goal::Playing));
        Self { _session: session, frames, events }
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

    /// Waits for a picture.
    async fn frame(&mut self) {
        timeout(PATIENCE, self.frames.recv()).await.expect("a picture").expect("the session goes on");
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

/// What stands before PLAY, and PLAY.
const METHODS: [&str; 4] = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"];

/// Everything up to this request is answered as it should be; the peer hears it and does not answer.
async fn up_to(method: &str, peer: &Peer) -> Line {
    let mut line = peer.accept().await;
    let answers = [
        ("Public: GET_PARAMETER\r\n", ""),
        ("Content-Type: application/sdp\r\n", TEN_SECONDS),
        ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n", ""),
        ("Session: 12345678\r\n", ""),
    ];
    for (before, (headers, body)) in METHODS.iter().zip(answers) {
        if *before == method {
            break;
        }
        line.answer(before, headers, body).await;
    }
    line.asked(method).await;
    line
}

/// Long enough for every answer on loopback, and short enough to be waited for.
const SOON: Duration = Duration::from_secs(1);

/// Plays each of these cases, all at the same time.
async fn each<C, F>(cases: impl IntoIterator<Item = C>, play: impl Fn(C) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let played: Vec<_> = cases.into_iter().map(|case| tokio::spawn(play(case))).collect();
    for case in played {
        case.await.unwrap();
    }
}

fn impatient() -> MachineOptions {
    MachineOptions { patience: SOON, ..MachineOptions::default() }
}

#[tokio::test]
async fn a_server_that_stalls_is_given_up_whatever_it_was_asked() {
    each(METHODS, |method| async move {
        let peer = Peer::start().await;
        let mut playing = Playing::start(&peer, impatient());
        let _line = up_to(method, &peer).await;
        let failure = playing.failure().await;
        assert!(failure.contains(&format!("did not answer {method} in time")), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn half_an_answer_is_no_answer_and_is_told_from_none() {
    each(METHODS, |method| async move {
        let peer = Peer::start().await;
        let mut playing = Playing::start(&peer, impatient());
        let mut line = up_to(method, &peer).await;
        line.write("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSess").await;
        let failure = playing.failure().await;
        let told = format!("began to answer {method} and did not end in time (its headers have no end)");
        assert!(failure.contains(&told), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_up_says_nothing_or_half_of_it() {
    for method in METHODS {
        for (half, told) in [
            ("", "closed the connection; connect again"),
            (
                "RTSP/1.0 200 OK\r\nCSe",
                "closed the connection in the middle of a message (its headers have no end)",
            ),
        ] {
            let peer = Peer::start().await;
            let mut playing = Playing::start(&peer, MachineOptions::default());
            let mut line = up_to(method, &peer).await;
            line.write(half).await;
            drop(line);
            let failure = playing.failure().await;
            assert!(failure.contains(told), "{method}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_content_length_that_lies_is_found_out() {
    let behind_sdp = "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n";
    let cases = [
        (
            "500",
            "",
            format!("began to answer DESCRIBE and did not end in time ({} of the 500", TEN_SECONDS.len()),
        ),
        ("9", "", "what cannot be read (the entity is longer than its Content-Length says)".to_owned()),
        ("9", behind_sdp, "the entity is longer than its Content-Length says".to_owned()),
        ("1073741824", "", "what cannot be read (the entity is too long)".to_owned()),
        (
            "99999999999999999999999999",
            "",
            "the Content-Length \"99999999999999999999999999\" is no length".to_owned(),
        ),
        ("-1", "", "the Content-Length \"-1\" is no length".to_owned()),
    ];
    each(cases, |(length, behind, told)| async move {
        let peer = Peer::start().await;
        let mut playing = Playing::start(&peer, impatient());
        let mut line = up_to("DESCRIBE", &peer).await;
        line.write(format!(
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: {length}\r\n\r\n{TEN_SECONDS}{behind}"
        ))
        .await;
        let failure = playing.failure().await;
        assert!(failure.contains(&told), "{length}: {failure}");
    })
    .await;
}

/// Of everything that may come without an end, the player keeps a bounded part, and sooner or later has enough.
#[tokio::test]
async fn a_server_that_floods_is_given_up() {
    let packet = [&b"$\x07\x03\xE8"[..], &[0; 1_000]].concat();
    let stale = "RTSP/1.0 200 OK\r\nCSeq: 999\r\n\r\n";
    let floods = [
        ("RTSP/1.0 200 OK\r\n", "X: y\r\n".repeat(1_000).into_bytes(), "(the headers are too long)"),
        ("", packet.repeat(50), "did not answer DESCRIBE in time"),
        ("", stale.repeat(500).into_bytes(), "answer DESCRIBE"),
        ("", b"\r\n".repeat(5_000), "did not answer DESCRIBE in time"),
        ("", vec![0x16; 10_000], "does not speak RTSP"),
    ];
    each(floods, |(begin, piece, told)| async move {
        let peer = Peer::start().await;
        let mut playing = Playing::start(&peer, impatient());
        let mut line = up_to("DESCRIBE", &peer).await;
        let flood = tokio::spawn(async move {
            line.write(begin).await;
            while line.stream.write_all(&piece).await.is_ok() {}
        });
        let failure = playing.failure().await;
        assert!(failure.contains(told), "{failure}");
        timeout(PATIENCE, flood).await.expect("the player hangs up").unwrap();
    })
    .await;
}

/// One picture of a film of twenty a second, in one packet.
fn frame(number: u16) -> Vec<u8> {
    let packets = packetize(&picture(Kind::Standard420, (96, 64), 0, 0), Form::Standard).unwrap();
    assert_eq!(packets.packets().len(), 1);
    let mut octets = Vec::new();
    packets.write_packet(0, number, u32::from(number) * 4_500, 9, &mut octets);
    octets
}

#[tokio::test]
async fn a_server_that_restarts_is_found_again_and_the_film_goes_on_where_it_was() {
    let peer = Peer::start().await;
    let mut playing = Playing::start(&peer, MachineOptions { reconnects: true, ..MachineOptions::default() });
    let mut line = peer.accept().await;
    line.set_up().await;
    let headers = "Session: 12345678\r\nRange: npt=0-10\r\nRTP-Info: url=x;rtptime=0\r\n";
    let play = line.answer("PLAY", headers, "").await;
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-"));
    line.write(interleave(0, &frame(19))).await;
    playing.frame().await;
    drop(line);
    let lost = |event| match event {
        Event::Interrupted(interruption) => Some(interruption.to_string()),
        Event::Failed(failure) => panic!("{failure}"),
        _ => None,
    };
    let told = playing.event("that it is lost", lost).await;
    assert!(told.ends_with("is gone. Reconnecting in 1 second, attempt 1…"), "{told}");
    // It is up again, but not quite.
    drop(peer.accept().await);
    assert!(playing.event("that it is lost", lost).await.ends_with("2 seconds, attempt 2…"));
    let mut line = peer.accept().await;
    line.set_up().await;
    let play = line.answer("PLAY", headers, "").await;
    assert_eq!(play.headers.get("Range"), Some("npt=0.950-"));
}

/// Half a second by datagrams, and nobody there any more as soon as the last has left.
async fn play_and_hang_up(frames: u16) {
    let peer = Peer::start().await;
    let mut playing = Playing::by(
        &peer,
        MachineOptions { transport: TransportChoice::Udp, reconnects: true, ..MachineOptions::default() },
    );
    let mut line = peer.accept().await;
    line.answer("OPTIONS", "", "").await;
    line.answer("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECONDS).await;
    let transport = "Transport: RTP/AVP;unicast;server_port=40000-40001\r\nSession: 12345678\r\n";
    let setup = line.answer("SETUP", transport, "").await;
    let [asked] = &Transport::parse_all(setup.headers.get("Transport").unwrap())[..] else { panic!() };
    let range = "Session: 12345678\r\nRange: npt=0-0.5\r\nRTP-Info: url=x;seq=0;rtptime=0\r\n";
    line.answer("PLAY", range, "").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..frames {
        socket.send_to(&frame(number), ("127.0.0.1", asked.client_port.unwrap().rtp)).await.unwrap();
    }
    drop(line);
    let over = |event| match event {
        Event::Ended => Some(true),
        Event::Interrupted(_) => Some(false),
        Event::Failed(failure) => panic!("{failure}"),
        _ => None,
    };
    assert_eq!(playing.event("the end", over).await, frames == 10, "{frames} frames");
    for _ in 0..frames {
        playing.frame().await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_behind_the_last_frame_has_played_the_film() {
    each([10; 20], play_and_hang_up).await;
    each([9], play_and_hang_up).await;
}
