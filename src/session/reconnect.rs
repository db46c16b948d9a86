//! Reasons for which a session is set up again by itself, as sentences for the user. Sans-I/O.

use std::fmt;
use std::time::Duration;

use super::classroom::PortSpelling;
use crate::net::clock_check::ClockJump;

/// Reason for which a session is set up again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReconnectReason {
    /// UDP packets do not arrive; the next session sends RTP over the connection.
    TcpFallback,
    /// The server redirected the session.
    Redirected {
        /// Host and port of the new server.
        server: String,
    },
    /// A classroom server did not understand the port in SETUP; the next SETUP spells it in another way.
    PortRespelled {
        /// Host and port of the server.
        server: String,
        /// New spelling.
        spelling: PortSpelling,
    },
    /// A clock of this computer has jumped, mostly because it was suspended.
    ClockJumped {
        /// Host and port of the server.
        server: String,
        /// Direction and length of the jump.
        jump: ClockJump,
    },
    /// The connection or the session was lost.
    ServerLost {
        /// Host and port of the server.
        server: String,
        /// Number of the next attempt, from 1.
        attempt: u32,
        /// Time until the next attempt.
        wait: Duration,
    },
    /// The server is busy and has asked to be called again later.
    ServerBusy {
        /// Host and port of the server.
        server: String,
        /// Number of the next attempt, from 1.
        attempt: u32,
        /// Time until the next attempt.
        wait: Duration,
    },
}

impl ReconnectReason {
    /// Returns the time until the next attempt; `None` if it follows at once.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::ServerLost { wait, .. } | Self::ServerBusy { wait, .. } => Some(*wait),
            Self::TcpFallback
            | Self::Redirected { .. }
            | Self::PortRespelled { .. }
            | Self::ClockJumped { .. } => None,
        }
    }
}

/// Returns a duration in whole seconds, with its unit.
fn seconds(wait: Duration) -> String {
    match wait.as_secs() {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

impl fmt::Display for ReconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcpFallback => {
                f.write_str("No UDP packets arrived; the stream now uses the RTSP connection (TCP).")
            }
            Self::Redirected { server } => {
                write!(f, "The server redirected the session; the stream now comes from {server}.")
            }
            Self::PortRespelled { server, spelling } => {
                write!(
                    f,
                    "{server} may not have understood the port in SETUP; trying again with \"Transport: {spelling}\"."
                )
            }
            Self::ClockJumped { server, jump } => {
                let jump = jump.to_string();
                let (first, rest) = jump.split_at(jump.len().min(1));
                write!(
                    f,
                    "{}{rest}; the session with {server} is set up again, and its figures start again from 0.",
                    first.to_uppercase()
                )
            }
            Self::ServerLost { server, attempt, wait } => {
                let wait = seconds(*wait);
                write!(f, "The connection to {server} was lost; reconnecting in {wait} (attempt {attempt})…")
            }
            Self::ServerBusy { server, attempt, wait } => {
                write!(f, "{server} is busy; trying again in {} (attempt {attempt})…", seconds(*wait))
            }
        }
    }
}
