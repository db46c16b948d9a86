//! File formats of recordings. Sans-I/O.

use std::fmt;

/// File format of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordingFormat {
    /// QuickTime, which keeps the time of each frame.
    #[default]
    Mov,
    /// AVI, whose times are ticks of a clock.
    Avi,
    /// A saved HTTP stream, which keeps the time of each frame.
    Multipart,
    /// The classroom format: each frame after its length, without times.
    Classroom,
    /// Frames one after the other, without times.
    Raw,
    /// One frame, as a JPEG file: the first that arrives.
    Image,
    /// A folder with a JPEG file of each frame, without times.
    Folder,
}

/// Error of a text that names no format of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a recording is mov, avi or classroom")]
pub struct ParseRecordingFormatError;

impl RecordingFormat {
    /// Returns the extension of files, in lower case; that of a folder is empty.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Avi => "avi",
            Self::Multipart => "mpjpeg",
            Self::Classroom | Self::Raw => "mjpeg",
            Self::Image => "jpg",
            Self::Folder => "",
        }
    }

    /// Returns the format that an extension selects; `None` if it selects none.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "mov" | "qt" => Some(Self::Mov),
            "avi" => Some(Self::Avi),
            "mpjpeg" => Some(Self::Multipart),
            "mjpeg" | "mjpg" | "mjp" => Some(Self::Classroom),
            _ => None,
        }
    }

    /// Returns true if the two fields of an interlaced frame stay together.
    pub fn keeps_fields(self) -> bool {
        matches!(self, Self::Avi | Self::Image | Self::Folder)
    }

    /// Returns true if a reader of the format finds the end of a frame by EOI.
    pub fn ends_frames_at_eoi(self) -> bool {
        matches!(self, Self::Multipart | Self::Classroom | Self::Raw)
    }

    /// Returns the name of the format; in the settings file it is that of a format that the window records in.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Avi => "avi",
            Self::Multipart => "multipart",
            Self::Classroom => "classroom",
            Self::Raw => "raw",
            Self::Image => "image",
            Self::Folder => "folder",
        }
    }

    /// Returns what the format does not keep, as a sentence for the user; `None` if it keeps everything.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Mov | Self::Avi | Self::Multipart | Self::Image => None,
            Self::Classroom => {
                Some("The classroom format holds no times: the recording plays at 20 frames per second.")
            }
            Self::Raw | Self::Folder => Some("The target holds no times; choose .mov to keep them."),
        }
    }
}

impl fmt::Display for RecordingFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for RecordingFormat {
    type Err = ParseRecordingFormatError;

    fn from_str(text: &str) -> Result<Self, ParseRecordingFormatError> {
        let all = [Self::Mov, Self::Avi, Self::Classroom];
        all.into_iter().find(|format| format.as_str() == text).ok_or(ParseRecordingFormatError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_selects_the_format() {
        let formats = ["MOV", "qt", "avi", "Mjpeg", "mjpg", "mp4", ""].map(RecordingFormat::from_extension);
        let (mov, classroom) = (Some(RecordingFormat::Mov), Some(RecordingFormat::Classroom));
        assert_eq!(formats, [mov, mov, Some(RecordingFormat::Avi), classroom, classroom, None, None]);
        assert_eq!(RecordingFormat::from_extension("mpjpeg"), Some(RecordingFormat::Multipart));
        assert_eq!("classroom".parse(), Ok(RecordingFormat::Classroom));
        assert_eq!("raw".parse::<RecordingFormat>(), Err(ParseRecordingFormatError));
        assert_eq!("multipart".parse::<RecordingFormat>(), Err(ParseRecordingFormatError));
    }
}
