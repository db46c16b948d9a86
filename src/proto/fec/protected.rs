//! Sequence numbers of the packets that a parity packet protects.

/// Number of bits of the mask.
const BITS: usize = u128::BITS as usize;

/// Sequence numbers of the packets that a parity packet protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Protected {
    /// Lowest sequence number (`SN base`).
    pub base: u16,
    /// Bit for each number from the lowest on, the first in the highest bit; 0 while there is none.
    pub mask: u128,
}

impl Protected {
    /// Adds a sequence number. Returns false if it precedes the first one, is `max_span` or more behind it, or is there
    /// already.
    pub fn add(&mut self, sequence: u16, max_span: usize) -> bool {
        if self.mask == 0 {
            self.base = sequence;
        }
        let offset = usize::from(sequence.wrapping_sub(self.base));
        if offset >= max_span.min(BITS) {
            return false;
        }
        let bit = bit(offset);
        let is_new = self.mask & bit == 0;
        self.mask |= bit;
        is_new
    }

    /// Sequence numbers, the lowest first.
    pub fn sequences(self) -> impl Iterator<Item = u16> {
        let offsets = (0..BITS as u16).filter(move |offset| self.mask & bit(usize::from(*offset)) != 0);
        offsets.map(move |offset| self.base.wrapping_add(offset))
    }

    /// Number of packets, at most that of the bits of the mask.
    pub fn len(self) -> usize {
        self.mask.count_ones() as usize
    }

    /// Returns true if no sequence number is `span` or more behind the first.
    pub fn fits(self, span: usize) -> bool {
        self.mask << span == 0
    }
}

/// Bit of the sequence number with this distance from the first.
pub(super) fn bit(offset: usize) -> u128 {
    1 << (BITS - 1 - offset)
}
