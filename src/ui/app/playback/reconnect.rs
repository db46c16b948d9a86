//! Reconnecting after the server was lost.

use std::time::{Duration, Instant};

use super::notice::Notice;
use super::state::{Playback, ReconnectWait};
use crate::session::{Goal, ReconnectReason};

impl ReconnectWait {
    fn remaining(&self, now: Instant) -> Duration {
        self.wait.saturating_sub(now.saturating_duration_since(self.started_at))
    }
}

impl Playback {
    pub(super) fn handle_reconnecting(&mut self, reason: ReconnectReason) {
        self.waiting_since = None;
        match reason {
            ReconnectReason::TcpFallback
            | ReconnectReason::Redirected { .. }
            | ReconnectReason::PortRespelled { .. }
            | ReconnectReason::ClockJumped { .. } => {
                self.notice = Some(Notice::Info(reason.to_string()));
            }
            ReconnectReason::ServerLost { server, attempt, wait } => {
                self.set_reconnect_wait(server, attempt, wait, false);
            }
            ReconnectReason::ServerBusy { server, attempt, wait } => {
                self.set_reconnect_wait(server, attempt, wait, true);
            }
        }
    }

    fn set_reconnect_wait(&mut self, server: String, attempt: u32, wait: Duration, is_busy: bool) {
        self.notice = None;
        self.reconnect = Some(ReconnectWait { server, attempt, is_busy, started_at: Instant::now(), wait });
    }

    /// Stops connecting or reconnecting, and reopens the previous file.
    pub fn cancel(&mut self) {
        self.set_goal(Goal::Stopped);
        self.restore_previous_file();
    }

    /// Reconnects at once instead of after the wait.
    pub fn retry_now(&mut self) {
        self.set_goal(self.goal);
    }

    /// Returns true if the server was lost and has not been reached again.
    pub fn is_reconnecting(&self) -> bool {
        self.reconnect.is_some()
    }

    /// Returns true if the wait before the next attempt to reconnect has not ended.
    pub fn is_counting_down(&self, now: Instant) -> bool {
        self.reconnect.as_ref().is_some_and(|reconnect| !reconnect.remaining(now).is_zero())
    }

    /// Returns the sentence about the lost or busy server with the time until the next attempt, rounded up to seconds;
    /// `None` if no server was lost.
    pub fn reconnect_message(&self, now: Instant) -> Option<String> {
        let reconnect = self.reconnect.as_ref()?;
        let (server, remaining) = (reconnect.server.clone(), reconnect.remaining(now));
        if remaining.is_zero() {
            return Some(match reconnect.is_busy {
                true => format!("{server} is busy; trying again…"),
                false => format!("The connection to {server} was lost; reconnecting…"),
            });
        }
        let wait =
            Duration::from_secs(u64::try_from(remaining.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX));
        let attempt = reconnect.attempt;
        let reason = match reconnect.is_busy {
            true => ReconnectReason::ServerBusy { server, attempt, wait },
            false => ReconnectReason::ServerLost { server, attempt, wait },
        };
        Some(reason.to_string())
    }
}
