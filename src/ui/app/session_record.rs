//! Record of the session: statistics, their history, and the log of messages.

use std::time::{Duration, Instant, SystemTime};

use super::playback::{Playback, Source};
use crate::impairment::EmulatorSettings;
use crate::proto::rtsp::LowerTransport;
use crate::session::{Dialect, EmulatorPlacement, MessageLog, RtspState, SessionEvent};
use crate::stats::{Figures, ReportSubject, SessionHistory, SessionReport, Snapshot};

/// Record of the session. Statistics belong to one session; the message log continues when other media are opened.
#[derive(Debug)]
pub struct SessionRecord {
    figures: Figures,
    /// Number of complete frames so far, and the time of the last one in seconds of playback.
    last_complete_frame: (u64, f64),
    history: SessionHistory,
    message_log: MessageLog,
    server: Option<String>,
    transport: Option<LowerTransport>,
    /// Repair of lost packets that the server offers, in words.
    repair: Vec<&'static str>,
    /// The figures are those of the former session of the film, until it plays again.
    is_kept: bool,
}

/// Time without a complete frame after which the banner reports it, in seconds of playback.
const NO_FRAME_TIMEOUT_S: f64 = 1.5;

/// The same over HTTP, where a slow connection only delays a large frame, in seconds of playback.
const NO_FRAME_TIMEOUT_OVER_HTTP_S: f64 = 10.0;

impl Default for SessionRecord {
    fn default() -> Self {
        Self {
            figures: Figures::default(),
            last_complete_frame: (0, 0.0),
            history: SessionHistory::new(SystemTime::now()),
            message_log: MessageLog::default(),
            server: None,
            transport: None,
            repair: Vec::new(),
            is_kept: false,
        }
    }
}

impl SessionRecord {
    /// Clears everything but the message log, for other media. The figures of their session do not belong to a period
    /// before it.
    pub fn reset(&mut self) {
        self.message_log.start_media(Instant::now());
        self.take();
    }

    /// Returns the figures and resets them; the message log stays.
    pub fn take(&mut self) -> Self {
        let message_log = std::mem::take(&mut self.message_log);
        std::mem::replace(self, Self { message_log, ..Self::default() })
    }

    /// Brings back what [`Self::take`] returned, for a film that is open again. It is kept until the film plays.
    pub fn restore(&mut self, former: Self) {
        let message_log = std::mem::take(&mut self.message_log);
        *self = Self { message_log, is_kept: true, ..former };
    }

    /// Keeps everything of the session that is left, whose TEARDOWN follows.
    pub fn close(&mut self) {
        self.message_log.start_media(Instant::now());
    }

    /// Adds a sentence about the film or the stream to the messages, if there is one.
    pub fn log_note(&mut self, note: Option<String>) {
        if let Some(note) = note {
            self.message_log.log_note(Instant::now(), note);
        }
    }

    /// Handles an event of the session.
    pub fn handle_event(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Message(message) => self.message_log.log_message(message.clone()),
            SessionEvent::PeerMistake(mistake) => self.message_log.log_mistake(mistake.clone()),
            SessionEvent::Described(presentation) => {
                self.server.clone_from(&presentation.server);
                self.repair = presentation.repair();
                self.log_note(presentation.other_streams_note());
            }
            SessionEvent::SetUp(lower) => {
                self.transport = Some(*lower);
                if !self.is_kept {
                    self.history = SessionHistory::new(SystemTime::now());
                }
                self.message_log.start_session();
            }
            SessionEvent::Status(status) if status.state == RtspState::Ready => {
                self.message_log.end_frames(Instant::now())
            }
            SessionEvent::Failed(error) => self.message_log.log_failure(Instant::now(), error.to_string()),
            SessionEvent::Ended => self.message_log.end_stream(Instant::now()),
            SessionEvent::Closed => self.message_log.end_media(Instant::now()),
            SessionEvent::Reconnecting(reason) => {
                self.message_log.end_media(Instant::now());
                self.message_log.log_failure(Instant::now(), reason.to_string());
            }
            _ => {}
        }
    }

    /// Handles an event of the former session, of which only the messages are shown.
    pub fn handle_former_event(&mut self, event: &SessionEvent) {
        if let SessionEvent::Message(message) = event {
            self.message_log.log_former_message(message.clone());
        }
    }

    /// Stores new statistics, with the emulator settings under which they were measured.
    pub fn handle_figures(&mut self, figures: Figures, settings: &EmulatorSettings) {
        if self.is_kept {
            if figures.snapshot.playing_s <= 0.0 {
                return;
            }
            (self.is_kept, self.history) = (false, SessionHistory::new(SystemTime::now()));
        }
        self.history.update(&figures.snapshot, settings);
        self.message_log.update(&figures.snapshot);
        let Snapshot { frames_complete, playing_s, .. } = figures.snapshot;
        if frames_complete != self.last_complete_frame.0 || playing_s < self.last_complete_frame.1 {
            self.last_complete_frame = (frames_complete, playing_s);
        }
        self.figures = figures;
    }

    /// Returns the newest statistics.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Returns true if data arrives but no frame has been complete for 1.5 seconds, or 10 seconds over HTTP.
    pub fn has_no_complete_frames(&self) -> bool {
        let Snapshot { playing_s, wire_bits_per_second, lacks_packets, .. } = self.figures.snapshot;
        let timeout = if lacks_packets { NO_FRAME_TIMEOUT_OVER_HTTP_S } else { NO_FRAME_TIMEOUT_S };
        playing_s - self.last_complete_frame.1 >= timeout && wire_bits_per_second > 0.0
    }

    /// Returns the history of the statistics, second by second.
    pub fn history(&self) -> &SessionHistory {
        &self.history
    }

    /// Returns the log of RTSP messages.
    pub fn message_log(&self) -> &MessageLog {
        &self.message_log
    }

    /// Clears the log of RTSP messages.
    pub fn clear_message_log(&mut self) {
        self.message_log.clear();
    }

    /// Returns true if the session has played, so that a summary can be shown.
    pub fn has_played(&self) -> bool {
        self.history.snapshot().playing_s > 0.0
    }

    /// Returns the report of the session; `playout_delay` is that at its start.
    pub fn report(&self, playback: &Playback, playout_delay: Duration) -> SessionReport {
        let (url, dialect, placement) = match playback.source() {
            Some(Source::Stream(url, _)) => {
                (Some(url.to_string()), url.dialect(), EmulatorPlacement::AtClient)
            }
            Some(Source::Local(_)) | None => (None, Dialect::Standard, EmulatorPlacement::AtServer),
        };
        self.history.report(ReportSubject {
            name: playback.name().unwrap_or_default(),
            url,
            server: self.server.clone(),
            dialect: dialect.as_str(),
            transport: self.transport.map(LowerTransport::name),
            repair: self.repair.clone(),
            playout_delay_ms: u64::try_from(playout_delay.as_millis()).unwrap_or(u64::MAX),
            network_place: placement.to_string(),
        })
    }
}
