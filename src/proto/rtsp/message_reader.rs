//! Framing of a TCP byte stream: requests, responses and interleaved packets (RFC 2326 §10.12).

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::classroom_request::{self, ClassroomRequest};
use super::message::{Headers, Method, Request, Response, StatusCode, Version, header};
use super::resync::{Resync, is_status_line};
use crate::proto::decimal::parse_digits;
use crate::proto::mistake::Mistake;

/// A complete message, or a packet between messages, received on an RTSP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A standard request (RFC 2326 §6).
    Request(Request),
    /// A request in the dialect of classroom programs.
    Classroom(ClassroomRequest),
    /// A response (RFC 2326 §7).
    Response(Response),
    /// Binary data between messages (RFC 2326 §10.12).
    Interleaved {
        /// Channel number, as negotiated in the Transport header.
        channel: u8,
        /// The RTP or RTCP packet, at most 65,535 bytes.
        packet: Bytes,
    },
}

/// Bounds on the bytes that a peer can make [`MessageReader`] buffer before a message is complete.
#[derive(Debug, Clone, Copy)]
pub struct MessageLimits {
    /// Maximum length of a request URL, in bytes.
    pub max_uri: usize,
    /// Maximum length of the first line and the headers together, in bytes.
    pub max_head: usize,
    /// Maximum length of the body, in bytes.
    pub max_body: usize,
    /// Maximum number of bytes between two messages that belong to none and are passed over. 0 for a server: requests
    /// follow each other without a gap.
    pub max_skipped: usize,
}

impl MessageLimits {
    /// Limits of a server. Requests are short.
    pub const SERVER: Self =
        Self { max_uri: 2_048, max_head: 16 * 1024, max_body: 64 * 1024, max_skipped: 0 };
    /// Limits of a client. Session descriptions can be long.
    pub const CLIENT: Self =
        Self { max_uri: 8_192, max_head: 64 * 1024, max_body: 1024 * 1024, max_skipped: 64 * 1024 };
}

/// Reason why the byte stream cannot be parsed any further. The framing is lost: close the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The URL of a request is longer than [`MessageLimits::max_uri`].
    #[error("the URL is too long")]
    UriTooLong,
    /// The first line and the headers are longer than [`MessageLimits::max_head`].
    #[error("the headers are too long")]
    HeadTooLong,
    /// The body is longer than [`MessageLimits::max_body`].
    #[error("the message body is too long")]
    BodyTooLong,
    /// A Content-Length is not a number, or contradicts another one in the same message.
    #[error("the Content-Length \"{0}\" is invalid")]
    InvalidContentLength(String),
    /// The bytes after the body of a response do not begin a message: its Content-Length is too small.
    #[error("the message body is longer than its Content-Length")]
    ContentLengthTooShort,
    /// A line is not RTSP. The text names the line.
    #[error("{0}")]
    Malformed(String),
}

impl FramingError {
    /// Returns the status of the response that a server sends before it closes the connection.
    pub fn status_code(&self) -> StatusCode {
        match self {
            Self::UriTooLong => StatusCode::REQUEST_URI_TOO_LARGE,
            Self::BodyTooLong => StatusCode::REQUEST_ENTITY_TOO_LARGE,
            Self::HeadTooLong
            | Self::InvalidContentLength(_)
            | Self::ContentLengthTooShort
            | Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The part of an incomplete message that has been received. Displayed in parentheses in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncompleteMessage {
    /// The blank line that ends the headers is missing.
    Head,
    /// The headers are complete, the body is not.
    Body {
        /// Bytes of the body received.
        received: usize,
        /// Bytes of the body according to Content-Length.
        expected: usize,
    },
}

impl std::fmt::Display for IncompleteMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head => f.write_str("its headers are incomplete"),
            Self::Body { received, expected } => {
                write!(f, "{received} of the {expected} bytes of its body were received")
            }
        }
    }
}

/// Buffers the bytes of a connection and returns complete messages.
///
/// Call [`MessageReader::push`] with received bytes, then [`MessageReader::poll_message`] until it returns `None`.
/// A server also ends classroom requests: see [`MessageReader::may_be_complete`].
#[derive(Debug)]
pub struct MessageReader {
    buffer: BytesMut,
    limits: MessageLimits,
    resync: Resync,
    /// Mistakes since [`MessageReader::poll_mistake`] was called last, at most [`MAX_MISTAKES`].
    mistakes: VecDeque<(Mistake, String)>,
}

/// Maximum number of mistakes that are kept.
const MAX_MISTAKES: usize = 16;

impl MessageReader {
    /// Creates a reader for a new connection.
    pub fn new(limits: MessageLimits) -> Self {
        Self { buffer: BytesMut::new(), limits, resync: Resync::default(), mistakes: VecDeque::new() }
    }

    /// Appends bytes received from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns true if an incomplete message is buffered.
    pub fn is_mid_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Returns the received part of an incomplete message; `None` if no message has begun, or only an interleaved
    /// packet.
    pub fn incomplete_message(&self) -> Option<IncompleteMessage> {
        if self.resync.is_skipping() || matches!(self.buffer.first(), None | Some(b'$')) {
            return None;
        }
        let body = find_head(&self.buffer).and_then(|(text_length, head_length)| {
            let expected = Head::parse(&self.buffer[..text_length]).ok()?.0.content_length().ok()?;
            Some(IncompleteMessage::Body { received: self.buffer.len() - head_length, expected })
        });
        Some(body.unwrap_or(IncompleteMessage::Head))
    }

    /// Returns true if the buffered bytes may be a complete classroom request.
    ///
    /// Such a request can end without a blank line. The caller waits for a short pause or the end of the connection,
    /// and then calls [`MessageReader::finish_classroom`].
    pub fn may_be_complete(&self) -> bool {
        classroom_request::starts_request(&self.buffer)
    }

    /// Ends the buffered classroom request and returns it; `None` if no such request is buffered.
    pub fn finish_classroom(&mut self) -> Option<Message> {
        self.may_be_complete().then(|| self.split_classroom(self.buffer.len()))
    }

    /// Returns the next complete message, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// Returns a [`FramingError`] if the bytes are not RTSP or a limit is exceeded. Do not poll again after an error.
    pub fn poll_message(&mut self) -> Result<Option<Message>, FramingError> {
        loop {
            if self.resync.is_skipping() && !self.skip_junk()? {
                return Ok(None);
            }
            self.skip_blank_lines();
            let message = match self.buffer.first() {
                None => return Ok(None),
                Some(b'$') => self.read_frame(),
                Some(_) => self.read_message(),
            };
            match message {
                // The first message decides whether the peer speaks RTSP at all.
                Err(FramingError::Malformed(_)) if self.resync.can_start(self.limits.max_skipped) => {
                    self.resync.start();
                }
                Ok(Some(message)) => {
                    self.resync.handle_message();
                    if let Message::Interleaved { channel, packet } = &message {
                        self.resync.handle_packet(*channel, packet);
                    }
                    return Ok(Some(message));
                }
                other => return other,
            }
        }
    }

    /// Returns the next mistake of the peer that was tolerated, and the place at which it was found.
    pub fn poll_mistake(&mut self) -> Option<(Mistake, String)> {
        self.mistakes.pop_front()
    }

    fn count_mistake(&mut self, mistake: Mistake, place: String) {
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push_back((mistake, place));
        }
    }

    /// Skips bytes up to the next one that begins a packet or a response. Returns false if more bytes are needed.
    fn skip_junk(&mut self) -> Result<bool, FramingError> {
        let (skipped, is_found) = self.resync.find_start(&self.buffer);
        self.buffer.advance(skipped);
        let total = self.resync.add_skipped(skipped);
        if total > self.limits.max_skipped {
            return Err(FramingError::Malformed(format!("{total} bytes in a row are no RTSP")));
        }
        if is_found {
            self.resync.stop();
            self.count_mistake(Mistake::JunkBetweenMessages, format!("{total} bytes"));
        }
        Ok(is_found)
    }

    /// Reads an interleaved packet. Between the messages of a server, a `$` may also be junk.
    fn read_frame(&mut self) -> Result<Option<Message>, FramingError> {
        let is_frame = match self.resync.can_start(self.limits.max_skipped) {
            true => self.resync.is_frame(&self.buffer),
            false => Some(true),
        };
        match is_frame {
            None => Ok(None),
            Some(true) => Ok(self.read_interleaved()),
            Some(false) => Err(FramingError::Malformed("no packet follows \"$\"".to_owned())),
        }
    }

    /// Returns the `CSeq` of the rejected message, for the error response; `None` if no complete header line has one.
    pub fn rejected_cseq(&self) -> Option<u32> {
        let searched = &self.buffer[..self.buffer.len().min(self.limits.max_head)];
        // The last line may be cut off, and the first is not a header.
        let complete_lines = &searched[..memchr::memrchr(b'\n', searched)?];
        complete_lines.split(|&byte| byte == b'\n').skip(1).map(String::from_utf8_lossy).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(header::CSEQ).then(|| value.trim().parse().ok()).flatten()
        })
    }

    /// Skips blank lines before a message, as HTTP/1.1 allows (RFC 2326 §4).
    fn skip_blank_lines(&mut self) {
        let blank = self.buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.buffer.advance(blank);
    }

    fn read_interleaved(&mut self) -> Option<Message> {
        let &[_, channel, high, low] = self.buffer.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.buffer.len() < 4 + length {
            return None;
        }
        self.buffer.advance(4);
        Some(Message::Interleaved { channel, packet: self.buffer.split_to(length).freeze() })
    }

    fn read_message(&mut self) -> Result<Option<Message>, FramingError> {
        self.check_start_line()?;
        if self.may_be_complete() {
            return self.read_classroom();
        }
        let Some((text_length, head_length)) = find_head(&self.buffer) else {
            return if self.buffer.len() > self.limits.max_head {
                Err(FramingError::HeadTooLong)
            } else {
                Ok(None)
            };
        };
        if head_length > self.limits.max_head {
            return Err(FramingError::HeadTooLong);
        }
        let (head, bad_line) = Head::parse(&self.buffer[..text_length])?;
        let body_length = head.content_length()?;
        if body_length > self.limits.max_body {
            return Err(FramingError::BodyTooLong);
        }
        if self.buffer.len() < head_length + body_length {
            return Ok(None);
        }
        if body_length > 0
            && head.is_response()
            && !can_start_message(&self.buffer[head_length + body_length..])
        {
            return Err(FramingError::ContentLengthTooShort);
        }
        if let Some(line) = bad_line {
            self.count_mistake(Mistake::HeaderWithoutColon, line);
        }
        self.buffer.advance(head_length);
        let body = self.buffer.split_to(body_length).freeze();
        Ok(Some(head.into_message(body)))
    }

    fn read_classroom(&mut self) -> Result<Option<Message>, FramingError> {
        let searched = &self.buffer[..self.buffer.len().min(classroom_request::MAX_REQUEST_LENGTH)];
        match classroom_request::find_end(searched) {
            Some(end) => Ok(Some(self.split_classroom(end))),
            None if searched.len() < self.buffer.len() => Err(FramingError::HeadTooLong),
            None => Ok(None),
        }
    }

    fn split_classroom(&mut self, length: usize) -> Message {
        Message::Classroom(ClassroomRequest::parse(&self.buffer.split_to(length)))
    }

    /// Rejects bytes that cannot become a message, before the message is complete.
    fn check_start_line(&self) -> Result<(), FramingError> {
        let line = self.buffer[..].split(|&b| b == b'\n').next().unwrap_or_default();
        let token = line.trim_ascii_start().split(|&b| b == b' ').next().unwrap_or_default();
        let is_printable = token.iter().all(|b| b.is_ascii_graphic() || *b == b'\r');
        let is_junk = self.resync.can_start(self.limits.max_skipped) && !is_message_of_server(line);
        if !is_printable || is_junk || token.len() > MAX_METHOD_LENGTH {
            return Err(FramingError::Malformed("the received bytes are not RTSP".to_owned()));
        }
        let limit = self.limits.max_uri + MAX_METHOD_LENGTH + " RTSP/1.0\r".len();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        // The URL of a request, or the status of a response.
        let second = words.nth(1).unwrap_or_default();
        if line.len() > limit || second.len() > self.limits.max_uri {
            return Err(FramingError::UriTooLong);
        }
        Ok(())
    }
}

/// Returns true if a first line can be that of a response or of a request of a server. Packets that follow a few bytes
/// of junk contain control characters, which a reason phrase may contain too.
fn is_message_of_server(line: &[u8]) -> bool {
    let is_text = |b: &u8| !b.is_ascii_control() || b"\t\r".contains(b);
    match line.starts_with(b"RTSP/") {
        true => is_status_line(line) != Some(false),
        false => can_start_message(line) && line.iter().all(is_text),
    }
}

/// Returns true if the bytes can be the beginning of a blank line, a packet, a response, or a request from a server.
fn can_start_message(bytes: &[u8]) -> bool {
    let token = bytes.split(|b| b" \r\n".contains(b)).next().unwrap_or_default();
    let is_response = token.starts_with(b"RTSP/") || b"RTSP/".starts_with(token);
    is_response || bytes.starts_with(b"$") || token.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')
}

/// Maximum length of a method, in bytes. The longest method of RFC 2326 has 13.
const MAX_METHOD_LENGTH: usize = 64;

/// Returns the length of the first line and the headers, without and with the blank line; `None` if it is missing.
///
/// Lines end with CRLF (RFC 2326 §4); a bare LF is accepted too.
fn find_head(buffer: &[u8]) -> Option<(usize, usize)> {
    memchr::memchr_iter(b'\n', buffer).find_map(|at| match buffer.get(at + 1..) {
        Some([b'\n', ..]) => Some((at + 1, at + 2)),
        Some([b'\r', b'\n', ..]) => Some((at + 1, at + 3)),
        _ => None,
    })
}

enum StartLine {
    Request { method: Method, uri: String, version: Version },
    Response { status: StatusCode, reason_phrase: String },
}

struct Head {
    start_line: StartLine,
    headers: Headers,
}

impl Head {
    /// Parses the first line and the headers. Also returns the first header line without a colon, which is passed over
    /// in a response.
    ///
    /// # Errors
    /// Returns an error if the first line is not RTSP, or a header line of a request has no colon: a server must not
    /// guess what a client wants.
    fn parse(bytes: &[u8]) -> Result<(Self, Option<String>), FramingError> {
        // RFC 2326 §3 specifies ISO 10646 in UTF-8; an invalid byte must not end the connection.
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let start_line = StartLine::parse(lines.next().unwrap_or_default())?;
        let mut headers = Headers::default();
        let is_response = matches!(start_line, StartLine::Response { .. });
        let mut pending_header: Option<(String, String)> = None;
        let mut bad_line = None;
        for line in lines {
            let is_continuation = line.starts_with([' ', '\t']);
            if let (true, Some((_, value))) = (is_continuation, &mut pending_header) {
                // A continuation line (RFC 2326 §4.2, which refers to HTTP/1.1).
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let Some((name, value)) = line.split_once(':').filter(|_| !is_continuation) else {
                let problem = if is_continuation { "continues no other" } else { "has no colon" };
                if !is_response {
                    let problem = format!("the header line \"{}\" {problem}", excerpt(line));
                    return Err(FramingError::Malformed(problem));
                }
                bad_line.get_or_insert_with(|| excerpt(line));
                continue;
            };
            if let Some((name, value)) =
                pending_header.replace((name.trim().to_owned(), value.trim().to_owned()))
            {
                headers.append(name, value);
            }
        }
        if let Some((name, value)) = pending_header {
            headers.append(name, value);
        }
        Ok((Self { start_line, headers }, bad_line))
    }

    fn content_length(&self) -> Result<usize, FramingError> {
        let mut length = None;
        // Two different lengths are rejected, since peers and proxies would disagree on where the message ends.
        for value in self.headers.get_all(header::CONTENT_LENGTH) {
            let parsed = parse_digits(value).filter(|parsed| length.is_none_or(|length| length == *parsed));
            length = Some(parsed.ok_or_else(|| FramingError::InvalidContentLength(excerpt(value)))?);
        }
        Ok(length.unwrap_or(0))
    }

    fn is_response(&self) -> bool {
        matches!(self.start_line, StartLine::Response { .. })
    }

    fn into_message(self, body: Bytes) -> Message {
        let headers = self.headers;
        match self.start_line {
            StartLine::Request { method, uri, version } => {
                Message::Request(Request { method, uri, version, headers, body })
            }
            StartLine::Response { status, reason_phrase } => {
                Message::Response(Response { status, reason_phrase, headers, body })
            }
        }
    }
}

impl StartLine {
    fn parse(line: &str) -> Result<Self, FramingError> {
        let malformed =
            || FramingError::Malformed(format!("the first line \"{}\" is not RTSP", excerpt(line)));
        if line.starts_with("RTSP/") {
            let mut words = line.splitn(3, ' ');
            words.next().and_then(Version::parse).ok_or_else(malformed)?;
            let code = words.next().and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
            let status = StatusCode::from_code(code).ok_or_else(malformed)?;
            return Ok(Self::Response {
                status,
                reason_phrase: clean_reason_phrase(words.next().unwrap_or_default()),
            });
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(method), Some(uri), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed());
        };
        let version = Version::parse(version).ok_or_else(malformed)?;
        // A dollar sign begins an interleaved packet (RFC 2326 §10.12).
        if method.starts_with('$') || !method.bytes().all(is_token_byte) {
            return Err(malformed());
        }
        Ok(Self::Request { method: Method::parse(method), uri: uri.to_owned(), version })
    }
}

/// Returns true if a byte can be part of a method, which is a token (RFC 2326 §15.1). A method with a slash would be
/// taken for the version of a response when it is forwarded.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

/// Maximum number of characters of a reason phrase; the longest of RFC 2326 has 39.
const MAX_REASON_PHRASE: usize = 200;

/// Returns a reason phrase that can be shown on a terminal: control characters, which could control it, are replaced by
/// spaces as in headers, and what is beyond [`MAX_REASON_PHRASE`] is left out.
fn clean_reason_phrase(text: &str) -> String {
    let clean = text.trim().chars().take(MAX_REASON_PHRASE);
    clean.map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Returns the first 60 characters of a line, for an error message.
fn excerpt(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// Encodes an RTP or RTCP packet for a channel of the RTSP connection (RFC 2326 §10.12).
///
/// # Panics
/// Panics if the packet is longer than 65,535 bytes, the maximum of the length field. Packets that Reelay sends fit
/// into a datagram, and those that it forwards had such a field or were a datagram.
pub fn encode_interleaved(channel: u8, packet: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(INTERLEAVED_PREFIX_LENGTH + packet.len());
    framed.put_slice(&interleaved_prefix(channel, packet.len()));
    framed.put_slice(packet);
    framed.freeze()
}

/// Length of the bytes before an interleaved packet.
pub const INTERLEAVED_PREFIX_LENGTH: usize = 4;

/// Returns the bytes before an RTP or RTCP packet of this length on a channel of the RTSP connection (RFC 2326 §10.12).
///
/// # Panics
/// Panics if the packet is longer than 65,535 bytes, as [`encode_interleaved`].
pub fn interleaved_prefix(channel: u8, length: usize) -> [u8; INTERLEAVED_PREFIX_LENGTH] {
    let length = u16::try_from(length).expect("packet length exceeds the 16-bit length field of its channel");
    let [high, low] = length.to_be_bytes();
    [b'$', channel, high, low]
}

#[cfg(test)]
mod tests;
