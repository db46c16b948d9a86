//! Reelay plays from other servers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::TRANSPORTS;
use crate::programs::{PYTHON, RunningProgram, has_ffmpeg, is_installed, lock_tests, run};
use crate::samples::{decode, decode_file};
use crate::serve_process::REELAY_PROGRAM;

/// A script that serves the films of a folder and a live source with audio with gst-rtsp-server, and prints its port.
/// With a certificate and its key, it serves them over TLS.
const GSTREAMER_SERVER: &str = r#"
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
if len(sys.argv) > 2:
    auth = GstRtspServer.RTSPAuth()
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(sys.argv[2], sys.argv[3]))
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "anyone")
    auth.set_default_token(token)
    server.set_auth(auth)
role = "anyone, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"

def serve(path, pipeline):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch("( " + pipeline + " )")
    factory.add_role_from_structure(Gst.Structure.new_from_string(role))
    server.get_mount_points().add_factory(path, factory)

for name in ("small", "large"):
    film = sys.argv[1] + "/" + name + ".avi"
    serve("/" + name, "filesrc location=" + film + " ! avidemux ! rtpjpegpay name=pay0 pt=26")
serve(
    "/camera",
    "videotestsrc is-live=true ! video/x-raw,format=I420,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26"
    " audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay1"
)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;

const GSTREAMER_IMPORTS: &str = "
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GstRtspServer
";

pub fn has_gstreamer_server() -> bool {
    let peer = "GStreamer's RTSP server with Python";
    is_installed(peer, Command::new(PYTHON).args(["-c", GSTREAMER_IMPORTS]))
}

/// A running gst-rtsp-server with the films of a folder.
pub struct GStreamerServer {
    port: u16,
    _server: RunningProgram,
}

impl GStreamerServer {
    /// Starts a server; `tls` is empty, or has the files of a certificate and its key.
    pub fn start(films: &Path, tls: &[PathBuf]) -> Self {
        let mut command = Command::new(PYTHON);
        command
            .args(["-c", GSTREAMER_SERVER])
            .arg(films)
            .args(tls)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = RunningProgram(command.spawn().unwrap());
        let mut port = String::new();
        BufReader::new(server.0.stdout.take().expect("not a pipe")).read_line(&mut port).unwrap();
        Self { port: port.trim().parse().unwrap(), _server: server }
    }

    pub fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.port)
    }
}

const FRAMES: usize = 75;

/// Encodes a film of this size with [`FRAMES`] frames at 50 frames/s.
pub fn encode_avi(path: &Path, (width, height): (u16, u16)) {
    let format = format!("video/x-raw,format=I420,framerate=50/1,width={width},height={height}");
    let (frames, file) = (format!("num-buffers={FRAMES}"), format!("location={}", path.display()));
    let pattern = ["videotestsrc", "pattern=ball", &frames];
    let encoder = ["!", &format, "!", "jpegenc", "!", "avimux", "!", "filesink", &file];
    run(Command::new("gst-launch-1.0").arg("-q").args(pattern).args(encoder));
}

/// Returns the concatenated frames that `--save-frames` wrote to a folder.
pub fn read_saved_frames(folder: &Path) -> Vec<u8> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn reelay_plays_every_frame_of_gstreamer_server() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let films = [("small", (640, 480)), ("large", (1_280, 720))];
    for (name, size) in films {
        encode_avi(&folder.path().join(format!("{name}.avi")), size);
    }
    let server = GStreamerServer::start(folder.path(), &[]);
    for (name, (width, height)) in films {
        let avi = folder.path().join(format!("{name}.avi"));
        let source = decode(&["-i", avi.to_str().unwrap()], "yuvj420p");
        assert_eq!(source.len(), FRAMES * usize::from(width) * usize::from(height) * 3 / 2);
        for transport in TRANSPORTS {
            let url = server.url(name);
            let frames = folder.path().join(format!("{name}-{transport}"));
            let report =
                probe_json(&[&url, "--transport", transport, "--save-frames", frames.to_str().unwrap()]);
            let expected: [(_, serde_json::Value); 6] = [
                ("frames_complete", FRAMES.into()),
                ("frames_incomplete", 0.into()),
                ("packets_lost", 0.into()),
                ("width", width.into()),
                ("height", height.into()),
                ("transport", transport.into()),
            ];
            for (figure, value) in expected {
                assert_eq!(report[figure], value, "{figure} of {url} over {transport}: {report}");
            }
            let received = folder.path().join("received.jpegs");
            fs::write(&received, read_saved_frames(&frames)).unwrap();
            assert!(
                decode_file(&received, "yuvj420p") == source,
                "{url} over {transport}: the pixels differ"
            );
        }
    }
}

/// Runs `reelay probe --json` and returns its report.
#[track_caller]
fn probe_json(arguments: &[&str]) -> serde_json::Value {
    let report = run(Command::new(REELAY_PROGRAM).arg("probe").args(arguments).arg("--json"));
    serde_json::from_slice(&report).unwrap()
}

#[test]
fn other_streams_are_named_but_not_played() {
    let _lock = lock_tests();
    if !has_gstreamer_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = GStreamerServer::start(folder.path(), &[]);
    let url = server.url("camera");
    assert_eq!(probe_json(&[&url, "--frames", "5"])["others"], serde_json::json!(["PCMU audio"]));
    let output = run(Command::new(REELAY_PROGRAM).args(["probe", &url, "--frames", "5"]));
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("not played   PCMU audio\n"), "{output}");
}
