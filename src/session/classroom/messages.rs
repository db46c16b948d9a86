//! PURE. Requests and replies of the classroom dialect, as bytes.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::proto::rtsp::{Method, StatusCode};

/// What a classroom server reads at once. A request that is longer would be cut.
const MAX_REQUEST_LENGTH: usize = 256;

/// The longest session identifier that is sent back.
const MAX_SESSION_ID_LENGTH: usize = 64;

/// The longest file name with which every request is short enough.
const MAX_FILE_NAME_LENGTH: usize = MAX_REQUEST_LENGTH
    - "TEARDOWN  RTSP/1.0\r\nCSeq: 4294967295\r\nSession: \r\n".len()
    - MAX_SESSION_ID_LENGTH;

/// What the exercise's own client states before it has been given a session.
const NO_SESSION_ID: &str = "0";

/// Why a file cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileNameError {
    /// There is none.
    Empty,
    /// The request line is taken apart at spaces.
    Whitespace,
    /// The request would be longer than what a server reads.
    TooLong,
}

impl fmt::Display for FileNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it names no file"),
            Self::Whitespace => f.write_str("a classroom server's file name has no spaces"),
            Self::TooLong => {
                write!(f, "a classroom server's file name has at most {MAX_FILE_NAME_LENGTH} bytes")
            }
        }
    }
}

/// Whether a file can be asked for.
pub fn check_file_name(name: &str) -> Result<(), FileNameError> {
    match name {
        "" => Err(FileNameError::Empty),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => Err(FileNameError::Whitespace),
        _ if name.len() > MAX_FILE_NAME_LENGTH => Err(FileNameError::TooLong),
        _ => Ok(()),
    }
}

/// The third line of a request.
#[derive(Debug, Clone, Copy)]
pub enum RequestHeader<'a> {
    /// Of SETUP: the port on which RTP is received.
    ClientPort(u16),
    /// Of the others: the session, if the server has named one.
    SessionId(Option<&'a str>),
}

/// A request: three lines in this order, and no blank one. Servers read words by their position in their line.
pub fn encode_request(method: &Method, file: &str, cseq: u32, header: RequestHeader<'_>) -> Bytes {
    let header = match header {
        RequestHeader::ClientPort(port) => format!("Transport: RTP/UDP; client_port= {port}"),
        RequestHeader::SessionId(session) => format!("Session: {}", session.unwrap_or(NO_SESSION_ID)),
    };
    format!("{method} {file} RTSP/1.0\r\nCSeq: {cseq}\r\n{header}\r\n").into()
}

/// A reply, as far as anything in it matters.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassroomResponse {
    /// The code.
    pub status: StatusCode,
    /// The words behind it.
    pub reason_phrase: String,
    /// The request that it answers, if that can be read.
    pub cseq: Option<u32>,
    /// The session.
    pub session_id: Option<String>,
    /// Frames of the film; few servers say it.
    pub frame_count: Option<u64>,
    /// Seconds of the film; few servers say it.
    pub duration_seconds: Option<f64>,
    /// All of it, as it came.
    pub text: String,
}

impl ClassroomResponse {
    /// Reads what has come, and whether it is all that matters: a refusal may lack CSeq, an agreement may not.
    fn parse(text: &str) -> Option<(Self, bool)> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (status, reason_phrase) = parse_status_line(lines.next()?)?;
        let mut response = Self {
            status,
            reason_phrase,
            cseq: None,
            session_id: None,
            frame_count: None,
            duration_seconds: None,
            text: text.to_owned(),
        };
        let mut has_cseq = false;
        for line in lines {
            // Some write `CSeq 1`, some `CSeq: CSeq: 1`.
            let (name, value) = line.split_once([':', ' ']).unwrap_or((line, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "cseq" => {
                    has_cseq = true;
                    response.cseq =
                        value.split([' ', ':']).next_back().and_then(|number| number.parse().ok());
                }
                "session" => response.session_id = parse_session_id(value),
                "totalframes" => response.frame_count = value.parse().ok().filter(|frames| *frames > 0),
                "totaltime" => {
                    response.duration_seconds = value.parse().ok().filter(|seconds| *seconds > 0.0)
                }
                _ => {}
            }
        }
        let is_complete = has_cseq || !status.is_success();
        Some((response, is_complete))
    }
}

fn parse_status_line(line: &str) -> Option<(StatusCode, String)> {
    let mut words = line.split_whitespace();
    words.next().filter(|version| version.starts_with("RTSP/"))?;
    let status = words.next()?.parse().ok().and_then(StatusCode::from_code)?;
    Some((status, words.collect::<Vec<_>>().join(" ")))
}

/// A number, mostly; a UUID, sometimes.
fn parse_session_id(value: &str) -> Option<String> {
    let id = value.trim_start_matches(':').split(';').next().unwrap_or_default().trim();
    let is_usable =
        !id.is_empty() && id.len() <= MAX_SESSION_ID_LENGTH && id.chars().all(|c| c.is_ascii_graphic());
    is_usable.then(|| id.to_owned())
}

/// What came on the connection is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedResponse(pub String);

/// Collects a reply. It has no end of its own: it is whole when nothing more comes.
#[derive(Debug, Default)]
pub struct ClassroomResponseReader {
    bytes: Vec<u8>,
    /// When the last of them came.
    last_received: Option<Instant>,
}

/// Nothing more for this long is the end of a reply.
const RESPONSE_IDLE_TIMEOUT: Duration = Duration::from_millis(50);

/// Bytes of the longest reply that is read.
const MAX_RESPONSE_LENGTH: usize = 4 * 1024;

impl ClassroomResponseReader {
    /// Forgets what has come.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes have come.
    pub fn push(&mut self, now: Instant, bytes: &[u8]) {
        let available = (MAX_RESPONSE_LENGTH + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(available)]);
        self.last_received = Some(now);
    }

    /// When it will have been quiet for long enough.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.last_received.map(|last| last + RESPONSE_IDLE_TIMEOUT)
    }

    /// The reply, once it is whole.
    ///
    /// # Errors
    /// When what has come cannot become a reply any more.
    pub fn poll_response(&mut self, now: Instant) -> Result<Option<ClassroomResponse>, MalformedResponse> {
        self.read_response(self.poll_timeout().is_some_and(|deadline| now >= deadline))
    }

    /// The reply, if the end of the connection is its end.
    pub fn finish(&mut self) -> Option<ClassroomResponse> {
        self.read_response(true).ok().flatten()
    }

    fn read_response(&mut self, is_idle: bool) -> Result<Option<ClassroomResponse>, MalformedResponse> {
        let text = String::from_utf8_lossy(&self.bytes);
        if self.bytes.len() > MAX_RESPONSE_LENGTH {
            return Err(MalformedResponse("its reply has no end".to_owned()));
        }
        let response_text = text.trim_start();
        let has_blank_line = response_text.contains("\r\n\r\n") || response_text.contains("\n\n");
        if response_text.is_empty() && is_idle {
            // Blanks alone are the end of nothing, and are not to be looked at again before more comes.
            self.last_received = None;
        }
        if response_text.is_empty() || !(is_idle || has_blank_line) {
            return Ok(None);
        }
        let first_line = response_text.lines().next().unwrap_or_default();
        if response_text.contains('\n') && parse_status_line(first_line).is_none() {
            let excerpt: String = first_line.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(MalformedResponse(format!("it answers \"{excerpt}\"")));
        }
        let response =
            ClassroomResponse::parse(response_text).filter(|(_, is_complete)| has_blank_line || *is_complete);
        match response.is_some() {
            true => self.clear(),
            // More will come, or the request is given up in the end.
            false => self.last_received = None,
        }
        Ok(response.map(|(response, _)| response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_encoded_exactly() {
        let setup = encode_request(&Method::Setup, "movie.Mjpeg", 1, RequestHeader::ClientPort(25_000));
        assert_eq!(
            setup,
            "SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n"
        );
        let play = encode_request(&Method::Play, "movie.Mjpeg", 2, RequestHeader::SessionId(Some("123456")));
        assert_eq!(play, "PLAY movie.Mjpeg RTSP/1.0\r\nCSeq: 2\r\nSession: 123456\r\n");
        let teardown = encode_request(&Method::Teardown, "a", 3, RequestHeader::SessionId(None));
        assert_eq!(teardown, "TEARDOWN a RTSP/1.0\r\nCSeq: 3\r\nSession: 0\r\n");
    }

    #[test]
    fn requests_fit_into_one_server_read() {
        let (file, session) = ("f".repeat(MAX_FILE_NAME_LENGTH), "s".repeat(MAX_SESSION_ID_LENGTH));
        assert_eq!(check_file_name(&file), Ok(()));
        assert_eq!(check_file_name(&format!("{file}f")), Err(FileNameError::TooLong));
        let longest =
            encode_request(&Method::Teardown, &file, u32::MAX, RequestHeader::SessionId(Some(&session)));
        assert_eq!(longest.len(), MAX_REQUEST_LENGTH);
        assert!(
            encode_request(&Method::Setup, &file, u32::MAX, RequestHeader::ClientPort(65_535)).len()
                <= MAX_REQUEST_LENGTH
        );
    }

    fn parse(bytes: &str) -> Option<ClassroomResponse> {
        let (now, mut reader) = (Instant::now(), ClassroomResponseReader::default());
        reader.push(now, bytes.as_bytes());
        reader.poll_response(now + RESPONSE_IDLE_TIMEOUT).unwrap()
    }

    #[test]
    fn all_response_forms_are_parsed() {
        let plain = parse("RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456").unwrap();
        assert_eq!(
            (plain.status, plain.cseq, plain.session_id.as_deref()),
            (StatusCode::OK, Some(1), Some("123456"))
        );
        let doubled = parse("RTSP/1.0 200 OK\nCSeq: CSeq: 2\r\nSession: 9f1c-22").unwrap();
        assert_eq!((doubled.cseq, doubled.session_id.as_deref()), (Some(2), Some("9f1c-22")));
        let bare = parse("RTSP/1.0 200 OK\r\nCSeq 3").unwrap();
        assert_eq!((bare.cseq, bare.session_id), (Some(3), None));
        let with_length =
            parse("RTSP/1.0 200 OK\nCSeq: 1\nSession: 5\nTotalFrames: 500\nTotalTime: 25.0\n").unwrap();
        assert_eq!((with_length.frame_count, with_length.duration_seconds), (Some(500), Some(25.0)));
        let missing = parse("RTSP/1.0 404 NOT FOUND\nCSeq: 1\nanything").unwrap();
        assert_eq!((missing.status, missing.reason_phrase.as_str()), (StatusCode::NOT_FOUND, "NOT FOUND"));
        assert_eq!(parse("RTSP/1.0 404 NOT FOUND").unwrap().status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn response_ends_at_blank_line_or_idle_timeout() {
        let (now, mut reader) = (Instant::now(), ClassroomResponseReader::default());
        reader.push(now, b"RTSP/1.0 200 OK\r\n");
        assert_eq!(reader.poll_response(now + RESPONSE_IDLE_TIMEOUT), Ok(None), "no CSeq yet");
        reader.push(now + RESPONSE_IDLE_TIMEOUT, b"CSeq: 1\r\nSess");
        assert_eq!(reader.poll_timeout(), Some(now + 2 * RESPONSE_IDLE_TIMEOUT));
        assert_eq!(reader.poll_response(now + RESPONSE_IDLE_TIMEOUT), Ok(None));
        reader.push(now + RESPONSE_IDLE_TIMEOUT, b"ion: 7");
        let response = reader.poll_response(now + 2 * RESPONSE_IDLE_TIMEOUT).unwrap().unwrap();
        assert_eq!(response.session_id.as_deref(), Some("7"));
        reader.push(now, b"RTSP/1.0 200 OK\nCSeq: 2\nSession: 7\n\n");
        assert_eq!(reader.poll_response(now).unwrap().unwrap().cseq, Some(2), "at once");
    }

    #[test]
    fn leading_whitespace_is_skipped() {
        let (now, mut reader) = (Instant::now(), ClassroomResponseReader::default());
        reader.push(now, b"\r\n ");
        assert_eq!(
            (reader.poll_response(now), reader.poll_timeout()),
            (Ok(None), Some(now + RESPONSE_IDLE_TIMEOUT))
        );
        assert_eq!(
            (reader.poll_response(now + RESPONSE_IDLE_TIMEOUT), reader.poll_timeout()),
            (Ok(None), None),
            "nothing to look at again"
        );
        reader.push(now + 2 * RESPONSE_IDLE_TIMEOUT, b"RTSP/1.0 200 OK\nCSeq: 2\n\n");
        assert_eq!(reader.poll_response(now + 2 * RESPONSE_IDLE_TIMEOUT).unwrap().unwrap().cseq, Some(2));
    }

    #[test]
    fn invalid_response_is_reported_and_bounded() {
        let (now, mut reader) = (Instant::now(), ClassroomResponseReader::default());
        reader.push(now, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(
            reader.poll_response(now),
            Err(MalformedResponse("it answers \"HTTP/1.1 400 Bad Request\"".to_owned()))
        );
        reader.clear();
        for _ in 0..1_000 {
            reader.push(now, &[b'x'; 1_000]);
        }
        assert!(reader.bytes.len() <= MAX_RESPONSE_LENGTH + 1);
        assert!(reader.poll_response(now).is_err());
    }
}
