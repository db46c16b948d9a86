//! Spellings of the client's port in SETUP. Sans-I/O.

use std::fmt;

/// Spelling of the client's port in the Transport header of SETUP. Servers find the port by the position of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortSpelling {
    /// `Transport: RTP/UDP; client_port= 25000`, which most servers read.
    #[default]
    Spaced,
    /// `Transport: RTP/UDP; client_port=25000`: the server splits the third word at `=`.
    Joined,
    /// `Transport: RTP/UDP 25000`: the server reads the third word.
    Bare,
}

impl PortSpelling {
    /// All spellings, the most common first.
    pub const ALL: [Self; 3] = [Self::Spaced, Self::Joined, Self::Bare];

    /// Returns the name in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spaced => "spaced",
            Self::Joined => "joined",
            Self::Bare => "bare",
        }
    }

    /// Returns the value of the Transport header with this UDP port.
    pub fn transport(self, port: u16) -> String {
        match self {
            Self::Spaced => format!("RTP/UDP; client_port= {port}"),
            Self::Joined => format!("RTP/UDP; client_port={port}"),
            Self::Bare => format!("RTP/UDP {port}"),
        }
    }
}

impl fmt::Display for PortSpelling {
    /// Formats the spelling as an example: `RTP/UDP; client_port=N`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spaced => "RTP/UDP; client_port= N",
            Self::Joined => "RTP/UDP; client_port=N",
            Self::Bare => "RTP/UDP N",
        })
    }
}
