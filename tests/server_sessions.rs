//! The server's sessions over real sockets, with requests written by the test: timeouts, pipelining and PLAY.

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use common::jpegs::JpegKind;
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::media::FrameRate;
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::media_file::MediaFile;
use reelay::proto::rtcp::{self, RtcpPacket};
use reelay::proto::rtp::Packet;
use reelay::proto::rtsp::{
    Message, MessageLimits, MessageReader, Response, RtpInfo, SessionHeader, Transport,
};
use reelay::server_embed::{MANY_SESSIONS, Observer, Server, ServerEvent, ServerOptions, ThreadOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A high frame rate, which keeps the tests short.
const FRAME_RATE: FrameRate = FrameRate::per_second(100);

/// A server with one film.
struct TestServer {
    inner: Server,
    file: TestFile,
    url: String,
    events: mpsc::UnboundedReceiver<ServerEvent>,
}

impl TestServer {
    async fn start(frames: u32, options: ServerOptions) -> Self {
        let (event_sender, events) = mpsc::unbounded_channel();
        // Errors are ignored: at the end of a test nothing receives the events.
        let observer = Observer::new(move |event| drop(event_sender.send(event)));
        let inner = Server::start(options, observer).await.unwrap();
        let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (96, 64), frames));
        let name = inner.library().add(MediaFile::open(file.path(), "film.mjpeg", FRAME_RATE).unwrap());
        let url = inner.url_of(&name).to_string();
        Self { inner, file, url, events }
    }

    async fn with_frames(frames: u32) -> Self {
        Self::start(frames, ServerOptions::default()).await
    }

    async fn connect(&self) -> TestClient {
        let stream = TcpStream::connect(self.inner.address()).await.unwrap();
        let reader = MessageReader::new(MessageLimits::CLIENT);
        let (url, packets) = (self.url.clone(), VecDeque::new());
        TestClient { stream, reader, url, cseq: 0, session: None, packets }
    }

    /// Waits until a session has ended without TEARDOWN.
    async fn wait_for_expiry(&mut self) {
        let expired =
            async { while !matches!(self.events.recv().await, Some(ServerEvent::SessionExpired { .. })) {} };
        timeout(TEST_TIMEOUT, expired).await.expect("the session does not expire");
        let removed = async {
            while self.inner.session_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, removed).await.expect("the session is not removed");
    }
}

/// A minimal RTSP client.
struct TestClient {
    stream: TcpStream,
    reader: MessageReader,
    url: String,
    cseq: u32,
    session: Option<String>,
    /// Interleaved packets that have been received but not read yet, with their channels.
    packets: VecDeque<(u8, Bytes)>,
}

impl TestClient {
    /// Returns the text of a request with the next CSeq and the session ID.
    fn format_request(&mut self, method: &str, headers: &str) -> String {
        self.cseq += 1;
        let path = if method == "SETUP" { "/track1" } else { "" };
        let session = self.session.as_ref().map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
        format!("{method} {}{path} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n", self.url, self.cseq)
    }

    async fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn next_message(&mut self) -> Message {
        let mut buffer = [0; 16 * 1_024];
        loop {
            if let Some(message) = self.reader.poll_message().unwrap() {
                return message;
            }
            let read = timeout(TEST_TIMEOUT, self.stream.read(&mut buffer)).await;
            let count = read.expect("no data from the server").unwrap();
            assert!(count > 0, "the server has closed the connection");
            self.reader.push(&buffer[..count]);
        }
    }

    /// Returns the next response; the interleaved packets before it are kept for [`Self::next_packet`].
    async fn next_response(&mut self) -> Response {
        loop {
            match self.next_message().await {
                Message::Response(response) => return response,
                Message::Interleaved { channel, packet } => self.packets.push_back((channel, packet)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns the next packet of this channel; packets of other channels are discarded.
    async fn next_packet(&mut self, channel_id: u8) -> Bytes {
        loop {
            let (channel, packet) = match self.packets.pop_front() {
                Some(packet) => packet,
                None => match self.next_message().await {
                    Message::Interleaved { channel, packet } => (channel, packet),
                    other => panic!("{other:?}"),
                },
            };
            if channel == channel_id {
                return packet;
            }
        }
    }

    async fn send_request(&mut self, method: &str, headers: &str) -> Response {
        let request = self.format_request(method, headers);
        self.write(&request).await;
        let response = self.next_response().await;
        assert_eq!(response.headers.cseq(), Some(self.cseq));
        if let Some(session) = response.headers.get("Session").and_then(SessionHeader::parse) {
            self.session = Some(session.id);
        }
        assert_eq!(response.status.code(), 200, "{method}: {}", response.reason_phrase);
        response
    }

    /// Sets up a session over UDP; returns its sockets and the server's ports.
    async fn set_up_udp(&mut self) -> UdpPorts {
        let (rtp, rtcp) = (bind_udp().await, bind_udp().await);
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}\r\n", port(&rtp), port(&rtcp));
        let response = self.send_request("SETUP", &transport).await;
        let [transport] = &Transport::parse_all(response.headers.get("Transport").unwrap())[..] else {
            panic!()
        };
        let port = transport.server_port.unwrap();
        let host = self.stream.peer_addr().unwrap().ip();
        let (server_rtp, server_rtcp) = (SocketAddr::new(host, port.rtp), SocketAddr::new(host, port.rtcp));
        UdpPorts { rtp, rtcp, server_rtp, server_rtcp }
    }

    async fn set_up_tcp(&mut self) {
        self.send_request("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
    }
}

async fn bind_udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// The UDP sockets of a client and the addresses of the server's ports.
struct UdpPorts {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    server_rtp: SocketAddr,
    server_rtcp: SocketAddr,
}

impl UdpPorts {
    async fn receive(&self) -> Bytes {
        let mut buffer = vec![0; 2_048];
        let length = timeout(TEST_TIMEOUT, self.rtp.recv(&mut buffer)).await.expect("no packet").unwrap();
        buffer.truncate(length);
        buffer.into()
    }

    async fn receive_bye(&self) {
        let mut buffer = vec![0; 2_048];
        let is_bye = |packet: &RtcpPacket| matches!(packet, RtcpPacket::Bye { .. });
        loop {
            let length = timeout(TEST_TIMEOUT, self.rtcp.recv(&mut buffer)).await.expect("no BYE").unwrap();
            if rtcp::parse(&buffer[..length]).unwrap().iter().any(is_bye) {
                return;
            }
        }
    }

    async fn send_report(&self) {
        let report = rtcp::encode(&[RtcpPacket::ReceiverReport { ssrc: 5, blocks: Vec::new() }]);
        self.rtcp.send_to(&report, self.server_rtcp).await.unwrap();
    }
}

/// Timeout of the sessions in the tests of expiry; the Session header states it in whole seconds (RFC 2326 §12.37).
const SESSION_TIMEOUT: Duration = Duration::from_secs(1);

fn short_timeout_options() -> ServerOptions {
    ServerOptions { session_timeout: SESSION_TIMEOUT, ..ServerOptions::default() }
}

/// Repeats `action` four times in each timeout, for more than twice the session timeout.
async fn repeat_beyond_timeout(mut action: impl AsyncFnMut()) {
    let mut clock = interval(SESSION_TIMEOUT / 4);
    for _ in 0..9 {
        clock.tick().await;
        action().await;
    }
}

impl TestClient {
    /// Returns all messages up to the end of the connection.
    async fn read_to_end(&mut self) -> Vec<Message> {
        let mut bytes = Vec::new();
        timeout(TEST_TIMEOUT, self.stream.read_to_end(&mut bytes))
            .await
            .expect("the connection stays open")
            .unwrap();
        self.reader.push(&bytes);
        std::iter::from_fn(|| self.reader.poll_message().unwrap()).collect()
    }
}

fn is_bye(message: &Message) -> bool {
    let Message::Interleaved { channel: 1, packet } = message else { return false };
    rtcp::parse(packet).unwrap().iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. }))
}

/// `nc -N` half-closes the connection after the last byte of a file and continues to read.
#[tokio::test]
async fn half_closed_client_gets_all_responses() {
    let server = TestServer::with_frames(10).await;
    for _ in 0..10 {
        let mut client = server.connect().await;
        let requests: String = (0..20).map(|_| client.format_request("DESCRIBE", "")).collect();
        client.write(&requests).await;
        client.stream.shutdown().await.unwrap();
        let messages = client.read_to_end().await;
        let cseqs = messages.iter().map(|message| match message {
            Message::Response(response) => response.headers.cseq().unwrap(),
            other => panic!("{other:?}"),
        });
        assert!(cseqs.eq(1..=20), "{} responses", messages.len());
    }
}

#[tokio::test]
async fn connection_close_header_closes_after_response() {
    let server = TestServer::with_frames(10).await;
    let mut client = server.connect().await;
    let last = client.format_request("OPTIONS", "Connection: close\r\n");
    let ignored = client.format_request("OPTIONS", "");
    client.write(&format!("{last}{ignored}")).await;
    let [Message::Response(response)] = &client.read_to_end().await[..] else { panic!() };
    assert_eq!((response.status.code(), response.headers.get("Connection")), (200, Some("close")));
}

/// Classroom requests have no end mark, so that the half-close is the only end.
#[tokio::test]
async fn half_closed_classroom_client_gets_its_response() {
    let server = TestServer::with_frames(10).await;
    let mut client = server.connect().await;
    client.write("SETUP film.mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000").await;
    client.stream.shutdown().await.unwrap();
    let mut response = String::new();
    timeout(TEST_TIMEOUT, client.stream.read_to_string(&mut response))
        .await
        .expect("the connection stays open")
        .unwrap();
    assert!(response.starts_with("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: "), "{response}");
}

#[tokio::test]
async fn server_stop_sends_bye_on_interleaved_channel() {
    let server = TestServer::with_frames(2_000).await;
    let mut client = server.connect().await;
    client.set_up_tcp().await;
    client.send_request("PLAY", "").await;
    client.next_packet(0).await;
    let (messages, ()) = tokio::join!(client.read_to_end(), server.inner.stop());
    assert!(messages.iter().any(is_bye));
}

/// Every second client uses UDP; all of them share the sockets of the server, whose threads are beside the runtime.
#[tokio::test]
async fn many_sessions_on_several_threads_get_every_packet_and_bye() {
    let threads = ThreadOptions { count: 3, shared_places: 2 };
    let server = TestServer::start(2_000, ServerOptions { threads, ..ServerOptions::default() }).await;
    let mut clients = Vec::new();
    for index in 0..2 * MANY_SESSIONS {
        let mut client = server.connect().await;
        let ports = match index % 2 {
            0 => Some(client.set_up_udp().await),
            _ => {
                client.set_up_tcp().await;
                None
            }
        };
        clients.push((client, ports));
    }
    for (client, ports) in &mut clients {
        let play = client.send_request("PLAY", "").await;
        let (sequence, timestamp) = rtp_info(&play);
        for index in 0..5_u16 {
            let bytes = match ports {
                Some(ports) => ports.receive().await,
                None => client.next_packet(0).await,
            };
            let packet = Packet::parse(bytes).unwrap();
            assert_eq!(packet.header.sequence, sequence.wrapping_add(index));
            let ticks = u32::from(index) * FRAME_RATE.ticks_of(1) as u32;
            assert_eq!(packet.header.timestamp, timestamp.wrapping_add(ticks));
        }
    }
    assert_eq!(server.inner.session_count(), 2 * MANY_SESSIONS);
    server.inner.stop().await;
    for (client, ports) in &mut clients {
        match ports {
            Some(ports) => ports.receive_bye().await,
            None => assert!(client.read_to_end().await.iter().any(is_bye)),
        }
    }
}

#[tokio::test]
async fn interleaved_channels_are_free_after_teardown() {
    let server = TestServer::with_frames(10).await;
    let mut client = server.connect().await;
    client.set_up_tcp().await;
    for _ in 0..20 {
        // One write for both requests, so that no housekeeping of the connection runs between them.
        let teardown = client.format_request("TEARDOWN", "");
        client.session = None;
        let setup = client.format_request("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
        client.write(&format!("{teardown}{setup}")).await;
        assert_eq!(client.next_response().await.status.code(), 200);
        let setup = client.next_response().await;
        assert!(setup.headers.get("Transport").unwrap().contains("interleaved=0-1"), "{setup:?}");
        client.session =
            setup.headers.get("Session").and_then(SessionHeader::parse).map(|session| session.id);
    }
}

#[tokio::test]
async fn one_connection_cannot_use_up_all_sessions() {
    let server = TestServer::with_frames(10).await;
    let mut client = server.connect().await;
    for pair in 0..16 {
        client.session = None;
        let (rtp, rtcp) = (2 * pair, 2 * pair + 1);
        client
            .send_request("SETUP", &format!("Transport: RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}\r\n"))
            .await;
    }
    client.session = None;
    let request = client.format_request("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=100-101\r\n");
    client.write(&request).await;
    assert_eq!(client.next_response().await.status.code(), 503);
    assert_eq!(server.inner.session_count(), 16);
    server.connect().await.set_up_tcp().await;
}

#[tokio::test]
async fn idle_session_expires_and_sends_bye() {
    let mut server = TestServer::start(2_000, short_timeout_options()).await;
    let mut client = server.connect().await;
    let ports = client.set_up_udp().await;
    let play = client.send_request("PLAY", "").await;
    assert!(play.headers.get("Range").is_some());
    let mut datagram = [0; 2_048];
    timeout(TEST_TIMEOUT, ports.rtp.recv(&mut datagram)).await.expect("no RTP packet").unwrap();
    drop(client);
    server.wait_for_expiry().await;
    let bye = async {
        loop {
            let count = ports.rtcp.recv(&mut datagram).await.unwrap();
            let packets = rtcp::parse(&datagram[..count]).unwrap();
            if packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. })) {
                return;
            }
        }
    };
    timeout(TEST_TIMEOUT, bye).await.expect("no BYE");
}

#[tokio::test]
async fn unsupported_transport_is_refused_with_a_reason() {
    let server = TestServer::with_frames(5).await;
    let mut client = server.connect().await;
    let set_up = client.format_request("SETUP", "Transport: RTP/SAVP;unicast;client_port=5000-5001\r\n");
    client.write(&set_up).await;
    let refused = client.next_response().await;
    assert_eq!(refused.status.code(), 461);
    assert!(!refused.reason_phrase.contains("TLS"), "{}", refused.reason_phrase);
}

#[tokio::test]
async fn setup_response_announces_session_timeout() {
    let server = TestServer::start(10, short_timeout_options()).await;
    let mut client = server.connect().await;
    let setup = client.send_request("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
    let session = setup.headers.get("Session").and_then(SessionHeader::parse).unwrap();
    assert_eq!(session.timeout, Some(SESSION_TIMEOUT));
}

#[tokio::test]
async fn receiver_reports_keep_a_session_alive() {
    let mut server = TestServer::start(10, short_timeout_options()).await;
    let mut client = server.connect().await;
    let ports = client.set_up_udp().await;
    drop(client);
    repeat_beyond_timeout(async || {
        assert_eq!(server.inner.session_count(), 1);
        ports.send_report().await;
    })
    .await;
    server.wait_for_expiry().await;
}

#[tokio::test]
async fn requests_on_another_connection_keep_a_session_alive() {
    let mut server = TestServer::start(10, short_timeout_options()).await;
    let mut client = server.connect().await;
    let _ports = client.set_up_udp().await;
    let mut other = TestClient { session: client.session.clone(), ..server.connect().await };
    drop(client);
    repeat_beyond_timeout(async || {
        other.send_request("GET_PARAMETER", "").await;
    })
    .await;
    // The other connection stays open; the session was not set up on it.
    server.wait_for_expiry().await;
}

#[tokio::test]
async fn open_connection_keeps_its_session_alive() {
    let mut server = TestServer::start(10, short_timeout_options()).await;
    let mut client = server.connect().await;
    let _ports = client.set_up_udp().await;
    repeat_beyond_timeout(async || assert_eq!(server.inner.session_count(), 1)).await;
    client.send_request("PLAY", "").await;
    drop(client);
    server.wait_for_expiry().await;
}

/// Returns the number of unread bytes in the kernel's receive queue of this UDP port; `None` without `/proc/net/udp`.
fn queued_bytes(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/udp").ok()?;
    let local = format!(":{port:04X}");
    let line =
        table.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&local)))?;
    let (_, received) = line.split_whitespace().nth(4)?.split_once(':')?;
    u64::from_str_radix(received, 16).ok()
}

/// Players send datagrams that open a path through firewalls: four bytes, an empty RTP packet, or 200 arbitrary bytes.
#[tokio::test]
async fn hole_punching_datagrams_are_discarded() {
    let mut server = TestServer::start(10, short_timeout_options()).await;
    let mut client = server.connect().await;
    let ports = client.set_up_udp().await;
    drop(client);
    let empty = [&[0x80][..], &[0; 11]].concat();
    let noise: Vec<u8> = (0..200u8).map(|number| number.wrapping_mul(167)).collect();
    repeat_beyond_timeout(async || {
        for datagram in [&[0xCE, 0xFA, 0xED, 0xFE][..], &empty, &noise, &[], &[0xFF; 1_400]] {
            for _ in 0..20 {
                ports.rtp.send_to(datagram, ports.server_rtp).await.unwrap();
                ports.rtcp.send_to(datagram, ports.server_rtcp).await.unwrap();
            }
        }
        ports.send_report().await;
        assert_eq!(server.inner.session_count(), 1, "the report after the invalid datagrams counts");
    })
    .await;
    for port in [ports.server_rtp.port(), ports.server_rtcp.port()] {
        let is_drained = async {
            while queued_bytes(port).is_some_and(|bytes| bytes > 0) {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, is_drained).await.expect("the receive queue is not drained");
    }
    server.wait_for_expiry().await;
}

/// Returns the RFC 2435 payloads of a frame, whose quantization tables are the first of the session.
fn standard_payloads(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let packets = packetize(jpeg, PayloadFormat::Rfc2435).unwrap();
    let payload = |index| {
        let mut bytes = Vec::new();
        packets.write_packet(index, 0, 0, 0, &mut bytes);
        packets.set_quality(128, &mut bytes);
        Packet::parse(bytes.into()).unwrap().payload.to_vec()
    };
    (0..packets.packets().len()).map(payload).collect()
}

fn rtp_info(response: &Response) -> (u16, u32) {
    let [info] = &RtpInfo::parse_all(response.headers.get("RTP-Info").unwrap())[..] else { panic!() };
    (info.sequence.unwrap(), info.rtptime.unwrap())
}

/// RFC 2326 §10.5 would queue the new range; RFC 7826 §13.4 and players expect an immediate seek.
#[tokio::test]
async fn play_while_playing_seeks_at_once_with_exact_rtp_info() {
    let server = TestServer::with_frames(1_000).await;
    let mut client = server.connect().await;
    client.set_up_tcp().await;
    client.send_request("PLAY", "Range: npt=0-\r\n").await;
    for (range, expected, first) in [
        ("5-", "npt=5.000-10.000", 500),
        ("2.5-3", "npt=2.500-3.000", 250),
        ("7.505-", "npt=7.500-10.000", 750),
    ] {
        client.next_packet(0).await;
        let play = client.send_request("PLAY", &format!("Range: npt={range}\r\n")).await;
        assert_eq!(play.headers.get("Range"), Some(expected));
        let (sequence, rtptime) = rtp_info(&play);
        // The packets before the response belong to the old range.
        client.packets.clear();
        let mut number = sequence;
        for (index, jpeg) in server.file.frames[first..first + 3].iter().enumerate() {
            for payload in standard_payloads(jpeg) {
                let packet = Packet::parse(client.next_packet(0).await).unwrap();
                let timestamp = rtptime.wrapping_add(index as u32 * 900);
                assert_eq!((packet.header.sequence, packet.header.timestamp), (number, timestamp));
                assert!(packet.payload == payload[..], "frame {} of {range}", first + index);
                number = number.wrapping_add(1);
            }
        }
    }
}

#[tokio::test]
async fn play_from_now_stops_at_range_end() {
    let server = TestServer::with_frames(1_000).await;
    let mut client = server.connect().await;
    client.set_up_tcp().await;
    client.send_request("PLAY", "Range: npt=4-\r\n").await;
    client.next_packet(0).await;
    let paused = client.send_request("PAUSE", "").await;
    let position =
        paused.headers.get("Range").unwrap().strip_prefix("npt=").unwrap().strip_suffix('-').unwrap();
    client.packets.clear();
    let play = client.send_request("PLAY", "Range: npt=now-4.5\r\n").await;
    assert_eq!(play.headers.get("Range"), Some(&format!("npt={position}-4.500")[..]));
    let (_, rtptime) = rtp_info(&play);
    let frames = 450 - (position.parse::<f64>().unwrap() * 100.0).round() as u32;
    let mut timestamps = Vec::new();
    loop {
        let (channel, packet) = match client.next_message().await {
            Message::Interleaved { channel, packet } => (channel, packet),
            other => panic!("{other:?}"),
        };
        match channel {
            0 => timestamps.push(Packet::parse(packet).unwrap().header.timestamp.wrapping_sub(rtptime)),
            _ if rtcp::parse(&packet)
                .unwrap()
                .iter()
                .any(|packet| matches!(packet, RtcpPacket::Bye { .. })) =>
            {
                break;
            }
            _ => {}
        }
    }
    timestamps.dedup();
    assert!(timestamps.iter().copied().eq((0..frames).map(|frame| frame * 900)), "{timestamps:?}");
}

#[tokio::test]
async fn pipelined_and_bytewise_requests_are_parsed() {
    let server = TestServer::with_frames(100).await;
    let mut client = server.connect().await;
    let requests =
        ["OPTIONS", "DESCRIBE", "OPTIONS"].map(|method| client.format_request(method, "")).concat();
    client.write(&requests).await;
    for number in 1..=3 {
        assert_eq!(client.next_response().await.headers.cseq(), Some(number));
    }
    client.set_up_udp().await;
    let methods = ["PLAY", "GET_PARAMETER", "PAUSE", "PLAY", "TEARDOWN"];
    let requests = methods.map(|method| client.format_request(method, "")).concat();
    client.write(&requests).await;
    let first = client.cseq + 1 - methods.len() as u32;
    for (cseq, method) in (first..).zip(methods) {
        let response = client.next_response().await;
        assert_eq!((response.headers.cseq(), response.status.code()), (Some(cseq), 200), "{method}");
    }
    assert_eq!(server.inner.session_count(), 0);
    for byte in client.format_request("OPTIONS", "").chars() {
        client.write(&byte.to_string()).await;
    }
    assert_eq!(client.next_response().await.headers.cseq(), Some(client.cseq));
}

#[tokio::test]
async fn responses_do_not_split_interleaved_packets() {
    let server = TestServer::with_frames(1_000).await;
    let mut client = server.connect().await;
    client.set_up_tcp().await;
    let (first, _) = rtp_info(&client.send_request("PLAY", "").await);
    for _ in 0..100 {
        // The client's receiver reports are interleaved with its requests.
        let report = rtcp::encode(&[RtcpPacket::ReceiverReport { ssrc: 5, blocks: Vec::new() }]);
        let report = reelay::proto::rtsp::encode_interleaved(1, &report);
        client.stream.write_all(&report).await.unwrap();
        client.send_request("GET_PARAMETER", "").await;
        client.next_packet(0).await;
    }
    client.send_request("PAUSE", "").await;
    let rest: Vec<_> = client.packets.iter().filter(|(channel, _)| *channel == 0).collect();
    let numbers = rest.iter().map(|(_, packet)| Packet::parse(packet.clone()).unwrap().header.sequence);
    // One hundred packets were read above.
    let numbers: Vec<_> = numbers.map(|number| number.wrapping_sub(first)).collect();
    assert!(numbers.iter().copied().eq((100..).take(numbers.len())), "{numbers:?}");
}
