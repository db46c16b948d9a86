//! The window: what its buttons do in each state, what its dialogs say, and how it looks.

mod common;

use std::time::{Duration, Instant};

use common::desk::Desk;
use common::stage::{LARGE, SMALLEST, Stage, USUAL, film, seconds};
use iced::keyboard::{Key, key::Named};
use iced::widget::Id;
use iced::{Point, mouse};
use iced_test::selector;
use reelay::backend::{Command, EventKind, FilmSource};
use reelay::impairment::{Conditions, Emulated, Impairments, Preset};
use reelay::media::FrameRate;
use reelay::media::container::Outcome;
use reelay::media_file::Progress;
use reelay::proto::rtsp::{Lower, Method, Npt, NptRange, Status as RtspStatus};
use reelay::session::{
    Command as SessionCommand, Dialect, Event, Failure, Goal, Interruption, RtspState, TransportChoice,
};
use reelay::settings::{Controls, Settings, ThemeChoice};
use reelay::stats::{Figures, Snapshot};
use reelay::ui::{AppOptions, Message, Panel, Saving, Shortcut, Step};

const THREE: [&str; 3] = ["Play", "Pause", "Stop"];
const FOUR: [&str; 4] = ["Setup", "Play", "Pause", "Teardown"];

/// What each of the buttons sends when it is clicked in a state.
fn wishes<const N: usize>(buttons: [&str; N], stage: impl Fn() -> Stage) -> [Option<Goal>; N] {
    buttons.map(|button| {
        let mut stage = stage();
        stage.click(button);
        stage.wish()
    })
}

#[test]
fn three_buttons_do_what_the_state_allows() {
    let with = |state, goal| {
        move || {
            let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
            stage.reach(state, goal);
            stage
        }
    };
    let (play, pause, stop) = (Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Stopped));
    assert_eq!(wishes(THREE, || Stage::new(Controls::Three, ThemeChoice::Dark)), [None, None, None]);
    assert_eq!(wishes(THREE, with(RtspState::Init, Goal::Stopped)), [play, None, None]);
    assert_eq!(wishes(THREE, with(RtspState::Ready, Goal::Ready)), [play, None, stop]);
    assert_eq!(wishes(THREE, with(RtspState::Playing, Goal::Playing)), [None, pause, stop]);
}

#[test]
fn four_buttons_follow_the_state_diagram() {
    let with = |state, goal| {
        move || {
            let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
            stage.reach(state, goal);
            stage
        }
    };
    let (ready, play, stop) = (Some(Goal::Ready), Some(Goal::Playing), Some(Goal::Stopped));
    assert_eq!(wishes(FOUR, || Stage::new(Controls::Four, ThemeChoice::Dark)), [None; 4]);
    assert_eq!(wishes(FOUR, with(RtspState::Init, Goal::Stopped)), [ready, None, None, None]);
    assert_eq!(wishes(FOUR, with(RtspState::Ready, Goal::Ready)), [None, play, None, stop]);
    assert_eq!(wishes(FOUR, with(RtspState::Playing, Goal::Playing)), [None, None, ready, stop]);
}

#[test]
fn none_of_four_buttons_does_anything_while_a_request_is_in_flight() {
    for (state, goal) in [
        (RtspState::Init, Goal::Ready),
        (RtspState::Ready, Goal::Playing),
        (RtspState::Playing, Goal::Ready),
        (RtspState::Ready, Goal::Stopped),
    ] {
        let stage = || {
            let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
            stage.busy(state, goal);
            stage
        };
        assert_eq!(wishes(FOUR, stage), [None; 4], "{state:?} on the way to {goal:?}");
    }
}

#[test]
fn a_click_is_answered_before_the_server_is() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.click("Play");
    // Nothing has been heard of it, and Play has become Pause; the last click decides.
    stage.click("Play");
    stage.click("Pause");
    stage.click("Play");
    assert_eq!(
        [stage.wish(), stage.wish(), stage.wish(), stage.wish()],
        [Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Playing), None]
    );
}

#[test]
fn a_click_counts_where_it_was_made_though_the_pointer_is_elsewhere_by_now() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.act(|ui| {
        let play = ui.find("Play").unwrap().visible_bounds().unwrap().center();
        let mut events = vec![moved_to(play)];
        events.extend(iced_test::simulator::click());
        events.push(iced::Event::Mouse(mouse::Event::CursorLeft));
        // What a slow frame has gathered comes together, with the place of the last of it.
        ui.point_at(Point::ORIGIN);
        ui.simulate(events);
    });
    assert_eq!([stage.wish(), stage.wish()], [Some(Goal::Playing), None]);
}

#[test]
fn a_pointer_that_has_left_presses_nothing() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.act(|ui| {
        let play = ui.find("Play").unwrap().visible_bounds().unwrap().center();
        ui.point_at(play);
        ui.simulate([moved_to(play), iced::Event::Mouse(mouse::Event::CursorLeft)]);
        ui.simulate(iced_test::simulator::click());
    });
    assert_eq!(stage.wish(), None);
}

fn moved_to(position: Point) -> iced::Event {
    iced::Event::Mouse(mouse::Event::CursorMoved { position })
}

#[test]
fn the_toggle_changes_the_buttons_and_sends_nothing() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    assert!(stage.shows("Stop") && !stage.shows("Teardown"));
    stage.click("4");
    assert!(stage.shows("Setup") && stage.shows("Teardown") && !stage.shows("Stop"));
    stage.click("3");
    assert!(stage.shows("Stop") && !stage.shows("Setup"));
    assert!(stage.command().is_none());
}

#[test]
fn a_panel_is_opened_and_closed_by_its_button_and_by_its_own() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    let words = "An emulated network between the embedded server and this player.";
    assert!(!stage.shows(words));
    stage.click("Network");
    assert!(stage.shows(words) && stage.shows("Stop"), "the film goes on beside it");
    stage.click("Network");
    assert!(!stage.shows(words));
    stage.click("Network");
    stage.act(|ui| {
        ui.click(selector::id(Id::new("close-panel"))).unwrap();
    });
    assert!(!stage.shows(words));
}

/// What the window has set last on the emulated network.
fn conditions(stage: &mut Stage) -> Option<Conditions> {
    let mut last = None;
    while let Some(command) = stage.command() {
        let Command::SetNetwork(conditions) = command else { panic!("{command:?}") };
        last = Some(conditions);
    }
    last
}

/// Empties a field of the panel, and types into it.
fn retype(stage: &mut Stage, field: &'static str, words: &str) {
    for _ in 0..4 {
        stage.act(|ui| {
            ui.click(selector::id(Id::new(field))).unwrap();
            ui.tap_key(Key::Named(Named::End));
            ui.tap_key(Key::Named(Named::Backspace));
        });
    }
    for (at, _) in words.char_indices() {
        stage.act(|ui| {
            ui.click(selector::id(Id::new(field))).unwrap();
            ui.tap_key(Key::Named(Named::End));
            ui.typewrite(&words[at..=at]);
        });
    }
}

#[test]
fn a_bad_network_is_typed_switched_and_reset() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.click("Network");
    assert!(stage.shows("It is off"));
    retype(&mut stage, "Loss", "7.5");
    let set = conditions(&mut stage).unwrap();
    assert!(set.is_on, "what is moved acts at once");
    assert_eq!((set.impairments.loss.ratio, set.impairments.loss.mean_burst), (0.075, None));
    assert!(stage.shows("It acts"));
    retype(&mut stage, "Loss", "700");
    assert_eq!(conditions(&mut stage).unwrap().impairments.loss.ratio, 0.7, "there is no 700 %");
    stage.act(|ui| {
        ui.click(selector::id(Id::new("network-switch"))).unwrap();
    });
    assert!(!conditions(&mut stage).unwrap().is_on);
    stage.click("Reset");
    assert_eq!(conditions(&mut stage).unwrap().impairments, Impairments::default());
    stage.click("Reset");
    assert_eq!(conditions(&mut stage), None, "nothing has changed");
}

#[test]
fn a_preset_sets_everything_and_a_new_seed_nothing_else() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.click("Network");
    let preset = Preset::named("2015 student project").unwrap();
    assert!(stage.shows(&preset.impairments.to_string()), "its figures stand there");
    assert!(stage.shows(preset.source), "and where they are from");
    stage.send(Message::Network(reelay::ui::network::Message::Preset(preset)));
    let set = conditions(&mut stage).unwrap();
    assert_eq!((set.is_on, set.impairments), (true, preset.impairments));
    assert!(stage.shows(preset.source));
    let seeds: Vec<_> = (0..8)
        .filter_map(|_| {
            stage.send(Message::Network(reelay::ui::network::Message::NewSeed));
            conditions(&mut stage)
        })
        .collect();
    assert!(seeds.iter().any(|new| new.seed != set.seed));
    assert!(seeds.iter().all(|new| new.impairments == set.impairments && new.is_on));
}

#[test]
fn the_window_says_where_the_network_acts_and_what_it_did() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    let url = reelay::proto::rtsp::RtspUrl::parse("rtsp://camera.example/live").unwrap();
    stage.app.connect(url.into(), Default::default(), false);
    stage.click("Network");
    assert!(stage.shows("An emulated network on this player's way in, behind camera.example."));
    let emulated = Some(Emulated { offered: 1_000, lost_random: 40, lost_queue: 2, ..Emulated::default() });
    stage.send(Message::News(reelay::ui::News::Figures(Box::new(Figures {
        snapshot: Snapshot { emulated, ..Snapshot::default() },
        ..Figures::default()
    }))));
    assert!(stage.shows("Of 1,000 packets, 40 were lost at random and 2 to the full queue."));
}

#[test]
fn nobody_is_sent_to_look_at_a_firewall_when_the_emulated_network_loses_everything() {
    let says_so = |mut stage: Stage| {
        stage.send(Message::Network(reelay::ui::network::Message::Preset(Preset::named("3G").unwrap())));
        stage.tell_session(Event::Failed(Failure::NoData { by_udp: true, is_emulated: false }));
        stage.shows(&Failure::NoData { by_udp: true, is_emulated: true }.to_string())
    };
    assert!(says_so(Stage::with_film(Controls::Three, ThemeChoice::Dark)));
    assert!(!says_so(Stage::with_stream(ThemeChoice::Dark)), "the session of a stream knows it itself");
}

#[test]
fn how_the_network_panel_looks() {
    for (theme, name) in [(ThemeChoice::Dark, "network-dark"), (ThemeChoice::Light, "network-light")] {
        let mut stage = Stage::with_film(Controls::Three, theme);
        stage.play();
        stage.click("Network");
        let preset = Preset::named("3G").unwrap();
        stage.look(&format!("{name}-off"), LARGE);
        stage.send(Message::Network(reelay::ui::network::Message::Preset(preset)));
        stage.look(name, LARGE);
    }
}

#[test]
fn the_statistics_stand_there_before_anything_was_measured_and_after() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.click("Statistics");
    assert!(stage.shows("lost") && stage.shows("stalls") && stage.shows("Interarrival jitter"));
    stage.look("statistics-empty-dark", LARGE);
    stage.play();
    stage.measure();
    assert!(stage.shows("Since SETUP, 1:15 of playing") && stage.shows("795 (3.8 %)"));
    stage.click("Session summary…");
    assert!(stage.shows("1:15 played, 1,302 pictures whole and 198 incomplete"));
    assert!(stage.shows("true, by the emulated network"), "measured stands beside true");
    stage.act(|ui| {
        ui.click(selector::id(Id::new("close-summary"))).unwrap();
    });
    assert!(!stage.shows("Session summary"));
}

#[test]
fn the_figures_of_what_was_played_before_are_gone_and_what_was_said_stays() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.measure();
    stage.converse();
    stage.open_another();
    stage.click("Statistics");
    assert!(stage.shows("Nothing has been played yet"));
    stage.click("Messages");
    assert!(stage.shows("RTP  1,234 packets, 61 lost"));
}

#[test]
fn stop_and_the_end_offer_a_summary_and_nothing_offers_one_of_nothing() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.reach(RtspState::Init, Goal::Stopped);
    assert!(!stage.shows("Summary…"));
    stage.play();
    stage.measure();
    assert!(!stage.shows("Summary…"));
    stage.tell_session(Event::Ended);
    stage.reach(RtspState::Ready, Goal::Ready);
    assert!(stage.shows("The film is over. Play starts it again.") && stage.shows("Summary…"));
    stage.click("Stop");
    assert_eq!(stage.wish(), Some(Goal::Stopped));
    stage.reach(RtspState::Init, Goal::Stopped);
    stage.tell_session(Event::Closed);
    assert!(stage.shows("The session is over."));
    stage.look("stopped", USUAL);
    stage.click("Summary…");
    assert!(stage.shows("Session summary"));
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows("Session summary"));
}

#[test]
fn what_is_saved_is_told_and_what_cannot_be_is_explained() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::SavedFile(Saving::Saved("/films/reelay session.csv".into())));
    assert!(stage.shows("Saved as /films/reelay session.csv."));
    let sentence = "/films/x.csv cannot be saved (permission denied); choose another place.";
    stage.send(Message::SavedFile(Saving::Failed(sentence.to_owned())));
    assert!(stage.shows(sentence));
}

#[test]
fn messages_are_filtered_opened_and_cleared() {
    let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
    stage.click("Messages");
    stage.click("List");
    assert!(stage.shows("Nothing has been said yet. What player and server say to each other appears here: OPTIONS, DESCRIBE, SETUP, PLAY and so on, each with its reply."));
    stage.converse();
    assert!(stage.shows("RTSP/1.0 454 Session Not Found") && stage.shows("CSeq 7"));
    assert!(stage.shows("PAUSE rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0"));
    let headers = "CSeq: 5\nUser-Agent: Reelay/0.1.0\nSession: 8A51F27C";
    assert!(!stage.shows(headers));
    stage.click("PAUSE rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0");
    assert!(stage.shows(headers));
    stage.send(Message::Messages(reelay::ui::messages::Message::Toggle(9)));
    assert!(!stage.shows(headers));
    type_into(&mut stage, "messages-filter", "teardown");
    let shown =
        |stage: &Stage, method| stage.shows(&format!("{method} rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0"));
    assert!(shown(&stage, "TEARDOWN") && !shown(&stage, "PAUSE"));
    type_into(&mut stage, "messages-filter", "x");
    assert!(stage.shows("Nothing of what was said fits the filter."));
    stage.click("Clear");
    assert!(!shown(&stage, "TEARDOWN"));
}

#[test]
fn how_the_statistics_panel_looks() {
    for (theme, name) in [(ThemeChoice::Dark, "statistics-dark"), (ThemeChoice::Light, "statistics-light")] {
        let mut stage = Stage::with_film(Controls::Three, theme);
        stage.play();
        stage.measure();
        stage.click("Statistics");
        stage.look(name, LARGE);
    }
}

#[test]
fn how_the_messages_panel_looks() {
    for (theme, name) in [(ThemeChoice::Dark, "messages-dark"), (ThemeChoice::Light, "messages-light")] {
        let mut stage = Stage::with_film(Controls::Four, theme);
        stage.click("Messages");
        stage.converse();
        stage.look(name, LARGE);
    }
    let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
    stage.click("Messages");
    stage.look("messages-empty", USUAL);
    stage.converse();
    stage.click("List");
    stage.send(Message::Messages(reelay::ui::messages::Message::Toggle(4)));
    stage.look("messages-list", LARGE);
}

#[test]
fn how_the_summary_looks() {
    for (theme, name) in [(ThemeChoice::Dark, "summary-dark"), (ThemeChoice::Light, "summary-light")] {
        let mut stage = Stage::with_film(Controls::Three, theme);
        stage.play();
        stage.measure();
        stage.show_frame(199);
        stage.tell_session(Event::Ended);
        stage.reach(RtspState::Ready, Goal::Ready);
        stage.click("Summary…");
        stage.look(name, LARGE);
    }
}

/// However small the window is, and however often the network was changed.
#[test]
fn the_summary_can_be_kept_and_closed_in_a_window_of_any_size() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.measure_a_network_that_changes();
    stage.show_frame(199);
    stage.tell_session(Event::Ended);
    stage.reach(RtspState::Ready, Goal::Ready);
    stage.click("Summary…");
    for size in [SMALLEST, USUAL, LARGE] {
        for words in ["Copy as text", "Save CSV…", "Save JSON…", "Close"] {
            assert!(stage.shows_at(size, words), "{words} at {size:?}");
        }
    }
    stage.look("summary-smallest", SMALLEST);
}

#[test]
fn the_start_screen_offers_the_sample() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.click("Play the sample film");
    let command = stage.command();
    assert!(
        matches!(command, Some(Command::Open { source: FilmSource::Sample, goal: Goal::Playing, .. })),
        "{command:?}"
    );
}

#[test]
fn a_dropped_film_is_opened() {
    let mut stage = Stage::new(Controls::Four, ThemeChoice::Dark);
    stage.send(Message::FileHovered);
    assert!(stage.shows("Drop the film to open it"));
    stage.send(Message::FileDropped("/films/movie.Mjpeg".into()));
    assert!(!stage.shows("Drop the film to open it"));
    let Some(Command::Open { source: FilmSource::File(path), goal, .. }) = stage.command() else {
        panic!("nothing is opened")
    };
    assert_eq!((path.to_str(), goal), (Some("/films/movie.Mjpeg"), Goal::Stopped));
}

#[test]
fn keys_do_what_buttons_do() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    stage.send(Message::Shortcut(Shortcut::Stop));
    assert_eq!(
        [stage.wish(), stage.wish(), stage.wish()],
        [Some(Goal::Playing), Some(Goal::Ready), Some(Goal::Stopped)]
    );
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert!(stage.wish().is_none(), "a dialog is in front");
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows("Connect to a stream"));
}

#[test]
fn the_title_says_what_is_played_and_how_far_it_is() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    assert_eq!(stage.app.title(), "sample.mjpeg – READY – Reelay");
    stage.play();
    assert_eq!(stage.app.title(), "sample.mjpeg – PLAYING – Reelay");
    assert_eq!(Stage::new(Controls::Three, ThemeChoice::Dark).app.title(), "Reelay");
}

/// Types into the field that is called so.
fn type_into(stage: &mut Stage, field: &'static str, words: &str) {
    stage.act(|ui| {
        ui.click(selector::id(Id::new(field))).unwrap_or_else(|error| panic!("{field}: {error}"));
        ui.typewrite(words);
    });
}

#[test]
fn a_stream_is_connected_to() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.click("Connect to a stream…");
    type_into(&mut stage, "connect-url", "rtsp://camera.example:8554/live");
    stage.click("More");
    type_into(&mut stage, "connect-rtp-port", "25000");
    stage.click("TCP");
    stage.click("Connect");
    let Some(Command::Connect { url, options, goal, .. }) = stage.command() else { panic!("not connected") };
    assert_eq!(url.to_string(), "rtsp://camera.example:8554/live");
    assert_eq!((options.rtp_port, options.transport), (Some(25_000), TransportChoice::Tcp));
    assert_eq!(goal, Goal::Ready);
    assert!(!stage.shows("Connect to a stream"), "the dialog is gone");
}

#[test]
fn without_a_file_dialog_a_films_path_is_typed() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Chosen(reelay::ui::Choice::NoDialog));
    assert!(stage.shows(
        "The system has no file dialog; type the film's path into Connect…, drop the film on this window, \
         or install xdg-desktop-portal or zenity."
    ));
    stage.click("Connect to a stream…");
    type_into(&mut stage, "connect-url", "/films/talk.mjpeg");
    stage.click("Connect");
    let Some(Command::Open { source: FilmSource::File(path), .. }) = stage.command() else {
        panic!("nothing is opened")
    };
    assert_eq!(path.to_str(), Some("/films/talk.mjpeg"));
    assert!(!stage.shows("Connect to a stream"), "the dialog is gone");
}

#[test]
fn a_classroom_server_is_connected_to_and_known_again() {
    let mut stage = Stage::new(Controls::Four, ThemeChoice::Dark);
    stage.click("Connect to a stream…");
    stage.click("Classroom server");
    type_into(&mut stage, "connect-host", "lab.example");
    stage.click("Connect");
    assert!(stage.command().is_none(), "there is no usual port");
    stage.look("connect-classroom-no-port", USUAL);
    type_into(&mut stage, "connect-port", "1025");
    stage.click("Connect");
    let Some(Command::Connect { url, options, goal, .. }) = stage.command() else { panic!("not connected") };
    assert_eq!((url.server().as_str(), url.name().as_str()), ("lab.example:1025", "movie.Mjpeg"));
    assert_eq!((url.dialect(), options.rtp_port), (Dialect::Classroom, Some(25_000)));
    assert_eq!(goal, Goal::Stopped, "four buttons send nothing unasked");
    stage.click("Setup");
    assert_eq!(stage.wish(), Some(Goal::Ready));

    let mut settings = Settings::default();
    settings.know_server("lab.example:1025".to_owned(), Dialect::Classroom);
    let mut stage = Stage::remembering(settings);
    stage.send(Message::Shortcut(Shortcut::Connect));
    assert!(!stage.shows("File name"));
    type_into(&mut stage, "connect-url", "lab.example:1025/");
    assert!(stage.shows("File name"), "what the server speaks is known");
}

#[test]
fn enter_connects_and_a_wrong_address_is_explained_where_it_is() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut stage, "connect-url", "http://camera.example/live");
    stage.act(|ui| {
        ui.click(selector::id(Id::new("connect-url"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    assert!(stage.command().is_none());
    stage.look("connect-wrong-address", USUAL);
}

#[test]
fn what_went_wrong_is_said_and_goes_away_when_it_is_read() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.app.open(FilmSource::File("/films/talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = stage.command() else { panic!("nothing is opened") };
    let sentence = "talk.mjpeg is an MP4 film, not Motion JPEG; convert it with ffmpeg -i talk.mjpeg -c:v mjpeg -f mjpeg film.mjpeg.";
    let event = reelay::backend::Event { generation, kind: EventKind::OpenFailed(sentence.to_owned()) };
    stage.send(Message::News(reelay::ui::News::Event(event)));
    assert!(stage.shows(sentence));
    stage.look("cannot-open", USUAL);
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows(sentence));
    assert!(stage.shows("Play the sample film"), "the program goes on");
}

#[test]
fn failures_of_a_session_are_said() {
    let server = || "camera.example:8554".to_owned();
    let failures = [
        Failure::Unreachable { server: server(), why: "connection refused".to_owned() },
        Failure::ConnectionLost { server: server() },
        Failure::TimedOut { server: server(), method: Method::Setup },
        Failure::Refused {
            method: Method::Describe,
            status: RtspStatus::NOT_FOUND,
            reason: "Not Found".to_owned(),
        },
        Failure::NoJpeg { found: vec!["H264".to_owned()] },
        Failure::NoData { by_udp: true, is_emulated: false },
        Failure::Unusable { why: "they are damaged, or of a kind that cannot be decoded".to_owned() },
    ];
    for failure in failures {
        let mut stage = Stage::with_stream(ThemeChoice::Dark);
        let sentence = failure.to_string();
        stage.tell_session(Event::Failed(failure));
        assert!(stage.shows(&sentence), "{sentence}");
    }
}

/// That a server is in between is nothing that the user of a film must know.
#[test]
fn a_film_that_is_refused_is_gone_or_was_changed() {
    for (method, status) in [
        (Method::Describe, RtspStatus::NOT_FOUND),
        (Method::Describe, RtspStatus::UNSUPPORTED_MEDIA_TYPE),
        (Method::Play, RtspStatus::INTERNAL_ERROR),
    ] {
        let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
        let reason = status.reason().to_owned();
        stage.tell_session(Event::Failed(Failure::Refused { method, status, reason }));
        assert!(stage.shows("sample.mjpeg is gone or was changed; open it again."), "{status}");
    }
}

/// Playing, until the server was gone a moment ago: the second attempt comes in two seconds.
fn gone() -> Stage {
    let mut stage = Stage::with_stream(ThemeChoice::Dark);
    let server = "camera.example:8554".to_owned();
    let lost = Interruption::Lost { server, attempt: 2, wait: Duration::from_secs(2) };
    stage.tell_session(Event::Interrupted(lost));
    stage.busy(RtspState::Init, Goal::Playing);
    stage
}

const GONE: &str = "camera.example:8554 is gone. Reconnecting in 2 seconds, attempt 2…";

#[test]
fn a_server_that_is_gone_is_waited_for_until_the_user_has_enough() {
    let ways: [fn(&mut Stage); 2] =
        [|stage| stage.click("Cancel"), |stage| stage.send(Message::Shortcut(Shortcut::Escape))];
    for leave in ways {
        let mut stage = gone();
        assert!(stage.shows(GONE));
        stage.look("reconnecting", USUAL);
        leave(&mut stage);
        assert_eq!(stage.wish(), Some(Goal::Stopped));
        assert!(!stage.shows("Cancel"));
    }
}

#[test]
fn as_long_as_the_server_is_gone_it_is_said_whatever_else_happens() {
    let mut stage = gone();
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert_eq!(stage.wish(), Some(Goal::Ready));
    stage.busy(RtspState::Init, Goal::Ready);
    assert!(stage.shows("Cancel"));
    stage.send(Message::SavedFile(Saving::Saved("/films/reelay messages.txt".into())));
    assert!(stage.shows("Saved as /films/reelay messages.txt.") && stage.shows("Cancel"));
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(stage.wish().is_none() && stage.shows("Cancel"), "what was saved is read first");
    stage.reach(RtspState::Ready, Goal::Ready);
    assert!(!stage.shows("Cancel"), "it is there again");
}

#[test]
fn who_knows_that_the_server_is_back_does_not_wait() {
    let mut stage = gone();
    stage.click("Try now");
    assert_eq!(stage.wish(), Some(Goal::Playing));
    assert!(stage.shows("camera.example:8554 is gone. Connecting…"));
    stage.click("Try now");
    assert!(stage.wish().is_none(), "it is tried already");
}

#[test]
fn the_seconds_until_the_next_try_are_counted() {
    let mut stage = gone();
    let begin = Instant::now();
    stage.send(Message::Tick(begin + Duration::from_millis(1_500)));
    assert!(stage.shows("camera.example:8554 is gone. Reconnecting in 1 second, attempt 2…"));
    stage.send(Message::Tick(begin + Duration::from_millis(2_500)));
    assert!(stage.shows("camera.example:8554 is gone. Connecting…"));
    let server = "camera.example:8554".to_owned();
    let lost = Interruption::Lost { server, attempt: 3, wait: Duration::from_secs(4) };
    stage.tell_session(Event::Interrupted(lost));
    assert!(stage.shows("camera.example:8554 is gone. Reconnecting in 4 seconds, attempt 3…"));
}

#[test]
fn a_server_that_wants_a_password_gets_it() {
    let mut stage = Stage::with_stream(ThemeChoice::Light);
    stage.tell_session(Event::Failed(Failure::Unauthorized { was_refused: true }));
    assert!(stage.shows("camera.example does not take this name and password."));
    stage.look("sign-in-light", USUAL);
    type_into(&mut stage, "sign-in-user", "ann");
    type_into(&mut stage, "sign-in-password", "secret");
    stage.act(|ui| {
        ui.click(selector::id(Id::new("sign-in-password"))).unwrap();
        ui.tap_key(Key::Named(Named::Enter));
    });
    let Some(Command::Connect { url, goal, .. }) = stage.command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "secret")));
    assert_eq!(goal, Goal::Playing, "it goes on as it was meant to");
}

/// Types user and password as one does who never looks up, and tells what is asked of the server then.
fn sign_in(desk: &mut Desk<'_>, to_password: impl Fn(&mut Desk<'_>)) -> Option<(String, String)> {
    desk.write("ann");
    to_password(desk);
    desk.write("secret");
    desk.tap(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = desk.stage.command() else { return None };
    url.credentials().map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn refused(stage: &Stage, was_refused: bool) -> Message {
    let event = EventKind::Session(Event::Failed(Failure::Unauthorized { was_refused }));
    stage.news(event)
}

#[test]
fn a_password_is_typed_into_its_own_field_without_the_mouse() {
    let ann = Some(("ann".to_owned(), "secret".to_owned()));
    let ways: [fn(&mut Desk<'_>); 3] = [
        |desk| desk.send(Message::Shortcut(Shortcut::Field(Step::Next))),
        |desk| desk.send(Message::Shortcut(Shortcut::Field(Step::Previous))),
        |desk| desk.tap(Key::Named(Named::Enter)),
    ];
    for to_password in ways {
        let mut stage = Stage::with_stream(ThemeChoice::Dark);
        let mut desk = Desk::new(&mut stage);
        desk.send(refused(desk.stage, false));
        assert_eq!(sign_in(&mut desk, to_password), ann);
    }
}

#[test]
fn after_a_refusal_the_name_stands_there_and_the_password_is_typed() {
    let mut stage = Stage::with_stream_as("ann", "wrong");
    let mut desk = Desk::new(&mut stage);
    desk.send(refused(desk.stage, true));
    desk.write("right");
    desk.tap(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = desk.stage.command() else { panic!("not connected") };
    assert_eq!(url.credentials(), Some(("ann", "right")));
}

#[test]
fn what_is_typed_into_connect_replaces_the_last_url_and_reaches_nothing_behind_the_dialog() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    let mut desk = Desk::new(&mut stage);
    let connect = |desk: &mut Desk<'_>, url: &str| {
        desk.send(Message::Shortcut(Shortcut::Connect));
        desk.write(url);
        desk.tap(Key::Named(Named::Enter));
        let Some(Command::Connect { url, options, .. }) = desk.stage.command() else { panic!("{url}") };
        (url.to_string(), options.rtp_port)
    };
    desk.stage.click("Messages");
    assert_eq!(connect(&mut desk, "rtsp://first/live"), ("rtsp://first/live".to_owned(), None));
    assert_eq!(connect(&mut desk, "rtsp://second/live"), ("rtsp://second/live".to_owned(), None));
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.click("More");
    desk.write("25000");
    for _ in 0..2 {
        desk.send(Message::Shortcut(Shortcut::Field(Step::Next)));
    }
    desk.tap(Key::Named(Named::Enter));
    let Some(Command::Connect { options, .. }) = desk.stage.command() else { panic!("not connected") };
    assert_eq!(options.rtp_port, Some(25_000));
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.send(Message::Shortcut(Shortcut::Field(Step::Next)));
    desk.write("26000");
    desk.send(Message::Shortcut(Shortcut::Field(Step::Next)));
    assert_eq!(connect(&mut desk, "rtsp://third/"), ("rtsp://third/".to_owned(), Some(26_000)));
}

#[test]
fn a_url_that_is_typed_as_the_host_of_a_classroom_server_is_one_of_rtsp() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    let mut desk = Desk::new(&mut stage);
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.click("Classroom server");
    desk.write("rtsp://camera/live");
    desk.tap(Key::Named(Named::Enter));
    let Some(Command::Connect { url, .. }) = desk.stage.command() else { panic!("not connected") };
    assert_eq!((url.to_string().as_str(), url.dialect()), ("rtsp://camera/live", Dialect::Standard));
}

#[test]
fn who_does_not_sign_in_is_told_what_the_server_wants() {
    let ways: [fn(&mut Stage); 2] =
        [|stage| stage.click("Cancel"), |stage| stage.send(Message::Shortcut(Shortcut::Escape))];
    for leave in ways {
        let mut stage = Stage::with_stream(ThemeChoice::Dark);
        stage.send(refused(&stage, false));
        leave(&mut stage);
        let words = "camera.example wants a user name and a password; connect again to give them.";
        assert!(!stage.shows("Sign in") && stage.shows(words));
    }
}

#[test]
fn a_server_that_is_connected_to_for_the_first_time_is_named_until_it_is_set_up() {
    let mut stage = Stage::connecting();
    let words = "Connecting to camera.example…";
    assert!(stage.shows(words), "before anything is heard of it");
    stage.busy(RtspState::Init, Goal::Playing);
    assert!(stage.shows(words));
    stage.look("connecting", USUAL);
    stage.click("Cancel");
    assert_eq!(stage.wish(), Some(Goal::Stopped));
    assert!(!stage.shows(words));

    let mut stage = Stage::connecting();
    stage.tell_session(Event::SetUp(Lower::Udp));
    stage.busy(RtspState::Ready, Goal::Playing);
    assert!(!stage.shows(words));
    stage.busy(RtspState::Init, Goal::Playing);
    assert!(!stage.shows(words), "there is a picture to look at");
}

#[test]
fn a_dialog_is_seen_where_the_film_takes_the_whole_screen() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::WindowOpened(iced::window::Id::unique()));
    stage.send(Message::Shortcut(Shortcut::Fullscreen));
    assert!(!stage.shows("Stop"), "nothing but the film");
    stage.send(Message::Shortcut(Shortcut::Connect));
    assert!(stage.shows("Connect to a stream") && !stage.shows("Stop"));
    stage.send(Message::Shortcut(Shortcut::Escape));
    assert!(!stage.shows("Connect to a stream"));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert_eq!(stage.wish(), Some(Goal::Playing));
}

#[test]
fn the_end_is_told_and_waiting_for_data_never_stands_there() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.tell_session(Event::Waiting(true));
    assert!(stage.shows("Waiting for data…"));
    stage.look("waiting", USUAL);
    stage.tell_session(Event::Ended);
    stage.reach(RtspState::Ready, Goal::Ready);
    stage.show_frame(199);
    assert!(!stage.shows("Waiting for data…"));
    assert!(stage.shows("The film is over. Play starts it again."));
    stage.look("ended", USUAL);
    stage.click("Play");
    assert_eq!(stage.wish(), Some(Goal::Playing));
    assert!(!stage.shows("The film is over. Play starts it again."));
}

#[test]
fn what_is_wrong_with_a_film_is_said_once_it_is_known_and_not_over_its_end() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    let outcome = Outcome { cut: true, ..Outcome::default() };
    stage.tell(EventKind::Progressed(Progress { outcome: Some(outcome), ..film(199).progress }));
    let sentence = "sample.mjpeg is cut: one picture is not whole and left out; copy or download it again.";
    assert!(stage.shows(sentence));
    stage.play();
    stage.tell_session(Event::Ended);
    assert!(!stage.shows(sentence) && stage.shows("The film is over. Play starts it again."));

    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.app.open(FilmSource::Sample, false);
    let Some(Command::Open { generation, .. }) = stage.command() else { panic!("nothing is opened") };
    let mut flawed = film(200);
    flawed.progress.outcome = Some(Outcome { damaged: 3, ..Outcome::default() });
    let event = reelay::backend::Event { generation, kind: EventKind::Opened(flawed) };
    stage.send(Message::News(reelay::ui::News::Event(event)));
    assert!(
        stage.shows(
            "sample.mjpeg is damaged: 3 pictures are not whole and left out; copy or download it again."
        )
    );
}

#[test]
fn a_film_whose_index_grows_shows_the_part_that_is_known() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Light);
    stage.tell(EventKind::Progressed(film(120).progress));
    assert!(stage.shows("Frame 1 of 120"));
    stage.look("indexing-light", USUAL);
    stage.tell(EventKind::Progressed(film(200).progress));
    assert!(stage.shows("Frame 1 of 200"));
    stage.tell(EventKind::Progressed(film(85_120).progress));
    assert_eq!(stage.height("1:10:56.0 …"), stage.height("0:00.0"), "on one line");
    stage.look("indexing-hours", USUAL);
}

#[test]
fn the_time_line_is_moved_to_a_frame_of_the_film() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Shortcut(Shortcut::Skip(5)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = stage.command() else {
        panic!("no seek")
    };
    assert_eq!(position, seconds(5));
    assert!(matches!(stage.command(), Some(Command::Preview(100))), "what is there is shown at once");
    stage.send(Message::Shortcut(Shortcut::Skip(127)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = stage.command() else {
        panic!("no seek")
    };
    assert_eq!(position.as_micros(), 9_950_000, "the last frame, not behind it");
}

#[test]
fn behind_the_end_there_is_nothing_to_skip_to() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.show_frame(199);
    stage.tell_session(Event::Ended);
    stage.reach(RtspState::Ready, Goal::Ready);
    stage.send(Message::Shortcut(Shortcut::Skip(5)));
    assert!(stage.command().is_none() && stage.shows("The film is over. Play starts it again."));
    stage.send(Message::Shortcut(Shortcut::Skip(-5)));
    let Some(Command::Session { command: SessionCommand::Seek(position), .. }) = stage.command() else {
        panic!("no seek")
    };
    assert_eq!(position, seconds(5));
}

#[test]
fn how_it_looks_before_anything_is_played() {
    for (theme, name) in [(ThemeChoice::Dark, "start-dark"), (ThemeChoice::Light, "start-light")] {
        Stage::new(Controls::Three, theme).look(name, USUAL);
    }
    Stage::new(Controls::Three, ThemeChoice::Dark).look("start-smallest", SMALLEST);
}

/// The longest of the sentences that a film may be refused with.
fn cannot_open() -> Stage {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.app.open(FilmSource::File("/films/talk.mjpeg".into()), false);
    let Some(Command::Open { generation, .. }) = stage.command() else { panic!("nothing is opened") };
    let sentence = "talk.mjpeg is an MP4 film, not Motion JPEG; convert it first: ffmpeg -i talk.mjpeg -c:v mjpeg -q:v 3 -an -f mjpeg talk-mjpeg.mjpeg";
    let event = reelay::backend::Event { generation, kind: EventKind::OpenFailed(sentence.to_owned()) };
    stage.send(Message::News(reelay::ui::News::Event(event)));
    stage
}

#[test]
fn nothing_that_can_be_pressed_lies_under_what_went_wrong() {
    let mut stage = cannot_open();
    stage.look("cannot-open-smallest", SMALLEST);
    stage.click("Play the sample film");
    assert!(matches!(stage.command(), Some(Command::Open { source: FilmSource::Sample, .. })));
}

#[test]
fn how_it_looks_when_it_plays() {
    for (theme, name) in [(ThemeChoice::Dark, "playing-dark"), (ThemeChoice::Light, "playing-light")] {
        let mut stage = Stage::with_film(Controls::Three, theme);
        stage.play();
        stage.look(name, USUAL);
    }
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.look("playing-smallest", SMALLEST);
    stage.measure();
    stage.click("Statistics");
    stage.tell_session(Event::Ended);
    stage.reach(RtspState::Ready, Goal::Ready);
    stage.look("ended-smallest", SMALLEST);
}

#[test]
fn a_long_name_leaves_room_for_the_figures() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    let name = format!("{}.mjpeg", "a_film_with_a_name_that_never_ends_".repeat(6));
    stage.app.open(FilmSource::File(format!("/films/{name}").into()), false);
    let Some(Command::Open { generation, .. }) = stage.command() else { panic!("nothing is opened") };
    let tell = |stage: &mut Stage, kind| {
        let event = reelay::backend::Event { generation, kind };
        stage.send(Message::News(reelay::ui::News::Event(event)));
    };
    let mut flawed = reelay::media_file::MediaInfo { name, ..film(200) };
    flawed.progress.outcome = Some(Outcome { cut: true, ..Outcome::default() });
    tell(&mut stage, EventKind::Opened(flawed));
    stage.look("long-name", USUAL);
    stage.look("long-name-smallest", SMALLEST);
}

#[test]
fn how_it_looks_with_four_buttons() {
    let stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
    stage.look("four-init", USUAL);
    let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Light);
    stage.play();
    stage.look("four-playing-light-large", LARGE);
}

#[test]
fn how_the_dialogs_look() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Light);
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.click("More");
    stage.look("connect-light", USUAL);
    stage.click("Classroom server");
    stage.look("connect-classroom-light", USUAL);

    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.click("Classroom server");
    stage.look("connect-classroom-dark", SMALLEST);
    stage.send(Message::Shortcut(Shortcut::Escape));
    stage.act(|ui| {
        ui.click(selector::id(Id::new("preferences"))).unwrap();
    });
    assert!(stage.shows("Preferences"));
    stage.look("preferences-dark", USUAL);
    stage.click("Light");
    stage.look("preferences-light", USUAL);
}

#[test]
fn a_theme_that_is_chosen_and_not_applied_is_taken_back() {
    let ways: [fn(&mut Stage); 3] = [
        |stage| stage.click("Cancel"),
        |stage| stage.send(Message::Shortcut(Shortcut::Escape)),
        |stage| stage.click("Apply"),
    ];
    let themes = ways.map(|leave| {
        let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
        let before = stage.app.theme();
        stage.act(|ui| {
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
fn where_nothing_can_be_shown_yet_it_is_said_where_it_goes_on() {
    let words = "Play goes on at 0:08.0";
    let mut film = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    film.send(Message::Shortcut(Shortcut::Skip(8)));
    assert!(!film.shows(words), "the picture is that of the place");

    let mut stage = Stage::with_stream(ThemeChoice::Dark);
    stage.describe(20);
    stage.reach(RtspState::Ready, Goal::Ready);
    stage.show_frame(0);
    stage.send(Message::Shortcut(Shortcut::Skip(8)));
    assert!(stage.shows(words) && !stage.shows("Frame 161"));
    stage.look("goes-on-there", USUAL);
    stage.click("Play");
    assert!(!stage.shows(words));
    stage.tell_session(Event::Started(NptRange { start: Some(seconds(8)), end: None }));
    stage.reach(RtspState::Playing, Goal::Playing);
    stage.show_frame(160);
    stage.reach(RtspState::Ready, Goal::Ready);
    assert!(!stage.shows(words), "it is there");
}

#[test]
fn a_path_that_was_mistyped_stands_there_again() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Shortcut(Shortcut::Connect));
    type_into(&mut stage, "connect-url", "/films/tlak.mjpeg");
    stage.click("Connect");
    assert!(matches!(stage.command(), Some(Command::Open { .. })));
    stage.send(Message::Shortcut(Shortcut::Connect));
    stage.click("Connect");
    let Some(Command::Open { source: FilmSource::File(path), .. }) = stage.command() else {
        panic!("nothing stands there")
    };
    assert_eq!(path.to_str(), Some("/films/tlak.mjpeg"));
}

#[test]
fn space_is_the_next_step_forward() {
    let next = |state, goal| {
        let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
        stage.reach(state, goal);
        stage.send(Message::Shortcut(Shortcut::PlayOrPause));
        stage.wish()
    };
    assert_eq!(next(RtspState::Init, Goal::Stopped), Some(Goal::Ready));
    assert_eq!(next(RtspState::Ready, Goal::Ready), Some(Goal::Playing));
    assert_eq!(next(RtspState::Playing, Goal::Playing), Some(Goal::Ready));
}

#[test]
fn panels_and_preferences_have_keys() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.send(Message::Shortcut(Shortcut::Panel(Panel::Statistics)));
    assert!(stage.shows("Session summary…"));
    stage.send(Message::Shortcut(Shortcut::Panel(Panel::Statistics)));
    assert!(!stage.shows("Session summary…"));
    stage.send(Message::Shortcut(Shortcut::Preferences));
    assert!(stage.shows("Playout delay in milliseconds"));
}

#[test]
fn the_charts_say_nothing_of_the_present_when_nothing_plays() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.measure();
    stage.click("Statistics");
    assert!(stage.shows("19.0 /s"));
    stage.reach(RtspState::Init, Goal::Stopped);
    let mut figures = stage.next_figures();
    let (frames_per_second, frames_per_second_shown) = (0.0, 0.0);
    figures.snapshot =
        Snapshot { playing_s: 75.0, frames_per_second, frames_per_second_shown, ..figures.snapshot };
    stage.send(Message::News(reelay::ui::News::Figures(Box::new(figures))));
    assert!(!stage.shows("19.0 /s"));
}

#[test]
fn the_frame_rate_is_remembered_and_one_for_this_time_is_not() {
    let settings = Settings { frame_rate: FrameRate::whole(12), ..Settings::default() };
    let shown = |rate| {
        let options = AppOptions { settings: settings.clone(), rate, ..AppOptions::default() };
        let mut stage = Stage::started(options);
        stage.send(Message::Shortcut(Shortcut::Preferences));
        ["12", "25"].map(|rate| stage.shows(rate))
    };
    assert_eq!(shown(None), [true, false]);
    assert_eq!(shown(Some(FrameRate::whole(25))), [false, true]);

    let options = AppOptions { settings, rate: Some(FrameRate::whole(25)), ..AppOptions::default() };
    let mut stage = Stage::started(options);
    let mut desk = Desk::new(&mut stage);
    let mut apply = |typed: &str| {
        desk.send(Message::Shortcut(Shortcut::Preferences));
        desk.write(typed);
        desk.tap(Key::Named(Named::Enter));
        desk.stage.app.settings().frame_rate
    };
    assert_eq!(apply("25"), FrameRate::whole(12), "it was for this time");
    assert_eq!(apply("30"), FrameRate::whole(30));
}

#[test]
fn a_summary_is_saved_in_one_form_and_then_in_the_other() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.measure();
    stage.click("Statistics");
    stage.click("Session summary…");
    stage.send(Message::SavedFile(Saving::Saved("/films/reelay session.csv".into())));
    assert!(stage.shows("Save JSON…") && stage.shows("Saved as /films/reelay session.csv."));
    stage.look("summary-saved", USUAL);
    let sentence = "/films/x.csv cannot be saved (permission denied); choose another place.";
    stage.send(Message::SavedFile(Saving::Failed(sentence.to_owned())));
    assert!(stage.shows("Save JSON…") && stage.shows(sentence));
    stage.click("Copy as text");
    assert!(stage.shows("The summary is on the clipboard."));
    stage.click("Close");
    assert!(!stage.shows("Save JSON…") && !stage.shows(sentence));
}

#[test]
fn a_request_and_its_reply_stay_together() {
    let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
    stage.click("Messages");
    stage.click("List");
    stage.converse();
    type_into(&mut stage, "messages-filter", "play");
    let line = |method| format!("{method} rtsp://127.0.0.1:8554/movie.Mjpeg RTSP/1.0");
    let shown = |stage: &Stage, words: &str| stage.shows(words);
    assert!(shown(&stage, &line("PLAY")) && shown(&stage, "RTSP/1.0 454 Session Not Found"));
    assert!(!shown(&stage, &line("OPTIONS")) && !shown(&stage, "CSeq 1") && !shown(&stage, "CSeq 7"));
    // As in whatever stands in a reply.
    stage.send(Message::Messages(reelay::ui::messages::Message::Filter("454".to_owned())));
    assert!(shown(&stage, &line("PLAY")) && !shown(&stage, "CSeq 4"));
    stage.click("Clear");
    assert!(!stage.shows("Nothing of what was said fits the filter."));
    assert!(stage.shows("Nothing has been said yet. What player and server say to each other appears here: OPTIONS, DESCRIBE, SETUP, PLAY and so on, each with its reply."));
}

#[test]
fn what_is_copied_is_said_for_a_moment() {
    let mut stage = Stage::with_film(Controls::Four, ThemeChoice::Dark);
    stage.click("Messages");
    stage.converse();
    stage.click("Copy");
    assert!(stage.shows("Copied") && !stage.shows("Copy"));
    stage.send(Message::Tick(Instant::now() + Duration::from_secs(2)));
    assert!(!stage.shows("Copied") && stage.shows("Copy"));
}

#[test]
fn enter_confirms_a_dialog_whatever_was_clicked_in_it() {
    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    let mut desk = Desk::new(&mut stage);
    desk.send(Message::Shortcut(Shortcut::Connect));
    desk.write("rtsp://camera/live");
    desk.click("More");
    desk.click("TCP");
    desk.tap(Key::Named(Named::Enter));
    assert!(desk.stage.command().is_none(), "no field has the cursor");
    desk.send(Message::Shortcut(Shortcut::Confirm));
    let Some(Command::Connect { options, .. }) = desk.stage.command() else { panic!("not connected") };
    assert_eq!(options.transport, TransportChoice::Tcp);
    desk.send(Message::Shortcut(Shortcut::Preferences));
    desk.click("Light");
    desk.send(Message::Shortcut(Shortcut::Confirm));
    assert!(!desk.stage.shows("Preferences"));
    assert_eq!(desk.stage.app.settings().theme, ThemeChoice::Light);
}

#[test]
fn a_number_that_is_refused_is_explained_and_gives_way_when_its_field_is_left() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    let mut desk = Desk::new(&mut stage);
    desk.click("Network");
    let ways: [fn(&mut Desk<'_>); 4] = [
        |desk| desk.tap(Key::Named(Named::Enter)),
        |desk| desk.tap(Key::Named(Named::Escape)),
        |desk| desk.send(Message::Shortcut(Shortcut::Field(Step::Next))),
        |desk| desk.click("It acts"),
    ];
    let rule = "A number from 0 to 100";
    for leave in ways {
        desk.click_on("Loss");
        desk.select_all();
        desk.write("250");
        assert!(desk.stage.shows(rule));
        desk.stage.look("network-refused", USUAL);
        assert_eq!(conditions(desk.stage).unwrap().impairments.loss.ratio, 0.25);
        leave(&mut desk);
        desk.pass();
        assert!(!desk.stage.shows(rule) && desk.stage.shows("25"), "what acts stands there");
        desk.click_on("Loss");
        desk.select_all();
        desk.write("2");
        conditions(desk.stage);
    }
}

#[test]
fn the_mouse_brings_the_controls_over_a_film_that_takes_the_whole_screen() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.send(Message::WindowOpened(iced::window::Id::unique()));
    stage.send(Message::Shortcut(Shortcut::Fullscreen));
    let still = |stage: &mut Stage, seconds| {
        stage.send(Message::Tick(Instant::now() + Duration::from_secs(seconds)));
        !stage.shows("Pause")
    };
    assert!(still(&mut stage, 0));
    let place = Point::new(400.0, 200.0);
    stage.act(|ui| {
        ui.point_at(place);
        ui.simulate([moved_to(place)]);
    });
    assert!(!still(&mut stage, 2));
    stage.look("fullscreen", USUAL);
    stage.click("Pause");
    assert_eq!(stage.wish(), Some(Goal::Ready));
    assert!(still(&mut stage, 9));
}

#[test]
fn tab_leads_to_fields_that_can_be_seen() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.click("Network");
    let mut desk = Desk::new(&mut stage);
    let fields =
        ["Loss", "Mean burst of losses", "Throughput", "Queue", "Delay", "Jitter", "Duplicated", "Corrupted"];
    let fields: Vec<_> = fields.into_iter().chain(["Seed"]).collect();
    assert!(!fields.iter().all(|field| desk.sees(field)), "the panel is longer than the window");
    for field in fields {
        desk.send(Message::Shortcut(Shortcut::Field(Step::Next)));
        assert!(desk.sees(field), "{field}");
    }
    desk.send(Message::Shortcut(Shortcut::Field(Step::Next)));
    assert!(desk.sees("Loss") && !desk.sees("Seed"), "around");
}

#[test]
fn where_there_is_nothing_to_be_seen_it_is_said_what_to_press() {
    let mut stage = Stage::connecting();
    stage.reach(RtspState::Ready, Goal::Ready);
    assert!(stage.shows("Press Play to begin."));
    stage.play();
    assert!(!stage.shows("Press Play to begin."));

    let mut stage = Stage::new(Controls::Three, ThemeChoice::Dark);
    assert!(!stage.shows("Press Play to begin."));
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    let sample = stage.command();
    assert!(
        matches!(sample, Some(Command::Open { source: FilmSource::Sample, goal: Goal::Playing, .. })),
        "{sample:?}"
    );
    stage.send(Message::Shortcut(Shortcut::PlayOrPause));
    assert!(stage.command().is_none(), "it is being opened");
}

#[test]
fn enter_ends_what_is_typed_into_the_network() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.click("Network");
    let mut desk = Desk::new(&mut stage);
    desk.click_on("Loss");
    desk.select_all();
    desk.write("5");
    let set = std::iter::from_fn(|| desk.stage.command()).last();
    assert!(matches!(set, Some(Command::SetNetwork(set)) if set.impairments.loss.ratio == 0.05), "{set:?}");
    desk.tap(Key::Named(Named::Enter));
    desk.write("7");
    assert!(desk.stage.command().is_none(), "keys are for the film again");
}

#[test]
fn a_film_of_which_no_picture_is_whole_says_so_and_is_over_at_its_end() {
    let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
    stage.play();
    stage.show_frame(3);
    let measured = |stage: &mut Stage, playing_s, frames_complete, emulated| {
        let snapshot = Snapshot {
            playing_s,
            frames_complete,
            emulated,
            wire_bits_per_second: 1e6,
            ..Snapshot::default()
        };
        stage.send(Message::News(reelay::ui::News::Figures(Box::new(Figures {
            snapshot,
            ..Figures::default()
        }))));
    };
    let by_the_network = "Packets arrive, but no picture is whole: the emulated network loses too much.";
    let on_the_way = "Packets arrive, but no picture is whole: too much is lost on the way.";
    measured(&mut stage, 0.2, 4, None);
    assert!(!stage.shows(on_the_way));
    measured(&mut stage, 2.0, 4, None);
    assert!(stage.shows(on_the_way));
    measured(&mut stage, 2.2, 4, Some(Emulated::default()));
    assert!(stage.shows(by_the_network));
    stage.look("no-whole-picture", USUAL);
    measured(&mut stage, 2.4, 5, Some(Emulated::default()));
    assert!(!stage.shows(by_the_network));
    stage.tell_session(Event::Reached(Npt::from_micros(10_000_000)));
    stage.tell_session(Event::Ended);
    stage.reach(RtspState::Ready, Goal::Ready);
    assert!(stage.shows("0:10.0") && stage.shows("Frame 200 of 200"));
}
