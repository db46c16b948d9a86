//! What is remembered of what was played: figures, how they came about, and what was said.

use std::time::{Instant, SystemTime};

use super::playback::{Playback, Source};
use crate::impairment::EmulatorSettings;
use crate::proto::rtsp::LowerTransport;
use crate::session::{Dialect, EmulatorPlacement, MessageLog, SessionEvent};
use crate::stats::{Figures, ReportSubject, SessionHistory, SessionReport, Snapshot};

/// The logbook. The conversation goes on from one thing that is played to the next; the figures are of one session.
#[derive(Debug)]
pub struct SessionRecord {
    figures: Figures,
    /// Pictures that were whole, and when the last of them was, in seconds of playing.
    last_complete_frame: (u64, f64),
    record: SessionHistory,
    message_log: MessageLog,
    server: Option<String>,
    transport: Option<LowerTransport>,
}

/// Seconds without a picture that are no accident.
const NO_FRAME_TIMEOUT_S: f64 = 1.5;

impl Default for SessionRecord {
    fn default() -> Self {
        Self {
            figures: Figures::default(),
            last_complete_frame: (0, 0.0),
            record: SessionHistory::new(SystemTime::now()),
            message_log: MessageLog::default(),
            server: None,
            transport: None,
        }
    }
}

impl SessionRecord {
    /// Something else is played.
    pub fn reset(&mut self) {
        let message_log = std::mem::take(&mut self.message_log);
        *self = Self { message_log, ..Self::default() };
    }

    /// Something has happened in the session.
    pub fn handle_event(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Message(message) => self.message_log.log_message(message.clone()),
            SessionEvent::Described(presentation) => self.server.clone_from(&presentation.server),
            SessionEvent::SetUp(lower) => {
                self.transport = Some(*lower);
                self.record = SessionHistory::new(SystemTime::now());
                self.message_log.start_session();
            }
            SessionEvent::Ended => self.message_log.end_stream(Instant::now()),
            SessionEvent::Closed | SessionEvent::Reconnecting(_) => {
                self.message_log.end_media(Instant::now())
            }
            _ => {}
        }
    }

    /// New figures have come, while the network is set like this.
    pub fn handle_figures(&mut self, figures: Figures, conditions: &EmulatorSettings) {
        self.record.update(&figures.snapshot, conditions);
        self.message_log.update(&figures.snapshot);
        let Snapshot { frames_complete, playing_s, .. } = figures.snapshot;
        if frames_complete != self.last_complete_frame.0 || playing_s < self.last_complete_frame.1 {
            self.last_complete_frame = (frames_complete, playing_s);
        }
        self.figures = figures;
    }

    /// The newest figures.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Packets arrive, and for a while no picture of theirs has been whole.
    pub fn has_no_complete_frames(&self) -> bool {
        let Snapshot { playing_s, wire_bits_per_second, .. } = self.figures.snapshot;
        playing_s - self.last_complete_frame.1 >= NO_FRAME_TIMEOUT_S && wire_bits_per_second > 0.0
    }

    /// How they came about.
    pub fn record(&self) -> &SessionHistory {
        &self.record
    }

    /// What was said.
    pub fn message_log(&self) -> &MessageLog {
        &self.message_log
    }

    /// The user does not want to see what was said any more.
    pub fn clear_message_log(&mut self) {
        self.message_log.clear();
    }

    /// Whether there is a session to tell of.
    pub fn has_played(&self) -> bool {
        self.record.snapshot().playing_s > 0.0
    }

    /// Everything about the session.
    pub fn report(&self, playback: &Playback, playout_delay_ms: u32) -> SessionReport {
        let (url, dialect, placement) = match playback.source() {
            Some(Source::Stream(url, _)) => {
                (Some(url.to_string()), url.dialect(), EmulatorPlacement::AtClient)
            }
            Some(Source::Local(_)) | None => (None, Dialect::Standard, EmulatorPlacement::AtServer),
        };
        self.record.report(ReportSubject {
            name: playback.name().unwrap_or_default(),
            url,
            server: self.server.clone(),
            dialect: dialect.as_str(),
            transport: self.transport.map(LowerTransport::name),
            playout_delay_ms: u64::from(playout_delay_ms),
            network_place: placement.to_string(),
        })
    }
}
