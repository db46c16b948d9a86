//! Muxer for saved HTTP streams.

use bytes::Bytes;

use crate::media::container::muxer::{Muxer, MuxerError, MuxerWrite};
use crate::proto::rtsp::Npt;

/// Writes each frame as a part of a multipart body, with its length and its time.
#[derive(Debug, Default)]
pub struct MultipartMuxer;

/// Boundary of the parts.
const BOUNDARY: &str = "reelay-frame";

impl Muxer for MultipartMuxer {
    fn write_frame(
        &mut self,
        jpeg: Bytes,
        time: Npt,
        writes: &mut Vec<MuxerWrite>,
    ) -> Result<(), MuxerError> {
        let (seconds, micros) = (time.as_micros() / 1_000_000, time.as_micros() % 1_000_000);
        let length = jpeg.len();
        let header = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\nX-Timestamp: {seconds}.{micros:06}\r\n\r\n"
        );
        writes.push(MuxerWrite::Append(header.into()));
        writes.push(MuxerWrite::Append(jpeg));
        writes.push(MuxerWrite::Append(Bytes::from_static(b"\r\n")));
        Ok(())
    }

    fn finish(&mut self, _: Npt, writes: &mut Vec<MuxerWrite>) {
        writes.push(MuxerWrite::Append(format!("--{BOUNDARY}--\r\n").into()));
    }
}
