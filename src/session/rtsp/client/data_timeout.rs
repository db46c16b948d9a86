//! PURE. What is said when no data comes, or none that can be shown.

use std::time::{Duration, Instant};

use super::Player;
use super::watch::Watch;
use crate::proto::rtsp::Lower;
use crate::session::error::Failure;
use crate::session::events::Event;
use crate::session::options::SILENCE;
use crate::session::presentation::Presentation;
use crate::session::rtp::receiver::Receiver;
use crate::session::rtsp::play_range::Ending;

/// What has left the emulated network, and has not come after this, does not come.
const QUIET: Duration = Duration::from_millis(250);

/// Datagrams that have not come for so long do not come at all.
const NO_DATAGRAMS: Duration = Duration::from_secs(3);

/// No packet for this long is an error.
const LONG_SILENCE: Duration = Duration::from_secs(5);

/// Between the frames of the slowest film that there is.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);

impl Player {
    /// Whether nothing is on its way to us any more that is not under way in the emulated network.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.last_heard().is_some_and(|heard| now.saturating_duration_since(heard) >= QUIET)
    }

    /// When silence is next to be judged.
    pub(super) fn silence_due(&self) -> Option<Instant> {
        let heard = self.last_heard()?;
        match self.watch {
            Watch { is_waiting: false, .. } => Some(heard + self.at_least(SILENCE)),
            Watch { gave_up_datagrams: false, .. } if self.hears_no_datagrams() => {
                Some(heard + self.at_least(NO_DATAGRAMS))
            }
            Watch { has_complained: false, .. } => Some(heard + self.at_least(LONG_SILENCE)),
            _ => None,
        }
    }

    /// So long, or as long as three frames take if that is longer: between frames there is silence.
    fn at_least(&self, silence: Duration) -> Duration {
        let interval = self.ending.as_ref().and_then(Ending::frame_interval).unwrap_or_default();
        silence.max(interval.min(LONGEST_INTERVAL) * 3)
    }

    /// The last packet, or the PLAY before any.
    fn last_heard(&self) -> Option<Instant> {
        let started = self.watch.started?;
        let packet = self.receiver.as_ref().and_then(Receiver::last_packet);
        Some(packet.map_or(started, |packet| packet.max(started)))
    }

    pub(super) fn look_for_silence(&mut self, now: Instant) {
        let Some(heard) = self.last_heard() else { return };
        let silence = now.saturating_duration_since(heard);
        if silence < self.at_least(SILENCE) {
            if std::mem::take(&mut self.watch.is_waiting) {
                self.watch.has_complained = false;
                self.outputs.tell(Event::Waiting(false));
            }
            return;
        }
        if self.is_over_by_the_clock(now) {
            return self.end(now);
        }
        if !std::mem::replace(&mut self.watch.is_waiting, true) {
            self.outputs.tell(Event::Waiting(true));
            // The film may have ended and the word of it be lost.
            let is_live = self.presentation.as_ref().is_some_and(Presentation::is_live);
            if !is_live && self.ending.as_ref().is_some_and(|ending| !ending.has_end()) {
                self.machine.refresh(now);
            }
        }
        let is_deaf = silence >= self.at_least(NO_DATAGRAMS) && self.hears_no_datagrams();
        if is_deaf
            && !std::mem::replace(&mut self.watch.gave_up_datagrams, true)
            && self.machine.fall_back(now)
        {
            // What follows is another session's.
            return;
        }
        if silence >= self.at_least(LONG_SILENCE) && !std::mem::replace(&mut self.watch.has_complained, true)
        {
            let by_udp = self.transport.as_ref().is_some_and(|transport| transport.lower == Lower::Udp);
            let is_emulated = self.way_in.is_acting();
            self.outputs.tell(Event::Failed(Failure::NoData { by_udp, is_emulated }));
        }
    }

    pub(super) fn look_for_flaw(&mut self) {
        let Some(why) = self.receiver.as_ref().and_then(Receiver::flaw) else { return };
        if self.watch.started.is_some() && !std::mem::replace(&mut self.watch.has_told_flaw, true) {
            self.outputs.tell(Event::Failed(Failure::Unusable { why: why.to_owned() }));
        }
    }

    /// Datagrams were agreed on, and not one has come. Where a bad network is emulated it is meant to be seen, and is
    /// not evaded.
    fn hears_no_datagrams(&self) -> bool {
        let is_deaf = !self.has_heard && !self.way_in.is_acting();
        is_deaf && self.transport.as_ref().is_some_and(|transport| transport.lower == Lower::Udp)
    }
}
