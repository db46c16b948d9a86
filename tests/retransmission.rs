//! Retransmission on virtual time, over a link that loses packets, requests for them and retransmissions.

mod common;

use std::time::Duration;

use common::jpegs::{JpegKind, coarse_jpeg};
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{Impairments, JitterModel, LossModel};
use reelay::session::{Goal, PlayoutDelay, SessionEvent, StreamOptions, TransportPreference};
use reelay::stats::Snapshot;

/// Frames of the film; 20 are sent per second.
const FRAMES: usize = 4_000;

/// Returns options for a film of about seven packets a frame.
fn film() -> WorldOptions {
    let jpegs = (0..10).map(|number| coarse_jpeg(JpegKind::Standard420, (640, 360), number)).collect();
    WorldOptions { repeats: FRAMES as u64 / 10, ..WorldOptions::new(jpegs) }
}

/// Returns options for an independent loss in both directions, this round-trip time and playout delay.
fn lossy(ratio: f64, round_trip: Duration, playout_delay: Duration) -> WorldOptions {
    let loss = LossModel { ratio, mean_burst: None };
    WorldOptions {
        stream: StreamOptions {
            transport: TransportPreference::Udp,
            retransmission: true,
            ..StreamOptions::default()
        },
        impairments: Impairments { loss, delay: round_trip / 2, ..Impairments::default() },
        upstream_loss: ratio,
        upstream_delay: Some(round_trip / 2),
        playout_delay: playout_delay.into(),
        ..film()
    }
}

/// Plays the film. Returns the figures, whose counts are compared with those of the emulated network.
fn play(options: WorldOptions) -> Snapshot {
    let mut world = World::new(options);
    world.set_goal(Goal::Playing);
    world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
    let (snapshot, emulated) = (world.snapshot(), world.emulated());
    let Snapshot { packets_expected, packets_received, packets_lost, .. } = snapshot;
    // Retransmissions change neither what the receiver counts nor what the emulator counts.
    assert_eq!(packets_lost, emulated.lost_random + emulated.lost_queue, "{snapshot:?} {emulated:?}");
    assert_eq!(packets_expected, emulated.offered);
    assert_eq!(packets_received, emulated.delivered);
    // Each packet has one fate.
    assert_eq!(packets_received + snapshot.repaired_rtx + snapshot.packets_unrepaired, packets_expected);
    println!(
        "{} of {packets_expected} lost, {} repaired, rest {:.5} %; {} requests of {} B, {} retransmissions of {} B in {} B; \
         {} of {} frames complete",
        packets_lost,
        snapshot.repaired_rtx,
        100.0 * snapshot.unrepaired_ratio.unwrap_or_default(),
        snapshot.rtx_requests,
        snapshot.rtx_request_octets,
        snapshot.rtx_packets,
        snapshot.rtx_octets,
        snapshot.wire_octets,
        snapshot.frames_complete,
        snapshot.frames_complete + snapshot.frames_incomplete,
    );
    snapshot
}

/// Share of packets that are lost for good after this number of rounds: the first copy is lost with probability `loss`,
/// and a round fails if the request or the retransmission is lost.
fn unrepaired(loss: f64, rounds: i32) -> f64 {
    loss * (1.0 - (1.0 - loss).powi(2)).powi(rounds)
}

#[test]
fn nothing_is_requested_unless_it_is_wanted_and_over_udp_only() {
    let loss = || lossy(0.05, 20 * MS, 100 * MS);
    let plain = play(WorldOptions { stream: StreamOptions::default(), ..loss() });
    assert_eq!((plain.rtx_requests, plain.rtx_packets, plain.repaired_rtx), (0, 0, 0));
    assert_eq!(plain.packets_unrepaired, plain.packets_lost);
    let stream = StreamOptions { transport: TransportPreference::Tcp, ..loss().stream };
    let interleaved = play(WorldOptions { stream, ..loss() });
    assert_eq!((interleaved.rtx_requests, interleaved.rtx_packets), (0, 0));
    let clean = play(lossy(0.0, 20 * MS, 100 * MS));
    assert_eq!((clean.packets_lost, clean.rtx_requests, clean.rtx_packets), (0, 0, 0));
}

#[test]
fn loss_of_5_percent_is_repaired_as_theory_predicts() {
    // Round trip, playout delay, and the rounds for which there is time at least.
    for (round_trip, delay, rounds) in [(MS, 100 * MS, 3), (20 * MS, 100 * MS, 2), (100 * MS, 250 * MS, 2)] {
        let snapshot = play(lossy(0.05, round_trip, delay));
        let expected = unrepaired(0.05, rounds);
        let deviation = (expected / snapshot.packets_expected as f64).sqrt();
        let rest = snapshot.unrepaired_ratio.unwrap();
        assert!(rest <= expected + 4.0 * deviation, "{round_trip:?}: {rest} instead of {expected}");
        assert!(rest <= 0.001, "{round_trip:?}: {rest}");
        // Little more than one retransmission for each packet that is lost, in both directions.
        let retransmissions = snapshot.rtx_packets as f64 / snapshot.packets_lost as f64;
        assert!((0.9..1.1).contains(&retransmissions), "{retransmissions}");
        assert!(snapshot.rtx_request_octets * 20 < snapshot.wire_octets, "more than the RTCP bandwidth");
    }
}

#[test]
fn one_round_repairs_what_has_time_for_one_round_only() {
    // The second request would be sent after 2 ms and 125 ms, for a deadline of 150 ms.
    let snapshot = play(lossy(0.05, 100 * MS, 150 * MS));
    let (rest, expected) = (snapshot.unrepaired_ratio.unwrap(), unrepaired(0.05, 1));
    let deviation = (expected / snapshot.packets_expected as f64).sqrt();
    assert!((rest - expected).abs() < 5.0 * deviation, "{rest} instead of {expected}");
}

#[test]
fn bursts_jitter_and_duplicates_leave_each_packet_one_fate() {
    for (seed, reorders) in [(1, false), (2, true), (3, true)] {
        // A burst is noticed at its end, and may be of several frames.
        let options = lossy(0.05, 20 * MS, 400 * MS);
        let impairments = Impairments {
            loss: LossModel { ratio: 0.05, mean_burst: Some(10.0) },
            jitter: JitterModel { spread: 8 * MS, reorders, ..JitterModel::default() },
            duplication: 0.05,
            ..options.impairments
        };
        let snapshot = play(WorldOptions { impairments, seed, ..options });
        assert!(snapshot.unrepaired_ratio.unwrap() < 0.005, "{snapshot:?}");
        assert!(snapshot.packets_late == 0, "{snapshot:?}");
    }
}

/// Half of the requests are lost. A frame that lacks a packet when it is due is shown without it, also if the loss of
/// its last packet is noticed at the next frame, which is not late for that.
#[test]
fn frame_that_is_not_repaired_delays_no_other() {
    let snapshot = play(WorldOptions { upstream_loss: 0.5, ..lossy(0.05, 100 * MS, 250 * MS) });
    assert!(snapshot.unrepaired_ratio.unwrap() > 0.01, "{snapshot:?}");
    assert!(snapshot.frames_damaged > 300 && snapshot.frames_dropped_late == 0, "{snapshot:?}");
    assert_eq!(snapshot.frames_shown, snapshot.frames_complete + snapshot.frames_damaged, "{snapshot:?}");
}

/// An adaptive playout delay has room for the retransmissions, however calm the network is.
#[test]
fn adaptive_delay_has_room_for_two_rounds() {
    for (round_trip, floor) in [(20, 110.0), (100, 310.0)] {
        let options = lossy(0.05, round_trip * MS, 50 * MS);
        let snapshot = play(WorldOptions { playout_delay: PlayoutDelay::Auto, ..options });
        let held = snapshot.held_delay_ms.unwrap();
        assert!((floor - 1.0..floor + 120.0).contains(&held), "{held}");
        assert!(snapshot.unrepaired_ratio.unwrap() < 0.001, "{snapshot:?}");
    }
}

#[test]
fn repaired_frames_are_shown() {
    let snapshot = play(lossy(0.05, 20 * MS, 150 * MS));
    let plain = play(WorldOptions {
        stream: StreamOptions { transport: TransportPreference::Udp, ..StreamOptions::default() },
        ..lossy(0.05, 20 * MS, 150 * MS)
    });
    assert!(plain.frames_complete < FRAMES as u64 * 75 / 100, "{}", plain.frames_complete);
    assert!(snapshot.frames_shown > FRAMES as u64 * 98 / 100, "{}", snapshot.frames_shown);
}
