//! Client of cameras that send Motion JPEG over HTTP: multipart/x-mixed-replace, and snapshots that are polled.
//! Sans-I/O.
//!
//! HTTP has no session, so the states of RTSP mean: *ready*: the response was checked, its first frame is on the
//! screen, and the connection is closed. *Playing*: frames arrive on the connection. Pause closes the connection, and
//! the last frame stays on the screen; Stop forgets that the response was checked.

mod client;
mod error;
mod frame_clock;
mod machine;
mod receiver;

pub use client::HttpClient;
pub use error::HttpError;
