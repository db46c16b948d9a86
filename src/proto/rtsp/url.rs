//! `rtsp://` and `rtsps://` URLs (RFC 2326 §3.2, RFC 7826 §4.2).

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Port of an `rtsp://` URL that states none (RFC 2326 §3.2).
pub const DEFAULT_PORT: u16 = 554;

/// Port of an `rtsps://` URL that states none (RFC 7826 §4.2).
pub const DEFAULT_TLS_PORT: u16 = 322;

/// Scheme of RTSP without encryption.
const PLAIN_SCHEME: &str = "rtsp://";

/// Scheme of RTSP over TLS.
const TLS_SCHEME: &str = "rtsps://";

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

/// A parsed RTSP URL: `rtsp://[user[:password]@]host[:port]/path`, or the same with `rtsps://`.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspUrl {
    is_tls: bool,
    host: String,
    port: u16,
    /// Path and query as written in the URL: percent-encoded, with the leading slash.
    path: String,
    credentials: Option<(String, String)>,
}

/// Reason why a text is not an RTSP URL. The message continues a sentence about the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text begins with neither `rtsp://` nor `rtsps://`.
    #[error("it does not begin with rtsp:// or rtsps://")]
    Scheme,
    /// The host is empty, or contains whitespace, control characters or brackets.
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
        let (is_tls, rest) = split_scheme(text).ok_or(UrlError::Scheme)?;
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (credentials, host_and_port) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(split_credentials(credentials)), host),
            None => (None, authority),
        };
        let default_port = if is_tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        let (host, port) = split_host_and_port(host_and_port, default_port)?;
        let is_invalid = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '[' | ']');
        if host.is_empty() || host.contains(is_invalid) {
            return Err(UrlError::Host);
        }
        Ok(Self { is_tls, host: host.to_owned(), port, path: encode_whitespace(path), credentials })
    }

    /// Returns true if a text begins with `rtsp://` or `rtsps://`, in upper or lower case.
    pub fn has_rtsp_scheme(text: &str) -> bool {
        split_scheme(text.trim()).is_some()
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
        Self::parse(&format!("{}{}{path}", self.scheme(), self.host_and_port()))
    }

    /// Creates the URL of `path` on a server. The path has no leading slash and is percent-encoded here.
    pub fn for_path(host: impl Into<String>, port: u16, path: &str) -> Self {
        let path = format!("/{}", utf8_percent_encode(path, PATH_ENCODE_SET));
        Self { is_tls: false, host: host.into(), port, path, credentials: None }
    }

    /// Returns the same URL with the scheme `rtsps` if `is_tls` is true, else with `rtsp`.
    pub fn with_tls(self, is_tls: bool) -> Self {
        Self { is_tls, ..self }
    }

    /// Returns true if the scheme is `rtsps`: the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns true if both URLs have the same scheme, host and port.
    pub fn has_same_origin(&self, other: &Self) -> bool {
        (self.is_tls, self.port) == (other.is_tls, other.port) && self.host.eq_ignore_ascii_case(&other.host)
    }

    fn scheme(&self) -> &'static str {
        if self.is_tls { TLS_SCHEME } else { PLAIN_SCHEME }
    }

    fn default_port(&self) -> u16 {
        if self.is_tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT }
    }

    /// Returns the host name or address; an IPv6 address has no brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port; [`DEFAULT_PORT`] or [`DEFAULT_TLS_PORT`] if the URL states none.
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

/// Splits the scheme off: true for `rtsps`, and the text after `://`. Returns `None` for another scheme.
fn split_scheme(text: &str) -> Option<(bool, &str)> {
    [(false, PLAIN_SCHEME), (true, TLS_SCHEME)].into_iter().find_map(|(is_tls, scheme)| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| (is_tls, &text[scheme.len()..]))
    })
}

fn split_credentials(text: &str) -> (String, String) {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    (decode(user), decode(password))
}

fn split_host_and_port(text: &str, default_port: u16) -> Result<(&str, u16), UrlError> {
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
        None => Ok((host, default_port)),
        Some(port) => port.parse().ok().filter(|&p| p != 0).map(|port| (host, port)).ok_or(UrlError::Port),
    }
}

impl fmt::Display for RtspUrl {
    /// Writes the URL as sent in a request line: without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "{}[{}]", self.scheme(), self.host)?,
            false => write!(f, "{}{}", self.scheme(), self.host)?,
        }
        if self.port != self.default_port() {
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
    fn rtsps_has_its_own_default_port() {
        let url = RtspUrl::parse("RTSPS://ann:pw@camera/live").unwrap();
        assert_eq!((url.is_tls(), url.port(), url.to_string().as_str()), (true, 322, "rtsps://camera/live"));
        for text in ["rtsps://camera:554/live", "rtsp://camera:322/live", "rtsps://[::1]:8554/"] {
            assert_eq!(RtspUrl::parse(text).unwrap().to_string(), text);
        }
        let joined = RtspUrl::parse("rtsps://camera/a/b").unwrap().join("c").unwrap();
        assert_eq!((joined.to_string().as_str(), joined.port()), ("rtsps://camera/a/c", 322));
        assert!(!url.join("rtsp://camera/live").unwrap().is_tls());
        assert_eq!(RtspUrl::for_path("h", 8_554, "f").with_tls(true).to_string(), "rtsps://h:8554/f");
    }

    #[test]
    fn origin_is_scheme_host_and_port() {
        let same = |first: &str, second: &str| {
            RtspUrl::parse(first).unwrap().has_same_origin(&RtspUrl::parse(second).unwrap())
        };
        assert!(same("rtsps://camera/a", "rtsps://ann:pw@CAMERA:322/b"));
        assert!(!same("rtsp://camera:8554/a", "rtsps://camera:8554/a"));
        assert!(!same("rtsp://camera/a", "rtsp://camera:555/a"));
        assert!(!same("rtsp://camera/a", "rtsp://other/a"));
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
        assert_eq!(RtspUrl::parse("rtsp://[[::1]:554/x"), Err(UrlError::Host));
        assert_eq!(RtspUrl::parse("rtsp://a[b]/x"), Err(UrlError::Host));
        assert_eq!(RtspUrl::parse("rtsp://[::1/x"), Err(UrlError::Bracket));
        assert_eq!(RtspUrl::parse("rtsp://h:0/x"), Err(UrlError::Port));
        assert_eq!(RtspUrl::parse("rtsp://h:99999/x"), Err(UrlError::Port));
    }
}
