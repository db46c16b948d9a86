//! Muxers for formats without an index: classroom records, and JPEG frames one after the other.

use bytes::Bytes;

use super::muxer::{Muxer, MuxerError, MuxerWrite};
use crate::proto::rtsp::Npt;

/// Maximum length of a frame in the classroom format, in bytes: its length field has five digits.
pub const MAX_CLASSROOM_RECORD: usize = 99_999;

/// Writes frames one after the other, in the classroom format each after its length. Neither format holds times.
#[derive(Debug)]
pub struct SequentialMuxer {
    has_lengths: bool,
}

impl SequentialMuxer {
    /// Creates a muxer for the classroom format.
    pub fn classroom() -> Self {
        Self { has_lengths: true }
    }

    /// Creates a muxer for frames without anything between them.
    pub fn raw() -> Self {
        Self { has_lengths: false }
    }
}

impl Muxer for SequentialMuxer {
    fn write_frame(&mut self, jpeg: Bytes, _: Npt, writes: &mut Vec<MuxerWrite>) -> Result<(), MuxerError> {
        if self.has_lengths {
            if jpeg.len() > MAX_CLASSROOM_RECORD {
                return Err(MuxerError::FrameTooLong { length: jpeg.len(), max: MAX_CLASSROOM_RECORD });
            }
            writes.push(MuxerWrite::Append(format!("{:05}", jpeg.len()).into()));
        }
        writes.push(MuxerWrite::Append(jpeg));
        Ok(())
    }

    fn finish(&mut self, _: Npt, _: &mut Vec<MuxerWrite>) {}
}
