//! Recording of what a session receives, to a file on disk.
//!
//! [`Recorder::start`] starts a thread that writes the frames of a [`FrameQueue`](crate::session::FrameQueue); the
//! queue joins a session through its [`RecorderSlot`](crate::session::RecorderSlot). `RecordingClock` gives the frames
//! their times, `RecordingMuxer` begins the file when its size and rate are known, and `RecordingTarget` is that file,
//! or a folder of JPEG files. [`Recorder::stop`] completes the film, and [`Recorder::finished`] returns what was
//! recorded.

mod clock;
mod format;
mod muxer;
mod name;
mod recorder;
mod snapshot;
mod target;

pub use clock::RecordingClock;
pub use format::{ParseRecordingFormatError, RecordingFormat};
pub use muxer::RecordingMuxer;
pub use name::{UserFolders, file_stem, unused_path};
pub use recorder::{Recorder, RecordingOptions, RecordingProgress, RecordingResult};
pub use snapshot::{ParseSnapshotFormatError, SnapshotFormat, save_snapshot};
