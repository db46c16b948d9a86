//! What can go wrong, in sentences for people.

use std::fmt;

use super::classroom::ClassroomError;
use crate::proto::rtsp::{FramingError, IncompleteMessage, Method, StatusCode};

/// Why a session failed, or an attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionError {
    /// There is no connection to the server.
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system says.
        reason: String,
    },
    /// The server closed the connection, or it broke.
    ConnectionLost {
        /// Host and port.
        server: String,
    },
    /// The server closed the connection, or it broke, in the middle of a message.
    ConnectionLostInMessage {
        /// Host and port.
        server: String,
        /// What has come of it.
        received: IncompleteMessage,
    },
    /// The server has torn the session down.
    EndedByServer {
        /// Host and port.
        server: String,
    },
    /// The server, or those to which it sends us, have sent us on and on.
    TooManyRedirects {
        /// How often is not too often.
        max: u32,
    },
    /// No answer came in time.
    TimedOut {
        /// Host and port.
        server: String,
        /// What was asked.
        method: Method,
    },
    /// An answer was not whole in time.
    ResponseIncomplete {
        /// Host and port.
        server: String,
        /// What was asked.
        method: Method,
        /// What has come of the answer.
        received: IncompleteMessage,
    },
    /// The server refused a request.
    Refused {
        /// What was asked.
        method: Method,
        /// Its answer.
        status: StatusCode,
        /// Its words.
        reason_phrase: String,
    },
    /// The server wants to know who asks.
    Unauthorized {
        /// User and password were given, and not taken.
        was_refused: bool,
    },
    /// The server's answer makes no sense.
    InvalidResponse {
        /// What was asked.
        method: Method,
        /// What is wrong with the answer.
        problem: String,
    },
    /// What comes on the connection is not RTSP.
    NotRtsp {
        /// Host and port.
        server: String,
        /// What is wrong.
        problem: String,
    },
    /// What comes on the connection is RTSP, but cannot be taken apart.
    InvalidMessage {
        /// Host and port.
        server: String,
        /// What is wrong.
        error: FramingError,
    },
    /// The presentation has no stream of JPEG pictures.
    NoJpeg {
        /// What it has instead.
        found: Vec<String>,
    },
    /// The player's own ports cannot be had.
    PortsUnavailable {
        /// The port that the user asked for.
        port: Option<u16>,
        /// What the system says.
        reason: String,
    },
    /// PLAY succeeded, and nothing has arrived for seconds.
    NoData {
        /// By datagrams, which firewalls like to swallow.
        is_udp: bool,
        /// A bad network is emulated.
        is_emulated: bool,
    },
    /// Pictures arrive, and not one of them can be shown.
    UnusableFrames {
        /// What is wrong with them.
        reason: String,
    },
    /// What goes wrong with a classroom server.
    Classroom(ClassroomError),
}

impl SessionError {
    /// The session can go on when the trouble is over.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoData { .. })
    }
}

impl fmt::Display for SessionError {
    /// What happened, and what to try.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { server, reason } => {
                write!(f, "{server} cannot be reached ({reason}); check the address, and that the server runs.")
            }
            Self::ConnectionLost { server } => {
                write!(
                    f,
                    "{server} closed the connection; connect again, and restart the server if it is gone."
                )
            }
            Self::ConnectionLostInMessage { server, received } => write!(
                f,
                "{server} closed the connection in the middle of a message ({received}); press Play to connect again."
            ),
            Self::EndedByServer { server } => {
                write!(f, "{server} has ended the session; play it again for a new one.")
            }
            Self::TooManyRedirects { max } => write!(
                f,
                "The server has sent us elsewhere more than {max} times; check the URL, or ask who runs the server."
            ),
            Self::TimedOut { server, method } => write_timed_out(f, server, method),
            Self::ResponseIncomplete { server, method, received } => write!(
                f,
                "{server} began to answer {method} and did not end in time ({received}); try again, or ask who runs the server."
            ),
            Self::Refused { method, status, reason_phrase } => write_refused(f, method, *status, reason_phrase),
            Self::Unauthorized { was_refused } => f.write_str(match was_refused {
                false => "The server wants a user name and a password; give them with rtsp://user:password@host.",
                true => "The server does not take this user name and password; check them.",
            }),
            Self::InvalidResponse { method, problem } => {
                write!(
                    f,
                    "The server's answer to {method} cannot be used: {problem}; try another server or stream."
                )
            }
            Self::NotRtsp { server, problem } => {
                write!(
                    f,
                    "{server} does not speak RTSP ({problem}); check the port, which is usually 554 or 8554."
                )
            }
            Self::InvalidMessage { server, error } => {
                write!(f, "{server} sends what cannot be read ({error}); ask who runs the server.")
            }
            Self::NoJpeg { found } => write_no_jpeg(f, found),
            Self::PortsUnavailable { port, reason } => write_ports_unavailable(f, *port, reason),
            Self::UnusableFrames { reason } => {
                write!(f, "Pictures arrive and cannot be shown ({reason}); try another stream or film.")
            }
            Self::Classroom(error) => write!(f, "{error}"),
            Self::NoData { is_udp, is_emulated } => f.write_str(match (is_emulated, is_udp) {
                (true, _) => {
                    "No data has arrived for 5 seconds through the emulated network; lower its loss or raise its \
                     throughput."
                }
                (false, true) => {
                    "No data has arrived for 5 seconds; check the network and the firewall, or connect with TCP."
                }
                (false, false) => "No data has arrived for 5 seconds; check the server, or begin anew.",
            }),
        }
    }
}

fn write_timed_out(f: &mut fmt::Formatter<'_>, server: &str, method: &Method) -> fmt::Result {
    write!(f, "{server} did not answer {method} in time; ")?;
    f.write_str(match method {
        // The first question is one that classroom servers do not understand.
        Method::Options => {
            "check the address, or say that it is a classroom server if it is one: in Connect, or with --classroom."
        }
        _ => "check that an RTSP server listens there, and try again.",
    })
}

fn write_no_jpeg(f: &mut fmt::Formatter<'_>, found: &[String]) -> fmt::Result {
    match found {
        [] => f.write_str("This stream describes no media; check the path in the URL."),
        found => write!(
            f,
            "This stream holds {}; Reelay plays Motion JPEG, so set the server to MJPEG.",
            found.join(" and ")
        ),
    }
}

fn write_ports_unavailable(f: &mut fmt::Formatter<'_>, port: Option<u16>, reason: &str) -> fmt::Result {
    match port {
        Some(port) => write!(
            f,
            "The RTP ports {port} and {} cannot be used ({reason}); choose another even port, or none.",
            u32::from(port) + 1
        ),
        None => write!(f, "No pair of UDP ports is free ({reason}); close other programs, or use TCP."),
    }
}

fn write_refused(
    f: &mut fmt::Formatter<'_>,
    method: &Method,
    status: StatusCode,
    reason_phrase: &str,
) -> fmt::Result {
    // Many servers end their words with a full stop; here the sentence goes on.
    let reason_phrase = reason_phrase.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    write!(f, "The server refused {method}: {} {reason_phrase}", status.code())?;
    f.write_str(match status.code() {
        404 => "; check the path in the URL.",
        415 => "; try a film of another kind.",
        453 | 503 => "; it is busy, so try again later.",
        454 => "; begin anew.",
        461 => "; try the other transport, TCP or UDP.",
        _ => "; try again, or ask who runs the server.",
    })
}

impl std::error::Error for SessionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_continues_after_reason_phrase() {
        for reason in ["Not Found", "Not Found.", "Not Found. "] {
            let error = SessionError::Refused {
                method: Method::Describe,
                status: StatusCode::NOT_FOUND,
                reason_phrase: reason.to_owned(),
            };
            assert_eq!(
                error.to_string(),
                "The server refused DESCRIBE: 404 Not Found; check the path in the URL."
            );
        }
    }
}
