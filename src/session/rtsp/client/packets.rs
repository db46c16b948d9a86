//! Messages and packets that arrive from the server. Sans-I/O.

use std::time::Instant;

use bytes::Bytes;

use super::RtspClient;
use crate::impairment::RawPacket;
use crate::proto::rtcp::{self, RtcpPacket};
use crate::proto::rtsp::{ChannelPair, Message};
use crate::session::logged_message::Direction;
use crate::session::protocol::Protocol as _;
use crate::session::rtp::frame_receiver::FrameReceiver as _;
use crate::session::rtp::receiver::RtpFrameReceiver;

impl RtspClient {
    pub(super) fn handle_message(&mut self, now: Instant, message: Message) {
        match message {
            Message::Response(response) => {
                self.machine.handle_response(now, &response);
                self.emit_message(now, Direction::ServerToClient, &response.encode());
            }
            Message::Request(request) => {
                self.emit_message(now, Direction::ServerToClient, &request.encode());
                self.machine.handle_server_request(now, &request);
            }
            // Servers send no requests of the classroom dialect.
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
            _ => tracing::debug!(channel, "ignoring packet on unknown interleaved channel"),
        }
    }

    pub(super) fn receive_rtp(&mut self, now: Instant, packet: Bytes) {
        let is_backlog = self.pipeline.data_timeout.has_just_resumed(now);
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        if is_backlog {
            receiver.mark_arrival_gap();
        }
        let previous_timestamp = receiver.highest_timestamp();
        let Some(timestamp) = receiver.handle_packet(now, packet) else { return };
        self.has_received_packets = true;
        if Some(timestamp) > previous_timestamp && !is_backlog {
            self.pipeline.presenter.stats.record_frame_start(now, timestamp as u32);
        }
        if let Some(play_range) = &mut self.play_range {
            play_range.record_packet(now, timestamp);
        }
    }

    pub(super) fn receive_rtcp(&mut self, now: Instant, packet: &[u8]) {
        let packets = match rtcp::parse(packet) {
            Ok(packets) => packets,
            Err(error) => return tracing::debug!(%error, "ignoring invalid RTCP packet"),
        };
        let receiver = self.pipeline.receiver.as_ref();
        let current_ssrc = receiver.and_then(RtpFrameReceiver::ssrc);
        let expected = receiver.map(RtpFrameReceiver::expected_packets).filter(|expected| *expected > 0);
        let is_repair = |ssrc| receiver.is_some_and(|receiver| receiver.is_repair_source(ssrc));
        let packets: Vec<_> = packets
            .into_iter()
            .filter(|packet| !matches!(packet, RtcpPacket::SenderReport { ssrc, .. } if is_repair(*ssrc)))
            .collect();
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
                        self.check_quiet_server(now, info.packet_count, expected);
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

    /// Finds out from a sender report whether the server is between two frames that are far apart. A live source that
    /// sends nothing has stalled, whatever its server reports.
    fn check_quiet_server(&mut self, now: Instant, packet_count: u32, expected: u64) {
        let excess = packet_count.wrapping_sub(expected as u32) as i32;
        let least = self.least_report_excess.map_or(excess, |least| least.min(excess));
        self.least_report_excess = Some(least);
        let is_film = self.presentation.as_ref().is_some_and(|presentation| !presentation.is_live());
        let plays = self.pipeline.data_timeout.playing_since();
        let has_packets = self.pipeline.last_packet().zip(plays).is_some_and(|(last, since)| last >= since);
        if is_film && has_packets && excess == least {
            self.pipeline.data_timeout.handle_quiet_server(now);
        }
    }

    /// Handles BYE. `packet_count` and `rtp_timestamp` are from the sender report in the same compound packet.
    fn handle_bye(&mut self, now: Instant, packet_count: Option<u32>, rtp_timestamp: Option<u32>) {
        let Some(play_range) = &mut self.play_range else { return };
        if rtp_timestamp.is_some_and(|timestamp| play_range.is_before(timestamp)) {
            return tracing::debug!("ignoring late BYE of the previous PLAY");
        }
        self.pipeline.emulator.handle_bye(packet_count);
        play_range.record_bye(now);
    }
}
