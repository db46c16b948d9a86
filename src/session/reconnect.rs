//! Why a session begins again by itself, in sentences for people.

use std::fmt;
use std::time::Duration;

/// Why a session begins again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReconnectReason {
    /// No datagrams come through; from now on the connection carries RTP.
    TcpFallback,
    /// The server has sent us elsewhere.
    Redirected {
        /// Host and port of where the stream is now.
        server: String,
    },
    /// The server is gone.
    ServerLost {
        /// Host and port.
        server: String,
        /// Which try comes next, from 1.
        attempt: u32,
        /// How long until then.
        wait: Duration,
    },
}

impl fmt::Display for ReconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcpFallback => {
                f.write_str("No datagram has come through; the stream now takes the RTSP connection (TCP).")
            }
            Self::Redirected { server } => {
                write!(f, "The server has sent its players elsewhere; the stream now comes from {server}.")
            }
            Self::ServerLost { server, attempt, wait } => {
                let seconds = wait.as_secs();
                let unit = if seconds == 1 { "second" } else { "seconds" };
                write!(f, "{server} is gone. Reconnecting in {seconds} {unit}, attempt {attempt}…")
            }
        }
    }
}
