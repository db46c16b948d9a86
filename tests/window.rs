//! The window: what its buttons do in each state, what its dialogs say, and how it looks.

mod common;

use std::time::{Duration, Instant};

use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE, media_info, npt_seconds};
use common::window_harness::WindowHarness;
use iced::keyboard::{Key, key::Named};
use iced::widget::Id;
use iced::{Point, mouse};
use iced_test::selector;
use reelay::backend::{BackendEventKind, Command, MediaSource};
use reelay::impairment::{EmulatorSettings, EmulatorStats, Impairments, Preset};
use reelay::media::FrameRate;
use reelay::media::container::FileDefects;
use reelay::media_file::IndexProgress;
use reelay::proto::rtsp::{LowerTransport, Method, Npt, NptRange, StatusCode as RtspStatus};
use reelay::session::{
    Dialect, Goal, ReconnectReason, RtspState, SessionCommand, SessionError, SessionEvent,
    TransportPreference,
};
use reelay::settings::{Controls, Settings, ThemePreference};
use reelay::stats::{Figures, Snapshot};
use reelay::ui::{AppOptions, FocusStep, Message, PanelKind, SaveResult, Shortcut};

const THREE_BUTTONS: [&str; 3] = ["Play", "Pause", "Stop"];
const FOUR_BUTTONS: [&str; 4] = ["Setup", "Play", "Pause", "Teardown"];

/// What each of the buttons sends when it is clicked in a state.
fn goals_sent<const N: usize>(buttons: [&str; N], new_harness: impl Fn() -> AppHarness) -> [Option<Goal>; N] {
    buttons.map(|button| {
        let mut new_harness = new_harness();
        new_harness.click(button);
        new_harness.next_goal()
    })
}

#[test]
fn three_buttons_do_what_the_state_allows() {
    let with = |state, goal| {
        move || {
            let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
            stage.set_idle(state, goal);
            stage
        }
    };
    let (play, pause, stop) = (Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Stopped));
    assert_eq!(
        goals_sent(THREE_BUTTONS, || AppHarness::new(Controls::Three, ThemePreference::Dark)),
        [None, None, None]
    );
    assert_eq!(goals_sent(THREE_BUTTONS, with(RtspState::Init, Goal::Stopped)), [play, None, None]);
    assert_eq!(goals_sent(THREE_BUTTONS, with(RtspState::Ready, Goal::Ready)), [play, None, stop]);
    assert_eq!(goals_sent(THREE_BUTTONS, with(RtspState::Playing, Goal::Playing)), [None, pause, stop]);
}

#[test]
fn four_buttons_follow_the_state_diagram() {
    let with = |state, goal| {
        move || {
            let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
            stage.set_idle(state, goal);
            stage
        }
    };
    let (ready, play, stop) = (Some(Goal::Ready), Some(Goal::Playing), Some(Goal::Stopped));
    assert_eq!(
        goals_sent(FOUR_BUTTONS, || AppHarness::new(Controls::Four, ThemePreference::Dark)),
        [None; 4]
    );
    assert_eq!(goals_sent(FOUR_BUTTONS, with(RtspState::Init, Goal::Stopped)), [ready, None, None, None]);
    assert_eq!(goals_sent(FOUR_BUTTONS, with(RtspState::Ready, Goal::Ready)), [None, play, None, stop]);
    assert_eq!(goals_sent(FOUR_BUTTONS, with(RtspState::Playing, Goal::Playing)), [None, None, ready, stop]);
}

#[test]
fn four_buttons_are_disabled_while_request_is_in_flight() {
    for (state, goal) in [
        (RtspState::Init, Goal::Ready),
        (RtspState::Ready, Goal::Playing),
        (RtspState::Playing, Goal::Ready),
        (RtspState::Ready, Goal::Stopped),
    ] {
        let stage = || {
            let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
            stage.set_busy(state, goal);
            stage
        };
        assert_eq!(goals_sent(FOUR_BUTTONS, stage), [None; 4], "{state:?} on the way to {goal:?}");
    }
}

#[test]
fn click_takes_effect_before_server_responds() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.click("Play");
    // Nothing has been heard of it, and Play has become Pause; the last click decides.
    stage.click("Play");
    stage.click("Pause");
    stage.click("Play");
    assert_eq!(
        [stage.next_goal(), stage.next_goal(), stage.next_goal(), stage.next_goal()],
        [Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Playing), None]
    );
}

#[test]
fn click_counts_at_its_own_position() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.interact(|ui| {
        let play = ui.find("Play").unwrap().visible_bounds().unwrap().center();
        let mut events = vec![cursor_moved(play)];
        events.extend(iced_test::simulator::click());
        events.push(iced::Event::Mouse(mouse::Event::CursorLeft));
        // What a slow frame has gathered comes together, with the place of the last of it.
        ui.point_at(Point::ORIGIN);
        ui.simulate(events);
    });
    assert_eq!([stage.next_goal(), stage.next_goal()], [Some(Goal::Playing), None]);
}

#[test]
fn click_after_cursor_left_is_ignored() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.interact(|ui| {
        let play = ui.find("Play").unwrap().visible_bounds().unwrap().center();
        ui.point_at(play);
        ui.simulate([cursor_moved(play), iced::Event::Mouse(mouse::Event::CursorLeft)]);
        ui.simulate(iced_test::simulator::click());
    });
    assert_eq!(stage.next_goal(), None);
}

fn cursor_moved(position: Point) -> iced::Event {
    iced::Event::Mouse(mouse::Event::CursorMoved { position })
}

#[test]
fn button_toggle_sends_no_command() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    assert!(stage.shows("Stop") && !stage.shows("Teardown"));
    stage.click("4");
    assert!(stage.shows("Setup") && stage.shows("Teardown") && !stage.shows("Stop"));
    stage.click("3");
    assert!(stage.shows("Stop") && !stage.shows("Setup"));
    assert!(stage.next_command().is_none());
}

#[test]
fn panel_toggles_and_has_a_close_button() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let words = "Emulated network between the embedded server and this player.";
    assert!(!stage.shows(words));
    stage.click("Network");
    assert!(stage.shows(words) && stage.shows("Stop"), "the film goes on beside it");
    stage.click("Network");
    assert!(!stage.shows(words));
    stage.click("Network");
    stage.interact(|ui| {
        ui.click(selector::id(Id::new("close-panel"))).unwrap();
    });
    assert!(!stage.shows(words));
}

/// What the window has set last on the emulated network.
fn last_conditions(stage: &mut AppHarness) -> Option<EmulatorSettings> {
    let mut last = None;
    while let Some(command) = stage.next_command() {
        let Command::SetNetworkConditions(conditions) = command else { panic!("{command:?}") };
        last = Some(conditions);
    }
    last
}

/// Empties a field of the panel, and types into it.
fn replace_text(stage: &mut AppHarness, field: &'static str, text: &str) {
    for _ in 0..4 {
        stage.interact(|ui| {
            ui.click(selector::id(Id::new(field))).unwrap();
            ui.tap_key(Key::Named(Named::End));
            ui.tap_key(Key::Named(Named::Backspace));
        });
    }
    for (at, _) in text.char_indices() {
        stage.interact(|ui| {
            ui.click(selector::id(Id::new(field))).unwrap();
            ui.tap_key(Key::Named(Named::End));
            ui.typewrite(&text[at..=at]);
        });
    }
}

#[test]
fn network_settings_can_be_typed_switched_and_reset() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.click("Network");
    assert!(stage.shows("Emulation: off"));
    replace_text(&mut stage, "Loss", "7.5");
    let set = last_conditions(&mut stage).unwrap();
    assert!(set.is_on, "what is moved acts at once");
    assert_eq!((set.impairments.loss.ratio, set.impairments.loss.mean_burst), (0.075, None));
    assert!(stage.shows("Emulation: on"));
    replace_text(&mut stage, "Loss", "700");
    assert_eq!(last_conditions(&mut stage).unwrap().impairments.loss.ratio, 0.7, "there is no 700 %");
    stage.interact(|ui| {
        ui.click(selector::id(Id::new("network-switch"))).unwrap();
    });
    assert!(!last_conditions(&mut stage).unwrap().is_on);
    stage.click("Reset");
    assert_eq!(last_conditions(&mut stage).unwrap().impairments, Impairments::default());
    stage.click("Reset");
    assert_eq!(last_conditions(&mut stage), None, "nothing has changed");
}

#[test]
fn preset_sets_impairments_and_new_seed_changes_only_seed() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.click("Network");
    let preset = Preset::by_name("2015 student project").unwrap();
    assert!(stage.shows(&preset.impairments.to_string()), "its figures stand there");
    assert!(stage.shows(preset.source), "and where they are from");
    stage.send(Message::Network(reelay::ui::network::Message::Preset(preset)));
    let set = last_conditions(&mut stage).unwrap();
    assert_eq!((set.is_on, set.impairments), (true, preset.impairments));
    assert!(stage.shows(preset.source));
    let seeds: Vec<_> = (0..8)
        .filter_map(|_| {
            stage.send(Message::Network(reelay::ui::network::Message::NewSeed));
            last_conditions(&mut stage)
        })
        .collect();
    assert!(seeds.iter().any(|new| new.seed != set.seed));
    assert!(seeds.iter().all(|new| new.impairments == set.impairments && new.is_on));
}

#[test]
fn network_panel_shows_placement_and_counts() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let url = reelay::proto::rtsp::RtspUrl::parse("rtsp://camera.example/live").unwrap();
    stage.app.connect(url.into(), Default::default(), false);
    stage.click("Network");
    assert!(stage.shows("Emulated network for packets from camera.example, applied as they arrive."));
    let emulated =
        Some(EmulatorStats { offered: 1_000, lost_random: 40, lost_queue: 2, ..EmulatorStats::default() });
    stage.send(Message::Backend(reelay::ui::BackendUpdate::Figures(Box::new(Figures {
        snapshot: Snapshot { emulated, ..Snapshot::default() },
        ..Figures::default()
    }))));
    assert!(stage.shows("1,000 packets: 40 lost at random, 2 queue drops."));
}

#[test]
fn total_emulated_loss_is_not_blamed_on_firewall() {
    let names_emulated_network = |mut stage: AppHarness| {
        stage.send(Message::Network(reelay::ui::network::Message::Preset(Preset::by_name("3G").unwrap())));
        stage.emit_session_event(SessionEvent::Failed(SessionError::NoData {
            is_udp: true,
            is_emulated: false,
        }));
        stage.shows(&SessionError::NoData { is_udp: true, is_emulated: true }.to_string())
    };
    assert!(names_emulated_network(AppHarness::with_sample(Controls::Three, ThemePreference::Dark)));
    assert!(
        !names_emulated_network(AppHarness::with_stream(ThemePreference::Dark)),
        "the session of a stream knows it itself"
    );
}

#[test]
fn network_panel_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "network-dark"), (ThemePreference::Light, "network-light")]
    {
        let mut stage = AppHarness::with_sample(Controls::Three, theme);
        stage.play();
        stage.click("Network");
        let preset = Preset::by_name("3G").unwrap();
        stage.assert_snapshot(&format!("{name}-off"), LARGE_SIZE);
        stage.send(Message::Network(reelay::ui::network::Message::Preset(preset)));
        stage.assert_snapshot(name, LARGE_SIZE);
    }
}

#[test]
fn statistics_are_shown_before_and_after_playing() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.click("Statistics");
    assert!(stage.shows("lost") && stage.shows("stalls") && stage.shows("Interarrival jitter"));
    stage.assert_snapshot("statistics-empty-dark", LARGE_SIZE);
    stage.play();
    stage.emit_figures();
    assert!(stage.shows("1:15 played since SETUP") && stage.shows("795 (3.8 %)"));
    stage.click("Session summary…");
    assert!(stage.shows("1:15 played, 1,302 frames complete, 198 incomplete"));
    assert!(stage.shows("counted by the emulator"), "measured stands beside true");
    stage.interact(|ui| {
        ui.click(selector::id(Id::new("close-summary"))).unwrap();
    });
    assert!(!stage.shows("Session summary"));
}

#[test]
fn opening_another_file_clears_figures_and_keeps_messages() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.emit_figures();
    stage.log_whole_session();
    stage.open_another_file();
    stage.click("Statistics");
    assert!(stage.shows("Nothing played yet"));
    stage.click("Messages");
    assert!(stage.shows("RTP  1,234 packets, 61 lost"));
}

#[test]
fn summary_is_offered_after_stop_and_end_if_anything_played() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.set_idle(RtspState::Init, Goal::Stopped);
    assert!(!stage.shows("Summary…"));
    stage.play();
    stage.emit_figures();
    assert!(!stage.shows("Summary…"));
    stage.emit_session_event(SessionEvent::Ended);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    assert!(stage.shows("Playback has ended. Press Play to start again.") && stage.shows("Summary…"));
    stage.click("Stop");
    assert_eq!(stage.next_goal(), Some(Goal::Stopped));
    stage.set_idle(RtspState::Init, Goal::Stopped);
    stage.emit_session_event(SessionEvent::Closed);
    assert!(stage.shows("The session has ended."));
    stage.assert_snapshot("stopped", DEFAULT_SIZE);
    stage.click("Summary…");
    assert!(stage.shows("Session summary"));
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows("Session summary"));
}

#[test]
fn save_result_is_shown() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.send(Message::FileSaved(SaveResult::Saved("/films/reelay session.csv".into())));
    assert!(stage.shows("Saved as /films/reelay session.csv."));
    let sentence = "/films/x.csv cannot be saved (permission denied); choose another place.";
    stage.send(Message::FileSaved(SaveResult::Failed(sentence.to_owned())));
    assert!(stage.shows(sentence));
}

#[test]
fn messages_can_be_filtered_expanded_and_cleared() {
    let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    stage.click("Messages");
    stage.click("List");
    assert!(stage.shows("No messages yet. The RTSP requests of the player (OPTIONS, DESCRIBE, SETUP, PLAY, …) and the server's responses appear here."));
    stage.log_whole_session();
    assert!(stage.shows("RTSP/1.0 454 Session Not Found") && stage.shows("CSeq 7"));
    assert!(stage.shows("PAUSE rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0"));
    let headers = "CSeq: 5\nUser-Agent: Reelay/0.1.0\nSession: 8A51F27C";
    assert!(!stage.shows(headers));
    stage.click("PAUSE rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0");
    assert!(stage.shows(headers));
    stage.send(Message::Messages(reelay::ui::messages::Message::Toggle(9)));
    assert!(!stage.shows(headers));
    type_into(&mut stage, "messages-filter", "teardown");
    let shown = |stage: &AppHarness, method| {
        stage.shows(&format!("{method} rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0"))
    };
    assert!(shown(&stage, "TEARDOWN") && !shown(&stage, "PAUSE"));
    type_into(&mut stage, "messages-filter", "x");
    assert!(stage.shows("No messages match the filter."));
    stage.click("Clear");
    assert!(!shown(&stage, "TEARDOWN"));
}

#[test]
fn statistics_panel_matches_snapshots() {
    for (theme, name) in
        [(ThemePreference::Dark, "statistics-dark"), (ThemePreference::Light, "statistics-light")]
    {
        let mut stage = AppHarness::with_sample(Controls::Three, theme);
        stage.play();
        stage.emit_figures();
        stage.click("Statistics");
        stage.assert_snapshot(name, LARGE_SIZE);
    }
}

#[test]
fn messages_panel_matches_snapshots() {
    for (theme, name) in
        [(ThemePreference::Dark, "messages-dark"), (ThemePreference::Light, "messages-light")]
    {
        let mut stage = AppHarness::with_sample(Controls::Four, theme);
        stage.click("Messages");
        stage.log_whole_session();
        stage.assert_snapshot(name, LARGE_SIZE);
    }
    let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    stage.click("Messages");
    stage.assert_snapshot("messages-empty", DEFAULT_SIZE);
    stage.log_whole_session();
    stage.click("List");
    stage.send(Message::Messages(reelay::ui::messages::Message::Toggle(4)));
    stage.assert_snapshot("messages-list", LARGE_SIZE);
}

#[test]
fn summary_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "summary-dark"), (ThemePreference::Light, "summary-light")]
    {
        let mut stage = AppHarness::with_sample(Controls::Three, theme);
        stage.play();
        stage.emit_figures();
        stage.show_frame(199);
        stage.emit_session_event(SessionEvent::Ended);
        stage.set_idle(RtspState::Ready, Goal::Ready);
        stage.click("Summary…");
        stage.assert_snapshot(name, LARGE_SIZE);
    }
}

/// However small the window is, and however often the network was changed.
#[test]
fn summary_buttons_are_visible_at_any_window_size() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.emit_figures_with_changing_network();
    stage.show_frame(199);
    stage.emit_session_event(SessionEvent::Ended);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    stage.click("Summary…");
    for size in [MIN_SIZE, DEFAULT_SIZE, LARGE_SIZE] {
        for words in ["Copy as text", "Save CSV…", "Save JSON…", "Close"] {
            assert!(stage.shows_at(size, words), "{words} at {size:?}");
        }
    }
    stage.assert_snapshot("summary-smallest", MIN_SIZE);
}

#[test]
fn start_screen_plays_the_sample() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.click("Play the sample video");
    let command = stage.next_command();
    assert!(
        matches!(command, Some(Command::Open { source: MediaSource::Sample, goal: Goal::Playing, .. })),
        "{command:?}"
    );
}

#[test]
fn dropped_file_is_opened() {
    let mut stage = AppHarness::new(Controls::Four, ThemePreference::Dark);
    stage.send(Message::FileHovered);
    assert!(stage.shows("Drop the file to open it"));
    stage.send(Message::FileDropped("/films/movie.Mjpeg".into()));
    assert!(!stage.shows("Drop the file to open it"));
    let Some(Command::Open { source: MediaSource::File(path), goal, .. }) = stage.next_command() else {
        panic!("nothing is opened")
    };
    assert_eq!((path.to_str(), goal), (Some("/films/movie.Mjpeg"), Goal::Stopped));
}

#[test]
fn shortcuts_match_the_buttons() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    stage.send(Message::Shortcut(Shortcut::Stop));
    assert_eq!(
        [stage.next_goal(), stage.next_goal(), stage.next_goal()],
        [Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Stopped)]
    );
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert!(stage.next_goal().is_none(), "a dialog is in front");
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows("Connect to a stream"));
}

#[test]
fn title_shows_name_and_state() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    assert_eq!(stage.app.title(), "sample.mjpeg – READY – Reelay");
    stage.play();
    assert_eq!(stage.app.title(), "sample.mjpeg – PLAYING – Reelay");
    assert_eq!(AppHarness::new(Controls::Three, ThemePreference::Dark).app.title(), "Reelay");
}

/// Types into the field that is called so.
fn type_into(stage: &mut AppHarness, field: &'static str, text: &str) {
    stage.interact(|ui| {
        ui.click(selector::id(Id::new(field))).unwrap_or_else(|error| panic!("{field}: {error}"));
        ui.typewrite(text);
    });
}

#[test]
fn connect_dialog_sends_url_and_options() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.click("Connect to a stream…");
    type_into(&mut stage, "connect-url", "rtsp://camera.example:8554/live");
    stage.click("More");
    type_into(&mut stage, "connect-rtp-port", "25000");
    stage.click("TCP");
    stage.click("Connect");
    let Some(Command::Connect { url, options, goal, .. }) = stage.next_command() else {
        panic!("not connected")
    };
    assert_eq!(url.to_string(), "rtsp://camera.example:8554/live");
    assert_eq!((options.rtp_port, options.transport), (Some(25_000), TransportPreference::Tcp));
    assert_eq!(goal, Goal::Ready);
    assert!(!stage.shows("Connect to a stream"), "the dialog is gone");
}

#[test]
fn path_can_be_typed_without_a_file_dialog() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.send(Message::FilePicked(reelay::ui::PickResult::NoDialog));
    assert!(stage.shows(
        "The system has no file dialog; enter the path of the file in Connect…, drop the file on this window, \
         or install xdg-desktop-portal or zenity."
    ));
    stage.click("Connect to a stream…");
    type_into(&mut stage, "connect-url", "/films/talk.mjpeg");
    stage.click("Connect");
    let Some(Command::Open { source: MediaSource::File(path), .. }) = stage.next_command() else {
        panic!("nothing is opened")
    };
    assert_eq!(path.to_str(), Some("/films/talk.mjpeg"));
    assert!(!stage.shows("Connect to a stream"), "the dialog is gone");
}

#[test]
fn classroom_server_is_connected_and_remembered() {
    let mut stage = AppHarness::new(Controls::Four, ThemePreference::Dark);
    stage.click("Connect to a stream…");
    stage.click("Classroom server");
    type_into(&mut stage, "connect-host", "lab.example");
    stage.click("Connect");
    assert!(stage.next_command().is_none(), "there is no usual port");
    stage.assert_snapshot("connect-classroom-no-port", DEFAULT_SIZE);
    type_into(&mut stage, "connect-port", "1025");
    stage.click("Connect");
    let Some(Command::Connect { url, options, goal, .. }) = stage.next_command() else {
        panic!("not connected")
    };
    assert_eq!(
        (url.host_and_port().as_str(), url.display_name().as_str()),
        ("lab.example:1025", "movie.Mjpeg")
    );
    assert_eq!((url.dialect(), options.rtp_port), (Dialect::Classroom, Some(25_000)));
    assert_eq!(goal, Goal::Stopped, "four buttons send nothing unasked");
    stage.click("Setup");
    assert_eq!(stage.next_goal(), Some(Goal::Ready));

    let mut settings = Settings::default();
    settings.remember_server("lab.example:1025".to_owned(), Dialect::Classroom);
    let mut stage = AppHarness::with_settings(settings);
    stage.send(Message::Shortcut(Shortcut::Connect));
    assert!(!stage.shows("File name"));
    type_into(&mut stage, "connect-url", "lab.example:1025/");
    assert!(stage.shows("File name"), "what the server speaks is known");
}

#[test]
fn enter_connects_and_invalid_url_is_explained() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut stage, "connect-url", "http://camera.example/live");
    stage.interact(|ui| {
        ui.click(selector::id(Id::new("connect-url"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    assert!(stage.next_command().is_none());
    stage.assert_snapshot("connect-invalid-url", DEFAULT_SIZE);
}

#[test]
fn open_error_is_shown_until_dismissed() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.app.open(MediaSource::File("/films/talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = stage.next_command() else { panic!("nothing is opened") };
    let sentence = "talk.mjpeg is an MP4 film, not Motion JPEG; convert it with ffmpeg -i talk.mjpeg -c:v mjpeg -f mjpeg film.mjpeg.";
    let event =
        reelay::backend::BackendEvent { generation, kind: BackendEventKind::OpenFailed(sentence.to_owned()) };
    stage.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    assert!(stage.shows(sentence));
    stage.assert_snapshot("cannot-open", DEFAULT_SIZE);
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows(sentence));
    assert!(stage.shows("Play the sample video"), "the program goes on");
}

#[test]
fn session_failures_are_shown() {
    let server = || "camera.example:8554".to_owned();
    let failures = [
        SessionError::Unreachable { server: server(), reason: "connection refused".to_owned() },
        SessionError::ConnectionLost { server: server() },
        SessionError::TimedOut { server: server(), method: Method::Setup },
        SessionError::Refused {
            method: Method::Describe,
            status: RtspStatus::NOT_FOUND,
            reason_phrase: "Not Found".to_owned(),
        },
        SessionError::NoJpeg { found: vec!["H264".to_owned()] },
        SessionError::NoData { is_udp: true, is_emulated: false },
        SessionError::UnusableFrames {
            reason: "they are damaged or in an unsupported JPEG format".to_owned(),
        },
    ];
    for failure in failures {
        let mut stage = AppHarness::with_stream(ThemePreference::Dark);
        let sentence = failure.to_string();
        stage.emit_session_event(SessionEvent::Failed(failure));
        assert!(stage.shows(&sentence), "{sentence}");
    }
}

/// That a server is in between is nothing that the user of a film must know.
#[test]
fn refused_local_file_is_reported_as_gone_or_changed() {
    for (method, status) in [
        (Method::Describe, RtspStatus::NOT_FOUND),
        (Method::Describe, RtspStatus::UNSUPPORTED_MEDIA_TYPE),
        (Method::Play, RtspStatus::INTERNAL_SERVER_ERROR),
    ] {
        let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
        let reason = status.reason_phrase().to_owned();
        stage.emit_session_event(SessionEvent::Failed(SessionError::Refused {
            method,
            status,
            reason_phrase: reason,
        }));
        assert!(stage.shows("sample.mjpeg was moved, deleted or changed; open it again."), "{status}");
    }
}

/// Playing, until the server was gone a moment ago: the second attempt comes in two seconds.
fn reconnecting_harness() -> AppHarness {
    let mut stage = AppHarness::with_stream(ThemePreference::Dark);
    let server = "camera.example:8554".to_owned();
    let lost = ReconnectReason::ServerLost { server, attempt: 2, wait: Duration::from_secs(2) };
    stage.emit_session_event(SessionEvent::Reconnecting(lost));
    stage.set_busy(RtspState::Init, Goal::Playing);
    stage
}

const RECONNECTING_TEXT: &str =
    "The connection to camera.example:8554 was lost; reconnecting in 2 seconds (attempt 2)…";

#[test]
fn reconnecting_can_be_cancelled() {
    let ways: [fn(&mut AppHarness); 2] =
        [|stage| stage.click("Cancel"), |stage| stage.send(Message::Shortcut(Shortcut::Escape))];
    for leave in ways {
        let mut stage = reconnecting_harness();
        assert!(stage.shows(RECONNECTING_TEXT));
        stage.assert_snapshot("reconnecting", DEFAULT_SIZE);
        leave(&mut stage);
        assert_eq!(stage.next_goal(), Some(Goal::Stopped));
        assert!(!stage.shows("Cancel"));
    }
}

#[test]
fn reconnecting_banner_returns_after_other_banners() {
    let mut stage = reconnecting_harness();
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert_eq!(stage.next_goal(), Some(Goal::Ready));
    stage.set_busy(RtspState::Init, Goal::Ready);
    assert!(stage.shows("Cancel"));
    stage.send(Message::FileSaved(SaveResult::Saved("/films/reelay messages.txt".into())));
    assert!(stage.shows("Saved as /films/reelay messages.txt.") && stage.shows("Cancel"));
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(stage.next_goal().is_none() && stage.shows("Cancel"), "what was saved is read first");
    stage.set_idle(RtspState::Ready, Goal::Ready);
    assert!(!stage.shows("Cancel"), "it is there again");
}

#[test]
fn try_now_reconnects_at_once() {
    let mut stage = reconnecting_harness();
    stage.click("Try now");
    assert_eq!(stage.next_goal(), Some(Goal::Playing));
    assert!(stage.shows("The connection to camera.example:8554 was lost; reconnecting…"));
    stage.click("Try now");
    assert!(stage.next_goal().is_none(), "it is tried already");
}

#[test]
fn reconnect_countdown_is_shown() {
    let mut stage = reconnecting_harness();
    let begin = Instant::now();
    stage.send(Message::Tick(begin + Duration::from_millis(1_500)));
    assert!(
        stage.shows("The connection to camera.example:8554 was lost; reconnecting in 1 second (attempt 2)…")
    );
    stage.send(Message::Tick(begin + Duration::from_millis(2_500)));
    assert!(stage.shows("The connection to camera.example:8554 was lost; reconnecting…"));
    let server = "camera.example:8554".to_owned();
    let lost = ReconnectReason::ServerLost { server, attempt: 3, wait: Duration::from_secs(4) };
    stage.emit_session_event(SessionEvent::Reconnecting(lost));
    assert!(
        stage.shows("The connection to camera.example:8554 was lost; reconnecting in 4 seconds (attempt 3)…")
    );
}

#[test]
fn sign_in_reconnects_with_credentials() {
    let mut stage = AppHarness::with_stream(ThemePreference::Light);
    stage.emit_session_event(SessionEvent::Failed(SessionError::Unauthorized { was_refused: true }));
    assert!(stage.shows("camera.example does not accept this user name and password."));
    stage.assert_snapshot("sign-in-light", DEFAULT_SIZE);
    type_into(&mut stage, "sign-in-user", "ann");
    type_into(&mut stage, "sign-in-password", "secret");
    stage.interact(|ui| {
        ui.click(selector::id(Id::new("sign-in-password"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    let Some(Command::Connect { url, goal, .. }) = stage.next_command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "secret")));
    assert_eq!(goal, Goal::Playing, "it goes on as it was meant to");
}

/// Types user and password as one does who never looks up, and tells what is asked of the server then.
fn sign_in(
    window: &mut WindowHarness<'_>,
    focus_password: impl Fn(&mut WindowHarness<'_>),
) -> Option<(String, String)> {
    window.type_text("ann");
    focus_password(window);
    window.type_text("secret");
    window.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = window.harness.next_command() else { return None };
    url.credentials().map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn unauthorized_message(stage: &AppHarness, was_refused: bool) -> Message {
    let event = BackendEventKind::Session(SessionEvent::Failed(SessionError::Unauthorized { was_refused }));
    stage.event_message(event)
}

#[test]
fn sign_in_works_with_the_keyboard_alone() {
    let ann = Some(("ann".to_owned(), "secret".to_owned()));
    let ways: [fn(&mut WindowHarness<'_>); 3] = [
        |desk| desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next))),
        |desk| desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Previous))),
        |desk| desk.press_key(Key::Named(Named::Enter)),
    ];
    for to_password in ways {
        let mut stage = AppHarness::with_stream(ThemePreference::Dark);
        let mut desk = WindowHarness::new(&mut stage);
        desk.send(unauthorized_message(desk.harness, false));
        assert_eq!(sign_in(&mut desk, to_password), ann);
    }
}

#[test]
fn refused_sign_in_keeps_user_and_focuses_password() {
    let mut stage = AppHarness::with_stream_as("ann", "wrong");
    let mut desk = WindowHarness::new(&mut stage);
    desk.send(unauthorized_message(desk.harness, true));
    desk.type_text("right");
    desk.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = desk.harness.next_command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "right")));
}

#[test]
fn connect_dialog_replaces_last_url_and_captures_keys() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let mut desk = WindowHarness::new(&mut stage);
    let connect = |desk: &mut WindowHarness<'_>, url: &str| {
        desk.send(Message::Shortcut(Shortcut::Connect));
        desk.type_text(url);
        desk.press_key(Key::Named(Named::Enter));
        let Some(Command::Connect { url, options, .. }) = desk.harness.next_command() else {
            panic!("{url}")
        };
        (url.to_string(), options.rtp_port)
    };
    desk.harness.click("Messages");
    assert_eq!(connect(&mut desk, "rtsp://first/live"), ("rtsp://first/live".to_owned(), None));
    assert_eq!(connect(&mut desk, "rtsp://second/live"), ("rtsp://second/live".to_owned(), None));
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.click("More");
    desk.type_text("25000");
    for _ in 0..2 {
        desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next)));
    }
    desk.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { options, .. }) = desk.harness.next_command() else { panic!("not connected") };
    assert_eq!(options.rtp_port, Some(25_000));
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next)));
    desk.type_text("26000");
    desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next)));
    assert_eq!(connect(&mut desk, "rtsp://third/"), ("rtsp://third/".to_owned(), Some(26_000)));
}

#[test]
fn rtsp_url_as_classroom_host_uses_standard_dialect() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let mut desk = WindowHarness::new(&mut stage);
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.click("Classroom server");
    desk.type_text("rtsp://camera/live");
    desk.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = desk.harness.next_command() else { panic!("not connected") };
    assert_eq!((url.to_string().as_str(), url.dialect()), ("rtsp://camera/live", Dialect::Standard));
}

#[test]
fn cancelled_sign_in_is_explained() {
    let ways: [fn(&mut AppHarness); 2] =
        [|stage| stage.click("Cancel"), |stage| stage.send(Message::Shortcut(Shortcut::Escape))];
    for leave in ways {
        let mut stage = AppHarness::with_stream(ThemePreference::Dark);
        stage.send(unauthorized_message(&stage, false));
        leave(&mut stage);
        let words = "camera.example needs a user name and password; connect again to enter them.";
        assert!(!stage.shows("Sign in") && stage.shows(words));
    }
}

#[test]
fn connecting_banner_is_shown_until_setup() {
    let mut stage = AppHarness::connecting();
    let words = "Connecting to camera.example…";
    assert!(stage.shows(words), "before anything is heard of it");
    stage.set_busy(RtspState::Init, Goal::Playing);
    assert!(stage.shows(words));
    stage.assert_snapshot("connecting", DEFAULT_SIZE);
    stage.click("Cancel");
    assert_eq!(stage.next_goal(), Some(Goal::Stopped));
    assert!(!stage.shows(words));

    let mut stage = AppHarness::connecting();
    stage.emit_session_event(SessionEvent::SetUp(LowerTransport::Udp));
    stage.set_busy(RtspState::Ready, Goal::Playing);
    assert!(!stage.shows(words));
    stage.set_busy(RtspState::Init, Goal::Playing);
    assert!(!stage.shows(words), "there is a picture to look at");
}

#[test]
fn dialogs_are_shown_in_fullscreen() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.send(Message::WindowOpened(iced::window::Id::unique()));
    stage.send(Message::Shortcut(Shortcut::Fullscreen));
    assert!(!stage.shows("Stop"), "nothing but the film");
    stage.send(Message::Shortcut(Shortcut::Connect));
    assert!(stage.shows("Connect to a stream") && !stage.shows("Stop"));
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows("Connect to a stream"));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert_eq!(stage.next_goal(), Some(Goal::Playing));
}

#[test]
fn end_banner_replaces_waiting_banner() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.emit_session_event(SessionEvent::Waiting(true));
    assert!(stage.shows("Waiting for data…"));
    stage.assert_snapshot("waiting", DEFAULT_SIZE);
    stage.emit_session_event(SessionEvent::Ended);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    stage.show_frame(199);
    assert!(!stage.shows("Waiting for data…"));
    assert!(stage.shows("Playback has ended. Press Play to start again."));
    stage.assert_snapshot("ended", DEFAULT_SIZE);
    stage.click("Play");
    assert_eq!(stage.next_goal(), Some(Goal::Playing));
    assert!(!stage.shows("Playback has ended. Press Play to start again."));
}

#[test]
fn file_flaw_is_shown_until_the_end() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let defects = FileDefects { is_truncated: true, ..FileDefects::default() };
    stage.emit_event(BackendEventKind::IndexProgress(IndexProgress {
        defects: Some(defects),
        ..media_info(199).progress
    }));
    let sentence = "sample.mjpeg is truncated: 1 incomplete frame is skipped; copy or download it again.";
    assert!(stage.shows(sentence));
    stage.play();
    stage.emit_session_event(SessionEvent::Ended);
    assert!(!stage.shows(sentence) && stage.shows("Playback has ended. Press Play to start again."));

    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.app.open(MediaSource::Sample, false);
    let Some(Command::Open { generation, .. }) = stage.next_command() else { panic!("nothing is opened") };
    let mut flawed = media_info(200);
    flawed.progress.defects = Some(FileDefects { damaged: 3, ..FileDefects::default() });
    let event = reelay::backend::BackendEvent { generation, kind: BackendEventKind::Opened(flawed) };
    stage.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    assert!(
        stage.shows("sample.mjpeg is damaged: 3 incomplete frames are skipped; copy or download it again.")
    );
}

#[test]
fn growing_index_updates_frame_count() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Light);
    stage.emit_event(BackendEventKind::IndexProgress(media_info(120).progress));
    assert!(stage.shows("Frame 1 of 120"));
    stage.assert_snapshot("indexing-light", DEFAULT_SIZE);
    stage.emit_event(BackendEventKind::IndexProgress(media_info(200).progress));
    assert!(stage.shows("Frame 1 of 200"));
    stage.emit_event(BackendEventKind::IndexProgress(media_info(85_120).progress));
    assert_eq!(stage.text_height("1:10:56.0 …"), stage.text_height("0:00.0"), "on one line");
    stage.assert_snapshot("indexing-hours", DEFAULT_SIZE);
}

#[test]
fn skip_seeks_to_a_frame_of_the_file() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.send(Message::Shortcut(Shortcut::Skip(5)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = stage.next_command() else {
        panic!("no seek")
    };
    assert_eq!(position, npt_seconds(5));
    assert!(matches!(stage.next_command(), Some(Command::Preview(100))), "what is there is shown at once");
    stage.send(Message::Shortcut(Shortcut::Skip(127)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = stage.next_command() else {
        panic!("no seek")
    };
    assert_eq!(position.as_micros(), 9_950_000, "the last frame, not behind it");
}

#[test]
fn skip_beyond_the_end_is_ignored() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.show_frame(199);
    stage.emit_session_event(SessionEvent::Ended);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    stage.send(Message::Shortcut(Shortcut::Skip(5)));
    assert!(stage.next_command().is_none() && stage.shows("Playback has ended. Press Play to start again."));
    stage.send(Message::Shortcut(Shortcut::Skip(-5)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = stage.next_command() else {
        panic!("no seek")
    };
    assert_eq!(position, npt_seconds(5));
}

#[test]
fn start_screen_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "start-dark"), (ThemePreference::Light, "start-light")] {
        AppHarness::new(Controls::Three, theme).assert_snapshot(name, DEFAULT_SIZE);
    }
    AppHarness::new(Controls::Three, ThemePreference::Dark).assert_snapshot("start-smallest", MIN_SIZE);
}

/// The longest of the sentences that a film may be refused with.
fn harness_with_open_error() -> AppHarness {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.app.open(MediaSource::File("/films/talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = stage.next_command() else { panic!("nothing is opened") };
    let sentence = "talk.mjpeg is an MP4 film, not Motion JPEG; convert it first: ffmpeg -i talk.mjpeg -c:v mjpeg -q:v 3 -an -f mjpeg talk-mjpeg.mjpeg";
    let event =
        reelay::backend::BackendEvent { generation, kind: BackendEventKind::OpenFailed(sentence.to_owned()) };
    stage.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    stage
}

#[test]
fn error_banner_covers_no_button() {
    let mut stage = harness_with_open_error();
    stage.assert_snapshot("cannot-open-smallest", MIN_SIZE);
    stage.click("Play the sample video");
    assert!(matches!(stage.next_command(), Some(Command::Open { source: MediaSource::Sample, .. })));
}

#[test]
fn playing_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "playing-dark"), (ThemePreference::Light, "playing-light")]
    {
        let mut stage = AppHarness::with_sample(Controls::Three, theme);
        stage.play();
        stage.assert_snapshot(name, DEFAULT_SIZE);
    }
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.assert_snapshot("playing-smallest", MIN_SIZE);
    stage.emit_figures();
    stage.click("Statistics");
    stage.emit_session_event(SessionEvent::Ended);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    stage.assert_snapshot("ended-smallest", MIN_SIZE);
}

#[test]
fn long_name_leaves_room_for_figures() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let name = format!("{}.mjpeg", "a_film_with_a_name_that_never_ends_".repeat(6));
    stage.app.open(MediaSource::File(format!("/films/{name}").into()), false);
    let Some(Command::Open { generation, .. }) = stage.next_command() else { panic!("nothing is opened") };
    let tell = |stage: &mut AppHarness, kind| {
        let event = reelay::backend::BackendEvent { generation, kind };
        stage.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    };
    let mut flawed = reelay::media_file::MediaInfo { name, ..media_info(200) };
    flawed.progress.defects = Some(FileDefects { is_truncated: true, ..FileDefects::default() });
    tell(&mut stage, BackendEventKind::Opened(flawed));
    stage.assert_snapshot("long-name", DEFAULT_SIZE);
    stage.assert_snapshot("long-name-smallest", MIN_SIZE);
}

#[test]
fn four_buttons_match_snapshots() {
    let stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    stage.assert_snapshot("four-init", DEFAULT_SIZE);
    let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Light);
    stage.play();
    stage.assert_snapshot("four-playing-light-large", LARGE_SIZE);
}

#[test]
fn dialogs_match_snapshots() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Light);
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.click("More");
    stage.assert_snapshot("connect-light", DEFAULT_SIZE);
    stage.click("Classroom server");
    stage.assert_snapshot("connect-classroom-light", DEFAULT_SIZE);

    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.click("Classroom server");
    stage.assert_snapshot("connect-classroom-dark", MIN_SIZE);
    stage.send(Message::Shortcut(Shortcut::Escape));
    stage.interact(|ui| {
        ui.click(selector::id(Id::new("preferences"))).unwrap();
    });
    assert!(stage.shows("Preferences"));
    stage.assert_snapshot("preferences-dark", DEFAULT_SIZE);
    stage.click("Light");
    stage.assert_snapshot("preferences-light", DEFAULT_SIZE);
}

#[test]
fn theme_is_reverted_unless_applied() {
    let ways: [fn(&mut AppHarness); 3] = [
        |stage| stage.click("Cancel"),
        |stage| stage.send(Message::Shortcut(Shortcut::Escape)),
        |stage| stage.click("Apply"),
    ];
    let themes = ways.map(|leave| {
        let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
        let before = stage.app.theme();
        stage.interact(|ui| {
            ui.click(selector::id(Id::new("preferences"))).unwrap();
        });
        stage.click("Light");
        assert_ne!(stage.app.theme(), before, "it is seen at once");
        leave(&mut stage);
        stage.app.theme() == before
    });
    assert_eq!(themes, [true, true, false]);
}

#[test]
fn seek_while_paused_shows_resume_position() {
    let words = "Play resumes at 0:08.0";
    let mut film = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    film.send(Message::Shortcut(Shortcut::Skip(8)));
    assert!(!film.shows(words), "the picture is that of the place");

    let mut stage = AppHarness::with_stream(ThemePreference::Dark);
    stage.describe(20);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    stage.show_frame(0);
    stage.send(Message::Shortcut(Shortcut::Skip(8)));
    assert!(stage.shows(words) && !stage.shows("Frame 161"));
    stage.assert_snapshot("seek-while-paused", DEFAULT_SIZE);
    stage.click("Play");
    assert!(!stage.shows(words));
    stage.emit_session_event(SessionEvent::Started(NptRange { start: Some(npt_seconds(8)), end: None }));
    stage.set_idle(RtspState::Playing, Goal::Playing);
    stage.show_frame(160);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    assert!(!stage.shows(words), "it is there");
}

#[test]
fn connect_dialog_keeps_mistyped_path() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    stage.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut stage, "connect-url", "/films/tlak.mjpeg");
    stage.click("Connect");
    assert!(matches!(stage.next_command(), Some(Command::Open { .. })));
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.click("Connect");
    let Some(Command::Open { source: MediaSource::File(path), .. }) = stage.next_command() else {
        panic!("nothing stands there")
    };
    assert_eq!(path.to_str(), Some("/films/tlak.mjpeg"));
}

#[test]
fn space_advances_the_state() {
    let next = |state, goal| {
        let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
        stage.set_idle(state, goal);
        stage.send(Message::Shortcut(Shortcut::PlayOrPause));
        stage.next_goal()
    };
    assert_eq!(next(RtspState::Init, Goal::Stopped), Some(Goal::Ready));
    assert_eq!(next(RtspState::Ready, Goal::Ready), Some(Goal::Playing));
    assert_eq!(next(RtspState::Playing, Goal::Playing), Some(Goal::Ready));
}

#[test]
fn panels_and_preferences_have_shortcuts() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(stage.shows("Session summary…"));
    stage.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(!stage.shows("Session summary…"));
    stage.send(Message::Shortcut(Shortcut::Preferences));
    assert!(stage.shows("Playout delay (ms)"));
}

#[test]
fn charts_show_no_current_value_when_stopped() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.emit_figures();
    stage.click("Statistics");
    assert!(stage.shows("19.0 /s"));
    stage.set_idle(RtspState::Init, Goal::Stopped);
    let mut figures = stage.next_figures();
    let (frames_per_second, frames_per_second_shown) = (0.0, 0.0);
    figures.snapshot =
        Snapshot { playing_s: 75.0, frames_per_second, frames_per_second_shown, ..figures.snapshot };
    stage.send(Message::Backend(reelay::ui::BackendUpdate::Figures(Box::new(figures))));
    assert!(!stage.shows("19.0 /s"));
}

#[test]
fn frame_rate_of_command_line_is_not_saved() {
    let settings = Settings { frame_rate: FrameRate::per_second(12), ..Settings::default() };
    let shown = |rate| {
        let options = AppOptions { settings: settings.clone(), frame_rate: rate, ..AppOptions::default() };
        let mut stage = AppHarness::with_options(options);
        stage.send(Message::Shortcut(Shortcut::Preferences));
        ["12", "25"].map(|rate| stage.shows(rate))
    };
    assert_eq!(shown(None), [true, false]);
    assert_eq!(shown(Some(FrameRate::per_second(25))), [false, true]);

    let options =
        AppOptions { settings, frame_rate: Some(FrameRate::per_second(25)), ..AppOptions::default() };
    let mut stage = AppHarness::with_options(options);
    let mut desk = WindowHarness::new(&mut stage);
    let mut apply = |typed: &str| {
        desk.send(Message::Shortcut(Shortcut::Preferences));
        desk.type_text(typed);
        desk.press_key(Key::Named(Named::Enter));
        desk.harness.app.settings().frame_rate
    };
    assert_eq!(apply("25"), FrameRate::per_second(12), "it was for this time");
    assert_eq!(apply("30"), FrameRate::per_second(30));
}

#[test]
fn settings_problem_stays_when_a_file_is_opened() {
    let reason = "it is a directory".to_owned();
    let problem = reelay::settings::SettingsProblem::Unusable { path: "settings.toml".into(), reason };
    let sentence = problem.to_string();
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.app.show_settings_problem(&problem);
    assert!(harness.shows(&sentence));

    harness.app.open(MediaSource::Sample, false);
    assert!(!harness.shows(&sentence));
    harness.app.show_settings_problem(&problem);
    let Some(Command::Open { generation, .. }) = harness.next_command() else { panic!("nothing is opened") };
    let kind = BackendEventKind::Opened(media_info(200));
    let event = reelay::backend::BackendEvent { generation, kind };
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    assert!(harness.shows(&sentence));
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows(&sentence));
}

#[test]
fn summary_stays_open_after_saving() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.emit_figures();
    stage.click("Statistics");
    stage.click("Session summary…");
    stage.send(Message::FileSaved(SaveResult::Saved("/films/reelay session.csv".into())));
    assert!(stage.shows("Save JSON…") && stage.shows("Saved as /films/reelay session.csv."));
    stage.assert_snapshot("summary-saved", DEFAULT_SIZE);
    let sentence = "/films/x.csv cannot be saved (permission denied); choose another place.";
    stage.send(Message::FileSaved(SaveResult::Failed(sentence.to_owned())));
    assert!(stage.shows("Save JSON…") && stage.shows(sentence));
    stage.click("Copy as text");
    assert!(stage.shows("The summary was copied to the clipboard."));
    stage.click("Close");
    assert!(!stage.shows("Save JSON…") && !stage.shows(sentence));
}

#[test]
fn filter_keeps_request_and_response_together() {
    let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    stage.click("Messages");
    stage.click("List");
    stage.log_whole_session();
    type_into(&mut stage, "messages-filter", "play");
    let line = |method| format!("{method} rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0");
    let shown = |stage: &AppHarness, words: &str| stage.shows(words);
    assert!(shown(&stage, &line("PLAY")) && shown(&stage, "RTSP/1.0 454 Session Not Found"));
    assert!(!shown(&stage, &line("OPTIONS")) && !shown(&stage, "CSeq 1") && !shown(&stage, "CSeq 7"));
    // As in whatever stands in a reply.
    stage.send(Message::Messages(reelay::ui::messages::Message::Filter("454".to_owned())));
    assert!(shown(&stage, &line("PLAY")) && !shown(&stage, "CSeq 4"));
    stage.click("Clear");
    assert!(!stage.shows("No messages match the filter."));
    assert!(stage.shows("No messages yet. The RTSP requests of the player (OPTIONS, DESCRIBE, SETUP, PLAY, …) and the server's responses appear here."));
}

#[test]
fn copied_label_is_shown_briefly() {
    let mut stage = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    stage.click("Messages");
    stage.log_whole_session();
    stage.click("Copy");
    assert!(stage.shows("Copied") && !stage.shows("Copy"));
    stage.send(Message::Tick(Instant::now() + Duration::from_secs(2)));
    assert!(!stage.shows("Copied") && stage.shows("Copy"));
}

#[test]
fn enter_confirms_dialog_without_focused_field() {
    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let mut desk = WindowHarness::new(&mut stage);
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.type_text("rtsp://camera/live");
    desk.click("More");
    desk.click("TCP");
    desk.press_key(Key::Named(Named::Enter));
    assert!(desk.harness.next_command().is_none(), "no field has the cursor");
    desk.send(Message::Shortcut(Shortcut::Confirm));
    let Some(Command::Connect { options, .. }) = desk.harness.next_command() else { panic!("not connected") };
    assert_eq!(options.transport, TransportPreference::Tcp);
    desk.send(Message::Shortcut(Shortcut::Preferences));
    desk.click("Light");
    desk.send(Message::Shortcut(Shortcut::Confirm));
    assert!(!desk.harness.shows("Preferences"));
    assert_eq!(desk.harness.app.settings().theme, ThemePreference::Light);
}

#[test]
fn invalid_number_is_explained_and_reset_on_blur() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let mut desk = WindowHarness::new(&mut stage);
    desk.click("Network");
    let ways: [fn(&mut WindowHarness<'_>); 4] = [
        |desk| desk.press_key(Key::Named(Named::Enter)),
        |desk| desk.press_key(Key::Named(Named::Escape)),
        |desk| desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next))),
        |desk| desk.click("Emulation: on"),
    ];
    let rule = "A number from 0 to 100";
    for leave in ways {
        desk.click_field("Loss");
        desk.select_all();
        desk.type_text("250");
        assert!(desk.harness.shows(rule));
        desk.harness.assert_snapshot("network-invalid-number", DEFAULT_SIZE);
        assert_eq!(last_conditions(desk.harness).unwrap().impairments.loss.ratio, 0.25);
        leave(&mut desk);
        desk.redraw();
        assert!(!desk.harness.shows(rule) && desk.harness.shows("25"), "what acts stands there");
        desk.click_field("Loss");
        desk.select_all();
        desk.type_text("2");
        last_conditions(desk.harness);
    }
}

#[test]
fn mouse_movement_shows_controls_in_fullscreen() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.send(Message::WindowOpened(iced::window::Id::unique()));
    stage.send(Message::Shortcut(Shortcut::Fullscreen));
    let still = |stage: &mut AppHarness, seconds| {
        stage.send(Message::Tick(Instant::now() + Duration::from_secs(seconds)));
        !stage.shows("Pause")
    };
    assert!(still(&mut stage, 0));
    let place = Point::new(400.0, 200.0);
    stage.interact(|ui| {
        ui.point_at(place);
        ui.simulate([cursor_moved(place)]);
    });
    assert!(!still(&mut stage, 2));
    stage.assert_snapshot("fullscreen", DEFAULT_SIZE);
    stage.click("Pause");
    assert_eq!(stage.next_goal(), Some(Goal::Ready));
    assert!(still(&mut stage, 9));
}

#[test]
fn tab_scrolls_fields_into_view() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.click("Network");
    let mut desk = WindowHarness::new(&mut stage);
    let fields =
        ["Loss", "Mean loss burst", "Throughput", "Queue", "Delay", "Jitter", "Duplication", "Corruption"];
    let fields: Vec<_> = fields.into_iter().chain(["Seed"]).collect();
    assert!(!fields.iter().all(|field| desk.is_field_visible(field)), "the panel is longer than the window");
    for field in fields {
        desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next)));
        assert!(desk.is_field_visible(field), "{field}");
    }
    desk.send(Message::Shortcut(Shortcut::MoveFocus(FocusStep::Next)));
    assert!(desk.is_field_visible("Loss") && !desk.is_field_visible("Seed"), "around");
}

#[test]
fn play_hint_is_shown_without_a_picture() {
    let mut stage = AppHarness::connecting();
    stage.set_idle(RtspState::Ready, Goal::Ready);
    assert!(stage.shows("Press Play to start."));
    stage.play();
    assert!(!stage.shows("Press Play to start."));

    let mut stage = AppHarness::new(Controls::Three, ThemePreference::Dark);
    assert!(!stage.shows("Press Play to start."));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    let sample = stage.next_command();
    assert!(
        matches!(sample, Some(Command::Open { source: MediaSource::Sample, goal: Goal::Playing, .. })),
        "{sample:?}"
    );
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert!(stage.next_command().is_none(), "it is being opened");
}

#[test]
fn enter_leaves_the_number_field() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.click("Network");
    let mut desk = WindowHarness::new(&mut stage);
    desk.click_field("Loss");
    desk.select_all();
    desk.type_text("5");
    let set = std::iter::from_fn(|| desk.harness.next_command()).last();
    assert!(
        matches!(set, Some(Command::SetNetworkConditions(set)) if set.impairments.loss.ratio == 0.05),
        "{set:?}"
    );
    desk.press_key(Key::Named(Named::Enter));
    desk.type_text("7");
    assert!(desk.harness.next_command().is_none(), "keys are for the film again");
}

#[test]
fn stream_without_complete_frames_is_explained_until_the_end() {
    let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    stage.play();
    stage.show_frame(3);
    let measured = |stage: &mut AppHarness, playing_s, frames_complete, emulated| {
        let snapshot = Snapshot {
            playing_s,
            frames_complete,
            emulated,
            wire_bits_per_second: 1e6,
            ..Snapshot::default()
        };
        stage.send(Message::Backend(reelay::ui::BackendUpdate::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
    };
    let by_the_network =
        "Packets arrive, but no frame is complete: the emulated network loses too many packets.";
    let on_the_way = "Packets arrive, but no frame is complete: too many packets are lost.";
    measured(&mut stage, 0.2, 4, None);
    assert!(!stage.shows(on_the_way));
    measured(&mut stage, 2.0, 4, None);
    assert!(stage.shows(on_the_way));
    measured(&mut stage, 2.2, 4, Some(EmulatorStats::default()));
    assert!(stage.shows(by_the_network));
    stage.assert_snapshot("no-complete-frame", DEFAULT_SIZE);
    measured(&mut stage, 2.4, 5, Some(EmulatorStats::default()));
    assert!(!stage.shows(by_the_network));
    stage.emit_session_event(SessionEvent::EndReached(Npt::from_micros(10_000_000)));
    stage.emit_session_event(SessionEvent::Ended);
    stage.set_idle(RtspState::Ready, Goal::Ready);
    assert!(stage.shows("0:10.0") && stage.shows("Frame 200 of 200"));
}
