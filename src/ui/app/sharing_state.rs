//! State of the server for other players, as the window shows it.

use crate::backend::Sharing;
use crate::ui::widget::copied::Copied;

/// State of the server for other players.
#[derive(Debug, Default)]
pub struct SharingState {
    /// State that the backend has reported last.
    pub state: Sharing,
    /// Generation of the media whose serving was requested last; `None` if none is wanted.
    pub generation: Option<u64>,
    /// Copy of the address at which the film is served.
    pub address_copied: Copied,
}

impl SharingState {
    /// Serves nothing, and wants nothing to be served.
    pub fn end(&mut self) {
        (self.state, self.generation) = (Sharing::Off, None);
    }
}
