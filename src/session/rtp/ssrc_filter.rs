//! PURE. Which of the sources that send to a port is listened to (RFC 3550 §8).

use std::time::Instant;

use crate::proto::rtp::Packet;

/// What a packet's source makes of it.
#[derive(Debug, PartialEq, Eq)]
pub enum FilterResult {
    /// It is of the source that is listened to.
    Accepted(ReceivedPacket),
    /// It is of another one.
    Rejected,
    /// Another source has taken its place, and has sent these so far.
    Switched(Vec<ReceivedPacket>),
}

/// A packet, as it has come.
#[derive(Debug, PartialEq, Eq)]
pub struct ReceivedPacket {
    /// When it came.
    pub at: Instant,
    /// Bytes of all of it.
    pub size: usize,
    /// The packet.
    pub packet: Packet,
}

/// The source that is listened to, and the one that may take its place.
#[derive(Debug, Default)]
pub struct SsrcFilter {
    /// What SETUP announced, or what was sent in spite of it.
    expected_ssrc: Option<u32>,
    current_ssrc: Option<u32>,
    /// The last packets in a row of one other source.
    candidates: Vec<ReceivedPacket>,
}

/// Packets in a row by which another source takes the place: what a former one sent is mixed with what ours sends.
const MIN_SWITCH_PACKETS: usize = 4;

impl SsrcFilter {
    /// A source that was announced, or was not.
    pub fn new(announced_ssrc: Option<u32>) -> Self {
        Self { expected_ssrc: announced_ssrc, ..Self::default() }
    }

    /// A PLAY begins: nothing has been heard yet.
    pub fn reset(&mut self) {
        self.current_ssrc = None;
        self.candidates.clear();
    }

    /// The source that is listened to, once anything was heard of it.
    pub fn current_ssrc(&self) -> Option<u32> {
        self.current_ssrc
    }

    /// A packet has come.
    pub fn filter(&mut self, received: ReceivedPacket) -> FilterResult {
        let ssrc = received.packet.header.ssrc;
        if self.current_ssrc.or(self.expected_ssrc).is_none_or(|expected| expected == ssrc) {
            self.current_ssrc = Some(ssrc);
            self.candidates.clear();
            return FilterResult::Accepted(received);
        }
        if self.candidates.last().is_some_and(|last| last.packet.header.ssrc != ssrc) {
            self.candidates.clear();
        }
        self.candidates.push(received);
        if self.candidates.len() < MIN_SWITCH_PACKETS {
            return FilterResult::Rejected;
        }
        self.current_ssrc = Some(ssrc);
        // Who announces one and sends another does so after each PLAY.
        self.expected_ssrc = self.expected_ssrc.map(|_| ssrc);
        FilterResult::Switched(std::mem::take(&mut self.candidates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Header;
    use bytes::Bytes;

    fn packet(ssrc: u32) -> ReceivedPacket {
        let header = Header { marker: false, payload_type: 26, sequence: 0, timestamp: 0, ssrc };
        let packet = Packet { header, extension: None, payload: Bytes::new() };
        ReceivedPacket { at: Instant::now(), size: 12, packet }
    }

    /// How many packets each of these makes known.
    fn filter(ssrc_filter: &mut SsrcFilter, ssrcs: &[u32]) -> Vec<usize> {
        let count = |result| match result {
            FilterResult::Accepted(_) => 1,
            FilterResult::Rejected => 0,
            FilterResult::Switched(packets) => packets.len(),
        };
        ssrcs.iter().map(|&ssrc| count(ssrc_filter.filter(packet(ssrc)))).collect()
    }

    #[test]
    fn late_packets_do_not_replace_announced_ssrc() {
        let mut ssrc_filter = SsrcFilter::new(Some(7));
        assert_eq!(filter(&mut ssrc_filter, &[3, 3, 7, 3, 3, 7]), [0, 0, 1, 0, 0, 1]);
        ssrc_filter.reset();
        assert_eq!(ssrc_filter.current_ssrc(), None);
        assert_eq!(filter(&mut ssrc_filter, &[3, 7]), [0, 1]);
    }

    #[test]
    fn new_ssrc_is_accepted_after_several_packets_without_loss() {
        let mut ssrc_filter = SsrcFilter::new(None);
        assert_eq!(filter(&mut ssrc_filter, &[3, 7, 7, 3, 7, 7, 7, 7, 7]), [1, 0, 0, 1, 0, 0, 0, 4, 1]);
        let mut ssrc_filter = SsrcFilter::new(Some(1));
        assert_eq!(filter(&mut ssrc_filter, &[7, 7, 7, 7, 7]), [0, 0, 0, 4, 1]);
        ssrc_filter.reset();
        assert_eq!(filter(&mut ssrc_filter, &[7]), [1], "it announces one and sends another");
    }
}
