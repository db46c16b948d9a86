//! Log of the last packets, each with its fate.

use std::collections::VecDeque;

/// Fate of a packet as the receiver sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The packet arrived in order.
    Received,
    /// The packet arrived after one with a higher sequence number.
    Reordered,
    /// The packet arrived after the packets that follow it had stopped waiting for it.
    Late,
    /// The packet arrived at least twice.
    Duplicated,
    /// The packet was lost and has been sent again in time (RFC 4588) or recovered from parity packets (RFC 5109, RFC
    /// 8627).
    Repaired,
    /// The packet has not arrived.
    Lost,
}

/// Packets of one frame, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PacketLogRow {
    /// Fate of each packet.
    pub packets: Vec<Fate>,
}

/// Log of the last packets of a stream.
#[derive(Debug, Clone, Default)]
pub struct PacketLog {
    /// Extended sequence number of the first slot.
    first_sequence: i64,
    slots: VecDeque<Slot>,
}

/// Place of a sequence number in the log.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Missing,
    Received { timestamp: i64, ends_frame: bool, fate: Fate },
}

/// Maximum number of packets in the log.
const MAX_PACKETS: usize = 4_096;

impl PacketLog {
    /// Records the first arrival of a packet. `sequence` and `timestamp` are extended.
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

    /// Records a further arrival of a packet. `sequence` is extended.
    pub fn record_duplicate(&mut self, sequence: i64) {
        if let Some(Slot::Received { fate, .. }) = self.slot_mut(sequence) {
            *fate = Fate::Duplicated;
        }
    }

    /// Removes all packets; the next one may have any sequence number.
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

    /// Returns the last `max_rows` frames, the oldest first. A missing packet is shown with the frame that has not
    /// ended before it, or else with the next one.
    pub fn rows(&self, max_rows: usize) -> Vec<PacketLogRow> {
        let mut rows = Rows::default();
        for slot in &self.slots {
            match *slot {
                Slot::Missing => rows.push_missing(),
                Slot::Received { timestamp, ends_frame, fate } => {
                    rows.push_received(timestamp, ends_frame, fate)
                }
            }
        }
        let surplus = rows.rows.len().saturating_sub(max_rows);
        rows.rows.into_iter().skip(surplus).map(|(_, row)| row).collect()
    }
}

/// Rows built from slots, each with the timestamp of its frame; `None` until one of its packets was received.
#[derive(Default)]
struct Rows {
    rows: Vec<(Option<i64>, PacketLogRow)>,
    /// True while the last packet of the last row has not arrived. Otherwise the next packet starts another row.
    is_open: bool,
}

impl Rows {
    fn push_missing(&mut self) {
        if !self.is_open {
            self.rows.push((None, PacketLogRow::default()));
        }
        self.is_open = true;
        self.push_fate(Fate::Lost);
    }

    fn push_received(&mut self, timestamp: i64, ends_frame: bool, fate: Fate) {
        let last_timestamp = self.rows.last().and_then(|(timestamp, _)| *timestamp);
        if !self.is_open || last_timestamp.is_some_and(|last| last != timestamp) {
            self.rows.push((Some(timestamp), PacketLogRow::default()));
        }
        if let Some((row_timestamp, _)) = self.rows.last_mut() {
            *row_timestamp = Some(timestamp);
        }
        self.push_fate(fate);
        self.is_open = !ends_frame;
    }

    fn push_fate(&mut self, fate: Fate) {
        if let Some((_, row)) = self.rows.last_mut() {
            row.packets.push(fate);
        }
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
            // A loss after the end of a frame is shown with the next frame.
            vec![Lost, Reordered, Received],
            // A loss before the end of a frame is shown with that frame.
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
