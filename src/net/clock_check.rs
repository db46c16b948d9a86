//! Detection of a suspended computer and of a clock that was set. Sans-I/O.
//!
//! The monotonic clock of Linux and macOS stands still while the computer is suspended, and the wall clock goes on.
//! Where the monotonic clock goes on as well, a long time between two checks shows that nothing ran.

use std::fmt;
use std::time::Duration;

use crate::format::counted;
use crate::proto::rtcp::Epoch;

/// Jump of a clock of this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockJump {
    /// Nothing ran for this long, or the wall clock was set forward by it; the two cannot be told apart.
    Forward(Duration),
    /// The wall clock was set back by this much.
    Back(Duration),
}

/// Minimum difference between the two clocks that is a jump. Time servers correct smaller differences step by step.
const MIN_JUMP: Duration = Duration::from_secs(10);

/// Minimum time between two checks in which nothing ran: that after which servers end a session without requests.
const MIN_STOP: Duration = Duration::from_secs(60);

/// Comparison of the monotonic clock with the wall clock, from one check to the next.
#[derive(Debug, Clone, Copy)]
pub struct ClockCheck {
    last: Epoch,
}

impl ClockCheck {
    /// Creates a check with the current reading of both clocks.
    pub fn new(current: Epoch) -> Self {
        Self { last: current }
    }

    /// Compares the current reading of both clocks with the last one.
    pub fn check(&mut self, current: Epoch) -> Option<ClockJump> {
        let last = std::mem::replace(&mut self.last, current);
        let elapsed = current.instant.saturating_duration_since(last.instant);
        let difference = current.ntp.seconds_since(last.ntp.plus(elapsed));
        let distance = Duration::try_from_secs_f64(difference.abs()).unwrap_or_default();
        match difference < 0.0 {
            _ if distance < MIN_JUMP => None,
            true => Some(ClockJump::Back(distance)),
            false => Some(ClockJump::Forward(distance.saturating_add(elapsed))),
        }
    }

    /// Like [`check`](Self::check), for a caller that checks at least once a second: a long time since the last check
    /// is a jump as well.
    pub fn check_often(&mut self, current: Epoch) -> Option<ClockJump> {
        let elapsed = current.instant.saturating_duration_since(self.last.instant);
        self.check(current).or((elapsed >= MIN_STOP).then_some(ClockJump::Forward(elapsed)))
    }
}

impl fmt::Display for ClockJump {
    /// Formats the jump as a clause: what happened to this computer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(span) => {
                write!(f, "this computer was suspended, or its clock was set forward, by {}", rough(*span))
            }
            Self::Back(span) => write!(f, "the clock of this computer was set back by {}", rough(*span)),
        }
    }
}

/// Formats a duration in the largest unit that is not zero, rounded down.
fn rough(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        86_400.. => counted(seconds / 86_400, "day"),
        3_600.. => counted(seconds / 3_600, "hour"),
        60.. => counted(seconds / 60, "minute"),
        _ => counted(seconds, "second"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::proto::rtcp::NtpTime;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);

    /// Checks after `elapsed` on the monotonic clock; the wall clock then shows `wall` seconds more.
    fn check(elapsed: Duration, wall: i64) -> Option<ClockJump> {
        let instant = Instant::now();
        let start = Epoch { instant, ntp: NtpTime(3_900_000_000 << 32) };
        let ntp = NtpTime((3_900_000_000 + wall).unsigned_abs() << 32);
        ClockCheck::new(start).check_often(Epoch { instant: instant + elapsed, ntp })
    }

    #[test]
    fn suspend_is_a_jump_on_both_kinds_of_monotonic_clock() {
        assert_eq!(check(SECOND, 7_201), Some(ClockJump::Forward(2 * HOUR + SECOND)), "it stands still");
        assert_eq!(check(2 * HOUR, 7_200), Some(ClockJump::Forward(2 * HOUR)), "it goes on");
        assert_eq!(check(SECOND, 1 - 3_600), Some(ClockJump::Back(HOUR)));
        assert_eq!(check(SECOND, -1_500_000_000), Some(ClockJump::Back(1_500_000_001 * SECOND)));
    }

    #[test]
    fn small_differences_and_a_busy_computer_are_no_jump() {
        for (elapsed, wall) in [(1, 1), (1, 10), (1, -8), (59, 59), (59, 68), (0, 0)] {
            assert_eq!(check(elapsed * SECOND, wall), None, "{elapsed} {wall}");
        }
        let now = Instant::now();
        let epoch =
            |seconds| Epoch { instant: now + seconds * SECOND, ntp: NtpTime(u64::from(seconds) << 32) };
        let mut clock_check = ClockCheck::new(epoch(0));
        let hour: Vec<_> = (1..3_600).filter_map(|second| clock_check.check_often(epoch(second))).collect();
        assert_eq!(hour, [], "each check is compared with the last one only");
        assert_eq!(clock_check.check(epoch(7_200)), None, "a caller that rarely checks is not stopped");
    }

    #[test]
    fn jumps_are_described_in_the_largest_unit() {
        let described = |seconds| ClockJump::Back(seconds * SECOND).to_string();
        assert!(described(59).ends_with("set back by 59 seconds"));
        assert!(described(119).ends_with("by 1 minute"));
        assert!(described(3 * 86_400).ends_with("by 3 days"));
        let suspended = ClockJump::Forward(2 * HOUR).to_string();
        assert_eq!(suspended, "this computer was suspended, or its clock was set forward, by 2 hours");
    }
}
