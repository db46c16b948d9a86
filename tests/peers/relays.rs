//! Another engine pulls one stream from Reelay and serves it to several viewers.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use crate::programs::{PYTHON, RunningProgram, has_ffmpeg, lock_tests, run};
use crate::samples::{Sample, decode_file, distinct_sample};
use crate::serve_process::{REELAY_PROGRAM, ServeProcess};
use crate::servers::{has_gstreamer_server, read_saved_frames};

/// What the documentation gives to those who want to relay.
const RELAY_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/relay.py");

/// Frames that each viewer sees.
const FRAMES_PER_VIEWER: usize = 60;

/// Plays a part of the stream; the pixels that it has brought.
fn play_part(sample: &Sample, url: &str, transport: &str) -> Vec<u8> {
    let folder = sample.file.folder().join(transport);
    let mut probe = Command::new(REELAY_PROGRAM);
    probe.args(["probe", url, "--transport", transport, "--frames", &FRAMES_PER_VIEWER.to_string()]);
    run(probe.arg("--save-frames").arg(&folder));
    let file = folder.join("seen.jpegs");
    fs::write(&file, read_saved_frames(&folder)).unwrap();
    decode_file(&file, sample.pixel_format)
}

fn start_relay(url: &str) -> (String, RunningProgram) {
    let mut command = Command::new(PYTHON);
    command.arg(Path::new(RELAY_SCRIPT)).args([url, "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut relay = RunningProgram(command.spawn().unwrap());
    let mut url = String::new();
    BufReader::new(relay.0.stdout.take().expect("a pipe")).read_line(&mut url).unwrap();
    (url.trim().to_owned(), relay)
}

#[test]
fn gstreamer_relays_one_stream_to_several_viewers() {
    let _alone = lock_tests();
    if !has_ffmpeg() || !has_gstreamer_server() {
        return;
    }
    let sample = distinct_sample(400);
    let serving = ServeProcess::start(std::slice::from_ref(&sample));
    let (url, _relay) = start_relay(&serving.urls[0]);
    let seen = thread::scope(|scope| {
        let viewers = ["udp", "tcp"].map(|transport| scope.spawn(|| play_part(&sample, &url, transport)));
        viewers.map(|viewer| viewer.join().unwrap())
    });
    for pixels in &seen {
        let numbers = sample.frame_numbers(pixels);
        assert_eq!(numbers.len(), FRAMES_PER_VIEWER);
        assert!(numbers.iter().is_sorted(), "{numbers:?}");
    }
    assert_eq!(serving.request_count("SETUP"), 1, "it is pulled once");
}
