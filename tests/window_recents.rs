//! The start screen: what was opened before, and the lessons.

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE, media_info};
use iced::widget::Id;
use iced::{Point, Size};
use iced_test::selector;
use jiff::Timestamp;

use reelay::backend::{BackendEvent, BackendEventKind, Command, ListEntry, MediaSource, Poster, Sharing};
use reelay::media::{FrameRate, decode};
use reelay::media_file::MediaFile;
use reelay::proto::rtsp::{LowerTransport, Method};
use reelay::session::{Dialect, Goal, RtspState, SessionError, SessionEvent, SourceUrl, StreamOptions};
use reelay::settings::{
    Controls, LastAttempt, PanelKind, Recent, RecentSource, RecentStream, Settings, ThemePreference,
};
use reelay::stats::{Figures, Snapshot};
use reelay::ui::{BackendUpdate, Menu, Message, PickResult, Shortcut};

fn opened(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn film(path: &str, at: &str) -> Recent {
    Recent { source: RecentSource::Film(path.into()), opened: opened(at) }
}

fn stream(address: &str, dialect: Dialect, last_attempt: Option<LastAttempt>, at: &str) -> Recent {
    let stream = RecentStream {
        address: address.to_owned(),
        dialect,
        last_attempt,
        port_spelling: Default::default(),
    };
    Recent { source: RecentSource::Stream(stream), opened: opened(at) }
}

/// Returns films and streams that were opened before.
fn recents() -> Vec<Recent> {
    vec![
        film("/films/lecture 3.mjpeg", "2024-05-07T12:00:00Z"),
        stream(
            "rtsp://camera.example:8554/live",
            Dialect::Standard,
            Some(LastAttempt::Connected),
            "2024-05-06T12:00:00Z",
        ),
        stream(
            "rtsp://lab.example:1025/movie.Mjpeg",
            Dialect::Classroom,
            Some(LastAttempt::Unreachable),
            "2024-05-05T12:00:00Z",
        ),
        film(
            "/home/ann/Videos/a folder with a long name/a film with a name that is longer than its line.avi",
            "2024-05-04T12:00:00Z",
        ),
        stream(
            "http://door.example/video.cgi?fps=5",
            Dialect::Http,
            Some(LastAttempt::Failed),
            "2024-05-03T12:00:00Z",
        ),
    ]
}

fn with_recents(theme: ThemePreference) -> AppHarness {
    AppHarness::with_settings(Settings { theme, recents: recents(), ..Settings::default() })
}

fn texts(harness: &AppHarness) -> Vec<String> {
    harness.app.settings().recents.iter().map(|recent| recent.source.text()).collect()
}

/// Returns the source and the generation of the file that the window opens next.
fn next_open(harness: &mut AppHarness) -> Option<(MediaSource, u64)> {
    std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Open { source, generation, .. } => Some((source, generation)),
        _ => None,
    })
}

fn emit(harness: &mut AppHarness, generation: u64, kind: BackendEventKind) {
    harness.send(Message::Backend(BackendUpdate::Event(BackendEvent { generation, kind })));
}

fn click_id(harness: &mut AppHarness, id: &'static str) {
    harness.interact(|ui| {
        ui.click(selector::id(Id::new(id))).unwrap();
    });
}

#[test]
fn film_is_remembered_once_it_is_open() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.app.open(MediaSource::File("/films/a.mjpeg".into()), false);
    let (_, generation) = next_open(&mut harness).unwrap();
    assert_eq!(texts(&harness), [""; 0]);
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&harness), ["/films/a.mjpeg"]);
    // The sample has a button of its own.
    harness.app.open(MediaSource::Sample, false);
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&harness), ["/films/a.mjpeg"]);
    let mut private = AppHarness::with_settings(Settings { keep_recents: false, ..Settings::default() });
    private.app.open(MediaSource::File("/films/a.mjpeg".into()), false);
    let (_, generation) = next_open(&mut private).unwrap();
    emit(&mut private, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&private), [""; 0]);
}

#[test]
fn dropped_films_are_remembered_as_they_are_opened() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::FileHovered);
    for name in ["/films/a.mjpeg", "/films/b.mjpeg"] {
        harness.send(Message::FileDropped(name.into()));
    }
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&harness), ["/films/a.mjpeg"]);
    harness.send(Message::Shortcut(Shortcut::Next));
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&harness), ["/films/b.mjpeg", "/films/a.mjpeg"]);
    harness.send(Message::Shortcut(Shortcut::Previous));
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&harness), ["/films/a.mjpeg", "/films/b.mjpeg"], "the last one that was opened first");
}

#[test]
fn folder_is_remembered_without_its_films() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.app.open(MediaSource::File("/films".into()), false);
    let (_, generation) = next_open(&mut harness).unwrap();
    let list = ["/films/1.avi", "/films/2.avi"].map(|path| ListEntry::Film(MediaSource::File(path.into())));
    emit(&mut harness, generation, BackendEventKind::ListFound(Vec::from(list).into()));
    let (source, generation) = next_open(&mut harness).unwrap();
    assert_eq!(source, MediaSource::File("/films/1.avi".into()));
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert_eq!(texts(&harness), ["/films"]);
}

#[test]
fn stream_is_remembered_with_its_last_attempt_and_without_its_password() {
    let last_attempt = |event: SessionEvent| {
        let mut harness = AppHarness::with_stream_as("ann", "secret");
        assert_eq!(texts(&harness), ["rtsp://camera.example:8554/live"]);
        harness.emit_session_event(event);
        let RecentSource::Stream(stream) = &harness.app.settings().recents[0].source else {
            panic!("no stream")
        };
        assert!(!format!("{:?}", harness.app.settings()).contains("secret"));
        stream.last_attempt
    };
    assert_eq!(last_attempt(SessionEvent::SetUp(LowerTransport::Udp)), Some(LastAttempt::Connected));
    assert_eq!(last_attempt(SessionEvent::Waiting(true)), None);
    let server = "camera.example:8554".to_owned();
    let unreachable = SessionError::Unreachable { server: server.clone(), reason: "no response".to_owned() };
    assert_eq!(last_attempt(SessionEvent::Failed(unreachable)), Some(LastAttempt::Unreachable));
    let timed_out = SessionError::TimedOut { server, method: Method::Describe };
    assert_eq!(last_attempt(SessionEvent::Failed(timed_out)), Some(LastAttempt::Unreachable));
    let unauthorized = SessionError::Unauthorized { was_refused: false };
    assert_eq!(last_attempt(SessionEvent::Failed(unauthorized)), Some(LastAttempt::Failed));
}

#[test]
fn click_opens_a_film_and_connects_to_a_stream() {
    let mut harness = with_recents(ThemePreference::Dark);
    harness.click("lecture 3.mjpeg");
    let (source, _) = next_open(&mut harness).unwrap();
    assert_eq!(source, MediaSource::File("/films/lecture 3.mjpeg".into()));
    for (address, dialect) in [
        ("rtsp://camera.example:8554/live", Dialect::Standard),
        ("rtsp://lab.example:1025/movie.Mjpeg", Dialect::Classroom),
    ] {
        let mut harness = with_recents(ThemePreference::Dark);
        harness.click(address);
        let Some(Command::Connect { url, .. }) = harness.next_command() else { panic!("not connected") };
        assert_eq!((url.to_string().as_str(), url.dialect()), (address, dialect));
        assert_eq!(texts(&harness)[0], address, "it is the last one now");
    }
}

#[test]
fn address_without_its_password_is_typed_into_the_connect_dialog() {
    let mut settings = Settings::default();
    let url = SourceUrl::parse("http://camera.example/video?pwd=secret").unwrap();
    settings.remember_stream(&url, opened("2024-05-07T12:00:00Z"));
    let mut harness = AppHarness::with_settings(settings);
    harness.click("http://camera.example/video?pwd=…");
    assert!(harness.next_command().is_none(), "it would be refused");
    assert!(harness.shows("Connect to a stream"));
}

#[test]
fn film_that_is_gone_says_so_and_can_be_removed() {
    let mut harness = with_recents(ThemePreference::Dark);
    harness.click("lecture 3.mjpeg");
    let (_, generation) = next_open(&mut harness).unwrap();
    let sentence = "There is no file lecture 3.mjpeg; check its name.".to_owned();
    emit(&mut harness, generation, BackendEventKind::OpenFailed(sentence.clone()));
    assert!(harness.shows(&sentence) && harness.shows("lecture 3.mjpeg"), "it stays in the list");
    harness.click("Remove from Recent");
    assert!(!harness.shows(&sentence) && !harness.shows("lecture 3.mjpeg"));
    assert_eq!(texts(&harness).len(), 4);
    // A film that was not opened before is no entry of the list.
    harness.app.open(MediaSource::File("/films/other.mjpeg".into()), false);
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::OpenFailed(sentence));
    assert!(!harness.shows("Remove from Recent"));
}

#[test]
fn one_or_all_can_be_removed() {
    let mut harness = with_recents(ThemePreference::Dark);
    click_id(&mut harness, "forget rtsp://camera.example:8554/live");
    assert_eq!(texts(&harness).len(), 4);
    assert!(!harness.shows("rtsp://camera.example:8554/live"));
    assert!(harness.next_command().is_none(), "nothing is opened");
    harness.click("Clear all");
    assert_eq!(texts(&harness), [""; 0]);
    assert!(!harness.shows("Recent"), "the buttons are in the middle again");
}

#[test]
fn lessons_play_the_sample_beside_their_panel() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.click("Lose 5 % of the packets");
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    assert!(
        matches!(commands[0], Command::Open { source: MediaSource::Sample, goal: Goal::Playing, .. }),
        "{commands:?}"
    );
    let Some(Command::SetEmulatorSettings(settings)) = commands.last() else { panic!("{commands:?}") };
    assert!(settings.is_on && (settings.impairments.loss.ratio - 0.05).abs() < 1e-9, "{settings:?}");
    assert_eq!(harness.app.settings().panels.open, [PanelKind::Network]);
    assert!(harness.shows("Emulation: on"));

    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.click("Read the messages");
    assert_eq!(next_open(&mut harness).map(|(source, _)| source), Some(MediaSource::Sample));
    assert_eq!(harness.app.settings().panels.open, [PanelKind::Messages]);
}

fn served(url: &str, viewers: usize) -> Sharing {
    Sharing::At { url: url.to_owned(), viewers }
}

#[test]
fn served_film_shows_its_address_until_other_media_are_opened() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.click("Serve the sample film");
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    let [Command::Open { generation, .. }, Command::Share { generation: shared }] = commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(generation, shared);
    harness.expect_events_of(generation, Goal::Playing);
    harness.emit_event(BackendEventKind::Opened(media_info(200)));
    let url = "rtsp://192.0.2.7:8554/sample.mjpeg";
    harness.emit_event(BackendEventKind::Sharing(served(url, 0)));
    harness.play();
    assert!(harness.shows(url) && harness.shows("no viewers"));
    harness.emit_event(BackendEventKind::Sharing(served(url, 1)));
    assert!(harness.shows("1 viewer"));
    harness.emit_event(BackendEventKind::Sharing(served(url, 12)));
    assert!(harness.shows("12 viewers"));
    harness.assert_snapshot("serving-dark", DEFAULT_SIZE);
    harness.click("Copy address");
    assert!(harness.shows("Copied") && !harness.shows("Copy address"));
    harness.send(Message::Tick(Instant::now() + Duration::from_secs(2)));
    assert!(harness.shows("Copy address"));
    harness.click("Stop serving");
    assert!(!harness.shows(url));
    assert!(matches!(harness.next_command(), Some(Command::StopSharing)));
    harness.emit_event(BackendEventKind::Sharing(served(url, 3)));
    assert!(!harness.shows(url), "it was sent before the server was stopped");
    harness.send(Message::ShowMenu(Menu::Context(Point::ORIGIN)));
    harness.click("Serve to other players");
    harness.emit_event(BackendEventKind::Sharing(served(url, 0)));
    assert!(harness.shows(url));
    harness.open_another_file();
    assert!(!harness.shows(url), "the server ends with its film");
    assert!(harness.shows("Serving to other players has ended, because the film was closed."));
    let failure =
        "The film cannot be served to other players (permission denied); try again, or use reelay serve.";
    harness.emit_event(BackendEventKind::Sharing(Sharing::Failed(failure.to_owned())));
    assert!(harness.shows(failure));
}

#[test]
fn next_film_of_the_list_is_served_in_place_of_the_one_before() {
    let url = |name| format!("rtsp://192.0.2.7:8554/{name}.mjpeg");
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let films = ["one", "two", "three"].map(|name| format!("/films/{name}.mjpeg").into());
    harness.send(Message::FilePicked(PickResult::Paths(films.to_vec())));
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    harness.send(Message::ShowMenu(Menu::Context(Point::ORIGIN)));
    harness.click("Serve to other players");
    emit(&mut harness, generation, BackendEventKind::Sharing(served(&url("one"), 2)));
    harness.send(Message::Shortcut(Shortcut::Next));
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    let [.., Command::Open { generation: next, .. }, Command::Share { generation: shared }] = commands[..]
    else {
        panic!("{commands:?}")
    };
    assert_eq!(next, shared);
    emit(&mut harness, next, BackendEventKind::Opened(media_info(200)));
    assert!(harness.shows(&url("one")), "until the server has the next one");
    assert!(!harness.shows("Serving to other players has ended, because the film was closed."));
    emit(&mut harness, next, BackendEventKind::Sharing(served(&url("two"), 0)));
    assert!(harness.shows(&url("two")) && harness.shows("no viewers"));
    // Another film that is opened is not served.
    harness.open_another_file();
    assert!(!harness.shows(&url("two")));
    assert!(std::iter::from_fn(|| harness.next_command()).all(|it| !matches!(it, Command::Share { .. })));
}

/// Returns an application that has played the first of two films for 75 seconds, with the Statistics panel.
fn played_for_75_seconds() -> AppHarness {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let films = ["one", "two"].map(|name| format!("/films/{name}.mjpeg").into());
    harness.send(Message::FilePicked(PickResult::Paths(films.to_vec())));
    let (_, generation) = next_open(&mut harness).unwrap();
    harness.expect_events_of(generation, Goal::Ready);
    harness.emit_event(BackendEventKind::Opened(media_info(200)));
    harness.play();
    harness.emit_figures();
    harness.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(harness.shows(PLAYED));
    harness
}

const PLAYED: &str = "1:15 played since SETUP";

fn unreachable() -> SessionError {
    SessionError::Unreachable { server: "camera.example".into(), reason: "refused".into() }
}

/// Connects to a stream; returns its generation.
fn connect(harness: &mut AppHarness, url: &str) -> u64 {
    let url = SourceUrl::parse_as(url, Dialect::Standard).unwrap();
    harness.app.connect(url, StreamOptions::default(), false);
    let connect = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Connect { generation, .. } => Some(generation),
        _ => None,
    });
    connect.expect("nothing is connected to")
}

/// Lets the connection fail; returns the generation of the film that is opened again.
fn fail_to_connect(harness: &mut AppHarness, stream: u64) -> u64 {
    emit(harness, stream, BackendEventKind::Session(SessionEvent::Failed(unreachable())));
    let (film, generation) = next_open(harness).unwrap();
    assert_eq!(film, MediaSource::File("/films/one.mjpeg".into()));
    generation
}

#[test]
fn failed_connection_brings_back_the_list_and_the_figures() {
    let mut harness = played_for_75_seconds();
    let stream = connect(&mut harness, "rtsp://camera.example/live");
    assert!(!harness.shows(PLAYED), "the figures are those of the stream");
    // Another attempt before the first has failed.
    let other_stream = connect(&mut harness, "rtsp://camera.example/other");
    emit(&mut harness, stream, BackendEventKind::Session(SessionEvent::Failed(unreachable())));
    let film = fail_to_connect(&mut harness, other_stream);
    harness.expect_events_of(film, Goal::Ready);
    harness.emit_event(BackendEventKind::Opened(media_info(200)));
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.send(Message::Backend(BackendUpdate::Figures(Box::default())));
    assert!(harness.shows(&unreachable().to_string()) && harness.shows(PLAYED));
    harness.send(Message::Shortcut(Shortcut::PlayList));
    assert!(harness.shows("1 of 2") && harness.shows("two.mjpeg"));
    harness.click("Close");
    // They end when the film plays again.
    let played = Snapshot { playing_s: 0.5, ..Snapshot::default() };
    let figures = Figures { snapshot: played, ..Figures::default() };
    harness.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
    assert!(harness.shows("0:00 played since SETUP"));
}

#[test]
fn figures_return_with_their_film_only() {
    let mut harness = played_for_75_seconds();
    let stream = connect(&mut harness, "rtsp://camera.example/live");
    let film = fail_to_connect(&mut harness, stream);
    emit(&mut harness, film, BackendEventKind::OpenFailed("one.mjpeg is gone.".to_owned()));
    let (next, generation) = next_open(&mut harness).unwrap();
    assert_eq!(next, MediaSource::File("/films/two.mjpeg".into()));
    harness.send(Message::Shortcut(Shortcut::PlayList));
    assert!(harness.shows("2 of 2") && harness.shows("failed"));
    harness.click("Close");
    emit(&mut harness, generation, BackendEventKind::Opened(media_info(200)));
    assert!(!harness.shows(PLAYED));
    // Another film is opened before the one from before the stream is open again.
    let mut harness = played_for_75_seconds();
    let stream = connect(&mut harness, "rtsp://camera.example/live");
    fail_to_connect(&mut harness, stream);
    harness.open_another_file();
    assert!(!harness.shows(PLAYED));
}

#[test]
fn list_returns_if_the_stream_of_a_list_file_cannot_be_set_up() {
    let mut harness = played_for_75_seconds();
    harness.app.open(MediaSource::File("/films/camera.sdp".into()), false);
    let (_, generation) = next_open(&mut harness).unwrap();
    let url = SourceUrl::parse_as("rtsp://camera.example/live", Dialect::Standard).unwrap();
    let list = vec![ListEntry::Stream(url)];
    emit(&mut harness, generation, BackendEventKind::ListFound(list.into()));
    let stream = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Connect { generation, .. } => Some(generation),
        _ => None,
    });
    fail_to_connect(&mut harness, stream.unwrap());
    harness.send(Message::Shortcut(Shortcut::PlayList));
    assert!(harness.shows("1 of 2") && harness.shows("one.mjpeg") && harness.shows("two.mjpeg"));
}

/// Several attempts fail, the last one with a list of its own, and a film is added meanwhile.
#[test]
fn list_stays_with_its_film_if_another_one_cannot_be_opened() {
    let mut harness = played_for_75_seconds();
    harness.app.open(MediaSource::File("/films/text.mjpeg".into()), false);
    next_open(&mut harness).unwrap();
    let others = ["/films/no.mjpeg", "/films/neither.mjpeg"].map(Into::into);
    harness.send(Message::FilePicked(PickResult::Paths(others.to_vec())));
    harness.send(Message::Shortcut(Shortcut::PlayList));
    harness.send(Message::FilePicked(PickResult::Paths(vec!["/films/added.mjpeg".into()])));
    for _ in others {
        let (_, generation) = next_open(&mut harness).unwrap();
        emit(&mut harness, generation, BackendEventKind::OpenFailed("It is not a film.".to_owned()));
    }
    let (added, generation) = next_open(&mut harness).unwrap();
    assert_eq!(added, MediaSource::File("/films/added.mjpeg".into()));
    emit(&mut harness, generation, BackendEventKind::OpenFailed("It is not a film.".to_owned()));
    assert_eq!(next_open(&mut harness), None);
    assert!(harness.shows("1 of 3") && harness.shows("one.mjpeg") && harness.shows("two.mjpeg"));
    assert!(harness.shows("added.mjpeg") && !harness.shows("failed"));
    harness.click("Close");
    assert!(harness.shows("It is not a film.") && harness.shows(PLAYED));
}

#[test]
fn films_added_while_a_stream_connects_are_in_the_list_that_returns() {
    let mut harness = played_for_75_seconds();
    let stream = connect(&mut harness, "rtsp://camera.example/live");
    harness.send(Message::Shortcut(Shortcut::PlayList));
    harness.send(Message::FilePicked(PickResult::Paths(vec!["/films/added.mjpeg".into()])));
    assert!(harness.shows("1 of 2") && harness.shows("added.mjpeg"));
    fail_to_connect(&mut harness, stream);
    assert!(harness.shows("1 of 3") && harness.shows("two.mjpeg") && harness.shows("added.mjpeg"));
    assert!(!harness.shows("failed"), "the stream is not in this list");
}

#[test]
fn film_that_was_not_to_be_served_is_not() {
    let mut harness = played_for_75_seconds();
    harness.send(Message::ShowMenu(Menu::Context(Point::ORIGIN)));
    harness.click("Serve to other players");
    harness.emit_event(BackendEventKind::Sharing(served("rtsp://192.0.2.7:8554/one.mjpeg", 0)));
    // The first of two other films cannot be opened, so the second one follows.
    let films = ["damaged", "private"].map(|name| format!("/films/{name}.mjpeg").into());
    harness.send(Message::FilePicked(PickResult::Paths(films.to_vec())));
    let (_, generation) = next_open(&mut harness).unwrap();
    emit(&mut harness, generation, BackendEventKind::OpenFailed("damaged.mjpeg is no film.".to_owned()));
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    assert!(matches!(commands[..], [.., Command::Open { .. }]), "{commands:?}");
    // A stream that fails gives the film back, which is served again.
    let mut harness = played_for_75_seconds();
    harness.send(Message::ShowMenu(Menu::Context(Point::ORIGIN)));
    harness.click("Serve to other players");
    harness.emit_event(BackendEventKind::Sharing(served("rtsp://192.0.2.7:8554/one.mjpeg", 0)));
    let stream = connect(&mut harness, "rtsp://camera.example/live");
    assert!(harness.shows("Cancel"), "no notice hides the connection");
    let film = fail_to_connect(&mut harness, stream);
    assert!(matches!(harness.next_command(), Some(Command::Share { generation }) if generation == film));
}

#[test]
fn menu_serves_the_open_film_and_stops_it() {
    const LINE: &str = "Serve to other players";
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let show_menu = |harness: &mut AppHarness| harness.send(Message::ShowMenu(Menu::Context(Point::ORIGIN)));
    show_menu(&mut harness);
    harness.click(LINE);
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    assert!(matches!(commands.last(), Some(Command::Share { .. })), "{commands:?}");
    assert!(!harness.shows(LINE), "the menu is closed");
    let url = "rtsp://192.0.2.7:8554/sample.mjpeg";
    harness.emit_event(BackendEventKind::Sharing(served(url, 0)));
    assert!(harness.shows(url));
    show_menu(&mut harness);
    harness.click(LINE);
    assert!(!harness.shows(url));
    assert!(matches!(harness.next_command(), Some(Command::StopSharing)));
}

#[test]
fn menu_does_not_serve_a_stream() {
    let mut harness = AppHarness::with_stream(ThemePreference::Dark);
    std::iter::from_fn(|| harness.next_command()).for_each(drop);
    harness.send(Message::ShowMenu(Menu::Context(Point::ORIGIN)));
    harness.click("Serve to other players");
    assert!(harness.next_command().is_none(), "the line is disabled");
}

/// Returns the first frame of the sample film.
fn sample_poster() -> Poster {
    let sample = include_bytes!("../assets/sample.mjpeg");
    let film = MediaFile::from_memory(sample, "sample", FrameRate::CLASSROOM).unwrap();
    let mut pixels = Vec::new();
    let (width, height) = decode::decode(&film.read_frame(0).unwrap(), &mut pixels).unwrap();
    Poster { width, height, pixels: Bytes::from(pixels) }
}

#[test]
fn start_screen_with_recents_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "dark"), (ThemePreference::Light, "light")] {
        let mut harness = with_recents(theme);
        harness.send(Message::PosterRead("/films/lecture 3.mjpeg".into(), Some(sample_poster())));
        for (size, place) in [(DEFAULT_SIZE, ""), (LARGE_SIZE, "-large"), (MIN_SIZE, "-smallest")] {
            harness.assert_snapshot(&format!("start-recents-{name}{place}"), size);
        }
    }
}

/// A window at 200 % on a screen of 1280×800 pixels has no more.
#[test]
fn header_fits_into_the_smallest_window() {
    let size = Size::new(576.0, 336.0);
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    assert!(harness.shows_at(size, "3 buttons") && harness.shows_at(size, "4 buttons"));
    assert_eq!(harness.text_height_at(size, "4 buttons"), harness.text_height_at(DEFAULT_SIZE, "4 buttons"));
    harness.interact_at(size, |ui| {
        let preferences = ui.find(selector::id(Id::new("preferences"))).unwrap();
        assert_eq!(Some(preferences.bounds()), preferences.visible_bounds(), "it can be clicked");
    });
    harness.assert_snapshot("scaled-on-a-small-screen", size);
}

#[test]
fn start_screen_shows_its_buttons_at_any_window_size() {
    let sizes = [(640, 420), (760, 420), (900, 640), (1_280, 800), (1_920, 1_000)];
    for (width, height) in sizes {
        let size = Size::new(width as f32, height as f32);
        for harness in
            [with_recents(ThemePreference::Dark), AppHarness::new(Controls::Three, ThemePreference::Dark)]
        {
            for label in ["Play the sample film", "Open a film…", "Open a folder…", "Connect to a stream…"]
            {
                assert!(harness.shows_at(size, label), "{label} at {width}×{height}");
            }
            let texts = harness.count_texts(size, |text| text == "Serve the sample film");
            assert_eq!(texts, 1, "the lessons are there, and scrolled to if there is no space");
        }
        // The first line of the list, without scrolling.
        assert!(with_recents(ThemePreference::Dark).shows_at(size, "lecture 3.mjpeg"), "{width}×{height}");
        let cards_fit = height >= 640;
        assert!(!cards_fit || with_recents(ThemePreference::Dark).shows_at(size, "Serve the sample film"));
    }
}
