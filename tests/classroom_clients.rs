//! Classroom programs play the server: each manner of asking, from the bytes that such programs send.

mod common;

use std::net::UdpSocket as PlainUdpSocket;
use std::time::Duration;

use common::films::{Layout, TestFilm, film, pictures};
use common::jpegs::{Kind, picture};
use reelay::media::FrameRate;
use reelay::media::decode::decode;
use reelay::media::payload::LARGEST_CLASSROOM_PICTURE;
use reelay::media_file::Film;
use reelay::proto::rtp::Packet;
use reelay::server_embed::{Guard, Observer, Server, ServerEvent, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Fast, so that the tests are.
const RATE: FrameRate = FrameRate::whole(100);

/// Nothing on loopback takes this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What such programs take from their socket at a time.
const BUFFER: usize = 20_480;

/// How a program writes a request: the method, its number, the session that it was told, its RTP port.
type Manner = fn(&str, u32, &str, u16) -> String;

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

const MANNERS: [(&str, Manner); 11] = [
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
struct Program {
    connection: TcpStream,
    pictures: UdpSocket,
    /// The same port, for what has arrived already.
    pictures_at_once: PlainUdpSocket,
    manner: Manner,
    cseq: u32,
    session: String,
    /// The number of the last picture.
    last: u16,
}

impl Program {
    async fn start(server: &Server, manner: Manner) -> Self {
        let connection = TcpStream::connect(server.address()).await.unwrap();
        let (pictures, pictures_at_once) = bind();
        Self { connection, pictures, pictures_at_once, manner, cseq: 0, session: String::new(), last: 0 }
    }

    /// Another port, on which pictures are numbered from 1.
    fn open_port(&mut self) {
        (self.pictures, self.pictures_at_once) = bind();
        self.last = 0;
    }

    fn port(&self) -> u16 {
        self.pictures.local_addr().unwrap().port()
    }

    fn request(&mut self, method: &str) -> String {
        self.cseq += 1;
        (self.manner)(method, self.cseq, &self.session, self.port())
    }

    async fn write(&mut self, words: &str) {
        self.connection.write_all(words.as_bytes()).await.unwrap();
    }

    /// The next three lines.
    async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while answer.iter().filter(|octet| **octet == b'\n').count() < 3 {
            let octet = timeout(PATIENCE, self.connection.read_u8()).await.expect("an answer in time");
            answer
                .push(octet.unwrap_or_else(|_| panic!("closed after {}", String::from_utf8_lossy(&answer))));
        }
        String::from_utf8(answer).unwrap()
    }

    fn expected(&self, status: &str, session: &str) -> String {
        format!("RTSP/1.0 {status}\r\nCSeq: {}\r\nSession: {session}\r\n", self.cseq)
    }

    async fn ask(&mut self, method: &str) -> String {
        let request = self.request(method);
        self.write(&request).await;
        self.answer().await
    }

    async fn set_up(&mut self) {
        let answer = self.ask("SETUP").await;
        self.session = answer.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert!(
            self.session.len() == 6 && self.session.bytes().all(|octet| octet.is_ascii_digit()),
            "{answer}"
        );
        assert_eq!(answer, self.expected("200 OK", &self.session));
    }

    async fn ask_ok(&mut self, method: &str) {
        let answer = self.ask(method).await;
        assert_eq!(answer, self.expected("200 OK", &self.session), "{method}");
    }

    fn take(&mut self, datagram: &[u8]) -> Vec<u8> {
        assert!(datagram.len() <= BUFFER && datagram[0] == 0x80, "version 2 and nothing else");
        let packet = Packet::parse(datagram.to_vec().into()).unwrap();
        assert!(packet.header.marker && packet.header.payload_type == 26);
        assert_eq!(packet.header.sequence, self.last + 1, "the next picture");
        self.last += 1;
        packet.payload.to_vec()
    }

    async fn pictures(&mut self, count: usize) -> Vec<Vec<u8>> {
        let (mut arrived, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while arrived.len() < count {
            let received = timeout(PATIENCE, self.pictures.recv_from(&mut buffer));
            let (length, _) = received.await.unwrap_or_else(|_| panic!("only {}", arrived.len())).unwrap();
            arrived.push(self.take(&buffer[..length]));
        }
        arrived
    }

    /// What has arrived already. Whatever the server sent before its last answer is here.
    fn pictures_so_far(&mut self) -> Vec<Vec<u8>> {
        let (mut arrived, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while let Ok(length) = self.pictures_at_once.recv(&mut buffer) {
            arrived.push(self.take(&buffer[..length]));
        }
        arrived
    }

    /// Says nothing more; nothing but what was asked for must have come.
    async fn close(mut self) {
        self.connection.shutdown().await.unwrap();
        let mut rest = Vec::new();
        timeout(PATIENCE, self.connection.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

fn bind() -> (UdpSocket, PlainUdpSocket) {
    let plain = PlainUdpSocket::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    (UdpSocket::from_std(plain.try_clone().unwrap()).unwrap(), plain)
}

async fn start_server(options: ServerOptions) -> (Server, mpsc::UnboundedReceiver<ServerEvent>) {
    let (told, events) = mpsc::unbounded_channel();
    // Nobody listens where a test is not about events.
    let observer = Observer::new(move |event| drop(told.send(event)));
    (Server::start(options, observer).await.unwrap(), events)
}

fn serve(server: &Server, test: &TestFilm) {
    let film = Film::open(test.path(), "movie.Mjpeg", RATE).unwrap();
    assert_eq!(server.library().add(film), "movie.Mjpeg");
}

async fn no_session_is_left(server: &Server) {
    timeout(PATIENCE, async {
        while server.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the session ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_manner_of_program_plays_the_film_twice_from_the_first_picture_to_the_last() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, (160, 120), 12));
    let (server, _) = start_server(ServerOptions::default()).await;
    serve(&server, &test);
    for (name, manner) in MANNERS {
        let mut program = Program::start(&server, manner).await;
        program.set_up().await;
        program.ask_ok("PLAY").await;
        assert!(program.pictures(12).await == test.pictures, "{name}: the film's pictures");
        program.ask_ok("PLAY").await;
        assert!(program.pictures(12).await == test.pictures, "{name}: the film's pictures again");
        assert_eq!(program.last, 24, "{name}");
        program.ask_ok("TEARDOWN").await;
        assert_eq!(server.sessions(), 0, "{name}");
        program.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_stops_the_pictures_and_play_goes_on_with_the_next() {
    let test = film(Layout::Raw, pictures(Kind::Commented, (96, 64), 60));
    let (server, _) = start_server(ServerOptions::default()).await;
    serve(&server, &test);
    let mut program = Program::start(&server, with_headers).await;
    program.set_up().await;
    // Nothing plays, and a program that has read the answer knows it.
    program.ask_ok("PAUSE").await;
    program.ask_ok("PLAY").await;
    let mut arrived = program.pictures(5).await;
    program.ask_ok("PAUSE").await;
    arrived.extend(program.pictures_so_far());
    assert!(arrived.len() < 60);
    // Its silence lasts as long as several pictures.
    program.ask_ok("PAUSE").await;
    assert_eq!(program.pictures_so_far().len(), 0, "pictures of a film that is paused");
    program.ask_ok("PLAY").await;
    program.ask_ok("PLAY").await;
    let rest = program.pictures(60 - arrived.len()).await;
    arrived.extend(rest);
    assert!(arrived == test.pictures);
    // The end is silent, and a pause behind it is granted.
    program.ask_ok("PAUSE").await;
    assert_eq!(program.pictures_so_far().len(), 0);
    program.close().await;
    no_session_is_left(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_understood_glued_together_and_in_pieces() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    serve(&server, &test);
    for manner in [without_header_names, with_headers] {
        let mut program = Program::start(&server, manner).await;
        let both = program.request("SETUP") + &program.request("PLAY");
        program.write(&both).await;
        for cseq in [1, 2] {
            let answer = program.answer().await;
            assert!(answer.starts_with(&format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: ")), "{answer}");
            program.session = answer.trim_end().rsplit(' ').next().unwrap().to_owned();
        }
        assert!(program.pictures(8).await == test.pictures);
        let both = program.request("PAUSE") + &program.request("TEARDOWN");
        for octet in both.chars() {
            program.write(octet.encode_utf8(&mut [0; 4])).await;
        }
        for cseq in [3, 4] {
            let expected = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: {}\r\n", program.session);
            assert_eq!(program.answer().await, expected);
        }
        assert_eq!(server.sessions(), 0);
        program.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_and_the_program_may_ask_on() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, (96, 64), 200));
    let (server, mut events) = start_server(ServerOptions::default()).await;
    serve(&server, &test);
    let mut program = Program::start(&server, with_headers).await;
    assert_eq!(program.ask("PLAY").await, program.expected("455 Method Not Valid in This State", "0"));
    program.write("SETUP missing.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000").await;
    assert_eq!(program.answer().await, program.expected("404 Not Found", "0"));
    program.write("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\n").await;
    assert_eq!(program.answer().await, program.expected("461 Unsupported Transport", "0"));
    program.write("DESCRIBE movie.Mjpeg RTSP/1.0\nCSeq: 1\n").await;
    assert_eq!(program.answer().await, program.expected("501 Not Implemented", "0"));
    // In other letters, from another folder, and twice: the second takes the place of the first.
    let port = program.port();
    for file in ["MOVIE.MJPEG", "C:\\films\\movie.Mjpeg"] {
        program
            .write(&format!("SETUP {file} RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= {port}"))
            .await;
        let answer = program.answer().await;
        assert!(answer.starts_with("RTSP/1.0 200 OK\r\n"), "{answer}");
        program.session = answer.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert_eq!(server.sessions(), 1);
    }
    program.ask_ok("PLAY").await;
    program.pictures(2).await;
    program.ask_ok("TEARDOWN").await;
    program.ask_ok("TEARDOWN").await;
    // Set up anew, the film is numbered anew.
    program.open_port();
    program.set_up().await;
    program.ask_ok("PLAY").await;
    assert!(program.pictures(3).await == test.pictures[..3]);
    program.close().await;
    no_session_is_left(&server).await;
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
async fn large_pictures_fit_into_a_programs_buffer() {
    let large: Vec<_> = (0..6).map(|number| picture(Kind::Classroom444, (1_280, 720), number, 0)).collect();
    assert!(large.iter().all(|jpeg| jpeg.len() > LARGEST_CLASSROOM_PICTURE));
    let test = film(Layout::Records(6), large);
    let (server, _) = start_server(ServerOptions::default()).await;
    let film = Film::open(test.path(), "movie.Mjpeg", FrameRate::whole(1)).unwrap();
    server.library().add(film);
    let mut program = Program::start(&server, with_headers).await;
    program.set_up().await;
    program.ask_ok("PLAY").await;
    for fitted in program.pictures(2).await {
        decode(&fitted, &mut Vec::new()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_drops_takes_its_session_along() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, (96, 64), 2_000));
    let (server, _) = start_server(ServerOptions::default()).await;
    serve(&server, &test);
    for words in ["", "PAUSE movie.Mjpeg RTSP/1.0\nCSeq: 3\nSession: 1"] {
        let mut program = Program::start(&server, with_headers).await;
        program.set_up().await;
        program.ask_ok("PLAY").await;
        program.pictures(1).await;
        assert_eq!(server.sessions(), 1);
        program.write(words).await;
        drop(program);
        no_session_is_left(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_password_is_asked_for_nothing_is_played() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, (96, 64), 8));
    let guard = Some(Guard::new("ann", "secret"));
    let (server, _) = start_server(ServerOptions { guard, ..ServerOptions::default() }).await;
    serve(&server, &test);
    let mut program = Program::start(&server, with_headers).await;
    assert_eq!(program.ask("SETUP").await, program.expected("401 Unauthorized", "0"));
    assert_eq!(program.ask("PLAY").await, program.expected("401 Unauthorized", "0"));
    program.close().await;
    assert_eq!(server.sessions(), 0);
}

/// The silence that ends a classroom program's request passes over a standard one that is not whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standard_request_may_rest_in_the_middle() {
    let test = film(Layout::Records(5), pictures(Kind::Standard420, (96, 64), 8));
    let (server, _) = start_server(ServerOptions::default()).await;
    serve(&server, &test);
    let url = server.url_of("movie.Mjpeg");
    let mut standard = TcpStream::connect(server.address()).await.unwrap();
    // What a program asks meanwhile is answered only after that silence.
    let mut program = Program::start(&server, with_headers).await;
    for piece in
        ["SETUP", &format!(" {url}/track1"), " RTSP/1.0", "\r\nCSeq: 1", "\r\nTransport: RTP/AVP/TCP\r\n"]
    {
        standard.write_all(piece.as_bytes()).await.unwrap();
        let answer = program.ask("TEARDOWN").await;
        assert!(answer.starts_with("RTSP/1.0 200 OK\r\n"), "{answer}");
    }
    standard.write_all(b"\r\n").await.unwrap();
    let mut answer = [0; 15];
    timeout(PATIENCE, standard.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"RTSP/1.0 200 OK");
}
