//! Reactions to missing data and to unusable frames. Sans-I/O.

use std::time::{Duration, Instant};

use super::RtspClient;
use crate::proto::rtsp::LowerTransport;
use crate::session::data_timeout::extend_timeout;
use crate::session::error::{NoDataCause, SessionError};
use crate::session::events::SessionEvent;
use crate::session::options::WAITING_TIMEOUT;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol as _;
use crate::session::rtp::receiver::RtpFrameReceiver;
use crate::session::rtsp::play_range::PlayRange;

/// Time after the last packet after which all packets that left the emulated network have arrived or are lost.
const PACKET_LOSS_TIMEOUT: Duration = Duration::from_millis(250);

/// Time without a single UDP packet after which UDP is taken to be blocked.
const UDP_FALLBACK_TIMEOUT: Duration = Duration::from_secs(3);

/// Time without a packet after which missing data is reported as an error.
const NO_DATA_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for which a response shows that the server is there.
const RESPONSE_VALIDITY: Duration = Duration::from_secs(10);

/// Usual interval of sender reports (RFC 3550 §6.2).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

impl RtspClient {
    /// Returns true if no packets are in flight outside the emulated network, playing or paused.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let last = self.pipeline.last_data().or(self.pipeline.last_packet());
        last.is_some_and(|last| now.saturating_duration_since(last) >= PACKET_LOSS_TIMEOUT)
    }

    /// Returns the next deadline for missing data.
    pub(super) fn poll_data_timeout(&self) -> Option<Instant> {
        let last = self.pipeline.last_data()?;
        if !self.pipeline.data_timeout.is_waiting() {
            Some(last + self.extend_timeout(WAITING_TIMEOUT))
        } else if !self.notified.fall_back && self.has_no_datagrams() {
            Some(last + self.extend_timeout(UDP_FALLBACK_TIMEOUT))
        } else {
            (!self.notified.no_data).then(|| last + self.extend_timeout(NO_DATA_TIMEOUT))
        }
    }

    pub(super) fn extend_timeout(&self, timeout: Duration) -> Duration {
        let interval = self.play_range.as_ref().and_then(PlayRange::frame_interval).unwrap_or_default();
        let reports = if self.is_server_quiet() { REPORT_INTERVAL } else { Duration::ZERO };
        extend_timeout(timeout, interval.max(reports))
    }

    fn is_server_quiet(&self) -> bool {
        self.pipeline.data_timeout.is_server_quiet(self.pipeline.last_packet())
    }

    pub(super) fn check_data_timeout(&mut self, now: Instant) {
        let Some(last) = self.pipeline.last_data() else { return };
        let idle_time = now.saturating_duration_since(last);
        if idle_time < self.extend_timeout(WAITING_TIMEOUT) {
            if self.is_server_quiet() && self.has_range_elapsed(now) {
                return self.end_stream(now);
            }
            if self.pipeline.data_timeout.is_waiting() {
                self.notified.no_data = false;
            }
            return self.pipeline.set_waiting(false);
        }
        if self.has_range_elapsed(now) {
            // A response from long ago does not show that the server is still there.
            let since = now.checked_sub(RESPONSE_VALIDITY).map_or(last, |recently| last.max(recently));
            match self.is_end(last, since) {
                true => return self.end_stream(now),
                // The server has stopped in the middle of the range, or the network is gone.
                false => self.machine.check_server(now, since),
            }
        }
        if !self.pipeline.data_timeout.is_waiting() {
            self.pipeline.set_waiting(true);
            self.request_missing_end(now);
        }
        let is_udp_blocked =
            idle_time >= self.extend_timeout(UDP_FALLBACK_TIMEOUT) && self.has_no_datagrams();
        if is_udp_blocked
            && !std::mem::replace(&mut self.notified.fall_back, true)
            && self.machine.fall_back_to_tcp(now)
        {
            // The session is being torn down and set up again.
            return;
        }
        if idle_time >= self.extend_timeout(NO_DATA_TIMEOUT)
            && !std::mem::replace(&mut self.notified.no_data, true)
        {
            self.machine.check_server(now, last);
            let error = SessionError::NoData(self.no_data_cause(last));
            self.pipeline.outputs.emit(SessionEvent::Failed(error));
        }
    }

    fn no_data_cause(&self, last: Instant) -> NoDataCause {
        if self.pipeline.emulator.may_hold_back(last) {
            NoDataCause::EmulatedNetwork
        } else if self.is_over_udp() && !self.has_received_packets {
            NoDataCause::UdpBlocked
        } else {
            NoDataCause::NetworkOrServer
        }
    }

    /// Returns true if silence since `last` at the end of the range is the end of the stream: no more is missing than
    /// can be lost, the emulated network holds it back, or the server has responded since `since`.
    fn is_end(&self, last: Instant, since: Instant) -> bool {
        let is_near_end = self.play_range.as_ref().is_some_and(PlayRange::is_near_end);
        is_near_end
            || self.is_server_quiet()
            || self.machine.has_response_since(since)
            || self.pipeline.emulator.may_hold_back(last)
    }

    /// Requests the description again if the end of the range is unknown: the film may have ended, and its duration may
    /// be known by now.
    fn request_missing_end(&mut self, now: Instant) {
        let is_live = self.presentation.as_ref().is_some_and(Presentation::is_live);
        if !is_live && self.play_range.as_ref().is_some_and(|play_range| !play_range.has_end()) {
            self.machine.refresh_description(now);
        }
    }

    pub(super) fn check_unusable_frames(&mut self) {
        let Some(reason) = self.pipeline.receiver.as_ref().and_then(RtpFrameReceiver::unusable_reason) else {
            return;
        };
        if self.is_playing() && !std::mem::replace(&mut self.notified.unusable_frames, true) {
            self.pipeline
                .outputs
                .emit(SessionEvent::Failed(SessionError::UnusableFrames { reason: reason.to_owned() }));
        }
    }

    /// Returns true if no UDP packet has arrived since SETUP over UDP. False while a network is emulated, whose losses
    /// are to be seen and not avoided by TCP.
    fn has_no_datagrams(&self) -> bool {
        self.is_over_udp() && !self.has_received_packets && !self.pipeline.emulator.is_on()
    }

    fn is_over_udp(&self) -> bool {
        let transport = self.transport.as_ref();
        transport.is_some_and(|transport| transport.lower_transport == LowerTransport::Udp)
    }
}
