//! Speed that the user wants, and the speed that the server accepted. Sans-I/O.

use crate::proto::rtsp::Factor;
use crate::session::playback_speed::{SpeedRefusal, SpeedResponse};

/// Speed that the user wants, and the speed that the server accepted.
#[derive(Debug, Default)]
pub struct SpeedControl {
    wanted: Factor,
    /// Speed that the last successful PLAY of this session has requested.
    requested: Factor,
    /// True once a PLAY of this session had a Scale header. From then on every one has it: without one, a server may
    /// keep the last speed.
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

    /// Leaves the stream at the speed at which it plays, because a request was refused. The next PLAY has the wanted
    /// one.
    pub fn give_up(&mut self) {
        self.requested = self.wanted;
    }

    /// Returns true if the stream plays at another speed than it should.
    pub fn needs_play(&self) -> bool {
        !self.is_refused && self.wanted != self.requested
    }

    /// Returns the Scale of the next PLAY; `None` if it has no such header.
    pub fn next_scale(&self) -> Option<Factor> {
        let is_needed = self.wanted != Factor::ONE || self.has_used_scale;
        (is_needed && !self.is_refused).then_some(self.wanted)
    }

    /// Handles the refusal of a PLAY with this Scale. If the server has played at another speed before, that is wanted
    /// again.
    pub fn handle_refusal(&mut self, requested: Factor, refusal: SpeedRefusal) -> SpeedResponse {
        if self.has_used_scale && requested != self.requested {
            self.wanted = self.requested;
            return SpeedResponse { requested, played: self.requested, refusal: None };
        }
        self.is_refused = true;
        SpeedResponse { requested, played: Factor::ONE, refusal: Some(refusal) }
    }

    /// Handles the Scale of a successful response to a PLAY that has requested one.
    pub fn handle_scale(&mut self, requested: Factor, played: Option<Factor>) -> SpeedResponse {
        let played = played.unwrap_or_default();
        let is_ignored = requested != Factor::ONE && played == Factor::ONE;
        // A server that has played at another speed does not ignore the header.
        self.is_refused = is_ignored && !self.has_used_scale;
        (self.requested, self.has_used_scale) = (requested, true);
        let refusal = self.is_refused.then_some(SpeedRefusal::Ignored);
        SpeedResponse { requested, played, refusal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::StatusCode;

    const TWO: Factor = Factor::from_thousandths(2_000);
    const FOUR: Factor = Factor::from_thousandths(4_000);

    #[test]
    fn refused_speed_leaves_one_that_was_accepted() {
        let mut control = SpeedControl::default();
        control.set_wanted(TWO);
        assert_eq!(control.handle_scale(TWO, Some(TWO)).refusal, None);
        control.set_wanted(FOUR);
        assert_eq!(control.next_scale(), Some(FOUR));
        let refusal = SpeedRefusal::Refused(StatusCode::NOT_IMPLEMENTED);
        let response = control.handle_refusal(FOUR, refusal);
        assert_eq!(response, SpeedResponse { requested: FOUR, played: TWO, refusal: None });
        assert_eq!(control.next_scale(), Some(TWO), "the PLAY is repeated at the speed before");
        let response = control.handle_refusal(TWO, refusal);
        assert_eq!((response.refusal, control.next_scale()), (Some(refusal), None));
    }

    #[test]
    fn answer_of_one_disables_the_speed_only_if_none_was_accepted() {
        let mut control = SpeedControl::default();
        control.set_wanted(TWO);
        assert_eq!(control.handle_scale(TWO, None).refusal, Some(SpeedRefusal::Ignored));
        let mut control = SpeedControl::default();
        control.handle_scale(TWO, Some(TWO));
        let response = control.handle_scale(FOUR, Some(Factor::ONE));
        assert_eq!((response.played, response.refusal), (Factor::ONE, None));
    }
}
