//! The panels of the window: which are visible, where, and how wide.

mod common;

use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE};
use iced::widget::Id;
use iced::{Event, Point, Size, mouse, window};
use iced_test::{Simulator, selector};
use reelay::settings::{Controls, PanelKind, PanelSettings, Settings, ThemePreference};
use reelay::ui::{self, Message, Shortcut};

/// A window in which panels are side by side.
const WIDE_SIZE: Size = Size::new(1_920.0, 1_000.0);

/// A text of each panel, in the order of the panels.
const TEXTS: [&str; 3] = ["Emulation: off", "Session summary…", "Ladder"];

/// Returns for each panel whether a window of this size shows it.
fn visible_panels(harness: &AppHarness, size: Size) -> [bool; 3] {
    TEXTS.map(|text| harness.shows_at(size, text))
}

fn toggle(harness: &mut AppHarness, panel: PanelKind) {
    harness.send(Message::Shortcut(Shortcut::Panel(panel)));
}

/// Returns the size of the video area in a window of this size.
fn video_area(harness: &AppHarness, size: Size) -> Size {
    let mut ui = Simulator::with_size(ui::iced_settings(), size, harness.app.view());
    ui.simulate([Event::Window(window::Event::RedrawRequested(std::time::Instant::now()))]);
    let resized = ui.into_messages().find_map(|message| match message {
        Message::VideoResized(area) => Some(area),
        _ => None,
    });
    resized.expect("the video area has no size")
}

/// Drags from a position of the window to others, and releases the button at the last one.
fn drag(harness: &mut AppHarness, size: Size, from: Point, to: &[Point]) {
    let moved = |position| Event::Mouse(mouse::Event::CursorMoved { position });
    harness.interact_at(size, |ui| {
        ui.point_at(from);
        ui.simulate([moved(from), Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left))]);
        for position in to {
            ui.point_at(*position);
            ui.simulate([moved(*position)]);
        }
        ui.simulate([Event::Mouse(mouse::Event::ButtonReleased(mouse::Button::Left))]);
    });
}

fn playing(theme: ThemePreference) -> AppHarness {
    let mut harness = AppHarness::with_sample(Controls::Three, theme);
    harness.log_whole_session();
    harness.play();
    harness.emit_figures();
    harness
}

#[test]
fn window_shows_as_many_open_panels_as_it_has_space_for() {
    let mut harness = playing(ThemePreference::Dark);
    for panel in [PanelKind::Statistics, PanelKind::Network] {
        toggle(&mut harness, panel);
    }
    assert_eq!(visible_panels(&harness, DEFAULT_SIZE), [true, false, false], "the last one opened");
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [true, true, false], "the other one comes back");
    harness.interact_at(LARGE_SIZE, |ui| {
        ui.click(selector::id(Id::new("messages"))).unwrap();
    });
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [true, false, true], "the first one opened makes room");
    assert_eq!(visible_panels(&harness, WIDE_SIZE), [true, true, true]);
    harness.assert_snapshot("panels-columns-dark", WIDE_SIZE);
    assert_eq!(
        harness.app.settings().panels.open,
        [PanelKind::Statistics, PanelKind::Network, PanelKind::Messages]
    );
}

#[test]
fn click_shows_a_panel_without_space_and_hides_a_visible_one() {
    let mut harness = playing(ThemePreference::Dark);
    harness.click("Statistics");
    harness.click("Network");
    harness.click("Statistics");
    assert_eq!(visible_panels(&harness, DEFAULT_SIZE), [false, true, false]);
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("close-statistics"))).unwrap();
    });
    assert_eq!(visible_panels(&harness, DEFAULT_SIZE), [true, false, false], "the other one comes back");
    harness.interact(|ui| {
        ui.click(selector::id(Id::new("network"))).unwrap();
    });
    assert_eq!(visible_panels(&harness, DEFAULT_SIZE), [false; 3]);
}

#[test]
fn video_area_is_the_same_beside_any_panel() {
    for size in [MIN_SIZE, DEFAULT_SIZE, LARGE_SIZE] {
        let areas: Vec<_> =
            [&PanelKind::ALL[..1], &PanelKind::ALL[1..2], &PanelKind::ALL[2..], &PanelKind::ALL]
                .into_iter()
                .map(|panels| {
                    let mut harness = playing(ThemePreference::Dark);
                    panels.iter().for_each(|panel| toggle(&mut harness, *panel));
                    video_area(&harness, size)
                })
                .collect();
        assert!(areas[0].width >= 320.0, "{areas:?}");
        assert!(areas.iter().all(|area| *area == areas[0]), "{areas:?}");
    }
}

#[test]
fn edge_of_the_panels_can_be_dragged() {
    let mut harness = playing(ThemePreference::Dark);
    toggle(&mut harness, PanelKind::Network);
    let before = video_area(&harness, LARGE_SIZE).width;
    let on_edge = Point::new(before + 2.0, 300.0);
    drag(&mut harness, LARGE_SIZE, on_edge, &[on_edge - iced::Vector::new(60.0, 20.0)]);
    assert_eq!(video_area(&harness, LARGE_SIZE).width, before - 60.0);
    assert_eq!(harness.app.settings().panels.width, 440);
    toggle(&mut harness, PanelKind::Messages);
    assert_eq!(video_area(&harness, LARGE_SIZE).width, before - 60.0, "all panels have the same width");
    let on_edge = Point::new(before - 58.0, 300.0);
    drag(&mut harness, LARGE_SIZE, on_edge, &[Point::new(1_279.0, 300.0), Point::new(3_000.0, 300.0)]);
    assert_eq!(harness.app.settings().panels.width, 300, "the width has a minimum");
    let on_edge = Point::new(982.0, 300.0);
    drag(&mut harness, LARGE_SIZE, on_edge, &[Point::new(1.0, 300.0)]);
    assert_eq!(harness.app.settings().panels.width, 800, "the width has a maximum");
    assert_eq!(video_area(&harness, DEFAULT_SIZE).width, 320.0, "a part of the video stays visible");
}

#[test]
fn open_panels_and_their_width_are_kept() {
    let panels = PanelSettings {
        open: vec![PanelKind::Statistics, PanelKind::Messages],
        width: 500,
        ..PanelSettings::default()
    };
    let harness = AppHarness::with_settings(Settings { panels, ..Settings::default() });
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [false, true, true]);
    let start_screen = Simulator::with_size(ui::iced_settings(), LARGE_SIZE, harness.app.view())
        .find(selector::id(Id::new("close-statistics")))
        .unwrap()
        .bounds();
    assert!(start_screen.x > 1_280.0 - 60.0);
}

#[test]
fn panels_lie_over_the_video_in_full_screen() {
    let mut harness = playing(ThemePreference::Dark);
    toggle(&mut harness, PanelKind::Messages);
    harness.send(Message::WindowOpened(window::Id::unique()));
    harness.send(Message::Shortcut(Shortcut::Fullscreen));
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [false; 3], "nothing covers the video at first");
    for panel in [PanelKind::Network, PanelKind::Statistics] {
        toggle(&mut harness, panel);
    }
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [true, true, false]);
    assert_eq!(video_area(&harness, LARGE_SIZE), LARGE_SIZE);
    harness.send(Message::PointerMoved);
    assert!(harness.shows_at(LARGE_SIZE, "Pause"));
    harness.assert_snapshot("panels-fullscreen-dark", LARGE_SIZE);
    harness.send(Message::Shortcut(Shortcut::Fullscreen));
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [false, false, true], "as before");
}

#[test]
fn header_fits_at_any_window_width() {
    for width in [640.0, 879.0, 880.0, 900.0, 1_280.0] {
        let harness = playing(ThemePreference::Light);
        let size = Size::new(width, 640.0);
        let mut ui = Simulator::with_size(ui::iced_settings(), size, harness.app.view());
        let ids = ["network", "statistics", "messages", "lesson-layout", "preferences"];
        let mut bounds: Vec<_> = ids.map(|id| ui.find(selector::id(Id::new(id))).unwrap().bounds()).into();
        bounds.extend(["Connect…", "3 buttons", "4 buttons"].map(|label| ui.find(label).unwrap().bounds()));
        bounds.sort_by(|a, b| a.x.total_cmp(&b.x));
        for pair in bounds.windows(2) {
            assert!(pair[0].x + pair[0].width <= pair[1].x, "{width}: {pair:?}");
        }
        assert!(bounds.iter().all(|bounds| bounds.x + bounds.width <= width - 8.0), "{width}: {bounds:?}");
    }
}

#[test]
fn panels_match_snapshots() {
    let mut harness = playing(ThemePreference::Light);
    for panel in [PanelKind::Network, PanelKind::Statistics] {
        toggle(&mut harness, panel);
    }
    harness.assert_snapshot("panels-stacked-light", LARGE_SIZE);
    harness.assert_snapshot("panels-smallest-light", MIN_SIZE);
}
