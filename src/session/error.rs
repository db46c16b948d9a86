//! Errors of a session, as sentences for the user: what happened, to what, and what to try.

use super::certificate::UntrustedCertificate;
use super::classroom::ClassroomError;
use super::http::HttpError;
use crate::net::certificate_check::UnusableCertificate;
use crate::proto::rtsp::{FramingError, IncompleteMessage, Method, StatusCode};

/// Error of a session, or of an attempt to set one up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The connection could not be opened.
    #[error("{server} cannot be reached ({reason}); check the address and that the server is running.")]
    Unreachable {
        /// Host and port of the server.
        server: String,
        /// Reason of the operating system, or "no response".
        reason: String,
    },
    /// The certificate of the server is not trusted.
    #[error("{0}; connect again to look at the certificate.")]
    UntrustedCertificate(Box<UntrustedCertificate>),
    /// The certificate of the server cannot be used, even if it is trusted.
    #[error(
        "{server} cannot be used: its certificate is not supported, because {reason}; give the server a new one."
    )]
    UnusableCertificate {
        /// Host and port of the server.
        server: String,
        /// Property of the certificate that makes it unusable.
        reason: UnusableCertificate,
    },
    /// The server does not speak TLS.
    #[error("{server} does not speak TLS; try {scheme}:// instead of {scheme}s://.")]
    NotTls {
        /// Host and port of the server.
        server: String,
        /// Scheme without encryption.
        scheme: &'static str,
    },
    /// The server speaks TLS, and the URL begins with `rtsp://`.
    #[error("{server} speaks TLS on this port; try rtsps:// instead of rtsp://.")]
    NeedsTls {
        /// Host and port of the server.
        server: String,
    },
    /// The server redirects from `rtsps://` to `rtsp://`, and there is a password.
    #[error(
        "The server redirects from rtsps:// to {server} without TLS, where the password would be readable; check the URL."
    )]
    InsecureRedirect {
        /// Host and port that the redirect leads to.
        server: String,
    },
    /// UDP was chosen for a stream over TLS.
    #[error(
        "Over TLS, packets arrive on the encrypted connection and not over UDP; choose TCP or the automatic transport."
    )]
    UdpOverTls,
    /// The server closed the connection, or it broke.
    #[error("{server} closed the connection; connect again, or restart the server if it no longer runs.")]
    ConnectionLost {
        /// Host and port of the server.
        server: String,
    },
    /// The server closed the connection, or it broke, in the middle of a message.
    #[error(
        "{server} closed the connection in the middle of a message ({received}); press Play to connect again."
    )]
    ConnectionLostInMessage {
        /// Host and port of the server.
        server: String,
        /// Part of the message that was received.
        received: IncompleteMessage,
    },
    /// The server sent TEARDOWN.
    #[error("{server} ended the session; press Play to start a new one.")]
    EndedByServer {
        /// Host and port of the server.
        server: String,
    },
    /// The servers redirected too many times.
    #[error(
        "The server redirected more than {max} times; check the URL, or contact the server's administrator."
    )]
    TooManyRedirects {
        /// Maximum number of redirects.
        max: u32,
    },
    /// No response arrived in time.
    #[error("{server} did not respond to {method} in time; {}", advice_on_timeout(method))]
    TimedOut {
        /// Host and port of the server.
        server: String,
        /// Method of the request.
        method: Method,
    },
    /// A response was incomplete when the request timed out.
    #[error(
        "{server} did not complete its response to {method} in time ({received}); try again, or contact the server's \
         administrator."
    )]
    ResponseIncomplete {
        /// Host and port of the server.
        server: String,
        /// Method of the request.
        method: Method,
        /// Part of the response that was received.
        received: IncompleteMessage,
    },
    /// The server refused a request.
    #[error(
        "The server refused {method}: {} {}; {}",
        status.code(),
        trim_reason_phrase(reason_phrase),
        advice_on_refusal(*status)
    )]
    Refused {
        /// Method of the request.
        method: Method,
        /// Status code of the response.
        status: StatusCode,
        /// Reason phrase of the response.
        reason_phrase: String,
    },
    /// The server requires credentials (status 401).
    #[error("{}", describe_unauthorized(*was_refused))]
    Unauthorized {
        /// True if the server rejected the credentials; false if there were none.
        was_refused: bool,
    },
    /// A response lacks something, or contradicts the request.
    #[error("The server's response to {method} cannot be used: {problem}; try another server or stream.")]
    InvalidResponse {
        /// Method of the request.
        method: Method,
        /// Problem of the response.
        problem: String,
    },
    /// The bytes on the connection are not RTSP.
    #[error("{server} does not speak RTSP ({problem}); check the port, which is usually 554 or 8554.")]
    NotRtsp {
        /// Host and port of the server.
        server: String,
        /// Problem of the bytes.
        problem: String,
    },
    /// A message is RTSP but cannot be parsed.
    #[error("{server} sent a message that cannot be read ({error}); contact the server's administrator.")]
    InvalidMessage {
        /// Host and port of the server.
        server: String,
        /// Problem of the message.
        error: FramingError,
    },
    /// The presentation has no JPEG stream.
    #[error("{}", describe_no_jpeg(found))]
    NoJpeg {
        /// Encodings of its streams.
        found: Vec<String>,
    },
    /// The UDP ports of the client could not be opened.
    #[error("{}", describe_ports_unavailable(*port, reason))]
    PortsUnavailable {
        /// RTP port that the user has chosen; `None` if the system was to choose.
        port: Option<u16>,
        /// Reason of the operating system.
        reason: String,
    },
    /// No data arrived for 5 seconds after PLAY.
    #[error("{}", describe_no_data(*.0))]
    NoData(NoDataCause),
    /// Frames arrive, but none can be shown.
    #[error("Frames arrive but cannot be shown ({reason}); try another stream or file.")]
    UnusableFrames {
        /// Reason why the last frame is unusable.
        reason: String,
    },
    /// Error of a classroom server.
    #[error("{0}")]
    Classroom(ClassroomError),
    /// Error of a stream over HTTP.
    #[error("{0}")]
    Http(HttpError),
}

impl SessionError {
    /// Creates the error of a connection that could not be opened. Without a reason, the attempt timed out.
    pub fn unreachable(server: String, reason: Option<String>) -> Self {
        Self::Unreachable { server, reason: reason.unwrap_or_else(|| "no response".to_owned()) }
    }

    /// Returns true if the session continues by itself once the cause is gone.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoData(_))
    }
}

/// Most likely cause of missing data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDataCause {
    /// The emulated network may hold the data back.
    EmulatedNetwork,
    /// No packet of this session has arrived over UDP, which firewalls often block.
    UdpBlocked,
    /// The network fails, or the server sends nothing.
    NetworkOrServer,
}

fn describe_no_data(cause: NoDataCause) -> &'static str {
    match cause {
        NoDataCause::EmulatedNetwork => {
            "No data has arrived through the emulated network for 5 seconds; reduce its loss or raise its throughput."
        }
        NoDataCause::UdpBlocked => {
            "No data has arrived for 5 seconds; check the network and the firewall, or connect with TCP."
        }
        NoDataCause::NetworkOrServer => {
            "No data has arrived for 5 seconds; check the network and the server, or connect again."
        }
    }
}

fn advice_on_timeout(method: &Method) -> &'static str {
    match method {
        // OPTIONS is the first request, which classroom servers do not understand.
        Method::Options => {
            "check the address, and if it is a classroom server, select that in Connect or use --classroom."
        }
        _ => "check that an RTSP server listens there, and try again.",
    }
}

/// Removes the full stop with which many servers end the reason phrase, because the sentence continues.
fn trim_reason_phrase(reason_phrase: &str) -> &str {
    reason_phrase.trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

fn advice_on_refusal(status: StatusCode) -> &'static str {
    match status.code() {
        404 => "check the path in the URL.",
        415 => "try a file in another format.",
        453 | 503 => "the server is busy, so try again later.",
        454 => "connect again.",
        461 => "try the other transport, TCP or UDP.",
        _ => "try again, or contact the server's administrator.",
    }
}

fn describe_unauthorized(was_refused: bool) -> &'static str {
    match was_refused {
        false => {
            "The server needs a user name and password; add them to the URL before the host: user:password@host."
        }
        true => "The server rejected this user name and password; check them.",
    }
}

fn describe_no_jpeg(found: &[String]) -> String {
    match found {
        [] => "This stream describes no media; check the path in the URL.".to_owned(),
        found => format!(
            "This stream contains {}; Reelay plays Motion JPEG, so set the server to MJPEG.",
            found.join(" and ")
        ),
    }
}

fn describe_ports_unavailable(port: Option<u16>, reason: &str) -> String {
    match port {
        Some(port) => format!(
            "UDP ports {port} and {} cannot be opened ({reason}); choose another even port, or none.",
            u32::from(port) + 1
        ),
        None => format!("No pair of UDP ports is free ({reason}); close other programs, or use TCP."),
    }
}

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

    #[test]
    fn advice_depends_on_the_reason_of_the_refusal() {
        for (code, word) in [
            (404, "path"),
            (415, "format"),
            (453, "later"),
            (503, "later"),
            (454, "connect"),
            (461, "transport"),
            (500, "administrator"),
        ] {
            let advice = advice_on_refusal(StatusCode::from_code(code).unwrap());
            assert!(advice.contains(word), "{code}: {advice}");
        }
    }
}
