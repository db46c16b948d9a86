//! The window: its buttons in each state, its dialogs, its messages and its snapshots.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE, media_info, npt_seconds};
use common::window_harness::WindowHarness;
use iced::keyboard::{Key, key::Named};
use iced::widget::Id;
use iced::{Point, mouse};
use iced_test::Simulator;
use iced_test::selector::{self, Candidate};
use reelay::backend::{BackendEventKind, Command, FoundList, ListEntry, MediaSource};
use reelay::impairment::{EmulatorSettings, EmulatorStats, Impairments, Preset};
use reelay::media::FrameRate;
use reelay::media::container::FileDefects;
use reelay::media_file::IndexProgress;
use reelay::net::clock_check::ClockJump;
use reelay::proto::rtsp::{LowerTransport, Method, Npt, NptRange, StatusCode};
use reelay::session::{CertificateDetails, CertificateProblem, Fingerprint, UntrustedCertificate};
use reelay::session::{
    Dialect, Direction, Goal, LoggedMessage, NoDataCause, PlayoutDelay, Presentation, ReconnectReason,
    RtspState, SessionCommand, SessionError, SessionEvent, SourceUrl, StreamOptions, TransportPreference,
};
use reelay::settings::{Controls, FilmSettings, PanelKind, Settings, ThemePreference};
use reelay::stats::{Figures, Snapshot};
use reelay::ui::{AppOptions, Menu, Message, SaveResult, Shortcut, play_list, preferences};

const THREE_BUTTONS: [&str; 3] = ["Play", "Pause", "Stop"];
const FOUR_BUTTONS: [&str; 4] = ["Setup", "Play", "Pause", "Teardown"];

/// Returns the goal that a click on each button sends; `None` for a disabled button.
fn goals_sent<const N: usize>(buttons: [&str; N], new_harness: impl Fn() -> AppHarness) -> [Option<Goal>; N] {
    buttons.map(|button| {
        let mut harness = new_harness();
        harness.click(button);
        harness.next_goal()
    })
}

#[test]
fn three_buttons_do_what_the_state_allows() {
    let new_harness = |state, goal| {
        move || {
            let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
            harness.set_idle(state, goal);
            harness
        }
    };
    let (play, pause, stop) = (Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Stopped));
    let start = AppHarness::new(Controls::Three, ThemePreference::Dark);
    assert!(THREE_BUTTONS.iter().all(|button| !start.shows(button)), "nothing is open");
    assert_eq!(goals_sent(THREE_BUTTONS, new_harness(RtspState::Init, Goal::Stopped)), [play, None, None]);
    assert_eq!(goals_sent(THREE_BUTTONS, new_harness(RtspState::Ready, Goal::Ready)), [play, None, stop]);
    assert_eq!(
        goals_sent(THREE_BUTTONS, new_harness(RtspState::Playing, Goal::Playing)),
        [None, pause, stop]
    );
}

#[test]
fn four_buttons_follow_the_state_diagram() {
    let new_harness = |state, goal| {
        move || {
            let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
            harness.set_idle(state, goal);
            harness
        }
    };
    let (ready, play, stop) = (Some(Goal::Ready), Some(Goal::Playing), Some(Goal::Stopped));
    let start = AppHarness::new(Controls::Four, ThemePreference::Dark);
    assert!(FOUR_BUTTONS.iter().all(|button| !start.shows(button)), "nothing is open");
    assert_eq!(
        goals_sent(FOUR_BUTTONS, new_harness(RtspState::Init, Goal::Stopped)),
        [ready, None, None, None]
    );
    assert_eq!(
        goals_sent(FOUR_BUTTONS, new_harness(RtspState::Ready, Goal::Ready)),
        [None, play, None, stop]
    );
    assert_eq!(
        goals_sent(FOUR_BUTTONS, new_harness(RtspState::Playing, Goal::Playing)),
        [None, None, ready, stop]
    );
}

#[test]
fn four_buttons_are_disabled_while_request_is_in_flight() {
    for (state, goal) in [
        (RtspState::Init, Goal::Ready),
        (RtspState::Ready, Goal::Playing),
        (RtspState::Playing, Goal::Ready),
        (RtspState::Ready, Goal::Stopped),
    ] {
        let new_harness = || {
            let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
            harness.set_busy(state, goal);
            harness
        };
        assert_eq!(goals_sent(FOUR_BUTTONS, new_harness), [None; 4], "{state:?}, goal {goal:?}");
    }
}

#[test]
fn click_takes_effect_before_server_responds() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.click("Play");
    // The server has not responded yet, but Play has become Pause. The last click decides.
    harness.click("Play");
    harness.click("Pause");
    harness.click("Play");
    assert_eq!(
        [harness.next_goal(), harness.next_goal(), harness.next_goal(), harness.next_goal()],
        [Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Playing), None]
    );
}

#[test]
fn click_counts_at_its_own_position() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.interact(|ui| {
        let play = ui.find("Play").unwrap().visible_bounds().unwrap().center();
        let mut events = vec![cursor_moved(play)];
        events.extend(iced_test::simulator::click());
        events.push(iced::Event::Mouse(mouse::Event::CursorLeft));
        // Events that collect during a slow frame are delivered together, with the last cursor position.
        ui.point_at(Point::ORIGIN);
        ui.simulate(events);
    });
    assert_eq!([harness.next_goal(), harness.next_goal()], [Some(Goal::Playing), None]);
}

#[test]
fn click_after_cursor_left_is_ignored() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.interact(|ui| {
        let play = ui.find("Play").unwrap().visible_bounds().unwrap().center();
        ui.point_at(play);
        ui.simulate([cursor_moved(play), iced::Event::Mouse(mouse::Event::CursorLeft)]);
        ui.simulate(iced_test::simulator::click());
    });
    assert_eq!(harness.next_goal(), None);
}

fn cursor_moved(position: Point) -> iced::Event {
    iced::Event::Mouse(mouse::Event::CursorMoved { position })
}

#[test]
fn button_toggle_sends_no_command() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    assert!(harness.shows("Stop") && !harness.shows("Teardown"));
    harness.click("4 buttons");
    assert!(harness.shows("Setup") && harness.shows("Teardown") && !harness.shows("Stop"));
    harness.click("3 buttons");
    assert!(harness.shows("Stop") && !harness.shows("Setup"));
    assert!(harness.next_command().is_none());
}

#[test]
fn panel_toggles_and_has_a_close_button() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let text = "Emulation: off";
    assert!(!harness.shows(text));
    harness.click("Network");
    assert!(harness.shows(text) && harness.shows("Stop"), "the panel hides the film");
    harness.click("Network");
    assert!(!harness.shows(text));
    harness.click("Network");
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("close-network"))).unwrap();
    });
    assert!(!harness.shows(text));
}

/// Returns the emulator settings that the window has sent last; `None` if it has sent none.
fn last_settings(harness: &mut AppHarness) -> Option<EmulatorSettings> {
    let mut last = None;
    while let Some(command) = harness.next_command() {
        let Command::SetEmulatorSettings(settings) = command else { panic!("{command:?}") };
        last = Some(settings);
    }
    last
}

/// Clears a field of the panel and types a text into it, one key after the other.
fn replace_text(harness: &mut AppHarness, field: &'static str, text: &str) {
    for _ in 0..4 {
        harness.interact(|ui| {
            ui.click(selector::id(Id::new(field))).unwrap();
            ui.tap_key(Key::Named(Named::End));
            ui.tap_key(Key::Named(Named::Backspace));
        });
    }
    for (at, _) in text.char_indices() {
        harness.interact(|ui| {
            ui.click(selector::id(Id::new(field))).unwrap();
            ui.tap_key(Key::Named(Named::End));
            ui.typewrite(&text[at..=at]);
        });
    }
}

#[test]
fn network_settings_can_be_typed_switched_and_reset() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.click("Network");
    assert!(harness.shows("Emulation: off"));
    replace_text(&mut harness, "Loss", "7.5");
    let set = last_settings(&mut harness).unwrap();
    assert!(set.is_on, "a change switches the emulator on");
    assert_eq!((set.impairments.loss.ratio, set.impairments.loss.mean_burst), (0.075, None));
    assert!(harness.shows("Emulation: on"));
    replace_text(&mut harness, "Loss", "700");
    assert_eq!(
        last_settings(&mut harness).unwrap().impairments.loss.ratio,
        0.7,
        "700 % is above the maximum"
    );
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("network-switch"))).unwrap();
    });
    assert!(!last_settings(&mut harness).unwrap().is_on);
    harness.click("Reset");
    assert_eq!(last_settings(&mut harness).unwrap().impairments, Impairments::default());
    harness.click("Reset");
    assert_eq!(last_settings(&mut harness), None, "a second reset changes nothing");
}

#[test]
fn preset_sets_impairments_and_new_seed_changes_only_seed() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.click("Network");
    let preset = Preset::by_name("2015 student project").unwrap();
    harness.click(preset.name);
    let set = last_settings(&mut harness).unwrap();
    assert_eq!((set.is_on, set.impairments), (true, preset.impairments));
    let seeds: Vec<_> = (0..8)
        .filter_map(|_| {
            harness.send(Message::Network(reelay::ui::network::Message::NewSeed));
            last_settings(&mut harness)
        })
        .collect();
    assert!(seeds.iter().any(|new| new.seed != set.seed));
    assert!(seeds.iter().all(|new| new.impairments == set.impairments && new.is_on));
}

#[test]
fn network_panel_shows_counts() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let url = reelay::proto::rtsp::RtspUrl::parse("rtsp://camera.example/live").unwrap();
    harness.app.connect(url.into(), Default::default(), false);
    harness.click("Network");
    assert!(harness.shows("Packets pass unchanged."));
    let emulated =
        Some(EmulatorStats { offered: 1_000, lost_random: 40, lost_queue: 2, ..EmulatorStats::default() });
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Figures(Box::new(Figures {
        snapshot: Snapshot { emulated, ..Snapshot::default() },
        ..Figures::default()
    }))));
    assert!(harness.shows("Of 1,000 packets: 40 lost at random, 2 queue drops."));
}

#[test]
fn total_emulated_loss_is_not_blamed_on_firewall() {
    let names_emulated_network = |mut harness: AppHarness| {
        harness.send(Message::Network(reelay::ui::network::Message::Preset(Preset::by_name("3G").unwrap())));
        harness.emit_session_event(SessionEvent::Failed(SessionError::NoData(NoDataCause::NetworkOrServer)));
        harness.shows(&SessionError::NoData(NoDataCause::EmulatedNetwork).to_string())
    };
    assert!(names_emulated_network(AppHarness::with_sample(Controls::Three, ThemePreference::Dark)));
    assert!(
        !names_emulated_network(AppHarness::with_stream(ThemePreference::Dark)),
        "the session of a stream knows about its emulated network itself"
    );
}

#[test]
fn network_panel_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "network-dark"), (ThemePreference::Light, "network-light")]
    {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        harness.play();
        harness.click("Network");
        let preset = Preset::by_name("3G").unwrap();
        harness.assert_snapshot(&format!("{name}-off"), LARGE_SIZE);
        harness.send(Message::Network(reelay::ui::network::Message::Preset(preset)));
        harness.assert_snapshot(name, LARGE_SIZE);
    }
}

#[test]
fn statistics_are_shown_before_and_after_playing() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.click("Statistics");
    assert!(harness.shows("Lost") && harness.shows("Stalls") && harness.shows("Interarrival jitter"));
    harness.assert_snapshot("statistics-empty-dark", LARGE_SIZE);
    harness.play();
    harness.emit_figures();
    assert!(harness.shows("1:15 played since SETUP") && harness.shows("795 (3.8\u{a0}%)"));
    harness.click("Session summary…");
    assert!(harness.shows("1:15 played, 1,302 frames complete, 198 incomplete"));
    assert!(harness.shows("counted by the emulator"), "the emulator's own count is shown");
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("close-summary"))).unwrap();
    });
    assert!(!harness.shows("Session summary"));
}

#[test]
fn opening_another_file_clears_figures_and_keeps_messages() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.emit_figures();
    harness.log_whole_session();
    harness.open_another_file();
    harness.click("Statistics");
    assert!(harness.shows("Nothing played yet"));
    harness.click("Messages");
    assert!(harness.shows("RTP  1,234 packets received, 61 lost"));
}

#[test]
fn summary_is_offered_after_stop_and_end_if_anything_played() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.set_idle(RtspState::Init, Goal::Stopped);
    assert!(!harness.shows("Summary…"));
    harness.play();
    harness.emit_figures();
    assert!(!harness.shows("Summary…"));
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert!(harness.shows("Playback has ended. Press Play to start again.") && harness.shows("Summary…"));
    harness.click("Stop");
    assert_eq!(harness.next_goal(), Some(Goal::Stopped));
    harness.set_idle(RtspState::Init, Goal::Stopped);
    harness.emit_session_event(SessionEvent::Closed);
    assert!(harness.shows("The session has ended."));
    harness.assert_snapshot("stopped", DEFAULT_SIZE);
    harness.click("Summary…");
    assert!(harness.shows("Session summary"));
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows("Session summary"));
}

#[test]
fn folders_of_dialogs_are_remembered() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::FilePicked(reelay::ui::PickResult::Paths(vec!["/films/2026/talk.mjpeg".into()])));
    harness.send(Message::FileSaved(SaveResult::Saved("/reports/talk seconds.csv".into())));
    harness.send(Message::FileSaved(SaveResult::Cancelled));
    let settings = harness.app.settings();
    assert_eq!(settings.film_folder.as_deref(), Some(Path::new("/films/2026")));
    assert_eq!(settings.save_folder.as_deref(), Some(Path::new("/reports")));
}

#[test]
fn while_dragging_the_label_is_that_of_the_screen() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.set_idle(RtspState::Playing, Goal::Playing);
    harness.interact(|view| {
        let line = view.find("0:00.0").unwrap().visible_bounds().unwrap().center_y();
        view.point_at(Point::new(DEFAULT_SIZE.width / 2.0, line));
        let pressed = mouse::Event::ButtonPressed(mouse::Button::Left);
        let _ = view.simulate([iced::Event::Mouse(pressed)]);
    });
    assert!(harness.shows("Frame 1 of 200") && harness.shows("0:00.0"), "nothing else is shown yet");
    harness.show_frame(147);
    assert!(harness.shows("Frame 148 of 200"));
    harness.assert_snapshot("dragging-while-playing", DEFAULT_SIZE);
}

/// Returns the paths that the application opened, with the goal of each.
fn opened(harness: &mut AppHarness) -> Vec<(String, Goal)> {
    let mut opened = Vec::new();
    while let Some(command) = harness.next_command() {
        if let Command::Open { generation, source, goal } = command {
            harness.expect_events_of(generation, goal);
            opened.push((source.name(), goal));
        }
    }
    opened
}

/// Lets the backend open the film that was asked for last.
fn let_open(harness: &mut AppHarness, goal: Goal, state: RtspState) {
    harness.emit_event(BackendEventKind::Opened(media_info(200)));
    harness.set_idle(state, goal);
}

fn drop_files(harness: &mut AppHarness, names: &[&str]) {
    names.iter().for_each(|_| harness.send(Message::FileHovered));
    names.iter().for_each(|name| harness.send(Message::FileDropped(name.into())));
}

#[test]
fn dropped_films_are_played_one_after_the_other() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    drop_files(&mut harness, &["/films/1.mjpeg", "/films/2.mjpeg", "/films/3.mjpeg"]);
    assert_eq!(opened(&mut harness), [("1.mjpeg".to_owned(), Goal::Ready)]);
    let_open(&mut harness, Goal::Playing, RtspState::Playing);
    assert_eq!(harness.app.title(), "1.mjpeg (1 of 3) – PLAYING – Reelay");
    harness.emit_session_event(SessionEvent::Ended);
    assert_eq!(opened(&mut harness), [("2.mjpeg".to_owned(), Goal::Playing)]);
    let_open(&mut harness, Goal::Ready, RtspState::Ready);
    harness.send(Message::Shortcut(Shortcut::Next));
    assert_eq!(opened(&mut harness), [("3.mjpeg".to_owned(), Goal::Ready)], "a paused film stays paused");
    let_open(&mut harness, Goal::Playing, RtspState::Playing);
    harness.emit_session_event(SessionEvent::Ended);
    assert_eq!(opened(&mut harness), [], "the list is over");
    harness.send(Message::Shortcut(Shortcut::Previous));
    assert_eq!(opened(&mut harness).len(), 1);
    drop_files(&mut harness, &["/films/4.mjpeg"]);
    assert_eq!(opened(&mut harness), [("4.mjpeg".to_owned(), Goal::Ready)]);
    let_open(&mut harness, Goal::Ready, RtspState::Ready);
    assert_eq!(harness.app.title(), "4.mjpeg – READY – Reelay", "a later drop is a new list");
}

#[test]
fn film_that_cannot_be_opened_is_skipped_and_named() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    drop_files(&mut harness, &["/films/1.txt", "/films/2.mjpeg"]);
    opened(&mut harness);
    harness.emit_event(BackendEventKind::OpenFailed("1.txt is not Motion JPEG.".to_owned()));
    assert_eq!(opened(&mut harness), [("2.mjpeg".to_owned(), Goal::Ready)]);
    let_open(&mut harness, Goal::Ready, RtspState::Ready);
    assert!(harness.shows("1.txt is not Motion JPEG."));
    harness.send(Message::Shortcut(Shortcut::Repeat));
    harness.send(Message::Shortcut(Shortcut::Repeat));
    harness.send(Message::Shortcut(Shortcut::Next));
    assert_eq!(opened(&mut harness), [("1.txt".to_owned(), Goal::Ready)]);
    harness.emit_event(BackendEventKind::OpenFailed("1.txt is not Motion JPEG.".to_owned()));
    assert_eq!(opened(&mut harness), [("2.mjpeg".to_owned(), Goal::Ready)]);
    harness.emit_event(BackendEventKind::OpenFailed("2.mjpeg is gone.".to_owned()));
    assert_eq!(opened(&mut harness), [], "a repeated list of films that are gone is given up");
}

#[test]
fn folder_of_films_becomes_a_list() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    drop_files(&mut harness, &["/films"]);
    opened(&mut harness);
    let film = |name: &str| ListEntry::Film(MediaSource::File(name.into()));
    let url = SourceUrl::parse("rtsp://lab.example:8554/live").unwrap();
    let entries = vec![film("/films/1.mjpeg"), film("/films/2.mjpeg"), ListEntry::Stream(url)];
    let skipped = [
        "a.mjpeg is a text file, not a Motion JPEG film; choose another file.",
        "/films/b.mjpeg is left out.",
    ]
    .map(str::to_owned)
    .into();
    harness.emit_event(BackendEventKind::ListFound(FoundList { entries, skipped }));
    let left_out = "Not all of the folder is in the play list: a.mjpeg is a text file, not a Motion JPEG film. Another one is missing too.";
    assert!(harness.shows(left_out));
    assert_eq!(opened(&mut harness), [("1.mjpeg".to_owned(), Goal::Ready)]);
    let_open(&mut harness, Goal::Ready, RtspState::Ready);
    assert!(harness.shows(left_out), "the reason stays while the first film is opened");
    assert_eq!(harness.app.title(), "1.mjpeg (1 of 3) – READY – Reelay");
    harness.send(Message::Shortcut(Shortcut::Next));
    harness.send(Message::Shortcut(Shortcut::Next));
    let mut commands = std::iter::from_fn(|| harness.next_command());
    assert!(commands.any(|command| matches!(command, Command::Connect { .. })));
}

/// The list shows at once which of its films there are, and tries them all in turn: one may be back by then.
#[test]
fn missing_films_of_a_list_are_marked() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    drop_files(&mut harness, &["/films/list.m3u"]);
    opened(&mut harness);
    let source = |name: &str| MediaSource::File(name.into());
    let entries =
        vec![ListEntry::Film(source("/films/1.mjpeg")), ListEntry::MissingFilm(source("/films/2.mjpeg"))];
    harness.emit_event(BackendEventKind::ListFound(entries.into()));
    assert_eq!(opened(&mut harness), [("1.mjpeg".to_owned(), Goal::Ready)]);
    let_open(&mut harness, Goal::Ready, RtspState::Ready);
    harness.send(Message::Shortcut(Shortcut::PlayList));
    assert!(harness.shows("2.mjpeg") && harness.shows("failed"));
    harness.click("Close");
    harness.send(Message::Shortcut(Shortcut::Next));
    assert_eq!(opened(&mut harness), [("2.mjpeg".to_owned(), Goal::Ready)]);
}

#[test]
fn film_that_cannot_be_opened_does_not_become_the_current_one() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    drop_files(&mut harness, &["/films/one.mjpeg", "/films/two.mjpeg"]);
    opened(&mut harness);
    let_open(&mut harness, Goal::Playing, RtspState::Playing);
    harness.send(Message::Shortcut(Shortcut::Next));
    assert_eq!(opened(&mut harness), [("two.mjpeg".to_owned(), Goal::Playing)]);
    let error = BackendEventKind::OpenFailed("two.mjpeg is a text file; choose another file.".to_owned());
    harness.emit_event(error);
    assert!(harness.shows("two.mjpeg is a text file; choose another file."));
    assert_eq!(harness.app.title(), "one.mjpeg (1 of 2) – PLAYING – Reelay");
}

#[test]
fn play_list_is_shown_and_changed() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    drop_files(&mut harness, &["/films/one.mjpeg", "/films/two.mjpeg", "/films/three.mjpeg"]);
    opened(&mut harness);
    let_open(&mut harness, Goal::Playing, RtspState::Playing);
    harness.send(Message::Shortcut(Shortcut::PlayList));
    assert!(harness.shows("1 of 3"));
    harness.assert_snapshot("play-list", DEFAULT_SIZE);
    harness.send(Message::PlayList(play_list::Message::Move { entry: 0, towards_end: true }));
    assert!(harness.shows("2 of 3"));
    harness.send(Message::PlayList(play_list::Message::Remove(0)));
    assert!(harness.shows("1 of 2") && !harness.shows("two.mjpeg"));
    harness.click("Repeat: off");
    assert!(harness.shows("Repeat: this film"));
    harness.click("three.mjpeg");
    assert_eq!(opened(&mut harness), [("three.mjpeg".to_owned(), Goal::Playing)]);
    let added = vec!["/films/four.mjpeg".into(), "/films/five.mjpeg".into()];
    harness.send(Message::FilePicked(reelay::ui::PickResult::Paths(added)));
    assert!(harness.shows("2 of 4") && harness.shows("five.mjpeg"));
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows("Play list"));
}

#[test]
fn repeated_film_starts_again_at_its_end() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.set_idle(RtspState::Playing, Goal::Playing);
    harness.send(Message::Shortcut(Shortcut::Repeat));
    while harness.next_command().is_some() {}
    harness.emit_session_event(SessionEvent::Ended);
    assert_eq!(harness.next_goal(), Some(Goal::Playing));
}

#[test]
fn four_buttons_send_nothing_at_the_end_of_a_film() {
    let mut harness = AppHarness::new(Controls::Four, ThemePreference::Dark);
    drop_files(&mut harness, &["/films/1.mjpeg", "/films/2.mjpeg"]);
    opened(&mut harness);
    let_open(&mut harness, Goal::Playing, RtspState::Playing);
    harness.emit_session_event(SessionEvent::Ended);
    assert_eq!(opened(&mut harness), []);
}

#[test]
fn single_frames_are_shown_with_their_keys() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.set_idle(RtspState::Playing, Goal::Playing);
    harness.show_frame(40);
    while harness.next_command().is_some() {}
    harness.send(Message::Shortcut(Shortcut::StepFrame(true)));
    assert_eq!(harness.next_goal(), Some(Goal::Ready), "the film is paused");
    let previews = |harness: &mut AppHarness| {
        let commands = std::iter::from_fn(|| harness.next_command());
        commands.filter_map(|it| if let Command::Preview(frame) = it { Some(frame) } else { None }).last()
    };
    assert_eq!(previews(&mut harness), Some(41));
    harness.set_idle(RtspState::Ready, Goal::Ready);
    for expected in [42, 43] {
        harness.send(Message::Shortcut(Shortcut::StepFrame(true)));
        assert_eq!(previews(&mut harness), Some(expected), "the frame need not be on the screen yet");
    }
    harness.send(Message::Shortcut(Shortcut::StepFrame(false)));
    assert_eq!(previews(&mut harness), Some(42));
    harness.show_frame(0);
    harness.send(Message::Shortcut(Shortcut::StepFrame(false)));
    assert_eq!(previews(&mut harness), None, "there is none before the first one");
}

#[test]
fn failed_connection_returns_to_the_start_screen() {
    let mut harness = AppHarness::connecting();
    let unreachable = SessionError::Unreachable { server: "h".to_owned(), reason: "refused".to_owned() };
    harness.emit_session_event(SessionEvent::Failed(unreachable.clone()));
    assert!(harness.shows("Play the sample film") && harness.shows(&unreachable.to_string()));
    // The list has the time at which it was tried.
    assert!(harness.shows(" · not reachable"));
    harness.click("Clear all");
    harness.assert_snapshot("connection-failed", DEFAULT_SIZE);

    let mut cancelled = AppHarness::connecting();
    cancelled.click("Cancel");
    assert!(cancelled.shows("Play the sample film"));

    let mut four = AppHarness::connecting();
    four.click("4 buttons");
    four.emit_session_event(SessionEvent::Failed(unreachable));
    assert!(!four.shows("Play the sample film") && four.shows("Setup"), "Setup can be pressed again");
}

#[test]
fn close_shows_the_start_screen() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Close));
    assert!(harness.shows("Play the sample film"));
    assert_eq!(harness.app.title(), "Reelay");
    let mut commands = std::iter::from_fn(|| harness.next_command());
    assert!(commands.any(|command| matches!(command, Command::Close { generation: 2 })));
}

#[test]
fn menu_has_the_icons_for_which_the_bar_has_no_space() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.set_idle(RtspState::Playing, Goal::Playing);
    assert!(harness.has_id_at(DEFAULT_SIZE, "repeat") && !harness.has_id_at(DEFAULT_SIZE, "more"));
    assert!(!harness.has_id_at(MIN_SIZE, "repeat") && harness.has_id_at(MIN_SIZE, "more"));
    harness.send(Message::ShowMenu(Menu::More));
    harness.assert_snapshot("menu-small", MIN_SIZE);
    harness.click("Repeat: off");
    assert!(!harness.shows("Repeat: off"), "the menu is closed");
    harness.send(Message::ShowMenu(Menu::Context(Point::new(300.0, 200.0))));
    assert!(harness.shows("Repeat: this film") && harness.shows("Close"));
    harness.assert_snapshot("menu-context", DEFAULT_SIZE);
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows("Close"));
}

#[test]
fn right_button_opens_the_menu_at_the_pointer() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Light);
    harness.interact(|view| {
        view.point_at(Point::new(400.0, 200.0));
        let pressed = mouse::Event::ButtonPressed(mouse::Button::Right);
        let _ = view.simulate([iced::Event::Mouse(pressed)]);
    });
    assert!(harness.shows("Repeat: off") && harness.shows("Full screen"));
    harness.click("Close");
    assert!(harness.shows("Play the sample film"));
}

#[test]
fn save_result_is_shown() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::FileSaved(SaveResult::Saved("/films/talk seconds.csv".into())));
    assert!(harness.shows("Saved as /films/talk seconds.csv."));
    let message = "/films/x.csv cannot be saved (permission denied); choose another place.";
    harness.send(Message::FileSaved(SaveResult::Failed(message.to_owned())));
    assert!(harness.shows(message));
}

#[test]
fn messages_can_be_filtered_expanded_and_cleared() {
    let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    harness.click("Messages");
    harness.click("List");
    assert!(harness.shows("No messages yet. The requests of the player (OPTIONS, DESCRIBE, SETUP, PLAY, … over RTSP, GET over HTTP) and the server's responses appear here."));
    harness.log_whole_session();
    assert!(harness.shows("RTSP/1.0 454 Session Not Found") && harness.shows("CSeq 7"));
    assert!(harness.shows("PAUSE rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0"));
    let headers = "CSeq: 5\nUser-Agent: Reelay/0.1.0\nSession: 8A51F27C";
    assert!(!harness.shows(headers));
    harness.click("PAUSE rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0");
    assert!(harness.shows(headers));
    harness.send(Message::Messages(reelay::ui::messages::Message::Toggle(9)));
    assert!(!harness.shows(headers));
    type_into(&mut harness, "messages-filter", "teardown");
    let shown = |harness: &AppHarness, method| {
        harness.shows(&format!("{method} rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0"))
    };
    assert!(shown(&harness, "TEARDOWN") && !shown(&harness, "PAUSE"));
    type_into(&mut harness, "messages-filter", "x");
    assert!(harness.shows("No messages match the filter."));
    harness.click("Clear");
    assert!(!shown(&harness, "TEARDOWN"));
}

#[test]
fn statistics_panel_matches_snapshots() {
    for (theme, name) in
        [(ThemePreference::Dark, "statistics-dark"), (ThemePreference::Light, "statistics-light")]
    {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        harness.play();
        harness.emit_figures();
        harness.click("Statistics");
        harness.assert_snapshot(name, LARGE_SIZE);
    }
}

#[test]
fn messages_panel_matches_snapshots() {
    for (theme, name) in
        [(ThemePreference::Dark, "messages-dark"), (ThemePreference::Light, "messages-light")]
    {
        let mut harness = AppHarness::with_sample(Controls::Four, theme);
        harness.click("Messages");
        harness.log_whole_session();
        harness.assert_snapshot(name, LARGE_SIZE);
    }
    let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    harness.click("Messages");
    harness.assert_snapshot("messages-empty", DEFAULT_SIZE);
    harness.log_whole_session();
    harness.click("List");
    harness.send(Message::Messages(reelay::ui::messages::Message::Toggle(4)));
    harness.assert_snapshot("messages-list", LARGE_SIZE);
}

#[test]
fn summary_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "summary-dark"), (ThemePreference::Light, "summary-light")]
    {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        harness.play();
        harness.emit_figures();
        harness.show_frame(199);
        harness.emit_session_event(SessionEvent::Ended);
        harness.set_idle(RtspState::Ready, Goal::Ready);
        harness.click("Summary…");
        harness.assert_snapshot(name, LARGE_SIZE);
    }
}

/// The list of network settings is long if they changed often; the buttons stay visible in a small window.
#[test]
fn summary_buttons_are_visible_at_any_window_size() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.emit_figures_with_changing_network();
    harness.show_frame(199);
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.click("Summary…");
    for size in [MIN_SIZE, DEFAULT_SIZE, LARGE_SIZE] {
        for label in ["Copy as text", "Save seconds (CSV)…", "Save all (JSON)…", "Close"] {
            assert!(harness.shows_at(size, label), "{label} at {size:?}");
        }
    }
    harness.assert_snapshot("summary-smallest", MIN_SIZE);
}

#[test]
fn start_screen_plays_the_sample() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.click("Play the sample film");
    let command = harness.next_command();
    assert!(
        matches!(command, Some(Command::Open { source: MediaSource::Sample, goal: Goal::Playing, .. })),
        "{command:?}"
    );
}

#[test]
fn dropped_file_is_opened() {
    let mut harness = AppHarness::new(Controls::Four, ThemePreference::Dark);
    harness.send(Message::FileHovered);
    assert!(harness.shows("Drop the film to open it"));
    harness.send(Message::FileDropped("/films/movie.Mjpeg".into()));
    assert!(!harness.shows("Drop the film to open it"));
    let Some(Command::Open { source: MediaSource::File(path), goal, .. }) = harness.next_command() else {
        panic!("no file is opened")
    };
    assert_eq!((path.to_str(), goal), (Some("/films/movie.Mjpeg"), Goal::Stopped));
}

#[test]
fn shortcuts_match_the_buttons() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    harness.send(Message::Shortcut(Shortcut::Stop));
    assert_eq!(
        [harness.next_goal(), harness.next_goal(), harness.next_goal()],
        [Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Stopped)]
    );
    harness.send(Message::Shortcut(Shortcut::Connect));
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert!(harness.next_goal().is_none(), "a dialog is open");
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows("Connect to a stream"));
}

#[test]
fn title_shows_name_and_state() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    assert_eq!(harness.app.title(), "sample.mjpeg – READY – Reelay");
    harness.play();
    assert_eq!(harness.app.title(), "sample.mjpeg – PLAYING – Reelay");
    assert_eq!(AppHarness::new(Controls::Three, ThemePreference::Dark).app.title(), "Reelay");
}

/// Types a text into the field with this ID.
fn type_into(harness: &mut AppHarness, field: &'static str, text: &str) {
    harness.interact(|ui| {
        ui.click(selector::id(Id::new(field))).unwrap_or_else(|error| panic!("{field}: {error}"));
        ui.typewrite(text);
    });
}

#[test]
fn connect_dialog_sends_url_and_options() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.click("Connect to a stream…");
    type_into(&mut harness, "connect-url", "rtsp://camera.example:8554/live");
    harness.click("More");
    type_into(&mut harness, "connect-rtp-port", "25000");
    harness.click("TCP");
    harness.click("Connect");
    let Some(Command::Connect { url, options, goal, .. }) = harness.next_command() else {
        panic!("not connected")
    };
    assert_eq!(url.to_string(), "rtsp://camera.example:8554/live");
    assert_eq!((options.rtp_port, options.transport), (Some(25_000), TransportPreference::Tcp));
    assert_eq!(goal, Goal::Ready);
    assert!(!harness.shows("Connect to a stream"), "the dialog is closed");
}

#[test]
fn window_that_gets_no_drops_asks_for_none() {
    let hint = "or drop a film or a folder of JPEG files here";
    assert!(AppHarness::new(Controls::Three, ThemePreference::Dark).shows(hint));
    let mut harness = AppHarness::with_options(AppOptions { lacks_drops: true, ..AppOptions::default() });
    assert!(!harness.shows(hint));
    harness.send(Message::FilePicked(reelay::ui::PickResult::NoDialog));
    assert!(harness.shows(
        "The system has no file dialog; enter the path of the film in Connect…, or install xdg-desktop-portal or \
         zenity."
    ));
}

#[test]
fn path_can_be_typed_without_a_file_dialog() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::FilePicked(reelay::ui::PickResult::NoDialog));
    assert!(harness.shows(
        "The system has no file dialog; enter the path of the film in Connect…, drop the film on this window, \
         or install xdg-desktop-portal or zenity."
    ));
    harness.click("Connect to a stream…");
    type_into(&mut harness, "connect-url", "/films/talk.mjpeg");
    harness.click("Connect");
    let Some(Command::Open { source: MediaSource::File(path), .. }) = harness.next_command() else {
        panic!("no file is opened")
    };
    assert_eq!(path.to_str(), Some("/films/talk.mjpeg"));
    assert!(!harness.shows("Connect to a stream"), "the dialog is closed");
}

#[test]
fn classroom_server_is_connected_and_remembered() {
    let mut harness = AppHarness::new(Controls::Four, ThemePreference::Dark);
    harness.click("Connect to a stream…");
    harness.click("Classroom server");
    type_into(&mut harness, "connect-host", "lab.example");
    harness.click("Connect");
    assert!(harness.next_command().is_none(), "there is no default port");
    harness.assert_snapshot("connect-classroom-no-port", DEFAULT_SIZE);
    type_into(&mut harness, "connect-port", "1025");
    harness.click("Connect");
    let Some(Command::Connect { url, options, goal, .. }) = harness.next_command() else {
        panic!("not connected")
    };
    assert_eq!(
        (url.host_and_port().as_str(), url.display_name().as_str()),
        ("lab.example:1025", "movie.Mjpeg")
    );
    assert_eq!((url.dialect(), options.rtp_port), (Dialect::Classroom, Some(25_000)));
    assert_eq!(goal, Goal::Stopped, "SETUP is manual with four buttons");
    harness.click("Setup");
    assert_eq!(harness.next_goal(), Some(Goal::Ready));

    let mut settings = Settings::default();
    let film = SourceUrl::parse_as("rtsp://lab.example:1025/movie.Mjpeg", Dialect::Classroom).unwrap();
    settings.remember_stream(&film, jiff::Timestamp::UNIX_EPOCH);
    let mut harness = AppHarness::with_settings(settings);
    harness.send(Message::Shortcut(Shortcut::Connect));
    assert!(!harness.shows("File name"));
    type_into(&mut harness, "connect-url", "lab.example:1025/");
    assert!(harness.shows("File name"), "the server is remembered as a classroom server");
}

#[test]
fn enter_connects_and_invalid_url_is_explained() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut harness, "connect-url", "ftp://camera.example/live");
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("connect-url"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    assert!(harness.next_command().is_none());
    harness.assert_snapshot("connect-invalid-url", DEFAULT_SIZE);
}

#[test]
fn open_error_is_shown_until_dismissed() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.app.open(MediaSource::File("/films/talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = harness.next_command() else { panic!("no file is opened") };
    let message = "talk.mjpeg is an MP4 film, not Motion JPEG; convert it with ffmpeg -i talk.mjpeg -c:v mjpeg -f mjpeg film.mjpeg.";
    let event =
        reelay::backend::BackendEvent { generation, kind: BackendEventKind::OpenFailed(message.to_owned()) };
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    assert!(harness.shows(message));
    harness.assert_snapshot("cannot-open", DEFAULT_SIZE);
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows(message));
    assert!(harness.shows("Play the sample film"), "the start screen is shown");
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
            status: StatusCode::NOT_FOUND,
            reason_phrase: "Not Found".to_owned(),
        },
        SessionError::NoJpeg { found: vec!["H264".to_owned()] },
        SessionError::NoData(NoDataCause::UdpBlocked),
        SessionError::UnusableFrames {
            reason: "they are damaged or in an unsupported JPEG format".to_owned(),
        },
    ];
    for failure in failures {
        let mut harness = AppHarness::with_stream(ThemePreference::Dark);
        let message = failure.to_string();
        harness.emit_session_event(SessionEvent::Failed(failure));
        assert!(harness.shows(&message), "{message}");
    }
}

/// The embedded server is an implementation detail: the error names the file, not the server's response.
#[test]
fn refused_local_file_is_reported_as_gone_or_changed() {
    for (method, status) in [
        (Method::Describe, StatusCode::NOT_FOUND),
        (Method::Describe, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::Play, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
        let reason = status.reason_phrase().to_owned();
        harness.emit_session_event(SessionEvent::Failed(SessionError::Refused {
            method,
            status,
            reason_phrase: reason,
        }));
        assert!(harness.shows("sample.mjpeg was moved, deleted or changed; open it again."), "{status}");
    }
}

/// Returns an application whose server has just been lost: the second attempt is in two seconds.
fn reconnecting_harness() -> AppHarness {
    let mut harness = AppHarness::with_stream(ThemePreference::Dark);
    let server = "camera.example:8554".to_owned();
    let lost = ReconnectReason::ServerLost { server, attempt: 2, wait: Duration::from_secs(2) };
    harness.emit_session_event(SessionEvent::Reconnecting(lost));
    harness.set_busy(RtspState::Init, Goal::Playing);
    harness
}

/// The session is set up again by itself after the computer was suspended, and the window says why.
#[test]
fn reason_of_a_clock_jump_is_shown() {
    let mut harness = AppHarness::with_stream(ThemePreference::Dark);
    harness.emit_session_event(SessionEvent::Waiting(true));
    let jump = ClockJump::Forward(Duration::from_secs(7_200));
    let reason = ReconnectReason::ClockJumped { server: "camera.example:8554".to_owned(), jump };
    harness.emit_session_event(SessionEvent::Reconnecting(reason.clone()));
    harness.send(Message::Tick(Instant::now() + Duration::from_secs(2)));
    assert!(harness.shows(&reason.to_string()) && !harness.shows("Waiting for data…"));
}

const RECONNECTING_TEXT: &str =
    "The connection to camera.example:8554 was lost; reconnecting in 2 seconds (attempt 2)…";

#[test]
fn reconnecting_can_be_cancelled() {
    let actions: [fn(&mut AppHarness); 2] =
        [|harness| harness.click("Cancel"), |harness| harness.send(Message::Shortcut(Shortcut::Escape))];
    for act in actions {
        let mut harness = reconnecting_harness();
        assert!(harness.shows(RECONNECTING_TEXT));
        harness.assert_snapshot("reconnecting", DEFAULT_SIZE);
        act(&mut harness);
        assert_eq!(harness.next_goal(), Some(Goal::Stopped));
        assert!(!harness.shows("Cancel"));
    }
}

#[test]
fn reconnecting_banner_returns_after_other_banners() {
    let mut harness = reconnecting_harness();
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert_eq!(harness.next_goal(), Some(Goal::Ready));
    harness.set_busy(RtspState::Init, Goal::Ready);
    assert!(harness.shows("Cancel"));
    harness.send(Message::FileSaved(SaveResult::Saved("/films/talk messages.txt".into())));
    assert!(harness.shows("Saved as /films/talk messages.txt.") && harness.shows("Cancel"));
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(
        harness.next_goal().is_none() && harness.shows("Cancel"),
        "Escape closes the banner about the saved file first"
    );
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert!(!harness.shows("Cancel"), "the server is connected again");
}

#[test]
fn try_now_reconnects_at_once() {
    let mut harness = reconnecting_harness();
    harness.click("Try now");
    assert_eq!(harness.next_goal(), Some(Goal::Playing));
    assert!(harness.shows("The connection to camera.example:8554 was lost; reconnecting…"));
    harness.click("Try now");
    assert!(harness.next_goal().is_none(), "an attempt is in progress");
}

#[test]
fn reconnect_countdown_is_shown() {
    let mut harness = reconnecting_harness();
    let start = Instant::now();
    harness.send(Message::Tick(start + Duration::from_millis(1_500)));
    assert!(
        harness
            .shows("The connection to camera.example:8554 was lost; reconnecting in 1 second (attempt 2)…")
    );
    harness.send(Message::Tick(start + Duration::from_millis(2_500)));
    assert!(harness.shows("The connection to camera.example:8554 was lost; reconnecting…"));
    let server = "camera.example:8554".to_owned();
    let lost = ReconnectReason::ServerLost { server, attempt: 3, wait: Duration::from_secs(4) };
    harness.emit_session_event(SessionEvent::Reconnecting(lost));
    assert!(
        harness
            .shows("The connection to camera.example:8554 was lost; reconnecting in 4 seconds (attempt 3)…")
    );
}

fn untrusted_certificate(is_changed: bool) -> SessionEvent {
    let name = "CN=Front door, O=Camera Works".to_owned();
    SessionEvent::Failed(SessionError::UntrustedCertificate(Box::new(UntrustedCertificate {
        address: "camera.example:8554".to_owned(),
        problem: CertificateProblem::SelfSigned,
        fingerprint: Fingerprint::of(b"certificate"),
        is_changed,
        details: Some(CertificateDetails {
            subject: name.clone(),
            issuer: name,
            valid_from: "2026-01-31".to_owned(),
            valid_until: "2036-01-29".to_owned(),
        }),
    })))
}

#[test]
fn trusted_certificate_is_remembered_and_connected_to_again() {
    let mut harness = AppHarness::with_stream(ThemePreference::Light);
    harness.emit_session_event(untrusted_certificate(false));
    harness.assert_snapshot("trust-light", DEFAULT_SIZE);
    harness.click("Trust this certificate");
    let Some(Command::SetTrustedCertificates(known)) = harness.next_command() else { panic!("not trusted") };
    assert_eq!(known[0].address, "camera.example:8554");
    assert_eq!(known[0].fingerprint, Fingerprint::of(b"certificate"));
    assert_eq!(harness.app.settings().certificates, known);
    let Some(Command::Connect { goal, .. }) = harness.next_command() else { panic!("not connected") };
    assert_eq!(goal, Goal::Playing, "the goal is kept");
}

/// A camera over HTTP may also redirect to HTTPS.
#[test]
fn certificate_of_a_camera_over_http_is_trusted_in_the_same_way() {
    let mut harness = AppHarness::with_http_camera(Controls::Three, ThemePreference::Dark);
    harness.emit_session_event(untrusted_certificate(false));
    harness.click("Trust this certificate");
    let Some(Command::SetTrustedCertificates(known)) = harness.next_command() else { panic!("not trusted") };
    assert_eq!(known[0].address, "camera.example:8554");
    let Some(Command::Connect { url, goal, .. }) = harness.next_command() else { panic!("not connected") };
    assert_eq!((url.dialect(), goal), (Dialect::Http, Goal::Playing));
}

#[test]
fn changed_certificate_is_not_trusted_by_the_keyboard() {
    let mut harness = AppHarness::with_stream(ThemePreference::Dark);
    harness.emit_session_event(untrusted_certificate(true));
    assert!(harness.shows("The certificate has changed"));
    harness.assert_snapshot("trust-changed-dark", DEFAULT_SIZE);
    harness.send(Message::Shortcut(Shortcut::Confirm));
    assert!(harness.next_command().is_none() && harness.shows("The certificate has changed"));
    harness.click("Cancel");
    assert!(harness.next_command().is_none() && harness.app.settings().certificates.is_empty());
    assert!(!harness.shows("The certificate has changed"));
}

#[test]
fn sign_in_reconnects_with_credentials() {
    let mut harness = AppHarness::with_stream(ThemePreference::Light);
    harness.emit_session_event(SessionEvent::Failed(SessionError::Unauthorized { was_refused: true }));
    assert!(harness.shows("camera.example does not accept this user name and password."));
    harness.assert_snapshot("sign-in-light", DEFAULT_SIZE);
    type_into(&mut harness, "sign-in-user", "ann");
    type_into(&mut harness, "sign-in-password", "secret");
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("sign-in-password"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    let Some(Command::Connect { url, goal, .. }) = harness.next_command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "secret")));
    assert_eq!(goal, Goal::Playing, "the goal is kept");
}

/// Types user name and password with the keyboard alone; returns the credentials of the next connection.
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

fn unauthorized_message(harness: &AppHarness, was_refused: bool) -> Message {
    let event = BackendEventKind::Session(SessionEvent::Failed(SessionError::Unauthorized { was_refused }));
    harness.event_message(event)
}

#[test]
fn sign_in_works_with_the_keyboard_alone() {
    let ann = Some(("ann".to_owned(), "secret".to_owned()));
    let focus_actions: [fn(&mut WindowHarness<'_>); 3] = [
        |window| window.tab(1),
        // Sign in, Cancel, password
        |window| window.shift_tab(3),
        |window| window.press_key(Key::Named(Named::Enter)),
    ];
    for focus_password in focus_actions {
        let mut harness = AppHarness::with_stream(ThemePreference::Dark);
        let mut window = WindowHarness::new(&mut harness);
        window.send(unauthorized_message(window.harness, false));
        assert_eq!(sign_in(&mut window, focus_password), ann);
    }
}

#[test]
fn refused_sign_in_keeps_user_and_focuses_password() {
    let mut harness = AppHarness::with_stream_as("ann", "wrong");
    let mut window = WindowHarness::new(&mut harness);
    window.send(unauthorized_message(window.harness, true));
    window.type_text("right");
    window.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = window.harness.next_command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "right")));
}

#[test]
fn connect_dialog_replaces_last_url_and_captures_keys() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let mut window = WindowHarness::new(&mut harness);
    let connect = |window: &mut WindowHarness<'_>, url: &str| {
        window.send(Message::Shortcut(Shortcut::Connect));
        window.type_text(url);
        window.press_key(Key::Named(Named::Enter));
        let Some(Command::Connect { url, options, .. }) = window.harness.next_command() else {
            panic!("{url}")
        };
        (url.to_string(), options.rtp_port)
    };
    window.harness.click("Messages");
    assert_eq!(connect(&mut window, "rtsp://first/live"), ("rtsp://first/live".to_owned(), None));
    assert_eq!(connect(&mut window, "rtsp://second/live"), ("rtsp://second/live".to_owned(), None));
    window.send(Message::Shortcut(Shortcut::Connect));
    window.click("More");
    window.type_text("25000");
    // Transport, Less, Cancel, Connect, kind of server, URL, and the port again
    window.tab(7);
    window.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { options, .. }) = window.harness.next_command() else {
        panic!("not connected")
    };
    assert_eq!(options.rtp_port, Some(25_000));
    window.send(Message::Shortcut(Shortcut::Connect));
    window.tab(1);
    window.type_text("26000");
    window.shift_tab(1);
    assert_eq!(connect(&mut window, "rtsp://third/"), ("rtsp://third/".to_owned(), Some(26_000)));
}

#[test]
fn rtsp_url_as_classroom_host_uses_standard_dialect() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let mut window = WindowHarness::new(&mut harness);
    window.send(Message::Shortcut(Shortcut::Connect));
    window.click("Classroom server");
    window.type_text("rtsp://camera/live");
    window.press_key(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = window.harness.next_command() else { panic!("not connected") };
    assert_eq!((url.to_string().as_str(), url.dialect()), ("rtsp://camera/live", Dialect::Standard));
}

#[test]
fn cancelled_sign_in_is_explained() {
    let actions: [fn(&mut AppHarness); 2] =
        [|harness| harness.click("Cancel"), |harness| harness.send(Message::Shortcut(Shortcut::Escape))];
    for act in actions {
        let mut harness = AppHarness::with_stream(ThemePreference::Dark);
        harness.send(unauthorized_message(&harness, false));
        act(&mut harness);
        let text = "camera.example needs a user name and password; connect again to enter them.";
        assert!(!harness.shows("Sign in") && harness.shows(text));
    }
}

#[test]
fn connecting_banner_is_shown_until_setup() {
    let mut harness = AppHarness::connecting();
    let text = "Connecting to camera.example…";
    assert!(harness.shows(text), "before the first event");
    harness.set_busy(RtspState::Init, Goal::Playing);
    assert!(harness.shows(text));
    harness.assert_snapshot("connecting", DEFAULT_SIZE);
    harness.click("Cancel");
    assert_eq!(harness.next_goal(), Some(Goal::Stopped));
    assert!(!harness.shows(text));

    let mut harness = AppHarness::connecting();
    harness.emit_session_event(SessionEvent::SetUp(LowerTransport::Udp));
    harness.set_busy(RtspState::Ready, Goal::Playing);
    assert!(!harness.shows(text));
    harness.set_busy(RtspState::Init, Goal::Playing);
    assert!(!harness.shows(text), "it is not shown over a picture");
}

#[test]
fn dialogs_are_shown_in_fullscreen() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::WindowOpened(iced::window::Id::unique()));
    harness.send(Message::Shortcut(Shortcut::Fullscreen));
    assert!(!harness.shows("Stop"), "only the film is shown");
    harness.send(Message::Shortcut(Shortcut::Connect));
    assert!(harness.shows("Connect to a stream") && !harness.shows("Stop"));
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(!harness.shows("Connect to a stream"));
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert_eq!(harness.next_goal(), Some(Goal::Playing));
}

#[test]
fn end_banner_replaces_waiting_banner() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.emit_session_event(SessionEvent::Waiting(true));
    assert!(!harness.shows("Waiting for data…"), "a short gap needs no banner");
    harness.send(Message::Tick(Instant::now() + Duration::from_secs(1)));
    assert!(harness.shows("Waiting for data…"));
    harness.assert_snapshot("waiting", DEFAULT_SIZE);
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.show_frame(199);
    assert!(!harness.shows("Waiting for data…"));
    assert!(harness.shows("Playback has ended. Press Play to start again."));
    harness.assert_snapshot("ended", DEFAULT_SIZE);
    harness.click("Play");
    assert_eq!(harness.next_goal(), Some(Goal::Playing));
    assert!(!harness.shows("Playback has ended. Press Play to start again."));
}

#[test]
fn file_damage_is_shown_until_the_end() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let defects = FileDefects { is_truncated: true, ..FileDefects::default() };
    harness.emit_event(BackendEventKind::IndexProgress(IndexProgress {
        defects: Some(defects),
        ..media_info(199).progress
    }));
    let message = "sample.mjpeg is truncated: 1 incomplete frame is skipped; copy or download it again.";
    assert!(harness.shows(message));
    harness.play();
    harness.emit_session_event(SessionEvent::Ended);
    assert!(!harness.shows(message) && harness.shows("Playback has ended. Press Play to start again."));

    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.app.open(MediaSource::Sample, false);
    let Some(Command::Open { generation, .. }) = harness.next_command() else { panic!("no file is opened") };
    let mut flawed = media_info(200);
    flawed.progress.defects = Some(FileDefects { damaged: 3, ..FileDefects::default() });
    let event = reelay::backend::BackendEvent { generation, kind: BackendEventKind::Opened(flawed) };
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    assert!(
        harness.shows("sample.mjpeg is damaged: 3 incomplete frames are skipped; copy or download it again.")
    );
}

#[test]
fn growing_index_updates_frame_count() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Light);
    harness.emit_event(BackendEventKind::IndexProgress(media_info(120).progress));
    assert!(harness.shows("Frame 1 of 120"));
    harness.assert_snapshot("indexing-light", DEFAULT_SIZE);
    harness.emit_event(BackendEventKind::IndexProgress(media_info(200).progress));
    assert!(harness.shows("Frame 1 of 200"));
    harness.emit_event(BackendEventKind::IndexProgress(media_info(85_120).progress));
    assert_eq!(harness.text_height("1:10:56.0 …"), harness.text_height("0:00.0"), "on one line");
    harness.assert_snapshot("indexing-hours", DEFAULT_SIZE);
}

#[test]
fn skip_seeks_to_a_frame_of_the_file() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Skip(5)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = harness.next_command()
    else {
        panic!("no seek")
    };
    assert_eq!(position, npt_seconds(5));
    assert!(matches!(harness.next_command(), Some(Command::Preview(100))), "no preview");
    harness.send(Message::Shortcut(Shortcut::Skip(127)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = harness.next_command()
    else {
        panic!("no seek")
    };
    assert_eq!(position.as_micros(), 9_950_000, "not the last frame");
}

#[test]
fn skip_beyond_the_end_is_ignored() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.show_frame(199);
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.send(Message::Shortcut(Shortcut::Skip(5)));
    assert!(
        harness.next_command().is_none() && harness.shows("Playback has ended. Press Play to start again.")
    );
    harness.send(Message::Shortcut(Shortcut::Skip(-5)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = harness.next_command()
    else {
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

/// Nothing moves under the pointer when a notice comes, and the notice covers no card.
#[test]
fn start_screen_stays_in_place_when_a_notice_comes() {
    let before = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let after = harness_with_open_error();
    for size in [MIN_SIZE, DEFAULT_SIZE, LARGE_SIZE] {
        let bounds = |harness: &AppHarness, start: &'static str| {
            let mut ui = Simulator::with_size(reelay::ui::iced_settings(), size, harness.app.view());
            let found = ui.find(move |candidate: Candidate<'_>| match candidate {
                Candidate::Text { content, bounds, .. } => content.starts_with(start).then_some(bounds),
                _ => None,
            });
            found.unwrap()
        };
        for label in ["Play the sample film", "Connect to a stream…", "Serve the sample film"] {
            assert_eq!(bounds(&before, label), bounds(&after, label), "{label} at {size:?}");
        }
        let (card, notice) =
            (bounds(&after, "The sample film for other players"), bounds(&after, "talk.mjpeg is"));
        // Those of the card and of the notice.
        let padding = 12.0 + 8.0;
        assert!(card.y + card.height + padding <= notice.y, "{size:?}: {card:?} {notice:?}");
    }
}

/// Returns an application that shows the longest error about a file.
fn harness_with_open_error() -> AppHarness {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.app.open(MediaSource::File("/films/talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = harness.next_command() else { panic!("no file is opened") };
    let message = "talk.mjpeg is an MP4 film, which Reelay does not read; convert it first, or copy its frames with \"-c:v copy\" if they are Motion JPEG: ffmpeg -i talk.mjpeg -c:v mjpeg -q:v 3 -an talk.avi";
    let event =
        reelay::backend::BackendEvent { generation, kind: BackendEventKind::OpenFailed(message.to_owned()) };
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    harness
}

#[test]
fn error_banner_covers_no_button() {
    let mut harness = harness_with_open_error();
    harness.assert_snapshot("cannot-open-smallest", MIN_SIZE);
    harness.click("Copy");
    assert!(harness.shows("Copy"), "the error stays after its command was copied");
    harness.click("Play the sample film");
    assert!(matches!(harness.next_command(), Some(Command::Open { source: MediaSource::Sample, .. })));
}

#[test]
fn playing_matches_snapshots() {
    for (theme, name) in [(ThemePreference::Dark, "playing-dark"), (ThemePreference::Light, "playing-light")]
    {
        let mut harness = AppHarness::with_sample(Controls::Three, theme);
        harness.play();
        harness.assert_snapshot(name, DEFAULT_SIZE);
    }
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.assert_snapshot("playing-smallest", MIN_SIZE);
    harness.emit_figures();
    harness.click("Statistics");
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.assert_snapshot("ended-smallest", MIN_SIZE);
}

#[test]
fn long_name_leaves_room_for_figures() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let name = format!("{}.mjpeg", "a_film_with_a_name_that_never_ends_".repeat(6));
    harness.app.open(MediaSource::File(format!("/films/{name}").into()), false);
    let Some(Command::Open { generation, .. }) = harness.next_command() else { panic!("no file is opened") };
    let send_event = |harness: &mut AppHarness, kind| {
        let event = reelay::backend::BackendEvent { generation, kind };
        harness.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    };
    let mut flawed = reelay::media_file::MediaInfo { name, ..media_info(200) };
    flawed.progress.defects = Some(FileDefects { is_truncated: true, ..FileDefects::default() });
    send_event(&mut harness, BackendEventKind::Opened(flawed));
    harness.assert_snapshot("long-name", DEFAULT_SIZE);
    assert!(!harness.shows_at(MIN_SIZE, "25"), "there is no space for common rates beside the name");
    harness.assert_snapshot("long-name-smallest", MIN_SIZE);
}

#[test]
fn four_buttons_match_snapshots() {
    let harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    harness.assert_snapshot("four-init", DEFAULT_SIZE);
    let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Light);
    harness.play();
    harness.assert_snapshot("four-playing-light-large", LARGE_SIZE);
}

#[test]
fn dialogs_match_snapshots() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Light);
    harness.send(Message::Shortcut(Shortcut::Connect));
    harness.click("More");
    harness.assert_snapshot("connect-light", DEFAULT_SIZE);
    harness.click("Classroom server");
    harness.assert_snapshot("connect-classroom-light", DEFAULT_SIZE);

    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Connect));
    harness.click("Classroom server");
    harness.assert_snapshot("connect-classroom-dark", MIN_SIZE);
    harness.send(Message::Shortcut(Shortcut::Escape));
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("preferences"))).unwrap();
    });
    assert!(harness.shows("Preferences"));
    harness.assert_snapshot("preferences-dark", DEFAULT_SIZE);
    for (section, name) in [("Playing", "playing"), ("Privacy", "privacy"), ("About", "about")] {
        harness.click(section);
        harness.assert_snapshot(&format!("preferences-{name}"), DEFAULT_SIZE);
    }
    harness.click("Appearance");
    harness.click("Light");
    harness.assert_snapshot("preferences-light", DEFAULT_SIZE);
    harness.send(Message::Preferences(preferences::Message::Section(preferences::Section::Network)));
    harness.assert_snapshot("preferences-network-light", MIN_SIZE);
}

#[test]
fn preferences_of_network_and_privacy_are_applied() {
    let mut settings = Settings::default();
    settings.remember_film("/films/a.avi".into(), jiff::Timestamp::UNIX_EPOCH);
    let mut harness = AppHarness::with_settings(settings);
    harness.send(Message::Shortcut(Shortcut::Preferences));
    for change in [
        preferences::Message::Retransmission(true),
        preferences::Message::ErrorCorrection("5".parse().ok()),
        preferences::Message::AutomaticDelay(true),
        preferences::Message::KeepRecents(false),
        preferences::Message::Scale(150),
        preferences::Message::Submit,
    ] {
        harness.send(Message::Preferences(change));
    }
    let commands: Vec<_> = std::iter::from_fn(|| harness.next_command()).collect();
    let [
        Command::SetConcealment(_),
        Command::SetPlayoutDelay(PlayoutDelay::Auto),
        Command::SetRetransmission(true),
        Command::SetErrorCorrection(Some(_)),
    ] = commands[..]
    else {
        panic!("{commands:?}")
    };
    let settings = harness.app.settings();
    assert!(settings.retransmission && settings.automatic_playout_delay && !settings.keep_recents);
    assert_eq!((settings.recents.len(), settings.interface_scale), (0, 150));
    let url = SourceUrl::parse("rtsp://camera.example/live").unwrap();
    harness.app.connect(url.clone(), StreamOptions::for_source(&url), false);
    let Some(Command::Connect { options, .. }) = harness.next_command() else { panic!("not connected") };
    assert_eq!((options.retransmission, options.fec), (true, "5".parse().ok()));
    assert_eq!(harness.app.settings().recents, [], "nothing is remembered any more");
}

#[test]
fn theme_is_reverted_unless_applied() {
    let actions: [fn(&mut AppHarness); 3] = [
        |harness| harness.click("Cancel"),
        |harness| harness.send(Message::Shortcut(Shortcut::Escape)),
        |harness| harness.click("Apply"),
    ];
    let themes = actions.map(|act| {
        let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
        let before = harness.app.theme();
        harness.interact(|ui| {
            ui.click(selector::id(Id::new("preferences"))).unwrap();
        });
        harness.click("Light");
        assert_ne!(harness.app.theme(), before, "the theme is not previewed");
        act(&mut harness);
        harness.app.theme() == before
    });
    assert_eq!(themes, [true, true, false]);
}

#[test]
fn seek_while_paused_shows_resume_position() {
    let text = "Play resumes at 0:08.0";
    let mut film = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    film.send(Message::Shortcut(Shortcut::Skip(8)));
    assert!(!film.shows(text), "the picture of the new position is shown");

    let mut harness = AppHarness::with_stream(ThemePreference::Dark);
    harness.describe(20);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.show_frame(0);
    harness.send(Message::Shortcut(Shortcut::Skip(8)));
    assert!(harness.shows(text) && !harness.shows("Frame 161"));
    harness.assert_snapshot("seek-while-paused", DEFAULT_SIZE);
    harness.click("Play");
    assert!(!harness.shows(text));
    harness.emit_session_event(SessionEvent::Started(NptRange { start: Some(npt_seconds(8)), end: None }));
    harness.set_idle(RtspState::Playing, Goal::Playing);
    harness.show_frame(160);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert!(!harness.shows(text), "the position is reached");
}

#[test]
fn connect_dialog_keeps_mistyped_path() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut harness, "connect-url", "/films/tlak.mjpeg");
    harness.click("Connect");
    assert!(matches!(harness.next_command(), Some(Command::Open { .. })));
    harness.send(Message::Shortcut(Shortcut::Connect));
    harness.click("Connect");
    let Some(Command::Open { source: MediaSource::File(path), .. }) = harness.next_command() else {
        panic!("the field is empty")
    };
    assert_eq!(path.to_str(), Some("/films/tlak.mjpeg"));
}

#[test]
fn space_advances_the_state() {
    let next = |state, goal| {
        let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
        harness.set_idle(state, goal);
        harness.send(Message::Shortcut(Shortcut::PlayOrPause));
        harness.next_goal()
    };
    assert_eq!(next(RtspState::Init, Goal::Stopped), Some(Goal::Ready));
    assert_eq!(next(RtspState::Ready, Goal::Ready), Some(Goal::Playing));
    assert_eq!(next(RtspState::Playing, Goal::Playing), Some(Goal::Ready));
}

#[test]
fn panels_and_preferences_have_shortcuts() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(harness.shows("Session summary…"));
    harness.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(!harness.shows("Session summary…"));
    harness.send(Message::Shortcut(Shortcut::Preferences));
    assert!(harness.shows("Size of text and controls"));
}

#[test]
fn charts_show_no_current_value_when_stopped() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.emit_figures();
    harness.click("Statistics");
    assert!(harness.shows("19.0 /s"));
    harness.set_idle(RtspState::Init, Goal::Stopped);
    let mut figures = harness.next_figures();
    let (frames_per_second, frames_per_second_shown) = (0.0, 0.0);
    figures.snapshot =
        Snapshot { playing_s: 75.0, frames_per_second, frames_per_second_shown, ..figures.snapshot };
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Figures(Box::new(figures))));
    assert!(!harness.shows("19.0 /s"));
}

#[test]
fn frame_rate_of_command_line_is_not_saved() {
    let settings = Settings { frame_rate: FrameRate::per_second(12), ..Settings::default() };
    let shown = |rate| {
        let options = AppOptions { settings: settings.clone(), frame_rate: rate, ..AppOptions::default() };
        let mut harness = AppHarness::with_options(options);
        harness.send(Message::Shortcut(Shortcut::Preferences));
        harness.click("Playing");
        ["12", "25"].map(|rate| harness.shows(rate))
    };
    assert_eq!(shown(None), [true, false]);
    assert_eq!(shown(Some(FrameRate::per_second(25))), [false, true]);

    let options =
        AppOptions { settings, frame_rate: Some(FrameRate::per_second(25)), ..AppOptions::default() };
    let mut harness = AppHarness::with_options(options);
    let mut window = WindowHarness::new(&mut harness);
    let mut apply = |typed: &str| {
        window.send(Message::Shortcut(Shortcut::Preferences));
        window.click("Playing");
        window.tab_to("preferences-rate");
        window.type_text(typed);
        window.press_key(Key::Named(Named::Enter));
        window.harness.app.settings().frame_rate
    };
    assert_eq!(apply("25"), FrameRate::per_second(12), "the rate of the command line is saved");
    assert_eq!(apply("30"), FrameRate::per_second(30));
}

/// Returns the frame rate that the window has set for the film, and whether it has opened it again.
fn applied_frame_rate(harness: &mut AppHarness, film: &MediaSource) -> Option<(FrameRate, bool)> {
    let Command::SetFrameRates(rates) = harness.next_command()? else { panic!("another command") };
    let opens = matches!(harness.next_command(), Some(Command::Open { source, .. }) if source == *film);
    Some((rates.rate_of(film), opens))
}

/// Replaces the text of the field with the frame rate, and presses a key in it. Returns true if the field showed that
/// the rate is valid, and that it is not.
fn type_frame_rate(harness: &mut AppHarness, typed: &str, key: Named) -> [bool; 2] {
    let mut window = WindowHarness::new(harness);
    window.click_field("frame-rate");
    window.select_all();
    window.type_text(typed);
    let hints = ["fps: press Enter", "0.1 to 240 fps"].map(|hint| window.harness.shows(hint));
    assert!(window.harness.next_command().is_none(), "{typed} is applied before Enter");
    if key == Named::Enter {
        // The task that saves the settings is not run.
        harness.interact(|ui| {
            ui.click(selector::id(Id::new("frame-rate"))).unwrap();
            ui.tap_key(Key::Named(key));
        });
    } else {
        window.press_key(Key::Named(key));
        window.redraw();
    }
    assert!(harness.shows("fps (assumed)") || harness.shows("fps (chosen)"), "{typed}");
    hints
}

#[test]
fn frame_rate_of_a_film_is_set_in_the_status_bar() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Light);
    let sample = MediaSource::Sample;
    assert_eq!(type_frame_rate(&mut harness, "500", Named::Enter), [false, true]);
    assert_eq!(applied_frame_rate(&mut harness, &sample), None);
    assert_eq!(type_frame_rate(&mut harness, "7", Named::Escape), [true, false]);
    assert_eq!(applied_frame_rate(&mut harness, &sample), None);
    assert_eq!(type_frame_rate(&mut harness, "20", Named::Enter), [true, false]);
    assert_eq!(applied_frame_rate(&mut harness, &sample), None, "the rate is the same");
    assert!(harness.shows("fps (assumed)"));
    let rate = FrameRate::new(30_000, 1_001).unwrap();
    assert_eq!(type_frame_rate(&mut harness, "30000/1001", Named::Enter), [true, false]);
    assert_eq!(applied_frame_rate(&mut harness, &sample), Some((rate, true)));
    assert!(harness.shows("fps (chosen)"));
    assert_eq!(harness.app.settings().films, [], "the sample is no file");
}

#[test]
fn frame_rate_of_a_file_is_remembered() {
    let path = std::env::current_dir().unwrap().join("talk.mjpeg");
    let film = MediaSource::File(path.clone());
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Light);
    // A relative path is the same film.
    harness.app.open(MediaSource::File("talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = harness.next_command() else { panic!("nothing is opened") };
    let event = reelay::backend::BackendEvent { generation, kind: BackendEventKind::Opened(media_info(200)) };
    harness.send(Message::Backend(reelay::ui::BackendUpdate::Event(event)));
    type_frame_rate(&mut harness, "5", Named::Enter);
    let Some(Command::SetFrameRates(rates)) = harness.next_command() else { panic!("nothing is set") };
    assert_eq!(rates.rate_of(&film), FrameRate::per_second(5));
    let frame_rate = Some(FrameRate::per_second(5));
    assert_eq!(harness.app.settings().films, [FilmSettings { path, frame_rate, ..FilmSettings::default() }]);
}

#[test]
fn invalid_frame_rate_is_explained_in_the_status_bar() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Light);
    let mut window = WindowHarness::new(&mut harness);
    window.click_field("frame-rate");
    window.select_all();
    window.type_text("500");
    harness.assert_snapshot("frame-rate-invalid-light", DEFAULT_SIZE);
}

#[test]
fn frame_rates_of_films_are_remembered_unless_the_command_line_has_one() {
    let mut settings = Settings::default();
    settings.remember_frame_rate("/films/talk.mjpeg".into(), FrameRate::per_second(5));
    let film = MediaSource::File("/films/talk.mjpeg".into());
    let rate_of_film = |frame_rate| {
        let options = AppOptions { settings: settings.clone(), frame_rate, ..AppOptions::default() };
        options.frame_rates().rate_of(&film)
    };
    assert_eq!(rate_of_film(None), FrameRate::per_second(5));
    assert_eq!(rate_of_film(Some(FrameRate::per_second(25))), FrameRate::per_second(25));
}

#[test]
fn assumed_rate_is_beside_the_measured_one_where_there_is_space() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    assert!(harness.shows_at(MIN_SIZE, "fps (assumed)"));
    harness.play();
    assert!(harness.shows_at(DEFAULT_SIZE, "fps (assumed)") && !harness.shows_at(MIN_SIZE, "fps (assumed)"));
}

#[test]
fn end_banner_and_information_disappear_and_errors_stay() {
    let ended = "Playback has ended. Press Play to start again.";
    let after = |harness: &mut AppHarness, seconds| {
        harness.send(Message::Tick(Instant::now() + Duration::from_secs(seconds)));
    };
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    after(&mut harness, 5);
    assert!(harness.shows(ended));
    after(&mut harness, 7);
    assert!(!harness.shows(ended));
    after(&mut harness, 8);
    assert!(!harness.shows(ended), "it returns");

    harness.send(Message::FileSaved(SaveResult::Saved("/films/a.csv".into())));
    assert!(harness.shows("Saved as /films/a.csv."));
    after(&mut harness, 11);
    assert!(harness.shows("Saved as /films/a.csv."));
    after(&mut harness, 13);
    assert!(!harness.shows("Saved as /films/a.csv."));

    harness.send(Message::FileSaved(SaveResult::Failed("The disk is full.".to_owned())));
    after(&mut harness, 1_000);
    assert!(harness.shows("The disk is full."));
}

#[test]
fn banner_behind_a_dialog_waits_until_it_can_be_read() {
    let ended = "Playback has ended. Press Play to start again.";
    let start = Instant::now();
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.send(Message::Shortcut(Shortcut::Help));
    harness.send(Message::Tick(start + Duration::from_secs(100)));
    harness.send(Message::Shortcut(Shortcut::Escape));
    harness.send(Message::Tick(start + Duration::from_secs(105)));
    assert!(harness.shows(ended), "its time begins when the dialog is closed");
    harness.send(Message::Tick(start + Duration::from_secs(107)));
    assert!(!harness.shows(ended));
}

#[test]
fn escape_closes_the_end_banner_until_the_next_end() {
    let ended = "Playback has ended. Press Play to start again.";
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    for _ in 0..2 {
        harness.play();
        harness
            .emit_session_event(SessionEvent::Started(NptRange { start: Some(npt_seconds(0)), end: None }));
        harness.emit_session_event(SessionEvent::Ended);
        harness.set_idle(RtspState::Ready, Goal::Ready);
        assert!(harness.shows(ended));
        for _ in 0..3 {
            harness.send(Message::Shortcut(Shortcut::Escape));
            assert!(!harness.shows(ended));
        }
    }
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
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.emit_figures();
    harness.click("Statistics");
    harness.click("Session summary…");
    harness.send(Message::FileSaved(SaveResult::Saved("/films/talk seconds.csv".into())));
    assert!(harness.shows("Save all (JSON)…") && harness.shows("Saved as /films/talk seconds.csv."));
    harness.assert_snapshot("summary-saved", DEFAULT_SIZE);
    let message = "/films/x.csv cannot be saved (permission denied); choose another place.";
    harness.send(Message::FileSaved(SaveResult::Failed(message.to_owned())));
    assert!(harness.shows("Save all (JSON)…") && harness.shows(message));
    harness.click("Copy as text");
    assert!(harness.shows("The summary was copied to the clipboard."));
    harness.click("Close");
    assert!(!harness.shows("Save all (JSON)…") && !harness.shows(message));
}

#[test]
fn streams_that_are_not_played_are_said_in_messages() {
    let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    harness.click("Messages");
    harness.log_whole_session();
    let described = SessionEvent::Described(Presentation {
        other_streams: vec!["PCMU audio".to_owned()],
        ..Presentation::live("film".to_owned(), None)
    });
    let sentence = "The stream also contains PCMU audio, which Reelay does not play.";
    harness.emit_session_event(described.clone());
    // The notice goes, and the message stays, once.
    harness.send(Message::Shortcut(Shortcut::Escape));
    assert!(harness.shows(sentence));
    harness.emit_session_event(described);
    harness.send(Message::Messages(reelay::ui::messages::Message::Filter("pcmu".to_owned())));
    assert!(harness.shows(sentence) && !harness.shows("Show 1 earlier"));
    harness.send(Message::Messages(reelay::ui::messages::Message::Filter("play".to_owned())));
    assert!(!harness.shows(sentence));
}

#[test]
fn filter_keeps_request_and_response_together() {
    let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    harness.click("Messages");
    harness.click("List");
    harness.log_whole_session();
    type_into(&mut harness, "messages-filter", "play");
    let line = |method| format!("{method} rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0");
    let shown = |harness: &AppHarness, text: &str| harness.shows(text);
    assert!(shown(&harness, &line("PLAY")) && shown(&harness, "RTSP/1.0 454 Session Not Found"));
    assert!(!shown(&harness, &line("OPTIONS")) && !shown(&harness, "CSeq 1") && !shown(&harness, "CSeq 7"));
    // A match in the response keeps the request as well.
    harness.send(Message::Messages(reelay::ui::messages::Message::Filter("454".to_owned())));
    assert!(shown(&harness, &line("PLAY")) && !shown(&harness, "CSeq 4"));
    harness.click("Clear");
    assert!(!harness.shows("No messages match the filter."));
    assert!(harness.shows("No messages yet. The requests of the player (OPTIONS, DESCRIBE, SETUP, PLAY, … over RTSP, GET over HTTP) and the server's responses appear here."));
}

#[test]
fn copied_label_is_shown_briefly() {
    let mut harness = AppHarness::with_sample(Controls::Four, ThemePreference::Dark);
    harness.click("Messages");
    harness.log_whole_session();
    harness.click("Copy");
    assert!(harness.shows("Copied") && !harness.shows("Copy"));
    harness.send(Message::Tick(Instant::now() + Duration::from_secs(2)));
    assert!(!harness.shows("Copied") && harness.shows("Copy"));
}

#[test]
fn enter_confirms_dialog_without_focused_field() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    let mut window = WindowHarness::new(&mut harness);
    window.send(Message::Shortcut(Shortcut::Connect));
    window.type_text("rtsp://camera/live");
    window.click("More");
    window.click("TCP");
    window.press_key(Key::Named(Named::Enter));
    assert!(window.harness.next_command().is_none(), "no field is focused");
    window.send(Message::Shortcut(Shortcut::Confirm));
    let Some(Command::Connect { options, .. }) = window.harness.next_command() else {
        panic!("not connected")
    };
    assert_eq!(options.transport, TransportPreference::Tcp);
    window.send(Message::Shortcut(Shortcut::Preferences));
    window.click("Light");
    window.send(Message::Shortcut(Shortcut::Confirm));
    assert!(!window.harness.shows("Preferences"));
    assert_eq!(window.harness.app.settings().theme, ThemePreference::Light);
}

#[test]
fn invalid_number_is_explained_and_reset_on_blur() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    let mut window = WindowHarness::new(&mut harness);
    window.harness.click("Network");
    let actions: [fn(&mut WindowHarness<'_>); 4] = [
        |window| window.press_key(Key::Named(Named::Enter)),
        |window| window.press_key(Key::Named(Named::Escape)),
        |window| window.tab(1),
        |window| window.click("Emulation: on"),
    ];
    let rule = "A number from 0 to 100";
    for act in actions {
        window.click_field("Loss");
        window.select_all();
        window.type_text("250");
        assert!(window.harness.shows(rule));
        window.harness.assert_snapshot("network-invalid-number", DEFAULT_SIZE);
        assert_eq!(last_settings(window.harness).unwrap().impairments.loss.ratio, 0.25);
        act(&mut window);
        window.redraw();
        assert!(
            !window.harness.shows(rule) && window.harness.shows("25"),
            "the field is reset to the value in use"
        );
        window.click_field("Loss");
        window.select_all();
        window.type_text("2");
        last_settings(window.harness);
    }
}

#[test]
fn mouse_movement_shows_controls_in_fullscreen() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.send(Message::WindowOpened(iced::window::Id::unique()));
    harness.send(Message::Shortcut(Shortcut::Fullscreen));
    let are_controls_hidden = |harness: &mut AppHarness, seconds| {
        harness.send(Message::Tick(Instant::now() + Duration::from_secs(seconds)));
        !harness.shows("Pause")
    };
    assert!(are_controls_hidden(&mut harness, 0));
    let position = Point::new(400.0, 200.0);
    harness.interact(|ui| {
        ui.point_at(position);
        ui.simulate([cursor_moved(position)]);
    });
    assert!(!are_controls_hidden(&mut harness, 2));
    harness.assert_snapshot("fullscreen", DEFAULT_SIZE);
    harness.click("Pause");
    assert_eq!(harness.next_goal(), Some(Goal::Ready));
    assert!(are_controls_hidden(&mut harness, 9));
}

#[test]
fn tab_scrolls_fields_into_view() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.click("Network");
    harness.send(Message::Network(reelay::ui::network::Message::More(true)));
    let mut window = WindowHarness::new(&mut harness);
    let fields =
        ["Loss", "Mean loss burst", "Throughput", "Queue", "Delay", "Jitter", "Duplication", "Corruption"];
    let fields: Vec<_> = fields.into_iter().chain(["Seed"]).collect();
    assert!(
        !fields.iter().all(|field| window.is_field_visible(field)),
        "all fields are visible without scrolling"
    );
    for field in fields {
        window.tab_to(field);
        assert!(window.is_field_visible(field), "{field}");
    }
    window.tab_to("Loss");
    assert!(window.is_field_visible("Loss") && !window.is_field_visible("Seed"), "the focus wraps around");
}

#[test]
fn play_hint_is_shown_without_a_picture() {
    let mut harness = AppHarness::connecting();
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert!(harness.shows("Press Play to start."));
    harness.play();
    assert!(!harness.shows("Press Play to start."));

    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    assert!(!harness.shows("Press Play to start."));
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    let sample = harness.next_command();
    assert!(
        matches!(sample, Some(Command::Open { source: MediaSource::Sample, goal: Goal::Playing, .. })),
        "{sample:?}"
    );
    harness.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert!(harness.next_command().is_none(), "the sample is already being opened");
}

#[test]
fn enter_leaves_the_number_field() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.click("Network");
    let mut window = WindowHarness::new(&mut harness);
    window.click_field("Loss");
    window.select_all();
    window.type_text("5");
    let set = std::iter::from_fn(|| window.harness.next_command()).last();
    assert!(
        matches!(set, Some(Command::SetEmulatorSettings(set)) if set.impairments.loss.ratio == 0.05),
        "{set:?}"
    );
    window.press_key(Key::Named(Named::Enter));
    window.type_text("7");
    assert!(window.harness.next_command().is_none(), "the field is still focused");
}

#[test]
fn stream_without_complete_frames_is_explained_until_the_end() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    harness.show_frame(3);
    let send_figures = |harness: &mut AppHarness, playing_s, frames_complete, emulated| {
        let snapshot = Snapshot {
            playing_s,
            frames_complete,
            emulated,
            // Loss is named only if packets are lost.
            packets_lost: if emulated.is_none() { 30 } else { 0 },
            wire_bits_per_second: 1e6,
            ..Snapshot::default()
        };
        harness.send(Message::Backend(reelay::ui::BackendUpdate::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
    };
    let emulated_loss =
        "Packets arrive, but no frame is complete: the emulated network loses too many packets.";
    let real_loss = "Packets arrive, but no frame is complete: too many packets are lost.";
    send_figures(&mut harness, 0.2, 4, None);
    assert!(!harness.shows(real_loss));
    send_figures(&mut harness, 2.0, 4, None);
    assert!(harness.shows(real_loss));
    send_figures(&mut harness, 2.2, 4, Some(EmulatorStats::default()));
    assert!(harness.shows(emulated_loss));
    harness.assert_snapshot("no-complete-frame", DEFAULT_SIZE);
    send_figures(&mut harness, 2.4, 5, Some(EmulatorStats::default()));
    assert!(!harness.shows(emulated_loss));
    harness.emit_session_event(SessionEvent::EndReached(Npt::from_micros(10_000_000)));
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert!(!harness.shows("Frame 200 of 200"), "the last frame is not on the screen");
}

#[test]
fn live_streams_match_snapshots() {
    let harness = AppHarness::with_http_camera(Controls::Three, ThemePreference::Dark);
    assert!(harness.shows("Live") && harness.shows("1:23.5"));
    harness.assert_snapshot("live-dark", DEFAULT_SIZE);
    let mut harness = AppHarness::with_http_camera(Controls::Three, ThemePreference::Light);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.assert_snapshot("live-paused-light", DEFAULT_SIZE);
}

#[test]
fn live_stream_over_rtsp_says_so_and_a_film_does_not() {
    let mut harness = AppHarness::with_stream(ThemePreference::Dark);
    harness.describe(12);
    assert!(!harness.shows("Live"));
    harness.describe_live();
    assert!(harness.shows("Live"));
}

#[test]
fn camera_over_http_has_three_buttons_and_no_packets() {
    let mut harness = AppHarness::with_http_camera(Controls::Four, ThemePreference::Light);
    assert!(harness.shows("Stop") && !harness.shows("Teardown") && !harness.shows("Setup"));
    harness.click("Pause");
    assert!(matches!(
        harness.next_command(),
        Some(Command::Session { command: SessionCommand::SetGoal(Goal::Ready), .. })
    ));
    harness.send(Message::Shortcut(Shortcut::Panel(PanelKind::Statistics)));
    assert!(harness.shows("HTTP has no packets, so figures about packets are –."));
    harness.assert_snapshot("statistics-http-light", LARGE_SIZE);
}

#[test]
fn messages_over_http_match_snapshot() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Panel(PanelKind::Messages)));
    let at = std::time::Instant::now();
    for (direction, text, after, state) in [
        (
            Direction::ClientToServer,
            "GET /video.cgi?fps=20 HTTP/1.1\r\nHost: camera.example\r\n\r\n",
            0,
            RtspState::Init,
        ),
        (
            Direction::ServerToClient,
            "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n",
            12,
            RtspState::Playing,
        ),
        (
            Direction::ServerToClient,
            "--frame\nContent-Type: image/jpeg\nContent-Length: 19531\n",
            15,
            RtspState::Playing,
        ),
        (
            Direction::ClientToServer,
            "GET /video.cgi?fps=20 HTTP/1.1\r\nHost: camera.example\r\n\r\n",
            9_100,
            RtspState::Init,
        ),
        (Direction::ServerToClient, "HTTP/1.1 503 Busy\r\nRetry-After: 5\r\n\r\n", 9_111, RtspState::Init),
    ] {
        let at = at + std::time::Duration::from_millis(after);
        let message = LoggedMessage::new(at, direction, text.as_bytes(), state);
        harness.emit_session_event(SessionEvent::Message(message));
    }
    harness.assert_snapshot("messages-http-dark", DEFAULT_SIZE);
}

#[test]
fn camera_is_remembered_without_its_password() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut harness, "connect-url", "http://ann:secret@camera.example/video?pwd=hidden");
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("connect-url"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    let Some(Command::Connect { url, .. }) = harness.next_command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "secret")));
    let server = &harness.app.settings().known_servers()[0];
    assert_eq!((server.address.as_str(), server.dialect), ("camera.example:80", Dialect::Http));
    let address = harness.app.settings().recents[0].source.text();
    assert_eq!(address, "http://camera.example/video?pwd=…");
    let kept = format!("{:?} {url} {url:?}", harness.app.settings());
    assert!(!kept.contains("secret") && !kept.contains("hidden"), "{kept}");
}
