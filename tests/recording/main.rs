//! Recordings: `reelay probe --record`, and `reelay convert` of a stream.

#[path = "../common/mod.rs"]
mod common;
mod disks;
mod folders;
mod long_films;
mod reconnects;
mod sources;

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::avi_files::AviOptions;
use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;

/// Limit of every wait.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Program that is killed on drop.
struct RunningProgram(Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that succeeds, and returns what it prints on stdout and stderr.
#[track_caller]
fn succeed(folder: &Path, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    assert!(status.success(), "{arguments:?}: {}", text(&stderr));
    (text(&stdout), text(&stderr))
}

/// Runs a command that fails with exit status 1, and returns what it prints on stderr.
#[track_caller]
fn fail(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

/// Sends a signal to a program.
fn signal(program: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &program.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Starts a server in `folder`, and returns it with the URL of the film.
fn serve(folder: &Path, film: &str) -> (RunningProgram, String) {
    serve_at(folder, "127.0.0.1:0", film)
}

/// Starts a server at an address.
fn serve_at(folder: &Path, address: &str, film: &str) -> (RunningProgram, String) {
    let mut command = command(folder, &["serve", "--listen", address, film]);
    let mut program = RunningProgram(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut url = String::new();
    BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (program, url.trim().to_owned())
}

/// Frames of a film, and their times in µs; the last time is the end.
#[track_caller]
fn read_film(path: &Path) -> (Vec<Vec<u8>>, Vec<u64>) {
    let film = MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap();
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let count = runtime.block_on(progress.wait_for(|progress| progress.is_finished())).unwrap().frames;
    let frames = (0..count).map(|frame| film.read_frame(frame).unwrap().to_vec()).collect();
    (frames, (0..=count).map(|frame| film.times().npt_of(frame).as_micros()).collect())
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Writes an AVI film of different frames, each of about `kind`'s size, and returns them.
fn write_film(path: &Path, count: u32, rate: (u32, u32)) -> Vec<Vec<u8>> {
    let frames = test_jpegs(JpegKind::WithComment, (96, 64), count);
    fs::write(path, AviOptions { rate, ..AviOptions::default() }.encode(&frames)).unwrap();
    frames
}

/// Waits until a file has this many bytes.
#[track_caller]
fn wait_for_length(path: &Path, length: u64) {
    let started = Instant::now();
    while fs::metadata(path).map_or(0, |metadata| metadata.len()) < length {
        assert!(started.elapsed() < TEST_TIMEOUT, "{} does not grow", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Checks that the times of a recording are those of the film from its first frame on, within the clock of RTP.
#[track_caller]
fn assert_times(recorded: &[u64], film: &[u64]) {
    for (number, (recorded, film_time)) in recorded.iter().zip(film).enumerate() {
        let expected = film_time - film[0];
        assert!(recorded.abs_diff(expected) <= 24, "frame {number}: {recorded} µs and not {expected}");
    }
}

#[test]
fn recording_of_a_film_is_the_film_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = write_film(&at("film.avi"), 60, (30_000, 1_001));
    let (_, times) = read_film(&at("film.avi"));
    for (name, has_times) in [("out.mov", true), ("out.avi", true), ("out.mjpeg", false)] {
        let (_, err) = succeed(folder.path(), &["probe", "film.avi", "--transport", "tcp", "--record", name]);
        let (recorded, recorded_times) = read_film(&at(name));
        assert!(recorded == frames, "{name}");
        if has_times {
            assert_times(&recorded_times, &times);
            assert!(err.contains(&format!("{name}: 60 frames, 2.00")), "{err}");
        } else {
            assert!(err.contains("The classroom format holds no times"), "{err}");
        }
    }
    let error = fail(folder.path(), &["probe", "film.avi", "--record", "out.mov"]);
    assert!(error.contains("out.mov exists already; choose another name."), "{error}");
    let error = fail(folder.path(), &["probe", "film.avi", "--record", "nowhere/out.mov"]);
    assert_eq!(error, "reelay: There is no folder nowhere to record to; create it, or choose another one.\n");
    assert_eq!(names(folder.path()), ["film.avi", "out.avi", "out.mjpeg", "out.mov"]);
}

#[test]
fn film_of_variable_rate_keeps_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 20);
    // Frames on ticks of 1/90 s: 0, 3, 4, 9, 12, 13, 18 and so on.
    let mut sparse = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        sparse.push(frame.clone());
        sparse.extend(vec![Vec::new(); [2, 0, 4][number % 3]]);
    }
    let options = AviOptions { rate: (90, 1), ..AviOptions::default() };
    fs::write(at("film.avi"), options.encode(&sparse)).unwrap();
    let (_, times) = read_film(&at("film.avi"));
    succeed(folder.path(), &["probe", "film.avi", "--transport", "tcp", "--record", "out.mov"]);
    let (recorded, recorded_times) = read_film(&at("out.mov"));
    assert_eq!(recorded.len(), 20);
    assert_times(&recorded_times[..20], &times[..20]);
    let (_, err) =
        succeed(folder.path(), &["probe", "film.avi", "--transport", "tcp", "--record", "out.avi"]);
    assert!(err.contains("The times of the frames are rounded, by at most 0."), "{err}");
    let (_, rounded) = read_film(&at("out.avi"));
    assert!(rounded.iter().zip(&times).take(20).all(|(rounded, time)| rounded.abs_diff(*time) <= 512));
}

#[test]
fn killed_recording_is_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = write_film(&at("film.avi"), 500, (50, 1));
    let (_, times) = read_film(&at("film.avi"));
    for name in ["out.mov", "out.avi", "out.mpjpeg"] {
        let mut probe =
            command(folder.path(), &["probe", "film.avi", "--transport", "tcp", "--record", name]);
        let mut probe = RunningProgram(probe.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for_length(&at(name), 150_000);
        signal(&probe.0, "KILL");
        probe.0.wait().unwrap();
        let (recovered, recovered_times) = read_film(&at(name));
        assert!(recovered.len() >= 10 && recovered.len() < 500, "{name}: {} frames", recovered.len());
        assert!(recovered[..] == frames[..recovered.len()], "{name}");
        assert_times(&recovered_times[..recovered.len()], &times);
    }
    assert_eq!(names(folder.path()), ["film.avi", "out.avi", "out.mov", "out.mov.index", "out.mpjpeg"]);
    // The recovered film is made a complete one by converting it.
    let (recovered, recovered_times) = read_film(&at("out.mov"));
    succeed(folder.path(), &["convert", "out.mov", "complete.mov"]);
    let (complete, complete_times) = read_film(&at("complete.mov"));
    assert!(complete == recovered);
    assert_times(&complete_times[..complete.len()], &recovered_times);
    // Without the index, the frames are found, without their times.
    fs::remove_file(at("out.mov.index")).unwrap();
    let (searched, searched_times) = read_film(&at("out.mov"));
    assert!(searched == recovered);
    assert_eq!(searched_times[..3], [0, 50_000, 100_000]);
}

#[test]
fn ctrl_c_completes_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = write_film(&at("film.avi"), 1_500, (50, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    for (arguments, grows) in [
        (vec!["probe", &url, "--transport", "tcp", "--record", "probed.mov"], "probed.mov"),
        (vec!["convert", &url, "converted.mov"], ".converted.mov.part"),
    ] {
        let mut command = command(folder.path(), &arguments);
        let mut program =
            RunningProgram(command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        wait_for_length(&at(grows), 60_000);
        signal(&program.0, "INT");
        let status = program.0.wait().unwrap();
        let mut err = String::new();
        program.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}: {err}");
        let (recorded, _) = read_film(&at(arguments.last().unwrap()));
        assert!(recorded.len() >= 10 && recorded[..] == frames[..recorded.len()], "{arguments:?}");
    }
    assert_eq!(names(folder.path()), ["converted.mov", "film.avi", "probed.mov"]);
}

#[test]
fn stream_is_converted_to_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = write_film(&at("film.avi"), 40, (40, 1));
    let (_, times) = read_film(&at("film.avi"));
    let (_server, url) = serve(folder.path(), "film.avi");
    for name in ["out.mov", "out.avi", "out.mpjpeg", "out.mjpeg"] {
        let (out, _) = succeed(folder.path(), &["convert", &url, name]);
        assert!(out.starts_with(&format!("{name}: 40 frames, 1.00")), "{out}");
        let (converted, converted_times) = read_film(&at(name));
        assert!(converted == frames, "{name}");
        if name != "out.mjpeg" {
            assert_times(&converted_times, &times);
        }
    }
    let error = fail(folder.path(), &["convert", &url, "out.mov"]);
    assert!(
        error.contains("out.mov exists already; choose another name, or replace it with --force."),
        "{error}"
    );
    let part = ["convert", &url, "out.mov", "--force", "--from", "0.5", "--duration", "0.25", "--fps", "5"];
    succeed(folder.path(), &part);
    let (converted, converted_times) = read_film(&at("out.mov"));
    assert!(converted == frames[20..30], "{} frames", converted.len());
    assert_eq!(converted_times[..3], [0, 200_000, 400_000]);
    assert_eq!(names(folder.path()), ["film.avi", "out.avi", "out.mjpeg", "out.mov", "out.mpjpeg"]);
}

#[test]
fn stream_that_cannot_be_played_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fail(folder.path(), &["convert", &format!("rtsp://ann:secret@{unused}/film"), "out.mov"]);
    assert!(error.contains("cannot be reached") && !error.contains("secret"), "{error}");
    let error = fail(folder.path(), &["convert", "http://127.0.0.1:1/camera", "out.mov", "--from", "5"]);
    assert!(error.contains("The stream has no positions; leave out --from."), "{error}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

/// A camera over HTTP that sends frames of one size, then of another, and closes the connection.
fn start_camera(frames: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://ann:secret@{}/video?pwd=hidden", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
            // Errors are ignored: the player may close the connection at any time.
            let _ = connection.write_all(head.as_bytes());
            for (number, frame) in frames.iter().enumerate() {
                let time = format!("{}.{:06}", 1_700_000_000 + number / 10, number % 10 * 100_000);
                let part = format!(
                    "--b\r\nContent-Type: image/jpeg\r\nX-Timestamp: {time}\r\nContent-Length: {}\r\n\r\n",
                    frame.len()
                );
                let _ = connection.write_all(&[part.as_bytes(), frame, b"\r\n"].concat());
            }
        }
    });
    url
}

#[test]
fn camera_over_http_is_recorded_with_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 20);
    let url = start_camera(frames.clone());
    let (_, err) = succeed(folder.path(), &["probe", &url, "--frames", "20", "--record", "out.mov", "-v"]);
    assert!(!err.contains("secret") && !err.contains("hidden"), "{err}");
    let (recorded, times) = read_film(&folder.path().join("out.mov"));
    assert!(recorded == frames);
    let expected: Vec<u64> = (0..=20).map(|number| number * 100_000).collect();
    assert_times(&times, &expected);
}

#[test]
fn frames_of_another_size_end_an_avi_film_and_not_a_mov_film() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [(96, 64), (64, 48)].map(|size| test_jpegs(JpegKind::Standard420, size, 12));
    let url = start_camera(sizes.concat());
    succeed(folder.path(), &["probe", &url, "--frames", "24", "--record", "out.mov"]);
    assert!(read_film(&folder.path().join("out.mov")).0 == sizes.concat());
    let error = fail(folder.path(), &["probe", &url, "--frames", "24", "--record", "out.avi"]);
    assert!(
        error.contains("has ended at frame 13: it has 64×48 pixels and not 96×64 as the ones before it"),
        "{error}"
    );
    assert!(read_film(&folder.path().join("out.avi")).0 == sizes[0]);
}
