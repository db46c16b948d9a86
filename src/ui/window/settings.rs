//! Settings of iced and of the window.

use iced::{Settings as IcedSettings, window};

use crate::ui::app::{INITIAL_SIZE, MIN_SIZE, logo_pixels};
use crate::ui::theme::{FONT, FONTS, size};

/// Name of the `.desktop` file, from which the desktop takes name and icon of the program.
const APPLICATION_ID: &str = "reelay";

/// Returns the settings of iced: application id, fonts and font size.
pub fn iced_settings() -> IcedSettings {
    IcedSettings {
        id: Some(APPLICATION_ID.to_owned()),
        fonts: FONTS.iter().map(|font| (*font).into()).collect(),
        default_font: FONT,
        default_text_size: size::NORMAL.into(),
        antialiasing: true,
        ..IcedSettings::default()
    }
}

/// Returns the settings of the window: initial and minimum size, and icon.
pub fn window_settings() -> window::Settings {
    let (width, height, pixels) = logo_pixels();
    window::Settings {
        size: INITIAL_SIZE,
        min_size: Some(MIN_SIZE),
        icon: window::icon::from_rgba(pixels, width, height).ok(),
        #[cfg(target_os = "linux")]
        platform_specific: window::settings::PlatformSpecific {
            application_id: APPLICATION_ID.to_owned(),
            ..Default::default()
        },
        ..window::Settings::default()
    }
}
