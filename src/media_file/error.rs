//! Why a file cannot be opened as a film, in sentences for people.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::media::container::{UnsupportedFile, has_media_extension};

/// Why a file cannot be opened as a film.
#[derive(Debug)]
pub struct MediaFileError {
    name: String,
    path: PathBuf,
    kind: MediaFileErrorKind,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum MediaFileErrorKind {
    Io(io::Error),
    NotAFile,
    NotMotionJpeg(UnsupportedFile),
    /// A first picture that is not whole.
    Truncated,
    /// Pictures begin, and none of them is whole.
    NoCompleteFrame,
    /// Pictures that are whole, and too large.
    FrameTooLarge,
    InvalidHeader,
}

impl MediaFileError {
    pub(super) fn new(name: &str, path: &Path, kind: MediaFileErrorKind) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), kind }
    }
}

impl fmt::Display for MediaFileError {
    /// What it is, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, kind: why } = self;
        match why {
            MediaFileErrorKind::Io(error) if error.kind() == ErrorKind::NotFound => {
                write!(f, "There is no file {}; check its name and place.", path.display())
            }
            MediaFileErrorKind::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                write!(f, "{name} may not be read; check the permissions of {}.", path.display())
            }
            MediaFileErrorKind::Io(error) => write!(f, "{name} cannot be read: {error}."),
            MediaFileErrorKind::NotAFile => {
                write!(f, "{} is not a file; choose a Motion JPEG film.", path.display())
            }
            MediaFileErrorKind::NotMotionJpeg(UnsupportedFile::Empty) => {
                write!(f, "{name} is empty; choose another file.")
            }
            MediaFileErrorKind::NotMotionJpeg(UnsupportedFile::Media(kind)) => {
                write!(f, "{name} is {kind}, not Motion JPEG; convert it first: {}", conversion_command(name))
            }
            MediaFileErrorKind::NotMotionJpeg(UnsupportedFile::Other(kind)) => {
                write!(f, "{name} is {kind}, not a Motion JPEG film; choose another file.")
            }
            MediaFileErrorKind::NotMotionJpeg(UnsupportedFile::Unknown) => {
                write!(
                    f,
                    "{name} is not Motion JPEG: its first 64 KiB hold no JPEG picture; choose another file."
                )
            }
            MediaFileErrorKind::Truncated => write!(
                f,
                "{name} is cut: it ends in the middle of its first picture; copy or download it again."
            ),
            MediaFileErrorKind::NoCompleteFrame => {
                write!(f, "{name} is damaged: it holds no whole picture; copy or download it again.")
            }
            MediaFileErrorKind::FrameTooLarge => {
                write!(f, "{name} holds pictures larger than 16 MiB; encode it anew with a lower quality.")
            }
            MediaFileErrorKind::InvalidHeader => write!(
                f,
                "{name} is damaged: the header of its first picture cannot be read; copy or download it again."
            ),
        }
    }
}

impl std::error::Error for MediaFileError {}

/// What makes Motion JPEG of a film of another kind. A film that is only called so keeps its file.
fn conversion_command(name: &str) -> String {
    let (stem, _) = name.rsplit_once('.').unwrap_or((name, ""));
    let converted = if has_media_extension(Path::new(name)) {
        format!("{stem}-converted.mjpeg")
    } else {
        format!("{stem}.mjpeg")
    };
    format!("ffmpeg -i {} -c:v mjpeg -q:v 3 -an -f mjpeg {}", quoted(name), quoted(&converted))
}

/// As one word of a command line.
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
