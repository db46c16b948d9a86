//! PURE. The RTSP messages of a session as people read them, and the packets between PLAY and PAUSE.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::state::RtspState;
use crate::stats::Snapshot;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    ClientToServer,
    ServerToClient,
}

/// A request or a reply. Passwords, and what is made of them, do not stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// When it was sent, or arrived.
    pub at: Instant,
    /// Who says it.
    pub direction: Direction,
    /// The request line, or the status line.
    pub start_line: String,
    /// The headers, and the body behind an empty line.
    pub headers_and_body: String,
    /// Its number.
    pub cseq: Option<u32>,
    /// The state that the player is in once it is said.
    pub state: RtspState,
}

/// Bytes of a message that are kept.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// Headers that say who asks (RFC 2326 §12.5, §12.32; RFC 7616 §3.5).
const SECRET_HEADERS: [&str; 4] =
    ["authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info"];

impl LoggedMessage {
    /// Bytes that were sent, or have arrived, as one message.
    pub fn new(at: Instant, direction: Direction, bytes: &[u8], state: RtspState) -> Self {
        let truncated = &bytes[..bytes.len().min(MAX_MESSAGE_BYTES)];
        let text = String::from_utf8_lossy(truncated);
        let mut lines = text.lines().map(redact_line);
        let start_line = lines.next().unwrap_or_default();
        let mut headers_and_body = lines.collect::<Vec<_>>().join("\n");
        headers_and_body.truncate(headers_and_body.trim_end().len());
        if bytes.len() > truncated.len() {
            headers_and_body += &format!("\n… and {} bytes more", bytes.len() - truncated.len());
        }
        let cseq = headers_and_body.lines().find_map(|line| {
            let (name, value) = line.split_once([':', ' '])?;
            // It may come back doubled, with its name in its value.
            let number = value.rsplit([':', ' ']).next()?;
            name.eq_ignore_ascii_case("cseq").then(|| number.parse().ok()).flatten()
        });
        Self { at, direction, start_line, headers_and_body, cseq, state }
    }

    /// Whether it answers another one.
    pub fn is_response(&self) -> bool {
        self.start_line.starts_with("RTSP/")
    }

    /// What stands on its arrow: the method, or the status.
    pub fn label(&self) -> &str {
        match self.is_response() {
            true => self.start_line.split_once(' ').map_or(self.start_line.as_str(), |(_, status)| status),
            false => self.start_line.split(' ').next().unwrap_or_default(),
        }
    }
}

/// A line with its secrets left out, and with nothing that would change how the others look.
fn redact_line(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = redact_url_credentials(&line);
    match line.split_once(':') {
        Some((name, value)) if SECRET_HEADERS.contains(&name.trim().to_ascii_lowercase().as_str()) => {
            let scheme =
                value.split_whitespace().next().filter(|word| word.chars().all(char::is_alphanumeric));
            format!("{name}: {} (not shown)", scheme.unwrap_or_default()).replace(":  (", ": (")
        }
        _ => line,
    }
}

/// `rtsp://user:password@host` without the user and the password.
fn redact_url_credentials(line: &str) -> String {
    let mut output = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        output += before;
        output += "://";
        let authority = after.find(['/', ' ', '"', ',', ';']).unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(at) => &after[at + 1..],
            None => after,
        };
    }
    output + rest
}

/// Something in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum LogEntry {
    /// A message.
    Message {
        /// It.
        message: LoggedMessage,
        /// For a reply, how long after its request it came.
        response_time: Option<Duration>,
    },
    /// RTP flows.
    Media(MediaPeriod),
    /// The film has ended by itself, and the session is READY again. Nobody says so.
    StreamEnded(Instant),
}

/// The packets from PLAY to PAUSE, TEARDOWN or the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MediaPeriod {
    /// When PLAY was answered.
    pub start: Instant,
    /// When it was over.
    pub end: Option<Instant>,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that did not.
    pub lost: u64,
    /// What the figures said at the beginning.
    counts_at_start: (u64, u64),
}

/// The last messages.
#[derive(Debug, Clone, Default)]
pub struct MessageLog {
    entries: VecDeque<LogEntry>,
    /// What the figures said last.
    packet_counts: (u64, u64),
    /// The last media are of the session that the figures are of.
    is_counting: bool,
    /// How many entries have been made; another number means that there is something new.
    total_entries: u64,
}

/// Messages that are kept.
const MAX_ENTRIES: usize = 1_000;

impl MessageLog {
    /// Something is said.
    pub fn log_message(&mut self, message: LoggedMessage) {
        let response_time = message.is_response().then(|| self.request_time(&message)).flatten();
        let response_time = response_time.map(|request| message.at.saturating_duration_since(request));
        let (at, is_playing) = (message.at, message.state == RtspState::Playing);
        self.push_entry(LogEntry::Message { message, response_time });
        match (is_playing, self.current_media().is_some()) {
            (true, false) => {
                self.is_counting = true;
                let (received, lost) = (0, 0);
                self.push_entry(LogEntry::Media(MediaPeriod {
                    start: at,
                    end: None,
                    received,
                    lost,
                    counts_at_start: self.packet_counts,
                }));
            }
            (false, true) => self.end_media(at),
            _ => {}
        }
    }

    /// When the request was sent that a reply answers.
    fn request_time(&self, response: &LoggedMessage) -> Option<Instant> {
        let is_request = |message: &&LoggedMessage| {
            message.direction != response.direction
                && !message.is_response()
                && (message.cseq == response.cseq || response.cseq.is_none())
        };
        self.messages().rev().find(is_request).map(|request| request.at)
    }

    fn messages(&self) -> impl DoubleEndedIterator<Item = &LoggedMessage> {
        self.entries.iter().filter_map(|entry| match entry {
            LogEntry::Message { message, .. } => Some(message),
            LogEntry::Media(_) | LogEntry::StreamEnded(_) => None,
        })
    }

    fn push_entry(&mut self, entry: LogEntry) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.total_entries += 1;
    }

    fn current_media(&mut self) -> Option<&mut MediaPeriod> {
        self.entries.iter_mut().rev().find_map(|entry| match entry {
            LogEntry::Media(media) => Some(media).filter(|media| media.end.is_none()),
            LogEntry::Message { .. } | LogEntry::StreamEnded(_) => None,
        })
    }

    /// The film has ended by itself.
    pub fn end_stream(&mut self, at: Instant) {
        if self.current_media().is_some() {
            self.end_media(at);
            self.push_entry(LogEntry::StreamEnded(at));
        }
    }

    /// RTP has stopped, and nobody has said so.
    pub fn end_media(&mut self, at: Instant) {
        if let Some(media) = self.current_media() {
            media.end = Some(at);
        }
    }

    /// Another session is set up; its figures begin anew.
    pub fn start_session(&mut self) {
        self.packet_counts = (0, 0);
        self.is_counting = false;
    }

    /// New figures have come. What still arrives behind the end belongs to what has ended.
    pub fn update(&mut self, snapshot: &Snapshot) {
        self.packet_counts = (snapshot.packets_received, snapshot.packets_lost);
        if !self.is_counting {
            return;
        }
        let last = self.entries.iter_mut().rev().find_map(|entry| match entry {
            LogEntry::Media(media) => Some(media),
            LogEntry::Message { .. } | LogEntry::StreamEnded(_) => None,
        });
        if let Some(media) = last {
            media.received = snapshot.packets_received.saturating_sub(media.counts_at_start.0);
            media.lost = snapshot.packets_lost.saturating_sub(media.counts_at_start.1);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.retain(|entry| matches!(entry, LogEntry::Media(MediaPeriod { end: None, .. })));
    }

    /// What has happened, the oldest first.
    pub fn entries(&self) -> &VecDeque<LogEntry> {
        &self.entries
    }

    /// How many entries have been made in all.
    pub fn total_entries(&self) -> u64 {
        self.total_entries
    }

    /// When the first message that is kept was said.
    pub fn start_time(&self) -> Option<Instant> {
        self.messages().next().map(|message| message.at)
    }

    /// The entries that are wanted, for a file.
    pub fn to_text(&self, mut filter: impl FnMut(&LogEntry) -> bool) -> String {
        let mut text = String::new();
        let Some(start) = self.start_time() else { return text };
        for entry in self.entries.iter().filter(|entry| filter(entry)) {
            text += &entry.to_text(start);
            text.push('\n');
        }
        text
    }
}

impl LogEntry {
    /// Whether the words stand in it, large or small. No words stand everywhere.
    pub fn contains(&self, query: &str) -> bool {
        let query = query.trim().to_lowercase();
        match self {
            Self::Message { message, .. } => {
                message.start_line.to_lowercase().contains(&query)
                    || message.headers_and_body.to_lowercase().contains(&query)
            }
            Self::Media(_) | Self::StreamEnded(_) => "rtp".contains(&query),
        }
    }

    fn to_text(&self, start: Instant) -> String {
        let seconds = |at: Instant| at.saturating_duration_since(start).as_secs_f64();
        match self {
            Self::Message { message, response_time } => {
                let arrow = match message.direction {
                    Direction::ClientToServer => "C→S",
                    Direction::ServerToClient => "S→C",
                };
                let response_time = response_time
                    .map(|response_time| format!("  ({:.1} ms)", response_time.as_secs_f64() * 1_000.0));
                let mut text = format!(
                    "{:9.3} s  {arrow}  {}{}\n",
                    seconds(message.at),
                    message.start_line,
                    response_time.unwrap_or_default()
                );
                for line in message.headers_and_body.lines() {
                    text += &format!("                  {line}\n");
                }
                text
            }
            Self::StreamEnded(at) => format!("{:9.3} s  the film is over\n", seconds(*at)),
            Self::Media(media) => {
                let end = media.end.map_or("now".to_owned(), |end| format!("{:.3} s", seconds(end)));
                format!(
                    "{:9.3} s  S→C  RTP until {end}: {} packets received, {} lost\n",
                    seconds(media.start),
                    media.received,
                    media.lost
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn message(at: Instant, direction: Direction, text: &str, state: RtspState) -> LoggedMessage {
        LoggedMessage::new(at, direction, text.as_bytes(), state)
    }

    #[test]
    fn passwords_and_digests_are_redacted() {
        let text = "DESCRIBE rtsp://ann:se:cr@et@camera/live RTSP/1.0\r\nCSeq: 3\r\n\
                    AUTHORIZATION: Digest username=\"ann\", response=\"0123abcd\"\r\n\
                    Referer: see rtsp://bob:pw@other and rtsp://third/x@y\r\n\
                    Authentication-Info: rspauth=\"beef\"\r\n\r\n";
        let message = message(Instant::now(), Direction::ClientToServer, text, RtspState::Init);
        assert_eq!(message.start_line, "DESCRIBE rtsp://camera/live RTSP/1.0");
        let expected = "CSeq: 3\nAUTHORIZATION: Digest (not shown)\n\
                        Referer: see rtsp://other and rtsp://third/x@y\nAuthentication-Info: (not shown)";
        assert_eq!(message.headers_and_body, expected);
        assert_eq!((message.cseq, message.label()), (Some(3), "DESCRIBE"));
    }

    #[test]
    fn classroom_messages_are_parsed() {
        let now = Instant::now();
        let response = message(
            now,
            Direction::ServerToClient,
            "RTSP/1.0 200 OK\nCSeq: CSeq: 2\nSession: 1",
            RtspState::Ready,
        );
        assert_eq!((response.cseq, response.label(), response.is_response()), (Some(2), "200 OK", true));
        let bare = message(now, Direction::ServerToClient, "RTSP/1.0 200 OK\nCSeq 4", RtspState::Ready);
        assert_eq!(bare.cseq, Some(4));
        let oversized = message(now, Direction::ServerToClient, &"x".repeat(100_000), RtspState::Init);
        assert!(
            oversized.start_line.len() == MAX_MESSAGE_BYTES
                && oversized.headers_and_body.ends_with("83616 bytes more")
        );
    }

    fn sample_log(now: Instant) -> MessageLog {
        let mut log = MessageLog::default();
        use Direction::{ClientToServer, ServerToClient};
        use RtspState::{Init, Playing, Ready};
        for (at, direction, text, state) in [
            (0, ClientToServer, "SETUP rtsp://h/f/track1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", Init),
            (2, ServerToClient, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", Ready),
            (5, ClientToServer, "PLAY rtsp://h/f RTSP/1.0\r\nCSeq: 2\r\n\r\n", Ready),
            (8, ServerToClient, "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n", Playing),
            (1_008, ClientToServer, "PAUSE rtsp://h/f RTSP/1.0\r\nCSeq: 3\r\n\r\n", Playing),
            (1_010, ServerToClient, "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n", Ready),
        ] {
            log.log_message(message(now + MS * at, direction, text, state));
            let received = u64::from(at / 10);
            log.update(&Snapshot { packets_received: received, packets_lost: 2, ..Snapshot::default() });
        }
        log
    }

    #[test]
    fn responses_match_requests_and_packets_their_play() {
        let now = Instant::now();
        let log = sample_log(now);
        let took: Vec<_> = log
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                LogEntry::Message { response_time: took, .. } => *took,
                LogEntry::Media(_) | LogEntry::StreamEnded(_) => None,
            })
            .collect();
        assert_eq!(took, [2 * MS, 3 * MS, 2 * MS]);
        let LogEntry::Media(media) = log.entries()[4] else { panic!("{:?}", log.entries()[4]) };
        assert_eq!((media.start, media.end), (now + 8 * MS, Some(now + 1_010 * MS)));
        assert_eq!((media.received, media.lost), (101, 0), "what was lost before is not its");
    }

    #[test]
    fn sessions_count_separately_and_end_is_logged_once() {
        let (now, mut log) = (Instant::now(), MessageLog::default());
        let play = "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n";
        let snapshot = |packets_received| Snapshot { packets_received, ..Snapshot::default() };
        log.log_message(message(now, Direction::ServerToClient, play, RtspState::Playing));
        log.update(&snapshot(157));
        log.end_media(now + 900 * MS);
        log.start_session();
        log.update(&snapshot(3));
        log.log_message(message(now + 2_000 * MS, Direction::ServerToClient, play, RtspState::Playing));
        log.update(&snapshot(40));
        log.end_stream(now + 3_000 * MS);
        log.end_stream(now + 3_100 * MS);
        let media: Vec<_> = log
            .entries()
            .iter()
            .filter_map(|entry| if let LogEntry::Media(media) = entry { Some(media.received) } else { None })
            .collect();
        assert_eq!(media, [157, 37], "three came before PLAY was answered");
        let ends = log.to_text(|_| true).matches("the film is over").count();
        assert_eq!((ends, log.entries().len()), (1, 5));
    }

    #[test]
    fn text_is_filtered() {
        let log = sample_log(Instant::now());
        let text = log.to_text(|entry| entry.contains("pause"));
        assert_eq!(text, "    1.008 s  C→S  PAUSE rtsp://h/f RTSP/1.0\n                  CSeq: 3\n\n");
        let all = log.to_text(|_| true);
        assert!(all.contains("0.008 s  S→C  RTP until 1.010 s: 101 packets received, 0 lost"), "{all}");
        assert_eq!(log.to_text(|entry| entry.contains("nowhere")), "");
    }

    #[test]
    fn entries_are_bounded() {
        let (now, mut log) = (Instant::now(), MessageLog::default());
        for _ in 0..3_000 {
            log.log_message(message(now, Direction::ClientToServer, "OPTIONS * RTSP/1.0", RtspState::Init));
        }
        assert_eq!((log.entries().len(), log.total_entries()), (MAX_ENTRIES, 3_000));
        log.clear();
        assert!(log.entries().is_empty() && log.to_text(|_| true).is_empty());
    }
}
