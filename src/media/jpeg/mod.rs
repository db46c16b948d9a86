//! JPEG (ITU-T T.81): parsing of frames, and the lossless changes that payload formats and decoders require.
//!
//! [`FrameParser`] finds the end of a frame in a byte stream, [`JpegHeader`] parses the header segments,
//! [`standard_header()`] rebuilds a header from the fields of RFC 2435, and [`with_standard_huffman`] replaces Huffman
//! tables without decoding pixels. Pixels are decoded in [`decode`](super::decode).

mod bits;
mod blocks;
mod compatibility;
mod conceal;
mod decodability;
mod fields;
mod frame_parser;
mod header;
mod huffman;
mod limits;
pub mod marker;
mod restart;
mod scan;
mod segment;
mod standard_header;
pub mod tables;
mod transcode;

pub use compatibility::{normalize_for_decoder, standalone};
pub use conceal::{FreshArea, McuRectangle, ReceivedParts, repair};
pub use decodability::{check_decoding_cost, check_sampling, undecodable_kind};
pub use fields::{Fields, frame_dimensions, split_fields, weave};
pub use frame_parser::{FrameParser, ParseStatus};
pub use header::{Component, Dimensions, FrameHeader, JpegError, JpegHeader, ScanComponent};
pub use limits::{MAX_FRAME_SIZE, MAX_PIXELS};
pub use restart::{InsertedRestarts, MarkedScan, insert_restarts, remove_restarts, with_restart_interval};
pub use scan::McuGrid;
pub use segment::Segment;
pub use standard_header::{
    RESTART_SEGMENT_LENGTH, frame_header_segment, quantization_segments, restart_segment,
    scan_header_segment, standard_header,
};
pub use transcode::with_standard_huffman;
