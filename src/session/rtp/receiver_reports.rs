//! PURE. The RTCP that a player sends (RFC 3550 §6).

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::proto::rtcp;
use crate::proto::rtcp::{Epoch, ExtendedBlock, ReportBlock, Rtcp, SenderInfo};
use crate::session::options::Reporter;

/// Says when a receiver report is due, and what it is.
#[derive(Debug)]
pub struct Reports {
    reporter: Reporter,
    due: Option<Instant>,
    random: SmallRng,
    last_sender_report: Option<(u32, Instant)>,
    epoch: Epoch,
    /// The sender answers what measures a round trip.
    measures_round_trip: bool,
    round_trip: Option<Duration>,
}

/// Between two reports (RFC 3550 §6.2), half as long before the first.
const INTERVAL: Duration = Duration::from_secs(5);

impl Reports {
    /// Nothing is due before [`Reports::start`].
    pub fn new(reporter: Reporter, epoch: Epoch) -> Self {
        let random = SmallRng::seed_from_u64(u64::from(reporter.ssrc));
        Self {
            reporter,
            due: None,
            random,
            last_sender_report: None,
            epoch,
            measures_round_trip: false,
            round_trip: None,
        }
    }

    /// Another session, whose sender does or does not answer what measures a round trip.
    pub fn begin(&mut self, measures_round_trip: bool) {
        self.measures_round_trip = measures_round_trip;
        self.round_trip = None;
    }

    /// Packets are to be reported on from now on.
    pub fn start(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now + self.spread(INTERVAL / 2));
        }
    }

    /// Nothing is reported on any more.
    pub fn stop(&mut self) {
        self.due = None;
        self.last_sender_report = None;
    }

    /// The sender has sent back what measures a round trip (RFC 3611 §4.5).
    pub fn extended_report(&mut self, now: Instant, block: ExtendedBlock) {
        let ExtendedBlock::DelaySinceReference { ssrc, last_reference, delay } = block else { return };
        if ssrc != self.reporter.ssrc || last_reference == 0 {
            return;
        }
        let units = self.epoch.at(now).middle().wrapping_sub(last_reference).wrapping_sub(delay);
        // The clocks of both count with 15 µs; a trip of nothing may seem to end before it began.
        self.round_trip = Some(Duration::from_secs_f64(f64::from((units as i32).max(0)) / 65_536.0));
    }

    /// To the sender and back.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// A sender report has come.
    pub fn sender_report(&mut self, now: Instant, info: &SenderInfo) {
        self.last_sender_report = Some((info.ntp.middle(), now));
    }

    /// When the next report is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The report that is due; its block says what was received.
    pub fn report(&mut self, now: Instant, block: Option<ReportBlock>) -> Vec<u8> {
        self.due = Some(now + self.spread(INTERVAL));
        let reference = self.measures_round_trip.then(|| Rtcp::Extended {
            ssrc: self.reporter.ssrc,
            block: ExtendedBlock::ReferenceTime(self.epoch.at(now)),
        });
        let always = [self.receiver_report(now, block), self.description()];
        rtcp::write(&always.into_iter().chain(reference).collect::<Vec<_>>())
    }

    /// The last one.
    pub fn goodbye(&mut self, now: Instant, block: Option<ReportBlock>) -> Vec<u8> {
        let receiver_report = self.receiver_report(now, block);
        rtcp::write(&[receiver_report, self.description(), Rtcp::Bye { ssrcs: vec![self.reporter.ssrc] }])
    }

    fn receiver_report(&self, now: Instant, block: Option<ReportBlock>) -> Rtcp {
        let blocks = block.into_iter().map(|mut block| {
            if let Some((middle, arrival)) = self.last_sender_report {
                block.last_sender_report = middle;
                block.delay_since_last_sender_report =
                    rtcp::delay_units(now.saturating_duration_since(arrival));
            }
            block
        });
        Rtcp::ReceiverReport { ssrc: self.reporter.ssrc, blocks: blocks.collect() }
    }

    fn description(&self) -> Rtcp {
        Rtcp::SourceDescription { ssrc: self.reporter.ssrc, cname: self.reporter.cname.clone() }
    }

    /// Half to one and a half of a span, so that players do not report in step.
    fn spread(&mut self, span: Duration) -> Duration {
        span.mul_f64(self.random.random_range(0.5..1.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtcp::NtpTime;

    fn reports(now: Instant) -> Reports {
        let epoch = Epoch { instant: now, ntp: NtpTime(0xAAAA_BBBB_0000_0000) };
        Reports::new(Reporter { ssrc: 5, cname: "p".to_owned() }, epoch)
    }

    #[test]
    fn a_report_answers_the_last_sender_report() {
        let now = Instant::now();
        let mut reports = reports(now);
        assert_eq!(reports.due(), None);
        reports.start(now);
        let due = reports.due().unwrap();
        assert!((1_250..3_750).contains(&(due - now).as_millis()));
        reports
            .sender_report(now, &SenderInfo { ntp: NtpTime(0x1234_5678_9ABC_DEF0), ..SenderInfo::default() });
        let later = now + Duration::from_millis(500);
        let octets = reports.report(later, Some(ReportBlock { ssrc: 9, ..ReportBlock::default() }));
        let Rtcp::ReceiverReport { ssrc: 5, blocks } = &rtcp::parse(&octets).unwrap()[0] else { panic!() };
        assert_eq!(
            (blocks[0].last_sender_report, blocks[0].delay_since_last_sender_report),
            (0x5678_9ABC, 32_768)
        );
        assert!((2_500..7_500).contains(&(reports.due().unwrap() - later).as_millis()));
    }

    #[test]
    fn a_round_trip_is_what_the_senders_delay_leaves_of_the_time() {
        let now = Instant::now();
        let mut reports = reports(now);
        let asks = |octets: Vec<u8>| {
            let extended = |packet: &Rtcp| matches!(packet, Rtcp::Extended { ssrc: 5, .. });
            rtcp::parse(&octets).unwrap().iter().any(extended)
        };
        assert!(!asks(reports.report(now, None)), "nobody would answer");
        reports.begin(true);
        assert!(asks(reports.report(now, None)));
        let answer = |ssrc, delay| ExtendedBlock::DelaySinceReference {
            ssrc,
            last_reference: 0xBBBB_0000,
            delay: rtcp::delay_units(Duration::from_millis(delay)),
        };
        reports.extended_report(now + Duration::from_millis(300), answer(6, 250));
        assert_eq!(reports.round_trip(), None, "it is somebody else's");
        reports.extended_report(now + Duration::from_millis(300), answer(5, 250));
        assert!((reports.round_trip().unwrap().as_secs_f64() - 0.05).abs() < 0.000_1);
        reports.extended_report(now + Duration::from_millis(300), answer(5, 301));
        assert_eq!(reports.round_trip(), Some(Duration::ZERO));
        reports.begin(true);
        assert_eq!(reports.round_trip(), None);
    }
}
