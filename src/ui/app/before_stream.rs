//! Play list and figures from before a stream, until it is set up.

use super::play_list::PlayList;
use super::session_record::SessionRecord;

/// What a stream that cannot be set up gives way to, besides its film.
#[derive(Debug)]
pub struct BeforeStream {
    /// Play list with the film; `None` if the stream is an entry of the same list.
    pub play_list: Option<PlayList>,
    /// Figures of the film's session.
    pub record: Box<SessionRecord>,
}
