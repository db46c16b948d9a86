//! The Session header (RFC 2326 §12.37).

use std::fmt;
use std::time::Duration;

/// Maximum timeout that is accepted; longer ones are reduced to it. The timeout only sets the interval of keep-alive
/// requests, and one a day costs nothing.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Session identifier, and the time for which the server keeps the session without a keep-alive request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHeader {
    /// Opaque identifier; at least eight bytes if the server follows RFC 2326 §3.4.
    pub id: String,
    /// Session timeout in whole seconds, at most one day; `None` for the default of 60 s.
    pub timeout: Option<Duration>,
}

impl SessionHeader {
    /// Parses the header value; `None` if the identifier is empty. A timeout is limited to one day, since the grammar
    /// does not limit its digits.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let timeout = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))
            .and_then(|(_, seconds)| seconds.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(MAX_TIMEOUT));
        Some(Self { id, timeout })
    }
}

impl fmt::Display for SessionHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match self.timeout {
            Some(timeout) => write!(f, ";timeout={}", timeout.as_secs()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_optional() {
        let session = SessionHeader::parse("AeU+xqd+SPQ7GxcL ; timeout = 60").unwrap();
        assert_eq!(
            (session.id.as_str(), session.timeout),
            ("AeU+xqd+SPQ7GxcL", Some(Duration::from_secs(60)))
        );
        assert_eq!(session.to_string(), "AeU+xqd+SPQ7GxcL;timeout=60");
        assert_eq!(SessionHeader::parse("123456").unwrap().timeout, None);
        assert_eq!(SessionHeader::parse(" ;timeout=60"), None);
    }

    #[test]
    fn timeout_is_capped_at_one_day() {
        for text in ["1;timeout=86401", "1;timeout=18446744073709551615"] {
            assert_eq!(SessionHeader::parse(text).unwrap().timeout, Some(MAX_TIMEOUT), "{text}");
        }
    }
}
