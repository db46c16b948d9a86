//! Losses in a row.

/// How losses come together. A sequence number that has not arrived yet counts as lost until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LossBursts {
    /// Rows of losses.
    pub count: u64,
    /// Packets in the longest one.
    pub max_length: u64,
    /// Packets in all of them.
    lost_packets: u64,
    /// Packets in the row that has not ended.
    current_length: u64,
}

impl LossBursts {
    /// The next sequence number has arrived, or has not.
    pub fn push(&mut self, is_received: bool) {
        if is_received {
            self.current_length = 0;
            return;
        }
        self.count += u64::from(self.current_length == 0);
        self.current_length += 1;
        self.lost_packets += 1;
        self.max_length = self.max_length.max(self.current_length);
    }

    /// So many in a row have not arrived.
    pub fn push_lost(&mut self, count: u64) {
        (0..count).for_each(|_| self.push(false));
    }

    /// What comes next has nothing to do with what came before.
    pub fn end_burst(&mut self) {
        self.current_length = 0;
    }

    /// Packets of a row, on average.
    pub fn mean_length(&self) -> Option<f64> {
        (self.count > 0).then(|| self.lost_packets as f64 / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_counted_with_their_length() {
        let mut bursts = LossBursts::default();
        assert_eq!(bursts.mean_length(), None);
        for is_received in [false, true, true, false, false, false, true] {
            bursts.push(is_received);
        }
        bursts.push_lost(2);
        assert_eq!((bursts.count, bursts.max_length, bursts.mean_length()), (3, 3, Some(2.0)));
        bursts.push_lost(2);
        assert_eq!((bursts.count, bursts.max_length), (3, 4), "it goes on");
        bursts.end_burst();
        bursts.push_lost(1);
        assert_eq!(bursts.count, 4);
    }
}
