//! The window.
//!
//! `App` routes messages and puts the parts together; each part is a file of its own and returns what it wants as an
//! `Action` instead of reaching into the others. What is played is `playback`, which knows nothing of widgets.

mod app;
mod dialog;
mod panel;
mod theme;
mod widget;
mod window;

pub use app::backend_events::BackendUpdate;
pub use app::playback::Button;
pub use app::shortcuts::Shortcut;
pub use app::{App, AppOptions, Message};
pub use dialog::file_dialog::{PickResult, SaveResult};
pub use panel::{PanelKind, messages, network};
pub use theme::{FONT, FONTS, dark, light};
pub use widget::focus::FocusStep;
pub use window::{WindowError, iced_settings, run};
