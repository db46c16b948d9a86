//! PURE. Which of the sources that send to a port is listened to (RFC 3550 §8).

use std::time::Instant;

use crate::proto::rtp::Packet;

/// What a packet's source makes of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is of the source that is listened to.
    Ours(Arrived),
    /// It is of another one.
    Strange,
    /// Another source has taken its place, and has sent these so far.
    Instead(Vec<Arrived>),
}

/// A packet, as it has come.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrived {
    /// When it came.
    pub at: Instant,
    /// Octets of all of it.
    pub octets: usize,
    /// The packet.
    pub packet: Packet,
}

/// The source that is listened to, and the one that may take its place.
#[derive(Debug, Default)]
pub struct Source {
    /// What SETUP announced, or what was sent in spite of it.
    expected: Option<u32>,
    current: Option<u32>,
    /// The last packets in a row of one other source.
    others: Vec<Arrived>,
}

/// Packets in a row by which another source takes the place: what a former one sent is mixed with what ours sends.
const ENOUGH: usize = 4;

impl Source {
    /// A source that was announced, or was not.
    pub fn new(announced: Option<u32>) -> Self {
        Self { expected: announced, ..Self::default() }
    }

    /// A PLAY begins: nothing has been heard yet.
    pub fn begin(&mut self) {
        self.current = None;
        self.others.clear();
    }

    /// The source that is listened to, once anything was heard of it.
    pub fn current(&self) -> Option<u32> {
        self.current
    }

    /// A packet has come.
    pub fn hear(&mut self, arrived: Arrived) -> Heard {
        let ssrc = arrived.packet.header.ssrc;
        if self.current.or(self.expected).is_none_or(|ours| ours == ssrc) {
            self.current = Some(ssrc);
            self.others.clear();
            return Heard::Ours(arrived);
        }
        if self.others.last().is_some_and(|last| last.packet.header.ssrc != ssrc) {
            self.others.clear();
        }
        self.others.push(arrived);
        if self.others.len() < ENOUGH {
            return Heard::Strange;
        }
        self.current = Some(ssrc);
        // Who announces one and sends another does so after each PLAY.
        self.expected = self.expected.map(|_| ssrc);
        Heard::Instead(std::mem::take(&mut self.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Header;
    use bytes::Bytes;

    fn packet(ssrc: u32) -> Arrived {
        let header = Header { marker: false, payload_type: 26, sequence: 0, timestamp: 0, ssrc };
        let packet = Packet { header, extension: None, payload: Bytes::new() };
        Arrived { at: Instant::now(), octets: 12, packet }
    }

    /// How many packets each of these makes known.
    fn hear(source: &mut Source, ssrcs: &[u32]) -> Vec<usize> {
        let count = |heard| match heard {
            Heard::Ours(_) => 1,
            Heard::Strange => 0,
            Heard::Instead(packets) => packets.len(),
        };
        ssrcs.iter().map(|&ssrc| count(source.hear(packet(ssrc)))).collect()
    }

    #[test]
    fn late_packets_of_another_source_do_not_take_the_place_of_the_one_that_was_announced() {
        let mut source = Source::new(Some(7));
        assert_eq!(hear(&mut source, &[3, 3, 7, 3, 3, 7]), [0, 0, 1, 0, 0, 1]);
        source.begin();
        assert_eq!(source.current(), None);
        assert_eq!(hear(&mut source, &[3, 7]), [0, 1]);
    }

    #[test]
    fn who_sends_several_in_a_row_is_listened_to_and_nothing_of_it_is_lost() {
        let mut source = Source::new(None);
        assert_eq!(hear(&mut source, &[3, 7, 7, 3, 7, 7, 7, 7, 7]), [1, 0, 0, 1, 0, 0, 0, 4, 1]);
        let mut source = Source::new(Some(1));
        assert_eq!(hear(&mut source, &[7, 7, 7, 7, 7]), [0, 0, 0, 4, 1]);
        source.begin();
        assert_eq!(hear(&mut source, &[7]), [1], "it announces one and sends another");
    }
}
