//! PURE. What becomes of whole pictures: each waits for its time, is shown, and is counted.

use std::time::{Duration, Instant};

use super::frame::Frame;
use super::jitter_buffer::Playout;
use crate::proto::rtcp::Epoch;
use crate::session::state::{Goal, RtspState, Status};
use crate::stats::{Showing, Snapshot};

/// The pictures of one session after another.
#[derive(Debug)]
pub struct Projector {
    delay: Duration,
    epoch: Epoch,
    /// Pictures that wait.
    pub playout: Playout,
    /// The account of those that were shown.
    pub showing: Showing,
}

impl Projector {
    /// A projector that lets pictures wait this long.
    pub fn new(delay: Duration, epoch: Epoch) -> Self {
        Self { delay, epoch, playout: Playout::new(delay), showing: Showing::new(epoch) }
    }

    /// A session is set up, of which nothing has come yet.
    pub fn begin(&mut self) {
        *self = Self::new(self.delay, self.epoch);
    }

    /// How much longer a picture waits than the quickest one needed.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// How long the receiver waits for a gap: as long as frames wait, within reason.
    pub fn reorder_wait(&self) -> Duration {
        self.delay.clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Sets how long pictures wait from now on.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
        self.playout.set_delay(delay);
    }

    /// The picture stands still as soon as the user wants it to, and goes on only when the server agrees.
    pub fn follow(&mut self, now: Instant, status: &Status) {
        match (status.state, status.goal) {
            (RtspState::Playing, Goal::Playing) => {
                if self.playout.resume(now) {
                    self.showing.start(now);
                }
            }
            _ => {
                // A picture that is meant to stand still does not stall until the server has heard of it.
                if self.playout.pause(now) {
                    self.showing.stop(now);
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
        self.showing.arrived(frame.arrival);
        self.playout.push(frame.clone());
        Some(frame)
    }

    /// Returns the frame to show now.
    pub fn show(&mut self, now: Instant) -> Option<Frame> {
        let frame = self.playout.pop(now)?;
        self.showing.shown(now, frame.arrival, frame.timestamp as u32);
        Some(frame)
    }

    /// Adds what is known here to the figures.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        self.showing.add_to(now, snapshot);
        self.playout.add_to(now, snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::UNKNOWN_END;
    use crate::proto::rtcp::NtpTime;
    use bytes::Bytes;

    #[test]
    fn complete_frames_go_to_taps_and_screen_and_incomplete_ones_to_neither() {
        let now = Instant::now();
        let epoch = Epoch { instant: now, ntp: NtpTime(0) };
        let mut presenter = Projector::new(Duration::ZERO, epoch);
        let complete =
            Frame { jpeg: Bytes::from_static(b"jpeg"), missing: Vec::new(), timestamp: 0, arrival: now };
        let incomplete = Frame { missing: vec![2..3, 4..UNKNOWN_END], timestamp: 4_500, ..complete.clone() };
        assert_eq!(presenter.handle_frame(complete.clone()), Some(complete.clone()));
        assert_eq!(presenter.handle_frame(incomplete), None);
        assert_eq!(presenter.show(now), Some(complete));
        assert_eq!(presenter.show(now + Duration::from_secs(1)), None);
    }
}
