//! Figures of presentation: first frame, playout delay, network and end-to-end delay, stalls.

use std::time::{Duration, Instant};

use super::meter::{RateMeter, RollingAverage};
use super::snapshot::{FrameTimeAreas, Snapshot};
use super::stalls::Stalls;
use crate::proto::rtcp::{Epoch, SenderInfo};
use crate::proto::rtp::CLOCK_RATE;

/// Figures of the frames of one session, from arrival to display.
#[derive(Debug, Clone)]
pub struct PresentationStats {
    /// Instant and NTP time of this machine at the same moment.
    epoch: Epoch,
    /// Playing time before the last start.
    played: Duration,
    /// Time of the last start; `None` while nothing plays.
    playing_since: Option<Instant>,
    play_requested_at: Option<Instant>,
    time_to_first_frame: Option<Duration>,
    shown: u64,
    /// Number of damaged frames that were shown.
    damaged: u64,
    /// Sum of the shares of the area that came from its own frame, each from 0 to 1.
    fresh_area: f64,
    /// Number of frames that were due and not shown, because nothing of them can be decoded or damaged frames are not
    /// shown.
    unshown: u64,
    shown_rate: RateMeter,
    playout_delays: RollingAverage,
    /// Age of frames at the arrival of their first packet.
    network_delays: DelayStats,
    /// Age of frames at display.
    end_to_end_delays: DelayStats,
    /// Last sender report, which maps RTP timestamps to NTP time.
    last_sender_report: Option<SenderInfo>,
    stalls: Stalls,
}

/// Delays over the last second and over the session.
#[derive(Debug, Clone, Default)]
struct DelayStats {
    last_second: RollingAverage,
    count: u64,
    total: Duration,
    max: Duration,
}

impl DelayStats {
    fn add(&mut self, now: Instant, delay: Duration) {
        self.last_second.add(now, delay);
        self.count += 1;
        self.total = self.total.saturating_add(delay);
        self.max = self.max.max(delay);
    }

    /// Mean over the session in milliseconds; `None` before the first delay.
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total.as_secs_f64() * 1_000.0 / self.count as f64)
    }
}

/// Maximum plausible delay. A larger one means that the clocks of the two machines do not agree.
const MAX_DELAY: Duration = Duration::from_secs(60);

impl PresentationStats {
    /// Creates the figures of a new session. `epoch` converts local time to NTP time.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            played: Duration::ZERO,
            playing_since: None,
            play_requested_at: None,
            time_to_first_frame: None,
            shown: 0,
            damaged: 0,
            fresh_area: 0.0,
            unshown: 0,
            shown_rate: RateMeter::default(),
            playout_delays: RollingAverage::default(),
            network_delays: DelayStats::default(),
            end_to_end_delays: DelayStats::default(),
            last_sender_report: None,
            stalls: Stalls::default(),
        }
    }

    /// Sets the reading of both clocks from which delays count, after one of them has jumped. Delays are unknown until
    /// the next sender report, because the clock of a sender on this computer has jumped as well.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.last_sender_report = None;
    }

    /// Records that PLAY was sent.
    pub fn record_play_request(&mut self, now: Instant) {
        self.play_requested_at = Some(now);
    }

    /// Starts the playing time, at the response to PLAY.
    pub fn start(&mut self, now: Instant) {
        self.stop(now);
        self.playing_since = Some(now);
    }

    /// Stops the playing time.
    pub fn stop(&mut self, now: Instant) {
        if let Some(since) = self.playing_since.take() {
            self.played += now.saturating_duration_since(since);
        }
        self.stalls.mark_discontinuity(now);
    }

    /// Handles a sender report, from which delays are computed.
    pub fn handle_sender_report(&mut self, info: SenderInfo) {
        self.last_sender_report = Some(info);
    }

    /// Records the arrival of the first packet of a frame.
    pub fn record_frame_start(&mut self, arrival: Instant, timestamp: u32) {
        if let Some(delay) = self.delay(arrival, timestamp) {
            self.network_delays.add(arrival, delay);
        }
    }

    /// Records that a frame is complete.
    pub fn record_complete_frame(&mut self, arrival: Instant) {
        if let (None, Some(requested_at)) = (self.time_to_first_frame, self.play_requested_at) {
            self.time_to_first_frame = Some(arrival.saturating_duration_since(requested_at));
        }
    }

    /// Records the share of the area of a frame shown that comes from the frame, from 0 to 1; `None` if it is complete.
    pub fn record_area(&mut self, fresh: Option<f64>) {
        self.damaged += u64::from(fresh.is_some());
        self.fresh_area += fresh.unwrap_or(1.0);
    }

    /// Records an incomplete frame that is not shown.
    pub fn record_unshown_frame(&mut self) {
        self.unshown += 1;
    }

    /// Records that a frame is shown at `now` which was complete at `arrival`. `timestamp` is its RTP timestamp.
    pub fn record_frame_shown(&mut self, now: Instant, arrival: Instant, timestamp: u32) {
        self.shown += 1;
        self.shown_rate.add(now, 1);
        self.playout_delays.add(now, now.saturating_duration_since(arrival));
        if let Some(delay) = self.delay(now, timestamp) {
            self.end_to_end_delays.add(now, delay);
        }
        self.stalls.record_frame_shown(now);
    }

    /// Returns the time since the sender's clock was at this timestamp; `None` without a sender report, or if the
    /// result is not plausible.
    fn delay(&self, now: Instant, timestamp: u32) -> Option<Duration> {
        let clock = self.last_sender_report?;
        let ticks = f64::from(timestamp.wrapping_sub(clock.rtp_timestamp) as i32);
        let since_report = self.epoch.ntp_at(now).seconds_since(clock.ntp);
        let seconds = since_report - ticks / f64::from(CLOCK_RATE);
        Duration::try_from_secs_f64(seconds).ok().filter(|age| *age <= MAX_DELAY)
    }

    /// Adds the figures of presentation. The snapshot has those of the receiver and of the jitter buffer already.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
        let since = self.playing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        snapshot.playing_s = (self.played + since).as_secs_f64();
        snapshot.first_frame_ms = self.time_to_first_frame.map(milliseconds);
        snapshot.frames_shown = self.shown;
        snapshot.frames_damaged = self.damaged;
        let due = self.shown + self.unshown + snapshot.frames_lost + snapshot.frames_dropped_late;
        snapshot.frame_times = FrameTimeAreas { count: due, fresh: self.fresh_area };
        snapshot.fresh_area = snapshot.frame_times.fresh_area_since(FrameTimeAreas::default());
        snapshot.frames_per_second_shown = self.shown_rate.per_second(now);
        snapshot.playout_delay_ms = self.playout_delays.mean_ms(now);
        snapshot.network_delay_ms = self.network_delays.last_second.mean_ms(now);
        snapshot.network_delay_mean_ms = self.network_delays.mean();
        snapshot.network_delay_max_ms =
            self.network_delays.mean().map(|_| milliseconds(self.network_delays.max));
        snapshot.end_to_end_ms = self.end_to_end_delays.last_second.mean_ms(now);
        snapshot.end_to_end_mean_ms = self.end_to_end_delays.mean();
        let stalls = self.stalls.figures(now);
        snapshot.stalls = stalls.count;
        snapshot.stalled_ms = milliseconds(stalls.total);
        snapshot.longest_stall_ms = milliseconds(stalls.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtcp::NtpTime;

    const MS: Duration = Duration::from_millis(1);

    fn snapshot(stats: &mut PresentationStats, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        stats.add_to(now, &mut snapshot);
        snapshot
    }

    #[test]
    fn pauses_do_not_count_as_playing_time() {
        let now = Instant::now();
        let mut stats = PresentationStats::new(Epoch { instant: now, ntp: NtpTime(1 << 40) });
        stats.record_play_request(now);
        stats.start(now + 10 * MS);
        stats.record_complete_frame(now + 35 * MS);
        stats.stop(now + 1_010 * MS);
        stats.record_play_request(now + 5_000 * MS);
        stats.start(now + 5_000 * MS);
        stats.record_complete_frame(now + 5_100 * MS);
        let snapshot = snapshot(&mut stats, now + 5_500 * MS);
        assert!((snapshot.playing_s - 1.5).abs() < 1e-9);
        assert_eq!(snapshot.first_frame_ms, Some(35.0), "only the first PLAY counts");
    }

    #[test]
    fn end_to_end_delay_follows_sender_reports() {
        let now = Instant::now();
        let ntp = NtpTime(3_900_000_000 << 32);
        let mut stats = PresentationStats::new(Epoch { instant: now, ntp });
        stats.record_frame_shown(now + 40 * MS, now, 100);
        assert_eq!(snapshot(&mut stats, now + 40 * MS).end_to_end_ms, None, "no report yet");
        // At the local time 0 the sender's clock is at u32::MAX - 899, which is 1,800 ticks before the timestamp 900.
        stats.handle_sender_report(SenderInfo {
            ntp,
            rtp_timestamp: u32::MAX - 899,
            ..SenderInfo::default()
        });
        stats.record_frame_shown(now + 80 * MS, now + 30 * MS, 900);
        let measured = snapshot(&mut stats, now + 80 * MS);
        let delay = measured.end_to_end_ms.unwrap();
        assert!((delay - 60.0).abs() < 0.01, "shown at 80 ms, sent at 20 ms: {delay}");
        assert_eq!(measured.playout_delay_ms, Some(45.0), "40 and 50 ms");
        stats.record_frame_start(now + 45 * MS, 900);
        stats.record_frame_start(now + 95 * MS, 900 + 4_500);
        let measured = snapshot(&mut stats, now + 100 * MS);
        assert!(
            (measured.network_delay_ms.unwrap() - 25.0).abs() < 0.01,
            "arrived 25 ms after they were sent"
        );
        assert!((measured.network_delay_max_ms.unwrap() - 25.0).abs() < 0.01);
        // A clock that is wrong by an hour is ignored.
        let wrong = NtpTime(3_900_003_600 << 32);
        stats.handle_sender_report(SenderInfo { ntp: wrong, rtp_timestamp: 0, ..SenderInfo::default() });
        stats.record_frame_shown(now + 2_000 * MS, now, 900);
        assert_eq!(snapshot(&mut stats, now + 2_000 * MS).end_to_end_ms, None);
    }

    #[test]
    fn delays_are_unknown_from_a_clock_jump_to_the_next_report() {
        let now = Instant::now();
        let ntp = NtpTime(3_900_000_000 << 32);
        let report = |seconds: u64| SenderInfo {
            ntp: NtpTime((3_900_000_000 + seconds) << 32),
            ..SenderInfo::default()
        };
        let mut stats = PresentationStats::new(Epoch { instant: now, ntp });
        stats.handle_sender_report(report(0));
        stats.record_frame_shown(now + 40 * MS, now, 0);
        assert!(snapshot(&mut stats, now + 40 * MS).end_to_end_ms.is_some());
        // The clocks of this computer, which is the sender, jump ahead by 30 s, which would be a delay.
        stats.set_epoch(Epoch { instant: now + 3_000 * MS, ntp: NtpTime(3_900_000_033 << 32) });
        stats.record_frame_shown(now + 4_040 * MS, now + 4_000 * MS, 360_000);
        assert_eq!(snapshot(&mut stats, now + 4_040 * MS).end_to_end_ms, None);
        stats.handle_sender_report(SenderInfo { rtp_timestamp: 360_000, ..report(34) });
        stats.record_frame_shown(now + 4_060 * MS, now + 4_000 * MS, 360_000);
        let delay = snapshot(&mut stats, now + 4_060 * MS).end_to_end_ms.unwrap();
        assert!((delay - 60.0).abs() < 0.01, "{delay}");
    }
}
