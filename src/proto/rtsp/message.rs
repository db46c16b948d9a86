//! Requests, responses and their headers (RFC 2326 §4 to §7).

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use bytes::Bytes;

/// Header names as RFC 2326 §12 spells them.
pub mod header {
    #![allow(missing_docs)]
    pub const ACCEPT: &str = "Accept";
    pub const ALLOW: &str = "Allow";
    pub const AUTHORIZATION: &str = "Authorization";
    pub const CONNECTION: &str = "Connection";
    pub const CONTENT_BASE: &str = "Content-Base";
    pub const CONTENT_LENGTH: &str = "Content-Length";
    pub const CONTENT_LOCATION: &str = "Content-Location";
    pub const CONTENT_TYPE: &str = "Content-Type";
    pub const CSEQ: &str = "CSeq";
    pub const LOCATION: &str = "Location";
    pub const PROXY_REQUIRE: &str = "Proxy-Require";
    pub const PUBLIC: &str = "Public";
    pub const RANGE: &str = "Range";
    pub const REQUIRE: &str = "Require";
    pub const RTP_INFO: &str = "RTP-Info";
    pub const SCALE: &str = "Scale";
    pub const SERVER: &str = "Server";
    pub const SESSION: &str = "Session";
    pub const SPEED: &str = "Speed";
    pub const TIMESTAMP: &str = "Timestamp";
    pub const TRANSPORT: &str = "Transport";
    pub const UNSUPPORTED: &str = "Unsupported";
    pub const USER_AGENT: &str = "User-Agent";
    pub const WWW_AUTHENTICATE: &str = "WWW-Authenticate";
    /// Request for parity packets of one Reelay to another, with the arrangement of the packets that they are to
    /// protect.
    pub const X_REELAY_FEC: &str = "X-Reelay-FEC";
    /// Request for the description of retransmissions, of one Reelay to another.
    pub const X_REELAY_RETRANSMISSION: &str = "X-Reelay-Retransmission";
}

/// A request method (RFC 2326 §10). Methods are case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Options,
    Describe,
    Announce,
    Setup,
    Play,
    Pause,
    Teardown,
    GetParameter,
    SetParameter,
    Redirect,
    Record,
    /// A token that RFC 2326 does not define.
    Extension(String),
}

impl Method {
    /// Parses a method token; an unknown one becomes [`Method::Extension`].
    pub fn parse(token: &str) -> Self {
        match token {
            "OPTIONS" => Self::Options,
            "DESCRIBE" => Self::Describe,
            "ANNOUNCE" => Self::Announce,
            "SETUP" => Self::Setup,
            "PLAY" => Self::Play,
            "PAUSE" => Self::Pause,
            "TEARDOWN" => Self::Teardown,
            "GET_PARAMETER" => Self::GetParameter,
            "SET_PARAMETER" => Self::SetParameter,
            "REDIRECT" => Self::Redirect,
            "RECORD" => Self::Record,
            other => Self::Extension(other.to_owned()),
        }
    }

    /// Returns the token of the request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Announce => "ANNOUNCE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Pause => "PAUSE",
            Self::Teardown => "TEARDOWN",
            Self::GetParameter => "GET_PARAMETER",
            Self::SetParameter => "SET_PARAMETER",
            Self::Redirect => "REDIRECT",
            Self::Record => "RECORD",
            Self::Extension(token) => token,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A status code (RFC 2326 §7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusCode(u16);

#[allow(missing_docs)]
impl StatusCode {
    pub const OK: Self = Self(200);
    pub const BAD_REQUEST: Self = Self(400);
    pub const UNAUTHORIZED: Self = Self(401);
    pub const NOT_FOUND: Self = Self(404);
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    pub const NOT_ACCEPTABLE: Self = Self(406);
    pub const REQUEST_TIMEOUT: Self = Self(408);
    pub const REQUEST_ENTITY_TOO_LARGE: Self = Self(413);
    pub const REQUEST_URI_TOO_LARGE: Self = Self(414);
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self(415);
    pub const PARAMETER_NOT_UNDERSTOOD: Self = Self(451);
    pub const SESSION_NOT_FOUND: Self = Self(454);
    pub const METHOD_NOT_VALID_IN_THIS_STATE: Self = Self(455);
    pub const HEADER_FIELD_NOT_VALID: Self = Self(456);
    pub const INVALID_RANGE: Self = Self(457);
    pub const PARAMETER_IS_READ_ONLY: Self = Self(458);
    pub const AGGREGATE_OPERATION_NOT_ALLOWED: Self = Self(459);
    pub const ONLY_AGGREGATE_OPERATION_ALLOWED: Self = Self(460);
    pub const UNSUPPORTED_TRANSPORT: Self = Self(461);
    pub const INTERNAL_SERVER_ERROR: Self = Self(500);
    pub const NOT_IMPLEMENTED: Self = Self(501);
    pub const SERVICE_UNAVAILABLE: Self = Self(503);
    pub const RTSP_VERSION_NOT_SUPPORTED: Self = Self(505);
    pub const OPTION_NOT_SUPPORTED: Self = Self(551);
}

impl StatusCode {
    /// Creates a status from its number; `None` outside 100–599.
    pub fn from_code(code: u16) -> Option<Self> {
        (100..600).contains(&code).then_some(Self(code))
    }

    /// Returns the number, from 100 to 599.
    pub fn code(self) -> u16 {
        self.0
    }

    /// Returns true if the request was understood and accepted (2xx).
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// Returns the reason phrase recommended by RFC 2326 §7.1.1, `Unknown` for a code that it does not define.
    pub fn reason_phrase(self) -> &'static str {
        match self.0 {
            100 => "Continue",
            200 => "OK",
            201 => "Created",
            250 => "Low on Storage Space",
            300 => "Multiple Choices",
            301 => "Moved Permanently",
            302 => "Moved Temporarily",
            303 => "See Other",
            304 => "Not Modified",
            305 => "Use Proxy",
            400 => "Bad Request",
            401 => "Unauthorized",
            402 => "Payment Required",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            407 => "Proxy Authentication Required",
            408 => "Request Time-out",
            410 => "Gone",
            411 => "Length Required",
            412 => "Precondition Failed",
            413 => "Request Entity Too Large",
            414 => "Request-URI Too Large",
            415 => "Unsupported Media Type",
            451 => "Parameter Not Understood",
            452 => "Conference Not Found",
            453 => "Not Enough Bandwidth",
            454 => "Session Not Found",
            455 => "Method Not Valid in This State",
            456 => "Header Field Not Valid for Resource",
            457 => "Invalid Range",
            458 => "Parameter Is Read-Only",
            459 => "Aggregate Operation Not Allowed",
            460 => "Only Aggregate Operation Allowed",
            461 => "Unsupported Transport",
            462 => "Destination Unreachable",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Time-out",
            505 => "RTSP Version Not Supported",
            551 => "Option Not Supported",
            _ => "Unknown",
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason_phrase())
    }
}

/// The RTSP version in the first line of a message (RFC 2326 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Number before the dot.
    pub major: u8,
    /// Number after the dot.
    pub minor: u8,
}

impl Version {
    /// RTSP/1.0, the only supported version.
    pub const V1_0: Self = Self { major: 1, minor: 0 };

    /// Parses a token such as `RTSP/1.0`; `None` if it is not an RTSP version.
    pub fn parse(token: &str) -> Option<Self> {
        let (major, minor) = token.strip_prefix("RTSP/")?.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

/// Header lines in message order. Names are compared without regard to case (RFC 2326 §4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// Returns the value of the first header with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the values of all headers with this name, in message order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Returns the values of all headers with this name as one comma-separated list; `None` if there is none.
    /// A repeated header continues the list of the first one (RFC 2326 §4.2, which refers to HTTP/1.1).
    pub fn get_list(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self.get_all(name).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// Appends a header.
    ///
    /// Control characters in the value are replaced by spaces, so that untrusted text cannot inject header lines.
    pub fn append(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let mut value = value.into();
        if value.contains(|c: char| c.is_control()) {
            value = value.replace(|c: char| c.is_control(), " ");
        }
        self.0.push((name.into(), value));
    }

    /// Returns the names and values of all headers, in message order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_ref(), v.as_str()))
    }

    /// Returns the `CSeq` (RFC 2326 §12.17); `None` if it is missing or not a number.
    pub fn cseq(&self) -> Option<u32> {
        self.get(header::CSEQ)?.trim().parse().ok()
    }
}

/// A request (RFC 2326 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method of the request line.
    pub method: Method,
    /// Request-URI: an absolute URL, or `*` for the server itself.
    pub uri: String,
    /// Version of the request line.
    pub version: Version,
    /// Header lines. [`Request::encode`] adds `Content-Length` if it is missing.
    pub headers: Headers,
    /// Message body (the entity of RFC 2326 §8); empty if there is none.
    pub body: Bytes,
}

impl Request {
    /// Creates a request without headers and body.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            version: Version::V1_0,
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// Returns the request with a header appended.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Encodes the message for sending.
    pub fn encode(&self) -> Bytes {
        let Version { major, minor } = self.version;
        let request_line = format!("{} {} RTSP/{major}.{minor}", self.method, self.uri);
        encode_message(request_line, &self.headers, &self.body)
    }
}

/// A response (RFC 2326 §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code of the status line.
    pub status: StatusCode,
    /// Text after the status code; not necessarily [`StatusCode::reason_phrase`].
    pub reason_phrase: String,
    /// Header lines. [`Response::encode`] adds `Content-Length` if it is missing.
    pub headers: Headers,
    /// Message body (the entity of RFC 2326 §8); empty if there is none.
    pub body: Bytes,
}

impl Response {
    /// Creates a response with the recommended reason phrase, without headers and body.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            reason_phrase: status.reason_phrase().to_owned(),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// Creates an error response whose reason phrase is the recommended phrase followed by `explanation`.
    pub fn error(status: StatusCode, explanation: impl fmt::Display) -> Self {
        let mut response = Self::new(status);
        let _ = write!(response.reason_phrase, ": {explanation}");
        response.reason_phrase = response.reason_phrase.replace(|c: char| c.is_control(), " ");
        response
    }

    /// Returns the response with a header appended.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Returns the response with this body and its `Content-Type`.
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.append(header::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// Encodes the message for sending.
    pub fn encode(&self) -> Bytes {
        let status_line = format!("RTSP/1.0 {} {}", self.status.code(), self.reason_phrase);
        encode_message(status_line, &self.headers, &self.body)
    }
}

fn encode_message(start_line: String, headers: &Headers, body: &Bytes) -> Bytes {
    let mut text = start_line;
    text.push_str("\r\n");
    // A parsed message already contains the header.
    let has_length = headers.get(header::CONTENT_LENGTH).is_some();
    for (name, value) in headers.iter() {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() && !has_length {
        let _ = write!(text, "{}: {}\r\n", header::CONTENT_LENGTH, body.len());
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes and phrases of RFC 2326 section 7.1.1.
    #[test]
    fn reason_phrases_are_those_of_rfc_2326() {
        let phrases = "100 Continue|200 OK|201 Created|250 Low on Storage Space|300 Multiple Choices|301 Moved Permanently\
            |302 Moved Temporarily|303 See Other|304 Not Modified|305 Use Proxy|400 Bad Request|401 Unauthorized\
            |402 Payment Required|403 Forbidden|404 Not Found|405 Method Not Allowed|406 Not Acceptable\
            |407 Proxy Authentication Required|408 Request Time-out|410 Gone|411 Length Required|412 Precondition Failed\
            |413 Request Entity Too Large|414 Request-URI Too Large|415 Unsupported Media Type\
            |451 Parameter Not Understood|452 Conference Not Found|453 Not Enough Bandwidth|454 Session Not Found\
            |455 Method Not Valid in This State|456 Header Field Not Valid for Resource|457 Invalid Range\
            |458 Parameter Is Read-Only|459 Aggregate Operation Not Allowed|460 Only Aggregate Operation Allowed\
            |461 Unsupported Transport|462 Destination Unreachable|500 Internal Server Error|501 Not Implemented\
            |502 Bad Gateway|503 Service Unavailable|504 Gateway Time-out|505 RTSP Version Not Supported\
            |551 Option Not Supported";
        let defined: Vec<_> = phrases.split('|').collect();
        for line in &defined {
            let code = line[..3].parse().unwrap();
            assert_eq!(StatusCode::from_code(code).unwrap().to_string(), *line);
        }
        let unknown = (100..600).filter(|&code| StatusCode(code).reason_phrase() == "Unknown").count();
        assert_eq!(unknown, 500 - defined.len());
    }

    #[test]
    fn request_is_encoded_line_by_line() {
        let request = Request::new(Method::Setup, "rtsp://127.0.0.1/film/track1")
            .with_header(header::CSEQ, "3")
            .with_header(header::TRANSPORT, "RTP/AVP;unicast;client_port=5000-5001");
        assert_eq!(
            request.encode(),
            "SETUP rtsp://127.0.0.1/film/track1 RTSP/1.0\r\nCSeq: 3\r\n\
             Transport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n"
        );
    }

    #[test]
    fn body_adds_content_length() {
        let response = Response::new(StatusCode::OK)
            .with_header(header::CSEQ, "2")
            .with_body("application/sdp", "v=0\r\n");
        assert_eq!(
            response.encode(),
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
        );
    }

    #[test]
    fn header_values_cannot_inject_lines() {
        let response = Response::error(StatusCode::NOT_FOUND, "no film \"a\r\nSession: 1\"")
            .with_header(header::CSEQ, "1\r\nX: y");
        let bytes = response.encode();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_eq!(text.matches("\r\n").count(), 3, "{text}");
    }

    #[test]
    fn repeated_headers_form_one_list() {
        let request =
            Request::new(Method::Setup, "*").with_header("Transport", "a,b").with_header("transport", "c");
        assert_eq!(request.headers.get_list(header::TRANSPORT).as_deref(), Some("a,b, c"));
        assert_eq!(request.headers.get_list(header::REQUIRE), None);
    }

    #[test]
    fn header_names_are_case_insensitive() {
        let request = Request::new(Method::Play, "*").with_header("cseq", "7");
        assert_eq!(request.headers.cseq(), Some(7));
    }
}
