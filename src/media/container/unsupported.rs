//! Kinds of files that are not Motion JPEG, for messages.

use std::fmt;

/// Kind of a file that is not Motion JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsupportedFile {
    /// An empty file, of 0 bytes.
    Empty,
    /// Another video format, which cannot contain Motion JPEG, with its name for a message ("a Flash film"). ffmpeg can
    /// convert it.
    Media(&'static str),
    /// A format that is not read and may contain Motion JPEG, with its name for a message ("an MP4 film"). ffmpeg can
    /// convert it, or copy its frames.
    Container(&'static str),
    /// A film whose video has another codec. ffmpeg can convert it.
    Codec {
        /// Format of the file, for a message ("an AVI film").
        container: &'static str,
        /// Codec of its video.
        codec: VideoCodec,
    },
    /// A film with Motion JPEG in a format that is not read, with the name of the format. ffmpeg can copy its frames to
    /// another file.
    MotionJpegIn(&'static str),
    /// A film whose writer was stopped before it wrote the index, and in which no frame is found, with its name for a
    /// message.
    WithoutIndex(&'static str),
    /// A film without video, with its name for a message.
    NoVideo(&'static str),
    /// Another kind of file, with its name for a message ("a text file").
    Other(&'static str),
    /// An unknown kind of file, without a JPEG in its first [`HEAD_LENGTH`](super::HEAD_LENGTH) bytes.
    Unknown,
}

/// Codec of a video that is not Motion JPEG. Displayed as it is named in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// A codec with a common name ("H.264").
    Named(&'static str),
    /// Another codec, by the code in the file.
    Unknown([u8; 4]),
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Unknown(code) => write!(f, "of the codec \"{}\"", code.escape_ascii()),
        }
    }
}
