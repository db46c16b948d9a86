//! Reelay's client plays classroom servers of every kind and reports their errors.

mod common;

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::classroom_server::{ClassroomServer, ClassroomServerOptions, Packetization, Reaction};
use common::jpegs::{JpegKind, test_jpeg};
use reelay::impairment::{Emulator, EmulatorSettings, Impairments, LossModel, RawPacket};
use reelay::proto::rtcp::{Epoch, NtpTime};
use reelay::proto::rtp::Header;
use reelay::proto::rtsp::{PortPair, RtspUrl};
use reelay::session::{
    ClassroomClient, ClassroomUrl, Client as _, ClientInput, ClientOptions, ClientOutput, EmulatorOptions,
    Frame, FrameSinks, Goal, NetworkPath, RtcpIdentity, RtspOptions, RtspState, Session, SessionCommand,
    SessionEvent, SessionOptions,
};
use reelay::stats::Snapshot;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Returns 26 frames of every JPEG kind, each larger than a packet; some have a thumbnail or no Huffman tables.
fn every_kind_of_jpeg() -> Vec<Vec<u8>> {
    (0..26)
        .map(|number| test_jpeg(JpegKind::ALL[number as usize % JpegKind::ALL.len()], (160, 120), number, 60))
        .collect()
}

/// A client session with its frames and events.
struct TestSession {
    session: Session,
    frames: mpsc::Receiver<Frame>,
    events: mpsc::Receiver<SessionEvent>,
    received: Vec<Frame>,
}

fn film_url(port: u16) -> ClassroomUrl {
    ClassroomUrl::new("127.0.0.1", port, "movie.Mjpeg").unwrap()
}

impl TestSession {
    fn start(server: &ClassroomServer) -> Self {
        Self::with_timeout(server, Duration::from_secs(5))
    }

    fn with_timeout(server: &ClassroomServer, response_timeout: Duration) -> Self {
        Self::with_emulator(server, response_timeout, EmulatorOptions::default())
    }

    fn with_emulator(
        server: &ClassroomServer,
        response_timeout: Duration,
        emulator: EmulatorOptions,
    ) -> Self {
        let url = film_url(server.address.port());
        let (frame_sender, frames) = mpsc::channel(256);
        let (event_sender, events) = mpsc::channel(256);
        let rtsp = RtspOptions { response_timeout, ..RtspOptions::default() };
        let options = SessionOptions { rtsp, emulator, ..SessionOptions::default() };
        let session = Session::start(url, options, FrameSinks::tap_only(frame_sender), event_sender);
        Self { session, frames, events, received: Vec::new() }
    }

    /// Receives frames and events until the condition holds; returns the last event.
    async fn wait_until(
        &mut self,
        description: &str,
        condition: impl Fn(&Self, Option<&SessionEvent>) -> bool,
    ) -> Option<SessionEvent> {
        let found = async {
            loop {
                let event = tokio::select! {
                    biased;
                    Some(frame) = self.frames.recv() => {
                        self.received.push(frame);
                        None
                    }
                    event = self.events.recv() => Some(event.expect("the session has ended")),
                };
                if condition(self, event.as_ref()) {
                    return event;
                }
            }
        };
        timeout(TEST_TIMEOUT, found).await.unwrap_or_else(|_| panic!("timeout while waiting: {description}"))
    }

    async fn play_to_end(&mut self) -> Snapshot {
        self.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        self.wait_until("the end", |_, event| match event {
            Some(SessionEvent::Failed(error)) => panic!("{error}"),
            event => event == Some(&SessionEvent::Ended),
        })
        .await;
        self.session.figures().borrow().snapshot
    }

    async fn wait_for_state(&mut self, state: RtspState) {
        self.wait_until("the state", |_, event| {
            matches!(event, Some(SessionEvent::Status(status)) if status.state == state && !status.is_busy)
        })
        .await;
    }

    /// Plays until the session fails; returns the error message.
    async fn play_until_failure(mut self) -> String {
        self.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        let is_failure =
            |_: &Self, event: Option<&SessionEvent>| matches!(event, Some(SessionEvent::Failed(_)));
        let Some(SessionEvent::Failed(error)) = self.wait_until("a failure", is_failure).await else {
            unreachable!()
        };
        error.to_string()
    }
}

#[track_caller]
fn assert_same_frames(received: &[Frame], source: &[Vec<u8>]) {
    assert_eq!(received.len(), source.len());
    for (number, (frame, jpeg)) in received.iter().zip(source).enumerate() {
        assert!(frame.jpeg == jpeg[..], "frame {number} differs");
    }
}

async fn assert_plays_packetization(packetization: Packetization, setup: Reaction, play: Reaction) {
    let source = every_kind_of_jpeg();
    let server = ClassroomServer::start(ClassroomServerOptions {
        setup,
        play,
        ..ClassroomServerOptions::new(source.clone(), packetization)
    })
    .await;
    let mut client = TestSession::start(&server);
    let snapshot = client.play_to_end().await;
    assert_same_frames(&client.received, &source);
    let packets = if packetization == Packetization::ByPacket {
        source.iter().map(|jpeg| jpeg.len().div_ceil(1_300) as u64).sum()
    } else {
        source.len() as u64
    };
    assert_eq!(
        (snapshot.packets_expected, snapshot.packets_received),
        (packets, packets),
        "{packetization:?}"
    );
    assert_eq!((snapshot.packets_lost, snapshot.packets_duplicated), (0, 0), "{packetization:?}");
    assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (26, 0), "{packetization:?}");
}

/// Each server formats its responses differently. All run at the same time, because each client waits for seconds of
/// silence before it reports the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_packetization_is_received_bit_exact() {
    let respond = Reaction::Respond;
    let lf = respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 123456");
    let crlf = respond("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 123456\r\n\r\n");
    let doubled = respond("RTSP/1.0 200 OK\nCSeq: CSeq: {cseq}\r\nSession: 123456");
    let bare = respond("RTSP/1.0 200 OK\nCSeq: {cseq}\n");
    let uuid = respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 6fa459ea-ee8a-3ca4-894e-db77e160355e");
    tokio::join!(
        assert_plays_packetization(Packetization::WholeFrame, lf.clone(), lf.clone()),
        assert_plays_packetization(Packetization::WholeFrameVersion0, doubled.clone(), doubled),
        assert_plays_packetization(Packetization::ByFrame, crlf.clone(), crlf),
        assert_plays_packetization(Packetization::ByPacket, bare.clone(), lf.clone()),
        assert_plays_packetization(Packetization::Framed, lf, bare),
        assert_plays_packetization(Packetization::Sliced, uuid.clone(), uuid),
    );
}

/// The slices of a packet have no SSRC that assigns them to a session; the emulator counts them all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emulator_counts_match_received_packets() {
    let lossy = |ratio| {
        let impairments =
            Impairments { loss: LossModel { ratio, mean_burst: None }, ..Impairments::default() };
        let emulator = Emulator::new(EmulatorSettings { is_on: true, seed: 3, impairments });
        EmulatorOptions { emulator, ..EmulatorOptions::default() }
    };
    let play = async |packetization| {
        let options = ClassroomServerOptions::new(every_kind_of_jpeg(), packetization);
        let server = ClassroomServer::start(options).await;
        let mut client = TestSession::with_emulator(&server, Duration::from_secs(5), lossy(0.2));
        let snapshot = client.play_to_end().await;
        (client.received.len() as u64, snapshot.emulated.unwrap(), snapshot)
    };
    let ((frames, emulated, snapshot), (_, slices, _)) =
        tokio::join!(play(Packetization::WholeFrame), play(Packetization::Sliced));
    assert!(emulated.lost_random > 0, "{emulated:?}");
    assert_eq!((emulated.delivered, snapshot.packets_received), (frames, frames));
    assert!(slices.offered > 26 && slices.lost_random > 0, "{slices:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_length_ends_at_once_and_replay_sets_up_again() {
    let source = every_kind_of_jpeg();
    let setup =
        Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26\nTotalTime: 1.3");
    let mut server = ClassroomServer::start(ClassroomServerOptions {
        setup,
        ..ClassroomServerOptions::new(source.clone(), Packetization::WholeFrame)
    })
    .await;
    let mut client = TestSession::start(&server);
    for _ in 0..2 {
        let mut is_waiting = false;
        client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        loop {
            match client.wait_until("an event", |_, event| event.is_some()).await {
                Some(SessionEvent::Described(presentation)) => {
                    let end = presentation.range.and_then(|range| range.end).unwrap();
                    assert_eq!((end.as_micros(), presentation.is_live()), (1_300_000, true));
                }
                Some(SessionEvent::Waiting(waiting)) => is_waiting |= waiting,
                Some(SessionEvent::Ended) => break,
                _ => {}
            }
        }
        assert!(!is_waiting, "the client waits for data at the end");
        assert_same_frames(&std::mem::take(&mut client.received), &source);
    }
    client.session.finish(TEST_TIMEOUT).await;
    for method in ["SETUP", "PLAY", "TEARDOWN", "SETUP", "PLAY", "TEARDOWN"] {
        assert_eq!(server.next_method().await, method);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resume_accepts_frames_from_another_port() {
    let source: Vec<_> =
        (0..200).map(|number| test_jpeg(JpegKind::Classroom444, (96, 64), number, 0)).collect();
    let mut server =
        ClassroomServer::start(ClassroomServerOptions::new(source.clone(), Packetization::WholeFrame)).await;
    let mut client = TestSession::start(&server);
    client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    client.wait_until("ten frames", |client, _| client.received.len() >= 10).await;
    client.session.send_command(SessionCommand::SetGoal(Goal::Ready));
    client.wait_for_state(RtspState::Ready).await;
    client.play_to_end().await;
    assert_same_frames(&client.received, &source);
    let (first, second) =
        (server.source_ports.recv().await.unwrap(), server.source_ports.recv().await.unwrap());
    assert_ne!(first, second);
}

/// The server checks before each response that no further request has arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_is_in_flight_at_a_time() {
    let permits = Arc::new(Semaphore::new(0));
    let options = ClassroomServerOptions {
        response_permits: Some(permits.clone()),
        ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
    };
    let mut server = ClassroomServer::start(options).await;
    let mut client = TestSession::start(&server);
    client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    assert_eq!(server.next_method().await, "SETUP");
    permits.add_permits(1);
    assert_eq!(server.next_method().await, "PLAY");
    for goal in [Goal::Ready, Goal::Playing, Goal::Stopped, Goal::Ready] {
        client.session.send_command(SessionCommand::SetGoal(goal));
    }
    client
        .wait_until(
            "all five goals are set",
            |_, event| matches!(event, Some(SessionEvent::Status(status)) if status.goal_revision == 5),
        )
        .await;
    permits.add_permits(1);
    assert_eq!(server.next_method().await, "PAUSE");
    client.session.send_command(SessionCommand::SetGoal(Goal::Stopped));
    permits.add_permits(1);
    assert_eq!(server.next_method().await, "TEARDOWN");
    permits.add_permits(1);
    client.wait_until("close", |_, event| event == Some(&SessionEvent::Closed)).await;
}

/// Some classroom servers close the connection at the end of the film.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_after_last_frame_is_end_of_stream() {
    let setup = Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26");
    let tasks = (0..10).map(|_| {
        let options = ClassroomServerOptions {
            close_after: Some(26),
            setup: setup.clone(),
            ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
        };
        tokio::spawn(async move {
            let server = ClassroomServer::start(options).await;
            let mut client = TestSession::start(&server);
            client.play_to_end().await;
            assert_same_frames(&client.received, &every_kind_of_jpeg());
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// The end of a film of unknown length is reported after three seconds of silence, but not before its last frame is
/// shown.
#[test]
fn end_waits_for_frames_buffered_beyond_silence_timeout() {
    let start = Instant::now();
    let options = ClientOptions {
        rtsp: RtspOptions::default(),
        playout_delay: Duration::from_secs(6),
        rtcp_identity: RtcpIdentity { ssrc: 1, cname: "player".to_owned() },
        emulator: EmulatorOptions::default(),
        epoch: Epoch { instant: start, ntp: NtpTime(1 << 40) },
    };
    let mut client = ClassroomClient::new(film_url(8554), options);
    client.handle_input(start, ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    client.handle_input(start, ClientInput::Connected(NetworkPath::default()));
    client.handle_input(start, ClientInput::Ports(Ok(PortPair { rtp: 25_000, rtcp: 25_001 })));
    for cseq in 1..=2 {
        let response = format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\n\n");
        client.handle_input(start, ClientInput::Received(response.into()));
    }
    assert_eq!(client.status().state, RtspState::Playing);
    for (sequence, jpeg) in (1..).zip(every_kind_of_jpeg().iter().take(10)) {
        let header = Header { marker: false, payload_type: 26, sequence, timestamp: 0, ssrc: 0 };
        let datagram = [&header.encode(false)[..], jpeg].concat();
        client.handle_input(
            start + Duration::from_millis(50) * u32::from(sequence),
            ClientInput::Packet(RawPacket::rtp(datagram)),
        );
    }
    let (mut now, mut shown, mut steps) = (start, 0, 0);
    let mut has_ended = false;
    while !has_ended {
        while let Some(output) = client.poll_output() {
            shown += u32::from(matches!(output, ClientOutput::Show { .. }));
            has_ended |= output == ClientOutput::Event(SessionEvent::Ended);
        }
        now = client.poll_timeout().filter(|_| !has_ended).map_or(now, |deadline| deadline.max(now));
        client.handle_timeout(now);
        steps += 1;
        assert!(steps < 1_000, "the client's timeout does not advance");
    }
    assert_eq!(shown, 10);
}

async fn failure_message(options: ClassroomServerOptions, response_timeout: Duration) -> String {
    let server = ClassroomServer::start(options).await;
    TestSession::with_timeout(&server, response_timeout).play_until_failure().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_faults_are_explained_with_file_name() {
    let options = || ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame);
    let response_timeout = Duration::from_millis(500);
    let missing = Reaction::Respond("RTSP/1.0 404 NOT FOUND\nCSeq: {cseq}\nSession: 0");
    let (not_found, no_response, no_play_response, closed, closed_at_play, no_frames, cut_off) = tokio::join!(
        failure_message(ClassroomServerOptions { setup: missing, ..options() }, response_timeout),
        failure_message(ClassroomServerOptions { setup: Reaction::Ignore, ..options() }, response_timeout),
        failure_message(ClassroomServerOptions { play: Reaction::Ignore, ..options() }, response_timeout),
        failure_message(ClassroomServerOptions { setup: Reaction::Close, ..options() }, response_timeout),
        failure_message(ClassroomServerOptions { play: Reaction::Close, ..options() }, response_timeout),
        failure_message(ClassroomServerOptions { sends_no_frames: true, ..options() }, response_timeout),
        failure_message(ClassroomServerOptions { close_after: Some(7), ..options() }, response_timeout),
    );
    for (message, expected) in [
        (not_found, "has no file \"movie.Mjpeg\""),
        (no_response, "did not respond to SETUP"),
        (no_play_response, "did not respond to PLAY"),
        (closed, "closed the connection during SETUP"),
        (closed_at_play, "closed the connection during PLAY"),
        (no_frames, "accepted PLAY but sent no frames"),
        (cut_off, "closed the connection after frame "),
    ] {
        assert!(message.contains(expected), "{message}");
        assert!(message.ends_with('.') && message.contains("movie.Mjpeg"), "{message}");
    }
}

/// A classroom server does not respond to OPTIONS; the error after such a request suggests the classroom protocol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_server_error_suggests_classroom_dialect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/movie.Mjpeg", listener.local_addr().unwrap());
    let url = RtspUrl::parse(&url).unwrap();
    let (event_sender, mut events) = mpsc::channel(16);
    let (frames, _) = mpsc::channel(1);
    let rtsp = RtspOptions { response_timeout: Duration::from_millis(200), ..RtspOptions::default() };
    let options = SessionOptions { rtsp, ..SessionOptions::default() };
    let session = Session::start(url, options, FrameSinks::tap_only(frames), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let failed = async {
        loop {
            if let SessionEvent::Failed(error) = events.recv().await.unwrap() {
                return error.to_string();
            }
        }
    };
    let message = timeout(TEST_TIMEOUT, failed).await.unwrap();
    assert!(message.contains("if it is a classroom server, select that in Connect"), "{message}");
}

async fn probe(server: &ClassroomServer) -> Output {
    let target = format!("{}/movie.Mjpeg", server.address);
    let task = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_reelay")).args(["probe", "--json", "--classroom", &target]).output()
    });
    timeout(TEST_TIMEOUT, task).await.expect("probe does not end").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_explains_missing_file() {
    let missing = Reaction::Respond("RTSP/1.0 404 NOT FOUND\nCSeq: {cseq}\nSession: 0");
    let server = ClassroomServer::start(ClassroomServerOptions {
        setup: missing,
        ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
    })
    .await;
    let output = probe(&server).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("has no file \"movie.Mjpeg\""), "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_plays_a_classroom_server() {
    let server =
        ClassroomServer::start(ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::ByPacket))
            .await;
    let output = probe(&server).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["dialect"], &report["transport"]), (&"classroom".into(), &"udp".into()));
    assert_eq!((&report["frames_complete"], &report["frames_incomplete"]), (&26.into(), &0.into()));
    assert!(report["duration_s"].as_f64().unwrap() < 2.0, "the silence at the end counts as playing");
}
