//! RTP sequence numbers of a stream. Sans-I/O.

/// Counter of RTP sequence numbers.
#[derive(Debug)]
pub struct SequenceCounter {
    next: u16,
    unit: SequenceUnit,
}

/// Unit that the sequence number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SequenceUnit {
    /// Packets sent (RFC 3550 §5.1).
    Packets,
    /// Frames of the media file, including skipped ones: classroom programs use the sequence number as frame number.
    Frames,
}

impl SequenceCounter {
    /// Creates a counter that adds one for each packet.
    pub fn per_packet(first: u16) -> Self {
        Self { next: first, unit: SequenceUnit::Packets }
    }

    /// Creates a counter for classroom programs. It adds one for each frame, including skipped ones, and starts at 1.
    pub fn per_frame() -> Self {
        Self { next: 1, unit: SequenceUnit::Frames }
    }

    /// Sequence number of the next packet.
    pub fn next(&self) -> u16 {
        self.next
    }

    /// Counts packets that were sent.
    pub fn record_packets(&mut self, count: usize) {
        if self.unit == SequenceUnit::Packets {
            // Truncated on purpose: the counter is modulo 2^16.
            self.next = self.next.wrapping_add(count as u16);
        }
    }

    /// Counts frames that were sent or skipped.
    pub fn record_frames(&mut self, count: u64) {
        if self.unit == SequenceUnit::Frames {
            // Truncated, as above.
            self.next = self.next.wrapping_add(count as u16);
        }
    }
}
