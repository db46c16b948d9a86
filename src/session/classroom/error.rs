//! What can go wrong with a classroom server, in sentences for people.
//!
//! Most of these servers do not say that a file is missing: they answer 200 and send nothing, answer nothing, or
//! close the connection. So every sentence about silence names the file.

use std::fmt;

use crate::proto::rtsp::Method;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassroomError {
    /// Host and port.
    pub server: String,
    /// The file that was asked for.
    pub file: String,
    /// What happened.
    pub kind: ClassroomErrorKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassroomErrorKind {
    /// The server says that there is no such file.
    NotFound,
    /// A request got no answer.
    NoResponse(Method),
    /// The connection was closed instead of an answer.
    ClosedDuring(Method),
    /// PLAY was answered, and not one picture came to this port.
    NoFrames {
        /// The player's own port.
        port: u16,
    },
    /// The connection was closed while it played.
    ClosedAfterFrame {
        /// The last frame that came.
        frame_number: u64,
    },
}

impl fmt::Display for ClassroomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, file, kind } = self;
        match kind {
            ClassroomErrorKind::NotFound => {
                write!(f, "{server} has no file \"{file}\"; check its name, in which capitals count.")
            }
            ClassroomErrorKind::NoResponse(Method::Setup) => write!(
                f,
                "{server} did not answer SETUP; check that it is a classroom server, and that \"{file}\" is a file of it, as capitals count."
            ),
            ClassroomErrorKind::NoResponse(method) => write!(
                f,
                "{server} did not answer {method}; check that \"{file}\" is a file of it, as capitals count, or restart it."
            ),
            ClassroomErrorKind::ClosedDuring(method) => write!(
                f,
                "{server} closed the connection at {method}; check that \"{file}\" is a file of it, as capitals count."
            ),
            ClassroomErrorKind::NoFrames { port } => write!(
                f,
                "{server} agreed to play and sent no picture; check that \"{file}\" is a file of it, as capitals count, and that the firewall lets UDP in on port {port}."
            ),
            ClassroomErrorKind::ClosedAfterFrame { frame_number } => write!(
                f,
                "{server} closed the connection after frame {frame_number} of \"{file}\"; begin anew, and restart the server if it is gone."
            ),
        }
    }
}
