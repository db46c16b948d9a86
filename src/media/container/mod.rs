//! File formats that hold Motion JPEG.
//!
//! [`identify`] tells the format from the first bytes of a file, [`open`] gives the [`Demuxer`] for it. A new format
//! gets a file here that implements [`Demuxer`], a line in `identify`, one in [`open`], and its extensions.

mod demuxer;
mod extensions;
mod identify;
mod sequential;

pub use demuxer::{Demuxer, FrameEntry, Outcome, ReadRequest};
pub use extensions::{EXTENSIONS, has_media_extension};
pub use identify::{ContainerFormat, HEAD_LENGTH, UnsupportedFile, identify};
pub use sequential::SequentialDemuxer;

use super::frame_rate::FrameRate;

/// A demuxer for a format. `rate` is the frame rate of a film that states none.
pub fn open(layout: ContainerFormat, rate: FrameRate) -> Box<dyn Demuxer> {
    match layout {
        ContainerFormat::Classroom | ContainerFormat::Raw => Box::new(SequentialDemuxer::new(rate)),
    }
}
