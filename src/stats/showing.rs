//! What reaches the eye: when the first picture comes, how long pictures wait, how old they are, whether they stall.

use std::time::{Duration, Instant};

use super::Snapshot;
use super::meter::{Average, Meter};
use super::stalls::Stalls;
use crate::proto::rtcp::{Epoch, SenderInfo};
use crate::proto::rtp::CLOCK_RATE;

/// Follows the pictures of one session.
#[derive(Debug, Clone)]
pub struct Showing {
    /// Two clocks of this machine that show the same instant.
    epoch: Epoch,
    /// How long it has played before now, and since when it plays.
    played: Duration,
    playing_since: Option<Instant>,
    asked_at: Option<Instant>,
    first_picture: Option<Duration>,
    shown: u64,
    rate: Meter,
    waits: Average,
    /// How old pictures are when their first packet arrives.
    delays: Spans,
    /// How old pictures are when they are shown.
    ages: Spans,
    /// What the sender has said last of its two clocks.
    sender_clock: Option<SenderInfo>,
    stalls: Stalls,
}

/// Spans of the last second, and of all the session.
#[derive(Debug, Clone, Default)]
struct Spans {
    last_second: Average,
    count: u64,
    total: Duration,
    longest: Duration,
}

impl Spans {
    fn add(&mut self, now: Instant, span: Duration) {
        self.last_second.add(now, span);
        self.count += 1;
        self.total = self.total.saturating_add(span);
        self.longest = self.longest.max(span);
    }

    /// In milliseconds, over all of them.
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total.as_secs_f64() * 1_000.0 / self.count as f64)
    }
}

/// A picture is not older than this; where it seems so, the clocks of the two machines do not agree.
const OLDEST: Duration = Duration::from_secs(60);

impl Showing {
    /// Nothing has been shown.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            played: Duration::ZERO,
            playing_since: None,
            asked_at: None,
            first_picture: None,
            shown: 0,
            rate: Meter::default(),
            waits: Average::default(),
            delays: Spans::default(),
            ages: Spans::default(),
            sender_clock: None,
            stalls: Stalls::default(),
        }
    }

    /// PLAY has been sent.
    pub fn ask(&mut self, now: Instant) {
        self.asked_at = Some(now);
    }

    /// PLAY has been answered.
    pub fn start(&mut self, now: Instant) {
        self.stop(now);
        self.playing_since = Some(now);
    }

    /// It does not play any more.
    pub fn stop(&mut self, now: Instant) {
        if let Some(since) = self.playing_since.take() {
            self.played += now.saturating_duration_since(since);
        }
        self.stalls.interrupt(now);
    }

    /// The sender has said what its clocks show.
    pub fn sender_report(&mut self, info: SenderInfo) {
        self.sender_clock = Some(info);
    }

    /// The first packet of a picture has arrived.
    pub fn begun(&mut self, arrival: Instant, timestamp: u32) {
        if let Some(delay) = self.age(arrival, timestamp) {
            self.delays.add(arrival, delay);
        }
    }

    /// A picture is whole.
    pub fn arrived(&mut self, arrival: Instant) {
        if let (None, Some(asked)) = (self.first_picture, self.asked_at) {
            self.first_picture = Some(arrival.saturating_duration_since(asked));
        }
    }

    /// A picture that was whole at `arrival` is shown; its timestamp is that of its packets.
    pub fn shown(&mut self, now: Instant, arrival: Instant, timestamp: u32) {
        self.shown += 1;
        self.rate.add(now, 1);
        self.waits.add(now, now.saturating_duration_since(arrival));
        if let Some(age) = self.age(now, timestamp) {
            self.ages.add(now, age);
        }
        self.stalls.shown(now);
    }

    /// How long ago the sender's clock stood where the timestamp says.
    fn age(&self, now: Instant, timestamp: u32) -> Option<Duration> {
        let clock = self.sender_clock?;
        let ticks = f64::from(timestamp.wrapping_sub(clock.rtp_timestamp) as i32);
        let since_report = self.epoch.at(now).seconds_since(clock.ntp);
        let seconds = since_report - ticks / f64::from(CLOCK_RATE);
        Duration::try_from_secs_f64(seconds).ok().filter(|age| *age <= OLDEST)
    }

    /// Adds what is known here to the figures.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
        let since = self.playing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        snapshot.playing_s = (self.played + since).as_secs_f64();
        snapshot.first_frame_ms = self.first_picture.map(milliseconds);
        snapshot.frames_shown = self.shown;
        snapshot.frames_per_second_shown = self.rate.per_second(now);
        snapshot.playout_delay_ms = self.waits.milliseconds(now);
        snapshot.network_delay_ms = self.delays.last_second.milliseconds(now);
        snapshot.network_delay_mean_ms = self.delays.mean();
        snapshot.network_delay_max_ms = self.delays.mean().map(|_| milliseconds(self.delays.longest));
        snapshot.end_to_end_ms = self.ages.last_second.milliseconds(now);
        snapshot.end_to_end_mean_ms = self.ages.mean();
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

    fn figures(showing: &mut Showing, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        showing.add_to(now, &mut snapshot);
        snapshot
    }

    #[test]
    fn only_the_time_in_which_it_plays_counts() {
        let now = Instant::now();
        let mut showing = Showing::new(Epoch { instant: now, ntp: NtpTime(1 << 40) });
        showing.ask(now);
        showing.start(now + 10 * MS);
        showing.arrived(now + 35 * MS);
        showing.stop(now + 1_010 * MS);
        showing.ask(now + 5_000 * MS);
        showing.start(now + 5_000 * MS);
        showing.arrived(now + 5_100 * MS);
        let figures = figures(&mut showing, now + 5_500 * MS);
        assert!((figures.playing_s - 1.5).abs() < 1e-9);
        assert_eq!(figures.first_frame_ms, Some(35.0), "that of the first PLAY");
    }

    #[test]
    fn a_picture_is_as_old_as_the_senders_clock_says() {
        let now = Instant::now();
        let ntp = NtpTime(3_900_000_000 << 32);
        let mut showing = Showing::new(Epoch { instant: now, ntp });
        showing.shown(now + 40 * MS, now, 100);
        assert_eq!(figures(&mut showing, now + 40 * MS).end_to_end_ms, None, "no report yet");
        // At our instant 0 the sender's clock showed the timestamp 1,000, over a wrap from what follows.
        showing.sender_report(SenderInfo { ntp, rtp_timestamp: u32::MAX - 899, ..SenderInfo::default() });
        showing.shown(now + 80 * MS, now + 30 * MS, 900);
        let seen = figures(&mut showing, now + 80 * MS);
        let age = seen.end_to_end_ms.unwrap();
        assert!((age - 60.0).abs() < 0.01, "shown at 80 ms, sent at 20 ms: {age}");
        assert_eq!(seen.playout_delay_ms, Some(45.0), "40 and 50 ms");
        showing.begun(now + 45 * MS, 900);
        showing.begun(now + 95 * MS, 900 + 4_500);
        let seen = figures(&mut showing, now + 100 * MS);
        assert!((seen.network_delay_ms.unwrap() - 25.0).abs() < 0.01, "arrived 25 ms after they were sent");
        assert!((seen.network_delay_max_ms.unwrap() - 25.0).abs() < 0.01);
        // A clock that is an hour off tells nothing.
        let wrong = NtpTime(3_900_003_600 << 32);
        showing.sender_report(SenderInfo { ntp: wrong, rtp_timestamp: 0, ..SenderInfo::default() });
        showing.shown(now + 2_000 * MS, now, 900);
        assert_eq!(figures(&mut showing, now + 2_000 * MS).end_to_end_ms, None);
    }
}
