//! Packets of one frame that are sent together. Sans-I/O.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::active_play::HeaderFields;
use crate::media::payload::PacketizedFrame;
use crate::proto::rtp::HEADER_LENGTH;

/// Consecutive packets of one frame. Their payload is shared with all sessions that send the frame.
#[derive(Debug, Clone)]
pub struct PacketBatch {
    frame: Arc<PacketizedFrame>,
    range: Range<usize>,
    /// Header fields of the first packet; the sequence numbers of the others follow.
    fields: HeaderFields,
}

/// RTP packet in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitPacket<'a> {
    /// Fixed RTP header (RFC 3550 §5.1), different for each session.
    pub header: [u8; HEADER_LENGTH],
    /// Everything after the fixed header, the same for all sessions.
    pub rest: &'a [u8],
}

impl SplitPacket<'_> {
    /// Returns the length of the packet, in bytes of UDP payload.
    pub fn length(&self) -> usize {
        self.header.len() + self.rest.len()
    }

    /// Returns the packet as one sequence of bytes.
    pub fn to_vec(self) -> Vec<u8> {
        [&self.header[..], self.rest].concat()
    }
}

impl PacketBatch {
    /// Creates a batch of the packets of a frame with these indices. `fields` are those of the first.
    pub(super) fn new(frame: Arc<PacketizedFrame>, range: Range<usize>, fields: HeaderFields) -> Self {
        Self { frame, range, fields }
    }

    /// Returns the number of packets.
    pub fn packet_count(&self) -> usize {
        self.range.len()
    }

    /// Returns the SSRC of the stream.
    pub fn ssrc(&self) -> u32 {
        self.fields.ssrc
    }

    /// Returns the sequence numbers of the packets, in order.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + use<> {
        let first = self.fields.sequence;
        // Truncated on purpose: sequence numbers are modulo 2^16.
        (0..self.range.len()).map(move |index| first.wrapping_add(index as u16))
    }

    /// Returns the packets, in order.
    pub fn packets(&self) -> impl Iterator<Item = SplitPacket<'_>> {
        let HeaderFields { timestamp, ssrc, .. } = self.fields;
        self.range.clone().zip(self.sequences()).map(move |(index, sequence)| {
            let (header, rest) = self.frame.packet(index, sequence, timestamp, ssrc);
            SplitPacket { header, rest }
        })
    }

    /// Returns the total length of the packets, in bytes of UDP payload.
    pub fn bytes(&self) -> usize {
        self.frame.packets()[self.range.clone()].iter().map(Bytes::len).sum()
    }

    /// Returns the total length of the packets without RTP headers and extensions, in bytes.
    pub(super) fn payload_bytes(&self) -> usize {
        self.range.clone().map(|index| self.frame.payload_length(index)).sum()
    }

    /// Returns the number of packets of the frame that follow the batch.
    pub(super) fn remaining(&self) -> usize {
        self.frame.packets().len().saturating_sub(self.range.end)
    }
}

/// Number of packets to send together, of a frame that still has `remaining`: at most `max_length`, and about the same
/// number for each batch of the frame.
pub fn batch_length(remaining: usize, max_length: usize) -> usize {
    remaining.div_ceil(remaining.div_ceil(max_length.max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_a_frame_have_about_the_same_length() {
        let lengths = |mut remaining: usize, max_length| {
            let mut lengths = Vec::new();
            while remaining > 0 {
                lengths.push(batch_length(remaining, max_length));
                remaining -= lengths.last().unwrap();
            }
            lengths
        };
        assert_eq!(lengths(34, 16), [12, 11, 11]);
        assert_eq!(lengths(16, 16), [16]);
        assert_eq!(lengths(17, 16), [9, 8]);
        assert_eq!(lengths(3, 1), [1, 1, 1]);
        assert_eq!((batch_length(0, 16), batch_length(5, 0)), (0, 1));
    }
}
