//! Parsing of films and streams named on the command line. Sans-I/O.

use std::ffi::OsString;
use std::path::PathBuf;

use thiserror::Error;

use crate::file_url;
use crate::proto::http::{HttpUrl, HttpUrlError, redact_query};
use crate::proto::rtsp::{RtspUrl, UrlError};
use crate::session::{ClassroomUrl, ClassroomUrlError, Dialect, SourceUrl};

/// A film or stream to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A film on this machine.
    File(PathBuf),
    /// A stream from a server.
    Stream(SourceUrl),
}

/// Reason why an argument names no film and no stream. The text is a sentence of its own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// The argument is the empty string.
    #[error("The path is empty; give the path of a film.")]
    Empty,
    /// A `file:` URL with the name of another host, or with a path that this system cannot express.
    #[error("{0} names no file of this machine; give its path.")]
    NotLocal(String),
    /// A URL with another scheme, or a malformed RTSP URL.
    #[error(
        "{url} is not a URL that can be played: {error}; try rtsp://HOST:PORT/PATH, rtsps://HOST/PATH or http://HOST/PATH."
    )]
    Url {
        /// The URL as it was typed.
        url: String,
        /// Reason given by the parser.
        error: UrlError,
    },
    /// A URL that begins with http:// or https:// and is malformed.
    #[error("{url} is not a URL that can be played: {error}; try http://HOST:PORT/PATH.")]
    HttpUrl {
        /// The URL as it was typed, without a password in its query.
        url: String,
        /// Reason given by the parser.
        error: HttpUrlError,
    },
}

/// Reason why the value of `--classroom` cannot be used. It completes the sentence `--classroom cannot be "value": …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClassroomAddressError {
    /// The address has a scheme.
    #[error("it is HOST:PORT/FILE without rtsp://, like 127.0.0.1:1025/movie.Mjpeg")]
    Scheme,
    /// The address is not `HOST:PORT/FILE`.
    #[error("{0}; try HOST:PORT/FILE, like 127.0.0.1:1025/movie.Mjpeg")]
    Address(ClassroomUrlError),
}

impl Target {
    /// Returns the protocol that the target is played with; the embedded server serves files over standard RTSP.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Stream(url) => url.dialect(),
            Self::File(_) => Dialect::Standard,
        }
    }
}

impl TryFrom<OsString> for Target {
    type Error = TargetError;

    /// Parses a URL if the text contains `://`; any other text is a path, which need not be UTF-8.
    fn try_from(value: OsString) -> Result<Self, TargetError> {
        match value.to_str() {
            Some(text) if HttpUrl::has_http_scheme(text.trim()) => HttpUrl::parse(text)
                .map(|url| Self::Stream(url.into()))
                .map_err(|error| TargetError::HttpUrl { url: redact_query(text), error }),
            Some(text) if text.contains("://") && !file_url::is_file_url(text) => RtspUrl::parse(text)
                .map(|url| Self::Stream(url.into()))
                .map_err(|error| TargetError::Url { url: text.to_owned(), error }),
            _ => parse_path(value).map(Self::File),
        }
    }
}

/// Returns the path that an argument names. Desktops also name files by `file:` URLs (RFC 8089).
pub fn parse_path(value: OsString) -> Result<PathBuf, TargetError> {
    match value.to_str() {
        Some("") => Err(TargetError::Empty),
        Some(text) if file_url::is_file_url(text) => {
            file_url::to_path(text).ok_or_else(|| TargetError::NotLocal(text.to_owned()))
        }
        _ => Ok(value.into()),
    }
}

/// Parses the `HOST:PORT/FILE` of a film on a classroom server.
pub fn parse_classroom_url(text: &str) -> Result<ClassroomUrl, ClassroomAddressError> {
    if text.contains("://") {
        return Err(ClassroomAddressError::Scheme);
    }
    text.parse().map_err(ClassroomAddressError::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn path_need_not_be_utf8() {
        use std::os::unix::ffi::OsStringExt as _;
        let name = OsString::from_vec(b"films/\xff.mjpeg".to_vec());
        assert_eq!(Target::try_from(name.clone()), Ok(Target::File(name.into())));
    }

    #[test]
    fn file_url_becomes_path_and_other_urls_streams() {
        let parse = |text: &str| Target::try_from(OsString::from(text));
        #[cfg(unix)]
        assert_eq!(parse("file:///films/a%20talk.mjpeg"), Ok(Target::File("/films/a talk.mjpeg".into())));
        let url = RtspUrl::parse("rtsp://camera/live").unwrap();
        assert_eq!(parse("rtsp://camera/live"), Ok(Target::Stream(url.into())));
        let elsewhere = "file://elsewhere/film.mjpeg";
        assert_eq!(parse(elsewhere), Err(TargetError::NotLocal(elsewhere.to_owned())));
        let url = HttpUrl::parse("https://camera/video?fps=5").unwrap();
        assert_eq!(parse("HTTPS://camera/video?fps=5"), Ok(Target::Stream(url.into())));
        assert!(matches!(parse("http://h:x/x"), Err(TargetError::HttpUrl { .. })));
        assert!(matches!(parse("ftp://h/x"), Err(TargetError::Url { .. })));
    }
}
