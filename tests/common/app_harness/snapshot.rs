//! Comparison of screenshots with the images in tests/snapshots.

use std::fs;
use std::path::{Path, PathBuf};

use iced::Theme;
use iced_test::Simulator;
use reelay::ui::{Message, Renderer};

/// Maximum difference of a channel (0 to 255) that is not visible; decoders and text rendering differ a little between
/// machines.
const MAX_CHANNEL_DIFFERENCE: u8 = 40;

/// Maximum ratio of pixels with a visible difference.
const MAX_DIFFERENT_RATIO: f64 = 0.000_5;

/// Environment variable that, set to any value, replaces the expected images with the screenshots.
const UPDATE_VARIABLE: &str = "REELAY_UPDATE_SNAPSHOTS";

/// Returns a screenshot at a scale factor of two; `name` is that of a temporary file.
pub fn screenshot(
    ui: &mut Simulator<'_, Message, Theme, Renderer>,
    theme: &Theme,
    name: &str,
) -> image::RgbImage {
    image::open(write_screenshot(ui, theme, name)).unwrap().into_rgb8()
}

/// Writes a screenshot to a temporary file and returns its path.
fn write_screenshot(ui: &mut Simulator<'_, Message, Theme, Renderer>, theme: &Theme, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshots");
    fs::create_dir_all(&folder).unwrap();
    let actual_path = folder.join(format!("{name}-tiny-skia.png"));
    // `matches_image` writes the screenshot if there is no image to compare with.
    let _ = fs::remove_file(&actual_path);
    ui.snapshot(theme).unwrap().matches_image(folder.join(name)).unwrap();
    assert!(actual_path.exists(), "the window was not drawn by tiny-skia; is .cargo/config.toml in effect?");
    actual_path
}

pub(super) fn compare_snapshot(ui: &mut Simulator<'_, Message, Theme, Renderer>, theme: &Theme, name: &str) {
    let actual_path = write_screenshot(ui, theme, name);
    let expected_path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.png"));
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        load_half_size(&actual_path).save(&expected_path).unwrap();
        return;
    }
    let actual = load_half_size(&actual_path);
    let expected = image::open(&expected_path)
        .unwrap_or_else(|error| {
            panic!("{}: {error}; run the test with {UPDATE_VARIABLE}=1", expected_path.display())
        })
        .into_rgb8();
    assert_eq!(actual.dimensions(), expected.dimensions(), "{name}");
    let visible = actual
        .pixels()
        .zip(expected.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > MAX_CHANNEL_DIFFERENCE))
        .count();
    let ratio = visible as f64 / f64::from(actual.width() * actual.height());
    assert!(
        ratio <= MAX_DIFFERENT_RATIO,
        "{name} differs in {visible} pixels; compare {} with {}",
        actual_path.display(),
        expected_path.display()
    );
}

/// Loads a screenshot, which is rendered at a scale factor of two, at half its size.
fn load_half_size(path: &Path) -> image::RgbImage {
    let image = image::open(path).unwrap();
    image.thumbnail_exact(image.width() / 2, image.height() / 2).into_rgb8()
}
