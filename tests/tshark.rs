//! The figures are held against an independent judge: what tcpdump captures, tshark counts.
//!
//! Capturing needs the right to; where it is missing, or a program is, the tests are passed over with a word about it.
//! Where `REELAY_REQUIRE_PEERS` is set, they fail instead.

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
    EmulatorOptions, EmulatorPlacement, FrameSinks, Goal, RtspOptions, Session, SessionCommand, SessionEvent,
    SessionOptions, TransportPreference,
};
use reelay::stats::{RtpReceiver, Snapshot};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// To be set where every peer must be there.
const REQUIRE_PEERS: &str = "REELAY_REQUIRE_PEERS";

/// Nothing here takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What is sent behind the last packet, to know that everything before it has been captured.
const SENTINEL: &[u8] = b"behind the last packet";

/// A capture of what comes to a port on loopback.
struct Capture {
    tcpdump: Child,
    port: u16,
    folder: TempDir,
}

impl Capture {
    /// Begins; `None` where that is not possible, and not required.
    fn start(port: u16) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-i", "lo", "-n", "-U", "-B", "16384", "--time-stamp-precision=nano", "-w"]);
        tcpdump.arg(capture_path(&folder)).args(["udp", "dst", "port", &port.to_string()]);
        let spawned = tcpdump.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let begun = spawned.ok().and_then(|mut tcpdump| {
            // Its first words are about that; before them it hears nothing yet.
            let mut words = BufReader::new(tcpdump.stderr.take()?).lines().map_while(Result::ok);
            let is_listening = words.any(|line| line.contains("listening on"));
            thread::spawn(move || words.count());
            is_listening.then_some(Self { tcpdump, port, folder })
        });
        let is_there = begun.is_some()
            && Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success());
        assert!(
            is_there || std::env::var_os(REQUIRE_PEERS).is_none(),
            "{REQUIRE_PEERS} is set, and nothing can be captured"
        );
        if !is_there {
            eprintln!("tcpdump and tshark cannot be used here; the figures are not held against theirs.");
        }
        begun.filter(|_| is_there)
    }

    fn path(&self) -> PathBuf {
        capture_path(&self.folder)
    }

    /// Ends when everything has been captured that was sent before.
    fn stop(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let began = Instant::now();
        let has_sentinel = || {
            let bytes = fs::read(self.path()).unwrap();
            bytes.windows(SENTINEL.len()).any(|window| window == SENTINEL)
        };
        while !has_sentinel() {
            assert!(began.elapsed() < TEST_TIMEOUT, "the end of the capture");
            // Nobody listens on the port any more, and the system says so at the next call.
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

    /// What tshark says of the stream of JPEG.
    fn stream_report(&self) -> TsharkReport {
        let table = self.run_tshark(&["-q", "-z", "rtp,streams"]);
        let line = table.lines().find(|line| line.contains(" JPEG ")).unwrap_or_else(|| panic!("{table}"));
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |index: usize| words[index].parse::<f64>().unwrap_or_else(|_| panic!("{table}"));
        TsharkReport {
            packets: number(8) as u64,
            lost: number(9) as i64,
            jitter_mean_ms: number(15),
            jitter_max_ms: number(16),
        }
    }

    /// The RTP packets that were captured, each with its time.
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
        // It may have ended.
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

/// What tshark says of a stream.
#[derive(Debug)]
struct TsharkReport {
    packets: u64,
    lost: i64,
    jitter_mean_ms: f64,
    jitter_max_ms: f64,
}

/// The figures of what was captured, by its own times.
fn measure_packets(packets: &[(Duration, Packet)]) -> Snapshot {
    let (begin, mut receiver) = (Instant::now(), RtpReceiver::default());
    for (time, packet) in packets {
        receiver.handle_packet(begin + *time, &packet.header);
    }
    let mut snapshot = Snapshot::default();
    receiver.add_to(&mut snapshot, None);
    snapshot
}

/// Plays a film of three seconds through a network that is bad but for the first and the last frames; the figures at
/// its end. tshark takes the last packet that arrives for the last that was sent.
async fn play(port: u16, impairments: Impairments) -> Snapshot {
    let emulator = Emulator::default();
    let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
    let server = Server::start(options, Observer::none()).await.unwrap();
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, (640, 360), 150));
    let name =
        server.library().add(MediaFile::open(test.path(), "film.mjpeg", FrameRate::per_second(50)).unwrap());
    let transport = TransportPreference::Udp;
    let machine = RtspOptions { rtp_port: Some(port), transport, ..RtspOptions::default() };
    let emulation = EmulatorOptions { emulator: emulator.clone(), placement: EmulatorPlacement::AtServer };
    let options = SessionOptions { rtsp: machine, emulator: emulation, ..SessionOptions::default() };
    let (frame_sender, mut frames) = mpsc::channel(16);
    let (event_sender, mut events) = mpsc::channel(256);
    let session =
        Session::start(server.url_of(&name), options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let mut arrived = 0;
    let end = async {
        loop {
            tokio::select! {
                Some(_) = frames.recv() => {
                    arrived += 1;
                    if arrived == 10 || arrived == 90 {
                        emulator.configure(EmulatorSettings { is_on: arrived == 10, seed: 5, impairments });
                    }
                }
                event = events.recv() => match event.expect("the session goes on") {
                    SessionEvent::Ended => return,
                    SessionEvent::Failed(failure) => panic!("{failure}"),
                    _ => {}
                },
            }
        }
    };
    timeout(TEST_TIMEOUT, end).await.expect("the end of the film");
    let figures = session.figures();
    session.finish(TEST_TIMEOUT).await;
    let snapshot = figures.borrow().snapshot;
    server.stop().await;
    snapshot
}

fn free_port() -> u16 {
    SocketPair::bind(Ipv4Addr::LOCALHOST.into(), None, 0).unwrap().ports().rtp
}

/// Sequence numbers begin anywhere, and may begin anew while packets overtake each other: there tshark loses count.
fn sequence_wraps(packets: &[(Duration, Packet)]) -> bool {
    let sequences = || packets.iter().map(|(_, packet)| packet.header.sequence);
    sequences().max().unwrap() - sequences().min().unwrap() > 30_000
}

async fn assert_tshark_agrees(impairments: Impairments) {
    let mut tries = 0;
    let (capture, live, packets) = loop {
        let port = free_port();
        let Some(mut capture) = Capture::start(port) else { return };
        let live = play(port, impairments).await;
        capture.stop();
        let packets = capture.packets();
        if !sequence_wraps(&packets) || !impairments.jitter.reorders {
            break (capture, live, packets);
        }
        tries += 1;
        assert!(tries < 5, "chance does not do this");
    };
    let report = capture.stream_report();
    let measured = measure_packets(&packets);
    let context = format!("{impairments}: {report:?}\n{measured:?}\n{live:?}");
    for figures in [&measured, &live] {
        assert_eq!(figures.packets_received + figures.packets_duplicated, report.packets, "{context}");
        assert_eq!(figures.cumulative_lost, report.lost, "{context}");
    }
    let difference = |ours: Option<f64>, theirs: f64| (ours.unwrap() - theirs).abs();
    assert!(difference(measured.jitter_mean_ms, report.jitter_mean_ms) < 0.01, "{context}");
    assert!(difference(measured.jitter_max_ms, report.jitter_max_ms) < 0.01, "{context}");
    let truth = live.emulated.expect("the network was in the way");
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
