//! Settings that are kept from one start of the window to the next.
//!
//! [`Settings::load`] reads `settings.toml` in the configuration folder of the user, and [`Settings::save`] writes it.
//! People may edit the file: comments, formatting and unknown keys are kept. A value that cannot be used is ignored by
//! itself, and a file that is not TOML is renamed, never deleted; [`LoadedSettings::problem`] says so.

mod document;
mod json;
mod problem;
mod store;
mod values;

pub use problem::{IgnoredValue, SettingsProblem};
pub use store::LoadedSettings;
pub use values::{
    Controls, KnownServer, MAX_PLAYOUT_DELAY_MS, ParseControlsError, ParseThemeError, Settings,
    ThemePreference,
};
