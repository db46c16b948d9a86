//! Parity packets, from which the receiver recovers lost packets (RFC 5109, RFC 8627). Sans-I/O.
//!
//! The packets of a frame are split into blocks of about the same size. A block is either split into groups of about
//! the same size, in turn: neighbours are in different groups, so that a burst takes one packet of each. Or it is a
//! grid, and each packet is in the groups of its row and of its column. A group never spans two frames, because its
//! parity would come too late for the first.

use std::collections::VecDeque;

use super::identity::parity_ssrc;
use crate::proto::fec::{Parity, ParityLayout};
use crate::proto::rtp::Header;

/// Payload type of parity packets, a dynamic one (RFC 3551 §6).
pub const FEC_PAYLOAD_TYPE: u8 = 98;

/// Parity of the packets that are being sent, and parity packets to be sent.
#[derive(Debug)]
pub struct ParityPackets {
    /// SSRC of the stream that is protected.
    protected_ssrc: u32,
    next_sequence: u16,
    layout: ParityLayout,
    /// Block that has begun; `None` between blocks.
    block: Option<Block>,
    /// Complete parity packets, at most those of one block.
    pending: VecDeque<ParityPacket>,
}

/// Parity packet to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct ParityPacket {
    /// Complete RTP packet, header included.
    pub bytes: Vec<u8>,
    /// Length without the RTP header and its CSRC, in bytes.
    pub payload_bytes: usize,
}

/// Packets of a frame that parity packets protect together.
#[derive(Debug)]
struct Block {
    /// RTP timestamp.
    timestamp: u32,
    /// Number of packets that it has so far, and that it is to have.
    position: usize,
    length: usize,
    shape: Shape,
    /// Parity of the groups; in a grid of the rows, followed by the columns.
    groups: Vec<Parity>,
}

/// Arrangement of the packets of a block.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Groups to which the packets belong in turn.
    Groups(usize),
    Grid {
        columns: usize,
        rows: usize,
    },
}

impl Shape {
    fn new(layout: ParityLayout, packets: usize) -> Self {
        match layout {
            ParityLayout::Groups(size) => Self::Groups(packets.div_ceil(size.get())),
            ParityLayout::Grid(size) => {
                let columns = size.columns_for(packets);
                Self::Grid { columns, rows: packets.div_ceil(columns) }
            }
        }
    }

    fn group_count(self) -> usize {
        match self {
            Self::Groups(count) => count,
            Self::Grid { columns, rows } => rows + columns,
        }
    }

    /// Returns the groups of the packet at this position.
    fn groups_of(self, position: usize) -> impl Iterator<Item = usize> {
        let (first, second) = match self {
            Self::Groups(count) => (position % count, None),
            Self::Grid { columns, rows } => (position / columns, Some(rows + position % columns)),
        };
        std::iter::once(first).chain(second)
    }
}

impl Block {
    /// Creates the next block of a frame that still has this number of packets.
    fn new(layout: ParityLayout, timestamp: u32, packets: usize) -> Self {
        let max_length = match layout {
            ParityLayout::Groups(_) => layout.format().max_span(),
            ParityLayout::Grid(size) => size.packets(),
        };
        let length = packets.div_ceil(packets.div_ceil(max_length));
        let shape = Shape::new(layout, length);
        let groups = vec![Parity::new(layout.format()); shape.group_count()];
        Self { timestamp, position: 0, length, shape, groups }
    }

    fn add(&mut self, bytes: &[u8]) {
        for group in self.shape.groups_of(self.position) {
            if let Some(group) = self.groups.get_mut(group) {
                group.add(bytes);
            }
        }
        self.position += 1;
    }

    /// Returns the groups to be sent. A packet that is alone in a row or a column of a grid is in another group with
    /// others, unless it is the only packet.
    fn into_groups(mut self) -> Vec<Parity> {
        match self.shape {
            Shape::Grid { .. } if self.position > 1 => self.groups.retain(|group| group.packet_count() > 1),
            Shape::Grid { .. } => self.groups.truncate(1),
            Shape::Groups(_) => self.groups.retain(|group| group.packet_count() > 0),
        }
        self.groups
    }
}

impl ParityPackets {
    /// Creates the state of a stream with this SSRC. Parity packets have sequence numbers from `first_sequence` on.
    pub fn new(protected_ssrc: u32, first_sequence: u16, layout: ParityLayout) -> Self {
        let pending = VecDeque::new();
        Self { protected_ssrc, next_sequence: first_sequence, layout, block: None, pending }
    }

    /// SSRC of the parity packets.
    pub fn ssrc(&self) -> u32 {
        parity_ssrc(self.protected_ssrc)
    }

    /// Drops the block that has begun, because its other packets are not sent, and the packets that wait.
    pub fn clear(&mut self) {
        self.block = None;
        self.pending.clear();
    }

    /// Adds a packet that was sent. `remaining` is the number of packets of its frame that follow it.
    pub fn record_packet(&mut self, bytes: &[u8], timestamp: u32, remaining: usize) {
        let block = self.block.take().filter(|block| block.timestamp == timestamp);
        let mut block = block.unwrap_or_else(|| Block::new(self.layout, timestamp, remaining + 1));
        block.add(bytes);
        if block.position >= block.length || remaining == 0 {
            self.finish_block(block);
        } else {
            self.block = Some(block);
        }
    }

    fn finish_block(&mut self, block: Block) {
        self.pending.clear();
        let timestamp = block.timestamp;
        for group in block.into_groups() {
            let packet = self.encode(timestamp, &group);
            self.pending.push_back(packet);
        }
    }

    fn encode(&mut self, timestamp: u32, group: &Parity) -> ParityPacket {
        let header = Header {
            marker: false,
            payload_type: FEC_PAYLOAD_TYPE,
            sequence: self.next_sequence,
            timestamp,
            ssrc: self.ssrc(),
        };
        self.next_sequence = self.next_sequence.wrapping_add(1);
        let payload = group.encode();
        let bytes = match self.layout {
            ParityLayout::Groups(_) => [&header.encode(false)[..], &payload].concat(),
            ParityLayout::Grid(_) => [&header.encode_with_csrc(self.protected_ssrc)[..], &payload].concat(),
        };
        ParityPacket { bytes, payload_bytes: payload.len() }
    }

    /// Returns true if a parity packet waits.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the next parity packet; `None` if none waits.
    pub fn next_packet(&mut self) -> Option<ParityPacket> {
        self.pending.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Packet;

    /// SSRC of the stream that is protected.
    const SSRC: u32 = 1;

    fn media(sequence: u16, timestamp: u32) -> Vec<u8> {
        let header = Header { marker: false, payload_type: 26, sequence, timestamp, ssrc: 1 };
        [&header.encode(false)[..], &vec![sequence as u8; 100 + usize::from(sequence % 7)]].concat()
    }

    fn next_protected(parity: &mut ParityPackets) -> Option<Vec<u16>> {
        let format = parity.layout.format();
        let packet = parity.next_packet()?;
        let parsed = Packet::parse(packet.bytes.into()).unwrap();
        assert_eq!(parsed.payload.len(), packet.payload_bytes);
        Some(Parity::parse(format, &parsed.payload).unwrap().sequences().collect())
    }

    /// Returns the sequence numbers that the parity packets of a frame protect, one list for each.
    fn groups(layout: &str, packets: u16) -> Vec<Vec<u16>> {
        let mut parity = ParityPackets::new(SSRC, 65_535, layout.parse().unwrap());
        let mut groups: Vec<Vec<u16>> = Vec::new();
        for index in 0..packets {
            parity.record_packet(
                &media(65_530u16.wrapping_add(index), 5),
                5,
                usize::from(packets - 1 - index),
            );
            while let Some(waiting) = parity.pending.front() {
                let header = Packet::parse(waiting.bytes.clone().into()).unwrap().header;
                let expected = 65_535u16.wrapping_add(groups.len() as u16);
                assert_eq!((header.ssrc, header.payload_type, header.timestamp), (parity_ssrc(SSRC), 98, 5));
                assert_eq!(header.sequence, expected);
                let protected = next_protected(&mut parity).unwrap();
                groups.push(protected.iter().map(|sequence| sequence.wrapping_sub(65_530)).collect());
            }
        }
        assert!(!parity.has_pending() && parity.block.is_none());
        groups
    }

    #[test]
    fn neighbours_are_in_different_groups() {
        assert_eq!(groups("3", 7), [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
        assert_eq!(groups("10", 1), [vec![0]]);
        assert_eq!(groups("10", 10), [(0..10).collect::<Vec<_>>()]);
    }

    #[test]
    fn rows_and_columns_of_a_grid_have_groups() {
        let rows = [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]];
        let columns = [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]];
        assert_eq!(groups("3x3", 8), [rows, columns].concat());
        assert_eq!(groups("10x5", 1), [vec![0]]);
        assert_eq!(groups("10x5", 2), [vec![0, 1]], "a packet that is alone in its column is in the row");
        assert_eq!(groups("2x2", 3), [vec![0, 1], vec![0, 2]]);
    }

    #[test]
    fn parity_packet_of_a_grid_names_the_protected_source() {
        let mut parity = ParityPackets::new(SSRC, 0, "2x2".parse().unwrap());
        parity.record_packet(&media(7, 5), 5, 0);
        let bytes = parity.next_packet().unwrap().bytes;
        assert_eq!((bytes[0], &bytes[12..16]), (0x81, &[0, 0, 0, 1][..]));
    }

    #[test]
    fn every_packet_is_in_one_group_that_is_no_larger_than_wanted() {
        for size in [2usize, 3, 5, 10, 24] {
            for packets in [1, 2, 9, 14, 47, 48, 49, 97, 300] {
                let groups = groups(&size.to_string(), packets);
                let mut all: Vec<_> = groups.iter().flatten().copied().collect();
                all.sort_unstable();
                assert_eq!(all, (0..packets).collect::<Vec<_>>());
                let longest = groups.iter().map(Vec::len).max().unwrap();
                let shortest = groups.iter().map(Vec::len).min().unwrap();
                assert!(longest <= size && longest <= 2 * shortest, "{size} {packets}");
            }
        }
    }

    #[test]
    fn every_packet_of_a_grid_is_in_one_group_or_two() {
        for (layout, max_length) in [("2x2", 2), ("5x5", 5), ("10x10", 10), ("24x4", 24), ("2x24", 24)] {
            for packets in [1, 2, 3, 5, 17, 96, 97, 111, 300] {
                let groups = groups(layout, packets);
                assert!(
                    groups.iter().all(|group| group.len() <= max_length),
                    "{layout} {packets}: {groups:?}"
                );
                for packet in 0..packets {
                    let count = groups.iter().filter(|group| group.contains(&packet)).count();
                    assert!((1..=2).contains(&count), "{layout}: {packet} of {packets} is in {count} groups");
                }
                let alone = groups.iter().filter(|group| group.len() == 1).count();
                assert_eq!(alone, usize::from(packets == 1), "{layout} {packets}: {groups:?}");
            }
        }
    }

    #[test]
    fn frame_that_is_not_sent_to_its_end_has_no_parity() {
        for layout in ["5", "5x5"] {
            let mut parity = ParityPackets::new(SSRC, 0, layout.parse().unwrap());
            parity.record_packet(&media(0, 5), 5, 9);
            parity.clear();
            parity.record_packet(&media(1, 6), 6, 0);
            assert_eq!(next_protected(&mut parity), Some(vec![1]));
            assert_eq!(next_protected(&mut parity), None);
            // The frame is interrupted without notice.
            parity.record_packet(&media(2, 7), 7, 9);
            parity.record_packet(&media(3, 8), 8, 0);
            assert_eq!(next_protected(&mut parity), Some(vec![3]));
        }
    }
}
