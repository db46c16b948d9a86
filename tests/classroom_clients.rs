//! Classroom programs play the server: each manner of asking, from the bytes that such programs send.

mod common;

use std::net::UdpSocket as PlainUdpSocket;
use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::media::FrameRate;
use reelay::media::decode::decode;
use reelay::media::payload::MAX_CLASSROOM_FRAME_SIZE;
use reelay::media_file::MediaFile;
use reelay::proto::rtp::Packet;
use reelay::server_embed::{Authenticator, Observer, Server, ServerEvent, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Fast, so that the tests are.
const FRAME_RATE: FrameRate = FrameRate::per_second(100);

/// Nothing on loopback takes this long; a test that waits so long has failed.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What such programs take from their socket at a time.
const CLIENT_BUFFER_SIZE: usize = 20_480;

/// How a program writes a request: the method, its number, the session that it was told, its RTP port.
type RequestFormat = fn(&str, u32, &str, u16) -> String;

/// As in 2015: no header names, and a file name only in SETUP.
fn without_header_names(method: &str, cseq: u32, _: &str, port: u16) -> String {
    match method {
        "SETUP" => format!("SETUP movie.Mjpeg\n{cseq}\n RTSP/1.0 RTP/UDP {port}"),
        _ => format!("{method} \n{cseq}"),
    }
}

/// With headers, LF, and no last line end.
fn with_headers(method: &str, cseq: u32, session: &str, port: u16) -> String {
    let last = match method {
        "SETUP" => format!("Transport: RTP/UDP; client_port= {port}"),
        _ => format!("Session: {session}"),
    };
    format!("{method} movie.Mjpeg RTSP/1.0\nCSeq: {cseq}\n{last}")
}

const REQUEST_FORMATS: [(&str, RequestFormat); 11] = [
    ("no header names", without_header_names),
    ("no header names, CRLF", |m, n, s, p| without_header_names(m, n, s, p).replace('\n', "\r\n") + "\r\n"),
    ("headers, no last line end", with_headers),
    ("headers", |m, n, s, p| with_headers(m, n, s, p) + "\n"),
    ("headers and a blank line", |m, n, s, p| with_headers(m, n, s, p) + "\n\n"),
    ("CRLF", |m, n, s, p| with_headers(m, n, s, p).replace('\n', "\r\n") + "\r\n"),
    ("CRLF and a blank line", |m, n, s, p| with_headers(m, n, s, p).replace('\n', "\r\n") + "\r\n\r\n"),
    ("no space after =", |m, n, s, p| with_headers(m, n, s, p).replace("= ", "=")),
    ("spaces around =, capitals", |m, n, s, p| {
        with_headers(m, n, s, p).replace("client_port=", "CLIENT_PORT =").replace("CSeq", "CSEQ")
    }),
    ("a space after the version, tabs", |m, n, s, p| with_headers(m, n, s, p).replace('\n', " \n\t")),
    ("no colons", |m, n, s, p| with_headers(m, n, s, p).replace(": ", " ")),
];

/// A program: its connection, and the port where its pictures arrive.
struct TestClient {
    connection: TcpStream,
    incoming_frames: UdpSocket,
    /// The same port, for what has arrived already.
    nonblocking_socket: PlainUdpSocket,
    request_format: RequestFormat,
    cseq: u32,
    session: String,
    /// The number of the last picture.
    last_sequence: u16,
}

impl TestClient {
    async fn start(server: &Server, request_format: RequestFormat) -> Self {
        let connection = TcpStream::connect(server.address()).await.unwrap();
        let (pictures, pictures_at_once) = bind_udp();
        Self {
            connection,
            incoming_frames: pictures,
            nonblocking_socket: pictures_at_once,
            request_format,
            cseq: 0,
            session: String::new(),
            last_sequence: 0,
        }
    }

    /// Another port, on which pictures are numbered from 1.
    fn open_port(&mut self) {
        (self.incoming_frames, self.nonblocking_socket) = bind_udp();
        self.last_sequence = 0;
    }

    fn port(&self) -> u16 {
        self.incoming_frames.local_addr().unwrap().port()
    }

    fn format_request(&mut self, method: &str) -> String {
        self.cseq += 1;
        (self.request_format)(method, self.cseq, &self.session, self.port())
    }

    async fn write(&mut self, text: &str) {
        self.connection.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next three lines.
    async fn response(&mut self) -> String {
        let mut answer = Vec::new();
        while answer.iter().filter(|byte| **byte == b'\n').count() < 3 {
            let byte = timeout(TEST_TIMEOUT, self.connection.read_u8()).await.expect("an answer in time");
            answer.push(byte.unwrap_or_else(|_| panic!("closed after {}", String::from_utf8_lossy(&answer))));
        }
        String::from_utf8(answer).unwrap()
    }

    fn expected_response(&self, status: &str, session: &str) -> String {
        format!("RTSP/1.0 {status}\r\nCSeq: {}\r\nSession: {session}\r\n", self.cseq)
    }

    async fn send_request(&mut self, method: &str) -> String {
        let request = self.format_request(method);
        self.write(&request).await;
        self.response().await
    }

    async fn set_up(&mut self) {
        let response = self.send_request("SETUP").await;
        self.session = response.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert!(
            self.session.len() == 6 && self.session.bytes().all(|byte| byte.is_ascii_digit()),
            "{response}"
        );
        assert_eq!(response, self.expected_response("200 OK", &self.session));
    }

    async fn expect_ok(&mut self, method: &str) {
        let answer = self.send_request(method).await;
        assert_eq!(answer, self.expected_response("200 OK", &self.session), "{method}");
    }

    fn parse_packet(&mut self, datagram: &[u8]) -> Vec<u8> {
        assert!(datagram.len() <= CLIENT_BUFFER_SIZE && datagram[0] == 0x80, "version 2 and nothing else");
        let packet = Packet::parse(datagram.to_vec().into()).unwrap();
        assert!(packet.header.marker && packet.header.payload_type == 26);
        assert_eq!(packet.header.sequence, self.last_sequence + 1, "the next picture");
        self.last_sequence += 1;
        packet.payload.to_vec()
    }

    async fn incoming_frames(&mut self, count: usize) -> Vec<Vec<u8>> {
        let (mut arrived, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while arrived.len() < count {
            let received = timeout(TEST_TIMEOUT, self.incoming_frames.recv_from(&mut buffer));
            let (length, _) = received.await.unwrap_or_else(|_| panic!("only {}", arrived.len())).unwrap();
            arrived.push(self.parse_packet(&buffer[..length]));
        }
        arrived
    }

    /// What has arrived already. Whatever the server sent before its last answer is here.
    fn received_frames(&mut self) -> Vec<Vec<u8>> {
        let (mut arrived, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while let Ok(length) = self.nonblocking_socket.recv(&mut buffer) {
            arrived.push(self.parse_packet(&buffer[..length]));
        }
        arrived
    }

    /// Says nothing more; nothing but what was asked for must have come.
    async fn close(mut self) {
        self.connection.shutdown().await.unwrap();
        let mut rest = Vec::new();
        timeout(TEST_TIMEOUT, self.connection.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

fn bind_udp() -> (UdpSocket, PlainUdpSocket) {
    let plain = PlainUdpSocket::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    (UdpSocket::from_std(plain.try_clone().unwrap()).unwrap(), plain)
}

async fn start_server(options: ServerOptions) -> (Server, mpsc::UnboundedReceiver<ServerEvent>) {
    let (event_sender, events) = mpsc::unbounded_channel();
    // Nobody listens where a test is not about events.
    let observer = Observer::new(move |event| drop(event_sender.send(event)));
    (Server::start(options, observer).await.unwrap(), events)
}

fn add_file(server: &Server, test: &TestFile) {
    let film = MediaFile::open(test.path(), "movie.Mjpeg", FRAME_RATE).unwrap();
    assert_eq!(server.library().add(film), "movie.Mjpeg");
}

async fn wait_for_no_sessions(server: &Server) {
    timeout(TEST_TIMEOUT, async {
        while server.session_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the session ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_format_plays_all_frames_twice() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (160, 120), 12));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &test);
    for (name, manner) in REQUEST_FORMATS {
        let mut program = TestClient::start(&server, manner).await;
        program.set_up().await;
        program.expect_ok("PLAY").await;
        assert!(program.incoming_frames(12).await == test.frames, "{name}: the film's pictures");
        program.expect_ok("PLAY").await;
        assert!(program.incoming_frames(12).await == test.frames, "{name}: the film's pictures again");
        assert_eq!(program.last_sequence, 24, "{name}");
        program.expect_ok("TEARDOWN").await;
        assert_eq!(server.session_count(), 0, "{name}");
        program.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_stops_frames_and_play_resumes_with_the_next() {
    let test = test_file(FileLayout::Raw, test_jpegs(JpegKind::WithComment, (96, 64), 60));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &test);
    let mut program = TestClient::start(&server, with_headers).await;
    program.set_up().await;
    // Nothing plays, and a program that has read the answer knows it.
    program.expect_ok("PAUSE").await;
    program.expect_ok("PLAY").await;
    let mut arrived = program.incoming_frames(5).await;
    program.expect_ok("PAUSE").await;
    arrived.extend(program.received_frames());
    assert!(arrived.len() < 60);
    // Its silence lasts as long as several pictures.
    program.expect_ok("PAUSE").await;
    assert_eq!(program.received_frames().len(), 0, "pictures of a film that is paused");
    program.expect_ok("PLAY").await;
    program.expect_ok("PLAY").await;
    let rest = program.incoming_frames(60 - arrived.len()).await;
    arrived.extend(rest);
    assert!(arrived == test.frames);
    // The end is silent, and a pause behind it is granted.
    program.expect_ok("PAUSE").await;
    assert_eq!(program.received_frames().len(), 0);
    program.close().await;
    wait_for_no_sessions(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_and_split_requests_are_parsed() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &test);
    for manner in [without_header_names, with_headers] {
        let mut program = TestClient::start(&server, manner).await;
        let both = program.format_request("SETUP") + &program.format_request("PLAY");
        program.write(&both).await;
        for cseq in [1, 2] {
            let answer = program.response().await;
            assert!(answer.starts_with(&format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: ")), "{answer}");
            program.session = answer.trim_end().rsplit(' ').next().unwrap().to_owned();
        }
        assert!(program.incoming_frames(8).await == test.frames);
        let both = program.format_request("PAUSE") + &program.format_request("TEARDOWN");
        for byte in both.chars() {
            program.write(byte.encode_utf8(&mut [0; 4])).await;
        }
        for cseq in [3, 4] {
            let expected = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: {}\r\n", program.session);
            assert_eq!(program.response().await, expected);
        }
        assert_eq!(server.session_count(), 0);
        program.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_requests_are_refused_and_connection_stays_open() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 200));
    let (server, mut events) = start_server(ServerOptions::default()).await;
    add_file(&server, &test);
    let mut program = TestClient::start(&server, with_headers).await;
    assert_eq!(
        program.send_request("PLAY").await,
        program.expected_response("455 Method Not Valid in This State", "0")
    );
    program.write("SETUP missing.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000").await;
    assert_eq!(program.response().await, program.expected_response("404 Not Found", "0"));
    program.write("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\n").await;
    assert_eq!(program.response().await, program.expected_response("461 Unsupported Transport", "0"));
    program.write("DESCRIBE movie.Mjpeg RTSP/1.0\nCSeq: 1\n").await;
    assert_eq!(program.response().await, program.expected_response("501 Not Implemented", "0"));
    // In other letters, from another folder, and twice: the second takes the place of the first.
    let port = program.port();
    for file in ["MOVIE.MJPEG", "C:\\films\\movie.Mjpeg"] {
        program
            .write(&format!("SETUP {file} RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= {port}"))
            .await;
        let answer = program.response().await;
        assert!(answer.starts_with("RTSP/1.0 200 OK\r\n"), "{answer}");
        program.session = answer.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert_eq!(server.session_count(), 1);
    }
    program.expect_ok("PLAY").await;
    program.incoming_frames(2).await;
    program.expect_ok("TEARDOWN").await;
    program.expect_ok("TEARDOWN").await;
    // Set up anew, the film is numbered anew.
    program.open_port();
    program.set_up().await;
    program.expect_ok("PLAY").await;
    assert!(program.incoming_frames(3).await == test.frames[..3]);
    program.close().await;
    wait_for_no_sessions(&server).await;
    let mut log = Vec::new();
    while let Ok(event) = events.try_recv() {
        log.push(event.to_string());
    }
    assert!(
        log.iter().any(|line| line.contains(" SETUP 0 404 ") && line.contains("missing.Mjpeg")),
        "{log:?}"
    );
    assert!(log.iter().any(|line| line.contains(" PLAY ") && line.ends_with(" 200")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_frames_are_shrunk_to_client_buffer() {
    let large: Vec<_> =
        (0..6).map(|number| test_jpeg(JpegKind::Classroom444, (1_280, 720), number, 0)).collect();
    assert!(large.iter().all(|jpeg| jpeg.len() > MAX_CLASSROOM_FRAME_SIZE));
    let test = test_file(FileLayout::Records(6), large);
    let (server, _) = start_server(ServerOptions::default()).await;
    let film = MediaFile::open(test.path(), "movie.Mjpeg", FrameRate::per_second(1)).unwrap();
    server.library().add(film);
    let mut program = TestClient::start(&server, with_headers).await;
    program.set_up().await;
    program.expect_ok("PLAY").await;
    for fitted in program.incoming_frames(2).await {
        decode(&fitted, &mut Vec::new()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_connection_ends_its_session() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 2_000));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &test);
    for words in ["", "PAUSE movie.Mjpeg RTSP/1.0\nCSeq: 3\nSession: 1"] {
        let mut program = TestClient::start(&server, with_headers).await;
        program.set_up().await;
        program.expect_ok("PLAY").await;
        program.incoming_frames(1).await;
        assert_eq!(server.session_count(), 1);
        program.write(words).await;
        drop(program);
        wait_for_no_sessions(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classroom_requests_are_refused_when_password_is_set() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 8));
    let auth = Some(Authenticator::new("ann", "secret"));
    let (server, _) = start_server(ServerOptions { auth, ..ServerOptions::default() }).await;
    add_file(&server, &test);
    let mut program = TestClient::start(&server, with_headers).await;
    assert_eq!(program.send_request("SETUP").await, program.expected_response("401 Unauthorized", "0"));
    assert_eq!(program.send_request("PLAY").await, program.expected_response("401 Unauthorized", "0"));
    program.close().await;
    assert_eq!(server.session_count(), 0);
}

/// The silence that ends a classroom program's request passes over a standard one that is not whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gap_inside_standard_request_does_not_end_it() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &test);
    let url = server.url_of("movie.Mjpeg");
    let mut standard = TcpStream::connect(server.address()).await.unwrap();
    // What a program asks meanwhile is answered only after that silence.
    let mut program = TestClient::start(&server, with_headers).await;
    for piece in
        ["SETUP", &format!(" {url}/track1"), " RTSP/1.0", "\r\nCSeq: 1", "\r\nTransport: RTP/AVP/TCP\r\n"]
    {
        standard.write_all(piece.as_bytes()).await.unwrap();
        let answer = program.send_request("TEARDOWN").await;
        assert!(answer.starts_with("RTSP/1.0 200 OK\r\n"), "{answer}");
    }
    standard.write_all(b"\r\n").await.unwrap();
    let mut answer = [0; 15];
    timeout(TEST_TIMEOUT, standard.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"RTSP/1.0 200 OK");
}
