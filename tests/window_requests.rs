//! Requests that follow from what the user does: the real application and the real backend, with a listening server
//! that records the requests.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use common::avi_files::AviOptions;
use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use iced_test::Simulator;
use reelay::backend::{
    Backend, BackendEvent, BackendEventKind, BackendOptions, Command, FrameRates, MediaSource,
};
use reelay::media::FrameRate;
use reelay::proto::http::HttpUrl;
use reelay::proto::rtsp::{Message as RtspMessage, MessageLimits, MessageReader, Request, RtspUrl};
use reelay::session::{SessionEvent, SourceUrl, StreamOptions, TransportPreference};
use reelay::settings::{Controls, PanelKind, Settings};
use reelay::ui::{self, App, AppOptions, BackendUpdate, Message, Shortcut, messages};
use tokio::sync::mpsc;

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Event at the server.
#[derive(Debug, PartialEq, Eq)]
enum Recorded {
    Request(String),
    Closed,
}

/// A server that responds with 200 to every request and records it. It sends no media.
struct RecordingServer {
    address: SocketAddr,
    recorded: Receiver<Recorded>,
}

impl RecordingServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, recorded) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let sender = sender.clone();
                thread::spawn(move || record(stream, &sender));
            }
        });
        Self { address, recorded }
    }

    fn url(&self, path: &str) -> SourceUrl {
        SourceUrl::from(RtspUrl::parse(&format!("rtsp://{}/{path}", self.address)).unwrap())
    }

    fn next(&self) -> Recorded {
        self.recorded.recv_timeout(TEST_TIMEOUT).expect("the client sends nothing")
    }

    /// Checks that exactly these requests are the next ones.
    fn expect(&self, methods: &[&str]) {
        for method in methods {
            assert_eq!(self.next(), Recorded::Request((*method).to_owned()));
        }
    }

    /// Checks that the client sends TEARDOWN next, and then closes the connection.
    fn expect_teardown(&self) {
        self.expect(&["TEARDOWN"]);
        assert_eq!(self.next(), Recorded::Closed);
    }
}

/// Responds to the requests of a connection until the client closes it.
fn record(mut stream: TcpStream, recorded: &Sender<Recorded>) {
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        reader.push(&buffer[..count]);
        while let Some(message) = reader.poll_message().unwrap() {
            // The others are RTCP receiver reports.
            let RtspMessage::Request(request) = message else { continue };
            let _ = recorded.send(Recorded::Request(request.method.as_str().to_owned()));
            let _ = stream.write_all(response(&request).as_bytes());
        }
    }
    let _ = recorded.send(Recorded::Closed);
}

fn response(request: &Request) -> String {
    let sdp = "v=0\r\na=range:npt=0-10\r\nm=video 0 RTP/AVP 26\r\na=framerate:20\r\n";
    let (headers, body) = match request.method.as_str() {
        "DESCRIBE" => ("Content-Type: application/sdp\r\n", sdp),
        "SETUP" => ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n", ""),
        _ => ("", ""),
    };
    let cseq = request.headers.cseq().unwrap();
    format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Starts a camera over HTTP that sends two frames for each request, and then nothing until the player closes the
/// connection.
fn start_camera() -> RecordingServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, recorded) = channel();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            serve_frames(stream, &sender);
        }
    });
    RecordingServer { address, recorded }
}

fn serve_frames(mut stream: TcpStream, recorded: &Sender<Recorded>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..count]);
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let method =
            String::from_utf8_lossy(&std::mem::take(&mut request)).split(' ').next().unwrap().to_owned();
        let _ = recorded.send(Recorded::Request(method));
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
        encoder.encode(&[90; 16 * 16 * 3], 16, 16, jpeg_encoder::ColorType::Rgb).unwrap();
        let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n";
        let part = [b"--b\r\nContent-Type: image/jpeg\r\n\r\n", &jpeg[..], b"\r\n"].concat();
        let _ = stream.write_all(&[head.as_bytes(), &part, &part].concat());
    }
    let _ = recorded.send(Recorded::Closed);
}

/// The application and the backend, without a window on a screen.
struct Window {
    app: App,
    backend: Backend,
    events: mpsc::Receiver<BackendEvent>,
    /// Methods of the requests that the player has sent, as the Messages panel shows them.
    logged: Vec<String>,
    /// Request line of the last of them.
    last_request: String,
    runtime: tokio::runtime::Runtime,
}

impl Window {
    fn new(controls: Controls) -> Self {
        let options = BackendOptions {
            frame_rates: FrameRates::new(FrameRate::CLASSROOM),
            playout_delay: Duration::from_millis(50),
        };
        let (backend, outputs) = Backend::start(options).unwrap();
        let settings = Settings { controls, ..Settings::default() };
        let app = App::new(backend.handle(), AppOptions { settings, ..AppOptions::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self {
            app,
            backend,
            events: outputs.events,
            logged: Vec::new(),
            last_request: String::new(),
            runtime,
        }
    }

    fn connect(&mut self, url: SourceUrl) {
        let options =
            StreamOptions { transport: TransportPreference::Tcp, ..StreamOptions::for_source(&url) };
        self.app.connect(url, options, false);
    }

    fn shows(&self, text: &str) -> bool {
        Simulator::new(self.app.view()).find(text).is_ok()
    }

    /// Passes the next event of the backend on to the application.
    fn handle_next_event(&mut self) {
        let next = async { tokio::time::timeout(TEST_TIMEOUT, self.events.recv()).await };
        let event =
            self.runtime.block_on(next).expect("no event from the backend").expect("the backend ended");
        if let BackendEventKind::Session(SessionEvent::Message(message)) = &event.kind
            && let Some(method) =
                message.start_line.split(' ').next().filter(|word| !word.starts_with("RTSP/"))
        {
            self.logged.push(method.to_owned());
            self.last_request.clone_from(&message.start_line);
        }
        let _task = self.app.update(Message::Backend(BackendUpdate::Event(event)));
    }

    fn wait_until_shown(&mut self, text: &str) {
        while !self.shows(text) {
            self.handle_next_event();
        }
    }

    /// Clicks on a button, which does nothing if it is disabled.
    fn click(&mut self, label: &str) {
        let messages: Vec<_> = {
            let mut ui = Simulator::with_settings(ui::iced_settings(), self.app.view());
            ui.click(label).unwrap_or_else(|error| panic!("{label}: {error}"));
            ui.into_messages().collect()
        };
        for message in messages {
            let _task = self.app.update(message);
        }
    }
}

const SET_UP: [&str; 3] = ["OPTIONS", "DESCRIBE", "SETUP"];

/// Returns a window with three buttons that has set up a stream of the server by itself.
fn connected_window() -> (RecordingServer, Window) {
    let server = RecordingServer::start();
    let mut window = Window::new(Controls::Three);
    window.connect(server.url("film"));
    server.expect(&SET_UP);
    window.wait_until_shown("READY");
    (server, window)
}

#[test]
fn three_buttons_send_setup_when_opened_and_teardown_on_stop() {
    let (server, mut window) = connected_window();
    window.click("Play");
    window.click("Play");
    server.expect(&["PLAY"]);
    window.wait_until_shown("PLAYING");
    window.click("Pause");
    server.expect(&["PAUSE"]);
    window.wait_until_shown("READY");
    window.click("Stop");
    window.click("Stop");
    server.expect_teardown();
    window.wait_until_shown("INIT");
    window.click("Play");
    server.expect(&[SET_UP.as_slice(), &["PLAY"]].concat());
}

#[test]
fn four_buttons_send_one_request_each_and_none_when_opened() {
    let server = RecordingServer::start();
    let mut window = Window::new(Controls::Four);
    window.connect(server.url("film"));
    // The film replaces the stream, whose session has then ended.
    window.app.open(MediaSource::Sample, false);
    window.wait_until_shown("sample.mjpeg");
    assert!(window.shows("INIT") && window.logged.is_empty());
    assert!(server.recorded.try_recv().is_err(), "nothing is sent without a click");
    window.connect(server.url("film"));
    window.click("Setup");
    server.expect(&SET_UP);
    for (state, button, method) in [("READY", "Play", "PLAY"), ("PLAYING", "Pause", "PAUSE")] {
        window.wait_until_shown(state);
        window.click(button);
        server.expect(&[method]);
    }
    window.wait_until_shown("READY");
    window.click("Teardown");
    server.expect_teardown();
}

#[test]
fn session_is_torn_down_when_another_film_or_stream_is_opened() {
    let (server, mut window) = connected_window();
    window.connect(server.url("other"));
    // The first session may end before or after the second one begins; each on its own connection.
    let mut seen: Vec<_> = (0..5).map(|_| server.next()).collect();
    let teardown = seen.iter().position(|event| *event == Recorded::Request("TEARDOWN".to_owned())).unwrap();
    seen.remove(teardown);
    let closed = seen.iter().position(|event| *event == Recorded::Closed).unwrap();
    assert!(closed >= teardown, "TEARDOWN comes before the connection is closed");
    seen.remove(closed);
    assert_eq!(seen, SET_UP.map(|method| Recorded::Request(method.to_owned())));
    window.wait_until_shown("READY");
    window.app.open(MediaSource::Sample, false);
    server.expect_teardown();
}

#[test]
fn session_is_torn_down_when_the_window_is_closed() {
    let (server, mut window) = connected_window();
    window.click("Play");
    server.expect(&["PLAY"]);
    window.wait_until_shown("PLAYING");
    window.backend.shutdown();
    server.expect_teardown();
}

/// Writes a file into a temporary folder.
fn film(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> MediaSource {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    MediaSource::File(path)
}

#[test]
fn avi_film_is_set_up_and_plays_to_its_end_at_its_own_rate() {
    let (folder, frames) = (tempfile::tempdir().unwrap(), test_jpegs(JpegKind::Standard420, (96, 64), 25));
    let avi = AviOptions { has_sound: true, ..AviOptions::default() }.encode(&frames);
    let mut window = Window::new(Controls::Three);
    window.app.open(film(&folder, "film.avi", &avi), false);
    window.wait_until_shown("READY");
    assert_eq!(window.logged, SET_UP);
    assert!(window.shows("film.avi also contains PCM sound, which Reelay does not play."));
    assert!(window.shows("25 fps") && !window.shows("fps (assumed)"));
    window.click("Play");
    window.wait_until_shown("Playback has ended. Press Play to start again.");
    assert_eq!(window.logged[3..4], ["PLAY"]);
}

#[test]
fn film_without_a_rate_shows_the_assumed_one() {
    let (folder, frames) = (tempfile::tempdir().unwrap(), test_jpegs(JpegKind::Standard420, (96, 64), 3));
    let mut window = Window::new(Controls::Three);
    window.app.open(film(&folder, "film.mjpeg", &frames.concat()), false);
    window.wait_until_shown("READY");
    assert!(window.shows("20") && window.shows("fps (assumed)"));
}

#[test]
fn film_is_played_at_the_rate_that_was_set_for_it() {
    let (folder, frames) = (tempfile::tempdir().unwrap(), test_jpegs(JpegKind::Standard420, (96, 64), 4));
    let mut window = Window::new(Controls::Three);
    let [slow, other] = ["slow.mjpeg", "other.mjpeg"].map(|name| film(&folder, name, &frames.concat()));
    let mut rates = FrameRates::new(FrameRate::CLASSROOM);
    rates.set_rate_of(slow.clone(), FrameRate::per_second(1));
    window.backend.handle().send(Command::SetFrameRates(rates));
    window.app.open(slow, false);
    window.wait_until_shown("READY");
    assert!(window.shows("1") && window.shows("fps (assumed)"));
    window.wait_until_shown("0:04.0");
    window.app.open(other, false);
    window.wait_until_shown("0:00.2");
    assert!(window.shows("20") && window.shows("fps (assumed)"));
}

#[test]
fn film_is_set_up_when_opened_and_torn_down_on_stop() {
    let mut window = Window::new(Controls::Three);
    window.app.open(MediaSource::Sample, false);
    window.wait_until_shown("READY");
    assert_eq!(window.logged, SET_UP);
    window.click("Stop");
    window.wait_until_shown("INIT");
    assert_eq!(window.logged[3..], ["TEARDOWN"]);
}

/// TEARDOWN of the film that is left goes out while the next one is set up, and is shown.
#[test]
fn teardown_of_the_film_that_is_left_is_in_the_messages_of_the_next() {
    let (folder, frames) = (tempfile::tempdir().unwrap(), test_jpegs(JpegKind::Standard420, (96, 64), 3));
    let mut window = Window::new(Controls::Three);
    let [first, second] = ["first.mjpeg", "second.mjpeg"].map(|name| film(&folder, name, &frames.concat()));
    window.app.open(first, false);
    window.wait_until_shown("READY");
    window.app.open(second, false);
    let _task = window.app.update(Message::Shortcut(Shortcut::Panel(PanelKind::Messages)));
    let _task = window.app.update(Message::Messages(messages::Message::ViewMode(messages::ViewMode::List)));
    while !window.logged.contains(&"TEARDOWN".to_owned()) {
        window.handle_next_event();
    }
    let teardown = window.last_request.clone();
    assert!(teardown.contains("first.mjpeg") && window.shows(&teardown), "{teardown}");
    window.wait_until_shown("READY");
    assert_eq!(window.logged.iter().filter(|method| *method == "SETUP").count(), 2);
}

#[test]
fn buttons_open_and_close_the_connection_to_a_camera() {
    let camera = start_camera();
    let mut window = Window::new(Controls::Four);
    let url = HttpUrl::parse(&format!("http://{}/video", camera.address)).unwrap();
    window.connect(url.into());
    // The stream is set up: its first frame was received.
    camera.expect(&["GET"]);
    assert_eq!(camera.next(), Recorded::Closed);
    window.wait_until_shown("READY");
    for stop in ["Pause", "Stop"] {
        window.click("Play");
        camera.expect(&["GET"]);
        window.wait_until_shown("PLAYING");
        assert!(window.shows("Live"));
        window.click(stop);
        assert_eq!(camera.next(), Recorded::Closed);
        window.wait_until_shown(if stop == "Pause" { "READY" } else { "INIT" });
    }
    window.backend.shutdown();
}
