//! Settings that are saved between runs of the window.
//!
//! [`Settings::load`] reads `settings.toml` in the configuration folder of the user, and [`Settings::save`] writes it.
//! Users may edit the file: comments, formatting and unknown keys are kept. An invalid value is ignored without
//! affecting the others, and a file that is not TOML is renamed, never deleted; [`LoadedSettings::problem`] reports
//! both.

pub mod document;
mod entries;
mod json;
mod merge;
mod panels;
mod problem;
mod recent_settings;
mod recents;
mod save_order;
mod store;
mod tables;
mod values;
mod window;

pub use panels::{MAX_PANEL_WIDTH, MIN_PANEL_WIDTH, PanelKind, PanelSettings, ParsePanelError};
pub use problem::{IgnoredValue, SettingsProblem};
pub use recents::{KnownServer, LastAttempt, MAX_RECENTS, Recent, RecentSource, RecentStream};
pub use save_order::{PendingSave, SaveOrder};
pub use store::LoadedSettings;
pub use values::{
    Controls, FilmSettings, MAX_INTERFACE_SCALE, MAX_PLAYOUT_DELAY_MS, MIN_INTERFACE_SCALE,
    ParseControlsError, ParseThemeError, Settings, ThemePreference,
};
pub use window::WindowSettings;
