//! Players seek and change the playback speed in streams from Reelay's server.

use std::path::Path;
use std::process::Command;

use crate::TRANSPORTS;
use crate::programs::{PYTHON, has_ffmpeg, is_installed, lock_tests, run};
use crate::samples::{Sample, decode, decode_file, distinct_sample};
use crate::serve_process::{FRAMES_PER_SECOND, ServeProcess};

/// Asserts that the frame numbers start at `start`, give or take one, and continue in steps of `step` up to `end`. The
/// last frame is among them at any step.
#[track_caller]
fn assert_numbers_from(numbers: &[usize], start: usize, step: usize, end: usize, context: &str) {
    let first = *numbers.first().unwrap_or_else(|| panic!("{context}: no frame"));
    assert!(first.abs_diff(start) <= 1, "{context}: frame {first} instead of {start}");
    let steps = (first..end - 1).step_by(step);
    assert!(numbers.iter().copied().eq(steps.chain([end - 1])), "{context}: {numbers:?}");
}

/// Position of the seeks in seconds.
const SEEK_SECONDS: u32 = 1;
const SEEK_FRAME: usize = (SEEK_SECONDS * FRAMES_PER_SECOND) as usize;

#[test]
fn ffmpeg_seeks_within_one_frame() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let sample = distinct_sample(100);
    let server = ServeProcess::start(std::slice::from_ref(&sample));
    for transport in TRANSPORTS {
        let start = SEEK_SECONDS.to_string();
        let input = ["-rtsp_transport", transport, "-ss", &start, "-i", &server.urls[0]];
        let numbers = sample.frame_numbers(&decode(&input, sample.pixel_format));
        assert_numbers_from(
            &numbers,
            SEEK_FRAME,
            1,
            sample.file.frames.len(),
            &format!("ffmpeg over {transport}"),
        );
    }
}

/// A script that seeks at the first frame and writes the frames after the seek to a file.
const GSTREAMER_SEEK: &str = r#"
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst
Gst.init(None)
url, transport, start, rate, flag, received = sys.argv[1:]
pipeline = Gst.parse_launch(
    "rtspsrc name=source ! rtpjpegdepay ! appsink name=sink sync=false emit-signals=true"
)
source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
source.set_property("location", url)
source.set_property("protocols", transport)
loop, frames, seeks = GLib.MainLoop(), [], []

FLAGS = {"all": Gst.SeekFlags.FLUSH, "skip": Gst.SeekFlags.FLUSH | Gst.SeekFlags.SKIP}

def seek():
    begin, end = (Gst.SeekType.SET, int(float(start) * Gst.SECOND)), (Gst.SeekType.NONE, -1)
    assert pipeline.seek(float(rate), Gst.Format.TIME, FLAGS[flag], *begin, *end)

def on_sample(sink):
    buffer = sink.emit("pull-sample").get_buffer()
    frames.append(buffer.extract_dup(0, buffer.get_size()))
    if not seeks:
        seeks.append(GLib.idle_add(seek))
    return Gst.FlowReturn.OK

def on_flush(pad, info):
    if info.get_event().type == Gst.EventType.FLUSH_STOP:
        frames.clear()
    return Gst.PadProbeReturn.OK

def on_message(bus, message):
    # At the end of the stream GStreamer sometimes reports an error instead of EOS.
    if message.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
        loop.quit()

sink.connect("new-sample", on_sample)
sink.get_static_pad("sink").add_probe(Gst.PadProbeType.EVENT_FLUSH, on_flush)
pipeline.get_bus().add_signal_watch()
pipeline.get_bus().connect("message", on_message)
pipeline.set_state(Gst.State.PLAYING)
loop.run()
pipeline.set_state(Gst.State.NULL)
open(received, "wb").write(b"".join(frames))
"#;

const GSTREAMER_IMPORTS: &str = "
import gi
gi.require_version('Gst', '1.0')
from gi.repository import Gst
";

fn has_gstreamer() -> bool {
    is_installed("GStreamer with Python", Command::new(PYTHON).args(["-c", GSTREAMER_IMPORTS]))
}

/// Returns the numbers of the frames that GStreamer receives after a seek.
#[track_caller]
fn frames_after_seek(sample: &Sample, url: &str, transport: &str, rate: &str, flag: &str) -> Vec<usize> {
    let received = sample.file.folder().join("received.jpegs");
    let (start, file) = (SEEK_SECONDS.to_string(), path_str(&received));
    run(Command::new(PYTHON).args(["-c", GSTREAMER_SEEK, url, transport, &start, rate, flag, file]));
    sample.frame_numbers(&decode_file(&received, sample.pixel_format))
}

fn path_str(path: &Path) -> &str {
    path.to_str().expect("the path is not UTF-8")
}

#[test]
fn gstreamer_seeks_within_one_frame() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    let sample = distinct_sample(100);
    let server = ServeProcess::start(std::slice::from_ref(&sample));
    for transport in TRANSPORTS {
        let numbers = frames_after_seek(&sample, &server.urls[0], transport, "1", "all");
        assert_numbers_from(
            &numbers,
            SEEK_FRAME,
            1,
            sample.file.frames.len(),
            &format!("GStreamer over {transport}"),
        );
    }
}

/// At double speed GStreamer sends Speed, or Scale if frames may be skipped.
#[test]
fn gstreamer_plays_at_double_speed() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    let sample = distinct_sample(100);
    let server = ServeProcess::start(std::slice::from_ref(&sample));
    for (flag, step) in [("all", 1), ("skip", 2)] {
        for transport in TRANSPORTS {
            let numbers = frames_after_seek(&sample, &server.urls[0], transport, "2", flag);
            let peer = format!("GStreamer, {flag}, over {transport}");
            assert_numbers_from(&numbers, SEEK_FRAME, step, sample.file.frames.len(), &peer);
        }
    }
}
