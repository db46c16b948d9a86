//! Packets of one frame that are sent together. Sans-I/O.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::media::payload::PacketizedFrame;
use crate::proto::rtp::HEADER_LENGTH;

/// Consecutive packets of one frame. Their payload is shared with all sessions that send the frame.
#[derive(Debug, Clone)]
pub struct PacketBatch {
    frame: Arc<PacketizedFrame>,
    range: Range<usize>,
    /// Header fields of the first packet; the sequence numbers of the others follow.
    fields: HeaderFields,
    /// Q field that names the quantization tables of the frame (RFC 2435 §3.1.4); `None` if the format has none.
    quality: Option<u8>,
}

/// RTP header fields that the stream sets (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy)]
pub struct HeaderFields {
    /// Sequence number of the packet.
    pub sequence: u16,
    /// Timestamp, in ticks of 90 kHz.
    pub timestamp: u32,
    /// Synchronization source identifier (SSRC) of the stream.
    pub ssrc: u32,
}

/// RTP packet in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitPacket<'a> {
    head: [u8; MAX_HEAD_LENGTH],
    head_length: usize,
    rest: &'a [u8],
}

/// Length of the RTP header and of the main header of RFC 2435 §3.1, in bytes.
pub const MAX_HEAD_LENGTH: usize = HEADER_LENGTH + 8;

impl<'a> SplitPacket<'a> {
    /// Beginning of the packet, which differs between sessions: the fixed RTP header (RFC 3550 §5.1), and if Q names
    /// the quantization tables, the main header of RFC 2435.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_length]
    }

    /// Everything after the head, the same for all sessions.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the length of the packet, in bytes of UDP payload.
    pub fn length(&self) -> usize {
        self.head_length + self.rest.len()
    }

    /// Returns the packet as one sequence of bytes.
    pub fn to_vec(self) -> Vec<u8> {
        [self.head(), self.rest].concat()
    }
}

impl PacketBatch {
    /// Creates a batch of the packets of a frame with these indices. `fields` are those of the first.
    pub(super) fn new(
        frame: Arc<PacketizedFrame>,
        range: Range<usize>,
        fields: HeaderFields,
        quality: Option<u8>,
    ) -> Self {
        Self { frame, range, fields, quality }
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
        self.range.clone().zip(self.sequences()).map(|(index, sequence)| self.packet(index, sequence))
    }

    /// Returns what follows the head of each packet, in order.
    pub fn rests(&self) -> impl Iterator<Item = &[u8]> {
        self.frame.packets()[self.range.clone()].iter().map(|packet| &packet[self.head_length(packet)..])
    }

    fn packet(&self, index: usize, sequence: u16) -> SplitPacket<'_> {
        let HeaderFields { timestamp, ssrc, .. } = self.fields;
        let (header, after_header) = self.frame.packet(index, sequence, timestamp, ssrc);
        let head_length = self.head_length(&self.frame.packets()[index]);
        let (main_header, rest) = after_header.split_at(head_length - HEADER_LENGTH);
        let mut head = [0; MAX_HEAD_LENGTH];
        head[..HEADER_LENGTH].copy_from_slice(&header);
        head[HEADER_LENGTH..head_length].copy_from_slice(main_header);
        if let Some(quality) = self.quality.filter(|_| head_length == MAX_HEAD_LENGTH) {
            self.frame.set_quality(quality, &mut head);
        }
        SplitPacket { head, head_length, rest }
    }

    /// Length of the part of a packet that differs between sessions, in bytes.
    fn head_length(&self, packet: &[u8]) -> usize {
        let has_main_header = self.quality.is_some() && packet.len() >= MAX_HEAD_LENGTH;
        if has_main_header { MAX_HEAD_LENGTH } else { HEADER_LENGTH }
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
