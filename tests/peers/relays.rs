//! Another engine pulls one stream from Reelay and serves it to several viewers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::programs::{PYTHON, Running, alone, has_ffmpeg, run};
use crate::samples::{Sample, decoded_file, distinct_sample};
use crate::servers::{has_gstreamers_server, received};
use crate::serving::{REELAY, Serving};

/// What the documentation gives to those who want to relay.
const RELAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/relay.py");

/// Frames that each viewer sees.
const FRAMES: usize = 60;

/// Plays a part of the stream; the pixels that it has brought.
fn view(sample: &Sample, url: &str, transport: &str) -> Vec<u8> {
    let folder = sample.film.folder().join(transport);
    let mut probe = Command::new(REELAY);
    probe.args(["probe", url, "--transport", transport, "--frames", &FRAMES.to_string()]);
    run(probe.arg("--save-frames").arg(&folder));
    let file = folder.join("seen.jpegs");
    fs::write(&file, received(&folder)).unwrap();
    decoded_file(&file, sample.pixel_format)
}

fn start_relay(url: &str) -> (String, Running) {
    let mut command = Command::new(PYTHON);
    command.arg(Path::new(RELAY)).args([url, "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut relay = Running(command.spawn().unwrap());
    let mut url = String::new();
    BufReader::new(relay.0.stdout.take().expect("a pipe")).read_line(&mut url).unwrap();
    (url.trim().to_owned(), relay)
}

#[test]
fn gstreamer_relays_one_stream_to_several_viewers() {
    let _alone = alone();
    if !has_ffmpeg() || !has_gstreamers_server() {
        return;
    }
    let sample = distinct_sample(400);
    let serving = Serving::start(std::slice::from_ref(&sample));
    let (url, _relay) = start_relay(&serving.urls[0]);
    let seen = thread::scope(|scope| {
        let viewers = ["udp", "tcp"].map(|transport| scope.spawn(|| view(&sample, &url, transport)));
        viewers.map(|viewer| viewer.join().unwrap())
    });
    for pixels in &seen {
        let numbers = sample.numbers(pixels);
        assert_eq!(numbers.len(), FRAMES);
        assert!(numbers.iter().is_sorted(), "{numbers:?}");
    }
    assert_eq!(serving.count("SETUP"), 1, "it is pulled once");
}
