//! Real players play what Reelay serves, and Reelay plays what a real server serves: to the end, every frame, and with
//! the right pictures.
//!
//! A program that is not installed is passed over with a word about it; where `REELAY_REQUIRE_PEERS` is set, it fails
//! the test instead.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use common::films::{Layout, TestFilm, film, pictures};
use common::jpegs::{Kind, soft_picture};

const REELAY: &str = env!("CARGO_BIN_EXE_reelay");

/// Fast, so that the tests are.
const FRAMES_PER_SECOND: &str = "50";

/// No film here is a tenth as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// To be set where every peer must be there.
const REQUIRE: &str = "REELAY_REQUIRE_PEERS";

const TRANSPORTS: [&str; 2] = ["udp", "tcp"];

/// One test at a time: films are played at their own pace, and their pictures take the whole machine.
static MACHINE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the peer is there, as running this shows.
fn is_installed(peer: &str, command: &mut Command) -> bool {
    let works = command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
    assert!(works || std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, and {peer} does not work here");
    if !works {
        eprintln!("{peer} is not installed; it is not tested.");
    }
    works
}

fn has_ffmpeg() -> bool {
    is_installed("ffmpeg", Command::new("ffmpeg").arg("-version"))
}

/// A program that runs until the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that comes out of a pipe, once it is closed.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let mut pipe = pipe.expect("a pipe");
    thread::spawn(move || {
        let mut octets = Vec::new();
        pipe.read_to_end(&mut octets).unwrap();
        // A test that has given up does not listen.
        let _ = sender.send(octets);
    });
    receiver
}

/// Runs a program to its end; what it wrote to stdout.
#[track_caller]
fn run(command: &mut Command) -> Vec<u8> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let (out, errors) = (drain(running.0.stdout.take()), drain(running.0.stderr.take()));
    let Ok(out) = out.recv_timeout(PATIENCE) else { panic!("{command:?} does not end") };
    let errors = String::from_utf8(errors.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert!(running.0.wait().unwrap().success(), "{command:?}: {errors}");
    out
}

/// Runs GStreamer to the end of a stream.
///
/// When the stream is over it stops the connection's reader and asks for a PAUSE, and sometimes takes the one for the
/// end of the connection, which has not ended: a TEARDOWN follows on it. What it has received by then is whole or not
/// all the same, and is looked at.
#[track_caller]
fn run_gstreamer(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let stumbled =
        errors.lines().filter(|line| line.starts_with("ERROR")).count() == errors.matches(STUMBLE).count();
    assert!(output.status.success() || stumbled, "{command:?}: {errors}");
}

/// What GStreamer says when it stumbles over its own end.
const STUMBLE: &str = "Could not send message. (Received end-of-file)";

/// A film, and what is to be expected of it.
struct Sample {
    film: TestFilm,
    /// In which ffmpeg decodes the source, so that nothing is lost.
    pixel_format: &'static str,
    size: (usize, usize),
    /// RFC 2435 carries the very coefficients, so that every pixel is the same.
    keeps_its_pixels: bool,
}

impl Sample {
    fn octets_of_a_frame(&self) -> usize {
        let (width, height) = self.size;
        if self.pixel_format == "yuvj444p" { width * height * 3 } else { width * height * 3 / 2 }
    }

    /// The pictures one behind the other, as ffmpeg's own reader likes them.
    fn raw_file(&self) -> PathBuf {
        let path = self.film.folder().join("raw.jpegs");
        fs::write(&path, self.film.pictures.concat()).unwrap();
        path
    }
}

/// With the properties of the films that are out there.
fn samples() -> [Sample; 5] {
    let soft = |kind, size, count| (0..count).map(|number| soft_picture(kind, size, number)).collect();
    [
        Sample {
            film: film(Layout::Records(5), soft(Kind::Classroom444, (384, 288), 60)),
            pixel_format: "yuvj444p",
            size: (384, 288),
            keeps_its_pixels: false,
        },
        Sample {
            film: film(Layout::Raw, pictures(Kind::Commented, (640, 360), 60)),
            pixel_format: "yuvj420p",
            size: (640, 360),
            keeps_its_pixels: true,
        },
        Sample {
            film: film(Layout::SeveralARecord(3), pictures(Kind::OwnHuffman, (1_920, 1_080), 12)),
            pixel_format: "yuvj420p",
            size: (1_920, 1_080),
            keeps_its_pixels: true,
        },
        Sample {
            film: film(Layout::Records(5), pictures(Kind::SeparateScans, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            keeps_its_pixels: true,
        },
        Sample {
            film: film(Layout::Records(5), soft(Kind::Progressive, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            keeps_its_pixels: false,
        },
    ]
}

/// `reelay serve`, and the address of each film.
struct Serving {
    urls: Vec<String>,
    _server: Running,
}

impl Serving {
    fn start(samples: &[Sample]) -> Self {
        let mut command = Command::new(REELAY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--fps", FRAMES_PER_SECOND]);
        command.args(samples.iter().map(|sample| sample.film.path()));
        let mut server =
            Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("reelay serve"));
        let lines = BufReader::new(server.0.stdout.take().expect("a pipe")).lines();
        let urls = lines.take(samples.len()).collect::<Result<_, _>>().unwrap();
        Self { urls, _server: server }
    }
}

/// All frames of a file or a stream, decoded by ffmpeg.
#[track_caller]
fn decoded(input: &[&str], pixel_format: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(input);
    command.args(["-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "rawvideo", "-"]);
    run(&mut command)
}

#[track_caller]
fn decoded_file(path: &Path, pixel_format: &str) -> Vec<u8> {
    decoded(&["-f", "mjpeg", "-i", path.to_str().unwrap()], pixel_format)
}

/// Every frame is there, and shows what the source does.
#[track_caller]
fn assert_right(sample: &Sample, source: &[u8], seen: &[u8], peer: &str) {
    let frame = sample.octets_of_a_frame();
    let frames = sample.film.pictures.len();
    assert_eq!(source.len(), frames * frame, "ffmpeg does not see all of the source");
    assert_eq!(seen.len() as f64 / frame as f64, frames as f64, "{peer}: frames");
    if sample.keeps_its_pixels {
        assert!(source == seen, "{peer}: other pixels");
        return;
    }
    for (number, (source, seen)) in source.chunks_exact(frame).zip(seen.chunks_exact(frame)).enumerate() {
        let luma = sample.size.0 * sample.size.1;
        let chroma = (frame - luma) / 2;
        for (plane, range, least) in
            [("Y", 0..luma, 38.0), ("Cb", luma..luma + chroma, 32.0), ("Cr", luma + chroma..frame, 32.0)]
        {
            let psnr = psnr(&source[range.clone()], &seen[range]);
            assert!(psnr >= least, "{peer}: {plane} of frame {number} differs: {psnr:.1} dB");
        }
    }
}

/// Decibels between two planes.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / (squares as f64).max(1e-9)).log10()
}

/// Lets a player play every sample over both transports, and looks at what it saw.
fn play_all(peer: &str, play: impl Fn(&str, &str, &Sample) -> Vec<u8>) {
    let samples = samples();
    let serving = Serving::start(&samples);
    for (sample, url) in samples.iter().zip(&serving.urls) {
        let source = decoded_file(&sample.raw_file(), sample.pixel_format);
        for transport in TRANSPORTS {
            let seen = play(url, transport, sample);
            assert_right(sample, &source, &seen, &format!("{peer} over {transport} of {url}"));
        }
    }
}

#[test]
fn ffmpeg_plays_every_frame() {
    let _alone = alone();
    if !has_ffmpeg() {
        return;
    }
    play_all("ffmpeg", |url, transport, sample| {
        decoded(&["-rtsp_transport", transport, "-i", url], sample.pixel_format)
    });
}

#[test]
fn gstreamer_plays_every_frame() {
    let _alone = alone();
    if !has_ffmpeg() || !is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("rtpjpegdepay")) {
        return;
    }
    play_all("GStreamer", |url, transport, sample| {
        let received = sample.film.folder().join("received.jpegs");
        let mut command = Command::new("timeout");
        command.args([&PATIENCE.as_secs().to_string(), "gst-launch-1.0", "-q", "rtspsrc"]);
        command.args([&format!("location={url}"), &format!("protocols={transport}")]);
        command.args(["!", "rtpjpegdepay", "!", "filesink", &format!("location={}", received.display())]);
        run_gstreamer(&mut command);
        decoded_file(&received, sample.pixel_format)
    });
}

#[test]
fn mpv_plays_every_frame() {
    let _alone = alone();
    if !has_ffmpeg() || !is_installed("mpv", Command::new("mpv").arg("--version")) {
        return;
    }
    play_all("mpv", |url, transport, sample| {
        let received = sample.film.folder().join("received.nut");
        let mut command = Command::new("mpv");
        command.args(["--no-config", "--no-audio", "--framedrop=no", "--of=nut", "--ovc=rawvideo"]);
        command.arg(format!("--rtsp-transport={transport}")).arg(format!("--o={}", received.display()));
        run(command.arg(url));
        // Full range as it comes from JPEG, which a raw video does not say: nothing may be converted.
        let pixel_format = sample.pixel_format.replace("yuvj", "yuv");
        decoded(&["-i", received.to_str().unwrap()], &pixel_format)
    });
}

/// Two test pictures by GStreamer's RTSP server; prints its port.
const GSTREAMER_SERVER: &str = r#"
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
for path, size in (("/small", "width=640,height=480"), ("/large", "width=1280,height=720")):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( videotestsrc is-live=true num-buffers=75 ! video/x-raw,format=I420,framerate=50/1," + size
        + " ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
    )
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;

/// The Python that Debian's GStreamer is bound to.
const PYTHON: &str = "/usr/bin/python3";

const GSTREAMER_IMPORTS: &str = "
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GstRtspServer
";

#[test]
fn reelay_plays_every_frame_of_gstreamers_server() {
    let _alone = alone();
    let peer = "GStreamer's RTSP server with Python";
    if !is_installed(peer, Command::new(PYTHON).args(["-c", GSTREAMER_IMPORTS])) {
        return;
    }
    let mut command = Command::new(PYTHON);
    command.args(["-c", GSTREAMER_SERVER]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Running(command.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().expect("a pipe")).read_line(&mut port).unwrap();
    for (path, width, height) in [("small", 640, 480), ("large", 1_280, 720)] {
        for transport in TRANSPORTS {
            let url = format!("rtsp://127.0.0.1:{}/{path}", port.trim());
            let report = run(Command::new(REELAY).args([
                "probe",
                &url,
                "--transport",
                transport,
                "--frames",
                "50",
                "--json",
            ]));
            let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
            let expected = [
                ("frames_complete", 50.into()),
                ("frames_incomplete", 0.into()),
                ("packets_lost", 0.into()),
                ("width", width.into()),
                ("height", height.into()),
                ("transport", transport.into()),
            ];
            for (name, value) in expected {
                let value: serde_json::Value = value;
                assert_eq!(report[name], value, "{name} of {url} over {transport}");
            }
        }
    }
}
