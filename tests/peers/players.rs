//! Players play what Reelay serves.

use std::process::{Command, Stdio};

use crate::TRANSPORTS;
use crate::programs::{PATIENCE, alone, has_ffmpeg, is_installed, run};
use crate::samples::{Sample, assert_right, decoded, decoded_file, samples};
use crate::serving::Serving;

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
