//! The application: state, messages, and the parts of the window that are always visible.
//!
//! [`App`] follows the Elm architecture of iced. [`App::view`] builds the window from the state, widgets publish a
//! [`Message`], and [`App::update`] changes the state and returns a `Task` for what iced does outside the application
//! (focus, file dialogs, clipboard). `App` is split by subject:
//!
//! - `state`: fields, start, opening and connecting; `message`: the messages.
//! - `update`: handling of each message, with `backend_updates`, `dialogs`, `keyboard`, `panels`, `seeking`,
//!   `hovering`, `viewing_options` and `video_area`.
//! - `view`: the layout of the window, with its parts `header`, `start_screen`, `controls` (with the `time_line`),
//!   `banner` and `status_bar` (with the field `frame_rate`); `transport`: the icons beside the buttons, `menu` and
//!   `menu_lines`; `banner_timeout`: banners that disappear; `window_size`: size of a new window; `window_place` and
//!   `window_closing`: its size and place from one start to the next.
//! - `subscription`: inputs from outside the window, with `backend_subscription`; `handed_over`: what the command line
//!   names, also that of `later_starts`; `screen_saver`: keeping it away.
//! - `recents`: what was opened before, with `recent_list` and `posters`; `lessons`: what the start screen offers to
//!   try; `sharing`: serving the open film to other players, with `sharing_bar`.
//! - `play_list`: what is played one after the other, and `playing_order`: opening of its entries; `playback`: the
//!   media that is open; `picture_view` and `picture_action`: its size and rotation; `session_record`: statistics and
//!   message log; `before_stream`: what returns if a stream cannot be set up; `panel_state`: open panels.
//!
//! To add a part of the window: write its file with an `Action` and a `view`, add a variant to [`Message`], handle it
//! in `update`, and place it in `view`. For dialogs and panels see their own modules.
//!
//! # From a click to a request
//!
//! 1. `controls::view` publishes `controls::Action::Press` with a [`Button`].
//! 2. [`App::update`] passes it to `Playback::press`, which ignores a disabled button.
//! 3. `Button::goal` maps the button to a [`Goal`](crate::session::Goal). `Playback::set_goal` shows that goal at once,
//!    increments `goal_revision`, and sends a [`Command::Session`](crate::backend::Command::Session) with
//!    [`SessionCommand::SetGoal`](crate::session::SessionCommand::SetGoal) and the generation of the media.
//! 4. The backend's engine drops the command if other media have been opened meanwhile, and else passes it to the
//!    [`Session`](crate::session::Session).
//! 5. The driver of the session passes it to its [`Client`](crate::session::Client) as an input. The client compares
//!    the goal with the RTSP state and sends the next request: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE or TEARDOWN. Each
//!    response changes the state and leads to the next request, until the goal is reached.
//! 6. Each change returns as a [`SessionEvent::Status`](crate::session::SessionEvent::Status) with the `goal_revision`
//!    that the session knows. `Playback` adopts its goal only if that is the newest, so the last click decides.

mod backend_subscription;
mod backend_updates;
mod banner;
mod banner_timeout;
mod before_stream;
mod controls;
mod dialogs;
mod frame_rate;
mod handed_over;
mod header;
mod hovering;
mod keyboard;
mod later_starts;
mod lessons;
mod logo;
mod menu;
mod menu_lines;
mod message;
mod panel_state;
mod panels;
mod picture_action;
mod picture_view;
mod play_list;
mod playback;
mod playing_order;
mod posters;
mod recent_list;
mod recent_state;
mod recents;
mod recording;
mod recording_state;
mod screen_saver;
mod seeking;
mod session_record;
mod sharing;
mod sharing_bar;
mod sharing_state;
mod start_screen;
mod state;
mod status_bar;
mod subscription;
mod time_line;
mod transport;
mod update;
mod video_area;
mod view;
mod viewing_options;
mod window_closing;
mod window_place;
mod window_size;
mod window_state;

pub use backend_subscription::{BackendSubscription, BackendUpdate};
pub use logo::logo_pixels;
pub use menu::Menu;
pub use message::Message;
pub use playback::Button;
pub use state::{App, AppOptions};
pub use window_place::{initial_place, scale_of};
pub use window_size::MIN_SIZE;
