//! PURE. The RTCP that a player sends (RFC 3550 §6).

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::proto::rtcp::{self, ReportBlock, Rtcp, SenderInfo};

/// Who reports.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// The player's own synchronisation source; random.
    pub ssrc: u32,
    /// The player's canonical name (RFC 7022 wants it to say nothing of the machine).
    pub cname: String,
}

/// Says when a receiver report is due, and what it is.
#[derive(Debug)]
pub struct Reports {
    reporter: Reporter,
    due: Option<Instant>,
    random: SmallRng,
    last_sender_report: Option<(u32, Instant)>,
}

/// Between two reports (RFC 3550 §6.2), half as long before the first.
const INTERVAL: Duration = Duration::from_secs(5);

impl Reports {
    /// Nothing is due before [`Reports::start`].
    pub fn new(reporter: Reporter) -> Self {
        let random = SmallRng::seed_from_u64(u64::from(reporter.ssrc));
        Self { reporter, due: None, random, last_sender_report: None }
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
        let receiver_report = self.receiver_report(now, block);
        rtcp::write(&[receiver_report, self.description()])
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

    #[test]
    fn a_report_answers_the_last_sender_report() {
        let now = Instant::now();
        let mut reports = Reports::new(Reporter { ssrc: 5, cname: "p".to_owned() });
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
}
