//! Panels at the right of the video, of which at most one is open.
//!
//! A panel has a `Panel` with its state and a `view` of its content; one with input has a `Message` and an `update`,
//! and returns an `Action` for the application. [`layout`] adds the title, the close button and the scroll bar.
//!
//! To add a panel: write its file here, add a variant to [`PanelKind`] (`kind.rs`, with its name and tooltip) and one
//! to `app::message::Message`, and show it in `App::panel` (`app/view.rs`). The header gets its button from
//! [`PanelKind::ALL`]; `app/shortcuts.rs` needs one more digit.

mod kind;
pub mod layout;
mod message_filter;
mod message_ladder;
pub mod messages;
pub mod network;
mod network_slider;
pub mod statistics;

pub use kind::PanelKind;
