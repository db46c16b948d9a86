//! Sessions between Reelay's client and server over loopback sockets: every received JPEG is identical to the file's.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use common::odd_jpegs::{frame_header_at, with_metadata};
use reelay::impairment::{Bottleneck, Emulator, EmulatorSettings, Impairments, JitterModel, LossModel};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::proto::rtsp::{Message, MessageLimits, MessageReader, Response};
use reelay::server_embed::{Authenticator, Observer, Server, ServerEvent, ServerOptions};
use reelay::session::{
    Decoder, EmulatorOptions, EmulatorPlacement, Frame, FrameSinks, Goal, Screen, Session, SessionCommand,
    SessionError, SessionEvent, SessionOptions, StreamOptions, TransportPreference,
};
use reelay::stats::Snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

const SIZE: (u16, u16) = (160, 120);

const MS: Duration = Duration::from_millis(1);

/// A high frame rate, which keeps the tests short.
const FRAME_RATE: FrameRate = FrameRate::per_second(100);

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

async fn start_server() -> Server {
    Server::start(ServerOptions::default(), Observer::none()).await.unwrap()
}

fn open_file(file: &TestFile, rate: FrameRate) -> Arc<MediaFile> {
    MediaFile::open(file.path(), "film.mjpeg", rate).unwrap()
}

/// A client session with its frames and events.
struct TestSession {
    session: Session,
    frames: mpsc::Receiver<Frame>,
    events: mpsc::Receiver<SessionEvent>,
}

impl TestSession {
    fn start(server: &Server, name: &str, options: SessionOptions) -> Self {
        let (frame_sender, frames) = mpsc::channel(16);
        let (event_sender, events) = mpsc::channel(256);
        let session =
            Session::start(server.url_of(name), options, FrameSinks::tap_only(frame_sender), event_sender);
        Self { session, frames, events }
    }

    fn start_with_transport(server: &Server, name: &str, transport: TransportPreference) -> Self {
        let stream = StreamOptions { transport, ..StreamOptions::default() };
        Self::start(server, name, SessionOptions { stream, ..SessionOptions::default() })
    }

    /// Plays to the end; returns the received frames and the figures.
    async fn play_to_end(&mut self) -> (Vec<Frame>, Snapshot) {
        self.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        let mut received = Vec::new();
        let end = async {
            loop {
                tokio::select! {
                    biased;
                    Some(frame) = self.frames.recv() => received.push(frame),
                    Some(event) = self.events.recv() => match event {
                        SessionEvent::Ended => return,
                        SessionEvent::Failed(error) => panic!("{error}"),
                        _ => {}
                    },
                }
            }
        };
        timeout(TEST_TIMEOUT, end).await.expect("the film does not end");
        let snapshot = self.session.figures().borrow().snapshot;
        (received, snapshot)
    }

    async fn wait_for_event(
        &mut self,
        description: &str,
        predicate: impl Fn(&SessionEvent) -> bool,
    ) -> SessionEvent {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the session has ended");
                if predicate(&event) {
                    return event;
                }
            }
        };
        timeout(TEST_TIMEOUT, found).await.unwrap_or_else(|_| panic!("timeout while waiting: {description}"))
    }
}

#[track_caller]
fn assert_same_frames(received: &[Frame], source: &[Vec<u8>]) {
    assert_eq!(received.len(), source.len());
    for (number, (frame, jpeg)) in received.iter().zip(source).enumerate() {
        assert!(frame.jpeg == jpeg[..], "frame {number} differs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_jpeg_kind_arrives_bit_exact() {
    let server = start_server().await;
    for kind in JpegKind::ALL {
        let file = test_file(FileLayout::Records(5), test_jpegs(kind, SIZE, 12));
        let name = server.library().add(open_file(&file, FRAME_RATE));
        for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
            let mut client = TestSession::start_with_transport(&server, &name, transport);
            let (received, snapshot) = client.play_to_end().await;
            assert_same_frames(&received, &file.frames);
            assert_eq!((snapshot.packets_lost, snapshot.frames_incomplete), (0, 0), "{kind:?} {transport:?}");
            client.session.finish(TEST_TIMEOUT).await;
        }
    }
    assert_eq!(server.session_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_session_plays() {
    let options = ServerOptions { listen: "[::1]:0".parse().unwrap(), ..ServerOptions::default() };
    let server = match Server::start(options, Observer::none()).await {
        Ok(server) => server,
        Err(error) => return eprintln!("This machine has no ::1 ({error}); IPv6 is not tested."),
    };
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, SIZE, 30));
    let name = server.library().add(open_file(&file, FRAME_RATE));
    assert!(server.url_of(&name).to_string().starts_with("rtsp://[::1]:"));
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let mut client = TestSession::start_with_transport(&server, &name, transport);
        let (received, snapshot) = client.play_to_end().await;
        assert_same_frames(&received, &file.frames);
        assert_eq!(snapshot.packets_lost, 0, "{transport:?}");
        client.session.finish(TEST_TIMEOUT).await;
    }
}

/// Plays these frames on a screen; returns the figures and the error, if there was one.
async fn play_on_screen(frames: Vec<Vec<u8>>) -> (Snapshot, Option<SessionError>) {
    play_on_screen_at(FRAME_RATE, frames).await
}

async fn play_on_screen_at(rate: FrameRate, frames: Vec<Vec<u8>>) -> (Snapshot, Option<SessionError>) {
    let server = start_server().await;
    let file = test_file(FileLayout::Records(5), frames);
    let url = server.url_of(&server.library().add(open_file(&file, rate)));
    let screen =
        Screen { decoder: Arc::new(Decoder::start().unwrap()), generation: 0, first_frame: Arc::default() };
    let (events, mut session_events) = mpsc::channel(256);
    let session = Session::start(url, SessionOptions::default(), FrameSinks::screen(screen.clone()), events);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let mut error = None;
    let end = async {
        loop {
            match session_events.recv().await.expect("the session has ended") {
                SessionEvent::Ended => return,
                SessionEvent::Failed(other) => {
                    assert!(error.replace(other).is_none(), "a second error is reported")
                }
                _ => {}
            }
        }
    };
    timeout(TEST_TIMEOUT, end).await.expect("the film does not end");
    let snapshot = session.figures().borrow().snapshot;
    session.finish(TEST_TIMEOUT).await;
    (snapshot, error)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undecodable_frames_are_counted_and_reported_if_all_fail() {
    let good = test_jpegs(JpegKind::Standard420, SIZE, 100);
    // The header of the scan with three components refers to Huffman tables that do not exist.
    let scan = [0xFF, 0xDA, 0, 12, 3];
    let damaged = |jpeg: &Vec<u8>| {
        let at = jpeg.windows(scan.len()).position(|bytes| bytes == scan).expect("no scan");
        let mut damaged = jpeg.clone();
        damaged[at + 6] = 0x33;
        damaged
    };
    let bad: Vec<_> = good.iter().map(damaged).collect();

    let (snapshot, error) = play_on_screen(bad.clone()).await;
    assert!(matches!(error, Some(SessionError::UnusableFrames { .. })), "{error:?}");
    // The last frames may still be in the decoder's queue.
    assert_eq!((snapshot.frames_complete, snapshot.frames_shown + snapshot.frames_undecodable), (100, 100));
    assert!(snapshot.frames_undecodable > 90, "{}", snapshot.frames_undecodable);

    let (snapshot, error) = play_on_screen([&good[..1], &bad[1..]].concat()).await;
    assert!(error.is_none() && snapshot.frames_undecodable > 90, "{error:?}");
}

/// The decoder knows neither arithmetic coding nor 12 bits per sample. The first frame is enough to say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_kind_of_jpeg_is_named_from_the_first_frame() {
    let arithmetic = test_jpegs(JpegKind::Standard420, SIZE, 10).into_iter().map(|mut jpeg| {
        let frame_header = frame_header_at(&jpeg);
        jpeg[frame_header + 1] = 0xC9;
        jpeg
    });
    let (_, error) = play_on_screen_at(FrameRate::per_second(10), arithmetic.collect()).await;
    assert_eq!(
        error.map(|error| error.to_string()).as_deref(),
        Some(
            "Frames arrive but cannot be shown (they are arithmetic-coded JPEG); try another stream or file."
        )
    );
}

/// A tap, such as a recording or a snapshot, does not take frames away from the screen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_and_the_screen_receive_the_same_frames() {
    let server = start_server().await;
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 40));
    let url = server.url_of(&server.library().add(open_file(&file, FRAME_RATE)));
    let screen =
        Screen { decoder: Arc::new(Decoder::start().unwrap()), generation: 7, first_frame: Arc::default() };
    let (tap, mut tapped) = mpsc::channel(256);
    let (event_sender, mut events) = mpsc::channel(256);
    let sinks = FrameSinks { taps: vec![tap], screen: Some(screen.clone()), ..FrameSinks::default() };
    let session = Session::start(url, SessionOptions::default(), sinks, event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let end = async { while events.recv().await.expect("the session has ended") != SessionEvent::Ended {} };
    timeout(TEST_TIMEOUT, end).await.expect("the film does not end");
    let snapshot = session.figures().borrow().snapshot;
    session.finish(TEST_TIMEOUT).await;
    let frames: Vec<Frame> = std::iter::from_fn(|| tapped.try_recv().ok()).collect();
    assert_same_frames(&frames, &file.frames);
    assert_eq!((snapshot.frames_complete, snapshot.frames_undecodable), (40, 0));
    assert_eq!(screen.first_frame.get(), Some(&frames[0].jpeg));
    let shown = screen.decoder.slot().latest().expect("no picture on the screen");
    assert_eq!((shown.generation, shown.source_width), (7, u32::from(SIZE.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_layout_plays_completely() {
    let server = start_server().await;
    let layouts = [
        FileLayout::Records(5),
        FileLayout::Records(6),
        FileLayout::Records(10),
        FileLayout::MultiFrameRecords(3),
        FileLayout::Raw,
        FileLayout::Multipart,
    ];
    for layout in layouts {
        let file = test_file(layout, test_jpegs(JpegKind::WithComment, SIZE, 20));
        let name = server.library().add(open_file(&file, FRAME_RATE));
        let (received, _) =
            TestSession::start_with_transport(&server, &name, TransportPreference::Auto).play_to_end().await;
        assert_same_frames(&received, &file.frames);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frame_of_15_mib_arrives_over_tcp() {
    let file =
        test_file(FileLayout::Records(10), vec![test_jpeg(JpegKind::Classroom444, (4_000, 4_000), 1, 255)]);
    assert!(file.frames[0].len() > 15 << 20);
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FrameRate::per_second(1)));
    let (received, _) =
        TestSession::start_with_transport(&server, &name, TransportPreference::Tcp).play_to_end().await;
    assert_same_frames(&received, &file.frames);
}

/// ICC profile, EXIF and XMP of full length are part of the frame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jpeg_headers_longer_than_packets_arrive_bit_exact() {
    let plain = test_jpegs(JpegKind::Standard420, SIZE, 5);
    let frames = plain.iter().zip(0..).map(|(jpeg, number)| {
        with_metadata(jpeg, &[(0xE1, 65_533), (0xE1, 65_533 - number), (0xE2, 65_533), (0xFE, 1_300)])
    });
    let file = test_file(FileLayout::Raw, frames.collect());
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FrameRate::per_second(10)));
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let mut client = TestSession::start_with_transport(&server, &name, transport);
        let (received, snapshot) = client.play_to_end().await;
        assert_same_frames(&received, &file.frames);
        assert_eq!(
            (snapshot.headers_reduced, snapshot.frames_incomplete, snapshot.frames_unusable),
            (0, 0, 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_share_cached_frames_and_keep_own_positions() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, SIZE, 60));
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FRAME_RATE));
    let mut sessions: Vec<_> = [TransportPreference::Udp, TransportPreference::Tcp, TransportPreference::Udp]
        .map(|transport| TestSession::start_with_transport(&server, &name, transport))
        .into();
    let [first, second, third] = &mut sessions[..] else { unreachable!() };
    let together = async { tokio::join!(first.play_to_end(), second.play_to_end()) };
    let ((a, _), (b, _)) = together.await;
    let cached = server.cached_bytes();
    let (c, _) = third.play_to_end().await;
    [a, b, c].iter().for_each(|received| assert_same_frames(received, &file.frames));
    let bytes: usize = file.frames.iter().map(Vec::len).sum();
    assert!(
        cached as usize > bytes && (cached as usize) < 2 * bytes,
        "{cached} bytes cached for {bytes} bytes of frames"
    );
    assert_eq!(server.cached_bytes(), cached, "the third session adds nothing to the cache");
    assert_eq!(server.session_count(), 3);
    for client in sessions {
        client.session.finish(TEST_TIMEOUT).await;
    }
    assert_eq!(server.session_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn play_works_again_after_end_and_after_stop() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, SIZE, 30));
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FRAME_RATE));
    let mut client = TestSession::start_with_transport(&server, &name, TransportPreference::Udp);
    for _ in 0..3 {
        let (received, _) = client.play_to_end().await;
        assert_same_frames(&received, &file.frames);
    }
    client.session.send_command(SessionCommand::SetGoal(Goal::Stopped));
    client.wait_for_event("TEARDOWN", |event| *event == SessionEvent::Closed).await;
    assert_eq!(server.session_count(), 0);
    let (received, snapshot) = client.play_to_end().await;
    assert_same_frames(&received, &file.frames);
    assert_eq!(snapshot.packets_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rtp_port_can_be_chosen_and_busy_port_is_explained() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, SIZE, 10));
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FRAME_RATE));
    let busy_socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = busy_socket.local_addr().unwrap().port() & !1;
    let stream = StreamOptions { rtp_port: Some(port), ..StreamOptions::default() };
    let options = SessionOptions { stream, ..SessionOptions::default() };
    let mut client = TestSession::start(&server, &name, options.clone());
    client.session.send_command(SessionCommand::SetGoal(Goal::Ready));
    let failed = client.wait_for_event("a failure", |event| matches!(event, SessionEvent::Failed(_))).await;
    let SessionEvent::Failed(error @ SessionError::PortsUnavailable { .. }) = failed else {
        panic!("{failed:?}")
    };
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    drop(busy_socket);
    let (received, _) = TestSession::start(&server, &name, options).play_to_end().await;
    assert_same_frames(&received, &file.frames);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_and_unreachable_are_explained() {
    let server = start_server().await;
    let mut client = TestSession::start_with_transport(&server, "no such film", TransportPreference::Auto);
    client.session.send_command(SessionCommand::SetGoal(Goal::Ready));
    let SessionEvent::Failed(failure) =
        client.wait_for_event("404", |event| matches!(event, SessionEvent::Failed(_))).await
    else {
        panic!()
    };
    assert!(failure.to_string().starts_with("The server refused DESCRIBE: 404"), "{failure}");

    let url = server.url_of("film");
    server.stop().await;
    let (frames, _) = mpsc::channel(1);
    let (event_sender, mut events) = mpsc::channel(16);
    let session = Session::start(url, SessionOptions::default(), FrameSinks::tap_only(frames), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Ready));
    let failed = timeout(TEST_TIMEOUT, async {
        loop {
            if let Some(SessionEvent::Failed(error)) = events.recv().await {
                return error;
            }
        }
    });
    assert!(failed.await.unwrap().to_string().contains("cannot be reached"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_or_truncated_file_is_reported() {
    let (event_sender, mut events) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event| event_sender.send(event).unwrap());
    let server = Server::start(ServerOptions::default(), observer).await.unwrap();
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, SIZE, 200));
    let name = server.library().add(open_file(&file, FRAME_RATE));
    let mut client = TestSession::start_with_transport(&server, &name, TransportPreference::Udp);
    client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    timeout(TEST_TIMEOUT, client.frames.recv()).await.unwrap().unwrap();
    std::fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(1_000).unwrap();
    let failed = timeout(TEST_TIMEOUT, async {
        loop {
            if let Some(ServerEvent::MediaFileFailed { name, .. }) = events.recv().await {
                return name;
            }
        }
    });
    let drain = async { while client.frames.recv().await.is_some() {} };
    let film = tokio::select! { film = failed => film.unwrap(), () = drain => unreachable!() };
    assert_eq!(film, "film.mjpeg");
    client.frames.close();
    client.wait_for_event("the end", |event| *event == SessionEvent::Ended).await;

    for remove in [false, true] {
        if remove {
            std::fs::remove_file(file.path()).unwrap();
        }
        let mut again = TestSession::start_with_transport(&server, &name, TransportPreference::Udp);
        again.session.send_command(SessionCommand::SetGoal(Goal::Ready));
        let SessionEvent::Failed(failure) =
            again.wait_for_event("404", |event| matches!(event, SessionEvent::Failed(_))).await
        else {
            panic!()
        };
        assert!(
            failure.to_string().contains("the file of this film is missing or was truncated"),
            "{failure}"
        );
    }
}

/// Frames whose header is malformed are skipped. A film that consists of them is not silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_of_unreadable_frames_is_reported() {
    let (event_sender, mut events) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event| event_sender.send(event).unwrap());
    let server = Server::start(ServerOptions::default(), observer).await.unwrap();
    for (bad, reported) in [(30, Some(25)), (24, None)] {
        let mut frames = test_jpegs(JpegKind::Standard420, SIZE, bad + 2);
        let last = frames.len() - 1;
        // Three components do not fit into the frame header.
        for jpeg in &mut frames[1..last] {
            let frame_header = frame_header_at(jpeg);
            jpeg[frame_header + 9] = 4;
        }
        let file = test_file(FileLayout::Records(5), frames);
        let name = server.library().add(open_file(&file, FRAME_RATE));
        let mut client = TestSession::start_with_transport(&server, &name, TransportPreference::Tcp);
        let (received, _) = client.play_to_end().await;
        assert_same_frames(&received, &[file.frames[0].clone(), file.frames[last].clone()]);
        let skipped: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
            .filter_map(|event| match event {
                ServerEvent::FramesSkipped { name: film, count, .. } if film == "film.mjpeg" => Some(count),
                _ => None,
            })
            .collect();
        assert_eq!(skipped, Vec::from_iter(reported));
    }
}

/// Returns an emulator that is switched on.
fn emulator(impairments: Impairments, seed: u64) -> Emulator {
    Emulator::new(EmulatorSettings { is_on: true, seed, impairments })
}

/// Asserts that the measured figures equal the emulator's counts.
#[track_caller]
fn assert_matches_emulator(measured: &Snapshot) {
    let truth = measured.emulated.expect("no packet passed the emulator");
    assert_eq!(truth.offered, truth.delivered + truth.lost_random + truth.lost_queue, "{truth:?}");
    let (received, lost) = (truth.delivered, truth.lost_random + truth.lost_queue);
    assert_eq!((measured.packets_received, measured.packets_lost), (received, lost), "{truth:?}");
    assert_eq!(measured.packets_duplicated, truth.duplicated, "{truth:?}");
}

const TEN_PERCENT_LOSS: Impairments = Impairments {
    loss: LossModel { ratio: 0.1, mean_burst: None },
    duplication: 0.0,
    corruption: 0.0,
    bottleneck: None,
    delay: Duration::ZERO,
    jitter: JitterModel {
        spread: Duration::ZERO,
        distribution: reelay::impairment::Distribution::Uniform,
        reorders: false,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_at_server_match_emulator() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, SIZE, 100));
    let burst = Impairments { loss: LossModel { ratio: 0.2, mean_burst: Some(4.0) }, ..TEN_PERCENT_LOSS };
    let bottleneck = Some(Bottleneck { bits_per_second: 1_000_000, queue: 16_000 });
    let jitter = JitterModel { spread: Duration::from_millis(4), reorders: true, ..JitterModel::default() };
    let narrow = Impairments { loss: LossModel::default(), bottleneck, ..TEN_PERCENT_LOSS };
    let mixed = Impairments { duplication: 0.1, corruption: 0.1, delay: 8 * MS, jitter, ..TEN_PERCENT_LOSS };
    for (seed, impairments) in [(1, TEN_PERCENT_LOSS), (2, burst), (3, narrow), (4, mixed)] {
        let emulator = emulator(impairments, seed);
        let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
        let server = Server::start(options, Observer::none()).await.unwrap();
        let name = server.library().add(open_file(&file, FRAME_RATE));
        for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
            let stream = StreamOptions { transport, ..StreamOptions::default() };
            let emulator =
                EmulatorOptions { emulator: emulator.clone(), placement: EmulatorPlacement::AtServer };
            let options = SessionOptions { stream, emulator, ..SessionOptions::default() };
            let mut client = TestSession::start(&server, &name, options);
            client.play_to_end().await;
            let figures = client.session.figures();
            client.session.finish(TEST_TIMEOUT).await;
            let measured = figures.borrow().snapshot;
            assert_matches_emulator(&measured);
            assert!(measured.packets_lost > 10, "{measured:?}");
            assert_eq!(measured.packets_lost == measured.emulated.unwrap().lost_queue, seed == 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_at_client_match_emulator_and_repeat_with_seed() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, SIZE, 100));
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FRAME_RATE));
    let mut runs = Vec::new();
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let stream = StreamOptions { transport, ..StreamOptions::default() };
        let emulator = EmulatorOptions {
            emulator: emulator(TEN_PERCENT_LOSS, 5),
            placement: EmulatorPlacement::AtClient,
        };
        let options = SessionOptions { stream, emulator, ..SessionOptions::default() };
        let (_, measured) = TestSession::start(&server, &name, options).play_to_end().await;
        assert_matches_emulator(&measured);
        assert!(measured.packets_lost > 10, "{measured:?}");
        runs.push((measured.packets_lost, measured.frames_complete));
    }
    assert_eq!(runs[0], runs[1]);
}

/// After a stop in the middle of the film, only the packets that the server has sent so far count as expected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_mid_stream_keeps_counts_exact() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, SIZE, 1_000));
    let delay = Impairments { delay: 30 * MS, ..TEN_PERCENT_LOSS };
    for (seed, impairments) in [(1, TEN_PERCENT_LOSS), (2, delay), (3, TEN_PERCENT_LOSS), (4, delay)] {
        let emulator = emulator(impairments, seed);
        let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
        let server = Server::start(options, Observer::none()).await.unwrap();
        let name = server.library().add(open_file(&file, FRAME_RATE));
        let emulator = EmulatorOptions { emulator, placement: EmulatorPlacement::AtServer };
        let options = SessionOptions { emulator, ..SessionOptions::default() };
        let mut client = TestSession::start(&server, &name, options);
        client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        for _ in 0..40 {
            timeout(TEST_TIMEOUT, client.frames.recv()).await.unwrap().unwrap();
        }
        client.frames.close();
        let figures = client.session.figures();
        client.session.finish(TEST_TIMEOUT).await;
        let measured = figures.borrow().snapshot;
        assert_matches_emulator(&measured);
        assert!(measured.packets_lost > 10, "{measured:?}");
    }
}

/// Writes bytes on a new connection and reads the response; `None` if the connection is closed without one.
async fn send_request(server: &Server, request: &[u8]) -> Option<Response> {
    send_request_on(&mut TcpStream::connect(server.address()).await.unwrap(), request).await
}

async fn send_request_on(stream: &mut TcpStream, request: &[u8]) -> Option<Response> {
    stream.write_all(request).await.unwrap();
    let mut reader = MessageReader::new(MessageLimits::CLIENT);
    let mut buffer = [0; 4_096];
    loop {
        let count = timeout(TEST_TIMEOUT, stream.read(&mut buffer)).await.unwrap().unwrap();
        reader.push(&buffer[..count]);
        match reader.poll_message().unwrap() {
            Some(Message::Response(response)) => return Some(response),
            _ if count == 0 => return None,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_are_refused_and_server_keeps_running() {
    let server = start_server().await;
    let status =
        async |bytes: Vec<u8>| send_request(&server, &bytes).await.map(|response| response.status.code());
    let long_url = format!("OPTIONS rtsp://h/{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "a".repeat(5_000));
    assert_eq!(status(long_url.into_bytes()).await, Some(414));
    let large_body =
        b"SET_PARAMETER rtsp://h/f RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999\r\n\r\n".to_vec();
    assert_eq!(status(large_body).await, Some(413));
    let malformed = b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\nno colon\r\n\r\n";
    let response = send_request(&server, malformed).await.unwrap();
    assert_eq!((response.status.code(), response.headers.cseq()), (400, Some(5)));
    assert!(response.headers.get("Server").unwrap().starts_with("Reelay/"));
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()).await, Some(400));
    assert_eq!(status(vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]).await, Some(400));
    assert_eq!(status(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec()).await, Some(200));
    let pipelined =
        b"$\x01\x00\x04junkOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n"
            .to_vec();
    assert_eq!(status(pipelined).await, Some(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_connection_ends_interleaved_session() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, SIZE, 400));
    let server = start_server().await;
    let name = server.library().add(open_file(&file, FrameRate::CLASSROOM));
    let mut client = TestSession::start_with_transport(&server, &name, TransportPreference::Tcp);
    client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    timeout(TEST_TIMEOUT, client.frames.recv()).await.unwrap().unwrap();
    assert_eq!(server.session_count(), 1);
    drop(client);
    timeout(TEST_TIMEOUT, async {
        while server.session_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the session does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_with_session_header_keep_it_alive() {
    let session_timeout = Duration::from_secs(1);
    let (event_sender, mut events) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event| {
        if let ServerEvent::SessionExpired { .. } = event {
            event_sender.send(()).unwrap();
        }
    });
    let options = ServerOptions { session_timeout, ..ServerOptions::default() };
    let server = Server::start(options, observer).await.unwrap();
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 2));
    let url = server.url_of(&server.serve(open_file(&file, FRAME_RATE)));
    let setup = format!(
        "SETUP {url}/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=40000-40001\r\n\r\n"
    );
    // The connection of the SETUP is closed, so that it no longer keeps the session alive.
    let response = send_request(&server, setup.as_bytes()).await.unwrap();
    let session = response.headers.get("Session").unwrap();
    let keep_alive = format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    let mut other = TcpStream::connect(server.address()).await.unwrap();
    let start = Instant::now();
    while start.elapsed() < session_timeout * 3 {
        assert_eq!(send_request_on(&mut other, keep_alive.as_bytes()).await.unwrap().status.code(), 200);
    }
    assert_eq!((server.session_count(), events.try_recv().is_ok()), (1, false));
    timeout(TEST_TIMEOUT, events.recv()).await.expect("the session does not expire");
}

/// Status codes that depend on the served files: missing, damaged while playing, or no longer Motion JPEG.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_get_rfc_2326_status_codes() {
    let server = start_server().await;
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 200));
    let names = server.library().add_folder(file.folder(), FRAME_RATE).unwrap().names;
    let url = server.url_of(&names[0]);
    let other = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 2));
    let other =
        server.url_of(&server.serve(MediaFile::open(other.path(), "other.mjpeg", FRAME_RATE).unwrap()));
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    let mut code = async |method: &str, url: &str, rest: &str| {
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\n{rest}\r\n");
        let response = send_request_on(&mut connection, request.as_bytes()).await.unwrap();
        (response.status.code(), response.headers.get("Session").unwrap_or_default().to_owned())
    };

    // The file was Motion JPEG when the folder was searched.
    let complete = std::fs::read(file.path()).unwrap();
    std::fs::write(file.path(), "Not a film any more.").unwrap();
    assert_eq!(code("DESCRIBE", &url.to_string(), "").await.0, 415);
    std::fs::write(file.path(), &complete).unwrap();
    assert_eq!(code("DESCRIBE", &url.to_string(), "").await.0, 200);

    let transport = "Transport: RTP/AVP;unicast;client_port=40000-40001\r\n";
    let (_, session) = code("SETUP", &format!("{url}/track1"), transport).await;
    let session = format!("Session: {session}\r\n");
    let unknown_url = server.url_of("unknown.mjpeg").to_string();
    for method in ["PLAY", "TEARDOWN"] {
        assert_eq!(code(method, &unknown_url, &session).await.0, 404);
        assert_eq!(code(method, &other.to_string(), &session).await.0, 454);
    }

    // The file is truncated during playback.
    std::fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(1_000).unwrap();
    let failed = async { while code("PLAY", &url.to_string(), &session).await.0 != 500 {} };
    timeout(TEST_TIMEOUT, failed).await.expect("500");
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(code("DESCRIBE", &url.to_string(), "").await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn playback_requires_the_password() {
    let options =
        ServerOptions { auth: Some(Authenticator::new("ann", "se:cr et")), ..ServerOptions::default() };
    let server = Server::start(options, Observer::none()).await.unwrap();
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 6));
    let name = server.library().add(open_file(&file, FRAME_RATE));
    let url = server.url_of(&name);

    let wrong_password = url.clone().with_credentials("ann", "guess");
    for (url, was_refused) in [(url.clone(), false), (wrong_password, true)] {
        let (frame_sender, frames) = mpsc::channel(16);
        let (event_sender, events) = mpsc::channel(256);
        let sink = FrameSinks::tap_only(frame_sender);
        let session = Session::start(url, SessionOptions::default(), sink, event_sender);
        session.send_command(SessionCommand::SetGoal(Goal::Playing));
        let mut client = TestSession { session, frames, events };
        let expected = SessionEvent::Failed(SessionError::Unauthorized { was_refused });
        client.wait_for_event("the refusal", |event| *event == expected).await;
        assert_eq!(server.session_count(), 0);
    }

    let (frame_sender, frames) = mpsc::channel(16);
    let (event_sender, events) = mpsc::channel(256);
    let url = url.with_credentials("ann", "se:cr et");
    let sink = FrameSinks::tap_only(frame_sender);
    let session = Session::start(url, SessionOptions::default(), sink, event_sender);
    let (received, _) = TestSession { session, frames, events }.play_to_end().await;
    assert_same_frames(&received, &file.frames);
}
