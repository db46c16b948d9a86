//! The window.
//!
//! `App` routes messages and puts the parts together; each part is a file of its own and returns what it wants as an
//! `Action` instead of reaching into the others. What is played is `playback`, which knows nothing of widgets.

mod app;
mod chart;
mod choose;
mod connect;
mod controls;
mod dialog;
mod display;
mod drawing;
mod feed;
mod filter;
mod focus;
mod format;
mod header;
mod icon;
mod knob;
mod leaving;
mod logbook;
pub mod messages;
pub mod network;
mod notice;
mod opening;
mod packets;
mod panel;
mod playback;
mod pointer;
mod preferences;
mod shortcuts;
mod sign_in;
mod start;
mod statistics;
mod status_bar;
mod summary;
mod theme;
mod video;
mod window;

pub use app::{App, AppOptions, Message};
pub use choose::Choice;
pub use choose::Saving;
pub use feed::News;
pub use focus::Step;
pub use panel::Panel;
pub use playback::Button;
pub use shortcuts::Shortcut;
pub use theme::{FONT, FONTS, dark, light};
pub use window::{WindowError, run, settings};
