//! Classroom servers of every kind, played by the player; and everything that goes wrong with them.

mod common;

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::classroom::{Cut, Habit, Manner, Peer};
use common::jpegs::{Kind, picture};
use reelay::impairment::Datagram;
use reelay::impairment::{Conditions, Impairments, Loss, Network};
use reelay::proto::rtcp::{Epoch, NtpTime};
use reelay::proto::rtp::Header;
use reelay::proto::rtsp::{PortPair, RtspUrl};
use reelay::session::{
    ClassroomPlayer, ClassroomUrl, Client as _, Command as SessionCommand, Emulation, Event, Frame,
    FrameOutlets, Goal, Input, MachineOptions, Output as SessionOutput, Path, PlayerOptions, Reporter,
    RtspState, Session, SessionOptions,
};
use reelay::stats::Snapshot;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Nothing on loopback takes this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every kind of picture, each of several packets; some have a thumbnail, or no Huffman tables.
fn pictures() -> Vec<Vec<u8>> {
    (0..26)
        .map(|number| picture(Kind::ALL[number as usize % Kind::ALL.len()], (160, 120), number, 60))
        .collect()
}

/// A session and what comes out of it.
struct Playing {
    session: Session,
    frames: mpsc::Receiver<Frame>,
    events: mpsc::Receiver<Event>,
    arrived: Vec<Frame>,
}

fn film_url(port: u16) -> ClassroomUrl {
    ClassroomUrl::new("127.0.0.1", port, "movie.Mjpeg").unwrap()
}

impl Playing {
    fn of(peer: &Peer) -> Self {
        Self::with(peer, Duration::from_secs(5))
    }

    fn with(peer: &Peer, patience: Duration) -> Self {
        Self::over(peer, patience, Emulation::default())
    }

    fn over(peer: &Peer, patience: Duration, emulation: Emulation) -> Self {
        let url = film_url(peer.address.port());
        let (frame_sender, frames) = mpsc::channel(256);
        let (event_sender, events) = mpsc::channel(256);
        let machine = MachineOptions { patience, ..MachineOptions::default() };
        let options = SessionOptions { machine, emulation, ..SessionOptions::default() };
        let session = Session::start(url, options, FrameOutlets::tap(frame_sender), event_sender);
        Self { session, frames, events, arrived: Vec::new() }
    }

    /// Takes what comes until something happens.
    async fn until(&mut self, what: &str, happens: impl Fn(&Self, Option<&Event>) -> bool) -> Option<Event> {
        let found = async {
            loop {
                let event = tokio::select! {
                    biased;
                    Some(frame) = self.frames.recv() => {
                        self.arrived.push(frame);
                        None
                    }
                    event = self.events.recv() => Some(event.expect("the session goes on")),
                };
                if happens(self, event.as_ref()) {
                    return event;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never: {what}"))
    }

    async fn play_to_the_end(&mut self) -> Snapshot {
        self.session.command(SessionCommand::SetGoal(Goal::Playing));
        self.until("the end", |_, event| match event {
            Some(Event::Failed(failure)) => panic!("{failure}"),
            event => event == Some(&Event::Ended),
        })
        .await;
        self.session.figures().borrow().snapshot
    }

    async fn reach(&mut self, state: RtspState) {
        self.until("the state", |_, event| {
            matches!(event, Some(Event::Status(status)) if status.state == state && !status.is_busy)
        })
        .await;
    }

    /// Plays until it fails; the sentence.
    async fn fail(mut self) -> String {
        self.session.command(SessionCommand::SetGoal(Goal::Playing));
        let is_failure = |_: &Self, event: Option<&Event>| matches!(event, Some(Event::Failed(_)));
        let Some(Event::Failed(failure)) = self.until("a failure", is_failure).await else { unreachable!() };
        failure.to_string()
    }
}

#[track_caller]
fn assert_same(arrived: &[Frame], source: &[Vec<u8>]) {
    assert_eq!(arrived.len(), source.len());
    for (number, (frame, jpeg)) in arrived.iter().zip(source).enumerate() {
        assert!(frame.jpeg == jpeg[..], "frame {number} differs");
    }
}

async fn play_cut(cut: Cut, setup: Habit, play: Habit) {
    let source = pictures();
    let peer = Peer::start(Manner { setup, play, ..Manner::new(source.clone(), cut) }).await;
    let mut playing = Playing::of(&peer);
    let snapshot = playing.play_to_the_end().await;
    assert_same(&playing.arrived, &source);
    let counted = if cut == Cut::ByPacket {
        source.iter().map(|jpeg| jpeg.len().div_ceil(1_300) as u64).sum()
    } else {
        source.len() as u64
    };
    assert_eq!((snapshot.packets_expected, snapshot.packets_received), (counted, counted), "{cut:?}");
    assert_eq!((snapshot.packets_lost, snapshot.packets_duplicated), (0, 0), "{cut:?}");
    assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (26, 0), "{cut:?}");
}

/// Each with replies in another style. All at once, because the end of each is told by seconds of silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_cutting_pictures_arrives_bit_for_bit() {
    let answer = Habit::Answer;
    let lf = answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 123456");
    let crlf = answer("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 123456\r\n\r\n");
    let doubled = answer("RTSP/1.0 200 OK\nCSeq: CSeq: {cseq}\r\nSession: 123456");
    let bare = answer("RTSP/1.0 200 OK\nCSeq: {cseq}\n");
    let uuid = answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 6fa459ea-ee8a-3ca4-894e-db77e160355e");
    tokio::join!(
        play_cut(Cut::Classic, lf.clone(), lf.clone()),
        play_cut(Cut::ClassicVersion0, doubled.clone(), doubled),
        play_cut(Cut::ByFrame, crlf.clone(), crlf),
        play_cut(Cut::ByPacket, bare.clone(), lf.clone()),
        play_cut(Cut::Framed, lf, bare),
        play_cut(Cut::Sliced, uuid.clone(), uuid),
    );
}

/// Slices carry no source by which the network could tell whose they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_network_is_told_from_what_it_does() {
    let lossy = |ratio| {
        let impairments = Impairments { loss: Loss { ratio, mean_burst: None }, ..Impairments::default() };
        let network = Network::new(Conditions { is_on: true, seed: 3, impairments });
        Emulation { network, ..Emulation::default() }
    };
    let play = async |cut| {
        let peer = Peer::start(Manner::new(pictures(), cut)).await;
        let patience = Duration::from_secs(5);
        let mut playing = Playing::over(&peer, patience, lossy(0.2));
        let snapshot = playing.play_to_the_end().await;
        (playing.arrived.len() as u64, snapshot.emulated.unwrap(), snapshot)
    };
    let ((whole, emulated, snapshot), (_, slices, _)) = tokio::join!(play(Cut::Classic), play(Cut::Sliced));
    assert!(emulated.lost_random > 0, "{emulated:?}");
    assert_eq!((emulated.delivered, snapshot.packets_received), (whole, whole));
    assert!(slices.offered > 26 && slices.lost_random > 0, "{slices:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_length_ends_the_film_at_once_and_play_begins_anew() {
    let source = pictures();
    let length = Habit::Answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26\nTotalTime: 1.3");
    let mut peer = Peer::start(Manner { setup: length, ..Manner::new(source.clone(), Cut::Classic) }).await;
    let mut playing = Playing::of(&peer);
    for _ in 0..2 {
        let mut is_waiting = false;
        playing.session.command(SessionCommand::SetGoal(Goal::Playing));
        loop {
            match playing.until("an event", |_, event| event.is_some()).await {
                Some(Event::Described(presentation)) => {
                    let end = presentation.range.and_then(|range| range.end).unwrap();
                    assert_eq!((end.as_micros(), presentation.is_live()), (1_300_000, true));
                }
                Some(Event::Waiting(waiting)) => is_waiting |= waiting,
                Some(Event::Ended) => break,
                _ => {}
            }
        }
        assert!(!is_waiting, "no silence was needed");
        assert_same(&std::mem::take(&mut playing.arrived), &source);
    }
    playing.session.finish(PATIENCE).await;
    for method in ["SETUP", "PLAY", "TEARDOWN", "SETUP", "PLAY", "TEARDOWN"] {
        assert_eq!(peer.method().await, method);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_pause_pictures_come_from_another_port() {
    let source: Vec<_> = (0..200).map(|number| picture(Kind::Classroom444, (96, 64), number, 0)).collect();
    let mut peer = Peer::start(Manner::new(source.clone(), Cut::Classic)).await;
    let mut playing = Playing::of(&peer);
    playing.session.command(SessionCommand::SetGoal(Goal::Playing));
    playing.until("ten pictures", |playing, _| playing.arrived.len() >= 10).await;
    playing.session.command(SessionCommand::SetGoal(Goal::Ready));
    playing.reach(RtspState::Ready).await;
    playing.play_to_the_end().await;
    assert_same(&playing.arrived, &source);
    let (first, second) = (peer.ports.recv().await.unwrap(), peer.ports.recv().await.unwrap());
    assert_ne!(first, second);
}

/// The server looks, before each of its answers, whether anything has come meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_never_on_their_way_together() {
    let leave = Arc::new(Semaphore::new(0));
    let manner = Manner { leave: Some(leave.clone()), ..Manner::new(pictures(), Cut::Classic) };
    let mut peer = Peer::start(manner).await;
    let mut playing = Playing::of(&peer);
    playing.session.command(SessionCommand::SetGoal(Goal::Playing));
    assert_eq!(peer.method().await, "SETUP");
    leave.add_permits(1);
    assert_eq!(peer.method().await, "PLAY");
    for goal in [Goal::Ready, Goal::Playing, Goal::Stopped, Goal::Ready] {
        playing.session.command(SessionCommand::SetGoal(goal));
    }
    playing
        .until(
            "all clicks are taken note of",
            |_, event| matches!(event, Some(Event::Status(status)) if status.wishes == 5),
        )
        .await;
    leave.add_permits(1);
    assert_eq!(peer.method().await, "PAUSE");
    playing.session.command(SessionCommand::SetGoal(Goal::Stopped));
    leave.add_permits(1);
    assert_eq!(peer.method().await, "TEARDOWN");
    leave.add_permits(1);
    playing.until("it is closed", |_, event| event == Some(&Event::Closed)).await;
}

/// Some servers end with the film.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_behind_the_last_frame_has_played_the_film() {
    let length = Habit::Answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\nTotalFrames: 26");
    let plays = (0..10).map(|_| {
        let manner = Manner { closes_after: Some(26), ..Manner::new(pictures(), Cut::Classic) };
        let manner = Manner { setup: length.clone(), ..manner };
        tokio::spawn(async move {
            let peer = Peer::start(manner).await;
            let mut playing = Playing::of(&peer);
            playing.play_to_the_end().await;
            assert_same(&playing.arrived, &pictures());
        })
    });
    for play in plays.collect::<Vec<_>>() {
        play.await.unwrap();
    }
}

/// The end of such a film is told by three seconds of silence, and by its last picture.
#[test]
fn the_end_waits_for_pictures_that_wait_longer_than_the_silence() {
    let begin = Instant::now();
    let options = PlayerOptions {
        machine: MachineOptions::default(),
        playout_delay: Duration::from_secs(6),
        reporter: Reporter { ssrc: 1, cname: "player".to_owned() },
        emulation: Emulation::default(),
        epoch: Epoch { instant: begin, ntp: NtpTime(1 << 40) },
    };
    let mut player = ClassroomPlayer::new(film_url(8554), options);
    player.handle_input(begin, Input::Command(SessionCommand::SetGoal(Goal::Playing)));
    player.handle_input(begin, Input::Connected(Path::default()));
    player.handle_input(begin, Input::Ports(Ok(PortPair { rtp: 25_000, rtcp: 25_001 })));
    for cseq in 1..=2 {
        let reply = format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 5\n\n");
        player.handle_input(begin, Input::Received(reply.into()));
    }
    assert_eq!(player.status().state, RtspState::Playing);
    for (sequence, jpeg) in (1..).zip(pictures().iter().take(10)) {
        let header = Header { marker: false, payload_type: 26, sequence, timestamp: 0, ssrc: 0 };
        let datagram = [&header.octets(false)[..], jpeg].concat();
        player.handle_input(
            begin + Duration::from_millis(50) * u32::from(sequence),
            Input::Datagram(Datagram::rtp(datagram)),
        );
    }
    let (mut now, mut shown, mut steps) = (begin, 0, 0);
    let mut is_over = false;
    while !is_over {
        while let Some(output) = player.poll_output() {
            shown += u32::from(matches!(output, SessionOutput::Show { .. }));
            is_over |= output == SessionOutput::Event(Event::Ended);
        }
        now = player.poll_timeout().filter(|_| !is_over).map_or(now, |deadline| deadline.max(now));
        player.handle_timeout(now);
        steps += 1;
        assert!(steps < 1_000, "the player turns without getting on");
    }
    assert_eq!(shown, 10);
}

async fn sentence(manner: Manner, patience: Duration) -> String {
    let peer = Peer::start(manner).await;
    Playing::with(&peer, patience).fail().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_said_in_a_sentence() {
    let manner = || Manner::new(pictures(), Cut::Classic);
    let soon = Duration::from_millis(500);
    let missing = Habit::Answer("RTSP/1.0 404 NOT FOUND\nCSeq: {cseq}\nSession: 0");
    let (not_found, mute, ignored, closed, closed_at_play, silent, cut_off) = tokio::join!(
        sentence(Manner { setup: missing, ..manner() }, soon),
        sentence(Manner { setup: Habit::Ignore, ..manner() }, soon),
        sentence(Manner { play: Habit::Ignore, ..manner() }, soon),
        sentence(Manner { setup: Habit::Close, ..manner() }, soon),
        sentence(Manner { play: Habit::Close, ..manner() }, soon),
        sentence(Manner { sends_nothing: true, ..manner() }, soon),
        sentence(Manner { closes_after: Some(7), ..manner() }, soon),
    );
    for (sentence, part) in [
        (not_found, "has no file \"movie.Mjpeg\""),
        (mute, "did not answer SETUP"),
        (ignored, "did not answer PLAY"),
        (closed, "closed the connection at SETUP"),
        (closed_at_play, "closed the connection at PLAY"),
        (silent, "agreed to play and sent no picture"),
        (cut_off, "closed the connection after frame "),
    ] {
        assert!(sentence.contains(part), "{sentence}");
        assert!(sentence.ends_with('.') && sentence.contains("movie.Mjpeg"), "{sentence}");
    }
}

/// It must not be asked for OPTIONS, and whoever does so by mistake is told what to try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_silent_in_the_standard_dialect_may_be_one_of_the_classroom() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/movie.Mjpeg", listener.local_addr().unwrap());
    let url = RtspUrl::parse(&url).unwrap();
    let (events, mut from_session) = mpsc::channel(16);
    let (frames, _) = mpsc::channel(1);
    let machine = MachineOptions { patience: Duration::from_millis(200), ..MachineOptions::default() };
    let options = SessionOptions { machine, ..SessionOptions::default() };
    let session = Session::start(url, options, FrameOutlets::tap(frames), events);
    session.command(SessionCommand::SetGoal(Goal::Playing));
    let failed = async {
        loop {
            if let Event::Failed(failure) = from_session.recv().await.unwrap() {
                return failure.to_string();
            }
        }
    };
    let sentence = timeout(PATIENCE, failed).await.unwrap();
    assert!(sentence.contains("say that it is a classroom server"), "{sentence}");
}

async fn probe(peer: &Peer) -> Output {
    let target = format!("{}/movie.Mjpeg", peer.address);
    let probing = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_reelay")).args(["probe", "--json", "--classroom", &target]).output()
    });
    timeout(PATIENCE, probing).await.expect("probe ends").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_says_why_there_is_nothing_to_play() {
    let missing = Habit::Answer("RTSP/1.0 404 NOT FOUND\nCSeq: {cseq}\nSession: 0");
    let peer = Peer::start(Manner { setup: missing, ..Manner::new(pictures(), Cut::Classic) }).await;
    let output = probe(&peer).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("has no file \"movie.Mjpeg\""), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_plays_a_classroom_server() {
    let peer = Peer::start(Manner::new(pictures(), Cut::ByPacket)).await;
    let output = probe(&peer).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["dialect"], &report["transport"]), (&"classroom".into(), &"udp".into()));
    assert_eq!((&report["frames_complete"], &report["frames_incomplete"]), (&26.into(), &0.into()));
    assert!(report["duration_s"].as_f64().unwrap() < 2.0, "the silence at the end is not counted");
}
