//! Reelay's figures, compared with those that tshark computes from a capture of tcpdump.
//!
//! Capturing needs privileges. Without them, or if a program is not installed, the tests print a message and pass; if
//! `REELAY_REQUIRE_PEERS` is set, they fail instead.

mod common;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, test_file, test_jpegs};
use reelay::impairment::{Distribution, Emulator, EmulatorSettings, Impairments, JitterModel, LossModel};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::net::udp_ports::SocketPair;
use reelay::proto::rtp::Packet;
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{
    EmulatorOptions, EmulatorPlacement, FrameSinks, Goal, Session, SessionCommand, SessionEvent,
    SessionOptions, StreamOptions, TransportPreference,
};
use reelay::stats::{RtpReceiver, Snapshot};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Environment variable that makes a missing program a failure.
const REQUIRE_PEERS: &str = "REELAY_REQUIRE_PEERS";

/// Limit of every wait: nothing here takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Payload of a datagram sent after the last packet: once it is captured, so is everything before it.
const SENTINEL: &[u8] = b"after the last packet";

/// A capture of the datagrams to a UDP port on loopback.
struct Capture {
    tcpdump: Child,
    port: u16,
    folder: TempDir,
}

impl Capture {
    /// Starts tcpdump; `None` if capturing is not possible and not required.
    fn start(port: u16) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-i", "lo", "-n", "-U", "-B", "16384", "--time-stamp-precision=nano", "-w"]);
        tcpdump.arg(capture_path(&folder)).args(["udp", "dst", "port", &port.to_string()]);
        let spawned = tcpdump.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let started = spawned.ok().and_then(|mut tcpdump| {
            // tcpdump prints "listening on" once it captures; earlier packets would be missed.
            let mut lines = BufReader::new(tcpdump.stderr.take()?).lines().map_while(Result::ok);
            let is_listening = lines.any(|line| line.contains("listening on"));
            thread::spawn(move || lines.count());
            is_listening.then_some(Self { tcpdump, port, folder })
        });
        let is_available = started.is_some()
            && Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success());
        assert!(
            is_available || std::env::var_os(REQUIRE_PEERS).is_none(),
            "{REQUIRE_PEERS} is set, but tcpdump or tshark does not work here"
        );
        if !is_available {
            eprintln!("tcpdump or tshark does not work here; the figures are not compared with theirs.");
        }
        started.filter(|_| is_available)
    }

    fn path(&self) -> PathBuf {
        capture_path(&self.folder)
    }

    /// Stops tcpdump once everything that has been sent so far is captured.
    fn stop(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let start = Instant::now();
        let has_sentinel = || {
            let bytes = fs::read(self.path()).unwrap();
            bytes.windows(SENTINEL.len()).any(|window| window == SENTINEL)
        };
        while !has_sentinel() {
            assert!(start.elapsed() < TEST_TIMEOUT, "the sentinel is not captured");
            // The port is closed by now, which the kernel reports as an error of the next call.
            let _ = socket.send_to(SENTINEL, (Ipv4Addr::LOCALHOST, self.port));
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.tcpdump.kill();
        self.tcpdump.wait().unwrap();
    }

    fn run_tshark(&self, arguments: &[&str]) -> String {
        let decode_as = format!("udp.port=={},rtp", self.port);
        let output = Command::new("tshark")
            .args(["-n", "-d", &decode_as, "-r"])
            .arg(self.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns tshark's report about the JPEG stream.
    fn stream_report(&self) -> TsharkReport {
        let table = self.run_tshark(&["-q", "-z", "rtp,streams"]);
        let line = table.lines().find(|line| line.contains(" JPEG ")).unwrap_or_else(|| panic!("{table}"));
        let columns: Vec<_> = line.split_whitespace().collect();
        let number = |index: usize| columns[index].parse::<f64>().unwrap_or_else(|_| panic!("{table}"));
        TsharkReport {
            packets: number(8) as u64,
            lost: number(9) as i64,
            jitter_mean_ms: number(15),
            jitter_max_ms: number(16),
        }
    }

    /// Returns the captured RTP packets, each with its time since the start of the capture.
    fn packets(&self) -> Vec<(Duration, Packet)> {
        let fields =
            ["-Y", "rtp.p_type==26", "-T", "fields", "-e", "frame.time_relative", "-e", "udp.payload"];
        let text = self.run_tshark(&fields);
        text.lines()
            .map(|line| {
                let (time, payload) = line.split_once('\t').unwrap();
                (
                    Duration::from_secs_f64(time.parse().unwrap()),
                    Packet::parse(parse_hex(payload).into()).unwrap(),
                )
            })
            .collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Errors are ignored: tcpdump may have ended already.
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

fn capture_path(folder: &TempDir) -> PathBuf {
    Path::new(folder.path()).join("capture.pcap")
}

fn parse_hex(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<_> = hexadecimal.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A line of tshark's table of RTP streams.
#[derive(Debug)]
struct TsharkReport {
    packets: u64,
    lost: i64,
    jitter_mean_ms: f64,
    jitter_max_ms: f64,
}

/// Computes the figures of the captured packets from the times of the capture.
fn measure_packets(packets: &[(Duration, Packet)]) -> Snapshot {
    let (start, mut receiver) = (Instant::now(), RtpReceiver::default());
    for (time, packet) in packets {
        receiver.handle_packet(start + *time, &packet.header);
    }
    let mut snapshot = Snapshot::default();
    receiver.add_to(&mut snapshot, None);
    snapshot
}

/// Plays a film of three seconds; returns the figures at its end.
///
/// The impairments apply from frame 10 to frame 90, because tshark assumes that the last packet received is the last
/// one sent.
async fn play(port: u16, impairments: Impairments) -> Snapshot {
    let emulator = Emulator::default();
    let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
    let server = Server::start(options, Observer::none()).await.unwrap();
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, (640, 360), 150));
    let name =
        server.library().add(MediaFile::open(file.path(), "film.mjpeg", FrameRate::per_second(50)).unwrap());
    let transport = TransportPreference::Udp;
    let stream = StreamOptions { rtp_port: Some(port), transport, ..StreamOptions::default() };
    let emulator_options =
        EmulatorOptions { emulator: emulator.clone(), placement: EmulatorPlacement::AtServer };
    let options = SessionOptions { stream, emulator: emulator_options, ..SessionOptions::default() };
    let (frame_sender, mut frames) = mpsc::channel(16);
    let (event_sender, mut events) = mpsc::channel(256);
    let session =
        Session::start(server.url_of(&name), options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let mut frame_count = 0;
    let end = async {
        loop {
            tokio::select! {
                Some(_) = frames.recv() => {
                    frame_count += 1;
                    if frame_count == 10 || frame_count == 90 {
                        emulator.configure(EmulatorSettings { is_on: frame_count == 10, seed: 5, impairments });
                    }
                }
                event = events.recv() => match event.expect("the session has ended") {
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
    server.stop().await;
    snapshot
}

fn free_port() -> u16 {
    SocketPair::bind(Ipv4Addr::LOCALHOST.into(), None, 0).unwrap().ports().rtp
}

/// Returns true if the sequence numbers wrap. The first one is random, and tshark miscounts reordered packets at the
/// wrap.
fn sequence_wraps(packets: &[(Duration, Packet)]) -> bool {
    let sequences = || packets.iter().map(|(_, packet)| packet.header.sequence);
    sequences().max().unwrap() - sequences().min().unwrap() > 30_000
}

async fn assert_tshark_agrees(impairments: Impairments) {
    let mut attempts = 0;
    let (capture, live, packets) = loop {
        let port = free_port();
        let Some(mut capture) = Capture::start(port) else { return };
        let live = play(port, impairments).await;
        capture.stop();
        let packets = capture.packets();
        if !sequence_wraps(&packets) || !impairments.jitter.reorders {
            break (capture, live, packets);
        }
        attempts += 1;
        assert!(attempts < 5, "the sequence numbers wrapped in five runs");
    };
    let report = capture.stream_report();
    let measured = measure_packets(&packets);
    let context = format!("{impairments}: {report:?}\n{measured:?}\n{live:?}");
    for figures in [&measured, &live] {
        assert_eq!(figures.packets_received + figures.packets_duplicated, report.packets, "{context}");
        assert_eq!(figures.cumulative_lost, report.lost, "{context}");
    }
    let difference = |figure: Option<f64>, reported: f64| (figure.unwrap() - reported).abs();
    assert!(difference(measured.jitter_mean_ms, report.jitter_mean_ms) < 0.01, "{context}");
    assert!(difference(measured.jitter_max_ms, report.jitter_max_ms) < 0.01, "{context}");
    let truth = live.emulated.expect("no packet passed the emulator");
    assert_eq!(live.packets_lost, truth.lost_random + truth.lost_queue, "{context}");
    assert_eq!(live.packets_duplicated, truth.duplicated, "{context}");
    assert!(impairments.loss.ratio == 0.0 || live.packets_lost > 0, "{context}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tshark_agrees_on_loss_and_duplication() {
    let loss = LossModel { ratio: 0.05, mean_burst: Some(3.0) };
    assert_tshark_agrees(Impairments { loss, duplication: 0.03, ..Impairments::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tshark_agrees_on_jitter() {
    let jitter = JitterModel {
        spread: Duration::from_millis(15),
        distribution: Distribution::Pareto,
        reorders: false,
    };
    assert_tshark_agrees(Impairments {
        loss: LossModel { ratio: 0.02, mean_burst: None },
        jitter,
        ..Impairments::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tshark_agrees_on_reordering() {
    let jitter =
        JitterModel { spread: Duration::from_millis(4), distribution: Distribution::Uniform, reorders: true };
    let (delay, loss) = (Duration::from_millis(4), LossModel { ratio: 0.02, mean_burst: None });
    assert_tshark_agrees(Impairments { loss, duplication: 0.02, delay, jitter, ..Impairments::default() })
        .await;
}
