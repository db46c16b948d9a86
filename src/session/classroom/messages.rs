//! PURE. Requests and replies of the classroom dialect, as octets.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::proto::rtsp::{Method, Status};

/// What a classroom server reads at once. A request that is longer would be cut.
const LONGEST_REQUEST: usize = 256;

/// The longest session identifier that is sent back.
const LONGEST_SESSION: usize = 64;

/// The longest file name with which every request is short enough.
const LONGEST_FILE_NAME: usize =
    LONGEST_REQUEST - "TEARDOWN  RTSP/1.0\r\nCSeq: 4294967295\r\nSession: \r\n".len() - LONGEST_SESSION;

/// What the exercise's own client states before it has been given a session.
const NO_SESSION: &str = "0";

/// Why a file cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileNameError {
    /// There is none.
    Empty,
    /// The request line is taken apart at spaces.
    Space,
    /// The request would be longer than what a server reads.
    Long,
}

impl fmt::Display for FileNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it names no file"),
            Self::Space => f.write_str("a classroom server's file name has no spaces"),
            Self::Long => {
                write!(f, "a classroom server's file name has at most {LONGEST_FILE_NAME} octets")
            }
        }
    }
}

/// Whether a file can be asked for.
pub fn check_file_name(name: &str) -> Result<(), FileNameError> {
    match name {
        "" => Err(FileNameError::Empty),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => Err(FileNameError::Space),
        _ if name.len() > LONGEST_FILE_NAME => Err(FileNameError::Long),
        _ => Ok(()),
    }
}

/// The third line of a request.
#[derive(Debug, Clone, Copy)]
pub enum ThirdLine<'a> {
    /// Of SETUP: the port on which RTP is received.
    Port(u16),
    /// Of the others: the session, if the server has named one.
    Session(Option<&'a str>),
}

/// A request: three lines in this order, and no blank one. Servers read words by their position in their line.
pub fn request(method: &Method, file: &str, cseq: u32, third: ThirdLine<'_>) -> Bytes {
    let third = match third {
        ThirdLine::Port(port) => format!("Transport: RTP/UDP; client_port= {port}"),
        ThirdLine::Session(session) => format!("Session: {}", session.unwrap_or(NO_SESSION)),
    };
    format!("{method} {file} RTSP/1.0\r\nCSeq: {cseq}\r\n{third}\r\n").into()
}

/// A reply, as far as anything in it matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The code.
    pub status: Status,
    /// The words behind it.
    pub reason: String,
    /// The request that it answers, if that can be read.
    pub cseq: Option<u32>,
    /// The session.
    pub session: Option<String>,
    /// Frames of the film; few servers say it.
    pub frames: Option<u64>,
    /// Seconds of the film; few servers say it.
    pub seconds: Option<f64>,
    /// All of it, as it came.
    pub text: String,
}

impl Reply {
    /// Reads what has come, and whether it is all that matters: a refusal may lack CSeq, an agreement may not.
    fn read(text: &str) -> Option<(Self, bool)> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (status, reason) = read_first_line(lines.next()?)?;
        let mut reply = Self {
            status,
            reason,
            cseq: None,
            session: None,
            frames: None,
            seconds: None,
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
                    reply.cseq = value.split([' ', ':']).next_back().and_then(|number| number.parse().ok());
                }
                "session" => reply.session = read_session(value),
                "totalframes" => reply.frames = value.parse().ok().filter(|frames| *frames > 0),
                "totaltime" => reply.seconds = value.parse().ok().filter(|seconds| *seconds > 0.0),
                _ => {}
            }
        }
        let is_enough = has_cseq || !status.is_success();
        Some((reply, is_enough))
    }
}

fn read_first_line(line: &str) -> Option<(Status, String)> {
    let mut words = line.split_whitespace();
    words.next().filter(|version| version.starts_with("RTSP/"))?;
    let status = words.next()?.parse().ok().and_then(Status::from_code)?;
    Some((status, words.collect::<Vec<_>>().join(" ")))
}

/// A number, mostly; a UUID, sometimes.
fn read_session(value: &str) -> Option<String> {
    let id = value.trim_start_matches(':').split(';').next().unwrap_or_default().trim();
    let is_usable = !id.is_empty() && id.len() <= LONGEST_SESSION && id.chars().all(|c| c.is_ascii_graphic());
    is_usable.then(|| id.to_owned())
}

/// What came on the connection is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoReply(pub String);

/// Collects a reply. It has no end of its own: it is whole when nothing more comes.
#[derive(Debug, Default)]
pub struct ReplyReader {
    octets: Vec<u8>,
    /// When the last of them came.
    last: Option<Instant>,
}

/// Nothing more for this long is the end of a reply.
const QUIET: Duration = Duration::from_millis(50);

/// Octets of the longest reply that is read.
const LONGEST_REPLY: usize = 4 * 1024;

impl ReplyReader {
    /// Forgets what has come.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Octets have come.
    pub fn push(&mut self, now: Instant, octets: &[u8]) {
        let room = (LONGEST_REPLY + 1).saturating_sub(self.octets.len());
        self.octets.extend_from_slice(&octets[..octets.len().min(room)]);
        self.last = Some(now);
    }

    /// When it will have been quiet for long enough.
    pub fn deadline(&self) -> Option<Instant> {
        self.last.map(|last| last + QUIET)
    }

    /// The reply, once it is whole.
    ///
    /// # Errors
    /// When what has come cannot become a reply any more.
    pub fn take(&mut self, now: Instant) -> Result<Option<Reply>, NoReply> {
        self.take_if(self.deadline().is_some_and(|deadline| now >= deadline))
    }

    /// The reply, if the end of the connection is its end.
    pub fn take_last(&mut self) -> Option<Reply> {
        self.take_if(true).ok().flatten()
    }

    fn take_if(&mut self, is_quiet: bool) -> Result<Option<Reply>, NoReply> {
        let text = String::from_utf8_lossy(&self.octets);
        if self.octets.len() > LONGEST_REPLY {
            return Err(NoReply("its reply has no end".to_owned()));
        }
        let begun = text.trim_start();
        let is_ended = begun.contains("\r\n\r\n") || begun.contains("\n\n");
        if begun.is_empty() && is_quiet {
            // Blanks alone are the end of nothing, and are not to be looked at again before more comes.
            self.last = None;
        }
        if begun.is_empty() || !(is_quiet || is_ended) {
            return Ok(None);
        }
        let first_line = begun.lines().next().unwrap_or_default();
        if begun.contains('\n') && read_first_line(first_line).is_none() {
            let words: String = first_line.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(NoReply(format!("it answers \"{words}\"")));
        }
        let reply = Reply::read(begun).filter(|(_, is_enough)| is_ended || *is_enough);
        match reply.is_some() {
            true => self.clear(),
            // More will come, or the request is given up in the end.
            false => self.last = None,
        }
        Ok(reply.map(|(reply, _)| reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_exact_octets() {
        let setup = request(&Method::Setup, "movie.Mjpeg", 1, ThirdLine::Port(25_000));
        assert_eq!(
            setup,
            "SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\n"
        );
        let play = request(&Method::Play, "movie.Mjpeg", 2, ThirdLine::Session(Some("123456")));
        assert_eq!(play, "PLAY movie.Mjpeg RTSP/1.0\r\nCSeq: 2\r\nSession: 123456\r\n");
        let teardown = request(&Method::Teardown, "a", 3, ThirdLine::Session(None));
        assert_eq!(teardown, "TEARDOWN a RTSP/1.0\r\nCSeq: 3\r\nSession: 0\r\n");
    }

    #[test]
    fn no_request_is_longer_than_what_is_read_at_once() {
        let (file, session) = ("f".repeat(LONGEST_FILE_NAME), "s".repeat(LONGEST_SESSION));
        assert_eq!(check_file_name(&file), Ok(()));
        assert_eq!(check_file_name(&format!("{file}f")), Err(FileNameError::Long));
        let longest = request(&Method::Teardown, &file, u32::MAX, ThirdLine::Session(Some(&session)));
        assert_eq!(longest.len(), LONGEST_REQUEST);
        assert!(request(&Method::Setup, &file, u32::MAX, ThirdLine::Port(65_535)).len() <= LONGEST_REQUEST);
    }

    fn read(octets: &str) -> Option<Reply> {
        let (now, mut reader) = (Instant::now(), ReplyReader::default());
        reader.push(now, octets.as_bytes());
        reader.take(now + QUIET).unwrap()
    }

    #[test]
    fn replies_of_all_kinds_are_read() {
        let plain = read("RTSP/1.0 200 OK\nCSeq: 1\nSession: 123456").unwrap();
        assert_eq!(
            (plain.status, plain.cseq, plain.session.as_deref()),
            (Status::OK, Some(1), Some("123456"))
        );
        let doubled = read("RTSP/1.0 200 OK\nCSeq: CSeq: 2\r\nSession: 9f1c-22").unwrap();
        assert_eq!((doubled.cseq, doubled.session.as_deref()), (Some(2), Some("9f1c-22")));
        let bare = read("RTSP/1.0 200 OK\r\nCSeq 3").unwrap();
        assert_eq!((bare.cseq, bare.session), (Some(3), None));
        let long = read("RTSP/1.0 200 OK\nCSeq: 1\nSession: 5\nTotalFrames: 500\nTotalTime: 25.0\n").unwrap();
        assert_eq!((long.frames, long.seconds), (Some(500), Some(25.0)));
        let missing = read("RTSP/1.0 404 NOT FOUND\nCSeq: 1\nanything").unwrap();
        assert_eq!((missing.status, missing.reason.as_str()), (Status::NOT_FOUND, "NOT FOUND"));
        assert_eq!(read("RTSP/1.0 404 NOT FOUND").unwrap().status, Status::NOT_FOUND);
    }

    #[test]
    fn a_reply_is_whole_after_a_blank_line_or_when_nothing_more_comes() {
        let (now, mut reader) = (Instant::now(), ReplyReader::default());
        reader.push(now, b"RTSP/1.0 200 OK\r\n");
        assert_eq!(reader.take(now + QUIET), Ok(None), "no CSeq yet");
        reader.push(now + QUIET, b"CSeq: 1\r\nSess");
        assert_eq!(reader.deadline(), Some(now + 2 * QUIET));
        assert_eq!(reader.take(now + QUIET), Ok(None));
        reader.push(now + QUIET, b"ion: 7");
        let reply = reader.take(now + 2 * QUIET).unwrap().unwrap();
        assert_eq!(reply.session.as_deref(), Some("7"));
        reader.push(now, b"RTSP/1.0 200 OK\nCSeq: 2\nSession: 7\n\n");
        assert_eq!(reader.take(now).unwrap().unwrap().cseq, Some(2), "at once");
    }

    #[test]
    fn blanks_that_come_first_are_waited_behind() {
        let (now, mut reader) = (Instant::now(), ReplyReader::default());
        reader.push(now, b"\r\n ");
        assert_eq!((reader.take(now), reader.deadline()), (Ok(None), Some(now + QUIET)));
        assert_eq!(
            (reader.take(now + QUIET), reader.deadline()),
            (Ok(None), None),
            "nothing to look at again"
        );
        reader.push(now + 2 * QUIET, b"RTSP/1.0 200 OK\nCSeq: 2\n\n");
        assert_eq!(reader.take(now + 2 * QUIET).unwrap().unwrap().cseq, Some(2));
    }

    #[test]
    fn what_is_no_reply_is_told_and_bounded() {
        let (now, mut reader) = (Instant::now(), ReplyReader::default());
        reader.push(now, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(reader.take(now), Err(NoReply("it answers \"HTTP/1.1 400 Bad Request\"".to_owned())));
        reader.clear();
        for _ in 0..1_000 {
            reader.push(now, &[b'x'; 1_000]);
        }
        assert!(reader.octets.len() <= LONGEST_REPLY + 1);
        assert!(reader.take(now).is_err());
    }
}
