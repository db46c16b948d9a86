//! Saved HTTP streams as ffmpeg, GStreamer and curl write them: every frame is the one that ffmpeg extracts.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::mov_films::{frames_of_ffmpeg, frames_of_reelay};
use super::programs::{has_ffmpeg, is_installed, lock_tests, run};
use super::serve_process::REELAY_PROGRAM;
use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;

/// Returns the hashes of the frames as Reelay reads them.
fn hashes(path: &Path) -> Vec<String> {
    frames_of_reelay(path).into_iter().map(|(hash, _)| hash).collect()
}

/// Returns the hashes of the frames that ffmpeg extracts with this demuxer, one JPEG file each.
fn extracted_hashes(path: &Path, demuxer: &str, folder: &Path) -> Vec<String> {
    let mut extract = Command::new("ffmpeg");
    extract.args(["-v", "error", "-f", demuxer, "-i"]).arg(path);
    run(extract.args(["-c", "copy", "-f", "image2"]).arg(folder.join("extracted%04d.jpg")));
    let numbers = (1..).map(|number| folder.join(format!("extracted{number:04}.jpg")));
    numbers.take_while(|path| path.exists()).flat_map(|path| hashes(&path)).collect()
}

#[test]
fn captures_of_ffmpeg_and_gstreamer_have_the_frames_that_ffmpeg_extracts() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !is_installed("gst-launch-1.0", Command::new("gst-launch-1.0").arg("--version")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mpjpeg");
    let mut make = Command::new("ffmpeg");
    make.args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=2"]);
    run(make.args(["-c:v", "mjpeg", "-f", "mpjpeg"]).arg(&path));
    let frames = hashes(&path);
    assert_eq!(frames.len(), 50);
    assert_eq!(frames, extracted_hashes(&path, "mpjpeg", folder.path()), "ffmpeg -f mpjpeg");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gst.mpjpeg");
    let location = format!("location={}", path.display());
    let pipeline =
        ["-q", "videotestsrc", "num-buffers=20", "!", "jpegenc", "!", "multipartmux", "!", "filesink"];
    run(Command::new("gst-launch-1.0").args(pipeline).arg(&location));
    let frames = hashes(&path);
    assert_eq!(frames.len(), 20);
    assert_eq!(frames, extracted_hashes(&path, "mpjpeg", folder.path()), "multipartmux");
}

/// Runs `reelay convert` in a folder.
fn convert(folder: &Path, arguments: &[&str]) {
    run(Command::new(REELAY_PROGRAM).current_dir(folder).arg("convert").args(arguments));
}

#[test]
fn other_programs_read_a_written_capture() {
    let _lock = lock_tests();
    let has_gstreamer = is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("multipartdemux"));
    if !has_ffmpeg() || !has_gstreamer {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (160, 120), 30);
    fs::write(folder.path().join("film.mjpeg"), frames.concat()).unwrap();
    convert(folder.path(), &["film.mjpeg", "film.mpjpeg", "--fps", "25"]);
    let film = folder.path().join("film.mpjpeg");
    let mut copy = Command::new("ffmpeg");
    copy.args(["-v", "error", "-f", "mpjpeg", "-i"]).arg(&film).args(["-c", "copy", "-f", "mjpeg", "-"]);
    assert!(run(&mut copy) == frames.concat());
    let pattern = format!("location={}/gst%05d.jpg", folder.path().display());
    let source = format!("location={}", film.display());
    let pipeline = ["-q", "filesrc", &source, "!", "multipartdemux", "!", "multifilesink", &pattern];
    run(Command::new("gst-launch-1.0").args(pipeline));
    for (number, frame) in frames.iter().enumerate() {
        let path = folder.path().join(format!("gst{number:05}.jpg"));
        assert!(fs::read(&path).unwrap() == *frame, "frame {number}");
    }
    convert(folder.path(), &["film.mpjpeg", "film.mov"]);
    assert_eq!(frames_of_ffmpeg(&folder.path().join("film.mov")), frames_of_reelay(&film));
}

/// A camera in the chunked transfer coding, whose chunks end anywhere. curl removes the coding, and keeps the head of
/// the response if it is told to.
#[test]
fn stream_that_curl_has_saved_has_every_frame_and_time() {
    let _lock = lock_tests();
    if !is_installed("curl", Command::new("curl").arg("--version")) {
        return;
    }
    let frames = test_jpegs(JpegKind::WithComment, (160, 120), 20);
    let mut body = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        let head =
            format!("--cam\r\nContent-Type: image/jpeg\r\nX-Timestamp: 1700000000.{number:02}\r\n\r\n");
        body.extend([head.as_bytes(), frame, b"\r\n"].concat());
    }
    let chunks = body
        .chunks(777)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=\"cam\"\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    let response: Vec<u8> = head.bytes().chain(chunks).chain(*b"0\r\n\r\n").collect();
    for option in ["-s", "-si"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/video", listener.local_addr().unwrap());
        let response = response.clone();
        let camera = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 1_000]).unwrap();
            connection.write_all(&response).unwrap();
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.mpjpeg");
        run(Command::new("curl").args([option, &url, "-o"]).arg(&path));
        camera.join().unwrap();
        let (saved, times): (Vec<_>, Vec<_>) = frames_of_reelay(&path).into_iter().unzip();
        let single = folder.path().join("frames.mjpeg");
        fs::write(&single, frames.concat()).unwrap();
        assert_eq!(saved, hashes(&single), "{option}");
        assert_eq!(times, (0..20).map(|frame| frame * 10_000).collect::<Vec<_>>(), "{option}");
    }
}
