//! What the server tells of itself.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::proto::rtsp::{Method, StatusCode};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum ServerEvent {
    /// A request was answered.
    RequestHandled {
        /// Who asked.
        peer: SocketAddr,
        /// What was asked; `None` if it could not be read.
        method: Option<Method>,
        /// The session that it was about.
        session: Option<String>,
        /// The answer.
        status: StatusCode,
        /// Why, if it was a refusal.
        reason: String,
    },
    /// A session ended without TEARDOWN.
    SessionExpired {
        /// Which.
        session: String,
    },
    /// A film plays, and something is wrong with it.
    MediaFileWarning {
        /// What, and what to do: a sentence for people.
        warning: String,
    },
    /// A film can no longer be read.
    MediaFileFailed {
        /// Which.
        name: String,
        /// What the system says.
        error: String,
    },
}

impl fmt::Display for ServerEvent {
    /// A line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestHandled { peer, method, session, status, reason } => {
                let method = method.as_ref().map_or("?", Method::as_str);
                let session = session.as_deref().unwrap_or("-");
                write!(f, "{peer} {method} {session} {}", status.code())?;
                if status.is_success() { Ok(()) } else { write!(f, " {reason}") }
            }
            Self::SessionExpired { session } => write!(f, "session {session} ended without TEARDOWN"),
            Self::MediaFileWarning { warning: flaw } => f.write_str(flaw),
            Self::MediaFileFailed { name: film, error } => write!(f, "{film} can no longer be read: {error}"),
        }
    }
}

/// Who is told. Called on the server's threads, so it must not block.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(ServerEvent) + Send + Sync>);

impl Observer {
    /// An observer that calls a function.
    pub fn new(callback: impl Fn(ServerEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(callback))
    }

    /// An observer that does not care.
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
