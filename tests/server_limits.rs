//! Limits of the server and the proxy over real sockets: many connections, sessions, passwords and log lines of one
//! client, and slow requests.

mod common;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::impairment::Emulator;
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::net::limits::Limits;
use reelay::net::server_tls::ServerTls;
use reelay::proxy::{Proxy, ProxyEvent, ProxyOptions};
use reelay::server_embed::{Authenticator, Observer, Server, ServerEvent, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

const ATTACKER: [u8; 4] = [127, 0, 0, 2];
const VIEWER: [u8; 4] = [127, 0, 0, 3];

const OPTIONS: &str = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

/// A server with one film.
struct TestServer {
    inner: Server,
    _file: TestFile,
    url: String,
    events: mpsc::UnboundedReceiver<ServerEvent>,
}

impl TestServer {
    async fn start(options: ServerOptions) -> Self {
        let (event_sender, events) = mpsc::unbounded_channel();
        // Errors are ignored: at the end of a test nothing receives the events.
        let observer = Observer::new(move |event| drop(event_sender.send(event)));
        let inner = Server::start(options, observer).await.unwrap();
        let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (96, 64), 10));
        let film = MediaFile::open(file.path(), "film.mjpeg", FrameRate::per_second(100)).unwrap();
        let name = inner.library().add(film);
        let url = inner.url_of(&name).to_string();
        Self { inner, _file: file, url, events }
    }

    async fn with_limits(limits: Limits) -> Self {
        Self::start(ServerOptions { limits, ..ServerOptions::default() }).await
    }

    async fn connect(&self, from: [u8; 4]) -> TestClient {
        TestClient::connect(self.inner.address(), from).await
    }

    fn request(&self, method: &str, headers: &str) -> String {
        let path = if method == "SETUP" { "/track1" } else { "" };
        format!("{method} {}{path} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n", self.url)
    }

    /// SETUP over UDP. The ports are never used.
    fn set_up_request(&self) -> String {
        self.request("SETUP", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n")
    }

    async fn wait_until_no_session(&self) {
        let is_empty = async {
            while self.inner.session_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, is_empty).await.expect("the sessions do not end");
    }
}

struct TestClient(TcpStream);

impl TestClient {
    async fn connect(to: SocketAddr, from: [u8; 4]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        Self(timeout(TEST_TIMEOUT, socket.connect(to)).await.unwrap().unwrap())
    }

    /// Sends a request and returns the response, at least its headers.
    async fn request(&mut self, request: &str) -> String {
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        while !response.windows(4).any(|end| end == b"\r\n\r\n") {
            let count = timeout(TEST_TIMEOUT, self.0.read_buf(&mut response)).await.expect(request).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&response));
        }
        String::from_utf8(response).unwrap()
    }

    /// Reads until the other side closes the connection.
    async fn read_to_end(&mut self) -> String {
        let mut response = Vec::new();
        timeout(TEST_TIMEOUT, self.0.read_to_end(&mut response)).await.expect("it is not closed").unwrap();
        String::from_utf8(response).unwrap()
    }

    /// Sends this byte again and again until the other side has closed the connection; returns what it has sent.
    async fn trickle(mut self, byte: u8) -> String {
        let (mut reader, mut writer) = self.0.split();
        let mut clock = interval(Duration::from_millis(20));
        let mut response = Vec::new();
        let end = async {
            loop {
                tokio::select! {
                    count = reader.read_buf(&mut response) => if count.unwrap_or(0) == 0 { return },
                    _ = clock.tick() => drop(writer.write_all(&[byte]).await),
                }
            }
        };
        timeout(TEST_TIMEOUT, end).await.expect("the connection stays open");
        String::from_utf8(response).unwrap()
    }
}

fn assert_status(response: &str, status: &str) {
    assert!(response.starts_with(&format!("RTSP/1.0 {status}")), "{response}");
}

/// Closing a connection with unread bytes resets it, and the client may lose the response.
#[tokio::test]
async fn last_response_is_not_lost_when_the_client_goes_on_sending() {
    let server = TestServer::with_limits(Limits::default()).await;
    for (wrong, status) in [
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", "400"),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nConnection: close\r\n\r\n", "200"),
    ] {
        let client = server.connect(VIEWER).await;
        let (mut reader, mut writer) = client.0.into_split();
        let more = vec![b'x'; 300_000];
        let sending = tokio::spawn(async move {
            writer.write_all(wrong.as_bytes()).await?;
            writer.write_all(&more).await?;
            writer.shutdown().await
        });
        let mut response = Vec::new();
        let read = timeout(TEST_TIMEOUT, reader.read_to_end(&mut response)).await.expect("it is not closed");
        assert!(read.is_ok(), "{status}: the connection was reset: {read:?}");
        assert_status(&String::from_utf8(response).unwrap(), status);
        assert!(sending.await.unwrap().is_ok(), "{status}: everything is read");
    }
}

#[tokio::test]
async fn sessions_of_one_address_leave_places_for_others_and_end_with_their_connections() {
    let server = TestServer::with_limits(Limits::default()).await;
    let mut attackers = Vec::new();
    let mut refusals = 0;
    for _ in 0..16 {
        let mut attacker = server.connect(ATTACKER).await;
        for _ in 0..16 {
            let response = attacker.request(&server.set_up_request()).await;
            if !response.starts_with("RTSP/1.0 200") {
                assert_status(
                    &response,
                    "503 Service Unavailable: your address has the maximum of 64 sessions",
                );
                refusals += 1;
            }
        }
        attackers.push(attacker);
    }
    assert_eq!((server.inner.session_count(), refusals), (64, 192));
    let mut viewer = server.connect(VIEWER).await;
    assert_status(&viewer.request(&server.set_up_request()).await, "200");
    drop((attackers, viewer));
    server.wait_until_no_session().await;
}

#[tokio::test]
async fn session_that_has_played_outlives_its_connection() {
    let server = TestServer::with_limits(Limits::default()).await;
    // A connection for each request, as RFC 2326 §1.4 allows.
    let response = server.connect(VIEWER).await.request(&server.set_up_request()).await;
    let session = response.split_once("Session: ").unwrap().1.split(';').next().unwrap();
    let headers = format!("Session: {session}\r\n");
    let response = server.connect(VIEWER).await.request(&server.request("PLAY", &headers)).await;
    assert_status(&response, "200");
    let mut clock = interval(Limits::default().unplayed_session_timeout);
    for _ in 0..3 {
        clock.tick().await;
        assert_eq!(server.inner.session_count(), 1);
    }
}

#[tokio::test]
async fn silent_connections_of_one_address_leave_places_for_others() {
    let mut server = TestServer::with_limits(Limits::default()).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(server.connect(ATTACKER).await);
    }
    let mut refused = server.connect(ATTACKER).await;
    let response = refused.request(OPTIONS).await;
    assert_status(&response, "503 Service Unavailable: your address has the maximum of 64 connections");
    assert!(response.contains("\r\nCSeq: 1\r\n") && response.contains("\r\nConnection: close\r\n"));
    assert_eq!(refused.read_to_end().await, "");
    assert_status(&server.connect(VIEWER).await.request(OPTIONS).await, "200");
    let event = timeout(TEST_TIMEOUT, server.events.recv()).await.unwrap().unwrap().to_string();
    assert!(event.contains("refused: your address has the maximum of 64 connections"), "{event}");
    drop(silent);
    let is_admitted =
        async { while !server.connect(ATTACKER).await.request(OPTIONS).await.starts_with("RTSP/1.0 200") {} };
    timeout(TEST_TIMEOUT, is_admitted).await.expect("the places are not free again");
}

#[tokio::test]
async fn many_viewers_behind_one_address_are_admitted_by_one_limit() {
    let server = TestServer::with_limits(Limits::default().with_connections(None, Some(300))).await;
    let mut viewers = Vec::new();
    for _ in 0..300 {
        let mut viewer = server.connect(VIEWER).await;
        assert_status(&viewer.request(&server.set_up_request()).await, "200");
        viewers.push(viewer);
    }
    assert_status(&server.connect(VIEWER).await.request(OPTIONS).await, "503");
    assert_eq!(server.inner.session_count(), 300);
}

/// Limits under which the second connection of an address is refused.
fn one_connection() -> Limits {
    Limits {
        refusal_timeout: Duration::from_millis(300),
        ..Limits::default().with_connections(None, Some(1))
    }
}

#[tokio::test]
async fn refusal_has_the_dialect_of_the_first_request() {
    let server = TestServer::with_limits(one_connection()).await;
    let _first = server.connect(ATTACKER).await;
    for program in ["SETUP film.mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000", "PLAY"] {
        let mut refused = server.connect(ATTACKER).await;
        refused.0.write_all(program.as_bytes()).await.unwrap();
        let response = refused.read_to_end().await;
        match program.starts_with("SETUP") {
            true => assert_eq!(response, "RTSP/1.0 503 Service Unavailable\r\nCSeq: 1\r\nSession: 0\r\n"),
            false => assert_status(&response, "503 Service Unavailable: your address"),
        }
    }
    let mut silent = server.connect(ATTACKER).await;
    let start = Instant::now();
    assert_status(&silent.read_to_end().await, "503 Service Unavailable: your address");
    assert!(start.elapsed() >= Duration::from_millis(200), "a silent client has time for its first request");
}

#[tokio::test]
async fn refusal_arrives_although_the_client_sends_more() {
    let server = TestServer::with_limits(one_connection()).await;
    let _first = server.connect(ATTACKER).await;
    let mut refused = server.connect(ATTACKER).await;
    refused.0.write_all(OPTIONS.repeat(1_000).as_bytes()).await.unwrap();
    let response = timeout(TEST_TIMEOUT, async {
        let mut response = Vec::new();
        while refused.0.read_buf(&mut response).await.unwrap() > 0 {
            // Unread bytes would reset the connection and discard the response.
            refused.0.write_all(OPTIONS.as_bytes()).await.unwrap();
        }
        String::from_utf8(response).unwrap()
    });
    assert_status(&response.await.unwrap(), "503");
}

#[tokio::test]
async fn connections_beyond_the_refusals_are_closed_at_once() {
    let limits = Limits { max_refusals: 2, refusal_timeout: TEST_TIMEOUT * 2, ..one_connection() };
    let server = TestServer::with_limits(limits).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(server.connect(ATTACKER).await);
    }
    assert_eq!(server.connect(ATTACKER).await.read_to_end().await, "");
    assert_status(&waiting[2].request(OPTIONS).await, "503");
}

#[tokio::test]
async fn client_that_opens_connections_without_a_pause_is_refused() {
    let server = TestServer::with_limits(Limits { max_new_connections: 3, ..Limits::default() }).await;
    let refused = async {
        loop {
            let response = server.connect(ATTACKER).await.request(OPTIONS).await;
            if !response.starts_with("RTSP/1.0 200") {
                return response;
            }
        }
    };
    let response = timeout(TEST_TIMEOUT, refused).await.expect("never refused");
    let reason = "your address has opened more than 3 connections in a second; try again later";
    assert_status(&response, &format!("503 Service Unavailable: {reason}"));
    assert_status(&server.connect(VIEWER).await.request(OPTIONS).await, "200");
}

#[tokio::test]
async fn request_that_trickles_in_is_refused_at_its_deadline() {
    let limits = Limits { request_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let mut attacker = server.connect(ATTACKER).await;
    assert_status(&attacker.request(OPTIONS).await, "200");
    attacker.0.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 2\r\nUser-Agent: ").await.unwrap();
    let response = attacker.trickle(b'x').await;
    assert_status(&response, "408 Request Time-out: the request was not complete after 0.3 s\r\nCSeq: 2\r\n");
    assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
}

#[tokio::test]
async fn blank_lines_do_not_keep_a_connection_open() {
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    assert_eq!(server.connect(ATTACKER).await.trickle(b'\n').await, "");
}

#[tokio::test]
async fn wrong_passwords_are_delayed_and_the_connection_is_closed() {
    let wrong_password_delay = Duration::from_millis(60);
    let limits = Limits { wrong_password_delay, ..Limits::default() };
    let auth = Some(Authenticator::new("ann", "secret"));
    let server = TestServer::start(ServerOptions { auth, limits, ..ServerOptions::default() }).await;
    let mut attacker = server.connect(ATTACKER).await;
    let start = Instant::now();
    assert_status(&attacker.request(&server.request("DESCRIBE", "")).await, "401");
    assert!(start.elapsed() < Duration::from_secs(5), "a request without a password is no guess");
    let wrong = server.request("DESCRIBE", "Authorization: Basic YW5uOnNlY3JlVA==\r\n");
    for count in 1..=5 {
        let response = attacker.request(&wrong).await;
        assert_status(&response, "401");
        assert_eq!(response.contains("\r\nConnection: close\r\n"), count == 5, "{response}");
    }
    assert!(start.elapsed() >= wrong_password_delay * 5);
    assert_eq!(attacker.read_to_end().await, "");
    let start = Instant::now();
    assert_status(&server.connect(ATTACKER).await.request(&wrong).await, "401");
    assert!(start.elapsed() >= wrong_password_delay * 2, "the delay grows on other connections too");
    let right = server.request("DESCRIBE", "Authorization: Basic YW5uOnNlY3JldA==\r\n");
    assert_status(&server.connect(ATTACKER).await.request(&right).await, "200");
}

#[tokio::test]
async fn log_lines_of_one_client_are_clipped_and_limited() {
    const REQUESTS: u64 = 1_000;
    let mut server = TestServer::with_limits(Limits::default()).await;
    let mut attacker = server.connect(ATTACKER).await;
    let session = "\u{1b}".repeat(15_000);
    let request = server.request("OPTIONS", &format!("Session: {session}\r\n"));
    let start = Instant::now();
    for _ in 0..REQUESTS {
        assert_status(&attacker.request(&request).await, "200");
    }
    let seconds = start.elapsed().as_secs() + 1;
    assert_status(&server.connect(VIEWER).await.request(OPTIONS).await, "200");
    let (mut lines, mut bytes, mut left_out, mut has_viewer) = (0, 0, 0, false);
    while lines + left_out < REQUESTS || !has_viewer {
        match timeout(TEST_TIMEOUT, server.events.recv()).await.expect("lines are missing").unwrap() {
            ServerEvent::EventsLeftOut { address, count } => {
                assert_eq!(address.to_string(), "127.0.0.2");
                left_out += count;
            }
            event @ ServerEvent::RequestHandled { peer, .. } if peer.ip() == IpAddr::from(ATTACKER) => {
                lines += 1;
                bytes += event.to_string().len();
                assert!(!event.to_string().contains('\u{1b}'));
            }
            _ => has_viewer = true,
        }
    }
    assert_eq!(lines + left_out, REQUESTS);
    assert!(lines <= 50 * (seconds + 1), "{lines} lines in {seconds} s");
    assert!(bytes < 150 * usize::try_from(lines).unwrap(), "{bytes} bytes in {lines} lines");
}

async fn start_proxy(limits: Limits) -> (Proxy, TcpListener, mpsc::UnboundedReceiver<ProxyEvent>) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (event_sender, events) = mpsc::unbounded_channel();
    let options = ProxyOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        server: ("127.0.0.1".to_owned(), server.local_addr().unwrap().port()),
        emulator: Emulator::default(),
        limits,
    };
    let proxy = Proxy::start(options, Arc::new(move |event| drop(event_sender.send(event)))).await.unwrap();
    (proxy, server, events)
}

#[tokio::test]
async fn proxy_refuses_connections_beyond_its_limits() {
    let (proxy, server, mut events) = start_proxy(one_connection()).await;
    let _first = TestClient::connect(proxy.address(), ATTACKER).await;
    let mut refused = TestClient::connect(proxy.address(), ATTACKER).await;
    let response = refused.request(OPTIONS).await;
    assert_status(&response, "503 Service Unavailable: your address has the maximum of 1 connections");
    let refusal = async { while !matches!(events.recv().await, Some(ProxyEvent::Refused { .. })) {} };
    timeout(TEST_TIMEOUT, refusal).await.expect("the refusal is not reported");
    let _other = TestClient::connect(proxy.address(), VIEWER).await;
    for _ in 0..2 {
        timeout(TEST_TIMEOUT, server.accept()).await.expect("two clients are forwarded").unwrap();
    }
}

#[tokio::test]
async fn proxy_closes_a_connection_whose_request_trickles_in() {
    let limits = Limits { request_timeout: Duration::from_millis(300), ..Limits::for_proxy() };
    let (proxy, server, mut events) = start_proxy(limits).await;
    let mut client = TestClient::connect(proxy.address(), ATTACKER).await;
    let (_server_side, _) = timeout(TEST_TIMEOUT, server.accept()).await.unwrap().unwrap();
    client.0.write_all(b"OPTIONS * RTSP/1.0\r\n").await.unwrap();
    assert_eq!(client.trickle(b'x').await, "");
    let mut error = None;
    while error.is_none() {
        if let Some(ProxyEvent::Closed { error: Some(text), .. }) = events.recv().await {
            error = Some(text);
        }
    }
    assert_eq!(error.as_deref(), Some("a message was not complete in time"));
}

#[tokio::test]
async fn udp_streams_of_one_client_of_the_proxy_are_limited() {
    let limits = Limits { max_sessions_per_address: 2, ..Limits::for_proxy() };
    let (proxy, server, _events) = start_proxy(limits).await;
    let mut client = TestClient::connect(proxy.address(), ATTACKER).await;
    let (mut server_side, _) = timeout(TEST_TIMEOUT, server.accept()).await.unwrap().unwrap();
    for port in [5_000, 5_002, 5_004] {
        let transport = format!("Transport: RTP/AVP;client_port={port}-{}\r\n\r\n", port + 1);
        let request = format!("SETUP rtsp://h/f RTSP/1.0\r\nCSeq: 1\r\n{transport}");
        client.0.write_all(request.as_bytes()).await.unwrap();
    }
    assert_eq!(client.read_to_end().await, "", "the third stream ends the connection");
    let mut forwarded = String::new();
    timeout(TEST_TIMEOUT, server_side.read_to_string(&mut forwarded)).await.unwrap().unwrap();
    assert_eq!(forwarded.matches("Transport: ").count(), 2, "{forwarded}");
}

#[tokio::test]
async fn log_lines_of_one_client_of_the_proxy_are_limited() {
    let (proxy, _server, mut events) = start_proxy(Limits { max_log_lines: 4, ..Limits::for_proxy() }).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(TestClient::connect(proxy.address(), ATTACKER).await);
    }
    let mut lines = 0;
    loop {
        match timeout(TEST_TIMEOUT, events.recv()).await.expect("no count").unwrap() {
            ProxyEvent::EventsLeftOut { count, .. } => {
                lines += count;
                if lines >= 10 {
                    break;
                }
            }
            _ => lines += 1,
        }
    }
    assert_eq!(lines, 10);
}

fn server_tls() -> ServerTls {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    ServerTls::from_pem(own.cert.pem().as_bytes(), own.signing_key.serialize_pem().as_bytes()).unwrap()
}

#[tokio::test]
#[cfg_attr(not(feature = "tls"), ignore = "needs TLS")]
async fn client_without_a_tls_handshake_loses_its_place() {
    let limits = Limits {
        handshake_timeout: Duration::from_millis(200),
        max_connections_per_address: 1,
        ..Limits::default()
    };
    let tls = Some(server_tls());
    let server = TestServer::start(ServerOptions { tls, limits, ..ServerOptions::default() }).await;
    let mut silent = server.connect(ATTACKER).await;
    assert_eq!(silent.read_to_end().await, "");
    // A request that is not encrypted gets a TLS alert (RFC 8446 §6) and no RTSP.
    let mut plain = server.connect(VIEWER).await;
    plain.0.write_all(OPTIONS.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    timeout(TEST_TIMEOUT, plain.0.read_to_end(&mut response)).await.unwrap().unwrap();
    assert!(response.starts_with(&[21, 3]), "{response:?}");
}
