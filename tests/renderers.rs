//! The window as a graphics card draws it, beside the software renderer. Any driver for Vulkan will do, such as Mesa's
//! lavapipe, which needs no graphics card. Without one the tests print a message and pass; if `REELAY_REQUIRE_PEERS` is
//! set, they fail instead.
#![cfg(feature = "gpu")]

mod common;

use bytes::Bytes;
use common::app_harness::{AppHarness, DEFAULT_SIZE};
use iced::advanced::renderer::{self, Headless};
use iced::{Event, Pixels, Size, Theme, mouse, window};
use iced_test::futures::futures::executor::block_on;
use iced_test::runtime::user_interface::{Cache, UserInterface};
use jpeg_encoder::{ColorType, Encoder};
use reelay::session::{Decoder, Orientation, Picture, PictureView, Scaler, Scaling};
use reelay::settings::{Controls, ThemePreference};
use reelay::ui::{self, Message, Renderer, Shortcut};

fn renderer(backend: &str) -> Option<Renderer> {
    let settings = ui::iced_settings();
    let renderer = <Renderer as Headless>::new(
        settings.default_font,
        Pixels(settings.default_text_size.0),
        Some(backend),
    );
    let renderer = block_on(renderer);
    if renderer.is_none() {
        assert!(std::env::var_os("REELAY_REQUIRE_PEERS").is_none(), "there is no driver for {backend}");
        println!("not run: there is no driver for {backend}");
    }
    renderer
}

/// Returns the size of the video area, and who scales its pictures, as the window reports them.
fn video_area(harness: &AppHarness, renderer: &mut Renderer) -> (Size, Scaler) {
    let mut window = UserInterface::build(harness.app.view(), DEFAULT_SIZE, Cache::default(), renderer);
    let redraw = Event::Window(window::Event::RedrawRequested(std::time::Instant::now()));
    let (mut clipboard, mut messages) = (iced::advanced::clipboard::Null, Vec::new());
    let _ = window.update(&[redraw], mouse::Cursor::Unavailable, renderer, &mut clipboard, &mut messages);
    let resized = messages.into_iter().find_map(|message| match message {
        Message::VideoResized(size, scaler) => Some((size, scaler)),
        _ => None,
    });
    resized.expect("the window has a video area")
}

/// Draws the window, and returns its pixels as RGBA.
fn draw(harness: &AppHarness, renderer: &mut Renderer, size: Size, scale_factor: f32) -> Vec<u8> {
    for font in ui::iced_settings().fonts {
        let mut fonts = iced_test::renderer::graphics::text::font_system().write().unwrap();
        fonts.load_font(font);
    }
    let theme = harness.app.theme();
    let mut window = UserInterface::build(harness.app.view(), size, Cache::default(), renderer);
    let style = renderer::Style { text_color: theme.palette().text };
    window.draw(renderer, &theme, &style, mouse::Cursor::Unavailable);
    let physical = Size::new((size.width * scale_factor) as u32, (size.height * scale_factor) as u32);
    renderer.screenshot(physical, scale_factor, background(&theme))
}

fn background(theme: &Theme) -> iced::Color {
    theme.palette().background
}

/// Returns the ratio of pixels that differ by more than this in a channel.
fn share_of_different_pixels(a: &[u8], b: &[u8], tolerance: u8) -> f64 {
    assert_eq!(a.len(), b.len());
    let (a, b) = (a.as_chunks::<4>().0, b.as_chunks::<4>().0);
    let differs = |(a, b): &(&[u8; 4], &[u8; 4])| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > tolerance);
    a.iter().zip(b).filter(differs).count() as f64 / a.len() as f64
}

/// Returns the peak signal-to-noise ratio of two pictures, in decibels.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * a.len() as f64 / squares.max(1e-9)).log10()
}

#[test]
fn window_looks_the_same_on_both_renderers() {
    let (Some(mut gpu), Some(mut software)) = (renderer("wgpu"), renderer("tiny-skia")) else { return };
    for theme in [ThemePreference::Dark, ThemePreference::Light] {
        let mut playing = AppHarness::with_sample(Controls::Four, theme);
        let mut start = AppHarness::new(Controls::Three, theme);
        for (name, harness) in [("start screen", &mut start), ("playing", &mut playing)] {
            for scale_factor in [1.0, 2.0] {
                harness.send(Message::ScaleFactor(scale_factor));
                let [by_gpu, by_software] = [&mut gpu, &mut software].map(|renderer| {
                    if name == "playing" {
                        let (Size { width, height }, scaler) = video_area(harness, renderer);
                        let area = ((width * scale_factor) as u32, (height * scale_factor) as u32);
                        show(harness, &jpeg(640, 360), PictureView::default(), scaler, area);
                    }
                    draw(harness, renderer, DEFAULT_SIZE, scale_factor)
                });
                // The edges of letters and of round corners are smoothed differently.
                let share = share_of_different_pixels(&by_gpu, &by_software, 40);
                println!("{name}, {theme:?}, {scale_factor}: {share:.4}");
                assert!(share < 0.01, "{name}, {theme:?}, {scale_factor}: {share}");
            }
        }
    }
}

/// Encodes a picture with flat areas, edges and a fine pattern.
fn jpeg(width: u16, height: u16) -> Bytes {
    let pixel = |x: u16, y: u16| match (x / 32 + y / 32) % 4 {
        0 => [200, 40, 40],
        1 => [30, 160, 60],
        2 => [20, 30, (u32::from(x) * 255 / u32::from(width)) as u8],
        _ => [90 + (x % 7) as u8 * 8, 128, 90 + (y % 5) as u8 * 8],
    };
    let rgb: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, 95).encode(&rgb, width, height, ColorType::Rgb).unwrap();
    jpeg.into()
}

/// Decodes a frame for the video area of the window, and shows it.
fn show(harness: &mut AppHarness, jpeg: &Bytes, view: PictureView, scaler: Scaler, area: (u32, u32)) {
    let decoder = Decoder::start().unwrap();
    decoder.set_area(Some(area));
    decoder.set_view(view);
    decoder.set_scaler(scaler);
    decoder.decode(jpeg.clone(), None, 0);
    let mut slot = decoder.slot();
    assert!(block_on(slot.changed()));
    let picture = slot.latest().unwrap();
    assert_eq!(picture.scaler, scaler);
    harness.show_picture(Picture::clone(&picture));
}

#[test]
fn picture_has_the_same_colours_and_place_on_both_renderers() {
    let (Some(mut gpu), Some(mut software)) = (renderer("wgpu"), renderer("tiny-skia")) else { return };
    let orientations = [
        Orientation::default(),
        Orientation::default().rotated(),
        Orientation::default().flipped(),
        Orientation::default().rotated().flipped(),
        Orientation::default().rotated().rotated().rotated(),
    ];
    // Smaller than the window, and larger.
    for jpeg in [jpeg(320, 192), jpeg(1_600, 1_200)] {
        for scaling in Scaling::ALL {
            for orientation in orientations {
                let view = PictureView { scaling, orientation };
                let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
                // The video is as large as the window.
                harness.send(Message::WindowOpened(window::Id::unique()));
                harness.send(Message::Shortcut(Shortcut::Fullscreen));
                let area = (DEFAULT_SIZE.width as u32, DEFAULT_SIZE.height as u32);
                show(&mut harness, &jpeg, view, Scaler::Decoder, area);
                let by_software = draw(&harness, &mut software, DEFAULT_SIZE, 1.0);
                show(&mut harness, &jpeg, view, Scaler::Renderer, area);
                let by_gpu = draw(&harness, &mut gpu, DEFAULT_SIZE, 1.0);
                let psnr = psnr(&by_software, &by_gpu);
                let share = share_of_different_pixels(&by_software, &by_gpu, 2);
                println!("{view:?}: {psnr:.1} dB, {share:.4} differ by more than 2");
                assert!(psnr >= 40.0 && share < 0.05, "{view:?}: {psnr} dB, {share}");
            }
        }
    }
}
