//! Address of a stream, which includes the protocol of its server. Sans-I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::classroom::ClassroomUrl;
use crate::proto::http::{HttpUrl, redact_query};
use crate::proto::rtsp::RtspUrl;

/// Address of a stream on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceUrl {
    /// Stream over standard RTSP, with or without TLS.
    Rtsp(RtspUrl),
    /// Film on a classroom server.
    Classroom(ClassroomUrl),
    /// Stream or snapshots of a camera over HTTP.
    Http(HttpUrl),
}

/// Protocol of a server. The user selects it before the first byte, because classroom servers cannot be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// RTSP as RFC 2326 defines it.
    #[default]
    Standard,
    /// Dialect of the classroom programs.
    Classroom,
    /// HTTP, with or without TLS.
    Http,
}

impl Dialect {
    /// Returns the name used in JSON: `standard`, `classroom` or `http`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Classroom => "classroom",
            Self::Http => "http",
        }
    }
}

/// Words in the names of parameters that have a password as their value.
const SECRET_WORDS: [&str; 7] = ["pass", "pwd", "psw", "token", "secret", "auth", "key"];

/// Returns true if a parameter whose name contains one of the words has a value. Some cameras expect a password in the
/// path of the URL: `/user=admin_password=…`.
fn names_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.match_indices('=').any(|(at, _)| {
        let name = lower[..at].rsplit(['/', '?', '&', ';', '=']).next().unwrap_or_default();
        let has_value = !lower[at..].starts_with(SourceUrl::LEFT_OUT);
        has_value && SECRET_WORDS.iter().any(|word| name.contains(word))
    })
}

impl SourceUrl {
    /// Text in place of a password that is left out of an address.
    pub const LEFT_OUT: &'static str = "=…";

    /// Parses the text of an address of this protocol, as its `Display` writes it; `None` for any other text.
    pub fn parse_as(text: &str, dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Classroom => text.strip_prefix("rtsp://")?.parse().ok().map(Self::Classroom),
            Dialect::Standard | Dialect::Http => Self::parse(text).filter(|url| url.dialect() == dialect),
        }
    }

    /// Returns the address without user and password, with [`SourceUrl::LEFT_OUT`] in place of a password in the query;
    /// `None` if another part of it names a password.
    pub fn without_secrets(&self) -> Option<String> {
        let text = redact_query(&self.to_string());
        // A password with a character that ends a parameter would be left out in part.
        let mut after = text.split(Self::LEFT_OUT).skip(1);
        let is_redacted = after.all(|rest| rest.is_empty() || rest.starts_with('&'));
        Some(text).filter(|text| is_redacted && !names_secret(text))
    }

    /// Parses a URL of RTSP or HTTP, with or without TLS; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        match HttpUrl::has_http_scheme(text.trim()) {
            true => HttpUrl::parse(text).ok().map(Self::from),
            false => RtspUrl::parse(text).ok().map(Self::from),
        }
    }

    /// Protocol of the server.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Rtsp(_) => Dialect::Standard,
            Self::Classroom(_) => Dialect::Classroom,
            Self::Http(_) => Dialect::Http,
        }
    }

    /// Returns true if the connection is encrypted: `rtsps://` or `https://`.
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Rtsp(url) => url.is_tls(),
            Self::Http(url) => url.is_tls(),
            Self::Classroom(_) => false,
        }
    }

    /// Host name or address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        match self {
            Self::Rtsp(url) => url.host(),
            Self::Classroom(url) => url.host(),
            Self::Http(url) => url.host(),
        }
    }

    /// Host and port; an IPv6 address in brackets.
    pub fn host_and_port(&self) -> String {
        match self {
            Self::Rtsp(url) => url.host_and_port(),
            Self::Classroom(url) => url.host_and_port(),
            Self::Http(url) => url.host_and_port(),
        }
    }

    /// Last segment of the path, decoded, for display.
    pub fn display_name(&self) -> String {
        match self {
            Self::Rtsp(url) => url.display_name(),
            Self::Classroom(url) => url.display_name(),
            Self::Http(url) => url.display_name(),
        }
    }

    /// User and password, if the address contains them.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        match self {
            Self::Rtsp(url) => url.credentials(),
            Self::Http(url) => url.credentials(),
            Self::Classroom(_) => None,
        }
    }

    /// Returns the address with this user and password. The classroom dialect has no authentication, so its addresses
    /// do not change.
    pub fn with_credentials(self, user: &str, password: &str) -> Self {
        match self {
            Self::Rtsp(url) => Self::Rtsp(url.with_credentials(user, password)),
            Self::Http(url) => Self::Http(url.with_credentials(user, password)),
            Self::Classroom(_) => self,
        }
    }
}

impl From<RtspUrl> for SourceUrl {
    fn from(url: RtspUrl) -> Self {
        Self::Rtsp(url)
    }
}

impl From<HttpUrl> for SourceUrl {
    fn from(url: HttpUrl) -> Self {
        Self::Http(url)
    }
}

impl From<ClassroomUrl> for SourceUrl {
    fn from(url: ClassroomUrl) -> Self {
        Self::Classroom(url)
    }
}

impl fmt::Display for SourceUrl {
    /// Formats the address without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp(url) => write!(f, "{url}"),
            Self::Classroom(url) => write!(f, "{url}"),
            Self::Http(url) => write!(f, "{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_with_a_password_that_cannot_be_left_out_as_a_whole_is_not_stored() {
        let stored = |text| SourceUrl::parse(text).unwrap().without_secrets();
        assert_eq!(stored("http://ann:b@camera/x?pwd=secret&fps=5").unwrap(), "http://camera/x?pwd=…&fps=5");
        for text in ["http://camera/x?pwd=se?cret", "rtsp://camera/x?pw=se\"cret&a=1"] {
            assert_eq!(stored(text), None, "{text}");
        }
    }
}
