//! Requests in the dialect of classroom programs: a file name instead of a URL, and no blank line at the end.
//!
//! The dialect has no written grammar. Programs send one of these forms, with LF or CRLF, with or without a line end
//! after the last line:
//!
//! ```text
//! SETUP movie.Mjpeg RTSP/1.0        SETUP movie.Mjpeg         PLAY
//! CSeq: 1                           1                         2
//! Transport: RTP/UDP; client_port= 25000
//!                                    RTSP/1.0 RTP/UDP 25000
//! ```
//!
//! The parser searches the complete message for each value. A message ends at a blank line or at the next request line,
//! which can be in the middle of a line if the last line end is missing. Otherwise only a pause in the stream marks the
//! end, which the caller has to detect.

use super::message::{Method, Version};

/// A request in the dialect of classroom programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassroomRequest {
    /// Method of the request line.
    pub method: Method,
    /// File name in the request line; empty if the program leaves it out.
    pub file: String,
    /// Sequence number of the request; `None` if it is missing or invalid.
    pub cseq: Option<u32>,
    /// Port for RTP in a SETUP request; `None` if it is missing, invalid or zero.
    pub client_port: Option<u16>,
    /// The program expects RTP over a TCP connection to its port: `Transport: TCP; client_port= 25000`.
    pub wants_tcp: bool,
    /// The request is written as the Java programs write it: lines end with CRLF, a space precedes the port, and no
    /// blank line follows. Their receive buffer has 15,000 bytes instead of 20,480.
    pub is_java_style: bool,
}

/// Maximum length of a request, in bytes. Requests of the known programs have fewer than 100.
pub(super) const MAX_REQUEST_LENGTH: usize = 4 * 1024;

impl ClassroomRequest {
    /// Parses a complete message, one for which [`starts_request`] is true.
    pub(super) fn parse(message: &[u8]) -> Self {
        let text = String::from_utf8_lossy(message);
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let (method, file) = split_request_line(first);
        Self {
            method: Method::parse(method),
            file: file.to_owned(),
            cseq: find_cseq(rest),
            client_port: find_client_port(rest),
            wants_tcp: wants_tcp(rest),
            is_java_style: is_java_style(&text),
        }
    }
}

/// Returns true if the bytes begin with a request in the dialect.
///
/// A complete request line is required, so that a pause never cuts off any other message. The form without header
/// names also requires the number on the next line.
pub(super) fn starts_request(bytes: &[u8]) -> bool {
    if !bytes.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    let mut lines = bytes.splitn(2, |&byte| byte == b'\n');
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let (method, file) = split_request_line(&line);
    let is_token = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if !is_token || !is_file_name(file) {
        return false;
    }
    match (ends_with_version(&line), lines.next()) {
        (true, _) => true,
        (false, Some(next)) => is_classroom_method(method) && is_cseq_line(next),
        (false, None) => false,
    }
}

/// Returns the length of the request at the beginning of the bytes; `None` if only a pause can mark its end.
pub(super) fn find_end(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    loop {
        let line_end = memchr::memchr(b'\n', &bytes[line_start..]).map(|at| line_start + at + 1);
        let line = &bytes[line_start..line_end.unwrap_or(bytes.len())];
        if line_end.is_some() && matches!(line, b"\n" | b"\r\n") {
            return line_end;
        }
        if let Some(at) = find_joined_request(bytes, line_start, line.len()) {
            return Some(at);
        }
        line_start = line_end?;
    }
}

/// Returns the position of another request line within a line, at its beginning or after a digit. Two requests without
/// a line end between them are received as `Session: 123456PLAY movie.Mjpeg RTSP/1.0`. The line end after it has
/// arrived, so that the result does not depend on how the bytes are divided into reads.
fn find_joined_request(bytes: &[u8], line_start: usize, length: usize) -> Option<usize> {
    if !bytes[..line_start + length].ends_with(b"\n") {
        return None;
    }
    (line_start.max(1)..line_start + length).find(|&at| {
        let is_boundary = at == line_start || bytes[at - 1].is_ascii_digit();
        is_boundary
            && bytes[at].is_ascii_uppercase()
            && starts_with_known_method(&bytes[at..])
            && starts_request(&bytes[at..])
    })
}

fn starts_with_known_method(bytes: &[u8]) -> bool {
    let known: [&[u8]; 5] = [b"SETUP", b"PLAY", b"PAUSE", b"TEARDOWN", b"DESCRIBE"];
    known.iter().any(|method| {
        bytes.strip_prefix(*method).and_then(<[u8]>::first).is_some_and(u8::is_ascii_whitespace)
    })
}

/// Splits a request line into method and file name. File names can contain spaces.
fn split_request_line(line: &str) -> (&str, &str) {
    let line = line.trim_end();
    let (method, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim();
    let (before, last) = rest.rsplit_once([' ', '\t']).unwrap_or(("", rest));
    (method, if Version::parse(last).is_some() { before.trim_end() } else { rest })
}

fn ends_with_version(line: &str) -> bool {
    let last = line.split_ascii_whitespace().next_back();
    last.and_then(Version::parse).is_some()
}

/// Returns true if the text is neither a URL nor `*`, the two forms of standard RTSP.
fn is_file_name(file: &str) -> bool {
    let is_url = file.contains("://") || file.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("rtsp:"));
    !is_url && file != "*" && !file.contains(char::is_control)
}

/// Returns true if the method is one of the four that programs without header names send.
fn is_classroom_method(method: &str) -> bool {
    matches!(method, "SETUP" | "PLAY" | "PAUSE" | "TEARDOWN")
}

/// Returns true if the first line is a number, or a CSeq header below a request line without version. A blank line is
/// not: it ends the request.
fn is_cseq_line(bytes: &[u8]) -> bool {
    let indent = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = &bytes[indent..];
    line.first().is_some_and(u8::is_ascii_digit) || starts_with_ignore_case(line, CSEQ)
}

const CSEQ: &[u8] = b"cseq";
const CLIENT_PORT: &str = "client_port";
const PROTOCOL: &str = "rtp/udp";
const TRANSPORT: &str = "transport";

fn starts_with_ignore_case(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(name))
}

/// Returns the number after `CSeq`, with or without a colon, or the second line if it is a number.
fn find_cseq(headers: &str) -> Option<u32> {
    let mut lines = headers.lines().map(str::trim);
    let named = lines.clone().find(|line| starts_with_ignore_case(line.as_bytes(), CSEQ));
    match named {
        Some(line) => first_number(&line[CSEQ.len()..]),
        None => lines.next()?.parse().ok(),
    }
}

/// Returns the number after `client_port=`, or after `RTP/UDP` in the form without header names.
fn find_client_port(headers: &str) -> Option<u16> {
    let lower = headers.to_ascii_lowercase();
    let text_after = |name: &str| lower.find(name).map(|at| &lower[at + name.len()..]);
    let rest = text_after(CLIENT_PORT).or_else(|| text_after(PROTOCOL))?;
    first_number(rest.lines().next()?).filter(|&port| port != 0)
}

/// Returns true if the first word after `Transport` names TCP: `TCP`, `RTP/TCP` or `RTP/AVP/TCP`.
fn wants_tcp(headers: &str) -> bool {
    let lines = headers.lines().map(str::trim);
    let transport = lines.filter(|line| starts_with_ignore_case(line.as_bytes(), TRANSPORT.as_bytes()));
    let mut protocols = transport.filter_map(|line| {
        let value = line[TRANSPORT.len()..].trim_start_matches([':', ' ', '\t']);
        value.split([';', ',', ' ', '\t']).next()
    });
    protocols.any(|name| name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("tcp")))
}

fn is_java_style(text: &str) -> bool {
    let has_crlf = text.lines().count() > 1 && text.matches("\r\n").count() == text.matches('\n').count();
    has_crlf && text.contains("client_port= ") && !text.contains("\r\n\r\n")
}

fn first_number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits bytes as [`MessageReader`](super::super::MessageReader) does if the stream pauses after the last byte.
    fn split_requests(mut bytes: &[u8]) -> Vec<ClassroomRequest> {
        let mut found = Vec::new();
        while starts_request(bytes) {
            let (message, rest) = bytes.split_at(find_end(bytes).unwrap_or(bytes.len()));
            found.push(ClassroomRequest::parse(message));
            bytes = rest.trim_ascii_start();
        }
        assert!(bytes.is_empty(), "left over: {:?}", String::from_utf8_lossy(bytes));
        found
    }

    fn setup_request(cseq: u32) -> ClassroomRequest {
        let (file, client_port) = ("movie.Mjpeg".to_owned(), Some(25_000));
        let (wants_tcp, is_java_style) = (false, false);
        ClassroomRequest {
            method: Method::Setup,
            file,
            cseq: Some(cseq),
            client_port,
            wants_tcp,
            is_java_style,
        }
    }

    fn request_without_port(method: Method, file: &str, cseq: u32) -> ClassroomRequest {
        let (file, client_port) = (file.to_owned(), None);
        ClassroomRequest {
            method,
            file,
            cseq: Some(cseq),
            client_port,
            wants_tcp: false,
            is_java_style: false,
        }
    }

    #[test]
    fn only_transport_tcp_asks_for_a_tcp_connection() {
        let wants_tcp = |transport: &str| {
            let text = format!("SETUP tcp.Mjpeg RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n");
            split_requests(text.as_bytes())[0].wants_tcp
        };
        for transport in [
            "Transport: TCP; client_port= 25000",
            "Transport: RTP/TCP; client_port= 25000",
            "transport RTP/AVP/TCP;client_port=25000",
            "\tTRANSPORT: tcp client_port 25000",
        ] {
            assert!(wants_tcp(transport), "{transport}");
        }
        for transport in [
            "Transport: RTP/UDP; client_port= 25000",
            "Transport: UDP;client_port=25000",
            "Session: TCP",
            "Transport",
        ] {
            assert!(!wants_tcp(transport), "{transport}");
        }
    }

    #[test]
    fn java_programs_are_recognized_by_line_ends_and_port() {
        let is_java_style = |text: &str| split_requests(text.as_bytes())[0].is_java_style;
        let java = "SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n";
        assert!(is_java_style(java));
        for other in [
            java.replace("\r\n", "\n"),
            java.replace("= ", "="),
            format!("{java}\r\n"),
            java.replacen("\r\n", "\n", 1),
        ] {
            assert!(!is_java_style(&other), "{other:?}");
        }
    }

    #[test]
    fn number_below_a_blank_line_belongs_to_no_request() {
        assert!(
            starts_request(b"PLAY movie.Mjpeg\n \t2\n") && starts_request(b"PLAY movie.Mjpeg\r\nCSeq: 2")
        );
        assert!(
            !starts_request(b"PLAY movie.Mjpeg\n\n2\n")
                && !starts_request(b"PLAY movie.Mjpeg\r\n\r\nCSeq: 2")
        );
    }

    #[test]
    fn setup_variants_parse_alike() {
        for text in [
            "SETUP movie.Mjpeg\n1\n RTSP/1.0 RTP/UDP 25000",
            "SETUP movie.Mjpeg\r\n1\r\n RTSP/1.0 RTP/UDP 25000\r\n",
            "SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000",
            "SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n",
            "SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000\n\n",
            "SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n\r\n",
            "SETUP movie.Mjpeg RTSP/1.0 \nCSeq: 1\nTransport: RTP/UDP;client_port=25000",
            "SETUP movie.Mjpeg RTSP/1.0\nCSeq:1\nTRANSPORT: RTP/UDP; CLIENT_PORT = 25000\n",
            "SETUP movie.Mjpeg RTSP/1.0\n\tCSeq: 1\n\tTransport: RTP/UDP; client_port = 25000",
            "SETUP movie.Mjpeg RTSP/1.0\ncseq 1\ntransport RTP/UDP client_port 25000",
            "SETUP movie.Mjpeg RTSP/1.0\nTransport: RTP/UDP; client_port=25000-25001\nCSeq : 1",
            "SETUP movie.Mjpeg\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000\n",
            "SETUP movie.Mjpeg RTSP/1.0\n1\n RTP/UDP 25000",
        ] {
            let [request] = &split_requests(text.as_bytes())[..] else { panic!("{text:?}") };
            assert_eq!(
                ClassroomRequest { is_java_style: false, ..request.clone() },
                setup_request(1),
                "{text:?}"
            );
        }
    }

    #[test]
    fn joined_requests_are_split() {
        let without_names = b"SETUP movie.Mjpeg\n1\n RTSP/1.0 RTP/UDP 25000PLAY \n2PAUSE \n3TEARDOWN \n4";
        let (play, pause) =
            (request_without_port(Method::Play, "", 2), request_without_port(Method::Pause, "", 3));
        assert_eq!(
            split_requests(without_names),
            [setup_request(1), play, pause, request_without_port(Method::Teardown, "", 4)]
        );
        let joined = b"SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000\
            PLAY movie.Mjpeg RTSP/1.0\nCSeq: 2\nSession: 123456PAUSE movie.Mjpeg RTSP/1.0\nCSeq: 3\n\
            Session: 123456\nTEARDOWN movie.Mjpeg RTSP/1.0\r\nCSeq: 4\r\nSession: 123456\r\n\r\n";
        let [play, pause, teardown] = [(Method::Play, 2), (Method::Pause, 3), (Method::Teardown, 4)]
            .map(|(m, n)| request_without_port(m, "movie.Mjpeg", n));
        assert_eq!(split_requests(joined), [setup_request(1), play, pause, teardown]);
    }

    #[test]
    fn file_names_are_kept_verbatim() {
        let file = |text: &str| split_requests(text.as_bytes())[0].file.clone();
        assert_eq!(file("SETUP my own movie.Mjpeg RTSP/1.0\nCSeq: 1"), "my own movie.Mjpeg");
        assert_eq!(file("SETUP C:\\films\\movie.Mjpeg RTSP/1.0\nCSeq: 1"), "C:\\films\\movie.Mjpeg");
        assert_eq!(file("PLAY PLAY RTSP/1.0\nCSeq: 1"), "PLAY");
        assert_eq!(file("PLAY RTSP/1.0\nCSeq: 1"), "");
    }

    #[test]
    fn request_starts_only_with_a_complete_request_line() {
        for text in
            ["", "S", "SETUP ", "SETUP movie.Mjpeg", "SETUP movie.Mjpeg RTSP/1.", "PLAY \n", "PLAY \r\n"]
        {
            assert!(!starts_request(text.as_bytes()), "{text:?}");
        }
        for text in ["SETUP movie.Mjpeg RTSP/1.0", "TEARDOWN movie.Mjpeg RTSP/1.0\n", "PLAY \n2", "PLAY\r\n2"]
        {
            assert!(starts_request(text.as_bytes()), "{text:?}");
            assert_eq!(find_end(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn standard_rtsp_and_other_protocols_are_not_classroom_requests() {
        for text in [
            "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            "SETUP rtsp://127.0.0.1/movie.Mjpeg/track1 RTSP/1.0\r\nCSeq: 1\r\n",
            "PLAY RTSP://h/movie.Mjpeg RTSP/1.0\r\n",
            "PLAY rtsp:movie RTSP/1.0\r\n",
            "SETUP rtsp://h/f\r\nCSeq: 1\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n",
            "GET /RTSP/1.0 HTTP/1.1\r\n1",
            "\x16\x03\x01\x02 RTSP/1.0\n1",
            "$\x01\x00\x04 RTSP/1.0\n1",
            "play movie.Mjpeg RTSP/1.0\n",
            "LEVITATE \n2",
            " PLAY x RTSP/1.0\n",
        ] {
            assert!(!starts_request(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn invalid_numbers_are_ignored() {
        for (text, expected) in [
            ("SETUP a RTSP/1.0\nCSeq: 99999999999\nTransport: RTP/UDP; client_port= 99999", (None, None)),
            ("SETUP a RTSP/1.0\nCSeq: -\nTransport: RTP/UDP; client_port= 0", (None, None)),
            ("SETUP a RTSP/1.0\nCSeq: CSeq: 2\nTransport: RTP/UDP; client_port=\n25000", (Some(2), None)),
            ("SETUP a RTSP/1.0", (None, None)),
            ("SETUP \u{e9}\u{20ac} RTSP/1.0\nCSeq: 1\nclient_port", (Some(1), None)),
        ] {
            let request = ClassroomRequest::parse(text.as_bytes());
            assert_eq!((request.cseq, request.client_port), expected, "{text:?}");
        }
    }

    #[test]
    fn arbitrary_splits_and_bytes_do_not_panic() {
        let text =
            b"SETUP movie.Mjpeg\n1\n RTSP/1.0 RTP/UDP 25000PLAY m RTSP/1.0\r\nCSeq: 2\r\nSession: 1\r\n\r\n";
        for cut in 0..text.len() {
            for byte in [0, b'\n', b' ', b'=', b'9', b'P', 0x80, 0xFF] {
                let mut corrupted = text.to_vec();
                corrupted[cut] = byte;
                for piece in [&corrupted[..cut], &corrupted[cut..], &corrupted[..]] {
                    starts_request(piece);
                    assert!(find_end(piece).is_none_or(|end| end > 0 && end <= piece.len()));
                    ClassroomRequest::parse(piece);
                }
            }
        }
    }
}
