//! Films and streams that were opened before, for the start screen.
//!
//! Remembered is what the user chose: a film once it is open, a folder or a list of films without its films, and a
//! stream when it is connected to.

use std::path::PathBuf;
use std::thread;

use iced::Task;
use jiff::{Timestamp, Zoned};
use tokio::sync::oneshot;

use super::message::Message;
use super::playback::Source;
use super::posters::POSTER_SIZE;
use super::recent_list::{self, RecentList};
use super::recent_state::Action;
use super::state::App;
use crate::backend::{MediaSource, Poster, read_poster};
use crate::session::{SessionError, SessionEvent, SourceUrl, StreamOptions};
use crate::settings::{LastAttempt, RecentSource};
use crate::ui::dialog::connect;
use crate::ui::widget::focus;

/// Physical pixels of a poster per logical pixel.
const PIXEL_RATIO: f32 = 2.0;

impl App {
    /// Returns the list for the start screen.
    pub(super) fn recent_list(&self) -> RecentList<'_> {
        RecentList { recents: &self.settings.recents, posters: &self.posters, now: Zoned::now() }
    }

    pub(super) fn handle_recents(&mut self, action: Action) -> Task<Message> {
        match action {
            Action::Open(source) => return self.open_recent(source),
            Action::Focus(index) => return focus::control(recent_list::entry_id(index)),
            Action::Forget(source) => self.settings.forget(&source),
            Action::ForgetFocused(index, source) => {
                self.settings.forget(&source);
                self.recents.is_changed = true;
                let last = self.settings.recents.len().saturating_sub(1);
                return focus::control(recent_list::entry_id(index.min(last)));
            }
            Action::Clear => self.settings.clear_recents(),
        }
        self.recents.is_changed = true;
        Task::none()
    }

    fn open_recent(&mut self, source: RecentSource) -> Task<Message> {
        let stream = match source {
            RecentSource::Film(path) => {
                self.open(MediaSource::File(path), false);
                return Task::none();
            }
            RecentSource::Stream(stream) => stream,
        };
        match stream.url() {
            Some(url) => {
                let options = StreamOptions::for_source(&url);
                self.connect(url, options, false);
                Task::none()
            }
            // A password was left out of the address.
            None => {
                let task = self.show_connect_dialog();
                let chosen = self.handle_connect(connect::Message::Dialect(stream.dialect));
                let typed = connect::Message::Input(connect::Field::Url, stream.address);
                Task::batch([task, chosen, self.handle_connect(typed)])
            }
        }
    }

    /// Remembers the file that has just been opened, if the user chose it.
    pub(super) fn remember_opened(&mut self, generation: u64) {
        let Some(source) = self.playback.opening_source(generation).cloned() else { return };
        let is_chosen = self.recents.take_chosen(|chosen| *chosen == source);
        if let (true, Source::Local(film)) = (is_chosen, source)
            && let MediaSource::File(path) = film.absolute()
        {
            self.posters.forget(&path);
            self.settings.remember_film(path, Timestamp::now());
            self.recents.is_changed = true;
        }
    }

    /// Remembers a stream that is being connected to, if the user chose it.
    pub(super) fn remember_connection(&mut self, url: &SourceUrl) {
        if self.recents.take_chosen(|chosen| matches!(chosen, Source::Stream(chosen, _) if chosen == url)) {
            self.settings.remember_stream(url, Timestamp::now());
            self.recents.is_changed = true;
        }
    }

    /// Remembers whether the current stream can be connected to.
    pub(super) fn remember_attempt(&mut self, event: &SessionEvent) {
        let last_attempt = match event {
            // A session that was set up may fail later.
            SessionEvent::Failed(_) if self.playback.was_set_up() => return,
            SessionEvent::SetUp(_) => LastAttempt::Connected,
            SessionEvent::Failed(
                SessionError::Unreachable { .. }
                | SessionError::TimedOut { .. }
                | SessionError::ConnectionLost { .. },
            ) => LastAttempt::Unreachable,
            // The cause is on this computer.
            SessionEvent::Failed(SessionError::PortsUnavailable { .. } | SessionError::UdpOverTls) => return,
            SessionEvent::Failed(_) => LastAttempt::Failed,
            _ => return,
        };
        if let Some(Source::Stream(url, _)) = self.playback.source() {
            self.recents.is_changed |= self.settings.set_last_attempt(url, last_attempt);
        }
    }

    /// Returns the path of the film that is being opened, if it is among the recents.
    pub(super) fn opening_film(&self, generation: u64) -> Option<PathBuf> {
        let Source::Local(film) = self.playback.opening_source(generation)? else { return None };
        match film.clone().absolute() {
            MediaSource::File(path) => self.settings.is_recent_film(&path).then_some(path),
            MediaSource::Sample => None,
        }
    }

    /// Returns true for a film that is among the recents itself, and not only as one of a folder or a list.
    pub(super) fn is_recent(&self, source: &Source) -> bool {
        matches!(source, Source::Local(MediaSource::File(path)) if self.settings.is_recent_film(path))
    }

    /// Adds a button to the error that is shown, which removes a film from the recents.
    pub(super) fn offer_to_forget(&mut self, film: PathBuf) {
        self.playback.mark_as_recent(film);
    }

    /// Removes the film that could not be opened from the recents.
    pub(super) fn forget_failed_film(&mut self) {
        let film = self.playback.notice().and_then(|notice| notice.failed_recent()).map(PathBuf::from);
        if let Some(film) = film {
            self.settings.forget(&RecentSource::Film(film));
            self.recents.is_changed = true;
            self.playback.dismiss_notice();
        }
    }

    /// Starts to read the next poster that the start screen needs, if there is one.
    pub(super) fn read_next_poster(&mut self) -> Option<Task<Message>> {
        if !self.playback.is_empty() {
            return None;
        }
        let film = self.posters.next(&self.settings.recents)?;
        let max_size = ((POSTER_SIZE.0 * PIXEL_RATIO) as u32, (POSTER_SIZE.1 * PIXEL_RATIO) as u32);
        Some(Task::future(async move {
            let path = film.clone();
            let (sender, poster) = oneshot::channel();
            // The end of the program would wait for a blocking task of the runtime, also on a network that is gone.
            let reading = thread::Builder::new()
                .name("poster".to_owned())
                .spawn(move || sender.send(read_poster(&path, max_size)).is_ok());
            let poster = if reading.is_ok() { poster.await.unwrap_or_default() } else { None };
            Message::PosterRead(film, poster)
        }))
    }

    pub(super) fn handle_poster(&mut self, film: PathBuf, poster: Option<Poster>) {
        self.posters.add(film, poster);
    }
}
