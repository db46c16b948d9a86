//! PURE. The RTSP messages of a session as people read them, and the packets between PLAY and PAUSE.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::state::RtspState;
use crate::stats::Snapshot;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Speaker {
    Player,
    Server,
}

/// A request or a reply. Passwords, and what is made of them, do not stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When it was sent, or arrived.
    pub at: Instant,
    /// Who says it.
    pub speaker: Speaker,
    /// The request line, or the status line.
    pub first_line: String,
    /// The headers, and the body behind an empty line.
    pub rest: String,
    /// Its number.
    pub cseq: Option<u32>,
    /// The state that the player is in once it is said.
    pub state: RtspState,
}

/// Octets of a message that are kept.
const MOST_OCTETS: usize = 16 * 1024;

/// Headers that say who asks (RFC 2326 §12.5, §12.32; RFC 7616 §3.5).
const SECRET: [&str; 4] =
    ["authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info"];

impl Message {
    /// Octets that were sent, or have arrived, as one message.
    pub fn new(at: Instant, speaker: Speaker, octets: &[u8], state: RtspState) -> Self {
        let kept = &octets[..octets.len().min(MOST_OCTETS)];
        let text = String::from_utf8_lossy(kept);
        let mut lines = text.lines().map(without_secrets);
        let first_line = lines.next().unwrap_or_default();
        let mut rest = lines.collect::<Vec<_>>().join("\n");
        rest.truncate(rest.trim_end().len());
        if octets.len() > kept.len() {
            rest += &format!("\n… and {} octets more", octets.len() - kept.len());
        }
        let cseq = rest.lines().find_map(|line| {
            let (name, value) = line.split_once([':', ' '])?;
            // It may come back doubled, with its name in its value.
            let number = value.rsplit([':', ' ']).next()?;
            name.eq_ignore_ascii_case("cseq").then(|| number.parse().ok()).flatten()
        });
        Self { at, speaker, first_line, rest, cseq, state }
    }

    /// Whether it answers another one.
    pub fn is_reply(&self) -> bool {
        self.first_line.starts_with("RTSP/")
    }

    /// What stands on its arrow: the method, or the status.
    pub fn label(&self) -> &str {
        match self.is_reply() {
            true => self.first_line.split_once(' ').map_or(self.first_line.as_str(), |(_, status)| status),
            false => self.first_line.split(' ').next().unwrap_or_default(),
        }
    }
}

/// A line with its secrets left out, and with nothing that would change how the others look.
fn without_secrets(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = without_password(&line);
    match line.split_once(':') {
        Some((name, value)) if SECRET.contains(&name.trim().to_ascii_lowercase().as_str()) => {
            let scheme =
                value.split_whitespace().next().filter(|word| word.chars().all(char::is_alphanumeric));
            format!("{name}: {} (not shown)", scheme.unwrap_or_default()).replace(":  (", ": (")
        }
        _ => line,
    }
}

/// `rtsp://user:password@host` without the user and the password.
fn without_password(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        out += before;
        out += "://";
        let authority = after.find(['/', ' ', '"', ',', ';']).unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(at) => &after[at + 1..],
            None => after,
        };
    }
    out + rest
}

/// Something in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A message.
    Said {
        /// It.
        message: Message,
        /// For a reply, how long after its request it came.
        took: Option<Duration>,
    },
    /// RTP flows.
    Media(Media),
    /// The film has ended by itself, and the session is READY again. Nobody says so.
    Over(Instant),
}

/// The packets from PLAY to PAUSE, TEARDOWN or the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Media {
    /// When PLAY was answered.
    pub since: Instant,
    /// When it was over.
    pub until: Option<Instant>,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that did not.
    pub lost: u64,
    /// What the figures said at the beginning.
    before: (u64, u64),
}

/// The last messages.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    entries: VecDeque<Entry>,
    /// What the figures said last.
    figures: (u64, u64),
    /// The last media are of the session that the figures are of.
    is_counting: bool,
    /// How many entries have been made; another number means that there is something new.
    count: u64,
}

/// Messages that are kept.
const MOST: usize = 1_000;

impl Conversation {
    /// Something is said.
    pub fn say(&mut self, message: Message) {
        let took = message.is_reply().then(|| self.request_of(&message)).flatten();
        let took = took.map(|request| message.at.saturating_duration_since(request));
        let (at, is_playing) = (message.at, message.state == RtspState::Playing);
        self.push(Entry::Said { message, took });
        match (is_playing, self.open_media().is_some()) {
            (true, false) => {
                self.is_counting = true;
                let (received, lost) = (0, 0);
                self.push(Entry::Media(Media {
                    since: at,
                    until: None,
                    received,
                    lost,
                    before: self.figures,
                }));
            }
            (false, true) => self.end_media(at),
            _ => {}
        }
    }

    /// When the request was sent that a reply answers.
    fn request_of(&self, reply: &Message) -> Option<Instant> {
        let is_request = |said: &&Message| {
            said.speaker != reply.speaker
                && !said.is_reply()
                && (said.cseq == reply.cseq || reply.cseq.is_none())
        };
        self.messages().rev().find(is_request).map(|request| request.at)
    }

    fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Said { message, .. } => Some(message),
            Entry::Media(_) | Entry::Over(_) => None,
        })
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.count += 1;
    }

    fn open_media(&mut self) -> Option<&mut Media> {
        self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Media(media) => Some(media).filter(|media| media.until.is_none()),
            Entry::Said { .. } | Entry::Over(_) => None,
        })
    }

    /// The film has ended by itself.
    pub fn end_film(&mut self, at: Instant) {
        if self.open_media().is_some() {
            self.end_media(at);
            self.push(Entry::Over(at));
        }
    }

    /// RTP has stopped, and nobody has said so.
    pub fn end_media(&mut self, at: Instant) {
        if let Some(media) = self.open_media() {
            media.until = Some(at);
        }
    }

    /// Another session is set up; its figures begin anew.
    pub fn begin_session(&mut self) {
        self.figures = (0, 0);
        self.is_counting = false;
    }

    /// New figures have come. What still arrives behind the end belongs to what has ended.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        self.figures = (snapshot.packets_received, snapshot.packets_lost);
        if !self.is_counting {
            return;
        }
        let last = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Media(media) => Some(media),
            Entry::Said { .. } | Entry::Over(_) => None,
        });
        if let Some(media) = last {
            media.received = snapshot.packets_received.saturating_sub(media.before.0);
            media.lost = snapshot.packets_lost.saturating_sub(media.before.1);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.retain(|entry| matches!(entry, Entry::Media(Media { until: None, .. })));
    }

    /// What has happened, the oldest first.
    pub fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// How many entries have been made in all.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// When the first message that is kept was said.
    pub fn begin(&self) -> Option<Instant> {
        self.messages().next().map(|message| message.at)
    }

    /// The entries that are wanted, for a file.
    pub fn text(&self, mut is_wanted: impl FnMut(&Entry) -> bool) -> String {
        let mut text = String::new();
        let Some(begin) = self.begin() else { return text };
        for entry in self.entries.iter().filter(|entry| is_wanted(entry)) {
            text += &entry.text(begin);
            text.push('\n');
        }
        text
    }
}

impl Entry {
    /// Whether the words stand in it, large or small. No words stand everywhere.
    pub fn contains(&self, words: &str) -> bool {
        let words = words.trim().to_lowercase();
        match self {
            Self::Said { message, .. } => {
                message.first_line.to_lowercase().contains(&words)
                    || message.rest.to_lowercase().contains(&words)
            }
            Self::Media(_) | Self::Over(_) => "rtp".contains(&words),
        }
    }

    fn text(&self, begin: Instant) -> String {
        let since = |at: Instant| at.saturating_duration_since(begin).as_secs_f64();
        match self {
            Self::Said { message, took } => {
                let arrow = match message.speaker {
                    Speaker::Player => "C→S",
                    Speaker::Server => "S→C",
                };
                let took = took.map(|took| format!("  ({:.1} ms)", took.as_secs_f64() * 1_000.0));
                let mut text = format!(
                    "{:9.3} s  {arrow}  {}{}\n",
                    since(message.at),
                    message.first_line,
                    took.unwrap_or_default()
                );
                for line in message.rest.lines() {
                    text += &format!("                  {line}\n");
                }
                text
            }
            Self::Over(at) => format!("{:9.3} s  the film is over\n", since(*at)),
            Self::Media(media) => {
                let until = media.until.map_or("now".to_owned(), |until| format!("{:.3} s", since(until)));
                format!(
                    "{:9.3} s  S→C  RTP until {until}: {} packets received, {} lost\n",
                    since(media.since),
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

    fn message(at: Instant, speaker: Speaker, text: &str, state: RtspState) -> Message {
        Message::new(at, speaker, text.as_bytes(), state)
    }

    #[test]
    fn passwords_and_digests_do_not_appear() {
        let text = "DESCRIBE rtsp://ann:se:cr@et@camera/live RTSP/1.0\r\nCSeq: 3\r\n\
                    AUTHORIZATION: Digest username=\"ann\", response=\"0123abcd\"\r\n\
                    Referer: see rtsp://bob:pw@other and rtsp://third/x@y\r\n\
                    Authentication-Info: rspauth=\"beef\"\r\n\r\n";
        let said = message(Instant::now(), Speaker::Player, text, RtspState::Init);
        assert_eq!(said.first_line, "DESCRIBE rtsp://camera/live RTSP/1.0");
        let expected = "CSeq: 3\nAUTHORIZATION: Digest (not shown)\n\
                        Referer: see rtsp://other and rtsp://third/x@y\nAuthentication-Info: (not shown)";
        assert_eq!(said.rest, expected);
        assert_eq!((said.cseq, said.label()), (Some(3), "DESCRIBE"));
    }

    #[test]
    fn classroom_messages_are_read_as_well() {
        let now = Instant::now();
        let reply =
            message(now, Speaker::Server, "RTSP/1.0 200 OK\nCSeq: CSeq: 2\nSession: 1", RtspState::Ready);
        assert_eq!((reply.cseq, reply.label(), reply.is_reply()), (Some(2), "200 OK", true));
        let bare = message(now, Speaker::Server, "RTSP/1.0 200 OK\nCSeq 4", RtspState::Ready);
        assert_eq!(bare.cseq, Some(4));
        let flood = message(now, Speaker::Server, &"x".repeat(100_000), RtspState::Init);
        assert!(flood.first_line.len() == MOST_OCTETS && flood.rest.ends_with("83616 octets more"));
    }

    fn played(now: Instant) -> Conversation {
        let mut conversation = Conversation::default();
        use RtspState::{Init, Playing, Ready};
        use Speaker::{Player, Server};
        for (at, speaker, text, state) in [
            (0, Player, "SETUP rtsp://h/f/track1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", Init),
            (2, Server, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", Ready),
            (5, Player, "PLAY rtsp://h/f RTSP/1.0\r\nCSeq: 2\r\n\r\n", Ready),
            (8, Server, "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n", Playing),
            (1_008, Player, "PAUSE rtsp://h/f RTSP/1.0\r\nCSeq: 3\r\n\r\n", Playing),
            (1_010, Server, "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n", Ready),
        ] {
            conversation.say(message(now + MS * at, speaker, text, state));
            let received = u64::from(at / 10);
            conversation.observe(&Snapshot {
                packets_received: received,
                packets_lost: 2,
                ..Snapshot::default()
            });
        }
        conversation
    }

    #[test]
    fn replies_belong_to_requests_and_packets_to_the_time_between_play_and_pause() {
        let now = Instant::now();
        let conversation = played(now);
        let took: Vec<_> = conversation
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                Entry::Said { took, .. } => *took,
                Entry::Media(_) | Entry::Over(_) => None,
            })
            .collect();
        assert_eq!(took, [2 * MS, 3 * MS, 2 * MS]);
        let Entry::Media(media) = conversation.entries()[4] else {
            panic!("{:?}", conversation.entries()[4])
        };
        assert_eq!((media.since, media.until), (now + 8 * MS, Some(now + 1_010 * MS)));
        assert_eq!((media.received, media.lost), (101, 0), "what was lost before is not its");
    }

    #[test]
    fn the_packets_of_a_session_stay_its_own_and_the_end_of_a_film_is_told_once() {
        let (now, mut conversation) = (Instant::now(), Conversation::default());
        let play = "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n";
        let seen = |packets_received| Snapshot { packets_received, ..Snapshot::default() };
        conversation.say(message(now, Speaker::Server, play, RtspState::Playing));
        conversation.observe(&seen(157));
        conversation.end_media(now + 900 * MS);
        conversation.begin_session();
        conversation.observe(&seen(3));
        conversation.say(message(now + 2_000 * MS, Speaker::Server, play, RtspState::Playing));
        conversation.observe(&seen(40));
        conversation.end_film(now + 3_000 * MS);
        conversation.end_film(now + 3_100 * MS);
        let media: Vec<_> = conversation
            .entries()
            .iter()
            .filter_map(|entry| if let Entry::Media(media) = entry { Some(media.received) } else { None })
            .collect();
        assert_eq!(media, [157, 37], "three came before PLAY was answered");
        let over = conversation.text(|_| true).matches("the film is over").count();
        assert_eq!((over, conversation.entries().len()), (1, 5));
    }

    #[test]
    fn it_is_filtered_and_written_down() {
        let conversation = played(Instant::now());
        let text = conversation.text(|entry| entry.contains("pause"));
        assert_eq!(text, "    1.008 s  C→S  PAUSE rtsp://h/f RTSP/1.0\n                  CSeq: 3\n\n");
        let all = conversation.text(|_| true);
        assert!(all.contains("0.008 s  S→C  RTP until 1.010 s: 101 packets received, 0 lost"), "{all}");
        assert_eq!(conversation.text(|entry| entry.contains("nowhere")), "");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (now, mut conversation) = (Instant::now(), Conversation::default());
        for _ in 0..3_000 {
            conversation.say(message(now, Speaker::Player, "OPTIONS * RTSP/1.0", RtspState::Init));
        }
        assert_eq!((conversation.entries().len(), conversation.count()), (MOST, 3_000));
        conversation.clear();
        assert!(conversation.entries().is_empty() && conversation.text(|_| true).is_empty());
    }
}
