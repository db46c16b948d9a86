//! State of the recents that is not saved, and requests of their list.

use super::playback::Source;
use crate::settings::{MAX_RECENTS, RecentSource};

/// Films and streams that the user chose, until they are open.
#[derive(Debug, Default)]
pub struct RecentState {
    /// Chosen films and streams that have not been opened yet, at most [`MAX_RECENTS`].
    chosen: Vec<Source>,
    /// The recents have changed since the settings were saved.
    pub is_changed: bool,
}

impl RecentState {
    /// Remembers what the user chose, in place of what was chosen before.
    pub fn choose(&mut self, sources: &[Source]) {
        self.chosen = sources.iter().take(MAX_RECENTS).cloned().collect();
    }

    /// Remembers what the user chose in addition.
    pub fn choose_another(&mut self, source: &Source) {
        if self.chosen.len() < MAX_RECENTS {
            self.chosen.push(source.clone());
        }
    }

    /// Returns true if the user has chosen this source, once.
    pub fn take_chosen(&mut self, is_source: impl Fn(&Source) -> bool) -> bool {
        let at = self.chosen.iter().position(is_source);
        at.map(|at| self.chosen.remove(at)).is_some()
    }

    /// Returns true if the recents have changed, once.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }
}

/// Request of the list on the start screen to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open a film, or connect to a stream.
    Open(RecentSource),
    /// Remove it from the list.
    Forget(RecentSource),
    /// Remove the entry with the focus, by its index from 0. The next one receives the focus.
    ForgetFocused(usize, RecentSource),
    /// Move the focus to an entry, by its index from 0.
    Focus(usize),
    /// Remove everything from the list.
    Clear,
}
