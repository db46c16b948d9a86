//! URLs with the schemes http and https.

use std::fmt;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

/// URL with the scheme http or https. User and password are kept beside it; neither `Display` nor `Debug` shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// URL without user, password and fragment.
    url: Url,
    credentials: Option<(String, String)>,
}

/// Reason why a text is not an HTTP URL, as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpUrlError {
    /// The scheme is another one, or missing.
    #[error("it does not begin with http:// or https://")]
    Scheme,
    /// The text is longer than a URL may be.
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// The text cannot be parsed; the reason is that of the parser.
    #[error("{0}")]
    Invalid(url::ParseError),
}

/// Reason why a redirect is not followed, as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RedirectError {
    /// The Location header is not an HTTP URL.
    #[error("its Location header cannot be used: {0}")]
    Location(HttpUrlError),
    /// The redirect leads from https to http, and there is a password.
    #[error("it leads from https to http, where the password would be readable")]
    Downgrade,
}

/// Maximum length of a URL in bytes.
const MAX_LENGTH: usize = 8 * 1024;

impl HttpUrl {
    /// Parses a URL with the scheme http or https. White space around it is ignored.
    ///
    /// # Errors
    /// Returns an error if the scheme is another one, or if host or port are malformed.
    pub fn parse(text: &str) -> Result<Self, HttpUrlError> {
        let text = text.trim();
        if !Self::has_http_scheme(text) {
            return Err(HttpUrlError::Scheme);
        }
        if text.len() > MAX_LENGTH {
            return Err(HttpUrlError::TooLong);
        }
        Url::parse(text).map(Self::from_url).map_err(HttpUrlError::Invalid)
    }

    /// Returns true if a text begins with `http://` or `https://`.
    pub fn has_http_scheme(text: &str) -> bool {
        let starts_with =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        starts_with("http://") || starts_with("https://")
    }

    fn from_url(mut url: Url) -> Self {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let credentials =
            has_credentials.then(|| (decode(url.username()), decode(url.password().unwrap_or_default())));
        // Both fail only without a host, which these schemes always have.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        Self { url, credentials }
    }

    /// Returns true if the scheme is https.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Host name or address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Port; 80 or 443 if the URL has none.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// Host and port; an IPv6 address in brackets.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.url.host_str().unwrap_or_default(), self.port())
    }

    /// Value of the Host header (RFC 9110 §7.2): the port is left out if it is that of the scheme.
    pub fn host_header(&self) -> String {
        match self.url.port() {
            Some(_) => self.host_and_port(),
            None => self.url.host_str().unwrap_or_default().to_owned(),
        }
    }

    /// Path and query, as they stand in the request line.
    pub fn request_target(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Last segment of the path, decoded, for display; the host if the path is empty.
    pub fn display_name(&self) -> String {
        let last = self.url.path_segments().and_then(|segments| segments.rev().find(|part| !part.is_empty()));
        let name = last.map(|last| percent_decode_str(last).decode_utf8_lossy().into_owned());
        let name = name.unwrap_or_else(|| self.host().to_owned());
        name.chars().filter(|c| !c.is_control()).collect()
    }

    /// User and password, if the URL contains them.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Returns the URL with this user and password.
    pub fn with_credentials(self, user: &str, password: &str) -> Self {
        Self { credentials: Some((user.to_owned(), password.to_owned())), ..self }
    }

    /// Returns the URL that a Location header redirects to. User and password are kept only for the same scheme, host
    /// and port; those in the header are ignored.
    ///
    /// # Errors
    /// Returns an error if the header is not an HTTP URL, or if the redirect leads from https to http while there is a
    /// password.
    pub fn redirected(&self, location: &str) -> Result<Self, RedirectError> {
        if location.len() > MAX_LENGTH {
            return Err(RedirectError::Location(HttpUrlError::TooLong));
        }
        let joined = self.url.join(location.trim());
        let url = joined.map_err(|error| RedirectError::Location(HttpUrlError::Invalid(error)))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RedirectError::Location(HttpUrlError::Scheme));
        }
        let target = Self::from_url(url);
        if self.is_tls() && !target.is_tls() && self.credentials.is_some() {
            return Err(RedirectError::Downgrade);
        }
        let credentials = self.credentials.clone().filter(|_| self.url.origin() == target.url.origin());
        Ok(Self { credentials, ..target })
    }
}

impl fmt::Display for HttpUrl {
    /// Formats the URL without user and password, also those in the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_query(self.url.as_str()))
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpUrl({self})")
    }
}

/// Parameters of queries in which cameras expect a password, in lower case.
const SECRET_PARAMETERS: [&str; 10] =
    ["pw", "pwd", "password", "passwd", "pass", "psw", "passwort", "loginpas", "token", "auth"];

/// Replaces the values of parameters with passwords in the queries of all URLs in a text.
pub fn redact_query(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['?', '&']) {
        output += &rest[..=at];
        rest = &rest[at + 1..];
        let end = rest.find(['&', ' ', '#', '"', '?']).unwrap_or(rest.len());
        if let Some((name, _)) = rest[..end].split_once('=')
            && SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
        {
            output += name;
            output += "=…";
            rest = &rest[end..];
        }
    }
    output + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> HttpUrl {
        HttpUrl::parse(text).unwrap()
    }

    #[test]
    fn parts_of_urls_are_found() {
        let camera = url(" HTTP://ann:se%3Acret@Camera.example/axis-cgi/mjpg/video.cgi?fps=5#top ");
        assert_eq!((camera.host(), camera.port(), camera.is_tls()), ("camera.example", 80, false));
        assert_eq!(camera.request_target(), "/axis-cgi/mjpg/video.cgi?fps=5");
        assert_eq!(camera.credentials(), Some(("ann", "se:cret")));
        assert_eq!(camera.to_string(), "http://camera.example/axis-cgi/mjpg/video.cgi?fps=5");
        assert_eq!(
            (camera.display_name().as_str(), camera.host_header().as_str()),
            ("video.cgi", "camera.example")
        );
        let v6 = url("https://[::1]:8443");
        assert_eq!((v6.host(), v6.port(), v6.is_tls()), ("::1", 8_443, true));
        assert_eq!((v6.host_and_port().as_str(), v6.host_header().as_str()), ("[::1]:8443", "[::1]:8443"));
        assert_eq!((v6.request_target().as_str(), v6.display_name().as_str()), ("/", "::1"));
    }

    #[test]
    fn passwords_are_neither_displayed_nor_debugged() {
        let camera = url("http://ann:secret@camera/x");
        assert_eq!(format!("{camera} {:?}", Some(&camera)), "http://camera/x Some(HttpUrl(http://camera/x))");
        assert!(!format!("{:?}", HttpUrl::parse("http://ann:secret@/x")).contains("secret"));
    }

    #[test]
    fn credentials_may_be_added_and_replaced() {
        for text in ["http://camera/x", "http://ann:old@camera/x"] {
            let camera = url(text).with_credentials("bob", "new");
            assert_eq!(
                (camera.credentials(), camera.to_string().as_str()),
                (Some(("bob", "new")), "http://camera/x")
            );
        }
    }

    #[test]
    fn passwords_in_the_query_are_not_displayed_but_sent() {
        let camera = url("http://camera/video.cgi?user=ann&Pwd=secret&fps=5");
        assert_eq!(camera.to_string(), "http://camera/video.cgi?user=ann&Pwd=…&fps=5");
        assert!(!format!("{camera:?}").contains("secret"));
        assert!(camera.request_target().ends_with("&Pwd=secret&fps=5"));
    }

    #[test]
    fn other_schemes_and_malformed_urls_are_errors() {
        for text in ["rtsp://h/x", "camera/video", "httpx://h", ""] {
            assert_eq!(HttpUrl::parse(text), Err(HttpUrlError::Scheme), "{text}");
        }
        for text in ["http://", "http://h:99999/", "http://[::1/"] {
            assert!(matches!(HttpUrl::parse(text), Err(HttpUrlError::Invalid(_))), "{text}");
        }
        assert_eq!(HttpUrl::parse(&format!("http://h/{}", "x".repeat(9_000))), Err(HttpUrlError::TooLong));
    }

    #[test]
    fn redirect_keeps_password_only_for_the_same_origin() {
        let camera = url("http://ann:secret@camera/video");
        let same = camera.redirected("/other?x=1").unwrap();
        assert_eq!(
            (same.to_string().as_str(), same.credentials()),
            ("http://camera/other?x=1", Some(("ann", "secret")))
        );
        for location in
            ["http://elsewhere/video", "http://camera:8080/video", "https://camera/video", "//elsewhere/"]
        {
            assert_eq!(camera.redirected(location).unwrap().credentials(), None, "{location}");
        }
        let with_own = camera.redirected("http://eve:x@elsewhere/").unwrap();
        assert_eq!(with_own.credentials(), None, "a server cannot choose who signs in");
        let tls = url("https://ann:secret@camera/video");
        assert_eq!(tls.redirected("http://camera/video"), Err(RedirectError::Downgrade));
        assert!(url("https://camera/video").redirected("http://camera/video").is_ok());
        for location in ["rtsp://camera/video", "http://h:0x/", "javascript:alert(1)"] {
            assert!(matches!(camera.redirected(location), Err(RedirectError::Location(_))), "{location}");
        }
    }
}
