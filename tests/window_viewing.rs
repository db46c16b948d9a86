//! Viewing of a film: the size and rotation of its picture, its speed, its time line, its frame rate, the options of
//! opening, and opening by a second start of the program.

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE, media_info, npt_seconds};
use iced::mouse;
use iced::widget::Id;
use iced::{Event, Point};
use iced_test::selector;
use reelay::backend::{BackendEventKind, Command, MediaSource, Thumbnail};
use reelay::command_line::{Target, WindowArguments};
use reelay::media::FrameRate;
use reelay::media_file::IndexProgress;
use reelay::proto::rtsp::{Factor, Npt, StatusCode};
use reelay::session::{
    Decoder, Goal, Orientation, RtspState, Scaling, SessionCommand, SessionEvent, SpeedRefusal, SpeedResponse,
};
use reelay::settings::{Controls, Settings, ThemePreference};
use reelay::ui::{Menu, Message, Shortcut};

fn sample() -> AppHarness {
    AppHarness::with_sample(Controls::Three, ThemePreference::Dark)
}

/// Opens a film and lets the backend have opened it.
fn open(harness: &mut AppHarness, path: &str) {
    harness.app.open(MediaSource::File(PathBuf::from(path)), false);
    let opened = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Open { generation, goal, .. } => Some((generation, goal)),
        _ => None,
    });
    let (generation, goal) = opened.expect("no film is opened");
    harness.expect_events_of(generation, goal);
    harness.emit_event(BackendEventKind::Opened(media_info(200)));
}

#[test]
fn picture_menu_changes_size_and_rotation() {
    let mut harness = sample();
    harness.send(Message::ShowMenu(Menu::Context(Point::new(300.0, 100.0))));
    harness.click("Picture…");
    assert!(!harness.shows("Snapshot") && harness.shows("Rotate by 90°"));
    harness.assert_snapshot("menu-picture", DEFAULT_SIZE);
    harness.click("Fill the window");
    assert!(!harness.shows("Rotate by 90°"), "the menu is closed");
    assert_eq!(harness.app.settings().picture_size, Scaling::Fill);
    for expected in [Scaling::Actual, Scaling::Fit, Scaling::Fill] {
        harness.send(Message::Shortcut(Shortcut::NextPictureSize));
        assert_eq!(harness.app.settings().picture_size, expected);
    }
}

#[test]
fn rotation_is_remembered_for_each_film() {
    let turned = Orientation::default().rotated().flipped();
    let mut harness = sample();
    harness.send(Message::Shortcut(Shortcut::RotatePicture));
    assert_eq!(harness.app.settings().films, [], "the sample is no file");
    open(&mut harness, "/films/a.mjpeg");
    harness.send(Message::Shortcut(Shortcut::RotatePicture));
    harness.send(Message::Shortcut(Shortcut::FlipPicture));
    open(&mut harness, "/films/b.mjpeg");
    let path = std::path::absolute("/films/a.mjpeg").unwrap();
    assert_eq!(harness.app.settings().film(&path).orientation, turned);
    assert_eq!(harness.app.settings().films.len(), 1, "the next film is upright");
    open(&mut harness, "/films/a.mjpeg");
    harness.send(Message::Shortcut(Shortcut::FlipPicture));
    assert_eq!(harness.app.settings().film(&path).orientation, turned.flipped());
}

/// The decoder draws the picture of each film as it was turned; the frame is a row of a bright and a dark half.
#[test]
fn pixels_on_the_screen_follow_size_and_rotation() {
    let settings = Settings { picture_size: Scaling::Actual, ..Settings::default() };
    let mut harness = AppHarness::with_settings(settings);
    let decoder = Arc::new(Decoder::start().unwrap());
    let mut slot = decoder.slot();
    harness.attach_decoder(decoder.clone());
    open(&mut harness, "/films/a.mjpeg");
    let mut jpeg = Vec::new();
    let pixels: Vec<u8> = (0..64 * 32).map(|index| if index % 64 < 32 { 250 } else { 5 }).collect();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 100);
    encoder.encode(&pixels, 64, 32, jpeg_encoder::ColorType::Luma).unwrap();
    decoder.decode(jpeg.into(), None, 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut corners = || {
        assert!(runtime.block_on(slot.changed()));
        let picture = slot.latest().unwrap();
        let at = |x: u32, y: u32| picture.pixels[((y * picture.width + x) * 4) as usize] > 128;
        let (right, bottom) = (picture.width - 1, picture.height - 1);
        ((picture.width, picture.height), [at(0, 0), at(right, 0), at(0, bottom), at(right, bottom)])
    };
    assert_eq!(corners(), ((64, 32), [true, false, true, false]));
    harness.send(Message::Shortcut(Shortcut::RotatePicture));
    assert_eq!(corners(), ((32, 64), [true, true, false, false]));
    harness.send(Message::Shortcut(Shortcut::FlipPicture));
    assert_eq!(
        corners(),
        ((32, 64), [true, true, false, false]),
        "both halves are uniform from left to right"
    );
    harness.send(Message::Shortcut(Shortcut::RotatePicture));
    assert_eq!(corners(), ((64, 32), [false, true, false, true]));
    open(&mut harness, "/films/b.mjpeg");
    assert_eq!(corners(), ((64, 32), [true, false, true, false]), "another film is upright");
}

/// Returns the speeds that the window has sent.
fn speeds(harness: &mut AppHarness) -> Vec<u32> {
    let commands = std::iter::from_fn(|| harness.next_command());
    let speed = |it| if let Command::SetSpeed(speed) = it { Some(speed.as_thousandths()) } else { None };
    commands.filter_map(speed).collect()
}

#[test]
fn keys_and_menu_change_the_speed() {
    let mut harness = sample();
    harness.play();
    for shortcut in [true, true, false].map(Shortcut::ChangeSpeed) {
        harness.send(Message::Shortcut(shortcut));
    }
    assert_eq!(speeds(&mut harness), [1_250, 1_500, 1_250]);
    assert!(harness.shows("1.25×"));
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("speed"))).unwrap();
    });
    assert!(harness.shows("0.25×") && harness.shows("4×"));
    harness.assert_snapshot("menu-speed", DEFAULT_SIZE);
    harness.click("4×");
    harness.send(Message::Shortcut(Shortcut::ChangeSpeed(true)));
    assert_eq!(speeds(&mut harness), [4_000], "there is no higher one");
    harness.send(Message::Shortcut(Shortcut::NormalSpeed));
    harness.send(Message::Shortcut(Shortcut::NormalSpeed));
    assert_eq!(speeds(&mut harness), [1_000]);
    harness.send(Message::Shortcut(Shortcut::ChangeSpeed(false)));
    // A small window shows a speed that is not the usual one.
    harness.assert_snapshot("speed-smallest", MIN_SIZE);
    harness.send(Message::Shortcut(Shortcut::NormalSpeed));
    harness.send(Message::ShowMenu(Menu::More));
    harness.click("Speed…");
    assert!(harness.shows("0.5×"), "a small window has the speeds in its menu");
}

#[test]
fn speed_stays_when_another_film_is_opened() {
    let mut harness = sample();
    harness.send(Message::Shortcut(Shortcut::ChangeSpeed(true)));
    open(&mut harness, "/films/a.mjpeg");
    assert!(harness.shows("1.25×"));
    assert!(speeds(&mut harness).is_empty(), "the backend knows it");
}

/// Returns the response of a server to the speed 2.
fn response(played: u32, refusal: Option<SpeedRefusal>) -> SessionEvent {
    let factor = Factor::from_thousandths;
    SessionEvent::SpeedSet(SpeedResponse { requested: factor(2_000), played: factor(played), refusal })
}

#[test]
fn speed_is_disabled_where_the_server_cannot_change_it() {
    let can_change = |harness: &mut AppHarness| {
        while harness.next_command().is_some() {}
        harness.send(Message::Shortcut(Shortcut::ChangeSpeed(true)));
        !speeds(harness).is_empty()
    };
    let mut live = AppHarness::with_stream(ThemePreference::Dark);
    live.describe_live();
    assert!(!can_change(&mut live));
    assert!(!can_change(&mut AppHarness::with_http_camera(Controls::Three, ThemePreference::Dark)));
    let mut film = AppHarness::with_stream(ThemePreference::Dark);
    film.describe(10);
    film.interact(|ui| {
        ui.click(selector::id(Id::new("speed"))).unwrap();
    });
    film.click("2×");
    assert_eq!(speeds(&mut film), [2_000]);
    film.emit_session_event(response(1_500, None));
    assert!(film.shows("1.5×"), "the server plays at a speed near to it");
    let refusal = SpeedRefusal::Refused(StatusCode::from_code(451).unwrap());
    for refusal in [refusal, SpeedRefusal::Ignored] {
        film.emit_session_event(response(1_000, Some(refusal)));
        assert!(film.shows("1×") && !can_change(&mut film));
    }
    assert!(film.shows("The speed stays as it is: this server refuses other speeds (451)."));
}

/// Moves the pointer to a part of the width of the time line, from 0 to 1.
fn point_at_time_line(harness: &mut AppHarness, at: f32) {
    harness.interact(|ui| {
        let line = ui.find(selector::id(Id::new("time-line"))).unwrap().visible_bounds().unwrap();
        let position = Point::new(line.x + at * line.width, line.center_y());
        ui.point_at(position);
        ui.simulate([Event::Mouse(mouse::Event::CursorMoved { position })]);
    });
}

/// Returns the frames of which the window has requested thumbnails.
fn thumbnails(harness: &mut AppHarness) -> Vec<u64> {
    let commands = std::iter::from_fn(|| harness.next_command());
    let frame = |it| if let Command::Thumbnail(request) = it { Some(request.frame) } else { None };
    commands.filter_map(frame).collect()
}

#[test]
fn time_line_shows_time_frame_and_picture_under_the_pointer() {
    let mut harness = sample();
    harness.play();
    while harness.next_command().is_some() {}
    point_at_time_line(&mut harness, 0.5003);
    assert!(harness.shows("0:05.0   frame 101"));
    assert_eq!(thumbnails(&mut harness), [100]);
    let pixels: Vec<u8> = (0..320 * 180).flat_map(|_| [40, 90, 160, 255]).collect();
    let thumbnail = Thumbnail { frame: 100, pixels: Bytes::from(pixels), width: 320, height: 180 };
    harness.emit_event(BackendEventKind::ThumbnailReady(Arc::new(thumbnail)));
    harness.assert_snapshot("time-line-hover", DEFAULT_SIZE);
    point_at_time_line(&mut harness, 0.9903);
    assert_eq!(thumbnails(&mut harness), [198], "frame 199");
    harness.assert_snapshot("time-line-hover-small", MIN_SIZE);
    harness.interact(|ui| {
        ui.point_at(Point::new(200.0, 200.0));
        ui.simulate([Event::Mouse(mouse::Event::CursorMoved { position: Point::new(200.0, 200.0) })]);
    });
    assert!(!harness.shows("0:09.9   frame 199"));
    // A stream has no pictures of other frames.
    let mut stream = AppHarness::with_stream(ThemePreference::Dark);
    stream.describe(10);
    point_at_time_line(&mut stream, 0.5003);
    assert!(stream.shows("0:05.0   frame 101"));
    assert!(thumbnails(&mut stream).is_empty());
}

#[test]
fn picture_follows_the_handle_while_a_film_plays() {
    let mut harness = sample();
    harness.play();
    while harness.next_command().is_some() {}
    harness.interact(|ui| {
        let line = ui.find(selector::id(Id::new("time-line"))).unwrap().visible_bounds().unwrap();
        let at = |part: f32| Point::new(line.x + part * line.width, line.center_y());
        ui.point_at(at(0.25));
        ui.simulate([Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left))]);
        ui.point_at(at(0.75));
        ui.simulate([Event::Mouse(mouse::Event::CursorMoved { position: at(0.75) })]);
    });
    let scrubbed = |harness: &mut AppHarness| {
        let commands = std::iter::from_fn(|| harness.next_command());
        commands.filter_map(|it| if let Command::Scrub(frame) = it { Some(frame) } else { None }).collect()
    };
    let frames: Vec<u64> = scrubbed(&mut harness);
    assert!(frames.first().is_some_and(|frame| frame.abs_diff(50) < 3), "{frames:?}");
    assert!(frames.last().is_some_and(|frame| frame.abs_diff(150) < 3), "{frames:?}");
}

#[test]
fn click_on_the_length_shows_the_remaining_time() {
    let mut harness = sample();
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.show_frame(60);
    assert!(harness.shows("0:10.0"));
    harness.click("0:10.0");
    assert!(harness.shows("−0:07.0"));
    harness.click("−0:07.0");
    assert!(harness.shows("0:10.0"));
}

#[test]
fn common_frame_rate_is_one_click_away() {
    let mut harness = sample();
    harness.assert_snapshot("frame-rates", LARGE_SIZE);
    harness.click("25");
    let rates = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::SetFrameRates(rates) => Some(rates),
        _ => None,
    });
    assert_eq!(rates.map(|rates| rates.rate_of(&MediaSource::Sample)), Some(FrameRate::per_second(25)));
}

#[test]
fn options_are_in_a_menu_and_off_at_first() {
    let mut harness = sample();
    for name in ["Play when opened", "Keep on top", "Resume from the last position"] {
        harness.send(Message::ShowMenu(Menu::Context(Point::new(300.0, 100.0))));
        harness.click("Options…");
        harness.click(name);
    }
    let Settings { play_when_opened, keep_on_top, resume_films, .. } = *harness.app.settings();
    assert_eq!([play_when_opened, keep_on_top, resume_films], [true; 3]);
    harness.send(Message::ShowMenu(Menu::Options(None)));
    harness.assert_snapshot("menu-options", DEFAULT_SIZE);
    harness.click("Keep on top");
    assert!(!harness.app.settings().keep_on_top);
}

/// Opens a film with these settings; returns the goal.
fn goal_of_opened(settings: Settings) -> Goal {
    let mut harness = AppHarness::with_settings(settings);
    harness.app.open(MediaSource::File("/films/a.mjpeg".into()), false);
    match harness.next_command() {
        Some(Command::Open { goal, .. }) => goal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn film_plays_when_opened_only_with_three_buttons() {
    let settings =
        |controls, play_when_opened| Settings { controls, play_when_opened, ..Settings::default() };
    assert_eq!(goal_of_opened(settings(Controls::Three, false)), Goal::Ready);
    assert_eq!(goal_of_opened(settings(Controls::Three, true)), Goal::Playing);
    assert_eq!(goal_of_opened(settings(Controls::Four, true)), Goal::Stopped);
}

/// Returns the position, in seconds, of the last seek that the window has sent.
fn last_seek(harness: &mut AppHarness) -> Option<u64> {
    let commands = std::iter::from_fn(|| harness.next_command());
    let position = |it| match it {
        Command::Session { command: SessionCommand::Seek(position), .. } => Some(position.as_micros()),
        _ => None,
    };
    commands.filter_map(position).last().map(|micros| micros / 1_000_000)
}

#[test]
fn film_continues_where_it_was_left() {
    for controls in [Controls::Three, Controls::Four] {
        let settings = Settings { resume_films: true, controls, ..Settings::default() };
        let mut harness = AppHarness::with_settings(settings);
        open(&mut harness, "/films/a.mjpeg");
        let path = std::path::absolute("/films/a.mjpeg").unwrap();
        let left_at = |harness: &AppHarness| harness.app.settings().film(&path).left_at_frame;
        if controls == Controls::Four {
            harness.click("Setup");
            while harness.next_command().is_some() {}
        }
        harness.set_idle(RtspState::Playing, Goal::Playing);
        harness.show_frame(60);
        harness.send(Message::Shortcut(Shortcut::Stop));
        assert_eq!(left_at(&harness), Some(60), "{controls:?}");
        open(&mut harness, "/films/b.mjpeg");
        open(&mut harness, "/films/a.mjpeg");
        if controls == Controls::Four {
            assert_eq!(last_seek(&mut harness), None, "nothing is sent without a click");
            harness.click("Setup");
            while harness.next_command().is_some() {}
        }
        harness.set_idle(RtspState::Ready, Goal::Ready);
        assert_eq!(last_seek(&mut harness), Some(3), "{controls:?}");
        harness.set_idle(RtspState::Playing, Goal::Playing);
        harness.show_frame(199);
        harness.set_idle(RtspState::Ready, Goal::Ready);
        harness.emit_session_event(SessionEvent::EndReached(npt_seconds(10)));
        harness.emit_session_event(SessionEvent::Ended);
        assert_eq!(left_at(&harness), None, "it has ended");
    }
}

#[test]
fn film_that_was_never_shown_keeps_the_frame_at_which_it_was_left() {
    let mut settings = Settings { resume_films: true, ..Settings::default() };
    let path = std::path::absolute("/films/a.mjpeg").unwrap();
    settings.change_film(path.clone(), |film| film.left_at_frame = Some(60));
    let mut harness = AppHarness::with_settings(settings);
    open(&mut harness, "/films/a.mjpeg");
    harness.show_frame(0);
    open(&mut harness, "/films/b.mjpeg");
    assert_eq!(harness.app.settings().film(&path).left_at_frame, Some(60));
}

/// Returns the arguments of a start that opens these films.
fn start_with(films: &[&str]) -> WindowArguments {
    let targets = films.iter().map(|film| Target::File(film.into())).collect();
    WindowArguments { targets, ..WindowArguments::default() }
}

fn hand_over(harness: &mut AppHarness, arguments: WindowArguments) {
    harness.send(Message::HandedOver(Box::new(arguments)));
}

#[test]
fn second_start_opens_its_films_in_the_open_window() {
    let mut harness = sample();
    harness.send(Message::Shortcut(Shortcut::Help));
    hand_over(&mut harness, WindowArguments { play: true, ..start_with(&["/films/a.avi", "/films/b.avi"]) });
    let opened = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Open { source, goal, .. } => Some((source, goal)),
        _ => None,
    });
    assert_eq!(opened, Some((MediaSource::File("/films/a.avi".into()), Goal::Playing)));
    assert!(harness.app.title().contains("(1 of 2)"), "{}", harness.app.title());
    assert!(!harness.shows("Full screen on or off"), "the help is closed");
}

#[test]
fn second_start_without_a_film_changes_nothing_but_its_options() {
    let mut harness = sample();
    let theme = ThemePreference::Light;
    let rate = FrameRate::per_second(7);
    hand_over(
        &mut harness,
        WindowArguments { theme: Some(theme), rate: Some(rate), ..WindowArguments::default() },
    );
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    let rates = commands.iter().find_map(|command| match command {
        Command::SetFrameRates(rates) => Some(rates.default_rate()),
        _ => None,
    });
    assert_eq!(rates, Some(rate));
    assert!(!commands.iter().any(|command| matches!(command, Command::Open { .. })));
    assert_eq!(harness.app.theme().to_string(), reelay::ui::light().to_string());
    assert_eq!(harness.app.settings().theme, ThemePreference::Dark, "it is not saved");
}

#[test]
fn screen_saver_is_kept_away_while_a_film_plays_and_is_seen() {
    let mut harness = sample();
    assert!(!harness.app.keeps_screen_on(), "nothing plays");
    harness.set_idle(RtspState::Playing, Goal::Playing);
    assert!(harness.app.keeps_screen_on());
    harness.send(Message::Minimized(Some(true)));
    assert!(!harness.app.keeps_screen_on(), "nobody sees it");
    harness.send(Message::Minimized(Some(false)));
    assert!(harness.app.keeps_screen_on());
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert!(!harness.app.keeps_screen_on(), "it is paused");
    harness.set_idle(RtspState::Playing, Goal::Playing);
    harness.send(Message::CloseRequested);
    assert!(!harness.app.keeps_screen_on(), "the window is being closed");
}

#[test]
fn time_line_is_as_long_as_the_film_is_expected_to_be() {
    for theme in [ThemePreference::Dark, ThemePreference::Light] {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        // 60 of an expected 240 s.
        let progress = IndexProgress { covered_ppm: 250_000, ..media_info(1_200).progress };
        harness.emit_event(BackendEventKind::IndexProgress(progress));
        harness.show_frame(150);
        assert!(harness.shows("4:00.0 …") && harness.shows("Frame 151 of 1200"));
    }
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let progress = IndexProgress { covered_ppm: 250_000, ..media_info(1_200).progress };
    harness.emit_event(BackendEventKind::IndexProgress(progress));
    point_at_time_line(&mut harness, 0.9003);
    assert!(harness.shows("3:36.0   not indexed yet"));
    // Beyond the part that is indexed, the last frame of that part is shown.
    harness.interact(|ui| {
        let line = ui.find(selector::id(Id::new("time-line"))).unwrap().visible_bounds().unwrap();
        ui.point_at(Point::new(line.x + 0.9 * line.width, line.center_y()));
        let button = mouse::Button::Left;
        ui.simulate(
            [mouse::Event::ButtonPressed(button), mouse::Event::ButtonReleased(button)].map(Event::Mouse),
        );
    });
    let seek = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Session { command: SessionCommand::Seek(position), .. } => Some(position),
        _ => None,
    });
    assert_eq!(seek, Some(Npt::from_micros(59_950_000)));
}
