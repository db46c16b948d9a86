//! What real players ask, typed anew, answered by the server; what real servers answer, played by the player.

mod common;

use common::films::pictures;
use common::jpegs::{Kind, picture};
use common::simulation::{Setting, World};
use reelay::impairment::Datagram;
use reelay::media::payload::{Form, packetize};
use reelay::proto::rtcp::{self, Epoch, NtpTime, Rtcp};
use reelay::proto::rtsp::{Frame, Framer, Limits, Npt, Request, Response, Transport};
use reelay::session::{
    Client as _, Command, Event, Failure, Goal, Input, MachineOptions, Output, Path, Player, PlayerOptions,
    Reporter, RtspState,
};
use std::time::{Duration, Instant};

/// Asks the server in the words of a player; `{session}` stands for the session that SETUP made.
fn ask(world: &mut World, words: &str) -> Response {
    let session = world.server_mut().session().map(|session| session.id().to_owned()).unwrap_or_default();
    let words = words.trim_start().replace("{session}", &session).replace('\n', "\r\n") + "\r\n";
    let mut framer = Framer::new(Limits::SERVER);
    framer.push(words.as_bytes());
    let Some(Frame::Request(request)) = framer.next_frame().unwrap() else { panic!("no request: {words}") };
    let response = world.server_mut().ask(Instant::now(), &request);
    assert_eq!(response.headers.get("CSeq"), request.headers.get("CSeq"));
    response
}

fn world() -> World {
    World::new(Setting::new(pictures(Kind::Standard420, (96, 64), 500)))
}

#[track_caller]
fn ok(response: Response) -> Response {
    assert_eq!(response.status.code(), 200, "{}", response.reason);
    response
}

#[test]
fn ffmpeg_is_served() {
    let mut world = world();
    let options = ok(ask(
        &mut world,
        "OPTIONS rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nUser-Agent: Lavf59.27.100\n",
    ));
    assert!(options.headers.get("Public").unwrap().contains("GET_PARAMETER"));
    let description = ok(ask(
        &mut world,
        "DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nAccept: application/sdp\nCSeq: 2\nUser-Agent: Lavf59.27.100\n",
    ));
    assert_eq!(description.headers.get("Content-Base"), Some("rtsp://127.0.0.1:8554/film/"));
    let setup = ok(ask(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nTransport: RTP/AVP/UDP;unicast;client_port=19456-19457\nCSeq: 3\nUser-Agent: Lavf59.27.100\n",
    ));
    let [transport] = &Transport::parse_all(setup.headers.get("Transport").unwrap())[..] else { panic!() };
    assert!(transport.server_port.is_some() && transport.ssrc.is_some() && !transport.jpeg_header);
    assert!(setup.headers.get("Session").unwrap().ends_with(";timeout=60"));
    let play = ok(ask(
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
    ok(ask(
        &mut world,
        "GET_PARAMETER rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 5\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    ok(ask(
        &mut world,
        "PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    let seek = ok(ask(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nRange: npt=20.000-\nCSeq: 7\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
    assert_eq!(seek.headers.get("Range"), Some("npt=20.000-25.000"));
    ok(ask(
        &mut world,
        "TEARDOWN rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 8\nUser-Agent: Lavf59.27.100\nSession: {session}\n",
    ));
}

#[test]
fn gstreamer_is_served() {
    let mut world = world();
    ok(ask(
        &mut world,
        "OPTIONS rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nUser-Agent: GStreamer/1.22.0\nDate: Mon, 23 Nov 2026 12:00:00 GMT\n",
    ));
    ok(ask(
        &mut world,
        "DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 2\nUser-Agent: GStreamer/1.22.0\nAccept: application/sdp\n",
    ));
    let setup = ok(ask(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\n",
    ));
    assert!(setup.headers.get("Transport").unwrap().contains("interleaved=0-1"));
    let play = ok(ask(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 4\nRange: npt=now-\nSession: {session}\n",
    ));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-25.000"));
    ok(ask(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 5\nRange: npt=0-60\nSession: {session}\n",
    ));
    ok(ask(&mut world, "PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\nSession: {session}\n"));
    ok(ask(&mut world, "TEARDOWN rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 7\nSession: {session}\n"));
}

#[test]
fn vlc_is_served() {
    let mut world = world();
    let agent = "User-Agent: LibVLC/3.0.24 (LIVE555 Streaming Media v2026.06.24)";
    ok(ask(&mut world, &format!("OPTIONS rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 2\n{agent}\n")));
    ok(ask(
        &mut world,
        &format!("DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 3\n{agent}\nAccept: application/sdp\n"),
    ));
    ok(ask(
        &mut world,
        &format!(
            "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 4\n{agent}\nTransport: RTP/AVP;unicast;client_port=30000-30001\n"
        ),
    ));
    ok(ask(
        &mut world,
        &format!(
            "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 5\n{agent}\nSession: {{session}}\nRange: npt=0.000-\n"
        ),
    ));
    ok(ask(
        &mut world,
        &format!("PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\n{agent}\nSession: {{session}}\n"),
    ));
    let resume = ok(ask(
        &mut world,
        &format!("PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 7\n{agent}\nSession: {{session}}\n"),
    ));
    assert_eq!(resume.headers.get("Range"), Some("npt=0.000-25.000"));
    ok(ask(
        &mut world,
        &format!("TEARDOWN rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 8\n{agent}\nSession: {{session}}\n"),
    ));
}

/// What a PLAY is answered: Scale, Speed, Range and status.
fn tempo(world: &mut World, headers: &str) -> (Option<String>, Option<String>, Option<String>, u16) {
    let play = "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 4\nSession: {session}\n";
    let response = ask(world, &format!("{play}{headers}"));
    let told = |name| response.headers.get(name).map(str::to_owned);
    (told("Scale"), told("Speed"), told("Range"), response.status.code())
}

/// GStreamer asks for a Speed when its user seeks at another rate, and for a Scale with key units alone or backwards.
#[test]
fn a_tempo_is_answered_with_the_one_that_is_played() {
    let mut world = world();
    ok(ask(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\n",
    ));
    let some = |text: &str| Some(text.to_owned());
    let all = some("npt=0.000-25.000");
    assert_eq!(tempo(&mut world, "Range: npt=0-\nScale: fast\n"), (None, None, None, 400));
    assert_eq!(tempo(&mut world, "Range: npt=0-\nSpeed: 0\n"), (None, None, None, 400));
    let speed = tempo(&mut world, "Range: npt=0-\nSpeed: 2.000000\n");
    assert_eq!(speed, (None, some("2.0"), all.clone(), 200));
    assert_eq!(tempo(&mut world, ""), (None, some("2.0"), all.clone(), 200), "it goes on as it is");
    assert_eq!(tempo(&mut world, "Scale: 100\n"), (some("8.0"), None, all.clone(), 200));
    assert_eq!(tempo(&mut world, "Scale: 0.1\n"), (some("0.25"), None, all.clone(), 200));
    assert_eq!(tempo(&mut world, "Scale: -1.000000\n"), (some("1.0"), None, all, 200));
    let part = some("npt=10.000-20.000");
    assert_eq!(tempo(&mut world, "Range: npt=10-20\n"), (None, None, part.clone(), 200));
    assert_eq!(tempo(&mut world, "Scale: 1.5\n"), (some("1.5"), None, part, 200), "up to where it was to go");
    ok(ask(&mut world, "PAUSE rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 6\nSession: {session}\n"));
    let resumed = tempo(&mut world, "");
    assert_eq!(resumed, (None, None, some("npt=10.000-25.000"), 200), "and then as usual");
}

#[test]
fn retina_is_served_without_a_greeting() {
    let mut world = world();
    ok(ask(
        &mut world,
        "DESCRIBE rtsp://127.0.0.1:8554/film RTSP/1.0\nAccept: application/sdp\nCSeq: 1\nUser-Agent: retina_0.4.21\n",
    ));
    ok(ask(
        &mut world,
        "SETUP rtsp://127.0.0.1:8554/film/track1 RTSP/1.0\nCSeq: 2\nTransport: RTP/AVP/UDP;unicast;client_port=32000-32001\n",
    ));
    ok(ask(
        &mut world,
        "PLAY rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 3\nRange: npt=0.000-\nSession: {session}\n",
    ));
    ok(ask(&mut world, "OPTIONS rtsp://127.0.0.1:8554/film/ RTSP/1.0\nCSeq: 4\nSession: {session}\n"));
}

/// Each status where RFC 2326 asks for it, once a session stands.
#[test]
fn refusals_have_the_status_of_rfc_2326() {
    let mut world = world();
    let code = |world: &mut World, words: &str| ask(world, words).status.code();
    let film = "rtsp://127.0.0.1:8554/film";
    assert_eq!(code(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\n")), 454);
    assert_eq!(code(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\nSession: 12345678\n")), 454);
    assert_eq!(code(&mut world, &format!("TEARDOWN {film} RTSP/1.0\nCSeq: 1\nSession: 12345678\n")), 454);
    assert_eq!(code(&mut world, &format!("SETUP {film} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP\n")), 459);
    assert_eq!(code(&mut world, &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\n")), 400);
    assert_eq!(
        code(&mut world, &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP;multicast\n")),
        461
    );
    assert_eq!(code(&mut world, &format!("DESCRIBE {film} RTSP/1.0\nCSeq: 1\nAccept: text/html\n")), 406);
    assert_eq!(code(&mut world, &format!("OPTIONS {film} RTSP/1.0\n")), 400);
    assert_eq!(code(&mut world, &format!("OPTIONS {film} RTSP/3.0\nCSeq: 1\n")), 505);
    assert_eq!(code(&mut world, &format!("LEVITATE {film} RTSP/1.0\nCSeq: 1\n")), 501);
    assert_eq!(code(&mut world, &format!("RECORD {film} RTSP/1.0\nCSeq: 1\n")), 405);
    assert_eq!(code(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\nRequire: levitation\n")), 551);

    ok(ask(
        &mut world,
        &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n"),
    ));
    let mut with = |method: &str, path: &str, rest: &str| {
        code(&mut world, &format!("{method} {film}{path} RTSP/1.0\nCSeq: 1\nSession: {{session}}\n{rest}"))
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
    assert_eq!(with("PAUSE", "", "Range: npt=20.1-\n"), 457, "that PLAY ends at 20 s");
    assert_eq!(with("PAUSE", "", "Range: npt=15-\n"), 200);
    assert_eq!(with("PAUSE", "", "Range: npt=17-\n"), 200, "the user has thought better of it");
    assert_eq!(with("PAUSE", "", ""), 200);
    assert_eq!(with("PAUSE", "", ""), 455);
    let allow = |world: &mut World, method: &str| {
        let words = format!("{method} {film}/track1 RTSP/1.0\nCSeq: 1\nSession: {{session}}\n");
        let refusal = ask(world, &words);
        assert_eq!(refusal.status.code(), 455);
        refusal.headers.get("Allow").unwrap().to_owned()
    };
    assert!(!allow(&mut world, "SETUP").contains("PAUSE"));
    ok(ask(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 1\nSession: {{session}}\n")));
    let allowed = allow(&mut world, "SETUP");
    assert!(allowed.contains("PAUSE") && !allowed.contains("SETUP"), "{allowed}");
    world.server_mut().info.progress.outcome = None;
    let still_reading = format!("PLAY {film} RTSP/1.0\nCSeq: 1\nSession: {{session}}\nRange: npt=99-\n");
    assert_eq!(code(&mut world, &still_reading), 456);
}

/// A film of a second, of which the last frame is being shown.
fn world_at_its_end() -> World {
    let mut world = World::new(Setting::new(pictures(Kind::Standard420, (96, 64), 20)));
    world.want(Goal::Playing);
    world.run_until("the last frame", |world| world.arrived.len() == 20);
    world
}

#[test]
fn who_pauses_while_the_last_frame_is_shown_plays_from_the_beginning() {
    let mut world = world_at_its_end();
    let film = "rtsp://127.0.0.1:8554/film";
    let pause = ok(ask(&mut world, &format!("PAUSE {film} RTSP/1.0\nCSeq: 1\nSession: {{session}}\n")));
    assert_eq!(pause.headers.get("Range"), Some("npt=1.000-"));
    let play = ok(ask(&mut world, &format!("PLAY {film} RTSP/1.0\nCSeq: 2\nSession: {{session}}\n")));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-1.000"));
}

#[test]
fn who_plays_on_from_now_while_the_last_frame_is_shown_plays_from_the_beginning() {
    let mut world = world_at_its_end();
    let play = "PLAY rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 1\nSession: {session}\n";
    // Only a sign of life.
    assert_eq!(ok(ask(&mut world, play)).headers.get("Range"), Some("npt=1.000-1.000"));
    for range in ["9999-", "5-3", "0-0"] {
        let refused = ask(&mut world, &format!("{play}Range: npt={range}\n"));
        assert_eq!(refused.status.code(), 457, "{range}");
        assert!(world.server_mut().session().unwrap().stream().is_playing(), "a refusal changes nothing");
    }
    let play = ok(ask(&mut world, &format!("{play}Range: npt=now-\n")));
    assert_eq!(play.headers.get("Range"), Some("npt=0.000-1.000"));
}

#[test]
fn the_stream_is_called_as_it_was_set_up() {
    let mut world = world();
    for track in ["/track1", "/%74rack1", "/track1?quality=1", "/track1/"] {
        let url = format!("rtsp://127.0.0.1:8554/film{track}");
        let setup = format!("SETUP {url} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n");
        ok(ask(&mut world, &setup));
        let play = "PLAY rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 2\nSession: {session}\n";
        let info = ok(ask(&mut world, play)).headers.get("RTP-Info").unwrap().to_owned();
        assert!(info.starts_with(&format!("url={};seq=", url.trim_end_matches('/'))), "{info}");
        ok(ask(&mut world, "TEARDOWN rtsp://127.0.0.1:8554/film RTSP/1.0\nCSeq: 3\nSession: {session}\n"));
    }
}

#[test]
fn the_time_of_a_request_comes_back() {
    let options = "OPTIONS * RTSP/1.0\nCSeq: 1\nTimestamp: 12.5 \n";
    assert_eq!(ok(ask(&mut world(), options)).headers.get("Timestamp"), Some("12.5"));
}

#[test]
fn parameters_are_answered_understood_or_not() {
    let mut world = world();
    let film = "rtsp://127.0.0.1:8554/film";
    ok(ask(
        &mut world,
        &format!("SETUP {film}/track1 RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=0-1\n"),
    ));
    let mut with = |method: &str, kind: &str, body: &'static str| {
        let id = world.server_mut().session().unwrap().id().to_owned();
        let method = reelay::proto::rtsp::Method::from_token(method);
        let mut request = Request::new(method, film)
            .with("CSeq", "1")
            .with("Session", id)
            .with("Content-Type", kind.to_owned());
        request.body = body.into();
        world.server_mut().ask(Instant::now(), &request)
    };
    assert_eq!(with("GET_PARAMETER", "text/parameters", "position\r\n").body, "position: 0.000\r\n");
    let unknown = with("GET_PARAMETER", "text/parameters", "position\r\nbarparam\r\n");
    assert_eq!((unknown.status.code(), &unknown.body[..]), (451, &b"barparam\r\n"[..]));
    assert_eq!(with("SET_PARAMETER", "text/parameters", "barparam: barstuff\r\n").status.code(), 451);
    assert_eq!(with("SET_PARAMETER", "text/parameters", "position: 4\r\n").status.code(), 458);
    assert_eq!(with("SET_PARAMETER", "application/json", "{}").status.code(), 415);
}

/// A player that talks to a server written down here: requests come out, answers go in.
struct Scripted {
    player: Player,
    now: Instant,
    framer: Framer,
    pub events: Vec<Event>,
    pub frames: usize,
    pub connected: Vec<String>,
    /// Of the next packet.
    sequence: u16,
}

/// Who sends the scripted stream.
const SOURCE: u32 = 9;

impl Scripted {
    fn new() -> Self {
        Self::of("rtsp://127.0.0.1:8554/test")
    }

    fn of(url: &str) -> Self {
        Self::with(url, MachineOptions::default())
    }

    /// For a person who watches: a server that is lost is looked for again.
    fn for_streams() -> Self {
        Self::with(
            "rtsp://127.0.0.1:8554/test",
            MachineOptions { reconnects: true, ..MachineOptions::default() },
        )
    }

    fn with(url: &str, machine: MachineOptions) -> Self {
        let url = reelay::proto::rtsp::RtspUrl::parse(url).unwrap();
        let reporter = Reporter { ssrc: 1, cname: "player".to_owned() };
        let options = PlayerOptions {
            machine,
            playout_delay: Duration::ZERO,
            reporter,
            emulation: Default::default(),
            epoch: Epoch { instant: Instant::now(), ntp: NtpTime(1 << 40) },
        };
        let framer = Framer::new(Limits::SERVER);
        let (player, now) = (Player::new(url, options), Instant::now());
        Self { player, now, framer, events: Vec::new(), frames: 0, connected: Vec::new(), sequence: 0 }
    }

    fn input(&mut self, input: Input) {
        self.player.handle_input(self.now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.player.poll_output() {
            match output {
                Output::Connect { host, port } => {
                    self.connected.push(format!("{host}:{port}"));
                    self.input(Input::Connected(Path::default()));
                }
                Output::OpenPorts(_) => {
                    self.input(Input::Ports(Ok(reelay::proto::rtsp::PortPair { rtp: 19_456, rtcp: 19_457 })));
                }
                Output::Write(octets) => self.framer.push(&octets),
                Output::Event(event) => self.events.push(event),
                Output::Frame(_) => self.frames += 1,
                _ => {}
            }
        }
    }

    /// The request that is in flight now.
    #[track_caller]
    fn request(&mut self) -> Request {
        loop {
            match self.framer.next_frame().unwrap() {
                Some(Frame::Request(request)) => return request,
                // An answer to the server.
                Some(Frame::Response(_)) => {}
                other => panic!("no request but {other:?}"),
            }
        }
    }

    /// What was answered to the server's last request.
    fn reply(&mut self) -> Response {
        match self.framer.next_frame().unwrap() {
            Some(Frame::Response(reply)) => reply,
            other => panic!("no reply but {other:?}"),
        }
    }

    /// Lets time pass, with everything that it brings.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        let mut steps = 0;
        while let Some(deadline) = self.player.poll_timeout().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.player.handle_timeout(self.now);
            self.carry_out();
            steps += 1;
            assert!(steps < 10_000, "the player turns without getting on");
        }
        self.now = until;
    }

    /// Sets a stream of ten seconds up, and plays it from the beginning.
    fn play_ten_seconds(&mut self) {
        self.input(Input::Command(Command::SetGoal(Goal::Playing)));
        self.set_up_ten_seconds();
        self.request();
        self.answer(
            "RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\nRTP-Info: url=rtsp://127.0.0.1:8554/test;seq=0;rtptime=0\n",
        );
        assert_eq!(self.state(), RtspState::Playing);
    }

    #[track_caller]
    fn set_up_ten_seconds(&mut self) {
        self.request();
        self.answer("RTSP/1.0 200 OK\nCSeq: 1\nPublic: GET_PARAMETER\n");
        self.request();
        self.answer(
            "RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\n\
             v=0\na=range:npt=0-10\nm=video 0 RTP/AVP 26\na=framerate:20\n",
        );
        self.request();
        self.answer(
            "RTSP/1.0 200 OK\nCSeq: 3\nSession: 12345678;timeout=8\n\
             Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
        );
    }

    /// Frame after frame of a film of 20 a second arrives, from this one on.
    fn receive(&mut self, frames: std::ops::Range<u32>) {
        self.receive_as(frames, |_| ());
    }

    /// As `receive`, and something is done to every packet on the way.
    fn receive_as(&mut self, frames: std::ops::Range<u32>, change: impl Fn(&mut Vec<u8>)) {
        for number in frames {
            let jpeg = picture(Kind::Standard420, (96, 64), number, 0);
            let packets = packetize(&jpeg, Form::Standard).unwrap();
            for index in 0..packets.packets().len() {
                let mut octets = Vec::new();
                packets.write_packet(index, self.sequence, number * 4_500, SOURCE, &mut octets);
                self.sequence = self.sequence.wrapping_add(1);
                change(&mut octets);
                self.input(Input::Datagram(Datagram::rtp(octets)));
            }
            self.pass(Duration::from_millis(50));
        }
    }

    /// As `receive_as`, by a server that answers the signs of life meanwhile.
    fn receive_and_answer(&mut self, frames: std::ops::Range<u32>, change: impl Fn(&mut Vec<u8>)) {
        for number in frames {
            self.receive_as(number..number + 1, &change);
            while let Some(Frame::Request(request)) = self.framer.next_frame().unwrap() {
                assert_eq!(request.method.as_str(), "GET_PARAMETER");
                self.answer(&format!("RTSP/1.0 200 OK\nCSeq: {}\n", request.headers.cseq().unwrap()));
            }
        }
        self.pass(Duration::from_millis(200));
    }

    fn answer(&mut self, words: &str) {
        let (head, body) = words.trim_start().split_once("\n\n").unwrap_or((words, ""));
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\n", body.len()) };
        let octets = format!("{}\n{length}\n", head.trim()).replace('\n', "\r\n") + body;
        self.input(Input::Received(octets.into()));
    }

    fn state(&self) -> RtspState {
        self.player.status().state
    }

    /// What went wrong, as the user reads it.
    fn failure(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            Event::Failed(failure) => Some(failure.to_string()),
            _ => None,
        })
    }
}

/// How many packets have been counted, and how many of them as lost or as repeated.
fn counted(script: &mut Scripted) -> (u64, u64, u64) {
    let snapshot = script.player.snapshot(script.now);
    (snapshot.packets_received, snapshot.packets_lost, snapshot.packets_duplicated)
}

/// RFC 2326 leaves a server the choice of its numbers at each PLAY.
#[test]
fn a_server_that_begins_its_numbers_anew_at_each_play_is_played_again_and_again() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    for again in 1..=3 {
        script.sequence = 0;
        script.receive_and_answer(0..200, |_| ());
        assert_eq!(script.events.iter().filter(|event| **event == Event::Ended).count(), again);
        assert_eq!((script.state(), script.frames), (RtspState::Ready, 200 * again));
        assert_eq!(counted(&mut script), (u64::from(script.sequence) * again as u64, 0, 0));
        script.input(Input::Command(Command::SetGoal(Goal::Playing)));
        let play = script.request();
        assert_eq!(play.method.as_str(), "PLAY");
        let cseq = play.headers.cseq().unwrap();
        script.answer(&format!(
            "RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 12345678\nRange: npt=0-10\n\
             RTP-Info: url=rtsp://127.0.0.1:8554/test;seq=0;rtptime=0\n"
        ));
        assert_eq!(script.state(), RtspState::Playing);
    }
}

/// Two that choose the same SSRC must choose others (RFC 3550 §8.2), and a server may choose one for each PLAY.
#[test]
fn a_source_that_changes_its_ssrc_is_followed() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive(0..50);
    let frames = script.frames;
    script.sequence = 30_000;
    script.receive_and_answer(50..200, |octets| octets[8..12].copy_from_slice(&[1, 2, 3, 4]));
    assert_eq!((frames, script.frames), (50, 200), "not one picture is missing");
    assert!(script.events.contains(&Event::Ended));
    assert_eq!(counted(&mut script).1, 0);
}

/// A live source of GStreamer's server: no Range to speak of, an aggregate control, a stream below it.
#[test]
fn gstreamers_server_is_played() {
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Playing)));
    assert_eq!(script.request().uri, "rtsp://127.0.0.1:8554/test");
    script.answer("RTSP/1.0 200 OK\nCSeq: 1\nPublic: OPTIONS, DESCRIBE, GET_PARAMETER, PAUSE, PLAY, SETUP, TEARDOWN\nServer: GStreamer RTSP server\n");
    assert_eq!(script.request().headers.get("Accept"), Some("application/sdp"));
    script.answer(
        "RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\nContent-Base: rtsp://127.0.0.1:8554/test/\n\
         Server: GStreamer RTSP server\n\nv=0\no=- 1 1 IN IP4 127.0.0.1\ns=Session streamed with GStreamer\n\
         t=0 0\na=control:*\na=range:npt=now-\nm=video 0 RTP/AVP 26\nc=IN IP4 0.0.0.0\na=rtpmap:26 JPEG/90000\n\
         a=framerate:25.000000\na=control:stream=0\n",
    );
    let setup = script.request();
    assert_eq!(setup.uri, "rtsp://127.0.0.1:8554/test/stream=0");
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP;unicast;client_port=19456-19457"));
    script.answer(
        "RTSP/1.0 200 OK\nCSeq: 3\nTransport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001;\
         ssrc=0A0B0C0D;mode=\"PLAY\"\nSession: Jx+Session90210\n",
    );
    let play = script.request();
    assert_eq!(
        (play.uri.as_str(), play.headers.get("Range")),
        ("rtsp://127.0.0.1:8554/test/", None),
        "it is live"
    );
    assert_eq!(play.headers.get("Session"), Some("Jx+Session90210"));
    script.answer(
        "RTSP/1.0 200 OK\nCSeq: 4\nRTP-Info: url=rtsp://127.0.0.1:8554/test/stream=0;seq=100;rtptime=900000\n\
         Range: npt=now-\nSession: Jx+Session90210\n",
    );
    assert_eq!(script.state(), RtspState::Playing);
    script.input(Input::Command(Command::SetGoal(Goal::Stopped)));
    assert_eq!(script.request().method.as_str(), "TEARDOWN");
    script.answer("RTSP/1.0 200 OK\nCSeq: 5\nSession: Jx+Session90210\nConnection: close\n");
    assert_eq!(script.state(), RtspState::Init);
    assert_eq!(script.events.last().map(|event| matches!(event, Event::Status(_))), Some(true));
    assert!(script.events.contains(&Event::Closed));
}

#[test]
fn a_stream_without_jpeg_is_explained() {
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 1\n");
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
    assert!(script.failure().unwrap().contains("holds H264"));
}

#[test]
fn an_answer_that_is_late_or_to_nothing_changes_nothing() {
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 77\n");
    assert!(script.framer.next_frame().unwrap().is_none(), "the next request waits for the answer");
    script.answer("RTSP/1.0 200 OK\n");
    assert_eq!(
        script.request().method.as_str(),
        "DESCRIBE",
        "an answer without a number is to what is in flight"
    );
}

const NEEDS_DIGEST: &str = "RTSP/1.0 401 Unauthorized\nCSeq: {}\nWWW-Authenticate: Basic realm=\"films\"\n\
                            WWW-Authenticate: Digest realm=\"films\", nonce=\"{n}\"\n";

#[test]
fn a_server_to_which_every_nonce_is_stale_is_not_asked_for_ever() {
    let mut script = Scripted::of("rtsp://ann:secret@127.0.0.1:8554/test");
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    for cseq in 1..=3 {
        assert_eq!(script.request().headers.cseq(), Some(cseq));
        let words = needs_digest(cseq, &format!("nonce{cseq}")).replace("\"\n", "\", stale=true\n");
        script.answer(&words);
    }
    assert!(script.framer.next_frame().unwrap().is_none());
    assert!(script.events.contains(&Event::Failed(Failure::Unauthorized { was_refused: true })));
}

/// Its number of seconds is bounded by nothing but the grammar (RFC 2326 §12.37).
#[test]
fn a_session_may_say_that_it_lives_for_ever() {
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 1\nPublic: GET_PARAMETER\n");
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 26\n");
    script.request();
    script.answer(
        "RTSP/1.0 200 OK\nCSeq: 3\nSession: 1;timeout=18446744073709551615\n\
         Transport: RTP/AVP;unicast;client_port=19456-19457;server_port=40000-40001\n",
    );
    script.pass(Duration::from_secs(11 * 60 * 60));
    assert_eq!(script.state(), RtspState::Ready);
    assert!(script.framer.next_frame().unwrap().is_none());
    script.pass(Duration::from_secs(2 * 60 * 60));
    assert_eq!(script.request().method.as_str(), "GET_PARAMETER");
}

fn needs_digest(cseq: u32, nonce: &str) -> String {
    NEEDS_DIGEST.replace("{}", &cseq.to_string()).replace("{n}", nonce)
}

#[test]
fn a_password_is_given_to_who_asks_for_it_and_digest_is_preferred() {
    let mut script = Scripted::of("rtsp://ann:secret@127.0.0.1:8554/test");
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    assert_eq!(script.request().headers.get("Authorization"), None);
    script.answer(&needs_digest(1, "first"));
    let options = script.request();
    assert_eq!((options.method.as_str(), options.headers.cseq()), ("OPTIONS", Some(2)));
    let answer = options.headers.get("Authorization").unwrap();
    assert!(answer.starts_with("Digest ") && answer.contains("username=\"ann\""), "{answer}");
    assert!(!answer.contains("secret"));
    script.answer("RTSP/1.0 200 OK\nCSeq: 2\n");
    let describe = script.request();
    assert!(describe.headers.get("Authorization").unwrap().contains("nonce=\"first\""));
    // A nonce that is too old is replaced.
    script.answer(&needs_digest(3, "second").replace("nonce=", "stale=true, nonce="));
    let again = script.request();
    assert_eq!((again.method.as_str(), again.headers.cseq()), ("DESCRIBE", Some(4)));
    assert!(again.headers.get("Authorization").unwrap().contains("nonce=\"second\""));
    // A password that is wrong is not tried for ever.
    script.answer(&needs_digest(4, "third"));
    assert!(script.events.contains(&Event::Failed(Failure::Unauthorized { was_refused: true })));
    assert_eq!(script.state(), RtspState::Init);
}

/// A server that has been started again knows nothing of its old nonces, and does not say that they are stale.
#[test]
fn an_answer_is_good_for_the_connection_that_asked() {
    let mut script = Scripted::of("rtsp://ann:secret@127.0.0.1:8554/test");
    for nonce in ["first", "second"] {
        script.input(Input::Command(Command::SetGoal(Goal::Ready)));
        let options = script.request();
        assert_eq!(options.headers.get("Authorization"), None, "{nonce}");
        script.answer(&format!("RTSP/1.0 200 OK\nCSeq: {}\n", options.headers.cseq().unwrap()));
        let describe = script.request();
        assert_eq!(describe.headers.get("Authorization"), None, "{nonce}");
        script.answer(&needs_digest(describe.headers.cseq().unwrap(), nonce));
        let again = script.request();
        let answer = again.headers.get("Authorization").unwrap();
        assert!(answer.contains(&format!("nonce=\"{nonce}\"")), "{answer}");
        script.input(Input::ConnectionLost(None));
    }
    assert!(!script.events.iter().any(|event| matches!(event, Event::Failed(Failure::Unauthorized { .. }))));
}

#[test]
fn without_a_password_it_is_asked_for() {
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer(&needs_digest(1, "x"));
    assert_eq!(script.request().method.as_str(), "DESCRIBE", "OPTIONS may be refused");
    script.answer(&needs_digest(2, "x"));
    assert!(script.events.contains(&Event::Failed(Failure::Unauthorized { was_refused: false })));
}

#[test]
fn a_stream_that_has_moved_is_followed_without_the_password_and_not_for_ever() {
    let mut script = Scripted::of("rtsp://ann:secret@127.0.0.1:8554/test");
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 1\n");
    script.request();
    script.answer("RTSP/1.0 302 Moved Temporarily\nCSeq: 2\nLocation: rtsp://127.0.0.2:9000/there\n");
    assert_eq!(script.connected.last().map(String::as_str), Some("127.0.0.2:9000"));
    let options = script.request();
    assert_eq!((options.uri.as_str(), options.headers.cseq()), ("rtsp://127.0.0.2:9000/there", Some(1)));
    script.answer(&needs_digest(1, "x"));
    assert_eq!(script.request().headers.get("Authorization"), None, "the password was for another server");
    for again in 0..5 {
        assert!(script.failure().is_none(), "{again}");
        script.answer("RTSP/1.0 301 Moved Permanently\nLocation: rtsp://127.0.0.2:9000/elsewhere\n");
        if again < 4 {
            script.request();
        }
    }
    assert!(script.failure().unwrap().contains("elsewhere more than 5 times"));
}

#[test]
fn every_answer_that_names_another_place_is_followed_and_the_place_may_be_a_path() {
    for (status, location, expected) in [
        ("303 See Other", "/there", "rtsp://127.0.0.1:8554/there"),
        ("307 Temporary Redirect", "b", "rtsp://127.0.0.1:8554/b"),
    ] {
        let mut script = Scripted::new();
        script.input(Input::Command(Command::SetGoal(Goal::Ready)));
        script.request();
        script.answer(&format!("RTSP/1.0 {status}\nCSeq: 1\nLocation: {location}\n"));
        assert_eq!(script.connected, ["127.0.0.1:8554", "127.0.0.1:8554"]);
        assert_eq!(script.request().uri, expected);
    }
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer("RTSP/1.0 302 Moved Temporarily\nCSeq: 1\nLocation: http://h/there\n");
    assert!(script.failure().unwrap().contains("elsewhere and does not say where"));
}

#[test]
fn a_server_that_tears_down_is_answered_and_the_session_is_over() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive(0..10);
    script.answer("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 7\nSession: 87654321\n");
    assert_eq!(script.reply().status.code(), 454, "that is another session's");
    script.answer("PLAY rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 8\nSession: 12345678\n");
    assert_eq!(script.reply().status.code(), 501);
    assert_eq!((script.state(), script.failure()), (RtspState::Playing, None));
    script.answer("TEARDOWN rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 9\nSession: 12345678\n");
    let reply = script.reply();
    assert_eq!((reply.status.code(), reply.headers.cseq()), (200, Some(9)));
    assert_eq!(script.state(), RtspState::Init);
    assert_eq!(
        script.failure().as_deref(),
        Some("127.0.0.1:8554 has ended the session; play it again for a new one.")
    );
    assert!(script.events.contains(&Event::Closed));
    assert_eq!(script.connected.len(), 1, "and nobody comes back unasked");
}

#[test]
fn a_server_that_sends_its_players_elsewhere_is_left_and_the_film_goes_on_there() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive(0..40);
    script.answer("REDIRECT rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 7\nSession: 12345678\n");
    assert_eq!(script.reply().status.code(), 400, "it does not say where");
    script.answer(
        "REDIRECT rtsp://127.0.0.1:8554/test RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n",
    );
    assert_eq!(script.reply().status.code(), 200);
    let teardown = script.request();
    assert_eq!((teardown.method.as_str(), teardown.headers.cseq()), ("TEARDOWN", Some(5)));
    script.answer("RTSP/1.0 200 OK\nCSeq: 5\n");
    assert_eq!(script.connected.last().map(String::as_str), Some("127.0.0.2:9000"));
    let told = script.events.iter().find_map(|event| match event {
        Event::Interrupted(interruption) => Some(interruption.to_string()),
        _ => None,
    });
    assert!(told.unwrap().ends_with("the stream now comes from 127.0.0.2:9000."));
    script.set_up_ten_seconds();
    let play = script.request();
    assert_eq!((play.method.as_str(), play.headers.get("Range")), ("PLAY", Some("npt=1.950-")));
    assert_eq!(script.failure(), None);
}

/// Before SETUP there is nothing to tear down; and a server need not wait for it.
#[test]
fn a_server_that_sends_its_players_elsewhere_may_do_so_early_or_hang_up() {
    let redirect = "REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/there\n";
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Playing)));
    script.request();
    script.answer(redirect);
    assert_eq!(script.connected.last().map(String::as_str), Some("127.0.0.2:9000"));
    assert_eq!(script.request().uri, "rtsp://127.0.0.2:9000/there");

    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive(0..10);
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.answer(redirect);
    script.input(Input::ConnectionLost(None));
    assert_eq!(script.connected.last().map(String::as_str), Some("127.0.0.2:9000"));
    // Requests to the old server are still unread; one to the new server follows them.
    while script.request().uri != "rtsp://127.0.0.2:9000/there" {}
    assert_eq!(script.failure(), None);
}

/// Only who is sent from one to the other without ever playing goes in circles.
#[test]
fn who_has_played_may_be_sent_elsewhere_again_and_again() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    for place in 0..8 {
        script.answer(&format!("REDIRECT * RTSP/1.0\nCSeq: 8\nLocation: rtsp://127.0.0.2:9000/{place}\n"));
        assert_eq!(script.reply().status.code(), 200);
        assert_eq!(script.request().method.as_str(), "TEARDOWN");
        script.answer("RTSP/1.0 200 OK\nCSeq: 5\n");
        script.set_up_ten_seconds();
        assert_eq!(script.request().method.as_str(), "PLAY");
        script.answer("RTSP/1.0 200 OK\nCSeq: 4\nSession: 12345678\nRange: npt=0-10\n");
        assert_eq!((script.state(), script.failure()), (RtspState::Playing, None), "{place}");
    }
}

#[test]
fn pictures_of_which_none_can_be_shown_are_told_with_the_reason() {
    let without_size = |packet: &mut Vec<u8>| packet[18..20].fill(0);
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive_as(0..24, without_size);
    assert_eq!(script.failure(), None);
    script.receive_as(24..60, without_size);
    let told: Vec<_> = script.events.iter().filter(|event| matches!(event, Event::Failed(_))).collect();
    let why = "the stream does not say how large its pictures are".to_owned();
    assert_eq!(told, [&Event::Failed(Failure::Unusable { why })]);
    assert_eq!(script.state(), RtspState::Playing, "better ones may come");

    // Among others they are only counted.
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive(0..1);
    script.receive_as(1..60, without_size);
    assert_eq!(script.failure(), None);
}

/// A server that has no more to send says goodbye, wherever in the film it is.
#[test]
fn a_goodbye_in_the_middle_of_a_film_ends_it_and_play_begins_anew() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.receive(0..40);
    let goodbye = rtcp::write(&[Rtcp::Bye { ssrcs: vec![SOURCE + 1] }]);
    script.input(Input::Datagram(Datagram::rtcp(goodbye)));
    script.receive(40..50);
    assert_eq!(script.state(), RtspState::Playing, "that was another source");
    let goodbye = rtcp::write(&[Rtcp::Bye { ssrcs: vec![SOURCE] }]);
    script.input(Input::Datagram(Datagram::rtcp(goodbye)));
    script.pass(Duration::from_secs(1));
    assert_eq!((script.frames, script.state()), (50, RtspState::Ready));
    assert!(script.events.contains(&Event::Ended) && script.failure().is_none());
    assert!(!script.events.iter().any(|event| matches!(event, Event::Reached(_))), "that is not its end");
    script.input(Input::Command(Command::SetGoal(Goal::Playing)));
    let play = script.request();
    assert_eq!((play.method.as_str(), play.headers.get("Range")), ("PLAY", Some("npt=0.000-")));
}

/// A server that is stopped in the middle says goodbye, too; what it served is looked for again.
#[test]
fn a_goodbye_in_the_middle_and_a_closed_connection_are_a_server_that_is_gone() {
    let goodbye = rtcp::write(&[Rtcp::Bye { ssrcs: vec![SOURCE] }]);
    let mut script = Scripted::for_streams();
    script.play_ten_seconds();
    script.receive(0..40);
    script.input(Input::Datagram(Datagram::rtcp(goodbye.clone())));
    script.input(Input::ConnectionLost(None));
    assert_eq!(goes_on_at(&mut script).as_deref(), Some("npt=1.950-"));

    // At the end it is the end.
    let mut script = Scripted::for_streams();
    script.play_ten_seconds();
    for (cseq, frames) in [(5, 0..85), (6, 85..170)] {
        script.receive(frames);
        assert_eq!(script.request().method.as_str(), "GET_PARAMETER", "a sign of life");
        script.answer(&format!("RTSP/1.0 200 OK\nCSeq: {cseq}\n"));
    }
    script.input(Input::Datagram(Datagram::rtcp(goodbye)));
    script.input(Input::ConnectionLost(None));
    script.pass(Duration::from_secs(1));
    assert!(script.events.contains(&Event::Ended));
    assert_eq!(script.failure(), None);
}

/// RFC 2326 §12.37 gives sixty seconds to who says nothing, and half of it is early enough.
#[test]
fn a_session_without_a_time_out_is_kept_alive_as_one_of_sixty_seconds() {
    let stated = [("", 30_000), (";timeout=10", 5_000), (";timeout=1", 500), (";timeout=0", 30_000)];
    for (timeout, interval) in stated {
        let session = format!("87654321{timeout}");
        for (public, method) in [("GET_PARAMETER", "GET_PARAMETER"), ("SETUP", "OPTIONS")] {
            let mut script = Scripted::new();
            script.input(Input::Command(Command::SetGoal(Goal::Ready)));
            script.request();
            script.answer(&format!("RTSP/1.0 200 OK\nCSeq: 1\nPublic: {public}\n"));
            script.request();
            script.answer(
                "RTSP/1.0 200 OK\nCSeq: 2\nContent-Type: application/sdp\n\nv=0\nm=video 0 RTP/AVP 26\n",
            );
            script.request();
            script.answer(&format!(
                "RTSP/1.0 200 OK\nCSeq: 3\nSession: {session}\nTransport: RTP/AVP;unicast;server_port=40000-40001\n"
            ));
            for cseq in 4..7 {
                script.pass(Duration::from_millis(interval - 1));
                assert!(script.framer.next_frame().unwrap().is_none(), "{session}");
                script.pass(Duration::from_millis(1));
                let alive = script.request();
                assert_eq!((alive.method.as_str(), alive.headers.get("Session")), (method, Some("87654321")));
                script.answer(&format!("RTSP/1.0 200 OK\nCSeq: {cseq}\n"));
            }
        }
    }
}

/// Where the film goes on once the server, which has forgotten the session, has been found again.
#[track_caller]
fn goes_on_at(script: &mut Scripted) -> Option<String> {
    assert!(script.failure().is_none() && !script.events.contains(&Event::Closed));
    let connections = script.connected.len();
    script.pass(Duration::from_millis(1_010));
    assert_eq!(script.connected.len(), connections + 1);
    script.set_up_ten_seconds();
    let play = script.request();
    assert_eq!(play.method.as_str(), "PLAY");
    play.headers.get("Range").map(str::to_owned)
}

/// The server's answer to a session that it does not know.
fn forgotten(cseq: Option<u32>) -> String {
    format!("RTSP/1.0 454 Session Not Found\nCSeq: {}\n", cseq.unwrap())
}

#[test]
fn a_session_that_the_server_has_forgotten_is_set_up_again_where_it_was() {
    let mut script = Scripted::for_streams();
    script.play_ten_seconds();
    script.receive(0..40);
    script.pass(Duration::from_secs(2));
    let alive = script.request();
    assert_eq!(alive.method.as_str(), "GET_PARAMETER");
    script.answer(&forgotten(alive.headers.cseq()));
    assert_eq!(goes_on_at(&mut script).as_deref(), Some("npt=1.950-"));

    let mut script = Scripted::for_streams();
    script.play_ten_seconds();
    script.receive(0..40);
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer("RTSP/1.0 200 OK\nCSeq: 5\n");
    script.input(Input::Command(Command::SetGoal(Goal::Playing)));
    script.request();
    script.answer(&forgotten(Some(6)));
    assert_eq!(goes_on_at(&mut script).as_deref(), Some("npt=1.950-"));
    // Again and again it is no nearer to being found.
    script.answer(&forgotten(Some(4)));
    let last = script.events.iter().rev().find_map(|event| match event {
        Event::Interrupted(interruption) => Some(interruption.to_string()),
        _ => None,
    });
    assert!(last.unwrap().ends_with("attempt 2…"));
}

#[test]
fn a_seek_survives_that_the_server_has_forgotten_the_session() {
    for refused in ["PAUSE", "PLAY"] {
        let mut script = Scripted::for_streams();
        script.play_ten_seconds();
        script.receive(0..40);
        script.input(Input::Command(Command::Seek(Npt::from_micros(7_000_000))));
        script.request();
        if refused == "PLAY" {
            script.answer("RTSP/1.0 200 OK\nCSeq: 5\n");
            script.request();
        }
        script.answer(&forgotten(Some(if refused == "PLAY" { 6 } else { 5 })));
        assert_eq!(goes_on_at(&mut script).as_deref(), Some("npt=7.000-"), "{refused}");
    }
}

#[test]
fn who_does_not_reconnect_is_told_that_the_session_is_gone() {
    let mut script = Scripted::new();
    script.play_ten_seconds();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.request();
    script.answer(&forgotten(Some(5)));
    let failure = script.failure().unwrap();
    assert!(failure.starts_with("The server refused PAUSE: 454") && failure.ends_with("begin anew."));
    assert_eq!(script.state(), RtspState::Init);
}

/// A server that has just been started again may not have found its films.
#[test]
fn a_stream_that_is_not_there_yet_is_waited_for_but_only_by_who_was_there_before() {
    for status in ["404 Not Found", "503 Service Unavailable"] {
        let mut script = Scripted::for_streams();
        script.input(Input::Command(Command::SetGoal(Goal::Playing)));
        script.request();
        script.answer("RTSP/1.0 200 OK\nCSeq: 1\n");
        script.request();
        script.answer(&format!("RTSP/1.0 {status}\nCSeq: 2\n"));
        assert!(script.failure().is_some(), "{status}");

        let mut script = Scripted::for_streams();
        script.play_ten_seconds();
        script.receive(0..40);
        script.input(Input::ConnectionLost(None));
        script.pass(Duration::from_millis(1_010));
        script.request();
        script.answer("RTSP/1.0 200 OK\nCSeq: 1\n");
        script.request();
        script.answer(&format!("RTSP/1.0 {status}\nCSeq: 2\n"));
        assert!(script.failure().is_none(), "{status}");
        script.pass(Duration::from_millis(2_010));
        script.set_up_ten_seconds();
        assert_eq!(script.request().headers.get("Range"), Some("npt=1.950-"), "{status}");
    }
}

#[test]
fn what_is_not_rtsp_is_explained() {
    let mut script = Scripted::new();
    script.input(Input::Command(Command::SetGoal(Goal::Ready)));
    script.input(Input::Received("HTTP/1.1 400 Bad Request\r\n\r\n".into()));
    assert!(
        script
            .events
            .iter()
            .any(|event| matches!(event, Event::Failed(f) if f.to_string().contains("does not speak RTSP")))
    );
}
