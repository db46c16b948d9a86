//! Window of received sequence numbers.

/// Set of the sequence numbers received among the last 32,768, one bit each.
#[derive(Debug, Clone)]
pub struct SequenceWindow(Box<[u64; WINDOW_WORDS]>);

const WINDOW_WORDS: usize = 512;

impl Default for SequenceWindow {
    fn default() -> Self {
        Self(Box::new([0; WINDOW_WORDS]))
    }
}

impl SequenceWindow {
    fn word_and_bit(sequence: i64) -> (usize, u64) {
        let bit = sequence.rem_euclid(WINDOW_WORDS as i64 * 64) as usize;
        (bit / 64, 1 << (bit % 64))
    }

    /// Clears the sequence numbers between the old and the new highest one, and inserts the latter.
    pub fn advance(&mut self, extended_max: i64, sequence: i64) {
        for skipped in extended_max + 1..sequence {
            let (word, bit) = Self::word_and_bit(skipped);
            self.0[word] &= !bit;
        }
        let (word, bit) = Self::word_and_bit(sequence);
        self.0[word] |= bit;
    }

    /// Returns true if an extended sequence number of the window was received.
    pub fn contains(&self, sequence: i64) -> bool {
        let (word, bit) = Self::word_and_bit(sequence);
        self.0[word] & bit != 0
    }

    /// Inserts an extended sequence number of the window. Returns false if it was received already.
    pub fn insert(&mut self, sequence: i64) -> bool {
        let (word, bit) = Self::word_and_bit(sequence);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}
