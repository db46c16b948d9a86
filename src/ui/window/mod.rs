//! Opening and closing of the window.
//!
//! [`run()`] starts the backend, opens the window with iced, returns when it is closed, and stops the backend. Errors
//! before the window is open are sentences for the command line.

mod display_server;
mod panic_guard;
mod run;
mod settings;

pub use run::{WindowError, run};
pub use settings::iced_settings;
