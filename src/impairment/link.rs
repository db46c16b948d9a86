//! The link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::packet::{LinkPacket, PacketKind};
use super::random::FaultSampler;
use super::settings::{Bottleneck, Impairments};

/// What has become of the packets. Each counts once, whatever was made of it: all that were offered are delivered,
/// lost one way or the other, or under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LinkCounters {
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
    pub in_flight: u64,
}

impl LinkCounters {
    /// Packets that were offered and are not under way any more.
    pub fn completed(&self) -> u64 {
        self.offered - self.in_flight
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
    rtp: KindState,
    rtcp: KindState,
    queue: VecDeque<QueuedPacket<T>>,
    queued_bytes: u64,
    in_flight: BinaryHeap<Reverse<ScheduledPacket<T>>>,
    order: u64,
    last_release: Option<Instant>,
}

/// The chances and the counters of one kind of packets. Reports leave by the clock and not by the packet; with chances
/// of their own they change no fate of the packets between them.
#[derive(Debug)]
struct KindState {
    sampler: FaultSampler,
    counters: LinkCounters,
}

#[derive(Debug)]
struct QueuedPacket<T> {
    /// When it is through the bottleneck.
    departure: Instant,
    /// Its bytes of IP.
    bytes: u64,
    /// How long it is on its way from then on.
    link_delay: Duration,
    tagged: TaggedPacket<T>,
}

#[derive(Debug)]
struct TaggedPacket<T> {
    packet: T,
    is_copy: bool,
    is_corrupted: bool,
}

#[derive(Debug)]
struct ScheduledPacket<T> {
    release: Instant,
    order: u64,
    tagged: TaggedPacket<T>,
}

impl<T> PartialEq for ScheduledPacket<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.release, self.order) == (other.release, other.order)
    }
}

impl<T> Eq for ScheduledPacket<T> {}

impl<T> PartialOrd for ScheduledPacket<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for ScheduledPacket<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.release, self.order).cmp(&(other.release, other.order))
    }
}

/// The headers of IPv4 and UDP.
const IP_UDP_HEADER_LENGTH: u64 = 28;

/// The most packets that are under way; what comes when there are so many is lost as if the queue were full.
const MAX_IN_FLIGHT: usize = 1 << 16;

/// The longest that a packet is on its way, however heavy the tail of its jitter.
const MAX_LINK_DELAY_SECONDS: f64 = 60.0;

impl<T: LinkPacket> Link<T> {
    /// A link with these faults, whose chances begin with a seed.
    pub fn new(impairments: Impairments, seed: u64) -> Self {
        let kind_state =
            |kind| KindState { sampler: FaultSampler::new(seed, kind), counters: LinkCounters::default() };
        Self {
            impairments,
            rtp: kind_state(PacketKind::Rtp),
            rtcp: kind_state(PacketKind::Rtcp),
            queue: VecDeque::new(),
            queued_bytes: 0,
            in_flight: BinaryHeap::new(),
            order: 0,
            last_release: None,
        }
    }

    /// Other faults from now on. Chance goes on where it was; what has passed the bottleneck stays on its way, and
    /// what waits before it passes at the new rate.
    pub fn set_impairments(&mut self, now: Instant, impairments: Impairments) {
        self.pass_bottleneck(now);
        let previous = std::mem::replace(&mut self.impairments, impairments).bottleneck;
        if previous.map(|previous| previous.bits_per_second)
            != impairments.bottleneck.map(|bottleneck| bottleneck.bits_per_second)
        {
            self.reschedule_queue(now, previous);
        }
    }

    /// Chances that begin anew.
    pub fn reseed(&mut self, seed: u64) {
        self.rtp.sampler = FaultSampler::new(seed, PacketKind::Rtp);
        self.rtcp.sampler = FaultSampler::new(seed, PacketKind::Rtcp);
    }

    fn kind_state(&mut self, kind: PacketKind) -> &mut KindState {
        match kind {
            PacketKind::Rtp => &mut self.rtp,
            PacketKind::Rtcp => &mut self.rtcp,
        }
    }

    /// A packet wants to pass.
    pub fn send(&mut self, now: Instant, mut packet: T) {
        self.pass_bottleneck(now);
        let Impairments { loss, duplication, corruption, jitter, delay, .. } = self.impairments;
        let state = self.kind_state(packet.kind());
        state.counters.offered += 1;
        let faults = state.sampler.sample(loss, duplication, corruption, jitter);
        if faults.is_lost {
            state.counters.lost_random += 1;
            return;
        }
        if let Some(bit) = faults.flipped_bit {
            packet.flip_bit(bit);
        }
        let link_delay =
            Duration::from_secs_f64((delay.as_secs_f64() + faults.jitter).clamp(0.0, MAX_LINK_DELAY_SECONDS));
        let tagged = TaggedPacket { packet, is_copy: false, is_corrupted: faults.flipped_bit.is_some() };
        let copy = faults.is_duplicated.then(|| TaggedPacket {
            packet: tagged.packet.clone(),
            is_copy: true,
            is_corrupted: false,
        });
        let kind = tagged.packet.kind();
        if !self.enqueue(now, link_delay, tagged) {
            self.kind_state(kind).counters.lost_queue += 1;
            return;
        }
        self.kind_state(kind).counters.in_flight += 1;
        if let Some(copy) = copy {
            // A copy for which there is no room costs nothing.
            self.enqueue(now, link_delay, copy);
        }
        self.pass_bottleneck(now);
    }

    /// Lets a packet wait for its turn at the bottleneck; `false` if there is no room.
    fn enqueue(&mut self, now: Instant, link_delay: Duration, tagged: TaggedPacket<T>) -> bool {
        let bytes = tagged.packet.size() as u64 + IP_UDP_HEADER_LENGTH;
        if self.queue.len() + self.in_flight.len() >= MAX_IN_FLIGHT {
            return false;
        }
        let start = self.queue.back().map_or(now, |last| last.departure.max(now));
        let departure = match self.impairments.bottleneck {
            None => start,
            Some(Bottleneck { queue, .. })
                if self.queued_bytes + bytes > u64::from(queue) && self.queued_bytes > 0 =>
            {
                return false;
            }
            Some(Bottleneck { bits_per_second, .. }) => start + transmission_time(bytes, bits_per_second),
        };
        self.queued_bytes += bytes;
        self.queue.push_back(QueuedPacket { departure, bytes, link_delay, tagged });
        true
    }

    /// Sends on their way the packets that are through the bottleneck.
    fn pass_bottleneck(&mut self, now: Instant) {
        while self.queue.front().is_some_and(|first| first.departure <= now) {
            let Some(QueuedPacket { departure: through, bytes, link_delay: lag, tagged: travelling }) =
                self.queue.pop_front()
            else {
                return;
            };
            self.queued_bytes -= bytes;
            let release = through + lag;
            let release = match self.last_release {
                Some(last) if !self.impairments.jitter.reorders => last.max(release),
                _ => release,
            };
            self.last_release = Some(self.last_release.map_or(release, |last| last.max(release)));
            self.order += 1;
            self.in_flight.push(Reverse(ScheduledPacket { release, order: self.order, tagged: travelling }));
        }
    }

    /// What waits passes at the new rate. Of the packet at the front, only what is left of it.
    fn reschedule_queue(&mut self, now: Instant, previous: Option<Bottleneck>) {
        let rate = self.impairments.bottleneck.map(|bottleneck| bottleneck.bits_per_second.max(1));
        let mut start = now;
        for (index, queued) in self.queue.iter_mut().enumerate() {
            let remaining = match previous {
                Some(previous) if index == 0 => {
                    queued.departure.saturating_duration_since(now).as_secs_f64()
                        / transmission_time(queued.bytes, previous.bits_per_second).as_secs_f64().max(1e-9)
                }
                _ => 1.0,
            };
            let span = rate.map_or(Duration::ZERO, |rate| transmission_time(queued.bytes, rate));
            start += span.mul_f64(remaining.clamp(0.0, 1.0));
            queued.departure = start;
        }
    }

    /// The next packet that has come out, and when it did.
    pub fn poll_packet(&mut self, now: Instant) -> Option<(Instant, T)> {
        self.pass_bottleneck(now);
        self.in_flight.peek().filter(|Reverse(first)| first.release <= now)?;
        let Reverse(ScheduledPacket { release, tagged: travelling, .. }) = self.in_flight.pop()?;
        let TaggedPacket { packet, is_copy, is_corrupted } = travelling;
        let counters = &mut self.kind_state(packet.kind()).counters;
        if is_copy {
            counters.duplicated += 1;
        } else {
            counters.in_flight -= 1;
            counters.delivered += 1;
            counters.corrupted += u64::from(is_corrupted);
        }
        Some((release, packet))
    }

    /// When to look again: the next packet comes out, or is through the bottleneck.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let release = self.in_flight.peek().map(|Reverse(first)| first.release);
        let through = self.queue.front().map(|first| first.departure);
        release.into_iter().chain(through).min()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// What has become of the packets of this kind.
    pub fn counters(&self, kind: PacketKind) -> LinkCounters {
        match kind {
            PacketKind::Rtp => self.rtp.counters,
            PacketKind::Rtcp => self.rtcp.counters,
        }
    }
}

/// How long bytes take at a rate.
fn transmission_time(bytes: u64, bits_per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(bits_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::settings::{JitterModel, LossModel};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A packet of a hundred bytes with a number.
    #[derive(Debug, Clone)]
    struct NumberedPacket(u32);

    impl LinkPacket for NumberedPacket {
        fn kind(&self) -> PacketKind {
            PacketKind::Rtp
        }

        fn size(&self) -> usize {
            100
        }

        fn flip_bit(&mut self, _: u64) {}
    }

    type Deliveries = Vec<(u32, Duration)>;

    fn poll_until(
        link: &mut Link<NumberedPacket>,
        begin: Instant,
        until: Option<Instant>,
        out: &mut Deliveries,
    ) {
        while let Some(at) = link.poll_timeout().filter(|at| until.is_none_or(|until| *at <= until)) {
            while let Some((release, NumberedPacket(number))) = link.poll_packet(at) {
                out.push((number, release - begin));
            }
        }
    }

    /// Offers numbered packets a millisecond apart; which came out, and when.
    fn send_numbered(impairments: Impairments, seed: u64, count: u32) -> (Deliveries, LinkCounters) {
        let (begin, mut link) = (Instant::now(), Link::new(impairments, seed));
        let mut out = Vec::new();
        for number in 0..count {
            let now = begin + MS * number;
            poll_until(&mut link, begin, Some(now), &mut out);
            link.send(now, NumberedPacket(number));
        }
        poll_until(&mut link, begin, None, &mut out);
        (out, link.counters(PacketKind::Rtp))
    }

    #[test]
    fn a_perfect_link_changes_nothing() {
        let (out, counters) = send_numbered(Impairments::default(), 1, 100);
        assert_eq!(out, (0..100).map(|n| (n, MS * n)).collect::<Vec<_>>());
        assert_eq!(counters, LinkCounters { offered: 100, delivered: 100, ..LinkCounters::default() });
    }

    const ALL_IMPAIRMENTS: Impairments = Impairments {
        loss: LossModel { ratio: 0.1, mean_burst: Some(3.0) },
        duplication: 0.05,
        corruption: 0.01,
        bottleneck: Some(Bottleneck { bits_per_second: 900_000, queue: 4_000 }),
        delay: Duration::from_millis(20),
        jitter: JitterModel {
            spread: Duration::from_millis(10),
            distribution: super::super::settings::Distribution::Uniform,
            reorders: true,
        },
    };

    #[test]
    fn every_packet_is_counted_and_seed_repeats_outcome() {
        let (out, counters) = send_numbered(ALL_IMPAIRMENTS, 7, 5_000);
        assert_eq!(counters.offered, counters.delivered + counters.lost());
        assert_eq!((counters.offered, counters.in_flight), (5_000, 0));
        assert!(counters.lost_random > 0 && counters.lost_queue > 0 && counters.corrupted > 0);
        let mut numbers: Vec<_> = out.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len() as u64, counters.delivered + counters.duplicated);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len() as u64, counters.delivered);
        assert!(counters.duplicated > 100);
        assert_eq!(send_numbered(ALL_IMPAIRMENTS, 7, 5_000).0, out);
        assert_ne!(send_numbered(ALL_IMPAIRMENTS, 8, 5_000).0, out);
    }

    #[test]
    fn delay_and_jitter_alone_lose_nothing() {
        let jitter = JitterModel { spread: 30 * MS, reorders: true, ..JitterModel::default() };
        let bottleneck = Some(Bottleneck { bits_per_second: 1_100_000, queue: 10_000 });
        let impairments = Impairments { delay: 50 * MS, jitter, bottleneck, ..Impairments::default() };
        let (out, counters) = send_numbered(impairments, 1, 20_000);
        assert_eq!((out.len(), counters.delivered, counters.lost()), (20_000, 20_000, 0));
    }

    #[test]
    fn changing_delay_does_not_change_which_packets_are_lost() {
        let lossy =
            Impairments { loss: LossModel { ratio: 0.2, mean_burst: None }, ..Impairments::default() };
        let slow = Impairments {
            delay: 50 * MS,
            jitter: JitterModel { spread: 5 * MS, reorders: true, ..JitterModel::default() },
            ..lossy
        };
        let survivors = |impairments| {
            let mut numbers: Vec<_> =
                send_numbered(impairments, 3, 1_000).0.into_iter().map(|(number, _)| number).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(survivors(lossy), survivors(slow));
    }

    #[test]
    fn changing_impairments_does_not_reseed() {
        let lossy =
            Impairments { loss: LossModel { ratio: 0.2, mean_burst: None }, ..Impairments::default() };
        let begin = Instant::now();
        let count = |change_delay: bool| {
            let mut link = Link::new(lossy, 5);
            let mut lost = Vec::new();
            for number in 0..2_000 {
                if change_delay && number % 100 == 0 {
                    link.set_impairments(begin, Impairments { delay: MS * (number / 100), ..lossy });
                }
                link.send(begin, NumberedPacket(number));
                lost.push(link.counters(PacketKind::Rtp).lost_random);
            }
            lost
        };
        assert_eq!(count(false), count(true));
    }

    /// Twice as much as passes, for ten virtual seconds, at several rates.
    #[test]
    fn bottleneck_passes_exactly_its_rate() {
        for bits_per_second in [64_000, 512_000, 1_000_000] {
            let begin = Instant::now();
            let bottleneck = Some(Bottleneck { bits_per_second, queue: 3_000 });
            let mut link = Link::new(Impairments { bottleneck, ..Impairments::default() }, 1);
            let (mut out, mut passed) = (Vec::new(), 0);
            for number in 0..20_000 {
                let now = begin + MS * number / 2;
                poll_until(&mut link, begin, Some(now), &mut out);
                link.send(now, NumberedPacket(number));
            }
            poll_until(&mut link, begin, Some(begin + Duration::from_secs(10)), &mut out);
            // 128 bytes of IP a packet.
            passed += out.len() as u64 * 128 * 8;
            let rate = passed as f64 / 10.0;
            assert!((rate / bits_per_second as f64 - 1.0).abs() < 0.01, "{rate} for {bits_per_second}");
            let counters = link.counters(PacketKind::Rtp);
            assert_eq!(counters.offered, counters.delivered + counters.lost_queue + counters.in_flight);
            // The delay has grown to the length of the queue.
            let (number, at) = out[out.len() / 2];
            let waited = (at - MS * number / 2).as_secs_f64();
            let full = 3_000.0 * 8.0 / bits_per_second as f64;
            assert!(waited > 0.93 * full && waited <= full, "{waited} for {full}");
        }
    }

    #[test]
    fn queued_packets_pass_at_the_new_rate() {
        let begin = Instant::now();
        let at_rate = |bits_per_second| Impairments {
            bottleneck: Some(Bottleneck { bits_per_second, queue: 100_000 }),
            ..Impairments::default()
        };
        // 128 bytes in a second.
        let mut link = Link::new(at_rate(1_024), 1);
        (0..3).for_each(|number| link.send(begin, NumberedPacket(number)));
        let half = begin + Duration::from_millis(500);
        link.set_impairments(half, at_rate(10_240));
        let mut out = Vec::new();
        poll_until(&mut link, begin, None, &mut out);
        assert_eq!(out, [(0, 550 * MS), (1, 650 * MS), (2, 750 * MS)]);
        (0..3).for_each(|number| link.send(begin + 800 * MS, NumberedPacket(number)));
        link.set_impairments(begin + 800 * MS, Impairments::default());
        out.clear();
        poll_until(&mut link, begin, None, &mut out);
        assert_eq!(out, [(0, 800 * MS), (1, 800 * MS), (2, 800 * MS)]);
    }

    #[test]
    fn packets_stay_in_order_without_reordering() {
        let jitter = JitterModel { spread: 30 * MS, ..JitterModel::default() };
        let (out, _) =
            send_numbered(Impairments { delay: 30 * MS, jitter, ..Impairments::default() }, 5, 2_000);
        assert!(out.is_sorted());
        let jitter = JitterModel { reorders: true, ..jitter };
        let (out, _) =
            send_numbered(Impairments { delay: 30 * MS, jitter, ..Impairments::default() }, 5, 2_000);
        assert!(!out.is_sorted_by_key(|(number, _)| *number));
    }
}
