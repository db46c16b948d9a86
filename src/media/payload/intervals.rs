//! Division of a scan into packets that hold whole restart intervals (RFC 2435 §3.1.7).

use super::main_header::{
    FIRST_OF_INTERVAL, INTERVAL_INDEX_MASK, LAST_OF_INTERVAL, WHOLE_FRAME_RESTART_COUNT,
};

/// Restart intervals of a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intervals<'a> {
    /// Number of minimum coded units in an interval.
    pub interval: u16,
    /// Position of each interval in the scan data, in bytes; empty if packets are not aligned with intervals.
    pub starts: &'a [usize],
}

/// Part of a scan for one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Length in bytes.
    pub length: usize,
    /// Restart count: the bits F and L, and the index of the first interval.
    pub restart_count: u16,
}

impl Intervals<'_> {
    /// Returns the part of a scan of `end` bytes that begins at `offset` and has at most `space` bytes: as many whole
    /// intervals as fit, or a part of one that is longer than a packet.
    pub fn chunk(&self, offset: usize, end: usize, space: usize) -> Chunk {
        let limit = offset.saturating_add(space).min(end);
        // The first interval that begins after `offset`.
        let next = self.starts.partition_point(|&start| start <= offset);
        let Some(index) = next.checked_sub(1) else {
            return Chunk { length: limit - offset, restart_count: WHOLE_FRAME_RESTART_COUNT };
        };
        let index_bits = index as u16 & INTERVAL_INDEX_MASK;
        if space == 0 {
            // A packet of the header.
            return Chunk { length: 0, restart_count: index_bits };
        }
        let is_first = self.starts[index] == offset;
        // Of an interval that began in an earlier packet, only the rest.
        let following = match is_first {
            true => &self.starts[next..],
            false => &self.starts[next..(next + 1).min(self.starts.len())],
        };
        let last_end = match following.partition_point(|&start| start <= limit) {
            count if count == following.len() && limit == end && (is_first || following.is_empty()) => {
                Some(end)
            }
            0 => None,
            count => Some(following[count - 1]),
        };
        let first = if is_first { FIRST_OF_INTERVAL } else { 0 };
        match last_end {
            Some(last_end) => {
                Chunk { length: last_end - offset, restart_count: first | LAST_OF_INTERVAL | index_bits }
            }
            None => Chunk { length: limit - offset, restart_count: first | index_bits },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_hold_whole_intervals_and_long_ones_span_several() {
        let intervals = Intervals { interval: 4, starts: &[0, 40, 70, 300, 310] };
        let (mut offset, mut chunks) = (0, Vec::new());
        while offset < 350 {
            let Chunk { length, restart_count } = intervals.chunk(offset, 350, 100);
            let bits = (restart_count & FIRST_OF_INTERVAL != 0, restart_count & LAST_OF_INTERVAL != 0);
            chunks.push((offset, bits.0, bits.1, restart_count & INTERVAL_INDEX_MASK));
            offset += length;
        }
        assert_eq!(
            chunks,
            [
                (0, true, true, 0),
                (70, true, false, 2),
                (170, false, false, 2),
                (270, false, true, 2),
                (300, true, true, 3)
            ]
        );
        assert_eq!(intervals.chunk(0, 350, 0), Chunk { length: 0, restart_count: 0 });
        assert_eq!(intervals.chunk(310, 350, 100).length, 40);
        let unaligned = Intervals { interval: 4, starts: &[] };
        assert_eq!(
            unaligned.chunk(20, 350, 100),
            Chunk { length: 100, restart_count: WHOLE_FRAME_RESTART_COUNT }
        );
    }

    #[test]
    fn every_chunk_advances() {
        let starts: Vec<usize> = (0..50).map(|index| index * index * 7).collect();
        let intervals = Intervals { interval: 1, starts: &starts };
        for space in [1, 2, 50, 333, 5_000] {
            let mut offset = 0;
            while offset < 20_000 {
                let length = intervals.chunk(offset, 20_000, space).length;
                assert!((1..=space).contains(&length), "{offset} {space} {length}");
                offset += length;
            }
        }
    }
}
