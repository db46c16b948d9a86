//! AVI files, with the extensions of OpenDML (OpenDML AVI File Format Extensions 1.02).
//!
//! [`AviDemuxer`] finds the frames of the first stream of Motion JPEG. [`check_codec`] tells whether a file has one,
//! from its first bytes, and [`AviMuxer`] writes a file.

mod codec;
mod demuxer;
mod header;
mod index;
mod muxer;
mod riff;
mod scan;

pub use demuxer::AviDemuxer;
pub use muxer::AviMuxer;

use super::unsupported::UnsupportedFile;
use header::AviHeader;
use riff::{ChunkHeader, Chunks};

/// Returns true if bytes are the beginning of an AVI file.
pub fn is_avi(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12).is_some_and(|kind| kind == b"AVI ")
}

/// Checks the codec of a file from its first bytes. A file whose header list is not complete in them passes.
///
/// # Errors
/// Returns the reason if the file has no stream of Motion JPEG.
pub fn check_codec(head: &[u8]) -> Result<(), UnsupportedFile> {
    let rest = head.get(12..).unwrap_or_default();
    let is_complete = |data: &[u8]| {
        let header = ChunkHeader::parse(rest).map_or(0, |header| header.size);
        usize::try_from(header).is_ok_and(|size| size == data.len())
    };
    match Chunks(rest).next() {
        Some((id, data)) if &id == b"LIST" && data.starts_with(b"hdrl") && is_complete(data) => {
            AviHeader::parse(&data[4..]).map(|_| ())
        }
        _ => Ok(()),
    }
}
