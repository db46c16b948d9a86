//! PURE. What becomes of whole pictures: each waits for its time, is shown, and is counted.

use std::time::{Duration, Instant};

use super::frame::ReceivedFrame;
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

    /// Gaps are waited for as long as pictures wait, within reason.
    pub fn patience(&self) -> Duration {
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

    /// A picture is whole.
    pub fn arrived(&mut self, frame: ReceivedFrame) {
        self.showing.arrived(frame.arrival);
        self.playout.push(frame);
    }

    /// The picture to show now.
    pub fn show(&mut self, now: Instant) -> Option<ReceivedFrame> {
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
