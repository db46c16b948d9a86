//! Classroom servers of every kind, played by the player; and everything that goes wrong with them.

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
    ClassroomClient, ClassroomUrl, Client as _, ClientInput, ClientOptions, ClientOutput as SessionOutput,
    EmulatorOptions, Frame, FrameSinks, Goal, NetworkPath, RtcpIdentity, RtspOptions, RtspState, Session,
    SessionCommand, SessionEvent, SessionOptions,
};
use reelay::stats::Snapshot;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Nothing on loopback takes this long; a test that waits so long has failed.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Every kind of picture, each of several packets; some have a thumbnail, or no Huffman tables.
fn every_kind_of_jpeg() -> Vec<Vec<u8>> {
    (0..26)
        .map(|number| test_jpeg(JpegKind::ALL[number as usize % JpegKind::ALL.len()], (160, 120), number, 60))
        .collect()
}

/// A session and what comes out of it.
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
    fn start(peer: &ClassroomServer) -> Self {
        Self::with_dialect(peer, Duration::from_secs(5))
    }

    fn with_dialect(peer: &ClassroomServer, response_timeout: Duration) -> Self {
        Self::with_emulation(peer, response_timeout, EmulatorOptions::default())
    }

    fn with_emulation(
        peer: &ClassroomServer,
        response_timeout: Duration,
        emulation: EmulatorOptions,
    ) -> Self {
        let url = film_url(peer.address.port());
        let (frame_sender, frames) = mpsc::channel(256);
        let (event_sender, events) = mpsc::channel(256);
        let rtsp = RtspOptions { response_timeout, ..RtspOptions::default() };
        let options = SessionOptions { rtsp, emulator: emulation, ..SessionOptions::default() };
        let session = Session::start(url, options, FrameSinks::tap_only(frame_sender), event_sender);
        Self { session, frames, events, received: Vec::new() }
    }

    /// Takes what comes until something happens.
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
                    event = self.events.recv() => Some(event.expect("the session goes on")),
                };
                if condition(self, event.as_ref()) {
                    return event;
                }
            }
        };
        timeout(TEST_TIMEOUT, found).await.unwrap_or_else(|_| panic!("never: {description}"))
    }

    async fn play_to_end(&mut self) -> Snapshot {
        self.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        self.wait_until("the end", |_, event| match event {
            Some(SessionEvent::Failed(failure)) => panic!("{failure}"),
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

    /// Plays until it fails; the sentence.
    async fn play_until_failure(mut self) -> String {
        self.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        let is_failure =
            |_: &Self, event: Option<&SessionEvent>| matches!(event, Some(SessionEvent::Failed(_)));
        let Some(SessionEvent::Failed(failure)) = self.wait_until("a failure", is_failure).await else {
            unreachable!()
        };
        failure.to_string()
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
    let peer = ClassroomServer::start(ClassroomServerOptions {
        setup,
        play,
        ..ClassroomServerOptions::new(source.clone(), packetization)
    })
    .await;
    let mut playing = TestSession::start(&peer);
    let snapshot = playing.play_to_end().await;
    assert_same_frames(&playing.received, &source);
    let counted = if packetization == Packetization::ByPacket {
        source.iter().map(|jpeg| jpeg.len().div_ceil(1_300) as u64).sum()
    } else {
        source.len() as u64
    };
    assert_eq!(
        (snapshot.packets_expected, snapshot.packets_received),
        (counted, counted),
        "{packetization:?}"
    );
    assert_eq!((snapshot.packets_lost, snapshot.packets_duplicated), (0, 0), "{packetization:?}");
    assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (26, 0), "{packetization:?}");
}

/// Each with replies in another style. All at once, because the end of each is told by seconds of silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_packetization_is_received_bit_exact() {
    let answer = Reaction::Respond;
    let lf = answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 123456");
    let crlf = answer("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 123456\r\n\r\n");
    let doubled = answer("RTSP/1.0 200 OK\nCSeq: CSeq: {cseq}\r\nSession: 123456");
    let bare = answer("RTSP/1.0 200 OK\nCSeq: {cseq}\n");
    let uuid = answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 6fa459ea-ee8a-3ca4-894e-db77e160355e");
    tokio::join!(
        assert_plays_packetization(Packetization::WholeFrame, lf.clone(), lf.clone()),
        assert_plays_packetization(Packetization::WholeFrameVersion0, doubled.clone(), doubled),
        assert_plays_packetization(Packetization::ByFrame, crlf.clone(), crlf),
        assert_plays_packetization(Packetization::ByPacket, bare.clone(), lf.clone()),
        assert_plays_packetization(Packetization::Framed, lf, bare),
        assert_plays_packetization(Packetization::Sliced, uuid.clone(), uuid),
    );
}

/// Slices carry no source by which the network could tell whose they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emulator_counts_match_received_packets() {
    let lossy = |ratio| {
        let impairments =
            Impairments { loss: LossModel { ratio, mean_burst: None }, ..Impairments::default() };
        let emulator = Emulator::new(EmulatorSettings { is_on: true, seed: 3, impairments });
        EmulatorOptions { emulator, ..EmulatorOptions::default() }
    };
    let play = async |cut| {
        let peer = ClassroomServer::start(ClassroomServerOptions::new(every_kind_of_jpeg(), cut)).await;
        let patience = Duration::from_secs(5);
        let mut playing = TestSession::with_emulation(&peer, patience, lossy(0.2));
        let snapshot = playing.play_to_end().await;
        (playing.received.len() as u64, snapshot.emulated.unwrap(), snapshot)
    };
    let ((whole, emulated, snapshot), (_, slices, _)) =
        tokio::join!(play(Packetization::WholeFrame), play(Packetization::Sliced));
    assert!(emulated.lost_random > 0, "{emulated:?}");
    assert_eq!((emulated.delivered, snapshot.packets_received), (whole, whole));
    assert!(slices.offered > 26 && slices.lost_random > 0, "{slices:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_length_ends_at_once_and_replay_sets_up_again() {
    let source = every_kind_of_jpeg();
    let length =
        Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26\nTotalTime: 1.3");
    let mut peer = ClassroomServer::start(ClassroomServerOptions {
        setup: length,
        ..ClassroomServerOptions::new(source.clone(), Packetization::WholeFrame)
    })
    .await;
    let mut playing = TestSession::start(&peer);
    for _ in 0..2 {
        let mut is_waiting = false;
        playing.session.send_command(SessionCommand::SetGoal(Goal::Playing));
        loop {
            match playing.wait_until("an event", |_, event| event.is_some()).await {
                Some(SessionEvent::Described(presentation)) => {
                    let end = presentation.range.and_then(|range| range.end).unwrap();
                    assert_eq!((end.as_micros(), presentation.is_live()), (1_300_000, true));
                }
                Some(SessionEvent::Waiting(waiting)) => is_waiting |= waiting,
                Some(SessionEvent::Ended) => break,
                _ => {}
            }
        }
        assert!(!is_waiting, "no silence was needed");
        assert_same_frames(&std::mem::take(&mut playing.received), &source);
    }
    playing.session.finish(TEST_TIMEOUT).await;
    for method in ["SETUP", "PLAY", "TEARDOWN", "SETUP", "PLAY", "TEARDOWN"] {
        assert_eq!(peer.next_method().await, method);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resume_accepts_frames_from_another_port() {
    let source: Vec<_> =
        (0..200).map(|number| test_jpeg(JpegKind::Classroom444, (96, 64), number, 0)).collect();
    let mut peer =
        ClassroomServer::start(ClassroomServerOptions::new(source.clone(), Packetization::WholeFrame)).await;
    let mut playing = TestSession::start(&peer);
    playing.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    playing.wait_until("ten pictures", |playing, _| playing.received.len() >= 10).await;
    playing.session.send_command(SessionCommand::SetGoal(Goal::Ready));
    playing.wait_for_state(RtspState::Ready).await;
    playing.play_to_end().await;
    assert_same_frames(&playing.received, &source);
    let (first, second) = (peer.source_ports.recv().await.unwrap(), peer.source_ports.recv().await.unwrap());
    assert_ne!(first, second);
}

/// The server looks, before each of its answers, whether anything has come meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_is_in_flight_at_a_time() {
    let permits = Arc::new(Semaphore::new(0));
    let manner = ClassroomServerOptions {
        response_permits: Some(permits.clone()),
        ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
    };
    let mut peer = ClassroomServer::start(manner).await;
    let mut playing = TestSession::start(&peer);
    playing.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    assert_eq!(peer.next_method().await, "SETUP");
    permits.add_permits(1);
    assert_eq!(peer.next_method().await, "PLAY");
    for goal in [Goal::Ready, Goal::Playing, Goal::Stopped, Goal::Ready] {
        playing.session.send_command(SessionCommand::SetGoal(goal));
    }
    playing
        .wait_until(
            "all clicks are taken note of",
            |_, event| matches!(event, Some(SessionEvent::Status(status)) if status.goal_revision == 5),
        )
        .await;
    permits.add_permits(1);
    assert_eq!(peer.next_method().await, "PAUSE");
    playing.session.send_command(SessionCommand::SetGoal(Goal::Stopped));
    permits.add_permits(1);
    assert_eq!(peer.next_method().await, "TEARDOWN");
    permits.add_permits(1);
    playing.wait_until("it is closed", |_, event| event == Some(&SessionEvent::Closed)).await;
}

/// Some servers end with the film.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_after_last_frame_is_end_of_stream() {
    let length = Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26");
    let plays = (0..10).map(|_| {
        let manner = ClassroomServerOptions {
            close_after: Some(26),
            ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
        };
        let manner = ClassroomServerOptions { setup: length.clone(), ..manner };
        tokio::spawn(async move {
            let peer = ClassroomServer::start(manner).await;
            let mut playing = TestSession::start(&peer);
            playing.play_to_end().await;
            assert_same_frames(&playing.received, &every_kind_of_jpeg());
        })
    });
    for play in plays.collect::<Vec<_>>() {
        play.await.unwrap();
    }
}

/// The end of such a film is told by three seconds of silence, and by its last picture.
#[test]
fn end_waits_for_frames_buffered_beyond_silence_timeout() {
    let begin = Instant::now();
    let options = ClientOptions {
        rtsp: RtspOptions::default(),
        playout_delay: Duration::from_secs(6),
        rtcp_identity: RtcpIdentity { ssrc: 1, cname: "player".to_owned() },
        emulator: EmulatorOptions::default(),
        epoch: Epoch { instant: begin, ntp: NtpTime(1 << 40) },
    };
    let mut player = ClassroomClient::new(film_url(8554), options);
    player.handle_input(begin, ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    player.handle_input(begin, ClientInput::Connected(NetworkPath::default()));
    player.handle_input(begin, ClientInput::Ports(Ok(PortPair { rtp: 25_000, rtcp: 25_001 })));
    for cseq in 1..=2 {
        let reply = format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\n\n");
        player.handle_input(begin, ClientInput::Received(reply.into()));
    }
    assert_eq!(player.status().state, RtspState::Playing);
    for (sequence, jpeg) in (1..).zip(every_kind_of_jpeg().iter().take(10)) {
        let header = Header { marker: false, payload_type: 26, sequence, timestamp: 0, ssrc: 0 };
        let datagram = [&header.encode(false)[..], jpeg].concat();
        player.handle_input(
            begin + Duration::from_millis(50) * u32::from(sequence),
            ClientInput::Packet(RawPacket::rtp(datagram)),
        );
    }
    let (mut now, mut shown, mut steps) = (begin, 0, 0);
    let mut is_over = false;
    while !is_over {
        while let Some(output) = player.poll_output() {
            shown += u32::from(matches!(output, SessionOutput::Show { .. }));
            is_over |= output == SessionOutput::Event(SessionEvent::Ended);
        }
        now = player.poll_timeout().filter(|_| !is_over).map_or(now, |deadline| deadline.max(now));
        player.handle_timeout(now);
        steps += 1;
        assert!(steps < 1_000, "the player turns without getting on");
    }
    assert_eq!(shown, 10);
}

async fn failure_message(options: ClassroomServerOptions, response_timeout: Duration) -> String {
    let peer = ClassroomServer::start(options).await;
    TestSession::with_dialect(&peer, response_timeout).play_until_failure().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_faults_are_explained_with_file_name() {
    let manner = || ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame);
    let soon = Duration::from_millis(500);
    let missing = Reaction::Respond("RTSP/1.0 404 NOT FOUND\nCSeq: {cseq}\nSession: 0");
    let (not_found, mute, ignored, closed, closed_at_play, silent, cut_off) = tokio::join!(
        failure_message(ClassroomServerOptions { setup: missing, ..manner() }, soon),
        failure_message(ClassroomServerOptions { setup: Reaction::Ignore, ..manner() }, soon),
        failure_message(ClassroomServerOptions { play: Reaction::Ignore, ..manner() }, soon),
        failure_message(ClassroomServerOptions { setup: Reaction::Close, ..manner() }, soon),
        failure_message(ClassroomServerOptions { play: Reaction::Close, ..manner() }, soon),
        failure_message(ClassroomServerOptions { sends_no_frames: true, ..manner() }, soon),
        failure_message(ClassroomServerOptions { close_after: Some(7), ..manner() }, soon),
    );
    for (sentence, part) in [
        (not_found, "has no file \"movie.Mjpeg\""),
        (mute, "did not respond to SETUP"),
        (ignored, "did not respond to PLAY"),
        (closed, "closed the connection during SETUP"),
        (closed_at_play, "closed the connection during PLAY"),
        (silent, "accepted PLAY but sent no frames"),
        (cut_off, "closed the connection after frame "),
    ] {
        assert!(sentence.contains(part), "{sentence}");
        assert!(sentence.ends_with('.') && sentence.contains("movie.Mjpeg"), "{sentence}");
    }
}

/// It must not be asked for OPTIONS, and whoever does so by mistake is told what to try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_server_error_suggests_classroom_dialect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/movie.Mjpeg", listener.local_addr().unwrap());
    let url = RtspUrl::parse(&url).unwrap();
    let (events, mut from_session) = mpsc::channel(16);
    let (frames, _) = mpsc::channel(1);
    let rtsp = RtspOptions { response_timeout: Duration::from_millis(200), ..RtspOptions::default() };
    let options = SessionOptions { rtsp, ..SessionOptions::default() };
    let session = Session::start(url, options, FrameSinks::tap_only(frames), events);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let failed = async {
        loop {
            if let SessionEvent::Failed(failure) = from_session.recv().await.unwrap() {
                return failure.to_string();
            }
        }
    };
    let sentence = timeout(TEST_TIMEOUT, failed).await.unwrap();
    assert!(sentence.contains("say that it is a classroom server"), "{sentence}");
}

async fn probe(peer: &ClassroomServer) -> Output {
    let target = format!("{}/movie.Mjpeg", peer.address);
    let probing = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_reelay")).args(["probe", "--json", "--classroom", &target]).output()
    });
    timeout(TEST_TIMEOUT, probing).await.expect("probe ends").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_explains_missing_file() {
    let missing = Reaction::Respond("RTSP/1.0 404 NOT FOUND\nCSeq: {cseq}\nSession: 0");
    let peer = ClassroomServer::start(ClassroomServerOptions {
        setup: missing,
        ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
    })
    .await;
    let output = probe(&peer).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("has no file \"movie.Mjpeg\""), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_plays_a_classroom_server() {
    let peer =
        ClassroomServer::start(ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::ByPacket))
            .await;
    let output = probe(&peer).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["dialect"], &report["transport"]), (&"classroom".into(), &"udp".into()));
    assert_eq!((&report["frames_complete"], &report["frames_incomplete"]), (&26.into(), &0.into()));
    assert!(report["duration_s"].as_f64().unwrap() < 2.0, "the silence at the end is not counted");
}
