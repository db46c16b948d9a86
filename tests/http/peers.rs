//! Other programs as cameras. A program that is not installed is not tested; if `REELAY_REQUIRE_PEERS` is set, that is
//! a failure.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::camera::{read_request, start};
use super::jpegs::{JpegKind, test_jpeg};

/// Limit of every wait.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Number of frames of the film.
const FRAMES: u32 = 40;

/// A program that is killed on drop.
struct RunningProgram(Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_installed(program: &str, argument: &str) -> bool {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output();
    let works = output.is_ok_and(|output| output.status.success());
    let is_required = std::env::var_os("REELAY_REQUIRE_PEERS").is_some();
    assert!(works || !is_required, "REELAY_REQUIRE_PEERS is set, but {program} does not work here");
    works
}

/// Writes the frames of a film as `000.jpg`, `001.jpg` and so on, and one after the other as `film.mjpeg`.
fn write_film(folder: &Path) -> Vec<Vec<u8>> {
    let frames: Vec<_> =
        (0..FRAMES).map(|seed| test_jpeg(JpegKind::Standard420, (160, 128), seed, 30)).collect();
    for (number, frame) in frames.iter().enumerate() {
        fs::write(folder.join(format!("{number:03}.jpg")), frame).unwrap();
    }
    fs::write(folder.join("film.mjpeg"), frames.concat()).unwrap();
    frames
}

/// Plays a URL to its end and returns the frames. Tries again until the server listens.
fn play(url: &str, folder: &Path) -> Vec<Vec<u8>> {
    let (started, saved) = (Instant::now(), folder.join("saved"));
    loop {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
        command.args(["probe", url, "--seconds", "30", "--save-frames"]).arg(&saved);
        let output = command.output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        if output.status.success() {
            break;
        }
        assert!(printed.contains("cannot be reached") && started.elapsed() < TEST_TIMEOUT, "{printed}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut names: Vec<_> = fs::read_dir(&saved).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|name| fs::read(name).unwrap()).collect()
}

fn assert_frames_are_equal(case: &str, played: &[Vec<u8>], film: &[Vec<u8>]) {
    assert_eq!(played.len(), film.len(), "{case}");
    for (number, (played, sent)) in played.iter().zip(film).enumerate() {
        assert!(played == sent, "{case}: frame {number} differs");
    }
}

#[test]
fn ffmpeg_listens_with_and_without_a_content_type() {
    if !is_installed("ffmpeg", "-version") {
        return;
    }
    for content_type in [None, Some("multipart/x-mixed-replace;boundary=ffmpeg")] {
        let folder = tempfile::tempdir().unwrap();
        let film = write_film(folder.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}/camera");
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-re", "-framerate", "40", "-f", "mjpeg", "-i"])
            .arg(folder.path().join("film.mjpeg"));
        command.args(["-c", "copy", "-f", "mpjpeg"]);
        if let Some(content_type) = content_type {
            command.args(["-content_type", content_type]);
        }
        let command = command.args(["-listen", "1", &url]).stdin(Stdio::null());
        let _ffmpeg = RunningProgram(command.spawn().unwrap());
        assert_frames_are_equal(&format!("{content_type:?}"), &play(&url, folder.path()), &film);
    }
}

#[test]
fn gstreamer_multipartmux_is_played() {
    if !is_installed("gst-launch-1.0", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let film = write_film(folder.path());
    let files = folder.path().join("%03d.jpg").to_str().unwrap().to_owned();
    let address = start(move |connection| {
        if read_request(connection).is_none() {
            return;
        }
        let head =
            "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=ThisRandomString\r\n\r\n";
        connection.write_all(head.as_bytes()).unwrap();
        let mut command = Command::new("gst-launch-1.0");
        command.args([
            "-q",
            "multifilesrc",
            &format!("location={files}"),
            &format!("stop-index={}", FRAMES - 1),
        ]);
        command.args([
            "caps=image/jpeg,framerate=(fraction)40/1",
            "!",
            "multipartmux",
            "!",
            "fdsink",
            "fd=1",
        ]);
        let mut gst = RunningProgram(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
        let mut body = Vec::new();
        gst.0.stdout.take().unwrap().read_to_end(&mut body).unwrap();
        // Errors are ignored: the player may stop at any time.
        let _ = connection.write_all(&body);
    });
    let played = play(&format!("http://{address}/"), folder.path());
    assert_frames_are_equal("multipartmux", &played, &film);
}
