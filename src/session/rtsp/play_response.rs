//! Content of a successful response to PLAY. Sans-I/O.

use crate::proto::rtsp::{Factor, NptRange};

/// Content of a successful response to PLAY.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayResponse {
    /// Range that is played: from the Range header of the response, or else of the request.
    pub range: NptRange,
    /// Sequence number of the first packet (RTP-Info `seq`), if stated.
    pub sequence: Option<u16>,
    /// RTP timestamp of the start of the range (RTP-Info `rtptime`), in ticks of 90 kHz, if stated.
    pub rtptime: Option<u32>,
    /// Seconds of the range per second of timestamps (Scale, RFC 2326 §12.34). A server may use
    /// another one than was requested. It is always positive.
    pub scale: Factor,
    /// True if the stream continues after PAUSE.
    pub resumes: bool,
}
