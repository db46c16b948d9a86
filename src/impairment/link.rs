//! Emulated link for one direction of one session.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::packet::{LinkPacket, PacketKind};
use super::random::FaultSampler;
use super::settings::{Bottleneck, Impairments};

/// Packet counters of a link. Each packet sent is counted exactly once as delivered, lost or in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LinkCounters {
    /// Number of packets sent.
    pub offered: u64,
    /// Number of packets delivered, without duplicates.
    pub delivered: u64,
    /// Number of packets lost at random.
    pub lost_random: u64,
    /// Number of packets lost because the queue was full.
    pub lost_queue: u64,
    /// Number of packets whose duplicate was delivered.
    pub duplicated: u64,
    /// Number of packets delivered with an inverted bit, without duplicates.
    pub corrupted: u64,
    /// Number of packets neither delivered nor lost yet, without duplicates.
    pub in_flight: u64,
}

impl LinkCounters {
    /// Returns the number of packets delivered or lost.
    pub fn completed(&self) -> u64 {
        self.offered - self.in_flight
    }

    /// Returns the number of packets lost at random or in the queue.
    pub fn lost(&self) -> u64 {
        self.lost_random + self.lost_queue
    }
}

/// An emulated link. A packet waits in the queue of the bottleneck, is transmitted, and is delivered after delay and
/// jitter.
///
/// Call [`send`](Self::send) with each packet and [`poll_packet`](Self::poll_packet) at
/// [`poll_timeout`](Self::poll_timeout), until it returns `None`.
#[derive(Debug)]
pub struct Link<T> {
    impairments: Impairments,
    rtp: KindState,
    retransmissions: KindState,
    parity: KindState,
    rtcp: KindState,
    /// Packets waiting at the bottleneck, in order of departure.
    queue: VecDeque<QueuedPacket<T>>,
    /// Total length of the waiting packets, in bytes of IP packets.
    queued_bytes: u64,
    /// Packets after the bottleneck, the next one to be delivered first.
    in_flight: BinaryHeap<Reverse<ScheduledPacket<T>>>,
    /// Number of packets that have passed the bottleneck.
    order: u64,
    /// Latest delivery time so far.
    last_release: Option<Instant>,
}

/// Generators and counters of one kind of packets.
///
/// RTCP packets are sent at times that vary between runs. Since they have their own generators, they do not change the
/// faults of the RTP packets.
#[derive(Debug)]
struct KindState {
    sampler: FaultSampler,
    counters: LinkCounters,
}

#[derive(Debug)]
struct QueuedPacket<T> {
    /// Time at which the packet has passed the bottleneck.
    departure: Instant,
    /// Length of the IP packet, in bytes.
    bytes: u64,
    /// Delay after the bottleneck, jitter included.
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
    /// Time at which the packet is delivered.
    release: Instant,
    /// Position in the order of departure, for packets with the same delivery time.
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

/// Length of IPv4 and UDP headers, in bytes.
const IP_UDP_HEADER_LENGTH: u64 = 28;

/// Maximum number of packets in the queue and after it. Further packets are lost and counted as lost in the queue.
const MAX_IN_FLIGHT: usize = 1 << 16;

/// Maximum of delay and jitter together, in seconds; bounds the tail of the jitter distribution.
const MAX_LINK_DELAY_SECONDS: f64 = 60.0;

impl<T: LinkPacket> Link<T> {
    /// Creates a link with these impairments and this seed of the random number generators.
    pub fn new(impairments: Impairments, seed: u64) -> Self {
        let kind_state =
            |kind| KindState { sampler: FaultSampler::new(seed, kind), counters: LinkCounters::default() };
        Self {
            impairments,
            rtp: kind_state(PacketKind::Rtp),
            retransmissions: kind_state(PacketKind::Retransmission),
            parity: kind_state(PacketKind::Parity),
            rtcp: kind_state(PacketKind::Rtcp),
            queue: VecDeque::new(),
            queued_bytes: 0,
            in_flight: BinaryHeap::new(),
            order: 0,
            last_release: None,
        }
    }

    /// Replaces the impairments. The random number generators continue, packets after the bottleneck keep their
    /// delivery times, and packets in the queue are transmitted at the new rate.
    pub fn set_impairments(&mut self, now: Instant, impairments: Impairments) {
        self.pass_bottleneck(now);
        let previous = std::mem::replace(&mut self.impairments, impairments).bottleneck;
        if previous.map(|previous| previous.bits_per_second)
            != impairments.bottleneck.map(|bottleneck| bottleneck.bits_per_second)
        {
            self.reschedule_queue(now, previous);
        }
    }

    /// Restarts the random number generators with a seed.
    pub fn reseed(&mut self, seed: u64) {
        self.rtp.sampler = FaultSampler::new(seed, PacketKind::Rtp);
        self.retransmissions.sampler = FaultSampler::new(seed, PacketKind::Retransmission);
        self.parity.sampler = FaultSampler::new(seed, PacketKind::Parity);
        self.rtcp.sampler = FaultSampler::new(seed, PacketKind::Rtcp);
    }

    fn kind_state(&mut self, kind: PacketKind) -> &mut KindState {
        match kind {
            PacketKind::Rtp => &mut self.rtp,
            PacketKind::Retransmission => &mut self.retransmissions,
            PacketKind::Parity => &mut self.parity,
            PacketKind::Rtcp => &mut self.rtcp,
        }
    }

    /// Sends a packet, which can be lost, corrupted, duplicated and delayed.
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
            // A duplicate that does not fit into the queue is dropped and not counted.
            self.enqueue(now, link_delay, copy);
        }
        self.pass_bottleneck(now);
    }

    /// Appends a packet to the queue of the bottleneck and returns true if it fits.
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

    /// Schedules the delivery of the packets that have passed the bottleneck by `now`.
    fn pass_bottleneck(&mut self, now: Instant) {
        while self.queue.front().is_some_and(|first| first.departure <= now) {
            let Some(QueuedPacket { departure, bytes, link_delay, tagged }) = self.queue.pop_front() else {
                return;
            };
            self.queued_bytes -= bytes;
            let release = departure + link_delay;
            let release = match self.last_release {
                Some(last) if !self.impairments.jitter.reorders => last.max(release),
                _ => release,
            };
            self.last_release = Some(self.last_release.map_or(release, |last| last.max(release)));
            self.order += 1;
            self.in_flight.push(Reverse(ScheduledPacket { release, order: self.order, tagged }));
        }
    }

    /// Computes new departure times for the queue after a change of the rate. The first packet is partly transmitted
    /// already; only the rest is transmitted at the new rate.
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

    /// Returns the next packet that is delivered by `now`, with the time of its delivery.
    pub fn poll_packet(&mut self, now: Instant) -> Option<(Instant, T)> {
        self.pass_bottleneck(now);
        self.in_flight.peek().filter(|Reverse(first)| first.release <= now)?;
        let Reverse(ScheduledPacket { release, tagged, .. }) = self.in_flight.pop()?;
        let TaggedPacket { packet, is_copy, is_corrupted } = tagged;
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

    /// Returns the time at which a packet is delivered or has passed the bottleneck; `None` if the link is empty.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let release = self.in_flight.peek().map(|Reverse(first)| first.release);
        let departure = self.queue.front().map(|first| first.departure);
        release.into_iter().chain(departure).min()
    }

    /// Returns true if no packets are in the queue or in flight.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// Returns the counters of the packets of this kind.
    pub fn counters(&self, kind: PacketKind) -> LinkCounters {
        match kind {
            PacketKind::Rtp => self.rtp.counters,
            PacketKind::Retransmission => self.retransmissions.counters,
            PacketKind::Parity => self.parity.counters,
            PacketKind::Rtcp => self.rtcp.counters,
        }
    }
}

/// Returns the time to transmit `bytes` at a rate.
fn transmission_time(bytes: u64, bits_per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(bits_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::settings::{JitterModel, LossModel};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A numbered packet of 100 bytes.
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

    /// Sends numbered packets every millisecond. Returns the delivered ones with their times, and the counters.
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
    fn link_without_impairments_delivers_all_packets_immediately() {
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
    fn packets_are_counted_once_and_equal_seeds_have_equal_results() {
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
        let delivered = |impairments| {
            let mut numbers: Vec<_> =
                send_numbered(impairments, 3, 1_000).0.into_iter().map(|(number, _)| number).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(delivered(lossy), delivered(slow));
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

    /// Sends 256 kB/s, more than the bottleneck transmits, for ten virtual seconds.
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
            // An IP packet has 128 bytes.
            passed += out.len() as u64 * 128 * 8;
            let rate = passed as f64 / 10.0;
            assert!((rate / bits_per_second as f64 - 1.0).abs() < 0.01, "{rate} for {bits_per_second}");
            let counters = link.counters(PacketKind::Rtp);
            assert_eq!(counters.offered, counters.delivered + counters.lost_queue + counters.in_flight);
            // The queue is full, so the delay is the time to transmit it.
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
        // An IP packet of 128 bytes takes two seconds.
        let mut link = Link::new(at_rate(512), 1);
        (0..3).for_each(|number| link.send(begin, NumberedPacket(number)));
        let half = begin + Duration::from_millis(1_000);
        link.set_impairments(half, at_rate(10_240));
        let mut out = Vec::new();
        poll_until(&mut link, begin, None, &mut out);
        assert_eq!(out, [(0, 1_050 * MS), (1, 1_150 * MS), (2, 1_250 * MS)]);
        (0..3).for_each(|number| link.send(begin + 1_300 * MS, NumberedPacket(number)));
        link.set_impairments(begin + 1_300 * MS, Impairments::default());
        out.clear();
        poll_until(&mut link, begin, None, &mut out);
        assert_eq!(out, [(0, 1_300 * MS), (1, 1_300 * MS), (2, 1_300 * MS)]);
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
