//! Real sessions over real sockets on loopback: every JPEG that arrives is the file's.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::films::{Layout, TestFilm, film, pictures};
use common::jpegs::{Kind, picture};
use reelay::impairment::{Bottleneck, Conditions, Impairments, Jitter, Loss, Network};
use reelay::media::FrameRate;
use reelay::media_file::Film;
use reelay::proto::rtsp::{Frame as Message, Framer, Limits, Response};
use reelay::server_embed::{Guard, Observer, Server, ServerEvent, ServerOptions};
use reelay::session::{
    Command, Decoder, Emulation, Event, Failure, Frame, FrameOutlets, Goal, MachineOptions, Place, Screen,
    Session, SessionOptions, TransportChoice,
};
use reelay::stats::Snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

const SIZE: (u16, u16) = (160, 120);

const MS: Duration = Duration::from_millis(1);

/// Fast, so that the tests are.
const RATE: FrameRate = FrameRate::whole(100);

/// Octets of the APP0 segment that the test pictures begin with.
const APP0: usize = 18;

/// Nothing on loopback takes this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start_server() -> Server {
    Server::start(ServerOptions::default(), Observer::none()).await.unwrap()
}

fn open(test: &TestFilm, rate: FrameRate) -> Arc<Film> {
    Film::open(test.path(), "film.mjpeg", rate).unwrap()
}

/// A session and what comes out of it.
struct Playing {
    session: Session,
    frames: mpsc::Receiver<Frame>,
    events: mpsc::Receiver<Event>,
}

impl Playing {
    fn start(server: &Server, name: &str, options: SessionOptions) -> Self {
        let (frame_sender, frames) = mpsc::channel(16);
        let (event_sender, events) = mpsc::channel(256);
        let session =
            Session::start(server.url_of(name), options, FrameOutlets::tap(frame_sender), event_sender);
        Self { session, frames, events }
    }

    fn by(server: &Server, name: &str, transport: TransportChoice) -> Self {
        let machine = MachineOptions { transport, ..MachineOptions::default() };
        Self::start(server, name, SessionOptions { machine, ..SessionOptions::default() })
    }

    /// Plays to the end; everything that arrived, and the figures.
    async fn play_to_the_end(&mut self) -> (Vec<Frame>, Snapshot) {
        self.session.command(Command::SetGoal(Goal::Playing));
        let mut arrived = Vec::new();
        let end = async {
            loop {
                tokio::select! {
                    biased;
                    Some(frame) = self.frames.recv() => arrived.push(frame),
                    Some(event) = self.events.recv() => match event {
                        Event::Ended => return,
                        Event::Failed(failure) => panic!("{failure}"),
                        _ => {}
                    },
                }
            }
        };
        timeout(PATIENCE, end).await.expect("the end of the film");
        let snapshot = self.session.figures().borrow().snapshot;
        (arrived, snapshot)
    }

    async fn event(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                if wanted(&event) {
                    return event;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never: {what}"))
    }
}

#[track_caller]
fn assert_same(arrived: &[Frame], source: &[Vec<u8>]) {
    assert_eq!(arrived.len(), source.len());
    for (number, (frame, jpeg)) in arrived.iter().zip(source).enumerate() {
        assert!(frame.jpeg == jpeg[..], "frame {number} differs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_picture_arrives_bit_for_bit() {
    let server = start_server().await;
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::LongHeader) {
        let test = film(Layout::Records(5), pictures(kind, SIZE, 12));
        let name = server.library().add(open(&test, RATE));
        for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
            let mut playing = Playing::by(&server, &name, transport);
            let (arrived, snapshot) = playing.play_to_the_end().await;
            assert_same(&arrived, &test.pictures);
            assert_eq!((snapshot.packets_lost, snapshot.frames_incomplete), (0, 0), "{kind:?} {transport:?}");
            playing.session.finish(PATIENCE).await;
        }
    }
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn films_are_played_over_ipv6_as_well() {
    let options = ServerOptions { listen: "[::1]:0".parse().unwrap(), ..ServerOptions::default() };
    let server = match Server::start(options, Observer::none()).await {
        Ok(server) => server,
        Err(error) => return eprintln!("This machine has no ::1 ({error}); IPv6 is not tested."),
    };
    let test = film(Layout::Records(5), pictures(Kind::Commented, SIZE, 30));
    let name = server.library().add(open(&test, RATE));
    assert!(server.url_of(&name).to_string().starts_with("rtsp://[::1]:"));
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let mut playing = Playing::by(&server, &name, transport);
        let (arrived, snapshot) = playing.play_to_the_end().await;
        assert_same(&arrived, &test.pictures);
        assert_eq!(snapshot.packets_lost, 0, "{transport:?}");
        playing.session.finish(PATIENCE).await;
    }
}

/// A film on a screen: its figures, and what went wrong.
async fn play_on_a_screen(pictures: Vec<Vec<u8>>) -> (Snapshot, Option<Failure>) {
    let server = start_server().await;
    let test = film(Layout::Records(5), pictures);
    let url = server.url_of(&server.library().add(open(&test, RATE)));
    let screen =
        Screen { decoder: Arc::new(Decoder::start().unwrap()), generation: 0, first: Arc::default() };
    let (events, mut told) = mpsc::channel(256);
    let session =
        Session::start(url, SessionOptions::default(), FrameOutlets::screen(screen.clone()), events);
    session.command(Command::SetGoal(Goal::Playing));
    let mut failure = None;
    let end = async {
        loop {
            match told.recv().await.expect("the session goes on") {
                Event::Ended => return,
                Event::Failed(other) => assert!(failure.replace(other).is_none(), "it is told once"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, end).await.expect("the end of the film");
    let snapshot = session.figures().borrow().snapshot;
    session.finish(PATIENCE).await;
    (snapshot, failure)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_that_cannot_be_decoded_are_counted_and_told_if_there_are_no_others() {
    let good = pictures(Kind::Standard420, SIZE, 100);
    // The scan of three components names Huffman tables that there are not.
    let scan = [0xFF, 0xDA, 0, 12, 3];
    let damaged = |jpeg: &Vec<u8>| {
        let at = jpeg.windows(scan.len()).position(|octets| octets == scan).expect("a scan");
        let mut damaged = jpeg.clone();
        damaged[at + 6] = 0x33;
        damaged
    };
    let bad: Vec<_> = good.iter().map(damaged).collect();

    let (snapshot, failure) = play_on_a_screen(bad.clone()).await;
    assert!(matches!(failure, Some(Failure::Unusable { .. })), "{failure:?}");
    // The last ones may wait for the decoder yet.
    assert_eq!((snapshot.frames_complete, snapshot.frames_shown + snapshot.frames_undecodable), (100, 100));
    assert!(snapshot.frames_undecodable > 90, "{}", snapshot.frames_undecodable);

    let (snapshot, failure) = play_on_a_screen([&good[..1], &bad[1..]].concat()).await;
    assert!(failure.is_none() && snapshot.frames_undecodable > 90, "{failure:?}");
}

/// A recording or a snapshot takes nothing from the screen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_and_the_screen_receive_the_same_frames() {
    let server = start_server().await;
    let test = film(Layout::Records(5), pictures(Kind::Standard420, SIZE, 40));
    let url = server.url_of(&server.library().add(open(&test, RATE)));
    let screen =
        Screen { decoder: Arc::new(Decoder::start().unwrap()), generation: 7, first: Arc::default() };
    let (tap, mut tapped) = mpsc::channel(256);
    let (events, mut told) = mpsc::channel(256);
    let outlets = FrameOutlets { taps: vec![tap], screen: Some(screen.clone()) };
    let session = Session::start(url, SessionOptions::default(), outlets, events);
    session.command(Command::SetGoal(Goal::Playing));
    let end = async { while told.recv().await.expect("the session goes on") != Event::Ended {} };
    timeout(PATIENCE, end).await.expect("the end of the film");
    let snapshot = session.figures().borrow().snapshot;
    session.finish(PATIENCE).await;
    let frames: Vec<Frame> = std::iter::from_fn(|| tapped.try_recv().ok()).collect();
    assert_same(&frames, &test.pictures);
    assert_eq!((snapshot.frames_complete, snapshot.frames_undecodable), (40, 0));
    assert_eq!(screen.first.get(), Some(&frames[0].jpeg));
    let shown = screen.decoder.slot().take().expect("a picture on the screen");
    assert_eq!((shown.generation, shown.source_width), (7, u32::from(SIZE.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_layout_of_file_is_played_whole() {
    let server = start_server().await;
    let layouts = [
        Layout::Records(5),
        Layout::Records(6),
        Layout::Records(10),
        Layout::SeveralARecord(3),
        Layout::Raw,
        Layout::Multipart,
    ];
    for layout in layouts {
        let test = film(layout, pictures(Kind::Commented, SIZE, 20));
        let name = server.library().add(open(&test, RATE));
        let (arrived, _) = Playing::by(&server, &name, TransportChoice::Auto).play_to_the_end().await;
        assert_same(&arrived, &test.pictures);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_of_15_mib_arrives_on_the_connection() {
    let test = film(Layout::Records(10), vec![picture(Kind::Classroom444, (4_000, 4_000), 1, 255)]);
    assert!(test.pictures[0].len() > 15 << 20);
    let server = start_server().await;
    let name = server.library().add(open(&test, FrameRate::whole(1)));
    let (arrived, _) = Playing::by(&server, &name, TransportChoice::Tcp).play_to_the_end().await;
    assert_same(&arrived, &test.pictures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_longer_than_a_packet_is_reduced_and_counted() {
    let test = film(Layout::Raw, pictures(Kind::LongHeader, SIZE, 5));
    let server = start_server().await;
    let name = server.library().add(open(&test, RATE));
    let (arrived, snapshot) = Playing::by(&server, &name, TransportChoice::Udp).play_to_the_end().await;
    assert_eq!((arrived.len(), snapshot.headers_reduced), (5, 5));
    assert!(
        arrived.iter().zip(&test.pictures).all(|(frame, jpeg)| frame.jpeg.len() + 3_004 + APP0 == jpeg.len())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_sessions_share_one_film_and_each_has_its_own_place() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, SIZE, 60));
    let server = start_server().await;
    let name = server.library().add(open(&test, RATE));
    let mut sessions: Vec<_> = [TransportChoice::Udp, TransportChoice::Tcp, TransportChoice::Udp]
        .map(|transport| Playing::by(&server, &name, transport))
        .into();
    let [first, second, third] = &mut sessions[..] else { unreachable!() };
    let together = async { tokio::join!(first.play_to_the_end(), second.play_to_the_end()) };
    let ((a, _), (b, _)) = together.await;
    let cached = server.cached_octets();
    let (c, _) = third.play_to_the_end().await;
    [a, b, c].iter().for_each(|arrived| assert_same(arrived, &test.pictures));
    let octets: usize = test.pictures.iter().map(Vec::len).sum();
    assert!(cached as usize > octets && (cached as usize) < 2 * octets, "{cached} for {octets}: kept once");
    assert_eq!(server.cached_octets(), cached, "read and packetized once");
    assert_eq!(server.sessions(), 3);
    for playing in sessions {
        playing.session.finish(PATIENCE).await;
    }
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_the_film_plays_again_and_after_stop_it_is_set_up_again() {
    let test = film(Layout::Records(5), pictures(Kind::Commented, SIZE, 30));
    let server = start_server().await;
    let name = server.library().add(open(&test, RATE));
    let mut playing = Playing::by(&server, &name, TransportChoice::Udp);
    for _ in 0..3 {
        let (arrived, _) = playing.play_to_the_end().await;
        assert_same(&arrived, &test.pictures);
    }
    playing.session.command(Command::SetGoal(Goal::Stopped));
    playing.event("TEARDOWN", |event| *event == Event::Closed).await;
    assert_eq!(server.sessions(), 0);
    let (arrived, snapshot) = playing.play_to_the_end().await;
    assert_same(&arrived, &test.pictures);
    assert_eq!(snapshot.packets_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_players_own_port_can_be_fixed_and_a_busy_one_is_explained() {
    let test = film(Layout::Records(5), pictures(Kind::Commented, SIZE, 10));
    let server = start_server().await;
    let name = server.library().add(open(&test, RATE));
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port() & !1;
    let machine = MachineOptions { rtp_port: Some(port), ..MachineOptions::default() };
    let options = SessionOptions { machine, ..SessionOptions::default() };
    let mut playing = Playing::start(&server, &name, options.clone());
    playing.session.command(Command::SetGoal(Goal::Ready));
    let failed = playing.event("a failure", |event| matches!(event, Event::Failed(_))).await;
    let Event::Failed(failure @ Failure::NoPorts { .. }) = failed else { panic!("{failed:?}") };
    assert!(failure.to_string().contains(&port.to_string()), "{failure}");
    drop(taken);
    let (arrived, _) = Playing::start(&server, &name, options).play_to_the_end().await;
    assert_same(&arrived, &test.pictures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_sentences() {
    let server = start_server().await;
    let mut nothing = Playing::by(&server, "no such film", TransportChoice::Auto);
    nothing.session.command(Command::SetGoal(Goal::Ready));
    let Event::Failed(failure) = nothing.event("404", |event| matches!(event, Event::Failed(_))).await else {
        panic!()
    };
    assert!(failure.to_string().starts_with("The server refused DESCRIBE: 404"), "{failure}");

    let url = server.url_of("film");
    server.stop().await;
    let (frames, _) = mpsc::channel(1);
    let (events, mut from_session) = mpsc::channel(16);
    let session = Session::start(url, SessionOptions::default(), FrameOutlets::tap(frames), events);
    session.command(Command::SetGoal(Goal::Ready));
    let failed = timeout(PATIENCE, async {
        loop {
            if let Some(Event::Failed(failure)) = from_session.recv().await {
                return failure;
            }
        }
    });
    assert!(failed.await.unwrap().to_string().contains("cannot be reached"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_that_vanishes_or_is_cut_is_told() {
    let (told, mut events) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event| told.send(event).unwrap());
    let server = Server::start(ServerOptions::default(), observer).await.unwrap();
    let test = film(Layout::Records(5), pictures(Kind::Commented, SIZE, 200));
    let name = server.library().add(open(&test, RATE));
    let mut playing = Playing::by(&server, &name, TransportChoice::Udp);
    playing.session.command(Command::SetGoal(Goal::Playing));
    timeout(PATIENCE, playing.frames.recv()).await.unwrap().unwrap();
    std::fs::OpenOptions::new().write(true).open(test.path()).unwrap().set_len(1_000).unwrap();
    let failed = timeout(PATIENCE, async {
        loop {
            if let Some(ServerEvent::FilmFailed { film, .. }) = events.recv().await {
                return film;
            }
        }
    });
    let drained = async { while playing.frames.recv().await.is_some() {} };
    let film = tokio::select! { film = failed => film.unwrap(), () = drained => unreachable!() };
    assert_eq!(film, "film.mjpeg");
    playing.frames.close();
    playing.event("the end", |event| *event == Event::Ended).await;

    for remove in [false, true] {
        if remove {
            std::fs::remove_file(test.path()).unwrap();
        }
        let mut again = Playing::by(&server, &name, TransportChoice::Udp);
        again.session.command(Command::SetGoal(Goal::Ready));
        let Event::Failed(failure) = again.event("404", |event| matches!(event, Event::Failed(_))).await
        else {
            panic!()
        };
        assert!(failure.to_string().contains("the file of this film is gone, or was cut"), "{failure}");
    }
}

/// A network, switched on.
fn network(impairments: Impairments, seed: u64) -> Network {
    Network::new(Conditions { is_on: true, seed, impairments })
}

/// What was measured is what the network did.
#[track_caller]
fn assert_true(measured: &Snapshot) {
    let truth = measured.emulated.expect("the network was in the way");
    assert_eq!(truth.offered, truth.delivered + truth.lost_random + truth.lost_queue, "{truth:?}");
    let (received, lost) = (truth.delivered, truth.lost_random + truth.lost_queue);
    assert_eq!((measured.packets_received, measured.packets_lost), (received, lost), "{truth:?}");
    assert_eq!(measured.packets_duplicated, truth.duplicated, "{truth:?}");
}

const LOSS: Impairments = Impairments {
    loss: Loss { ratio: 0.1, mean_burst: None },
    duplication: 0.0,
    corruption: 0.0,
    bottleneck: None,
    delay: Duration::ZERO,
    jitter: Jitter {
        spread: Duration::ZERO,
        distribution: reelay::impairment::Distribution::Uniform,
        reorders: false,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_at_the_servers_way_out_are_measured_to_the_packet() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, SIZE, 100));
    let burst = Impairments { loss: Loss { ratio: 0.2, mean_burst: Some(4.0) }, ..LOSS };
    let bottleneck = Some(Bottleneck { bits_per_second: 1_000_000, queue: 16_000 });
    let jitter = Jitter { spread: Duration::from_millis(4), reorders: true, ..Jitter::default() };
    let narrow = Impairments { loss: Loss::default(), bottleneck, ..LOSS };
    let mixed = Impairments { duplication: 0.1, corruption: 0.1, delay: 8 * MS, jitter, ..LOSS };
    for (seed, impairments) in [(1, LOSS), (2, burst), (3, narrow), (4, mixed)] {
        let network = network(impairments, seed);
        let options = ServerOptions { network: network.clone(), ..ServerOptions::default() };
        let server = Server::start(options, Observer::none()).await.unwrap();
        let name = server.library().add(open(&test, RATE));
        for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
            let machine = MachineOptions { transport, ..MachineOptions::default() };
            let emulation = Emulation { network: network.clone(), place: Place::AtServer };
            let options = SessionOptions { machine, emulation, ..SessionOptions::default() };
            let mut playing = Playing::start(&server, &name, options);
            playing.play_to_the_end().await;
            let figures = playing.session.figures();
            playing.session.finish(PATIENCE).await;
            let measured = figures.borrow().snapshot;
            assert_true(&measured);
            assert!(measured.packets_lost > 10, "{measured:?}");
            assert_eq!(measured.packets_lost == measured.emulated.unwrap().lost_queue, seed == 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_on_the_way_in_are_measured_to_the_packet_and_a_seed_repeats_them() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, SIZE, 100));
    let server = start_server().await;
    let name = server.library().add(open(&test, RATE));
    let mut runs = Vec::new();
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let machine = MachineOptions { transport, ..MachineOptions::default() };
        let emulation = Emulation { network: network(LOSS, 5), place: Place::WayIn };
        let options = SessionOptions { machine, emulation, ..SessionOptions::default() };
        let (_, measured) = Playing::start(&server, &name, options).play_to_the_end().await;
        assert_true(&measured);
        assert!(measured.packets_lost > 10, "{measured:?}");
        runs.push((measured.packets_lost, measured.frames_complete));
    }
    assert_eq!(runs[0], runs[1]);
}

/// Stop comes in the middle, and what the server has sent until then is all that is expected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_leaves_the_counts_true() {
    let test = film(Layout::Records(5), pictures(Kind::Classroom444, SIZE, 1_000));
    let delay = Impairments { delay: 30 * MS, ..LOSS };
    for (seed, impairments) in [(1, LOSS), (2, delay), (3, LOSS), (4, delay)] {
        let network = network(impairments, seed);
        let options = ServerOptions { network: network.clone(), ..ServerOptions::default() };
        let server = Server::start(options, Observer::none()).await.unwrap();
        let name = server.library().add(open(&test, RATE));
        let emulation = Emulation { network, place: Place::AtServer };
        let options = SessionOptions { emulation, ..SessionOptions::default() };
        let mut playing = Playing::start(&server, &name, options);
        playing.session.command(Command::SetGoal(Goal::Playing));
        for _ in 0..40 {
            timeout(PATIENCE, playing.frames.recv()).await.unwrap().unwrap();
        }
        playing.frames.close();
        let figures = playing.session.figures();
        playing.session.finish(PATIENCE).await;
        let measured = figures.borrow().snapshot;
        assert_true(&measured);
        assert!(measured.packets_lost > 10, "{measured:?}");
    }
}

/// Writes something on a connection of its own and reads the answer.
async fn ask(server: &Server, words: &[u8]) -> Option<Response> {
    ask_on(&mut TcpStream::connect(server.address()).await.unwrap(), words).await
}

async fn ask_on(stream: &mut TcpStream, words: &[u8]) -> Option<Response> {
    stream.write_all(words).await.unwrap();
    let mut framer = Framer::new(Limits::CLIENT);
    let mut buffer = [0; 4_096];
    loop {
        let count = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        framer.push(&buffer[..count]);
        match framer.next_frame().unwrap() {
            Some(Message::Response(response)) => return Some(response),
            _ if count == 0 => return None,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_refused_and_the_server_goes_on() {
    let server = start_server().await;
    let code = async |words: Vec<u8>| ask(&server, &words).await.map(|response| response.status.code());
    let long_url = format!("OPTIONS rtsp://h/{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "a".repeat(5_000));
    assert_eq!(code(long_url.into_bytes()).await, Some(414));
    let fat = b"SET_PARAMETER rtsp://h/f RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999\r\n\r\n".to_vec();
    assert_eq!(code(fat).await, Some(413));
    let unreadable = b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\nno colon\r\n\r\n";
    let refusal = ask(&server, unreadable).await.unwrap();
    assert_eq!((refusal.status.code(), refusal.headers.cseq()), (400, Some(5)));
    assert!(refusal.headers.get("Server").unwrap().starts_with("Reelay/"));
    assert_eq!(code(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()).await, Some(400));
    assert_eq!(code(vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]).await, Some(400));
    assert_eq!(code(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec()).await, Some(200));
    let pipelined =
        b"$\x01\x00\x04junkOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n"
            .to_vec();
    assert_eq!(code(pipelined).await, Some(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_takes_its_interleaved_session_along() {
    let test = film(Layout::Records(5), pictures(Kind::Commented, SIZE, 400));
    let server = start_server().await;
    let name = server.library().add(open(&test, FrameRate::CLASSROOM));
    let mut playing = Playing::by(&server, &name, TransportChoice::Tcp);
    playing.session.command(Command::SetGoal(Goal::Playing));
    timeout(PATIENCE, playing.frames.recv()).await.unwrap().unwrap();
    assert_eq!(server.sessions(), 1);
    drop(playing);
    timeout(PATIENCE, async {
        while server.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the session ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_name_a_session_keep_it_alive() {
    let session_timeout = Duration::from_secs(1);
    let (told, mut events) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event| {
        if let ServerEvent::Expired { .. } = event {
            told.send(()).unwrap();
        }
    });
    let options = ServerOptions { session_timeout, ..ServerOptions::default() };
    let server = Server::start(options, observer).await.unwrap();
    let test = film(Layout::Records(5), pictures(Kind::Standard420, SIZE, 2));
    let url = server.url_of(&server.serve(open(&test, RATE)));
    let setup = format!(
        "SETUP {url}/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=40000-40001\r\n\r\n"
    );
    // The connection of the SETUP is gone, and is no sign of life any more.
    let response = ask(&server, setup.as_bytes()).await.unwrap();
    let session = response.headers.get("Session").unwrap();
    let keep = format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    let mut other = TcpStream::connect(server.address()).await.unwrap();
    let begin = Instant::now();
    while begin.elapsed() < session_timeout * 3 {
        assert_eq!(ask_on(&mut other, keep.as_bytes()).await.unwrap().status.code(), 200);
    }
    assert_eq!((server.sessions(), events.try_recv().is_ok()), (1, false));
    timeout(PATIENCE, events.recv()).await.expect("without them it ends");
}

/// What depends on the films that are served, and on how they fare.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn films_that_fail_have_the_status_of_rfc_2326() {
    let server = start_server().await;
    let test = film(Layout::Records(5), pictures(Kind::Standard420, SIZE, 200));
    let names = server.library().add_folder(test.folder(), RATE).unwrap().names;
    let url = server.url_of(&names[0]);
    let other = film(Layout::Records(5), pictures(Kind::Standard420, SIZE, 2));
    let other = server.url_of(&server.serve(Film::open(other.path(), "other.mjpeg", RATE).unwrap()));
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    let mut code = async |method: &str, url: &str, rest: &str| {
        let words = format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\n{rest}\r\n");
        let response = ask_on(&mut connection, words.as_bytes()).await.unwrap();
        (response.status.code(), response.headers.get("Session").unwrap_or_default().to_owned())
    };

    // It was a film when the folder was searched.
    let whole = std::fs::read(test.path()).unwrap();
    std::fs::write(test.path(), "Not a film any more.").unwrap();
    assert_eq!(code("DESCRIBE", &url.to_string(), "").await.0, 415);
    std::fs::write(test.path(), &whole).unwrap();
    assert_eq!(code("DESCRIBE", &url.to_string(), "").await.0, 200);

    let transport = "Transport: RTP/AVP;unicast;client_port=40000-40001\r\n";
    let (_, session) = code("SETUP", &format!("{url}/track1"), transport).await;
    let session = format!("Session: {session}\r\n");
    let nobody = server.url_of("nobody.mjpeg").to_string();
    for method in ["PLAY", "TEARDOWN"] {
        assert_eq!(code(method, &nobody, &session).await.0, 404);
        assert_eq!(code(method, &other.to_string(), &session).await.0, 454);
    }

    // The octets of its pictures go while it plays.
    std::fs::OpenOptions::new().write(true).open(test.path()).unwrap().set_len(1_000).unwrap();
    let failed = async { while code("PLAY", &url.to_string(), &session).await.0 != 500 {} };
    timeout(PATIENCE, failed).await.expect("500");
    std::fs::remove_file(test.path()).unwrap();
    assert_eq!(code("DESCRIBE", &url.to_string(), "").await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_knows_the_password_plays() {
    let options = ServerOptions { guard: Some(Guard::new("ann", "se:cr et")), ..ServerOptions::default() };
    let server = Server::start(options, Observer::none()).await.unwrap();
    let test = film(Layout::Records(5), pictures(Kind::Standard420, SIZE, 6));
    let name = server.library().add(open(&test, RATE));
    let url = server.url_of(&name);

    for (stranger, refused) in [(url.clone(), false), (url.clone().with_credentials("ann", "guess"), true)] {
        let (frame_sender, frames) = mpsc::channel(16);
        let (event_sender, events) = mpsc::channel(256);
        let sink = FrameOutlets::tap(frame_sender);
        let session = Session::start(stranger, SessionOptions::default(), sink, event_sender);
        session.command(Command::SetGoal(Goal::Playing));
        let mut playing = Playing { session, frames, events };
        let wanted = Event::Failed(Failure::Unauthorized { was_refused: refused });
        playing.event("the refusal", |event| *event == wanted).await;
        assert_eq!(server.sessions(), 0);
    }

    let (frame_sender, frames) = mpsc::channel(16);
    let (event_sender, events) = mpsc::channel(256);
    let known = url.with_credentials("ann", "se:cr et");
    let sink = FrameOutlets::tap(frame_sender);
    let session = Session::start(known, SessionOptions::default(), sink, event_sender);
    let (arrived, _) = Playing { session, frames, events }.play_to_the_end().await;
    assert_same(&arrived, &test.pictures);
}
