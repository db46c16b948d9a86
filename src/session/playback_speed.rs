//! Speed at which a stream is played, and the reasons why a server plays only at its own. Sans-I/O.

use std::fmt;

use crate::proto::rtsp::{Factor, StatusCode};

/// Response of a server to a requested speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedResponse {
    /// Speed that PLAY requested, as Scale (RFC 2326 §12.34).
    pub requested: Factor,
    /// Speed at which the server plays. It may be another one that it can play at.
    pub played: Factor,
    /// Reason why the server plays only at its own speed; `None` if it plays at the requested one, or near to it.
    pub refusal: Option<SpeedRefusal>,
}

/// Reason why a server plays only at its own speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeedRefusal {
    /// The response to PLAY has no Scale header, or one of 1.
    Ignored,
    /// A PLAY with a Scale header is refused, with this status.
    Refused(StatusCode),
}

impl fmt::Display for SpeedRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("this server plays at its own speed only"),
            Self::Refused(status) => write!(f, "this server refuses other speeds ({})", status.code()),
        }
    }
}
