//! The window by the keyboard: the order in which Tab visits fields and controls, and what keys do there.

mod common;

use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE};
use common::window_harness::WindowHarness;
use iced::keyboard::Modifiers;
use iced::keyboard::key::Named;
use iced::mouse::{self, ScrollDelta};
use iced::widget::Id;
use iced::{Event, Point};
use iced_test::selector;
use reelay::backend::Command;
use reelay::impairment::EmulatorSettings;
use reelay::session::{
    CertificateProblem, Direction, Fingerprint, Goal, LoggedMessage, RtspState, SessionCommand, SessionError,
    SessionEvent, SourceUrl, UntrustedCertificate,
};
use reelay::settings::{Controls, PanelKind, Settings, ThemePreference};
use reelay::ui::{Menu, Message, PickResult, SHORTCUT_TABLE, Shortcut, messages, play_list, preferences};

const HEADER: [&str; 8] =
    ["Open…", "Connect…", "Network", "Statistics", "Messages", "lesson-layout", "3 buttons", "preferences"];

/// The header while something is open.
const PLAYER_HEADER: [&str; 9] = [
    "Open…",
    "Connect…",
    "close-media",
    "Network",
    "Statistics",
    "Messages",
    "lesson-layout",
    "3 buttons",
    "preferences",
];

/// The icons beside the buttons, of a film that is set up.
const ICONS: [&str; 7] = ["step-back", "step-forward", "1×", "repeat", "record", "snapshot", "fullscreen"];

/// Name of the first message in the list, which begins with the time since the first message.
const FIRST_ROW: &str = "0.000 s";

/// Name of any message in the list.
const ANY_ROW: &str = "message";

/// Returns the name of the focused control; that of any message in the list is [`ANY_ROW`].
fn focused_stop(window: &mut WindowHarness<'_>) -> String {
    let name = window.focused().expect("nothing has the focus");
    let is_row = name.strip_suffix(" s").is_some_and(|time| time.parse::<f64>().is_ok());
    if is_row { ANY_ROW.to_owned() } else { name }
}

/// Returns the names of everything that Tab visits, beginning with the first, until it is back there.
fn tab_order(window: &mut WindowHarness<'_>) -> Vec<String> {
    window.tab(1);
    let mut names = vec![focused_stop(window)];
    loop {
        window.tab(1);
        let name = focused_stop(window);
        if name == names[0] {
            break;
        }
        names.push(name);
        assert!(names.len() < 100, "{names:?}");
    }
    let mut backward = Vec::new();
    for _ in &names {
        window.shift_tab(1);
        // A list is entered at the near end of what is visible.
        backward.push(focused_stop(window));
    }
    backward.reverse();
    assert_eq!(backward, names, "Shift+Tab goes the same way back");
    names
}

fn press(window: &mut WindowHarness<'_>, key: Named) -> bool {
    window.press_with(key, Modifiers::empty())
}

fn sample() -> AppHarness {
    AppHarness::with_sample(Controls::Three, ThemePreference::Dark)
}

#[test]
fn tab_visits_every_control_of_the_start_screen() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let start = ["Play the sample film", "Open a film…", "Open a folder…", "Connect to a stream…"];
    let cards = ["Lose 5 % of the packets", "Read the messages", "Serve the sample film"];
    assert_eq!(tab_order(&mut WindowHarness::new(&mut harness)), [&HEADER[..], &start, &cards].concat());
    let mut settings = Settings::default();
    settings.remember_film("/films/a.avi".into(), jiff::Timestamp::UNIX_EPOCH);
    settings.remember_stream(&SourceUrl::parse("rtsp://b/live").unwrap(), jiff::Timestamp::UNIX_EPOCH);
    let mut harness = AppHarness::with_settings(settings);
    let recents = ["Clear all", "recent-0", "forget rtsp://b/live", "recent-1", "forget /films/a.avi"];
    let order = tab_order(&mut WindowHarness::new(&mut harness));
    assert_eq!(order, [&HEADER[..], &start, &recents, &cards].concat());
}

#[test]
fn tab_visits_every_enabled_control_of_the_player() {
    let mut harness = sample();
    let order = |harness: &mut AppHarness| tab_order(&mut WindowHarness::new(harness));
    let ready = [&["time-line", "0:10.0", "Play", "Stop"], &ICONS[..], &["20", "frame-rate"]].concat();
    assert_eq!(order(&mut harness), [&PLAYER_HEADER[..], &ready[..]].concat());
    harness.play();
    let playing = [&["time-line", "0:10.0", "Pause", "Stop"], &ICONS[..], &["frame-rate"]].concat();
    assert_eq!(order(&mut harness), [&PLAYER_HEADER[..], &playing[..]].concat());
    harness.emit_session_event(SessionEvent::Failed(SessionError::Unauthorized { was_refused: false }));
    harness.send(Message::Shortcut(Shortcut::Escape));
    let mut four = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    four.set_idle(RtspState::Ready, Goal::Ready);
    // A film is not repeated with four buttons.
    let icons: Vec<_> = ICONS.into_iter().filter(|icon| *icon != "repeat").collect();
    let ready = [&["time-line", "0:10.0", "Play", "Teardown"], &icons[..], &["20", "frame-rate"]].concat();
    assert_eq!(order(&mut four), [&PLAYER_HEADER[..], &ready[..]].concat());
}

#[test]
fn tab_visits_every_control_of_each_panel() {
    let bar = [&["time-line", "0:10.0", "Play", "Stop"], &ICONS[..], &["20", "frame-rate"]].concat();
    let network = [
        &["close-network"][..],
        &reelay::impairment::PRESETS.map(|preset| preset.name),
        &["Reset", "network-switch", "Loss", "slider-loss", "Mean loss burst", "slider-mean-burst"],
        &["Throughput", "slider-throughput", "Queue", "slider-queue"],
        &["Delay", "slider-delay", "Jitter", "slider-jitter", "Uniform", "reordering"],
        &["More: duplicate, corrupt, seed"],
    ]
    .concat();
    let messages = vec!["close-messages", "Ladder", "Copy", "Save…", "Clear", "messages-filter", ANY_ROW];
    for (panel, expected) in [
        ("Network", network),
        ("Statistics", vec!["close-statistics", "Session summary…"]),
        ("Messages", messages),
    ] {
        let mut harness = sample();
        harness.log_whole_session();
        harness.emit_figures();
        harness.set_idle(RtspState::Ready, Goal::Ready);
        harness.click(panel);
        if panel == "Messages" {
            harness.click("List");
        }
        let order = tab_order(&mut WindowHarness::new(&mut harness));
        assert_eq!(order, [&PLAYER_HEADER[..], &expected, &bar].concat(), "{panel}");
    }
}

#[test]
fn tab_stays_within_a_dialog_and_visits_every_control() {
    let order = |open: fn(&mut AppHarness)| {
        let mut harness = sample();
        harness.emit_figures();
        open(&mut harness);
        tab_order(&mut WindowHarness::new(&mut harness))
    };
    let connect = order(|harness| {
        harness.send(Message::Shortcut(Shortcut::Connect));
        harness.click("More");
    });
    let fields = ["Server or camera", "connect-url", "connect-rtp-port", "Automatic"];
    assert_eq!(connect, [&fields[..], &["Less", "Cancel", "Connect"]].concat());
    let classroom = order(|harness| {
        harness.send(Message::Shortcut(Shortcut::Connect));
        harness.click("Classroom server");
    });
    let fields = ["connect-host", "connect-port", "connect-file", "connect-classroom-rtp-port"];
    assert_eq!(classroom, [&["Server or camera"], &fields[..], &["Cancel", "Connect"]].concat());
    let preferences = order(|harness| harness.send(Message::Shortcut(Shortcut::Preferences)));
    assert_eq!(preferences, ["Appearance", "System", "100 %", "On", "Cancel", "Apply"]);
    let section = |section: preferences::Section| {
        let mut harness = sample();
        harness.send(Message::Shortcut(Shortcut::Preferences));
        harness.send(Message::Preferences(preferences::Message::Section(section)));
        tab_order(&mut WindowHarness::new(&mut harness))
    };
    let playing =
        ["Appearance", "preferences-rate", "On", "On", "On", "On", "MOV", "JPEG", "Cancel", "Apply"];
    assert_eq!(section(preferences::Section::Playing), playing);
    let network = ["Appearance", "Fixed", "preferences-delay", "On", "Off", "Cancel", "Apply"];
    assert_eq!(section(preferences::Section::Network), network);
    assert_eq!(section(preferences::Section::Privacy), ["Appearance", "On", "Cancel", "Apply"]);
    assert_eq!(section(preferences::Section::About), ["Appearance", "Cancel", "Apply"]);
    let sign_in = order(|harness| {
        let error = SessionError::Unauthorized { was_refused: false };
        *harness = AppHarness::with_stream_as("ann", "wrong");
        harness.emit_session_event(SessionEvent::Failed(error));
    });
    assert_eq!(sign_in, ["sign-in-user", "sign-in-password", "Cancel", "Sign in"]);
    let summary = order(|harness| {
        harness.click("Statistics");
        harness.click("Session summary…");
    });
    assert_eq!(
        summary,
        ["close-summary", "Copy as text", "Save seconds (CSV)…", "Save all (JSON)…", "Close"]
    );
    let trust = order(|harness| {
        *harness = AppHarness::with_stream(ThemePreference::Dark);
        let certificate = UntrustedCertificate {
            address: "camera.example:322".to_owned(),
            problem: CertificateProblem::UnknownIssuer,
            fingerprint: Fingerprint::of(b"certificate"),
            is_changed: false,
            details: None,
        };
        let error = SessionError::UntrustedCertificate(Box::new(certificate));
        harness.emit_session_event(SessionEvent::Failed(error));
    });
    assert_eq!(trust, ["Cancel", "Trust this certificate"]);
}

#[test]
fn tab_visits_the_buttons_of_a_banner() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::SettingsSaved(Err("the disk is full".to_owned())));
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("dismiss");
    assert!(press(&mut window, Named::Enter));
    assert!(!window.harness.shows("The settings cannot be saved: the disk is full."));
}

#[test]
fn focused_button_is_pressed_by_space_and_enter() {
    for key in [Named::Space, Named::Enter] {
        let mut harness = sample();
        let mut window = WindowHarness::new(&mut harness);
        window.tab_to("Stop");
        assert!(press(&mut window, key), "the focused button gets the key before the shortcuts");
        assert_eq!(window.harness.next_goal(), Some(Goal::Stopped));
    }
}

#[test]
fn keys_without_a_focused_control_are_left_to_the_shortcuts() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    let keys = [Named::Space, Named::Enter, Named::Escape, Named::ArrowLeft, Named::ArrowDown, Named::Home];
    assert!(keys.into_iter().all(|key| !press(&mut window, key)));
    window.click("Network");
    assert_eq!(window.focused(), None, "a click leaves no focus");
    let is_for_panel = |key: &Named| *key == Named::ArrowDown;
    assert!(keys.into_iter().all(|key| press(&mut window, key) == is_for_panel(&key)), "the panel scrolls");
    window.tab_to("Stop");
    window.click("Statistics");
    assert_eq!(window.focused(), None, "a click takes the focus away");
}

#[test]
fn arrow_keys_on_a_button_and_on_the_time_line_seek() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    for control in ["Play", "time-line"] {
        window.tab_to(control);
        assert!(!press(&mut window, Named::ArrowLeft), "{control}");
    }
}

#[test]
fn escape_drops_the_focus_unless_a_dialog_or_a_menu_is_open() {
    let mut harness = sample();
    harness.emit_figures();
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("Stop");
    assert!(press(&mut window, Named::Escape), "a control has the focus");
    assert_eq!(window.focused(), None);
    assert!(!press(&mut window, Named::Escape), "Escape is a shortcut");
    window.send(Message::Shortcut(Shortcut::Menu));
    press(&mut window, Named::ArrowDown);
    assert!(window.focused().is_some());
    assert!(!press(&mut window, Named::Escape), "the shortcut closes the menu");
    window.send(Message::Shortcut(Shortcut::Escape));
    window.send(Message::Shortcut(Shortcut::Preferences));
    window.tab_to("Apply");
    assert!(!press(&mut window, Named::Escape), "the shortcut closes the dialog");
    window.click("Playing");
    window.tab_to("preferences-rate");
    assert!(press(&mut window, Named::Escape));
    assert!(!window.harness.shows("Preferences"), "Escape in a field closes the dialog around it");
}

#[test]
fn focus_returns_to_the_control_that_opened_a_dialog() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("preferences");
    press(&mut window, Named::Space);
    assert_eq!(window.focused(), None, "the dialog has no field in its first section");
    window.tab_to("Cancel");
    press(&mut window, Named::Enter);
    assert_eq!(window.focused().as_deref(), Some("preferences"));
    assert!(press(&mut window, Named::Space) && window.harness.shows("Preferences"));
}

#[test]
fn control_behind_a_dialog_receives_no_keys() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("Stop");
    window.send(Message::Shortcut(Shortcut::Preferences));
    assert!(!press(&mut window, Named::Space));
    assert_eq!(window.harness.next_goal(), None);
}

#[test]
fn control_that_is_disabled_keeps_its_place_in_the_order() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("Play");
    press(&mut window, Named::Space);
    assert_eq!(window.harness.next_goal(), Some(Goal::Playing));
    window.harness.play();
    assert_eq!(window.focused(), None, "Play is disabled while it plays");
    assert!(!press(&mut window, Named::Space), "the shortcut pauses");
    window.tab(1);
    assert_eq!(window.focused().as_deref(), Some("Pause"));
}

fn last_settings(window: &mut WindowHarness<'_>) -> EmulatorSettings {
    let sent = std::iter::from_fn(|| window.harness.next_command()).filter_map(|command| match command {
        Command::SetEmulatorSettings(settings) => Some(settings),
        _ => None,
    });
    sent.last().expect("no settings are sent")
}

#[test]
fn keys_move_sliders_switches_and_choices() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.harness.click("Network");
    window.tab_to("slider-loss");
    assert!(window.press_with(Named::ArrowRight, Modifiers::SHIFT));
    assert_eq!(last_settings(&mut window).impairments.loss.ratio, 0.01, "ten steps of a slider of 100 %");
    assert!(press(&mut window, Named::ArrowLeft));
    let ratio = last_settings(&mut window).impairments.loss.ratio;
    assert!((ratio - 0.0081).abs() < 1e-9, "{ratio}");
    assert!(press(&mut window, Named::End));
    assert_eq!(last_settings(&mut window).impairments.loss.ratio, 1.0);
    assert!(press(&mut window, Named::Home));
    assert_eq!(last_settings(&mut window).impairments.loss.ratio, 0.0);
    window.tab_to("network-switch");
    assert!(press(&mut window, Named::Space));
    assert!(!last_settings(&mut window).is_on);
    window.tab_to("3 buttons");
    assert!(press(&mut window, Named::ArrowRight));
    assert_eq!(window.harness.app.settings().controls, Controls::Four);
    assert!(press(&mut window, Named::ArrowRight), "at the end the key does nothing, and does not seek");
    assert!(press(&mut window, Named::Home));
    assert_eq!(window.harness.app.settings().controls, Controls::Three);
}

#[test]
fn focus_follows_an_entry_that_moves_in_the_play_list() {
    let mut harness = sample();
    let films = (1..=3).map(|number| format!("/films/{number}.mjpeg").into()).collect();
    harness.send(Message::FilePicked(PickResult::Paths(films)));
    harness.send(Message::Shortcut(Shortcut::PlayList));
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("play-list-down-0");
    for expected in ["play-list-down-1", "play-list-up-2", "play-list-up-1", "play-list-down-0"] {
        window.press_key(Named::Space);
        assert_eq!(window.focused().as_deref(), Some(expected));
    }
    window.click("1.mjpeg");
    window.send(Message::PlayList(play_list::Message::Move { entry: 0, towards_end: true }));
    assert_eq!(window.focused(), None, "a click leaves no focus");
}

#[test]
fn keys_move_through_the_play_list_and_change_it() {
    let mut harness = sample();
    let films = (1..=3).map(|number| format!("/films/{number}.mjpeg").into()).collect();
    harness.send(Message::FilePicked(PickResult::Paths(films)));
    harness.send(Message::Shortcut(Shortcut::PlayList));
    let mut window = WindowHarness::new(&mut harness);
    let entry = |number| Some(format!("play-list-entry-{number}"));
    window.send(Message::Shortcut(Shortcut::Escape));
    window.send(Message::Shortcut(Shortcut::PlayList));
    assert_eq!(window.focused(), entry(0), "the current film");
    for (key, focused) in [
        (Named::ArrowUp, 0),
        (Named::ArrowDown, 1),
        (Named::ArrowDown, 2),
        (Named::ArrowDown, 2),
        (Named::ArrowUp, 1),
    ] {
        assert!(press(&mut window, key));
        assert_eq!(window.focused(), entry(focused), "{key:?}");
    }
    assert!(window.press_with(Named::ArrowUp, Modifiers::ALT));
    assert_eq!(
        (window.focused(), window.harness.shows("2 of 3")),
        (entry(0), true),
        "the film moves with its entry"
    );
    press(&mut window, Named::ArrowDown);
    assert!(!press(&mut window, Named::Delete), "the current film cannot be removed");
    press(&mut window, Named::ArrowDown);
    assert!(press(&mut window, Named::Delete));
    assert_eq!((window.focused(), window.harness.shows("2 of 2")), (entry(1), true));
    assert!(!window.harness.shows("3.mjpeg"));
}

#[test]
fn keys_move_through_the_recents_and_remove_them() {
    let mut settings = Settings::default();
    for name in ["a", "b", "c"] {
        settings.remember_film(format!("/films/{name}.avi").into(), jiff::Timestamp::UNIX_EPOCH);
    }
    let mut harness = AppHarness::with_settings(settings);
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("recent-0");
    for (key, focused) in [
        (Named::ArrowUp, "recent-0"),
        (Named::ArrowDown, "recent-1"),
        (Named::ArrowDown, "recent-2"),
        (Named::ArrowDown, "recent-2"),
        (Named::Delete, "recent-1"),
        (Named::ArrowUp, "recent-0"),
        (Named::Delete, "recent-0"),
    ] {
        assert!(press(&mut window, key));
        assert_eq!(window.focused().as_deref(), Some(focused), "{key:?}");
    }
    assert!(
        window.harness.shows("b.avi") && !window.harness.shows("a.avi") && !window.harness.shows("c.avi")
    );
}

#[test]
fn menu_that_a_key_opens_has_the_focus_in_its_first_line() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    assert!(!press(&mut window, Named::ContextMenu));
    window.send(Message::Shortcut(Shortcut::Menu));
    window.redraw();
    assert_eq!(window.focused().as_deref(), Some("Play"));
    window.tab_to("Options…");
    press(&mut window, Named::Enter);
    window.redraw();
    assert_eq!(window.focused().as_deref(), Some("Play when opened"), "of the next menu");
    window.send(Message::Shortcut(Shortcut::Escape));
    window.tab_to("1×");
    press(&mut window, Named::Space);
    window.redraw();
    assert_eq!(window.focused().as_deref(), Some("0.25×"), "of the menu of a button");
    window.send(Message::Shortcut(Shortcut::Escape));
    assert_eq!(window.focused().as_deref(), Some("1×"));
    window.click("Play");
    window.send(Message::ShowMenu(Menu::Context(Point::new(300.0, 100.0))));
    window.redraw();
    assert_eq!(window.focused(), None, "a click leaves no focus");
}

#[test]
fn messages_are_a_list_for_the_arrow_keys() {
    let mut harness = sample();
    harness.log_whole_session();
    harness.click("Messages");
    harness.click("List");
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("messages-filter");
    assert!(!window.is_text_visible(FIRST_ROW), "the newest message is shown");
    window.tab(1);
    assert_ne!(window.focused().as_deref(), Some(FIRST_ROW), "the first message that is visible");
    assert!(!window.is_text_visible(FIRST_ROW), "nothing is scrolled");
    while window.focused().as_deref() != Some(FIRST_ROW) {
        assert!(press(&mut window, Named::ArrowUp));
    }
    assert!(press(&mut window, Named::ArrowDown));
    assert_eq!(window.focused().as_deref(), Some("0.001 s"));
    assert!(press(&mut window, Named::ArrowDown) && press(&mut window, Named::Space));
    assert!(
        window.harness.shows("CSeq: 2\nUser-Agent: Reelay/0.1.0\nAccept: application/sdp"),
        "the headers of DESCRIBE"
    );
    assert!(press(&mut window, Named::ArrowUp) && press(&mut window, Named::ArrowUp));
    assert!(press(&mut window, Named::ArrowUp), "at the end the key does nothing");
    assert_eq!(window.focused().as_deref(), Some(FIRST_ROW));
    window.tab(1);
    assert_eq!(window.focused().as_deref(), Some("time-line"));
    window.shift_tab(1);
    let last_visible = window.focused().expect("a message has the focus");
    assert_ne!(last_visible, FIRST_ROW);
    assert!(window.is_text_visible(FIRST_ROW), "nothing is scrolled");
}

#[test]
fn ring_is_drawn_around_the_focused_control() {
    for (theme, name) in [(ThemePreference::Dark, "focus-dark"), (ThemePreference::Light, "focus-light")] {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        harness.click("Network");
        harness.assert_snapshot_with_focus(name, DEFAULT_SIZE, PLAYER_HEADER.len() + 5);
        harness.assert_snapshot_with_focus(&format!("{name}-play"), DEFAULT_SIZE, PLAY_TABS);
    }
}

/// Number of Tabs that reach Play while the Network panel is open.
const PLAY_TABS: usize = PLAYER_HEADER.len() + 18 + reelay::impairment::PRESETS.len() + 3;

/// Returns the position of the next command, which is a seek of the session.
fn seek_position(harness: &mut AppHarness) -> Option<u64> {
    let is_seek = |command| match command {
        Command::Session { command: SessionCommand::Seek(position), .. } => Some(position.as_micros()),
        _ => None,
    };
    std::iter::from_fn(|| harness.next_command()).find_map(is_seek)
}

#[test]
fn home_and_end_seek_to_the_first_and_the_last_frame() {
    let mut harness = sample();
    harness.send(Message::Shortcut(Shortcut::SeekToEnd));
    assert_eq!(seek_position(&mut harness), Some(9_950_000));
    harness.send(Message::Shortcut(Shortcut::SeekToStart));
    assert_eq!(seek_position(&mut harness), Some(0));
    let mut stream = AppHarness::with_stream(ThemePreference::Dark);
    stream.describe_live();
    stream.send(Message::Shortcut(Shortcut::SeekToStart));
    assert_eq!(seek_position(&mut stream), None, "a live stream has no start");
    stream.describe(30);
    stream.send(Message::Shortcut(Shortcut::SeekToEnd));
    assert_eq!(seek_position(&mut stream), Some(29_950_000), "the last frame at the described rate");
}

#[test]
fn comma_and_full_stop_step_through_the_frames() {
    let mut harness = sample();
    let step = |harness: &mut AppHarness, is_forward| {
        harness.send(Message::Shortcut(Shortcut::StepFrame(is_forward)));
        seek_position(harness)
    };
    assert_eq!(step(&mut harness, false), None, "the first frame is shown");
    assert_eq!(step(&mut harness, true), Some(50_000));
    assert_eq!(step(&mut harness, true), Some(100_000));
    assert_eq!(step(&mut harness, false), Some(50_000));
    harness.show_frame(199);
    assert_eq!(step(&mut harness, true), None, "the last frame is shown");
    harness.play();
    // Frame 73, counted from 0.
    assert_eq!(step(&mut harness, true), Some(3_700_000), "the film is paused");
    assert_eq!(harness.app.title(), "sample.mjpeg – PLAYING – Reelay", "until the server has answered");
}

#[test]
fn wheel_over_the_time_line_seeks() {
    let scroll = |harness: &mut AppHarness, delta| {
        harness.interact(|ui| {
            let line = ui.find(selector::id(Id::new("time-line"))).unwrap().visible_bounds().unwrap();
            ui.point_at(line.center());
            ui.simulate([Event::Mouse(mouse::Event::WheelScrolled { delta })]);
        });
        seek_position(harness)
    };
    let mut harness = sample();
    assert_eq!(scroll(&mut harness, ScrollDelta::Lines { x: 0.0, y: 1.0 }), Some(5_000_000));
    assert_eq!(scroll(&mut harness, ScrollDelta::Lines { x: 0.0, y: -1.0 }), Some(0));
    // A touch pad reports small movements, which add up.
    assert_eq!(scroll(&mut harness, ScrollDelta::Pixels { x: 0.0, y: 25.0 }), None);
    assert_eq!(scroll(&mut harness, ScrollDelta::Pixels { x: 0.0, y: 25.0 }), Some(5_000_000));
}

#[test]
fn text_and_controls_are_enlarged_to_twice_their_size() {
    let mut harness = sample();
    let scale = |harness: &mut AppHarness, shortcut, times| {
        (0..times).for_each(|_| harness.send(Message::Shortcut(shortcut)));
        (harness.app.interface_scale(), harness.app.settings().interface_scale)
    };
    assert_eq!(scale(&mut harness, Shortcut::ZoomOut, 1), (1.0, 100));
    assert_eq!(scale(&mut harness, Shortcut::ZoomIn, 3), (1.3, 130));
    assert_eq!(scale(&mut harness, Shortcut::ZoomIn, 30), (2.0, 200));
    harness.send(Message::Shortcut(Shortcut::Preferences));
    assert_eq!(scale(&mut harness, Shortcut::ZoomOut, 1), (1.9, 190), "also while a dialog is open");
    assert_eq!(scale(&mut harness, Shortcut::ZoomReset, 1), (1.0, 100));
}

#[test]
fn help_has_all_keys_and_what_the_buttons_send() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.send(Message::Shortcut(Shortcut::Help));
    for row in &SHORTCUT_TABLE {
        assert!(window.harness.shows(&row.keys()), "{}", row.keys());
    }
    assert_eq!(tab_order(&mut window), ["close-help", "Keys"]);
    window.tab_to("Keys");
    assert!(press(&mut window, Named::ArrowRight));
    assert!(window.harness.shows("Why is Stop a TEARDOWN?"));
    for close in [Shortcut::Escape, Shortcut::Help, Shortcut::Confirm] {
        window.send(Message::Shortcut(close));
        assert!(!window.harness.shows("Help"), "{close:?}");
        window.send(Message::Shortcut(Shortcut::Help));
    }
}

#[test]
fn help_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "dark"), (ThemePreference::Light, "light")] {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        harness.play();
        harness.send(Message::Shortcut(Shortcut::Help));
        harness.assert_snapshot(&format!("help-keys-{name}"), DEFAULT_SIZE);
        harness.click("What the buttons send");
        harness.assert_snapshot(&format!("help-buttons-{name}"), LARGE_SIZE);
        harness.set_idle(RtspState::Ready, Goal::Ready);
        harness.assert_snapshot(&format!("help-buttons-smallest-{name}"), MIN_SIZE);
    }
}

#[test]
fn dialogs_and_panels_scroll_by_keys() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.send(Message::Shortcut(Shortcut::Help));
    assert!(window.is_text_visible("Space") && !window.is_text_visible("Ctrl+Q"));
    for (forward, backward) in [
        (vec![Named::End], vec![Named::Home]),
        (vec![Named::PageDown; 5], vec![Named::PageUp; 5]),
        (vec![Named::ArrowDown; 60], vec![Named::ArrowUp; 60]),
    ] {
        assert!(forward.into_iter().all(|key| press(&mut window, key)));
        assert!(!window.is_text_visible("Space") && window.is_text_visible("Ctrl+Q"));
        assert!(backward.into_iter().all(|key| press(&mut window, key)));
        assert!(window.is_text_visible("Space") && !window.is_text_visible("Ctrl+Q"));
    }
    window.send(Message::Shortcut(Shortcut::Escape));
    assert!(!press(&mut window, Named::PageDown), "nothing is hidden");
    window.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(!press(&mut window, Named::End), "it is the key of the last frame");
    let is_visible = |window: &mut WindowHarness<'_>| window.is_text_visible("Session summary…");
    assert!(is_visible(&mut window) && press(&mut window, Named::PageUp));
}

#[test]
fn messages_scroll_in_the_direction_of_the_key() {
    let mut harness = sample();
    harness.log_whole_session();
    let mut window = WindowHarness::new(&mut harness);
    window.send(Message::Shortcut(Shortcut::Panel(PanelKind::Messages)));
    window.click("List");
    assert!(!window.is_text_visible(FIRST_ROW), "the newest message is shown");
    for (older, newer) in [(Named::PageUp, Named::PageDown), (Named::ArrowUp, Named::ArrowDown)] {
        for _ in 0..60 {
            assert!(press(&mut window, older));
        }
        assert!(window.is_text_visible(FIRST_ROW), "{older:?}");
        for _ in 0..60 {
            assert!(press(&mut window, newer));
        }
        assert!(!window.is_text_visible(FIRST_ROW), "{newer:?}");
    }
}

#[test]
fn arrow_keys_go_through_the_sections_of_the_preferences() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.send(Message::Shortcut(Shortcut::Preferences));
    window.tab_to("Appearance");
    for _ in 0..4 {
        assert!(press(&mut window, Named::ArrowRight));
    }
    assert!(window.is_text_visible("Licences of the crates in the program"));
}

#[test]
fn summary_scrolls_by_keys_and_not_what_is_behind_it() {
    let mut harness = sample();
    harness.emit_figures();
    harness.click("Statistics");
    let mut window = WindowHarness::new(&mut harness);
    window.click("Session summary…");
    assert!(window.is_text_visible("Session summary") && press(&mut window, Named::End));
    window.tab_to("Save seconds (CSV)…");
    assert!(press(&mut window, Named::PageUp), "also from a control outside of what is scrolled");
}

#[test]
fn tab_shows_the_controls_in_full_screen() {
    let mut harness = sample();
    harness.send(Message::WindowOpened(iced::window::Id::unique()));
    harness.send(Message::Shortcut(Shortcut::Fullscreen));
    assert!(!harness.shows("Stop"));
    let mut window = WindowHarness::new(&mut harness);
    assert!(!press(&mut window, Named::Tab), "nothing can have the focus");
    assert!(window.harness.shows("Stop"));
    window.tab_to("Stop");
    window.send(Message::Tick(std::time::Instant::now() + std::time::Duration::from_secs(2)));
    assert!(window.harness.shows("Stop"));
    window.send(Message::Tick(std::time::Instant::now() + std::time::Duration::from_secs(9)));
    assert!(!window.harness.shows("Stop"));
    assert_eq!(window.focused(), None, "keys are shortcuts again");
}

#[test]
fn keys_whose_effect_is_in_the_bar_show_it_in_full_screen() {
    for (shortcut, shows_bar) in [
        (Shortcut::ChangeSpeed(true), true),
        (Shortcut::Record, true),
        (Shortcut::Skip(5), true),
        (Shortcut::FlipPicture, false),
    ] {
        let mut harness = sample();
        harness.send(Message::WindowOpened(iced::window::Id::unique()));
        harness.send(Message::Shortcut(Shortcut::Fullscreen));
        harness.send(Message::Shortcut(shortcut));
        assert_eq!(harness.shows("Stop"), shows_bar, "{shortcut:?}");
    }
}

#[test]
fn button_in_the_header_closes_the_film() {
    let mut harness = sample();
    let mut window = WindowHarness::new(&mut harness);
    window.tab_to("close-media");
    assert!(press(&mut window, Named::Enter));
    assert!(window.harness.shows("Play the sample film"));
    assert_eq!(window.focused(), None);
}

#[test]
fn arrow_keys_go_through_the_lines_of_a_menu() {
    let mut harness = sample();
    harness.send(Message::ShowMenu(Menu::Context(Point::new(300.0, 100.0))));
    let mut window = WindowHarness::new(&mut harness);
    assert!(press(&mut window, Named::ArrowDown));
    let first = window.focused();
    assert!(press(&mut window, Named::ArrowDown));
    let second = window.focused();
    assert!(first.is_some() && second.is_some() && first != second, "{first:?} {second:?}");
    assert!(press(&mut window, Named::ArrowUp));
    assert_eq!(window.focused(), first);
    assert!(press(&mut window, Named::End), "it is no key of the film");
    assert_eq!(window.focused().as_deref(), Some("Close"));
    assert!(press(&mut window, Named::Home));
    assert_eq!(window.focused(), first);
}

#[test]
fn messages_stay_where_they_are_read_and_follow_at_the_end() {
    const STEPS: [&str; 12] = [
        "STEP18 rtsp://h/ RTSP/1.0",
        "STEP19 rtsp://h/ RTSP/1.0",
        "STEP20 rtsp://h/ RTSP/1.0",
        "STEP21 rtsp://h/ RTSP/1.0",
        "STEP22 rtsp://h/ RTSP/1.0",
        "STEP23 rtsp://h/ RTSP/1.0",
        "STEP24 rtsp://h/ RTSP/1.0",
        "STEP25 rtsp://h/ RTSP/1.0",
        "STEP26 rtsp://h/ RTSP/1.0",
        "STEP27 rtsp://h/ RTSP/1.0",
        "STEP28 rtsp://h/ RTSP/1.0",
        "STEP29 rtsp://h/ RTSP/1.0",
    ];
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Panel(PanelKind::Messages)));
    harness.send(Message::Messages(messages::Message::ViewMode(messages::ViewMode::List)));
    let emit = |harness: &mut AppHarness, number: u32| {
        let text = format!("STEP{number} rtsp://h/ RTSP/1.0\r\n\r\n");
        let at = std::time::Instant::now();
        let message = LoggedMessage::new(at, Direction::ClientToServer, text.as_bytes(), RtspState::Init);
        harness.emit_session_event(SessionEvent::Message(message));
    };
    (0..30).for_each(|number| emit(&mut harness, number));
    let mut window = WindowHarness::new(&mut harness);
    window.redraw();
    let visible = |window: &mut WindowHarness<'_>| -> Vec<_> {
        STEPS.into_iter().filter(|step| window.is_text_visible(step)).collect()
    };
    assert_eq!(visible(&mut window).last(), STEPS.last());
    assert!(press(&mut window, Named::PageUp));
    window.redraw();
    let read = visible(&mut window);
    assert!(!read.is_empty() && read.last() != STEPS.last());
    for number in 30..60 {
        emit(window.harness, number);
        window.redraw();
    }
    assert_eq!(visible(&mut window), read);
    assert!(press(&mut window, Named::PageDown));
    window.redraw();
    assert_ne!(visible(&mut window), read, "it still scrolls");
}

#[test]
fn key_opens_and_closes_the_menu_of_the_picture() {
    let mut empty = AppHarness::new(Controls::Three, ThemePreference::Dark);
    empty.send(Message::Shortcut(Shortcut::Menu));
    assert!(!empty.shows("Options…"), "there is no picture");
    let mut harness = sample();
    for is_open in [true, false] {
        harness.send(Message::Shortcut(Shortcut::Menu));
        assert_eq!(harness.shows("Options…"), is_open);
    }
}
