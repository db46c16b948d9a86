//! JPEG (ITU-T T.81) as far as it must be understood to be cut, carried and put together again.

mod bits;
mod blocks;
mod compatibility;
mod header;
mod huffman;
mod limits;
pub mod marker;
pub mod tables;
mod transcode;
mod walker;

pub use compatibility::as_decoders_expect;
pub use header::{
    Component, Dimensions, FrameHeader, JpegError, JpegHeader, ScanComponent, Segment, standard_header,
};
pub use limits::{LARGEST, MOST_PIXELS};
pub use transcode::with_standard_huffman;
pub use walker::{Step, Walker};
