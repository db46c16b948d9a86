//! Speed that the user wants, and what the server has made of it. Sans-I/O.

use crate::proto::rtsp::Factor;
use crate::session::playback_speed::{SpeedRefusal, SpeedResponse};

/// Speed that the user wants, and what the server has made of it.
#[derive(Debug, Default)]
pub struct SpeedControl {
    wanted: Factor,
    /// Speed that the last successful PLAY of this session has requested.
    requested: Factor,
    /// True once a PLAY of this session had a Scale header. From then on every one has it: without one, a server may keep
    /// the last speed.
    has_used_scale: bool,
    /// True if the server plays at its own speed only.
    is_refused: bool,
}

impl SpeedControl {
    /// Sets the speed that the user wants.
    pub fn set_wanted(&mut self, speed: Factor) {
        self.wanted = speed;
    }

    /// Forgets the server, for a new session with it or with another one.
    pub fn start_session(&mut self) {
        *self = Self { wanted: self.wanted, ..Self::default() };
    }

    /// Leaves the stream at the speed at which it plays, because a request was refused. The next PLAY has the wanted one.
    pub fn give_up(&mut self) {
        self.requested = self.wanted;
    }

    /// Returns whether the stream plays at another speed than it should.
    pub fn needs_play(&self) -> bool {
        !self.is_refused && self.wanted != self.requested
    }

    /// Returns the Scale of the next PLAY; `None` if it has no such header.
    pub fn next_scale(&self) -> Option<Factor> {
        let is_needed = self.wanted != Factor::ONE || self.has_used_scale;
        (is_needed && !self.is_refused).then_some(self.wanted)
    }

    /// Handles the refusal of a PLAY with this Scale.
    pub fn handle_refusal(&mut self, requested: Factor, refusal: SpeedRefusal) -> SpeedResponse {
        self.is_refused = true;
        SpeedResponse { requested, played: Factor::ONE, refusal: Some(refusal) }
    }

    /// Handles the Scale of a successful response to a PLAY that has requested one.
    pub fn handle_scale(&mut self, requested: Factor, played: Option<Factor>) -> SpeedResponse {
        let played = played.unwrap_or_default();
        (self.requested, self.has_used_scale) = (requested, true);
        self.is_refused = requested != Factor::ONE && played == Factor::ONE;
        let refusal = self.is_refused.then_some(SpeedRefusal::Ignored);
        SpeedResponse { requested, played, refusal }
    }
}
