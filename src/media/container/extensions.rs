//! File name extensions of the supported formats.

use std::path::Path;

/// Extensions of Motion JPEG files, in lower case.
pub const EXTENSIONS: [&str; 9] = ["mjpeg", "mjpg", "mjp", "mpjpeg", "avi", "mov", "qt", "mp4", "m4v"];

/// Returns whether a path has one of the [`EXTENSIONS`], in upper or lower case.
pub fn has_media_extension(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
