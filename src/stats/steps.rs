//! The rate at which pictures are sent, by their timestamps.

use std::collections::VecDeque;

use crate::proto::rtp::CLOCK_RATE;

/// The steps from one picture's timestamp to the next.
///
/// A picture that is lost as a whole makes a step of two; so it is the median that tells.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    last: Option<i64>,
    steps: VecDeque<i64>,
}

/// Steps that are looked at.
const REMEMBERED: usize = 31;

impl Steps {
    /// A packet has come; its timestamp is extended.
    pub fn packet(&mut self, timestamp: i64) {
        let step = self.last.map(|last| timestamp - last);
        if step.is_some_and(|step| step <= 0) {
            return;
        }
        self.last = Some(timestamp);
        if let Some(step) = step {
            if self.steps.len() == REMEMBERED {
                self.steps.pop_front();
            }
            self.steps.push_back(step);
        }
    }

    /// What comes next does not follow on what came.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    /// Pictures a second; `None` before two have come.
    pub fn per_second(&self) -> Option<f64> {
        let mut steps: Vec<_> = self.steps.iter().copied().collect();
        steps.sort_unstable();
        steps.get(steps.len() / 2).map(|step| f64::from(CLOCK_RATE) / *step as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_pictures_and_pauses_do_not_change_the_rate() {
        let mut steps = Steps::default();
        assert_eq!(steps.per_second(), None);
        for picture in [0, 0, 1, 2, 2, 4, 5, 9, 8, 10, 11] {
            steps.packet(picture * 4_500);
        }
        assert_eq!(steps.per_second(), Some(20.0));
        steps.interrupt();
        for picture in 0..60 {
            steps.packet(1_000_000 + picture * 3_000);
        }
        assert_eq!(steps.per_second(), Some(30.0));
        assert_eq!(steps.steps.len(), REMEMBERED);
    }
}
