//! The server or the player is stopped and continued, as a laptop, a debugger or `kill -STOP` does it.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::proto::rtsp::RtspUrl;
use reelay::session::{
    Frame, FrameSinks, Goal, Session, SessionCommand, SessionEvent, SessionOptions, StreamOptions,
    TransportPreference,
};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longer than the time without data after which a session reports an error.
const STOPPED_FOR: Duration = Duration::from_secs(6);

const FRAME_RATE: u64 = 20;

/// Running program, which is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        let kill = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    async fn stop_for(&self, duration: Duration) {
        self.signal("-STOP");
        sleep(duration).await;
        self.signal("-CONT");
    }
}

/// Starts a server in a process of its own. Returns it with its film and URL.
fn serve() -> (Running, TestFile, String) {
    let jpegs = test_jpegs(JpegKind::Classroom444, (96, 64), 20);
    let film = test_file(FileLayout::Records(5), (0..2_000).map(|frame| jpegs[frame % 20].clone()).collect());
    let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--fps", &FRAME_RATE.to_string()]).arg(film.path());
    let mut server = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (server, film, url.trim().to_owned())
}

async fn wait_for_frames(frames: &mut mpsc::Receiver<Frame>, count: u64) {
    for _ in 0..count {
        timeout(TEST_TIMEOUT, frames.recv()).await.expect("no frame").expect("the session has ended");
    }
}

/// The server skips the frames of the time in which it was stopped: no packet is lost, and nothing is sent in a burst.
#[tokio::test]
async fn film_goes_on_after_the_server_was_stopped() {
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let (server, _film, url) = serve();
        let stream = StreamOptions { transport, reconnects: true, ..StreamOptions::default() };
        let options = SessionOptions { stream, ..SessionOptions::default() };
        let (frame_sender, mut frames) = mpsc::channel(1_024);
        let (event_sender, mut events) = mpsc::channel(1_024);
        let sinks = FrameSinks::tap_only(frame_sender);
        let session = Session::start(RtspUrl::parse(&url).unwrap(), options, sinks, event_sender);
        session.send_command(SessionCommand::SetGoal(Goal::Playing));
        wait_for_frames(&mut frames, FRAME_RATE).await;
        server.stop_for(STOPPED_FOR).await;
        while frames.try_recv().is_ok() {}
        wait_for_frames(&mut frames, 2 * FRAME_RATE).await;
        let mut figures = session.figures();
        let wanted = figures.wait_for(|figures| figures.snapshot.frames_complete >= 3 * FRAME_RATE);
        let snapshot = timeout(TEST_TIMEOUT, wanted).await.expect("no figures").unwrap().snapshot;
        assert_eq!(snapshot.packets_lost, 0, "{transport:?}: {snapshot:?}");
        assert!(snapshot.frames_complete < 5 * FRAME_RATE, "{transport:?}: {snapshot:?}");
        let mut waits = Vec::new();
        while let Ok(event) = events.try_recv() {
            match event {
                SessionEvent::Waiting(is_waiting) => waits.push(is_waiting),
                SessionEvent::Failed(error) => assert!(error.is_transient(), "{transport:?}: {error}"),
                SessionEvent::Reconnecting(reason) => panic!("{transport:?}: {reason}"),
                SessionEvent::Closed | SessionEvent::Ended => panic!("{transport:?}: {event:?}"),
                _ => {}
            }
        }
        assert_eq!(waits, [true, false], "{transport:?}");
    }
}

/// What arrived meanwhile is read first: the silence was that of the player itself.
#[tokio::test]
async fn probe_goes_on_after_it_was_stopped() {
    for transport in ["udp", "tcp"] {
        let (_server, _film, url) = serve();
        let folder = tempfile::tempdir().unwrap();
        let frame_count = (STOPPED_FOR.as_secs() + 4) * FRAME_RATE;
        let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
        command.args([
            "probe",
            &url,
            "--json",
            "--transport",
            transport,
            "--frames",
            &frame_count.to_string(),
        ]);
        command.arg("--save-frames").arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut probe = Running(command.spawn().unwrap());
        let is_playing = async {
            while !folder.path().join("000020.jpg").exists() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TEST_TIMEOUT, is_playing).await.expect("probe saves no frames");
        probe.stop_for(STOPPED_FOR).await;
        let output = tokio::task::spawn_blocking(move || {
            let (mut stdout, mut stderr) = (String::new(), String::new());
            probe.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
            probe.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            (probe.0.wait().unwrap(), stdout, stderr)
        });
        let (status, stdout, stderr) =
            timeout(TEST_TIMEOUT, output).await.expect("probe does not end").unwrap();
        assert!(status.success(), "{transport}: {stderr}");
        let figures: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let number = |name: &str| figures[name].as_f64().unwrap_or_else(|| panic!("{name}: {stdout}"));
        assert_eq!(
            number("packets_expected"),
            number("packets_received") + number("packets_lost"),
            "{stdout}"
        );
        assert!((0.0..250.0).contains(&number("jitter_ms")), "{transport}: {stdout}");
        if transport == "tcp" {
            assert_eq!(number("packets_lost"), 0.0, "{stdout}");
        }
    }
}
