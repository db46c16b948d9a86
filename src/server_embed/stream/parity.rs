//! Parity packets, from which the receiver recovers lost packets (RFC 5109). Sans-I/O.
//!
//! The packets of a frame are split into blocks of at most 48, and those of a block into groups of about the same size, in
//! turn: neighbours are in different groups, so that a burst takes one packet of each. A group never spans two frames,
//! because its parity would come too late for the first.

use std::collections::VecDeque;

use crate::proto::fec::{GroupSize, MAX_SPAN, Parity};
use crate::proto::rtp::Header;

/// Payload type of parity packets, a dynamic one (RFC 3551 §6).
pub const FEC_PAYLOAD_TYPE: u8 = 98;

/// Parity of the packets that are being sent, and parity packets to be sent.
#[derive(Debug)]
pub struct ParityPackets {
    ssrc: u32,
    next_sequence: u16,
    group_size: GroupSize,
    /// Groups of the block that has begun; empty between blocks.
    groups: Vec<Parity>,
    /// Packets that the block has so far, and those that it is to have.
    block_position: usize,
    block_length: usize,
    /// RTP timestamp of the block.
    timestamp: u32,
    /// Complete parity packets, at most those of one block.
    pending: VecDeque<Vec<u8>>,
}

impl ParityPackets {
    /// Creates the state of a stream. Parity packets have this SSRC, and sequence numbers from `first_sequence` on.
    pub fn new(ssrc: u32, first_sequence: u16, group_size: GroupSize) -> Self {
        Self {
            ssrc,
            next_sequence: first_sequence,
            group_size,
            groups: Vec::new(),
            block_position: 0,
            block_length: 0,
            timestamp: 0,
            pending: VecDeque::new(),
        }
    }

    /// SSRC of the parity packets.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Drops the block that has begun, because its other packets are not sent, and the packets that wait.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.pending.clear();
    }

    /// Adds a packet that was sent. `remaining` is the number of packets of its frame that follow it.
    pub fn record_packet(&mut self, bytes: &[u8], timestamp: u32, remaining: usize) {
        if self.groups.is_empty() || timestamp != self.timestamp {
            self.start_block(timestamp, remaining + 1);
        }
        let index = self.block_position % self.groups.len();
        self.groups[index].add(bytes);
        self.block_position += 1;
        if self.block_position >= self.block_length || remaining == 0 {
            self.finish_block();
        }
    }

    /// Starts a block with the next of `packets` packets that the frame still has. Blocks and groups are of about the same
    /// size.
    fn start_block(&mut self, timestamp: u32, packets: usize) {
        self.timestamp = timestamp;
        self.block_position = 0;
        self.block_length = packets.div_ceil(packets.div_ceil(MAX_SPAN));
        let groups = self.block_length.div_ceil(self.group_size.get());
        self.groups = vec![Parity::default(); groups];
    }

    fn finish_block(&mut self) {
        self.pending.clear();
        for group in std::mem::take(&mut self.groups).iter().filter(|group| !group.is_empty()) {
            let header = Header {
                marker: false,
                payload_type: FEC_PAYLOAD_TYPE,
                sequence: self.next_sequence,
                timestamp: self.timestamp,
                ssrc: self.ssrc,
            };
            self.next_sequence = self.next_sequence.wrapping_add(1);
            self.pending.push_back([&header.encode(false)[..], &group.encode()].concat());
        }
    }

    /// Returns true if a parity packet waits.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the next parity packet; `None` if none waits.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        self.pending.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Packet;

    fn media(sequence: u16, timestamp: u32) -> Vec<u8> {
        let header = Header { marker: false, payload_type: 26, sequence, timestamp, ssrc: 1 };
        [&header.encode(false)[..], &vec![sequence as u8; 100 + usize::from(sequence % 7)]].concat()
    }

    /// Returns the sequence numbers that the parity packets of a frame protect, one list for each.
    fn groups(size: u8, packets: u16) -> Vec<Vec<u16>> {
        let mut parity = ParityPackets::new(9, 65_535, GroupSize::new(size).unwrap());
        let mut groups = Vec::new();
        for index in 0..packets {
            parity.record_packet(
                &media(65_530u16.wrapping_add(index), 5),
                5,
                usize::from(packets - 1 - index),
            );
            while let Some(bytes) = parity.next_packet() {
                let packet = Packet::parse(bytes.into()).unwrap();
                let expected = 65_535u16.wrapping_add(groups.len() as u16);
                assert_eq!(
                    (packet.header.ssrc, packet.header.payload_type, packet.header.timestamp),
                    (9, 98, 5)
                );
                assert_eq!(packet.header.sequence, expected);
                let parsed = Parity::parse(&packet.payload).unwrap();
                groups.push(parsed.sequences().map(|sequence| sequence.wrapping_sub(65_530)).collect());
            }
        }
        assert!(!parity.has_pending() && parity.groups.is_empty());
        groups
    }

    #[test]
    fn neighbours_are_in_different_groups() {
        assert_eq!(groups(3, 7), [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
        assert_eq!(groups(10, 1), [vec![0]]);
        assert_eq!(groups(10, 10), [(0..10).collect::<Vec<_>>()]);
    }

    #[test]
    fn every_packet_is_in_one_group_that_is_no_larger_than_wanted() {
        for size in [2, 3, 5, 10, 24] {
            for packets in [1, 2, 9, 14, 47, 48, 49, 97, 300] {
                let groups = groups(size, packets);
                let mut all: Vec<_> = groups.iter().flatten().copied().collect();
                all.sort_unstable();
                assert_eq!(all, (0..packets).collect::<Vec<_>>());
                let longest = groups.iter().map(Vec::len).max().unwrap();
                let shortest = groups.iter().map(Vec::len).min().unwrap();
                assert!(longest <= usize::from(size) && longest <= 2 * shortest, "{size} {packets}");
            }
        }
    }

    #[test]
    fn frame_that_is_not_sent_to_its_end_has_no_parity() {
        let mut parity = ParityPackets::new(9, 0, GroupSize::new(5).unwrap());
        parity.record_packet(&media(0, 5), 5, 9);
        parity.clear();
        parity.record_packet(&media(1, 6), 6, 0);
        let packet = Packet::parse(parity.next_packet().unwrap().into()).unwrap();
        assert_eq!(Parity::parse(&packet.payload).unwrap().sequences().collect::<Vec<_>>(), [1]);
        assert_eq!(parity.next_packet(), None);
        // The frame is interrupted without notice.
        parity.record_packet(&media(2, 7), 7, 9);
        parity.record_packet(&media(3, 8), 8, 0);
        let packet = Packet::parse(parity.next_packet().unwrap().into()).unwrap();
        assert_eq!(Parity::parse(&packet.payload).unwrap().sequences().collect::<Vec<_>>(), [3]);
    }
}
