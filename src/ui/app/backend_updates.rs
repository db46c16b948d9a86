//! Updates from the backend: events, statistics and pictures.

use std::cmp::Ordering;
use std::sync::Arc;

use iced::Task;

use super::backend_subscription::{BackendSubscription, BackendUpdate};
use super::message::Message;
use super::state::App;
use crate::backend::{BackendEvent, BackendEventKind};
use crate::session::{NoDataCause, Picture, PortSpelling, RtspState, SessionError, SessionEvent};
use crate::ui::widget::video::PictureHandle;

impl App {
    pub(super) fn handle_backend_update(&mut self, update: BackendUpdate) -> Task<Message> {
        match update {
            BackendUpdate::Event(event) => return self.handle_backend_event(event),
            BackendUpdate::Figures(figures) => {
                self.session_record.handle_figures(*figures, self.network.settings());
                self.count_recorded_losses();
                self.statistics.refresh();
                return self.remember_frame_regularly();
            }
            BackendUpdate::PictureReady => {
                let slot = self.backend_subscription.as_ref().map(BackendSubscription::pictures);
                if let Some(picture) = slot.and_then(|slot| slot.latest()) {
                    self.show_picture(picture);
                }
            }
        }
        Task::none()
    }

    fn handle_backend_event(&mut self, mut event: BackendEvent) -> Task<Message> {
        self.mark_emulated_loss(&mut event.kind);
        let previous_generation = self.playback.generation();
        if let BackendEventKind::Session(session_event) = &event.kind {
            self.record_session_event(event.generation, session_event);
            if let (SessionEvent::PortSpelling(spelling), true) =
                (session_event, event.generation == previous_generation)
            {
                return self.remember_port_spelling(*spelling);
            }
        }
        let generation = event.generation;
        let is_return =
            self.playback.returning_to().is_some() && self.playback.opening_generation() == Some(generation);
        let film_note = match &event.kind {
            BackendEventKind::Opened(info) => info.other_streams_note(),
            _ => None,
        };
        let saving = match event.kind {
            // A recording may end after other media were opened.
            BackendEventKind::Recording(update) => {
                self.handle_recording_update(update);
                return Task::none();
            }
            BackendEventKind::SnapshotSaved(saved) => {
                self.handle_snapshot_saved(saved);
                return Task::none();
            }
            BackendEventKind::ThumbnailReady(thumbnail) => {
                self.handle_thumbnail(generation, &thumbnail);
                return Task::none();
            }
            BackendEventKind::ListFound(list) => {
                self.remember_opened(generation);
                self.handle_list_found(generation, list);
                return Task::none();
            }
            BackendEventKind::OpenFailed(_) => {
                self.handle_open_failed(event);
                Task::none()
            }
            BackendEventKind::Sharing(sharing) if generation == previous_generation => {
                self.handle_sharing(sharing);
                return Task::none();
            }
            BackendEventKind::Opened(_) => {
                self.remember_opened(generation);
                self.handle_playback_event(event)
            }
            _ => self.handle_playback_event(event),
        };
        if self.playback.generation() != previous_generation {
            self.replace_media(is_return);
        }
        self.session_record.log_note(film_note.filter(|_| self.playback.generation() == generation));
        self.show_trust();
        Task::batch([saving, self.show_sign_in()])
    }

    /// Clears what belonged to the media before. `is_return` is true if the film from before a stream is open again,
    /// whose figures return.
    fn replace_media(&mut self, is_return: bool) {
        self.session_record.reset();
        let before = self.before_stream.take();
        if let Some(record) = before.filter(|_| is_return).and_then(|before| before.record) {
            self.session_record.restore(*record);
        }
        self.replaced_list = None;
        self.forget_previous_media();
    }

    /// Records an event of the current session, or a message of one that is being torn down.
    fn record_session_event(&mut self, generation: u64, event: &SessionEvent) {
        match generation.cmp(&self.playback.generation()) {
            Ordering::Less => self.session_record.handle_former_event(event),
            Ordering::Equal => {
                self.session_record.handle_event(event);
                self.remember_attempt(event);
                match event {
                    SessionEvent::SetUp(_) => self.before_stream = None,
                    SessionEvent::Ended => self.recording.has_film_ended = true,
                    _ => {}
                }
            }
            Ordering::Greater => {}
        }
    }

    /// Shows why a file could not be opened, and opens the next one of the list.
    fn handle_open_failed(&mut self, event: BackendEvent) {
        let generation = event.generation;
        if self.playback.opening_generation() == Some(generation) {
            // The film from before a stream cannot be opened either.
            self.before_stream = None;
        }
        let goal = self.playback.opening_goal(generation);
        let film = self.opening_film(event.generation);
        self.playback.handle_event(event);
        if goal.is_some() {
            self.play_list.mark_failed();
        }
        if let (Some(goal), Some(notice)) = (goal, self.playback.notice()) {
            let error = notice.text().to_owned();
            self.skip_failed(goal, error, self.sharing.generation == Some(generation));
        }
        if goal.is_none() || self.playback.is_opening() {
            return;
        }
        self.stay_with_open_media();
        if let Some(film) = film {
            self.offer_to_forget(film);
        }
    }

    /// Brings back the list of the open media, because what was to replace them cannot be opened.
    fn stay_with_open_media(&mut self) {
        let replaced_list = self.replaced_list.take();
        let Some(source) = self.playback.source() else { return };
        if let Some(list) = replaced_list {
            self.play_list = list;
        }
        self.play_list.return_to(source);
        if self.is_shared() {
            self.sharing.generation = Some(self.playback.generation());
        }
    }

    fn handle_playback_event(&mut self, event: BackendEvent) -> Task<Message> {
        let is_current = event.generation == self.playback.generation();
        let (has_ended, has_failed) = match &event.kind {
            BackendEventKind::Session(SessionEvent::Ended) => (is_current, false),
            // A dialog asks for a password, or whether a certificate is trusted, before the stream is given up.
            BackendEventKind::Session(SessionEvent::Failed(
                SessionError::Unauthorized { .. } | SessionError::UntrustedCertificate(_),
            )) => (false, false),
            BackendEventKind::Session(SessionEvent::Failed(error)) => {
                (false, is_current && !error.is_transient())
            }
            _ => (false, false),
        };
        // A file that was opened replaces the current one.
        let mut saving = match &event.kind {
            BackendEventKind::Opened(_) => self.remember_frame(),
            _ => Task::none(),
        };
        let was_playing = is_current && self.playback.state() == RtspState::Playing;
        self.playback.handle_event(event);
        if has_ended || was_playing && self.playback.state() == RtspState::Ready {
            saving = self.remember_frame();
        }
        if has_ended {
            self.handle_end();
        }
        if has_failed {
            self.play_list.mark_failed();
            self.leave_failed_stream();
        }
        saving
    }

    /// Remembers the spelling of the RTP port that the classroom server of the current stream reads.
    fn remember_port_spelling(&mut self, spelling: PortSpelling) -> Task<Message> {
        let Some(address) = self.playback.host_and_port() else { return Task::none() };
        self.settings.remember_port_spelling(&address, spelling);
        self.save_settings()
    }

    /// Marks missing data as emulated loss if emulation is on and the media is a local file. The session of a file does
    /// not know that the embedded server emulates loss; the session of a remote stream emulates it itself and knows.
    fn mark_emulated_loss(&self, event: &mut BackendEventKind) {
        let is_emulated = self.playback.host().is_none() && self.network.settings().is_on;
        if let BackendEventKind::Session(SessionEvent::Failed(SessionError::NoData(cause))) = event
            && is_emulated
        {
            *cause = NoDataCause::EmulatedNetwork;
        }
    }

    /// Shows a picture, unless it belongs to an older generation.
    pub fn show_picture(&mut self, picture: Arc<Picture>) {
        if picture.generation >= self.playback.generation() {
            self.playback.set_picture_position(picture.position);
            self.picture = Some(PictureHandle::new(picture));
        }
    }
}
