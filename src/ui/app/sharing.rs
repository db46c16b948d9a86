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
        self.shared_generation = Some(generation);
        self.backend.send(Command::Share { generation });
    }

    /// Returns whether the open film is served.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.sharing, Sharing::At { .. })
    }

    /// Returns whether the open media can be served: a film on this machine, and not a stream.
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
                self.sharing = Sharing::Off;
                self.playback.show_error(sentence);
            }
            sharing => self.sharing = sharing,
        }
    }

    pub(super) fn handle_sharing_action(&mut self, action: Action) -> Task<Message> {
        match (action, &self.sharing) {
            (Action::Copy, Sharing::At { url, .. }) => {
                self.address_copied.record(self.now);
                return clipboard::write(url.clone());
            }
            (Action::Copy, _) => {}
            (Action::Stop, _) => self.stop_sharing(),
        }
        Task::none()
    }

    /// Ends the serving of the film before, unless that of the current one was requested.
    pub(super) fn end_sharing(&mut self) {
        if self.shared_generation == Some(self.playback.generation()) {
            return;
        }
        if self.is_shared() && self.playback.notice().is_none() {
            self.playback
                .show_info("The film that was served to other players is closed, so it is served no longer.");
        }
        self.sharing = Sharing::Off;
    }

    fn stop_sharing(&mut self) {
        (self.sharing, self.shared_generation) = (Sharing::Off, None);
        self.backend.send(Command::StopSharing);
    }
}
