//! The link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::chance::Chance;
use super::settings::{Bottleneck, Impairments};

/// Something that travels over a link.
pub trait Payload: Clone {
    /// Its octets as a datagram's payload.
    fn octets(&self) -> usize;

    /// Makes one of its bits wrong.
    fn flip_bit(&mut self, bit: u64);
}

impl Payload for Vec<u8> {
    fn octets(&self) -> usize {
        self.len()
    }

    fn flip_bit(&mut self, bit: u64) {
        let bits = self.len() as u64 * 8;
        if let Some(bit) = bit.checked_rem(bits) {
            self[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
    }
}

/// What has become of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Packets that were offered.
    pub offered: u64,
    /// Packets that came out, copies among them.
    pub delivered: u64,
    /// Packets that vanished at random.
    pub lost_random: u64,
    /// Packets and copies that found the queue full.
    pub lost_queue: u64,
    /// Packets that were copied.
    pub duplicated: u64,
    /// Packets and copies that came out, or will, with a wrong bit.
    pub corrupted: u64,
    /// Packets and copies that are still under way.
    pub under_way: u64,
}

/// An emulated link.
#[derive(Debug)]
pub struct Link<T> {
    impairments: Impairments,
    chance: Chance,
    /// What waits before the bottleneck: when each is through, and its octets of IP.
    queue: VecDeque<(Instant, u64)>,
    queued_octets: u64,
    under_way: BinaryHeap<Reverse<UnderWay<T>>>,
    order: u64,
    last_release: Option<Instant>,
    counters: Counters,
}

#[derive(Debug)]
struct UnderWay<T> {
    release: Instant,
    order: u64,
    packet: T,
}

impl<T> PartialEq for UnderWay<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.release, self.order) == (other.release, other.order)
    }
}

impl<T> Eq for UnderWay<T> {}

impl<T> PartialOrd for UnderWay<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for UnderWay<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.release, self.order).cmp(&(other.release, other.order))
    }
}

/// The headers of IPv4 and UDP.
const HEADERS: u64 = 28;

impl<T: Payload> Link<T> {
    /// A link with these faults, whose chances begin with a seed.
    pub fn new(impairments: Impairments, seed: u64) -> Self {
        Self {
            impairments,
            chance: Chance::new(seed),
            queue: VecDeque::new(),
            queued_octets: 0,
            under_way: BinaryHeap::new(),
            order: 0,
            last_release: None,
            counters: Counters::default(),
        }
    }

    /// Other faults from now on. What is under way stays so, and chance goes on where it was.
    pub fn set(&mut self, impairments: Impairments) {
        self.impairments = impairments;
    }

    /// A packet wants to pass.
    pub fn offer(&mut self, now: Instant, packet: T) {
        let Impairments { loss, duplication, corruption, jitter, .. } = self.impairments;
        self.counters.offered += 1;
        let fate = self.chance.next(loss, duplication, corruption, jitter);
        if fate.is_lost {
            self.counters.lost_random += 1;
            return;
        }
        if fate.is_duplicated {
            self.counters.duplicated += 1;
            self.pass(now, packet.clone(), fate.wrong_bit, fate.jitter);
        }
        self.pass(now, packet, fate.wrong_bit, fate.jitter);
    }

    fn pass(&mut self, now: Instant, mut packet: T, wrong_bit: Option<u64>, jitter: f64) {
        let Some(through) = self.squeeze(now, packet.octets() as u64 + HEADERS) else {
            self.counters.lost_queue += 1;
            return;
        };
        if let Some(bit) = wrong_bit {
            packet.flip_bit(bit);
            self.counters.corrupted += 1;
        }
        let seconds = self.impairments.delay.as_secs_f64() + jitter;
        let mut release = through + Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        if !self.impairments.jitter.reorders {
            release = self.last_release.map_or(release, |last| last.max(release));
        }
        self.last_release = Some(self.last_release.map_or(release, |last| last.max(release)));
        self.order += 1;
        self.counters.under_way += 1;
        self.under_way.push(Reverse(UnderWay { release, order: self.order, packet }));
    }

    /// When a packet is through the bottleneck; `None` if the queue has no room for it.
    fn squeeze(&mut self, now: Instant, octets: u64) -> Option<Instant> {
        while let Some((through, octets)) = self.queue.front().copied().filter(|(through, _)| *through <= now)
        {
            debug_assert!(through <= now);
            self.queued_octets -= octets;
            self.queue.pop_front();
        }
        let Some(Bottleneck { bits_per_second, queue }) = self.impairments.bottleneck else {
            // What was queued while there was a bottleneck leaves before what comes now.
            return Some(self.queue.back().map_or(now, |(through, _)| *through));
        };
        if self.queued_octets + octets > u64::from(queue) && self.queued_octets > 0 {
            return None;
        }
        let begins = self.queue.back().map_or(now, |(through, _)| (*through).max(now));
        let nanos = u128::from(octets) * 8 * 1_000_000_000 / u128::from(bits_per_second.max(1));
        let through = begins + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.queue.push_back((through, octets));
        self.queued_octets += octets;
        Some(through)
    }

    /// The next packet that has come out.
    pub fn poll(&mut self, now: Instant) -> Option<T> {
        self.under_way.peek().filter(|Reverse(first)| first.release <= now)?;
        let Reverse(first) = self.under_way.pop()?;
        self.counters.under_way -= 1;
        self.counters.delivered += 1;
        Some(first.packet)
    }

    /// When the next packet comes out.
    pub fn deadline(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(first)| first.release)
    }

    /// What has become of the packets.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Jitter, Loss};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Offers numbered packets a millisecond apart; which came out, and when.
    fn send(impairments: Impairments, seed: u64, count: u32) -> (Vec<(u32, Duration)>, Counters) {
        let (begin, mut link) = (Instant::now(), Link::new(impairments, seed));
        let mut out = Vec::new();
        for number in 0..count {
            let now = begin + MS * number;
            link.offer(now, number.to_be_bytes().repeat(25));
            while let Some(packet) = link.poll(now) {
                out.push((u32::from_be_bytes(*packet.first_chunk().unwrap()), now - begin));
            }
        }
        while let Some(at) = link.deadline() {
            let packet = link.poll(at).unwrap();
            out.push((u32::from_be_bytes(*packet.first_chunk().unwrap()), at - begin));
        }
        (out, link.counters())
    }

    #[test]
    fn a_perfect_link_changes_nothing() {
        let (out, counters) = send(Impairments::default(), 1, 100);
        assert_eq!(out, (0..100).map(|n| (n, MS * n)).collect::<Vec<_>>());
        assert_eq!(counters, Counters { offered: 100, delivered: 100, ..Counters::default() });
    }

    #[test]
    fn every_packet_has_a_known_fate_and_a_seed_repeats_it() {
        let impairments = Impairments {
            loss: Loss { ratio: 0.1, mean_burst: Some(3.0) },
            duplication: 0.05,
            corruption: 0.01,
            bottleneck: Some(Bottleneck { bits_per_second: 1_000_000, queue: 4_000 }),
            delay: 20 * MS,
            jitter: Jitter { spread: 10 * MS, reorders: true, ..Jitter::default() },
        };
        let (out, counters) = send(impairments, 7, 5_000);
        let Counters { offered, delivered, lost_random, lost_queue, duplicated, under_way, .. } = counters;
        assert_eq!(offered + duplicated, delivered + lost_random + lost_queue + under_way);
        assert!(lost_random > 0 && lost_queue > 0 && duplicated > 0 && counters.corrupted > 0);
        assert_eq!(send(impairments, 7, 5_000).0, out);
        assert_ne!(send(impairments, 8, 5_000).0, out);
    }

    #[test]
    fn changing_one_setting_leaves_the_fates_of_the_others() {
        let lossy = Impairments { loss: Loss { ratio: 0.2, mean_burst: None }, ..Impairments::default() };
        let slow = Impairments {
            delay: 50 * MS,
            jitter: Jitter { spread: 5 * MS, reorders: true, ..Jitter::default() },
            ..lossy
        };
        let survivors = |impairments| {
            let mut numbers: Vec<_> =
                send(impairments, 3, 1_000).0.into_iter().map(|(number, _)| number).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(survivors(lossy), survivors(slow));
    }

    #[test]
    fn a_bottleneck_passes_its_rate_and_no_more() {
        let bottleneck = Bottleneck { bits_per_second: 512_000, queue: 3_000 };
        let (out, counters) =
            send(Impairments { bottleneck: Some(bottleneck), ..Impairments::default() }, 1, 10_000);
        // 128 octets of IP a packet take 2 ms: every other one passes, and waits for the queue's length.
        let rate = out.len() as f64 * 128.0 * 8.0 / out.last().unwrap().1.as_secs_f64();
        assert!((rate / 512_000.0 - 1.0).abs() < 0.01, "{rate}");
        assert!(counters.lost_queue > 4_900);
        let (number, at) = out[out.len() / 2];
        let waited = (at - MS * number).as_secs_f64();
        assert!((waited - 3_000.0 * 8.0 / 512_000.0).abs() < 0.003, "{waited}");
    }

    #[test]
    fn without_reordering_none_overtakes() {
        let jitter = Jitter { spread: 30 * MS, ..Jitter::default() };
        let (out, _) = send(Impairments { delay: 30 * MS, jitter, ..Impairments::default() }, 5, 2_000);
        assert!(out.is_sorted());
        let jitter = Jitter { reorders: true, ..jitter };
        let (out, _) = send(Impairments { delay: 30 * MS, jitter, ..Impairments::default() }, 5, 2_000);
        assert!(!out.is_sorted_by_key(|(number, _)| *number));
    }
}
