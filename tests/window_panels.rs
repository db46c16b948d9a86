//! The panels of the window: which are visible, where, and how wide.

mod common;

use common::app_harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE, screenshot};
use iced::widget::Id;
use iced::{Event, Point, Size, mouse, window};
use iced_test::{Simulator, selector};
use reelay::session::{Goal, RtspState, SessionEvent};
use reelay::settings::{Controls, PanelKind, PanelSettings, Settings, ThemePreference};
use reelay::stats::{FIGURE_GROUPS, Figures, Snapshot};
use reelay::ui::{self, BackendUpdate, Message, Shortcut};

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
        Message::VideoResized(area, _) => Some(area),
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
    harness.assert_snapshot("panels-fullscreen-dark", DEFAULT_SIZE);
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
fn lesson_layout_shows_all_panels_and_remembers_the_others() {
    let toggle_lesson = |harness: &mut AppHarness| {
        harness.interact(|ui| {
            ui.click(selector::id(Id::new("lesson-layout"))).unwrap();
        });
    };
    let mut harness = playing(ThemePreference::Dark);
    toggle(&mut harness, PanelKind::Statistics);
    toggle_lesson(&mut harness);
    assert!(harness.app.settings().panels.is_lesson);
    for size in [DEFAULT_SIZE, LARGE_SIZE, WIDE_SIZE] {
        assert_eq!(visible_panels(&harness, size), [true; 3], "{size:?}");
        assert!(harness.shows_at(size, "Pause"));
    }
    let (large, wide) = (video_area(&harness, LARGE_SIZE), video_area(&harness, WIDE_SIZE));
    assert!(large.width == LARGE_SIZE.width && large.height > 200.0, "above the panels: {large:?}");
    assert!(wide.width > 500.0 && wide.height > 700.0, "beside the panels: {wide:?}");
    assert_eq!(visible_panels(&harness, MIN_SIZE), [true, false, false], "too small for three");
    harness.assert_snapshot("lesson-dark", LARGE_SIZE);
    harness.click("Messages");
    assert_eq!(visible_panels(&harness, DEFAULT_SIZE), [true, true, false], "each can be closed");
    toggle_lesson(&mut harness);
    assert_eq!(visible_panels(&harness, LARGE_SIZE), [false, true, false], "as before");
    let panels = PanelSettings { is_lesson: true, ..PanelSettings::default() };
    let harness = AppHarness::with_settings(Settings { panels, ..Settings::default() });
    assert_eq!(visible_panels(&harness, DEFAULT_SIZE), [true; 3], "the layout is kept");
    harness.assert_snapshot("lesson-start", DEFAULT_SIZE);
}

/// A picture that was decoded for another size of the window is scaled, and must not cover what is beside it.
#[test]
fn scaled_picture_stays_within_the_video_area() {
    let image = |harness: &AppHarness, name| {
        let size = Size::new(1_900.0, 800.0);
        let mut ui = Simulator::with_size(ui::iced_settings(), size, harness.app.view());
        screenshot(&mut ui, &harness.app.theme(), name)
    };
    let empty = image(&AppHarness::connecting(), "video-area-empty");
    let scaled = image(&AppHarness::with_sample(Controls::Three, ThemePreference::Dark), "video-area-scaled");
    let column = empty.width() / 2;
    let letterbox = image::Rgb([8, 9, 13]);
    let first_row = (0..empty.height()).find(|row| *empty.get_pixel(column, *row) == letterbox).unwrap();
    assert_ne!(*scaled.get_pixel(column, first_row + 4), letterbox, "the picture touches the upper edge");
    for row in first_row - 8..first_row {
        assert_eq!(scaled.get_pixel(column, row), empty.get_pixel(column, row), "row {row} of {first_row}");
    }
}

#[test]
fn tooltips_of_the_header_do_not_cover_titles_of_panels() {
    let mut harness = playing(ThemePreference::Dark);
    toggle(&mut harness, PanelKind::Statistics);
    let mut ui = Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, harness.app.view());
    let title = ui.find(selector::id(Id::new("close-statistics"))).unwrap().bounds();
    let mut hover = |id: &'static str| {
        let bounds = ui.find(selector::id(Id::new(id))).unwrap().bounds();
        let position = bounds.center();
        ui.point_at(position);
        ui.simulate([Event::Mouse(mouse::Event::CursorMoved { position })]);
        // iced measures the delay of a tooltip with the clock of the system.
        std::thread::sleep(std::time::Duration::from_millis(700));
        let now = std::time::Instant::now();
        ui.simulate([Event::Window(window::Event::RedrawRequested(now))]);
        let image = screenshot(&mut ui, &harness.app.theme(), id);
        (image, bounds)
    };
    let (before, _) = hover("network");
    for id in ["messages", "preferences"] {
        let (after, button) = hover(id);
        let is_changed = |x: f32, y: f32| {
            let (x, y) = ((2.0 * x) as u32, (2.0 * y) as u32);
            (x..x + 20).any(|x| before.get_pixel(x, y) != after.get_pixel(x, y))
        };
        let below = button.y + button.height + 10.0;
        assert!(is_changed(button.center_x() - 5.0, below), "there is no tooltip of {id}");
        let rows = title.y as u32 + 4..(title.y + title.height) as u32;
        for row in rows {
            let columns = (560..890).step_by(10);
            let covered = columns.filter(|x| is_changed(*x as f32, row as f32)).count();
            assert_eq!(covered, 0, "the tooltip of {id} covers row {row} of the title");
        }
    }
}

#[test]
fn placeholder_of_messages_is_complete() {
    let mut harness = playing(ThemePreference::Dark);
    toggle(&mut harness, PanelKind::Messages);
    harness.send(Message::Messages(ui::messages::Message::Filter("nothing".to_owned())));
    assert!(harness.shows_at(DEFAULT_SIZE, "No messages match the filter."));
    harness.assert_snapshot("messages-no-match", DEFAULT_SIZE);
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

#[test]
fn seldom_used_network_settings_are_shown_on_request_or_if_they_are_in_effect() {
    use reelay::ui::network::Message as Network;
    let mut harness = playing(ThemePreference::Light);
    toggle(&mut harness, PanelKind::Network);
    let all = ["Duplication", "Corruption", "Seed"];
    let shown = |harness: &AppHarness| all.map(|field| harness.shows(field));
    assert!(harness.shows("Jitter distribution"));
    assert_eq!(shown(&harness), [false; 3]);
    let tall = Size::new(1_280.0, 1_000.0);
    harness.interact_at(tall, |ui| {
        ui.click("More: duplicate, corrupt, seed").unwrap();
    });
    assert_eq!(shown(&harness), [true; 3]);
    harness.assert_snapshot("network-more-light", tall);
    harness.interact_at(tall, |ui| {
        ui.click("Less").unwrap();
    });
    assert_eq!(shown(&harness), [false; 3]);
    let duplicating = reelay::ui::network::SliderField::Duplication;
    harness.send(Message::Network(Network::Slide(duplicating, 0.5)));
    assert_eq!(shown(&harness), [true; 3]);
}

#[test]
fn same_quantity_has_the_same_value_everywhere() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.play();
    for _ in 0..9 {
        // The last full second differs from the last second before now.
        let figures = harness.next_figures();
        let snapshot = Snapshot {
            frames_per_second_shown: 14.0,
            frames_per_second: 15.0,
            wire_bits_per_second: 1.59e6,
            bits_per_second: 1.46e6,
            loss_ratio: Some(0.123),
            ..figures.snapshot
        };
        let figures = Figures { snapshot, ..figures };
        harness.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
    }
    toggle(&mut harness, PanelKind::Statistics);
    let tall = Size::new(1_280.0, 3_000.0);
    for text in ["14.0", "14.0 /s", "14.0 /s shown", "1.59", "1.59 Mbit/s", "1.59 Mbit/s on the wire"] {
        assert!(harness.shows_at(tall, text), "{text}");
    }
    assert_eq!(harness.count_texts(tall, |text| text.contains("14.0")), 4, "large, chart, list, status bar");
    assert_eq!(harness.count_texts(tall, |text| text.contains("1.59")), 4, "large, chart, list, status bar");
    assert_eq!(harness.count_texts(tall, |text| text.contains("15.0\u{a0}/s")), 1, "complete frames");
    assert_eq!(harness.count_texts(tall, |text| text.contains("12.3")), 3, "large, list, status bar");
    harness.set_idle(RtspState::Ready, Goal::Ready);
    assert_eq!(harness.count_texts(tall, |text| text.contains("14.0") || text.contains("1.59")), 0, "paused");
}

#[test]
fn low_panel_has_space_for_messages_beside_the_filter() {
    let mut harness = playing(ThemePreference::Dark);
    harness.log_whole_session();
    toggle(&mut harness, PanelKind::Messages);
    assert!(harness.has_id_at(MIN_SIZE, "messages-filter"));
    harness.assert_snapshot("messages-smallest", MIN_SIZE);
}

#[test]
fn every_figure_says_its_span() {
    let mut harness = playing(ThemePreference::Dark);
    toggle(&mut harness, PanelKind::Statistics);
    let spans = [
        "since SETUP",
        "last second",
        "smoothed",
        "last frames",
        "last report",
        "now",
        "once",
        "last full second",
    ];
    let shown = harness.count_texts(Size::new(1_280.0, 3_000.0), |text| spans.contains(&text));
    let figures: usize = FIGURE_GROUPS.iter().map(|group| group.figures.len()).sum();
    assert_eq!(shown, figures + 6 + 6, "in the list, large and in charts");
}

#[test]
fn chart_has_a_read_out_under_the_pointer() {
    let mut harness = playing(ThemePreference::Light);
    harness.send(Message::Network(ui::network::Message::Preset(&reelay::impairment::PRESETS[4])));
    for _ in 0..48 {
        let figures = harness.next_figures();
        harness.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
    }
    toggle(&mut harness, PanelKind::Statistics);
    let mut ui = Simulator::with_size(ui::iced_settings(), LARGE_SIZE, harness.app.view());
    let title = ui.find("Lost per second").unwrap().bounds();
    let theme = harness.app.theme();
    let without = screenshot(&mut ui, &theme, "chart-without-pointer");
    ui.point_at(Point::new(1_190.0, title.y - 50.0));
    let with = screenshot(&mut ui, &theme, "statistics-read-out-light");
    // The scroll bar at the right is highlighted too.
    let changed =
        without.enumerate_pixels().filter(|(x, y, pixel)| *x < 2_520 && with.get_pixel(*x, *y) != *pixel);
    let rows: Vec<_> = changed.map(|(_, y, _)| y as f32 / 2.0).collect();
    assert!(rows.len() > 1_000, "only {} pixels change", rows.len());
    let others: Vec<_> = rows.iter().filter(|y| !(title.y - 110.0..title.y).contains(*y)).collect();
    assert!(others.is_empty(), "only that chart changes, above {}: {others:?}", title.y);
}

#[test]
fn summary_fills_the_window_and_marks_equal_figures() {
    let mut harness = playing(ThemePreference::Light);
    harness.emit_session_event(SessionEvent::Ended);
    harness.set_idle(RtspState::Ready, Goal::Ready);
    harness.click("Summary…");
    let bottom = |harness: &AppHarness, size| {
        let mut ui = Simulator::with_size(ui::iced_settings(), size, harness.app.view());
        let close = ui.find("Copy as text").unwrap().bounds();
        close.y + close.height
    };
    for size in [DEFAULT_SIZE, LARGE_SIZE, WIDE_SIZE] {
        assert!(bottom(&harness, size) > size.height - 80.0, "{size:?}");
    }
    let mut ui = Simulator::with_size(ui::iced_settings(), WIDE_SIZE, harness.app.view());
    let marks = ui.find(selector::id(Id::new("summary-equal")));
    assert!(marks.is_ok(), "equal figures have no mark");
    drop(ui);
    let (measured, counted) = ("measured", "counted by the emulator");
    let mut ui = Simulator::with_size(ui::iced_settings(), WIDE_SIZE, harness.app.view());
    let [measured, counted] = [measured, counted].map(|label| ui.find(label).unwrap().bounds());
    assert!(measured.x + measured.width <= counted.x, "side by side");
}
