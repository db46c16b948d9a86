//! PURE. A connection's bytes in pieces: the lines of messages, their bodies, and interleaved packets.
//!
//! Messages are not read as a whole. So whatever dialect is spoken passes, and what is not understood changes nothing.

use bytes::{Buf, Bytes, BytesMut};

/// Some bytes of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPart {
    /// A line of a message with its end, or all that there is of it.
    Line(Bytes),
    /// Bytes of a body.
    Body(Bytes),
    /// A packet between messages (RFC 2326 §10.12).
    Interleaved {
        /// Its channel.
        channel: u8,
        /// The packet.
        packet: Bytes,
    },
}

/// A line is longer than any message needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTooLong;

/// Cuts one direction of a connection into pieces.
#[derive(Debug, Default)]
pub struct PartReader {
    buffer: BytesMut,
    /// Between the first line of a message and its blank line.
    is_in_headers: bool,
    /// Bytes of a body that are still to come.
    body_remaining: usize,
    /// What the head says of the body.
    content_length: usize,
    /// A line has ended as RFC 2326 §4 wants. The classroom's end with LF alone, and the last with nothing.
    has_seen_crlf: bool,
}

/// Bytes of the longest line.
const MAX_LINE_LENGTH: usize = 16 * 1024;

impl PartReader {
    /// Takes what the connection brought.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece, or `None` until more comes.
    ///
    /// # Errors
    /// When a line does not end.
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
        if line.trim_ascii().is_empty() {
            self.is_in_headers = false;
            self.body_remaining = std::mem::take(&mut self.content_length);
        } else {
            self.is_in_headers = true;
            self.content_length = parse_content_length(&line).unwrap_or(self.content_length);
        }
        StreamPart::Line(line)
    }

    /// Whether something waits that may be all that there is of a message's last line.
    pub fn may_be_complete(&self) -> bool {
        !self.buffer.is_empty()
            && !self.has_seen_crlf
            && self.body_remaining == 0
            && !self.is_at_interleaved()
    }

    /// Nothing has followed: what waits is all that there is of the last line.
    pub fn flush_line(&mut self) -> Option<StreamPart> {
        if !self.may_be_complete() {
            return None;
        }
        self.is_in_headers = false;
        self.content_length = 0;
        Some(StreamPart::Line(self.buffer.split().freeze()))
    }
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
        let mut whole = PartReader::default();
        whole.push(bytes);
        let expected = [
            line("RTSP/1.0 200 OK\r\n"),
            line("Content-Length: 6\r\n"),
            line("\r\n"),
            StreamPart::Body(Bytes::from_static(b"$a\n\nb\n")),
            StreamPart::Interleaved { channel: 2, packet: Bytes::from_static(b"a\nb") },
            line("OPTIONS * RTSP/1.0\r\n"),
            line("\r\n"),
        ];
        assert_eq!(read_all(&mut whole), expected);
        let (mut single, mut bodies, mut others) = (PartReader::default(), Vec::new(), Vec::new());
        for byte in bytes {
            single.push(&[*byte]);
            assert!(others.is_empty() || single.flush_line().is_none(), "it ends its lines");
            for piece in read_all(&mut single) {
                match piece {
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
        let mut pieces = PartReader::default();
        pieces.push(b"SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000");
        assert_eq!(read_all(&mut pieces), [line("SETUP movie.Mjpeg RTSP/1.0\n"), line("CSeq: 1\n")]);
        assert_eq!(pieces.flush_line(), Some(line("Transport: RTP/UDP; client_port= 25000")));
        assert_eq!(pieces.flush_line(), None);
    }

    #[test]
    fn line_above_limit_is_error() {
        let mut pieces = PartReader::default();
        pieces.push(&vec![b'a'; MAX_LINE_LENGTH + 1]);
        assert_eq!(pieces.next_part(), Err(LineTooLong));
    }
}
