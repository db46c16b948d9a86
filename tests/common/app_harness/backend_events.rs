//! Events that the backend sends to the window.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reelay::backend::{BackendEvent, BackendEventKind, Command, MediaSource};
use reelay::impairment::PRESETS;
use reelay::media::{FrameRate, decode};
use reelay::proto::rtsp::{LowerTransport, Response, RtspUrl, StatusCode};
use reelay::session::{
    Direction, Goal, LoggedMessage, Picture, PictureView, Presentation, RtspState, Scaler, SessionEvent,
    SessionStatus,
};
use reelay::stats::{Figures, Snapshot};
use reelay::ui::{self, BackendUpdate, Message};

use super::harness::AppHarness;
use super::sample_data::{lossy_snapshot, media_info, packet_rows, sample_frame};

impl AppHarness {
    /// Sends a backend event of the open file or stream to the window.
    pub fn emit_event(&mut self, kind: BackendEventKind) {
        self.send(self.event_message(kind));
    }

    /// Takes part of the backend for media with this generation and goal from now on.
    pub fn expect_events_of(&mut self, generation: u64, goal: Goal) {
        (self.generation, self.goal_revision) = (generation, u64::from(goal != Goal::Stopped));
    }

    /// Returns the message with which the window receives a backend event.
    pub fn event_message(&self, kind: BackendEventKind) -> Message {
        Message::Backend(BackendUpdate::Event(BackendEvent { generation: self.generation, kind }))
    }

    /// Sends an event of the session to the window.
    pub fn emit_session_event(&mut self, event: SessionEvent) {
        self.emit_event(BackendEventKind::Session(event));
    }

    /// Sends the description of a stream of this many seconds.
    pub fn describe(&mut self, seconds: u64) {
        let sdp = format!("v=0\na=range:npt=0-{seconds}\nm=video 0 RTP/AVP 26\na=framerate:20\n");
        let response = Response::new(StatusCode::OK).with_body("application/sdp", sdp);
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        self.emit_session_event(SessionEvent::Described(Presentation::parse(&response, &url).unwrap()));
    }

    /// Sends the status of a session without a request in flight.
    pub fn set_idle(&mut self, state: RtspState, goal: Goal) {
        self.emit_status(state, goal, false);
    }

    /// Sends the status of a session with a request in flight.
    pub fn set_busy(&mut self, state: RtspState, goal: Goal) {
        self.emit_status(state, goal, true);
    }

    fn emit_status(&mut self, state: RtspState, goal: Goal, is_busy: bool) {
        let status =
            SessionStatus { state, goal, in_flight: None, is_busy, goal_revision: self.goal_revision };
        self.emit_session_event(SessionEvent::Status(status));
    }

    /// Sends the status, the figures and a frame of a session that plays.
    pub fn play(&mut self) {
        self.set_idle(RtspState::Playing, Goal::Playing);
        let snapshot = Snapshot {
            frames_per_second: 20.0,
            frames_per_second_shown: 20.0,
            bits_per_second: 3_125_000.0,
            wire_bits_per_second: 3_214_000.0,
            loss_ratio: Some(0.0),
            ..Snapshot::default()
        };
        self.send(Message::Backend(BackendUpdate::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
        self.show_frame(73);
    }

    /// Sends the status, the figures and a frame of a camera over HTTP that has played for 83 seconds.
    pub fn play_over_http(&mut self) {
        self.set_idle(RtspState::Playing, Goal::Playing);
        for quarter in 1..=334u32 {
            let playing_s = f64::from(quarter) / 4.0;
            let frames = u64::from(quarter) * 5;
            let snapshot = Snapshot {
                lacks_packets: true,
                playing_s,
                frames_complete: frames,
                frames_shown: frames - 1,
                frames_per_second: 20.0,
                frames_per_second_shown: 20.0,
                frame_interval_mean_ms: Some(50.0),
                frame_interval_max_ms: Some(83.0),
                bits_per_second: 3_125_000.0,
                wire_bits_per_second: 3_140_000.0,
                payload_octets: frames * 19_531,
                wire_octets: frames * 19_625,
                playout_delay_ms: Some(50.0),
                first_frame_ms: Some(31.0),
                ..Snapshot::default()
            };
            let figures = Figures { snapshot, ..Figures::default() };
            self.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
        }
        self.show_frame(73);
    }

    /// Sends the description of a live stream over RTSP.
    pub fn describe_live(&mut self) {
        let sdp = "v=0\na=range:npt=now-\nm=video 0 RTP/AVP 26\na=framerate:20\n";
        let response = Response::new(StatusCode::OK).with_body("application/sdp", sdp);
        let url = RtspUrl::parse("rtsp://camera.example:8554/live").unwrap();
        self.emit_session_event(SessionEvent::Described(Presentation::parse(&response, &url).unwrap()));
    }

    /// Sends 75 seconds of figures of a lossy session, four for each second.
    pub fn emit_figures(&mut self) {
        for _ in 0..300 {
            let figures = self.next_figures();
            self.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
        }
    }

    /// Sends 80 seconds of figures of a lossy session and changes the network preset every two seconds.
    pub fn emit_figures_with_changing_network(&mut self) {
        for preset in PRESETS.iter().cycle().take(40) {
            self.send(Message::Network(ui::network::Message::Preset(preset)));
            for _ in 0..8 {
                let figures = self.next_figures();
                self.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
            }
        }
    }

    /// Returns the figures of the next quarter of a second.
    pub fn next_figures(&mut self) -> Figures {
        self.updates += 1;
        let quarters = 1..=self.updates;
        let is_busy = |quarter: &u64| (120..200).contains(quarter);
        let busy = quarters.clone().filter(is_busy).count() as u64;
        let lost = quarters.filter(|quarter| quarter % 4 == 3).count() as u64 + 9 * busy;
        let wave = (self.updates as f64 / 17.0).sin();
        let snapshot = lossy_snapshot(self.updates, 70 * self.updates - 12 * busy, lost, wave);
        Figures { snapshot, packet_rows: packet_rows() }
    }

    /// Opens the sample film again.
    pub fn open_another_file(&mut self) {
        self.app.open(MediaSource::Sample, false);
        self.generation = std::iter::from_fn(|| self.next_command())
            .find_map(|command| match command {
                Command::Open { generation, .. } => Some(generation),
                _ => None,
            })
            .expect("no file is opened");
        self.emit_event(BackendEventKind::Opened(media_info(200)));
    }

    /// Sends a logged RTSP message; `text` has line ends without CR, `milliseconds` count from the start of the test.
    pub fn log_message(&mut self, milliseconds: u64, direction: Direction, text: &str, state: RtspState) {
        let at = self.start_time + Duration::from_millis(milliseconds);
        let bytes = text.trim_start().replace('\n', "\r\n");
        let message = LoggedMessage::new(at, direction, bytes.as_bytes(), state);
        self.emit_session_event(SessionEvent::Message(message));
    }

    /// Sends the logged messages of a session from OPTIONS to TEARDOWN, and figures between PLAY and PAUSE.
    pub fn log_whole_session(&mut self) {
        use Direction::{ClientToServer, ServerToClient};
        use RtspState::{Init, Playing, Ready};
        let url = "rtsp://127.0.0.1:8554/movie.Mjpeg";
        let ok = |cseq, rest: &str| format!("RTSP/1.0 200 OK\nCSeq: {cseq}\nServer: Reelay/0.1.0\n{rest}\n");
        let request = |method: &str, cseq, rest: &str| {
            format!("{method} {url} RTSP/1.0\nCSeq: {cseq}\nUser-Agent: Reelay/0.1.0\n{rest}\n")
        };
        self.log_message(0, ClientToServer, &request("OPTIONS", 1, ""), Init);
        self.log_message(
            1,
            ServerToClient,
            &ok(1, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN\n"),
            Init,
        );
        self.log_message(2, ClientToServer, &request("DESCRIBE", 2, "Accept: application/sdp\n"), Init);
        self.log_message(4, ServerToClient, &ok(2, "Content-Type: application/sdp\n"), Init);
        self.log_message(
            5,
            ClientToServer,
            &request("SETUP", 3, "Transport: RTP/AVP;unicast;client_port=25000-25001\n"),
            Init,
        );
        self.log_message(7, ServerToClient, &ok(3, "Session: 8A51F27C;timeout=60\n"), Ready);
        self.emit_session_event(SessionEvent::SetUp(LowerTransport::Udp));
        self.log_message(
            900,
            ClientToServer,
            &request("PLAY", 4, "Session: 8A51F27C\nRange: npt=0-\n"),
            Ready,
        );
        self.log_message(903, ServerToClient, &ok(4, "Session: 8A51F27C\nRange: npt=0-25\n"), Playing);
        let snapshot = Snapshot { packets_received: 1_234, packets_lost: 61, ..Snapshot::default() };
        self.send(Message::Backend(BackendUpdate::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
        self.log_message(5_400, ClientToServer, &request("PAUSE", 5, "Session: 8A51F27C\n"), Playing);
        self.log_message(5_402, ServerToClient, &ok(5, "Session: 8A51F27C\n"), Ready);
        self.log_message(8_000, ClientToServer, &request("PLAY", 6, "Session: 8A51F27C\n"), Ready);
        self.log_message(8_001, ServerToClient, "RTSP/1.0 454 Session Not Found\nCSeq: 6\n\n", Ready);
        self.log_message(9_000, ClientToServer, &request("TEARDOWN", 7, "Session: 8A51F27C\n"), Ready);
        self.log_message(9_001, ServerToClient, &ok(7, ""), Init);
    }

    /// Shows a frame of the sample film.
    pub fn show_frame(&mut self, number: u64) {
        let jpeg = sample_frame(number);
        let mut pixels = Vec::new();
        let (width, height) = decode::decode(&jpeg, &mut pixels).unwrap();
        self.show_picture(Picture {
            pixels: Bytes::from(pixels),
            width,
            height,
            source_width: width,
            source_height: height,
            view: PictureView::default(),
            scaler: Scaler::Decoder,
            jpeg: sample_frame(number),
            inserted_restarts: None,
            position: Some(FrameRate::CLASSROOM.npt_of(number)),
            generation: 0,
        });
    }

    /// Shows a picture of the film that is open.
    pub fn show_picture(&mut self, picture: Picture) {
        self.app.show_picture(Arc::new(Picture { generation: self.generation, ..picture }));
    }
}
