//! RTCP of a stream: sender reports, round-trip measurement and BYE. Sans-I/O.

use std::time::{Duration, Instant};

use crate::proto::rtcp::{self, ExtendedReportBlock, NtpTime, RtcpPacket, SenderInfo};

/// Interval of sender reports (RFC 3550 §6.2 recommends a minimum of 5 s).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Minimum interval of sender reports with a response to a receiver reference time (RFC 3611 §4.4).
const REQUESTED_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Sender reports of one stream, and the counters in them.
#[derive(Debug)]
pub struct SenderReports {
    ssrc: u32,
    cname: String,
    /// False for classroom programs, which do not use RTCP.
    is_enabled: bool,
    packet_count: u32,
    payload_bytes: u32,
    next_report_at: Option<Instant>,
    /// Value of `packet_count` in the last report.
    reported_packets: u32,
    last_report_at: Option<Instant>,
    receiver_reference: Option<ReceiverReference>,
    /// Counts of the streams of retransmissions and of parity packets, from the first packet of each on.
    repairs: Vec<RepairCounts>,
    is_bye_sent: bool,
}

/// Counts of a stream of retransmissions or parity packets, which is a source of its own (RFC 4588 §5, RFC 5956).
#[derive(Debug, Clone, Copy)]
struct RepairCounts {
    ssrc: u32,
    packets: u32,
    payload_bytes: u32,
}

/// Receiver reference time to be returned in a DLRR block (RFC 3611 §4.4, §4.5).
#[derive(Debug, Clone, Copy)]
struct ReceiverReference {
    ssrc: u32,
    last_rr: u32,
    arrived_at: Instant,
}

/// The same instant on both clocks, as a sender report states it (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy)]
pub struct ReportTime {
    /// Wall-clock time, as an NTP timestamp.
    pub ntp: NtpTime,
    /// RTP timestamp, in ticks of 90 kHz.
    pub rtp_timestamp: u32,
}

impl SenderReports {
    /// Creates the reports of a stream that has sent nothing.
    pub fn new(ssrc: u32, cname: String) -> Self {
        Self {
            ssrc,
            cname,
            is_enabled: true,
            packet_count: 0,
            payload_bytes: 0,
            next_report_at: None,
            reported_packets: 0,
            last_report_at: None,
            receiver_reference: None,
            repairs: Vec::new(),
            is_bye_sent: false,
        }
    }

    /// Creates reports that are never sent.
    pub fn disabled() -> Self {
        Self { is_enabled: false, ..Self::new(0, String::new()) }
    }

    /// Schedules a report at the start of a PLAY.
    pub fn handle_play(&mut self, now: Instant) {
        self.next_report_at = self.is_enabled.then_some(now);
        self.is_bye_sent = false;
    }

    /// Handles a pause between two frames, in which the receiver could take the stream for broken: a report is due at
    /// `earliest` if none was sent since the last packet, and tells that nothing more was sent. Returns the time of the
    /// next report.
    pub fn handle_long_wait(&mut self, earliest: Instant) -> Option<Instant> {
        if self.reported_packets != self.packet_count {
            self.next_report_at = self.next_report_at.map(|due| due.min(earliest));
        }
        self.next_report_at
    }

    /// Handles RTCP of the receiver. The response to a receiver reference time is sent in the next report, which is due
    /// early: 1 s after the previous one.
    pub fn handle_rtcp(&mut self, now: Instant, packets: &[RtcpPacket]) {
        for packet in packets {
            if let RtcpPacket::ExtendedReport {
                ssrc,
                block: ExtendedReportBlock::ReceiverReferenceTime(ntp),
            } = packet
            {
                self.receiver_reference =
                    Some(ReceiverReference { ssrc: *ssrc, last_rr: ntp.middle_bits(), arrived_at: now });
                let earliest =
                    self.last_report_at.map_or(now, |at| (at + REQUESTED_REPORT_INTERVAL).max(now));
                self.next_report_at = self.next_report_at.map(|due| due.min(earliest));
            }
        }
    }

    /// Drops the reference time of the receiver, because the time since its arrival is unknown after a jump of a clock.
    pub fn handle_clock_jump(&mut self) {
        self.receiver_reference = None;
    }

    /// Counts RTP packets that were sent. `payload_bytes` does not include the RTP headers and their extensions.
    pub fn record_packets(&mut self, count: usize, payload_bytes: usize) {
        // Truncated on purpose: both counts are modulo 2^32.
        self.packet_count = self.packet_count.wrapping_add(count as u32);
        self.payload_bytes = self.payload_bytes.wrapping_add(payload_bytes as u32);
    }

    /// Counts a packet that was sent again, or a parity packet, with this SSRC. `payload_bytes` does not include the
    /// RTP header.
    pub fn record_repair(&mut self, ssrc: u32, payload_bytes: usize) {
        if !self.repairs.iter().any(|counts| counts.ssrc == ssrc) {
            self.repairs.push(RepairCounts { ssrc, packets: 0, payload_bytes: 0 });
        }
        for counts in self.repairs.iter_mut().filter(|counts| counts.ssrc == ssrc) {
            counts.packets = counts.packets.wrapping_add(1);
            counts.payload_bytes = counts.payload_bytes.wrapping_add(payload_bytes as u32);
        }
    }

    /// Returns true if a report is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.next_report_at.is_some_and(|due| now >= due)
    }

    /// Returns a compound packet with a sender report, SDES, and a DLRR block if the receiver sent a reference time.
    /// Schedules the next report.
    pub fn next_report(&mut self, now: Instant, time: ReportTime) -> Vec<u8> {
        self.next_report_at = Some(now + REPORT_INTERVAL);
        self.last_report_at = Some(now);
        self.reported_packets = self.packet_count;
        let dlrr = self.receiver_reference.take().map(|reference| RtcpPacket::ExtendedReport {
            ssrc: self.ssrc,
            block: reference.dlrr_block(now),
        });
        let packets = [self.sender_report(time), self.source_description()].into_iter().chain(dlrr);
        rtcp::encode(&packets.chain(self.repair_reports(time)).collect::<Vec<_>>())
    }

    /// Reports on the streams of retransmissions and parity packets, whose timestamps are those of the original
    /// packets. The CNAME ties them to the stream (RFC 4588 §5.3).
    fn repair_reports(&self, ReportTime { ntp, rtp_timestamp }: ReportTime) -> Vec<RtcpPacket> {
        let report = |counts: &RepairCounts| {
            let info = SenderInfo {
                ntp,
                rtp_timestamp,
                packet_count: counts.packets,
                octet_count: counts.payload_bytes,
            };
            [
                RtcpPacket::SenderReport { ssrc: counts.ssrc, info, blocks: Vec::new() },
                RtcpPacket::SourceDescription { ssrc: counts.ssrc, cname: self.cname.clone() },
            ]
        };
        self.repairs.iter().flat_map(report).collect()
    }

    /// Returns a compound packet with BYE; `None` if no packet was ever sent, if BYE has been sent since the last
    /// PLAY, and if reports are disabled.
    pub fn bye(&mut self, time: ReportTime) -> Option<Vec<u8>> {
        if self.packet_count == 0 || self.is_bye_sent || !self.is_enabled {
            return None;
        }
        self.is_bye_sent = true;
        let packet = RtcpPacket::Bye { ssrcs: vec![self.ssrc] };
        Some(rtcp::encode(&[self.sender_report(time), self.source_description(), packet]))
    }

    fn sender_report(&self, ReportTime { ntp, rtp_timestamp }: ReportTime) -> RtcpPacket {
        let info = SenderInfo {
            ntp,
            rtp_timestamp,
            packet_count: self.packet_count,
            octet_count: self.payload_bytes,
        };
        RtcpPacket::SenderReport { ssrc: self.ssrc, info, blocks: Vec::new() }
    }

    fn source_description(&self) -> RtcpPacket {
        RtcpPacket::SourceDescription { ssrc: self.ssrc, cname: self.cname.clone() }
    }
}

impl ReceiverReference {
    fn dlrr_block(&self, now: Instant) -> ExtendedReportBlock {
        let delay = rtcp::dlsr_units(now.saturating_duration_since(self.arrived_at));
        ExtendedReportBlock::Dlrr { ssrc: self.ssrc, last_rr: self.last_rr, delay_since_last_rr: delay }
    }
}
