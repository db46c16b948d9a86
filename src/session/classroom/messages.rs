//! Requests and responses of the classroom dialect, encoded and parsed. Sans-I/O.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::port_spelling::PortSpelling;
use crate::proto::rtsp::{Method, StatusCode};

/// Maximum length of a request in bytes: servers read this many at once, and ignore the rest.
const MAX_REQUEST_LENGTH: usize = 256;

/// Maximum number of characters of a reason phrase.
const MAX_REASON_PHRASE: usize = 200;

/// Maximum length of a session identifier in bytes; longer ones are ignored.
const MAX_SESSION_ID_LENGTH: usize = 64;

/// Maximum length of a file name in bytes with which the longest request fits into [`MAX_REQUEST_LENGTH`].
const MAX_FILE_NAME_LENGTH: usize = MAX_REQUEST_LENGTH
    - "TEARDOWN  RTSP/1.0\r\nCSeq: 4294967295\r\nSession: \r\n".len()
    - MAX_SESSION_ID_LENGTH;

/// Session identifier that the client of the exercise sends before it has received one.
const NO_SESSION_ID: &str = "0";

/// Reason why a file cannot be requested from a classroom server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// The name is empty.
    #[error("it names no file")]
    Empty,
    /// The name contains white space or control characters; servers split the request line at spaces.
    #[error("file names on classroom servers cannot contain spaces")]
    Whitespace,
    /// The request would be longer than a server reads at once.
    #[error("file names on classroom servers are limited to {MAX_FILE_NAME_LENGTH} bytes")]
    TooLong,
}

/// Checks whether a file can be requested.
///
/// # Errors
/// Returns a [`FileNameError`] if the name is empty, too long, or contains white space.
pub fn check_file_name(name: &str) -> Result<(), FileNameError> {
    match name {
        "" => Err(FileNameError::Empty),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => Err(FileNameError::Whitespace),
        _ if name.len() > MAX_FILE_NAME_LENGTH => Err(FileNameError::TooLong),
        _ => Ok(()),
    }
}

/// Third line of a request.
#[derive(Debug, Clone, Copy)]
pub enum RequestHeader<'a> {
    /// Transport header of SETUP, with the UDP port on which RTP is received.
    ClientPort(u16, PortSpelling),
    /// Session header of the other requests; `None` if the server has sent no identifier.
    SessionId(Option<&'a str>),
}

/// Encodes a request: three lines in this order, without an empty line. Servers find words by their position.
pub fn encode_request(method: &Method, file: &str, cseq: u32, header: RequestHeader<'_>) -> Bytes {
    let header = match header {
        RequestHeader::ClientPort(port, spelling) => format!("Transport: {}", spelling.transport(port)),
        RequestHeader::SessionId(session) => format!("Session: {}", session.unwrap_or(NO_SESSION_ID)),
    };
    format!("{method} {file} RTSP/1.0\r\nCSeq: {cseq}\r\n{header}\r\n").into()
}

/// Response of a classroom server.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassroomResponse {
    /// Status code of the response.
    pub status: StatusCode,
    /// Text after the status code.
    pub reason_phrase: String,
    /// Number of the request; `None` if it is missing or not a number.
    pub cseq: Option<u32>,
    /// Session identifier; `None` if it is missing or cannot be sent back.
    pub session_id: Option<String>,
    /// Number of frames in the film, at least 1; few servers state it, each under another name.
    pub frame_count: Option<u64>,
    /// Duration of the film in seconds, above 0; few servers state it.
    pub duration_seconds: Option<f64>,
    /// Complete text as it was received.
    pub text: String,
}

impl ClassroomResponse {
    /// Parses the text received so far. The flag is true if it can be complete: CSeq is required unless the request was
    /// refused.
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
            // Some servers write `CSeq 1`, others `CSeq: CSeq: 1`.
            let (name, value) = line.split_once([':', ' ']).unwrap_or((line, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "cseq" => {
                    has_cseq = true;
                    response.cseq =
                        value.split([' ', ':']).next_back().and_then(|number| number.parse().ok());
                }
                "session" => response.session_id = parse_session_id(value),
                _ => response.parse_length(line),
            }
        }
        let is_complete = has_cseq || !status.is_success();
        Some((response, is_complete))
    }

    /// Parses a line that may state the length of the film. Servers write `TotalFrames: 500`, `X-TotalFrames: 500`,
    /// `Total frames: 500`, `FrameNbr: 500`, or `Total time: 25.0`.
    fn parse_length(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else { return };
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let value = value.split_whitespace().next().unwrap_or_default();
        match name.to_ascii_lowercase().trim_start_matches('x') {
            "frames" | "framenbr" | "total" | "totalframes" => {
                self.frame_count = value.parse().ok().filter(|frames| *frames > 0).or(self.frame_count);
            }
            "totaltime" => {
                let is_duration = |seconds: &f64| seconds.is_finite() && *seconds > 0.0;
                self.duration_seconds = value.parse().ok().filter(is_duration).or(self.duration_seconds);
            }
            _ => {}
        }
    }
}

fn parse_status_line(line: &str) -> Option<(StatusCode, String)> {
    let mut words = line.split_whitespace();
    words.next().filter(|version| version.starts_with("RTSP/"))?;
    let status = words.next()?.parse().ok().and_then(StatusCode::from_code)?;
    // Control characters could control a terminal on which the reason is printed.
    let reason = words.collect::<Vec<_>>().join(" ");
    Some((status, reason.chars().filter(|c| !c.is_control()).take(MAX_REASON_PHRASE).collect()))
}

/// Parses a session identifier: a number on most servers, a UUID on some.
fn parse_session_id(value: &str) -> Option<String> {
    let id = value.trim_start_matches(':').split(';').next().unwrap_or_default().trim();
    let is_usable =
        !id.is_empty() && id.len() <= MAX_SESSION_ID_LENGTH && id.chars().all(|c| c.is_ascii_graphic());
    is_usable.then(|| id.to_owned())
}

/// Bytes on the connection that are not a response of the dialect; the text says what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedResponse(pub String);

/// Reader of responses. A response has no end marker: it is complete when no more bytes arrive for 50 ms, or at an
/// empty line.
#[derive(Debug, Default)]
pub struct ClassroomResponseReader {
    bytes: Vec<u8>,
    /// Arrival time of the last bytes; `None` if there is nothing to wait for.
    last_received: Option<Instant>,
}

/// Time without further bytes after which a response is complete.
const RESPONSE_IDLE_TIMEOUT: Duration = Duration::from_millis(50);

/// Maximum length of a response in bytes.
const MAX_RESPONSE_LENGTH: usize = 4 * 1024;

impl ClassroomResponseReader {
    /// Discards the bytes received so far.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Appends bytes from the connection.
    pub fn push(&mut self, now: Instant, bytes: &[u8]) {
        let available = (MAX_RESPONSE_LENGTH + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(available)]);
        self.last_received = Some(now);
    }

    /// Returns the time at which the response will be complete if no more bytes arrive.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.last_received.map(|last| last + RESPONSE_IDLE_TIMEOUT)
    }

    /// Returns the response if it is complete at `now`.
    ///
    /// # Errors
    /// Returns an error if the bytes are not the beginning of a response, or more than `MAX_RESPONSE_LENGTH`.
    pub fn poll_response(&mut self, now: Instant) -> Result<Option<ClassroomResponse>, MalformedResponse> {
        self.read_response(self.poll_timeout().is_some_and(|deadline| now >= deadline))
    }

    /// Returns the response that the end of the connection completes.
    pub fn finish(&mut self) -> Option<ClassroomResponse> {
        self.read_response(true).ok().flatten()
    }

    fn read_response(&mut self, is_idle: bool) -> Result<Option<ClassroomResponse>, MalformedResponse> {
        let text = String::from_utf8_lossy(&self.bytes);
        if self.bytes.len() > MAX_RESPONSE_LENGTH {
            return Err(MalformedResponse("its response has no end".to_owned()));
        }
        let response_text = text.trim_start();
        let has_blank_line = response_text.contains("\r\n\r\n") || response_text.contains("\n\n");
        if response_text.is_empty() && is_idle {
            // White space alone is not a response: wait for more bytes.
            self.last_received = None;
        }
        if response_text.is_empty() || !(is_idle || has_blank_line) {
            return Ok(None);
        }
        let first_line = response_text.lines().next().unwrap_or_default();
        if response_text.contains('\n') && parse_status_line(first_line).is_none() {
            let excerpt: String = first_line.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(MalformedResponse(format!("its response begins with \"{excerpt}\"")));
        }
        let response =
            ClassroomResponse::parse(response_text).filter(|(_, is_complete)| has_blank_line || *is_complete);
        match response.is_some() {
            true => self.clear(),
            // More bytes will arrive, or the request will time out.
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
        for (spelling, transport) in [
            (PortSpelling::Spaced, "RTP/UDP; client_port= 25000"),
            (PortSpelling::Joined, "RTP/UDP; client_port=25000"),
            (PortSpelling::Bare, "RTP/UDP 25000"),
        ] {
            let header = RequestHeader::ClientPort(25_000, spelling);
            let setup = encode_request(&Method::Setup, "movie.Mjpeg", 1, header);
            assert_eq!(setup, format!("SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n"));
        }
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
        assert!(PortSpelling::ALL.iter().all(|spelling| {
            let header = RequestHeader::ClientPort(65_535, *spelling);
            encode_request(&Method::Setup, &file, u32::MAX, header).len() <= MAX_REQUEST_LENGTH
        }));
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
        assert_eq!(
            (with_length.cseq, with_length.session_id.as_deref()),
            (Some(1), Some("5")),
            "other headers are read as before"
        );
        let missing = parse("RTSP/1.0 404 NOT FOUND\nCSeq: 1\nanything").unwrap();
        assert_eq!((missing.status, missing.reason_phrase.as_str()), (StatusCode::NOT_FOUND, "NOT FOUND"));
        assert_eq!(parse("RTSP/1.0 404 NOT FOUND").unwrap().status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn length_is_found_under_every_name() {
        let length = |line: &str| {
            let response = parse(&format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 5\r\n{line}\r\n")).unwrap();
            (response.frame_count, response.duration_seconds)
        };
        for name in
            ["Frames", "FrameNbr", "Total", "Total frames", "Total-Frames", "X-TotalFrames", "totalframes"]
        {
            assert_eq!(length(&format!("{name}: 500")), (Some(500), None), "{name}");
            assert_eq!(length(&format!("{name}:500 frames")), (Some(500), None), "{name}");
            assert_eq!(length(&format!("{name}: 0")), (None, None), "{name}");
        }
        for name in ["TotalTime", "Total time", "Total-Time"] {
            assert_eq!(length(&format!("{name}: 25.5")), (None, Some(25.5)), "{name}");
            for invalid in ["0", "-1", "NaN", "inf", "soon", ""] {
                assert_eq!(length(&format!("{name}: {invalid}")), (None, None), "{name}: {invalid}");
            }
        }
        assert_eq!(length("Total frames: 500\nTotal time: 25"), (Some(500), Some(25.0)));
        for line in ["Frame: 500", "Total bytes: 500", "500", "Total", "Total: many"] {
            assert_eq!(length(line), (None, None), "{line}");
        }
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
        assert_eq!(
            reader.poll_response(now).unwrap().unwrap().cseq,
            Some(2),
            "an empty line completes the response"
        );
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
            "white space needs no deadline"
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
            Err(MalformedResponse("its response begins with \"HTTP/1.1 400 Bad Request\"".to_owned()))
        );
        reader.clear();
        for _ in 0..1_000 {
            reader.push(now, &[b'x'; 1_000]);
        }
        assert!(reader.bytes.len() <= MAX_RESPONSE_LENGTH + 1);
        assert!(reader.poll_response(now).is_err());
    }
}
