//! Lost packets that are recovered from parity packets (RFC 5109, RFC 8627). Sans-I/O.
//!
//! A parity packet recovers one packet once all others that it protects are known. They may arrive after it, or be
//! recovered from other parity packets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::proto::fec::Parity;
use crate::proto::rtp::{Packet, extend_sequence};
use crate::session::presentation::ParityOffer;
use crate::stats::Snapshot;

/// Maximum number of packets that are kept, because a parity packet may protect them; the oldest are dropped first. It
/// is that of some frames in HD.
const MAX_PACKETS: usize = 1_024;

/// Maximum number of parity packets that wait for the packets that they protect; the oldest are dropped first. It is
/// that of two frames in HD.
const MAX_WAITING: usize = 256;

/// Maximum number of recovered packets that are remembered, in case the original arrives after all.
const MAX_REPAIRED: usize = 4_096;

/// Packets and parity packets of one stream, and their counts.
#[derive(Debug)]
pub struct ParityDecoder {
    offer: ParityOffer,
    /// SSRC of the parity packets; `None` until the description or the first one states it.
    ssrc: Option<u32>,
    /// Complete packets, received or repaired, by extended sequence number.
    packets: BTreeMap<i64, Bytes>,
    waiting: WaitingParity,
    /// Packets that were recovered and used.
    repaired: BTreeSet<i64>,
    repaired_count: u64,
    parity_packets: u64,
    bytes: u64,
}

/// Parity packets that wait for packets that they protect.
#[derive(Debug, Default)]
struct WaitingParity {
    /// Parity packets by the order of their arrival.
    by_number: BTreeMap<u64, Waiting>,
    next_number: u64,
    /// Numbers of those that protect a packet that is not known, by its extended sequence number.
    by_missing: BTreeMap<i64, Vec<u64>>,
    /// Numbers of those that lack one packet, or none.
    ready: VecDeque<u64>,
}

/// Parity packet that waits.
#[derive(Debug)]
struct Waiting {
    /// Reference for sequence numbers.
    reference: i64,
    parity: Parity,
    /// Number of protected packets that are not known.
    missing: usize,
}

impl Waiting {
    /// Extended sequence numbers of the protected packets.
    fn sequences(&self) -> impl Iterator<Item = i64> + use<> {
        let reference = self.reference;
        self.parity.sequences().map(move |sequence| extend_sequence(reference, sequence))
    }
}

impl WaitingParity {
    /// Adds a parity packet. `is_known` tells which packets have arrived.
    fn push(&mut self, reference: i64, parity: Parity, is_known: impl Fn(i64) -> bool) {
        if self.by_number.len() >= MAX_WAITING
            && let Some((number, _)) = self.by_number.first_key_value()
        {
            self.remove(*number);
        }
        let number = self.next_number;
        self.next_number += 1;
        let mut waiting = Waiting { reference, parity, missing: 0 };
        for sequence in waiting.sequences().filter(|sequence| !is_known(*sequence)) {
            waiting.missing += 1;
            self.by_missing.entry(sequence).or_default().push(number);
        }
        if waiting.missing <= 1 {
            self.ready.push_back(number);
        }
        self.by_number.insert(number, waiting);
    }

    /// Records that a packet is known.
    fn record_packet(&mut self, sequence: i64) {
        for number in self.by_missing.remove(&sequence).unwrap_or_default() {
            let Some(waiting) = self.by_number.get_mut(&number) else { continue };
            waiting.missing -= 1;
            if waiting.missing == 1 {
                self.ready.push_back(number);
            }
        }
    }

    /// Removes the next parity packet that lacks one packet, or none.
    fn pop_ready(&mut self) -> Option<Waiting> {
        loop {
            let number = self.ready.pop_front()?;
            if let Some(waiting) = self.remove(number) {
                return Some(waiting);
            }
        }
    }

    fn remove(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.by_number.remove(&number)?;
        for sequence in waiting.sequences() {
            if let Some(numbers) = self.by_missing.get_mut(&sequence) {
                numbers.retain(|other| *other != number);
                if numbers.is_empty() {
                    self.by_missing.remove(&sequence);
                }
            }
        }
        Some(waiting)
    }
}

/// The packet is no parity packet of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotParity;

/// Packet that was recovered.
#[derive(Debug, PartialEq, Eq)]
pub struct RecoveredPacket {
    /// Extended sequence number.
    pub sequence: i64,
    /// Complete RTP packet, as it was sent.
    pub bytes: Bytes,
}

impl ParityDecoder {
    /// Creates the state of a stream whose server has made this offer.
    pub fn new(offer: ParityOffer) -> Self {
        Self {
            offer,
            ssrc: offer.ssrc,
            packets: BTreeMap::new(),
            waiting: WaitingParity::default(),
            repaired: BTreeSet::new(),
            repaired_count: 0,
            parity_packets: 0,
            bytes: 0,
        }
    }

    /// Returns the offer of the server.
    pub fn offer(&self) -> ParityOffer {
        self.offer
    }

    /// Returns true if this is the SSRC of the parity packets.
    pub fn is_source(&self, ssrc: u32) -> bool {
        self.ssrc == Some(ssrc)
    }

    /// Forgets all packets, because the stream continues with others.
    pub fn restart(&mut self) {
        self.packets.clear();
        self.waiting = WaitingParity::default();
        self.repaired.clear();
    }

    /// Records an original packet that has arrived. Returns true if it was recovered and used already; then it does not
    /// count as repaired any more.
    pub fn record_arrival(&mut self, sequence: i64, bytes: Bytes) -> bool {
        self.record_packet(sequence, bytes);
        self.reject(sequence)
    }

    /// Records a packet that has arrived, as the original or sent again.
    pub fn record_packet(&mut self, sequence: i64, bytes: Bytes) {
        self.packets.insert(sequence, bytes);
        self.waiting.record_packet(sequence);
        if self.packets.len() > MAX_PACKETS {
            self.packets.pop_first();
        }
    }

    /// Returns true if the packet with this extended sequence number is known.
    pub fn contains(&self, sequence: i64) -> bool {
        self.packets.contains_key(&sequence)
    }

    /// Counts a packet that was recovered as lost, because it was too late, or as received. Returns true if it was
    /// recovered.
    pub fn reject(&mut self, sequence: i64) -> bool {
        let was_repaired = self.repaired.remove(&sequence);
        self.repaired_count -= u64::from(was_repaired);
        was_repaired
    }

    /// Handles an RTP packet with the payload type of parity packets, of `size` bytes with all headers. `highest` is
    /// the highest extended sequence number of the stream, and `ssrc` its SSRC. Call [`ParityDecoder::poll_recovered`]
    /// after it.
    ///
    /// # Errors
    /// Returns an error if the packet is not of this stream, or malformed.
    pub fn handle_packet(
        &mut self,
        packet: &Packet,
        size: usize,
        highest: i64,
        ssrc: u32,
    ) -> Result<(), NotParity> {
        let source = packet.header.ssrc;
        if self.ssrc.is_some_and(|known| known != source) || source == ssrc {
            return Err(NotParity);
        }
        let parity = Parity::parse(self.offer.format, &packet.payload).ok_or(NotParity)?;
        self.ssrc = Some(source);
        self.parity_packets += 1;
        self.bytes += size as u64;
        self.waiting.push(highest, parity, |sequence| self.packets.contains_key(&sequence));
        Ok(())
    }

    /// Returns the next packet that can be recovered, with the SSRC of the stream; `None` if there is none. It counts
    /// as repaired unless it is [rejected](Self::reject).
    pub fn poll_recovered(&mut self, ssrc: u32) -> Option<RecoveredPacket> {
        loop {
            let waiting = self.waiting.pop_ready()?;
            if let Some(recovered) = self.recover(waiting, ssrc) {
                return Some(recovered);
            }
        }
    }

    /// Recovers the only packet that a parity packet lacks; `None` if it lacks none, or if others have been dropped.
    fn recover(&mut self, waiting: Waiting, ssrc: u32) -> Option<RecoveredPacket> {
        let mut missing = waiting.sequences().filter(|sequence| !self.contains(*sequence));
        let sequence = missing.next().filter(|_| missing.next().is_none())?;
        let others = waiting.sequences().filter_map(|other| self.packets.get(&other)).map(|bytes| &bytes[..]);
        let bytes = Bytes::from(waiting.parity.recover(sequence as u16, ssrc, others)?);
        self.record_packet(sequence, bytes.clone());
        self.repaired_count += u64::from(self.repaired.insert(sequence));
        if self.repaired.len() > MAX_REPAIRED {
            self.repaired.pop_first();
        }
        Some(RecoveredPacket { sequence, bytes })
    }

    /// Adds the figures of parity packets to those of the packets of the stream.
    pub fn add_to(&self, snapshot: &mut Snapshot) {
        snapshot.repaired_fec = self.repaired_count;
        snapshot.fec_packets = self.parity_packets;
        snapshot.fec_octets = self.bytes;
        snapshot.record_repaired(self.repaired_count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::fec::FecFormat;
    use crate::proto::rtp::Header;
    use rand::rngs::SmallRng;
    use rand::{RngExt as _, SeedableRng as _};

    const OFFER: ParityOffer = ParityOffer { payload_type: 98, format: FecFormat::Flexfec, ssrc: None };

    fn media(sequence: i64) -> Bytes {
        let header = Header {
            marker: sequence % 9 == 0,
            payload_type: 26,
            sequence: sequence as u16,
            timestamp: 5,
            ssrc: 1,
        };
        [&header.encode(false)[..], &vec![sequence as u8; 20 + (sequence % 5) as usize]].concat().into()
    }

    fn parity_packet(sequences: impl IntoIterator<Item = i64>, ssrc: u32) -> Packet {
        let mut parity = Parity::new(FecFormat::Flexfec);
        sequences.into_iter().for_each(|sequence| assert!(parity.add(&media(sequence))));
        let header = Header { marker: false, payload_type: 98, sequence: 0, timestamp: 5, ssrc };
        Packet { header, extension: None, payload: parity.encode().into() }
    }

    fn recovered(state: &mut ParityDecoder) -> Vec<i64> {
        let check = |packet: RecoveredPacket| {
            assert_eq!(packet.bytes, media(packet.sequence));
            packet.sequence
        };
        std::iter::from_fn(|| state.poll_recovered(1)).map(check).collect()
    }

    /// Packets and parity packets are lost at random, and arrive in any order within a block. Exactly the packets that
    /// are the only lost ones of a group whose parity packet arrives are recovered.
    #[test]
    fn packets_that_can_be_recovered_are() {
        for seed in 0..30 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut state = ParityDecoder::new(OFFER);
            let (mut expected, mut lost_count, mut actual) = (Vec::new(), 0, Vec::new());
            for block in 0..200i64 {
                let first = 65_500 + block * 12;
                let mut arrivals = Vec::new();
                for group in 0..3 {
                    let numbers: Vec<_> = (0..4).map(|index| first + group + 3 * index).collect();
                    let (lost, arrived): (Vec<_>, Vec<_>) =
                        numbers.iter().copied().partition(|_| rng.random_bool(0.2));
                    arrivals.extend(arrived.into_iter().map(Ok));
                    lost_count += lost.len();
                    if rng.random_bool(0.8) {
                        arrivals.push(Err(numbers));
                        expected.extend(Some(lost).filter(|lost| lost.len() == 1).into_iter().flatten());
                    }
                }
                while !arrivals.is_empty() {
                    match arrivals.swap_remove(rng.random_range(0..arrivals.len())) {
                        Ok(sequence) => _ = state.record_arrival(sequence, media(sequence)),
                        Err(numbers) => {
                            state.handle_packet(&parity_packet(numbers, 2), 50, first, 1).unwrap()
                        }
                    }
                    let now = recovered(&mut state);
                    actual.extend(now.into_iter().filter(|sequence| !arrivals.contains(&Ok(*sequence))));
                }
            }
            actual.sort_unstable();
            expected.sort_unstable();
            assert_eq!(actual, expected, "seed {seed}");
            assert_eq!(state.repaired_count, expected.len() as u64, "seed {seed}");
            assert!(expected.len() < lost_count && expected.len() > 100, "{lost_count}");
        }
    }

    /// Three packets of a grid of 3 × 3 are lost, of which no row and no column alone can recover two.
    #[test]
    fn recovered_packets_recover_others() {
        let groups: Vec<Vec<i64>> = (0..3)
            .flat_map(|index| {
                [(0..3).map(|step| 3 * index + step).collect(), vec![index, 3 + index, 6 + index]]
            })
            .collect();
        for lost in [vec![0, 1, 3], vec![4, 5, 7], vec![0, 4, 8], vec![0, 1, 3, 4]] {
            let mut state = ParityDecoder::new(OFFER);
            let mut now = Vec::new();
            for sequence in (0..9).filter(|sequence| !lost.contains(sequence)) {
                state.record_arrival(sequence, media(sequence));
            }
            for group in &groups {
                state.handle_packet(&parity_packet(group.iter().copied(), 2), 50, 8, 1).unwrap();
                now.extend(recovered(&mut state));
            }
            now.sort_unstable();
            let expected = if lost.len() == 4 { Vec::new() } else { lost };
            assert_eq!(now, expected);
        }
    }

    #[test]
    fn original_that_arrives_after_all_is_not_repaired() {
        let mut state = ParityDecoder::new(OFFER);
        state.record_packet(10, media(10));
        state.handle_packet(&parity_packet([10, 11], 2), 50, 10, 1).unwrap();
        assert_eq!((recovered(&mut state), state.repaired_count), (vec![11], 1));
        assert!(state.record_arrival(11, media(11)) && !state.record_arrival(12, media(12)));
        assert_eq!(state.repaired_count, 0);
    }

    #[test]
    fn packets_of_another_source_are_rejected() {
        let mut state = ParityDecoder::new(ParityOffer { ssrc: Some(2), ..OFFER });
        assert_eq!(state.handle_packet(&parity_packet([1, 2], 3), 50, 1, 1), Err(NotParity));
        let mut state = ParityDecoder::new(OFFER);
        assert_eq!(state.handle_packet(&parity_packet([1, 2], 1), 50, 1, 1), Err(NotParity));
        let short = Packet { payload: Bytes::from_static(b"x"), ..parity_packet([1], 2) };
        assert_eq!(state.handle_packet(&short, 50, 1, 1), Err(NotParity));
        assert_eq!((state.parity_packets, state.is_source(2)), (0, false));
    }

    #[test]
    fn state_is_bounded() {
        let mut state = ParityDecoder::new(OFFER);
        for sequence in 0..20_000 {
            state.record_arrival(4 * sequence, media(4 * sequence));
            state
                .handle_packet(&parity_packet([4 * sequence, 4 * sequence + 1], 2), 50, 4 * sequence, 1)
                .unwrap();
            assert_eq!(recovered(&mut state).len(), 1);
            state
                .handle_packet(&parity_packet([4 * sequence + 2, 4 * sequence + 3], 2), 50, 4 * sequence, 1)
                .unwrap();
            assert_eq!(recovered(&mut state).len(), 0);
        }
        assert_eq!((state.packets.len(), state.waiting.by_number.len()), (MAX_PACKETS, MAX_WAITING));
        assert_eq!(state.repaired.len(), MAX_REPAIRED);
        assert_eq!(state.waiting.by_missing.len(), 2 * MAX_WAITING);
        assert!(state.waiting.ready.is_empty());
    }
}
