//! Settings of iced and of the window.

use iced::{Settings as IcedSettings, window};

use crate::settings::Settings;
use crate::ui::app::{MIN_SIZE, initial_place, logo_pixels, scale_of};
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

/// Returns the settings of the window: its size and place, minimum size, and icon.
pub fn window_settings(settings: &Settings) -> window::Settings {
    let (size, position) = initial_place(settings);
    let (width, height, pixels) = logo_pixels();
    window::Settings {
        size,
        position: position.map_or(window::Position::Default, window::Position::Specific),
        maximized: settings.window.is_maximized,
        // The place of the window is saved before it is closed.
        exit_on_close_request: false,
        // In logical pixels of the system, before the scale of the view.
        min_size: Some(MIN_SIZE * scale_of(settings)),
        icon: window::icon::from_rgba(pixels, width, height).ok(),
        #[cfg(target_os = "linux")]
        platform_specific: window::settings::PlatformSpecific {
            application_id: APPLICATION_ID.to_owned(),
            ..Default::default()
        },
        ..window::Settings::default()
    }
}
