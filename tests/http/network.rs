//! The emulated network in front of a stream over HTTP, and the times in X-Timestamp.

use reelay::impairment::{Bottleneck, Impairments, LossModel};
use reelay::session::Goal;
use std::time::Duration;

use super::player::{MS, MULTIPART, Player, START_S, jpeg, part, timed_part};

/// Plays `frames` frames of 5,000 bytes at 20 per second through an emulated network.
fn play(impairments: Impairments, frames: u32) -> Player {
    let mut player = Player::with_network("http://camera/video", true, impairments);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(MULTIPART);
    for number in 0..frames {
        player.receive(part(&jpeg(&[number as u8; 5_000])));
        player.run_for(50 * MS);
    }
    player
}

#[test]
fn delay_applies_to_each_frame() {
    let mut player = play(Impairments { delay: 300 * MS, ..Impairments::default() }, 40);
    assert_eq!(player.received, 35, "five frames are on their way");
    player.run_for(400 * MS);
    assert_eq!((player.received, player.snapshot().frames_incomplete), (40, 0));
    let first = player.shown[0].0;
    assert_eq!(first, 350 * MS, "300 ms in the network and 50 ms in the jitter buffer");
}

#[test]
fn rate_limits_the_stream() {
    // 5 kB at 1 Mbit/s take 40 ms and the headers of their packets 1 ms, which is less than the frame interval.
    let bottleneck = Some(Bottleneck { bits_per_second: 1_000_000, queue: 100_000 });
    let mut player = play(Impairments { bottleneck, ..Impairments::default() }, 200);
    assert_eq!((player.received, player.snapshot().frames_incomplete), (200, 0));
    let first = player.shown[0].0;
    assert!((90 * MS..=93 * MS).contains(&first), "{first:?}");
    // At 400 kbit/s the queue overflows.
    let bottleneck = Some(Bottleneck { bits_per_second: 400_000, queue: 8_000 });
    let mut player = play(Impairments { bottleneck, ..Impairments::default() }, 200);
    let snapshot = player.snapshot();
    assert!(snapshot.frames_complete < 100 && snapshot.frames_incomplete > 50, "{snapshot:?}");
    assert!(snapshot.emulated.unwrap().lost_queue > 0);
}

#[test]
fn loss_makes_frames_incomplete() {
    let loss = LossModel { ratio: 0.05, mean_burst: None };
    let mut player = play(Impairments { loss, ..Impairments::default() }, 400);
    let snapshot = player.snapshot();
    assert!(snapshot.frames_incomplete > 20 && snapshot.frames_complete > 250, "{snapshot:?}");
    assert_eq!(player.received as u64, snapshot.frames_complete);
    assert!(snapshot.emulated.unwrap().lost_random > 20);
    assert_eq!(player.errors(), [""; 0]);
}

#[test]
fn x_timestamp_gives_the_delay() {
    let mut player = Player::playing();
    for number in 0..40u32 {
        // Captured 80 ms before it arrives.
        player.run_for(50 * MS);
        let micros = u128::from(START_S) * 1_000_000 + player.elapsed().as_micros() - 80_000;
        let time = format!("X-Timestamp: {}.{:06}\r\n", micros / 1_000_000, micros % 1_000_000);
        player.receive(timed_part(&jpeg(&[number as u8]), &time));
    }
    player.run_for(100 * MS);
    let snapshot = player.snapshot();
    let delay = snapshot.network_delay_mean_ms.unwrap();
    assert!((delay - 80.0).abs() < 0.5, "{delay}");
    let end_to_end = snapshot.end_to_end_mean_ms.unwrap();
    assert!((end_to_end - 130.0).abs() < 1.0, "{end_to_end}");
    assert!(
        snapshot.is_one_clock
            && snapshot.frames_per_second_sent.is_some_and(|rate| (rate - 20.0).abs() < 0.1)
    );
}

#[test]
fn delay_is_unknown_without_x_timestamp_or_with_another_origin() {
    for header in ["", "X-Timestamp: 12345.5\r\n"] {
        let mut player = Player::playing();
        player.receive(timed_part(&jpeg(b"a"), header));
        player.run_for(Duration::from_millis(100));
        let snapshot = player.snapshot();
        assert_eq!((snapshot.network_delay_mean_ms, snapshot.end_to_end_mean_ms), (None, None), "{header}");
    }
}
