//! Speed of PLAY: the Scale header (RFC 2326 §12.34), and servers that refuse or ignore it. Sans-I/O.
//!
//! Scale changes the media time per second of the RTP clock, which follows the wall clock at every speed: jitter, delay
//! and rates need no correction. Speed (§12.35) would let the RTP clock run faster.

use std::time::Instant;

use super::{RtspAction, RtspMachine, Stage};
use crate::proto::rtsp::{Factor, NptRange, StatusCode};
use crate::session::machine::Machine as _;
use crate::session::playback_speed::SpeedRefusal;

impl RtspMachine {
    /// Plays at another speed, now and in later sessions. Has no effect on live streams and on servers that have
    /// refused.
    pub fn set_speed(&mut self, now: Instant, speed: Factor) {
        self.speed.set_wanted(speed);
        self.advance(now);
    }

    fn has_speeds(&self) -> bool {
        match &self.stage {
            Stage::Ready(established) | Stage::Playing(established) => !established.presentation.is_live(),
            _ => false,
        }
    }

    /// Returns true if PLAY has to be sent again, because the stream plays at another speed than it should.
    pub(super) fn must_change_speed(&self) -> bool {
        self.has_speeds() && self.speed.needs_play()
    }

    /// Returns the Scale of the next PLAY; `None` if it has no such header.
    pub(super) fn next_scale(&self) -> Option<Factor> {
        self.speed.next_scale().filter(|_| self.has_speeds())
    }

    /// Handles the refusal of a PLAY with a Scale header: the same PLAY follows without it.
    pub(super) fn handle_scale_refused(
        &mut self,
        requested: Factor,
        range: Option<NptRange>,
        status: StatusCode,
    ) {
        self.seek = self.seek.or(range.and_then(|range| range.start));
        let response = self.speed.handle_refusal(requested, SpeedRefusal::Refused(status));
        self.core.push(RtspAction::SpeedSet(response));
    }

    /// Handles the Scale of a successful response to a PLAY that has requested one.
    pub(super) fn handle_scale(&mut self, requested: Factor, played: Option<Factor>) {
        let response = self.speed.handle_scale(requested, played);
        self.core.push(RtspAction::SpeedSet(response));
    }
}
