//! Losses in a row.

/// How losses come together. A sequence number that has not arrived yet counts as lost until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bursts {
    /// Rows of losses.
    pub count: u64,
    /// Packets in the longest one.
    pub longest: u64,
    /// Packets in all of them.
    packets: u64,
    /// Packets in the row that has not ended.
    run: u64,
}

impl Bursts {
    /// The next sequence number has arrived, or has not.
    pub fn next(&mut self, has_arrived: bool) {
        if has_arrived {
            self.run = 0;
            return;
        }
        self.count += u64::from(self.run == 0);
        self.run += 1;
        self.packets += 1;
        self.longest = self.longest.max(self.run);
    }

    /// So many in a row have not arrived.
    pub fn lose(&mut self, packets: u64) {
        (0..packets).for_each(|_| self.next(false));
    }

    /// What comes next has nothing to do with what came before.
    pub fn interrupt(&mut self) {
        self.run = 0;
    }

    /// Packets of a row, on average.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.packets as f64 / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_their_length() {
        let mut bursts = Bursts::default();
        assert_eq!(bursts.mean(), None);
        for arrived in [false, true, true, false, false, false, true] {
            bursts.next(arrived);
        }
        bursts.lose(2);
        assert_eq!((bursts.count, bursts.longest, bursts.mean()), (3, 3, Some(2.0)));
        bursts.lose(2);
        assert_eq!((bursts.count, bursts.longest), (3, 4), "it goes on");
        bursts.interrupt();
        bursts.lose(1);
        assert_eq!(bursts.count, 4);
    }
}
