//! Address of a film on a classroom server. Sans-I/O.

use std::fmt;
use std::str::FromStr;

use super::messages::{FileNameError, check_file_name};
use crate::proto::rtsp::{RtspUrl, UrlError};

/// Host, port and file of a film on a classroom server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassroomUrl {
    /// Address in the form of a URL, for display only: it is never sent.
    url: RtspUrl,
    file: String,
}

/// Reason why an address is not that of a film on a classroom server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassroomUrlError {
    /// The host or the port is invalid.
    #[error("{0}")]
    Server(UrlError),
    /// The port is missing; classroom servers have no default port.
    #[error("it names no port, and classroom servers have no default port")]
    MissingPort,
    /// The name of the file is invalid.
    #[error("{0}")]
    FileName(FileNameError),
}

impl ClassroomUrl {
    /// Creates the address of a file on a server. An IPv6 host may have brackets.
    ///
    /// # Errors
    /// Returns an error if the host, the port or the file name is invalid.
    pub fn new(host: &str, port: u16, file: &str) -> Result<Self, ClassroomUrlError> {
        check_file_name(file).map_err(ClassroomUrlError::FileName)?;
        let host = host.trim().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(ClassroomUrlError::Server(UrlError::Host));
        }
        if port == 0 {
            return Err(ClassroomUrlError::Server(UrlError::Port));
        }
        Ok(Self { url: RtspUrl::for_path(host, port, file), file: file.to_owned() })
    }

    /// Host name or address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// TCP port, at least 1.
    pub fn port(&self) -> u16 {
        self.url.port()
    }

    /// Host and port; an IPv6 address in brackets.
    pub fn host_and_port(&self) -> String {
        self.url.host_and_port()
    }

    /// File name as it is sent in requests.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Last segment of the file name, for display.
    pub fn display_name(&self) -> String {
        self.url.display_name()
    }
}

impl FromStr for ClassroomUrl {
    type Err = ClassroomUrlError;

    /// Parses an address in the form `HOST:PORT/FILE`.
    fn from_str(text: &str) -> Result<Self, ClassroomUrlError> {
        let (server, file) = text.split_once('/').unwrap_or((text, ""));
        let url = RtspUrl::parse(&format!("rtsp://{server}")).map_err(ClassroomUrlError::Server)?;
        let has_port = server.rsplit_once(':').is_some_and(|(_, port)| port.parse() == Ok(url.port()));
        if !has_port {
            return Err(ClassroomUrlError::MissingPort);
        }
        Self::new(url.host(), url.port(), file)
    }
}

impl fmt::Display for ClassroomUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_host_port_and_file() {
        let url: ClassroomUrl = "lab.example:1025/movie.Mjpeg".parse().unwrap();
        assert_eq!(
            (url.host(), url.port(), url.display_name().as_str()),
            ("lab.example", 1025, "movie.Mjpeg")
        );
        assert_eq!("[::1]:554/a/b.mjpeg".parse::<ClassroomUrl>().unwrap().file(), "a/b.mjpeg");
        for (text, error) in [
            ("lab.example/movie.Mjpeg", ClassroomUrlError::MissingPort),
            ("[::1]/movie.Mjpeg", ClassroomUrlError::MissingPort),
            (":1025/movie.Mjpeg", ClassroomUrlError::Server(UrlError::Host)),
            ("lab.example:99999/movie.Mjpeg", ClassroomUrlError::Server(UrlError::Port)),
            ("lab.example:1025", ClassroomUrlError::FileName(FileNameError::Empty)),
            ("lab.example:1025/my film", ClassroomUrlError::FileName(FileNameError::Whitespace)),
        ] {
            assert_eq!(text.parse::<ClassroomUrl>(), Err(error), "{text}");
        }
    }
}
