//! What is remembered of what was played: figures, how they came about, and what was said.

use std::time::{Instant, SystemTime};

use super::playback::{Playback, Source};
use crate::impairment::Conditions;
use crate::proto::rtsp::Lower;
use crate::session::{Conversation, Dialect, Event, Place};
use crate::stats::{Figures, Record, Report, Snapshot, Subject};

/// The logbook. The conversation goes on from one thing that is played to the next; the figures are of one session.
#[derive(Debug)]
pub struct Logbook {
    figures: Figures,
    /// Pictures that were whole, and when the last of them was, in seconds of playing.
    last_whole: (u64, f64),
    record: Record,
    conversation: Conversation,
    server: Option<String>,
    transport: Option<Lower>,
}

/// Seconds without a picture that are no accident.
const A_WHILE: f64 = 1.5;

impl Default for Logbook {
    fn default() -> Self {
        Self {
            figures: Figures::default(),
            last_whole: (0, 0.0),
            record: Record::begin(SystemTime::now()),
            conversation: Conversation::default(),
            server: None,
            transport: None,
        }
    }
}

impl Logbook {
    /// Something else is played.
    pub fn turn_over(&mut self) {
        let conversation = std::mem::take(&mut self.conversation);
        *self = Self { conversation, ..Self::default() };
    }

    /// Something has happened in the session.
    pub fn take_event(&mut self, event: &Event) {
        match event {
            Event::Said(message) => self.conversation.say(message.clone()),
            Event::Described(presentation) => self.server.clone_from(&presentation.server),
            Event::SetUp(lower) => {
                self.transport = Some(*lower);
                self.record = Record::begin(SystemTime::now());
                self.conversation.begin_session();
            }
            Event::Ended => self.conversation.end_film(Instant::now()),
            Event::Closed | Event::Interrupted(_) => self.conversation.end_media(Instant::now()),
            _ => {}
        }
    }

    /// New figures have come, while the network is set like this.
    pub fn take_figures(&mut self, figures: Figures, network: &Conditions) {
        self.record.observe(&figures.snapshot, network);
        self.conversation.observe(&figures.snapshot);
        let Snapshot { frames_complete, playing_s, .. } = figures.snapshot;
        if frames_complete != self.last_whole.0 || playing_s < self.last_whole.1 {
            self.last_whole = (frames_complete, playing_s);
        }
        self.figures = figures;
    }

    /// The newest figures.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Packets arrive, and for a while no picture of theirs has been whole.
    pub fn lacks_pictures(&self) -> bool {
        let Snapshot { playing_s, wire_bits_per_second, .. } = self.figures.snapshot;
        playing_s - self.last_whole.1 >= A_WHILE && wire_bits_per_second > 0.0
    }

    /// How they came about.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What was said.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The user does not want to see what was said any more.
    pub fn clear_conversation(&mut self) {
        self.conversation.clear();
    }

    /// Whether there is a session to tell of.
    pub fn has_played(&self) -> bool {
        self.record.snapshot().playing_s > 0.0
    }

    /// Everything about the session.
    pub fn report(&self, playback: &Playback, playout_delay_ms: u32) -> Report {
        let (url, dialect, place) = match playback.source() {
            Some(Source::Stream(url, _)) => (Some(url.to_string()), url.dialect(), Place::WayIn),
            Some(Source::Film(_)) | None => (None, Dialect::Standard, Place::AtServer),
        };
        self.record.report(Subject {
            name: playback.name().unwrap_or_default(),
            url,
            server: self.server.clone(),
            dialect: dialect.name(),
            transport: self.transport.map(Lower::name),
            playout_delay_ms: u64::from(playout_delay_ms),
            network_place: place.to_string(),
        })
    }
}
