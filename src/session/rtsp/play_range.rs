//! PURE. Where a PLAY is in the film, and when it is over.
//!
//! The end is known from RTCP BYE or from the end of the Range, whichever comes first: a BYE that is lost must not
//! leave the player waiting.

use std::time::{Duration, Instant};

use super::play_response::Start;
use crate::proto::rtp::{CLOCK_RATE, extend_timestamp};
use crate::proto::rtsp::{Factor, Npt};
use crate::session::rtp::rtp_info::FirstPacket;

/// One PLAY, on the clock of its timestamps.
#[derive(Debug)]
pub struct Ending {
    start: Option<Npt>,
    end: Option<Npt>,
    first: FirstPacket,
    scale: Factor,
    /// The timestamp of `start`, extended; known with the first packet.
    origin: Option<i64>,
    /// From one frame to the next, in ticks.
    interval: Option<i64>,
    last_timestamp: Option<i64>,
    goodbye: Option<Instant>,
    /// Positions of the PLAY before, where this one goes on.
    former: Option<Line>,
}

/// Which positions belong to which timestamps.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: Npt,
    origin: i64,
    scale: Factor,
}

impl Line {
    fn position(self, timestamp: i64) -> Option<Npt> {
        let ticks = u128::try_from(timestamp - self.origin).ok()?;
        let micros = ticks * u128::from(self.scale.as_thousandths()) * 1_000 / u128::from(CLOCK_RATE);
        self.start.as_micros().checked_add(u64::try_from(micros).ok()?).map(Npt::from_micros)
    }
}

/// An hour.
const ANOTHER_CLOCK: i32 = 3_600 * CLOCK_RATE as i32;

/// Two seconds.
const CUT_SHORT: i64 = 2 * CLOCK_RATE as i64;

impl Ending {
    /// What a PLAY announced.
    pub fn new(start: &Start, first: FirstPacket, frame_rate: Option<f64>) -> Self {
        // At another scale a server leaves frames out or sends more of them, and only the packets tell which.
        let frame_rate = frame_rate.filter(|_| start.scale == Factor::ONE);
        Self {
            start: start.range.start,
            end: start.range.end,
            first,
            scale: start.scale,
            origin: None,
            interval: frame_rate.map(|rate| (f64::from(CLOCK_RATE) / rate).round() as i64),
            last_timestamp: None,
            goodbye: None,
            former: None,
        }
    }

    /// The end has become known.
    pub fn set_end(&mut self, end: Option<Npt>) {
        self.end = self.end.or(end);
    }

    /// Whether the end is known.
    pub fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Where it ends, if that is known.
    pub fn end(&self) -> Option<Npt> {
        self.end
    }

    /// A packet of this timestamp, extended, has come.
    pub fn packet(&mut self, now: Instant, timestamp: i64) {
        let rtptime = self.first.rtptime.filter(|_| self.first.is_near(now, timestamp as u32));
        self.origin
            .get_or_insert_with(|| rtptime.map_or(timestamp, |rtptime| extend_timestamp(timestamp, rtptime)));
        let step = self.last_timestamp.map(|last| timestamp - last).filter(|step| *step > 0);
        // The shortest step is from one frame to the next; longer ones lead over frames that were lost. A rate that was
        // stated and is too low would take an earlier frame for the last, and gives way to what is seen.
        if let Some(step) = step {
            self.interval = Some(self.interval.map_or(step, |known| known.min(step)));
        }
        self.last_timestamp = Some(self.last_timestamp.map_or(timestamp, |last| last.max(timestamp)));
    }

    /// Whether a moment on the clock of timestamps is before this PLAY, and not so long that it is another clock's.
    pub fn is_before(&self, timestamp: u32) -> bool {
        // Once a packet has come it is known whether what was announced is to be believed.
        let begin = self.origin.map(|origin| origin as u32).or(self.first.rtptime);
        let ahead = begin.map(|begin| begin.wrapping_sub(timestamp).cast_signed());
        ahead.is_some_and(|ahead| (1..=ANOTHER_CLOCK).contains(&ahead))
    }

    /// The server has said goodbye.
    pub fn goodbye(&mut self, now: Instant) {
        self.goodbye.get_or_insert(now);
    }

    /// When the server said goodbye.
    pub fn goodbye_at(&self) -> Option<Instant> {
        self.goodbye
    }

    /// The position of a timestamp.
    pub fn position(&self, timestamp: i64) -> Option<Npt> {
        // Until a packet of this PLAY has come, everything that is here belongs to the one before.
        let line = self.line();
        let of_former = self.former.filter(|_| line.is_none_or(|line| timestamp < line.origin));
        of_former.or(line)?.position(timestamp)
    }

    /// Goes on where another one was paused, of which frames may be under way yet.
    pub fn goes_on_from(&mut self, former: &Self) {
        self.former = former.line().or(former.former);
    }

    fn line(&self) -> Option<Line> {
        Some(Line { start: self.start?, origin: self.origin?, scale: self.scale })
    }

    /// The timestamp at which the range ends; `None` while that is not known.
    pub fn end_timestamp(&self) -> Option<i64> {
        let (start, end, origin) = (self.start?, self.end?, self.origin?);
        let micros = i128::from(end.as_micros()) - i128::from(start.as_micros());
        let ticks = micros * i128::from(CLOCK_RATE) / 1_000 / i128::from(self.scale.as_thousandths());
        origin.checked_add(i64::try_from(ticks).ok()?)
    }

    /// How long the range takes.
    pub fn length(&self) -> Option<Duration> {
        let (start, end) = (self.start?, self.end?);
        let micros = u128::from(end.as_micros().saturating_sub(start.as_micros()));
        let micros = micros * 1_000 / u128::from(self.scale.as_thousandths());
        u64::try_from(micros).ok().map(Duration::from_micros)
    }

    /// From one frame to the next, as it was stated or has been seen.
    pub fn frame_interval(&self) -> Option<Duration> {
        let ticks = u64::try_from(self.interval?).ok()?;
        Some(Duration::from_micros(ticks.saturating_mul(1_000_000) / u64::from(CLOCK_RATE)))
    }

    /// Whether the last frame of the range has begun to arrive.
    pub fn has_reached_last_frame(&self) -> bool {
        if self.start.zip(self.end).is_some_and(|(start, end)| start >= end) {
            return true;
        }
        let (Some(end), Some(last), Some(interval)) =
            (self.end_timestamp(), self.last_timestamp, self.interval)
        else {
            return false;
        };
        // Half a frame of tolerance, for ranges that are rounded.
        last >= end.saturating_sub(interval).saturating_sub(interval / 2)
    }

    /// Whether more is missing to the end of the range than losses explain.
    pub fn is_cut_short(&self) -> bool {
        self.end_timestamp().zip(self.last_timestamp).is_some_and(|(end, last)| end - last > CUT_SHORT)
    }

    /// Whether the end has gone by on the clock, given when a packet of the end's timestamp would arrive.
    pub fn is_over_by_the_clock(&self, now: Instant, expected_end: Option<Instant>) -> bool {
        // The last frame has begun an interval before; a little more for the clocks.
        expected_end.is_some_and(|end| now + Duration::from_millis(20) >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::NptRange;

    fn start(range: &str, rtptime: Option<u32>) -> Start {
        Start { range: NptRange::parse(range).unwrap(), rtptime, ..Start::default() }
    }

    fn ending(start: &Start, frame_rate: Option<f64>) -> Ending {
        let first = FirstPacket { sequence: start.sequence, rtptime: start.rtptime, at: Instant::now() };
        Ending::new(start, first, frame_rate)
    }

    #[test]
    fn a_timestamp_that_is_announced_without_a_thought_does_not_end_the_film() {
        let mut play = ending(&start("npt=0-10", Some(0)), Some(20.0));
        play.packet(Instant::now(), 3_000_000_000);
        assert!(!play.has_reached_last_frame());
        assert_eq!(play.position(3_000_000_000), Some(Npt::ZERO));
    }

    #[test]
    fn what_is_before_is_before_what_is_believed() {
        let mut play = ending(&start("npt=0-10", Some(0)), Some(20.0));
        assert!(play.is_before(u32::MAX - 90_000), "as far as is known");
        play.packet(Instant::now(), 4_200_000_000);
        assert!(!play.is_before(4_200_000_000 + 90_000));
        assert!(play.is_before(4_200_000_000 - 90_000));
    }

    #[test]
    fn the_last_frame_is_known_by_its_timestamp_over_the_wrap() {
        let mut play = ending(&start("npt=20-25", Some(u32::MAX - 10)), Some(20.0));
        let first = i64::from(u32::MAX) - 10;
        // The first packet that arrives need not be the first that was sent.
        play.packet(Instant::now(), first + 9_000);
        assert_eq!(play.position(first + 9_000), Some(Npt::from_micros(20_100_000)));
        assert_eq!(play.end_timestamp(), Some(first + 450_000));
        play.packet(Instant::now(), first + 98 * 4_500);
        assert!(!play.has_reached_last_frame());
        play.packet(Instant::now(), first + 99 * 4_500);
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn a_packet_that_was_overtaken_is_no_step() {
        let mut play = ending(&start("npt=0-1", None), None);
        for timestamp in [0, 9_000, 4_500, 13_500] {
            play.packet(Instant::now(), timestamp);
        }
        assert!(!play.has_reached_last_frame());
        play.packet(Instant::now(), 90_000 - 4_500);
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn without_rtp_info_and_rate_the_packets_tell() {
        let mut play = ending(&start("npt=0-0.2", None), None);
        for frame in 0..4 {
            assert!(!play.has_reached_last_frame());
            play.packet(Instant::now(), 77_000 + frame * 4_500);
        }
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn a_rate_that_is_stated_too_low_does_not_end_the_film_before_its_end() {
        let mut play = ending(&start("npt=0-10", Some(0)), Some(1.0));
        for frame in 0..199 {
            play.packet(Instant::now(), frame * 4_500);
            assert!(!play.has_reached_last_frame(), "{frame}");
        }
        play.packet(Instant::now(), 199 * 4_500);
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn at_another_scale_timestamps_are_worth_more_or_less() {
        let faster = Start { scale: Factor::thousandths(2_000), ..start("npt=10-20", Some(1_000)) };
        let mut play = ending(&faster, Some(20.0));
        assert_eq!(play.length(), Some(Duration::from_secs(5)));
        // Every second frame, as far from each other as usual.
        for frame in 0..99 {
            play.packet(Instant::now(), 1_000 + frame * 4_500);
            assert!(!play.has_reached_last_frame(), "{frame}");
        }
        assert_eq!(play.position(1_000 + 90_000), Some(Npt::from_micros(12_000_000)));
        assert_eq!(play.end_timestamp(), Some(1_000 + 450_000));
        play.packet(Instant::now(), 1_000 + 99 * 4_500);
        assert!(play.has_reached_last_frame());

        let slower = Start { scale: Factor::thousandths(500), ..start("npt=0-0.2", Some(0)) };
        let mut play = ending(&slower, Some(20.0));
        for frame in 0..4 {
            assert!(!play.has_reached_last_frame(), "{frame}");
            play.packet(Instant::now(), frame * 9_000);
        }
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn numbers_that_no_film_has_are_no_positions() {
        let far = "npt=18446744073709-18446744073709.5";
        let fast = Start { scale: Factor::thousandths(u32::MAX), ..start(far, Some(0)) };
        let mut play = ending(&fast, None);
        play.packet(Instant::now(), 0);
        assert_eq!(play.position(i64::MAX), None);
        assert_eq!(play.end_timestamp(), Some(0));
    }

    #[test]
    fn a_range_without_end_has_none() {
        let mut play = ending(&start("npt=0-", Some(0)), Some(20.0));
        play.packet(Instant::now(), 0);
        assert_eq!(play.end_timestamp(), None);
        play.set_end(Some(Npt::from_micros(1_000_000)));
        assert_eq!(play.end_timestamp(), Some(90_000));
    }
}
