//! Players play what Reelay serves.

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
use crate::programs::{TEST_TIMEOUT, has_ffmpeg, is_installed, lock_tests, run};
use crate::samples::{Sample, assert_same_frames, decode, decode_file, distinct_sample, samples};
use crate::serve_process::ServeProcess;

/// Lets a player play every sample over both transports, and looks at what it saw.
fn assert_plays_all_samples(peer: &str, play: impl Fn(&str, &str, &Sample) -> Vec<u8>) {
    let samples = samples();
    let serving = ServeProcess::start(&samples);
    for (sample, url) in samples.iter().zip(&serving.urls) {
        let source = sample.decode_source();
        for transport in TRANSPORTS {
            let seen = play(url, transport, sample);
            assert_same_frames(sample, &source, &seen, &format!("{peer} over {transport} of {url}"));
        }
    }
}

#[test]
fn ffmpeg_plays_every_frame() {
    let _alone = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    assert_plays_all_samples("ffmpeg", |url, transport, sample| {
        decode(&["-rtsp_transport", transport, "-i", url], sample.pixel_format)
    });
}

#[test]
fn gstreamer_plays_every_frame() {
    let _alone = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    assert_plays_all_samples("GStreamer", |url, transport, sample| {
        decode_file(&receive_with_gstreamer(url, transport, sample), sample.pixel_format)
    });
}

fn has_gstreamer() -> bool {
    is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("rtpjpegdepay"))
}

/// A file with the pictures that GStreamer gets, one behind the other.
#[track_caller]
fn receive_with_gstreamer(url: &str, transport: &str, sample: &Sample) -> PathBuf {
    let received = sample.file.folder().join("received.jpegs");
    let mut command = Command::new("timeout");
    command.args([&TEST_TIMEOUT.as_secs().to_string(), "gst-launch-1.0", "-q", "rtspsrc"]);
    command.args([&format!("location={url}"), &format!("protocols={transport}")]);
    command.args(["!", "rtpjpegdepay", "!", "filesink", &format!("location={}", received.display())]);
    run_gstreamer(&mut command);
    received
}

/// The words in which players are given a user and a password, and the server the password.
fn with_password(url: &str) -> String {
    url.replace("rtsp://", "rtsp://ann:secret@")
}

/// A server that wants a password, and a film.
fn serve_with_password() -> (Sample, ServeProcess) {
    let sample = distinct_sample(25);
    let file = sample.file.folder().join("password");
    fs::write(&file, "secret\n").unwrap();
    let guard = ["--user", "ann", "--password-file", file.to_str().unwrap()];
    let serving = ServeProcess::start_with_arguments(std::slice::from_ref(&sample), &guard);
    (sample, serving)
}

#[test]
fn ffmpeg_plays_with_password() {
    let _alone = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let (sample, serving) = serve_with_password();
    let mut stranger = Command::new("ffmpeg");
    stranger.args(["-nostdin", "-v", "error", "-i", &serving.urls[0], "-f", "null", "-"]);
    assert!(!stranger.output().unwrap().status.success(), "without one it gets nothing");
    for transport in TRANSPORTS {
        let url = with_password(&serving.urls[0]);
        let seen = decode(&["-rtsp_transport", transport, "-i", &url], sample.pixel_format);
        let all: Vec<_> = (0..sample.file.frames.len()).collect();
        assert_eq!(sample.frame_numbers(&seen), all, "{transport}");
    }
}

#[test]
fn gstreamer_plays_with_password() {
    let _alone = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    let (sample, serving) = serve_with_password();
    for transport in TRANSPORTS {
        let seen = decode_file(
            &receive_with_gstreamer(&with_password(&serving.urls[0]), transport, &sample),
            sample.pixel_format,
        );
        let all: Vec<_> = (0..sample.file.frames.len()).collect();
        assert_eq!(sample.frame_numbers(&seen), all, "{transport}");
    }
}

#[test]
fn mpv_plays_every_frame() {
    let _alone = lock_tests();
    if !has_ffmpeg() || !is_installed("mpv", Command::new("mpv").arg("--version")) {
        return;
    }
    assert_plays_all_samples("mpv", |url, transport, sample| {
        let received = sample.file.folder().join("received.nut");
        let mut command = Command::new("mpv");
        command.args(["--no-config", "--no-audio", "--framedrop=no", "--of=nut", "--ovc=rawvideo"]);
        command.arg(format!("--rtsp-transport={transport}")).arg(format!("--o={}", received.display()));
        run(command.arg(url));
        // Full range as it comes from JPEG, which a raw video does not say: nothing may be converted.
        let pixel_format = sample.pixel_format.replace("yuvj", "yuv");
        decode(&["-i", received.to_str().unwrap()], &pixel_format)
    });
}

#[test]
fn retina_plays_every_frame() {
    let _alone = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_plays_all_samples("retina", |url, transport, sample| {
        let pictures = play_with_retina(url, transport, sample.file.frames.len());
        let pictures = runtime.block_on(async { timeout(TEST_TIMEOUT, pictures).await });
        let received = sample.file.folder().join("received.jpegs");
        fs::write(&received, pictures.expect("retina gets every frame").concat()).unwrap();
        decode_file(&received, sample.pixel_format)
    });
}

/// So many pictures as retina puts them together, which must not have noticed any loss. It does not hear a goodbye.
async fn play_with_retina(url: &str, transport: &str, frames: usize) -> Vec<Vec<u8>> {
    let transport = match transport {
        "udp" => Transport::Udp(UdpTransportOptions::default()),
        _ => Transport::Tcp(TcpTransportOptions::default()),
    };
    let mut session = Session::describe(url.parse().unwrap(), SessionOptions::default()).await.unwrap();
    session.setup(0, SetupOptions::default().transport(transport)).await.unwrap();
    let mut items = session.play(PlayOptions::default()).await.unwrap().demuxed().unwrap();
    let mut pictures = Vec::new();
    while pictures.len() < frames {
        if let CodecItem::VideoFrame(frame) = items.next().await.expect("it goes on").unwrap() {
            assert_eq!(frame.loss(), 0, "before frame {}", pictures.len());
            pictures.push(frame.data().to_vec());
        }
    }
    pictures
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
    let stumbled = errors.lines().filter(|line| line.starts_with("ERROR")).count()
        == errors.matches(GSTREAMER_EOF_ERROR).count();
    assert!(output.status.success() || stumbled, "{command:?}: {errors}");
}

/// What GStreamer says when it stumbles over its own end.
const GSTREAMER_EOF_ERROR: &str = "Could not send message. (Received end-of-file)";
