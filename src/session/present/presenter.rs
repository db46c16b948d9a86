//! PURE. What becomes of whole pictures: each waits for its time, is shown, and is counted.

use std::time::{Duration, Instant};

use super::frame::Frame;
use super::jitter_buffer::JitterBuffer;
use crate::proto::rtcp::Epoch;
use crate::session::state::{Goal, RtspState, SessionStatus};
use crate::stats::{PresentationStats, Snapshot};

/// The pictures of one session after another.
#[derive(Debug)]
pub struct Presenter {
    delay: Duration,
    epoch: Epoch,
    /// Pictures that wait.
    pub jitter_buffer: JitterBuffer,
    /// The account of those that were shown.
    pub stats: PresentationStats,
}

impl Presenter {
    /// A projector that lets pictures wait this long.
    pub fn new(delay: Duration, epoch: Epoch) -> Self {
        Self { delay, epoch, jitter_buffer: JitterBuffer::new(delay), stats: PresentationStats::new(epoch) }
    }

    /// A session is set up, of which nothing has come yet.
    pub fn reset(&mut self) {
        *self = Self::new(self.delay, self.epoch);
    }

    /// How much longer a picture waits than the quickest one needed.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// How long the receiver waits for a gap: as long as frames wait, within reason.
    pub fn reorder_timeout(&self) -> Duration {
        self.delay.clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Sets how long pictures wait from now on.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
        self.jitter_buffer.set_delay(delay);
    }

    /// The picture stands still as soon as the user wants it to, and goes on only when the server agrees.
    pub fn handle_status(&mut self, now: Instant, status: &SessionStatus) {
        match (status.state, status.goal) {
            (RtspState::Playing, Goal::Playing) => {
                if self.jitter_buffer.resume(now) {
                    self.stats.start(now);
                }
            }
            _ => {
                // A picture that is meant to stand still does not stall until the server has heard of it.
                if self.jitter_buffer.pause(now) {
                    self.stats.stop(now);
                }
            }
        }
    }

    /// Handles a frame as the receiver assembled it. Returns the frame that the taps get and that waits to be shown; a
    /// frame with missing ranges cannot be decoded, and is neither.
    pub fn handle_frame(&mut self, frame: Frame) -> Option<Frame> {
        if !frame.is_complete() {
            return None;
        }
        self.stats.record_complete_frame(frame.arrival);
        self.jitter_buffer.push(frame.clone());
        Some(frame)
    }

    /// Returns the frame to show now.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame> {
        let frame = self.jitter_buffer.pop(now)?;
        self.stats.shown(now, frame.arrival, frame.timestamp as u32);
        Some(frame)
    }

    /// Adds what is known here to the figures.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.stats.add_to(now, snapshot);
        self.jitter_buffer.add_to(now, snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::UNKNOWN_END;
    use crate::proto::rtcp::NtpTime;
    use bytes::Bytes;

    #[test]
    fn incomplete_frames_are_neither_tapped_nor_shown() {
        let now = Instant::now();
        let epoch = Epoch { instant: now, ntp: NtpTime(0) };
        let mut presenter = Presenter::new(Duration::ZERO, epoch);
        let complete =
            Frame { jpeg: Bytes::from_static(b"jpeg"), missing: Vec::new(), timestamp: 0, arrival: now };
        let incomplete = Frame { missing: vec![2..3, 4..UNKNOWN_END], timestamp: 4_500, ..complete.clone() };
        assert_eq!(presenter.handle_frame(complete.clone()), Some(complete.clone()));
        assert_eq!(presenter.handle_frame(incomplete), None);
        assert_eq!(presenter.poll_frame(now), Some(complete));
        assert_eq!(presenter.poll_frame(now + Duration::from_secs(1)), None);
    }
}
