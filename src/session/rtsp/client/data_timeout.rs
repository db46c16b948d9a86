//! Consequences of data that does not come, or of frames that cannot be used.

use std::time::{Duration, Instant};

use super::Player;
use crate::proto::rtsp::Lower;
use crate::session::data_timeout::at_least_frames;
use crate::session::error::Failure;
use crate::session::events::Event;
use crate::session::options::SILENCE;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol as _;
use crate::session::rtp::receiver::Receiver;
use crate::session::rtsp::play_range::Ending;

/// A packet that left the emulated network and has not arrived after this is lost.
const QUIET: Duration = Duration::from_millis(250);

/// Without a single datagram for this long, UDP does not get through.
const NO_DATAGRAMS: Duration = Duration::from_secs(3);

/// No packet for this long is an error.
const LONG_SILENCE: Duration = Duration::from_secs(5);

impl Player {
    /// Tells whether nothing is on its way any more that is not in the emulated network.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        let last = self.pipeline.last_data();
        last.is_some_and(|last| now.saturating_duration_since(last) >= QUIET)
    }

    /// When missing data is next to be looked at.
    pub(super) fn silence_due(&self) -> Option<Instant> {
        let last = self.pipeline.last_data()?;
        if !self.pipeline.data_timeout.is_waiting() {
            Some(last + self.at_least(SILENCE))
        } else if !self.notified.fall_back && self.receives_no_datagrams() {
            Some(last + self.at_least(NO_DATAGRAMS))
        } else {
            (!self.notified.no_data).then(|| last + self.at_least(LONG_SILENCE))
        }
    }

    fn at_least(&self, timeout: Duration) -> Duration {
        let interval = self.ending.as_ref().and_then(Ending::frame_interval).unwrap_or_default();
        at_least_frames(timeout, interval)
    }

    pub(super) fn look_for_silence(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        let silence = now.saturating_duration_since(last);
        if silence < self.at_least(SILENCE) {
            if self.pipeline.data_timeout.is_waiting() {
                self.notified.no_data = false;
            }
            return self.pipeline.set_waiting(false);
        }
        if self.is_over_by_the_clock(now) {
            return self.end(now);
        }
        if !self.pipeline.data_timeout.is_waiting() {
            self.pipeline.set_waiting(true);
            self.ask_for_the_length(now);
        }
        let is_deaf = silence >= self.at_least(NO_DATAGRAMS) && self.receives_no_datagrams();
        if is_deaf && !std::mem::replace(&mut self.notified.fall_back, true) && self.machine.fall_back(now) {
            // What follows belongs to another session.
            return;
        }
        if silence >= self.at_least(LONG_SILENCE) && !std::mem::replace(&mut self.notified.no_data, true) {
            let by_udp = self.transport.as_ref().is_some_and(|transport| transport.lower == Lower::Udp);
            let is_emulated = self.pipeline.emulator.is_acting();
            self.pipeline.outputs.tell(Event::Failed(Failure::NoData { by_udp, is_emulated }));
        }
    }

    /// The film may have ended, and its length may be known by now.
    fn ask_for_the_length(&mut self, now: Instant) {
        let is_live = self.presentation.as_ref().is_some_and(Presentation::is_live);
        if !is_live && self.ending.as_ref().is_some_and(|ending| !ending.has_end()) {
            self.machine.refresh(now);
        }
    }

    pub(super) fn look_for_flaw(&mut self) {
        let Some(why) = self.pipeline.receiver.as_ref().and_then(Receiver::flaw) else { return };
        if self.is_started() && !std::mem::replace(&mut self.notified.unusable, true) {
            self.pipeline.outputs.tell(Event::Failed(Failure::Unusable { why: why.to_owned() }));
        }
    }

    /// UDP was agreed on, and not one datagram has come. Where a bad network is emulated it is meant to be seen, and
    /// is not evaded.
    fn receives_no_datagrams(&self) -> bool {
        let is_deaf = !self.has_received && !self.pipeline.emulator.is_acting();
        is_deaf && self.transport.as_ref().is_some_and(|transport| transport.lower == Lower::Udp)
    }
}
