//! The server's sessions, asked word for word over real sockets: how long they live, and what a PLAY brings.

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use common::films::{Layout, TestFilm, film, pictures};
use common::jpegs::Kind;
use reelay::media::FrameRate;
use reelay::media::payload::{Form, packetize};
use reelay::media_file::Film;
use reelay::proto::rtcp::{self, Rtcp};
use reelay::proto::rtp::Packet;
use reelay::proto::rtsp::{Frame, Framer, Limits, Response, RtpInfo, SessionHeader, Transport};
use reelay::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

/// Nothing on loopback takes this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fast, so that the tests are.
const RATE: FrameRate = FrameRate::whole(100);

/// A server of one film.
struct Served {
    server: Server,
    film: TestFilm,
    url: String,
    events: mpsc::UnboundedReceiver<ServerEvent>,
}

impl Served {
    async fn start(frames: u32, options: ServerOptions) -> Self {
        let (told, events) = mpsc::unbounded_channel();
        // A test that is over does not listen.
        let observer = Observer::new(move |event| drop(told.send(event)));
        let server = Server::start(options, observer).await.unwrap();
        let film = film(Layout::Records(5), pictures(Kind::Standard420, (96, 64), frames));
        let name = server.library().add(Film::open(film.path(), "film.mjpeg", RATE).unwrap());
        let url = server.url_of(&name).to_string();
        Self { server, film, url, events }
    }

    async fn of(frames: u32) -> Self {
        Self::start(frames, ServerOptions::default()).await
    }

    async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.server.address()).await.unwrap();
        let framer = Framer::new(Limits::CLIENT);
        let (url, packets) = (self.url.clone(), VecDeque::new());
        Client { stream, framer, url, cseq: 0, session: None, packets }
    }

    /// Waits until a session has ended without TEARDOWN.
    async fn expired(&mut self) {
        let expired =
            async { while !matches!(self.events.recv().await, Some(ServerEvent::Expired { .. })) {} };
        timeout(PATIENCE, expired).await.expect("the session expires");
        let gone = async {
            while self.server.sessions() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, gone).await.expect("nothing is left of it");
    }
}

/// A player, as far as a test needs one.
struct Client {
    stream: TcpStream,
    framer: Framer,
    url: String,
    cseq: u32,
    session: Option<String>,
    /// Interleaved ones that have come meanwhile, with their channels.
    packets: VecDeque<(u8, Bytes)>,
}

impl Client {
    /// The words of a request, with the next number and the session.
    fn words(&mut self, method: &str, headers: &str) -> String {
        self.cseq += 1;
        let path = if method == "SETUP" { "/track1" } else { "" };
        let session = self.session.as_ref().map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
        format!("{method} {}{path} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n", self.url, self.cseq)
    }

    async fn write(&mut self, words: &str) {
        self.stream.write_all(words.as_bytes()).await.unwrap();
    }

    async fn frame(&mut self) -> Frame {
        let mut buffer = [0; 16 * 1_024];
        loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                return frame;
            }
            let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let count = read.expect("the server says something").unwrap();
            assert!(count > 0, "the server hangs up");
            self.framer.push(&buffer[..count]);
        }
    }

    /// The next answer; the packets before it are kept.
    async fn answer(&mut self) -> Response {
        loop {
            match self.frame().await {
                Frame::Response(response) => return response,
                Frame::Interleaved { channel, packet } => self.packets.push_back((channel, packet)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next packet of this channel.
    async fn packet(&mut self, wanted: u8) -> Bytes {
        loop {
            let (channel, packet) = match self.packets.pop_front() {
                Some(packet) => packet,
                None => match self.frame().await {
                    Frame::Interleaved { channel, packet } => (channel, packet),
                    other => panic!("{other:?}"),
                },
            };
            if channel == wanted {
                return packet;
            }
        }
    }

    async fn ask(&mut self, method: &str, headers: &str) -> Response {
        let words = self.words(method, headers);
        self.write(&words).await;
        let response = self.answer().await;
        assert_eq!(response.headers.cseq(), Some(self.cseq));
        if let Some(session) = response.headers.get("Session").and_then(SessionHeader::parse) {
            self.session = Some(session.id);
        }
        assert_eq!(response.status.code(), 200, "{method}: {}", response.reason);
        response
    }

    /// Sets up over UDP, with sockets of its own and the server's ports.
    async fn set_up_udp(&mut self) -> Ports {
        let (rtp, rtcp) = (bind().await, bind().await);
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}\r\n", port(&rtp), port(&rtcp));
        let response = self.ask("SETUP", &transport).await;
        let [agreed] = &Transport::parse_all(response.headers.get("Transport").unwrap())[..] else {
            panic!()
        };
        let server = agreed.server_port.unwrap();
        let host = self.stream.peer_addr().unwrap().ip();
        let (to_rtp, to_rtcp) = (SocketAddr::new(host, server.rtp), SocketAddr::new(host, server.rtcp));
        Ports { rtp, rtcp, to_rtp, to_rtcp }
    }

    async fn set_up_tcp(&mut self) {
        self.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
    }
}

async fn bind() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// A player's ports, and those of the server.
struct Ports {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    to_rtp: SocketAddr,
    to_rtcp: SocketAddr,
}

impl Ports {
    async fn report(&self) {
        let report = rtcp::write(&[Rtcp::ReceiverReport { ssrc: 5, blocks: Vec::new() }]);
        self.rtcp.send_to(&report, self.to_rtcp).await.unwrap();
    }
}

/// Of the sessions whose time-out is under test. It is stated in whole seconds.
const TIMEOUT: Duration = Duration::from_secs(1);

fn short_lived() -> ServerOptions {
    ServerOptions { session_timeout: TIMEOUT, ..ServerOptions::default() }
}

/// Does something again and again, for much longer than a session lives without it.
async fn again_and_again(mut act: impl AsyncFnMut()) {
    let mut clock = interval(TIMEOUT / 4);
    for _ in 0..9 {
        clock.tick().await;
        act().await;
    }
}

impl Client {
    /// Everything that comes up to the end of the connection.
    async fn rest(&mut self) -> Vec<Frame> {
        let mut octets = Vec::new();
        timeout(PATIENCE, self.stream.read_to_end(&mut octets)).await.expect("an end").unwrap();
        self.framer.push(&octets);
        std::iter::from_fn(|| self.framer.next_frame().unwrap()).collect()
    }
}

fn is_goodbye(frame: &Frame) -> bool {
    let Frame::Interleaved { channel: 1, packet } = frame else { return false };
    rtcp::parse(packet).unwrap().iter().any(|packet| matches!(packet, Rtcp::Bye { .. }))
}

/// As `nc -N` does, which sends a file and listens on.
#[tokio::test]
async fn who_asks_and_says_that_this_was_all_is_answered() {
    let served = Served::of(10).await;
    for _ in 0..10 {
        let mut client = served.connect().await;
        let words: String = (0..20).map(|_| client.words("DESCRIBE", "")).collect();
        client.write(&words).await;
        client.stream.shutdown().await.unwrap();
        let rest = client.rest().await;
        let numbers = rest.iter().map(|frame| match frame {
            Frame::Response(response) => response.headers.cseq().unwrap(),
            other => panic!("{other:?}"),
        });
        assert!(numbers.eq(1..=20), "{} answers", rest.len());
    }
}

#[tokio::test]
async fn who_wants_the_connection_closed_behind_the_answer_has_it_closed() {
    let served = Served::of(10).await;
    let mut client = served.connect().await;
    let last = client.words("OPTIONS", "Connection: close\r\n");
    let unheard = client.words("OPTIONS", "");
    client.write(&format!("{last}{unheard}")).await;
    let [Frame::Response(answer)] = &client.rest().await[..] else { panic!() };
    assert_eq!((answer.status.code(), answer.headers.get("Connection")), (200, Some("close")));
}

/// The requests of the classroom have no other end.
#[tokio::test]
async fn a_classroom_request_that_ends_with_what_is_said_is_answered() {
    let served = Served::of(10).await;
    let mut client = served.connect().await;
    client.write("SETUP film.mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000").await;
    client.stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.stream.read_to_string(&mut answer)).await.expect("an end").unwrap();
    assert!(answer.starts_with("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: "), "{answer}");
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye_on_the_connection_too() {
    let served = Served::of(2_000).await;
    let mut client = served.connect().await;
    client.set_up_tcp().await;
    client.ask("PLAY", "").await;
    client.packet(0).await;
    let (rest, ()) = tokio::join!(client.rest(), served.server.stop());
    assert!(rest.iter().any(is_goodbye));
}

#[tokio::test]
async fn channels_are_free_as_soon_as_their_session_is_torn_down() {
    let served = Served::of(10).await;
    let mut client = served.connect().await;
    client.set_up_tcp().await;
    for _ in 0..20 {
        // Both in one piece, so that the connection is not looked after between them.
        let teardown = client.words("TEARDOWN", "");
        client.session = None;
        let setup = client.words("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
        client.write(&format!("{teardown}{setup}")).await;
        assert_eq!(client.answer().await.status.code(), 200);
        let agreed = client.answer().await;
        assert!(agreed.headers.get("Transport").unwrap().contains("interleaved=0-1"), "{agreed:?}");
        client.session =
            agreed.headers.get("Session").and_then(SessionHeader::parse).map(|session| session.id);
    }
}

#[tokio::test]
async fn one_connection_does_not_take_all_the_room_for_sessions() {
    let served = Served::of(10).await;
    let mut client = served.connect().await;
    for pair in 0..16 {
        client.session = None;
        let (rtp, rtcp) = (2 * pair, 2 * pair + 1);
        client.ask("SETUP", &format!("Transport: RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}\r\n")).await;
    }
    client.session = None;
    let words = client.words("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=100-101\r\n");
    client.write(&words).await;
    assert_eq!(client.answer().await.status.code(), 503);
    assert_eq!(served.server.sessions(), 16);
    served.connect().await.set_up_tcp().await;
}

#[tokio::test]
async fn a_session_of_which_nothing_is_heard_expires_and_says_goodbye() {
    let mut served = Served::start(2_000, short_lived()).await;
    let mut client = served.connect().await;
    let ports = client.set_up_udp().await;
    let play = client.ask("PLAY", "").await;
    assert!(play.headers.get("Range").is_some());
    let mut datagram = [0; 2_048];
    timeout(PATIENCE, ports.rtp.recv(&mut datagram)).await.expect("it plays").unwrap();
    drop(client);
    served.expired().await;
    let goodbye = async {
        loop {
            let count = ports.rtcp.recv(&mut datagram).await.unwrap();
            let packets = rtcp::parse(&datagram[..count]).unwrap();
            if packets.iter().any(|packet| matches!(packet, Rtcp::Bye { .. })) {
                return;
            }
        }
    };
    timeout(PATIENCE, goodbye).await.expect("a goodbye");
}

#[tokio::test]
async fn the_time_out_is_announced() {
    let served = Served::start(10, short_lived()).await;
    let mut client = served.connect().await;
    let setup = client.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
    let session = setup.headers.get("Session").and_then(SessionHeader::parse).unwrap();
    assert_eq!(session.timeout, Some(TIMEOUT));
}

#[tokio::test]
async fn receiver_reports_keep_a_session_alive() {
    let mut served = Served::start(10, short_lived()).await;
    let mut client = served.connect().await;
    let ports = client.set_up_udp().await;
    drop(client);
    again_and_again(async || {
        assert_eq!(served.server.sessions(), 1);
        ports.report().await;
    })
    .await;
    served.expired().await;
}

#[tokio::test]
async fn requests_from_anywhere_keep_a_session_alive() {
    let mut served = Served::start(10, short_lived()).await;
    let mut client = served.connect().await;
    let _ports = client.set_up_udp().await;
    let mut other = Client { session: client.session.clone(), ..served.connect().await };
    drop(client);
    again_and_again(async || {
        other.ask("GET_PARAMETER", "").await;
    })
    .await;
    // The other connection stays open; the session was not set up on it.
    served.expired().await;
}

#[tokio::test]
async fn an_open_connection_keeps_the_session_alive_that_was_set_up_on_it() {
    let mut served = Served::start(10, short_lived()).await;
    let mut client = served.connect().await;
    let _ports = client.set_up_udp().await;
    again_and_again(async || assert_eq!(served.server.sessions(), 1)).await;
    client.ask("PLAY", "").await;
    drop(client);
    served.expired().await;
}

/// Octets that wait in the kernel for whoever reads this UDP port; `None` where the system does not tell.
fn waiting_octets(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/udp").ok()?;
    let local = format!(":{port:04X}");
    let line =
        table.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&local)))?;
    let (_, received) = line.split_whitespace().nth(4)?.split_once(':')?;
    u64::from_str_radix(received, 16).ok()
}

/// What players send so that firewalls let the answers in: four octets, an empty RTP packet, or 200 of anything.
#[tokio::test]
async fn junk_that_opens_firewalls_is_taken_away_and_does_no_harm() {
    let mut served = Served::start(10, short_lived()).await;
    let mut client = served.connect().await;
    let ports = client.set_up_udp().await;
    drop(client);
    let empty = [&[0x80][..], &[0; 11]].concat();
    let noise: Vec<u8> = (0..200u8).map(|number| number.wrapping_mul(167)).collect();
    again_and_again(async || {
        for junk in [&[0xCE, 0xFA, 0xED, 0xFE][..], &empty, &noise, &[], &[0xFF; 1_400]] {
            for _ in 0..20 {
                ports.rtp.send_to(junk, ports.to_rtp).await.unwrap();
                ports.rtcp.send_to(junk, ports.to_rtcp).await.unwrap();
            }
        }
        ports.report().await;
        assert_eq!(served.server.sessions(), 1, "the report behind the junk is heard");
    })
    .await;
    for port in [ports.to_rtp.port(), ports.to_rtcp.port()] {
        let taken = async {
            while waiting_octets(port).is_some_and(|octets| octets > 0) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, taken).await.expect("the port is emptied");
    }
    served.expired().await;
}

/// The payloads of a picture as a standard player gets it.
fn payloads(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let packets = packetize(jpeg, Form::Standard).unwrap();
    let payload = |index| {
        let mut octets = Vec::new();
        packets.write_packet(index, 0, 0, 0, &mut octets);
        Packet::parse(octets.into()).unwrap().payload.to_vec()
    };
    (0..packets.packets().len()).map(payload).collect()
}

fn rtp_info(response: &Response) -> (u16, u32) {
    let [info] = &RtpInfo::parse_all(response.headers.get("RTP-Info").unwrap())[..] else { panic!() };
    (info.sequence.unwrap(), info.rtptime.unwrap())
}

/// RFC 2326 would queue it; RFC 7826, and what players expect, is at once.
#[tokio::test]
async fn a_play_while_it_plays_goes_on_at_the_new_range_at_once_and_tells_exactly_what_comes() {
    let served = Served::of(1_000).await;
    let mut client = served.connect().await;
    client.set_up_tcp().await;
    client.ask("PLAY", "Range: npt=0-\r\n").await;
    for (range, told, first) in [
        ("5-", "npt=5.000-10.000", 500),
        ("2.5-3", "npt=2.500-3.000", 250),
        ("7.505-", "npt=7.500-10.000", 750),
    ] {
        // It plays.
        client.packet(0).await;
        let play = client.ask("PLAY", &format!("Range: npt={range}\r\n")).await;
        assert_eq!(play.headers.get("Range"), Some(told));
        let (sequence, rtptime) = rtp_info(&play);
        // Those before the answer are of the old range.
        client.packets.clear();
        let mut number = sequence;
        for (index, jpeg) in served.film.pictures[first..first + 3].iter().enumerate() {
            for payload in payloads(jpeg) {
                let packet = Packet::parse(client.packet(0).await).unwrap();
                let timestamp = rtptime.wrapping_add(index as u32 * 900);
                assert_eq!((packet.header.sequence, packet.header.timestamp), (number, timestamp));
                assert!(packet.payload == payload[..], "frame {} of {range}", first + index);
                number = number.wrapping_add(1);
            }
        }
    }
}

#[tokio::test]
async fn from_now_to_an_end_is_played_and_then_it_is_over() {
    let served = Served::of(1_000).await;
    let mut client = served.connect().await;
    client.set_up_tcp().await;
    client.ask("PLAY", "Range: npt=4-\r\n").await;
    client.packet(0).await;
    let paused = client.ask("PAUSE", "").await;
    let here = paused.headers.get("Range").unwrap().strip_prefix("npt=").unwrap().strip_suffix('-').unwrap();
    client.packets.clear();
    let play = client.ask("PLAY", "Range: npt=now-4.5\r\n").await;
    assert_eq!(play.headers.get("Range"), Some(&format!("npt={here}-4.500")[..]));
    let (_, rtptime) = rtp_info(&play);
    let frames = 450 - (here.parse::<f64>().unwrap() * 100.0).round() as u32;
    let mut timestamps = Vec::new();
    loop {
        let (channel, packet) = match client.frame().await {
            Frame::Interleaved { channel, packet } => (channel, packet),
            other => panic!("{other:?}"),
        };
        match channel {
            0 => timestamps.push(Packet::parse(packet).unwrap().header.timestamp.wrapping_sub(rtptime)),
            _ if rtcp::parse(&packet).unwrap().iter().any(|packet| matches!(packet, Rtcp::Bye { .. })) => {
                break;
            }
            _ => {}
        }
    }
    timestamps.dedup();
    assert!(timestamps.iter().copied().eq((0..frames).map(|frame| frame * 900)), "{timestamps:?}");
}

#[tokio::test]
async fn requests_may_come_several_at_once_or_octet_by_octet() {
    let served = Served::of(100).await;
    let mut client = served.connect().await;
    let several = ["OPTIONS", "DESCRIBE", "OPTIONS"].map(|method| client.words(method, "")).concat();
    client.write(&several).await;
    for number in 1..=3 {
        assert_eq!(client.answer().await.headers.cseq(), Some(number));
    }
    client.set_up_udp().await;
    let several = ["PLAY", "GET_PARAMETER", "PAUSE", "PLAY", "TEARDOWN"];
    let words = several.map(|method| client.words(method, "")).concat();
    client.write(&words).await;
    let first = client.cseq + 1 - several.len() as u32;
    for (number, method) in (first..).zip(several) {
        let answer = client.answer().await;
        assert_eq!((answer.headers.cseq(), answer.status.code()), (Some(number), 200), "{method}");
    }
    assert_eq!(served.server.sessions(), 0);
    for octet in client.words("OPTIONS", "").chars() {
        client.write(&octet.to_string()).await;
    }
    assert_eq!(client.answer().await.headers.cseq(), Some(client.cseq));
}

#[tokio::test]
async fn requests_are_answered_between_packets_and_no_packet_is_torn() {
    let served = Served::of(1_000).await;
    let mut client = served.connect().await;
    client.set_up_tcp().await;
    let (first, _) = rtp_info(&client.ask("PLAY", "").await);
    for _ in 0..100 {
        // Its reports travel there, too.
        let report = rtcp::write(&[Rtcp::ReceiverReport { ssrc: 5, blocks: Vec::new() }]);
        let report = reelay::proto::rtsp::interleave(1, &report);
        client.stream.write_all(&report).await.unwrap();
        client.ask("GET_PARAMETER", "").await;
        client.packet(0).await;
    }
    client.ask("PAUSE", "").await;
    let rest: Vec<_> = client.packets.iter().filter(|(channel, _)| *channel == 0).collect();
    let numbers = rest.iter().map(|(_, packet)| Packet::parse(packet.clone()).unwrap().header.sequence);
    // A hundred were taken out above.
    let numbers: Vec<_> = numbers.map(|number| number.wrapping_sub(first)).collect();
    assert!(numbers.iter().copied().eq((100..).take(numbers.len())), "{numbers:?}");
}
