//! The last packets, each by its fate.

use std::collections::VecDeque;

/// What became of a packet, as far as the receiver can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has arrived.
    Received,
    /// It has arrived behind one with a higher sequence number.
    Reordered,
    /// It has arrived too late for playout.
    Late,
    /// It has arrived twice or more.
    Duplicated,
    /// It has not arrived.
    Lost,
}

/// The packets of one frame, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Their fates.
    pub packets: Vec<Fate>,
}

/// Remembers the last packets of a stream.
#[derive(Debug, Clone, Default)]
pub struct Strip {
    /// The sequence number of the first slot, extended.
    first: i64,
    slots: VecDeque<Slot>,
}

/// Where a packet is, or would be.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Missing,
    Filled { timestamp: i64, ends_frame: bool, fate: Fate },
}

/// Packets that are remembered.
const REMEMBERED: usize = 4_096;

impl Strip {
    /// A packet has come for the first time. Both numbers are extended.
    pub fn received(&mut self, sequence: i64, timestamp: i64, ends_frame: bool, fate: Fate) {
        let next = self.first + self.slots.len() as i64;
        if self.slots.is_empty() || (sequence - next).unsigned_abs() >= REMEMBERED as u64 {
            self.slots.clear();
            self.first = sequence;
        }
        for _ in self.first + self.slots.len() as i64..=sequence {
            self.slots.push_back(Slot::Missing);
        }
        self.set(sequence, Slot::Filled { timestamp, ends_frame, fate });
        let surplus = self.slots.len().saturating_sub(REMEMBERED);
        self.slots.drain(..surplus);
        self.first += surplus as i64;
    }

    /// A packet has come once more.
    pub fn duplicated(&mut self, sequence: i64) {
        if let Some(Slot::Filled { fate, .. }) = self.slot(sequence) {
            *fate = Fate::Duplicated;
        }
    }

    /// What comes next begins anew.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    fn slot(&mut self, sequence: i64) -> Option<&mut Slot> {
        let index = usize::try_from(sequence - self.first).ok()?;
        self.slots.get_mut(index)
    }

    fn set(&mut self, sequence: i64, slot: Slot) {
        if let Some(place) = self.slot(sequence) {
            *place = slot;
        }
    }

    /// The last `most` frames, the oldest first. A packet that is missing belongs to the frame that has not ended
    /// before it.
    pub fn rows(&self, most: usize) -> Vec<Row> {
        let mut rows: Vec<(Option<i64>, Row)> = Vec::new();
        // Whether the row has had its last packet.
        let mut has_ended = true;
        for slot in &self.slots {
            match *slot {
                Slot::Missing => {
                    if has_ended {
                        rows.push((None, Row::default()));
                    }
                    has_ended = false;
                    push(&mut rows, Fate::Lost);
                }
                Slot::Filled { timestamp, ends_frame, fate } => {
                    let belongs =
                        rows.last().is_some_and(|(of, _)| of.is_none_or(|of| of == timestamp)) && !has_ended;
                    if !belongs {
                        rows.push((Some(timestamp), Row::default()));
                    }
                    if let Some((of, _)) = rows.last_mut() {
                        *of = Some(timestamp);
                    }
                    push(&mut rows, fate);
                    has_ended = ends_frame;
                }
            }
        }
        let surplus = rows.len().saturating_sub(most);
        rows.into_iter().skip(surplus).map(|(_, row)| row).collect()
    }
}

fn push(rows: &mut [(Option<i64>, Row)], fate: Fate) {
    if let Some((_, row)) = rows.last_mut() {
        row.packets.push(fate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fate::{Duplicated, Late, Lost, Received, Reordered};

    fn rows(strip: &Strip) -> Vec<Vec<Fate>> {
        strip.rows(100).into_iter().map(|row| row.packets).collect()
    }

    #[test]
    fn each_row_is_a_frame() {
        let mut strip = Strip::default();
        for (sequence, timestamp, ends_frame) in
            [(10, 0, false), (12, 0, true), (13, 9, true), (16, 18, true), (17, 27, false), (20, 36, true)]
        {
            strip.received(sequence, timestamp, ends_frame, Received);
        }
        strip.duplicated(13);
        strip.received(15, 18, false, Reordered);
        strip.received(11, 0, false, Late);
        strip.duplicated(99);
        let expected = [
            vec![Received, Late, Received],
            vec![Duplicated],
            // What is lost behind the end of a frame belongs to the next one.
            vec![Lost, Reordered, Received],
            // What is lost before the end was seen belongs to the frame that has not ended.
            vec![Received, Lost, Lost],
            vec![Received],
        ];
        assert_eq!(rows(&strip), expected);
        assert_eq!(strip.rows(2).len(), 2);
        assert!(
            strip.rows(2)[0].packets.contains(&Fate::Lost) && !strip.rows(2)[1].packets.contains(&Fate::Lost)
        );
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_jump_begins_anew() {
        let mut strip = Strip::default();
        for sequence in 0..10_000 {
            strip.received(sequence, sequence, true, Received);
        }
        assert_eq!(strip.slots.len(), REMEMBERED);
        assert_eq!(strip.rows(usize::MAX).len(), REMEMBERED);
        strip.received(1_000_000, 0, true, Received);
        assert_eq!(rows(&strip), [vec![Received]]);
        strip.received(5, 0, true, Received);
        assert_eq!(rows(&strip), [vec![Received]]);
    }
}
