//! Classroom programs play from Reelay's server, with requests in every format that such programs use.

mod common;

use std::net::UdpSocket as PlainUdpSocket;
use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::media::FrameRate;
use reelay::media::decode::decode;
use reelay::media::payload::{MAX_CLASSROOM_FRAME_SIZE, MAX_SMALL_CLASSROOM_FRAME_SIZE};
use reelay::media_file::MediaFile;
use reelay::proto::rtp::Packet;
use reelay::server_embed::{Authenticator, Observer, Server, ServerEvent, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A high frame rate, which keeps the tests short.
const FRAME_RATE: FrameRate = FrameRate::per_second(100);

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Number of bytes that such programs read from their socket at a time.
const CLIENT_BUFFER_SIZE: usize = 20_480;

/// Writes a request from the method, the CSeq, the session ID and the RTP port.
type RequestFormat = fn(&str, u32, &str, u16) -> String;

/// Writes a request like the programs of 2015: no header names, and a file name only in SETUP.
fn without_header_names(method: &str, cseq: u32, _: &str, port: u16) -> String {
    match method {
        "SETUP" => format!("SETUP movie.Mjpeg\n{cseq}\n RTSP/1.0 RTP/UDP {port}"),
        _ => format!("{method} \n{cseq}"),
    }
}

/// Writes a request with headers, LF line ends, and no line end after the last line.
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

/// A classroom client: its connection and its RTP port.
struct TestClient {
    connection: TcpStream,
    rtp_socket: UdpSocket,
    /// The same socket, for datagrams that have already arrived.
    nonblocking_socket: PlainUdpSocket,
    request_format: RequestFormat,
    cseq: u32,
    session: String,
    /// Sequence number of the last frame.
    last_sequence: u16,
}

impl TestClient {
    async fn start(server: &Server, request_format: RequestFormat) -> Self {
        let connection = TcpStream::connect(server.address()).await.unwrap();
        let (rtp_socket, nonblocking_socket) = bind_udp();
        Self {
            connection,
            rtp_socket,
            nonblocking_socket,
            request_format,
            cseq: 0,
            session: String::new(),
            last_sequence: 0,
        }
    }

    /// Opens another RTP port, on which the sequence numbers must start at 1.
    fn open_port(&mut self) {
        (self.rtp_socket, self.nonblocking_socket) = bind_udp();
        self.last_sequence = 0;
    }

    fn port(&self) -> u16 {
        self.rtp_socket.local_addr().unwrap().port()
    }

    fn format_request(&mut self, method: &str) -> String {
        self.cseq += 1;
        (self.request_format)(method, self.cseq, &self.session, self.port())
    }

    async fn write(&mut self, text: &str) {
        self.connection.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads a response of three lines.
    async fn next_response(&mut self) -> String {
        let mut response = Vec::new();
        while response.iter().filter(|byte| **byte == b'\n').count() < 3 {
            let byte = timeout(TEST_TIMEOUT, self.connection.read_u8()).await.expect("no response in time");
            response
                .push(byte.unwrap_or_else(|_| panic!("closed after {}", String::from_utf8_lossy(&response))));
        }
        String::from_utf8(response).unwrap()
    }

    /// Writes a request of standard RTSP and reads the response, which has no body.
    async fn exchange_standard(&mut self, request: &str) -> String {
        self.write(request).await;
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            let byte = timeout(TEST_TIMEOUT, self.connection.read_u8()).await.expect("no response in time");
            response.push(byte.unwrap());
        }
        String::from_utf8(response).unwrap()
    }

    fn expected_response(&self, status: &str, session: &str) -> String {
        format!("RTSP/1.0 {status}\r\nCSeq: {}\r\nSession: {session}\r\n", self.cseq)
    }

    async fn send_request(&mut self, method: &str) -> String {
        let request = self.format_request(method);
        self.write(&request).await;
        self.next_response().await
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
        let response = self.send_request(method).await;
        assert_eq!(response, self.expected_response("200 OK", &self.session), "{method}");
    }

    fn parse_packet(&mut self, datagram: &[u8]) -> Vec<u8> {
        assert!(
            datagram.len() <= CLIENT_BUFFER_SIZE && datagram[0] == 0x80,
            "not RTP version 2 without flags"
        );
        let packet = Packet::parse(datagram.to_vec().into()).unwrap();
        assert!(packet.header.marker && packet.header.payload_type == 26);
        assert_eq!(packet.header.sequence, self.last_sequence + 1, "not the next frame");
        self.last_sequence += 1;
        packet.payload.to_vec()
    }

    /// Waits for the next `count` frames.
    async fn next_frames(&mut self, count: usize) -> Vec<Vec<u8>> {
        let (mut frames, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while frames.len() < count {
            let datagram = timeout(TEST_TIMEOUT, self.rtp_socket.recv_from(&mut buffer));
            let (length, _) = datagram.await.unwrap_or_else(|_| panic!("only {}", frames.len())).unwrap();
            frames.push(self.parse_packet(&buffer[..length]));
        }
        frames
    }

    /// Returns the frames that have already arrived, which includes all that the server sent before its last response.
    fn received_frames(&mut self) -> Vec<Vec<u8>> {
        let (mut frames, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while let Ok(length) = self.nonblocking_socket.recv(&mut buffer) {
            frames.push(self.parse_packet(&buffer[..length]));
        }
        frames
    }

    /// Half-closes the connection and asserts that the server sends nothing more.
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
    // Errors are ignored: most tests drop the receiver.
    let observer = Observer::new(move |event| drop(event_sender.send(event)));
    (Server::start(options, observer).await.unwrap(), events)
}

fn add_file(server: &Server, file: &TestFile) {
    let film = MediaFile::open(file.path(), "movie.Mjpeg", FRAME_RATE).unwrap();
    assert_eq!(server.library().add(film), "movie.Mjpeg");
}

async fn wait_for_no_sessions(server: &Server) {
    timeout(TEST_TIMEOUT, async {
        while server.session_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the session does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_format_plays_all_frames_twice() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (160, 120), 12));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    for (name, format) in REQUEST_FORMATS {
        let mut client = TestClient::start(&server, format).await;
        client.set_up().await;
        client.expect_ok("PLAY").await;
        assert!(client.next_frames(12).await == file.frames, "{name}: first PLAY");
        client.expect_ok("PLAY").await;
        assert!(client.next_frames(12).await == file.frames, "{name}: second PLAY");
        assert_eq!(client.last_sequence, 24, "{name}");
        client.expect_ok("TEARDOWN").await;
        assert_eq!(server.session_count(), 0, "{name}");
        client.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_stops_frames_and_play_resumes_with_the_next() {
    let file = test_file(FileLayout::Raw, test_jpegs(JpegKind::WithComment, (96, 64), 60));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    let mut client = TestClient::start(&server, with_headers).await;
    client.set_up().await;
    // A PAUSE before the first PLAY succeeds.
    client.expect_ok("PAUSE").await;
    client.expect_ok("PLAY").await;
    let mut received = client.next_frames(5).await;
    client.expect_ok("PAUSE").await;
    received.extend(client.received_frames());
    assert!(received.len() < 60);
    // The server waits 50 ms for the end of the second PAUSE, the time of five frames; none of them arrives.
    client.expect_ok("PAUSE").await;
    assert_eq!(client.received_frames().len(), 0, "frames of a paused film");
    client.expect_ok("PLAY").await;
    client.expect_ok("PLAY").await;
    let rest = client.next_frames(60 - received.len()).await;
    received.extend(rest);
    assert!(received == file.frames);
    // Nothing is sent at the end of the film, and a PAUSE after it succeeds.
    client.expect_ok("PAUSE").await;
    assert_eq!(client.received_frames().len(), 0);
    client.close().await;
    wait_for_no_sessions(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_and_split_requests_are_parsed() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    for format in [without_header_names, with_headers] {
        let mut client = TestClient::start(&server, format).await;
        let requests = client.format_request("SETUP") + &client.format_request("PLAY");
        client.write(&requests).await;
        for cseq in [1, 2] {
            let response = client.next_response().await;
            assert!(
                response.starts_with(&format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: ")),
                "{response}"
            );
            client.session = response.trim_end().rsplit(' ').next().unwrap().to_owned();
        }
        assert!(client.next_frames(8).await == file.frames);
        let requests = client.format_request("PAUSE") + &client.format_request("TEARDOWN");
        for byte in requests.chars() {
            client.write(byte.encode_utf8(&mut [0; 4])).await;
        }
        for cseq in [3, 4] {
            let expected = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: {}\r\n", client.session);
            assert_eq!(client.next_response().await, expected);
        }
        assert_eq!(server.session_count(), 0);
        client.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_requests_are_refused_and_connection_stays_open() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 200));
    let (server, mut events) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    let mut client = TestClient::start(&server, with_headers).await;
    assert_eq!(
        client.send_request("PLAY").await,
        client.expected_response("455 Method Not Valid in This State", "0")
    );
    client.write("SETUP missing.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000").await;
    assert_eq!(client.next_response().await, client.expected_response("404 Not Found", "0"));
    client.write("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\n").await;
    assert_eq!(client.next_response().await, client.expected_response("461 Unsupported Transport", "0"));
    client.write("DESCRIBE movie.Mjpeg RTSP/1.0\nCSeq: 1\n").await;
    assert_eq!(client.next_response().await, client.expected_response("501 Not Implemented", "0"));
    // File names match without regard to case and folder. The second SETUP replaces the first.
    let port = client.port();
    for file in ["MOVIE.MJPEG", "C:\\films\\movie.Mjpeg"] {
        client
            .write(&format!("SETUP {file} RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= {port}"))
            .await;
        let response = client.next_response().await;
        assert!(response.starts_with("RTSP/1.0 200 OK\r\n"), "{response}");
        client.session = response.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert_eq!(server.session_count(), 1);
    }
    client.expect_ok("PLAY").await;
    client.next_frames(2).await;
    client.expect_ok("TEARDOWN").await;
    client.expect_ok("TEARDOWN").await;
    // After a new SETUP the sequence numbers start at 1 again.
    client.open_port();
    client.set_up().await;
    client.expect_ok("PLAY").await;
    assert!(client.next_frames(3).await == file.frames[..3]);
    client.close().await;
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
    let file = test_file(FileLayout::Records(6), large);
    let (server, _) = start_server(ServerOptions::default()).await;
    let film = MediaFile::open(file.path(), "movie.Mjpeg", FrameRate::per_second(1)).unwrap();
    server.library().add(film);
    let mut client = TestClient::start(&server, with_headers).await;
    client.set_up().await;
    client.expect_ok("PLAY").await;
    for jpeg in client.next_frames(2).await {
        decode(&jpeg, &mut Vec::new()).unwrap();
    }
}

/// The Java programs hold datagrams of 15,000 bytes, and write their requests with CRLF and without a blank line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_above_15000_bytes_are_shrunk_for_java_clients_only() {
    let small = test_jpeg(JpegKind::Classroom444, (160, 120), 1, 0);
    assert!(small.len() < 13_000);
    // A comment fills the frames up to the sizes around the limit.
    let with_length = |length: usize| {
        let fill = length - small.len() - 4;
        let comment = [&[0xFF, 0xFE][..], &(fill as u16 + 2).to_be_bytes(), &vec![b'x'; fill]].concat();
        [&small[..2], &comment, &small[2..]].concat()
    };
    let lengths = [14_000, MAX_SMALL_CLASSROOM_FRAME_SIZE, MAX_SMALL_CLASSROOM_FRAME_SIZE + 1, 20_000];
    let file = test_file(FileLayout::Records(5), lengths.map(with_length).to_vec());
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    let java: RequestFormat = |m, n, s, p| with_headers(m, n, s, p).replace('\n', "\r\n") + "\r\n";
    let mut received = Vec::new();
    for format in [with_headers, java] {
        let mut client = TestClient::start(&server, format).await;
        client.set_up().await;
        client.expect_ok("PLAY").await;
        received.push(client.next_frames(4).await);
        client.close().await;
    }
    assert!(received[0] == file.frames, "other clients receive the frames as they are");
    assert!(received[1][..2] == file.frames[..2], "frames that fit are sent as they are");
    for jpeg in &received[1][2..] {
        assert!(jpeg.len() <= MAX_SMALL_CLASSROOM_FRAME_SIZE, "{}", jpeg.len());
        decode(jpeg, &mut Vec::new()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_connection_to_the_client_is_refused_with_the_reason() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    let mut client = TestClient::start(&server, with_headers).await;
    client.write("SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: TCP; client_port= 25000\r\n").await;
    let response = client.next_response().await;
    assert!(
        response.starts_with("RTSP/1.0 461 Unsupported Transport: frames are sent over UDP"),
        "{response}"
    );
    assert!(response.ends_with("\r\nCSeq: 1\r\nSession: 0\r\n"), "{response}");
    assert_eq!(server.session_count(), 0);
    client.set_up().await;
}

/// Java programs append `trackID=0` to the URL without having read the control URL in the SDP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_track_name_is_an_alias_of_the_track() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    let url = server.url_of("movie.Mjpeg");
    for track in ["trackID=0", "trackID=1", "streamid=0", "stream=0", "track1"] {
        let mut client = TestClient::start(&server, with_headers).await;
        let port = client.port();
        let setup = format!(
            "SETUP {url}/{track} RTSP/1.0\r\nCSeq: 1\r\n\
             Transport: RTP/AVP/UDP;unicast;client_port={port}-{port}\r\n\r\n"
        );
        let response = client.exchange_standard(&setup).await;
        assert!(response.starts_with("RTSP/1.0 200 OK\r\n"), "{track}: {response}");
        let session = response.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
        let session = session.split(';').next().unwrap();
        let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
        let response = client.exchange_standard(&play).await;
        assert!(response.starts_with("RTSP/1.0 200 OK\r\n"), "{track}: {response}");
        assert!(response.contains(&format!("{url}/{track}")), "RTP-Info names the client's URL: {response}");
        // RTCP has the same port as RTP here.
        let mut datagram = [0; 2_048];
        while datagram[1] & 0x7F != 26 {
            let received = timeout(TEST_TIMEOUT, client.rtp_socket.recv_from(&mut datagram)).await;
            received.expect("no packet").unwrap();
        }
    }
    let mut client = TestClient::start(&server, with_headers).await;
    let setup = format!(
        "SETUP {url}/a/b RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n"
    );
    let response = client.exchange_standard(&setup).await;
    assert!(response.starts_with("RTSP/1.0 404 "), "{response}");
    // The classroom dialect has no track, and the name of a file may end in one.
    let mut client = TestClient::start(&server, with_headers).await;
    let port = client.port();
    let setup =
        format!("SETUP movie.Mjpeg/trackID=0 RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= {port}");
    client.write(&setup).await;
    let response = client.next_response().await;
    assert!(response.starts_with("RTSP/1.0 200 OK\r\n"), "{response}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_connection_ends_its_session() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 2_000));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    for request in ["", "PAUSE movie.Mjpeg RTSP/1.0\nCSeq: 3\nSession: 1"] {
        let mut client = TestClient::start(&server, with_headers).await;
        client.set_up().await;
        client.expect_ok("PLAY").await;
        client.next_frames(1).await;
        assert_eq!(server.session_count(), 1);
        client.write(request).await;
        drop(client);
        wait_for_no_sessions(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classroom_requests_are_refused_when_password_is_set() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (96, 64), 8));
    let auth = Some(Authenticator::new("ann", "secret"));
    let (server, _) = start_server(ServerOptions { auth, ..ServerOptions::default() }).await;
    add_file(&server, &file);
    let mut client = TestClient::start(&server, with_headers).await;
    assert_eq!(client.send_request("SETUP").await, client.expected_response("401 Unauthorized", "0"));
    assert_eq!(client.send_request("PLAY").await, client.expected_response("401 Unauthorized", "0"));
    client.close().await;
    assert_eq!(server.session_count(), 0);
}

/// The pause of 50 ms that ends a classroom request does not end an incomplete standard request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gap_inside_standard_request_does_not_end_it() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    add_file(&server, &file);
    let url = server.url_of("movie.Mjpeg");
    let mut standard = TcpStream::connect(server.address()).await.unwrap();
    // The server responds to a classroom request only after that pause.
    let mut client = TestClient::start(&server, with_headers).await;
    for part in
        ["SETUP", &format!(" {url}/track1"), " RTSP/1.0", "\r\nCSeq: 1", "\r\nTransport: RTP/AVP/TCP\r\n"]
    {
        standard.write_all(part.as_bytes()).await.unwrap();
        let response = client.send_request("TEARDOWN").await;
        assert!(response.starts_with("RTSP/1.0 200 OK\r\n"), "{response}");
    }
    standard.write_all(b"\r\n").await.unwrap();
    let mut response = [0; 15];
    timeout(TEST_TIMEOUT, standard.read_exact(&mut response)).await.unwrap().unwrap();
    assert_eq!(&response, b"RTSP/1.0 200 OK");
}
