//! Messages of a session as the user reads them, without credentials. Sans-I/O.

use std::time::Instant;

use super::state::RtspState;
use crate::proto::http::redact_query;

/// Direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Message from the client to the server.
    ClientToServer,
    /// Message from the server to the client.
    ServerToClient,
}

/// Request or response as the user reads it, without passwords and the digests made from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// Time at which it was sent or arrived.
    pub at: Instant,
    /// Direction in which it was sent.
    pub direction: Direction,
    /// Request line or status line.
    pub start_line: String,
    /// Headers, and after an empty line the body; lines end with `\n`.
    pub headers_and_body: String,
    /// Number in the CSeq header; `None` if it is missing or not a number.
    pub cseq: Option<u32>,
    /// State of the session after this message.
    pub state: RtspState,
}

/// Maximum number of bytes of a message that are kept.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// Names of headers that carry credentials, in lower case (RFC 2326 §12.5, §12.32; RFC 7616 §3.5; RFC 6265 §4).
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "authentication-info",
    "proxy-authentication-info",
    "set-cookie",
    "cookie",
];

impl LoggedMessage {
    /// Parses one message, as it was sent or received, and redacts its credentials.
    pub fn new(at: Instant, direction: Direction, bytes: &[u8], state: RtspState) -> Self {
        let truncated = &bytes[..bytes.len().min(MAX_MESSAGE_BYTES)];
        let text = String::from_utf8_lossy(truncated);
        let mut lines = text.lines().map(redact_line);
        let start_line = lines.next().unwrap_or_default();
        let mut headers_and_body = lines.collect::<Vec<_>>().join("\n");
        headers_and_body.truncate(headers_and_body.trim_end().len());
        if bytes.len() > truncated.len() {
            headers_and_body += &format!("\n… {} more bytes", bytes.len() - truncated.len());
        }
        let cseq = headers_and_body.lines().find_map(|line| {
            let (name, value) = line.split_once([':', ' '])?;
            // Some classroom servers repeat the name in the value: `CSeq: CSeq: 2`.
            let number = value.rsplit([':', ' ']).next()?;
            name.eq_ignore_ascii_case("cseq").then(|| number.parse().ok()).flatten()
        });
        Self { at, direction, start_line, headers_and_body, cseq, state }
    }

    /// Returns true if this is a response.
    pub fn is_response(&self) -> bool {
        self.start_line.starts_with("RTSP/") || self.is_http()
    }

    /// Returns true if this is a response over HTTP.
    pub fn is_http(&self) -> bool {
        self.start_line.starts_with("HTTP/")
    }

    /// Short label for diagrams: the method of a request, the status of a response, such as `200 OK`, or the delimiter
    /// of a part.
    pub fn label(&self) -> &str {
        match self.is_response() {
            true => self.start_line.split_once(' ').map_or(self.start_line.as_str(), |(_, status)| status),
            false => self.start_line.split(' ').next().unwrap_or_default(),
        }
    }
}

/// Replaces credentials in a line, and control characters by spaces.
fn redact_line(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = redact_query(&redact_url_credentials(&line));
    match line.split_once(':') {
        Some((name, value)) if SECRET_HEADERS.contains(&name.trim().to_ascii_lowercase().as_str()) => {
            let scheme =
                value.split_whitespace().next().filter(|word| word.chars().all(char::is_alphanumeric));
            format!("{name}: {} (not shown)", scheme.unwrap_or_default()).replace(":  (", ": (")
        }
        _ => line,
    }
}

/// Removes user and password from each URL in a line: `rtsp://user:password@host`.
fn redact_url_credentials(line: &str) -> String {
    let mut output = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        output += before;
        output += "://";
        let authority = after.find(['/', ' ', '"', ',', ';']).unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(at) => &after[at + 1..],
            None => after,
        };
    }
    output + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(at: Instant, direction: Direction, text: &str, state: RtspState) -> LoggedMessage {
        LoggedMessage::new(at, direction, text.as_bytes(), state)
    }

    #[test]
    fn passwords_and_digests_are_redacted() {
        let text = "DESCRIBE rtsp://ann:se:cr@et@camera/live RTSP/1.0\r\nCSeq: 3\r\n\
                    AUTHORIZATION: Digest username=\"ann\", response=\"0123abcd\"\r\n\
                    Referer: see rtsp://bob:pw@other and rtsp://third/x@y\r\n\
                    Authentication-Info: rspauth=\"beef\"\r\n\r\n";
        let message = message(Instant::now(), Direction::ClientToServer, text, RtspState::Init);
        assert_eq!(message.start_line, "DESCRIBE rtsp://camera/live RTSP/1.0");
        let expected = "CSeq: 3\nAUTHORIZATION: Digest (not shown)\n\
                        Referer: see rtsp://other and rtsp://third/x@y\nAuthentication-Info: (not shown)";
        assert_eq!(message.headers_and_body, expected);
        assert_eq!((message.cseq, message.label()), (Some(3), "DESCRIBE"));
    }

    #[test]
    fn passwords_in_queries_are_redacted() {
        let text = "GET /video.cgi?user=ann&pwd=secret HTTP/1.1\r\nReferer: http://h/?PASSWORD=secret#x\r\n\
                    Set-Cookie: id=secret\r\n\r\n";
        let message = message(Instant::now(), Direction::ClientToServer, text, RtspState::Init);
        assert_eq!(message.start_line, "GET /video.cgi?user=ann&pwd=… HTTP/1.1");
        assert_eq!(message.headers_and_body, "Referer: http://h/?PASSWORD=…#x\nSet-Cookie: (not shown)");
    }

    #[test]
    fn classroom_messages_are_parsed() {
        let now = Instant::now();
        let response = message(
            now,
            Direction::ServerToClient,
            "RTSP/1.0 200 OK\nCSeq: CSeq: 2\nSession: 1",
            RtspState::Ready,
        );
        assert_eq!((response.cseq, response.label(), response.is_response()), (Some(2), "200 OK", true));
        let bare = message(now, Direction::ServerToClient, "RTSP/1.0 200 OK\nCSeq 4", RtspState::Ready);
        assert_eq!(bare.cseq, Some(4));
        let oversized = message(now, Direction::ServerToClient, &"x".repeat(100_000), RtspState::Init);
        assert!(
            oversized.start_line.len() == MAX_MESSAGE_BYTES
                && oversized.headers_and_body.ends_with("83616 more bytes")
        );
    }
}
