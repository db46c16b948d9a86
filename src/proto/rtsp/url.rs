//! `rtsp://` URLs (RFC 2326 §3.2).

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Port of a URL that states none (RFC 2326 §3.2).
pub const DEFAULT_PORT: u16 = 554;

/// Characters that are percent-encoded in a path.
const PATH_ENCODE_SET: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A parsed RTSP URL: `rtsp://[user[:password]@]host[:port]/path`.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspUrl {
    host: String,
    port: u16,
    /// Path and query as written in the URL: percent-encoded, with the leading slash.
    path: String,
    credentials: Option<(String, String)>,
}

/// Reason why a text is not an RTSP URL. The message continues a sentence about the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text does not begin with `rtsp://`.
    #[error("it does not begin with rtsp://")]
    Scheme,
    /// The host is empty, or contains whitespace or control characters.
    #[error("it has no valid host name")]
    Host,
    /// The closing bracket of an IPv6 address is missing.
    #[error("the closing ] of the IPv6 address is missing")]
    Bracket,
    /// The text after the colon is not a port from 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

impl RtspUrl {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// Returns a [`UrlError`] if the scheme, the host or the port is missing or invalid.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let rest = match text.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("rtsp://") => &text[7..],
            _ => return Err(UrlError::Scheme),
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (credentials, host_and_port) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(split_credentials(credentials)), host),
            None => (None, authority),
        };
        let (host, port) = split_host_and_port(host_and_port)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(UrlError::Host);
        }
        Ok(Self { host: host.to_owned(), port, path: encode_whitespace(path), credentials })
    }

    /// Resolves a Location header received for this URL: an absolute URL, or a path on the same server (RFC 3986 §5.2).
    /// Credentials are not carried over.
    ///
    /// # Errors
    /// Returns a [`UrlError`] if the location is empty or not a valid RTSP URL.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.trim();
        let scheme = location.split_once("://").map(|(scheme, _)| scheme);
        let is_absolute = scheme.is_some_and(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric()));
        if location.is_empty() || is_absolute {
            return Self::parse(location);
        }
        let base_path = self.path.split('?').next().unwrap_or_default();
        let folder = base_path.rfind('/').map_or("", |at| &base_path[..at]);
        let path = match location.starts_with('/') {
            true => location.to_owned(),
            false => format!("{folder}/{location}"),
        };
        Self::parse(&format!("rtsp://{}{path}", self.host_and_port()))
    }

    /// Creates the URL of `path` on a server. The path has no leading slash and is percent-encoded here.
    pub fn for_path(host: impl Into<String>, port: u16, path: &str) -> Self {
        let path = format!("/{}", utf8_percent_encode(path, PATH_ENCODE_SET));
        Self { host: host.into(), port, path, credentials: None }
    }

    /// Returns the host name or address; an IPv6 address has no brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, [`DEFAULT_PORT`] if the URL states none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `host:port`, with an IPv6 address in brackets.
    pub fn host_and_port(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Returns the percent-decoded path without query and outer slashes; `None` if the decoded bytes are not UTF-8.
    pub fn decoded_path(&self) -> Option<String> {
        let path = self.path.split('?').next().unwrap_or_default();
        percent_decode_str(path.trim_matches('/')).decode_utf8().ok().map(Into::into)
    }

    /// Returns the decoded last segment of the path for display, or the host if there is no path.
    pub fn display_name(&self) -> String {
        let name = self.decoded_path().and_then(|path| path.rsplit('/').next().map(str::to_owned));
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| self.host.clone())
    }

    /// Returns the URL with the user name and password replaced.
    pub fn with_credentials(self, user: &str, password: &str) -> Self {
        Self { credentials: Some((user.to_owned(), password.to_owned())), ..self }
    }

    /// Returns the decoded user name and password; `None` if the URL has none.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }
}

/// Percent-encodes whitespace and removes control characters. Spaces are part of file names that a user types; tabs
/// and line ends come from pasting.
pub fn encode_whitespace(url: &str) -> String {
    let printable: String = url.chars().filter(|c| !c.is_control()).collect();
    let parts = printable.split_inclusive(char::is_whitespace).map(|part| {
        let name = part.trim_end_matches(char::is_whitespace);
        format!("{name}{}", utf8_percent_encode(&part[name.len()..], PATH_ENCODE_SET))
    });
    parts.collect()
}

fn split_credentials(text: &str) -> (String, String) {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    (decode(user), decode(password))
}

fn split_host_and_port(text: &str) -> Result<(&str, u16), UrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UrlError::Bracket)?;
            (host, port.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    match port {
        None => Ok((host, DEFAULT_PORT)),
        Some(port) => port.parse().ok().filter(|&p| p != 0).map(|port| (host, port)).ok_or(UrlError::Port),
    }
}

impl fmt::Display for RtspUrl {
    /// Writes the URL as sent in a request line: without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "rtsp://[{}]", self.host)?,
            false => write!(f, "rtsp://{}", self.host)?,
        }
        if self.port != DEFAULT_PORT {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

impl fmt::Debug for RtspUrl {
    /// Writes the same as [`Display`](fmt::Display), so that passwords do not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtspUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_split_into_parts() {
        let url = RtspUrl::parse("rtsp://ann:p%40ss@[::1]:8554/films/My%20film.mjpeg?x=1").unwrap();
        assert_eq!((url.host(), url.port()), ("::1", 8_554));
        assert_eq!(url.credentials(), Some(("ann", "p@ss")));
        assert_eq!(url.decoded_path().as_deref(), Some("films/My film.mjpeg"));
        assert_eq!(url.display_name(), "My film.mjpeg");
        assert_eq!(url.to_string(), "rtsp://[::1]:8554/films/My%20film.mjpeg?x=1");
        assert!(!format!("{url:?}").contains("p@ss"));
    }

    #[test]
    fn spaces_are_encoded_and_pasted_control_characters_removed() {
        for (typed, path) in [
            (" rtsp://h/my film.mjpeg ", "my film.mjpeg"),
            ("rtsp://h/my  film\r\n", "my  film"),
            ("rtsp://h/a\tlong\npath", "alongpath"),
            ("rtsp://h/no\u{a0}break", "no\u{a0}break"),
        ] {
            let url = RtspUrl::parse(typed).unwrap();
            assert_eq!(url.decoded_path().as_deref(), Some(path), "{typed:?}");
            assert!(!url.to_string().contains(char::is_whitespace), "{url}");
        }
        assert_eq!(RtspUrl::parse("rtsp://h/my film").unwrap().to_string(), "rtsp://h/my%20film");
    }

    #[test]
    fn default_port_is_554() {
        let url = RtspUrl::parse(" RTSP://camera ").unwrap();
        assert_eq!(
            (url.port(), url.to_string().as_str(), url.display_name().as_str()),
            (554, "rtsp://camera", "camera")
        );
    }

    #[test]
    fn encoded_path_round_trips() {
        let url = RtspUrl::for_path("127.0.0.1", 8_554, "50% ähm?.mjpeg");
        assert_eq!(url.to_string(), "rtsp://127.0.0.1:8554/50%25%20%C3%A4hm%3F.mjpeg");
        assert_eq!(
            RtspUrl::parse(&url.to_string()).unwrap().decoded_path().as_deref(),
            Some("50% ähm?.mjpeg")
        );
    }

    #[test]
    fn location_is_a_url_or_a_path() {
        let url = RtspUrl::parse("rtsp://ann:pw@[::1]:8554/films/a?x=1").unwrap();
        for (location, expected) in [
            ("rtsp://other/b", "rtsp://other/b"),
            ("/b?y=2", "rtsp://[::1]:8554/b?y=2"),
            (" b/c ", "rtsp://[::1]:8554/films/b/c"),
            ("b?of=rtsp://c", "rtsp://[::1]:8554/films/b?of=rtsp://c"),
        ] {
            assert_eq!(url.join(location).unwrap().to_string(), expected);
        }
        assert_eq!(RtspUrl::parse("rtsp://h").unwrap().join("b").unwrap().to_string(), "rtsp://h/b");
        assert!(url.join("").is_err() && url.join("http://h/b").is_err());
        assert_eq!(url.join("b").unwrap().credentials(), None);
    }

    #[test]
    fn invalid_url_reports_the_cause() {
        assert_eq!(RtspUrl::parse("http://h/x"), Err(UrlError::Scheme));
        assert_eq!(RtspUrl::parse("movie.Mjpeg"), Err(UrlError::Scheme));
        assert_eq!(RtspUrl::parse("rtsp:///x"), Err(UrlError::Host));
        assert_eq!(RtspUrl::parse("rtsp://[::1/x"), Err(UrlError::Bracket));
        assert_eq!(RtspUrl::parse("rtsp://h:0/x"), Err(UrlError::Port));
        assert_eq!(RtspUrl::parse("rtsp://h:99999/x"), Err(UrlError::Port));
    }
}
