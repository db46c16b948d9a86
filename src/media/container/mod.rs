//! File formats that hold Motion JPEG.
//!
//! [`identify`] tells the format from the first bytes of a file, [`open`] gives the [`Demuxer`] for it. A new format
//! gets a file here that implements [`Demuxer`], a line in `identify`, one in [`open`], and its extensions.

mod demuxer;
mod extensions;
mod identify;
mod sequential;

pub use demuxer::{Demuxer, FrameEntry, Outcome, ReadRequest};
pub use extensions::{EXTENSIONS, has_film_extension};
pub use identify::{Foreign, HEAD_LENGTH, Layout, identify};
pub use sequential::SequentialDemuxer;

use super::rate::FrameRate;

/// A demuxer for a format. `rate` is the frame rate of a film that states none.
pub fn open(layout: Layout, rate: FrameRate) -> Box<dyn Demuxer> {
    match layout {
        Layout::Classroom | Layout::Raw => Box::new(SequentialDemuxer::new(rate)),
    }
}
