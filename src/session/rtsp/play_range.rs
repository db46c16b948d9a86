//! Range of one PLAY: its position on the RTP clock, and its end. Sans-I/O.
//!
//! The end is detected by RTCP BYE or by the end of the Range, whichever comes first: after a lost BYE the client must
//! not wait forever.

use std::time::{Duration, Instant};

use super::play_response::PlayResponse;
use crate::proto::rtp::{CLOCK_RATE, extend_timestamp};
use crate::proto::rtsp::{Factor, Npt};
use crate::session::rtp::rtp_info::AnnouncedPacket;

/// Range of one PLAY on the RTP clock.
#[derive(Debug)]
pub struct PlayRange {
    start: Option<Npt>,
    end: Option<Npt>,
    announced: AnnouncedPacket,
    scale: Factor,
    /// Extended timestamp of `start`; `None` before the first packet.
    start_timestamp: Option<i64>,
    /// Interval between frames, in ticks of 90 kHz.
    interval_ticks: Option<i64>,
    last_timestamp: Option<i64>,
    bye_at: Option<Instant>,
    /// Positions of the previous PLAY, if this one continues it.
    previous: Option<PositionMapping>,
}

/// Mapping from timestamps to positions.
#[derive(Debug, Clone, Copy)]
struct PositionMapping {
    start: Npt,
    start_timestamp: i64,
    scale: Factor,
}

impl PositionMapping {
    fn position(self, timestamp: i64) -> Option<Npt> {
        let ticks = u128::try_from(timestamp - self.start_timestamp).ok()?;
        let micros = ticks * u128::from(self.scale.as_thousandths()) * 1_000 / u128::from(CLOCK_RATE);
        self.start.as_micros().checked_add(u64::try_from(micros).ok()?).map(Npt::from_micros)
    }
}

/// Maximum distance between timestamps, in ticks of 90 kHz, that are still taken for the same clock: one hour.
const MAX_CLOCK_DISTANCE: i32 = 3_600 * CLOCK_RATE as i32;

/// Maximum part of the range, in ticks of 90 kHz, that may be lost at its end: two seconds.
const MAX_MISSING_END: i64 = 2 * CLOCK_RATE as i64;

impl PlayRange {
    /// Creates the range from a response to PLAY. `frame_rate` is from the SDP, in frames per second.
    pub fn new(response: &PlayResponse, announced: AnnouncedPacket, frame_rate: Option<f64>) -> Self {
        // At another scale a server may skip frames or send more of them; only the packets show which.
        let frame_rate = frame_rate.filter(|_| response.scale == Factor::ONE);
        Self {
            start: response.range.start,
            end: response.range.end,
            announced,
            scale: response.scale,
            start_timestamp: None,
            interval_ticks: frame_rate.map(|rate| (f64::from(CLOCK_RATE) / rate).round() as i64),
            last_timestamp: None,
            bye_at: None,
            previous: None,
        }
    }

    /// Sets the end, unless it is known already.
    pub fn set_end(&mut self, end: Option<Npt>) {
        self.end = self.end.or(end);
    }

    /// Returns true if the end is known.
    pub fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// End of the range; `None` while it is unknown.
    pub fn end(&self) -> Option<Npt> {
        self.end
    }

    /// Records a packet with this extended timestamp.
    pub fn record_packet(&mut self, now: Instant, timestamp: i64) {
        let rtptime =
            self.announced.rtptime.filter(|_| self.announced.matches_timestamp(now, timestamp as u32));
        self.start_timestamp
            .get_or_insert_with(|| rtptime.map_or(timestamp, |rtptime| extend_timestamp(timestamp, rtptime)));
        let interval = self.last_timestamp.map(|last| timestamp - last).filter(|interval| *interval > 0);
        // The shortest interval is that between two frames; longer ones span lost frames. With a stated frame rate that
        // is too low, an earlier frame would count as the last one, so the measured interval replaces it.
        if let Some(interval) = interval {
            self.interval_ticks = Some(self.interval_ticks.map_or(interval, |known| known.min(interval)));
        }
        self.last_timestamp = Some(self.last_timestamp.map_or(timestamp, |last| last.max(timestamp)));
    }

    /// Returns true if a timestamp is before this PLAY, by at most an hour: a larger distance means another clock.
    pub fn is_before(&self, timestamp: u32) -> bool {
        // The first packet confirms or replaces the announced timestamp.
        let start = self.start_timestamp.map(|origin| origin as u32).or(self.announced.rtptime);
        let distance = start.map(|start| start.wrapping_sub(timestamp).cast_signed());
        distance.is_some_and(|distance| (1..=MAX_CLOCK_DISTANCE).contains(&distance))
    }

    /// Records the arrival of BYE; only the first counts.
    pub fn record_bye(&mut self, now: Instant) {
        self.bye_at.get_or_insert(now);
    }

    /// Arrival time of BYE; `None` before it.
    pub fn bye_at(&self) -> Option<Instant> {
        self.bye_at
    }

    /// Returns the position of a frame with this extended timestamp; `None` if it is unknown.
    pub fn position(&self, timestamp: i64) -> Option<Npt> {
        // Before the first packet of this PLAY, all frames belong to the previous one.
        let mapping = self.mapping();
        let previous =
            self.previous.filter(|_| mapping.is_none_or(|mapping| timestamp < mapping.start_timestamp));
        previous.or(mapping)?.position(timestamp)
    }

    /// Continues a PLAY that was paused. Frames of it may still be waiting to be shown.
    pub fn continue_from(&mut self, previous: &Self) {
        self.previous = previous.mapping().or(previous.previous);
    }

    fn mapping(&self) -> Option<PositionMapping> {
        Some(PositionMapping {
            start: self.start?,
            start_timestamp: self.start_timestamp?,
            scale: self.scale,
        })
    }

    /// Returns the extended timestamp at which the range ends; `None` while it is unknown.
    pub fn end_timestamp(&self) -> Option<i64> {
        let (start, end, start_timestamp) = (self.start?, self.end?, self.start_timestamp?);
        let micros = i128::from(end.as_micros()) - i128::from(start.as_micros());
        let ticks = micros * i128::from(CLOCK_RATE) / 1_000 / i128::from(self.scale.as_thousandths());
        start_timestamp.checked_add(i64::try_from(ticks).ok()?)
    }

    /// Returns the time that playing the range takes; `None` if start or end is unknown.
    pub fn duration(&self) -> Option<Duration> {
        let (start, end) = (self.start?, self.end?);
        let micros = u128::from(end.as_micros().saturating_sub(start.as_micros()));
        let micros = micros * 1_000 / u128::from(self.scale.as_thousandths());
        u64::try_from(micros).ok().map(Duration::from_micros)
    }

    /// Returns the interval between frames, as stated or measured; `None` while it is unknown.
    pub fn frame_interval(&self) -> Option<Duration> {
        let ticks = u64::try_from(self.interval_ticks?).ok()?;
        Some(Duration::from_micros(ticks.saturating_mul(1_000_000) / u64::from(CLOCK_RATE)))
    }

    /// Returns true if a packet of the last frame of the range has arrived.
    pub fn has_reached_last_frame(&self) -> bool {
        if self.start.zip(self.end).is_some_and(|(start, end)| start >= end) {
            return true;
        }
        let (Some(end), Some(last), Some(interval)) =
            (self.end_timestamp(), self.last_timestamp, self.interval_ticks)
        else {
            return false;
        };
        // Half a frame of tolerance, because ranges are rounded.
        last >= end.saturating_sub(interval).saturating_sub(interval / 2)
    }

    /// Returns true if more than two seconds are missing at the end of the range, which losses do not explain.
    pub fn is_cut_short(&self) -> bool {
        self.end_timestamp().zip(self.last_timestamp).is_some_and(|(end, last)| end - last > MAX_MISSING_END)
    }

    /// Returns true if a packet has arrived whose timestamp is at most two seconds before the end of the range.
    pub fn is_near_end(&self) -> bool {
        self.last_timestamp.is_some() && self.end_timestamp().is_some() && !self.is_cut_short()
    }

    /// Returns true if the range is over by the clock. `expected_end` is the time at which a packet with the timestamp
    /// of the end would arrive.
    pub fn has_elapsed(&self, now: Instant, expected_end: Option<Instant>) -> bool {
        // The last frame started one interval earlier. 20 ms of tolerance for the difference between the clocks.
        expected_end.is_some_and(|end| now + Duration::from_millis(20) >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::NptRange;

    fn response(range: &str, rtptime: Option<u32>) -> PlayResponse {
        PlayResponse { range: NptRange::parse(range).unwrap(), rtptime, ..PlayResponse::default() }
    }

    fn play_range(response: &PlayResponse, frame_rate: Option<f64>) -> PlayRange {
        let announced = AnnouncedPacket {
            sequence: response.sequence,
            rtptime: response.rtptime,
            announced_at: Instant::now(),
        };
        PlayRange::new(response, announced, frame_rate)
    }

    #[test]
    fn wrong_announced_timestamp_does_not_end_stream() {
        let mut play = play_range(&response("npt=0-10", Some(0)), Some(20.0));
        play.record_packet(Instant::now(), 3_000_000_000);
        assert!(!play.has_reached_last_frame());
        assert_eq!(play.position(3_000_000_000), Some(Npt::ZERO));
    }

    #[test]
    fn is_before_uses_start_that_packets_confirm() {
        let mut play = play_range(&response("npt=0-10", Some(0)), Some(20.0));
        assert!(play.is_before(u32::MAX - 90_000), "the announced timestamp applies before the first packet");
        play.record_packet(Instant::now(), 4_200_000_000);
        assert!(!play.is_before(4_200_000_000 + 90_000));
        assert!(play.is_before(4_200_000_000 - 90_000));
    }

    #[test]
    fn last_frame_is_recognised_across_timestamp_wrap() {
        let mut play = play_range(&response("npt=20-25", Some(u32::MAX - 10)), Some(20.0));
        let first = i64::from(u32::MAX) - 10;
        // The first packet received is not always the first one sent.
        play.record_packet(Instant::now(), first + 9_000);
        assert_eq!(play.position(first + 9_000), Some(Npt::from_micros(20_100_000)));
        assert_eq!(play.end_timestamp(), Some(first + 450_000));
        play.record_packet(Instant::now(), first + 98 * 4_500);
        assert!(!play.has_reached_last_frame());
        play.record_packet(Instant::now(), first + 99 * 4_500);
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn reordered_packet_does_not_change_interval() {
        let mut play = play_range(&response("npt=0-1", None), None);
        for timestamp in [0, 9_000, 4_500, 13_500] {
            play.record_packet(Instant::now(), timestamp);
        }
        assert!(!play.has_reached_last_frame());
        play.record_packet(Instant::now(), 90_000 - 4_500);
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn end_is_found_without_rtp_info_and_frame_rate() {
        let mut play = play_range(&response("npt=0-0.2", None), None);
        for frame in 0..4 {
            assert!(!play.has_reached_last_frame());
            play.record_packet(Instant::now(), 77_000 + frame * 4_500);
        }
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn understated_frame_rate_does_not_end_stream_early() {
        let mut play = play_range(&response("npt=0-10", Some(0)), Some(1.0));
        for frame in 0..199 {
            play.record_packet(Instant::now(), frame * 4_500);
            assert!(!play.has_reached_last_frame(), "{frame}");
        }
        play.record_packet(Instant::now(), 199 * 4_500);
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn scale_changes_positions_and_duration() {
        let faster =
            PlayResponse { scale: Factor::from_thousandths(2_000), ..response("npt=10-20", Some(1_000)) };
        let mut play = play_range(&faster, Some(20.0));
        assert_eq!(play.duration(), Some(Duration::from_secs(5)));
        // Every second frame, at the usual interval.
        for frame in 0..99 {
            play.record_packet(Instant::now(), 1_000 + frame * 4_500);
            assert!(!play.has_reached_last_frame(), "{frame}");
        }
        assert_eq!(play.position(1_000 + 90_000), Some(Npt::from_micros(12_000_000)));
        assert_eq!(play.end_timestamp(), Some(1_000 + 450_000));
        play.record_packet(Instant::now(), 1_000 + 99 * 4_500);
        assert!(play.has_reached_last_frame());

        let slower = PlayResponse { scale: Factor::from_thousandths(500), ..response("npt=0-0.2", Some(0)) };
        let mut play = play_range(&slower, Some(20.0));
        for frame in 0..4 {
            assert!(!play.has_reached_last_frame(), "{frame}");
            play.record_packet(Instant::now(), frame * 9_000);
        }
        assert!(play.has_reached_last_frame());
    }

    #[test]
    fn overflowing_positions_are_unknown() {
        let far = "npt=18446744073709-18446744073709.5";
        let fast = PlayResponse { scale: Factor::from_thousandths(u32::MAX), ..response(far, Some(0)) };
        let mut play = play_range(&fast, None);
        play.record_packet(Instant::now(), 0);
        assert_eq!(play.position(i64::MAX), None);
        assert_eq!(play.end_timestamp(), Some(0));
    }

    #[test]
    fn open_range_has_no_end_timestamp() {
        let mut play = play_range(&response("npt=0-", Some(0)), Some(20.0));
        play.record_packet(Instant::now(), 0);
        assert_eq!(play.end_timestamp(), None);
        play.set_end(Some(Npt::from_micros(1_000_000)));
        assert_eq!(play.end_timestamp(), Some(90_000));
    }
}
