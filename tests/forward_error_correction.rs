//! Forward error correction on virtual time, over a link that loses packets and parity packets.

mod common;

use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{Impairments, JitterModel, LossModel};
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::session::{Goal, SessionEvent, StreamOptions, TransportPreference};
use reelay::stats::Snapshot;

const FORMAT: PayloadFormat = PayloadFormat::OriginalWithRestarts;

/// Number of times that the film consists of its frames.
const REPEATS: u64 = 100;

fn frames() -> Vec<Vec<u8>> {
    test_jpegs(JpegKind::Standard420, (320, 240), 30)
}

/// Returns options for an independent loss, with parity packets for packets in this arrangement, or without any.
fn lossy(ratio: f64, layout: Option<&str>) -> WorldOptions {
    let loss = LossModel { ratio, mean_burst: None };
    let fec = layout.map(|text| text.parse().unwrap());
    WorldOptions {
        stream: StreamOptions { transport: TransportPreference::Udp, fec, ..StreamOptions::default() },
        impairments: Impairments { loss, delay: 10 * MS, ..Impairments::default() },
        format: FORMAT,
        repeats: REPEATS,
        ..WorldOptions::new(frames())
    }
}

/// Plays the film. Returns the figures, whose counts are compared with those of the emulated network.
fn play(options: WorldOptions) -> Snapshot {
    let mut world = World::new(options);
    world.set_goal(Goal::Playing);
    world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
    let (snapshot, emulated) = (world.snapshot(), world.emulated());
    let Snapshot { packets_expected, packets_received, packets_lost, repaired_rtx, repaired_fec, .. } =
        snapshot;
    // Parity packets change neither what the receiver counts nor what the emulator counts.
    assert_eq!(packets_lost, emulated.lost_random + emulated.lost_queue, "{snapshot:?} {emulated:?}");
    assert_eq!((packets_expected, packets_received), (emulated.offered, emulated.delivered));
    // Each packet has one fate.
    let fates = packets_received + repaired_rtx + repaired_fec + snapshot.packets_unrepaired;
    assert_eq!(fates, packets_expected);
    println!(
        "{packets_lost} of {packets_expected} lost, {repaired_fec} recovered, {repaired_rtx} sent again, rest {:.5}; fresh area \
         {:.5}; {} parity packets of {} B in {} B; {} complete, {} damaged, {} late",
        snapshot.unrepaired_ratio.unwrap_or_default(),
        snapshot.fresh_area.unwrap_or_default(),
        snapshot.fec_packets,
        snapshot.fec_octets,
        snapshot.wire_octets,
        snapshot.frames_complete,
        snapshot.frames_damaged,
        snapshot.frames_dropped_late,
    );
    snapshot
}

/// Share of packets that are neither received nor recovered: a packet is lost with probability `loss`, and recovered
/// unless another packet of its group or the parity packet is lost, too. The groups of each frame are of about the same
/// size.
fn unrepaired(loss: f64, group: usize) -> f64 {
    let (mut sum, mut packets) = (0.0, 0);
    for jpeg in frames() {
        let count = packetize(&jpeg, FORMAT).unwrap().packets().len();
        let groups = count.div_ceil(group);
        for index in 0..groups {
            let size = count / groups + usize::from(index < count % groups);
            sum += size as f64 * loss * (1.0 - (1.0 - loss).powi(size as i32));
        }
        packets += count;
    }
    sum / packets as f64
}

#[test]
fn nothing_is_added_unless_it_is_wanted_and_over_udp_only() {
    let short = |options: WorldOptions| WorldOptions { repeats: 2, ..options };
    let plain = play(short(lossy(0.05, None)));
    assert_eq!((plain.fec_packets, plain.repaired_fec), (0, 0));
    assert_eq!(plain.packets_unrepaired, plain.packets_lost);
    let options = lossy(0.05, Some("5"));
    let stream = StreamOptions { transport: TransportPreference::Tcp, ..options.stream };
    let interleaved = play(short(WorldOptions { stream, ..options }));
    assert_eq!(interleaved.fec_packets, 0);
    let clean = play(short(lossy(0.0, Some("5"))));
    assert_eq!((clean.packets_lost, clean.repaired_fec, clean.frames_damaged), (0, 0, 0));
    assert!(clean.fec_packets > 60 && clean.fresh_area == Some(1.0));
}

#[test]
fn loss_of_5_percent_is_repaired_as_theory_predicts() {
    for (group, goal) in [(10, 0.975), (5, 0.985), (3, 0.99)] {
        let snapshot = play(lossy(0.05, Some(&group.to_string())));
        let (rest, expected) = (snapshot.unrepaired_ratio.unwrap(), unrepaired(0.05, group));
        // Packets of a group are lost for good together, about two at a time.
        let deviation = (2.0 * expected / snapshot.packets_expected as f64).sqrt();
        assert!((rest - expected).abs() < 4.0 * deviation, "1:{group}: {rest} instead of {expected}");
        let area = snapshot.fresh_area.unwrap();
        assert!(area >= goal, "1:{group}: {area}");
        assert_eq!(snapshot.frames_dropped_late, 0);
        // Groups end with their frame, so they are smaller than wanted.
        let overhead = snapshot.fec_octets as f64 / (snapshot.wire_octets - snapshot.fec_octets) as f64;
        println!("1:{group}: theory {expected:.5}, measured {rest:.5}, overhead {overhead:.3}");
        assert!(overhead > 1.0 / group as f64, "{overhead}");
    }
}

/// Rows and columns recover packets of each other, which needs frames of some size.
#[test]
fn grid_repairs_more_than_groups_that_cost_more() {
    let [groups, grid] = ["2", "6x6"].map(|layout| {
        let options = lossy(0.05, Some(layout));
        let large = WorldOptions::new(test_jpegs(JpegKind::Standard420, (640, 480), 30));
        let (impairments, stream) = (options.impairments, options.stream);
        play(WorldOptions { impairments, stream, format: FORMAT, repeats: 30, ..large })
    });
    let cost = |snapshot: &Snapshot| snapshot.fec_octets as f64 / snapshot.wire_octets as f64;
    assert!(cost(&grid) < cost(&groups), "{} {}", cost(&grid), cost(&groups));
    let rest = |snapshot: &Snapshot| snapshot.unrepaired_ratio.unwrap();
    assert!(rest(&grid) * 10.0 < rest(&groups), "{} {}", rest(&grid), rest(&groups));
}

#[test]
fn bursts_jitter_and_duplicates_leave_each_packet_one_fate() {
    for (seed, reorders) in [(1, false), (2, true), (3, true)] {
        let options = lossy(0.05, Some("3"));
        let impairments = Impairments {
            loss: LossModel { ratio: 0.05, mean_burst: Some(3.0) },
            jitter: JitterModel { spread: 8 * MS, reorders, ..JitterModel::default() },
            duplication: 0.05,
            ..options.impairments
        };
        let snapshot = play(WorldOptions { impairments, seed, playout_delay: (100 * MS).into(), ..options });
        assert!(snapshot.unrepaired_ratio.unwrap() < 0.025, "{snapshot:?}");
    }
}

#[test]
fn what_parity_does_not_recover_is_sent_again() {
    let (options, round_trip) = (lossy(0.05, Some("5")), 20 * MS);
    let with_both = |retransmission: bool| WorldOptions {
        stream: StreamOptions { retransmission, ..options.stream },
        upstream_loss: 0.05,
        upstream_delay: Some(round_trip / 2),
        playout_delay: Duration::from_millis(100).into(),
        ..lossy(0.05, Some("5"))
    };
    let (parity, both) = (play(with_both(false)), play(with_both(true)));
    assert!(parity.unrepaired_ratio.unwrap() > 0.005 && both.unrepaired_ratio.unwrap() < 0.001, "{both:?}");
    assert!(both.repaired_rtx > 0 && both.repaired_fec > both.repaired_rtx, "{both:?}");
}
