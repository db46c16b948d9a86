//! The address of a stream, and with it the protocol of its server.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::classroom::ClassroomUrl;
use crate::proto::rtsp::RtspUrl;

/// The address of a stream on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceUrl {
    /// A stream over standard RTSP.
    Rtsp(RtspUrl),
    /// A film on a classroom server.
    Classroom(ClassroomUrl),
}

/// The protocol of a server. It is known before the first byte: a classroom server is never probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// RTSP as RFC 2326 defines it.
    #[default]
    Standard,
    /// The dialect of the classroom programs.
    Classroom,
}

impl Dialect {
    /// Its name in figures for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Classroom => "classroom",
        }
    }
}

impl SourceUrl {
    /// The protocol of the server.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Rtsp(_) => Dialect::Standard,
            Self::Classroom(_) => Dialect::Classroom,
        }
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        match self {
            Self::Rtsp(url) => url.host(),
            Self::Classroom(url) => url.host(),
        }
    }

    /// Host and port, an IPv6 address in its brackets.
    pub fn host_and_port(&self) -> String {
        match self {
            Self::Rtsp(url) => url.host_and_port(),
            Self::Classroom(url) => url.host_and_port(),
        }
    }

    /// The last part of the path, decoded, for people.
    pub fn display_name(&self) -> String {
        match self {
            Self::Rtsp(url) => url.display_name(),
            Self::Classroom(url) => url.display_name(),
        }
    }

    /// User and password, where the address has them.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        match self {
            Self::Rtsp(url) => url.credentials(),
            Self::Classroom(_) => None,
        }
    }

    /// The same address with this user and password; the classroom dialect has neither.
    pub fn with_credentials(self, user: &str, password: &str) -> Self {
        match self {
            Self::Rtsp(url) => Self::Rtsp(url.with_credentials(user, password)),
            Self::Classroom(_) => self,
        }
    }
}

impl From<RtspUrl> for SourceUrl {
    fn from(url: RtspUrl) -> Self {
        Self::Rtsp(url)
    }
}

impl From<ClassroomUrl> for SourceUrl {
    fn from(url: ClassroomUrl) -> Self {
        Self::Classroom(url)
    }
}

impl fmt::Display for SourceUrl {
    /// The address without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp(url) => write!(f, "{url}"),
            Self::Classroom(url) => write!(f, "{url}"),
        }
    }
}
