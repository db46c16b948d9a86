//! The window, built with iced.
//!
//! - `app`: the application: its state, the handling of messages, and the parts that are always visible.
//! - `dialog`: dialogs in front of the window.
//! - `panel`: panels at the right of the video.
//! - `hand_over`: a second start of the program, which opens its film in the window that is open.
//! - `widget`: widgets that do not depend on the application.
//! - `renderer`: the renderer of all widgets, and the drawing of the video.
//! - `shortcuts`: the table of keys.
//! - `theme`: fonts, sizes, colours and styles.
//! - `window`: opens the window with iced and starts the backend.
//!
//! Each part is a file with a `view` function. It returns its requests as an `Action` instead of changing other parts;
//! [`App`] performs them. [`run`] opens the window; tests call [`App::update`] and [`App::view`] without one.

mod app;
mod dialog;
mod hand_over;
mod panel;
mod renderer;
mod shortcuts;
mod text_format;
mod theme;
mod widget;
mod window;

pub use app::{App, AppOptions, BackendSubscription, BackendUpdate, Button, Menu, Message};
pub use dialog::file_dialog::{PickResult, SaveResult};
pub use dialog::{play_list, preferences};
pub use hand_over::{MAX_PAYLOAD, Request, RequestError, payload_length};
pub use panel::{messages, network};
pub use renderer::{Renderer, VideoRenderer, WholePicture, find_graphics_card};
pub use shortcuts::{Shortcut, ShortcutRow, TABLE as SHORTCUT_TABLE};
pub use theme::{FONT, FONTS, dark, light};
pub use window::{WindowError, iced_settings, run};
