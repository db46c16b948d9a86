//! Tests of the packet counts.

use std::time::Duration;

use super::*;

fn header(sequence: u16, timestamp: u32) -> Header {
    Header { marker: false, payload_type: 26, sequence, timestamp, ssrc: 1 }
}

fn snapshot(receiver: &RtpReceiver, sender_counts: Option<SenderCounts>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    receiver.add_to(&mut snapshot, sender_counts);
    snapshot
}

fn receive(receiver: &mut RtpReceiver, sequences: &[u16]) -> Vec<Arrival> {
    let now = Instant::now();
    sequences.iter().map(|&sequence| receiver.handle_packet(now, &header(sequence, 0))).collect()
}

#[test]
fn loss_duplication_and_reordering_are_counted_across_wrap() {
    let mut receiver = RtpReceiver::default();
    receiver.expect_seq(Instant::now(), 65_533, None);
    let arrivals = receive(&mut receiver, &[65_534, 65_535, 1, 0, 0, 4, 65_532]);
    use Arrival::{Duplicate, New, OutOfRange, Reordered};
    let expected = [
        New(65_534),
        New(65_535),
        New(65_537),
        Reordered(65_536),
        Duplicate(65_536),
        New(65_540),
        OutOfRange,
    ];
    assert_eq!(arrivals, expected);
    // 65,533, 65,538 and 65,539 are missing.
    assert_eq!((receiver.expected(), receiver.received(), receiver.lost()), (8, 5, 3));
    let snapshot = snapshot(&receiver, None);
    assert_eq!(
        (snapshot.packets_duplicated, snapshot.packets_reordered, snapshot.cumulative_lost),
        (1, 1, 2)
    );
    assert_eq!(snapshot.reordered_farthest, 1);
    assert_eq!((snapshot.loss_bursts, snapshot.loss_burst_longest), (2, 2));
}

#[test]
fn another_count_after_play_without_announcement_is_proven_by_two_packets() {
    let mut receiver = RtpReceiver::default();
    receive(&mut receiver, &(40_000..40_100).collect::<Vec<_>>());
    receiver.mark_discontinuity(Instant::now());
    let arrivals = receive(&mut receiver, &[40_098, 9_002, 9_000]);
    assert_eq!(
        arrivals,
        [
            Arrival::Duplicate(40_098),
            Arrival::Held,
            Arrival::RestartProven { first: 9_000, packets_before: 0 }
        ]
    );
}

#[test]
fn loss_bursts_are_current_and_survive_restarts() {
    let mut receiver = RtpReceiver::default();
    receive(&mut receiver, &[0, 4, 5]);
    let bursts = |receiver: &RtpReceiver, sent| {
        let snapshot = snapshot(receiver, sent);
        (snapshot.loss_bursts, snapshot.loss_burst_longest, snapshot.loss_burst_mean)
    };
    assert_eq!(bursts(&receiver, None), (1, 3, Some(3.0)));
    receive(&mut receiver, &[2]);
    assert_eq!(bursts(&receiver, None), (2, 1, Some(1.0)), "a reordered packet splits the burst");
    // Beyond the burst window, across a jump that clears the window, and into a restarted count.
    receive(&mut receiver, &(6..3_000).collect::<Vec<_>>());
    receive(&mut receiver, &[3_002]);
    assert_eq!(bursts(&receiver, None), (3, 2, Some(4.0 / 3.0)));
    receiver.handle_packet(Instant::now() + Duration::from_secs(2), &header(3_002 + 32_000, 0));
    assert_eq!(bursts(&receiver, None), (4, 31_999, Some(32_003.0 / 4.0)));
    receiver.expect_seq(Instant::now(), 100, None);
    receive(&mut receiver, &[101]);
    assert_eq!(bursts(&receiver, None).0, 5);
    // The last three packets sent have not arrived.
    let packets = receiver.expected() + 3;
    let sent = SenderCounts { emulator: Some((packets, 104)), reported: None, in_flight: 0 };
    assert_eq!(bursts(&receiver, Some(sent)).0, 6);
}

#[test]
fn fraction_lost_covers_interval_since_last_report() {
    let mut receiver = RtpReceiver::default();
    receive(&mut receiver, &[0, 1, 3]);
    let block = receiver.report_block(9);
    assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (64, 1, 3));
    receive(&mut receiver, &[4, 5, 6, 7]);
    let block = receiver.report_block(9);
    assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (0, 1, 7));
    assert_eq!(receiver.report_block(9).fraction_lost, 0);
}

#[test]
fn near_announced_sequence_continues_and_far_one_restarts() {
    let mut receiver = RtpReceiver::default();
    receiver.expect_seq(Instant::now(), 100, None);
    receive(&mut receiver, &[100, 101]);
    receiver.expect_seq(Instant::now(), 103, None);
    receive(&mut receiver, &[103]);
    assert_eq!((receiver.expected(), receiver.lost()), (4, 1));
    receiver.expect_seq(Instant::now(), 40_000, None);
    receive(&mut receiver, &[40_000, 40_001]);
    assert_eq!((receiver.expected(), receiver.lost()), (6, 1));
}

#[test]
fn replay_from_same_sequence_number_is_counted_again() {
    let mut receiver = RtpReceiver::default();
    for _ in 0..2 {
        receiver.expect_seq(Instant::now(), 7, None);
        let arrivals = receive(&mut receiver, &(7..47).collect::<Vec<_>>());
        assert!(arrivals.iter().all(|arrival| matches!(arrival, Arrival::New(_))), "{arrivals:?}");
    }
    assert_eq!((receiver.expected(), receiver.received(), receiver.lost()), (80, 80, 0));
    receiver.expect_seq(Instant::now(), 45, None);
    assert_eq!(
        receive(&mut receiver, &[45]),
        [Arrival::Duplicate(45)],
        "a late announcement does not restart the count"
    );
}

/// Receives packets as a frame receiver does, which keeps the candidates of a restart.
fn receive_with_restarts(receiver: &mut RtpReceiver, sequences: impl IntoIterator<Item = u16>) {
    let (now, mut candidates) = (Instant::now(), Vec::new());
    for sequence in sequences {
        match receiver.handle_packet(now, &header(sequence, 0)) {
            Arrival::New(_) => candidates.clear(),
            Arrival::RestartProven { first, .. } => {
                let again: Vec<_> = std::mem::take(&mut candidates);
                receiver.init_seq(now, first);
                let near = again.into_iter().filter(|held| is_near(first, *held));
                receive(receiver, &near.chain([sequence]).collect::<Vec<_>>());
            }
            Arrival::Restarted { packets } => {
                let again = candidates.split_off(candidates.len() - (packets - 1));
                receiver.init_seq(now, again[0]);
                receive(receiver, &again);
                assert!(matches!(receive(receiver, &[sequence])[0], Arrival::New(_)));
            }
            _ => candidates.push(sequence),
        }
    }
}

#[test]
fn sequence_restart_is_not_loss() {
    for restart in [10, 990, 1_500, 30_000, 50_000] {
        let mut receiver = RtpReceiver::default();
        receive_with_restarts(&mut receiver, (1_000..2_000).chain(restart..restart + 100));
        let snapshot = snapshot(&receiver, None);
        assert_eq!(
            (snapshot.packets_expected, snapshot.packets_received, snapshot.packets_lost),
            (1_100, 1_100, 0),
            "{restart}"
        );
        assert_eq!((snapshot.packets_duplicated, snapshot.packets_reordered), (0, 0), "{restart}");
    }
}

/// The sequence numbers of the other source are near those of the first, and its timestamps are older.
#[test]
fn packets_of_another_source_are_not_of_the_one_before() {
    for ends_previous in [false, true] {
        let (now, mut receiver) = (Instant::now(), RtpReceiver::default());
        (100..110).for_each(|sequence| _ = receiver.handle_packet(now, &header(sequence, 9_000)));
        receiver.init_seq(now, 150);
        if ends_previous {
            receiver.end_previous_count();
        }
        let arrivals = [150, 151, 149].map(|sequence| {
            receiver.handle_packet(now, &header(sequence, if sequence == 149 { 4_000 } else { 8_000 }))
        });
        let last = if ends_previous { Arrival::Reordered(149) } else { Arrival::EarlierCount };
        assert_eq!(arrivals, [Arrival::New(150), Arrival::New(151), last]);
        assert_eq!(receiver.lost(), if ends_previous { 0 } else { 39 });
    }
}

#[test]
fn jump_that_no_outage_explains_is_a_restart() {
    let now = Instant::now();
    for (outage_ms, jump, is_loss) in [(300, 5_900, true), (300, 6_100, false), (1_000, 19_900, true)] {
        let mut receiver = RtpReceiver::default();
        receiver.handle_packet(now, &header(100, 0));
        let later = now + Duration::from_millis(outage_ms);
        let arrival = receiver.handle_packet(later, &header(100 + jump, 90 * outage_ms as u32));
        assert_eq!(arrival != Arrival::Held, is_loss, "{outage_ms} ms, {jump}: {arrival:?}");
    }
}

/// Returns the doubt about the loss after these packets, of which each arrives 50 ms after the one before.
fn doubt_after(announced: Option<u16>, packets: &[(u16, u32)]) -> Option<LossDoubt> {
    let (mut now, mut receiver) = (Instant::now(), RtpReceiver::default());
    if let Some(announced) = announced {
        receiver.expect_seq(now, announced, None);
    }
    for (sequence, timestamp) in packets {
        now += Duration::from_millis(50);
        receiver.handle_packet(now, &header(*sequence, *timestamp));
    }
    snapshot(&receiver, None).loss_doubt
}

/// A frame of five packets does not lose a hundred: the sender may have jumped. Between frames, an outage explains it.
#[test]
fn large_gap_within_a_frame_is_doubted() {
    let frames: Vec<_> = (0..20).map(|number| (number, u32::from(number) / 5 * 4_500)).collect();
    let with_gap = |timestamp| [&frames[..], &[(120, timestamp)]].concat();
    assert_eq!(doubt_after(None, &with_gap(3 * 4_500)), Some(LossDoubt::LargeGap));
    assert_eq!(doubt_after(None, &with_gap(4 * 4_500)), None);
    // No frame is known yet.
    let limit = PacketRate::MIN_MAX_LOSS as u16;
    assert_eq!(doubt_after(None, &[(100, 0), (101 + limit, 0)]), None);
    assert_eq!(doubt_after(None, &[(100, 0), (102 + limit, 0)]), Some(LossDoubt::LargeGap));
    assert_eq!(doubt_after(Some(100), &[(102 + limit, 0)]), None, "nothing was received before");
}

#[test]
fn long_reordered_run_is_not_a_restart() {
    let mut receiver = RtpReceiver::default();
    receive_with_restarts(&mut receiver, (0..100).chain(400..500).chain(100..400));
    let snapshot = snapshot(&receiver, None);
    assert_eq!((snapshot.packets_received, snapshot.packets_lost, snapshot.packets_reordered), (500, 0, 300));
}

#[test]
fn stray_packet_is_not_counted() {
    let mut receiver = RtpReceiver::default();
    receive_with_restarts(&mut receiver, (1_000..1_300).chain([20_000]).chain(1_300..1_600).chain([50_000]));
    assert_eq!((receiver.expected(), receiver.received()), (600, 600));
}

#[test]
fn wrong_announced_sequence_is_not_loss() {
    for announced in [31_000, 60_000] {
        let mut receiver = RtpReceiver::default();
        receiver.expect_seq(Instant::now(), announced, None);
        receive_with_restarts(&mut receiver, 1_000..1_668);
        assert_eq!((receiver.expected(), receiver.received()), (668, 668), "{announced}");
    }
}

#[test]
fn sender_count_reveals_loss_at_end() {
    let mut receiver = RtpReceiver::default();
    receiver.expect_seq(Instant::now(), 1_000, None);
    receive(&mut receiver, &(1_000..1_665).collect::<Vec<_>>());
    let sender_counts = |reported| SenderCounts { emulator: Some((665, 1_664)), reported, in_flight: 0 };
    assert_eq!(receiver.expected_with(Some(sender_counts(Some(668)))), 668);
    assert_eq!(receiver.expected_with(Some(sender_counts(None))), 665);
    assert_eq!(
        receiver.expected_with(Some(sender_counts(Some(9_000)))),
        665,
        "the sender counted packets before this session"
    );
    // The count of the emulated network reveals losses at the end without the report.
    let sender_counts = SenderCounts { emulator: Some((667, 1_666)), reported: Some(9_000), in_flight: 0 };
    assert_eq!(receiver.expected_with(Some(sender_counts)), 667);
}
