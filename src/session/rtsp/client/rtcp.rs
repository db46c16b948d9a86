//! RTCP that the client sends, and packets that open a firewall. Sans-I/O.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::RtspClient;
use crate::impairment::RawPacket;
use crate::proto::rtp;
use crate::proto::rtsp::{LowerTransport, Transport, encode_interleaved};
use crate::session::events::ClientOutput;
use crate::session::rtp::receiver::RtpFrameReceiver;

/// Interval of frames whose rate is unknown: that of 20 frames per second.
const DEFAULT_FRAME_INTERVAL: Duration = Duration::from_millis(50);

/// Time that requests wait for reordered packets and for RTCP bandwidth.
const REQUEST_WAIT: Duration = Duration::from_millis(10);

impl RtspClient {
    /// Sends a packet from each UDP port, so that a stateful firewall lets the stream in. The RTCP packet is the first
    /// report, which also measures the round-trip time.
    pub(super) fn punch_firewall_hole(&mut self, now: Instant) {
        let Some(Transport { lower_transport, server_port, .. }) = &self.transport else { return };
        match (lower_transport, server_port) {
            (LowerTransport::Udp, None) => return,
            (LowerTransport::Udp, Some(_)) => self.send_empty_rtp(),
            (LowerTransport::Tcp, _) => {}
        }
        let report = self.reports.encode_report(now, None);
        self.send_rtcp(report);
    }

    /// Sends an RTP packet without a payload, which servers ignore.
    fn send_empty_rtp(&mut self) {
        let header = rtp::Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 };
        let packet = Bytes::copy_from_slice(&header.encode(false));
        self.pipeline.outputs.push(ClientOutput::SendPacket(RawPacket::rtp(packet)));
    }

    pub(super) fn send_rtcp(&mut self, packet: Vec<u8>) {
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

    /// Requests the packets that are missing (RFC 4585 §6.2.1).
    pub(super) fn send_due_requests(&mut self, now: Instant) {
        let round_trip = self.reports.round_trip_time();
        self.reserve_repair_time(round_trip);
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        let Some((ssrc, lost)) = receiver.poll_request(now, round_trip) else { return };
        let is_reduced = receiver.retransmission_offer().is_some_and(|offer| offer.reduced_size);
        let request = self.reports.encode_nack(now, ssrc, lost, is_reduced);
        receiver.record_request(now, request.len());
        self.send_rtcp(request);
    }

    /// Lets an adaptive playout delay have room for two requests. The loss of the last packet of a frame is noticed at
    /// the next frame only.
    fn reserve_repair_time(&mut self, round_trip: Option<Duration>) {
        let receiver = self.pipeline.receiver.as_ref();
        let is_negotiated = receiver.is_some_and(|receiver| receiver.retransmission_offer().is_some());
        let Some(round_trip) = round_trip.filter(|_| is_negotiated) else { return };
        let frame_rate = self.presentation.as_ref().and_then(|presentation| presentation.frame_rate);
        let frame_interval =
            frame_rate.map_or(DEFAULT_FRAME_INTERVAL, |rate| Duration::from_secs_f64(rate.recip()));
        self.pipeline.set_repair_time(frame_interval + round_trip * 5 / 2 + REQUEST_WAIT);
    }

    pub(super) fn send_due_report(&mut self, now: Instant) {
        if self.reports.next_report_at().is_some_and(|at| now >= at) {
            let block = self.pipeline.receiver.as_mut().and_then(RtpFrameReceiver::report_block);
            let report = self.reports.encode_report(now, block);
            self.send_rtcp(report);
        }
    }
}
