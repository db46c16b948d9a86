//! Emulated link: every packet is delivered, lost or in flight, in time and in order, whatever the settings are.

use std::time::{Duration, Instant};

use reelay::impairment::{
    Bottleneck, Distribution, Impairments, JitterModel, Link, LossModel, PacketKind, RawPacket,
};

use super::input::Input;

/// Longest delay that a command or the window sets.
const MAX_DELAY_MS: u64 = 60_000;

fn ratio(input: &mut Input<'_>) -> f64 {
    f64::from(input.u16()) / f64::from(u16::MAX)
}

fn impairments(input: &mut Input<'_>) -> Impairments {
    let flags = input.byte();
    let has = |bit: u8| flags & 1 << bit != 0;
    let mut milliseconds = |is_set: bool| match is_set {
        true => Duration::from_millis(u64::from(input.u16()) % (MAX_DELAY_MS + 1)),
        false => Duration::ZERO,
    };
    let (delay, spread) = (milliseconds(has(0)), milliseconds(has(1)));
    let distribution = match flags >> 6 {
        0 => Distribution::Uniform,
        1 => Distribution::Normal,
        _ => Distribution::Pareto,
    };
    Impairments {
        loss: LossModel {
            ratio: if has(2) { ratio(input) } else { 0.0 },
            mean_burst: has(3).then(|| 1.0 + f64::from(input.u16())),
        },
        duplication: if has(4) { ratio(input) } else { 0.0 },
        corruption: if has(4) { ratio(input) } else { 0.0 },
        bottleneck: has(5).then(|| Bottleneck {
            bits_per_second: input.u64() >> (input.byte() % 64),
            queue: u32::from(input.u16()) << (input.byte() % 16),
        }),
        delay,
        jitter: JitterModel { spread, distribution, reorders: flags & 1 == 1 && input.byte() % 2 == 1 },
    }
}

/// The link and what has passed it.
struct Passage {
    link: Link<RawPacket>,
    last: Option<Instant>,
    sent: u64,
    arrived: u64,
}

impl Passage {
    fn send(&mut self, now: Instant, kind: PacketKind, length: u16) {
        self.link.send(now, RawPacket { kind, bytes: vec![0x80; length.into()].into() });
        self.sent += 1;
    }

    /// Receives all packets that are due.
    fn receive(&mut self, now: Instant) {
        while let Some((release, _)) = self.link.poll_packet(now) {
            assert!(release <= now, "a packet arrives too early");
            self.arrived += 1;
            self.last = self.last.max(Some(release));
        }
        assert!(self.link.poll_timeout().is_none_or(|timeout| timeout > now), "the link waits for the past");
        self.check();
    }

    fn check(&self) {
        let counters = [PacketKind::Rtp, PacketKind::Rtcp].map(|kind| self.link.counters(kind));
        for counters in counters {
            assert_eq!(counters.offered, counters.delivered + counters.lost() + counters.in_flight);
            assert!(counters.corrupted <= counters.delivered && counters.duplicated <= counters.offered);
        }
        assert_eq!(counters.iter().map(|counters| counters.offered).sum::<u64>(), self.sent);
        let arrived = counters.iter().map(|counters| counters.delivered + counters.duplicated).sum::<u64>();
        assert_eq!(arrived, self.arrived);
    }
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let seed = input.u64();
    let first = impairments(&mut input);
    let _ = first.to_string();
    let mut passage = Passage { link: Link::new(first, seed), last: None, sent: 0, arrived: 0 };
    let mut now = Instant::now();
    while !input.is_empty() {
        match input.byte() % 16 {
            0 => passage.link.set_impairments(now, impairments(&mut input)),
            1 => passage.link.reseed(input.u64()),
            2 => now += Duration::from_millis(input.u16().into()),
            3 => now = passage.link.poll_timeout().unwrap_or(now).max(now),
            4 => passage.send(now, PacketKind::Rtcp, 60),
            5 => passage.send(now, PacketKind::Rtp, input.u16()),
            6..10 => now += Duration::from_micros(100),
            _ => passage.send(now, PacketKind::Rtp, 1_412),
        }
        passage.receive(now);
    }
    let mut steps = 0;
    while let Some(timeout) = passage.link.poll_timeout() {
        now = now.max(timeout);
        passage.receive(now);
        steps += 1;
        // A packet and its duplicate each pass the bottleneck and are delivered.
        assert!(steps <= 4 * passage.sent, "the link never becomes empty");
    }
    assert!(passage.link.is_empty());
    assert_eq!(passage.link.counters(PacketKind::Rtp).in_flight, 0);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let traffic: Vec<u8> = (0..120).map(|step| [10, 11, 6, 2, 0, 12, 4, 3][step % 8]).collect();
    let flags =
        [0, 0b0000_0001, 0b0100_0010, 0b1000_0011, 0b0000_1100, 0b0001_0000, 0b0010_0000, 0b1111_1111];
    flags
        .iter()
        .map(|flags| [&[1, 2, 3, 4, 5, 6, 7, 8, *flags, 0, 40, 0, 10, 20, 0, 30], &traffic[..]].concat())
        .collect()
}
