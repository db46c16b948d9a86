//! State to restore if a stream cannot be set up.

use super::play_list::PlayList;
use super::session_record::SessionRecord;

/// State from before a stream, until it is set up.
#[derive(Debug)]
pub struct BeforeStream {
    /// Play list with the film; `None` if the stream is an entry of the same list.
    pub play_list: Option<PlayList>,
    /// Figures of the film's session; `None` once they are shown again.
    pub record: Option<Box<SessionRecord>>,
    /// The film was served to other players.
    pub is_shared: bool,
}
