//! Reactions to missing data and to parts that are no frames. Sans-I/O.

use std::time::{Duration, Instant};

use super::HttpClient;
use crate::session::data_timeout::extend_timeout;
use crate::session::error::{NoDataCause, SessionError};
use crate::session::events::SessionEvent;
use crate::session::http::receiver::HttpFrameReceiver;
use crate::session::options::WAITING_TIMEOUT;

/// Time without data after which it is reported as an error.
const NO_DATA_TIMEOUT: Duration = Duration::from_secs(5);

/// Time without data after which the connection is taken to be broken. A camera that was switched off does not close
/// it.
const STALL_TIMEOUT: Duration = Duration::from_secs(15);

impl HttpClient {
    /// Returns the next deadline for missing data.
    pub(super) fn poll_data_timeout(&self) -> Option<Instant> {
        let last = self.pipeline.last_data()?;
        let timeout = match (self.pipeline.data_timeout.is_waiting(), self.has_reported_no_data) {
            (false, _) => WAITING_TIMEOUT,
            (true, false) => NO_DATA_TIMEOUT,
            (true, true) => STALL_TIMEOUT,
        };
        Some(last + self.extended(timeout)).filter(|_| !self.has_stalled)
    }

    fn extended(&self, timeout: Duration) -> Duration {
        let poll_interval = Some(self.machine.snapshot_interval()).filter(|_| self.machine.is_polled());
        let frame_interval = self.pipeline.receiver.as_ref().and_then(HttpFrameReceiver::frame_interval);
        extend_timeout(timeout, poll_interval.max(frame_interval).unwrap_or_default())
    }

    pub(super) fn check_data_timeout(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        let idle_time = now.saturating_duration_since(last);
        let is_waiting = idle_time >= self.extended(WAITING_TIMEOUT);
        self.pipeline.set_waiting(is_waiting);
        if !is_waiting {
            (self.has_reported_no_data, self.has_stalled) = (false, false);
        }
        if idle_time >= self.extended(NO_DATA_TIMEOUT)
            && !std::mem::replace(&mut self.has_reported_no_data, true)
        {
            let cause = match self.pipeline.emulator.may_hold_back(last) {
                true => NoDataCause::EmulatedNetwork,
                false => NoDataCause::NetworkOrServer,
            };
            self.pipeline.outputs.emit(SessionEvent::Failed(SessionError::NoData(cause)));
        }
        if idle_time >= self.extended(STALL_TIMEOUT) && !std::mem::replace(&mut self.has_stalled, true) {
            self.machine.handle_stall(now);
        }
    }

    /// Reports once that the parts of the stream are no frames.
    pub(super) fn check_unusable_frames(&mut self) {
        let reason = self.pipeline.receiver.as_ref().and_then(HttpFrameReceiver::unusable_reason);
        let Some(reason) = reason.map(ToString::to_string) else { return };
        if !std::mem::replace(&mut self.has_reported_unusable, true) {
            self.pipeline.outputs.emit(SessionEvent::Failed(SessionError::UnusableFrames { reason }));
        }
    }
}
