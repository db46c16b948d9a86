//! The application without a screen and without a backend.
//!
//! An [`AppHarness`] takes the backend's place: tests send events of the backend, click on labels of the window, and
//! check the commands that the window sends and its screenshots.

mod backend_events;
mod harness;
mod sample_data;
mod snapshot;

pub use harness::{AppHarness, DEFAULT_SIZE, LARGE_SIZE, MIN_SIZE};
pub use sample_data::{media_info, npt_seconds};
pub use snapshot::screenshot;
