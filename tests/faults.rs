//! Scripted servers that violate the protocol or fail in the middle of a session, over real sockets.

mod common;

use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::proto::rtsp::{
    Message, MessageLimits, MessageReader, PortPair, Request, RtspUrl, Transport, encode_interleaved,
};
use reelay::session::{
    Frame, FrameSinks, Goal, Session, SessionCommand, SessionEvent, SessionOptions, StreamOptions,
    TransportPreference,
};
use reelay::stats::Snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A listening socket of a server whose messages the test writes.
struct ScriptedServer(TcpListener);

/// A connection from the client.
struct ServerConnection {
    stream: TcpStream,
    reader: MessageReader,
}

impl ScriptedServer {
    async fn start() -> Self {
        Self::start_at("127.0.0.1").await
    }

    async fn start_at(address: &str) -> Self {
        Self(TcpListener::bind((address, 0)).await.unwrap())
    }

    fn url(&self) -> RtspUrl {
        RtspUrl::parse(&format!("rtsp://{}/film", self.0.local_addr().unwrap())).unwrap()
    }

    async fn accept(&self) -> ServerConnection {
        let (stream, _) =
            timeout(TEST_TIMEOUT, self.0.accept()).await.expect("no connection from the client").unwrap();
        ServerConnection { stream, reader: MessageReader::new(MessageLimits::SERVER) }
    }
}

/// The session description of a stream of ten seconds at 20 frames/s.
const TEN_SECOND_SDP: &str = "v=0\r\na=range:npt=0-10\r\nm=video 0 RTP/AVP 26\r\na=framerate:20\r\n";

impl ServerConnection {
    /// Returns the next message from the client; `None` if the client closes the connection.
    async fn next_message(&mut self) -> Option<Message> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(message) = self.reader.poll_message().unwrap() {
                return Some(message);
            }
            match timeout(TEST_TIMEOUT, self.stream.read(&mut buffer)).await.expect("no data from the client")
            {
                Ok(count) if count > 0 => self.reader.push(&buffer[..count]),
                _ => return None,
            }
        }
    }

    /// Returns the next request, which must have this method.
    async fn expect_request(&mut self, method: &str) -> Request {
        loop {
            match self.next_message().await {
                Some(Message::Request(request)) => {
                    assert_eq!(request.method.as_str(), method);
                    return request;
                }
                // RTCP receiver reports.
                Some(Message::Interleaved { .. }) => {}
                other => panic!("{other:?} instead of {method}"),
            }
        }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // Errors are ignored: the client may have closed the connection.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Responds with 200 to the next request, which must have this method.
    async fn respond_to(&mut self, method: &str, headers: &str, body: &str) -> Request {
        let request = self.expect_request(method).await;
        let cseq = request.headers.cseq().unwrap();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.write(format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}{length}\r\n{body}")).await;
        request
    }

    /// Responds to OPTIONS, DESCRIBE and SETUP.
    async fn set_up(&mut self) {
        self.respond_to("OPTIONS", "Public: GET_PARAMETER\r\n", "").await;
        self.respond_to("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECOND_SDP).await;
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n";
        self.respond_to("SETUP", transport, "").await;
    }

    /// Responds to OPTIONS, DESCRIBE, SETUP and PLAY, and returns the PLAY request.
    async fn play(&mut self) -> Request {
        self.set_up().await;
        self.respond_to("PLAY", "Session: 12345678\r\n", "").await
    }
}

/// A client session with its frames and events.
struct TestSession {
    session: Session,
    frames: mpsc::Receiver<Frame>,
    events: mpsc::Receiver<SessionEvent>,
}

impl TestSession {
    /// Starts a session with media interleaved on the RTSP connection.
    fn start(server: &ScriptedServer, stream: StreamOptions) -> Self {
        Self::start_with_transport(server, StreamOptions { transport: TransportPreference::Tcp, ..stream })
    }

    fn start_with_transport(server: &ScriptedServer, stream: StreamOptions) -> Self {
        // Frames are shown as soon as they arrive.
        let options =
            SessionOptions { stream, playout_delay: Duration::ZERO.into(), ..SessionOptions::default() };
        let (frame_sender, frames) = mpsc::channel(64);
        let (event_sender, events) = mpsc::channel(1_024);
        let session = Session::start(server.url(), options, FrameSinks::tap_only(frame_sender), event_sender);
        session.send_command(SessionCommand::SetGoal(Goal::Playing));
        Self { session, frames, events }
    }

    /// Waits for the first event for which `select` returns a value.
    async fn wait_for_event<T>(
        &mut self,
        description: &str,
        select: impl Fn(SessionEvent) -> Option<T>,
    ) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the session has ended");
                if let Some(found) = select(event) {
                    return found;
                }
            }
        };
        timeout(TEST_TIMEOUT, found).await.unwrap_or_else(|_| panic!("timeout while waiting: {description}"))
    }

    /// Waits for figures of this kind, which are published four times a second.
    async fn wait_for_figures(&self, is_wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut figures = self.session.figures();
        let found = figures.wait_for(|figures| is_wanted(&figures.snapshot));
        timeout(TEST_TIMEOUT, found).await.expect("no such figures").unwrap().snapshot
    }

    async fn wait_for_frame(&mut self) {
        timeout(TEST_TIMEOUT, self.frames.recv()).await.expect("no frame").expect("the session has ended");
    }

    /// Waits until the session has failed and is closed; returns the error message for the user.
    async fn wait_for_failure(&mut self) -> String {
        let failed = |event| match event {
            SessionEvent::Failed(error) => Some(error.to_string()),
            _ => None,
        };
        let error = self.wait_for_event("a failure", failed).await;
        self.wait_for_event("INIT", |event| (event == SessionEvent::Closed).then_some(())).await;
        error
    }
}

#[tokio::test]
async fn server_teardown_is_acknowledged() {
    let server = ScriptedServer::start().await;
    let mut session = TestSession::start(&server, StreamOptions::default());
    let mut connection = server.accept().await;
    connection.play().await;
    connection.write("TEARDOWN * RTSP/1.0\r\nCSeq: 9\r\nSession: 12345678\r\n\r\n").await;
    loop {
        match connection.next_message().await {
            Some(Message::Response(response)) => {
                assert_eq!((response.status.code(), response.headers.cseq()), (200, Some(9)));
                break;
            }
            Some(Message::Interleaved { .. }) => {}
            other => panic!("{other:?} instead of a response"),
        }
    }
    assert!(connection.next_message().await.is_none(), "the client closes the connection");
    assert!(session.wait_for_failure().await.contains("ended the session"));
}

/// The requests up to and including PLAY, in order.
const METHODS: [&str; 4] = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"];

/// Accepts a connection and responds to all requests before `method`; reads that one without a response.
async fn accept_up_to(method: &str, server: &ScriptedServer) -> ServerConnection {
    let mut connection = server.accept().await;
    let responses = [
        ("Public: GET_PARAMETER\r\n", ""),
        ("Content-Type: application/sdp\r\n", TEN_SECOND_SDP),
        ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n", ""),
        ("Session: 12345678\r\n", ""),
    ];
    for (previous, (headers, body)) in METHODS.iter().zip(responses) {
        if *previous == method {
            break;
        }
        connection.respond_to(previous, headers, body).await;
    }
    connection.expect_request(method).await;
    connection
}

/// A response timeout that is ample on loopback and keeps the tests short.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs all cases at the same time.
async fn run_concurrently<C, F>(cases: impl IntoIterator<Item = C>, run: impl Fn(C) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = cases.into_iter().map(|case| tokio::spawn(run(case))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn short_timeout_options() -> StreamOptions {
    StreamOptions { response_timeout: SHORT_TIMEOUT, ..StreamOptions::default() }
}

#[tokio::test]
async fn unanswered_request_times_out() {
    run_concurrently(METHODS, |method| async move {
        let server = ScriptedServer::start().await;
        let mut session = TestSession::start(&server, short_timeout_options());
        let _connection = accept_up_to(method, &server).await;
        let failure = session.wait_for_failure().await;
        assert!(failure.contains(&format!("did not respond to {method} in time")), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn incomplete_response_times_out_with_its_own_error() {
    run_concurrently(METHODS, |method| async move {
        let server = ScriptedServer::start().await;
        let mut session = TestSession::start(&server, short_timeout_options());
        let mut connection = accept_up_to(method, &server).await;
        connection.write("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSess").await;
        let failure = session.wait_for_failure().await;
        let expected =
            format!("did not complete its response to {method} in time (its headers are incomplete)");
        assert!(failure.contains(&expected), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn close_between_and_inside_messages_is_distinguished() {
    for method in METHODS {
        for (partial, expected) in [
            ("", "closed the connection; connect again"),
            (
                "RTSP/1.0 200 OK\r\nCSe",
                "closed the connection in the middle of a message (its headers are incomplete)",
            ),
        ] {
            let server = ScriptedServer::start().await;
            let mut session = TestSession::start(&server, StreamOptions::default());
            let mut connection = accept_up_to(method, &server).await;
            connection.write(partial).await;
            drop(connection);
            let failure = session.wait_for_failure().await;
            assert!(failure.contains(expected), "{method}: {failure}");
        }
    }
}

#[tokio::test]
async fn wrong_content_length_is_reported() {
    let second_response = "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n";
    let cases = [
        (
            "500",
            "",
            format!("did not complete its response to DESCRIBE in time ({} of the 500", TEN_SECOND_SDP.len()),
        ),
        ("9", "", "that cannot be read (the message body is longer than its Content-Length)".to_owned()),
        ("9", second_response, "the message body is longer than its Content-Length".to_owned()),
        ("1073741824", "", "that cannot be read (the message body is too long)".to_owned()),
        (
            "99999999999999999999999999",
            "",
            "the Content-Length \"99999999999999999999999999\" is invalid".to_owned(),
        ),
        ("-1", "", "the Content-Length \"-1\" is invalid".to_owned()),
    ];
    run_concurrently(cases, |(length, trailing, expected)| async move {
        let server = ScriptedServer::start().await;
        let mut session = TestSession::start(&server, short_timeout_options());
        let mut connection = accept_up_to("DESCRIBE", &server).await;
        connection
            .write(format!(
                "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: {length}\r\n\r\n{TEN_SECOND_SDP}{trailing}"
            ))
            .await;
        let failure = session.wait_for_failure().await;
        assert!(failure.contains(&expected), "{length}: {failure}");
    })
    .await;
}

/// The client buffers a bounded part of endless input and closes the connection after a limit or a timeout.
#[tokio::test]
async fn flooding_server_is_disconnected() {
    let packet = [&b"$\x07\x03\xE8"[..], &[0; 1_000]].concat();
    let provisional = "RTSP/1.0 100 Continue\r\nCSeq: 999\r\n\r\n";
    let floods = [
        ("RTSP/1.0 200 OK\r\n", "X: y\r\n".repeat(1_000).into_bytes(), "(the headers are too long)"),
        ("", packet.repeat(50), "did not respond to DESCRIBE in time"),
        ("", provisional.repeat(500).into_bytes(), "to DESCRIBE in time"),
        ("", b"\r\n".repeat(5_000), "did not respond to DESCRIBE in time"),
        ("", vec![0x16; 10_000], "does not speak RTSP"),
    ];
    run_concurrently(floods, |(prefix, chunk, expected)| async move {
        let server = ScriptedServer::start().await;
        let mut session = TestSession::start(&server, short_timeout_options());
        let mut connection = accept_up_to("DESCRIBE", &server).await;
        let flood = tokio::spawn(async move {
            connection.write(prefix).await;
            while connection.stream.write_all(&chunk).await.is_ok() {}
        });
        let failure = session.wait_for_failure().await;
        assert!(failure.contains(expected), "{failure}");
        timeout(TEST_TIMEOUT, flood).await.expect("the client keeps the connection open").unwrap();
    })
    .await;
}

/// A server that sends many requests at once gets a response to each, and the stream goes on.
#[tokio::test]
async fn hundreds_of_requests_in_one_read_are_answered() {
    const REQUESTS: u32 = 400;
    let server = ScriptedServer::start().await;
    let mut session = TestSession::start(&server, StreamOptions::default());
    let mut connection = server.accept().await;
    connection.play().await;
    let requests = (0..REQUESTS).map(|cseq| format!("OPTIONS * RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n"));
    connection.write(requests.collect::<String>()).await;
    let mut next = 0;
    while next < REQUESTS {
        match connection.next_message().await {
            Some(Message::Response(response)) => {
                assert_eq!((response.status.code(), response.headers.cseq()), (200, Some(next)));
                next += 1;
            }
            Some(Message::Interleaved { .. }) => {}
            other => panic!("{other:?} instead of response {next}"),
        }
    }
    connection.write(encode_interleaved(0, &frame_packet(0))).await;
    session.wait_for_frame().await;
}

/// Encodes frame `number` of a 20 frames/s stream as one RTP packet.
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
    let server = ScriptedServer::start().await;
    let mut session =
        TestSession::start(&server, StreamOptions { reconnects: true, ..StreamOptions::default() });
    let mut connection = server.accept().await;
    connection.set_up().await;
    let headers = "Session: 12345678\r\nRange: npt=0-10\r\nRTP-Info: url=x;rtptime=0\r\n";
    let play = connection.respond_to("PLAY", headers, "").await;
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-"));
    connection.write(encode_interleaved(0, &frame_packet(19))).await;
    session.wait_for_frame().await;
    drop(connection);
    let lost = |event| match event {
        SessionEvent::Reconnecting(reason) => Some(reason.to_string()),
        SessionEvent::Failed(error) => panic!("{error}"),
        _ => None,
    };
    let message = session.wait_for_event("the connection loss", lost).await;
    assert!(message.ends_with("was lost; reconnecting in 1 second (attempt 1)…"), "{message}");
    // The server accepts a connection, but closes it at once.
    drop(server.accept().await);
    assert!(session.wait_for_event("the connection loss", lost).await.ends_with("2 seconds (attempt 2)…"));
    let mut connection = server.accept().await;
    connection.set_up().await;
    let play = connection.respond_to("PLAY", headers, "").await;
    assert_eq!(play.headers.get("Range"), Some("npt=0.950-"));
}

/// Plays half a second over UDP; the server sends this number of frames and then closes the connection without a BYE.
async fn play_then_close(frames: u16) {
    let server = ScriptedServer::start().await;
    let mut session = TestSession::start_with_transport(
        &server,
        StreamOptions { transport: TransportPreference::Udp, reconnects: true, ..StreamOptions::default() },
    );
    let mut connection = server.accept().await;
    connection.respond_to("OPTIONS", "", "").await;
    connection.respond_to("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECOND_SDP).await;
    let transport = "Transport: RTP/AVP;unicast;server_port=40000-40001\r\nSession: 12345678\r\n";
    let setup = connection.respond_to("SETUP", transport, "").await;
    let [requested] = &Transport::parse_all(setup.headers.get("Transport").unwrap())[..] else { panic!() };
    let range = "Session: 12345678\r\nRange: npt=0-0.5\r\nRTP-Info: url=x;seq=0;rtptime=0\r\n";
    connection.respond_to("PLAY", range, "").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..frames {
        socket
            .send_to(&frame_packet(number), ("127.0.0.1", requested.client_port.unwrap().rtp))
            .await
            .unwrap();
    }
    drop(connection);
    let ended = |event| match event {
        SessionEvent::Ended => Some(true),
        SessionEvent::Reconnecting(_) => Some(false),
        SessionEvent::Failed(error) => panic!("{error}"),
        _ => None,
    };
    assert_eq!(session.wait_for_event("the end", ended).await, frames == 10, "{frames} frames");
    for _ in 0..frames {
        session.wait_for_frame().await;
    }
}

/// Server at 127.0.1.1 that sends RTP and RTCP from 127.0.0.1, and its client, which is playing.
struct TwoAddressServer {
    session: TestSession,
    connection: ServerConnection,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    client_ports: PortPair,
}

impl TwoAddressServer {
    /// Plays with these parameters in the Transport header of the response to SETUP: `source`, `server_port` or both.
    async fn play(states_source: bool, states_ports: bool) -> Self {
        let server = ScriptedServer::start_at("127.0.1.1").await;
        let mut session = TestSession::start_with_transport(&server, StreamOptions::default());
        let mut connection = server.accept().await;
        let bind = async || UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (rtp, rtcp) = (bind().await, bind().await);
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let mut transport = "Transport: RTP/AVP;unicast".to_owned();
        if states_source {
            transport += ";source=127.0.0.1";
        }
        if states_ports {
            transport += &format!(";server_port={}-{}", port(&rtp), port(&rtcp));
        }
        connection.respond_to("OPTIONS", "", "").await;
        connection.respond_to("DESCRIBE", "Content-Type: application/sdp\r\n", TEN_SECOND_SDP).await;
        let setup =
            connection.respond_to("SETUP", &format!("{transport}\r\nSession: 12345678\r\n"), "").await;
        let [requested] = &Transport::parse_all(setup.headers.get("Transport").unwrap())[..] else {
            panic!()
        };
        let client_ports = requested.client_port.unwrap();
        let play = "Session: 12345678\r\nRange: npt=0-10\r\nRTP-Info: url=x;seq=0;rtptime=0\r\n";
        connection.respond_to("PLAY", play, "").await;
        let started = |event| matches!(event, SessionEvent::Started(_)).then_some(());
        session.wait_for_event("PLAY", started).await;
        Self { session, connection, rtp, rtcp, client_ports }
    }

    /// Sends this frame and waits until the client has received it.
    async fn show(&mut self, number: u16) {
        self.rtp.send_to(&frame_packet(number), ("127.0.0.1", self.client_ports.rtp)).await.unwrap();
        self.session.wait_for_frame().await;
    }
}

/// A machine with two network cards, or with Debian's entry `127.0.1.1` for its own host name.
#[tokio::test]
async fn datagrams_from_another_address_are_played() {
    for (states_source, states_ports) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut server = TwoAddressServer::play(states_source, states_ports).await;
        for number in 0..5 {
            server.show(number).await;
        }
        let snapshot = server.session.wait_for_figures(|snapshot| snapshot.packets_received == 5).await;
        assert_eq!(
            (snapshot.packets_lost, snapshot.packets_foreign),
            (0, 0),
            "{states_source} {states_ports}"
        );
    }
}

/// Packets of the same SSRC from another port and another address, and a BYE, are counted and otherwise ignored.
#[tokio::test]
async fn injected_datagrams_do_not_disturb_a_stream() {
    for states_ports in [false, true] {
        let mut server = TwoAddressServer::play(false, states_ports).await;
        server.show(0).await;
        let sender_report =
            [0x80, 200, 0, 6, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        server.rtcp.send_to(&sender_report, ("127.0.0.1", server.client_ports.rtcp)).await.unwrap();
        server.show(1).await;
        let mut sent = 0;
        for address in ["127.0.0.1:0", "127.0.0.9:0"] {
            let attacker = UdpSocket::bind(address).await.unwrap();
            for number in 30_000..30_020 {
                attacker
                    .send_to(&frame_packet(number), ("127.0.0.1", server.client_ports.rtp))
                    .await
                    .unwrap();
                sent += 1;
            }
            let bye = [0x81, 203, 0, 1, 0, 0, 0, 9];
            attacker.send_to(&bye, ("127.0.0.1", server.client_ports.rtcp)).await.unwrap();
            sent += 1;
        }
        for number in 2..5 {
            server.show(number).await;
        }
        let snapshot = server
            .session
            .wait_for_figures(|snapshot| snapshot.packets_foreign == sent && snapshot.packets_received >= 5)
            .await;
        assert_eq!((snapshot.packets_received, snapshot.packets_lost), (5, 0), "{states_ports}");
        server.show(5).await;
        while let Ok(event) = server.session.events.try_recv() {
            assert!(!matches!(event, SessionEvent::Ended | SessionEvent::Failed(_)), "{event:?}");
        }
        drop(server.connection);
    }
}

#[tokio::test]
async fn close_after_last_frame_is_end_of_stream() {
    run_concurrently([10; 20], play_then_close).await;
    run_concurrently([9], play_then_close).await;
}
