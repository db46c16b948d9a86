//! Another server receives one stream from Reelay and serves it to several players.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use crate::programs::{PYTHON, RunningProgram, has_ffmpeg, lock_tests, run};
use crate::samples::{Sample, decode_file, distinct_sample};
use crate::serve_process::{REELAY_PROGRAM, ServeProcess};
use crate::servers::{has_gstreamer_server, read_saved_frames};

/// The relay script of the documentation.
const RELAY_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/relay.py");

/// Number of frames that each viewer receives.
const FRAMES_PER_VIEWER: usize = 60;

/// Plays a part of the stream and returns the pixels of its frames.
fn play_part(sample: &Sample, url: &str, transport: &str) -> Vec<u8> {
    let folder = sample.file.folder().join(transport);
    let mut probe = Command::new(REELAY_PROGRAM);
    probe.args(["probe", url, "--transport", transport, "--frames", &FRAMES_PER_VIEWER.to_string()]);
    run(probe.arg("--save-frames").arg(&folder));
    let file = folder.join("received.jpegs");
    fs::write(&file, read_saved_frames(&folder)).unwrap();
    decode_file(&file, sample.pixel_format)
}

fn start_relay(url: &str) -> (String, RunningProgram) {
    let mut command = Command::new(PYTHON);
    command.arg(Path::new(RELAY_SCRIPT)).args([url, "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut relay = RunningProgram(command.spawn().unwrap());
    let mut url = String::new();
    BufReader::new(relay.0.stdout.take().expect("not a pipe")).read_line(&mut url).unwrap();
    (url.trim().to_owned(), relay)
}

#[test]
fn gstreamer_relays_one_stream_to_several_viewers() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer_server() {
        return;
    }
    let sample = distinct_sample(400);
    let server = ServeProcess::start(std::slice::from_ref(&sample));
    let (url, _relay) = start_relay(&server.urls[0]);
    let received = thread::scope(|scope| {
        let viewers = ["udp", "tcp"].map(|transport| scope.spawn(|| play_part(&sample, &url, transport)));
        viewers.map(|viewer| viewer.join().unwrap())
    });
    for pixels in &received {
        let numbers = sample.frame_numbers(pixels);
        assert_eq!(numbers.len(), FRAMES_PER_VIEWER);
        assert!(numbers.iter().is_sorted(), "{numbers:?}");
    }
    assert_eq!(server.request_count("SETUP"), 1, "the relay does not share its stream");
}
