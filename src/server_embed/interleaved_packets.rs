//! RTP packets of a frame, interleaved on a connection (RFC 2326 §10.12). Sans-I/O.

use std::io::IoSlice;

use super::stream::{MAX_HEAD_LENGTH, PacketBatch, SplitPacket};
use crate::proto::rtsp::{INTERLEAVED_PREFIX_LENGTH, interleaved_prefix};

/// Packets of one frame for a channel of a connection. Only their heads are copied; the rest is shared with the other
/// sessions until it is written.
#[derive(Debug)]
pub struct InterleavedPackets {
    heads: Vec<InterleavedHead>,
    batch: PacketBatch,
}

/// Prefix and beginning of an interleaved packet.
#[derive(Debug)]
struct InterleavedHead {
    bytes: [u8; INTERLEAVED_PREFIX_LENGTH + MAX_HEAD_LENGTH],
    length: usize,
}

impl InterleavedPackets {
    /// Adds the prefixes of a channel to the packets.
    pub fn new(channel: u8, batch: PacketBatch) -> Self {
        let head = |packet: SplitPacket<'_>| {
            let length = INTERLEAVED_PREFIX_LENGTH + packet.head().len();
            let mut bytes = [0; INTERLEAVED_PREFIX_LENGTH + MAX_HEAD_LENGTH];
            let prefix = interleaved_prefix(channel, packet.length());
            bytes[..INTERLEAVED_PREFIX_LENGTH].copy_from_slice(&prefix);
            bytes[INTERLEAVED_PREFIX_LENGTH..length].copy_from_slice(packet.head());
            InterleavedHead { bytes, length }
        };
        Self { heads: batch.packets().map(head).collect(), batch }
    }

    /// Returns the total length, in bytes.
    pub fn length(&self) -> usize {
        INTERLEAVED_PREFIX_LENGTH * self.heads.len() + self.batch.bytes()
    }

    /// Returns the bytes to write, in order.
    pub fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        self.heads
            .iter()
            .zip(self.batch.rests())
            .flat_map(|(head, rest)| [IoSlice::new(&head.bytes[..head.length]), IoSlice::new(rest)])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::media::FrameRate;
    use crate::media::container::FrameTimes;
    use crate::media::payload::{PayloadFormat, packetize};
    use crate::proto::rtcp::{Epoch, NtpTime};
    use crate::proto::rtsp::encode_interleaved;
    use crate::server_embed::playback_speed::PlaybackSpeed;
    use crate::server_embed::stream::{Identity, RtpStream, StreamOutput};

    /// The packets of the first frame of the sample film.
    fn batch(format: PayloadFormat) -> PacketBatch {
        let sample = include_bytes!("../../assets/sample.mjpeg");
        let length: usize = std::str::from_utf8(&sample[..5]).unwrap().parse().unwrap();
        let frame = Arc::new(packetize(&sample[5..5 + length], format).unwrap());
        let now = Instant::now();
        let identity =
            Identity { ssrc: 7, first_sequence: 65_530, first_timestamp: 9, cname: "x".to_owned() };
        let times = FrameTimes::Assumed(FrameRate::CLASSROOM);
        let mut stream = RtpStream::new(times, identity, Epoch { instant: now, ntp: NtpTime(1 << 32) });
        stream.set_max_batch_length(48);
        stream.play(now, None, None, PlaybackSpeed::default());
        loop {
            match stream.poll_output(now) {
                StreamOutput::Fetch(index) => stream.provide_frame(index, frame.clone()),
                StreamOutput::Rtp(batch) => return batch,
                StreamOutput::Rtcp(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn slices_are_the_packets_with_their_prefixes() {
        for format in [PayloadFormat::Rfc2435, PayloadFormat::OriginalHeader, PayloadFormat::SmallClassroom] {
            let batch = batch(format);
            let expected: Vec<u8> =
                batch.packets().flat_map(|packet| encode_interleaved(2, &packet.to_vec())).collect();
            let packets = InterleavedPackets::new(2, batch);
            let slices: Vec<u8> = packets.slices().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(slices, expected, "{format:?}");
            assert_eq!(packets.length(), expected.len(), "{format:?}");
        }
    }
}
