//! Sentences for the user, shown in the banner.

use std::path::{Path, PathBuf};

/// End of a sentence, and start of the command line after it.
const COMMAND_START: &str = ": ffmpeg -i ";

/// Sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Error: what happened, and what to try.
    Error(String),
    /// Error of a film of the start screen.
    RecentFailed {
        /// Sentence with what happened, and what to try.
        text: String,
        /// Path of the film.
        path: PathBuf,
    },
    /// Missing data; removed when data arrives again.
    NoData(String),
    /// File that was saved.
    Saved {
        /// Sentence with the path of the file.
        text: String,
        /// Path of the file.
        path: PathBuf,
        /// The file does not contain everything.
        is_error: bool,
    },
    /// Damage of the film, which is played nevertheless.
    Warning(String),
    /// Information without an error, such as streams that are not played.
    Info(String),
}

impl Notice {
    /// Returns the sentence, without its kind.
    pub fn text(&self) -> &str {
        match self {
            Self::Error(text)
            | Self::NoData(text)
            | Self::Warning(text)
            | Self::Info(text)
            | Self::RecentFailed { text, .. }
            | Self::Saved { text, .. } => text,
        }
    }

    /// Returns true if the banner has a red edge.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Error(_) | Self::RecentFailed { .. } | Self::NoData(_) => true,
            Self::Saved { is_error, .. } => *is_error,
            Self::Warning(_) | Self::Info(_) => false,
        }
    }

    /// Returns true if the banner disappears by itself.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Error(_) | Self::RecentFailed { .. } | Self::NoData(_) | Self::Warning(_) => false,
            Self::Saved { is_error, .. } => !is_error,
            Self::Info(_) => true,
        }
    }

    /// Returns the path of the file that was saved.
    pub fn saved_path(&self) -> Option<&Path> {
        match self {
            Self::Saved { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns the path of a film of the start screen that cannot be opened.
    pub fn failed_recent(&self) -> Option<&Path> {
        match self {
            Self::RecentFailed { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns the command line with which an error ends: the one of ffmpeg that converts a film. `None` if there is
    /// none.
    pub fn command(&self) -> Option<&str> {
        let (Self::Error(text) | Self::RecentFailed { text, .. }) = self else { return None };
        text.find(COMMAND_START).map(|at| &text[at + 2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_the_end_of_an_error() {
        let text = "talk.mp4 is an MP4 film; convert it first: ffmpeg -i talk.mp4 -c:v mjpeg -an talk.avi";
        assert_eq!(
            Notice::Error(text.to_owned()).command(),
            Some("ffmpeg -i talk.mp4 -c:v mjpeg -an talk.avi")
        );
        assert_eq!(Notice::Error("There is no file x.".to_owned()).command(), None);
    }
}
