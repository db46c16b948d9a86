//! The Session header (RFC 2326 §12.37).

use std::fmt;
use std::time::Duration;

/// A session's identifier, and how long the server keeps it without a sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHeader {
    /// Opaque; at least eight octets from servers that follow RFC 2326 §3.4.
    pub id: String,
    /// `None` means the default of 60 s.
    pub timeout: Option<Duration>,
}

impl SessionHeader {
    /// Reads the header's value; `None` when it names no session.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let timeout = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))
            .and_then(|(_, seconds)| seconds.trim().parse().ok())
            .map(Duration::from_secs);
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
    fn the_time_out_is_optional() {
        let session = SessionHeader::parse("AeU+xqd+SPQ7GxcL ; timeout = 60").unwrap();
        assert_eq!(
            (session.id.as_str(), session.timeout),
            ("AeU+xqd+SPQ7GxcL", Some(Duration::from_secs(60)))
        );
        assert_eq!(session.to_string(), "AeU+xqd+SPQ7GxcL;timeout=60");
        assert_eq!(SessionHeader::parse("123456").unwrap().timeout, None);
        assert_eq!(SessionHeader::parse(" ;timeout=60"), None);
    }
}
