//! Why a file cannot be opened as a film, in sentences for people.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::media::container::{Foreign, has_film_extension};

/// Why a file cannot be opened as a film.
#[derive(Debug)]
pub struct FilmError {
    name: String,
    path: PathBuf,
    why: Why,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Why {
    Io(io::Error),
    NotAFile,
    Foreign(Foreign),
    /// A first picture that is not whole.
    Cut,
    /// Pictures begin, and none of them is whole.
    NoPicture,
    /// Pictures that are whole, and too large.
    TooLarge,
    BadHeader,
}

impl FilmError {
    pub(super) fn new(name: &str, path: &Path, why: Why) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), why }
    }
}

impl fmt::Display for FilmError {
    /// What it is, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, why } = self;
        match why {
            Why::Io(error) if error.kind() == ErrorKind::NotFound => {
                write!(f, "There is no file {}; check its name and place.", path.display())
            }
            Why::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                write!(f, "{name} may not be read; check the permissions of {}.", path.display())
            }
            Why::Io(error) => write!(f, "{name} cannot be read: {error}."),
            Why::NotAFile => write!(f, "{} is not a file; choose a Motion JPEG film.", path.display()),
            Why::Foreign(Foreign::Empty) => write!(f, "{name} is empty; choose another file."),
            Why::Foreign(Foreign::Media(kind)) => {
                write!(f, "{name} is {kind}, not Motion JPEG; convert it first: {}", conversion(name))
            }
            Why::Foreign(Foreign::Other(kind)) => {
                write!(f, "{name} is {kind}, not a Motion JPEG film; choose another file.")
            }
            Why::Foreign(Foreign::Unknown) => {
                write!(
                    f,
                    "{name} is not Motion JPEG: its first 64 KiB hold no JPEG picture; choose another file."
                )
            }
            Why::Cut => write!(
                f,
                "{name} is cut: it ends in the middle of its first picture; copy or download it again."
            ),
            Why::NoPicture => {
                write!(f, "{name} is damaged: it holds no whole picture; copy or download it again.")
            }
            Why::TooLarge => {
                write!(f, "{name} holds pictures larger than 16 MiB; encode it anew with a lower quality.")
            }
            Why::BadHeader => write!(
                f,
                "{name} is damaged: the header of its first picture cannot be read; copy or download it again."
            ),
        }
    }
}

impl std::error::Error for FilmError {}

/// What makes Motion JPEG of a film of another kind. A film that is only called so keeps its file.
fn conversion(name: &str) -> String {
    let (stem, _) = name.rsplit_once('.').unwrap_or((name, ""));
    let converted = if has_film_extension(Path::new(name)) {
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
    fn a_film_of_another_kind_is_converted_by_its_name() {
        assert_eq!(conversion("talk.mp4"), "ffmpeg -i talk.mp4 -c:v mjpeg -q:v 3 -an -f mjpeg talk.mjpeg");
        assert!(
            conversion("talk.Mjpeg")
                .ends_with(" -i talk.Mjpeg -c:v mjpeg -q:v 3 -an -f mjpeg talk-converted.mjpeg")
        );
        assert!(conversion("my talk.mov").starts_with("ffmpeg -i \"my talk.mov\" "));
    }
}
