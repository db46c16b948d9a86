//! PURE. Where a PLAY is in the film, and when it is over.
//!
//! The end is known from RTCP BYE or from the end of the Range, whichever comes first: a BYE that is lost must not
//! leave the player waiting.

use std::time::{Duration, Instant};

use super::machine::Start;
use crate::proto::rtp::{CLOCK_RATE, extend_timestamp};
use crate::proto::rtsp::Npt;

/// One PLAY, on the clock of its timestamps.
#[derive(Debug)]
pub struct Ending {
    start: Option<Npt>,
    end: Option<Npt>,
    rtptime: Option<u32>,
    /// The timestamp of `start`, extended; known with the first packet.
    origin: Option<i64>,
    /// From one frame to the next, in ticks.
    interval: Option<i64>,
    /// The interval is what the description said.
    knows_rate: bool,
    last_timestamp: Option<i64>,
    goodbye: Option<Instant>,
}

impl Ending {
    /// What a PLAY announced.
    pub fn new(start: &Start, frame_rate: Option<f64>) -> Self {
        Self {
            start: start.range.start,
            end: start.range.end,
            rtptime: start.rtptime,
            origin: None,
            interval: frame_rate.map(|rate| (f64::from(CLOCK_RATE) / rate).round() as i64),
            knows_rate: frame_rate.is_some(),
            last_timestamp: None,
            goodbye: None,
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

    /// A packet of this timestamp, extended, has come.
    pub fn packet(&mut self, timestamp: i64) {
        let rtptime = self.rtptime;
        self.origin
            .get_or_insert_with(|| rtptime.map_or(timestamp, |rtptime| extend_timestamp(timestamp, rtptime)));
        let step = self.last_timestamp.map(|last| timestamp - last).filter(|step| *step > 0);
        // The shortest step is from one frame to the next; longer ones lead over frames that were lost.
        if let (Some(step), false) = (step, self.knows_rate) {
            self.interval = Some(self.interval.map_or(step, |known| known.min(step)));
        }
        self.last_timestamp = Some(self.last_timestamp.map_or(timestamp, |last| last.max(timestamp)));
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
        let (start, origin) = (self.start?, self.origin?);
        let ticks = u64::try_from(timestamp - origin).ok()?;
        Some(Npt::from_micros(start.as_micros() + ticks * 1_000_000 / u64::from(CLOCK_RATE)))
    }

    /// The timestamp at which the range ends; `None` while that is not known.
    pub fn end_timestamp(&self) -> Option<i64> {
        let (start, end, origin) = (self.start?, self.end?, self.origin?);
        let micros = i128::from(end.as_micros()) - i128::from(start.as_micros());
        i64::try_from(micros * i128::from(CLOCK_RATE) / 1_000_000).ok().map(|ticks| origin + ticks)
    }

    /// How long the range is.
    pub fn length(&self) -> Option<Duration> {
        let (start, end) = (self.start?, self.end?);
        Some(Duration::from_micros(end.as_micros().saturating_sub(start.as_micros())))
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
        last >= end - interval - interval / 2
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

    #[test]
    fn the_last_frame_is_known_by_its_timestamp_over_the_wrap() {
        let mut ending = Ending::new(&start("npt=20-25", Some(u32::MAX - 10)), Some(20.0));
        let first = i64::from(u32::MAX) - 10;
        // The first packet that arrives need not be the first that was sent.
        ending.packet(first + 9_000);
        assert_eq!(ending.position(first + 9_000), Some(Npt::from_micros(20_100_000)));
        assert_eq!(ending.end_timestamp(), Some(first + 450_000));
        ending.packet(first + 98 * 4_500);
        assert!(!ending.has_reached_last_frame());
        ending.packet(first + 99 * 4_500);
        assert!(ending.has_reached_last_frame());
    }

    #[test]
    fn without_rtp_info_and_rate_the_packets_tell() {
        let mut ending = Ending::new(&start("npt=0-0.2", None), None);
        for frame in 0..4 {
            assert!(!ending.has_reached_last_frame());
            ending.packet(77_000 + frame * 4_500);
        }
        assert!(ending.has_reached_last_frame());
    }

    #[test]
    fn a_range_without_end_has_none() {
        let mut ending = Ending::new(&start("npt=0-", Some(0)), Some(20.0));
        ending.packet(0);
        assert_eq!(ending.end_timestamp(), None);
        ending.set_end(Some(Npt::from_micros(1_000_000)));
        assert_eq!(ending.end_timestamp(), Some(90_000));
    }
}
