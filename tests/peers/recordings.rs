//! Recordings as other programs read them, and other programs as sources of recordings.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::mov_films::{frames_of_ffmpeg, frames_of_reelay};
use super::programs::{RunningProgram, TEST_TIMEOUT, has_ffmpeg, is_installed, lock_tests, run};
use super::serve_process::REELAY_PROGRAM;
use crate::common::avi_files::AviOptions;
use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;

/// Writes a film of 60 frames at 29.97 frames per second.
fn write_film(folder: &Path) -> Vec<Vec<u8>> {
    let frames = test_jpegs(JpegKind::Standard420, (160, 120), 60);
    let options = AviOptions { rate: (30_000, 1_001), ..AviOptions::default() };
    fs::write(folder.join("film.avi"), options.encode(&frames)).unwrap();
    frames
}

fn record(folder: &Path, name: &str) {
    let mut probe = Command::new(REELAY_PROGRAM);
    run(probe.current_dir(folder).args(["probe", "film.avi", "--transport", "tcp", "--record", name]));
}

#[test]
fn recordings_have_their_count_rate_and_duration_in_other_programs() {
    let _lock = lock_tests();
    let has_gstreamer = is_installed("GStreamer", Command::new("gst-launch-1.0").arg("--version"));
    let has_mpv = is_installed("mpv", Command::new("mpv").arg("--version"));
    if !has_ffmpeg() || !has_gstreamer || !has_mpv {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let frames = write_film(folder.path());
    for (name, demuxer) in [("out.mov", "qtdemux"), ("out.avi", "avidemux")] {
        record(folder.path(), name);
        let film = folder.path().join(name);
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-count_packets", "-of", "csv=p=0", "-show_entries"]);
        ffprobe.arg("stream=codec_name,width,height,r_frame_rate,duration,nb_read_packets").arg(&film);
        let properties = String::from_utf8(run(&mut ffprobe)).unwrap();
        assert_eq!(properties.trim(), "mjpeg,160,120,30000/1001,2.002000,60", "{name}");

        let pattern = format!("location={}/{demuxer}%05d.jpg", folder.path().display());
        let source = format!("location={}", film.display());
        let pipeline = ["-q", "filesrc", &source, "!", demuxer, "!", "multifilesink", &pattern];
        run(Command::new("gst-launch-1.0").args(pipeline));
        for (number, frame) in frames.iter().enumerate() {
            let path = folder.path().join(format!("{demuxer}{number:05}.jpg"));
            assert!(fs::read(path).unwrap() == *frame, "{name} in GStreamer: frame {number}");
        }
        assert!(!folder.path().join(format!("{demuxer}00060.jpg")).exists(), "{name} in GStreamer");

        let mut mpv = Command::new("mpv");
        mpv.args(["--no-config", "--vo=null", "--untimed", "--term-status-msg="]);
        mpv.arg("--term-playing-msg=${container-fps} for ${=duration} s").arg(&film);
        let shown = String::from_utf8(run(&mut mpv)).unwrap();
        assert!(shown.contains("29.970 for 2.002000 s"), "{name}: {shown}");
    }
}

#[test]
fn recorded_frames_and_times_are_those_that_ffmpeg_reads_in_the_film() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_film(folder.path());
    let film = frames_of_ffmpeg(&folder.path().join("film.avi"));
    for name in ["out.mov", "out.avi"] {
        record(folder.path(), name);
        let recorded = frames_of_ffmpeg(&folder.path().join(name));
        assert_eq!(recorded.len(), 60, "{name}");
        for (number, (recorded, film)) in recorded.iter().zip(&film).enumerate() {
            assert_eq!(recorded.0, film.0, "{name}: frame {number}");
            assert!(recorded.1.abs_diff(film.1) <= 24, "{name}: frame {number} {recorded:?} {film:?}");
        }
    }
}

/// AVI has no index until it is complete. ffmpeg reads such a film by its chunks.
#[test]
fn avi_recording_of_a_killed_program_is_read_by_ffmpeg() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_film(folder.path());
    let path = folder.path().join("out.avi");
    let mut probe = Command::new(REELAY_PROGRAM);
    probe.current_dir(folder.path()).args(["probe", "film.avi", "--transport", "tcp", "--record", "out.avi"]);
    let mut probe = RunningProgram(probe.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let started = Instant::now();
    while fs::metadata(&path).map_or(0, |metadata| metadata.len()) < 80_000 {
        assert!(started.elapsed() < TEST_TIMEOUT, "the recording does not grow");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL.
    probe.0.kill().unwrap();
    probe.0.wait().unwrap();
    let (recorded, film) = (frames_of_ffmpeg(&path), frames_of_reelay(&folder.path().join("film.avi")));
    assert!(recorded.len() >= 8 && recorded.len() < 60, "{} frames", recorded.len());
    assert!(recorded.iter().zip(&film).all(|(recorded, film)| recorded.0 == film.0));
}

#[test]
fn camera_of_ffmpeg_over_http_is_recorded() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    for arguments in [vec!["probe", "URL", "--record", "out.mov"], vec!["convert", "URL", "out.mov"]] {
        let folder = tempfile::tempdir().unwrap();
        let frames = test_jpegs(JpegKind::Standard420, (160, 128), 40);
        fs::write(folder.path().join("film.mjpeg"), frames.concat()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}/camera");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.current_dir(folder.path());
        ffmpeg.args(["-v", "error", "-re", "-framerate", "40", "-f", "mjpeg", "-i", "film.mjpeg"]);
        ffmpeg.args(["-c", "copy", "-f", "mpjpeg", "-listen", "1", &url]);
        let _ffmpeg = RunningProgram(ffmpeg.stdin(Stdio::null()).spawn().unwrap());
        let started = Instant::now();
        let printed = loop {
            let mut reelay = Command::new(REELAY_PROGRAM);
            reelay.current_dir(folder.path());
            reelay.args(arguments.iter().map(|argument| if *argument == "URL" { &url } else { *argument }));
            let output = reelay.output().unwrap();
            let printed = String::from_utf8(output.stderr).unwrap();
            if output.status.success() {
                break printed;
            }
            // ffmpeg listens a little later.
            let is_too_early = printed.contains("cannot be reached") && started.elapsed() < TEST_TIMEOUT;
            assert!(is_too_early, "{arguments:?}: {printed}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let recorded = frames_of_reelay(&folder.path().join("out.mov"));
        assert_eq!(recorded.len(), 40, "{arguments:?}: {printed}");
        let times: Vec<_> = recorded.iter().map(|(_, time)| *time).collect();
        assert!(times[0] == 0 && times.is_sorted(), "{times:?}");
        assert_eq!(recorded, frames_of_ffmpeg(&folder.path().join("out.mov")), "{arguments:?}");
    }
}
