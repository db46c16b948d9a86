//! Transfer coding and length of a body (RFC 9112 §6, §7.1).

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::head::ResponseHead;
use crate::proto::decimal::parse_digits;

/// Reader that removes the transfer coding of one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyReader(Framing);

/// Way in which the end of a body is found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Framing {
    /// Number of bytes that are left.
    Length(u64),
    Chunked(ChunkState),
    /// The body ends with the connection.
    UntilClose,
}

/// Kind of the next byte of a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    /// Hexadecimal digit of a size, of which `digits` were read.
    Size {
        size: u64,
        digits: u8,
    },
    /// Byte of the rest of a line with a size.
    Extension {
        size: u64,
        length: usize,
    },
    /// Byte of a chunk.
    Data {
        remaining: u64,
    },
    /// Byte of the line end after a chunk.
    DataEnd,
    /// Byte of the trailer section. `is_line_start` is true at the beginning of a line.
    Trailer {
        length: usize,
        is_line_start: bool,
    },
    Done,
}

/// Reason why a body cannot be read, as part of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The size of a chunk is not a hexadecimal number, or above 2⁶³.
    #[error("a chunk of its body has no valid size")]
    ChunkSize,
    /// The bytes after a chunk are not a line end.
    #[error("a chunk of its body is longer than its size")]
    ChunkEnd,
    /// The line with a size, or the trailer section, is too long.
    #[error("a line between the chunks of its body is too long")]
    LineTooLong,
    /// The transfer coding is not chunked.
    #[error("its transfer coding is not chunked")]
    TransferCoding,
    /// Content-Length is not a number, or there are several that differ.
    #[error("its Content-Length is not a number")]
    Length,
}

/// Maximum length of the extensions of a chunk, and of the trailer section, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// Maximum number of digits of the size of a chunk.
const MAX_DIGITS: u8 = 15;

impl BodyReader {
    /// Creates a reader for the body that follows this head.
    ///
    /// # Errors
    /// Returns an error if the head states a transfer coding that is unknown, or an invalid length.
    pub fn new(head: &ResponseHead) -> Result<Self, BodyError> {
        let has_no_body = matches!(head.status, 100..=199 | 204 | 304);
        let mut codings = head.get_all("Transfer-Encoding").flat_map(|value| value.split(',')).map(str::trim);
        if has_no_body {
            return Ok(Self(Framing::Length(0)));
        }
        // A transfer coding overrides Content-Length (RFC 9112 §6.3).
        match (codings.next(), codings.next()) {
            (None, _) => {}
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => {
                return Ok(Self(Framing::Chunked(ChunkState::Size { size: 0, digits: 0 })));
            }
            (Some(coding), None) if coding.eq_ignore_ascii_case("identity") || coding.is_empty() => {}
            _ => return Err(BodyError::TransferCoding),
        }
        let mut lengths = head.get_all("Content-Length").map(parse_digits::<u64>);
        match lengths.next() {
            None => Ok(Self(Framing::UntilClose)),
            // Some cameras state a length of 0 or -1 for a stream without an end.
            Some(_) if is_endless(head) => Ok(Self(Framing::UntilClose)),
            Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
                Ok(Self(Framing::Length(length)))
            }
            Some(_) => Err(BodyError::Length),
        }
    }

    /// Takes the next piece of the body from the front of `input`. Returns `None` if more bytes are needed, or the body
    /// is complete; what is then left in `input` follows the body.
    ///
    /// # Errors
    /// Returns an error if the chunked coding is malformed.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, BodyError> {
        loop {
            if input.is_empty() {
                return Ok(None);
            }
            match &mut self.0 {
                Framing::UntilClose => return Ok(Some(input.split_to(input.len()))),
                Framing::Length(0) | Framing::Chunked(ChunkState::Done) => return Ok(None),
                Framing::Length(remaining) | Framing::Chunked(ChunkState::Data { remaining })
                    if *remaining > 0 =>
                {
                    let length = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
                    *remaining -= length as u64;
                    return Ok(Some(input.split_to(length)));
                }
                Framing::Length(_) => return Ok(None),
                Framing::Chunked(state) => {
                    let byte = input.get_u8();
                    // A chunk has been read to its end: this byte follows it.
                    let current = match *state {
                        ChunkState::Data { .. } => ChunkState::DataEnd,
                        state => state,
                    };
                    *state = next_state(current, byte)?;
                }
            }
        }
    }

    /// Returns true if the body is complete.
    pub fn is_complete(&self) -> bool {
        matches!(self.0, Framing::Length(0) | Framing::Chunked(ChunkState::Done))
    }

    /// Returns true if the body ends with the connection.
    pub fn ends_with_connection(&self) -> bool {
        self.0 == Framing::UntilClose
    }
}

/// Returns true for a multipart stream whose Content-Length is no length of anything.
fn is_endless(head: &ResponseHead) -> bool {
    let is_multipart = head.get("Content-Type").is_some_and(|value| {
        value.trim_start().get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
    });
    let length = head.get("Content-Length").unwrap_or_default();
    is_multipart && (length == "0" || length.starts_with('-') || length.is_empty())
}

/// Returns the state after a byte that is not part of a chunk's data.
fn next_state(state: ChunkState, byte: u8) -> Result<ChunkState, BodyError> {
    let is_line_end = byte == b'\n';
    match state {
        ChunkState::Size { size, digits } => match (char::from(byte).to_digit(16), byte) {
            (Some(_), _) if digits == MAX_DIGITS => Err(BodyError::ChunkSize),
            (Some(digit), _) => {
                Ok(ChunkState::Size { size: size * 16 + u64::from(digit), digits: digits + 1 })
            }
            (None, b' ' | b'\t') if digits == 0 => Ok(state),
            (None, b'\r' | b'\n' | b';' | b' ' | b'\t') if digits > 0 => {
                next_state(ChunkState::Extension { size, length: 0 }, byte)
            }
            _ => Err(BodyError::ChunkSize),
        },
        ChunkState::Extension { size: 0, .. } if is_line_end => {
            Ok(ChunkState::Trailer { length: 0, is_line_start: true })
        }
        ChunkState::Extension { size, .. } if is_line_end => Ok(ChunkState::Data { remaining: size }),
        ChunkState::Extension { size, length } if length < MAX_LINE => {
            Ok(ChunkState::Extension { size, length: length + 1 })
        }
        ChunkState::DataEnd if byte == b'\r' => Ok(ChunkState::DataEnd),
        ChunkState::DataEnd if is_line_end => Ok(ChunkState::Size { size: 0, digits: 0 }),
        ChunkState::DataEnd => Err(BodyError::ChunkEnd),
        ChunkState::Trailer { is_line_start: true, .. } if is_line_end => Ok(ChunkState::Done),
        ChunkState::Trailer { length, is_line_start } if length < MAX_LINE => {
            let is_line_start = is_line_end || is_line_start && byte == b'\r';
            Ok(ChunkState::Trailer { length: length + 1, is_line_start })
        }
        ChunkState::Extension { .. } | ChunkState::Trailer { .. } => Err(BodyError::LineTooLong),
        ChunkState::Data { .. } | ChunkState::Done => Ok(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::HeadReader;

    fn reader(headers: &str) -> Result<BodyReader, BodyError> {
        let mut heads = HeadReader::default();
        heads.push(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes());
        BodyReader::new(&heads.poll().unwrap().unwrap().0)
    }

    /// Returns the body in `bytes`, which arrive in pieces of `size`, and what follows it.
    fn decode(headers: &str, bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<u8>, bool), BodyError> {
        let (mut reader, mut body, mut rest) = (reader(headers)?, Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(decoded) = reader.decode(&mut input)? {
                body.extend_from_slice(&decoded);
            }
            rest.extend_from_slice(&input);
        }
        Ok((body, rest, reader.is_complete()))
    }

    #[test]
    fn chunk_borders_may_be_anywhere() {
        let coded =
            b"4\r\nWiki\r\n5;name=\"v\"\r\npedia\r\n000e \r\n in\r\n\r\nchunks.\r\n0\r\nX-A: b\r\n\r\nHTTP";
        for size in 1..coded.len() {
            let (body, rest, is_complete) = decode("Transfer-Encoding: Chunked\r\n", coded, size).unwrap();
            assert_eq!(String::from_utf8(body).unwrap(), "Wikipedia in\r\n\r\nchunks.", "{size}");
            assert_eq!((rest, is_complete), (b"HTTP".to_vec(), true), "{size}");
        }
        let (body, _, is_complete) = decode("Transfer-Encoding: chunked\r\n", b"3\nabc\n0\n\n", 1).unwrap();
        assert_eq!((body, is_complete), (b"abc".to_vec(), true), "lines end with LF alone");
        let spaces = b" \t3 7\r\nabc\r\n0\r\n\r\n";
        let (body, _, is_complete) = decode("Transfer-Encoding: chunked\r\n", spaces, 1).unwrap();
        assert_eq!((body, is_complete), (b"abc".to_vec(), true), "the size ends with a space");
    }

    #[test]
    fn malformed_chunks_are_errors() {
        for (coded, error) in [
            (&b"xyz\r\n"[..], BodyError::ChunkSize),
            (b"\r\n", BodyError::ChunkSize),
            (b"fffffffffffffffff\r\n", BodyError::ChunkSize),
            (b"2\r\nabc\r\n", BodyError::ChunkEnd),
        ] {
            assert_eq!(decode("Transfer-Encoding: chunked\r\n", coded, 1), Err(error), "{coded:?}");
        }
        let long = [&b"2;"[..], &[b'x'; MAX_LINE + 1]].concat();
        assert_eq!(decode("Transfer-Encoding: chunked\r\n", &long, 7), Err(BodyError::LineTooLong));
        let long = [&b"0\r\n"[..], &[b'x'; MAX_LINE + 1]].concat();
        assert_eq!(decode("Transfer-Encoding: chunked\r\n", &long, 7), Err(BodyError::LineTooLong));
    }

    #[test]
    fn length_ends_the_body() {
        let (body, rest, is_complete) = decode("content-length: 5\r\n", b"helloHTTP", 2).unwrap();
        assert_eq!((body, rest, is_complete), (b"hello".to_vec(), b"HTTP".to_vec(), true));
        let (body, _, is_complete) = decode("Connection: close\r\n", b"hello", 2).unwrap();
        assert_eq!((body, is_complete), (b"hello".to_vec(), false));
        for length in ["x", "+5", "-5", "5 5", ""] {
            assert_eq!(
                reader(&format!("Content-Length: {length}\r\n")),
                Err(BodyError::Length),
                "{length:?}"
            );
        }
        assert_eq!(reader("Content-Length: 5\r\nContent-Length: 6\r\n"), Err(BodyError::Length));
        assert_eq!(reader("Transfer-Encoding: gzip, chunked\r\n"), Err(BodyError::TransferCoding));
    }

    #[test]
    fn multipart_stream_of_length_zero_is_endless() {
        for length in ["0", "-1"] {
            let headers = format!("Content-Type: Multipart/x-mixed-replace\r\nContent-Length: {length}\r\n");
            assert!(reader(&headers).unwrap().ends_with_connection());
        }
        assert!(reader("Content-Type: image/jpeg\r\nContent-Length: 0\r\n").unwrap().is_complete());
    }
}
