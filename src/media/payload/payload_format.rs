//! Selection of the RTP payload format.

/// Payload format of a frame in RTP packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// RFC 2435, for all players.
    Rfc2435,
    /// Same as `Rfc2435`, with restart markers inserted, so that each packet can be decoded alone. For players that
    /// requested it in the URL.
    Rfc2435WithRestarts,
    /// The original header in an RTP header extension, for players that requested it in SETUP.
    OriginalHeader,
    /// Same as `OriginalHeader`, with restart markers inserted, so that each packet can be decoded alone. The receiver
    /// removes them again. For players that requested it in SETUP.
    OriginalWithRestarts,
    /// Frames without restart markers in a stream of `OriginalWithRestarts`, where nothing is lost.
    OriginalWithoutRestarts,
    /// The complete frame without a payload header in one packet, for classroom programs.
    Classroom,
    /// Same as `Classroom`, for programs that receive smaller datagrams.
    SmallClassroom,
}

impl PayloadFormat {
    /// Returns true if the format is one for classroom programs.
    pub fn is_classroom(self) -> bool {
        matches!(self, Self::Classroom | Self::SmallClassroom)
    }
}
