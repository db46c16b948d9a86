//! The proxy between Reelay's client and server, and between scripted peers.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, test_file, test_jpegs};
use reelay::impairment::{Bottleneck, Emulator, EmulatorSettings, Impairments, LossModel};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::net::limits::Limits;
use reelay::proto::rtsp::RtspUrl;
use reelay::proxy::{Proxy, ProxyEvent, ProxyOptions};
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{
    EmulatorOptions, EmulatorPlacement, FrameSinks, Goal, Session, SessionCommand, SessionEvent,
    SessionOptions, StreamOptions, TransportPreference,
};
use reelay::stats::Snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

async fn start_proxy(port: u16, emulator: Emulator) -> Proxy {
    let listen = ([127, 0, 0, 1], 0).into();
    let limits = Limits::for_proxy();
    let options = ProxyOptions { listen, server: ("127.0.0.1".to_owned(), port), emulator, limits };
    Proxy::start(options, Arc::new(|_| {})).await.unwrap()
}

/// Plays to the end; returns the number of frames received and the figures.
async fn play(url: RtspUrl, transport: TransportPreference, emulator: Emulator) -> (u64, Snapshot) {
    let (frame_sender, mut frames) = mpsc::channel(16);
    let (event_sender, mut events) = mpsc::channel(256);
    let stream = StreamOptions { transport, ..StreamOptions::default() };
    let emulator = EmulatorOptions { emulator, placement: EmulatorPlacement::AtServer };
    let options = SessionOptions { stream, emulator, ..SessionOptions::default() };
    let session = Session::start(url, options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let mut frame_count = 0;
    let end = async {
        loop {
            tokio::select! {
                Some(_) = frames.recv() => frame_count += 1,
                Some(event) = events.recv() => match event {
                    SessionEvent::Ended => return,
                    SessionEvent::Failed(error) => panic!("{error}"),
                    _ => {}
                },
            }
        }
    };
    timeout(TEST_TIMEOUT, end).await.expect("the film does not end");
    let figures = session.figures();
    session.finish(TEST_TIMEOUT).await;
    let snapshot = figures.borrow().snapshot;
    (frame_count, snapshot)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_through_proxy_match_emulator() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (160, 120), 100));
    let server = Server::start(ServerOptions::default(), Observer::none()).await.unwrap();
    let film = MediaFile::open(file.path(), "film.mjpeg", FrameRate::per_second(100)).unwrap();
    let name = server.library().add(film);
    let none = Impairments::default();
    let lossy = Impairments { loss: LossModel { ratio: 0.1, mean_burst: Some(2.0) }, ..none };
    let bottleneck = Some(Bottleneck { bits_per_second: 1_000_000, queue: 16_000 });
    let narrow = Impairments { bottleneck, ..none };
    for impairments in [none, lossy, narrow] {
        for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
            let emulator = Emulator::new(EmulatorSettings { is_on: true, seed: 3, impairments });
            let proxy = start_proxy(server.address().port(), emulator.clone()).await;
            let url = RtspUrl::for_path("127.0.0.1", proxy.address().port(), &name);
            let (frame_count, measured) = play(url, transport, emulator.clone()).await;
            let truth = measured.emulated.expect("no packet passed the emulator");
            assert_eq!(measured.packets_expected, truth.offered, "{truth:?}");
            assert_eq!(measured.packets_lost, truth.lost_random + truth.lost_queue, "{truth:?}");
            assert_eq!(emulator.total(), truth);
            assert_eq!(measured.packets_lost > 10, impairments != none, "{truth:?}");
            assert!(frame_count == 100 || impairments != none, "{frame_count}");
        }
    }
}

/// Reads until the received bytes contain `text`; returns all of them.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let count = timeout(TEST_TIMEOUT, stream.read_buf(&mut read)).await.expect(text).unwrap();
        assert!(count > 0, "{text}: {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

fn number_after(text: &str, name: &str) -> u16 {
    let rest = text.split_once(name).unwrap_or_else(|| panic!("{name} in {text}")).1;
    rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classroom_ports_are_rewritten_and_packets_forwarded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = start_proxy(listener.local_addr().unwrap().port(), Emulator::default()).await;
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();

    let setup = format!("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= {port}");
    client.write_all(setup.as_bytes()).await.unwrap();
    let forwarded = read_until(&mut server, "client_port= ").await;
    assert!(
        forwarded.starts_with("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= "),
        "{forwarded}"
    );
    let proxy_port = number_after(&forwarded, "client_port=");
    assert_ne!(proxy_port, port);
    server.write_all(b"RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456").await.unwrap();
    read_until(&mut client, "Session: 123456").await;

    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.send_to(b"a packet", ("127.0.0.1", proxy_port)).await.unwrap();
    let mut buffer = [0; 64];
    let (count, _) = timeout(TEST_TIMEOUT, receiver.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..count], b"a packet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_packets_reach_server_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = start_proxy(listener.local_addr().unwrap().port(), Emulator::default()).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    // More sessions, one after the other, than the proxy keeps media tracks for one connection. The last one has the
    // client ports of the one before it, but other server ports.
    for session in (0..20).chain([19]) {
        let pair = format!("{}-{}", 5_000 + 2 * session, 5_001 + 2 * session);
        let setup = format!(
            "SETUP rtsp://h/f RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port={pair}\r\nCSeq: 1\r\n\r\n"
        );
        client.write_all(setup.as_bytes()).await.unwrap();
        let proxy_client_port = number_after(&read_until(&mut server, "\r\n\r\n").await, "client_port=");
        let server_socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server_port = server_socket.local_addr().unwrap().port();
        let response = format!(
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nTransport: RTP/AVP;client_port={proxy_client_port}-{};server_port={server_port}-{server_port}\r\n\r\n",
            proxy_client_port + 1
        );
        server.write_all(response.as_bytes()).await.unwrap();
        let response = read_until(&mut client, "\r\n\r\n").await;
        assert!(response.contains(&format!("client_port={pair};")), "{response}");
        let proxy_server_port = number_after(&response, "server_port=");
        assert_ne!(proxy_server_port, server_port);
        let client_socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client_socket.send_to(b"a report", ("127.0.0.1", proxy_server_port + 1)).await.unwrap();
        let mut buffer = [0; 64];
        let (count, from) =
            timeout(TEST_TIMEOUT, server_socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..count], from.port()), (&b"a report"[..], proxy_client_port + 1));
    }
}

/// A player takes the response to TEARDOWN as the end of the packets; those after it would count as lost.
#[tokio::test]
async fn response_does_not_overtake_packets_that_were_sent_before_it() {
    const PACKETS: usize = 200;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = start_proxy(listener.local_addr().unwrap().port(), Emulator::default()).await;
    let blocking_socket = || std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (sender, receiver) = (blocking_socket(), blocking_socket());
    receiver.set_nonblocking(true).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let setup = format!("SETUP a RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port={port}\r\n\r\n");
    client.write_all(setup.as_bytes()).await.unwrap();
    let forwarded = read_until(&mut server, "\r\n\r\n").await;
    let proxy_port = number_after(&forwarded, "client_port=");
    for _ in 0..PACKETS {
        sender.send_to(b"a packet", ("127.0.0.1", proxy_port)).unwrap();
    }
    server.try_write(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n").unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    let mut buffer = [0; 16];
    let received = std::iter::from_fn(|| receiver.recv(&mut buffer).ok()).count();
    assert_eq!(received, PACKETS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_closed_client_gets_its_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = start_proxy(listener.local_addr().unwrap().port(), Emulator::default()).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let request = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut forwarded = String::new();
    timeout(TEST_TIMEOUT, server.read_to_string(&mut forwarded)).await.unwrap().unwrap();
    assert_eq!(forwarded, request, "the half-close is forwarded to the server");
    server.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n").await.unwrap();
    drop(server);
    let mut response = String::new();
    timeout(TEST_TIMEOUT, client.read_to_string(&mut response)).await.unwrap().unwrap();
    assert_eq!(response, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreachable_server_is_reported_and_client_is_closed() {
    let free_port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (event_sender, mut events) = mpsc::unbounded_channel();
    let listen = ([127, 0, 0, 1], 0).into();
    let (server, limits) = (("127.0.0.1".to_owned(), free_port), Limits::for_proxy());
    let options = ProxyOptions { listen, server, emulator: Emulator::default(), limits };
    let observer = Arc::new(move |event| event_sender.send(event).unwrap());
    let proxy = Proxy::start(options, observer).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(timeout(TEST_TIMEOUT, client.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
    assert!(matches!(events.recv().await, Some(ProxyEvent::Connected { .. })));
    assert!(matches!(events.recv().await, Some(ProxyEvent::ServerUnreachable { .. })));
}
