//! Events of the backend and of the session.

use std::time::Instant;

use super::notice::Notice;
use super::source::Source;
use super::state::{Opening, Playback};
use crate::backend::{BackendEvent, BackendEventKind};
use crate::media_file::{IndexProgress, MediaInfo};
use crate::session::{Goal, Presentation, RtspState, SessionError, SessionEvent, SessionStatus};

impl Playback {
    /// Handles an event. Those of an older generation are ignored.
    pub fn handle_event(&mut self, event: BackendEvent) {
        let BackendEvent { generation, kind } = event;
        let is_opening = self.opening.as_ref().is_some_and(|opening| opening.generation == generation);
        match kind {
            BackendEventKind::Opened(info) if is_opening => self.handle_opened(info),
            BackendEventKind::OpenFailed(message) if is_opening => {
                self.opening = None;
                self.notice = Some(Notice::Error(message));
            }
            _ if generation != self.generation => {}
            BackendEventKind::IndexProgress(progress) => self.handle_index_progress(progress),
            BackendEventKind::ReadFailed(message) => self.notice = Some(Notice::Error(message)),
            BackendEventKind::Session(event) => self.handle_session_event(event),
            // Recordings, snapshots, thumbnails and the list are those of `App`.
            BackendEventKind::Opened(_)
            | BackendEventKind::ListFound(_)
            | BackendEventKind::OpenFailed(_)
            | BackendEventKind::Recording(_)
            | BackendEventKind::Sharing(_)
            | BackendEventKind::SnapshotSaved(_)
            | BackendEventKind::ThumbnailReady(_) => {}
        }
    }

    fn handle_opened(&mut self, info: MediaInfo) {
        let Some(Opening { generation, source, goal, resume, notice, .. }) = self.opening.take() else {
            return;
        };
        self.switch_to(generation, source, goal);
        self.resume = resume;
        self.notice = notice
            .or_else(|| info.warning().map(Notice::Warning))
            .or_else(|| info.other_streams_note().map(Notice::Info));
        self.media_info = Some(info);
    }

    fn handle_index_progress(&mut self, progress: IndexProgress) {
        if let Some(info) = &mut self.media_info {
            info.progress = progress;
            // A notice that is already shown is more important.
            self.notice = self.notice.take().or_else(|| info.warning().map(Notice::Warning));
        }
        self.resume();
    }

    fn handle_session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Status(status) => self.handle_status(status),
            // Logged by `SessionRecord`, and the port spelling stored in the settings by `App`.
            SessionEvent::Message(_) | SessionEvent::PeerMistake(_) | SessionEvent::PortSpelling(_) => {}
            SessionEvent::Described(presentation) => self.handle_described(presentation),
            SessionEvent::SetUp(_) => {
                self.was_set_up = true;
                self.previous_file = None;
                self.reconnect = None;
            }
            SessionEvent::SpeedSet(response) => self.handle_speed(response),
            SessionEvent::Started(_) => {
                self.pending_seek = None;
                self.has_ended = false;
            }
            SessionEvent::Waiting(is_waiting) => self.handle_waiting(is_waiting),
            SessionEvent::EndReached(end) => self.line_position = Some(end),
            SessionEvent::Ended => self.handle_ended(),
            SessionEvent::Failed(SessionError::Unauthorized { was_refused }) => {
                self.request_sign_in(was_refused)
            }
            SessionEvent::Failed(SessionError::UntrustedCertificate(certificate)) => {
                self.request_trust(*certificate)
            }
            SessionEvent::Failed(error) => self.handle_failed(&error),
            SessionEvent::Reconnecting(reason) => self.handle_reconnecting(reason),
            SessionEvent::Closed => {
                self.waiting_since = None;
                self.reconnect = None;
                self.pending_seek = None;
                self.has_ended = false;
            }
        }
    }

    fn handle_status(&mut self, status: SessionStatus) {
        // The status of an older goal must not replace a newer one.
        if status.goal_revision == self.goal_revision {
            self.goal = status.goal;
        }
        self.status = status;
        if self.status.state != RtspState::Init {
            self.reconnect = None;
        }
        self.resume();
    }

    /// Stores the response to DESCRIBE. Streams that are not played are announced once, and only if there is no other
    /// notice; a stream is described again with each reconnect.
    fn handle_described(&mut self, presentation: Presentation) {
        let is_known =
            self.presentation.as_ref().is_some_and(|known| known.other_streams == presentation.other_streams);
        if !is_known && self.notice.is_none() {
            self.notice = presentation.other_streams_note().map(Notice::Info);
        }
        self.presentation = Some(presentation);
    }

    fn handle_waiting(&mut self, is_waiting: bool) {
        self.waiting_since = is_waiting.then(Instant::now);
        if !is_waiting && matches!(self.notice, Some(Notice::NoData(_))) {
            self.notice = None;
        }
    }

    fn handle_ended(&mut self) {
        self.waiting_since = None;
        self.has_ended = true;
        // Both were visible during playback; at the end they would hide the banner with Summary.
        let is_old = |notice: &Notice| matches!(notice, Notice::Info(_) | Notice::Warning(_));
        self.notice = self.notice.take().filter(|notice| !is_old(notice));
    }

    fn handle_failed(&mut self, error: &SessionError) {
        let message = self.error_message(error);
        self.notice =
            Some(if error.is_transient() { Notice::NoData(message) } else { Notice::Error(message) });
        self.restore_previous_file();
    }

    /// Formats an error. A local file is served by this program, so the message names the file and not the server's
    /// status: the embedded server responds with 404, 415 or 500 if the file was removed or changed.
    fn error_message(&self, error: &SessionError) -> String {
        match (error, &self.source) {
            (SessionError::Refused { status, .. }, Some(source @ Source::Local(_)))
                if [404, 415, 500].contains(&status.code()) =>
            {
                format!("{} was moved, deleted or changed; open it again.", source.name())
            }
            _ => error.to_string(),
        }
    }

    /// Returns the host while a remote server is being connected to for the first time, when there is no picture yet.
    pub fn connecting_host(&self) -> Option<&str> {
        let is_connecting = self.goal != Goal::Stopped && self.is_busy();
        let is_first = !self.was_set_up && self.status.state == RtspState::Init;
        self.host().filter(|_| is_connecting && is_first)
    }
}
