//! Events of a server, for logs and the user interface.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::net::limits::AddressGroup;
use crate::proto::rtsp::{Method, StatusCode};

/// Event of a server; its text is a line for a log.
#[derive(Debug, Clone)]
pub enum ServerEvent {
    /// The response to a request was sent.
    RequestHandled {
        /// Address of the client.
        peer: SocketAddr,
        /// Method; `None` if the request could not be parsed.
        method: Option<Method>,
        /// Session identifier in the request or its response; `None` if neither has one.
        session: Option<String>,
        /// Status code of the response.
        status: StatusCode,
        /// Reason phrase of the response.
        reason: String,
    },
    /// A connection was refused, because of the limits of the server.
    ConnectionRefused {
        /// Address of the client.
        peer: SocketAddr,
        /// Explanation in the response.
        reason: String,
    },
    /// The system allows too few open files for the connections that the limits of the server admit.
    ConnectionsLowered {
        /// Number of connections that are admitted.
        connections: usize,
        /// Number of open files of this process.
        open_files: u64,
    },
    /// Events about a client were left out, because there were too many of them.
    EventsLeftOut {
        /// Address of the client.
        address: AddressGroup,
        /// Number of events that were left out.
        count: u64,
    },
    /// A session has timed out.
    SessionExpired {
        /// Identifier of the session (Session header, RFC 2326 §12.37).
        session: String,
    },
    /// A media file can be played, but not in full: it is damaged, or has streams that are not played.
    MediaFileWarning {
        /// Message for users: what is wrong, and what to try.
        warning: String,
    },
    /// A session cannot send several frames in a row, or none at all.
    FramesSkipped {
        /// Name of the file in the library.
        name: String,
        /// Number of frames skipped so far.
        count: u64,
        /// Reason for the last one.
        reason: String,
    },
    /// A session has skipped frames that were due more than a second ago, because the client does not read its
    /// connection fast enough, or because this machine is too slow. Emitted at the end of the PLAY or of the session.
    LateFramesSkipped {
        /// Identifier of the session.
        session: String,
        /// Number of frames.
        count: u64,
    },
    /// A media file can no longer be read.
    MediaFileFailed {
        /// Name of the file in the library.
        name: String,
        /// Error of the operating system.
        error: String,
    },
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestHandled { peer, method, session, status, reason } => {
                let method = clip(method.as_ref().map_or("?", Method::as_str));
                let session = clip(session.as_deref().unwrap_or("-"));
                write!(f, "{peer} {method} {session} {}", status.code())?;
                if status.is_success() { Ok(()) } else { write!(f, " {reason}") }
            }
            Self::ConnectionRefused { peer, reason } => write!(f, "{peer} refused: {reason}"),
            Self::ConnectionsLowered { connections, open_files } => write!(
                f,
                "At most {connections} connections are admitted, because this process may have only {open_files} open \
                 files; raise that with ulimit -n."
            ),
            Self::EventsLeftOut { address, count } => write!(f, "{address}: {count} lines are left out here"),
            Self::SessionExpired { session } => write!(f, "session {session} timed out"),
            Self::MediaFileWarning { warning } => f.write_str(warning),
            Self::FramesSkipped { name, count, reason } => {
                write!(f, "{name}: {count} frames in a row cannot be sent and are skipped: {reason}")
            }
            Self::LateFramesSkipped { session, count } => {
                let frames = if *count == 1 { "frame" } else { "frames" };
                write!(
                    f,
                    "session {session}: {count} late {frames} skipped, the client or this machine is too slow"
                )
            }
            Self::MediaFileFailed { name, error } => write!(f, "{name} can no longer be read: {error}"),
        }
    }
}

/// Maximum length of a method or a session identifier in events, in characters.
const MAX_ID_LENGTH: usize = 64;

/// Returns the beginning of a text from a client, without control characters, which could change a terminal.
pub(super) fn clip(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut clipped: String = characters.by_ref().take(MAX_ID_LENGTH).collect();
    if characters.next().is_some() {
        clipped.push('…');
    }
    clipped
}

/// Callback for events. Called on the threads of the runtime, so it must not block.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(ServerEvent) + Send + Sync>);

impl Observer {
    /// Creates an observer that calls a function.
    pub fn new(callback: impl Fn(ServerEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(callback))
    }

    /// Creates an observer that ignores all events.
    pub fn none() -> Self {
        Self::new(|_| {})
    }

    pub(super) fn emit(&self, event: ServerEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_clients_is_clipped_and_cleaned() {
        let event = ServerEvent::RequestHandled {
            peer: SocketAddr::from(([127, 0, 0, 1], 5_000)),
            method: Some(Method::Extension("M".repeat(100))),
            session: Some(format!("\u{1b}[2J{}", "é".repeat(15_000))),
            status: StatusCode::OK,
            reason: "OK".to_owned(),
        };
        let expected = format!(
            "127.0.0.1:5000 {}… ?[2J{}… 200",
            "M".repeat(MAX_ID_LENGTH),
            "é".repeat(MAX_ID_LENGTH - 4)
        );
        assert_eq!(event.to_string(), expected);
    }

    #[test]
    fn events_are_lines_of_the_log() {
        let late = |count| ServerEvent::LateFramesSkipped { session: "7".to_owned(), count }.to_string();
        assert_eq!(late(1), "session 7: 1 late frame skipped, the client or this machine is too slow");
        assert!(late(2).starts_with("session 7: 2 late frames skipped"));
        let address = std::net::IpAddr::from([127, 0, 0, 1]).into();
        let lines = [
            ServerEvent::EventsLeftOut { address, count: 3 },
            ServerEvent::SessionExpired { session: "7".to_owned() },
            ServerEvent::MediaFileWarning { warning: "a.avi is damaged.".to_owned() },
            ServerEvent::MediaFileFailed { name: "a.avi".to_owned(), error: "gone".to_owned() },
        ];
        assert_eq!(
            lines.map(|event| event.to_string()),
            [
                "127.0.0.1: 3 lines are left out here",
                "session 7 timed out",
                "a.avi is damaged.",
                "a.avi can no longer be read: gone",
            ]
        );
    }
}
