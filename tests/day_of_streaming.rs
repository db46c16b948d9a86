//! Hours of streaming over a network with every impairment, on virtual time: a real server session and a real client.
//! Everything that must hold at any time is checked every ten seconds.
//!
//! `REELAY_STREAMING_MINUTES` sets the length in virtual minutes. The RTP timestamp wraps in the first second, and
//! again every 13.25 hours; the sequence number wraps after 536 packets.

mod common;

use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{Bottleneck, Distribution, EmulatorSettings, Impairments, JitterModel, LossModel};
use reelay::session::{EmulatorPlacement, Goal, RtspState, SessionEvent, StreamOptions, TransportPreference};
use reelay::stats::Snapshot;

const SECOND: Duration = Duration::from_secs(1);

const FRAME_RATE: u64 = 20;

/// Unless the environment states another length.
const DEFAULT_MINUTES: u64 = 20;

/// Impairments that follow one another, each for an equal time.
fn impairments() -> [Impairments; 9] {
    let none = Impairments::default();
    let loss = |ratio, mean_burst| LossModel { ratio, mean_burst };
    let jitter = |spread, distribution, reorders| JitterModel { spread: spread * MS, distribution, reorders };
    // The film needs about 550 kbit/s.
    let bottleneck = Some(Bottleneck { bits_per_second: 400_000, queue: 20_000 });
    [
        none,
        Impairments { loss: loss(0.05, None), ..none },
        Impairments { loss: loss(0.2, Some(8.0)), ..none },
        Impairments { duplication: 0.2, ..none },
        Impairments { delay: 60 * MS, jitter: jitter(20, Distribution::Uniform, true), ..none },
        Impairments { delay: 30 * MS, jitter: jitter(10, Distribution::Pareto, false), ..none },
        Impairments { corruption: 0.1, ..none },
        Impairments { bottleneck, ..none },
        Impairments {
            loss: loss(0.03, Some(2.0)),
            duplication: 0.05,
            corruption: 0.05,
            bottleneck,
            delay: 80 * MS,
            jitter: jitter(10, Distribution::Normal, true),
        },
    ]
}

/// A client that plays a very long film, and what it has shown so far.
struct Streaming {
    world: World,
    before: Snapshot,
    /// Position of the last frame shown, in milliseconds.
    last_position: Option<u64>,
    /// Extended timestamps of the first and of the last frame received.
    timestamps: Option<(i64, i64)>,
    frames: u64,
}

impl Streaming {
    fn start(transport: TransportPreference, placement: EmulatorPlacement, minutes: u64) -> Self {
        let small = test_jpegs(JpegKind::Classroom444, (96, 64), 10);
        let large = test_jpegs(JpegKind::Classroom444, (160, 120), 10);
        let frames: Vec<_> = small.into_iter().zip(large).flat_map(|(small, large)| [small, large]).collect();
        let repeats = (minutes + 60) * 60 * FRAME_RATE / frames.len() as u64;
        let mut world = World::new(WorldOptions {
            repeats,
            stream: StreamOptions { transport, ..StreamOptions::default() },
            placement,
            // On from the first packet, so that the emulator's truth covers all.
            impairments: Impairments { delay: MS, ..Impairments::default() },
            ..WorldOptions::new(frames)
        });
        world.set_goal(Goal::Playing);
        world.run_for(SECOND);
        let before = world.snapshot();
        Self { world, before, last_position: None, timestamps: None, frames: 0 }
    }

    fn set_impairments(&self, impairments: Impairments) {
        self.world.emulator.configure(EmulatorSettings { is_on: true, seed: 1, impairments });
    }

    /// Plays for ten seconds, and checks what must always hold.
    fn step(&mut self) {
        self.world.run_for(10 * SECOND);
        let now = self.world.snapshot();
        let case = format!("after {:?}: {now:?}", self.world.elapsed());
        assert_eq!(
            self.world.state(),
            RtspState::Playing,
            "{:?} {:?} {case}",
            self.world.events,
            self.world.responses
        );
        self.check_monotone(&now, &case);
        check_plausible(&now, &case);
        self.check_frames(&case);
        self.check_bounds(&case);
        self.before = now;
    }

    fn check_monotone(&self, now: &Snapshot, case: &str) {
        let counters = |snapshot: &Snapshot| {
            [
                snapshot.packets_expected,
                snapshot.packets_received,
                snapshot.packets_duplicated,
                snapshot.packets_reordered,
                snapshot.packets_late,
                snapshot.loss_burst_longest,
                snapshot.payload_octets,
                snapshot.wire_octets,
                snapshot.frames_complete,
                snapshot.frames_incomplete,
                snapshot.frames_dropped_late,
                snapshot.frames_shown,
                snapshot.stalls,
                snapshot.playing_s as u64,
            ]
        };
        for (before, now) in counters(&self.before).into_iter().zip(counters(now)) {
            assert!(now >= before, "a counter went back from {before} to {now}: {case}");
        }
        assert!(now.packets_received > self.before.packets_received, "{case}");
    }

    /// Checks the frames of the last ten seconds, and drops them.
    fn check_frames(&mut self, case: &str) {
        for frame in std::mem::take(&mut self.world.received) {
            let (first, last) = self.timestamps.get_or_insert((frame.timestamp, frame.timestamp));
            assert!(frame.timestamp >= *last, "timestamp {} after {last}: {case}", frame.timestamp);
            *last = frame.timestamp;
            // The timestamps of the frames count time, over all wraps.
            let seconds = (*last - *first) as f64 / 90_000.0;
            assert!(seconds <= self.world.elapsed().as_secs_f64(), "{case}");
            self.frames += 1;
        }
        for shown in std::mem::take(&mut self.world.shown) {
            let position = shown.position_ms.expect("a position");
            assert!(self.last_position.is_none_or(|last| position > last), "{position} again: {case}");
            self.last_position = Some(position);
        }
        for (_, event) in std::mem::take(&mut self.world.events) {
            assert!(
                !matches!(
                    event,
                    SessionEvent::Failed(_)
                        | SessionEvent::Closed
                        | SessionEvent::Ended
                        | SessionEvent::Reconnecting(_)
                        | SessionEvent::PeerMistake(_)
                ),
                "{event:?}: {case}"
            );
        }
        self.world.requests.clear();
        self.world.responses.clear();
    }

    /// Checks that nothing piles up.
    fn check_bounds(&mut self, case: &str) {
        let counters = self.world.emulator.session_counters(78).expect("the SSRC of the server");
        assert!(counters.link.in_flight < 256, "{} packets in flight: {case}", counters.link.in_flight);
        assert!(self.world.packet_rows().len() <= 32, "{case}");
        assert!(self.world.queued() < 64, "{} messages in flight: {case}", self.world.queued());
    }

    /// Pauses until all packets have arrived, and compares the figures with the emulator's truth.
    fn check_truth(&mut self) {
        self.world.set_goal(Goal::Ready);
        self.world.run_for(5 * SECOND);
        let (measured, truth) = (self.world.snapshot(), self.world.emulated());
        let case = format!("after {:?}: {truth:?} {measured:?}", self.world.elapsed());
        assert_eq!(self.world.state(), RtspState::Ready, "{case}");
        assert_eq!(truth.offered, truth.delivered + truth.lost_random + truth.lost_queue, "{case}");
        assert_eq!(measured.packets_expected, truth.offered, "{case}");
        assert_eq!(measured.packets_received, truth.delivered, "{case}");
        assert_eq!(measured.packets_lost, truth.lost_random + truth.lost_queue, "{case}");
        assert_eq!(measured.packets_duplicated, truth.duplicated, "{case}");
        assert_eq!(
            (measured.loss_doubt, measured.sequence_restarts, measured.packets_foreign),
            (None, 0, 0),
            "{case}"
        );
        self.world.set_goal(Goal::Playing);
        self.world.run_for(SECOND);
    }
}

fn check_plausible(now: &Snapshot, case: &str) {
    assert_eq!(now.packets_expected, now.packets_received + now.packets_lost, "{case}");
    assert_eq!((now.sequence_restarts, now.packets_foreign, now.loss_doubt), (0, 0, None), "{case}");
    let times = [
        now.jitter_ms,
        now.jitter_mean_ms,
        now.jitter_max_ms,
        now.frame_jitter_ms,
        now.frame_jitter_max_ms,
        now.playout_delay_ms,
        now.buffered_ms,
    ];
    for time in times.into_iter().flatten() {
        assert!((0.0..2_000.0).contains(&time), "{time} ms: {case}");
    }
    check_rtcp_figures(now, case);
    assert!(now.loss_ratio.is_some_and(|ratio| (0.0..0.5).contains(&ratio)), "{case}");
    assert!((0.0..5e6).contains(&now.wire_bits_per_second), "{case}");
    assert!((0.0..60.0).contains(&now.frames_per_second_shown), "{case}");
    let rate = now.frames_per_second_sent.expect("a frame rate");
    assert!((rate - FRAME_RATE as f64).abs() < 0.01, "{rate}: {case}");
    // RFC 3550 §6.4.1: 24 bits on the wire, and duplicates count as received.
    assert!(now.cumulative_lost <= now.packets_lost as i64, "{case}");
}

/// Checks the figures that follow from RTCP. A bit that was inverted in a report makes them wrong, but not absurd.
fn check_rtcp_figures(now: &Snapshot, case: &str) {
    let is_exact = now.emulated.is_none_or(|truth| truth.corrupted == 0);
    let times = [
        now.network_delay_ms,
        now.network_delay_mean_ms,
        now.network_delay_max_ms,
        now.end_to_end_ms,
        now.round_trip_ms,
    ];
    for time in times.into_iter().flatten() {
        assert!(time >= 0.0 && time.is_finite() && (time < 2_000.0 || !is_exact), "{time} ms: {case}");
    }
    assert!(now.round_trip_ms.is_some_and(|round_trip| round_trip >= 0.9 || !is_exact), "{case}");
}

/// Memory of this process in bytes; `None` where `/proc` does not tell.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}

fn stream(transport: TransportPreference, placement: EmulatorPlacement, minutes: u64) {
    let mut streaming = Streaming::start(transport, placement, minutes);
    let kinds = impairments();
    // A day has 144 periods of ten minutes, 20 minutes have 18.
    let periods = kinds.len() as u64 * (minutes / 90).clamp(2, 16);
    let steps = (minutes * 6 / periods).max(1);
    let mut memory_before = None;
    for period in 0..periods {
        streaming.set_impairments(kinds[period as usize % kinds.len()]);
        (0..steps).for_each(|_| streaming.step());
        streaming.check_truth();
        if period == kinds.len() as u64 {
            memory_before = memory();
        }
    }
    streaming.set_impairments(Impairments { delay: MS, ..Impairments::default() });
    streaming.step();
    let snapshot = streaming.before;
    if minutes >= 600
        && let (Some(before), Some(after)) = (memory_before, memory())
    {
        assert!(after < before + 16_000_000, "memory grew from {before} to {after} bytes");
    }
    let (first, last) = streaming.timestamps.expect("a frame");
    let timestamp_wraps = (last >> 32) - ((first - 1) >> 32);
    println!(
        "{transport:?} {placement:?}: {:?} of virtual time, {} frames, {} packets expected, {} lost, {} duplicated, {} \
         reordered, {} late, {} wraps of the sequence number, {timestamp_wraps} of the timestamp, memory {memory_before:?} \
         and {:?}",
        streaming.world.elapsed(),
        streaming.frames,
        snapshot.packets_expected,
        snapshot.packets_lost,
        snapshot.packets_duplicated,
        snapshot.packets_reordered,
        snapshot.packets_late,
        (snapshot.packets_expected + 65_000) >> 16,
        memory(),
    );
    assert!(
        snapshot.packets_expected > 1_000 && snapshot.packets_lost > 100 && snapshot.packets_reordered > 100
    );
    assert!((snapshot.packets_expected + 65_000) >> 16 >= 1 && timestamp_wraps >= 1, "{first} {last}");
}

fn minutes() -> u64 {
    std::env::var("REELAY_STREAMING_MINUTES")
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(DEFAULT_MINUTES)
}

#[test]
fn all_invariants_hold_over_udp() {
    stream(TransportPreference::Udp, EmulatorPlacement::AtServer, minutes());
}

#[test]
fn all_invariants_hold_over_tcp_with_the_network_at_the_client() {
    stream(TransportPreference::Tcp, EmulatorPlacement::AtClient, minutes());
}
