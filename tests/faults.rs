//! Servers that fail in every way a connection lets them: scripted, over real sockets.

mod common;

use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::proto::rtsp::{
    Message, MessageLimits, MessageReader, Request, RtspUrl, Transport, encode_interleaved,
};
use reelay::session::{
    Frame as ArrivedFrame, FrameSinks, Goal, RtspOptions, Session, SessionCommand, SessionEvent,
    SessionOptions, TransportPreference,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing on loopback takes this long; a test that waits so long has failed.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A server without a connection yet.
struct ScriptedServer(TcpListener);

/// A connection to it.
struct ServerConnection {
    stream: TcpStream,
    reader: MessageReader,
}

impl ScriptedServer {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn url(&self) -> RtspUrl {
        RtspUrl::parse(&format!("rtsp://{}/film", self.0.local_addr().unwrap())).unwrap()
    }

    async fn accept(&self) -> ServerConnection {
        let (stream, _) = timeout(TEST_TIMEOUT, self.0.accept()).await.expect("the player connects").unwrap();
        ServerConnection { stream, reader: MessageReader::new(MessageLimits::SERVER) }
    }
}

/// The description of ten seconds.
const TEN_SECOND_SDP: &str = "v=0\r\na=range:npt=0-10\r\nm=video 0 RTP/AVP 26\r\na=framerate:20\r\n";

impl ServerConnection {
    /// What the player says next; `None` if it hangs up.
    async fn next_message(&mut self) -> Option<Message> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(frame) = self.reader.poll_message().unwrap() {
                return Some(frame);
            }
            match timeout(TEST_TIMEOUT, self.stream.read(&mut buffer)).await.expect("a word of the player") {
                Ok(count) if count > 0 => self.reader.push(&buffer[..count]),
                _ => return None,
            }
        }
    }

    /// The next request, which is this one.
    async fn expect_request(&mut self, method: &str) -> Request {
        loop {
            match self.next_message().await {
                Some(Message::Request(request)) => {
                    assert_eq!(request.method.as_str(), method);
                    return request;
                }
                // Its reports.
                Some(Message::Interleaved { .. }) => {}
                other => panic!("{other:?} instead of {method}"),
            }
        }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // A player that has had enough may have hung up.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Answers the next request, which is this one.
    async fn respond_to(&mut self, method: &str, headers: &str, body: &str) -> Request {
        let request = self.expect_request(method).await;
        let cseq = request.headers.cseq().unwrap();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.write(format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}{length}\r\n{body}")).await;
        request
    }

    /// Answers all that comes before PLAY.
    async fn set_up(&mut self) {
        self.respond_to("OPTIONS", "Public: GET_PARAMETER\r\n", "").await;
        self.respond_to("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECOND_SDP).await;
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n";
        self.respond_to("SETUP", transport, "").await;
    }

    /// … and PLAY, which it returns.
    async fn play(&mut self) -> Request {
        self.set_up().await;
        self.respond_to("PLAY", "Session: 12345678\r\n", "").await
    }
}

/// A session, and what comes out of it.
struct TestSession {
    _session: Session,
    frames: mpsc::Receiver<ArrivedFrame>,
    events: mpsc::Receiver<SessionEvent>,
}

impl TestSession {
    /// Over the RTSP connection.
    fn start(peer: &ScriptedServer, machine: RtspOptions) -> Self {
        Self::start_with_transport(peer, RtspOptions { transport: TransportPreference::Tcp, ..machine })
    }

    fn start_with_transport(peer: &ScriptedServer, machine: RtspOptions) -> Self {
        // What has arrived has been shown.
        let options =
            SessionOptions { rtsp: machine, playout_delay: Duration::ZERO, ..SessionOptions::default() };
        let (frame_sender, frames) = mpsc::channel(64);
        let (event_sender, events) = mpsc::channel(1_024);
        let session = Session::start(peer.url(), options, FrameSinks::tap_only(frame_sender), event_sender);
        session.send_command(SessionCommand::SetGoal(Goal::Playing));
        Self { _session: session, frames, events }
    }

    /// The first event of which this makes something.
    async fn wait_for_event<T>(
        &mut self,
        description: &str,
        select: impl Fn(SessionEvent) -> Option<T>,
    ) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                if let Some(found) = select(event) {
                    return found;
                }
            }
        };
        timeout(TEST_TIMEOUT, found).await.unwrap_or_else(|_| panic!("never: {description}"))
    }

    /// Waits for a picture.
    async fn wait_for_frame(&mut self) {
        timeout(TEST_TIMEOUT, self.frames.recv()).await.expect("a picture").expect("the session goes on");
    }

    /// What went wrong, as the user reads it; then there is no session any more.
    async fn wait_for_failure(&mut self) -> String {
        let failed = |event| match event {
            SessionEvent::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        let failure = self.wait_for_event("a failure", failed).await;
        self.wait_for_event("INIT", |event| (event == SessionEvent::Closed).then_some(())).await;
        failure
    }
}

#[tokio::test]
async fn server_teardown_is_acknowledged() {
    let peer = ScriptedServer::start().await;
    let mut playing = TestSession::start(&peer, RtspOptions::default());
    let mut line = peer.accept().await;
    line.play().await;
    line.write("TEARDOWN * RTSP/1.0\r\nCSeq: 9\r\nSession: 12345678\r\n\r\n").await;
    loop {
        match line.next_message().await {
            Some(Message::Response(reply)) => {
                assert_eq!((reply.status.code(), reply.headers.cseq()), (200, Some(9)));
                break;
            }
            Some(Message::Interleaved { .. }) => {}
            other => panic!("{other:?} instead of an answer"),
        }
    }
    assert!(line.next_message().await.is_none(), "and it hangs up");
    assert!(playing.wait_for_failure().await.contains("ended the session"));
}

/// What stands before PLAY, and PLAY.
const METHODS: [&str; 4] = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"];

/// Everything up to this request is answered as it should be; the peer hears it and does not answer.
async fn accept_up_to(method: &str, peer: &ScriptedServer) -> ServerConnection {
    let mut line = peer.accept().await;
    let responses = [
        ("Public: GET_PARAMETER\r\n", ""),
        ("Content-Type: application/sdp\r\n", TEN_SECOND_SDP),
        ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n", ""),
        ("Session: 12345678\r\n", ""),
    ];
    for (before, (headers, body)) in METHODS.iter().zip(responses) {
        if *before == method {
            break;
        }
        line.respond_to(before, headers, body).await;
    }
    line.expect_request(method).await;
    line
}

/// Long enough for every answer on loopback, and short enough to be waited for.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Plays each of these cases, all at the same time.
async fn run_concurrently<C, F>(cases: impl IntoIterator<Item = C>, play: impl Fn(C) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let played: Vec<_> = cases.into_iter().map(|case| tokio::spawn(play(case))).collect();
    for case in played {
        case.await.unwrap();
    }
}

fn short_timeout_options() -> RtspOptions {
    RtspOptions { response_timeout: SHORT_TIMEOUT, ..RtspOptions::default() }
}

#[tokio::test]
async fn unanswered_request_times_out() {
    run_concurrently(METHODS, |method| async move {
        let peer = ScriptedServer::start().await;
        let mut playing = TestSession::start(&peer, short_timeout_options());
        let _line = accept_up_to(method, &peer).await;
        let failure = playing.wait_for_failure().await;
        assert!(failure.contains(&format!("did not respond to {method} in time")), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn incomplete_response_times_out_with_its_own_error() {
    run_concurrently(METHODS, |method| async move {
        let peer = ScriptedServer::start().await;
        let mut playing = TestSession::start(&peer, short_timeout_options());
        let mut line = accept_up_to(method, &peer).await;
        line.write("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSess").await;
        let failure = playing.wait_for_failure().await;
        let expected =
            format!("did not complete its response to {method} in time (its headers are incomplete)");
        assert!(failure.contains(&expected), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn close_between_and_inside_messages_is_distinguished() {
    for method in METHODS {
        for (half, told) in [
            ("", "closed the connection; connect again"),
            (
                "RTSP/1.0 200 OK\r\nCSe",
                "closed the connection in the middle of a message (its headers are incomplete)",
            ),
        ] {
            let peer = ScriptedServer::start().await;
            let mut playing = TestSession::start(&peer, RtspOptions::default());
            let mut line = accept_up_to(method, &peer).await;
            line.write(half).await;
            drop(line);
            let failure = playing.wait_for_failure().await;
            assert!(failure.contains(told), "{method}: {failure}");
        }
    }
}

#[tokio::test]
async fn wrong_content_length_is_reported() {
    let behind_sdp = "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n";
    let cases = [
        (
            "500",
            "",
            format!("did not complete its response to DESCRIBE in time ({} of the 500", TEN_SECOND_SDP.len()),
        ),
        ("9", "", "what cannot be read (the message body is longer than its Content-Length)".to_owned()),
        ("9", behind_sdp, "the message body is longer than its Content-Length".to_owned()),
        ("1073741824", "", "what cannot be read (the message body is too long)".to_owned()),
        (
            "99999999999999999999999999",
            "",
            "the Content-Length \"99999999999999999999999999\" is invalid".to_owned(),
        ),
        ("-1", "", "the Content-Length \"-1\" is invalid".to_owned()),
    ];
    run_concurrently(cases, |(length, behind, told)| async move {
        let peer = ScriptedServer::start().await;
        let mut playing = TestSession::start(&peer, short_timeout_options());
        let mut line = accept_up_to("DESCRIBE", &peer).await;
        line.write(format!(
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: {length}\r\n\r\n{TEN_SECOND_SDP}{behind}"
        ))
        .await;
        let failure = playing.wait_for_failure().await;
        assert!(failure.contains(&told), "{length}: {failure}");
    })
    .await;
}

/// Of everything that may come without an end, the player keeps a bounded part, and sooner or later has enough.
#[tokio::test]
async fn flooding_server_is_disconnected() {
    let packet = [&b"$\x07\x03\xE8"[..], &[0; 1_000]].concat();
    let stale = "RTSP/1.0 200 OK\r\nCSeq: 999\r\n\r\n";
    let floods = [
        ("RTSP/1.0 200 OK\r\n", "X: y\r\n".repeat(1_000).into_bytes(), "(the headers are too long)"),
        ("", packet.repeat(50), "did not respond to DESCRIBE in time"),
        ("", stale.repeat(500).into_bytes(), "answer DESCRIBE"),
        ("", b"\r\n".repeat(5_000), "did not respond to DESCRIBE in time"),
        ("", vec![0x16; 10_000], "does not speak RTSP"),
    ];
    run_concurrently(floods, |(begin, piece, told)| async move {
        let peer = ScriptedServer::start().await;
        let mut playing = TestSession::start(&peer, short_timeout_options());
        let mut line = accept_up_to("DESCRIBE", &peer).await;
        let flood = tokio::spawn(async move {
            line.write(begin).await;
            while line.stream.write_all(&piece).await.is_ok() {}
        });
        let failure = playing.wait_for_failure().await;
        assert!(failure.contains(told), "{failure}");
        timeout(TEST_TIMEOUT, flood).await.expect("the player hangs up").unwrap();
    })
    .await;
}

/// One picture of a film of twenty a second, in one packet.
fn frame_packet(number: u16) -> Vec<u8> {
    let packets =
        packetize(&test_jpeg(JpegKind::Standard420, (96, 64), 0, 0), PayloadFormat::Rfc2435).unwrap();
    assert_eq!(packets.packets().len(), 1);
    let mut bytes = Vec::new();
    packets.write_packet(0, number, u32::from(number) * 4_500, 9, &mut bytes);
    bytes
}

#[tokio::test]
async fn server_restart_resumes_at_same_position() {
    let peer = ScriptedServer::start().await;
    let mut playing = TestSession::start(&peer, RtspOptions { reconnects: true, ..RtspOptions::default() });
    let mut line = peer.accept().await;
    line.set_up().await;
    let headers = "Session: 12345678\r\nRange: npt=0-10\r\nRTP-Info: url=x;rtptime=0\r\n";
    let play = line.respond_to("PLAY", headers, "").await;
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-"));
    line.write(encode_interleaved(0, &frame_packet(19))).await;
    playing.wait_for_frame().await;
    drop(line);
    let lost = |event| match event {
        SessionEvent::Reconnecting(interruption) => Some(interruption.to_string()),
        SessionEvent::Failed(failure) => panic!("{failure}"),
        _ => None,
    };
    let message = playing.wait_for_event("that it is lost", lost).await;
    assert!(message.ends_with("was lost; reconnecting in 1 second (attempt 1)…"), "{message}");
    // It is up again, but not quite.
    drop(peer.accept().await);
    assert!(playing.wait_for_event("that it is lost", lost).await.ends_with("2 seconds, attempt 2…"));
    let mut line = peer.accept().await;
    line.set_up().await;
    let play = line.respond_to("PLAY", headers, "").await;
    assert_eq!(play.headers.get("Range"), Some("npt=0.950-"));
}

/// Half a second by datagrams, and nobody there any more as soon as the last has left.
async fn play_then_close(frames: u16) {
    let peer = ScriptedServer::start().await;
    let mut playing = TestSession::start_with_transport(
        &peer,
        RtspOptions { transport: TransportPreference::Udp, reconnects: true, ..RtspOptions::default() },
    );
    let mut line = peer.accept().await;
    line.respond_to("OPTIONS", "", "").await;
    line.respond_to("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECOND_SDP).await;
    let transport = "Transport: RTP/AVP;unicast;server_port=40000-40001\r\nSession: 12345678\r\n";
    let setup = line.respond_to("SETUP", transport, "").await;
    let [asked] = &Transport::parse_all(setup.headers.get("Transport").unwrap())[..] else { panic!() };
    let range = "Session: 12345678\r\nRange: npt=0-0.5\r\nRTP-Info: url=x;seq=0;rtptime=0\r\n";
    line.respond_to("PLAY", range, "").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..frames {
        socket.send_to(&frame_packet(number), ("127.0.0.1", asked.client_port.unwrap().rtp)).await.unwrap();
    }
    drop(line);
    let over = |event| match event {
        SessionEvent::Ended => Some(true),
        SessionEvent::Reconnecting(_) => Some(false),
        SessionEvent::Failed(failure) => panic!("{failure}"),
        _ => None,
    };
    assert_eq!(playing.wait_for_event("the end", over).await, frames == 10, "{frames} frames");
    for _ in 0..frames {
        playing.wait_for_frame().await;
    }
}

#[tokio::test]
async fn close_after_last_frame_is_end_of_stream() {
    run_concurrently([10; 20], play_then_close).await;
    run_concurrently([9], play_then_close).await;
}
