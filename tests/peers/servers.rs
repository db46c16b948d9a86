//! Reelay plays what other servers serve.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::TRANSPORTS;
use crate::programs::{PYTHON, Running, alone, is_installed, run};
use crate::serving::REELAY;

/// Two test pictures by GStreamer's RTSP server; prints its port.
const GSTREAMER_SERVER: &str = r#"
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
for path, size in (("/small", "width=640,height=480"), ("/large", "width=1280,height=720")):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( videotestsrc is-live=true num-buffers=75 ! video/x-raw,format=I420,framerate=50/1," + size
        + " ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
    )
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;

const GSTREAMER_IMPORTS: &str = "
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GstRtspServer
";

#[test]
fn reelay_plays_every_frame_of_gstreamers_server() {
    let _alone = alone();
    let peer = "GStreamer's RTSP server with Python";
    if !is_installed(peer, Command::new(PYTHON).args(["-c", GSTREAMER_IMPORTS])) {
        return;
    }
    let mut command = Command::new(PYTHON);
    command.args(["-c", GSTREAMER_SERVER]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Running(command.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().expect("a pipe")).read_line(&mut port).unwrap();
    for (path, width, height) in [("small", 640, 480), ("large", 1_280, 720)] {
        for transport in TRANSPORTS {
            let url = format!("rtsp://127.0.0.1:{}/{path}", port.trim());
            let report = run(Command::new(REELAY).args([
                "probe",
                &url,
                "--transport",
                transport,
                "--frames",
                "50",
                "--json",
            ]));
            let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
            let expected = [
                ("frames_complete", 50.into()),
                ("frames_incomplete", 0.into()),
                ("packets_lost", 0.into()),
                ("width", width.into()),
                ("height", height.into()),
                ("transport", transport.into()),
            ];
            for (name, value) in expected {
                let value: serde_json::Value = value;
                assert_eq!(report[name], value, "{name} of {url} over {transport}");
            }
        }
    }
}
