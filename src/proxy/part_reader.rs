//! Splits one direction of an RTSP connection into lines, bodies and interleaved packets. Sans-I/O.
//!
//! Messages are not parsed: headers and dialects that the proxy does not know are forwarded unchanged.

use bytes::{Buf, Bytes, BytesMut};

/// Part of the byte stream of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPart {
    /// Line of a message including its line end, or an unterminated last line.
    Line(Bytes),
    /// Part of the body of a message.
    Body(Bytes),
    /// Interleaved packet between messages (RFC 2326 §10.12).
    Interleaved {
        /// Channel that the Transport header assigned.
        channel: u8,
        /// RTP or RTCP packet, without the four bytes of framing.
        packet: Bytes,
    },
}

/// Error for a line longer than 16,384 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of a message is longer than {MAX_LINE_LENGTH} bytes")]
pub struct LineTooLong;

/// Splits one direction of a connection into parts.
///
/// Pass received bytes to [`push`](Self::push), then call [`next_part`](Self::next_part) until it returns `None`.
#[derive(Debug, Default)]
pub struct PartReader {
    buffer: BytesMut,
    /// A first line has been read, and the blank line after the headers has not.
    is_in_headers: bool,
    /// The current message is a request of standard RTSP, which a blank line ends.
    is_standard_request: bool,
    /// Remaining bytes of the current body.
    body_remaining: usize,
    /// Content-Length of the current message, in bytes; 0 if it has none.
    content_length: usize,
    /// The peer ends lines with CRLF, as RFC 2326 §4 requires. Classroom programs end lines with LF only, and the
    /// last line of a message with nothing.
    has_seen_crlf: bool,
}

/// Maximum length of a line, in bytes.
const MAX_LINE_LENGTH: usize = 16 * 1024;

impl PartReader {
    /// Appends bytes received from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next complete part; `None` if more bytes are needed.
    ///
    /// # Errors
    /// Returns an error if a line exceeds the maximum length.
    pub fn next_part(&mut self) -> Result<Option<StreamPart>, LineTooLong> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if self.body_remaining > 0 {
            let body = self.buffer.split_to(self.body_remaining.min(self.buffer.len())).freeze();
            self.body_remaining -= body.len();
            return Ok(Some(StreamPart::Body(body)));
        }
        if self.is_at_interleaved() {
            return Ok(self.next_interleaved());
        }
        match memchr::memchr(b'\n', &self.buffer) {
            Some(at) => Ok(Some(self.next_line(at + 1))),
            None if self.buffer.len() > MAX_LINE_LENGTH => Err(LineTooLong),
            None => Ok(None),
        }
    }

    fn is_at_interleaved(&self) -> bool {
        !self.is_in_headers && self.buffer.first() == Some(&b'$')
    }

    fn next_interleaved(&mut self) -> Option<StreamPart> {
        let &[_, channel, high, low] = self.buffer.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.buffer.len() < 4 + length {
            return None;
        }
        self.buffer.advance(4);
        Some(StreamPart::Interleaved { channel, packet: self.buffer.split_to(length).freeze() })
    }

    fn next_line(&mut self, length: usize) -> StreamPart {
        let line = self.buffer.split_to(length).freeze();
        self.has_seen_crlf |= line.ends_with(b"\r\n");
        if !self.is_in_headers {
            self.is_standard_request = is_standard_request_line(&line);
        }
        if line.trim_ascii().is_empty() {
            self.is_in_headers = false;
            self.body_remaining = std::mem::take(&mut self.content_length);
        } else {
            self.is_in_headers = true;
            self.content_length = parse_content_length(&line).unwrap_or(self.content_length);
        }
        StreamPart::Line(line)
    }

    /// Returns true between the parts of a message whose end can be recognized: a standard request, or a body.
    pub fn is_in_message(&self) -> bool {
        self.body_remaining > 0 || (self.is_in_headers && self.is_standard_request)
    }

    /// Returns true if the bytes received so far end within a line, a packet, or such a message.
    pub fn is_mid_message(&self) -> bool {
        !self.buffer.is_empty() || self.is_in_message()
    }

    /// Returns true if the buffer may hold the complete last line of a classroom message, which has no line end.
    pub fn may_be_complete(&self) -> bool {
        !self.buffer.is_empty()
            && !self.has_seen_crlf
            && self.body_remaining == 0
            && !self.is_at_interleaved()
    }

    /// Returns the unterminated last line of a classroom message. To be called after a pause in the stream, or at its
    /// end.
    pub fn flush_line(&mut self) -> Option<StreamPart> {
        if !self.may_be_complete() {
            return None;
        }
        self.is_in_headers = false;
        self.content_length = 0;
        Some(StreamPart::Line(self.buffer.split().freeze()))
    }
}

/// Returns true if a line begins a standard request: its URL is absolute, or `*`. Classroom programs send a file name,
/// and no blank line at the end.
fn is_standard_request_line(line: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.nth(1).is_some_and(|url| url == b"*" || memchr::memmem::find(url, b"://").is_some())
}

fn parse_content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    if !name.trim().eq_ignore_ascii_case("Content-Length") {
        return None;
    }
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(reader: &mut PartReader) -> Vec<StreamPart> {
        std::iter::from_fn(|| reader.next_part().unwrap()).collect()
    }

    fn line(text: &'static str) -> StreamPart {
        StreamPart::Line(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn parts_are_the_same_at_any_read_boundary() {
        let bytes = b"RTSP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n$a\n\nb\n$\x02\x00\x03a\nbOPTIONS * RTSP/1.0\r\n\r\n";
        let mut reader = PartReader::default();
        reader.push(bytes);
        let expected = [
            line("RTSP/1.0 200 OK\r\n"),
            line("Content-Length: 6\r\n"),
            line("\r\n"),
            StreamPart::Body(Bytes::from_static(b"$a\n\nb\n")),
            StreamPart::Interleaved { channel: 2, packet: Bytes::from_static(b"a\nb") },
            line("OPTIONS * RTSP/1.0\r\n"),
            line("\r\n"),
        ];
        assert_eq!(read_all(&mut reader), expected);
        let (mut single, mut bodies, mut others) = (PartReader::default(), Vec::new(), Vec::new());
        for byte in bytes {
            single.push(&[*byte]);
            assert!(others.is_empty() || single.flush_line().is_none(), "lines of this peer have ends");
            for part in read_all(&mut single) {
                match part {
                    StreamPart::Body(body) => bodies.extend(body),
                    other => others.push(other),
                }
            }
        }
        assert_eq!(bodies, b"$a\n\nb\n");
        assert_eq!(others, [&expected[..3], &expected[4..]].concat());
    }

    #[test]
    fn classroom_line_without_line_end_is_flushed() {
        let mut reader = PartReader::default();
        reader.push(b"SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000");
        assert_eq!(read_all(&mut reader), [line("SETUP movie.Mjpeg RTSP/1.0\n"), line("CSeq: 1\n")]);
        assert_eq!(reader.flush_line(), Some(line("Transport: RTP/UDP; client_port= 25000")));
        assert_eq!(reader.flush_line(), None);
    }

    #[test]
    fn standard_request_is_complete_at_its_blank_line() {
        let mut reader = PartReader::default();
        for (text, is_in_message) in [
            ("OPTIONS rtsp://h/film RTSP/1.0\r\n", true),
            ("CSeq: 1\r\n", true),
            ("\r\n", false),
            ("SETUP movie.Mjpeg RTSP/1.0\r\n", false),
        ] {
            reader.push(text.as_bytes());
            assert_eq!(read_all(&mut reader), [line(text)]);
            assert_eq!((reader.is_in_message(), reader.is_mid_message()), (is_in_message, is_in_message));
        }
        reader.push(b"CSeq");
        assert!(reader.is_mid_message() && !reader.is_in_message());
    }

    #[test]
    fn line_above_limit_is_error() {
        let mut reader = PartReader::default();
        reader.push(&vec![b'a'; MAX_LINE_LENGTH + 1]);
        assert_eq!(reader.next_part(), Err(LineTooLong));
    }
}
