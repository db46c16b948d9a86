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
pub struct PacketLogRow {
    /// Their fates.
    pub packets: Vec<Fate>,
}

/// Remembers the last packets of a stream.
#[derive(Debug, Clone, Default)]
pub struct PacketLog {
    /// The sequence number of the first slot, extended.
    first_sequence: i64,
    slots: VecDeque<Slot>,
}

/// Where a packet is, or would be.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Missing,
    Received { timestamp: i64, ends_frame: bool, fate: Fate },
}

/// Packets that are remembered.
const MAX_PACKETS: usize = 4_096;

impl PacketLog {
    /// A packet has come for the first time. Both numbers are extended.
    pub fn record_received(&mut self, sequence: i64, timestamp: i64, ends_frame: bool, fate: Fate) {
        let next = self.first_sequence + self.slots.len() as i64;
        if self.slots.is_empty() || (sequence - next).unsigned_abs() >= MAX_PACKETS as u64 {
            self.slots.clear();
            self.first_sequence = sequence;
        }
        for _ in self.first_sequence + self.slots.len() as i64..=sequence {
            self.slots.push_back(Slot::Missing);
        }
        self.set_slot(sequence, Slot::Received { timestamp, ends_frame, fate });
        let surplus = self.slots.len().saturating_sub(MAX_PACKETS);
        self.slots.drain(..surplus);
        self.first_sequence += surplus as i64;
    }

    /// A packet has come once more.
    pub fn record_duplicate(&mut self, sequence: i64) {
        if let Some(Slot::Received { fate, .. }) = self.slot_mut(sequence) {
            *fate = Fate::Duplicated;
        }
    }

    /// What comes next begins anew.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    fn slot_mut(&mut self, sequence: i64) -> Option<&mut Slot> {
        let index = usize::try_from(sequence - self.first_sequence).ok()?;
        self.slots.get_mut(index)
    }

    fn set_slot(&mut self, sequence: i64, slot: Slot) {
        if let Some(target) = self.slot_mut(sequence) {
            *target = slot;
        }
    }

    /// The last `most` frames, the oldest first. A packet that is missing belongs to the frame that has not ended
    /// before it.
    pub fn rows(&self, max_rows: usize) -> Vec<PacketLogRow> {
        let mut rows: Vec<(Option<i64>, PacketLogRow)> = Vec::new();
        // Whether the row has had its last packet.
        let mut has_ended = true;
        for slot in &self.slots {
            match *slot {
                Slot::Missing => {
                    if has_ended {
                        rows.push((None, PacketLogRow::default()));
                    }
                    has_ended = false;
                    push_fate(&mut rows, Fate::Lost);
                }
                Slot::Received { timestamp, ends_frame, fate } => {
                    let is_same_frame = rows.last().is_some_and(|(row_timestamp, _)| {
                        row_timestamp.is_none_or(|row_timestamp| row_timestamp == timestamp)
                    }) && !has_ended;
                    if !is_same_frame {
                        rows.push((Some(timestamp), PacketLogRow::default()));
                    }
                    if let Some((row_timestamp, _)) = rows.last_mut() {
                        *row_timestamp = Some(timestamp);
                    }
                    push_fate(&mut rows, fate);
                    has_ended = ends_frame;
                }
            }
        }
        let surplus = rows.len().saturating_sub(max_rows);
        rows.into_iter().skip(surplus).map(|(_, row)| row).collect()
    }
}

fn push_fate(rows: &mut [(Option<i64>, PacketLogRow)], fate: Fate) {
    if let Some((_, row)) = rows.last_mut() {
        row.packets.push(fate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fate::{Duplicated, Late, Lost, Received, Reordered};

    fn rows(log: &PacketLog) -> Vec<Vec<Fate>> {
        log.rows(100).into_iter().map(|row| row.packets).collect()
    }

    #[test]
    fn each_row_is_a_frame() {
        let mut log = PacketLog::default();
        for (sequence, timestamp, ends_frame) in
            [(10, 0, false), (12, 0, true), (13, 9, true), (16, 18, true), (17, 27, false), (20, 36, true)]
        {
            log.record_received(sequence, timestamp, ends_frame, Received);
        }
        log.record_duplicate(13);
        log.record_received(15, 18, false, Reordered);
        log.record_received(11, 0, false, Late);
        log.record_duplicate(99);
        let expected = [
            vec![Received, Late, Received],
            vec![Duplicated],
            // What is lost behind the end of a frame belongs to the next one.
            vec![Lost, Reordered, Received],
            // What is lost before the end was seen belongs to the frame that has not ended.
            vec![Received, Lost, Lost],
            vec![Received],
        ];
        assert_eq!(rows(&log), expected);
        assert_eq!(log.rows(2).len(), 2);
        assert!(
            log.rows(2)[0].packets.contains(&Fate::Lost) && !log.rows(2)[1].packets.contains(&Fate::Lost)
        );
    }

    #[test]
    fn log_is_bounded_and_restarts_after_jump() {
        let mut log = PacketLog::default();
        for sequence in 0..10_000 {
            log.record_received(sequence, sequence, true, Received);
        }
        assert_eq!(log.slots.len(), MAX_PACKETS);
        assert_eq!(log.rows(usize::MAX).len(), MAX_PACKETS);
        log.record_received(1_000_000, 0, true, Received);
        assert_eq!(rows(&log), [vec![Received]]);
        log.record_received(5, 0, true, Received);
        assert_eq!(rows(&log), [vec![Received]]);
    }
}
