//! The backend of the window: a Tokio runtime with the embedded server, the session and the decoding thread.
//!
//! [`Backend::start`] starts everything and returns a [`BackendOutputs`]. The window sends a [`Command`] through a
//! [`BackendHandle`] and never waits for a response; results arrive as a [`BackendEvent`]. Statistics and pictures have
//! channels of their own that keep only the newest value: a queue of 256 decoded pictures would take hundreds of
//! megabytes. [`Backend::shutdown`] sends TEARDOWN and stops everything.
//!
//! Every [`Command::Open`] and [`Command::Connect`] carries a generation number that the window chooses. Events carry
//! the number of their command, so that the window can ignore those of earlier media.

mod engine;
mod frame_rates;
mod handle;
mod lifecycle;
mod messages;
mod poster;
mod preview;
mod recording;
pub mod screen_saver;
mod sharing;
mod shutdown_signal;
mod source;
mod thumbnail;

pub use frame_rates::FrameRates;
pub use handle::BackendHandle;
pub use lifecycle::{Backend, BackendOutputs, runtime};
pub use messages::{BackendEvent, BackendEventKind, BackendOptions, Command, Concealment};
pub use poster::{Poster, read_poster};
pub use recording::{RecordingRequest, RecordingUpdate, SnapshotRequest};
pub use sharing::Sharing;
pub use shutdown_signal::ShutdownSignal;
pub use source::{FoundList, ListEntry, MediaSource, OpenedSource, SAMPLE_NAME, file_name};
pub use thumbnail::{MAX_SIZE as MAX_THUMBNAIL_SIZE, Thumbnail, ThumbnailRequest};
