//! How a film is looked at: the size and the rotation of its picture.

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::app_harness::{AppHarness, DEFAULT_SIZE, media_info};
use iced::Point;
use reelay::backend::{BackendEventKind, Command, MediaSource};
use reelay::session::{Decoder, Orientation, Scaling};
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
