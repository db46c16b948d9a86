//! Effects of the state machine's actions on the stages of the media. Sans-I/O.

use std::time::Instant;

use super::early_packets::EarlyPackets;
use super::{Notified, RtspClient};
use crate::proto::rtsp::{LowerTransport, Transport};
use crate::session::events::{ClientOutput, SessionEvent};
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol as _;
use crate::session::reconnect::ReconnectReason;
use crate::session::rtp::receiver::RtpFrameReceiver;
use crate::session::rtp::rtp_info::AnnouncedPacket;
use crate::session::rtsp::play_range::PlayRange;
use crate::session::rtsp::play_response::PlayResponse;

impl RtspClient {
    pub(super) fn handle_described(&mut self, presentation: Presentation) {
        if let Some(play_range) = &mut self.play_range {
            play_range.set_end(presentation.range.and_then(|range| range.end));
        }
        self.presentation = Some(presentation.clone());
        self.pipeline.outputs.emit(SessionEvent::Described(presentation));
    }

    pub(super) fn handle_set_up(&mut self, transport: Transport) {
        let Some(presentation) = &self.presentation else { return };
        let lower_transport = transport.lower_transport;
        let receiver = RtpFrameReceiver::new(
            presentation.payload_type,
            transport.ssrc,
            presentation.dimensions,
            self.network_path.packet_overhead(lower_transport),
            self.pipeline.presenter.reorder_timeout(),
        );
        // An emulated network loses packets in front of a reliable connection, too: here, or at a server of Reelay.
        let may_emulate_loss = self.pipeline.emulator.is_on() || presentation.offers_jpeg_header;
        let receiver = match lower_transport {
            LowerTransport::Tcp if !may_emulate_loss => receiver.over_reliable_connection(),
            LowerTransport::Tcp | LowerTransport::Udp => receiver,
        };
        let is_udp = lower_transport == LowerTransport::Udp;
        let receiver = match presentation.retransmission().filter(|_| is_udp && transport.has_feedback) {
            Some(offer) => receiver.with_retransmission(offer),
            None => receiver,
        };
        let receiver = match presentation.parity().filter(|_| is_udp) {
            Some(offer) => receiver.with_parity(offer),
            None => receiver,
        };
        self.reports.start_session(presentation.has_receiver_rtt);
        self.pipeline.set_up(receiver, transport.ssrc);
        self.has_received_packets = false;
        self.transport = Some(transport.clone());
        self.pipeline.outputs.push(ClientOutput::SetTransport(transport));
        self.pipeline.outputs.emit(SessionEvent::SetUp(lower_transport));
    }

    pub(super) fn handle_started(&mut self, now: Instant, response: &PlayResponse) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        let announced =
            AnnouncedPacket { sequence: response.sequence, rtptime: response.rtptime, announced_at: now };
        match response.resumes {
            true => {
                receiver.resume(announced);
                self.pipeline.presenter.jitter_buffer.continue_stream();
            }
            false => {
                receiver.start(announced);
                self.pipeline.presenter.clear();
            }
        }
        let frame_rate = self.presentation.as_ref().and_then(|presentation| presentation.frame_rate);
        let previous = self
            .play_range
            .replace(PlayRange::new(response, announced, frame_rate))
            .filter(|_| response.resumes);
        if let (Some(play_range), Some(previous)) = (&mut self.play_range, previous) {
            play_range.continue_from(&previous);
        }
        self.notified = Notified::default();
        self.least_report_excess = None;
        self.pipeline.start(now);
        self.reports.start(now);
        self.punch_firewall_hole(now);
        self.pipeline.outputs.emit(SessionEvent::Started(response.range));
        for (arrival, packet) in self.early_packets.take() {
            self.receive_rtp(arrival, packet);
        }
    }

    /// Handles a successful PAUSE. If all packets of the range were sent already, the server is at its start again, so
    /// the next PLAY requests the position of the first frame that has not been shown.
    pub(super) fn handle_paused(&mut self, now: Instant, is_seeking: bool) {
        self.stop(now);
        let Some(play_range) = self.play_range.as_ref().filter(|_| !is_seeking) else { return };
        if !play_range.has_reached_last_frame() && play_range.bye_at().is_none() {
            return;
        }
        let next = self.pipeline.presenter.jitter_buffer.next_timestamp();
        match next.map(|timestamp| play_range.position(timestamp)) {
            Some(Some(next)) => {
                self.pipeline.presenter.clear();
                self.machine.seek(now, next);
            }
            Some(None) => {}
            None => self.end_stream(now),
        }
    }

    /// Stops expecting data. `now` is the end of the time for which the frame on the screen was to be shown.
    pub(super) fn stop(&mut self, now: Instant) {
        self.notified = Notified::default();
        self.pipeline.stop(now);
    }

    /// Closes the session for now. The next one continues at the same position.
    pub(super) fn handle_reconnecting(&mut self, now: Instant, reason: ReconnectReason) {
        self.close_session(now);
        if let Some(position) = self.last_position {
            self.machine.resume_at(position);
        }
        self.pipeline.outputs.emit(SessionEvent::Reconnecting(reason));
    }

    pub(super) fn close_session(&mut self, now: Instant) {
        self.pipeline.close(now);
        self.notified = Notified::default();
        self.early_packets = EarlyPackets::default();
        self.play_range = None;
        self.transport = None;
        self.reports.stop();
    }
}
