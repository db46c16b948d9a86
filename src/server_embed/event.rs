//! Events of a server, for logs and the user interface.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

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
    /// A session has timed out.
    SessionExpired {
        /// Identifier of the session (Session header, RFC 2326 §12.37).
        session: String,
    },
    /// A media file is damaged but can be played.
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
                let method = method.as_ref().map_or("?", Method::as_str);
                let session = session.as_deref().unwrap_or("-");
                write!(f, "{peer} {method} {session} {}", status.code())?;
                if status.is_success() { Ok(()) } else { write!(f, " {reason}") }
            }
            Self::SessionExpired { session } => write!(f, "session {session} timed out"),
            Self::MediaFileWarning { warning } => f.write_str(warning),
            Self::FramesSkipped { name, count, reason } => {
                write!(f, "{name}: {count} frames in a row cannot be sent and are skipped: {reason}")
            }
            Self::MediaFileFailed { name, error } => write!(f, "{name} can no longer be read: {error}"),
        }
    }
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
