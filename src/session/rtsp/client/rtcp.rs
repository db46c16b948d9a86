//! RTCP that the client sends, and packets that open a firewall. Sans-I/O.

use std::time::Instant;

use bytes::Bytes;

use super::RtspClient;
use crate::impairment::RawPacket;
use crate::proto::rtp;
use crate::proto::rtsp::{LowerTransport, Transport, encode_interleaved};
use crate::session::events::ClientOutput;
use crate::session::rtp::receiver::RtpFrameReceiver;

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

    pub(super) fn send_due_report(&mut self, now: Instant) {
        if self.reports.next_report_at().is_some_and(|at| now >= at) {
            let block = self.pipeline.receiver.as_mut().and_then(RtpFrameReceiver::report_block);
            let report = self.reports.encode_report(now, block);
            self.send_rtcp(report);
        }
    }
}
