//! Panels around the video.
//!
//! A panel has a `Panel` with its state and a `view` of its content; one with input has a `Message` and an `update`,
//! and returns an `Action` for the application. [`layout`] adds the title, the close button and the scroll bar.
//!
//! [`arrangement`] decides which of the open panels are visible, and where.
//!
//! To add a panel: write its file here, add a variant to [`PanelKind`](crate::settings::PanelKind) (`kind.rs` has its
//! name, icon and tooltip) and one to `app::message::Message`, and show it in `App::view_panel` (`app/panels.rs`). The
//! header gets its button from `PanelKind::ALL`; `ui/shortcuts.rs` needs one more digit.

pub mod arrangement;
mod kind;
pub mod layout;
mod message_filter;
mod message_ladder;
pub mod messages;
pub mod network;
mod network_slider;
pub mod statistics;
mod statistics_charts;
