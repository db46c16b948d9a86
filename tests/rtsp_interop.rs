//! Requests as real players write them, sent to the server, and responses as real servers write them, sent to the
//! client.

mod common;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::test_jpegs;
use common::simulation::{World, WorldOptions};
use reelay::impairment::{PacketKind, RawPacket};
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::net::clock_check::ClockJump;
use reelay::proto::mistake::Mistake;
use reelay::proto::rtcp::{self, Epoch, ExtendedReportBlock, NtpTime, RtcpPacket};
use reelay::proto::rtsp::{
    Factor, Message, MessageLimits, MessageReader, Npt, Request, Response, Transport, encode_interleaved,
};
use reelay::session::{
    Client as _, ClientInput, ClientOptions, ClientOutput, Goal, NetworkPath, PeerMistake, RtcpIdentity,
    RtspClient, RtspState, SessionCommand, SessionError, SessionEvent, StreamOptions, TransportPreference,
};
use std::time::{Duration, Instant};

/// Sends a request to the server, exactly as written; `{session}` stands for the ID of the current session.
fn send_request(world: &mut World, text: &str) -> Response {
    let session = world.server_mut().session().map(|session| session.id().to_owned()).unwrap_or_default();
    let text = text.trim_start().replace("{session}", &session).replace('\n', "\r\n") + "\r\n";
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    reader.push(text.as_bytes());
    let Some(Message::Request(request)) = reader.poll_message().unwrap() else {
        panic!("not a request: {text}")
    };
    let response = world.server_mut().handle_request(Instant::now(), &request);
    assert_eq!(response.headers.get("CSeq"), request.headers.get("CSeq"));
    response
}

fn world() -> World {
    World::new(WorldOptions::new(test_jpegs(JpegKind::Standard420, (96, 64), 500)))
}

#[track_caller]
fn assert_ok(response: Response) -> Response {
    assert_eq!(response.status.code(), 200, "{}", response.reason_phrase);
    response
}

#[test]
fn ffmpeg_is_served() {
    let mut world = world();
    let options = assert_ok(send_request(
        &mut world,
        "OPTIONS rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nUser-Agent: Lavf59.27.100\n",
    ));
    assert!(options.headers.get("Public").unwrap().contains("GET_PARAMETER"));
    let description = assert_ok(send_request(
        &mut world,
        "DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nAccept: application/sdp\nCSeq: 2\nUser-Agent: Lavf59.27.100\n",
    ));
    assert_eq!(description.headers.get("Content-Base"), Some("rtsp://127.0.0.1:8554/film/"));
    let setup = assert_ok(send_request(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nTransport: RTP/AVP/UDP;unicast;client_port=19456-19457\nCSeq: 3\nUser-Agent: Lavf59.27.100\n",
    ));
    let [transport] = &Transport::parse_all(setup.headers.get("Transport").unwrap())[..] else { panic!() };
    assert!(transport.server_port.is_some() && transport.ssrc.is_some() && !transport.jpeg_header);
    assert!(setup.headers.get("Session").unwrap().ends_with(";timeout=60"));
    let play = assert_ok(send_request(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nRange: npt=0.000-\nCSeq: 4\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-25.000"));
    assert!(
        play.headers
            .get("RTP-Info")
            .unwrap()
            .starts_with("url=rtsp://127.0.0.1:8554/film/track1;seq=65000;rtptime=")
    );
    assert_ok(send_request(
        &mut world,
        "GET_PARAMETER rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 5\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    assert_ok(send_request(
        &mut world,
        "PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    let seek = assert_ok(send_request(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nRange: npt=20.000-\nCSeq: 7\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    assert_eq!(seek.headers.get("Range"), Some("npt=20.000-25.000"));
    assert_ok(send_request(
        &mut world,
        "TEARDOWN rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 8\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
}

#[test]
fn gstreamer_is_served() {
    let mut world = world();
    assert_ok(send_request(
        &mut world,
        "OPTIONS rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nUser-Agent: GStreamer/1.22.0\nDate: Mon, 23 Nov 2026 12:00:00 GMT\n",
    ));
    assert_ok(send_request(
        &mut world,
        "DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 2\nUser-Agent: GStreamer/1.22.0\nAccept: application/sdp\n",
    ));
    let setup = assert_ok(send_request(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\n",
    ));
    assert!(setup.headers.get("Transport").unwrap().contains("interleaved=0-1"));
    let play = assert_ok(send_request(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 4\nRange: npt=now-\nSession: {session}\n",
    ));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-25.000"));
    assert_ok(send_request(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 5\nRange: npt=0-60\nSession: {session}\n",
    ));
    assert_ok(send_request(
        &mut world,
        "PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\nSession: {session}\n",
    ));
    assert_ok(send_request(
        &mut world,
        "TEARDOWN rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 7\nSession: {session}\n",
    ));
}

#[test]
fn vlc_is_served() {
    let mut world = world();
    let agent = "User-Agent: LibVLC/3.0.24 (LIVE555 Streaming Media v2026.06.24)";
    assert_ok(send_request(
        &mut world,
        &format!("OPTIONS rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 2\n{agent}\n"),
    ));
    assert_ok(send_request(
        &mut world,
        &format!("DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 3\n{agent}\nAccept: application/sdp\n"),
    ));
    assert_ok(send_request(
        &mut world,
        &format!(
            "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 4\n{agent}\nTransport: RTP/AVP;unicast;client_port=30000-30001\n"
        ),
    ));
    assert_ok(send_request(
        &mut world,
        &format!(
            "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 5\n{agent}\nSession: {{session}}\nRange: npt=0.000-\n"
        ),
    ));
    assert_ok(send_request(
        &mut world,
        &format!("PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\n{agent}\nSession: {{session}}\n"),
    ));
    let resume = assert_ok(send_request(
        &mut world,
        &format!("PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 7\n{agent}\nSession: {{session}}\n"),
    ));
    assert_eq!(resume.headers.get("Range"), Some("npt=0.000-25.000"));
    assert_ok(send_request(
        &mut world,
        &format!("TEARDOWN rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 8\n{agent}\nSession: {{session}}\n"),
    ));
}

/// Sends a PLAY with these headers; returns Scale, Speed, Range and status of the response.
fn play_response(world: &mut World, headers: &str) -> (Option<String>, Option<String>, Option<String>, u16) {
    let play = "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 4\nSession: {session}\n";
    let response = send_request(world, &format!("{play}{headers}"));
    let header = |name| response.headers.get(name).map(str::to_owned);
    (header("Scale"), header("Speed"), header("Range"), response.status.code())
}

/// GStreamer sends Speed for a seek with another rate, and Scale for key-unit trick modes and reverse playback.
#[test]
fn scale_and_speed_in_response_match_playback() {
    let mut world = world();
    assert_ok(send_request(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\n",
    ));
    let some = |text: &str| Some(text.to_owned());
    let all = some("npt=0.000-25.000");
    assert_eq!(play_response(&mut world, "Range: npt=0-\nScale: fast\n"), (None, None, None, 400));
    assert_eq!(play_response(&mut world, "Range: npt=0-\nSpeed: 0\n"), (None, None, None, 400));
    let speed = play_response(&mut world, "Range: npt=0-\nSpeed: 2.000000\n");
    assert_eq!(speed, (None, some("2.0"), all.clone(), 200));
    assert_eq!(play_response(&mut world, ""), (None, some("2.0"), all.clone(), 200), "the speed stays");
    assert_eq!(play_response(&mut world, "Scale: 100\n"), (some("8.0"), None, all.clone(), 200));
    assert_eq!(play_response(&mut world, "Scale: 0.1\n"), (some("0.25"), None, all.clone(), 200));
    assert_eq!(play_response(&mut world, "Scale: -1.000000\n"), (some("1.0"), None, all, 200));
    let range = some("npt=10.000-20.000");
    assert_eq!(play_response(&mut world, "Range: npt=10-20\n"), (None, None, range.clone(), 200));
    assert_eq!(
        play_response(&mut world, "Scale: 1.5\n"),
        (some("1.5"), None, range, 200),
        "the end of the range stays"
    );
    assert_ok(send_request(
        &mut world,
        "PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\nSession: {session}\n",
    ));
    let resumed = play_response(&mut world, "");
    assert_eq!(resumed, (None, None, some("npt=10.000-25.000"), 200), "normal speed, to the end of the film");
}

#[test]
fn retina_is_served_without_options() {
    let mut world = world();
    assert_ok(send_request(
        &mut world,
        "DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nAccept: application/sdp\nCSeq: 1\nUser-Agent: retina_0.4.21\n",
    ));
    assert_ok(send_request(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 2\nTransport: RTP/AVP/UDP;unicast;client_port=32000-32001\n",
    ));
    assert_ok(send_request(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 3\nRange: npt=0.000-\nSession: {session}\n",
    ));
    assert_ok(send_request(
        &mut world,
        "OPTIONS rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 4\nSession: {session}\n",
    ));
}

/// Each error status of RFC 2326, without a session and with one.
#[test]
fn errors_use_rfc_2326_status_codes() {
    let mut world = world();
    let status = |world: &mut World, request: &str| send_request(world, request).status.code();
    let film = "rtsp://127.0.0.1:8554/film";
    assert_eq!(status(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\n")), 454);
    assert_eq!(status(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\nSession: 12345678\n")), 454);
    assert_eq!(status(&mut world, &format!("TEARDOWN {film} RTSP/1.0\nCSeq: 1\nSession: 12345678\n")), 454);
    assert_eq!(status(&mut world, &format!("SETUP {film} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP\n")), 459);
    assert_eq!(status(&mut world, &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\n")), 400);
    assert_eq!(
        status(&mut world, &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP;multicast\n")),
        461
    );
    assert_eq!(status(&mut world, &format!("DESCRIBE {film} RTSP/1.0\nCSeq: 1\nAccept: text/html\n")), 406);
    assert_eq!(status(&mut world, &format!("OPTIONS {film} RTSP/1.0\n")), 400);
    assert_eq!(status(&mut world, &format!("OPTIONS {film} RTSP/3.0\nCSeq: 1\n")), 505);
    assert_eq!(status(&mut world, &format!("LEVITATE {film} RTSP/1.0\nCSeq: 1\n")), 501);
    assert_eq!(status(&mut world, &format!("RECORD {film} RTSP/1.0\nCSeq: 1\n")), 405);
    assert_eq!(status(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\nRequire: levitation\n")), 551);

    assert_ok(send_request(
        &mut world,
        &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n"),
    ));
    let mut with = |method: &str, path: &str, rest: &str| {
        status(&mut world, &format!("{method} {film}{path} RTSP/1.0\nCSeq: 1\nSession: {{session}}\n{rest}"))
    };
    assert_eq!(with("PAUSE", "", ""), 455);
    assert_eq!(with("SETUP", "/track1", "Transport: RTP/AVP/TCP;interleaved=0-1\n"), 455);
    assert_eq!(with("PLAY", "/track1", ""), 460);
    assert_eq!(with("SETUP", "2/track1", "Transport: RTP/AVP/TCP;interleaved=0-1\n"), 459);
    assert_eq!(with("PLAY", "", "Range: npt=25-\n"), 457);
    assert_eq!(with("PLAY", "", "Range: npt=9-3\n"), 457);
    assert_eq!(with("PLAY", "", "Range: nonsense\n"), 400);
    assert_eq!(with("PLAY", "", "Range: smpte=0:00:05-\n"), 501);
    for time in [";time=20261123T120000Z", "; time=20261123T120000Z", " ;Time = 20261123T120000Z"] {
        assert_eq!(with("PLAY", "", &format!("Range: npt=0-{time}\n")), 456, "{time}");
    }
    assert_eq!(with("PLAY", "", "Range: npt=10-20\n"), 200);
    assert_eq!(with("PAUSE", "/track1", ""), 460);
    assert_eq!(with("PAUSE", "", "Range: npt=5-\n"), 457);
    assert_eq!(with("PAUSE", "", "Range: npt=20.1-\n"), 457, "the PLAY ends at 20 s");
    assert_eq!(with("PAUSE", "", "Range: npt=15-\n"), 200);
    assert_eq!(with("PAUSE", "", "Range: npt=17-\n"), 200, "a later PAUSE replaces the first");
    assert_eq!(with("PAUSE", "", ""), 200);
    assert_eq!(with("PAUSE", "", ""), 455);
    let allow = |world: &mut World, method: &str| {
        let request = format!("{method} {film}/track1 RTSP/1.0\nCSeq: 1\nSession: {{session}}\n");
        let response = send_request(world, &request);
        assert_eq!(response.status.code(), 455);
        response.headers.get("Allow").unwrap().to_owned()
    };
    assert!(!allow(&mut world, "SETUP").contains("PAUSE"));
    assert_ok(send_request(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\nSession: {{session}}\n")));
    let allowed = allow(&mut world, "SETUP");
    assert!(allowed.contains("PAUSE") && !allowed.contains("SETUP"), "{allowed}");
    world.server_mut().info.progress.defects = None;
    let beyond_index = format!("PLAY {film} RTSP/1.0\nCSeq: 1\nSession: {{session}}\nRange: npt=99-\n");
    assert_eq!(status(&mut world, &beyond_index), 456);
}

/// Returns a world with a film of one second whose last frame has been received.
fn world_at_last_frame() -> World {
    let mut world = World::new(WorldOptions::new(test_jpegs(JpegKind::Standard420, (96, 64), 20)));
    world.set_goal(Goal::Playing);
    world.run_until("the last frame", |world| world.received.len() == 20);
    world
}

#[test]
fn pause_at_last_frame_resumes_from_start() {
    let mut world = world_at_last_frame();
    let film = "rtsp://127.0.0.1:8554/film";
    let pause = assert_ok(send_request(
        &mut world,
        &format!("PAUSE {film} RTSP/1.0\nCSeq: 1\nSession: {{session}}\n"),
    ));
    assert_eq!(pause.headers.get("Range"), Some("npt=1.000-"));
    let play = assert_ok(send_request(
        &mut world,
        &format!("PLAY {film} RTSP/1.0\nCSeq: 2\nSession: {{session}}\n"),
    ));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-1.000"));
}

/// The next frame is the first that can be left out, and the end of the range is the last position.
#[test]
fn pause_may_be_scheduled_between_the_next_frame_and_the_end() {
    let mut world = world();
    world.set_goal(Goal::Playing);
    world.run_until("ten frames", |world| world.received.len() == 10);
    let next = world.server_mut().session().unwrap().stream().position();
    let npt = |frame: u64| format!("npt={}.{:03}-", frame / 20, frame % 20 * 50);
    for (frame, status) in [(next - 1, 457), (501, 457), (500, 200), (next, 200)] {
        let pause = "PAUSE rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nSession: {session}\nRange: ";
        let response = send_request(&mut world, &format!("{pause}{}\n", npt(frame)));
        assert_eq!(response.status.code(), status, "{frame}: {}", response.reason_phrase);
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server_mut().session().unwrap().stream().position(), next);
}

#[test]
fn play_from_now_at_last_frame_starts_over() {
    let mut world = world_at_last_frame();
    let play = "PLAY rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nSession: {session}\n";
    // A PLAY without a Range while playing is only a keep-alive.
    assert_eq!(assert_ok(send_request(&mut world, play)).headers.get("Range"), Some("npt=1.000-1.000"));
    for range in ["9999-", "5-3", "0-0"] {
        let response = send_request(&mut world, &format!("{play}Range: npt={range}\n"));
        assert_eq!(response.status.code(), 457, "{range}");
        assert!(world.server_mut().session().unwrap().stream().is_playing(), "the stream has stopped");
    }
    let play = assert_ok(send_request(&mut world, &format!("{play}Range: npt=now-\n")));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-1.000"));
}

#[test]
fn rtp_info_url_matches_setup_url() {
    let mut world = world();
    for track in ["/track1", "/%74rack1", "/track1?quality=1", "/track1/"] {
        let url = format!("rtsp://127.0.0.1:8554/film{track}");
        let setup = format!("SETUP {url} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n");
        assert_ok(send_request(&mut world, &setup));
        let play = "PLAY rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 2\nSession: {session}\n";
        let info = assert_ok(send_request(&mut world, play)).headers.get("RTP-Info").unwrap().to_owned();
        assert!(info.starts_with(&format!("url={};seq=", url.trim_end_matches('/'))), "{info}");
        assert_ok(send_request(
            &mut world,
            "TEARDOWN rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 3\nSession: {session}\n",
        ));
    }
}

#[test]
fn timestamp_header_is_echoed() {
    let options = "OPTIONS * RTSP/1.0\nCSeq: 1\nTimestamp: 12.5 \n";
    assert_eq!(assert_ok(send_request(&mut world(), options)).headers.get("Timestamp"), Some("12.5"));
}

#[test]
fn get_and_set_parameter_use_rfc_2326_status_codes() {
    let mut world = world();
    let film = "rtsp://127.0.0.1:8554/film";
    assert_ok(send_request(
        &mut world,
        &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n"),
    ));
    let mut with = |method: &str, kind: &str, body: &'static str| {
        let id = world.server_mut().session().unwrap().id().to_owned();
        let method = reelay::proto::rtsp::Method::parse(method);
        let mut request = Request::new(method, film)
            .with_header("CSeq", "1")
            .with_header("Session", id)
            .with_header("Content-Type", kind.to_owned());
        request.body = body.into();
        world.server_mut().handle_request(Instant::now(), &request)
    };
    assert_eq!(with("GET_PARAMETER", "text/parameters", "position\r\n").body, "position: 0.000\r\n");
    let unknown = with("GET_PARAMETER", "text/parameters", "position\r\nbarparam\r\n");
    assert_eq!((unknown.status.code(), &unknown.body[..]), (451, &b"barparam\r\n"[..]));
    assert_eq!(with("SET_PARAMETER", "text/parameters", "barparam: barstuff\r\n").status.code(), 451);
    assert_eq!(with("SET_PARAMETER", "text/parameters", "position: 4\r\n").status.code(), 458);
    assert_eq!(with("SET_PARAMETER", "application/json", "{}").status.code(), 415);
}

/// A client without sockets: the test reads its requests and writes the server's responses and packets.
struct ScriptedSession {
    client: RtspClient,
    /// The server accepts connections.
    is_reachable: bool,
    now: Instant,
    reader: MessageReader,
    pub events: Vec<SessionEvent>,
    pub frame_count: usize,
    /// RTCP packets that the client has sent.
    pub reports: Vec<RtcpPacket>,
    pub connected_urls: Vec<String>,
    /// Sequence number of the next RTP packet.
    next_sequence: u16,
}

/// SSRC of the scripted stream.
const SSRC: u32 = 9;

impl ScriptedSession {
    fn new() -> Self {
        Self::with_url("rtsp://127.0.0.1:8554/test")
    }

    fn with_url(url: &str) -> Self {
        Self::with_options(url, StreamOptions::default())
    }

    /// Returns a client that reconnects when the server is lost.
    fn for_streams() -> Self {
        Self::with_options(
            "rtsp://127.0.0.1:8554/test",
            StreamOptions { reconnects: true, ..StreamOptions::default() },
        )
    }

    fn with_options(url: &str, stream: StreamOptions) -> Self {
        let url = reelay::proto::rtsp::RtspUrl::parse(url).unwrap();
        let rtcp_identity = RtcpIdentity { ssrc: 1, cname: "player".to_owned() };
        let options = ClientOptions {
            stream,
            playout_delay: Duration::ZERO.into(),
            rtcp_identity,
            emulator: Default::default(),
            epoch: Epoch { instant: Instant::now(), ntp: NtpTime(1 << 40) },
        };
        let reader = MessageReader::new(MessageLimits::SERVER);
        Self {
            client: RtspClient::new(url, options),
            is_reachable: true,
            now: Instant::now(),
            reader,
            events: Vec::new(),
            frame_count: 0,
            reports: Vec::new(),
            connected_urls: Vec::new(),
            next_sequence: 0,
        }
    }

    fn handle_input(&mut self, input: ClientInput) {
        self.client.handle_input(self.now, input);
        self.process_outputs();
    }

    fn process_outputs(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Connect { host, port, is_tls } => {
                    let tls = if is_tls { " over TLS" } else { "" };
                    self.connected_urls.push(format!("{host}:{port}{tls}"));
                    if self.is_reachable {
                        self.handle_input(ClientInput::Connected(NetworkPath::default()));
                    }
                }
                ClientOutput::OpenPorts(_) => {
                    self.handle_input(ClientInput::Ports(Ok(reelay::proto::rtsp::PortPair {
                        rtp: 19_456,
                        rtcp: 19_457,
                    })));
                }
                ClientOutput::Write(bytes) => self.reader.push(&bytes),
                ClientOutput::Event(event) => self.events.push(event),
                ClientOutput::Frame(_) => self.frame_count += 1,
                ClientOutput::SendPacket(packet) if packet.kind == PacketKind::Rtcp => {
                    self.reports.extend(rtcp::parse(&packet.bytes).unwrap());
                }
                _ => {}
            }
        }
    }

    /// Returns the next request from the client; responses to the server's own requests are skipped.
    #[track_caller]
    fn next_request(&mut self) -> Request {
        loop {
            match self.reader.poll_message().unwrap() {
                Some(Message::Request(request)) => return request,
                Some(Message::Response(_)) => {}
                other => panic!("{other:?} instead of a request"),
            }
        }
    }

    /// Returns the client's response to the server's last request.
    fn next_response(&mut self) -> Response {
        match self.reader.poll_message().unwrap() {
            Some(Message::Response(response)) => response,
            other => panic!("{other:?} instead of a response"),
        }
    }

    /// Advances the time and handles each timeout of the client.
    fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut steps = 0;
        while let Some(deadline) = self.client.poll_timeout().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.process_outputs();
            steps += 1;
            assert!(steps < 10_000, "the client's timeout does not advance");
        }
        self.now = until;
    }

    /// Sets up a stream of ten seconds and plays it from the beginning.
    fn play_ten_seconds(&mut self) {
        self.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        self.set_up_ten_seconds();
        self.next_request();
        self.respond(
            "RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\nRTP-Info: url=rtsp://127.0.0.1:8554/test;seq=0;rtptime=0\n",
        );
        assert_eq!(self.state(), RtspState::Playing);
    }

    /// Sets up a stream of so many seconds, whose session does not time out soon, and plays it.
    #[track_caller]
    fn play_seconds(&mut self, seconds: u32) {
        self.set_goal(Goal::Playing);
        self.request_setup(&format!("v=0\na=range:npt=0-{seconds}\nm=video 0 RTP/AVP 26\n"));
        self.respond(
            "RTSP/1.0 200 OK\nCSeq: 3\nSession: 12345678;timeout=60\n\
             Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
        );
        assert_eq!(self.next_request().method.as_str(), "PLAY");
        self.respond(&format!(
            "RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-{seconds}\n\
             RTP-Info: url=rtsp://127.0.0.1:8554/test;seq=0;rtptime=0\n"
        ));
    }

    #[track_caller]
    fn set_up_ten_seconds(&mut self) {
        self.set_up("v=0\na=range:npt=0-10\nm=video 0 RTP/AVP 26\na=framerate:20\n");
    }

    /// Sets up a stream with this description.
    #[track_caller]
    fn set_up(&mut self, description: &str) {
        self.request_setup(description);
        self.respond(
            "RTSP/1.0 200 OK\nCSeq: 3\nSession: 12345678;timeout=8\n\
             Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
        );
    }

    /// Responds to OPTIONS and DESCRIBE, and reads the SETUP that follows.
    #[track_caller]
    fn request_setup(&mut self, description: &str) {
        self.next_request();
        self.respond("RTSP/1.0 200 OK\nCSeq: 1\nPublic: GET_PARAMETER\n");
        self.next_request();
        self.respond(&format!("RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\n{description}"));
        assert_eq!(self.next_request().method.as_str(), "SETUP");
    }

    fn set_goal(&mut self, goal: Goal) {
        self.handle_input(ClientInput::Command(SessionCommand::SetGoal(goal)));
    }

    /// Checks that the client has sent no request that was not read yet.
    #[track_caller]
    fn assert_no_request(&mut self) {
        assert_eq!(self.reader.poll_message().unwrap(), None);
    }

    /// Receives these frames of a stream of 20 frames/s and advances the time by 50 ms for each.
    fn receive_frames(&mut self, frames: std::ops::Range<u32>) {
        self.receive_modified_frames(frames, |_| ());
    }

    /// Receives these frames after `modify` has changed each packet.
    fn receive_modified_frames(&mut self, frames: std::ops::Range<u32>, modify: impl Fn(&mut Vec<u8>)) {
        for number in frames {
            let jpeg = test_jpeg(JpegKind::Standard420, (96, 64), number, 0);
            let packets = packetize(&jpeg, PayloadFormat::Rfc2435).unwrap();
            for index in 0..packets.packets().len() {
                let mut bytes = Vec::new();
                packets.write_packet(index, self.next_sequence, number * 4_500, SSRC, &mut bytes);
                self.next_sequence = self.next_sequence.wrapping_add(1);
                modify(&mut bytes);
                self.handle_input(ClientInput::Packet(RawPacket::rtp(bytes)));
            }
            self.advance(Duration::from_millis(50));
        }
    }

    /// Receives these frames after `modify` has changed each packet, and responds to keep-alives.
    fn receive_with_keep_alives(&mut self, frames: std::ops::Range<u32>, modify: impl Fn(&mut Vec<u8>)) {
        for number in frames {
            self.receive_modified_frames(number..number + 1, &modify);
            while let Some(Message::Request(request)) = self.reader.poll_message().unwrap() {
                assert_eq!(request.method.as_str(), "GET_PARAMETER");
                self.respond(&format!("RTSP/1.0 200 OK\nCSeq: {}\n", request.headers.cseq().unwrap()));
            }
        }
        self.advance(Duration::from_millis(200));
    }

    fn respond(&mut self, text: &str) {
        let (head, body) = text.trim_start().split_once("\n\n").unwrap_or((text, ""));
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\n", body.len()) };
        let bytes = format!("{}\n{length}\n", head.trim()).replace('\n', "\r\n") + body;
        self.handle_input(ClientInput::Received(bytes.into()));
    }

    fn state(&self) -> RtspState {
        self.client.status().state
    }

    /// Returns the mistakes of the server that were reported.
    fn mistakes(&self) -> impl Iterator<Item = &PeerMistake> {
        self.events.iter().filter_map(|event| match event {
            SessionEvent::PeerMistake(mistake) => Some(mistake),
            _ => None,
        })
    }

    /// Returns how often the server made this mistake, and the sentence about it; `None` if it did not.
    fn mistake(&self, kind: Mistake) -> Option<(u64, String)> {
        let last = self.mistakes().filter(|mistake| mistake.mistake == kind).last()?;
        Some((last.count, last.sentence()))
    }

    /// Returns the first error message for the user.
    fn failure(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            SessionEvent::Failed(error) => Some(error.to_string()),
            _ => None,
        })
    }
}

/// Returns the numbers of received, lost and duplicated packets.
fn packet_counts(session: &mut ScriptedSession) -> (u64, u64, u64) {
    let snapshot = session.client.snapshot(session.now);
    (snapshot.packets_received, snapshot.packets_lost, snapshot.packets_duplicated)
}

/// RFC 2326 lets a server choose new sequence numbers at each PLAY and announce them in RTP-Info (§12.33).
#[test]
fn sequence_restart_at_each_play_is_not_loss() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    for round in 1..=3 {
        session.next_sequence = 0;
        session.receive_with_keep_alives(0..200, |_| ());
        assert_eq!(session.events.iter().filter(|event| **event == SessionEvent::Ended).count(), round);
        assert_eq!((session.state(), session.frame_count), (RtspState::Ready, 200 * round));
        assert_eq!(packet_counts(&mut session), (u64::from(session.next_sequence) * round as u64, 0, 0));
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        let play = session.next_request();
        assert_eq!(play.method.as_str(), "PLAY");
        let cseq = play.headers.cseq().unwrap();
        session.respond(&format!(
            "RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 12345678\nRange: npt=0-10\n\
             RTP-Info: url=rtsp://127.0.0.1:8554/test;seq=0;rtptime=0\n"
        ));
        assert_eq!(session.state(), RtspState::Playing);
    }
}

/// A source that detects an SSRC collision chooses a new SSRC (RFC 3550 §8.2), and a server may choose one for each
/// PLAY.
#[test]
fn ssrc_change_is_followed() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..50);
    let frames = session.frame_count;
    session.next_sequence = 30_000;
    session.receive_with_keep_alives(50..200, |bytes| bytes[8..12].copy_from_slice(&[1, 2, 3, 4]));
    assert_eq!((frames, session.frame_count), (50, 200), "frames are missing");
    assert!(session.events.contains(&SessionEvent::Ended));
    assert_eq!(packet_counts(&mut session).1, 0);
}

/// A live source of gst-rtsp-server: `npt=now-` as the range, an aggregate control URL, and a stream below it.
#[test]
fn gstreamer_server_is_played() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    assert_eq!(session.next_request().uri, "rtsp://127.0.0.1:8554/test");
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\nPublic: OPTIONS, DESCRIBE, GET_PARAMETER, PAUSE, PLAY, SETUP, TEARDOWN\nServer: GStreamer RTSP server\n");
    assert_eq!(session.next_request().headers.get("Accept"), Some("application/sdp"));
    session.respond(
        "RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\nContent-Base: rtsp://127.0.0.1:8554/test/\n\
         Server: GStreamer RTSP server\n\nv=0\no=- 1 1 IN IP4 127.0.0.1\ns=Session streamed with GStreamer\n\
         t=0 0\na=control:*\na=range:npt=now-\nm=video 0 RTP/AVP 26\nc=IN IP4 0.0.0.0\na=rtpmap:26 JPEG/90000\n\
         a=framerate:25.000000\na=control:stream=0\n",
    );
    let setup = session.next_request();
    assert_eq!(setup.uri, "rtsp://127.0.0.1:8554/test/stream=0");
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP;unicast;client_port=19456-19457"));
    session.respond(
        "RTSP/1.0 200 OK\nCSeq: 3\nTransport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001;\
         ssrc=0A0B0C0D;mode=\"PLAY\"\nSession: Jx+Session90210\n",
    );
    let play = session.next_request();
    assert_eq!(
        (play.uri.as_str(), play.headers.get("Range")),
        ("rtsp://127.0.0.1:8554/test/", None),
        "a live stream is played without a Range"
    );
    assert_eq!(play.headers.get("Session"), Some("Jx+Session90210"));
    session.respond(
        "RTSP/1.0 200 OK\nCSeq: 4\nRTP-Info: url=rtsp://127.0.0.1:8554/test/stream=0;seq=100;rtptime=900000\n\
         Range: npt=now-\nSession: Jx+Session90210\n",
    );
    assert_eq!(session.state(), RtspState::Playing);
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Stopped)));
    assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
    session.respond("RTSP/1.0 200 OK\nCSeq: 5\nSession: Jx+Session90210\nConnection: close\n");
    assert_eq!(session.state(), RtspState::Init);
    assert_eq!(session.events.last().map(|event| matches!(event, SessionEvent::Status(_))), Some(true));
    assert!(session.events.contains(&SessionEvent::Closed));
}

#[test]
fn stream_without_jpeg_is_explained() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
    assert!(session.failure().unwrap().contains("contains H264"));
}

/// Cameras whose first response has `Cseq: 0`, which always send the same number, or that of the request before: only
/// one request is in flight, so the response is its response.
#[test]
fn response_with_another_cseq_belongs_to_the_request_in_flight() {
    let cseqs: [fn(u32) -> u32; 5] =
        [|cseq| if cseq == 1 { 0 } else { cseq }, |_| 1, |_| 77, |cseq| cseq - 1, |cseq| cseq + 1];
    for (case, cseq) in cseqs.into_iter().enumerate() {
        let mut session = ScriptedSession::new();
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        let text = ten_seconds();
        for response in text {
            let request = session.next_request().headers.cseq().unwrap();
            session.respond(&response.replace("CSeq: {n}", &format!("Cseq: {}", cseq(request))));
        }
        session.receive_frames(0..20);
        assert_eq!((session.state(), session.frame_count), (RtspState::Playing, 20), "case {case}");
        assert_eq!(session.failure(), None);
        let (count, sentence) = session.mistake(Mistake::WrongCseq).unwrap();
        assert!(count >= 1 && sentence.contains("in the response to"), "{sentence}");
    }
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\n");
    assert_eq!(
        session.next_request().method.as_str(),
        "DESCRIBE",
        "a response without CSeq belongs to the request in flight"
    );
    assert_eq!(session.mistake(Mistake::WrongCseq), None);
}

/// Responses to the requests up to PLAY for a stream of ten seconds; `{n}` stands for the CSeq.
fn ten_seconds() -> [&'static str; 4] {
    [
        "RTSP/1.0 200 OK\nCSeq: {n}\nPublic: GET_PARAMETER\n",
        "RTSP/1.0 200 OK\nCSeq: {n}\nContent-Type: application/sdp\n\n\
         v=0\na=range:npt=0-10\nm=video 0 RTP/AVP 26\na=framerate:20\n",
        "RTSP/1.0 200 OK\nCSeq: {n}\nSession: 12345678;timeout=8\n\
         Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
        "RTSP/1.0 200 OK\nCSeq: {n}\nSession: 12345678\nRange: npt=0-10\n\
         RTP-Info: url=rtsp://127.0.0.1:8554/test;seq=0;rtptime=0\n",
    ]
}

/// Cameras that list GET_PARAMETER and never answer it. The stream is the sign of life.
#[test]
fn unanswered_keep_alive_does_not_end_a_stream_that_goes_on() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..190);
    assert_eq!((session.state(), session.failure()), (RtspState::Playing, None));
    assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER");
    let options = session.next_request();
    assert_eq!((options.method.as_str(), options.headers.cseq()), ("OPTIONS", Some(6)));
    assert_eq!(session.mistake(Mistake::UnansweredKeepAlive).map(|(count, _)| count), Some(1));
    session.respond("RTSP/1.0 200 OK\nCSeq: 6\n");
    // The response to GET_PARAMETER, which was given up, is not that to PAUSE.
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    assert_eq!(session.next_request().method.as_str(), "PAUSE");
    session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
    assert_eq!(session.state(), RtspState::Playing);
    session.respond("RTSP/1.0 200 OK\nCSeq: 7\n");
    assert_eq!((session.state(), session.failure()), (RtspState::Ready, None));
    assert_eq!(session.mistake(Mistake::WrongCseq), None);
}

/// The next sign of life is due after half of the timeout, not at once.
#[test]
fn other_keep_alive_request_of_a_stream_that_goes_on_waits_for_its_time() {
    let mut session = ScriptedSession::new();
    session.play_seconds(100);
    let mut frames = 0..1_000;
    while session.mistake(Mistake::UnansweredKeepAlive).is_none() {
        let number = frames.next().expect("the keep-alive was not given up");
        session.receive_frames(number..number + 1);
    }
    assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER");
    session.assert_no_request();
}

/// A server that is stopped in the middle of the film is asked, and only one that responds has ended the stream.
#[test]
fn silence_is_the_end_of_a_film_only_if_the_server_is_alive() {
    for is_alive in [true, false] {
        let mut session = ScriptedSession::for_streams();
        session.play_seconds(20);
        session.receive_frames(0..100);
        session.advance(Duration::from_millis(4_900));
        session.assert_no_request();
        session.advance(Duration::from_millis(200));
        for second in 0..19 {
            if let Some(Message::Request(request)) = session.reader.poll_message().unwrap() {
                let is_question = request.method.as_str() == "GET_PARAMETER";
                assert!(is_question || !is_alive && second > 0, "{request:?} after {second} s");
                if is_alive {
                    session.respond(&format!("RTSP/1.0 200 OK\nCSeq: {}\n", request.headers.cseq().unwrap()));
                }
            }
            session.advance(Duration::from_secs(1));
        }
        assert_eq!(session.events.contains(&SessionEvent::Ended), is_alive);
        let has_reconnected =
            session.events.iter().any(|event| matches!(event, SessionEvent::Reconnecting(_)));
        assert_eq!(has_reconnected, !is_alive);
    }
}

/// The response to the first question says nothing about the server at the end of the range.
#[test]
fn server_is_asked_again_at_the_end_of_the_range() {
    let mut session = ScriptedSession::for_streams();
    session.play_seconds(30);
    session.receive_frames(0..100);
    session.advance(Duration::from_secs(6));
    assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER");
    session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
    session.advance(Duration::from_millis(18_500));
    session.assert_no_request();
    session.advance(Duration::from_secs(8));
    assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER");
    while !session.events.iter().any(|event| matches!(event, SessionEvent::Reconnecting(_))) {
        session.advance(Duration::from_millis(100));
        assert!(!session.events.contains(&SessionEvent::Ended));
    }
    session.advance(Duration::from_millis(1_010));
    // The next session begins with OPTIONS, which is the keep-alive request then.
    session.set_up_ten_seconds();
    assert_eq!(session.next_request().method.as_str(), "PLAY");
    session.respond("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=5-10\n");
    session.receive_frames(100..182);
    assert_eq!(session.next_request().method.as_str(), "OPTIONS");
}

/// The last packets and BYE of a short film may be lost.
#[test]
fn silence_shortly_before_the_end_of_a_film_is_its_end() {
    let mut session = ScriptedSession::for_streams();
    session.play_seconds(3);
    session.receive_frames(0..30);
    session.advance(Duration::from_secs(8));
    assert!(session.events.contains(&SessionEvent::Ended));
    session.assert_no_request();
}

/// Without packets, the server may be gone: while the session is paused, OPTIONS decides.
#[test]
fn unanswered_keep_alive_without_packets_ends_the_session() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..10);
    session.advance(Duration::from_secs(10));
    assert_eq!(session.state(), RtspState::Init);
    for answers_options in [true, false] {
        let mut session = ScriptedSession::new();
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
        session.set_up_ten_seconds();
        session.advance(Duration::from_secs(10));
        assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER");
        let options = session.next_request();
        assert_eq!((options.method.as_str(), options.headers.cseq()), ("OPTIONS", Some(5)));
        if answers_options {
            session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
        }
        session.advance(Duration::from_secs(4));
        let state = if answers_options { RtspState::Ready } else { RtspState::Init };
        assert_eq!(session.state(), state, "answers OPTIONS: {answers_options}");
    }
}

#[test]
fn server_without_session_identifier_is_played() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    for response in ten_seconds() {
        let request = session.next_request();
        assert_eq!(request.headers.get("Session"), None);
        let response = response.replace("{n}", &request.headers.cseq().unwrap().to_string());
        session.respond(
            &response.replace("Session: 12345678;timeout=8\n", "").replace("Session: 12345678\n", ""),
        );
    }
    session.receive_frames(0..10);
    assert_eq!((session.state(), session.frame_count), (RtspState::Playing, 10));
    assert_eq!(session.mistake(Mistake::MissingSession).map(|(count, _)| count), Some(1));
    session.respond("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 7\nSession: 87654321\n");
    assert_eq!(session.next_response().status.code(), 200, "any session is the one there is");
}

#[test]
fn header_line_without_colon_is_passed_over() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    for response in ten_seconds() {
        let cseq = session.next_request().headers.cseq().unwrap();
        let bad =
            response.replace("CSeq: {n}", &format!("this line has no colon\nCSeq: {cseq}\nneither this"));
        session.respond(&bad);
    }
    session.receive_frames(0..10);
    assert_eq!((session.state(), session.frame_count), (RtspState::Playing, 10));
    let (_, sentence) = session.mistake(Mistake::HeaderWithoutColon).unwrap();
    assert!(
        sentence.contains("(this line has no colon)") && sentence.contains("RFC 2326 §4.2"),
        "{sentence}"
    );
}

/// Session descriptions of cameras and of programs that students write: what is missing or odd, and the request for
/// SETUP that follows.
#[test]
fn odd_session_descriptions_are_played() {
    let listed = "m=video 0 RTP/AVP 26\na=control:trackID=0\n";
    let cases = [
        (format!("\u{feff}v=0\n{listed}"), "/trackID=0", None),
        (listed.to_owned(), "/trackID=0", Some(Mistake::MissingSdpVersion)),
        (format!("\u{feff}\n{listed}"), "/trackID=0", Some(Mistake::MissingSdpVersion)),
        (
            "v=0\nm=video 0 RTP/AVP 26\na=rtpmap:26\tJPEG/90000 \n".to_owned(),
            "",
            Some(Mistake::RtpmapSpacing),
        ),
        (
            "v=0\nm=video\na=control trackID=0\na=rtpmap:26 JPEG/90000\nm=audio 0 RTP/AVP 0\n".to_owned(),
            "",
            Some(Mistake::MalformedSdpLine),
        ),
        (
            "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:26 JPEG/90000\n".to_owned(),
            "",
            Some(Mistake::UnlistedPayloadType),
        ),
    ];
    for (sdp, path, mistake) in cases {
        let mut session = ScriptedSession::new();
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        let [options, _, setup, play] = ten_seconds();
        let describe = format!("RTSP/1.0 200 OK\nCSeq: {{n}}\nContent-Type: application/sdp\n\n{sdp}");
        for response in [options, &describe, setup, play] {
            let request = session.next_request();
            if request.method.as_str() == "SETUP" {
                assert_eq!(request.uri, format!("rtsp://127.0.0.1:8554/test{path}"), "{sdp:?}");
            }
            session.respond(&response.replace("{n}", &request.headers.cseq().unwrap().to_string()));
        }
        session.receive_frames(0..10);
        assert_eq!((session.state(), session.frame_count), (RtspState::Playing, 10), "{sdp:?}");
        let mistakes: Vec<_> = session.mistakes().map(|mistake| mistake.mistake).collect();
        assert_eq!(mistakes.first(), mistake.as_ref(), "{sdp:?}");
    }
}

/// Cameras that put a few bytes between interleaved packets.
#[test]
fn junk_between_interleaved_packets_is_skipped_and_counted() {
    let stream = StreamOptions { transport: TransportPreference::Tcp, ..StreamOptions::default() };
    let mut session = ScriptedSession::with_options("rtsp://127.0.0.1:8554/test", stream);
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    for response in ten_seconds() {
        let cseq = session.next_request().headers.cseq().unwrap();
        let transport = "RTP/AVP/TCP;unicast;interleaved=0-1\n";
        let response = response.replace("{n}", &cseq.to_string());
        session.respond(&match response.split_once("RTP/AVP;") {
            Some((head, _)) => format!("{head}{transport}"),
            None => response,
        });
    }
    for number in 0..40 {
        let jpeg = test_jpeg(JpegKind::Standard420, (96, 64), number, 0);
        let packets = packetize(&jpeg, PayloadFormat::Rfc2435).unwrap();
        let mut bytes = Vec::new();
        for index in 0..packets.packets().len() {
            let mut packet = Vec::new();
            packets.write_packet(index, session.next_sequence, number * 4_500, SSRC, &mut packet);
            session.next_sequence = session.next_sequence.wrapping_add(1);
            bytes.extend_from_slice(&encode_interleaved(0, &packet));
            bytes.extend_from_slice([&b"\0\0\0"[..], b"junk", b"$", b"\xff$\x2a"][number as usize % 4]);
        }
        session.handle_input(ClientInput::Received(bytes.into()));
        session.advance(Duration::from_millis(50));
    }
    assert_eq!((session.state(), session.frame_count, session.failure()), (RtspState::Playing, 40, None));
    assert_eq!(packet_counts(&mut session).1, 0, "nothing is lost");
    let (count, sentence) = session.mistake(Mistake::JunkBetweenMessages).unwrap();
    assert!(count >= 20 && sentence.contains("bytes)"), "{sentence}");
}

#[test]
fn every_digest_challenge_of_rfc_7616_is_answered() {
    for (challenge, stated) in [
        ("qop=\"auth-int\"", "qop=auth-int"),
        ("qop=\"auth,auth-int\"", "qop=auth,"),
        ("algorithm=SHA-256", "algorithm=SHA-256"),
        ("algorithm=SHA-512-256", "algorithm=SHA-512-256"),
    ] {
        let mut session = ScriptedSession::with_url("rtsp://ann:secret@127.0.0.1:8554/test");
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
        session.next_request();
        session.respond(&format!(
            "RTSP/1.0 401 Unauthorized\nCSeq: 1\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n\", {challenge}\n"
        ));
        let value = session.next_request().headers.get("Authorization").unwrap().to_owned();
        assert!(value.starts_with("Digest ") && value.contains(stated), "{challenge}: {value}");
        let is_noted = session.mistake(Mistake::DigestWithoutQop).is_some();
        assert_eq!(is_noted, challenge.starts_with("algorithm"), "{challenge}");
    }
}

#[test]
fn reason_phrase_cannot_control_the_terminal() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
    session.next_request();
    let phrase = format!("\x1b]0;title\x07\x1b[2JGone{}", "!".repeat(5_000));
    session.respond(&format!("RTSP/1.0 404 {phrase}\nCSeq: 2\n"));
    let failure = session.failure().unwrap();
    assert!(failure.contains("404 ]0;title  [2JGone!!!"), "{failure}");
    assert!(failure.len() < 400 && !failure.contains(|c: char| c.is_control()), "{failure}");
}

/// A process that was stopped finds its input waiting: the 6 s in which it did not run are no silence of the server.
#[test]
fn silence_counts_from_the_moment_the_process_runs_again() {
    let rtcp = || rtcp::encode(&[RtcpPacket::Bye { ssrcs: vec![SSRC + 1] }]);
    for resumes in [true, false] {
        let mut session = ScriptedSession::new();
        session.play_ten_seconds();
        session.receive_frames(0..20);
        session.now += Duration::from_secs(6);
        if resumes {
            session.handle_input(ClientInput::Resumed);
        }
        session.handle_input(ClientInput::Packet(RawPacket::rtcp(rtcp())));
        session.receive_frames(20..40);
        assert_eq!(session.failure().is_none(), resumes, "{:?}", session.failure());
        assert_eq!((session.state(), session.frame_count), (RtspState::Playing, 40));
        let is_waiting = |session: &ScriptedSession| session.events.contains(&SessionEvent::Waiting(true));
        assert_eq!(is_waiting(&session), !resumes);
        // Silence after that is reported as ever.
        session.advance(Duration::from_secs(1));
        assert!(is_waiting(&session));
    }
}

const UNAUTHORIZED_TEMPLATE: &str = "RTSP/1.0 401 Unauthorized\nCSeq: {}\nWWW-Authenticate: Basic realm=\"films\"\n\
                            WWW-Authenticate: Digest realm=\"films\", nonce=\"{n}\"\n";

#[test]
fn stale_nonce_is_not_retried_forever() {
    let mut session = ScriptedSession::with_url("rtsp://ann:secret@127.0.0.1:8554/test");
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    for cseq in 1..=3 {
        assert_eq!(session.next_request().headers.cseq(), Some(cseq));
        let request =
            unauthorized_response(cseq, &format!("nonce{cseq}")).replace("\"\n", "\", stale=true\n");
        session.respond(&request);
    }
    assert!(session.reader.poll_message().unwrap().is_none());
    assert!(session.events.contains(&SessionEvent::Failed(SessionError::Unauthorized { was_refused: true })));
}

/// RFC 2326 §12.37 does not limit the number of digits of the timeout.
#[test]
fn maximum_session_timeout_is_accepted() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\nPublic: GET_PARAMETER\n");
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 26\n");
    session.next_request();
    session.respond(
        "RTSP/1.0 200 OK\nCSeq: 3\nSession: 1;timeout=18446744073709551615\n\
         Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
    );
    session.advance(Duration::from_secs(11 * 60 * 60));
    assert_eq!(session.state(), RtspState::Ready);
    assert!(session.reader.poll_message().unwrap().is_none());
    session.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER");
}

fn unauthorized_response(cseq: u32, nonce: &str) -> String {
    UNAUTHORIZED_TEMPLATE.replace("{}", &cseq.to_string()).replace("{n}", nonce)
}

#[test]
fn digest_is_preferred_and_wrong_password_fails() {
    let mut session = ScriptedSession::with_url("rtsp://ann:secret@127.0.0.1:8554/test");
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    assert_eq!(session.next_request().headers.get("Authorization"), None);
    session.respond(&unauthorized_response(1, "first"));
    let options = session.next_request();
    assert_eq!((options.method.as_str(), options.headers.cseq()), ("OPTIONS", Some(2)));
    let credentials = options.headers.get("Authorization").unwrap();
    assert!(credentials.starts_with("Digest ") && credentials.contains("username=\"ann\""), "{credentials}");
    assert!(!credentials.contains("secret"));
    session.respond("RTSP/1.0 200 OK\nCSeq: 2\n");
    let describe = session.next_request();
    assert!(describe.headers.get("Authorization").unwrap().contains("nonce=\"first\""));
    // A stale nonce is replaced by the new one.
    session.respond(&unauthorized_response(3, "second").replace("nonce=", "stale=true, nonce="));
    let again = session.next_request();
    assert_eq!((again.method.as_str(), again.headers.cseq()), ("DESCRIBE", Some(4)));
    assert!(again.headers.get("Authorization").unwrap().contains("nonce=\"second\""));
    // A nonce that is not stale means that the password is wrong; it is not tried again.
    session.respond(&unauthorized_response(4, "third"));
    assert!(session.events.contains(&SessionEvent::Failed(SessionError::Unauthorized { was_refused: true })));
    assert_eq!(session.state(), RtspState::Init);
}

/// A restarted server does not know its old nonces and does not report them as stale.
#[test]
fn authorization_is_not_reused_after_reconnect() {
    let mut session = ScriptedSession::with_url("rtsp://ann:secret@127.0.0.1:8554/test");
    for nonce in ["first", "second"] {
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
        let options = session.next_request();
        assert_eq!(options.headers.get("Authorization"), None, "{nonce}");
        session.respond(&format!("RTSP/1.0 200 OK\nCSeq: {}\n", options.headers.cseq().unwrap()));
        let describe = session.next_request();
        assert_eq!(describe.headers.get("Authorization"), None, "{nonce}");
        session.respond(&unauthorized_response(describe.headers.cseq().unwrap(), nonce));
        let again = session.next_request();
        let credentials = again.headers.get("Authorization").unwrap();
        assert!(credentials.contains(&format!("nonce=\"{nonce}\"")), "{credentials}");
        session.handle_input(ClientInput::ConnectionLost(None));
    }
    assert!(
        !session
            .events
            .iter()
            .any(|event| matches!(event, SessionEvent::Failed(SessionError::Unauthorized { .. })))
    );
}

#[test]
fn missing_password_is_reported_as_unauthorized() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond(&unauthorized_response(1, "x"));
    assert_eq!(session.next_request().method.as_str(), "DESCRIBE", "a refused OPTIONS is not an error");
    session.respond(&unauthorized_response(2, "x"));
    assert!(
        session.events.contains(&SessionEvent::Failed(SessionError::Unauthorized { was_refused: false }))
    );
}

#[test]
fn redirect_is_followed_without_password_up_to_a_limit() {
    let mut session = ScriptedSession::with_url("rtsp://ann:secret@127.0.0.1:8554/test");
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
    session.next_request();
    session.respond("RTSP/1.0 302 Moved Temporarily\nCSeq: 2\nLocation: rtsp://127.0.0.2:9000/there\n");
    assert_eq!(session.connected_urls.last().map(String::as_str), Some("127.0.0.2:9000"));
    let options = session.next_request();
    assert_eq!((options.uri.as_str(), options.headers.cseq()), ("rtsp://127.0.0.2:9000/there", Some(1)));
    session.respond(&unauthorized_response(1, "x"));
    assert_eq!(
        session.next_request().headers.get("Authorization"),
        None,
        "the password is not sent to another server"
    );
    for again in 0..5 {
        assert!(session.failure().is_none(), "{again}");
        session.respond("RTSP/1.0 301 Moved Permanently\nLocation: rtsp://127.0.0.2:9000/elsewhere\n");
        if again < 4 {
            session.next_request();
        }
    }
    assert!(session.failure().unwrap().contains("redirected more than 5 times"));
}

/// A browser that has a password for https does not send it over http either.
#[test]
fn redirect_may_lead_to_tls_but_not_take_a_password_away_from_it() {
    for (url, location, next) in [
        ("rtsp://ann:secret@127.0.0.1:8554/test", "rtsps://camera/there", Some("camera:322 over TLS")),
        ("rtsps://127.0.0.1:8554/test", "rtsp://camera/there", Some("camera:554")),
        ("rtsps://ann:secret@127.0.0.1:8554/test", "rtsps://camera/there", Some("camera:322 over TLS")),
        ("rtsps://ann:secret@127.0.0.1:8554/test", "rtsp://camera:9000/there", None),
        ("rtsps://ann:secret@127.0.0.1:8554/test", "rtsp://127.0.0.1:8554/test", None),
    ] {
        let mut session = ScriptedSession::with_url(url);
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
        session.next_request();
        session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
        session.next_request();
        session.respond(&format!("RTSP/1.0 302 Moved Temporarily\nCSeq: 2\nLocation: {location}\n"));
        let Some(next) = next else {
            assert_eq!(session.connected_urls.len(), 1, "{location}");
            let failure = session.failure().unwrap();
            assert!(failure.contains("without TLS, where the password would be readable"), "{failure}");
            continue;
        };
        assert_eq!(session.connected_urls.last().map(String::as_str), Some(next), "{url}");
        session.next_request();
        session.respond(&unauthorized_response(1, "x"));
        let again = session.next_request();
        assert_eq!(again.headers.get("Authorization"), None, "{url} {location}");
    }
}

#[test]
fn redirect_during_playback_takes_no_password_away_from_tls() {
    let mut session = ScriptedSession::with_url("rtsps://ann:secret@127.0.0.1:8554/test");
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n");
    assert_eq!(session.connected_urls, ["127.0.0.1:8554 over TLS"]);
    assert!(session.failure().unwrap().contains("redirects from rtsps:// to 127.0.0.2:9000 without TLS"));
}

#[test]
fn every_redirect_status_and_relative_location_is_followed() {
    for (status, location, expected) in [
        ("303 See Other", "/there", "rtsp://127.0.0.1:8554/there"),
        ("307 Temporary Redirect", "b", "rtsp://127.0.0.1:8554/b"),
    ] {
        let mut session = ScriptedSession::new();
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
        session.next_request();
        session.respond(&format!("RTSP/1.0 {status}\nCSeq: 1\nLocation: {location}\n"));
        assert_eq!(session.connected_urls, ["127.0.0.1:8554", "127.0.0.1:8554"]);
        assert_eq!(session.next_request().uri, expected);
    }
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 302 Moved Temporarily\nCSeq: 1\nLocation: http://h/there\n");
    assert!(session.failure().unwrap().contains("redirects without a valid Location"));
}

#[test]
fn server_teardown_is_acknowledged_and_ends_session() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..10);
    session.respond("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 7\nSession: 87654321\n");
    assert_eq!(session.next_response().status.code(), 454, "the session ID is unknown");
    session.respond("PLAY rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 8\nSession: 12345678\n");
    assert_eq!(session.next_response().status.code(), 501);
    assert_eq!((session.state(), session.failure()), (RtspState::Playing, None));
    session.respond("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 9\nSession: 12345678\n");
    let response = session.next_response();
    assert_eq!((response.status.code(), response.headers.cseq()), (200, Some(9)));
    assert_eq!(session.state(), RtspState::Init);
    assert_eq!(
        session.failure().as_deref(),
        Some("127.0.0.1:8554 ended the session; press Play to start a new one.")
    );
    assert!(session.events.contains(&SessionEvent::Closed));
    assert_eq!(session.connected_urls.len(), 1, "the client does not reconnect");
}

/// The film has ended at the server before PAUSE arrives, and its BYE is lost.
#[test]
fn pause_that_comes_after_the_end_is_no_error_and_play_starts_over() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..10);
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    assert_eq!(session.next_request().method.as_str(), "PAUSE");
    session.respond("RTSP/1.0 455 Method Not Valid in This State\nCSeq: 5\nSession: 12345678\n");
    assert_eq!((session.state(), session.failure()), (RtspState::Ready, None));
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    let play = session.next_request();
    assert_eq!((play.method.as_str(), play.headers.get("Range")), ("PLAY", Some("npt=0.000-")));
}

/// The stream goes on where it was paused, and has ended when it is paused again.
#[test]
fn pause_after_the_end_starts_over_also_when_play_has_continued() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..10);
    for (cseq, goal, status) in [
        (5, Goal::Ready, "200 OK"),
        (6, Goal::Playing, "200 OK"),
        (7, Goal::Ready, "455 Method Not Valid in This State"),
    ] {
        session.set_goal(goal);
        session.next_request();
        session.respond(&format!("RTSP/1.0 {status}\nCSeq: {cseq}\nSession: 12345678\n"));
    }
    session.set_goal(Goal::Playing);
    assert_eq!(session.next_request().headers.get("Range"), Some("npt=0.000-"));
}

#[test]
fn stream_whose_pause_is_refused_plays_on_unless_it_is_stopped_meanwhile() {
    for is_stopped in [false, true] {
        let mut session = ScriptedSession::new();
        session.play_ten_seconds();
        session.set_goal(Goal::Ready);
        assert_eq!(session.next_request().method.as_str(), "PAUSE");
        if is_stopped {
            session.set_goal(Goal::Stopped);
        }
        session.respond("RTSP/1.0 500 Internal Server Error\nCSeq: 5\nSession: 12345678\n");
        match is_stopped {
            true => assert_eq!(session.next_request().method.as_str(), "TEARDOWN"),
            false => session.assert_no_request(),
        }
        assert_eq!((session.state(), session.failure().is_some()), (RtspState::Playing, true));
    }
}

/// The speed that was chosen while PAUSE was in flight applies to the next PLAY.
#[test]
fn refused_pause_is_not_followed_by_a_change_of_the_speed() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.set_goal(Goal::Ready);
    assert_eq!(session.next_request().method.as_str(), "PAUSE");
    session.handle_input(ClientInput::Command(SessionCommand::SetSpeed(Factor::from_thousandths(2_000))));
    session.respond("RTSP/1.0 500 Internal Server Error\nCSeq: 5\nSession: 12345678\n");
    session.assert_no_request();
}

/// The film may have ended, and its length may be known by now: the URL of the film is described again.
#[test]
fn missing_end_is_requested_when_packets_are_missing() {
    let endless = "v=0\na=control:all\na=range:npt=0-\nm=video 0 RTP/AVP 26\na=framerate:20\n";
    for is_paused in [false, true] {
        let mut session = ScriptedSession::new();
        session.set_goal(Goal::Playing);
        session.set_up(endless);
        let play = session.next_request();
        assert_eq!(play.uri, "rtsp://127.0.0.1:8554/test/all");
        session.respond("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-\n");
        session.receive_frames(0..10);
        if is_paused {
            session.set_goal(Goal::Ready);
            assert_eq!(session.next_request().method.as_str(), "PAUSE");
        }
        session.advance(Duration::from_millis(3_000));
        match is_paused {
            true => session.assert_no_request(),
            false => {
                let describe = session.next_request();
                assert_eq!(describe.method.as_str(), "DESCRIBE");
                assert_eq!(describe.uri, "rtsp://127.0.0.1:8554/test");
            }
        }
    }
}

#[test]
fn number_of_mistakes_of_a_description_is_limited() {
    let mut session = ScriptedSession::new();
    session.set_goal(Goal::Ready);
    let description = format!("v=0\nm=video 0 RTP/AVP 26\n{}", "no line\n".repeat(150));
    session.request_setup(&description);
    assert_eq!(session.mistakes().map(|mistake| mistake.count).max(), Some(100));
}

/// The last frames are still shown as far as they have arrived, unless the user pauses.
#[test]
fn settings_do_not_end_a_stream_that_the_server_has_closed_after_its_last_frame() {
    let mut session = ScriptedSession::new();
    session
        .handle_input(ClientInput::Command(SessionCommand::SetPlayoutDelay(Duration::from_secs(1).into())));
    session.play_ten_seconds();
    for (cseq, frames) in [(5, 0..85), (6, 85..170)] {
        session.receive_frames(frames);
        session.next_request();
        session.respond(&format!("RTSP/1.0 200 OK\nCSeq: {cseq}\n"));
    }
    let bye = rtcp::encode(&[RtcpPacket::Bye { ssrcs: vec![SSRC] }]);
    session.handle_input(ClientInput::Packet(RawPacket::rtcp(bye)));
    session.handle_input(ClientInput::ConnectionLost(None));
    session.handle_input(ClientInput::Command(SessionCommand::SetShowsDamaged(true)));
    assert!(!session.events.contains(&SessionEvent::Ended));
    session.set_goal(Goal::Ready);
    assert!(session.events.contains(&SessionEvent::Ended));
}

/// The connection is mostly broken after a suspension, but not always.
#[test]
fn teardown_after_a_clock_jump_is_awaited_for_a_second() {
    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    let epoch = Epoch { instant: session.now, ntp: NtpTime(1 << 50) };
    let jump = ClockJump::Forward(Duration::from_secs(3_600));
    session.handle_input(ClientInput::ClockJumped { jump, epoch });
    assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
    let reconnects = |session: &ScriptedSession| {
        session.events.iter().filter(|event| matches!(event, SessionEvent::Reconnecting(_))).count()
    };
    session.advance(Duration::from_millis(990));
    assert_eq!(reconnects(&session), 0);
    session.advance(Duration::from_millis(10));
    assert_eq!(reconnects(&session), 1);
}

/// Receiver reference times are those of the clock of this computer.
#[test]
fn reports_follow_a_clock_that_was_set() {
    let mut session = ScriptedSession::new();
    session.set_goal(Goal::Playing);
    session.set_up("v=0\na=range:npt=0-10\nm=video 0 RTP/AVP 26\na=rtcp-xr:rcvr-rtt=all\n");
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\n");
    let epoch = Epoch { instant: session.now, ntp: NtpTime(1 << 50) };
    let jump = ClockJump::Forward(Duration::from_secs(3_600));
    session.handle_input(ClientInput::ClockJumped { jump, epoch });
    session.reports.clear();
    session.receive_with_keep_alives(0..150, |_| ());
    let times = session.reports.iter().filter_map(|packet| match packet {
        RtcpPacket::ExtendedReport { block: ExtendedReportBlock::ReceiverReferenceTime(time), .. } => {
            Some(*time)
        }
        _ => None,
    });
    let times: Vec<_> = times.collect();
    let (first, end) = (epoch.ntp, epoch.ntp_at(session.now));
    assert!(!times.is_empty() && times.iter().all(|time| (first..=end).contains(time)), "{times:?}");
}

#[test]
fn second_loss_of_a_connection_changes_nothing() {
    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    session.receive_frames(0..10);
    session.handle_input(ClientInput::ConnectionLost(None));
    session.handle_input(ClientInput::ConnectionLost(Some("refused".to_owned())));
    let count = session.events.iter().filter(|event| matches!(event, SessionEvent::Reconnecting(_))).count();
    assert_eq!((count, session.failure()), (1, None));
    session.advance(Duration::from_millis(1_010));
    assert_eq!(session.connected_urls.len(), 2);
}

/// The TEARDOWN of the server and that of the client may cross.
#[test]
fn teardown_of_both_sides_ends_the_session_without_an_error() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Stopped)));
    assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
    session.respond("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 9\nSession: 12345678\n");
    assert_eq!(session.next_response().status.code(), 200);
    assert_eq!((session.state(), session.failure()), (RtspState::Init, None));
    assert!(session.events.contains(&SessionEvent::Closed));
}

/// Play is pressed again before the server has closed the connection in place of a response to TEARDOWN.
#[test]
fn connection_that_is_closed_for_teardown_is_not_reported_as_lost() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Stopped)));
    assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    session.handle_input(ClientInput::ConnectionLost(None));
    assert_eq!(session.failure(), None);
    assert!(!session.events.iter().any(|event| matches!(event, SessionEvent::Reconnecting(_))));
    assert_eq!(session.next_request().method.as_str(), "OPTIONS", "a new session begins");
}

#[test]
fn server_teardown_while_pause_is_in_flight_is_an_error() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    assert_eq!(session.next_request().method.as_str(), "PAUSE");
    session.respond("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 9\nSession: 12345678\n");
    assert!(session.failure().unwrap().contains("ended the session"));
    assert_eq!(session.state(), RtspState::Init);
}

#[test]
fn only_an_unsupported_transport_leads_to_tcp() {
    for (status, falls_back) in [
        ("461 Unsupported Transport", true),
        ("453 Not Enough Bandwidth", false),
        ("500 Internal Server Error", false),
    ] {
        let mut session = ScriptedSession::new();
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        session.next_request();
        session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
        session.next_request();
        session.respond(
            "RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 26\n",
        );
        let setup = session.next_request();
        assert!(setup.headers.get("Transport").unwrap().contains("client_port="));
        session.respond(&format!("RTSP/1.0 {status}\nCSeq: 3\n"));
        assert_eq!(session.failure().is_none(), falls_back, "{status}");
        if falls_back {
            let setup = session.next_request();
            assert!(setup.headers.get("Transport").unwrap().contains("interleaved="));
        }
    }
}

#[test]
fn server_redirect_resumes_at_new_location() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..40);
    session.respond("REDIRECT rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 7\nSession: 12345678\n");
    assert_eq!(session.next_response().status.code(), 400, "Location is missing");
    session.respond(
        "REDIRECT rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n",
    );
    assert_eq!(session.next_response().status.code(), 200);
    let teardown = session.next_request();
    assert_eq!((teardown.method.as_str(), teardown.headers.cseq()), ("TEARDOWN", Some(5)));
    session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
    assert_eq!(session.connected_urls.last().map(String::as_str), Some("127.0.0.2:9000"));
    let reconnecting = session.events.iter().find_map(|event| match event {
        SessionEvent::Reconnecting(reason) => Some(reason.to_string()),
        _ => None,
    });
    assert!(reconnecting.unwrap().ends_with("the stream now comes from 127.0.0.2:9000."));
    session.set_up_ten_seconds();
    let play = session.next_request();
    assert_eq!((play.method.as_str(), play.headers.get("Range")), ("PLAY", Some("npt=1.950-")));
    assert_eq!(session.failure(), None);
}

/// Before SETUP the client sends no TEARDOWN, and a server may close the connection without waiting for it.
#[test]
fn server_redirect_works_before_setup_and_with_close() {
    let redirect = "REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n";
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    session.next_request();
    session.respond(redirect);
    assert_eq!(session.connected_urls.last().map(String::as_str), Some("127.0.0.2:9000"));
    assert_eq!(session.next_request().uri, "rtsp://127.0.0.2:9000/there");

    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..10);
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.respond(redirect);
    session.handle_input(ClientInput::ConnectionLost(None));
    assert_eq!(session.connected_urls.last().map(String::as_str), Some("127.0.0.2:9000"));
    // Requests to the old server are still unread; one to the new server follows them.
    while session.next_request().uri != "rtsp://127.0.0.2:9000/there" {}
    assert_eq!(session.failure(), None);
}

/// The server may have the session that is being set up, so it is torn down first.
#[test]
fn server_redirect_during_setup_tears_the_session_down() {
    let mut session = ScriptedSession::new();
    session.set_goal(Goal::Playing);
    session.request_setup("v=0\nm=video 0 RTP/AVP 26\n");
    session.respond("REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n");
    assert_eq!(session.connected_urls.len(), 1);
    session.respond(
        "RTSP/1.0 200 OK\nCSeq: 3\nSession: 12345678\n\
         Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
    );
    assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
    session.respond("RTSP/1.0 200 OK\nCSeq: 4\n");
    assert_eq!(session.connected_urls.last().map(String::as_str), Some("127.0.0.2:9000"));
}

#[test]
fn attempt_to_connect_ends_after_its_timeout() {
    let mut session = ScriptedSession::new();
    session.is_reachable = false;
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    let timeout = session.client.poll_timeout().unwrap() - session.now;
    session.advance(timeout - Duration::from_millis(1));
    assert_eq!(session.failure(), None);
    session.advance(Duration::from_millis(1));
    assert!(session.failure().unwrap().contains("127.0.0.1:8554 cannot be reached (no response)"));
}

#[test]
fn stopped_process_does_not_end_an_attempt_to_connect_or_a_request() {
    let connecting = |session: &mut ScriptedSession| session.is_reachable = false;
    let requesting = |_: &mut ScriptedSession| {};
    for prepare in [connecting as fn(&mut ScriptedSession), requesting] {
        let mut session = ScriptedSession::new();
        prepare(&mut session);
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
        session.now += Duration::from_secs(3_600);
        session.handle_input(ClientInput::Resumed);
        session.advance(Duration::from_millis(900));
        assert_eq!(session.failure(), None, "what waits is read first");
        session.advance(Duration::from_millis(200));
        assert!(session.failure().is_some());
    }
}

#[test]
fn redirect_that_follows_a_refusal_is_ignored() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
    session.next_request();
    let refusal = "RTSP/1.0 404 Not Found\nCSeq: 2\n\n";
    let redirect = "REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n";
    session.respond(&format!("{refusal}{redirect}"));
    assert_eq!(session.connected_urls, ["127.0.0.1:8554"]);
    assert!(session.failure().unwrap().contains("404"));
    // The next attempt is at the address that the user has chosen.
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    assert_eq!(session.connected_urls, ["127.0.0.1:8554", "127.0.0.1:8554"]);
}

/// Redirects count towards the limit only until a frame is shown.
#[test]
fn redirect_limit_resets_with_each_frame() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    for place in 0..8 {
        session.receive_frames(0..1);
        session.advance(Duration::from_secs(1));
        session.respond(&format!("REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/{place}\n"));
        assert_eq!(session.next_response().status.code(), 200);
        assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
        session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
        session.set_up_ten_seconds();
        assert_eq!(session.next_request().method.as_str(), "PLAY");
        session.respond("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\n");
        assert_eq!((session.state(), session.failure()), (RtspState::Playing, None), "{place}");
        session.next_sequence = 0;
    }
}

/// A server that answers PLAY and then redirects to itself causes five sessions, a second apart, and no more.
#[test]
fn redirect_to_itself_without_frames_ends_after_a_few_sessions() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    let start = session.now;
    let mut sessions = 0;
    while session.failure().is_none() {
        session.advance(Duration::from_secs(2));
        session.set_up_ten_seconds();
        session.next_request();
        session.respond("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\n");
        assert_eq!(session.state(), RtspState::Playing);
        sessions += 1;
        session.respond("REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.1:8554/test\n");
        assert_eq!(
            (session.next_response().status.code(), session.next_request().method.as_str()),
            (200, "TEARDOWN")
        );
        session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
        assert!(sessions < 20);
    }
    assert_eq!((sessions, session.connected_urls.len()), (6, 6));
    assert!(session.failure().unwrap().contains("redirected more than 5 times"));
    assert!(session.now >= start + Duration::from_secs(10));
    assert_eq!(session.mistake(Mistake::RedirectToItself).map(|(count, _)| count), Some(6));
}

/// A server that also sends a frame before each redirect is followed, but at most once per second.
#[test]
fn redirects_of_a_session_are_a_second_apart() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    let mut connected_at = Vec::new();
    for _ in 0..10 {
        session.receive_frames(0..1);
        session.respond("REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.1:8554/test\n");
        session.next_response();
        assert_eq!(session.next_request().method.as_str(), "TEARDOWN");
        let connections = session.connected_urls.len();
        session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
        while session.connected_urls.len() == connections {
            session.advance(Duration::from_millis(10));
        }
        connected_at.push(session.now);
        session.set_up_ten_seconds();
        session.next_request();
        session.respond("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\n");
        session.next_sequence = 0;
    }
    assert!(connected_at.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)));
    assert_eq!(session.failure(), None);
}

#[test]
fn unusable_stream_is_reported_with_reason() {
    let without_size = |packet: &mut Vec<u8>| packet[18..20].fill(0);
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_modified_frames(0..24, without_size);
    assert_eq!(session.failure(), None);
    session.receive_modified_frames(24..60, without_size);
    let failures: Vec<_> =
        session.events.iter().filter(|event| matches!(event, SessionEvent::Failed(_))).collect();
    let reason = "the stream does not state the size of its frames".to_owned();
    assert_eq!(failures, [&SessionEvent::Failed(SessionError::UnusableFrames { reason })]);
    assert_eq!(session.state(), RtspState::Playing, "usable frames may follow");

    // If at least one frame was usable, the others are only counted.
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..1);
    session.receive_modified_frames(1..60, without_size);
    assert_eq!(session.failure(), None);
}

/// A BYE in the middle of the film means that the server has no more frames.
#[test]
fn bye_mid_stream_ends_playback_and_play_starts_over() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.receive_frames(0..40);
    let bye = rtcp::encode(&[RtcpPacket::Bye { ssrcs: vec![SSRC + 1] }]);
    session.handle_input(ClientInput::Packet(RawPacket::rtcp(bye)));
    session.receive_frames(40..50);
    assert_eq!(session.state(), RtspState::Playing, "a BYE of another SSRC is ignored");
    let bye = rtcp::encode(&[RtcpPacket::Bye { ssrcs: vec![SSRC] }]);
    session.handle_input(ClientInput::Packet(RawPacket::rtcp(bye)));
    session.advance(Duration::from_secs(1));
    assert_eq!((session.frame_count, session.state()), (50, RtspState::Ready));
    assert!(session.events.contains(&SessionEvent::Ended) && session.failure().is_none());
    assert!(
        !session.events.iter().any(|event| matches!(event, SessionEvent::EndReached(_))),
        "the film's length stays"
    );
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    let play = session.next_request();
    assert_eq!((play.method.as_str(), play.headers.get("Range")), ("PLAY", Some("npt=0.000-")));
}

/// A server that is stopped in the middle of the film sends a BYE and closes the connection; the client reconnects.
#[test]
fn bye_and_close_mid_stream_trigger_reconnect() {
    let bye = rtcp::encode(&[RtcpPacket::Bye { ssrcs: vec![SSRC] }]);
    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    session.receive_frames(0..40);
    session.handle_input(ClientInput::Packet(RawPacket::rtcp(bye.clone())));
    session.handle_input(ClientInput::ConnectionLost(None));
    assert_eq!(reconnect_range(&mut session).as_deref(), Some("npt=1.950-"));

    // Near the end of the film, BYE and close are the end of the stream.
    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    for (cseq, frames) in [(5, 0..85), (6, 85..170)] {
        session.receive_frames(frames);
        assert_eq!(session.next_request().method.as_str(), "GET_PARAMETER", "not a keep-alive");
        session.respond(&format!("RTSP/1.0 200 OK\nCSeq: {cseq}\n"));
    }
    session.handle_input(ClientInput::Packet(RawPacket::rtcp(bye)));
    session.handle_input(ClientInput::ConnectionLost(None));
    session.advance(Duration::from_secs(1));
    assert!(session.events.contains(&SessionEvent::Ended));
    assert_eq!(session.failure(), None);
}

/// The default timeout is 60 s (RFC 2326 §12.37); the client sends a keep-alive after half of the timeout.
#[test]
fn keep_alive_is_sent_at_half_the_session_timeout() {
    let cases = [("", 30_000), (";timeout=10", 5_000), (";timeout=1", 500), (";timeout=0", 30_000)];
    for (timeout, interval) in cases {
        let session_header = format!("87654321{timeout}");
        for (public, method) in [("GET_PARAMETER", "GET_PARAMETER"), ("SETUP", "OPTIONS")] {
            let mut session = ScriptedSession::new();
            session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
            session.next_request();
            session.respond(&format!("RTSP/1.0 200 OK\nCSeq: 1\nPublic: {public}\n"));
            session.next_request();
            session.respond(
                "RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 26\n",
            );
            session.next_request();
            session.respond(&format!(
                "RTSP/1.0 200 OK\nCSeq: 3\nSession: {session_header}\nTransport: RTP/AVP;unicast;server_port=40000-40001\n"
            ));
            for cseq in 4..7 {
                session.advance(Duration::from_millis(interval - 1));
                assert!(session.reader.poll_message().unwrap().is_none(), "{session_header}");
                session.advance(Duration::from_millis(1));
                let keep_alive = session.next_request();
                assert_eq!(
                    (keep_alive.method.as_str(), keep_alive.headers.get("Session")),
                    (method, Some("87654321"))
                );
                session.respond(&format!("RTSP/1.0 200 OK\nCSeq: {cseq}\n"));
            }
        }
    }
}

/// Reconnects after one second, sets up again and returns the Range of the PLAY request.
#[track_caller]
fn reconnect_range(session: &mut ScriptedSession) -> Option<String> {
    assert!(session.failure().is_none() && !session.events.contains(&SessionEvent::Closed));
    let connections = session.connected_urls.len();
    session.advance(Duration::from_millis(1_010));
    assert_eq!(session.connected_urls.len(), connections + 1);
    session.set_up_ten_seconds();
    let play = session.next_request();
    assert_eq!(play.method.as_str(), "PLAY");
    play.headers.get("Range").map(str::to_owned)
}

/// Returns the response of a server that does not know the session.
fn session_not_found(cseq: Option<u32>) -> String {
    format!("RTSP/1.0 454 Session Not Found\nCSeq: {}\n", cseq.unwrap())
}

#[test]
fn unknown_session_is_set_up_again_at_same_position() {
    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    session.receive_frames(0..40);
    session.advance(Duration::from_secs(2));
    let keep_alive = session.next_request();
    assert_eq!(keep_alive.method.as_str(), "GET_PARAMETER");
    session.respond(&session_not_found(keep_alive.headers.cseq()));
    assert_eq!(reconnect_range(&mut session).as_deref(), Some("npt=1.950-"));

    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    session.receive_frames(0..40);
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
    session.next_request();
    session.respond(&session_not_found(Some(6)));
    assert_eq!(reconnect_range(&mut session).as_deref(), Some("npt=1.950-"));
    // A second 454 is the second attempt.
    session.respond(&session_not_found(Some(4)));
    let last = session.events.iter().rev().find_map(|event| match event {
        SessionEvent::Reconnecting(reason) => Some(reason.to_string()),
        _ => None,
    });
    assert!(last.unwrap().ends_with("(attempt 2)…"));
}

#[test]
fn seek_survives_unknown_session() {
    for refused in ["PAUSE", "PLAY"] {
        let mut session = ScriptedSession::for_streams();
        session.play_ten_seconds();
        session.receive_frames(0..40);
        session.handle_input(ClientInput::Command(SessionCommand::Seek(Npt::from_micros(7_000_000))));
        session.next_request();
        if refused == "PLAY" {
            session.respond("RTSP/1.0 200 OK\nCSeq: 5\n");
            session.next_request();
        }
        session.respond(&session_not_found(Some(if refused == "PLAY" { 6 } else { 5 })));
        assert_eq!(reconnect_range(&mut session).as_deref(), Some("npt=7.000-"), "{refused}");
    }
}

#[test]
fn unknown_session_fails_without_reconnect() {
    let mut session = ScriptedSession::new();
    session.play_ten_seconds();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.next_request();
    session.respond(&session_not_found(Some(5)));
    let failure = session.failure().unwrap();
    assert!(failure.starts_with("The server refused PAUSE: 454") && failure.ends_with("connect again."));
    assert_eq!(session.state(), RtspState::Init);
}

/// Returns a client that has lost its server after two seconds of the film, and whose DESCRIBE is the next request to be
/// answered.
fn session_that_reconnects() -> ScriptedSession {
    let mut session = ScriptedSession::for_streams();
    session.play_ten_seconds();
    session.receive_frames(0..40);
    session.handle_input(ClientInput::ConnectionLost(None));
    session.advance(Duration::from_millis(1_010));
    session.next_request();
    session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
    assert_eq!(session.next_request().method.as_str(), "DESCRIBE");
    session
}

/// A server that has just been restarted may not have indexed its films yet.
#[test]
fn missing_stream_is_retried_only_while_reconnecting() {
    for status in ["404 Not Found", "503 Service Unavailable"] {
        let mut session = ScriptedSession::for_streams();
        session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
        session.next_request();
        session.respond("RTSP/1.0 200 OK\nCSeq: 1\n");
        session.next_request();
        session.respond(&format!("RTSP/1.0 {status}\nCSeq: 2\n"));
        assert!(session.failure().is_some(), "{status}");

        let mut session = session_that_reconnects();
        session.respond(&format!("RTSP/1.0 {status}\nCSeq: 2\n"));
        assert!(session.failure().is_none(), "{status}");
        session.advance(Duration::from_millis(2_010));
        session.set_up_ten_seconds();
        assert_eq!(session.next_request().headers.get("Range"), Some("npt=1.950-"), "{status}");
    }
}

#[test]
fn refusal_that_is_not_temporary_ends_reconnection() {
    let mut session = session_that_reconnects();
    session.respond("RTSP/1.0 403 Forbidden\nCSeq: 2\n");
    assert!(session.failure().unwrap().contains("403 Forbidden"));
}

#[test]
fn non_rtsp_response_is_explained() {
    let mut session = ScriptedSession::new();
    session.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Ready)));
    session.handle_input(ClientInput::Received("HTTP/1.1 400 Bad Request\r\n\r\n".into()));
    assert!(session.events.iter().any(
        |event| matches!(event, SessionEvent::Failed(f) if f.to_string().contains("does not speak RTSP"))
    ));
}
