//! From a TCP byte stream to messages: requests, responses and interleaved packets (RFC 2326 §10.12).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::classroom_request::{self, ClassroomRequest};
use super::message::{Headers, Method, Request, Response, Status, Version, header};

/// One whole thing off the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A request.
    Request(Request),
    /// A request in the dialect of classroom programs.
    Classroom(ClassroomRequest),
    /// A response.
    Response(Response),
    /// Binary data between messages.
    Interleaved {
        /// The channel that the Transport header assigned.
        channel: u8,
        /// One RTP or RTCP packet.
        packet: Bytes,
    },
}

/// What a peer may make us hold before a message is whole.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Octets of a request's URL.
    pub uri: usize,
    /// Octets of the first line and the headers together.
    pub head: usize,
    /// Octets of an entity.
    pub body: usize,
}

impl Limits {
    /// For a server: requests are short.
    pub const SERVER: Self = Self { uri: 2_048, head: 16 * 1024, body: 64 * 1024 };
    /// For a client: session descriptions may be long.
    pub const CLIENT: Self = Self { uri: 8_192, head: 64 * 1024, body: 1024 * 1024 };
}

/// Why the byte stream cannot be read on. The connection has lost its framing and must be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FramingError {
    /// The URL of a request is longer than [`Limits::uri`].
    UriTooLong,
    /// The headers are longer than [`Limits::head`].
    HeadTooLong,
    /// The entity is longer than [`Limits::body`].
    BodyTooLong,
    /// A Content-Length is no length.
    BadLength(String),
    /// The entity of a response goes on behind its Content-Length.
    LengthTooShort,
    /// A line is not RTSP; the text says which.
    Malformed(String),
}

impl FramingError {
    /// The status with which a server answers before it closes the connection.
    pub fn status(&self) -> Status {
        match self {
            Self::UriTooLong => Status::URI_TOO_LARGE,
            Self::BodyTooLong => Status::ENTITY_TOO_LARGE,
            Self::HeadTooLong | Self::BadLength(_) | Self::LengthTooShort | Self::Malformed(_) => {
                Status::BAD_REQUEST
            }
        }
    }
}

impl std::fmt::Display for FramingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UriTooLong => f.write_str("the URL is too long"),
            Self::HeadTooLong => f.write_str("the headers are too long"),
            Self::BodyTooLong => f.write_str("the entity is too long"),
            Self::BadLength(value) => write!(f, "the Content-Length \"{value}\" is no length"),
            Self::LengthTooShort => f.write_str("the entity is longer than its Content-Length says"),
            Self::Malformed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for FramingError {}

/// What has come of a message that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// Its headers have no end yet.
    Head,
    /// A part of its entity.
    Body {
        /// Octets that have come.
        received: usize,
        /// Octets that Content-Length announces.
        announced: usize,
    },
}

impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head => f.write_str("its headers have no end"),
            Self::Body { received, announced } => {
                write!(f, "{received} of the {announced} octets came that its Content-Length announces")
            }
        }
    }
}

/// Gathers bytes and hands out whole messages.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    limits: Limits,
}

impl Framer {
    /// A framer for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self { buffer: BytesMut::new(), limits }
    }

    /// Takes what the connection brought.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a message has begun that is not whole yet.
    pub fn is_mid_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What has come of a message that has begun; a packet between messages is none.
    pub fn unfinished(&self) -> Option<Unfinished> {
        if matches!(self.buffer.first(), None | Some(b'$')) {
            return None;
        }
        let body = find_head(&self.buffer).and_then(|(text_length, head_length)| {
            let announced = Head::parse(&self.buffer[..text_length]).ok()?.content_length().ok()?;
            Some(Unfinished::Body { received: self.buffer.len() - head_length, announced })
        });
        Some(body.unwrap_or(Unfinished::Head))
    }

    /// Whether a classroom request has begun that may be whole: nothing in it says so, and a moment of silence must
    /// tell, or the end of the connection. Its caller listens for either, and then calls [`Framer::finish`].
    pub fn may_be_whole(&self) -> bool {
        classroom_request::begins(&self.buffer)
    }

    /// Nothing more comes of the classroom request that has begun.
    pub fn finish(&mut self) -> Option<Frame> {
        self.may_be_whole().then(|| self.take_classroom(self.buffer.len()))
    }

    /// The next whole message, or `None` until more bytes come.
    ///
    /// # Errors
    /// When the bytes are not RTSP or a limit is passed. Nothing after that can be trusted.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        self.skip_blank_lines();
        match self.buffer.first() {
            None => Ok(None),
            Some(b'$') => Ok(self.next_interleaved()),
            Some(_) => self.next_message(),
        }
    }

    /// The `CSeq` in what could not be read, so that its refusal can name it; `None` if there is none to be seen.
    pub fn refused_cseq(&self) -> Option<u32> {
        let seen = &self.buffer[..self.buffer.len().min(self.limits.head)];
        // Only a line that has ended is whole, and the first is no header.
        let whole = &seen[..memchr::memrchr(b'\n', seen)?];
        whole.split(|&octet| octet == b'\n').skip(1).map(String::from_utf8_lossy).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(header::CSEQ).then(|| value.trim().parse().ok()).flatten()
        })
    }

    /// Blank lines before a message are harmless (RFC 2326 §4 follows HTTP/1.1 here).
    fn skip_blank_lines(&mut self) {
        let blank = self.buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.buffer.advance(blank);
    }

    fn next_interleaved(&mut self) -> Option<Frame> {
        let &[_, channel, high, low] = self.buffer.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.buffer.len() < 4 + length {
            return None;
        }
        self.buffer.advance(4);
        Some(Frame::Interleaved { channel, packet: self.buffer.split_to(length).freeze() })
    }

    fn next_message(&mut self) -> Result<Option<Frame>, FramingError> {
        self.check_first_line()?;
        if self.may_be_whole() {
            return self.next_classroom();
        }
        let Some((text_length, head_length)) = find_head(&self.buffer) else {
            return if self.buffer.len() > self.limits.head {
                Err(FramingError::HeadTooLong)
            } else {
                Ok(None)
            };
        };
        if head_length > self.limits.head {
            return Err(FramingError::HeadTooLong);
        }
        let head = Head::parse(&self.buffer[..text_length])?;
        let body_length = head.content_length()?;
        if body_length > self.limits.body {
            return Err(FramingError::BodyTooLong);
        }
        if self.buffer.len() < head_length + body_length {
            return Ok(None);
        }
        if body_length > 0 && head.is_response() && !may_begin(&self.buffer[head_length + body_length..]) {
            return Err(FramingError::LengthTooShort);
        }
        self.buffer.advance(head_length);
        let body = self.buffer.split_to(body_length).freeze();
        Ok(Some(head.into_frame(body)))
    }

    fn next_classroom(&mut self) -> Result<Option<Frame>, FramingError> {
        let searched = &self.buffer[..self.buffer.len().min(classroom_request::LONGEST)];
        match classroom_request::find_end(searched) {
            Some(end) => Ok(Some(self.take_classroom(end))),
            None if searched.len() < self.buffer.len() => Err(FramingError::HeadTooLong),
            None => Ok(None),
        }
    }

    fn take_classroom(&mut self, length: usize) -> Frame {
        Frame::Classroom(ClassroomRequest::parse(&self.buffer.split_to(length)))
    }

    /// Refuses what can never become a message without waiting for its end.
    fn check_first_line(&self) -> Result<(), FramingError> {
        let line = self.buffer[..].split(|&b| b == b'\n').next().unwrap_or_default();
        let token = line.split(|&b| b == b' ').next().unwrap_or_default();
        let plain = token.iter().all(|b| b.is_ascii_graphic() || *b == b'\r');
        if !plain || token.len() > LONGEST_METHOD {
            return Err(FramingError::Malformed("what came is not RTSP".to_owned()));
        }
        let limit = self.limits.uri + LONGEST_METHOD + " RTSP/1.0\r".len();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        // The URL of a request, or the status of a response.
        let second = words.nth(1).unwrap_or_default();
        if line.len() > limit || second.len() > self.limits.uri {
            return Err(FramingError::UriTooLong);
        }
        Ok(())
    }
}

/// Whether something may begin with these octets: a blank line, a packet, a response, or a request of a server's.
fn may_begin(octets: &[u8]) -> bool {
    let token = octets.split(|b| b" \r\n".contains(b)).next().unwrap_or_default();
    let is_response = token.starts_with(b"RTSP/") || b"RTSP/".starts_with(token);
    is_response || octets.starts_with(b"$") || token.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')
}

/// Octets of a method; the longest of RFC 2326 has thirteen.
const LONGEST_METHOD: usize = 64;

/// Where the headers end: their length without and with the blank line.
///
/// CRLF is the rule (RFC 2326 §4); a bare LF is taken as well.
fn find_head(buffer: &[u8]) -> Option<(usize, usize)> {
    memchr::memchr_iter(b'\n', buffer).find_map(|at| match buffer.get(at + 1..) {
        Some([b'\n', ..]) => Some((at + 1, at + 2)),
        Some([b'\r', b'\n', ..]) => Some((at + 1, at + 3)),
        _ => None,
    })
}

enum FirstLine {
    Request { method: Method, uri: String, version: Version },
    Response { status: Status, reason: String },
}

struct Head {
    first: FirstLine,
    headers: Headers,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, FramingError> {
        // RFC 2326 §3 takes ISO 10646 in UTF-8; a stray octet must not cost the connection.
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let first = FirstLine::parse(lines.next().unwrap_or_default())?;
        let mut headers = Headers::default();
        let mut folded: Option<(String, String)> = None;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                // A continued line (RFC 2326 §4.2 by way of HTTP/1.1).
                let Some((_, value)) = &mut folded else {
                    return Err(FramingError::Malformed(
                        "the first header line is a continuation".to_owned(),
                    ));
                };
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(FramingError::Malformed(format!(
                    "the header line \"{}\" has no colon",
                    clip(line)
                )));
            };
            if let Some((name, value)) = folded.replace((name.trim().to_owned(), value.trim().to_owned())) {
                headers.append(name, value);
            }
        }
        if let Some((name, value)) = folded {
            headers.append(name, value);
        }
        Ok(Self { first, headers })
    }

    fn content_length(&self) -> Result<usize, FramingError> {
        let mut length = None;
        // Who says it twice must say the same: what follows would be read as one thing here and as another elsewhere.
        for value in self.headers.get_all(header::CONTENT_LENGTH) {
            let stated =
                value.trim().parse().ok().filter(|stated| length.is_none_or(|length| length == *stated));
            length = Some(stated.ok_or_else(|| FramingError::BadLength(clip(value)))?);
        }
        Ok(length.unwrap_or(0))
    }

    fn is_response(&self) -> bool {
        matches!(self.first, FirstLine::Response { .. })
    }

    fn into_frame(self, body: Bytes) -> Frame {
        let headers = self.headers;
        match self.first {
            FirstLine::Request { method, uri, version } => {
                Frame::Request(Request { method, uri, version, headers, body })
            }
            FirstLine::Response { status, reason } => {
                Frame::Response(Response { status, reason, headers, body })
            }
        }
    }
}

impl FirstLine {
    fn parse(line: &str) -> Result<Self, FramingError> {
        let malformed = || FramingError::Malformed(format!("the first line \"{}\" is not RTSP", clip(line)));
        if line.starts_with("RTSP/") {
            let mut words = line.splitn(3, ' ');
            words.next().and_then(Version::from_token).ok_or_else(malformed)?;
            let code = words.next().and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
            let status = Status::from_code(code).ok_or_else(malformed)?;
            return Ok(Self::Response { status, reason: words.next().unwrap_or_default().trim().to_owned() });
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(method), Some(uri), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed());
        };
        let version = Version::from_token(version).ok_or_else(malformed)?;
        Ok(Self::Request { method: Method::from_token(method), uri: uri.to_owned(), version })
    }
}

/// A piece of a line, short enough for an error sentence.
fn clip(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// Wraps a packet for its channel (RFC 2326 §10.12).
///
/// # Panics
/// Never for an RTP packet of ours: only a packet over 65,535 octets cannot be framed, and the caller
/// makes none of these.
pub fn interleave(channel: u8, packet: &[u8]) -> Bytes {
    let length =
        u16::try_from(packet.len()).expect("a packet is shorter than its 16-bit length field reaches");
    let mut framed = BytesMut::with_capacity(4 + packet.len());
    framed.put_u8(b'$');
    framed.put_u8(channel);
    framed.put_u16(length);
    framed.put_slice(packet);
    framed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Result<Vec<Frame>, FramingError> {
        let mut framer = Framer::new(Limits::SERVER);
        framer.push(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = framer.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn only_request(bytes: &[u8]) -> Request {
        match frames(bytes).unwrap().as_slice() {
            [Frame::Request(request)] => request.clone(),
            other => panic!("not one request: {other:?}"),
        }
    }

    #[test]
    fn a_request_comes_out_whole_however_it_is_cut() {
        let bytes = b"DESCRIBE rtsp://127.0.0.1/film RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n";
        for cut in 0..bytes.len() {
            let mut framer = Framer::new(Limits::SERVER);
            framer.push(&bytes[..cut]);
            assert_eq!(framer.next_frame().unwrap(), None);
            framer.push(&bytes[cut..]);
            let Some(Frame::Request(request)) = framer.next_frame().unwrap() else { panic!("cut at {cut}") };
            assert_eq!(request.method, Method::Describe);
            assert_eq!(request.headers.get("accept"), Some("application/sdp"));
            assert!(!framer.is_mid_message());
        }
    }

    #[test]
    fn responses_requests_and_packets_may_follow_each_other() {
        let mut bytes = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 3\r\n\r\nabc".to_vec();
        bytes.extend_from_slice(&interleave(1, &[0x81, 0xC9, 0, 1]));
        bytes.extend_from_slice(b"\r\nOPTIONS * RTSP/1.0\nCSeq: 9\n\n");
        let frames = frames(&bytes).unwrap();
        assert!(matches!(&frames[0], Frame::Response(r) if r.status == Status::OK && r.body == "abc"));
        assert_eq!(
            frames[1],
            Frame::Interleaved { channel: 1, packet: Bytes::from_static(&[0x81, 0xC9, 0, 1]) }
        );
        assert!(matches!(&frames[2], Frame::Request(r) if r.method == Method::Options));
        assert_eq!(frames.len(), 3);
    }

    #[test]
    fn folded_and_repeated_headers_are_read() {
        let request =
            only_request(b"PLAY rtsp://h/f RTSP/1.0\r\nCSeq: 1\r\nRequire: a,\r\n\tb\r\nRequire: c\r\n\r\n");
        assert_eq!(request.headers.get_all("Require").collect::<Vec<_>>(), ["a, b", "c"]);
    }

    #[test]
    fn limits_hold_before_the_message_is_whole() {
        let long = format!("OPTIONS rtsp://h/{} RTSP/1.0", "a".repeat(3_000));
        assert_eq!(frames(long.as_bytes()), Err(FramingError::UriTooLong));
        let of_length = |length: usize| {
            let url = format!("rtsp://h/{}", "a".repeat(length - 9));
            frames(format!("GET_PARAMETER {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes())
        };
        assert!(of_length(Limits::SERVER.uri).is_ok());
        assert_eq!(of_length(Limits::SERVER.uri + 1), Err(FramingError::UriTooLong));
        let heavy = format!("OPTIONS * RTSP/1.0\r\nX: {}", "a".repeat(20_000));
        assert_eq!(frames(heavy.as_bytes()), Err(FramingError::HeadTooLong));
        let fat = b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n";
        assert_eq!(frames(fat), Err(FramingError::BodyTooLong));
    }

    #[test]
    fn what_is_refused_is_refused_by_its_number_where_that_can_be_seen() {
        let cseq = |bytes: &[u8]| {
            let mut framer = Framer::new(Limits::SERVER);
            framer.push(bytes);
            assert!(framer.next_frame().is_err());
            framer.refused_cseq()
        };
        assert_eq!(cseq(b"OPTIONS * RTSP/1.0\r\nno colon\r\ncseq: 7\r\n\r\n"), Some(7));
        assert_eq!(cseq(b"OPTIONS * RTSP/1.0\r\nCSeq: 8\r\nContent-Length: 99999999\r\n\r\n"), Some(8));
        let heavy = format!("OPTIONS * RTSP/1.0\r\nX: {}\r\nCSeq: 9\r\n", "a".repeat(20_000));
        assert_eq!(cseq(heavy.as_bytes()), None, "it is not looked for beyond the limit");
        assert_eq!(cseq(b"GET / HTTP/1.1\r\nCSeq: x\r\n\r\n"), None);
        assert_eq!(cseq(b"\x16\x03\x01 \r\n\r\nCSeq: 3"), None);
    }

    #[test]
    fn an_entity_that_goes_on_behind_its_length_is_noticed() {
        let described = |length: usize, behind: &str| {
            let sdp = "v=0\r\ns=film\r\nm=video 0 RTP/AVP 26\r\n";
            frames(format!("RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{sdp}{behind}").as_bytes())
        };
        for behind in
            ["", "$\0\0\x01x", "\r\n", "RTSP/1.0 200 OK\r\n\r\n", "RT", "TEARDOWN * RTSP/1.0\r\n\r\n"]
        {
            assert!(described(35, behind).is_ok(), "{behind:?}");
        }
        for short in [5, 9, 14, 16] {
            assert_eq!(described(short, ""), Err(FramingError::LengthTooShort), "{short}");
        }
    }

    #[test]
    fn a_length_that_is_stated_twice_is_the_same() {
        let twice = |second: &str| {
            format!("OPTIONS * RTSP/1.0\r\nContent-Length: 2\r\ncontent-length: {second}\r\n\r\nxy")
        };
        assert_eq!(&only_request(twice("2").as_bytes()).body[..], b"xy");
        assert_eq!(frames(twice("0").as_bytes()), Err(FramingError::BadLength("0".to_owned())));
    }

    #[test]
    fn what_is_missing_of_a_message_is_known() {
        let unfinished = |octets: &[u8]| {
            let mut framer = Framer::new(Limits::CLIENT);
            framer.push(octets);
            assert_eq!(framer.next_frame(), Ok(None));
            framer.unfinished()
        };
        assert_eq!(unfinished(b""), None);
        assert_eq!(unfinished(b"$\0\0\x09x"), None);
        assert_eq!(unfinished(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPub"), Some(Unfinished::Head));
        let body = Unfinished::Body { received: 3, announced: 500 };
        assert_eq!(unfinished(b"RTSP/1.0 200 OK\r\nContent-Length: 500\r\n\r\nv=0"), Some(body));
    }

    #[test]
    fn what_is_not_rtsp_is_refused() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"OPTIONS * RTSP/1.0\r\nno colon here\r\n\r\n",
            b"RTSP/1.0 abc OK\r\n\r\n",
        ] {
            assert!(matches!(frames(bytes), Err(FramingError::Malformed(_))), "{bytes:?}");
        }
        for length in ["-4", "many", "99999999999999999999999"] {
            let request = format!("OPTIONS * RTSP/1.0\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(frames(request.as_bytes()), Err(FramingError::BadLength(length.to_owned())));
        }
    }

    #[test]
    fn classroom_requests_stand_between_others_and_the_last_waits_for_silence() {
        let mut framer = Framer::new(Limits::SERVER);
        framer.push(
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nPLAY m RTSP/1.0\nCSeq: 2\n\nPAUSE m RTSP/1.0\nCSeq: 3",
        );
        assert!(matches!(framer.next_frame(), Ok(Some(Frame::Request(_)))));
        assert!(matches!(framer.next_frame(), Ok(Some(Frame::Classroom(play))) if play.cseq == Some(2)));
        assert_eq!(framer.next_frame(), Ok(None));
        assert!(framer.may_be_whole());
        framer.push(b"3");
        assert_eq!(framer.next_frame(), Ok(None));
        let Some(Frame::Classroom(pause)) = framer.finish() else { panic!("no request") };
        assert_eq!((pause.method, pause.cseq), (Method::Pause, Some(33)));
        assert!(!framer.is_mid_message() && framer.finish().is_none());
    }

    #[test]
    fn silence_ends_nothing_of_a_standard_message() {
        let bytes =
            b"SETUP rtsp://h/movie.Mjpeg/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n";
        let mut framer = Framer::new(Limits::SERVER);
        for &byte in &bytes[..bytes.len() - 1] {
            framer.push(&[byte]);
            assert_eq!(framer.next_frame(), Ok(None));
            assert!(!framer.may_be_whole() && framer.finish().is_none());
        }
        framer.push(b"\n");
        assert!(matches!(framer.next_frame(), Ok(Some(Frame::Request(_)))));
    }

    #[test]
    fn a_classroom_request_without_end_is_refused() {
        let endless = format!("PLAY m RTSP/1.0\n{}", "X: y\n".repeat(1_000));
        assert_eq!(frames(endless.as_bytes()), Err(FramingError::HeadTooLong));
    }

    #[test]
    fn another_version_is_a_whole_request_that_the_server_can_answer() {
        let request = only_request(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n");
        assert_eq!(request.version, Version { major: 2, minor: 0 });
    }
}
