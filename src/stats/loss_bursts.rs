//! Bursts of consecutive losses.

/// Counter of loss bursts. A sequence number that has not arrived yet counts as lost until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LossBursts {
    /// Number of bursts, including one that has not ended.
    pub count: u64,
    /// Length of the longest burst, in packets.
    pub max_length: u64,
    /// Number of packets in all bursts.
    lost_packets: u64,
    /// Length of the burst that has not ended, in packets.
    current_length: u64,
}

impl LossBursts {
    /// Adds the next sequence number.
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

    /// Adds `count` sequence numbers that have not arrived.
    pub fn push_lost(&mut self, count: u64) {
        (0..count).for_each(|_| self.push(false));
    }

    /// Appends the bursts of a restarted count, whose first sequence number does not follow the last one.
    pub fn append(&mut self, later: &Self) {
        self.count += later.count;
        self.lost_packets += later.lost_packets;
        self.max_length = self.max_length.max(later.max_length);
        self.current_length = later.current_length;
    }

    /// Returns the mean length of a burst, in packets; `None` before the first.
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
        assert_eq!((bursts.count, bursts.max_length), (3, 4), "the burst continues");
        let mut later = LossBursts::default();
        later.push_lost(1);
        bursts.append(&later);
        assert_eq!((bursts.count, bursts.max_length), (4, 4));
        bursts.push_lost(1);
        assert_eq!(bursts.count, 4, "the burst of the restarted count continues");
    }
}
