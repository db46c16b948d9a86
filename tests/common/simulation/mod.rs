//! A client and a server on virtual time, joined by an emulated link.
//!
//! A [`World`] is made from [`WorldOptions`]; `run_for` and `run_until` step it from deadline to deadline, so that
//! hours of playback take seconds. The same seed gives the same run.

mod options;
mod server;
mod world;

pub use options::{MS, ScaleSupport, WorldOptions};
pub use world::{ShownFrame, World};
