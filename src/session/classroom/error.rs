//! Errors of classroom servers, as sentences for the user. Sans-I/O.
//!
//! Most of these servers do not report a missing file: they respond with 200 and send nothing, do not respond, or close
//! the connection. So every sentence about missing data names the file.

use super::arrived::ArrivedDatagrams;
use crate::proto::rtsp::Method;

/// UDP port on which classroom servers expect receiver reports.
pub const FEEDBACK_PORT: u16 = 19_001;

/// Error of a session with a classroom server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{server} {}", kind.message(file))]
pub struct ClassroomError {
    /// Host and port of the server.
    pub server: String,
    /// Name of the requested file.
    pub file: String,
    /// Kind of the error.
    pub kind: ClassroomErrorKind,
}

/// Kind of an error of a classroom server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassroomErrorKind {
    /// The server responded with 404.
    NotFound,
    /// The server did not respond to a request in time.
    NoResponse(Method),
    /// The server closed the connection instead of responding, or before the first frame.
    ClosedDuring(Method),
    /// The server accepted PLAY, and no datagram arrived.
    NoFrames {
        /// UDP port of the client.
        port: u16,
    },
    /// Datagrams arrived, but no frame could be assembled from them.
    NotAssembled(ArrivedDatagrams),
    /// The server fell silent after the first frame, although the film has more.
    SilentAfterFirstFrame,
    /// The server closed the connection while frames were arriving.
    ClosedAfterFrame {
        /// Number of the last complete frame, counted from 1.
        frame_number: u64,
    },
}

impl ClassroomErrorKind {
    /// Returns the sentence without the server at its beginning.
    fn message(&self, file: &str) -> String {
        match self {
            Self::NotFound => {
                format!("has no file \"{file}\"; check the name, which is case-sensitive.")
            }
            Self::NoResponse(Method::Setup) => format!(
                "did not respond to SETUP; check that it is a classroom server and that it has \"{file}\" \
                 (names are case-sensitive)."
            ),
            Self::NoResponse(method) => format!(
                "did not respond to {method}; check that it has \"{file}\" (names are case-sensitive), or restart it."
            ),
            Self::ClosedDuring(method) => format!(
                "closed the connection during {method}; check that it has \"{file}\" (names are case-sensitive)."
            ),
            Self::NoFrames { port } => format!(
                "accepted PLAY but sent no frames; check that it has \"{file}\" (names are case-sensitive), and that \
                 the firewall allows UDP on port {port}."
            ),
            Self::NotAssembled(arrived) => format!(
                "sent {arrived} for \"{file}\", but no frame could be assembled from them; check that the server sends \
                 JPEG (payload type 26) and that no packets are lost."
            ),
            Self::SilentAfterFirstFrame => format!(
                "fell silent after the first frame of \"{file}\"; it may be waiting for an RTCP report, so check on which \
                 UDP port it expects one (Reelay sends them to port {FEEDBACK_PORT}), or restart it."
            ),
            Self::ClosedAfterFrame { frame_number } => format!(
                "closed the connection after frame {frame_number} of \"{file}\"; connect again, or restart the server \
                 if it no longer runs."
            ),
        }
    }
}
