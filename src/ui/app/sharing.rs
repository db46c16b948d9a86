//! Serving of the open film to other players.

use iced::{Task, clipboard};

use super::message::Message;
use super::playback::Source;
use super::sharing_bar::Action;
use super::state::App;
use crate::backend::{Command, Sharing};

impl App {
    /// Serves the film of this generation to other players; one that is being opened, once it is open.
    pub(super) fn share(&mut self, generation: u64) {
        self.sharing.generation = Some(generation);
        self.backend.send(Command::Share { generation });
    }

    /// Returns true if the open film is served.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.sharing.state, Sharing::At { .. })
    }

    /// Returns true if the newest media, open or being opened, are served or will be.
    pub(super) fn is_newest_shared(&self) -> bool {
        let newest = self.playback.opening_generation().unwrap_or(self.playback.generation());
        self.sharing.generation == Some(newest)
    }

    /// Requests to serve the media that are being opened, if `is_shared` is true.
    pub(super) fn share_opening(&mut self, is_shared: bool) {
        if let Some(generation) = self.playback.opening_generation().filter(|_| is_shared) {
            self.share(generation);
        }
    }

    /// Returns true if the open media can be served: a film on this machine, and not a stream.
    pub(super) fn can_share(&self) -> bool {
        matches!(self.playback.source(), Some(Source::Local(_)))
    }

    /// Serves the open film to other players, or no longer.
    pub(super) fn toggle_sharing(&mut self) {
        if self.is_shared() {
            self.stop_sharing();
        } else if self.can_share() {
            self.share(self.playback.generation());
        }
    }

    pub(super) fn handle_sharing(&mut self, sharing: Sharing) {
        match sharing {
            Sharing::Failed(sentence) => {
                self.sharing.end();
                self.playback.show_error(sentence);
            }
            // Sent before the server was stopped.
            Sharing::At { .. } if self.sharing.generation.is_none() => {}
            sharing => self.sharing.state = sharing,
        }
    }

    pub(super) fn handle_sharing_action(&mut self, action: Action) -> Task<Message> {
        match (action, &self.sharing.state) {
            (Action::Copy, Sharing::At { url, .. }) => {
                self.sharing.address_copied.record(self.now);
                return clipboard::write(url.clone());
            }
            (Action::Copy, _) => {}
            (Action::Stop, _) => self.stop_sharing(),
        }
        Task::none()
    }

    /// Ends the serving of the film before, unless that of the current one was requested.
    pub(super) fn end_sharing(&mut self) {
        if self.sharing.generation == Some(self.playback.generation()) {
            return;
        }
        // A notice would hide that the window connects.
        let has_space = self.playback.notice().is_none() && self.playback.connecting_host().is_none();
        if self.is_shared() && has_space {
            self.playback.show_info("Serving to other players has ended, because the film was closed.");
        }
        self.sharing.state = Sharing::Off;
    }

    fn stop_sharing(&mut self) {
        self.sharing.end();
        self.backend.send(Command::StopSharing);
    }
}
