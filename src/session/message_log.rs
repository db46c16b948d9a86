//! Log of the messages of a session, and of the packets between PLAY and PAUSE. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::logged_message::{Direction, LoggedMessage};
use super::peer_mistakes::PeerMistake;
use super::state::RtspState;
use crate::stats::Snapshot;

/// Entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum LogEntry {
    /// Request or response that was sent or received.
    Message {
        /// Message without its credentials.
        message: LoggedMessage,
        /// Time from the request to this response; `None` for a request, or if the request is not in the log.
        response_time: Option<Duration>,
    },
    /// RTP packets between two messages.
    Media(MediaPeriod),
    /// Mistake of the server that was tolerated.
    Mistake(PeerMistake),
    /// End of the stream: the session is READY again without a message.
    StreamEnded(Instant),
    /// Sentence about the film or the stream.
    Note {
        /// Time at which it became known.
        at: Instant,
        /// Sentence for the user.
        text: String,
    },
}

/// Period from PLAY to PAUSE, TEARDOWN or the end of the stream, with its packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MediaPeriod {
    /// Time of the response to PLAY.
    pub start: Instant,
    /// Time at which the period ended; `None` while it lasts.
    pub end: Option<Instant>,
    /// True if frames are counted and not packets: the stream is sent over HTTP.
    pub counts_frames: bool,
    /// Number of packets or complete frames received in the period.
    pub received: u64,
    /// Number of packets lost, or of frames that are incomplete, in the period.
    pub lost: u64,
    /// Numbers received and lost since SETUP, at `start`.
    counts_at_start: (u64, u64),
}

/// Log of the last messages and media periods. At most 1,000 entries are kept.
#[derive(Debug, Clone, Default)]
pub struct MessageLog {
    entries: VecDeque<LogEntry>,
    /// Number of each entry, by which the user interface knows it while others are inserted or removed.
    ids: VecDeque<u64>,
    /// Packets received and lost since SETUP, at the last update.
    packet_counts: (u64, u64),
    /// True if the last media period belongs to the session that the figures count.
    is_counting: bool,
    total_entries: u64,
    /// Number of entries at the front that belong to former media.
    former_entries: usize,
}

/// Maximum number of entries that are kept.
const MAX_ENTRIES: usize = 1_000;

impl MessageLog {
    /// Appends a message. A media period starts or ends where the state of the session changes to or from PLAYING.
    pub fn log_message(&mut self, message: LoggedMessage) {
        let response_time =
            message.is_response().then(|| request_time(self.messages().rev(), &message)).flatten();
        let response_time = response_time.map(|request| message.at.saturating_duration_since(request));
        let (at, is_playing) = (message.at, message.state == RtspState::Playing);
        let counts_frames = message.is_http();
        self.push_entry(LogEntry::Message { message, response_time });
        match (is_playing, self.current_media().is_some()) {
            (true, false) => {
                self.is_counting = true;
                let counts_at_start = self.packet_counts;
                let media = MediaPeriod {
                    start: at,
                    end: None,
                    counts_frames,
                    received: 0,
                    lost: 0,
                    counts_at_start,
                };
                self.push_entry(LogEntry::Media(media));
            }
            (false, true) => self.end_media(at),
            _ => {}
        }
    }

    /// Adds a message of the former session, whose TEARDOWN goes out while the next one begins, to those of the former
    /// session.
    pub fn log_former_message(&mut self, message: LoggedMessage) {
        let response_time = message.is_response().then(|| self.former_request_time(&message)).flatten();
        if !message.is_response() {
            self.end_former_media(message.at);
        }
        let response_time = response_time.map(|request| message.at.saturating_duration_since(request));
        let index = self.former_entries;
        self.insert_entry(index, LogEntry::Message { message, response_time });
        self.former_entries += 1;
    }

    /// Time of the request of the former session that a response belongs to.
    fn former_request_time(&self, response: &LoggedMessage) -> Option<Instant> {
        let former = self.entries.iter().take(self.former_entries);
        let messages = former.filter_map(|entry| match entry {
            LogEntry::Message { message, .. } => Some(message),
            _ => None,
        });
        request_time(messages.rev(), response)
    }

    /// Sets the end of the last media period of the former session, which was over before it was known to be.
    fn end_former_media(&mut self, at: Instant) {
        let last = self.entries.iter_mut().take(self.former_entries).rev().find_map(|entry| match entry {
            LogEntry::Media(media) => Some(media),
            _ => None,
        });
        if let Some(media) = last {
            media.end = Some(media.end.map_or(at, |end| end.min(at)));
        }
    }

    /// Begins with other media, or with none: the media period ends, and what follows belongs to another session.
    pub fn start_media(&mut self, at: Instant) {
        self.end_media(at);
        self.start_session();
        self.former_entries = self.entries.len();
    }

    fn messages(&self) -> impl DoubleEndedIterator<Item = &LoggedMessage> {
        self.entries.iter().filter_map(|entry| match entry {
            LogEntry::Message { message, .. } => Some(message),
            _ => None,
        })
    }

    fn push_entry(&mut self, entry: LogEntry) {
        self.insert_entry(self.entries.len(), entry);
    }

    fn insert_entry(&mut self, mut index: usize, entry: LogEntry) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
            self.ids.pop_front();
            index = index.saturating_sub(1);
            self.former_entries = self.former_entries.saturating_sub(1);
        }
        self.entries.insert(index, entry);
        self.ids.insert(index, self.total_entries);
        self.total_entries += 1;
    }

    fn current_media(&mut self) -> Option<&mut MediaPeriod> {
        self.entries.iter_mut().rev().find_map(|entry| match entry {
            LogEntry::Media(media) => Some(media).filter(|media| media.end.is_none()),
            _ => None,
        })
    }

    /// Ends the media period at the end of the stream, and appends that end.
    pub fn end_stream(&mut self, at: Instant) {
        let is_after_frames =
            matches!(self.entries.back(), Some(LogEntry::Media(media)) if media.counts_frames);
        if self.current_media().is_some() || is_after_frames {
            self.end_media(at);
            self.push_entry(LogEntry::StreamEnded(at));
        }
    }

    /// Appends a mistake of the server, or updates the count of its entry.
    pub fn log_mistake(&mut self, mistake: PeerMistake) {
        let is_same =
            |known: &PeerMistake| (known.mistake, known.first_at) == (mistake.mistake, mistake.first_at);
        let known = self.entries.iter_mut().rev().find_map(|entry| match entry {
            LogEntry::Mistake(known) if is_same(known) => Some(known),
            _ => None,
        });
        match known {
            Some(known) => *known = mistake,
            None => self.push_entry(LogEntry::Mistake(mistake)),
        }
    }

    /// Appends a sentence, unless it is the last one that was appended: a stream is described again with each session.
    pub fn log_note(&mut self, at: Instant, text: String) {
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            LogEntry::Note { text, .. } => Some(text),
            _ => None,
        });
        if last != Some(&text) {
            self.push_entry(LogEntry::Note { at, text });
        }
    }

    /// Appends a sentence about a failure, unless the last entry is the same.
    pub fn log_failure(&mut self, at: Instant, text: String) {
        let is_repeated =
            matches!(self.entries.back(), Some(LogEntry::Note { text: last, .. }) if *last == text);
        if !is_repeated {
            self.push_entry(LogEntry::Note { at, text });
        }
    }

    /// Ends the media period without a message.
    pub fn end_media(&mut self, at: Instant) {
        if let Some(media) = self.current_media() {
            media.end = Some(at);
        }
    }

    /// Ends a period of frames over HTTP, where Pause has no message: the connection is closed.
    pub fn end_frames(&mut self, at: Instant) {
        if self.current_media().is_some_and(|media| media.counts_frames) {
            self.end_media(at);
        }
    }

    /// Starts a session, whose figures count from zero.
    pub fn start_session(&mut self) {
        self.packet_counts = (0, 0);
        self.is_counting = false;
    }

    /// Updates the last media period from the figures. Packets that arrive after its end count as part of it.
    pub fn update(&mut self, snapshot: &Snapshot) {
        let counts = match snapshot.lacks_packets {
            true => (snapshot.frames_complete, snapshot.frames_incomplete),
            false => (snapshot.packets_received, snapshot.packets_lost),
        };
        // Fewer than before: they are those of the next session.
        self.is_counting &= counts.0 >= self.packet_counts.0;
        self.packet_counts = counts;
        if !self.is_counting {
            return;
        }
        let last = self.entries.iter_mut().rev().find_map(|entry| match entry {
            LogEntry::Media(media) => Some(media),
            _ => None,
        });
        if let Some(media) = last {
            let (received, lost) = self.packet_counts;
            media.received = received.saturating_sub(media.counts_at_start.0);
            media.lost = lost.saturating_sub(media.counts_at_start.1);
        }
    }

    /// Removes all entries except a media period that has not ended.
    pub fn clear(&mut self) {
        let is_kept = |entry: &LogEntry| matches!(entry, LogEntry::Media(MediaPeriod { end: None, .. }));
        let ids = self.ids.iter().zip(&self.entries);
        self.ids = ids.filter(|(_, entry)| is_kept(entry)).map(|(id, _)| *id).collect();
        self.former_entries =
            self.entries.iter().take(self.former_entries).filter(|entry| is_kept(entry)).count();
        self.entries.retain(is_kept);
    }

    /// Entries, the oldest first.
    pub fn entries(&self) -> &VecDeque<LogEntry> {
        &self.entries
    }

    /// Number of each entry, the oldest entry first.
    pub fn ids(&self) -> &VecDeque<u64> {
        &self.ids
    }

    /// Number of entries appended so far, removed ones included. It changes whenever there is a new entry.
    pub fn total_entries(&self) -> u64 {
        self.total_entries
    }

    /// Time of the first message that is kept; `None` if there is none.
    pub fn start_time(&self) -> Option<Instant> {
        self.messages().next().map(|message| message.at)
    }

    /// Formats the entries that `filter` accepts, with times in seconds after the first message.
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
    /// Returns true if the entry contains `query`, ignoring case. An empty query matches every entry.
    pub fn contains(&self, query: &str) -> bool {
        let query = query.trim().to_lowercase();
        match self {
            Self::Message { message, .. } => {
                message.start_line.to_lowercase().contains(&query)
                    || message.headers_and_body.to_lowercase().contains(&query)
            }
            Self::Mistake(mistake) => mistake.sentence().to_lowercase().contains(&query),
            Self::Note { text, .. } => text.to_lowercase().contains(&query),
            Self::Media(MediaPeriod { counts_frames: true, .. }) => "frames".contains(&query),
            Self::Media(_) | Self::StreamEnded(_) => "rtp".contains(&query),
        }
    }

    /// Formats the entry with its time in seconds after `start`.
    fn to_text(&self, start: Instant) -> String {
        let seconds = |at: Instant| at.saturating_duration_since(start).as_secs_f64();
        match self {
            Self::Message { message, response_time } => {
                message_to_text(seconds(message.at), message, *response_time)
            }
            Self::Mistake(mistake) => {
                format!("{:9.3} s  server's mistake: {}\n", seconds(mistake.first_at), mistake.sentence())
            }
            Self::StreamEnded(at) => format!("{:9.3} s  end of the stream\n", seconds(*at)),
            Self::Note { at, text } => format!("{:9.3} s  {text}\n", seconds(*at)),
            Self::Media(media) => {
                let end = media.end.map_or("now".to_owned(), |end| format!("{:.3} s", seconds(end)));
                let (what, unit, lost) = match media.counts_frames {
                    true => ("Frames", "frames", "incomplete"),
                    false => ("RTP", "packets", "lost"),
                };
                let start = seconds(media.start);
                format!(
                    "{start:9.3} s  S→C  {what} until {end}: {} {unit} received, {} {lost}\n",
                    media.received, media.lost
                )
            }
        }
    }
}

/// Returns the time of the request that a response belongs to, of messages of which the newest is the first.
fn request_time<'a>(
    mut messages: impl Iterator<Item = &'a LoggedMessage>,
    response: &LoggedMessage,
) -> Option<Instant> {
    let is_request = |message: &&LoggedMessage| {
        message.direction != response.direction
            && !message.is_response()
            && (message.cseq == response.cseq || response.cseq.is_none())
    };
    messages.find(is_request).map(|request| request.at)
}

fn message_to_text(seconds: f64, message: &LoggedMessage, response_time: Option<Duration>) -> String {
    let arrow = match message.direction {
        Direction::ClientToServer => "C→S",
        Direction::ServerToClient => "S→C",
    };
    let response_time =
        response_time.map(|response_time| format!("  ({:.1} ms)", response_time.as_secs_f64() * 1_000.0));
    let start_line = &message.start_line;
    let mut text = format!("{seconds:9.3} s  {arrow}  {start_line}{}\n", response_time.unwrap_or_default());
    for line in message.headers_and_body.lines() {
        text += &format!("                  {line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::mistake::Mistake;

    const MS: Duration = Duration::from_millis(1);

    fn message(at: Instant, direction: Direction, text: &str, state: RtspState) -> LoggedMessage {
        LoggedMessage::new(at, direction, text.as_bytes(), state)
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
        let response_times: Vec<_> = log
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                LogEntry::Message { response_time, .. } => *response_time,
                _ => None,
            })
            .collect();
        assert_eq!(response_times, [2 * MS, 3 * MS, 2 * MS]);
        let LogEntry::Media(media) = log.entries()[4] else { panic!("{:?}", log.entries()[4]) };
        assert_eq!((media.start, media.end), (now + 8 * MS, Some(now + 1_010 * MS)));
        assert_eq!((media.received, media.lost), (101, 0), "earlier losses are not counted");
    }

    /// TEARDOWN of the former session has the same CSeq as a request of the next one, which plays already.
    #[test]
    fn teardown_of_the_former_session_does_not_end_the_period_of_the_next() {
        let now = Instant::now();
        let mut log = sample_log(now);
        let at = |ms| now + ms * MS;
        let played_before = "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n";
        log.log_message(message(at(1_500), Direction::ServerToClient, played_before, RtspState::Playing));
        log.start_media(at(1_990));
        let former = log.entries().len();
        let play = "PLAY rtsp://h/g RTSP/1.0\r\nCSeq: 4\r\n\r\n";
        log.log_message(message(at(2_000), Direction::ClientToServer, play, RtspState::Ready));
        let played = "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n";
        log.log_message(message(at(2_001), Direction::ServerToClient, played, RtspState::Playing));
        let teardown = "TEARDOWN rtsp://h/f RTSP/1.0\r\nCSeq: 4\r\n\r\n";
        log.log_former_message(message(at(1_989), Direction::ClientToServer, teardown, RtspState::Ready));
        log.log_former_message(message(at(2_009), Direction::ServerToClient, played, RtspState::Init));
        let [LogEntry::Media(period), LogEntry::Message { message: request, .. }, response] =
            &log.entries().iter().skip(former - 1).take(3).cloned().collect::<Vec<_>>()[..]
        else {
            panic!("{:?}", log.entries())
        };
        assert_eq!(
            period.end,
            Some(at(1_989)),
            "TEARDOWN went out before the next film was known to be open"
        );
        assert!(request.start_line.starts_with("TEARDOWN"));
        assert!(matches!(response, LogEntry::Message { response_time: Some(time), .. } if *time == 20 * MS));
        assert_eq!(log.current_media().map(|media| media.end), Some(None), "it still plays");
        // Numbers stay with their entries, and former entries before the others after the log was cleared.
        let id_of_play = log.ids()[former + 2];
        assert_eq!(id_of_play, former as u64);
        log.clear();
        assert_eq!((log.entries().len(), log.ids().len()), (1, 1));
        log.log_former_message(message(at(2_020), Direction::ClientToServer, teardown, RtspState::Ready));
        log.log_former_message(message(at(2_021), Direction::ServerToClient, played, RtspState::Init));
        let is_request =
            |entry: &LogEntry| matches!(entry, LogEntry::Message { message, .. } if !message.is_response());
        assert!(is_request(&log.entries()[0]) && !is_request(&log.entries()[1]));
        assert!(matches!(log.entries()[2], LogEntry::Media(_)));
        for _ in 0..2 * MAX_ENTRIES {
            log.log_message(message(at(3_000), Direction::ClientToServer, play, RtspState::Playing));
        }
        log.log_former_message(message(at(2_022), Direction::ClientToServer, teardown, RtspState::Ready));
        assert_eq!((log.entries().len(), log.ids().len()), (MAX_ENTRIES, MAX_ENTRIES));
    }

    #[test]
    fn note_is_kept_once() {
        let now = Instant::now();
        let mut log = sample_log(now);
        let entries = log.entries().len();
        log.log_note(now + 3 * MS, "The stream also contains sound.".to_owned());
        log.log_message(message(
            now,
            Direction::ClientToServer,
            "OPTIONS * RTSP/1.0\r\n\r\n",
            RtspState::Init,
        ));
        log.log_note(now + 9 * MS, "The stream also contains sound.".to_owned());
        assert_eq!(log.entries().len(), entries + 2);
        assert!(log.to_text(|_| true).contains("    0.003 s  The stream also contains sound.\n"));
        assert!(log.entries()[entries].contains("SOUND") && !log.entries()[entries].contains("rtp"));
        log.log_note(now + 9 * MS, "The stream also contains text.".to_owned());
        assert_eq!(log.entries().len(), entries + 3);
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
        assert_eq!(media, [157, 37], "three packets arrived before the response to PLAY");
        let ends = log.to_text(|_| true).matches("end of the stream").count();
        assert_eq!((ends, log.entries().len()), (1, 5));
    }

    #[test]
    fn mistake_of_server_is_one_entry_whose_count_grows() {
        let (now, mut log) = (Instant::now(), sample_log(Instant::now()));
        let entries = log.entries().len();
        let mistake = |count, first_at| PeerMistake {
            mistake: Mistake::WrongCseq,
            place: "response to SETUP".to_owned(),
            count,
            first_at,
        };
        log.log_mistake(mistake(1, now));
        log.log_mistake(mistake(7, now));
        assert_eq!(log.entries().len(), entries + 1);
        let text = log.to_text(|entry| entry.contains("cseq of another"));
        assert!(
            text.contains(
                "server's mistake: A response has the CSeq of another request (response to SETUP), 7 times;"
            ),
            "{text}"
        );
        log.log_mistake(mistake(1, now + MS));
        assert_eq!(log.entries().len(), entries + 2, "another session has its own entry");
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
