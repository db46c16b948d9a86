//! Selection of one source among those that send to a port (RFC 3550 §8). Sans-I/O.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::proto::rtp::Packet;

/// Decision about a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum FilterResult {
    /// The packet is from the selected source.
    Accepted(ReceivedPacket),
    /// The packet is from another source.
    Rejected,
    /// Another source is selected from now on; these are its packets so far.
    Switched(Vec<ReceivedPacket>),
}

/// Packet with its arrival time.
#[derive(Debug, PartialEq, Eq)]
pub struct ReceivedPacket {
    /// Time of arrival at the socket, or of leaving the emulated network.
    pub at: Instant,
    /// Complete packet, RTP header included.
    pub bytes: Bytes,
    /// Packet with its parsed header.
    pub packet: Packet,
}

/// Filter that passes the packets of one source, and switches to another that sends several packets in a row.
#[derive(Debug, Default)]
pub struct SsrcFilter {
    /// SSRC announced in the response to SETUP, or the one that the server sent instead.
    expected_ssrc: Option<u32>,
    current_ssrc: Option<u32>,
    /// Packets of one other source, between which packets of the selected one may have arrived.
    candidates: Vec<ReceivedPacket>,
    /// Number of candidates since the last packet of the selected source.
    consecutive: usize,
}

/// Number of consecutive packets after which another source is selected. Late packets of a former source are mixed with
/// those of the selected one.
const MIN_SWITCH_PACKETS: usize = 4;

/// Maximum number of candidates.
const MAX_CANDIDATES: usize = 32;

/// Time after which a candidate is dropped.
const MAX_CANDIDATE_AGE: Duration = Duration::from_millis(500);

impl SsrcFilter {
    /// Creates a filter that expects the SSRC announced in the Transport header of SETUP, or any if there is none.
    pub fn new(announced_ssrc: Option<u32>) -> Self {
        Self { expected_ssrc: announced_ssrc, ..Self::default() }
    }

    /// Deselects the source, at a new PLAY.
    pub fn reset(&mut self) {
        self.current_ssrc = None;
        self.candidates.clear();
        self.consecutive = 0;
    }

    /// SSRC of the selected source; `None` before its first packet.
    pub fn current_ssrc(&self) -> Option<u32> {
        self.current_ssrc
    }

    /// Decides about a packet.
    pub fn filter(&mut self, received: ReceivedPacket) -> FilterResult {
        let ssrc = received.packet.header.ssrc;
        if self.current_ssrc.or(self.expected_ssrc).is_none_or(|expected| expected == ssrc) {
            self.current_ssrc = Some(ssrc);
            self.consecutive = 0;
            return FilterResult::Accepted(received);
        }
        if self.candidates.last().is_some_and(|last| last.packet.header.ssrc != ssrc) {
            self.candidates.clear();
            self.consecutive = 0;
        }
        let now = received.at;
        self.candidates.retain(|candidate| now.saturating_duration_since(candidate.at) <= MAX_CANDIDATE_AGE);
        if self.candidates.len() >= MAX_CANDIDATES {
            self.candidates.remove(0);
        }
        self.candidates.push(received);
        self.consecutive += 1;
        if self.consecutive < MIN_SWITCH_PACKETS {
            return FilterResult::Rejected;
        }
        self.consecutive = 0;
        self.current_ssrc = Some(ssrc);
        // A server that announces one SSRC and sends another does so after each PLAY.
        self.expected_ssrc = self.expected_ssrc.map(|_| ssrc);
        FilterResult::Switched(std::mem::take(&mut self.candidates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Header;

    fn packet(ssrc: u32) -> ReceivedPacket {
        let header = Header { marker: false, payload_type: 26, sequence: 0, timestamp: 0, ssrc };
        let packet = Packet { header, extension: None, payload: Bytes::new() };
        ReceivedPacket { at: Instant::now(), bytes: Bytes::new(), packet }
    }

    /// Number of packets that the filter passes for each of these SSRCs.
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
        assert_eq!(filter(&mut ssrc_filter, &[3, 7, 7, 3, 7, 7, 7, 7, 7]), [1, 0, 0, 1, 0, 0, 0, 6, 1]);
        let mut ssrc_filter = SsrcFilter::new(Some(1));
        assert_eq!(filter(&mut ssrc_filter, &[7, 7, 7, 7, 7]), [0, 0, 0, 4, 1]);
        ssrc_filter.reset();
        assert_eq!(filter(&mut ssrc_filter, &[7]), [1], "a wrong announcement is corrected once");
    }
}
