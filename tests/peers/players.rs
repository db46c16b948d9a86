//! Players play from Reelay's server.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use futures::StreamExt;
use retina::client::{
    PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport, UdpTransportOptions,
};
use retina::codec::CodecItem;
use tokio::time::timeout;

use crate::TRANSPORTS;
use crate::common::jpegs::{JpegKind, coarse_jpeg, test_jpeg};
use crate::common::media_files::{FileLayout, test_file};
use crate::programs::{TEST_TIMEOUT, has_ffmpeg, is_installed, lock_tests, run};
use crate::samples::{Sample, assert_same_frames, decode, decode_file, distinct_sample, samples};
use crate::serve_process::ServeProcess;

/// Plays every sample over both transports and compares the frames that the player decodes with the source.
fn assert_plays_all_samples(peer: &str, play: impl Fn(&str, &str, &Sample) -> Vec<u8>) {
    assert_plays(peer, &samples(), "", play);
}

/// Plays a film with two sets of quantization tables with restart markers inserted.
fn assert_plays_restart_markers(peer: &str, play: impl Fn(&str, &str, &Sample) -> Vec<u8>) {
    let size = (640, 360);
    let frames = (0..20).flat_map(|number| {
        [test_jpeg(JpegKind::Standard420, size, number, 20), coarse_jpeg(JpegKind::Standard420, size, number)]
    });
    let film = Sample {
        file: test_file(FileLayout::Raw, frames.collect()),
        pixel_format: "yuvj420p",
        size: (640, 360),
        is_lossless: true,
    };
    assert_plays(peer, &[film], "?restarts=1", play);
}

/// Plays samples, with a parameter in their URLs.
fn assert_plays(
    peer: &str,
    samples: &[Sample],
    parameter: &str,
    play: impl Fn(&str, &str, &Sample) -> Vec<u8>,
) {
    let server = ServeProcess::start(samples);
    for (sample, url) in samples.iter().zip(&server.urls) {
        let (source, url) = (sample.decode_source(), &format!("{url}{parameter}"));
        for transport in TRANSPORTS {
            let actual = play(url, transport, sample);
            assert_same_frames(sample, &source, &actual, &format!("{peer} over {transport} of {url}"));
        }
    }
}

#[test]
fn ffmpeg_plays_every_frame() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let play = |url: &str, transport: &str, sample: &Sample| {
        decode(&["-rtsp_transport", transport, "-i", url], sample.pixel_format)
    };
    assert_plays_all_samples("ffmpeg", play);
    assert_plays_restart_markers("ffmpeg", play);
}

#[test]
fn gstreamer_plays_every_frame() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    let play = |url: &str, transport: &str, sample: &Sample| {
        decode_file(&receive_with_gstreamer(url, transport, sample), sample.pixel_format)
    };
    assert_plays_all_samples("GStreamer", play);
    assert_plays_restart_markers("GStreamer", play);
}

/// Number of JPEGs in a file of concatenated ones.
fn count_frames(path: PathBuf) -> usize {
    fs::read(path).unwrap().windows(3).filter(|bytes| *bytes == [0xFF, 0xD8, 0xFF]).count()
}

/// A URL parameter asks for retransmission, because GStreamer cannot add a header.
#[test]
fn gstreamer_has_lost_packets_sent_again() {
    let _lock = lock_tests();
    if !has_gstreamer() {
        return;
    }
    let sample = distinct_sample(150);
    let network = ["--loss", "5%", "--delay", "10ms", "--seed", "3"];
    let server = ServeProcess::start_with_arguments(std::slice::from_ref(&sample), &network);
    let url = &server.urls[0];
    let plain = count_frames(receive_with_gstreamer(url, "udp", &sample));
    // GStreamer gives up packets that are late, as on a machine that other tests keep busy.
    let url = format!("{url}?retransmission=1");
    let repaired = (0..3).map(|_| count_frames(receive_with_gstreamer(&url, "udp", &sample)));
    let repaired =
        repaired.inspect(|repaired| println!("{plain} frames without retransmission, {repaired} with it"));
    assert!(plain < 120, "{plain} of 150 without retransmission");
    assert!(repaired.into_iter().any(|repaired| repaired > 140), "not repaired");
}

fn has_gstreamer() -> bool {
    is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("rtpjpegdepay"))
}

/// Returns a file with the concatenated frames that GStreamer receives.
#[track_caller]
pub fn receive_with_gstreamer(url: &str, transport: &str, sample: &Sample) -> PathBuf {
    let received = sample.file.folder().join("received.jpegs");
    let mut command = Command::new("timeout");
    command.args([&TEST_TIMEOUT.as_secs().to_string(), "gst-launch-1.0", "-q", "rtspsrc"]);
    command.args([&format!("location={url}"), &format!("protocols={transport}")]);
    command.args(["!", "rtpjpegdepay", "!", "filesink", &format!("location={}", received.display())]);
    run_gstreamer(&mut command);
    received
}

/// Adds user name and password to a URL.
fn with_password(url: &str) -> String {
    url.replace("rtsp://", "rtsp://ann:secret@")
}

/// Starts a server that requires a password.
fn serve_with_password() -> (Sample, ServeProcess) {
    let sample = distinct_sample(25);
    let file = sample.file.folder().join("password");
    fs::write(&file, "secret\n").unwrap();
    let arguments = ["--user", "ann", "--password-file", file.to_str().unwrap()];
    let server = ServeProcess::start_with_arguments(std::slice::from_ref(&sample), &arguments);
    (sample, server)
}

#[test]
fn ffmpeg_plays_with_password() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let (sample, server) = serve_with_password();
    let mut without_password = Command::new("ffmpeg");
    without_password.args(["-nostdin", "-v", "error", "-i", &server.urls[0], "-f", "null", "-"]);
    assert!(!without_password.output().unwrap().status.success(), "ffmpeg plays without the password");
    for transport in TRANSPORTS {
        let url = with_password(&server.urls[0]);
        let actual = decode(&["-rtsp_transport", transport, "-i", &url], sample.pixel_format);
        let all: Vec<_> = (0..sample.file.frames.len()).collect();
        assert_eq!(sample.frame_numbers(&actual), all, "{transport}");
    }
}

#[test]
fn gstreamer_plays_with_password() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    let (sample, server) = serve_with_password();
    for transport in TRANSPORTS {
        let actual = decode_file(
            &receive_with_gstreamer(&with_password(&server.urls[0]), transport, &sample),
            sample.pixel_format,
        );
        let all: Vec<_> = (0..sample.file.frames.len()).collect();
        assert_eq!(sample.frame_numbers(&actual), all, "{transport}");
    }
}

#[test]
fn mpv_plays_every_frame() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !is_installed("mpv", Command::new("mpv").arg("--version")) {
        return;
    }
    let play = |url: &str, transport: &str, sample: &Sample| {
        let received = sample.file.folder().join("received.nut");
        let mut command = Command::new("mpv");
        command.args(["--no-config", "--no-audio", "--framedrop=no", "--of=nut", "--ovc=rawvideo"]);
        command.arg(format!("--rtsp-transport={transport}")).arg(format!("--o={}", received.display()));
        run(command.arg(url));
        // The raw video does not state that its range is full, as in JPEG; the other format name prevents a conversion.
        let pixel_format = sample.pixel_format.replace("yuvj", "yuv");
        decode(&["-i", received.to_str().unwrap()], &pixel_format)
    };
    assert_plays_all_samples("mpv", play);
    assert_plays_restart_markers("mpv", play);
}

#[test]
fn retina_plays_every_frame() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let play = |url: &str, transport: &str, sample: &Sample| {
        let jpegs = play_with_retina(url, transport, sample.file.frames.len());
        let jpegs = runtime.block_on(async { timeout(TEST_TIMEOUT, jpegs).await });
        let received = sample.file.folder().join("received.jpegs");
        fs::write(&received, jpegs.expect("retina does not receive every frame").concat()).unwrap();
        decode_file(&received, sample.pixel_format)
    };
    assert_plays_all_samples("retina", play);
    assert_plays_restart_markers("retina", play);
}

/// Receives this number of frames with retina, which must not report a loss.
///
/// The number is needed because retina does not end its stream at a BYE.
async fn play_with_retina(url: &str, transport: &str, frames: usize) -> Vec<Vec<u8>> {
    let transport = match transport {
        "udp" => Transport::Udp(UdpTransportOptions::default()),
        _ => Transport::Tcp(TcpTransportOptions::default()),
    };
    let mut session = Session::describe(url.parse().unwrap(), SessionOptions::default()).await.unwrap();
    session.setup(0, SetupOptions::default().transport(transport)).await.unwrap();
    let mut items = session.play(PlayOptions::default()).await.unwrap().demuxed().unwrap();
    let mut jpegs = Vec::new();
    while jpegs.len() < frames {
        if let CodecItem::VideoFrame(frame) = items.next().await.expect("the stream has ended").unwrap() {
            assert_eq!(frame.loss(), 0, "before frame {}", jpegs.len());
            jpegs.push(frame.data().to_vec());
        }
    }
    jpegs
}

/// Runs GStreamer to the end of a stream.
///
/// At the end of the stream, GStreamer stops the reader of the connection and sends a PAUSE. Sometimes it then takes
/// the stopped reader for the end of the connection and reports [`GSTREAMER_EOF_ERROR`], although the connection is
/// open and a TEARDOWN follows on it. This error is accepted: the received frames are compared with the source in any
/// case.
#[track_caller]
fn run_gstreamer(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let has_only_eof_errors = errors.lines().filter(|line| line.starts_with("ERROR")).count()
        == errors.matches(GSTREAMER_EOF_ERROR).count();
    assert!(output.status.success() || has_only_eof_errors, "{command:?}: {errors}");
}

/// Error that GStreamer reports about the end of the stream; see [`run_gstreamer`].
const GSTREAMER_EOF_ERROR: &str = "Could not send message. (Received end-of-file)";
