//! Client of standard RTSP: requests, reception, RTCP reports and the end of a stream. Sans-I/O.

mod actions;
mod data_timeout;
mod early_packets;
mod packets;
mod rtcp;
mod stream_end;

use std::time::Instant;

use bytes::Bytes;

use self::early_packets::EarlyPackets;
use super::machine::{RtspAction, RtspMachine};
use super::play_range::PlayRange;
use crate::impairment::{PacketKind, RawPacket};
use crate::proto::rtcp::Epoch;
use crate::proto::rtsp::{Factor, MessageLimits, MessageReader, Method, Npt, RtspUrl, Transport};
use crate::session::events::{NetworkPath, SessionEvent};
use crate::session::machine::Machine as _;
use crate::session::options::ClientOptions;
use crate::session::pipeline::Pipeline;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol;
use crate::session::rtp::receiver::RtpFrameReceiver;
use crate::session::rtp::receiver_reports::ReceiverReports;
use crate::stats::Snapshot;

/// Client of standard RTSP (RFC 2326), which is driven as a [`Client`](crate::session::Client).
#[derive(Debug)]
pub struct RtspClient {
    machine: RtspMachine,
    message_reader: MessageReader,
    /// True once bytes have arrived on the connection.
    has_received_bytes: bool,
    pipeline: Pipeline<RtpFrameReceiver>,
    presentation: Option<Presentation>,
    transport: Option<Transport>,
    network_path: NetworkPath,
    play_range: Option<PlayRange>,
    /// Position of the frame that was shown last.
    last_position: Option<Npt>,
    /// True if a packet has arrived since SETUP.
    has_received_packets: bool,
    /// Least number of packets that a sender report since PLAY has counted beyond those that are known here. It is not
    /// 0 if the first packets are lost, or counted from an earlier PLAY.
    least_report_excess: Option<i32>,
    /// RTP packets that arrived before the response to PLAY.
    early_packets: EarlyPackets,
    reports: ReceiverReports,
    notified: Notified,
}

/// Reactions to missing or unusable data, each of which happens once per PLAY.
#[derive(Debug, Default)]
struct Notified {
    /// Falling back to TCP was considered.
    fall_back: bool,
    /// Missing data was reported as an error.
    no_data: bool,
    /// Unusable frames were reported as an error.
    unusable_frames: bool,
}

impl RtspClient {
    /// Creates a client without a session.
    pub fn new(url: RtspUrl, options: ClientOptions) -> Self {
        Self {
            pipeline: Pipeline::new(&options),
            machine: RtspMachine::new(url, options.stream),
            message_reader: MessageReader::new(MessageLimits::CLIENT),
            has_received_bytes: false,
            presentation: None,
            transport: None,
            network_path: NetworkPath::default(),
            play_range: None,
            last_position: None,
            has_received_packets: false,
            least_report_excess: None,
            early_packets: EarlyPackets::default(),
            reports: ReceiverReports::new(options.rtcp_identity, options.epoch),
            notified: Notified::default(),
        }
    }
}

impl Protocol for RtspClient {
    type Machine = RtspMachine;
    type Receiver = RtpFrameReceiver;

    const HAS_RTCP: bool = true;

    fn parts(&self) -> (&RtspMachine, &Pipeline<RtpFrameReceiver>) {
        (&self.machine, &self.pipeline)
    }

    fn parts_mut(&mut self) -> (&mut RtspMachine, &mut Pipeline<RtpFrameReceiver>) {
        (&mut self.machine, &mut self.pipeline)
    }

    fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        let ssrc = self.pipeline.receiver.as_ref().and_then(RtpFrameReceiver::ssrc);
        // While packets arrive, the next one reveals losses before it. Losses after the last one are known only from
        // the count of the sender.
        let is_idle = self.play_range.is_none() || self.is_idle(now);
        let sender_counts = is_idle.then(|| self.pipeline.emulator.sender_counts(ssrc)).flatten();
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.add_to(now, sender_counts, snapshot);
        }
        snapshot.is_one_clock = self.network_path.is_local;
        snapshot.round_trip_ms = self.reports.round_trip_time().map(|span| span.as_secs_f64() * 1_000.0);
        snapshot.emulated = self.pipeline.emulator.stats(ssrc);
    }

    fn seek(&mut self, now: Instant, position: Npt) {
        self.machine.seek(now, position);
    }

    fn set_speed(&mut self, now: Instant, speed: Factor) {
        self.machine.set_speed(now, speed);
    }

    fn send_bye(&mut self, now: Instant) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        if self.reports.next_report_at().is_some() {
            let block = receiver.report_block();
            let bye = self.reports.encode_bye(now, block);
            self.reports.stop();
            self.send_rtcp(bye);
        }
    }

    fn set_epoch(&mut self, epoch: Epoch) {
        self.reports.set_epoch(epoch);
    }

    fn handle_connecting(&mut self) {
        self.message_reader = MessageReader::new(MessageLimits::CLIENT);
        self.has_received_bytes = false;
    }

    fn set_network_path(&mut self, network_path: NetworkPath) {
        self.network_path = network_path;
    }

    /// Handles a lost connection. Servers may close it as soon as the last packet of the film is in flight; that is the
    /// end of the film, not an error.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        match self.is_fully_received() {
            true => self.pipeline.is_closed_by_server = true,
            false => {
                self.machine.handle_connection_lost(now, reason, self.message_reader.incomplete_message())
            }
        }
    }

    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes) {
        if !std::mem::replace(&mut self.has_received_bytes, true) && is_tls_alert(bytes) {
            return self.machine.handle_tls_alert();
        }
        self.message_reader.push(bytes);
        loop {
            let message = self.message_reader.poll_message();
            while let Some((mistake, place)) = self.message_reader.poll_mistake() {
                self.pipeline.mistakes.record(now, mistake, &place);
            }
            match message {
                Ok(None) => return,
                Ok(Some(message)) => self.handle_message(now, message),
                Err(error) => return self.machine.handle_framing_error(error),
            }
            // The changes that a response makes must apply to the interleaved packets that follow it.
            self.perform_actions(now);
        }
    }

    fn classify(&self, packet: RawPacket) -> RawPacket {
        let payload_type = packet.bytes.get(1).map(|second| second & 0x7F);
        let payload_type = payload_type.filter(|_| packet.kind.is_rtp());
        let kind = self
            .pipeline
            .receiver
            .as_ref()
            .zip(payload_type)
            .and_then(|(receiver, payload_type)| receiver.repair_kind(payload_type));
        RawPacket { kind: kind.unwrap_or(packet.kind), ..packet }
    }

    fn handle_packet(&mut self, now: Instant, RawPacket { kind, bytes }: RawPacket) {
        match kind {
            // The response states which packets belong to this PLAY; they are held until it arrives.
            PacketKind::Rtp if self.machine.status().in_flight == Some(Method::Play) => {
                self.early_packets.push(now, bytes)
            }
            PacketKind::Rtp | PacketKind::Retransmission | PacketKind::Parity => self.receive_rtp(now, bytes),
            PacketKind::Rtcp => self.receive_rtcp(now, &bytes),
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        let received = self.message_reader.incomplete_message();
        self.machine.handle_timeout(now, received, self.pipeline.last_packet());
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        let timeouts = [
            self.machine.poll_timeout(),
            self.reports.next_report_at(),
            self.poll_data_timeout(),
            self.bye_deadline(),
            self.last_frame_deadline(),
        ];
        timeouts.into_iter().flatten().min()
    }

    fn perform(&mut self, now: Instant, action: RtspAction) {
        match action {
            RtspAction::SendResponse(response) => self.write_message(now, response.encode()),
            RtspAction::Described(presentation) => self.handle_described(presentation),
            RtspAction::SetUp(transport) => self.handle_set_up(transport),
            RtspAction::SpeedSet(response) => {
                self.pipeline.outputs.emit(SessionEvent::SpeedSet(response));
            }
            RtspAction::Started(response) => self.handle_started(now, &response),
            RtspAction::Paused { is_seeking } => self.handle_paused(now, is_seeking),
            RtspAction::Reconnecting(reason) => self.handle_reconnecting(now, reason),
        }
    }

    fn handle_failed(&mut self) {
        self.early_packets = EarlyPackets::default();
    }

    fn handle_closed(&mut self, now: Instant) {
        self.close_session(now);
        self.last_position = None;
    }

    fn handle_frame_shown(&mut self, timestamp: i64) -> Option<Npt> {
        self.machine.handle_frame();
        let position = self.play_range.as_ref().and_then(|play_range| play_range.position(timestamp));
        self.last_position = position.or(self.last_position);
        position
    }

    fn check_stream(&mut self, now: Instant) {
        self.check_end(now);
        self.check_data_timeout(now);
        self.check_unusable_frames();
        self.send_due_requests(now);
        self.send_due_report(now);
    }

    fn finish_stream(&mut self, now: Instant) -> Option<Npt> {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.finish();
        }
        // The display time of the last frame ends with the range, however late that is detected.
        let presenter = &self.pipeline.presenter;
        let end_timestamp = self.play_range.as_ref().and_then(PlayRange::end_timestamp);
        let end_arrival =
            end_timestamp.and_then(|timestamp| presenter.jitter_buffer.expected_arrival(timestamp));
        let shown_until = end_arrival.map_or(now, |end_arrival| now.min(end_arrival + presenter.delay()));
        self.stop(shown_until);
        let play_range = self.play_range.take().filter(|play_range| !play_range.is_cut_short());
        match std::mem::take(&mut self.pipeline.is_closed_by_server) {
            true => self.machine.close(),
            false => self.machine.handle_stream_end(now),
        }
        play_range.and_then(|play_range| play_range.end())
    }
}

/// Returns true if bytes begin with a TLS alert (RFC 8446 §5.1, §6), with which a server responds to a request that is
/// not encrypted.
fn is_tls_alert(bytes: &[u8]) -> bool {
    matches!(bytes, [21, 3, 0..=4, 0, 2, ..])
}
