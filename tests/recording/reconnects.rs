//! Recordings of a stream whose connection is lost and set up again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{ChildStderr, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;
use crate::{
    RunningProgram, command, names, read_film, serve, serve_at, succeed, wait_for_length, write_film,
};

/// A running `reelay convert` whose stderr is read line by line.
struct Converting {
    program: RunningProgram,
    errors: BufReader<ChildStderr>,
}

impl Converting {
    fn start(folder: &std::path::Path, arguments: &[&str]) -> Self {
        let mut convert = command(folder, arguments);
        convert.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut program = RunningProgram(convert.spawn().unwrap());
        let errors = BufReader::new(program.0.stderr.take().unwrap());
        Self { program, errors }
    }

    /// Waits for a line that contains this text.
    #[track_caller]
    fn wait_for(&mut self, part: &str) {
        let mut printed = String::new();
        while !printed.contains(part) {
            let length = self.errors.read_line(&mut printed).unwrap();
            assert!(length > 0, "it has ended: {printed}");
        }
    }

    /// Waits for the end, which is successful.
    #[track_caller]
    fn finish(&mut self) {
        let mut printed = String::new();
        self.errors.read_to_string(&mut printed).unwrap();
        assert!(self.program.0.wait().unwrap().success(), "{printed}");
    }
}

/// Returns the positions of the recorded frames in the film.
#[track_caller]
fn positions(recorded: &[Vec<u8>], film: &[Vec<u8>]) -> Vec<usize> {
    let position = |frame| film.iter().position(|other| other == frame);
    recorded.iter().map(|frame| position(frame).expect("the frame is not one of the film")).collect()
}

#[test]
fn film_goes_on_with_a_gap_when_the_server_is_started_again() {
    for name in ["out.mov", "out.avi", "out.mpjpeg"] {
        let folder = tempfile::tempdir().unwrap();
        let film = write_film(&folder.path().join("film.avi"), 180, (50, 1));
        let (server, url) = serve(folder.path(), "film.avi");
        let mut converting = Converting::start(folder.path(), &["convert", &url, name]);
        wait_for_length(&folder.path().join(format!(".{name}.part")), 60_000);
        // The server ends by SIGKILL, and sends nothing more.
        drop(server);
        converting.wait_for("was lost; reconnecting in 1 second (attempt 1)…");
        let address = url.split('/').nth(2).unwrap();
        let _server = serve_at(folder.path(), address, "film.avi");
        converting.finish();
        assert_eq!(names(folder.path()), ["film.avi", name]);

        let (recorded, times) = read_film(&folder.path().join(name));
        let positions = positions(&recorded, &film);
        let intervals: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let gap = (0..recorded.len() - 1).max_by_key(|number| intervals[*number]).unwrap();
        // The wait before the attempt is a part of it.
        assert!(intervals[gap] >= 1_000_000, "{name}: {intervals:?}");
        let is_regular = |number: usize| number == gap || intervals[number].abs_diff(20_000) <= 1_000;
        assert!((0..recorded.len() - 1).all(is_regular), "{name}: {intervals:?}");
        // Both parts are complete, and the second begins where the first has ended, or with frames that were not shown.
        let (first, second) = positions.split_at(gap + 1);
        assert!(first.iter().copied().eq(0..=gap), "{name}: {first:?}");
        assert!(second.iter().copied().eq(second[0]..180), "{name}: {second:?}");
        assert!(second[0].abs_diff(gap + 1) <= 25, "{name}: from {gap} to {}", second[0]);
    }
}

/// Sends frames as parts of a body, to the first request of a connection.
fn send_parts(connection: &mut TcpStream, frames: &[Vec<u8>], is_end: bool) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
    let mut body = head.as_bytes().to_vec();
    for frame in frames {
        body.extend(format!("--b\r\nContent-Length: {}\r\n\r\n", frame.len()).into_bytes());
        body.extend([frame, &b"\r\n"[..]].concat());
    }
    body.extend(if is_end { &b"--b--\r\n"[..] } else { b"--b\r\n" });
    connection.write_all(&body).unwrap();
}

/// Starts a server that sends a body to each connection and closes it. Returns its URL, and the number of connections.
fn start_server(head: &'static str, body: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/film", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head = format!(
                "HTTP/1.0 200 OK\r\n{head}Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
            );
            // Errors are ignored: the player may close the connection at any time.
            let _ = connection.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    (url, connections)
}

/// A film without a length and without a closing delimiter ends when the server closes the connection after a frame.
#[test]
fn film_over_http_ends_when_the_server_closes_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 24);
    let parts: Vec<u8> =
        frames.iter().flat_map(|frame| [b"--b\r\n\r\n", &frame[..], b"\r\n"].concat()).collect();
    let next = [&parts[..], b"--b\r\n"].concat();
    for (name, head, body, is_ambiguous) in [
        ("closed.mov", "", &parts, false),
        // ffmpeg writes a delimiter after each frame, and the last one looks like a cut part.
        ("delimiter.mov", "", &next, true),
        // What a camera says, too.
        ("live.mov", "Cache-Control: no-cache\r\n", &parts, true),
    ] {
        let (url, connections) = start_server(head, body.clone());
        let (out, err) = succeed(folder.path(), &["convert", &url, name]);
        assert!(out.starts_with(&format!("{name}: 24 frames, ")), "{out}{err}");
        assert!(read_film(&folder.path().join(name)).0 == frames, "{name}");
        assert_eq!(err.contains("was lost; reconnecting in 1 second"), is_ambiguous, "{name}: {err}");
        assert_eq!(connections.load(Ordering::Relaxed), 1 + usize::from(is_ambiguous), "{name}");
    }
}

#[test]
fn camera_over_http_that_is_started_again_continues_the_film() {
    for name in ["out.mov", "out.avi"] {
        let folder = tempfile::tempdir().unwrap();
        let frames = test_jpegs(JpegKind::Standard420, (96, 64), 24);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}/video");
        let (stop, stopped) = mpsc::channel();
        let sent = frames.clone();
        let camera = std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            send_parts(&mut first, &sent[..12], false);
            stopped.recv().unwrap();
            drop((first, listener));
            let listener = TcpListener::bind(address).unwrap();
            let (mut second, _) = listener.accept().unwrap();
            send_parts(&mut second, &sent[12..], true);
        });
        let mut converting = Converting::start(folder.path(), &["convert", &url, name]);
        let length: usize = frames[..12].iter().map(Vec::len).sum();
        wait_for_length(&folder.path().join(format!(".{name}.part")), length as u64);
        stop.send(()).unwrap();
        converting.wait_for("was lost; reconnecting in 1 second (attempt 1)…");
        converting.finish();
        camera.join().unwrap();
        let (recorded, times) = read_film(&folder.path().join(name));
        assert!(recorded == frames, "{name}: {} frames", recorded.len());
        // Frames that arrive together are a tick apart in AVI.
        assert!(times[12] - times[0] >= 1_000_000, "{name}: {times:?}");
        assert!(times[11] - times[0] < times[12] - times[11], "{name}: {times:?}");
        assert_eq!(names(folder.path()), [name]);
    }
}
