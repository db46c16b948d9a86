//! Effects of the state machine's actions on the stages of the media, and delays by the sender's times. Sans-I/O.

use std::time::Instant;

use super::{HttpClient, Inbound};
use crate::proto::rtcp::{NtpTime, SenderInfo};
use crate::proto::rtsp::{LowerTransport, NptRange};
use crate::session::events::{ClientOutput, SessionEvent};
use crate::session::http::receiver::HttpFrameReceiver;
use crate::session::machine::Machine as _;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol as _;
use crate::session::reconnect::ReconnectReason;
use crate::session::rtp::frame_receiver::FrameReceiver as _;
use crate::session::state::{Goal, RtspState};

impl HttpClient {
    pub(super) fn handle_set_up(&mut self, presentation: Presentation) {
        self.pipeline.set_up(HttpFrameReceiver::new(self.ssrc), Some(self.ssrc));
        (self.has_reported_no_data, self.has_reported_unusable) = (false, false);
        self.pipeline.outputs.emit(SessionEvent::Described(presentation));
        self.pipeline.outputs.emit(SessionEvent::SetUp(LowerTransport::Tcp));
    }

    /// Starts to show frames. Those from before a pause are not continued: the stream goes on at the present.
    pub(super) fn handle_started(&mut self, now: Instant, requested_at: Instant) {
        self.pipeline.presenter.clear();
        self.pipeline.presenter.stats.record_play_request(requested_at);
        self.pipeline.start(now);
        (self.has_reported_no_data, self.has_stalled) = (false, false);
        self.pipeline.outputs.emit(SessionEvent::Started(NptRange { start: None, end: None }));
    }

    pub(super) fn handle_paused(&mut self, now: Instant) {
        self.inbound = Inbound::Nothing;
        self.pipeline.stop(now);
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.stop();
        }
        self.pipeline.presenter.clear();
    }

    pub(super) fn handle_reconnecting(&mut self, now: Instant, reason: ReconnectReason) {
        self.inbound = Inbound::Nothing;
        self.pipeline.close(now);
        self.pipeline.outputs.emit(SessionEvent::Reconnecting(reason));
    }

    /// Ends the stream once its last frame was shown.
    pub(super) fn check_end(&mut self, now: Instant) {
        let is_in_network =
            self.pipeline.receiver.as_ref().is_some_and(HttpFrameReceiver::has_frames_in_flight)
                && self.pipeline.emulator.poll_timeout().is_some();
        let is_shown = self.pipeline.presenter.jitter_buffer.is_empty() && !is_in_network;
        if self.pipeline.is_closed_by_server && is_shown {
            self.end_stream(now);
        }
    }

    /// Shows the first frame of a stream that is only set up. It does not count as played.
    pub(super) fn show_first_frame(&mut self) {
        let status = self.machine.status();
        if (status.goal, status.state) != (Goal::Ready, RtspState::Init) {
            return;
        }
        let frame =
            self.pipeline.receiver.as_ref().and_then(|receiver| receiver.buffers().frames.back().cloned());
        if let Some(frame) = frame {
            self.pipeline.outputs.push(ClientOutput::Show { frame, position: None });
        }
    }

    /// Measures the delay of a frame by the time that the sender states, in µs since 1970: the same mapping of times as
    /// in an RTCP sender report. Other origins give no plausible delay, and none is shown.
    pub(super) fn measure_delay(&mut self, now: Instant, timestamp: i64, time: u64) {
        let Some(ntp) = NtpTime::from_unix_micros(time) else { return };
        let info = SenderInfo { ntp, rtp_timestamp: timestamp as u32, ..SenderInfo::default() };
        let stats = &mut self.pipeline.presenter.stats;
        stats.handle_sender_report(info);
        stats.record_frame_start(now, timestamp as u32);
    }
}
