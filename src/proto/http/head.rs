//! Head of a response: status line and headers (RFC 9112 §2.1).

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Status line and headers of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// Status code, from 100 to 999.
    pub status: u16,
    /// Reason phrase; may be empty.
    pub reason: String,
    /// True for HTTP/1.0, in which a connection closes after a response unless it says otherwise.
    pub is_http_1_0: bool,
    headers: Vec<(String, String)>,
}

/// Reason why a head cannot be read, as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadError {
    /// The bytes do not begin with `HTTP/`.
    #[error("the response begins with \"{0}\" and not with HTTP/1")]
    NotHttp(String),
    /// The head is longer than [`HeadReader::MAX_LENGTH`].
    #[error("its headers are longer than {} bytes", HeadReader::MAX_LENGTH)]
    TooLong,
    /// The head has more than [`HeadReader::MAX_HEADERS`] headers.
    #[error("it has more than {} headers", HeadReader::MAX_HEADERS)]
    TooManyHeaders,
    /// The status line is malformed; the reason is that of the parser.
    #[error("{0}")]
    Malformed(String),
}

/// Reader that collects the bytes of one head after the other.
#[derive(Debug, Default)]
pub struct HeadReader {
    buffer: BytesMut,
    /// Number of bytes in which no end of a head was found.
    searched: usize,
}

impl ResponseHead {
    /// Returns the value of the first header with this name, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let own = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_str())
    }

    /// Returns the values of all headers with this name, in any case.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_same = move |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_same).map(|(_, value)| value.as_str())
    }

    /// Returns true if a header with this name lists this token, in any case (RFC 9110 §5.6.1).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.get_all(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// Returns true if the response must not be stored (RFC 9111 §5.2.2): it is a stream that is made now, and no file.
    pub fn forbids_caching(&self) -> bool {
        let has = |name, words: &[&str]| {
            let value = self.get(name).unwrap_or_default().to_ascii_lowercase();
            words.iter().any(|word| value.contains(word))
        };
        has("Cache-Control", &["no-cache", "no-store", "max-age=0"]) || has("Pragma", &["no-cache"])
    }

    /// Returns true if the connection stays open after the body (RFC 9112 §9.3).
    pub fn keeps_connection(&self) -> bool {
        match self.is_http_1_0 {
            true => self.has_token("Connection", "keep-alive"),
            false => !self.has_token("Connection", "close"),
        }
    }
}

impl HeadReader {
    /// Maximum length of a head in bytes.
    pub const MAX_LENGTH: usize = 64 * 1024;
    /// Maximum number of headers.
    pub const MAX_HEADERS: usize = 100;

    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next head with its bytes; `None` if it is not complete yet.
    ///
    /// # Errors
    /// Returns an error if the bytes are not HTTP, or exceed a limit.
    pub fn poll(&mut self) -> Result<Option<(ResponseHead, Bytes)>, HeadError> {
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.buffer.advance(blank);
        self.searched = self.searched.saturating_sub(blank);
        let prefix = &self.buffer[..self.buffer.len().min(PROTOCOL.len())];
        if !prefix.eq_ignore_ascii_case(&PROTOCOL[..prefix.len()]) {
            let beginning: String = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(20)])
                .chars()
                .take_while(|c| !c.is_control())
                .collect();
            return Err(HeadError::NotHttp(beginning));
        }
        match self.find_end() {
            Some(end) if end <= Self::MAX_LENGTH => {
                let bytes = self.buffer.split_to(end).freeze();
                self.searched = 0;
                parse(&bytes).map(|head| Some((head, bytes)))
            }
            None if self.buffer.len() <= Self::MAX_LENGTH => Ok(None),
            _ => Err(HeadError::TooLong),
        }
    }

    /// Removes and returns the bytes after the last head that was returned.
    pub fn take_rest(&mut self) -> Bytes {
        self.searched = 0;
        self.buffer.split().freeze()
    }

    /// Returns the number of bytes up to the end of the first empty line. Lines may end with LF alone.
    fn find_end(&mut self) -> Option<usize> {
        // An empty line can begin up to two bytes before the bytes that were not searched yet.
        let start = self.searched.saturating_sub(2);
        let rest = &self.buffer[start..];
        let end = memchr::memchr_iter(b'\n', rest).find_map(|at| match rest.get(at + 1..) {
            Some([b'\n', ..]) => Some(start + at + 2),
            Some([b'\r', b'\n', ..]) => Some(start + at + 3),
            _ => None,
        });
        self.searched = self.buffer.len();
        end
    }
}

/// Beginning of every status line.
const PROTOCOL: &[u8] = b"HTTP/1.";

/// Parses a complete head.
fn parse(bytes: &[u8]) -> Result<ResponseHead, HeadError> {
    let mut headers = [httparse::EMPTY_HEADER; HeadReader::MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_responses(true);
    match config.parse_response(&mut response, bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("it ends too early".to_owned())),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders),
        Err(error) => return Err(HeadError::Malformed(error.to_string())),
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let headers =
        response.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
    Ok(ResponseHead {
        status: response.code.unwrap_or_default(),
        reason: response.reason.unwrap_or_default().trim().to_owned(),
        is_http_1_0: response.version == Some(0),
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(ResponseHead, Bytes)>, HeadError> {
        let mut reader = HeadReader::default();
        reader.push(text.as_bytes());
        reader.poll()
    }

    fn head(text: &str) -> ResponseHead {
        read(text).unwrap().unwrap().0
    }

    #[test]
    fn head_is_found_in_pieces_of_any_size() {
        let text = "\r\nHTTP/1.0 200 OK\r\nServer: cam\r\nCONTENT-type :  image/jpeg \r\n\r\nbody";
        for size in 1..text.len() {
            let (mut reader, mut found) = (HeadReader::default(), None);
            for piece in text.as_bytes().chunks(size) {
                reader.push(piece);
                found = found.or(reader.poll().unwrap());
                if found.is_some() {
                    break;
                }
            }
            let (head, bytes) = found.unwrap();
            assert_eq!((head.status, head.reason.as_str(), head.is_http_1_0), (200, "OK", true), "{size}");
            assert_eq!(head.get("content-TYPE"), Some("image/jpeg"), "{size}");
            assert!(bytes.starts_with(b"HTTP/1.0") && bytes.ends_with(b"\r\n\r\n"), "{size}");
            assert!(b"body".starts_with(&reader.take_rest()[..]), "{size}");
        }
    }

    #[test]
    fn lines_may_end_with_lf_alone() {
        let lf = head("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"x\"\nA: 1\nA: 2\n\n");
        assert_eq!((lf.status, lf.get("www-authenticate")), (401, Some("Basic realm=\"x\"")));
        assert_eq!(lf.get_all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(head("HTTP/1.1 200\n\n").reason, "");
    }

    #[test]
    fn malformed_header_lines_are_passed_over() {
        let odd = head("HTTP/1.1 200 OK\r\nno colon here\r\n : x\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(odd.get("content-length"), Some("5"));
    }

    #[test]
    fn connection_header_decides_about_keep_alive() {
        for (text, keeps) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(head(text).keeps_connection(), keeps, "{text}");
        }
    }

    #[test]
    fn other_protocols_are_named() {
        for (text, beginning) in
            [("SSH-2.0-x\r\n\r\n", "SSH-2.0-x"), ("RTSP/1.0 400 Bad\r\n\r\n", "RTSP/1.0 400 Bad")]
        {
            assert_eq!(read(text), Err(HeadError::NotHttp(beginning.to_owned())));
        }
        assert_eq!(read("HT"), Ok(None));
    }

    #[test]
    fn length_and_number_of_headers_are_limited() {
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(HeadReader::MAX_LENGTH));
        assert_eq!(read(&endless), Err(HeadError::TooLong));
        assert_eq!(read(&format!("{endless}\r\n\r\n")), Err(HeadError::TooLong));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: 1\r\n".repeat(HeadReader::MAX_HEADERS + 1));
        assert_eq!(read(&many), Err(HeadError::TooManyHeaders));
        assert!(matches!(read("HTTP/1.1 xx OK\r\n\r\n"), Err(HeadError::Malformed(_))));
    }
}
