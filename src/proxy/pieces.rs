//! PURE. A connection's octets in pieces: the lines of messages, their bodies, and interleaved packets.
//!
//! Messages are not read as a whole. So whatever dialect is spoken passes, and what is not understood changes nothing.

use bytes::{Buf, Bytes, BytesMut};

/// Some octets of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A line of a message with its end, or all that there is of it.
    Line(Bytes),
    /// Octets of a body.
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
pub struct Pieces {
    buffer: BytesMut,
    /// Between the first line of a message and its blank line.
    is_in_head: bool,
    /// Octets of a body that are still to come.
    body: usize,
    /// What the head says of the body.
    content_length: usize,
    /// A line has ended as RFC 2326 §4 wants. The classroom's end with LF alone, and the last with nothing.
    has_crlf: bool,
}

/// Octets of the longest line.
const LONGEST_LINE: usize = 16 * 1024;

impl Pieces {
    /// Takes what the connection brought.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next piece, or `None` until more comes.
    ///
    /// # Errors
    /// When a line does not end.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, LineTooLong> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if self.body > 0 {
            let body = self.buffer.split_to(self.body.min(self.buffer.len())).freeze();
            self.body -= body.len();
            return Ok(Some(Piece::Body(body)));
        }
        if self.is_at_packet() {
            return Ok(self.next_packet());
        }
        match memchr::memchr(b'\n', &self.buffer) {
            Some(at) => Ok(Some(self.next_line(at + 1))),
            None if self.buffer.len() > LONGEST_LINE => Err(LineTooLong),
            None => Ok(None),
        }
    }

    fn is_at_packet(&self) -> bool {
        !self.is_in_head && self.buffer.first() == Some(&b'$')
    }

    fn next_packet(&mut self) -> Option<Piece> {
        let &[_, channel, high, low] = self.buffer.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.buffer.len() < 4 + length {
            return None;
        }
        self.buffer.advance(4);
        Some(Piece::Interleaved { channel, packet: self.buffer.split_to(length).freeze() })
    }

    fn next_line(&mut self, length: usize) -> Piece {
        let line = self.buffer.split_to(length).freeze();
        self.has_crlf |= line.ends_with(b"\r\n");
        if line.trim_ascii().is_empty() {
            self.is_in_head = false;
            self.body = std::mem::take(&mut self.content_length);
        } else {
            self.is_in_head = true;
            self.content_length = content_length(&line).unwrap_or(self.content_length);
        }
        Piece::Line(line)
    }

    /// Whether something waits that may be all that there is of a message's last line.
    pub fn may_be_whole(&self) -> bool {
        !self.buffer.is_empty() && !self.has_crlf && self.body == 0 && !self.is_at_packet()
    }

    /// Nothing has followed: what waits is all that there is of the last line.
    pub fn take_unended(&mut self) -> Option<Piece> {
        if !self.may_be_whole() {
            return None;
        }
        self.is_in_head = false;
        self.content_length = 0;
        Some(Piece::Line(self.buffer.split().freeze()))
    }
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    if !name.trim().eq_ignore_ascii_case("Content-Length") {
        return None;
    }
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &mut Pieces) -> Vec<Piece> {
        std::iter::from_fn(|| pieces.next_piece().unwrap()).collect()
    }

    fn line(text: &'static str) -> Piece {
        Piece::Line(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_bodies_and_packets_are_told_apart_however_they_are_cut() {
        let octets = b"RTSP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n$a\n\nb\n$\x02\x00\x03a\nbOPTIONS * RTSP/1.0\r\n\r\n";
        let mut whole = Pieces::default();
        whole.push(octets);
        let expected = [
            line("RTSP/1.0 200 OK\r\n"),
            line("Content-Length: 6\r\n"),
            line("\r\n"),
            Piece::Body(Bytes::from_static(b"$a\n\nb\n")),
            Piece::Interleaved { channel: 2, packet: Bytes::from_static(b"a\nb") },
            line("OPTIONS * RTSP/1.0\r\n"),
            line("\r\n"),
        ];
        assert_eq!(all(&mut whole), expected);
        let (mut single, mut bodies, mut others) = (Pieces::default(), Vec::new(), Vec::new());
        for octet in octets {
            single.push(&[*octet]);
            assert!(others.is_empty() || single.take_unended().is_none(), "it ends its lines");
            for piece in all(&mut single) {
                match piece {
                    Piece::Body(body) => bodies.extend(body),
                    other => others.push(other),
                }
            }
        }
        assert_eq!(bodies, b"$a\n\nb\n");
        assert_eq!(others, [&expected[..3], &expected[4..]].concat());
    }

    #[test]
    fn a_classroom_message_ends_with_nothing() {
        let mut pieces = Pieces::default();
        pieces.push(b"SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000");
        assert_eq!(all(&mut pieces), [line("SETUP movie.Mjpeg RTSP/1.0\n"), line("CSeq: 1\n")]);
        assert_eq!(pieces.take_unended(), Some(line("Transport: RTP/UDP; client_port= 25000")));
        assert_eq!(pieces.take_unended(), None);
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut pieces = Pieces::default();
        pieces.push(&vec![b'a'; LONGEST_LINE + 1]);
        assert_eq!(pieces.next_piece(), Err(LineTooLong));
    }
}
