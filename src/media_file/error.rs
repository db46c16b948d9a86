//! Error of opening a media file, as a message for users.

use std::io::{self, ErrorKind};
use std::path::{Display, MAIN_SEPARATOR, Path, PathBuf};

use crate::media::container::{HEAD_LENGTH, UnsupportedFile};

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
    /// The file was found in a folder that is served, and is now a link to another place.
    LinkOutOfFolder,
    /// The folder is a list of films.
    FolderOfFilms {
        /// Path of one of them.
        film: PathBuf,
        /// The folder has JPEG files too.
        has_images: bool,
    },
    /// The list of films is larger than 4 MiB.
    ListTooLarge,
    /// The list of films has no entries.
    EmptyList,
    /// The session description names no RTSP address.
    DescriptionWithoutAddress,
    /// The folder has no films and no JPEG files.
    EmptyFolder,
    /// The files of the folder with names of JPEG files are none.
    FolderWithoutFrame,
    /// The folder has too many files to list.
    FolderTooLarge,
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

    /// Returns true if the path is that of a folder that is a list of films.
    pub fn is_folder_of_films(&self) -> bool {
        matches!(self.kind, MediaFileErrorKind::FolderOfFilms { .. })
    }

    /// Returns the command line that converts the file, with which the sentence ends; `None` if it cannot be converted.
    pub fn command(&self) -> Option<String> {
        match &self.kind {
            MediaFileErrorKind::NotMotionJpeg(kind) => conversion_command(&self.path, *kind),
            _ => None,
        }
    }
}

/// Describes an error to the user.
fn describe(name: &str, file: &Path, kind: &MediaFileErrorKind) -> String {
    let path = file.display();
    match kind {
        MediaFileErrorKind::Io(error) => describe_io(name, &path, error),
        MediaFileErrorKind::NotAFile => format!("{path} is not a file; choose a Motion JPEG film."),
        MediaFileErrorKind::LinkOutOfFolder => {
            format!("{name} is a link out of the folder that is served; serve the film itself.")
        }
        MediaFileErrorKind::FolderOfFilms { film, has_images } => {
            let others = if *has_images { ", so its JPEG files are not played as one" } else { "" };
            let film = film.display();
            format!(
                "{name} is a folder of films{others}; open one of them, such as {film}, or serve all of them with \
                 \"reelay serve\"."
            )
        }
        MediaFileErrorKind::ListTooLarge => format!("{name} is larger than 4 MiB; open a shorter list."),
        MediaFileErrorKind::EmptyList => {
            format!("{name} names no film; a list has a path or a URL on each line.")
        }
        MediaFileErrorKind::DescriptionWithoutAddress => format!(
            "{name} names no rtsp:// address to play from; Reelay does not receive what is sent to a port without a \
             request. Enter the address of the server in Connect…."
        ),
        MediaFileErrorKind::EmptyFolder => {
            format!(
                "{name} is a folder without .mov, .mp4, .avi, .mpjpeg, .mjpeg, .mjpg and .mjp films, and without JPEG files; \
                 choose another one."
            )
        }
        MediaFileErrorKind::FolderWithoutFrame => {
            format!("{name} has no complete JPEG file; copy or download it again.")
        }
        MediaFileErrorKind::FolderTooLarge => {
            format!(
                "{name} has more than 1,000,000 files, or names of more than 64 MiB; move a part of them to another folder."
            )
        }
        MediaFileErrorKind::NotMotionJpeg(kind) => describe_unsupported(name, file, *kind),
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

fn describe_unsupported(name: &str, file: &Path, kind: UnsupportedFile) -> String {
    let command = conversion_command(file, kind);
    // No command is given for a name with control characters.
    let command = command.unwrap_or_else(|| "rename it, then use ffmpeg".to_owned());
    match kind {
        UnsupportedFile::Empty => format!("{name} is empty; choose another file."),
        UnsupportedFile::Media(kind) => {
            format!("{name} is {kind}, not Motion JPEG; convert it first: {command}")
        }
        UnsupportedFile::Codec { container, codec } => {
            format!(
                "{name} is {container} whose video is {codec}, not Motion JPEG; convert it first: {command}"
            )
        }
        UnsupportedFile::Container(kind) => {
            format!(
                "{name} is {kind}, which Reelay does not read; convert it first, or copy its frames with \
                 \"-c:v copy\" if they are Motion JPEG: {command}"
            )
        }
        UnsupportedFile::MotionJpegIn(kind) => {
            format!(
                "{name} is {kind}, which Reelay does not read; copy its Motion JPEG frames to an AVI film: {command}"
            )
        }
        UnsupportedFile::WithoutIndex(kind) => {
            format!(
                "{name} is {kind} without its index (moov), and has no Motion JPEG frame; copy or record it again."
            )
        }
        UnsupportedFile::NoVideo(kind) => format!("{name} is {kind} without video; choose another file."),
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

/// Returns the ffmpeg command line that makes a Motion JPEG film of a file: frames that are Motion JPEG already are
/// copied, others are encoded. `None` if the file is no film. A source that is an AVI film is not overwritten: the
/// output gets the suffix `-converted`.
fn conversion_command(file: &Path, kind: UnsupportedFile) -> Option<String> {
    let codec = match kind {
        UnsupportedFile::MotionJpegIn(_) => "copy",
        UnsupportedFile::Media(_) | UnsupportedFile::Codec { .. } | UnsupportedFile::Container(_) => {
            "mjpeg -q:v 3"
        }
        UnsupportedFile::Empty
        | UnsupportedFile::WithoutIndex(_)
        | UnsupportedFile::NoVideo(_)
        | UnsupportedFile::Other(_)
        | UnsupportedFile::Unknown => return None,
    };
    if file.to_string_lossy().contains(char::is_control) {
        return None;
    }
    let is_avi = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("avi"));
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let converted = file.with_file_name(format!("{stem}{}.avi", if is_avi { "-converted" } else { "" }));
    let [source, target] = [file, &converted].map(for_ffmpeg);
    Some(format!("ffmpeg -i {source} -c:v {codec} -an {target}"))
}

/// Returns a path as an argument of ffmpeg, which takes a name that begins with `-` for an option, and one with a colon
/// for a URL.
fn for_ffmpeg(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_ambiguous = path.is_relative() && (text.starts_with('-') || text.contains(':'));
    quoted(&if is_ambiguous { format!(".{MAIN_SEPARATOR}{text}") } else { text.into_owned() })
}

/// Quotes a path for a command line where necessary, so that a shell takes nothing in it for a command.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '.' | '-' | '_')
            || c == MAIN_SEPARATOR
            || cfg!(windows) && c == ':'
    };
    match (path.chars().all(is_plain), cfg!(windows)) {
        (true, _) => path.to_owned(),
        (false, true) => format!("\"{path}\""),
        (false, false) => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::container::VideoCodec;

    #[test]
    fn conversion_command_keeps_source_and_quotes_names() {
        let command = |name| conversion_command(Path::new(name), UnsupportedFile::Media("a film")).unwrap();
        assert_eq!(command("talk.mp4"), "ffmpeg -i talk.mp4 -c:v mjpeg -q:v 3 -an talk.avi");
        assert!(command("talk.AVI").ends_with(" -i talk.AVI -c:v mjpeg -q:v 3 -an talk-converted.avi"));
        assert!(command("a/b.c/talk").ends_with(" -i a/b.c/talk -c:v mjpeg -q:v 3 -an a/b.c/talk.avi"));
        if cfg!(unix) {
            assert!(command("my talk.mov").starts_with("ffmpeg -i 'my talk.mov' "));
            assert!(command("a$(id)`id`\";id;.mov").starts_with("ffmpeg -i 'a$(id)`id`\";id;.mov' "));
            assert!(command("it's.mov").starts_with("ffmpeg -i 'it'\\''s.mov' "));
        }
        assert!(command("-y.mov").ends_with(" -i ./-y.mov -c:v mjpeg -q:v 3 -an ./-y.avi"));
        assert!(command("http:x.mov").contains("./http:x.mov"));
        let film = UnsupportedFile::Media("a film");
        assert_eq!(conversion_command(Path::new("a\n.mov"), film), None);
        let sentence = describe_unsupported("a.mov", Path::new("a\n.mov"), film);
        assert!(sentence.ends_with("convert it first: rename it, then use ffmpeg"), "{sentence}");
    }

    #[test]
    fn frames_are_copied_where_that_suffices() {
        let sentence = describe_unsupported(
            "in.mov",
            Path::new("in.mov"),
            UnsupportedFile::MotionJpegIn("a QuickTime film"),
        );
        let command = "ffmpeg -i in.mov -c:v copy -an in.avi";
        assert!(
            sentence.ends_with(&format!("copy its Motion JPEG frames to an AVI film: {command}")),
            "{sentence}"
        );
        let codec = UnsupportedFile::Codec { container: "an AVI film", codec: VideoCodec::Named("H.264") };
        let sentence = describe_unsupported("in.avi", Path::new("in.avi"), codec);
        assert!(
            sentence.starts_with("in.avi is an AVI film whose video is H.264, not Motion JPEG;"),
            "{sentence}"
        );
        assert!(sentence.ends_with("ffmpeg -i in.avi -c:v mjpeg -q:v 3 -an in-converted.avi"), "{sentence}");
        assert_eq!(conversion_command(Path::new("letter.txt"), UnsupportedFile::Other("a text file")), None);
    }
}
