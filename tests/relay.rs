//! A relay between our own player and our own server, and between words that are nobody's.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::films::{Layout, film, pictures};
use common::jpegs::Kind;
use reelay::impairment::{Bottleneck, Conditions, Impairments, Loss, Network};
use reelay::media::FrameRate;
use reelay::media_file::Film;
use reelay::proto::rtsp::RtspUrl;
use reelay::proxy::{Relay, RelayEvent, RelayOptions};
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{
    Command, Emulation, Event, FrameOutlets, Goal, MachineOptions, Place, Session, SessionOptions,
    TransportChoice,
};
use reelay::stats::Snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing on loopback takes this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start_relay(port: u16, network: Network) -> Relay {
    let listen = ([127, 0, 0, 1], 0).into();
    let options = RelayOptions { listen, server: ("127.0.0.1".to_owned(), port), network };
    Relay::start(options, Arc::new(|_| {})).await.unwrap()
}

/// Plays to the end.
async fn play(url: RtspUrl, transport: TransportChoice, network: Network) -> (u64, Snapshot) {
    let (frame_sender, mut frames) = mpsc::channel(16);
    let (event_sender, mut events) = mpsc::channel(256);
    let machine = MachineOptions { transport, ..MachineOptions::default() };
    let emulation = Emulation { network, place: Place::AtServer };
    let options = SessionOptions { machine, emulation, ..SessionOptions::default() };
    let session = Session::start(url, options, FrameOutlets::tap(frame_sender), event_sender);
    session.command(Command::SetGoal(Goal::Playing));
    let mut arrived = 0;
    let end = async {
        loop {
            tokio::select! {
                Some(_) = frames.recv() => arrived += 1,
                Some(event) = events.recv() => match event {
                    Event::Ended => return,
                    Event::Failed(failure) => panic!("{failure}"),
                    _ => {}
                },
            }
        }
    };
    timeout(PATIENCE, end).await.expect("the end of the film");
    let figures = session.figures();
    session.finish(PATIENCE).await;
    let snapshot = figures.borrow().snapshot;
    (arrived, snapshot)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_player_plays_our_server_through_it_and_the_counts_are_equal() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, (160, 120), 100));
    let server = Server::start(ServerOptions::default(), Observer::none()).await.unwrap();
    let opened = Film::open(test.path(), "film.mjpeg", FrameRate::whole(100)).unwrap();
    let name = server.library().add(opened);
    let none = Impairments::default();
    let lossy = Impairments { loss: Loss { ratio: 0.1, mean_burst: Some(2.0) }, ..none };
    let bottleneck = Some(Bottleneck { bits_per_second: 1_000_000, queue: 16_000 });
    let narrow = Impairments { bottleneck, ..none };
    for impairments in [none, lossy, narrow] {
        for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
            let network = Network::new(Conditions { is_on: true, seed: 3, impairments });
            let relay = start_relay(server.address().port(), network.clone()).await;
            let url = RtspUrl::for_path("127.0.0.1", relay.address().port(), &name);
            let (arrived, measured) = play(url, transport, network.clone()).await;
            let truth = measured.emulated.expect("the packets went through the relay");
            assert_eq!(measured.packets_expected, truth.offered, "{truth:?}");
            assert_eq!(measured.packets_lost, truth.lost_random + truth.lost_queue, "{truth:?}");
            assert_eq!(network.total(), truth);
            assert_eq!(measured.packets_lost > 10, impairments != none, "{truth:?}");
            assert!(arrived == 100 || impairments != none, "{arrived}");
        }
    }
}

/// Reads until these words have come.
async fn read_until(stream: &mut TcpStream, words: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(words) {
        let count = timeout(PATIENCE, stream.read_buf(&mut read)).await.expect(words).unwrap();
        assert!(count > 0, "{words}: {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

fn number_behind(text: &str, name: &str) -> u16 {
    let rest = text.split_once(name).unwrap_or_else(|| panic!("{name} in {text}")).1;
    rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classroom_player_and_server_get_their_ports_and_packets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = start_relay(listener.local_addr().unwrap().port(), Network::default()).await;
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let mut player = TcpStream::connect(relay.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();

    let setup = format!("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= {port}");
    player.write_all(setup.as_bytes()).await.unwrap();
    let asked = read_until(&mut server, "client_port= ").await;
    assert!(
        asked.starts_with("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= "),
        "{asked}"
    );
    let inner = number_behind(&asked, "client_port=");
    assert_ne!(inner, port);
    server.write_all(b"RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456").await.unwrap();
    read_until(&mut player, "Session: 123456").await;

    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.send_to(b"a packet", ("127.0.0.1", inner)).await.unwrap();
    let mut buffer = [0; 64];
    let (count, _) = timeout(PATIENCE, receiver.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..count], b"a packet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_player_sends_comes_to_the_servers_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = start_relay(listener.local_addr().unwrap().port(), Network::default()).await;
    let mut player = TcpStream::connect(relay.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    // One session after the other, the last of them on the ports of the one before, which the server changes; and more of
    // them than a connection has streams at a time.
    for session in (0..20).chain([19]) {
        let pair = format!("{}-{}", 5_000 + 2 * session, 5_001 + 2 * session);
        let setup = format!(
            "SETUP rtsp://h/f RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port={pair}\r\nCSeq: 1\r\n\r\n"
        );
        player.write_all(setup.as_bytes()).await.unwrap();
        let inner = number_behind(&read_until(&mut server, "\r\n\r\n").await, "client_port=");
        let hears = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let own = hears.local_addr().unwrap().port();
        let answer = format!(
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nTransport: RTP/AVP;client_port={inner}-{};server_port={own}-{own}\r\n\r\n",
            inner + 1
        );
        server.write_all(answer.as_bytes()).await.unwrap();
        let heard = read_until(&mut player, "\r\n\r\n").await;
        assert!(heard.contains(&format!("client_port={pair};")), "{heard}");
        let outer = number_behind(&heard, "server_port=");
        assert_ne!(outer, own);
        let talks = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        talks.send_to(b"a report", ("127.0.0.1", outer + 1)).await.unwrap();
        let mut buffer = [0; 64];
        let (count, from) = timeout(PATIENCE, hears.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..count], from.port()), (&b"a report"[..], inner + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_says_that_this_was_all_gets_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = start_relay(listener.local_addr().unwrap().port(), Network::default()).await;
    let mut player = TcpStream::connect(relay.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let question = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    player.write_all(question.as_bytes()).await.unwrap();
    player.shutdown().await.unwrap();
    let mut asked = String::new();
    timeout(PATIENCE, server.read_to_string(&mut asked)).await.unwrap().unwrap();
    assert_eq!(asked, question, "the server hears that this was all");
    server.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n").await.unwrap();
    drop(server);
    let mut answer = String::new();
    timeout(PATIENCE, player.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_told_and_the_player_let_go() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (told, mut events) = mpsc::unbounded_channel();
    let listen = ([127, 0, 0, 1], 0).into();
    let options =
        RelayOptions { listen, server: ("127.0.0.1".to_owned(), free), network: Network::default() };
    let observer = Arc::new(move |event| told.send(event).unwrap());
    let relay = Relay::start(options, observer).await.unwrap();
    let mut player = TcpStream::connect(relay.address()).await.unwrap();
    assert_eq!(timeout(PATIENCE, player.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
    assert!(matches!(events.recv().await, Some(RelayEvent::Connected { .. })));
    assert!(matches!(events.recv().await, Some(RelayEvent::Unreachable { .. })));
}
