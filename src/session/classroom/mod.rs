//! The classroom dialect: what the programs of a well-known networking exercise speak instead of RTSP.
//!
//! There is no greeting and no description; a message ends where a read ends, so that two of them must never be on
//! their way together; pictures come as raw JPEG, and the end of a film is silence. A server of this dialect is never
//! asked which it speaks, because it would not answer: the user says so before the first octet.

mod client;
mod error;
mod machine;
mod messages;
mod receiver;

pub use client::ClassroomPlayer;
pub use error::{Trouble, TroubleKind};
pub use messages::FileNameError;

use std::fmt;

use crate::proto::rtsp::{RtspUrl, UrlError};

/// Why a film on a classroom server cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressError {
    /// The host or the port.
    Server(UrlError),
    /// There is no port; the exercise has no usual one.
    NoPort,
    /// The name of the file.
    File(FileNameError),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => write!(f, "{error}"),
            Self::NoPort => f.write_str("it names no port, and classroom servers have no usual one"),
            Self::File(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for AddressError {}

/// A film on a classroom server. Inside Reelay it has a URL like every other; it is not sent.
///
/// # Errors
/// When the dialect cannot express it.
pub fn film_url(host: &str, port: u16, file: &str) -> Result<RtspUrl, AddressError> {
    messages::check_file_name(file).map_err(AddressError::File)?;
    let host = host.trim().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Err(AddressError::Server(UrlError::Host));
    }
    if port == 0 {
        return Err(AddressError::Server(UrlError::Port));
    }
    Ok(RtspUrl::for_path(host, port, file))
}

/// Reads `HOST:PORT/FILE`.
///
/// # Errors
/// When a part is missing, or cannot be.
pub fn parse_address(text: &str) -> Result<RtspUrl, AddressError> {
    let (server, file) = text.split_once('/').unwrap_or((text, ""));
    let url = RtspUrl::parse(&format!("rtsp://{server}")).map_err(AddressError::Server)?;
    let has_port = server.rsplit_once(':').is_some_and(|(_, port)| port.parse() == Ok(url.port()));
    if !has_port {
        return Err(AddressError::NoPort);
    }
    film_url(url.host(), url.port(), file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_host_port_and_file() {
        let url = parse_address("lab.example:1025/movie.Mjpeg").unwrap();
        assert_eq!((url.host(), url.port(), url.name().as_str()), ("lab.example", 1025, "movie.Mjpeg"));
        assert_eq!(
            parse_address("[::1]:554/a/b.mjpeg").unwrap().decoded_path().as_deref(),
            Some("a/b.mjpeg")
        );
        for (text, error) in [
            ("lab.example/movie.Mjpeg", AddressError::NoPort),
            ("[::1]/movie.Mjpeg", AddressError::NoPort),
            (":1025/movie.Mjpeg", AddressError::Server(UrlError::Host)),
            ("lab.example:99999/movie.Mjpeg", AddressError::Server(UrlError::Port)),
            ("lab.example:1025", AddressError::File(FileNameError::Empty)),
            ("lab.example:1025/my film", AddressError::File(FileNameError::Space)),
        ] {
            assert_eq!(parse_address(text), Err(error), "{text}");
        }
    }
}
