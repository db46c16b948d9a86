//! Error of opening a media file, as a message for users.

use std::io::{self, ErrorKind};
use std::path::{Display, Path, PathBuf};

use crate::media::container::{HEAD_LENGTH, UnsupportedFile, has_media_extension};

/// Error of opening a media file. Its text states what is wrong and what to try.
#[derive(Debug, thiserror::Error)]
#[error("{}", describe(.name, .path, .kind))]
pub struct MediaFileError {
    name: String,
    path: PathBuf,
    kind: MediaFileErrorKind,
}

#[derive(Debug)]
pub(super) enum MediaFileErrorKind {
    Io(io::Error),
    NotAFile,
    NotMotionJpeg(UnsupportedFile),
    /// The file ends inside its first frame.
    Truncated,
    /// The file has starts of frames, but no complete frame.
    NoCompleteFrame,
    /// Every frame exceeds [`MAX_FRAME_SIZE`](crate::media::jpeg::MAX_FRAME_SIZE).
    FrameTooLarge,
    /// The headers of the first frames are not a valid JPEG.
    InvalidHeader,
}

impl MediaFileError {
    pub(super) fn new(name: &str, path: &Path, kind: MediaFileErrorKind) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), kind }
    }
}

/// Describes an error to the user.
fn describe(name: &str, path: &Path, kind: &MediaFileErrorKind) -> String {
    let path = path.display();
    match kind {
        MediaFileErrorKind::Io(error) => describe_io(name, &path, error),
        MediaFileErrorKind::NotAFile => format!("{path} is not a file; choose a Motion JPEG film."),
        MediaFileErrorKind::NotMotionJpeg(kind) => describe_unsupported(name, *kind),
        MediaFileErrorKind::Truncated => {
            format!(
                "{name} is truncated: it ends in the middle of its first frame; copy or download it again."
            )
        }
        MediaFileErrorKind::NoCompleteFrame => {
            format!("{name} is damaged: it has no complete frame; copy or download it again.")
        }
        MediaFileErrorKind::FrameTooLarge => {
            format!("{name} has frames larger than 16.8 MB; encode it again with a lower quality.")
        }
        MediaFileErrorKind::InvalidHeader => {
            format!("{name} is damaged: the header of its first frame is invalid; copy or download it again.")
        }
    }
}

fn describe_io(name: &str, path: &Display<'_>, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("There is no file {path}; check its name and folder."),
        ErrorKind::PermissionDenied => format!("{name} cannot be read; check the permissions of {path}."),
        _ => format!("{name} cannot be read: {error}."),
    }
}

fn describe_unsupported(name: &str, kind: UnsupportedFile) -> String {
    match kind {
        UnsupportedFile::Empty => format!("{name} is empty; choose another file."),
        UnsupportedFile::Media(kind) => {
            format!("{name} is {kind}, not Motion JPEG; convert it first: {}", conversion_command(name))
        }
        UnsupportedFile::Other(kind) => {
            format!("{name} is {kind}, not a Motion JPEG film; choose another file.")
        }
        UnsupportedFile::Unknown => {
            format!(
                "{name} is not Motion JPEG: its first {} KiB contain no frame; choose another file.",
                HEAD_LENGTH / 1024
            )
        }
    }
}

/// The ffmpeg command line that converts a file of another format to Motion JPEG. A source whose extension is already
/// one of Motion JPEG is not overwritten: the output gets the suffix `-converted`.
fn conversion_command(name: &str) -> String {
    let (stem, _) = name.rsplit_once('.').unwrap_or((name, ""));
    let converted = if has_media_extension(Path::new(name)) {
        format!("{stem}-converted.mjpeg")
    } else {
        format!("{stem}.mjpeg")
    };
    format!("ffmpeg -i {} -c:v mjpeg -q:v 3 -an -f mjpeg {}", quoted(name), quoted(&converted))
}

/// Quotes a name for a command line where necessary.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match name.chars().all(is_plain) && !name.starts_with('-') {
        true => name.to_owned(),
        false => format!("\"{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_command_keeps_source_and_quotes_names() {
        assert_eq!(
            conversion_command("talk.mp4"),
            "ffmpeg -i talk.mp4 -c:v mjpeg -q:v 3 -an -f mjpeg talk.mjpeg"
        );
        assert!(
            conversion_command("talk.Mjpeg")
                .ends_with(" -i talk.Mjpeg -c:v mjpeg -q:v 3 -an -f mjpeg talk-converted.mjpeg")
        );
        assert!(conversion_command("my talk.mov").starts_with("ffmpeg -i \"my talk.mov\" "));
    }
}
