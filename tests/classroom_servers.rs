//! Reelay's client plays classroom servers of every kind and reports their errors.

mod common;

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::classroom_server::{
    ClassroomServer, ClassroomServerOptions, Packetization, PortReading, RESPOND_OK, Reaction,
};
use common::jpegs::{JpegKind, test_jpeg};
use reelay::impairment::{Emulator, EmulatorSettings, Impairments, LossModel, RawPacket};
use reelay::proto::rtcp::{self, Epoch, NtpTime, RtcpPacket};
use reelay::proto::rtp::Header;
use reelay::proto::rtsp::{PortPair, RtspUrl};
use reelay::session::{
    ClassroomClient, ClassroomUrl, Client as _, ClientInput, ClientOptions, ClientOutput, EmulatorOptions,
    Frame, FrameSinks, Goal, NetworkPath, PortSpelling, ReconnectReason, RtcpIdentity, RtspState, Session,
    SessionCommand, SessionEvent, SessionOptions, StreamOptions,
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
        let stream = StreamOptions { response_timeout, ..StreamOptions::default() };
        let options = SessionOptions { stream, emulator, ..SessionOptions::default() };
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
    let packets = if let Packetization::ByPacket | Packetization::LastFlagHeader = packetization {
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
        assert_plays_packetization(Packetization::Framed, lf.clone(), bare),
        assert_plays_packetization(Packetization::FragmentHeader, lf.clone(), lf.clone()),
        assert_plays_packetization(Packetization::LastFlagHeader, lf.clone(), lf),
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
        stream: StreamOptions::default(),
        playout_delay: Duration::from_secs(6).into(),
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

/// A client on virtual time with a server that is a function of the test.
struct VirtualClient {
    client: ClassroomClient,
    now: Instant,
}

impl VirtualClient {
    /// Plays a film whose server responds to SETUP with these further lines.
    fn playing(setup_lines: &str) -> Self {
        let now = Instant::now();
        let options = ClientOptions {
            stream: StreamOptions::default(),
            playout_delay: Duration::from_millis(50).into(),
            rtcp_identity: RtcpIdentity { ssrc: 7, cname: "player".to_owned() },
            emulator: EmulatorOptions::default(),
            epoch: Epoch { instant: now, ntp: NtpTime(1 << 40) },
        };
        let mut client = ClassroomClient::new(film_url(8554), options);
        client.handle_input(now, ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        client.handle_input(now, ClientInput::Connected(NetworkPath::default()));
        client.handle_input(now, ClientInput::Ports(Ok(PortPair { rtp: 25_000, rtcp: 25_001 })));
        for (cseq, lines) in [(1, setup_lines), (2, "")] {
            let response = format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\n{lines}\n\n");
            client.handle_input(now, ClientInput::Received(response.into()));
        }
        assert_eq!(client.status().state, RtspState::Playing);
        Self { client, now }
    }

    /// Receives a frame in one packet.
    fn receive_frame(&mut self, number: u16, jpeg: &[u8]) {
        let header = Header { marker: true, payload_type: 26, sequence: number, timestamp: 0, ssrc: 0 };
        let datagram = [&header.encode(false)[..], jpeg].concat();
        self.client.handle_input(self.now, ClientInput::Packet(RawPacket::rtp(datagram)));
    }

    fn outputs(&mut self) -> Vec<ClientOutput> {
        std::iter::from_fn(|| self.client.poll_output()).collect()
    }

    /// Advances the time to the next deadline of the client; returns its outputs.
    fn step(&mut self) -> Vec<ClientOutput> {
        if let Some(deadline) = self.client.poll_timeout() {
            self.now = self.now.max(deadline);
        }
        self.client.handle_timeout(self.now);
        self.outputs()
    }
}

#[test]
fn film_of_stated_length_has_an_end_at_once_and_ends_with_its_last_frame() {
    for (lines, end, ends_at_once) in [
        ("Frames: 4", 200_000, true),
        ("FrameNbr: 4", 200_000, true),
        ("Total: 4", 200_000, true),
        ("Total frames: 4", 200_000, true),
        ("Total-Frames: 4", 200_000, true),
        ("X-TotalFrames: 4", 200_000, true),
        ("Total frames: 4\nTotal time: 0.4", 400_000, true),
        // The time alone does not say which frame is the last.
        ("TotalTime: 25.5", 25_500_000, false),
        ("Total time: 25.5", 25_500_000, false),
    ] {
        let mut client = VirtualClient::playing(lines);
        let ends: Vec<_> = client
            .outputs()
            .into_iter()
            .filter_map(|output| match output {
                ClientOutput::Event(SessionEvent::Described(presentation)) => {
                    Some(presentation.range?.end?.as_micros())
                }
                _ => None,
            })
            .collect();
        assert!(ends.contains(&end), "{lines}: {ends:?}");
        for (number, jpeg) in (1..).zip(every_kind_of_jpeg().iter().take(4)) {
            client.receive_frame(number, jpeg);
        }
        let last_frame = client.now;
        let mut steps = 0;
        while !client.step().contains(&ClientOutput::Event(SessionEvent::Ended)) {
            steps += 1;
            assert!(steps < 1_000, "{lines}: no end");
        }
        assert_eq!(client.now - last_frame < Duration::from_secs(1), ends_at_once, "{lines}");
    }
}

/// The server blocks after each frame until a datagram arrives on its UDP port 19001.
#[test]
fn server_that_waits_for_reports_after_each_frame_is_played() {
    let source = every_kind_of_jpeg();
    let mut client = VirtualClient::playing("");
    client.receive_frame(1, &source[0]);
    let (mut sent, mut received, mut report_times) = (1, 0, Vec::new());
    let mut is_addressed = false;
    for _ in 0..10_000 {
        let (mut has_ended, mut reports) = (false, 0);
        for output in client.step() {
            match output {
                ClientOutput::Frame(frame) => {
                    assert!(frame.jpeg == source[received][..], "frame {received}");
                    received += 1;
                }
                ClientOutput::SetTransport(transport) => {
                    is_addressed = transport.server_port.is_some_and(|ports| ports.rtcp == 19_001);
                }
                ClientOutput::SendPacket(packet) => {
                    let packets = rtcp::parse(&packet.bytes).unwrap();
                    let [RtcpPacket::ReceiverReport { ssrc: 7, blocks }, _] = &packets[..] else {
                        panic!("{packets:?}")
                    };
                    assert_eq!((blocks.len(), blocks[0].cumulative_lost), (1, 0));
                    assert_eq!(blocks[0].highest_sequence & 0xFFFF, sent as u32);
                    reports += 1;
                }
                ClientOutput::Event(SessionEvent::Failed(error)) => panic!("{error}"),
                ClientOutput::Event(SessionEvent::Ended) => has_ended = true,
                _ => {}
            }
        }
        if reports > 0 {
            assert!(is_addressed, "the reports have no address");
            report_times.push(client.now);
            if let Some(jpeg) = source.get(sent) {
                sent += 1;
                client.receive_frame(sent as u16, jpeg);
            }
        }
        if has_ended {
            break;
        }
    }
    assert_eq!((sent, received), (source.len(), source.len()));
    assert!(report_times.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(100)));
}

#[test]
fn servers_that_send_frames_by_themselves_receive_no_reports() {
    let mut client = VirtualClient::playing("");
    let source = every_kind_of_jpeg();
    for (number, jpeg) in (1..).zip(&source) {
        client.now += Duration::from_millis(50);
        client.receive_frame(number, jpeg);
    }
    loop {
        let outputs = client.step();
        let is_report = |output: &ClientOutput| matches!(output, ClientOutput::SendPacket(_));
        assert!(!outputs.iter().any(is_report));
        if outputs.contains(&ClientOutput::Event(SessionEvent::Ended)) {
            break;
        }
    }
}

#[test]
fn one_frame_and_silence_is_not_the_end_of_the_film() {
    let mut client = VirtualClient::playing("");
    client.receive_frame(1, &every_kind_of_jpeg()[0]);
    let (start, mut failure) = (client.now, None);
    while failure.is_none() {
        for output in client.step() {
            match output {
                ClientOutput::Event(SessionEvent::Failed(error)) => failure = Some(error.to_string()),
                ClientOutput::Event(SessionEvent::Ended) => panic!("the film is over"),
                _ => {}
            }
        }
        assert!(client.now - start < Duration::from_secs(20), "no failure");
    }
    let message = failure.unwrap();
    assert!(message.contains("fell silent after the first frame of \"movie.Mjpeg\""), "{message}");
    assert!(message.contains("port 19001"), "{message}");
}

/// Datagrams that are no frames, too few to judge their form.
#[test]
fn silence_after_a_few_unusable_datagrams_is_not_the_end_of_the_film() {
    let mut client = VirtualClient::playing("");
    for number in 1..=3 {
        client.receive_frame(number, b"no JPEG");
    }
    let mut outputs = client.outputs();
    while client.client.poll_timeout().is_some() {
        outputs.extend(client.step());
    }
    assert!(!outputs.contains(&ClientOutput::Event(SessionEvent::Ended)));
    let is_failure = |output: &ClientOutput| matches!(output, ClientOutput::Event(SessionEvent::Failed(_)));
    assert_eq!(outputs.iter().filter(|output| is_failure(output)).count(), 1);
}

/// Plays a server that reads the port in this way; returns the third lines of its SETUP requests, and the session.
async fn play_with_port_reading(
    port_reading: PortReading,
    unreadable_port: Reaction,
) -> (Vec<String>, TestSession, Vec<SessionEvent>) {
    let source = every_kind_of_jpeg();
    let mut server = ClassroomServer::start(ClassroomServerOptions {
        port_reading,
        unreadable_port,
        setup: Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26"),
        ..ClassroomServerOptions::new(source.clone(), Packetization::WholeFrame)
    })
    .await;
    let mut client = TestSession::start(&server);
    client.session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let mut events = Vec::new();
    loop {
        match client.wait_until("an event", |_, event| event.is_some()).await.unwrap() {
            SessionEvent::Failed(error) => panic!("{error}"),
            SessionEvent::Closed => panic!("the session is closed instead of set up again"),
            SessionEvent::Ended => break,
            event => events.push(event),
        }
    }
    assert_same_frames(&client.received, &source);
    let mut transports = Vec::new();
    while let Ok(request) = server.requests.try_recv() {
        if request.starts_with("SETUP") {
            let line = request.lines().nth(2).unwrap();
            transports.push(line.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
        }
    }
    (transports, client, events)
}

const SPACED: &str = "Transport: RTP/UDP; client_port= ";
const JOINED: &str = "Transport: RTP/UDP; client_port=";
const BARE: &str = "Transport: RTP/UDP ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_is_spelled_in_another_way_for_servers_that_do_not_understand_it() {
    let error = Reaction::Respond("RTSP/1.0 500 CON ERR\nCSeq: {cseq}\nSession: 0");
    let (any, closed, refused, silent) = tokio::join!(
        play_with_port_reading(PortReading::Anywhere, Reaction::Close),
        play_with_port_reading(PortReading::ThirdWordAfterEquals, Reaction::Close),
        play_with_port_reading(PortReading::ThirdWord, error),
        play_with_port_reading(PortReading::ThirdWordAfterEquals, RESPOND_OK),
    );
    for ((transports, _client, events), expected, spelling) in [
        (any, &[SPACED][..], None),
        (closed, &[SPACED, JOINED], Some(PortSpelling::Joined)),
        (refused, &[SPACED, JOINED, BARE], Some(PortSpelling::Bare)),
        (silent, &[SPACED, JOINED], Some(PortSpelling::Joined)),
    ] {
        assert_eq!(transports, expected);
        let found: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                SessionEvent::PortSpelling(spelling) => Some(*spelling),
                _ => None,
            })
            .collect();
        assert_eq!(found, spelling.into_iter().collect::<Vec<_>>());
        let is_respelled = |event: &&SessionEvent| {
            matches!(event, SessionEvent::Reconnecting(ReconnectReason::PortRespelled { .. }))
        };
        assert_eq!(events.iter().filter(is_respelled).count(), expected.len() - 1);
        let mistakes: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                SessionEvent::PeerMistake(mistake) => Some(mistake.sentence()),
                _ => None,
            })
            .collect();
        assert_eq!(mistakes.is_empty(), spelling.is_none(), "{mistakes:?}");
        assert!(mistakes.iter().all(|sentence| sentence.contains("port")), "{mistakes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_port_spelling_is_tried_once_and_the_first_error_is_reported() {
    let mut server = ClassroomServer::start(ClassroomServerOptions {
        port_reading: PortReading::Never,
        ..ClassroomServerOptions::new(every_kind_of_jpeg(), Packetization::WholeFrame)
    })
    .await;
    let message = TestSession::start(&server).play_until_failure().await;
    assert!(message.contains("closed the connection during SETUP"), "{message}");
    let mut requests = Vec::new();
    while let Ok(request) = server.requests.try_recv() {
        requests.push(request);
    }
    assert_eq!(requests.len(), 3, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_that_are_no_frames_are_described_instead_of_blaming_the_firewall() {
    let source = every_kind_of_jpeg();
    let datagrams: usize = source.iter().map(|jpeg| jpeg.len().div_ceil(1_000)).sum();
    let options = ClassroomServerOptions::new(source, Packetization::Unknown);
    let message = failure_message(options, Duration::from_secs(5)).await;
    assert!(message.contains(&format!("sent {datagrams} datagrams of ")), "{message}");
    assert!(message.contains("to 1032 bytes (the first begins with 80 1A 00 01 6B 03 11 D0"), "{message}");
    assert!(message.contains("\"movie.Mjpeg\"") && !message.contains("firewall"), "{message}");
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
    let stream = StreamOptions { response_timeout: Duration::from_millis(200), ..StreamOptions::default() };
    let options = SessionOptions { stream, ..SessionOptions::default() };
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
async fn probe_fails_after_one_frame_and_silence() {
    let source = every_kind_of_jpeg()[..1].to_vec();
    let server = ClassroomServer::start(ClassroomServerOptions::new(source, Packetization::WholeFrame)).await;
    let output = probe(&server).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("fell silent after the first frame"), "{errors}");
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
