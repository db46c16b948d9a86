//! The link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::chance::Chance;
use super::datagram::{Kind, Payload};
use super::settings::{Bottleneck, Impairments};

/// What has become of the packets. Each counts once, whatever was made of it: all that were offered are delivered,
/// lost one way or the other, or under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Packets that were offered.
    pub offered: u64,
    /// Packets that came out.
    pub delivered: u64,
    /// Packets that vanished at random.
    pub lost_random: u64,
    /// Packets that found the queue full.
    pub lost_queue: u64,
    /// Packets that came out a second time.
    pub duplicated: u64,
    /// Packets that came out with a wrong bit.
    pub corrupted: u64,
    /// Packets that are still under way.
    pub under_way: u64,
}

impl Counters {
    /// Packets that were offered and are not under way any more.
    pub fn settled(&self) -> u64 {
        self.offered - self.under_way
    }

    /// Packets that were lost.
    pub fn lost(&self) -> u64 {
        self.lost_random + self.lost_queue
    }
}

/// An emulated link. A packet waits in the queue before the bottleneck, passes it, and is then on its way for the
/// delay and the jitter.
#[derive(Debug)]
pub struct Link<T> {
    impairments: Impairments,
    rtp: Stream,
    rtcp: Stream,
    queue: VecDeque<Queued<T>>,
    queued_octets: u64,
    under_way: BinaryHeap<Reverse<UnderWay<T>>>,
    order: u64,
    last_release: Option<Instant>,
}

/// The chances and the counters of one kind of packets. Reports leave by the clock and not by the packet; with chances
/// of their own they change no fate of the packets between them.
#[derive(Debug)]
struct Stream {
    chance: Chance,
    counters: Counters,
}

#[derive(Debug)]
struct Queued<T> {
    /// When it is through the bottleneck.
    through: Instant,
    /// Its octets of IP.
    octets: u64,
    /// How long it is on its way from then on.
    lag: Duration,
    travelling: Travelling<T>,
}

#[derive(Debug)]
struct Travelling<T> {
    packet: T,
    is_copy: bool,
    is_corrupted: bool,
}

#[derive(Debug)]
struct UnderWay<T> {
    release: Instant,
    order: u64,
    travelling: Travelling<T>,
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

/// The most packets that are under way; what comes when there are so many is lost as if the queue were full.
const MOST_UNDER_WAY: usize = 1 << 16;

/// The longest that a packet is on its way, however heavy the tail of its jitter.
const LONGEST_LAG: f64 = 60.0;

impl<T: Payload> Link<T> {
    /// A link with these faults, whose chances begin with a seed.
    pub fn new(impairments: Impairments, seed: u64) -> Self {
        let stream = |kind| Stream { chance: Chance::new(seed, kind), counters: Counters::default() };
        Self {
            impairments,
            rtp: stream(Kind::Rtp),
            rtcp: stream(Kind::Rtcp),
            queue: VecDeque::new(),
            queued_octets: 0,
            under_way: BinaryHeap::new(),
            order: 0,
            last_release: None,
        }
    }

    /// Other faults from now on. Chance goes on where it was; what has passed the bottleneck stays on its way, and
    /// what waits before it passes at the new rate.
    pub fn set(&mut self, now: Instant, impairments: Impairments) {
        self.pass_bottleneck(now);
        let former = std::mem::replace(&mut self.impairments, impairments).bottleneck;
        if former.map(|former| former.bits_per_second)
            != impairments.bottleneck.map(|bottleneck| bottleneck.bits_per_second)
        {
            self.retime(now, former);
        }
    }

    /// Chances that begin anew.
    pub fn reseed(&mut self, seed: u64) {
        self.rtp.chance = Chance::new(seed, Kind::Rtp);
        self.rtcp.chance = Chance::new(seed, Kind::Rtcp);
    }

    fn stream(&mut self, kind: Kind) -> &mut Stream {
        match kind {
            Kind::Rtp => &mut self.rtp,
            Kind::Rtcp => &mut self.rtcp,
        }
    }

    /// A packet wants to pass.
    pub fn offer(&mut self, now: Instant, mut packet: T) {
        self.pass_bottleneck(now);
        let Impairments { loss, duplication, corruption, jitter, delay, .. } = self.impairments;
        let stream = self.stream(packet.kind());
        stream.counters.offered += 1;
        let fate = stream.chance.next(loss, duplication, corruption, jitter);
        if fate.is_lost {
            stream.counters.lost_random += 1;
            return;
        }
        if let Some(bit) = fate.wrong_bit {
            packet.flip_bit(bit);
        }
        let lag = Duration::from_secs_f64((delay.as_secs_f64() + fate.jitter).clamp(0.0, LONGEST_LAG));
        let travelling = Travelling { packet, is_copy: false, is_corrupted: fate.wrong_bit.is_some() };
        let copy = fate.is_duplicated.then(|| Travelling {
            packet: travelling.packet.clone(),
            is_copy: true,
            is_corrupted: false,
        });
        let kind = travelling.packet.kind();
        if !self.enqueue(now, lag, travelling) {
            self.stream(kind).counters.lost_queue += 1;
            return;
        }
        self.stream(kind).counters.under_way += 1;
        if let Some(copy) = copy {
            // A copy for which there is no room costs nothing.
            self.enqueue(now, lag, copy);
        }
        self.pass_bottleneck(now);
    }

    /// Lets a packet wait for its turn at the bottleneck; `false` if there is no room.
    fn enqueue(&mut self, now: Instant, lag: Duration, travelling: Travelling<T>) -> bool {
        let octets = travelling.packet.octets() as u64 + HEADERS;
        if self.queue.len() + self.under_way.len() >= MOST_UNDER_WAY {
            return false;
        }
        let begins = self.queue.back().map_or(now, |last| last.through.max(now));
        let through = match self.impairments.bottleneck {
            None => begins,
            Some(Bottleneck { queue, .. })
                if self.queued_octets + octets > u64::from(queue) && self.queued_octets > 0 =>
            {
                return false;
            }
            Some(Bottleneck { bits_per_second, .. }) => begins + transmission(octets, bits_per_second),
        };
        self.queued_octets += octets;
        self.queue.push_back(Queued { through, octets, lag, travelling });
        true
    }

    /// Sends on their way the packets that are through the bottleneck.
    fn pass_bottleneck(&mut self, now: Instant) {
        while self.queue.front().is_some_and(|first| first.through <= now) {
            let Some(Queued { through, octets, lag, travelling }) = self.queue.pop_front() else { return };
            self.queued_octets -= octets;
            let release = through + lag;
            let release = match self.last_release {
                Some(last) if !self.impairments.jitter.reorders => last.max(release),
                _ => release,
            };
            self.last_release = Some(self.last_release.map_or(release, |last| last.max(release)));
            self.order += 1;
            self.under_way.push(Reverse(UnderWay { release, order: self.order, travelling }));
        }
    }

    /// What waits passes at the new rate. Of the packet at the front, only what is left of it.
    fn retime(&mut self, now: Instant, former: Option<Bottleneck>) {
        let rate = self.impairments.bottleneck.map(|bottleneck| bottleneck.bits_per_second.max(1));
        let mut begins = now;
        for (index, queued) in self.queue.iter_mut().enumerate() {
            let left = match former {
                Some(former) if index == 0 => {
                    queued.through.saturating_duration_since(now).as_secs_f64()
                        / transmission(queued.octets, former.bits_per_second).as_secs_f64().max(1e-9)
                }
                _ => 1.0,
            };
            let span = rate.map_or(Duration::ZERO, |rate| transmission(queued.octets, rate));
            begins += span.mul_f64(left.clamp(0.0, 1.0));
            queued.through = begins;
        }
    }

    /// The next packet that has come out, and when it did.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, T)> {
        self.pass_bottleneck(now);
        self.under_way.peek().filter(|Reverse(first)| first.release <= now)?;
        let Reverse(UnderWay { release, travelling, .. }) = self.under_way.pop()?;
        let Travelling { packet, is_copy, is_corrupted } = travelling;
        let counters = &mut self.stream(packet.kind()).counters;
        if is_copy {
            counters.duplicated += 1;
        } else {
            counters.under_way -= 1;
            counters.delivered += 1;
            counters.corrupted += u64::from(is_corrupted);
        }
        Some((release, packet))
    }

    /// When to look again: the next packet comes out, or is through the bottleneck.
    pub fn deadline(&self) -> Option<Instant> {
        let release = self.under_way.peek().map(|Reverse(first)| first.release);
        let through = self.queue.front().map(|first| first.through);
        release.into_iter().chain(through).min()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_empty()
    }

    /// What has become of the packets of this kind.
    pub fn counters(&self, kind: Kind) -> Counters {
        match kind {
            Kind::Rtp => self.rtp.counters,
            Kind::Rtcp => self.rtcp.counters,
        }
    }
}

/// How long octets take at a rate.
fn transmission(octets: u64, bits_per_second: u64) -> Duration {
    let nanos = u128::from(octets) * 8 * 1_000_000_000 / u128::from(bits_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Jitter, Loss};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A packet of a hundred octets with a number.
    #[derive(Debug, Clone)]
    struct Numbered(u32);

    impl Payload for Numbered {
        fn kind(&self) -> Kind {
            Kind::Rtp
        }

        fn octets(&self) -> usize {
            100
        }

        fn flip_bit(&mut self, _: u64) {}
    }

    type Arrivals = Vec<(u32, Duration)>;

    fn drain(link: &mut Link<Numbered>, begin: Instant, until: Option<Instant>, out: &mut Arrivals) {
        while let Some(at) = link.deadline().filter(|at| until.is_none_or(|until| *at <= until)) {
            while let Some((release, Numbered(number))) = link.poll(at) {
                out.push((number, release - begin));
            }
        }
    }

    /// Offers numbered packets a millisecond apart; which came out, and when.
    fn send(impairments: Impairments, seed: u64, count: u32) -> (Arrivals, Counters) {
        let (begin, mut link) = (Instant::now(), Link::new(impairments, seed));
        let mut out = Vec::new();
        for number in 0..count {
            let now = begin + MS * number;
            drain(&mut link, begin, Some(now), &mut out);
            link.offer(now, Numbered(number));
        }
        drain(&mut link, begin, None, &mut out);
        (out, link.counters(Kind::Rtp))
    }

    #[test]
    fn a_perfect_link_changes_nothing() {
        let (out, counters) = send(Impairments::default(), 1, 100);
        assert_eq!(out, (0..100).map(|n| (n, MS * n)).collect::<Vec<_>>());
        assert_eq!(counters, Counters { offered: 100, delivered: 100, ..Counters::default() });
    }

    const EVERYTHING: Impairments = Impairments {
        loss: Loss { ratio: 0.1, mean_burst: Some(3.0) },
        duplication: 0.05,
        corruption: 0.01,
        bottleneck: Some(Bottleneck { bits_per_second: 900_000, queue: 4_000 }),
        delay: Duration::from_millis(20),
        jitter: Jitter {
            spread: Duration::from_millis(10),
            distribution: super::super::settings::Distribution::Uniform,
            reorders: true,
        },
    };

    #[test]
    fn every_packet_has_a_known_fate_and_a_seed_repeats_it() {
        let (out, counters) = send(EVERYTHING, 7, 5_000);
        assert_eq!(counters.offered, counters.delivered + counters.lost());
        assert_eq!((counters.offered, counters.under_way), (5_000, 0));
        assert!(counters.lost_random > 0 && counters.lost_queue > 0 && counters.corrupted > 0);
        let mut numbers: Vec<_> = out.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len() as u64, counters.delivered + counters.duplicated);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len() as u64, counters.delivered);
        assert!(counters.duplicated > 100);
        assert_eq!(send(EVERYTHING, 7, 5_000).0, out);
        assert_ne!(send(EVERYTHING, 8, 5_000).0, out);
    }

    #[test]
    fn what_is_not_set_loses_nothing() {
        let jitter = Jitter { spread: 30 * MS, reorders: true, ..Jitter::default() };
        let bottleneck = Some(Bottleneck { bits_per_second: 1_100_000, queue: 10_000 });
        let impairments = Impairments { delay: 50 * MS, jitter, bottleneck, ..Impairments::default() };
        let (out, counters) = send(impairments, 1, 20_000);
        assert_eq!((out.len(), counters.delivered, counters.lost()), (20_000, 20_000, 0));
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
    fn setting_anew_does_not_reseed() {
        let lossy = Impairments { loss: Loss { ratio: 0.2, mean_burst: None }, ..Impairments::default() };
        let begin = Instant::now();
        let count = |meddle: bool| {
            let mut link = Link::new(lossy, 5);
            let mut lost = Vec::new();
            for number in 0..2_000 {
                if meddle && number % 100 == 0 {
                    link.set(begin, Impairments { delay: MS * (number / 100), ..lossy });
                }
                link.offer(begin, Numbered(number));
                lost.push(link.counters(Kind::Rtp).lost_random);
            }
            lost
        };
        assert_eq!(count(false), count(true));
    }

    /// Twice as much as passes, for ten virtual seconds, at several rates.
    #[test]
    fn a_bottleneck_passes_its_rate_and_no_more() {
        for bits_per_second in [64_000, 512_000, 1_000_000] {
            let begin = Instant::now();
            let bottleneck = Some(Bottleneck { bits_per_second, queue: 3_000 });
            let mut link = Link::new(Impairments { bottleneck, ..Impairments::default() }, 1);
            let (mut out, mut passed) = (Vec::new(), 0);
            for number in 0..20_000 {
                let now = begin + MS * number / 2;
                drain(&mut link, begin, Some(now), &mut out);
                link.offer(now, Numbered(number));
            }
            drain(&mut link, begin, Some(begin + Duration::from_secs(10)), &mut out);
            // 128 octets of IP a packet.
            passed += out.len() as u64 * 128 * 8;
            let rate = passed as f64 / 10.0;
            assert!((rate / bits_per_second as f64 - 1.0).abs() < 0.01, "{rate} for {bits_per_second}");
            let counters = link.counters(Kind::Rtp);
            assert_eq!(counters.offered, counters.delivered + counters.lost_queue + counters.under_way);
            // The delay has grown to the length of the queue.
            let (number, at) = out[out.len() / 2];
            let waited = (at - MS * number / 2).as_secs_f64();
            let full = 3_000.0 * 8.0 / bits_per_second as f64;
            assert!(waited > 0.93 * full && waited <= full, "{waited} for {full}");
        }
    }

    #[test]
    fn what_waits_passes_at_the_new_rate() {
        let begin = Instant::now();
        let at_rate = |bits_per_second| Impairments {
            bottleneck: Some(Bottleneck { bits_per_second, queue: 100_000 }),
            ..Impairments::default()
        };
        // 128 octets in a second.
        let mut link = Link::new(at_rate(1_024), 1);
        (0..3).for_each(|number| link.offer(begin, Numbered(number)));
        let half = begin + Duration::from_millis(500);
        link.set(half, at_rate(10_240));
        let mut out = Vec::new();
        drain(&mut link, begin, None, &mut out);
        assert_eq!(out, [(0, 550 * MS), (1, 650 * MS), (2, 750 * MS)]);
        (0..3).for_each(|number| link.offer(begin + 800 * MS, Numbered(number)));
        link.set(begin + 800 * MS, Impairments::default());
        out.clear();
        drain(&mut link, begin, None, &mut out);
        assert_eq!(out, [(0, 800 * MS), (1, 800 * MS), (2, 800 * MS)]);
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
