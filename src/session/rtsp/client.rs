//! The client of standard RTSP: requests, reception, reports, and the end of a stream, joined.

mod data_timeout;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::machine::{self, RtspMachine};
use super::play_range::PlayRange;
use super::play_response::PlayResponse;
use crate::impairment::{PacketKind, RawPacket};
use crate::proto::rtcp::{self, RtcpPacket};
use crate::proto::rtp;
use crate::proto::rtsp::{
    ChannelPair, LowerTransport, Message, MessageLimits, MessageReader, Method, Npt, PortPair, RtspUrl,
    Transport, encode_interleaved,
};
use crate::session::events::{ClientOutput, NetworkPath, SessionEvent};
use crate::session::message_log::Direction;
use crate::session::options::{ClientOptions, WAITING_TIMEOUT};
use crate::session::pipeline::Pipeline;
use crate::session::presentation::Presentation;
use crate::session::protocol::Protocol;
use crate::session::reconnect::ReconnectReason;
use crate::session::rtp::receiver::RtpFrameReceiver;
use crate::session::rtp::receiver_reports::ReceiverReports;
use crate::session::rtp::rtp_info::AnnouncedPacket;
use crate::session::state::{Goal, SessionStatus};
use crate::stats::Snapshot;

/// A client of standard RTSP.
#[derive(Debug)]
pub struct RtspClient {
    machine: RtspMachine,
    message_reader: MessageReader,
    pipeline: Pipeline<RtpFrameReceiver>,
    presentation: Option<Presentation>,
    transport: Option<Transport>,
    network_path: NetworkPath,
    play_range: Option<PlayRange>,
    /// Position of the frame that was shown last.
    last_position: Option<Npt>,
    /// Packets have arrived since SETUP.
    has_received_packets: bool,
    /// RTP packets that overtook the response to PLAY.
    early_packets: EarlyPackets,
    reports: ReceiverReports,
    /// What the user has been told about data that does not come.
    notified: Notified,
}

/// RTP packets that overtook the response to PLAY, bounded in number and bytes: more do not overtake, they flood.
#[derive(Debug, Default)]
struct EarlyPackets {
    packets: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl EarlyPackets {
    const MAX_PACKETS: usize = 16 * 1024;
    const MAX_BYTES: usize = 32 * 1024 * 1024;

    fn push(&mut self, arrival: Instant, packet: Bytes) {
        let available = Self::MAX_BYTES.saturating_sub(self.bytes);
        if self.packets.len() < Self::MAX_PACKETS && packet.len() <= available {
            self.bytes += packet.len();
            self.packets.push_back((arrival, packet));
        }
    }
}

/// What was done or said about data that does not come; each happens once in a PLAY.
#[derive(Debug, Default)]
struct Notified {
    /// Falling back to TCP was considered.
    fall_back: bool,
    /// No data for long was reported as an error.
    no_data: bool,
    /// Frames that cannot be used were reported as an error.
    unusable_frames: bool,
}

impl RtspClient {
    /// A client without a session.
    pub fn new(url: RtspUrl, options: ClientOptions) -> Self {
        Self {
            pipeline: Pipeline::new(&options),
            machine: RtspMachine::new(url, options.rtsp),
            message_reader: MessageReader::new(MessageLimits::CLIENT),
            presentation: None,
            transport: None,
            network_path: NetworkPath::default(),
            play_range: None,
            last_position: None,
            has_received_packets: false,
            early_packets: EarlyPackets::default(),
            reports: ReceiverReports::new(options.rtcp_identity, options.epoch),
            notified: Notified::default(),
        }
    }
}

impl Protocol for RtspClient {
    type Receiver = RtpFrameReceiver;

    const HAS_RTCP: bool = true;

    fn pipeline(&self) -> &Pipeline<RtpFrameReceiver> {
        &self.pipeline
    }

    fn pipeline_mut(&mut self) -> &mut Pipeline<RtpFrameReceiver> {
        &mut self.pipeline
    }

    fn session_status(&self) -> SessionStatus {
        self.machine.status()
    }

    fn session_snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let ssrc = self.pipeline.receiver.as_ref().and_then(RtpFrameReceiver::ssrc);
        // While packets come, the next one tells what was lost; behind the last one nothing does.
        let is_idle = self.play_range.is_none() || self.is_idle(now);
        let Some(receiver) = &mut self.pipeline.receiver else { return snapshot };
        let sender_counts = is_idle.then(|| self.pipeline.emulator.sender_counts(ssrc)).flatten();
        receiver.add_to(now, sender_counts, &mut snapshot);
        self.pipeline.presenter.add_to(now, &mut snapshot);
        snapshot.is_one_clock = self.network_path.is_local;
        snapshot.round_trip_ms = self.reports.round_trip_time().map(|span| span.as_secs_f64() * 1_000.0);
        snapshot.emulated = self.pipeline.emulator.stats(ssrc);
        snapshot
    }

    fn set_goal(&mut self, now: Instant, goal: Goal) {
        if goal == Goal::Stopped {
            self.send_bye(now);
        }
        self.machine.set_goal(now, goal);
    }

    fn seek(&mut self, now: Instant, position: Npt) {
        self.machine.seek(now, position);
    }

    fn handle_connected(&mut self, now: Instant, network_path: NetworkPath) {
        self.network_path = network_path;
        self.machine.handle_connected(now);
    }

    /// Servers may close the connection as soon as all of the film is on its way: that is its end, and no failure.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        match self.is_fully_received() {
            true => self.pipeline.is_closed_by_server = true,
            false => {
                self.machine.handle_connection_lost(now, reason, self.message_reader.incomplete_message())
            }
        }
    }

    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes) {
        self.message_reader.push(bytes);
        loop {
            match self.message_reader.poll_message() {
                Ok(None) => return,
                Ok(Some(message)) => self.handle_message(now, message),
                Err(error) => return self.machine.handle_framing_error(error),
            }
            // What a response changes must be known before the packets behind it are read.
            self.perform_actions(now);
        }
    }

    fn handle_ports(&mut self, now: Instant, ports: Result<PortPair, String>) {
        match ports {
            Ok(ports) => self.machine.handle_ports_opened(now, ports),
            Err(reason) => self.machine.handle_ports_failed(reason),
        }
    }

    fn handle_packet(&mut self, now: Instant, RawPacket { kind, bytes }: RawPacket) {
        match kind {
            // The response says which packets belong to this PLAY; until then they wait.
            PacketKind::Rtp if self.machine.status().in_flight == Some(Method::Play) => {
                self.early_packets.push(now, bytes)
            }
            PacketKind::Rtp => self.receive_rtp(now, bytes),
            PacketKind::Rtcp => self.receive_rtcp(now, &bytes),
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now, self.message_reader.incomplete_message());
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        let timeouts = [
            self.machine.poll_timeout(),
            self.reports.next_report_at(),
            self.poll_data_timeout(),
            self.bye_deadline(),
        ];
        timeouts.into_iter().flatten().min()
    }

    fn perform_next_action(&mut self, now: Instant) -> bool {
        let action = self.machine.poll_action();
        let is_some = action.is_some();
        if let Some(action) = action {
            self.perform(now, action);
        }
        is_some
    }

    fn handle_frame_shown(&mut self, timestamp: i64) -> Option<Npt> {
        let position = self.play_range.as_ref().and_then(|play_range| play_range.position(timestamp));
        self.last_position = position.or(self.last_position);
        position
    }

    fn check_stream(&mut self, now: Instant) {
        self.check_end(now);
        self.check_data_timeout(now);
        self.check_unusable_frames();
        self.send_due_report(now);
    }

    fn end_stream(&mut self, now: Instant) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.finish();
        }
        // The last picture has stood long enough when the range is over, however late that is found out.
        let end_arrival = self.play_range.as_ref().and_then(PlayRange::end_timestamp);
        let presenter = &self.pipeline.presenter;
        let end_arrival =
            end_arrival.and_then(|timestamp| presenter.jitter_buffer.expected_arrival(timestamp));
        let shown_until = end_arrival.map_or(now, |end_arrival| now.min(end_arrival + presenter.delay()));
        self.stop(shown_until);
        let end_position = self
            .play_range
            .take()
            .filter(|play_range| !play_range.is_cut_short())
            .and_then(|play_range| play_range.end());
        match std::mem::take(&mut self.pipeline.is_closed_by_server) {
            true => self.machine.close_after_end(),
            false => self.machine.handle_stream_end(now),
        }
        // That there is no session any more is told first, as the end is what matters.
        self.perform_actions(now);
        if let Some(end) = end_position {
            self.pipeline.outputs.emit(SessionEvent::EndReached(end));
        }
        self.pipeline.outputs.emit(SessionEvent::Ended);
    }
}

/// Messages and packets that arrive.
impl RtspClient {
    fn handle_message(&mut self, now: Instant, message: Message) {
        match message {
            Message::Response(response) => {
                self.machine.handle_response(now, &response);
                self.emit_message(now, Direction::ServerToClient, &response.encode());
            }
            Message::Request(request) => {
                self.emit_message(now, Direction::ServerToClient, &request.encode());
                self.machine.handle_server_request(now, &request);
            }
            // No server sends requests of that dialect.
            Message::Classroom(_) => {}
            Message::Interleaved { channel, packet } => self.receive_interleaved(now, channel, packet),
        }
    }

    fn receive_interleaved(&mut self, now: Instant, channel: u8, packet: Bytes) {
        match self.transport.as_ref().and_then(|transport| transport.interleaved) {
            Some(ChannelPair { rtp, .. }) if channel == rtp => {
                self.send_to_emulator(now, RawPacket::rtp(packet))
            }
            Some(ChannelPair { rtcp, .. }) if channel == rtcp => {
                self.send_to_emulator(now, RawPacket::rtcp(packet))
            }
            _ => tracing::debug!(channel, "a packet on a channel that was not agreed on"),
        }
    }

    fn receive_rtp(&mut self, now: Instant, packet: Bytes) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        let previous_timestamp = receiver.highest_timestamp();
        let Some(timestamp) = receiver.handle_packet(now, packet) else { return };
        self.has_received_packets = true;
        if Some(timestamp) > previous_timestamp {
            self.pipeline.presenter.stats.record_frame_start(now, timestamp as u32);
        }
        if let Some(play_range) = &mut self.play_range {
            play_range.record_packet(now, timestamp);
        }
    }

    fn receive_rtcp(&mut self, now: Instant, packet: &[u8]) {
        let packets = match rtcp::parse(packet) {
            Ok(packets) => packets,
            Err(error) => return tracing::debug!(%error, "an RTCP packet is passed over"),
        };
        let receiver = self.pipeline.receiver.as_ref();
        let current_ssrc = receiver.and_then(RtpFrameReceiver::ssrc);
        let expected = receiver.map(RtpFrameReceiver::expected_packets).filter(|expected| *expected > 0);
        let has_bye = packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. }));
        let (mut packet_count, mut rtp_timestamp) = (None, None);
        for packet in packets {
            match packet {
                RtcpPacket::SenderReport { ssrc, info, .. }
                    if current_ssrc.is_none_or(|current_ssrc| current_ssrc == ssrc) =>
                {
                    (packet_count, rtp_timestamp) = (Some(info.packet_count), Some(info.rtp_timestamp));
                    if let Some(expected) = expected.filter(|_| !has_bye) {
                        self.pipeline.emulator.handle_sender_report(info.packet_count, expected);
                    }
                    self.reports.handle_sender_report(now, &info);
                    self.pipeline.presenter.stats.handle_sender_report(info);
                }
                RtcpPacket::ExtendedReport { ssrc, block }
                    if current_ssrc.is_none_or(|current_ssrc| current_ssrc == ssrc) =>
                {
                    self.reports.handle_extended_report(now, block);
                }
                RtcpPacket::Bye { ssrcs }
                    if current_ssrc.is_some_and(|current_ssrc| ssrcs.contains(&current_ssrc)) =>
                {
                    self.handle_bye(now, packet_count, rtp_timestamp);
                }
                _ => {}
            }
        }
    }

    /// The server has nothing more to send, as it says after so many packets, when its clock of timestamps showed this.
    fn handle_bye(&mut self, now: Instant, packet_count: Option<u32>, rtp_timestamp: Option<u32>) {
        let Some(play_range) = &mut self.play_range else { return };
        if rtp_timestamp.is_some_and(|timestamp| play_range.is_before(timestamp)) {
            return tracing::debug!("a goodbye of the PLAY before has come late");
        }
        self.pipeline.emulator.handle_bye(packet_count);
        play_range.goodbye(now);
    }
}

/// Actions that the state machine asks for.
impl RtspClient {
    fn perform(&mut self, now: Instant, action: machine::Action) {
        use machine::Action as Wanted;
        match action {
            Wanted::Connect(url) => {
                self.message_reader = MessageReader::new(MessageLimits::CLIENT);
                let (host, port) = (url.host().to_owned(), url.port());
                self.pipeline.outputs.push(ClientOutput::Connect { host, port });
            }
            Wanted::Disconnect => self.pipeline.outputs.push(ClientOutput::Disconnect),
            Wanted::OpenPorts(port) => self.pipeline.outputs.push(ClientOutput::OpenPorts(port)),
            Wanted::SendRequest(request) => {
                if request.method == Method::Play {
                    self.pipeline.presenter.stats.record_play_request(now);
                }
                self.write(now, request.encode());
            }
            Wanted::SendResponse(response) => self.write(now, response.encode()),
            Wanted::Described(presentation) => self.handle_described(presentation),
            Wanted::SetUp(transport) => self.handle_set_up(transport),
            Wanted::Started(response) => self.handle_started(now, &response),
            Wanted::Paused { is_seeking } => self.handle_paused(now, is_seeking),
            Wanted::Reconnecting(reason) => self.handle_reconnecting(now, reason),
            Wanted::Closed => self.handle_closed(now),
            Wanted::Failed(error) => {
                self.early_packets = EarlyPackets::default();
                self.pipeline.outputs.emit(SessionEvent::Failed(error));
            }
        }
    }

    fn write(&mut self, now: Instant, bytes: Bytes) {
        self.emit_message(now, Direction::ClientToServer, &bytes);
        self.pipeline.outputs.push(ClientOutput::Write(bytes));
    }

    fn emit_message(&mut self, now: Instant, direction: Direction, bytes: &[u8]) {
        let state = self.machine.status().state;
        self.pipeline.outputs.emit_message(now, direction, bytes, state);
    }

    fn handle_described(&mut self, presentation: Presentation) {
        if let Some(play_range) = &mut self.play_range {
            play_range.set_end(presentation.range.and_then(|range| range.end));
        }
        self.presentation = Some(presentation.clone());
        self.pipeline.outputs.emit(SessionEvent::Described(presentation));
    }

    fn handle_set_up(&mut self, transport: Transport) {
        let Some(presentation) = &self.presentation else { return };
        let lower_transport = transport.lower_transport;
        let receiver = RtpFrameReceiver::new(
            presentation.payload_type,
            transport.ssrc,
            presentation.dimensions,
            self.network_path.packet_overhead(lower_transport),
            self.pipeline.presenter.reorder_timeout(),
        );
        self.reports.start_session(presentation.has_receiver_rtt);
        self.pipeline.set_up(receiver, transport.ssrc);
        self.has_received_packets = false;
        self.transport = Some(transport.clone());
        self.pipeline.outputs.push(ClientOutput::SetTransport(transport));
        self.pipeline.outputs.emit(SessionEvent::SetUp(lower_transport));
    }

    fn handle_started(&mut self, now: Instant, response: &PlayResponse) {
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
                self.pipeline.presenter.jitter_buffer.clear();
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
        self.pipeline.start(now);
        self.reports.start(now);
        self.punch_firewall_hole(now);
        self.pipeline.outputs.emit(SessionEvent::Started(response.range));
        for (arrival, packet) in std::mem::take(&mut self.early_packets).packets {
            self.receive_rtp(arrival, packet);
        }
    }

    /// If all of the film was on its way already, the server stands at its beginning again; then what has not been
    /// shown yet is asked for anew when it goes on.
    fn handle_paused(&mut self, now: Instant, is_seeking: bool) {
        self.stop(now);
        let Some(play_range) = self.play_range.as_ref().filter(|_| !is_seeking) else { return };
        if !play_range.has_reached_last_frame() && play_range.bye_at().is_none() {
            return;
        }
        let next = self.pipeline.presenter.jitter_buffer.next_timestamp();
        match next.map(|timestamp| play_range.position(timestamp)) {
            Some(Some(next)) => {
                self.pipeline.presenter.jitter_buffer.clear();
                self.machine.seek(now, next);
            }
            Some(None) => {}
            None => self.end_stream(now),
        }
    }

    /// Data is no longer expected; the picture on the screen has stood long enough at `now`.
    fn stop(&mut self, now: Instant) {
        self.notified = Notified::default();
        self.pipeline.stop(now);
    }

    fn handle_closed(&mut self, now: Instant) {
        self.close_session(now);
        self.last_position = None;
        self.pipeline.outputs.emit(SessionEvent::Closed);
    }

    /// The next session goes on where this one was.
    fn handle_reconnecting(&mut self, now: Instant, reason: ReconnectReason) {
        self.close_session(now);
        if let Some(position) = self.last_position {
            self.machine.resume_at(position);
        }
        self.pipeline.outputs.emit(SessionEvent::Reconnecting(reason));
    }

    fn close_session(&mut self, now: Instant) {
        self.pipeline.close(now);
        self.notified = Notified::default();
        self.early_packets = EarlyPackets::default();
        self.play_range = None;
        self.transport = None;
        self.reports.stop();
    }
}

/// RTCP that is sent, and the packets that open a firewall.
impl RtspClient {
    /// Sends something from each port, so that a firewall on the way lets the stream in; and the first report, which
    /// asks how long a round trip takes.
    fn punch_firewall_hole(&mut self, now: Instant) {
        let Some(Transport { lower_transport, server_port, .. }) = &self.transport else { return };
        match (lower_transport, server_port) {
            (LowerTransport::Udp, None) => return,
            (LowerTransport::Udp, Some(_)) => self.send_empty_rtp(),
            (LowerTransport::Tcp, _) => {}
        }
        let report = self.reports.encode_report(now, None);
        self.send_rtcp(report);
    }

    /// An RTP packet without a payload, which every server ignores.
    fn send_empty_rtp(&mut self) {
        let header = rtp::Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 };
        let packet = Bytes::copy_from_slice(&header.encode(false));
        self.pipeline.outputs.push(ClientOutput::SendPacket(RawPacket::rtp(packet)));
    }

    fn send_rtcp(&mut self, packet: Vec<u8>) {
        match self.transport.as_ref().map(|transport| (transport.lower_transport, transport.interleaved)) {
            Some((LowerTransport::Tcp, Some(channels))) => {
                self.pipeline.outputs.push(ClientOutput::Write(encode_interleaved(channels.rtcp, &packet)));
            }
            Some((LowerTransport::Udp, _)) => {
                self.pipeline.outputs.push(ClientOutput::SendPacket(RawPacket::rtcp(packet)))
            }
            _ => {}
        }
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

    fn send_due_report(&mut self, now: Instant) {
        if self.reports.next_report_at().is_some_and(|at| now >= at) {
            let block = self.pipeline.receiver.as_mut().and_then(RtpFrameReceiver::report_block);
            let report = self.reports.encode_report(now, block);
            self.send_rtcp(report);
        }
    }
}

/// The end of the stream.
impl RtspClient {
    fn check_end(&mut self, now: Instant) {
        if !self.is_playing() || !self.pipeline.presenter.jitter_buffer.is_empty() {
            return;
        }
        let is_bye_due = self.bye_deadline().is_some_and(|deadline| now >= deadline);
        if self.pipeline.is_closed_by_server || self.has_last_frame() || is_bye_due {
            self.end_stream(now);
        }
    }

    fn is_playing(&self) -> bool {
        self.pipeline.data_timeout.playing_since().is_some()
    }

    /// The last frame of the range is here.
    fn has_last_frame(&self) -> bool {
        let (Some(receiver), Some(play_range)) = (&self.pipeline.receiver, &self.play_range) else {
            return false;
        };
        play_range.has_reached_last_frame() && receiver.is_idle()
    }

    /// Nothing more comes of what is played: the last frame is here, or the server has said goodbye, and not in the
    /// middle as one does that is stopped.
    fn is_fully_received(&self) -> bool {
        let play_range = self.play_range.as_ref().filter(|play_range| !play_range.is_cut_short());
        let has_bye = play_range.is_some_and(|play_range| play_range.bye_at().is_some());
        self.is_playing() && (self.has_last_frame() || has_bye)
    }

    /// When a goodbye is believed, if everything else is done: packets that were sent before it may still be on
    /// their way.
    fn bye_deadline(&self) -> Option<Instant> {
        let (receiver, play_range) = (self.pipeline.receiver.as_ref()?, self.play_range.as_ref()?);
        let presenter = &self.pipeline.presenter;
        let is_done = self.is_playing() && presenter.jitter_buffer.is_empty() && receiver.is_in_order();
        play_range.bye_at().filter(|_| is_done).map(|at| at + presenter.reorder_timeout())
    }

    fn has_range_elapsed(&self, now: Instant) -> bool {
        let Some(play_range) = &self.play_range else { return false };
        let jitter_buffer = &self.pipeline.presenter.jitter_buffer;
        let end = play_range.end_timestamp().and_then(|timestamp| jitter_buffer.expected_arrival(timestamp));
        // Of a stream that was never received, only the clock tells, and nothing tells how late it would have come.
        let has_no_packets = self.pipeline.receiver.is_some() && self.pipeline.last_packet().is_none();
        let playing_since = self.pipeline.data_timeout.playing_since().filter(|_| has_no_packets);
        let end_without_packets = playing_since
            .zip(play_range.duration())
            .map(|(playing_since, duration)| playing_since + duration + WAITING_TIMEOUT);
        jitter_buffer.is_empty() && play_range.has_elapsed(now, end.or(end_without_packets))
    }
}
