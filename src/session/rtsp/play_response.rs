//! PURE. What a successful PLAY response announces.

use crate::proto::rtsp::{Factor, NptRange};

/// What a PLAY brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayResponse {
    /// What is played; the server's word, else what was asked for.
    pub range: NptRange,
    /// The first sequence number.
    pub sequence: Option<u16>,
    /// The timestamp of the start of the range.
    pub rtptime: Option<u32>,
    /// Seconds of the range in a second of timestamps (RFC 2326 §12.34). This player asks for nothing but 1; a server
    /// may know it better, but none plays backwards unasked.
    pub scale: Factor,
    /// It goes on where PAUSE left it.
    pub resumes: bool,
}
