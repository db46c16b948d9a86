//! JPEG (ITU-T T.81) as far as it must be understood to be cut, carried and put together again.

mod bits;
mod blocks;
mod compatibility;
mod frame_parser;
mod header;
mod huffman;
mod limits;
pub mod marker;
pub mod tables;
mod transcode;

pub use compatibility::normalize_for_decoder;
pub use frame_parser::{FrameParser, ParseStatus};
pub use header::{
    Component, Dimensions, FrameHeader, JpegError, JpegHeader, ScanComponent, Segment, standard_header,
};
pub use limits::{MAX_FRAME_SIZE, MAX_PIXELS};
pub use transcode::with_standard_huffman;
