//! The Session header (RFC 2326 §12.37).

use std::fmt;
use std::time::Duration;

/// The longest time-out that is believed. It only says how often a sign of life is due, and one a day costs nothing.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A session's identifier, and how long the server keeps it without a sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHeader {
    /// Opaque; at least eight bytes from servers that follow RFC 2326 §3.4.
    pub id: String,
    /// `None` means the default of 60 s.
    pub timeout: Option<Duration>,
}

impl SessionHeader {
    /// Reads the header's value; `None` when it names no session. A time-out is bounded: the grammar gives its number any
    /// length.
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
