//! How the JPEG header of a frame travels in RTP.

/// How a picture's header travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// As RFC 2435 describes it: for every player.
    Rfc2435,
    /// As it is, in a header extension: for players that asked for it.
    OriginalHeader,
    /// Whole, without any payload header, in one packet: for classroom programs.
    Classroom,
}
