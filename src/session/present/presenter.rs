//! Presenter of frames: damaged ones are repaired, and each waits until it is due, is shown, and is counted. Sans-I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::adaptive_delay::AdaptiveDelay;
use super::jitter_buffer::JitterBuffer;
use crate::media::jpeg::{self, ReceivedParts};
use crate::proto::rtcp::Epoch;
use crate::session::frame::Frame;
use crate::session::options::PlayoutDelay;
use crate::session::state::{Goal, RtspState, SessionStatus};
use crate::stats::{DelayReason, PresentationStats, Snapshot};

/// Presenter of the frames of one session after another.
#[derive(Debug)]
pub struct Presenter {
    delay: PlayoutDelay,
    /// Estimate for [`PlayoutDelay::Auto`].
    adaptive_delay: AdaptiveDelay,
    epoch: Epoch,
    /// Damaged frames are shown as far as they can be decoded.
    shows_damaged: bool,
    /// Frames that wait to be shown.
    pub jitter_buffer: JitterBuffer,
    /// Figures of the frames shown.
    pub stats: PresentationStats,
}

impl Presenter {
    /// Creates a presenter with this playout delay.
    pub fn new(delay: PlayoutDelay, epoch: Epoch) -> Self {
        Self {
            delay,
            adaptive_delay: AdaptiveDelay::default(),
            epoch,
            shows_damaged: true,
            jitter_buffer: JitterBuffer::new(delay.initial()),
            stats: PresentationStats::new(epoch),
        }
    }

    /// Discards frames and figures, for a new session.
    pub fn reset(&mut self) {
        *self = Self { shows_damaged: self.shows_damaged, ..Self::new(self.delay, self.epoch) };
    }

    /// Sets the reading of both clocks from which delays count, after one of them has jumped.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.stats.set_epoch(epoch);
    }

    /// Playout delay of frames that arrive from now on.
    pub fn delay(&self) -> Duration {
        match self.delay {
            PlayoutDelay::Fixed(delay) => delay,
            PlayoutDelay::Auto => self.adaptive_delay.delay(),
        }
    }

    /// Time that the receiver waits for a gap to fill: the playout delay, but at least 10 ms and at most 1 s.
    pub fn reorder_timeout(&self) -> Duration {
        self.delay().clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Returns the time at which a frame with this timestamp is due; `None` before the first frame.
    pub fn expected_due(&self, timestamp: i64) -> Option<Instant> {
        Some(self.jitter_buffer.expected_arrival(timestamp)? + self.delay())
    }

    /// Sets the playout delay of frames that arrive from now on.
    pub fn set_delay(&mut self, delay: PlayoutDelay) {
        self.delay = delay;
        self.jitter_buffer.set_delay(self.delay());
    }

    /// Sets the time that lost packets need to be sent again. Returns true if the playout delay has changed.
    pub fn set_repair_time(&mut self, time: Duration) -> bool {
        let previous = self.delay();
        self.adaptive_delay.set_floor(time);
        self.jitter_buffer.set_delay(self.delay());
        self.delay() != previous
    }

    /// Records the arrival of a packet of the frame with this extended timestamp. Returns true if the playout delay has
    /// changed.
    pub fn record_arrival(&mut self, arrival: Instant, timestamp: i64) -> bool {
        let previous = self.delay();
        self.adaptive_delay.record_packet(arrival, timestamp);
        self.jitter_buffer.set_delay(self.delay());
        self.delay() != previous
    }

    /// Discards the frames that wait, because the stream continues at another position. An adaptive delay is kept.
    pub fn clear(&mut self) {
        self.jitter_buffer.clear();
        self.adaptive_delay.restart();
    }

    /// Sets whether damaged frames that arrive from now on are shown.
    pub fn set_shows_damaged(&mut self, shows_damaged: bool) {
        self.shows_damaged = shows_damaged;
    }

    /// Pauses the screen as soon as the user wants it, and resumes it only when the server is playing too.
    pub fn handle_status(&mut self, now: Instant, status: &SessionStatus) {
        match (status.state, status.goal) {
            (RtspState::Playing, Goal::Playing) => {
                if self.jitter_buffer.resume(now) {
                    self.adaptive_delay.restart();
                    self.stats.start(now);
                }
            }
            _ => {
                // From now on the frame on the screen is not a stall, even before the server has responded.
                if self.jitter_buffer.pause(now) {
                    self.stats.stop(now);
                }
            }
        }
    }

    /// Handles a frame of the receiver. A complete frame is queued and returned for the taps. Of an incomplete one, the
    /// parts that can be decoded are queued, if there are any.
    pub fn handle_frame(&mut self, frame: Frame) -> Option<Frame> {
        if !frame.is_complete() {
            match self.repair(frame) {
                Some(repaired) => self.jitter_buffer.push(repaired),
                None => self.stats.record_unshown_frame(),
            }
            return None;
        }
        self.stats.record_complete_frame(frame.arrival);
        self.jitter_buffer.push(frame.clone());
        Some(frame)
    }

    /// Returns what can be decoded of an incomplete frame as a JPEG; `None` if that is nothing, or is not to be shown.
    fn repair(&self, frame: Frame) -> Option<Frame> {
        let parts = ReceivedParts { jpeg: &frame.jpeg, missing: &frame.missing, restarts: &frame.restarts };
        let (jpeg, area) = jpeg::repair(parts).filter(|_| self.shows_damaged)?;
        Some(Frame { jpeg: jpeg.into(), fresh_area: Some(Arc::new(area)), ..frame })
    }

    /// Returns the frame to show now.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame> {
        let frame = self.jitter_buffer.pop(now)?;
        self.stats.record_frame_shown(now, frame.arrival, frame.timestamp as u32);
        self.stats.record_area(frame.fresh_area.as_ref().map(|area| area.share()));
        Some(frame)
    }

    /// Adds the figures of presentation and jitter buffer.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.jitter_buffer.add_to(now, snapshot);
        self.stats.add_to(now, snapshot);
        snapshot.held_delay_ms = Some(self.delay().as_secs_f64() * 1_000.0);
        snapshot.held_delay_reason = Some(match self.delay {
            PlayoutDelay::Fixed(_) => DelayReason::Fixed,
            PlayoutDelay::Auto => self.adaptive_delay.reason(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::UNKNOWN_END;
    use crate::proto::rtcp::NtpTime;
    use bytes::Bytes;

    #[test]
    fn undecodable_incomplete_frames_are_neither_tapped_nor_shown() {
        let now = Instant::now();
        let epoch = Epoch { instant: now, ntp: NtpTime(0) };
        let mut presenter = Presenter::new(Duration::ZERO.into(), epoch);
        let complete = Frame::complete(Bytes::from_static(b"jpeg"), 0, now);
        let incomplete = Frame { missing: vec![2..3, 4..UNKNOWN_END], timestamp: 4_500, ..complete.clone() };
        assert_eq!(presenter.handle_frame(complete.clone()), Some(complete.clone()));
        assert_eq!(presenter.handle_frame(incomplete), None);
        assert_eq!(presenter.poll_frame(now), Some(complete));
        assert_eq!(presenter.poll_frame(now + Duration::from_secs(1)), None);
        assert_eq!(figures(&mut presenter, now), (1, 0, Some(0.5)));
    }

    /// Returns the numbers of frames shown and shown damaged, and the fresh area.
    fn figures(presenter: &mut Presenter, now: Instant) -> (u64, u64, Option<f64>) {
        let mut snapshot = Snapshot::default();
        presenter.add_to(now, &mut snapshot);
        (snapshot.frames_shown, snapshot.frames_damaged, snapshot.fresh_area)
    }

    #[test]
    fn damaged_frames_are_shown_but_not_tapped_unless_switched_off() {
        let now = Instant::now();
        let epoch = Epoch { instant: now, ntp: NtpTime(0) };
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        let pixels: Vec<u8> = (0..64 * 64).map(|index| (index * 7 % 251) as u8).collect();
        encoder.encode(&pixels, 64, 64, jpeg_encoder::ColorType::Luma).unwrap();
        let end = jpeg.len() - 300;
        let damaged = Frame {
            missing: std::iter::once(end..UNKNOWN_END).collect(),
            ..Frame::complete(jpeg[..end].to_vec().into(), 0, now)
        };
        let mut presenter = Presenter::new(Duration::ZERO.into(), epoch);
        assert_eq!(presenter.handle_frame(damaged.clone()), None);
        let shown = presenter.poll_frame(now).unwrap();
        assert!(!shown.is_complete() && shown.jpeg.ends_with(&[0xFF, 0xD9]));
        let share = shown.fresh_area.unwrap().share();
        assert!(share > 0.3 && share < 1.0, "{share}");
        assert_eq!(figures(&mut presenter, now), (1, 1, Some(share)));
        presenter.set_shows_damaged(false);
        presenter.reset();
        assert_eq!(presenter.handle_frame(damaged), None);
        assert_eq!(presenter.poll_frame(now), None);
        assert_eq!(figures(&mut presenter, now), (0, 0, Some(0.0)));
    }
}
