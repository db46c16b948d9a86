//! RTCP packets that a receiver sends (RFC 3550 §6). Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::proto::rtcp::{self, Epoch, ExtendedReportBlock, ReportBlock, RtcpPacket, SenderInfo};
use crate::session::options::RtcpIdentity;

/// Scheduler and encoder of receiver reports.
#[derive(Debug)]
pub struct ReceiverReports {
    identity: RtcpIdentity,
    next_report_at: Option<Instant>,
    rng: SmallRng,
    /// Middle 32 bits of the NTP timestamp of the last sender report, and its arrival time.
    last_sender_report: Option<(u32, Instant)>,
    epoch: Epoch,
    /// True if the sender responds to receiver reference times (RFC 3611 §5.1).
    has_receiver_rtt: bool,
    round_trip_time: Option<Duration>,
    /// Middle 32 bits of the last receiver reference times, the oldest first.
    reference_times: VecDeque<u32>,
}

/// Maximum number of reference times that are kept: the sender responds to the last one that it has received.
const MAX_REFERENCE_TIMES: usize = 8;

/// Mean interval between reports (RFC 3550 §6.2); half of it before the first.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

impl ReceiverReports {
    /// Creates a scheduler. No report is due before [`ReceiverReports::start`].
    pub fn new(identity: RtcpIdentity, epoch: Epoch) -> Self {
        let rng = SmallRng::seed_from_u64(u64::from(identity.ssrc));
        Self {
            identity,
            next_report_at: None,
            rng,
            last_sender_report: None,
            epoch,
            has_receiver_rtt: false,
            round_trip_time: None,
            reference_times: VecDeque::new(),
        }
    }

    /// Sets the reading of both clocks from which reference times count, after one of them has jumped. A reference time
    /// from before the jump that the sender returns is ignored.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.last_sender_report = None;
        self.reference_times.clear();
    }

    /// Starts a session. `has_receiver_rtt` is true if the sender responds to receiver reference times.
    pub fn start_session(&mut self, has_receiver_rtt: bool) {
        self.has_receiver_rtt = has_receiver_rtt;
        self.round_trip_time = None;
    }

    /// Starts reporting, unless reports are scheduled already.
    pub fn start(&mut self, now: Instant) {
        if self.next_report_at.is_none() {
            self.next_report_at = Some(now + self.randomize(REPORT_INTERVAL / 2));
        }
    }

    /// Stops reporting until the next start.
    pub fn stop(&mut self) {
        self.next_report_at = None;
        self.last_sender_report = None;
    }

    /// Handles an extended report. A DLRR block about this receiver yields the round-trip time (RFC 3611 §4.5).
    pub fn handle_extended_report(&mut self, now: Instant, block: ExtendedReportBlock) {
        let ExtendedReportBlock::Dlrr { ssrc, last_rr, delay_since_last_rr } = block else { return };
        if ssrc != self.identity.ssrc || !self.reference_times.contains(&last_rr) {
            return;
        }
        let round_trip_units =
            self.epoch.ntp_at(now).middle_bits().wrapping_sub(last_rr).wrapping_sub(delay_since_last_rr);
        // Both times have a resolution of 15 µs, so a very short round trip may come out negative.
        self.round_trip_time =
            Some(Duration::from_secs_f64(f64::from((round_trip_units as i32).max(0)) / 65_536.0));
    }

    /// Round-trip time to the sender, with a resolution of 15 µs; `None` before it was measured.
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }

    /// Handles a sender report, to which the next receiver reports refer.
    pub fn handle_sender_report(&mut self, now: Instant, info: &SenderInfo) {
        self.last_sender_report = Some((info.ntp.middle_bits(), now));
    }

    /// Time at which the next report is due; `None` while reporting is stopped.
    pub fn next_report_at(&self) -> Option<Instant> {
        self.next_report_at
    }

    /// Encodes a compound packet with a receiver report, and schedules the next one. `block` is about the source, if a
    /// packet was received from it.
    pub fn encode_report(&mut self, now: Instant, block: Option<ReportBlock>) -> Vec<u8> {
        self.next_report_at = Some(now + self.randomize(REPORT_INTERVAL));
        let reference_time = self.has_receiver_rtt.then(|| self.reference_time(now));
        let compound = [self.receiver_report(now, block), self.source_description()];
        rtcp::encode(&compound.into_iter().chain(reference_time).collect::<Vec<_>>())
    }

    fn reference_time(&mut self, now: Instant) -> RtcpPacket {
        let reference = self.epoch.ntp_at(now);
        if self.reference_times.len() == MAX_REFERENCE_TIMES {
            self.reference_times.pop_front();
        }
        self.reference_times.push_back(reference.middle_bits());
        let block = ExtendedReportBlock::ReceiverReferenceTime(reference);
        RtcpPacket::ExtendedReport { ssrc: self.identity.ssrc, block }
    }

    /// Encodes a request for these packets of the source with SSRC `media_ssrc`. It is alone if `is_reduced` is true
    /// (RFC 5506), and else follows a receiver report without a block.
    pub fn encode_nack(&self, now: Instant, media_ssrc: u32, lost: Vec<u16>, is_reduced: bool) -> Vec<u8> {
        let nack = RtcpPacket::GenericNack { ssrc: self.identity.ssrc, media_ssrc, lost };
        match is_reduced {
            true => rtcp::encode(&[nack]),
            false => rtcp::encode(&[self.receiver_report(now, None), self.source_description(), nack]),
        }
    }

    /// Encodes a compound packet with a last receiver report and BYE.
    pub fn encode_bye(&mut self, now: Instant, block: Option<ReportBlock>) -> Vec<u8> {
        let receiver_report = self.receiver_report(now, block);
        rtcp::encode(&[
            receiver_report,
            self.source_description(),
            RtcpPacket::Bye { ssrcs: vec![self.identity.ssrc] },
        ])
    }

    fn receiver_report(&self, now: Instant, block: Option<ReportBlock>) -> RtcpPacket {
        let blocks = block.into_iter().map(|mut block| {
            if let Some((middle_bits, arrival)) = self.last_sender_report {
                block.last_sender_report = middle_bits;
                block.delay_since_last_sender_report =
                    rtcp::dlsr_units(now.saturating_duration_since(arrival));
            }
            block
        });
        RtcpPacket::ReceiverReport { ssrc: self.identity.ssrc, blocks: blocks.collect() }
    }

    fn source_description(&self) -> RtcpPacket {
        RtcpPacket::SourceDescription { ssrc: self.identity.ssrc, cname: self.identity.cname.clone() }
    }

    /// Randomizes an interval to 0.5 to 1.5 times its length, so that receivers do not report in step (RFC 3550 §6.2).
    fn randomize(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(self.rng.random_range(0.5..1.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtcp::NtpTime;

    fn reports(now: Instant) -> ReceiverReports {
        let epoch = Epoch { instant: now, ntp: NtpTime(0xAAAA_BBBB_0000_0000) };
        ReceiverReports::new(RtcpIdentity { ssrc: 5, cname: "p".to_owned() }, epoch)
    }

    #[test]
    fn report_carries_last_sender_report_and_delay() {
        let now = Instant::now();
        let mut reports = reports(now);
        assert_eq!(reports.next_report_at(), None);
        reports.start(now);
        let due = reports.next_report_at().unwrap();
        assert!((1_250..3_750).contains(&(due - now).as_millis()));
        reports.handle_sender_report(
            now,
            &SenderInfo { ntp: NtpTime(0x1234_5678_9ABC_DEF0), ..SenderInfo::default() },
        );
        let later = now + Duration::from_millis(500);
        let bytes = reports.encode_report(later, Some(ReportBlock { ssrc: 9, ..ReportBlock::default() }));
        let RtcpPacket::ReceiverReport { ssrc: 5, blocks } = &rtcp::parse(&bytes).unwrap()[0] else {
            panic!()
        };
        assert_eq!(
            (blocks[0].last_sender_report, blocks[0].delay_since_last_sender_report),
            (0x5678_9ABC, 32_768)
        );
        assert!((2_500..7_500).contains(&(reports.next_report_at().unwrap() - later).as_millis()));
    }

    #[test]
    fn round_trip_time_excludes_sender_delay() {
        let now = Instant::now();
        let mut reports = reports(now);
        let has_reference_time = |bytes: Vec<u8>| {
            let extended = |packet: &RtcpPacket| matches!(packet, RtcpPacket::ExtendedReport { ssrc: 5, .. });
            rtcp::parse(&bytes).unwrap().iter().any(extended)
        };
        assert!(
            !has_reference_time(reports.encode_report(now, None)),
            "the sender has not offered to respond"
        );
        reports.start_session(true);
        assert!(has_reference_time(reports.encode_report(now, None)));
        let dlrr = |ssrc, delay| ExtendedReportBlock::Dlrr {
            ssrc,
            last_rr: 0xBBBB_0000,
            delay_since_last_rr: rtcp::dlsr_units(Duration::from_millis(delay)),
        };
        reports.handle_extended_report(now + Duration::from_millis(300), dlrr(6, 250));
        assert_eq!(reports.round_trip_time(), None, "the block is about another receiver");
        reports.handle_extended_report(now + Duration::from_millis(300), dlrr(5, 250));
        assert!((reports.round_trip_time().unwrap().as_secs_f64() - 0.05).abs() < 0.000_1);
        reports.handle_extended_report(now + Duration::from_millis(300), dlrr(5, 301));
        assert_eq!(reports.round_trip_time(), Some(Duration::ZERO));
        reports.start_session(true);
        assert_eq!(reports.round_trip_time(), None);
    }

    #[test]
    fn reference_time_from_before_a_clock_jump_is_ignored() {
        let now = Instant::now();
        let mut reports = reports(now);
        reports.start_session(true);
        reports.encode_report(now, None);
        reports.set_epoch(Epoch { instant: now, ntp: NtpTime(0xAAAA_CCCC_0000_0000) });
        let dlrr = |last_rr| ExtendedReportBlock::Dlrr { ssrc: 5, last_rr, delay_since_last_rr: 0 };
        reports.handle_extended_report(now, dlrr(0xBBBB_0000));
        assert_eq!(reports.round_trip_time(), None);
        reports.encode_report(now, None);
        reports.handle_extended_report(now + Duration::from_millis(20), dlrr(0xCCCC_0000));
        assert!((reports.round_trip_time().unwrap().as_secs_f64() - 0.02).abs() < 0.000_1);
    }
}
