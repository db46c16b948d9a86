//! QuickTime and MP4 files (QuickTime File Format; ISO 14496-12).
//!
//! [`MovDemuxer`] finds the frames of the first track of Motion JPEG, and [`MovMuxer`] writes such files. [`is_mov`]
//! tells whether a file is one, from its first bytes, and [`check_brand`] whether it is a film.

mod atom;
mod codec;
mod demuxer;
mod edit_list;
mod movie;
mod movie_writer;
mod muxer;
mod sample_table;

pub use demuxer::MovDemuxer;
pub use muxer::MovMuxer;

use super::unsupported::UnsupportedFile;
use atom::code_at;

/// Returns true if bytes are the beginning of a QuickTime or MP4 file.
pub fn is_mov(head: &[u8]) -> bool {
    // Types of atoms with which such files begin.
    code_at(head, 4).is_some_and(|kind| {
        matches!(&kind, b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" | b"uuid")
    })
}

/// Checks the brand of a file: other kinds of files than films have the same structure.
///
/// # Errors
/// Returns the kind of the file if it is not a film.
pub fn check_brand(head: &[u8]) -> Result<(), UnsupportedFile> {
    let brand = code_at(head, 8).filter(|_| code_at(head, 4) == Some(*b"ftyp"));
    match brand.as_ref() {
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
            Err(UnsupportedFile::Other("a HEIC image"))
        }
        Some(b"avif" | b"avis") => Err(UnsupportedFile::Other("an AVIF image")),
        Some(b"M4A " | b"M4B ") => Err(UnsupportedFile::NoVideo("an MP4 sound file")),
        _ => Ok(()),
    }
}
